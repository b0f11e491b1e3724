"""The binary format: bytes to a `Module`.

One pass over the sections. Function bodies, data contents and custom sections are noted as spans
and not looked into (the validator reads the bodies); everything else is read and checked for
form. Counts and sizes in the input are never trusted: nothing is allocated before the bytes that
it stands for were seen.

Sections are copied one at a time while they are read (not code, data and custom sections), so
that any buffer will do, also a memory-mapped file.

The module-level readers (`read_u32`, `skip_immediates`, ...) are for whoever walks instructions:
they take the bytes and a position and return the new position. They raise IndexError at the end
of the bytes, which the caller turns into "unexpected end".

Source: WebAssembly core specification 3.0, chapter 5; the wording of errors is that of the
reference interpreter and the test suite.
"""

from __future__ import annotations

from mmap import mmap

from grus.wasm import features as F
from grus.wasm import module as M
from grus.wasm import opcodes
from grus.wasm import types as T
from grus.wasm.errors import DecodeError
from grus.wasm.limits import ImplementationLimits
from grus.wasm.types import (
    ArrayType,
    CompositeType,
    FieldType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    RecGroup,
    StructType,
    SubType,
    TableType,
    TagType,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_TOO_LONG: Final = "integer representation too long"
_TOO_LARGE: Final = "integer too large"
UNEXPECTED_END: Final = "unexpected end of section or function"


# ---- integers ----


def read_u32(data: bytes, pos: int) -> tuple[int, int]:
    """An unsigned LEB128 integer of at most 32 bits, and the position behind it."""
    byte = data[pos]
    if byte < 0x80:
        return byte, pos + 1
    return _read_unsigned(data, pos, 32)


def read_u64(data: bytes, pos: int) -> tuple[int, int]:
    """An unsigned LEB128 integer of at most 64 bits, and the position behind it."""
    byte = data[pos]
    if byte < 0x80:
        return byte, pos + 1
    return _read_unsigned(data, pos, 64)


def _read_unsigned(data: bytes, pos: int, bits: int) -> tuple[int, int]:
    result = 0
    shift = 0
    start = pos
    while True:
        byte = data[pos]
        pos += 1
        result |= (byte & 0x7F) << shift
        shift += 7
        if shift >= bits:  # the last byte there may be: first its bits, then its length
            if result >> bits:
                raise DecodeError(_TOO_LARGE, start)
            if byte >= 0x80:
                raise DecodeError(_TOO_LONG, start)
        if byte < 0x80:
            return result, pos


def _read_signed(data: bytes, pos: int, bits: int) -> tuple[int, int]:
    result = 0
    shift = 0
    start = pos
    while True:
        byte = data[pos]
        pos += 1
        result |= (byte & 0x7F) << shift
        shift += 7
        if shift >= bits:
            # The bits above the sign must equal it.
            above = result >> (bits - 1)
            if above != 0 and above != (1 << (shift - bits + 1)) - 1:
                raise DecodeError(_TOO_LARGE, start)
            if byte >= 0x80:
                raise DecodeError(_TOO_LONG, start)
        if byte < 0x80:
            if byte & 0x40:
                result -= 1 << shift
            return result, pos


def read_s32(data: bytes, pos: int) -> tuple[int, int]:
    """A signed LEB128 integer of at most 32 bits, and the position behind it."""
    return _read_signed(data, pos, 32)


def read_s33(data: bytes, pos: int) -> tuple[int, int]:
    """A signed LEB128 integer of at most 33 bits (block and heap types)."""
    return _read_signed(data, pos, 33)


def read_s64(data: bytes, pos: int) -> tuple[int, int]:
    """A signed LEB128 integer of at most 64 bits, and the position behind it."""
    return _read_signed(data, pos, 64)


# ---- types ----


def _allowed_types(bits: int) -> list[int]:
    """By byte: the value type it stands for with these features, or -1."""
    table = [-1] * 256
    for code in (T.I32, T.I64, T.F32, T.F64):
        table[code] = code
    if bits & F.SIMD:
        table[T.V128] = T.V128
    if bits & F.REFERENCE_TYPES:
        table[T.FUNC] = T.FUNCREF
        table[T.EXTERN] = T.EXTERNREF
    if bits & F.GC:
        for code in (T.ANY, T.EQ, T.I31, T.STRUCT, T.ARRAY, T.NONE, T.NOFUNC, T.NOEXTERN):
            table[code] = T.REF | T.NULLABLE | code
    if bits & F.EXCEPTIONS:
        table[T.EXN] = T.EXNREF
        table[T.NOEXN] = T.NULLEXNREF
    return table


_ALLOWED: dict[int, list[int]] = {}


def value_type_codes(bits: int) -> list[int]:
    """By first byte: the value type of one byte, with these feature bits; -1 for none."""
    table = _ALLOWED.get(bits)
    if table is None:
        table = _allowed_types(bits)
        _ALLOWED[bits] = table
    return table


def read_heap_type(data: bytes, pos: int, codes: list[int], bits: int) -> tuple[int, int]:
    """A heap type, as the nullable reference type to it; the type index is not checked."""
    byte = data[pos]
    if byte < 0x80 and byte & 0x40:
        ty = codes[byte]
        if not ty & T.REF or ty < 0:
            raise DecodeError(f"malformed heap type: {byte:#04x}", pos)
        return ty, pos + 1
    index, after = read_s33(data, pos)
    if index < 0:
        raise DecodeError("malformed heap type", pos)
    if not bits & F.FUNCTION_REFERENCES:
        raise DecodeError("malformed heap type: function-references is off", pos)
    return T.ref(index, True), after


def read_value_type(data: bytes, pos: int, codes: list[int], bits: int) -> tuple[int, int]:
    """A value type; `codes` is `value_type_codes(bits)`. A type index in it is not checked."""
    byte = data[pos]
    ty = codes[byte]
    if ty >= 0:
        return ty, pos + 1
    if (byte == 0x63 or byte == 0x64) and bits & F.FUNCTION_REFERENCES:
        ty, after = read_heap_type(data, pos + 1, codes, bits)
        return (ty if byte == 0x63 else ty & ~T.NULLABLE), after
    if byte >= 0x80:
        # A longer encoding: of a negative number it could only be a malformed type.
        read_s33(data, pos)
    raise DecodeError(f"malformed value type: {byte:#04x}", pos)


# ---- instructions ----


def read_op(data: bytes, pos: int) -> tuple[int, int]:
    """The opcode id at `pos` and the position of its immediates; -1 when there is no such."""
    byte = data[pos]
    base = _PREFIX_BASE[byte]
    if base < 0:
        return (byte if opcodes.NAMES[byte] else -1), pos + 1
    code, pos = read_u32(data, pos + 1)
    if code >= _PREFIX_LIMIT[byte] or not opcodes.NAMES[base + code]:
        return -1, pos
    return base + code, pos


_PREFIX_BASE: Final[list[int]] = [opcodes.PREFIX_BASE.get(b, -1) for b in range(256)]
_PREFIX_LIMIT: Final[list[int]] = [opcodes.PREFIX_LIMIT.get(b, 0) for b in range(256)]
_INDEX_KINDS: Final = frozenset(
    {
        "label",
        "func",
        "type",
        "table",
        "local",
        "global",
        "tag",
        "memory",
        "data",
        "elem",
        "field",
        "count",
    }
)
_BYTES_KINDS: Final[dict[str, int]] = {
    "lane2": 1,
    "lane4": 1,
    "lane8": 1,
    "lane16": 1,
    "shuffle": 16,
    "f32": 4,
    "f64": 8,
    "v128": 16,
    "fence": 1,
}


def read_memarg(data: bytes, pos: int) -> tuple[int, int, int, int]:
    """The log2 of the alignment, memory index, offset, and the position behind them."""
    start = pos
    flags, pos = read_u32(data, pos)
    memory = 0
    if flags >= 0x40:
        if flags >= 0x80:
            raise DecodeError("malformed memop flags", start)
        memory, pos = read_u32(data, pos)
        flags -= 0x40
    offset, pos = read_u64(data, pos)
    return flags, memory, offset, pos


def skip_immediates(data: bytes, pos: int, op: int, codes: list[int], bits: int) -> int:
    """The position behind the immediates of `op` at `pos`, checking their form only."""
    for kind in opcodes.IMMEDIATES[op]:
        if kind in _INDEX_KINDS:
            _, pos = read_u32(data, pos)
        elif kind == "memarg":
            _, _, _, pos = read_memarg(data, pos)
        elif kind in _BYTES_KINDS:
            pos += _BYTES_KINDS[kind]
            data[pos - 1]
        elif kind == "i32":
            _, pos = read_s32(data, pos)
        elif kind == "i64":
            _, pos = read_s64(data, pos)
        elif kind == "block":
            pos = _skip_block_type(data, pos, codes, bits)
        elif kind == "br_table":
            count, pos = read_u32(data, pos)
            for _ in range(count + 1):
                _, pos = read_u32(data, pos)
        elif kind == "select_types":
            count, pos = read_u32(data, pos)
            for _ in range(count):
                _, pos = read_value_type(data, pos, codes, bits)
        elif kind == "try_table":
            pos = _skip_block_type(data, pos, codes, bits)
            count, pos = read_u32(data, pos)
            for _ in range(count):
                catch = data[pos]
                if catch > 3:
                    raise DecodeError("malformed catch clause", pos)
                pos += 1
                if catch < 2:
                    _, pos = read_u32(data, pos)
                _, pos = read_u32(data, pos)
        elif kind == "br_cast":
            if data[pos] > 3:
                raise DecodeError("malformed br_on_cast flags", pos)
            _, pos = read_u32(data, pos + 1)
            _, pos = read_heap_type(data, pos, codes, bits)
            _, pos = read_heap_type(data, pos, codes, bits)
        else:  # heap, ref, ref_null
            _, pos = read_heap_type(data, pos, codes, bits)
    return pos


def _skip_block_type(data: bytes, pos: int, codes: list[int], bits: int) -> int:
    byte = data[pos]
    if byte == 0x40:
        return pos + 1
    if byte < 0x80 and byte & 0x40:
        return read_value_type(data, pos, codes, bits)[1]
    return read_s33(data, pos)[1]


def skip_expression(data: bytes, pos: int, codes: list[int], bits: int) -> int:
    """The position behind the `end` of the expression at `pos`."""
    depth = 0
    while True:
        at = pos
        op, pos = read_op(data, pos)
        if op < 0 or opcodes.FEATURE[op] & bits != opcodes.FEATURE[op]:
            raise illegal_opcode(data, at)
        if op == opcodes.END:
            if depth == 0:
                return pos
            depth -= 1
        elif "block" in opcodes.IMMEDIATES[op] or "try_table" in opcodes.IMMEDIATES[op]:
            depth += 1
            pos = skip_immediates(data, pos, op, codes, bits)
        else:
            pos = skip_immediates(data, pos, op, codes, bits)


def illegal_opcode(data: bytes, pos: int) -> DecodeError:
    """The error for the byte or bytes at `pos`."""
    byte = data[pos]
    text = f"{byte:02x}"
    if _PREFIX_BASE[byte] >= 0:
        text += f" {read_u32(data, pos + 1)[0]:02x}"
    return DecodeError(f"illegal opcode {text}", pos)


# ---- the module ----

_RANK: Final[dict[int, int]] = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 13: 6, 6: 7, 7: 8} | {
    8: 9,
    9: 10,
    12: 11,
    10: 12,
    11: 13,
}


class _Reader:
    """A position in one section; `base` is where `data` starts in the module."""

    __slots__ = ("data", "base", "pos", "end", "codes", "bits", "limits")

    def __init__(
        self, data: bytes, base: int, codes: list[int], bits: int, limits: ImplementationLimits
    ) -> None:
        self.data = data
        self.base = base
        self.pos = 0
        self.end = len(data)
        self.codes = codes
        self.bits = bits
        self.limits = limits

    def error(self, message: str, pos: int = -1) -> DecodeError:
        """An error at `pos` of this section, as the readers raise them; see `_moved`."""
        return DecodeError(message, self.pos if pos < 0 else pos)

    def byte(self) -> int:
        value = self.data[self.pos]
        self.pos += 1
        return value

    def u32(self) -> int:
        value, self.pos = read_u32(self.data, self.pos)
        return value

    def u64(self) -> int:
        value, self.pos = read_u64(self.data, self.pos)
        return value

    def count(self, limit: int, what: str) -> int:
        """A vector's length, refused above an implementation limit."""
        at = self.pos
        value, self.pos = read_u32(self.data, self.pos)
        if value > limit:
            raise self.error(f"too many {what}: {value}, the limit is {limit}", at)
        return value

    def name(self) -> str:
        at = self.pos
        size = self.u32()
        if size > self.end - self.pos:
            raise self.error("length out of bounds", at)
        if size > self.limits.string_size:
            raise self.error(f"name too long: {size}, the limit is {self.limits.string_size}", at)
        raw = self.data[self.pos : self.pos + size]
        self.pos += size
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self.error("malformed UTF-8 encoding", at) from None

    def value_type(self) -> int:
        ty, self.pos = read_value_type(self.data, self.pos, self.codes, self.bits)
        return ty

    def ref_type(self) -> int:
        at = self.pos
        if self.data[at] == T.FUNC:  # a table of functions is in every version
            self.pos += 1
            return T.FUNCREF
        ty = self.value_type()
        if not ty & T.REF:
            raise self.error("malformed reference type", at)
        return ty

    def mutability(self) -> bool:
        value = self.byte()
        if value > 1:
            raise self.error("malformed mutability", self.pos - 1)
        return value == 1

    def expression(self) -> tuple[int, int]:
        """The span of a constant expression in the module."""
        start = self.pos
        self.pos = skip_expression(self.data, start, self.codes, self.bits)
        return self.base + start, self.base + self.pos

    def field_type(self) -> FieldType:
        code = self.data[self.pos]
        if code == T.I8 or code == T.I16:
            self.pos += 1
            storage = code
        else:
            storage = self.value_type()
        return FieldType(storage, self.mutability())

    def sub_type(self) -> SubType:
        offset = self.base + self.pos
        code = self.byte()
        final = True
        supers: list[int] = []
        if (code == 0x50 or code == 0x4F) and self.bits & F.GC:
            final = code == 0x4F
            for _ in range(self.u32()):
                supers.append(self.u32())
            code = self.byte()
        return SubType(self.composite_type(code), final, tuple(supers), offset)

    def composite_type(self, code: int) -> CompositeType:
        if code == 0x60:
            params = [self.value_type() for _ in range(self.count(self.limits.params, "params"))]
            count = self.count(self.limits.results, "results")
            results = [self.value_type() for _ in range(count)]
            return FuncType(tuple(params), tuple(results))
        if code == 0x5F and self.bits & F.GC:
            count = self.count(self.limits.struct_fields, "struct fields")
            return StructType(tuple([self.field_type() for _ in range(count)]))
        if code == 0x5E and self.bits & F.GC:
            return ArrayType(self.field_type())
        if code >= 0x80:  # the format has s7 here
            raise self.error(_TOO_LONG, self.pos - 1)
        raise self.error(f"malformed type form: {code:#04x}", self.pos - 1)

    def limits_type(self, is_table: bool) -> Limits:
        at = self.pos
        flags = self.byte()
        allowed = 1
        if self.bits & F.MEMORY64:
            allowed |= 4
        if not is_table:
            if self.bits & F.THREADS:
                allowed |= 2
            if self.bits & F.CUSTOM_PAGE_SIZES:
                allowed |= 8
        if flags & ~allowed:
            raise self.error("malformed limits flags", at)
        is64 = flags & 4 != 0
        # The format has u64 for both; that a size fits the address type is a matter of validity.
        wide = self.bits & F.MEMORY64 != 0
        low = self.u64() if wide else self.u32()
        high = T.NO_MAX
        if flags & 1:
            high = self.u64() if wide else self.u32()
        page = 16
        if flags & 8:
            at = self.pos
            page = self.u32()
            if page >= 64:
                raise self.error("invalid custom page size", at)
        return Limits(low, high, is64, flags & 2 != 0, page, flags & 8 != 0)

    def table_type(self) -> TableType:
        element = self.ref_type()
        return TableType(element, self.limits_type(True))

    def memory_type(self) -> MemoryType:
        return MemoryType(self.limits_type(False))

    def global_type(self) -> GlobalType:
        value = self.value_type()
        return GlobalType(value, self.mutability())

    def tag_type(self) -> TagType:
        at = self.pos
        if self.byte() != 0:
            raise self.error("malformed tag attribute", at)
        return TagType(self.u32())


class _Decoder:
    __slots__ = ("module", "codes", "bits", "known", "limits", "size", "num_code")

    def __init__(
        self,
        data: M.Buffer,
        features: F.Features,
        limits: ImplementationLimits,
        known: M.KnownBodies | None,
    ) -> None:
        self.known = known
        self.module = M.Module(data)
        self.bits = features.bits
        self.codes = value_type_codes(features.bits)
        self.limits = limits
        self.size = len(data)
        self.num_code = 0

    def run(self) -> M.Module:
        data = self.module.data
        self._header(bytes(data[:8]))
        pos = 8
        rank = 0
        last = 0
        while pos < self.size:
            section = self._section_head(pos)
            if section.id == M.CUSTOM:
                self._custom(section, last)
            else:
                if _RANK[section.id] <= rank:
                    raise DecodeError("unexpected content after last section", pos)
                rank = _RANK[section.id]
                last = section.id
                self._section(section)
            self.module.sections.append(section)
            pos = section.end
        self._finish()
        return self.module

    def _header(self, head: bytes) -> None:
        if len(head) < 4:
            raise DecodeError("unexpected end", len(head))
        if head[:4] != b"\0asm":
            raise DecodeError("magic header not detected", 0)
        if len(head) < 8:
            raise DecodeError("unexpected end", len(head))
        if head[4:] != b"\1\0\0\0":
            raise DecodeError("unknown binary version", 4)

    def _section_head(self, pos: int) -> M.Section:
        head = bytes(self.module.data[pos : pos + 6])
        id = head[0]
        if id > 13 or (id == 13 and not self.bits & F.EXCEPTIONS):
            raise DecodeError(f"malformed section id {id}", pos)
        if id == 12 and not self.bits & F.BULK_MEMORY:
            raise DecodeError(f"malformed section id {id}", pos)
        try:
            size, after = read_u32(head, 1)
        except IndexError:
            raise DecodeError("unexpected end", pos + len(head)) from None
        except DecodeError as error:
            raise DecodeError(error.message, pos + 1) from None
        start = pos + after
        if size > self.size - start:
            raise DecodeError("length out of bounds", pos + 1)
        return M.Section(id, start, start + size, pos)

    def _reader(self, start: int, end: int) -> _Reader:
        data = bytes(self.module.data[start:end])
        return _Reader(data, start, self.codes, self.bits, self.limits)

    def _custom(self, section: M.Section, after: int) -> None:
        # The name is at most string_size bytes behind a length of at most 5.
        stop = min(section.end, section.start + self.limits.string_size + 5)
        r = self._reader(section.start, stop)
        try:
            name = r.name()
        except IndexError:
            raise DecodeError("unexpected end", section.end) from None
        except DecodeError as error:
            raise _moved(error, section.start) from None
        custom = M.Custom(name, section.start + r.pos, section.end, after, section.offset)
        self.module.customs.append(custom)

    def _section(self, section: M.Section) -> None:
        if section.id == 10:
            if self.known is None:
                self._code(section)
            return
        if section.id == 11:
            self._data(section)
            return
        r = self._reader(section.start, section.end)
        try:
            _SECTIONS[section.id](self, r)
        except IndexError:
            raise DecodeError(UNEXPECTED_END, section.end) from None
        except DecodeError as error:
            raise _moved(error, section.start) from None
        if r.pos != r.end:
            raise DecodeError("section size mismatch", section.start + r.pos)

    # ---- sections, in the order of their ids ----

    def types(self, r: _Reader) -> None:
        module = self.module
        groups = r.count(self.limits.types, "types")
        for _ in range(groups):
            start = len(module.types)
            explicit = r.data[r.pos] == 0x4E and self.bits & F.GC != 0
            if explicit:
                r.pos += 1
                count = r.count(self.limits.rec_group_size, "types in a recursion group")
                for _ in range(count):
                    module.types.append(r.sub_type())
            else:
                module.types.append(r.sub_type())
            if len(module.types) > self.limits.types:
                raise r.error(f"too many types, the limit is {self.limits.types}")
            module.rec_groups.append(RecGroup(start, len(module.types) - start, explicit))

    def imports(self, r: _Reader) -> None:
        module = self.module
        for _ in range(r.count(self.limits.imports, "imports")):
            at = r.base + r.pos
            from_module = r.name()
            name = r.name()
            kind = r.byte()
            type: M.ImportType
            if kind == M.FUNC:
                type = r.u32()
                module.funcs.append(type)
            elif kind == M.TABLE:
                type = r.table_type()
                module.tables.append(M.Table(type, -1, -1, at))
            elif kind == M.MEMORY:
                type = r.memory_type()
                module.memories.append(M.Memory(type, at))
            elif kind == M.GLOBAL:
                type = r.global_type()
                module.globals.append(M.Global(type, -1, -1, at))
            elif kind == M.TAG and self.bits & F.EXCEPTIONS:
                type = r.tag_type()
                module.tags.append(M.Tag(type, at))
            else:
                raise r.error("malformed import kind", r.pos - 1)
            module.imports.append(M.Import(from_module, name, kind, type, at))
        module.num_imported_funcs = len(module.funcs)
        module.num_imported_tables = len(module.tables)
        module.num_imported_memories = len(module.memories)
        module.num_imported_globals = len(module.globals)
        module.num_imported_tags = len(module.tags)

    def functions(self, r: _Reader) -> None:
        if self.known is not None and self.known.funcs is not None:
            self.module.funcs = self.known.funcs
            r.pos = r.end
            return
        count = r.count(self.limits.functions, "functions")
        funcs = self.module.funcs
        for _ in range(count):
            funcs.append(r.u32())

    def tables(self, r: _Reader) -> None:
        for _ in range(r.count(self.limits.tables, "tables")):
            at = r.base + r.pos
            start = end = -1
            if r.data[r.pos] == 0x40 and self.bits & F.FUNCTION_REFERENCES:
                r.pos += 1
                if r.byte() != 0:
                    raise r.error("zero byte expected", r.pos - 1)
                type = r.table_type()
                start, end = r.expression()
            else:
                type = r.table_type()
            self.module.tables.append(M.Table(type, start, end, at))

    def memories(self, r: _Reader) -> None:
        for _ in range(r.count(self.limits.memories, "memories")):
            at = r.base + r.pos
            self.module.memories.append(M.Memory(r.memory_type(), at))

    def globals(self, r: _Reader) -> None:
        for _ in range(r.count(self.limits.globals, "globals")):
            at = r.base + r.pos
            type = r.global_type()
            start, end = r.expression()
            self.module.globals.append(M.Global(type, start, end, at))

    def exports(self, r: _Reader) -> None:
        for _ in range(r.count(self.limits.exports, "exports")):
            at = r.base + r.pos
            name = r.name()
            kind = r.byte()
            if kind > M.TAG or (kind == M.TAG and not self.bits & F.EXCEPTIONS):
                raise r.error("malformed export kind", r.pos - 1)
            self.module.exports.append(M.Export(name, kind, r.u32(), at))

    def start(self, r: _Reader) -> None:
        self.module.start_offset = r.base
        self.module.start = r.u32()

    def elements(self, r: _Reader) -> None:
        for _ in range(r.count(self.limits.element_segments, "element segments")):
            at = r.pos
            flags = r.u32()
            if flags > 7 or (flags and not self.bits & F.BULK_MEMORY and flags != 2):
                raise r.error("malformed elements segment kind", at)
            mode = M.ACTIVE if not flags & 1 else M.DECLARATIVE if flags & 2 else M.PASSIVE
            element = M.Element(mode, flags, 0, T.FUNCREF, r.base + at)
            if mode == M.ACTIVE:
                if flags & 2:
                    element.table = r.u32()
                element.offset_start, element.offset_end = r.expression()
            if flags & 3:
                if flags & 4:
                    element.type = r.ref_type()
                elif r.byte() != 0:
                    raise r.error("malformed element kind", r.pos - 1)
                else:
                    element.type = T.FUNCREF & ~T.NULLABLE
            elif not flags & 4:
                element.type = T.FUNCREF & ~T.NULLABLE
            if not self.bits & F.FUNCTION_REFERENCES:
                element.type |= T.NULLABLE
            count = r.count(self.limits.segment_size, "elements")
            if flags & 4:
                exprs = element.exprs
                for _ in range(count):
                    exprs.append(r.expression()[0])
                element.exprs_end = r.base + r.pos
            else:
                funcs = element.funcs
                for _ in range(count):
                    funcs.append(r.u32())
            self.module.elements.append(element)

    def data_count(self, r: _Reader) -> None:
        self.module.data_count = r.count(self.limits.data_segments, "data segments")

    def tags(self, r: _Reader) -> None:
        for _ in range(r.count(self.limits.tags, "tags")):
            at = r.base + r.pos
            self.module.tags.append(M.Tag(r.tag_type(), at))

    def _code(self, section: M.Section) -> None:
        pos, count = self._span_head(section, section.start)
        self.num_code = count
        code = self.module.code
        for _ in range(count):
            start, size = self._span_head(section, pos)
            if size > section.end - start:
                message = "length out of bounds" if size > self.size - start else UNEXPECTED_END
                raise DecodeError(message, pos)
            if size > self.limits.function_size:
                raise DecodeError(f"function body too large: {size} bytes", pos)
            pos = start + size
            code.append(M.Body(start, pos))
        if pos != section.end:
            raise DecodeError("section size mismatch", pos)

    def _span_head(self, section: M.Section, pos: int) -> tuple[int, int]:
        """A u32 at `pos` of a section that is not copied, and where it ends."""
        head = bytes(self.module.data[pos : min(pos + 5, section.end)])
        try:
            value, used = read_u32(head, 0)
        except IndexError:
            raise DecodeError(UNEXPECTED_END, section.end) from None
        except DecodeError as error:
            raise _moved(error, pos) from None
        return pos + used, value

    def _data(self, section: M.Section) -> None:
        pos, count = self._span_head(section, section.start)
        if count > self.limits.data_segments:
            limit = self.limits.data_segments
            message = f"too many data segments: {count}, the limit is {limit}"
            raise DecodeError(message, section.start)
        module = self.module
        for _ in range(count):
            at = pos
            pos, flags = self._span_head(section, pos)
            if flags > 2 or (flags == 1 and not self.bits & F.BULK_MEMORY):
                raise DecodeError("malformed data segment kind", at)
            mode = M.PASSIVE if flags & 1 else M.ACTIVE
            segment = M.Data(mode, flags, 0, at)
            if flags == 2:
                pos, segment.memory = self._span_head(section, pos)
            if mode == M.ACTIVE:
                segment.offset_start = pos
                pos = self._data_offset(section, pos)
                segment.offset_end = pos
            at = pos
            pos, size = self._span_head(section, pos)
            if size > section.end - pos:
                raise DecodeError(UNEXPECTED_END, at)
            segment.start = pos
            pos += size
            segment.end = pos
            module.data_segments.append(segment)
        if pos != section.end:
            raise DecodeError("section size mismatch", pos)

    def _data_offset(self, section: M.Section, pos: int) -> int:
        """The end of the constant expression at `pos`, read through a growing window."""
        size = 32
        while True:
            window = bytes(self.module.data[pos : min(pos + size, section.end)])
            try:
                return pos + skip_expression(window, 0, self.codes, self.bits)
            except IndexError:
                if pos + size >= section.end:
                    raise DecodeError(UNEXPECTED_END, section.end) from None
                size *= 16
            except DecodeError as error:
                raise _moved(error, pos) from None

    def _finish(self) -> None:
        module = self.module
        known = self.known
        if known is not None:
            for index in range(len(known.starts)):
                module.code.append(M.Body(known.starts[index], known.ends[index]))
            return
        if len(module.funcs) - module.num_imported_funcs != self.num_code:
            message = "function and code section have inconsistent lengths"
            raise DecodeError(message, self.size)
        if module.data_count >= 0 and module.data_count != len(module.data_segments):
            message = "data count and data section have inconsistent lengths"
            raise DecodeError(message, self.size)


def _moved(error: DecodeError, base: int) -> DecodeError:
    """An error whose offset counts from `base`, as one of the module."""
    if error.offset is not None:
        error.offset += base
    return error


_SECTIONS: Final = {
    1: _Decoder.types,
    2: _Decoder.imports,
    3: _Decoder.functions,
    4: _Decoder.tables,
    5: _Decoder.memories,
    6: _Decoder.globals,
    7: _Decoder.exports,
    8: _Decoder.start,
    9: _Decoder.elements,
    12: _Decoder.data_count,
    13: _Decoder.tags,
}


def decode(
    data: bytes | bytearray | memoryview | mmap,
    features: F.Features = F.DEFAULT,
    limits: ImplementationLimits | None = None,
    known: M.KnownBodies | None = None,
) -> M.Module:
    """Read a binary module. The module keeps `data`, which must not change while it is used.

    `known` are the bodies of this binary, when it has been decoded before. Then the sections from
    the code on may be absent.

    Raises DecodeError when the bytes are malformed (function bodies are not read yet) or go
    beyond an implementation limit.
    """
    if limits is None:
        limits = ImplementationLimits()
    buffer = data if isinstance(data, (bytes, bytearray)) else memoryview(data).cast("B")
    if len(buffer) > limits.module_size:
        raise DecodeError(f"module too large: {len(buffer)} bytes", 0)
    return _Decoder(buffer, features, limits, known).run()
