"""What unwind information has to know of x86-64.

Source: System V psABI 1.0, figure 3.36 (DWARF register numbers).
"""

from __future__ import annotations

from typing import Final

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
