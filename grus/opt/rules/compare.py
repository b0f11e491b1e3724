"""Comparisons of integers.

Laws of this file:

1. Constants stand last; what is done to both sides, or to the side of a constant, is undone.
2. A comparison with a border of the range is a constant or one with equality; next to a border, one
   with the border; 0 is the border that is liked best.
3. Comparisons of the same two values are one; a comparison of a comparison is that comparison.
"""

from __future__ import annotations

from grus.opt.lang.ir import (
    band,
    bitrev,
    bmask,
    bnot,
    bor,
    bswap,
    bxor,
    clz,
    ctz,
    eq,
    fcmp,
    iabs,
    iadd,
    icmp,
    iconst,
    imul,
    ineg,
    ireduce,
    ishl,
    isub,
    ne,
    popcnt,
    rotl,
    rotr,
    select,
    sextend,
    sge,
    sgt,
    sle,
    slt,
    smax,
    smin,
    sshr,
    uextend,
    uge,
    ugt,
    ule,
    ult,
    umax,
    umin,
    ushr,
)
from grus.opt.lang.terms import CC, SMAX, SMIN, Const, FloatCC, Int, Narrow, Scalar, Term, do, when
from grus.opt.rules.base import Op, Parts, by, each, rule

# ---- a value with itself, and borders of the range ----


@rule
def compare_itself_true(cc: CC, x: Int) -> Parts:
    return icmp(cc, x, x), iconst(1), when.holds_for_equal(cc)


@rule
def compare_itself_false(cc: CC, x: Int) -> Parts:
    return icmp(cc, x, x), iconst(0), when.fails_for_equal(cc)


@each(op=(ult, ugt, slt, sgt), k=(0, -1, SMIN, SMAX))
def past_border(op: Op, k: Term | int, x: Int) -> Parts:
    return op(x, iconst(k)), iconst(0)


@each(op=(uge, ule, sge, sle), k=(0, -1, SMIN, SMAX))
def within_border(op: Op, k: Term | int, x: Int) -> Parts:
    return op(x, iconst(k)), iconst(1)


@each(op=(ule, uge, sle, sge), k=(0, -1, SMIN, SMAX), measure="condition")
def at_border(op: Op, k: Term | int, x: Int) -> Parts:
    return op(x, iconst(k)), eq(x, iconst(k))


@each(op=(ugt, ult, sgt, slt), k=(0, -1, SMIN, SMAX), measure="condition")
def not_at_border(op: Op, k: Term | int, x: Int) -> Parts:
    return op(x, iconst(k)), ne(x, iconst(k))


@by("condition")
def below_one(x: Int) -> Parts:
    return ult(x, iconst(1)), eq(x, iconst(0))


@by("condition")
def not_below_one(x: Int) -> Parts:
    return uge(x, iconst(1)), ne(x, iconst(0))


@by("condition")
def at_least_largest_but_one(x: Int) -> Parts:
    return ugt(x, iconst(-2)), eq(x, iconst(-1))


@by("condition")
def at_most_largest_but_one(x: Int) -> Parts:
    return ule(x, iconst(-2)), ne(x, iconst(-1))


@each(
    op=(sge, slt, sgt, sle),
    k=(1, 1, -1, -1),
    other=(sgt, sle, sge, slt),
    measure="condition",
)
def beside_zero(op: Op, k: int, other: Op, x: Int) -> Parts:
    return op(x, iconst(k)), other(x, iconst(0))


@each(op=(ult, uge), k=(SMIN, SMIN), other=(sge, slt), measure="condition")
def unsigned_with_smin(op: Op, k: Term, other: Op, x: Int) -> Parts:
    "The top bit of an unsigned number is the sign of a signed one."
    return op(x, iconst(k)), other(x, iconst(0))


@each(op=(ule, ugt), k=(SMAX, SMAX), other=(sge, slt), measure="condition")
def unsigned_with_smax(op: Op, k: Term, other: Op, x: Int) -> Parts:
    return op(x, iconst(k)), other(x, iconst(0))


@by("condition")
def test_of_bit(x: Int, k: Const) -> Parts:
    return eq(band(x, k), k), ne(band(x, k), iconst(0)), when.power_of_two(k)


@by("condition")
def test_of_no_bit(x: Int, k: Const) -> Parts:
    return ne(band(x, k), k), eq(band(x, k), iconst(0)), when.power_of_two(k)


# ---- equality: undo what was done ----


@each(op=(eq, ne), dying=True)
def equal_sum_constant(op: Op, x: Int, k: Const, m: Const) -> Parts:
    "A sum that lives on would have x live beside it, round a loop."
    return op(iadd(x, k), m), op(x, isub(m, k))


@each(op=(eq, ne))
def equal_difference_constant(op: Op, x: Int, k: Const, m: Const) -> Parts:
    return op(isub(k, x), m), op(x, isub(k, m))


@each(op=(eq, ne))
def equal_xor_constant(op: Op, x: Int, k: Const, m: Const) -> Parts:
    return op(bxor(x, k), m), op(x, bxor(k, m))


@each(op=(eq, ne))
def equal_negated_constant(op: Op, x: Int, k: Const) -> Parts:
    return op(ineg(x), k), op(x, ineg(k))


@each(op=[eq, ne] * 3, inner=(bnot, bnot, bswap, bswap, bitrev, bitrev))
def equal_reversed_constant(op: Op, inner: Op, x: Int, k: Const) -> Parts:
    return op(inner(x), k), op(x, inner(k))


@each(op=(eq, ne))
def equal_rotated_constant(op: Op, x: Int, k: Const, m: Const) -> Parts:
    return op(rotl(x, k), m), op(x, rotr(m, k))


_REVERSALS = (bnot, bnot, bswap, bswap, bitrev, bitrev)


@each(op=(eq, ne, *[eq, ne] * 3), inner=(ineg, ineg, *_REVERSALS))
def equal_unary(op: Op, inner: Op, x: Int, y: Int) -> Parts:
    return op(inner(x), inner(y)), op(x, y)


@each(op=(eq, ne))
def equal_rotated_zero(op: Op, x: Int, n: Int) -> Parts:
    return op(rotl(x, n), iconst(0)), op(x, iconst(0))


@each(op=(eq, ne))
def equal_rotated_ones(op: Op, x: Int, n: Int) -> Parts:
    return op(rotl(x, n), iconst(-1)), op(x, iconst(-1))


@each(op=(eq, ne, eq, ne, eq, ne), inner=(popcnt, popcnt, iabs, iabs, bmask, bmask))
def equal_zero(op: Op, inner: Op, x: Int) -> Parts:
    return op(inner(x), iconst(0)), op(x, iconst(0))


@each(op=(eq, ne))
def equal_product_of_odd(op: Op, x: Narrow, k: Const, m: Const) -> Parts:
    "Multiplication by an odd number has an inverse."
    return op(imul(x, k), m), op(x, imul(m, iconst(do.inverse_of(k)))), when.odd(k)


@each(op=(eq, ne, eq, ne), inner=(iadd, iadd, bxor, bxor))
def equal_with_common(op: Op, inner: Op, x: Int, y: Int, z: Int) -> Parts:
    return op(inner(x, z), inner(y, z)), op(x, y)


@each(op=(eq, ne))
def equal_differences_of_same(op: Op, x: Int, y: Int, z: Int) -> Parts:
    return op(isub(x, z), isub(y, z)), op(x, y)


@each(op=(eq, ne))
def equal_differences_from_same(op: Op, x: Int, y: Int, z: Int) -> Parts:
    return op(isub(z, x), isub(z, y)), op(x, y)


@each(op=(eq, ne))
def equal_sums_with_constants(op: Op, x: Int, y: Int, k: Const, m: Const) -> Parts:
    return op(iadd(x, k), iadd(y, m)), op(x, iadd(y, isub(m, k)))


@each(op=(eq, ne, eq, ne), inner=(iadd, iadd, bxor, bxor))
def equal_with_one_more(op: Op, inner: Op, x: Int, y: Int) -> Parts:
    return op(inner(x, y), x), op(y, iconst(0))


@each(op=(eq, ne))
def equal_with_one_less(op: Op, x: Int, y: Int) -> Parts:
    return op(isub(x, y), x), op(y, iconst(0))


@each(op=(eq, ne, eq, ne), inner=(isub, isub, bxor, bxor))
def no_difference(op: Op, inner: Op, x: Int, y: Int) -> Parts:
    return op(inner(x, y), iconst(0)), op(x, y)


@each(op=(eq, ne), value=(0, 1))
def equal_to_own_not(op: Op, value: int, x: Int) -> Parts:
    return op(bnot(x), x), iconst(value)


@each(op=(eq, ne))
def equal_masked_not(op: Op, x: Int, y: Int) -> Parts:
    return op(band(x, bnot(y)), bnot(y)), op(bor(x, y), iconst(-1))


@each(op=(eq, ne), other=(ult, uge))
def high_bits_zero(op: Op, other: Op, x: Narrow, k: Const) -> Parts:
    return op(ushr(x, k), iconst(0)), other(x, ishl(iconst(1), k))


@each(op=(eq, ne), other=(ne, eq))
def no_trailing_zeros(op: Op, other: Op, x: Narrow) -> Parts:
    return op(ctz(x), iconst(0)), other(band(x, iconst(1)), iconst(0))


@each(op=(eq, ne), other=(slt, sge))
def no_leading_zeros(op: Op, other: Op, x: Narrow) -> Parts:
    return op(clz(x), iconst(0)), other(x, iconst(0))


# ---- both sides ----


@rule
def compare_nots(cc: CC, x: Int, y: Int) -> Parts:
    return icmp(cc, bnot(x), bnot(y)), icmp(do.swapped(cc), x, y)


@rule
def compare_not_with_constant(cc: CC, x: Int, k: Const) -> Parts:
    return icmp(cc, bnot(x), k), icmp(do.swapped(cc), x, bnot(k))


@each(op=(eq, ne))
def truth_of_reduced(op: Op, x: Narrow) -> Parts:
    left = op(ireduce(x), iconst(0))
    return left, op(x, iconst(0)), when.known_to_fit(x, ireduce(x))


@rule
def compare_zero_extended(cc: CC, x: Int, y: Int) -> Parts:
    return icmp(cc, uextend(x), uextend(y)), icmp(do.without_sign(cc), x, y)


@rule
def compare_sign_extended(cc: CC, x: Int, y: Int) -> Parts:
    return icmp(cc, sextend(x), sextend(y)), icmp(cc, x, y)


@rule
def compare_zero_extended_constant(cc: CC, x: Narrow, k: Const) -> Parts:
    right = icmp(do.without_sign(cc), x, ireduce(k))
    return icmp(cc, uextend(x), k), right, when.zero_extended(k, x)


@rule
def compare_sign_extended_constant(cc: CC, x: Narrow, k: Const) -> Parts:
    return icmp(cc, sextend(x), k), icmp(cc, x, ireduce(k)), when.sign_extended(k, x)


@each(op=(eq, ne, ult, ule, ugt, uge), value=(0, 1, 1, 1, 0, 0))
def compare_zero_extended_past(op: Op, value: int, x: Narrow, k: Const) -> Parts:
    return op(uextend(x), k), iconst(value), when.not_zero_extended(k, x)


@each(op=(slt, sge))
def sign_of_signed_shift(op: Op, x: Int, n: Int) -> Parts:
    return op(sshr(x, n), iconst(0)), op(x, iconst(0))


@each(op=(slt, sge), other=(ne, eq))
def sign_of_mask(op: Op, other: Op, x: Int) -> Parts:
    return op(bmask(x), iconst(0)), other(x, iconst(0))


# ---- order ----


@each(
    op=(sge, sle, uge, ule, slt, sgt, ult, ugt),
    extreme=(smax, smin, umax, umin, smax, smin, umax, umin),
    value=(1, 1, 1, 1, 0, 0, 0, 0),
)
def compare_extreme(op: Op, extreme: Op, value: int, x: Int, y: Int) -> Parts:
    return op(extreme(x, y), x), iconst(value)


@each(
    op=(eq, eq, eq, eq, ne, ne, ne, ne),
    extreme=(smin, smax, umin, umax, smin, smax, umin, umax),
    order=(sle, sge, ule, uge, sgt, slt, ugt, ult),
)
def extreme_is_operand(op: Op, extreme: Op, order: Op, x: Int, y: Int) -> Parts:
    return op(extreme(x, y), x), order(x, y)


@each(op=(uge, ult, ule, ugt), inner=(bor, bor, band, band), value=(1, 0, 1, 0))
def compare_subset(op: Op, inner: Op, value: int, x: Int, y: Int) -> Parts:
    return op(inner(x, y), x), iconst(value)


@each(op=(ugt, ule))
def difference_wraps(op: Op, x: Int, y: Int) -> Parts:
    return op(isub(x, y), x), op(y, x)


# ---- comparisons of comparisons ----


@rule
def comparison_is_true(cc: CC, x: Int, y: Int) -> Parts:
    return ne(icmp(cc, x, y), iconst(0)), icmp(cc, x, y)


@rule
def comparison_is_false(cc: CC, x: Int, y: Int) -> Parts:
    return eq(icmp(cc, x, y), iconst(0)), icmp(do.inverse(cc), x, y)


@rule
def comparison_is_one(cc: CC, x: Int, y: Int) -> Parts:
    return eq(icmp(cc, x, y), iconst(1)), icmp(cc, x, y)


@rule
def comparison_is_not_one(cc: CC, x: Int, y: Int) -> Parts:
    return ne(icmp(cc, x, y), iconst(1)), icmp(do.inverse(cc), x, y)


@rule
def float_comparison_is_true(cc: FloatCC, x: Scalar, y: Scalar) -> Parts:
    return ne(fcmp(cc, x, y), iconst(0)), fcmp(cc, x, y)


@rule
def float_comparison_is_false(cc: FloatCC, x: Scalar, y: Scalar) -> Parts:
    return eq(fcmp(cc, x, y), iconst(0)), fcmp(do.float_inverse(cc), x, y)


@rule
def comparison_inverted(cc: CC, x: Int, y: Int) -> Parts:
    return bxor(icmp(cc, x, y), iconst(1)), icmp(do.inverse(cc), x, y)


@rule
def comparison_inverted_wide(cc: CC, x: Int, y: Int) -> Parts:
    return bxor(uextend(icmp(cc, x, y)), iconst(1)), uextend(icmp(do.inverse(cc), x, y))


@rule
def comparison_from_one(cc: CC, x: Int, y: Int) -> Parts:
    return isub(iconst(1), icmp(cc, x, y)), icmp(do.inverse(cc), x, y)


@rule
def float_comparison_inverted(cc: FloatCC, x: Scalar, y: Scalar) -> Parts:
    return bxor(fcmp(cc, x, y), iconst(1)), fcmp(do.float_inverse(cc), x, y)


@rule
def same_as_truth(x: Int) -> Parts:
    return ne(x, iconst(0)), x, when.boolean(x)


@each(op=(eq, ne), value=(0, 1))
def surely_nonzero(op: Op, value: int, x: Int) -> Parts:
    return op(x, iconst(0)), iconst(value), when.known_nonzero(x)


# ---- two comparisons of the same two ----


@rule
def compare_both(cc: CC, dd: CC, x: Int, y: Int) -> Parts:
    return band(icmp(cc, x, y), icmp(dd, x, y)), icmp(do.both(cc, dd), x, y), when.have_both(cc, dd)


@rule
def compare_both_never(cc: CC, dd: CC, x: Int, y: Int) -> Parts:
    return band(icmp(cc, x, y), icmp(dd, x, y)), iconst(0), when.never_both(cc, dd)


@rule
def compare_either(cc: CC, dd: CC, x: Int, y: Int) -> Parts:
    right = icmp(do.either(cc, dd), x, y)
    return bor(icmp(cc, x, y), icmp(dd, x, y)), right, when.have_either(cc, dd)


@rule
def compare_either_always(cc: CC, dd: CC, x: Int, y: Int) -> Parts:
    return bor(icmp(cc, x, y), icmp(dd, x, y)), iconst(1), when.always_either(cc, dd)


@rule
def compare_just_one(cc: CC, dd: CC, x: Int, y: Int) -> Parts:
    right = icmp(do.just_one(cc, dd), x, y)
    return bxor(icmp(cc, x, y), icmp(dd, x, y)), right, when.have_just_one(cc, dd)


@rule
def compare_just_one_never(cc: CC, dd: CC, x: Int, y: Int) -> Parts:
    return bxor(icmp(cc, x, y), icmp(dd, x, y)), iconst(0), when.never_just_one(cc, dd)


@rule
def compare_just_one_always(cc: CC, dd: CC, x: Int, y: Int) -> Parts:
    return bxor(icmp(cc, x, y), icmp(dd, x, y)), iconst(1), when.always_just_one(cc, dd)


@each(op=(band, bor, bxor), measure="condition")
def compare_swapped(op: Op, cc: CC, dd: CC, x: Int, y: Int) -> Parts:
    "The two comparisons are then of the same two in the same order, and become one."
    return op(icmp(cc, x, y), icmp(dd, y, x)), op(icmp(cc, x, y), icmp(do.swapped(dd), x, y))


@each(op=(ult, ugt), k=(-1, 0))
def strict_and_not_border(op: Op, k: int, x: Int, y: Int) -> Parts:
    return band(op(x, y), ne(x, iconst(k))), op(x, y)


@each(op=(uge, ule), k=(-1, 0))
def loose_or_border(op: Op, k: int, x: Int, y: Int) -> Parts:
    return bor(op(x, y), eq(x, iconst(k))), op(x, y)


@rule
def signed_above_unsigned_below(x: Int, k: Const) -> Parts:
    return band(sgt(x, k), ult(x, k)), iconst(0), when.positive_or_zero(k)


@rule
def signed_below_unsigned_above(x: Int, k: Const) -> Parts:
    return band(slt(x, k), ugt(x, k)), iconst(0), when.negative(k)


@rule
def both_equal_zero(x: Int, y: Int) -> Parts:
    return band(eq(x, iconst(0)), eq(y, iconst(0))), eq(bor(x, y), iconst(0))


@rule
def either_nonzero(x: Int, y: Int) -> Parts:
    return bor(ne(x, iconst(0)), ne(y, iconst(0))), ne(bor(x, y), iconst(0))


# ---- comparisons of selections ----


@each(op=(eq, ne), back=(ne, eq))
def selected_is_first(op: Op, back: Op, c: Int, k: Const, m: Const) -> Parts:
    return op(select(c, k, m), k), back(c, iconst(0)), when.different(k, m)


@each(op=(eq, ne), back=(eq, ne))
def selected_is_second(op: Op, back: Op, c: Int, k: Const, m: Const) -> Parts:
    return op(select(c, k, m), m), back(c, iconst(0)), when.different(k, m)


@each(op=(eq, ne), value=(0, 1))
def selected_is_neither(op: Op, value: int, c: Int, k: Const, m: Const, n: Const) -> Parts:
    left = op(select(c, k, m), n)
    return left, iconst(value), when.different(k, n), when.different(m, n)
