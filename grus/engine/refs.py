"""References between wasm and Python, until the counting of docs/externref.md is there.

An externref is the address of a header that stands for one Python object; an object has one header
as long as it is known to the Store. Headers are released with the Store, or by `Store.gc()`.
A funcref is the address of a VMFuncRef.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from grus.base import layout
from grus.host import libc
from grus.wasm import types as WT

if TYPE_CHECKING:
    from grus.engine.store import Store

_HEADER = layout.EXTERN_HEADER
_CHUNK = 1 << 16


class References:
    """The objects and functions that a Store's wasm refers to."""

    __slots__ = ("_chunks", "_free", "_funcs", "_objects", "_of_object", "_store", "func_info")

    def __init__(self, store: Store) -> None:
        self._store = weakref.ref(store)
        self._objects: dict[int, Any] = {}  # header address to object
        self._of_object: dict[int, int] = {}  # id of an object to its header
        self._free: list[int] = []
        self._chunks: list[Any] = []
        self.func_info: dict[int, tuple[str, WT.FuncType]] = {}  # of host functions
        self._funcs: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def to_raw(self, value: Any, ty: int, what: str) -> int:
        """Address for an object. Raises TypeError when it does not fit the type."""
        if value is None:
            if ty & WT.NULLABLE:
                return 0
            raise TypeError(f"{what}: {WT.type_name(ty)} cannot be None")
        heap = ty & 0xFF
        if heap == WT.EXTERN:
            return self._intern(value)
        if heap in (WT.FUNC, 0):
            from grus.engine.func import Func, funcref_of

            if isinstance(value, Func):
                func: Any = value
                if func._store._refs is not self:
                    raise TypeError(f"{what}: the function belongs to another store")
                if heap == 0:
                    types = func._store.engine.types
                    mine = func._store.engine.func_type_id(func._type)
                    if not types.matches(WT.ref(mine, False), ty):
                        raise TypeError(f"{what}: the function has another type")
                return funcref_of(value)
        raise TypeError(f"{what}: expected {WT.type_name(ty)}, got {type(value).__name__}")

    def from_raw(self, raw: int, ty: int) -> Any:
        if raw == 0:
            return None
        heap = ty & 0xFF
        if heap in (WT.EXTERN, WT.NOEXTERN):
            return self._objects[raw]
        func = self._funcs.get(raw)
        if func is None:
            from grus.engine.func import new_func
            from grus.engine.instance import func_info

            store = self._store()
            assert store is not None
            name, type = self.func_info.get(raw) or func_info(raw)
            func = new_func(store, name, type, raw)
            self._funcs[raw] = func
        return func

    def remember(self, raw: int, func: Any) -> None:
        """The Func that a VMFuncRef came with or was first seen as."""
        self._funcs[raw] = func

    def _intern(self, value: Any) -> int:
        header = self._of_object.get(id(value))
        if header is None:
            if not self._free:
                from grus.engine.memory import Mapping

                chunk = libc.map_pages(_CHUNK)
                self._chunks.append(Mapping.own(chunk, _CHUNK))
                self._free = list(range(chunk + _CHUNK - _HEADER.size, chunk - 1, -_HEADER.size))
            header = self._free.pop()
            self._of_object[id(value)] = header
            self._objects[header] = value
        return header

    def sweep(self, live: set[int]) -> None:
        """Release every object whose header is not in `live`."""
        dropped = []
        for header in [header for header in self._objects if header not in live]:
            value = self._objects.pop(header)
            del self._of_object[id(value)]
            self._free.append(header)
            dropped.append(value)  # finalizers run when all is in order again
