"""The instructions that lowering uses, in the notation of the Intel manual, and their encoder.

A row reads

    rw r64, r r/m64 | REX.W 03 /r

after its mnemonic: explicit operands with their access (r, w, rw), then the opcode column of the
Intel SDM, volume 2. `row("add r64, r/m64")` gives its number; a misspelling fails at import.
Fixed operands (`cl`) are given by lowering as fixed registers and need no encoding. `xmm/m64` and
`r/m64` stand for a register or memory; a lone `m` kind for memory only.
"""

from __future__ import annotations

from typing import Final

from grus.backend.regalloc.types import SLOT

REG: Final = 0  # in ModRM.reg, or added to the opcode
RM: Final = 1  # in ModRM.rm: register or memory
VVVV: Final = 2  # in VEX.vvvv
IMM: Final = 3
FIXED: Final = 4  # not encoded

READ: Final = 0
WRITE: Final = 1
UPDATE: Final = 2


class Row:
    """One instruction.

    `operands`: (place, access) of each. `prefix`: mandatory and lock prefixes. `opcode`: bytes
    after REX. `digit`: ModRM.reg when no operand is there, -1 when there is no ModRM or a register
    stands in it. `imm`: bytes of the immediate. `byte_reg`, `byte_rm`: operand is an 8-bit
    register, which needs REX to name sil and dil. `vex`: map, 0 for legacy encodings; `pp` its
    prefix.
    """

    __slots__ = (
        "byte_reg",
        "byte_rm",
        "digit",
        "imm",
        "modrm",
        "name",
        "opcode",
        "operands",
        "plus_reg",
        "pp",
        "prefix",
        "rex_w",
        "vex",
    )

    def __init__(self, mnemonic: str, text: str) -> None:
        left, _, right = text.partition("|")
        self.operands: list[tuple[int, int]] = []
        self.byte_reg = self.byte_rm = False
        self.modrm = self.plus_reg = False
        self.digit = -1
        self.imm = 0
        self.vex = 0
        self.pp = 0
        self.rex_w = False
        prefix: list[int] = []
        opcode: list[int] = []
        for part in right.split():
            if part == "REX.W":
                self.rex_w = True
            elif part.startswith("VEX."):
                self._vex(part)
            elif part == "/r":
                self.modrm = True
            elif part.startswith("/"):
                self.modrm = True
                self.digit = int(part[1:])
            elif part in ("ib", "iw", "id", "io"):
                self.imm = {"ib": 1, "iw": 2, "id": 4, "io": 8}[part]
            elif part.endswith("+r"):
                self.plus_reg = True
                opcode.append(int(part[:-2], 16))
            elif not opcode and not self.vex and part in ("F0", "66", "F2", "F3"):
                prefix.append(int(part, 16))
            else:
                opcode.append(int(part, 16))
        self.prefix = bytes(prefix)
        self.opcode = bytes(opcode)
        names: list[str] = []
        for operand in left.split(","):
            if operand.strip():
                access, kind = operand.split()
                names.append(kind)
                self._operand(access, kind)
        self.name = f"{mnemonic} {', '.join(names)}".strip()

    def _vex(self, text: str) -> None:
        for field in text.split("."):
            if field in ("66", "F3", "F2"):
                self.pp = {"66": 1, "F3": 2, "F2": 3}[field]
            elif field in ("0F", "0F38", "0F3A"):
                self.vex = {"0F": 1, "0F38": 2, "0F3A": 3}[field]
            elif field == "W1":
                self.rex_w = True

    def _operand(self, access: str, kind: str) -> None:
        how = {"r": READ, "w": WRITE, "rw": UPDATE}[access]
        if kind.startswith("imm"):
            place = IMM
        elif kind == "cl":
            place = FIXED
        elif "/m" in kind or kind.startswith("m"):
            place = RM
            self.byte_rm = self.byte_rm or kind == "r/m8"
        elif kind.endswith("v"):
            place = VVVV
        elif kind == "xmmrm":
            place = RM
        else:
            place = REG
            self.byte_reg = self.byte_reg or kind == "r8"
        self.operands.append((place, how))


ROWS: Final[list[Row]] = []
_BY_NAME: Final[dict[str, int]] = {}


def _add(mnemonic: str, text: str) -> None:
    made = Row(mnemonic, text)
    name = made.name.replace("xmmv", "xmm").replace("r32v", "r32").replace("r64v", "r64")
    assert name not in _BY_NAME, name
    made.name = name
    _BY_NAME[name] = len(ROWS)
    ROWS.append(made)


def row(name: str) -> int:
    """The number of a row, by mnemonic and operand kinds."""
    return _BY_NAME[name]


def sizes(name: str) -> list[int]:
    """The rows of 8, 16, 32 and 64 bits; `{n}` in the name is the width."""
    return [row(name.replace("{n}", str(n))) for n in (8, 16, 32, 64)]


# Prefixes of the four widths, and the opcode's low bit (0 for 8 bits).
_WIDTHS: Final = ((8, "", 0), (16, "66 ", 1), (32, "", 1), (64, "REX.W ", 1))
_CONDITIONS: Final = (
    *("o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"),
)


def _fill() -> None:
    for n, p, w in _WIDTHS:
        imm = "ib" if n == 8 else "iw" if n == 16 else "id"
        kind = f"imm{8 if n == 8 else 16 if n == 16 else 32}"
        for digit, name in enumerate(["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"]):
            access = "r" if name == "cmp" else "rw"
            _add(name, f"{access} r{n}, r r/m{n} | {p}{digit * 8 + 2 + w:02X} /r")
            if n > 8:
                _add(name, f"{access} r/m{n}, r imm8 | {p}83 /{digit} ib")
            _add(name, f"{access} r/m{n}, r {kind} | {p}{0x80 + w:02X} /{digit} {imm}")
            _add(name, f"{access} r/m{n}, r r{n} | {p}{digit * 8 + w:02X} /r")
        _add("test", f"r r/m{n}, r r{n} | {p}{0x84 + w:02X} /r")
        _add("test", f"r r/m{n}, r {kind} | {p}{0xF6 + w:02X} /0 {imm}")
        _add("mov", f"w r/m{n}, r r{n} | {p}{0x88 + w:02X} /r")
        _add("mov", f"w r/m{n}, r {kind} | {p}{0xC6 + w:02X} /0 {imm}")
        for digit, name in ((4, "mul"), (5, "imul"), (6, "div"), (7, "idiv")):
            _add(name, f"r r/m{n} | {p}{0xF6 + w:02X} /{digit}")
        _add("not", f"rw r/m{n} | {p}{0xF6 + w:02X} /2")
        _add("neg", f"rw r/m{n} | {p}{0xF6 + w:02X} /3")
        for digit, name in ((0, "rol"), (1, "ror"), (4, "shl"), (5, "shr"), (7, "sar")):
            _add(name, f"rw r/m{n}, r imm8 | {p}{0xC0 + w:02X} /{digit} ib")
            _add(name, f"rw r/m{n}, r cl | {p}{0xD2 + w:02X} /{digit}")
        _add("xchg", f"rw r/m{n}, rw r{n} | {p}{0x86 + w:02X} /r")
        _add("lock xadd", f"rw r/m{n}, rw r{n} | F0 {p}0F {0xC0 + w:02X} /r")
        _add("lock cmpxchg", f"rw r/m{n}, r r{n} | F0 {p}0F {0xB0 + w:02X} /r")
        if n > 8:
            _add("imul", f"rw r{n}, r r/m{n} | {p}0F AF /r")
            _add("imul", f"w r{n}, r r/m{n}, r {kind} | {p}69 /r {imm}")
        if n > 16:
            _add("mov", f"w r{n}, r r/m{n} | {p}8B /r")
            _add("lea", f"w r{n}, r m | {p}8D /r")
            for number, cc in enumerate(_CONDITIONS):
                _add(f"cmov{cc}", f"rw r{n}, r r/m{n} | {p}0F {0x40 + number:02X} /r")
            _add("bsf", f"w r{n}, r r/m{n} | {p}0F BC /r")
            _add("bsr", f"w r{n}, r r/m{n} | {p}0F BD /r")
            _add("tzcnt", f"w r{n}, r r/m{n} | F3 {p}0F BC /r")
            _add("lzcnt", f"w r{n}, r r/m{n} | F3 {p}0F BD /r")
            _add("popcnt", f"w r{n}, r r/m{n} | F3 {p}0F B8 /r")
            _add("bswap", f"rw r{n} | {p}0F C8+r")
            _add("movsx", f"w r{n}, r r/m8 | {p}0F BE /r")
            _add("movsx", f"w r{n}, r r/m16 | {p}0F BF /r")
            v = "W1" if n == 64 else "W0"
            _add("shlx", f"w r{n}, r r/m{n}, r r{n}v | VEX.LZ.66.0F38.{v} F7 /r")
            _add("shrx", f"w r{n}, r r/m{n}, r r{n}v | VEX.LZ.F2.0F38.{v} F7 /r")
            _add("sarx", f"w r{n}, r r/m{n}, r r{n}v | VEX.LZ.F3.0F38.{v} F7 /r")
            _add("andn", f"w r{n}, r r{n}v, r r/m{n} | VEX.LZ.0F38.{v} F2 /r")
            for digit, name in ((1, "blsr"), (2, "blsmsk"), (3, "blsi")):
                _add(name, f"w r{n}v, r r/m{n} | VEX.LZ.0F38.{v} F3 /{digit}")
            for s, f in (("ss", "F3"), ("sd", "F2")):
                m = 32 if s == "ss" else 64
                _add(f"cvtsi2{s}", f"rw xmm, r r/m{n} | {f} {p}0F 2A /r")
                _add(f"cvtt{s}2si", f"w r{n}, r xmm/m{m} | {f} {p}0F 2C /r")
    for number, cc in enumerate(_CONDITIONS):
        _add(f"set{cc}", f"w r/m8 | 0F {0x90 + number:02X} /0")
    _add("movzx", "w r32, r r/m8 | 0F B6 /r")
    _add("movzx", "w r32, r r/m16 | 0F B7 /r")
    _add("movsxd", "w r64, r r/m32 | REX.W 63 /r")
    _add("mov", "w r32, r imm32 | B8+r id")
    _add("mov", "w r64, r imm64 | REX.W B8+r io")
    _add("cdq", "| 99")
    _add("cqo", "| REX.W 99")
    _add("shld", "rw r/m64, r r64, r cl | REX.W 0F A5 /r")
    _add("shrd", "rw r/m64, r r64, r cl | REX.W 0F AD /r")
    _add("lock cmpxchg16b", "rw m128 | F0 REX.W 0F C7 /1")
    _add("mfence", "| 0F AE F0")
    _add("int3", "| CC")
    _add("ud2", "| 0F 0B")
    _add("push", "r r64 | 50+r")
    _add("pop", "w r64 | 58+r")
    _add("ret", "| C3")
    _add("ret", "r imm16 | C2 iw")
    _add("call", "r r/m64 | FF /2")
    _add("jmp", "r r/m64 | FF /4")
    # Floats
    for s, f, m in (("ss", "F3", 32), ("sd", "F2", 64)):
        _add(f"mov{s}", f"w xmm, r m{m} | {f} 0F 10 /r")
        _add(f"mov{s}", f"w m{m}, r xmm | {f} 0F 11 /r")
        for name, code in (("add", 58), ("mul", 59)):
            _add(f"{name}{s}", f"rw xmm, r xmm/m{m} | {f} 0F {code} /r")
        for name, text in (("sub", "5C"), ("min", "5D"), ("div", "5E"), ("max", "5F")):
            _add(f"{name}{s}", f"rw xmm, r xmm/m{m} | {f} 0F {text} /r")
        _add(f"sqrt{s}", f"w xmm, r xmm/m{m} | {f} 0F 51 /r")
    _add("ucomiss", "r xmm, r xmm/m32 | 0F 2E /r")
    _add("ucomisd", "r xmm, r xmm/m64 | 66 0F 2E /r")
    _add("cvtss2sd", "w xmm, r xmm/m32 | F3 0F 5A /r")
    _add("cvtsd2ss", "w xmm, r xmm/m64 | F2 0F 5A /r")
    _add("roundss", "w xmm, r xmm/m32, r imm8 | 66 0F 3A 0A /r ib")
    _add("roundsd", "w xmm, r xmm/m64, r imm8 | 66 0F 3A 0B /r ib")
    _add("movups", "w xmm, r xmm/m128 | 0F 10 /r")
    _add("movups", "w m128, r xmm | 0F 11 /r")
    _add("movaps", "w xmm, r xmm/m128 | 0F 28 /r")
    _add("movaps", "w m128, r xmm | 0F 29 /r")
    _add("movd", "w xmm, r r/m32 | 66 0F 6E /r")
    _add("movq", "w xmm, r r/m64 | 66 REX.W 0F 6E /r")
    _add("movd", "w r/m32, r xmm | 66 0F 7E /r")
    _add("movq", "w r/m64, r xmm | 66 REX.W 0F 7E /r")
    for name, text in (("and", "54"), ("andn", "55"), ("or", "56"), ("xor", "57")):
        _add(f"{name}ps", f"rw xmm, r xmm/m128 | 0F {text} /r")
    _add("punpcklqdq", "rw xmm, r xmm/m128 | 66 0F 6C /r")
    _add("pshufd", "w xmm, r xmm/m128, r imm8 | 66 0F 70 /r ib")
    _add("vfmadd213ss", "rw xmm, r xmmv, r xmm/m32 | VEX.LIG.66.0F38.W0 A9 /r")
    _add("vfmadd213sd", "rw xmm, r xmmv, r xmm/m64 | VEX.LIG.66.0F38.W1 A9 /r")


_fill()


class Memory:
    """An address of physical registers. `base` -1 with `fixup` >= 0 is rip-relative."""

    __slots__ = ("base", "disp", "fixup", "index", "shift")

    def __init__(self, base: int, disp: int, index: int = -1, shift: int = 0) -> None:
        self.base = base
        self.disp = disp
        self.index = index
        self.shift = shift
        self.fixup = -1


RIP: Final = -2
"""As `base`: relative to the end of the instruction; the place is reported to be patched."""


def encode(
    out: bytearray, row: Row, reg: int, rm: int, mem: Memory | None, imm: int, vvvv: int = 0
) -> int:
    """Append one instruction. Registers are numbered 0-15 in each class.

    `reg` is ModRM.reg (or the register added to the opcode), `rm` the register of ModRM.rm unless
    `mem` is given. Returns the place of a rip-relative displacement, or -1.
    """
    b = x = 0
    if mem is not None:
        if mem.base >= 0:
            b = mem.base >> 3
        if mem.index >= 0:
            x = mem.index >> 3
    elif row.plus_reg:
        b = reg >> 3
    elif rm >= 0:
        b = rm >> 3
    r = 0 if row.plus_reg or not row.modrm or row.digit >= 0 else reg >> 3
    if row.vex:
        w = 0x80 if row.rex_w else 0
        out.append(0xC4)
        out.append((r ^ 1) << 7 | (x ^ 1) << 6 | (b ^ 1) << 5 | row.vex)
        out.append(w | (vvvv ^ 15) << 3 | row.pp)
    else:
        out += row.prefix
        rex = (8 if row.rex_w else 0) | r << 2 | x << 1 | b
        if rex:
            out.append(0x40 | rex)
        elif (row.byte_reg and reg >= 4) or (row.byte_rm and mem is None and rm >= 4):
            out.append(0x40)
    if row.plus_reg:
        out += row.opcode[:-1]
        out.append(row.opcode[-1] | reg & 7)
    else:
        out += row.opcode
    place = -1
    if row.modrm:
        field = (row.digit if row.digit >= 0 else reg & 7) << 3
        if mem is None:
            out.append(0xC0 | field | rm & 7)
        else:
            place = _memory(out, field, mem)
    if row.imm:
        out += (imm & ((1 << 8 * row.imm) - 1)).to_bytes(row.imm, "little")
    return place


def _memory(out: bytearray, field: int, mem: Memory) -> int:
    """ModRM, SIB and displacement of a memory operand."""
    base = mem.base
    disp = mem.disp
    if base == RIP:
        out.append(field | 5)
        out += (disp & 0xFFFFFFFF).to_bytes(4, "little")
        return len(out) - 4
    index = mem.index
    if base < 0:  # no base: SIB with base 101 and 32 bits of displacement
        out.append(field | 4)
        out.append(mem.shift << 6 | (index & 7 if index >= 0 else 4) << 3 | 5)
        out += (disp & 0xFFFFFFFF).to_bytes(4, "little")
        return -1
    if disp == 0 and base & 7 != 5:
        mod = 0
    elif -128 <= disp < 128:
        mod = 0x40
    else:
        mod = 0x80
    if index >= 0 or base & 7 == 4:
        out.append(mod | field | 4)
        out.append(mem.shift << 6 | (index & 7 if index >= 0 else 4) << 3 | base & 7)
    else:
        out.append(mod | field | base & 7)
    if mod == 0x40:
        out.append(disp & 0xFF)
    elif mod == 0x80:
        out += (disp & 0xFFFFFFFF).to_bytes(4, "little")
    return -1


def is_slot(allocation: int) -> bool:
    """True for a spill slot."""
    return allocation >= SLOT
