"""Numbers of the text format to exact bits, and back, with integers only.

Source: core specification 3.0, section 6.3.1 and 6.3.2 (lexical format of values); rounding is
IEEE 754 round-to-nearest, ties to even.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_INT: Final = re.compile(r"([+-]?)(?:0x([0-9a-fA-F](?:_?[0-9a-fA-F])*)|([0-9](?:_?[0-9])*))$")
_DEC: Final = re.compile(
    r"([0-9](?:_?[0-9])*)(?:\.((?:[0-9](?:_?[0-9])*)?))?(?:[eE]([+-]?[0-9](?:_?[0-9])*))?$"
)
_HEXF: Final = re.compile(
    r"0x([0-9a-fA-F](?:_?[0-9a-fA-F])*)(?:\.((?:[0-9a-fA-F](?:_?[0-9a-fA-F])*)?))?"
    r"(?:[pP]([+-]?[0-9](?:_?[0-9])*))?$"
)


class NumberError(ValueError):
    """`str()` is the specification's wording."""


_CHUNK: Final = 4000  # CPython refuses to convert more than 4,300 digits at once


def _decimal(digits: str) -> int:
    """A string of digits, of any length, with underscores."""
    digits = digits.replace("_", "")
    value = 0
    for at in range(0, len(digits), _CHUNK):
        part = digits[at : at + _CHUNK]
        value = value * 10 ** len(part) + int(part)
    return value


def _exponent(text: str | None) -> int:
    """An exponent, kept within what can matter."""
    if not text:
        return 0
    digits = text.replace("_", "").lstrip("+-").lstrip("0") or "0"
    value = int(digits) if len(digits) < 10 else 10**9
    return -value if text[0] == "-" else value


def parse_uint(text: str) -> int | None:
    """An unsigned integer, None when the text is none."""
    found = _INT.match(text)
    if found is None or found[1]:
        return None
    return int(found[2].replace("_", ""), 16) if found[2] else _decimal(found[3])


def parse_int(text: str, bits: int) -> int:
    """A signed or unsigned integer of `bits`, as a signed value. Raises NumberError."""
    found = _INT.match(text)
    if found is None:
        raise NumberError("unknown operator")
    value = int(found[2].replace("_", ""), 16) if found[2] else _decimal(found[3])
    if found[1] == "-":
        value = -value
    if not -(1 << (bits - 1)) <= value < 1 << bits:
        raise NumberError(
            f"i{bits} constant out of range" if bits >= 32 else "constant out of range"
        )
    return value - (1 << bits) if value >> (bits - 1) > 0 else value


def parse_float(text: str, bits: int) -> int:
    """The bit pattern of a float of 32 or 64 bits. Raises NumberError."""
    fraction, bias = (23, 127) if bits == 32 else (52, 1023)
    sign = 0
    rest = text
    if rest[:1] in "+-" and rest:
        sign = 1 if rest[0] == "-" else 0
        rest = rest[1:]
    top = sign << (bits - 1)
    infinity = ((1 << (bits - 1 - fraction)) - 1) << fraction
    if rest == "inf":
        return top | infinity
    if rest == "nan":
        return top | infinity | 1 << (fraction - 1)
    if rest.startswith("nan:0x"):
        digits = rest[6:]
        if not re.match(r"[0-9a-fA-F](?:_?[0-9a-fA-F])*$", digits):
            raise NumberError("unknown operator")
        payload = int(digits.replace("_", ""), 16)
        if not 0 < payload < 1 << fraction:
            raise NumberError("constant out of range")
        return top | infinity | payload
    found = _HEXF.match(rest)
    if found:
        whole, part = found[1].replace("_", ""), (found[2] or "").replace("_", "")
        exponent = _exponent(found[3]) - 4 * len(part)
        mantissa = int(whole + part, 16)
        # Far outside any format: keep the shifts small.
        limit = 4 * (len(whole) + len(part)) + 20000 if mantissa else 0
        exponent = max(-limit, min(limit, exponent))
        numerator, denominator = (
            (mantissa << exponent, 1) if exponent >= 0 else (mantissa, 1 << -exponent)
        )
    else:
        found = _DEC.match(rest)
        if found is None:
            raise NumberError("unknown operator")
        whole, part = found[1].replace("_", ""), (found[2] or "").replace("_", "")
        exponent = _exponent(found[3]) - len(part)
        mantissa = _decimal(whole + part)
        limit = len(whole) + len(part) + 5000 if mantissa else 0
        exponent = max(-limit, min(limit, exponent))
        numerator, denominator = (
            (mantissa * 10**exponent, 1) if exponent >= 0 else (mantissa, 10**-exponent)
        )
    result = round_ratio(numerator, denominator, fraction, bias)
    if result >= infinity:
        raise NumberError("constant out of range")
    return top | result


def round_ratio(numerator: int, denominator: int, fraction: int, bias: int) -> int:
    """Bits of the float nearest to a non-negative ratio; the bits of infinity on overflow."""
    if not numerator:
        return 0
    exponent = numerator.bit_length() - denominator.bit_length()
    if exponent >= 0:
        if numerator < denominator << exponent:
            exponent -= 1
    elif numerator << -exponent < denominator:
        exponent -= 1
    # 2**exponent <= ratio < 2**(exponent + 1)
    exponent = max(exponent, 1 - bias)
    shift = fraction - exponent
    if shift >= 0:
        numerator <<= shift
    else:
        denominator <<= -shift
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    # quotient has the hidden bit when normal; adding it to the exponent field carries over.
    biased = exponent + bias - 1
    return min((biased << fraction) + quotient, ((2 * bias + 1) << fraction))


def print_float(pattern: int, bits: int) -> str:
    """A float as exact hexadecimal text; NaN with its payload."""
    fraction, bias = (23, 127) if bits == 32 else (52, 1023)
    sign = "-" if pattern >> (bits - 1) else ""
    exponent = pattern >> fraction & (2 * bias + 1)
    payload = pattern & (1 << fraction) - 1
    if exponent == 2 * bias + 1:
        if not payload:
            return sign + "inf"
        return sign + ("nan" if payload == 1 << (fraction - 1) else f"nan:{payload:#x}")
    if not exponent and not payload:
        return sign + "0x0p+0"
    width = (fraction + 3) // 4
    if exponent:
        digits = f"{payload << (4 * width - fraction):0{width}x}".rstrip("0")
        power = exponent - bias
        return f"{sign}0x1{'.' if digits else ''}{digits}p{power:+d}"
    power = 1 - bias
    digits = f"{payload << (4 * width - fraction):0{width}x}".rstrip("0")
    return f"{sign}0x0.{digits}p{power:+d}"
