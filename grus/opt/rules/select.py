"""Selections.

Laws of this file:

1. A selection of equal values, or on a known condition, is the value.
2. Of a condition only counts whether it is zero: what keeps that goes away.
3. Zero stands last; a selection of 1 and 0 is the condition, of -1 and 0 its mask.
4. A selection of the smaller or larger is `smin`, `smax`, `umin` or `umax`.
5. What is done to both values is done once, to the selected one.
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
    eq,
    iabs,
    iadd,
    icmp,
    iconcat,
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
    select_spectre_guard,
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
from grus.opt.lang.terms import CC, I64, Const, Int, Selected, do, when
from grus.opt.rules.base import Op, Parts, by, each, rule

_BOTH = (select, select_spectre_guard)

# ---- known ----


@each(op=_BOTH)
def select_same(op: Op, c: Int, x: Selected) -> Parts:
    return op(c, x, x), x


@each(op=_BOTH)
def select_on_constant_true(op: Op, k: Const, x: Selected, y: Selected) -> Parts:
    return op(k, x, y), x, when.nonzero(k)


@each(op=_BOTH)
def select_on_constant_false(op: Op, x: Selected, y: Selected) -> Parts:
    return op(iconst(0), x, y), y


@rule
def select_again_first(c: Int, x: Selected, y: Selected, z: Selected) -> Parts:
    return select(c, select(c, x, y), z), select(c, x, z)


@rule
def select_again_second(c: Int, x: Selected, y: Selected, z: Selected) -> Parts:
    return select(c, x, select(c, y, z)), select(c, x, z)


@rule
def select_equal(x: Int, y: Int) -> Parts:
    return select(eq(x, y), x, y), y


@rule
def select_not_equal(x: Int, y: Int) -> Parts:
    return select(ne(x, y), x, y), x


@rule
def select_not_equal_or(c: Int, x: Int, y: Int) -> Parts:
    return select(bor(ne(x, y), c), x, y), x


@rule
def select_equal_and(c: Int, x: Int, y: Int) -> Parts:
    return select(band(eq(x, y), c), x, y), y


@each(op=(bor, band))
def select_equal_or_logic(op: Op, x: Int, y: Int) -> Parts:
    return select(eq(x, y), x, op(x, y)), op(x, y)


@each(op=(bor, band))
def select_not_equal_logic(op: Op, x: Int, y: Int) -> Parts:
    return select(ne(x, y), op(x, y), x), op(x, y)


@rule
def select_equal_difference(x: Int, y: Int, k: Const, m: Const) -> Parts:
    return select(eq(x, k), iadd(y, m), isub(y, x)), isub(y, x), when.negated(k, m)


@rule
def select_border(x: Int, k: Const) -> Parts:
    return select(eq(x, k), k, x), x


@rule
def select_not_border(x: Int, k: Const) -> Parts:
    return select(ne(x, k), x, k), x


# ---- the condition ----

_TRUTHS = (sextend, uextend, bmask, ineg, bswap, bitrev, popcnt)


@each(op=_TRUTHS)
def select_by_truth(op: Op, c: Int, x: Selected, y: Selected) -> Parts:
    return select(op(c), x, y), select(c, x, y)


@each(op=(rotl, rotr))
def select_by_rotated(op: Op, c: Int, n: Int, x: Selected, y: Selected) -> Parts:
    return select(op(c, n), x, y), select(c, x, y)


@rule
def select_by_not_zero(c: Int, x: Selected, y: Selected) -> Parts:
    return select(ne(c, iconst(0)), x, y), select(c, x, y)


@rule
def select_by_zero(c: Int, x: Selected, y: Selected) -> Parts:
    return select(eq(c, iconst(0)), x, y), select(c, y, x)


@rule
def select_by_selected(c: Int, k: Const, x: Selected, y: Selected) -> Parts:
    return select(select(c, k, iconst(0)), x, y), select(c, x, y), when.nonzero(k)


@each(op=_TRUTHS)
def mask_by_truth(op: Op, x: Int) -> Parts:
    return bmask(op(x)), bmask(x)


@each(op=(rotl, rotr))
def mask_by_rotated(op: Op, x: Int, n: Int) -> Parts:
    return bmask(op(x, n)), bmask(x)


@rule
def mask_by_selected(c: Int, k: Const) -> Parts:
    return bmask(select(c, k, iconst(0))), bmask(c), when.nonzero(k)


@rule
def mask_by_not_zero(x: Int) -> Parts:
    return bmask(ne(x, iconst(0))), bmask(x)


# ---- constants ----


@by("canonical")
def zero_last(cc: CC, x: Int, y: Int, k: Const) -> Parts:
    right = select(icmp(do.inverse(cc), x, y), k, iconst(0))
    return select(icmp(cc, x, y), iconst(0), k), right, when.nonzero(k)


@rule
def select_one_or_zero(cc: CC, x: Int, y: Int) -> Parts:
    return select(icmp(cc, x, y), iconst(1), iconst(0)), icmp(cc, x, y)


@rule
def select_one_or_zero_wide(cc: CC, x: Int, y: Int) -> Parts:
    return select(icmp(cc, x, y), iconst(1), iconst(0)), uextend(icmp(cc, x, y))


@rule
def select_mask(c: Int) -> Parts:
    return select(c, iconst(-1), iconst(0)), bmask(c)


@rule
def select_truth_or(c: Int, x: Int) -> Parts:
    return select(c, iconst(1), x), bor(c, x), when.boolean(c), when.boolean(x)


@rule
def select_truth_and(c: Int, x: Int) -> Parts:
    return select(c, x, iconst(0)), band(c, x), when.boolean(c), when.boolean(x)


@rule
def select_one_or_more(c: Int, x: Int) -> Parts:
    return select(c, iconst(1), bor(c, x)), select(c, iconst(1), x)


@rule
def select_not_truth_or(cc: CC, x: Int, y: Int, z: Int) -> Parts:
    right = bor(icmp(do.inverse(cc), x, y), z)
    return select(icmp(cc, x, y), z, iconst(1)), right, when.boolean(z)


@rule
def select_not_truth_and(cc: CC, x: Int, y: Int, z: Int) -> Parts:
    right = band(icmp(do.inverse(cc), x, y), z)
    return select(icmp(cc, x, y), iconst(0), z), right, when.boolean(z)


# ---- minimum, maximum, absolute value ----


@each(
    op=(sgt, sge, ugt, uge, slt, sle, ult, ule),
    extreme=(smax, smax, umax, umax, smin, smin, umin, umin),
)
def select_extreme(op: Op, extreme: Op, x: Int, y: Int) -> Parts:
    return select(op(x, y), x, y), extreme(x, y)


@each(op=(sgt, sge))
def select_absolute(op: Op, x: Int) -> Parts:
    return select(op(x, iconst(0)), x, ineg(x)), iabs(x)


@each(op=(sle, slt))
def select_absolute_swapped(op: Op, x: Int) -> Parts:
    return select(op(x, iconst(0)), ineg(x), x), iabs(x)


# ---- what is done to both ----

_UNARY = (bnot, ineg, bswap, iabs, popcnt)


@each(op=(uextend, sextend, ireduce))
def select_resized(op: Op, c: Int, x: Int, y: Int) -> Parts:
    return select(c, op(x), op(y)), op(select(c, x, y))


@each(op=_UNARY)
def select_unary(op: Op, c: Int, x: Int, y: Int) -> Parts:
    return select(c, op(x), op(y)), op(select(c, x, y))


_BINARY = (iadd, imul, band, bor, bxor, isub)
_SHIFTS = (ishl, ushr, sshr, rotl)


@each(op=(*_BINARY, *_SHIFTS))
def select_binary_first(op: Op, c: Int, x: Int, y: Int, z: Int) -> Parts:
    return select(c, op(x, z), op(y, z)), op(select(c, x, y), z)


@each(op=(isub, *_SHIFTS))
def select_binary_second(op: Op, c: Int, x: Int, y: Int, z: Int) -> Parts:
    return select(c, op(z, x), op(z, y)), op(z, select(c, x, y))


@each(op=(eq, ne))
def select_comparison(op: Op, c: Int, x: Int, y: Int, z: Int) -> Parts:
    return select(c, op(x, z), op(y, z)), op(select(c, x, y), z)


# ---- comparisons of 128 bits in halves, as LLVM writes them ----


@each(op=(uge, sge, ugt, sgt), low=(uge, uge, ugt, ugt))
def compare_halves(op: Op, low: Op, a: I64, b: I64, c: I64, d: I64) -> Parts:
    return select(eq(a, c), low(b, d), op(a, c)), op(iconcat(b, a), iconcat(d, c))
