"""Mach-O relocatable files for x86-64.

Source: `mach-o/loader.h`, `mach-o/nlist.h`, `mach-o/reloc.h` and `mach-o/x86_64/reloc.h` of Apple's
cctools. Symbols get an underscore in front, as C names have there.
"""

from __future__ import annotations

from typing import Final

from grus.link.object.elf import Strings, word
from grus.link.object.model import (
    BSS,
    COMPACT,
    DATA,
    DEBUG,
    RELRO,
    RODATA,
    TBSS,
    TDATA,
    TEXT,
    TVARS,
    UNWIND,
    WITHOUT_CONTENTS,
    ObjectError,
    ObjectFile,
    Relocation,
    Section,
    Symbol,
    at_most,
)

RELOC_TYPES: Final[dict[str, tuple[int, int, int]]] = {
    "Abs8": (0, 0, 3),  # X86_64_RELOC_UNSIGNED
    "PCRel8": (0, 1, 3),  # of sections only, which needs none
    "X86PCRel4": (1, 1, 2),  # X86_64_RELOC_SIGNED
    "X86CallPCRel4": (2, 1, 2),  # X86_64_RELOC_BRANCH
    "X86CallPLTRel4": (2, 1, 2),
    "X86GOTPCRel4": (3, 1, 2),  # X86_64_RELOC_GOT_LOAD
    "MachOX86_64Tlv": (9, 1, 2),  # X86_64_RELOC_TLV
}
"""Kind: type, relative to the end of the field, log2 of its size."""

_KINDS: Final[dict[str, tuple[str, str, int]]] = {
    TEXT: ("__TEXT", "__text", 0x80000400),  # instructions
    RODATA: ("__TEXT", "__const", 0),
    RELRO: ("__DATA", "__const", 0),
    DATA: ("__DATA", "__data", 0),
    BSS: ("__DATA", "__bss", 0x1),  # S_ZEROFILL
    TDATA: ("__DATA", "__thread_data", 0x11),  # S_THREAD_LOCAL_REGULAR
    TBSS: ("__DATA", "__thread_bss", 0x12),  # S_THREAD_LOCAL_ZEROFILL
    TVARS: ("__DATA", "__thread_vars", 0x13),  # S_THREAD_LOCAL_VARIABLES
    UNWIND: ("__TEXT", "__eh_frame", 0x6800000B),  # coalesced, live support, no symbols
    COMPACT: ("__LD", "__compact_unwind", 0x02000000),
    DEBUG: ("__DWARF", "", 0x02000000),  # S_ATTR_DEBUG
}
"""Kind of section: segment, section, flags."""

_USUAL: Final = ("text", "rodata", "data", "bss", "eh_frame", "tdata", "tbss")
_LC_SEGMENT_64: Final = 0x19
_LC_SYMTAB: Final = 0x2
_LC_DYSYMTAB: Final = 0xB
_LC_BUILD_VERSION: Final = 0x32
_MACOS: Final = 1
_MACOS_11: Final = 11 << 16
_N_EXT: Final = 0x1
_N_SECT: Final = 0xE
_N_PEXT: Final = 0x10
_N_WEAK_DEF: Final = 0x80
_HEADER_SIZE: Final = 32
_SEGMENT_SIZE: Final = 72
_SECTION_SIZE: Final = 80


def write(obj: ObjectFile) -> bytes:
    """The file. Raises ObjectError for what Mach-O does not have."""
    _descriptors(obj)
    at_most(obj, 255, "a Mach-O")
    sections = [s for s in obj.sections if s.kind not in WITHOUT_CONTENTS]
    sections += [s for s in obj.sections if s.kind in WITHOUT_CONTENTS]
    address = 0
    for number, section in enumerate(sections, 1):
        if section.kind not in _KINDS:
            raise ObjectError(f"section {section.name} in a Mach-O file")
        section.num = number
        address = (address + section.align - 1) & -section.align
        section.address = address
        address += section.size
    names = Strings()
    symbols, counts = _symbols(obj, names)
    commands_size = _SEGMENT_SIZE + _SECTION_SIZE * len(sections) + 24 + 24 + 80
    start = _HEADER_SIZE + commands_size
    body = bytearray()
    headers = bytearray()
    contents_end = 0
    relocs = bytearray()
    files = [s for s in sections if s.kind not in WITHOUT_CONTENTS]
    if files:
        contents_end = files[-1].address + files[-1].size
    relocs_at = start + (contents_end + 7 & -8)
    for section in sections:
        raw = bytearray(section.contents)
        own = _relocs(section, raw)
        segment, name = _name(section)
        headers += name.encode().ljust(16, b"\0") + segment.encode().ljust(16, b"\0")
        headers += word(section.address, 8) + word(section.size, 8)
        in_file = section.kind not in WITHOUT_CONTENTS
        headers += word(start + section.address if in_file else 0, 4)
        headers += word(section.align.bit_length() - 1, 4)
        headers += word(relocs_at + len(relocs) if own else 0, 4) + word(len(own) // 8, 4)
        headers += word(_KINDS[section.kind][2], 4) + bytes(12)
        if in_file:
            body += bytes(section.address - len(body)) + raw
        relocs += own
    body += bytes(relocs_at - start - len(body))
    symbols_at = relocs_at + len(relocs)
    strings = bytes(names.out) + bytes(-len(names.out) % 8)
    local, defined, undefined = counts
    out = bytearray()
    out += word(0xFEEDFACF, 4) + word(0x01000007, 4) + word(3, 4) + word(1, 4)
    out += word(4, 4) + word(commands_size, 4) + bytes(8)
    out += word(_LC_SEGMENT_64, 4) + word(_SEGMENT_SIZE + len(headers), 4) + bytes(16)
    out += word(0, 8) + word(address, 8) + word(start, 8) + word(contents_end, 8)
    out += word(7, 4) + word(7, 4) + word(len(sections), 4) + bytes(4)
    out += headers
    out += word(_LC_BUILD_VERSION, 4) + word(24, 4) + word(_MACOS, 4)
    out += word(_MACOS_11, 4) + word(_MACOS_11, 4) + bytes(4)
    out += word(_LC_SYMTAB, 4) + word(24, 4) + word(symbols_at, 4)
    out += word(local + defined + undefined, 4)
    out += word(symbols_at + len(symbols), 4) + word(len(strings), 4)
    out += word(_LC_DYSYMTAB, 4) + word(80, 4)
    out += word(0, 4) + word(local, 4) + word(local, 4) + word(defined, 4)
    out += word(local + defined, 4) + word(undefined, 4) + bytes(48)
    return bytes(out + body + relocs) + symbols + strings


def _descriptors(obj: ObjectFile) -> None:
    """A thread-local name is that of a descriptor here: a function of dyld, a word for it, and the
    place of the first contents, which gets a name of its own."""
    own = [s for s in obj.symbols if s.kind == "tls" and s.section is not None]
    if not own:
        return
    bootstrap = obj.symbol(Symbol("_tlv_bootstrap", "none", "import"))
    variables = obj.section("__DATA,__thread_vars", TVARS)
    for symbol in own:
        assert symbol.section is not None
        first = Symbol(
            f"{symbol.name}$tlv$init", "tls", "local", symbol.section, symbol.offset, symbol.size
        )
        obj.symbol(first)
        at = variables.append(bytes(24), 8)
        variables.relocate(at, "Abs8", bootstrap, 0)
        variables.relocate(at + 16, "Abs8", first, 0)
        symbol.section, symbol.offset, symbol.size = variables, at, 24


def _name(section: Section) -> tuple[str, str]:
    """Segment and section. A name of the form `SEGMENT,section` is taken as it is."""
    segment, name, _ = _KINDS[section.kind]
    if "," in section.name:
        segment, _, name = section.name.partition(",")
    elif not name:
        name = "__" + section.name.lstrip(".")
    elif section.name.split(".")[1] not in _USUAL:
        name = section.name
    return segment[:16], name[:16]


def _symbols(obj: ObjectFile, names: Strings) -> tuple[bytes, tuple[int, int, int]]:
    """The symbol table: local ones, defined ones, imports; and how many of each."""
    groups: list[list[Symbol]] = [
        [s for s in obj.symbols if s.section is not None and s.linkage == "local"],
        [s for s in obj.symbols if s.section is not None and s.linkage != "local"],
        [s for s in obj.symbols if s.section is None],
    ]
    groups[1].sort(key=_symbol_name)
    groups[2].sort(key=_symbol_name)
    out = bytearray()
    number = 0
    for group in groups:
        for symbol in group:
            symbol.num = number
            number += 1
            kind = 0 if symbol.linkage == "local" else _N_EXT
            if symbol.linkage == "hidden":
                kind |= _N_PEXT
            description = 0
            value = section = 0
            if symbol.section is not None:
                kind |= _N_SECT
                section = symbol.section.num
                value = symbol.section.address + symbol.offset
                if symbol.linkage == "preemptible":
                    description = _N_WEAK_DEF
            out += word(names.add("_" + symbol.name), 4) + bytes([kind, section])
            out += word(description, 2) + word(value, 8)
    return bytes(out), (len(groups[0]), len(groups[1]), len(groups[2]))


def _symbol_name(symbol: Symbol) -> str:
    return symbol.name


def _relocs(section: Section, contents: bytearray) -> bytes:
    """The relocations, last first as assemblers write them; addends go into the contents."""
    out: list[bytes] = []
    for reloc in section.relocs:
        entry = _reloc(section, contents, reloc)
        if entry:
            out.append(entry)
    return b"".join(reversed(out))


def _reloc(section: Section, contents: bytearray, reloc: Relocation) -> bytes:
    target = reloc.symbol
    at = reloc.offset
    if reloc.kind == "SectionOffset4":
        # Of the only compilation unit: nothing is put in front of it.
        contents[at : at + 4] = word(target.offset + reloc.addend, 4)
        return b""
    row = RELOC_TYPES.get(reloc.kind)
    if row is None or (reloc.kind == "PCRel8" and target.kind != "section"):
        raise ObjectError(f"relocation {reloc.kind} of {target.name} in a Mach-O file")
    kind, relative, log2 = row
    size = 1 << log2
    if target.kind == "section":
        # There are no symbols of sections: the field holds the address in this file.
        assert target.section is not None
        value = target.section.address + target.offset + reloc.addend
        if relative:
            # A distance within the file; the linker finds it in the field.
            contents[at : at + size] = word(value - section.address - at, size)
            return b""
        contents[at : at + size] = word(value, size)
        number, extern = target.section.num, 0
    else:
        contents[at : at + size] = word(reloc.addend + (size if relative else 0), size)
        number, extern = target.num, 1
    bits = number | relative << 24 | log2 << 25 | extern << 27 | kind << 28
    return word(at, 4) + word(bits, 4)
