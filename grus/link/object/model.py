"""An object file before it has a format: sections, symbols, relocations.

What a relocation means is said once, in `RELOCS`; how a format writes it is one row in `elf.py`,
`coff.py` or `macho.py`.
"""

from __future__ import annotations

from typing import Final

from grus.base.errors import GrusError


class ObjectError(GrusError):
    """Something that the format of an object file cannot say."""


# Kinds of sections.
TEXT: Final = "text"
RODATA: Final = "rodata"
RELRO: Final = "relro"  # read-only after relocation
DATA: Final = "data"
BSS: Final = "bss"
TDATA: Final = "tdata"
TBSS: Final = "tbss"
TVARS: Final = "tvars"  # Mach-O's descriptors of thread-local data
UNWIND: Final = "unwind"  # .eh_frame
COMPACT: Final = "compact"  # Mach-O's compact unwind information
PDATA: Final = "pdata"
XDATA: Final = "xdata"
DEBUG: Final = "debug"
WITHOUT_CONTENTS: Final = (BSS, TBSS)

# S symbol, A addend, P the field's place, G the symbol's entry in a table of addresses.
RELOCS: Final[dict[str, tuple[int, str]]] = {
    "Abs4": (4, "S + A"),
    "Abs8": (8, "S + A"),
    "X86PCRel4": (4, "S + A - P"),
    "PCRel8": (8, "S + A - P, within the file"),
    "X86CallPCRel4": (4, "S + A - P, and the symbol may be reached through a jump"),
    "X86CallPLTRel4": (4, "the same"),
    "X86GOTPCRel4": (4, "G + A - P"),
    "ElfX86_64TlsGd": (4, "place of the general-dynamic TLS descriptor + A - P"),
    "ElfX86_64TpOff": (4, "S + A from the thread pointer"),
    "MachOX86_64Tlv": (4, "place of the pointer to the symbol's descriptor + A - P"),
    "X86SecRel": (4, "S + A from the beginning of the section in the program"),
    "SectionOffset4": (4, "S + A from the beginning of the symbol's section"),
    "ImageOffset4": (4, "S + A from the beginning of the image"),
}
"""Kind: bytes of the field, and its value."""


class Symbol:
    """A name. `section` is None when it is defined elsewhere; `offset` counts from the beginning
    of the section. `kind` is "func", "data", "tls", "section" or "none"; `linkage` as in
    `link.module`."""

    __slots__ = ("kind", "linkage", "name", "num", "offset", "section", "size")

    def __init__(
        self,
        name: str,
        kind: str,
        linkage: str,
        section: Section | None = None,
        offset: int = 0,
        size: int = 0,
    ) -> None:
        self.name = name
        self.kind = kind
        self.linkage = linkage
        self.section = section
        self.offset = offset
        self.size = size
        self.num = -1  # in the file, set by writers


class Relocation:
    """The field at `offset` of a section gets the value of `kind` (`RELOCS`)."""

    __slots__ = ("addend", "kind", "offset", "symbol")

    def __init__(self, offset: int, kind: str, symbol: Symbol, addend: int) -> None:
        self.offset = offset
        self.kind = kind
        self.symbol = symbol
        self.addend = addend


class Section:
    """Bytes, or for BSS and TBSS a size only. `name` is the ELF name. `address` is 0 but for code
    that already lies in memory."""

    __slots__ = ("address", "align", "contents", "kind", "name", "num", "relocs", "size", "symbol")

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        self.align = 1
        self.contents = bytearray()
        self.size = 0
        self.address = 0
        self.relocs: list[Relocation] = []
        self.symbol = Symbol("", "section", "local", self)
        self.num = -1  # in the file, set by writers

    def append(self, contents: bytes, align: int = 1, fill: int = 0) -> int:
        """Add bytes at the next multiple of `align`; gives their offset."""
        self.align = max(self.align, align)
        pad = -len(self.contents) % align
        self.contents += bytes([fill]) * pad
        offset = len(self.contents)
        self.contents += contents
        self.size = len(self.contents)
        return offset

    def reserve(self, size: int, align: int) -> int:
        """Room without contents; gives its offset."""
        self.align = max(self.align, align)
        offset = (self.size + align - 1) & -align
        self.size = offset + size
        return offset

    def relocate(self, offset: int, kind: str, symbol: Symbol, addend: int) -> None:
        self.relocs.append(Relocation(offset, kind, symbol, addend))


class ObjectFile:
    """Sections and symbols, in the order of the file. `source` is a name for the whole, or ""."""

    __slots__ = ("_by_name", "sections", "source", "symbols")

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.sections: list[Section] = []
        self.symbols: list[Symbol] = []
        self._by_name: dict[str, Section] = {}

    def section(self, name: str, kind: str) -> Section:
        """The section of this name, made when it is not there. Raises ObjectError when it is of
        another kind."""
        section = self._by_name.get(name)
        if section is None:
            section = self._by_name[name] = Section(name, kind)
            self.sections.append(section)
        elif section.kind != kind:
            raise ObjectError(f"section {name} is {section.kind} and {kind}")
        return section

    def symbol(self, symbol: Symbol) -> Symbol:
        self.symbols.append(symbol)
        return symbol


def at_most(obj: ObjectFile, count: int, format: str) -> None:
    """Raise ObjectError when there are more sections than a format can number."""
    if len(obj.sections) > count:
        raise ObjectError(f"{len(obj.sections)} sections in {format} file; at most {count}")


def resolve(obj: ObjectFile) -> None:
    """Apply all relocations between sections that have addresses. Raises ObjectError for a symbol
    that is not defined here."""
    for section in obj.sections:
        for reloc in section.relocs:
            target = reloc.symbol
            if target.section is None:
                raise ObjectError(f"{target.name} is not defined")
            value = target.offset + reloc.addend
            if reloc.kind != "SectionOffset4":
                value += target.section.address
            if reloc.kind in ("X86PCRel4", "X86CallPCRel4", "X86CallPLTRel4"):
                value -= section.address + reloc.offset
            elif reloc.kind not in ("Abs4", "Abs8", "SectionOffset4"):
                raise ObjectError(f"relocation {reloc.kind} of {target.name}")
            size = RELOCS[reloc.kind][0]
            field = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
            section.contents[reloc.offset : reloc.offset + size] = field
        section.relocs = []
