"""Settings of an Engine; epochs."""

from __future__ import annotations

import pickle
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import grus
from grus.engine.compile import compile_functions
from grus.engine.config import Config
from grus.host import cpu
from grus.testing.wast import run_file
from grus.wasm.errors import WasmError
from grus.wasm.features import Features

LOOP = '(module (import "m" "f" (func $f)) (func (export "run") (call $f) (loop (br 0))) (func (export "nop")))'


def test_config_is_a_value() -> None:
    config = Config(features="wasm2", opt_level="none", fuel=True)
    assert config == pickle.loads(pickle.dumps(config)) == config.replace()
    assert hash(config) == hash(config.replace())
    assert config != config.replace(fuel=False)
    assert repr(config.replace(features=None)) == "Config(fuel=True, opt_level='none')"
    with pytest.raises(AttributeError):
        config.fuel = False
    for wrong in ({"opt_level": "fast"}, {"compiler": ""}, {"max_wasm_stack": 0}):
        with pytest.raises(ValueError):
            Config(**wrong)
    for wrong in ({"fuel": 1}, {"guards": "no"}, {"max_wasm_stack": "1"}, {"speed": 3}):
        with pytest.raises(TypeError):
            Config(**wrong)


def test_engine_takes_a_config() -> None:
    engine = grus.Engine(Config(features="mvp"), opt_level="none")
    assert (engine.features, engine.opt_level) == (Features.parse("mvp"), "none")
    with pytest.raises(WasmError):
        grus.Module("(module (func (result v128) (v128.const i64x2 0 0)))", engine)


def test_max_wasm_stack() -> None:
    depth = {}
    for size in (64 << 10, 256 << 10):
        engine = grus.Engine(max_wasm_stack=size)
        module = grus.Module(
            '(module (global $n (export "n") (mut i32) (i32.const 0))'
            ' (func $f (export "f") (global.set $n (i32.add (global.get $n) (i32.const 1)))'
            " (call $f)))",
            engine,
        )
        exports = grus.Instance(module).exports
        with pytest.raises(grus.Trap, match="stack exhausted"):
            exports.f()
        depth[size] = exports.n.value
    assert 3.5 < depth[256 << 10] / depth[64 << 10] < 4.5


def instance(function: Any, ticks: int) -> tuple[grus.Engine, Any]:
    engine = grus.Engine()
    made = grus.Instance(grus.Module(LOOP, engine), {"m": {"f": lambda: function(engine)}})
    made.store.set_epoch_deadline(ticks)
    return engine, made


def test_epoch_from_a_host_function() -> None:
    engine, made = instance(grus.Engine.increment_epoch, 2)
    made.exports.nop()
    engine.increment_epoch()
    made.exports.nop()
    with pytest.raises(grus.Trap) as info:
        made.exports.run()
    assert info.value.code == "interrupt"
    for _ in range(2):
        with pytest.raises(grus.Trap, match="interrupt"):
            made.exports.nop()
    made.store.set_epoch_deadline(1)
    made.exports.nop()
    made.store.set_epoch_deadline(0)
    with pytest.raises(grus.Trap, match="interrupt"):
        made.exports.nop()


def test_epoch_from_another_thread() -> None:
    engine, made = instance(lambda engine: None, 1)
    other = grus.Store(engine)
    other.set_epoch_deadline(100)
    thread = threading.Timer(0.05, engine.increment_epoch)
    thread.start()
    start = time.monotonic()
    with pytest.raises(grus.Trap, match="interrupt"):
        made.exports.run()
    assert time.monotonic() - start < 60
    thread.join()
    assert len(engine.states) == 2
    del made, other
    assert not engine.states


def test_limits_of_a_store() -> None:
    module = grus.Module(
        '(module (memory (export "m") 1) (table (export "t") 2 funcref)'
        ' (func (export "grow_m") (param i32) (result i32) (memory.grow (local.get 0)))'
        ' (func (export "grow_t") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))'
    )
    store = grus.Store()
    store.set_limits(memory_size=3 << 16, table_elements=5, memories=2, instances=3, tables=4)
    exports = grus.Instance(module, store=store).exports
    assert [exports.grow_m(1), exports.grow_m(2), exports.m.grow(1), exports.grow_m(1)] == [
        1,
        -1,
        2,
        -1,
    ]
    assert [exports.grow_t(3), exports.grow_t(1), exports.t.grow(1)] == [2, -1, -1]
    grus.Instance(module, store=store)
    with pytest.raises(grus.GrusError, match="more than 2 memories"):
        grus.Instance(module, store=store)
    with pytest.raises(grus.GrusError, match="more than 3 instances"):
        grus.Instance(module, store=store)
    store.set_limits(memory_size=100)
    assert (exports.grow_m(0), exports.grow_m(1)) == (3, -1)
    with pytest.raises(grus.GrusError, match="cannot make a memory"):
        grus.Instance(module, store=store)
    store.set_limits()
    assert exports.grow_m(1) == 3


SPECULATED = """(module (memory i64 1) (table 2 funcref) (elem (i32.const 0) $f) (type $t (func))
  (func $f)
  (func (export "load") (param i64) (result i32) (i32.load offset=16 (local.get 0)))
  (func (export "call") (param i32) (call_indirect (type $t) (local.get 0)))
  (func (export "branch") (param i32) (result i32)
    (block (block (block (br_table 0 1 2 (local.get 0))) (return (i32.const 10)))
      (return (i32.const 20)))
    (i32.const 30)))"""


@pytest.mark.parametrize("spectre", [True, False])
@pytest.mark.parametrize("settings", [{}, {"opt_level": "none"}, {"regalloc": "single_pass"}])
def test_spectre(spectre: bool, settings: dict[str, str]) -> None:
    """Behind the branch for an index that is out of bounds lies what makes it harmless."""
    import capstone

    engine = grus.Engine(spectre=spectre, **settings)
    module = grus.Module(SPECULATED, engine)
    image = compile_functions(module.info, engine.code_settings(), range(4), False)
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    masks = {}
    for start, end, index in image.functions:
        names = [i[2] for i in disassembler.disasm_lite(bytes(image.code[start:end]), 0)]
        compared = min(i for i, name in enumerate(names) if name in ("ja", "jae", "jb"))
        masks[index] = {"cmova", "cmovae", "sbb"} & set(names[compared + 1 :])
    assert {index: bool(found) for index, found in masks.items()} == {
        0: False, 1: spectre, 2: spectre, 3: spectre,
    }  # fmt: skip
    exports = grus.Instance(module).exports
    assert exports.load(65516) == 0
    exports.call(0)
    assert [exports.branch(i) for i in (0, 1, 2, 3, -1)] == [10, 20, 30, 30, 30]
    for call in (lambda: exports.load(65517), lambda: exports.load(-1), lambda: exports.call(9)):
        with pytest.raises(grus.Trap):
            call()


SUITE = Path(__file__).parent.parent.parent.parent / "shared" / "testsuite"


@pytest.mark.skipif(not SUITE.exists(), reason="needs the WebAssembly test suite in ../shared")
def test_rounding_without_sse41(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the processor's features are unknown, the longer ways are gone."""
    monkeypatch.setattr(cpu, "_found", frozenset())
    for path in (SUITE / "f32.wast", SUITE / "f64.wast", SUITE / "float_exprs.wast"):
        result = run_file(str(path), tier="eager")
        assert result.passed > 800 and not result.failures and not result.skipped
