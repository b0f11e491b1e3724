from __future__ import annotations

from grus.ir.cfg import ControlFlowGraph
from tests.ir.graphs import from_edges, ladder


def test_edges_stand_once_in_order_of_the_targets() -> None:
    cfg = ControlFlowGraph(from_edges([[2, 1, 2, 1], [2], [], [2]]))
    assert cfg.succs == [[2, 1], [2], [], [2]]
    assert cfg.preds == [[], [0], [0, 1, 3], []]


def test_post_order_takes_the_first_successor_first() -> None:
    # Cranelift's domtree/loops.clif
    cfg = ControlFlowGraph(from_edges([[2, 1], [3], [5, 4], [4], [5, 3], [6, 4], []]))
    assert cfg.post_order == [6, 3, 4, 5, 2, 1, 0]
    assert cfg.rpo == cfg.post_order[::-1]


def test_unreachable_blocks_have_edges_and_no_place_in_the_order() -> None:
    cfg = ControlFlowGraph(from_edges([[], [2], [1]]))
    assert cfg.preds == [[], [2], [1]]
    assert [cfg.is_reachable(n) for n in range(3)] == [True, False, False]
    assert cfg.rpo == [0]


def test_a_target_outside_the_layout_is_no_edge() -> None:
    func = from_edges([[1, 2], [], []])
    del func.blocks[2]
    assert ControlFlowGraph(func).succs[0] == [1]


def test_long_chains_do_not_recurse() -> None:
    assert len(ControlFlowGraph(from_edges(ladder(50_000))).rpo) == 50_000
