from __future__ import annotations

from grus.ir import opcodes as ops
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
