"""Addition, subtraction, multiplication, negation.

Laws of this file:

1. Constants stand last, and a sum of constants is one constant.
2. `x - k` is `x + -k`; `0 - x` is `ineg`, `-1 - x` is `bnot`.
3. What is added and subtracted again goes away.
"""

from __future__ import annotations

from grus.opt.lang.ir import bnot, ctz, iadd, iconst, imul, ineg, ishl, isub
from grus.opt.lang.terms import Const, Int, Lanes, Narrow, when
from grus.opt.rules.base import Parts, rule


@rule
def add_zero(x: Int) -> Parts:
    return iadd(x, iconst(0)), x


@rule
def add_add_constants(x: Int, k: Const, m: Const) -> Parts:
    return iadd(iadd(x, k), m), iadd(x, iadd(k, m))


@rule
def add_negated(x: Lanes, y: Lanes) -> Parts:
    return iadd(x, ineg(y)), isub(x, y)


@rule
def add_not_one(x: Int) -> Parts:
    return iadd(bnot(x), iconst(1)), ineg(x)


@rule
def add_what_was_subtracted(x: Lanes, y: Lanes) -> Parts:
    return iadd(isub(x, y), y), x


@rule
def sub_constant(x: Int, k: Const) -> Parts:
    return isub(x, k), iadd(x, ineg(k))


@rule
def sub_from_zero(x: Int) -> Parts:
    return isub(iconst(0), x), ineg(x)


@rule
def sub_itself(x: Lanes) -> Parts:
    return isub(x, x), iconst(0)


@rule
def sub_negated(x: Lanes, y: Lanes) -> Parts:
    return isub(x, ineg(y)), iadd(x, y)


@rule
def negate_twice(x: Lanes) -> Parts:
    return ineg(ineg(x)), x


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
def mul_power_of_two(x: Narrow, k: Const) -> Parts:
    return imul(x, k), ishl(x, ctz(k)), when.power_of_two(k)
