"""The Engine: settings and canonical types shared by modules and stores."""

from __future__ import annotations

from array import array

from grus.host import libc
from grus.host.runtime import runtime
from grus.wasm import types as WT
from grus.wasm.features import DEFAULT, Features


class Engine:
    """Settings of compilation, and one numbering of types for every module of it.

    `compiler` is "full" or "baseline" (no register allocation: slow code, quickly); `opt_level` is
    "none", "speed" or "speed_and_size"; `regalloc` is "backtracking" or "single_pass"; `verify`
    checks the IR of every function and every register allocation. `guards` says whether memories
    are reserved with guards or every access is checked; None tries it once. Raises HostError where
    machine code cannot run.
    """

    __slots__ = ("compiler", "features", "guards", "opt_level", "regalloc", "types", "verify")

    def __init__(
        self,
        *,
        features: Features | None = None,
        compiler: str = "full",
        opt_level: str = "speed",
        regalloc: str = "backtracking",
        verify: bool = False,
        guards: bool | None = None,
    ) -> None:
        runtime()
        if guards is None:
            from grus.engine.memory import guards_fit

            guards = guards_fit()
        self.guards = guards
        self.features = features if features is not None else DEFAULT
        self.compiler = compiler
        self.opt_level = opt_level
        self.regalloc = regalloc
        self.verify = verify
        self.types = WT.TypeTable()

    def func_type_id(self, type: WT.FuncType) -> int:
        """Canonical number of a function type whose references are canonical."""
        sub = WT.SubType(type, True, ())
        return self.types.add_group([sub], list(range(len(self.types.defs))))

    def type_ids(self, types: list[WT.SubType], groups: list[WT.RecGroup]) -> list[int]:
        """Canonical numbers of a module's types."""
        ids: list[int] = []
        for group in groups:
            first = self.types.add_group(types[group.start : group.start + group.count], ids)
            ids.extend(range(first, first + group.count))
        return ids


def type_array(ids: list[int]) -> array[int]:
    """The `types` table of an instance context."""
    return libc.words(ids or 1)


_default: Engine | None = None


def default_engine() -> Engine:
    """The Engine of those who name none."""
    global _default
    if _default is None:
        _default = Engine()
    return _default
