"""Fuel: code that counts instructions down in the Store and traps when they are used up.

A function costs 1 when it is entered, an instruction 1 when it is executed; what only shapes the
code (`block`, `loop`, `else`, `end`, `nop`, `drop`, `return`, `unreachable`) costs nothing. A bulk
instruction costs 1 more for each byte or element, growth 1 more for each page or element that was
added; a constant of at most 128 is counted in any case, without a comparison. These are Wasmtime's
numbers. The count is brought up to date where control may leave the straight line, and compared at
function entry, in loop headers, before bulk instructions and after growth; so wasm may go on a
little with none left, and what stood before a trap in a straight line is not counted.
"""

from __future__ import annotations

from grus.base import layout
from grus.engine import errors
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import Value, mem_flags
from grus.wasm import opcodes as W

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from grus.engine.translate.func import FuncTranslator

_FLAGS: Final = mem_flags(aligned=True, trap=0)
_FREE: Final = frozenset((W.BLOCK, W.LOOP, W.ELSE, W.END, W.NOP, W.DROP, W.RETURN, W.UNREACHABLE))
_BULK: Final = frozenset(
    (W.MEMORY_FILL, W.MEMORY_COPY, W.MEMORY_INIT, W.TABLE_FILL, W.TABLE_COPY, W.TABLE_INIT)
)  # fmt: skip
_LEAVES: Final = frozenset(
    (W.LOOP, W.IF, W.ELSE, W.END, W.BR, W.BR_IF, W.BR_TABLE, W.BR_ON_NULL, W.BR_ON_NON_NULL,
     W.RETURN, W.UNREACHABLE, W.CALL, W.CALL_INDIRECT, W.CALL_REF, W.RETURN_CALL,
     W.RETURN_CALL_INDIRECT, W.RETURN_CALL_REF)
)  # fmt: skip
_GROWTH: Final = frozenset((W.MEMORY_GROW, W.TABLE_GROW))
_SMALL: Final = 128
_MOST: Final = 1 << 62
"""What one bulk instruction can cost: the count cannot overflow by it."""


class Fuel:
    """Counts for one function; `pending` is what the count in the Store lacks."""

    __slots__ = ("delta", "pending", "t")

    def __init__(self, translator: FuncTranslator) -> None:
        self.t = translator
        self.pending = 1
        self.delta: Value | None = None  # of the growth that is being translated

    def enter(self, at: int) -> None:
        """At the start of the function; `at` is where Wasmtime would be: at the last declaration of
        locals."""
        self.t.b.loc = at
        self.check()

    def before(self, op: int) -> None:
        """Before an instruction that is reachable is translated."""
        if op not in _FREE:
            self.pending += 1
        if op in _LEAVES:
            self._update()
        elif op not in _BULK and op not in _GROWTH:
            return
        elif 0 <= self._constant() <= _SMALL:
            self.pending += self._constant()
        elif op in _BULK:
            b = self.t.b
            count = self.t.wide(self.t.stack[-1])
            most = b.iconst(T.I64, _MOST)
            self._update(b.select(b.icmp(ops.UGT, count, most), most, count))
            self._compare()
        else:
            self.delta = self.t.stack[-1]

    def _constant(self) -> int:
        """The count of a bulk instruction or growth, -1 if it is no small constant."""
        count = self.t.stack[-1]
        return count.imm if count.op == ops.ICONST else -1

    def after(self) -> None:
        """After an instruction was translated."""
        if self.delta is None:
            return
        b, old = self.t.b, self.t.stack[-1]
        failed = b.icmp(ops.EQ, old, b.iconst(old.ty, -1))
        self._update(b.select(failed, b.iconst(T.I64, 0), self.t.wide(self.delta)))
        self._compare()
        self.delta = None

    def check(self) -> None:
        """Trap if nothing is left."""
        self._update()
        self._compare()

    def _update(self, more: Value | None = None) -> None:
        if not self.pending and more is None:
            return
        b = self.t.b
        store = b.get_pinned_reg(T.I64)
        left = b.load(T.I64, store, layout.STORE["fuel"], _FLAGS)
        left = b.isub(left, b.iconst(T.I64, self.pending))
        if more is not None:
            left = b.isub(left, more)
        b.store(left, store, layout.STORE["fuel"], _FLAGS)
        self.pending = 0

    def _compare(self) -> None:
        b = self.t.b
        left = b.load(T.I64, b.get_pinned_reg(T.I64), layout.STORE["fuel"], _FLAGS)
        b.trapnz(b.icmp(ops.SLE, left, b.iconst(T.I64, 0)), errors.OUT_OF_FUEL)
