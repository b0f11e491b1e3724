"""ELF64 relocatable files for x86-64.

Source: System V ABI (gabi 4.1, chapters 4 and 5); System V psABI for x86-64 1.0, table 4.9.
"""

from __future__ import annotations

from typing import Final

from grus.link.object.model import (
    BSS,
    DATA,
    DEBUG,
    PDATA,
    RELRO,
    RODATA,
    TBSS,
    TDATA,
    TEXT,
    UNWIND,
    XDATA,
    ObjectError,
    ObjectFile,
    Section,
    Symbol,
    at_most,
)

RELOC_TYPES: Final[dict[str, int]] = {
    "Abs8": 1,  # R_X86_64_64
    "X86PCRel4": 2,  # R_X86_64_PC32
    "X86CallPCRel4": 4,  # R_X86_64_PLT32
    "X86CallPLTRel4": 4,
    "X86GOTPCRel4": 9,  # R_X86_64_GOTPCREL
    "Abs4": 10,  # R_X86_64_32
    "SectionOffset4": 10,
    "ElfX86_64TlsGd": 19,  # R_X86_64_TLSGD
    "ElfX86_64TpOff": 23,  # R_X86_64_TPOFF32
}

_SHT_PROGBITS: Final = 1
_SHT_SYMTAB: Final = 2
_SHT_STRTAB: Final = 3
_SHT_RELA: Final = 4
_SHT_NOBITS: Final = 8
_SHT_X86_64_UNWIND: Final = 0x70000001
_WRITE: Final = 1
_ALLOC: Final = 2
_EXEC: Final = 4
_TLS: Final = 0x400
_INFO_LINK: Final = 0x40

_KINDS: Final[dict[str, tuple[int, int]]] = {
    TEXT: (_SHT_PROGBITS, _ALLOC | _EXEC),
    RODATA: (_SHT_PROGBITS, _ALLOC),
    RELRO: (_SHT_PROGBITS, _ALLOC | _WRITE),
    DATA: (_SHT_PROGBITS, _ALLOC | _WRITE),
    BSS: (_SHT_NOBITS, _ALLOC | _WRITE),
    TDATA: (_SHT_PROGBITS, _ALLOC | _WRITE | _TLS),
    TBSS: (_SHT_NOBITS, _ALLOC | _WRITE | _TLS),
    UNWIND: (_SHT_X86_64_UNWIND, _ALLOC),
    DEBUG: (_SHT_PROGBITS, 0),
}
"""Kind of section: type and flags."""

_SYMBOL_TYPES: Final = {"none": 0, "data": 1, "func": 2, "section": 3, "file": 4, "tls": 6}
_HIDDEN: Final = 2
_EHDR_SIZE: Final = 64
_SHDR_SIZE: Final = 64
_SYM_SIZE: Final = 24
_ET_REL: Final = 1
_EM_X86_64: Final = 62


class Strings:
    """A string table: every string once."""

    def __init__(self) -> None:
        self.out = bytearray(b"\0")
        self._known: dict[str, int] = {"": 0}

    def add(self, text: str) -> int:
        """Offset of a string."""
        at = self._known.get(text)
        if at is None:
            at = self._known[text] = len(self.out)
            self.out += text.encode() + b"\0"
        return at


def word(value: int, size: int) -> bytes:
    return (value & (1 << 8 * size) - 1).to_bytes(size, "little")


class _Header:
    """A section header with its contents."""

    __slots__ = ("address", "align", "contents", "entry", "flags", "info", "kind", "link", "name")

    def __init__(self, name: str, kind: int, flags: int, contents: bytes, align: int) -> None:
        self.name = name
        self.kind = kind
        self.flags = flags
        self.contents = contents
        self.align = align
        self.address = 0
        self.link = 0
        self.info = 0
        self.entry = 0


def write(obj: ObjectFile) -> bytes:
    """The file. Raises ObjectError for a section or relocation that ELF does not have."""
    at_most(obj, 32000, "an ELF")
    headers = [_Header("", 0, 0, b"", 0)]
    sizes: list[int] = [0]
    for section in obj.sections:
        if section.kind in (PDATA, XDATA):
            raise ObjectError(f"section {section.name} in an ELF file")
        kind, flags = _KINDS[section.kind]
        section.num = len(headers)
        header = _Header(section.name, kind, flags, bytes(section.contents), section.align)
        header.address = section.address
        headers.append(header)
        sizes.append(section.size)
    count = len(headers)

    strings = Strings()
    symbols, first_global = _symbols(obj, strings)
    for section in obj.sections:
        if section.relocs:
            flags = _INFO_LINK
            header = _Header(f".rela{section.name}", _SHT_RELA, flags, _relocs(section), 8)
            header.info = section.num
            header.entry = 24
            headers.append(header)
    headers.append(_Header(".note.GNU-stack", _SHT_PROGBITS, 0, b"", 1))
    symtab = _Header(".symtab", _SHT_SYMTAB, 0, symbols, 8)
    symtab.info = first_global
    symtab.entry = _SYM_SIZE
    symtab.link = len(headers) + 1
    for header in headers:
        if header.kind == _SHT_RELA:
            header.link = len(headers)
    headers.append(symtab)
    headers.append(_Header(".strtab", _SHT_STRTAB, 0, bytes(strings.out), 1))
    names = Strings()
    offsets = [names.add(header.name) for header in headers]
    offsets.append(names.add(".shstrtab"))
    headers.append(_Header(".shstrtab", _SHT_STRTAB, 0, bytes(names.out), 1))

    out = bytearray(_EHDR_SIZE)
    table = bytearray()
    for number, header in enumerate(headers):
        out += bytes(-len(out) % max(header.align, 1))
        size = len(header.contents) if number >= count else sizes[number]
        table += word(offsets[number], 4) + word(header.kind, 4) + word(header.flags, 8)
        table += word(header.address, 8) + word(len(out) if header.kind else 0, 8) + word(size, 8)
        table += word(header.link, 4) + word(header.info, 4)
        table += word(header.align, 8) + word(header.entry, 8)
        if header.kind != _SHT_NOBITS:
            out += header.contents
    out += bytes(-len(out) % 8)
    start = len(out)
    out += table
    out[0:16] = b"\x7fELF\x02\x01\x01" + bytes(9)
    out[16:64] = (
        word(_ET_REL, 2) + word(_EM_X86_64, 2) + word(1, 4) + word(0, 8) + word(0, 8)
        + word(start, 8) + word(0, 4) + word(_EHDR_SIZE, 2) + word(0, 2) + word(0, 2)
        + word(_SHDR_SIZE, 2) + word(len(headers), 2) + word(len(headers) - 1, 2)
    )  # fmt: skip
    return bytes(out)


def _symbols(obj: ObjectFile, strings: Strings) -> tuple[bytes, int]:
    """The symbol table, local ones first, and the number of the first that is not."""
    out = bytearray(_SYM_SIZE)
    number = 1
    if obj.source:
        out += word(strings.add(obj.source), 4) + bytes([_SYMBOL_TYPES["file"], 0])
        out += word(0xFFF1, 2) + bytes(16)
        number += 1
    local = [section.symbol for section in obj.sections]
    local += [s for s in obj.symbols if s.linkage == "local"]
    for symbol in local:
        out += _symbol(symbol, symbol.kind, 0, 0, strings)
        symbol.num = number
        number += 1
    first_global = number
    for symbol in obj.symbols:
        if symbol.linkage == "local":
            continue
        visibility = _HIDDEN if symbol.linkage == "hidden" else 0
        kind = symbol.kind if symbol.section is not None or symbol.kind == "tls" else "none"
        # What may be replaced by another definition is weak, as in `cranelift-object`.
        binding = 2 if symbol.linkage == "preemptible" and symbol.section is not None else 1
        out += _symbol(symbol, kind, binding, visibility, strings)
        symbol.num = number
        number += 1
    return bytes(out), first_global


def _symbol(symbol: Symbol, kind: str, binding: int, visibility: int, strings: Strings) -> bytes:
    section = symbol.section
    out = word(strings.add(symbol.name), 4) + bytes([binding << 4 | _SYMBOL_TYPES[kind]])
    out += bytes([visibility]) + word(section.num if section is not None else 0, 2)
    return out + word(symbol.offset, 8) + word(symbol.size, 8)


def _relocs(section: Section) -> bytes:
    out = bytearray()
    for reloc in section.relocs:
        kind = RELOC_TYPES.get(reloc.kind)
        if kind is None:
            raise ObjectError(f"relocation {reloc.kind} of {reloc.symbol.name} in an ELF file")
        out += word(reloc.offset, 8) + word(kind, 4) + word(reloc.symbol.num, 4)
        out += word(reloc.addend, 8)
    return bytes(out)
