"""Copies of blocks within a function, and what becomes of values that are then defined twice.

`copy_blocks` makes the copies; `Definitions` collects which values have others beside them, and
lets every use have the one that reaches it, through new block parameters (`ir/ssa.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from grus.ir import opcodes as ops
from grus.ir.function import (
    NIL,
    Block,
    BlockCall,
    CallInfo,
    Function,
    Value,
    operands_of,
    results_of,
)
from grus.ir.ssa import SSABuilder


def copy_blocks(
    func: Function, blocks: Sequence[Block], values: dict[int, Value]
) -> dict[int, Block]:
    """Copies of blocks, by number of the original. Branches between originals are between copies;
    others go where they went. `values` gets the copy of each value, by its number."""
    made: dict[int, Block] = {}
    for block in blocks:
        copy = made[block.num] = func.new_block()
        copy.cold = block.cold
        for param in block.params:
            values[param.num] = func.add_param(copy, param.ty)
        for inst in block.insts:
            declare(func, inst, copy, values)
    for block in blocks:
        copy = made[block.num]
        for inst in block.insts:
            copied = values[inst.num]
            fill(inst, copied, values)
            copied.targets = tuple(
                [
                    BlockCall(
                        made.get(call.block.num, call.block),
                        [values.get(v.num, v) for v in call.args],
                    )
                    for call in inst.targets
                ]
            )
            copy.insts.append(copied)
    return made


def declare(func: Function, inst: Value, block: Block, values: dict[int, Value]) -> None:
    """Make the copy of an instruction, without operands, and of its results; into `values`."""
    copy = func.new_value(inst.op, inst.ty, block)
    copy.imm = inst.imm
    copy.ext = inst.ext
    copy.loc = inst.loc
    values[inst.num] = copy
    if inst.results:
        results: list[Value] = []
        for result in inst.results:
            made = func.new_value(ops.PROJ, result.ty, block)
            made.a = copy
            made.imm = result.imm
            values[result.num] = made
            results.append(made)
        copy.results = tuple(results)


def fill(inst: Value, copy: Value, values: dict[int, Value]) -> None:
    """Give the copy of an instruction its operands, other than branch targets."""
    copy.a = values.get(inst.a.num, inst.a)
    copy.b = values.get(inst.b.num, inst.b)
    copy.c = values.get(inst.c.num, inst.c)
    copy.args = tuple([values.get(v.num, v) for v in inst.args])


class Definitions:
    """Values that have other definitions beside their own."""

    def __init__(self) -> None:
        self.places: dict[int, set[int]] = {}  # by value: the blocks that define it
        self.pairs: list[tuple[Value, Value]] = []

    def add(self, value: Value, other: Value) -> None:
        """Where `other` is defined it is what `value` is elsewhere."""
        self.places.setdefault(value.num, {value.block.num}).add(other.block.num)
        self.pairs.append((value, other))

    def add_block(self, block: Block, values: dict[int, Value]) -> None:
        """All values of a block have the copies that `values` says."""
        for param in block.params:
            self.add(param, values[param.num])
        for inst in block.insts:
            for result in results_of(inst):
                self.add(result, values[result.num])

    def repair(self, func: Function) -> None:
        """Let each use have the definition that reaches it. All blocks can be reached."""
        uses = self.uses(func)
        if not uses:
            return
        ssa = SSABuilder(func)
        for block in func.blocks:
            for call in block.insts[-1].targets:
                ssa.add_edge(block, call)
        for block in func.blocks:
            ssa.seal(block)
        numbers: dict[int, int] = {}
        for value, other in self.pairs:
            number = numbers.get(value.num)
            if number is None:
                number = numbers[value.num] = len(ssa.types)
                ssa.types.append(value.ty)
                ssa.defs_of(value.block)[number] = value
            ssa.defs_of(other.block)[number] = other
        for block, used in uses:
            names = {num: ssa.use(numbers[num], block) for num in used}
            for inst in block.insts:
                _rename(inst, names)
        ssa.finish()

    def uses(self, func: Function) -> list[tuple[Block, list[int]]]:
        """Blocks with the values of several definitions that they use and do not define."""
        found: list[tuple[Block, list[int]]] = []
        places = self.places
        for block in func.blocks:
            used: list[int] = []
            for inst in block.insts:
                for value in (inst.a, inst.b, inst.c):
                    if value.num in places:
                        used.append(value.num)
                if inst.args or inst.targets:
                    used += [value.num for value in operands_of(inst) if value.num in places]
            if used:
                names = [num for num in dict.fromkeys(used) if block.num not in places[num]]
                if names:
                    found.append((block, names))
        return found


def _rename(inst: Value, names: dict[int, Value]) -> None:
    """Replace operands by name."""
    if inst.a is not NIL:
        inst.a = names.get(inst.a.num, inst.a)
        inst.b = names.get(inst.b.num, inst.b)
        inst.c = names.get(inst.c.num, inst.c)
    if inst.args:
        inst.args = tuple([names.get(v.num, v) for v in inst.args])
    for call in inst.targets:
        call.args = [names.get(v.num, v) for v in call.args]
    if inst.targets and isinstance(inst.ext, CallInfo):
        for handler in inst.ext.handlers:
            handler.value = names.get(handler.value.num, handler.value)
