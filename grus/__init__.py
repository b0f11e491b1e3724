"""Grus: a code generator and WebAssembly engine in Python that makes real machine code.

    module = grus.Module(wat_or_wasm)
    instance = grus.Instance(module, {"env": {"log": print}})
    instance.exports.add(1, 2)

Names are loaded when first used, so that `import grus` costs nothing.
"""

from __future__ import annotations

import time

LOADED = time.time()
"""When this process began to load Grus."""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from grus.base.build import BuildInfo, build_info
    from grus.base.errors import GrusError, Unsupported
    from grus.engine.config import Config
    from grus.engine.engine import Engine
    from grus.engine.errors import (
        Frame,
        LinkError,
        OutOfFuel,
        ResourceLimit,
        StoreBusy,
        StoreClosed,
        Timeout,
        Trap,
    )
    from grus.engine.func import Caller, Func, HostFunction
    from grus.engine.global_ import Global
    from grus.engine.instance import Instance
    from grus.engine.linker import Linker
    from grus.engine.make import func_type
    from grus.engine.memory import Memory, SharedMemory
    from grus.engine.module import Module
    from grus.engine.module_code import TierStats
    from grus.engine.refs import ExternRef, GcStats
    from grus.engine.store import Store
    from grus.engine.table import Table
    from grus.engine.tag import Tag
    from grus.link.jit import JITModule
    from grus.link.object.module import ObjectModule
    from grus.run_api import run
    from grus.wasi.config import WasiConfig
    from grus.wasi.errors import ExitStatus
    from grus.wasi.program import Wasi

_HOMES = {
    "BuildInfo": "base.build",
    "Caller": "engine.func",
    "Config": "engine.config",
    "HostFunction": "engine.func",
    "Linker": "engine.linker",
    "build_info": "base.build",
    "func_type": "engine.make",
    "ResourceLimit": "engine.errors",
    "SharedMemory": "engine.memory",
    "Tag": "engine.tag",
    "ExitStatus": "wasi.errors",
    "GrusError": "base.errors",
    "Unsupported": "base.errors",
    "Engine": "engine.engine",
    "ExternRef": "engine.refs",
    "GcStats": "engine.refs",
    "TierStats": "engine.module_code",
    "Frame": "engine.errors",
    "LinkError": "engine.errors",
    "OutOfFuel": "engine.errors",
    "StoreBusy": "engine.errors",
    "StoreClosed": "engine.errors",
    "Timeout": "engine.errors",
    "Trap": "engine.errors",
    "Func": "engine.func",
    "Global": "engine.global_",
    "Instance": "engine.instance",
    "JITModule": "link.jit",
    "Memory": "engine.memory",
    "Module": "engine.module",
    "ObjectModule": "link.object.module",
    "Store": "engine.store",
    "Table": "engine.table",
    "Wasi": "wasi.program",
    "WasiConfig": "wasi.config",
    "run": "run_api",
}

__all__ = [
    "BuildInfo",
    "Caller",
    "Config",
    "Engine",
    "ExitStatus",
    "ExternRef",
    "Frame",
    "Func",
    "GcStats",
    "Global",
    "GrusError",
    "HostFunction",
    "Instance",
    "JITModule",
    "LinkError",
    "Linker",
    "Memory",
    "Module",
    "ObjectModule",
    "OutOfFuel",
    "ResourceLimit",
    "SharedMemory",
    "Store",
    "StoreBusy",
    "StoreClosed",
    "Table",
    "Tag",
    "TierStats",
    "Timeout",
    "Trap",
    "Unsupported",
    "Wasi",
    "WasiConfig",
    "build_info",
    "func_type",
    "run",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'grus' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"grus.{home}"), name)
    globals()[name] = value
    return value
