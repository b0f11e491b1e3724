"""Bit vectors as the meanings of opcodes see them.

The meanings in `semantics*.py` compute with a `Domain`: a small vocabulary of bit-vector
operations. `Concrete` runs them on Python ints (interpreter, constant folding). A prover
substitutes terms of a solver's bit-vector theory and gets the same meanings as formulas.

Invariants: a bit vector of width w is, in `Concrete`, an int in 0 <= x < 2**w (the unsigned
pattern). Comparisons give bit vectors of width 1. Widths are Python ints, known before anything
runs. There is no branch on a bit vector anywhere in a meaning: choices are `ite`, traps are
`trap_if`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from grus.base.errors import GrusError
from grus.ir import opcodes as ops
from grus.ir.bits import MASK, signed

B = TypeVar("B")
"""A bit vector of some domain."""


class InterpreterTrap(GrusError):
    """The program trapped; `code` is a trap code of `opcodes`."""

    def __init__(self, code: int) -> None:
        super().__init__(f"trap: {ops.trap_name(code)}")
        self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        return (InterpreterTrap, (self.code,))


class Domain(Generic[B]):
    """The vocabulary. `w` is the width in bits of the operands, and of the result unless stated.

    Shift amounts have the width of the shifted value and are below it; divisors are not 0.
    """

    __slots__ = ()

    def const(self, w: int, value: int) -> B:
        """`value` modulo 2**w."""
        raise NotImplementedError

    def add(self, w: int, x: B, y: B) -> B:
        raise NotImplementedError

    def sub(self, w: int, x: B, y: B) -> B:
        raise NotImplementedError

    def mul(self, w: int, x: B, y: B) -> B:
        raise NotImplementedError

    def udiv(self, w: int, x: B, y: B) -> B:
        raise NotImplementedError

    def urem(self, w: int, x: B, y: B) -> B:
        raise NotImplementedError

    def sdiv(self, w: int, x: B, y: B) -> B:
        """Toward zero; wraps for MIN / -1."""
        raise NotImplementedError

    def srem(self, w: int, x: B, y: B) -> B:
        """With the sign of `x`."""
        raise NotImplementedError

    def and_(self, w: int, x: B, y: B) -> B:
        raise NotImplementedError

    def or_(self, w: int, x: B, y: B) -> B:
        raise NotImplementedError

    def xor(self, w: int, x: B, y: B) -> B:
        raise NotImplementedError

    def not_(self, w: int, x: B) -> B:
        raise NotImplementedError

    def shl(self, w: int, x: B, n: B) -> B:
        raise NotImplementedError

    def lshr(self, w: int, x: B, n: B) -> B:
        raise NotImplementedError

    def ashr(self, w: int, x: B, n: B) -> B:
        raise NotImplementedError

    def eq(self, w: int, x: B, y: B) -> B:
        """Width 1."""
        raise NotImplementedError

    def ult(self, w: int, x: B, y: B) -> B:
        """Width 1."""
        raise NotImplementedError

    def slt(self, w: int, x: B, y: B) -> B:
        """Width 1."""
        raise NotImplementedError

    def ite(self, w: int, c: B, x: B, y: B) -> B:
        """`x` if the one bit `c` is set, else `y`."""
        raise NotImplementedError

    def zext(self, w: int, to: int, x: B) -> B:
        """Width `to` >= w."""
        raise NotImplementedError

    def sext(self, w: int, to: int, x: B) -> B:
        """Width `to` >= w."""
        raise NotImplementedError

    def extract(self, high: int, low: int, x: B) -> B:
        """Bits `low` to `high`, both included."""
        raise NotImplementedError

    def concat(self, w_low: int, low: B, w_high: int, high: B) -> B:
        """Width `w_low + w_high`."""
        raise NotImplementedError

    def clz(self, w: int, x: B) -> B:
        """Leading zeros; w for 0."""
        raise NotImplementedError

    def ctz(self, w: int, x: B) -> B:
        """Trailing zeros; w for 0."""
        raise NotImplementedError

    def popcnt(self, w: int, x: B) -> B:
        raise NotImplementedError

    def trap_if(self, c: B, code: int) -> None:
        """The instruction traps with `code` when the one bit `c` is set."""
        raise NotImplementedError

    def apply(self, function: Callable[..., int], w: int, params: tuple[Any, ...], *xs: B) -> B:
        """The `w`-bit result of `function(*params, *xs)`, which only works on ints: float
        arithmetic. A solver sees an uninterpreted function, named by `function` and `params`."""
        raise NotImplementedError

    def split(self, w: int, count: int, x: B) -> list[B]:
        """The `count` lanes of `x`, each of width w, lowest first."""
        return [self.extract(i * w + w - 1, i * w, x) for i in range(count)]

    def join(self, w: int, lanes: list[B]) -> B:
        """The inverse of `split`."""
        result = lanes[0]
        for i in range(1, len(lanes)):
            result = self.concat(i * w, result, w, lanes[i])
        return result


class Concrete(Domain[int]):
    """Bit vectors as Python ints."""

    __slots__ = ()

    def const(self, w: int, value: int) -> int:
        return value & ((1 << w) - 1)

    def add(self, w: int, x: int, y: int) -> int:
        return (x + y) & MASK[w]

    def sub(self, w: int, x: int, y: int) -> int:
        return (x - y) & MASK[w]

    def mul(self, w: int, x: int, y: int) -> int:
        return (x * y) & MASK[w]

    def udiv(self, w: int, x: int, y: int) -> int:
        return x // y

    def urem(self, w: int, x: int, y: int) -> int:
        return x % y

    def sdiv(self, w: int, x: int, y: int) -> int:
        x, y = signed(w, x), signed(w, y)
        quotient = abs(x) // abs(y)
        return (-quotient if (x < 0) != (y < 0) else quotient) & MASK[w]

    def srem(self, w: int, x: int, y: int) -> int:
        x, y = signed(w, x), signed(w, y)
        remainder = abs(x) % abs(y)
        return (-remainder if x < 0 else remainder) & MASK[w]

    def and_(self, w: int, x: int, y: int) -> int:
        return x & y

    def or_(self, w: int, x: int, y: int) -> int:
        return x | y

    def xor(self, w: int, x: int, y: int) -> int:
        return x ^ y

    def not_(self, w: int, x: int) -> int:
        return x ^ ((1 << w) - 1)

    def shl(self, w: int, x: int, n: int) -> int:
        return (x << n) & MASK[w]

    def lshr(self, w: int, x: int, n: int) -> int:
        return x >> n

    def ashr(self, w: int, x: int, n: int) -> int:
        return (signed(w, x) >> n) & MASK[w]

    def eq(self, w: int, x: int, y: int) -> int:
        return 1 if x == y else 0

    def ult(self, w: int, x: int, y: int) -> int:
        return 1 if x < y else 0

    def slt(self, w: int, x: int, y: int) -> int:
        # Inverting the sign bit turns the signed order into the unsigned one.
        top = 1 << (w - 1)
        return 1 if x ^ top < y ^ top else 0

    def ite(self, w: int, c: int, x: int, y: int) -> int:
        return x if c else y

    def zext(self, w: int, to: int, x: int) -> int:
        return x

    def sext(self, w: int, to: int, x: int) -> int:
        top = 1 << (w - 1)
        return ((x ^ top) - top) & ((1 << to) - 1)

    def extract(self, high: int, low: int, x: int) -> int:
        return (x >> low) & MASK[high - low + 1]

    def concat(self, w_low: int, low: int, w_high: int, high: int) -> int:
        return (high << w_low) | low

    def clz(self, w: int, x: int) -> int:
        return w - x.bit_length()

    def ctz(self, w: int, x: int) -> int:
        return (x & -x).bit_length() - 1 if x else w

    def popcnt(self, w: int, x: int) -> int:
        return x.bit_count()

    def trap_if(self, c: int, code: int) -> None:
        if c:
            raise InterpreterTrap(code)

    def apply(self, function: Callable[..., int], w: int, params: tuple[Any, ...], *xs: int) -> int:
        return function(*params, *xs)

    def split(self, w: int, count: int, x: int) -> list[int]:
        mask = MASK[w]
        return [(x >> i) & mask for i in range(0, w * count, w)]

    def join(self, w: int, lanes: list[int]) -> int:
        result = 0
        for lane in reversed(lanes):
            result = (result << w) | lane
        return result


CONCRETE: Final = Concrete()
