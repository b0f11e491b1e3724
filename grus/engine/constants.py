"""Constant expressions of a validated module: their numbers and their arithmetic."""

from __future__ import annotations

from collections.abc import Callable

from grus.wasm import opcodes as W
from grus.wasm.module import Buffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_MASK: Final = (1 << 64) - 1

ARITHMETIC: Final[dict[int, tuple[Callable[[int, int], int], int]]] = {
    W.I32_ADD: (lambda x, y: x + y, 0xFFFFFFFF),
    W.I32_SUB: (lambda x, y: x - y, 0xFFFFFFFF),
    W.I32_MUL: (lambda x, y: x * y, 0xFFFFFFFF),
    W.I64_ADD: (lambda x, y: x + y, _MASK),
    W.I64_SUB: (lambda x, y: x - y, _MASK),
    W.I64_MUL: (lambda x, y: x * y, _MASK),
}
"""By opcode: the operation, and the mask of its type."""


def read_unsigned(data: Buffer, pos: int) -> tuple[int, int]:
    """An unsigned LEB128 number at `pos`, and where it ends."""
    result = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        result |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return result, pos


def read_signed(data: Buffer, pos: int) -> tuple[int, int]:
    """A signed LEB128 number at `pos`, and where it ends."""
    result = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        result |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (result - (1 << shift) if byte & 0x40 else result), pos


def name_at(data: Buffer, pos: int) -> str:
    """The name of the instruction at `pos`."""
    base = W.PREFIX_BASE.get(data[pos])
    return W.NAMES[data[pos] if base is None else base + read_unsigned(data, pos + 1)[0]]
