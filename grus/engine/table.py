"""Tables of references. The Store owns `TableCore`s; a `Table` is a handle (as in memory.py)."""

from __future__ import annotations

from grus.base import layout
from grus.base.errors import expect
from grus.engine.limits import Limits
from grus.engine.refs import References
from grus.engine.store import Store
from grus.host import libc
from grus.host.libc import HostError
from grus.wasm import types as WT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


TABLE = layout.TABLE
MAX_ELEMENTS = 10_000_000
"""The implementation limit of the JavaScript embedding."""


class TableCore:
    """A table without its Store; elements are raw references."""

    __slots__ = ("address", "block", "elements", "limit", "limits", "refs", "type")

    def __init__(
        self,
        type: WT.TableType,
        raw: int = 0,
        store_limits: Limits | None = None,
        refs: References | None = None,
    ) -> None:
        """Raises HostError when the least size is more than an implementation limit."""
        limits = type.limits
        self.type = type
        self.refs = refs if WT.is_extern(type.element) else None  # what counts the elements
        self.limits = store_limits
        self.limit = min(limits.max, MAX_ELEMENTS) if limits.max >= 0 else MAX_ELEMENTS
        self.block = libc.words(TABLE.size // 8)
        self.address = libc.address_of(self.block)
        self.elements = libc.words(1)
        libc.poke(self.address + TABLE["base"], libc.address_of(self.elements))
        if self.grow(limits.min, raw) < 0:
            raise HostError(f"cannot make a table of {limits.min} elements")

    def __len__(self) -> int:
        return libc.peek(self.address + TABLE["length"])

    def grow(self, delta: int, raw: int) -> int:
        """Add `delta` elements; the old size, or -1 when it cannot."""
        old = len(self)
        new = old + delta
        if delta < 0 or new > self.limit:
            return -1
        if delta and self.limits is not None and not self.limits.allow_table(new):
            return -1
        if new > len(self.elements):
            room = min(max(new, 2 * len(self.elements)), self.limit)
            elements = libc.words(room)
            elements[:old] = self.elements[:old]
            # No one needs the old array: wasm reads `base` again after each call.
            self.elements = elements
            libc.poke(self.address + TABLE["base"], libc.address_of(elements))
        self.fill(old, delta, raw)
        libc.poke(self.address + TABLE["length"], new)
        return old

    def put(self, start: int, raws: list[int]) -> None:
        """Store references from `start` on; in range, the caller has checked. What dies waits for
        `References.drain`."""
        if self.refs is not None:
            self.refs.fill_table(self.elements, start, raws)
        else:
            self.elements[start : start + len(raws)] = libc.words(raws)

    def fill(self, start: int, count: int, raw: int) -> None:
        """Store one reference `count` times from `start` on; as `put`."""
        if self.refs is not None:
            self.refs.fill_table(self.elements, start, [raw] * count)
        elif count:
            self.elements[start : start + count] = libc.words([raw]) * count


class Table:
    """A table: `table[i]`, `table[i] = value`, `len(table)`, `fill`, `copy`, `grow`. Null is None.

    `Store.table` makes one.
    """

    __slots__ = ("__weakref__", "_core", "_store")

    def __init__(self, store: Store, core: TableCore) -> None:
        """The handle of a core. Raises TypeError for anything else."""
        expect(store, Store, "store")
        expect(core, TableCore, "core")
        self._store = store
        self._core = core

    @property
    def type(self) -> WT.TableType:
        return self._core.type

    def __len__(self) -> int:
        return len(self._core)

    def _index(self, index: int) -> int:
        if not 0 <= index < len(self._core):
            raise IndexError(f"table index {index} is not below {len(self._core)}")
        return index

    def __getitem__(self, index: int) -> Any:
        self._store._state.check_idle()
        core = self._core
        return self._store._refs.from_raw(core.elements[self._index(index)], core.type.element)

    def __setitem__(self, index: int, value: Any) -> None:
        self._store._state.check_idle()
        core = self._core
        at = self._index(index)
        refs = self._store._refs
        raw = refs.to_raw(value, core.type.element, f"table element {index}")
        core.put(at, [raw])
        refs.dispose(raw, core.type.element)

    def _range(self, start: int, count: int) -> None:
        if start < 0 or count < 0 or start + count > len(self._core):
            raise IndexError(
                f"{count} elements from {start} on are not in a table of {len(self._core)}"
            )

    def fill(self, start: int, count: int, value: Any) -> None:
        """Set `count` elements from `start` on. Raises IndexError, TypeError; then nothing is set.
        Objects that only those elements held are released after all are set."""
        self._store._state.check_idle()
        core = self._core
        self._range(start, count)
        refs = self._store._refs
        raw = refs.to_raw(value, core.type.element, "value of the elements")
        core.fill(start, count, raw)
        refs.dispose(raw, core.type.element)

    def copy(self, start: int, source: Table, source_start: int, count: int) -> None:
        """Copy elements of `source`, which may be this table, to those from `start` on. Raises
        IndexError, TypeError for a table of another Store or type; then nothing is copied."""
        self._store._state.check_idle()
        expect(source, Table, "source")
        if source._store is not self._store:
            raise TypeError("the tables belong to different stores")
        types = self._store.engine.types
        if not types.matches(source.type.element, self.type.element):
            raise TypeError(f"cannot copy elements of {source!r} to {self!r}")
        self._range(start, count)
        source._range(source_start, count)
        raws = source._core.elements[source_start : source_start + count].tolist()
        self._core.put(start, raws)
        self._store._refs.drain()

    def grow(self, delta: int, init: Any = None) -> int:
        """Add `delta` elements; the old size, or -1 when it cannot."""
        self._store._state.check_idle()
        core = self._core
        refs = self._store._refs
        raw = refs.to_raw(init, core.type.element, "initial element")
        old = core.grow(delta, raw)
        refs.dispose(raw, core.type.element)
        return old

    def __repr__(self) -> str:
        return f"<grus.Table of {len(self)} {WT.type_name(self.type.element)}>"


def new_table_core(store: Store, type: WT.TableType, raw: int = 0) -> TableCore:
    """A new table that the Store owns. Raises HostError or ResourceLimit."""
    limits = store._state.limits
    limits.add("tables")
    core = TableCore(type, raw, limits, store._refs)
    store._keep.append(core)
    return core


def new_table(store: Store, type: WT.TableType, init: Any = None) -> Table:
    """A Table made by the host, filled with `init`. Raises HostError, ResourceLimit, TypeError."""
    raw = store._refs.to_raw(init, type.element, "initial element")
    try:
        return Table(store, new_table_core(store, type, raw))
    finally:
        store._refs.dispose(raw, type.element)
