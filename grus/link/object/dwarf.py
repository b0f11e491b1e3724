"""DWARF for functions with source locations: `.debug_line`, `.debug_info`, `.debug_abbrev`.

A source location of the IR is a number; it is a line of the file, unless a table says file, line
and column. Version 4, 32-bit. Source: DWARF 4, sections 3.1, 6.2 and 7.
"""

from __future__ import annotations

import os
from typing import Final

from grus.backend.emit import CompiledFunction
from grus.backend.unwind import sleb, uleb
from grus.link.debug import Locations
from grus.link.object.model import DEBUG, ObjectFile, Symbol

_VERSION: Final = 4
_LNS_COPY: Final = 1
_LNS_ADVANCE_PC: Final = 2
_LNS_ADVANCE_LINE: Final = 3
_LNS_SET_FILE: Final = 4
_LNS_SET_COLUMN: Final = 5
_LNE_END_SEQUENCE: Final = 1
_LNE_SET_ADDRESS: Final = 2
_OPCODE_BASE: Final = 13
_OPERANDS: Final = bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1])

_TAG_COMPILE_UNIT: Final = 0x11
_TAG_SUBPROGRAM: Final = 0x2E
_AT_NAME: Final = 0x03
_AT_STMT_LIST: Final = 0x10
_AT_LOW_PC: Final = 0x11
_AT_HIGH_PC: Final = 0x12
_AT_LANGUAGE: Final = 0x13
_AT_COMP_DIR: Final = 0x1B
_AT_PRODUCER: Final = 0x25
_AT_EXTERNAL: Final = 0x3F
_AT_FRAME_BASE: Final = 0x40
_FORM_ADDR: Final = 0x01
_FORM_DATA2: Final = 0x05
_FORM_STRING: Final = 0x08
_FORM_DATA8: Final = 0x07
_FORM_SEC_OFFSET: Final = 0x17
_FORM_FLAG_PRESENT: Final = 0x19
_FORM_EXPRLOC: Final = 0x18
_OP_CALL_FRAME_CFA: Final = 0x9C
_LANGUAGE: Final = 0x8001  # DW_LANG_Mips_Assembler: what assemblers say


def _abbreviation(number: int, tag: int, children: bool, rows: list[tuple[int, int]]) -> bytes:
    out = uleb(number) + uleb(tag) + bytes([children])
    for attribute, form in rows:
        out += uleb(attribute) + uleb(form)
    return out + b"\0\0"


_ABBREVIATIONS: Final = (
    _abbreviation(
        1,
        _TAG_COMPILE_UNIT,
        True,
        [
            (_AT_PRODUCER, _FORM_STRING),
            (_AT_LANGUAGE, _FORM_DATA2),
            (_AT_NAME, _FORM_STRING),
            (_AT_COMP_DIR, _FORM_STRING),
            (_AT_LOW_PC, _FORM_ADDR),
            (_AT_HIGH_PC, _FORM_DATA8),
            (_AT_STMT_LIST, _FORM_SEC_OFFSET),
        ],
    )
    + _abbreviation(
        2,
        _TAG_SUBPROGRAM,
        False,
        [
            (_AT_NAME, _FORM_STRING),
            (_AT_EXTERNAL, _FORM_FLAG_PRESENT),
            (_AT_LOW_PC, _FORM_ADDR),
            (_AT_HIGH_PC, _FORM_DATA8),
            (_AT_FRAME_BASE, _FORM_EXPRLOC),
        ],
    )
    + b"\0"
)


def add_debug(
    obj: ObjectFile,
    functions: list[tuple[Symbol, CompiledFunction]],
    source: str,
    locations: Locations | None = None,
) -> None:
    """Add the debug sections for these functions, defined in `obj`, whose names are in `source`
    (a path, as debuggers should open it)."""
    if not functions:
        return
    text = functions[0][0].section
    assert text is not None
    one_text = all([symbol.section is text for symbol, _ in functions])
    abbrev = obj.section(".debug_abbrev", DEBUG)
    abbrev.append(_ABBREVIATIONS)
    line = obj.section(".debug_line", DEBUG)
    info = obj.section(".debug_info", DEBUG)

    body = bytearray()
    fields: list[tuple[int, str, Symbol, int]] = []  # offset in `body`, kind, symbol, addend
    body += _VERSION.to_bytes(2, "little")
    fields.append((len(body), "SectionOffset4", abbrev.symbol, 0))
    body += bytes(4) + b"\x08"
    body += uleb(1) + b"Grus\0" + _LANGUAGE.to_bytes(2, "little")
    body += source.encode() + b"\0" + os.getcwd().encode() + b"\0"
    fields.append((len(body), "Abs8", text.symbol, 0))
    body += bytes(8)
    body += (text.size if one_text else 0).to_bytes(8, "little")
    fields.append((len(body), "SectionOffset4", line.symbol, 0))
    body += bytes(4)
    for symbol, func in functions:
        body += uleb(2) + symbol.name.encode() + b"\0"
        fields.append((len(body), "Abs8", *_place(symbol)))
        body += bytes(8) + len(func.code).to_bytes(8, "little")
        body += bytes([1, _OP_CALL_FRAME_CFA])
    body.append(0)
    info.append(len(body).to_bytes(4, "little") + body)
    for offset, kind, target, addend in fields:
        info.relocate(4 + offset, kind, target, addend)

    files = [source]
    table: Locations = locations or {}
    program = bytearray()
    addresses: list[tuple[int, tuple[Symbol, int]]] = []
    for symbol, func in functions:
        rows = _rows(func, table, files)
        program += b"\0" + uleb(9) + bytes([_LNE_SET_ADDRESS])
        addresses.append((len(program), _place(symbol)))
        program += bytes(8)
        program += _line_program(rows, len(func.code))
    header = bytearray([1, 1, 1, 0xFB, 14, _OPCODE_BASE])  # minimum instruction, operations, ...
    header += _OPERANDS + b"\0"  # no include directories
    for name in files:
        header += name.encode() + b"\0" + uleb(0) + uleb(0) + uleb(0)
    header.append(0)
    head = _VERSION.to_bytes(2, "little") + len(header).to_bytes(4, "little")
    unit = head + header + program
    line.append(len(unit).to_bytes(4, "little") + unit)
    start = 4 + len(head) + len(header)
    for offset, (target, addend) in addresses:
        line.relocate(start + offset, "Abs8", target, addend)


def _place(symbol: Symbol) -> tuple[Symbol, int]:
    """A symbol as place in its section, which no other definition replaces."""
    assert symbol.section is not None
    return symbol.section.symbol, symbol.offset


def _rows(
    func: CompiledFunction, table: Locations, files: list[str]
) -> list[tuple[int, int, int, int]]:
    """(code offset, number of the file, line, column) where it changes; line 0 is no line."""
    rows: list[tuple[int, int, int, int]] = []
    for offset, location in func.locs:
        if location in table:
            name, line, column = table[location]
            if name not in files:
                files.append(name)
            row = (offset, files.index(name) + 1, line, column)
        else:
            row = (offset, 1, max(location, 0), 0)
        if rows and rows[-1][0] == offset:
            rows.pop()
        rows.append(row)
    # The prologue belongs to the first line.
    first = next((row for row in rows if row[2]), (0, 1, 0, 0))
    if not rows or rows[0][0] > 0:
        rows.insert(0, (0, *first[1:]))
    return rows


def _line_program(rows: list[tuple[int, int, int, int]], size: int) -> bytes:
    """The rows of one function as a sequence."""
    out = bytearray()
    at, file, line, column = 0, 1, 1, 0
    for offset, new_file, new_line, new_column in rows:
        if offset != at:
            out += bytes([_LNS_ADVANCE_PC]) + uleb(offset - at)
        if new_file != file:
            out += bytes([_LNS_SET_FILE]) + uleb(new_file)
        if new_column != column:
            out += bytes([_LNS_SET_COLUMN]) + uleb(new_column)
        if new_line != line:
            out += bytes([_LNS_ADVANCE_LINE]) + sleb(new_line - line)
        out.append(_LNS_COPY)
        at, file, line, column = offset, new_file, new_line, new_column
    out += bytes([_LNS_ADVANCE_PC]) + uleb(size - at)
    out += b"\0" + uleb(1) + bytes([_LNE_END_SEQUENCE])
    return bytes(out)
