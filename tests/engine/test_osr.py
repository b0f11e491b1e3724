"""On-stack replacement: loops of one-pass code go on in final code (docs/abi.md, Tiers)."""

from __future__ import annotations

import _thread
import random
import threading
from typing import Any

import pytest

import grus
import grus.wasmtime
from grus.testing import fuzz_wasmtime
from grus.testing.takeover import at_once
from grus.wasm.decode import decode
from grus.wasm.features import Features

NEST = """(module
  (memory 1)
  (func (export "f") (param $n i32) (param $x f64) (param $y f32) (result i32 f64 f32 i64)
    (local $i i32) (local $s i64) (local $j i32)
    (loop $o
      (local.set $j (i32.const 0))
      (loop $l
        (local.set $s
          (i64.add (i64.mul (local.get $s) (i64.const 3))
            (i64.extend_i32_u (i32.xor (local.get $i) (local.get $j)))))
        (local.set $x (f64.add (local.get $x) (f64.const 0.5)))
        (local.set $y (f32.sub (local.get $y) (f32.const 0.25)))
        (i32.store (i32.and (local.get $j) (i32.const 0xfff0)) (local.get $i))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $j) (i32.const 10))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $o (i32.lt_u (local.get $i) (local.get $n))))
    (i32.load (i32.const 0)) (local.get $x) (local.get $y) (local.get $s)))"""

ARMS = """(module
  (func (export "f") (param $n i32) (result i32) (local $r i32) (local $i i32)
    (local.set $i (i32.const 7))
    (block $out (result i32)
      (block $side
        (if (i32.and (local.get $n) (i32.const 1))
          (then
            (loop $a
              (local.set $r (i32.add (local.get $r) (local.get $i)))
              (br_if $out (local.get $r) (i32.gt_u (local.get $r) (i32.const 1000)))
              (drop)
              (local.set $i (i32.add (local.get $i) (i32.const 3)))
              (br_table $a $side $a (i32.eq (local.get $i) (i32.const 100)))))
          (else
            (block (result i32)
              (loop $b (result i32)
                (local.set $r (i32.xor (i32.mul (local.get $r) (i32.const 5)) (local.get $i)))
                (local.set $i (i32.sub (local.get $i) (i32.const 1)))
                (br_if $b (local.get $i))
                (if (result i32) (i32.eqz (local.get $n))
                  (then (i32.const 11))
                  (else
                    (loop $c
                      (local.set $n (i32.sub (local.get $n) (i32.const 2)))
                      (local.set $r (i32.add (local.get $r) (local.get $n)))
                      (br_if $c (i32.gt_s (local.get $n) (i32.const 0))))
                    (local.get $r)))))
            (br $out))))
      (i32.add (local.get $r) (i32.const 5000)))))"""

MANY = """(module
  (type $t (func (param i32 i64 f32 f64 i64 i64 i64 i64 i64 f64 f64 f64 f64 f64 f64 f64 f64 i32)
    (result i64 f64 i32)))
  (func $g (type $t) (local $k i32)
    (loop $l
      (local.set 1 (i64.add (local.get 1) (i64.mul (local.get 8) (local.get 7))))
      (local.set 3 (f64.add (local.get 3) (f64.mul (local.get 16) (local.get 9))))
      (local.set $k (i32.add (local.get $k) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $k) (local.get 17))))
    (local.get 1) (local.get 3) (local.get $k))
  (func (export "f") (param $n i32) (result i64 f64 i32) (local $i i32)
    (loop $l
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 3))))
    (call $g (local.get $i) (i64.const 2) (f32.const 3) (f64.const 4) (i64.const 5) (i64.const 6)
      (i64.const 7) (i64.const 8) (i64.const 9) (f64.const 1.5) (f64.const 2.5) (f64.const 3.5)
      (f64.const 4.5) (f64.const 5.5) (f64.const 6.5) (f64.const 7.5) (f64.const 8.5)
      (local.get $n))))"""


def run(text: str | bytes, args: tuple[Any, ...], engine: grus.Engine) -> Any:
    return grus.Instance(grus.Module(text, engine)).exports.f(*args)


@pytest.fixture
def inline() -> grus.Engine:
    return grus.Engine(tier="auto", promotion="inline", verify=True)


@pytest.mark.parametrize(
    ("text", "args", "loops"),
    [
        (NEST, (1, 1.0, 2.0), 1),
        (NEST, (50, 1.0, 2.0), 1),
        (ARMS, (1,), 1),
        (ARMS, (0,), 1),
        (ARMS, (12,), 1),
        (MANY, (9,), 2),
    ],
)
def test_a_loop_goes_on_in_other_code(
    inline: grus.Engine, text: str, args: tuple[Any, ...], loops: int
) -> None:
    expected = run(text, args, grus.Engine(tier="eager"))
    with at_once() as seen:
        assert run(text, args, inline) == expected
        assert len(seen.loops) >= loops


def test_what_calls_it_keeps_its_registers(inline: grus.Engine) -> None:
    """One-pass code keeps two registers of its caller, and so does what takes over."""
    text = """(module
      (memory 1)
      (func $g (param $n i32) (result i32) (local $r i32)
        (loop $l
          (local.set $r (i32.add (local.get $r) (local.get $n)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br_if $l (local.get $n)))
        (local.get $r))
      (func (export "f") (param $n i32) (result i32)
        (i32.store (i32.const 8) (local.get $n))
        (i32.add (i32.mul (call $g (local.get $n)) (i32.const 1000))
          (i32.add (call $g (i32.const 3)) (i32.load (i32.const 8))))))"""
    with at_once() as seen:
        assert run(text, (10,), inline) == 55016
        assert sum(seen.loops.values()) == 2


TRAPS = """(module
  (memory 1)
  (func $inner (param $n i32) (result i32)
    (loop $l
      (local.set $n (i32.add (local.get $n) (i32.const 4096)))
      (i32.store (local.get $n) (local.get $n))
      (br $l))
    (unreachable))
  (func (export "f") (param i32) (result i32) (call $inner (local.get 0))))"""


def test_frames_are_those_of_the_program(inline: grus.Engine) -> None:
    def frames(engine: grus.Engine) -> list[tuple[int, int | None]]:
        with pytest.raises(grus.Trap) as trap:
            run(TRAPS, (0,), engine)
        return [(frame.func_index, frame.module_offset) for frame in trap.value.frames]

    expected = frames(grus.Engine(tier="eager"))
    with at_once() as seen:
        assert frames(inline) == expected
        assert seen.loops


def test_operands_below_a_loop_stay_where_they_are(inline: grus.Engine) -> None:
    text = """(module (func (export "f") (param $n i32) (result i32)
      (local.get $n)
      (loop $l
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $l (local.get $n)))
      (i32.add (local.get $n))))"""
    with at_once() as seen:
        assert run(text, (10,), inline) == 10
        assert not seen.loops


ENDLESS = """(module (func (export "f") (local i32)
  (loop $l (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br $l))))"""


def test_a_loop_that_was_taken_over_is_interrupted(inline: grus.Engine) -> None:
    with at_once() as seen:
        instance = grus.Instance(grus.Module(ENDLESS, inline))
        timer = threading.Timer(0.2, _thread.interrupt_main)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            instance.exports.f()
        timer.join()
        assert seen.loops


@pytest.mark.parametrize("promotion", ["inline", "process"])
def test_a_program_of_one_loop_is_promoted(promotion: str) -> None:
    """Nothing is forced here: it runs until its loop has been taken over."""
    engine = grus.Engine(tier="auto", promotion=promotion)
    text = """(module
      (import "m" "done" (func $done (result i32)))
      (func (export "f") (result i64) (local $i i64) (local $n i64)
        (loop $l
          (local.set $i (i64.add (local.get $i) (i64.const 1)))
          (br_if $l (i64.ne (i64.rem_u (local.get $i) (i64.const 1000003)) (i64.const 0)))
          (local.set $n (i64.add (local.get $n) (i64.const 1)))
          (br_if $l (i32.eqz (call $done))))
        (i64.sub (local.get $i) (i64.mul (local.get $n) (i64.const 1000003)))))"""
    module = grus.Module(text, engine)
    rounds = []

    def done() -> int:
        rounds.append(module.tier_stats().loops)
        return rounds[-1] > 0 or len(rounds) > 20_000

    instance = grus.Instance(module, {"m": {"done": done}})
    assert instance.exports.f() == 0
    assert rounds[-1] == 1


def test_generated_programs() -> None:
    """Beside eager code that counts fuel; calls that need too much are left out."""
    total = 0
    for seed in range(40):
        data = fuzz_wasmtime.simple(seed)
        module = decode(data, Features.parse(fuzz_wasmtime.FEATURES))
        calls = fuzz_wasmtime.calls_of(module, random.Random(seed))
        seen = fuzz_wasmtime.observe(grus.wasmtime, data, calls)
        expected, calls = fuzz_wasmtime.before_fuel_ended(seen, calls)
        difference, taken = fuzz_wasmtime.taken_over(data, calls, expected)
        assert not difference, f"{seed}: {difference}"
        total += taken
    assert total > 40


def test_what_called_the_code_of_a_loop_is_not_sampled() -> None:
    """Between a frame and the code that took over in its loop lies a call of no function; here one
    before the functions that there are."""
    wat = """(module
      (import "m" "f" (func $f (param i32))) (import "m" "g" (func $g (param i32)))
      (func (export "f") (loop $l (br $l))))"""
    engine = grus.Engine(tier="auto", promotion="inline")
    store = grus.Store(engine)
    module = grus.Module(wat, engine)
    exports = grus.Instance(module, {"m": {"f": print, "g": print}}, store).exports
    for _ in range(20):
        store.set_timeout(0.3)
        with pytest.raises(grus.Timeout):
            exports.f()
        if module.tier_stats().loops:
            break
    assert module.tier_stats().loops
