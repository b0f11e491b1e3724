"""The memory of a program, of which no address that it gives is trusted."""

from __future__ import annotations

import weakref
from struct import Struct

from grus.engine.func import Lookup
from grus.engine.memory import MemoryCore
from grus.engine.store import Store
from grus.wasi import types as T
from grus.wasi.paths import MAX_PATH
from grus.wasi.types import IOVEC, WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


MAX_IOVECS = 1024
"""Buffers taken of one call; the kernel takes no more (IOV_MAX)."""


class GuestMemory:
    """The memory that an instance exports as `memory`, found at first use."""

    __slots__ = ("_core", "_lookup", "_store")

    def __init__(self, store: Store, lookup: Lookup) -> None:
        self._core: MemoryCore | None = None
        self._store = weakref.ref(store)
        self._lookup = lookup

    def _find(self) -> MemoryCore:
        store = self._store()
        memory = self._lookup(store, "memory") if store is not None else None
        core = getattr(memory, "_core", None)
        if not isinstance(core, MemoryCore):
            raise WasiError(T.FAULT)
        self._core = core
        return core

    def view(self, at: int, size: int) -> memoryview:
        """`size` bytes at `at`. Raises WasiError (FAULT) when they are not all there."""
        view = (self._core or self._find()).bytes
        if at + size > len(view):
            raise WasiError(T.FAULT)
        return view[at : at + size]

    def read(self, at: int, struct: Struct) -> Any:
        """A structure's fields."""
        return struct.unpack_from(self.view(at, struct.size))

    def path(self, at: int, size: int) -> bytes:
        """A copy of a path, cut off where it is too long for any host."""
        return self.view(at, size)[:MAX_PATH].tobytes()

    def views(self, at: int, count: int) -> list[memoryview]:
        """The buffers of an array of `iovec`; the first `MAX_IOVECS` of them."""
        count = min(count, MAX_IOVECS)
        return [self.view(*pair) for pair in IOVEC.iter_unpack(self.view(at, count * IOVEC.size))]
