"""Dominators and post-dominators.

Block A dominates B when every path from the entry to B passes A; the immediate dominators form a
tree. Computed by Lengauer and Tarjan, "A Fast Algorithm for Finding Dominators in a Flowgraph"
(TOPLAS 1979), the simple version with path compression: O(m log n) on every graph. The shorter
iterative algorithm of Cooper, Harvey and Kennedy is quadratic on a chain of blocks that all leave
to the same one, which is what a wasm function with many `br` to one label is.

`dominates` compares intervals of a depth-first numbering of the tree, so it costs O(1).
"""

from __future__ import annotations

from grus.ir.cfg import ControlFlowGraph
from grus.ir.function import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NONE: Final = -1


class DomTree:
    """Dominator tree of the blocks reachable from the entry, by block `num`.

    `idom[n]` is the immediate dominator, -1 for the entry and for unreachable blocks.
    `children[n]` stand in reverse post-order; `pre_order` lists the tree from the entry.
    """

    __slots__ = ("_first", "_last", "children", "idom", "pre_order")

    def __init__(self, func: Function, cfg: ControlFlowGraph) -> None:
        count = func.num_blocks
        self.idom = [NONE] * count
        if cfg.entry >= 0:
            self.idom = immediate_dominators(cfg.entry, cfg.succs, cfg.preds)
        self.children: list[list[int]] = [[] for _ in range(count)]
        for num in cfg.rpo:
            if self.idom[num] >= 0:
                self.children[self.idom[num]].append(num)
        self._first = [NONE] * count
        self._last = [NONE] * count
        roots = [cfg.entry] if cfg.entry >= 0 else []
        self.pre_order: list[int] = _number(roots, self.children, self._first, self._last)

    def dominates(self, a: int, b: int) -> bool:
        """True when block `a` dominates block `b` (every block dominates itself).

        Nothing but `b` itself dominates an unreachable `b`.
        """
        first = self._first[b]
        if first < 0:
            return a == b
        return 0 <= self._first[a] <= first <= self._last[a]


class PostDomTree:
    """Post-dominator tree: A post-dominates B when every path from B out of the function passes A.

    `ipdom[n]` is the immediate post-dominator, -1 when that is leaving the function itself. A
    region that never leaves (an endless loop) is taken to leave from one of its blocks: the
    first of the post-order that does not reach an exit, so that every reachable block has a
    place in the tree.
    """

    __slots__ = ("_first", "_last", "children", "ipdom")

    def __init__(self, func: Function, cfg: ControlFlowGraph) -> None:
        count = func.num_blocks
        leave = count  # a node for leaving the function
        # The graph with its edges turned round, unreachable blocks left out.
        succs: list[list[int]] = [[] for _ in range(count + 1)]
        preds: list[list[int]] = [[] for _ in range(count + 1)]
        for num in cfg.rpo:
            preds[num] = list(cfg.succs[num])
            succs[num] = [p for p in cfg.preds[num] if cfg.rpo_index[p] >= 0]
        for num in _exits(cfg):
            succs[leave].append(num)
            preds[num].append(leave)
        idom = immediate_dominators(leave, succs, preds)
        self.ipdom = [NONE if d == leave else d for d in idom[:count]]
        self.children: list[list[int]] = [[] for _ in range(count)]
        roots: list[int] = []
        for num in cfg.post_order:
            if self.ipdom[num] >= 0:
                self.children[self.ipdom[num]].append(num)
            else:
                roots.append(num)
        self._first = [NONE] * count
        self._last = [NONE] * count
        _number(roots, self.children, self._first, self._last)

    def post_dominates(self, a: int, b: int) -> bool:
        """True when block `a` post-dominates block `b` (every block post-dominates itself)."""
        first = self._first[b]
        if first < 0:
            return a == b
        return 0 <= self._first[a] <= first <= self._last[a]


def _exits(cfg: ControlFlowGraph) -> list[int]:
    """Blocks without successors, then one block for each region that never leaves."""
    exits = [num for num in cfg.post_order if not cfg.succs[num]]
    seen = bytearray(len(cfg.succs))
    _mark_back(cfg, exits, seen)
    for num in cfg.post_order:
        if not seen[num]:
            exits.append(num)
            _mark_back(cfg, [num], seen)
    return exits


def _mark_back(cfg: ControlFlowGraph, start: list[int], seen: bytearray) -> None:
    work = list(start)
    for num in work:
        seen[num] = 1
    while work:
        for pred in cfg.preds[work.pop()]:
            if not seen[pred]:
                seen[pred] = 1
                work.append(pred)


def _number(
    roots: list[int], children: list[list[int]], first: list[int], last: list[int]
) -> list[int]:
    """Number the trees in pre-order: `first[n]`, and `last[n]` the largest below `n`."""
    order: list[int] = []
    stack = roots[::-1]
    while stack:
        num = stack.pop()
        first[num] = len(order)
        order.append(num)
        stack.extend(children[num][::-1])
    for num in reversed(order):
        below = children[num]
        last[num] = last[below[-1]] if below else first[num]
    return order


def immediate_dominators(root: int, succs: list[list[int]], preds: list[list[int]]) -> list[int]:
    """The immediate dominator of every node that `root` reaches; -1 for the root and the others.

    Nodes are renumbered by a depth-first walk; below, all names but `idom` speak of those numbers.
    """
    number = [NONE] * len(succs)
    vertex: list[int] = []  # number -> node
    parent: list[int] = []
    stack = [root]
    from_ = [0]
    while stack:
        node = stack.pop()
        up = from_.pop()
        if number[node] >= 0:
            continue
        here = len(vertex)
        number[node] = here
        vertex.append(node)
        parent.append(up)
        for target in succs[node]:
            if number[target] < 0:
                stack.append(target)
                from_.append(here)

    count = len(vertex)
    semi = list(range(count))
    best = list(range(count))  # the node of least `semi` on the compressed path above
    ancestor = [NONE] * count
    bucket: list[list[int]] = [[] for _ in range(count)]
    dom = [0] * count
    path: list[int] = []
    for w in range(count - 1, 0, -1):
        up = parent[w]
        least = w
        for pred in preds[vertex[w]]:
            v = number[pred]
            if v < 0:
                continue
            if ancestor[v] >= 0:
                v = _eval(v, ancestor, best, semi, path)
            if semi[v] < least:
                least = semi[v]
        semi[w] = least
        bucket[least].append(w)
        ancestor[w] = up
        for v in bucket[up]:
            u = _eval(v, ancestor, best, semi, path)
            dom[v] = u if semi[u] < semi[v] else up
        bucket[up] = []
    idom = [NONE] * len(succs)
    for w in range(1, count):
        if dom[w] != semi[w]:
            dom[w] = dom[dom[w]]
        idom[vertex[w]] = vertex[dom[w]]
    return idom


def _eval(v: int, ancestor: list[int], best: list[int], semi: list[int], path: list[int]) -> int:
    """The node of least `semi` on the path from `v` up to its root; compresses that path."""
    node = v
    while ancestor[ancestor[node]] >= 0:
        path.append(node)
        node = ancestor[node]
    root = ancestor[node]
    while path:
        child = path.pop()
        above = ancestor[child]
        if semi[best[above]] < semi[best[child]]:
            best[child] = best[above]
        ancestor[child] = root
    return best[v]
