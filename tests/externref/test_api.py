"""Tables, globals and functions with references as Python sees them (the host's side of Wasmtime's
tests of externals, functions and tables)."""

from __future__ import annotations

from typing import Any

import pytest

import grus
from tests.externref.conftest import Alive


def instance(engine: grus.Engine, text: str, store: grus.Store, **host: Any) -> Any:
    return grus.Instance(grus.Module(text, engine), {"": host}, store)


def test_tables_are_made_read_set_filled_and_grown(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    first = Alive(alive)
    table = store.table("externref", 3, 10, first)
    assert [table[n] for n in range(3)] == [first] * 3
    empty = store.table("externref", 2)
    assert empty[0] is None and empty[1] is None
    second = Alive(alive)
    table[1] = second
    assert table[1] is second and table[0] is first and table[2] is first
    assert table.grow(2, second) == 3 and len(table) == 5
    assert table[3] is second and table[4] is second
    assert table.grow(1) == 5 and table[5] is None
    table.fill(2, 3, None)
    assert [table[n] for n in range(6)] == [first, second, None, None, None, None]
    table.fill(4, 1, first)
    assert [table[n] for n in range(6)] == [first, second, None, None, first, None]
    empty.copy(0, table, 0, 2)
    assert empty[0] is first and empty[1] is second
    table.copy(1, table, 0, 3)
    assert [table[n] for n in range(6)] == [first, first, second, None, first, None]
    del first, second
    table.fill(0, 6, None)
    empty.fill(0, 2, None)
    assert alive == [0]


def test_globals_are_made_and_set(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    value = Alive(alive)
    constant = store.global_("externref", value)
    variable = store.global_("externref", None, mutable=True)
    assert constant.value is value and variable.value is None
    variable.value = value
    assert variable.value is value
    with pytest.raises(TypeError, match="constant"):
        constant.value = None
    assert constant.value is value
    variable.value = None
    with grus.ExternRef(store, value) as handle:
        assert handle.strong_count == 2, "the constant and the handle"


def test_errors_change_nothing(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    value = Alive(alive)
    handle = grus.ExternRef(store, value)
    table = store.table("externref", 2, 4, value)
    funcs = store.table("funcref", 2, 4)
    for index in (-1, 2, 1 << 40):
        with pytest.raises(IndexError):
            table[index] = None
        with pytest.raises(IndexError):
            table[index]
    for start, count in ((1, 2), (-1, 1), (3, 0), (0, -1)):
        with pytest.raises(IndexError):
            table.fill(start, count, None)
        with pytest.raises(IndexError):
            table.copy(start, table, 0, count)
        with pytest.raises(IndexError):
            table.copy(0, table, start, count)
    assert table.grow(3, value) == -1 and len(table) == 2
    for wrong in (value, 5, len):
        with pytest.raises(TypeError, match="expected funcref"):
            funcs[0] = wrong
        with pytest.raises(TypeError, match="expected funcref"):
            funcs.grow(1, wrong)
        with pytest.raises(TypeError, match="expected funcref"):
            funcs.fill(0, 1, wrong)
        with pytest.raises(TypeError, match="expected funcref"):
            store.table("funcref", 1, None, wrong)
        with pytest.raises(TypeError, match="expected funcref"):
            store.global_("funcref", wrong)
    with pytest.raises(TypeError, match="cannot copy"):
        funcs.copy(0, table, 0, 1)
    with pytest.raises(TypeError, match="cannot copy"):
        table.copy(0, funcs, 0, 1)
    assert funcs[0] is None and len(funcs) == 2
    assert table[0] is value and table[1] is value
    assert handle.strong_count == 3


def test_other_stores_are_refused(engine: grus.Engine) -> None:
    mine, other = grus.Store(engine), grus.Store(engine)
    func = other.func(lambda: None)
    table = mine.table("funcref", 1)
    for action in (
        lambda: table.__setitem__(0, func),
        lambda: table.grow(1, func),
        lambda: table.fill(0, 1, func),
        lambda: table.copy(0, other.table("funcref", 1), 0, 1),
        lambda: mine.table("funcref", 1, None, func),
        lambda: mine.global_("funcref", func),
        lambda: instance(engine, '(module (func (export "f") (param funcref)))', mine).exports.f(
            func
        ),
    ):
        with pytest.raises(TypeError, match="another store|different stores"):
            action()
    for kind, text in (
        (func, '(import "" "x" (func))'),
        (other.table("externref", 1), '(import "" "x" (table 1 externref))'),
        (other.global_("externref", 1), '(import "" "x" (global externref))'),
        (other.memory(1), '(import "" "x" (memory 1))'),
    ):
        with pytest.raises(grus.LinkError, match="another store"):
            instance(engine, f"(module {text})", mine, x=kind)
    assert table[0] is None and len(table) == 1


def test_host_results_of_another_store_are_refused(engine: grus.Engine) -> None:
    mine, other = grus.Store(engine), grus.Store(engine)
    func = other.func(lambda: None)
    text = """(module (import "" "get" (func $get (result funcref)))
      (func (export "f") (result funcref) (call $get)))"""
    with pytest.raises(TypeError, match="another store"):
        instance(engine, text, mine, get=lambda: func).exports.f()


def test_signatures_and_mixed_arguments(engine: grus.Engine) -> None:
    store = grus.Store(engine)
    seen: list[Any] = []

    def host(*args: Any) -> tuple[Any, ...]:
        seen.append(args)
        return args[::-1]

    func = store.func(
        host, "i32 externref f64 funcref externref", "externref funcref f64 externref i32"
    )
    text = """(module
      (import "" "host" (func $host (param i32 externref f64 funcref externref)
        (result externref funcref f64 externref i32)))
      (func (export "f") (param i32 externref f64 funcref externref)
        (result externref funcref f64 externref i32)
        (call $host (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4))))"""
    f = instance(engine, text, store, host=func).exports.f
    assert f.type == func.type
    assert repr(f.type).count("externref") == 4 and repr(f.type).count("funcref") == 2
    first, last = object(), object()
    result = f(-5, first, 1.5, func, last)
    assert seen == [(-5, first, 1.5, func, last)]
    assert result == (last, func, 1.5, first, -5)
    assert f(0, None, 0.0, None, None) == (None, None, 0.0, None, 0)


def test_host_functions_with_references_need_no_proposal() -> None:
    engine = grus.Engine(features="wasm1")
    store = grus.Store(engine)
    func = store.func(lambda value: value, "externref", "externref")
    value = object()
    assert func(value) is value
    with pytest.raises(grus.GrusError):
        grus.Module("(module (func (param externref)))", engine)


def test_functions_round_trip(engine: grus.Engine) -> None:
    store = grus.Store(engine)
    text = """(module (table $t (export "t") 1 funcref) (elem declare func $own)
      (func $own (export "own") (result i32) (i32.const 7))
      (func (export "id") (param funcref) (result funcref) (local.get 0))
      (func (export "get") (result funcref) (ref.func $own))
      (func (export "null") (result funcref) (ref.null func))
      (func (export "call") (param funcref) (result i32)
        (table.set $t (i32.const 0) (local.get 0))
        (call_indirect (result i32) (i32.const 0))))"""
    a, b = instance(engine, text, store).exports, instance(engine, text, store).exports
    host = store.func(lambda: 9, "", "i32")
    assert a.id(a.own) is a.own and a.id(b.own) is b.own and a.id(host) is host
    assert a.get() is a.own and a.null() is None and a.id(None) is None
    assert (a.call(a.own), a.call(b.own), a.call(host)) == (7, 7, 9)
    for func in (host, b.own, None):
        a.t[0] = func
        assert a.t[0] is func
    with pytest.raises(grus.Trap):
        a.call(None)
    with pytest.raises(TypeError, match="expected funcref"):
        a.id(5)


def test_the_same_object_through_table_global_and_function(engine: grus.Engine) -> None:
    """Wasmtime's example of external references."""
    store = grus.Store(engine)
    text = """(module (table (export "table") 10 externref)
      (global (export "global") (mut externref) (ref.null extern))
      (func (export "func") (param externref) (result externref) (local.get 0)))"""
    x = instance(engine, text, store).exports
    value = "Hello, World!"
    x.table[3] = value
    assert x.table[3] is value
    x.global_ = None  # attributes of exports are Python's own
    x["global"].value = value
    assert x["global"].value is value
    assert x.func(value) is value
    store.gc()
    assert x.table[3] is value and x["global"].value is value


def test_falsy_objects_are_not_null(engine: grus.Engine) -> None:
    store = grus.Store(engine)
    text = """(module (func (export "null") (param externref) (result i32)
      (ref.is_null (local.get 0))))"""
    x = instance(engine, text, store).exports
    assert [x.null(value) for value in (0, False, "", (), [], 0.0)] == [0] * 6
    assert x.null(None) == 1


class Odd:
    """Equal to everything, without a hash."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("identity, never equality")

    __hash__ = None  # type: ignore[assignment]


def test_objects_are_told_apart_by_identity(engine: grus.Engine) -> None:
    store = grus.Store(engine)
    table = store.table("externref", 2)
    a, b = Odd(), Odd()
    table[0], table[1] = a, b
    assert table[0] is a and table[1] is b
