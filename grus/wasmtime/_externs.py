"""Functions, memories, tables, globals and tags.

The Store is the first argument everywhere; a `Caller` or `StoreContext` is as good as its Store.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from collections.abc import Callable
from typing import Any, Union

from grus.base.errors import GrusError
from grus.engine import func as native_func
from grus.engine.global_ import Global as NativeGlobal
from grus.engine.global_ import new_global
from grus.engine.memory import Memory as NativeMemory
from grus.engine.memory import SharedMemory as NativeSharedMemory
from grus.engine.memory import new_memory
from grus.engine.table import Table as NativeTable
from grus.engine.table import new_table
from grus.engine.tag import Tag as NativeTag
from grus.engine.tag import new_tag
from grus.wasm import types as WT
from grus.wasmtime._engine import Engine, Store, StoreContext, reports
from grus.wasmtime._errors import WasmtimeError, wrapped
from grus.wasmtime._types import FuncType, GlobalType, MemoryType, TableType, TagType
from grus.wasmtime._value import NUMBERS, Val, from_native, to_native

Bytes = ctypes.Array[ctypes.c_ubyte]
Storelike = Union[Store, "Caller", StoreContext]


# ---- functions ----


def _exact(func: Any, args: tuple[Any, ...]) -> list[Any]:
    """Arguments as Grus takes them. Raises WasmtimeError for a wrong number, TypeError."""
    params = func.type.params
    if len(args) != len(params):
        word = "many" if len(args) > len(params) else "few"
        raise WasmtimeError(
            f"too {word} parameters provided: given {len(args)}, expected {len(params)}"
        )
    return [to_native(ty, arg) for ty, arg in zip(params, args, strict=True)]


def _slow(func: Any, *args: Any, **kwargs: Any) -> Any:
    """What the entry thunk of a Func does not take: convert the arguments, and call again."""
    return func(*_exact(func, args))


def _general(store: Store, func: Any) -> Callable[..., Any]:
    """The call of a function with references or vectors."""
    results = func.type.results

    def call(*args: Any) -> Any:
        got = func(*_exact(func, args))
        if len(results) == 1:
            return from_native(store, results[0], got)
        if not results:
            return None
        return [from_native(store, ty, value) for ty, value in zip(results, got, strict=True)]

    return call


class Func:
    """A function of wasm, or of the host."""

    __slots__ = ("__weakref__", "_call", "_definition", "_func", "_store")

    _store: Store
    _func: Any  # the grus.Func
    _call: Callable[..., Any]
    _definition: native_func.HostFunction | None  # of a host function that wants its caller

    @reports
    def __init__(
        self,
        store: Storelike,
        ty: FuncType,
        func: Callable[..., Any],
        access_caller: bool = False,
    ) -> None:
        """`func` is called with Python values, with the Caller first if `access_caller`."""
        if not isinstance(store, Store):
            raise TypeError("expected a Store")
        if not isinstance(ty, FuncType):
            raise TypeError("expected a FuncType")
        definition = host_function(ty, func, access_caller)
        self._set_up(store._context(), definition.bind(store))
        if access_caller:
            self._definition = definition

    def _set_up(self, store: Store, func: Any) -> None:
        self._store = store
        self._func = func
        self._definition = None
        ty = func.type
        if not NUMBERS.issuperset(ty.params + ty.results):
            self._call = _general(store, func)
            return
        raw = native_func.funcref_of(func)
        call = native_func.new_func(store, func.__name__, ty, raw, _slow)
        self._call = call if len(ty.results) < 2 else lambda *args: list(call(*args))

    @classmethod
    def _of(cls, store: Store, func: Any) -> Func:
        made = cls.__new__(cls)
        made._set_up(store, func)
        return made

    def type(self, store: Storelike) -> FuncType:
        """Its type."""
        store._context()
        return FuncType._of(self._func.type)

    def __call__(self, store: Storelike, *params: Any) -> Any:
        """Call it with Python values or `Val`s: None, a value, or a list of several results."""
        if store is not self._store and store._context() is not self._store:
            raise WasmtimeError("object used with the wrong store")
        try:
            return self._call(*params)
        except GrusError as error:
            raise wrapped(error) from None

    def _extern(self) -> Any:
        return self._definition or self._func

    def __repr__(self) -> str:
        return f"<wasmtime.Func {self._func.__name__}: {self._func.type!r}>"


class Caller:
    """The instance that called a host function, while the function runs."""

    __slots__ = ("_caller",)

    def __init__(self, caller: native_func.Caller) -> None:
        self._caller = caller

    def __getitem__(self, name: str) -> Any:
        """The export of that name. Raises KeyError."""
        found = self.get(name)
        if found is None:
            raise KeyError(f"failed to find export {name}")
        return found

    def get(self, name: str) -> Any:
        """The export of that name; None when there is none or the function has returned."""
        if not isinstance(name, str):
            raise AttributeError("expected a str")
        found = self._caller.get(name)
        return None if found is None else extern_of(self._context(), found)

    def _context(self) -> Store:
        store: Any = self._caller.store  # raises ValueError
        return store  # type: ignore[no-any-return]

    def data(self) -> Any:
        """What the Store was made with."""
        return self._context().data()


def _results(types: tuple[int, ...]) -> Callable[[Any], Any]:
    """What makes of a host function's result what Grus takes."""

    def convert(result: Any) -> Any:
        if not types:
            if result is not None:
                raise WasmtimeError("callback produced results when it shouldn't")
            return None
        if len(types) == 1:
            return to_native(types[0], result)
        if len(result) != len(types):
            raise WasmtimeError("callback produced wrong number of results")
        return tuple(to_native(ty, value) for ty, value in zip(types, result, strict=True))

    return convert


def host_function(
    ty: FuncType, func: Callable[..., Any], access_caller: bool
) -> native_func.HostFunction:
    """A host function in no Store yet."""
    native = ty._key
    convert = _results(native.results)
    target = func
    if access_caller:
        target = _with_caller(func)
    if not NUMBERS.issuperset(native.params + native.results):
        return _ReferenceFunction(native, target, convert, access_caller)
    return native_func.HostFunction(native, target, access_caller=access_caller, convert=convert)


def _with_caller(func: Callable[..., Any]) -> Callable[..., Any]:
    def call(caller: native_func.Caller, *args: Any) -> Any:
        return func(Caller(caller), *args)

    return call


class _ReferenceFunction(native_func.HostFunction):
    """A host function with references: functions are wrapped and unwrapped."""

    __slots__ = ("_target",)

    def __init__(
        self,
        type: WT.FuncType,
        target: Callable[..., Any],
        convert: Callable[[Any], Any],
        access_caller: bool,
    ) -> None:
        functions = [WT.is_ref(p) and p & 0xFF not in (WT.EXTERN, WT.NOEXTERN) for p in type.params]
        first = [False] * access_caller  # the Caller is given as it is

        def call(store: Any, *args: Any) -> Any:
            alive: Store = store()
            wanted = [
                Func._of(alive, arg) if wrap and arg is not None else arg
                for wrap, arg in zip(first + functions, args, strict=True)
            ]
            return convert(target(*wanted))

        super().__init__(type, call, access_caller=access_caller)
        self._target = call

    def bind(
        self,
        store: Any,
        lookup: native_func.Lookup | None = None,
        name: str = "",
    ) -> Any:
        call = functools.partial(self._target, weakref.ref(store))
        bound = native_func.HostFunction(self.type, call, access_caller=self.access_caller)
        return bound.bind(store, lookup, name or "host function")


# ---- memories ----


def _array(view: memoryview, size: int, offset: int) -> Bytes:
    """Bytes of a view as a ctypes array, which keeps the memory. Raises ValueError outside."""
    return (ctypes.c_ubyte * size).from_buffer(view, offset)


class Memory:
    """A linear memory."""

    __slots__ = ("__weakref__", "_memory", "_store")

    _memory: Any

    @reports
    def __init__(self, store: Storelike, ty: MemoryType) -> None:
        native = _type_of(ty, MemoryType)
        if native.limits.shared:
            raise WasmtimeError("shared memories must be created through `SharedMemory`")
        self._store = store._context()
        self._memory = new_memory(self._store, native)

    @classmethod
    def _of(cls, store: Store, memory: Any) -> Memory:
        made = cls.__new__(cls)
        made._store = store
        made._memory = memory
        return made

    def type(self, store: Storelike) -> MemoryType:
        """Its type."""
        store._context()
        return MemoryType._of(self._memory.type)

    def grow(self, store: Storelike, delta: int) -> int:
        """Grow by `delta` pages; the old size. Raises WasmtimeError when it cannot."""
        if delta < 0:
            raise WasmtimeError("cannot grow by negative amount")
        return _grown(store._context(), self._memory, delta)

    def size(self, store: Storelike) -> int:
        """Size in pages."""
        store._context()
        return int(self._memory.pages)

    def data_ptr(self, store: Storelike) -> Any:
        """A ctypes pointer to the first byte; it is not checked against `data_len`."""
        store._context()
        return ctypes.cast(self.get_buffer_ptr(store), ctypes.POINTER(ctypes.c_ubyte))

    def get_buffer_ptr(self, store: Storelike, size: int | None = None, offset: int = 0) -> Bytes:
        """`size` bytes from `offset` as a ctypes array that can be written; it keeps the memory.
        Raises ValueError for bytes outside."""
        store._context()
        view = self._memory.view()
        return _array(view, len(view) - offset if size is None else size, offset)

    def read(
        self,
        store: Storelike,
        start: int | None = 0,
        stop: int | None = None,
    ) -> bytearray:
        """A copy of the bytes `start:stop`, as slices of lists are meant."""
        store._context()
        return bytearray(self._memory[start:stop])

    def write(
        self,
        store: Storelike,
        value: bytes | bytearray,
        start: int | None = None,
    ) -> int:
        """Put bytes at `start`, which may count from the end; how many. Raises IndexError."""
        store._context()
        size = len(self._memory)
        first = slice(start, None).indices(size)[0]
        data = value if isinstance(value, (bytes, bytearray)) else bytes(value)
        if first >= size or first + len(data) > size:
            raise IndexError("index out of range")
        self._memory[first : first + len(data)] = data
        return len(data)

    def data_len(self, store: Storelike) -> int:
        """Size in bytes."""
        store._context()
        return len(self._memory)

    def page_size(self, store: Storelike) -> int:
        """Bytes of a page."""
        return self.type(store).page_size

    def page_size_log2(self, store: Storelike) -> int:
        """Its logarithm."""
        return self.type(store).page_size_log2

    def _extern(self) -> Any:
        return self._memory


def _type_of(ty: Any, cls: type) -> Any:
    """The type of Grus in a type. Raises AttributeError, as wasmtime-py does by accident."""
    if not isinstance(ty, cls):
        raise AttributeError(f"expected a {cls.__name__}")
    return ty._key  # type: ignore[attr-defined]


@reports
def _grown(store: Store | None, what: Any, delta: int, *init: Any) -> int:
    old = what.grow(delta, *init)
    if old < 0:
        raise WasmtimeError(f"failed to grow by {delta}")
    return int(old)


class SharedMemory:
    """A memory that instances of all Stores of an Engine can share."""

    __slots__ = ("__weakref__", "_memory")

    _memory: Any

    @reports
    def __init__(self, engine: Engine, ty: MemoryType) -> None:
        native = _type_of(ty, MemoryType)
        if not native.limits.shared:
            raise WasmtimeError("shared memory must have the `shared` flag enabled on its type")
        self._memory = NativeSharedMemory(engine._engine(), native)

    @classmethod
    def _of(cls, memory: Any) -> SharedMemory:
        made = cls.__new__(cls)
        made._memory = memory
        return made

    def type(self) -> MemoryType:
        """Its type."""
        return MemoryType._of(self._memory.type)

    def grow(self, delta: int) -> int:
        """Grow by `delta` pages; the old size. Raises WasmtimeError when it cannot."""
        if delta < 0:
            raise WasmtimeError("cannot grow by negative amount")
        return _grown(None, self._memory, delta)

    def size(self) -> int:
        """Size in pages."""
        return int(self._memory.pages)

    def data_ptr(self) -> Any:
        """A ctypes pointer to the first byte; it is not checked against `data_len`."""
        view = self._memory.view()
        return ctypes.cast(_array(view, len(view), 0), ctypes.POINTER(ctypes.c_ubyte))

    def data_len(self) -> int:
        """Size in bytes."""
        return len(self._memory)

    def _extern(self) -> Any:
        return self._memory

    def close(self) -> None:
        """Nothing: it ends with its last user."""

    def __enter__(self) -> SharedMemory:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


# ---- tables, globals, tags ----


class Table:
    """A table of references."""

    __slots__ = ("__weakref__", "_store", "_table")

    @reports
    def __init__(self, store: Storelike, ty: TableType, init: Any) -> None:
        native = _type_of(ty, TableType)
        self._store = store._context()
        self._table = new_table(self._store, native, to_native(native.element, init))

    @classmethod
    def _of(cls, store: Store, table: NativeTable) -> Table:
        made = cls.__new__(cls)
        made._store = store
        made._table = table
        return made

    def type(self, store: Storelike) -> TableType:
        """Its type."""
        store._context()
        return TableType._of(self._table.type)

    def size(self, store: Storelike) -> int:
        """How many elements."""
        store._context()
        return len(self._table)

    def grow(self, store: Storelike, amt: int, init: Any) -> int:
        """Add `amt` elements that are `init`; the old size. Raises WasmtimeError."""
        if not isinstance(amt, int):
            raise TypeError("expected an integer")
        value = to_native(self._table.type.element, init)
        return _grown(store._context(), self._table, amt, value)

    def get(self, store: Storelike, idx: int) -> Any:
        """An element; None outside. What is false comes as a `Val`, which equals it."""
        context = store._context()
        if not 0 <= idx < len(self._table):
            return None
        element = self._table.type.element
        value = from_native(context, element, self._table[idx])
        return value or Val(element, value)

    @reports
    def set(self, store: Storelike, idx: int, val: Any) -> None:
        """Store an element. Raises WasmtimeError outside."""
        store._context()
        value = to_native(self._table.type.element, val)
        if not 0 <= idx < len(self._table):
            raise WasmtimeError("wasm trap: undefined element: out of bounds table access")
        self._table[idx] = value

    def _extern(self) -> Any:
        return self._table


class Global:
    """A global variable."""

    __slots__ = ("__weakref__", "_global", "_store")

    @reports
    def __init__(self, store: Storelike, ty: GlobalType, val: Any) -> None:
        if not isinstance(ty, GlobalType):
            raise TypeError("expected a GlobalType")
        native = ty._key
        value = to_native(native.value, val)
        self._store = store._context()
        self._global = new_global(self._store, native, value)

    @classmethod
    def _of(cls, store: Store, native: NativeGlobal) -> Global:
        made = cls.__new__(cls)
        made._store = store
        made._global = native
        return made

    def type(self, store: Storelike) -> GlobalType:
        """Its type."""
        store._context()
        return GlobalType._of(self._global.type)

    @reports
    def value(self, store: Storelike) -> Any:
        """Its value; null comes as a `Val`, which equals None."""
        context = store._context()
        ty = self._global.type.value
        value = from_native(context, ty, self._global.value)
        return Val(ty, None) if value is None else value

    @reports
    def set_value(self, store: Storelike, val: Any) -> None:
        """Write it. Raises WasmtimeError when it is constant."""
        store._context()
        value = to_native(self._global.type.value, val)
        if not self._global.type.mutable:
            raise WasmtimeError("immutable global cannot be set")
        self._global.value = value

    def _extern(self) -> Any:
        return self._global


class Tag:
    """A tag of exceptions."""

    __slots__ = ("__weakref__", "_store", "_tag")

    @reports
    def __init__(self, store: Storelike, ty: TagType) -> None:
        if not isinstance(ty, TagType):
            raise TypeError("expected a TagType")
        self._store = store._context()
        self._tag = new_tag(self._store, ty.functype._key)

    @classmethod
    def _of(cls, store: Store, tag: NativeTag) -> Tag:
        made = cls.__new__(cls)
        made._store = store
        made._tag = tag
        return made

    def type(self, store: Storelike) -> TagType:
        """Its type."""
        store._context()
        return TagType(FuncType._of(self._tag.type))

    def eq(self, store: Storelike, other: Tag) -> bool:
        """Whether both are the same tag."""
        store._context()
        return self._tag == other._tag

    def _extern(self) -> Any:
        return self._tag


AsExtern = Func | Table | Memory | SharedMemory | Global | Tag
EXTERNS = (Func, Table, Memory, SharedMemory, Global, Tag)


def native_extern(item: Any) -> Any:
    """The object of Grus in an extern. Raises TypeError."""
    if not isinstance(item, EXTERNS):
        raise TypeError("expected a Func, Global, Memory, SharedMemory, Tag, or Table")
    return item._extern()


def extern_of(store: Store, native: Any) -> AsExtern:
    """The extern for an object of Grus."""
    if isinstance(native, native_func.Func):
        return Func._of(store, native)
    if isinstance(native, NativeMemory):
        return Memory._of(store, native)
    if isinstance(native, NativeSharedMemory):
        return SharedMemory._of(native)
    if isinstance(native, NativeTable):
        return Table._of(store, native)
    if isinstance(native, NativeGlobal):
        return Global._of(store, native)
    return Tag._of(store, native)
