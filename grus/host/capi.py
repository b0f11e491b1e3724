"""What stubs need to know of the running CPython: addresses, and layouts checked by a self-test.

The layouts of int and float are not public. They were read off CPython 3.11 to 3.13; before they
are used, `layout()` compares them with live objects, so that a version where they differ is
refused with a message and never read wrongly.
"""

from __future__ import annotations

import ctypes
import sys

from grus.host import libc
from grus.host.libc import HostError
from grus.host.machine import stubs


def symbols() -> stubs.Symbols:
    """Addresses of the C functions and objects that stubs use."""
    s = stubs.Symbols()
    s.buffer_fill_info = libc.symbol("PyBuffer_FillInfo")
    s.call_no_args = libc.symbol("PyObject_CallNoArgs")
    s.call_one_arg = libc.symbol("PyObject_CallOneArg")
    s.clock_nanosleep = libc.symbol("clock_nanosleep")
    s.dealloc = libc.symbol("_Py_Dealloc")
    s.err_set_string = libc.symbol("PyErr_SetString")
    s.float_from_double = libc.symbol("PyFloat_FromDouble")
    s.float_type = id(float)
    s.int_type = id(int)
    s.long_from_long = libc.symbol("PyLong_FromLong")
    s.none = id(None)
    s.raise_signal = libc.symbol("raise")
    s.recursion_error = libc.object_symbol("PyExc_RecursionError")
    s.restore_thread = libc.symbol("PyEval_RestoreThread")
    s.save_thread = libc.symbol("PyEval_SaveThread")
    s.sigaction = libc.symbol("sigaction")
    s.syscall = libc.symbol("syscall")
    s.tuple_new = libc.symbol("PyTuple_New")
    s.tuple_type = id(tuple)
    s.type_error = libc.object_symbol("PyExc_TypeError")
    s.vectorcall = libc.symbol("PyObject_Vectorcall")
    return s


def layout() -> stubs.PyLayout:
    """The layouts of this CPython, checked. Raises HostError when live objects differ."""
    tagged = sys.version_info >= (3, 12)
    py = stubs.PyLayout(tagged=tagged, immortal=tagged)
    if hasattr(sys, "gettotalrefcount"):
        raise HostError("debug builds of CPython are not supported")
    for value in (0, 1, -1, 7 << 20, -(1 << 29), 1 << 30, -(1 << 30), (1 << 62) + 5, -(1 << 63)):
        digits = []
        rest = abs(value)
        while rest:
            digits.append(rest & (1 << 30) - 1)
            rest >>= 30
        address = id(value)
        if tagged:
            sign = 0 if value > 0 else 1 if value == 0 else 2
            ok = libc.peek(address + py.int_tag) == len(digits) << 3 | sign
        else:
            size = ctypes.c_int64.from_address(address + py.int_tag).value
            ok = size == (len(digits) if value > 0 else -len(digits))
        for index, digit in enumerate(digits):
            ok = ok and ctypes.c_uint32.from_address(address + py.digit + 4 * index).value == digit
        if not ok:
            raise HostError(f"int objects of this CPython ({sys.version}) have another layout")
    if ctypes.c_double.from_address(id(1.5) + py.float_value).value != 1.5:
        raise HostError("float objects of this CPython have another layout")
    pair = (1, "x")
    if libc.peek(id(pair) + py.tuple_items + 8) != id(pair[1]):
        raise HostError("tuple objects of this CPython have another layout")
    return py
