"""What SSSE3 and SSE4 do for vectors, in instructions of SSE2: for old processors, and for code
that shall run on all of them."""

from __future__ import annotations

from grus.backend.regalloc.types import def_, def_reuse, use
from grus.backend.vcode import Address
from grus.backend.x64 import lower as L
from grus.backend.x64.lower import Imm, X64Lower
from grus.backend.x64.rows import row
from grus.backend.x64.vecops import (
    ADDP,
    CMPP,
    LANES,
    MULP,
    PACKSS,
    PACKUS,
    PADD,
    PAND,
    PCMPEQ,
    PCMPGT,
    PMULHW,
    PMULLW,
    PMULUDQ,
    POR,
    PSHUFD,
    PSUB,
    PUNPCKH,
    PUNPCKL,
    PXOR,
    SHUFPS,
    SUBP,
    B,
    D,
    Q,
    W,
    blend,
    constant,
    insert_long,
    one,
    shift_imm,
    two,
    zero,
)  # fmt: skip
from grus.ir import opcodes as ops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PEXTRW: Final = row("pextrw r32, xmm, imm8")
PINSRW: Final = row("pinsrw xmm, r32/m16, imm8")
_LESS: Final = 1  # predicate of cmpps

# ---- integers ----


def equal_longs(x: X64Lower, a: int, b: int, dst: int = -1) -> int:
    """Both halves are equal."""
    words = two(x, PCMPEQ[D], a, b)
    return two(x, PAND, one(x, PSHUFD, words, -1, 0xB1), words, dst)


def greater_longs(x: X64Lower, a: int, b: int, dst: int = -1) -> int:
    """The upper half is greater, or equal and the lower half, unsigned, greater."""
    flip = constant(x, b"\0\0\0\x80\0\0\0\0")
    greater = two(x, PCMPGT[D], two(x, PXOR, a, flip), two(x, PXOR, b, flip))
    upper, lower = one(x, PSHUFD, greater, -1, 0xF5), one(x, PSHUFD, greater, -1, 0xA0)
    equal = one(x, PSHUFD, two(x, PCMPEQ[D], a, b), -1, 0xF5)
    return two(x, POR, two(x, PAND, equal, lower), upper, dst)


def absolute(x: X64Lower, lane: int, src: int, dst: int) -> None:
    """Negated where the sign is set."""
    sign = two(x, PCMPGT[lane], zero(x), src)
    two(x, PSUB[lane], two(x, PXOR, src, sign), sign, dst)


def multiply_words(x: X64Lower, a: int, b: int, dst: int) -> None:
    """32-bit products, the even and the odd ones apart."""
    even = two(x, PMULUDQ, a, b)
    odd = two(x, PMULUDQ, shift_imm(x, "psrlq", a, 32), shift_imm(x, "psrlq", b, 32))
    low = [one(x, PSHUFD, product, -1, 0x08) for product in (even, odd)]
    two(x, PUNPCKL[D], low[0], low[1], dst)


def multiply_rounded(x: X64Lower, a: int, b: int, dst: int) -> None:
    """(a * b + 0x4000) >> 15, saturated, by products of 32 bits."""
    low, high = two(x, PMULLW, a, b), two(x, PMULHW, a, b)
    words = []
    for rows in (PUNPCKL, PUNPCKH):
        sums = two(x, PADD[D], two(x, rows[W], low, high), constant(x, b"\0\x40\0\0"))
        words.append(shift_imm(x, "psrad", sums, 15))
    two(x, PACKSS[D], words[0], words[1], dst)


def popcount(x: X64Lower, src: int, dst: int) -> None:
    """Bits of bytes: of pairs, of fours, of eights."""
    half = two(x, PAND, shift_imm(x, "psrlw", src, 1), constant(x, b"\x55"))
    pairs = two(x, PSUB[B], src, half)
    mask = constant(x, b"\x33")
    more = two(x, PAND, shift_imm(x, "psrlw", pairs, 2), mask)
    fours = two(x, PADD[B], two(x, PAND, pairs, mask), more)
    both = two(x, PADD[B], fours, shift_imm(x, "psrlw", fours, 4))
    two(x, PAND, both, constant(x, b"\x0f"), dst)


def pairwise_sum(x: X64Lower, lane: int, a: int, b: int, dst: int) -> None:
    """Sums of neighbours, of `a` then `b`: in lanes twice as wide, which are then narrowed."""
    if lane == D:
        even, odd = two(x, SHUFPS, a, b, -1, 0x88), two(x, SHUFPS, a, b, -1, 0xDD)
        two(x, PADD[D], even, odd, dst)
        return
    wide, bits = LANES[lane + 1], 8 << lane
    sums = []
    for src in (a, b):
        total = two(x, PADD[lane], src, shift_imm(x, f"psrl{wide}", src, bits))
        if lane == W:
            total = shift_imm(x, "psrad", shift_imm(x, "pslld", total, 16), 16)
        else:
            total = two(x, PAND, total, constant(x, b"\xff\0"))
        sums.append(total)
    two(x, PACKSS[D] if lane == W else PACKUS[W], sums[0], sums[1], dst)


# ---- widths ----


def widen(x: X64Lower, lane: int, src: int, sign: bool, high: bool, dst: int) -> None:
    """One half of the lanes: beside zeros or signs, or beside themselves and shifted down."""
    rows = PUNPCKH if high else PUNPCKL
    if not sign:
        two(x, rows[lane], src, zero(x), dst)
    elif lane == D:
        two(x, rows[D], src, shift_imm(x, "psrad", src, 31), dst)
    else:
        shift_imm(x, f"psra{LANES[lane + 1]}", two(x, rows[lane], src, src), 8 << lane, dst)


def load_half(x: X64Lower, address: Address) -> int:
    """Eight bytes."""
    loaded = x.c.new_float()
    x.emit_rm(L.MOVSD_LOAD, [def_(loaded)], address)
    return loaded


def pack_unsigned(x: X64Lower, a: int, b: int, dst: int) -> None:
    """32 signed bits to 16 unsigned ones: as signed ones, 32768 less."""
    words = []
    for src in (a, b):
        positive = two(x, PAND, src, two(x, PCMPGT[D], src, zero(x)))
        words.append(two(x, PSUB[D], positive, constant(x, b"\0\x80\0\0")))
    two(x, PXOR, two(x, PACKSS[D], words[0], words[1]), constant(x, b"\0\x80"), dst)


# ---- lanes ----


def extract_byte(x: X64Lower, src: int, index: int, dst: int) -> None:
    """A byte, whatever is above it."""
    if index & 1:
        word = x.c.new_int()
        x.emit(PEXTRW, [def_(word), use(src)], index >> 1)
        x.emit(L.SHR_I[L._L], [use(word), def_reuse(dst, 0)], 8)
    else:
        x.emit(PEXTRW, [def_(dst), use(src)], index >> 1)


def insert_word(x: X64Lower, src: int, value: int, index: int, dst: int = -1) -> int:
    """`src` with 16 bits replaced."""
    if dst < 0:
        dst = x.c.new_float()
    x.emit(PINSRW, [use(src), def_reuse(dst, 0), use(value)], index)
    return dst


def insert(x: X64Lower, lane: int, src: int, value: int, index: int, dst: int) -> None:
    """`src` with a lane replaced by an integer: in words, and what is beside a byte stays."""
    c = x.c
    if lane == B:
        whole, kept, low, moved, made = (c.new_int() for _ in range(5))
        x.emit(PEXTRW, [def_(whole), use(src)], index >> 1)
        x.binary(L.AND, L._L, kept, whole, Imm(0xFF if index & 1 else 0xFF00))
        x.binary(L.AND, L._L, low, value, Imm(0xFF))
        if index & 1:
            x.emit(L.SHL_I[L._L], [use(low), def_reuse(moved, 0)], 8)
        else:
            moved = low
        x.binary(L.OR, L._L, made, kept, moved)
        insert_word(x, src, made, index >> 1, dst)
    elif lane == D:
        upper = c.new_int()
        x.emit(L.SHR_I[L._L], [use(value), def_reuse(upper, 0)], 16)
        insert_word(x, insert_word(x, src, value, 2 * index), upper, 2 * index + 1, dst)
    else:
        long = c.new_float()
        x.unary_rm(L.MOVQ_TO_X, long, value)
        insert_long(x, src, long, index, dst)


def insert_float(x: X64Lower, src: int, value: int, index: int, dst: int) -> None:
    """`src` with an f32 replaced."""
    bits = x.c.new_int()
    x.emit(L.MOVD_FROM_X, [def_(bits), use(value)])
    insert(x, D, src, bits, index, dst)


def shuffle(x: X64Lower, a: int, b: int, mask: bytes, dst: int) -> None:
    """Byte by byte."""
    c = x.c
    made = zero(x)
    for place in range(8):
        part = [c.new_int(), c.new_int()]
        for half in (0, 1):
            at = mask[2 * place + half]
            whole = c.new_int()
            extract_byte(x, a if at < 16 else b, at & 15, whole)
            x.binary(L.AND, L._L, part[half], whole, Imm(0xFF))
        high, word = c.new_int(), c.new_int()
        x.emit(L.SHL_I[L._L], [use(part[1]), def_reuse(high, 0)], 8)
        x.binary(L.OR, L._L, word, part[0], high)
        made = insert_word(x, made, word, place, dst if place == 7 else -1)


def swizzle(x: X64Lower, src: int, index: int, dst: int) -> None:
    """Each byte of `src` in turn to all places where the index is its number."""
    c = x.c
    made = zero(x)
    for number in range(16):
        whole, single, every = c.new_int(), c.new_int(), c.new_int()
        extract_byte(x, src, number, whole)
        x.binary(L.AND, L._L, single, whole, Imm(0xFF))
        x.emit(row("imul r32, r/m32, imm32"), [def_(every), use(single)], 0x01010101)
        low = c.new_float()
        x.unary_rm(L.MOVD_TO_X, low, every)
        chosen = two(x, PCMPEQ[B], index, constant(x, bytes([number])))
        found = two(x, PAND, one(x, PSHUFD, low), chosen)
        made = two(x, POR, made, found, dst if number == 15 else -1)


# ---- floats ----


def round_floats(x: X64Lower, op: int, double: int, src: int, dst: int) -> None:
    """Numbers that may have a fraction are rounded by adding what leaves no room for one; then the
    result is corrected by one, and has the sign of `src`. Others, and NaN, are times one."""
    size = 8 if double else 4
    limit = constant(x, (0x4330 << 48 if double else 0x4B000000).to_bytes(size, "little"))
    unit = constant(x, (0x3FF0 << 48 if double else 0x3F800000).to_bytes(size, "little"))
    sign = two(x, L.ANDPS, src, constant(x, bytes(size - 1) + b"\x80"))
    positive = two(x, L.ANDPS, src, constant(x, b"\xff" * (size - 1) + b"\x7f"))
    add, sub = ADDP[double], SUBP[double]

    def less(a: int, b: int) -> int:
        mask = x.c.new_float()
        x.emit(CMPP[double], [use(a), def_reuse(mask, 0), use(b)], _LESS)
        return mask

    bound = x.c.new_float()
    x.emit_rm(L.MOVUPS_LOAD, [def_(bound)], limit)
    nearest = two(x, sub, two(x, add, positive, limit), limit)
    if op == ops.TRUNC:
        nearest = two(x, sub, nearest, two(x, L.ANDPS, less(positive, nearest), unit))
    rounded = two(x, L.ORPS, nearest, sign)
    if op == ops.FLOOR:
        rounded = two(x, sub, rounded, two(x, L.ANDPS, less(src, rounded), unit))
    elif op == ops.CEIL:
        rounded = two(x, add, rounded, two(x, L.ANDPS, less(rounded, src), unit))
        rounded = two(x, L.ORPS, rounded, sign)
    blend(x, less(positive, bound), rounded, two(x, MULP[double], src, unit), dst)


def multiply_add(x: X64Lower, double: int, operands: list[int], dst: int) -> None:
    """`a * b + c`, rounded once, a lane at a time by the C library."""
    results = []
    for lane in range(2 if double else 4):
        order = (0xEE if lane else 0x44) if double else lane
        result = x.c.new_float()
        x.libcall(
            "fma" if double else "fmaf", [one(x, PSHUFD, a, -1, order) for a in operands], result
        )
        results.append(result)
    if not double:
        results = [two(x, PUNPCKL[D], *results[at : at + 2]) for at in (0, 2)]
    two(x, PUNPCKL[Q], results[0], results[1], dst)
