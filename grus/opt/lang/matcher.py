"""The matcher compiler: the rules of one set to a Python module with one function per root opcode.

A left side is a list of tests on places of the tree (`v.a.op == IADD`), in an order in which each
place exists when it is looked at. A function is a decision tree: the first test of the first rule
is made once for it and all later rules that share it, as far as first match allows: a later rule
may be taken along over rules that the test excludes, not over one that might match without it.
(After RPython's `ruleopt` and Cranelift's ISLE.)

The module is a cache, never a source: `grus/_gen/NAME.py`, made anew when the hash of the rule
sources changes, with `file:line` of the rule at every leaf and a counter of firings.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Final

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.opt.lang.terms import ACTION, GUARD, LITERAL, OP, VAR, Rule, RuleError, RuleSet, Term

# A test is a tuple that begins with its kind, so that tests can be compared and sorted into sets.
_IS_OP: Final = 0  # place, opcode
_TYPE: Final = 1  # place, types
_EQUAL: Final = 2  # place, value of an immediate
_SAME: Final = 3  # place, place
_GUARD: Final = 4  # text

Test = tuple[object, ...]


class _Leaf:
    """One way for a rule to match."""

    __slots__ = ("bound", "rule", "tests")

    def __init__(self, rule: Rule, tests: list[Test], bound: dict[str, str]) -> None:
        self.rule = rule
        self.tests = tests
        self.bound = bound


def _places(op: int) -> list[str]:
    """The attribute that holds each operand of an opcode."""
    names = iter("abc")
    out: list[str] = []
    for operand in ops.ROWS[op].operands:
        out.append(next(names) if operand.kind == "value" else ops.KINDS[operand.kind])
    return out


def _variants(left: Term) -> list[Term]:
    """The term with the operands of each commutative opcode in either order."""
    options: list[list[Term]] = [_variants(a) if a.kind == OP else [a] for a in left.args]
    products: list[tuple[Term, ...]] = [()]
    for option in options:
        products = [(*done, term) for done in products for term in option]
    out: list[Term] = []
    for args in products:
        out.append(_with_args(left, args))
        if ops.FLAGS[left.op] & ops.COMMUTES:
            values = [n for n, o in enumerate(ops.ROWS[left.op].operands) if o.kind == "value"]
            first, second = values[0], values[1]
            swapped = list(args)
            swapped[first], swapped[second] = args[second], args[first]
            out.append(_with_args(left, tuple(swapped)))
    return out


def _with_args(term: Term, args: tuple[Term, ...]) -> Term:
    made = Term(OP, term.name, args)
    made.op = term.op
    return made


def _leaf(rule: Rule, left: Term) -> _Leaf:
    """The tests of one variant."""
    tests: list[Test] = []
    bound: dict[str, str] = {}
    work: list[tuple[Term, str]] = [(left, "v")]
    while work:
        term, place = work.pop(0)
        if term.kind == OP:
            if place != "v":
                tests.append((_IS_OP, place, term.op))
            for arg, field in zip(term.args, _places(term.op), strict=True):
                work.append((arg, f"{place}.{field}"))
        elif term.kind == LITERAL:
            tests.append((_EQUAL, place, term.value))
        elif term.name in bound:
            tests.append((_SAME, place, bound[term.name]))
        else:
            bound[term.name] = place
            if term.types is not None:
                tests.append((_TYPE, place, tuple(sorted(term.types))))
    for guard in rule.guards:
        tests.append((_GUARD, _text(guard, bound)))
    return _Leaf(rule, tests, bound)


def _text(term: Term, bound: dict[str, str]) -> str:
    """A right side or guard as Python."""
    if term.kind == VAR:
        return bound[term.name]
    if term.kind == LITERAL:
        return str(term.value)
    args = ", ".join([_text(a, bound) for a in term.args])
    if term.kind in (OP, ACTION, GUARD):
        return f"x.{term.name}({args})"
    raise RuleError(f"{term.name} cannot be made")


def _implies(strong: Test, weak: Test) -> bool:
    """True when a node that passes `strong` passes `weak`."""
    if strong == weak:
        return True
    if strong[0] == weak[0] == _TYPE and strong[1] == weak[1]:
        assert isinstance(strong[2], tuple) and isinstance(weak[2], tuple)
        return set(strong[2]) <= set(weak[2])
    return False


def _excludes(a: Test, b: Test) -> bool:
    """True when no node passes both."""
    if a[0] != b[0] or a[1] != b[1]:
        return False
    if a[0] in (_IS_OP, _EQUAL):
        return a[2] != b[2]
    if a[0] == _TYPE:
        assert isinstance(a[2], tuple) and isinstance(b[2], tuple)
        return not set(a[2]) & set(b[2])
    return False


def _beaten(leaf: _Leaf, earlier: _Leaf) -> bool:
    """True when `earlier` matches whatever `leaf` matches."""
    return all([any([_implies(t, weak) for t in leaf.tests]) for weak in earlier.tests])


def leaves(rules: RuleSet) -> dict[int, list[_Leaf]]:
    """All ways to match, by root opcode, in order. Raises RuleError for a rule that never wins."""
    out: dict[int, list[_Leaf]] = {}
    for rule in rules.rules:
        known = out.setdefault(rule.left.op, [])
        before = list(known)
        won = False
        for left in _variants(rule.left):
            leaf = _leaf(rule, left)
            beater = next((e for e in before if _beaten(leaf, e)), None)
            if beater is not None:
                continue
            if not any([e.tests == leaf.tests for e in known if e.rule is rule]):
                known.append(leaf)
            won = True
        if not won:
            beater = next(e for e in before if _beaten(_leaf(rule, rule.left), e))
            raise RuleError(
                f"{rule.where}: {rule.name} never wins over {beater.rule.name} "
                f"({beater.rule.where})"
            )
    return out


class _Writer:
    """Writes the functions of a set."""

    __slots__ = ("lines", "lowering", "types")

    def __init__(self, lowering: bool) -> None:
        self.lines: list[str] = []
        self.lowering = lowering
        self.types: dict[tuple[int, ...], str] = {}

    def function(self, name: str, found: list[_Leaf]) -> None:
        """One root opcode."""
        result = "bool" if self.lowering else "Value"
        self.lines.append(f"def {name}(x: Any, v: Value) -> {result}:")
        self.tree(found, 1)
        self.lines.append(f"    return {'False' if self.lowering else 'v'}")
        self.lines += ["", ""]

    def tree(self, found: list[_Leaf], depth: int) -> None:
        """Write the tests of the leaves, first match first."""
        rest = found
        pad = "    " * depth
        while rest:
            first = rest[0]
            if not first.tests:
                self.leaf(first, pad)
                return
            test = first.tests[0]
            taken: list[_Leaf] = []
            left: list[_Leaf] = []
            blocked = False
            for leaf in rest:
                if not blocked and test in leaf.tests:
                    others = [t for t in leaf.tests if t != test]
                    taken.append(_Leaf(leaf.rule, others, leaf.bound))
                    continue
                if not any([_excludes(test, other) for other in leaf.tests]):
                    blocked = True
                left.append(leaf)
            self.lines.append(f"{pad}if {self.condition(test)}:")
            self.tree(taken, depth + 1)
            rest = left

    def condition(self, test: Test) -> str:
        if test[0] == _IS_OP:
            assert isinstance(test[2], int)
            return f"{test[1]}.op == {test[2]}"
        if test[0] == _TYPE:
            assert isinstance(test[2], tuple)
            if len(test[2]) == 1:
                return f"{test[1]}.ty == {test[2][0]}"
            name = self.types.setdefault(test[2], f"_TYPES_{len(self.types)}")
            return f"{test[1]}.ty in {name}"
        if test[0] == _EQUAL:
            return f"{test[1]} == {test[2]}"
        if test[0] == _SAME:
            return f"{test[1]} is {test[2]}"
        return str(test[1])

    def leaf(self, leaf: _Leaf, pad: str) -> None:
        rule = leaf.rule
        self.lines.append(f"{pad}# {rule.where} {rule.name}")
        self.lines.append(f"{pad}FIRED[{rule.number}] += 1")
        right = rule.right
        if self.lowering:
            args = "".join([f", {_text(a, leaf.bound)}" for a in right.args])
            self.lines.append(f"{pad}x.{right.name}(v{args})")
            self.lines.append(f"{pad}return True")
        else:
            self.lines.append(f"{pad}return {_text(right, leaf.bound)}")


def source(rules: RuleSet, lowering: bool, digest: str) -> str:
    """The module's text."""
    writer = _Writer(lowering)
    table: list[str] = []
    for op, found in sorted(leaves(rules).items()):
        name = f"match_{ops.ROWS[op].name}"
        writer.function(name, found)
        table.append(f"    {op}: {name},")
    head = [
        f'"""Generated from the rules of `{rules.name}`; a cache, not a source."""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Any",
        "",
        "from grus.ir.function import Value",
        "",
        f'DIGEST = "{digest}"',
        f"FIRED = [0] * {len(rules.rules)}",
        "NAMES = [",
        *[f'    "{r.name} {r.where}",' for r in rules.rules],
        "]",
    ]
    for types, name in writer.types.items():
        names = ", ".join([T.NAMES[t] for t in types[:8]])
        head.append(f"{name} = frozenset({list(types)})  # {names}")
    return "\n".join([*head, "", "", *writer.lines, "MATCHERS = {", *table, "}", ""])


def load(
    name: str, sources: list[Path], rules: Callable[[], RuleSet], lowering: bool
) -> ModuleType:
    """The compiled matchers of a set: the cached module if it is of these sources, else made anew.

    `rules` imports and traces the rules; it is not called when the cache is good.
    """
    texts = [p.read_bytes() for p in [*sources, *_own_sources()] if p.exists()]
    wanted = hashlib.sha256(b"".join(texts)).hexdigest()[:32]
    folder = Path(__file__).resolve().parent.parent.parent / "_gen"
    path = folder / f"{name}.py"
    if not path.exists() or f'DIGEST = "{wanted}"' not in path.read_text():
        text = source(rules(), lowering, wanted)
        try:
            folder.mkdir(exist_ok=True)
            (folder / "__init__.py").touch()
            temporary = path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(text)
            os.replace(temporary, path)
        except OSError:
            return _module(name, text)
    spec = importlib.util.spec_from_file_location(f"grus._gen.{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"grus._gen.{name}"] = module
    spec.loader.exec_module(module)
    return module


def _module(name: str, text: str) -> ModuleType:
    """A module of which the text cannot be kept (a read-only checkout)."""
    module = ModuleType(f"grus._gen.{name}")
    exec(compile(text, f"<grus._gen.{name}>", "exec"), module.__dict__)
    return module


def _own_sources() -> list[Path]:
    here = Path(__file__).resolve()
    return [here, here.parent / "terms.py", here.parent.parent.parent / "ir" / "opcodes.py"]
