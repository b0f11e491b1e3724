"""What the integer instructions of x86-64 do, over any `Domain` of bit vectors.

A meaning is `(domain, step, *operands) -> results`: one function for all rows of a mnemonic. The
operands are what the row reads, in its order, each as wide as the row says (immediates
sign-extended to the width of the row's first operand); the results are what it writes, in its
order. `step` holds the width and the flags. What the manual leaves undefined is `step.unknown(w)`:
any bits, other ones each time.

A result of 32 bits clears the upper half of its register, one of 8 or 16 bits keeps what is above
(`merged`). Source: Intel SDM volume 2. The adjust flag is not modelled.

The prover of lowering (`prove.py`) runs these on terms; the tests run them on numbers beside the
processor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from grus.backend.x64.insts import CONDITIONS, IMM, INSTS, READ, WRITE, Inst, Operand
from grus.ir.domain import B, Domain

DIVIDE_ERROR: Final = 0xDE
"""The trap code of a division that the processor refuses."""


class Step(Generic[B]):
    """The state that an instruction reads and writes besides its operands.

    `w` is the width of the row's first operand, `widths` those of the operands read, `results` how
    many are written. The flags are single bits.
    """

    __slots__ = (
        *("carry", "overflow", "parity", "sign", "zero"),
        *("results", "unknown", "w", "widths"),
    )

    def __init__(self, unknown: Callable[[int], B]) -> None:
        self.unknown = unknown
        self.w = 0
        self.results = 0
        self.widths: list[int] = []
        self.carry = self.parity = self.zero = self.sign = self.overflow = unknown(1)
        self.forget()

    def forget(self) -> None:
        """All flags become undefined."""
        self.carry = self.unknown(1)
        self.overflow = self.unknown(1)
        self.shape_unknown()

    def shape_unknown(self) -> None:
        """The flags of a result become undefined: zero, sign and parity."""
        self.zero = self.unknown(1)
        self.sign = self.unknown(1)
        self.parity = self.unknown(1)

    def shape(self, d: Domain[B], w: int, result: B) -> None:
        """Zero, sign and parity of a result."""
        self.zero = d.eq(w, result, d.const(w, 0))
        self.sign = d.extract(w - 1, w - 1, result)
        ones = d.popcnt(8, d.extract(7, 0, result))
        self.parity = d.not_(1, d.extract(0, 0, ones))

    def condition(self, d: Domain[B], code: int) -> B:
        """One bit: the condition `code` (its number in the encoding) holds."""
        kind = code >> 1
        if kind == 0:
            bit = self.overflow
        elif kind == 1:
            bit = self.carry
        elif kind == 2:
            bit = self.zero
        elif kind == 3:
            bit = d.or_(1, self.carry, self.zero)
        elif kind == 4:
            bit = self.sign
        elif kind == 5:
            bit = self.parity
        else:
            bit = d.xor(1, self.sign, self.overflow)
            if kind == 7:
                bit = d.or_(1, bit, self.zero)
        return d.not_(1, bit) if code & 1 else bit


Meaning = Callable[..., tuple[Any, ...]]
F = TypeVar("F", bound=Meaning)

MEANINGS: Final[dict[str, Meaning]] = {}
"""By mnemonic."""


def means(*mnemonics: str) -> Callable[[F], F]:
    """Register the meaning of these mnemonics."""

    def register(function: F) -> F:
        for mnemonic in mnemonics:
            assert mnemonic not in MEANINGS, mnemonic
            MEANINGS[mnemonic] = function
        return function

    return register


def meaning_of(row: Inst) -> Meaning | None:
    """The meaning of a row, None for one without."""
    if any([op.is_xmm for op in row.operands]):
        return None
    return MEANINGS.get(row.mnemonic)


def operand_width(op: Operand, memory: bool) -> int:
    """The width of an operand of a row, as memory or not."""
    return op.mem_bits if memory and op.mem_ok else op.bits


def execute(
    d: Domain[B], step: Step[B], row: Inst, memory: bool, imm: int, read: list[B]
) -> tuple[B, ...]:
    """Run a row: `read` are its operands that are read and no immediates, in order."""
    meaning = meaning_of(row)
    assert meaning is not None, row.name
    step.w = operand_width(row.operands[0], memory) if row.operands else 0
    step.results = len([op for op in row.operands if op.access & WRITE])
    step.widths = []
    xs: list[B] = []
    at = 0
    for op in row.operands:
        if op.place == IMM:
            width = max(step.w, op.bits)
            step.widths.append(width)
            xs.append(d.const(width, imm))
        elif op.kind == "1":
            step.widths.append(8)
            xs.append(d.const(8, 1))
        elif op.access & READ:
            step.widths.append(operand_width(op, memory))
            xs.append(read[at])
            at += 1
    result: tuple[B, ...] = meaning(d, step, *xs)
    assert len(result) == step.results, row.name
    return result


def merged(d: Domain[B], step: Step[B], row: Inst, w: int, old: B, new: B) -> B:
    """The 64 bits of a register that held `old` and of which `row` wrote `w` bits."""
    if w == 64:
        return new
    if w == 32:
        upper = d.const(32, 0)
        if row.mnemonic in _MAY_KEEP:
            upper = d.ite(32, step.zero, step.unknown(32), upper)
        return d.concat(32, new, 32, upper)
    return d.concat(w, new, 64 - w, d.extract(63, w, old))


_MAY_KEEP: Final = ("bsf", "bsr", "lock cmpxchg")
"""With the zero flag set these do not write their register of 32 bits, or not its upper half."""


def _resized(d: Domain[B], w: int, to: int, x: B) -> B:
    """The low bits of `x`, or `x` with zeros above."""
    if to < w:
        return d.extract(to - 1, 0, x)
    return d.zext(w, to, x)


def _msb(d: Domain[B], w: int, x: B) -> B:
    return d.extract(w - 1, w - 1, x)


# ---- addition and subtraction ----


def _sum_flags(d: Domain[B], s: Step[B], x: B, y: B, r: B, subtracted: bool) -> None:
    """Overflow by the signs of the operands, and what the result itself says."""
    w = s.w
    other = d.xor(w, x, y) if subtracted else d.xor(w, y, r)
    s.overflow = _msb(d, w, d.and_(w, d.xor(w, x, r), other))
    s.shape(d, w, r)


@means("add", "lock add")
def add(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    r = d.add(s.w, x, y)
    s.carry = d.ult(s.w, r, x)
    _sum_flags(d, s, x, y, r, False)
    return (r,)


@means("adc")
def adc(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    w = s.w
    total = d.add(w + 1, d.zext(w, w + 1, x), d.zext(w, w + 1, y))
    total = d.add(w + 1, total, d.zext(1, w + 1, s.carry))
    r = d.extract(w - 1, 0, total)
    s.carry = d.extract(w, w, total)
    _sum_flags(d, s, x, y, r, False)
    return (r,)


@means("sub", "lock sub")
def sub(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    r = d.sub(s.w, x, y)
    s.carry = d.ult(s.w, x, y)
    _sum_flags(d, s, x, y, r, True)
    return (r,)


@means("cmp")
def cmp(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    sub(d, s, x, y)
    return ()


@means("sbb")
def sbb(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    w = s.w
    total = d.sub(w + 1, d.zext(w, w + 1, x), d.zext(w, w + 1, y))
    total = d.sub(w + 1, total, d.zext(1, w + 1, s.carry))
    r = d.extract(w - 1, 0, total)
    s.carry = d.extract(w, w, total)
    _sum_flags(d, s, x, y, r, True)
    return (r,)


@means("neg")
def neg(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    return sub(d, s, d.const(s.w, 0), x)


@means("inc")
def inc(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    carry = s.carry
    result = add(d, s, x, d.const(s.w, 1))
    s.carry = carry
    return result


@means("dec")
def dec(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    carry = s.carry
    result = sub(d, s, x, d.const(s.w, 1))
    s.carry = carry
    return result


@means("lock xadd")
def xadd(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    return (*add(d, s, x, y), x)


@means("lock cmpxchg")
def cmpxchg(d: Domain[B], s: Step[B], x: B, y: B, expected: B) -> tuple[B, ...]:
    cmp(d, s, expected, x)
    return d.ite(s.w, s.zero, y, x), x


# ---- bits ----


def _logic(d: Domain[B], s: Step[B], r: B) -> tuple[B, ...]:
    s.carry = s.overflow = d.const(1, 0)
    s.shape(d, s.w, r)
    return (r,)


@means("and", "lock and")
def and_(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    return _logic(d, s, d.and_(s.w, x, y))


@means("or", "lock or")
def or_(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    return _logic(d, s, d.or_(s.w, x, y))


@means("xor", "lock xor")
def xor(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    return _logic(d, s, d.xor(s.w, x, y))


@means("test")
def test(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    and_(d, s, x, y)
    return ()


@means("not")
def not_(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    return (d.not_(s.w, x),)


@means("andn")
def andn(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    return _vex_logic(d, s, d.and_(s.w, d.not_(s.w, x), y), d.const(1, 0))


def _vex_logic(d: Domain[B], s: Step[B], r: B, carry: B) -> tuple[B, ...]:
    """BMI instructions leave parity undefined."""
    _logic(d, s, r)
    s.carry = carry
    s.parity = s.unknown(1)
    return (r,)


@means("blsr")
def blsr(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    zero = d.eq(s.w, x, d.const(s.w, 0))
    return _vex_logic(d, s, d.and_(s.w, x, d.sub(s.w, x, d.const(s.w, 1))), zero)


@means("blsmsk")
def blsmsk(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    zero = d.eq(s.w, x, d.const(s.w, 0))
    return _vex_logic(d, s, d.xor(s.w, x, d.sub(s.w, x, d.const(s.w, 1))), zero)


@means("blsi")
def blsi(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    zero = d.eq(s.w, x, d.const(s.w, 0))
    r = d.and_(s.w, x, d.sub(s.w, d.const(s.w, 0), x))
    return _vex_logic(d, s, r, d.not_(1, zero))


@means("bzhi")
def bzhi(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    w = s.w
    n = d.zext(8, w, d.extract(7, 0, y))
    small = d.ult(w, n, d.const(w, w))
    n = d.ite(w, small, n, d.const(w, 0))
    mask = d.sub(w, d.shl(w, d.const(w, 1), n), d.const(w, 1))
    return _vex_logic(d, s, d.ite(w, small, d.and_(w, x, mask), x), d.not_(1, small))


@means("bt")
def bt(d: Domain[B], s: Step[B], x: B, n: B) -> tuple[B, ...]:
    """Of a register. (Of memory with a register for the number it reaches further.)"""
    w = s.w
    s.carry = d.extract(0, 0, d.lshr(w, x, d.and_(w, n, d.const(w, w - 1))))
    s.overflow = s.unknown(1)
    s.sign = s.unknown(1)
    s.parity = s.unknown(1)
    return ()


def _scanned(d: Domain[B], s: Step[B], x: B, r: B) -> tuple[B, ...]:
    zero = d.eq(s.w, x, d.const(s.w, 0))
    s.forget()
    s.zero = zero
    return (d.ite(s.w, zero, s.unknown(s.w), r),)


@means("bsf")
def bsf(d: Domain[B], s: Step[B], old: B, x: B) -> tuple[B, ...]:
    return _scanned(d, s, x, d.ctz(s.w, x))


@means("bsr")
def bsr(d: Domain[B], s: Step[B], old: B, x: B) -> tuple[B, ...]:
    return _scanned(d, s, x, d.sub(s.w, d.const(s.w, s.w - 1), d.clz(s.w, x)))


def _counted(d: Domain[B], s: Step[B], x: B, r: B) -> tuple[B, ...]:
    s.forget()
    s.carry = d.eq(s.w, x, d.const(s.w, 0))
    s.zero = d.eq(s.w, r, d.const(s.w, 0))
    return (r,)


@means("tzcnt")
def tzcnt(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    return _counted(d, s, x, d.ctz(s.w, x))


@means("lzcnt")
def lzcnt(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    return _counted(d, s, x, d.clz(s.w, x))


@means("popcnt")
def popcnt(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    s.carry = s.overflow = s.sign = s.parity = d.const(1, 0)
    s.zero = d.eq(s.w, x, d.const(s.w, 0))
    return (d.popcnt(s.w, x),)


@means("bswap")
def bswap(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    octets = d.split(8, s.w // 8, x)
    octets.reverse()
    return (d.join(8, octets),)


# ---- multiplication and division ----


def _product(d: Domain[B], s: Step[B], w: int, x: B, y: B, sign: bool) -> tuple[B, B]:
    """The halves of a product; carry and overflow say that the upper one matters."""
    extend = d.sext if sign else d.zext
    whole = d.mul(2 * w, extend(w, 2 * w, x), extend(w, 2 * w, y))
    low, high = d.extract(w - 1, 0, whole), d.extract(2 * w - 1, w, whole)
    fill = d.ashr(w, low, d.const(w, w - 1)) if sign else d.const(w, 0)
    s.forget()
    s.carry = s.overflow = d.not_(1, d.eq(w, high, fill))
    return low, high


def _multiplied(d: Domain[B], s: Step[B], x: B, y: B, sign: bool) -> tuple[B, ...]:
    """The forms of one operand: al times it to ax, else to two registers."""
    w = s.widths[-1]
    if w == 8:
        return (d.concat(8, *_half_pair(d, s, d.extract(7, 0, x), y, sign)),)
    return _product(d, s, w, x, y, sign)


def _half_pair(d: Domain[B], s: Step[B], x: B, y: B, sign: bool) -> tuple[B, int, B]:
    low, high = _product(d, s, 8, x, y, sign)
    return low, 8, high


@means("mul")
def mul(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    return _multiplied(d, s, x, y, False)


@means("imul")
def imul(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    """Also the forms with two and three operands, which have one result of their width."""
    if s.results == 2 or s.w != s.widths[-1]:
        return _multiplied(d, s, x, y, True)
    _product(d, s, s.w, x, y, True)
    return (d.mul(s.w, x, y),)


@means("mulx")
def mulx(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    w = s.w
    whole = d.mul(2 * w, d.zext(w, 2 * w, x), d.zext(w, 2 * w, y))
    return d.extract(2 * w - 1, w, whole), d.extract(w - 1, 0, whole)


def _divided(d: Domain[B], s: Step[B], low: B, high: B, y: B, sign: bool) -> tuple[B, B]:
    """Quotient and remainder of `high:low / y`.

    Where `high` only extends `low` the division has one width: what compilers ask for, and what a
    solver can do.
    """
    w = s.widths[-1]
    s.forget()
    zero = d.const(w, 0)
    d.trap_if(d.eq(w, y, zero), DIVIDE_ERROR)
    extend = d.sext if sign else d.zext
    fill = d.ashr(w, low, d.const(w, w - 1)) if sign else zero
    short = d.eq(w, high, fill)
    x, by = d.concat(w, low, w, high), extend(w, 2 * w, y)
    if sign:
        wide, rest = d.sdiv(2 * w, x, by), d.srem(2 * w, x, by)
        quotient, remainder = d.sdiv(w, low, y), d.srem(w, low, y)
        smallest = d.eq(w, low, d.const(w, 1 << (w - 1)))
        too_large = d.and_(1, smallest, d.eq(w, y, d.const(w, -1)))
    else:
        wide, rest = d.udiv(2 * w, x, by), d.urem(2 * w, x, by)
        quotient, remainder = d.udiv(w, low, y), d.urem(w, low, y)
        too_large = d.const(1, 0)
    fits = d.eq(2 * w, extend(w, 2 * w, d.extract(w - 1, 0, wide)), wide)
    d.trap_if(d.ite(1, short, too_large, d.not_(1, fits)), DIVIDE_ERROR)
    return (
        d.ite(w, short, quotient, d.extract(w - 1, 0, wide)),
        d.ite(w, short, remainder, d.extract(w - 1, 0, rest)),
    )


def _division(d: Domain[B], s: Step[B], sign: bool, xs: tuple[B, ...]) -> tuple[B, ...]:
    if s.widths[-1] == 8:
        low, high = d.split(8, 2, xs[0])
        quotient, remainder = _divided(d, s, low, high, xs[1], sign)
        return (d.concat(8, quotient, 8, remainder),)
    return _divided(d, s, xs[0], xs[1], xs[2], sign)


@means("div")
def div(d: Domain[B], s: Step[B], *xs: B) -> tuple[B, ...]:
    return _division(d, s, False, xs)


@means("idiv")
def idiv(d: Domain[B], s: Step[B], *xs: B) -> tuple[B, ...]:
    return _division(d, s, True, xs)


@means("cbw", "cwde", "cdqe")
def extend_accumulator(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    half = s.w // 2
    return (d.sext(half, s.w, d.extract(half - 1, 0, x)),)


@means("cwd", "cdq", "cqo")
def sign_word(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    return (d.ashr(s.w, x, d.const(s.w, s.w - 1)),)


# ---- shifts ----


def _count(d: Domain[B], s: Step[B], n: B, at: int) -> B:
    """A count modulo 32, or 64 in an instruction of 64 bits; 8 bits wide."""
    low = d.extract(7, 0, n) if s.widths[at] > 8 else n
    return d.and_(8, low, d.const(8, 63 if s.w == 64 else 31))


def _keep_if_zero(d: Domain[B], s: Step[B], n: B, carry: B, overflow: B, r: B | None) -> None:
    """Flags of a shift: those given, unless the count is 0. A rotation has no `r`."""
    none = d.eq(8, n, d.const(8, 0))
    one = d.eq(8, n, d.const(8, 1))
    before = s.zero, s.sign, s.parity
    s.carry = d.ite(1, none, s.carry, carry)
    s.overflow = d.ite(1, none, s.overflow, d.ite(1, one, overflow, s.unknown(1)))
    if r is not None:
        s.shape(d, s.w, r)
        s.zero = d.ite(1, none, before[0], s.zero)
        s.sign = d.ite(1, none, before[1], s.sign)
        s.parity = d.ite(1, none, before[2], s.parity)


@means("shl")
def shl(d: Domain[B], s: Step[B], x: B, n: B) -> tuple[B, ...]:
    w = s.w
    count = _count(d, s, n, 1)
    wide = 2 * max(w, 32)  # bit w is the last one shifted out
    shifted = d.shl(wide, d.zext(w, wide, x), d.zext(8, wide, count))
    r = d.extract(w - 1, 0, shifted)
    carry = d.extract(w, w, shifted)
    if w < 32:
        beyond = d.ult(8, d.const(8, w), count)
        carry = d.ite(1, beyond, s.unknown(1), carry)
    _keep_if_zero(d, s, count, carry, d.xor(1, carry, _msb(d, w, r)), r)
    return (r,)


def _shifted_right(d: Domain[B], s: Step[B], x: B, n: B, sign: bool) -> tuple[B, ...]:
    w = s.w
    count = _count(d, s, n, 1)
    wide = 2 * max(w, 32)
    filled = (d.sext if sign else d.zext)(w, wide, x)
    # One bit more below: the last one shifted out.
    doubled = d.shl(wide, filled, d.const(wide, 1))
    shift = d.ashr if sign else d.lshr
    shifted = shift(wide, doubled, d.zext(8, wide, count))
    r = d.extract(w, 1, shifted)
    carry = d.extract(0, 0, shifted)
    if w < 32 and not sign:
        beyond = d.ult(8, d.const(8, w), count)
        carry = d.ite(1, beyond, s.unknown(1), carry)
    overflow = d.const(1, 0) if sign else _msb(d, w, x)
    _keep_if_zero(d, s, count, carry, overflow, r)
    return (r,)


@means("shr")
def shr(d: Domain[B], s: Step[B], x: B, n: B) -> tuple[B, ...]:
    return _shifted_right(d, s, x, n, False)


@means("sar")
def sar(d: Domain[B], s: Step[B], x: B, n: B) -> tuple[B, ...]:
    return _shifted_right(d, s, x, n, True)


def _rotated(d: Domain[B], w: int, x: B, n: B, left: bool) -> B:
    """`x` rotated; `n` is below w and as wide as x."""
    back = d.and_(w, d.sub(w, d.const(w, 0), n), d.const(w, w - 1))
    if not left:
        n, back = back, n
    return d.or_(w, d.shl(w, x, n), d.lshr(w, x, back))


def _modulo(d: Domain[B], w: int, count: B) -> B:
    """A count of 8 bits modulo w, w bits wide."""
    return d.and_(w, _resized(d, 8, w, count), d.const(w, w - 1))


@means("rol")
def rol(d: Domain[B], s: Step[B], x: B, n: B) -> tuple[B, ...]:
    w = s.w
    count = _count(d, s, n, 1)
    r = _rotated(d, w, x, _modulo(d, w, count), True)
    carry = d.extract(0, 0, r)
    _keep_if_zero(d, s, count, carry, d.xor(1, carry, _msb(d, w, r)), None)
    return (r,)


@means("ror")
def ror(d: Domain[B], s: Step[B], x: B, n: B) -> tuple[B, ...]:
    w = s.w
    count = _count(d, s, n, 1)
    r = _rotated(d, w, x, _modulo(d, w, count), False)
    carry = _msb(d, w, r)
    _keep_if_zero(d, s, count, carry, d.xor(1, carry, d.extract(w - 2, w - 2, r)), None)
    return (r,)


@means("rorx")
def rorx(d: Domain[B], s: Step[B], x: B, n: B) -> tuple[B, ...]:
    return (_rotated(d, s.w, x, d.and_(s.w, n, d.const(s.w, s.w - 1)), False),)


@means("shlx")
def shlx(d: Domain[B], s: Step[B], x: B, n: B) -> tuple[B, ...]:
    return (d.shl(s.w, x, d.and_(s.w, n, d.const(s.w, s.w - 1))),)


@means("shrx")
def shrx(d: Domain[B], s: Step[B], x: B, n: B) -> tuple[B, ...]:
    return (d.lshr(s.w, x, d.and_(s.w, n, d.const(s.w, s.w - 1))),)


@means("sarx")
def sarx(d: Domain[B], s: Step[B], x: B, n: B) -> tuple[B, ...]:
    return (d.ashr(s.w, x, d.and_(s.w, n, d.const(s.w, s.w - 1))),)


@means("shld")
def shld(d: Domain[B], s: Step[B], x: B, y: B, n: B) -> tuple[B, ...]:
    w = s.w
    count = _count(d, s, n, 2)
    wide = 2 * w
    both = d.concat(w, y, w, x)
    shifted = d.shl(wide, both, d.zext(8, wide, count))
    r = d.extract(wide - 1, w, shifted)
    out = d.shl(w, x, _before(d, w, count))
    return _double_shifted(d, s, x, count, r, _msb(d, w, out))


@means("shrd")
def shrd(d: Domain[B], s: Step[B], x: B, y: B, n: B) -> tuple[B, ...]:
    w = s.w
    count = _count(d, s, n, 2)
    wide = 2 * w
    both = d.concat(w, x, w, y)
    r = d.extract(w - 1, 0, d.lshr(wide, both, d.zext(8, wide, count)))
    out = d.lshr(w, x, _before(d, w, count))
    return _double_shifted(d, s, x, count, r, d.extract(0, 0, out))


def _before(d: Domain[B], w: int, count: B) -> B:
    """A count less one, modulo w."""
    return d.and_(w, d.sub(w, d.zext(8, w, count), d.const(w, 1)), d.const(w, w - 1))


def _double_shifted(d: Domain[B], s: Step[B], x: B, count: B, r: B, carry: B) -> tuple[B, ...]:
    """Of 16 bits with a count above 16 all is undefined."""
    w = s.w
    if w == 16:
        beyond = d.ult(8, d.const(8, 16), count)
        r = d.ite(w, beyond, s.unknown(w), r)
    changed = d.xor(1, _msb(d, w, x), _msb(d, w, r))
    _keep_if_zero(d, s, count, carry, changed, r)
    if w == 16:
        s.carry = d.ite(1, beyond, s.unknown(1), s.carry)
        s.zero = d.ite(1, beyond, s.unknown(1), s.zero)
        s.sign = d.ite(1, beyond, s.unknown(1), s.sign)
        s.parity = d.ite(1, beyond, s.unknown(1), s.parity)
    return (r,)


# ---- moves ----


@means("mov", "movabs")
def mov(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    return (x,)


@means("movzx")
def movzx(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    return (d.zext(s.widths[0], s.w, x),)


@means("movsx", "movsxd")
def movsx(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    return (d.sext(s.widths[0], s.w, x),)


@means("movbe")
def movbe(d: Domain[B], s: Step[B], x: B) -> tuple[B, ...]:
    return bswap(d, s, x)


@means("lea")
def lea(d: Domain[B], s: Step[B], address: B) -> tuple[B, ...]:
    """The operand is the address, of 64 bits."""
    return (d.extract(s.w - 1, 0, address),)


@means("xchg")
def xchg(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
    return y, x


def _conditional(code: int, name: str) -> None:
    """The meanings that depend on a condition."""

    def cmov(d: Domain[B], s: Step[B], x: B, y: B) -> tuple[B, ...]:
        return (d.ite(s.w, s.condition(d, code), y, x),)

    def setcc(d: Domain[B], s: Step[B]) -> tuple[B, ...]:
        return (d.zext(1, 8, s.condition(d, code)),)

    MEANINGS[f"cmov{name}"] = cmov
    MEANINGS[f"set{name}"] = setcc


for _code, _name in enumerate(CONDITIONS):
    _conditional(_code, _name)


def rows() -> list[Inst]:
    """The rows that have a meaning."""
    return [row for row in INSTS if meaning_of(row) is not None]
