"""Bulk instructions on memories and tables: machine code for what is small, the builtin for what
is large; and each does all or nothing."""

import functools
import random
import signal
import sys
from typing import Any

import pytest

import grus
from grus.engine import instance
from grus.engine.translate import func

WAT = """(module
  (memory $m (export "m") 40) (memory $n (export "n") i64 1)
  (data $d "hello world") (data $active (i32.const 3) "abc")
  (table $t (export "t") 100 funcref) (table $u (export "u") 100 funcref)
  (elem declare func $fill $hidden) (func $hidden)
  (func $fill (export "fill") (param i32 i32 i32)
    (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "fill64") (param i64 i32 i64)
    (memory.fill $n (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy64") (param i64 i64 i64)
    (memory.copy $n $n (local.get 0) (local.get 1) (local.get 2)))
  (func (export "out") (param i32 i64 i32)
    (memory.copy $m $n (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32)
    (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init64") (param i64 i32 i32)
    (memory.init $n $d (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init_active") (param i32 i32 i32)
    (memory.init $active (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (data.drop $d))
  (func (export "fill_table") (param i32 i32)
    (table.fill $t (local.get 0) (ref.func $fill) (local.get 1)))
  (func (export "ref") (result funcref) (ref.func $hidden))
  (func (export "copy_table") (param i32 i32 i32)
    (table.copy $u $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "order") (param i32) (result i32)
    (local $sum i32)
    (i32.store (i32.const 100) (local.get 0))
    (memory.copy (i32.const 200) (i32.const 100) (i32.const 4))
    (local.set $sum (i32.load (i32.const 200)))
    (memory.fill (i32.const 200) (i32.const 1) (i32.const 4))
    (i32.store8 (i32.const 201) (i32.const 9))
    (i32.add (local.get $sum) (i32.load (i32.const 200)))))"""

OPTIONS = [
    {},
    {"opt_level": "none", "regalloc": "single_pass"},
    {"verify": True},
    {"compiler": "baseline"},
]


@pytest.fixture(params=OPTIONS, ids=str)
def e(request: Any) -> Any:
    return grus.Instance(grus.Module(WAT, grus.Engine(**request.param))).exports


def called(run: Any) -> list[str]:
    """Names of the builtins in Python that a call ran."""
    names: list[str] = []

    def note(frame: Any, event: str, _: Any) -> None:
        name = frame.f_code.co_name
        if event == "call" and name.startswith("builtin_"):
            names.append(name)

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return names


def test_bytes_are_filled_copied_and_initialized(e: Any) -> None:
    e.init(10, 6, 5)
    assert e.m[0:16] == b"\0\0\0abc\0\0\0\0world\0"
    e.fill(0, 0x141, 3)
    e.copy(1, 0, 10)
    assert e.m[0:16] == b"AAAAabc\0\0\0\0orld\0"
    e.copy(0, 1, 10)
    assert e.m[0:16] == b"AAAabc\0\0\0\0\0orld\0"
    e.init64(0, 0, 11)
    e.copy64(3, 0, 5)
    assert e.n[0:11] == b"helhellorld"
    e.out(0, 3, 5)
    assert e.m[0:6] == b"helloc"
    e.fill64(65530, 7, 6)
    assert e.n[65529:] == b"\0\7\7\7\7\7\7"


def test_loads_and_stores_around_keep_their_order(e: Any) -> None:
    assert e.order(5) == 5 + 0x01010901


@pytest.mark.parametrize("name, args", [
    ("fill", (40 * 65536 - 3, 1, 4)), ("fill", (-1, 1, 1)), ("fill", (40 * 65536 + 1, 1, 0)),
    ("copy", (40 * 65536 - 3, 0, 4)), ("copy", (0, 40 * 65536 - 3, 4)), ("copy", (0, -1, -1)),
    ("fill64", (65533, 1, 4)), ("fill64", (-1, 1, 2)), ("fill64", (2, 1, -1)),
    ("copy64", (-2, 0, 4)), ("copy64", (0, -2, 4)), ("copy64", (0, 0, -1)),
    ("out", (0, -1, 1)), ("out", (0, 65533, 4)),
    ("init", (0, 8, 4)), ("init", (0, -1, 1)), ("init", (40 * 65536, 0, 1)),
    ("init64", (-1, 0, 2)), ("init_active", (0, 0, 1)),
])  # fmt: skip
def test_out_of_bounds_changes_nothing(e: Any, name: str, args: tuple[int, ...]) -> None:
    before = e.m[:], e.n[:]
    with pytest.raises(grus.Trap) as caught:
        getattr(e, name)(*args)
    assert caught.value.code == "memory_out_of_bounds"
    assert (e.m[:], e.n[:]) == before


def test_nothing_at_the_very_end_is_in_bounds(e: Any) -> None:
    e.fill(40 * 65536, 1, 0)
    e.copy(40 * 65536, 40 * 65536, 0)
    e.init(40 * 65536, 11, 0)
    e.init_active(0, 0, 0)
    e.fill_table(100, 0)
    e.copy_table(100, 100, 0)


def test_a_dropped_segment_is_empty(e: Any) -> None:
    e.drop()
    e.init(0, 0, 0)
    with pytest.raises(grus.Trap):
        e.init(0, 0, 1)
    e.drop()


def test_tables_of_functions(e: Any) -> None:
    e.fill_table(10, 5)
    e.copy_table(0, 8, 5)
    assert [n for n in range(100) if e.t[n] is not None] == [10, 11, 12, 13, 14]
    assert [n for n in range(100) if e.u[n] is not None] == [2, 3, 4]
    for run in (lambda: e.fill_table(96, 5), lambda: e.copy_table(0, 96, 5)):
        with pytest.raises(grus.Trap) as caught:
            run()
        assert caught.value.code == "table_out_of_bounds"
    assert e.t[99] is None
    assert e.u[0] is None


def test_small_ones_need_no_python(e: Any) -> None:
    def run() -> None:
        e.fill(0, 1, 1 << 20)
        e.copy(5, 0, 1 << 20)
        e.init(0, 0, 11)
        e.copy_table(0, 8, 5)

    assert called(run) == []
    assert called(lambda: e.fill(0, 1, (1 << 20) + 1)) == ["builtin_memory_fill"]


def test_large_ones_are_done_in_parts(e: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "_PART", 1000)
    size = func._LARGE + 12345
    pattern = bytes(range(251)) * (size // 251 + 1)
    for to, source in ((0, 77), (77, 0), (3000, 0), (0, 3000)):
        e.m[source : source + size] = pattern[:size]
        e.copy(to, source, size)
        assert e.m[to : to + size] == pattern[:size]
    e.fill(5, 9, size)
    assert e.m[5 : 5 + size] == b"\x09" * size


def test_a_signal_interrupts_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stop

    monkeypatch.setattr(instance, "_PART", 16)  # some 100,000 parts
    e = grus.Instance(grus.Module(WAT)).exports
    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        with pytest.raises(Stop):
            for _ in range(1000):
                e.fill(0, 1, 40 * 65536)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert e.order(5) == 5 + 0x01010901


def test_references_to_functions_need_no_python(e: Any) -> None:
    """What is declared as an element is made with the instance."""
    assert called(e.ref) == []
    assert e.ref() is e.ref() and e.ref()() is None


EXTERN = """(module
  (table $t (export "t") 100 externref) (table $u (export "u") 100 externref)
  (func (export "fill") (param i32 externref i32)
    (table.fill $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "within") (param i32 i32 i32)
    (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "across") (param i32 i32 i32)
    (table.copy $u $t (local.get 0) (local.get 1) (local.get 2))))"""


@pytest.mark.parametrize("collector", ["deferred", "naive"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_tables_of_external_references(options: dict[str, Any], collector: str) -> None:
    engine = grus.Engine(collector=collector, **options)
    store = grus.Store(engine)
    e = grus.Instance(grus.Module(EXTERN, engine), None, store).exports
    values = [[n] for n in range(10)]
    handles = [grus.ExternRef(store, value) for value in values]  # none dies
    model: list[Any] = [None] * 100
    other: list[Any] = [None] * 100
    rng = random.Random(5)
    calls: list[str] = []
    for _ in range(200):
        to, source, count = (rng.randrange(60) for _ in range(3))
        count = min(count, 100 - max(to, source))
        kind = rng.randrange(3)
        if kind == 0:
            value = rng.choice([*values, None])
            calls += called(functools.partial(e.fill, to, value, count))
            model[to : to + count] = [value] * count
        elif kind == 1:
            calls += called(functools.partial(e.within, to, source, count))
            model[to : to + count] = model[source : source + count]
        else:
            calls += called(functools.partial(e.across, to, source, count))
            other[to : to + count] = model[source : source + count]
    assert [e.t[n] for n in range(100)] == model
    assert [e.u[n] for n in range(100)] == other
    assert not calls, "nothing died, so no Python ran"
    store.gc()
    for value, handle in zip(values, handles, strict=True):
        assert handle.strong_count == 1 + (model + other).count(value)
    for run in (lambda: e.fill(41, None, 60), lambda: e.within(0, 99, 2)):
        with pytest.raises(grus.Trap):
            run()
    assert [e.t[n] for n in range(100)] == model


def test_what_dies_in_a_bulk_instruction_is_released_after_it() -> None:
    store = grus.Store()
    e = grus.Instance(grus.Module(EXTERN, store.engine), None, store).exports
    gone: list[int] = []

    class Thing:
        def __init__(self, number: int) -> None:
            self.number = number

        def __del__(self) -> None:
            gone.append(self.number)
            assert all(e.t[n] is None for n in range(100))

    for n in range(100):
        e.t[n] = Thing(n)
    e.within(10, 50, 0)
    assert called(lambda: e.fill(0, None, 100)) == ["builtin_ref_dead_list"]
    assert sorted(gone) == list(range(100))
