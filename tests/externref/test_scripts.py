"""What Wasmtime's scripts about reference types check (misc_testsuite), in our words."""

from __future__ import annotations

from typing import Any

import pytest

import grus
from tests.externref.conftest import Alive


def exports(engine: grus.Engine, text: str, store: grus.Store | None = None, **host: Any) -> Any:
    store = store or grus.Store(engine)
    return grus.Instance(grus.Module(text, engine), {"": host}, store).exports


def test_externref_id_function(engine: grus.Engine) -> None:
    x = exports(
        engine,
        """(module (func (export "id") (param externref) (result externref) (local.get 0)))""",
    )
    value = object()
    assert x.id(value) is value and x.id(None) is None


def test_simple_ref_is_null(engine: grus.Engine) -> None:
    x = exports(
        engine,
        """(module (elem declare func $f)
          (func $f (export "extern") (param externref) (result i32) (ref.is_null (local.get 0)))
          (func (export "func") (param funcref) (result i32) (ref.is_null (local.get 0)))
          (func (export "own") (result i32) (ref.is_null (ref.func $f))))""",
    )
    assert x.extern(None) == 1 and x.extern(1) == 0 and x.extern(0) == 0
    assert x.func(None) == 1 and x.func(x.func) == 0 and x.own() == 0


def test_many_table_gets_lead_to_gc(engine: grus.Engine, alive: list[int]) -> None:
    """A live element is read and put back 8192 times; then a trap."""
    engine = grus.Engine(engine.config, gc_repeat=True)
    store = grus.Store(engine)
    x = exports(
        engine,
        """(module (table $t (export "t") 1 externref)
          (func (export "f") (local i32)
            (local.set 0 (i32.const 8192))
            (loop $l
              (table.set $t (i32.const 0) (table.get $t (i32.const 0)))
              (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            unreachable))""",
        store,
    )
    value = Alive(alive)
    x.t[0] = value
    with pytest.raises(grus.Trap, match="unreachable"):
        x.f()
    if engine.config.collector != "naive":
        assert store.gc_stats().collections > 0
    assert x.t[0] is value
    del value
    x.t[0] = None
    store.gc()
    assert alive == [0]


def test_mutable_externref_globals(engine: grus.Engine) -> None:
    x = exports(
        engine,
        """(module (global $g (mut externref) (ref.null extern))
          (func (export "get") (result externref) (global.get $g))
          (func (export "set") (param externref) (global.set $g (local.get 0))))""",
    )
    assert x.get() is None
    x.set(10)
    assert x.get() == 10


def test_table_grow_with_funcref(engine: grus.Engine) -> None:
    x = exports(
        engine,
        """(module (table $t (export "t") 0 funcref)
          (func (export "grow") (result i32) (table.grow $t (ref.null func) (i32.const 1)))
          (func (export "size") (result i32) (table.size $t)))""",
    )
    assert (x.size(), x.grow(), x.size(), x.t[0]) == (0, 0, 1, None)


@pytest.mark.parametrize("kinds", ["local, imported", "imported, local", "imported, imported"])
def test_table_copy_on_imported_tables(engine: grus.Engine, kinds: str) -> None:
    store = grus.Store(engine)
    first = store.table("externref", 4)
    second = store.table("externref", 4)
    to, source = kinds.split(", ")
    tables = "".join(
        f'(import "" "{name}" (table ${name} 4 externref))' if kind == "imported" else ""
        for name, kind in (("a", to), ("b", source))
    )
    own = "".join(
        f'(table ${name} (export "{name}") 4 externref)' if kind == "local" else ""
        for name, kind in (("a", to), ("b", source))
    )
    x = exports(
        engine,
        f"""(module {tables} {own}
          (func (export "copy") (table.copy $a $b (i32.const 0) (i32.const 1) (i32.const 3))))""",
        store,
        a=first,
        b=second,
    )
    target = first if to == "imported" else x.a
    origin = second if source == "imported" else x.b
    for n in range(4):
        target[n], origin[n] = n, 10 + n
    x.copy()
    assert [target[n] for n in range(4)] == [11, 12, 13, 3]


def test_no_panic_after_an_empty_if(engine: grus.Engine) -> None:
    x = exports(
        engine,
        """(module (table $t 2 externref)
          (func (export "get") (param i32) (result externref)
            (if (local.get 0) (then) (else))
            (table.get $t (i32.const 0)))
          (func (export "set") (param i32)
            (if (local.get 0) (then) (else))
            (table.set $t (i32.const 0) (ref.null extern))))""",
    )
    for condition in (0, 1):
        x.set(condition)
        assert x.get(condition) is None


def test_externref_segment(engine: grus.Engine) -> None:
    x = exports(
        engine,
        """(module (table (export "t") 3 externref)
          (elem (i32.const 0) externref (ref.null extern) (ref.null extern)))""",
    )
    assert [x.t[n] for n in range(3)] == [None] * 3


def test_externref_table_dropped_segment(engine: grus.Engine) -> None:
    x = exports(
        engine,
        """(module (table $t 2 externref) (elem $e externref (ref.null extern))
          (func (export "drop") (elem.drop $e))
          (func (export "init") (param i32)
            (table.init $t $e (i32.const 0) (i32.const 0) (local.get 0))))""",
    )
    x.init(1)
    x.drop()
    x.init(0)
    with pytest.raises(grus.Trap):
        x.init(1)


def test_no_mixup_stack_maps(engine: grus.Engine, alive: list[int]) -> None:
    """The first call of a function comes before its first reference: no map, also not that of the
    function before, may be used for it (CVE-2021-39218)."""
    engine = grus.Engine(engine.config, gc_repeat=True)
    store = grus.Store(engine)
    x = exports(
        engine,
        """(module (import "" "gc" (func $gc)) (import "" "touch" (func $touch (param externref)))
          (import "" "make" (func $make (result externref)))
          (global $g (export "g") (mut externref) (ref.null extern))
          (func $before (export "before") (local externref externref externref)
            (local.set 0 (call $make)) (local.set 1 (call $make)) (local.set 2 (call $make))
            (call $gc)
            (call $touch (local.get 0)) (call $touch (local.get 1)) (call $touch (local.get 2)))
          (func (export "after") (param i64 i64 i64) (result i64) (local externref)
            (call $gc)
            (call $many)
            (local.set 3 (global.get $g))
            (call $gc)
            (call $touch (local.get 3))
            (i64.add (local.get 0) (i64.add (local.get 1) (local.get 2))))
          (func $many (local i32)
            (local.set 0 (i32.const 10000))
            (loop $l
              (global.set $g (global.get $g))
              (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))""",
        store,
        gc=store.gc,
        touch=lambda value: None if value.counter is alive else 1,
        make=lambda: Alive(alive),
    )
    x.g.value = Alive(alive)
    x.before()
    for _ in range(3):
        assert x.after(0x1111, 0x2222, 0x3333) == 0x6666
    x.g.value = None
    store.gc()
    assert alive == [0]
