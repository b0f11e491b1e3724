"""Exception tags: declared, imported, exported and made by the host; throwing is not there yet.

An instance owns `TagCore`s; a `Tag` is a handle (as in memory.py).
"""

from __future__ import annotations

from grus.base.errors import expect
from grus.engine.store import Store
from grus.wasm import types as WT


class TagCore:
    """A tag without its Store: it is nothing but itself, and has a type."""

    __slots__ = ("type", "type_id")

    def __init__(self, type: WT.FuncType, type_id: int) -> None:
        """`type_id` is the canonical number of the function type that the tag was declared with."""
        self.type = type
        self.type_id = type_id


class Tag:
    """An exception tag. Handles of the same tag are equal."""

    __slots__ = ("__weakref__", "_core", "_store")

    def __init__(self, store: Store, core: TagCore) -> None:
        """The handle of a core, for `Store.tag`. Raises TypeError for anything else."""
        expect(store, Store, "store")
        expect(core, TagCore, "core")
        self._store = store
        self._core = core

    @property
    def type(self) -> WT.FuncType:
        """The values that an exception carries, as parameters; there are no results."""
        return self._core.type

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tag) and self._core is other._core

    def __hash__(self) -> int:
        return id(self._core)

    def __repr__(self) -> str:
        return f"<grus.Tag {WT.types_text(self.type.params)}>"


def new_tag(store: Store, type: WT.FuncType) -> Tag:
    """A tag made by the host."""
    return Tag(store, TagCore(type, store.engine.func_type_id(type)))
