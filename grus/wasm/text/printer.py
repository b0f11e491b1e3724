"""Binary to text: a decoded module as `wat` that assembles to the same bytes.

Names come from the name section where they are usable as identifiers (quoted if need be); things
without a name are numbered. Flat by default; `folded` nests operands under the instruction that
takes them, as far as the stack effects of a row say how many it takes.
"""

from __future__ import annotations

from typing import Final

from grus.wasm import module as M
from grus.wasm import opcodes as W
from grus.wasm import types as T
from grus.wasm.decode import (
    UNEXPECTED_END,
    decode,
    read_heap_type,
    read_memarg,
    read_op,
    read_s32,
    read_s33,
    read_s64,
    read_u32,
    read_value_type,
    value_type_codes,
)
from grus.wasm.errors import DecodeError
from grus.wasm.features import ALL
from grus.wasm.limits import ImplementationLimits
from grus.wasm.text.lexer import WORDCHARS as IDCHARS
from grus.wasm.text.numbers import print_float

_CATCHES: Final = ("catch", "catch_ref", "catch_all", "catch_all_ref")
_CODES: Final = value_type_codes(ALL.bits)
_LIMITS: Final = ImplementationLimits()
_MAX_FOLD: Final = 40
"""Depth of folding, so that output stays readable and its size linear."""


def wasm2wat(data: M.Buffer, folded: bool = False, names: bool = True) -> str:
    """The text of a binary module. Raises DecodeError."""
    return print_module(decode(data), folded, names)


def print_module(module: M.Module, folded: bool = False, names: bool = True) -> str:
    """The text of a decoded module. Raises DecodeError for malformed bodies."""
    return _Printer(module, folded, names).run()


def quote(data: bytes) -> str:
    """Bytes as a string token."""
    out = []
    for byte in data:
        if byte in (0x22, 0x5C):
            out.append("\\" + chr(byte))
        elif 0x20 <= byte < 0x7F:
            out.append(chr(byte))
        else:
            out.append(f"\\{byte:02x}")
    return '"' + "".join(out) + '"'


def _name(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"))


def _identifiers(names: dict[int, str], unique: bool = True) -> dict[int, str]:
    """Index to `$id`, for names that are not empty and (`unique`) not taken by a lower index."""
    found: dict[int, str] = {}
    taken: set[str] = set()
    for index in sorted(names):
        name = names[index]
        if not name or (unique and name in taken):
            continue
        taken.add(name)
        plain = all(char in IDCHARS for char in name)
        found[index] = "$" + (name if plain else _name(name))
    return found


class _Printer:
    def __init__(self, module: M.Module, folded: bool, names: bool) -> None:
        self.m = module
        self.data = bytes(module.data)
        self.folded = folded
        known = module.names if names else M.Names()
        self.module_name = known.module
        self.types = _identifiers(known.types)
        self.funcs = _identifiers(known.functions)
        self.tables = _identifiers(known.tables)
        self.memories = _identifiers(known.memories)
        self.globals = _identifiers(known.globals)
        self.tags = _identifiers(known.tags)
        self.elements = _identifiers(known.elements)
        self.segments = _identifiers(known.data)
        self.fields = known.fields
        self.locals = known.locals
        self.labels = known.labels
        self.out: list[str] = []

    # ---- references ----

    def ref(self, space: dict[int, str], index: int) -> str:
        return space.get(index) or str(index)

    def head(self, space: dict[int, str], index: int) -> str:
        """` $name` of a definition, or a comment with its number."""
        name = space.get(index)
        return f" {name}" if name else f" (;{index};)"

    def value_type(self, ty: int) -> str:
        if T.is_concrete(ty):
            null = "null " if ty & T.NULLABLE else ""
            return f"(ref {null}{self.ref(self.types, T.heap_index(ty))})"
        return T.type_name(ty)

    def heap_type(self, ty: int) -> str:
        if T.is_concrete(ty):
            return self.ref(self.types, T.heap_index(ty))
        return T.heap_name(ty)

    def ref_type(self, ty: int) -> str:
        """A reference type given by its heap type, not null."""
        return f"(ref {self.heap_type(ty)})"

    # ---- the module ----

    def run(self) -> str:
        m = self.m
        name = "" if not self.module_name else " " + _identifiers({0: self.module_name})[0]
        self.out.append(f"(module{name}")
        for group in m.rec_groups:
            self.rec_group(group)
        counts = [0] * 5
        for item in m.imports:
            index = counts[item.kind]
            counts[item.kind] += 1
            self.line(
                f"(import {_name(item.module)} {_name(item.name)} ({self.imported(item, index)}))"
            )
        for index in range(m.num_imported_tables, len(m.tables)):
            table = m.tables[index]
            init = "" if table.init_start < 0 else " " + self.constant(table.init_start)
            self.line(f"(table{self.head(self.tables, index)} {self.table_type(table.type)}{init})")
        for index in range(m.num_imported_memories, len(m.memories)):
            limits = self.limits(m.memories[index].type.limits)
            self.line(f"(memory{self.head(self.memories, index)} {limits})")
        for index in range(m.num_imported_tags, len(m.tags)):
            use = self.type_use(m.tags[index].type.type_index)
            self.line(f"(tag{self.head(self.tags, index)}{use})")
        for index in range(m.num_imported_globals, len(m.globals)):
            item_global = m.globals[index]
            init = self.constant(item_global.init_start)
            ty = self.global_type(item_global.type)
            self.line(f"(global{self.head(self.globals, index)} {ty} {init})")
        spaces = (self.funcs, self.tables, self.memories, self.globals, self.tags)
        for export in m.exports:
            target = self.ref(spaces[export.kind], export.index)
            self.line(f"(export {_name(export.name)} ({M.KIND_NAMES[export.kind]} {target}))")
        if m.start >= 0:
            self.line(f"(start {self.ref(self.funcs, m.start)})")
        for number, element in enumerate(m.elements):
            self.element(number, element)
        for index in range(m.num_imported_funcs, len(m.funcs)):
            try:
                self.function(index)
            except IndexError:
                raise DecodeError(UNEXPECTED_END, m.body(index).end, func_index=index) from None
        for number, segment in enumerate(m.data_segments):
            self.segment(number, segment)
        self.out.append(")")
        return "\n".join(self.out) + "\n"

    def line(self, text: str, depth: int = 1) -> None:
        self.out.append("  " * depth + text)

    def rec_group(self, group: T.RecGroup) -> None:
        depth = 1
        if group.explicit or group.count != 1:
            self.line("(rec")
            depth = 2
        for index in range(group.start, group.start + group.count):
            sub = self.m.types[index]
            text = self.composite(sub.composite, index)
            if not sub.final or sub.supers:
                words = ["sub"] + (["final"] if sub.final else [])
                words += [self.ref(self.types, parent) for parent in sub.supers]
                text = f"({' '.join(words)} {text})"
            self.line(f"(type{self.head(self.types, index)} {text})", depth)
        if depth == 2:
            self.line(")")

    def composite(self, composite: T.CompositeType, index: int) -> str:
        if isinstance(composite, T.FuncType):
            return f"(func{self.signature(composite)})"
        if isinstance(composite, T.StructType):
            names = _identifiers(self.fields.get(index, {}))
            fields = []
            for number, field in enumerate(composite.fields):
                name = names.get(number)
                fields.append(f" (field {f'{name} ' if name else ''}{self.field(field)})")
            return f"(struct{''.join(fields)})"
        return f"(array {self.field(composite.field)})"

    def field(self, field: T.FieldType) -> str:
        name = self.value_type(field.storage)
        return f"(mut {name})" if field.mutable else name

    def signature(self, ty: T.FuncType, names: dict[int, str] | None = None) -> str:
        parts = []
        if names:
            for number, param in enumerate(ty.params):
                name = names.get(number)
                parts.append(f" (param {f'{name} ' if name else ''}{self.value_type(param)})")
        elif ty.params:
            parts.append(f" (param {' '.join(map(self.value_type, ty.params))})")
        if ty.results:
            parts.append(f" (result {' '.join(map(self.value_type, ty.results))})")
        return "".join(parts)

    def type_at(self, index: int) -> T.CompositeType | None:
        """The type with an index; None when a module that is not valid has none."""
        return self.m.types[index].composite if index < len(self.m.types) else None

    def type_use(self, index: int, names: dict[int, str] | None = None) -> str:
        composite = self.type_at(index)
        use = f" (type {self.ref(self.types, index)})"
        if isinstance(composite, T.FuncType):
            use += self.signature(composite, names)
        return use

    def imported(self, item: M.Import, index: int) -> str:
        ty = item.type
        if isinstance(ty, int):
            names = _identifiers(self.locals.get(index, {}))
            return f"func{self.head(self.funcs, index)}{self.type_use(ty, names)}"
        if isinstance(ty, T.TableType):
            return f"table{self.head(self.tables, index)} {self.table_type(ty)}"
        if isinstance(ty, T.MemoryType):
            return f"memory{self.head(self.memories, index)} {self.limits(ty.limits)}"
        if isinstance(ty, T.GlobalType):
            return f"global{self.head(self.globals, index)} {self.global_type(ty)}"
        return f"tag{self.head(self.tags, index)}{self.type_use(ty.type_index)}"

    def limits(self, limits: T.Limits) -> str:
        text = f"{'i64 ' if limits.is64 else ''}{limits.min}"
        if limits.max != T.NO_MAX:
            text += f" {limits.max}"
        if limits.shared:
            text += " shared"
        if limits.custom_page:
            text += f" (pagesize {1 << limits.page_size_log2})"
        return text

    def table_type(self, ty: T.TableType) -> str:
        return f"{self.limits(ty.limits)} {self.value_type(ty.element)}"

    def global_type(self, ty: T.GlobalType) -> str:
        name = self.value_type(ty.value)
        return f"(mut {name})" if ty.mutable else name

    def constant(self, start: int) -> str:
        """A constant expression: its instructions, each in parentheses."""
        return " ".join(f"({text})" for text in self.constant_items(start))

    def constant_items(self, start: int) -> list[str]:
        pos = start
        found: list[str] = []
        while True:
            op, pos = read_op(self.data, pos)
            if op == W.END:
                return found
            text, pos = self.instruction(op, pos, {})
            found.append(text)

    def offset(self, start: int) -> str:
        items = self.constant_items(start)
        if len(items) == 1:
            return f"({items[0]})"
        return "(offset " + " ".join(f"({item})" for item in items) + ")"

    def element(self, number: int, element: M.Element) -> None:
        text = f"(elem{self.head(self.elements, number)}"
        if element.mode == M.DECLARATIVE:
            text += " declare"
        elif element.mode == M.ACTIVE:
            if element.flags & 2:
                text += f" (table {self.ref(self.tables, element.table)})"
            text += " " + self.offset(element.offset_start)
        if element.is_exprs:
            text += " " + self.value_type(element.type)
            for index in range(len(element)):
                text += f" (item {self.constant(element.expr(index)[0])})"
        else:
            text += " func"
            for index in element.funcs:
                text += " " + self.ref(self.funcs, index)
        self.line(text + ")")

    def segment(self, number: int, segment: M.Data) -> None:
        text = f"(data{self.head(self.segments, number)}"
        if segment.mode == M.ACTIVE:
            if segment.memory:
                text += f" (memory {self.ref(self.memories, segment.memory)})"
            text += " " + self.offset(segment.offset_start)
        self.line(f"{text} {quote(self.data[segment.start : segment.end])})")

    # ---- functions ----

    def function(self, index: int) -> None:
        m = self.m
        locals_ = _identifiers(self.locals.get(index, {}))
        use = self.type_use(m.funcs[index], locals_)
        self.line(f"(func{self.head(self.funcs, index)}{use}")
        body = m.body(index)
        groups, pos = read_u32(self.data, body.start)
        ty = self.type_at(m.funcs[index])
        number = len(ty.params) if isinstance(ty, T.FuncType) else 0
        for _ in range(groups):
            count, pos = read_u32(self.data, pos)
            if number + count > _LIMITS.locals:
                raise DecodeError("too many locals", pos, func_index=index)
            local, pos = read_value_type(self.data, pos, _CODES, ALL.bits)
            text = self.value_type(local)
            plain = 0
            for _ in range(count):
                name = locals_.get(number)
                number += 1
                if name:
                    self.plain_locals(plain, text)
                    plain = 0
                    self.line(f"(local {name} {text})", 2)
                else:
                    plain += 1
            self.plain_locals(plain, text)
        self.code(pos, body.end, locals_, _identifiers(self.labels.get(index, {}), unique=False))
        self.line(")")

    def plain_locals(self, count: int, text: str) -> None:
        if count:
            self.line(f"(local{f' {text}' * count})", 2)

    def code(self, pos: int, end: int, locals_: dict[int, str], names: dict[int, str]) -> None:
        depth = 2
        label = 0
        pending: list[tuple[list[str], int]] = []  # folded operands: lines, depth of folding

        def flush() -> None:
            for lines, _ in pending:
                for text in lines:
                    self.line(text, depth)
            pending.clear()

        while pos < end:
            op, pos = read_op(self.data, pos)
            if op == W.END and pos >= end:
                break
            text, pos = self.instruction(op, pos, locals_)
            if op in (W.BLOCK, W.LOOP, W.IF, W.TRY_TABLE):
                flush()
                name = names.get(label)
                label += 1
                if name:
                    word, space, rest = text.partition(" ")
                    text = f"{word} {name}{space}{rest}"
                self.line(text, depth)
                depth += 1
            elif op == W.END:
                flush()
                depth -= 1
                self.line("end", depth)
            elif op == W.ELSE:
                flush()
                self.line("else", depth - 1)
            elif self.folded:
                effect = self.effect(op, pos, text)
                if effect is None or effect[0] > len(pending):
                    flush()
                    self.line(text, depth)
                    continue
                takes, gives = effect
                operands = pending[len(pending) - takes :]
                deep = 1 + max([d for _, d in operands], default=0)
                if deep > _MAX_FOLD:
                    flush()
                    self.line(text, depth)
                    continue
                del pending[len(pending) - takes :]
                if operands:
                    lines = [f"({text}"]
                    lines += ["  " + inner for texts, _ in operands for inner in texts]
                    lines[-1] += ")"
                else:
                    lines = [f"({text})"]
                if gives == 1:
                    pending.append((lines, deep))
                else:
                    flush()
                    for inner in lines:
                        self.line(inner, depth)
            else:
                self.line(text, depth)
        flush()

    def effect(self, op: int, pos: int, text: str) -> tuple[int, int] | None:
        """How many operands an instruction takes and gives; None when the row does not say."""
        stack = W.stack_type(op)
        if stack is not None:
            return (len(stack[0]), len(stack[1])) if len(stack[1]) < 2 else None
        if op in (W.LOCAL_GET, W.GLOBAL_GET):
            return 0, 1
        if op in (W.LOCAL_SET, W.GLOBAL_SET, W.DROP):
            return 1, 0
        if op == W.LOCAL_TEE:
            return 1, 1
        return None

    def instruction(self, op: int, pos: int, locals_: dict[int, str]) -> tuple[str, int]:
        """The text of an instruction whose opcode was read, and the place behind it."""
        data = self.data
        words = [W.NAMES[op]]
        if op in (W.CALL_INDIRECT, W.RETURN_CALL_INDIRECT):
            type_index, pos = read_u32(data, pos)
            table, pos = read_u32(data, pos)
            if table:
                words.append(self.ref(self.tables, table))
            return " ".join(words) + self.type_use(type_index), pos
        if op in (W.MEMORY_INIT, W.TABLE_INIT):
            segment, pos = read_u32(data, pos)
            target, pos = read_u32(data, pos)
            memory = op == W.MEMORY_INIT
            if target:
                words.append(self.ref(self.memories if memory else self.tables, target))
            words.append(self.ref(self.segments if memory else self.elements, segment))
            return " ".join(words), pos
        if op in (W.MEMORY_COPY, W.TABLE_COPY):
            to, pos = read_u32(data, pos)
            source, pos = read_u32(data, pos)
            if to or source:
                space = self.memories if op == W.MEMORY_COPY else self.tables
                words += [self.ref(space, to), self.ref(space, source)]
            return " ".join(words), pos
        struct = -1
        for kind in W.IMMEDIATES[op]:
            if kind == "block":
                text, pos = self.block_type(pos)
                if text:
                    words.append(text)
            elif kind == "memarg":
                log2, memory_index, offset, pos = read_memarg(data, pos)
                if memory_index:
                    words.append(self.ref(self.memories, memory_index))
                if offset:
                    words.append(f"offset={offset}")
                if log2 != W.ALIGN[op]:
                    words.append(f"align={1 << log2}")
            elif kind == "local":
                index, pos = read_u32(data, pos)
                words.append(self.ref(locals_, index))
            elif kind in _SPACES:
                index, pos = read_u32(data, pos)
                space = getattr(self, _SPACES[kind])
                if index or kind not in ("memory", "table"):
                    words.append(self.ref(space, index))
                if kind == "type":
                    struct = index
            elif kind in ("label", "count"):
                index, pos = read_u32(data, pos)
                words.append(str(index))
            elif kind == "field":
                index, pos = read_u32(data, pos)
                words.append(self.ref(_identifiers(self.fields.get(struct, {})), index))
            elif kind == "br_table":
                count, pos = read_u32(data, pos)
                for _ in range(count + 1):
                    index, pos = read_u32(data, pos)
                    words.append(str(index))
            elif kind == "i32":
                value, pos = read_s32(data, pos)
                words.append(str(value))
            elif kind == "i64":
                value, pos = read_s64(data, pos)
                words.append(str(value))
            elif kind in ("f32", "f64"):
                size = 4 if kind == "f32" else 8
                bits = int.from_bytes(data[pos : pos + size], "little")
                words.append(print_float(bits, 8 * size))
                pos += size
            elif kind == "v128":
                lanes = [
                    int.from_bytes(data[pos + n : pos + n + 4], "little") for n in (0, 4, 8, 12)
                ]
                words.append("i32x4 " + " ".join(f"0x{lane:08x}" for lane in lanes))
                pos += 16
            elif kind == "shuffle":
                words += [str(byte) for byte in data[pos : pos + 16]]
                pos += 16
            elif kind.startswith("lane"):
                words.append(str(data[pos]))
                pos += 1
            elif kind == "fence":
                pos += 1
            elif kind == "heap":
                ty, pos = read_heap_type(data, pos, _CODES, ALL.bits)
                words.append(self.heap_type(ty))
            elif kind in ("ref", "ref_null"):
                ty, pos = read_heap_type(data, pos, _CODES, ALL.bits)
                null = "null " if kind == "ref_null" else ""
                words.append(f"(ref {null}{self.heap_type(ty)})")
            elif kind == "select_types":
                count, pos = read_u32(data, pos)
                types = []
                for _ in range(count):
                    ty, pos = read_value_type(data, pos, _CODES, ALL.bits)
                    types.append(self.value_type(ty))
                words.append(f"(result{''.join(' ' + t for t in types)})")
            elif kind == "try_table":
                text, pos = self.try_table(pos)
                if text:
                    words.append(text)
            elif kind == "br_cast":
                flags = data[pos]
                label, pos = read_u32(data, pos + 1)
                source_type, pos = read_heap_type(data, pos, _CODES, ALL.bits)
                target_type, pos = read_heap_type(data, pos, _CODES, ALL.bits)
                words.append(str(label))
                for ty, bit in ((source_type, 1), (target_type, 2)):
                    words.append(f"(ref {'null ' if flags & bit else ''}{self.heap_type(ty)})")
        return " ".join(words), pos

    def block_type(self, pos: int) -> tuple[str, int]:
        byte = self.data[pos]
        if byte == 0x40:
            return "", pos + 1
        if byte >= 0x40 and byte < 0x80:
            ty, pos = read_value_type(self.data, pos, _CODES, ALL.bits)
            return f"(result {self.value_type(ty)})", pos
        index, end = read_s33(self.data, pos)
        if index < 0:
            raise DecodeError("malformed block type", pos)
        return self.type_use(index).strip(), end

    def try_table(self, pos: int) -> tuple[str, int]:
        text, pos = self.block_type(pos)
        parts = [text] if text else []
        count, pos = read_u32(self.data, pos)
        for _ in range(count):
            kind = self.data[pos]
            pos += 1
            if kind >= len(_CATCHES):
                raise DecodeError("malformed catch clause", pos)
            clause = _CATCHES[kind]
            if kind < 2:
                tag, pos = read_u32(self.data, pos)
                clause += " " + self.ref(self.tags, tag)
            label, pos = read_u32(self.data, pos)
            parts.append(f"({clause} {label})")
        return " ".join(parts), pos


_SPACES: Final = {
    "func": "funcs", "type": "types", "table": "tables", "global": "globals", "tag": "tags",
    "memory": "memories", "data": "segments", "elem": "elements",
}  # fmt: skip
