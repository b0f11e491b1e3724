"""Binary to text: what is printed assembles to the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from grus.wasm.encode import Writer
from grus.wasm.errors import TextError
from grus.wasm.text import wat2wasm
from grus.wasm.text.printer import wasm2wat
from grus.wasm.text.wast import parse_script

SUITE = Path(__file__).parent.parent.parent.parent / "shared" / "testsuite"

EVERYTHING = """(module $all
  (rec (type $a (sub (struct (field $x (mut i32)) (field i8)))) (type $b (array (mut (ref null $a)))))
  (type $f (func (param i32 f64) (result i64)))
  (import "m \\" \\u{e9}" "n" (func $import (type $f)))
  (import "m" "t" (table 1 funcref))
  (table $t i64 2 5 (ref null func) (ref.null func))
  (memory $m 1 2 shared)
  (memory i64 1 (pagesize 1))
  (tag $e (param i32))
  (global $g (mut f32) (f32.const -nan:0x200001))
  (export "\\00" (func $import))
  (elem $el (table $t) (i64.const 0) func $import)
  (elem declare func $import)
  (elem externref (item (ref.null extern)))
  (func $body (param $p i32) (local $q f64) (local i32 i64)
    (block $out (result i32)
      (loop (br_table $out 0 (i32.const 1) (local.get $p)))
      (if (result i32) (i32.load16_s offset=7 align=1 (local.get $p))
        (then (i32.const 1)) (else (unreachable)))
      (drop)
      (try_table (catch $e 1) (throw $e (i32.const -1)))
      (memory.init 1 $d (i64.const 0) (i32.const 0) (i32.const 0))
      (drop (struct.get $a $x (struct.new $a (i32.const 1) (i32.const 2))))
      (drop (ref.test (ref null $b) (ref.null any)))
      (drop (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15))
      (i32.const 5))
    (drop)
    (drop (select (result i64) (i64.const 1) (i64.const 0x7fffffffffffffff) (local.get 2))))
  (data $d "\\00\\"\\\\abc")
  (data (offset (i32.const 0)) "x"))"""


@pytest.mark.parametrize("folded", [False, True])
def test_round_trip(folded: bool) -> None:
    data = wat2wasm(EVERYTHING)
    text = wasm2wat(data, folded)
    assert wat2wasm(text) == data
    assert wasm2wat(wat2wasm(text), folded) == text


def test_without_names() -> None:
    text = wasm2wat(wat2wasm(EVERYTHING), names=False)
    assert "$" not in text.replace("$", "", 0) or '"' in text
    assert "(func (;1;) (type" in text


def test_odd_names_are_quoted() -> None:
    names = Writer()
    inner = Writer()
    inner.u(2)
    inner.u(0)
    inner.name("a b")
    inner.u(1)
    inner.name("a b")
    names.section(1, inner)
    out = Writer()
    out.raw(wat2wasm("(module (func) (func (call 0)))"))
    out.custom("name", names)
    text = wasm2wat(bytes(out.out))
    assert '(func $"a b"' in text
    assert "(func (;1;)" in text
    assert 'call $"a b"' in wasm2wat(bytes(out.out), folded=True)
    wat2wasm(text)


@pytest.mark.skipif(not SUITE.is_dir(), reason="needs the WebAssembly test suite in ../shared")
@pytest.mark.parametrize(
    "name", ["elem", "data", "br_table", "simd_lane", "try_table", "struct", "memory64", "ref_cast"]
)
def test_suite(name: str) -> None:
    for command in parse_script((SUITE / f"{name}.wast").read_bytes()):
        module = command.module
        if module is None or command.kind != "module" or isinstance(module.parsed, TextError):
            continue
        data = module.data if module.parsed is None else module.parsed.binary
        if module.kind == "quote":
            data = wat2wasm(module.data)
        text = wasm2wat(data)
        again = wat2wasm(text)
        assert wasm2wat(again) == text
        if module.kind == "text":
            assert again == data, f"{name}.wast:{command.line}"
