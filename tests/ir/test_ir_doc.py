from __future__ import annotations

import re

import pytest

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import Function
from grus.ir.interpreter import Interpreter
from grus.ir.parser import parse_file, parse_function
from grus.ir.verifier import check
from tools import gen_ir_doc


def test_the_page_is_that_of_the_table() -> None:
    assert gen_ir_doc.page() == gen_ir_doc.TARGET.read_text(), "run python -m tools.gen_ir_doc"


def test_every_opcode_has_an_example_that_uses_it() -> None:
    examples = gen_ir_doc.examples()
    for row in ops.ROWS[ops.FIRST_REAL :]:
        words = examples[row.name].replace(".", " ").split()
        assert row.name in words, row.name


def test_every_section_begins_at_an_opcode() -> None:
    assert set(gen_ir_doc.SECTIONS) <= set(ops.BY_NAME)


def constants(name: str, types: list[int], text: str) -> Function:
    """A function without parameters that returns the values of `text`."""
    items = re.findall(r"\[[^\],]*\]|[^,\s\[\]]+", text)
    assert len(items) == len(types), text
    lines = []
    for number, (ty, item) in enumerate(zip(types, items, strict=True)):
        if T.LANES[ty] > 1:
            op = f"vconst.{T.NAMES[ty]}"
        else:
            op = f"iconst.{T.NAMES[ty]}" if T.is_int(ty) else f"{T.NAMES[ty]}const"
        lines.append(f"v{number} = {op} {item}")
    returns = ", ".join([T.NAMES[ty] for ty in types])
    values = ", ".join([f"v{number}" for number in range(len(types))])
    arrow = f" -> {returns}" if types else ""
    body = "\n".join([*lines, f"return {values}"])
    return parse_function(f"function {name}(){arrow} {{\nblock0:\n{body}\n}}")


@pytest.fixture(scope="module")
def functions() -> dict[str, Function]:
    file = parse_file(gen_ir_doc.EXAMPLES.read_text(), gen_ir_doc.EXAMPLES.name)
    return {f.func.name: f.func for f in file.functions}


@pytest.mark.parametrize("name", gen_ir_doc.examples())
def test_example(name: str, functions: dict[str, Function]) -> None:
    func = functions[f"%{name}"]
    check(func)
    for args, expected in re.findall(r"; run: %\w+\((.*)\) == (.*)", gen_ir_doc.examples()[name]):
        all_functions = dict(functions)
        all_functions["%args"] = constants("%args", [p.ty for p in func.sig.params], args)
        returns = [r.ty for r in func.sig.returns]
        all_functions["%expected"] = constants("%expected", returns, expected)
        interpreter = Interpreter(all_functions)
        results = interpreter.call(func.name, interpreter.call("%args", []))
        assert results == interpreter.call("%expected", [])
