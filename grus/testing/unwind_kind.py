"""Filetest kind `unwind`: unwind information as text, in the form of the calling convention."""

from __future__ import annotations

from grus.backend import unwind
from grus.backend.compile import compile_function
from grus.backend.x64.target import TARGET
from grus.backend.x64.unwind import DWARF, FIRST_XMM, REGISTER_NAMES
from grus.testing.filetest import Context, Skip
from grus.testing.run_native import settings_of


def test_unwind(context: Context) -> None:
    """Unwind codes of `windows_fastcall` functions, DWARF rows of all others, are as expected."""
    target = context.target
    if target is None or target.triple.split("-")[0] not in ("x86_64", "x86-64"):
        raise Skip("no x86_64 target")
    settings = settings_of(target)
    for function in context.file.functions:
        context.must_verify(function)
        compiled = compile_function(function.func, TARGET, settings)
        if function.func.sig.call_conv == "windows_fastcall":
            lines = unwind.windows_text(compiled, FIRST_XMM, REGISTER_NAMES, "rsp")
        else:
            lines = unwind.dwarf_text(compiled, DWARF, REGISTER_NAMES)
        context.expect(function, lines)
        context.filecheck(function, "\n".join(lines) + "\n")
