"""Calls through tables whose elements are known: direct where that is certain, else as they were."""

from __future__ import annotations

import pytest

import grus
from grus.engine.translate.elements import constant_elements
from grus.engine.translate.func import translate
from grus.ir import opcodes as ops
from grus.ir import verifier

FUNCTIONS = """
  (type $t (func (param i32) (result i32)))
  (type $other (func (param i64) (result i64)))
  (func $double (type $t) (i32.mul (local.get 0) (i32.const 2)))
  (func $three (type $t) (i32.add (local.get 0) (i32.const 3)))
  (func $wide (type $other) (local.get 0))
"""


def module(text: str, **config: object) -> grus.Module:
    engine = grus.Engine(verify=True, tier="eager", workers=0, **config)  # type: ignore[arg-type]
    return grus.Module(f"(module {text})", engine=engine)


def calls(made: grus.Module, name: str = "f", through_slots: bool = False) -> tuple[int, int]:
    """How many direct and indirect calls of `tail` functions the translation of an export has."""
    index = next(export.index for export in made.wasm.exports if export.name == name)
    func = translate(made.info, index, through_slots)
    verifier.check(func)
    found = [inst.op for block in func.blocks for inst in block.insts]
    direct = sum([op in (ops.CALL_, ops.RETURN_CALL) for op in found])
    polls = 1  # of the stack at the entry, by a stub
    return direct, sum(
        [op in (ops.CALL_INDIRECT, ops.RETURN_CALL_INDIRECT) for op in found]
    ) - polls


CONSTANT = f"""{FUNCTIONS}
  (table 8 funcref)
  (elem (i32.const 2) $double $three $wide)
  (func (export "f") (param i32) (result i32)
    (call_indirect (type $t) (call_indirect (type $t) (local.get 0) (i32.const 2)) (i32.const 3)))
  (func (export "tail") (param i32) (result i32)
    (return_call_indirect (type $t) (local.get 0) (i32.const 3)))
  (func (export "loop") (param $n i32) (result i32) (local $f i32) (local $x i32)
    (local.set $f (i32.const 3))
    (loop $l (result i32)
      (local.set $x (call_indirect (type $t) (local.get $x) (local.get $f)))
      (br_if $l (local.get $x) (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "outside") (call_indirect (type $t) (i32.const 1) (i32.const 8)) drop)
  (func (export "null") (call_indirect (type $t) (i32.const 1) (i32.const 1)) drop)
  (func (export "type") (call_indirect (type $t) (i32.const 1) (i32.const 4)) drop)
  (func (export "any") (param i32) (result i32)
    (call_indirect (type $t) (i32.const 1) (local.get 0)))
"""


def test_direct_calls() -> None:
    made = module(CONSTANT)
    assert calls(made) == (2, 0)
    assert calls(made, "tail") == (1, 0)
    assert calls(made, through_slots=True) == (0, 2)
    assert calls(made, "any") == (0, 1)
    exports = grus.Instance(made).exports
    assert exports.f(5) == 13
    assert exports.tail(5) == 8
    assert exports.loop(7) == 21
    assert [exports.any(2), exports.any(3)] == [2, 4]


def test_they_are_inlined() -> None:
    made = module(CONSTANT)
    inlined = {made.wasm.func_name(index) for index, _, _ in made.image.inlined}
    assert inlined == {"double", "three"}
    assert grus.Instance(made).exports.f(1) == 5


@pytest.mark.parametrize("config", [{}, {"inlining": False}, {"fuel": True}, {"opt_level": "none"}])
def test_what_traps_still_does(config: dict[str, object]) -> None:
    made = module(CONSTANT, **config)
    store = grus.Store(made.engine)
    if made.engine.config.fuel:
        store.set_fuel(1000)
    exports = grus.Instance(made, store=store).exports
    for name, message in (
        ("outside", "undefined element"),
        ("null", "uninitialized element"),
        ("type", "indirect call type mismatch"),
    ):
        assert calls(made, name) == (0, 1) or made.engine.config.fuel
        with pytest.raises(grus.Trap, match=message):
            exports[name]()
    assert exports.f(5) == 13


ONE = f"""{FUNCTIONS}
  (func (export "f") (param i32) (result i32)
    (call_indirect (type $t) (local.get 0) (i32.const 0)))"""


@pytest.mark.parametrize(
    "text",
    [
        '(table $x (export "t") 4 funcref) (elem (i32.const 0) $double)',
        '(import "m" "t" (table $x 4 funcref)) (elem (i32.const 0) $double)',
        "(table $x 4 funcref) (elem (i32.const 0) $double)"
        "(func (param i32) (table.set $x (local.get 0) (ref.null func)))",
        "(table $x 4 funcref) (elem (i32.const 0) $double)"
        "(func (param i32) (table.fill $x (local.get 0) (ref.null func) (i32.const 1)))",
        "(table $x 4 funcref) (table $y 4 funcref) (elem (i32.const 0) $double)"
        "(func (param i32) (table.copy $x $y (local.get 0) (i32.const 0) (i32.const 1)))",
        "(table $x 4 funcref) (elem (i32.const 0) $double) (elem $p func $three)"
        "(func (param i32) (table.init $x $p (local.get 0) (i32.const 0) (i32.const 1)))",
        '(import "m" "at" (global i32)) (table $x 4 funcref) (elem (i32.const 0) $double)'
        "(elem (global.get 0) $three)",
        "(table $x 4 funcref (ref.func $double))",
        "(table $x 1 funcref) (elem (i32.const 0) $double $three)",
        "(table $x 4 funcref) (elem (i32.const 0) $double) "
        "(elem (i32.const 0) funcref (ref.func $three))",
        '(table $x 4 funcref) (import "m" "t" (table $y 4 funcref)) (elem (table $y) (i32.const 0)'
        " func $double) (elem (table $x) (i32.const 0) func $double)",
    ],
    ids=(
        "exported", "imported", "set", "filled", "copied", "initialized", "offset", "initialiser",
        "too_long", "expression", "imported_before",
    ),
)  # fmt: skip
def test_what_is_not_known(text: str) -> None:
    imports, rest = [], text
    while "(import" in rest:  # imports come first in a module
        start = rest.index("(import")
        depth, end = 0, start
        while True:
            depth += {"(": 1, ")": -1}.get(rest[end], 0)
            end += 1
            if not depth:
                break
        imports.append(rest[start:end])
        rest = rest[:start] + rest[end:]
    one = ONE.replace("call_indirect (type", "call_indirect $x (type")
    made = module("".join(imports) + one + rest)
    assert calls(made) == (0, 1)


def test_what_is_known() -> None:
    growth = f"""{ONE} (table $x 1 funcref) (table $y 1 funcref)
      (elem (i32.const 0) $three) (elem (i32.const 0) $double)
      (func (param i32) (drop (table.grow $x (ref.null func) (i32.const 3)))
        (table.set $y (i32.const 0) (ref.null func)))"""
    made = module(growth)
    assert constant_elements(made.wasm, 0) == {0: 0} and constant_elements(made.wasm, 1) == {}
    assert calls(made) == (1, 0)
    assert grus.Instance(made).exports.f(21) == 42
    unchecked = module(growth, lazy_validation=True)
    assert constant_elements(unchecked.wasm, 0) == {}
    assert grus.Instance(unchecked).exports.f(21) == 42


def test_an_instance_that_was_never_complete() -> None:
    """Its functions may be in the tables of others, and its own tables are empty."""
    made = module("""
      (import "m" "t" (table $out 4 funcref))
      (type $t (func (result i32)))
      (table $own 4 funcref)
      (elem (table $out) (i32.const 0) func $f)
      (elem (table $out) (i32.const 9) func $f)
      (elem (table $own) (i32.const 0) func $one)
      (func $one (type $t) (i32.const 1))
      (func $f (export "f") (type $t) (call_indirect $own (type $t) (i32.const 0)))""")
    store = grus.Store(made.engine)
    other = module("""
      (type $t (func (result i32)))
      (table $t (export "t") 4 funcref)
      (func (export "call") (result i32) (call_indirect $t (type $t) (i32.const 0)))""")
    owner = grus.Instance(grus.Module(other.wasm.data, engine=made.engine), store=store)
    with pytest.raises(grus.Trap, match="out of bounds table access"):
        grus.Instance(made, {"m": {"t": owner.exports.t}}, store=store)
    with pytest.raises(grus.Trap, match="uninitialized element"):
        owner.exports.call()


def test_in_worker_processes() -> None:
    one = module(CONSTANT)
    engine = grus.Engine(verify=True, tier="eager", workers=2)
    assert grus.Module(f"(module {CONSTANT})", engine=engine).image.code == one.image.code
