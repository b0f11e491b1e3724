"""The instructions of x86-64, one row per form, in the notation of the Intel manual.

    ADDQ_RM: Final = inst("addq_rm", "add rw:r64, r:r/m64", "REX.W + 03 /r")

The second column is the manual's instruction line with the access of each operand (r, w, rw)
before it, the third its opcode column (SDM volume 2; 16-bit forms show their 66 prefix). The
register allocator reads access and fixed registers from it, the encoder the places of the fields,
the printer the order. Suffixes: b w l q are widths; `_rm` writes a register and reads r/m, `_mr`
the reverse, `_mi` an immediate, `_mi8` a sign-extended byte.

Operands that the instruction implies are written as fixed registers (`rw:rax`). Only `cl`, `xmm0`
and the literal `1` among them are part of assembly text. Encoded operands of ModRM are placed by
these rules: the one that may be memory, else the last register, is ModRM.rm; of the others the
first is ModRM.reg unless a digit stands there, the next is VEX.vvvv.
"""

from __future__ import annotations

from grus.backend.x64 import regs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

READ: Final = 1
WRITE: Final = 2

NOWHERE: Final = 0  # fixed, not encoded
REG: Final = 1  # ModRM.reg
RM: Final = 2  # ModRM.rm: register, or memory with SIB and displacement
VVVV: Final = 3  # VEX.vvvv
PLUS: Final = 4  # added to the opcode
IMM: Final = 5  # immediate or relative displacement
IS4: Final = 6  # high half of the last byte

_ACCESS: Final = {"r": READ, "w": WRITE, "rw": READ | WRITE}
_IMM_BYTES: Final = {"ib": 1, "iw": 2, "id": 4, "io": 8, "cb": 1, "cd": 4}
_SHOWN: Final = ("cl", "xmm0", "1")


class Operand:
    """One operand of a row.

    `kind` is the manual's text ("r/m64"), `access` READ | WRITE (0 for the literal 1), `place` one
    of the places above, `fixed` its register or -1, `bits` the width of it as a register,
    `mem_bits` as memory (0: cannot be memory, or `lea`), `is_xmm` its class, `reg_ok` and `mem_ok`
    what it may be, `shown` whether assembly text has it.
    """

    __slots__ = (
        "access",
        "bits",
        "fixed",
        "is_xmm",
        "kind",
        "mem_bits",
        "mem_ok",
        "place",
        "reg_ok",
        "shown",
    )

    def __init__(self, text: str) -> None:
        access, _, kind = text.rpartition(":")
        self.kind = kind
        self.access = _ACCESS[access] if access else 0
        self.place = NOWHERE
        self.fixed = -1
        self.bits = self.mem_bits = 0
        self.mem_ok = self.reg_ok = False
        self.is_xmm = kind.startswith("xmm")
        self.shown = True
        if kind == "1":
            return
        if kind in regs.BY_NAME and kind not in _ENCODED:
            self.fixed = regs.BY_NAME[kind]
            self.bits = 128 if self.is_xmm else _width(kind)
            self.shown = kind in _SHOWN
            self.reg_ok = True
        elif kind.startswith(("imm", "rel")):
            self.place = IMM
            self.bits = int(kind[3:])
        else:
            reg, _, mem = kind.partition("/")
            if reg.startswith("m"):
                reg, mem = "", reg
            self.mem_ok = mem != ""
            self.mem_bits = int(mem[1:] or "0") if mem else 0
            self.reg_ok = reg != ""
            if self.is_xmm:
                self.bits = 128
            elif reg:
                self.bits = int(reg[1:] or mem[1:])


_ENCODED: Final = ("r8", "xmm1", "xmm2", "xmm3", "xmm4")  # any register, in the manual's way


def _width(name: str) -> int:
    for bits, names in regs.NAMES.items():
        if name in names:
            return bits
    raise KeyError(name)


class Inst:
    """One row. `encoded` are the operands that `encode` is given, in order; `*_at` index them (-1
    for none). `vex` is the map (0 for legacy), `pp` the prefix field, `digit` ModRM.reg or -1,
    `byte_reg`/`byte_rm` say that a register there is 8 bits wide (spl, sil... need REX)."""

    __slots__ = (
        "byte_reg",
        "byte_rm",
        "digit",
        "encoded",
        "feature",
        "imm_at",
        "imm_bytes",
        "is4_at",
        "is_branch",
        "is_call",
        "last",
        "mnemonic",
        "name",
        "num",
        "opcode",
        "operands",
        "plus_at",
        "pp",
        "prefix",
        "reads_flags",
        "reg_at",
        "rex",
        "rm_at",
        "sets_flags",
        "traps",
        "vex",
        "vex_l",
        "vvvv_at",
    )

    def __init__(self, num: int, name: str, line: str, code: str) -> None:
        self.num = num
        self.name = name
        words = line.split(" ")
        count = 2 if words[0] in ("lock", "rep") else 1
        self.mnemonic = " ".join(words[:count])
        rest = " ".join(words[count:])
        self.operands = tuple([Operand(text) for text in rest.split(", ")]) if rest else ()
        self.digit = -1
        self.imm_bytes = self.rex = self.vex = self.vex_l = self.pp = 0
        self.feature = ""
        self.traps = False
        bare = words[count - 1]
        cond = bare[1:] in CONDITIONS
        self.sets_flags = bare in _SETS_FLAGS
        self.reads_flags: bool = (
            bare in _READS_FLAGS
            or (bare[0] == "j" and cond)
            or (bare[:3] == "set" and bare[3:] in CONDITIONS)
            or (bare[:4] == "cmov" and bare[4:] in CONDITIONS)
        )
        self.is_branch = bare == "jmp" or (bare[0] == "j" and cond)
        self.is_call = bare == "call"
        prefix = bytearray()
        opcode = bytearray()
        modrm = plus = is4 = False
        for word in code.split():
            if word == "REX.W":
                self.rex = 8
            elif word == "+":
                pass
            elif word.startswith("VEX."):
                self._vex(word)
            elif word == "/is4":
                is4 = True
            elif word[0] == "/":
                modrm = True
                self.digit = -1 if word == "/r" else int(word[1:])
            elif word in _IMM_BYTES:
                self.imm_bytes = _IMM_BYTES[word]
            elif "+" in word:
                plus = True
                opcode.append(int(word[:2], 16))
            elif not opcode and not self.vex and word in ("F0", "66", "F2", "F3"):
                prefix.append(int(word, 16))
            else:
                opcode.append(int(word, 16))
        self.prefix = bytes(prefix)
        self.opcode = bytes(opcode)
        self.last = opcode[-1]
        self._place(modrm, plus, is4)
        self.encoded = tuple([op for op in self.operands if op.place != NOWHERE])
        places = [op.place for op in self.encoded]
        at = [places.index(p) if p in places else -1 for p in (REG, RM, VVVV, PLUS, IMM, IS4)]
        self.reg_at, self.rm_at, self.vvvv_at, self.plus_at, self.imm_at, self.is4_at = at
        self.byte_reg = self.byte_rm = False
        for op in self.encoded:
            if op.bits == 8 and op.reg_ok:
                self.byte_reg = self.byte_reg or op.place == REG
                self.byte_rm = self.byte_rm or op.place == RM

    def _vex(self, text: str) -> None:
        for field in text.split("."):
            if field in _PP:
                self.pp = _PP[field]
            elif field in _MAP:
                self.vex = _MAP[field]
            elif field == "W1":
                self.rex = 8
            elif field == "256":
                self.vex_l = 4

    def _place(self, modrm: bool, plus: bool, is4: bool) -> None:
        registers = [op for op in self.operands if op.fixed < 0 and (op.reg_ok or op.mem_ok)]
        if is4:
            registers.pop().place = IS4
        if plus:
            registers.pop().place = PLUS
        if modrm:
            rm = registers[-1]
            for op in registers:
                if op.mem_ok:
                    rm = op
            rm.place = RM
            registers.remove(rm)
        if registers and self.digit < 0:
            registers.pop(0).place = REG
        if registers:
            registers.pop(0).place = VVVV
        assert not registers, self.name


_PP: Final = {"66": 1, "F3": 2, "F2": 3}
_MAP: Final = {"0F": 1, "0F38": 2, "0F3A": 3}

CONDITIONS: Final = (
    *("o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"),
)
"""Condition codes in the hardware's order; a code ^ 1 is its inverse."""

_SETS_FLAGS: Final = frozenset(
    [
        *(
            "add",
            "or",
            "adc",
            "sbb",
            "and",
            "sub",
            "xor",
            "cmp",
            "test",
            "neg",
            "inc",
            "dec",
            "mul",
            "imul",
            "div",
            "idiv",
            "rol",
            "ror",
            "rcl",
            "rcr",
            "shl",
        ),
        *(
            "shr",
            "sar",
            "shld",
            "shrd",
            "bt",
            "bts",
            "btr",
            "btc",
            "bsf",
            "bsr",
            "tzcnt",
            "lzcnt",
            "popcnt",
            "andn",
            "blsr",
            "blsmsk",
            "blsi",
            "bextr",
        ),
        *(
            "bzhi",
            "xadd",
            "cmpxchg",
            "cmpxchg8b",
            "cmpxchg16b",
            "ucomiss",
            "ucomisd",
            "comiss",
            "comisd",
            "vucomiss",
            "vucomisd",
        ),
        *(
            "vcomiss",
            "vcomisd",
            "ptest",
            "vptest",
            "popfq",
            "syscall",
        ),
    ]
)
_READS_FLAGS: Final = frozenset(["adc", "sbb", "rcl", "rcr", "pushfq"])

INSTS: Final[list[Inst]] = []
"""All rows by number."""


def inst(name: str, line: str, code: str, feature: str = "", traps: bool = False) -> Inst:
    """Add a row; `feature` is the CPU feature it needs ("" for the x86-64 baseline)."""
    row = Inst(len(INSTS), name, line, code)
    row.feature = feature
    row.traps = traps
    INSTS.append(row)
    return row


# Integer arithmetic of two operands

ADDB_RM: Final = inst("addb_rm", "add rw:r8, r:r/m8", "02 /r")
ADDB_MR: Final = inst("addb_mr", "add rw:r/m8, r:r8", "00 /r")
ADDB_MI: Final = inst("addb_mi", "add rw:r/m8, r:imm8", "80 /0 ib")
ADDW_RM: Final = inst("addw_rm", "add rw:r16, r:r/m16", "66 03 /r")
ADDW_MR: Final = inst("addw_mr", "add rw:r/m16, r:r16", "66 01 /r")
ADDW_MI8: Final = inst("addw_mi8", "add rw:r/m16, r:imm8", "66 83 /0 ib")
ADDW_MI: Final = inst("addw_mi", "add rw:r/m16, r:imm16", "66 81 /0 iw")
ADDL_RM: Final = inst("addl_rm", "add rw:r32, r:r/m32", "03 /r")
ADDL_MR: Final = inst("addl_mr", "add rw:r/m32, r:r32", "01 /r")
ADDL_MI8: Final = inst("addl_mi8", "add rw:r/m32, r:imm8", "83 /0 ib")
ADDL_MI: Final = inst("addl_mi", "add rw:r/m32, r:imm32", "81 /0 id")
ADDQ_RM: Final = inst("addq_rm", "add rw:r64, r:r/m64", "REX.W + 03 /r")
ADDQ_MR: Final = inst("addq_mr", "add rw:r/m64, r:r64", "REX.W + 01 /r")
ADDQ_MI8: Final = inst("addq_mi8", "add rw:r/m64, r:imm8", "REX.W + 83 /0 ib")
ADDQ_MI: Final = inst("addq_mi", "add rw:r/m64, r:imm32", "REX.W + 81 /0 id")
ORB_RM: Final = inst("orb_rm", "or rw:r8, r:r/m8", "0A /r")
ORB_MR: Final = inst("orb_mr", "or rw:r/m8, r:r8", "08 /r")
ORB_MI: Final = inst("orb_mi", "or rw:r/m8, r:imm8", "80 /1 ib")
ORW_RM: Final = inst("orw_rm", "or rw:r16, r:r/m16", "66 0B /r")
ORW_MR: Final = inst("orw_mr", "or rw:r/m16, r:r16", "66 09 /r")
ORW_MI8: Final = inst("orw_mi8", "or rw:r/m16, r:imm8", "66 83 /1 ib")
ORW_MI: Final = inst("orw_mi", "or rw:r/m16, r:imm16", "66 81 /1 iw")
ORL_RM: Final = inst("orl_rm", "or rw:r32, r:r/m32", "0B /r")
ORL_MR: Final = inst("orl_mr", "or rw:r/m32, r:r32", "09 /r")
ORL_MI8: Final = inst("orl_mi8", "or rw:r/m32, r:imm8", "83 /1 ib")
ORL_MI: Final = inst("orl_mi", "or rw:r/m32, r:imm32", "81 /1 id")
ORQ_RM: Final = inst("orq_rm", "or rw:r64, r:r/m64", "REX.W + 0B /r")
ORQ_MR: Final = inst("orq_mr", "or rw:r/m64, r:r64", "REX.W + 09 /r")
ORQ_MI8: Final = inst("orq_mi8", "or rw:r/m64, r:imm8", "REX.W + 83 /1 ib")
ORQ_MI: Final = inst("orq_mi", "or rw:r/m64, r:imm32", "REX.W + 81 /1 id")
ADCB_RM: Final = inst("adcb_rm", "adc rw:r8, r:r/m8", "12 /r")
ADCB_MR: Final = inst("adcb_mr", "adc rw:r/m8, r:r8", "10 /r")
ADCB_MI: Final = inst("adcb_mi", "adc rw:r/m8, r:imm8", "80 /2 ib")
ADCW_RM: Final = inst("adcw_rm", "adc rw:r16, r:r/m16", "66 13 /r")
ADCW_MR: Final = inst("adcw_mr", "adc rw:r/m16, r:r16", "66 11 /r")
ADCW_MI8: Final = inst("adcw_mi8", "adc rw:r/m16, r:imm8", "66 83 /2 ib")
ADCW_MI: Final = inst("adcw_mi", "adc rw:r/m16, r:imm16", "66 81 /2 iw")
ADCL_RM: Final = inst("adcl_rm", "adc rw:r32, r:r/m32", "13 /r")
ADCL_MR: Final = inst("adcl_mr", "adc rw:r/m32, r:r32", "11 /r")
ADCL_MI8: Final = inst("adcl_mi8", "adc rw:r/m32, r:imm8", "83 /2 ib")
ADCL_MI: Final = inst("adcl_mi", "adc rw:r/m32, r:imm32", "81 /2 id")
ADCQ_RM: Final = inst("adcq_rm", "adc rw:r64, r:r/m64", "REX.W + 13 /r")
ADCQ_MR: Final = inst("adcq_mr", "adc rw:r/m64, r:r64", "REX.W + 11 /r")
ADCQ_MI8: Final = inst("adcq_mi8", "adc rw:r/m64, r:imm8", "REX.W + 83 /2 ib")
ADCQ_MI: Final = inst("adcq_mi", "adc rw:r/m64, r:imm32", "REX.W + 81 /2 id")
SBBB_RM: Final = inst("sbbb_rm", "sbb rw:r8, r:r/m8", "1A /r")
SBBB_MR: Final = inst("sbbb_mr", "sbb rw:r/m8, r:r8", "18 /r")
SBBB_MI: Final = inst("sbbb_mi", "sbb rw:r/m8, r:imm8", "80 /3 ib")
SBBW_RM: Final = inst("sbbw_rm", "sbb rw:r16, r:r/m16", "66 1B /r")
SBBW_MR: Final = inst("sbbw_mr", "sbb rw:r/m16, r:r16", "66 19 /r")
SBBW_MI8: Final = inst("sbbw_mi8", "sbb rw:r/m16, r:imm8", "66 83 /3 ib")
SBBW_MI: Final = inst("sbbw_mi", "sbb rw:r/m16, r:imm16", "66 81 /3 iw")
SBBL_RM: Final = inst("sbbl_rm", "sbb rw:r32, r:r/m32", "1B /r")
SBBL_MR: Final = inst("sbbl_mr", "sbb rw:r/m32, r:r32", "19 /r")
SBBL_MI8: Final = inst("sbbl_mi8", "sbb rw:r/m32, r:imm8", "83 /3 ib")
SBBL_MI: Final = inst("sbbl_mi", "sbb rw:r/m32, r:imm32", "81 /3 id")
SBBQ_RM: Final = inst("sbbq_rm", "sbb rw:r64, r:r/m64", "REX.W + 1B /r")
SBBQ_MR: Final = inst("sbbq_mr", "sbb rw:r/m64, r:r64", "REX.W + 19 /r")
SBBQ_MI8: Final = inst("sbbq_mi8", "sbb rw:r/m64, r:imm8", "REX.W + 83 /3 ib")
SBBQ_MI: Final = inst("sbbq_mi", "sbb rw:r/m64, r:imm32", "REX.W + 81 /3 id")
ANDB_RM: Final = inst("andb_rm", "and rw:r8, r:r/m8", "22 /r")
ANDB_MR: Final = inst("andb_mr", "and rw:r/m8, r:r8", "20 /r")
ANDB_MI: Final = inst("andb_mi", "and rw:r/m8, r:imm8", "80 /4 ib")
ANDW_RM: Final = inst("andw_rm", "and rw:r16, r:r/m16", "66 23 /r")
ANDW_MR: Final = inst("andw_mr", "and rw:r/m16, r:r16", "66 21 /r")
ANDW_MI8: Final = inst("andw_mi8", "and rw:r/m16, r:imm8", "66 83 /4 ib")
ANDW_MI: Final = inst("andw_mi", "and rw:r/m16, r:imm16", "66 81 /4 iw")
ANDL_RM: Final = inst("andl_rm", "and rw:r32, r:r/m32", "23 /r")
ANDL_MR: Final = inst("andl_mr", "and rw:r/m32, r:r32", "21 /r")
ANDL_MI8: Final = inst("andl_mi8", "and rw:r/m32, r:imm8", "83 /4 ib")
ANDL_MI: Final = inst("andl_mi", "and rw:r/m32, r:imm32", "81 /4 id")
ANDQ_RM: Final = inst("andq_rm", "and rw:r64, r:r/m64", "REX.W + 23 /r")
ANDQ_MR: Final = inst("andq_mr", "and rw:r/m64, r:r64", "REX.W + 21 /r")
ANDQ_MI8: Final = inst("andq_mi8", "and rw:r/m64, r:imm8", "REX.W + 83 /4 ib")
ANDQ_MI: Final = inst("andq_mi", "and rw:r/m64, r:imm32", "REX.W + 81 /4 id")
SUBB_RM: Final = inst("subb_rm", "sub rw:r8, r:r/m8", "2A /r")
SUBB_MR: Final = inst("subb_mr", "sub rw:r/m8, r:r8", "28 /r")
SUBB_MI: Final = inst("subb_mi", "sub rw:r/m8, r:imm8", "80 /5 ib")
SUBW_RM: Final = inst("subw_rm", "sub rw:r16, r:r/m16", "66 2B /r")
SUBW_MR: Final = inst("subw_mr", "sub rw:r/m16, r:r16", "66 29 /r")
SUBW_MI8: Final = inst("subw_mi8", "sub rw:r/m16, r:imm8", "66 83 /5 ib")
SUBW_MI: Final = inst("subw_mi", "sub rw:r/m16, r:imm16", "66 81 /5 iw")
SUBL_RM: Final = inst("subl_rm", "sub rw:r32, r:r/m32", "2B /r")
SUBL_MR: Final = inst("subl_mr", "sub rw:r/m32, r:r32", "29 /r")
SUBL_MI8: Final = inst("subl_mi8", "sub rw:r/m32, r:imm8", "83 /5 ib")
SUBL_MI: Final = inst("subl_mi", "sub rw:r/m32, r:imm32", "81 /5 id")
SUBQ_RM: Final = inst("subq_rm", "sub rw:r64, r:r/m64", "REX.W + 2B /r")
SUBQ_MR: Final = inst("subq_mr", "sub rw:r/m64, r:r64", "REX.W + 29 /r")
SUBQ_MI8: Final = inst("subq_mi8", "sub rw:r/m64, r:imm8", "REX.W + 83 /5 ib")
SUBQ_MI: Final = inst("subq_mi", "sub rw:r/m64, r:imm32", "REX.W + 81 /5 id")
XORB_RM: Final = inst("xorb_rm", "xor rw:r8, r:r/m8", "32 /r")
XORB_MR: Final = inst("xorb_mr", "xor rw:r/m8, r:r8", "30 /r")
XORB_MI: Final = inst("xorb_mi", "xor rw:r/m8, r:imm8", "80 /6 ib")
XORW_RM: Final = inst("xorw_rm", "xor rw:r16, r:r/m16", "66 33 /r")
XORW_MR: Final = inst("xorw_mr", "xor rw:r/m16, r:r16", "66 31 /r")
XORW_MI8: Final = inst("xorw_mi8", "xor rw:r/m16, r:imm8", "66 83 /6 ib")
XORW_MI: Final = inst("xorw_mi", "xor rw:r/m16, r:imm16", "66 81 /6 iw")
XORL_RM: Final = inst("xorl_rm", "xor rw:r32, r:r/m32", "33 /r")
XORL_MR: Final = inst("xorl_mr", "xor rw:r/m32, r:r32", "31 /r")
XORL_MI8: Final = inst("xorl_mi8", "xor rw:r/m32, r:imm8", "83 /6 ib")
XORL_MI: Final = inst("xorl_mi", "xor rw:r/m32, r:imm32", "81 /6 id")
XORQ_RM: Final = inst("xorq_rm", "xor rw:r64, r:r/m64", "REX.W + 33 /r")
XORQ_MR: Final = inst("xorq_mr", "xor rw:r/m64, r:r64", "REX.W + 31 /r")
XORQ_MI8: Final = inst("xorq_mi8", "xor rw:r/m64, r:imm8", "REX.W + 83 /6 ib")
XORQ_MI: Final = inst("xorq_mi", "xor rw:r/m64, r:imm32", "REX.W + 81 /6 id")
CMPB_RM: Final = inst("cmpb_rm", "cmp r:r8, r:r/m8", "3A /r")
CMPB_MR: Final = inst("cmpb_mr", "cmp r:r/m8, r:r8", "38 /r")
CMPB_MI: Final = inst("cmpb_mi", "cmp r:r/m8, r:imm8", "80 /7 ib")
CMPW_RM: Final = inst("cmpw_rm", "cmp r:r16, r:r/m16", "66 3B /r")
CMPW_MR: Final = inst("cmpw_mr", "cmp r:r/m16, r:r16", "66 39 /r")
CMPW_MI8: Final = inst("cmpw_mi8", "cmp r:r/m16, r:imm8", "66 83 /7 ib")
CMPW_MI: Final = inst("cmpw_mi", "cmp r:r/m16, r:imm16", "66 81 /7 iw")
CMPL_RM: Final = inst("cmpl_rm", "cmp r:r32, r:r/m32", "3B /r")
CMPL_MR: Final = inst("cmpl_mr", "cmp r:r/m32, r:r32", "39 /r")
CMPL_MI8: Final = inst("cmpl_mi8", "cmp r:r/m32, r:imm8", "83 /7 ib")
CMPL_MI: Final = inst("cmpl_mi", "cmp r:r/m32, r:imm32", "81 /7 id")
CMPQ_RM: Final = inst("cmpq_rm", "cmp r:r64, r:r/m64", "REX.W + 3B /r")
CMPQ_MR: Final = inst("cmpq_mr", "cmp r:r/m64, r:r64", "REX.W + 39 /r")
CMPQ_MI8: Final = inst("cmpq_mi8", "cmp r:r/m64, r:imm8", "REX.W + 83 /7 ib")
CMPQ_MI: Final = inst("cmpq_mi", "cmp r:r/m64, r:imm32", "REX.W + 81 /7 id")
TESTB_MR: Final = inst("testb_mr", "test r:r/m8, r:r8", "84 /r")
TESTB_MI: Final = inst("testb_mi", "test r:r/m8, r:imm8", "F6 /0 ib")
TESTW_MR: Final = inst("testw_mr", "test r:r/m16, r:r16", "66 85 /r")
TESTW_MI: Final = inst("testw_mi", "test r:r/m16, r:imm16", "66 F7 /0 iw")
TESTL_MR: Final = inst("testl_mr", "test r:r/m32, r:r32", "85 /r")
TESTL_MI: Final = inst("testl_mi", "test r:r/m32, r:imm32", "F7 /0 id")
TESTQ_MR: Final = inst("testq_mr", "test r:r/m64, r:r64", "REX.W + 85 /r")
TESTQ_MI: Final = inst("testq_mi", "test r:r/m64, r:imm32", "REX.W + F7 /0 id")

# Integer arithmetic of one operand, multiplication and division

NOTB: Final = inst("notb", "not rw:r/m8", "F6 /2")
NOTW: Final = inst("notw", "not rw:r/m16", "66 F7 /2")
NOTL: Final = inst("notl", "not rw:r/m32", "F7 /2")
NOTQ: Final = inst("notq", "not rw:r/m64", "REX.W + F7 /2")
NEGB: Final = inst("negb", "neg rw:r/m8", "F6 /3")
NEGW: Final = inst("negw", "neg rw:r/m16", "66 F7 /3")
NEGL: Final = inst("negl", "neg rw:r/m32", "F7 /3")
NEGQ: Final = inst("negq", "neg rw:r/m64", "REX.W + F7 /3")
INCB: Final = inst("incb", "inc rw:r/m8", "FE /0")
INCW: Final = inst("incw", "inc rw:r/m16", "66 FF /0")
INCL: Final = inst("incl", "inc rw:r/m32", "FF /0")
INCQ: Final = inst("incq", "inc rw:r/m64", "REX.W + FF /0")
DECB: Final = inst("decb", "dec rw:r/m8", "FE /1")
DECW: Final = inst("decw", "dec rw:r/m16", "66 FF /1")
DECL: Final = inst("decl", "dec rw:r/m32", "FF /1")
DECQ: Final = inst("decq", "dec rw:r/m64", "REX.W + FF /1")
MULB: Final = inst("mulb", "mul rw:ax, r:r/m8", "F6 /4")
MULW: Final = inst("mulw", "mul rw:ax, w:dx, r:r/m16", "66 F7 /4")
MULL: Final = inst("mull", "mul rw:eax, w:edx, r:r/m32", "F7 /4")
MULQ: Final = inst("mulq", "mul rw:rax, w:rdx, r:r/m64", "REX.W + F7 /4")
IMULB_M: Final = inst("imulb_m", "imul rw:ax, r:r/m8", "F6 /5")
IMULW_M: Final = inst("imulw_m", "imul rw:ax, w:dx, r:r/m16", "66 F7 /5")
IMULL_M: Final = inst("imull_m", "imul rw:eax, w:edx, r:r/m32", "F7 /5")
IMULQ_M: Final = inst("imulq_m", "imul rw:rax, w:rdx, r:r/m64", "REX.W + F7 /5")
DIVB: Final = inst("divb", "div rw:ax, r:r/m8", "F6 /6", traps=True)
DIVW: Final = inst("divw", "div rw:ax, rw:dx, r:r/m16", "66 F7 /6", traps=True)
DIVL: Final = inst("divl", "div rw:eax, rw:edx, r:r/m32", "F7 /6", traps=True)
DIVQ: Final = inst("divq", "div rw:rax, rw:rdx, r:r/m64", "REX.W + F7 /6", traps=True)
IDIVB: Final = inst("idivb", "idiv rw:ax, r:r/m8", "F6 /7", traps=True)
IDIVW: Final = inst("idivw", "idiv rw:ax, rw:dx, r:r/m16", "66 F7 /7", traps=True)
IDIVL: Final = inst("idivl", "idiv rw:eax, rw:edx, r:r/m32", "F7 /7", traps=True)
IDIVQ: Final = inst("idivq", "idiv rw:rax, rw:rdx, r:r/m64", "REX.W + F7 /7", traps=True)
IMULW_RM: Final = inst("imulw_rm", "imul rw:r16, r:r/m16", "66 0F AF /r")
IMULW_RMI8: Final = inst("imulw_rmi8", "imul w:r16, r:r/m16, r:imm8", "66 6B /r ib")
IMULW_RMI: Final = inst("imulw_rmi", "imul w:r16, r:r/m16, r:imm16", "66 69 /r iw")
IMULL_RM: Final = inst("imull_rm", "imul rw:r32, r:r/m32", "0F AF /r")
IMULL_RMI8: Final = inst("imull_rmi8", "imul w:r32, r:r/m32, r:imm8", "6B /r ib")
IMULL_RMI: Final = inst("imull_rmi", "imul w:r32, r:r/m32, r:imm32", "69 /r id")
IMULQ_RM: Final = inst("imulq_rm", "imul rw:r64, r:r/m64", "REX.W + 0F AF /r")
IMULQ_RMI8: Final = inst("imulq_rmi8", "imul w:r64, r:r/m64, r:imm8", "REX.W + 6B /r ib")
IMULQ_RMI: Final = inst("imulq_rmi", "imul w:r64, r:r/m64, r:imm32", "REX.W + 69 /r id")
CBW: Final = inst("cbw", "cbw rw:ax", "66 98")
CWDE: Final = inst("cwde", "cwde rw:eax", "98")
CDQE: Final = inst("cdqe", "cdqe rw:rax", "REX.W + 98")
CWD: Final = inst("cwd", "cwd r:ax, w:dx", "66 99")
CDQ: Final = inst("cdq", "cdq r:eax, w:edx", "99")
CQO: Final = inst("cqo", "cqo r:rax, w:rdx", "REX.W + 99")

# Shifts and rotates

ROLB_1: Final = inst("rolb_1", "rol rw:r/m8, 1", "D0 /0")
ROLB_I: Final = inst("rolb_i", "rol rw:r/m8, r:imm8", "C0 /0 ib")
ROLB_CL: Final = inst("rolb_cl", "rol rw:r/m8, r:cl", "D2 /0")
ROLW_1: Final = inst("rolw_1", "rol rw:r/m16, 1", "66 D1 /0")
ROLW_I: Final = inst("rolw_i", "rol rw:r/m16, r:imm8", "66 C1 /0 ib")
ROLW_CL: Final = inst("rolw_cl", "rol rw:r/m16, r:cl", "66 D3 /0")
ROLL_1: Final = inst("roll_1", "rol rw:r/m32, 1", "D1 /0")
ROLL_I: Final = inst("roll_i", "rol rw:r/m32, r:imm8", "C1 /0 ib")
ROLL_CL: Final = inst("roll_cl", "rol rw:r/m32, r:cl", "D3 /0")
ROLQ_1: Final = inst("rolq_1", "rol rw:r/m64, 1", "REX.W + D1 /0")
ROLQ_I: Final = inst("rolq_i", "rol rw:r/m64, r:imm8", "REX.W + C1 /0 ib")
ROLQ_CL: Final = inst("rolq_cl", "rol rw:r/m64, r:cl", "REX.W + D3 /0")
RORB_1: Final = inst("rorb_1", "ror rw:r/m8, 1", "D0 /1")
RORB_I: Final = inst("rorb_i", "ror rw:r/m8, r:imm8", "C0 /1 ib")
RORB_CL: Final = inst("rorb_cl", "ror rw:r/m8, r:cl", "D2 /1")
RORW_1: Final = inst("rorw_1", "ror rw:r/m16, 1", "66 D1 /1")
RORW_I: Final = inst("rorw_i", "ror rw:r/m16, r:imm8", "66 C1 /1 ib")
RORW_CL: Final = inst("rorw_cl", "ror rw:r/m16, r:cl", "66 D3 /1")
RORL_1: Final = inst("rorl_1", "ror rw:r/m32, 1", "D1 /1")
RORL_I: Final = inst("rorl_i", "ror rw:r/m32, r:imm8", "C1 /1 ib")
RORL_CL: Final = inst("rorl_cl", "ror rw:r/m32, r:cl", "D3 /1")
RORQ_1: Final = inst("rorq_1", "ror rw:r/m64, 1", "REX.W + D1 /1")
RORQ_I: Final = inst("rorq_i", "ror rw:r/m64, r:imm8", "REX.W + C1 /1 ib")
RORQ_CL: Final = inst("rorq_cl", "ror rw:r/m64, r:cl", "REX.W + D3 /1")
RCLB_1: Final = inst("rclb_1", "rcl rw:r/m8, 1", "D0 /2")
RCLB_I: Final = inst("rclb_i", "rcl rw:r/m8, r:imm8", "C0 /2 ib")
RCLB_CL: Final = inst("rclb_cl", "rcl rw:r/m8, r:cl", "D2 /2")
RCLW_1: Final = inst("rclw_1", "rcl rw:r/m16, 1", "66 D1 /2")
RCLW_I: Final = inst("rclw_i", "rcl rw:r/m16, r:imm8", "66 C1 /2 ib")
RCLW_CL: Final = inst("rclw_cl", "rcl rw:r/m16, r:cl", "66 D3 /2")
RCLL_1: Final = inst("rcll_1", "rcl rw:r/m32, 1", "D1 /2")
RCLL_I: Final = inst("rcll_i", "rcl rw:r/m32, r:imm8", "C1 /2 ib")
RCLL_CL: Final = inst("rcll_cl", "rcl rw:r/m32, r:cl", "D3 /2")
RCLQ_1: Final = inst("rclq_1", "rcl rw:r/m64, 1", "REX.W + D1 /2")
RCLQ_I: Final = inst("rclq_i", "rcl rw:r/m64, r:imm8", "REX.W + C1 /2 ib")
RCLQ_CL: Final = inst("rclq_cl", "rcl rw:r/m64, r:cl", "REX.W + D3 /2")
RCRB_1: Final = inst("rcrb_1", "rcr rw:r/m8, 1", "D0 /3")
RCRB_I: Final = inst("rcrb_i", "rcr rw:r/m8, r:imm8", "C0 /3 ib")
RCRB_CL: Final = inst("rcrb_cl", "rcr rw:r/m8, r:cl", "D2 /3")
RCRW_1: Final = inst("rcrw_1", "rcr rw:r/m16, 1", "66 D1 /3")
RCRW_I: Final = inst("rcrw_i", "rcr rw:r/m16, r:imm8", "66 C1 /3 ib")
RCRW_CL: Final = inst("rcrw_cl", "rcr rw:r/m16, r:cl", "66 D3 /3")
RCRL_1: Final = inst("rcrl_1", "rcr rw:r/m32, 1", "D1 /3")
RCRL_I: Final = inst("rcrl_i", "rcr rw:r/m32, r:imm8", "C1 /3 ib")
RCRL_CL: Final = inst("rcrl_cl", "rcr rw:r/m32, r:cl", "D3 /3")
RCRQ_1: Final = inst("rcrq_1", "rcr rw:r/m64, 1", "REX.W + D1 /3")
RCRQ_I: Final = inst("rcrq_i", "rcr rw:r/m64, r:imm8", "REX.W + C1 /3 ib")
RCRQ_CL: Final = inst("rcrq_cl", "rcr rw:r/m64, r:cl", "REX.W + D3 /3")
SHLB_1: Final = inst("shlb_1", "shl rw:r/m8, 1", "D0 /4")
SHLB_I: Final = inst("shlb_i", "shl rw:r/m8, r:imm8", "C0 /4 ib")
SHLB_CL: Final = inst("shlb_cl", "shl rw:r/m8, r:cl", "D2 /4")
SHLW_1: Final = inst("shlw_1", "shl rw:r/m16, 1", "66 D1 /4")
SHLW_I: Final = inst("shlw_i", "shl rw:r/m16, r:imm8", "66 C1 /4 ib")
SHLW_CL: Final = inst("shlw_cl", "shl rw:r/m16, r:cl", "66 D3 /4")
SHLL_1: Final = inst("shll_1", "shl rw:r/m32, 1", "D1 /4")
SHLL_I: Final = inst("shll_i", "shl rw:r/m32, r:imm8", "C1 /4 ib")
SHLL_CL: Final = inst("shll_cl", "shl rw:r/m32, r:cl", "D3 /4")
SHLQ_1: Final = inst("shlq_1", "shl rw:r/m64, 1", "REX.W + D1 /4")
SHLQ_I: Final = inst("shlq_i", "shl rw:r/m64, r:imm8", "REX.W + C1 /4 ib")
SHLQ_CL: Final = inst("shlq_cl", "shl rw:r/m64, r:cl", "REX.W + D3 /4")
SHRB_1: Final = inst("shrb_1", "shr rw:r/m8, 1", "D0 /5")
SHRB_I: Final = inst("shrb_i", "shr rw:r/m8, r:imm8", "C0 /5 ib")
SHRB_CL: Final = inst("shrb_cl", "shr rw:r/m8, r:cl", "D2 /5")
SHRW_1: Final = inst("shrw_1", "shr rw:r/m16, 1", "66 D1 /5")
SHRW_I: Final = inst("shrw_i", "shr rw:r/m16, r:imm8", "66 C1 /5 ib")
SHRW_CL: Final = inst("shrw_cl", "shr rw:r/m16, r:cl", "66 D3 /5")
SHRL_1: Final = inst("shrl_1", "shr rw:r/m32, 1", "D1 /5")
SHRL_I: Final = inst("shrl_i", "shr rw:r/m32, r:imm8", "C1 /5 ib")
SHRL_CL: Final = inst("shrl_cl", "shr rw:r/m32, r:cl", "D3 /5")
SHRQ_1: Final = inst("shrq_1", "shr rw:r/m64, 1", "REX.W + D1 /5")
SHRQ_I: Final = inst("shrq_i", "shr rw:r/m64, r:imm8", "REX.W + C1 /5 ib")
SHRQ_CL: Final = inst("shrq_cl", "shr rw:r/m64, r:cl", "REX.W + D3 /5")
SARB_1: Final = inst("sarb_1", "sar rw:r/m8, 1", "D0 /7")
SARB_I: Final = inst("sarb_i", "sar rw:r/m8, r:imm8", "C0 /7 ib")
SARB_CL: Final = inst("sarb_cl", "sar rw:r/m8, r:cl", "D2 /7")
SARW_1: Final = inst("sarw_1", "sar rw:r/m16, 1", "66 D1 /7")
SARW_I: Final = inst("sarw_i", "sar rw:r/m16, r:imm8", "66 C1 /7 ib")
SARW_CL: Final = inst("sarw_cl", "sar rw:r/m16, r:cl", "66 D3 /7")
SARL_1: Final = inst("sarl_1", "sar rw:r/m32, 1", "D1 /7")
SARL_I: Final = inst("sarl_i", "sar rw:r/m32, r:imm8", "C1 /7 ib")
SARL_CL: Final = inst("sarl_cl", "sar rw:r/m32, r:cl", "D3 /7")
SARQ_1: Final = inst("sarq_1", "sar rw:r/m64, 1", "REX.W + D1 /7")
SARQ_I: Final = inst("sarq_i", "sar rw:r/m64, r:imm8", "REX.W + C1 /7 ib")
SARQ_CL: Final = inst("sarq_cl", "sar rw:r/m64, r:cl", "REX.W + D3 /7")
SHLDW_I: Final = inst("shldw_i", "shld rw:r/m16, r:r16, r:imm8", "66 0F A4 /r ib")
SHLDW_CL: Final = inst("shldw_cl", "shld rw:r/m16, r:r16, r:cl", "66 0F A5 /r")
SHLDL_I: Final = inst("shldl_i", "shld rw:r/m32, r:r32, r:imm8", "0F A4 /r ib")
SHLDL_CL: Final = inst("shldl_cl", "shld rw:r/m32, r:r32, r:cl", "0F A5 /r")
SHLDQ_I: Final = inst("shldq_i", "shld rw:r/m64, r:r64, r:imm8", "REX.W + 0F A4 /r ib")
SHLDQ_CL: Final = inst("shldq_cl", "shld rw:r/m64, r:r64, r:cl", "REX.W + 0F A5 /r")
SHRDW_I: Final = inst("shrdw_i", "shrd rw:r/m16, r:r16, r:imm8", "66 0F AC /r ib")
SHRDW_CL: Final = inst("shrdw_cl", "shrd rw:r/m16, r:r16, r:cl", "66 0F AD /r")
SHRDL_I: Final = inst("shrdl_i", "shrd rw:r/m32, r:r32, r:imm8", "0F AC /r ib")
SHRDL_CL: Final = inst("shrdl_cl", "shrd rw:r/m32, r:r32, r:cl", "0F AD /r")
SHRDQ_I: Final = inst("shrdq_i", "shrd rw:r/m64, r:r64, r:imm8", "REX.W + 0F AC /r ib")
SHRDQ_CL: Final = inst("shrdq_cl", "shrd rw:r/m64, r:r64, r:cl", "REX.W + 0F AD /r")

# Bits

BTW_MR: Final = inst("btw_mr", "bt r:r/m16, r:r16", "66 0F A3 /r")
BTW_MI: Final = inst("btw_mi", "bt r:r/m16, r:imm8", "66 0F BA /4 ib")
BTL_MR: Final = inst("btl_mr", "bt r:r/m32, r:r32", "0F A3 /r")
BTL_MI: Final = inst("btl_mi", "bt r:r/m32, r:imm8", "0F BA /4 ib")
BTQ_MR: Final = inst("btq_mr", "bt r:r/m64, r:r64", "REX.W + 0F A3 /r")
BTQ_MI: Final = inst("btq_mi", "bt r:r/m64, r:imm8", "REX.W + 0F BA /4 ib")
BTSW_MR: Final = inst("btsw_mr", "bts rw:r/m16, r:r16", "66 0F AB /r")
BTSW_MI: Final = inst("btsw_mi", "bts rw:r/m16, r:imm8", "66 0F BA /5 ib")
BTSL_MR: Final = inst("btsl_mr", "bts rw:r/m32, r:r32", "0F AB /r")
BTSL_MI: Final = inst("btsl_mi", "bts rw:r/m32, r:imm8", "0F BA /5 ib")
BTSQ_MR: Final = inst("btsq_mr", "bts rw:r/m64, r:r64", "REX.W + 0F AB /r")
BTSQ_MI: Final = inst("btsq_mi", "bts rw:r/m64, r:imm8", "REX.W + 0F BA /5 ib")
BTRW_MR: Final = inst("btrw_mr", "btr rw:r/m16, r:r16", "66 0F B3 /r")
BTRW_MI: Final = inst("btrw_mi", "btr rw:r/m16, r:imm8", "66 0F BA /6 ib")
BTRL_MR: Final = inst("btrl_mr", "btr rw:r/m32, r:r32", "0F B3 /r")
BTRL_MI: Final = inst("btrl_mi", "btr rw:r/m32, r:imm8", "0F BA /6 ib")
BTRQ_MR: Final = inst("btrq_mr", "btr rw:r/m64, r:r64", "REX.W + 0F B3 /r")
BTRQ_MI: Final = inst("btrq_mi", "btr rw:r/m64, r:imm8", "REX.W + 0F BA /6 ib")
BTCW_MR: Final = inst("btcw_mr", "btc rw:r/m16, r:r16", "66 0F BB /r")
BTCW_MI: Final = inst("btcw_mi", "btc rw:r/m16, r:imm8", "66 0F BA /7 ib")
BTCL_MR: Final = inst("btcl_mr", "btc rw:r/m32, r:r32", "0F BB /r")
BTCL_MI: Final = inst("btcl_mi", "btc rw:r/m32, r:imm8", "0F BA /7 ib")
BTCQ_MR: Final = inst("btcq_mr", "btc rw:r/m64, r:r64", "REX.W + 0F BB /r")
BTCQ_MI: Final = inst("btcq_mi", "btc rw:r/m64, r:imm8", "REX.W + 0F BA /7 ib")
BSFW: Final = inst("bsfw", "bsf rw:r16, r:r/m16", "66 0F BC /r")
BSRW: Final = inst("bsrw", "bsr rw:r16, r:r/m16", "66 0F BD /r")
TZCNTW: Final = inst("tzcntw", "tzcnt w:r16, r:r/m16", "66 F3 0F BC /r", feature="bmi1")
LZCNTW: Final = inst("lzcntw", "lzcnt w:r16, r:r/m16", "66 F3 0F BD /r", feature="lzcnt")
POPCNTW: Final = inst("popcntw", "popcnt w:r16, r:r/m16", "66 F3 0F B8 /r", feature="popcnt")
BSFL: Final = inst("bsfl", "bsf rw:r32, r:r/m32", "0F BC /r")
BSRL: Final = inst("bsrl", "bsr rw:r32, r:r/m32", "0F BD /r")
TZCNTL: Final = inst("tzcntl", "tzcnt w:r32, r:r/m32", "F3 0F BC /r", feature="bmi1")
LZCNTL: Final = inst("lzcntl", "lzcnt w:r32, r:r/m32", "F3 0F BD /r", feature="lzcnt")
POPCNTL: Final = inst("popcntl", "popcnt w:r32, r:r/m32", "F3 0F B8 /r", feature="popcnt")
BSFQ: Final = inst("bsfq", "bsf rw:r64, r:r/m64", "REX.W + 0F BC /r")
BSRQ: Final = inst("bsrq", "bsr rw:r64, r:r/m64", "REX.W + 0F BD /r")
TZCNTQ: Final = inst("tzcntq", "tzcnt w:r64, r:r/m64", "F3 REX.W + 0F BC /r", feature="bmi1")
LZCNTQ: Final = inst("lzcntq", "lzcnt w:r64, r:r/m64", "F3 REX.W + 0F BD /r", feature="lzcnt")
POPCNTQ: Final = inst("popcntq", "popcnt w:r64, r:r/m64", "F3 REX.W + 0F B8 /r", feature="popcnt")
BSWAPL: Final = inst("bswapl", "bswap rw:r32", "0F C8+rd")
ANDNL: Final = inst("andnl", "andn w:r32, r:r32, r:r/m32", "VEX.LZ.0F38.W0 F2 /r", feature="bmi1")
BLSRL: Final = inst("blsrl", "blsr w:r32, r:r/m32", "VEX.LZ.0F38.W0 F3 /1", feature="bmi1")
BLSMSKL: Final = inst("blsmskl", "blsmsk w:r32, r:r/m32", "VEX.LZ.0F38.W0 F3 /2", feature="bmi1")
BLSIL: Final = inst("blsil", "blsi w:r32, r:r/m32", "VEX.LZ.0F38.W0 F3 /3", feature="bmi1")
BEXTRL: Final = inst(
    "bextrl", "bextr w:r32, r:r/m32, r:r32", "VEX.LZ.0F38.W0 F7 /r", feature="bmi1"
)
BZHIL: Final = inst("bzhil", "bzhi w:r32, r:r/m32, r:r32", "VEX.LZ.0F38.W0 F5 /r", feature="bmi2")
SHLXL: Final = inst(
    "shlxl", "shlx w:r32, r:r/m32, r:r32", "VEX.LZ.66.0F38.W0 F7 /r", feature="bmi2"
)
SHRXL: Final = inst(
    "shrxl", "shrx w:r32, r:r/m32, r:r32", "VEX.LZ.F2.0F38.W0 F7 /r", feature="bmi2"
)
SARXL: Final = inst(
    "sarxl", "sarx w:r32, r:r/m32, r:r32", "VEX.LZ.F3.0F38.W0 F7 /r", feature="bmi2"
)
PDEPL: Final = inst(
    "pdepl", "pdep w:r32, r:r32, r:r/m32", "VEX.LZ.F2.0F38.W0 F5 /r", feature="bmi2"
)
PEXTL: Final = inst(
    "pextl", "pext w:r32, r:r32, r:r/m32", "VEX.LZ.F3.0F38.W0 F5 /r", feature="bmi2"
)
RORXL: Final = inst(
    "rorxl", "rorx w:r32, r:r/m32, r:imm8", "VEX.LZ.F2.0F3A.W0 F0 /r ib", feature="bmi2"
)
MULXL: Final = inst(
    "mulxl", "mulx w:r32, w:r32, r:r/m32, r:edx", "VEX.LZ.F2.0F38.W0 F6 /r", feature="bmi2"
)
BSWAPQ: Final = inst("bswapq", "bswap rw:r64", "REX.W + 0F C8+ro")
ANDNQ: Final = inst("andnq", "andn w:r64, r:r64, r:r/m64", "VEX.LZ.0F38.W1 F2 /r", feature="bmi1")
BLSRQ: Final = inst("blsrq", "blsr w:r64, r:r/m64", "VEX.LZ.0F38.W1 F3 /1", feature="bmi1")
BLSMSKQ: Final = inst("blsmskq", "blsmsk w:r64, r:r/m64", "VEX.LZ.0F38.W1 F3 /2", feature="bmi1")
BLSIQ: Final = inst("blsiq", "blsi w:r64, r:r/m64", "VEX.LZ.0F38.W1 F3 /3", feature="bmi1")
BEXTRQ: Final = inst(
    "bextrq", "bextr w:r64, r:r/m64, r:r64", "VEX.LZ.0F38.W1 F7 /r", feature="bmi1"
)
BZHIQ: Final = inst("bzhiq", "bzhi w:r64, r:r/m64, r:r64", "VEX.LZ.0F38.W1 F5 /r", feature="bmi2")
SHLXQ: Final = inst(
    "shlxq", "shlx w:r64, r:r/m64, r:r64", "VEX.LZ.66.0F38.W1 F7 /r", feature="bmi2"
)
SHRXQ: Final = inst(
    "shrxq", "shrx w:r64, r:r/m64, r:r64", "VEX.LZ.F2.0F38.W1 F7 /r", feature="bmi2"
)
SARXQ: Final = inst(
    "sarxq", "sarx w:r64, r:r/m64, r:r64", "VEX.LZ.F3.0F38.W1 F7 /r", feature="bmi2"
)
PDEPQ: Final = inst(
    "pdepq", "pdep w:r64, r:r64, r:r/m64", "VEX.LZ.F2.0F38.W1 F5 /r", feature="bmi2"
)
PEXTQ: Final = inst(
    "pextq", "pext w:r64, r:r64, r:r/m64", "VEX.LZ.F3.0F38.W1 F5 /r", feature="bmi2"
)
RORXQ: Final = inst(
    "rorxq", "rorx w:r64, r:r/m64, r:imm8", "VEX.LZ.F2.0F3A.W1 F0 /r ib", feature="bmi2"
)
MULXQ: Final = inst(
    "mulxq", "mulx w:r64, w:r64, r:r/m64, r:rdx", "VEX.LZ.F2.0F38.W1 F6 /r", feature="bmi2"
)

# Moves

MOVB_RM: Final = inst("movb_rm", "mov w:r8, r:r/m8", "8A /r")
MOVB_MR: Final = inst("movb_mr", "mov w:r/m8, r:r8", "88 /r")
MOVB_MI: Final = inst("movb_mi", "mov w:r/m8, r:imm8", "C6 /0 ib")
MOVW_RM: Final = inst("movw_rm", "mov w:r16, r:r/m16", "66 8B /r")
MOVW_MR: Final = inst("movw_mr", "mov w:r/m16, r:r16", "66 89 /r")
MOVW_MI: Final = inst("movw_mi", "mov w:r/m16, r:imm16", "66 C7 /0 iw")
MOVL_RM: Final = inst("movl_rm", "mov w:r32, r:r/m32", "8B /r")
MOVL_MR: Final = inst("movl_mr", "mov w:r/m32, r:r32", "89 /r")
MOVL_MI: Final = inst("movl_mi", "mov w:r/m32, r:imm32", "C7 /0 id")
MOVQ_RM: Final = inst("movq_rm", "mov w:r64, r:r/m64", "REX.W + 8B /r")
MOVQ_MR: Final = inst("movq_mr", "mov w:r/m64, r:r64", "REX.W + 89 /r")
MOVQ_MI: Final = inst("movq_mi", "mov w:r/m64, r:imm32", "REX.W + C7 /0 id")
MOVL_RI: Final = inst("movl_ri", "mov w:r32, r:imm32", "B8+rd id")
MOVABS: Final = inst("movabs", "movabs w:r64, r:imm64", "REX.W + B8+ro io")
MOVZX_BW: Final = inst("movzx_bw", "movzx w:r16, r:r/m8", "66 0F B6 /r")
MOVZX_BL: Final = inst("movzx_bl", "movzx w:r32, r:r/m8", "0F B6 /r")
MOVZX_BQ: Final = inst("movzx_bq", "movzx w:r64, r:r/m8", "REX.W + 0F B6 /r")
MOVZX_WL: Final = inst("movzx_wl", "movzx w:r32, r:r/m16", "0F B7 /r")
MOVZX_WQ: Final = inst("movzx_wq", "movzx w:r64, r:r/m16", "REX.W + 0F B7 /r")
MOVSX_BW: Final = inst("movsx_bw", "movsx w:r16, r:r/m8", "66 0F BE /r")
MOVSX_BL: Final = inst("movsx_bl", "movsx w:r32, r:r/m8", "0F BE /r")
MOVSX_BQ: Final = inst("movsx_bq", "movsx w:r64, r:r/m8", "REX.W + 0F BE /r")
MOVSX_WL: Final = inst("movsx_wl", "movsx w:r32, r:r/m16", "0F BF /r")
MOVSX_WQ: Final = inst("movsx_wq", "movsx w:r64, r:r/m16", "REX.W + 0F BF /r")
MOVSXD: Final = inst("movsxd", "movsxd w:r64, r:r/m32", "REX.W + 63 /r")
LEAL: Final = inst("leal", "lea w:r32, r:m", "8D /r")
LEAQ: Final = inst("leaq", "lea w:r64, r:m", "REX.W + 8D /r")
MOVBEW_RM: Final = inst("movbew_rm", "movbe w:r16, r:m16", "66 0F 38 F0 /r", feature="movbe")
MOVBEW_MR: Final = inst("movbew_mr", "movbe w:m16, r:r16", "66 0F 38 F1 /r", feature="movbe")
MOVBEL_RM: Final = inst("movbel_rm", "movbe w:r32, r:m32", "0F 38 F0 /r", feature="movbe")
MOVBEL_MR: Final = inst("movbel_mr", "movbe w:m32, r:r32", "0F 38 F1 /r", feature="movbe")
MOVBEQ_RM: Final = inst("movbeq_rm", "movbe w:r64, r:m64", "REX.W + 0F 38 F0 /r", feature="movbe")
MOVBEQ_MR: Final = inst("movbeq_mr", "movbe w:m64, r:r64", "REX.W + 0F 38 F1 /r", feature="movbe")
XCHGB: Final = inst("xchgb", "xchg rw:r/m8, rw:r8", "86 /r")
XCHGW: Final = inst("xchgw", "xchg rw:r/m16, rw:r16", "66 87 /r")
XCHGL: Final = inst("xchgl", "xchg rw:r/m32, rw:r32", "87 /r")
XCHGQ: Final = inst("xchgq", "xchg rw:r/m64, rw:r64", "REX.W + 87 /r")
CMOVOW: Final = inst("cmovow", "cmovo rw:r16, r:r/m16", "66 0F 40 /r")
CMOVOL: Final = inst("cmovol", "cmovo rw:r32, r:r/m32", "0F 40 /r")
CMOVOQ: Final = inst("cmovoq", "cmovo rw:r64, r:r/m64", "REX.W + 0F 40 /r")
CMOVNOW: Final = inst("cmovnow", "cmovno rw:r16, r:r/m16", "66 0F 41 /r")
CMOVNOL: Final = inst("cmovnol", "cmovno rw:r32, r:r/m32", "0F 41 /r")
CMOVNOQ: Final = inst("cmovnoq", "cmovno rw:r64, r:r/m64", "REX.W + 0F 41 /r")
CMOVBW: Final = inst("cmovbw", "cmovb rw:r16, r:r/m16", "66 0F 42 /r")
CMOVBL: Final = inst("cmovbl", "cmovb rw:r32, r:r/m32", "0F 42 /r")
CMOVBQ: Final = inst("cmovbq", "cmovb rw:r64, r:r/m64", "REX.W + 0F 42 /r")
CMOVAEW: Final = inst("cmovaew", "cmovae rw:r16, r:r/m16", "66 0F 43 /r")
CMOVAEL: Final = inst("cmovael", "cmovae rw:r32, r:r/m32", "0F 43 /r")
CMOVAEQ: Final = inst("cmovaeq", "cmovae rw:r64, r:r/m64", "REX.W + 0F 43 /r")
CMOVEW: Final = inst("cmovew", "cmove rw:r16, r:r/m16", "66 0F 44 /r")
CMOVEL: Final = inst("cmovel", "cmove rw:r32, r:r/m32", "0F 44 /r")
CMOVEQ: Final = inst("cmoveq", "cmove rw:r64, r:r/m64", "REX.W + 0F 44 /r")
CMOVNEW: Final = inst("cmovnew", "cmovne rw:r16, r:r/m16", "66 0F 45 /r")
CMOVNEL: Final = inst("cmovnel", "cmovne rw:r32, r:r/m32", "0F 45 /r")
CMOVNEQ: Final = inst("cmovneq", "cmovne rw:r64, r:r/m64", "REX.W + 0F 45 /r")
CMOVBEW: Final = inst("cmovbew", "cmovbe rw:r16, r:r/m16", "66 0F 46 /r")
CMOVBEL: Final = inst("cmovbel", "cmovbe rw:r32, r:r/m32", "0F 46 /r")
CMOVBEQ: Final = inst("cmovbeq", "cmovbe rw:r64, r:r/m64", "REX.W + 0F 46 /r")
CMOVAW: Final = inst("cmovaw", "cmova rw:r16, r:r/m16", "66 0F 47 /r")
CMOVAL: Final = inst("cmoval", "cmova rw:r32, r:r/m32", "0F 47 /r")
CMOVAQ: Final = inst("cmovaq", "cmova rw:r64, r:r/m64", "REX.W + 0F 47 /r")
CMOVSW: Final = inst("cmovsw", "cmovs rw:r16, r:r/m16", "66 0F 48 /r")
CMOVSL: Final = inst("cmovsl", "cmovs rw:r32, r:r/m32", "0F 48 /r")
CMOVSQ: Final = inst("cmovsq", "cmovs rw:r64, r:r/m64", "REX.W + 0F 48 /r")
CMOVNSW: Final = inst("cmovnsw", "cmovns rw:r16, r:r/m16", "66 0F 49 /r")
CMOVNSL: Final = inst("cmovnsl", "cmovns rw:r32, r:r/m32", "0F 49 /r")
CMOVNSQ: Final = inst("cmovnsq", "cmovns rw:r64, r:r/m64", "REX.W + 0F 49 /r")
CMOVPW: Final = inst("cmovpw", "cmovp rw:r16, r:r/m16", "66 0F 4A /r")
CMOVPL: Final = inst("cmovpl", "cmovp rw:r32, r:r/m32", "0F 4A /r")
CMOVPQ: Final = inst("cmovpq", "cmovp rw:r64, r:r/m64", "REX.W + 0F 4A /r")
CMOVNPW: Final = inst("cmovnpw", "cmovnp rw:r16, r:r/m16", "66 0F 4B /r")
CMOVNPL: Final = inst("cmovnpl", "cmovnp rw:r32, r:r/m32", "0F 4B /r")
CMOVNPQ: Final = inst("cmovnpq", "cmovnp rw:r64, r:r/m64", "REX.W + 0F 4B /r")
CMOVLW: Final = inst("cmovlw", "cmovl rw:r16, r:r/m16", "66 0F 4C /r")
CMOVLL: Final = inst("cmovll", "cmovl rw:r32, r:r/m32", "0F 4C /r")
CMOVLQ: Final = inst("cmovlq", "cmovl rw:r64, r:r/m64", "REX.W + 0F 4C /r")
CMOVGEW: Final = inst("cmovgew", "cmovge rw:r16, r:r/m16", "66 0F 4D /r")
CMOVGEL: Final = inst("cmovgel", "cmovge rw:r32, r:r/m32", "0F 4D /r")
CMOVGEQ: Final = inst("cmovgeq", "cmovge rw:r64, r:r/m64", "REX.W + 0F 4D /r")
CMOVLEW: Final = inst("cmovlew", "cmovle rw:r16, r:r/m16", "66 0F 4E /r")
CMOVLEL: Final = inst("cmovlel", "cmovle rw:r32, r:r/m32", "0F 4E /r")
CMOVLEQ: Final = inst("cmovleq", "cmovle rw:r64, r:r/m64", "REX.W + 0F 4E /r")
CMOVGW: Final = inst("cmovgw", "cmovg rw:r16, r:r/m16", "66 0F 4F /r")
CMOVGL: Final = inst("cmovgl", "cmovg rw:r32, r:r/m32", "0F 4F /r")
CMOVGQ: Final = inst("cmovgq", "cmovg rw:r64, r:r/m64", "REX.W + 0F 4F /r")
SETO: Final = inst("seto", "seto w:r/m8", "0F 90 /0")
SETNO: Final = inst("setno", "setno w:r/m8", "0F 91 /0")
SETB: Final = inst("setb", "setb w:r/m8", "0F 92 /0")
SETAE: Final = inst("setae", "setae w:r/m8", "0F 93 /0")
SETE: Final = inst("sete", "sete w:r/m8", "0F 94 /0")
SETNE: Final = inst("setne", "setne w:r/m8", "0F 95 /0")
SETBE: Final = inst("setbe", "setbe w:r/m8", "0F 96 /0")
SETA: Final = inst("seta", "seta w:r/m8", "0F 97 /0")
SETS: Final = inst("sets", "sets w:r/m8", "0F 98 /0")
SETNS: Final = inst("setns", "setns w:r/m8", "0F 99 /0")
SETP: Final = inst("setp", "setp w:r/m8", "0F 9A /0")
SETNP: Final = inst("setnp", "setnp w:r/m8", "0F 9B /0")
SETL: Final = inst("setl", "setl w:r/m8", "0F 9C /0")
SETGE: Final = inst("setge", "setge w:r/m8", "0F 9D /0")
SETLE: Final = inst("setle", "setle w:r/m8", "0F 9E /0")
SETG: Final = inst("setg", "setg w:r/m8", "0F 9F /0")
PUSHQ: Final = inst("pushq", "push r:r64", "50+ro")
POPQ: Final = inst("popq", "pop w:r64", "58+ro")
PUSHQ_M: Final = inst("pushq_m", "push r:r/m64", "FF /6")
POPQ_M: Final = inst("popq_m", "pop w:r/m64", "8F /0")
PUSHQ_I: Final = inst("pushq_i", "push r:imm32", "68 id")
PUSHFQ: Final = inst("pushfq", "pushfq", "9C")
POPFQ: Final = inst("popfq", "popfq", "9D")

# Atomic read-modify-write

LOCK_XADDB: Final = inst("lock_xaddb", "lock xadd rw:m8, rw:r8", "F0 0F C0 /r")
LOCK_CMPXCHGB: Final = inst("lock_cmpxchgb", "lock cmpxchg rw:m8, r:r8, rw:al", "F0 0F B0 /r")
LOCK_ADDB: Final = inst("lock_addb", "lock add rw:m8, r:r8", "F0 00 /r")
LOCK_ORB: Final = inst("lock_orb", "lock or rw:m8, r:r8", "F0 08 /r")
LOCK_ANDB: Final = inst("lock_andb", "lock and rw:m8, r:r8", "F0 20 /r")
LOCK_SUBB: Final = inst("lock_subb", "lock sub rw:m8, r:r8", "F0 28 /r")
LOCK_XORB: Final = inst("lock_xorb", "lock xor rw:m8, r:r8", "F0 30 /r")
LOCK_XADDW: Final = inst("lock_xaddw", "lock xadd rw:m16, rw:r16", "66 F0 0F C1 /r")
LOCK_CMPXCHGW: Final = inst("lock_cmpxchgw", "lock cmpxchg rw:m16, r:r16, rw:ax", "66 F0 0F B1 /r")
LOCK_ADDW: Final = inst("lock_addw", "lock add rw:m16, r:r16", "66 F0 01 /r")
LOCK_ORW: Final = inst("lock_orw", "lock or rw:m16, r:r16", "66 F0 09 /r")
LOCK_ANDW: Final = inst("lock_andw", "lock and rw:m16, r:r16", "66 F0 21 /r")
LOCK_SUBW: Final = inst("lock_subw", "lock sub rw:m16, r:r16", "66 F0 29 /r")
LOCK_XORW: Final = inst("lock_xorw", "lock xor rw:m16, r:r16", "66 F0 31 /r")
LOCK_XADDL: Final = inst("lock_xaddl", "lock xadd rw:m32, rw:r32", "F0 0F C1 /r")
LOCK_CMPXCHGL: Final = inst("lock_cmpxchgl", "lock cmpxchg rw:m32, r:r32, rw:eax", "F0 0F B1 /r")
LOCK_ADDL: Final = inst("lock_addl", "lock add rw:m32, r:r32", "F0 01 /r")
LOCK_ORL: Final = inst("lock_orl", "lock or rw:m32, r:r32", "F0 09 /r")
LOCK_ANDL: Final = inst("lock_andl", "lock and rw:m32, r:r32", "F0 21 /r")
LOCK_SUBL: Final = inst("lock_subl", "lock sub rw:m32, r:r32", "F0 29 /r")
LOCK_XORL: Final = inst("lock_xorl", "lock xor rw:m32, r:r32", "F0 31 /r")
LOCK_XADDQ: Final = inst("lock_xaddq", "lock xadd rw:m64, rw:r64", "F0 REX.W + 0F C1 /r")
LOCK_CMPXCHGQ: Final = inst(
    "lock_cmpxchgq", "lock cmpxchg rw:m64, r:r64, rw:rax", "F0 REX.W + 0F B1 /r"
)
LOCK_ADDQ: Final = inst("lock_addq", "lock add rw:m64, r:r64", "F0 REX.W + 01 /r")
LOCK_ORQ: Final = inst("lock_orq", "lock or rw:m64, r:r64", "F0 REX.W + 09 /r")
LOCK_ANDQ: Final = inst("lock_andq", "lock and rw:m64, r:r64", "F0 REX.W + 21 /r")
LOCK_SUBQ: Final = inst("lock_subq", "lock sub rw:m64, r:r64", "F0 REX.W + 29 /r")
LOCK_XORQ: Final = inst("lock_xorq", "lock xor rw:m64, r:r64", "F0 REX.W + 31 /r")
LOCK_CMPXCHG8B: Final = inst(
    "lock_cmpxchg8b", "lock cmpxchg8b rw:m64, rw:eax, rw:edx, r:ebx, r:ecx", "F0 0F C7 /1"
)
LOCK_CMPXCHG16B: Final = inst(
    "lock_cmpxchg16b",
    "lock cmpxchg16b rw:m128, rw:rax, rw:rdx, r:rbx, r:rcx",
    "F0 REX.W + 0F C7 /1",
    feature="cmpxchg16b",
)
MFENCE: Final = inst("mfence", "mfence", "0F AE F0")
LFENCE: Final = inst("lfence", "lfence", "0F AE E8")
SFENCE: Final = inst("sfence", "sfence", "0F AE F8")

# Control

JO: Final = inst("jo", "jo r:rel32", "0F 80 cd")
JNO: Final = inst("jno", "jno r:rel32", "0F 81 cd")
JB: Final = inst("jb", "jb r:rel32", "0F 82 cd")
JAE: Final = inst("jae", "jae r:rel32", "0F 83 cd")
JE: Final = inst("je", "je r:rel32", "0F 84 cd")
JNE: Final = inst("jne", "jne r:rel32", "0F 85 cd")
JBE: Final = inst("jbe", "jbe r:rel32", "0F 86 cd")
JA: Final = inst("ja", "ja r:rel32", "0F 87 cd")
JS: Final = inst("js", "js r:rel32", "0F 88 cd")
JNS: Final = inst("jns", "jns r:rel32", "0F 89 cd")
JP: Final = inst("jp", "jp r:rel32", "0F 8A cd")
JNP: Final = inst("jnp", "jnp r:rel32", "0F 8B cd")
JL: Final = inst("jl", "jl r:rel32", "0F 8C cd")
JGE: Final = inst("jge", "jge r:rel32", "0F 8D cd")
JLE: Final = inst("jle", "jle r:rel32", "0F 8E cd")
JG: Final = inst("jg", "jg r:rel32", "0F 8F cd")
JO_SHORT: Final = inst("jo_short", "jo r:rel8", "70 cb")
JNO_SHORT: Final = inst("jno_short", "jno r:rel8", "71 cb")
JB_SHORT: Final = inst("jb_short", "jb r:rel8", "72 cb")
JAE_SHORT: Final = inst("jae_short", "jae r:rel8", "73 cb")
JE_SHORT: Final = inst("je_short", "je r:rel8", "74 cb")
JNE_SHORT: Final = inst("jne_short", "jne r:rel8", "75 cb")
JBE_SHORT: Final = inst("jbe_short", "jbe r:rel8", "76 cb")
JA_SHORT: Final = inst("ja_short", "ja r:rel8", "77 cb")
JS_SHORT: Final = inst("js_short", "js r:rel8", "78 cb")
JNS_SHORT: Final = inst("jns_short", "jns r:rel8", "79 cb")
JP_SHORT: Final = inst("jp_short", "jp r:rel8", "7A cb")
JNP_SHORT: Final = inst("jnp_short", "jnp r:rel8", "7B cb")
JL_SHORT: Final = inst("jl_short", "jl r:rel8", "7C cb")
JGE_SHORT: Final = inst("jge_short", "jge r:rel8", "7D cb")
JLE_SHORT: Final = inst("jle_short", "jle r:rel8", "7E cb")
JG_SHORT: Final = inst("jg_short", "jg r:rel8", "7F cb")
JMP: Final = inst("jmp", "jmp r:rel32", "E9 cd")
JMP_SHORT: Final = inst("jmp_short", "jmp r:rel8", "EB cb")
JMP_M: Final = inst("jmp_m", "jmp r:r/m64", "FF /4")
CALL: Final = inst("call", "call r:rel32", "E8 cd")
CALL_M: Final = inst("call_m", "call r:r/m64", "FF /2")
RET: Final = inst("ret", "ret", "C3")
RET_I: Final = inst("ret_i", "ret r:imm16", "C2 iw")
UD2: Final = inst("ud2", "ud2", "0F 0B", traps=True)
INT3: Final = inst("int3", "int3", "CC", traps=True)
ENDBR64: Final = inst("endbr64", "endbr64", "F3 0F 1E FA")
NOP: Final = inst("nop", "nop", "90")
NOPL_M: Final = inst("nopl_m", "nop r:r/m32", "0F 1F /0")
PAUSE: Final = inst("pause", "pause", "F3 90")
SYSCALL: Final = inst("syscall", "syscall rw:rax, w:rcx, w:r11", "0F 05")
CPUID: Final = inst("cpuid", "cpuid rw:eax, w:ebx, rw:ecx, w:edx", "0F A2")
RDTSC: Final = inst("rdtsc", "rdtsc w:eax, w:edx", "0F 31")
RDTSCP: Final = inst("rdtscp", "rdtscp w:eax, w:ecx, w:edx", "0F 01 F9")
XGETBV: Final = inst("xgetbv", "xgetbv w:eax, r:ecx, w:edx", "0F 01 D0")
REP_MOVSB: Final = inst("rep_movsb", "rep movsb rw:rdi, rw:rsi, rw:rcx", "F3 A4")
REP_STOSB: Final = inst("rep_stosb", "rep stosb rw:rdi, rw:rcx, r:al", "F3 AA")
REP_MOVSQ: Final = inst("rep_movsq", "rep movsq rw:rdi, rw:rsi, rw:rcx", "F3 REX.W + A5")
REP_STOSQ: Final = inst("rep_stosq", "rep stosq rw:rdi, rw:rcx, r:rax", "F3 REX.W + AB")

# Scalar floats: SSE2 and SSE4.1, then AVX

MOVSS_RR: Final = inst("movss_rr", "movss rw:xmm1, r:xmm2", "F3 0F 10 /r")
MOVSS_RM: Final = inst("movss_rm", "movss w:xmm1, r:m32", "F3 0F 10 /r")
MOVSS_MR: Final = inst("movss_mr", "movss w:m32, r:xmm1", "F3 0F 11 /r")
ADDSS: Final = inst("addss", "addss rw:xmm1, r:xmm2/m32", "F3 0F 58 /r")
MULSS: Final = inst("mulss", "mulss rw:xmm1, r:xmm2/m32", "F3 0F 59 /r")
SUBSS: Final = inst("subss", "subss rw:xmm1, r:xmm2/m32", "F3 0F 5C /r")
MINSS: Final = inst("minss", "minss rw:xmm1, r:xmm2/m32", "F3 0F 5D /r")
DIVSS: Final = inst("divss", "divss rw:xmm1, r:xmm2/m32", "F3 0F 5E /r")
MAXSS: Final = inst("maxss", "maxss rw:xmm1, r:xmm2/m32", "F3 0F 5F /r")
SQRTSS: Final = inst("sqrtss", "sqrtss rw:xmm1, r:xmm2/m32", "F3 0F 51 /r")
CMPSS: Final = inst("cmpss", "cmpss rw:xmm1, r:xmm2/m32, r:imm8", "F3 0F C2 /r ib")
UCOMISS: Final = inst("ucomiss", "ucomiss r:xmm1, r:xmm2/m32", "0F 2E /r")
COMISS: Final = inst("comiss", "comiss r:xmm1, r:xmm2/m32", "0F 2F /r")
ROUNDSS: Final = inst(
    "roundss", "roundss rw:xmm1, r:xmm2/m32, r:imm8", "66 0F 3A 0A /r ib", feature="sse41"
)
CVTSI2SSL: Final = inst("cvtsi2ssl", "cvtsi2ss rw:xmm1, r:r/m32", "F3 0F 2A /r")
CVTTSS2SIL: Final = inst("cvttss2sil", "cvttss2si w:r32, r:xmm1/m32", "F3 0F 2C /r")
CVTSS2SIL: Final = inst("cvtss2sil", "cvtss2si w:r32, r:xmm1/m32", "F3 0F 2D /r")
CVTSI2SSQ: Final = inst("cvtsi2ssq", "cvtsi2ss rw:xmm1, r:r/m64", "F3 REX.W + 0F 2A /r")
CVTTSS2SIQ: Final = inst("cvttss2siq", "cvttss2si w:r64, r:xmm1/m32", "F3 REX.W + 0F 2C /r")
CVTSS2SIQ: Final = inst("cvtss2siq", "cvtss2si w:r64, r:xmm1/m32", "F3 REX.W + 0F 2D /r")
MOVSD_RR: Final = inst("movsd_rr", "movsd rw:xmm1, r:xmm2", "F2 0F 10 /r")
MOVSD_RM: Final = inst("movsd_rm", "movsd w:xmm1, r:m64", "F2 0F 10 /r")
MOVSD_MR: Final = inst("movsd_mr", "movsd w:m64, r:xmm1", "F2 0F 11 /r")
ADDSD: Final = inst("addsd", "addsd rw:xmm1, r:xmm2/m64", "F2 0F 58 /r")
MULSD: Final = inst("mulsd", "mulsd rw:xmm1, r:xmm2/m64", "F2 0F 59 /r")
SUBSD: Final = inst("subsd", "subsd rw:xmm1, r:xmm2/m64", "F2 0F 5C /r")
MINSD: Final = inst("minsd", "minsd rw:xmm1, r:xmm2/m64", "F2 0F 5D /r")
DIVSD: Final = inst("divsd", "divsd rw:xmm1, r:xmm2/m64", "F2 0F 5E /r")
MAXSD: Final = inst("maxsd", "maxsd rw:xmm1, r:xmm2/m64", "F2 0F 5F /r")
SQRTSD: Final = inst("sqrtsd", "sqrtsd rw:xmm1, r:xmm2/m64", "F2 0F 51 /r")
CMPSD: Final = inst("cmpsd", "cmpsd rw:xmm1, r:xmm2/m64, r:imm8", "F2 0F C2 /r ib")
UCOMISD: Final = inst("ucomisd", "ucomisd r:xmm1, r:xmm2/m64", "66 0F 2E /r")
COMISD: Final = inst("comisd", "comisd r:xmm1, r:xmm2/m64", "66 0F 2F /r")
ROUNDSD: Final = inst(
    "roundsd", "roundsd rw:xmm1, r:xmm2/m64, r:imm8", "66 0F 3A 0B /r ib", feature="sse41"
)
CVTSI2SDL: Final = inst("cvtsi2sdl", "cvtsi2sd rw:xmm1, r:r/m32", "F2 0F 2A /r")
CVTTSD2SIL: Final = inst("cvttsd2sil", "cvttsd2si w:r32, r:xmm1/m64", "F2 0F 2C /r")
CVTSD2SIL: Final = inst("cvtsd2sil", "cvtsd2si w:r32, r:xmm1/m64", "F2 0F 2D /r")
CVTSI2SDQ: Final = inst("cvtsi2sdq", "cvtsi2sd rw:xmm1, r:r/m64", "F2 REX.W + 0F 2A /r")
CVTTSD2SIQ: Final = inst("cvttsd2siq", "cvttsd2si w:r64, r:xmm1/m64", "F2 REX.W + 0F 2C /r")
CVTSD2SIQ: Final = inst("cvtsd2siq", "cvtsd2si w:r64, r:xmm1/m64", "F2 REX.W + 0F 2D /r")
CVTSS2SD: Final = inst("cvtss2sd", "cvtss2sd rw:xmm1, r:xmm2/m32", "F3 0F 5A /r")
CVTSD2SS: Final = inst("cvtsd2ss", "cvtsd2ss rw:xmm1, r:xmm2/m64", "F2 0F 5A /r")
MOVD_XR: Final = inst("movd_xr", "movd w:xmm1, r:r/m32", "66 0F 6E /r")
MOVD_RX: Final = inst("movd_rx", "movd w:r/m32, r:xmm1", "66 0F 7E /r")
MOVQ_XR: Final = inst("movq_xr", "movq w:xmm1, r:r/m64", "66 REX.W + 0F 6E /r")
MOVQ_RX: Final = inst("movq_rx", "movq w:r/m64, r:xmm1", "66 REX.W + 0F 7E /r")
MOVQ_XX: Final = inst("movq_xx", "movq w:xmm1, r:xmm2/m64", "F3 0F 7E /r")
VMOVSS_RR: Final = inst(
    "vmovss_rr", "vmovss w:xmm1, r:xmm2, r:xmm3", "VEX.LIG.F3.0F.WIG 10 /r", feature="avx"
)
VMOVSS_RM: Final = inst(
    "vmovss_rm", "vmovss w:xmm1, r:m32", "VEX.LIG.F3.0F.WIG 10 /r", feature="avx"
)
VMOVSS_MR: Final = inst(
    "vmovss_mr", "vmovss w:m32, r:xmm1", "VEX.LIG.F3.0F.WIG 11 /r", feature="avx"
)
VADDSS: Final = inst(
    "vaddss", "vaddss w:xmm1, r:xmm2, r:xmm3/m32", "VEX.LIG.F3.0F.WIG 58 /r", feature="avx"
)
VMULSS: Final = inst(
    "vmulss", "vmulss w:xmm1, r:xmm2, r:xmm3/m32", "VEX.LIG.F3.0F.WIG 59 /r", feature="avx"
)
VSUBSS: Final = inst(
    "vsubss", "vsubss w:xmm1, r:xmm2, r:xmm3/m32", "VEX.LIG.F3.0F.WIG 5C /r", feature="avx"
)
VMINSS: Final = inst(
    "vminss", "vminss w:xmm1, r:xmm2, r:xmm3/m32", "VEX.LIG.F3.0F.WIG 5D /r", feature="avx"
)
VDIVSS: Final = inst(
    "vdivss", "vdivss w:xmm1, r:xmm2, r:xmm3/m32", "VEX.LIG.F3.0F.WIG 5E /r", feature="avx"
)
VMAXSS: Final = inst(
    "vmaxss", "vmaxss w:xmm1, r:xmm2, r:xmm3/m32", "VEX.LIG.F3.0F.WIG 5F /r", feature="avx"
)
VSQRTSS: Final = inst(
    "vsqrtss", "vsqrtss w:xmm1, r:xmm2, r:xmm3/m32", "VEX.LIG.F3.0F.WIG 51 /r", feature="avx"
)
VCMPSS: Final = inst(
    "vcmpss",
    "vcmpss w:xmm1, r:xmm2, r:xmm3/m32, r:imm8",
    "VEX.LIG.F3.0F.WIG C2 /r ib",
    feature="avx",
)
VUCOMISS: Final = inst(
    "vucomiss", "vucomiss r:xmm1, r:xmm2/m32", "VEX.LIG.0F.WIG 2E /r", feature="avx"
)
VCOMISS: Final = inst(
    "vcomiss", "vcomiss r:xmm1, r:xmm2/m32", "VEX.LIG.0F.WIG 2F /r", feature="avx"
)
VROUNDSS: Final = inst(
    "vroundss",
    "vroundss w:xmm1, r:xmm2, r:xmm3/m32, r:imm8",
    "VEX.LIG.66.0F3A.WIG 0A /r ib",
    feature="avx",
)
VCVTSI2SSL: Final = inst(
    "vcvtsi2ssl", "vcvtsi2ss w:xmm1, r:xmm2, r:r/m32", "VEX.LIG.F3.0F.W0 2A /r", feature="avx"
)
VCVTTSS2SIL: Final = inst(
    "vcvttss2sil", "vcvttss2si w:r32, r:xmm1/m32", "VEX.LIG.F3.0F.W0 2C /r", feature="avx"
)
VCVTSI2SSQ: Final = inst(
    "vcvtsi2ssq", "vcvtsi2ss w:xmm1, r:xmm2, r:r/m64", "VEX.LIG.F3.0F.W1 2A /r", feature="avx"
)
VCVTTSS2SIQ: Final = inst(
    "vcvttss2siq", "vcvttss2si w:r64, r:xmm1/m32", "VEX.LIG.F3.0F.W1 2C /r", feature="avx"
)
VMOVSD_RR: Final = inst(
    "vmovsd_rr", "vmovsd w:xmm1, r:xmm2, r:xmm3", "VEX.LIG.F2.0F.WIG 10 /r", feature="avx"
)
VMOVSD_RM: Final = inst(
    "vmovsd_rm", "vmovsd w:xmm1, r:m64", "VEX.LIG.F2.0F.WIG 10 /r", feature="avx"
)
VMOVSD_MR: Final = inst(
    "vmovsd_mr", "vmovsd w:m64, r:xmm1", "VEX.LIG.F2.0F.WIG 11 /r", feature="avx"
)
VADDSD: Final = inst(
    "vaddsd", "vaddsd w:xmm1, r:xmm2, r:xmm3/m64", "VEX.LIG.F2.0F.WIG 58 /r", feature="avx"
)
VMULSD: Final = inst(
    "vmulsd", "vmulsd w:xmm1, r:xmm2, r:xmm3/m64", "VEX.LIG.F2.0F.WIG 59 /r", feature="avx"
)
VSUBSD: Final = inst(
    "vsubsd", "vsubsd w:xmm1, r:xmm2, r:xmm3/m64", "VEX.LIG.F2.0F.WIG 5C /r", feature="avx"
)
VMINSD: Final = inst(
    "vminsd", "vminsd w:xmm1, r:xmm2, r:xmm3/m64", "VEX.LIG.F2.0F.WIG 5D /r", feature="avx"
)
VDIVSD: Final = inst(
    "vdivsd", "vdivsd w:xmm1, r:xmm2, r:xmm3/m64", "VEX.LIG.F2.0F.WIG 5E /r", feature="avx"
)
VMAXSD: Final = inst(
    "vmaxsd", "vmaxsd w:xmm1, r:xmm2, r:xmm3/m64", "VEX.LIG.F2.0F.WIG 5F /r", feature="avx"
)
VSQRTSD: Final = inst(
    "vsqrtsd", "vsqrtsd w:xmm1, r:xmm2, r:xmm3/m64", "VEX.LIG.F2.0F.WIG 51 /r", feature="avx"
)
VCMPSD: Final = inst(
    "vcmpsd",
    "vcmpsd w:xmm1, r:xmm2, r:xmm3/m64, r:imm8",
    "VEX.LIG.F2.0F.WIG C2 /r ib",
    feature="avx",
)
VUCOMISD: Final = inst(
    "vucomisd", "vucomisd r:xmm1, r:xmm2/m64", "VEX.LIG.66.0F.WIG 2E /r", feature="avx"
)
VCOMISD: Final = inst(
    "vcomisd", "vcomisd r:xmm1, r:xmm2/m64", "VEX.LIG.66.0F.WIG 2F /r", feature="avx"
)
VROUNDSD: Final = inst(
    "vroundsd",
    "vroundsd w:xmm1, r:xmm2, r:xmm3/m64, r:imm8",
    "VEX.LIG.66.0F3A.WIG 0B /r ib",
    feature="avx",
)
VCVTSI2SDL: Final = inst(
    "vcvtsi2sdl", "vcvtsi2sd w:xmm1, r:xmm2, r:r/m32", "VEX.LIG.F2.0F.W0 2A /r", feature="avx"
)
VCVTTSD2SIL: Final = inst(
    "vcvttsd2sil", "vcvttsd2si w:r32, r:xmm1/m64", "VEX.LIG.F2.0F.W0 2C /r", feature="avx"
)
VCVTSI2SDQ: Final = inst(
    "vcvtsi2sdq", "vcvtsi2sd w:xmm1, r:xmm2, r:r/m64", "VEX.LIG.F2.0F.W1 2A /r", feature="avx"
)
VCVTTSD2SIQ: Final = inst(
    "vcvttsd2siq", "vcvttsd2si w:r64, r:xmm1/m64", "VEX.LIG.F2.0F.W1 2C /r", feature="avx"
)
VCVTSS2SD: Final = inst(
    "vcvtss2sd", "vcvtss2sd w:xmm1, r:xmm2, r:xmm3/m32", "VEX.LIG.F3.0F.WIG 5A /r", feature="avx"
)
VCVTSD2SS: Final = inst(
    "vcvtsd2ss", "vcvtsd2ss w:xmm1, r:xmm2, r:xmm3/m64", "VEX.LIG.F2.0F.WIG 5A /r", feature="avx"
)
VMOVD_XR: Final = inst("vmovd_xr", "vmovd w:xmm1, r:r/m32", "VEX.128.66.0F.W0 6E /r", feature="avx")
VMOVD_RX: Final = inst("vmovd_rx", "vmovd w:r/m32, r:xmm1", "VEX.128.66.0F.W0 7E /r", feature="avx")
VMOVQ_XR: Final = inst("vmovq_xr", "vmovq w:xmm1, r:r/m64", "VEX.128.66.0F.W1 6E /r", feature="avx")
VMOVQ_RX: Final = inst("vmovq_rx", "vmovq w:r/m64, r:xmm1", "VEX.128.66.0F.W1 7E /r", feature="avx")

# Fused multiply and add

VFMADD132SS: Final = inst(
    "vfmadd132ss",
    "vfmadd132ss rw:xmm1, r:xmm2, r:xmm3/m32",
    "VEX.LIG.66.0F38.W0 99 /r",
    feature="fma",
)
VFMADD132SD: Final = inst(
    "vfmadd132sd",
    "vfmadd132sd rw:xmm1, r:xmm2, r:xmm3/m64",
    "VEX.LIG.66.0F38.W1 99 /r",
    feature="fma",
)
VFMADD132PS: Final = inst(
    "vfmadd132ps",
    "vfmadd132ps rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W0 98 /r",
    feature="fma",
)
VFMADD132PD: Final = inst(
    "vfmadd132pd",
    "vfmadd132pd rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W1 98 /r",
    feature="fma",
)
VFMADD213SS: Final = inst(
    "vfmadd213ss",
    "vfmadd213ss rw:xmm1, r:xmm2, r:xmm3/m32",
    "VEX.LIG.66.0F38.W0 A9 /r",
    feature="fma",
)
VFMADD213SD: Final = inst(
    "vfmadd213sd",
    "vfmadd213sd rw:xmm1, r:xmm2, r:xmm3/m64",
    "VEX.LIG.66.0F38.W1 A9 /r",
    feature="fma",
)
VFMADD213PS: Final = inst(
    "vfmadd213ps",
    "vfmadd213ps rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W0 A8 /r",
    feature="fma",
)
VFMADD213PD: Final = inst(
    "vfmadd213pd",
    "vfmadd213pd rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W1 A8 /r",
    feature="fma",
)
VFMADD231SS: Final = inst(
    "vfmadd231ss",
    "vfmadd231ss rw:xmm1, r:xmm2, r:xmm3/m32",
    "VEX.LIG.66.0F38.W0 B9 /r",
    feature="fma",
)
VFMADD231SD: Final = inst(
    "vfmadd231sd",
    "vfmadd231sd rw:xmm1, r:xmm2, r:xmm3/m64",
    "VEX.LIG.66.0F38.W1 B9 /r",
    feature="fma",
)
VFMADD231PS: Final = inst(
    "vfmadd231ps",
    "vfmadd231ps rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W0 B8 /r",
    feature="fma",
)
VFMADD231PD: Final = inst(
    "vfmadd231pd",
    "vfmadd231pd rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W1 B8 /r",
    feature="fma",
)
VFMSUB132SS: Final = inst(
    "vfmsub132ss",
    "vfmsub132ss rw:xmm1, r:xmm2, r:xmm3/m32",
    "VEX.LIG.66.0F38.W0 9B /r",
    feature="fma",
)
VFMSUB132SD: Final = inst(
    "vfmsub132sd",
    "vfmsub132sd rw:xmm1, r:xmm2, r:xmm3/m64",
    "VEX.LIG.66.0F38.W1 9B /r",
    feature="fma",
)
VFMSUB132PS: Final = inst(
    "vfmsub132ps",
    "vfmsub132ps rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W0 9A /r",
    feature="fma",
)
VFMSUB132PD: Final = inst(
    "vfmsub132pd",
    "vfmsub132pd rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W1 9A /r",
    feature="fma",
)
VFMSUB213SS: Final = inst(
    "vfmsub213ss",
    "vfmsub213ss rw:xmm1, r:xmm2, r:xmm3/m32",
    "VEX.LIG.66.0F38.W0 AB /r",
    feature="fma",
)
VFMSUB213SD: Final = inst(
    "vfmsub213sd",
    "vfmsub213sd rw:xmm1, r:xmm2, r:xmm3/m64",
    "VEX.LIG.66.0F38.W1 AB /r",
    feature="fma",
)
VFMSUB213PS: Final = inst(
    "vfmsub213ps",
    "vfmsub213ps rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W0 AA /r",
    feature="fma",
)
VFMSUB213PD: Final = inst(
    "vfmsub213pd",
    "vfmsub213pd rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W1 AA /r",
    feature="fma",
)
VFMSUB231SS: Final = inst(
    "vfmsub231ss",
    "vfmsub231ss rw:xmm1, r:xmm2, r:xmm3/m32",
    "VEX.LIG.66.0F38.W0 BB /r",
    feature="fma",
)
VFMSUB231SD: Final = inst(
    "vfmsub231sd",
    "vfmsub231sd rw:xmm1, r:xmm2, r:xmm3/m64",
    "VEX.LIG.66.0F38.W1 BB /r",
    feature="fma",
)
VFMSUB231PS: Final = inst(
    "vfmsub231ps",
    "vfmsub231ps rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W0 BA /r",
    feature="fma",
)
VFMSUB231PD: Final = inst(
    "vfmsub231pd",
    "vfmsub231pd rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W1 BA /r",
    feature="fma",
)
VFNMADD132SS: Final = inst(
    "vfnmadd132ss",
    "vfnmadd132ss rw:xmm1, r:xmm2, r:xmm3/m32",
    "VEX.LIG.66.0F38.W0 9D /r",
    feature="fma",
)
VFNMADD132SD: Final = inst(
    "vfnmadd132sd",
    "vfnmadd132sd rw:xmm1, r:xmm2, r:xmm3/m64",
    "VEX.LIG.66.0F38.W1 9D /r",
    feature="fma",
)
VFNMADD132PS: Final = inst(
    "vfnmadd132ps",
    "vfnmadd132ps rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W0 9C /r",
    feature="fma",
)
VFNMADD132PD: Final = inst(
    "vfnmadd132pd",
    "vfnmadd132pd rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W1 9C /r",
    feature="fma",
)
VFNMADD213SS: Final = inst(
    "vfnmadd213ss",
    "vfnmadd213ss rw:xmm1, r:xmm2, r:xmm3/m32",
    "VEX.LIG.66.0F38.W0 AD /r",
    feature="fma",
)
VFNMADD213SD: Final = inst(
    "vfnmadd213sd",
    "vfnmadd213sd rw:xmm1, r:xmm2, r:xmm3/m64",
    "VEX.LIG.66.0F38.W1 AD /r",
    feature="fma",
)
VFNMADD213PS: Final = inst(
    "vfnmadd213ps",
    "vfnmadd213ps rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W0 AC /r",
    feature="fma",
)
VFNMADD213PD: Final = inst(
    "vfnmadd213pd",
    "vfnmadd213pd rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W1 AC /r",
    feature="fma",
)
VFNMADD231SS: Final = inst(
    "vfnmadd231ss",
    "vfnmadd231ss rw:xmm1, r:xmm2, r:xmm3/m32",
    "VEX.LIG.66.0F38.W0 BD /r",
    feature="fma",
)
VFNMADD231SD: Final = inst(
    "vfnmadd231sd",
    "vfnmadd231sd rw:xmm1, r:xmm2, r:xmm3/m64",
    "VEX.LIG.66.0F38.W1 BD /r",
    feature="fma",
)
VFNMADD231PS: Final = inst(
    "vfnmadd231ps",
    "vfnmadd231ps rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W0 BC /r",
    feature="fma",
)
VFNMADD231PD: Final = inst(
    "vfnmadd231pd",
    "vfnmadd231pd rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W1 BC /r",
    feature="fma",
)
VFNMSUB132SS: Final = inst(
    "vfnmsub132ss",
    "vfnmsub132ss rw:xmm1, r:xmm2, r:xmm3/m32",
    "VEX.LIG.66.0F38.W0 9F /r",
    feature="fma",
)
VFNMSUB132SD: Final = inst(
    "vfnmsub132sd",
    "vfnmsub132sd rw:xmm1, r:xmm2, r:xmm3/m64",
    "VEX.LIG.66.0F38.W1 9F /r",
    feature="fma",
)
VFNMSUB132PS: Final = inst(
    "vfnmsub132ps",
    "vfnmsub132ps rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W0 9E /r",
    feature="fma",
)
VFNMSUB132PD: Final = inst(
    "vfnmsub132pd",
    "vfnmsub132pd rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W1 9E /r",
    feature="fma",
)
VFNMSUB213SS: Final = inst(
    "vfnmsub213ss",
    "vfnmsub213ss rw:xmm1, r:xmm2, r:xmm3/m32",
    "VEX.LIG.66.0F38.W0 AF /r",
    feature="fma",
)
VFNMSUB213SD: Final = inst(
    "vfnmsub213sd",
    "vfnmsub213sd rw:xmm1, r:xmm2, r:xmm3/m64",
    "VEX.LIG.66.0F38.W1 AF /r",
    feature="fma",
)
VFNMSUB213PS: Final = inst(
    "vfnmsub213ps",
    "vfnmsub213ps rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W0 AE /r",
    feature="fma",
)
VFNMSUB213PD: Final = inst(
    "vfnmsub213pd",
    "vfnmsub213pd rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W1 AE /r",
    feature="fma",
)
VFNMSUB231SS: Final = inst(
    "vfnmsub231ss",
    "vfnmsub231ss rw:xmm1, r:xmm2, r:xmm3/m32",
    "VEX.LIG.66.0F38.W0 BF /r",
    feature="fma",
)
VFNMSUB231SD: Final = inst(
    "vfnmsub231sd",
    "vfnmsub231sd rw:xmm1, r:xmm2, r:xmm3/m64",
    "VEX.LIG.66.0F38.W1 BF /r",
    feature="fma",
)
VFNMSUB231PS: Final = inst(
    "vfnmsub231ps",
    "vfnmsub231ps rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W0 BE /r",
    feature="fma",
)
VFNMSUB231PD: Final = inst(
    "vfnmsub231pd",
    "vfnmsub231pd rw:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.W1 BE /r",
    feature="fma",
)

# Whole registers: moves, and packed forms, SSE then AVX

MOVAPS_RM: Final = inst("movaps_rm", "movaps w:xmm1, r:xmm2/m128", "0F 28 /r")
MOVAPS_MR: Final = inst("movaps_mr", "movaps w:xmm1/m128, r:xmm2", "0F 29 /r")
VMOVAPS_RM: Final = inst(
    "vmovaps_rm", "vmovaps w:xmm1, r:xmm2/m128", "VEX.128.0F.WIG 28 /r", feature="avx"
)
VMOVAPS_MR: Final = inst(
    "vmovaps_mr", "vmovaps w:xmm1/m128, r:xmm2", "VEX.128.0F.WIG 29 /r", feature="avx"
)
MOVAPD_RM: Final = inst("movapd_rm", "movapd w:xmm1, r:xmm2/m128", "66 0F 28 /r")
MOVAPD_MR: Final = inst("movapd_mr", "movapd w:xmm1/m128, r:xmm2", "66 0F 29 /r")
VMOVAPD_RM: Final = inst(
    "vmovapd_rm", "vmovapd w:xmm1, r:xmm2/m128", "VEX.128.66.0F.WIG 28 /r", feature="avx"
)
VMOVAPD_MR: Final = inst(
    "vmovapd_mr", "vmovapd w:xmm1/m128, r:xmm2", "VEX.128.66.0F.WIG 29 /r", feature="avx"
)
MOVUPS_RM: Final = inst("movups_rm", "movups w:xmm1, r:xmm2/m128", "0F 10 /r")
MOVUPS_MR: Final = inst("movups_mr", "movups w:xmm1/m128, r:xmm2", "0F 11 /r")
VMOVUPS_RM: Final = inst(
    "vmovups_rm", "vmovups w:xmm1, r:xmm2/m128", "VEX.128.0F.WIG 10 /r", feature="avx"
)
VMOVUPS_MR: Final = inst(
    "vmovups_mr", "vmovups w:xmm1/m128, r:xmm2", "VEX.128.0F.WIG 11 /r", feature="avx"
)
MOVUPD_RM: Final = inst("movupd_rm", "movupd w:xmm1, r:xmm2/m128", "66 0F 10 /r")
MOVUPD_MR: Final = inst("movupd_mr", "movupd w:xmm1/m128, r:xmm2", "66 0F 11 /r")
VMOVUPD_RM: Final = inst(
    "vmovupd_rm", "vmovupd w:xmm1, r:xmm2/m128", "VEX.128.66.0F.WIG 10 /r", feature="avx"
)
VMOVUPD_MR: Final = inst(
    "vmovupd_mr", "vmovupd w:xmm1/m128, r:xmm2", "VEX.128.66.0F.WIG 11 /r", feature="avx"
)
MOVDQA_RM: Final = inst("movdqa_rm", "movdqa w:xmm1, r:xmm2/m128", "66 0F 6F /r")
MOVDQA_MR: Final = inst("movdqa_mr", "movdqa w:xmm1/m128, r:xmm2", "66 0F 7F /r")
VMOVDQA_RM: Final = inst(
    "vmovdqa_rm", "vmovdqa w:xmm1, r:xmm2/m128", "VEX.128.66.0F.WIG 6F /r", feature="avx"
)
VMOVDQA_MR: Final = inst(
    "vmovdqa_mr", "vmovdqa w:xmm1/m128, r:xmm2", "VEX.128.66.0F.WIG 7F /r", feature="avx"
)
MOVDQU_RM: Final = inst("movdqu_rm", "movdqu w:xmm1, r:xmm2/m128", "F3 0F 6F /r")
MOVDQU_MR: Final = inst("movdqu_mr", "movdqu w:xmm1/m128, r:xmm2", "F3 0F 7F /r")
VMOVDQU_RM: Final = inst(
    "vmovdqu_rm", "vmovdqu w:xmm1, r:xmm2/m128", "VEX.128.F3.0F.WIG 6F /r", feature="avx"
)
VMOVDQU_MR: Final = inst(
    "vmovdqu_mr", "vmovdqu w:xmm1/m128, r:xmm2", "VEX.128.F3.0F.WIG 7F /r", feature="avx"
)
ANDPS: Final = inst("andps", "andps rw:xmm1, r:xmm2/m128", "0F 54 /r")
VANDPS: Final = inst(
    "vandps", "vandps w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.0F.WIG 54 /r", feature="avx"
)
ANDPD: Final = inst("andpd", "andpd rw:xmm1, r:xmm2/m128", "66 0F 54 /r")
VANDPD: Final = inst(
    "vandpd", "vandpd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 54 /r", feature="avx"
)
ANDNPS: Final = inst("andnps", "andnps rw:xmm1, r:xmm2/m128", "0F 55 /r")
VANDNPS: Final = inst(
    "vandnps", "vandnps w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.0F.WIG 55 /r", feature="avx"
)
ANDNPD: Final = inst("andnpd", "andnpd rw:xmm1, r:xmm2/m128", "66 0F 55 /r")
VANDNPD: Final = inst(
    "vandnpd", "vandnpd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 55 /r", feature="avx"
)
ORPS: Final = inst("orps", "orps rw:xmm1, r:xmm2/m128", "0F 56 /r")
VORPS: Final = inst(
    "vorps", "vorps w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.0F.WIG 56 /r", feature="avx"
)
ORPD: Final = inst("orpd", "orpd rw:xmm1, r:xmm2/m128", "66 0F 56 /r")
VORPD: Final = inst(
    "vorpd", "vorpd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 56 /r", feature="avx"
)
XORPS: Final = inst("xorps", "xorps rw:xmm1, r:xmm2/m128", "0F 57 /r")
VXORPS: Final = inst(
    "vxorps", "vxorps w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.0F.WIG 57 /r", feature="avx"
)
XORPD: Final = inst("xorpd", "xorpd rw:xmm1, r:xmm2/m128", "66 0F 57 /r")
VXORPD: Final = inst(
    "vxorpd", "vxorpd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 57 /r", feature="avx"
)
ADDPS: Final = inst("addps", "addps rw:xmm1, r:xmm2/m128", "0F 58 /r")
VADDPS: Final = inst(
    "vaddps", "vaddps w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.0F.WIG 58 /r", feature="avx"
)
ADDPD: Final = inst("addpd", "addpd rw:xmm1, r:xmm2/m128", "66 0F 58 /r")
VADDPD: Final = inst(
    "vaddpd", "vaddpd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 58 /r", feature="avx"
)
MULPS: Final = inst("mulps", "mulps rw:xmm1, r:xmm2/m128", "0F 59 /r")
VMULPS: Final = inst(
    "vmulps", "vmulps w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.0F.WIG 59 /r", feature="avx"
)
MULPD: Final = inst("mulpd", "mulpd rw:xmm1, r:xmm2/m128", "66 0F 59 /r")
VMULPD: Final = inst(
    "vmulpd", "vmulpd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 59 /r", feature="avx"
)
SUBPS: Final = inst("subps", "subps rw:xmm1, r:xmm2/m128", "0F 5C /r")
VSUBPS: Final = inst(
    "vsubps", "vsubps w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.0F.WIG 5C /r", feature="avx"
)
SUBPD: Final = inst("subpd", "subpd rw:xmm1, r:xmm2/m128", "66 0F 5C /r")
VSUBPD: Final = inst(
    "vsubpd", "vsubpd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 5C /r", feature="avx"
)
MINPS: Final = inst("minps", "minps rw:xmm1, r:xmm2/m128", "0F 5D /r")
VMINPS: Final = inst(
    "vminps", "vminps w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.0F.WIG 5D /r", feature="avx"
)
MINPD: Final = inst("minpd", "minpd rw:xmm1, r:xmm2/m128", "66 0F 5D /r")
VMINPD: Final = inst(
    "vminpd", "vminpd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 5D /r", feature="avx"
)
DIVPS: Final = inst("divps", "divps rw:xmm1, r:xmm2/m128", "0F 5E /r")
VDIVPS: Final = inst(
    "vdivps", "vdivps w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.0F.WIG 5E /r", feature="avx"
)
DIVPD: Final = inst("divpd", "divpd rw:xmm1, r:xmm2/m128", "66 0F 5E /r")
VDIVPD: Final = inst(
    "vdivpd", "vdivpd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 5E /r", feature="avx"
)
MAXPS: Final = inst("maxps", "maxps rw:xmm1, r:xmm2/m128", "0F 5F /r")
VMAXPS: Final = inst(
    "vmaxps", "vmaxps w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.0F.WIG 5F /r", feature="avx"
)
MAXPD: Final = inst("maxpd", "maxpd rw:xmm1, r:xmm2/m128", "66 0F 5F /r")
VMAXPD: Final = inst(
    "vmaxpd", "vmaxpd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 5F /r", feature="avx"
)
UNPCKLPS: Final = inst("unpcklps", "unpcklps rw:xmm1, r:xmm2/m128", "0F 14 /r")
VUNPCKLPS: Final = inst(
    "vunpcklps", "vunpcklps w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.0F.WIG 14 /r", feature="avx"
)
UNPCKLPD: Final = inst("unpcklpd", "unpcklpd rw:xmm1, r:xmm2/m128", "66 0F 14 /r")
VUNPCKLPD: Final = inst(
    "vunpcklpd", "vunpcklpd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 14 /r", feature="avx"
)
UNPCKHPS: Final = inst("unpckhps", "unpckhps rw:xmm1, r:xmm2/m128", "0F 15 /r")
VUNPCKHPS: Final = inst(
    "vunpckhps", "vunpckhps w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.0F.WIG 15 /r", feature="avx"
)
UNPCKHPD: Final = inst("unpckhpd", "unpckhpd rw:xmm1, r:xmm2/m128", "66 0F 15 /r")
VUNPCKHPD: Final = inst(
    "vunpckhpd", "vunpckhpd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 15 /r", feature="avx"
)
SQRTPS: Final = inst("sqrtps", "sqrtps w:xmm1, r:xmm2/m128", "0F 51 /r")
VSQRTPS: Final = inst(
    "vsqrtps", "vsqrtps w:xmm1, r:xmm2/m128", "VEX.128.0F.WIG 51 /r", feature="avx"
)
SQRTPD: Final = inst("sqrtpd", "sqrtpd w:xmm1, r:xmm2/m128", "66 0F 51 /r")
VSQRTPD: Final = inst(
    "vsqrtpd", "vsqrtpd w:xmm1, r:xmm2/m128", "VEX.128.66.0F.WIG 51 /r", feature="avx"
)
SHUFPS: Final = inst("shufps", "shufps rw:xmm1, r:xmm2/m128, r:imm8", "0F C6 /r ib")
VSHUFPS: Final = inst(
    "vshufps",
    "vshufps w:xmm1, r:xmm2, r:xmm3/m128, r:imm8",
    "VEX.128.0F.WIG C6 /r ib",
    feature="avx",
)
SHUFPD: Final = inst("shufpd", "shufpd rw:xmm1, r:xmm2/m128, r:imm8", "66 0F C6 /r ib")
VSHUFPD: Final = inst(
    "vshufpd",
    "vshufpd w:xmm1, r:xmm2, r:xmm3/m128, r:imm8",
    "VEX.128.66.0F.WIG C6 /r ib",
    feature="avx",
)
CMPPS: Final = inst("cmpps", "cmpps rw:xmm1, r:xmm2/m128, r:imm8", "0F C2 /r ib")
VCMPPS: Final = inst(
    "vcmpps", "vcmpps w:xmm1, r:xmm2, r:xmm3/m128, r:imm8", "VEX.128.0F.WIG C2 /r ib", feature="avx"
)
CMPPD: Final = inst("cmppd", "cmppd rw:xmm1, r:xmm2/m128, r:imm8", "66 0F C2 /r ib")
VCMPPD: Final = inst(
    "vcmppd",
    "vcmppd w:xmm1, r:xmm2, r:xmm3/m128, r:imm8",
    "VEX.128.66.0F.WIG C2 /r ib",
    feature="avx",
)
CVTDQ2PS: Final = inst("cvtdq2ps", "cvtdq2ps w:xmm1, r:xmm2/m128", "0F 5B /r")
VCVTDQ2PS: Final = inst(
    "vcvtdq2ps", "vcvtdq2ps w:xmm1, r:xmm2/m128", "VEX.128.0F.WIG 5B /r", feature="avx"
)
CVTTPS2DQ: Final = inst("cvttps2dq", "cvttps2dq w:xmm1, r:xmm2/m128", "F3 0F 5B /r")
VCVTTPS2DQ: Final = inst(
    "vcvttps2dq", "vcvttps2dq w:xmm1, r:xmm2/m128", "VEX.128.F3.0F.WIG 5B /r", feature="avx"
)
CVTTPD2DQ: Final = inst("cvttpd2dq", "cvttpd2dq w:xmm1, r:xmm2/m128", "66 0F E6 /r")
VCVTTPD2DQ: Final = inst(
    "vcvttpd2dq", "vcvttpd2dq w:xmm1, r:xmm2/m128", "VEX.128.66.0F.WIG E6 /r", feature="avx"
)
CVTPD2PS: Final = inst("cvtpd2ps", "cvtpd2ps w:xmm1, r:xmm2/m128", "66 0F 5A /r")
VCVTPD2PS: Final = inst(
    "vcvtpd2ps", "vcvtpd2ps w:xmm1, r:xmm2/m128", "VEX.128.66.0F.WIG 5A /r", feature="avx"
)
ROUNDPS: Final = inst(
    "roundps", "roundps w:xmm1, r:xmm2/m128, r:imm8", "66 0F 3A 08 /r ib", feature="sse41"
)
VROUNDPS: Final = inst(
    "vroundps",
    "vroundps w:xmm1, r:xmm2/m128, r:imm8",
    "VEX.128.66.0F3A.WIG 08 /r ib",
    feature="avx",
)
ROUNDPD: Final = inst(
    "roundpd", "roundpd w:xmm1, r:xmm2/m128, r:imm8", "66 0F 3A 09 /r ib", feature="sse41"
)
VROUNDPD: Final = inst(
    "vroundpd",
    "vroundpd w:xmm1, r:xmm2/m128, r:imm8",
    "VEX.128.66.0F3A.WIG 09 /r ib",
    feature="avx",
)
PUNPCKLBW: Final = inst("punpcklbw", "punpcklbw rw:xmm1, r:xmm2/m128", "66 0F 60 /r")
VPUNPCKLBW: Final = inst(
    "vpunpcklbw", "vpunpcklbw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 60 /r", feature="avx"
)
PUNPCKLWD: Final = inst("punpcklwd", "punpcklwd rw:xmm1, r:xmm2/m128", "66 0F 61 /r")
VPUNPCKLWD: Final = inst(
    "vpunpcklwd", "vpunpcklwd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 61 /r", feature="avx"
)
PUNPCKLDQ: Final = inst("punpckldq", "punpckldq rw:xmm1, r:xmm2/m128", "66 0F 62 /r")
VPUNPCKLDQ: Final = inst(
    "vpunpckldq", "vpunpckldq w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 62 /r", feature="avx"
)
PACKSSWB: Final = inst("packsswb", "packsswb rw:xmm1, r:xmm2/m128", "66 0F 63 /r")
VPACKSSWB: Final = inst(
    "vpacksswb", "vpacksswb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 63 /r", feature="avx"
)
PCMPGTB: Final = inst("pcmpgtb", "pcmpgtb rw:xmm1, r:xmm2/m128", "66 0F 64 /r")
VPCMPGTB: Final = inst(
    "vpcmpgtb", "vpcmpgtb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 64 /r", feature="avx"
)
PCMPGTW: Final = inst("pcmpgtw", "pcmpgtw rw:xmm1, r:xmm2/m128", "66 0F 65 /r")
VPCMPGTW: Final = inst(
    "vpcmpgtw", "vpcmpgtw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 65 /r", feature="avx"
)
PCMPGTD: Final = inst("pcmpgtd", "pcmpgtd rw:xmm1, r:xmm2/m128", "66 0F 66 /r")
VPCMPGTD: Final = inst(
    "vpcmpgtd", "vpcmpgtd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 66 /r", feature="avx"
)
PACKUSWB: Final = inst("packuswb", "packuswb rw:xmm1, r:xmm2/m128", "66 0F 67 /r")
VPACKUSWB: Final = inst(
    "vpackuswb", "vpackuswb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 67 /r", feature="avx"
)
PUNPCKHBW: Final = inst("punpckhbw", "punpckhbw rw:xmm1, r:xmm2/m128", "66 0F 68 /r")
VPUNPCKHBW: Final = inst(
    "vpunpckhbw", "vpunpckhbw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 68 /r", feature="avx"
)
PUNPCKHWD: Final = inst("punpckhwd", "punpckhwd rw:xmm1, r:xmm2/m128", "66 0F 69 /r")
VPUNPCKHWD: Final = inst(
    "vpunpckhwd", "vpunpckhwd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 69 /r", feature="avx"
)
PUNPCKHDQ: Final = inst("punpckhdq", "punpckhdq rw:xmm1, r:xmm2/m128", "66 0F 6A /r")
VPUNPCKHDQ: Final = inst(
    "vpunpckhdq", "vpunpckhdq w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 6A /r", feature="avx"
)
PACKSSDW: Final = inst("packssdw", "packssdw rw:xmm1, r:xmm2/m128", "66 0F 6B /r")
VPACKSSDW: Final = inst(
    "vpackssdw", "vpackssdw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 6B /r", feature="avx"
)
PUNPCKLQDQ: Final = inst("punpcklqdq", "punpcklqdq rw:xmm1, r:xmm2/m128", "66 0F 6C /r")
VPUNPCKLQDQ: Final = inst(
    "vpunpcklqdq",
    "vpunpcklqdq w:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F.WIG 6C /r",
    feature="avx",
)
PUNPCKHQDQ: Final = inst("punpckhqdq", "punpckhqdq rw:xmm1, r:xmm2/m128", "66 0F 6D /r")
VPUNPCKHQDQ: Final = inst(
    "vpunpckhqdq",
    "vpunpckhqdq w:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F.WIG 6D /r",
    feature="avx",
)
PCMPEQB: Final = inst("pcmpeqb", "pcmpeqb rw:xmm1, r:xmm2/m128", "66 0F 74 /r")
VPCMPEQB: Final = inst(
    "vpcmpeqb", "vpcmpeqb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 74 /r", feature="avx"
)
PCMPEQW: Final = inst("pcmpeqw", "pcmpeqw rw:xmm1, r:xmm2/m128", "66 0F 75 /r")
VPCMPEQW: Final = inst(
    "vpcmpeqw", "vpcmpeqw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 75 /r", feature="avx"
)
PCMPEQD: Final = inst("pcmpeqd", "pcmpeqd rw:xmm1, r:xmm2/m128", "66 0F 76 /r")
VPCMPEQD: Final = inst(
    "vpcmpeqd", "vpcmpeqd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG 76 /r", feature="avx"
)
PADDQ: Final = inst("paddq", "paddq rw:xmm1, r:xmm2/m128", "66 0F D4 /r")
VPADDQ: Final = inst(
    "vpaddq", "vpaddq w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG D4 /r", feature="avx"
)
PMULLW: Final = inst("pmullw", "pmullw rw:xmm1, r:xmm2/m128", "66 0F D5 /r")
VPMULLW: Final = inst(
    "vpmullw", "vpmullw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG D5 /r", feature="avx"
)
PSUBUSB: Final = inst("psubusb", "psubusb rw:xmm1, r:xmm2/m128", "66 0F D8 /r")
VPSUBUSB: Final = inst(
    "vpsubusb", "vpsubusb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG D8 /r", feature="avx"
)
PSUBUSW: Final = inst("psubusw", "psubusw rw:xmm1, r:xmm2/m128", "66 0F D9 /r")
VPSUBUSW: Final = inst(
    "vpsubusw", "vpsubusw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG D9 /r", feature="avx"
)
PMINUB: Final = inst("pminub", "pminub rw:xmm1, r:xmm2/m128", "66 0F DA /r")
VPMINUB: Final = inst(
    "vpminub", "vpminub w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG DA /r", feature="avx"
)
PAND: Final = inst("pand", "pand rw:xmm1, r:xmm2/m128", "66 0F DB /r")
VPAND: Final = inst(
    "vpand", "vpand w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG DB /r", feature="avx"
)
PADDUSB: Final = inst("paddusb", "paddusb rw:xmm1, r:xmm2/m128", "66 0F DC /r")
VPADDUSB: Final = inst(
    "vpaddusb", "vpaddusb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG DC /r", feature="avx"
)
PADDUSW: Final = inst("paddusw", "paddusw rw:xmm1, r:xmm2/m128", "66 0F DD /r")
VPADDUSW: Final = inst(
    "vpaddusw", "vpaddusw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG DD /r", feature="avx"
)
PMAXUB: Final = inst("pmaxub", "pmaxub rw:xmm1, r:xmm2/m128", "66 0F DE /r")
VPMAXUB: Final = inst(
    "vpmaxub", "vpmaxub w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG DE /r", feature="avx"
)
PANDN: Final = inst("pandn", "pandn rw:xmm1, r:xmm2/m128", "66 0F DF /r")
VPANDN: Final = inst(
    "vpandn", "vpandn w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG DF /r", feature="avx"
)
PAVGB: Final = inst("pavgb", "pavgb rw:xmm1, r:xmm2/m128", "66 0F E0 /r")
VPAVGB: Final = inst(
    "vpavgb", "vpavgb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG E0 /r", feature="avx"
)
PAVGW: Final = inst("pavgw", "pavgw rw:xmm1, r:xmm2/m128", "66 0F E3 /r")
VPAVGW: Final = inst(
    "vpavgw", "vpavgw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG E3 /r", feature="avx"
)
PMULHUW: Final = inst("pmulhuw", "pmulhuw rw:xmm1, r:xmm2/m128", "66 0F E4 /r")
VPMULHUW: Final = inst(
    "vpmulhuw", "vpmulhuw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG E4 /r", feature="avx"
)
PMULHW: Final = inst("pmulhw", "pmulhw rw:xmm1, r:xmm2/m128", "66 0F E5 /r")
VPMULHW: Final = inst(
    "vpmulhw", "vpmulhw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG E5 /r", feature="avx"
)
PSUBSB: Final = inst("psubsb", "psubsb rw:xmm1, r:xmm2/m128", "66 0F E8 /r")
VPSUBSB: Final = inst(
    "vpsubsb", "vpsubsb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG E8 /r", feature="avx"
)
PSUBSW: Final = inst("psubsw", "psubsw rw:xmm1, r:xmm2/m128", "66 0F E9 /r")
VPSUBSW: Final = inst(
    "vpsubsw", "vpsubsw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG E9 /r", feature="avx"
)
PMINSW: Final = inst("pminsw", "pminsw rw:xmm1, r:xmm2/m128", "66 0F EA /r")
VPMINSW: Final = inst(
    "vpminsw", "vpminsw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG EA /r", feature="avx"
)
POR: Final = inst("por", "por rw:xmm1, r:xmm2/m128", "66 0F EB /r")
VPOR: Final = inst(
    "vpor", "vpor w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG EB /r", feature="avx"
)
PADDSB: Final = inst("paddsb", "paddsb rw:xmm1, r:xmm2/m128", "66 0F EC /r")
VPADDSB: Final = inst(
    "vpaddsb", "vpaddsb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG EC /r", feature="avx"
)
PADDSW: Final = inst("paddsw", "paddsw rw:xmm1, r:xmm2/m128", "66 0F ED /r")
VPADDSW: Final = inst(
    "vpaddsw", "vpaddsw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG ED /r", feature="avx"
)
PMAXSW: Final = inst("pmaxsw", "pmaxsw rw:xmm1, r:xmm2/m128", "66 0F EE /r")
VPMAXSW: Final = inst(
    "vpmaxsw", "vpmaxsw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG EE /r", feature="avx"
)
PXOR: Final = inst("pxor", "pxor rw:xmm1, r:xmm2/m128", "66 0F EF /r")
VPXOR: Final = inst(
    "vpxor", "vpxor w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG EF /r", feature="avx"
)
PMULUDQ: Final = inst("pmuludq", "pmuludq rw:xmm1, r:xmm2/m128", "66 0F F4 /r")
VPMULUDQ: Final = inst(
    "vpmuludq", "vpmuludq w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG F4 /r", feature="avx"
)
PMADDWD: Final = inst("pmaddwd", "pmaddwd rw:xmm1, r:xmm2/m128", "66 0F F5 /r")
VPMADDWD: Final = inst(
    "vpmaddwd", "vpmaddwd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG F5 /r", feature="avx"
)
PSUBB: Final = inst("psubb", "psubb rw:xmm1, r:xmm2/m128", "66 0F F8 /r")
VPSUBB: Final = inst(
    "vpsubb", "vpsubb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG F8 /r", feature="avx"
)
PSUBW: Final = inst("psubw", "psubw rw:xmm1, r:xmm2/m128", "66 0F F9 /r")
VPSUBW: Final = inst(
    "vpsubw", "vpsubw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG F9 /r", feature="avx"
)
PSUBD: Final = inst("psubd", "psubd rw:xmm1, r:xmm2/m128", "66 0F FA /r")
VPSUBD: Final = inst(
    "vpsubd", "vpsubd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG FA /r", feature="avx"
)
PSUBQ: Final = inst("psubq", "psubq rw:xmm1, r:xmm2/m128", "66 0F FB /r")
VPSUBQ: Final = inst(
    "vpsubq", "vpsubq w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG FB /r", feature="avx"
)
PADDB: Final = inst("paddb", "paddb rw:xmm1, r:xmm2/m128", "66 0F FC /r")
VPADDB: Final = inst(
    "vpaddb", "vpaddb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG FC /r", feature="avx"
)
PADDW: Final = inst("paddw", "paddw rw:xmm1, r:xmm2/m128", "66 0F FD /r")
VPADDW: Final = inst(
    "vpaddw", "vpaddw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG FD /r", feature="avx"
)
PADDD: Final = inst("paddd", "paddd rw:xmm1, r:xmm2/m128", "66 0F FE /r")
VPADDD: Final = inst(
    "vpaddd", "vpaddd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG FE /r", feature="avx"
)
PSRLW: Final = inst("psrlw", "psrlw rw:xmm1, r:xmm2/m128", "66 0F D1 /r")
VPSRLW: Final = inst(
    "vpsrlw", "vpsrlw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG D1 /r", feature="avx"
)
PSRLD: Final = inst("psrld", "psrld rw:xmm1, r:xmm2/m128", "66 0F D2 /r")
VPSRLD: Final = inst(
    "vpsrld", "vpsrld w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG D2 /r", feature="avx"
)
PSRLQ: Final = inst("psrlq", "psrlq rw:xmm1, r:xmm2/m128", "66 0F D3 /r")
VPSRLQ: Final = inst(
    "vpsrlq", "vpsrlq w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG D3 /r", feature="avx"
)
PSRAW: Final = inst("psraw", "psraw rw:xmm1, r:xmm2/m128", "66 0F E1 /r")
VPSRAW: Final = inst(
    "vpsraw", "vpsraw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG E1 /r", feature="avx"
)
PSRAD: Final = inst("psrad", "psrad rw:xmm1, r:xmm2/m128", "66 0F E2 /r")
VPSRAD: Final = inst(
    "vpsrad", "vpsrad w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG E2 /r", feature="avx"
)
PSLLW: Final = inst("psllw", "psllw rw:xmm1, r:xmm2/m128", "66 0F F1 /r")
VPSLLW: Final = inst(
    "vpsllw", "vpsllw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG F1 /r", feature="avx"
)
PSLLD: Final = inst("pslld", "pslld rw:xmm1, r:xmm2/m128", "66 0F F2 /r")
VPSLLD: Final = inst(
    "vpslld", "vpslld w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG F2 /r", feature="avx"
)
PSLLQ: Final = inst("psllq", "psllq rw:xmm1, r:xmm2/m128", "66 0F F3 /r")
VPSLLQ: Final = inst(
    "vpsllq", "vpsllq w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F.WIG F3 /r", feature="avx"
)
PSHUFB: Final = inst("pshufb", "pshufb rw:xmm1, r:xmm2/m128", "66 0F 38 00 /r", feature="ssse3")
VPSHUFB: Final = inst(
    "vpshufb", "vpshufb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 00 /r", feature="avx"
)
PHADDW: Final = inst("phaddw", "phaddw rw:xmm1, r:xmm2/m128", "66 0F 38 01 /r", feature="ssse3")
VPHADDW: Final = inst(
    "vphaddw", "vphaddw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 01 /r", feature="avx"
)
PHADDD: Final = inst("phaddd", "phaddd rw:xmm1, r:xmm2/m128", "66 0F 38 02 /r", feature="ssse3")
VPHADDD: Final = inst(
    "vphaddd", "vphaddd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 02 /r", feature="avx"
)
PMADDUBSW: Final = inst(
    "pmaddubsw", "pmaddubsw rw:xmm1, r:xmm2/m128", "66 0F 38 04 /r", feature="ssse3"
)
VPMADDUBSW: Final = inst(
    "vpmaddubsw",
    "vpmaddubsw w:xmm1, r:xmm2, r:xmm3/m128",
    "VEX.128.66.0F38.WIG 04 /r",
    feature="avx",
)
PMULHRSW: Final = inst(
    "pmulhrsw", "pmulhrsw rw:xmm1, r:xmm2/m128", "66 0F 38 0B /r", feature="ssse3"
)
VPMULHRSW: Final = inst(
    "vpmulhrsw", "vpmulhrsw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 0B /r", feature="avx"
)
PABSB: Final = inst("pabsb", "pabsb w:xmm1, r:xmm2/m128", "66 0F 38 1C /r", feature="ssse3")
VPABSB: Final = inst(
    "vpabsb", "vpabsb w:xmm1, r:xmm2/m128", "VEX.128.66.0F38.WIG 1C /r", feature="avx"
)
PABSW: Final = inst("pabsw", "pabsw w:xmm1, r:xmm2/m128", "66 0F 38 1D /r", feature="ssse3")
VPABSW: Final = inst(
    "vpabsw", "vpabsw w:xmm1, r:xmm2/m128", "VEX.128.66.0F38.WIG 1D /r", feature="avx"
)
PABSD: Final = inst("pabsd", "pabsd w:xmm1, r:xmm2/m128", "66 0F 38 1E /r", feature="ssse3")
VPABSD: Final = inst(
    "vpabsd", "vpabsd w:xmm1, r:xmm2/m128", "VEX.128.66.0F38.WIG 1E /r", feature="avx"
)
PMULDQ: Final = inst("pmuldq", "pmuldq rw:xmm1, r:xmm2/m128", "66 0F 38 28 /r", feature="sse41")
VPMULDQ: Final = inst(
    "vpmuldq", "vpmuldq w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 28 /r", feature="avx"
)
PCMPEQQ: Final = inst("pcmpeqq", "pcmpeqq rw:xmm1, r:xmm2/m128", "66 0F 38 29 /r", feature="sse41")
VPCMPEQQ: Final = inst(
    "vpcmpeqq", "vpcmpeqq w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 29 /r", feature="avx"
)
PACKUSDW: Final = inst(
    "packusdw", "packusdw rw:xmm1, r:xmm2/m128", "66 0F 38 2B /r", feature="sse41"
)
VPACKUSDW: Final = inst(
    "vpackusdw", "vpackusdw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 2B /r", feature="avx"
)
PMINSB: Final = inst("pminsb", "pminsb rw:xmm1, r:xmm2/m128", "66 0F 38 38 /r", feature="sse41")
VPMINSB: Final = inst(
    "vpminsb", "vpminsb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 38 /r", feature="avx"
)
PMINSD: Final = inst("pminsd", "pminsd rw:xmm1, r:xmm2/m128", "66 0F 38 39 /r", feature="sse41")
VPMINSD: Final = inst(
    "vpminsd", "vpminsd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 39 /r", feature="avx"
)
PMINUW: Final = inst("pminuw", "pminuw rw:xmm1, r:xmm2/m128", "66 0F 38 3A /r", feature="sse41")
VPMINUW: Final = inst(
    "vpminuw", "vpminuw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 3A /r", feature="avx"
)
PMINUD: Final = inst("pminud", "pminud rw:xmm1, r:xmm2/m128", "66 0F 38 3B /r", feature="sse41")
VPMINUD: Final = inst(
    "vpminud", "vpminud w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 3B /r", feature="avx"
)
PMAXSB: Final = inst("pmaxsb", "pmaxsb rw:xmm1, r:xmm2/m128", "66 0F 38 3C /r", feature="sse41")
VPMAXSB: Final = inst(
    "vpmaxsb", "vpmaxsb w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 3C /r", feature="avx"
)
PMAXSD: Final = inst("pmaxsd", "pmaxsd rw:xmm1, r:xmm2/m128", "66 0F 38 3D /r", feature="sse41")
VPMAXSD: Final = inst(
    "vpmaxsd", "vpmaxsd w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 3D /r", feature="avx"
)
PMAXUW: Final = inst("pmaxuw", "pmaxuw rw:xmm1, r:xmm2/m128", "66 0F 38 3E /r", feature="sse41")
VPMAXUW: Final = inst(
    "vpmaxuw", "vpmaxuw w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 3E /r", feature="avx"
)
PMAXUD: Final = inst("pmaxud", "pmaxud rw:xmm1, r:xmm2/m128", "66 0F 38 3F /r", feature="sse41")
VPMAXUD: Final = inst(
    "vpmaxud", "vpmaxud w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 3F /r", feature="avx"
)
PMULLD: Final = inst("pmulld", "pmulld rw:xmm1, r:xmm2/m128", "66 0F 38 40 /r", feature="sse41")
VPMULLD: Final = inst(
    "vpmulld", "vpmulld w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 40 /r", feature="avx"
)
PCMPGTQ: Final = inst("pcmpgtq", "pcmpgtq rw:xmm1, r:xmm2/m128", "66 0F 38 37 /r", feature="sse42")
VPCMPGTQ: Final = inst(
    "vpcmpgtq", "vpcmpgtq w:xmm1, r:xmm2, r:xmm3/m128", "VEX.128.66.0F38.WIG 37 /r", feature="avx"
)
PTEST: Final = inst("ptest", "ptest r:xmm1, r:xmm2/m128", "66 0F 38 17 /r", feature="sse41")
VPTEST: Final = inst(
    "vptest", "vptest r:xmm1, r:xmm2/m128", "VEX.128.66.0F38.WIG 17 /r", feature="avx"
)
PALIGNR: Final = inst(
    "palignr", "palignr rw:xmm1, r:xmm2/m128, r:imm8", "66 0F 3A 0F /r ib", feature="ssse3"
)
VPALIGNR: Final = inst(
    "vpalignr",
    "vpalignr w:xmm1, r:xmm2, r:xmm3/m128, r:imm8",
    "VEX.128.66.0F3A.WIG 0F /r ib",
    feature="avx",
)
PBLENDW: Final = inst(
    "pblendw", "pblendw rw:xmm1, r:xmm2/m128, r:imm8", "66 0F 3A 0E /r ib", feature="sse41"
)
VPBLENDW: Final = inst(
    "vpblendw",
    "vpblendw w:xmm1, r:xmm2, r:xmm3/m128, r:imm8",
    "VEX.128.66.0F3A.WIG 0E /r ib",
    feature="avx",
)
PSHUFD: Final = inst("pshufd", "pshufd w:xmm1, r:xmm2/m128, r:imm8", "66 0F 70 /r ib")
VPSHUFD: Final = inst(
    "vpshufd", "vpshufd w:xmm1, r:xmm2/m128, r:imm8", "VEX.128.66.0F.WIG 70 /r ib", feature="avx"
)
PSHUFLW: Final = inst("pshuflw", "pshuflw w:xmm1, r:xmm2/m128, r:imm8", "F2 0F 70 /r ib")
VPSHUFLW: Final = inst(
    "vpshuflw", "vpshuflw w:xmm1, r:xmm2/m128, r:imm8", "VEX.128.F2.0F.WIG 70 /r ib", feature="avx"
)
PSHUFHW: Final = inst("pshufhw", "pshufhw w:xmm1, r:xmm2/m128, r:imm8", "F3 0F 70 /r ib")
VPSHUFHW: Final = inst(
    "vpshufhw", "vpshufhw w:xmm1, r:xmm2/m128, r:imm8", "VEX.128.F3.0F.WIG 70 /r ib", feature="avx"
)
PMOVSXBW: Final = inst("pmovsxbw", "pmovsxbw w:xmm1, r:xmm2/m64", "66 0F 38 20 /r", feature="sse41")
VPMOVSXBW: Final = inst(
    "vpmovsxbw", "vpmovsxbw w:xmm1, r:xmm2/m64", "VEX.128.66.0F38.WIG 20 /r", feature="avx"
)
PMOVZXBW: Final = inst("pmovzxbw", "pmovzxbw w:xmm1, r:xmm2/m64", "66 0F 38 30 /r", feature="sse41")
VPMOVZXBW: Final = inst(
    "vpmovzxbw", "vpmovzxbw w:xmm1, r:xmm2/m64", "VEX.128.66.0F38.WIG 30 /r", feature="avx"
)
PMOVSXWD: Final = inst("pmovsxwd", "pmovsxwd w:xmm1, r:xmm2/m64", "66 0F 38 23 /r", feature="sse41")
VPMOVSXWD: Final = inst(
    "vpmovsxwd", "vpmovsxwd w:xmm1, r:xmm2/m64", "VEX.128.66.0F38.WIG 23 /r", feature="avx"
)
PMOVZXWD: Final = inst("pmovzxwd", "pmovzxwd w:xmm1, r:xmm2/m64", "66 0F 38 33 /r", feature="sse41")
VPMOVZXWD: Final = inst(
    "vpmovzxwd", "vpmovzxwd w:xmm1, r:xmm2/m64", "VEX.128.66.0F38.WIG 33 /r", feature="avx"
)
PMOVSXDQ: Final = inst("pmovsxdq", "pmovsxdq w:xmm1, r:xmm2/m64", "66 0F 38 25 /r", feature="sse41")
VPMOVSXDQ: Final = inst(
    "vpmovsxdq", "vpmovsxdq w:xmm1, r:xmm2/m64", "VEX.128.66.0F38.WIG 25 /r", feature="avx"
)
PMOVZXDQ: Final = inst("pmovzxdq", "pmovzxdq w:xmm1, r:xmm2/m64", "66 0F 38 35 /r", feature="sse41")
VPMOVZXDQ: Final = inst(
    "vpmovzxdq", "vpmovzxdq w:xmm1, r:xmm2/m64", "VEX.128.66.0F38.WIG 35 /r", feature="avx"
)
PSRLW_I: Final = inst("psrlw_i", "psrlw rw:xmm1, r:imm8", "66 0F 71 /2 ib")
VPSRLW_I: Final = inst(
    "vpsrlw_i", "vpsrlw w:xmm1, r:xmm2, r:imm8", "VEX.128.66.0F.WIG 71 /2 ib", feature="avx"
)
PSRAW_I: Final = inst("psraw_i", "psraw rw:xmm1, r:imm8", "66 0F 71 /4 ib")
VPSRAW_I: Final = inst(
    "vpsraw_i", "vpsraw w:xmm1, r:xmm2, r:imm8", "VEX.128.66.0F.WIG 71 /4 ib", feature="avx"
)
PSLLW_I: Final = inst("psllw_i", "psllw rw:xmm1, r:imm8", "66 0F 71 /6 ib")
VPSLLW_I: Final = inst(
    "vpsllw_i", "vpsllw w:xmm1, r:xmm2, r:imm8", "VEX.128.66.0F.WIG 71 /6 ib", feature="avx"
)
PSRLD_I: Final = inst("psrld_i", "psrld rw:xmm1, r:imm8", "66 0F 72 /2 ib")
VPSRLD_I: Final = inst(
    "vpsrld_i", "vpsrld w:xmm1, r:xmm2, r:imm8", "VEX.128.66.0F.WIG 72 /2 ib", feature="avx"
)
PSRAD_I: Final = inst("psrad_i", "psrad rw:xmm1, r:imm8", "66 0F 72 /4 ib")
VPSRAD_I: Final = inst(
    "vpsrad_i", "vpsrad w:xmm1, r:xmm2, r:imm8", "VEX.128.66.0F.WIG 72 /4 ib", feature="avx"
)
PSLLD_I: Final = inst("pslld_i", "pslld rw:xmm1, r:imm8", "66 0F 72 /6 ib")
VPSLLD_I: Final = inst(
    "vpslld_i", "vpslld w:xmm1, r:xmm2, r:imm8", "VEX.128.66.0F.WIG 72 /6 ib", feature="avx"
)
PSRLQ_I: Final = inst("psrlq_i", "psrlq rw:xmm1, r:imm8", "66 0F 73 /2 ib")
VPSRLQ_I: Final = inst(
    "vpsrlq_i", "vpsrlq w:xmm1, r:xmm2, r:imm8", "VEX.128.66.0F.WIG 73 /2 ib", feature="avx"
)
PSRLDQ_I: Final = inst("psrldq_i", "psrldq rw:xmm1, r:imm8", "66 0F 73 /3 ib")
VPSRLDQ_I: Final = inst(
    "vpsrldq_i", "vpsrldq w:xmm1, r:xmm2, r:imm8", "VEX.128.66.0F.WIG 73 /3 ib", feature="avx"
)
PSLLQ_I: Final = inst("psllq_i", "psllq rw:xmm1, r:imm8", "66 0F 73 /6 ib")
VPSLLQ_I: Final = inst(
    "vpsllq_i", "vpsllq w:xmm1, r:xmm2, r:imm8", "VEX.128.66.0F.WIG 73 /6 ib", feature="avx"
)
PSLLDQ_I: Final = inst("pslldq_i", "pslldq rw:xmm1, r:imm8", "66 0F 73 /7 ib")
VPSLLDQ_I: Final = inst(
    "vpslldq_i", "vpslldq w:xmm1, r:xmm2, r:imm8", "VEX.128.66.0F.WIG 73 /7 ib", feature="avx"
)
PINSRB: Final = inst(
    "pinsrb", "pinsrb rw:xmm1, r:r32/m8, r:imm8", "66 0F 3A 20 /r ib", feature="sse41"
)
PEXTRB: Final = inst(
    "pextrb", "pextrb w:r32/m8, r:xmm1, r:imm8", "66 0F 3A 14 /r ib", feature="sse41"
)
PINSRD: Final = inst(
    "pinsrd", "pinsrd rw:xmm1, r:r/m32, r:imm8", "66 0F 3A 22 /r ib", feature="sse41"
)
PEXTRD: Final = inst(
    "pextrd", "pextrd w:r/m32, r:xmm1, r:imm8", "66 0F 3A 16 /r ib", feature="sse41"
)
PINSRQ: Final = inst(
    "pinsrq", "pinsrq rw:xmm1, r:r/m64, r:imm8", "66 REX.W + 0F 3A 22 /r ib", feature="sse41"
)
PEXTRQ: Final = inst(
    "pextrq", "pextrq w:r/m64, r:xmm1, r:imm8", "66 REX.W + 0F 3A 16 /r ib", feature="sse41"
)
PINSRW: Final = inst("pinsrw", "pinsrw rw:xmm1, r:r32/m16, r:imm8", "66 0F C4 /r ib")
PEXTRW: Final = inst("pextrw", "pextrw w:r32, r:xmm1, r:imm8", "66 0F C5 /r ib")
INSERTPS: Final = inst(
    "insertps", "insertps rw:xmm1, r:xmm2/m32, r:imm8", "66 0F 3A 21 /r ib", feature="sse41"
)
EXTRACTPS: Final = inst(
    "extractps", "extractps w:r/m32, r:xmm1, r:imm8", "66 0F 3A 17 /r ib", feature="sse41"
)
MOVHLPS: Final = inst("movhlps", "movhlps rw:xmm1, r:xmm2", "0F 12 /r")
MOVLHPS: Final = inst("movlhps", "movlhps rw:xmm1, r:xmm2", "0F 16 /r")
MOVLPS_MR: Final = inst("movlps_mr", "movlps w:m64, r:xmm1", "0F 13 /r")
MOVHPS_MR: Final = inst("movhps_mr", "movhps w:m64, r:xmm1", "0F 17 /r")
MOVLPS_RM: Final = inst("movlps_rm", "movlps rw:xmm1, r:m64", "0F 12 /r")
MOVHPS_RM: Final = inst("movhps_rm", "movhps rw:xmm1, r:m64", "0F 16 /r")
CVTDQ2PD: Final = inst("cvtdq2pd", "cvtdq2pd w:xmm1, r:xmm2/m64", "F3 0F E6 /r")
CVTPS2PD: Final = inst("cvtps2pd", "cvtps2pd w:xmm1, r:xmm2/m64", "0F 5A /r")
MOVDDUP: Final = inst("movddup", "movddup w:xmm1, r:xmm2/m64", "F2 0F 12 /r", feature="sse3")
MOVMSKPS: Final = inst("movmskps", "movmskps w:r32, r:xmm1", "0F 50 /r")
MOVMSKPD: Final = inst("movmskpd", "movmskpd w:r32, r:xmm1", "66 0F 50 /r")
PMOVMSKB: Final = inst("pmovmskb", "pmovmskb w:r32, r:xmm1", "66 0F D7 /r")
PBLENDVB: Final = inst(
    "pblendvb", "pblendvb rw:xmm1, r:xmm2/m128, r:xmm0", "66 0F 38 10 /r", feature="sse41"
)
BLENDVPS: Final = inst(
    "blendvps", "blendvps rw:xmm1, r:xmm2/m128, r:xmm0", "66 0F 38 14 /r", feature="sse41"
)
BLENDVPD: Final = inst(
    "blendvpd", "blendvpd rw:xmm1, r:xmm2/m128, r:xmm0", "66 0F 38 15 /r", feature="sse41"
)
VPBLENDVB: Final = inst(
    "vpblendvb",
    "vpblendvb w:xmm1, r:xmm2, r:xmm3/m128, r:xmm4",
    "VEX.128.66.0F3A.W0 4C /r /is4",
    feature="avx",
)
VBLENDVPS: Final = inst(
    "vblendvps",
    "vblendvps w:xmm1, r:xmm2, r:xmm3/m128, r:xmm4",
    "VEX.128.66.0F3A.W0 4A /r /is4",
    feature="avx",
)
VBLENDVPD: Final = inst(
    "vblendvpd",
    "vblendvpd w:xmm1, r:xmm2, r:xmm3/m128, r:xmm4",
    "VEX.128.66.0F3A.W0 4B /r /is4",
    feature="avx",
)
VPBROADCASTB: Final = inst(
    "vpbroadcastb", "vpbroadcastb w:xmm1, r:xmm2/m8", "VEX.128.66.0F38.W0 78 /r", feature="avx2"
)
VPBROADCASTW: Final = inst(
    "vpbroadcastw", "vpbroadcastw w:xmm1, r:xmm2/m16", "VEX.128.66.0F38.W0 79 /r", feature="avx2"
)
VPBROADCASTD: Final = inst(
    "vpbroadcastd", "vpbroadcastd w:xmm1, r:xmm2/m32", "VEX.128.66.0F38.W0 58 /r", feature="avx2"
)
VPBROADCASTQ: Final = inst(
    "vpbroadcastq", "vpbroadcastq w:xmm1, r:xmm2/m64", "VEX.128.66.0F38.W0 59 /r", feature="avx2"
)

BY_NAME: Final[dict[str, Inst]] = {row.name: row for row in INSTS}
