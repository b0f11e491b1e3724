"""Lowering of 128-bit vectors with SSE up to 4.2.

A vector is one register of the float class. Instructions of SSSE3, SSE4.1 and SSE4.2 are used only
when the processor has them; `sse2.py` has the longer ways. Handlers are tried before the scalar
ones when a vector is involved.
"""

from __future__ import annotations

from collections.abc import Callable

from grus.backend.regalloc.types import def_, def_reuse, use
from grus.backend.vcode import Address
from grus.backend.x64 import lower as L
from grus.backend.x64 import sse2
from grus.backend.x64.lower import Imm, RegMem, X64Lower
from grus.backend.x64.pseudo import Cond
from grus.backend.x64.rows import row
from grus.backend.x64.vecops import (
    ADDP,
    CMPP,
    CVTDQ2PD,
    CVTDQ2PS,
    CVTPD2PS,
    CVTPS2PD,
    CVTTPD2DQ,
    CVTTPS2DQ,
    DIVP,
    FMADDP,
    LANES,
    MAXP,
    MINP,
    MOVMSK,
    MULP,
    PABS,
    PACKSS,
    PACKUS,
    PADD,
    PADDS,
    PADDUS,
    PALIGNR,
    PAND,
    PAVG,
    PCMPEQ,
    PCMPGT,
    PHADD,
    PMADDUBSW,
    PMADDWD,
    PMAXS,
    PMAXU,
    PMINS,
    PMINU,
    PMOVMSKB,
    PMOVSX,
    PMOVZX,
    PMULDQ,
    PMULHRSW,
    PMULHUW,
    PMULHW,
    PMULLD,
    PMULLW,
    PMULUDQ,
    POR,
    PSHUFB,
    PSHUFD,
    PSHUFLW,
    PSLL,
    PSRA,
    PSRL,
    PSUB,
    PSUBS,
    PSUBUS,
    PUNPCKH,
    PUNPCKL,
    PXOR,
    ROUNDP,
    SHUFPS,
    SQRTP,
    SUBP,
    B,
    D,
    Q,
    W,
    blend,
    constant,
    double,
    has,
    insert_long,
    invert,
    lane_index,
    one,
    ones,
    shift_imm,
    two,
    zero,
)
from grus.base.errors import Unsupported
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

HANDLERS: Final[dict[int, Callable[[X64Lower, Value], None]]] = {}


def vector(*opcodes: int) -> Callable[[L.Handler], L.Handler]:
    """Register what lowers these opcodes for vectors."""

    def register(handler: L.Handler) -> L.Handler:
        for op in opcodes:
            HANDLERS[op] = handler
        return handler

    return register


def involved(v: Value) -> bool:
    """True when the instruction is about 128-bit vectors (or has another vector type)."""
    return T.LANES[v.ty] > 1 or T.LANES[v.a.ty] > 1


def _interleaved() -> dict[bytes, int]:
    """Shuffles that alternate lanes of the low or the high halves, with two operands or one."""
    found: dict[bytes, int] = {}
    for lane in (B, W, D, Q):
        size = 1 << lane
        for begin, rows in ((0, PUNPCKL), (8, PUNPCKH)):
            for other in (16, 0):
                mask = [
                    source + begin + at * size + byte
                    for at in range(8 // size)
                    for source in (0, other)
                    for byte in range(size)
                ]
                found[bytes(mask)] = rows[lane]
    return found


_INTERLEAVED: Final = _interleaved()


def need(x: X64Lower, v: Value, feature: str) -> None:
    """Raises Unsupported for an instruction that is asked for by name."""
    if not has(x, feature):
        raise Unsupported(f"{ops.ROWS[v.op].name} of {T.NAMES[v.ty]} without {feature} on x86-64")


def same_lanes(v: Value) -> None:
    if T.LANES[v.ty] != T.LANES[v.a.ty]:
        raise Unsupported(
            f"{ops.ROWS[v.op].name} of {T.NAMES[v.a.ty]} to {T.NAMES[v.ty]} on x86-64"
        )


def operand(x: X64Lower, value: Value) -> RegMem:
    """A vector to read, a constant from memory."""
    value = x.c.bearer(value)
    if value.op == ops.VCONST and x.c.lo[value.num] < 0:
        assert isinstance(value.ext, bytes)
        return x.pool(value.ext)
    return x.c.reg(value)


def halves(low: Value, high: Value, op_low: int, op_high: int) -> Value | None:
    """What both values are the widened halves of."""
    if low.op == op_low and high.op == op_high and low.a is high.a:
        return low.a
    return None


# ---- lanes ----


@vector(ops.SPLAT)
def splat(x: X64Lower, v: Value) -> None:
    splat_reg(x, v, lane_index(v.ty), x.c.reg(v.a), x.c.result(v))


def splat_reg(x: X64Lower, v: Value, lane: int, src: int, dst: int) -> None:
    if T.is_float(T.LANE[v.ty]):
        one(x, PSHUFD, src, dst, 0 if lane == D else 0x44)
        return
    if lane == Q:
        low = x.c.new_float()
        x.unary_rm(L.MOVQ_TO_X, low, src)
        one(x, PSHUFD, low, dst, 0x44)
        return
    low = x.c.new_float()
    x.unary_rm(L.MOVD_TO_X, low, src)
    if lane == B:
        low = two(x, PUNPCKL[B], low, low)
    if lane != D:
        low = one(x, PSHUFLW, low)
    one(x, PSHUFD, low, dst)


@vector(ops.EXTRACTLANE)
def extractlane(x: X64Lower, v: Value) -> None:
    lane = lane_index(v.a.ty)
    extract(x, v, x.c.reg(v.a), lane, v.imm, x.c.result(v))


def extract(x: X64Lower, v: Value, src: int, lane: int, index: int, dst: int) -> None:
    if T.is_float(v.ty):
        if lane == D:
            one(x, PSHUFD, src, dst, index)
        else:
            one(x, PSHUFD, src, dst, 0xEE if index else 0x44)
        return
    if lane == W:
        x.emit(row("pextrw r32, xmm, imm8"), [def_(dst), use(src)], index)
    elif lane == B and not has(x, "sse41"):
        sse2.extract_byte(x, src, index, dst)
    elif lane == B:
        x.emit(row("pextrb r32/m8, xmm, imm8"), [def_(dst), use(src)], index)
    elif index == 0:
        x.emit(L.MOVD_FROM_X if lane == D else L.MOVQ_FROM_X, [def_(dst), use(src)])
    elif lane == D:
        x.emit(L.MOVD_FROM_X, [def_(dst), use(one(x, PSHUFD, src, -1, index))])
    else:
        x.emit(L.MOVQ_FROM_X, [def_(dst), use(one(x, PSHUFD, src, -1, 0xEE))])


@vector(ops.INSERTLANE)
def insertlane(x: X64Lower, v: Value) -> None:
    c = x.c
    lane = lane_index(v.ty)
    src, value, dst = c.reg(v.a), c.reg(v.b), c.result(v)
    if v.ty == T.F64X2:
        insert_long(x, src, value, v.imm, dst)
        return
    if v.ty == T.F32X4 and not has(x, "sse41"):
        sse2.insert_float(x, src, value, v.imm, dst)
        return
    if v.ty == T.F32X4:
        name = "insertps xmm, xmm/m32, imm8"
        x.emit(row(name), [use(src), def_reuse(dst, 0), use(value)], v.imm << 4)
        return
    names = (
        "pinsrb xmm, r32/m8, imm8",
        "pinsrw xmm, r32/m16, imm8",
        "pinsrd xmm, r/m32, imm8",
        "pinsrq xmm, r/m64, imm8",
    )
    if lane != W and not has(x, "sse41"):
        sse2.insert(x, lane, src, value, v.imm, dst)
        return
    x.emit(row(names[lane]), [use(src), def_reuse(dst, 0), use(value)], v.imm)


@vector(ops.SCALAR_TO_VECTOR)
def scalar_to_vector(x: X64Lower, v: Value) -> None:
    lane = lane_index(v.ty)
    src, dst = x.c.reg(v.a), x.c.result(v)
    if T.is_float(v.a.ty):
        name = "movss xmm, xmm" if lane == D else "movsd xmm, xmm"
        x.emit(row(name), [use(zero(x)), def_reuse(dst, 0), use(src)])
        return
    if lane < D:
        src = x.extended(v.a, False, L._L)
    x.unary_rm(L.MOVQ_TO_X if lane == Q else L.MOVD_TO_X, dst, src)


@vector(ops.SHUFFLE)
def shuffle(x: X64Lower, v: Value) -> None:
    mask = v.ext
    assert isinstance(mask, bytes)
    first, second = v.a, v.b
    if x.c.bearer(first) is x.c.bearer(second) or max(mask) < 16:
        mask, second = bytes([m & 15 for m in mask]), first
    elif min(mask) >= 16:
        mask, first = bytes([m & 15 for m in mask]), second
    dst = x.c.result(v)
    if first is second:
        words = [mask[at] >> 2 for at in (0, 4, 8, 12)]
        if mask == bytes([4 * word + at for word in words for at in range(4)]):
            order = words[0] | words[1] << 2 | words[2] << 4 | words[3] << 6
            one(x, PSHUFD, x.c.reg(first), dst, order)
            return
    unpack = _INTERLEAVED.get(mask)
    if unpack is not None and (first is second or max(mask) >= 16):
        two(x, unpack, x.c.reg(first), x.c.reg(second), dst)
        return
    if not has(x, "ssse3"):
        sse2.shuffle(x, x.c.reg(first), x.c.reg(second), mask, dst)
        return
    around = 15 if first is second else 31
    if mask == bytes([m & around for m in range(mask[0], mask[0] + 16)]):
        if mask[0] >= 16:
            first, second = second, first
        operands = [use(x.c.reg(second)), def_reuse(dst, 0), use(x.c.reg(first))]
        x.emit(PALIGNR, operands, mask[0] & 15)
    elif first is second:
        two(x, PSHUFB, x.c.reg(first), x.pool(mask), dst)
    else:
        low = bytes([m if m < 16 else 0x80 for m in mask])
        high = bytes([m - 16 if m >= 16 else 0x80 for m in mask])
        one_part = two(x, PSHUFB, x.c.reg(first), x.pool(low))
        two(x, POR, one_part, two(x, PSHUFB, x.c.reg(second), x.pool(high)), dst)


@vector(ops.SWIZZLE)
def swizzle(x: X64Lower, v: Value) -> None:
    """Indices past 15 must give 0: adding 0x70 with saturation sets their top bit."""
    if not has(x, "ssse3"):
        sse2.swizzle(x, x.c.reg(v.a), x.c.reg(v.b), x.c.result(v))
        return
    index = two(x, PADDUS[B], x.c.reg(v.b), constant(x, b"\x70"))
    two(x, PSHUFB, x.c.reg(v.a), index, x.c.result(v))


@vector(ops.X86_PSHUFB)
def pshufb(x: X64Lower, v: Value) -> None:
    need(x, v, "ssse3")
    two(x, PSHUFB, x.c.reg(v.a), x.c.reg(v.b), x.c.result(v))


@vector(ops.VANY_TRUE)
def vany_true(x: X64Lower, v: Value) -> None:
    lane_index(v.a.ty)
    mask = x.c.new_int()
    x.emit(PMOVMSKB, [def_(mask), use(two(x, PCMPEQ[B], x.c.reg(v.a), zero(x)))])
    x.emit(L.CMP[2][L._L], [use(mask)], 0xFFFF)
    x.set_bool(x.c.result(v), Cond(L.NE))


@vector(ops.VALL_TRUE)
def vall_true(x: X64Lower, v: Value) -> None:
    lane = lane_index(v.a.ty)
    mask = x.c.new_int()
    x.emit(PMOVMSKB, [def_(mask), use(equal(x, lane, x.c.reg(v.a), zero(x)))])
    x.emit(L.TEST_RM_R[L._L], [use(mask), use(mask)])
    x.set_bool(x.c.result(v), Cond(L.E))


@vector(ops.VHIGH_BITS)
def vhigh_bits(x: X64Lower, v: Value) -> None:
    lane = lane_index(v.a.ty)
    src, dst = x.c.reg(v.a), x.c.result(v)
    if lane == B:
        x.emit(PMOVMSKB, [def_(dst), use(src)])
    elif lane == W:
        mask = x.c.new_int()
        x.emit(PMOVMSKB, [def_(mask), use(two(x, PACKSS[W], src, src))])
        x.emit(L.AND[2][L._L], [use(mask), def_reuse(dst, 0)], 0xFF)
    else:
        x.emit(MOVMSK[lane - D], [def_(dst), use(src)])


# ---- integers ----

_SIMPLE: Final = {
    ops.IADD: PADD,
    ops.ISUB: PSUB,
    ops.UADD_SAT: PADDUS,
    ops.SADD_SAT: PADDS,
    ops.USUB_SAT: PSUBUS,
    ops.SSUB_SAT: PSUBS,
    ops.AVG_ROUND: PAVG,
}


@vector(*_SIMPLE)
def simple(x: X64Lower, v: Value) -> None:
    row = _SIMPLE[v.op][lane_index(v.ty)]
    if row < 0:
        raise Unsupported(f"{ops.ROWS[v.op].name} of {T.NAMES[v.ty]} on x86-64")
    two(x, row, x.c.reg(v.a), operand(x, v.b), x.c.result(v))


@vector(ops.INEG)
def ineg(x: X64Lower, v: Value) -> None:
    two(x, PSUB[lane_index(v.ty)], zero(x), x.c.reg(v.a), x.c.result(v))


@vector(ops.IABS)
def iabs(x: X64Lower, v: Value) -> None:
    lane = lane_index(v.ty)
    src, dst = x.c.reg(v.a), x.c.result(v)
    if lane != Q:
        if has(x, "ssse3"):
            one(x, PABS[lane], src, dst)
        else:
            sse2.absolute(x, lane, src, dst)
        return
    sign = one(x, PSHUFD, shift_imm(x, "psrad", src, 31), -1, 0xF5)
    two(x, PSUB[Q], two(x, PXOR, src, sign), sign, dst)


@vector(ops.IMUL)
def imul(x: X64Lower, v: Value) -> None:
    lane = lane_index(v.ty)
    dst = x.c.result(v)
    if lane in (D, Q) and v.a.op == v.b.op and v.a.op in _WIDENED and has(x, "sse41"):
        widened_product(x, v, lane)
        return
    a, b = x.c.reg(v.a), x.c.reg(v.b)
    if lane == W:
        two(x, PMULLW, a, b, dst)
    elif lane == D and has(x, "sse41"):
        two(x, PMULLD, a, b, dst)
    elif lane == D:
        sse2.multiply_words(x, a, b, dst)
    elif lane == Q:
        # low * low + ((low * high + high * low) << 32)
        a_high, b_high = shift_imm(x, "psrlq", a, 32), shift_imm(x, "psrlq", b, 32)
        cross = two(x, PADD[Q], two(x, PMULUDQ, a_high, b), two(x, PMULUDQ, b_high, a))
        two(x, PADD[Q], shift_imm(x, "psllq", cross, 32), two(x, PMULUDQ, a, b), dst)
    else:
        # Even and odd bytes apart.
        even = two(x, PAND, two(x, PMULLW, a, b), constant(x, b"\xff\0"))
        odd = two(x, PMULLW, shift_imm(x, "psrlw", a, 8), shift_imm(x, "psrlw", b, 8))
        two(x, POR, shift_imm(x, "psllw", odd, 8), even, dst)


_WIDENED: Final = (ops.SWIDEN_LOW, ops.SWIDEN_HIGH, ops.UWIDEN_LOW, ops.UWIDEN_HIGH)


def widened_product(x: X64Lower, v: Value, lane: int) -> None:
    """Products as wide as they can get, of one half of both operands."""
    a, b, dst = x.c.reg(v.a.a), x.c.reg(v.b.a), x.c.result(v)
    low = v.a.op in (ops.SWIDEN_LOW, ops.UWIDEN_LOW)
    sign = v.a.op in (ops.SWIDEN_LOW, ops.SWIDEN_HIGH)
    if lane == D:
        upper = two(x, PMULHW if sign else PMULHUW, a, b)
        two(x, (PUNPCKL if low else PUNPCKH)[W], two(x, PMULLW, a, b), upper, dst)
        return
    order = 0x50 if low else 0xFA
    a, b = one(x, PSHUFD, a, -1, order), one(x, PSHUFD, b, -1, order)
    two(x, PMULDQ if sign else PMULUDQ, a, b, dst)


_MINMAX: Final = {
    ops.SMIN: (PMINS, W, True, False),
    ops.SMAX: (PMAXS, W, True, True),
    ops.UMIN: (PMINU, B, False, False),
    ops.UMAX: (PMAXU, B, False, True),
}
"""Rows, the lane that SSE2 has, whether signed, whether the maximum."""


@vector(*_MINMAX)
def minmax(x: X64Lower, v: Value) -> None:
    rows, old, sign, maximum = _MINMAX[v.op]
    lane = lane_index(v.ty)
    a, b, dst = x.c.reg(v.a), x.c.reg(v.b), x.c.result(v)
    if lane == old or (lane != Q and has(x, "sse41")):
        two(x, rows[lane], a, b, dst)
        return
    greater = greater_than(x, lane, a, b, sign)
    if maximum:
        blend(x, greater, a, b, dst)
    else:
        blend(x, greater, b, a, dst)


def equal(x: X64Lower, lane: int, a: int, b: int, dst: int = -1) -> int:
    """All ones where a == b."""
    if lane == Q and not has(x, "sse41"):
        return sse2.equal_longs(x, a, b, dst)
    return two(x, PCMPEQ[lane], a, b, dst)


def greater_than(x: X64Lower, lane: int, a: int, b: int, sign: bool, dst: int = -1) -> int:
    """All ones where a > b; unsigned by turning the sign bits."""
    if not sign:
        size = 1 << lane
        top = constant(x, bytes(size - 1) + b"\x80")
        a, b = two(x, PXOR, a, top), two(x, PXOR, b, top)
    if lane == Q and not has(x, "sse42"):
        return sse2.greater_longs(x, a, b, dst)
    return two(x, PCMPGT[lane], a, b, dst)


@vector(ops.ICMP)
def icmp(x: X64Lower, v: Value) -> None:
    lane = lane_index(v.a.ty)
    cc = v.imm
    a, b, dst = x.c.reg(v.a), x.c.reg(v.b), x.c.result(v)
    if cc in (ops.SLT, ops.SGE, ops.ULT, ops.UGE):
        a, b = b, a
        cc = ops.INT_CC_SWAPPED[cc]
    if cc == ops.EQ:
        equal(x, lane, a, b, dst)
    elif cc == ops.NE:
        invert(x, equal(x, lane, a, b), dst)
    elif cc in (ops.SGT, ops.UGT):
        greater_than(x, lane, a, b, cc == ops.SGT, dst)
    else:
        invert(x, greater_than(x, lane, a, b, cc == ops.SLE), dst)


# ---- shifts ----


@vector(ops.ISHL, ops.USHR, ops.SSHR)
def shift(x: X64Lower, v: Value) -> None:
    c = x.c
    lane = lane_index(v.ty)
    bits = 8 << lane
    src, dst = c.reg(v.a), c.result(v)
    number = x.const_of(v.b)
    if number is not None and lane != B and (v.op != ops.SSHR or lane != Q):
        name = {ops.ISHL: "psll", ops.USHR: "psrl", ops.SSHR: "psra"}[v.op]
        shift_imm(x, name + LANES[lane], src, number & bits - 1, dst)
        return
    low = c.pair(v.b)[0] if v.b.ty == T.I128 else c.reg(v.b)
    count = c.new_int()
    x.binary(L.AND, L._L, count, low, Imm(bits - 1))
    amount = c.new_float()
    if lane == B and v.op == ops.SSHR:
        # Each byte above itself in 16 bits, then back.
        more = c.new_int()
        x.binary(L.ADD, L._L, more, count, Imm(8))
        x.unary_rm(L.MOVD_TO_X, amount, more)
        lower = two(x, PSRA[W], two(x, PUNPCKL[B], src, src), amount)
        upper = two(x, PSRA[W], two(x, PUNPCKH[B], src, src), amount)
        two(x, PACKSS[W], lower, upper, dst)
        return
    x.unary_rm(L.MOVD_TO_X, amount, count)
    if lane == B:
        rows = PSLL if v.op == ops.ISHL else PSRL
        every = c.new_float()
        x.emit_rm(L.MOVUPS_LOAD, [def_(every)], ones(x))
        # What a byte shifts into its neighbour is cut by shifting bytes of ones likewise.
        low_bytes = constant(x, b"\xff\0")
        kept = two(x, rows[W], two(x, PAND, every, low_bytes), amount)
        if v.op == ops.ISHL:
            kept = two(x, PAND, kept, low_bytes)
        mask = two(x, POR, kept, shift_imm(x, "psllw", kept, 8))
        two(x, PAND, two(x, rows[W], src, amount), mask, dst)
    elif v.op == ops.SSHR and lane == Q:
        # ((x >>> n) ^ m) - m, where m is the sign bit shifted alike.
        top = c.new_float()
        x.emit_rm(L.MOVUPS_LOAD, [def_(top)], constant(x, bytes(7) + b"\x80"))
        sign = two(x, PSRL[Q], top, amount)
        moved = two(x, PSRL[Q], src, amount)
        two(x, PSUB[Q], two(x, PXOR, moved, sign), sign, dst)
    else:
        rows = {ops.ISHL: PSLL, ops.USHR: PSRL, ops.SSHR: PSRA}[v.op]
        two(x, rows[lane], src, amount, dst)


# ---- widths ----


@vector(ops.SNARROW, ops.UNARROW)
def narrow(x: X64Lower, v: Value) -> None:
    lane = lane_index(v.a.ty)
    if lane == Q:
        narrow_longs(x, v)
        return
    rows = PACKSS if v.op == ops.SNARROW else PACKUS
    if v.op == ops.UNARROW and lane == D and not has(x, "sse41"):
        sse2.pack_unsigned(x, x.c.reg(v.a), x.c.reg(v.b), x.c.result(v))
        return
    two(x, rows[lane], x.c.reg(v.a), operand(x, v.b), x.c.result(v))


def narrow_longs(x: X64Lower, v: Value) -> None:
    """There is no such instruction. Doubles to the low words: NaN becomes zero, too large the
    largest, and too small what the conversion gives for everything that does not fit."""
    if v.op != ops.SNARROW:
        raise Unsupported(f"{ops.ROWS[v.op].name} of i64x2 on x86-64")
    dst = x.c.result(v)
    if v.a.op == ops.FCVT_TO_SINT_SAT and is_zero(x, v.b):
        src = x.c.reg(v.a.a)
        largest = constant(x, (0x41DFFFFFFFC00000).to_bytes(8, "little"))  # 2**31 - 1
        limit = two(x, L.ANDPS, compare(x, 1, _EQ_P, src, src), largest)
        one(x, CVTTPD2DQ, two(x, MINP[1], src, limit), dst)
        return
    words = []
    most, least = ((1 << 31) - 1).to_bytes(8, "little"), b"\0\0\0\x80\xff\xff\xff\xff"
    for value in (x.c.reg(v.a), x.c.reg(v.b)):
        for bound, is_most in ((most, True), (least, False)):
            limit = x.c.new_float()
            x.emit_rm(L.MOVUPS_LOAD, [def_(limit)], constant(x, bound))
            a, b = (value, limit) if is_most else (limit, value)
            chosen = x.c.new_float()
            blend(x, greater_than(x, Q, a, b, True), limit, value, chosen)
            value = chosen
        words.append(one(x, PSHUFD, value, -1, 0x08))
    two(x, PUNPCKL[Q], words[0], words[1], dst)


def is_zero(x: X64Lower, value: Value) -> bool:
    value = x.c.bearer(value)
    return value.op == ops.VCONST and isinstance(value.ext, bytes) and not any(value.ext)


@vector(ops.SWIDEN_LOW, ops.SWIDEN_HIGH, ops.UWIDEN_LOW, ops.UWIDEN_HIGH)
def widen(x: X64Lower, v: Value) -> None:
    sign = v.op in (ops.SWIDEN_LOW, ops.SWIDEN_HIGH)
    high = v.op in (ops.SWIDEN_HIGH, ops.UWIDEN_HIGH)
    lane, src, dst = lane_index(v.a.ty), x.c.reg(v.a), x.c.result(v)
    if not has(x, "sse41"):
        sse2.widen(x, lane, src, sign, high, dst)
        return
    if high:
        src = one(x, PSHUFD, src, -1, 0xEE)
    one(x, (PMOVSX if sign else PMOVZX)[lane], src, dst)


_LOADS: Final = {
    ops.ULOAD8X8: (PMOVZX, 0),
    ops.SLOAD8X8: (PMOVSX, 0),
    ops.ULOAD16X4: (PMOVZX, 1),
    ops.SLOAD16X4: (PMOVSX, 1),
    ops.ULOAD32X2: (PMOVZX, 2),
    ops.SLOAD32X2: (PMOVSX, 2),
}


@vector(*_LOADS)
def widening_load(x: X64Lower, v: Value) -> None:
    rows, lane = _LOADS[v.op]
    if not has(x, "sse41"):
        src = sse2.load_half(x, x.address_of(v))
        sse2.widen(x, lane, src, rows is PMOVSX, False, x.c.result(v))
        return
    x.emit_rm(rows[lane], [def_(x.c.result(v))], x.address_of(v))


@vector(ops.IADD_PAIRWISE)
def iadd_pairwise(x: X64Lower, v: Value) -> None:
    lane = lane_index(v.ty)
    if lane == Q:
        raise Unsupported(f"iadd_pairwise of {T.NAMES[v.ty]} on x86-64")
    low, high, dst = v.a, v.b, x.c.result(v)
    if low.op == ops.IMUL and high.op == ops.IMUL and lane == D:
        for a, b in ((high.a, high.b), (high.b, high.a)):
            one_, other = (
                halves(part, of, ops.SWIDEN_LOW, ops.SWIDEN_HIGH)
                for part, of in ((low.a, a), (low.b, b))
            )
            if one_ is not None and other is not None:
                two(x, PMADDWD, x.c.reg(one_), operand(x, other), dst)
                return
    for sign, op_low, op_high in (
        (True, ops.SWIDEN_LOW, ops.SWIDEN_HIGH),
        (False, ops.UWIDEN_LOW, ops.UWIDEN_HIGH),
    ):
        whole = halves(low, high, op_low, op_high)
        if whole is not None and (sign or lane == W) and (lane == D or has(x, "ssse3")):
            widened_sum(x, v, whole, lane, sign)
            return
    if lane == B or not has(x, "ssse3"):
        sse2.pairwise_sum(x, lane, x.c.reg(low), x.c.reg(high), dst)
        return
    two(x, PHADD[lane], x.c.reg(low), operand(x, high), dst)


def widened_sum(x: X64Lower, v: Value, whole: Value, lane: int, sign: bool) -> None:
    """Sums of neighbours: products by ones, added up."""
    dst = x.c.result(v)
    if lane == D:
        two(x, PMADDWD, x.c.reg(whole), constant(x, b"\1\0"), dst)
        return
    if not sign:  # pmaddubsw: bytes of the first are unsigned, of the second signed
        two(x, PMADDUBSW, x.c.reg(whole), constant(x, b"\1"), dst)
        return
    factors = x.c.new_float()
    x.emit_rm(L.MOVUPS_LOAD, [def_(factors)], constant(x, b"\1"))
    two(x, PMADDUBSW, factors, x.c.reg(whole), dst)


@vector(ops.SQMUL_ROUND_SAT, ops.X86_PMULHRSW)
def sqmul(x: X64Lower, v: Value) -> None:
    """pmulhrsw, and for the saturating one 0x8000 (from -1 * -1) turned to 0x7fff."""
    if v.ty != T.I16X8:
        raise Unsupported(f"{ops.ROWS[v.op].name} of {T.NAMES[v.ty]} on x86-64")
    a, b, dst = x.c.reg(v.a), x.c.reg(v.b), x.c.result(v)
    if v.op == ops.X86_PMULHRSW:
        need(x, v, "ssse3")
        two(x, PMULHRSW, a, b, dst)
    elif has(x, "ssse3"):
        product = two(x, PMULHRSW, a, b)
        over = two(x, PCMPEQ[W], product, constant(x, b"\0\x80"))
        two(x, PXOR, product, over, dst)
    else:
        sse2.multiply_rounded(x, a, b, dst)


@vector(ops.X86_PMADDUBSW)
def pmaddubsw(x: X64Lower, v: Value) -> None:
    need(x, v, "ssse3")
    two(x, PMADDUBSW, x.c.reg(v.b), x.c.reg(v.a), x.c.result(v))


@vector(ops.POPCNT)
def popcnt(x: X64Lower, v: Value) -> None:
    """Bits of each nibble from a table."""
    if v.ty != T.I8X16:
        raise Unsupported(f"popcnt of {T.NAMES[v.ty]} on x86-64")
    src = x.c.reg(v.a)
    if not has(x, "ssse3"):
        sse2.popcount(x, src, x.c.result(v))
        return
    nibble = constant(x, b"\x0f")
    counts = x.pool(bytes([n.bit_count() for n in range(16)]))
    table = x.c.new_float()
    x.emit_rm(L.MOVUPS_LOAD, [def_(table)], counts)
    low = two(x, PSHUFB, table, two(x, PAND, src, nibble))
    high = two(x, PSHUFB, table, two(x, PAND, shift_imm(x, "psrlw", src, 4), nibble))
    two(x, PADD[B], low, high, x.c.result(v))


@vector(ops.BLENDV)
def blendv(x: X64Lower, v: Value) -> None:
    lane_index(v.ty)
    blend(x, x.c.reg(v.a), x.c.reg(v.b), x.c.reg(v.c), x.c.result(v))


# ---- floats ----

_FLOAT: Final = {ops.FADD: ADDP, ops.FSUB: SUBP, ops.FMUL: MULP, ops.FDIV: DIVP}
_ROUND: Final = {ops.NEAREST: 0, ops.FLOOR: 1, ops.CEIL: 2, ops.TRUNC: 3}


@vector(*_FLOAT)
def float_binary(x: X64Lower, v: Value) -> None:
    two(x, _FLOAT[v.op][double(v.ty)], x.c.reg(v.a), operand(x, v.b), x.c.result(v))


@vector(ops.SQRT)
def sqrt(x: X64Lower, v: Value) -> None:
    one(x, SQRTP[double(v.ty)], x.c.reg(v.a), x.c.result(v))


@vector(*_ROUND)
def round_float(x: X64Lower, v: Value) -> None:
    which, src, dst = double(v.ty), x.c.reg(v.a), x.c.result(v)
    if has(x, "sse41"):
        one(x, ROUNDP[which], src, dst, _ROUND[v.op] | 8)
    else:
        sse2.round_floats(x, v.op, which, src, dst)


@vector(ops.FMA)
def fma(x: X64Lower, v: Value) -> None:
    if not has(x, "fma"):
        operands = [x.c.reg(v.a), x.c.reg(v.b), x.c.reg(v.c)]
        sse2.multiply_add(x, double(v.ty), operands, x.c.result(v))
        return
    operands = [use(x.c.reg(v.a)), def_reuse(x.c.result(v), 0), use(x.c.reg(v.b))]
    x.emit(FMADDP[double(v.ty)], [*operands, use(x.c.reg(v.c))])


def sign_bits(x: X64Lower, ty: int) -> Address:
    return constant(x, bytes(3 if double(ty) == 0 else 7) + b"\x80")


@vector(ops.FNEG)
def fneg(x: X64Lower, v: Value) -> None:
    two(x, L.XORPS, x.c.reg(v.a), sign_bits(x, v.ty), x.c.result(v))


@vector(ops.FABS)
def fabs(x: X64Lower, v: Value) -> None:
    rest = constant(x, b"\xff" * (3 if double(v.ty) == 0 else 7) + b"\x7f")
    two(x, L.ANDPS, x.c.reg(v.a), rest, x.c.result(v))


@vector(ops.FCOPYSIGN)
def fcopysign(x: X64Lower, v: Value) -> None:
    rest = constant(x, b"\xff" * (3 if double(v.ty) == 0 else 7) + b"\x7f")
    magnitude = two(x, L.ANDPS, x.c.reg(v.a), rest)
    sign = two(x, L.ANDPS, x.c.reg(v.b), sign_bits(x, v.ty))
    two(x, L.ORPS, magnitude, sign, x.c.result(v))


# Predicate of cmpps and whether the operands are swapped; ONE and UEQ need two.
_EQ_P, _LT_P, _LE_P, _UNORD_P, _NEQ_P, _NLT_P, _NLE_P, _ORD_P = range(8)
_CMP: Final = {
    ops.F_ORD: (_ORD_P, False),
    ops.F_UNO: (_UNORD_P, False),
    ops.F_EQ: (_EQ_P, False),
    ops.F_NE: (_NEQ_P, False),
    ops.F_LT: (_LT_P, False),
    ops.F_LE: (_LE_P, False),
    ops.F_GT: (_LT_P, True),
    ops.F_GE: (_LE_P, True),
    ops.F_UGT: (_NLE_P, False),
    ops.F_UGE: (_NLT_P, False),
    ops.F_ULT: (_NLE_P, True),
    ops.F_ULE: (_NLT_P, True),
}


def compare(x: X64Lower, which: int, predicate: int, a: int, b: int, dst: int = -1) -> int:
    if dst < 0:
        dst = x.c.new_float()
    x.emit(CMPP[which], [use(a), def_reuse(dst, 0), use(b)], predicate)
    return dst


@vector(ops.FCMP)
def fcmp(x: X64Lower, v: Value) -> None:
    which = double(v.a.ty)
    a, b, dst = x.c.reg(v.a), x.c.reg(v.b), x.c.result(v)
    if v.imm in (ops.F_ONE, ops.F_UEQ):
        differ = v.imm == ops.F_ONE
        first = compare(x, which, _NEQ_P if differ else _EQ_P, a, b)
        second = compare(x, which, _ORD_P if differ else _UNORD_P, a, b)
        two(x, L.ANDPS if differ else L.ORPS, first, second, dst)
        return
    predicate, swapped = _CMP[v.imm]
    if swapped:
        a, b = b, a
    compare(x, which, predicate, a, b, dst)


@vector(ops.FMIN, ops.FMAX)
def float_minmax(x: X64Lower, v: Value) -> None:
    """The machine gives its second operand for NaN and for two zeros: both orders combined give the
    sign of zeros; NaN is made quiet and canonical by clearing its payload."""
    which = double(v.ty)
    a, b = x.c.reg(v.a), x.c.reg(v.b)
    rows = MINP if v.op == ops.FMIN else MAXP
    first, second = two(x, rows[which], a, b), two(x, rows[which], b, a)
    if v.op == ops.FMIN:
        both = two(x, L.ORPS, first, second)
        nan = compare(x, which, _UNORD_P, first, second)
        both = two(x, L.ORPS, both, nan)
    else:
        differ = two(x, L.XORPS, first, second)
        joined = two(x, L.ORPS, first, differ)
        both = two(x, SUBP[which], joined, differ)
        nan = compare(x, which, _UNORD_P, joined, joined)
    payload = shift_imm(x, "psrlq" if which else "psrld", nan, 13 if which else 10)
    two(x, L.ANDNPS, payload, both, x.c.result(v))


@vector(ops.BITSELECT)
def bitselect(x: X64Lower, v: Value) -> None:
    """Where a comparison chooses between what it compares, it is the machine's minimum or maximum,
    which give their second operand when the comparison does not hold."""
    condition = x.c.bearer(v.a)
    if condition.op == ops.FCMP and condition.imm in (ops.F_LT, ops.F_GT):
        less = condition.imm == ops.F_LT
        a, b = x.c.bearer(condition.a), x.c.bearer(condition.b)
        chosen, other = x.c.bearer(v.b), x.c.bearer(v.c)
        if (a is chosen and b is other) or (a is other and b is chosen):
            rows = MINP if less == (a is chosen) else MAXP
            which = double(condition.a.ty)
            two(x, rows[which], x.c.reg(chosen), x.c.reg(other), x.c.result(v))
            return
    mask = x.c.reg(v.a)
    blend(x, mask, x.c.reg(v.b), x.c.reg(v.c), x.c.result(v))


# ---- conversions ----


@vector(ops.FVDEMOTE)
def fvdemote(x: X64Lower, v: Value) -> None:
    one(x, CVTPD2PS, x.c.reg(v.a), x.c.result(v))


@vector(ops.FVPROMOTE_LOW)
def fvpromote_low(x: X64Lower, v: Value) -> None:
    one(x, CVTPS2PD, x.c.reg(v.a), x.c.result(v))


@vector(ops.X86_CVTT2DQ)
def cvtt2dq(x: X64Lower, v: Value) -> None:
    if v.ty != T.I32X4:
        raise Unsupported(f"x86_cvtt2dq to {T.NAMES[v.ty]} on x86-64")
    one(x, CVTTPS2DQ, x.c.reg(v.a), x.c.result(v))


@vector(ops.FCVT_FROM_SINT)
def fcvt_from_sint(x: X64Lower, v: Value) -> None:
    same_lanes(v)
    if v.ty == T.F32X4:
        one(x, CVTDQ2PS, x.c.reg(v.a), x.c.result(v))
        return
    double(v.ty)
    if v.a.op == ops.SWIDEN_LOW:
        one(x, CVTDQ2PD, x.c.reg(v.a.a), x.c.result(v))
        return
    src = x.c.reg(v.a)
    parts = []
    for lane in (0, 1):
        word, value = x.c.new_int(), x.c.new_float()
        at = src if lane == 0 else one(x, PSHUFD, src, -1, 0xEE)
        x.emit(L.MOVQ_FROM_X, [def_(word), use(at)])
        x.emit(L.CVTSI2S[1][1], [use(zero(x)), def_reuse(value, 0), use(word)])
        parts.append(value)
    two(x, PUNPCKL[Q], parts[0], parts[1], x.c.result(v))


@vector(ops.FCVT_FROM_UINT)
def fcvt_from_uint(x: X64Lower, v: Value) -> None:
    """f32: upper and lower 16 bits apart, exact until the last addition. f64: both halves of the
    number as fractions of doubles with fixed exponents, likewise."""
    same_lanes(v)
    if v.ty == T.F64X2 and v.a.op == ops.UWIDEN_LOW:
        # Words below an exponent of 2**52, which then goes.
        exponent = constant(x, (0x43300000).to_bytes(4, "little"))
        number = two(x, PUNPCKL[D], x.c.reg(v.a.a), exponent)
        two(x, SUBP[1], number, constant(x, (0x4330 << 48).to_bytes(8, "little")), x.c.result(v))
        return
    src, dst = x.c.reg(v.a), x.c.result(v)
    if v.ty == T.F32X4:
        low = one(x, CVTDQ2PS, two(x, PAND, src, constant(x, b"\xff\xff\0\0")))
        high = one(x, CVTDQ2PS, shift_imm(x, "psrld", src, 16))
        scale = constant(x, (0x47800000).to_bytes(4, "little"))  # 65536.0
        two(x, ADDP[0], two(x, MULP[0], high, scale), low, dst)
        return
    double(v.ty)
    low_exponent = constant(x, (0x4330 << 48).to_bytes(8, "little"))  # 2**52
    high_exponent = constant(x, (0x4530 << 48).to_bytes(8, "little"))  # 2**84
    both = constant(x, (0x4530000000100000).to_bytes(8, "little"))  # 2**84 + 2**52
    low = two(x, POR, two(x, PAND, src, constant(x, b"\xff" * 4 + bytes(4))), low_exponent)
    high = two(x, POR, shift_imm(x, "psrlq", src, 32), high_exponent)
    two(x, ADDP[1], two(x, SUBP[1], high, both), low, dst)


@vector(ops.FCVT_TO_SINT_SAT)
def fcvt_to_sint_sat(x: X64Lower, v: Value) -> None:
    same_lanes(v)
    src, dst = x.c.reg(v.a), x.c.result(v)
    if v.ty == T.I32X4:
        number = two(x, L.ANDPS, src, compare(x, 0, _EQ_P, src, src))  # NaN to 0
        # Too large gives the sign bit alone: inverted it is the largest number.
        limit = x.c.new_float()
        power = constant(x, (0x4F000000).to_bytes(4, "little"))  # 2**31
        x.emit_rm(L.MOVUPS_LOAD, [def_(limit)], power)
        large = compare(x, 0, _LE_P, limit, number)
        two(x, PXOR, one(x, CVTTPS2DQ, number), large, dst)
        return
    if v.ty != T.I64X2:
        raise Unsupported(f"fcvt_to_sint_sat to {T.NAMES[v.ty]} on x86-64")
    by_lane(x, src, dst, signed_word)


@vector(ops.FCVT_TO_UINT_SAT)
def fcvt_to_uint_sat(x: X64Lower, v: Value) -> None:
    same_lanes(v)
    src, dst = x.c.reg(v.a), x.c.result(v)
    if v.ty == T.I32X4:
        number = two(x, MAXP[0], src, zero(x))  # NaN and negative to 0
        limit = x.c.new_float()
        power = constant(x, (0x4F000000).to_bytes(4, "little"))  # 2**31
        x.emit_rm(L.MOVUPS_LOAD, [def_(limit)], power)
        rest = two(x, SUBP[0], number, limit)
        large = compare(x, 0, _LE_P, limit, rest)
        more = two(x, PXOR, one(x, CVTTPS2DQ, rest), large)
        if has(x, "sse41"):
            positive = two(x, PMAXS[D], more, zero(x))
        else:
            positive = two(x, PAND, more, two(x, PCMPGT[D], more, zero(x)))
        two(x, PADD[D], one(x, CVTTPS2DQ, number), positive, dst)
        return
    if v.ty != T.I64X2:
        raise Unsupported(f"fcvt_to_uint_sat to {T.NAMES[v.ty]} on x86-64")
    by_lane(x, src, dst, unsigned_word)


def by_lane(x: X64Lower, src: int, dst: int, convert: Callable[[X64Lower, int], int]) -> None:
    """Convert both doubles to 64-bit integers."""
    parts = []
    for lane in (0, 1):
        at = src if lane == 0 else one(x, PSHUFD, src, -1, 0xEE)
        half = x.c.new_float()
        x.unary_rm(L.MOVQ_TO_X, half, convert(x, at))
        parts.append(half)
    two(x, PUNPCKL[Q], parts[0], parts[1], dst)


def signed_word(x: X64Lower, src: int) -> int:
    from grus.backend.x64.convert import float_power

    raw, capped, result = x.c.new_int(), x.c.new_int(), x.c.new_int()
    x.unary_rm(L.CVTTS2SI[1][1], raw, src)
    high, nothing = x.imm_reg((1 << 63) - 1), x.imm_reg(0)
    x.emit(L.UCOMIS[1], [use(src), use(float_power(x, 63, 1))])
    x.emit(L.CMOV[3][L.AE], [use(raw), def_reuse(capped, 0), use(high)])
    x.emit(L.UCOMIS[1], [use(src), use(src)])
    x.emit(L.CMOV[3][L.P], [use(capped), def_reuse(result, 0), use(nothing)])
    return result


def unsigned_word(x: X64Lower, src: int) -> int:
    from grus.backend.x64.convert import float_power, truncate_unsigned

    positive, raw, result = x.c.new_float(), x.c.new_int(), x.c.new_int()
    x.emit(L.MAXS[1], [use(src), def_reuse(positive, 0), use(zero(x))])
    truncate_unsigned(x, raw, positive, T.I64, 1)
    high = x.imm_reg((1 << 64) - 1)
    x.emit(L.UCOMIS[1], [use(positive), use(float_power(x, 64, 1))])
    x.emit(L.CMOV[3][L.AE], [use(raw), def_reuse(result, 0), use(high)])
    return result


@vector(ops.UUNARROW)
def uunarrow(x: X64Lower, v: Value) -> None:
    """Unsigned lanes: cut to the signed range of the pack first."""
    lane = lane_index(v.a.ty)
    dst = x.c.result(v)
    if lane == Q and v.a.op == ops.FCVT_TO_UINT_SAT and is_zero(x, v.b):
        # NaN and negative to 0, too large to the largest; with 2**52 added the low words are it.
        positive = two(x, MAXP[1], x.c.reg(v.a.a), zero(x))
        largest = constant(x, (0x41EFFFFFFFE00000).to_bytes(8, "little"))  # 2**32 - 1
        whole = truncated(x, 1, two(x, MINP[1], positive, largest))
        number = two(x, ADDP[1], whole, constant(x, (0x4330 << 48).to_bytes(8, "little")))
        two(x, SHUFPS, number, zero(x), dst, 0x88)
    elif lane == Q:
        # The low words, all ones where the high word is not zero.
        words = []
        for src in (x.c.reg(v.a), x.c.reg(v.b)):
            fits = equal(x, Q, shift_imm(x, "psrlq", src, 32), zero(x))
            over = two(x, PXOR, fits, ones(x))
            words.append(one(x, PSHUFD, two(x, POR, src, over), -1, 0x08))
        two(x, PUNPCKL[Q], words[0], words[1], dst)
    else:
        a, b = cut(x, lane, x.c.reg(v.a)), cut(x, lane, x.c.reg(v.b))
        if lane == D and not has(x, "sse41"):
            sse2.pack_unsigned(x, a, b, dst)
        else:
            two(x, PACKUS[lane], a, b, dst)


def truncated(x: X64Lower, which: int, src: int) -> int:
    """Floats without their fractions."""
    if has(x, "sse41"):
        return one(x, ROUNDP[which], src, -1, _ROUND[ops.TRUNC] | 8)
    dst = x.c.new_float()
    sse2.round_floats(x, ops.TRUNC, which, src, dst)
    return dst


def cut(x: X64Lower, lane: int, src: int) -> int:
    """Unsigned lanes of 16 or 32 bits, at most what half of their width can hold."""
    largest = constant(x, (b"\xff" * (1 << lane - 1)).ljust(1 << lane, b"\0"))
    if has(x, "sse41"):
        return two(x, PMINU[lane], src, largest)
    if lane == W:
        return two(x, PSUB[W], src, two(x, PSUBUS[W], src, largest))
    limit, dst = x.c.new_float(), x.c.new_float()
    x.emit_rm(L.MOVUPS_LOAD, [def_(limit)], largest)
    blend(x, greater_than(x, D, src, limit, False), limit, src, dst)
    return dst
