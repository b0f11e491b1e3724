"""Config: settings that can be written, not read."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from grus.engine import config as native
from grus.wasm import features as F
from grus.wasmtime._errors import WasmtimeError
from grus.wasmtime._managed import Managed

_DEFAULT: Final = F.ALL.bits & ~F.CUSTOM_PAGE_SIZES
_FEATURES: Final = {
    "wasm_threads": F.THREADS,
    "wasm_tail_call": F.TAIL_CALL,
    "wasm_reference_types": F.REFERENCE_TYPES,
    "wasm_simd": F.SIMD,
    "wasm_bulk_memory": F.BULK_MEMORY,
    "wasm_multi_value": F.MULTI_VALUE,
    "wasm_multi_memory": F.MULTI_MEMORY,
    "wasm_memory64": F.MEMORY64,
    "wasm_relaxed_simd": F.RELAXED_SIMD,
    "wasm_exceptions": F.EXCEPTIONS,
    "wasm_function_references": F.FUNCTION_REFERENCES,
    "wasm_gc": F.GC,
    "wasm_wide_arithmetic": F.WIDE_ARITHMETIC,
    "wasm_custom_page_sizes": F.CUSTOM_PAGE_SIZES,
}
_TARGETS: Final = ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl", "x86_64-linux-gnu")


def _setter(check: Callable[[Config, Any], None], doc: str) -> property:
    def write(self: Config, value: Any) -> None:
        self._check_open()
        check(self, value)

    return property(fset=write, doc=f"{doc}\n\nIt can be set, not read.")


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("expected a bool")
    return value


def _feature(name: str) -> property:
    bit = _FEATURES[name]

    def check(self: Config, value: Any) -> None:
        self._features = self._features | bit if _bool(value) else self._features & ~bit

    return _setter(check, "Whether modules may use this proposal.")


def _ignored(type: type, doc: str) -> property:
    """A setting of something that Grus has not, or always does."""

    def check(self: Config, value: Any) -> None:
        if not isinstance(value, type):
            raise TypeError(f"expected a {type.__name__}")

    return _setter(check, doc)


def _choice(what: str, choices: tuple[str, ...], setting: str = "") -> property:
    def check(self: Config, value: Any) -> None:
        if value not in choices:
            raise WasmtimeError(f"unknown {what}: {value}")
        if setting:
            self._settings[setting] = value

    return _setter(check, f"One of {', '.join(choices)}.")


def _set_stack(self: Config, value: Any) -> None:
    if not isinstance(value, int):
        raise TypeError("expected an int")
    self._settings["max_wasm_stack"] = value


def _set_verifier(self: Config, value: Any) -> None:
    self._settings["verify"] = _bool(value)


def _set_fuel(self: Config, value: Any) -> None:
    self._settings["fuel"] = _bool(value)


def _set_epochs(self: Config, value: Any) -> None:
    self._epochs = bool(value)


def _set_cache(self: Config, value: Any) -> None:
    if isinstance(value, bool):
        if not value:
            raise WasmtimeError("caching cannot be explicitly disabled")
    elif not isinstance(value, str):
        raise TypeError("expected string or bool")
    elif not os.path.isfile(value):
        raise WasmtimeError(f"failed to read cache configuration {value!r}")


def _set_target(self: Config, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError("expected a str")
    if value not in _TARGETS:
        raise WasmtimeError(f"target {value!r} is not supported; Grus makes code for x86-64 Linux")


class Config(Managed):
    """How an Engine compiles and runs. An Engine takes it over: it can be used once."""

    __slots__ = ("_epochs", "_features", "_settings")

    def __init__(self) -> None:
        self._features = _DEFAULT
        self._settings: dict[str, Any] = {}
        self._epochs = False

    wasm_threads = _feature("wasm_threads")
    wasm_tail_call = _feature("wasm_tail_call")
    wasm_reference_types = _feature("wasm_reference_types")
    wasm_simd = _feature("wasm_simd")
    wasm_bulk_memory = _feature("wasm_bulk_memory")
    wasm_multi_value = _feature("wasm_multi_value")
    wasm_multi_memory = _feature("wasm_multi_memory")
    wasm_memory64 = _feature("wasm_memory64")
    wasm_relaxed_simd = _feature("wasm_relaxed_simd")
    wasm_exceptions = _feature("wasm_exceptions")
    wasm_function_references = _feature("wasm_function_references")
    wasm_gc = _feature("wasm_gc")
    wasm_wide_arithmetic = _feature("wasm_wide_arithmetic")
    wasm_custom_page_sizes = _feature("wasm_custom_page_sizes")
    wasm_relaxed_simd_deterministic = _ignored(bool, "Relaxed SIMD is always deterministic here.")
    wasm_component_model = _ignored(bool, "There are no components here.")
    wasm_component_model_map = _ignored(bool, "There are no components here.")
    wasm_stack_switching = _ignored(bool, "There is no stack switching here.")
    shared_memory = _ignored(bool, "Shared memories can always be made.")
    gc_support = _ignored(bool, "There is no garbage collection to switch off.")

    consume_fuel = _setter(_set_fuel, "Whether instructions are counted as fuel.")
    epoch_interruption = _setter(_set_epochs, "Whether wasm ends at its Store's epoch deadline.")
    max_wasm_stack = _setter(_set_stack, "Bytes of stack for wasm.")

    strategy = _choice("strategy", ("auto", "cranelift"))
    cranelift_opt_level = _choice("opt level", ("none", "speed", "speed_and_size"), "opt_level")
    profiler = _choice("profiler", ("none", "jitdump", "vtune", "perfmap"))
    cranelift_debug_verifier = _setter(_set_verifier, "Whether the IR is verified.")
    cranelift_nan_canonicalization = _ignored(bool, "NaNs are as the processor makes them.")
    debug_info = _ignored(bool, "There is no debug information here.")
    native_unwind_info = _ignored(bool, "There is no unwind information here.")
    parallel_compilation = _ignored(bool, "Functions are compiled one after another.")
    cache = _setter(_set_cache, "True, or the path of a configuration file of Wasmtime's cache.")
    target = _setter(_set_target, "The triple of the machine: the host's.")

    memory_may_move = _ignored(bool, "Memories never move here.")
    memory_reservation = _ignored(int, "Grus chooses the reservation.")
    memory_guard_size = _ignored(int, "Grus chooses the guards.")
    memory_reservation_for_growth = _ignored(int, "Memories never move here.")
    memory_init_cow = _ignored(bool, "Data segments are copied here.")
    signals_based_traps = _ignored(bool, "Only memory faults are found by signals here.")
    macos_use_mach_ports = _ignored(bool, "This is no macOS.")

    def cranelift_flag_enable(self, flag: str) -> None:
        """Checked and left alone: CPU features are those of this machine."""
        self.cranelift_flag_set(flag, "true")

    def cranelift_flag_set(self, key: str, value: str) -> None:
        """Checked and left alone: CPU features are those of this machine."""
        self._check_open()
        if not isinstance(key, str):
            raise TypeError("expected a str for key")
        if not isinstance(value, str):
            raise TypeError("expected a str for value")

    def _consume(self) -> tuple[native.Config, bool]:
        """The settings, and whether there are epochs; the Config is closed after it."""
        self._check_open()
        self.close()
        return native.Config(features=F.Features(self._features), **self._settings), self._epochs
