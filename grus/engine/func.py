"""Functions as Python callables, and Python callables as functions.

A call of a `Func` goes through a thunk of its signature in machine code (docs/abi.md, "Entry").
What the thunk does not take — other argument types, wrong counts, references, a Store that is not
ready — it leaves to Python functions here, with the same arguments.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable

from grus.base import layout
from grus.engine.store import Store
from grus.engine.values import from_raw, letters, to_exact, to_raw
from grus.host import libc, objects
from grus.host.machine import stubs
from grus.host.runtime import runtime
from grus.wasm import types as WT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias


FUNCREF = layout.FUNCREF
HOST_FUNC = layout.HOST_FUNC
Lookup: TypeAlias = "Callable[[Store, str], Any]"
"""Finds an export of an instance by name; None when there is none."""


class _FuncBase:
    """Python part of a Func."""

    __slots__ = ("__weakref__", "_naming", "_store", "_type")

    _store: Store
    _naming: str | Callable[[], str]  # the names of a module are read when one is asked for
    _type: WT.FuncType

    @property
    def _name(self) -> str:
        naming = self._naming
        if isinstance(naming, str):
            return naming
        self._naming = name = naming()
        return name

    @property
    def __name__(self) -> str:
        return self._name

    @property
    def type(self) -> WT.FuncType:
        """Parameter and result types."""
        return self._type

    def __repr__(self) -> str:
        return f"<grus.Func {self._name}: {self._type!r}>"


Func: Any = objects.callable_type("grus.Func", _FuncBase)
Func.__doc__ = "A wasm function, or a Python function with a wasm type. Call it."
NATIVE = _FuncBase.__basicsize__
_OFFSETS = layout.FUNC_NATIVE


def new_func(
    store: Store,
    name: str | Callable[[], str],
    type: WT.FuncType,
    funcref: int,
    slow: Callable[..., Any] | None = None,
) -> Any:
    """A Func for the VMFuncRef at `funcref`, whose memory lives as long as the Store.

    `slow` is called with the Func and the arguments when these are not exact numbers; it must be
    a function of a module, for thunks keep it. It makes exact numbers and calls again.
    """
    func = Func()
    func._store = store
    func._naming = name
    func._type = type
    key = (type.params, type.results, slow, store._refs.naive)
    thunk = _thunks.get(key)
    if thunk is None:
        thunk = _thunks[key] = _thunk(store, letters(type.params), letters(type.results), slow)
    fields = _FuncFields.from_address(id(func) + NATIVE)
    fields.vectorcall = thunk
    fields.store = store.context
    fields.funcref = funcref
    return func


class _FuncFields(ctypes.Structure):
    """`layout.FUNC_NATIVE`."""

    _fields_ = [(name, ctypes.c_uint64) for name in _OFFSETS.fields]


_thunks: dict[tuple[tuple[int, ...], tuple[int, ...], Callable[..., Any] | None, bool], int] = {}
"""Of a signature with its `slow`, without and with naive counting."""


def _thunk(store: Store, params: str, results: str, slow: Callable[..., Any] | None) -> int:
    native = runtime()
    if not stubs.thunk_supports(params, results) or _counts_itself(store, params + results):
        return native.slow_thunk(_slow_array)
    convert = slow or (_slow_array if "e" in params + results else _slow)
    return native.entry_thunk(params, results, NATIVE, convert, _bad_state)


def _counts_itself(store: Store, letters: str) -> bool:
    """Whether calls move counts, which thunks do not (naive counting)."""
    return store._refs.naive and "e" in letters


def _bad_state(func: Any, *args: Any, **kwargs: Any) -> Any:
    """The Store was not ready for this thread."""
    func._store._state.prepare()
    return func(*args, **kwargs)


def _check_call(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if kwargs:
        raise TypeError(f"{func._name}() takes no keyword arguments")
    wanted = len(func._type.params)
    if len(args) != wanted:
        raise TypeError(
            f"{func._name}() takes {wanted} argument{'s' * (wanted != 1)} "
            f"but {len(args)} {'were' if len(args) != 1 else 'was'} given"
        )


def _slow(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Arguments were not of the exact types: convert them, or say what is wrong."""
    _check_call(func, args, kwargs)
    exact = [
        to_exact(arg, ty, f"{func._name}(): argument {index + 1}")
        for index, (arg, ty) in enumerate(zip(args, func._type.params, strict=True))
    ]
    func._store._state.check_idle()
    return func(*exact)


def _slow_array(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Signatures without a thunk: through an array of cells."""
    _check_call(func, args, kwargs)
    store, type = func._store, func._type
    raws = [(0, 0)] * len(args)
    refs = store._refs
    # Numbers first: converting them may run Python. References last (docs/abi.md, "Entry").
    for index, param in enumerate(type.params):
        if not WT.is_ref(param):
            what = f"{func._name}(): argument {index + 1}"
            raws[index] = to_raw(store, args[index], param, what)
    store._state.check_idle()
    refs.reserve(len(type.params))
    before = refs.quiet()
    lent: list[int] = []
    try:
        for index, param in enumerate(type.params):
            if WT.is_ref(param):
                what = f"{func._name}(): argument {index + 1}"
                raw = refs.to_raw(args[index], param, what)
                raws[index] = (raw, 0)
                if raw and WT.is_extern(param):
                    lent.append(raw)
        if lent and refs.naive:
            lent = []  # the callee owns the counts
        elif lent:
            moving, lent = lent, []
            refs.lend(moving)
        raws = call_raw(func, raws)
        values = [
            from_raw(store, low, high, result)
            for (low, high), result in zip(raws, type.results, strict=True)
        ]
        if refs.naive:
            refs.release_all([low for low, _ in raws], type.results)
    finally:
        refs.resume(before)
        for raw in lent:  # another argument was wrong
            refs.release(raw)
        refs.returned()
    if not values:
        return None
    return values[0] if len(values) == 1 else tuple(values)


def call_raw(func: Any, raws: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Call with arguments and results as pairs of 64-bit words, as `values.to_raw` makes them."""
    store, type = func._store, func._type
    count = len(type.results)
    cells = libc.words(2 * max(len(raws), count, 1))
    for index, (low, high) in enumerate(raws):
        cells[2 * index], cells[2 * index + 1] = low, high
    entry = runtime().array_entry(letters(type.params), letters(type.results))
    funcref = objects.get_field(func, NATIVE, _OFFSETS["funcref"])
    state = store._state
    state.check_idle()
    status = entry(store.context, funcref, libc.address_of(cells))
    if status == stubs.NOT_ENTERED:
        state.prepare()
        status = entry(store.context, funcref, libc.address_of(cells))
    if status == stubs.TRAPPED:
        state.on_trap()
    return [(cells[2 * index], cells[2 * index + 1]) for index in range(count)]


def host_func(
    store: Store,
    callable_: Callable[..., Any],
    type: WT.FuncType,
    name: str = "",
    convert: Callable[[Any], Any] | None = None,
) -> Any:
    """A Func that calls a Python callable; it can be imported by an instance of the Store.

    `convert` makes exact numbers of a result that is not of the exact type, or raises.
    """
    label = name or getattr(callable_, "__name__", "host function")
    at = host_funcref(store, callable_, type, label, convert)
    func = new_func(store, label, type, at)
    store._refs.remember(at, func)
    return func


def host_funcref(
    store: Store,
    callable_: Callable[..., Any],
    type: WT.FuncType,
    label: str,
    convert: Callable[[Any], Any] | None = None,
) -> int:
    """The VMFuncRef of what `host_func` makes, which lives as long as the Store."""
    block = libc.words((FUNCREF.size + HOST_FUNC.size) // 8)
    at = libc.address_of(block)
    native = runtime()
    params, results = letters(type.params), letters(type.results)
    if stubs.thunk_supports(params, results) and not _counts_itself(store, params + results):
        target: Callable[..., Any] = callable_
        if results == "e":
            convert = store._refs.prepare
        convert = convert or _converter(type.results, label)
    else:
        # References and vectors travel as integers.
        target = _adapter(store, callable_, type, label)
        params, results = _as_integers(params), _as_integers(results)
        convert = _converter(_as_numbers(type.results), label)
    block[FUNCREF["code"] >> 3] = native.host_thunk(params, results)
    block[FUNCREF["instance"] >> 3] = at + FUNCREF.size
    block[FUNCREF["type"] >> 3] = store.engine.func_type_id(type)
    host = FUNCREF.size >> 3
    block[host + (HOST_FUNC["callable"] >> 3)] = id(target)
    block[host + (HOST_FUNC["convert"] >> 3)] = id(convert)
    block[host + (HOST_FUNC["store"] >> 3)] = store.context
    # Machine code may hold the funcref as long as the Store lives.
    store._keep.append((block, target, convert))
    store._refs.func_info[at] = (label, type)
    return at


class HostFunction:
    """A Python function with a wasm type, in no Store: each instance that imports it gets a Func.

    With `access_caller` the function's first argument is the `Caller`. `convert` as in
    `host_func`.
    """

    __slots__ = ("access_caller", "callable", "convert", "type")

    def __init__(
        self,
        type: WT.FuncType,
        callable: Callable[..., Any],
        *,
        access_caller: bool = False,
        convert: Callable[[Any], Any] | None = None,
    ) -> None:
        self.type = type
        self.callable = callable
        self.access_caller = access_caller
        self.convert = convert

    def bind(self, store: Store, lookup: Lookup | None = None, name: str = "") -> Any:
        """The Func for an instance of the Store, whose exports `lookup` finds; None for none."""
        name = name or getattr(self.callable, "__name__", "")
        target = self.callable
        if self.access_caller:
            target = _with_caller(target, store, lookup or _no_exports)
        return host_func(store, target, self.type, name, self.convert)


class UntypedFunction:
    """A Python function that takes the type of the import that it is linked to. `access_caller` as
    in HostFunction."""

    __slots__ = ("access_caller", "callable")

    def __init__(self, callable: Callable[..., Any], *, access_caller: bool = False) -> None:
        self.callable = callable
        self.access_caller = access_caller

    def typed(self, type: WT.FuncType) -> HostFunction:
        return HostFunction(type, self.callable, access_caller=self.access_caller)


def _no_exports(store: Store, name: str) -> Any:
    return None


class Caller:
    """The instance that called a host function: its Store and exports, while the function runs.

    It is the instance that imported the function, also when another calls it through a table.
    """

    __slots__ = ("_lookup", "_store")

    def __init__(self, store: Store, lookup: Lookup) -> None:
        self._store: Store | None = store
        self._lookup = lookup

    @property
    def store(self) -> Store:
        """Raises ValueError after the host function has returned."""
        if self._store is None:
            raise ValueError("the caller is no longer valid")
        return self._store

    def get(self, name: str) -> Any:
        """The export of that name; None when there is none, or after the function has returned."""
        return None if self._store is None else self._lookup(self._store, name)

    def __getitem__(self, name: str) -> Any:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def end(self) -> None:
        """The host function has returned."""
        self._store = None


def _with_caller(callable_: Callable[..., Any], store: Store, lookup: Lookup) -> Callable[..., Any]:
    """`callable_` with a Caller put first. It does not keep the Store, which keeps it."""
    ref = weakref.ref(store)

    def call(*args: Any) -> Any:
        alive = ref()
        assert alive is not None
        caller = Caller(alive, lookup)
        try:
            return callable_(caller, *args)
        finally:
            caller.end()

    return call


_WORD = (1 << 64) - 1


def _as_integers(letters: str) -> str:
    return letters.replace("r", "l").replace("e", "l")


def _as_words(types: tuple[int, ...]) -> list[int]:
    """Types with two integers for each vector."""
    found: list[int] = []
    for ty in types:
        found += (WT.I64, WT.I64) if ty == WT.V128 else (ty,)
    return found


def _as_numbers(types: tuple[int, ...]) -> tuple[int, ...]:
    """Types of the numbers that stand for values."""
    return tuple([WT.I64 if WT.is_ref(ty) else ty for ty in _as_words(types)])


def _adapter(
    store: Store, callable_: Callable[..., Any], type: WT.FuncType, name: str
) -> Callable[..., Any]:
    """`callable_` with references as addresses in arguments and results, and vectors as two words
    each."""
    state = store._refs
    params, results = type.params, type.results
    externs = [WT.is_extern(ty) for ty in results]
    what = f"{name}(): result"
    word_types = _as_words(params)

    def call(*args: Any) -> Any:
        words = iter(args)
        given: list[Any] = []
        for ty in params:
            word = next(words)
            if ty == WT.V128:
                given.append(from_raw(store, word & _WORD, next(words) & _WORD, ty))
            else:
                given.append(state.from_raw(word & _WORD, ty) if WT.is_ref(ty) else word)
        if state.naive:
            state.release_all(args, word_types)
            state.drain()
        result = callable_(*given)
        if not results:
            return result
        values = (result,) if len(results) == 1 else tuple(result)
        if len(values) != len(results):
            raise TypeError(f"{name}() returned {len(values)} values, expected {len(results)}")
        # Vectors first: converting them may run Python.
        vectors = [
            to_raw(store, value, ty, what) if ty == WT.V128 else ()
            for value, ty in zip(values, results, strict=True)
        ]
        raw: list[Any] = []
        headers: list[int] = []
        try:
            for value, ty, vector, extern in zip(values, results, vectors, externs, strict=True):
                if vector:
                    raw += [word - (word >> 63 << 64) for word in vector]
                elif WT.is_ref(ty):
                    raw.append(state.to_raw(value, ty, what))
                    if extern and raw[-1]:
                        headers.append(raw[-1])
                else:
                    raw.append(value)
        except TypeError:
            for header in headers:
                state.release(header)
            raise
        if headers and not state.naive:
            state.give_back(headers)
        return raw[0] if len(raw) == 1 else tuple(raw)

    return call


def _converter(results: tuple[int, ...], name: str) -> Callable[[Any], Any]:
    """What turns a host function's result into exact objects, or raises TypeError."""
    what = f"{name}() returned a wrong value"

    def convert(result: Any) -> Any:
        if not results:
            raise TypeError(f"{what}: expected None, got {result.__class__.__name__}")
        if len(results) == 1:
            return to_exact(result, results[0], what)
        try:
            values = tuple(result)
        except TypeError:
            raise TypeError(
                f"{what}: expected {len(results)} values, got {result.__class__.__name__}"
            ) from None
        if len(values) != len(results):
            raise TypeError(f"{what}: expected {len(results)} values, got {len(values)}")
        return tuple(to_exact(v, ty, what) for v, ty in zip(values, results, strict=True))

    return convert


def funcref_of(func: Any) -> int:
    """Address of a Func's VMFuncRef."""
    return objects.get_field(func, NATIVE, _OFFSETS["funcref"])
