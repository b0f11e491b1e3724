"""Fuel: what is counted (Wasmtime's numbers), and where it ends."""

from __future__ import annotations

from typing import Any

import pytest

import grus

COSTS = [
    ("", (), 1),
    ("nop", (), 1),
    ("(drop (i32.const 1))", (), 2),
    ("(loop (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br_if 0 (local.get 0)))", (10,), 61),
    ("(if (i32.const 1) (then nop (drop (i32.const 1))) (else (drop (i32.const 2)) (drop (i32.const 3))))", (), 4),
    ("(if (i32.const 0) (then nop (drop (i32.const 1))) (else (drop (i32.const 2)) (drop (i32.const 3))))", (), 5),
    ("(if (i32.const 0) (then (call $g)))", (), 3),
    ("(call $g) (call $g)", (), 9),
    ("(return_call $g)", (), 5),
    ("(call_indirect (i32.const 0))", (), 6),
    ("(block (br 0) (drop (i32.const 5)))", (), 2),
    ("(return) (drop (i32.const 5))", (), 1),
    ("(block (block (br_table 0 1 (i32.const 1))) (drop (i32.const 1)))", (), 3),
    ("(block (br_if 0 (local.get 0)) (call $g))", (0,), 7),
    ("(block (br_on_null 0 (ref.null func)) (drop))", (), 3),
    ("(memory.fill (i32.const 0) (i32.const 0) (i32.const 100))", (), 105),
    ("(memory.copy (i32.const 0) (i32.const 0) (local.get 0))", (1000,), 1005),
    ("(memory.init 0 (i32.const 0) (i32.const 0) (i32.const 3))", (), 8),
    ("(table.fill (i32.const 0) (ref.null func) (i32.const 2))", (), 7),
    ("(drop (table.grow (ref.null func) (i32.const 2)))", (), 6),
    ("(drop (table.grow (ref.null func) (i32.const -1)))", (), 4),
    ("(drop (memory.grow (local.get 0)))", (3,), 6),
    ("(drop (memory.grow (local.get 0)))", (-1,), 3),
    ("(drop (i32.load (i32.const 0)))", (), 3),
    ("(drop (select (i32.const 1) (i32.const 2) (local.get 0)))", (), 5),
]  # fmt: skip


def module(body: str) -> str:
    return f"""(module (memory 1 20) (table 2 funcref) (elem (i32.const 0) $g) (data "abc")
        (func $g (drop (i32.const 1)) nop (drop (i32.const 2)))
        (func (export "f") (param i32) {body}))"""


@pytest.fixture(params=["full", "baseline"], scope="module")
def engine(request: Any) -> grus.Engine:
    return grus.Engine(fuel=True, verify=True, compiler=request.param)


@pytest.mark.parametrize(("body", "args", "cost"), COSTS)
def test_costs(engine: grus.Engine, body: str, args: tuple[int, ...], cost: int) -> None:
    store = grus.Store(engine)
    store.set_fuel(10_000)
    exports = grus.Instance(grus.Module(module(body), engine), store=store).exports
    args = args or (0,)
    for number in range(1, 3):
        exports.f(*args)
        assert store.get_fuel() == 10_000 - number * cost
    store.set_fuel(cost + 1)
    exports.f(*args)
    assert store.get_fuel() == 1
    with pytest.raises(grus.OutOfFuel):
        exports.f(*args)


def test_costs_are_those_of_wasmtime() -> None:
    wasmtime = pytest.importorskip("wasmtime")
    config = wasmtime.Config()
    config.consume_fuel = True
    engine = wasmtime.Engine(config)
    for body, args, cost in COSTS:
        store = wasmtime.Store(engine)
        store.set_fuel(10_000)
        f = wasmtime.Instance(store, wasmtime.Module(engine, module(body)), []).exports(store)["f"]
        f(store, *(args or (0,)))
        assert store.get_fuel() == 10_000 - cost, body


def test_the_end(engine: grus.Engine) -> None:
    wat = '(module $m (memory 1) (func $f (export "forever") (loop (br 0))) (func (export "big") (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0))) (func (export "down") (call 2)))'
    store = grus.Store(engine)
    exports = grus.Instance(grus.Module(wat, engine), store=store).exports
    with pytest.raises(grus.OutOfFuel):
        exports.forever()
    store.set_fuel(100_000)
    with pytest.raises(grus.OutOfFuel) as info:
        exports.forever()
    assert (info.value.code, store.get_fuel()) == ("out_of_fuel", 0)
    assert "m!f" in str(info.value)
    store.set_fuel(1000)
    with pytest.raises(grus.OutOfFuel):
        exports.big(65536)
    store.set_fuel(1 << 40)
    with pytest.raises(grus.Trap, match="out of bounds"):
        exports.big(-1)
    store.set_fuel(2000)
    with pytest.raises(grus.OutOfFuel):
        exports.down()
    store.set_fuel((1 << 64) - 1)
    exports.big(1)
    assert store.get_fuel() == (1 << 64) - 1 - 6


def test_host_functions_see_and_set_it(engine: grus.Engine) -> None:
    store = grus.Store(engine)
    wat = '(module (import "m" "f" (func $f)) (func (export "run") (call $f) (loop (br 0))))'
    seen = []

    def host() -> None:
        seen.append(store.get_fuel())
        store.set_fuel(50)

    exports = grus.Instance(grus.Module(wat, engine), {"m": {"f": host}}, store).exports
    store.set_fuel(100)
    with pytest.raises(grus.OutOfFuel):
        exports.run()
    assert seen == [98]


def test_only_with_fuel_configured() -> None:
    store = grus.Store()
    with pytest.raises(ValueError, match="not configured"):
        store.set_fuel(1)
    with pytest.raises(ValueError, match="not configured"):
        store.get_fuel()
    store = grus.Store(grus.Engine(fuel=True))
    assert store.get_fuel() == 0
    for wrong in (-1, 1 << 64):
        with pytest.raises(ValueError, match="no amount"):
            store.set_fuel(wrong)
