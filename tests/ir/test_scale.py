"""Deep and large functions go through every step without recursion."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from grus.ir import types as T
from grus.ir.builder import FunctionBuilder
from grus.ir.cfg import ControlFlowGraph
from grus.ir.data import DataValue
from grus.ir.domtree import DomTree, PostDomTree
from grus.ir.function import AbiParam, Function, Signature
from grus.ir.interpreter import Interpreter
from grus.ir.liveness import Liveness
from grus.ir.loops import LoopTree
from grus.ir.verifier import verify
from tests.ir.graphs import from_edges, ladder, nested_loops


def wide(blocks: int) -> Function:
    """`blocks` blocks in a row, 100,000 instructions in all for 20,000."""
    func = Function("%graph", Signature([AbiParam(T.I32)]))
    b = FunctionBuilder(func)
    x = b.declare_var(T.I32)
    b.def_var(x, b.entry_block().params[0])
    rng = random.Random(1)
    for _ in range(blocks // 2):
        with b.if_(b.use_var(x)):
            for _ in range(7):
                b.def_var(x, b.iadd(b.use_var(x), b.use_var(x)))
            if rng.random() < 0.5:
                b.def_var(x, b.iconst(T.I32, 5))
    b.return_()
    return b.finalize()


SHAPES: dict[str, Callable[[], Function]] = {
    "50,000 loops": lambda: from_edges(nested_loops(50_000)),
    "50,000 blocks that leave to one": lambda: from_edges(ladder(50_000)),
    "20,000 blocks": lambda: wide(20_000),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_all_steps(shape: str) -> None:
    func = SHAPES[shape]()
    assert verify(func) == []
    cfg = ControlFlowGraph(func)
    tree = DomTree(func, cfg)
    PostDomTree(func, cfg)
    LoopTree(func, cfg, tree)
    live = Liveness(func, cfg)
    assert len(live.live_in(func.blocks[0].params[0])) <= len(func.blocks)
    assert Interpreter({"%graph": func}).call("%graph", [DataValue(T.I32, 0)]) == []
