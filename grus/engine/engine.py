"""The Engine: settings and canonical types shared by modules and stores."""

from __future__ import annotations

from array import array

from grus.base.errors import expect
from grus.engine.config import CodeSettings, Config
from grus.host import libc
from grus.host.runtime import runtime
from grus.wasm import types as WT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from grus.engine.cache import Cache
    from grus.engine.store import StoreState


class Engine:
    """Settings of compilation, and one numbering of types for every module of it.

    `Engine(config)`, or settings by name: `Engine(opt_level="none")`. Raises HostError where
    machine code cannot run, and what `Config` raises.
    """

    __slots__ = (
        "_func_ids",
        "cache",
        "code_key",
        "compiler",
        "config",
        "epoch",
        "features",
        "guards",
        "opt_level",
        "regalloc",
        "states",
        "tier",
        "types",
        "verify",
    )

    def __init__(self, config: Config | None = None, **settings: Any) -> None:
        if config is None:
            config = Config()
        expect(config, Config, "config")
        if settings:
            config = config.replace(**settings)
        runtime()
        guards = config.guards
        if guards is None:
            from grus.engine.memory import guards_fit

            guards = guards_fit()
        self.config = config
        self.guards = guards
        self.features = config.features
        self.compiler = config.compiler
        self.opt_level = config.opt_level
        self.regalloc = config.regalloc
        self.verify = config.verify
        self.cache: Cache | None = None
        if config.cache is not False:
            from grus.engine.cache import Cache, default_path

            path = default_path() if config.cache is True else config.cache
            self.cache = Cache(path) if path else None
        self.code_key: bytes | None = None  # made by `serialize.code_key`
        self.tier = config.tier
        self.types = WT.TypeTable()
        self._func_ids: dict[WT.FuncType, int] = {}
        self.epoch = 0
        self.states: dict[int, StoreState] = {}  # of the Stores that have an epoch deadline

    def __repr__(self) -> str:
        return f"<grus.Engine {self.config!r}>"

    def __reduce__(self) -> tuple[object, ...]:
        return engine_of, (self.config,)

    def code_settings(self) -> CodeSettings:
        """What code of this Engine depends on."""
        from grus.host import cpu

        features = tuple(sorted(cpu.features()))
        config = self.config
        inlining = config.inlining and not config.fuel and config.collector != "naive"
        return CodeSettings(
            self.compiler,
            self.opt_level,
            self.regalloc,
            self.verify,
            features,
            config.spectre,
            inlining and self.compiler == "full" and self.opt_level != "none",
        )

    def increment_epoch(self) -> None:
        """Let an epoch pass: wasm of Stores whose deadline is reached ends with a Trap.

        May be called from any thread and from signal handlers.
        """
        self.epoch += 1
        for state in tuple(self.states.values()):
            if self.epoch >= state.epoch_deadline:
                state.ask()

    def func_type_id(self, type: WT.FuncType) -> int:
        """Canonical number of a function type whose references are canonical."""
        known = self._func_ids.get(type)
        if known is None:
            sub = WT.SubType(type, True, ())
            known = self.types.add_group([sub], list(range(len(self.types.defs))))
            self._func_ids[type] = known
        return known

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
_engines: dict[Config, Engine] = {}


def default_engine() -> Engine:
    """The Engine of those who name none."""
    global _default
    if _default is None:
        _default = Engine()
    return _default


def engine_of(config: Config) -> Engine:
    """The Engine of unpickled modules with these settings: one a process, the default one if it has
    them."""
    default = default_engine()
    if config == default.config:
        return default
    found = _engines.get(config)
    if found is None:
        found = _engines[config] = Engine(config)
    return found
