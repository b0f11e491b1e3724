"""Objects made by the host: the methods of Store that make them, and types from their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args, get_origin

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


_ANNOTATIONS: dict[object, int] = {
    **{name: ty for names in (WT.NUMBER_NAMES, WT.REF_NAMES) for name, ty in names.items()},
    **{int: WT.I32, "int": WT.I32, float: WT.F64, "float": WT.F64},
    **{object: WT.EXTERNREF, "object": WT.EXTERNREF, Any: WT.EXTERNREF, "Any": WT.EXTERNREF},
}


def annotated_type(function: Callable[..., Any]) -> WT.FuncType:
    """The type of a function from its annotations: `int` is i32, `float` f64, `object` externref,
    and a string with the name of a type is that type; several results are a tuple, `tuple[int,
    float]` or `"tuple[i64, f64]"`. Raises TypeError where one is missing or is no type of wasm.
    """
    import inspect

    name = getattr(function, "__name__", repr(function))
    try:
        signature = inspect.signature(function)
    except ValueError:
        raise TypeError(f"{name}() has no signature to read: give its types") from None
    params = []
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.default is parameter.empty or parameter.annotation is not parameter.empty:
            what = f"parameter {parameter.name!r}"
            if parameter.annotation is parameter.empty:
                raise TypeError(f"{what} of {name}() has no annotation: give its types")
            params.append(_annotation(parameter.annotation, what, name))
    returned = signature.return_annotation
    if returned is signature.empty or returned is None or returned == "None":
        return WT.FuncType(tuple(params), ())
    if isinstance(returned, str) and returned.startswith("tuple[") and returned.endswith("]"):
        parts: tuple[object, ...] = tuple(part.strip() for part in returned[6:-1].split(","))
    elif get_origin(returned) is tuple:
        parts = get_args(returned)
    else:
        parts = (returned,)
    return WT.FuncType(tuple(params), tuple(_annotation(part, "result", name) for part in parts))


def _annotation(annotation: object, what: str, name: str) -> int:
    if isinstance(annotation, str):
        annotation = annotation.strip("\"'")
    try:
        return _ANNOTATIONS[annotation]
    except (KeyError, TypeError):
        raise TypeError(f"{what} of {name}(): {annotation!r} is no type of wasm") from None


def func_type(params: Types = "", results: Types = "") -> WT.FuncType:
    """The type of a function: `func_type("i32 i32", "i64")`. Raises ValueError."""
    return WT.FuncType(value_types(params), value_types(results))


def make_func(
    store: Store,
    function: Callable[..., Any],
    params: Types | None,
    results: Types | None,
    name: str,
) -> Any:
    if params is None and results is None:
        type = annotated_type(function)
    else:
        type = func_type(params or "", results or "")
    return host_func(store, function, type, name)


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
