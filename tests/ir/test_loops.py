from __future__ import annotations

import random

import pytest

from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
from grus.ir.loops import LoopTree
from tests.ir.graphs import from_edges, nested_loops, random_graph, shared_latch


def loops_of(succs: list[list[int]]) -> tuple[LoopTree, ControlFlowGraph, DomTree]:
    func = from_edges(succs)
    cfg = ControlFlowGraph(func)
    tree = DomTree(func, cfg)
    return LoopTree(func, cfg, tree), cfg, tree


def test_two_loops_in_one() -> None:
    loops, _, _ = loops_of([[1], [2, 6], [2, 3], [4], [4, 5], [1], []])
    assert [(loop.header, loop.parent, loop.depth) for loop in loops.loops] == [
        (1, -1, 1),
        (2, 0, 2),
        (4, 0, 2),
    ]
    assert loops.depth == [0, 1, 2, 1, 2, 1, 0]
    assert loops.loops[0].children == [1, 2]
    assert not loops.irreducible


def test_an_irreducible_region_is_noted_and_is_no_loop() -> None:
    loops, _, _ = loops_of([[1, 2], [2], [1, 3], []])
    assert not loops.loops
    assert loops.irreducible == [(2, 1)]


@pytest.mark.parametrize("seed", range(40))
def test_bodies_are_those_of_the_definition(seed: int) -> None:
    rng = random.Random(seed)
    succs = random_graph(rng, rng.randrange(2, 16))
    loops, cfg, tree = loops_of(succs)
    bodies: dict[int, set[int]] = {}
    for num in cfg.rpo:
        for header in cfg.succs[num]:
            if tree.dominates(header, num):
                body = bodies.setdefault(header, {header})
                work = [num]
                while work:
                    n = work.pop()
                    if n not in body:
                        body.add(n)
                        work += [p for p in cfg.preds[n] if cfg.is_reachable(p)]
    assert {loop.header for loop in loops.loops} == set(bodies)
    for num in cfg.rpo:
        assert loops.depth[num] == sum(num in body for body in bodies.values())
        chain = []
        at = loops.loop_of[num]
        while at >= 0:
            chain.append(loops.loops[at].header)
            at = loops.loops[at].parent
        assert set(chain) == {h for h, body in bodies.items() if num in body}


@pytest.mark.parametrize("shape", [nested_loops, shared_latch])
def test_deep_nests(shape: object) -> None:
    assert callable(shape)
    loops, _, _ = loops_of(shape(20_000))
    assert max(loops.depth) == 20_000
