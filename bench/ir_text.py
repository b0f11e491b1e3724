"""Speed and scaling of the text form: parse, print and verify functions of growing size.

Run `python bench/ir_text.py [SIZE...]`. Shapes: `line` is one block of SIZE instructions;
`blocks` a chain of SIZE / 5 blocks with branches and parameters; `nest` SIZE / 4 nested loops.
Times are microseconds an instruction, the best of three.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from grus.ir.parser import parse_function
from grus.ir.printer import print_function
from grus.ir.verifier import verify

REPEATS = 3
MIX = (
    "v{d} = iadd v{a}, v{b}",
    "v{d} = iconst.i64 0x1234",
    "v{d} = load.i64 notrap aligned v{a}+8",
    "store v{a}, v{b}+16",
    "v{d} = imul v{a}, v{b}",
    "v{d} = bxor v{a}, v{b}",
    "v{d} = ishl v{a}, v{b}",
    "v{d} = select v{a}, v{b}, v{a}",
)


def line(size: int) -> str:
    """One block."""
    rows = ["function %line(i64, i64) -> i64 {", "block0(v0: i64, v1: i64):"]
    last = 1
    for index in range(size - 1):
        row = MIX[index % len(MIX)]
        rows.append("    " + row.format(d=last + 1, a=last, b=last - 1))
        last += "{d}" in row
    return "\n".join([*rows, f"    return v{last}", "}", ""])


def blocks(size: int) -> str:
    """A chain of blocks of five instructions."""
    rows = ["function %blocks(i64) -> i64 {", "block0(v0: i64):", "    jump block1(v0)", ""]
    count = max(size // 5, 1)
    for index in range(1, count + 1):
        v = index * 10
        rows += [
            f"block{index}(v{v}: i64):",
            f"    v{v + 1} = iconst.i64 {index}",
            f"    v{v + 2} = iadd v{v}, v{v + 1}",
            f"    v{v + 3} = icmp ult v{v + 2}, v{v}",
            f"    v{v + 4} = bxor v{v + 2}, v{v + 1}",
            f"    brif v{v + 3}, block{index + 1}(v{v + 2}), block{index + 1}(v{v + 4})",
            "",
        ]
    rows += [f"block{count + 1}(v1: i64):", "    return v1", "}", ""]
    return "\n".join(rows)


def nest(size: int) -> str:
    """Nested loops: headers go in, latches in reverse order come back out."""
    depth = max(size // 4, 1)
    rows = ["function %nest(i64) {", "block0(v0: i64):", "    jump block1", ""]
    for index in range(1, depth + 1):
        rows += [f"block{index}:", f"    jump block{index + 1}", ""]
    for index in range(depth, 0, -1):
        at = 2 * depth + 1 - index
        rows += [f"block{at}:", f"    brif.i64 v0, block{index}, block{at + 1}", ""]
    return "\n".join([*rows, f"block{2 * depth + 1}:", "    return", "}", ""])


def best(work: Callable[[], object]) -> float:
    """The shortest of REPEATS runs, in seconds."""
    times: list[float] = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    sizes = [int(a) for a in sys.argv[1:]] or [1_000, 10_000, 100_000]
    print(f"{'shape':8}{'insts':>9}{'blocks':>9}{'parse us':>10}{'print us':>10}{'verify us':>10}")
    for name, make in (("line", line), ("blocks", blocks), ("nest", nest)):
        for size in sizes:
            text = make(size)
            func = parse_function(text)
            assert print_function(parse_function(print_function(func))) == print_function(func)
            count = sum(len(block.insts) for block in func.blocks)
            parsing = best(lambda text=text: parse_function(text)) / count * 1e6
            printing = best(lambda func=func: print_function(func)) / count * 1e6
            verifying = best(lambda func=func: verify(func)) / count * 1e6
            row = f"{name:8}{count:9}{len(func.blocks):9}"
            print(f"{row}{parsing:10.2f}{printing:10.2f}{verifying:10.2f}")


if __name__ == "__main__":
    main()
