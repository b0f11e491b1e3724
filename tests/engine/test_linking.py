"""Imports by position, host functions that know their caller, tags, shared memories, fork safety."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import pytest

import grus
from grus.engine.func import Caller, HostFunction
from grus.engine.memory import SharedMemory, new_memory
from grus.engine.tag import Tag, new_tag
from grus.wasm import types as WT

VOID = WT.FuncType((), ())


def test_imports_in_order() -> None:
    module = grus.Module(
        '(module (import "" "" (func $a)) (import "" "" (func $b)) (start $b)'
        ' (func (export "f") (call $a)))'
    )
    hits: list[str] = []
    instance = grus.Instance(module, [lambda: hits.append("a"), lambda: hits.append("b")])
    instance.exports.f()
    assert hits == ["b", "a"]
    with pytest.raises(grus.LinkError, match="expected 2 imports, found 1"):
        grus.Instance(module, [print])


def test_host_function_knows_its_caller() -> None:
    module = grus.Module(
        '(module (import "m" "f" (func $f (param i32) (result i32)))'
        ' (memory (export "memory") 1) (data (i32.const 8) "hello")'
        ' (func (export "run") (result i32) (call $f (i32.const 8))))'
    )
    seen: list[Caller] = []

    def first(caller: Caller, at: int) -> int:
        seen.append(caller)
        assert caller.get("nothing") is None
        return int(caller["memory"][at])

    function = HostFunction(WT.FuncType((WT.I32,), (WT.I32,)), first, access_caller=True)
    one = grus.Instance(module, {"m": {"f": function}})
    two = grus.Instance(module, {"m": {"f": function}}, one.store)
    two.exports.memory[8] = 7
    assert (one.exports.run(), two.exports.run()) == (ord("h"), 7)
    assert seen[0].get("memory") is None
    with pytest.raises(ValueError):
        _ = seen[0].store
    wrong = HostFunction(VOID, first)
    with pytest.raises(grus.LinkError, match="incompatible"):
        grus.Instance(module, {"m": {"f": wrong}})


def test_caller_ends_with_an_exception_and_keeps_no_store() -> None:
    import gc
    import weakref

    module = grus.Module('(module (import "" "f" (func $f)) (func (export "run") (call $f)))')
    seen: list[Caller] = []

    def fail(caller: Caller) -> None:
        seen.append(caller)
        raise KeyError("stop")

    instance = grus.Instance(module, [HostFunction(VOID, fail, access_caller=True)])
    with pytest.raises(KeyError):
        instance.exports.run()
    assert seen[0].get("run") is None
    gone = weakref.ref(instance.store)
    gc.collect()
    gc.disable()
    try:
        del instance
        assert gone() is None
    finally:
        gc.enable()


def test_tags() -> None:
    store = grus.Store()
    declare = grus.Module(
        '(module (tag $t (export "t") (param i32)) (tag (export "u") (param i32)))'
    )
    exports = grus.Instance(declare, store=store).exports
    assert (
        exports.t
        == grus.Instance(
            grus.Module('(module (import "m" "t" (tag $t (param i32))) (export "again" (tag $t)))'),
            {"m": {"t": exports.t}},
            store,
        ).exports.again
    )
    assert exports.t != exports.u
    assert isinstance(exports.t, Tag) and exports.t.type.params == (WT.I32,)
    wanted = grus.Module('(module (import "m" "t" (tag (param i64))))')
    with pytest.raises(grus.LinkError, match="another type"):
        grus.Instance(wanted, {"m": {"t": exports.t}}, store)
    made = new_tag(store, WT.FuncType((WT.I64,), ()))
    grus.Instance(wanted, [made], store)
    with pytest.raises(grus.LinkError, match="another store"):
        grus.Instance(wanted, [made])
    with pytest.raises(grus.LinkError, match="expected tag, found memory"):
        grus.Instance(wanted, [new_memory(store, WT.MemoryType(WT.Limits(1)))], store)


def test_shared_memory_of_two_stores_in_two_threads() -> None:
    engine = grus.Engine()
    type = WT.MemoryType(WT.Limits(1, 40, shared=True))
    memory = SharedMemory(engine, type)
    module = grus.Module(
        '(module (import "m" "m" (memory $m 1 40 shared)) (export "memory" (memory $m))'
        ' (func (export "get") (param i32) (result i32) (i32.load (local.get 0)))'
        ' (func (export "grow") (result i32) (memory.grow (i32.const 1))))',
        engine,
    )
    instances = [grus.Instance(module, {"m": {"m": memory}}) for _ in range(2)]
    memory[0:4] = b"\x05\0\0\0"
    assert [i.exports.get(0) for i in instances] == [5, 5]
    exported = instances[0].exports.memory
    assert isinstance(exported, SharedMemory) and exported.engine is engine
    old: list[int] = []
    threads = [
        threading.Thread(target=lambda i=i: old.extend(i.exports.grow() for _ in range(15)))
        for i in instances
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(old) == list(range(1, 31))
    assert memory.pages == len(memory) >> 16 == 31
    assert memory.grow(1) == 31 and memory.grow(9) == -1
    assert instances[1].exports.get(31 * 65536) == 0
    with pytest.raises(grus.Trap) as info:
        instances[1].exports.get(32 * 65536)
    assert info.value.fault == (32 * 65536, 32 * 65536)
    with pytest.raises(grus.LinkError, match="another engine"):
        grus.Instance(module, [SharedMemory(grus.Engine(), type)])
    with pytest.raises(ValueError):
        SharedMemory(engine, WT.MemoryType(WT.Limits(1, 2)))


def test_frames_and_faults_pickle(make: Any) -> None:
    exports = make(
        '(module $m (memory 1) (func $at (export "at") (param i32) (result i32)'
        ' (i32.load8_u (local.get 0))) (func (export "named") (unreachable)))'
    )
    with pytest.raises(grus.Trap) as info:
        exports.at(70000)
    trap = pickle.loads(pickle.dumps(info.value))
    assert trap.fault == (70000, 65536)
    frame = trap.frames[0]
    assert (frame.func_name, frame.debug_name, frame.func_offset) == ("at", "at", 3)
    with pytest.raises(grus.Trap) as info:
        exports.named()
    frame = info.value.frames[0]
    assert (frame.func_name, frame.debug_name) == ("named", None)
    assert info.value.fault is None


def test_types_are_hashable() -> None:
    limits = WT.Limits(1, 2)
    types = [
        WT.FuncType((WT.I32,), ()), WT.MemoryType(limits), WT.TableType(WT.FUNCREF, limits),
        WT.GlobalType(WT.I32, True), limits, WT.TagType(0),
    ]  # fmt: skip
    again = [
        WT.FuncType((WT.I32,), ()), WT.MemoryType(WT.Limits(1, 2)),
        WT.TableType(WT.FUNCREF, WT.Limits(1, 2)), WT.GlobalType(WT.I32, True), WT.Limits(1, 2),
        WT.TagType(0),
    ]  # fmt: skip
    assert set(types) == set(again) and len(set(types)) == 6


def test_frames_of_polls_builtins_and_nested_calls() -> None:
    wat = """(module $m (import "" "h" (func $h (param i32))) (memory 1)
      (func $inner (export "inner") (param i32) (if (local.get 0) (then (unreachable)))
        (memory.fill (i32.const 65536) (i32.const 0) (i32.const 1)))
      (func $forever (export "forever") (loop (br 0)))
      (func $outer (export "outer") (param i32) (call $h (local.get 0))))"""
    instance = grus.Instance(grus.Module(wat), [lambda x: instance.exports.inner(x)])

    def names(call: Any, *args: Any) -> list[str]:
        with pytest.raises(grus.Trap) as info:
            call(*args)
        return [frame.func_name for frame in info.value.frames]

    exports = instance.exports
    assert names(exports.inner, 1) == names(exports.inner, 0) == ["inner"]
    assert names(exports.outer, 1) == ["inner", "outer"]
    instance.store.set_timeout(0.02)
    assert names(exports.forever) == ["forever"]
    instance.store.set_epoch_deadline(0)
    assert names(exports.outer, 0) == ["outer"]


def test_exports_of_any_name() -> None:
    names = ["f", "__class__", "__dict__", "_by_name", "__len__", "a b", "\u00fc", ""]
    text = "".join(
        f'(func (export "{n}") (result i32) (i32.const {i}))' for i, n in enumerate(names)
    )
    exports = grus.Instance(grus.Module(f"(module {text})")).exports
    assert list(exports) == names and len(exports) == len(names) and "a b" in exports
    assert [exports[name]() for name in names] == list(range(len(names)))
    assert exports.f is exports["f"] and getattr(exports, "a b") is exports["a b"]
    assert type(exports).__name__ == "Exports" and {"f", "a b"} <= set(dir(exports))
    with pytest.raises(AttributeError):
        exports.missing
    with pytest.raises(KeyError):
        exports["missing"]
