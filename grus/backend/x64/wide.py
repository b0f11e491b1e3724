"""Division and high products of i128.

Straight-line code with conditional moves, so that no function of a library is needed.
"""

from __future__ import annotations

from grus.backend.regalloc.types import def_fixed, def_reuse, use, use_any, use_fixed
from grus.backend.x64.lower import (
    ADC,
    ADD,
    AE,
    AND,
    BSR,
    CMOV,
    DIV,
    IMUL,
    MUL_1,
    OR,
    SAR_I,
    SBB,
    SHL_I,
    SHLD_C,
    SHR_C,
    SHR_I,
    SUB,
    TEST_RM_R,
    XOR,
    E,
    Imm,
    Operand,
    S,
    X64Lower,
)
from grus.backend.x64.pseudo import Cond
from grus.backend.x64.regs import RAX, RCX, RDX
from grus.ir import opcodes as ops
from grus.ir.function import Value

_L, _Q = 2, 3
Pair = tuple[int, int]
"""Registers of the low and the high half."""


def alu(x: X64Lower, rows: list[list[int]], a: int, b: Operand) -> int:
    """A fresh register with `a op b`, 64 bits; sets the flags."""
    dst = x.c.new_int()
    x.binary(rows, _Q, dst, a, b)
    return dst


def shift(x: X64Lower, rows: list[int], a: int, count: int) -> int:
    """A fresh register with `a` shifted by a constant."""
    dst = x.c.new_int()
    x.unary(rows[_Q], dst, a, count)
    return dst


def pick(x: X64Lower, cc: int, no: int, yes: int) -> int:
    """A fresh register: `yes` when the flags say `cc`. Flags stay."""
    dst = x.c.new_int()
    x.emit(CMOV[_Q][cc], [use(no), def_reuse(dst, 0), use_any(yes)])
    return dst


def zero_flag(x: X64Lower, reg: int) -> None:
    """Flags of a register compared with 0."""
    x.emit(TEST_RM_R[_Q], [use(reg), use(reg)])


def multiply(x: X64Lower, a: int, b: int) -> Pair:
    """The 128-bit product of two words."""
    lo, hi = x.c.new_int(), x.c.new_int()
    x.emit(MUL_1[_Q], [use(b), use_fixed(a, RAX), def_fixed(lo, RAX), def_fixed(hi, RDX)])
    return lo, hi


def divide_words(x: X64Lower, lo: int, hi: int, by: int) -> Pair:
    """Quotient and remainder of `hi:lo / by`, where hi < by."""
    quotient, rest = x.c.new_int(), x.c.new_int()
    x.emit(
        DIV[_Q],
        [use(by), use_fixed(lo, RAX), use_fixed(hi, RDX)]
        + [def_fixed(quotient, RAX), def_fixed(rest, RDX)],
    )
    return quotient, rest


def top_bit(x: X64Lower, reg: int) -> int:
    """The number of the highest bit that is set; 0 for 0."""
    dst = x.c.new_int()
    x.unary_rm(BSR[_Q], dst, alu(x, OR, reg, Imm(1)))
    return dst


def negated_if(x: X64Lower, value: Pair, mask: int) -> Pair:
    """`-value` where the mask is all ones, `value` where it is 0."""
    lo, hi = alu(x, XOR, value[0], mask), alu(x, XOR, value[1], mask)
    return alu(x, SUB, lo, mask), alu(x, SBB, hi, mask)


def move_pair(x: X64Lower, dst: Pair, src: Pair) -> None:
    x.move(dst[0], src[0])
    x.move(dst[1], src[1])


# ---- multiplication ----


def high_product(x: X64Lower, v: Value) -> None:
    """umulhi and smulhi: four products of words; of signed numbers, less what signs stand for."""
    a, b = x.c.pair(v.a), x.c.pair(v.b)
    _, carry = multiply(x, a[0], b[0])
    cross_a, cross_b = multiply(x, a[0], b[1]), multiply(x, a[1], b[0])
    low, high = multiply(x, a[1], b[1])
    middle = alu(x, ADD, carry, cross_a[0])
    first = alu(x, ADC, cross_a[1], Imm(0))
    alu(x, ADD, middle, cross_b[0])
    second = alu(x, ADC, cross_b[1], Imm(0))
    for carried in (first, second):
        low = alu(x, ADD, low, carried)
        high = alu(x, ADC, high, Imm(0))
    if v.op == ops.SMULHI:
        for one, other in ((a, b), (b, a)):
            sign = shift(x, SAR_I, one[1], 63)
            masked = alu(x, AND, other[0], sign), alu(x, AND, other[1], sign)
            low = alu(x, SUB, low, masked[0])
            high = alu(x, SBB, high, masked[1])
    move_pair(x, x.c.pair(v), (low, high))


# ---- division ----


def divide(x: X64Lower, v: Value) -> None:
    """udiv, urem, sdiv and srem: by magnitudes."""
    a, b = x.c.pair(v.a), x.c.pair(v.b)
    alu(x, OR, b[0], b[1])
    x.trap_if(Cond(E), ops.TRAP_DIVISION_BY_ZERO)
    if v.op in (ops.UDIV, ops.UREM):
        quotient, rest = divide_unsigned(x, a, b)
        move_pair(x, x.c.pair(v), quotient if v.op == ops.UDIV else rest)
        return
    sign_a, sign_b = shift(x, SAR_I, a[1], 63), shift(x, SAR_I, b[1], 63)
    quotient, rest = divide_unsigned(x, negated_if(x, a, sign_a), negated_if(x, b, sign_b))
    if v.op == ops.SREM:
        move_pair(x, x.c.pair(v), negated_if(x, rest, sign_a))
        return
    sign = alu(x, XOR, sign_a, sign_b)
    # A quotient of 2**127 is good only when it is to be negated.
    alu(x, AND, quotient[1], alu(x, XOR, sign, Imm(-1)))
    x.trap_if(Cond(S), ops.TRAP_INTEGER_OVERFLOW)
    move_pair(x, x.c.pair(v), negated_if(x, quotient, sign))


def divide_unsigned(x: X64Lower, a: Pair, b: Pair) -> tuple[Pair, Pair]:
    """Quotient and remainder of `a / b`, b not 0. H. Warren, Hacker's Delight, §9-5.

    A divisor of one word takes two divisions of words. Another one is shifted until its top bit is
    set; its upper word divides a / 2, and the quotient shifted back is right or one too large: so
    take one less, and add one if the remainder allows it.
    """
    c = x.c
    zero = x.imm_reg(0)
    top = top_bit(x, b[1])
    count = alu(x, XOR, top, Imm(63))
    upper = c.new_int()
    x.emit(SHLD_C, [use(b[1]), def_reuse(upper, 0), use(b[0]), use_fixed(count, RCX)])
    half_hi = shift(x, SHR_I, a[1], 1)
    half_lo = alu(x, OR, shift(x, SHR_I, a[0], 1), shift(x, SHL_I, a[1], 63))
    zero_flag(x, b[1])  # E: one word
    by = pick(x, E, upper, b[0])
    first = pick(x, E, zero, a[1])
    quotient_hi, carried = divide_words(x, first, zero, by)
    zero_flag(x, b[1])
    hi, lo = pick(x, E, half_hi, carried), pick(x, E, half_lo, a[0])
    quotient_lo, rest_word = divide_words(x, lo, hi, by)
    guess = c.new_int()
    x.emit(SHR_C[_Q], [use(quotient_lo), def_reuse(guess, 0), use_fixed(top, RCX)])
    guess = alu(x, ADC, alu(x, SUB, guess, Imm(1)), Imm(0))  # 0 stays 0
    product_lo, product_hi = multiply(x, guess, b[0])
    product_hi = alu(x, ADD, product_hi, alu(x, [IMUL], guess, b[1]))
    more = alu(x, ADD, guess, Imm(1))
    rest_lo = alu(x, SUB, a[0], product_lo)
    rest_hi = alu(x, SBB, a[1], product_hi)
    less_lo = alu(x, SUB, rest_lo, b[0])
    less_hi = alu(x, SBB, rest_hi, b[1])
    guess = pick(x, AE, guess, more)
    rest_lo, rest_hi = pick(x, AE, rest_lo, less_lo), pick(x, AE, rest_hi, less_hi)
    zero_flag(x, b[1])
    quotient = pick(x, E, guess, quotient_lo), pick(x, E, zero, quotient_hi)
    return quotient, (pick(x, E, rest_lo, rest_word), pick(x, E, rest_hi, zero))
