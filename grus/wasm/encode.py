"""WebAssembly modules to bytes: a writer of the binary format's pieces, and whole modules.

The text parser writes with `Writer` and the `write_*` functions; `encode_module` writes a decoded
`Module` again. Integers come out in the shortest LEB128 form, except inside what a module only
keeps as spans (bodies, constant expressions, custom sections), which is copied. So
`decode(encode_module(decode(x)))` equals `decode(x)` in all it keeps, and encoding again gives
the same bytes.

Source: WebAssembly core specification 3.0, chapter 5.
"""

from __future__ import annotations

from grus.wasm import module as M
from grus.wasm import opcodes
from grus.wasm.types import (
    INDEX_SHIFT,
    NO_MAX,
    NULLABLE,
    REF,
    ArrayType,
    CompositeType,
    FieldType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    StructType,
    SubType,
    TableType,
    TagType,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

MAGIC: Final = b"\0asm"
VERSION: Final = b"\1\0\0\0"


def uleb(value: int) -> bytes:
    """Unsigned LEB128, shortest form."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sleb(value: int) -> bytes:
    """Signed LEB128, shortest form."""
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if (value == 0 and not byte & 0x40) or (value == -1 and byte & 0x40):
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)


class Writer:
    """A growing byte buffer; `out` is what was written so far."""

    __slots__ = ("out",)

    def __init__(self) -> None:
        self.out = bytearray()

    def byte(self, value: int) -> None:
        self.out.append(value)

    def raw(self, data: bytes | bytearray | memoryview) -> None:
        self.out += data

    def u(self, value: int) -> None:
        """An unsigned LEB128 integer (u32, u64, an index, a count)."""
        if value < 0x80:
            self.out.append(value)
        else:
            self.out += uleb(value)

    def s(self, value: int) -> None:
        """A signed LEB128 integer (s32, s33, s64)."""
        if -64 <= value < 64:
            self.out.append(value & 0x7F)
        else:
            self.out += sleb(value)

    def name(self, text: str | bytes) -> None:
        """A length-prefixed name; text is encoded as UTF-8."""
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        self.u(len(data))
        self.out += data

    def sized(self, inner: Writer | bytes | bytearray) -> None:
        """Length-prefixed bytes."""
        data = inner.out if isinstance(inner, Writer) else inner
        self.u(len(data))
        self.out += data

    def section(self, id: int, contents: Writer | bytes | bytearray) -> None:
        self.out.append(id)
        self.sized(contents)

    def custom(self, name: str | bytes, contents: Writer | bytes | bytearray) -> None:
        """A custom section."""
        inner = Writer()
        inner.name(name)
        inner.out += contents.out if isinstance(contents, Writer) else contents
        self.section(M.CUSTOM, inner)

    def header(self) -> None:
        """Magic number and version."""
        self.out += MAGIC
        self.out += VERSION

    def op(self, op: int) -> None:
        """The byte or bytes of an opcode id."""
        if op < 0x100:
            self.out.append(op)
        else:
            prefix, code = opcodes.encoding(op)
            self.out.append(prefix)
            self.u(code)

    # ---- types ----

    def heap_type(self, ty: int) -> None:
        """The heap type of a reference type."""
        if ty & 0xFF:
            self.out.append(ty & 0xFF)
        else:
            self.s(ty >> INDEX_SHIFT)

    def value_type(self, ty: int) -> None:
        """A value or storage type; nullable abstract references in their short form."""
        if not ty & REF:
            self.out.append(ty)
        elif ty & NULLABLE and ty & 0xFF:
            self.out.append(ty & 0xFF)
        else:
            self.out.append(0x63 if ty & NULLABLE else 0x64)
            self.heap_type(ty)

    def value_types(self, types: tuple[int, ...] | list[int]) -> None:
        """A vector of value types."""
        self.u(len(types))
        for ty in types:
            self.value_type(ty)

    def field_type(self, field: FieldType) -> None:
        self.value_type(field.storage)
        self.out.append(1 if field.mutable else 0)

    def composite_type(self, composite: CompositeType) -> None:
        if isinstance(composite, FuncType):
            self.out.append(0x60)
            self.value_types(composite.params)
            self.value_types(composite.results)
        elif isinstance(composite, StructType):
            self.out.append(0x5F)
            self.u(len(composite.fields))
            for field in composite.fields:
                self.field_type(field)
        else:
            assert isinstance(composite, ArrayType)
            self.out.append(0x5E)
            self.field_type(composite.field)

    def sub_type(self, sub: SubType) -> None:
        if not sub.final or sub.supers:
            self.out.append(0x4F if sub.final else 0x50)
            self.u(len(sub.supers))
            for index in sub.supers:
                self.u(index)
        self.composite_type(sub.composite)

    def rec_group(self, group: list[SubType], explicit: bool) -> None:
        """A recursion group; a single type that is not `explicit` stands without `rec`."""
        if explicit or len(group) != 1:
            self.out.append(0x4E)
            self.u(len(group))
        for sub in group:
            self.sub_type(sub)

    def limits(self, limits: Limits) -> None:
        flags = 0 if limits.max == NO_MAX else 1
        if limits.shared:
            flags |= 2
        if limits.is64:
            flags |= 4
        if limits.custom_page:
            flags |= 8
        self.out.append(flags)
        self.u(limits.min)
        if limits.max != NO_MAX:
            self.u(limits.max)
        if limits.custom_page:
            self.u(limits.page_size_log2)

    def table_type(self, table: TableType) -> None:
        self.value_type(table.element)
        self.limits(table.limits)

    def memory_type(self, memory: MemoryType) -> None:
        self.limits(memory.limits)

    def global_type(self, type: GlobalType) -> None:
        self.value_type(type.value)
        self.out.append(1 if type.mutable else 0)

    def tag_type(self, tag: TagType) -> None:
        self.out.append(0)
        self.u(tag.type_index)

    def import_type(self, kind: int, type: M.ImportType) -> None:
        """The kind byte and the type of an import."""
        self.out.append(kind)
        if isinstance(type, int):
            self.u(type)
        elif isinstance(type, TableType):
            self.table_type(type)
        elif isinstance(type, MemoryType):
            self.memory_type(type)
        elif isinstance(type, GlobalType):
            self.global_type(type)
        else:
            self.tag_type(type)


# Order of sections in a module; custom sections stand behind any of them.
SECTION_ORDER: Final = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)


def encode_module(module: M.Module) -> bytes:
    """A module as bytes; see the module docstring for what is kept."""
    w = Writer()
    w.header()
    _customs(w, module, 0)
    for id in SECTION_ORDER:
        contents = _contents(module, id)
        if contents is not None:
            w.section(id, contents)
        _customs(w, module, id)
    return bytes(w.out)


def _customs(w: Writer, module: M.Module, after: int) -> None:
    for custom in module.customs:
        if custom.after == after:
            w.custom(custom.name, bytes(module.data[custom.start : custom.end]))


def _contents(module: M.Module, id: int) -> Writer | None:
    """The contents of one section, or None when the module has none."""
    w = Writer()
    data = module.data
    if id == 1:
        if not module.rec_groups:
            return None
        w.u(len(module.rec_groups))
        for group in module.rec_groups:
            members = module.types[group.start : group.start + group.count]
            w.rec_group(members, group.explicit)
    elif id == 2:
        if not module.imports:
            return None
        w.u(len(module.imports))
        for imp in module.imports:
            w.name(imp.module)
            w.name(imp.name)
            w.import_type(imp.kind, imp.type)
    elif id == 3:
        funcs = module.funcs[module.num_imported_funcs :]
        if not funcs:
            return None
        w.u(len(funcs))
        for type_index in funcs:
            w.u(type_index)
    elif id == 4:
        tables = module.tables[module.num_imported_tables :]
        if not tables:
            return None
        w.u(len(tables))
        for table in tables:
            if table.init_start >= 0:
                w.raw(b"\x40\0")
            w.table_type(table.type)
            if table.init_start >= 0:
                w.raw(data[table.init_start : table.init_end])
    elif id == 5:
        memories = module.memories[module.num_imported_memories :]
        if not memories:
            return None
        w.u(len(memories))
        for memory in memories:
            w.memory_type(memory.type)
    elif id == 13:
        tags = module.tags[module.num_imported_tags :]
        if not tags:
            return None
        w.u(len(tags))
        for tag in tags:
            w.tag_type(tag.type)
    elif id == 6:
        globals = module.globals[module.num_imported_globals :]
        if not globals:
            return None
        w.u(len(globals))
        for glob in globals:
            w.global_type(glob.type)
            w.raw(data[glob.init_start : glob.init_end])
    elif id == 7:
        if not module.exports:
            return None
        w.u(len(module.exports))
        for export in module.exports:
            w.name(export.name)
            w.byte(export.kind)
            w.u(export.index)
    elif id == 8:
        if module.start < 0:
            return None
        w.u(module.start)
    elif id == 9:
        if not module.elements:
            return None
        w.u(len(module.elements))
        for element in module.elements:
            _element(w, data, element)
    elif id == 12:
        if module.data_count < 0:
            return None
        w.u(module.data_count)
    elif id == 10:
        if not module.code:
            return None
        w.u(len(module.code))
        for body in module.code:
            w.u(body.end - body.start)
            w.raw(data[body.start : body.end])
    else:
        if not module.data_segments:
            return None
        w.u(len(module.data_segments))
        for segment in module.data_segments:
            _data(w, data, segment)
    return w


def _element(w: Writer, data: M.Buffer, element: M.Element) -> None:
    flags = element.flags
    w.u(flags)
    if not flags & 1:
        if flags & 2:
            w.u(element.table)
        w.raw(data[element.offset_start : element.offset_end])
    if flags & 3:
        if element.is_exprs:
            w.value_type(element.type)
        else:
            w.byte(0)
    w.u(len(element))
    if element.is_exprs:
        if element.exprs:
            w.raw(data[element.exprs[0] : element.exprs_end])
    else:
        for index in element.funcs:
            w.u(index)


def _data(w: Writer, data: M.Buffer, segment: M.Data) -> None:
    w.u(segment.flags)
    if not segment.flags & 1:
        if segment.flags & 2:
            w.u(segment.memory)
        w.raw(data[segment.offset_start : segment.offset_end])
    w.u(segment.end - segment.start)
    w.raw(data[segment.start : segment.end])
