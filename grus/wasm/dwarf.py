"""Source lines of code offsets, from the DWARF line tables in custom sections.

Reads `.debug_line` of versions 2 to 5 with `.debug_line_str` and `.debug_str`; addresses count from
the start of the code section's contents (the WebAssembly tool convention "DWARF for WebAssembly").
Line tables come with the module and may be wrong in any way: what cannot be read ends the table at
that place, and nothing is raised.

Source: DWARF Debugging Information Format, version 5, section 6.2.
"""

from __future__ import annotations

import bisect
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from grus.wasm.module import Module

_LIMIT: Final = 1_000_000
"""Most rows that are read of all tables of a module: they take a second or two."""

# Standard opcodes.
_COPY, _ADVANCE_PC, _ADVANCE_LINE, _SET_FILE, _SET_COLUMN = 1, 2, 3, 4, 5
_NEGATE_STMT, _BASIC_BLOCK, _CONST_ADD_PC, _FIXED_ADVANCE_PC = 6, 7, 8, 9
# Extended opcodes.
_END_SEQUENCE, _SET_ADDRESS = 1, 2
# Content types and forms of version 5.
_PATH, _DIRECTORY = 1, 2
_STRING, _DATA1, _DATA2, _DATA4, _DATA8 = 0x08, 0x0B, 0x05, 0x06, 0x07
_DATA16, _UDATA, _BLOCK, _STRP, _LINE_STRP = 0x1E, 0x0F, 0x09, 0x0E, 0x1F


_CODE_SECTION: Final = 10


class _Bad(Exception):
    """The table cannot be read further."""


class _Reader:
    __slots__ = ("data", "end", "pos")

    def __init__(self, data: bytes, pos: int, end: int) -> None:
        self.data = data
        self.pos = pos
        self.end = min(end, len(data))

    def fixed(self, size: int) -> int:
        if self.pos + size > self.end:
            raise _Bad
        self.pos += size
        return int.from_bytes(self.data[self.pos - size : self.pos], "little")

    def signed(self, size: int) -> int:
        value = self.fixed(size)
        return value - (1 << 8 * size) if value >> (8 * size - 1) else value

    def uleb(self) -> int:
        result = shift = 0
        while True:
            byte = self.fixed(1)
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return result
            if shift > 63:
                raise _Bad

    def sleb(self) -> int:
        result = shift = 0
        while True:
            byte = self.fixed(1)
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return result - (1 << shift) if byte & 0x40 else result
            if shift > 63:
                raise _Bad

    def string(self) -> bytes:
        at = self.data.find(b"\0", self.pos, self.end)
        if at < 0:
            raise _Bad
        text = self.data[self.pos : at]
        self.pos = at + 1
        return text


class LineTable:
    """Rows (address, file, line, column) in ascending order of addresses."""

    __slots__ = ("_addresses", "_rows")

    def __init__(self, rows: list[tuple[int, str, int, int]]) -> None:
        rows.sort(key=lambda row: (row[0], row[2] != 0))  # an end before a start at its place
        self._rows = rows
        self._addresses = [row[0] for row in rows]

    def find(self, address: int) -> tuple[str, int, int] | None:
        """File, line and column (0: unknown) of the code at an address; None for none."""
        at = bisect.bisect_right(self._addresses, address) - 1
        if at < 0:
            return None
        _, file, line, column = self._rows[at]
        return (file, line, column) if line else None


def read_lines(line: bytes, line_str: bytes = b"", strings: bytes = b"") -> LineTable:
    """The line table of the contents of `.debug_line`, `.debug_line_str` and `.debug_str`."""
    rows: list[tuple[int, str, int, int]] = []
    pos = 0
    while pos + 4 < len(line) and len(rows) < _LIMIT:
        length = int.from_bytes(line[pos : pos + 4], "little")
        if length >= 0xFFFFFFF0:
            break  # the 64-bit format does not occur in wasm
        end = pos + 4 + length
        with suppress(_Bad):
            _Unit(_Reader(line, pos + 4, end), line_str, strings).run(rows)
        pos = end
    return LineTable(rows)


class _Unit:
    """One line number program."""

    def __init__(self, r: _Reader, line_str: bytes, strings: bytes) -> None:
        self.r = r
        self.line_str = line_str
        self.strings = strings
        version = r.fixed(2)
        if not 2 <= version <= 5:
            raise _Bad
        if version >= 5:
            r.fixed(2)  # sizes of addresses and selectors
        header = r.fixed(4)
        program = r.pos + header
        self.min_inst = r.fixed(1)
        if version >= 4:
            r.fixed(1)  # operations an instruction
        r.fixed(1)  # is_stmt at first
        self.line_base = r.signed(1)
        self.line_range = r.fixed(1)
        self.opcode_base = r.fixed(1)
        if not self.line_range or not self.opcode_base:
            raise _Bad
        self.lengths = [0] + [r.fixed(1) for _ in range(self.opcode_base - 1)]
        self.files: list[str] = []
        if version >= 5:
            directories = [name for name, _ in self.entries()]
            self.files = [self.join(directories, name, d) for name, d in self.entries()]
            self.first_file = 0
        else:
            self.old_files()
            self.first_file = 1
        r.pos = program

    def join(self, directories: list[str], name: str, directory: int) -> str:
        if name.startswith("/") or directory >= len(directories) or not directories[directory]:
            return name
        return f"{directories[directory]}/{name}"

    def old_files(self) -> None:
        r = self.r
        directories = [""]
        while text := r.string():
            directories.append(text.decode(errors="replace"))
        while text := r.string():
            directory = r.uleb()
            r.uleb()  # time
            r.uleb()  # length
            name = text.decode(errors="replace")
            self.files.append(self.join(directories, name, directory))

    def entries(self) -> list[tuple[str, int]]:
        """Directories or files of version 5: name and number of the directory."""
        r = self.r
        formats = [(r.uleb(), r.uleb()) for _ in range(r.fixed(1))]
        out: list[tuple[str, int]] = []
        count = r.uleb()
        if count and not formats:
            raise _Bad
        for _ in range(count):
            name = ""
            directory = 0
            for content, form in formats:
                value = self.value(form)
                if content == _PATH and isinstance(value, bytes):
                    name = value.decode(errors="replace")
                elif content == _DIRECTORY and isinstance(value, int):
                    directory = value
            out.append((name, directory))
        return out

    def value(self, form: int) -> int | bytes:
        r = self.r
        if form == _STRING:
            return r.string()
        if form in (_STRP, _LINE_STRP):
            section = self.line_str if form == _LINE_STRP else self.strings
            return _Reader(section, r.fixed(4), len(section)).string()
        if form == _UDATA:
            return r.uleb()
        if form == _BLOCK:
            size = r.uleb()
            r.fixed(size)
            return 0
        size = {_DATA1: 1, _DATA2: 2, _DATA4: 4, _DATA8: 8, _DATA16: 16}.get(form, 0)
        if not size:
            raise _Bad
        return r.fixed(size)

    def run(self, rows: list[tuple[int, str, int, int]]) -> None:
        """Execute the program: the state machine of section 6.2.5."""
        r = self.r
        address, file, line, column = 0, 1, 1, 0
        first = len(rows)

        def row(ends: bool = False) -> None:
            at = file - self.first_file
            name = self.files[at] if 0 <= at < len(self.files) else ""
            rows.append((address, name, 0 if ends else line, column))

        while r.pos < r.end:
            if len(rows) >= _LIMIT:
                return
            opcode = r.fixed(1)
            if opcode >= self.opcode_base:
                opcode -= self.opcode_base
                address += opcode // self.line_range * self.min_inst
                line += self.line_base + opcode % self.line_range
                row()
            elif opcode == 0:
                size = r.uleb()
                following = r.pos + size
                extended = r.fixed(1)
                if extended == _END_SEQUENCE:
                    row(ends=True)
                    # Functions that the linker dropped have the address 0 or -1.
                    if rows[first][0] in (0, 0xFFFFFFFF, 0xFFFFFFFE):
                        del rows[first:]
                    first = len(rows)
                    address, file, line, column = 0, 1, 1, 0
                elif extended == _SET_ADDRESS:
                    if not 2 <= size <= 9:
                        raise _Bad
                    address = r.fixed(size - 1)
                r.pos = following
            elif opcode == _COPY:
                row()
            elif opcode == _ADVANCE_PC:
                address += r.uleb() * self.min_inst
            elif opcode == _ADVANCE_LINE:
                line += r.sleb()
            elif opcode == _SET_FILE:
                file = r.uleb()
            elif opcode == _SET_COLUMN:
                column = r.uleb()
            elif opcode == _CONST_ADD_PC:
                address += (255 - self.opcode_base) // self.line_range * self.min_inst
            elif opcode == _FIXED_ADVANCE_PC:
                address += r.fixed(2)
            else:  # no effect on rows, or one that we do not know
                for _ in range(self.lengths[opcode]):
                    r.uleb()
        del rows[first:]  # a sequence without an end


class ModuleLines:
    """Source lines of offsets in a module, read from its custom sections when first asked for."""

    __slots__ = ("_code_start", "_module", "_table")

    def __init__(self, module: Module) -> None:
        self._module = module
        self._table: LineTable | None = None
        self._code_start = 0

    def find(self, module_offset: int) -> tuple[str, int, int] | None:
        """File, line and column of an offset in the module; None when unknown."""
        if self._table is None:
            module = self._module
            self._code_start = next((s.start for s in module.sections if s.id == _CODE_SECTION), 0)
            contents = [
                module.custom(name) or b""
                for name in (".debug_line", ".debug_line_str", ".debug_str")
            ]
            self._table = read_lines(*contents)
        return self._table.find(module_offset - self._code_start)
