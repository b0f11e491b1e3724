"""The rules: proved, each reachable, each doing what it says."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.bits import MASK
from grus.ir.domain import CONCRETE
from grus.ir.function import Function, Value
from grus.opt import prove, simplify
from grus.opt.lang import measure
from grus.opt.lang.cache import made
from grus.opt.lang.ir import band, bor, iadd, iconst, imul, isub, udiv, uextend, ushr
from grus.opt.lang.matcher import leaves
from grus.opt.lang.terms import Const, Int, RuleError, RuleSet, Term, when
from grus.opt.rules import functions
from grus.opt.rules.base import all_rules
from grus.opt.simplify import Simplifier
from tests.builds import PLAIN_ONLY
from tests.opt.rules import trees

RULES = all_rules().rules
NUMBER = {rule.name: n for n, rule in enumerate(RULES)}


@PLAIN_ONLY
def test_proofs_are_current() -> None:
    base = prove.meanings_digest()
    known = prove.remembered()
    stale = [r.name for r in RULES if known.get(r.name, ("", ""))[0] != prove.digest(r, base)]
    assert not stale, "run: python -m tools.prove"
    counts = Counter([known[rule.name][1] for rule in RULES])
    assert set(counts) <= {prove.PROVED, prove.NARROW, prove.TESTED}
    assert counts[prove.NARROW] <= 0.1 * len(RULES)
    assert counts[prove.TESTED] <= 0.03 * len(RULES)
    marked = {rule.name for rule in RULES if "Not proved" in rule.doc}
    assert marked == {rule.name for rule in RULES if known[rule.name][1] == prove.TESTED}


def test_every_guard_and_function_is_used() -> None:
    used = set()
    for rule in RULES:
        work = [rule.right, *rule.guards]
        while work:
            term = work.pop()
            used.add(term.name)
            work.extend(term.args)
    assert (set(functions.GUARDS) | set(functions.FUNCTIONS)) - used == set()


def test_every_rule_lowers_its_measure() -> None:
    for rule in RULES:
        measure.check(rule)


def test_every_rule_fires_and_keeps_the_value() -> None:
    """On an expression made of its own left side, whose parts are simplified first."""
    module = simplify.rules()
    silent = []
    for rule in RULES:
        number = NUMBER[rule.name]
        before = module.FIRED[number]
        for case, env in trees.examples(rule, 30, 4):
            tree, root = trees.grow(case, env)
            params = tree.block.params
            rng = random.Random(5)
            samples = [
                {
                    p.num: rng.choice((rng.getrandbits(T.BITS[p.ty]), rng.getrandbits(3)))
                    for p in params
                }
                for _ in range(4)
            ]
            want = [trees.evaluate(root, sample) for sample in samples]
            became = tree.simplified()
            new = became.get(root.num, root)
            got = [trees.evaluate(new, sample) for sample in samples]
            assert got == want, f"{rule.name}: {case.describe()}: {env}"
            if module.FIRED[number] > before:
                break
        else:
            silent.append(rule.name)
    assert not silent


class Watched(Simplifier):
    """Knows how deep rules fired on what rules made."""

    __slots__ = ("deepest",)

    def __init__(self, func: Function) -> None:
        super().__init__(func)
        self.deepest = 0

    def make(self, *args: Any) -> Value:
        self.deepest = max(self.deepest, self._depth + 1)
        return super().make(*args)


@PLAIN_ONLY
def test_rewriting_ends() -> None:
    """What a rule makes is simplified at once: no other rule, also of those that lower no cost,
    fires on it again, and no chain comes near the limit of depth."""
    for rule in RULES:
        for case, env in trees.examples(rule, 3, 2):
            tree, root = trees.grow(case, env)
            simplifier = Watched(tree.func)
            new = tree.simplified(simplifier).get(root.num, root)
            assert simplifier.deepest < simplify.MAX_DEPTH // 2, f"{rule.name}: {case.describe()}"
            if new in tree.block.insts:
                assert simplifier.apply(new) is None, f"{rule.name}: {case.describe()}"


def test_vectors() -> None:
    tree = trees.Tree()
    c, x, y = [tree.param(T.I32X4) for _ in range(3)]
    chosen = tree.make(ops.BAND, T.I32X4, x, c)
    other = tree.make(ops.BAND, T.I32X4, y, tree.make(ops.BNOT, T.I32X4, c))
    both = tree.make(ops.BOR, T.I32X4, chosen, other)
    nothing = tree.make(ops.ISUB, T.I32X4, both, both)
    became = tree.simplified()
    new = became[both.num]
    assert new.op == ops.BITSELECT and [new.a, new.b, new.c] == [c, x, y]
    assert became[nothing.num].op == ops.VCONST and became[nothing.num].ext == bytes(16)


def test_guards_and_functions_mean_what_their_formulas_say() -> None:
    """On all constants of 8 bits, or all pairs of some; with values of 8 and 32 bits."""
    tree = trees.Tree()
    numbers = [*range(0, 256, 5), 1, 2, 4, 7, 8, 9, 16, 24, 31, 32, 64, 127, 128, 129, 254]
    constants = [tree.const(T.I8, n) for n in numbers]
    wide = [tree.const(T.I32, n) for n in prove.remarkable(32)]
    seen = set()
    for rule in RULES:
        for guard in rule.guards:
            sorts = tuple([a.sort if a.kind == 0 else "" for a in guard.args])
            if (guard.name, sorts) in seen or set(sorts) != {"Const"}:
                continue
            seen.add((guard.name, sorts))
            on_values = getattr(functions, guard.name)
            formula = functions.GUARDS[guard.name]
            for of, w in ((constants, 8), (wide, 32)):
                for first in of:
                    for second in of if len(sorts) > 1 else (first,):
                        args = [first, second][: len(sorts)]
                        bits = [v.imm & MASK[w] for v in args]
                        want = formula(CONCRETE, [w, w], *bits)
                        assert on_values(*args) == bool(want), (guard.name, bits)
    assert len(seen) > 15


def test_known_bits() -> None:
    """`possible_ones` covers what random expressions give."""
    rng = random.Random(3)
    binary = (ops.BAND, ops.BOR, ops.BXOR, ops.IADD, ops.IMUL, ops.UMIN, ops.UMAX, ops.ISUB)
    for _ in range(300):
        tree = trees.Tree()
        known = [tree.param(T.I32)]
        known.append(tree.make(ops.UEXTEND, T.I32, tree.param(T.I8)))
        for _ in range(8):
            a, b = rng.choice(known), rng.choice(known)
            kind = rng.random()
            if kind < 0.2:
                b = tree.const(T.I32, rng.choice(prove.remarkable(32)))
            if kind < 0.6:
                known.append(tree.make(rng.choice(binary), T.I32, a, b))
            elif kind < 0.8:
                amount = tree.const(T.I8, rng.randrange(256))
                known.append(tree.make(rng.choice((ops.ISHL, ops.USHR)), T.I32, a, amount))
            elif kind < 0.9:
                known.append(tree.make(ops.POPCNT, T.I32, a))
            else:
                known.append(tree.make(ops.SELECT, T.I32, a, b, rng.choice(known)))
        for _ in range(5):
            sample = {
                p.num: rng.choice((rng.getrandbits(32), rng.getrandbits(4), MASK[32]))
                & MASK[T.BITS[p.ty]]
                for p in tree.block.params
            }
            for value in known:
                bits = trees.evaluate(value, sample)[1]
                assert not bits & ~functions.possible_ones(value), value


def test_random_expressions_keep_their_value() -> None:
    """Large expressions of everything, simplified to the end, within the budget."""
    rng = random.Random(11)
    kinds: list[tuple[int, int]] = []  # opcode, operands
    for op in (
        ops.IADD,
        ops.ISUB,
        ops.IMUL,
        ops.BAND,
        ops.BOR,
        ops.BXOR,
        ops.ISHL,
        ops.USHR,
        ops.SSHR,
        ops.ROTL,
        ops.ROTR,
        ops.SMIN,
        ops.SMAX,
        ops.UMIN,
        ops.UMAX,
        ops.UDIV,
        ops.SDIV,
        ops.UREM,
        ops.SREM,
    ):
        kinds.append((op, 2))
    kinds += [
        (op, 1)
        for op in (
            ops.INEG,
            ops.BNOT,
            ops.IABS,
            ops.BSWAP,
            ops.CLZ,
            ops.CTZ,
            ops.POPCNT,
            ops.BITREV,
        )
    ]
    types = (T.I8, T.I16, T.I32, T.I64)
    for _ in range(400):
        tree = trees.Tree()
        by_type = {ty: [tree.param(ty), tree.param(ty)] for ty in types}

        def pick(ty: int) -> object:
            if rng.random() < 0.35:
                return tree.const(ty, rng.choice(prove.remarkable(T.BITS[ty])))
            return rng.choice(by_type[ty][-6:])

        for _ in range(25):
            ty = rng.choice(types)
            choice = rng.random()
            if choice < 0.55:
                op, count = rng.choice(kinds)
                if op == ops.BSWAP and ty == T.I8:
                    continue
                value = tree.make(op, ty, *[pick(ty) for _ in range(count)])
            elif choice < 0.7:
                narrow = rng.choice(types)
                x = pick(narrow)
                op = ops.IREDUCE if narrow > ty else rng.choice((ops.UEXTEND, ops.SEXTEND))
                if narrow == ty:
                    continue
                value = tree.make(op, ty, x)
            elif choice < 0.85:
                value = tree.make(ops.ICMP, T.I8, pick(ty), pick(ty), imm=rng.randrange(10))
                ty = T.I8
            else:
                value = tree.make(ops.SELECT, ty, pick(T.I8), pick(ty), pick(ty))
            by_type[ty].append(value)
        samples = [
            {
                p.num: rng.choice((rng.getrandbits(64), rng.getrandbits(3), -rng.getrandbits(3)))
                & MASK[T.BITS[p.ty]]
                for p in tree.block.params
            }
            for _ in range(3)
        ]
        values = [v for group in by_type.values() for v in group if v.op != ops.PARAM]
        wanted = [[trees.evaluate(v, sample) for sample in samples] for v in values]
        simplifier = Simplifier(tree.func)
        became = tree.simplified(simplifier)
        assert simplifier.budget > 0
        for value, want in zip(values, wanted, strict=True):
            got = [trees.evaluate(became.get(value.num, value), sample) for sample in samples]
            for one, other in zip(want, got, strict=True):
                # A division that traps stays where it is, used or not.
                assert one == other or one[0] == "trap", (value, became.get(value.num))


def rule_set() -> RuleSet:
    return RuleSet("test", frozenset(functions.FUNCTIONS), frozenset(functions.GUARDS))


def test_wrong_rules_are_refuted() -> None:
    """Some that look right."""
    pytest.importorskip("z3")
    rules = rule_set()

    @rules.rule
    def forgets_the_guard(x: Int, k: Const) -> tuple[Term, ...]:
        return imul(x, k), ushr(x, k)

    @rules.rule
    def wrong_order(x: Int, y: Int) -> tuple[Term, ...]:
        return isub(isub(x, y), x), y

    @rules.rule
    def only_without_carry(x: Int, y: Int) -> tuple[Term, ...]:
        return iadd(x, y), bor(x, y)

    @rules.rule
    def loses_high_bits(x: Int, y: Int) -> tuple[Term, ...]:
        return iadd(uextend(x), uextend(y)), uextend(iadd(x, y))

    @rules.rule
    def off_by_one(x: Int, k: Const) -> tuple[Term, ...]:
        return udiv(x, k), ushr(x, iadd(k, iconst(-1))), when.power_of_two(k)

    @rules.rule
    def hides_a_trap(x: Int) -> tuple[Term, ...]:
        return udiv(x, x), iconst(1)

    for rule in rules.rules:
        assert prove.prove(rule, 1000).status == prove.REFUTED, rule.name


def test_mutated_rules_are_refuted() -> None:
    """Proved rules with their guards dropped, or with another opcode on the right side: nearly
    all of these are wrong, and none that is wrong on values may be proved."""
    pytest.importorskip("z3")
    rng = random.Random(1)
    other = {ops.IADD: isub, ops.ISUB: iadd, ops.BAND: bor, ops.BOR: band, ops.BXOR: bor}
    refuted = 0
    for rule in rng.sample([r for r in RULES if r.right.kind == 1 and r.right.op in other], 12):
        right = other[rule.right.op](*rule.right.args)
        changed = type(rule)(rule.name, rule.left, right, rule.guards, rule.where)
        verdict = prove.prove(changed, 500)
        wrong = any([prove.try_case(case, 50) for case in list(prove.cases(changed))[:6]])
        assert not (wrong and verdict.status == prove.PROVED), rule.name
        refuted += verdict.status == prove.REFUTED
    assert refuted >= 10
    dropped = 0
    guarded = []
    for rule in RULES:
        names = [guard.name for guard in rule.guards]
        if (
            names
            and "division" not in rule.where
            and not any(["known" in n or n == "odd" for n in names])
        ):
            guarded.append(rule)
    for rule in rng.sample(guarded, 12):
        changed = type(rule)(rule.name, rule.left, rule.right, [], rule.where)
        dropped += prove.prove(changed, 500).status == prove.REFUTED
    assert dropped >= 9


def test_commutative_opcodes_commute() -> None:
    """What lets the prover look at one order of operands alone."""
    z3 = pytest.importorskip("z3")
    from grus.ir.semantics import MEANINGS, Shape, evaluator

    for op, row in enumerate(ops.ROWS):
        if not ops.FLAGS[op] & ops.COMMUTES or row.name.startswith("f") or MEANINGS[op] is None:
            continue
        shape = Shape(op, T.I8, [T.I8] * len(row.values))
        names = [z3.BitVec(f"x{n}", 8) for n in range(len(row.values))]
        one, other = prove.Z3(), prove.Z3()
        first = evaluator(op, shape)(one, shape, *names)
        second = evaluator(op, shape)(other, shape, names[1], names[0], *names[2:])
        pairs = zip(first, second, strict=True) if isinstance(first, tuple) else [(first, second)]
        solver = z3.Solver()
        solver.add(z3.Or([a != b for a, b in pairs]))
        assert solver.check() == z3.unsat, row.name


def test_mistakes_are_errors() -> None:
    rules = rule_set()

    @rules.rule
    def dearer(x: Int) -> tuple[Term, ...]:
        return iadd(x, x), imul(x, iconst(2))

    @rules.rule
    def copies(x: Int, y: Int) -> tuple[Term, ...]:
        return imul(x, y), iadd(iadd(x, y), y)

    @rules.rule
    def turns_round(x: Int, y: Int) -> tuple[Term, ...]:
        return iadd(x, y), iadd(y, x)

    for rule in rules.rules:
        with pytest.raises(RuleError):
            measure.check(rule)
    with pytest.raises(RuleError, match="turns_round never wins over dearer|never wins"):
        rules.rules.append(rules.rules[2])
        leaves(rules, lowering=False)
    with pytest.raises(RuleError, match="follows from nothing"):
        unknown = rule_set()

        @unknown.rule
        def no_type(x: Int) -> tuple[Term, ...]:
            return band(x, iconst(0)), ushr(x, uextend(iconst(0)))

        made(unknown, lowering=False)


def test_rules_can_be_disabled() -> None:
    everything = simplify.rules()
    try:
        simplify.use_rules(simplify.load_rules(frozenset(("add_zero",))))
        tree = trees.Tree()
        x = tree.param(T.I32)
        total = tree.make(ops.IADD, T.I32, x, tree.const(T.I32, 0))
        assert total.num not in tree.simplified()
        assert "add_zero" not in [name.split()[0] for name, _ in simplify.rule_stats()]
        with pytest.raises(RuleError, match="no such rule: add_nothing"):
            simplify.load_rules(frozenset(("add_nothing",)))
    finally:
        simplify.use_rules(everything)
    assert tree.simplified()[total.num] is x


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_multipliers(bits: int) -> None:
    """The conditions of the theorems: wider divisors are not only tested on values."""
    rng = random.Random(bits)
    for _ in range(2000):
        k = rng.getrandbits(rng.randint(2, bits - 1))
        if k < 3 or k & (k - 1) == 0:
            continue
        multiplier, shift = functions._unsigned_magic(bits, k)
        over = multiplier * k - (1 << (bits + shift))
        assert 0 <= over <= 1 << shift and multiplier < 2 << bits
        if multiplier > MASK[bits]:
            assert shift > 0
        if k < 1 << (bits - 1):
            multiplier, shift = functions._signed_magic(bits, k)
            over = multiplier * k - (1 << (bits + shift))
            assert 0 < over < 2 << shift and multiplier < 1 << bits
            assert functions._signed_magic(bits, -k) == (-multiplier, shift)


def test_z3_agrees_with_the_interpreter() -> None:
    """The solver's vocabulary on constants gives what the interpreter's does."""
    z3 = pytest.importorskip("z3")
    from grus.ir.semantics import MEANINGS, InterpreterTrap, Shape

    rng = random.Random(9)
    checked = 0
    for op, row in enumerate(ops.ROWS):
        if MEANINGS[op] is None or len(row.results) != 1 or not row.values or row.name[0] == "f":
            continue
        if any([v.var not in ("Int", "iB", "Any", "NarrowInt") or v.how for v in row.values]):
            continue
        if row.results[0].var not in ("Int", "iB", "Any", "NarrowInt"):
            continue
        for _ in range(12):
            bits = [
                rng.choice((rng.getrandbits(16), rng.getrandbits(2), 0xFFFF)) for _ in row.values
            ]
            shape = Shape(op, T.I16, [T.I16] * len(bits))
            try:
                want = MEANINGS[op](CONCRETE, shape, *bits)
            except InterpreterTrap:
                continue
            got = MEANINGS[op](prove.Z3(), shape, *[z3.BitVecVal(b, 16) for b in bits])
            assert z3.simplify(got).as_long() == want, (row.name, bits)
            checked += 1
    assert checked > 200


def test_conditions() -> None:
    """What a branch tests is peeled down to what decides."""
    tree = trees.Tree()
    x, y = tree.param(T.I32), tree.param(T.I32)

    def simpler(value: object) -> object:
        return Simplifier(tree.func).condition(tree.make(ops.TRAPNZ, T.INVALID, value, imm=1))

    assert simpler(tree.make(ops.POPCNT, T.I32, x)) is x
    assert simpler(tree.make(ops.ROTL, T.I32, x, y)) is x
    chosen = tree.make(ops.SELECT, T.I32, x, tree.const(T.I32, 5), tree.const(T.I32, 0))
    assert simpler(chosen) is x
    difference = simpler(tree.make(ops.ISUB, T.I32, x, y))
    assert difference.op == ops.ICMP and difference.imm == ops.NE and difference in tree.block.insts
    sign = simpler(tree.make(ops.IREDUCE, T.I8, tree.make(ops.CLZ, T.I32, x)))
    assert sign.op == ops.ICMP and sign.imm == ops.SGE and sign.a is x
    assert simpler(tree.make(ops.IMUL, T.I32, x, y)) is None
