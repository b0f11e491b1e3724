"""Three-way comparison (`<=>` of C++, `Ord::cmp` of Rust).

Law of this file: there are many ways to write it with selections; the canonical form is
`(x > y) - (x < y)`, and a comparison of that with a constant is a comparison of `x` and `y`.
"""

from __future__ import annotations

from grus.opt.lang.ir import (
    bmask,
    eq,
    iconst,
    ineg,
    isub,
    ne,
    select,
    sextend,
    sge,
    sgt,
    sle,
    slt,
    uextend,
    uge,
    ugt,
    ule,
    ult,
)
from grus.opt.lang.terms import Int
from grus.opt.rules.base import Op, Parts, each

_GREATER = (sgt, ugt)
_LESS = (slt, ult)


@each(greater=_GREATER, less=_LESS)
def three_way_less_first(greater: Op, less: Op, x: Int, y: Int) -> Parts:
    left = select(less(x, y), iconst(-1), ne(x, y))
    return left, isub(greater(x, y), less(x, y))


@each(greater=_GREATER, less=_LESS)
def three_way_less_first_wide(greater: Op, less: Op, x: Int, y: Int) -> Parts:
    left = select(less(x, y), iconst(-1), uextend(ne(x, y)))
    return left, sextend(isub(greater(x, y), less(x, y)))


@each(greater=_GREATER, less=_LESS)
def three_way_less_greater(greater: Op, less: Op, x: Int, y: Int) -> Parts:
    left = select(less(x, y), iconst(-1), greater(x, y))
    return left, isub(greater(x, y), less(x, y))


@each(greater=_GREATER, less=_LESS)
def three_way_less_greater_wide(greater: Op, less: Op, x: Int, y: Int) -> Parts:
    left = select(less(x, y), iconst(-1), uextend(greater(x, y)))
    return left, sextend(isub(greater(x, y), less(x, y)))


_ORDER = (slt, sle, ult, ule)
_AGAINST = (sgt, sge, ugt, uge)
_TWICE_GREATER = (sgt, sgt, ugt, ugt)
_TWICE_LESS = (slt, slt, ult, ult)


@each(order=_ORDER, greater=_TWICE_GREATER, less=_TWICE_LESS)
def three_way_equal_less(order: Op, greater: Op, less: Op, x: Int, y: Int) -> Parts:
    left = select(eq(x, y), iconst(0), select(order(x, y), iconst(-1), iconst(1)))
    return left, sextend(isub(greater(x, y), less(x, y)))


@each(order=_AGAINST, greater=_TWICE_GREATER, less=_TWICE_LESS)
def three_way_equal_greater(order: Op, greater: Op, less: Op, x: Int, y: Int) -> Parts:
    left = select(eq(x, y), iconst(0), select(order(x, y), iconst(1), iconst(-1)))
    return left, sextend(isub(greater(x, y), less(x, y)))


@each(order=_ORDER, greater=_TWICE_GREATER, less=_TWICE_LESS)
def three_way_equal_less_narrow(order: Op, greater: Op, less: Op, x: Int, y: Int) -> Parts:
    left = select(eq(x, y), iconst(0), select(order(x, y), iconst(-1), iconst(1)))
    return left, isub(greater(x, y), less(x, y))


@each(order=_AGAINST, greater=_TWICE_GREATER, less=_TWICE_LESS)
def three_way_equal_greater_narrow(order: Op, greater: Op, less: Op, x: Int, y: Int) -> Parts:
    left = select(eq(x, y), iconst(0), select(order(x, y), iconst(1), iconst(-1)))
    return left, isub(greater(x, y), less(x, y))


_REST = (slt, ne, ult, ne)


@each(greater=_TWICE_GREATER, less=_TWICE_LESS, rest=_REST)
def three_way_greater_first(greater: Op, less: Op, rest: Op, x: Int, y: Int) -> Parts:
    left = select(greater(x, y), iconst(1), ineg(rest(x, y)))
    return left, isub(greater(x, y), less(x, y))


@each(greater=_TWICE_GREATER, less=_TWICE_LESS, rest=_REST)
def three_way_greater_first_wide(greater: Op, less: Op, rest: Op, x: Int, y: Int) -> Parts:
    left = select(greater(x, y), iconst(1), bmask(rest(x, y)))
    return left, sextend(isub(greater(x, y), less(x, y)))


_RESULTS = (eq, ne, slt, sle, sgt, sge)
_UNSIGNED = (eq, ne, ult, ule, ugt, uge)


@each(op=_RESULTS)
def three_way_signed_with_zero(op: Op, x: Int, y: Int) -> Parts:
    return op(isub(sgt(x, y), slt(x, y)), iconst(0)), op(x, y)


@each(op=_RESULTS, order=_UNSIGNED)
def three_way_unsigned_with_zero(op: Op, order: Op, x: Int, y: Int) -> Parts:
    return op(isub(ugt(x, y), ult(x, y)), iconst(0)), order(x, y)


@each(op=(eq, ne, eq, ne), k=(-1, -1, 1, 1), order=(slt, sge, sgt, sle))
def three_way_signed_is(op: Op, k: int, order: Op, x: Int, y: Int) -> Parts:
    return op(isub(sgt(x, y), slt(x, y)), iconst(k)), order(x, y)


@each(op=(eq, ne, eq, ne), k=(-1, -1, 1, 1), order=(ult, uge, ugt, ule))
def three_way_unsigned_is(op: Op, k: int, order: Op, x: Int, y: Int) -> Parts:
    return op(isub(ugt(x, y), ult(x, y)), iconst(k)), order(x, y)
