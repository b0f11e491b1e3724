from __future__ import annotations

import pytest

from grus.ir import opcodes as ops
from grus.ir.cfg import ControlFlowGraph
from grus.ir.data import DataValue
from grus.ir.domtree import DomTree
from grus.ir.function import Function
from grus.ir.interpreter import Interpreter
from grus.ir.loops import LoopTree
from grus.ir.verifier import verify
from grus.testing.gen_clif import HEAP_SIZE, Options, arguments, generate

ALL = Options(
    vectors=True, wide_floats=True, try_calls=True, target_opcodes=True, traps=True, functions=4
)
PLAIN = Options(floats=False, i128=False, calls=False, memory=False)


@pytest.mark.parametrize("options", [Options(), ALL, PLAIN], ids=["default", "all", "plain"])
def test_generated_functions_are_valid(options: Options) -> None:
    for seed in range(60):
        for func in generate(seed, 40, options):
            assert verify(func) == [], (seed, func.name)


def test_the_shapes_and_opcodes_vary() -> None:
    used: set[int] = set()
    irreducible = loops = 0
    for seed in range(150):
        for func in generate(seed, 60, ALL):
            cfg = ControlFlowGraph(func)
            tree = LoopTree(func, cfg, DomTree(func, cfg))
            irreducible += bool(tree.irreducible)
            loops += bool(tree.loops)
            used |= {inst.op for block in func.blocks for inst in block.insts}
    assert irreducible > 10 and loops > 10
    assert len(used) > 130


def test_equal_seeds_give_equal_functions() -> None:
    def shape(func: Function) -> list[tuple[int, ...]]:
        return [
            (i.op, i.ty, i.a.num, i.b.num, i.imm, *[v.num for v in i.args])
            for block in func.blocks
            for i in block.insts
        ]

    for seed in range(5):
        once, again = generate(seed), generate(seed)
        assert [shape(f) for f in once] == [shape(f) for f in again]
        assert arguments(seed, once[0], 64) == arguments(seed, again[0], 64)


def test_options_leave_things_out() -> None:
    traps = {ops.TRAP, ops.TRAPZ, ops.TRAPNZ, ops.FCVT_TO_UINT, ops.UADD_OVERFLOW_TRAP}
    for seed in range(30):
        for func in generate(seed, 40, Options(allows=lambda op, ty: op != ops.IADD)):
            assert not traps & {i.op for block in func.blocks for i in block.insts}
        for func in generate(seed, 40, PLAIN):
            assert not func.stack_slots and not func.funcs


@pytest.mark.parametrize("options", [Options(), PLAIN], ids=["default", "plain"])
def test_functions_without_traps_come_to_an_end(options: Options) -> None:
    for seed in range(40):
        funcs = generate(seed, 30, options)
        interpreter = Interpreter({f.name: f for f in funcs}, max_steps=100_000)
        heap = interpreter.define_data("%heap", bytes(HEAP_SIZE))
        params = funcs[0].sig.params
        patterns = arguments(seed, funcs[0], heap)
        args = [DataValue(p.ty, b) for p, b in zip(params, patterns, strict=True)]
        results = interpreter.call("%f0", args)
        assert [r.ty for r in results] == [r.ty for r in funcs[0].sig.returns]
