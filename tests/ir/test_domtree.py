from __future__ import annotations

import random

import pytest

from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree, PostDomTree
from tests.ir.graphs import from_edges, ladder, nested_loops, random_graph


def reach(succs: list[list[int]], start: int, without: int) -> set[int]:
    seen: set[int] = set()
    work = [start] if start != without else []
    while work:
        num = work.pop()
        if num not in seen:
            seen.add(num)
            work += [s for s in succs[num] if s != without]
    return seen


@pytest.mark.parametrize("seed", range(40))
def test_dominators_are_those_of_the_definition(seed: int) -> None:
    rng = random.Random(seed)
    succs = random_graph(rng, rng.randrange(1, 14))
    func = from_edges(succs)
    tree = DomTree(func, ControlFlowGraph(func))
    live = reach(succs, 0, -1)
    for a in range(len(succs)):
        cut = reach(succs, 0, a)
        for b in range(len(succs)):
            expected = a == b or (a in live and b in live and b not in cut)
            assert tree.dominates(a, b) == expected
    for num in live - {0}:
        assert tree.dominates(tree.idom[num], num) and tree.idom[num] != num
    assert sorted(tree.pre_order) == sorted(live)


@pytest.mark.parametrize("seed", range(40))
def test_post_dominators_are_those_of_the_definition(seed: int) -> None:
    rng = random.Random(seed)
    size = rng.randrange(2, 12)
    succs = random_graph(rng, size, 1)
    succs[size - 1] = []
    func = from_edges(succs)
    tree = PostDomTree(func, ControlFlowGraph(func))
    live = reach(succs, 0, -1)
    exits = {n for n in live if not succs[n]}
    if any(not reach(succs, n, -1) & exits for n in live):
        return  # has an endless loop
    for a in live:
        for b in live:
            assert tree.post_dominates(a, b) == (a == b or not reach(succs, b, a) & exits)


def test_children_stand_in_reverse_post_order() -> None:
    func = from_edges([[2, 1], [3], [5, 4], [4], [5, 3], [6, 4], []])
    tree = DomTree(func, ControlFlowGraph(func))
    assert tree.children[0] == [1, 2, 5, 4, 3]
    assert tree.idom == [-1, 0, 0, 0, 0, 0, 5]


def test_an_endless_loop_has_a_place_in_the_post_dominator_tree() -> None:
    func = from_edges([[1, 3], [2], [1], []])
    tree = PostDomTree(func, ControlFlowGraph(func))
    assert tree.ipdom == [-1, 2, -1, -1]
    assert tree.post_dominates(2, 1)
    assert not tree.post_dominates(3, 0)


@pytest.mark.parametrize("shape", [ladder, nested_loops])
def test_deep_graphs(shape: object) -> None:
    assert callable(shape)
    func = from_edges(shape(20_000))
    cfg = ControlFlowGraph(func)
    assert DomTree(func, cfg).dominates(1, 19_000)
    PostDomTree(func, cfg)
