"""Rows of the instruction table by what they look like: `row("add r64, r/m64")`.

The name is the mnemonic and the operands of the manual's line that assembly text has, without
access and register numbers. Lowering names all its instructions this way, at import, so a
misspelling shows at once and tables over widths need no table of names.
"""

from __future__ import annotations

from grus.backend.x64 import insts
from grus.backend.x64.encode import Amode, encode
from grus.backend.x64.insts import INSTS, Inst

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

ROWS: Final = INSTS


def _names() -> dict[str, int]:
    found: dict[str, int] = {}
    for number, inst in enumerate(INSTS):
        kinds = [op.kind for op in inst.operands if op.shown]
        text = f"{inst.mnemonic} {', '.join(kinds)}".strip()
        for digit in "1234":
            text = text.replace(f"xmm{digit}", "xmm")
        for width in ("32", "64"):
            text = text.replace(f"r{width}a", f"r{width}").replace(f"r{width}b", f"r{width}")
        found.setdefault(text, number)
    return found


_BY_NAME: Final = _names()


def row(name: str) -> int:
    """The number of a row."""
    return _BY_NAME[name]


def sizes(name: str) -> list[int]:
    """The rows of 8, 16, 32 and 64 bits; `{n}` in the name is the width."""
    return [row(name.replace("{n}", str(n))) for n in (8, 16, 32, 64)]


def operands_of(inst: Inst, reg: int, rm: int | Amode, imm: int) -> tuple[int | Amode, ...]:
    """The operands as `encode` takes them, for an instruction with at most a register, a register
    or memory, and an immediate."""
    operands: list[int | Amode] = []
    for op in inst.encoded:
        if op.place == insts.IMM:
            operands.append(imm)
        elif op.place == insts.RM:
            operands.append(rm)
        else:
            operands.append(reg)
    return tuple(operands)


def put(out: bytearray, inst: Inst, reg: int, rm: int | Amode, imm: int = 0) -> int:
    """Encode an instruction of such operands; gives what `encode` gives."""
    return encode(inst, operands_of(inst, reg, rm, imm), out)
