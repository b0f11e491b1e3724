"""Speed after promotion, and what tiers cost a program of two seconds, beside the eager tier.

    python bench/start/steady.py [--write] [--program] [KERNEL...]

The kernels are those of bench/kernels. In one process a kernel is called with code of the tier
"eager" and of "auto" in turn, after the latter has been called for a while; the fastest call of each
counts, in seconds of the processor, for the machine is shared. With `--program` each kernel is a program in a process of its own that makes as many calls as
take two seconds in eager code: from its start to its end with the tier "eager" and its code in the
cache, with "auto" and an empty cache, and with "auto" and what that run left there.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench" / "kernels")]

MARK = "<!-- figures: {} -->"
REPEAT = 12
WARM_SECONDS = 1.5
PROGRAM_SECONDS = 2.0
PROGRAM = """
import sys
sys.path.insert(0, {root!r})
import grus
module = grus.Module.from_file({path!r}, grus.Engine(tier={tier!r}, cache={cache!r}))
run = grus.Instance(module).exports.run
for _ in range({calls}):
    run({n})
import time
print(time.process_time())
"""


def kernels(names: list[str], where: Path) -> Iterable[Any]:
    from run import Kernel  # bench/kernels

    sources = sorted((ROOT / "bench" / "kernels").glob("*.c"))
    for source in sources:
        if not names or source.stem in names:
            yield Kernel(source, where)


def once(run: Any, n: int) -> float:
    start = time.thread_time()
    run(n)
    return time.thread_time() - start


def steady(kernel: Any) -> tuple[float, float, float, Any]:
    """Seconds of the processor that a call takes: eager, the first one of auto, auto after a while; and its tier stats."""
    import grus

    data = kernel.wasm.read_bytes()
    eager = grus.Instance(grus.Module(data, grus.Engine(tier="eager"))).exports.run
    module = grus.Module(data, grus.Engine(tier="auto"))
    auto = grus.Instance(module).exports.run
    once(eager, kernel.n)
    first = once(auto, kernel.n)
    end = time.perf_counter() + WARM_SECONDS
    while time.perf_counter() < end:
        once(auto, kernel.n)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEAT):
        times[0].append(once(eager, kernel.n))
        times[1].append(once(auto, kernel.n))
    return min(times[0]), first, min(times[1]), module.tier_stats()


def program(kernel: Any, tier: str, cache: str, calls: int) -> float:
    """Seconds of the processor that a process takes from its start; the one that compiles beside it
    is not counted."""
    text = PROGRAM.format(
        root=str(ROOT), path=str(kernel.wasm), tier=tier, cache=cache, calls=calls, n=kernel.n
    )
    done = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True)
    return float(done.stdout)


def steady_table(names: list[str], where: Path) -> list[str]:
    lines = ["| kernel | eager ms | auto, first call | auto, later | promoted | later / eager |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    ratios = []
    for kernel in kernels(names, where):
        eager, first, later, stats = steady(kernel)
        ratios.append(later / eager)
        lines.append(
            f"| {kernel.name} | {eager * 1e3:.1f} | {first * 1e3:.1f} | {later * 1e3:.1f} | "
            f"{stats.promotions} of {stats.fast} | {later / eager:.3f} |"
        )
        print(lines[-1], flush=True)
    mean = math.exp(sum(math.log(r) for r in ratios) / len(ratios))
    lines.append(f"| **geometric mean** | | | | | **{mean:.3f}** |")
    return lines


def program_table(names: list[str], where: Path) -> list[str]:
    lines = ["| kernel | eager, cached s | auto, no cache | auto, cached | ratios |",
             "|---|---|---|---|---|"]  # fmt: skip
    ratios: tuple[list[float], list[float]] = ([], [])
    for kernel in kernels(names, where):
        caches = [str(where / f"{kernel.name}.{tier}") for tier in ("eager", "auto")]
        one = steady(kernel)[0]
        calls = max(round(PROGRAM_SECONDS / one), 1)
        program(kernel, "eager", caches[0], 1)
        eager = min(program(kernel, "eager", caches[0], calls) for _ in range(2))
        cold = program(kernel, "auto", caches[1], calls)
        warm = program(kernel, "auto", caches[1], calls)
        ratios[0].append(cold / eager)
        ratios[1].append(warm / eager)
        lines.append(
            f"| {kernel.name} | {eager:.2f} | {cold:.2f} | {warm:.2f} | "
            f"{cold / eager:.2f}, {warm / eager:.2f} |"
        )
        print(lines[-1], flush=True)
    means = [math.exp(sum(math.log(r) for r in each) / len(each)) for each in ratios]
    lines.append(f"| **geometric mean** | | | | **{means[0]:.2f}, {means[1]:.2f}** |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.add_argument("--program", action="store_true", help="programs of two seconds")
    parser.add_argument("kernels", nargs="*", metavar="KERNEL")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as where:
        table = program_table if options.program else steady_table
        lines = table(options.kernels, Path(where))
    print("\n".join(lines))
    if options.write:
        mark = MARK.format("steady.py --program" if options.program else "steady.py")
        path = HERE / "STEADY.md"
        parts = path.read_text().split(mark)
        assert len(parts) == 3, f"{path.name} has no two lines {mark}"
        parts[1] = "\n\n" + "\n".join(lines) + "\n\n"
        path.write_text(mark.join(parts))


if __name__ == "__main__":
    main()
