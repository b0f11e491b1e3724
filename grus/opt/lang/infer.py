"""The types of the terms of a rewrite.

The rows of the opcodes say which terms have the same type, and which are narrower or wider than
others. For a left side all of that holds by itself: it is in a verified function. What a right side
needs beyond that, and what annotations ask for, become tests of the rule:

    ireduce(uextend(x)) -> x            only where x has the type of the whole
    ireduce(uextend(x)) -> ireduce(x)   only where x is wider than that
    iadd(x, ineg(x))    -> iconst(0)    only for scalars if x is `Int`

A type of a right side that follows from nothing is an error.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Final

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.opt.lang.terms import OP, VAR, VECTORS, Rule, RuleError, Term, key

UNIVERSE: Final = frozenset((*T.INTS, T.F32, T.F64, T.F32X4, T.F64X2)) | VECTORS
"""Types that rules speak of. Others never match."""
_ALL: Final = frozenset(T.BY_NAME.values())
_SCALARS: Final = frozenset((*T.INTS, T.F32, T.F64))

# What a rule needs of types at run time; the first item says which.
TYPE_IN: Final = "type"  # place, types
TYPE_SAME: Final = "same type"  # place, place
TYPE_BELOW: Final = "narrower"  # place, place or type
TYPE_STEP: Final = "half"  # place, place of twice the width

TypeTest = tuple[object, ...]


@cache
def operands(op: int) -> list[tuple[str, ops.TypeRef | None]]:
    """The field of `Value` that holds each operand of an opcode, and its type if it is a value."""
    if op == ops.PROJ:
        return [("a", None), ("imm", None)]
    names = iter("abc")
    return [
        (next(names) if o.kind == "value" else ops.KINDS[o.kind], o.type)
        for o in ops.ROWS[op].operands
    ]


def values(term: Term) -> list[Term]:
    """The operands of an OP term that are values."""
    if term.op == ops.PROJ:
        return [term.args[0]]
    kinds = ops.ROWS[term.op].kinds
    return [a for a, kind in zip(term.args, kinds, strict=True) if kind == "value"]


@cache
def _wanted(known: frozenset[int]) -> frozenset[int]:
    return known & UNIVERSE


class Typing:
    """Types of one rule (of one variant `left` of its left side).

    `tests` is what must be tested at run time. `type_of` gives the type of a term as Python text.
    """

    __slots__ = (
        "_at",
        "_by_key",
        "_links",
        "_parent",
        "_place",
        "_rule",
        "_slot",
        "known",
        "tests",
        "wanted",
    )

    def __init__(self, rule: Rule, left: Term) -> None:
        self._rule = rule
        self._at: dict[str, int] = {}  # class of each place of the left side
        self._by_key: dict[str, int] = {}  # class of each instruction of the left side
        self._parent: list[int] = []
        self._place: list[str] = []  # of a class: where a value of this type stands, "" nowhere
        self._slot: dict[int, int] = {}  # by id of the term
        self._links: list[tuple[int, int, int]] = []  # derivation, result's class, operand's class
        self.known: list[frozenset[int]] = []  # types that rows of the left side allow
        self.wanted: list[frozenset[int]] = []
        self.tests: list[TypeTest] = []
        self._left(left)
        given = len(self._links)
        classes = [n for n in range(len(self._parent)) if self._find(n) == n]
        known = [(self._place[n], self.known[n], n) for n in classes if self._place[n]]
        places = {n: self._place[n] for n in classes}
        self._right(rule.right)
        self._unify(self._term(rule.right), self._term(left))
        self._conclude(places, known, given)

    # ---- classes of equal types ----

    def _new(self, known: frozenset[int]) -> int:
        self._parent.append(len(self._parent))
        self._place.append("")
        self.known.append(known)
        self.wanted.append(_wanted(known))
        return len(self._parent) - 1

    def _find(self, slot: int) -> int:
        while self._parent[slot] != slot:
            slot = self._parent[slot]
        return slot

    def _unify(self, a: int, b: int) -> None:
        a, b = self._find(a), self._find(b)
        if a == b:
            return
        if not self._place[a] or (self._place[b] and len(self._place[b]) < len(self._place[a])):
            a, b = b, a
        self._parent[b] = a
        self.known[a] &= self.known[b]
        self.wanted[a] &= self.wanted[b]

    def _term(self, term: Term) -> int:
        """The class of a term."""
        slot = self._slot.get(id(term))
        if slot is None:
            slot = self._slot[id(term)] = self._new(_ALL)
        return self._find(slot)

    # ---- rows ----

    def _row(self, term: Term) -> None:
        """What the row of an OP term says of it and its operands."""
        if term.op == ops.PROJ:
            inst = term.args[0]
            index = term.args[1].value
            self._refer(ops.ROWS[inst.op].results[index], self._variables(inst), self._term(term))
            return
        row = ops.ROWS[term.op]
        variables = self._variables(term)
        if len(row.results) > 1:  # it has no type of its own
            slot = self._term(term)
            self.known[slot] = self.wanted[slot] = frozenset((T.I8,))
        if len(row.results) == 1:
            self._refer(row.results[0], variables, self._term(term))

    def _variables(self, inst: Term) -> dict[str, int]:
        """The classes of the type variables of an instruction, from its operands."""
        variables: dict[str, int] = {}
        for arg, (_, ref) in zip(inst.args, operands(inst.op), strict=True):
            if ref is not None:
                self._refer(ref, variables, self._term(arg))
        return variables

    def _refer(self, ref: ops.TypeRef, variables: dict[str, int], slot: int) -> None:
        """The value of class `slot` has the type that `ref` says."""
        if ref.fixed:
            self.known[self._find(slot)] &= {ref.fixed}
            self.wanted[self._find(slot)] &= {ref.fixed}
            return
        if ref.var not in variables:
            variables[ref.var] = self._new(ops.TYPE_SETS[ref.var].members)
        base = self._find(variables[ref.var])
        if ref.how == ops.SAME:
            self._unify(slot, base)
        elif ref.how == ops.TRUTHY:
            if self.wanted[base] <= VECTORS:
                self._unify(slot, base)  # integer lanes of the same width
                return
            self.wanted[base] &= _SCALARS
            slot = self._find(slot)
            self.known[slot] &= {T.I8}
            self.wanted[slot] &= {T.I8}
        else:
            self._links.append((ref.how, base, slot))

    # ---- sides ----

    def _left(self, left: Term) -> None:
        work: list[tuple[Term, str]] = [(left, "v")]
        terms: list[Term] = []
        while work:
            term, place = work.pop(0)
            if term.kind == OP:
                terms.append(term)
                self._by_key.setdefault(key(term), self._term(term))
                for arg, (field, ref) in zip(term.args, operands(term.op), strict=True):
                    if ref is not None or field == "a":
                        work.append((arg, f"{place}.{field}"))
            elif term.kind != VAR:
                raise RuleError(f"{self._rule.where}: {self._rule.name}: no value at {place}")
            slot = self._term(term)
            self._at[place] = slot
            if not self._place[slot]:
                self._place[slot] = place
            if term.types is not None:
                self.wanted[slot] &= term.types
                if term.sort == "Const":
                    self.known[slot] &= term.types
        for term in terms:
            self._row(term)

    def _right(self, right: Term) -> None:
        work = [right]
        terms: list[Term] = []
        while work:
            term = work.pop()
            if term.kind == OP:
                terms.append(term)
                work.extend(values(term))
        for term in reversed(terms):
            if term.types is not None:
                self.wanted[self._term(term)] &= term.types
            if term.op == ops.ICONST:
                self.wanted[self._term(term)] &= UNIVERSE  # made of any type by `Simplifier.const`
            else:
                self._row(term)

    def _conclude(
        self, places: dict[int, str], known: list[tuple[str, frozenset[int], int]], given: int
    ) -> None:
        """Tests for what the left side alone does not promise."""
        for slot, place in places.items():
            root = self._find(slot)
            if place and root != slot:
                if len(self.wanted[root]) == 1:
                    continue  # both are tested for their one type
                self.tests.append((TYPE_SAME, self._place[root], place))
        for place, types, slot in known:
            wanted = self.wanted[self._find(slot)]
            if not wanted:
                raise RuleError(f"{self._rule.where}: {self._rule.name}: no type fits at {place}")
            if not types <= wanted and (self._find(slot) == slot or len(wanted) == 1):
                self.tests.append((TYPE_IN, place, tuple(sorted(wanted))))
        implied = {(how, self._find(a), self._find(b)) for how, a, b in self._links[:given]}
        for how, base, slot in self._links[given:]:
            base, slot = self._find(base), self._find(slot)
            if (how, base, slot) in implied:
                continue
            implied.add((how, base, slot))
            if how in (ops.NARROWER, ops.WIDER):
                low, high = (slot, base) if how == ops.NARROWER else (base, slot)
                one, other = self._text(low), self._text(high)
                if not (one.isdigit() and other.isdigit()):
                    self.tests.append((TYPE_BELOW, one, other))
            elif how in (ops.HALF, ops.DOUBLE):
                low, high = (slot, base) if how == ops.HALF else (base, slot)
                if self._place[low] and self._place[high]:
                    self.tests.append((TYPE_STEP, self._place[low], self._place[high]))
            else:
                raise RuleError(f"{self._rule.where}: {self._rule.name}: types of lanes")

    # ---- answers ----

    def _text(self, slot: int) -> str:
        slot = self._find(slot)
        if len(self.wanted[slot]) == 1:
            return str(min(self.wanted[slot]))
        if self._place[slot]:
            return f"{self._place[slot]}.ty"
        for how, base, other in self._links:
            base, other = self._find(base), self._find(other)
            if how == ops.HALF and other == slot and self._place[base]:
                return f"{self._place[base]}.ty - 1"
            if how == ops.DOUBLE and other == slot and self._place[base]:
                return f"{self._place[base]}.ty + 1"
            if how == ops.HALF and base == slot and self._place[other]:
                return f"{self._place[other]}.ty + 1"
            if how == ops.DOUBLE and base == slot and self._place[other]:
                return f"{self._place[other]}.ty - 1"
        raise RuleError(f"{self._rule.where}: {self._rule.name}: a type follows from nothing")

    def type_of(self, term: Term) -> str:
        """The type of a term as Python text of places."""
        return self._text(self._term(term))

    def same_as(self, term: Term, place: str) -> bool:
        """True when a term surely has the type of the value at a place."""
        return self._find(self._at[place]) == self._term(term)

    def class_of(self, term: Term) -> int:
        """The number of the class of equal types that a term is in. An instruction in a guard is
        the equal one of the left side."""
        if id(term) not in self._slot and term.kind == OP:
            return self._find(self._by_key[key(term)])
        return self._term(term)

    def by_lane(self, types: dict[int, int]) -> dict[int, int]:
        """An assignment with the lanes in place of the vectors, where those will do."""
        return {
            slot: T.LANE[ty] if T.LANE[ty] in self.wanted[slot] else ty
            for slot, ty in types.items()
        }

    def assignments(self) -> Iterator[dict[int, int]]:
        """Every way to give types to the classes that have terms."""
        roots = sorted({self._find(slot) for slot in self._slot.values()})
        links = [(how, self._find(a), self._find(b)) for how, a, b in self._links]
        for _, base, slot in links:
            roots += [r for r in (base, slot) if r not in roots]
        choices = [sorted(self.wanted[root]) for root in roots]
        for chosen in itertools.product(*choices):
            types = dict(zip(roots, chosen, strict=True))
            if all([_fits(how, types[base], types[slot]) for how, base, slot in links]):
                yield types


def _fits(how: int, base: int, ty: int) -> bool:
    """True when `ty` stands in derivation `how` to `base`."""
    if how == ops.NARROWER:
        return T.is_int(ty) == T.is_int(base) and T.BITS[ty] < T.BITS[base]
    if how == ops.WIDER:
        return T.is_int(ty) == T.is_int(base) and T.BITS[ty] > T.BITS[base]
    return ops.derive(how, base) == ty
