"""Guards, and functions of constants and conditions, that rewrite rules may use.

A guard or function is defined twice: on values, as the matcher calls it, and over a `Domain`, as
the prover needs it. `tests/opt/rules` compares the two. An argument that is a value of the IR
arrives there as its bits; a condition code arrives as an int in both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from grus.ir import types as T
from grus.ir.domain import MASK, B, Domain
from grus.ir.function import Value

GUARDS: Final[dict[str, Callable[..., Any]]] = {}
"""Guards by name, as formulas: `(domain, widths, *bits)` gives one bit."""
FUNCTIONS: Final[dict[str, Callable[..., Any] | None]] = {}
"""Functions by name, as formulas over bits; None for one that is a function of conditions, or that
has no formula and is only tested."""

FEW: Final[dict[str, Callable[[int], list[int]]]] = {}
"""Guards whose first argument can only be one of few constants of so many bits: these."""


def guard(meaning: Callable[..., Any]) -> Callable[..., Any]:
    """The formula of the guard of the same name, without the leading underscore."""
    GUARDS[meaning.__name__[1:]] = meaning
    return meaning


def unsigned(k: Value) -> int:
    """The pattern of an integer constant."""
    return k.imm & MASK[T.BITS[k.ty]]


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


def is_width(k: Value, x: Value) -> bool:
    """`k` is the number of bits of `x`."""
    return k.imm == T.BITS[x.ty]


@guard
def _is_width(d: Domain[B], w: list[int], k: B, x: B) -> B:
    return d.eq(w[0], k, d.const(w[0], w[1]))
