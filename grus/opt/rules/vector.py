"""Vectors: comparisons, whose lanes are all ones or zero, and splats. What holds for scalars and
vectors alike is in the other files, with variables of `Lanes` and `Bits`.

Laws of this file:

1. A splat moves out: one operation on a scalar instead of one on a vector.
2. No rule makes an instruction that a processor may lack which has those on its left side: not
   `smin` of a comparison and a bitselect, for SSE2 has only some minima.
"""

from __future__ import annotations

from grus.opt.lang.ir import (
    band,
    bnot,
    bor,
    bxor,
    iabs,
    iadd,
    icmp,
    iconst,
    imul,
    ineg,
    ishl,
    isub,
    popcnt,
    smax,
    smin,
    splat,
    sshr,
    umax,
    umin,
    ushr,
)
from grus.opt.lang.terms import CC, Int, Vector128, do, when
from grus.opt.rules.base import Op, Parts, each, rule


@rule
def lanes_equal_true(cc: CC, x: Vector128) -> Parts:
    return icmp(cc, x, x), iconst(-1), when.holds_for_equal(cc)


@rule
def lanes_equal_false(cc: CC, x: Vector128) -> Parts:
    return icmp(cc, x, x), iconst(0), when.fails_for_equal(cc)


@rule
def lanes_inverted(cc: CC, x: Vector128, y: Vector128) -> Parts:
    return bnot(icmp(cc, x, y)), icmp(do.inverse(cc), x, y)


@each(op=(iadd, isub, imul, band, bor, bxor, smin, smax, umin, umax))
def splat_binary(op: Op, x: Int, y: Int) -> Parts:
    return op(splat(x), splat(y)), splat(op(x, y))


@each(op=(ineg, iabs, bnot, popcnt), measure="splat")
def splat_unary(op: Op, x: Int) -> Parts:
    return op(splat(x)), splat(op(x))


@each(op=(ishl, ushr, sshr), measure="splat")
def splat_shift(op: Op, x: Int, n: Int) -> Parts:
    return op(splat(x), n), splat(op(x, n))
