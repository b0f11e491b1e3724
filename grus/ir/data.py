"""Values of CLIF types outside a function, and the text form of numbers.

`DataValue` is an argument or result of a call or run command. Floats are bit patterns
everywhere: text is hexadecimal (`0x1.8p3`), `0.0`, `+Inf` or a NaN with its payload
(`+NaN:0x1`), so that reading and writing are exact and no host float is involved. Source of the
forms: `cranelift/codegen/src/ir/immediates.rs`.
"""

from __future__ import annotations

from grus.base.errors import GrusError
from grus.ir import types as T

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_MAX_DIGITS: Final = 80  # of any number in the text form; int() is quadratic in them
FLOAT_FORMATS: Final[dict[int, tuple[int, int]]] = {
    16: (5, 10),
    32: (8, 23),
    64: (11, 52),
    128: (15, 112),
}
"""Width of a float in bits: bits of its exponent and of its trailing significand."""


class NumberError(GrusError):
    """A text is not a number of the wanted kind."""


class DataValue:
    """A value of type `ty`; `bits` is the unsigned pattern of the whole, lane 0 lowest."""

    __slots__ = ("bits", "ty")

    def __init__(self, ty: int, bits: int) -> None:
        self.ty = ty
        self.bits = bits

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DataValue) and self.ty == other.ty and self.bits == other.bits

    def __hash__(self) -> int:
        return hash((self.ty, self.bits))

    def __repr__(self) -> str:
        return f"DataValue({T.NAMES[self.ty]}, {self.bits:#x})"

    def __str__(self) -> str:
        return format_data(self.ty, self.bits)


# ---- integers ----


def parse_int(text: str, bits: int, signed_min: bool = True) -> int:
    """A decimal or `0x` integer in the range-and-a-half -2^(bits-1) .. 2^bits - 1.

    The result is sign-extended from `bits`. `signed_min` False refuses negative numbers and
    gives the number as it is. Raises NumberError.
    """
    negative = text[:1] == "-"
    digits = (text[1:] if text[:1] in ("-", "+") else text).replace("_", "")
    if len(digits) > _MAX_DIGITS:
        raise NumberError(f"number of more than {_MAX_DIGITS} digits")
    if not digits or digits[0] in "+-" or not digits.isascii():
        raise NumberError(f"'{text}' is not an integer")
    try:
        value = int(digits[2:], 16) if digits.startswith("0x") else int(digits, 10)
    except ValueError:
        raise NumberError(f"'{text}' is not an integer") from None
    if negative:
        value = -value
    lowest = -(1 << (bits - 1)) if signed_min else 0
    if not lowest <= value < 1 << bits:
        raise NumberError(f"{text} does not fit in {bits} bits")
    if signed_min and value >= 1 << (bits - 1):
        value -= 1 << bits
    return value


def format_hex(value: int) -> str:
    """Groups of four hexadecimal digits: `0x0001_2345`."""
    width = max(4, (value.bit_length() + 15) // 16 * 4)
    digits = f"{value:0{width}x}"
    return "0x" + "_".join([digits[at : at + 4] for at in range(0, width, 4)])


def format_imm64(value: int) -> str:
    """A signed 64-bit integer: decimal below 10,000, else hexadecimal."""
    return str(value) if value < 10_000 else format_hex(value)


# ---- floats ----


def format_float(bits: int, width: int) -> str:
    """The text of a float of `width` bits."""
    w, t = FLOAT_FORMATS[width]
    top = (1 << w) - 1
    trailing = bits & ((1 << t) - 1)
    exponent = bits >> t & top
    sign = "-" if bits >> (width - 1) & 1 else ""
    bias = top >> 1
    digits = (t + 3) // 4
    shifted = trailing << (4 * digits - t)
    if exponent == 0:
        if not trailing:
            return sign + "0.0"
        return f"{sign}0x0.{shifted:0{digits}x}p{1 - bias}"
    if exponent == top:
        sign = sign or "+"
        if not trailing:
            return sign + "Inf"
        quiet = 1 << (t - 1)
        payload = trailing & (quiet - 1)
        if not trailing & quiet:
            return f"{sign}sNaN:0x{payload:x}"
        return f"{sign}NaN:0x{payload:x}" if payload else sign + "NaN"
    return f"{sign}0x1.{shifted:0{digits}x}p{exponent - bias}"


def parse_float(text: str, width: int) -> int:
    """The bits of a float of `width` bits. Raises NumberError, also when it is not exact."""
    w, t = FLOAT_FORMATS[width]
    sign = 1 << (width - 1) if text[:1] == "-" else 0
    body = text[1:] if text[:1] in ("-", "+") else text
    infinity = ((1 << w) - 1) << t
    quiet = 1 << (t - 1)
    if body == "0.0":
        return sign
    if body == "Inf":
        return sign | infinity
    if body == "NaN":
        return sign | infinity | quiet
    for prefix, base, least in (("NaN:0x", quiet, 0), ("sNaN:0x", 0, 1)):
        if body.startswith(prefix):
            payload = _hex(body[len(prefix) :], text)
            if not least <= payload < quiet:
                raise NumberError(f"invalid NaN payload in '{text}'")
            return sign | infinity | base | payload
    if not body.startswith("0x") or "." not in body:
        raise NumberError(f"'{text}' is not a hexadecimal float")
    mantissa, has_exponent, exponent_text = body[2:].partition("p")
    whole, _, fraction = mantissa.partition(".")
    if len(whole) + len(fraction) > 32:
        raise NumberError(f"too many digits in '{text}'")
    significand = _hex(whole + fraction, text)
    exponent = parse_int(exponent_text, 16) if has_exponent else 0
    if not significand:
        return sign
    exponent -= 4 * len(fraction)
    return sign | _round_exactly(significand, exponent, w, t, text)


def _hex(digits: str, text: str) -> int:
    if not 0 < len(digits) <= 32:
        raise NumberError(f"'{text}' is not a number")
    for digit in digits:
        if digit not in "0123456789abcdefABCDEF":
            raise NumberError(f"'{text}' is not a number")
    return int(digits, 16)


def _round_exactly(significand: int, exponent: int, w: int, t: int, text: str) -> int:
    """Exponent and trailing significand of `significand * 2**exponent`."""
    bias = (1 << (w - 1)) - 1
    leading = exponent + significand.bit_length() - 1  # exponent of the leading bit
    if leading > bias:
        raise NumberError(f"'{text}' is too large")
    subnormal = leading < 1 - bias
    shift = exponent - ((1 - bias if subnormal else leading) - t)
    if shift < 0:
        if -shift > significand.bit_length() or significand & ((1 << -shift) - 1):
            raise NumberError(f"'{text}' has too many significant bits")
        significand >>= -shift
    else:
        significand <<= shift
    if subnormal:
        return significand
    return (leading + bias) << t | significand & ((1 << t) - 1)


# ---- whole values ----


def parse_bytes(text: str, size: int) -> bytes:
    """A `0x` constant as bytes, little endian, filled with zeros up to `size`."""
    digits = text[2:].replace("_", "")
    if not text.startswith("0x") or not digits or len(digits) % 2:
        raise NumberError("expected an even number of hexadecimal digits after 0x")
    if len(digits) > 2 * size:
        raise NumberError(f"the constant is longer than {size} bytes")
    try:
        return bytes.fromhex(digits)[::-1] + bytes(size - len(digits) // 2)
    except ValueError:
        raise NumberError(f"'{text}' is not a hexadecimal constant") from None


def format_bytes(content: bytes) -> str:
    """A constant as hexadecimal, most significant byte first."""
    return "0x" + content[::-1].hex() if content else ""


def parse_lane(text: str, ty: int) -> int:
    """The bits of one scalar. Raises NumberError."""
    width = T.BITS[ty]
    if T.is_float(ty):
        return parse_float(text, width)
    return parse_int(text, width) & ((1 << width) - 1)


def format_data(ty: int, bits: int) -> str:
    """The text of a value: a signed decimal, a float, or the hexadecimal bytes of a vector."""
    width = T.BITS[ty]
    if T.is_int(ty):
        return str(bits - (bits >> (width - 1) << width))
    if T.is_float(ty):
        return format_float(bits, width)
    return format_bytes(bits.to_bytes(width >> 3, "little"))
