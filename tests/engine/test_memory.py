"""Memories and tables: reservation, growth, views, limits (docs/abi.md, Memory)."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import grus

WAT = """(module
  (memory (export "m") 1 4)
  (memory (export "big") i64 1)
  (func (export "grow") (param i32) (result i32) (memory.grow 0 (local.get 0)))
  (func (export "size") (result i32) (memory.size 0))
  (func (export "get") (param i32) (result i32) (i32.load8_u 0 (local.get 0)))
  (func (export "set") (param i32 i32) (i32.store8 0 (local.get 0) (local.get 1)))
  (func (export "get64") (param i64) (result i64) (i64.load 1 (local.get 0)))
  (func (export "far64") (param i64) (result i64)
    (i64.load 1 offset=0xfffffffffffffff0 (local.get 0)))
  (func (export "grow64") (param i64) (result i64) (memory.grow 1 (local.get 0)))
  (func (export "fill") (param i32 i32 i32)
    (memory.fill 0 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2))))"""


@pytest.fixture
def e(make: Any) -> Any:
    return make(WAT)


def test_bytes(e: Any) -> None:
    e.m[0:4] = b"abcd"
    assert e.m[0:4] == b"abcd"
    assert isinstance(e.m[0:4], bytes)
    assert e.m[1] == 98
    e.m[-1] = 9
    assert e.get(65535) == 9
    assert e.m[65530:70000] == bytes(5) + b"\x09"
    assert len(e.m) == 65536
    with pytest.raises(IndexError):
        e.m[65536]
    with pytest.raises(ValueError, match="cannot put 1 bytes in 2"):
        e.m[0:2] = b"x"
    with pytest.raises(ValueError, match="not a byte"):
        e.m[0] = 256
    with pytest.raises(ValueError, match="step"):
        e.m[0:4:2]


def test_growth_does_not_move(e: Any) -> None:
    view = e.m.view(0, 16)
    view[0] = 5
    assert e.grow(2) == 1
    assert e.size() == 3
    e.set(0, 6)
    assert view[0] == 6
    assert len(e.m.view()) == 3 * 65536
    assert e.m.grow(1) == 3
    assert e.m.grow(1) == -1
    assert e.grow(-1) == -1


def test_views_keep_the_memory(make: Any) -> None:
    e = make(WAT)
    e.m[0:3] = b"xyz"
    view = e.m.view(0, 3)
    store = weakref.ref(e.get._store)
    del e
    gc.collect()
    assert bytes(view) == b"xyz"
    del view
    gc.collect()
    assert store() is None


def test_views_after_close() -> None:
    store = grus.Store()
    e = grus.Instance(grus.Module(WAT), None, store).exports
    e.m[0:2] = b"ok"
    view = e.m.view(0, 2)
    store.close()
    assert bytes(view) == b"ok"
    assert e.m[0:2] == b"ok"
    with pytest.raises(grus.StoreClosed):
        e.m.view()


def test_a_cycle_through_a_view_is_collected(make: Any) -> None:
    class Holder:
        def __del__(self) -> None:
            seen.append(bytes(self.view[:2]))

    seen: list[bytes] = []
    holder: Any = Holder()
    exports = make(WAT)
    exports.m[0:2] = b"hi"
    holder.view = exports.m.view()
    holder.exports = exports
    holder.self = holder
    del holder, exports
    gc.collect()
    assert seen == [b"hi"]


def test_64_bit_memory_is_checked(e: Any) -> None:
    assert e.get64(65528) == 0
    for address in (65529, 2**32, 2**63, -1, -8):
        with pytest.raises(grus.Trap) as caught:
            e.get64(address)
        assert caught.value.code == "memory_out_of_bounds"
    for address in (0, 15, 16, 17, 2**40):
        with pytest.raises(grus.Trap):
            e.far64(address)
    assert e.grow64(1) == 1
    assert e.get64(65536 + 65528) == 0
    assert e.grow64(2**47) == -1
    assert e.grow64(-1) == -1


def test_bulk_operations(e: Any) -> None:
    e.fill(10, 7, 5)
    assert e.m[8:17] == b"\0\0\7\7\7\7\7\0\0"
    e.m[0:5] = b"12345"
    e.copy(1, 0, 4)
    assert e.m[0:5] == b"11234"
    for call in (
        lambda: e.fill(65530, 1, 7),
        lambda: e.copy(65530, 0, 7),
        lambda: e.copy(0, -1, 2),
    ):
        with pytest.raises(grus.Trap):
            call()
    assert e.m[65530:65536] == bytes(6), "a bulk operation that traps has done nothing"


def test_many_instances_leave_no_address_space() -> None:
    def mapped() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0])

    module = grus.Module("(module (memory 1))")
    grus.Instance(module)
    before = mapped()
    gc.disable()
    try:
        for _ in range(300):
            grus.Instance(module)
    finally:
        gc.enable()
    assert mapped() - before < (1 << 33) // 4096


def test_checked_mode(make: Any) -> None:
    """Without guards every access is compared with the length."""
    store = grus.Store(grus.Engine(guards=False))
    e = grus.Instance(grus.Module(WAT, store.engine), None, store).exports
    e.set(65535, 3)
    assert e.get(65535) == 3
    for address in (65536, 2**31, 2**32 - 1):
        with pytest.raises(grus.Trap, match="out of bounds memory access"):
            e.get(address)
    assert e.grow(1) == 1
    assert e.get(65536) == 0
    e.fill(0, 5, 4)
    assert e.m[0:5] == b"\5\5\5\5\0"


def test_no_address_space(run: Any) -> None:
    """With a limit on address space a new Engine takes checked mode; an old one says what fails."""
    done = run(
        """
        import resource, grus
        module = grus.Module("(module (memory 1))")
        module.load()
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        try:
            grus.Instance(module)
        except grus.GrusError as error:
            print(error)
        engine = grus.Engine()
        e = grus.Instance(grus.Module('(module (memory 1) (func (export "f") (param i32) (result i32)'
            ' (i32.load (local.get 0))))', engine), None, grus.Store(engine)).exports
        print(e.f(65532))
        try:
            e.f(65533)
        except grus.Trap as trap:
            print(trap.message)
        """
    )
    lines = done.stdout.splitlines()
    assert "cannot map" in lines[0], done.stderr
    assert lines[1:] == ["0", "out of bounds memory access"], done.stderr


def test_tables(make: Any) -> None:
    e = make(
        """(module (table (export "t") 2 5 funcref)
          (func (export "one") (result i32) (i32.const 1))
          (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))"""
    )
    assert e.t[0] is None
    e.t[1] = e.one
    assert e.t[1] is e.one
    assert e.call(1) == 1
    assert e.t.grow(2, e.one) == 2
    assert e.call(3) == 1
    assert e.t.grow(2) == -1
    with pytest.raises(IndexError):
        e.t[4]
    with pytest.raises(TypeError, match="expected funcref, got int"):
        e.t[0] = 1
    with pytest.raises(TypeError, match="another store"):
        e.t[0] = make('(module (func (export "f")))').f
    e.t[1] = None
    with pytest.raises(grus.Trap, match="uninitialized element"):
        e.call(1)


def test_globals(make: Any) -> None:
    e = make(
        """(module (global (export "g") (mut i64) (i64.const 5)) (global (export "c") f32 (f32.const 0.5))
          (func (export "get") (result i64) (global.get 0)))"""
    )
    assert e.g.value == 5
    e.g.value = -(2**63)
    assert e.get() == -(2**63)
    assert e.c.value == 0.5
    with pytest.raises(TypeError, match="constant"):
        e.c.value = 1.0
    with pytest.raises(TypeError, match="expected i64, got str"):
        e.g.value = "x"


def test_memories_made_by_hand_are_refused() -> None:
    from grus.engine.memory import SharedMemory

    for kind in (grus.Memory, SharedMemory):
        with pytest.raises(TypeError, match="no store"):
            memoryview(kind.__new__(kind))


@pytest.mark.parametrize(("shared", "expected"), [("", 0), (" shared", 1)])
def test_the_size_of_a_shared_memory_is_read_each_time(shared: str, expected: int) -> None:
    """Another thread may let it grow while a loop waits for that."""
    from grus.engine.translate.func import translate
    from grus.ir import opcodes as ops
    from grus.ir.cfg import ControlFlowGraph
    from grus.ir.domtree import DomTree
    from grus.ir.loops import LoopTree
    from grus.opt import pipeline

    engine = grus.Engine(features="wasm3,threads")
    module = grus.Module(
        f"""(module (memory 1 9{shared})
          (func (export "f") (loop (br_if 0 (i32.lt_u (memory.size) (i32.const 2))))))""",
        engine=engine,
    )
    func = translate(module.info, 0)
    pipeline.optimize(func, {}, "speed_and_size")
    cfg = ControlFlowGraph(func)
    depth = LoopTree(func, cfg, DomTree(func, cfg)).depth
    loads = [i for b in func.blocks if depth[b.num] and not b.cold for i in b.insts]
    polls = 1  # of the word that a poll looks at
    assert sum([i.op == ops.LOAD for i in loads]) == expected + polls
