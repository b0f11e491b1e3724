"""Soft floats against the host's arithmetic (f32, f64) and exact rationals (all formats)."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from grus.ir import softfloat as sf
from grus.ir.softfloat import FORMATS, Format

try:
    import numpy
except ImportError:
    numpy = None

needs_numpy = pytest.mark.skipif(numpy is None, reason="numpy gives the host's arithmetic")


def corners(f: Format) -> list[int]:
    """Zero, subnormals, one, halves, extremes, infinity, quiet and signalling NaNs; both signs."""
    one = f.bias << f.fraction_bits
    positive = [0, 1, 2, f.fraction_mask, f.fraction_mask + 1, one, one + 1, one - 1]
    positive += [one + f.quiet, one - (1 << f.fraction_bits), f.infinity - 1, f.infinity]
    positive += [f.infinity | f.quiet, f.infinity | 1, f.infinity | f.quiet | 42]
    positive += [(f.bias + k) << f.fraction_bits for k in (f.fraction_bits, 7, 8, 15, 31)]
    return positive + [x | f.sign for x in positive]


def operands(f: Format, seed: int, count: int) -> list[int]:
    """Corners and random patterns, half of them with exponents near each other."""
    rng = random.Random(seed)
    result = corners(f)
    middle = f.bias << f.fraction_bits
    while len(result) < count:
        if rng.random() < 0.5:
            result.append(rng.getrandbits(f.width))
        else:
            spread = rng.randrange(-3, 4) << f.fraction_bits
            bits = (middle + spread) | rng.getrandbits(f.fraction_bits)
            result.append(bits | (f.sign if rng.random() < 0.5 else 0))
    return result


# ---- against the host ----


def host(width: int, bits: int) -> object:
    unsigned = {32: numpy.uint32, 64: numpy.uint64}[width]
    return unsigned(bits).view({32: numpy.float32, 64: numpy.float64}[width])


def bits_of(value: object) -> int:
    return int(value.view({4: numpy.uint32, 8: numpy.uint64}[value.nbytes]))  # type: ignore


BINARY = {
    "add": (sf.add, "add"),
    "sub": (sf.sub, "subtract"),
    "mul": (sf.mul, "multiply"),
    "div": (sf.div, "divide"),
}
UNARY = {
    "sqrt": (sf.sqrt, "sqrt"),
    "ceil": (lambda f, x: sf.to_integral(f, sf.CEIL, x), "ceil"),
    "floor": (lambda f, x: sf.to_integral(f, sf.FLOOR, x), "floor"),
    "trunc": (lambda f, x: sf.to_integral(f, sf.TRUNC, x), "trunc"),
    "nearest": (lambda f, x: sf.to_integral(f, sf.NEAREST, x), "rint"),
}


@needs_numpy
@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("name", BINARY)
def test_binary_matches_host(name: str, width: int) -> None:
    soft, hard = BINARY[name]
    f = FORMATS[width]
    xs = operands(f, 1, 300)
    pairs = [(x, y) for x in corners(f) for y in corners(f)]
    pairs += list(zip(xs, operands(f, 2, 300)[::-1], strict=True))
    with numpy.errstate(all="ignore"):
        for x, y in pairs:
            expected = bits_of(getattr(numpy, hard)(host(width, x), host(width, y)))
            assert soft(f, x, y) == expected, f"{name} {x:#x} {y:#x}"


@needs_numpy
@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("name", UNARY)
def test_unary_matches_host(name: str, width: int) -> None:
    soft, hard = UNARY[name]
    f = FORMATS[width]
    with numpy.errstate(all="ignore"):
        for x in operands(f, 3, 1000):
            assert soft(f, x) == bits_of(getattr(numpy, hard)(host(width, x))), f"{name} {x:#x}"


@needs_numpy
def test_promote_and_demote_match_host() -> None:
    narrow, wide = FORMATS[32], FORMATS[64]
    with numpy.errstate(all="ignore"):
        for x in operands(narrow, 4, 500):
            expected = bits_of(host(32, x).astype(numpy.float64))  # type: ignore
            assert sf.convert(narrow, wide, x) == expected, hex(x)
        near = [sf.convert(narrow, wide, x) + d for x in operands(narrow, 5, 300) for d in (-1, 1)]
        for x in operands(wide, 6, 500) + [x for x in near if 0 <= x < 1 << 64]:
            expected = bits_of(host(64, x).astype(numpy.float32))  # type: ignore
            assert sf.convert(wide, narrow, x) == expected, hex(x)


# ---- against exact rationals ----


def value(f: Format, bits: int) -> Fraction:
    exponent = (bits & f.magnitude) >> f.fraction_bits
    fraction = bits & f.fraction_mask
    if exponent:
        fraction += 1 << f.fraction_bits
    scale = max(exponent, 1) - f.bias - f.fraction_bits
    number = Fraction(fraction) * Fraction(2) ** scale
    return -number if bits & f.sign else number


def rounded(f: Format, exact: Fraction) -> int:
    """Nearest pattern, ties to even, found by bisection over all patterns; exact is not 0."""
    sign = f.sign if exact < 0 else 0
    exact = abs(exact)
    low, high = 0, f.infinity  # value(low) <= exact; infinity stands for the next power of two
    while high - low > 1:
        middle = (low + high) // 2
        if value(f, middle) <= exact:
            low = middle
        else:
            high = middle
    below, above = exact - value(f, low), value(f, high) - exact
    if below == above:
        return sign | (low if low % 2 == 0 else high)
    return sign | (low if below < above else high)


EXACT = {
    "add": (sf.add, lambda x, y: x + y),
    "sub": (sf.sub, lambda x, y: x - y),
    "mul": (sf.mul, lambda x, y: x * y),
    "div": (sf.div, lambda x, y: x / y if y else Fraction(0)),
}


def finite(f: Format, seed: int, count: int) -> list[int]:
    return [x for x in operands(f, seed, count) if x & f.magnitude < f.infinity]


@pytest.mark.parametrize("width", [16, 32, 128])
def test_arithmetic_is_rounded_once(width: int) -> None:
    f = FORMATS[width]
    count = 60 if width == 128 else 300
    for name, (soft, exact) in EXACT.items():
        for x, y in zip(finite(f, 7, count), finite(f, 8, count)[::-1], strict=False):
            expected = exact(value(f, x), value(f, y))
            if expected:
                assert soft(f, x, y) == rounded(f, expected), f"{name} {x:#x} {y:#x}"


@pytest.mark.parametrize("width", [16, 32, 64, 128])
def test_fma_is_rounded_once(width: int) -> None:
    f = FORMATS[width]
    count = 60 if width == 128 else 300
    xs, ys, zs = finite(f, 9, count), finite(f, 10, count)[::-1], finite(f, 11, count)
    for x, y, z in zip(xs, ys, zs, strict=False):
        expected = value(f, x) * value(f, y) + value(f, z)
        if expected:
            assert sf.fma(f, x, y, z) == rounded(f, expected), f"{x:#x} {y:#x} {z:#x}"
    # Cancellation of all but the rounding error of the product.
    for x, y in zip(xs, ys, strict=False):
        z = sf.mul(f, x, y) ^ f.sign
        expected = value(f, x) * value(f, y) + value(f, z)
        if z & f.magnitude < f.infinity and expected:
            assert sf.fma(f, x, y, z) == rounded(f, expected), f"{x:#x} {y:#x} {z:#x}"


@pytest.mark.parametrize("width", [16, 128])
def test_sqrt_is_rounded_once(width: int) -> None:
    f = FORMATS[width]
    for x in finite(f, 12, 200):
        if x & f.sign or x == 0:
            continue
        root = sf.sqrt(f, x)
        # The square root lies between the midpoints to the neighbouring patterns.
        low = (value(f, root) + value(f, root - 1)) / 2
        high = (value(f, root) + value(f, root + 1)) / 2
        assert low * low <= value(f, x) <= high * high, hex(x)


def test_nan_rules() -> None:
    f = FORMATS[32]
    signalling, quiet, one = 0x7F800001, 0xFFC00042, 0x3F800000
    assert sf.add(f, signalling, quiet) == 0x7FC00001
    assert sf.add(f, one, signalling) == 0x7FC00001
    assert sf.sub(f, one, quiet) == quiet
    assert sf.fma(f, one, quiet, signalling) == quiet
    assert sf.fma(f, 0, f.infinity, signalling) == 0x7FC00001
    for invalid in (
        sf.sub(f, f.infinity, f.infinity),
        sf.mul(f, 0, f.infinity),
        sf.div(f, 0, 0),
        sf.sqrt(f, one | f.sign),
        sf.fma(f, 0, f.infinity, one),
    ):
        assert invalid == 0xFFC00000


@pytest.mark.parametrize("width", [16, 32, 64, 128])
def test_integer_conversions(width: int) -> None:
    f = FORMATS[width]
    rng = random.Random(13)
    for bits in (8, 16, 32, 64, 128):
        numbers = [0, 1, (1 << bits) - 1, 1 << (bits - 1), (1 << (bits - 1)) - 1]
        numbers += [rng.getrandbits(rng.randrange(1, bits + 1)) for _ in range(30)]
        for n in numbers:
            for is_signed in (False, True):
                number = n - (1 << bits) if is_signed and n >> (bits - 1) else n
                expected = rounded(f, Fraction(number)) if number else 0
                assert sf.from_int(f, bits, is_signed, n) == expected
        for x in operands(f, 14, 100):
            for is_signed in (False, True):
                low, high = sf.bounds(bits, is_signed)
                inside = 0
                if sf.is_nan(f, x):
                    expected = 0
                elif x & f.magnitude == f.infinity:
                    expected = low if x & f.sign else high
                else:
                    whole = int(value(f, x))
                    inside = int(low <= whole <= high)
                    expected = min(max(whole, low), high)
                got = sf.to_int_sat(f, bits, is_signed, x)
                assert got == expected & ((1 << bits) - 1), hex(x)
                assert sf.int_in_range(f, bits, is_signed, x) == inside
