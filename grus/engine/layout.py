"""Layout of an instance context, computed from a module's counts.

The instance context is the first parameter of every wasm function. What all instances share is in
`base/layout.py`; `docs/abi.md` explains both.
"""

from __future__ import annotations

from grus.base import layout

GLOBAL_SIZE = 16
"""Every global has 16 bytes, so that a vector fits."""
IMPORT_SIZE = 16
"""An imported function: code, instance."""
MEMORY_SIZE = 16
"""A memory: base (constant), pointer to its VMMemory."""

SEGMENT_SIZE = 16
"""A data segment: address, length."""


class InstanceLayout:
    """Offsets in the instance context of one module, in bytes. Below the context lie the code
    slots of own functions (`slot`), which `size` does not count."""

    __slots__ = (
        "funcrefs",
        "globals",
        "imported_funcs",
        "imported_globals",
        "memories",
        "num_imported_funcs",
        "num_imported_globals",
        "num_own_funcs",
        "num_segments",
        "segments",
        "size",
        "store",
        "tables",
        "types",
    )

    def __init__(
        self,
        num_imported_funcs: int,
        num_funcs: int,
        num_tables: int,
        num_memories: int,
        num_imported_globals: int,
        num_globals: int,
        num_segments: int = 0,
    ) -> None:
        """`num_funcs`, `num_tables`, `num_memories` and `num_globals` include imported ones;
        `num_segments` are data segments, if any of them is passive, else 0."""
        self.num_imported_funcs = num_imported_funcs
        self.num_own_funcs = num_funcs - num_imported_funcs
        self.num_imported_globals = num_imported_globals
        self.store = 0  # VMStore
        self.types = 8  # table of canonical type numbers, indexed by the module's type index
        at = 16
        self.memories = at
        at += MEMORY_SIZE * num_memories
        self.tables = at  # pointers to VMTable
        at += 8 * num_tables
        self.imported_globals = at  # pointers to the value
        at += 8 * num_imported_globals
        self.num_segments = num_segments
        self.segments = at  # of data: address and length; 0 when dropped
        at += SEGMENT_SIZE * num_segments
        at = (at + 15) & -16
        self.globals = at  # values of own globals
        at += GLOBAL_SIZE * (num_globals - num_imported_globals)
        self.imported_funcs = at
        at += IMPORT_SIZE * num_imported_funcs
        at = (at + 15) & -16
        self.funcrefs = at  # VMFuncRef of every function, filled when first referred to
        at += layout.FUNCREF.size * num_funcs
        self.size = at

    def memory_base(self, index: int) -> int:
        return self.memories + MEMORY_SIZE * index

    def memory(self, index: int) -> int:
        """Offset of the pointer to the VMMemory."""
        return self.memories + MEMORY_SIZE * index + 8

    def table(self, index: int) -> int:
        return self.tables + 8 * index

    def segment(self, index: int) -> int:
        return self.segments + SEGMENT_SIZE * index

    def imported_global(self, index: int) -> int:
        return self.imported_globals + 8 * index

    def own_global(self, index: int) -> int:
        return self.globals + GLOBAL_SIZE * (index - self.num_imported_globals)

    def imported_func(self, index: int) -> int:
        return self.imported_funcs + IMPORT_SIZE * index

    def slot(self, index: int) -> int:
        """Offset, a negative one, of the code pointer of an own function: the same for the n-th
        own function of every module."""
        return -8 * (index - self.num_imported_funcs + 1)

    def funcref(self, index: int) -> int:
        return self.funcrefs + layout.FUNCREF.size * index
