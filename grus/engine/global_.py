"""Global variables. The Store owns the cells; a `Global` is a handle."""

from __future__ import annotations

from grus.engine.store import Store
from grus.engine.values import from_raw, to_raw
from grus.host import libc
from grus.wasm import types as WT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Global:
    """A global: `.value` reads it, and writes it when it is mutable. `Store.global_` makes one."""

    __slots__ = ("__weakref__", "_address", "_cell", "_store", "_type")

    _address: int
    _cell: memoryview
    _store: Store
    _type: WT.GlobalType

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError("globals are made by Store.global_ and exported by instances")

    @property
    def type(self) -> WT.GlobalType:
        return self._type

    @property
    def value(self) -> Any:
        self._store._state.check_idle()
        return from_raw(self._store, self._cell[0], self._cell[1], self._type.value)

    @value.setter
    def value(self, value: Any) -> None:
        if not self._type.mutable:
            raise TypeError("the global is constant")
        low, high = to_raw(self._store, value, self._type.value, "value of the global")
        self._store._state.check_idle()
        if WT.is_extern(self._type.value):
            refs = self._store._refs
            refs.fill_table(self._cell, 0, [low])
            refs.dispose(low, self._type.value)
        else:
            self._cell[0] = low
            self._cell[1] = high

    def __repr__(self) -> str:
        return f"<grus.Global {self._type!r}>"


def global_handle(store: Store, type: WT.GlobalType, address: int) -> Global:
    """The Global of the 16-byte cell at `address`, which the Store keeps."""
    handle = Global.__new__(Global)
    handle._store = store
    handle._type = type
    handle._address = address
    handle._cell = libc.view(address, 2)
    return handle


def new_global(store: Store, type: WT.GlobalType, value: Any) -> Global:
    """A global with a cell of its own, which owns what `to_raw` counts."""
    low, high = to_raw(store, value, type.value, "value of the global")
    cell = libc.words(3)
    store._keep.append(cell)
    address = libc.address_of(cell) + 15 & -16  # aligned for vectors
    libc.poke(address, low)
    libc.poke(address + 8, high)
    return global_handle(store, type, address)
