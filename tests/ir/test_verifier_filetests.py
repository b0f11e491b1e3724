"""Cranelift's own verifier tests: each `; error: text` is in a message at that place, and no other
message comes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grus.ir.function import AliasRegion, Block, FuncRef, Function, GlobalValue, Signature, Value
from grus.ir.parser import parse_file
from grus.ir.verifier import verify

ROOT = os.environ.get("GRUS_CLIF_FILETESTS", "")
FILES = [*sorted(Path(ROOT, "verifier").glob("*.clif"))] if ROOT else []


def place(entity: object) -> str:
    for kind, prefix in (
        (Block, "block"),
        (GlobalValue, "gv"),
        (FuncRef, "fn"),
        (Signature, "sig"),
        (AliasRegion, "region"),
    ):
        if isinstance(entity, kind):
            return f"{prefix}{entity.num}"
    assert isinstance(entity, Function)
    return "function"


@pytest.mark.skipif(not FILES, reason="GRUS_CLIF_FILETESTS does not name Cranelift's filetests")
@pytest.mark.parametrize("path", FILES, ids=[f.name for f in FILES])
def test_file(path: Path) -> None:
    file = parse_file(path.read_text(), path.name)
    bits = 0
    for target in file.targets:
        bits = 32 if target.triple == "pulley32" else 64
    for text in file.functions:
        errors = verify(text.func, bits)
        for comment in text.comments:
            _, found, wanted = comment.text.partition("error:")
            if not found:
                continue
            here = [
                e
                for e in errors
                if wanted.strip() in e.message
                and (
                    e.inst is comment.entity
                    if isinstance(comment.entity, Value)
                    else e.place == place(comment.entity)
                )
            ]
            assert here, (text.func.name, comment.line, wanted, [str(e) for e in errors])
            errors.remove(here[0])
        assert not errors, (text.func.name, [str(e) for e in errors])
