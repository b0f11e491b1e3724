"""Unrolling of small innermost loops, so that they poll less often.

A loop of wasm polls at its header (docs/abi.md): a load, a comparison and a branch to a cold block.
A loop that has no other call and few instructions gets a copy of its body without the poll: after
each round comes the copy, after it the loop itself. The conditions of both rounds stay. (Three
copies of the smallest loops gained nothing on `bench/kernels` but 2 % of a sieve.)

A value that is used behind the loop has a definition in each copy, so it goes out as a parameter
of the block where the loop is left; a loop whose values are used elsewhere and that is left
to several blocks stays as it is.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
from grus.ir.function import (
    NIL,
    Block,
    BlockCall,
    Function,
    Value,
    operands_of,
)
from grus.ir.loops import NO_LOOP, LoopTree
from grus.opt.passes.copy import copy_blocks
from grus.opt.passes.edit import BARRIER, CALL_END, KIND, pinned_blocks, to_jump
from grus.opt.passes.memory import is_poll

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

LARGEST: Final = 32
"""Instructions of loops that are copied."""


def run(func: Function, every_loop: bool = False) -> bool:
    """Unroll loops of `func`; True when there were some. With `every_loop` (for tests) also those
    that do not poll."""
    cfg = ControlFlowGraph(func)
    if not any([cfg.rpo_index[s] <= cfg.rpo_index[n] for n in cfg.rpo for s in cfg.succs[n]]):
        return False
    tree = LoopTree(func, cfg, DomTree(func, cfg))
    blocks: dict[int, list[Block]] = {}
    for num in cfg.rpo:
        loop = tree.loop_of[num]
        block = cfg.block[num]
        if loop != NO_LOOP and block is not None and not tree.loops[loop].children:
            blocks.setdefault(loop, []).append(block)
    pinned = pinned_blocks(func)
    found: list[_Loop] = []
    for number, members in blocks.items():
        if tree.loops[number].header != cfg.entry and not members[0].cold:
            loop_ = _Loop(func, members)
            if loop_.is_small(every_loop) and not pinned.intersection(loop_.members):
                found.append(loop_)
    found = _name_escapes(func, found)
    for loop_ in found:
        loop_.unroll()
    if found:
        place = {block.num: index for index, block in enumerate(func.blocks)}
        behind: dict[int, list[Block]] = {}
        for loop_ in found:
            behind[max(loop_.members, key=place.__getitem__)] = loop_.made
        func.blocks = [b for block in func.blocks for b in (block, *behind.get(block.num, ()))]
    return bool(found)


class _Loop:
    """An innermost loop. `slow` is the block that polls, if it has one."""

    def __init__(self, func: Function, blocks: list[Block]) -> None:
        self.func = func
        self.blocks = blocks
        self.members = {block.num for block in blocks}
        self.header = blocks[0]
        self.slow: Block | None = self.find_slow()
        self.size = 0
        self.made: list[Block] = []
        self.exits: list[BlockCall] = [
            call
            for block in blocks
            for call in block.insts[-1].targets
            if call.block.num not in self.members
        ]

    def find_slow(self) -> Block | None:
        last = self.header.insts[-1]
        if last.op != ops.BRIF:
            return None
        slow, body = last.targets[0].block, last.targets[1].block
        if slow.num not in self.members or slow.params or body is self.header:
            return None
        if not slow.cold or slow.insts[-1].op != ops.JUMP:
            return None
        if slow.insts[-1].targets[0].block is not body or body.params:
            return None
        return slow if any([is_poll(inst) for inst in slow.insts]) else None

    def is_small(self, every_loop: bool) -> bool:
        """Whether there are few instructions, no calls but the poll, and a poll."""
        if self.slow is None and not every_loop:
            return False
        for block in self.blocks:
            if block is self.slow:
                continue
            self.size += len(block.insts)
            if self.size > LARGEST:
                return False
            if any([KIND[inst.op] in (BARRIER, CALL_END) for inst in block.insts]):
                return False
        return self.slow is None or not self.slow_is_used()

    def slow_is_used(self) -> bool:
        """Whether another block of the loop uses a value of the block that polls."""
        return any(
            [
                value.block is self.slow
                for block in self.blocks
                if block is not self.slow
                for inst in block.insts
                for value in operands_of(inst)
            ]
        )

    # ---- the copy ----

    def unroll(self) -> None:
        """Make the copy."""
        copied = [block for block in self.blocks if block is not self.slow]
        back = [
            call
            for block in self.blocks
            for call in block.insts[-1].targets
            if call.block is self.header
        ]
        made = copy_blocks(self.func, copied, {})
        header = made[self.header.num]
        if self.slow is not None:  # no poll here
            last = header.insts[-1]
            to_jump(last, last.targets[1])
        for block in made.values():
            for call in block.insts[-1].targets:
                if call.block is header:
                    call.block = self.header
        self.made.extend(made.values())
        for call in back:  # not before: what is copied must stay as it was
            call.block = header


def _name_escapes(func: Function, loops: list[_Loop]) -> list[_Loop]:
    """Give values that are used behind their loop a parameter there; gives the loops for which
    that can be done."""
    if not loops:
        return []
    loop_of: dict[int, _Loop] = {num: loop for loop in loops for num in loop.members}
    escapes: dict[int, dict[int, Value]] = {}  # by header: by value
    arrivals: dict[int, int] = {}
    for block in func.blocks:
        here = loop_of.get(block.num)
        for inst in block.insts:
            for value in operands_of(inst):
                loop = loop_of.get(value.block.num)
                if loop is not None and loop is not here:
                    escapes.setdefault(loop.header.num, {})[value.num] = value
        for call in block.insts[-1].targets:
            arrivals[call.block.num] = arrivals.get(call.block.num, 0) + 1
    kept: list[_Loop] = []
    names: dict[int, Value] = {}
    for loop in loops:
        values = escapes.get(loop.header.num)
        if values is not None:
            exits = {call.block.num for call in loop.exits}
            if len(exits) != 1 or arrivals[loop.exits[0].block.num] != len(loop.exits):
                continue
            target = loop.exits[0].block
            for num, value in values.items():
                names[num] = func.add_param(target, value.ty)
                for call in loop.exits:
                    call.args.append(value)
        kept.append(loop)
    if names:
        _rename(func, loop_of, names)
    return kept


def _rename(func: Function, loop_of: dict[int, _Loop], names: dict[int, Value]) -> None:
    """Let uses outside of a value's loop use its name."""

    def name(value: Value, here: _Loop | None) -> Value:
        loop = loop_of.get(value.block.num)
        if loop is None or loop is here:
            return value
        return names.get(value.num, value)

    for block in func.blocks:
        here = loop_of.get(block.num)
        for inst in block.insts:
            if inst.a is not NIL:
                inst.a = name(inst.a, here)
                inst.b = name(inst.b, here) if inst.b is not NIL else NIL
                inst.c = name(inst.c, here) if inst.c is not NIL else NIL
            if inst.args:
                inst.args = tuple([name(v, here) for v in inst.args])
            for call in inst.targets:
                call.args = [name(v, here) for v in call.args]
