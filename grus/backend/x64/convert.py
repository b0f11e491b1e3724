"""Conversions between integers and floats."""

from __future__ import annotations

from grus.backend.regalloc.types import def_, def_reuse, use, use_fixed
from grus.backend.vcode import Address
from grus.backend.x64.lower import (
    ADD,
    ADDS,
    AE,
    AND,
    ANDPS,
    BE,
    CMOV,
    CMP,
    CVTSI2S,
    CVTSS2SD,
    CVTTS2SI,
    MAXS,
    MOVD_TO_X,
    MOVQ_FROM_X,
    MOVQ_TO_X,
    MULS,
    NE,
    OR,
    SAR_I,
    SETCC,
    SHL_C,
    SHL_I,
    SHLD_C,
    SHR_I,
    SUBS,
    TEST_RM_R,
    UCOMIS,
    XOR,
    XORPS,
    B,
    E,
    G,
    Imm,
    L,
    P,
    S,
    X64Lower,
    is_double,
    lowers,
    wide_size,
)
from grus.backend.x64.opcodes import scalars_only, select_regs, value_mask
from grus.backend.x64.pseudo import Cond
from grus.backend.x64.regs import RCX
from grus.backend.x64.wide import Pair, alu, move_pair, negated_if, pick, shift, top_bit, zero_flag
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import Value

_L, _Q = 2, 3


@lowers(ops.FCVT_FROM_SINT)
def fcvt_from_sint(x: X64Lower, v: Value) -> None:
    scalars_only(v)
    double = is_double(v.ty)
    if v.a.ty == T.I128:
        from_wide(x, v, double)
    elif v.a.ty == T.I64:
        convert(x, x.c.result(v), x.rm(v.a), _Q, double)
    else:
        convert(x, x.c.result(v), x.extended(v.a, True, _L), _L, double)


def convert(x: X64Lower, dst: int, src: int | Address, size: int, double: int) -> None:
    """cvtsi2s?: the destination's upper part is kept, so clear it to depend on nothing."""
    zero = x.c.new_float()
    x.zero_float(zero)
    x.emit_rm(CVTSI2S[size - _L][double], [use(zero), def_reuse(dst, 0)], src)


@lowers(ops.FCVT_FROM_UINT)
def fcvt_from_uint(x: X64Lower, v: Value) -> None:
    scalars_only(v)
    double = is_double(v.ty)
    if v.a.ty == T.I128:
        from_wide(x, v, double)
    elif v.a.ty == T.I64:
        word_to_float(x, x.c.result(v), x.c.reg(v.a), double)
    else:
        convert(x, x.c.result(v), x.extended(v.a, False, _Q), _Q, double)


def word_to_float(x: X64Lower, dst: int, src: int, double: int) -> None:
    """dst = an unsigned word."""
    c = x.c
    # With the top bit set: halve, keeping the lowest bit for rounding, convert, double.
    halved, lowest, sticky, chosen = c.new_int(), c.new_int(), c.new_int(), c.new_int()
    x.unary(SHR_I[_Q], halved, src, 1)
    x.binary(AND, _L, lowest, src, Imm(1))
    x.binary(OR, _Q, sticky, halved, lowest)
    x.emit(TEST_RM_R[_Q], [use(src), use(src)])
    x.emit(CMOV[_Q][S], [use(src), def_reuse(chosen, 0), use(sticky)])
    once, twice = c.new_float(), c.new_float()
    convert(x, once, chosen, _Q, double)
    x.emit(ADDS[double], [use(once), def_reuse(twice, 0), use(once)])
    x.emit(TEST_RM_R[_Q], [use(src), use(src)])
    select_regs(x, Cond(S), T.F64, [dst], [twice], [once])


def float_power(x: X64Lower, exponent: int, double: int, sign: int = 0, less: int = 0) -> int:
    """A register with +-2**exponent; `less` counts units in the last place towards infinity."""
    if double:
        number = (exponent + 1023) << 52 | sign << 63
        bits = 64
    else:
        number = (exponent + 127) << 23 | sign << 31
        bits = 32
    dst = x.c.new_float()
    x.float_bits(dst, number + less, bits)
    return dst


@lowers(ops.FCVT_TO_SINT)
def fcvt_to_sint(x: X64Lower, v: Value) -> None:
    if v.ty == T.I128:
        to_wide(x, v)
        return
    c = x.c
    double = is_double(v.a.ty)
    src = c.reg(v.a)
    bits = T.BITS[v.ty]
    size = wide_size(v.ty)
    compare = UCOMIS[double]
    x.emit(compare, [use(src), use(src)])
    x.trap_if(Cond(P), ops.TRAP_BAD_CONVERSION)
    x.emit(compare, [use(src), use(float_power(x, bits - 1, double))])
    x.trap_if(Cond(AE), ops.TRAP_INTEGER_OVERFLOW)
    # Below: what truncates to -2**(bits-1) is still good, if the format can tell.
    if bits - 1 < (52 if double else 23):
        low = lowest_exclusive(x, bits, double)
        x.emit(compare, [use(src), use(low)])
        x.trap_if(Cond(BE), ops.TRAP_INTEGER_OVERFLOW)
    else:
        x.emit(compare, [use(src), use(float_power(x, bits - 1, double, 1))])
        x.trap_if(Cond(B), ops.TRAP_INTEGER_OVERFLOW)
    x.unary_rm(CVTTS2SI[size - _L][double], c.result(v), src)


def lowest_exclusive(x: X64Lower, bits: int, double: int) -> int:
    """A register with `-2**(bits-1) - 1`."""
    exponent = bits - 1
    fraction = 52 if double else 23
    return float_power(x, exponent, double, 1, 1 << fraction - exponent)


@lowers(ops.FCVT_TO_UINT)
def fcvt_to_uint(x: X64Lower, v: Value) -> None:
    if v.ty == T.I128:
        to_wide(x, v)
        return
    double = is_double(v.a.ty)
    src = x.c.reg(v.a)
    compare = UCOMIS[double]
    x.emit(compare, [use(src), use(src)])
    x.trap_if(Cond(P), ops.TRAP_BAD_CONVERSION)
    x.emit(compare, [use(src), use(float_power(x, T.BITS[v.ty], double))])
    x.trap_if(Cond(AE), ops.TRAP_INTEGER_OVERFLOW)
    x.emit(compare, [use(src), use(float_power(x, 0, double, 1))])
    x.trap_if(Cond(BE), ops.TRAP_INTEGER_OVERFLOW)
    truncate_unsigned(x, x.c.result(v), src, v.ty, double)


def truncate_unsigned(x: X64Lower, dst: int, src: int, ty: int, double: int) -> None:
    """dst = src in (-1, 2**bits) toward zero."""
    c = x.c
    row = CVTTS2SI[1][double]
    if ty != T.I64:
        x.unary_rm(row, dst, src)
        return
    # From 2**63 the first conversion gives the sign bit alone, whose sign selects the second.
    near, far, less = c.new_int(), c.new_int(), c.new_float()
    x.unary_rm(row, near, src)
    x.emit(SUBS[double], [use(src), def_reuse(less, 0), use(float_power(x, 63, double))])
    x.unary_rm(row, far, less)
    sign, extra = c.new_int(), c.new_int()
    x.unary(SAR_I[_Q], sign, near, 63)
    x.binary(AND, _Q, extra, far, sign)
    x.binary(OR, _Q, dst, near, extra)


@lowers(ops.FCVT_TO_SINT_SAT)
def fcvt_to_sint_sat(x: X64Lower, v: Value) -> None:
    scalars_only(v, v.a)
    if v.ty == T.I128:
        to_wide(x, v)
        return
    c = x.c
    double = is_double(v.a.ty)
    src = c.reg(v.a)
    size = wide_size(v.ty)
    width = 8 << size
    row = CVTTS2SI[size - _L][double]
    # Out of range gives the smallest value: right below, wrong above and for NaN.
    raw, capped, result = c.new_int(), c.new_int(), c.new_int()
    x.unary_rm(row, raw, src)
    high, zero = x.imm_reg((1 << width - 1) - 1), x.imm_reg(0)
    x.emit(UCOMIS[double], [use(src), use(float_power(x, width - 1, double))])
    x.emit(CMOV[size][AE], [use(raw), def_reuse(capped, 0), use(high)])
    x.emit(UCOMIS[double], [use(src), use(src)])
    x.emit(CMOV[size][P], [use(capped), def_reuse(result, 0), use(zero)])
    bits = T.BITS[v.ty]
    if bits >= 32:
        x.move(c.result(v), result)
        return
    top, bottom, below = (
        x.imm_reg((1 << bits - 1) - 1),
        x.imm_reg(-(1 << bits - 1) & 0xFFFFFFFF),
        c.new_int(),
    )
    x.emit(CMP[0][_L], [use(result), use(top)])
    x.emit(CMOV[_L][G], [use(result), def_reuse(below, 0), use(top)])
    x.emit(CMP[0][_L], [use(below), use(bottom)])
    x.emit(CMOV[_L][L], [use(below), def_reuse(c.result(v), 0), use(bottom)])


@lowers(ops.FCVT_TO_UINT_SAT)
def fcvt_to_uint_sat(x: X64Lower, v: Value) -> None:
    scalars_only(v, v.a)
    if v.ty == T.I128:
        to_wide(x, v)
        return
    c = x.c
    double = is_double(v.a.ty)
    zero, positive, raw = c.new_float(), c.new_float(), c.new_int()
    x.zero_float(zero)
    # maxs gives its second operand when the first is NaN.
    x.emit(MAXS[double], [use(c.reg(v.a)), def_reuse(positive, 0), use(zero)])
    truncate_unsigned(x, raw, positive, v.ty, double)
    high = x.imm_reg((1 << T.BITS[v.ty]) - 1)
    x.emit(UCOMIS[double], [use(positive), use(float_power(x, T.BITS[v.ty], double))])
    x.emit(CMOV[_Q][AE], [use(raw), def_reuse(c.result(v), 0), use(high)])


# ---- i128 ----


def from_wide(x: X64Lower, v: Value, double: int) -> None:
    """fcvt_from_uint and fcvt_from_sint: the 64 bits from the top one on, the lowest of
    them set if any below is (so that rounding sees it), converted and scaled."""
    c = x.c
    value = c.pair(v.a)
    signed = v.op == ops.FCVT_FROM_SINT
    sign = shift(x, SAR_I, value[1], 63) if signed else -1
    if signed:
        value = negated_if(x, value, sign)
    lo, hi = value
    top = top_bit(x, hi)
    count = alu(x, XOR, top, Imm(63))
    upper, below, sticky, wide = c.new_int(), c.new_int(), c.new_int(), c.new_int()
    x.emit(SHLD_C, [use(hi), def_reuse(upper, 0), use(lo), use_fixed(count, RCX)])
    x.emit(SHL_C[_Q], [use(lo), def_reuse(below, 0), use_fixed(count, RCX)])
    zero_flag(x, below)
    x.emit(SETCC[NE], [def_(sticky)])
    x.extend_to(wide, sticky, T.I8, False, _Q)
    upper = alu(x, OR, upper, wide)
    bias = 1023 if double else 127
    exponent, plain = alu(x, ADD, top, Imm(bias + 1)), x.imm_reg(bias)
    zero_flag(x, hi)
    word, exponent = pick(x, E, upper, lo), pick(x, E, exponent, plain)
    scale, converted = c.new_float(), c.new_float()
    bits = shift(x, SHL_I, exponent, 52 if double else 23)
    to_x = MOVQ_TO_X if double else MOVD_TO_X
    x.unary_rm(to_x, scale, bits)
    word_to_float(x, converted, word, double)
    result = c.new_float() if signed else c.result(v)
    x.emit(MULS[double], [use(converted), def_reuse(result, 0), use(scale)])
    if signed:
        flip = c.new_float()
        x.unary_rm(to_x, flip, shift(x, SHL_I, sign, 63 if double else 31))
        x.emit(XORPS, [use(result), def_reuse(c.result(v), 0), use(flip)])


def to_wide(x: X64Lower, v: Value) -> None:
    """The conversions to i128: all by way of the nearest signed number, as their meaning says
    (`ir/semantics_float.py`)."""
    src = x.c.reg(v.a)
    if not is_double(v.a.ty):
        promoted = x.c.new_float()
        x.unary_rm(CVTSS2SD, promoted, src)
        src = promoted
    if v.op in (ops.FCVT_TO_UINT, ops.FCVT_TO_SINT):
        x.emit(UCOMIS[1], [use(src), use(src)])
        x.trap_if(Cond(P), ops.TRAP_BAD_CONVERSION)
    value = nearest_wide(x, src)
    if v.op == ops.FCVT_TO_UINT:
        zero_flag(x, value[1])
        x.trap_if(Cond(S), ops.TRAP_INTEGER_OVERFLOW)
    elif v.op == ops.FCVT_TO_UINT_SAT:
        zero = x.imm_reg(0)
        zero_flag(x, value[1])
        value = pick(x, S, value[0], zero), pick(x, S, value[1], zero)
    move_pair(x, x.c.pair(v), value)


def nearest_wide(x: X64Lower, src: int) -> Pair:
    """A double toward zero as a signed number, 0 for NaN: the upper word of the magnitude, and what
    it leaves; then what is out of range is replaced."""
    c = x.c
    lo, hi, bits = c.new_int(), c.new_int(), c.new_int()
    magnitude, scaled, back, whole, rest = [c.new_float() for _ in range(5)]
    x.emit_rm(ANDPS, [use(src), def_reuse(magnitude, 0)], value_mask(x, T.F64))
    x.emit(MULS[1], [use(magnitude), def_reuse(scaled, 0), use(float_power(x, -64, 1))])
    truncate_unsigned(x, hi, scaled, T.I64, 1)
    word_to_float(x, back, hi, 1)  # exact: the upper bits of a float
    x.emit(MULS[1], [use(back), def_reuse(whole, 0), use(float_power(x, 64, 1))])
    x.emit(SUBS[1], [use(magnitude), def_reuse(rest, 0), use(whole)])
    truncate_unsigned(x, lo, rest, T.I64, 1)
    x.emit(MOVQ_FROM_X, [def_(bits), use(src)])
    value = negated_if(x, (lo, hi), shift(x, SAR_I, bits, 63))
    zero, ones = x.imm_reg(0), x.imm_reg(-1)
    least, most = x.imm_reg(1 << 63), x.imm_reg((1 << 63) - 1)
    x.emit(UCOMIS[1], [use(src), use(float_power(x, 127, 1))])
    value = pick(x, AE, value[0], ones), pick(x, AE, value[1], most)
    x.emit(UCOMIS[1], [use(src), use(float_power(x, 127, 1, 1))])
    value = pick(x, B, value[0], zero), pick(x, B, value[1], least)
    x.emit(UCOMIS[1], [use(src), use(src)])
    return pick(x, P, value[0], zero), pick(x, P, value[1], zero)
