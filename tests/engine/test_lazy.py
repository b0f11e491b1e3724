"""Functions that are compiled when they are called (docs/abi.md, Code slots)."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

import grus
from grus.engine import module_code
from grus.engine.code import Image
from grus.engine.module_code import ModuleCode
from grus.testing.gen_wasm import generate
from grus.wasm.errors import WasmError

TIERS = ["eager", "lazy", "fast", "auto"]
LAZY = TIERS[1:]


def compiled(module: grus.Module) -> list[int]:
    """Numbers of the functions that have code."""
    return [number for number, level in enumerate(module.load().levels) if level]


@pytest.fixture(params=LAZY)
def engine(request: pytest.FixtureRequest) -> grus.Engine:
    return grus.Engine(tier=request.param)


CALLS = """(module
  (import "m" "host" (func $host (param i32) (result i32)))
  (type $many (func (param i32 f64 f32 i64 i64 i64 i64 i64 f64 f64 f64 f64 f64 f64 f64 f64)
    (result i32 f64 i64)))
  (table funcref (elem $many $leaf))
  (func $unused (result i32) (i32.const 0))
  (func $many (type $many)
    (local.get 0)
    (f64.add (f64.add (local.get 1) (local.get 8)) (f64.add (local.get 15) (local.get 14)))
    (i64.sub (local.get 3) (i64.add (local.get 6) (local.get 7))))
  (func (export "direct") (result i32 f64 i64)
    (call $many (i32.const -7) (f64.const 1.5) (f32.const 2) (i64.const 30) (i64.const 4)
      (i64.const 5) (i64.const 6) (i64.const 7) (f64.const 8) (f64.const 9) (f64.const 10)
      (f64.const 11) (f64.const 12) (f64.const 13) (f64.const 14) (f64.const 15)))
  (func (export "indirect") (result i32 f64 i64)
    (call_indirect (type $many) (i32.const -7) (f64.const 1.5) (f32.const 2) (i64.const 30)
      (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7) (f64.const 8) (f64.const 9)
      (f64.const 10) (f64.const 11) (f64.const 12) (f64.const 13) (f64.const 14) (f64.const 15)
      (i32.const 0)))
  (func (export "tail") (result i32 f64 i64)
    (return_call $many (i32.const -7) (f64.const 1.5) (f32.const 2) (i64.const 30) (i64.const 4)
      (i64.const 5) (i64.const 6) (i64.const 7) (f64.const 8) (f64.const 9) (f64.const 10)
      (f64.const 11) (f64.const 12) (f64.const 13) (f64.const 14) (f64.const 15)))
  (func $leaf (export "leaf") (param i32) (result i32)
    (i32.add (local.get 0) (call $host (i32.const 1))))
  (func (export "table") (param i32) (result i32)
    (call_indirect (param i32) (result i32) (local.get 0) (i32.const 1))))"""


@pytest.mark.parametrize("name", ["direct", "indirect", "tail"])
@pytest.mark.parametrize("tier", TIERS)
def test_all_arguments_and_results_survive(tier: str, name: str) -> None:
    module = grus.Module(CALLS, grus.Engine(tier=tier))
    e = grus.Instance(module, {"m": {"host": lambda n: n}}).exports
    for _ in range(2):
        assert e[name]() == (-7, 1.5 + 8 + 15 + 14, 30 - 6 - 7)


def test_only_what_is_called_is_compiled(engine: grus.Engine) -> None:
    module = grus.Module(CALLS, engine)
    e = grus.Instance(module, {"m": {"host": lambda n: n}}).exports
    assert compiled(module) == []
    assert e.table(4) == 5
    assert compiled(module) == [5, 6]
    e.tail()
    assert compiled(module) == [1, 4, 5, 6]


def test_instances_share_what_is_compiled(engine: grus.Engine) -> None:
    module = grus.Module(CALLS, grus.Engine(engine.config, promotion="never"))
    results = [
        grus.Instance(module, {"m": {"host": lambda _, n=n: n}}).exports.leaf(n) for n in range(20)
    ]
    assert results == [2 * n for n in range(20)]
    assert len(module.load().places) == 1


def test_functions_that_cross_instances(engine: grus.Engine) -> None:
    """An import keeps working, whichever side is compiled first, and in modules of other tiers."""
    store = grus.Store(engine)
    first = grus.Instance(
        grus.Module('(module (func (export "f") (param i32) (result i32) '
                    '(i32.mul (local.get 0) (i32.const 3))))', engine), None, store
    )  # fmt: skip
    text = """(module (import "a" "f" (func $f (param i32) (result i32)))
      (func (export "g") (param i32) (result i32) (call $f (call $f (local.get 0))))
      (func (export "h") (param i32) (result i32) (return_call $f (local.get 0))))"""
    second = grus.Instance(grus.Module(text, engine), {"a": first.exports}, store)
    ready = grus.Module(text, engine)
    assert ready.image.code  # whole, with calls at fixed distances
    third = grus.Instance(ready, {"a": first.exports}, store)
    assert len(ready.load().places) == 1
    assert second.exports.h(5) == 15
    assert second.exports.g(5) == third.exports.g(5) == first.exports.f(15) == 45


def test_what_cannot_be_compiled_is_an_error_of_its_call(
    engine: grus.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = grus.Module(CALLS, engine)
    store = grus.Store(engine)
    e = grus.Instance(module, {"m": {"host": lambda n: n}}, store).exports
    original = ModuleCode.compile
    errors: list[BaseException] = [
        grus.Unsupported("no"), MemoryError(), KeyboardInterrupt(), ZeroDivisionError("bug"),
    ]  # fmt: skip

    def fail(self: ModuleCode, number: int) -> tuple[Image, int]:
        if number == 1:
            raise errors[-1]
        return original(self, number)

    monkeypatch.setattr(ModuleCode, "compile", fail)
    while errors:
        with pytest.raises(type(errors[-1])):
            e.direct()
        with pytest.raises(type(errors[-1])):
            e.tail()
        errors.pop()
    monkeypatch.undo()
    assert e.direct() == e.tail()
    store.close()


def test_bodies_checked_late(engine: grus.Engine) -> None:
    text = """(module (func $bad (result i32) (i64.const 1))
      (func (export "good") (result i32) (i32.const 1))
      (func (export "bad") (result i32) (call $bad)))"""
    with pytest.raises(WasmError):
        grus.Module(text, engine)
    late = grus.Engine(engine.config, lazy_validation=True)
    e = grus.Instance(grus.Module(text, late)).exports
    assert e.good() == 1
    for _ in range(2):
        with pytest.raises(WasmError, match="type mismatch"):
            e.bad()
    assert e.good() == 1
    with pytest.raises(WasmError, match="type mismatch"):
        grus.Module(text, late).serialize()
    # The eager tier finds it at the first instance, and what lies outside bodies is checked first.
    with pytest.raises(WasmError, match="type mismatch"):
        grus.Instance(grus.Module(text, grus.Engine(tier="eager", lazy_validation=True)))
    with pytest.raises(WasmError):
        grus.Module('(module (export "x" (func 3)))', late)


def test_traps_below_a_function_compiled_on_the_way(engine: grus.Engine) -> None:
    text = """(module (memory 1)
      (func $c (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
      (func $b (param i32) (result i32) (i32.add (call $c (local.get 0)) (i32.const 1)))
      (func $a (export "a") (param i32) (result i32)
        (i32.add (call $b (local.get 0)) (i32.const 1)))
      (func $fault (export "fault") (result i32) (i32.load (i32.const 0x10000))))"""
    e = grus.Instance(grus.Module(text, engine)).exports
    for _ in range(2):
        with pytest.raises(grus.Trap, match="divide by zero") as error:
            e.a(0)
        assert [frame.func_name for frame in error.value.frames] == ["c", "b", "a"]
        with pytest.raises(grus.Trap, match="out of bounds"):
            e.fault()
    assert e.a(1) == 3


# `down` recurses, then calls a function that is not compiled.
DEEP = """(module
  (func $leaf (result i32) (i32.const 42))
  (func $down (export "down") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.sub (call $down (i32.sub (local.get 0) (i32.const 1))) (i32.const 0)))
      (else (call $leaf)))))"""


def deepest(e: Any) -> int:
    """The largest argument with which `down` does not exhaust the stack."""
    low, high = 0, 1 << 20
    while low < high:
        middle = (low + high + 1) // 2
        try:
            e.down(middle)
            low = middle
        except grus.Trap:
            high = middle - 1
    return low


def on_thread(size: int, action: Callable[[], object]) -> object:
    """Run on a thread with a stack of `size` bytes."""
    result: list[object] = []
    before = threading.stack_size(size)
    try:
        thread = threading.Thread(target=lambda: result.append(action()))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    return result[0]


@pytest.mark.parametrize("size", [0, 256 << 10, 64 << 10], ids=["main", "256k", "64k"])
def test_compiling_one_frame_above_the_limit_of_the_stack(engine: grus.Engine, size: int) -> None:
    def check() -> object:
        first = grus.Instance(grus.Module(DEEP, engine)).exports
        assert first.down(0) == 42
        depth = deepest(first)
        for less in range(3):
            module = grus.Module(DEEP, engine)
            e = grus.Instance(module).exports
            with pytest.raises(grus.Trap, match="exhausted"):
                e.down(depth + 2)
            assert compiled(module) == [1]
            assert e.down(depth - less) == 42
            assert compiled(module) == [0, 1]
        return depth

    depth = on_thread(size, check) if size else check()
    assert isinstance(depth, int)
    assert depth > 50


@pytest.mark.parametrize("left", [10, 40, 120])
def test_compiling_when_the_caller_is_near_its_limit_of_recursion(
    engine: grus.Engine, left: int
) -> None:
    def deep(n: int) -> int:
        return deep(n - 1) if n else e.down(3)  # type: ignore[no-any-return]

    def frames_left(n: int = 0) -> int:
        try:
            return frames_left(n + 1)
        except RecursionError:
            return n

    for _ in range(2):
        e = grus.Instance(grus.Module(DEEP, engine)).exports
        assert deep(frames_left() - left) == 42


def test_threads_compile_a_function_once(
    engine: grus.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = grus.Module(CALLS, engine)
    count: list[int] = []
    original = ModuleCode.compile

    def counted(self: ModuleCode, number: int) -> tuple[Image, int]:
        count.append(number)
        return original(self, number)

    monkeypatch.setattr(ModuleCode, "compile", counted)
    barrier = threading.Barrier(8)
    results: list[Any] = []

    def work() -> None:
        e = grus.Instance(module, {"m": {"host": lambda n: n}}, grus.Store(engine)).exports
        barrier.wait()
        results.append((e.direct(), e.tail(), e.leaf(1), e.indirect()))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert len(set(results)) == 1
    assert sorted(count) == [1, 2, 3, 4, 5]


def test_a_signal_handler_while_a_function_is_compiled(
    engine: grus.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may use another Store of the same module, not the one that waits."""
    module = grus.Module(CALLS, engine)
    mine = grus.Instance(module, {"m": {"host": lambda n: n}}).exports
    other = grus.Instance(module, {"m": {"host": lambda n: n}}).exports
    original = ModuleCode.compile
    seen: list[Any] = []

    def slow(self: ModuleCode, number: int) -> tuple[Image, int]:
        made = original(self, number)
        if number == 2:
            signal.raise_signal(signal.SIGUSR1)
        return made

    def handler(*_: object) -> None:
        for e in (mine, other):
            try:
                seen.append(e.tail())
            except grus.StoreBusy:
                seen.append("busy")

    monkeypatch.setattr(ModuleCode, "compile", slow)
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        result = mine.direct()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == ["busy", result]


def test_fork_while_another_thread_compiles(
    engine: grus.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = grus.Module(CALLS, engine)
    inside, go = threading.Event(), threading.Event()
    original = ModuleCode.compile

    def waits(self: ModuleCode, number: int) -> tuple[Image, int]:
        inside.set()
        go.wait()
        return original(self, number)

    def build() -> Any:
        return grus.Instance(module, {"m": {"host": lambda n: n}}).exports

    mine = build()
    with monkeypatch.context() as patch:
        patch.setattr(ModuleCode, "compile", waits)
        thread = threading.Thread(target=lambda: build().direct())
        thread.start()
        inside.wait()
    child = os.fork()
    if not child:
        try:
            os._exit(0 if mine.direct()[0] == -7 else 1)
        finally:
            os._exit(2)
    go.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    thread.join()
    assert mine.direct()[0] == -7


def test_many_instances(engine: grus.Engine) -> None:
    module = grus.Module(CALLS, grus.Engine(engine.config, promotion="never"))
    imports = {"m": {"host": lambda n: n}}
    assert grus.Instance(module, imports).exports.leaf(1) == 2

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def rounds(count: int) -> None:
        for n in range(count):
            assert grus.Instance(module, imports).exports.leaf(n) == n + 1
            if n % 100 == 0:
                gc.collect()

    rounds(500)
    before = resident()
    rounds(1500)
    assert resident() - before < 8 << 20
    assert len(module.load().places) == 1


def test_code_is_freed_with_the_module() -> None:
    engine = grus.Engine(tier="lazy")

    def once() -> list[int]:
        module = grus.Module(CALLS, engine)
        e = grus.Instance(module, {"m": {"host": lambda n: n}}).exports
        e.direct()
        e.leaf(1)
        return [place.start for place in module.load().places]

    starts = once()
    gc.collect()
    assert len(starts) == 3
    assert all(module_code.code.find(start) is None for start in starts)


def test_interrupts_timeouts_and_fuel(engine: grus.Engine) -> None:
    text = """(module
      (func $spin (loop (br 0)))
      (func (export "spin") (call $spin)))"""
    store = grus.Store(engine)
    e = grus.Instance(grus.Module(text, engine), None, store).exports
    store.set_timeout(0.05)
    with pytest.raises(grus.Timeout):
        e.spin()
    threading.Timer(0.05, lambda: signal.raise_signal(signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        e.spin()
    counted = grus.Engine(engine.config, fuel=True)
    store = grus.Store(counted)
    e = grus.Instance(grus.Module(text, counted), None, store).exports
    store.set_fuel(1000)
    with pytest.raises(grus.OutOfFuel):
        e.spin()


def test_host_exceptions_pass_through(engine: grus.Engine) -> None:
    def host(n: int) -> int:
        raise LookupError("mine")

    e = grus.Instance(grus.Module(CALLS, engine), {"m": {"host": host}}).exports
    for _ in range(2):
        with pytest.raises(LookupError, match="mine"):
            e.table(1)


def test_a_large_frame_is_compiled_while_the_stack_is_in_use(engine: grus.Engine) -> None:
    """The room that a function may take before it looks grows with what is compiled."""
    locals_ = " ".join(["i64"] * 1500)
    uses = " ".join(f"(local.set {n} (call $get (i64.const {n})))" for n in range(1500))
    adds = " ".join(f"(i64.add (local.get {n}))" for n in range(1500))
    text = f"""(module
      (func $get (param i64) (result i64) (local.get 0))
      (func $large (result i64) (local {locals_}) {uses} (i64.const 0) {adds})
      (func $down (export "down") (param i32) (result i64)
        (if (result i64) (local.get 0)
          (then (i64.add (call $down (i32.sub (local.get 0) (i32.const 1))) (i64.const 0)))
          (else (call $large)))))"""

    def check() -> object:
        e = grus.Instance(grus.Module(text, engine)).exports
        assert e.down(3) == sum(range(1500))
        with pytest.raises(grus.Trap, match="exhausted"):
            e.down(1 << 20)
        assert e.down(3) == sum(range(1500))
        fresh = grus.Instance(grus.Module(text, engine)).exports
        low, high = 0, 1 << 16
        while low < high:  # compiled at each depth, also where there is no room for it
            middle = (low + high + 1) // 2
            try:
                fresh.down(middle)
                low = middle
            except grus.Trap:
                high = middle - 1
        return low

    assert check()
    assert on_thread(512 << 10, check)


def test_a_large_frame_below_its_bounds_is_not_entered(run: Any) -> None:
    """On a small stack: a frame that leaps over the end of the stack is a trap, at any depth, also
    when the function is compiled, or an instance made, while wasm runs."""
    done = run(
        """
        import threading
        import grus
        SIZE = 6000
        sets = " ".join(f"(local.set {n} (call $get (i64.const {n})))" for n in range(SIZE))
        adds = " ".join(f"(i64.add (local.get {n}))" for n in range(SIZE))
        large = f'''(func $get (param i64) (result i64) (local.get 0))
          (func $large (export "large") (result i64) (local {"i64 " * SIZE}) {sets}
            (i64.const 0) {adds})'''
        text = f'''(module
          (import "m" "host" (func $host (result i64)))
          {large}
          (func $down (export "down") (param i32 i32) (result i64)
            (if (result i64) (local.get 0)
              (then (i64.add (call $down (i32.sub (local.get 0) (i32.const 1)) (local.get 1))
                (i64.const 0)))
              (else (if (result i64) (local.get 1) (then (call $large)) (else (call $host)))))))'''
        for tier in ("eager", "lazy", "auto"):
            engine = grus.Engine(tier=tier)
            other = grus.Module(f"(module {large})", engine)
            module = grus.Module(text, engine)

            def check():
                store = grus.Store(engine)
                def host():
                    return grus.Instance(other, None, store).exports.large()
                e = grus.Instance(module, {"m": {"host": host}}, store).exports
                for how in (1, 0):
                    for depth in (0, 5, 50, 200, 400, 800, 1600, 3200, 100_000):
                        for _ in range(2):
                            try:
                                assert e.down(depth, how) == SIZE * (SIZE - 1) // 2
                                seen.add("good")
                            except (grus.Trap, RecursionError):
                                seen.add("full")

            for size in (64, 96, 128, 192, 256, 1024):
                seen = set()
                threading.stack_size(size << 10)
                thread = threading.Thread(target=check)
                thread.start()
                thread.join()
                print(tier, size, *sorted(seen))
        """,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 18
    assert lines[0] == "eager 64 full"
    assert all(line.endswith("full good") for line in lines if line.split()[1] in ("256", "1024"))


def test_a_call_through_a_slot_is_one_instruction(engine: grus.Engine) -> None:
    pointer = "ff57" if engine.tier == "lazy" else "41ff56"  # of the context in rdi or r14
    text = """(module
      (func $f (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
      (func (export "g") (param i32) (result i32)
        (i32.add (call $f (local.get 0)) (call $f (i32.const 5))))
      (func (export "t") (param i32) (result i32) (return_call $f (local.get 0))))"""
    module = grus.Module(text, engine)
    e = grus.Instance(module).exports
    assert (e.g(1), e.t(4)) == (8, 5)
    code = module.load()
    images = [next(p.image for p in code.places if n in p.image.entries) for n in (1, 2)]
    assert bytes(images[0].code).count(bytes.fromhex(pointer + "f8")) == 2  # call [... - 8]
    assert bytes.fromhex("ff67f8") in bytes(images[1].code)  # jmp [rdi - 8]


def test_compiling_leaves_nothing_for_the_collector() -> None:
    """Commands and workers compile with the collector off (docs/rationale.md)."""
    left = 0
    for tier in ("fast", "lazy"):
        engine = grus.Engine(tier=tier)
        modules = [grus.Module(generate(seed), engine) for seed in range(10)]
        codes = [module.load() for module in modules]
        codes[0].ensure(0)
        import_module("grus.engine.compile")
        gc.collect()
        gc.disable()
        try:
            for code in codes:
                for number in range(len(code.levels)):
                    code.ensure(number)
            left += gc.collect()
        finally:
            gc.enable()
    assert left == 0
