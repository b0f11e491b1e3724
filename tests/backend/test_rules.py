"""The rule language, and the lowering rules: each fires in a golden file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import pytest

from grus.backend.compile import compile_function
from grus.backend.x64 import lower, opcodes, sse2, vectors
from grus.backend.x64.target import TARGET, rule_stats
from grus.ir import opcodes as ops
from grus.ir import parser
from grus.ir.function import Value
from grus.opt.lang.ir import iadd, iconst, isub
from grus.opt.lang.matcher import leaves, source
from grus.opt.lang.terms import I32, Any, Imm, Narrow, RuleError, RuleSet, Term, do, when
from grus.testing import filetest, run_native
from tests.builds import PLAIN_ONLY

GOLDENS = Path(__file__).resolve().parent.parent / "clif" / "x64"


def rule_set() -> RuleSet:
    return RuleSet("test", frozenset(("make",)), frozenset(("small",)))


def test_goldens() -> None:
    for path in sorted(GOLDENS.glob("*.clif")):
        for result in filetest.run_file(path):
            assert result.status == "passed", str(result)


def compile_goldens() -> None:
    """All functions of the golden files, with the settings of their file."""
    for path in sorted(GOLDENS.glob("*.clif")):
        file = parser.parse_file(path.read_text(), path.name)
        for function in file.functions:
            compile_function(function.func, TARGET, run_native.settings_of(file.targets[0]))


@PLAIN_ONLY
def test_every_longer_way_is_gone_in_a_golden(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions of `sse2.py`."""
    called: set[str] = set()

    def noted(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            called.add(name)
            return function(*args)

        return call

    there = {
        name: function
        for name, function in vars(sse2).items()
        if isinstance(function, FunctionType) and function.__module__ == sse2.__name__
    }
    for name, function in there.items():
        monkeypatch.setattr(sse2, name, noted(name, function))
    compile_goldens()
    assert len(there) > 15
    assert sorted(set(there) - called) == []


def test_every_lowering_rule_fires_in_a_golden() -> None:
    before = [count for _, count in rule_stats()]
    compile_goldens()
    after = rule_stats()
    assert [name for (name, count), old in zip(after, before, strict=True) if count == old] == []


def test_every_lowering_function_is_called_in_a_golden(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is lowered by a function and not by a rule: once as scalar, once as vector."""
    called: set[tuple[str, int]] = set()

    def noted(kind: str, op: int, handler: lower.Handler) -> lower.Handler:
        def call(x: lower.X64Lower, inst: Value) -> None:
            called.add((kind, op))
            handler(x, inst)

        return call

    there: set[tuple[str, int]] = set()
    scalars = list(lower.HANDLERS)
    for op, handler in enumerate(scalars):
        if handler is not lower._unsupported and op not in opcodes.NO_REGISTER:
            there.add(("scalar", op))
            lower.HANDLERS[op] = noted("scalar", op, handler)
    for op, handler in list(vectors.HANDLERS.items()):
        there.add(("vector", op))
        monkeypatch.setitem(vectors.HANDLERS, op, noted("vector", op, handler))
    try:
        compile_goldens()
    finally:
        lower.HANDLERS[:] = scalars
    assert len(there) > 150
    assert sorted([f"{kind} {ops.ROWS[op].name}" for kind, op in there - called]) == []


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
    assert text.index("fired(0)") < text.index("fired(1)")
