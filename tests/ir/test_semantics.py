"""Meanings of opcodes: complete, right on samples, and the same in a solver's domain."""

from __future__ import annotations

import itertools
import operator
import random
from collections.abc import Callable

import pytest

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.bits import signed
from grus.ir.semantics import CONTROL, MACHINE, MEANINGS, MEMORY, fold


def lanes(ty: int, values: list[int]) -> int:
    """A vector from the (possibly negative) numbers of its lanes."""
    w = T.BITS[T.LANE[ty]]
    return sum((v & ((1 << w) - 1)) << (i * w) for i, v in enumerate(values))


def test_every_opcode_has_one_meaning_or_is_listed() -> None:
    for row in ops.ROWS[ops.FIRST_REAL :]:
        places = (MEANINGS[row.num] is not None) + sum(
            row.num in group for group in (CONTROL, MEMORY, MACHINE)
        )
        assert places == 1, row.name


SIGNED = {
    ops.SMIN: min,
    ops.SMAX: max,
    ops.SMULHI: lambda x, y: (x * y) >> 8,
}
UNSIGNED: dict[int, Callable[[int, int], int]] = {
    ops.IADD: operator.add,
    ops.ISUB: operator.sub,
    ops.IMUL: operator.mul,
    ops.UMIN: min,
    ops.UMAX: max,
    ops.UMULHI: lambda x, y: (x * y) >> 8,
    ops.BAND: operator.and_,
    ops.BOR: operator.or_,
    ops.BXOR: operator.xor,
    ops.ISHL: lambda x, y: x << (y % 8),
    ops.USHR: lambda x, y: x >> (y % 8),
    ops.SSHR: lambda x, y: signed(8, x) >> (y % 8),
    ops.ROTL: lambda x, y: x << (y % 8) | x >> (8 - y % 8),
    ops.ROTR: lambda x, y: x >> (y % 8) | x << (8 - y % 8),
}


def test_binary_i8() -> None:
    points = [0, 1, 2, 5, 7, 8, 9, 0x55, 0x7F, 0x80, 0x81, 0xAA, 0xFE, 0xFF]
    for x, y in itertools.product(points, repeat=2):
        for op, expected in UNSIGNED.items():
            got = fold(op, T.I8, [T.I8, T.I8], [x, y])
            assert got == expected(x, y) & 255, (ops.ROWS[op].name, x, y)
        for op, expected in SIGNED.items():
            got = fold(op, T.I8, [T.I8, T.I8], [x, y])
            assert got == expected(signed(8, x), signed(8, y)) & 255, (ops.ROWS[op].name, x, y)


def test_overflow_i8_with_carry() -> None:
    for x, y, c in itertools.product(
        (0, 1, 0x7F, 0x80, 0x81, 0xFF), (0, 1, 0x7F, 0x80, 0xFF), (0, 1)
    ):
        sx, sy = signed(8, x), signed(8, y)
        for op, exact, low, high in (
            (ops.UADD_OVERFLOW_CIN, x + y + c, 0, 255),
            (ops.SADD_OVERFLOW_CIN, sx + sy + c, -128, 127),
            (ops.USUB_OVERFLOW_BIN, x - y - c, 0, 255),
            (ops.SSUB_OVERFLOW_BIN, sx - sy - c, -128, 127),
        ):
            got = fold(op, T.INVALID, [T.I8] * 3, [x, y, c])
            assert got == (exact & 255, int(not low <= exact <= high)), ops.ROWS[op].name
        for op, exact, low, high in (
            (ops.UMUL_OVERFLOW, x * y, 0, 255),
            (ops.SMUL_OVERFLOW, sx * sy, -128, 127),
        ):
            got = fold(op, T.INVALID, [T.I8] * 2, [x, y])
            assert got == (exact & 255, int(not low <= exact <= high)), ops.ROWS[op].name


def test_division() -> None:
    def divide(op: int, x: int, y: int) -> object:
        got = fold(op, T.I16, [T.I16, T.I16], [x & 0xFFFF, y & 0xFFFF])
        return signed(16, got) if isinstance(got, int) else got

    assert divide(ops.SDIV, -7, 2) == -3
    assert divide(ops.SREM, -7, 2) == -1
    assert divide(ops.SREM, 7, -2) == 1
    assert divide(ops.SDIV, -32768, -1) is None
    assert divide(ops.SREM, -32768, -1) == 0
    for op in (ops.SDIV, ops.UDIV, ops.SREM, ops.UREM):
        assert divide(op, 5, 0) is None


def test_counts_and_reversals() -> None:
    def one(op: int, x: int, ty: int = T.I32) -> object:
        return fold(op, ty, [ty], [x])

    assert one(ops.CLZ, 0) == 32 and one(ops.CLZ, 1) == 31
    assert one(ops.CTZ, 0) == 32 and one(ops.CTZ, 8) == 3
    assert one(ops.CLS, 0xFFFFFFFF) == 31 and one(ops.CLS, 0x10000000) == 2
    assert one(ops.POPCNT, 0xF0F0) == 8
    assert one(ops.BSWAP, 0x11223344) == 0x44332211
    assert one(ops.BITREV, 0x80000001, T.I32) == 0x80000001
    assert one(ops.BITREV, 0x1, T.I128) == 1 << 127
    assert one(ops.POPCNT, 0xFF01, T.vector(T.I8, 2)) == 0x0801


def test_comparisons_of_scalars_and_vectors() -> None:
    assert fold(ops.ICMP, T.I8, [T.I32, T.I32], [5, 0xFFFFFFFF], ops.SGT) == 1
    assert fold(ops.ICMP, T.I8, [T.I32, T.I32], [5, 0xFFFFFFFF], ops.UGT) == 0
    x, y = lanes(T.I16X8, [1, -1, 3, 0, 0, 0, 0, 0]), lanes(T.I16X8, [1, 1, 2, 0, 0, 0, 0, 1])
    got = fold(ops.ICMP, T.I16X8, [T.I16X8, T.I16X8], [x, y], ops.SLT)
    assert got == lanes(T.I16X8, [0, -1, 0, 0, 0, 0, 0, -1])
    assert fold(ops.VALL_TRUE, T.I8, [T.I16X8], [x]) == 0
    assert fold(ops.VANY_TRUE, T.I8, [T.I16X8], [x]) == 1
    assert fold(ops.VHIGH_BITS, T.I8, [T.I16X8], [x]) == 2


def test_float_comparisons_have_inverses() -> None:
    points = [0, 1 << 63, 0x3FF0 << 48, 0xBFF0 << 48, 0x7FF0 << 48, 0xFFF0 << 48, 0x7FF8 << 48]
    numbers = [0.0, -0.0, 1.0, -1.0, float("inf"), -float("inf"), float("nan")]
    plain = {ops.F_EQ: operator.eq, ops.F_LT: operator.lt, ops.F_LE: operator.le}
    for (x, a), (y, b) in itertools.product(zip(points, numbers, strict=True), repeat=2):
        for cc in range(len(ops.FLOAT_CC)):
            got = fold(ops.FCMP, T.I8, [T.F64, T.F64], [x, y], cc)
            inverse = fold(ops.FCMP, T.I8, [T.F64, T.F64], [x, y], ops.FLOAT_CC_INVERSE[cc])
            swapped = fold(ops.FCMP, T.I8, [T.F64, T.F64], [y, x], ops.FLOAT_CC_SWAPPED[cc])
            assert got == swapped and {got, inverse} == {0, 1}
            if cc in plain:
                assert got == int(plain[cc](a, b))


def test_float_minimum_and_maximum() -> None:
    def two(op: int, x: int, y: int) -> object:
        return fold(op, T.F32, [T.F32, T.F32], [x, y])

    minus_zero, one, minus_one, nan = 0x80000000, 0x3F800000, 0xBF800000, 0x7F800001
    assert two(ops.FMIN, 0, minus_zero) == two(ops.FMIN, minus_zero, 0) == minus_zero
    assert two(ops.FMAX, 0, minus_zero) == two(ops.FMAX, minus_zero, 0) == 0
    assert two(ops.FMIN, one, minus_one) == minus_one
    assert two(ops.FMAX, one, minus_one) == one
    assert two(ops.FMIN, one, nan) == two(ops.FMAX, nan, one) == nan | 0x00400000


def test_saturation() -> None:
    two = [T.I8X16, T.I8X16]
    x, y = lanes(T.I8X16, [127, -128, 100, -1]), lanes(T.I8X16, [1, -1, 100, 1])
    assert fold(ops.SADD_SAT, T.I8X16, two, [x, y]) == lanes(T.I8X16, [127, -128, 127, 0])
    assert fold(ops.SSUB_SAT, T.I8X16, two, [x, y]) == lanes(T.I8X16, [126, -127, 0, -2])
    assert fold(ops.UADD_SAT, T.I8X16, two, [x, y]) == lanes(T.I8X16, [128, 255, 200, 255])
    assert fold(ops.USUB_SAT, T.I8X16, two, [x, y]) == lanes(T.I8X16, [126, 0, 0, 254])
    assert fold(ops.AVG_ROUND, T.I8X16, two, [x, y]) == lanes(T.I8X16, [64, 192, 100, 128])
    wide = [T.I16X8, T.I16X8]
    x, y = lanes(T.I16X8, [-32768, 300, -1, 5]), lanes(T.I16X8, [-32768, 7, 0, 0])
    narrow = [fold(op, T.I8X16, wide, [x, y]) for op in (ops.SNARROW, ops.UNARROW, ops.UUNARROW)]
    assert narrow[0] == lanes(T.I8X16, [-128, 127, -1, 5, 0, 0, 0, 0, -128, 7])
    assert narrow[1] == lanes(T.I8X16, [0, 255, 0, 5, 0, 0, 0, 0, 0, 7])
    assert narrow[2] == lanes(T.I8X16, [255, 255, 255, 5, 0, 0, 0, 0, 255, 7])
    assert fold(ops.SQMUL_ROUND_SAT, T.I16X8, wide, [x, y]) == lanes(T.I16X8, [32767])
    assert fold(ops.X86_PMULHRSW, T.I16X8, wide, [x, y]) == lanes(T.I16X8, [-32768])


def test_lanes_are_moved() -> None:
    x = lanes(T.I8X16, list(range(16)))
    assert fold(ops.SPLAT, T.I32X4, [T.I32], [7]) == lanes(T.I32X4, [7, 7, 7, 7])
    mask = lanes(T.I8X16, [15, 16, 128, 0])
    assert fold(ops.SWIZZLE, T.I8X16, [T.I8X16] * 2, [x | 9, mask]) == lanes(
        T.I8X16, [15, 0, 0, 9, *([9] * 12)]
    )
    assert fold(ops.X86_PSHUFB, T.I8X16, [T.I8X16] * 2, [x | 9, mask]) == lanes(
        T.I8X16, [15, 9, 0, 9, *([9] * 12)]
    )
    got = fold(
        ops.SHUFFLE, T.I8X16, [T.I8X16] * 2, [x, x << 1], data=bytes([31, 0, 15, *([1] * 13)])
    )
    assert got == lanes(T.I8X16, [30, 0, 15, *([1] * 13)])
    assert fold(ops.EXTRACTLANE, T.I16, [T.I16X8], [x], 1) == 0x0302
    assert fold(ops.INSERTLANE, T.I8X16, [T.I8X16, T.I8], [0, 5], 2) == 5 << 16
    assert fold(ops.SWIDEN_HIGH, T.I64X2, [T.I32X4], [lanes(T.I32X4, [0, 0, -1, 1])]) == lanes(
        T.I64X2, [-1, 1]
    )
    pairs = fold(ops.IADD_PAIRWISE, T.I32X4, [T.I32X4] * 2, [lanes(T.I32X4, [1, 2, 3, 4]), 9])
    assert pairs == lanes(T.I32X4, [3, 7, 9, 0])


def test_bitcast_byte_order() -> None:
    x = lanes(T.I32X4, [1, 2, 3, 4])
    assert fold(ops.BITCAST, T.I64X2, [T.I32X4], [x]) == x
    big = fold(ops.BITCAST, T.I64X2, [T.I32X4], [x], big=True)
    assert big == lanes(T.I64X2, [1 << 32 | 2, 3 << 32 | 4])


def test_float_vectors_and_conversions() -> None:
    one, two, nan = 0x3F800000, 0x40000000, 0x7FC00000
    x = lanes(T.F32X4, [one, two, nan, 0x4F000000])
    assert fold(ops.FADD, T.F32X4, [T.F32X4] * 2, [x, lanes(T.F32X4, [one])]) == lanes(
        T.F32X4, [two, two, nan, 0x4F000000]
    )
    assert fold(ops.FCVT_TO_SINT_SAT, T.I32X4, [T.F32X4], [x]) == lanes(
        T.I32X4, [1, 2, 0, 0x7FFFFFFF]
    )
    assert fold(ops.X86_CVTT2DQ, T.I32X4, [T.F32X4], [x]) == lanes(
        T.I32X4, [1, 2, 1 << 31, 1 << 31]
    )
    promoted = fold(ops.FVPROMOTE_LOW, T.F64X2, [T.F32X4], [x])
    assert promoted == lanes(T.F64X2, [0x3FF << 52, 0x400 << 52])
    assert fold(ops.FVDEMOTE, T.F32X4, [T.F64X2], [promoted]) == lanes(T.F32X4, [one, two])
    assert fold(ops.FCVT_TO_SINT, T.I32, [T.F32], [nan]) is None
    assert fold(ops.FCVT_TO_SINT, T.I8, [T.F32], [0xC3008000]) == 0x80  # -128.5
    assert fold(ops.FCVT_TO_SINT, T.I8, [T.F32], [0xC3010000]) is None  # -129


def test_fold_of_control_is_nothing() -> None:
    assert fold(ops.JUMP, T.INVALID, [], []) is None
    assert fold(ops.TRAPZ, T.INVALID, [T.I32], [0], 1) is None
    assert fold(ops.TRAPZ, T.INVALID, [T.I32], [1], 1) == ()


def test_wide_vectors_are_lifted() -> None:
    ty = T.vector(T.I64, 8)  # 512 bits
    rng = random.Random(1)
    x, y = rng.getrandbits(512), rng.getrandbits(512)
    got = fold(ops.IADD, ty, [ty, ty], [x, y])
    assert isinstance(got, int)
    for i in range(0, 512, 64):
        assert (got >> i) & (2**64 - 1) == ((x >> i) + (y >> i)) & (2**64 - 1)
    assert fold(ops.BNOT, ty, [ty], [x]) == x ^ (2**512 - 1)


def test_meanings_serve_a_solver() -> None:
    """A prover's domain gets formulas from the same functions: z3 proves two of them equal."""
    z3 = pytest.importorskip("z3", reason="z3 proves the formulas")
    from grus.ir.domain import Domain
    from grus.ir.semantics import Shape, evaluator

    class Terms(Domain):  # type: ignore[type-arg]
        def const(self, w, value):  # type: ignore[no-untyped-def]
            return z3.BitVecVal(value, w)

        def add(self, w, x, y):  # type: ignore[no-untyped-def]
            return x + y

        def sub(self, w, x, y):  # type: ignore[no-untyped-def]
            return x - y

        def xor(self, w, x, y):  # type: ignore[no-untyped-def]
            return x ^ y

        def extract(self, high, low, x):  # type: ignore[no-untyped-def]
            return z3.Extract(high, low, x)

        def concat(self, w_low, low, w_high, high):  # type: ignore[no-untyped-def]
            return z3.Concat(high, low)

    def term(op: int, *operands: object) -> object:
        shape = Shape(op, T.I8X16, [T.I8X16] * len(operands))
        return evaluator(op, shape)(Terms(), shape, *operands)

    x, y = z3.BitVecs("x y", 128)
    ones = z3.BitVecVal(-1, 128)
    # x - y == x + ~y + 1, lane by lane: x - y == ~(~x + y)
    left = term(ops.ISUB, x, y)
    right = term(ops.BXOR, ones, term(ops.IADD, term(ops.BXOR, ones, x), y))
    solver = z3.Solver()
    solver.add(left != right)
    assert solver.check() == z3.unsat
