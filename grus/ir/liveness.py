"""Liveness of values, per value.

A value is live in a block when a path from the block's start comes to a use without passing the
definition. In SSA form the blocks of one value are found by walking from its uses back to its
definition (Brandner et al., "Computing Liveness Sets for SSA-Form Programs", 2011), which costs
as much as the answer is long. Nothing here holds a set per block of all values: live-in sets of
20,000 blocks and 100,000 values are quadratic in size, so they are made only when asked for.

An argument of a branch is used at the end of the branching block: that use alone does not make it
live out of the block. The function must pass the verifier.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir.cfg import ControlFlowGraph
from grus.ir.function import Function, Value, operands_of


class Liveness:
    """Where each value is live. The answers hold until the function changes.

    `values`: every value that a block defines, in layout order.
    `def_block[v]`: number of the defining block, -1 for a value that none defines.
    `use_blocks[v]`: blocks other than the defining one that use `v`, in layout order.
    `use_count[v]`: operands that are `v`.
    """

    __slots__ = ("_cfg", "_stamp", "_stamps", "def_block", "use_blocks", "use_count", "values")

    def __init__(self, func: Function, cfg: ControlFlowGraph) -> None:
        self._cfg = cfg
        self._stamps = [0] * func.num_blocks
        self._stamp = 0
        self.values: list[Value] = []
        self.def_block = [-1] * func.num_values
        self.use_count = [0] * func.num_values
        self.use_blocks: dict[int, list[int]] = {}
        for block in func.blocks:
            num = block.num
            for param in block.params:
                self.values.append(param)
                self.def_block[param.num] = num
            for inst in block.insts:
                if inst.ty:
                    self.values.append(inst)
                    self.def_block[inst.num] = num
                for result in inst.results:
                    self.values.append(result)
                    self.def_block[result.num] = num
        for block in func.blocks:
            num = block.num
            for inst in block.insts:
                for value in operands_of(inst):
                    self._use(value, num)

    def _use(self, value: Value, num: int) -> None:
        while value.op == ops.ALIAS:
            value = value.a
        v = value.num
        self.use_count[v] += 1
        if self.def_block[v] == num:
            return
        blocks = self.use_blocks.get(v)
        if blocks is None:
            self.use_blocks[v] = [num]
        elif blocks[-1] != num:
            blocks.append(num)

    def live_in(self, value: Value) -> list[int]:
        """Numbers of the blocks that `value` is live into, in no particular but a fixed order."""
        blocks = self.use_blocks.get(value.num)
        if blocks is None:
            return []
        self._stamp += 1
        stamp = self._stamp
        stamps = self._stamps
        stamps[self.def_block[value.num]] = stamp
        live: list[int] = []
        for num in blocks:
            if stamps[num] != stamp:
                stamps[num] = stamp
                live.append(num)
        preds = self._cfg.preds
        index = 0
        while index < len(live):
            for pred in preds[live[index]]:
                if stamps[pred] != stamp:
                    stamps[pred] = stamp
                    live.append(pred)
            index += 1
        return live

    def live_out(self, value: Value) -> list[int]:
        """Numbers of the blocks that `value` is live out of."""
        self_in = self.live_in(value)
        self._stamp += 1
        out: list[int] = []
        for num in self_in:
            for pred in self._cfg.preds[num]:
                if self._stamps[pred] != self._stamp:
                    self._stamps[pred] = self._stamp
                    out.append(pred)
        return out

    def live_in_sets(self) -> list[list[int]]:
        """For each block the numbers of the values live into it. As large as the answer is."""
        sets: list[list[int]] = [[] for _ in self._stamps]
        for value in self.values:
            for num in self.live_in(value):
                sets[num].append(value.num)
        return sets
