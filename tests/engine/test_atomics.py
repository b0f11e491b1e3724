"""Atomic instructions, and threads that share a memory: each with a Store of its own."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest

import grus
from grus.engine import waiting
from grus.engine.translate import atomics  # noqa: F401 fills in its handlers
from grus.engine.translate.func import HANDLERS
from grus.wasm import opcodes as W
from grus.wasm import types as WT
from grus.wasm.features import THREADS, Features

FEATURES = Features.parse("wasm3,threads")
SHARED = WT.MemoryType(WT.Limits(1, 2, shared=True))
TEXT = """(module
  (import "m" "m" (memory 1 2 shared))
  (func (export "count") (param $times i32)
    (loop $more
      (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
      (drop (i64.atomic.rmw8.sub_u (i32.const 9) (i64.const 1)))
      (call $locked)
      (br_if $more (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
  (func $locked  ;; a plain addition below a lock
    (loop $again
      (br_if $again (i32.atomic.rmw.cmpxchg (i32.const 16) (i32.const 0) (i32.const 1))))
    (i64.store (i32.const 24) (i64.add (i64.load (i32.const 24)) (i64.const 1)))
    (i32.atomic.store (i32.const 16) (i32.const 0)))
  (func (export "wait") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 offset=8 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32 i32) (result i32)
    (memory.atomic.notify (local.get 0) (local.get 1))))"""


def engine(**config: Any) -> grus.Engine:
    return grus.Engine(features=FEATURES, **config)


def run(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def shared() -> Any:
    """A shared memory, and what makes an instance with it in a Store of its own."""
    made = engine()
    memory = grus.SharedMemory(made, SHARED)
    module = grus.Module(TEXT, made)
    return memory, lambda: grus.Instance(module, {"m": {"m": memory}}, grus.Store(made)).exports


def test_every_instruction_is_translated() -> None:
    rows = [op for op in W.ROWS if W.FEATURE[op] == THREADS]
    assert len(rows) == 67
    assert [W.NAMES[op] for op in rows if HANDLERS[op] is None] == []


def test_threads_count_together(shared: Any) -> None:
    memory, make = shared
    times = 20_000
    run([threading.Thread(target=make().count, args=(times,)) for _ in range(4)])
    view = memory.view()
    assert int.from_bytes(view[0:4], "little") == 4 * times
    assert view[9] == -4 * times & 0xFF
    assert int.from_bytes(view[24:32], "little") == 4 * times


def test_waiters_are_woken_in_order(shared: Any) -> None:
    memory, make = shared
    ended: list[tuple[int, int]] = []

    def waiter(number: int, exports: Any) -> None:
        ended.append((number, exports.wait(64, 0, -1)))

    threads = []
    for number in range(3):
        thread = threading.Thread(target=waiter, args=(number, make()))
        thread.start()
        threads.append(thread)
        while len(waiting._waiters.get(memory._core.base + 64, [])) <= number:
            time.sleep(0.001)
    exports = make()
    assert exports.notify(68, 9) == 0  # nobody waits there
    assert exports.notify(64, 0) == 0
    assert exports.notify(64, 1) == 1
    threads[0].join(60)
    assert ended == [(0, 0)]
    assert exports.notify(64, -1) == 2  # unsigned: all
    for thread in threads:
        thread.join(60)
    assert sorted(ended) == [(0, 0), (1, 0), (2, 0)]
    assert exports.notify(64, 1) == 0
    assert not waiting._waiters


def test_what_ends_a_wait(shared: Any) -> None:
    memory, make = shared
    exports = make()
    assert exports.wait(0, 1, -1) == 1  # another number is there
    begun = time.monotonic()
    assert exports.wait(0, 0, 30_000_000) == 2
    assert time.monotonic() - begun >= 0.03
    assert exports.wait(0, 0, 0) == 2
    memory[72:80] = (1 << 63).to_bytes(8, "little")
    assert exports.wait64(64, -(1 << 63), 0) == 2
    assert exports.wait64(64, 1, 0) == 1
    assert not waiting._waiters


def test_a_wait_is_interrupted(shared: Any) -> None:
    memory, make = shared
    exports = make()
    timer = threading.Timer(0.1, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        exports.wait(0, 0, -1)
    timer.join()
    assert not waiting._waiters
    assert exports.notify(0, 1) == 0


def test_a_wait_has_the_time_of_its_call() -> None:
    made = engine()
    memory = grus.SharedMemory(made, SHARED)
    store = grus.Store(made)
    exports = grus.Instance(grus.Module(TEXT, made), {"m": {"m": memory}}, store).exports
    store.set_timeout(0.1)
    with pytest.raises(grus.Timeout):
        exports.wait(0, 0, -1)
    store.set_epoch_deadline(1)
    threading.Timer(0.1, made.increment_epoch).start()
    with pytest.raises(grus.Trap, match="interrupt"):
        exports.wait(0, 0, -1)
    assert not waiting._waiters


@pytest.mark.parametrize("name,args", [("wait", (0, 0)), ("wait64", (0, 0)), ("notify", (0,))])
def test_addresses_are_checked(shared: Any, name: str, args: tuple[int, ...]) -> None:
    exports = shared[1]()
    for address, message in ((2, "unaligned atomic"), (65536, "out of bounds memory access")):
        with pytest.raises(grus.Trap, match=message) as caught:
            exports[name](address, *args)
        assert [frame.func_name for frame in caught.value.frames] == [name]
    with pytest.raises(grus.Trap, match="out of bounds"):
        exports[name](-8, *args)  # with the offset of wait64: 2**32


@pytest.mark.parametrize("config", [
    {}, {"guards": False}, {"spectre": False}, {"tier": "eager", "opt_level": "none"},
    {"collector": "naive"}, {"tier": "eager", "regalloc": "single_pass"},
])  # fmt: skip
def test_memories_that_are_not_shared(config: dict[str, Any]) -> None:
    """Atomic instructions work there, too; nobody can wait."""
    exports = grus.Instance(
        grus.Module(
            """(module
              (memory 1)
              (func (export "add") (param i32 i64) (result i64)
                (i64.atomic.rmw32.add_u offset=4 (local.get 0) (local.get 1)))
              (func (export "load") (param i32) (result i64)
                (atomic.fence) (i64.atomic.load (local.get 0)))
              (func (export "swap") (param i32 i32 i32) (result i32)
                (i32.atomic.rmw16.cmpxchg_u (local.get 0) (local.get 1) (local.get 2)))
              (func (export "notify") (result i32)
                (memory.atomic.notify (i32.const 0) (i32.const 1)))
              (func (export "far") (param i32) (result i32)
                (memory.atomic.notify offset=0xffffffff (local.get 0) (i32.const 1)))
              (func (export "wait") (result i32)
                (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0))))""",
            engine(**config),
        )
    ).exports
    assert exports.add(8, -1) == 0
    assert exports.add(8, 3) == 0xFFFFFFFF
    assert exports.load(8) == 2 << 32
    assert exports.swap(12, 0x10002, 0x30007) == 2  # of both 16 bits count
    assert exports.load(8) == 7 << 32
    assert exports.notify() == 0
    with pytest.raises(grus.Trap, match="expected shared memory"):
        exports.wait()
    for address, message in ((6, "unaligned"), (65532, "out of bounds"), (-8, "out of bounds")):
        with pytest.raises(grus.Trap, match=message):
            exports.add(address, 1)
    with pytest.raises(grus.Trap, match="unaligned"):
        exports.load(65535)  # that is asked first
    with pytest.raises(grus.Trap, match="out of bounds"):
        exports.far(2)  # but not of what lies beyond 4 GiB
