"""Actions and guards of the lowering rules: the methods of `RuleLowering`.

An action's first argument is the value being lowered; it defines that value's register. Guards that
speak of the value being lowered have it in `root`.
"""

from __future__ import annotations

from collections.abc import Callable

from grus.backend.regalloc.types import def_, def_reuse, use, use_any, use_fixed
from grus.backend.vcode import REG, Address
from grus.backend.x64 import lower as L
from grus.backend.x64 import opcodes as C
from grus.backend.x64 import vectors
from grus.backend.x64.lower import Imm, X64Lower, fits_i32, is_double, size_of, wide_size
from grus.backend.x64.regs import RCX
from grus.backend.x64.rows import row
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# Arguments of actions.
ADD, SUB, AND, OR, XOR = range(5)
_ALU: Final = (L.ADD, L.SUB, L.AND, L.OR, L.XOR)
ADD_S, SUB_S, MUL_S, DIV_S = range(4)
_FLOAT: Final = (L.ADDS, L.SUBS, L.MULS, L.DIVS)
ANDPS, ORPS, XORPS = range(3)
_LOGIC: Final = (L.ANDPS, L.ORPS, L.XORPS)
SHL, SHR, SAR = range(3)
_SHIFT_CONSTANT: Final = (L.SHL_I, L.SHR_I, L.SAR_I)
_SHIFT_CL: Final = (L.SHL_C, L.SHR_C, L.SAR_C)
_SHIFT_ANY: Final = (L.SHLX, L.SHRX, L.SARX)
ROL, ROR = range(2)
_ROTATE_CONSTANT: Final = (L.ROL_I, L.ROR_I)
_ROTATE_CL: Final = (L.ROL_C, L.ROR_C)
NEAREST, FLOOR, CEIL, TRUNC = range(4)
_ANDN: Final = [-1, -1, row("andn r32, r32, r/m32"), row("andn r64, r64, r/m64")]
_BLS: Final = {
    kind: [-1, -1, row(f"{name} r32, r/m32"), row(f"{name} r64, r/m64")]
    for kind, name in ((1, "blsr"), (2, "blsmsk"), (3, "blsi"))
}
_MINMAX_CC: Final = (L.A, L.B, L.G, L.L)  # unsigned min, max, signed min, max: take the second


_MADE_ANEW: Final = (ops.F32CONST, ops.F64CONST)
"""Constants have a fresh register for each user."""


class RuleLowering(X64Lower):
    """Lowering with the names that rules use."""

    __slots__ = ("root",)

    root: Value

    def lower_inst(self, inst: Value) -> None:
        on_vector = vectors.HANDLERS.get(inst.op)
        if on_vector is not None and vectors.involved(inst):
            on_vector(self, inst)
            return
        matcher = MATCHERS.get(inst.op)
        if matcher is not None:
            self.root = inst
            if matcher(self, inst):
                return
        L.HANDLERS[inst.op](self, inst)

    # ---- guards ----

    def fits_i32(self, number: int) -> bool:
        return fits_i32(number)

    def fits_minus_i32(self, number: int) -> bool:
        return fits_i32(-number)

    def scale(self, shift: int) -> bool:
        return 1 <= shift <= 3

    def shared(self, value: Value) -> bool:
        """The value is needed after this too, and has a register of its own."""
        return value.op != ops.ICONST and self.c.lives(value)

    def one_register(self) -> bool:
        return self.root.ty != T.I128

    def is_f32(self) -> bool:
        return self.root.ty == T.F32

    def is_f64(self) -> bool:
        return self.root.ty == T.F64

    def has_bmi1(self) -> bool:
        return self.cpu_bmi1

    def has_bmi2(self) -> bool:
        return self.cpu_bmi2

    def has_lzcnt(self) -> bool:
        return self.cpu_lzcnt

    def has_popcnt(self) -> bool:
        return self.cpu_popcnt

    def has_fma(self) -> bool:
        return self.cpu_fma

    def has_sse41(self) -> bool:
        return self.cpu_sse41

    # ---- integer actions ----

    def alu(self, v: Value, kind: int, a: Value, b: Value) -> None:
        self.binary(_ALU[kind], wide_size(v.ty), self.c.result(v), self.c.reg(a), self.rmi(b))

    def alu_commuted(self, v: Value, kind: int, a: Value, b: Value) -> None:
        """With the operand that folds best second, else with one first that dies here: it is
        overwritten. A sum of operands that both live on is `lea`."""
        if self.better_second(a, b):
            a, b = b, a
        elif not self.folds(b) and self.c.lives(a):
            if not self.c.lives(b):
                a, b = b, a
            elif kind == ADD and v.ty in (T.I32, T.I64):
                self.lea_scaled(v, a, b, 0, 0)
                return
        self.alu(v, kind, a, b)

    def better_second(self, a: Value, b: Value) -> bool:
        """True when `a` folds into an instruction and `b` does not."""
        if self.const_of(b) is not None:
            return False
        if self.const_of(a) is not None:
            return True
        return self.folds(a) and not self.folds(b)

    def folds(self, value: Value) -> bool:
        """True for a constant, and for a load that can be folded."""
        if value.op == ops.LOAD:
            return self.c.can_sink(value)
        if value.op == ops.F32CONST or value.op == ops.F64CONST:
            return value.imm != 0
        return self.const_of(value) is not None

    def lea_disp(self, v: Value, a: Value, disp: int) -> None:
        address = Address(REG, disp, self.c.reg(a))
        self.emit_rm(L.LEA[wide_size(v.ty)], [def_(self.c.result(v))], address)

    def lea_minus(self, v: Value, a: Value, disp: int) -> None:
        self.lea_disp(v, a, -disp)

    def lea_scaled(self, v: Value, a: Value, b: Value, shift: int, disp: int) -> None:
        base = -1
        number = self.const_of(a) if shift else None  # without a scale the other is a base
        if number is not None and v.ty == T.I32:
            disp, number = L.signed(disp + number, 32), 0
        if number is not None and fits_i32(disp + number):
            disp += number
        else:
            base = self.c.reg(a)
        address = Address(REG, disp, base, self.c.reg(b), shift)
        self.emit_rm(L.LEA[wide_size(v.ty)], [def_(self.c.result(v))], address)

    def add_pair(self, v: Value, a: Value, b: Value) -> None:
        C.pair_op(self, v, L.ADD, L.ADC)

    def sub_pair(self, v: Value, a: Value, b: Value) -> None:
        C.pair_op(self, v, L.SUB, L.SBB)

    def logic_pair(self, v: Value, kind: int, a: Value, b: Value) -> None:
        C.pair_op(self, v, _ALU[kind], _ALU[kind])

    def neg(self, v: Value, a: Value) -> None:
        self.unary(L.NEG[wide_size(v.ty)], self.c.result(v), self.c.reg(a))

    def not_(self, v: Value, a: Value) -> None:
        self.unary(L.NOT[wide_size(v.ty)], self.c.result(v), self.c.reg(a))

    def double(self, v: Value, a: Value) -> None:
        src = self.c.reg(a)
        self.binary(L.ADD, wide_size(v.ty), self.c.result(v), src, src)

    def andn(self, v: Value, inverted: Value, other: Value) -> None:
        operands = [def_(self.c.result(v)), use(self.c.reg(inverted))]
        self.emit_rm(_ANDN[wide_size(v.ty)], operands, self.rm(other))

    def bls(self, v: Value, kind: int, a: Value) -> None:
        self.unary_rm(_BLS[kind][wide_size(v.ty)], self.c.result(v), self.c.reg(a))

    def imul_constant(self, v: Value, a: Value, number: int) -> None:
        rows = L.IMUL_SHORT if -128 <= number < 128 else L.IMUL_I
        row = rows[wide_size(v.ty)]
        self.emit_rm(row, [def_(self.c.result(v))], self.rm(a), number)

    def imul(self, v: Value, a: Value, b: Value) -> None:
        if self.better_second(a, b):
            a, b = b, a
        self.binary([L.IMUL], wide_size(v.ty), self.c.result(v), self.c.reg(a), self.rm(b))

    def shift_source(self, kind: int, a: Value) -> int:
        """The register to shift: narrow values extended for shifts to the right."""
        if kind == SHL:
            return self.c.reg(a)
        return self.extended(a, kind == SAR, wide_size(a.ty))

    def shift_constant(self, v: Value, kind: int, a: Value, count: int) -> None:
        row = _SHIFT_CONSTANT[kind][wide_size(v.ty)]
        masked = count & (T.BITS[v.ty] - 1)
        self.unary(row, self.c.result(v), self.shift_source(kind, a), masked)

    def shift_any(self, v: Value, kind: int, a: Value, count: Value) -> None:
        row = _SHIFT_ANY[kind][wide_size(v.ty)]
        by = C.low_reg(self, count)
        self.emit(row, [def_(self.c.result(v)), use_any(self.c.reg(a)), use(by)])

    def shift_by_cl(self, v: Value, kind: int, a: Value, count: Value) -> None:
        by = C.low_reg(self, count)
        if T.BITS[v.ty] < 32:
            masked = self.c.new_int()
            self.binary(L.AND, L._L, masked, by, Imm(T.BITS[v.ty] - 1))
            by = masked
        row = _SHIFT_CL[kind][wide_size(v.ty)]
        src = self.shift_source(kind, a)
        self.emit(row, [use(src), def_reuse(self.c.result(v), 0), use_fixed(by, RCX)])

    def rotate_constant(self, v: Value, kind: int, a: Value, count: int) -> None:
        row = _ROTATE_CONSTANT[kind][size_of(v.ty)]
        self.unary(row, self.c.result(v), self.c.reg(a), count & (T.BITS[v.ty] - 1))

    def rotate_by_cl(self, v: Value, kind: int, a: Value, count: Value) -> None:
        row = _ROTATE_CL[kind][size_of(v.ty)]
        by = C.low_reg(self, count)
        self.emit(row, [use(self.c.reg(a)), def_reuse(self.c.result(v), 0), use_fixed(by, RCX)])

    def lzcnt(self, v: Value, a: Value) -> None:
        self.unary_rm(L.LZCNT[wide_size(v.ty)], self.c.result(v), self.rm(a))

    def tzcnt(self, v: Value, a: Value) -> None:
        self.unary_rm(L.TZCNT[wide_size(v.ty)], self.c.result(v), self.rm(a))

    def popcnt(self, v: Value, a: Value) -> None:
        size = wide_size(v.ty)
        self.unary_rm(L.POPCNT[size], self.c.result(v), self.extended(a, False, size))

    def bswap(self, v: Value, a: Value) -> None:
        self.unary(L.BSWAP[size_of(v.ty)], self.c.result(v), self.c.reg(a))

    def minmax(self, v: Value, sign: int, maximum: int, a: Value, b: Value) -> None:
        size = wide_size(v.ty)
        left, right = self.extended(a, sign == 1, size), self.extended(b, sign == 1, size)
        self.emit(L.CMP[0][size], [use(left), use(right)])
        row = L.CMOV[size][_MINMAX_CC[2 * sign + maximum]]
        self.emit(row, [use(left), def_reuse(self.c.result(v), 0), use(right)])

    def iabs(self, v: Value, a: Value) -> None:
        size = wide_size(v.ty)
        src = self.extended(a, True, size)
        negated = self.c.new_int()
        self.unary(L.NEG[size], negated, src)
        # neg sets the sign flag of its result: then the source was positive, keep it.
        row = L.CMOV[size][L.S]
        self.emit(row, [use(negated), def_reuse(self.c.result(v), 0), use_any(src)])

    def extend(self, v: Value, sign: int, a: Value) -> None:
        src = self.rm(a, narrow=True)
        self.extend_to(self.c.result(v), src, a.ty, sign == 1, wide_size(v.ty))

    def zero_extended(self, v: Value, size: int, a: Value) -> None:
        """The low 8, 16 or 32 bits (`size` 0 to 2)."""
        self.extend_to(self.c.result(v), self.c.reg(a), T.I8 + size, False, L._Q)

    # ---- float actions ----

    def float_op(self, v: Value, kind: int, a: Value, b: Value) -> None:
        rows = _FLOAT[kind]
        double = is_double(v.ty)
        if self.cpu_avx and a.op not in _MADE_ANEW and self.c.lives(a):
            rows = L.VEX_FLOAT[rows[0]]
            operands = [def_(self.c.result(v)), use(self.c.reg(a))]
        else:
            operands = [use(self.c.reg(a)), def_reuse(self.c.result(v), 0)]
        self.emit_rm(rows[double], operands, self.rm(b))

    def float_commuted(self, v: Value, kind: int, a: Value, b: Value) -> None:
        if self.better_second(a, b):
            a, b = b, a
        self.float_op(v, kind, a, b)

    def float_logic(self, v: Value, kind: int, a: Value, b: Value) -> None:
        C.float_bitwise(self, _LOGIC[kind], self.c.result(v), self.c.reg(a), self.c.reg(b))

    def sqrt(self, v: Value, a: Value) -> None:
        self.unary_rm(L.SQRTS[is_double(v.ty)], self.c.result(v), self.rm(a))

    def fma(self, v: Value, a: Value, b: Value, c: Value) -> None:
        operands = [use(self.c.reg(a)), def_reuse(self.c.result(v), 0), use(self.c.reg(b))]
        self.emit_rm(L.FMADDS[is_double(v.ty)], operands, self.rm(c))

    def round(self, v: Value, mode: int, a: Value) -> None:
        # Bit 3: no inexact exception.
        self.unary_rm(L.ROUNDS[is_double(v.ty)], self.c.result(v), self.rm(a), mode | 8)

    def flip_sign(self, v: Value, a: Value) -> None:
        operands = [use(self.c.reg(a)), def_reuse(self.c.result(v), 0)]
        self.emit_rm(L.XORPS, operands, C.sign_mask(self, v.ty))

    def clear_sign(self, v: Value, a: Value) -> None:
        operands = [use(self.c.reg(a)), def_reuse(self.c.result(v), 0)]
        self.emit_rm(L.ANDPS, operands, C.value_mask(self, v.ty))

    def promote(self, v: Value, a: Value) -> None:
        self.unary_rm(L.CVTSS2SD, self.c.result(v), self.rm(a))

    def demote(self, v: Value, a: Value) -> None:
        self.unary_rm(L.CVTSD2SS, self.c.result(v), self.rm(a))


_METHODS: Final = frozenset(
    name
    for name, member in vars(RuleLowering).items()
    if callable(member) and not name.startswith("__")
)
GUARDS: Final = frozenset(
    name
    for name in _METHODS
    if name.startswith(("fits_", "has_", "is_")) or name in ("scale", "shared", "one_register")
)
ACTIONS: Final = _METHODS - GUARDS - {"lower_inst", "better_second", "folds", "shift_source"}
MATCHERS: Final[dict[int, Callable[[RuleLowering, Value], bool]]] = {}
"""By opcode: tries the rules. Filled by `target.py`."""
