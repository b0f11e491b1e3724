"""Meanings of the opcodes that move lanes about (see `meanings.py`)."""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir.domain import B, Domain
from grus.ir.meanings import Shape, whole
from grus.ir.semantics_int import clamp


@whole(ops.VCONST)
def vconst(d: Domain[B], s: Shape) -> B:
    return d.const(s.bits, int.from_bytes(s.data, "little"))


@whole(ops.SPLAT)
def splat(d: Domain[B], s: Shape, x: B) -> B:
    return d.join(s.w, [x] * s.lanes)


@whole(ops.SCALAR_TO_VECTOR)
def scalar_to_vector(d: Domain[B], s: Shape, x: B) -> B:
    return d.zext(s.w, s.bits, x)


@whole(ops.INSERTLANE)
def insertlane(d: Domain[B], s: Shape, x: B, y: B) -> B:
    lanes = d.split(s.w, s.lanes, x)
    lanes[s.imm] = y
    return d.join(s.w, lanes)


@whole(ops.EXTRACTLANE)
def extractlane(d: Domain[B], s: Shape, x: B) -> B:
    return d.extract(s.imm * s.w + s.w - 1, s.imm * s.w, x)


@whole(ops.EXTRACT_VECTOR)
def extract_vector(d: Domain[B], s: Shape, x: B) -> B:
    # A dynamic vector is one fixed vector here: its scale is 1.
    return x


@whole(ops.SHUFFLE)
def shuffle(d: Domain[B], s: Shape, x: B, y: B) -> B:
    lanes = d.split(8, 16, x) + d.split(8, 16, y)
    zero = d.const(8, 0)
    return d.join(8, [lanes[i] if i < 32 else zero for i in s.data])


def _pick(d: Domain[B], x: B, index: B, in_range: B) -> B:
    """Byte `index` (an 8-bit value below 16) of the 128-bit `x`, or 0."""
    amount = d.shl(128, d.zext(8, 128, index), d.const(128, 3))
    byte = d.extract(7, 0, d.lshr(128, x, amount))
    return d.ite(8, in_range, byte, d.const(8, 0))


@whole(ops.SWIZZLE)
def swizzle(d: Domain[B], s: Shape, x: B, y: B) -> B:
    low_bits = d.const(8, 15)
    return d.join(
        8,
        [
            _pick(d, x, d.and_(8, i, low_bits), d.ult(8, i, d.const(8, 16)))
            for i in d.split(8, 16, y)
        ],
    )


@whole(ops.X86_PSHUFB)
def x86_pshufb(d: Domain[B], s: Shape, x: B, y: B) -> B:
    low_bits = d.const(8, 15)
    return d.join(
        8,
        [
            _pick(d, x, d.and_(8, i, low_bits), d.ult(8, i, d.const(8, 128)))
            for i in d.split(8, 16, y)
        ],
    )


# ---- lanes to one scalar ----


@whole(ops.VANY_TRUE)
def vany_true(d: Domain[B], s: Shape, x: B) -> B:
    return d.zext(1, 8, d.not_(1, d.eq(s.src_bits, x, d.const(s.src_bits, 0))))


@whole(ops.VALL_TRUE)
def vall_true(d: Domain[B], s: Shape, x: B) -> B:
    zero = d.const(s.src, 0)
    some_zero = d.const(1, 0)
    for lane in d.split(s.src, s.src_lanes, x):
        some_zero = d.or_(1, some_zero, d.eq(s.src, lane, zero))
    return d.zext(1, 8, d.not_(1, some_zero))


@whole(ops.VHIGH_BITS)
def vhigh_bits(d: Domain[B], s: Shape, x: B) -> B:
    top = s.src - 1
    count = min(s.src_lanes, s.w)
    bits = [d.extract(i * s.src + top, i * s.src + top, x) for i in range(count)]
    return d.zext(count, s.w, d.join(1, bits))


# ---- narrowing and widening ----


def _narrow(d: Domain[B], s: Shape, is_signed: bool, x: B, y: B) -> B:
    lanes = d.split(s.src, s.src_lanes, x) + d.split(s.src, s.src_lanes, y)
    return d.join(s.w, [clamp(d, s.src, s.w, is_signed, lane) for lane in lanes])


@whole(ops.SNARROW)
def snarrow(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return _narrow(d, s, True, x, y)


@whole(ops.UNARROW)
def unarrow(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return _narrow(d, s, False, x, y)


@whole(ops.UUNARROW)
def uunarrow(d: Domain[B], s: Shape, x: B, y: B) -> B:
    largest = d.const(s.src, (1 << s.w) - 1)
    lanes = d.split(s.src, s.src_lanes, x) + d.split(s.src, s.src_lanes, y)
    return d.join(
        s.w,
        [
            d.extract(s.w - 1, 0, d.ite(s.src, d.ult(s.src, largest, lane), largest, lane))
            for lane in lanes
        ],
    )


@whole(ops.SWIDEN_LOW)
def swiden_low(d: Domain[B], s: Shape, x: B) -> B:
    return d.join(s.w, [d.sext(s.src, s.w, lane) for lane in d.split(s.src, s.lanes, x)])


@whole(ops.UWIDEN_LOW)
def uwiden_low(d: Domain[B], s: Shape, x: B) -> B:
    return d.join(s.w, [d.zext(s.src, s.w, lane) for lane in d.split(s.src, s.lanes, x)])


@whole(ops.SWIDEN_HIGH)
def swiden_high(d: Domain[B], s: Shape, x: B) -> B:
    high = d.split(s.src, s.src_lanes, x)[s.lanes :]
    return d.join(s.w, [d.sext(s.src, s.w, lane) for lane in high])


@whole(ops.UWIDEN_HIGH)
def uwiden_high(d: Domain[B], s: Shape, x: B) -> B:
    high = d.split(s.src, s.src_lanes, x)[s.lanes :]
    return d.join(s.w, [d.zext(s.src, s.w, lane) for lane in high])


@whole(ops.IADD_PAIRWISE)
def iadd_pairwise(d: Domain[B], s: Shape, x: B, y: B) -> B:
    lanes = d.split(s.w, s.lanes, x) + d.split(s.w, s.lanes, y)
    return d.join(s.w, [d.add(s.w, lanes[i], lanes[i + 1]) for i in range(0, 2 * s.lanes, 2)])


@whole(ops.X86_PMADDUBSW)
def x86_pmaddubsw(d: Domain[B], s: Shape, x: B, y: B) -> B:
    # 17 bits hold the exact sum of two products of a signed and an unsigned byte.
    products = [
        d.mul(17, d.sext(8, 17, a), d.zext(8, 17, b))
        for a, b in zip(d.split(8, 16, x), d.split(8, 16, y), strict=True)
    ]
    sums = [d.add(17, products[i], products[i + 1]) for i in range(0, 16, 2)]
    return d.join(16, [clamp(d, 17, 16, True, total) for total in sums])


# ---- bitcast ----


def swap_lanes_bytes(d: Domain[B], w: int, lanes: int, x: B) -> B:
    """The bytes of each lane of w bits reversed."""
    size = w // 8
    parts = d.split(8, size * lanes, x)
    swapped: list[B] = []
    for i in range(0, size * lanes, size):
        swapped.extend(reversed(parts[i : i + size]))
    return d.join(8, swapped)


@whole(ops.BITCAST)
def bitcast(d: Domain[B], s: Shape, x: B) -> B:
    # As if stored and loaded again: the byte order matters when the lanes differ.
    if not s.big or s.src == s.w:
        return x
    return swap_lanes_bytes(d, s.w, s.lanes, swap_lanes_bytes(d, s.src, s.src_lanes, x))
