"""The rule set of the simplifier, and the list of its files in the order of trial."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from grus.opt.lang.terms import RuleError, RuleSet, Term
from grus.opt.rules import functions

Parts = tuple[Term, ...]
Op = Callable[..., Term]
RULES: Final = RuleSet(
    "simplify",
    frozenset(functions.FUNCTIONS),
    frozenset(functions.GUARDS),
    "grus.opt.simplify.Simplifier",
)
rule = RULES.rule
by = RULES.by
each = RULES.each
as_written = RULES.as_written

FILES: Final = (
    *("extend", "arithmetic", "shifts", "division", "bitwise"),
    *("three_way", "compare", "select", "float", "vector"),
)


def all_rules() -> RuleSet:
    """The set with the rules of every file."""
    for name in FILES:
        importlib.import_module(f"grus.opt.rules.{name}")
    return RULES


def without(disabled: frozenset[str]) -> RuleSet:
    """A copy of the set that lacks some rules. Raises RuleError for a name that no rule has."""
    unknown = disabled - {rule.name for rule in all_rules().rules}
    if unknown:
        raise RuleError(f"no such rule: {', '.join(sorted(unknown))}")
    rest = RuleSet(RULES.name, RULES.actions, RULES.guards, RULES.subject)
    rest.rules = [rule for rule in RULES.rules if rule.name not in disabled]
    return rest


def sources() -> list[Path]:
    """The files that the rules are made of."""
    here = Path(__file__).resolve().parent
    return [here / f"{name}.py" for name in ("base", "functions", *FILES)]
