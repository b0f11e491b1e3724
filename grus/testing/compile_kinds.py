"""Filetest kind `compile`: the assembly of each function, exact where a file says `; grus:`."""

from __future__ import annotations

from grus.backend.settings import Settings
from grus.backend.x64.listing import compile_listed
from grus.ir.function import Function
from grus.testing.filetest import Context, Skip
from grus.testing.run_native import settings_of


def assembly(func: Function, settings: Settings) -> list[str]:
    """The instructions of a function as compiled, in Intel syntax."""
    return [text for _, _, text in compile_listed(func, settings)[1]]


def test_compile(context: Context) -> None:
    """Every function compiles, and to what is expected."""
    target = context.target
    if target is None or target.triple.split("-")[0] not in ("x86_64", "x86-64"):
        raise Skip("no x86_64 target")
    settings = settings_of(target)
    for function in context.file.functions:
        context.must_verify(function)
        context.expect(function, assembly(function.func, settings))
