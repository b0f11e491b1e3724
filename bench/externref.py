"""What external references cost, beside wasmtime-py in one run.

    python bench/externref.py

Nanoseconds an operation, least of several rounds, loop overhead subtracted. wasmtime-py is shown
when it is installed.
"""

from __future__ import annotations

import functools
import gc
import os
import random
import time
from collections.abc import Callable
from typing import Any

import grus
from grus.engine.collector import STATE, native, stack_maps
from grus.host import libc

os.environ.setdefault("GRUS_TIER", "eager")  # read by each Config

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
    """Least seconds of this thread's processor time of some rounds."""
    times = []
    for _ in range(rounds):
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
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


def of_grus(collector: str = "deferred") -> tuple[dict[str, float], Any]:
    store = grus.Store(grus.Engine(collector=collector))
    imports = {"": {"take": lambda v: None, "gc": store.gc}}
    instance = grus.Instance(grus.Module(TEXT, store.engine), imports, store)
    functions = {name: instance.exports[name] for name in instance.exports}
    id_ = functions["id"]

    def call(name: str, *args: Any) -> Any:
        return functions[name](*args)

    host_n = 200_000 if collector == "deferred" else 5_000
    out = measure(call, 5_000_000, host_n)
    value = object()

    def round_trips() -> None:
        for _ in range(host_n):
            id_(value)

    def nothing() -> None:
        for _ in range(host_n):
            pass

    out["round trip"] = (best(round_trips) - best(nothing)) / host_n * 1e9
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
    for count in (0, 500, 5_000, 50_000):
        keep = [object() for _ in range(count)]
        refs = store._refs
        raws = [refs.intern(value) for value in keep]
        times = []
        for _ in range(50):
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
        least = float("inf")
        for _ in range(20):
            instance.exports["deep"](depth, object())
            least = min(least, store.gc_stats().pauses[-1] / 1e3)
        rows.append((f"{depth} frames, each with a reference", least))
    return rows


def sweeps() -> list[tuple[str, float, float]]:
    """Nanoseconds an entry of the machine code alone, for headers that live on: the least of many
    runs, with headers in cache and after other memory was read."""
    collect, maps = native(), stack_maps()
    other = bytearray(1 << 26)
    rows = []
    for count in (512, 4096, 65536):
        headers = libc.words([1 << 40, 0, 0, 0] * count)
        order = list(range(count))
        random.Random(1).shuffle(order)
        chunk = libc.words([libc.address_of(headers) + 32 * n for n in order])
        spare = libc.words(16)
        state = libc.words(STATE.size // 8)
        for name, value in (
            ("chunk", libc.address_of(chunk)),
            ("chunk_end", libc.address_of(chunk) + 8 * count),
            ("roots", libc.address_of(spare)),
            ("dead", libc.address_of(spare) + 64),
            ("maps", maps.address),
            ("mask", maps.mask),
        ):
            state[STATE[name] >> 3] = value
        address = libc.address_of(state)

        def once(address: int = address) -> float:
            start = time.perf_counter_ns()
            collect(address)
            return time.perf_counter_ns() - start

        warm = min([once() for _ in range(2000)])
        cold = []
        for _ in range(20):
            sum(other[::64])
            state[STATE["chunk_end"] >> 3] = libc.address_of(chunk)
            once()  # of nothing: Python and the code are in cache again, headers are not
            once()
            state[STATE["chunk_end"] >> 3] = libc.address_of(chunk) + 8 * count
            cold.append(once())
        rows.append((f"{count} entries", warm / count, min(cold) / count))
    return rows


WORKING_SET = """(module
  (memory 128) (table $t (export "t") 0 externref)
  (func (export "grow") (param i32 externref)
    (drop (table.grow $t (local.get 1) (local.get 0))))
  (func (export "put") (param i32 externref) (table.set (local.get 0) (local.get 1)))
  (func $sink (param externref))
  (func $pass (param externref) (call $sink (local.get 0)))
  (func $pass16 (param $n i32) (param externref)
    (if (local.get $n)
      (then (call $pass16 (i32.sub (local.get $n) (i32.const 1)) (local.get 1)))))
  (func (export "shuffle") (param $count i32)
    ;; n-th index at 4 * n: multiples of an odd number modulo a power of two
    (local $n i32)
    (loop $l
      (i32.store (i32.mul (local.get $n) (i32.const 4))
        (i32.and (i32.mul (local.get $n) (i32.const 0x9E3779B1))
          (i32.sub (local.get $count) (i32.const 1))))
      (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1)))
        (local.get $count)))))
  (func (export "get") (param $rounds i32) (param $count i32) (local $n i32)
    (loop $r (local.set $n (i32.const 0))
      (loop $l (drop (table.get $t (i32.load (i32.mul (local.get $n) (i32.const 4)))))
        (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1)))
          (local.get $count))))
      (br_if $r (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1))))))
  (func (export "pass 2") (param $rounds i32) (param $count i32) (local $n i32)
    (loop $r (local.set $n (i32.const 0))
      (loop $l (call $pass (table.get $t (i32.load (i32.mul (local.get $n) (i32.const 4)))))
        (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1)))
          (local.get $count))))
      (br_if $r (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1))))))
  (func (export "pass 16") (param $rounds i32) (param $count i32) (local $n i32)
    (loop $r (local.set $n (i32.const 0))
      (loop $l
        (call $pass16 (i32.const 15)
          (table.get $t (i32.load (i32.mul (local.get $n) (i32.const 4)))))
        (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1)))
          (local.get $count))))
      (br_if $r (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))))"""


def working_set(collector: str, size: int) -> dict[str, float]:
    """Nanoseconds to read one of `size` objects from a table, in scattered order, and pass it to
    functions so many deep."""
    store = grus.Store(grus.Engine(collector=collector))
    exports: Any = grus.Instance(grus.Module(WORKING_SET, store.engine), None, store).exports
    exports.grow(size, None)
    table = exports.t
    for n in range(size):
        table[n] = [n]
    exports.shuffle(size)
    rounds = max(1, 2_000_000 // size)
    out = {}
    for name in ("get", "pass 2", "pass 16"):
        run = functools.partial(exports[name], rounds, size)
        run()
        out[name] = best(run, 3) / rounds / size * 1e9
    return out


def main() -> None:
    ours, instance = of_grus()
    naive = of_grus("naive")[0]
    theirs = of_wasmtime()
    print("| operation | Grus, ns | naive counting | wasmtime-py, ns |\n|---|---|---|---|")
    for name, value in ours.items():
        other = f"{theirs[name]:.2f}" if theirs else "-"
        print(f"| {name} | {value:.2f} | {naive[name]:.2f} | {other} |")
    print("\n| one collection | us |\n|---|---|")
    for name, value in pauses(instance):
        print(f"| {name} | {value:.1f} |")
    print("\n| sweep, ns an entry | in cache | not in cache |\n|---|---|---|")
    for name, warm, cold in sweeps():
        print(f"| {name} | {warm:.2f} | {cold:.2f} |")
    names = ("get", "pass 2", "pass 16")
    print(f"\n| working set, ns | {' | '.join([f'{n}: deferred | naive' for n in names])} |")
    print("|---|" + "---|" * 6)
    for bits in (6, 11, 16, 21):
        gc.collect()
        gc.disable()
        deferred = working_set("deferred", 1 << bits)
        counted = working_set("naive", 1 << bits)
        gc.enable()
        cells = " | ".join([f"{deferred[n]:.2f} | {counted[n]:.2f}" for n in names])
        print(f"| 2^{bits} objects | {cells} |", flush=True)


if __name__ == "__main__":
    main()
