"""Types of values and externs. They can be compared and hashed, and closing one does nothing."""

from __future__ import annotations

from typing import Any

from grus.engine.module import Module as NativeModule
from grus.wasm import module as WM
from grus.wasm import types as WT
from grus.wasmtime._errors import WasmtimeError


class _Type:
    """A value: equal to others of its class with the same `_key`."""

    __slots__ = ("_key",)

    _key: Any

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._key == self._key

    def __hash__(self) -> int:
        return hash(self._key)

    def close(self) -> None:
        """Nothing."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class ValType(_Type):
    """The type of a value."""

    __slots__ = ()

    _key: int

    def __init__(self) -> None:
        raise WasmtimeError("cannot construct directly")

    @classmethod
    def _of(cls, code: int) -> ValType:
        ty = cls.__new__(cls)
        ty._key = code
        return ty

    @classmethod
    def i32(cls) -> ValType:
        return cls._of(WT.I32)

    @classmethod
    def i64(cls) -> ValType:
        return cls._of(WT.I64)

    @classmethod
    def f32(cls) -> ValType:
        return cls._of(WT.F32)

    @classmethod
    def f64(cls) -> ValType:
        return cls._of(WT.F64)

    @classmethod
    def externref(cls) -> ValType:
        return cls._of(WT.EXTERNREF)

    @classmethod
    def funcref(cls) -> ValType:
        return cls._of(WT.FUNCREF)

    def __str__(self) -> str:
        return WT.type_name(self._key)

    __repr__ = __str__


def _code(ty: Any) -> int:
    if not isinstance(ty, ValType):
        raise TypeError("expected valtype")
    return ty._key


class FuncType(_Type):
    """Parameters and results of a function."""

    __slots__ = ()

    _key: WT.FuncType

    def __init__(self, params: list[ValType], results: list[ValType]) -> None:
        for ty in (*params, *results):
            if not isinstance(ty, ValType):
                raise TypeError("expected ValType")
        self._key = WT.FuncType(tuple(p._key for p in params), tuple(r._key for r in results))

    @classmethod
    def _of(cls, native: WT.FuncType) -> FuncType:
        ty = cls.__new__(cls)
        ty._key = native
        return ty

    @property
    def params(self) -> list[ValType]:
        """Types of the parameters."""
        return [ValType._of(code) for code in self._key.params]

    @property
    def results(self) -> list[ValType]:
        """Types of the results."""
        return [ValType._of(code) for code in self._key.results]

    def __repr__(self) -> str:
        return f"FuncType({self.params!r}, {self.results!r})"


class GlobalType(_Type):
    """The type of a global."""

    __slots__ = ()

    _key: WT.GlobalType

    def __init__(self, valtype: ValType, mutable: bool) -> None:
        self._key = WT.GlobalType(_code(valtype), bool(mutable))

    @classmethod
    def _of(cls, native: WT.GlobalType) -> GlobalType:
        ty = cls.__new__(cls)
        ty._key = native
        return ty

    @property
    def content(self) -> ValType:
        """The type of its value."""
        return ValType._of(self._key.value)

    @property
    def mutable(self) -> bool:
        """Whether it can be written."""
        return self._key.mutable

    def __repr__(self) -> str:
        return f"GlobalType({self.content!r}, {self.mutable})"


class Limits:
    """The least and the largest size; `max` is None for none."""

    __slots__ = ("max", "min")

    def __init__(self, min: int, max: int | None) -> None:
        self.min = min
        self.max = max

    @classmethod
    def _of(cls, native: WT.Limits) -> Limits:
        return cls(native.min, native.max if native.max >= 0 else None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limits) and (self.min, self.max) == (other.min, other.max)

    def __hash__(self) -> int:
        return hash((self.min, self.max))

    def __repr__(self) -> str:
        return f"Limits({self.min}, {self.max})"


def _limits(limits: Any) -> Limits:
    if not isinstance(limits, Limits):
        raise TypeError("expected Limits")
    return limits


class TableType(_Type):
    """The type of a table."""

    __slots__ = ()

    _key: WT.TableType

    def __init__(self, valtype: ValType, limits: Limits) -> None:
        most = WT.NO_MAX if _limits(limits).max is None else limits.max
        assert most is not None
        self._key = WT.TableType(_code(valtype), WT.Limits(limits.min, most))

    @classmethod
    def _of(cls, native: WT.TableType) -> TableType:
        ty = cls.__new__(cls)
        ty._key = native
        return ty

    @property
    def element(self) -> ValType:
        """The type of its elements."""
        return ValType._of(self._key.element)

    @property
    def limits(self) -> Limits:
        """How many elements."""
        return Limits._of(self._key.limits)

    def __repr__(self) -> str:
        return f"TableType({self.element!r}, {self.limits!r})"


class MemoryType(_Type):
    """The type of a memory; limits are in pages."""

    __slots__ = ()

    _key: WT.MemoryType

    def __init__(
        self,
        limits: Limits,
        is_64: bool = False,
        shared: bool = False,
        page_size_log2: int = 16,
    ) -> None:
        least, most = _limits(limits).min, limits.max
        if page_size_log2 not in (0, 16):
            raise WasmtimeError("page_size_log2 must be 0 or 16")
        pages = 1 << (64 if is_64 else 32) - page_size_log2
        if least > pages:
            raise WasmtimeError("minimum size too large")
        if most is not None and most > pages:
            raise WasmtimeError("maximum size too large")
        if most is not None and most < least:
            raise WasmtimeError("maximum size is less than the minimum")
        if shared and most is None:
            raise WasmtimeError("shared memories must have a maximum size")
        self._key = WT.MemoryType(
            WT.Limits(
                least,
                WT.NO_MAX if most is None else most,
                is_64,
                shared,
                page_size_log2,
                page_size_log2 != 16,
            )
        )

    @classmethod
    def _of(cls, native: WT.MemoryType) -> MemoryType:
        ty = cls.__new__(cls)
        ty._key = native
        return ty

    @property
    def limits(self) -> Limits:
        """How many pages."""
        return Limits._of(self._key.limits)

    @property
    def is_64(self) -> bool:
        """Whether addresses have 64 bits."""
        return self._key.limits.is64

    @property
    def is_shared(self) -> bool:
        """Whether threads can share it."""
        return self._key.limits.shared

    @property
    def page_size(self) -> int:
        """Bytes of a page."""
        return 1 << self.page_size_log2

    @property
    def page_size_log2(self) -> int:
        """Its logarithm: 16 or 0."""
        return self._key.limits.page_size_log2

    def __repr__(self) -> str:
        return f"MemoryType({self._key.limits!r})"


class TagType(_Type):
    """The type of a tag."""

    __slots__ = ()

    _key: FuncType

    def __init__(self, functype: FuncType) -> None:
        if not isinstance(functype, FuncType):
            raise TypeError("expected a FuncType")
        self._key = functype

    @property
    def functype(self) -> FuncType:
        """What an exception carries, as parameters."""
        return self._key

    def __repr__(self) -> str:
        return f"TagType({self._key!r})"


AsExternType = FuncType | TableType | MemoryType | GlobalType | TagType


class ImportType(_Type):
    """An import of a module."""

    __slots__ = ()

    _key: tuple[str, str, AsExternType]

    @property
    def module(self) -> str:
        """Name of the module that it is imported from."""
        return self._key[0]

    @property
    def name(self) -> str | None:
        """Its name there."""
        return self._key[1]

    @property
    def type(self) -> AsExternType:
        """What it must be."""
        return self._key[2]

    def __repr__(self) -> str:
        return f"ImportType({self.module!r}, {self.name!r}, {self.type!r})"


class ExportType(_Type):
    """An export of a module."""

    __slots__ = ()

    _key: tuple[str, AsExternType]

    @property
    def name(self) -> str:
        """Its name."""
        return self._key[0]

    @property
    def type(self) -> AsExternType:
        """What it is."""
        return self._key[1]

    def __repr__(self) -> str:
        return f"ExportType({self.name!r}, {self.type!r})"


def _func_type(module: NativeModule, type_index: int) -> FuncType:
    native = module.engine.types.func(module.type_ids[type_index])
    assert native is not None
    return FuncType._of(native)


def _extern_type(module: NativeModule, ty: Any) -> AsExternType:
    """The type of an import or export as the module declares it."""
    if isinstance(ty, int):
        return _func_type(module, ty)
    if isinstance(ty, WT.TableType):
        return TableType._of(WT.TableType(WT.canonical(ty.element, module.type_ids), ty.limits))
    if isinstance(ty, WT.MemoryType):
        return MemoryType._of(ty)
    if isinstance(ty, WT.GlobalType):
        return GlobalType._of(WT.GlobalType(WT.canonical(ty.value, module.type_ids), ty.mutable))
    return TagType(_func_type(module, ty.type_index))


def import_types(module: NativeModule) -> list[ImportType]:
    """The imports of a module, in order."""
    made = []
    for item in module.wasm.imports:
        ty = ImportType()
        ty._key = (item.module, item.name, _extern_type(module, item.type))
        made.append(ty)
    return made


def export_types(module: NativeModule) -> list[ExportType]:
    """The exports of a module, in order."""
    wasm = module.wasm
    made = []
    for item in wasm.exports:
        declared: Any
        if item.kind == WM.FUNC:
            declared = wasm.funcs[item.index]
        elif item.kind == WM.TABLE:
            declared = wasm.tables[item.index].type
        elif item.kind == WM.MEMORY:
            declared = wasm.memories[item.index].type
        elif item.kind == WM.GLOBAL:
            declared = wasm.globals[item.index].type
        else:
            declared = wasm.tags[item.index].type
        ty = ExportType()
        ty._key = (item.name, _extern_type(module, declared))
        made.append(ty)
    return made
