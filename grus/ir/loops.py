"""The loop tree: natural loops, their headers and nesting.

A back edge goes from a block to one that dominates it, the *header*. The natural loop of a header
is everything that reaches one of its back edges without passing the header. Headers are visited
from the innermost out (reverse of the reverse post-order); a walk backwards from the back edges
steps over a loop already found by a union-find forest, so every block is stepped on once and the
whole is near-linear however deep the nest.

An edge against the order whose target does not dominate its source enters a region with several
entries. Such a region is not a loop here; the edge is kept in `irreducible`.
"""

from __future__ import annotations

from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
from grus.ir.function import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NO_LOOP: Final = -1


class Loop:
    """One loop. `num` indexes `LoopTree.loops`; `depth` is 1 for an outermost loop."""

    __slots__ = ("children", "depth", "header", "latches", "num", "parent")

    def __init__(self, num: int, header: int, latches: list[int]) -> None:
        self.num = num
        self.header = header  # block num
        self.latches = latches  # block nums of the sources of the back edges
        self.parent = NO_LOOP  # loop num
        self.children: list[int] = []
        self.depth = 0


class LoopTree:
    """The natural loops of a function.

    `loops`: outer loops before the loops inside them, by the reverse post-order of headers.
    `loop_of[n]`: number of the innermost loop of block `n`, -1 for none.
    `depth[n]`: how many loops block `n` is in.
    `irreducible`: edges (from, to) that enter a region of several entries.
    """

    __slots__ = ("depth", "irreducible", "loop_of", "loops")

    def __init__(self, func: Function, cfg: ControlFlowGraph, domtree: DomTree) -> None:
        count = func.num_blocks
        self.loops: list[Loop] = []
        self.loop_of = [NO_LOOP] * count
        self.depth = [0] * count
        self.irreducible: list[tuple[int, int]] = []
        for num in cfg.rpo:
            latches: list[int] = []
            for pred in cfg.preds[num]:
                if cfg.rpo_index[pred] >= cfg.rpo_index[num]:
                    if domtree.dominates(num, pred):
                        latches.append(pred)
                    else:
                        self.irreducible.append((pred, num))
            if latches:
                self.loops.append(Loop(len(self.loops), num, latches))
        self._find_bodies(cfg)
        for loop in self.loops:  # parents come first
            if loop.parent >= 0:
                outer = self.loops[loop.parent]
                outer.children.append(loop.num)
                loop.depth = outer.depth + 1
            else:
                loop.depth = 1
        for num in cfg.rpo:
            if self.loop_of[num] >= 0:
                self.depth[num] = self.loops[self.loop_of[num]].depth

    def _find_bodies(self, cfg: ControlFlowGraph) -> None:
        outer = list(range(len(self.loops)))  # union-find: towards the outermost loop found yet
        for loop in reversed(self.loops):
            work = list(loop.latches)
            self.loop_of[loop.header] = loop.num
            while work:
                num = work.pop()
                inner = self.loop_of[num]
                if inner < 0:
                    self.loop_of[num] = loop.num
                    work.extend([p for p in cfg.preds[num] if cfg.rpo_index[p] >= 0])
                    continue
                top = inner
                while outer[top] != top:
                    top = outer[top]
                while outer[inner] != top:
                    inner, outer[inner] = outer[inner], top
                if top == loop.num:
                    continue
                self.loops[top].parent = loop.num
                outer[top] = loop.num
                header = self.loops[top].header
                work.extend([p for p in cfg.preds[header] if cfg.rpo_index[p] >= 0])
