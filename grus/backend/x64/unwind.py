"""What unwind information has to know of x86-64.

Source: System V psABI 1.0, figure 3.36 (DWARF register numbers); `compact_unwind_encoding.h` of
Apple's libunwind.
"""

from __future__ import annotations

from typing import Final

from grus.backend.emit import CompiledFunction
from grus.backend.x64.regs import (
    NAMES,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    RAX,
    RBP,
    RBX,
    RCX,
    RDI,
    RDX,
    RSI,
    RSP,
    XMM0,
)

_IN_DWARF_ORDER: Final = (
    *(RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP),
    *(R8, R9, R10, R11, R12, R13, R14, R15),
)
_RETURN_ADDRESS: Final = 16
_DWARF_XMM0: Final = 17


class X64Dwarf:
    """The `DwarfTarget` of x86-64."""

    __slots__ = (
        "data_align",
        "entry_offset",
        "registers",
        "return_column",
        "return_offset",
        "stack_pointer",
    )

    def __init__(self) -> None:
        self.registers: dict[int, int] = {reg: n for n, reg in enumerate(_IN_DWARF_ORDER)}
        self.registers.update({XMM0 + n: _DWARF_XMM0 + n for n in range(16)})
        self.stack_pointer: int = RSP
        self.entry_offset = 8
        self.return_column: int = _RETURN_ADDRESS
        self.return_offset = -8
        self.data_align = -8


DWARF: Final = X64Dwarf()
FIRST_XMM: Final = XMM0
REGISTER_NAMES: Final[dict[int, str]] = {
    **dict(enumerate(NAMES[64])),
    **{XMM0 + n: f"xmm{n}" for n in range(16)},
}

_COMPACT_RBP_FRAME: Final = 0x01000000
_COMPACT_DWARF: Final = 0x04000000
_COMPACT_REGISTERS: Final = {RBX: 1, R12: 2, R13: 3, R14: 4, R15: 5}


def compact_encoding(func: CompiledFunction) -> int:
    """The frame in 32 bits, as Mach-O's compact unwind information has it: linked by rbp, with up
    to five kept registers right below it; any other is left to DWARF."""
    places = sorted([(at, reg) for reg, at in func.saved])
    if not func.unwind or any([reg not in _COMPACT_REGISTERS for _, reg in places]):
        return _COMPACT_DWARF
    if places and [at for at, _ in places] != list(range(-8 * len(places), 0, 8)):
        return _COMPACT_DWARF
    encoding = _COMPACT_RBP_FRAME | len(places) << 16
    for index, (_, reg) in enumerate(places):
        encoding |= _COMPACT_REGISTERS[reg] << 3 * index
    return encoding
