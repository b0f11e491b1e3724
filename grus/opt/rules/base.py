"""The rule set of the simplifier, and the list of its files in the order of trial."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Final

from grus.opt.lang.terms import RuleSet, Term
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
    return all_rules().without(disabled)


def sources() -> list[str]:
    """The files that the rules are made of."""
    here = os.path.dirname(os.path.realpath(__file__))
    return [os.path.join(here, f"{name}.py") for name in ("base", "functions", *FILES)]
