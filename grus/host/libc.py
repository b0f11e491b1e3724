"""The C library and the Python C API by address, through ctypes. Linux x86-64 only.

Every operating-system call of Grus outside WASI starts here.
"""

from __future__ import annotations

import array
import ctypes
import os
import sys

from grus.base.errors import GrusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class HostError(GrusError):
    """This machine or interpreter cannot do what is asked."""


def _check_platform() -> None:
    machine = os.uname().machine if hasattr(os, "uname") else "another processor"
    if sys.platform != "linux" or machine != "x86_64":
        raise HostError(
            f"running machine code needs Linux on x86-64, and this is {sys.platform} on {machine}"
        )
    if sys.implementation.name != "cpython":
        raise HostError(f"running machine code needs CPython, not {sys.implementation.name}")
    if hasattr(sys, "_is_gil_enabled") and not sys._is_gil_enabled():
        raise HostError("free-threaded builds of CPython are not supported")


_check_platform()

libc: Final = ctypes.CDLL(None, use_errno=True)

PROT_NONE: Final = 0
PROT_READ: Final = 1
PROT_WRITE: Final = 2
PROT_EXEC: Final = 4
_MAP_PRIVATE_ANONYMOUS_NORESERVE: Final = 0x4022
_MAP_PRIVATE_FIXED: Final = 0x12
_MAP_FAILED: Final = 2**64 - 1
_MADV_DONTNEED: Final = 4
PAGE: Final = 4096
SIGILL: Final = 4
SIGTRAP: Final = 5
SIGABRT: Final = 6
SIGBUS: Final = 7
SIGFPE: Final = 8
SIGSEGV: Final = 11

_mmap = libc.mmap
_mmap.restype = ctypes.c_uint64
_mmap.argtypes = [
    *(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64),
]
_mprotect = libc.mprotect
_mprotect.argtypes = [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int]
_munmap = libc.munmap
_munmap.argtypes = [ctypes.c_uint64, ctypes.c_uint64]
_madvise = libc.madvise
_madvise.argtypes = [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int]


def map_pages(size: int, protection: int = PROT_READ | PROT_WRITE) -> int:
    """Address of `size` fresh zero bytes, private to the process.

    Raises HostError when the system refuses (RLIMIT_AS, address space, memory).
    """
    address = _mmap(0, size, protection, _MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0)
    if address == _MAP_FAILED:
        reason = os.strerror(ctypes.get_errno())
        raise HostError(f"cannot map {size} bytes: {reason}")
    return int(address)


def map_private(address: int, size: int, fd: int) -> None:
    """Replace pages by those of a file, readable and writable; writes stay in this process.

    Raises HostError.
    """
    got = _mmap(address, size, PROT_READ | PROT_WRITE, _MAP_PRIVATE_FIXED, fd, 0)
    if got == _MAP_FAILED:
        reason = os.strerror(ctypes.get_errno())
        raise HostError(f"cannot map {size} bytes of a file: {reason}")


def protect(address: int, size: int, protection: int) -> None:
    """Change the protection of whole pages. Raises HostError."""
    if _mprotect(address, size, protection) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise HostError(f"cannot change the protection of {size} bytes: {reason}")


def unmap(address: int, size: int) -> None:
    _munmap(address, size)


def discard(address: int, size: int) -> None:
    """Give the pages' contents back to the system; they read as zero after."""
    _madvise(address, size, _MADV_DONTNEED)


def page_align(size: int) -> int:
    return (size + PAGE - 1) & -PAGE


_ZERO: Final = array.array("Q", [0])

Words = array.array
"""Memory that Python owns and machine code sees: 64-bit words at a fixed address."""


def words(values: int | list[int]) -> array.array[int]:
    """So many zero words, or words of these values. Never resize it: the address must stay."""
    if isinstance(values, int):
        return _ZERO * values
    return array.array("Q", values)


def address_of(block: array.array[int]) -> int:
    """Address of the first word."""
    return block.buffer_info()[0]


def view(address: int, count: int) -> memoryview:
    """Words at an address as a memoryview, which does not keep them: 30 ns an access, where `peek`
    and `poke` take 200."""
    return memoryview((ctypes.c_uint64 * count).from_address(address)).cast("B").cast("Q")


def poke(address: int, value: int) -> None:
    """Store 64 bits."""
    ctypes.c_uint64.from_address(address).value = value


def peek(address: int) -> int:
    """Load 64 bits."""
    return ctypes.c_uint64.from_address(address).value


def write(address: int, data: bytes | memoryview) -> None:
    """Copy bytes to an address."""
    if isinstance(data, bytes):
        ctypes.memmove(address, data, len(data))
    elif data:
        memoryview((ctypes.c_char * len(data)).from_address(address)).cast("B")[:] = data


def symbol(name: str) -> int:
    """Address of a function of the C library or of CPython. Raises HostError."""
    for library in (ctypes.pythonapi, libc):
        try:
            function = getattr(library, name)
        except AttributeError:
            continue
        address = ctypes.cast(function, ctypes.c_void_p).value
        if address:
            return address
    raise HostError(f"no function {name!r} in this process")


def object_symbol(name: str) -> int:
    """Address of a data symbol of CPython, such as `PyLong_Type`. Raises HostError."""
    try:
        return ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, name))
    except ValueError:
        raise HostError(f"no symbol {name!r} in this process") from None
