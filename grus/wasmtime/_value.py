"""Values: `Val`, and the conversions of arguments and results.

Numbers are converted as ctypes does: integers wrap around. Beyond wasmtime-py, whatever has
`__index__` or `__float__` (numpy's scalars) is a number here, and integers are good for floats.
"""

from __future__ import annotations

import operator
import struct
from typing import TYPE_CHECKING, Any, Final

from grus.engine.func import Func as NativeFunc
from grus.engine.values import f32_bits
from grus.wasm import types as WT
from grus.wasmtime._errors import WasmtimeError
from grus.wasmtime._types import ValType

if TYPE_CHECKING:
    from grus.wasmtime._engine import Store
    from grus.wasmtime._externs import Func

_HALF: Final = {WT.I32: 1 << 31, WT.I64: 1 << 63}
NUMBERS: Final = frozenset((WT.I32, WT.I64, WT.F32, WT.F64))


def wrap_int(ty: int, value: Any) -> int:
    """An integer modulo the size of the type, signed. Raises TypeError."""
    half = _HALF[ty]
    return (int(operator.index(value)) + half & 2 * half - 1) - half


def _round_f32(value: float) -> float:
    rounded: float = struct.unpack("<f", f32_bits(value).to_bytes(4, "little"))[0]
    return rounded


class Val:
    """A value with its type. Equal to what is equal to its `value`."""

    __slots__ = ("_kind", "_val")

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, kind: int, val: Any) -> None:
        self._kind = kind
        self._val = val

    @classmethod
    def i32(cls, val: int) -> Val:
        """A 32-bit integer; others wrap around. Raises TypeError."""
        if not isinstance(val, int):
            raise TypeError("expected an integer")
        return cls(WT.I32, wrap_int(WT.I32, val))

    @classmethod
    def i64(cls, val: int) -> Val:
        """A 64-bit integer; others wrap around. Raises TypeError."""
        if not isinstance(val, int):
            raise TypeError("expected an integer")
        return cls(WT.I64, wrap_int(WT.I64, val))

    @classmethod
    def f32(cls, val: float) -> Val:
        """A 32-bit float, rounded. Raises TypeError."""
        if not isinstance(val, float):
            raise TypeError("expected a float")
        return cls(WT.F32, _round_f32(val))

    @classmethod
    def f64(cls, val: float) -> Val:
        """A 64-bit float. Raises TypeError."""
        if not isinstance(val, float):
            raise TypeError("expected a float")
        return cls(WT.F64, val)

    @classmethod
    def externref(cls, extern: Any) -> Val:
        """A reference to any object; None is null."""
        return cls(WT.EXTERNREF, extern)

    @classmethod
    def funcref(cls, f: Func | None) -> Val:
        """A reference to a function; None is null."""
        return cls(WT.FUNCREF, f)

    @classmethod
    def ref_null(cls, ty: ValType) -> Val:
        """Null of a reference type. Raises WasmtimeError for other types."""
        if ty._key in (WT.EXTERNREF, WT.FUNCREF):
            return cls(ty._key, None)
        raise WasmtimeError(f"Invalid reference type for `ref_null`: {ty}")

    def __eq__(self, rhs: object) -> bool:
        if isinstance(rhs, Val):
            return self._kind == rhs._kind and bool(self._val == rhs._val)
        return bool(self._val == rhs)

    @property
    def value(self) -> Any:
        """The value as a Python object."""
        return self._val

    def _as(self, kind: int) -> Any:
        return self._val if self._kind == kind else None

    def as_i32(self) -> int | None:
        """The value, or None when it has another type."""
        value: int | None = self._as(WT.I32)
        return value

    def as_i64(self) -> int | None:
        """The value, or None when it has another type."""
        value: int | None = self._as(WT.I64)
        return value

    def as_f32(self) -> float | None:
        """The value, or None when it has another type."""
        value: float | None = self._as(WT.F32)
        return value

    def as_f64(self) -> float | None:
        """The value, or None when it has another type."""
        value: float | None = self._as(WT.F64)
        return value

    def as_externref(self) -> Any:
        """The object, or None when it has another type."""
        return self._as(WT.EXTERNREF)

    def as_funcref(self) -> Func | None:
        """The function, or None when it is null or has another type."""
        value: Func | None = self._as(WT.FUNCREF)
        return value

    @property
    def type(self) -> ValType:
        """Its type."""
        return ValType._of(self._kind)

    def __repr__(self) -> str:
        return f"Val({self.type}, {self._val!r})"


def to_native(ty: int, value: Any) -> Any:
    """An argument, result or element as Grus takes it. Raises TypeError."""
    if isinstance(value, Val):
        if value._kind != ty:
            raise TypeError("wrong type of `Val` provided")
        value = value._val
    if ty in _HALF:
        if not isinstance(value, float):
            try:
                return wrap_int(ty, value)
            except TypeError:
                pass
    elif ty in NUMBERS:
        if type(value) is float:
            return value
        if hasattr(value, "__float__") or hasattr(value, "__index__"):
            return float.__float__(float(value))
    elif ty == WT.V128 or ty & 0xFF in (WT.EXTERN, WT.NOEXTERN):
        return value
    elif value is None:
        return None
    else:
        native = getattr(value, "_func", None)
        if isinstance(native, NativeFunc):
            return native
    raise TypeError(f"don't know how to convert {value!r} to {WT.type_name(ty)}")


def from_native(store: Store, ty: int, value: Any) -> Any:
    """What Grus gives, as wasmtime-py gives it: functions are wrapped."""
    if isinstance(value, NativeFunc) and ty & 0xFF != WT.EXTERN:
        from grus.wasmtime._externs import Func

        return Func._of(store, value)
    return value
