"""What the commands on WebAssembly files share: reading a module, and `--features`."""

from __future__ import annotations

import argparse
import sys

from grus.base.errors import GrusError
from grus.wasm import features as F


def add_features(parser: argparse.ArgumentParser) -> None:
    """Add `--features`."""
    presets = ", ".join(F.PRESETS)
    parser.add_argument(
        "--features",
        default="",
        metavar="LIST",
        help=f"a preset ({presets}) and proposals to add or, with -, to take away, with commas "
        "between: wasm2,threads,-simd",
    )


def parse_features(text: str) -> F.Features:
    return F.Features.parse(text) if text else F.DEFAULT


def read_module_bytes(name: str) -> bytes:
    """The binary of a module file; text is assembled first. `-` is standard input.

    Raises GrusError when the file cannot be read, TextError for malformed text.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(name, "rb") as file:
                data = file.read()
    except OSError as error:
        raise GrusError(f"{name}: {error.strerror or error}") from None
    if data[:4] == b"\0asm" or not _looks_like_text(data):
        return data
    from grus.wasm.text import wat2wasm

    return wat2wasm(data.decode("utf-8"))


def _looks_like_text(data: bytes) -> bool:
    """Whether this is UTF-8 that begins with a parenthesis or a comment."""
    try:
        start = data.decode("utf-8").lstrip()
    except UnicodeDecodeError:
        return False
    return start.startswith(("(", ";;"))
