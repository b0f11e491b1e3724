"""Copies of blocks within a function, and what becomes of values that are then defined twice.

`copy_blocks` makes the copies; `Definitions` collects which values have others beside them, and
lets every use have the one that reaches it, through new block parameters: Cytron and others,
"Efficiently Computing Static Single Assignment Form and the Control Dependence Graph" (TOPLAS
1991). (`ir/ssa.py` asks predecessors, all the way back for each value: that would be quadratic.)
"""

from __future__ import annotations

from collections.abc import Sequence

from grus.ir import opcodes as ops
from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
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
from grus.ir.ssa import zero


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
            _declare(func, inst, copy, values)
    for block in blocks:
        copy = made[block.num]
        for inst in block.insts:
            copied = values[inst.num]
            _fill(inst, copied, values)
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


def _declare(func: Function, inst: Value, block: Block, values: dict[int, Value]) -> None:
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


def _fill(inst: Value, copy: Value, values: dict[int, Value]) -> None:
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
        meeting = _Meeting(func)
        wanted = {num: True for _, used in uses for num in used}
        values: dict[int, dict[int, Value]] = {}  # by value: by block
        for value, other in self.pairs:
            if value.num in wanted:
                known = values.setdefault(value.num, {})
                for one in value, other:
                    if meeting.cfg.is_reachable(one.block.num):
                        known[one.block.num] = one
        for known in values.values():
            meeting.join(known)
        for block, used in uses:
            names = {num: meeting.find(values[num], block) for num in used}
            for inst in block.insts:
                _rename(inst, names)

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


class _Meeting:
    """Where definitions of a value meet: at the dominance frontiers of blocks that have them."""

    def __init__(self, func: Function) -> None:
        self.func = func
        self.cfg = ControlFlowGraph(func)
        self.domtree = DomTree(func, self.cfg)
        self.edges: dict[int, list[tuple[Block, BlockCall]]] = {}
        for block in func.blocks:
            for call in block.insts[-1].targets:
                self.edges.setdefault(call.block.num, []).append((block, call))
        self.frontiers: list[list[int]] = [[] for _ in range(func.num_blocks)]
        idom = self.domtree.idom
        for num in self.cfg.rpo:
            preds = self.cfg.preds[num]
            if len(preds) < 2:
                continue
            for at in preds:
                while at != idom[num] and at >= 0:
                    frontier = self.frontiers[at]
                    if frontier and frontier[-1] == num:
                        break  # the rest was walked from another predecessor
                    frontier.append(num)
                    at = idom[at]

    def join(self, known: dict[int, Value]) -> None:
        """Give blocks where definitions of a value meet a parameter; `known` are the definitions by
        block, and gets the parameters.

        Where it is defined on all ways here, a block that dominates all definitions dominates: a
        parameter elsewhere would be dead. (Some are, and get a zero where there is nothing.)
        """
        dominates = self.domtree.dominates
        blocks = list(known)
        root = blocks[0]
        for num in blocks:
            while not dominates(root, num):
                root = self.domtree.idom[root]
        ty = known[blocks[0]].ty
        made: list[int] = []
        work = blocks
        while work:
            for num in self.frontiers[work.pop()]:
                if num not in known and num != root and dominates(root, num):
                    block = self.cfg.block[num]
                    assert block is not None
                    known[num] = self.func.add_param(block, ty)
                    made.append(num)
                    work.append(num)
        for num in made:
            for source, call in self.edges[num]:
                call.args.append(self.find(known, source))

    def find(self, known: dict[int, Value], block: Block) -> Value:
        """The definition that reaches the end of a block which has none itself, or its own."""
        dominates = self.domtree.dominates
        best = -1
        for num in known:
            if dominates(num, block.num) and (best < 0 or dominates(best, num)):
                best = num
        if best >= 0:
            return known[best]
        return zero(self.func, next(iter(known.values())).ty, block)


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
