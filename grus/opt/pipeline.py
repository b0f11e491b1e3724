"""The optimizer: which passes run at which level, and in which order.

`PASSES` says of each pass what it needs and what it leaves true, `LEVELS` names passes in order;
`check_levels` compares the two. The levels are those of the setting `opt_level`, and "fast" for a
first tier that has little time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from grus.base.errors import GrusError
from grus.base.trace import run_pass
from grus.ir.function import Function
from grus.ir.printer import print_function
from grus.opt.passes import bounds, control, dce, gvn, induction, licm, memory, thread, unroll
from grus.opt.steps import STEPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# What may be true of a function between passes.
RESOLVED: Final = "resolved"  # no operand is an ALIAS
REACHABLE: Final = "reachable"  # every block can be reached
_BOTH: Final = frozenset((RESOLVED, REACHABLE))


class Pass:
    """A pass: `function(func, settings)`, what must be true before it, what still is after it, and
    what it makes true."""

    __slots__ = ("function", "makes", "name", "preserves", "requires")

    def __init__(
        self,
        name: str,
        function: Callable[[Function, Mapping[str, int]], None],
        requires: frozenset[str] = _BOTH,
        preserves: frozenset[str] = _BOTH,
        makes: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self.function = function
        self.requires = requires
        self.preserves = preserves
        self.makes = makes


class PipelineError(GrusError):
    """A list of passes that cannot run in its order, or an unknown level or pass."""


def _resolve(func: Function, settings: Mapping[str, int]) -> None:
    func.resolve_aliases()


def _control(func: Function, settings: Mapping[str, int]) -> None:
    control.run(func)


def _gvn(func: Function, settings: Mapping[str, int]) -> None:
    gvn.run(func, memory=bool(settings.get("enable_alias_analysis", 1)))


def _memory(func: Function, settings: Mapping[str, int]) -> None:
    gvn.run(func, simplify=False)


def _stores(func: Function, settings: Mapping[str, int]) -> None:
    if settings.get("enable_alias_analysis", 1):
        memory.remove_dead_stores(func)


def _bounds(func: Function, settings: Mapping[str, int]) -> None:
    if bounds.run(func):
        control.run(func)
        gvn.run(func, memory=bool(settings.get("enable_alias_analysis", 1)))


def _induction(func: Function, settings: Mapping[str, int]) -> None:
    induction.run(func)


def _licm(func: Function, settings: Mapping[str, int]) -> None:
    licm.run(func)


def _thread(func: Function, settings: Mapping[str, int]) -> None:
    if thread.run(func):
        control.run(func)


def _unroll(func: Function, settings: Mapping[str, int]) -> None:
    if unroll.run(func):
        control.run(func)
        gvn.run(func, memory=bool(settings.get("enable_alias_analysis", 1)))


def _dce(func: Function, settings: Mapping[str, int]) -> None:
    dce.run(func)


PASSES: Final[dict[str, Pass]] = {
    row.name: row
    for row in (
        Pass("resolve", _resolve, frozenset(), frozenset((REACHABLE,)), frozenset((RESOLVED,))),
        Pass("control", _control, frozenset((RESOLVED,)), makes=_BOTH),
        Pass("gvn", _gvn),
        Pass("memory", _memory),
        Pass("thread", _thread),
        Pass("dead_stores", _stores),
        Pass("induction", _induction),
        Pass("licm", _licm),
        Pass("bounds", _bounds),
        Pass("unroll", _unroll),
        Pass("dce", _dce),
    )
}
"""All passes by name."""

_SIZE: Final = (
    *("resolve", "control", "thread", "induction", "dead_stores", "gvn"),
    *("control", "dead_stores", "licm", "dce"),
)
LEVELS: Final[dict[str, tuple[str, ...]]] = {
    "none": (),
    "fast": ("resolve", "control", "gvn", "dce"),
    "speed": (*_SIZE[:-1], "bounds", "unroll", "dce"),
    "speed_and_size": _SIZE,
}
"""The passes of each level, in order."""


def check(names: Iterable[str]) -> None:
    """Raise PipelineError when a pass of a list is unknown or lacks what it requires."""
    true: frozenset[str] = frozenset()
    for name in names:
        row = PASSES.get(name)
        if row is None:
            raise PipelineError(f"there is no pass {name!r}")
        missing = row.requires - true
        if missing:
            raise PipelineError(f"pass {name} requires {', '.join(sorted(missing))}")
        true = (true & row.preserves) | row.makes


def optimize(func: Function, settings: Mapping[str, int], level: str) -> None:
    """Optimize a valid function in place. `settings` are values by name (`Settings.values`).

    Raises PipelineError for an unknown level.
    """
    names = LEVELS.get(level)
    if names is None:
        raise PipelineError(f"there is no level {level!r}")
    run_passes(func, settings, names)


def run_passes(
    func: Function,
    settings: Mapping[str, int],
    names: Iterable[str],
    after: Callable[[str], None] | None = None,
) -> None:
    """Run passes by name; `after` is called with the name of each when it is done."""
    for name in names:
        function = PASSES[name].function
        if STEPS.limit >= 0 and not STEPS.take(f"pass {name} of {func.name}"):
            return
        run_pass(name, lambda: function(func, settings), lambda: print_function(func))  # noqa: B023
        if after is not None:
            after(name)
