"""Changes of width, and the halves of wide integers.

Laws of this file:

1. An extension of an extension is one; a reduction of an extension is one of the two or nothing.
2. What is known to be not negative is zero-extended.
3. Reductions move towards what they reduce, extensions out.
"""

from __future__ import annotations

from grus.ir import types as T
from grus.opt.lang.ir import (
    band,
    bnot,
    bor,
    bxor,
    iadd,
    iconcat,
    iconst,
    imul,
    ineg,
    ireduce,
    isplit,
    isub,
    result,
    sextend,
    smax,
    smin,
    sshr,
    typed,
    uextend,
    umax,
    umin,
)
from grus.opt.lang.terms import Const, Int, Narrow, do, when
from grus.opt.rules.base import Op, Parts, each, rule

# ---- extensions ----


@each(op=(uextend, sextend))
def extend_extended(op: Op, x: Int) -> Parts:
    return op(op(x)), op(x)


@rule
def sign_extend_zero_extended(x: Int) -> Parts:
    return sextend(uextend(x)), uextend(x)


@rule
def sign_extend_positive(x: Narrow) -> Parts:
    return sextend(x), uextend(x), when.known_not_negative(x)


@rule
def extend_reduced(x: Narrow) -> Parts:
    return uextend(ireduce(x)), x, when.known_to_fit(x, ireduce(x))


@rule
def mask_sign_extended(x: Narrow, k: Const) -> Parts:
    return band(sextend(x), k), uextend(band(x, ireduce(k))), when.zero_extended(k, x)


@each(op=(band, bor, bxor, umin, umax))
def zero_extend_outside(op: Op, x: Int, y: Int) -> Parts:
    return op(uextend(x), uextend(y)), uextend(op(x, y))


@each(op=(band, bor, bxor, smin, smax))
def sign_extend_outside(op: Op, x: Int, y: Int) -> Parts:
    return op(sextend(x), sextend(y)), sextend(op(x, y))


@rule
def not_sign_extended(x: Int) -> Parts:
    return bnot(sextend(bnot(x))), sextend(x)


# ---- reductions ----


@rule
def reduce_reduced(x: Int) -> Parts:
    return ireduce(ireduce(x)), ireduce(x)


@each(op=(uextend, sextend))
def reduce_extended_back(op: Op, x: Int) -> Parts:
    return ireduce(op(x)), x


@each(op=(uextend, sextend))
def reduce_extended_further(op: Op, x: Int) -> Parts:
    return ireduce(op(x)), ireduce(x)


@each(op=(uextend, sextend))
def reduce_extended_less(op: Op, x: Int) -> Parts:
    return ireduce(op(x)), op(x)


@each(op=(iadd, imul, band, bor, bxor))
def reduce_with_constant(op: Op, x: Int, k: Const) -> Parts:
    return ireduce(op(x, k)), op(ireduce(x), ireduce(k))


@rule
def reduce_constant_minus(x: Int, k: Const) -> Parts:
    return ireduce(isub(k, x)), isub(ireduce(k), ireduce(x))


_WITH = (iadd, isub, imul, band, bor, bxor)


@each(op=(*_WITH, *_WITH), extend=(*[uextend] * 6, *[sextend] * 6))
def reduce_with_extended(op: Op, extend: Op, x: Int, y: Int) -> Parts:
    return ireduce(op(extend(x), y)), op(x, ireduce(y))


@each(extend=(uextend, sextend))
def reduce_minus_extended(extend: Op, x: Int, y: Int) -> Parts:
    return ireduce(isub(x, extend(y))), isub(ireduce(x), y)


@each(op=(ineg, bnot, ineg, bnot), extend=(uextend, uextend, sextend, sextend))
def reduce_unary_of_extended(op: Op, extend: Op, x: Int) -> Parts:
    return ireduce(op(extend(x))), op(x)


# ---- halves ----


@rule
def low_half_of_parts(x: Int, y: Int) -> Parts:
    return ireduce(iconcat(x, y)), x


@rule
def less_than_low_half_of_parts(x: Int, y: Int) -> Parts:
    return ireduce(iconcat(x, y)), ireduce(x)


@rule
def parts_with_zero(x: Int) -> Parts:
    return iconcat(x, iconst(0)), uextend(x)


@rule
def parts_with_sign(x: Int, k: Const) -> Parts:
    return iconcat(x, sshr(x, k)), sextend(x), when.is_top(k, x)


@rule
def parts_of_split(x: Int) -> Parts:
    return iconcat(result(0, isplit(x)), result(1, isplit(x))), x


@rule
def split_parts_low(x: Int, y: Int) -> Parts:
    return result(0, isplit(iconcat(x, y))), x


@rule
def split_parts_high(x: Int, y: Int) -> Parts:
    return result(1, isplit(iconcat(x, y))), y


@each(op=(uextend, sextend))
def split_extended_low(op: Op, x: Int) -> Parts:
    return result(0, isplit(op(x))), x


@each(op=(uextend, sextend))
def split_extended_low_wider(op: Op, x: Int) -> Parts:
    return result(0, isplit(op(x))), op(x)


@rule
def split_zero_extended_high(x: Int) -> Parts:
    return result(1, isplit(uextend(x))), iconst(0)


@rule
def split_sign_extended_high(x: Int) -> Parts:
    return result(1, isplit(sextend(x))), sshr(x, typed(T.I8, iconst(do.top(x))))
