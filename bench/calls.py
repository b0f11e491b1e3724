"""Cost of crossing between Python and wasm, in nanoseconds, loop overhead subtracted.

    python bench/calls.py            # beside wasmtime-py when it is installed

Every figure is the least of 9 runs of up to 200,000 iterations, in time of the process. A plain
Python function stands beside each: `padd` is `def padd(a, b): return a + b`, stored in an object
like the export. The table is Markdown, as in `bench/calls.md`.
"""

from __future__ import annotations

import os
import sys
import time
import timeit
from typing import Any

import grus
import grus.wasmtime

os.environ.setdefault("GRUS_TIER", "eager")  # read by each Config

WAT = """(module
  (import "m" "f" (func $f (param i32 i32) (result i32)))
  (import "m" "g" (func $g))
  (memory (export "memory") 1)
  (table (export "table") 4 funcref)
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

    padd: Any
    pnop: Any


def main() -> None:
    def padd(a: int, b: int) -> int:
        return a + b

    def pnop() -> None:
        pass

    module = grus.Module(WAT)
    imports = {"m": {"f": padd, "g": pnop}}
    e = grus.Instance(module, imports).exports
    small = grus.Module('(module (memory 1) (func (export "f")))')
    grus.Instance(small)
    plain = Plain()
    plain.padd, plain.pnop = padd, pnop
    names: dict[str, Any] = {
        "e": e, "plain": plain, "padd": padd, "pnop": pnop, "add": e.add, "nop": e.nop,
        "i": 1000, "j": 2345, "x": 1.5, "m": e.memory, "g": e["global"], "t": e.table,
        "trap": catching(e.trap, grus.Trap), "fault": catching(e.fault, grus.Trap),
        "grus": grus, "module": module, "imports": imports, "b8": b"x" * 8, "small": small,
    }  # fmt: skip
    loop = 1000
    empty = cost(f"e.empty({loop})", names, 2000) / loop
    there = drop_in(grus.wasmtime, padd, pnop, loop)
    try:
        import wasmtime
    except ImportError:
        print("wasmtime-py is not installed: no figures of it", file=sys.stderr)
        other: dict[str, float] = {}
    else:
        other = drop_in(wasmtime, padd, pnop, loop)
    rows: list[tuple[str, float, str]] = [
        ("Python `padd(i, j)`", cost("padd(i, j)", names), ""),
        ("`add(i, j)` i32", cost("add(i, j)", names), "add"),
        ("Python `plain.padd(i, j)`", cost("plain.padd(i, j)", names), ""),
        ("`exports.add(i, j)`", cost("e.add(i, j)", names), "add"),
        ("Python `pnop()`", cost("pnop()", names), ""),
        ("`nop()`", cost("nop()", names), "nop"),
        ("`exports.addf(x, x)` f64", cost("e.addf(x, x)", names), ""),
        ("`exports.two()`, two results", cost("e.two()", names), ""),
        ("host call `(i32, i32) -> i32`",
         cost(f"e.host({loop})", names, 1000) / loop - empty, "host"),
        ("host call `() -> ()`", cost(f"e.host0({loop})", names, 1000) / loop - empty, ""),
        ("trap by jump, caught", cost("trap()", names, 5000), "trap"),
        ("trap by fault, caught", cost("fault()", names, 5000), ""),
        ("`memory[0:8]`", cost("m[0:8]", names), "read"),
        ("`memory[0:8] = bytes`", cost("m[0:8] = b8", names), "write"),
        ("`memory[8]`", cost("m[8]", names), ""),
        ("`global.value`", cost("g.value", names), "global"),
        ("`global.value = 5`", cost("g.value = 5", names), "set"),
        ("`table[1]`", cost("t[1]", names), "table"),
        ("`table[1] = None`", cost("t[1] = None", names), ""),
        ("`Store()`", cost("grus.Store()", names, 2000), "store"),
        ("`Instance`, one memory and one function, with its Store",
         cost("grus.Instance(small)", names, 2000), "small"),
        ("`Instance`, eleven exports and two host functions, with its Store",
         cost("grus.Instance(module, imports)", names, 1000), ""),
    ]  # fmt: skip
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"| CPython {version}, ns | Grus | `grus.wasmtime` | wasmtime-py |\n|---|---|---|---|")
    for name, value, key in rows:
        cells = [f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"]
        for found in (there, other):
            cells.append(f"{found[key]:,.0f}" if key in found else "")
        print(f"| {name} | {' | '.join(cells)} |")


def drop_in(w: Any, padd: Any, pnop: Any, loop: int) -> dict[str, float]:
    """Figures of a module with the interface of wasmtime-py."""
    store = w.Store()
    module = w.Module(store.engine, WAT)
    small = w.Module(store.engine, '(module (memory 1) (func (export "f")))')
    i32 = w.ValType.i32()
    f = w.Func(store, w.FuncType([i32, i32], [i32]), padd)
    g = w.Func(store, w.FuncType([], []), pnop)
    e = w.Instance(store, module, [f, g]).exports(store)
    w.Instance(store, small, [])
    trap = e["trap"]
    names = {
        "s": store, "add": e["add"], "nop": e["nop"], "host": e["host"], "m": e["memory"],
        "g": e["global"], "t": e["table"], "i": 1000, "j": 2345, "b8": b"x" * 8, "w": w,
        "trap": catching(lambda: trap(store), w.Trap), "small": small,
    }  # fmt: skip
    slow = 5000
    return {
        "add": cost("add(s, i, j)", names, slow),
        "nop": cost("nop(s)", names, slow),
        "host": cost(f"host(s, {loop})", names, 20) / loop,
        "trap": cost("trap()", names, slow),
        "read": cost("m.read(s, 0, 8)", names, slow),
        "write": cost("m.write(s, b8, 0)", names, slow),
        "global": cost("g.value(s)", names, slow),
        "set": cost("g.set_value(s, 5)", names, slow),
        "table": cost("t.get(s, 1)", names, slow),
        "store": cost("w.Store(s.engine)", names, 2000),
        "small": cost("w.Instance(w.Store(s.engine), small, [])", names, 1000),
    }


if __name__ == "__main__":
    main()
