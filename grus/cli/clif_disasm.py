"""`grus clif disasm`: machine code as assembly, by the disassembler of the `disasm` extra."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from typing import Any

from grus.cli.clif import CommandError

_EPILOG = """\
The input is hexadecimal: bytes with or without 0x, spaces and commas between them; what follows
a `;` on a line is a comment. Of a text with lines `; OFFSET  BYTES`, as `grus clif compile -D`
writes them, only these lines are read.

examples:
  echo '55 48 89 e5' | grus clif disasm -
  grus clif compile -D f.clif | grus clif disasm -
  grus clif disasm --raw --base 0x401000 code.bin
"""
_DUMP = re.compile(r";\s+[0-9a-f]+  ((?:[0-9a-f]{2} ?)+)\s*(?:;.*)?$")


def disasm_command(argv: list[str]) -> int:
    """Print the instructions of some bytes. Raises CommandError for what is no hexadecimal."""
    parser = argparse.ArgumentParser(
        prog="grus clif disasm",
        description="Disassemble x86-64 machine code (needs the capstone package).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--raw", action="store_true", help="the file is bytes, not hexadecimal")
    parser.add_argument("--base", type=lambda text: int(text, 0), default=0, metavar="ADDRESS",
                        help="the address of the first byte (default 0)")  # fmt: skip
    parser.add_argument("file", metavar="FILE", help="the code; - is standard input")
    given = parser.parse_args(argv)
    if given.file == "-":
        data = sys.stdin.buffer.read()
    else:
        with open(given.file, "rb") as file:
            data = file.read()
    code = data if given.raw else parse_hex(data.decode("utf-8", "replace"), given.file)
    print("\n".join(disassemble(code, given.base)))
    return 0


def parse_hex(text: str, name: str = "<text>") -> bytes:
    """The bytes of a hexadecimal text. Raises CommandError with the line."""
    code = bytearray()
    lines = text.splitlines()
    if dump := [match[1] for match in map(_DUMP.match, lines) if match]:
        lines = dump
    for number, line in enumerate(lines, 1):
        words = line.partition(";")[0].replace(",", " ").split()
        for word in words:
            try:
                code += bytes.fromhex(word.removeprefix("0x"))
            except ValueError:
                raise CommandError(f"{name}:{number}: {word!r} is not hexadecimal bytes") from None
    return bytes(code)


def disassemble(code: bytes, base: int = 0) -> list[str]:
    """A line `address: bytes instruction` each; bytes that are none stand as `.byte`.

    Raises CommandError when capstone is not installed.
    """
    try:
        capstone: Any = importlib.import_module("capstone")
    except ModuleNotFoundError:
        raise CommandError("disasm needs the capstone package: pip install grus[disasm]") from None
    machine: Any = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    machine.skipdata = True
    return [
        f"{at:8x}: {bytes(code[at - base : at - base + size]).hex(' '):<32} {name} {args}".rstrip()
        for at, size, name, args in machine.disasm_lite(code, base)
    ]
