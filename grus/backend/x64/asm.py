"""A small assembler for stubs and tests: the table, the encoder and the emission buffer.

a = Assembler()
a.emit(insts.MOVQ_RM, RAX, Amode(RDI, 8))
a.emit(insts.RET)
code = a.finish().code
"""

from __future__ import annotations

from typing import Final

from grus.backend.buffer import ALWAYS, Buffer, CodeBlob, JumpKind, LabelUse
from grus.backend.x64 import insts
from grus.backend.x64.encode import Amode, encode

JUMPS: Final = JumpKind((b"\xeb", b"\xe9"), (b"\x70", b"\x0f\x80"), 1, 4)
REL32: Final = LabelUse("rel32", 4)


class Assembler:
    """Emits into `buffer`."""

    __slots__ = ("buffer",)

    def __init__(self) -> None:
        self.buffer = Buffer(JUMPS)

    def emit(self, inst: insts.Inst, *operands: int | Amode) -> None:
        """One instruction; operands as for `encode`."""
        buffer = self.buffer
        place = encode(inst, operands, buffer.data)
        if place < 0:
            return
        mem = operands[inst.rm_at]
        assert isinstance(mem, Amode)
        back = len(buffer.data) - place
        if mem.label >= 0:
            buffer.use(mem.label, REL32, back, mem.disp - back)
        elif mem.symbol:
            buffer.reloc("X86PCRel4", mem.symbol, mem.disp - back, back)

    def label(self) -> int:
        """A new label."""
        return self.buffer.new_label()

    def bind(self, label: int) -> None:
        """The label stands here."""
        self.buffer.bind(label)

    def jmp(self, label: int) -> None:
        """Jump to a label."""
        self.buffer.jump(label, ALWAYS)

    def jcc(self, condition: str, label: int) -> None:
        """Jump to a label on a condition of `insts.CONDITIONS`."""
        self.buffer.jump(label, insts.CONDITIONS.index(condition))

    def call(self, symbol: str) -> None:
        """Call a symbol."""
        encode(insts.CALL, (0,), self.buffer.data)
        self.buffer.reloc("X86CallPCRel4", symbol, -4, 4)

    def finish(self) -> CodeBlob:
        """Code and tables."""
        return self.buffer.finish()
