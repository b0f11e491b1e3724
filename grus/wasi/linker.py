"""WASI for a Linker: functions that work on what their Store was given."""

from __future__ import annotations

import weakref
from typing import Any

from grus.engine.errors import LinkError
from grus.engine.func import HostFunction, Lookup
from grus.engine.linker import Linker
from grus.engine.store import Store
from grus.wasi.functions import SIGNATURES
from grus.wasi.program import MODULE, function_type


def define_wasi(linker: Linker) -> None:
    """Define the functions of preview 1 for all Stores. A Store that calls them needs a program:
    `store.wasi = Wasi(config)`. Raises LinkError when a name is taken."""
    for name in SIGNATURES:
        linker.define(MODULE, name, _StoreFunction(name))


class _StoreFunction(HostFunction):
    """A function of the program that the Store was given."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        super().__init__(function_type(name), _no_program)
        self._name = name

    def bind(self, store: Store, lookup: Lookup | None = None, name: str = "") -> Any:
        if store.wasi is not None:
            return store.wasi.function(store, self._name).bind(store, lookup, name)
        ref = weakref.ref(store)

        def call(*args: int) -> Any:
            alive = ref()
            if alive is None or alive.wasi is None:
                return _no_program()
            return alive.wasi.function(alive, self._name).bind(alive, lookup, name)(*args)

        return HostFunction(self.type, call).bind(store, lookup, name)


def _no_program(*args: int) -> Any:
    raise LinkError("the store has no WASI program: store.wasi is not set")
