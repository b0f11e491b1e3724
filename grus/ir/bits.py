"""Bit patterns as Python ints."""

from __future__ import annotations

from typing import Final

MAX_WIDTH: Final = 512
MASK: Final[list[int]] = [(1 << width) - 1 for width in range(MAX_WIDTH + 1)]
"""All ones, by width."""


def signed(w: int, x: int) -> int:
    """The signed number that a pattern of w bits stands for."""
    top = 1 << (w - 1)
    return (x ^ top) - top
