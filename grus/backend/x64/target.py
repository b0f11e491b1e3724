"""The x86-64 target: its settings, and the record that the rest of the backend works with."""

from __future__ import annotations

import importlib
from pathlib import Path

from grus.backend.emit import CompiledFunction
from grus.backend.lower import Context
from grus.backend.regalloc.types import Func, Machine, Output
from grus.backend.settings import Setting, Settings
from grus.backend.vcode import VCode
from grus.backend.x64 import abi, actions, pseudo
from grus.backend.x64 import convert as _convert  # fills the handlers  # noqa: F401
from grus.backend.x64 import opcodes as _opcodes  # the same  # noqa: F401
from grus.backend.x64.actions import RuleLowering
from grus.backend.x64.emit import Emitter
from grus.backend.x64.lower import X64Lower
from grus.backend.x64.rows import ROWS
from grus.ir.function import Function
from grus.opt.lang.cache import load
from grus.opt.lang.terms import RuleSet

FLAGS = (
    *("sse3", "ssse3", "cmpxchg16b", "sse41", "sse42", "avx", "avx2", "fma", "avx_vnni"),
    *("avx512bitalg", "avx512dq", "avx512vl", "avx512vbmi", "avx512f", "avx512vnni"),
    *("popcnt", "bmi1", "bmi2", "lzcnt"),
)
ROWS_OF_SETTINGS = tuple(
    Setting(f"has_{name}", 0, f"The CPU has {name.upper()}.") for name in FLAGS
)
_V2 = ("sse3", "ssse3", "cmpxchg16b", "sse41", "sse42", "popcnt")
_V3 = (*_V2, "avx", "avx2", "bmi1", "bmi2", "lzcnt", "fma")
_V4 = (*_V3, "avx512dq", "avx512vl", "avx512f")


def _preset(*names: str) -> tuple[str, ...]:
    return tuple([f"has_{name}" for name in names])


PRESETS: dict[str, tuple[str, ...]] = {
    **{name: _preset(name) for name in FLAGS},
    "sse42": _preset(*_V2[:5]),
    "baseline": (),
    "x86-64": (),
    "x86-64-v2": _preset(*_V2),
    "x86-64-v3": _preset(*_V3),
    "x86-64-v4": _preset(*_V4),
    "nehalem": _preset(*_V2),
    "sandybridge": _preset(*_V2, "avx"),
    "haswell": _preset(*_V3),
    "skylake": _preset(*_V3),
    "znver1": _preset(*_V3),
}


def _rules() -> RuleSet:
    rules: RuleSet = importlib.import_module("grus.backend.x64.rules").RULES
    return rules


_HERE = Path(__file__).resolve().parent
MATCHERS = load("x64_rules", [_HERE / "rules.py", _HERE / "actions.py"], _rules, lowering=True)
actions.MATCHERS.update(MATCHERS.MATCHERS)


def rule_stats() -> list[tuple[str, int]]:
    """Every lowering rule with its place, and how often it fired in this process."""
    return list(zip(MATCHERS.NAMES, MATCHERS.FIRED, strict=True))


class X64:
    """The target record. `backend/target.py` says what its members are for."""

    __slots__ = ("is_move", "listing", "name", "pointer_bytes")

    def __init__(self) -> None:
        self.name = "x86_64"
        self.pointer_bytes = 8
        self.listing: list[str] | None = None  # when set: gets the assembly of what is compiled
        # Indexed by row; pseudo instructions count from the end.
        moves = [False] * (len(ROWS) + 32)
        moves[pseudo.MOVE_INT] = True
        moves[pseudo.MOVE_FLOAT] = True
        self.is_move = moves

    def settings(self) -> Settings:
        """Default settings with this target's rows."""
        return Settings(ROWS_OF_SETTINGS, PRESETS)

    def machine(self, func: Function, settings: Settings) -> Machine:
        """The registers that `func` may use."""
        return abi.machine(func.sig.call_conv, bool(settings.values["enable_pinned_reg"]))

    def lowering(self, func: Function, settings: Settings, context: Context) -> X64Lower:
        """The lowering of one function."""
        return RuleLowering(func, settings, context)

    def emit(
        self,
        func: Function,
        lowering: X64Lower,
        vcode: VCode,
        flat: Func,
        output: Output,
        machine: Machine,
        settings: Settings,
    ) -> CompiledFunction:
        """Bytes and tables of a function whose registers are allocated."""
        emitter = Emitter(func, lowering, vcode, flat, output, machine.callee_saved, settings)
        if self.listing is not None:
            emitter.listing = self.listing
            self.listing.append(f"{func.name}:")
        return emitter.run(output)


TARGET = X64()
