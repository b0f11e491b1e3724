"""Where meanings of opcodes are registered, and what they are told besides their operands.

A meaning is a function `(domain, shape, *operands) -> result`, written once for every type of
its opcode and every `Domain`. `Shape` holds what is known of an instruction before it runs: its
types and its immediate. An opcode with two results gives a tuple, one without results `()`.

Most opcodes work lane by lane: `@lanewise` registers their meaning for one lane and `evaluator`
lifts it to vectors. The others are registered by `@whole` and see whole values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.domain import B, Domain

Meaning = Callable[..., Any]
F = TypeVar("F", bound=Meaning)

MEANINGS: Final[list[Meaning | None]] = [None] * len(ops.ROWS)
"""By opcode; None for what is no computation on values (control, memory, machine state)."""
_LANEWISE: Final[list[bool]] = [False] * len(ops.ROWS)


class Shape:
    """The types and immediates of one instruction.

    `ty` is the type of the result (of the first operand when there is no result, or several);
    `w` and `lanes` are the width in bits and the number of its lanes, `bits` its whole width.
    `src`, `src_lanes`, `src_bits` say the same of the first value operand and `second`,
    `second_lanes` of the second. `imm` and `data` (bytes of a constant or mask) are immediates;
    `big` is true when the memory flags say big endian.
    """

    __slots__ = (
        "big",
        "bits",
        "data",
        "fn",
        "imm",
        "lanes",
        "second",
        "second_lanes",
        "src",
        "src_bits",
        "src_lanes",
        "ty",
        "w",
    )

    def __init__(
        self,
        op: int,
        ty: int,
        operand_types: list[int],
        imm: int = 0,
        data: bytes = b"",
        big: bool = False,
    ) -> None:
        first = operand_types[0] if operand_types else ty
        second = operand_types[1] if len(operand_types) > 1 else first
        if ty == T.INVALID:
            ty = first
        self.ty = ty
        self.bits = T.BITS[ty]
        self.lanes = T.LANES[ty]
        self.w = T.BITS[T.LANE[ty]]
        self.src = T.BITS[T.LANE[first]]
        self.src_bits = T.BITS[first]
        self.src_lanes = T.LANES[first]
        self.second = T.BITS[T.LANE[second]]
        self.second_lanes = T.LANES[second]
        self.imm = imm
        self.data = data
        self.big = big
        meaning = MEANINGS[op]
        self.fn: Meaning = meaning if meaning is not None else _no_meaning


def _no_meaning(domain: Domain[B], shape: Shape, *operands: B) -> B:
    raise AssertionError("an opcode without a meaning was evaluated")


def _register(op: int, function: Meaning, by_lane: bool) -> None:
    assert MEANINGS[op] is None, ops.ROWS[op].name
    MEANINGS[op] = function
    _LANEWISE[op] = by_lane


def lanewise(op: int) -> Callable[[F], F]:
    """Register the meaning of one lane of `op`. Scalar operands of a vector are broadcast."""

    def decorate(function: F) -> F:
        _register(op, function, True)
        return function

    return decorate


def whole(op: int) -> Callable[[F], F]:
    """Register the meaning of `op` on whole values."""

    def decorate(function: F) -> F:
        _register(op, function, False)
        return function

    return decorate


def evaluator(op: int, shape: Shape) -> Meaning:
    """What to call as `(domain, shape, *operands)` for an instruction of this shape."""
    meaning = MEANINGS[op]
    assert meaning is not None, ops.ROWS[op].name
    if not _LANEWISE[op] or shape.lanes == 1:
        return meaning
    return _lift


def _lift(d: Domain[B], s: Shape, *operands: B) -> B:
    """Every lane of the result from the lanes of the operands."""
    count = s.lanes
    fn = s.fn
    xs = d.split(s.src, count, operands[0])
    if len(operands) == 1:
        return d.join(s.w, [fn(d, s, x) for x in xs])
    if s.second_lanes == 1:
        y = operands[1]
        return d.join(s.w, [fn(d, s, x, y) for x in xs])
    ys = d.split(s.second, count, operands[1])
    if len(operands) == 2:
        return d.join(s.w, [fn(d, s, xs[i], ys[i]) for i in range(count)])
    zs = d.split(s.w, count, operands[2])
    return d.join(s.w, [fn(d, s, xs[i], ys[i], zs[i]) for i in range(count)])
