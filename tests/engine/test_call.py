"""Calls from Python: conversion of arguments and results, and what goes wrong (docs/abi.md, Entry)."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import grus

ADD = """(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "add64") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "sub32") (param f32 f32) (result f32) (f32.sub (local.get 0) (local.get 1)))
  (func (export "sub64") (param f64 f64) (result f64) (f64.sub (local.get 0) (local.get 1)))
  (func (export "nop"))
  (func (export "swap") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0))
  (func (export "many") (param i32 i32 i32 i32 i32 i32 i32 i64 i64) (result i64)
    (i64.add (i64.extend_i32_s (i32.sub (local.get 5) (local.get 6)))
             (i64.sub (local.get 7) (local.get 8))))
  (func (export "mix") (param f64 f64 f64 f64 f64 f64 f64 f64 f64 f32) (result f64)
    (f64.sub (local.get 8) (f64.promote_f32 (local.get 9)))))"""


@pytest.fixture
def e(make: Any) -> Any:
    return make(ADD)


class Index:
    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


@pytest.mark.parametrize(
    ("x", "y", "result"),
    [
        (1, 2, 3),
        (-5, 3, -2),
        (0, 0, 0),
        (2**31 - 1, 1, -(2**31)),
        (2**31, 0, -(2**31)),
        (2**32 - 1, 0, -1),
        (-(2**31), 0, -(2**31)),
        (2**30, -(2**30), 0),
        (True, 1, 2),
        (Index(7), 1, 8),
    ],
)
def test_i32(e: Any, x: Any, y: Any, result: int) -> None:
    assert e.add(x, y) == result
    assert type(e.add(x, y)) is int


@pytest.mark.parametrize(
    ("x", "y", "result"),
    [
        (2**62, 2**61, 2**62 + 2**61),
        (-(2**63), 0, -(2**63)),
        (2**64 - 1, 0, -1),
        (2**63, 0, -(2**63)),
        (2**40, -1, 2**40 - 1),
        (-(2**59), -(2**59), -(2**60)),
        (-(2**60) - 5, 0, -(2**60) - 5),
        (Index(-(2**62)), 0, -(2**62)),
    ],
)
def test_i64(e: Any, x: Any, y: Any, result: int) -> None:
    assert e.add64(x, y) == result


def test_floats(e: Any) -> None:
    assert e.sub64(1.5, 0.25) == 1.25
    assert e.sub64(3, True) == 2.0
    assert e.sub32(1.5, 0.25) == 1.25
    assert e.sub32(0.1, 0.0) == 0.10000000149011612
    assert e.sub32(1e300, 0.0) == float("inf")


def test_stack_arguments(e: Any) -> None:
    assert e.many(1, 2, 3, 4, 5, 60, 7, 2**40, 1) == 53 + 2**40 - 1
    assert e.mix(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.5, 0.5) == 9.0


def test_several_results_are_a_tuple(e: Any) -> None:
    assert e.swap(3, 0.5) == (0.5, 3)
    assert e.nop() is None


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        ((1,), TypeError, r"add\(\) takes 2 arguments but 1 was given"),
        ((1, 2, 3), TypeError, r"add\(\) takes 2 arguments but 3 were given"),
        ((1.5, 2), TypeError, r"add\(\): argument 1: expected i32, got float"),
        ((1, "a"), TypeError, r"add\(\): argument 2: expected i32, got str"),
        ((None, 1), TypeError, r"add\(\): argument 1: expected i32, got NoneType"),
        ((2**32, 1), OverflowError, r"4294967296 does not fit a 32-bit integer"),
        ((1, -(2**31) - 1), OverflowError, r"does not fit a 32-bit integer"),
        ((1, 2**100), OverflowError, r"does not fit a 32-bit integer"),
    ],
)
def test_wrong_arguments(e: Any, args: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        e.add(*args)


def test_wrong_arguments_of_other_types(e: Any) -> None:
    with pytest.raises(OverflowError):
        e.add64(2**64, 0)
    with pytest.raises(OverflowError):
        e.add64(-(2**63) - 1, 0)
    with pytest.raises(TypeError, match="expected f64, got str"):
        e.sub64("1", 0.0)
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        e.add(1, b=2)


def test_exception_in_conversion_passes(e: Any) -> None:
    class Evil:
        def __index__(self) -> int:
            raise KeyError("evil")

    with pytest.raises(KeyError, match="evil"):
        e.add(1, Evil())


def test_conversion_that_closes_the_store() -> None:
    store = grus.Store()
    exports = grus.Instance(grus.Module(ADD), None, store).exports

    class Evil:
        def __index__(self) -> int:
            store.close()
            return 1

    with pytest.raises(grus.StoreClosed):
        exports.add(Evil(), 1)
    with pytest.raises(grus.StoreClosed):
        exports.add(1, 1)


def test_conversion_that_calls_again(e: Any) -> None:
    class Nested:
        def __index__(self) -> int:
            return int(e.add(20, 1))

    assert e.add(Nested(), Nested()) == 42


def test_calls_leak_nothing(e: Any) -> None:
    import sys

    before = sys.getrefcount(None)
    value = 10**6
    count = sys.getrefcount(value)
    for _ in range(2000):
        e.add(value, 1)
        e.swap(value, 0.5)
        e.nop()
        with pytest.raises(TypeError):
            e.add("x", value)
    assert abs(sys.getrefcount(None) - before) < 1000  # of 2,000 calls; modules are imported
    assert sys.getrefcount(value) == count


def test_store_dies_with_its_last_handle() -> None:
    exports = grus.Instance(grus.Module(ADD)).exports
    store = weakref.ref(exports.add._store)
    add = exports.add
    del exports
    assert store() is not None
    assert add(1, 2) == 3
    gc.disable()
    try:
        del add
        assert store() is None, "the Store is in a cycle"
    finally:
        gc.enable()


def test_func_object(e: Any) -> None:
    assert isinstance(e.add, grus.Func)
    assert e.add.__name__ == "add"
    assert "i32 i32" in repr(e.add)
    with pytest.raises(TypeError):
        type("Sub", (grus.Func,), {})


def test_results_survive_taking_the_gil_back(make: Any) -> None:
    """The first loop of a new Store polls, which releases the GIL until the return."""
    for n in range(3):
        e = make(
            """(module
              (func $poll (local i32)
                (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1)))
                                         (i32.const 3)))))
              (func (export "v") (param v128 v128 i32) (result v128 i64 f64)
                (call $poll)
                (select (local.get 0) (local.get 1) (local.get 2))
                (i64.const 0x7766554433221100) (f64.const 1.25))
              (func (export "n") (result i32 f32 i64) (call $poll)
                (i32.const 5) (f32.const 0.5) (i64.const -1)))"""
        )
        a, b = bytes(range(16)), bytes(range(100, 116))
        if n:
            assert e.n() == (5, 0.5, -1)
        assert e.v(a, b, 1) == (a, 0x7766554433221100, 1.25)
        assert e.v(a, b, 0) == (b, 0x7766554433221100, 1.25)


@pytest.mark.parametrize("count", [8, 9, 20])
@pytest.mark.parametrize(("ty", "step"), [("i64", 1), ("f64", 0.5), ("i32", -1)])
def test_more_results_than_registers(make: Any, count: int, ty: str, step: float) -> None:
    values = [number * step for number in range(1, count + 1)]
    types = " ".join([ty] * count)
    gets = " ".join(f"(local.get {index})" for index in range(count))
    exports = make(
        f"""(module (import "m" "h" (func $h (param {types}) (result {types})))
          (func (export "f") (param {types}) (result {types}) {gets})
          (func (export "g") (param {types}) (result {types}) {gets} (call $h)))""",
        {"m": {"h": lambda *args: tuple(reversed(args))}},
    )
    assert list(exports.f(*values)) == values
    assert list(exports.g(*values)) == values[::-1]
