"""Traps (docs/abi.md, Traps)."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

import pytest

import grus

WAT = """(module $m
  (memory (export "memory") 1 2)
  (table 2 funcref)
  (type $v (func))
  (type $i (func (result i32)))
  (elem (i32.const 0) $one)
  (func $one (result i32) (i32.const 1))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "load_far") (param i32) (result i64) (i64.load offset=0xfffffff0 (local.get 0)))
  (func (export "store8") (param i32) (i32.store8 (local.get 0) (i32.const 7)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "rem") (param i32 i32) (result i32) (i32.rem_s (local.get 0) (local.get 1)))
  (func (export "trunc") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func (export "unreachable") (unreachable))
  (func (export "indirect") (param i32) (result i32)
    (call_indirect (type $i) (local.get 0)))
  (func (export "mistyped") (call_indirect (type $v) (i32.const 0)))
  (func $inner (param i32) (result i32) (i32.load (local.get 0)))
  (func $middle (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1)))
  (func (export "outer") (param i32) (result i32) (i32.add (call $middle (local.get 0)) (i32.const 1)))
  (func $forever (export "forever") (call $forever)))"""

CASES = [
    ("load", (65533,), "memory_out_of_bounds", "out of bounds memory access"),
    ("load", (2**32 - 1,), "memory_out_of_bounds", "out of bounds memory access"),
    ("load_far", (-1,), "memory_out_of_bounds", "out of bounds memory access"),
    ("store8", (65536,), "memory_out_of_bounds", "out of bounds memory access"),
    ("div", (1, 0), "integer_divide_by_zero", "integer divide by zero"),
    ("rem", (1, 0), "integer_divide_by_zero", "integer divide by zero"),
    ("div", (-(2**31), -1), "integer_overflow", "integer overflow"),
    ("trunc", (float("nan"),), "invalid_conversion", "invalid conversion to integer"),
    ("trunc", (2.0**31,), "integer_overflow", "integer overflow"),
    ("unreachable", (), "unreachable", "unreachable"),
    ("indirect", (2,), "undefined_element", "undefined element"),
    ("indirect", (1,), "uninitialized_element", "uninitialized element"),
    ("mistyped", (), "indirect_call_type_mismatch", "indirect call type mismatch"),
    ("forever", (), "stack_exhausted", "call stack exhausted"),
]


@pytest.fixture(scope="module")
def e() -> Any:
    return grus.Instance(grus.Module(WAT)).exports


@pytest.mark.parametrize(("name", "args", "code", "message"), CASES)
def test_traps(e: Any, name: str, args: Any, code: str, message: str) -> None:
    for _ in range(3):
        with pytest.raises(grus.Trap) as caught:
            e[name](*args)
        assert caught.value.code == code
        assert caught.value.message == message
    assert e.div(7, 2) == 3, "the store can be used after a trap"
    assert e.rem(-(2**31), -1) == 0


def test_backtrace(e: Any) -> None:
    with pytest.raises(grus.Trap) as caught:
        e.outer(70000)
    assert [frame.func_name for frame in caught.value.frames] == ["inner", "middle", "outer"]
    assert all(frame.module_name == "m" for frame in caught.value.frames)
    assert all(frame.module_offset > 0 for frame in caught.value.frames)
    assert "wasm backtrace:\n    0: " in str(caught.value)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert copy.code == caught.value.code


def test_growing_moves_the_limit() -> None:
    e = grus.Instance(grus.Module(WAT)).exports
    view = e.memory.view()
    e.store8(65535)
    assert e.grow(1) == 1
    e.store8(65536)
    assert e.grow(1) == -1
    with pytest.raises(grus.Trap):
        e.store8(2 * 65536)
    assert view[65535] == 7
    assert len(view) == 65536
    assert e.memory[65535:65537] == b"\7\7"


def test_a_fault_of_others_is_a_crash(run: Any) -> None:
    done = run(
        """
        import ctypes, grus
        e = grus.Instance(grus.Module(
            '(module (memory 1) (func (export "f") (param i32) (result i32)'
            ' (i32.load (local.get 0))))')).exports
        try:
            e.f(-1)
        except grus.Trap:
            print("trap", flush=True)
        ctypes.string_at(0)
        """
    )
    assert done.stdout == "trap\n"
    assert done.returncode == -11


@pytest.mark.parametrize("settings", [{}, {"opt_level": "none"}, {"compiler": "baseline"}], ids=str)
def test_a_trap_in_front_of_an_access(settings: dict[str, Any]) -> None:
    """Behind the call of a trap may stand an access with a trap of its own."""
    module = grus.Module(
        """
        (module (memory 1)
          (func (export "f") (param i32 i32) (result i32)
            (loop $again
              (block $on (br_if $on (local.get 0)) (unreachable))
              (drop (i32.load (local.get 1)))
              (br_if $again (i32.load offset=4 (local.get 1))))
            (i32.const 7)))
        """,
        grus.Engine(tier="eager", **settings),
    )
    f = grus.Instance(module).exports.f
    for arguments, wanted in (((0, 0), "unreachable"), ((1, -1), "memory_out_of_bounds")):
        with pytest.raises(grus.Trap) as caught:
            f(*arguments)
        assert caught.value.code == wanted
    assert f(1, 0) == 7


@pytest.mark.parametrize("name", ["a\\00b", "x" * 50_000], ids=["nul", "long"])
def test_names_that_no_file_has(name: str) -> None:
    """Names of a hostile module stand in Python's traceback, somehow."""
    module = grus.Module(
        f"""(module ${'"' + name + '"'} (func $"{name}" (export "f") unreachable))"""
    )
    with pytest.raises(grus.Trap) as caught:
        grus.Instance(module).exports.f()
    assert caught.value.code == "unreachable"
    assert "wasm" in "".join(traceback.format_exception(caught.value))
