"""Python that runs while values cross: it may collect, close, enter again or raise (docs/abi.md)."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import grus
from grus.host import libc

WAT = """(module
  (import "m" "two" (func $two (result i32 i32)))
  (import "m" "one" (func $one (result i64)))
  (func (export "args") (param i32 i64 f32 f64) (result i32)
    (i32.add (local.get 0) (i32.wrap_i64 (local.get 1))))
  (func (export "two") (result i32) (call $two) (i32.add))
  (func (export "one") (result i64) (call $one))
  (func (export "seven") (result i32) (i32.const 7)))"""


class Hook:
    """A number that runs something when it is converted."""

    def __init__(self, value: int, action: Callable[[], object]) -> None:
        self.value = value
        self.action = action

    def __index__(self) -> int:
        self.action()
        return self.value

    def __float__(self) -> float:
        self.action()
        return float(self.value)


class Error(Exception):
    pass


def fail() -> None:
    raise Error


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("what", ["collect", "again", "raise", "close"])
def test_in_each_argument(position: int, what: str) -> None:
    store = grus.Store()
    imports = {"m": {"two": lambda: (1, 2), "one": lambda: 1}}
    e = grus.Instance(grus.Module(WAT), imports, store).exports
    actions: dict[str, Callable[[], object]] = {
        "collect": lambda: (gc.collect(), store.gc()),
        "again": lambda: e.args(1, 2, 3.0, 4.0) + e.seven(),
        "raise": fail,
        "close": store.close,
    }
    args: list[Any] = [1, 2, 3.0, 4.0]
    args[position] = Hook(int(args[position]), actions[what])
    if what == "raise":
        with pytest.raises(Error):
            e.args(*args)
    elif what == "close":
        with pytest.raises(grus.StoreClosed):
            e.args(*args)
        return
    else:
        assert e.args(*args) == 3
    assert e.seven() == 7


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("what", ["collect", "again", "raise", "close"])
def test_in_each_result_of_a_host_function(position: int, what: str) -> None:
    store = grus.Store()
    results: list[Any] = [10, 20, 30]
    imports = {"m": {"two": lambda: tuple(results[:2]), "one": lambda: results[2]}}
    e = grus.Instance(grus.Module(WAT), imports, store).exports
    actions: dict[str, Callable[[], object]] = {
        "collect": lambda: (gc.collect(), store.gc()),
        "again": lambda: e.seven(),
        "raise": fail,
        "close": store.close,
    }
    results[position] = Hook(results[position], actions[what])
    call = e.one if position == 2 else e.two
    if what == "raise":
        with pytest.raises(Error):
            call()
    elif what == "close":
        with pytest.raises(grus.StoreBusy):
            call()
    else:
        assert call() == 30
    assert e.seven() == 7


def test_a_finalizer_inside_a_poll(run: Any) -> None:
    """A finalizer that runs while wasm is polled may not use the Store."""
    done = run(
        """
        import gc, os, signal, threading, grus
        e = grus.Instance(grus.Module('(module (memory (export "m") 1) (func (export "spin") (loop (br 0)))'
                                      ' (func (export "f")))')).exports
        refused = []
        class Evil:
            def __del__(self):
                for use in (e.f, e.f._store.gc, e.f._store.close, lambda: e.m.grow(1)):
                    try:
                        use()
                    except grus.StoreBusy:
                        refused.append(1)
                e.m[0] = 42
        def handler(*_):
            evil = Evil()
            evil.self = evil
            del evil
            gc.collect()
            raise KeyError
        signal.signal(signal.SIGUSR1, handler)
        timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        timer.start()
        try:
            e.spin()
        except KeyError:
            pass
        e.f()
        print(len(refused), e.m[0])
        """
    )
    assert done.stdout == "4 42\n", done.stdout + done.stderr


def test_deep_python_above_the_stack_limit(run: Any) -> None:
    """Host functions, repr of nested lists and a compilation from the deepest wasm frame."""
    done = run(
        """
        import sys, threading, grus
        nested = []
        for _ in range(300):
            nested = [nested]
        class Deep:
            def __add__(self, n):
                return self + (n - 1) if n else 0
        def host():
            if mode == "add":
                Deep() + 150
            elif mode == "repr":
                repr(nested)
            else:
                grus.Instance(grus.Module('(module (func (export "g") (result i32) (i32.const 3)))')
                              ).exports.g()
        WAT = '''(module (import "m" "f" (func $f)) (global $n (export "n") (mut i32) (i32.const 0))
          (func $down (export "down") (param i32) (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))
              (else (call $f)))))'''
        def work():
            global mode
            mode = "repr"
            e = grus.Instance(grus.Module(WAT), {"m": {"f": host}}).exports
            try:
                e.down(10_000_000)
            except grus.Trap as trap:
                assert trap.code == "stack_exhausted", trap
            depth = e.n.value
            for mode in ("add", "repr", "compile"):
                try:
                    e.down(depth - 3)
                except (RecursionError, grus.Trap):
                    pass  # no stack left, said properly
            done.append(depth)
        done = []
        work()
        threading.stack_size(256 * 1024)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        print(len(done))
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2\n", done.stdout + done.stderr


def test_large_frames_on_small_stacks(run: Any) -> None:
    """A frame larger than what is left of the stack is an exception, never a crash."""
    done = run(
        """
        import threading, grus
        def wat(n):
            # n values that live across a call
            sets = " ".join(f"(local.set {i} (call $f (i64.const {i})))" for i in range(n))
            adds = " ".join(f"(local.get {i}) i64.add" for i in range(n))
            return (f'(module (func $f (param i64) (result i64) (local.get 0))'
                    f' (func (export "big") (result i64) (local {"i64 " * n}) {sets}'
                    f' i64.const 0 {adds}) (func (export "small") (result i32) (i32.const 1)))')
        modules = [grus.Module(wat(n)) for n in (100, 3000, 12000, 24000)]
        def work():
            for module in modules:
                e = grus.Instance(module).exports
                for _ in range(2):
                    try:
                        results.append(e.big())
                    except (RecursionError, grus.Trap):
                        results.append(-1)
                    try:
                        e.small()
                    except RecursionError:
                        pass
        for size in (64, 256, 1024, 0):
            results = []
            threading.stack_size(size * 1024)
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            print(results)
        """,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    full = [n * (n - 1) // 2 for n in (100, 3000, 12000, 24000) for _ in range(2)]
    assert lines[-1] == str(full), done.stdout
    assert lines[1].startswith("[4950, 4950, 4498500"), lines
    assert lines[0].endswith("-1, -1]"), lines


def test_a_store_is_collected_while_another_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    gc.disable()
    cycle: list[object] = [grus.Store()]
    died = weakref.ref(cycle[0])
    cycle.append(cycle)
    del cycle
    original, alive = libc.poke, []

    def poke(address: int, value: int) -> None:
        if not alive:
            alive.append(died() is not None)
            gc.collect()
        original(address, value)

    monkeypatch.setattr(libc, "poke", poke)
    made: list[grus.Store] = []
    thread = threading.Thread(target=lambda: made.append(grus.Store()), daemon=True)
    thread.start()
    thread.join(60)
    gc.enable()
    assert made and alive == [True] and died() is None
