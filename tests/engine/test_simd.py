"""Vectors where the specification's tests do not go: the host, many arguments, code of each kind."""

from __future__ import annotations

import gc
import struct
from pathlib import Path
from typing import Any

import pytest

import grus
from grus.engine.translate import simd
from grus.engine.translate.func import HANDLERS
from grus.host import cpu
from grus.testing.wast import run_file
from grus.wasm import opcodes as W
from grus.wasm.features import RELAXED_SIMD, SIMD

CONFIGS: list[dict[str, Any]] = [
    {"tier": "eager"},
    {"tier": "eager", "opt_level": "none", "regalloc": "single_pass"},
    {"tier": "lazy"},
    {"tier": "auto", "promotion": "inline"},
]
SUITE = Path(__file__).parent.parent.parent.parent / "shared" / "testsuite"
NUMBERS = [bytes([16 * n + at for at in range(16)]) for n in range(16)]


def make(text: str, imports: Any = None, **config: Any) -> Any:
    return grus.Instance(grus.Module(text, grus.Engine(**config)), imports or {}).exports


def test_every_instruction_has_one_place() -> None:
    tables = [
        simd.UNARY, simd.BINARY, simd.SHIFT, simd.TEST, simd.WIDEN, simd.NARROW, simd.EXTMUL,
        simd.COMPARE, simd.EXTADD, simd.SPLAT, simd.EXTRACT, simd.REPLACE, simd.CHOOSE, simd.LOAD,
        simd.LOAD_ONE, simd.LOAD_LANE, simd.STORE_LANE, simd.SELECT, simd.MADD, simd.CONVERT,
    ]  # fmt: skip
    rows = [op for table in tables for op in table]
    assert len(rows) == len(set(rows))
    vectors = [op for op in W.ROWS if W.FEATURE[op] in (SIMD, RELAXED_SIMD)]
    assert len(vectors) == 256
    assert [W.NAMES[op] for op in vectors if HANDLERS[op] is None] == []


@pytest.mark.parametrize("config", CONFIGS)
def test_many_arguments_and_results(config: dict[str, Any]) -> None:
    """More than registers, with numbers between, in calls of each kind."""
    types = " ".join(["v128 i32 v128 i64 f64"] * 5)
    gets = " ".join(f"(local.get {n})" for n in range(25))
    turned = "v128 i32 v128 i64 f64"
    text = f"""(module
      (type $t (func (param {types}) (result {turned} {turned})))
      (table funcref (elem $inner $outer))
      (func $inner (type $t) (local.get 20) (local.get 21) (local.get 22) (local.get 23)
        (local.get 24) (local.get 0) (local.get 6) (local.get 7) (local.get 8) (local.get 9))
      (func $outer (export "direct") (type $t) (call $inner {gets}))
      (func (export "indirect") (type $t) (call_indirect (type $t) {gets} (i32.const 1)))
      (func (export "tail") (type $t) (return_call $inner {gets}))
      (func (export "through") (type $t) (return_call_indirect (type $t) {gets} (i32.const 0))))"""
    exports = make(text, **config)
    given: list[Any] = []
    for n in range(5):
        given += [NUMBERS[2 * n], n, NUMBERS[2 * n + 1], -n, n / 2]
    wanted = (NUMBERS[8], 4, NUMBERS[9], -4, 2.0, NUMBERS[0], 1, NUMBERS[3], -1, 0.5)
    for name in ("direct", "indirect", "tail", "through"):
        assert exports[name](*given) == wanted


@pytest.mark.parametrize("config", CONFIGS)
def test_python_functions(config: dict[str, Any]) -> None:
    """Vectors in registers and on the stack, both ways, beside numbers."""
    seen: list[Any] = []

    def f(*args: Any) -> Any:
        seen[:] = args
        return args[9], 1.5, bytearray(args[0]), 7, int.from_bytes(args[11], "little")

    types = "v128 i32 v128 v128 v128 v128 v128 v128 v128 v128 f64 v128"
    results = "v128 f64 v128 i64 v128"
    gets = " ".join(f"(local.get {n})" for n in range(12))
    exports = make(
        f"""(module
          (import "m" "f" (func $f (param {types}) (result {results})))
          (func (export "g") (param {types}) (result {results}) (call $f {gets})))""",
        {"m": {"f": f}},
        **config,
    )
    given = [NUMBERS[0], -5, *NUMBERS[1:9], 2.5, b"\xff" * 16]
    for _ in range(3):
        assert exports.g(*given) == (NUMBERS[8], 1.5, NUMBERS[0], 7, b"\xff" * 16)
        assert seen == given


def test_python_functions_with_references() -> None:
    """Counts are right whatever comes back."""

    class Thing:
        dead = 0

        def __del__(self) -> None:
            Thing.dead += 1

    answer: list[Any] = []

    def f(vector: bytes, thing: Any) -> Any:
        assert isinstance(thing, Thing)
        return answer[0](vector, thing)

    for collector in ("deferred", "naive"):
        exports = make(
            """(module
              (import "m" "f" (func $f (param v128 externref) (result externref v128)))
              (func (export "g") (param v128 externref) (result externref v128)
                (call $f (local.get 0) (local.get 1))))""",
            {"m": {"f": f}},
            collector=collector,
        )
        answer[:] = [lambda vector, thing: (thing, vector)]
        thing = Thing()
        assert exports.g(NUMBERS[3], thing) == (thing, NUMBERS[3])
        answer[:] = [lambda vector, thing: (Thing(), vector[::-1])]
        assert exports.g(NUMBERS[3], thing)[1] == NUMBERS[3][::-1]
        for wrong in (b"short", 1 << 128, -1, None, "text", 2.5):
            answer[:] = [lambda vector, thing, wrong=wrong: (Thing(), wrong)]
            with pytest.raises((TypeError, OverflowError)):
                exports.g(NUMBERS[3], thing)
        before = Thing.dead
        del exports, thing
        answer.clear()
        gc.collect()
        assert Thing.dead > before
    made = 2 * (1 + 1 + 6)
    assert Thing.dead == made


def test_wrong_arguments() -> None:
    exports = make('(module (func (export "f") (param v128) (result v128) (local.get 0)))')
    assert exports.f(5) == (5).to_bytes(16, "little")
    assert exports.f(memoryview(b"0123456789abcdef")) == b"0123456789abcdef"
    with pytest.raises(TypeError, match="expected 16 bytes for v128, got 3"):
        exports.f(b"123")
    with pytest.raises(OverflowError, match="does not fit v128"):
        exports.f(1 << 128)
    with pytest.raises(TypeError):
        exports.f("0123456789abcdef")


def test_globals() -> None:
    exports = make("""(module
      (global $g (export "g") (mut v128) (v128.const i32x4 1 2 3 4))
      (func (export "add") (global.set $g (i32x4.add (global.get $g) (global.get $g)))))""")
    assert struct.unpack("<4i", exports.g.value) == (1, 2, 3, 4)
    exports.add()
    assert struct.unpack("<4i", exports.g.value) == (2, 4, 6, 8)
    exports.g.value = bytes(15) + b"\x01"
    exports.add()
    assert exports.g.value == bytes(15) + b"\x02"


@pytest.mark.parametrize("config", [*CONFIGS, {"guards": False}])
def test_memory_is_checked(config: dict[str, Any]) -> None:
    """An access is as wide as it is, and a store that traps writes nothing."""
    exports = make(
        """(module (memory (export "m") 1 1)
      (func (export "load") (param i32) (result v128) (v128.load (local.get 0)))
      (func (export "store") (param i32) (v128.store (local.get 0) (v128.const i64x2 -1 -1)))
      (func (export "lane") (param i32) (result v128)
        (v128.load64_lane 1 (local.get 0) (v128.const i64x2 7 7)))
      (func (export "out") (param i32) (v128.store32_lane 3 (local.get 0) (i32x4.splat (i32.const 9))))
      (func (export "half") (param i32) (result v128) (v128.load32x2_u (local.get 0))))""",
        **config,
    )
    for name, size in (("load", 16), ("store", 16), ("lane", 8), ("out", 4), ("half", 8)):
        exports[name](65536 - size)
        before = bytes(exports.m.view(65500, 65536))
        with pytest.raises(grus.Trap, match="out of bounds"):
            exports[name](65536 - size + 1)
        assert bytes(exports.m.view(65500, 65536)) == before


@pytest.mark.skipif(not SUITE.exists(), reason="needs the WebAssembly test suite in ../shared")
@pytest.mark.parametrize("options", [{}, {"opt_level": "none", "regalloc": "single_pass"}])
def test_old_processors(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]) -> None:
    """The specification's tests of vectors without SSSE3 and SSE4."""
    monkeypatch.setattr(cpu, "_found", frozenset())
    passed = 0
    for path in [*SUITE.glob("simd_*.wast"), *SUITE.glob("*relaxed*.wast")]:
        result = run_file(str(path), **options)
        assert not result.failures and not result.skipped, path.name
        passed += result.passed
    assert passed > 26000
