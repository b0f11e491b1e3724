"""Cost of `grus.wasmtime` beside wasmtime-py, in nanoseconds of the process, loop overhead
subtracted.

    python bench/compat.py           # beside wasmtime-py when it is installed

Every figure is the least of 7 runs. `padd` is a plain Python function with two arguments.
"""

from __future__ import annotations

import os
import sys
import timeit
from time import process_time
from typing import Any

import grus
import grus.wasmtime

os.environ.setdefault("GRUS_TIER", "eager")  # read by each Config

WAT = """(module
  (import "m" "f" (func $f (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global (export "global") (mut i32) (i32.const 1))
  (func (export "nop"))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "two") (result i32 i32) (i32.const 1) (i32.const 2))
  (func (export "same") (param externref) (result externref) (local.get 0))
  (func (export "trap") (unreachable))
  (func (export "host") (param i32) (local i32)
    (loop (local.set 1 (call $f (local.get 1) (i32.const 1)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"""
ROWS = [
    ("Python padd(i, j)", "padd(i, j)"),
    ("add(store, i, j) i32", "add(s, i, j)"),
    ("nop(store)", "nop(s)"),
    ("two(store), two results", "two(s)"),
    ("same(store, object) externref", "same(s, w)"),
    ("host call (i32, i32) -> i32", "host(s, 1000)"),
    ("trap, caught", "trap()"),
    ("memory.read, 8 bytes", "memory.read(s, 0, 8)"),
    ("memory.write, 8 bytes", "memory.write(s, b8, 0)"),
    ("global.value", "g.value(s)"),
    ("exports(store)['add']", "instance.exports(s)['add']"),
    ("Store(engine)", "w.Store(s.engine)"),
    ("Instance(store, module, imports)", "make(w)"),
]


def cost(statement: str, names: dict[str, Any]) -> float:
    """Nanoseconds of a statement."""
    timer = timeit.Timer(statement, timer=process_time, globals=names)
    number, taken = timer.autorange()
    number = max(int(number * 0.05 / taken), 1)
    run = min(timer.repeat(7, number))
    base = min(timeit.repeat("pass", timer=process_time, number=number, repeat=7))
    return max(run - base, 0.0) / number * 1e9


def measure(w: Any) -> list[float]:
    """The figures of a module with the API of wasmtime."""
    store = w.Store()
    module = w.Module(store.engine, WAT)
    i32 = w.ValType.i32()
    f = w.Func(store, w.FuncType([i32, i32], [i32]), lambda a, b: a + b)
    instance = w.Instance(store, module, [f])
    names: dict[str, Any] = dict(instance.exports(store))
    trap = names.pop("trap")

    def catch() -> None:
        try:
            trap(store)
        except w.Trap:
            pass

    def padd(a: int, b: int) -> int:
        return a + b

    def make(w: Any) -> Any:
        own = w.Store(store.engine)
        f = w.Func(own, w.FuncType([i32, i32], [i32]), lambda a, b: a + b)
        return w.Instance(own, module, [f])

    names.update(padd=padd, w=w, s=store, i=1000, j=2345, b8=b"x" * 8, trap=catch, make=make)
    names.update(g=names.pop("global"), instance=instance)
    found = [cost(statement, names) for _, statement in ROWS]
    host = [name for name, _ in ROWS].index("host call (i32, i32) -> i32")
    found[host] /= 1000
    return found


def main() -> None:
    columns = {"grus.wasmtime": measure(grus.wasmtime)}
    try:
        import wasmtime
    except ImportError:
        pass
    else:
        columns["wasmtime-py"] = measure(wasmtime)
    print(f"CPython {sys.version.split()[0]}, Grus {grus.__version__}")
    print(f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for row, (name, _) in enumerate(ROWS):
        print(f"| {name} | {' | '.join(f'{c[row]:,.0f}' for c in columns.values())} |")


if __name__ == "__main__":
    main()
