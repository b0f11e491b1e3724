"""Cranelift's runtests in the interpreter: its `test interpret` files, and its other ones too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grus.ir.interpreter import Interpreter
from grus.ir.parser import File, parse_file
from grus.testing.filetest import parse_run

ROOT = os.environ.get("GRUS_CLIF_FILETESTS", "")
FILES = sorted(Path(ROOT, "runtests").rglob("*.clif")) if ROOT else []
pytestmark = pytest.mark.skipif(
    not FILES, reason="GRUS_CLIF_FILETESTS does not name Cranelift's filetests"
)
KNOWN = {
    # Which NaN vector fmin and fmax give differs by target.
    "simd-fmax-fmin-nondeterministic-aarch64.clif",
    "simd-fmax-fmin-nondeterministic-riscv64.clif",
    "simd-fmax-fmin-nondeterministic-x86_64.clif",
}


def run_lines(file: File, call_preceding: bool) -> int:
    """Check every run line of a file; how many there are. `test run` calls the function before
    the line whatever name the line gives, and some lines give a wrong one."""
    functions = {text.func.name: text.func for text in file.functions}
    interpreter = Interpreter(functions, max_steps=1_000_000)
    count = 0
    for text in file.functions:
        for comment in text.comments:
            line = comment.text
            if call_preceding and "%" in line and "(" in line:
                line = f"{line[: line.index('%')]}{text.func.name}{line[line.index('(') :]}"
            command = parse_run(line, text.func, functions, comment.line)
            if command is None:
                continue
            interpreter.reset()
            command.check(interpreter.call(command.name, command.args), comment.line)
            count += 1
    return count


def test_interpret_files() -> None:
    files = lines = 0
    for path in FILES:
        file = parse_file(path.read_text(), path.name)
        if any(command.name == "interpret" for command in file.commands):
            files += 1
            lines += run_lines(file, False)
    assert files >= 312 and lines >= 12_388


def test_files_for_machines_only() -> None:
    lines = 0
    for path in FILES:
        file = parse_file(path.read_text(), path.name)
        if path.name in KNOWN or any(c.name == "interpret" for c in file.commands):
            continue
        lines += run_lines(file, True)
    assert lines >= 1_150
