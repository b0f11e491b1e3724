"""A Linker: definitions by module and name, from which instances get their imports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from grus.engine.engine import Engine, default_engine
from grus.engine.errors import LinkError, Trap
from grus.engine.func import Func, HostFunction, UntypedFunction
from grus.engine.global_ import new_global
from grus.engine.instance import Instance, canonical_type
from grus.engine.memory import new_memory
from grus.engine.module import Module
from grus.engine.store import Store
from grus.engine.table import new_table
from grus.engine.tag import new_tag
from grus.wasm import module as WM
from grus.wasm import types as WT

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Linker:
    """Definitions for the imports of modules of one Engine.

    A definition is an object of a Store (Func, Memory, Table, Global, Tag), or of none
    (HostFunction, SharedMemory): with these alone a Linker serves many Stores.
    `allow_shadowing` says whether a name may be defined again; else that is a LinkError.
    """

    __slots__ = ("_definitions", "allow_shadowing", "engine")

    def __init__(self, engine: Engine | None = None, *, allow_shadowing: bool = False) -> None:
        self.engine = engine if engine is not None else default_engine()
        self.allow_shadowing = allow_shadowing
        self._definitions: dict[str, dict[str, Any]] = {}

    # ---- defining ----

    def define(self, module: str, name: str, item: Any) -> None:
        """Define an object. Raises LinkError when the name is taken."""
        group = self._definitions.setdefault(module, {})
        if name in group and not self.allow_shadowing:
            raise LinkError(f"import of `{module}::{name}` defined twice")
        group[name] = item

    def define_func(
        self,
        module: str,
        name: str,
        type: WT.FuncType,
        function: Callable[..., Any],
        *,
        access_caller: bool = False,
    ) -> None:
        """Define a Python function; with `access_caller` its first argument is the Caller.
        Raises LinkError when the name is taken."""
        self.define(module, name, HostFunction(type, function, access_caller=access_caller))

    def func(
        self, module: str, name: str = "", *, access_caller: bool = False
    ) -> Callable[[_Function], _Function]:
        """A decorator that defines a function, under its own name if none is given. It has the type
        of the import that it is linked to.

            @linker.func("env", access_caller=True)
            def log(caller, at, size):
                print(caller["memory"][at : at + size])
        """

        def define(function: _Function) -> _Function:
            item = UntypedFunction(function, access_caller=access_caller)
            self.define(module, name or function.__name__, item)
            return function

        return define

    def define_instance(self, module: str, instance: Instance) -> None:
        """Define all exports of an instance. Raises LinkError when a name is taken."""
        for name in instance.exports:
            self.define(module, name, instance.exports[name])

    def define_module(self, store: Store, name: str, module: Module) -> None:
        """Define a module by what it exports, as WASI has it.

        A *command* (it exports `_start`) is instantiated anew for each call of one of its
        functions, `_start` is its default; any other module, a *reactor*, once, now, and its
        `_initialize` is called. Raises LinkError, and what instantiating raises.
        """
        kinds = {export.name: export for export in module.wasm.exports}
        start = kinds.get("_start")
        if start is None or start.kind != WM.FUNC:
            instance = self.instantiate(module, store)
            self.define_instance(name, instance)
            initialize = kinds.get("_initialize")
            if initialize is not None and initialize.kind == WM.FUNC:
                instance.exports["_initialize"]()
            return
        ready = self.prepare(module)
        for export in module.wasm.exports:
            if export.kind == WM.FUNC:
                command = _Command(canonical_type(module, export.index), ready, export.name)
                self.define(name, export.name, command)
                if export.name == "_start":
                    self.define(name, "", command)

    def define_unknown_imports_as_traps(self, module: Module) -> None:
        """Define the functions that a module imports and nobody defined: to trap when called.
        Raises LinkError for other imports."""
        for item, type in self._missing(module):
            where = f"{item.module}::{item.name}"
            if type is None:
                raise LinkError(f"unknown import: `{where}` has not been defined")
            self.define(item.module, item.name, HostFunction(type, _Trapping(where)))

    def define_unknown_imports_as_default_values(self, store: Store, module: Module) -> None:
        """Define what a module imports and nobody defined: functions that give zeros and nulls,
        globals that hold them, the least memories and tables. Raises LinkError for a reference
        that cannot be null."""
        for item, type in self._missing(module):
            self.define(item.module, item.name, _default(store, module, item, type))

    def _missing(self, module: Module) -> list[tuple[WM.Import, WT.FuncType | None]]:
        """Imports without a definition, each once, with the types of functions."""
        missing: dict[tuple[str, str], tuple[WM.Import, WT.FuncType | None]] = {}
        index = 0
        for item in module.wasm.imports:
            type = None
            if item.kind == WM.FUNC:
                type = canonical_type(module, index)
                index += 1
            if item.name not in self._definitions.get(item.module, {}):
                missing.setdefault((item.module, item.name), (item, type))
        return list(missing.values())

    # ---- using ----

    def prepare(self, module: Module) -> Prepared:
        """The module with its imports found, as they are defined now. Raises LinkError."""
        found = []
        for item in module.wasm.imports:
            definition = self._definitions.get(item.module, {}).get(item.name)
            if definition is None:
                raise LinkError(
                    f"unknown import: `{item.module}::{item.name}` has not been defined"
                )
            found.append(definition)
        return Prepared(module, found)

    def instantiate(self, module: Module, store: Store | None = None) -> Instance:
        """A new instance, in a Store of its own if none is given. Raises as Instance does."""
        return self.prepare(module).instantiate(store)

    def get(self, store: Store, module: str, name: str) -> Any:
        """What was defined, as an object of the Store. Raises LinkError."""
        item = self._definitions.get(module, {}).get(name)
        if item is None:
            raise LinkError(f"item `{module}::{name}` not defined in linker")
        if isinstance(item, UntypedFunction):
            raise LinkError(f"`{module}::{name}` has no type until it is imported")
        return item.bind(store) if isinstance(item, HostFunction) else item

    def get_default(self, store: Store, module: str) -> Any:
        """What running a module means: its function "", else its `_start`, else a function that
        does nothing. Raises LinkError when the name is defined as something else."""
        group = self._definitions.get(module, {})
        for name in ("", "_start"):
            if name in group:
                item = self.get(store, module, name)
                if not isinstance(item, Func):
                    raise LinkError(f"default export of `{module}` is not a function")
                return item
        return HostFunction(WT.FuncType((), ()), _nothing).bind(store)

    def __repr__(self) -> str:
        count = sum(len(group) for group in self._definitions.values())
        return f"<grus.Linker with {count} definitions>"


class Prepared:
    """A module with its imports found: many instances without looking for them again."""

    __slots__ = ("_imports", "module")

    def __init__(self, module: Module, imports: list[Any]) -> None:
        self.module = module
        self._imports = imports

    def instantiate(self, store: Store | None = None) -> Instance:
        """A new instance. Raises as Instance does."""
        return Instance(self.module, self._imports, store)


class _Command(HostFunction):
    """A function of a command: of a new instance at each call."""

    __slots__ = ("_name", "_ready")

    def __init__(self, type: WT.FuncType, ready: Prepared, name: str) -> None:
        super().__init__(type, self._run, access_caller=True)
        self._ready = ready
        self._name = name

    def _run(self, caller: Any, *args: Any) -> Any:
        return self._ready.instantiate(caller.store).exports[self._name](*args)


class _Trapping:
    """A function that always traps."""

    __slots__ = ("_where",)

    def __init__(self, where: str) -> None:
        self._where = where

    def __call__(self, *args: Any) -> None:
        raise Trap(f"call of the unknown import `{self._where}`", "unreachable")


def _nothing() -> None:
    pass


def _zero(type: int, where: str) -> Any:
    if not WT.is_ref(type):
        return 0 if type in (WT.I32, WT.I64) else 0.0 if type != WT.V128 else bytes(16)
    if not type & WT.NULLABLE:
        raise LinkError(f"no default value for `{where}` of type {WT.type_name(type)}")
    return None


def _default(store: Store, module: Module, item: WM.Import, type: WT.FuncType | None) -> Any:
    where = f"{item.module}::{item.name}"
    ids = module.type_ids
    if type is not None:
        values = tuple(_zero(result, where) for result in type.results)
        given = values[0] if len(values) == 1 else values or None
        return HostFunction(type, lambda *args: given)
    declared = item.type
    if isinstance(declared, WT.GlobalType):
        content = WT.canonical(declared.value, ids)
        return new_global(store, WT.GlobalType(content, declared.mutable), _zero(content, where))
    if isinstance(declared, WT.MemoryType):
        if declared.limits.shared:
            raise LinkError(f"no default value for the shared memory `{where}`")
        return new_memory(store, declared)
    if isinstance(declared, WT.TableType):
        element = WT.canonical(declared.element, ids)
        return new_table(store, WT.TableType(element, declared.limits), _zero(element, where))
    assert isinstance(declared, WT.TagType)
    carried = store.engine.types.func(ids[declared.type_index])
    assert carried is not None
    return new_tag(store, carried)
