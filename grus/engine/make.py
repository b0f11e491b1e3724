"""Objects made by the host: the methods of Store that make them, and types from their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from grus.engine.func import host_func
from grus.engine.global_ import Global, new_global
from grus.engine.memory import new_memory
from grus.engine.table import Table, new_table
from grus.engine.tag import Tag, new_tag
from grus.wasm import types as WT

if TYPE_CHECKING:
    from grus.engine.store import Store

Types = str | tuple[int, ...]
"""Types of values: their names, as in `"i32 externref"`, or numbers of `grus.wasm.types`."""


def value_types(types: Types) -> tuple[int, ...]:
    """Types from their names. Raises ValueError for a name that is none."""
    if not isinstance(types, str):
        return tuple(types)
    known = {**WT.NUMBER_NAMES, **WT.REF_NAMES}
    for name in types.split():
        if name not in known:
            raise ValueError(f"{name!r} is no type of a value; known are {', '.join(known)}")
    return tuple(known[name] for name in types.split())


def value_type(type: str | int) -> int:
    """One type. Raises ValueError."""
    if isinstance(type, int):
        return type
    types = value_types(type)
    if len(types) != 1:
        raise ValueError(f"{type!r} is not one type")
    return types[0]


def func_type(params: Types = "", results: Types = "") -> WT.FuncType:
    """The type of a function: `func_type("i32 i32", "i64")`. Raises ValueError."""
    return WT.FuncType(value_types(params), value_types(results))


def make_func(
    store: Store, function: Callable[..., Any], params: Types, results: Types, name: str
) -> Any:
    return host_func(store, function, func_type(params, results), name)


def make_memory(store: Store, min: int, max: int | None, is64: bool, page_size: int) -> Any:
    if page_size not in (1, 1 << 16):
        raise ValueError(f"a page has 1 or 65536 bytes, not {page_size}")
    shift = page_size.bit_length() - 1
    _check_limits(min, max)
    limits = WT.Limits(min, _most(max), is64, False, shift, shift != 16)
    return new_memory(store, WT.MemoryType(limits))


def make_table(store: Store, element: str | int, min: int, max: int | None, init: Any) -> Table:
    ty = value_type(element)
    if not WT.is_ref(ty):
        raise ValueError(f"a table has references, not {WT.type_name(ty)}")
    _check_limits(min, max)
    return new_table(store, WT.TableType(ty, WT.Limits(min, _most(max))), init)


def make_global(store: Store, type: str | int, value: Any, mutable: bool) -> Global:
    return new_global(store, WT.GlobalType(value_type(type), mutable), value)


def make_tag(store: Store, params: Types) -> Tag:
    return new_tag(store, func_type(params))


def _most(max: int | None) -> int:
    return WT.NO_MAX if max is None else max


def _check_limits(min: int, max: int | None) -> None:
    if min < 0 or (max is not None and max < min):
        raise ValueError(f"no sizes: {min} to {max}")
