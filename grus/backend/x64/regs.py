"""Registers of x86-64, as the ints that the register allocator uses.

General registers are 0-15 and XMM registers 16-31; the low four bits are the hardware's number.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


RAX: Final = 0
RCX: Final = 1
RDX: Final = 2
RBX: Final = 3
RSP: Final = 4
RBP: Final = 5
RSI: Final = 6
RDI: Final = 7
R8: Final = 8
R9: Final = 9
R10: Final = 10
R11: Final = 11
R12: Final = 12
R13: Final = 13
R14: Final = 14
R15: Final = 15
XMM0: Final = 16
XMM1: Final = 17
XMM2: Final = 18
XMM3: Final = 19
XMM4: Final = 20
XMM5: Final = 21
XMM6: Final = 22
XMM7: Final = 23
XMM8: Final = 24
XMM9: Final = 25
XMM10: Final = 26
XMM11: Final = 27
XMM12: Final = 28
XMM13: Final = 29
XMM14: Final = 30
XMM15: Final = 31

_LOW: Final = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
_NUMBERED: Final = tuple([f"r{n}" for n in range(8, 16)])

NAMES: Final[dict[int, tuple[str, ...]]] = {
    8: (
        *("al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"),
        *[f"{name}b" for name in _NUMBERED],
    ),
    16: (*_LOW, *[f"{name}w" for name in _NUMBERED]),
    32: (*[f"e{name}" for name in _LOW], *[f"{name}d" for name in _NUMBERED]),
    64: (*[f"r{name}" for name in _LOW], *_NUMBERED),
}
"""Names of the general registers by width in bits."""

BY_NAME: Final[dict[str, int]] = {
    **{name: number for names in NAMES.values() for number, name in enumerate(names)},
    **{f"xmm{n}": XMM0 + n for n in range(16)},
}


def name(reg: int, bits: int = 64) -> str:
    """The name of a register; `bits` counts for general registers only."""
    return f"xmm{reg - XMM0}" if reg >= XMM0 else NAMES[bits][reg]
