"""Guards, and functions of constants and conditions, that rewrite rules may use.

A guard or function is defined twice: on values, as the matcher calls it, and over a `Domain`, as
the prover needs it. `tests/opt/rules` compares the two. An argument that is a value of the IR
arrives there as its bits; a condition code arrives as an int in both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.bits import MASK
from grus.ir.domain import B, Domain
from grus.ir.function import Value

M = TypeVar("M", bound=Callable[..., Any])

GUARDS: Final[dict[str, Callable[..., Any]]] = {}
"""Guards by name, as formulas: `(domain, widths, *bits)` gives one bit."""
FUNCTIONS: Final[dict[str, Callable[..., Any] | None]] = {}
"""Functions by name, on `(widths, *constants)` as ints; None for one of conditions alone."""
OF_TYPES: Final[set[str]] = set()
"""Functions that look at the types of their arguments alone: `(widths)`."""

FEW: Final[dict[str, Callable[[int], list[int]]]] = {}
"""Guards whose first argument can only be one of few constants of so many bits: these."""


def guard(meaning: M) -> M:
    """The formula of the guard of the same name, without the leading underscore."""
    GUARDS[meaning.__name__[1:]] = meaning
    return meaning


def of_types(meaning: M) -> M:
    """The meaning of a function of types of the same name, without the leading underscore."""
    FUNCTIONS[meaning.__name__[1:]] = meaning
    OF_TYPES.add(meaning.__name__[1:])
    return meaning


def constant(meaning: M) -> M:
    """The meaning of a function of constants of the same name, without the leading underscore."""
    FUNCTIONS[meaning.__name__[1:]] = meaning
    return meaning


def condition(function: Callable[..., int]) -> Callable[..., int]:
    """A function of conditions: it is its own meaning."""
    FUNCTIONS[function.__name__] = None
    return function


def of_conditions(function: Callable[..., bool]) -> Callable[..., bool]:
    """A guard of conditions: its meaning is the same."""

    def meaning(d: Domain[B], w: list[int], *codes: int) -> B:
        return d.const(1, int(function(*codes)))

    GUARDS[function.__name__] = meaning
    return function


def unsigned(k: Value) -> int:
    """The pattern of an integer constant."""
    return k.imm & MASK[T.BITS[k.ty]]


_LANE_BITS: Final = [T.BITS[lane] for lane in T.LANE]

# ---- constants ----


def power_of_two(k: Value) -> bool:
    """`k` has exactly one bit."""
    n = unsigned(k)
    return n != 0 and n & (n - 1) == 0


@guard
def _power_of_two(d: Domain[B], w: list[int], k: B) -> B:
    return d.eq(w[0], d.popcnt(w[0], k), d.const(w[0], 1))


FEW["power_of_two"] = lambda bits: [1 << n for n in range(bits)]


def negated(k: Value, m: Value) -> bool:
    """`m` is `-k`."""
    return (k.imm + m.imm) & MASK[T.BITS[k.ty]] == 0


@guard
def _negated(d: Domain[B], w: list[int], k: B, m: B) -> B:
    return d.eq(w[0], d.add(w[0], k, m), d.const(w[0], 0))


def top(x: Value) -> int:
    """The number of the top bit of `x`."""
    return T.BITS[T.LANE[x.ty]] - 1


@of_types
def _top(w: list[int]) -> int:
    return w[0] - 1


def is_top(k: Value, x: Value) -> bool:
    """`k`, as an amount to shift `x` by, moves its top bit to the bottom."""
    bits = T.BITS[x.ty]
    return k.imm & (bits - 1) == bits - 1


@guard
def _is_top(d: Domain[B], w: list[int], k: B, x: B) -> B:
    amount = d.and_(w[0], k, d.const(w[0], w[1] - 1))
    return d.eq(w[0], amount, d.const(w[0], w[1] - 1))


def past_width(k: Value, x: Value) -> bool:
    """`k` is not below the number of bits of a lane of `x`."""
    return not 0 <= k.imm < _LANE_BITS[x.ty]  # a negative pattern is at least 128


@guard
def _past_width(d: Domain[B], w: list[int], k: B, x: B) -> B:
    return d.not_(1, d.ult(w[0], k, d.const(w[0], w[1])))


def whole_turns(k: Value, x: Value) -> bool:
    """`k` is a multiple of the number of bits of `x`."""
    return k.imm & (T.BITS[x.ty] - 1) == 0


@guard
def _whole_turns(d: Domain[B], w: list[int], k: B, x: B) -> B:
    return d.eq(w[0], d.and_(w[0], k, d.const(w[0], w[1] - 1)), d.const(w[0], 0))


def keeps_amount(k: Value, x: Value) -> bool:
    """Masking with `k` changes nothing of an amount to shift `x` by."""
    bits = T.BITS[x.ty]
    return k.imm & (bits - 1) == bits - 1


@guard
def _keeps_amount(d: Domain[B], w: list[int], k: B, x: B) -> B:
    return _is_top(d, w, k, x)


def turns_sum(k: Value, m: Value, x: Value) -> bool:
    """`k` and `m` are together the number of bits of `x`, neither is 0."""
    return unsigned(k) + unsigned(m) == T.BITS[x.ty] and k.imm != 0 and m.imm != 0


@guard
def _turns_sum(d: Domain[B], w: list[int], k: B, m: B, x: B) -> B:
    wide = max(w[0], w[1]) + 1
    total = d.add(wide, d.zext(w[0], wide, k), d.zext(w[1], wide, m))
    nonzero = d.and_(
        1,
        d.not_(1, d.eq(w[0], k, d.const(w[0], 0))),
        d.not_(1, d.eq(w[1], m, d.const(w[1], 0))),
    )
    return d.and_(1, nonzero, d.eq(wide, total, d.const(wide, w[2])))


def sum_in_width(k: Value, m: Value, x: Value) -> bool:
    """Shifting `x` by `k` and by `m` is one shift by the sum."""
    mask = T.BITS[x.ty] - 1
    return (k.imm & mask) + (m.imm & mask) <= mask


def sum_past_width(k: Value, m: Value, x: Value) -> bool:
    """Shifting `x` by `k` and by `m` shifts everything out."""
    return not sum_in_width(k, m, x)


def _amounts(d: Domain[B], w: list[int], k: B, m: B) -> B:
    """The sum of two amounts, 8 bits wide: widths below 256."""
    first = d.extract(7, 0, d.and_(w[0], k, d.const(w[0], w[2] - 1)))
    second = d.extract(7, 0, d.and_(w[1], m, d.const(w[1], w[2] - 1)))
    return d.add(8, first, second)


@guard
def _sum_in_width(d: Domain[B], w: list[int], k: B, m: B, x: B) -> B:
    return d.ult(8, _amounts(d, w, k, m), d.const(8, w[2]))


@guard
def _sum_past_width(d: Domain[B], w: list[int], k: B, m: B, x: B) -> B:
    return d.not_(1, _sum_in_width(d, w, k, m, x))


def leaves_bits(k: Value, x: Value, bits: int) -> bool:
    """`k` is the width of `x` less `bits`, and not 0."""
    return unsigned(k) == T.BITS[x.ty] - bits and k.imm != 0


@guard
def _leaves_bits(d: Domain[B], w: list[int], k: B, x: B, bits: int) -> B:
    if w[1] <= bits:
        return d.const(1, 0)
    return d.eq(w[0], k, d.const(w[0], w[1] - bits))


def is_extension(k: Value, wide: Value, x: Value) -> bool:
    """`k` is by how many bits `wide` is wider than `x`."""
    return unsigned(k) == T.BITS[wide.ty] - T.BITS[x.ty]


@guard
def _is_extension(d: Domain[B], w: list[int], k: B, wide: B, x: B) -> B:
    return d.eq(w[0], k, d.const(w[0], w[1] - w[2]))


def below_extension(k: Value, wide: Value, x: Value) -> bool:
    """`k` is less than by how many bits `wide` is wider than `x`."""
    return unsigned(k) < T.BITS[wide.ty] - T.BITS[x.ty]


@guard
def _below_extension(d: Domain[B], w: list[int], k: B, wide: B, x: B) -> B:
    return d.ult(w[0], k, d.const(w[0], w[1] - w[2]))


def is_width(k: Value, x: Value) -> bool:
    """`k` is the number of bits of `x`."""
    return k.imm == T.BITS[x.ty]


@guard
def _is_width(d: Domain[B], w: list[int], k: B, x: B) -> B:
    return d.eq(w[0], k, d.const(w[0], w[1]))


def disjoint(k: Value, m: Value) -> bool:
    """No bit is in both."""
    return k.imm & m.imm == 0


@guard
def _disjoint(d: Domain[B], w: list[int], k: B, m: B) -> B:
    return d.eq(w[0], d.and_(w[0], k, m), d.const(w[0], 0))


def within(k: Value, m: Value) -> bool:
    """All bits of `k` are in `m`."""
    return k.imm & ~m.imm == 0


@guard
def _within(d: Domain[B], w: list[int], k: B, m: B) -> B:
    return d.eq(w[0], d.and_(w[0], k, m), k)


def together_ones(k: Value, m: Value) -> bool:
    """Each bit is in one of the two."""
    return k.imm | m.imm == -1


@guard
def _together_ones(d: Domain[B], w: list[int], k: B, m: B) -> B:
    return d.eq(w[0], d.or_(w[0], k, m), d.const(w[0], -1))


def below_lowest_bit(m: Value, k: Value) -> bool:
    """All bits of `m` are below the lowest bit of `k`."""
    return unsigned(m) < k.imm & -k.imm


@guard
def _below_lowest_bit(d: Domain[B], w: list[int], m: B, k: B) -> B:
    lowest = d.and_(w[0], k, d.sub(w[0], d.const(w[0], 0), k))
    return d.ult(w[0], m, lowest)


# ---- bits that are known of any value ----


def known_zero_somewhere(x: Value, k: Value) -> bool:
    """The bits of `x` that are in `k`, or those that are not, are 0."""
    of_op = _ONES.get(x.op)
    if of_op is None:
        return False
    ones = of_op(x, 3)
    return not ones & k.imm or not ones & ~k.imm


@guard
def _known_zero_somewhere(d: Domain[B], w: list[int], x: B, k: B) -> B:
    masked = d.and_(w[0], x, k)
    return d.or_(1, d.eq(w[0], masked, x), d.eq(w[0], masked, d.const(w[0], 0)))


def known_zero_outside(x: Value, k: Value) -> bool:
    """The bits of `x` that are not in `k` are 0."""
    of_op = _ONES.get(x.op)
    return of_op is not None and not of_op(x, 3) & ~k.imm


@guard
def _known_zero_outside(d: Domain[B], w: list[int], x: B, k: B) -> B:
    return d.eq(w[0], d.and_(w[0], x, k), x)


def known_zero_inside(x: Value, k: Value) -> bool:
    """The bits of `x` that are in `k` are 0."""
    of_op = _ONES.get(x.op)
    return of_op is not None and not of_op(x, 3) & k.imm


@guard
def _known_zero_inside(d: Domain[B], w: list[int], x: B, k: B) -> B:
    return d.eq(w[0], d.and_(w[0], x, k), d.const(w[0], 0))


def boolean(x: Value) -> bool:
    """`x` is 0 or 1."""
    return possible_ones(x) <= 1


@guard
def _boolean(d: Domain[B], w: list[int], x: B) -> B:
    return d.ult(w[0], x, d.const(w[0], 2))


def possible_ones(value: Value, depth: int = 3) -> int:
    """The bits of an integer that may be 1, looking `depth` instructions deep."""
    of_op = _ONES.get(value.op)
    if of_op is None:
        return MASK[T.BITS[value.ty]]
    return of_op(value, depth)


def _ones_of_constant(value: Value, depth: int) -> int:
    return value.imm & MASK[T.BITS[value.ty]]


def _ones_of_comparison(value: Value, depth: int) -> int:
    return 1 if T.LANES[value.a.ty] == 1 else MASK[T.BITS[value.ty]]


def _ones_of_extended(value: Value, depth: int) -> int:
    return possible_ones(value.a, depth - 1) if depth else MASK[T.BITS[value.a.ty]]


def _ones_of_count(value: Value, depth: int) -> int:
    bits = T.BITS[value.ty]
    return 2 * bits - 1 if T.LANES[value.ty] == 1 else MASK[bits]


def _ones_of_and(value: Value, depth: int) -> int:
    if not depth:
        return MASK[T.BITS[value.ty]]
    return possible_ones(value.b, depth - 1) & possible_ones(value.a, depth - 1)


def _ones_of_or(value: Value, depth: int) -> int:
    """Also of xor."""
    everything = MASK[T.BITS[value.ty]]
    of_a, of_b = _ONES.get(value.a.op), _ONES.get(value.b.op)
    if not depth or of_a is None or of_b is None:
        return everything
    known = of_a(value.a, depth - 1)
    return known if known == everything else known | of_b(value.b, depth - 1)


def _ones_of_sum(value: Value, depth: int) -> int:
    """Also of products: when they cannot wrap."""
    everything = MASK[T.BITS[value.ty]]
    of_a, of_b = _ONES.get(value.a.op), _ONES.get(value.b.op)
    if not depth or of_a is None or of_b is None:
        return everything
    low = of_a(value.a, depth - 1)
    if low == everything:
        return everything
    high = of_b(value.b, depth - 1)
    largest = low + high if value.op == ops.IADD else low * high
    return MASK[largest.bit_length()] if largest <= everything else everything


def _ones_of_minimum(value: Value, depth: int) -> int:
    if not depth:
        return MASK[T.BITS[value.ty]]
    low, high = possible_ones(value.a, depth - 1), possible_ones(value.b, depth - 1)
    return MASK[min(low.bit_length(), high.bit_length())]


def _ones_of_maximum(value: Value, depth: int) -> int:
    return MASK[_ones_of_or(value, depth).bit_length()]


def _ones_of_select(value: Value, depth: int) -> int:
    everything = MASK[T.BITS[value.ty]]
    of_b, of_c = _ONES.get(value.b.op), _ONES.get(value.c.op)
    if not depth or of_b is None or of_c is None:
        return everything
    known = of_b(value.b, depth - 1)
    return known if known == everything else known | of_c(value.c, depth - 1)


def _ones_of_reduced(value: Value, depth: int) -> int:
    everything = MASK[T.BITS[value.ty]]
    return possible_ones(value.a, depth - 1) & everything if depth else everything


def _ones_of_shift(value: Value, depth: int) -> int:
    bits = T.BITS[value.ty]
    if value.b.op != ops.ICONST or T.LANES[value.ty] > 1:
        return MASK[bits]
    amount = value.b.imm & (bits - 1)
    known = possible_ones(value.a, depth - 1) if depth else MASK[bits]
    return known << amount & MASK[bits] if value.op == ops.ISHL else known >> amount


_ONES: Final[dict[int, Callable[[Value, int], int]]] = {
    ops.ICONST: _ones_of_constant,
    ops.ICMP: _ones_of_comparison,
    ops.FCMP: _ones_of_comparison,
    ops.UEXTEND: _ones_of_extended,
    ops.ULOAD8: lambda value, depth: 0xFF,
    ops.ULOAD16: lambda value, depth: 0xFFFF,
    ops.ULOAD32: lambda value, depth: 0xFFFFFFFF,
    ops.POPCNT: _ones_of_count,
    ops.CLZ: _ones_of_count,
    ops.CTZ: _ones_of_count,
    ops.BAND: _ones_of_and,
    ops.BOR: _ones_of_or,
    ops.BXOR: _ones_of_or,
    ops.IADD: _ones_of_sum,
    ops.IMUL: _ones_of_sum,
    ops.UMIN: _ones_of_minimum,
    ops.UMAX: _ones_of_maximum,
    ops.SELECT: _ones_of_select,
    ops.IREDUCE: _ones_of_reduced,
    ops.ISHL: _ones_of_shift,
    ops.USHR: _ones_of_shift,
}
"""Opcodes whose results may have bits that are known to be 0."""


def known_not_negative(x: Value) -> bool:
    """The top bit of `x` is 0."""
    return not possible_ones(x) >> (T.BITS[x.ty] - 1)


@guard
def _known_not_negative(d: Domain[B], w: list[int], x: B) -> B:
    return d.not_(1, d.slt(w[0], x, d.const(w[0], 0)))


def known_to_fit(x: Value, narrow: Value) -> bool:
    """The bits of `x` are 0 that the type of `narrow` has not."""
    return not possible_ones(x) >> T.BITS[narrow.ty]


@guard
def _known_to_fit(d: Domain[B], w: list[int], x: B, narrow: B) -> B:
    return d.eq(w[0], d.zext(w[1], w[0], d.extract(w[1] - 1, 0, x)), x)


def zero_extended(k: Value, x: Value) -> bool:
    """`k` is a number of the type of `x`, zero-extended."""
    return not unsigned(k) >> T.BITS[x.ty]


@guard
def _zero_extended(d: Domain[B], w: list[int], k: B, x: B) -> B:
    return d.eq(w[0], d.zext(w[1], w[0], d.extract(w[1] - 1, 0, k)), k)


def sign_extended(k: Value, x: Value) -> bool:
    """`k` is a number of the type of `x`, sign-extended."""
    top = 1 << (T.BITS[x.ty] - 1)
    return -top <= k.imm < top


@guard
def _sign_extended(d: Domain[B], w: list[int], k: B, x: B) -> B:
    return d.eq(w[0], d.sext(w[1], w[0], d.extract(w[1] - 1, 0, k)), k)


# ---- conditions ----

_LESS, _EQUAL, _GREATER = 1, 2, 4
_SETS: Final[dict[int, tuple[int, int]]] = {
    ops.EQ: (_EQUAL, 0),
    ops.NE: (_LESS | _GREATER, 0),
    ops.SLT: (_LESS, 1),
    ops.SLE: (_LESS | _EQUAL, 1),
    ops.SGT: (_GREATER, 1),
    ops.SGE: (_GREATER | _EQUAL, 1),
    ops.ULT: (_LESS, 2),
    ops.ULE: (_LESS | _EQUAL, 2),
    ops.UGT: (_GREATER, 2),
    ops.UGE: (_GREATER | _EQUAL, 2),
}
"""Of each condition: the orders in which it holds, and which order: 0 any, 1 signed, 2 unsigned."""
_CODES: Final = {row: cc for cc, row in _SETS.items()}


@condition
def inverse(cc: int) -> int:
    """`not (x cc y)`."""
    return ops.INT_CC_INVERSE[cc]


@condition
def swapped(cc: int) -> int:
    """`y cc x`."""
    return ops.INT_CC_SWAPPED[cc]


@condition
def without_sign(cc: int) -> int:
    """The condition on unsigned numbers for one on signed ones."""
    return {ops.SLT: ops.ULT, ops.SLE: ops.ULE, ops.SGT: ops.UGT, ops.SGE: ops.UGE}.get(cc, cc)


@condition
def float_inverse(cc: int) -> int:
    """`not (x cc y)`."""
    return ops.FLOAT_CC_INVERSE[cc]


@condition
def float_swapped(cc: int) -> int:
    """`y cc x`."""
    return ops.FLOAT_CC_SWAPPED[cc]


@of_conditions
def holds_for_equal(cc: int) -> bool:
    """`x cc x`."""
    return bool(_SETS[cc][0] & _EQUAL)


@of_conditions
def fails_for_equal(cc: int) -> bool:
    """`not (x cc x)`."""
    return not _SETS[cc][0] & _EQUAL


def _combined(how: str, one: int, other: int) -> tuple[int, int]:
    """The orders in which both, one or exactly one of two conditions hold, and which order;
    `(-1, 0)` when the two look at different orders."""
    (first, sign), (second, other_sign) = _SETS[one], _SETS[other]
    if sign and other_sign and sign != other_sign:
        return -1, 0
    if how == "and":
        return first & second, sign | other_sign
    return (first | second if how == "or" else first ^ second), sign | other_sign


def _code(how: str, one: int, other: int) -> int:
    """The one condition that the combination is; -1 for none."""
    orders, sign = _combined(how, one, other)
    return _CODES.get((orders, 0), _CODES.get((orders, sign), -1))


@condition
def both(one: int, other: int) -> int:
    """`x one y and x other y`."""
    return _code("and", one, other)


@condition
def either(one: int, other: int) -> int:
    """`x one y or x other y`."""
    return _code("or", one, other)


@condition
def just_one(one: int, other: int) -> int:
    """`x one y` xor `x other y`."""
    return _code("xor", one, other)


@of_conditions
def have_both(one: int, other: int) -> bool:
    return both(one, other) >= 0


@of_conditions
def have_either(one: int, other: int) -> bool:
    return either(one, other) >= 0


@of_conditions
def have_just_one(one: int, other: int) -> bool:
    return just_one(one, other) >= 0


@of_conditions
def never_both(one: int, other: int) -> bool:
    return _combined("and", one, other)[0] == 0


@of_conditions
def always_either(one: int, other: int) -> bool:
    return _combined("or", one, other)[0] == 7


@of_conditions
def never_just_one(one: int, other: int) -> bool:
    return _combined("xor", one, other)[0] == 0


@of_conditions
def always_just_one(one: int, other: int) -> bool:
    return _combined("xor", one, other)[0] == 7


# ---- more constants ----


def nonzero(k: Value) -> bool:
    """`k` is not 0."""
    return k.imm != 0


@guard
def _nonzero(d: Domain[B], w: list[int], k: B) -> B:
    return d.not_(1, d.eq(w[0], k, d.const(w[0], 0)))


def negative(k: Value) -> bool:
    """`k` is below 0 as a signed number."""
    return k.imm < 0


@guard
def _negative(d: Domain[B], w: list[int], k: B) -> B:
    return d.slt(w[0], k, d.const(w[0], 0))


def positive_or_zero(k: Value) -> bool:
    """`k` is not below 0 as a signed number."""
    return k.imm >= 0


@guard
def _positive_or_zero(d: Domain[B], w: list[int], k: B) -> B:
    return d.not_(1, d.slt(w[0], k, d.const(w[0], 0)))


def different(k: Value, m: Value) -> bool:
    """Two constants of one type are not equal."""
    return k.imm != m.imm


@guard
def _different(d: Domain[B], w: list[int], k: B, m: B) -> B:
    return d.not_(1, d.eq(w[0], k, m))


def odd(k: Value) -> bool:
    """The lowest bit of `k` is set."""
    return k.imm & 1 == 1


@guard
def _odd(d: Domain[B], w: list[int], k: B) -> B:
    return d.eq(1, d.extract(0, 0, k), d.const(1, 1))


def not_zero_extended(k: Value, x: Value) -> bool:
    """`k` is larger than any unsigned number of the type of `x`."""
    return not zero_extended(k, x)


@guard
def _not_zero_extended(d: Domain[B], w: list[int], k: B, x: B) -> B:
    return d.not_(1, _zero_extended(d, w, k, x))


def known_nonzero(x: Value) -> bool:
    """`x` is not 0, for one of its bits is known to be 1."""
    if x.op == ops.ICONST:
        return x.imm != 0
    return x.op == ops.BOR and x.b.op == ops.ICONST and x.b.imm != 0


@guard
def _known_nonzero(d: Domain[B], w: list[int], x: B) -> B:
    return _nonzero(d, w, x)


def inverse_of(k: Value) -> int:
    """The number that gives 1 when multiplied by the odd `k`."""
    return pow(unsigned(k), -1, 1 << T.BITS[k.ty])


@constant
def _inverse_of(w: list[int], k: int) -> int:
    return pow(k, -1, 1 << w[0])


# ---- division by constants ----


def _log2(w: list[int], k: int) -> int:
    """The power of two that a constant or its negative is."""
    return (k & -k).bit_length() - 1


FUNCTIONS["log2"] = _log2


def log2(k: Value) -> int:
    return _log2([], k.imm)


@constant
def _log2_less_one(w: list[int], k: int) -> int:
    return _log2(w, k) - 1


def log2_less_one(k: Value) -> int:
    return log2(k) - 1


@constant
def _width_less_log2(w: list[int], k: int) -> int:
    return w[0] - _log2(w, k)


def width_less_log2(k: Value) -> int:
    return T.BITS[k.ty] - log2(k)


def positive_power(k: Value) -> bool:
    """2, 4, 8 and so on, as a signed number."""
    return k.imm > 1 and k.imm & (k.imm - 1) == 0


@guard
def _positive_power(d: Domain[B], w: list[int], k: B) -> B:
    return d.and_(1, _power_of_two(d, w, k), d.slt(w[0], d.const(w[0], 1), k))


FEW["positive_power"] = lambda bits: [1 << n for n in range(1, bits - 1)]


def negative_power(k: Value) -> bool:
    """-2, -4, -8 and so on, but not the smallest number."""
    n = -k.imm
    return n > 1 and n & (n - 1) == 0 and n != 1 << (T.BITS[k.ty] - 1)


@guard
def _negative_power(d: Domain[B], w: list[int], k: B) -> B:
    return _positive_power(d, w, d.sub(w[0], d.const(w[0], 0), k))


FEW["negative_power"] = lambda bits: [-1 << n for n in range(1, bits - 1)]


def _unsigned_magic(bits: int, k: int) -> tuple[int, int]:
    """Multiplier m and shift s: `x // k == x * m >> (bits + s)` for all `x` of so many bits.

    m is below `2 ** (bits + 1)`; `k` is no power of two and not 0. The smallest s is taken for
    which `2 ** (bits + s) <= m * k <= 2 ** (bits + s) + 2 ** s` has a solution (Granlund and
    Montgomery, theorem 4.2).
    """
    for shift in range(bits):
        power = 1 << (bits + shift)
        multiplier = (power + k - 1) // k
        if multiplier * k - power <= 1 << shift:
            return multiplier, shift
    shift = (k - 1).bit_length()
    return ((1 << (bits + shift)) + k - 1) // k, shift


def _signed_magic(bits: int, k: int) -> tuple[int, int]:
    """Multiplier m, with the sign of `k`, and shift s: `x * m >> (bits + s)`, and 1 more when that
    is negative, is `x` divided by `k` (signed, not 0 nor plus or minus a power of two).
    (Granlund and Montgomery, theorem 5.1, for numbers below `2 ** (bits - 1)`.)
    """
    size = abs(k)
    for shift in range(bits):
        power = 1 << (bits + shift)
        multiplier = power // size + 1
        if multiplier * size - power < 1 << (shift + 1):
            break
    return (multiplier if k > 0 else -multiplier), shift


def _is_power(bits: int, k: int) -> bool:
    k &= MASK[bits]
    negative_k = -k & MASK[bits]
    return k & (k - 1) == 0 or negative_k & (negative_k - 1) == 0


def _signed(bits: int, k: int) -> int:
    top_bit = 1 << (bits - 1)
    return ((k & MASK[bits]) ^ top_bit) - top_bit


def _unsigned_kind(bits: int, k: int) -> str:
    """ "short" or "long" for a multiplier that fits or has one bit more; "" for powers of two and
    for divisors with the top bit set."""
    if k & (k - 1) == 0 or k >> (bits - 1):
        return ""
    return "short" if _unsigned_magic(bits, k)[0] <= MASK[bits] else "long"


def _signed_kind(bits: int, k: int) -> str:
    """ "fits", "below" or "above": where a multiplier is, seen from the signed numbers."""
    if _is_power(bits, k):
        return ""
    multiplier = _signed_magic(bits, _signed(bits, k))[0]
    top_bit = 1 << (bits - 1)
    if -top_bit <= multiplier < top_bit:
        return "fits"
    return "below" if multiplier > 0 else "above"


def _kind_guard(name: str, kind: Callable[[int, int], str], wanted: str) -> Callable[..., bool]:
    """A guard of one constant that is known by trying: it has no formula."""

    def meaning(d: Domain[B], w: list[int], k: B) -> B:
        if not isinstance(k, int):
            raise NoFormula(name)
        return d.const(1, int(kind(w[0], k) == wanted))

    GUARDS[name] = meaning

    def holds(k: Value) -> bool:
        return kind(T.BITS[k.ty], unsigned(k)) == wanted

    return holds


class NoFormula(Exception):
    """A guard or function was asked for its formula and has none."""


short_multiplier = _kind_guard("short_multiplier", _unsigned_kind, "short")
long_multiplier = _kind_guard("long_multiplier", _unsigned_kind, "long")
multiplier_fits = _kind_guard("multiplier_fits", _signed_kind, "fits")
multiplier_below = _kind_guard("multiplier_below", _signed_kind, "below")
multiplier_above = _kind_guard("multiplier_above", _signed_kind, "above")


@constant
def _multiplier(w: list[int], k: int) -> int:
    return _unsigned_magic(w[0], k)[0] & MASK[w[0]]


def multiplier(k: Value) -> int:
    return _multiplier([T.BITS[k.ty]], unsigned(k))


@constant
def _multiplier_shift(w: list[int], k: int) -> int:
    return _unsigned_magic(w[0], k)[1]


def multiplier_shift(k: Value) -> int:
    return _multiplier_shift([T.BITS[k.ty]], unsigned(k))


@constant
def _multiplier_shift_less_one(w: list[int], k: int) -> int:
    return _unsigned_magic(w[0], k)[1] - 1


def multiplier_shift_less_one(k: Value) -> int:
    return multiplier_shift(k) - 1


@constant
def _signed_multiplier(w: list[int], k: int) -> int:
    return _signed(w[0], _signed_magic(w[0], _signed(w[0], k))[0])


def signed_multiplier(k: Value) -> int:
    return _signed_multiplier([T.BITS[k.ty]], k.imm)


@constant
def _signed_multiplier_shift(w: list[int], k: int) -> int:
    return _signed_magic(w[0], _signed(w[0], k))[1]


def signed_multiplier_shift(k: Value) -> int:
    return _signed_multiplier_shift([T.BITS[k.ty]], k.imm)
