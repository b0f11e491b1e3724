"""Initial contents of memories, mapped copy-on-write.

A module whose active data segments have constant places in a memory of its own gets a file without
a name (`memfd_create`) with what they make of the memory. An instance maps its pages privately:
all instances share them until one writes. Small contents are copied, for a mapping costs more.
"""

from __future__ import annotations

import os
import weakref

from grus.engine.constants import read_signed
from grus.host import libc
from grus.host.libc import HostError
from grus.wasm import opcodes as W
from grus.wasm.module import ACTIVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from grus.engine.memory import MemoryCore
    from grus.wasm.module import Module

LEAST: Final = 1 << 15
"""Bytes of data, or that many times 16 segments, from which on an image pays."""


class MemoryImage:
    """The first `size` bytes of a memory, in a file."""

    __slots__ = ("__weakref__", "fd", "size")

    def __init__(self, parts: list[tuple[int, memoryview]], size: int) -> None:
        """Raises OSError."""
        self.size = libc.page_align(size)
        self.fd = os.memfd_create("wasm-memory", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self.fd).atexit = False
        os.ftruncate(self.fd, self.size)
        for at, data in parts:
            done = 0
            while done < len(data):
                done += os.pwrite(self.fd, data[done:], at + done)

    def map_into(self, memory: MemoryCore) -> None:
        """Put the contents into a new memory. Raises HostError."""
        libc.map_private(memory.base, self.size, self.fd)


def build(wasm: Module) -> MemoryImage | None:
    """The image of memory 0, when it is the module's own and an image pays, else None."""
    if wasm.num_imported_memories or not wasm.memories:
        return None
    limits = wasm.memories[0].type.limits
    if limits.shared:
        return None
    parts: list[tuple[int, memoryview]] = []
    total = end = 0
    contents = memoryview(wasm.data)
    for segment in wasm.data_segments:
        if segment.mode != ACTIVE:
            continue
        at = _constant(wasm, segment.offset_start)
        size = segment.end - segment.start
        if segment.memory or at < 0 or at + size > limits.min << limits.page_size_log2:
            return None
        parts.append((at, contents[segment.start : segment.end]))
        total += size
        end = max(end, at + size)
    if total < LEAST and 16 * len(parts) < LEAST:
        return None
    try:
        return MemoryImage(parts, end)
    except (OSError, HostError):
        return None


def _constant(wasm: Module, start: int) -> int:
    """The value of a constant expression that is one constant instruction, else -1."""
    data = wasm.data
    op = data[start]
    if op not in (W.I32_CONST, W.I64_CONST):
        return -1
    value, pos = read_signed(data, start + 1)
    if data[pos] != W.END:
        return -1
    return value & (0xFFFFFFFF if op == W.I32_CONST else (1 << 64) - 1)
