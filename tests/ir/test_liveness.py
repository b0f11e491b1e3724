from __future__ import annotations

import random

import pytest

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
from grus.ir.function import Function
from grus.ir.liveness import Liveness
from tests.ir.graphs import from_edges, nested_loops, random_graph


def add_uses(func: Function, rng: random.Random) -> None:
    """Give every block an `iadd` of values that dominate it."""
    cfg = ControlFlowGraph(func)
    tree = DomTree(func, cfg)
    defined = {0: list(func.blocks[0].params)}
    for block in func.blocks:
        known = [
            v for num, values in defined.items() if tree.dominates(num, block.num) for v in values
        ]
        if not known:
            continue
        inst = func.new_value(ops.IADD, T.I32, block)
        inst.a, inst.b = rng.choice(known), rng.choice(known)
        block.insts.insert(0, inst)
        defined.setdefault(block.num, []).append(inst)


@pytest.mark.parametrize("seed", range(30))
def test_live_in_is_the_fixed_point_of_the_data_flow_equations(seed: int) -> None:
    rng = random.Random(seed)
    succs = random_graph(rng, rng.randrange(2, 12))
    func = from_edges(succs)
    add_uses(func, rng)
    cfg = ControlFlowGraph(func)
    live = Liveness(func, cfg)
    uses: list[set[int]] = []
    defs: list[set[int]] = []
    for block in func.blocks:
        defined = {p.num for p in block.params}
        used: set[int] = set()
        for inst in block.insts:
            used |= {v.num for v in (inst.a, inst.b) if v.num >= 0} - defined
            if inst.ty:
                defined.add(inst.num)
        uses.append(used)
        defs.append(defined)
    expected: list[set[int]] = [set() for _ in succs]
    changed = True
    while changed:
        changed = False
        for num in range(len(succs)):
            out = set().union(*[expected[s] for s in cfg.succs[num]])
            new = uses[num] | (out - defs[num])
            changed |= new != expected[num]
            expected[num] = new
    assert [set(s) for s in live.live_in_sets()] == expected
    for value in live.values:
        out = {n for n in range(len(succs)) for s in cfg.succs[n] if value.num in expected[s]}
        assert set(live.live_out(value)) == out


def test_deep_nests() -> None:
    func = from_edges(nested_loops(20_000))
    live = Liveness(func, ControlFlowGraph(func))
    param = func.blocks[0].params[0]
    assert len(live.live_in(param)) == 40_001
    assert live.use_count[param.num] == 20_000
