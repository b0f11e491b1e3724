"""A module that becomes an object file.

module = ObjectModule(source="f.clif")
module.define_text(text)
Path("f.o").write_bytes(module.emit("elf"))
"""

from __future__ import annotations

from typing import Final

from grus.backend import unwind
from grus.backend.emit import CompiledFunction
from grus.backend.settings import Settings
from grus.backend.target import Target
from grus.base.errors import expect
from grus.host.machine import unwind as target_unwind
from grus.link.debug import Locations
from grus.link.module import EXPORT, IMPORT, LIBCALLS, LOCAL, Data, Module, plain
from grus.link.object import coff, elf, macho
from grus.link.object.dwarf import add_debug
from grus.link.object.model import (
    BSS,
    COMPACT,
    DATA,
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
)

FORMATS: Final = ("elf", "coff", "macho")
TLS_RELOCS: Final = ("ElfX86_64TlsGd", "ElfX86_64TpOff", "MachOX86_64Tlv", "X86SecRel")
"""Those of thread-local symbols."""
_FILL: Final = 0xCC  # int3, between functions


class ObjectModule(Module):
    """Functions and data for an object file.

    `source` is the file that source locations are lines of; with `locations` they are what that
    table says. Without either there is no debug information. `function_sections` and
    `data_sections` give each definition a section of its own.
    """

    def __init__(
        self,
        target: Target | None = None,
        settings: Settings | None = None,
        source: str = "",
        locations: Locations | None = None,
        function_sections: bool = False,
        data_sections: bool = False,
    ) -> None:
        """Without settings, the default ones with position-independent code."""
        super().__init__(target, settings)
        expect(source, str, "source")
        if settings is None:
            self.settings.set("is_pic", "true")
        self.source = source
        self.locations = locations
        self.function_sections = function_sections
        self.data_sections = data_sections

    def emit(self, format: str = "elf") -> bytes:
        """The file in a format of FORMATS. Raises ObjectError for what the format cannot say."""
        if format == "elf":
            return elf.write(self.finish("elf"))
        if format == "coff":
            return coff.write(self.finish("coff"))
        if format == "macho":
            return macho.write(self.finish("macho"))
        raise ObjectError(f"a format is one of {', '.join(FORMATS)}, not {format!r}")

    def finish(self, format: str = "elf") -> ObjectFile:
        """Sections, symbols and relocations; unwind information in the form of the format."""
        obj = ObjectFile(self.source)
        symbols: dict[str, Symbol] = {}
        functions: list[tuple[Symbol, CompiledFunction]] = []
        for name, func in self.functions.items():
            section = obj.section(f".text.{name}" if self.function_sections else ".text", TEXT)
            offset = section.append(func.code, func.align, _FILL)
            size = len(func.code)
            symbol = Symbol(name, "func", self._linkage(name), section, offset, size)
            symbols[name] = obj.symbol(symbol)
            functions.append((symbol, func))
        for data in self.data.values():
            symbols[data.decl.name] = obj.symbol(self._place_data(obj, data))
        for symbol, func in functions:
            assert symbol.section is not None
            for reloc in func.relocs:
                target = self._symbol(obj, symbols, plain(reloc.name))
                if reloc.kind in TLS_RELOCS and target.section is None:
                    target.kind = "tls"
                symbol.section.relocate(
                    symbol.offset + reloc.offset, reloc.kind, target, reloc.addend
                )
        for data in self.data.values():
            place = symbols[data.decl.name]
            for offset, name, addend in data.relocs:
                assert place.section is not None
                target = self._symbol(obj, symbols, name)
                place.section.relocate(place.offset + offset, "Abs8", target, addend)
        if self.settings.values["unwind_info"]:
            described = [(s, f) for s, f in functions if f.unwind]
            if format == "coff":
                _add_windows_unwind(obj, described)
            elif described:
                _add_eh_frame(obj, described, wide=format == "macho")
            if format == "macho" and described:
                _add_compact_unwind(obj, described)
        if self.source or self.locations:
            add_debug(obj, functions, self.source or "<unknown>", self.locations)
        return obj

    def _linkage(self, name: str) -> str:
        linkage = self.decls[name].linkage
        return EXPORT if linkage == IMPORT else linkage

    def _symbol(self, obj: ObjectFile, symbols: dict[str, Symbol], name: str) -> Symbol:
        """The symbol of a name; one that is not defined is an import."""
        symbol = symbols.get(name)
        if symbol is None:
            decl = self.decls.get(name)
            kind = "tls" if decl is not None and decl.tls else "none"
            if decl is None:
                name_in_file = LIBCALLS.get(name, name)
            else:
                name_in_file = name
                if decl.linkage == LOCAL:
                    raise ObjectError(f"{name} is declared local and not defined")
            symbol = symbols[name] = obj.symbol(Symbol(name_in_file, kind, IMPORT))
        return symbol

    def _place_data(self, obj: ObjectFile, data: Data) -> Symbol:
        """Room for a data object, in the section of its kind."""
        decl = data.decl
        zero = data.contents is None
        if decl.tls:
            base, kind = (".tbss", TBSS) if zero else (".tdata", TDATA)
        elif decl.writable:
            base, kind = (".bss", BSS) if zero else (".data", DATA)
        elif data.relocs:
            base, kind = ".data.rel.ro", RELRO
        else:
            base, kind = ".rodata", RODATA
        if data.section:
            base = data.section
            if kind == BSS:
                kind = DATA
        elif self.data_sections:
            base = f"{base}.{decl.name}"
        section = obj.section(base, kind)
        if kind in (BSS, TBSS):
            offset = section.reserve(data.size, data.align)
        else:
            offset = section.append(data.contents or bytes(data.size), data.align)
        symbol_kind = "tls" if decl.tls else "data"
        linkage = self._linkage(decl.name)
        return Symbol(decl.name, symbol_kind, linkage, section, offset, data.size)


def _add_eh_frame(
    obj: ObjectFile, functions: list[tuple[Symbol, CompiledFunction]], wide: bool
) -> None:
    contents, fields = unwind.eh_frame([func for _, func in functions], target_unwind.DWARF, wide)
    section = obj.section(".eh_frame", UNWIND)
    section.append(contents[:-4], 8)  # the linker puts the end
    for field, (symbol, _) in zip(fields, functions, strict=True):
        assert symbol.section is not None
        kind = "PCRel8" if wide else "X86PCRel4"
        section.relocate(field, kind, symbol.section.symbol, symbol.offset)


def _add_compact_unwind(obj: ObjectFile, functions: list[tuple[Symbol, CompiledFunction]]) -> None:
    """A row for each function: address, length, encoding, no personality, no LSDA."""
    section = obj.section("__LD,__compact_unwind", COMPACT)
    for symbol, func in functions:
        row = bytes(8) + len(func.code).to_bytes(4, "little")
        at = section.append(
            row + target_unwind.compact_encoding(func).to_bytes(4, "little") + bytes(16), 8
        )
        assert symbol.section is not None
        section.relocate(at, "Abs8", symbol.section.symbol, symbol.offset)


def _add_windows_unwind(obj: ObjectFile, functions: list[tuple[Symbol, CompiledFunction]]) -> None:
    """`.xdata` with the unwind codes and `.pdata` with a row of three offsets for each function."""
    if not functions:
        return
    xdata: Section = obj.section(".xdata", XDATA)
    pdata: Section = obj.section(".pdata", PDATA)
    for symbol, func in functions:
        at = xdata.append(unwind.unwind_info(func, target_unwind.FIRST_XMM), 4)
        row = pdata.append(bytes(12), 4)
        pdata.relocate(row, "ImageOffset4", symbol, 0)
        pdata.relocate(row + 4, "ImageOffset4", symbol, len(func.code))
        pdata.relocate(row + 8, "ImageOffset4", xdata.symbol, at)
