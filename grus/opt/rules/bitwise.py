"""And, or, exclusive or, not; counting and reversing bits.

Laws of this file:

1. Constants stand last and move out; constants of one operation that meet become one.
2. `x ^ -1` is `bnot`; a `bnot` moves out of and, or and exclusive or.
3. A mask that masks nothing goes away: what is known of the bits of a value decides.
"""

from __future__ import annotations

from grus.opt.lang.ir import (
    band,
    bitrev,
    bitselect,
    bmask,
    bnot,
    bor,
    bswap,
    bxor,
    clz,
    ctz,
    iadd,
    icmp,
    iconst,
    ineg,
    ireduce,
    ishl,
    isub,
    popcnt,
    select,
    sextend,
    sshr,
    ushr,
)
from grus.opt.lang.terms import CC, I32, I64, Bits, Const, Int, Lanes, Narrow, Vector128, when
from grus.opt.rules.base import Op, Parts, as_written, each, rule

_LOGIC = (band, bor, bxor)

# ---- constants ----


@rule
def and_zero(x: Int) -> Parts:
    return band(x, iconst(0)), iconst(0)


@rule
def and_ones(x: Int) -> Parts:
    return band(x, iconst(-1)), x


@rule
def or_zero(x: Int) -> Parts:
    return bor(x, iconst(0)), x


@rule
def or_ones(x: Int) -> Parts:
    return bor(x, iconst(-1)), iconst(-1)


@rule
def xor_zero(x: Int) -> Parts:
    return bxor(x, iconst(0)), x


@rule
def xor_ones(x: Int) -> Parts:
    return bxor(x, iconst(-1)), bnot(x)


@each(op=_LOGIC)
def logic_of_constants(op: Op, x: Int, k: Const, m: Const) -> Parts:
    return op(op(x, k), m), op(x, op(k, m))


@rule
def and_of_or_without(x: Int, k: Const, m: Const) -> Parts:
    return band(bor(x, k), m), band(x, m), when.disjoint(k, m)


@rule
def and_of_or_within(x: Int, k: Const, m: Const) -> Parts:
    return band(bor(x, k), m), m, when.within(m, k)


@rule
def and_of_xor_without(x: Int, k: Const, m: Const) -> Parts:
    return band(bxor(x, k), m), band(x, m), when.disjoint(k, m)


@rule
def and_of_sum_above(x: Int, k: Const, m: Const) -> Parts:
    "The addition changes only bits above the mask."
    return band(iadd(x, k), m), band(x, m), when.below_lowest_bit(m, k)


@rule
def or_of_and_with_rest(x: Int, k: Const, m: Const) -> Parts:
    return bor(band(x, k), m), bor(x, m), when.together_ones(k, m)


@rule
def or_of_and_within(x: Int, k: Const, m: Const) -> Parts:
    return bor(band(x, k), m), m, when.within(k, m)


@rule
def or_of_xor_within(x: Int, k: Const, m: Const) -> Parts:
    return bor(bxor(x, k), m), bor(x, m), when.within(k, m)


@rule
def xor_of_not(x: Int, k: Const) -> Parts:
    return bxor(bnot(x), k), bxor(x, bnot(k))


@rule
def not_of_xor(x: Int, k: Const) -> Parts:
    return bnot(bxor(x, k)), bxor(x, bnot(k))


@rule
def not_of_sum(x: Int, k: Const) -> Parts:
    return bnot(iadd(x, k)), isub(bnot(k), x)


@rule
def not_of_difference(x: Int, k: Const) -> Parts:
    return bnot(isub(k, x)), iadd(x, bnot(k))


@rule
def not_of_negated(x: Int) -> Parts:
    return bnot(ineg(x)), iadd(x, iconst(-1))


@each(op=_LOGIC)
def logic_constant_to_select(op: Op, c: Int, k: Const, m: Const, n: Const) -> Parts:
    return op(select(c, k, m), n), select(c, op(k, n), op(m, n))


@rule
def redundant_mask(x: Narrow, k: Const) -> Parts:
    return band(x, k), x, when.known_zero_somewhere(x, k), when.known_zero_outside(x, k)


@rule
def mask_of_zeros(x: Narrow, k: Const) -> Parts:
    return band(x, k), iconst(0), when.known_zero_somewhere(x, k), when.known_zero_inside(x, k)


# ---- a value with itself or its complement ----


@rule
def and_itself(x: Bits) -> Parts:
    return band(x, x), x


@rule
def or_itself(x: Bits) -> Parts:
    return bor(x, x), x


@rule
def xor_itself(x: Bits) -> Parts:
    return bxor(x, x), iconst(0)


@rule
def not_not(x: Bits) -> Parts:
    return bnot(bnot(x)), x


@rule
def and_not_itself(x: Bits) -> Parts:
    return band(x, bnot(x)), iconst(0)


@each(op=(bor, bxor))
def or_not_itself(op: Op, x: Bits) -> Parts:
    return op(x, bnot(x)), iconst(-1)


# ---- one operand again below ----


@rule
def and_or_absorbs(x: Bits, y: Bits) -> Parts:
    return band(x, bor(x, y)), x


@rule
def or_and_absorbs(x: Bits, y: Bits) -> Parts:
    return bor(x, band(x, y)), x


@each(op=(band, bor))
def logic_again(op: Op, x: Bits, y: Bits) -> Parts:
    return op(x, op(x, y)), op(x, y)


@rule
def xor_again(x: Bits, y: Bits) -> Parts:
    return bxor(x, bxor(x, y)), y


@rule
def or_xor(x: Bits, y: Bits) -> Parts:
    return bor(x, bxor(x, y)), bor(x, y)


@rule
def and_or_not(x: Bits, y: Bits) -> Parts:
    return band(x, bor(bnot(x), y)), band(x, y)


@rule
def or_and_not(x: Bits, y: Bits) -> Parts:
    return bor(x, band(bnot(x), y)), bor(x, y)


@rule
def and_xor_not_other(x: Bits, y: Bits) -> Parts:
    return band(x, bxor(x, bnot(y))), band(x, y)


@rule
def and_xor_not(x: Bits, y: Bits) -> Parts:
    return band(x, bxor(bnot(x), y)), band(x, y)


@rule
def and_not_xor(x: Bits, y: Bits) -> Parts:
    return band(x, bnot(bxor(x, y))), band(x, y)


@rule
def or_xor_not(x: Bits, y: Bits) -> Parts:
    return bor(x, bxor(bnot(x), y)), bor(x, bnot(y))


@rule
def or_not_xor(x: Bits, y: Bits) -> Parts:
    return bor(x, bnot(bxor(x, y))), bor(x, bnot(y))


@rule
def or_not_or(x: Bits, y: Bits) -> Parts:
    return bor(x, bnot(bor(x, y))), bor(x, bnot(y))


@rule
def and_not_and(x: Bits, y: Bits) -> Parts:
    return band(x, bnot(band(x, y))), band(x, bnot(y))


@rule
def and_not_or(x: Bits, y: Bits) -> Parts:
    return band(x, bnot(bor(x, y))), iconst(0)


@rule
def or_not_and(x: Bits, y: Bits) -> Parts:
    return bor(x, bnot(band(x, y))), iconst(-1)


@rule
def and_and_not(x: Bits, y: Bits) -> Parts:
    return band(x, band(bnot(x), y)), iconst(0)


@rule
def or_or_not(x: Bits, y: Bits) -> Parts:
    return bor(x, bor(bnot(x), y)), iconst(-1)


@rule
def not_with_and(x: Bits, y: Bits) -> Parts:
    return band(bnot(x), band(x, y)), iconst(0)


@rule
def not_with_or(x: Bits, y: Bits) -> Parts:
    return bor(bnot(x), bor(x, y)), iconst(-1)


@rule
def not_or_and(x: Bits, y: Bits) -> Parts:
    return bor(bnot(x), band(x, y)), bor(bnot(x), y)


@rule
def not_and_or(x: Bits, y: Bits) -> Parts:
    return band(bnot(x), bor(x, y)), band(bnot(x), y)


@rule
def not_or_xor(x: Bits, y: Bits) -> Parts:
    return bor(bnot(x), bxor(x, y)), bnot(band(x, y))


@rule
def not_xor_or(x: Bits, y: Bits) -> Parts:
    return bxor(bnot(x), bor(x, y)), bor(x, bnot(y))


@rule
def not_xor_and_not(x: Bits, y: Bits) -> Parts:
    return bxor(bnot(x), band(x, bnot(y))), bnot(band(x, y))


@rule
def xor_and_not(x: Bits, y: Bits) -> Parts:
    return bxor(x, band(bnot(x), y)), bor(x, y)


@rule
def xor_and(x: Bits, y: Bits) -> Parts:
    return bxor(x, band(x, y)), band(x, bnot(y))


@rule
def xor_or(x: Bits, y: Bits) -> Parts:
    return bxor(x, bor(x, y)), band(bnot(x), y)


@rule
def or_xor_of_three(x: Bits, y: Bits, z: Bits) -> Parts:
    return bor(x, bxor(bxor(x, y), z)), bor(x, bxor(y, z))


@rule
def or_and_of_xor(x: Bits, y: Bits, z: Bits) -> Parts:
    return bor(x, band(bxor(x, y), z)), bor(x, band(y, z))


@rule
def or_and_of_or(x: Bits, y: Bits, z: Bits) -> Parts:
    return bor(x, band(bor(x, y), z)), bor(x, band(y, z))


@rule
def and_or_of_and(x: Bits, y: Bits, z: Bits) -> Parts:
    return band(x, bor(band(x, y), z)), band(x, bor(y, z))


@rule
def or_xor_of_and(x: Bits, y: Bits, z: Bits) -> Parts:
    return bor(x, bxor(band(x, y), z)), bor(x, z)


# ---- two operations on the same two ----


@rule
def or_xor_same(x: Bits, y: Bits) -> Parts:
    return bor(bor(x, y), bxor(x, y)), bor(x, y)


@rule
def or_of_or_and_xor(x: Bits, y: Bits, z: Bits) -> Parts:
    return bor(bor(x, y), bxor(x, z)), bor(bor(x, y), z)


@rule
def and_xor_same(x: Bits, y: Bits) -> Parts:
    return band(bor(x, y), bxor(x, y)), bxor(x, y)


@rule
def and_and_xor_same(x: Bits, y: Bits) -> Parts:
    return band(band(x, y), bxor(x, y)), iconst(0)


@rule
def or_and_same(x: Bits, y: Bits) -> Parts:
    return bor(band(x, y), bxor(x, y)), bor(x, y)


@rule
def and_or_same(x: Bits, y: Bits) -> Parts:
    return band(band(x, y), bor(x, y)), band(x, y)


@rule
def or_or_and_same(x: Bits, y: Bits) -> Parts:
    return bor(band(x, y), bor(x, y)), bor(x, y)


@rule
def xor_or_and_same(x: Bits, y: Bits) -> Parts:
    return bxor(bor(x, y), band(x, y)), bxor(x, y)


@rule
def xor_and_xor_same(x: Bits, y: Bits) -> Parts:
    return bxor(band(x, y), bxor(x, y)), bor(x, y)


@rule
def xor_or_xor_same(x: Bits, y: Bits) -> Parts:
    return bxor(bor(x, y), bxor(x, y)), band(x, y)


@rule
def and_or_not_xor_same(x: Bits, y: Bits) -> Parts:
    return band(bor(x, y), bnot(bxor(x, y))), band(x, y)


@rule
def or_and_not_xor_same(x: Bits, y: Bits) -> Parts:
    return bor(band(x, y), bnot(bxor(x, y))), bnot(bxor(x, y))


@rule
def or_and_not_or_same(x: Bits, y: Bits) -> Parts:
    return bor(band(x, y), bnot(bor(x, y))), bnot(bxor(x, y))


@rule
def and_or_not_and_same(x: Bits, y: Bits) -> Parts:
    return band(bor(x, y), bnot(band(x, y))), bxor(x, y)


@rule
def or_and_with_and_not(x: Bits, y: Bits) -> Parts:
    return bor(band(x, y), band(x, bnot(y))), x


@rule
def and_or_with_or_not(x: Bits, y: Bits) -> Parts:
    return band(bor(x, y), bor(x, bnot(y))), x


@rule
def xor_or_with_or_not(x: Bits, y: Bits) -> Parts:
    return bxor(bor(x, y), bor(x, bnot(y))), bnot(x)


@rule
def xor_and_with_and_not(x: Bits, y: Bits) -> Parts:
    return bxor(band(x, y), band(x, bnot(y))), x


@rule
def or_of_and_nots(x: Bits, y: Bits) -> Parts:
    return bor(band(x, bnot(y)), band(bnot(x), y)), bxor(x, y)


@rule
def or_and_not_xor(x: Bits, y: Bits) -> Parts:
    return bor(band(x, bnot(y)), bxor(x, y)), bxor(x, y)


@rule
def or_and_not_with_not_or(x: Bits, y: Bits) -> Parts:
    return bor(band(bnot(x), y), bnot(bor(x, y))), bnot(x)


@rule
def and_or_not_with_not_and(x: Bits, y: Bits) -> Parts:
    return band(bor(bnot(x), y), bnot(band(x, y))), bnot(x)


@rule
def xor_or_not_with_xor(x: Bits, y: Bits) -> Parts:
    return bxor(bor(bnot(x), y), bxor(x, y)), bor(x, bnot(y))


@rule
def and_xor_of_three(x: Bits, y: Bits, z: Bits) -> Parts:
    return band(bxor(x, y), bxor(bxor(y, z), x)), band(bxor(x, y), bnot(z))


# ---- a common operand ----


@each(op=(bor, bxor))
def common_and(op: Op, x: Bits, y: Bits, z: Bits) -> Parts:
    return op(band(x, z), band(y, z)), band(op(x, y), z)


@rule
def common_or(x: Bits, y: Bits, z: Bits) -> Parts:
    return band(bor(x, z), bor(y, z)), bor(band(x, y), z)


@each(op=_LOGIC)
def common_shift_left(op: Op, x: Lanes, y: Lanes, n: Int) -> Parts:
    return op(ishl(x, n), ishl(y, n)), ishl(op(x, y), n)


@each(op=_LOGIC)
def common_shift_right(op: Op, x: Lanes, y: Lanes, n: Int) -> Parts:
    return op(ushr(x, n), ushr(y, n)), ushr(op(x, y), n)


@each(op=_LOGIC)
def common_shift_signed(op: Op, x: Lanes, y: Lanes, n: Int) -> Parts:
    return op(sshr(x, n), sshr(y, n)), sshr(op(x, y), n)


# ---- not ----


@each(op=(band, bor), opposite=(bor, band))
def not_moves_out(op: Op, opposite: Op, x: Bits, y: Bits) -> Parts:
    return op(bnot(x), bnot(y)), bnot(opposite(x, y))


@rule
def xor_of_nots(x: Bits, y: Bits) -> Parts:
    return bxor(bnot(x), bnot(y)), bxor(x, y)


@each(op=(band, bor), opposite=(bor, band))
def not_of_not_and(op: Op, opposite: Op, x: Bits, y: Bits) -> Parts:
    return bnot(op(bnot(x), y)), opposite(x, bnot(y))


@rule
def not_of_not_plus(x: Lanes, y: Lanes) -> Parts:
    return bnot(iadd(bnot(x), y)), isub(x, y)


@rule
def not_of_not_minus(x: Lanes, y: Lanes) -> Parts:
    return bnot(isub(bnot(x), y)), iadd(x, y)


# ---- constants move out ----


@each(op=_LOGIC)
def logic_constant_out(op: Op, x: Int, y: Int, k: Const) -> Parts:
    return op(op(x, k), y), op(op(x, y), k)


# ---- masks of all bits ----


@rule
def mask_from_sign(x: Int, k: Const) -> Parts:
    return sshr(bor(x, ineg(x)), k), bmask(x), when.is_top(k, x)


@rule
def mask_of_comparison(cc: CC, x: Int, y: Int) -> Parts:
    return bmask(icmp(cc, x, y)), ineg(icmp(cc, x, y))


@each(op=(sextend, ireduce))
def resized_mask(op: Op, x: Int) -> Parts:
    return op(bmask(x)), bmask(x)


# ---- bitselect ----


@rule
def bitselect_same(c: Lanes, x: Lanes) -> Parts:
    return bitselect(c, x, x), x


@rule
def bitselect_of_not(c: Lanes, x: Lanes, y: Lanes) -> Parts:
    return bitselect(bnot(c), x, y), bitselect(c, y, x)


@rule
def bitselect_from_logic(c: Vector128, x: Vector128, y: Vector128) -> Parts:
    return bor(band(c, x), band(bnot(c), y)), bitselect(c, x, y)


# ---- reversing, counting ----


@each(op=(bswap, bitrev))
def reversed_twice(op: Op, x: Int) -> Parts:
    return op(op(x)), x


@each(op=_LOGIC)
def logic_of_swapped(op: Op, x: Int, y: Int) -> Parts:
    return op(bswap(x), bswap(y)), bswap(op(x, y))


@each(op=(bswap, bitrev))
def reversed_not(op: Op, x: Int) -> Parts:
    return bnot(op(bnot(x))), op(x)


@each(count=(ctz, clz), back=(clz, ctz))
def count_reversed(count: Op, back: Op, x: Narrow) -> Parts:
    return count(bitrev(x)), back(x)


@each(op=(bswap, bitrev))
def ones_of_reversed(op: Op, x: Narrow) -> Parts:
    return popcnt(op(x)), popcnt(x)


@as_written
def swap_bytes_32(x: I32) -> Parts:
    "What LLVM makes of a byte swap for WebAssembly."
    low = bor(ishl(x, iconst(24)), ishl(band(x, iconst(0xFF00)), iconst(8)))
    high = bor(band(ushr(x, iconst(8)), iconst(0xFF00)), ushr(x, iconst(24)))
    return bor(low, high), bswap(x)


@as_written
def swap_bytes_64(x: I64) -> Parts:
    "What LLVM makes of a byte swap for WebAssembly."
    byte_1, byte_2, byte_3 = iconst(0xFF00), iconst(0xFF0000), iconst(0xFF000000)
    return (
        bor(
            bor(
                bor(ishl(x, iconst(56)), ishl(band(x, byte_1), iconst(40))),
                bor(ishl(band(x, byte_2), iconst(24)), ishl(band(x, byte_3), iconst(8))),
            ),
            bor(
                bor(band(ushr(x, iconst(8)), byte_3), band(ushr(x, iconst(24)), byte_2)),
                bor(band(ushr(x, iconst(40)), byte_1), ushr(x, iconst(56))),
            ),
        ),
        bswap(x),
    )
