"""What external references cost, beside wasmtime-py in one run.

    python bench/externref.py

Nanoseconds an operation, least of several rounds, loop overhead subtracted. wasmtime-py is shown
when it is installed.
"""

from __future__ import annotations

import functools
import gc
import time
from collections.abc import Callable
from typing import Any

import grus

TEXT = """(module
  (import "" "take" (func $take (param externref)))
  (import "" "gc" (func $gc))
  (table $t 1000 externref) (global $g (mut externref) (ref.null extern))
  (func (export "id") (param externref) (result externref) (local.get 0))
  (func (export "empty") (param i32)
    (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "take") (param i32 externref)
    (loop $l (call $take (local.get 1))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "table.get, drop") (param i32 externref)
    (table.set (i32.const 0) (local.get 1))
    (loop $l (drop (table.get (i32.const 0)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "table.set") (param i32 externref)
    (loop $l (table.set (i32.const 0) (local.get 1))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "global.get, drop") (param i32 externref)
    (global.set $g (local.get 1))
    (loop $l (drop (global.get $g))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "global.set") (param i32 externref)
    (loop $l (global.set $g (local.get 1))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func $deep (export "deep") (param i32 externref)
    (if (local.get 0)
      (then (call $deep (i32.sub (local.get 0) (i32.const 1)) (local.get 1))
        (call $take (local.get 1)))
      (else (call $gc)))))"""
LOOPS = ("table.get, drop", "table.set", "global.get, drop", "global.set")


def best(run: Callable[[], object], rounds: int = 5) -> float:
    """Least seconds of some rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(call: Callable[..., Any], n: int, host_n: int) -> dict[str, float]:
    """Nanoseconds by operation; `call(name, *args)` calls an export."""
    value = object()
    out: dict[str, float] = {}

    def round_trips() -> None:
        for _ in range(host_n):
            call("id", value)

    def nothing() -> None:
        for _ in range(host_n):
            pass

    out["round trip"] = (best(round_trips) - best(nothing)) / host_n * 1e9
    out["host call"] = best(lambda: call("take", host_n, value)) / host_n * 1e9
    empty = best(lambda: call("empty", n))
    for name in LOOPS:
        loop = functools.partial(call, name, n, value)
        out[name] = max(0.0, best(loop) - empty) / n * 1e9
    return out


def of_grus() -> tuple[dict[str, float], Any]:
    store = grus.Store(grus.Engine())
    imports = {"": {"take": lambda v: None, "gc": store.gc}}
    instance = grus.Instance(grus.Module(TEXT, store.engine), imports, store)
    functions = {name: instance.exports[name] for name in instance.exports}
    id_ = functions["id"]

    def call(name: str, *args: Any) -> Any:
        return functions[name](*args)

    out = measure(call, 5_000_000, 200_000)
    value = object()

    def round_trips() -> None:
        for _ in range(200_000):
            id_(value)

    def nothing() -> None:
        for _ in range(200_000):
            pass

    out["round trip"] = (best(round_trips) - best(nothing)) / 200_000 * 1e9
    return out, instance


def of_wasmtime() -> dict[str, float] | None:
    try:
        import wasmtime
    except ImportError:
        return None
    store = wasmtime.Store(wasmtime.Engine())
    module = wasmtime.Module(store.engine, TEXT)
    ref = wasmtime.ValType.externref()
    take = wasmtime.Func(store, wasmtime.FuncType([ref], []), lambda v: None)
    nop = wasmtime.Func(store, wasmtime.FuncType([], []), lambda: None)
    exports = wasmtime.Instance(store, module, [take, nop]).exports(store)

    def call(name: str, *args: Any) -> Any:
        return exports[name](store, *args)

    return measure(call, 5_000_000, 5_000)


def pauses(instance: Any) -> list[tuple[str, float]]:
    """Microseconds of one collection by entries of the table and by frames."""
    store = instance.store
    rows = []
    for count in (500, 5_000, 50_000):
        keep = [object() for _ in range(count)]
        refs = store._refs
        raws = [refs.intern(value) for value in keep]
        times = []
        for _ in range(5):
            for raw in raws:
                refs.own(raw)  # as if it stood in a table: nothing dies here
            refs.lend(raws)
            gc.disable()
            start = time.perf_counter()
            refs.collect()
            times.append(time.perf_counter() - start)
            gc.enable()
        rows.append((f"{count} entries", min(times) * 1e6))
        for raw in raws:
            refs.release(raw)
        refs.drain()
    for depth in (10, 1000, 5000):
        instance.exports["deep"](depth, object())
        rows.append((f"{depth} frames", store.gc_stats().pauses[-1] / 1e3))
    return rows


def main() -> None:
    ours, instance = of_grus()
    theirs = of_wasmtime()
    print("| operation | Grus, ns | wasmtime-py, ns |\n|---|---|---|")
    for name, value in ours.items():
        other = f"{theirs[name]:.2f}" if theirs else "-"
        print(f"| {name} | {value:.2f} | {other} |")
    print("\n| one collection | us |\n|---|---|")
    for name, value in pauses(instance):
        print(f"| {name} | {value:.1f} |")


if __name__ == "__main__":
    main()
