"""What a target is to the rest of the backend: one record.

Nothing outside `backend/<target>/` names a register, an instruction or a lowering rule of it.
"""

from __future__ import annotations

from typing import Any, Protocol

from grus.backend.emit import CompiledFunction
from grus.backend.lower import Context
from grus.backend.regalloc.types import Func, Machine, Output
from grus.backend.settings import Settings
from grus.backend.vcode import VCode
from grus.ir.function import Function


class Target(Protocol):
    """A machine. `is_move[row]` tells instructions that only copy."""

    name: str
    pointer_bytes: int
    is_move: list[bool]

    def settings(self) -> Settings:
        """Default settings with the target's own rows."""

    def machine(self, func: Function, settings: Settings) -> Machine:
        """The registers that `func` may use."""

    def lowering(self, func: Function, settings: Settings, context: Context) -> Any:
        """The `lower.Lowering` of one function."""

    def emit(
        self,
        func: Function,
        lowering: Any,
        vcode: VCode,
        flat: Func,
        output: Output,
        machine: Machine,
        settings: Settings,
    ) -> CompiledFunction:
        """Bytes and tables of a function whose registers are allocated."""
