"""The flat address space of interpreted programs.

Addresses are below 2**32, so that they fit i32 and i64. Each region starts at a multiple of
2**28 and is one bytearray that grows as it is allocated from; nothing else is accessible, page 0
included. The code region is read only and holds zeros: function addresses are 16 bytes apart.
"""

from __future__ import annotations

from typing import Final

from grus.ir import opcodes as ops
from grus.ir.domain import InterpreterTrap

_REGION_LOG2: Final = 28
_OFFSET_MASK: Final = (1 << _REGION_LOG2) - 1
CODE_BASE: Final = 1 << _REGION_LOG2
DATA_BASE: Final = 2 << _REGION_LOG2
HEAP_BASE: Final = 3 << _REGION_LOG2
STACK_BASE: Final = 4 << _REGION_LOG2
_REGIONS: Final = 5
STACK_SIZE: Final = 8 << 20
"""Bytes of stack; a program that needs more traps with stk_ovf."""
CODE_STEP: Final = 16


class Memory:
    """Code, data, heap and stack of one run."""

    __slots__ = ("code", "data", "heap", "regions", "stack")

    def __init__(self) -> None:
        self.regions: list[bytearray] = [bytearray() for _ in range(_REGIONS)]
        self.code = self.regions[CODE_BASE >> _REGION_LOG2]
        self.data = self.regions[DATA_BASE >> _REGION_LOG2]
        self.heap = self.regions[HEAP_BASE >> _REGION_LOG2]
        self.stack = self.regions[STACK_BASE >> _REGION_LOG2]

    def load(self, address: int, size: int, trap: int) -> int:
        """The little-endian number of `size` bytes; traps with code `trap` (heap_oob for 0)."""
        region = address >> _REGION_LOG2
        if region < _REGIONS:
            memory = self.regions[region]
            offset = address & _OFFSET_MASK
            if offset + size <= len(memory):
                return int.from_bytes(memory[offset : offset + size], "little")
        raise InterpreterTrap(trap or ops.TRAP_HEAP_OUT_OF_BOUNDS)

    def store(self, address: int, size: int, value: int, trap: int) -> None:
        """Store `value`, below 2**(8 * size), little endian; traps as `load` does."""
        region = address >> _REGION_LOG2
        if region < _REGIONS:
            memory = self.regions[region]
            offset = address & _OFFSET_MASK
            if offset + size <= len(memory) and memory is not self.code:
                memory[offset : offset + size] = value.to_bytes(size, "little")
                return
        raise InterpreterTrap(trap or ops.TRAP_HEAP_OUT_OF_BOUNDS)

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes; traps with heap_oob."""
        return self.load(address, size, 0).to_bytes(size, "little")

    def write(self, address: int, data: bytes) -> None:
        """Store bytes; traps with heap_oob."""
        self.store(address, len(data), int.from_bytes(data, "little"), 0)

    def allocate(self, size: int, align: int = 16) -> int:
        """The address of `size` fresh zero bytes of heap; `align` is a power of two."""
        return HEAP_BASE + _grow(self.heap, size, align)

    def add_data(self, content: bytes, align: int = 16) -> int:
        """The address of a new data object."""
        offset = _grow(self.data, len(content), align)
        self.data[offset : offset + len(content)] = content
        return DATA_BASE + offset

    def add_code(self) -> int:
        """The address of a new function."""
        return CODE_BASE + _grow(self.code, CODE_STEP, CODE_STEP)


def _grow(region: bytearray, size: int, align: int) -> int:
    """Add `size` zero bytes at the next aligned offset, and give that."""
    offset = (len(region) + align - 1) & -align
    if offset + size > _OFFSET_MASK:
        raise InterpreterTrap(ops.TRAP_HEAP_OUT_OF_BOUNDS)
    region.extend(bytes(offset + size - len(region)))
    return offset
