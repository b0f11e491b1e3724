"""Fuzzing of what the optimizer does with bounds checks in counted loops (`opt/passes/bounds.py`).

    python -m grus.testing.fuzz_loops [first seed] [count]

Each seed gives a function with a loop, which is interpreted before and after: results and traps
must agree. Arguments are mostly such that there are a few dozen rounds, and a bound that some round
just does or does not reach; some are at the edges of numbers.
"""

from __future__ import annotations

import argparse
import random
import sys
from typing import Final

from grus.base.errors import GrusError
from grus.ir import verifier
from grus.ir.data import DataValue
from grus.ir.domain import InterpreterTrap
from grus.ir.function import Function
from grus.ir.interpreter import Interpreter
from grus.ir.parser import parse_function
from grus.opt import pipeline

STEPS: Final = (1, 1, 1, 2, 4, 8, 3, 12, -1, -1, -2, -4, -3)
CODES: Final = ("ne", "ne", "ult", "slt", "ugt", "sgt", "ule", "eq", "uge")
MAX_STEPS: Final = 3000
ENDLESS: Final = "StepLimit"
_LISTS: Final = (
    ("bounds", "control"),
    ("bounds", "control", "gvn", "dce"),
    ("gvn", "licm", "bounds", "control", "unroll", "dce"),
    ("thread", "induction", "gvn", "control", "licm", "bounds", "unroll", "dce"),
)


def generate(seed: int) -> tuple[str, list[list[int]]]:
    """A function of a start, a limit, an offset and a bound, and some lists of arguments."""
    rng = random.Random(f"loops {seed}")
    ty = rng.choice(("i32", "i32", "i64"))
    step, code = rng.choice(STEPS), rng.choice(CODES)
    if rng.random() < 0.7 and code in ("ult", "slt", "ugt", "sgt"):
        step = abs(step) if code in ("ult", "slt") else -abs(step)
    other = rng.choice((4, 1, -8))
    lines = [
        f"function %f({ty}, {ty}, {ty}, i64) -> i64, {ty} {{",
        f"block0(v0: {ty}, v1: {ty}, v2: {ty}, v3: i64):",
        "    v4 = iconst.i64 7",
        f"    v5 = iconst.{ty} {step}",
        f"    v6 = iconst.{ty} {other}",
        "    jump block1(v0, v2, v4)",
        f"block1(v10: {ty}, v11: {ty}, v12: i64):",
    ]
    values, last = ["v10", "v11"], "v12"
    for index in range(rng.randrange(1, 4)):
        last = _check(rng, lines, values, last, ty, index)
    lines += ["    v13 = iadd v10, v5", "    v14 = iadd v11, v6"]
    tested = rng.choice(("v13", "v13", "v10", "v14"))
    if rng.random() < 0.2:
        lines.append(f"    v15 = icmp {code} v1, {tested}")
    else:
        lines.append(f"    v15 = icmp {code} {tested}, v1")
    targets = [f"block1(v13, v14, {last})", f"block99({last}, v10)"]
    if rng.random() < 0.2:
        targets.reverse()
    lines += [f"    brif v15, {', '.join(targets)}", f"block99(v16: i64, v17: {ty}):"]
    lines += ["    return v16, v17", "}"]
    bits = 32 if ty == "i32" else 64
    return "\n".join(lines) + "\n", [_arguments(rng, bits, step, other) for _ in range(12)]


def _check(
    rng: random.Random, lines: list[str], values: list[str], last: str, ty: str, index: int
) -> str:
    """Add a check of something that steps, and a sum of what was checked, which is given."""
    n = 20 * (index + 2)
    x = rng.choice(values)
    kind = rng.randrange(5)
    if kind == 1:
        lines.append(f"    v{n} = iadd {x}, v2")
    elif kind == 2:
        lines += [f"    v{n + 1} = iconst.{ty} {rng.choice((1, 2, 3))}"]
        lines.append(f"    v{n} = {rng.choice(('ishl', 'imul'))} {x}, v{n + 1}")
    elif kind == 3:
        lines.append(f"    v{n} = isub {x}, v2")
    elif kind == 4:
        lines.append(f"    v{n + 1} = iconst.{ty} {rng.choice((5, -20, 1 << 20))}")
        lines.append(f"    v{n} = iadd {x}, v{n + 1}")
    if kind:
        x = f"v{n}"
        values.append(x)
    if rng.random() < 0.3:  # another way out, maybe not in every round
        lines += [f"    v{n + 8} = iconst.{ty} {rng.choice((40, 3, 100))}"]
        if rng.random() < 0.5:
            lines += [f"    v{n + 10} = iconst.{ty} 1", f"    v{n + 11} = band v11, v{n + 10}"]
            lines += [f"    brif v{n + 11}, block{n}, block{n + 1}", f"block{n}:"]
        lines += [f"    v{n + 9} = icmp {rng.choice(('eq', 'uge'))} v11, v{n + 8}"]
        lines += [f"    brif v{n + 9}, block99({last}, v10), block{n + 1}", f"block{n + 1}:"]
    wide, total = x, f"v{n + 4}"
    if ty == "i32":
        wide = f"v{n + 2}"
        lines.append(f"    {wide} = uextend.i64 {x}")
    lines.append(f"    v{n + 3} = iconst.i64 {rng.choice((0, 1, 4, 8, 100))}")
    if ty == "i64" and rng.random() < 0.7:
        lines.append(f"    {total} = uadd_overflow_trap {wide}, v{n + 3}, user{index + 10}")
    else:
        lines.append(f"    {total} = iadd {wide}, v{n + 3}")
    operands = f"{rng.choice(('ugt', 'ugt', 'uge'))} {total}, v3"
    if rng.random() < 0.2:
        operands = f"{rng.choice(('ult', 'ule'))} v3, {total}"
    lines.append(f"    v{n + 5} = icmp {operands}")
    lines.append(f"    trapnz v{n + 5}, user{index + 1}")
    lines += [f"    v{n + 6} = imul {last}, v4", f"    v{n + 7} = iadd v{n + 6}, {total}"]
    return f"v{n + 7}"


def _arguments(rng: random.Random, bits: int, step: int, other: int) -> list[int]:
    full = 1 << bits
    start = rng.choice((0, 5, 100, 1 << 20, full - 60, full // 2 - 40, full - 5, 64, full // 2))
    rounds = rng.choice((0, 1, 7, 8, 9, 10, 12, 20, 30, 33))
    limit = start + step * rounds + rng.choice((0, 0, 0, 0, 1, -1))
    offset = rng.choice((0, 8, 1000, full - 16, full // 2))
    ends = [start, start + step * rounds, offset, offset + other * rounds]
    end = rng.choice(ends) + rng.choice((0, 0, offset)) * rng.choice((1, -1))
    near = end % full * rng.choice((1, 1, 1, 2, 4)) + rng.choice((0, 1, 4, 8, 100))
    near += step * rng.randrange(-2, 3) + rng.randrange(-1, 2)
    bound = rng.choice((near, near, near, 1 << 32, 1 << 16, (1 << 64) - 1, 0))
    return [start % full, limit % full, offset % full, bound % (1 << 64)]


def outcome(func: Function, arguments: list[int], max_steps: int) -> str:
    """Results, trap or error of a call."""
    interpreter = Interpreter({func.name: func}, max_steps=max_steps)
    params = zip(func.sig.params, arguments, strict=True)
    try:
        return str(interpreter.call(func.name, [DataValue(p.ty, bits) for p, bits in params]))
    except (InterpreterTrap, GrusError) as error:
        return type(error).__name__ if not isinstance(error, InterpreterTrap) else str(error)


def run_one(seed: int) -> str:
    """ "ok", or what differs. Raises VerifierError."""
    text, arguments = generate(seed)
    before, after = parse_function(text), parse_function(text)
    pipeline.run_passes(after, {}, ("resolve", "control", *_LISTS[seed % len(_LISTS)]))
    verifier.check(after)
    for values in arguments:
        expected = outcome(before, values, MAX_STEPS)
        if expected == ENDLESS:
            continue
        found = outcome(after, values, 4 * MAX_STEPS)
        if found != expected:
            return f"{values}: {found} instead of {expected}"
    return "ok"


def main(argv: list[str]) -> int:
    """Run a range of seeds; 1 when anything differs."""
    parser = argparse.ArgumentParser(prog="fuzz_loops", description="Optimize random loops.")
    parser.add_argument("first", nargs="?", type=int, default=0, help="first seed")
    parser.add_argument("count", nargs="?", type=int, default=100, help="how many seeds")
    given = parser.parse_args(argv)
    failed = 0
    for seed in range(given.first, given.first + given.count):
        try:
            found = run_one(seed)
        except GrusError as error:
            found = f"{type(error).__name__}: {error}"
        if found != "ok":
            failed += 1
            print(f"seed {seed}: {found[:300]}", flush=True)
    print(f"{given.count} seeds, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
