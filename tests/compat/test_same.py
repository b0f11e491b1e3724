"""Small programs that must do the same with `grus.wasmtime` and with wasmtime-py.

Each gets the module as `w` and gives what can be compared; an exception counts as its type's name
and text. The wheel is newer than 46.0.1 where it is installed at all; what it does otherwise is in
the test of what differs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest

import grus.wasmtime


def outcome(program: Callable[[Any], Any], w: Any) -> Any:
    try:
        return program(w)
    except Exception as error:
        return type(error).__name__, str(error)


def start(w: Any, wat: str, imports: Any = ()) -> tuple[Any, Any]:
    """A Store, and the exports of an instance in it."""
    store = w.Store()
    instance = w.Instance(store, w.Module(store.engine, wat), [make(store) for make in imports])
    return store, instance.exports(store)


def attempt(w: Any, call: Callable[[], Any]) -> Any:
    """What a call gives, or its exception: type, text, and all of a trap's frames."""
    try:
        return call()
    except w.Trap as trap:
        frames = [
            (f.func_index, f.func_name, f.module_name, f.module_offset, f.func_offset)
            for f in trap.frames
        ]
        return "Trap", str(trap), trap.message == str(trap), trap.trap_code.name, frames
    except Exception as error:
        return type(error).__name__, str(error)


TRAPS = """(module $traps
  (memory 1) (table 2 funcref) (elem (i32.const 0) $one)
  (type $i (func (result i32))) (type $v (func))
  (func $one (result i32) (i32.const 1))
  (func $load (export "load") (param i32) (result i64) (local i64 i32) nop (i64.load offset=8 (local.get 0)))
  (func $store (export "store") (param i32) (i32.store8 (local.get 0) (i32.const 7)))
  (func $outer (export "outer") (param i32) (result i64) (i64.add (call $load (local.get 0)) (i64.const 1)))
  (func $div (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $rem (export "rem") (param i64 i64) (result i64) (i64.rem_u (local.get 0) (local.get 1)))
  (func $trunc (export "trunc") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func $stop (export "stop") (unreachable))
  (func $indirect (export "indirect") (param i32) (result i32) (call_indirect (type $i) (local.get 0)))
  (func $mistyped (export "mistyped") (call_indirect (type $v) (i32.const 0)))
  (func $null (export "null") (param funcref) (call_ref $v (ref.null $v)))
  (func $get (export "get") (param i32) (drop (table.get (local.get 0))))
  (func $fill (export "fill") (param i32) (memory.fill (local.get 0) (i32.const 0) (i32.const 100)))
  (func $copy (export "copy") (param i32) (table.copy (local.get 0) (i32.const 0) (i32.const 2)))
  (func $fold (export "fold") (param i32) (result i32) (i32.add (local.get 0) (i32.load (local.get 0))))
  (func $less (export "less") (param i32) (result i32) (i32.lt_s (i32.load (local.get 0)) (local.get 0)))
  (func $wide (export "wide") (param i32) (result i64) (i64.extend_i32_s (i32.load16_u (local.get 0))))
  (func (export "anonymous") (call $stop)))"""
CALLS = [
    ("load", 65529), ("load", 65536), ("load", -1), ("store", 65536), ("store", 70000),
    ("outer", 1 << 20), ("div", 1, 0), ("div", -(2**31), -1), ("rem", 1, 0),
    ("trunc", float("nan")), ("trunc", 1e10), ("stop",), ("indirect", 0), ("indirect", 1),
    ("indirect", 5), ("mistyped",), ("null", None), ("get", 1), ("get", 2), ("fill", 65500),
    ("copy", 1), ("fold", -8), ("less", -8), ("wide", -8), ("anonymous",),
]  # fmt: skip


def traps(w: Any) -> Any:
    store, exports = start(w, TRAPS)
    return [attempt(w, lambda: exports[name](store, *args)) for name, *args in CALLS]


def deep_stack(w: Any) -> Any:
    store, exports = start(w, '(module $m (func $rec (export "rec") (call $rec)))')
    kind, text, _, code, frames = attempt(w, lambda: exports["rec"](store))
    return kind, text, code, len(frames), frames[:2]


def start_traps(w: Any) -> Any:
    return [
        attempt(w, lambda: start(w, wat))
        for wat in (
            '(module (memory 1) (data (i32.const 65535) "ab"))',
            "(module (table 1 funcref) (elem (i32.const 1) 0) (func))",
            "(module $s (func $go unreachable) (start $go))",
        )
    ]


def arguments(w: Any) -> Any:
    store, e = start(
        w,
        """(module (func (export "i32") (param i32) (result i32) (local.get 0))
          (func (export "i64") (param i64) (result i64) (local.get 0))
          (func (export "f32") (param f32) (result f32) (local.get 0))
          (func (export "f64") (param f64) (result f64) (local.get 0))
          (func (export "extern") (param externref) (result externref) (local.get 0))
          (func (export "two") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0)))""",
    )
    v = w.Val
    given = [
        ("i32", 5), ("i32", -5), ("i32", 2**40 + 5), ("i32", 2**31), ("i32", True), ("i32", v.i32(7)),
        ("i32", v.i64(7)), ("i32", 1.5), ("i32", "1"), ("i32", None), ("i32",), ("i32", 1, 2),
        ("i64", 2**63), ("i64", -(2**70)), ("i64", v.i64(3)), ("f32", 0.1), ("f32", 1e300),
        ("f32", v.f32(0.1)), ("f64", 0.1), ("f64", v.f64(2.5)), ("f64", "x"), ("f64", None),
        ("extern", None), ("extern", 0), ("extern", "text"), ("extern", v.externref(12)),
        ("extern", v.i32(12)), ("two", 1, 2.0), ("two", 1), ("two", v.i32(1), v.f64(2.0)),
    ]  # fmt: skip
    return [attempt(w, lambda: repr(e[name](store, *args))) for name, *args in given]


def host_results(w: Any) -> Any:
    store = w.Store()
    i32, f64, ext = w.ValType.i32(), w.ValType.f64(), w.ValType.externref()
    found = []
    for results, value in (
        ([], None), ([], 1), ([i32], 5), ([i32], 2**40 + 1), ([i32], None), ([i32], 1.5),
        ([i32], [1]), ([f64], 1.5), ([f64], "1"), ([ext], None), ([ext], [1]),
        ([i32, f64], [1, 2.0]), ([i32, f64], (1, 2.0)), ([i32, f64], [1]), ([i32, f64], None),
        ([i32], w.Val.i32(3)), ([i32], w.Val.i64(3)),
    ):  # fmt: skip
        f = w.Func(store, w.FuncType([], results), lambda value=value: value)
        found.append(attempt(w, lambda: f(store)))
    return found


def host_arguments(w: Any) -> Any:
    store = w.Store()
    types = [
        w.ValType.i32(),
        w.ValType.i64(),
        w.ValType.f32(),
        w.ValType.externref(),
        w.ValType.funcref(),
    ]
    seen = []
    f = w.Func(store, w.FuncType(types, []), lambda *args: seen.append(args))
    g = w.Func(store, w.FuncType([], [w.ValType.i32()]), lambda: 42)
    f(store, 2**32 - 1, 2**64 - 1, 0.1, [1], g)
    f(store, 0, 0, 0.0, None, g)  # a null function makes the wheel panic
    first, second = seen
    return first[:4], first[4](store), type(first[4]).__name__, second[:4]


def linking_errors(w: Any) -> Any:
    found = []
    i32 = w.ValType.i32()
    for wat, make in (
        ('(import "a" "b" (func))', lambda s: w.Func(s, w.FuncType([i32], []), print)),
        ('(import "a" "b" (func))', lambda s: w.Memory(s, w.MemoryType(w.Limits(1, None)))),
        ('(import "a" "b" (memory 2))', lambda s: w.Memory(s, w.MemoryType(w.Limits(1, None)))),
        ('(import "a" "b" (memory 1 2))', lambda s: w.Memory(s, w.MemoryType(w.Limits(1, 3)))),
        ('(import "a" "b" (global i64))', lambda s: w.Global(s, w.GlobalType(i32, False), 1)),
        ('(import "a" "b" (global (mut i32)))', lambda s: w.Global(s, w.GlobalType(i32, False), 1)),
        ('(import "a" "b" (table 2 funcref))', lambda s: w.Table(s, w.TableType(w.ValType.funcref(), w.Limits(1, None)), None)),
        ('(import "a" "b" (table 1 externref))', lambda s: w.Table(s, w.TableType(w.ValType.funcref(), w.Limits(1, None)), None)),
    ):  # fmt: skip
        found.append(attempt(w, lambda: start(w, f"(module {wat})", [make]))[0])
    found.append(attempt(w, lambda: start(w, '(module (import "a" "b" (func)))')))
    return found


def linker(w: Any) -> Any:
    engine = w.Engine()
    store = w.Store(engine)
    link = w.Linker(engine)
    module = w.Module(engine, '(module (import "a" "b" (func $f)) (export "f" (func $f)))')
    found = [attempt(w, lambda: link.instantiate(store, module))]
    found.append(attempt(w, lambda: link.instantiate_pre(module)))
    link.define_func("a", "b", w.FuncType([], []), lambda: None)
    found.append(attempt(w, lambda: link.define_func("a", "b", w.FuncType([], []), print)))
    found.append(link.instantiate(store, module).exports(store)["f"](store))
    found.append(type(link.get(store, "a", "b")).__name__)
    found.append(attempt(w, lambda: link.get(store, "a", "c"))[0])
    command = w.Module(
        engine,
        """(module (global $n (mut i32) (i32.const 0)) (func (export "_start"))
           (func (export "next") (result i32)
             (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))""",
    )
    link.define_module(store, "command", command)
    f = link.get(store, "command", "next")
    found += [f(store), f(store), link.get_default(store, "command")(store)]
    return found


def memory(w: Any) -> Any:
    store = w.Store()
    m = w.Memory(store, w.MemoryType(w.Limits(1, 3)))
    found = [m.size(store), m.data_len(store), m.grow(store, 1), m.write(store, b"hello", 10)]
    found.append(bytes(m.read(store, 10, 15)))
    found.append([m.data_ptr(store)[10 + i] for i in range(5)])
    found.append(bytes(m.get_buffer_ptr(store, 3, 11)))
    m.get_buffer_ptr(store, 3, 11)[0] = 65
    found.append((type(m.read(store, 10, 15)).__name__, bytes(m.read(store, 10, 15))))
    found.append([len(m.read(store, *args)) for args in ((), (-3,), (5, 2), (0, 10**9), (10**9,))])
    for args in ((b"x", 2 << 16), (b"xy", (2 << 16) - 1), (b"x", None), (b"x", -1), (b"", 5)):
        found.append(attempt(w, lambda: m.write(store, *args)))
    found.append(attempt(w, lambda: m.grow(store, 5))[0])
    limits = m.type(store).limits
    return found, (limits.min, limits.max), m.type(store).is_64


def tables_and_globals(w: Any) -> Any:
    store = w.Store()
    ext, func = w.ValType.externref(), w.ValType.funcref()
    t = w.Table(store, w.TableType(ext, w.Limits(2, 4)), "init")
    f = w.Table(store, w.TableType(func, w.Limits(2, 4)), None)
    found = [t.get(store, 0), t.get(store, 5), t.grow(store, 1, 0), t.get(store, 2) == 0]
    found += [
        type(t.get(store, 2)).__name__,
        type(f.get(store, 0)).__name__,
        operator.eq(f.get(store, 0), None),
    ]
    found += [attempt(w, lambda: f.set(store, 0, 5))[0], attempt(w, lambda: t.set(store, 9, 5))]
    found += [attempt(w, lambda: t.grow(store, 5, None))[0]]
    for ty, value in (
        (w.ValType.i32(), 2**40 + 1),
        (w.ValType.f32(), 0.1),
        (ext, "x"),
        (ext, None),
        (func, None),
    ):
        g = w.Global(store, w.GlobalType(ty, True), value)
        found.append(operator.eq(g.value(store), None) if value is None else repr(g.value(store)))
    g = w.Global(store, w.GlobalType(w.ValType.i32(), False), 1)
    found += [
        attempt(w, lambda: g.set_value(store, 2)),
        attempt(w, lambda: g.set_value(store, "x")),
    ]
    return found


def reflection(w: Any) -> Any:
    module = w.Module(
        w.Engine(),
        """(module (import "a" "f" (func (param i32 i64) (result f32 f64)))
          (import "a" "t" (table 1 2 externref)) (import "a" "m" (memory i64 1))
          (import "a" "g" (global (mut funcref)))
          (func (export "main")) (memory (export "shared") 1 2 shared))""",
    )
    found: list[Any] = []
    for item in (*module.imports, *module.exports):
        ty = item.type
        found.append((type(item).__name__, item.name, type(ty).__name__))
        if isinstance(ty, w.FuncType):
            found.append((str(ty.params), str(ty.results)))
        if isinstance(ty, w.MemoryType):
            found.append((ty.limits.min, ty.limits.max, ty.is_64, ty.is_shared))
        if isinstance(ty, w.TableType):
            found.append((ty.limits.min, ty.limits.max, ty.element == w.ValType.externref()))
        if isinstance(ty, w.GlobalType):
            found.append((ty.mutable, str(ty.content)))
    return found


def callers(w: Any) -> Any:
    store = w.Store()
    found = []

    def host(caller: Any, at: int) -> int:
        memory = caller["memory"]
        found.append(bytes(memory.read(caller, at, at + 5)))
        found.append((caller.get("nothing"), type(caller["helper"]).__name__))
        found.append(attempt(w, lambda: caller["nothing"]))
        return caller["helper"](caller, 20) + 1

    f = w.Func(store, w.FuncType([w.ValType.i32()], [w.ValType.i32()]), host, access_caller=True)
    module = w.Module(
        store.engine,
        """(module (import "" "" (func $f (param i32) (result i32)))
          (memory (export "memory") 1) (data (i32.const 3) "world")
          (func (export "helper") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
          (func (export "run") (result i32) (call $f (i32.const 3))))""",
    )
    exports = w.Instance(store, module, [f]).exports(store)
    return exports["run"](store), found


def exceptions_pass_through(w: Any) -> Any:
    class Stop(Exception):
        pass

    def fail() -> None:
        raise Stop("now")

    store, exports = start(
        w,
        '(module (import "" "" (func $f)) (func (export "run") (call $f)))',
        [lambda store: w.Func(store, w.FuncType([], []), fail)],
    )
    found = [attempt(w, lambda: exports["run"](store)) for _ in range(2)]

    def trap() -> None:
        raise w.Trap("mine")

    f = w.Func(store, w.FuncType([], []), trap)
    try:
        f(store)
    except w.Trap as error:
        found.append((str(error), error.frames, error.trap_code))
    return found


def closing(w: Any) -> Any:
    store = w.Store()
    f = w.Func(store, w.FuncType([], []), lambda: None)
    store.close()
    store.close()
    found = [attempt(w, lambda: f(store)), attempt(w, lambda: store.gc())]
    found.append(attempt(w, lambda: w.Memory(store, w.MemoryType(w.Limits(1, None)))))
    config = w.Config()
    w.Engine(config)
    found.append(attempt(w, lambda: w.Engine(config)))
    return found


def fuel(w: Any) -> Any:
    config = w.Config()
    config.consume_fuel = True
    engine = w.Engine(config)
    store = w.Store(engine)
    module = w.Module(
        engine,
        '(module $m (func $work (export "f") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))',
    )
    store.set_fuel(1000)
    f = w.Instance(store, module, []).exports(store)["f"]
    found = [f(store, 20), store.get_fuel(), attempt(w, lambda: f(store, 10_000)), store.get_fuel()]
    store.set_fuel(2**64 - 1)
    return found, store.get_fuel(), attempt(w, lambda: w.Store().set_fuel(1))


def epochs(w: Any) -> Any:
    config = w.Config()
    config.epoch_interruption = True
    engine = w.Engine(config)
    store = w.Store(engine)
    module = w.Module(engine, '(module $m (func $f (export "f")))')
    store.set_epoch_deadline(1)
    f = w.Instance(store, module, []).exports(store)["f"]
    found = [f(store)]
    engine.increment_epoch()
    found.append(attempt(w, lambda: f(store))[3])
    store.set_epoch_deadline(1)
    found.append(f(store))
    return found, attempt(w, lambda: w.Instance(w.Store(engine), module, []))[:1] != "Trap"


def limits(w: Any) -> Any:
    store = w.Store()
    store.set_limits(memory_size=1 << 17, tables=1, instances=2, table_elements=3)
    memory = w.Memory(store, w.MemoryType(w.Limits(1, None)))
    found = [memory.grow(store, 1), attempt(w, lambda: memory.grow(store, 1))[0]]
    table = w.Table(store, w.TableType(w.ValType.funcref(), w.Limits(3, None)), None)
    found.append(attempt(w, lambda: table.grow(store, 1, None))[0])
    module = w.Module(store.engine, "(module)")
    for _ in range(3):
        found.append(attempt(w, lambda: type(w.Instance(store, module, [])).__name__))
    return [x if isinstance(x, (int, str)) else x[0] for x in found]


def values(w: Any) -> Any:
    v = w.Val
    made = [
        v.i32(2**35 + 3),
        v.i64(-1),
        v.f32(0.1),
        v.f64(0.1),
        v.externref("x"),
        v.externref(None),
    ]
    found: list[Any] = [(repr(x.value), str(x.type), x == x.value) for x in made[:4]]
    found += [made[0] == v.i32(3), made[0] == v.i64(3), made[0] == 3, made[0] != 4]
    found += [[x.as_i32(), x.as_i64(), x.as_f32(), x.as_f64(), x.as_externref()] for x in made]
    for make, value in ((v.i32, 1.5), (v.i64, ""), (v.f32, 1), (v.f64, 1)):
        found.append(attempt(w, lambda: make(value)))
    found.append(attempt(w, lambda: v.ref_null(w.ValType.i32())))
    found.append(v.ref_null(w.ValType.funcref()).value)
    found.append(attempt(w, lambda: w.ValType()))
    found.append(attempt(w, lambda: hash(made[0]))[0])
    return found


PROGRAMS = [
    traps, deep_stack, start_traps, arguments, host_results, host_arguments, linking_errors, linker,
    memory, tables_and_globals, reflection, callers, exceptions_pass_through, closing, fuel, epochs,
    limits, values,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_same(program: Callable[[Any], Any]) -> None:
    wasmtime = pytest.importorskip("wasmtime")
    assert outcome(program, grus.wasmtime) == outcome(program, wasmtime)
