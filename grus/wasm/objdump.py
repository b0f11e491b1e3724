"""A module as a listing: sections, items, and disassembled bodies with byte offsets.

Works on any module that decodes, valid or not. Every function returns lines.
"""

from __future__ import annotations

from collections.abc import Iterator

from grus.wasm import features as F
from grus.wasm import module as M
from grus.wasm import opcodes as O
from grus.wasm import types as T
from grus.wasm.decode import (
    UNEXPECTED_END,
    illegal_opcode,
    read_heap_type,
    read_memarg,
    read_op,
    read_s32,
    read_s33,
    read_s64,
    read_u32,
    read_value_type,
    skip_immediates,
    value_type_codes,
)
from grus.wasm.errors import DecodeError

_BITS = F.ALL.bits
_CODES = value_type_codes(_BITS)
_CATCH = ("catch", "catch_ref", "catch_all", "catch_all_ref")


def headers(module: M.Module) -> Iterator[str]:
    """One line per section: where it is, its size, how many items it has."""
    custom = iter(module.customs)
    counts = {
        1: len(module.types),
        2: len(module.imports),
        3: len(module.funcs) - module.num_imported_funcs,
        4: len(module.tables) - module.num_imported_tables,
        5: len(module.memories) - module.num_imported_memories,
        6: len(module.globals) - module.num_imported_globals,
        7: len(module.exports),
        8: 1,
        9: len(module.elements),
        10: len(module.code),
        11: len(module.data_segments),
        12: 1,
        13: len(module.tags) - module.num_imported_tags,
    }
    for section in module.sections:
        name = M.SECTION_NAMES[section.id]
        what = f'"{next(custom).name}"' if section.id == 0 else f"count: {counts[section.id]}"
        size = section.end - section.start
        size = section.end - section.start
        place = f"start={section.start:#010x} end={section.end:#010x}"
        yield f"{name:>9} {place} {size:>9} bytes  {what}"


def details(module: M.Module) -> Iterator[str]:
    """Types, imports, functions, tables, memories, tags, globals, exports, segments."""
    for i, sub in enumerate(module.types):
        yield f"type[{i}] {sub!r}"
    for imp in module.imports:
        kind = M.KIND_NAMES[imp.kind]
        text = f"(type {imp.type})" if isinstance(imp.type, int) else repr(imp.type)
        yield f"import {kind} {imp.module!r}.{imp.name!r} {text}"
    for i in range(module.num_imported_funcs, len(module.funcs)):
        body = module.body(i)
        size = body.end - body.start
        yield f"func[{i}] (type {module.funcs[i]}){_label(module, i)} {size} bytes"
    for i, table in enumerate(module.tables):
        if i >= module.num_imported_tables:
            yield f"table[{i}] {table.type!r}{_init(module, table.init_start, table.init_end)}"
    for i, memory in enumerate(module.memories):
        if i >= module.num_imported_memories:
            yield f"memory[{i}] {memory.type!r}"
    for i, tag in enumerate(module.tags):
        if i >= module.num_imported_tags:
            yield f"tag[{i}] {tag.type!r}"
    for i, glob in enumerate(module.globals):
        if i >= module.num_imported_globals:
            yield f"global[{i}] {glob.type!r}{_init(module, glob.init_start, glob.init_end)}"
    for export in module.exports:
        yield f"export {export.name!r} {M.KIND_NAMES[export.kind]}[{export.index}]"
    if module.start >= 0:
        yield f"start func[{module.start}]{_label(module, module.start)}"
    for i, element in enumerate(module.elements):
        yield f"elem[{i}] {_segment(module, element)} {T.type_name(element.type)} x {len(element)}"
    for i, data in enumerate(module.data_segments):
        yield f"data[{i}] {_segment(module, data)} {data.end - data.start} bytes at {data.start:#x}"


def _label(module: M.Module, index: int) -> str:
    name = module.func_name(index)
    return f" <{name}>" if name else ""


def _init(module: M.Module, start: int, end: int) -> str:
    return "" if start < 0 else f" = {expression(module, start, end)}"


def _segment(module: M.Module, segment: M.Element | M.Data) -> str:
    if segment.mode != M.ACTIVE:
        return "passive" if segment.mode == M.PASSIVE else "declare"
    where = segment.table if isinstance(segment, M.Element) else segment.memory
    at = expression(module, segment.offset_start, segment.offset_end)
    what = "table" if isinstance(segment, M.Element) else "memory"
    return f"{what}[{where}] at {at}"


def expression(module: M.Module, start: int, end: int) -> str:
    """A constant expression on one line, without its `end`."""
    code = bytes(module.data[start:end])
    pos = 0
    parts: list[str] = []
    while pos < len(code):
        text, _, pos = instruction(code, pos)
        parts.append(text)
    return "; ".join(parts[:-1])


def disassemble(module: M.Module) -> Iterator[str]:
    """Every function body: offset, bytes, instruction.

    Raises DecodeError for a body that cannot be cut into instructions.
    """
    for i in range(module.num_imported_funcs, len(module.funcs)):
        body = module.body(i)
        yield f"{body.start:06x} func[{i}]{_label(module, i)}:"
        code = bytes(module.data[body.start : body.end])
        try:
            yield from _body(code, body.start)
        except IndexError:
            raise DecodeError(UNEXPECTED_END, body.end, func_index=i) from None
        except DecodeError as error:
            raise DecodeError(
                error.message, body.start + (error.offset or 0), func_index=i
            ) from None


def _body(code: bytes, base: int) -> Iterator[str]:
    groups, pos = read_u32(code, 0)
    for _ in range(groups):
        start = pos
        count, pos = read_u32(code, pos)
        ty, pos = read_value_type(code, pos, _CODES, _BITS)
        yield _line(base + start, code[start:pos], f"local x {count} {T.type_name(ty)}")
    depth = 1
    while pos < len(code):
        start = pos
        text, op, pos = instruction(code, pos)
        if op == O.END or op == O.ELSE:
            depth -= 1
        yield _line(base + start, code[start:pos], "  " * max(depth, 0) + text)
        if op in (O.BLOCK, O.LOOP, O.IF, O.ELSE, O.TRY_TABLE):
            depth += 1


def _line(offset: int, raw: bytes, text: str) -> str:
    shown = raw.hex(" ") if len(raw) <= 9 else raw[:8].hex(" ") + " .."
    return f" {offset:06x}: {shown:<26} | {text}"


def instruction(code: bytes, pos: int) -> tuple[str, int, int]:
    """The instruction at `pos` as text, its opcode id, and the position behind it.

    Raises DecodeError, or IndexError at the end of the bytes.
    """
    start = pos
    op, pos = read_op(code, pos)
    if op < 0:
        raise illegal_opcode(code, start)
    words = [O.NAMES[op]]
    for kind in O.IMMEDIATES[op]:
        text, pos = _immediate(code, pos, op, kind)
        if text:
            words.append(text)
    return " ".join(words), op, pos


def _immediate(code: bytes, pos: int, op: int, kind: str) -> tuple[str, int]:
    if kind == "memarg":
        align, memory, offset, pos = read_memarg(code, pos)
        text = f"(memory {memory}) " if memory else ""
        return f"{text}offset={offset} align={1 << align}", pos
    if kind == "block":
        return _block(code, pos)
    if kind == "i32":
        value, pos = read_s32(code, pos)
        return str(value), pos
    if kind == "i64":
        value, pos = read_s64(code, pos)
        return str(value), pos
    if kind in ("f32", "f64", "v128"):
        end = pos + {"f32": 4, "f64": 8, "v128": 16}[kind]
        code[end - 1]
        return "0x" + code[pos:end][::-1].hex(), end
    if kind == "shuffle":
        code[pos + 15]
        return " ".join(str(lane) for lane in code[pos : pos + 16]), pos + 16
    if kind.startswith("lane"):
        return str(code[pos]), pos + 1
    if kind in ("heap", "ref", "ref_null"):
        ty, pos = read_heap_type(code, pos, _CODES, _BITS)
        if kind == "heap":
            return T.heap_name(ty), pos
        return T.type_name(ty if kind == "ref_null" else ty & ~T.NULLABLE), pos
    if kind == "br_cast":
        flags = code[pos]
        label, pos = read_u32(code, pos + 1)
        source, pos = read_heap_type(code, pos, _CODES, _BITS)
        target, pos = read_heap_type(code, pos, _CODES, _BITS)
        source &= -1 if flags & 1 else ~T.NULLABLE
        target &= -1 if flags & 2 else ~T.NULLABLE
        return f"{label} {T.type_name(source)} {T.type_name(target)}", pos
    if kind == "br_table":
        count, pos = read_u32(code, pos)
        labels: list[str] = []
        for _ in range(count + 1):
            label, pos = read_u32(code, pos)
            labels.append(str(label))
        return " ".join(labels), pos
    if kind == "select_types":
        count, pos = read_u32(code, pos)
        names: list[str] = []
        for _ in range(count):
            ty, pos = read_value_type(code, pos, _CODES, _BITS)
            names.append(T.type_name(ty))
        return f"(result {' '.join(names)})", pos
    if kind == "try_table":
        return _try_table(code, pos)
    if kind == "fence":
        return "", skip_immediates(code, pos, op, _CODES, _BITS)
    value, pos = read_u32(code, pos)
    if kind in ("memory", "table") and value == 0:
        return "", pos
    return str(value), pos


def _block(code: bytes, pos: int) -> tuple[str, int]:
    byte = code[pos]
    if byte == 0x40:
        return "", pos + 1
    if byte < 0x80 and byte & 0x40:
        ty, pos = read_value_type(code, pos, _CODES, _BITS)
        return f"(result {T.type_name(ty)})", pos
    index, pos = read_s33(code, pos)
    return f"(type {index})", pos


def _try_table(code: bytes, pos: int) -> tuple[str, int]:
    text, pos = _block(code, pos)
    words = [text] if text else []
    count, pos = read_u32(code, pos)
    for _ in range(count):
        kind = code[pos]
        if kind > 3:
            raise DecodeError("malformed catch clause", pos)
        pos += 1
        tag = ""
        if kind < 2:
            index, pos = read_u32(code, pos)
            tag = f" {index}"
        label, pos = read_u32(code, pos)
        words.append(f"({_CATCH[kind]}{tag} {label})")
    return " ".join(words), pos
