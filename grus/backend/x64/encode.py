"""The encoder: a row and its operands to bytes, for legacy and VEX encodings.

Corner cases of addresses (SDM volume 2, 2.1.5): rsp and r12 as base need a SIB byte, rbp and r13
as base need a displacement, no base at all is SIB base 101 with 32 bits of displacement.
"""

from __future__ import annotations

from grus.backend.x64.insts import Inst

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NO_REG: Final = -1
RIP: Final = -2
"""As `Amode.base`: relative to the end of the instruction."""


class Amode:
    """[base + index * scale + disp]. With base RIP the displacement is added to `label` (a label of
    the buffer, -1 for none) or to `symbol`; with neither it is the distance itself."""

    __slots__ = ("base", "disp", "index", "label", "scale", "symbol")

    def __init__(
        self,
        base: int,
        disp: int = 0,
        index: int = NO_REG,
        scale: int = 1,
        label: int = -1,
        symbol: str = "",
    ) -> None:
        self.base = base
        self.disp = disp
        self.index = index
        self.scale = scale
        self.label = label
        self.symbol = symbol


Operands = tuple["int | Amode", ...]

_SCALE: Final = {1: 0, 2: 0x40, 4: 0x80, 8: 0xC0}


def encode(inst: Inst, operands: Operands, out: bytearray) -> int:
    """Append one instruction. `operands` are those of `inst.encoded`: a register, an Amode where
    memory may stand, an int immediate.

    Returns the place of the 32-bit displacement of a RIP-relative operand, or -1.
    """
    at = inst.rm_at
    rm = -1
    mem: Amode | None = None
    ext = inst.rex
    low = False  # an 8-bit register that needs REX
    if at >= 0:
        operand = operands[at]
        if isinstance(operand, int):
            rm = operand & 15
            ext |= rm >> 3
            low = inst.byte_rm and rm >= 4
        else:
            mem = operand
            if mem.base >= 8:
                ext |= 1
            if mem.index >= 8:
                ext |= 2
    at = inst.reg_at
    if at >= 0:
        operand = operands[at]
        assert isinstance(operand, int)
        reg = operand & 15
        if reg >= 8:
            ext |= 4
        elif reg >= 4 and inst.byte_reg:
            low = True
    else:
        reg = inst.digit
    if inst.vex:
        _vex(inst, operands, ext, out)
    else:
        out += inst.prefix
        at = inst.plus_at
        if at >= 0:
            operand = operands[at]
            assert isinstance(operand, int)
            ext |= operand >> 3 & 1
            if ext:
                out.append(0x40 | ext)
            out += inst.opcode
            out[-1] += operand & 7
        else:
            if ext or low:
                out.append(0x40 | ext)
            out += inst.opcode
    place = -1
    if rm >= 0:
        out.append(0xC0 | (reg & 7) << 3 | rm & 7)
    elif mem is not None:
        place = _address(mem, (reg & 7) << 3, out)
    if inst.imm_bytes:
        operand = operands[inst.imm_at]
        assert isinstance(operand, int)
        size = inst.imm_bytes
        out += (operand & (1 << 8 * size) - 1).to_bytes(size, "little")
    elif inst.is4_at >= 0:
        operand = operands[inst.is4_at]
        assert isinstance(operand, int)
        out.append((operand & 15) << 4)
    return place


def _vex(inst: Inst, operands: Operands, ext: int, out: bytearray) -> None:
    """The VEX prefix and opcode; two bytes where W, X, B and the map allow it."""
    vvvv = 0
    if inst.vvvv_at >= 0:
        operand = operands[inst.vvvv_at]
        assert isinstance(operand, int)
        vvvv = operand & 15
    tail = (vvvv ^ 15) << 3 | inst.vex_l | inst.pp
    if inst.vex == 1 and not ext & 11:
        out.append(0xC5)
        out.append((ext & 4 ^ 4) << 5 | tail)
    else:
        out.append(0xC4)
        out.append((ext & 7 ^ 7) << 5 | inst.vex)
        out.append((ext & 8) << 4 | tail)
    out += inst.opcode


def _address(mem: Amode, field: int, out: bytearray) -> int:
    """ModRM, SIB and displacement."""
    base = mem.base
    disp = mem.disp
    if base == RIP:
        out.append(field | 5)
        out += (disp & 0xFFFFFFFF).to_bytes(4, "little")
        return len(out) - 4
    index = mem.index
    assert index != 4, "rsp cannot be an index"
    if base < 0:
        out.append(field | 4)
        out.append(_SCALE[mem.scale] | (index & 7 if index >= 0 else 4) << 3 | 5)
        out += (disp & 0xFFFFFFFF).to_bytes(4, "little")
        return -1
    low = base & 7
    if disp == 0 and low != 5:
        mod = 0
    elif -128 <= disp < 128:
        mod = 0x40
    else:
        mod = 0x80
    if index >= 0:
        out.append(mod | field | 4)
        out.append(_SCALE[mem.scale] | (index & 7) << 3 | low)
    elif low == 4:
        out.append(mod | field | 4)
        out.append(0x24)
    else:
        out.append(mod | field | low)
    if mod == 0x40:
        out.append(disp & 255)
    elif mod:
        out += (disp & 0xFFFFFFFF).to_bytes(4, "little")
    return -1
