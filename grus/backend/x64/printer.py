"""Instructions as Intel-syntax text; registers are named by a callback (for virtual ones)."""

from __future__ import annotations

from collections.abc import Callable

from grus.backend.x64 import regs
from grus.backend.x64.encode import RIP, Amode, Operands
from grus.backend.x64.insts import IMM, NOWHERE, Inst

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_PTR: Final = {
    0: "",
    8: "byte ptr ",
    16: "word ptr ",
    32: "dword ptr ",
    64: "qword ptr ",
    128: "xmmword ptr ",
}


def show_address(mem: Amode, name: Callable[[int, int], str] = regs.name) -> str:
    """An address in brackets; a label prints as `.L3`."""
    parts: list[str] = []
    if mem.base == RIP:
        parts.append("rip")
    elif mem.base >= 0:
        parts.append(name(mem.base, 64))
    if mem.index >= 0:
        parts.append(f"{name(mem.index, 64)}*{mem.scale}")
    if mem.label >= 0:
        parts.append(f".L{mem.label}")
    if mem.symbol:
        parts.append(mem.symbol)
    text = " + ".join(parts)
    if not text:
        return f"[{mem.disp:#x}]"
    if mem.disp:
        text += f" {'-' if mem.disp < 0 else '+'} {abs(mem.disp):#x}"
    return f"[{text}]"


def show(inst: Inst, operands: Operands, name: Callable[[int, int], str] = regs.name) -> str:
    """One instruction; `operands` as for `encode`, `name(reg, bits)` the text of a register."""
    texts: list[str] = []
    at = 0
    for op in inst.operands:
        if op.place == NOWHERE:
            if op.shown:
                texts.append(op.kind)
            continue
        operand = operands[at]
        at += 1
        if isinstance(operand, Amode):
            texts.append(_PTR[op.mem_bits] + show_address(operand, name))
        elif op.place == IMM:
            texts.append(f"{operand:#x}")
        else:
            texts.append(name(operand, op.bits))
    return f"{inst.mnemonic} {', '.join(texts)}".rstrip()
