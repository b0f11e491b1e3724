"""The control flow graph: successors, predecessors and a reverse post-order.

Blocks are named by their `num`; every table is a list indexed by it. An edge stands once however
many branch targets make it. Successors stand in the order of the text, and the depth-first walk
takes the first successor first, as Cranelift's does (`cranelift/codegen/src/traversals.rs`), so
post-orders agree. Cost: linear in blocks and branch targets.

A block that does not end in a terminator, and a target that is not in the layout, have no edges
here: the verifier reports them.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir.function import Block, Function


class ControlFlowGraph:
    """The edges between the blocks of `func`, as they are now.

    `block[n]` is the block whose `num` is `n`, None for a number not in the layout.
    `succs[n]`, `preds[n]`: numbers of neighbours; predecessors include unreachable blocks.
    `post_order`: numbers of the reachable blocks; `rpo` the same reversed.
    `rpo_index[n]`: position in `rpo`, -1 for an unreachable block.
    """

    __slots__ = ("block", "entry", "post_order", "preds", "rpo", "rpo_index", "succs")

    def __init__(self, func: Function) -> None:
        count = func.num_blocks
        self.block: list[Block | None] = [None] * count
        self.succs: list[list[int]] = [[] for _ in range(count)]
        self.preds: list[list[int]] = [[] for _ in range(count)]
        self.entry = func.blocks[0].num if func.blocks else -1
        for block in func.blocks:
            self.block[block.num] = block
        self._add_edges(func)
        self.post_order: list[int] = []
        self.rpo_index: list[int] = [-1] * count
        if func.blocks:
            self.post_order = post_order(self.entry, self.succs)
        self.rpo: list[int] = self.post_order[::-1]
        for index, num in enumerate(self.rpo):
            self.rpo_index[num] = index

    def _add_edges(self, func: Function) -> None:
        seen_from = [-1] * func.num_blocks  # the last block that had an edge to this one
        for block in func.blocks:
            if not block.insts:
                continue
            last = block.insts[-1]
            if not ops.FLAGS[last.op] & ops.IS_BRANCH:
                continue
            num = block.num
            succs = self.succs[num]
            for call in last.targets:
                to = call.block.num
                if 0 <= to < len(seen_from) and self.block[to] is call.block:
                    if seen_from[to] != num:
                        seen_from[to] = num
                        succs.append(to)
                        self.preds[to].append(num)

    def is_reachable(self, num: int) -> bool:
        """True when control can come to block `num` from the entry."""
        return self.rpo_index[num] >= 0


def post_order(root: int, succs: list[list[int]]) -> list[int]:
    """Nodes reachable from `root`, each after all that its depth-first walk found below it."""
    order: list[int] = []
    seen = bytearray(len(succs))
    seen[root] = 1
    stack = [root]
    at = [0]  # next successor to look at, for each node of the stack
    while stack:
        node = stack[-1]
        index = at[-1]
        targets = succs[node]
        count = len(targets)
        while index < count and seen[targets[index]]:
            index += 1
        if index == count:
            order.append(node)
            stack.pop()
            at.pop()
        else:
            at[-1] = index + 1
            child = targets[index]
            seen[child] = 1
            stack.append(child)
            at.append(0)
    return order
