"""The target of this machine: the one place outside `backend/<target>/` that names its folder.

`from grus.host.machine import stubs` gives that module of the target's folder, loaded when it is
asked for. The next target is another folder with the same modules, and a line here.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from grus.backend.x64 import abi, callables, listing, masm, stubs, unwind
    from grus.backend.x64.baseline import compile_baseline
    from grus.backend.x64.target import (
        FLAGS,
        ROWS_OF_SETTINGS,
        RULE_PREFIX,
        TARGET,
        disable_rules,
        optional_rules,
        rule_stats,
    )

__all__ = [
    "FLAGS",
    "ROWS_OF_SETTINGS",
    "RULE_PREFIX",
    "TARGET",
    "abi",
    "callables",
    "compile_baseline",
    "disable_rules",
    "listing",
    "masm",
    "optional_rules",
    "rule_stats",
    "stubs",
    "unwind",
]

_FOLDER: Final = "grus.backend.x64"
_PLACES: Final = {
    "FLAGS": "target",
    "ROWS_OF_SETTINGS": "target",
    "RULE_PREFIX": "target",
    "TARGET": "target",
    "compile_baseline": "baseline",
    "disable_rules": "target",
    "optional_rules": "target",
    "rule_stats": "target",
}
"""Names that are no modules, and the modules that have them."""


def __getattr__(name: str) -> Any:
    place = _PLACES.get(name)
    if place is not None:
        return getattr(import_module(f"{_FOLDER}.{place}"), name)
    if name in __all__:
        return import_module(f"{_FOLDER}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
