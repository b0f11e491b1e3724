"""The Linker."""

from __future__ import annotations

from typing import Any

import pytest

import grus
from grus.wasm import types as WT

VOID = WT.FuncType((), ())
I32 = WT.FuncType((), (WT.I32,))
ONE = '(module (import "m" "f" (func $f (result i32))) (func (export "g") (result i32) (call $f)))'
LIBRARY = """(module (global $n (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $n (i32.const 10)))
  (func (export "next") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"""
COMMAND = LIBRARY.replace("_initialize", "_start")


@pytest.fixture
def linker() -> grus.Linker:
    return grus.Linker(grus.Engine())


def test_functions_for_many_stores(linker: grus.Linker) -> None:
    seen: list[Any] = []

    def function(caller: grus.Caller) -> int:
        seen.append(caller.store)
        return len(seen)

    linker.define_func("m", "f", I32, function, access_caller=True)
    module = grus.Module(ONE, linker.engine)
    ready = linker.prepare(module)
    instances = [linker.instantiate(module), ready.instantiate(), ready.instantiate()]
    assert [i.exports.g() for i in instances] == [1, 2, 3]
    assert seen == [i.store for i in instances]
    assert linker.get(instances[0].store, "m", "f").type == I32
    with pytest.raises(grus.LinkError, match="`m::g` not defined"):
        linker.get(instances[0].store, "m", "g")


def test_decorated_functions_have_the_type_of_the_import(linker: grus.Linker) -> None:
    @linker.func("m")
    def f() -> int:
        return 3

    @linker.func("m", "g", access_caller=True)
    def other(caller: grus.Caller, x: float) -> float:
        return x + len(caller["memory"])

    module = grus.Module(
        """(module (import "m" "f" (func $f (result i64))) (import "m" "g" (func $g (param f64) (result f64)))
          (memory (export "memory") 1)
          (func (export "run") (result f64) (call $g (f64.convert_i64_s (call $f)))))""",
        linker.engine,
    )
    assert linker.instantiate(module).exports.run() == 65539.0
    assert f() == 3
    with pytest.raises(grus.LinkError, match="has no type"):
        linker.get(grus.Store(linker.engine), "m", "f")


def test_shadowing(linker: grus.Linker) -> None:
    linker.define_func("m", "f", I32, lambda: 1)
    with pytest.raises(grus.LinkError, match="`m::f` defined twice"):
        linker.define_func("m", "f", I32, lambda: 2)
    linker.allow_shadowing = True
    linker.define_func("m", "f", I32, lambda: 3)
    assert linker.instantiate(grus.Module(ONE, linker.engine)).exports.g() == 3


def test_what_does_not_fit(linker: grus.Linker) -> None:
    module = grus.Module(ONE, linker.engine)
    with pytest.raises(grus.LinkError, match="unknown import: `m::f` has not been defined"):
        linker.prepare(module)
    linker.define_func("m", "f", VOID, lambda: None)
    with pytest.raises(grus.LinkError, match="incompatible import type"):
        linker.instantiate(module)
    with pytest.raises(grus.LinkError, match="different engines"):
        linker.instantiate(grus.Module("(module)"), grus.Store(linker.engine))


def test_instances(linker: grus.Linker) -> None:
    store = grus.Store(linker.engine)
    library = grus.Instance(
        grus.Module(LIBRARY.replace('"next"', '"f"'), linker.engine), store=store
    )
    linker.define_instance("m", library)
    assert linker.instantiate(grus.Module(ONE, linker.engine), store).exports.g() == 1
    assert linker.get(store, "m", "f")() == 2
    with pytest.raises(grus.LinkError, match="another store"):
        linker.instantiate(grus.Module(ONE, linker.engine))


def test_reactors_live_commands_start_anew(linker: grus.Linker) -> None:
    store = grus.Store(linker.engine)
    linker.define_module(store, "reactor", grus.Module(LIBRARY, linker.engine))
    linker.define_module(store, "command", grus.Module(COMMAND, linker.engine))
    reactor, command = (linker.get(store, name, "next") for name in ("reactor", "command"))
    assert [reactor(), reactor(), command(), command()] == [11, 12, 1, 1]
    assert linker.get_default(store, "command")() is None
    assert linker.get_default(store, "nothing")() is None
    linker.define(
        "other",
        "",
        grus.Instance(
            grus.Module('(module (memory (export "m") 1))', linker.engine), store=store
        ).exports.m,
    )
    with pytest.raises(grus.LinkError, match="not a function"):
        linker.get_default(store, "other")


FUNCTIONS = """(import "m" "f" (func $f (param i64) (result i32 f64 funcref)))
  (import "m" "f" (func (param i64) (result i32 f64 funcref))) (import "m" "g" (func $g))"""
OTHERS = """(import "m" "n" (global $n (mut f32))) (import "m" "r" (global externref))
  (import "m" "mem" (memory $m 2)) (import "m" "tab" (table $t 3 funcref))
  (import "m" "tag" (tag (param i32)))"""
EXPORTS = '(export "f" (func $f)) (export "g" (func $g))'


def test_unknown_imports_trap(linker: grus.Linker) -> None:
    linker.define_func("m", "g", VOID, lambda: None)
    module = grus.Module(f"(module {FUNCTIONS} {EXPORTS})", linker.engine)
    linker.define_unknown_imports_as_traps(module)
    exports = linker.instantiate(module).exports
    exports.g()
    with pytest.raises(grus.Trap, match="unknown import `m::f`"):
        exports.f(1)
    with pytest.raises(grus.LinkError, match="unknown import"):
        linker.define_unknown_imports_as_traps(grus.Module(f"(module {OTHERS})", linker.engine))


def test_unknown_imports_as_defaults(linker: grus.Linker) -> None:
    store = grus.Store(linker.engine)
    more = '(export "n" (global $n)) (export "mem" (memory $m)) (export "tab" (table $t))'
    module = grus.Module(f"(module {FUNCTIONS} {OTHERS} {EXPORTS} {more})", linker.engine)
    linker.define_unknown_imports_as_default_values(store, module)
    exports = linker.instantiate(module, store).exports
    assert exports.f(7) == (0, 0.0, None)
    assert exports.g() is None
    assert (exports.n.value, exports.mem.pages, len(exports.tab)) == (0.0, 2, 3)
    wanted = grus.Module('(module (import "m" "x" (global (ref func))))', linker.engine)
    with pytest.raises(grus.LinkError, match="no default value"):
        linker.define_unknown_imports_as_default_values(store, wanted)


def test_wasi_for_a_store(linker: grus.Linker) -> None:
    import io

    from grus.wasi.linker import define_wasi

    define_wasi(linker)
    module = grus.Module(
        """(module (import "wasi_snapshot_preview1" "fd_write"
             (func $write (param i32 i32 i32 i32) (result i32)))
           (memory (export "memory") 1) (data (i32.const 0) "\\08\\00\\00\\00\\03\\00\\00\\00hi\\0a")
           (func (export "run") (result i32)
             (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20))))""",
        linker.engine,
    )
    outputs = [io.BytesIO(), io.BytesIO()]
    early = linker.instantiate(module)
    with pytest.raises(grus.LinkError, match="no WASI program"):
        early.exports.run()
    early.store.wasi = grus.Wasi(grus.WasiConfig(stdout=outputs[0]))
    store = grus.Store(linker.engine)
    store.wasi = grus.Wasi(grus.WasiConfig(stdout=outputs[1]))
    late = linker.instantiate(module, store)
    assert [early.exports.run(), late.exports.run(), late.exports.run()] == [0, 0, 0]
    assert [output.getvalue() for output in outputs] == [b"hi\n", b"hi\n" * 2]
