"""A drop-in for the package `wasmtime` (wasmtime-py 46.0.1) on top of Grus.

    import grus.wasmtime as wasmtime

The core API: everything but `wasmtime.component`. What differs is in docs/wasmtime.md.
"""

from __future__ import annotations

from grus.wasmtime._config import Config
from grus.wasmtime._engine import Engine, Store, StoreContext
from grus.wasmtime._errors import ExitTrap, Frame, Trap, TrapCode, WasmtimeError
from grus.wasmtime._externs import (
    Caller,
    Func,
    Global,
    Memory,
    SharedMemory,
    Storelike,
    Table,
    Tag,
)
from grus.wasmtime._instance import Instance, InstancePre
from grus.wasmtime._linker import Linker
from grus.wasmtime._managed import Managed
from grus.wasmtime._module import Module, wat2wasm
from grus.wasmtime._types import (
    ExportType,
    FuncType,
    GlobalType,
    ImportType,
    Limits,
    MemoryType,
    TableType,
    TagType,
    ValType,
)
from grus.wasmtime._value import Val
from grus.wasmtime._wasi import DirPerms, FilePerms, WasiConfig

__all__ = [
    "Caller",
    "Config",
    "DirPerms",
    "Engine",
    "ExitTrap",
    "ExportType",
    "FilePerms",
    "Frame",
    "Func",
    "FuncType",
    "Global",
    "GlobalType",
    "ImportType",
    "Instance",
    "InstancePre",
    "Limits",
    "Linker",
    "Managed",
    "Memory",
    "MemoryType",
    "Module",
    "SharedMemory",
    "Store",
    "StoreContext",
    "Storelike",
    "Table",
    "TableType",
    "Tag",
    "TagType",
    "Trap",
    "TrapCode",
    "Val",
    "ValType",
    "WasiConfig",
    "WasmtimeError",
    "wat2wasm",
]
