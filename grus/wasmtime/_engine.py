"""Engine and Store. They are those of Grus, with other methods in front."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from grus.base.errors import GrusError
from grus.engine import engine as native_engine
from grus.engine import store as native_store
from grus.wasmtime._config import Config
from grus.wasmtime._errors import WasmtimeError, wrapped

_Call = TypeVar("_Call", bound=Callable[..., Any])


def reports(method: _Call) -> _Call:
    """The method with errors of Grus raised as those of wasmtime."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except GrusError as error:
            raise wrapped(error) from None

    return call  # type: ignore[return-value]


class Engine(native_engine.Engine):
    """Settings, and what all modules of them share."""

    __slots__ = ("_epochs",)

    @reports
    def __init__(self, config: Config | None = None) -> None:
        if config is None:
            config = Config()
        elif not isinstance(config, Config):
            raise TypeError("expected Config")
        settings, self._epochs = config._consume()
        super().__init__(settings)

    def is_pulley(self) -> bool:
        """Whether code is interpreted: never."""
        return False

    def close(self) -> None:
        """Nothing: an Engine ends with its last user."""

    def _engine(self) -> Engine:
        return self

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Store(native_store.Store):
    """Where instances live. `data` is for the host's own use."""

    __slots__ = ("_data",)

    engine: Engine

    @reports
    def __init__(self, engine: Engine | None = None, data: Any = None) -> None:
        if engine is None:
            engine = Engine()
        elif not isinstance(engine, Engine):
            raise TypeError("expected an Engine")
        super().__init__(engine)
        self._data = data
        if engine._epochs:
            super().set_epoch_deadline(0)

    def _context(self) -> Store:
        """The Store. Raises ValueError when it was closed."""
        if self._state.closed:
            raise ValueError("already closed")
        return self

    def data(self) -> Any:
        """What the Store was made with."""
        return self._context()._data

    @reports
    def gc(self) -> None:
        """Release external references that nothing in the Store refers to."""
        super().gc()

    @reports
    def close(self) -> None:
        """End the Store."""
        super().close()

    @reports
    def set_fuel(self, fuel: int) -> None:
        """Set how many instructions wasm may execute. Raises WasmtimeError without fuel in the
        Config."""
        self._context()._need_fuel()
        super().set_fuel(fuel & (1 << 64) - 1)

    @reports
    def get_fuel(self) -> int:
        """The fuel that is left. Raises WasmtimeError without fuel in the Config."""
        self._context()._need_fuel()
        return super().get_fuel()

    def _need_fuel(self) -> None:
        if not self.engine.config.fuel:
            raise WasmtimeError("fuel is not configured in this store")

    @reports
    def set_epoch_deadline(self, ticks_after_current: int) -> None:
        """End wasm with a trap when the Engine's epoch has been incremented so many times."""
        self._context()
        if self.engine._epochs:
            super().set_epoch_deadline(ticks_after_current)

    def set_limits(  # type: ignore[override]
        self,
        memory_size: int = -1,
        table_elements: int = -1,
        instances: int = -1,
        tables: int = -1,
        memories: int = -1,
    ) -> None:
        """Limit bytes of a memory, elements of a table, and how many instances, tables and
        memories there may be; a negative number is no limit."""
        self._context()
        given = {
            "memory_size": memory_size,
            "table_elements": table_elements,
            "instances": instances,
            "tables": tables,
            "memories": memories,
        }
        super().set_limits(**{k: v if v >= 0 else None for k, v in given.items()})

    def set_wasi(self, wasi: Any) -> None:
        """Give programs of this Store what a WasiConfig says; it can be used once."""
        self._context().wasi = wasi._consume()

    def set_wasi_http(self) -> None:
        """There are no components here. Raises WasmtimeError."""
        raise WasmtimeError("wasi:http needs components, which Grus does not have")


class StoreContext:
    """What callbacks of components get instead of a Store; nothing here makes one."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store: Store | None = store

    def _context(self) -> Store:
        if self._store is None:
            raise ValueError("caller is no longer valid")
        return self._store._context()

    def _invalidate(self) -> None:
        self._store = None
