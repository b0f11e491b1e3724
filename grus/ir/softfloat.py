"""IEEE 754-2019 binary16, 32, 64 and 128 in integer arithmetic.

All functions take and give bit patterns (unsigned ints of the format's width); none uses host
floating point. A finite number is unpacked to (sign, m, e) with value m * 2**e, the exact result
is computed with Python's unbounded ints, and `_round` rounds it once, to nearest, ties to even
(a nonzero discarded part becomes a sticky lowest bit where the exact result is infinite).

NaN rules, which IEEE 754 leaves open, are those of x86-64 SSE (Intel SDM vol. 1, 4.8.3.5 and
table 4-7): a result that is a NaN because an operand is one is the first NaN operand in the
order x, y, z, made quiet (top fraction bit set), sign and payload kept; an invalid operation
without a NaN operand gives the default NaN: negative, quiet, payload 0. Conversions between
formats keep the top bits of the payload. For `fma(x, y, NaN)` the rule holds even if x * y is
invalid.
"""

from __future__ import annotations

from math import isqrt
from typing import Final


class Format:
    """One interchange format. Field names follow IEEE 754: `precision` counts the hidden bit."""

    __slots__ = (
        "bias",
        "default_nan",
        "fraction_bits",
        "fraction_mask",
        "infinity",
        "least",
        "magnitude",
        "max_exponent",
        "precision",
        "quiet",
        "sign",
        "width",
    )

    def __init__(self, width: int, exponent_bits: int) -> None:
        self.width = width
        self.fraction_bits = width - 1 - exponent_bits
        self.precision = self.fraction_bits + 1
        self.bias = (1 << (exponent_bits - 1)) - 1
        self.max_exponent = (1 << exponent_bits) - 1  # of infinities and NaNs
        self.fraction_mask = (1 << self.fraction_bits) - 1
        self.sign = 1 << (width - 1)
        self.magnitude = self.sign - 1  # every bit but the sign
        self.infinity = self.max_exponent << self.fraction_bits
        self.quiet = 1 << (self.fraction_bits - 1)
        self.default_nan = self.sign | self.infinity | self.quiet
        self.least = 1 - self.bias - self.fraction_bits  # the smallest subnormal is 2**least


FORMATS: Final[dict[int, Format]] = {
    16: Format(16, 5),
    32: Format(32, 8),
    64: Format(64, 11),
    128: Format(128, 15),
}
"""By width in bits."""

# Rounding of `to_integral`.
CEIL: Final = 0
FLOOR: Final = 1
TRUNC: Final = 2
NEAREST: Final = 3


def is_nan(f: Format, x: int) -> bool:
    return x & f.magnitude > f.infinity


def _round(f: Format, sign: int, m: int, e: int) -> int:
    """The pattern of m * 2**e (m > 0) rounded to nearest even. `sign` is 0 or `f.sign`."""
    shift = m.bit_length() - f.precision
    if e + shift < f.least:
        shift = f.least - e  # subnormal: fewer significant bits
    if shift > 0:
        rest = m & ((1 << shift) - 1)
        half = 1 << (shift - 1)
        m >>= shift
        if rest > half or (rest == half and m & 1):
            m += 1
    else:
        m <<= -shift
    # m holds the hidden bit, which adds the 1 that the exponent field lacks here; a carry out of
    # the fraction, and a subnormal that becomes normal, come out right by the same addition.
    pattern = ((e + shift - f.least) << f.fraction_bits) + m
    return sign | (pattern if pattern < f.infinity else f.infinity)


def _nan(f: Format, x: int, y: int) -> int:
    """The result for operands of which at least one is a NaN."""
    return (x if is_nan(f, x) else y) | f.quiet


def _unpack(f: Format, x: int) -> tuple[int, int]:
    """(m, e) of a finite number's magnitude: m * 2**e."""
    exponent = (x & f.magnitude) >> f.fraction_bits
    if exponent == 0:
        return x & f.fraction_mask, f.least
    return (x & f.fraction_mask) | (1 << f.fraction_bits), f.least + exponent - 1


def _sum(f: Format, x_sign: int, xm: int, xe: int, y_sign: int, ym: int, ye: int) -> int:
    """The rounded sum of two finite numbers."""
    if xe > ye:
        xm <<= xe - ye
        xe = ye
    else:
        ym <<= ye - xe
    total = (-xm if x_sign else xm) + (-ym if y_sign else ym)
    if total == 0:
        return x_sign & y_sign  # exact zero is +0 unless both are negative
    if total < 0:
        return _round(f, f.sign, -total, xe)
    return _round(f, 0, total, xe)


def add(f: Format, x: int, y: int) -> int:
    x_magnitude, y_magnitude = x & f.magnitude, y & f.magnitude
    if x_magnitude >= f.infinity or y_magnitude >= f.infinity:
        if x_magnitude > f.infinity or y_magnitude > f.infinity:
            return _nan(f, x, y)
        if x_magnitude == y_magnitude and x != y:
            return f.default_nan
        return x if x_magnitude == f.infinity else y
    xm, xe = _unpack(f, x)
    ym, ye = _unpack(f, y)
    return _sum(f, x & f.sign, xm, xe, y & f.sign, ym, ye)


def sub(f: Format, x: int, y: int) -> int:
    if is_nan(f, y):
        return _nan(f, x, y)  # a NaN keeps its sign
    return add(f, x, y ^ f.sign)


def mul(f: Format, x: int, y: int) -> int:
    x_magnitude, y_magnitude = x & f.magnitude, y & f.magnitude
    sign = (x ^ y) & f.sign
    if x_magnitude >= f.infinity or y_magnitude >= f.infinity:
        if x_magnitude > f.infinity or y_magnitude > f.infinity:
            return _nan(f, x, y)
        if x_magnitude == 0 or y_magnitude == 0:
            return f.default_nan
        return sign | f.infinity
    if x_magnitude == 0 or y_magnitude == 0:
        return sign
    xm, xe = _unpack(f, x)
    ym, ye = _unpack(f, y)
    return _round(f, sign, xm * ym, xe + ye)


def div(f: Format, x: int, y: int) -> int:
    x_magnitude, y_magnitude = x & f.magnitude, y & f.magnitude
    sign = (x ^ y) & f.sign
    if x_magnitude >= f.infinity or y_magnitude >= f.infinity:
        if x_magnitude > f.infinity or y_magnitude > f.infinity:
            return _nan(f, x, y)
        if x_magnitude == y_magnitude:
            return f.default_nan
        return sign | f.infinity if x_magnitude == f.infinity else sign
    if y_magnitude == 0:
        return f.default_nan if x_magnitude == 0 else sign | f.infinity
    if x_magnitude == 0:
        return sign
    xm, xe = _unpack(f, x)
    ym, ye = _unpack(f, y)
    # Enough bits that the quotient has at least two more than the precision.
    shift = f.precision + 2 + max(ym.bit_length() - xm.bit_length(), 0)
    quotient, remainder = divmod(xm << shift, ym)
    return _round(f, sign, quotient << 1 | (remainder != 0), xe - ye - shift - 1)


def sqrt(f: Format, x: int) -> int:
    if is_nan(f, x):
        return x | f.quiet
    if x & f.magnitude == 0 or x == f.infinity:
        return x
    if x & f.sign:
        return f.default_nan
    m, e = _unpack(f, x)
    shift = 2 * f.precision + 4
    shift += (e - shift) & 1  # the exponent must be even
    m <<= shift
    root = isqrt(m)
    return _round(f, 0, root << 1 | (root * root != m), (e - shift) // 2 - 1)


def fma(f: Format, x: int, y: int, z: int) -> int:
    """x * y + z, rounded once."""
    x_magnitude, y_magnitude, z_magnitude = x & f.magnitude, y & f.magnitude, z & f.magnitude
    if x_magnitude > f.infinity or y_magnitude > f.infinity:
        return _nan(f, x, y)
    if z_magnitude > f.infinity:
        return z | f.quiet
    sign = (x ^ y) & f.sign
    if x_magnitude == f.infinity or y_magnitude == f.infinity:
        if x_magnitude == 0 or y_magnitude == 0:
            return f.default_nan
        if z_magnitude == f.infinity and z & f.sign != sign:
            return f.default_nan
        return sign | f.infinity
    if z_magnitude == f.infinity:
        return z
    xm, xe = _unpack(f, x)
    ym, ye = _unpack(f, y)
    zm, ze = _unpack(f, z)
    return _sum(f, sign, xm * ym, xe + ye, z & f.sign, zm, ze)


def to_integral(f: Format, rounding: int, x: int) -> int:
    """The integral value of the same format; -0 and results of negative numbers that round to 0
    are -0."""
    magnitude = x & f.magnitude
    if magnitude >= f.infinity:
        return x | f.quiet if magnitude > f.infinity else x
    m, e = _unpack(f, x)
    if e >= 0 or m == 0:
        return x
    sign = x & f.sign
    whole = m >> -e
    rest = m - (whole << -e)
    if rest == 0:
        return x
    if rounding == NEAREST:
        half = 1 << (-e - 1)
        up = rest > half or (rest == half and whole & 1 == 1)
    elif rounding == CEIL:
        up = sign == 0
    elif rounding == FLOOR:
        up = sign != 0
    else:
        up = False
    whole += up
    return _round(f, sign, whole, 0) if whole else sign


def convert(source: Format, target: Format, x: int) -> int:
    """To another format: exact to a wider one, rounded to a narrower one."""
    sign = target.sign if x & source.sign else 0
    magnitude = x & source.magnitude
    if magnitude >= source.infinity:
        if magnitude == source.infinity:
            return sign | target.infinity
        shift = target.fraction_bits - source.fraction_bits
        payload = magnitude & source.fraction_mask
        payload = payload << shift if shift >= 0 else payload >> -shift
        return sign | target.infinity | target.quiet | payload
    if magnitude == 0:
        return sign
    m, e = _unpack(source, x)
    return _round(target, sign, m, e)


def from_int(f: Format, width: int, is_signed: bool, x: int) -> int:
    """From the integer whose pattern of `width` bits is x."""
    if x == 0:
        return 0
    if is_signed and x >> (width - 1):
        return _round(f, f.sign, (1 << width) - x, 0)
    return _round(f, 0, x, 0)


def to_int(f: Format, x: int) -> int:
    """A finite number as a Python int, rounded toward zero."""
    m, e = _unpack(f, x)
    whole = m << e if e >= 0 else m >> -e
    return -whole if x & f.sign else whole


def bounds(width: int, is_signed: bool) -> tuple[int, int]:
    """Smallest and largest integer of a width."""
    if is_signed:
        return -(1 << (width - 1)), (1 << (width - 1)) - 1
    return 0, (1 << width) - 1


def to_int_sat(f: Format, width: int, is_signed: bool, x: int) -> int:
    """Pattern of the integer toward zero, clamped to the range; 0 for a NaN."""
    low, high = bounds(width, is_signed)
    magnitude = x & f.magnitude
    if magnitude > f.infinity:
        return 0
    if magnitude == f.infinity:
        value = low if x & f.sign else high
    else:
        value = min(max(to_int(f, x), low), high)
    return value & ((1 << width) - 1)


def int_in_range(f: Format, width: int, is_signed: bool, x: int) -> int:
    """1 if x rounded toward zero is in the range of the integers of `width`, else 0."""
    if x & f.magnitude >= f.infinity:
        return 0
    low, high = bounds(width, is_signed)
    return 1 if low <= to_int(f, x) <= high else 0
