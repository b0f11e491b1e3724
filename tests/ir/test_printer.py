"""The printer: text that parses back to the same, for every opcode and file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grus.ir.parser import File, ParseErrors, parse_file, parse_function
from grus.ir.printer import print_function

HERE = Path(__file__).parent


def same_after_parsing(text: str, name: str) -> int:
    """Check all functions of a file; gives how many there are."""
    try:
        file: File | None = parse_file(text, name)
    except ParseErrors as errors:
        file = errors.file
    assert file is not None
    for function in file.functions:
        printed = print_function(function.func)
        assert print_function(parse_function(printed)) == printed, name
    return len(file.functions)


@pytest.mark.parametrize("name", ["opcodes.clif", "../clif/text.clif", "../clif/loop.clif"])
def test_printing_then_parsing_gives_the_same(name: str) -> None:
    path = HERE / name
    assert same_after_parsing(path.read_text(encoding="utf-8"), name)


def test_cranelifts_filetests_print_and_parse_back() -> None:
    root = os.environ.get("GRUS_CLIF_FILETESTS")
    if not root:
        pytest.skip("GRUS_CLIF_FILETESTS does not name Cranelift's filetests")
    count = 0
    for path in sorted(Path(root).rglob("*.clif")):
        count += same_after_parsing(path.read_text(encoding="utf-8"), str(path))
    assert count > 10_000


def test_what_cranelifts_writer_loses_is_kept_unless_asked() -> None:
    text = """function %f(i64, i32) fast {
    dt0 = i32x4*gv1
    dss0 = explicit_dynamic_slot dt0
    gv0 = symbol u3:4
    gv1 = dyn_scale_target_const.i32x4

block0(v0: i64, v1: i32):
    v2 = atomic_rmw little add v0, v1
    v3 = splat.i32x4xN v1
    return
}
"""
    func = parse_function(text.replace("splat.i32x4xN", "splat.dt0"))
    assert print_function(func) == text
    exact = print_function(func, cranelift=True)
    assert "symbol userextname0" in exact
    assert "atomic_rmw add" in exact
    assert "dt0 =" not in exact


def test_a_suffix_stands_only_where_the_type_does_not_follow() -> None:
    text = """function %f(i32) -> i32 fast {
block0(v0: i32):
    v1 = iconst.i32 -10000
    v2 = iadd v0, v1  ; v1 = -10000
    jump block1

block1:
    v3 = iadd.i32 v2, v1  ; v1 = -10000
    v5 = iconst.i64 7
    fence$
    return v3
}
""".replace("$", " ")
    assert print_function(parse_function(text)) == text
