"""How good first code is: kernels in one-pass code, in code without optimizer, and in final code.

    python bench/start/first.py [KERNEL...]

Kernels of bench/kernels, in seconds of the processor, the better of two calls that nothing
interrupts for promotion. Needs clang.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE)]

from steady import kernels  # noqa: E402

import grus  # noqa: E402

ENGINES = {
    "final": {"tier": "lazy"},
    "no optimizer": {"tier": "lazy", "opt_level": "none", "regalloc": "single_pass"},
    "one pass": {"tier": "lazy", "compiler": "onepass"},
}


def best(run: Any, n: int) -> float:
    run(n)
    times = []
    for _ in range(2):
        start = time.thread_time()
        run(n)
        times.append(time.thread_time() - start)
    return min(times)


def main() -> None:
    names = list(ENGINES)
    print("| kernel | final ms | " + " | ".join(f"{name} / final" for name in names[1:]) + " |")
    print("|---" * (len(names) + 1) + "|")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kernel in kernels(sys.argv[1:], Path(folder)):
            data = Path(kernel.wasm).read_bytes()
            times = []
            for settings in ENGINES.values():
                module = grus.Module(data, grus.Engine(**settings))
                times.append(best(grus.Instance(module).exports.run, kernel.n))
            rows.append([t / times[0] for t in times[1:]])
            ratios = " | ".join(f"{ratio:.2f}" for ratio in rows[-1])
            print(f"| {kernel.name} | {1e3 * times[0]:.1f} | {ratios} |", flush=True)
    means = [math.exp(sum(map(math.log, column)) / len(rows)) for column in zip(*rows, strict=True)]
    print("| **geometric mean** | | " + " | ".join(f"**{mean:.2f}**" for mean in means) + " |")


if __name__ == "__main__":
    main()
