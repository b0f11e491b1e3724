"""CLIF types as small ints.

A type is one int, so that the compiler compares and indexes by it. The encoding is Cranelift's
(`cranelift/codegen/src/ir/types.rs`): a lane code from 0x74 (i8) to 0x7c (f128); a vector adds
`log2(lanes) << 4`; a dynamic vector adds 0x100 to the vector of the same shape. 0 is no type.

Every fact about a type (width, lanes, name) is a list indexed by that int.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


INVALID: Final = 0
I8: Final = 0x74
I16: Final = 0x75
I32: Final = 0x76
I64: Final = 0x77
I128: Final = 0x78
F16: Final = 0x79
F32: Final = 0x7A
F64: Final = 0x7B
F128: Final = 0x7C

SCALARS: Final = (I8, I16, I32, I64, I128, F16, F32, F64, F128)
INTS: Final[tuple[int, ...]] = (I8, I16, I32, I64, I128)
FLOATS: Final = (F16, F32, F64, F128)

_LANE_BITS: Final = (8, 16, 32, 64, 128, 16, 32, 64, 128)
_LANE_NAMES: Final = ("i8", "i16", "i32", "i64", "i128", "f16", "f32", "f64", "f128")
MAX_LANES_LOG2: Final = 8
DYNAMIC_BASE: Final = 0x100
"""A dynamic vector is its fixed shape plus this."""
LIMIT: Final = 0x200  # every type is below this

BITS: Final[list[int]] = [0] * LIMIT
"""Width of the whole type in bits (of the minimum size for dynamic vectors)."""
LANES: Final[list[int]] = [0] * LIMIT
"""Lanes: 1 for a scalar, 0 for an int that is no type."""
LANE: Final[list[int]] = [0] * LIMIT
"""The lane type; a scalar is its own lane."""
NAMES: Final[list[str]] = [""] * LIMIT
BY_NAME: Final[dict[str, int]] = {}


def _fill() -> None:
    for index, lane in enumerate(SCALARS):
        for log2 in range(MAX_LANES_LOG2 + 1):
            ty = lane + (log2 << 4)
            _define(ty, lane, _LANE_BITS[index], 1 << log2)
            NAMES[ty] = _LANE_NAMES[index] + (f"x{1 << log2}" if log2 else "")
            BY_NAME[NAMES[ty]] = ty
            if log2:
                dynamic = ty + DYNAMIC_BASE
                _define(dynamic, lane, _LANE_BITS[index], 1 << log2)
                NAMES[dynamic] = NAMES[ty] + "xN"
                BY_NAME[NAMES[dynamic]] = dynamic


def _define(ty: int, lane: int, bits: int, lanes: int) -> None:
    BITS[ty] = bits * lanes
    LANES[ty] = lanes
    LANE[ty] = lane


_fill()

I8X16: Final = I8 + 0x40
I16X8: Final = I16 + 0x30
I32X4: Final = I32 + 0x20
I64X2: Final = I64 + 0x10
F32X4: Final = F32 + 0x20
F64X2: Final = F64 + 0x10


def is_int(ty: int) -> bool:
    """True for a scalar integer."""
    return I8 <= ty <= I128


def is_float(ty: int) -> bool:
    """True for a scalar float."""
    return F16 <= ty <= F128


def is_vector(ty: int) -> bool:
    """True for a vector of fixed size."""
    return F128 < ty < DYNAMIC_BASE


def is_dynamic(ty: int) -> bool:
    """True for a dynamic vector."""
    return ty >= DYNAMIC_BASE


def size(ty: int) -> int:
    """Bytes in memory."""
    return BITS[ty] >> 3


def int_of_bits(bits: int) -> int:
    """The scalar integer type of a width, INVALID when there is none."""
    return {8: I8, 16: I16, 32: I32, 64: I64, 128: I128}.get(bits, INVALID)


def float_of_bits(bits: int) -> int:
    """The scalar float type of a width, INVALID when there is none."""
    return {16: F16, 32: F32, 64: F64, 128: F128}.get(bits, INVALID)


def vector(lane: int, lanes: int) -> int:
    """The fixed vector of `lanes` (a power of two up to 256), or the lane itself for 1."""
    log2 = lanes.bit_length() - 1
    if lanes < 1 or lanes != 1 << log2 or log2 > MAX_LANES_LOG2:
        return INVALID
    return lane + (log2 << 4)


def with_lane(ty: int, lane: int) -> int:
    """The type of the same shape with another lane type."""
    return lane + (ty - LANE[ty])


def as_truthy(ty: int) -> int:
    """Result type of a comparison: i8 for scalars, integer lanes of the same width for vectors."""
    if LANES[ty] == 1:
        return I8
    return with_lane(ty, int_of_bits(BITS[LANE[ty]]))


def half_width(ty: int) -> int:
    """Same lanes, each of half the width; INVALID when there is no such type."""
    lane = LANE[ty]
    if lane in (I8, F16, INVALID):
        return INVALID
    return ty - 1


def double_width(ty: int) -> int:
    """Same lanes, each of twice the width; INVALID when there is no such type."""
    lane = LANE[ty]
    if lane in (I128, F128, INVALID):
        return INVALID
    return ty + 1


def split_lanes(ty: int) -> int:
    """Twice the lanes of half the width (result of a narrowing)."""
    half = half_width(ty)
    if half == INVALID or LANES[ty] * 2 > 256:
        return INVALID
    return half + 0x10


def merge_lanes(ty: int) -> int:
    """Half the lanes of twice the width (result of a widening)."""
    double = double_width(ty)
    if double == INVALID or LANES[ty] < 2:
        return INVALID
    return double - 0x10


def dynamic_to_vector(ty: int) -> int:
    """The fixed vector of a dynamic one's minimum size."""
    return ty - DYNAMIC_BASE if is_dynamic(ty) else INVALID
