"""Floats: what holds bit for bit, NaNs included. Arithmetic keeps the first NaN of its operands, so
most laws of the reals do not hold, not even `x * 1 == x` (a signalling NaN becomes quiet).

Laws of this file:

1. Signs of signs are one; a comparison looks at signs itself.
2. A conversion from an extended integer is one from the integer.
"""

from __future__ import annotations

from grus.opt.lang.ir import (
    fabs,
    fcmp,
    fcopysign,
    fcvt_from_sint,
    fcvt_from_uint,
    fneg,
    select,
    sextend,
    uextend,
)
from grus.opt.lang.terms import FloatCC, Int, Narrow, Scalar, do
from grus.opt.rules.base import Op, Parts, each, rule


@rule
def float_negate_negated(x: Scalar) -> Parts:
    return fneg(fneg(x)), x


@each(inner=(fneg, fabs))
def float_absolute_of_sign(inner: Op, x: Scalar) -> Parts:
    return fabs(inner(x)), fabs(x)


@each(inner=(fneg, fabs))
def copysign_to_sign(inner: Op, x: Scalar, y: Scalar) -> Parts:
    return fcopysign(inner(x), y), fcopysign(x, y)


@rule
def copysign_itself(x: Scalar) -> Parts:
    return fcopysign(x, x), x


@rule
def copysign_to_copysign(x: Scalar, y: Scalar, z: Scalar) -> Parts:
    return fcopysign(fcopysign(x, y), z), fcopysign(x, z)


@rule
def copysign_of_copysign(x: Scalar, y: Scalar, z: Scalar) -> Parts:
    return fcopysign(x, fcopysign(y, z)), fcopysign(x, z)


@rule
def copysign_of_absolute(x: Scalar, y: Scalar) -> Parts:
    return fcopysign(x, fabs(y)), fabs(x)


@rule
def absolute_of_copysign(x: Scalar, y: Scalar) -> Parts:
    return fabs(fcopysign(x, y)), fabs(x)


@rule
def compare_negated_floats(cc: FloatCC, x: Scalar, y: Scalar) -> Parts:
    return fcmp(cc, fneg(x), fneg(y)), fcmp(do.float_swapped(cc), x, y)


@each(op=(fneg, fabs))
def select_sign(op: Op, c: Int, x: Scalar, y: Scalar) -> Parts:
    return select(c, op(x), op(y)), op(select(c, x, y))


@rule
def from_zero_extended(x: Narrow) -> Parts:
    return fcvt_from_uint(uextend(x)), fcvt_from_uint(x)


@rule
def from_sign_extended(x: Narrow) -> Parts:
    return fcvt_from_sint(sextend(x)), fcvt_from_sint(x)


@rule
def signed_from_zero_extended(x: Narrow) -> Parts:
    "What is zero-extended is not negative."
    return fcvt_from_sint(uextend(x)), fcvt_from_uint(x)
