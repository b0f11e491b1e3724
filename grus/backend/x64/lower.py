"""Lowering to x86-64: what each IR opcode becomes.

Values of 8 and 16 bits sit in 32-bit registers with undefined upper bits; operations whose result
depends on these bits extend first. An i128 is two registers.

Operands of instructions are `int` (a vreg), `Imm` or `Address`; `rm` and `rmi` choose the cheapest
for a value, folding constants and loads. Whatever makes operands must come before the instruction
that sets flags: constants are made by plain moves, which leave flags alone, but folded compares do
not.
"""

from __future__ import annotations

from collections.abc import Callable

from grus.backend.lower import Context, Lowering, reg_class
from grus.backend.regalloc.types import (
    INT,
    def_,
    def_fixed,
    def_reuse,
    temp,
    use,
    use_any,
    use_fixed,
    use_late,
)
from grus.backend.settings import Settings
from grus.backend.vcode import (
    CONSTANT,
    INCOMING,
    OUTGOING,
    REG,
    SLOT_AREA,
    Address,
    Inst,
    VBlock,
)
from grus.backend.x64 import abi
from grus.backend.x64.pseudo import (
    ARGS,
    BRANCH,
    CALL,
    JUMP,
    JUMP_TABLE,
    MOVE_FLOAT,
    MOVE_INT,
    MOVE_INT_32,
    RETURN,
    SYMBOL,
    TAIL_CALL,
    TRAP,
    TRAP_IF,
    ZERO_FLOAT,
    CallSite,
    Cond,
    Symbol,
)
from grus.backend.x64.regs import R10, R15, RAX, RDI, RDX, RSP
from grus.backend.x64.rows import row, sizes
from grus.base.errors import Unsupported
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import (
    NIL,
    CallInfo,
    FuncRef,
    Function,
    MemFlags,
    Signature,
    StackSlot,
    Value,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# ---- condition codes ----
(OV, NOV, B, AE, E, NE, BE, A, S, NS, P, NP, L, GE, LE, G) = range(16)
CC_NAMES: Final = (
    *("o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"),
)
_INT_CC: Final = (E, NE, L, GE, G, LE, B, AE, A, BE)

# ---- rows by size: index 0 to 3 is 8, 16, 32 and 64 bits ----
_B, _W, _L, _Q = 0, 1, 2, 3


def _alu(name: str) -> list[list[int]]:
    """[reg with r/m, r/m with short immediate, r/m with long immediate] by size."""
    return [
        [row(f"{name} r{n}, r/m{n}") for n in (8, 16, 32, 64)],
        [row(f"{name} r/m{n}, imm8") for n in (8, 16, 32, 64)],
        [row(f"{name} r/m{n}, imm{m}") for n, m in ((8, 8), (16, 16), (32, 32), (64, 32))],
    ]


ADD: Final = _alu("add")
OR: Final = _alu("or")
ADC: Final = _alu("adc")
SBB: Final = _alu("sbb")
AND: Final = _alu("and")
SUB: Final = _alu("sub")
XOR: Final = _alu("xor")
CMP: Final = _alu("cmp")
IN_PLACE: Final = {
    op: sizes(f"{name} r/m{{n}}, r{{n}}")
    for op, name in (
        *((ops.IADD, "add"), (ops.ISUB, "sub")),
        *((ops.BAND, "and"), (ops.BOR, "or"), (ops.BXOR, "xor")),
    )
}
"""Forms that write their first operand, by opcode."""
BT: Final = [-1, -1, row("bt r/m32, r32"), row("bt r/m64, r64")]
BT_I: Final = [-1, -1, row("bt r/m32, imm8"), row("bt r/m64, imm8")]
TEST_RM_R: Final = sizes("test r/m{n}, r{n}")
TEST_RM_I: Final = [
    row("test r/m8, imm8"),
    row("test r/m16, imm16"),
    row("test r/m32, imm32"),
    row("test r/m64, imm32"),
]
LOAD_INT: Final = [
    row("movzx r32, r/m8"),
    row("movzx r32, r/m16"),
    row("mov r32, r/m32"),
    row("mov r64, r/m64"),
]
STORE_INT: Final = sizes("mov r/m{n}, r{n}")
STORE_IMM: Final = [
    row("mov r/m8, imm8"),
    row("mov r/m16, imm16"),
    row("mov r/m32, imm32"),
    row("mov r/m64, imm32"),
]
MOVSX_32: Final = [row("movsx r32, r/m8"), row("movsx r32, r/m16")]
MOVSX_64: Final = [row("movsx r64, r/m8"), row("movsx r64, r/m16"), row("movsxd r64, r/m32")]
MOVI_32: Final = row("mov r32, imm32")
MOVI_64: Final = row("movabs r64, imm64")
MOVI_S32: Final = row("mov r/m64, imm32")
LEA: Final = [-1, -1, row("lea r32, m"), row("lea r64, m")]
IMUL: Final = [-1, row("imul r16, r/m16"), row("imul r32, r/m32"), row("imul r64, r/m64")]
IMUL_I: Final = [
    -1,
    row("imul r16, r/m16, imm16"),
    row("imul r32, r/m32, imm32"),
    row("imul r64, r/m64, imm32"),
]
IMUL_SHORT: Final = [-1, *[row(f"imul r{n}, r/m{n}, imm8") for n in (16, 32, 64)]]
MUL_1: Final = sizes("mul r/m{n}")
IMUL_1: Final = sizes("imul r/m{n}")
DIV: Final = sizes("div r/m{n}")
IDIV: Final = sizes("idiv r/m{n}")
NEG: Final = sizes("neg r/m{n}")
NOT: Final = sizes("not r/m{n}")
CDQ: Final = row("cdq")
CQO: Final = row("cqo")
SHL_I: Final = sizes("shl r/m{n}, imm8")
SHR_I: Final = sizes("shr r/m{n}, imm8")
SAR_I: Final = sizes("sar r/m{n}, imm8")
ROL_I: Final = sizes("rol r/m{n}, imm8")
ROR_I: Final = sizes("ror r/m{n}, imm8")
SHL_C: Final = sizes("shl r/m{n}, cl")
SHR_C: Final = sizes("shr r/m{n}, cl")
SAR_C: Final = sizes("sar r/m{n}, cl")
ROL_C: Final = sizes("rol r/m{n}, cl")
ROR_C: Final = sizes("ror r/m{n}, cl")
SHLX: Final = [-1, -1, row("shlx r32, r/m32, r32"), row("shlx r64, r/m64, r64")]
SHRX: Final = [-1, -1, row("shrx r32, r/m32, r32"), row("shrx r64, r/m64, r64")]
SARX: Final = [-1, -1, row("sarx r32, r/m32, r32"), row("sarx r64, r/m64, r64")]
SHLD_C: Final = row("shld r/m64, r64, cl")
SHRD_C: Final = row("shrd r/m64, r64, cl")
SETCC: Final = [row(f"set{cc} r/m8") for cc in CC_NAMES]
CMOV: Final = [
    [-1] * 16,
    [-1] * 16,
    [row(f"cmov{cc} r32, r/m32") for cc in CC_NAMES],
    [row(f"cmov{cc} r64, r/m64") for cc in CC_NAMES],
]
BSF: Final = [-1, -1, row("bsf r32, r/m32"), row("bsf r64, r/m64")]
BSR: Final = [-1, -1, row("bsr r32, r/m32"), row("bsr r64, r/m64")]
TZCNT: Final = [-1, -1, row("tzcnt r32, r/m32"), row("tzcnt r64, r/m64")]
LZCNT: Final = [-1, -1, row("lzcnt r32, r/m32"), row("lzcnt r64, r/m64")]
POPCNT: Final = [-1, -1, row("popcnt r32, r/m32"), row("popcnt r64, r/m64")]
BSWAP: Final = [-1, -1, row("bswap r32"), row("bswap r64")]
XCHG: Final = sizes("xchg r/m{n}, r{n}")
LOCK_XADD: Final = sizes("lock xadd m{n}, r{n}")
LOCK_CMPXCHG: Final = sizes("lock cmpxchg m{n}, r{n}")
LOCK_CMPXCHG16B: Final = row("lock cmpxchg16b m128")
MFENCE: Final = row("mfence")
INT3: Final = row("int3")

# ---- floats ----
MOVSS_LOAD: Final = row("movss xmm, m32")
MOVSD_LOAD: Final = row("movsd xmm, m64")
MOVUPS_LOAD: Final = row("movups xmm, xmm/m128")
MOVSS_STORE: Final = row("movss m32, xmm")
MOVSD_STORE: Final = row("movsd m64, xmm")
MOVUPS_STORE: Final = row("movups xmm/m128, xmm")
MOVD_TO_X: Final = row("movd xmm, r/m32")
MOVQ_TO_X: Final = row("movq xmm, r/m64")
MOVD_FROM_X: Final = row("movd r/m32, xmm")
MOVQ_FROM_X: Final = row("movq r/m64, xmm")
XORPS: Final = row("xorps xmm, xmm/m128")
ANDPS: Final = row("andps xmm, xmm/m128")
ANDNPS: Final = row("andnps xmm, xmm/m128")
ORPS: Final = row("orps xmm, xmm/m128")
PUNPCKLQDQ: Final = row("punpcklqdq xmm, xmm/m128")
PSHUFD: Final = row("pshufd xmm, xmm/m128, imm8")


def _scalar(name: str) -> list[int]:
    """The single and the double form of a scalar float instruction."""
    return [row(f"{name}ss xmm, xmm/m32"), row(f"{name}sd xmm, xmm/m64")]


ADDS: Final = _scalar("add")
SUBS: Final = _scalar("sub")
MULS: Final = _scalar("mul")
DIVS: Final = _scalar("div")
MINS: Final = _scalar("min")
MAXS: Final = _scalar("max")
SQRTS: Final = _scalar("sqrt")
VEX_FLOAT: Final = {
    table[0]: [row(f"v{name}ss xmm, xmm, xmm/m32"), row(f"v{name}sd xmm, xmm, xmm/m64")]
    for table, name in ((ADDS, "add"), (SUBS, "sub"), (MULS, "mul"), (DIVS, "div"))
}
"""Forms that leave their first operand alone, by the row of the single one that overwrites it."""
UCOMIS: Final = [row("ucomiss xmm, xmm/m32"), row("ucomisd xmm, xmm/m64")]
ROUNDS: Final = [row("roundss xmm, xmm/m32, imm8"), row("roundsd xmm, xmm/m64, imm8")]
FMADDS: Final = [row("vfmadd213ss xmm, xmm, xmm/m32"), row("vfmadd213sd xmm, xmm, xmm/m64")]
CVTSI2S: Final = [
    [row("cvtsi2ss xmm, r/m32"), row("cvtsi2sd xmm, r/m32")],
    [row("cvtsi2ss xmm, r/m64"), row("cvtsi2sd xmm, r/m64")],
]
CVTTS2SI: Final = [
    [row("cvttss2si r32, xmm/m32"), row("cvttsd2si r32, xmm/m64")],
    [row("cvttss2si r64, xmm/m32"), row("cvttsd2si r64, xmm/m64")],
]
CVTSS2SD: Final = row("cvtss2sd xmm, xmm/m32")
CVTSD2SS: Final = row("cvtsd2ss xmm, xmm/m64")

TAIL_AREA: Final = 6
"""Kind of address: stack arguments of a tail call; `disp` counts from the end of their area."""
_PAYLOAD: Final = (RAX, RDX)
"""Where an exception's payload words are when a handler is entered."""
_STORES: Final = frozenset((ops.STORE, ops.ISTORE8, ops.ISTORE16, ops.ISTORE32, ops.ATOMIC_STORE))
_ATOMICS: Final = frozenset((ops.ATOMIC_LOAD, ops.ATOMIC_STORE, ops.ATOMIC_RMW, ops.ATOMIC_CAS))
_FLOAT_CC: Final = {
    ops.F_ORD: NP,
    ops.F_UNO: P,
    ops.F_ONE: NE,
    ops.F_UEQ: E,
    ops.F_GT: A,
    ops.F_GE: AE,
    ops.F_ULT: B,
    ops.F_ULE: BE,
}
_MASK64: Final = (1 << 64) - 1


_CLEARS: Final[list[bool]] = [False] * len(ops.ROWS)
"""Opcodes whose i32 is always written by an instruction of 32 bits, which clears the upper half of
its register (Intel SDM vol. 1, 3.4.1.1): no block parameters, arguments, results of calls, or
reductions, of which an i32 may have any upper half."""
for _op in (
    *(ops.IADD, ops.ISUB, ops.IMUL, ops.INEG, ops.BAND, ops.BOR, ops.BXOR, ops.BNOT),
    *(ops.ISHL, ops.USHR, ops.SSHR, ops.ROTL, ops.ROTR, ops.CLZ, ops.CTZ, ops.POPCNT),
    *(ops.LOAD, ops.ULOAD8, ops.SLOAD8, ops.ULOAD16, ops.SLOAD16, ops.UEXTEND, ops.SEXTEND),
    *(ops.SELECT, ops.UDIV, ops.SDIV, ops.UREM, ops.SREM),
):
    _CLEARS[_op] = True


class Imm:
    """An immediate operand, signed."""

    __slots__ = ("value",)

    def __init__(self, value: int) -> None:
        self.value = value


Operand = int | Imm | Address
RegMem = int | Address


def size_of(ty: int) -> int:
    """Index of rows of exactly this width."""
    return ty - T.I8


def wide_size(ty: int) -> int:
    """Index of rows for operations that may work on more bits than the type has."""
    return _Q if ty == T.I64 else _L


def signed(value: int, bits: int) -> int:
    """The low bits as a signed number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def fits_i32(value: int) -> bool:
    return -(1 << 31) <= value < 1 << 31


def is_double(ty: int) -> int:
    """Index of the scalar float rows: 0 single, 1 double. Raises Unsupported."""
    if ty == T.F32:
        return 0
    if ty == T.F64:
        return 1
    raise Unsupported(f"arithmetic of {T.NAMES[ty]} on x86-64")


class X64Lower(Lowering):
    """Lowers one function; `c` is the driver's context."""

    __slots__ = (
        "cpu_avx",
        "cpu_bmi1",
        "cpu_bmi2",
        "c",
        "constants",
        "cpu_fma",
        "func",
        "handlers",
        "layout",
        "cpu_lzcnt",
        "outgoing",
        "pinned",
        "cpu_popcnt",
        "settings",
        "slot_offsets",
        "sret",
        "cpu_sse41",
        "tail_area",
        "try_regs",
    )

    def __init__(self, func: Function, settings: Settings, context: Context) -> None:
        values = settings.values
        self.func = func
        self.c = context
        context.clears = _CLEARS
        self.settings = settings
        self.cpu_sse41 = bool(values["has_sse41"])
        self.cpu_avx = bool(values["has_avx"])
        self.cpu_fma = bool(values["has_fma"] and values["has_avx"])
        self.cpu_bmi1 = bool(values["has_bmi1"])
        self.cpu_bmi2 = bool(values["has_bmi2"])
        self.cpu_lzcnt = bool(values["has_lzcnt"])
        self.cpu_popcnt = bool(values["has_popcnt"])
        self.pinned = bool(values["enable_pinned_reg"])
        self.layout = self.layout_of(func.sig)
        self.outgoing = 0  # bytes below the frame for stack arguments of calls
        self.tail_area = self.layout.stack_args  # bytes of stack arguments that tail calls need
        self.constants: dict[bytes, int] = {}  # bytes of pool constants -> number
        self.sret = -1  # register with the hidden result pointer
        self.try_regs: dict[tuple[int, int], int] = {}
        self.handlers: dict[int, list[VBlock]] = {}  # edges of the try_call that ends a block
        self.slot_offsets: dict[int, int] = {}  # by the slot's number
        offset = 0
        for slot in func.stack_slots:
            align = max(slot.align, 8 if slot.size >= 8 else 1)
            offset = (offset + align - 1) & -align
            self.slot_offsets[slot.num] = offset
            offset += slot.size
        context.vcode.slot_offsets = self.slot_offsets
        context.vcode.slot_size = (offset + 15) & -16

    def layout_of(self, sig: Signature) -> abi.Layout:
        return abi.layout(sig, bool(self.settings.values["enable_llvm_abi_extensions"]))

    # ---- appending instructions ----

    def emit(self, row: int, operands: list[int], imm: int = 0) -> Inst:
        """Append an instruction of register operands."""
        inst = Inst(row, operands, imm)
        self.c.out.append(inst)
        return inst

    def emit_rm(self, row: int, operands: list[int], rm: RegMem, imm: int = 0) -> Inst:
        """Append an instruction whose last explicit operand is read from a register or memory."""
        if isinstance(rm, int):
            operands.append(use_any(rm))
            inst = Inst(row, operands, imm)
        else:
            add_address(operands, rm)
            inst = Inst(row, operands, imm, rm)
        self.c.out.append(inst)
        return inst

    def emit_mem(self, row: int, address: Address, operands: list[int], imm: int = 0) -> Inst:
        """Append an instruction whose first operand is in memory."""
        all_operands: list[int] = []
        add_address(all_operands, address)
        inst = Inst(row, all_operands + operands, imm, address)
        self.c.out.append(inst)
        return inst

    def binary(self, rows: list[list[int]], size: int, dst: int, a: int, b: Operand) -> None:
        """dst = a op b, in two-address form."""
        if isinstance(b, Imm):
            short = 1 if -128 <= b.value < 128 else 2
            self.emit(rows[short][size], [use(a), def_reuse(dst, 0)], b.value)
        else:
            self.emit_rm(rows[0][size], [use(a), def_reuse(dst, 0)], b)

    def unary(self, row: int, dst: int, a: int, imm: int = 0) -> None:
        """dst = op a, in one-address form."""
        self.emit(row, [use(a), def_reuse(dst, 0)], imm)

    def unary_rm(self, row: int, dst: int, a: RegMem, imm: int = 0) -> None:
        """dst = op a, with different registers."""
        self.emit_rm(row, [def_(dst)], a, imm)

    def move(self, dst: int, src: int) -> None:
        """Copy an integer register, all 64 bits."""
        self.emit(MOVE_INT, [use_any(src), def_(dst)])

    def move_float(self, dst: int, src: int) -> None:
        self.emit(MOVE_FLOAT, [use_any(src), def_(dst)])

    def copy(self, ty: int, dst: int, src: int) -> None:
        if reg_class(ty) == INT:
            self.move(dst, src)
        else:
            self.move_float(dst, src)

    def imm_to(self, dst: int, value: int) -> None:
        """dst = a constant of up to 64 bits; flags stay."""
        value &= _MASK64
        if value < 1 << 32:
            self.emit(MOVI_32, [def_(dst)], signed(value, 32))
        elif fits_i32(signed(value, 64)):
            self.emit(MOVI_S32, [def_(dst)], signed(value, 64))
        else:
            self.emit(MOVI_64, [def_(dst)], signed(value, 64))

    def imm_reg(self, value: int) -> int:
        """A fresh register with a constant."""
        dst = self.c.new_int()
        self.imm_to(dst, value)
        return dst

    # ---- constants ----

    def constant(self, value: Value) -> int:
        """A fresh register with the constant of an iconst or fNconst."""
        bits = T.BITS[value.ty]
        number = value.imm & ((1 << bits) - 1)
        if value.op == ops.ICONST:
            return self.imm_reg(number)
        dst = self.c.new_float()
        self.float_bits(dst, number, bits)
        return dst

    def float_bits(self, dst: int, number: int, bits: int) -> None:
        """dst = a float constant of up to 64 bits given by its bits."""
        if number == 0:
            self.zero_float(dst)
        elif bits == 64:
            address = self.pool(number.to_bytes(8, "little"))
            self.emit_rm(MOVSD_LOAD, [def_(dst)], address)
        else:
            address = self.pool(number.to_bytes(4, "little"))
            self.emit_rm(MOVSS_LOAD, [def_(dst)], address)

    def zero_float(self, dst: int) -> None:
        """dst = 0. `pool` is not needed: the result of xor does not depend on its operand."""
        self.emit(ZERO_FLOAT, [def_(dst)])

    def pool(self, data: bytes) -> Address:
        """The address of a constant in the pool, aligned to its size."""
        number = self.constants.get(data)
        if number is None:
            number = len(self.constants)
            self.constants[data] = number
        return Address(CONSTANT, label=number)

    def const_of(self, value: Value) -> int | None:
        """The signed value of an integer constant, looking through extensions and reductions."""
        bits = T.BITS[value.ty]
        while value.op == ops.IREDUCE:
            value = value.a
        if value.op == ops.ICONST:
            return signed(value.imm, bits)
        if value.op == ops.UEXTEND and value.a.op == ops.ICONST and bits <= 64:
            return signed(value.a.imm & ((1 << T.BITS[value.a.ty]) - 1), bits)
        if value.op == ops.SEXTEND and value.a.op == ops.ICONST and bits <= 64:
            return signed(signed(value.a.imm, T.BITS[value.a.ty]), bits)
        return None

    # ---- operands ----

    def rm(self, value: Value, narrow: bool = False) -> RegMem:
        """A value as register, or as memory: a float or long constant, or a load to be folded.

        Loads of less than 32 bits are folded only if the instruction reads no more (`narrow`).
        """
        if value.op in (ops.F32CONST, ops.F64CONST) and value.imm:
            return self.pool(value.imm.to_bytes(T.size(value.ty), "little"))
        if value.op == ops.ICONST and value.ty == T.I64:
            number = value.imm & _MASK64
            if number >> 32 and not fits_i32(signed(number, 64)):
                return self.pool(number.to_bytes(8, "little"))  # shorter than movabs
        if value.op == ops.LOAD and self.c.can_sink(value):
            ty = value.ty
            if ty in (T.I32, T.I64, T.F32, T.F64) or (narrow and ty in (T.I8, T.I16)):
                self.c.sink(value)
                return self.address_of(value)
        return self.c.reg(value)

    def rmi(self, value: Value, narrow: bool = False) -> Operand:
        """A value as immediate if it fits in 32 signed bits, else as `rm`."""
        number = self.const_of(value)
        if number is not None and fits_i32(number):
            return Imm(number)
        return self.rm(value, narrow)

    def address_of(self, inst: Value) -> Address:
        """The address that a load, store or atomic accesses."""
        flags = inst.ext
        assert isinstance(flags, MemFlags)
        if flags.endian == "big":
            raise Unsupported("big-endian memory access on x86-64")
        pointer = inst.b if inst.op in _STORES else inst.a
        address = self.address(pointer, inst.imm if inst.op not in _ATOMICS else 0)
        address.trap = flags.trap
        return address

    def address(self, pointer: Value, offset: int) -> Address:
        """`pointer + offset` with as much folded as fits."""
        base = pointer
        index = NIL
        shift = 0
        if pointer.ty != T.I64:
            return Address(REG, offset, self.extended(pointer, False, _Q))
        while True:
            if base.op == ops.IADD:
                number = self.const_of(base.b)
                if number is not None and fits_i32(offset + number):
                    offset += number
                    base = base.a
                    continue
                number = self.const_of(base.a)
                if number is not None and fits_i32(offset + number):
                    offset += number
                    base = base.b
                    continue
                if index is NIL:
                    left, right = base.a, base.b
                    if left.op == ops.ISHL and right.op != ops.ISHL:
                        left, right = right, left
                    base, index = left, right
                    if index.op == ops.ISHL:
                        amount = self.const_of(index.b)
                        if amount is not None and 0 <= amount <= 3:
                            shift = amount
                            index = index.a
                    continue
            break
        if index is not NIL:
            number = self.const_of(index)
            if number is not None and fits_i32(offset + (number << shift)):
                offset += number << shift
                index = NIL
        address = Address(REG, offset)
        if index is not NIL:
            address.index = self.c.reg(index)
            address.shift = shift
        if base.op == ops.STACK_ADDR and fits_i32(offset + base.imm):
            slot = base.ext
            assert isinstance(slot, StackSlot)
            address.kind = SLOT_AREA
            address.disp += base.imm + self.slot_offsets[slot.num]
        elif base.op == ops.GET_PINNED_REG:
            address.base = R15
        else:
            number = self.const_of(base)
            if number is not None and fits_i32(offset + number) and offset + number >= 0:
                address.disp += number
            else:
                address.base = self.c.reg(base)
        return address

    def extended(self, value: Value, sign: bool, size: int) -> int:
        """A narrow value extended to 32 or 64 bits (`size`), in a register."""
        ty = value.ty
        number = self.const_of(value)
        if number is not None:
            if not sign:
                number &= (1 << T.BITS[ty]) - 1
            return self.imm_reg(number)
        if size_of(ty) >= size or (not sign and self.c.clear(value)):
            return self.c.reg(value)
        dst = self.c.new_int()
        self.extend_to(dst, self.rm(value, narrow=True), ty, sign, size)
        return dst

    def extend_to(self, dst: int, src: RegMem, ty: int, sign: bool, size: int) -> None:
        """dst = src of type `ty` extended to 32 or 64 bits."""
        if not sign:
            if ty == T.I32 and isinstance(src, int):
                # Not a move that may vanish: it clears the upper half.
                self.emit_rm(MOVE_INT_32, [def_(dst)], src)
            else:
                self.unary_rm(LOAD_INT[size_of(ty)], dst, src)
        elif size == _Q:
            self.unary_rm(MOVSX_64[size_of(ty)], dst, src)
        else:
            self.unary_rm(MOVSX_32[size_of(ty)], dst, src)

    # ---- conditions ----

    def condition(self, value: Value, negate: bool = False) -> Cond:
        """Set the flags from a truth value; gives the condition under which it is not zero."""
        cond = self._condition(value)
        return cond.negated() if negate else cond

    def _condition(self, value: Value) -> Cond:
        c = self.c
        negate = False
        once = c.uses[value.num] == 1
        while True:
            if value.op == ops.UEXTEND or (value.op == ops.IREDUCE and _is_truth(value.a)):
                inner = value.a
            elif (
                value.op == ops.ICMP
                and value.imm in (ops.EQ, ops.NE)
                and value.a.ty != T.I128
                and self.const_of(value.b) == 0
                and _is_truth(value.a)
            ):
                negate ^= value.imm == ops.EQ
                inner = value.a
            else:
                break
            value = inner
            once = once and c.uses[value.num] == 1
        if value.op == ops.ICMP:
            cond = self.compare(value, once)
        elif value.op == ops.FCMP:
            cond = self.float_compare(value, once)
        elif value.ty == T.I128:
            lo, hi = c.pair(value)
            dst = c.new_int()
            self.binary(OR, _Q, dst, lo, hi)
            cond = Cond(NE)
        else:
            cond = self.test_zero(value, ops.NE, once)
        return cond.negated() if negate else cond

    def test_zero(self, value: Value, cc: int, once: bool) -> Cond:
        """Flags of `value == 0` and the like, where signs count too."""
        c = self.c
        size = size_of(value.ty)
        if value.op == ops.BAND and cc in (ops.EQ, ops.NE):
            if self.bit_test(value):
                return Cond(AE if cc == ops.EQ else B)
            mask = self.const_of(value.b)
            alone = once and c.uses[value.num] == 1
            if mask is not None and fits_i32(mask) and alone and self.sinks(value.a):
                self.emit_mem(TEST_RM_I[size], self.address_of(value.a), [], mask)
            elif mask is not None and fits_i32(mask):
                self.emit(TEST_RM_I[size], [use(c.reg(value.a))], mask)
            elif mask is None and once:
                left, right = c.reg(value.a), c.reg(value.b)
                self.emit(TEST_RM_R[size], [use(left), use(right)])
            else:
                reg = c.reg(value)
                self.emit(TEST_RM_R[size], [use(reg), use(reg)])
            return Cond(_INT_CC[cc])
        if once and value.op == ops.LOAD and c.can_sink(value):
            c.sink(value)
            self.emit_mem(CMP[1][size], self.address_of(value), [], 0)
        else:
            reg = c.reg(value)
            self.emit(TEST_RM_R[size], [use(reg), use(reg)])
        return Cond(_INT_CC[cc])

    def sinks(self, value: Value) -> bool:
        """Sink a load if it can be: then its address is to be read by the next instruction."""
        if value.op != ops.LOAD or not self.c.can_sink(value):
            return False
        self.c.sink(value)
        return True

    def bit_test(self, value: Value) -> bool:
        """Set the carry flag to the bit that a `band` selects; false if it is no bit for `bt`."""
        if value.ty not in (T.I32, T.I64):
            return False
        size = size_of(value.ty)
        bits = T.BITS[value.ty]
        tested, number = bit_of(value)
        mask = self.const_of(value.b)
        if mask is not None and number is NIL:
            mask &= (1 << bits) - 1
            if mask & mask - 1 or mask < 1 << 31 or size != _Q:
                return False
            self.emit(BT_I[size], [use(self.c.reg(value.a))], mask.bit_length() - 1)
            return True
        if number is NIL:
            return False
        fixed = self.const_of(number)
        if fixed is not None:
            self.emit(BT_I[size], [use(self.c.reg(tested))], fixed & (bits - 1))
            return True
        count = self.c.pair(number)[0] if number.ty == T.I128 else self.c.reg(number)
        self.emit(BT[size], [use(self.c.reg(tested)), use(count)])
        return True

    def compare(self, inst: Value, once: bool) -> Cond:
        """Flags of an icmp of scalars. `once`: loads may be folded."""
        left, right, cc = inst.a, inst.b, inst.imm
        if left.ty == T.I128:
            return self.compare_pairs(left, right, cc)
        c = self.c
        if self.const_of(left) is not None and self.const_of(right) is None:
            left, right = right, left
            cc = ops.INT_CC_SWAPPED[cc]
        size = size_of(left.ty)
        number = self.const_of(right)
        if number == 0:
            if cc in (ops.SLT, ops.SGE):
                reg = c.reg(left)
                self.emit(TEST_RM_R[size], [use(reg), use(reg)])
                return Cond(S if cc == ops.SLT else NS)
            return self.test_zero(left, cc, once)
        if number is not None and fits_i32(number):
            short = 1 if -128 <= number < 128 else 2
            if once and left.op == ops.LOAD and c.can_sink(left):
                c.sink(left)
                self.emit_mem(CMP[short][size], self.address_of(left), [], number)
            else:
                self.emit(CMP[short][size], [use(c.reg(left))], number)
            return Cond(_INT_CC[cc])
        if (
            once
            and right.op != ops.LOAD
            and left.op == ops.LOAD
            and c.can_sink(left)
            or right.op == ops.GET_STACK_POINTER
        ):
            left, right = right, left
            cc = ops.INT_CC_SWAPPED[cc]
        operand = self.rm(right, narrow=True) if once else c.reg(right)
        # The stack pointer stays where the prologue left it.
        first = RSP if left.op == ops.GET_STACK_POINTER else c.reg(left)
        self.emit_rm(CMP[0][size], [use(first)], operand)
        return Cond(_INT_CC[cc])

    def compare_pairs(self, left: Value, right: Value, cc: int) -> Cond:
        """Flags of a comparison of i128."""
        c = self.c
        if cc in (ops.SGT, ops.SLE, ops.UGT, ops.ULE):
            left, right = right, left
            cc = ops.INT_CC_SWAPPED[cc]
        a_lo, a_hi = c.pair(left)
        b_lo, b_hi = c.pair(right)
        if cc in (ops.EQ, ops.NE):
            lo, hi, both = c.new_int(), c.new_int(), c.new_int()
            self.binary(XOR, _Q, lo, a_lo, b_lo)
            self.binary(XOR, _Q, hi, a_hi, b_hi)
            self.binary(OR, _Q, both, lo, hi)
            return Cond(_INT_CC[cc])
        self.emit_rm(CMP[0][_Q], [use(a_lo)], b_lo)
        self.binary(SBB, _Q, c.new_int(), a_hi, b_hi)
        return Cond(_INT_CC[cc])

    def float_compare(self, inst: Value, once: bool) -> Cond:
        """Flags of an fcmp of scalars.

        `ucomis` sets ZF PF CF to 111 when unordered, 000 above, 001 below, 100 equal.
        """
        left, right, cc = inst.a, inst.b, inst.imm
        if cc in (ops.F_LT, ops.F_LE, ops.F_UGT, ops.F_UGE):
            left, right = right, left
            cc = ops.FLOAT_CC_SWAPPED[cc]
        row = UCOMIS[is_double(left.ty)]
        operand = self.rm(right) if once else self.c.reg(right)
        self.emit_rm(row, [use(self.c.reg(left))], operand)
        if cc == ops.F_EQ:
            return Cond(E, NP, Cond.AND)
        if cc == ops.F_NE:
            return Cond(NE, P, Cond.OR)
        return Cond(_FLOAT_CC[cc])

    def set_bool(self, dst: int, cond: Cond) -> None:
        """dst (8 bits) = 1 if the condition holds, else 0."""
        if cond.mode == Cond.ONE:
            self.emit(SETCC[cond.first], [def_(dst)])
            return
        first, second = self.c.new_int(), self.c.new_int()
        self.emit(SETCC[cond.first], [def_(first)])
        self.emit(SETCC[cond.second], [def_(second)])
        self.binary(AND if cond.mode == Cond.AND else OR, _L, dst, first, second)

    def trap_if(self, cond: Cond, code: int) -> None:
        self.emit(TRAP_IF, []).ext = (cond, code)

    # ---- entry, calls, returns ----

    def lower_entry(self) -> None:
        """Define the function's parameters."""
        c = self.c
        fixed: list[int] = []
        if self.layout.result_pointer >= 0:
            self.sret = self.sret if self.sret >= 0 else c.new_int()
            fixed.append(def_fixed(self.sret, self.layout.result_pointer))
        self.emit(ARGS, fixed)
        for index, param in enumerate(self.func.blocks[0].params):
            parts = self.layout.args[index]
            sret = self.func.sig.params[index].purpose == "sret"
            if c.uses[param.num] == 0 and not (sret and c.lo[param.num] >= 0):
                continue
            regs = c.regs(param)
            if self.layout.structs[index]:
                address = Address(INCOMING, parts[0].offset)
                self.emit_rm(LEA[_Q], [def_(regs[0])], address)
                continue
            if self.layout.copies[index] >= 0:
                pointer = c.new_int()
                if parts[0].reg >= 0:
                    fixed.append(def_fixed(pointer, parts[0].reg))
                else:
                    self.load_part(pointer, parts[0], Address(INCOMING, parts[0].offset))
                self.load_wide(param.ty, regs, Address(REG, 0, pointer))
                continue
            for part, reg in zip(parts, regs, strict=True):
                if part.reg >= 0:
                    fixed.append(def_fixed(reg, part.reg))
                else:
                    self.load_part(reg, part, Address(INCOMING, part.offset))

    def load_wide(self, ty: int, regs: list[int], address: Address) -> None:
        """Load a value of 128 bits that was passed by pointer."""
        if ty != T.I128:
            self.emit_rm(_float_load(ty), [def_(regs[0])], address)
            return
        for reg in regs:
            self.emit_rm(LOAD_INT[_Q], [def_(reg)], address)
            address = Address(address.kind, address.disp + 8, address.base)

    def pack(self, dst: int, lo: int, hi: int) -> None:
        """dst = an i128 in a vector register."""
        low, high = self.c.new_float(), self.c.new_float()
        self.unary_rm(MOVQ_TO_X, low, lo)
        self.unary_rm(MOVQ_TO_X, high, hi)
        self.emit(PUNPCKLQDQ, [use(low), def_reuse(dst, 0), use(high)])

    def unpack(self, lo: int, hi: int, src: int) -> None:
        """The halves of an i128 in a vector register."""
        swapped = self.c.new_float()
        self.emit(MOVQ_FROM_X, [def_(lo), use(src)])
        self.emit(PSHUFD, [def_(swapped), use(src)], 0xEE)
        self.emit(MOVQ_FROM_X, [def_(hi), use(swapped)])

    def load_part(self, reg: int, part: abi.Part, address: Address) -> None:
        """Load an argument or result from the stack."""
        if reg_class(part.ty) == INT:
            size = size_of(part.ty) if part.packed else _Q
            self.emit_rm(LOAD_INT[size], [def_(reg)], address)
        else:
            self.emit_rm(_float_load(_stacked(part.ty)), [def_(reg)], address)

    def store_part(self, reg: int, part: abi.Part, address: Address) -> None:
        if reg_class(part.ty) == INT:
            size = size_of(part.ty) if part.packed else _Q
            self.emit_mem(STORE_INT[size], address, [use(reg)])
        else:
            self.emit_mem(_float_store(_stacked(part.ty)), address, [use(reg)])

    def part_regs(self, value: Value, parts: list[abi.Part]) -> list[int]:
        """The registers of an argument or result, extended as the signature says."""
        extend = parts[0].extend
        if extend and T.BITS[value.ty] < 64:
            return [self.extended(value, extend == "sext", _Q)]
        regs = self.c.regs(value)
        if len(regs) > len(parts):
            packed = self.c.new_float()
            self.pack(packed, regs[0], regs[1])
            return [packed]
        return regs

    def lower_call(self, inst: Value, callee: Value, edges: list[VBlock] | None = None) -> None:
        """call, call_indirect, try_call and try_call_indirect."""
        info = inst.ext
        assert isinstance(info, CallInfo)
        c = self.c
        layout = self.layout_of(info.sig)
        total = layout.stack_args
        operands: list[int] = []
        symbol: FuncRef | None = info.callee
        slot = self.slot_of(inst, callee, layout) if symbol is None else None
        if slot is not None:
            pass
        elif symbol is None:
            operands.append(use(c.reg(callee)))
        elif not symbol.colocated:
            target = c.new_int()
            self.symbol(target, symbol.name, 0, False)
            operands.append(use(target))
            symbol = None
        pointer = -1
        if layout.result_pointer >= 0:
            # Results in memory lie above the stack arguments.
            pointer = c.new_int()
            area = Address(OUTGOING, total)
            self.emit_rm(LEA[_Q], [def_(pointer)], area)
        total += layout.stack_results + layout.copy_bytes
        self.outgoing = max(self.outgoing, total)
        self.arguments(inst.args, layout, OUTGOING, 0, operands)
        if pointer >= 0:
            operands.append(use_fixed(pointer, layout.result_pointer))
        site = CallSite(symbol, info, layout.stack_args if layout.callee_pops else 0)
        site.slot = slot
        clobbers = layout.clobbers
        if edges is not None:
            clobbers = abi.ALLOCATABLE
            site.edges = edges
        if self.pinned:
            clobbers &= ~(1 << R15)
        results = inst.results if inst.results else ((inst,) if inst.ty else ())
        loads: list[tuple[int, abi.Part]] = []
        packed: list[tuple[list[int], int]] = []
        for index, parts in enumerate(layout.results):
            if edges is not None:
                self.try_results(inst, parts, operands)
                continue
            result = results[index]
            if c.lo[result.num] < 0:
                continue
            regs = c.regs(result)
            if len(regs) > len(parts):
                packed.append((regs, c.new_float()))
                regs = [packed[-1][1]]
            for part, reg in zip(parts, regs, strict=True):
                if part.reg >= 0:
                    operands.append(def_fixed(reg, part.reg))
                else:
                    loads.append((reg, part))
        if edges is not None:
            for preg in _PAYLOAD:
                if (inst.num, preg) in self.try_regs:
                    operands.append(def_fixed(self.try_regs.pop((inst.num, preg)), preg))
            self.handlers[inst.block.num] = edges
        call = self.emit(CALL, operands)
        call.clobbers = clobbers
        call.ext = site
        for reg, part in loads:
            at = Address(OUTGOING, layout.stack_args + part.offset)
            self.load_part(reg, part, at)
        for regs, vector in packed:
            self.unpack(regs[0], regs[1], vector)

    def try_values(self, inst: Value, arg: Value) -> list[int]:
        """The registers of a result or payload word of a try_call, asked for by its edges.

        What an edge takes from memory is loaded on that edge.
        """
        info = inst.ext
        assert isinstance(info, CallInfo)
        if arg.op == ops.TRY_EXN:
            return [self.try_reg(inst, _PAYLOAD[arg.imm], INT)]
        layout = self.layout_of(info.sig)
        regs: list[int] = []
        for part in layout.results[arg.imm]:
            cls = reg_class(part.ty)
            if part.reg >= 0:
                regs.append(self.try_reg(inst, part.reg, cls))
            else:
                regs.append(self.c.new_vreg(cls))
                at = Address(OUTGOING, layout.stack_args + part.offset)
                self.load_part(regs[-1], part, at)
        return regs

    def try_reg(self, inst: Value, preg: int, cls: int) -> int:
        """The register defined in `preg` by a try_call: a result on one edge, payload on others."""
        key = (inst.num, preg)
        reg = self.try_regs.get(key, -1)
        if reg < 0:
            reg = self.c.new_vreg(cls)
            self.try_regs[key] = reg
        return reg

    def try_results(self, inst: Value, parts: list[abi.Part], operands: list[int]) -> None:
        """Define the results of a try_call that its edges asked for."""
        for part in parts:
            reg = self.try_regs.pop((inst.num, part.reg), -1)
            if reg >= 0:
                operands.append(def_fixed(reg, part.reg))

    def arguments(
        self,
        args: tuple[Value, ...],
        layout: abi.Layout,
        area: int,
        offset: int,
        operands: list[int],
    ) -> None:
        """Place the arguments of a call: stores to the stack, fixed uses in `operands`."""
        # In a tail call structs may lie where the arguments go: first everything is read.
        words: list[tuple[int, int, Address]] = []
        values: list[tuple[int, abi.Part]] = []
        for index, parts in enumerate(layout.args):
            if layout.structs[index]:
                at = Address(area, offset + parts[0].offset)
                source = self.c.reg(args[index])
                later = words if area == TAIL_AREA else None
                self.copy_struct(source, at, layout.structs[index], later)
                continue
            if layout.copies[index] >= 0:
                copies = layout.stack_args + layout.stack_results
                regs = [self.store_copy(args[index], area, copies + layout.copies[index])]
            else:
                regs = self.part_regs(args[index], parts)
            values += zip(regs, parts, strict=True)
        for word, size, address in words:
            self.emit_mem(STORE_INT[size], address, [use(word)])
        for reg, part in values:
            if part.reg >= 0:
                operands.append(use_fixed(reg, part.reg))
            else:
                self.store_part(reg, part, Address(area, offset + part.offset))

    def store_copy(self, value: Value, area: int, offset: int) -> int:
        """Copy a value of 128 bits to the stack, 16-aligned; a register with the address."""
        regs = self.c.regs(value)
        pointer = self.c.new_int()
        self.emit_rm(LEA[_Q], [def_(pointer)], Address(area, offset))
        if value.ty == T.I128:
            self.emit_mem(STORE_INT[_Q], Address(area, offset), [use(regs[0])])
            self.emit_mem(STORE_INT[_Q], Address(area, offset + 8), [use(regs[1])])
        else:
            self.emit_mem(_float_store(value.ty), Address(area, offset), [use(regs[0])])
        return pointer

    def copy_struct(
        self, source: int, to: Address, size: int, later: list[tuple[int, int, Address]] | None
    ) -> None:
        """Copy a struct, eight bytes at a time; `later` gets what is left to store, as (register,
        size, address)."""
        if size > 1024:
            raise Unsupported(f"a struct argument of {size} bytes")
        at = 0
        for step, row_size in ((8, _Q), (4, _L), (2, _W), (1, _B)):
            while size - at >= step:
                word = self.c.new_int()
                self.emit_rm(LOAD_INT[row_size], [def_(word)], Address(REG, at, source))
                address = Address(to.kind, to.disp + at)
                if later is None:
                    self.emit_mem(STORE_INT[row_size], address, [use(word)])
                else:
                    later.append((word, row_size, address))
                at += step

    def lower_return(self, inst: Value) -> None:
        operands: list[int] = []
        layout = self.layout
        pointer = -1
        if layout.result_pointer >= 0:
            pointer = self.sret = self.sret if self.sret >= 0 else self.c.new_int()
        for index, parts in enumerate(layout.results):
            for part, reg in zip(parts, self.part_regs(inst.args[index], parts), strict=True):
                if part.reg >= 0:
                    operands.append(use_fixed(reg, part.reg))
                elif pointer >= 0:
                    self.store_part(reg, part, Address(REG, part.offset, pointer))
                else:
                    at = Address(INCOMING, layout.stack_args + part.offset)
                    self.store_part(reg, part, at)
        if not self.func.sig.returns and self.func.sig.call_conv != "tail":
            for param, value in zip(self.func.sig.params, self.func.blocks[0].params, strict=True):
                if param.purpose == "sret":
                    operands.append(use_fixed(self.c.reg(value), RAX))
        self.emit(RETURN, operands)

    def lower_tail_call(self, inst: Value, callee: Value) -> None:
        """return_call and return_call_indirect."""
        info = inst.ext
        assert isinstance(info, CallInfo)
        layout = self.layout_of(info.sig)
        if layout.stack_results != self.layout.stack_results:
            raise Unsupported("a tail call with other results on the stack")
        if info.sig.call_conv != "tail" or self.func.sig.call_conv != "tail":
            raise Unsupported("a tail call outside the tail convention")
        operands: list[int] = []
        symbol = info.callee
        slot = self.slot_of(inst, callee, layout) if symbol is None else None
        if slot is not None:
            pass
        elif symbol is None:
            operands.append(use_fixed(self.c.reg(callee), R10))
        elif not symbol.colocated:
            target = self.c.new_int()
            self.symbol(target, symbol.name, 0, False)
            operands.append(use_fixed(target, R10))
            symbol = None
        self.tail_area = max(self.tail_area, layout.stack_args)
        # The area ends where this function's own does; its size is known only at the end.
        self.arguments(inst.args, layout, TAIL_AREA, -layout.stack_args, operands)
        call = self.emit(TAIL_CALL, operands)
        site = CallSite(symbol, info, layout.stack_args)
        site.slot = slot
        call.ext = site

    def slot_of(self, inst: Value, callee: Value, layout: abi.Layout) -> int | None:
        """The offset when a call's target is loaded from its first argument, which goes in rdi, and
        the call can do that itself; else None."""
        if callee.op != ops.LOAD or not inst.args or callee.a is not inst.args[0]:
            return None
        first = layout.args[0]
        if len(first) != 1 or first[0].reg != RDI or not fits_i32(callee.imm):
            return None
        if not self.c.can_sink(callee):
            return None
        flags = callee.ext
        assert isinstance(flags, MemFlags)
        if flags.trap or flags.endian == "big":
            return None
        self.c.sink(callee)
        return callee.imm

    def symbol(self, dst: int, name: str, offset: int, colocated: bool) -> None:
        """dst = the address of a symbol."""
        self.emit(SYMBOL, [def_(dst)]).ext = Symbol(name, offset, colocated)

    def libcall(self, name: str, args: list[int], dst: int) -> None:
        """Call a C function of floats: `dst = name(args...)`."""
        target = self.c.new_int()
        self.symbol(target, name, 0, False)
        operands = [use(target)]
        for index, arg in enumerate(args):
            operands.append(use_fixed(arg, 16 + index))
        operands.append(def_fixed(dst, 16))
        call = self.emit(CALL, operands)
        call.clobbers = abi.clobbers("system_v")
        if self.pinned:
            call.clobbers &= ~(1 << R15)
        call.ext = CallSite(None, None, 0)

    # ---- terminators ----

    def lower_jump(self, edge: VBlock) -> None:
        self.emit(JUMP, []).ext = edge

    def lower_branch(self, inst: Value, edges: list[VBlock]) -> None:
        op = inst.op
        if op == ops.BRIF:
            cond = self.condition(inst.a)
            self.emit(BRANCH, []).ext = (cond, edges[0], edges[1])
        elif op == ops.BR_TABLE:
            self.lower_br_table(inst, edges)
        elif op == ops.RETURN_:
            self.lower_return(inst)
        elif op == ops.TRAP:
            self.emit(TRAP, [], inst.imm)
        elif op == ops.RETURN_CALL:
            self.lower_tail_call(inst, NIL)
        elif op == ops.RETURN_CALL_INDIRECT:
            self.lower_tail_call(inst, inst.a)
        elif op == ops.TRY_CALL:
            self.lower_call(inst, NIL, edges)
        elif op == ops.TRY_CALL_INDIRECT:
            self.lower_call(inst, inst.a, edges)
        else:
            raise Unsupported(f"{ops.ROWS[op].name} on x86-64")

    def lower_br_table(self, inst: Value, edges: list[VBlock]) -> None:
        index = self.extended(inst.a, False, _Q)
        table, entry = self.c.new_int(), self.c.new_int()
        jump = self.emit(JUMP_TABLE, [use_late(index), temp(table), temp(entry)])
        jump.ext = edges
        jump.imm = self.settings.values["enable_table_access_spectre_mitigation"]

    # ---- everything else ----

    def lower_inst(self, inst: Value) -> None:
        """Lower an instruction that is no terminator."""
        HANDLERS[inst.op](self, inst)


Handler = Callable[[X64Lower, Value], None]


def _unsupported(x: X64Lower, inst: Value) -> None:
    raise Unsupported(f"{ops.ROWS[inst.op].name} on x86-64")


HANDLERS: Final[list[Handler]] = [_unsupported] * len(ops.ROWS)
"""By opcode; filled by `opcodes.py`."""


def lowers(*opcodes: int) -> Callable[[Handler], Handler]:
    """Register the function below as what lowers these opcodes."""

    def register(handler: Handler) -> Handler:
        for op in opcodes:
            HANDLERS[op] = handler
        return handler

    return register


def _stacked(ty: int) -> int:
    """The type by which a float is passed on the stack, where 8 bytes are reserved at least."""
    return T.F32 if T.BITS[ty] < 32 else ty


def _float_load(ty: int) -> int:
    """The row that loads a value of this type to a vector register."""
    bits = T.BITS[ty]
    if bits == 32:
        return MOVSS_LOAD
    if bits == 64:
        return MOVSD_LOAD
    if bits == 128:
        return MOVUPS_LOAD
    raise Unsupported(f"memory access of {T.NAMES[ty]} on x86-64")


def _float_store(ty: int) -> int:
    bits = T.BITS[ty]
    if bits == 32:
        return MOVSS_STORE
    if bits == 64:
        return MOVSD_STORE
    if bits == 128:
        return MOVUPS_STORE
    raise Unsupported(f"memory access of {T.NAMES[ty]} on x86-64")


def bit_of(value: Value) -> tuple[Value, Value]:
    """What and which bit of it `x & 1 << n` or `x >> n & 1` selects; NIL for another `band`."""
    a, b = value.a, value.b
    if b.op == ops.ICONST and b.imm == 1 and a.op in (ops.USHR, ops.SSHR):
        return a.a, a.b
    for one, other in ((a, b), (b, a)):
        if one.op == ops.ISHL and one.a.op == ops.ICONST and one.a.imm == 1:
            return other, one.b
    return NIL, NIL


def _is_truth(value: Value) -> bool:
    """True for a value that is a comparison, perhaps extended."""
    while value.op == ops.UEXTEND:
        value = value.a
    return (value.op == ops.ICMP or value.op == ops.FCMP) and T.LANES[value.ty] == 1


def add_address(operands: list[int], address: Address) -> None:
    """The registers of an address as operands: base, then index."""
    if address.base >= 0:
        operands.append(use(address.base))
    if address.index >= 0:
        operands.append(use(address.index))
