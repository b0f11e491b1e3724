"""Naive counting: every local and operand owns a count of its external reference.

`Config(collector="naive")`, to measure what deferring saves and to find out on which side a bug is:
no activations table, no stack maps, no collection. Moves are free: a call hands its arguments to
the callee, a return its results to the caller; `local.get` counts up, whatever goes away counts
down. References of frames that a trap or an exception unwinds are released with the Store only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from grus.engine.translate import func as base
from grus.engine.translate.info import ModuleInfo
from grus.ir import types as T
from grus.ir.function import Block, BlockCall, Value
from grus.wasm import opcodes as W
from grus.wasm import types as WT


class NaiveTranslator(base.FuncTranslator):
    """As FuncTranslator, with a count for each local and operand."""

    def __init__(self, info: ModuleInfo, index: int, through_slots: bool = False) -> None:
        super().__init__(info, index, through_slots)
        self.handlers = HANDLERS
        self.refs: set[int] = set()  # numbers of values that are external references

    # ---- counts ----

    def retain(self, ref: Value) -> None:
        """One owner more, if not null."""
        after = self.when(ref)
        self.count(ref, 1)
        self.meet(after)

    def release(self, ref: Value) -> None:
        """One owner less, if not null; a dead one is handed over."""
        b = self.b
        after = self.when(ref)
        left = self.count(ref, -1)
        dead = b.create_block()
        dead.cold = True
        b.brif(left, after, [], dead, [])
        b.seal_block(dead)
        b.switch_to_block(dead)
        self.builtin("ref_dead", [ref])
        self.meet(after)

    def release_operands(self, operands: list[Value]) -> None:
        for value in self.owned(operands):
            self.release(value)

    def owned(self, operands: list[Value]) -> list[Value]:
        return [value for value in operands if value.num in self.refs]

    def leave(self) -> None:
        """The function ends: what it returns or passes on is no longer among the operands."""
        self.release_operands(self.stack)
        for number, ty in enumerate(self.local_types):
            if WT.is_extern(ty):
                self.release(self.b.use_var(number))

    # ---- where references come in ----

    def came_in(self, value: Value) -> None:
        self.refs.add(value.num)

    def lend(self, ref: Value) -> None:
        self.came_in(ref)
        self.retain(ref)

    def replace(self, place: Value, offset: int, new: Value) -> None:
        old = self.b.load(T.I64, place, offset, base._VARIES)
        self.b.store(new, place, offset, base._VARIES)
        self.release(old)

    def new_join(self, types: tuple[int, ...]) -> Block:
        block = super().new_join(types)
        for ty, param in zip(types, block.params, strict=True):
            if WT.is_extern(ty):
                self.came_in(param)
        return block

    # ---- locals and operands ----

    def on_local_get(self, op: int) -> None:
        number = self.u32()
        value = self.b.use_var(number)
        self.push(value)
        if WT.is_extern(self.local_types[number]):
            self.lend(value)

    def on_local_set(self, op: int) -> None:
        number = self.u32()
        new = self.pop()
        old = self.b.use_var(number)
        self.b.def_var(number, new)
        if WT.is_extern(self.local_types[number]):
            self.release(old)

    def on_local_tee(self, op: int) -> None:
        number = self.u32()
        new = self.stack[-1]
        old = self.b.use_var(number)
        self.b.def_var(number, new)
        if WT.is_extern(self.local_types[number]):
            self.retain(new)
            self.release(old)

    def on_drop(self, op: int) -> None:
        self.release_operands([self.pop()])

    def on_select(self, op: int) -> None:
        extern = False
        if op == W.SELECT_T:
            for _ in range(self.u32()):
                extern = WT.is_extern(self.value_type())
        condition = self.condition()
        y = self.pop()
        x = self.pop()
        self.push(self.b.select(condition, x, y))
        if extern:
            self.came_in(self.stack[-1])
            self.release(self.b.select(condition, y, x))

    def on_table_grow(self, op: int) -> None:
        value = self.stack[-2]
        super().on_table_grow(op)
        self.release_operands([value])

    def on_table_fill(self, op: int) -> None:
        value = self.stack[-2]
        super().on_table_fill(op)
        self.release_operands([value])

    def on_ref_is_null(self, op: int) -> None:
        value = self.stack[-1]
        super().on_ref_is_null(op)
        self.release_operands([value])

    # ---- branches: operands below the arguments go away ----

    def left_behind(self, depth: int, count: int) -> list[Value]:
        """References that a branch with so many arguments drops."""
        height = self.frames[-1 - depth].height
        return self.owned(self.stack[height : len(self.stack) - count])

    def on_br(self, op: int) -> None:
        depth = self.u32()
        block, count = self.target(depth)
        left = self.left_behind(depth, count)
        args = self.pop_many(count)
        self.release_operands(left)
        self.b.jump(block, args)
        self.unreachable_from_here()

    def branch_if(self, condition: Value, depth: int, when: bool) -> None:
        b = self.b
        block, count = self.target(depth)
        left = self.left_behind(depth, count)
        if not left:
            super().branch_if(condition, depth, when)
            return
        args = self.stack[len(self.stack) - count :]
        edge, after = b.create_block(), b.create_block()
        if when:
            b.brif(condition, edge, [], after, [])
        else:
            b.brif(condition, after, [], edge, [])
        self.drop_on_edge(edge, left, block, args)
        b.seal_block(after)
        b.switch_to_block(after)

    def drop_on_edge(self, edge: Block, left: list[Value], to: Block, args: list[Value]) -> None:
        self.b.seal_block(edge)
        self.b.switch_to_block(edge)
        self.release_operands(left)
        self.b.jump(to, args)

    def on_br_table(self, op: int) -> None:
        b = self.b
        depths = [self.u32() for _ in range(self.u32() + 1)]
        index = self.pop()
        calls: list[BlockCall] = []
        edges: list[tuple[Block, list[Value], Block, list[Value]]] = []
        for depth in depths:
            block, count = self.target(depth)
            args = self.stack[len(self.stack) - count :]
            left = self.left_behind(depth, count)
            if left:
                edge = b.create_block()
                edges.append((edge, left, block, args))
                calls.append(BlockCall(edge, []))
            else:
                calls.append(BlockCall(block, list(args)))
        b.br_table(index, calls[-1], calls[:-1])
        for edge, left, block, args in edges:
            self.drop_on_edge(edge, left, block, args)
        self.unreachable_from_here()


Handler = Callable[[base.FuncTranslator, int], None]


def _handlers() -> list[Handler | None]:
    """The table of FuncTranslator with what is overridden here, but for vectors and atomics."""
    table: list[Handler | None] = [None] * len(base.HANDLERS)
    for op, handler in enumerate(base.HANDLERS):
        if handler is not None and W.FEATURE[op] not in base.LATER:
            table[op] = getattr(NaiveTranslator, handler.__name__)
    return table


HANDLERS: Final = _handlers()
