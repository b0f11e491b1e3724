"""Lowering rules of x86-64.

Laws of this file:

1. A rule is a fact: its left side computes what its right side computes, for all types it names.
2. Rules of one opcode stand together, special before general; first match wins.
3. An action is one instruction (or the few that only make sense together). Its operands are values:
   actions fold constants and single-use loads into them where the instruction can take them.
4. What needs control flow, fixed protocols or several results is in `opcodes.py`.

Actions and guards are the methods of `actions.py`.
"""

from __future__ import annotations

from grus.backend.x64.actions import (
    ACTIONS,
    ADD,
    ADD_S,
    AND,
    ANDPS,
    CEIL,
    DIV_S,
    FLOOR,
    GUARDS,
    MUL_S,
    NEAREST,
    OR,
    ORPS,
    ROL,
    ROR,
    SAR,
    SHL,
    SHR,
    SUB,
    SUB_S,
    TRUNC,
    XOR,
    XORPS,
)
from grus.opt.lang.ir import (
    band,
    bnot,
    bor,
    bswap,
    bxor,
    ceil,
    clz,
    ctz,
    fabs,
    fadd,
    fdemote,
    fdiv,
    floor,
    fma,
    fmul,
    fneg,
    fpromote,
    fsub,
    iabs,
    iadd,
    iconst,
    imul,
    ineg,
    ishl,
    isub,
    nearest,
    popcnt,
    rotl,
    rotr,
    sextend,
    smax,
    smin,
    sqrt,
    sshr,
    trunc,
    uextend,
    umax,
    umin,
    ushr,
)
from grus.opt.lang.terms import (
    F32,
    F64,
    I64,
    I128,
    Any,
    Imm,
    Narrow,
    RuleSet,
    Scalar,
    Small,
    Term,
    Wide,
    do,
    when,
)

Parts = tuple[Term, ...]
RULES = RuleSet("x64", ACTIONS, GUARDS, "grus.backend.x64.actions.RuleLowering")
rule = RULES.rule

# ---- addition ----


@rule
def lea_constant(x: Narrow, C: Imm) -> Parts:
    "x lives on: add into another register."
    return iadd(x, iconst(C)), do.lea_disp(x, C), when.fits_i32(C), when.shared(x)


@rule
def lea_scaled_constant(x: Wide, y: Any, S: Imm, C: Imm) -> Parts:
    return (
        iadd(iadd(x, ishl(y, iconst(S))), iconst(C)),
        do.lea_scaled(x, y, S, C),
        when.scale(S),
        when.fits_i32(C),
    )


@rule
def lea_sum_constant(x: Wide, y: Any, C: Imm) -> Parts:
    return iadd(iadd(x, y), iconst(C)), do.lea_scaled(x, y, 0, C), when.fits_i32(C)


@rule
def lea_scaled(x: Wide, y: Any, S: Imm) -> Parts:
    return iadd(x, ishl(y, iconst(S))), do.lea_scaled(x, y, S, 0), when.scale(S)


@rule
def add_negated(x: Narrow, y: Any) -> Parts:
    return iadd(x, ineg(y)), do.alu(SUB, x, y)


@rule
def add(x: Narrow, y: Any) -> Parts:
    return iadd(x, y), do.alu_commuted(ADD, x, y)


@rule
def add_128(x: I128, y: Any) -> Parts:
    return iadd(x, y), do.add_pair(x, y)


# ---- subtraction ----


@rule
def sub_from_zero(x: Narrow) -> Parts:
    return isub(iconst(0), x), do.neg(x)


@rule
def sub_constant_lea(x: Narrow, C: Imm) -> Parts:
    return isub(x, iconst(C)), do.lea_minus(x, C), when.fits_minus_i32(C), when.shared(x)


@rule
def sub(x: Narrow, y: Any) -> Parts:
    return isub(x, y), do.alu(SUB, x, y)


@rule
def sub_128(x: I128, y: Any) -> Parts:
    return isub(x, y), do.sub_pair(x, y)


@rule
def negate(x: Narrow) -> Parts:
    return ineg(x), do.neg(x)


# ---- bits ----


@rule
def and_not(x: Wide, y: Any) -> Parts:
    return band(x, bnot(y)), do.andn(y, x), when.has_bmi1()


@rule
def clear_lowest_bit(x: Wide) -> Parts:
    return band(x, iadd(x, iconst(-1))), do.bls(1, x), when.has_bmi1()


@rule
def lowest_bit(x: Wide) -> Parts:
    return band(x, ineg(x)), do.bls(3, x), when.has_bmi1()


@rule
def mask_to_lowest_bit(x: Wide) -> Parts:
    return bxor(x, iadd(x, iconst(-1))), do.bls(2, x), when.has_bmi1()


@rule
def low_byte(x: Wide) -> Parts:
    return band(x, iconst(0xFF)), do.zero_extended(0, x)


@rule
def low_two_bytes(x: Wide) -> Parts:
    return band(x, iconst(0xFFFF)), do.zero_extended(1, x)


@rule
def low_half(x: I64) -> Parts:
    return band(x, iconst(0xFFFFFFFF)), do.zero_extended(2, x)


@rule
def and_(x: Narrow, y: Any) -> Parts:
    return band(x, y), do.alu_commuted(AND, x, y)


@rule
def or_(x: Narrow, y: Any) -> Parts:
    return bor(x, y), do.alu_commuted(OR, x, y)


@rule
def xor(x: Narrow, y: Any) -> Parts:
    return bxor(x, y), do.alu_commuted(XOR, x, y)


@rule
def and_128(x: I128, y: Any) -> Parts:
    return band(x, y), do.logic_pair(AND, x, y)


@rule
def or_128(x: I128, y: Any) -> Parts:
    return bor(x, y), do.logic_pair(OR, x, y)


@rule
def xor_128(x: I128, y: Any) -> Parts:
    return bxor(x, y), do.logic_pair(XOR, x, y)


@rule
def and_float(x: Any, y: Any) -> Parts:
    return band(x, y), do.float_logic(ANDPS, x, y)


@rule
def or_float(x: Any, y: Any) -> Parts:
    return bor(x, y), do.float_logic(ORPS, x, y)


@rule
def xor_float(x: Any, y: Any) -> Parts:
    return bxor(x, y), do.float_logic(XORPS, x, y)


@rule
def not_(x: Narrow) -> Parts:
    return bnot(x), do.not_(x)


# ---- multiplication ----


@rule
def times_three(x: Narrow) -> Parts:
    return imul(x, iconst(3)), do.lea_scaled(x, x, 1, 0)


@rule
def times_five(x: Narrow) -> Parts:
    return imul(x, iconst(5)), do.lea_scaled(x, x, 2, 0)


@rule
def times_nine(x: Narrow) -> Parts:
    return imul(x, iconst(9)), do.lea_scaled(x, x, 3, 0)


@rule
def multiply_constant(x: Narrow, C: Imm) -> Parts:
    return imul(x, iconst(C)), do.imul_constant(x, C), when.fits_i32(C)


@rule
def multiply(x: Narrow, y: Any) -> Parts:
    return imul(x, y), do.imul(x, y)


# ---- shifts ----


@rule
def shift_left_one(x: Narrow) -> Parts:
    return ishl(x, iconst(1)), do.double(x)


@rule
def shift_left_constant(x: Narrow, C: Imm) -> Parts:
    return ishl(x, iconst(C)), do.shift_constant(SHL, x, C)


@rule
def shift_right_constant(x: Narrow, C: Imm) -> Parts:
    return ushr(x, iconst(C)), do.shift_constant(SHR, x, C)


@rule
def shift_signed_constant(x: Narrow, C: Imm) -> Parts:
    return sshr(x, iconst(C)), do.shift_constant(SAR, x, C)


@rule
def shift_left_any_register(x: Wide, y: Any) -> Parts:
    return ishl(x, y), do.shift_any(SHL, x, y), when.has_bmi2()


@rule
def shift_right_any_register(x: Wide, y: Any) -> Parts:
    return ushr(x, y), do.shift_any(SHR, x, y), when.has_bmi2()


@rule
def shift_signed_any_register(x: Wide, y: Any) -> Parts:
    return sshr(x, y), do.shift_any(SAR, x, y), when.has_bmi2()


@rule
def shift_left(x: Narrow, y: Any) -> Parts:
    return ishl(x, y), do.shift_by_cl(SHL, x, y)


@rule
def shift_right(x: Narrow, y: Any) -> Parts:
    return ushr(x, y), do.shift_by_cl(SHR, x, y)


@rule
def shift_signed(x: Narrow, y: Any) -> Parts:
    return sshr(x, y), do.shift_by_cl(SAR, x, y)


@rule
def rotate_left_constant(x: Narrow, C: Imm) -> Parts:
    return rotl(x, iconst(C)), do.rotate_constant(ROL, x, C)


@rule
def rotate_right_constant(x: Narrow, C: Imm) -> Parts:
    return rotr(x, iconst(C)), do.rotate_constant(ROR, x, C)


@rule
def rotate_left(x: Narrow, y: Any) -> Parts:
    return rotl(x, y), do.rotate_by_cl(ROL, x, y)


@rule
def rotate_right(x: Narrow, y: Any) -> Parts:
    return rotr(x, y), do.rotate_by_cl(ROR, x, y)


# ---- counting ----


@rule
def count_leading(x: Wide) -> Parts:
    return clz(x), do.lzcnt(x), when.has_lzcnt()


@rule
def count_trailing(x: Wide) -> Parts:
    return ctz(x), do.tzcnt(x), when.has_bmi1()


@rule
def count_ones(x: Narrow) -> Parts:
    return popcnt(x), do.popcnt(x), when.has_popcnt()


@rule
def swap_two_bytes(x: Small) -> Parts:
    return bswap(x), do.rotate_constant(ROL, x, 8)


@rule
def swap_bytes(x: Wide) -> Parts:
    return bswap(x), do.bswap(x)


# ---- minimum and maximum ----


@rule
def signed_minimum(x: Narrow, y: Any) -> Parts:
    return smin(x, y), do.minmax(1, 0, x, y)


@rule
def signed_maximum(x: Narrow, y: Any) -> Parts:
    return smax(x, y), do.minmax(1, 1, x, y)


@rule
def unsigned_minimum(x: Narrow, y: Any) -> Parts:
    return umin(x, y), do.minmax(0, 0, x, y)


@rule
def unsigned_maximum(x: Narrow, y: Any) -> Parts:
    return umax(x, y), do.minmax(0, 1, x, y)


@rule
def absolute(x: Narrow) -> Parts:
    return iabs(x), do.iabs(x)


# ---- extension ----


@rule
def zero_extend(x: Narrow) -> Parts:
    return uextend(x), do.extend(0, x), when.one_register()


@rule
def sign_extend(x: Narrow) -> Parts:
    return sextend(x), do.extend(1, x), when.one_register()


# ---- floats ----


@rule
def float_add(x: Scalar, y: Any) -> Parts:
    return fadd(x, y), do.float_commuted(ADD_S, x, y)


@rule
def float_sub(x: Scalar, y: Any) -> Parts:
    return fsub(x, y), do.float_op(SUB_S, x, y)


@rule
def float_mul(x: Scalar, y: Any) -> Parts:
    return fmul(x, y), do.float_commuted(MUL_S, x, y)


@rule
def float_div(x: Scalar, y: Any) -> Parts:
    return fdiv(x, y), do.float_op(DIV_S, x, y)


@rule
def square_root(x: Scalar) -> Parts:
    return sqrt(x), do.sqrt(x)


@rule
def fused(x: Scalar, y: Any, z: Any) -> Parts:
    return fma(x, y, z), do.fma(x, y, z), when.has_fma()


@rule
def round_up(x: Scalar) -> Parts:
    return ceil(x), do.round(CEIL, x), when.has_sse41()


@rule
def round_down(x: Scalar) -> Parts:
    return floor(x), do.round(FLOOR, x), when.has_sse41()


@rule
def round_to_zero(x: Scalar) -> Parts:
    return trunc(x), do.round(TRUNC, x), when.has_sse41()


@rule
def round_nearest(x: Scalar) -> Parts:
    return nearest(x), do.round(NEAREST, x), when.has_sse41()


@rule
def float_negate(x: Scalar) -> Parts:
    return fneg(x), do.flip_sign(x)


@rule
def float_absolute(x: Scalar) -> Parts:
    return fabs(x), do.clear_sign(x)


@rule
def promote(x: F32) -> Parts:
    return fpromote(x), do.promote(x), when.is_f64()


@rule
def demote(x: F64) -> Parts:
    return fdemote(x), do.demote(x), when.is_f32()
