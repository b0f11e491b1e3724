"""The x86-64 target: its settings, and the record that the rest of the backend works with."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from types import ModuleType

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
from grus.opt.lang.cache import disabled_rules, load, made
from grus.opt.lang.terms import VAR, Rule, RuleError, RuleSet

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


def _sources() -> list[str]:
    here = os.path.dirname(os.path.realpath(__file__))
    return [os.path.join(here, name) for name in ("rules.py", "actions.py")]


def optional_rules() -> list[str]:
    """The lowering rules that others stand in for: that a CPU feature guards, or that a later rule
    of the same opcode covers which asks for nothing but types."""
    found: list[str] = []
    rules = _rules().rules
    for index, rule in enumerate(rules):
        if any([guard.name.startswith("has_") for guard in rule.guards]):
            found.append(rule.name)
            continue
        for later in rules[index + 1 :]:
            if later.left.op == rule.left.op and not later.guards and _covers(later, rule):
                found.append(rule.name)
                break
    return found


def _covers(general: Rule, rule: Rule) -> bool:
    """True when a rule of variables alone takes all types that another takes."""
    types = general.left.args[0].types
    if types is None or any([arg.kind != VAR for arg in general.left.args]):
        return False
    work = list(rule.left.args)
    while work:
        term = work.pop(0)
        if term.kind == VAR and term.types is not None:
            return term.types <= types
        work.extend(term.args)
    return False


def load_rules(disabled: frozenset[str] = frozenset()) -> ModuleType:
    """The compiled lowering rules, without the `disabled` ones. Raises RuleError for a name that no
    rule has, or of a rule that is needed."""
    if not disabled:
        return load("x64_rules", _sources, _rules, lowering=True)
    needed = disabled & {rule.name for rule in _rules().rules} - set(optional_rules())
    if needed:
        raise RuleError(f"nothing stands in for the lowering rule {sorted(needed)[0]}")
    return made(_rules().without(disabled), lowering=True)


def use_rules(module: ModuleType) -> None:
    """Lower with this result of `load_rules` from now on."""
    global MATCHERS
    MATCHERS = module
    actions.MATCHERS.clear()
    actions.MATCHERS.update(module.MATCHERS)


def disable_rules(names: Iterable[str]) -> None:
    """Lower without these rules, with or without `RULE_PREFIX`. Raises as `load_rules`."""
    use_rules(load_rules(frozenset([name.removeprefix(RULE_PREFIX) for name in names])))


RULE_PREFIX = "x64:"
"""Before names of lowering rules in `GRUS_DISABLE_RULES`."""
MATCHERS: ModuleType
disable_rules([name for name in disabled_rules() if name.startswith(RULE_PREFIX)])


def rule_stats() -> list[tuple[str, int]]:
    """Every lowering rule with its place, and how often it fired in this process."""
    return list(zip(MATCHERS.NAMES, MATCHERS.FIRED, strict=True))


class X64:
    """The target record. `backend/target.py` says what its members are for."""

    __slots__ = ("is_move", "name", "pointer_bytes")

    def __init__(self) -> None:
        self.name = "x86_64"
        self.pointer_bytes = 8
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
        return emitter.run(output)


TARGET = X64()
