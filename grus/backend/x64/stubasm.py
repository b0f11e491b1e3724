"""A small assembler for stubs: one method per form that stubs use, 64-bit unless its name says.

Names: `_m` a memory operand [base + disp], `_i` an immediate, `_x` an XMM register.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_CC: Final = {
    "o": 0, "no": 1, "b": 2, "c": 2, "ae": 3, "nc": 3, "e": 4, "ne": 5, "be": 6, "a": 7,
    "s": 8, "ns": 9, "l": 12, "ge": 13, "le": 14, "g": 15,
}  # fmt: skip


class StubAssembler:
    """Emits bytes; labels are ints, jumps are always 32-bit."""

    __slots__ = ("_bound", "_fixups", "out")

    def __init__(self) -> None:
        self.out = bytearray()
        self._bound: list[int] = []
        self._fixups: list[tuple[int, int]] = []

    # ---- labels ----

    def label(self) -> int:
        self._bound.append(-1)
        return len(self._bound) - 1

    def bind(self, label: int) -> None:
        self._bound[label] = len(self.out)

    def _use(self, label: int) -> None:
        self._fixups.append((len(self.out), label))
        self.out += b"\0\0\0\0"

    def finish(self) -> bytes:
        """The code; every label used must be bound."""
        for at, label in self._fixups:
            target = self._bound[label]
            assert target >= 0
            self.out[at : at + 4] = (target - at - 4 & 0xFFFFFFFF).to_bytes(4, "little")
        return bytes(self.out)

    # ---- forms ----

    def raw(self, code: bytes) -> None:
        self.out += code

    def _rr(self, opcode: bytes, reg: int, rm: int, wide: bool = True, prefix: int = 0) -> None:
        reg &= 15
        rm &= 15
        rex = (0x48 if wide else 0x40) | (reg >> 3) << 2 | rm >> 3
        if prefix:
            self.out.append(prefix)
        if rex != 0x40:
            self.out.append(rex)
        self.out += opcode
        self.out.append(0xC0 | (reg & 7) << 3 | rm & 7)

    def _rm(
        self,
        opcode: bytes,
        reg: int,
        base: int,
        disp: int,
        wide: bool = True,
        prefix: int = 0,
        index: int = -1,
        scale: int = 0,
    ) -> None:
        reg &= 15
        rex = (0x48 if wide else 0x40) | (reg >> 3) << 2 | base >> 3
        if index >= 0:
            rex |= (index >> 3) << 1
        if prefix:
            self.out.append(prefix)
        if rex != 0x40:
            self.out.append(rex)
        self.out += opcode
        small = -128 <= disp < 128
        mod = 0x40 if small else 0x80
        if index >= 0 or base & 7 == 4:
            self.out.append(mod | (reg & 7) << 3 | 4)
            self.out.append(scale << 6 | ((index & 7) if index >= 0 else 4) << 3 | base & 7)
        else:
            self.out.append(mod | (reg & 7) << 3 | base & 7)
        self.out += (disp & 0xFF).to_bytes(1, "little") if small else _imm32(disp)

    # ---- moves ----

    def mov(self, dst: int, src: int) -> None:
        self._rr(b"\x8b", dst, src)

    def mov32(self, dst: int, src: int) -> None:
        self._rr(b"\x8b", dst, src, wide=False)

    def movsxd(self, dst: int, src: int) -> None:
        self._rr(b"\x63", dst, src)

    def extend8(self, dst: int, src: int, signed: bool) -> None:
        """The low 8 bits, extended to 64."""
        self._rr(b"\x0f\xbe" if signed else b"\x0f\xb6", dst, src)

    def extend16(self, dst: int, src: int, signed: bool) -> None:
        """The low 16 bits, extended to 64."""
        self._rr(b"\x0f\xbf" if signed else b"\x0f\xb7", dst, src)

    def movi(self, dst: int, value: int) -> None:
        if 0 <= value < 1 << 32:
            if dst >= 8:
                self.out.append(0x41)
            self.out.append(0xB8 | dst & 7)
            self.out += value.to_bytes(4, "little")
        else:
            self.out.append(0x48 | dst >> 3)
            self.out.append(0xB8 | dst & 7)
            self.out += (value & (1 << 64) - 1).to_bytes(8, "little")

    def load(self, dst: int, base: int, disp: int) -> None:
        self._rm(b"\x8b", dst, base, disp)

    def load32(self, dst: int, base: int, disp: int) -> None:
        self._rm(b"\x8b", dst, base, disp, wide=False)

    def load_indexed(self, dst: int, base: int, index: int, disp: int) -> None:
        """[base + 8 * index + disp]"""
        self._rm(b"\x8b", dst, base, disp, index=index, scale=3)

    def load8_indexed(self, dst: int, base: int, index: int) -> None:
        self._rm(b"\x0f\xb6", dst, base, 0, index=index)

    def load_fs0(self, dst: int) -> None:
        """The thread pointer."""
        self.raw(b"\x64" + bytes([0x48 | (dst >> 3) << 2, 0x8B, 4 | (dst & 7) << 3, 0x25]))
        self.raw(b"\0\0\0\0")

    def store(self, base: int, disp: int, src: int) -> None:
        self._rm(b"\x89", src, base, disp)

    def store_indexed(self, base: int, index: int, disp: int, src: int) -> None:
        self._rm(b"\x89", src, base, disp, index=index, scale=3)

    def store_i(self, base: int, disp: int, value: int) -> None:
        """A sign-extended 32-bit immediate to 64 bits."""
        self._rm(b"\xc7", 0, base, disp)
        self.out += _imm32(value)

    def store_i32(self, base: int, disp: int, value: int) -> None:
        self._rm(b"\xc7", 0, base, disp, wide=False)
        self.out += _imm32(value)

    def lea(self, dst: int, base: int, disp: int) -> None:
        self._rm(b"\x8d", dst, base, disp)

    def lea_label(self, dst: int, label: int) -> None:
        self.raw(bytes([0x48 | (dst >> 3) << 2, 0x8D, 5 | (dst & 7) << 3]))
        self._use(label)

    def push(self, reg: int) -> None:
        if reg >= 8:
            self.out.append(0x41)
        self.out.append(0x50 | reg & 7)

    def pop(self, reg: int) -> None:
        if reg >= 8:
            self.out.append(0x41)
        self.out.append(0x58 | reg & 7)

    # ---- arithmetic ----

    def add(self, dst: int, src: int) -> None:
        self._rr(b"\x03", dst, src)

    def sub(self, dst: int, src: int) -> None:
        self._rr(b"\x2b", dst, src)

    def or_(self, dst: int, src: int) -> None:
        self._rr(b"\x0b", dst, src)

    def cmp(self, a: int, b: int) -> None:
        self._rr(b"\x3b", a, b)

    def test(self, a: int, b: int) -> None:
        self._rr(b"\x85", b, a)

    def test32(self, a: int, b: int) -> None:
        self._rr(b"\x85", b, a, wide=False)

    def imul(self, dst: int, src: int) -> None:
        self._rr(b"\x0f\xaf", dst, src)

    def neg(self, reg: int) -> None:
        self._rr(b"\xf7", 3, reg)

    def bit_test(self, value: int, bit: int) -> None:
        """Carry = bit number `bit` (a register) of `value`."""
        self._rr(b"\x0f\xa3", bit, value)

    def add_rm(self, dst: int, base: int, disp: int) -> None:
        self._rm(b"\x03", dst, base, disp)

    def sub_rm(self, dst: int, base: int, disp: int) -> None:
        self._rm(b"\x2b", dst, base, disp)

    def cmp_rm(self, reg: int, base: int, disp: int) -> None:
        """reg against memory."""
        self._rm(b"\x3b", reg, base, disp)

    def cmp_mr(self, base: int, disp: int, reg: int) -> None:
        """memory against reg."""
        self._rm(b"\x39", reg, base, disp)

    def _group1(self, digit: int, reg: int, value: int) -> None:
        if -128 <= value < 128:
            self._rr(b"\x83", digit, reg)
            self.out.append(value & 0xFF)
        else:
            self._rr(b"\x81", digit, reg)
            self.out += _imm32(value)

    def addi(self, reg: int, value: int) -> None:
        self._group1(0, reg, value)

    def andi(self, reg: int, value: int) -> None:
        self._group1(4, reg, value)

    def subi(self, reg: int, value: int) -> None:
        self._group1(5, reg, value)

    def cmpi(self, reg: int, value: int) -> None:
        self._group1(7, reg, value)

    def add_mi(self, base: int, disp: int, value: int) -> None:
        self._rm(b"\x83", 0, base, disp)
        self.out.append(value & 0xFF)

    def cmp_mi(self, base: int, disp: int, value: int) -> None:
        self._rm(b"\x83", 7, base, disp)
        self.out.append(value & 0xFF)

    def cmp_mi32(self, base: int, disp: int, value: int) -> None:
        self._rm(b"\x83", 7, base, disp, wide=False)
        self.out.append(value & 0xFF)

    def shli(self, reg: int, count: int) -> None:
        self._rr(b"\xc1", 4, reg)
        self.out.append(count)

    def shri(self, reg: int, count: int) -> None:
        self._rr(b"\xc1", 5, reg)
        self.out.append(count)

    # ---- floats ----

    def load_f64(self, dst: int, base: int, disp: int) -> None:
        self._rm(b"\x0f\x10", dst, base, disp, wide=False, prefix=0xF2)

    def store_f64(self, base: int, disp: int, src: int) -> None:
        self._rm(b"\x0f\x11", src, base, disp, wide=False, prefix=0xF2)

    def load_x128(self, dst: int, base: int, disp: int) -> None:
        self._rm(b"\x0f\x10", dst, base, disp, wide=False)

    def store_x128(self, base: int, disp: int, src: int) -> None:
        self._rm(b"\x0f\x11", src, base, disp, wide=False)

    def mov_x(self, dst: int, src: int) -> None:
        self._rr(b"\x0f\x28", dst, src, wide=False)

    def f64_to_f32(self, dst: int, src: int) -> None:
        self._rr(b"\x0f\x5a", dst, src, wide=False, prefix=0xF2)

    def f32_to_f64(self, dst: int, src: int) -> None:
        self._rr(b"\x0f\x5a", dst, src, wide=False, prefix=0xF3)

    # ---- control ----

    def jmp(self, label: int) -> None:
        self.out.append(0xE9)
        self._use(label)

    def jcc(self, condition: str, label: int) -> None:
        self.raw(bytes([0x0F, 0x80 | _CC[condition]]))
        self._use(label)

    def jmp_r(self, reg: int) -> None:
        self._rr(b"\xff", 4, reg, wide=False)

    def jmp_m(self, base: int, disp: int) -> None:
        self._rm(b"\xff", 4, base, disp, wide=False)

    def jmp_abs(self, address: int) -> None:
        """Clobbers rax."""
        self.movi(0, address)
        self.jmp_r(0)

    def call_r(self, reg: int) -> None:
        self._rr(b"\xff", 2, reg, wide=False)

    def call_m(self, base: int, disp: int) -> None:
        self._rm(b"\xff", 2, base, disp, wide=False)

    def call_abs(self, address: int) -> None:
        """Clobbers rax before the call."""
        self.movi(0, address)
        self.call_r(0)

    def ret(self) -> None:
        self.out.append(0xC3)

    def ret_pop(self, size: int) -> None:
        """Return and pop `size` bytes of stack arguments."""
        if size:
            self.out.append(0xC2)
            self.out += size.to_bytes(2, "little")
        else:
            self.ret()


def _imm32(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "little")
