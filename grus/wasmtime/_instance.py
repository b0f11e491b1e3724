"""Instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from grus.engine.instance import Instance as NativeInstance
from grus.engine.linker import Prepared
from grus.wasmtime._engine import Store, reports
from grus.wasmtime._externs import AsExtern, Storelike, extern_of, native_extern
from grus.wasmtime._module import Module


class Instance:
    """A module with its imports, in a Store."""

    __slots__ = ("__weakref__", "_exports", "_instance")

    _exports: InstanceExports | None

    @reports
    def __init__(
        self,
        store: Storelike,
        module: Module,
        imports: Sequence[AsExtern],
    ) -> None:
        """`imports` are in the order of `module.imports`. Raises WasmtimeError when they do not
        fit, Trap when a segment does not or the start function traps."""
        native = [native_extern(item) for item in imports]
        if not isinstance(module, Module):
            raise AttributeError("expected a Module")
        self._exports = None
        self._instance = NativeInstance(module, native, store._context())

    @classmethod
    def _of(cls, instance: NativeInstance) -> Instance:
        made = cls.__new__(cls)
        made._exports = None
        made._instance = instance
        return made

    def exports(self, store: Storelike) -> InstanceExports:
        """What it exports, by name and by index."""
        context = store._context()
        if self._exports is None:
            self._exports = InstanceExports(context, self._instance)
        return self._exports


class InstanceExports(Mapping[str, AsExtern]):
    """The exports of an instance by name; `by_index` in the order of the module."""

    def __init__(self, store: Store, instance: NativeInstance) -> None:
        native = instance.exports
        self._by_name = {name: extern_of(store, native[name]) for name in native}
        self._by_index = tuple(self._by_name.values())

    @property
    def by_index(self) -> Sequence[AsExtern]:
        """The exports in order."""
        return self._by_index

    def __getitem__(self, name: str) -> AsExtern:
        return self._by_name[name]

    def __len__(self) -> int:
        return len(self._by_index)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)


class InstancePre:
    """A module with its imports found; `Linker.instantiate_pre` makes it."""

    __slots__ = ("_module", "_ready")

    _module: Module
    _ready: Prepared

    @classmethod
    def _of(cls, module: Module, ready: Prepared) -> InstancePre:
        made = cls.__new__(cls)
        made._module = module
        made._ready = ready
        return made

    @reports
    def instantiate(self, store: Storelike) -> Instance:
        """A new instance in a Store. Raises WasmtimeError or Trap."""
        return Instance._of(self._ready.instantiate(store._context()))

    @property
    def module(self) -> Module:
        """The module."""
        return self._module

    def close(self) -> None:
        """Nothing: it ends with its last user."""

    def __enter__(self) -> InstancePre:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
