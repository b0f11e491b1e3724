"""Code memory: one reserved range per kind of code, pages written once and then made executable.

Three ranges, so that the signal handler can tell them apart by address alone (docs/abi.md):
`WASM` (r15 is a store context), `LIBRARY` (no pinned register), `STUBS` (thunks, landing, handler).
Pages are private, written while inaccessible to execution, then read+execute, never writable
again; addresses are not reused while an activation that was live at the time of freeing lives.
"""

from __future__ import annotations

import _thread
import bisect
import ctypes
import itertools
import os

from grus.host import libc
from grus.host.libc import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class CodeArena:
    """A reserved range from which code images are placed, each on pages of its own."""

    __slots__ = ("_inside", "_late", "_lock", "_pages", "end", "fault_map", "free_list", "name",
                 "next", "start")  # fmt: skip

    def __init__(self, name: str, size: int, faults: bool = False) -> None:
        self.name = name
        self.start = libc.map_pages(size, libc.PROT_NONE)
        self.end = self.start + size
        self.next = self.start  # what lies above was never used
        self.free_list: list[tuple[int, int]] = []
        # Threads exclude each other. A signal handler or finalizer of the same thread may come in
        # anywhere: it finds `_inside` set, and takes new pages from the counter, which is one
        # operation, or leaves freed ones in `_late`.
        self._lock = _thread.RLock()
        self._inside = False
        self._late: list[tuple[int, int]] = []
        self._pages = itertools.count(self.start, libc.PAGE)
        # One bit a code byte: set where a memory access may fault. Read by the signal handler.
        self.fault_map = libc.map_pages(size // 8) if faults else 0

    def reserve(self, size: int) -> int:
        """Address for an image of `size` bytes, page-aligned, not accessible yet. Raises HostError
        when there is no room."""
        size = libc.page_align(max(size, 1))
        with self._lock:
            if not self._inside:
                self._inside = True
                try:
                    while self._late:
                        self._join(*self._late.pop())
                    address = self._from_free(size)
                finally:
                    self._inside = False
                if address:
                    return address
        pages = list(itertools.islice(self._pages, size // libc.PAGE))
        if pages[-1] >= self.end:
            raise HostError(f"the {self.name} code range of {self.end - self.start} bytes is full")
        self.next = max(self.next, pages[0] + size)
        return pages[0]

    def _from_free(self, size: int) -> int:
        for index, (address, free) in enumerate(self.free_list):
            if free >= size:
                if free == size:
                    del self.free_list[index]
                else:
                    self.free_list[index] = (address + size, free - size)
                return address
        return 0

    def forget_threads(self) -> None:
        """In the child of a fork: those that were in here are gone."""
        self._lock = _thread.RLock()
        self._inside = False

    def fill(
        self, address: int, code: bytes | memoryview, faults: bytes | memoryview = b""
    ) -> None:
        """Write an image at a reserved address and make it executable.

        `faults` has bit i%8 of byte i//8 set when the instruction at offset i may fault.
        """
        size = libc.page_align(max(len(code), 1))
        libc.protect(address, size, libc.PROT_READ | libc.PROT_WRITE)
        libc.write(address, code)
        if faults:
            libc.write(self.fault_map + (address - self.start) // 8, faults)
        libc.protect(address, size, libc.PROT_READ | libc.PROT_EXEC)

    def place(self, code: bytes | memoryview, faults: bytes | memoryview = b"") -> int:
        """`reserve` and `fill` for position-independent code; gives the address."""
        address = self.reserve(len(code))
        self.fill(address, code, faults)
        return address

    def release(self, address: int, size: int) -> None:
        """Free an image that no activation can be in any more."""
        size = libc.page_align(max(size, 1))
        libc.protect(address, size, libc.PROT_NONE)
        libc.discard(address, size)
        if self.fault_map:
            start = self.fault_map + (address - self.start) // 8
            ctypes.memset(start, 0, size // 8)
        with self._lock:
            if self._inside:
                self._late.append((address, size))
                return
            self._inside = True
            try:
                self._join(address, size)
            finally:
                self._inside = False

    def _join(self, address: int, size: int) -> None:
        """Into the free list, in order of address; what lies side by side becomes one."""
        free = self.free_list
        at = bisect.bisect_left(free, (address, 0))
        if at < len(free) and free[at][0] == address + size:
            size += free.pop(at)[1]
        if at and free[at - 1][0] + free[at - 1][1] == address:
            at -= 1
            address, before = free[at]
            size += before
            free[at] = (address, size)
        else:
            free.insert(at, (address, size))


_SIZES: Final = {"wasm": 1 << 30, "library": 1 << 28, "stubs": 1 << 26}
_arenas: Final[dict[str, CodeArena]] = {}


def _after_fork() -> None:
    """A thread that held a lock does not exist in the child."""
    for made in _arenas.values():
        made.forget_threads()


os.register_at_fork(after_in_child=_after_fork)


def arena(name: str) -> CodeArena:
    """The range "wasm", "library" or "stubs", reserved at first use and kept for ever."""
    found = _arenas.get(name)
    if found is None:
        found = CodeArena(name, _SIZES[name], faults=name == "wasm")
        _arenas[name] = found
    return found
