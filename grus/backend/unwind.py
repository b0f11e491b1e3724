"""Unwind information in the forms that systems read: DWARF `.eh_frame` and Windows UNWIND_INFO.

Both are made from the unwind rows of a `CompiledFunction`, which describe the prologue; epilogues
are not described (Windows recognizes ours by its instructions, DWARF readers only stop in them
when a program is stepped).

Sources: DWARF 5 section 6.4 and 7.24; Linux Standard Base 5.0, "Exception Frames"; Microsoft,
"x64 exception handling".
"""

from __future__ import annotations

from typing import Final, Protocol

from grus.backend.emit import CompiledFunction
from grus.base.errors import Unsupported

_DW_CFA_ADVANCE_LOC: Final = 0x40
_DW_CFA_OFFSET: Final = 0x80
_DW_CFA_ADVANCE_LOC1: Final = 0x02
_DW_CFA_ADVANCE_LOC2: Final = 0x03
_DW_CFA_ADVANCE_LOC4: Final = 0x04
_DW_CFA_OFFSET_EXTENDED: Final = 0x05
_DW_CFA_DEF_CFA: Final = 0x0C
_DW_CFA_DEF_CFA_REGISTER: Final = 0x0D
_DW_CFA_DEF_CFA_OFFSET: Final = 0x0E
_DW_EH_PE_PCREL_SDATA4: Final = 0x1B
_DW_EH_PE_PCREL_ABSPTR: Final = 0x10
_CIE_VERSION: Final = 1

FDE_START: Final = 8
"""Offset in an FDE of the field with the function's address (relative to its own place)."""


class DwarfTarget(Protocol):
    """What DWARF has to know of a target.

    `registers` maps registers to DWARF numbers; on entry the frame begins at `stack_pointer` +
    `entry_offset` and the return address, column `return_column`, is kept at frame begin +
    `return_offset`. `data_align` is the unit of offsets.
    """

    registers: dict[int, int]
    stack_pointer: int
    entry_offset: int
    return_column: int
    return_offset: int
    data_align: int


def uleb(value: int) -> bytes:
    """Unsigned LEB128."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sleb(value: int) -> bytes:
    """Signed LEB128."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


def cie(target: DwarfTarget, wide: bool = False) -> bytes:
    """The common part of all functions, with its length. Addresses of functions are relative, of
    4 bytes, or of 8 when `wide`."""
    body = bytearray(4)  # a CIE is told by a zero here
    body.append(_CIE_VERSION)
    body += b"zR\0"
    body += uleb(1)
    body += sleb(target.data_align)
    body.append(target.return_column)
    body += b"\x01" + bytes([_DW_EH_PE_PCREL_ABSPTR if wide else _DW_EH_PE_PCREL_SDATA4])
    body.append(_DW_CFA_DEF_CFA)
    body += uleb(target.registers[target.stack_pointer]) + uleb(target.entry_offset)
    body.append(_DW_CFA_OFFSET | target.return_column)
    body += uleb(target.return_offset // target.data_align)
    return _record(bytes(body))


def fde(
    func: CompiledFunction, target: DwarfTarget, cie_distance: int, wide: bool = False
) -> bytes:
    """The record of one function, with its length. The address at `FDE_START` is left zero.

    `cie_distance` is the number of bytes from the beginning of the CIE to that of this record.
    """
    body = bytearray((cie_distance + 4).to_bytes(4, "little"))
    size = 8 if wide else 4
    body += bytes(size)
    body += len(func.code).to_bytes(size, "little")
    body.append(0)  # no augmentation data
    body += instructions(func, target)
    return _record(bytes(body))


def _record(body: bytes) -> bytes:
    """Length and body, padded with nops (zeros) to 8 bytes."""
    padded = body + bytes(-(len(body) + 4) % 8)
    return len(padded).to_bytes(4, "little") + padded


def instructions(func: CompiledFunction, target: DwarfTarget) -> bytes:
    """The unwind rows of a function as call frame instructions."""
    out = bytearray()
    at = 0
    register, offset = target.stack_pointer, target.entry_offset
    for place, what, reg, value in func.unwind:
        if what == "alloc":
            continue
        if place != at:
            out += _advance(place - at)
            at = place
        if what == "saved":
            number = target.registers[reg]
            if number < 64:
                out.append(_DW_CFA_OFFSET | number)
            else:
                out.append(_DW_CFA_OFFSET_EXTENDED)
                out += uleb(number)
            out += uleb(value // target.data_align)
        elif reg == register:
            out.append(_DW_CFA_DEF_CFA_OFFSET)
            out += uleb(value)
        elif value == offset:
            out.append(_DW_CFA_DEF_CFA_REGISTER)
            out += uleb(target.registers[reg])
        else:
            out.append(_DW_CFA_DEF_CFA)
            out += uleb(target.registers[reg]) + uleb(value)
        if what == "cfa":
            register, offset = reg, value
    return bytes(out)


def _advance(distance: int) -> bytes:
    if distance < 0x40:
        return bytes([_DW_CFA_ADVANCE_LOC | distance])
    if distance < 1 << 8:
        return bytes([_DW_CFA_ADVANCE_LOC1, distance])
    if distance < 1 << 16:
        return bytes([_DW_CFA_ADVANCE_LOC2]) + distance.to_bytes(2, "little")
    return bytes([_DW_CFA_ADVANCE_LOC4]) + distance.to_bytes(4, "little")


def eh_frame(
    functions: list[CompiledFunction], target: DwarfTarget, wide: bool = False
) -> tuple[bytes, list[int]]:
    """The section of these functions, ended by a zero length, and for each the offset of the
    field that gets its address minus the field's own (4 or, `wide`, 8 bytes, signed)."""
    out = bytearray(cie(target, wide))
    fields: list[int] = []
    for func in functions:
        fields.append(len(out) + FDE_START)
        out += fde(func, target, len(out), wide)
    out += bytes(4)
    return bytes(out), fields


def place_eh_frame(section: bytes, fields: list[int], starts: list[int], address: int) -> bytes:
    """The section with its fields filled in: to be put at `address`, for functions that lie at
    `starts`."""
    out = bytearray(section)
    for field, start in zip(fields, starts, strict=True):
        out[field : field + 4] = (start - address - field & 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(out)


def placed_eh_frame(
    functions: list[tuple[int, CompiledFunction]], target: DwarfTarget, address: int
) -> bytes:
    """The section for code that lies at these addresses, to be put at `address`."""
    section, fields = eh_frame([func for _, func in functions], target)
    return place_eh_frame(section, fields, [start for start, _ in functions], address)


# ---- Windows ----

_UWOP_PUSH_NONVOL: Final = 0
_UWOP_ALLOC_LARGE: Final = 1
_UWOP_ALLOC_SMALL: Final = 2
_UWOP_SAVE_NONVOL: Final = 4
_UWOP_SAVE_NONVOL_FAR: Final = 5
_UWOP_SAVE_XMM128: Final = 8
_UWOP_SAVE_XMM128_FAR: Final = 9


class UnwindCode:
    """One UNWIND_CODE: `offset` is the end of its instruction in the prologue; `value` is bytes."""

    __slots__ = ("info", "offset", "op", "value")

    def __init__(self, offset: int, op: int, info: int, value: int = 0) -> None:
        self.offset = offset
        self.op = op
        self.info = info
        self.value = value

    def encode(self) -> bytes:
        """Two bytes, and operands of two or four more."""
        head = bytes([self.offset, self.info << 4 | self.op])
        if self.op == _UWOP_ALLOC_LARGE:
            if self.info:
                return head + self.value.to_bytes(4, "little")
            return head + (self.value // 8).to_bytes(2, "little")
        if self.op in (_UWOP_SAVE_NONVOL, _UWOP_SAVE_XMM128):
            unit = 8 if self.op == _UWOP_SAVE_NONVOL else 16
            return head + (self.value // unit).to_bytes(2, "little")
        if self.op in (_UWOP_SAVE_NONVOL_FAR, _UWOP_SAVE_XMM128_FAR):
            return head + self.value.to_bytes(4, "little")
        return head


def windows_codes(func: CompiledFunction, first_xmm: int) -> tuple[int, list[UnwindCode]]:
    """Size of the prologue in bytes and its unwind codes, last instruction first.

    The stack pointer stands still after the prologue, so the frame is described from there and no
    frame register is named. Registers from `first_xmm` on are XMM registers. Raises Unsupported
    when the prologue is longer than 255 bytes.
    """
    codes: list[UnwindCode] = []
    size = 0
    for place, what, reg, value in func.unwind:
        if place > 255:
            raise Unsupported(f"{func.name}: unwind codes for a prologue of {place} bytes")
        size = place
        if what == "alloc":
            codes.append(_alloc(place, value))
        elif what == "saved" and value == -16:
            codes.append(UnwindCode(place, _UWOP_PUSH_NONVOL, reg))
        elif what == "saved":
            # From the frame begin to the stack pointer: return address, one push, the frame.
            above = value + 16 + func.frame_size
            if reg < first_xmm:
                far = above >= 8 << 16
                op = _UWOP_SAVE_NONVOL_FAR if far else _UWOP_SAVE_NONVOL
                codes.append(UnwindCode(place, op, reg, above))
            else:
                far = above >= 16 << 16
                op = _UWOP_SAVE_XMM128_FAR if far else _UWOP_SAVE_XMM128
                codes.append(UnwindCode(place, op, reg - first_xmm, above))
    codes.reverse()
    return size, codes


def _alloc(place: int, size: int) -> UnwindCode:
    if size <= 128:
        return UnwindCode(place, _UWOP_ALLOC_SMALL, size // 8 - 1, size)
    return UnwindCode(place, _UWOP_ALLOC_LARGE, 0 if size < 8 << 16 else 1, size)


def unwind_info(func: CompiledFunction, first_xmm: int) -> bytes:
    """UNWIND_INFO, version 1, without handler; a multiple of 4 bytes. Raises Unsupported."""
    size, codes = windows_codes(func, first_xmm)
    encoded = b"".join([code.encode() for code in codes])
    slots = len(encoded) // 2
    return bytes([1, size, slots, 0]) + encoded + bytes(len(encoded) & 2)


# ---- as text ----


def dwarf_text(func: CompiledFunction, target: DwarfTarget, names: dict[int, str]) -> list[str]:
    """The rows as lines, with names of registers."""
    lines = [f"{0:#6x} cfa = {names[target.stack_pointer]} + {target.entry_offset}"]
    for place, what, reg, value in func.unwind:
        if what == "cfa":
            lines.append(f"{place:#6x} cfa = {names[reg]} + {value}")
        elif what == "saved":
            lines.append(f"{place:#6x} {names[reg]} at cfa - {-value}")
    return lines


_UWOP_NAMES: Final = {
    _UWOP_PUSH_NONVOL: "push",
    _UWOP_ALLOC_LARGE: "alloc",
    _UWOP_ALLOC_SMALL: "alloc",
    _UWOP_SAVE_NONVOL: "save",
    _UWOP_SAVE_NONVOL_FAR: "save",
    _UWOP_SAVE_XMM128: "save",
    _UWOP_SAVE_XMM128_FAR: "save",
}


def windows_text(
    func: CompiledFunction, first_xmm: int, names: dict[int, str], stack: str
) -> list[str]:
    """The unwind codes as lines, in the order of UNWIND_INFO; `stack` names the stack pointer."""
    size, codes = windows_codes(func, first_xmm)
    lines = [f"prologue of {size} bytes"]
    for code in codes:
        line = f"{code.offset:#6x} {_UWOP_NAMES[code.op]}"
        if code.op in (_UWOP_ALLOC_LARGE, _UWOP_ALLOC_SMALL):
            line += f" {code.value}"
        elif code.op == _UWOP_PUSH_NONVOL:
            line += f" {names[code.info]}"
        else:
            xmm = code.op in (_UWOP_SAVE_XMM128, _UWOP_SAVE_XMM128_FAR)
            line += (
                f" {names[code.info + first_xmm if xmm else code.info]} at {stack} + {code.value}"
            )
        lines.append(line)
    return lines
