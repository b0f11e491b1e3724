"""gdb's interface for generated code.

gdb puts a breakpoint on a function `__jit_debug_register_code` of the process and reads the list
behind `__jit_debug_descriptor` when it is called. Python has neither, so a small shared library
with the two is written to a temporary file and loaded. Each entry of the list is an object file
in memory, whose sections lie where the code is.

Source: gdb manual, "JIT Compilation Interface"; System V ABI, chapter 5 (dynamic linking).
"""

from __future__ import annotations

import atexit
import ctypes
import os
import tempfile
from typing import Any, Final

from grus.backend import unwind
from grus.backend.emit import CompiledFunction
from grus.host.machine import unwind as target_unwind
from grus.ir.function import NO_LOC, Function
from grus.ir.parser import parse_file
from grus.ir.printer import print_function
from grus.link.debug import Locations
from grus.link.object import elf
from grus.link.object.dwarf import add_debug
from grus.link.object.elf import Strings, word
from grus.link.object.model import TEXT, UNWIND, ObjectFile, Symbol, resolve

_NO_ACTION: Final = 0
_REGISTER: Final = 1
_UNREGISTER: Final = 2


class _Entry(ctypes.Structure):
    """`struct jit_code_entry`."""


_EntryPointer = ctypes.POINTER(_Entry)
_Entry._fields_ = [
    ("next", _EntryPointer),
    ("prev", _EntryPointer),
    ("symfile", ctypes.c_char_p),
    ("size", ctypes.c_uint64),
]


class _Descriptor(ctypes.Structure):
    """`struct jit_descriptor`."""

    _fields_ = [
        ("version", ctypes.c_uint32),
        ("action", ctypes.c_uint32),
        ("relevant", _EntryPointer),
        ("first", _EntryPointer),
    ]


class _Interface:
    """The loaded library and the list."""

    def __init__(self) -> None:
        handle, self.path = tempfile.mkstemp(prefix="grus-gdb-", suffix=".so")
        with os.fdopen(handle, "wb") as file:
            file.write(shared_library())
        atexit.register(_remove, self.path)
        library: Any = ctypes.CDLL(self.path)
        self.notify = getattr(library, "__jit_debug_register_code")  # noqa: B009
        self.descriptor = _Descriptor.in_dll(library, "__jit_debug_descriptor")
        self.descriptor.version = 1
        self.entries: dict[int, tuple[_Entry, bytes]] = {}


def _remove(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)


_interface: _Interface | None = None


def register(functions: list[tuple[int, CompiledFunction]], locations: Locations) -> object:
    """Tell gdb of functions at these addresses; gives what `unregister` takes."""
    global _interface
    if not functions:
        return None
    if _interface is None:
        _interface = _Interface()
    file = object_in_memory(functions, locations)
    entry = _Entry()
    entry.symfile = file
    entry.size = len(file)
    descriptor = _interface.descriptor
    if descriptor.first:
        entry.next = descriptor.first
        descriptor.first.contents.prev = ctypes.pointer(entry)
    descriptor.first = ctypes.pointer(entry)
    _interface.entries[ctypes.addressof(entry)] = (entry, file)
    _act(_interface, entry, _REGISTER)
    return ctypes.addressof(entry)


def unregister(token: object) -> None:
    """The functions of a `register` are gone."""
    if _interface is None or not isinstance(token, int):
        return
    entry, _ = _interface.entries[token]
    if entry.next:
        entry.next.contents.prev = entry.prev
    if entry.prev:
        entry.prev.contents.next = entry.next
    else:
        _interface.descriptor.first = entry.next
    _act(_interface, entry, _UNREGISTER)
    del _interface.entries[token]


def _act(interface: _Interface, entry: _Entry, action: int) -> None:
    interface.descriptor.relevant = ctypes.pointer(entry)
    interface.descriptor.action = action
    interface.notify()
    interface.descriptor.action = _NO_ACTION


def write_source(func: Function, locations: Locations) -> None:
    """Print a function to a temporary file and give its instructions, where they have none, source
    locations there; these are added to `locations`."""
    text = print_function(func)
    handle, path = tempfile.mkstemp(prefix="grus-", suffix=".clif")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    atexit.register(_remove, path)
    [printed] = parse_file(text).functions
    lines = printed.lines()
    for block, shown in zip(func.blocks, printed.func.blocks, strict=True):
        for inst, same in zip(block.insts, shown.insts, strict=True):
            if inst.loc == NO_LOC:
                inst.loc = 1 << 31 | len(locations)
                locations[inst.loc] = (path, lines.get(same, 0), 0)


def object_in_memory(functions: list[tuple[int, CompiledFunction]], locations: Locations) -> bytes:
    """An ELF file of code that lies at these addresses, ascending: symbols, lines, unwinding."""
    obj = ObjectFile()
    text = obj.section(".text", TEXT)
    start = functions[0][0]
    last, last_func = functions[-1]
    text.address = start
    text.append(ctypes.string_at(start, last + len(last_func.code) - start), 16)
    symbols: list[tuple[Symbol, CompiledFunction]] = []
    for address, func in functions:
        name = func.name.removeprefix("%")
        symbol = Symbol(name, "func", "export", text, address - start, len(func.code))
        symbols.append((obj.symbol(symbol), func))
    described = [(address, func) for address, func in functions if func.unwind]
    if described:
        frames = obj.section(".eh_frame", UNWIND)
        frames.address = start + text.size + 15 & -16
        frames.append(unwind.placed_eh_frame(described, target_unwind.DWARF, frames.address), 8)
    if locations:
        add_debug(obj, symbols, "<Grus>", locations)
        resolve(obj)
    return elf.write(obj)


# ---- a shared library, made by hand ----

_PAGE: Final = 0x1000
_TEXT_AT: Final = 0x800
_DESCRIPTOR_SIZE: Final = 24


def shared_library() -> bytes:
    """An ELF shared library that defines gdb's function (a `ret`) and descriptor (zeros)."""
    names = Strings()
    function = names.add("__jit_debug_register_code")
    descriptor = names.add("__jit_debug_descriptor")
    soname = names.add("grus-gdb.so")
    strings = bytes(names.out)
    data_at = _PAGE + 0x100
    symbols = bytes(24)
    symbols += word(function, 4) + b"\x12\0" + word(1, 2) + word(_TEXT_AT, 8) + word(1, 8)
    symbols += word(descriptor, 4) + b"\x11\0" + word(2, 2) + word(data_at, 8)
    symbols += word(_DESCRIPTOR_SIZE, 8)
    # One bucket holds all symbols.
    table = word(1, 4) + word(3, 4) + word(1, 4) + word(0, 4) + word(2, 4) + word(0, 4)
    symbols_at, strings_at, hash_at = 0x200, 0x300, 0x400
    rows = [(14, soname), (4, hash_at), (5, strings_at), (6, symbols_at), (10, len(strings))]
    dynamic = b"".join([word(tag, 8) + word(value, 8) for tag, value in [*rows, (11, 24), (0, 0)]])
    dynamic_at = _PAGE

    section_names = Strings()
    header_rows = [
        # name, type, flags, address, size, link, info, align, entry size
        ("", 0, 0, 0, 0, 0, 0, 0, 0),
        (".text", 1, 6, _TEXT_AT, 1, 0, 0, 16, 0),
        (".data", 1, 3, data_at, _DESCRIPTOR_SIZE, 0, 0, 8, 0),
        (".dynsym", 11, 2, symbols_at, len(symbols), 4, 1, 8, 24),
        (".dynstr", 3, 2, strings_at, len(strings), 0, 0, 1, 0),
        (".hash", 5, 2, hash_at, len(table), 3, 0, 8, 4),
        (".dynamic", 6, 3, dynamic_at, len(dynamic), 4, 0, 8, 16),
    ]
    offsets = [section_names.add(row[0]) for row in header_rows]
    shstrtab = section_names.add(".shstrtab")
    names_at = 2 * _PAGE
    headers = bytearray()
    for offset, (_, kind, flags, address, size, link, info, align, entry) in zip(
        offsets, header_rows, strict=True
    ):
        headers += word(offset, 4) + word(kind, 4) + word(flags, 8) + word(address, 8)
        headers += word(address, 8) + word(size, 8) + word(link, 4) + word(info, 4)
        headers += word(align, 8) + word(entry, 8)
    headers += word(shstrtab, 4) + word(3, 4) + bytes(16) + word(names_at, 8)
    headers += word(len(section_names.out), 8) + bytes(8) + word(1, 8) + bytes(8)
    headers_at = names_at + (len(section_names.out) + 7 & -8)

    segments = b""
    for kind, flags, at, size in (
        (1, 5, 0, _PAGE),  # read and execute
        (1, 6, _PAGE, _PAGE),  # read and write
        (2, 6, dynamic_at, len(dynamic)),
        (0x6474E551, 6, 0, 0),  # no executable stack
    ):
        segments += word(kind, 4) + word(flags, 4) + word(at, 8) * 3 + word(size, 8) * 2
        segments += word(_PAGE if kind == 1 else 8, 8)
    out = bytearray(headers_at)
    out[:16] = b"\x7fELF\x02\x01\x01" + bytes(9)
    out[16:64] = (
        word(3, 2) + word(62, 2) + word(1, 4) + word(0, 8) + word(64, 8) + word(headers_at, 8)
        + word(0, 4) + word(64, 2) + word(56, 2) + word(4, 2)
        + word(64, 2) + word(len(header_rows) + 1, 2) + word(len(header_rows), 2)
    )  # fmt: skip
    for at, contents in (
        (64, segments),
        (symbols_at, symbols),
        (strings_at, strings),
        (hash_at, table),
        (_TEXT_AT, b"\xc3"),
        (dynamic_at, dynamic),
        (names_at, bytes(section_names.out)),
    ):
        out[at : at + len(contents)] = contents
    return bytes(out + headers)
