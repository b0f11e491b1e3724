"""What translation needs to know of a module beyond the module itself. Does not need the IR."""

from __future__ import annotations

from grus.engine.layout import InstanceLayout
from grus.wasm import types as WT
from grus.wasm.module import ACTIVE, Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


GUARDED: Final = 0  # index + offset cannot leave the reservation
CHECKED: Final = 1  # compare with the length


def describe(
    module: Module,
    guards: bool,
    fuel: bool,
    repeat_entries: bool,
    count_changes: bool,
    naive: bool = False,
    num_segments: int = -1,
) -> ModuleInfo:
    """What translation needs, of a module and settings of its Engine. `num_segments` is as in
    InstanceLayout, for a module that was decoded without its data."""
    if num_segments < 0:
        segments = module.data_segments
        num_segments = len(segments) if any([s.mode != ACTIVE for s in segments]) else 0
    instance = InstanceLayout(
        module.num_imported_funcs,
        len(module.funcs),
        len(module.tables),
        len(module.memories),
        module.num_imported_globals,
        len(module.globals),
        num_segments,
    )
    modes = [GUARDED if guards and is_guarded(m.type) else CHECKED for m in module.memories]
    return ModuleInfo(module, instance, modes, fuel, repeat_entries, count_changes, naive)


def is_guarded(type: WT.MemoryType) -> bool:
    """Whether a memory of this type needs no bounds checks in compiled code, with guards."""
    return not type.limits.is64 and type.limits.page_size_log2 == 16


class ModuleInfo:
    """A module with its instance's layout, one of GUARDED and CHECKED for each memory, whether
    instructions are counted as fuel, `Config.gc_repeat`, `Config.gc_count` and whether every local
    owns a count (`translate/naive.py`)."""

    __slots__ = (
        "count_changes",
        "fuel",
        "layout",
        "memory_modes",
        "module",
        "naive",
        "repeat_entries",
        "signatures",
        "_elements",
    )

    def __init__(
        self,
        module: Module,
        instance: InstanceLayout,
        memory_modes: list[int],
        fuel: bool = False,
        repeat_entries: bool = False,
        count_changes: bool = False,
        naive: bool = False,
    ) -> None:
        self.module = module
        self.fuel = fuel
        self.repeat_entries = repeat_entries
        self.count_changes = count_changes
        self.naive = naive
        self.layout = instance
        self._elements: dict[int, dict[int, int]] = {}
        self.memory_modes = memory_modes
        self.signatures = [
            s.composite if isinstance(s.composite, WT.FuncType) else None for s in module.types
        ]

    def constant_element(self, table: int, index: int) -> int:
        """The function that an element of a table always is, -1 when that is not known."""
        known = self._elements.get(table)
        if known is None:
            from grus.engine.translate.elements import constant_elements

            known = self._elements[table] = constant_elements(self.module, table)
        return known.get(index, -1)

    def func_type(self, type_index: int) -> WT.FuncType:
        ty = self.signatures[type_index]
        assert ty is not None
        return ty
