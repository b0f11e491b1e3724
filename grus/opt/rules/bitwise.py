"""And, or, exclusive or, not.

Laws of this file:

1. Constants stand last, and constants of one operation are one constant.
2. `x ^ -1` is `bnot`.
"""

from __future__ import annotations

from grus.opt.lang.ir import band, bnot, bor, bxor, iconst
from grus.opt.lang.terms import Const, Int, Lanes
from grus.opt.rules.base import Parts, rule


@rule
def and_itself(x: Lanes) -> Parts:
    return band(x, x), x


@rule
def and_zero(x: Int) -> Parts:
    return band(x, iconst(0)), iconst(0)


@rule
def and_ones(x: Int) -> Parts:
    return band(x, iconst(-1)), x


@rule
def and_and_constants(x: Int, k: Const, m: Const) -> Parts:
    return band(band(x, k), m), band(x, band(k, m))


@rule
def or_itself(x: Lanes) -> Parts:
    return bor(x, x), x


@rule
def or_zero(x: Int) -> Parts:
    return bor(x, iconst(0)), x


@rule
def xor_itself(x: Lanes) -> Parts:
    return bxor(x, x), iconst(0)


@rule
def xor_zero(x: Int) -> Parts:
    return bxor(x, iconst(0)), x


@rule
def xor_ones(x: Int) -> Parts:
    return bxor(x, iconst(-1)), bnot(x)


@rule
def not_not(x: Lanes) -> Parts:
    return bnot(bnot(x)), x
