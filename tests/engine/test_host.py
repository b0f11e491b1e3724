"""Python functions as imports (docs/abi.md, Host calls)."""

from __future__ import annotations

import gc
import sys
import traceback
import weakref
from typing import Any

import pytest

import grus

CALL = """(module
  (import "m" "f" (func $f (param i32 i64 f32 f64) (result f64)))
  (func (export "call") (param i32 i64 f32 f64) (result f64)
    (f64.add (f64.const 1) (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3)))))"""
PLAIN = """(module
  (import "m" "f" (func $f))
  (func $deep (export "deep") (param i32)
    (if (local.get 0)
      (then (call $deep (i32.sub (local.get 0) (i32.const 1))))
      (else (call $f)))))"""


def test_arguments_and_result(make: Any) -> None:
    seen: list[Any] = []

    def f(*args: Any) -> float:
        seen.append(args)
        return 41.0

    assert make(CALL, {"m": {"f": f}}).call(-1, 2**40, 0.5, 2.5) == 42.0
    assert seen == [(-1, 2**40, 0.5, 2.5)]
    assert [type(arg) for arg in seen[0]] == [int, int, float, float]


def test_result_is_converted(make: Any) -> None:
    assert make(CALL, {"m": {"f": lambda *_: 41}}).call(0, 0, 0.0, 0.0) == 42.0


@pytest.mark.parametrize("result", ["x", None, (1.0, 2.0)])
def test_wrong_result(make: Any, result: Any) -> None:
    exports = make(CALL, {"m": {"f": lambda *_: result}})
    with pytest.raises(TypeError, match="returned a wrong value: expected f64"):
        exports.call(0, 0, 0.0, 0.0)


def test_unexpected_result(make: Any) -> None:
    with pytest.raises(TypeError, match="expected None, got int"):
        make(PLAIN, {"m": {"f": lambda: 1}}).deep(0)


def test_several_results(make: Any) -> None:
    wat = """(module (import "m" "f" (func $f (result i64 f64 i32)))
      (func (export "get") (result i32 f64 i64) (local i64 f64 i32)
        (call $f) (local.set 2) (local.set 1) (local.set 0)
        (local.get 2) (local.get 1) (local.get 0)))"""
    assert make(wat, {"m": {"f": lambda: (2**60, 1.5, 7)}}).get() == (7, 1.5, 2**60)
    assert make(wat, {"m": {"f": lambda: [True, 2, -1]}}).get() == (-1, 2.0, 1)
    with pytest.raises(TypeError, match="expected 3 values, got 2"):
        make(wat, {"m": {"f": lambda: (1, 2)}}).get()


@pytest.mark.parametrize("kind", [KeyError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_exceptions_pass_unchanged(make: Any, kind: type[BaseException]) -> None:
    error = kind("from the host")

    def f() -> None:
        raise error

    exports = make(PLAIN, {"m": {"f": f}})
    for depth in (0, 3, 200):
        with pytest.raises(kind) as caught:
            exports.deep(depth)
        assert caught.value is error
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-1] == "f"


def test_exceptions_leak_nothing(make: Any) -> None:
    def f() -> None:
        raise ValueError

    exports = make(PLAIN, {"m": {"f": f}})
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(2000):
        with pytest.raises(ValueError):
            exports.deep(5)
    gc.collect()
    assert len(gc.get_objects()) - before < 200


def test_wasm_and_python_in_turn(make: Any) -> None:
    depth = 0

    def f() -> None:
        nonlocal depth
        depth += 1
        if depth < 40:
            try:
                exports.deep(2)
            except LookupError:
                if depth % 2:
                    raise
                raise KeyError(depth) from None
        else:
            raise IndexError("bottom")

    exports = make(PLAIN, {"m": {"f": f}})
    with pytest.raises(LookupError):
        exports.deep(2)
    assert depth == 40


def test_runaway_recursion_through_python(make: Any) -> None:
    def f() -> None:
        exports.deep(0)

    exports = make(PLAIN, {"m": {"f": f}})
    with pytest.raises(RecursionError):
        exports.deep(0)
    old = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    try:
        with pytest.raises((RecursionError, grus.Trap)):
            exports.deep(0)
    finally:
        sys.setrecursionlimit(old)
    assert exports.deep is not None


def test_host_function_that_closes_over_its_store_is_collected(make: Any) -> None:
    class Canary:
        pass

    def build() -> weakref.ref[Canary]:
        canary = Canary()
        store = grus.Store()

        def f() -> None:
            assert canary
            assert store

        grus.Instance(grus.Module(PLAIN), {"m": {"f": f}}, store).exports.deep(1)
        return weakref.ref(canary)

    canary = build()
    gc.collect()
    assert canary() is None
