"""The parser: numbering, forward references, comments, errors."""

from __future__ import annotations

import pickle
import re

import pytest

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import Block, Function, Value
from grus.ir.parser import ParseError, ParseErrors, parse_file, parse_function
from grus.ir.verifier import verify


def body(text: str, params: str = "") -> Function:
    return parse_function(f"function %f({params}) {{\n{text}\n}}")


def test_numbers_of_the_text_are_kept_and_every_value_has_its_own() -> None:
    func = body("block9(v20: i32):\n v7 = iadd v20, v20\n trapz v7, user1\n trap user4", "i32")
    block = func.blocks[0]
    assert block.num == 9
    assert func.num_blocks == 10
    numbers = [v.num for v in [*block.params, *block.insts]]
    assert numbers[:2] == [20, 7]
    assert len(set(numbers)) == 4
    assert max(numbers) < func.num_values


def test_numbers_out_of_proportion_are_compacted() -> None:
    func = body("block99999:\n v4000000000 = iconst.i8 1\n jump block4000000000")
    assert func.num_values < 10
    assert func.num_blocks < 10
    assert verify(func)  # the block is not there


def test_a_value_may_be_used_above_its_definition() -> None:
    func = body("block0:\n jump block2\nblock1:\n return v1\nblock2:\n v1 = iconst.i32 1\n return")
    assert func.blocks[1].insts[0].args[0] is func.blocks[2].insts[0]


def test_constants_are_sign_extended() -> None:
    func = body("block0:\n v0 = iconst.i8 255\n v1 = iconst.i64 0xffff_ffff_ffff_ffff\n return")
    assert [v.imm for v in func.blocks[0].insts[:2]] == [-1, -1]


def test_several_results_are_projections() -> None:
    func = body("block0(v0: i32):\n v1, v2 = uadd_overflow v0, v0\n return", "i32")
    inst = func.blocks[0].insts[0]
    assert [r.num for r in inst.results] == [1, 2]
    assert [r.ty for r in inst.results] == [T.I32, T.I8]
    assert inst.ty == T.INVALID


def test_comments_belong_to_what_stands_before_them() -> None:
    file = parse_file(
        """; preamble
test verifier ; more
set opt_level=speed is_pic
target x86_64 has_avx
feature !"x"

function %f() { ; of the function
    gv0 = vmctx ; of the global
block0: ; of the block
    v0 = iconst.i8 1 ; of the instruction
    return
}
; run
"""
    )
    assert [c.text for c in file.preamble] == ["; preamble", "; more"]
    assert (file.commands[0].name, file.commands[0].options) == ("verifier", [])
    assert file.targets[0].settings == [("opt_level", "speed"), ("is_pic", "true")]
    assert file.features == [("x", False)]
    function = file.functions[0]
    func = function.func
    entities = [c.entity for c in function.comments]
    assert entities == [func, func.global_values[0], func.blocks[0], func.blocks[0].insts[0], func]
    assert [c.line for c in function.comments] == [7, 8, 9, 10, 13]
    assert (function.line, function.last_line) == (7, 12)
    assert function.line_of(func.blocks[0].insts[1]) == 11


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("block0:\n v0 = iadd v1, v1", "type required"),
        ("block0(v0: i32):\n v1 = iadd v0, v9\n return", "undefined operand value v9"),
        ("block0:\n v0 = iconst.i8 256", "does not fit in 8 bits"),
        ("block0:\n v0 = iconst.f32 1", "not a valid type"),
        ("block0:\n frobnicate", "unknown opcode"),
        ("block0:\nblock0:", "duplicate entity: block0"),
        ("block0:\n v0 = iconst.i8 1\n v0 = iconst.i8 1", "duplicate entity: v0"),
        ("block0:\n v0 = iconst.i8 1\n v1 -> v1", "not yet defined"),
        ("block0:\n call fn0()", "undefined function"),
        ("block0:\n v0, v1 = iconst.i8 1", "produces 1 result values, 2 given"),
        ("ss0 = explicit_slot 8, align = 3", "power of two"),
        ("gv0 = iadd_imm.i64 gv1, 1\nblock0:", "undefined global value gv1"),
        ('region1 = 0 "x"', "duplicate alias region"),
        ("block0:\n v0 = f32const 1.5", "hexadecimal float"),
        ("block0:\n v0 = vconst.i8x16 [1 2]", "lane"),
        ("block0(v0: i64):\n v1 = load.i32 little big v0", "both big and little"),
        ("block0:\n \x00", "unknown opcode"),
        ("block0:\n v01 = iconst.i8 1", "expected a value"),
        ("block0:\n return " + "9" * 10000, "unknown opcode"),
        ("block0:", "expected"),
    ],
)
def test_errors_have_one_message(text: str, message: str) -> None:
    source = f"function %f() {{\n{text}\n" + ("" if text == "block0:" else "}")
    with pytest.raises(ParseError, match=re.escape(message)) as caught:
        parse_function(source)
    assert pickle.loads(pickle.dumps(caught.value)).line == caught.value.line


def test_an_error_shows_the_place_and_the_next_function_is_parsed() -> None:
    text = "function %a() {\nblock0:\n\tfoo\n}\nfunction %b() {\nblock0:\n return\n}\nfunction"
    with pytest.raises(ParseErrors) as caught:
        parse_file(text, "x.clif")
    first, second = caught.value.errors
    assert str(first) == "x.clif:3:2: unknown opcode: 'foo'\n\tfoo\n\t^"
    assert (second.line, second.column) == (9, 9)
    assert caught.value.file is not None
    assert [f.func.name for f in caught.value.file.functions] == ["%b"]


def test_aliases_stay_until_they_are_resolved() -> None:
    func = body("block0(v0: i32):\n v1 -> v0\n v2 -> v1\n v1 -> v0\n return v2", "i32")
    (used,) = func.blocks[0].insts[0].args
    assert (used.op, used.ty, used.num) == (ops.ALIAS, T.I32, 2)
    func.resolve_aliases()
    assert func.blocks[0].insts[0].args[0] is func.blocks[0].params[0]


def test_entities_made_later_do_not_take_numbers_of_the_text() -> None:
    func = parse_function("function %f() {\n sig10 = ()\n fn5 = %g sig10\n fn7 = %h()\n}")
    assert [s.num for s in func.sigs] == [10, 11]
    assert [f.num for f in func.funcs] == [5, 7]
    assert func.add_sig(func.funcs[1].sig).num == 12


def test_deep_and_long_functions_need_no_recursion() -> None:
    depth = 50_000
    lines = ["block0(v0: i64):", "jump block1"]
    for index in range(1, depth + 1):
        lines += [f"block{index}:", f"jump block{index + 1}"]
    for index in range(depth, 0, -1):
        at = 2 * depth + 1 - index
        lines += [f"block{at}:", f"brif.i64 v0, block{index}, block{at + 1}"]
    lines += [f"block{2 * depth + 1}:", "return"]
    # Two blocks a loop: the latches' numbers begin where the headers' end.
    func = body("\n".join(lines), "i64")
    assert isinstance(func.blocks[-1], Block)
    assert isinstance(func.blocks[0].params[0], Value)
    assert len(func.blocks) == 2 * depth + 2


def test_trap_codes_of_any_length() -> None:
    from grus.ir import opcodes as ops

    assert ops.trap_code("user250") == 250
    for name in ("user251", "user0", "user", "user" + "9" * 5000, "user\u0661", "250"):
        assert ops.trap_code(name) == 0
