"""COFF object files for x86-64 Windows.

Source: Microsoft, "PE Format", sections "COFF File Header" to "COFF Relocations".
"""

from __future__ import annotations

from typing import Final

from grus.link.object.elf import word
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
    XDATA,
    ObjectError,
    ObjectFile,
    Section,
    Symbol,
    at_most,
)

RELOC_TYPES: Final[dict[str, tuple[int, int]]] = {
    "Abs8": (1, 0),  # IMAGE_REL_AMD64_ADDR64
    "Abs4": (2, 0),  # IMAGE_REL_AMD64_ADDR32
    "ImageOffset4": (3, 0),  # IMAGE_REL_AMD64_ADDR32NB
    "X86PCRel4": (4, 4),  # IMAGE_REL_AMD64_REL32, from the end of the field
    "X86CallPCRel4": (4, 4),
    "X86CallPLTRel4": (4, 4),
    "SectionOffset4": (11, 0),  # IMAGE_REL_AMD64_SECREL
    "X86SecRel": (11, 0),
}
"""Kind: type, and what is added to the addend, which stands in the field."""

_CODE: Final = 0x20
_INITIALIZED: Final = 0x40
_UNINITIALIZED: Final = 0x80
_MANY_RELOCS: Final = 0x01000000
_DISCARDABLE: Final = 0x02000000
_EXEC: Final = 0x20000000
_READ: Final = 0x40000000
_WRITE: Final = 0x80000000

_KINDS: Final[dict[str, tuple[str, str, int]]] = {
    TEXT: (".text", ".text", _CODE | _EXEC | _READ),
    RODATA: (".rodata", ".rdata", _INITIALIZED | _READ),
    RELRO: (".data.rel.ro", ".rdata", _INITIALIZED | _READ),
    DATA: (".data", ".data", _INITIALIZED | _READ | _WRITE),
    BSS: (".bss", ".bss", _UNINITIALIZED | _READ | _WRITE),
    TDATA: (".tdata", ".tls$", _INITIALIZED | _READ | _WRITE),
    TBSS: (".tbss", ".tls$", _INITIALIZED | _READ | _WRITE),
    PDATA: (".pdata", ".pdata", _INITIALIZED | _READ),
    XDATA: (".xdata", ".xdata", _INITIALIZED | _READ),
    DEBUG: ("", "", _INITIALIZED | _READ | _DISCARDABLE),
}
"""Kind of section: name in the model, name here, characteristics."""

_EXTERNAL: Final = 2
_STATIC: Final = 3
_FUNCTION: Final = 0x20
_HEADER_SIZE: Final = 20
_SECTION_SIZE: Final = 40
_MACHINE: Final = 0x8664


class _Names:
    """Names longer than 8 bytes."""

    def __init__(self) -> None:
        self.out = bytearray(4)

    def _add(self, name: bytes) -> int:
        at = len(self.out)
        self.out += name + b"\0"
        return at

    def symbol(self, name: str) -> bytes:
        raw = name.encode()
        return raw.ljust(8, b"\0") if len(raw) <= 8 else bytes(4) + word(self._add(raw), 4)

    def section(self, name: str) -> bytes:
        raw = name.encode()
        return (raw if len(raw) <= 8 else f"/{self._add(raw)}".encode()).ljust(8, b"\0")

    def finish(self) -> bytes:
        return word(len(self.out), 4) + bytes(self.out[4:])


def write(obj: ObjectFile) -> bytes:
    """The file. Raises ObjectError for what COFF does not have."""
    _address_table(obj)
    at_most(obj, 65279, "a COFF")
    names = _Names()
    for number, section in enumerate(obj.sections, 1):
        section.num = number
    symbols = _symbols(obj, names)
    count = len(symbols) // 18
    body = bytearray()
    table = bytearray()
    start = _HEADER_SIZE + _SECTION_SIZE * len(obj.sections)
    for section in obj.sections:
        contents = bytes(section.contents)
        if section.kind == TBSS:
            contents = bytes(section.size)
        raw = bytearray(contents)
        relocs = _relocs(section, raw)
        flags = _flags(section)
        at = relocs_at = 0
        if section.kind != BSS:
            body += bytes(-(start + len(body)) % 4)
            at = start + len(body)
            body += raw
        reloc_count = len(relocs) // 10
        if reloc_count:
            relocs_at = start + len(body)
            if reloc_count > 0xFFFE:
                flags |= _MANY_RELOCS
                relocs = word(reloc_count + 1, 4) + bytes(6) + relocs
                reloc_count = 0xFFFF
            body += relocs
        table += names.section(_name(section)) + bytes(8)
        table += word(section.size, 4) + word(at, 4) + word(relocs_at, 4) + bytes(4)
        table += word(reloc_count, 2) + bytes(2) + word(flags, 4)
    header = word(_MACHINE, 2) + word(len(obj.sections), 2) + bytes(4)
    header += word(start + len(body), 4) + word(count, 4) + bytes(4)
    return header + bytes(table) + bytes(body) + symbols + names.finish()


def _address_table(obj: ObjectFile) -> None:
    """COFF has no table of addresses made by the linker: give each symbol that is reached through
    one a word of its own, as MinGW's compilers do."""
    words: dict[str, Symbol] = {}
    for section in list(obj.sections):
        for reloc in section.relocs:
            if reloc.kind != "X86GOTPCRel4":
                continue
            name = reloc.symbol.name
            entry = words.get(name)
            if entry is None:
                table = obj.section(f".rodata$.refptr.{name}", RODATA)
                at = table.append(bytes(8), 8)
                table.relocate(at, "Abs8", reloc.symbol, 0)
                entry = words[name] = obj.symbol(
                    Symbol(f".refptr.{name}", "data", "local", table, at, 8)
                )
            reloc.kind = "X86PCRel4"
            reloc.symbol = entry


def _name(section: Section) -> str:
    ours, theirs, _ = _KINDS[section.kind]
    if ours and section.name.startswith(ours):
        rest = section.name[len(ours) :]
        return theirs + ("$" + rest[1:] if rest[:1] == "." else rest)
    return section.name


def _flags(section: Section) -> int:
    if section.kind not in _KINDS:
        raise ObjectError(f"section {section.name} in a COFF file")
    if section.align > 8192:
        raise ObjectError(f"alignment {section.align} of section {section.name} in a COFF file")
    return _KINDS[section.kind][2] | section.align.bit_length() << 20


def _symbols(obj: ObjectFile, names: _Names) -> bytes:
    out = bytearray()
    number = 0
    if obj.source:
        raw = obj.source.encode()
        units = (len(raw) + 17) // 18
        out += b".file".ljust(8, b"\0") + bytes(4) + word(-2, 2) + bytes(2) + bytes([103, units])
        out += raw.ljust(18 * units, b"\0")
        number += 1 + units
    for section in obj.sections:
        if section.kind not in _KINDS:
            raise ObjectError(f"section {section.name} in a COFF file")
        section.symbol.num = number
        out += names.symbol(_name(section)) + bytes(4) + word(section.num, 2) + bytes(2)
        out += bytes([_STATIC, 1])
        out += word(section.size, 4) + word(min(len(section.relocs), 0xFFFF), 2) + bytes(12)
        number += 2
    for symbol in obj.symbols:
        symbol.num = number
        number += 1
        section_number = symbol.section.num if symbol.section is not None else 0
        local = symbol.linkage == "local"
        out += names.symbol(symbol.name) + word(symbol.offset, 4) + word(section_number, 2)
        out += word(_FUNCTION if symbol.kind == "func" else 0, 2)
        out += bytes([_STATIC if local else _EXTERNAL, 0])
    return bytes(out)


def _relocs(section: Section, contents: bytearray) -> bytes:
    """The relocations; their addends go into the contents."""
    out = bytearray()
    for reloc in section.relocs:
        row = RELOC_TYPES.get(reloc.kind)
        if row is None:
            raise ObjectError(f"relocation {reloc.kind} of {reloc.symbol.name} in a COFF file")
        kind, bias = row
        size = 8 if reloc.kind == "Abs8" else 4
        contents[reloc.offset : reloc.offset + size] = word(reloc.addend + bias, size)
        out += word(reloc.offset, 4) + word(reloc.symbol.num, 4) + word(kind, 2)
    return bytes(out)
