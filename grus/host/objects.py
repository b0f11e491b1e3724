"""Heap types with slots in machine code: callables with a vectorcall, objects with a buffer.

A type is made from a Python base class by `PyType_FromSpecWithBases`; its instances carry a native
part (`FuncObject`, `MemoryObject`) after the base. Source: CPython C API, "Heap Types".
"""

from __future__ import annotations

import ctypes

from grus.base import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


_TP_CALL: Final = 50
_TP_MEMBERS: Final = 72
_BF_GETBUFFER: Final = 1
_FLAGS_DEFAULT: Final = 0
_FLAG_VECTORCALL: Final = 1 << 11
_T_PYSSIZET: Final = 19
_READONLY: Final = 1


class _Slot(ctypes.Structure):
    _fields_ = [("slot", ctypes.c_int), ("pfunc", ctypes.c_void_p)]


class _Spec(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.c_void_p),
    ]


class _Member(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


_kept: Final[list[object]] = []
"""What types point into: types are never freed."""


def _make(name: str, base: type, extra: int, flags: int, slots: list[tuple[int, int]]) -> type:
    array = (_Slot * (len(slots) + 1))()
    for index, (slot, address) in enumerate(slots):
        array[index].slot = slot
        array[index].pfunc = address
    spec = _Spec(name.encode(), base.__basicsize__ + extra, 0, flags, ctypes.addressof(array))
    make = ctypes.pythonapi.PyType_FromSpecWithBases
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object]
    made: type = make(ctypes.byref(spec), (base,))
    _kept.extend((array, spec, made))
    return made


def callable_type(name: str, base: type) -> type:
    """A subclass of `base` whose instances are called through `FuncObject.vectorcall`.

    The native part is at `base.__basicsize__`. The type cannot be subclassed.
    """
    members = (_Member * 2)()
    members[0].name = b"__vectorcalloffset__"
    members[0].type = _T_PYSSIZET
    members[0].offset = base.__basicsize__ + layout.FUNC_NATIVE["vectorcall"]
    members[0].flags = _READONLY
    _kept.append(members)
    tp_call = ctypes.cast(ctypes.pythonapi.PyVectorcall_Call, ctypes.c_void_p).value or 0
    return _make(
        name,
        base,
        layout.FUNC_NATIVE.size,
        _FLAGS_DEFAULT | _FLAG_VECTORCALL,
        [(_TP_CALL, tp_call), (_TP_MEMBERS, ctypes.addressof(members))],
    )


def buffer_type(name: str, base: type, get_buffer: int) -> type:
    """A subclass of `base` with a `Py_bf_getbuffer` in machine code."""
    return _make(
        name,
        base,
        layout.BUFFER_NATIVE.size,
        _FLAGS_DEFAULT,
        [(_BF_GETBUFFER, get_buffer)],
    )


def set_field(obj: Any, native: int, offset: int, value: int) -> None:
    """Store 64 bits in the native part at `native` of an object."""
    ctypes.c_uint64.from_address(id(obj) + native + offset).value = value


def get_field(obj: Any, native: int, offset: int) -> int:
    return ctypes.c_uint64.from_address(id(obj) + native + offset).value
