"""Shifts and rotations.

Laws of this file:

1. A constant amount is below the width; amounts that meet become one.
2. Only the low bits of an amount count: what changes others goes away.
3. A rotation by a constant is `rotl`.
"""

from __future__ import annotations

from grus.ir import types as T
from grus.opt.lang.ir import (
    band,
    bor,
    bxor,
    iadd,
    iconcat,
    iconst,
    ineg,
    ireduce,
    ishl,
    isub,
    rotl,
    rotr,
    select,
    sextend,
    sshr,
    typed,
    uextend,
    ushr,
)
from grus.opt.lang.terms import Const, Int, Lanes, Narrow, do, when
from grus.opt.rules.base import Op, Parts, each, rule

_SHIFTS = (ishl, ushr, sshr)
_ALL = (ishl, ushr, sshr, rotl, rotr)

# ---- amounts ----


@each(op=_ALL)
def shift_by_zero(op: Op, x: Lanes) -> Parts:
    return op(x, iconst(0)), x


@each(op=_ALL, measure="canonical")
def amount_past_width(op: Op, x: Lanes, k: Const) -> Parts:
    return op(x, k), op(x, band(k, iconst(do.top(x)))), when.past_width(k, x)


@each(op=_ALL)
def amount_zero_extended(op: Op, x: Int, n: Narrow) -> Parts:
    return op(x, uextend(n)), op(x, n)


@each(op=_ALL)
def amount_sign_extended(op: Op, x: Int, n: Narrow) -> Parts:
    return op(x, sextend(n)), op(x, n)


@each(op=_ALL)
def amount_reduced(op: Op, x: Int, n: Narrow) -> Parts:
    return op(x, ireduce(n)), op(x, n)


@each(op=_ALL)
def amount_of_two_parts(op: Op, x: Int, n: Narrow, high: Narrow) -> Parts:
    return op(x, iconcat(n, high)), op(x, n)


@each(op=_ALL)
def amount_masked(op: Op, x: Int, n: Int, k: Const) -> Parts:
    return op(x, band(n, k)), op(x, n), when.keeps_amount(k, x)


@each(op=_ALL)
def amount_plus_whole_turns(op: Op, x: Int, n: Int, k: Const) -> Parts:
    return op(x, iadd(n, k)), op(x, n), when.whole_turns(k, x)


@each(op=_ALL)
def shift_zero(op: Op, n: Int) -> Parts:
    return op(iconst(0), n), iconst(0)


@each(op=(sshr, rotl, rotr))
def shift_ones(op: Op, n: Int) -> Parts:
    return op(iconst(-1), n), iconst(-1)


@each(op=_ALL)
def shift_constant_by_select(op: Op, c: Int, k: Const, m: Const, n: Const) -> Parts:
    return op(n, select(c, k, m)), select(c, op(n, k), op(n, m))


@each(op=_ALL)
def shift_select_by_constant(op: Op, c: Int, k: Const, m: Const, n: Const) -> Parts:
    return op(select(c, k, m), n), select(c, op(k, n), op(m, n))


# ---- two shifts ----


@each(op=_SHIFTS)
def shift_shifted(op: Op, x: Int, k: Const, m: Const) -> Parts:
    return op(op(x, k), m), op(x, iadd(k, m)), when.sum_in_width(k, m, x)


@each(op=(ishl, ushr))
def shift_all_out(op: Op, x: Int, k: Const, m: Const) -> Parts:
    return op(op(x, k), m), iconst(0), when.sum_past_width(k, m, x)


@rule
def shift_all_but_sign_out(x: Int, k: Const, m: Const) -> Parts:
    last = typed(T.I8, iconst(do.top(x)))
    return sshr(sshr(x, k), m), sshr(x, last), when.sum_past_width(k, m, x)


@each(op=_SHIFTS)
def shift_constant_first(op: Op, n: Int, k: Const, m: Const) -> Parts:
    return op(op(k, n), m), op(op(k, m), n)


@each(op=(ushr, sshr))
def clear_low_bits(op: Op, x: Narrow, k: Const) -> Parts:
    return ishl(op(x, k), k), band(x, ishl(iconst(-1), k))


@rule
def clear_high_bits(x: Narrow, k: Const) -> Parts:
    return ushr(ishl(x, k), k), band(x, ushr(iconst(-1), k))


@rule
def extend_by_shifts(x: Int, k: Const) -> Parts:
    return sshr(ishl(uextend(x), k), k), sextend(x), when.is_extension(k, uextend(x), x)


@rule
def shifts_of_zero_extended(x: Int, k: Const) -> Parts:
    return sshr(ishl(uextend(x), k), k), uextend(x), when.below_extension(k, uextend(x), x)


@rule
def shifts_of_sign_extended(x: Int, k: Const) -> Parts:
    return sshr(ishl(sextend(x), k), k), sextend(x), when.below_extension(k, sextend(x), x)


@rule
def all_shifts_of_sign_extended(x: Int, k: Const) -> Parts:
    return sshr(ishl(sextend(x), k), k), sextend(x), when.is_extension(k, sextend(x), x)


@each(ty=(T.I8, T.I16, T.I32))
def sign_extend_by_shifts(ty: int, x: Int, k: Const) -> Parts:
    right = sextend(typed(ty, ireduce(x)))
    return sshr(ishl(x, k), k), right, when.leaves_bits(k, x, T.BITS[ty])


@rule
def sign_of_shifted(x: Int, n: Int, k: Const) -> Parts:
    return ushr(sshr(x, n), k), ushr(x, k), when.is_top(k, x)


@rule
def negated_sign(x: Int, k: Const) -> Parts:
    return ineg(ushr(x, k)), sshr(x, k), when.is_top(k, x)


@rule
def negated_sign_mask(x: Int, k: Const) -> Parts:
    return ineg(sshr(x, k)), ushr(x, k), when.is_top(k, x)


@rule
def shift_back_masked(x: Int, y: Int, n: Int) -> Parts:
    return ushr(band(ishl(x, n), y), n), band(x, ushr(y, n))


@each(op=(ushr, sshr))
def shift_forth_masked(op: Op, x: Int, y: Int, n: Int) -> Parts:
    return ishl(band(op(x, n), y), n), band(x, ishl(y, n))


# ---- rotations ----


@each(op=(rotl, rotr), back=(rotr, rotl))
def rotate_back(op: Op, back: Op, x: Int, n: Int) -> Parts:
    return op(back(x, n), n), x


@rule
def rotate_right_by_constant(x: Int, k: Const) -> Parts:
    return rotr(x, k), rotl(x, ineg(k))


@each(op=(rotl, rotr))
def rotate_rotated(op: Op, x: Int, n: Int, m: Int) -> Parts:
    return op(op(x, n), m), op(x, iadd(n, m))


@each(op=(rotl, rotr), back=(rotr, rotl))
def rotate_rotated_back(op: Op, back: Op, x: Int, n: Int, m: Int) -> Parts:
    return op(back(x, n), m), back(x, isub(n, m))


@each(op=(rotl, rotr), back=(rotr, rotl))
def rotate_by_negated(op: Op, back: Op, x: Int, n: Int) -> Parts:
    return op(x, ineg(n)), back(x, n)


@each(op=(rotl, rotr), back=(rotr, rotl))
def rotate_by_rest(op: Op, back: Op, x: Int, n: Int, k: Const) -> Parts:
    return op(x, isub(k, n)), back(x, n), when.whole_turns(k, x)


@each(op=(bor, bxor, iadd))
def rotation_by_constant(op: Op, x: Int, k: Const, m: Const) -> Parts:
    return op(ishl(x, k), ushr(x, m)), rotl(x, k), when.turns_sum(k, m, x)


@rule
def rotation_left(x: Int, n: Int, k: Const) -> Parts:
    return bor(ishl(x, n), ushr(x, isub(k, n))), rotl(x, n), when.whole_turns(k, x)


@rule
def rotation_left_by_negated(x: Int, n: Int) -> Parts:
    return bor(ishl(x, n), ushr(x, ineg(n))), rotl(x, n)


@rule
def rotation_right(x: Int, n: Int, k: Const) -> Parts:
    return bor(ushr(x, n), ishl(x, isub(k, n))), rotr(x, n), when.whole_turns(k, x)


@rule
def rotation_right_by_negated(x: Int, n: Int) -> Parts:
    return bor(ushr(x, n), ishl(x, ineg(n))), rotr(x, n)
