"""The Linker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grus.engine.linker import Linker as NativeLinker
from grus.wasi.linker import define_wasi
from grus.wasmtime._engine import Engine, reports
from grus.wasmtime._externs import (
    AsExtern,
    Func,
    Storelike,
    extern_of,
    host_function,
    native_extern,
)
from grus.wasmtime._instance import Instance, InstancePre
from grus.wasmtime._module import Module
from grus.wasmtime._types import FuncType


def _name(text: Any) -> str:
    if not isinstance(text, str):
        raise AttributeError("expected a str")
    return text


def _module(module: Any) -> Module:
    if not isinstance(module, Module):
        raise TypeError("expected a `Module`")
    return module


class Linker:
    """Definitions by module and name, from which instances get their imports."""

    __slots__ = ("__weakref__", "_linker", "engine")

    def __init__(self, engine: Engine) -> None:
        self._linker = NativeLinker(engine._engine())
        self.engine = engine

    def _allow_shadowing(self, allow: bool) -> None:
        self._linker.allow_shadowing = bool(allow)

    allow_shadowing = property(
        fset=_allow_shadowing, doc="Whether a name may be defined again. It can be set, not read."
    )

    @reports
    def define(self, store: Storelike, module: str, name: str, item: AsExtern) -> None:
        """Define an extern. Raises WasmtimeError when the name is taken."""
        store._context()
        native = native_extern(item)
        self._linker.define(_name(module), _name(name), native)

    @reports
    def define_func(
        self,
        module: str,
        name: str,
        ty: FuncType,
        func: Callable[..., Any],
        access_caller: bool = False,
    ) -> None:
        """Define a Python function for all Stores. Raises WasmtimeError when the name is taken."""
        if not isinstance(ty, FuncType):
            raise TypeError("expected a FuncType")
        self._linker.define(_name(module), _name(name), host_function(ty, func, access_caller))

    @reports
    def define_instance(self, store: Storelike, name: str, instance: Instance) -> None:
        """Define all exports of an instance. Raises WasmtimeError when a name is taken."""
        if not isinstance(instance, Instance):
            raise TypeError("expected an `Instance`")
        store._context()
        self._linker.define_instance(_name(name), instance._instance)

    @reports
    def define_wasi(self) -> None:
        """Define the functions of WASI; they use what `Store.set_wasi` gave. Raises WasmtimeError
        when a name is taken."""
        define_wasi(self._linker)

    @reports
    def define_module(self, store: Storelike, name: str, module: Module) -> None:
        """Define a module, a command or a reactor of WASI, by its exports. Raises WasmtimeError,
        Trap."""
        _module(module)
        self._linker.define_module(store._context(), _name(name), module)

    @reports
    def instantiate(self, store: Storelike, module: Module) -> Instance:
        """A new instance. Raises WasmtimeError for imports that nobody defined or that do not fit,
        Trap."""
        if not isinstance(module, Module):
            raise AttributeError("expected a Module")
        return Instance._of(self._linker.instantiate(module, store._context()))

    @reports
    def instantiate_pre(self, module: Module) -> InstancePre:
        """The module with its imports found. Raises WasmtimeError."""
        return InstancePre._of(module, self._linker.prepare(_module(module)))

    @reports
    def get_default(self, store: Storelike, name: str) -> Func:
        """What running a module means. Raises WasmtimeError."""
        context = store._context()
        return Func._of(context, self._linker.get_default(context, _name(name)))

    @reports
    def get(self, store: Storelike, module: str, name: str) -> AsExtern:
        """What was defined. Raises WasmtimeError."""
        context = store._context()
        return extern_of(context, self._linker.get(context, _name(module), _name(name)))

    @reports
    def define_unknown_imports_as_traps(self, module: Module) -> None:
        """Define functions that a module imports and nobody defined: to trap."""
        self._linker.define_unknown_imports_as_traps(_module(module))

    @reports
    def define_unknown_imports_as_default_values(self, store: Storelike, module: Module) -> None:
        """Define what a module imports and nobody defined: as zeros and nulls."""
        context = store._context()
        self._linker.define_unknown_imports_as_default_values(context, _module(module))

    def close(self) -> None:
        """Nothing: it ends with its last user."""

    def __enter__(self) -> Linker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
