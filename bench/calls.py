"""Cost of crossing between Python and wasm, in nanoseconds, loop overhead subtracted.

    python bench/calls.py            # beside wasmtime-py when it is installed

Every figure is the least of 9 runs of 200,000 iterations. A plain Python function stands beside
each: `padd` is `def padd(a, b): return a + b`, stored in an object like the export.
"""

from __future__ import annotations

import sys
import time
import timeit
from typing import Any

import grus

WAT = """(module
  (import "m" "f" (func $f (param i32 i32) (result i32)))
  (import "m" "g" (func $g))
  (memory (export "memory") 1)
  (global (export "global") (mut i32) (i32.const 1))
  (func (export "nop"))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "addf") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
  (func (export "two") (result i32 i32) (i32.const 1) (i32.const 2))
  (func (export "trap") (unreachable))
  (func (export "fault") (drop (i32.load (i32.const -1))))
  (func (export "host") (param i32) (local i32)
    (loop (local.set 1 (call $f (local.get 1) (i32.const 1)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "host0") (param i32)
    (loop (call $g) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "empty") (param i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"""
N = 200_000


def cost(statement: str, names: dict[str, Any], number: int = N) -> float:
    """Nanoseconds of a statement."""
    run = min(
        timeit.repeat(statement, number=number, repeat=9, globals=names, timer=time.process_time)
    )
    base = min(timeit.repeat("pass", number=number, repeat=9, timer=time.process_time))
    return max(run - base, 0.0) / number * 1e9


def catching(function: Any, error: Any) -> Any:
    def call() -> None:
        try:
            function()
        except error:
            pass

    return call


class Plain:
    """Where Python functions lie beside the exports."""


def main() -> None:
    def padd(a: int, b: int) -> int:
        return a + b

    def pnop() -> None:
        pass

    module = grus.Module(WAT)
    e = grus.Instance(module, {"m": {"f": padd, "g": pnop}}).exports
    plain = Plain()
    plain.__dict__.update(padd=padd, pnop=pnop)
    names: dict[str, Any] = {
        "e": e, "plain": plain, "padd": padd, "pnop": pnop, "add": e.add, "nop": e.nop,
        "i": 1000, "j": 2345, "x": 1.5, "memory": e.memory, "g": e["global"],
        "trap": catching(e.trap, grus.Trap), "fault": catching(e.fault, grus.Trap),
        "grus": grus, "module": module, "imports": {"m": {"f": padd, "g": pnop}}, "b8": b"x" * 8,
    }  # fmt: skip
    rows: list[tuple[str, float]] = []

    def row(name: str, value: float) -> None:
        rows.append((name, value))

    row("Python padd(i, j)", cost("padd(i, j)", names))
    row("grus add(i, j)", cost("add(i, j)", names))
    row("Python plain.padd(i, j)", cost("plain.padd(i, j)", names))
    row("grus exports.add(i, j)", cost("e.add(i, j)", names))
    row("Python pnop()", cost("pnop()", names))
    row("grus nop()", cost("nop()", names))
    row("grus addf(x, x)", cost("e.addf(x, x)", names))
    row("grus two results", cost("e.two()", names))
    loop = 1000
    empty = cost(f"e.empty({loop})", names, 2000) / loop
    row("host call (i32, i32) -> i32", cost(f"e.host({loop})", names, 1000) / loop - empty)
    row("host call () -> ()", cost(f"e.host0({loop})", names, 1000) / loop - empty)
    row("trap by jump, caught", cost("trap()", names, 5000))
    row("trap by fault, caught", cost("fault()", names, 5000))
    row("memory[0:8]", cost("memory[0:8]", names))
    row("memory[0:8] = bytes", cost("memory[0:8] = b8", names))
    row("global.value", cost("g.value", names))
    row("instantiate", cost("grus.Instance(module, imports)", names, 300))
    try:
        import wasmtime
    except ImportError:
        print("wasmtime-py is not installed: no figures of it", file=sys.stderr)
    else:
        store = wasmtime.Store()
        wmodule = wasmtime.Module(store.engine, WAT)
        i32 = wasmtime.ValType.i32()
        f = wasmtime.Func(store, wasmtime.FuncType([i32, i32], [i32]), padd)
        g = wasmtime.Func(store, wasmtime.FuncType([], []), pnop)
        we = wasmtime.Instance(store, wmodule, [f, g]).exports(store)
        names |= {"s": store, "wadd": we["add"], "wnop": we["nop"], "whost": we["host"]}
        names |= {"wtrap": catching(lambda: we["trap"](store), wasmtime.Trap)}
        row("wasmtime-py add(store, i, j)", cost("wadd(s, i, j)", names, 5000))
        row("wasmtime-py nop(store)", cost("wnop(s)", names, 5000))
        row("wasmtime-py host call", cost(f"whost(s, {loop})", names, 20) / loop)
        row("wasmtime-py trap, caught", cost("wtrap()", names, 5000))
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"CPython {version}, ns")
    for name, value in rows:
        print(f"{name:32} {value:10.1f}")


if __name__ == "__main__":
    main()
