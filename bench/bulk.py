"""What bulk instructions cost in compiled code, beside wasmtime-py in one run.

    python bench/bulk.py

Nanoseconds an instruction in a loop in wasm, least of several rounds, loop overhead subtracted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import grus

os.environ.setdefault("GRUS_TIER", "eager")  # read by each Config

INSTRUCTIONS = {
    "memory.fill": "(memory.fill (i32.const 64) (i32.const 1) (local.get 1))",
    "memory.copy": "(memory.copy (i32.const 64) (i32.const 1100000) (local.get 1))",
    "memory.init": "(memory.init $d (i32.const 64) (i32.const 0) (local.get 1))",
    "table.fill": "(table.fill $t (i32.const 0) (ref.null func) (local.get 1))",
    "table.copy": "(table.copy $t $t (i32.const 0) (i32.const 2000) (local.get 1))",
    "table.fill extern": "(table.fill $u (i32.const 0) (ref.null extern) (local.get 1))",
    "empty": "",
}
SIZES = {"memory": (8, 64, 1024, 65536), "table.": (1, 16, 1000)}


def text() -> str:
    functions = "\n".join(
        f"""(func (export "{name}") (param i32 i32)
    (loop $l {code}
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))"""
        for name, code in INSTRUCTIONS.items()
    )
    return f"""(module (memory 40) (data $d "{"x" * 65536}")
  (table $t 4000 funcref) (table $u 4000 externref)
  {functions})"""


def measure(call: Callable[[str, int, int], object]) -> dict[str, float]:
    """Nanoseconds by instruction and size."""

    def seconds(name: str, n: int, size: int) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            call(name, n, size)
            times.append(time.perf_counter() - start)
        return min(times)

    out: dict[str, float] = {}
    for name in INSTRUCTIONS:
        for size in SIZES.get(name[:6], ()):
            n = max(2000, 500_000 // (size + 10))
            loops = seconds(name, n, size) - seconds("empty", n, 0)
            out[f"{name} {size}"] = max(0.0, loops) / n * 1e9
    return out


def of_grus() -> dict[str, float]:
    exports: Any = grus.Instance(grus.Module(text())).exports
    return measure(lambda name, *args: exports[name](*args))


def of_wasmtime() -> dict[str, float] | None:
    try:
        import wasmtime
    except ImportError:
        return None
    store = wasmtime.Store()
    module = wasmtime.Module(store.engine, text())
    exports = wasmtime.Instance(store, module, []).exports(store)
    functions: Any = {name: exports[name] for name in INSTRUCTIONS}
    return measure(lambda name, *args: functions[name](store, *args))


def main() -> None:
    ours, theirs = of_grus(), of_wasmtime()
    print("| instruction, bytes or elements | Grus, ns | Wasmtime, ns |\n|---|---|---|")
    for name, value in ours.items():
        print(f"| {name} | {value:.1f} | {f'{theirs[name]:.1f}' if theirs else '-'} |")


if __name__ == "__main__":
    main()
