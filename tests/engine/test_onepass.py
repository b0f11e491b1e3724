"""The one-pass compiler of wasm functions, beside the real one."""

from __future__ import annotations

import itertools
import random
import re
import struct
from typing import Any

import pytest

import grus
from grus.engine.first import one_pass
from grus.engine.translate import onepass
from grus.testing import gen_wasm
from grus.testing.gen_wasm import generate
from grus.wasm import opcodes as W
from grus.wasm import types as T

ENGINE = grus.Engine(compiler="onepass")
REAL = grus.Engine(tier="eager", inlining=False)
BITS = {T.I32: 32, T.I64: 64, T.F32: 32, T.F64: 64}
NAMES = {T.I32: "i32", T.I64: "i64", T.F32: "f32", T.F64: "f64"}
VALUES = {
    T.I32: (0, 1, -1, 2, 31, 32, 33, 127, 128, -129, 2**31 - 1, -(2**31), 0x1234567),
    T.I64: (0, 1, -1, 3, 63, 64, 255, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63), 0x123456789ABCDEF),
}
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 0.1, -0.9, 2.0**31, 2.0**32, -(2.0**31) - 1,
          2.0**63, 2.0**64, -(2.0**63), 1e-45, 1e30, float("inf"), float("-inf"))  # fmt: skip
VALUES[T.F32] = (
    *[struct.unpack("<i", struct.pack("<f", x))[0] for x in FLOATS],
    *(0x7FC00000, -0x400000, 0x7FA00000, 0x7F800001, 1),
)  # fmt: skip
VALUES[T.F64] = (
    *[struct.unpack("<q", struct.pack("<d", x))[0] for x in FLOATS],
    *(0x7FF8000000000000, -0x8000000000000, 0x7FF4000000000000, 0x7FF0000000000001, 1),
)  # fmt: skip
INT_OF = {T.I32: "i32", T.I64: "i64", T.F32: "i32", T.F64: "i64"}


def taken(module: grus.Module) -> list[bool]:
    """For each function of a module, whether it is compiled in one pass."""
    info = module.info
    found = []
    for index in range(info.module.num_imported_funcs, len(info.module.funcs)):
        try:
            one_pass(info, index, True).compile()
            found.append(True)
        except grus.Unsupported:
            found.append(False)
    return found


def both(wat: str, imports: Any = None) -> tuple[Any, Any]:
    """The exports with one-pass code, all of it, and with real code."""
    module = grus.Module(wat, ENGINE)
    assert all(taken(module))
    return (
        grus.Instance(module, imports).exports,
        grus.Instance(grus.Module(wat, REAL), imports).exports,
    )


def outcome(function: Any, args: Any) -> Any:
    try:
        return function(*args)
    except grus.Trap as trap:
        return str(trap), trap.code, str(trap.frames)


def numeric() -> list[int]:
    """Every instruction from numbers to a number."""
    return sorted({row.op for rows in gen_wasm.SCALAR.plain.values() for row in rows})


def in_registers(count: int) -> str:
    """What lets the first locals of a function have registers."""
    return f"(loop {' '.join(f'(drop (local.get {number}))' for number in range(count))})"


def shapes(op: int) -> str:
    """Functions that apply an instruction to operands in all kinds of places. Floats go in and out
    as their bits."""
    stack = W.stack_type(op)
    assert stack is not None
    params = [gen_wasm._TYPE_OF[name] for name in stack[0]]
    [result] = [gen_wasm._TYPE_OF[name] for name in stack[1]]
    name = W.NAMES[op]
    out = f"{INT_OF[result]}.reinterpret_{NAMES[result]}" if result in (T.F32, T.F64) else ""

    def typed(number: int, how: str) -> str:
        ty = params[number]
        back = f"{NAMES[ty]}.reinterpret_{INT_OF[ty]}" if ty in (T.F32, T.F64) else ""
        if how == "local":
            return f"(local.get {len(params) + number})"
        if how == "register":
            value = f"({INT_OF[ty]}.xor (local.get {number}) ({INT_OF[ty]}.const 0))"
            return f"({back} {value})" if back else value
        if how == "word":  # results of blocks are in their words
            block = f"(block (result {INT_OF[ty]}) (br 0 (local.get {number})))"
            return f"({back} {block})" if back else block
        return ""

    head = " ".join(f"(param {INT_OF[ty]})" for ty in params)
    head += f" (result {INT_OF[result]})" + "".join(f" (local {NAMES[ty]})" for ty in params)
    begin = ""
    for number, ty in enumerate(params):
        value = f"(local.get {number})"
        if ty in (T.F32, T.F64):
            value = f"({NAMES[ty]}.reinterpret_{INT_OF[ty]} {value})"
        begin += f"(local.set {len(params) + number} {value})"
    functions = []
    ways = ["local", "register", "word"]
    for how in itertools.product(ways, repeat=len(params)):
        operands = " ".join(typed(number, way) for number, way in enumerate(how))
        value = f"({name} {operands})"
        functions.append(f"{begin} {f'({out} {value})' if out else value}")
        if NAMES[result] == "i32":  # tested at once
            functions.append(
                f"{begin} (if (result i32) {value} (then (i32.const 5)) (else (i32.const 6)))"
            )
            functions.append(f"{begin} (select (i32.const 5) (i32.const 6) (i32.eqz {value}))")
        if params[0] == result:  # to where its operand is
            local = len(params)
            for form in (
                f"(local.set {local} {value}) (local.get {local})",
                f"(local.tee {local} {value})",
                f"(local.get {local}) (local.set {local} {value}) (drop) (local.get {local})",
            ):
                functions.append(f"{begin} {form} {out}")
    functions += [f"{in_registers(2 * len(params))} {body}" for body in functions]
    return "(module " + "".join(
        f'(func (export "f{number}") {head} {body})' for number, body in enumerate(functions)
    ) + ")"  # fmt: skip


def with_constant(op: int, values: tuple[int, ...]) -> str:
    """Functions that apply a binary instruction of integers to a parameter and a constant."""
    name = W.NAMES[op]
    ty, result = (T.I32 if name[:3] == "i32" else T.I64), W.STACK[op].split()[-1]
    head = f"(param {NAMES[ty]}) (result {result})"
    functions = []
    for value in values:
        constant = f"({NAMES[ty]}.const {value})"
        functions.append(f"{head} ({name} (local.get 0) {constant})")
        functions.append(f"{head} ({name} {constant} (local.get 0))")
        twice = f"({NAMES[ty]}.add (local.get 0) (local.get 0))"
        functions.append(f"{head} ({name} {twice} {constant})")
        many = in_registers(1)
        functions.append(f"{head} {many} ({name} (local.get 0) {constant})")
        functions.append(f"{head} {many} ({name} {constant} (local.get 0))")
        if result == NAMES[ty]:
            for value in (
                f"({name} (local.get 0) {constant})",
                f"({name} {constant} (local.get 0))",
            ):
                functions.append(f"{head} {many} (local.set 0 {value}) (local.get 0)")
                functions.append(f"{head} {many} (local.get 0) (local.tee 0 {value}) (drop)")
    return "(module " + "".join(
        f'(func (export "f{number}") {body})' for number, body in enumerate(functions)
    ) + ")"  # fmt: skip


@pytest.mark.parametrize(
    "op", [op for op in numeric() if onepass.KIND[op]], ids=W.NAMES.__getitem__
)
def test_instructions(op: int) -> None:
    stack = W.stack_type(op)
    assert stack is not None
    params = [gen_wasm._TYPE_OF[name] for name in stack[0]]
    ours, real = both(shapes(op))
    rng = random.Random(op)
    cases = list(itertools.product(*[VALUES[ty] for ty in params]))
    rng.shuffle(cases)
    for name in sorted(ours):
        for args in cases[:60]:
            assert outcome(ours[name], args) == outcome(real[name], args), (name, args)
    if len(params) == 2 and params[0] in (T.I32, T.I64):
        values = VALUES[params[0]]
        ours, real = both(with_constant(op, values))
        for name in sorted(ours):
            for value in values:
                assert outcome(ours[name], (value,)) == outcome(real[name], (value,)), (name, value)


def test_all_instructions_of_numbers() -> None:
    """What it does not take of the numeric instructions is listed."""
    left = [W.NAMES[op] for op in numeric() if not onepass.KIND[op]]
    assert left == []


def test_inventory() -> None:
    """The instructions without vectors, threads and GC that go to the real compiler."""
    left = {
        W.NAMES[op]
        for op in W.ROWS
        if not onepass.KIND[op] and op < 0x180 and W.FEATURE[op] != gen_wasm.GC
    }
    assert left == {
        "throw", "throw_ref", "try_table", "return_call", "return_call_indirect", "call_ref",
        "return_call_ref", "table.get", "table.set", "table.size", "table.grow", "table.fill",
        "table.copy", "table.init", "elem.drop", "memory.init", "data.drop", "ref.null",
        "ref.is_null", "ref.func", "ref.as_non_null", "br_on_null", "br_on_non_null",
        "i64.add128", "i64.sub128", "i64.mul_wide_s", "i64.mul_wide_u",
    }  # fmt: skip


def test_what_it_leaves_to_others() -> None:
    wat = """(module (memory i64 1) (table 1 funcref) (type $f (sub (func)))
      (func $left0 (param externref))
      (func $left1 (result funcref) (ref.null func))
      (func $left2 (local externref))
      (func $left3 (drop (i32.load (i64.const 0))))
      (func $left4 (call_indirect (type $f) (i32.const 0)))
      (func $left5 (result i32 i32 i32 i32 i32 i32 i32 i32) (unreachable))
      (func $left6 (call $left0 (ref.null extern)))
      (func $left7 (drop (select (result externref) (ref.null extern) (ref.null extern) (i32.const 0))))
      (func $left8 (block (result externref) (unreachable)) (drop))
      (func $left9 (unreachable) (drop (ref.null extern)))
      (func $taken (param i64) (result i64) (local.get 0)))"""
    module = grus.Module(wat)
    assert taken(module) == [False] * 10 + [True]
    plain = '(module (memory 1) (func (export "f") (result i32) (i32.load (i32.const 4))))'
    for settings in ({"guards": False}, {"fuel": True}, {"collector": "naive"}):
        engine = grus.Engine(compiler="onepass", **settings)
        module = grus.Module(plain, engine)
        assert taken(module) == [False]
        store = grus.Store(engine)
        if settings == {"fuel": True}:
            store.set_fuel(100)
        assert grus.Instance(module, store=store).exports.f() == 0


PRESSURE = """(module (memory 1) (global $g (mut i64) (i64.const 7))
  (func $id (param i64) (result i64) (local.get 0))
  (func (export "sum") (param i64) (result i64)
    {gets}
    (call $id (local.get 0))
    {adds})
  (func (export "divide") (param i64 i64) (result i64)
    {gets}
    (i64.div_s (i64.mul (local.get 1) (i64.const 3)) (i64.add (local.get 0) (i64.const 2)))
    (i64.shl (local.get 1) (i64.xor (local.get 0) (i64.const 5)))
    i64.add
    {adds})
  (func (export "floats") (param f64) (result f64)
    {floats}
    (f64.min (local.get 0) (f64.neg (local.get 0)))
    {fadds}))"""


@pytest.mark.parametrize("count", [1, 3, 5, 6, 7, 8, 15, 16, 30])
def test_more_operands_than_registers(count: int) -> None:
    ours, real = both(
        PRESSURE.format(
            gets="(i64.mul (local.get 0) (global.get $g))" * count,
            adds="i64.sub " * count,
            floats="(f64.mul (local.get 0) (f64.const 1.25))" * count,
            fadds="f64.sub " * count,
        )
    )
    for n in (0, 1, -5, 12345678901):
        assert ours.sum(n) == real.sum(n)
        assert ours.divide(n, 99) == real.divide(n, 99)
        assert ours.floats(n / 8) == real.floats(n / 8)


def test_arguments_and_results() -> None:
    """Arguments in all kinds of places, in cycles, and on the stack; several results."""
    wat = """(module
      (func $mix (param i32 i64 f32 f64 i32 i32 i32 i64 i32 f32 i64)
                 (result i64 f64 i32 i64)
        (i64.add (local.get 1) (i64.mul (local.get 7) (i64.extend_i32_u (local.get 8))))
        (f64.add (local.get 3) (f64.promote_f32 (f32.sub (local.get 9) (local.get 2))))
        (i32.sub (i32.add (local.get 0) (local.get 4)) (i32.mul (local.get 5) (local.get 6)))
        (local.get 10))
      (func $turn (param i32 i32 i32 i32) (result i32 i32 i32 i32)
        (i32.add (local.get 3) (i32.const 1)) (i32.add (local.get 2) (i32.const 2))
        (i32.add (local.get 1) (i32.const 3)) (i32.add (local.get 0) (i32.const 4)))
      (func (export "turn") (param i32) (result i32)
        (call $turn (call $turn (call $turn (local.get 0) (i32.const 10) (local.get 0)
          (i32.add (local.get 0) (i32.const 1)))))
        (i32.sub) (i32.mul) (i32.sub))
      (func (export "mix") (param i32 f64) (result i64 f64 i32 i64)
        (call $mix (local.get 0) (i64.extend_i32_s (local.get 0)) (f32.const 1.5)
          (f64.mul (local.get 1) (local.get 1)) (i32.mul (local.get 0) (i32.const 3))
          (i32.const -7) (local.get 0) (i64.const -0x7fffffffffff)
          (i32.add (local.get 0) (i32.const -1)) (f32.demote_f64 (local.get 1))
          (i64.shl (i64.const 1) (i64.extend_i32_u (local.get 0)))))
      (func (export "swap") (param i32 i64 f64 f64) (result i64 i32 f64 f64)
        (i64.add (local.get 1) (i64.const 1)) (i32.add (local.get 0) (i32.const 1))
        (f64.add (local.get 3) (f64.const 1)) (f64.add (local.get 2) (f64.const 2))))"""
    ours, real = both(wat)
    for n in (0, 1, -1, 77, 2**31 - 1):
        assert ours.turn(n) == real.turn(n)
        assert ours.mix(n, n / 4) == real.mix(n, n / 4)
        assert ours.swap(n, n, 0.5, 1.5) == real.swap(n, n, 0.5, 1.5)


CONTROL = """(module (memory 1)
  (func (export "table") (param i32) (result i32)
    (block $a (result i32) (block $b (result i32) (block $c (result i32)
      (br_table $a $b $c $a (i32.mul (local.get 0) (i32.const 11)) (local.get 0)))
      (i32.add (i32.const 100))) (i32.add (i32.const 1000))))
  (func (export "switch") (param i32) (result i32) (local i32)
    (block (block (block (br_table 0 1 2 (local.get 0))) (local.set 1 (i32.const 3)) (br 1))
      (local.set 1 (i32.const 4)))
    (local.get 1))
  (func (export "only_default") (param i32) (result i32)
    (block (br_table 0 (local.get 0))) (i32.const 9))
  (func (export "params") (param i32) (result i32)
    (local.get 0) (i32.const 3)
    (if (param i32 i32) (result i32) (i32.and (local.get 0) (i32.const 1))
      (then (i32.add)) (else (i32.mul)))
    (i32.const 5)
    (loop (param i32 i32) (result i32)
      (i32.add)
      (local.tee 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if 0 (i32.lt_s (local.get 0) (i32.const 20)))
      (i32.sub)))
  (func (export "no_else") (param i32) (result i32)
    (i32.const 8) (if (param i32) (result i32) (local.get 0) (then (i32.add (i32.const 1)))))
  (func (export "kept") (param i32) (result i32)
    (local.get 0) (local.get 0) (local.get 0)
    (local.set 0 (i32.const 100))
    (i32.add) (i32.add) (local.get 0) (i32.add))
  (func (export "leave") (param i32) (result i32)
    (i32.const 1) (i32.const 2)
    (br_if 0 (i32.add (local.get 0) (i32.const 40)) (i32.gt_u (local.get 0) (i32.const 3)))
    (i32.add) (i32.add)
    (if (i32.eqz (i32.eqz (i32.eqz (local.get 0)))) (then (return (i32.const 77))))
    (i32.load (i32.const 16)) (i32.add))
  (func (export "dead") (param i32) (result i32)
    (block (block (br 1) (loop (br 0)) (if (i32.const 0) (then (nop)) (else (unreachable)))
      (drop (i32.add (i32.const 1) (i32.const 2))) (br_table 0 0 0 (i32.const 1)) (f64.const 1) (drop)))
    (loop (result i32) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))) (local.get 0)))
  (func (export "ends") (param i32) (result i32) (loop (result i32) (unreachable)))
  (func (export "float") (param f64 f64 i32) (result f64)
    (select (f64.add (local.get 0) (local.get 1)) (local.get 1) (local.get 2))
    (select (f64.const 3) (local.get 0) (f64.lt (local.get 0) (local.get 1)))
    (f64.copysign (f64.abs (local.get 0)))
    (f64.add)
    (if (f64.ge (local.get 0) (local.get 1)) (then (return (f64.const 0.5))))))"""


def control(registers: bool) -> str:
    """CONTROL, with locals in registers or not."""
    if not registers:
        return CONTROL
    lines = []
    for line in CONTROL.split("\n"):
        head = re.match(r"  \(func \(export .*?\)( \((param|result|local)[^)]*\))*", line)
        if head:
            count = len(re.findall("[if](?:32|64)", re.sub(r"\(result.*?\)", "", head[0])))
            line = head[0] + in_registers(count) + line[head.end() :]
        lines.append(line)
    return "\n".join(lines)


@pytest.mark.parametrize(
    "name",
    ["table", "switch", "only_default", "params", "no_else", "kept", "leave", "dead", "ends"],
)
@pytest.mark.parametrize("registers", [False, True])
def test_control(name: str, registers: bool) -> None:
    ours, real = both(control(registers))
    for n in (0, 1, 2, 3, 4, 5, 19, 50):
        if name != "dead" or n:
            assert outcome(ours[name], (n,)) == outcome(real[name], (n,)), n


@pytest.mark.parametrize("registers", [False, True])
def test_floats_in_control(registers: bool) -> None:
    ours, real = both(control(registers))
    for x, y, n in itertools.product((0.0, -1.5, 7.25), (1.0, -1.5), (0, 1)):
        assert ours.float(x, y, n) == real.float(x, y, n)


MEMORY = """(module (memory 1 3) (memory 1)
  (data (i32.const 0) "\\01\\82\\03\\84\\05\\86\\07\\88\\f1\\f2\\f3\\f4\\f5\\f6\\f7\\f8")
  (data (memory 1) (i32.const 0) "hello, other memory")
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32)
    (i32.add (i32.const 1000) (memory.grow (local.get 0))))
  (func (export "copy") (param i32 i32 i32) (i32.const 5)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)) (drop))
  (func (export "across") (param i32 i32 i32)
    (memory.copy 0 1 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "fill") (param i32 i32 i32)
    (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "read") (param i32) (result i64) (i64.load 1 offset=1 (local.get 0)))
  (func (export "write") (param i32 i64) (i64.store 1 (local.get 0) (local.get 1)))
  {accesses})"""


def accesses() -> str:
    out: list[str] = []
    for op in W.ROWS:
        if not onepass.KIND[op] or W.ALIGN[op] < 0:
            continue
        name = W.NAMES[op]
        ty = name[:3]
        load = "load" in name
        head = f"(param i32) (result {ty})" if load else f"(param i32 {ty})"
        values = ("(local.get 1)", f"({ty}.const -0x81)", f"({ty}.add (local.get 1) (local.get 1))")
        for at, offset, value, many in itertools.product(
            ("(local.get 0)", "(i32.const 3)"),
            (0, 2, 2**31),
            ("",) if load else values,
            ("", in_registers(1 if load else 2)),
        ):
            body = f"{many} ({name} offset={offset} {at} {value})"
            out.append(f'(func (export "f{len(out)}") {head} {body})')
    return "".join(out)


def test_memory() -> None:
    ours, real = both(MEMORY.format(accesses=accesses()))
    assert ours.size() == 1
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("copy", (100, 0, 16)), ("copy", (101, 100, 16)), ("across", (200, 0, 19)),
        ("across", (65530, 0, 7)), ("fill", (300, 0x1AB, 9)), ("fill", (65536, 1, 0)),
        ("fill", (65536, 1, 1)), ("copy", (0, -1, 1)), ("copy", (-1, 0, 2)), ("read", (0,)),
        ("read", (65528,)), ("write", (65528, -2)), ("write", (65529, 1)), ("grow", (1,)),
        ("size", ()), ("fill", (65530, 3, 100)), ("grow", (7,)), ("size", ()),
    ]  # fmt: skip
    for name in sorted(ours):
        if name[0] == "f" and name != "fill":
            for at in (0, 5, 65531, 65535, -1):
                more = () if real[name].type.results else (77,)
                calls.append((name, (at, *more)))
    for name, args in calls:
        assert outcome(ours[name], args) == outcome(real[name], args), (name, args)


def test_bulk_operations_of_many_bytes() -> None:
    wat = """(module (memory (export "m") 80)
      (func (export "f") (param i32)
        (memory.fill (i32.const 10) (i32.const 7) (local.get 0))
        (memory.copy (i32.const 3000000) (i32.const 9) (local.get 0))))"""
    ours, _ = both(wat)
    ours.f((1 << 20) + 5)
    size = (1 << 20) + 5
    assert ours.m[10 : 10 + size + 1] == b"\7" * size + b"\0"
    assert ours.m[3000000 : 3000000 + size + 1] == b"\0" + b"\7" * (size - 1) + b"\0"


def test_globals_and_host_calls() -> None:
    wat = """(module (import "m" "g" (global $a (mut i32))) (import "m" "h" (global $b f64))
      (import "m" "f" (func $f (param i32 f64) (result f64)))
      (global $c (mut f32) (f32.const 1.5)) (global $d (mut i64) (i64.const -9))
      (func (export "run") (param i32) (result f64)
        (global.set $a (i32.add (global.get $a) (local.get 0)))
        (global.set $c (f32.mul (global.get $c) (f32.const 2)))
        (global.set $d (i64.const 0x123456789abcdef))
        (f64.add (call $f (global.get $a) (f64.promote_f32 (global.get $c)))
          (f64.add (global.get $b) (f64.convert_i64_s (global.get $d))))))"""
    seen = []
    for engine in (ENGINE, REAL):
        store = grus.Store(engine)
        number = store.global_("i32", 5, mutable=True)
        half = store.global_("f64", 0.25)
        imports = {"m": {"g": number, "h": half, "f": lambda n, x: n * x}}
        exports = grus.Instance(grus.Module(wat, engine), imports, store).exports
        seen.append([exports.run(3), exports.run(4)])
    assert seen[0] == seen[1]


def test_backtraces() -> None:
    wat = """(module (table 3 funcref) (elem (i32.const 0) $a $b) (type $t (func (param i32) (result i32)))
      (memory 1)
      (func $a (param i32) (result i32) (i32.add (i32.load offset=65530 (local.get 0)) (i32.const 1)))
      (func $b (param i64))
      (func $c (param i32) (result i32) (i32.add (call $a (local.get 0)) (i32.const 1)))
      (func (export "f") (param i32 i32) (result i32)
        (loop (result i32)
          (i32.div_u (call_indirect (type $t) (call $c (local.get 0)) (local.get 1))
            (i32.sub (local.get 0) (i32.const 1))))))"""
    ours, real = both(wat)
    for args in ((0, 0), (1, 0), (9, 0), (0, 1), (0, 2), (0, 3), (0, -1)):
        assert outcome(ours.f, args) == outcome(real.f, args), args


def test_deep_recursion() -> None:
    wat = """(module (func $f (export "f") (param i32) (result i32)
      (if (result i32) (local.get 0)
        (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))
        (else (i32.const 0)))))"""
    ours, _ = both(wat)
    assert ours.f(5000) == 5000
    with pytest.raises(grus.Trap, match="call stack exhausted"):
        ours.f(10_000_000)
    assert ours.f(5000) == 5000


def test_a_loop_can_be_interrupted() -> None:
    wat = '(module (func (export "f") (loop (br 0))))'
    store = grus.Store(ENGINE)
    store.set_timeout(0.05)
    exports = grus.Instance(grus.Module(wat, ENGINE), store=store).exports
    with pytest.raises(grus.Timeout):
        exports.f()


def test_beside_functions_with_references() -> None:
    """No maps at its calls: references of its callers are still found."""
    wat = """(module (import "m" "gc" (func $gc)) (import "m" "use" (func $use (param externref)))
      (table $t 1 externref)
      (func $middle (param i32) (result i32) (call $inner) (i32.add (local.get 0) (i32.const 1)))
      (func $inner (call $gc))
      (func (export "f") (param externref) (result i32)
        (table.set $t (i32.const 0) (local.get 0))
        (call $middle (i32.const 41))
        (call $use (table.get $t (i32.const 0)))
        (call $use (local.get 0))))"""
    engine = grus.Engine(compiler="onepass", gc_zeal=True)
    store = grus.Store(engine)
    seen: list[object] = []
    module = grus.Module(wat, engine)
    assert taken(module) == [True, True, False]
    exports = grus.Instance(module, {"m": {"gc": store.gc, "use": seen.append}}, store).exports
    things = [object(), "text", 3.5]
    for thing in things:
        assert exports.f(thing) == 42
    assert seen == [thing for thing in things for _ in range(2)]


def test_counting_uses_ends_at_what_it_does_not_know() -> None:
    """The block behind a test of a reference was taken for a part of that."""
    text = """(module (table 1 externref)
      (func (export "f") (param i32) (result i32)
        i32.const 0 table.get 0 ref.is_null block (param i32) drop end
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 0)))"""
    for tier in ("auto", "fast"):
        instance = grus.Instance(grus.Module(text, grus.Engine(tier=tier)))
        assert instance.exports.f(5) == 0


def test_nothing_recurses_or_is_quadratic() -> None:
    depth = 20_000
    nest = (
        '(module (func (export "f") (result i32) '
        + "block " * depth
        + "br 0 "
        + "end " * depth
        + "i32.const 3))"
    )
    module = grus.Module(nest, ENGINE)
    assert taken(module) == [True]
    assert grus.Instance(module).exports.f() == 3
    for count in (16, 17):  # each branch moves them
        wide = f"(block (result{' i32' * count}) (unreachable)) {'drop ' * count}"
        assert taken(grus.Module(f"(module (func {wide}))")) == [count == 16]
    many = '(module (func (export "f") (result i32) (local i32) ' + "local.get 0 " * depth
    many += "i32.const 1 local.set 0 " * depth + "i32.add " * (depth - 1) + "))"
    assert taken(grus.Module(many, ENGINE)) == [False]


@pytest.mark.parametrize("seed", range(5))
def test_programs(seed: int) -> None:
    """Generated programs run as with the real compiler."""
    rng = random.Random(seed)
    for number in range(10 * seed, 10 * seed + 10):
        data = generate(number, 150, True)
        module = grus.Module(data, ENGINE)
        assert all(taken(module))
        seen = []
        for engine in (ENGINE, REAL):
            store = grus.Store(engine)
            imports = {"m": {"f0": lambda a, b: a, "f1": lambda x: (x, 3)}}
            try:
                exports = grus.Instance(grus.Module(data, engine), imports, store).exports
            except grus.Trap as trap:
                seen.append([str(trap)])
                continue
            rng.seed(number)
            results = []
            for name in [name for name in exports if name[0] == "f"]:
                args = [rng.choice((0, 1, 7, -3)) for _ in exports[name].type.params]
                try:
                    store.set_timeout(5)
                    results.append(repr(exports[name](*args)))
                except grus.Timeout:
                    break
                except grus.Trap as trap:
                    results.append(str(trap))
            else:
                results.append(bytes(exports.m0[0:65536]))
            seen.append(results)
        assert seen[0] == seen[1], number


GOLDEN = [
    (
        "(func (param i32 i32) (result i32) (i32.add (local.get 0) (i32.const 7)))",
        "mov eax, dword ptr [rbp - 0x18]; add eax, 7",
    ),
    (
        "(func (param i32) (if (i32.lt_s (local.get 0) (i32.const 7)) (then (unreachable))))",
        "cmp dword ptr [rbp - 0x18], 7; jge",
    ),
    (
        "(memory 1) (func (param i32) (result i32) (i32.load offset=8 (local.get 0)))",
        "mov eax, dword ptr [rbp - 0x18]; mov eax, dword ptr [rbx + rax + 8]",
    ),
]


@pytest.mark.parametrize(("wat", "wanted"), GOLDEN)
def test_code(wat: str, wanted: str) -> None:
    capstone = pytest.importorskip("capstone")
    module = grus.Module(f"(module {wat})")
    code = one_pass(module.info, 0, True).compile().code
    found = [
        f"{inst.mnemonic} {inst.op_str}".strip()
        for inst in capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64).disasm(code, 0)
    ]
    assert wanted in "; ".join(found)


def test_results_below_the_last_have_clear_upper_halves() -> None:
    """What follows a call says something of its last result only. The callee takes a reference, so
    that the real compiler makes it, whose results of 32 bits may have anything above."""
    text = """(module
      (memory 1)
      (func $two (param i64 externref) (result i32 i32)
        (i32.wrap_i64 (local.get 0)) (i32.wrap_i64 (local.get 0)))
      (func $pass (param i64) (result i32 i32) (call $two (local.get 0) (ref.null extern)))
      (func (export "f") (param i64) (result i64) (local i32)
        (call $two2 (local.get 0))
        (local.set 1)
        (i64.extend_i32_u))
      (table 1 funcref)
      (elem (i32.const 0) $two)
      (func $two2 (param i64) (result i32 i32) (call $two (local.get 0) (ref.null extern))))"""
    for engine in (grus.Engine(tier="auto"), grus.Engine(compiler="onepass")):
        f = grus.Instance(grus.Module(text, engine)).exports.f
        assert f(0x1234_5678_9ABC_DEF0) == 0x9ABC_DEF0
        assert f(-1) == 0xFFFF_FFFF
