"""Bounds checks of counted loops: what traps does so as before, at the edges of numbers too."""

from __future__ import annotations

import pytest

from grus.ir import opcodes as ops
from grus.ir import verifier
from grus.ir.function import Function
from grus.ir.parser import parse_function
from grus.opt import pipeline
from grus.opt.passes import bounds
from grus.testing import fuzz_loops

LOOP = """function %f(i32, i32, i64) -> i64, i32 {{
block0(v0: i32, v1: i32, v2: i64):
    v3 = iconst.i32 0
    v4 = iconst.i64 0
    v5 = iconst.i32 {step}
    v6 = iconst.i32 1
    jump block1(v0, v3, v4)
block1(v10: i32, v11: i32, v12: i64):
    v13 = uextend.i64 v11
    v14 = icmp uge v13, v2
    trapnz v14, user1
    v15 = iadd v12, v13
    v16 = iadd v10, v5
    v17 = iadd v11, v6
    v18 = icmp {code} v16, v1
    brif v18, {targets}
block2:
    return v15, v16
}}
"""
STAYS = "block1(v16, v17, v15), block2"
LEAVES = "block2, block1(v16, v17, v15)"
FULL = 1 << 32


def both(step: int, code: str, targets: str, versioned: bool) -> tuple[Function, Function]:
    """The loop as it is and optimized."""
    text = LOOP.format(step=step, code=code, targets=targets)
    before, after = parse_function(text), parse_function(text)
    assert bounds.run(after) == versioned
    verifier.check(after)
    pipeline.run_passes(after, {}, ("resolve", "control", "gvn", "dce"))
    verifier.check(after)
    return before, after


@pytest.mark.parametrize(
    ("step", "code", "targets", "versioned"),
    [
        (1, "ne", STAYS, True),
        (4, "ult", STAYS, True),
        (4, "slt", STAYS, True),
        (-4, "ugt", STAYS, True),
        (-4, "sgt", STAYS, True),
        (-3, "ne", STAYS, True),
        (1, "eq", LEAVES, True),
        (4, "uge", LEAVES, True),
        (-4, "sle", LEAVES, True),
        (4, "ult", LEAVES, False),
        (-4, "ult", STAYS, False),
        (4, "sgt", STAYS, False),
        (1, "eq", STAYS, False),
    ],
)
def test_edges(step: int, code: str, targets: str, versioned: bool) -> None:
    before, after = both(step, code, targets, versioned)
    compared = 0
    for start in 0, 7, FULL - 40, FULL // 2 - 40, FULL // 2, FULL - 1:
        for rounds in 0, 1, 9, 12:
            for beside in -1, 0, 1, 2:
                limit = (start + step * rounds + beside) % FULL
                for bound in 8, 9, 11, 12, 13, 50:
                    values = [start, limit, bound]
                    expected = fuzz_loops.outcome(before, values, 1000)
                    if expected != fuzz_loops.ENDLESS:
                        assert fuzz_loops.outcome(after, values, 4000) == expected, values
                        compared += 1
    assert compared > 100


def test_checks_go() -> None:
    _, after = both(1, "ne", STAYS, True)
    traps = [inst for block in after.blocks for inst in block.insts if inst.op == ops.TRAPNZ]
    headers = [block for block in after.blocks if len(block.params) == 3]
    assert len(traps) == 1 and len(headers) == 3  # the entry; one of two loops has none


@pytest.mark.parametrize("first", range(0, 160, 40))
def test_random_loops(first: int) -> None:
    for seed in range(first, first + 40):
        assert fuzz_loops.run_one(seed) == "ok", seed


def test_a_way_out_that_not_every_round_passes_counts_nothing() -> None:
    text = """function %f(i32, i32, i64) -> i32 {
block0(v0: i32, v1: i32, v2: i64):
    v3 = iconst.i32 1
    jump block1(v0)
block1(v4: i32):
    v5 = uextend.i64 v4
    v6 = icmp uge v5, v2
    trapnz v6, user1
    v7 = band v4, v3
    v8 = iadd v4, v3
    brif v7, block2, block1(v8)
block2:
    v9 = icmp ne v4, v1
    brif v9, block1(v8), block3
block3:
    return v4
}
"""
    before, after = parse_function(text), parse_function(text)
    assert not bounds.run(after)
    assert fuzz_loops.outcome(before, [0, 20, 30], 1000) == "trap: user1"
