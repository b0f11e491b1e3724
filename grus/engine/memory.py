"""Linear memories: reserved once, never moved, with the buffer protocol.

A Store owns `MemoryCore`s, which know nothing of it; a `Memory` is a handle that keeps both. So a
Store is in no reference cycle of ours and dies with its last handle, and a view of a memory (which
keeps its Memory) stays readable after that.
"""

from __future__ import annotations

import _thread
import ctypes

from grus.base import layout
from grus.base.errors import expect
from grus.engine.engine import Engine
from grus.engine.errors import StoreClosed
from grus.engine.limits import Limits
from grus.engine.store import Store
from grus.engine.translate.info import is_guarded
from grus.host import libc, objects
from grus.host.libc import HostError
from grus.host.machine import stubs
from grus.host.runtime import runtime
from grus.wasm import types as WT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


MEMORY = layout.MEMORY
_LENGTH = MEMORY["length"] >> 3
_PAGES = MEMORY["pages"] >> 3

GUARDED_SIZE = (1 << 33) + (1 << 17)
"""Address space of a 32-bit memory without checks: index and offset below 2**32, any access."""
_RESERVE_64 = 1 << 36
_RESERVE_CHECKED = 1 << 28
"""Address space of other memories: of a 64-bit one, and of any where address space is short."""
_MAX_PAGES_32 = 1 << 16


_growing = _thread.allocate_lock()


class Mapping(int):
    """Ownership of mapped pages: address in the low 64 bits, size above. Made by `own`.

    The cycle collector does not track it, for it refers to nothing. So its finalizer is not run
    with those of a dying cycle, in any order, but after them, when the last reference goes: a
    finalizer that reads a view still sees its memory.
    """

    __slots__ = ()

    @classmethod
    def own(cls, address: int, size: int) -> Mapping:
        """The owner of `size` bytes at `address`."""
        mapping = cls(address | size << 64)
        _untrack(mapping)
        return mapping

    def __del__(self) -> None:
        libc.unmap(self & ((1 << 64) - 1), self >> 64)


_untrack = ctypes.pythonapi.PyObject_GC_UnTrack
_untrack.argtypes = [ctypes.py_object]
_untrack.restype = None


class MemoryCore:
    """A memory without its Store."""

    __slots__ = ("_bytes", "address", "base", "block", "limit", "limits", "mapping", "size", "type")

    def __init__(
        self, type: WT.MemoryType, guards: bool = True, limits: Limits | None = None
    ) -> None:
        """Reserve and make accessible the least size. Raises HostError when it cannot be.

        `guards` is the Engine's: whether address space for guards is to be had; `limits` the
        Store's, None for a shared memory.
        """
        declared = type.limits
        shift = declared.page_size_log2
        most = 1 << 48 if declared.is64 else _MAX_PAGES_32 if shift == 16 else 1 << 32
        limit = min(declared.max, most) if declared.max >= 0 else most
        if guards and is_guarded(type):
            size = GUARDED_SIZE
        else:
            reserve = max(_RESERVE_64 if guards else _RESERVE_CHECKED, declared.min << shift)
            size = libc.page_align(max(min(limit << shift, reserve), 1))
            limit = min(limit, size >> shift)
        if declared.min > limit or (limits and not limits.allow_memory(declared.min << shift)):
            raise HostError(f"cannot make a memory of {declared.min} pages")
        self.type = type
        self.limits = limits
        self.limit = limit
        self.size = size
        self.base = libc.map_pages(size, libc.PROT_NONE)
        self.mapping = Mapping.own(self.base, size)
        self._bytes = memoryview(b"")
        self.block = libc.words(MEMORY.size // 8)
        self.address = libc.address_of(self.block)
        libc.poke(self.address + MEMORY["base"], self.base)
        if self.grow(declared.min) < 0:
            raise HostError(f"cannot make a memory of {declared.min} pages")

    @property
    def pages(self) -> int:
        return self.block[_PAGES]

    @property
    def length(self) -> int:
        """Size in bytes."""
        return self.block[_LENGTH]

    @property
    def bytes(self) -> memoryview:
        """All of it, for use at once: unlike a view of a Memory it keeps nothing alive."""
        length = self.block[_LENGTH]
        if len(self._bytes) != length:
            self._bytes = memoryview((ctypes.c_ubyte * length).from_address(self.base)).cast("B")
        return self._bytes

    def grow(self, delta: int) -> int:
        """Add `delta` pages; the old size in pages, or -1 when it cannot."""
        with _growing:  # a shared memory may grow in two threads
            return self._grow(delta)

    def _grow(self, delta: int) -> int:
        old = self.pages
        new = old + delta
        if delta < 0 or new > self.limit:
            return -1
        if delta:
            shift = self.type.limits.page_size_log2
            if self.limits is not None and not self.limits.allow_memory(new << shift):
                return -1
            accessible = libc.page_align(old << shift)
            wanted = libc.page_align(new << shift)
            if wanted > accessible:
                start = self.base + accessible
                try:
                    libc.protect(start, wanted - accessible, libc.PROT_READ | libc.PROT_WRITE)
                except HostError:
                    return -1
            libc.poke(self.address + MEMORY["length"], new << shift)
            libc.poke(self.address + MEMORY["pages"], new)
        return old


class _MemoryBase:
    """Python part of a Memory."""

    __slots__ = ("__weakref__", "_core", "_store")

    _store: Store
    _core: MemoryCore

    @property
    def type(self) -> WT.MemoryType:
        """Limits in pages, and whether 64-bit or shared."""
        return self._core.type

    @property
    def pages(self) -> int:
        """Size in pages."""
        return self._core.pages

    def __len__(self) -> int:
        """Size in bytes."""
        return self._core.length

    def grow(self, delta: int) -> int:
        """Grow by `delta` pages; the old size in pages, or -1 when it cannot."""
        self._store._state.check_idle()
        return self._core.grow(delta)

    def view(self, start: int = 0, stop: int | None = None) -> memoryview:
        """A writable view of bytes; it stays valid after growth and keeps the memory alive."""
        if self._store._state.closed:
            raise StoreClosed("the store is closed")
        return memoryview(self)[start:stop]  # type: ignore[arg-type]

    def __getitem__(self, key: int | slice) -> int | bytes:
        part = self._core.bytes[key]
        if isinstance(part, memoryview):
            if key.step not in (None, 1):  # type: ignore[union-attr]
                raise ValueError("memory slices have no step")
            return part.tobytes()
        return part

    def __setitem__(self, key: int | slice, value: Any) -> None:
        if isinstance(key, slice):
            part = self._core.bytes[key]
            if key.step not in (None, 1):
                raise ValueError("memory slices have no step")
            data = value if isinstance(value, bytes) else bytes(value)
            if len(data) != len(part):
                raise ValueError(f"cannot put {len(data)} bytes in {len(part)} bytes of memory")
            part[:] = data
            return
        if not 0 <= value < 256:
            raise ValueError(f"{value} is not a byte")
        self._core.bytes[key] = value

    def __repr__(self) -> str:
        return f"<grus.Memory of {self.pages} pages>"


class _SharedMemoryBase(_MemoryBase):
    """Python part of a SharedMemory: a Memory of no Store."""

    __slots__ = ("engine",)

    engine: Engine

    def __init__(self, engine: Engine, type: WT.MemoryType) -> None:
        """Raises ValueError for a type that is not shared, HostError when it cannot be made."""
        expect(engine, Engine, "engine")
        expect(type, WT.MemoryType, "type")
        if not type.limits.shared:
            raise ValueError("the type of a shared memory must be shared")
        self.engine = engine
        _set_core(self, _SharedMemoryBase, MemoryCore(type, engine.guards))

    def grow(self, delta: int) -> int:
        """Grow by `delta` pages; the old size in pages, or -1 when it cannot."""
        return self._core.grow(delta)

    def view(self, start: int = 0, stop: int | None = None) -> memoryview:
        """A writable view of bytes; it stays valid after growth and keeps the memory alive."""
        return memoryview(self)[start:stop]  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"<grus.SharedMemory of {self.pages} pages>"


def _make_type(name: str, base: type, doc: str) -> Any:
    native = runtime()
    get = native.stub_pages.place(stubs.get_buffer(base.__basicsize__, native.sym))
    made = objects.buffer_type(name, base, get)
    made.__doc__ = doc
    return made


Memory: Any = _make_type(
    "grus.Memory", _MemoryBase, "A linear memory: bytes by index and slice, a buffer, and `view`."
)
SharedMemory: Any = _make_type(
    "grus.SharedMemory",
    _SharedMemoryBase,
    "A shared memory of an Engine; instances of all its Stores can import it. Like a Memory.",
)


def _set_core(memory: Any, base: type, core: MemoryCore) -> None:
    memory._core = core
    objects.set_field(memory, base.__basicsize__, layout.BUFFER_NATIVE["memory"], core.address)


def guards_fit() -> bool:
    """Whether this process can reserve address space for guarded memories."""
    try:
        address = libc.map_pages(GUARDED_SIZE, libc.PROT_NONE)
    except HostError:
        return False
    libc.unmap(address, GUARDED_SIZE)
    return True


def memory_handle(store: Store, core: MemoryCore) -> Any:
    """A Memory, or SharedMemory, for a core of the Store."""
    if core.type.limits.shared:
        memory = SharedMemory.__new__(SharedMemory)
        memory.engine = store.engine
        _set_core(memory, _SharedMemoryBase, core)
    else:
        memory = Memory.__new__(Memory)
        memory._store = store
        _set_core(memory, _MemoryBase, core)
    return memory


def new_memory_core(store: Store, type: WT.MemoryType) -> MemoryCore:
    """A new memory that the Store owns. Raises HostError or ResourceLimit."""
    limits = store._state.limits
    limits.add("memories")
    core = MemoryCore(type, store.engine.guards, limits)
    store._keep.append(core)
    _add(store, core)
    return core


def _add(store: Store, core: MemoryCore) -> None:
    """Tell a Store of a memory that its code will use."""
    store._state.memories.append(core)
    store._add_reservation(core.base, core.base + core.size)


def adopt_memory(store: Store, core: MemoryCore) -> None:
    """Make a shared memory known to a Store that imports it."""
    if core not in store._state.memories:
        store._keep.append(core)
        _add(store, core)


def new_memory(store: Store, type: WT.MemoryType) -> Any:
    """A Memory made by the host. Raises HostError or ResourceLimit."""
    return memory_handle(store, new_memory_core(store, type))
