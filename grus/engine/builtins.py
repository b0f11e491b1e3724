"""Functions that wasm code calls in the runtime, one row each.

They are called like host functions, through `VMStore.builtins`: an array of (code, instance)
pairs. The first parameter is the address of the calling instance's context; addresses and
references are i64. The implementations are functions of the same name in `engine/instance.py`.

Rows of LIBRARY are functions of the C library, called as such: no Python, nothing is collected.
"""

from __future__ import annotations

from grus.base.layout import HOST_FUNC
from grus.host import libc
from grus.host.runtime import runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Builtin:
    """One row. `params` and `results` are letters of thunks (i i32, l i64)."""

    __slots__ = ("doc", "name", "number", "params", "results")

    def __init__(self, number: int, name: str, params: str, results: str, doc: str) -> None:
        self.number = number
        self.name = name
        self.params = params
        self.results = results
        self.doc = doc


_ROWS: Final = (
    ("memory_grow", "lil", "l", "memory index, delta in pages: old size in pages or -1"),
    ("memory_init", "liilll", "", "memory index, segment, destination, source, count"),
    ("data_drop", "li", "", "segment"),
    ("memory_fill", "lilil", "", "memory index, destination, value, count"),
    ("memory_copy", "liilll", "", "destination memory, source memory, destination, source, count"),
    ("table_grow", "lill", "l", "table index, initial reference, delta: old size or -1"),
    ("table_fill", "lilll", "", "table index, start, reference, count"),
    ("table_copy", "liilll", "", "destination table, source table, destination, source, count"),
    ("table_init", "liilll", "", "table index, segment, destination, source, count"),
    ("elem_drop", "li", "", "segment"),
    ("ref_func", "li", "l", "function index: its funcref"),
    ("ref_insert", "ll", "", "external reference, when the activations table is full: collect"),
    ("ref_dead_list", "ll", "", "the same of several, linked by their headers' `spare`"),
    ("ref_dead", "ll", "", "external reference whose count has become zero"),
    ("atomic_notify", "lilli", "i", "memory index, address, offset, count: how many were woken"),
    ("atomic_wait", "lilllli", "i", "memory index, address, offset, expected, nanoseconds, size"),
    ("is_subtype", "lll", "i", "canonical type, canonical type: 1 if the first is below"),
)
BUILTINS: Final[dict[str, Builtin]] = {
    name: Builtin(number, name, params, results, doc)
    for number, (name, params, results, doc) in enumerate(_ROWS)
}


LIBRARY: Final[dict[str, Builtin]] = {
    "memmove": Builtin(len(_ROWS), "memmove", "lll", "", "destination, source, bytes"),
    "memset": Builtin(len(_ROWS) + 1, "memset", "lil", "", "destination, value, bytes"),
}


def builtin_table() -> int:
    """Address of the builtin table, the same for all stores; made at the first call."""
    global _table
    if not _table:
        _table = _make_table()
    return _table


_table = 0
_kept: list[object] = []


def _make_table() -> int:
    from grus.engine import instance

    native = runtime()
    pairs = 16 * (len(BUILTINS) + len(LIBRARY))
    table = libc.map_pages(pairs + HOST_FUNC.size * len(BUILTINS))
    for row in BUILTINS.values():
        function = getattr(instance, "builtin_" + row.name)
        at = table + pairs + HOST_FUNC.size * row.number
        libc.poke(at + HOST_FUNC["callable"], id(function))
        libc.poke(at + HOST_FUNC["convert"], id(_refuse))
        libc.poke(table + 16 * row.number, native.host_thunk(row.params, row.results))
        libc.poke(table + 16 * row.number + 8, at)
        _kept.append(function)
    for row in LIBRARY.values():
        libc.poke(table + 16 * row.number, libc.symbol(row.name))
    return table


def _refuse(result: object) -> None:
    raise TypeError(f"a builtin returned {result!r}")
