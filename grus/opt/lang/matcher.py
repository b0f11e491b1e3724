"""The matcher compiler: the rules of one set to a Python module with one function per root opcode.

A left side is a list of tests on places of the tree (`v.a.op == IADD`), in an order in which each
place exists when it is looked at. A function is a decision tree.

For lowering, the first test of the first rule is made once for it and all later rules that share
it, as far as first match allows: a later rule may be taken along over rules that the test excludes,
not over one that might match without it. Rewrites are proved, so that any that matches will do: the
tree branches on the opcode or immediate that most rules look at, and rules that do not look there
come after those that do; among equals the first in the file wins. Each rule stands once in the
tree for each order of its operands. (After RPython's `ruleopt` and Cranelift's ISLE.)

The module is a cache, never a source (`cache.py`), with `file:line` of the rule at every leaf and a
counter of firings.
"""

from __future__ import annotations

import re
from typing import Any, Final

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.opt.lang.infer import TYPE_BELOW, TYPE_IN, TYPE_SAME, TYPE_STEP, Typing, operands
from grus.opt.lang.measure import needs_single_use
from grus.opt.lang.terms import (
    ACTION,
    GUARD,
    LITERAL,
    OP,
    SYMBOL,
    SYMBOLS,
    VAR,
    Rule,
    RuleError,
    RuleSet,
    Term,
    key,
    literal,
)

_PLACES: Final = re.compile(r"\bv(?:\.[abc])*\b")

# A test is a tuple that begins with its kind, so that tests can be compared and sorted into sets.
_IS_OP: Final = "op"  # place, opcode
_EQUAL: Final = "equal"  # place, value of an immediate
_SYMBOL: Final = "symbol"  # place of an iconst, name of a symbol
_SAME: Final = "same"  # place, place
_SAME_IMM: Final = "same constant"  # place, place
_GUARD: Final = "guard"  # text

Test = tuple[object, ...]
_COMMON: Final = (
    *(ops.ICONST, ops.IADD, ops.BAND, ops.ISHL, ops.USHR, ops.ICMP, ops.UEXTEND, ops.ISUB),
    *(ops.BOR, ops.BXOR, ops.SELECT, ops.IMUL),
)
"""Opcodes that programs have most of: asked for first."""
_FIRST: Final = 3
"""How many of them, before the rest is found by halving."""
_CHAIN: Final = 4
"""So many cases stand one after the other."""
Column = tuple[str, str]
"""Kind of test and place: what a tree branches on."""


class _Leaf:
    """One way for a rule to match."""

    __slots__ = ("bound", "exact", "rule", "tests", "typing")

    def __init__(
        self, rule: Rule, tests: list[Test], bound: dict[str, str], typing: Typing | None
    ) -> None:
        self.rule = rule
        self.tests = tests
        self.exact = frozenset([test for test in tests if test[0] != TYPE_IN])
        self.bound = bound
        self.typing = typing


def _is_constant(term: Term) -> bool:
    return term.op == ops.ICONST if term.kind == OP else term.sort == "Const"


def variants(rule: Rule, canonical: bool) -> list[Term]:
    """The left sides of a rule with the operands of each commutative opcode in either order.

    `canonical`: comparisons too, with the condition swapped; but never with a constant first, for
    the simplifier puts constants last.
    """
    return _variants(rule.left, canonical) if rule.reorders else [rule.left]


def _variants(left: Term, canonical: bool) -> list[Term]:
    options: list[list[Term]] = [
        _variants(a, canonical) if a.kind == OP else [a] for a in left.args
    ]
    products: list[tuple[Term, ...]] = [()]
    for option in options:
        products = [(*done, term) for done in products for term in option]
    out: list[Term] = []
    for args in products:
        out.append(_with_args(left, args))
        if left.op != ops.PROJ and ops.FLAGS[left.op] & ops.COMMUTES:
            values = [n for n, o in enumerate(ops.ROWS[left.op].operands) if o.kind == "value"]
            first, second = values[0], values[1]
            if canonical and _is_constant(args[second]) and not _is_constant(args[first]):
                continue
            swapped = list(args)
            swapped[first], swapped[second] = args[second], args[first]
            out.append(_with_args(left, tuple(swapped)))
        elif canonical and left.op == ops.ICMP and args[0].kind == LITERAL:
            if not _is_constant(args[2]):
                code = literal(ops.INT_CC_SWAPPED[args[0].value])
                out.append(_with_args(left, (code, args[2], args[1])))
    return out


def _with_args(term: Term, args: tuple[Term, ...]) -> Term:
    made = Term(OP, term.name, args)
    made.op = term.op
    return made


def _leaf(rule: Rule, left: Term, lowering: bool) -> _Leaf:
    """The tests of one variant: opcodes, then immediates and equal places, types, guards."""
    shape: list[Test] = []
    details: list[Test] = []
    inner: list[tuple[str, str]] = []  # places of inner instructions, and their keys
    bound: dict[str, str] = {key(left): "v"}
    work: list[tuple[Term, str]] = [(left, "v")]
    while work:
        term, place = work.pop(0)
        if term.kind == OP:
            if place != "v":
                shape.append((_IS_OP, place, term.op))
                if term.op != ops.ICONST:
                    inner.append((place, key(term)))
                    bound.setdefault(key(term), place)
            for arg, (field, _) in zip(term.args, operands(term.op), strict=True):
                work.append((arg, f"{place}.{field}"))
        elif term.kind == LITERAL:
            details.append((_EQUAL, place, term.value))
        elif term.kind == SYMBOL:
            details.append((_SYMBOL, place.rpartition(".")[0], term.name))
        elif term.name in bound:
            if term.sort == "Const":
                shape.append((_IS_OP, place, ops.ICONST))
                details.append((_SAME_IMM, place, bound[term.name]))
                details.append((TYPE_SAME, place, bound[term.name]))
            else:
                details.append((_SAME, place, bound[term.name]))
        else:
            bound[term.name] = place
            if term.sort == "Const":
                shape.append((_IS_OP, place, ops.ICONST))
            elif lowering and term.types is not None:
                details.append((TYPE_IN, place, tuple(sorted(term.types))))
    tests = [*shape, *details]
    typing = None
    if not lowering:
        typing = Typing(rule, left)
        tests += typing.tests
    for guard in rule.guards:
        tests.append((_GUARD, _text(guard, bound, typing)))
    if not lowering and needs_single_use(rule):
        keys = [name for _, name in inner]  # equal instructions may be one with several uses
        tests += [(_GUARD, f"x.dies({place}, {keys.count(name)})") for place, name in inner]
    return _Leaf(rule, tests, bound, typing)


def _text(term: Term, bound: dict[str, str], typing: Typing | None) -> str:
    """A right side or guard as Python."""
    if term.kind == VAR:
        return bound[term.name]
    if term.kind == LITERAL:
        return str(term.value)
    if term.kind == SYMBOL:
        raise RuleError(f"{term.name} stands only in an iconst")
    if term.kind == OP and typing is not None:
        there = bound.get(key(term))
        if there is not None and typing.same_as(term, there):
            return there
        return _made(term, bound, typing)
    if term.kind == GUARD:
        args = ", ".join(
            [bound[key(a)] if a.kind == OP else _text(a, bound, typing) for a in term.args]
        )
    else:
        args = ", ".join([_text(a, bound, typing) for a in term.args])
    if term.kind in (OP, ACTION, GUARD):
        return f"{'x' if typing is None else 'g'}.{term.name}({args})"
    raise RuleError(f"{term.name} cannot be made")


def _made(term: Term, bound: dict[str, str], typing: Typing) -> str:
    """An instruction of a right side."""
    ty = typing.type_of(term)
    imm = "0"
    args: list[str] = []
    for arg, (field, ref) in zip(term.args, operands(term.op), strict=True):
        if ref is not None:
            args.append(_text(arg, bound, typing))
        elif arg.kind == SYMBOL:
            imm = f"{arg.name}[{ty}]"
        elif field == "imm":
            imm = _text(arg, bound, typing)
        else:
            raise RuleError(f"{term.name} cannot be made: its {field}")
    if term.op == ops.ICONST:
        return f"x.const({ty}, {imm})"
    return f"x.make({', '.join([str(term.op), ty, imm, *args])})"


def _excludes(a: Test, b: Test) -> bool:
    """True when no node passes both."""
    if a[0] != b[0] or a[1] != b[1]:
        return False
    if a[0] in (_IS_OP, _EQUAL):
        return a[2] != b[2]
    if a[0] == TYPE_IN:
        assert isinstance(a[2], tuple) and isinstance(b[2], tuple)
        return not set(a[2]) & set(b[2])
    return False


def _tests_at(leaf: _Leaf, column: Column) -> bool:
    """True when a leaf tests what a column is about."""
    return any([test[:2] == column for test in leaf.tests])


def _beaten(leaf: _Leaf, earlier: _Leaf) -> bool:
    """True when `earlier` matches whatever `leaf` matches."""
    if not earlier.exact <= leaf.exact:
        return False
    return all([_narrows(leaf, test) for test in earlier.tests if test[0] == TYPE_IN])


def _narrows(leaf: _Leaf, weak: Test) -> bool:
    """True when a leaf's tests imply a test of a type."""
    assert isinstance(weak[2], tuple)
    for test in leaf.tests:
        if test[0] == TYPE_IN and test[1] == weak[1]:
            assert isinstance(test[2], tuple)
            if set(test[2]) <= set(weak[2]):
                return True
    return False


def leaves(rules: RuleSet, lowering: bool = True) -> dict[int, list[_Leaf]]:
    """All ways to match, by root opcode, in order. Raises RuleError for a rule that never wins."""
    out: dict[int, list[_Leaf]] = {}
    for rule in rules.rules:
        known = out.setdefault(rule.left.op, [])
        before = list(known)
        beater: _Leaf | None = None
        won = False
        for left in variants(rule, canonical=not lowering):
            leaf = _leaf(rule, left, lowering)
            found = next((e for e in before if _beaten(leaf, e)), None)
            if found is not None:
                beater = beater or found
                continue
            if not any([_beaten(leaf, e) for e in known if e.rule is rule]):
                known.append(leaf)
            won = True
        if not won:
            assert beater is not None
            raise RuleError(
                f"{rule.where}: {rule.name} never wins over {beater.rule.name} "
                f"({beater.rule.where})"
            )
    return out


class _Writer:
    """Writes the functions of a set."""

    __slots__ = ("lines", "lowering", "numbers", "numbers_of", "ops", "subject", "symbols", "types")

    def __init__(self, rules: RuleSet, lowering: bool) -> None:
        self.lines: list[str] = []
        self.numbers = {rule.name: n for n, rule in enumerate(rules.rules)}
        self.lowering = lowering
        self.subject = rules.subject.rpartition(".")[2] or "Any"
        self.types: dict[tuple[int, ...], str] = {}
        self.ops: dict[tuple[int, ...], str] = {}
        self.numbers_of: dict[tuple[int, ...], str] = {}  # sets of immediates
        self.symbols: set[str] = set()

    def function(self, name: str, found: list[_Leaf]) -> None:
        """One root opcode."""
        result = "bool" if self.lowering else "Value | None"
        self.lines.append(f"def {name}(x: {self.subject}, v: Value) -> {result}:")
        self.tree(found, 1, {"v": "v"})
        self.lines.append(f"    return {'False' if self.lowering else 'None'}")
        self.lines += ["", ""]

    def tree(self, found: list[_Leaf], depth: int, known: dict[str, str]) -> None:
        """Write the tests of the leaves, first match first; goes on below when none matches.

        `known` are places that local variables hold.
        """
        rest = found
        pad = "    " * depth
        while rest:
            first = rest[0]
            if not first.tests:
                self.leaf(first, pad, known)
                return
            column = None if self.lowering else self.column(rest)
            if column is not None:
                self.switch(rest, column, depth, known)
                rest = [leaf for leaf in rest if not _tests_at(leaf, column)]
                continue
            test = first.tests[0]
            taken: list[_Leaf] = []
            left: list[_Leaf] = []
            blocked = False
            for leaf in rest:
                if not blocked and test in leaf.tests:
                    others = [t for t in leaf.tests if t != test]
                    taken.append(_Leaf(leaf.rule, others, leaf.bound, leaf.typing))
                    continue
                if not any([_excludes(test, other) for other in leaf.tests]):
                    blocked = True
                left.append(leaf)
            if test[0] == _IS_OP and test[2] != ops.ICONST:
                self.hold(str(test[1]), pad, known)
            self.lines.append(f"{pad}if {self.condition(test, known)}:")
            self.tree(taken, depth + 1, dict(known))
            rest = left

    def column(self, rest: list[_Leaf]) -> Column | None:
        """What to branch on: the opcode or immediate that most leaves test; None when few do.

        Opcodes first: an immediate means something only for some opcodes. A place that must be
        tested for symbols (the borders of a type) is last.
        """
        for kind in (_IS_OP, _EQUAL, _SYMBOL):
            counts: dict[str, int] = {}
            for leaf in rest:
                for test in leaf.tests:
                    if test[0] == kind:
                        counts[str(test[1])] = counts.get(str(test[1]), 0) + 1
            if kind == _EQUAL:
                place = min(counts, key=lambda place: (len(place), -counts[place]), default="")
            else:
                place = max(counts, key=lambda place: (counts[place], -len(place)), default="")
            if place and counts[place] > 1:
                return kind, place
        return None

    def switch(self, rest: list[_Leaf], column: Column, depth: int, known: dict[str, str]) -> None:
        """Branch on an opcode or immediate, for the leaves that test it."""
        kind, place = column
        pad = "    " * depth
        codes: list[Any] = []
        for leaf in rest:
            for test in leaf.tests:
                if test[:2] == column and test[2] not in codes:
                    codes.append(test[2])
        if kind == _IS_OP:
            codes.sort(key=lambda op: _COMMON.index(op) if op in _COMMON else len(_COMMON))
        inner = depth
        if kind == _IS_OP:
            self.hold(place, pad, known)
            subject = f"{known[place]}.op"
            name = "op"
        elif kind == _EQUAL:
            subject = self.at(place, known)
            name = "imm"
        else:
            subject = name = ""
            self.symbols.update(codes)
            self.lines.append(f"{pad}if {self.at(place, known)}.imm in _BORDERS:")
            inner = depth + 1
        if len(codes) > 1 and kind != _SYMBOL:
            self.lines.append(f"{'    ' * inner}{name} = {subject}")
            subject = name
        if len(codes) > 2 and kind != _SYMBOL:
            of = self.ops if kind == _IS_OP else self.numbers_of
            table = of.setdefault(tuple(sorted(codes)), f"_{name.upper()}S_{len(of)}")
            self.lines.append(f"{pad}if {name} in {table}:")
            inner = depth + 1
        common = [code for code in codes if kind == _IS_OP and code in _COMMON][:_FIRST]
        rest_of = sorted([code for code in codes if code not in common])
        if kind == _SYMBOL or len(codes) <= _CHAIN:
            common, rest_of = codes, []
        for index, code in enumerate(common):
            word = "elif" if index and kind != _SYMBOL else "if"
            self.case(rest, column, code, word, subject, inner, known)
        if not rest_of:
            return
        if common:
            self.lines.append(f"{'    ' * inner}else:")
            inner += 1
        self.halves(rest, column, rest_of, subject, inner, known)

    def halves(
        self,
        rest: list[_Leaf],
        column: Column,
        codes: list[Any],
        subject: str,
        depth: int,
        known: dict[str, str],
    ) -> None:
        """Cases of ascending codes, found by halving."""
        if len(codes) <= _CHAIN:
            for index, code in enumerate(codes):
                self.case(rest, column, code, "elif" if index else "if", subject, depth, known)
            return
        middle = len(codes) // 2
        self.lines.append(f"{'    ' * depth}if {subject} < {codes[middle]}:")
        self.halves(rest, column, codes[:middle], subject, depth + 1, known)
        self.lines.append(f"{'    ' * depth}else:")
        self.halves(rest, column, codes[middle:], subject, depth + 1, known)

    def case(
        self,
        rest: list[_Leaf],
        column: Column,
        code: Any,
        word: str,
        subject: str,
        depth: int,
        known: dict[str, str],
    ) -> None:
        """The leaves that want one opcode or immediate."""
        kind, place = column
        test = (kind, place, code)
        branch: list[_Leaf] = []
        for leaf in rest:
            if test in leaf.tests:
                others = [t for t in leaf.tests if t != test]
                branch.append(_Leaf(leaf.rule, others, leaf.bound, leaf.typing))
        if kind == _SYMBOL:
            condition = self.condition(test, known)
        else:
            condition = f"{subject} == {code}"
        comment = f"  # {ops.ROWS[code].name}" if kind == _IS_OP else ""
        self.lines.append(f"{'    ' * depth}{word} {condition}:{comment}")
        self.tree(branch, depth + 1, dict(known))

    def hold(self, place: str, pad: str, known: dict[str, str]) -> None:
        """Put the value at `place` into a local variable."""
        if place not in known:
            name = place.replace(".", "_")
            self.lines.append(f"{pad}{name} = {self.at(place, known)}")
            known[place] = name

    def at(self, place: str, known: dict[str, str]) -> str:
        """A place as Python, from the nearest local variable."""
        head, tail = place, ""
        while head not in known:
            head, _, field = head.rpartition(".")
            tail = f".{field}{tail}"
        return known[head] + tail

    def fill(self, text: str, known: dict[str, str]) -> str:
        """Python text with its places read from local variables."""
        return _PLACES.sub(lambda match: self.at(match.group(0), known), text)

    def condition(self, test: Test, known: dict[str, str]) -> str:
        if test[0] == _GUARD:
            return self.fill(str(test[1]), known)
        if test[0] == TYPE_BELOW:
            return self.fill(f"{test[1]} < {test[2]}", known)
        place = self.at(str(test[1]), known)
        if test[0] == _IS_OP:
            return f"{place}.op == {test[2]}"
        if test[0] == TYPE_IN:
            assert isinstance(test[2], tuple)
            if len(test[2]) == 1:
                return f"{place}.ty == {test[2][0]}"
            name = self.types.setdefault(test[2], f"_TYPES_{len(self.types)}")
            return f"{place}.ty in {name}"
        if test[0] == _EQUAL:
            return f"{place} == {test[2]}"
        if test[0] == _SYMBOL:
            self.symbols.add(str(test[2]))
            return f"{place}.imm == {test[2]}[{place}.ty]"
        other = self.at(str(test[2]), known)
        if test[0] == _SAME_IMM:
            return f"{place}.imm == {other}.imm"
        if test[0] == TYPE_SAME:
            return f"{place}.ty == {other}.ty"
        if test[0] == TYPE_STEP:
            return f"{place}.ty == {other}.ty - 1"
        return f"{place} is {other}"

    def leaf(self, leaf: _Leaf, pad: str, known: dict[str, str]) -> None:
        rule = leaf.rule
        self.lines.append(f"{pad}# {rule.where} {rule.name}")
        self.lines.append(f"{pad}fired({self.numbers[rule.name]})")
        right = rule.right
        if self.lowering:
            args = "".join([f", {_text(a, leaf.bound, None)}" for a in right.args])
            self.lines.append(f"{pad}x.{right.name}(v{self.fill(args, known)})")
            self.lines.append(f"{pad}return True")
        else:
            text = _text(right, leaf.bound, leaf.typing)
            self.symbols.update([name for name in SYMBOLS if f"{name}[" in text])
            self.lines.append(f"{pad}return {self.fill(text, known)}")


def source(rules: RuleSet, lowering: bool, digest: str) -> str:
    """The module's text."""
    writer = _Writer(rules, lowering)
    table: list[str] = []
    for op, found in sorted(leaves(rules, lowering).items()):
        name = f"match_{ops.ROWS[op].name.strip('<>')}"
        writer.function(name, found)
        table.append(f"    {op}: {name},")
    module, _, subject = rules.subject.rpartition(".")
    head = [
        f'"""Generated from the rules of `{rules.name}`; a cache, not a source."""',
        "",
        "from __future__ import annotations",
        "",
        "from grus.ir.function import Value",
        *([] if lowering else ["from grus.opt.rules import functions as g"]),
        "",
        "TYPE_CHECKING = False",
        "if TYPE_CHECKING:",
        "    from typing import Any, Final",
        *(["", f"    from {module} import {subject}"] if module else []),
        "",
        f'DIGEST = "{digest}"',
        f"FIRED: Final[list[int]] = [0] * {len(rules.rules)}",
        "NAMES: Final = [",
        *[f'    "{r.name} {r.where}",' for r in rules.rules],
        "]",
    ]
    for types, name in writer.types.items():
        names = ", ".join([T.NAMES[t] for t in types[:8]])
        head.append(f"{name}: Final = frozenset({list(types)})  # {names}")
    for codes, name in writer.ops.items():
        names = ", ".join([ops.ROWS[op].name for op in codes[:8]])
        head.append(f"{name}: Final = frozenset({list(codes)})  # {names}")
    for numbers, name in writer.numbers_of.items():
        head.append(f"{name}: Final = frozenset({list(numbers)})")
    if writer.symbols:
        borders = sorted({f(T.BITS[ty]) for f in SYMBOLS.values() for ty in T.INTS})
        head.append(f"_BORDERS: Final = frozenset({borders})")
    for symbol in sorted(writer.symbols):
        by_type = {ty: SYMBOLS[symbol](T.BITS[ty]) for ty in T.INTS}
        head.append(f"{symbol}: Final = {by_type}")
    head += ["", "", "def fired(rule: int) -> None:", "    FIRED[rule] += 1"]
    tail = [
        "MATCHERS: Final = {",
        *table,
        "}",
        f"TABLE: Final = [MATCHERS.get(op) for op in range({len(ops.ROWS)})]",
    ]
    return "\n".join([*head, "", "", *writer.lines, *tail, ""])
