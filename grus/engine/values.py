"""Wasm values and Python objects.

Numbers are int and float, v128 is 16 bytes (or an int taken as unsigned), references are Python
objects: `None` is null, a funcref is a Func, an externref is any object. Raw values are pairs of
64-bit words, as in the cells of `array_entry` and in globals.
"""

from __future__ import annotations

import operator
import struct

from grus.wasm import types as WT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from grus.engine.store import Store

_RANGES = {
    WT.I32: (-(1 << 31), 1 << 32, "a 32-bit integer"),
    WT.I64: (-(1 << 63), 1 << 64, "a 64-bit integer"),
}
_LETTERS = {WT.I32: "i", WT.I64: "l", WT.F32: "f", WT.F64: "d", WT.V128: "v",
            WT.EXTERNREF: "e"}  # fmt: skip
_MASK = (1 << 64) - 1


def letters(types: tuple[int, ...]) -> str:
    """Types as the letters of thunks; references but externref are "r"."""
    return "".join([_LETTERS.get(t, "r") for t in types])


def to_exact(value: Any, ty: int, what: str) -> Any:
    """`value` as an exact int or float in the range of a number type.

    Accepts `__index__` for integers and `__float__` or `__index__` for floats. Raises TypeError or
    OverflowError beginning with `what`.
    """
    if ty in _RANGES:
        low, high, words = _RANGES[ty]
        try:
            number = int(operator.index(value))
        except TypeError:
            raise _wrong(value, ty, what) from None
        if not low <= number < high:
            raise OverflowError(f"{what}: {number} does not fit {words}")
        return number
    if type(value) is float:
        return value
    if isinstance(value, (str, bytes)) or not (
        hasattr(value, "__float__") or hasattr(value, "__index__")
    ):
        raise _wrong(value, ty, what)
    return float.__float__(float(value))


def _wrong(value: Any, ty: int, what: str) -> TypeError:
    return TypeError(f"{what}: expected {WT.type_name(ty)}, got {type(value).__name__}")


def to_raw(store: Store, value: Any, ty: int, what: str) -> tuple[int, int]:
    """A Python object as two 64-bit words. May run Python for numbers; never for references."""
    if ty in (WT.I32, WT.I64):
        number = to_exact(value, ty, what)
        return (number & 0xFFFFFFFF if ty == WT.I32 else number & _MASK), 0
    if ty == WT.F64:
        return int.from_bytes(struct.pack("<d", to_exact(value, ty, what)), "little"), 0
    if ty == WT.F32:
        return f32_bits(to_exact(value, ty, what)), 0
    if ty == WT.V128:
        if isinstance(value, int):
            if not 0 <= value < 1 << 128:
                raise OverflowError(f"{what}: {value} does not fit v128")
            return value & _MASK, value >> 64
        data = bytes(memoryview(value)) if not isinstance(value, bytes) else value
        if len(data) != 16:
            raise TypeError(f"{what}: expected 16 bytes for v128, got {len(data)}")
        return int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")
    return store._refs.to_raw(value, ty, what), 0


def from_raw(store: Store, low: int, high: int, ty: int) -> Any:
    """Two 64-bit words as a Python object."""
    if ty == WT.I32:
        low &= 0xFFFFFFFF
        return low - (1 << 32) if low >> 31 else low
    if ty == WT.I64:
        return low - (1 << 64) if low >> 63 else low
    if ty == WT.F64:
        return struct.unpack("<d", low.to_bytes(8, "little"))[0]
    if ty == WT.F32:
        return struct.unpack("<f", (low & 0xFFFFFFFF).to_bytes(4, "little"))[0]
    if ty == WT.V128:
        return (low | high << 64).to_bytes(16, "little")
    return store._refs.from_raw(low, ty)


def f32_bits(value: float) -> int:
    """Bits of a Python float rounded to f32; too large becomes infinity."""
    try:
        return int.from_bytes(struct.pack("<f", value), "little")
    except OverflowError:
        return 0x7F800000 if value > 0 else 0xFF800000
