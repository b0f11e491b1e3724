"""What matching costs: `python bench/rules.py [FILE.clif]`.

Every instruction is offered to its matcher, as the simplifier does it, without changing anything:
those of a file (`grus clif wasm FILE.wasm` makes one), else random ones.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from grus.ir import opcodes as ops  # noqa: E402
from grus.ir import types as T  # noqa: E402
from grus.ir.function import NIL, Function, Signature, Value  # noqa: E402
from grus.ir.parser import parse_file  # noqa: E402
from grus.opt import pipeline, simplify  # noqa: E402

MIX = (
    *[ops.IADD] * 20, *[ops.ISUB] * 5, *[ops.IMUL] * 4, *[ops.BAND] * 8, *[ops.BOR] * 4,
    *[ops.BXOR] * 4, *[ops.ISHL] * 6, *[ops.USHR] * 5, *[ops.SSHR] * 2, *[ops.ICMP] * 12,
    *[ops.SELECT] * 4, *[ops.ROTL] * 2, *[ops.UEXTEND] * 8, *[ops.IREDUCE] * 3, *[ops.LOAD] * 13,
)  # fmt: skip


def random_values(count: int) -> list[Value]:
    """Instructions in about the frequency of compiled programs; few of them match a rule."""
    rng = random.Random(1)
    func = Function("%bench", Signature())
    block = func.add_block()
    wide = [func.add_param(block, T.I64) for _ in range(8)]
    narrow = [func.add_param(block, T.I32) for _ in range(8)]
    for _ in range(count):
        op = rng.choice(MIX)
        pool = narrow if rng.random() < 0.7 else wide
        a, b, c = rng.choice(pool[-12:]), rng.choice(pool[-12:]), NIL
        if rng.random() < 0.3:
            b = func.new_value(ops.ICONST, pool[0].ty, block)
            b.imm = rng.choice((3, 4, 12, 16, 100, 0xFFFF, -7))
        ty = pool[0].ty
        if op == ops.ICMP:
            ty = T.I8
        elif op == ops.SELECT:
            a, b, c = narrow[-1], a, b
        elif op == ops.UEXTEND:
            a, b, ty = rng.choice(narrow[-12:]), NIL, T.I64
        elif op == ops.IREDUCE:
            a, b, ty = rng.choice(wide[-12:]), NIL, T.I32
        value = func.new_value(op, ty, block)
        value.a, value.b, value.c = a, b, c
        block.insts.append(value)
        if ty != T.I8:
            (narrow if ty == T.I32 else wide).append(value)
    return block.insts


def values_of(path: Path) -> list[Value]:
    """All instructions of a file, after one round of the optimizer."""
    found: list[Value] = []
    for function in parse_file(path.read_text()).functions:
        pipeline.run_passes(function.func, {}, pipeline.LEVELS["speed"])
        for block in function.func.blocks:
            found += block.insts
    return found


def main() -> None:
    start = time.perf_counter()
    module = simplify.rules()
    loading = time.perf_counter() - start
    code = "import time; t = time.perf_counter(); from grus.opt import simplify; simplify.rules(); print(time.perf_counter() - t)"
    cold = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    print(f"load: {loading * 1e3:.1f} ms here, {float(cold.stdout) * 1e3:.1f} ms with all imports")
    values = values_of(Path(sys.argv[1])) if len(sys.argv) > 1 else random_values(20000)
    simplifier = simplify.Simplifier(Function("%bench", Signature()))
    simplifier.budget = 1 << 30
    table = module.TABLE
    pairs = [(table[v.op], v) for v in values if table[v.op] is not None]
    still = [(m, v) for m, v in pairs if m(simplifier, v) is None]
    empty = least([(nothing, v) for _, v in still], simplifier)
    share = len(pairs) / len(values)
    print(f"{len(values)} instructions, {share:.0%} of opcodes that have rules, ", end="")
    print(f"{1 - len(still) / len(pairs):.1%} of these match")
    print(f"no match: {least(still, simplifier):.0f} ns, of which loop and call {empty:.0f}")
    print(f"all, with what is made: {least(pairs, simplifier):.0f} ns an instruction")


def nothing(simplifier: object, value: object) -> None:
    """The cost of the loop and of a call."""


def least(pairs: list[Any], simplifier: simplify.Simplifier) -> float:
    """Nanoseconds for each pair, the best of some rounds over each 1,000 of them: a function fits
    into the cache, and other work on the machine disturbs some rounds only."""
    total = 0.0
    for start in range(0, len(pairs), 1000):
        part = pairs[start : start + 1000]
        best = 1e18
        for _ in range(9):
            began = time.thread_time_ns()
            for matcher, value in part:
                matcher(simplifier, value)
            best = min(best, time.thread_time_ns() - began)
        total += best
    return total / len(pairs)


if __name__ == "__main__":
    main()
