"""Division by constants.

Laws of this file:

1. A division traps on 0 and on `MIN / -1`: these stay divisions; every other constant goes.
2. By a power of two: shifts and masks. For signed numbers `x` is biased first, for shifts round
   down and division to zero.
3. By another constant: the high half of a product (Granlund and Montgomery 1994; Warren, Hacker's
   Delight, chapter 10). A remainder is what the quotient leaves.
"""

from __future__ import annotations

from grus.ir import types as T
from grus.opt.lang.ir import (
    band,
    ctz,
    eq,
    iadd,
    iconst,
    imul,
    ineg,
    ishl,
    isub,
    sdiv,
    select,
    smulhi,
    srem,
    sshr,
    typed,
    udiv,
    uextend,
    uge,
    umulhi,
    urem,
    ushr,
)
from grus.opt.lang.terms import SMIN, Const, Int, Narrow, Term, do, when
from grus.opt.rules.base import Op, Parts, by, each, rule


def _amount(value: Term | int) -> Term:
    """A constant to shift by."""
    return typed(T.I8, iconst(value))


# ---- by one ----


@each(op=(udiv, sdiv))
def divide_by_one(op: Op, x: Int) -> Parts:
    return op(x, iconst(1)), x


@each(op=(urem, srem))
def remainder_by_one(op: Op, x: Int) -> Parts:
    return op(x, iconst(1)), iconst(0)


@rule
def remainder_by_minus_one(x: Int) -> Parts:
    return srem(x, iconst(-1)), iconst(0)


# ---- by a power of two ----


@rule
def divide_by_power(x: Int, k: Const) -> Parts:
    return udiv(x, k), ushr(x, ctz(k)), when.power_of_two(k)


@rule
def remainder_by_power(x: Int, k: Const) -> Parts:
    return urem(x, k), band(x, iadd(k, iconst(-1))), when.power_of_two(k)


@rule
def divide_by_shifted_one(x: Int, n: Int) -> Parts:
    return udiv(x, ishl(iconst(1), n)), ushr(x, n)


@rule
def divide_by_selected_powers(x: Narrow, c: Int, k: Const, m: Const) -> Parts:
    right = ushr(x, select(c, ctz(k), ctz(m)))
    return udiv(x, select(c, k, m)), right, when.power_of_two(k), when.power_of_two(m)


def _biased(x: Term, k: Term) -> Term:
    """`x`, plus `|k| - 1` when it is negative; `|k|` is a power of two from 2 on."""
    sign = sshr(x, _amount(do.log2_less_one(k)))
    return iadd(x, ushr(sign, _amount(do.width_less_log2(k))))


@by("copies")
def divide_signed_by_power(x: Narrow, k: Const) -> Parts:
    return sdiv(x, k), sshr(_biased(x, k), _amount(do.log2(k))), when.positive_power(k)


@by("copies")
def divide_signed_by_negative_power(x: Narrow, k: Const) -> Parts:
    return sdiv(x, k), ineg(sshr(_biased(x, k), _amount(do.log2(k)))), when.negative_power(k)


@rule
def divide_signed_by_smallest(x: Narrow) -> Parts:
    return sdiv(x, iconst(SMIN)), uextend(eq(x, iconst(SMIN)))


@by("copies")
def remainder_signed_by_power(x: Narrow, k: Const) -> Parts:
    right = isub(x, band(_biased(x, k), ineg(k)))
    return srem(x, k), right, when.positive_power(k)


@by("copies")
def remainder_signed_by_negative_power(x: Narrow, k: Const) -> Parts:
    return srem(x, k), isub(x, band(_biased(x, k), k)), when.negative_power(k)


# ---- by any other constant ----


@rule
def divide_by_large(x: Narrow, k: Const) -> Parts:
    "The quotient is 0 or 1."
    return udiv(x, k), uextend(uge(x, k)), when.negative(k)


def _quotient(x: Term, k: Term) -> Term:
    return ushr(umulhi(x, iconst(do.multiplier(k))), _amount(do.multiplier_shift(k)))


def _quotient_with_carry(x: Term, k: Term) -> Term:
    """When the multiplier has one bit more than fits: that bit is `x` once more."""
    high = umulhi(x, iconst(do.multiplier(k)))
    halved = ushr(isub(x, high), _amount(1))
    return ushr(iadd(halved, high), _amount(do.multiplier_shift_less_one(k)))


@by("copies")
def divide_by_constant(x: Narrow, k: Const) -> Parts:
    return udiv(x, k), _quotient(x, k), when.short_multiplier(k)


@by("copies")
def divide_by_constant_with_carry(x: Narrow, k: Const) -> Parts:
    return udiv(x, k), _quotient_with_carry(x, k), when.long_multiplier(k)


@by("copies")
def remainder_by_constant(x: Narrow, k: Const) -> Parts:
    return urem(x, k), isub(x, imul(_quotient(x, k), k)), when.short_multiplier(k)


@by("copies")
def remainder_by_constant_with_carry(x: Narrow, k: Const) -> Parts:
    return urem(x, k), isub(x, imul(_quotient_with_carry(x, k), k)), when.long_multiplier(k)


def _rounded(x: Term, shifted: Term) -> Term:
    """A quotient rounded down, to one rounded to zero: one more when it is negative."""
    return iadd(shifted, ushr(shifted, _amount(do.top(x))))


def _signed_quotient(x: Term, k: Term) -> Term:
    high = smulhi(x, iconst(do.signed_multiplier(k)))
    return _rounded(x, sshr(high, _amount(do.signed_multiplier_shift(k))))


def _signed_quotient_plus(x: Term, k: Term) -> Term:
    """When the multiplier of a positive divisor does not fit: it is 2**w less than it should be."""
    high = iadd(smulhi(x, iconst(do.signed_multiplier(k))), x)
    return _rounded(x, sshr(high, _amount(do.signed_multiplier_shift(k))))


def _signed_quotient_minus(x: Term, k: Term) -> Term:
    """When the multiplier of a negative divisor does not fit: it is 2**w more than it should be."""
    high = isub(smulhi(x, iconst(do.signed_multiplier(k))), x)
    return _rounded(x, sshr(high, _amount(do.signed_multiplier_shift(k))))


@by("copies")
def divide_signed_by_constant(x: Narrow, k: Const) -> Parts:
    return sdiv(x, k), _signed_quotient(x, k), when.multiplier_fits(k)


@by("copies")
def divide_signed_by_positive(x: Narrow, k: Const) -> Parts:
    return sdiv(x, k), _signed_quotient_plus(x, k), when.multiplier_below(k)


@by("copies")
def divide_signed_by_negative(x: Narrow, k: Const) -> Parts:
    return sdiv(x, k), _signed_quotient_minus(x, k), when.multiplier_above(k)


@by("copies")
def remainder_signed_by_constant(x: Narrow, k: Const) -> Parts:
    return srem(x, k), isub(x, imul(_signed_quotient(x, k), k)), when.multiplier_fits(k)


@by("copies")
def remainder_signed_by_positive(x: Narrow, k: Const) -> Parts:
    return srem(x, k), isub(x, imul(_signed_quotient_plus(x, k), k)), when.multiplier_below(k)


@by("copies")
def remainder_signed_by_negative(x: Narrow, k: Const) -> Parts:
    return srem(x, k), isub(x, imul(_signed_quotient_minus(x, k), k)), when.multiplier_above(k)
