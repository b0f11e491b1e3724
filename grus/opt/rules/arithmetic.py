"""Addition, subtraction, multiplication, negation, minimum, maximum.

Laws of this file:

1. Constants stand last and move out of sums; constants that meet become one.
2. `x - k` is `x + -k`; `0 - x` is `ineg`, `-1 - x` is `bnot`.
3. What is added and subtracted again goes away.
4. A multiplication by a power of two is a shift.
"""

from __future__ import annotations

from grus.opt.lang.ir import (
    band,
    bnot,
    bor,
    bxor,
    ctz,
    iabs,
    iadd,
    iconst,
    imul,
    ineg,
    ishl,
    isub,
    select,
    sextend,
    smax,
    smin,
    smulhi,
    sshr,
    uadd_overflow_trap,
    uextend,
    umax,
    umin,
    umulhi,
    ushr,
)
from grus.opt.lang.terms import SMAX, SMIN, Const, Imm, Int, Lanes, Narrow, Term, when
from grus.opt.rules.base import Op, Parts, each, rule

# ---- addition ----


@rule
def add_zero(x: Int) -> Parts:
    return iadd(x, iconst(0)), x


@rule
def add_to_not(x: Int, k: Const) -> Parts:
    "`~x` is `-1 - x`."
    return iadd(bnot(x), k), isub(iadd(k, iconst(-1)), x)


@rule
def add_add_constants(x: Int, k: Const, m: Const) -> Parts:
    return iadd(iadd(x, k), m), iadd(x, iadd(k, m))


@rule
def add_constant_minus(x: Int, k: Const, m: Const) -> Parts:
    return iadd(isub(k, x), m), isub(iadd(k, m), x)


@rule
def add_constant_to_or(x: Int, k: Const, m: Const) -> Parts:
    "What the or sets, the addition takes away."
    return iadd(bor(x, k), m), band(x, bnot(k)), when.negated(k, m)


@rule
def add_constant_to_select(c: Int, k: Const, m: Const, n: Const) -> Parts:
    return iadd(select(c, k, m), n), select(c, iadd(k, n), iadd(m, n))


@rule
def add_negated(x: Lanes, y: Lanes) -> Parts:
    return iadd(x, ineg(y)), isub(x, y)


@rule
def add_subtracted(x: Lanes, y: Lanes) -> Parts:
    return iadd(isub(x, y), y), x


@rule
def add_not(x: Lanes) -> Parts:
    return iadd(x, bnot(x)), iconst(-1)


@rule
def add_differences(x: Lanes, y: Lanes, z: Lanes) -> Parts:
    return iadd(isub(x, y), isub(z, x)), isub(z, y)


@rule
def add_difference_and_sum(x: Lanes, y: Lanes, z: Lanes) -> Parts:
    return iadd(isub(x, y), iadd(y, z)), iadd(x, z)


@rule
def add_sum_with_difference(x: Lanes, y: Lanes, z: Lanes) -> Parts:
    return iadd(x, iadd(y, isub(z, x))), iadd(y, z)


@rule
def add_and_xor(x: Lanes, y: Lanes) -> Parts:
    return iadd(band(x, y), bxor(x, y)), bor(x, y)


@rule
def add_and_or(x: Lanes, y: Lanes) -> Parts:
    return iadd(band(x, y), bor(x, y)), iadd(x, y)


@rule
def add_constant_out(x: Int, y: Int, k: Const) -> Parts:
    return iadd(iadd(x, k), y), iadd(iadd(x, y), k)


@rule
def add_constant_out_of_difference(x: Int, y: Int, k: Const) -> Parts:
    return iadd(isub(k, x), y), iadd(isub(y, x), k)


@each(op=(iadd, imul, band, bor, bxor))
def both_unsigned_extremes(op: Op, x: Lanes, y: Lanes) -> Parts:
    return op(umin(x, y), umax(x, y)), op(x, y)


@each(op=(iadd, imul, band, bor, bxor))
def both_signed_extremes(op: Op, x: Lanes, y: Lanes) -> Parts:
    return op(smin(x, y), smax(x, y)), op(x, y)


@rule
def add_shifted(x: Lanes, y: Lanes, n: Int) -> Parts:
    return iadd(ishl(x, n), ishl(y, n)), ishl(iadd(x, y), n)


# ---- subtraction ----


@rule
def sub_itself(x: Lanes) -> Parts:
    return isub(x, x), iconst(0)


@rule
def sub_from_zero(x: Int) -> Parts:
    return isub(iconst(0), x), ineg(x)


@rule
def sub_from_minus_one(x: Int) -> Parts:
    return isub(iconst(-1), x), bnot(x)


@rule
def sub_constant(x: Int, k: Const) -> Parts:
    return isub(x, k), iadd(x, ineg(k))


@rule
def sub_negated(x: Lanes, y: Lanes) -> Parts:
    return isub(x, ineg(y)), iadd(x, y)


@rule
def sub_not_from_constant(x: Int, k: Const) -> Parts:
    return isub(k, bnot(x)), iadd(x, iadd(k, iconst(1)))


@rule
def sub_sum_from_constant(x: Int, k: Const, m: Const) -> Parts:
    return isub(m, iadd(x, k)), isub(isub(m, k), x)


@rule
def sub_difference_from_constant(x: Int, k: Const, m: Const) -> Parts:
    return isub(m, isub(k, x)), iadd(x, isub(m, k))


@rule
def sub_select_from_constant(c: Int, k: Const, m: Const, n: Const) -> Parts:
    return isub(n, select(c, k, m)), select(c, isub(n, k), isub(n, m))


@rule
def sub_nots(x: Lanes, y: Lanes) -> Parts:
    return isub(bnot(x), bnot(y)), isub(y, x)


@rule
def sub_added(x: Lanes, y: Lanes) -> Parts:
    return isub(iadd(x, y), x), y


@rule
def sub_subtracted(x: Lanes, y: Lanes) -> Parts:
    return isub(isub(x, y), x), ineg(y)


@rule
def sub_sum_with_itself(x: Lanes, y: Lanes) -> Parts:
    return isub(x, iadd(x, y)), ineg(y)


@rule
def sub_difference_with_itself(x: Lanes, y: Lanes) -> Parts:
    return isub(x, isub(x, y)), y


@rule
def sub_sums(x: Lanes, y: Lanes, z: Lanes) -> Parts:
    return isub(iadd(x, y), iadd(x, z)), isub(y, z)


@rule
def sub_differences_from_same(x: Lanes, y: Lanes, z: Lanes) -> Parts:
    return isub(isub(x, y), isub(x, z)), isub(z, y)


@rule
def sub_differences_of_same(x: Lanes, y: Lanes, z: Lanes) -> Parts:
    return isub(isub(x, z), isub(y, z)), isub(x, y)


@rule
def sub_or_from_sum(x: Lanes, y: Lanes) -> Parts:
    return isub(iadd(x, y), bor(x, y)), band(x, y)


@rule
def sub_and_from_sum(x: Lanes, y: Lanes) -> Parts:
    return isub(iadd(x, y), band(x, y)), bor(x, y)


@rule
def sub_and_from_or(x: Lanes, y: Lanes) -> Parts:
    return isub(bor(x, y), band(x, y)), bxor(x, y)


@rule
def sub_xor_from_or(x: Lanes, y: Lanes) -> Parts:
    return isub(bor(x, y), bxor(x, y)), band(x, y)


@rule
def sub_operand_from_or(x: Lanes, y: Lanes) -> Parts:
    return isub(bor(x, y), y), band(x, bnot(y))


@rule
def sub_and_from_itself(x: Lanes, y: Lanes) -> Parts:
    return isub(x, band(x, y)), band(x, bnot(y))


@rule
def sub_and_from_and_not(x: Lanes, y: Lanes) -> Parts:
    return isub(band(x, bnot(y)), band(x, y)), isub(bxor(x, y), y)


@rule
def sub_and_not_from_and(x: Lanes, y: Lanes) -> Parts:
    return isub(band(x, y), band(x, bnot(y))), isub(y, bxor(x, y))


@rule
def sub_constant_out_left(x: Int, y: Int, k: Const) -> Parts:
    return isub(iadd(x, k), y), iadd(isub(x, y), k)


@rule
def sub_constant_out_right(x: Int, y: Int, k: Const) -> Parts:
    return isub(x, iadd(y, k)), iadd(isub(x, y), ineg(k))


@rule
def sub_constant_out_of_difference(x: Int, y: Int, k: Const) -> Parts:
    return isub(x, isub(k, y)), iadd(iadd(x, y), ineg(k))


@rule
def sub_shifted(x: Lanes, y: Lanes, n: Int) -> Parts:
    return isub(ishl(x, n), ishl(y, n)), ishl(isub(x, y), n)


# ---- negation, absolute value ----


@rule
def negate_negated(x: Lanes) -> Parts:
    return ineg(ineg(x)), x


@rule
def negate_difference(x: Lanes, y: Lanes) -> Parts:
    return ineg(isub(x, y)), isub(y, x)


@rule
def negate_not(x: Int) -> Parts:
    return ineg(bnot(x)), iadd(x, iconst(1))


@rule
def negate_sum(x: Int, k: Const) -> Parts:
    return ineg(iadd(x, k)), isub(ineg(k), x)


@rule
def negate_product(x: Int, k: Const) -> Parts:
    return ineg(imul(x, k)), imul(x, ineg(k))


@rule
def negate_product_of_negated(x: Lanes, y: Lanes) -> Parts:
    return ineg(imul(ineg(x), y)), imul(x, y)


@rule
def absolute_of_negated(x: Lanes) -> Parts:
    return iabs(ineg(x)), iabs(x)


@rule
def absolute_of_absolute(x: Lanes) -> Parts:
    return iabs(iabs(x)), iabs(x)


# ---- multiplication ----


@rule
def mul_zero(x: Int) -> Parts:
    return imul(x, iconst(0)), iconst(0)


@rule
def mul_one(x: Int) -> Parts:
    return imul(x, iconst(1)), x


@rule
def mul_minus_one(x: Int) -> Parts:
    return imul(x, iconst(-1)), ineg(x)


@rule
def mul_power_of_two(x: Int, k: Const) -> Parts:
    return imul(x, k), ishl(x, ctz(k)), when.power_of_two(k)


@rule
def mul_mul_constants(x: Int, k: Const, m: Const) -> Parts:
    return imul(imul(x, k), m), imul(x, imul(k, m))


@rule
def mul_shifted(x: Int, k: Const, m: Const) -> Parts:
    return imul(ishl(x, k), m), imul(x, ishl(m, k))


@rule
def mul_negated_by_constant(x: Int, k: Const) -> Parts:
    return imul(ineg(x), k), imul(x, ineg(k))


@rule
def mul_negated(x: Lanes, y: Lanes) -> Parts:
    return imul(ineg(x), ineg(y)), imul(x, y)


@rule
def mul_by_shifted_one(x: Int, n: Int) -> Parts:
    return imul(x, ishl(iconst(1), n)), ishl(x, n)


@rule
def mul_constant_to_select(c: Int, k: Const, m: Const, n: Const) -> Parts:
    return imul(select(c, k, m), n), select(c, imul(k, n), imul(m, n))


@rule
def mul_constant_out(x: Int, y: Int, k: Const) -> Parts:
    return imul(imul(x, k), y), imul(imul(x, y), k)


@rule
def high_of_signed_product(x: Narrow, y: Narrow, k: Const) -> Parts:
    return sshr(imul(sextend(x), sextend(y)), k), sextend(smulhi(x, y)), when.is_width(k, x)


@rule
def high_of_unsigned_product(x: Narrow, y: Narrow, k: Const) -> Parts:
    return ushr(imul(uextend(x), uextend(y)), k), uextend(umulhi(x, y)), when.is_width(k, x)


# ---- sums that may trap ----


@rule
def cannot_overflow(x: Int, y: Int, code: Imm) -> Parts:
    "Two numbers of half the width."
    return uadd_overflow_trap(uextend(x), uextend(y), code), iadd(uextend(x), uextend(y))


@rule
def add_zero_or_trap(x: Int, code: Imm) -> Parts:
    return uadd_overflow_trap(x, iconst(0), code), x


# ---- minimum and maximum ----


@each(op=(smin, smax, umin, umax))
def extreme_of_one(op: Op, x: Lanes) -> Parts:
    return op(x, x), x


@each(op=(smin, smax, umin, umax))
def extreme_of_constants(op: Op, x: Int, k: Const, m: Const) -> Parts:
    return op(op(x, k), m), op(x, op(k, m))


@each(op=(smin, smax, umin, umax), k=(SMIN, SMAX, 0, -1))
def extreme_reached(op: Op, k: Term | int, x: Int) -> Parts:
    return op(x, iconst(k)), iconst(k)


@each(op=(smin, smax, umin, umax), k=(SMAX, SMIN, -1, 0))
def extreme_not_reached(op: Op, k: Term | int, x: Int) -> Parts:
    return op(x, iconst(k)), x


@each(op=(smin, smax, umin, umax))
def extreme_again(op: Op, x: Lanes, y: Lanes) -> Parts:
    return op(op(x, y), x), op(x, y)


@each(op=(smin, smax, umin, umax), other=(smax, smin, umax, umin))
def extreme_absorbed(op: Op, other: Op, x: Lanes, y: Lanes) -> Parts:
    return op(other(x, y), x), x


# z is x or y, whichever of the two it is: so it takes part in op(x, y) already.
_SELF = (smin, smin, smin, smax, smax, smax, umin, umin, umin, umax, umax, umax)
_REST = (smax, umin, umax, smin, umin, umax, smin, smax, umax, smin, smax, umin)


@each(op=_SELF, z=_REST)
def extreme_of_extreme(op: Op, z: Op, x: Lanes, y: Lanes) -> Parts:
    return op(op(x, y), z(x, y)), op(x, y)


@each(
    op=(smin, smin, smax, smax, umin, umin, umax, umax),
    other=(smax, smax, smin, smin, umax, umax, umin, umin),
    z=(umin, umax, umin, umax, smin, smax, smin, smax),
)
def extreme_of_opposite(op: Op, other: Op, z: Op, x: Lanes, y: Lanes) -> Parts:
    return op(other(x, y), z(x, y)), z(x, y)


@each(op=(smin, smax, umin, umax), low=(umin, umin, smin, smin), high=(umax, umax, smax, smax))
def extreme_of_both(op: Op, low: Op, high: Op, x: Lanes, y: Lanes) -> Parts:
    return op(low(x, y), high(x, y)), op(x, y)


@each(op=(smin, smax, umin, umax), opposite=(smax, smin, umax, umin))
def extreme_of_nots(op: Op, opposite: Op, x: Lanes, y: Lanes) -> Parts:
    "`bnot` turns either order round."
    return op(bnot(x), bnot(y)), bnot(opposite(x, y))
