"""The behaviours that Wasmtime's `tests/all/gc.rs` of 2020 to 2025 asks for, under their names,
re-entrancy included: Python has no borrow checker that would forbid it."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest

import grus
from grus.engine import collector, collector_code
from tests.externref.conftest import Alive


def instance(
    engine: grus.Engine, text: str, store: grus.Store | None = None, **imports: Any
) -> Any:
    store = store or grus.Store(engine)
    return grus.Instance(grus.Module(text, engine), {"": imports}, store)


SET_DROP = """(module
  (table $t (export "t") 1 externref)
  (global $g (export "g") (mut externref) (ref.null extern))
  (func (export "set") (param externref) (table.set (i32.const 0) (local.get 0)))
  (func (export "get") (result externref) (table.get (i32.const 0)))
  (func (export "clear") (table.set (i32.const 0) (ref.null extern)))
  (func (export "gset") (param externref) (global.set $g (local.get 0)))
  (func (export "gget") (result externref) (global.get $g))
  (func (export "gclear") (global.set $g (ref.null extern)))
  (func (export "nop") (param externref)))"""


def test_smoke_test_gc(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    x = instance(
        engine,
        """(module (import "" "gc" (func $gc))
          (func $rec (export "func") (param i32 externref) (result externref)
            (if (i32.eqz (local.get 0))
              (then (call $gc) (return (local.get 1))))
            (call $rec (i32.sub (local.get 0) (i32.const 1)) (local.get 1))))""",
        store,
        gc=lambda: store.gc(),
    ).exports
    value = Alive(alive)
    with grus.ExternRef(store, value) as handle:
        assert x.func(5, value) is value
        if engine.config.collector != "naive":  # that has no activations table
            assert handle.strong_count >= 2
        store.gc()
        assert handle.strong_count == 1
    assert alive == [1]
    del value
    assert alive == [0]


def test_wasm_dropping_refs(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    x = instance(engine, """(module (func (export "drop") (param externref) nop))""", store).exports
    before = 0
    for _ in range(4096):
        x.drop(Alive(alive))
        before = max(before, alive[0])
    assert before < 4096, "nothing was released before an explicit collection"
    store.gc()
    assert alive == [0]


def test_many_live_refs(engine: grus.Engine, alive: list[int]) -> None:
    """More references live at once than the chunk has entries."""
    count = 600
    store = grus.Store(engine)
    made = [0]
    seen: list[int] = []

    def make() -> Alive:
        made[0] += 1
        return Alive(alive)

    def observe(value: Alive) -> None:
        assert value.counter is alive
        seen.append(1)

    makes = "(call $make)" * count
    text = f"""(module
      (import "" "make" (func $make (result externref)))
      (import "" "observe" (func $observe (param externref)))
      (func (export "f") {makes} {"(call $observe)" * count}))"""
    x = instance(engine, text, store, make=make, observe=observe).exports
    x.f()
    assert made == [count] and len(seen) == count
    store.gc()
    assert alive == [0]


def test_drop_externref_via_table_set(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    x = instance(engine, SET_DROP, store).exports
    x.set(Alive(alive))
    x.set(Alive(alive))
    store.gc()
    assert alive == [1], "the first died with the entry of its activation"
    x.clear()
    assert alive == [0], "the last dies at once: nobody else has counted it"


def test_store_of_the_same_element(engine: grus.Engine, alive: list[int]) -> None:
    """`t[i] = t[i]`: the old and the new are one object, which only the table counts."""
    store = grus.Store(engine)
    text = """(module (table $t (export "t") 1 externref)
      (global $g (export "g") (mut externref) (ref.null extern))
      (func (export "same") (param externref)
        (table.set (i32.const 0) (local.get 0)) (global.set $g (local.get 0))))"""
    i = instance(engine, text, store)
    i.exports.t[0] = i.exports.g.value = Alive(alive)
    for _ in range(3):
        store.gc()
        value = i.exports.t[0]
        i.exports.same(value)
        del value
    store.gc()
    assert alive == [1] and i.exports.t[0] is i.exports.g.value
    with grus.ExternRef(store, i.exports.t[0]) as handle:
        assert handle.strong_count == 3


def test_gc_in_externref_dtor(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    x = instance(engine, SET_DROP, store).exports
    x.set(Alive(alive, store.gc))
    store.gc()
    assert alive == [1]
    x.clear()
    assert alive == [0]


def test_touch_own_table_element_in_externref_dtor(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    i = instance(engine, SET_DROP, store)
    x = i.exports
    seen: list[Any] = []
    x.set(Alive(alive, lambda: seen.append(x.t[0])))
    store.gc()
    new = Alive(alive)
    x.set(new)
    assert seen == [new], "the finalizer sees the new value"


def test_gc_during_gc_when_passing_refs_into_wasm(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    x = instance(engine, SET_DROP, store).exports
    drops: list[int] = []
    depths = [0]

    def dropped() -> None:
        drops.append(1)
        depths.append(depths[-1] + 1)
        store.gc()
        deepest.append(depths.pop())

    deepest: list[int] = []

    for _ in range(1024):
        x.nop(Alive(alive, dropped))
    store.gc()
    assert alive == [0] and len(drops) == 1024
    assert max(deepest) == 1, "objects are released one after the other, never nested"


def test_gc_during_gc_from_many_table_gets(engine: grus.Engine, alive: list[int]) -> None:
    engine = grus.Engine(engine.config, gc_repeat=True)
    store = grus.Store(engine)
    text = """(module (table $t (export "t") 1 externref)
      (func (export "init") (param externref) (table.set (i32.const 0) (local.get 0)))
      (func (export "get_many") (param i32)
        (loop $l (drop (table.get (i32.const 0)))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"""
    x = instance(engine, text, store).exports
    x.init(Alive(alive))
    old = Alive(alive, store.gc)
    x.init(old)
    del old
    x.init(Alive(alive, store.gc))
    x.get_many(1024)
    assert alive == [1], "reading one unchanged object made a collection necessary"


def test_pass_externref_into_wasm_during_destructor_in_gc(
    engine: grus.Engine, alive: list[int]
) -> None:
    store = grus.Store(engine)
    x = instance(engine, SET_DROP, store).exports
    other = Alive(alive)
    handle = grus.ExternRef(store, other)
    x.nop(Alive(alive, lambda: x.nop(other)))
    store.gc()
    assert alive == [1]
    if not engine.config.gc_zeal and engine.config.collector != "naive":
        assert handle.strong_count == 2, "kept by the activations table until the next collection"
    store.gc()
    assert handle.strong_count == 1


@pytest.mark.parametrize("where", ["set", "gset"])
def test_gc_on_drop_in_mutable_externref_global(
    engine: grus.Engine, alive: list[int], where: str
) -> None:
    store = grus.Store(engine)
    x = instance(engine, SET_DROP, store).exports
    put, clear = (x.set, x.clear) if where == "set" else (x.gset, x.gclear)
    put(Alive(alive, store.gc))
    store.gc()
    clear()
    assert alive == [0]


def test_touch_own_externref_global_on_drop(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    x = instance(engine, SET_DROP, store).exports
    seen: list[Any] = []
    x.gset(Alive(alive, lambda: seen.append(x.g.value)))
    store.gc()
    new = Alive(alive)
    x.gset(new)
    assert seen == [new]


def test_global_drops_externref(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    i = instance(engine, SET_DROP, store)
    i.exports.gset(Alive(alive))
    i.exports.g.value = Alive(alive)
    del i, store
    gc.collect()
    assert alive == [0]


def test_table_drops_externref(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    i = instance(engine, SET_DROP, store)
    i.exports.t[0] = Alive(alive)
    i.exports.t.grow(3, Alive(alive))
    del i, store
    gc.collect()
    assert alive == [0]


def test_global_init_no_leak(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    first = instance(engine, SET_DROP, store)
    first.exports.gset(Alive(alive))
    text = """(module (import "" "g" (global $g (mut externref)))
      (func (export "get") (result externref) (global.get $g)))"""
    second = instance(engine, text, store, g=first.exports.g)
    assert second.exports.get() is first.exports.g.value
    first.exports.gclear()
    store.gc()
    assert alive == [0]


def test_no_gc_middle_of_args(engine: grus.Engine, alive: list[int]) -> None:
    """CVE-2021-39216: a collection between two references that go into wasm."""
    store = grus.Store(engine)

    def three() -> tuple[Alive, Alive, Alive]:
        return Alive(alive), Alive(alive), Alive(alive)

    def take(a: Alive, b: Alive, c: Alive) -> None:
        assert a.counter is alive and b.counter is alive and c.counter is alive

    text = """(module
      (import "" "three" (func $three (result externref externref externref)))
      (import "" "take" (func $take (param externref externref externref)))
      (func (export "run") (param i32)
        (loop $l (call $three) (call $take)
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"""
    x = instance(engine, text, store, three=three, take=take).exports
    x.run(1000)
    store.gc()
    assert alive == [0]


@pytest.mark.parametrize("position", range(3))
def test_conversion_that_collects_between_arguments(
    engine: grus.Engine, alive: list[int], position: int
) -> None:
    """Numbers are converted first: `__index__` may do anything, and harms no reference."""
    store = grus.Store(engine)

    class Evil:
        def __index__(self) -> int:
            for _ in range(600):
                x.nop(Alive(alive))
            store.gc()
            return 7

    order = ["externref", "externref"]
    order.insert(position, "i32")
    refs = [index for index, ty in enumerate(order) if ty == "externref"]
    text = f"""(module (func (export "f") (param {" ".join(order)}) (result externref externref i32)
      (local.get {refs[0]}) (local.get {refs[1]}) (local.get {position}))
      (func (export "nop") (param externref)))"""
    x = instance(engine, text, store).exports
    a, b = Alive(alive), Alive(alive)
    args: list[Any] = [a, b]
    args.insert(position, Evil())
    ra, rb, n = x.f(*args)
    assert ra is a and rb is b and n == 7


def test_gc_and_tail_calls_and_stack_arguments(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    count = 30
    params = "externref " * count
    gets = " ".join(f"(local.get {n})" for n in range(count))
    backwards = " ".join(f"(local.get {n})" for n in reversed(range(count)))
    text = f"""(module (import "" "gc" (func $gc))
      (import "" "take" (func $take (param {params})))
      (import "" "make" (func $make (result externref)))
      (func $b (param {params}) (call $gc) {gets} (call $take))
      (func $a (param {params}) (return_call $b {backwards}))
      (func (export "run") {"(call $make)" * count} (call $a)))"""
    numbered: list[Any] = []

    def make() -> Alive:
        value = Alive(alive)
        numbered.append(id(value))
        return value

    def take(*args: Alive) -> None:
        assert [id(a) for a in args] == numbered[::-1]

    x = instance(engine, text, store, gc=lambda: store.gc(), make=make, take=take).exports
    x.run()
    store.gc()
    assert alive == [0]


def test_select_gc_ref_stack_map(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    text = """(module (import "" "gc" (func $gc)) (import "" "make" (func $make (result externref)))
      (func (export "f") (param i32) (result externref)
        (local externref externref externref)
        (local.set 1 (call $make)) (local.set 2 (call $make))
        (local.set 3 (select (result externref)
          (local.get 1) (local.get 2) (local.get 0)))
        (local.set 1 (ref.null extern)) (local.set 2 (ref.null extern))
        (call $gc) (local.get 3)))"""
    x = instance(engine, text, store, gc=lambda: store.gc(), make=lambda: Alive(alive)).exports
    for which in (0, 1):
        value = x.f(which)
        assert value.counter is alive
        del value
    store.gc()
    assert alive == [0]


def test_issue_13037_same_object_passed_repeatedly_does_not_leak(engine: grus.Engine) -> None:
    store = grus.Store(engine)
    x = instance(engine, SET_DROP, store).exports
    value = object()
    handle = grus.ExternRef(store, value)
    for _ in range(5000):
        x.nop(value)
    store.gc()
    assert handle.strong_count == 1


def test_round_trips_with_a_collection_in_the_middle(engine: grus.Engine) -> None:
    store = grus.Store(engine)

    def host(value: Any) -> Any:
        store.gc()
        return value

    text = """(module (import "" "host" (func $host (param externref) (result externref)))
      (func (export "f") (param externref) (result externref)
        (call $host (call $host (local.get 0)))))"""
    x = instance(engine, text, store, host=host).exports
    for value in (object(), 0, False, "", [], None, x):
        assert x.f(value) is value


BULK = """(module (import "" "make" (func $make (result externref)))
  (table $t (export "t") 4 20 externref) (table $u (export "u") 4 20 externref)
  (func (export "fill") (table.fill $t (i32.const 0) (call $make) (i32.const 4)))
  (func (export "copy") (table.copy $u $t (i32.const 0) (i32.const 0) (i32.const 4)))
  (func (export "grow") (param i32) (result i32) (table.grow $t (call $make) (local.get 0)))
  (func (export "set") (table.set $t (i32.const 1) (call $make)))
  (func (export "clear")
    (table.fill $t (i32.const 0) (ref.null extern) (table.size $t))
    (table.fill $u (i32.const 0) (ref.null extern) (table.size $u))))"""


@pytest.mark.parametrize("op", ["fill", "copy", "grow", "set", "grow too far"])
def test_table_operations_do_not_leak(engine: grus.Engine, alive: list[int], op: str) -> None:
    store = grus.Store(engine)
    x = instance(engine, BULK, store, make=lambda: Alive(alive)).exports
    x.fill()
    store.gc()
    assert alive == [1]
    if op == "copy":
        x.copy()
        x.copy()
        store.gc()
        assert alive == [1]
    elif op == "grow":
        assert x.grow(3) == 4
        store.gc()
        assert alive == [2]
    elif op == "grow too far":
        assert x.grow(300) == -1
        store.gc()
        assert alive == [1], "the reference of a refused growth is released"
    elif op == "set":
        x.set()
        x.set()
        store.gc()
        assert alive == [2]
    x.clear()
    store.gc()
    assert alive == [0]


ELEM = """(module (import "" "g" (global $g externref))
  (table $t (export "t") 4 externref)
  (elem $e externref (global.get $g) (ref.null extern) (global.get $g))
  (func (export "init") (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 3)))
  (func (export "drop") (elem.drop $e))
  (func (export "clear") (table.fill $t (i32.const 0) (ref.null extern) (i32.const 4))))"""


def extern_global(engine: grus.Engine, store: grus.Store, value: Any) -> Any:
    """An immutable global made by a module."""
    text = """(module (import "" "g" (global $g externref)) (export "g" (global $g)))"""
    from grus.engine.global_ import new_global
    from grus.wasm import types as WT

    made = new_global(store, WT.GlobalType(WT.EXTERNREF, False), value)
    return instance(engine, text, store, g=made).exports.g


def test_passive_elems_with_externref_globals(engine: grus.Engine, alive: list[int]) -> None:
    """table_init_with_externref_global_get, dropped_passive_elems_do_not_leak."""
    store = grus.Store(engine)
    value = Alive(alive)
    i = instance(engine, ELEM, store, g=extern_global(engine, store, value))
    handle = grus.ExternRef(store, value)
    owners = handle.strong_count
    x = i.exports
    x.init()
    assert handle.strong_count == owners + 2
    assert x.t[0] is value and x.t[1] is None and x.t[2] is value
    x.drop()
    assert handle.strong_count == owners
    x.drop()
    assert handle.strong_count == owners
    with pytest.raises(grus.Trap):
        x.init()
    x.clear()
    assert handle.strong_count == owners - 2
    handle.close()
    del i, x, store, value
    gc.collect()
    assert alive == [0]


def test_cycle_through_store_and_table_is_collected(engine: grus.Engine) -> None:
    """wasmtime-py leaks this: object, Store, table, the same object."""
    dead: list[int] = []

    class Node:
        store: Any
        instance: Any

        def __del__(self) -> None:
            dead.append(1)

    node = Node()
    node.store = grus.Store(engine)
    node.instance = instance(engine, SET_DROP, node.store)
    node.instance.exports.t[0] = node
    node.instance.exports.g.value = node
    node.instance.exports.nop(node)
    del node
    gc.collect()
    assert dead == [1]


def test_host_function_that_closes_over_its_store_does_not_leak_it(engine: grus.Engine) -> None:
    def build() -> weakref.ref[grus.Store]:
        store = grus.Store(engine)
        text = """(module (import "" "host" (func $host (param externref) (result externref)))
          (func (export "f") (param externref) (result externref) (call $host (local.get 0))))"""
        i = instance(engine, text, store, host=lambda value: store)
        assert i.exports.f(1) is store
        return weakref.ref(store)

    gone = build()
    gc.collect()
    assert gone() is None


def test_handles_may_be_dropped_on_any_thread(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    handles = [grus.ExternRef(store, Alive(alive)) for _ in range(50)]
    thread = threading.Thread(target=handles.clear)
    thread.start()
    thread.join()
    store.gc()
    assert alive == [0]


def test_thousands_of_handles(engine: grus.Engine, alive: list[int]) -> None:
    store = grus.Store(engine)
    handles = [grus.ExternRef(store, Alive(alive)) for _ in range(5000)]
    store.gc()
    assert alive == [5000] and handles[77].value.counter is alive
    for handle in handles:
        handle.close()
    assert alive == [0]


def test_handles_of_one_object_are_equal(engine: grus.Engine) -> None:
    store = grus.Store(engine)
    value: list[int] = []  # not hashable
    a, b, c = (grus.ExternRef(store, v) for v in (value, value, []))
    assert a == b and hash(a) == hash(b) and a != c
    a.close()
    with pytest.raises(ValueError, match="closed"):
        _ = a.value
    with pytest.raises(TypeError, match="None"):
        grus.ExternRef(store, None)


def test_a_dead_header_is_revived(engine: grus.Engine) -> None:
    """Between count zero and release the same object goes into wasm again."""
    store = grus.Store(engine)
    x = instance(engine, SET_DROP, store).exports
    value = object()
    again: list[Any] = []

    class First:
        def __del__(self) -> None:
            again.append(x.get())
            x.set(value)

    x.set(First())
    store.gc()
    x.set(value)
    store.gc()
    assert x.get() is value
    assert again == [value]


def test_exception_in_a_finalizer_does_not_stop_the_others(
    engine: grus.Engine, alive: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[Any] = []
    # Only the type: an exception keeps frames and what they hold.
    monkeypatch.setattr(sys, "unraisablehook", lambda args: raised.append(args.exc_type))
    store = grus.Store(engine)
    x = instance(engine, SET_DROP, store).exports

    def fail() -> None:
        raise ValueError("in a finalizer")

    for _ in range(5):
        x.nop(Alive(alive, fail))
    store.gc()
    assert alive == [0]
    assert raised.count(ValueError) == 5


def test_traps_release_what_the_frames_held(engine: grus.Engine, alive: list[int]) -> None:
    if engine.config.collector == "naive":
        pytest.skip("nobody unwinds the counts of frames")
    store = grus.Store(engine)
    text = """(module (import "" "make" (func $make (result externref)))
      (func $f (export "f") (param i32) (local externref)
        (local.set 1 (call $make))
        (if (i32.eqz (local.get 0)) (then unreachable))
        (call $f (i32.sub (local.get 0) (i32.const 1)))
        (drop (local.get 1))))"""
    x = instance(engine, text, store, make=lambda: Alive(alive)).exports
    for _ in range(3):
        with pytest.raises(grus.Trap):
            x.f(20)
    store.gc()
    assert alive == [0]


def test_sandwich_of_stores(engine: grus.Engine, alive: list[int]) -> None:
    """wasm of one store, Python, wasm of another, Python that collects both, and again."""
    stores = [grus.Store(engine), grus.Store(engine)]
    text = """(module (import "" "host" (func $host (param i32 externref)))
      (import "" "make" (func $make (result externref)))
      (func (export "f") (param i32 externref) (result externref) (local externref)
        (local.set 2 (call $make))
        (call $host (local.get 0) (local.get 1))
        (call $host (i32.const -1) (local.get 2))
        (local.get 1)))"""
    exports: list[Any] = []

    def host(depth: int, value: Any) -> None:
        for store in stores:
            store.gc()
        if depth > 0:
            mine = Alive(alive)
            assert exports[depth % 2].f(depth - 1, mine) is mine
        else:
            assert value.counter is alive
        for store in stores:
            store.gc()

    for store in stores:
        exports.append(instance(engine, text, store, host=host, make=lambda: Alive(alive)).exports)
    value = Alive(alive)
    assert exports[0].f(7, value) is value
    for store in stores:
        store.gc()
    assert alive == [1]


def test_signal_handler_that_collects(engine: grus.Engine, alive: list[int]) -> None:
    """It runs between any two steps of a call from Python; in wasm the Store is busy."""
    store = grus.Store(engine)
    x = instance(engine, SET_DROP, store).exports
    collected = [0]

    def handler(*_: Any) -> None:
        try:
            store.gc()
            collected[0] += 1
        except grus.StoreBusy:
            pass

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        for _ in range(3000):
            value = Alive(alive)
            x.set(value)
            assert x.get() is value
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    del value
    x.clear()
    store.gc()
    assert alive == [0] and collected[0] > 0


def test_null_collector_releases_with_the_store(alive: list[int]) -> None:
    engine = grus.Engine(collector="null")
    store = grus.Store(engine)
    x = instance(engine, SET_DROP, store).exports
    for _ in range(2000):
        x.nop(Alive(alive))
    store.gc()
    assert alive == [2000]
    del x, store
    gc.collect()
    assert alive == [0]


def test_statistics(alive: list[int]) -> None:
    store = grus.Store()
    x = instance(store.engine, SET_DROP, store).exports
    x.nop(Alive(alive))
    store.gc()
    stats = store.gc_stats()
    assert (stats.collections, stats.entries, stats.released) == (1, 1, 1)
    assert stats.longest > 0 and len(stats.pauses) == 1


def test_a_wrong_result_does_not_leak_those_before_it(
    engine: grus.Engine, alive: list[int]
) -> None:
    store = grus.Store(engine)
    text = """(module (import "" "two" (func $two (result externref (ref extern))))
      (func (export "f") (call $two) (drop) (drop)))"""
    x = instance(engine, text, store, two=lambda: (Alive(alive), None)).exports
    with pytest.raises(TypeError, match="cannot be None"):
        x.f()
    store.gc()
    assert alive == [0]


def test_the_chunk_grows_when_collections_release_nothing(alive: list[int]) -> None:
    store = grus.Store(grus.Engine())
    text = """(module (table $t (export "t") 5000 externref)
      (func (export "read") (local i32)
        (loop $l (drop (table.get (local.get 0)))
          (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1)))
            (i32.const 5000))))))"""
    x = instance(store.engine, text, store).exports
    for n in range(5000):
        x.t[n] = Alive(alive)
    for _ in range(4):
        x.read()
    collections = store.gc_stats().collections
    assert collections < 12, "512, 1024, 2048, 4096: then there is room for all"
    x.read()
    for n in range(5000):
        x.t[n] = None
    store.gc()
    assert alive == [0]
    x.read()
    assert store._refs._chunk_words.nbytes // 8 == 8192, "no more than that"


@pytest.mark.parametrize("setting", ["fuel", "epoch"])
def test_smoke_test_gc_with_checks_for_interruption(
    engine: grus.Engine, alive: list[int], setting: str
) -> None:
    """CVE-2022-24791: the code of such checks must not mix maps up."""
    engine = grus.Engine(engine.config, fuel=setting == "fuel")
    store = grus.Store(engine)
    if setting == "fuel":
        store.set_fuel(1 << 40)
    else:
        store.set_epoch_deadline(1 << 40)
    x = instance(
        engine,
        """(module (import "" "gc" (func $gc)) (import "" "make" (func $make (result externref)))
          (table $t 2 externref)
          (func $rec (export "func") (param i32 externref) (result externref)
            (local externref)
            (loop $l
              (local.set 2 (call $make))
              (table.set $t (i32.const 0) (local.get 2))
              (drop (table.get $t (i32.const 1)))
              (br_if $l (i32.const 0)))
            (if (i32.eqz (local.get 0))
              (then (call $gc) (return (local.get 1))))
            (drop (call $rec (i32.sub (local.get 0) (i32.const 1)) (local.get 2)))
            (call $gc)
            (local.get 1)))""",
        store,
        gc=lambda: store.gc(),
        make=lambda: Alive(alive),
    ).exports
    value = Alive(alive)
    assert x.func(5, value) is value
    store.gc()
    assert alive == [2], "this one, and the one in the table"


def test_a_reference_read_from_a_table_outlives_its_slot(
    engine: grus.Engine, alive: list[int]
) -> None:
    """Also one that the activations table had before a collection, and has not after."""
    store = grus.Store(engine)
    text = """(module (import "" "gc" (func $gc)) (import "" "touch" (func $touch (param externref)))
      (table $t (export "t") 1 externref)
      (func (export "f") (local externref)
        (drop (table.get $t (i32.const 0)))
        (call $gc)
        (local.set 0 (table.get $t (i32.const 0)))
        (table.set $t (i32.const 0) (ref.null extern))
        (call $gc)
        (call $touch (local.get 0))))"""
    touched: list[bool] = []
    x = instance(
        engine, text, store, gc=store.gc, touch=lambda v: touched.append(v.counter is alive)
    ).exports
    x.t[0] = Alive(alive)
    x.f()
    assert touched == [True]
    store.gc()
    assert alive == [0]


@pytest.mark.parametrize("instruction", ["fill", "copy", "init", "set"])
def test_finalizers_see_bulk_instructions_done(
    engine: grus.Engine, alive: list[int], instruction: str
) -> None:
    """GHSA-2hw9-mc66-jc2q: nothing comes between two elements."""
    store = grus.Store(engine)
    text = """(module (import "" "g" (global $g externref))
      (table $t (export "t") 4 externref) (table $u (export "u") 4 externref)
      (elem $e externref (global.get $g) (global.get $g) (global.get $g) (global.get $g))
      (func (export "fill") (param externref)
        (table.fill $t (i32.const 0) (local.get 0) (i32.const 4)))
      (func (export "copy") (param externref)
        (table.fill $u (i32.const 0) (local.get 0) (i32.const 4))
        (table.copy $t $u (i32.const 0) (i32.const 0) (i32.const 4)))
      (func (export "init") (param externref)
        (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 4)))
      (func (export "set") (param externref)
        (table.set $t (i32.const 0) (local.get 0)) (table.set $t (i32.const 1) (local.get 0))
        (table.set $t (i32.const 2) (local.get 0)) (table.set $t (i32.const 3) (local.get 0))))"""
    new = object()
    x = instance(engine, text, store, g=extern_global(engine, store, new)).exports
    seen: list[list[bool]] = []

    def look() -> None:
        store.gc()
        seen.append([x.t[n] is new for n in range(4)])

    for n in range(4):
        x.t[n] = Alive(alive, look)
    x[instruction](new)
    store.gc()
    assert alive == [0]
    if instruction == "set":
        assert seen == [[m <= n for m in range(4)] for n in range(4)]
    else:
        assert seen == [[True] * 4] * 4


def test_a_host_function_that_is_tail_called_collects(
    engine: grus.Engine, alive: list[int]
) -> None:
    """GHSA-q8hx-mm92-4wvg: between entry and exit there is no frame of wasm."""
    store = grus.Store(engine)
    text = """(module (import "" "host" (func $host (param externref) (result externref)))
      (func (export "f") (param externref) (result externref) (return_call $host (local.get 0))))"""

    def host(value: Any) -> Any:
        store.gc()
        made = Alive(alive)
        x.f(None) if value is not None else None
        store.gc()
        return value or made

    x = instance(engine, text, store, host=host).exports
    value = Alive(alive)
    assert x.f(value) is value
    assert store.gc_stats().frames == 0
    store.gc()
    assert alive == [1]


def test_a_host_function_collects_after_it_called_wasm(
    engine: grus.Engine, alive: list[int]
) -> None:
    """60ce6f5d5c: where the frames begin is as before the inner call."""
    store = grus.Store(engine)
    text = """(module (import "" "host" (func $host)) (import "" "gc" (func $gc))
      (import "" "make" (func $make (result externref)))
      (import "" "touch" (func $touch (param externref)))
      (func (export "outer") (local externref)
        (local.set 0 (call $make)) (call $host) (call $touch (local.get 0)))
      (func (export "inner") (local externref)
        (local.set 0 (call $make)) (call $gc) (call $touch (local.get 0))))"""

    def host() -> None:
        x.inner()
        store.gc()
        with pytest.raises(grus.Trap):
            x.trap()
        store.gc()

    text = text[:-1] + '(func (export "trap") (call $gc) unreachable))'
    touched: list[bool] = []
    x = instance(
        engine, text, store, host=host, gc=store.gc, make=lambda: Alive(alive),
        touch=lambda value: touched.append(value.counter is alive),
    ).exports  # fmt: skip
    x.outer()
    assert touched == [True, True]
    store.gc()
    assert alive == [0]


def test_failed_instantiation_harms_nothing(engine: grus.Engine, alive: list[int]) -> None:
    """CVE-2022-23636: what was not written yet is not given up."""
    store = grus.Store(engine)
    value = Alive(alive)
    text = """(module (import "" "g" (global $g externref))
      (global $a (mut externref) (global.get $g)) (global $b (mut externref) (ref.null extern))
      (table $t 3 10 externref)
      (elem (table $t) (i32.const 2) externref (global.get $g) (global.get $g)))"""
    for _ in range(3):
        with pytest.raises(grus.Trap):
            instance(engine, text, store, g=extern_global(engine, store, value))
        store.gc()
    with pytest.raises(grus.LinkError):
        instance(engine, text, store)
    table = store.table("externref", 1, 100)
    for n in range(20):
        table.grow(3, value if n % 2 else None)
    table.fill(0, len(table), None)
    del value, table
    store.close()
    del store
    gc.collect()
    assert alive == [0]


def test_references_through_blocks_loops_and_redefinitions(
    engine: grus.Engine, alive: list[int]
) -> None:
    """2a6d655784, dbc503f3fe, decb45f41a, 24938c4163: each way to hold one across a collection."""
    store = grus.Store(engine)
    text = """(module (import "" "gc" (func $gc)) (import "" "make" (func $make (result externref)))
      (import "" "touch" (func $touch (param externref)))
      (func (export "block") (param i32)
        (block $b (result externref)
          (drop (br_if $b (call $make) (local.get 0)))
          (call $make))
        (call $gc) (call $touch))
      (func (export "back_edge") (param i32) (local externref externref)
        (local.set 1 (call $make))
        (loop $l
          (local.set 2 (call $make))
          (call $gc)
          (call $touch (local.get 1))
          (local.set 1 (local.get 2))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (call $gc) (call $touch (local.get 1)))
      (func (export "invariant") (param i32) (local externref)
        (local.set 1 (call $make))
        (loop $l
          (call $gc) (drop (call $make))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (loop $m
          (call $touch (local.get 1)) (call $gc)
          (br_if $m (i32.const 0))))
      (func (export "back_edge_only") (param i32) (local externref)
        (local.set 1 (call $make))
        (loop $l
          (call $touch (local.get 1)) (call $gc)
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "redefined") (param i32) (local externref)
        (local.set 1 (call $make)) (call $gc) (call $touch (local.get 1))
        (local.set 1 (call $make)) (call $gc) (call $touch (local.get 1))
        (local.tee 1 (call $make)) (call $gc) (call $touch) (call $touch (local.get 1)))
      (func (export "alias") (param i32) (local externref externref externref)
        (local.set 1 (call $make)) (local.set 2 (local.get 1))
        (loop $l
          (local.set 3 (local.get 2))
          (call $gc)
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (call $touch (local.get 3)))
      (func (export "diamond") (param i32) (local externref)
        (if (local.get 0)
          (then (local.set 1 (call $make)) (call $gc))
          (else (local.set 1 (call $make))))
        (call $gc) (call $touch (local.get 1)))
      (func (export "operands") (param i32)
        (call $make) (call $make) (call $make)
        (call $gc) (call $touch) (call $gc) (call $touch) (call $gc) (call $touch))
      (func (export "early") (param i32) (local externref)
        (local.set 1 (call $make))
        (if (local.get 0) (then (call $gc) (call $touch (local.get 1)) (return)))
        (call $gc) (call $gc) (call $touch (local.get 1))))"""
    touched: list[bool] = []
    x = instance(
        engine, text, store, gc=store.gc, make=lambda: Alive(alive),
        touch=lambda value: touched.append(value.counter is alive),
    ).exports  # fmt: skip
    loops = ("back_edge", "back_edge_only", "invariant", "alias")
    for name in x:
        for argument in (1, 5) if name in loops else (0, 1):
            x[name](argument)
    assert all(touched) and len(touched) == 2 + 8 + 2 + 6 + 8 + 2 + 2 + 6 + 2
    store.gc()
    assert alive == [0]


def test_results_of_the_host_outlive_the_death_of_others(
    engine: grus.Engine, alive: list[int]
) -> None:
    store = grus.Store(engine)
    text = """(module (import "" "make" (func $make (result externref)))
      (import "" "touch" (func $touch (param externref)))
      (table $t (export "t") 2 externref)
      (func (export "f") (local externref externref)
        (local.set 0 (call $make)) (local.set 1 (call $make))
        (table.set $t (i32.const 0) (ref.null extern))
        (local.set 1 (call $make))
        (table.set $t (i32.const 1) (ref.null extern))
        (call $touch (local.get 0)) (call $touch (local.get 1))))"""
    made = [0]
    touched: list[int] = []

    class Numbered(Alive):
        number = 0

    def make() -> Alive:
        value = Numbered(alive)
        made[0] += 1
        value.number = made[0]
        return value

    x = instance(
        engine, text, store, make=make, touch=lambda value: touched.append(value.number)
    ).exports
    x.t[0], x.t[1] = Alive(alive), Alive(alive)
    x.f()
    assert touched == [1, 3]
    store.gc()
    assert alive == [0]


def test_a_trap_keeps_nothing_alive(alive: list[int]) -> None:
    """The first trap of a function makes a frame for tracebacks, which is kept."""
    engine = grus.Engine()
    text = """(module $unlike_others (func (export "only_here") (param externref) unreachable))"""

    def trap() -> None:
        mine = Alive(alive)
        x = instance(engine, text, grus.Store(engine)).exports
        with pytest.raises(grus.Trap):
            x.only_here(mine)

    trap()
    gc.collect()
    assert alive == [0]


def test_the_collector_comes_compiled() -> None:
    """No process compiles it: what is in the package is of this text."""
    assert collector_code.DIGEST == collector.digest(), "run python -m tools.gen_collector"
    text = """
import sys
from grus.engine.collector import native
native()
print([name for name in sys.modules if name.startswith(("grus.ir", "grus.opt"))])
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
