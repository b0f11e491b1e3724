"""Functions as Python callables, and Python callables as functions.

A call of a `Func` goes through a thunk of its signature in machine code (docs/abi.md, "Entry").
What the thunk does not take — other argument types, wrong counts, a Store that is not ready — it
leaves to `_slow` and `_bad_state` here, with the same arguments.
"""

from __future__ import annotations

import ctypes
import operator
import struct
from collections.abc import Callable
from typing import Any

from grus.base import layout
from grus.engine.store import Store
from grus.host import libc, objects
from grus.host.runtime import runtime

FUNCREF = layout.FUNCREF
HOST_FUNC = layout.HOST_FUNC

LETTERS = {"i32": "i", "i64": "l", "f32": "f", "f64": "d", "v128": "v"}
"""Value types of thunks; every other type is a reference, "r"."""
_RANGES = {
    "i32": (-(1 << 31), 1 << 32, "a 32-bit integer"),
    "i64": (-(1 << 63), 1 << 64, "a 64-bit integer"),
}


def letters(types: tuple[str, ...]) -> str:
    """Types by name to the letters of thunks."""
    return "".join([LETTERS.get(t, "r") for t in types])


class _FuncBase:
    """Python part of a Func."""

    __slots__ = ("__weakref__", "_keep", "_name", "_params", "_results", "_store")

    _store: Store
    _name: str
    _params: tuple[str, ...]
    _results: tuple[str, ...]

    @property
    def __name__(self) -> str:
        return self._name

    @property
    def params(self) -> tuple[str, ...]:
        """Parameter types by name, such as ("i32", "f64")."""
        return self._params

    @property
    def results(self) -> tuple[str, ...]:
        """Result types by name."""
        return self._results

    def __repr__(self) -> str:
        params, results = ", ".join(self._params), ", ".join(self._results)
        return f"<grus.Func {self._name}({params}) -> ({results})>"


Func: Any = objects.callable_type("grus.Func", _FuncBase)
Func.__doc__ = "A wasm function, or a Python function with a wasm type. Call it."
NATIVE = _FuncBase.__basicsize__
_VECTORCALL = layout.FUNC_NATIVE["vectorcall"]


def new_func(
    store: Store, name: str, params: tuple[str, ...], results: tuple[str, ...], funcref: int
) -> Any:
    """A Func for the VMFuncRef at `funcref`, whose memory the caller keeps with the Store."""
    func = Func()
    func._store = store
    func._name = name
    func._params = params
    func._results = results
    func._keep = None
    p, r = letters(params), letters(results)
    native = runtime()
    objects.set_field(func, NATIVE, layout.FUNC_NATIVE["store"], store.context)
    objects.set_field(func, NATIVE, layout.FUNC_NATIVE["funcref"], funcref)
    from grus.backend.x64 import stubs

    if stubs.thunk_supports(p, r):
        thunk = native.entry_thunk(p, r, NATIVE, _slow, _bad_state)
    else:
        thunk = native.slow_thunk(_slow_array)
    objects.set_field(func, NATIVE, _VECTORCALL, thunk)
    return func


def _bad_state(func: Any, *args: Any, **kwargs: Any) -> Any:
    """The Store was not ready for this thread."""
    func._store._state.prepare()
    return func(*args, **kwargs)


def _slow(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Arguments were not of the exact types: convert them, or say what is wrong."""
    if kwargs:
        raise TypeError(f"{func._name}() takes no keyword arguments")
    params = func._params
    if len(args) != len(params):
        raise TypeError(
            f"{func._name}() takes {len(params)} argument{'s' * (len(params) != 1)} "
            f"but {len(args)} {'were' if len(args) != 1 else 'was'} given"
        )
    exact = [
        to_exact(arg, ty, f"{func._name}(): argument {index + 1}")
        for index, (arg, ty) in enumerate(zip(args, params, strict=True))
    ]
    func._store._state.check_idle()
    return func(*exact)


def _slow_array(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Signatures without a thunk: through an array of cells."""
    raise NotImplementedError


def to_exact(value: Any, ty: str, what: str) -> Any:
    """`value` as an exact int or float in the range of a number type.

    Accepts `__index__` for integers and `__float__` or `__index__` for floats. Raises TypeError or
    OverflowError beginning with `what`.
    """
    if ty in _RANGES:
        low, high, words = _RANGES[ty]
        try:
            number = operator.index(value)
        except TypeError:
            raise TypeError(f"{what}: expected {ty}, got {type(value).__name__}") from None
        if not low <= number < high:
            raise OverflowError(f"{what}: {number} does not fit {words}")
        return int(number)
    if isinstance(value, (str, bytes)) or not (
        hasattr(value, "__float__") or hasattr(value, "__index__")
    ):
        raise TypeError(f"{what}: expected {ty}, got {type(value).__name__}")
    return float(value) + 0.0 if type(value) is not float else value


def host_func(
    store: Store,
    callable_: Callable[..., Any],
    params: tuple[str, ...],
    results: tuple[str, ...],
    name: str = "",
) -> Any:
    """A Func that calls a Python callable; it can be imported by an instance of the Store."""
    label = name or getattr(callable_, "__name__", "host function")
    block = (ctypes.c_uint64 * ((FUNCREF.size + HOST_FUNC.size) // 8))()
    at = ctypes.addressof(block)
    native = runtime()
    convert = _converter(results, label)
    libc.poke(at + FUNCREF["code"], native.host_thunk(letters(params), letters(results)))
    libc.poke(at + FUNCREF["instance"], at + FUNCREF.size)
    libc.poke(at + FUNCREF.size + HOST_FUNC["callable"], id(callable_))
    libc.poke(at + FUNCREF.size + HOST_FUNC["convert"], id(convert))
    libc.poke(at + FUNCREF.size + HOST_FUNC["store"], store.context)
    func = new_func(store, label, params, results, at)
    func._keep = (block, callable_, convert)
    # Machine code may hold the funcref as long as the Store lives.
    store._keep.append(func._keep)
    return func


def _converter(results: tuple[str, ...], name: str) -> Callable[[Any], Any]:
    """What turns a host function's result into exact objects, or raises TypeError."""
    what = f"{name}() returned a wrong value"

    def convert(result: Any) -> Any:
        if not results:
            raise TypeError(f"{what}: expected None, got {type(result).__name__}")
        if len(results) == 1:
            return to_exact(result, results[0], what)
        try:
            values = tuple(result)
        except TypeError:
            raise TypeError(
                f"{what}: expected {len(results)} values, got {type(result).__name__}"
            ) from None
        if len(values) != len(results):
            raise TypeError(f"{what}: expected {len(results)} values, got {len(values)}")
        return tuple(
            to_exact(v, ty, f"{what} ({i})")
            for i, (v, ty) in enumerate(zip(values, results, strict=True))
        )

    return convert


def funcref_of(func: Any) -> int:
    """Address of a Func's VMFuncRef."""
    return objects.get_field(func, NATIVE, layout.FUNC_NATIVE["funcref"])


def f32_bits(value: float) -> int:
    """Bits of a Python float rounded to f32 (host marshalling, not the compiler)."""
    return int.from_bytes(struct.pack("<f", value), "little")
