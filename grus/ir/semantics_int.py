"""Meanings of the integer, bit, selection and constant opcodes (see `meanings.py`)."""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir.domain import B, Domain
from grus.ir.meanings import Shape, lanewise, whole

# ---- constants and selection ----


@whole(ops.ICONST)
def iconst(d: Domain[B], s: Shape) -> B:
    return d.const(s.w, s.imm)


@whole(ops.F16CONST)
def f16const(d: Domain[B], s: Shape) -> B:
    return d.const(s.w, s.imm)


@whole(ops.F32CONST)
def f32const(d: Domain[B], s: Shape) -> B:
    return d.const(s.w, s.imm)


@whole(ops.F64CONST)
def f64const(d: Domain[B], s: Shape) -> B:
    return d.const(s.w, s.imm)


@whole(ops.F128CONST)
def f128const(d: Domain[B], s: Shape) -> B:
    return d.const(s.w, int.from_bytes(s.data, "little"))


@whole(ops.SELECT)
def select(d: Domain[B], s: Shape, c: B, x: B, y: B) -> B:
    return d.ite(s.bits, d.eq(s.src, c, d.const(s.src, 0)), y, x)


@whole(ops.SELECT_SPECTRE_GUARD)
def select_spectre_guard(d: Domain[B], s: Shape, c: B, x: B, y: B) -> B:
    return select(d, s, c, x, y)


@whole(ops.BITSELECT)
def bitselect(d: Domain[B], s: Shape, c: B, x: B, y: B) -> B:
    return d.xor(s.bits, y, d.and_(s.bits, c, d.xor(s.bits, x, y)))


@lanewise(ops.BLENDV)
def blendv(d: Domain[B], s: Shape, c: B, x: B, y: B) -> B:
    return d.ite(s.w, d.extract(s.w - 1, s.w - 1, c), x, y)


# ---- traps ----


@whole(ops.TRAPZ)
def trapz(d: Domain[B], s: Shape, c: B) -> tuple[B, ...]:
    d.trap_if(d.eq(s.src, c, d.const(s.src, 0)), s.imm)
    return ()


@whole(ops.TRAPNZ)
def trapnz(d: Domain[B], s: Shape, c: B) -> tuple[B, ...]:
    d.trap_if(d.not_(1, d.eq(s.src, c, d.const(s.src, 0))), s.imm)
    return ()


# ---- comparison, minimum, maximum ----


def compare(d: Domain[B], w: int, cc: int, x: B, y: B) -> B:
    """One bit: `x cc y`."""
    if cc == ops.EQ:
        return d.eq(w, x, y)
    if cc == ops.NE:
        return d.not_(1, d.eq(w, x, y))
    if cc == ops.SLT:
        return d.slt(w, x, y)
    if cc == ops.SGT:
        return d.slt(w, y, x)
    if cc == ops.ULT:
        return d.ult(w, x, y)
    if cc == ops.UGT:
        return d.ult(w, y, x)
    if cc == ops.SGE:
        return d.not_(1, d.slt(w, x, y))
    if cc == ops.SLE:
        return d.not_(1, d.slt(w, y, x))
    if cc == ops.UGE:
        return d.not_(1, d.ult(w, x, y))
    return d.not_(1, d.ult(w, y, x))


def truthy(d: Domain[B], s: Shape, bit: B) -> B:
    """The result of a comparison: i8 0 or 1, or a lane of zeros or ones."""
    return d.sext(1, s.w, bit) if s.lanes > 1 else d.zext(1, 8, bit)


@lanewise(ops.ICMP)
def icmp(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return truthy(d, s, compare(d, s.src, s.imm, x, y))


@lanewise(ops.SMIN)
def smin(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.ite(s.w, d.slt(s.w, x, y), x, y)


@lanewise(ops.SMAX)
def smax(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.ite(s.w, d.slt(s.w, x, y), y, x)


@lanewise(ops.UMIN)
def umin(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.ite(s.w, d.ult(s.w, x, y), x, y)


@lanewise(ops.UMAX)
def umax(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.ite(s.w, d.ult(s.w, x, y), y, x)


# ---- arithmetic ----


@lanewise(ops.IADD)
def iadd(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.add(s.w, x, y)


@lanewise(ops.ISUB)
def isub(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.sub(s.w, x, y)


@lanewise(ops.INEG)
def ineg(d: Domain[B], s: Shape, x: B) -> B:
    return d.sub(s.w, d.const(s.w, 0), x)


@lanewise(ops.IABS)
def iabs(d: Domain[B], s: Shape, x: B) -> B:
    zero = d.const(s.w, 0)
    return d.ite(s.w, d.slt(s.w, x, zero), d.sub(s.w, zero, x), x)


@lanewise(ops.IMUL)
def imul(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.mul(s.w, x, y)


@lanewise(ops.UMULHI)
def umulhi(d: Domain[B], s: Shape, x: B, y: B) -> B:
    w = s.w
    return d.extract(2 * w - 1, w, d.mul(2 * w, d.zext(w, 2 * w, x), d.zext(w, 2 * w, y)))


@lanewise(ops.SMULHI)
def smulhi(d: Domain[B], s: Shape, x: B, y: B) -> B:
    w = s.w
    return d.extract(2 * w - 1, w, d.mul(2 * w, d.sext(w, 2 * w, x), d.sext(w, 2 * w, y)))


def _rounded_product(d: Domain[B], w: int, x: B, y: B) -> B:
    """(x * y + 2**(w - 2)) >> (w - 1) in 2w bits."""
    product = d.mul(2 * w, d.sext(w, 2 * w, x), d.sext(w, 2 * w, y))
    rounded = d.add(2 * w, product, d.const(2 * w, 1 << (w - 2)))
    return d.ashr(2 * w, rounded, d.const(2 * w, w - 1))


@lanewise(ops.SQMUL_ROUND_SAT)
def sqmul_round_sat(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return clamp(d, 2 * s.w, s.w, True, _rounded_product(d, s.w, x, y))


@lanewise(ops.X86_PMULHRSW)
def x86_pmulhrsw(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.extract(s.w - 1, 0, _rounded_product(d, s.w, x, y))


def _division_traps(d: Domain[B], s: Shape, y: B) -> None:
    d.trap_if(d.eq(s.w, y, d.const(s.w, 0)), ops.TRAP_DIVISION_BY_ZERO)


@lanewise(ops.UDIV)
def udiv(d: Domain[B], s: Shape, x: B, y: B) -> B:
    _division_traps(d, s, y)
    return d.udiv(s.w, x, y)


@lanewise(ops.SDIV)
def sdiv(d: Domain[B], s: Shape, x: B, y: B) -> B:
    _division_traps(d, s, y)
    smallest = d.eq(s.w, x, d.const(s.w, 1 << (s.w - 1)))
    minus_one = d.eq(s.w, y, d.const(s.w, -1))
    d.trap_if(d.and_(1, smallest, minus_one), ops.TRAP_INTEGER_OVERFLOW)
    return d.sdiv(s.w, x, y)


@lanewise(ops.UREM)
def urem(d: Domain[B], s: Shape, x: B, y: B) -> B:
    _division_traps(d, s, y)
    return d.urem(s.w, x, y)


@lanewise(ops.SREM)
def srem(d: Domain[B], s: Shape, x: B, y: B) -> B:
    _division_traps(d, s, y)
    return d.srem(s.w, x, y)


# ---- saturation and averages ----


def clamp(d: Domain[B], w: int, to: int, is_signed: bool, x: B) -> B:
    """The signed w-bit `x` clamped to the (signed or unsigned) range of `to` < w bits."""
    low, high = (-(1 << (to - 1)), (1 << (to - 1)) - 1) if is_signed else (0, (1 << to) - 1)
    smallest, largest = d.const(w, low), d.const(w, high)
    x = d.ite(w, d.slt(w, x, smallest), smallest, x)
    x = d.ite(w, d.slt(w, largest, x), largest, x)
    return d.extract(to - 1, 0, x)


@lanewise(ops.AVG_ROUND)
def avg_round(d: Domain[B], s: Shape, x: B, y: B) -> B:
    w = s.w
    total = d.add(w + 1, d.zext(w, w + 1, x), d.zext(w, w + 1, y))
    return d.extract(w, 1, d.add(w + 1, total, d.const(w + 1, 1)))


@lanewise(ops.UADD_SAT)
def uadd_sat(d: Domain[B], s: Shape, x: B, y: B) -> B:
    w = s.w
    total, carry = _add_with(d, w, x, y, None)
    return d.ite(w, carry, d.const(w, -1), total)


@lanewise(ops.SADD_SAT)
def sadd_sat(d: Domain[B], s: Shape, x: B, y: B) -> B:
    w = s.w
    return clamp(d, w + 1, w, True, d.add(w + 1, d.sext(w, w + 1, x), d.sext(w, w + 1, y)))


@lanewise(ops.USUB_SAT)
def usub_sat(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.ite(s.w, d.ult(s.w, x, y), d.const(s.w, 0), d.sub(s.w, x, y))


@lanewise(ops.SSUB_SAT)
def ssub_sat(d: Domain[B], s: Shape, x: B, y: B) -> B:
    w = s.w
    return clamp(d, w + 1, w, True, d.sub(w + 1, d.sext(w, w + 1, x), d.sext(w, w + 1, y)))


# ---- overflow ----


def _with_bit(d: Domain[B], wide: int, total: B, c_in: B | None, subtract: bool) -> B:
    """`total` plus or minus the carry `c_in`, an i8 of which any nonzero value means 1."""
    if c_in is None:
        return total
    bit = d.zext(1, wide, d.not_(1, d.eq(8, c_in, d.const(8, 0))))
    return d.sub(wide, total, bit) if subtract else d.add(wide, total, bit)


def _add_with(d: Domain[B], w: int, x: B, y: B, c_in: B | None) -> tuple[B, B]:
    """Sum and carry bit."""
    total = d.add(w + 1, d.zext(w, w + 1, x), d.zext(w, w + 1, y))
    total = _with_bit(d, w + 1, total, c_in, False)
    return d.extract(w - 1, 0, total), d.extract(w, w, total)


def _subtract_with(d: Domain[B], w: int, x: B, y: B, b_in: B | None) -> tuple[B, B]:
    """Difference and borrow bit."""
    total = d.sub(w + 1, d.zext(w, w + 1, x), d.zext(w, w + 1, y))
    total = _with_bit(d, w + 1, total, b_in, True)
    return d.extract(w - 1, 0, total), d.extract(w, w, total)


def _signed_overflow(d: Domain[B], w: int, wide: int, total: B) -> tuple[B, B]:
    """Low `w` bits of the exact `wide` result, and an i8 that is 1 if they are not all of it."""
    low = d.extract(w - 1, 0, total)
    return low, d.zext(1, 8, d.not_(1, d.eq(wide, d.sext(w, wide, low), total)))


def _signed_sum(d: Domain[B], w: int, x: B, y: B, c_in: B | None) -> tuple[B, B]:
    total = d.add(w + 1, d.sext(w, w + 1, x), d.sext(w, w + 1, y))
    return _signed_overflow(d, w, w + 1, _with_bit(d, w + 1, total, c_in, False))


def _signed_difference(d: Domain[B], w: int, x: B, y: B, b_in: B | None) -> tuple[B, B]:
    total = d.sub(w + 1, d.sext(w, w + 1, x), d.sext(w, w + 1, y))
    return _signed_overflow(d, w, w + 1, _with_bit(d, w + 1, total, b_in, True))


@whole(ops.UADD_OVERFLOW_CIN)
def uadd_overflow_cin(d: Domain[B], s: Shape, x: B, y: B, c_in: B) -> tuple[B, B]:
    total, carry = _add_with(d, s.src, x, y, c_in)
    return total, d.zext(1, 8, carry)


@whole(ops.UADD_OVERFLOW)
def uadd_overflow(d: Domain[B], s: Shape, x: B, y: B) -> tuple[B, B]:
    total, carry = _add_with(d, s.src, x, y, None)
    return total, d.zext(1, 8, carry)


@whole(ops.SADD_OVERFLOW_CIN)
def sadd_overflow_cin(d: Domain[B], s: Shape, x: B, y: B, c_in: B) -> tuple[B, B]:
    return _signed_sum(d, s.src, x, y, c_in)


@whole(ops.SADD_OVERFLOW)
def sadd_overflow(d: Domain[B], s: Shape, x: B, y: B) -> tuple[B, B]:
    return _signed_sum(d, s.src, x, y, None)


@whole(ops.USUB_OVERFLOW_BIN)
def usub_overflow_bin(d: Domain[B], s: Shape, x: B, y: B, b_in: B) -> tuple[B, B]:
    difference, borrow = _subtract_with(d, s.src, x, y, b_in)
    return difference, d.zext(1, 8, borrow)


@whole(ops.USUB_OVERFLOW)
def usub_overflow(d: Domain[B], s: Shape, x: B, y: B) -> tuple[B, B]:
    difference, borrow = _subtract_with(d, s.src, x, y, None)
    return difference, d.zext(1, 8, borrow)


@whole(ops.SSUB_OVERFLOW_BIN)
def ssub_overflow_bin(d: Domain[B], s: Shape, x: B, y: B, b_in: B) -> tuple[B, B]:
    return _signed_difference(d, s.src, x, y, b_in)


@whole(ops.SSUB_OVERFLOW)
def ssub_overflow(d: Domain[B], s: Shape, x: B, y: B) -> tuple[B, B]:
    return _signed_difference(d, s.src, x, y, None)


@whole(ops.UMUL_OVERFLOW)
def umul_overflow(d: Domain[B], s: Shape, x: B, y: B) -> tuple[B, B]:
    w = s.src
    product = d.mul(2 * w, d.zext(w, 2 * w, x), d.zext(w, 2 * w, y))
    fits = d.eq(w, d.extract(2 * w - 1, w, product), d.const(w, 0))
    return d.extract(w - 1, 0, product), d.zext(1, 8, d.not_(1, fits))


@whole(ops.SMUL_OVERFLOW)
def smul_overflow(d: Domain[B], s: Shape, x: B, y: B) -> tuple[B, B]:
    w = s.src
    product = d.mul(2 * w, d.sext(w, 2 * w, x), d.sext(w, 2 * w, y))
    return _signed_overflow(d, w, 2 * w, product)


@whole(ops.UADD_OVERFLOW_TRAP)
def uadd_overflow_trap(d: Domain[B], s: Shape, x: B, y: B) -> B:
    total, carry = _add_with(d, s.src, x, y, None)
    d.trap_if(carry, s.imm)
    return total


# ---- bits ----


@whole(ops.BAND)
def band(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.and_(s.bits, x, y)


@whole(ops.BOR)
def bor(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.or_(s.bits, x, y)


@whole(ops.BXOR)
def bxor(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.xor(s.bits, x, y)


@whole(ops.BNOT)
def bnot(d: Domain[B], s: Shape, x: B) -> B:
    return d.not_(s.bits, x)


def _amount(d: Domain[B], s: Shape, n: B) -> B:
    """A shift amount modulo the lane width, as wide as the lane."""
    if s.second > s.w:
        n = d.extract(s.w - 1, 0, n)
    elif s.second < s.w:
        n = d.zext(s.second, s.w, n)
    return d.and_(s.w, n, d.const(s.w, s.w - 1))


def _rotate_left(d: Domain[B], w: int, x: B, n: B) -> B:
    back = d.and_(w, d.sub(w, d.const(w, 0), n), d.const(w, w - 1))
    return d.or_(w, d.shl(w, x, n), d.lshr(w, x, back))


@lanewise(ops.ROTL)
def rotl(d: Domain[B], s: Shape, x: B, n: B) -> B:
    return _rotate_left(d, s.w, x, _amount(d, s, n))


@lanewise(ops.ROTR)
def rotr(d: Domain[B], s: Shape, x: B, n: B) -> B:
    w = s.w
    back = d.and_(w, d.sub(w, d.const(w, 0), _amount(d, s, n)), d.const(w, w - 1))
    return _rotate_left(d, w, x, back)


@lanewise(ops.ISHL)
def ishl(d: Domain[B], s: Shape, x: B, n: B) -> B:
    return d.shl(s.w, x, _amount(d, s, n))


@lanewise(ops.USHR)
def ushr(d: Domain[B], s: Shape, x: B, n: B) -> B:
    return d.lshr(s.w, x, _amount(d, s, n))


@lanewise(ops.SSHR)
def sshr(d: Domain[B], s: Shape, x: B, n: B) -> B:
    return d.ashr(s.w, x, _amount(d, s, n))


@lanewise(ops.BITREV)
def bitrev(d: Domain[B], s: Shape, x: B) -> B:
    bits = d.split(1, s.w, x)
    bits.reverse()
    return d.join(1, bits)


@lanewise(ops.BSWAP)
def bswap(d: Domain[B], s: Shape, x: B) -> B:
    parts = d.split(8, s.w // 8, x)
    parts.reverse()
    return d.join(8, parts)


@lanewise(ops.CLZ)
def clz(d: Domain[B], s: Shape, x: B) -> B:
    return d.clz(s.w, x)


@lanewise(ops.CLS)
def cls(d: Domain[B], s: Shape, x: B) -> B:
    w = s.w
    differing = d.xor(w, x, d.ashr(w, x, d.const(w, w - 1)))
    return d.sub(w, d.clz(w, differing), d.const(w, 1))


@lanewise(ops.CTZ)
def ctz(d: Domain[B], s: Shape, x: B) -> B:
    return d.ctz(s.w, x)


@lanewise(ops.POPCNT)
def popcnt(d: Domain[B], s: Shape, x: B) -> B:
    return d.popcnt(s.w, x)


# ---- conversions ----


@whole(ops.BMASK)
def bmask(d: Domain[B], s: Shape, x: B) -> B:
    return d.ite(s.w, d.eq(s.src, x, d.const(s.src, 0)), d.const(s.w, 0), d.const(s.w, -1))


@whole(ops.IREDUCE)
def ireduce(d: Domain[B], s: Shape, x: B) -> B:
    return d.extract(s.w - 1, 0, x)


@whole(ops.UEXTEND)
def uextend(d: Domain[B], s: Shape, x: B) -> B:
    return d.zext(s.src, s.w, x)


@whole(ops.SEXTEND)
def sextend(d: Domain[B], s: Shape, x: B) -> B:
    return d.sext(s.src, s.w, x)


@whole(ops.ISPLIT)
def isplit(d: Domain[B], s: Shape, x: B) -> tuple[B, B]:
    half = s.src // 2
    return d.extract(half - 1, 0, x), d.extract(s.src - 1, half, x)


@whole(ops.ICONCAT)
def iconcat(d: Domain[B], s: Shape, low: B, high: B) -> B:
    return d.concat(s.src, low, s.src, high)
