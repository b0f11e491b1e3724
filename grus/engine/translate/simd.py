"""Wasm's vector instructions, a row each, and what translates them.

Imported with the first function that has some. On the stack a vector is i8x16, whatever its lanes:
an instruction takes it as the type it works on, which is free. Relaxed instructions are those of
their results that do without special machine instructions; a relaxed multiply-add rounds twice.
"""

from __future__ import annotations

from grus.base.errors import Unsupported
from grus.engine.translate.func import HANDLERS, FuncTranslator
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import Value, mem_flags
from grus.wasm import opcodes as W

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

_LITTLE: Final = mem_flags(endian="little")
_SHAPES: Final = {"i8x16": T.I8X16, "i16x8": T.I16X8, "i32x4": T.I32X4, "i64x2": T.I64X2,
                  "f32x4": T.F32X4, "f64x2": T.F64X2}  # fmt: skip
_INTS: Final = ("i8x16", "i16x8", "i32x4", "i64x2")
_FLOATS: Final = ("f32x4", "f64x2")
_AS_INT: Final = {T.F32X4: T.I32X4, T.F64X2: T.I64X2}
_WIDER: Final = {T.I8X16: T.I16X8, T.I16X8: T.I32X4, T.I32X4: T.I64X2}
_NARROWER: Final = {T.I16X8: T.I8X16, T.I32X4: T.I16X8, T.I64X2: T.I32X4}
_LOW: Final = {"s": ops.SWIDEN_LOW, "u": ops.UWIDEN_LOW}
_HIGH: Final = {"s": ops.SWIDEN_HIGH, "u": ops.UWIDEN_HIGH}

# Rows by opcode of wasm: the IR opcode and the type that it works on.
UNARY: Final[dict[int, tuple[int, int]]] = {}
BINARY: Final[dict[int, tuple[int, int]]] = {}
SHIFT: Final[dict[int, tuple[int, int]]] = {}
TEST: Final[dict[int, tuple[int, int]]] = {}
"""A vector to an i32."""
WIDEN: Final[dict[int, tuple[int, int]]] = {}
"""Half of the lanes, widened; the type is the narrow one."""
NARROW: Final[dict[int, tuple[int, int]]] = {}
"""Two vectors to one with lanes of half the width; the type is the wide one."""
EXTMUL: Final[dict[int, tuple[int, int]]] = {}
"""The opcode widens; the type is the narrow one."""
COMPARE: Final[dict[int, tuple[int, int, int]]] = {}
"""Opcode, condition, type of the operands."""
EXTADD: Final[dict[int, tuple[int, int, int]]] = {}
"""Opcodes that widen the low and the high half, and the narrow type."""
SPLAT: Final[dict[int, int]] = {}
EXTRACT: Final[dict[int, tuple[int, int]]] = {}
"""Type, and the opcode that extends the lane to i32, or -1."""
REPLACE: Final[dict[int, int]] = {}
CHOOSE: Final[dict[int, tuple[int, int]]] = {}
"""Pseudo-minimum and -maximum: the condition under which it is the second operand, and type."""
LOAD: Final[dict[int, tuple[int, int]]] = {}
"""Half a vector, widened: opcode and type of the whole. (All of one is in `table.py`.)"""
LOAD_ONE: Final[dict[int, tuple[int, int]]] = {}
"""A scalar to all lanes, or to the lowest and the others zero: SPLAT or SCALAR_TO_VECTOR."""
LOAD_LANE: Final[dict[int, int]] = {}
STORE_LANE: Final[dict[int, int]] = {}
SELECT: Final[list[int]] = []
"""Choices by the bits of the third operand."""
MADD: Final[dict[int, tuple[bool, int]]] = {}
"""Whether the product is subtracted."""

_INT_UNARY: Final = {"abs": ops.IABS, "neg": ops.INEG}
_FLOAT_UNARY: Final = {
    "abs": ops.FABS, "neg": ops.FNEG, "sqrt": ops.SQRT, "ceil": ops.CEIL, "floor": ops.FLOOR,
    "trunc": ops.TRUNC, "nearest": ops.NEAREST,
}  # fmt: skip
_INT_BINARY: Final = {
    "add": ops.IADD, "sub": ops.ISUB, "mul": ops.IMUL, "add_sat_s": ops.SADD_SAT,
    "add_sat_u": ops.UADD_SAT, "sub_sat_s": ops.SSUB_SAT, "sub_sat_u": ops.USUB_SAT,
    "min_s": ops.SMIN, "min_u": ops.UMIN, "max_s": ops.SMAX, "max_u": ops.UMAX,
    "avgr_u": ops.AVG_ROUND, "q15mulr_sat_s": ops.SQMUL_ROUND_SAT,
    "relaxed_q15mulr_s": ops.SQMUL_ROUND_SAT, "swizzle": ops.SWIZZLE,
    "relaxed_swizzle": ops.SWIZZLE,
}  # fmt: skip
_FLOAT_BINARY: Final = {
    "add": ops.FADD, "sub": ops.FSUB, "mul": ops.FMUL, "div": ops.FDIV, "min": ops.FMIN,
    "max": ops.FMAX, "relaxed_min": ops.FMIN, "relaxed_max": ops.FMAX,
}  # fmt: skip
_INT_COMPARE: Final = {
    "eq": ops.EQ, "ne": ops.NE, "lt_s": ops.SLT, "lt_u": ops.ULT, "gt_s": ops.SGT,
    "gt_u": ops.UGT, "le_s": ops.SLE, "le_u": ops.ULE, "ge_s": ops.SGE, "ge_u": ops.UGE,
}  # fmt: skip
_FLOAT_COMPARE: Final = {
    "eq": ops.F_EQ, "ne": ops.F_NE, "lt": ops.F_LT, "gt": ops.F_GT, "le": ops.F_LE, "ge": ops.F_GE,
}  # fmt: skip
_SHIFTS: Final = {"shl": ops.ISHL, "shr_s": ops.SSHR, "shr_u": ops.USHR}
_CHOICES: Final = {"pmin": ops.F_LT, "pmax": ops.F_GT}  # of the second against the first


# ---- what the handlers share ----


def shaped(t: FuncTranslator, ty: int, x: Value) -> Value:
    """A vector as one of type `ty`."""
    if x.ty == ty:
        return x
    if x.op == ops.BITCAST and x.a.ty == ty:
        return x.a
    return t.b.bitcast(ty, x, _LITTLE)


def pop(t: FuncTranslator, ty: int) -> Value:
    return shaped(t, ty, t.stack.pop())


def push(t: FuncTranslator, x: Value) -> None:
    t.stack.append(shaped(t, T.I8X16, x))


def make(t: FuncTranslator, op: int, ty: int, x: Value, y: Value | None = None) -> Value:
    """An instruction of one or two operands and the result type `ty`."""
    value = t.b._inst(op, ty)
    value.a = x
    if y is not None:
        value.b = y
    return value


def zero(t: FuncTranslator, ty: int) -> Value:
    return t.b.vconst(ty, bytes(16))


def to_lane(t: FuncTranslator, ty: int, x: Value) -> Value:
    """A number of the stack as a lane of `ty`."""
    lane = T.LANE[ty]
    return t.b.ireduce(lane, x) if lane in (T.I8, T.I16) else x


def byte(t: FuncTranslator) -> int:
    t.pos += 1
    return t.data[t.pos - 1]


# ---- handlers ----


def on_unary(t: FuncTranslator, op: int) -> None:
    clif, ty = UNARY[op]
    push(t, make(t, clif, ty, pop(t, ty)))


def on_binary(t: FuncTranslator, op: int) -> None:
    clif, ty = BINARY[op]
    y, x = pop(t, ty), pop(t, ty)
    push(t, make(t, clif, ty, x, y))


def on_andnot(t: FuncTranslator, op: int) -> None:
    y, x = t.stack.pop(), t.stack.pop()
    push(t, t.b.band(x, t.b.bnot(y)))


def on_shift(t: FuncTranslator, op: int) -> None:
    clif, ty = SHIFT[op]
    count = t.stack.pop()
    push(t, make(t, clif, ty, pop(t, ty), count))


def on_test(t: FuncTranslator, op: int) -> None:
    clif, ty = TEST[op]
    x = pop(t, ty)
    if clif == ops.VHIGH_BITS:
        t.push(make(t, clif, T.I32, x))
    else:
        t.push(t.b.uextend(T.I32, make(t, clif, T.I8, x)))


def on_widen(t: FuncTranslator, op: int) -> None:
    clif, ty = WIDEN[op]
    push(t, make(t, clif, _WIDER[ty], pop(t, ty)))


def on_narrow(t: FuncTranslator, op: int) -> None:
    clif, ty = NARROW[op]
    y, x = pop(t, ty), pop(t, ty)
    push(t, make(t, clif, _NARROWER[ty], x, y))


def on_extmul(t: FuncTranslator, op: int) -> None:
    widen, ty = EXTMUL[op]
    wide = _WIDER[ty]
    y, x = make(t, widen, wide, pop(t, ty)), make(t, widen, wide, pop(t, ty))
    push(t, t.b.imul(x, y))


def on_extadd(t: FuncTranslator, op: int) -> None:
    low, high, ty = EXTADD[op]
    push(t, pairs(t, low, high, ty, pop(t, ty)))


def pairs(t: FuncTranslator, low: int, high: int, ty: int, x: Value) -> Value:
    """Sums of neighbours, widened first."""
    wide = _WIDER[ty]
    return make(t, ops.IADD_PAIRWISE, wide, make(t, low, wide, x), make(t, high, wide, x))


def dot(t: FuncTranslator, ty: int, x: Value, y: Value) -> Value:
    """Sums of neighbouring products, signed."""
    wide = _WIDER[ty]
    halves = [
        t.b.imul(make(t, widen, wide, x), make(t, widen, wide, y))
        for widen in (ops.SWIDEN_LOW, ops.SWIDEN_HIGH)
    ]
    return make(t, ops.IADD_PAIRWISE, wide, halves[0], halves[1])


def on_dot(t: FuncTranslator, op: int) -> None:
    ty = T.I16X8 if op == W.I32X4_DOT_I16X8_S else T.I8X16
    y, x = pop(t, ty), pop(t, ty)
    push(t, dot(t, ty, x, y))


def on_dot_add(t: FuncTranslator, op: int) -> None:
    total = pop(t, T.I32X4)
    y, x = t.stack.pop(), t.stack.pop()
    sums = dot(t, T.I8X16, x, y)
    push(t, t.b.iadd(pairs(t, ops.SWIDEN_LOW, ops.SWIDEN_HIGH, T.I16X8, sums), total))


def on_compare(t: FuncTranslator, op: int) -> None:
    clif, cc, ty = COMPARE[op]
    y, x = pop(t, ty), pop(t, ty)
    value = make(t, clif, _AS_INT.get(ty, ty), x, y)
    value.imm = cc
    push(t, value)


def on_choose(t: FuncTranslator, op: int) -> None:
    cc, ty = CHOOSE[op]
    y, x = pop(t, ty), pop(t, ty)
    mask = make(t, ops.FCMP, _AS_INT[ty], y, x)
    mask.imm = cc
    push(t, t.b.bitselect(shaped(t, ty, mask), y, x))


def on_select(t: FuncTranslator, op: int) -> None:
    mask, y, x = t.stack.pop(), t.stack.pop(), t.stack.pop()
    push(t, t.b.bitselect(mask, x, y))


def on_madd(t: FuncTranslator, op: int) -> None:
    subtracts, ty = MADD[op]
    z, y, x = pop(t, ty), pop(t, ty), pop(t, ty)
    product = t.b.fmul(x, y)
    push(t, t.b.fsub(z, product) if subtracts else t.b.fadd(z, product))


def on_const(t: FuncTranslator, op: int) -> None:
    t.pos += 16
    t.push(t.b.vconst(T.I8X16, bytes(t.data[t.pos - 16 : t.pos])))


def on_shuffle(t: FuncTranslator, op: int) -> None:
    t.pos += 16
    y, x = t.stack.pop(), t.stack.pop()
    t.push(t.b.shuffle(x, y, bytes(t.data[t.pos - 16 : t.pos])))


def on_splat(t: FuncTranslator, op: int) -> None:
    ty = SPLAT[op]
    push(t, t.b.splat(ty, to_lane(t, ty, t.stack.pop())))


def on_extract(t: FuncTranslator, op: int) -> None:
    ty, extend = EXTRACT[op]
    lane = t.b.extractlane(pop(t, ty), byte(t))
    t.push(lane if extend < 0 else make(t, extend, T.I32, lane))


def on_replace(t: FuncTranslator, op: int) -> None:
    ty = REPLACE[op]
    lane = to_lane(t, ty, t.stack.pop())
    push(t, t.b.insertlane(pop(t, ty), lane, byte(t)))


def on_load(t: FuncTranslator, op: int) -> None:
    clif, ty = LOAD[op]
    push(t, t.load(op, clif, ty))


def on_load_one(t: FuncTranslator, op: int) -> None:
    clif, ty = LOAD_ONE[op]
    push(t, make(t, clif, ty, t.load(op, ops.LOAD, T.LANE[ty])))


def on_load_lane(t: FuncTranslator, op: int) -> None:
    ty = LOAD_LANE[op]
    x = pop(t, ty)
    lane = t.load(op, ops.LOAD, T.LANE[ty])
    push(t, t.b.insertlane(x, lane, byte(t)))


def on_store_lane(t: FuncTranslator, op: int) -> None:
    ty = STORE_LANE[op]
    index, offset = t.memarg()
    lane = t.b.extractlane(pop(t, ty), byte(t))
    t.store(op, ops.STORE, lane, index, offset)


def on_convert(t: FuncTranslator, op: int) -> None:
    """Conversions between lanes of different kinds or widths, the only ones with a shape each."""
    name = W.NAMES[op].replace("relaxed_trunc", "trunc_sat")
    if name.startswith("i32x4.trunc_sat_f32x4"):
        clif = ops.FCVT_TO_SINT_SAT if name.endswith("s") else ops.FCVT_TO_UINT_SAT
        push(t, make(t, clif, T.I32X4, pop(t, T.F32X4)))
    elif name.startswith("i32x4.trunc_sat_f64x2"):
        signed = name.endswith("s_zero")
        clif = ops.FCVT_TO_SINT_SAT if signed else ops.FCVT_TO_UINT_SAT
        wide = make(t, clif, T.I64X2, pop(t, T.F64X2))
        narrow = ops.SNARROW if signed else ops.UUNARROW
        push(t, make(t, narrow, T.I32X4, wide, zero(t, T.I64X2)))
    elif name.startswith("f32x4.convert_i32x4"):
        clif = ops.FCVT_FROM_SINT if name.endswith("s") else ops.FCVT_FROM_UINT
        push(t, make(t, clif, T.F32X4, pop(t, T.I32X4)))
    elif name.startswith("f64x2.convert_low_i32x4"):
        sign = name[-1]
        clif = ops.FCVT_FROM_SINT if sign == "s" else ops.FCVT_FROM_UINT
        push(t, make(t, clif, T.F64X2, make(t, _LOW[sign], T.I64X2, pop(t, T.I32X4))))
    elif op == W.F32X4_DEMOTE_F64X2_ZERO:
        push(t, make(t, ops.FVDEMOTE, T.F32X4, pop(t, T.F64X2)))
    elif op == W.F64X2_PROMOTE_LOW_F32X4:
        push(t, make(t, ops.FVPROMOTE_LOW, T.F64X2, pop(t, T.F32X4)))
    else:
        raise Unsupported(f"function {t.index}: {name} is not supported yet")


# ---- rows ----

CONVERT: Final = (
    W.F32X4_DEMOTE_F64X2_ZERO, W.F64X2_PROMOTE_LOW_F32X4,
    W.I32X4_TRUNC_SAT_F32X4_S, W.I32X4_TRUNC_SAT_F32X4_U, W.F32X4_CONVERT_I32X4_S,
    W.F32X4_CONVERT_I32X4_U, W.I32X4_TRUNC_SAT_F64X2_S_ZERO, W.I32X4_TRUNC_SAT_F64X2_U_ZERO,
    W.F64X2_CONVERT_LOW_I32X4_S, W.F64X2_CONVERT_LOW_I32X4_U, W.I32X4_RELAXED_TRUNC_F32X4_S,
    W.I32X4_RELAXED_TRUNC_F32X4_U, W.I32X4_RELAXED_TRUNC_F64X2_S_ZERO,
    W.I32X4_RELAXED_TRUNC_F64X2_U_ZERO,
)  # fmt: skip


def _fill_rows() -> None:
    name = W.BY_NAME
    for shape, ty in _SHAPES.items():
        is_int = shape in _INTS
        unary, binary = (_INT_UNARY, _INT_BINARY) if is_int else (_FLOAT_UNARY, _FLOAT_BINARY)
        compare, clif = (_INT_COMPARE, ops.ICMP) if is_int else (_FLOAT_COMPARE, ops.FCMP)
        for suffix, op in unary.items():
            UNARY[name[f"{shape}.{suffix}"]] = (op, ty)
        for suffix, op in binary.items():
            row = name.get(f"{shape}.{suffix}")  # not every shape has every one
            if row is not None:
                BINARY[row] = (op, ty)
        for suffix, cc in compare.items():
            row = name.get(f"{shape}.{suffix}")
            if row is not None:
                COMPARE[row] = (clif, cc, ty)
        SPLAT[name[f"{shape}.splat"]] = ty
        REPLACE[name[f"{shape}.replace_lane"]] = ty
        if ty in (T.I8X16, T.I16X8):
            EXTRACT[name[f"{shape}.extract_lane_s"]] = (ty, ops.SEXTEND)
            EXTRACT[name[f"{shape}.extract_lane_u"]] = (ty, ops.UEXTEND)
        else:
            EXTRACT[name[f"{shape}.extract_lane"]] = (ty, -1)
        if not is_int:
            for suffix, cc in _CHOICES.items():
                CHOOSE[name[f"{shape}.{suffix}"]] = (cc, ty)
            MADD[name[f"{shape}.relaxed_madd"]] = (False, ty)
            MADD[name[f"{shape}.relaxed_nmadd"]] = (True, ty)
            continue
        for suffix, op in _SHIFTS.items():
            SHIFT[name[f"{shape}.{suffix}"]] = (op, ty)
        TEST[name[f"{shape}.all_true"]] = (ops.VALL_TRUE, ty)
        TEST[name[f"{shape}.bitmask"]] = (ops.VHIGH_BITS, ty)
        SELECT.append(name[f"{shape}.relaxed_laneselect"])
    for narrow, wide in (("i8x16", "i16x8"), ("i16x8", "i32x4"), ("i32x4", "i64x2")):
        ty = _SHAPES[narrow]
        for sign in ("s", "u"):
            for half, by_sign in (("low", _LOW), ("high", _HIGH)):
                WIDEN[name[f"{wide}.extend_{half}_{narrow}_{sign}"]] = (by_sign[sign], ty)
                EXTMUL[name[f"{wide}.extmul_{half}_{narrow}_{sign}"]] = (by_sign[sign], ty)
            if wide != "i64x2":
                row = name[f"{wide}.extadd_pairwise_{narrow}_{sign}"]
                EXTADD[row] = (_LOW[sign], _HIGH[sign], ty)
                op = ops.SNARROW if sign == "s" else ops.UNARROW
                NARROW[name[f"{narrow}.narrow_{wide}_{sign}"]] = (op, _SHAPES[wide])
    UNARY[W.I8X16_POPCNT] = (ops.POPCNT, T.I8X16)
    UNARY[W.V128_NOT] = (ops.BNOT, T.I8X16)
    for row, op in ((W.V128_AND, ops.BAND), (W.V128_OR, ops.BOR), (W.V128_XOR, ops.BXOR)):
        BINARY[row] = (op, T.I8X16)
    TEST[W.V128_ANY_TRUE] = (ops.VANY_TRUE, T.I8X16)
    SELECT.append(W.V128_BITSELECT)
    LOAD.update({
        W.V128_LOAD8X8_S: (ops.SLOAD8X8, T.I16X8), W.V128_LOAD8X8_U: (ops.ULOAD8X8, T.I16X8),
        W.V128_LOAD16X4_S: (ops.SLOAD16X4, T.I32X4), W.V128_LOAD16X4_U: (ops.ULOAD16X4, T.I32X4),
        W.V128_LOAD32X2_S: (ops.SLOAD32X2, T.I64X2), W.V128_LOAD32X2_U: (ops.ULOAD32X2, T.I64X2),
    })  # fmt: skip
    for bits, ty in ((8, T.I8X16), (16, T.I16X8), (32, T.I32X4), (64, T.I64X2)):
        LOAD_ONE[name[f"v128.load{bits}_splat"]] = (ops.SPLAT, ty)
        LOAD_LANE[name[f"v128.load{bits}_lane"]] = ty
        STORE_LANE[name[f"v128.store{bits}_lane"]] = ty
        if bits >= 32:
            LOAD_ONE[name[f"v128.load{bits}_zero"]] = (ops.SCALAR_TO_VECTOR, ty)


def _fill() -> None:
    _fill_rows()
    families: list[tuple[list[int], Callable[[FuncTranslator, int], None]]] = [
        (list(UNARY), on_unary), (list(BINARY), on_binary), (list(SHIFT), on_shift),
        (list(TEST), on_test), (list(WIDEN), on_widen), (list(NARROW), on_narrow),
        (list(EXTMUL), on_extmul), (list(EXTADD), on_extadd), (list(COMPARE), on_compare),
        (list(SPLAT), on_splat), (list(EXTRACT), on_extract), (list(REPLACE), on_replace),
        (list(CHOOSE), on_choose), (list(LOAD), on_load), (list(LOAD_ONE), on_load_one),
        (list(LOAD_LANE), on_load_lane), (list(STORE_LANE), on_store_lane), (SELECT, on_select),
        (list(MADD), on_madd), (list(CONVERT), on_convert),
        ([W.V128_CONST], on_const), ([W.I8X16_SHUFFLE], on_shuffle),
        ([W.V128_ANDNOT], on_andnot),
        ([W.I32X4_DOT_I16X8_S, W.I16X8_RELAXED_DOT_I8X16_I7X16_S], on_dot),
        ([W.I32X4_RELAXED_DOT_I8X16_I7X16_ADD_S], on_dot_add),
    ]  # fmt: skip
    for rows, handler in families:
        for op in rows:
            assert HANDLERS[op] is None, W.NAMES[op]
            HANDLERS[op] = handler


_fill()
