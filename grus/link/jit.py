"""Functions compiled into this process: placed together in code memory and linked.

A `JITModule` collects functions and addresses of symbols; `finish` compiles what is left, lays all
of it out as one image, resolves relocations and makes it executable. Symbols that no one defined
are looked up in the process.
"""

from __future__ import annotations

from grus.backend.compile import compile_function
from grus.backend.emit import CompiledFunction, Reloc
from grus.backend.settings import Settings
from grus.backend.target import Target
from grus.base.errors import GrusError
from grus.host import libc, pages
from grus.ir.function import Function


class LinkError(GrusError):
    """A symbol that is not defined, defined twice, or out of reach of its relocation."""


# Names of `cranelift_codegen::ir::LibCall` and the C functions that do them.
LIBCALLS = {
    "CeilF32": "ceilf",
    "CeilF64": "ceil",
    "FloorF32": "floorf",
    "FloorF64": "floor",
    "TruncF32": "truncf",
    "TruncF64": "trunc",
    "NearestF32": "nearbyintf",
    "NearestF64": "nearbyint",
    "FmaF32": "fmaf",
    "FmaF64": "fma",
    "Memcpy": "memcpy",
    "Memset": "memset",
    "Memmove": "memmove",
    "Memcmp": "memcmp",
}


class JITModule:
    """Functions and symbols that are linked together."""

    __slots__ = ("_addresses", "_functions", "_image", "settings", "target")

    def __init__(self, target: Target, settings: Settings) -> None:
        self.target = target
        self.settings = settings
        self._functions: dict[str, CompiledFunction] = {}
        self._addresses: dict[str, int] = {}
        self._image = (0, 0)

    def define(self, func: Function) -> CompiledFunction:
        """Compile a function. Its address is known after `finish`."""
        return self.add(compile_function(func, self.target, self.settings))

    def add(self, compiled: CompiledFunction) -> CompiledFunction:
        """Add machine code. Raises LinkError when the name is taken."""
        if compiled.name in self._functions:
            raise LinkError(f"{compiled.name} is defined twice")
        self._functions[compiled.name] = compiled
        return compiled

    def symbol(self, name: str, address: int) -> None:
        """Give the address of an external name (text form, `%puts`)."""
        self._addresses[name] = address

    def address(self, name: str) -> int:
        """Where a name is, after `finish`. Raises LinkError."""
        found = self._addresses.get(name)
        if found is not None:
            return found
        plain = name.removeprefix("%")
        try:
            return libc.symbol(LIBCALLS.get(plain, plain))
        except libc.HostError:
            raise LinkError(f"{name} is not defined") from None

    def finish(self) -> None:
        """Place and link all functions. Raises LinkError."""
        offsets: dict[str, int] = {}
        size = 0
        got: dict[str, int] = {}
        for name, compiled in self._functions.items():
            size = (size + compiled.align - 1) & -compiled.align
            offsets[name] = size
            size += len(compiled.code)
            for reloc in compiled.relocs:
                if reloc.kind == "X86GOTPCRel4":
                    got.setdefault(reloc.name, 0)
        size = (size + 15) & -16
        for name in got:
            got[name] = size
            size += 8
        arena = pages.arena("library")
        base = arena.reserve(size)
        image = bytearray(b"\xcc" * size)
        for name, offset in offsets.items():
            self._addresses[name] = base + offset
        for name, at in got.items():
            image[at : at + 8] = self.address(name).to_bytes(8, "little")
        for name, compiled in self._functions.items():
            offset = offsets[name]
            image[offset : offset + len(compiled.code)] = compiled.code
            for reloc in compiled.relocs:
                if reloc.kind == "X86GOTPCRel4":
                    target = base + got[reloc.name]
                else:
                    target = self.address(reloc.name)
                _apply(image, offset + reloc.offset, base + offset + reloc.offset, reloc, target)
        arena.fill(base, bytes(image))
        self._image = (base, size)

    def free(self) -> None:
        """Give the memory back. No code of the module may be running or be called again."""
        if self._image[1]:
            pages.arena("library").release(*self._image)
            self._image = (0, 0)


def _apply(image: bytearray, at: int, place: int, reloc: Reloc, target: int) -> None:
    """Fill the field of a relocation at `at` of the image, which lies at address `place`."""
    if reloc.kind == "Abs8":
        value = target + reloc.addend & (1 << 64) - 1
        image[at : at + 8] = value.to_bytes(8, "little")
        return
    if reloc.kind not in ("X86PCRel4", "X86CallPCRel4", "X86CallPLTRel4", "X86GOTPCRel4"):
        raise LinkError(f"relocation {reloc.kind} of {reloc.name}")
    value = target + reloc.addend - place
    if not -(1 << 31) <= value < 1 << 31:
        raise LinkError(f"{reloc.name} is out of reach of a relative call")
    image[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")
