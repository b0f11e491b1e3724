"""The rule language, and the lowering rules: each fires in a golden file."""

from __future__ import annotations

from pathlib import Path

import pytest

from grus.backend.x64.target import rule_stats
from grus.ir import opcodes as ops
from grus.opt.lang.ir import iadd, iconst, isub
from grus.opt.lang.matcher import leaves, source
from grus.opt.lang.terms import I32, Any, Imm, Narrow, RuleError, RuleSet, Term, do, when
from grus.testing import filetest

GOLDENS = Path(__file__).resolve().parent.parent / "clif" / "x64"


def rule_set() -> RuleSet:
    return RuleSet("test", frozenset(("make",)), frozenset(("small",)))


def test_goldens() -> None:
    for path in sorted(GOLDENS.glob("*.clif")):
        for result in filetest.run_file(path):
            assert result.status == "passed", str(result)


def test_every_lowering_rule_fires_in_a_golden() -> None:
    test_goldens()
    assert [name for name, count in rule_stats() if count == 0] == []


def test_commutative_variants_come_from_the_row() -> None:
    rules = rule_set()

    @rules.rule
    def add_constant(x: Narrow, C: Imm) -> tuple[Term, ...]:
        return iadd(x, iconst(C)), do.make(x, C), when.small(C)

    @rules.rule
    def sub_constant(x: Narrow, C: Imm) -> tuple[Term, ...]:
        return isub(x, iconst(C)), do.make(x, C)

    found = leaves(rules)
    assert len(found[ops.IADD]) == 2
    assert len(found[ops.ISUB]) == 1
    text = source(rules, True, "")
    assert f"v.a.op == {ops.ICONST}" in text and f"v.b.op == {ops.ICONST}" in text


def test_a_rule_that_never_wins_is_an_error() -> None:
    rules = rule_set()

    @rules.rule
    def general(x: Narrow, y: Any) -> tuple[Term, ...]:
        return iadd(x, y), do.make(x, y)

    @rules.rule
    def special(x: I32, C: Imm) -> tuple[Term, ...]:
        return iadd(x, iconst(C)), do.make(x, C)

    with pytest.raises(RuleError, match="special never wins over general"):
        leaves(rules)


def test_mistakes_are_errors() -> None:
    rules = rule_set()
    with pytest.raises(RuleError, match="use guards"):

        @rules.rule
        def branches(x: Narrow, y: Any) -> tuple[Term, ...]:
            return (iadd(x, y), do.make(x)) if x else (iadd(x, y), do.make(y))

    with pytest.raises(RuleError, match="unknown name invent"):

        @rules.rule
        def unknown(x: Narrow, y: Any) -> tuple[Term, ...]:
            return iadd(x, y), do.invent(x)

    with pytest.raises(RuleError, match="z is not bound"):

        @rules.rule
        def unbound(x: Narrow, y: Any, z: Any) -> tuple[Term, ...]:
            return iadd(x, y), do.make(z)

    with pytest.raises(RuleError, match="has 2 operands"):

        @rules.rule
        def short(x: Narrow) -> tuple[Term, ...]:
            return iadd(x), do.make(x)


def test_first_match_wins() -> None:
    rules = rule_set()

    @rules.rule
    def one(x: Narrow) -> tuple[Term, ...]:
        return iadd(x, iconst(1)), do.make(x)

    @rules.rule
    def any_constant(x: Narrow, C: Imm) -> tuple[Term, ...]:
        return iadd(x, iconst(C)), do.make(x, C)

    text = source(rules, True, "")
    assert text.index("FIRED[0]") < text.index("FIRED[1]")
