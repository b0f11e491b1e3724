"""Proofs of rewrite rules.

A rule is a theorem: for all types that it may match, all conditions it may name and all values for
which its guards hold, the left side traps as the right side does, and when neither traps both are
the same bits. The meanings of `ir.semantics` are run over `Z3`, a domain of bit-vector terms, and
z3 is asked for values for which the theorem fails.

What z3 cannot decide in time is tried with random and remarkable values. The verdict on a rule is

- `PROVED`: at every combination of types that it can match up to 64 bits, and at 128 bits where
  z3 ends (it is tested there otherwise);
- `NARROW`: wherever no integer is wider than 16 bits, or wherever 16 bits are all that there is to
  try (rules with functions of constants that have no formula, and floats); the rest is tested;
- `TESTED`: not even that;
- `REFUTED`: there is a counterexample.

Float arithmetic is an uninterpreted function here: what is equal for every such function is proved,
anything else tested on all remarkable and many random values (for one f16 operand on all).

z3 is a development dependency, imported when a proof is asked for. Proofs are remembered in
`rules/proofs.txt` by a digest of the rule and of the meanings; `python -m tools.prove` keeps it.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.domain import CONCRETE, Domain, InterpreterTrap
from grus.ir.semantics import Shape, evaluator
from grus.opt.lang.infer import Typing, values
from grus.opt.lang.matcher import variants
from grus.opt.lang.terms import ACTION, LITERAL, OP, SYMBOL, SYMBOLS, VAR, Rule, RuleError, Term
from grus.opt.rules import functions

PROVED: Final = "proved"
NARROW: Final = "narrow"
TESTED: Final = "tested"
REFUTED: Final = "refuted"

VERSION: Final = 1
"""Part of every digest: raised when the prover's own meaning changes."""
TRIALS: Final = 400
"""Random tests of a combination of types that is not proved."""


class Z3(Domain[Any]):
    """Bit vectors as z3 terms. `traps` collects `(condition, code)` in order. With `abstract` a
    product is any commutative function: what holds then needs no multiplication in the solver."""

    __slots__ = ("abstract", "traps", "z3")

    def __init__(self, abstract: bool = False) -> None:
        import z3  # type: ignore[import-untyped]

        self.z3 = z3
        self.traps: list[tuple[Any, int]] = []
        self.abstract = abstract

    def _bit(self, condition: Any) -> Any:
        return self.z3.If(condition, self.z3.BitVecVal(1, 1), self.z3.BitVecVal(0, 1))

    def const(self, w: int, value: int) -> Any:
        return self.z3.BitVecVal(value, w)

    def add(self, w: int, x: Any, y: Any) -> Any:
        return x + y

    def sub(self, w: int, x: Any, y: Any) -> Any:
        return x - y

    def mul(self, w: int, x: Any, y: Any) -> Any:
        if not self.abstract:
            return x * y
        sort = self.z3.BitVecSort(w)
        product = self.z3.Function("product", sort, sort, sort)
        return self.z3.If(self.z3.ULT(x, y), product(x, y), product(y, x))

    def udiv(self, w: int, x: Any, y: Any) -> Any:
        return self.z3.UDiv(x, y)

    def urem(self, w: int, x: Any, y: Any) -> Any:
        return self.z3.URem(x, y)

    def sdiv(self, w: int, x: Any, y: Any) -> Any:
        return x / y

    def srem(self, w: int, x: Any, y: Any) -> Any:
        return self.z3.SRem(x, y)

    def and_(self, w: int, x: Any, y: Any) -> Any:
        return x & y

    def or_(self, w: int, x: Any, y: Any) -> Any:
        return x | y

    def xor(self, w: int, x: Any, y: Any) -> Any:
        return x ^ y

    def not_(self, w: int, x: Any) -> Any:
        return ~x

    def shl(self, w: int, x: Any, n: Any) -> Any:
        return x << n

    def lshr(self, w: int, x: Any, n: Any) -> Any:
        return self.z3.LShR(x, n)

    def ashr(self, w: int, x: Any, n: Any) -> Any:
        return x >> n

    def eq(self, w: int, x: Any, y: Any) -> Any:
        return self._bit(x == y)

    def ult(self, w: int, x: Any, y: Any) -> Any:
        return self._bit(self.z3.ULT(x, y))

    def slt(self, w: int, x: Any, y: Any) -> Any:
        return self._bit(x < y)

    def ite(self, w: int, c: Any, x: Any, y: Any) -> Any:
        return self.z3.If(c == 1, x, y)

    def zext(self, w: int, to: int, x: Any) -> Any:
        return self.z3.ZeroExt(to - w, x)

    def sext(self, w: int, to: int, x: Any) -> Any:
        return self.z3.SignExt(to - w, x)

    def extract(self, high: int, low: int, x: Any) -> Any:
        return self.z3.Extract(high, low, x)

    def concat(self, w_low: int, low: Any, w_high: int, high: Any) -> Any:
        return self.z3.Concat(high, low)

    def clz(self, w: int, x: Any) -> Any:
        result = self.const(w, w)
        for bit in range(w):
            result = self.ite(w, self.extract(bit, bit, x), self.const(w, w - 1 - bit), result)
        return result

    def ctz(self, w: int, x: Any) -> Any:
        result = self.const(w, w)
        for bit in reversed(range(w)):
            result = self.ite(w, self.extract(bit, bit, x), self.const(w, bit), result)
        return result

    def popcnt(self, w: int, x: Any) -> Any:
        result = self.const(w, 0)
        for bit in range(w):
            result = result + self.zext(1, w, self.extract(bit, bit, x)) if w > 1 else x
        return result

    def trap_if(self, c: Any, code: int) -> None:
        self.traps.append((c == 1, code))

    def apply(self, function: Callable[..., int], w: int, params: tuple[Any, ...], *xs: Any) -> Any:
        sorts = [self.z3.BitVecSort(x.size()) for x in xs]
        name = f"{function.__name__}{[getattr(p, 'name', None) or _text(p) for p in params]}"
        return self.z3.Function(name, *sorts, self.z3.BitVecSort(w))(*xs)

    def trap_code(self, traps: list[tuple[Any, int]]) -> Any:
        """The code of the first trap that happens, 0 when none does."""
        code = self.const(16, 0)
        for condition, number in reversed(traps):
            code = self.z3.If(condition, self.const(16, number), code)
        return code


def _text(param: object) -> str:
    slots = getattr(type(param), "__slots__", None)
    if slots is None:
        return str(param)
    return str([getattr(param, slot) for slot in sorted(slots)])


class Case:
    """A rule with one variant of its left side, types for all terms, conditions for its `CC`s."""

    __slots__ = ("conditions", "left", "rule", "types", "typing")

    def __init__(
        self,
        rule: Rule,
        left: Term,
        typing: Typing,
        types: dict[int, int],
        conditions: dict[str, int],
    ) -> None:
        self.rule = rule
        self.left = left
        self.typing = typing
        self.types = types
        self.conditions = conditions

    def ty(self, term: Term) -> int:
        """The type of a term."""
        return self.types[self.typing.class_of(term)]

    def variables(self) -> dict[str, Term]:
        """The variables that are values, by name, in the order of the text."""
        found: dict[str, Term] = {}
        work = [self.left]
        while work:
            term = work.pop(0)
            if term.kind == VAR and term.name not in self.conditions:
                found[term.name] = term
            work.extend(term.args)
        return found

    def describe(self) -> str:
        """Types and conditions in words."""
        types = [f"{n}: {T.NAMES[self.ty(t)]}" for n, t in self.variables().items()]
        codes = [f"{n} = {cc}" for n, cc in self.conditions.items()]
        return ", ".join([T.NAMES[self.ty(self.left)], *types, *codes])

    def bits(self) -> int:
        """The widest integer, at least 8; 16 for floats."""
        kinds = [self.ty(t) for t in (self.left, *self.variables().values())]
        return max([T.BITS[ty] if T.is_int(ty) else 16 for ty in kinds])

    # ---- meanings ----

    def immediate(self, term: Term, ty: int) -> int:
        """An immediate of an instruction of type `ty`."""
        if term.kind == LITERAL:
            return term.value
        if term.kind == SYMBOL:
            return SYMBOLS[term.name](T.BITS[ty])
        if term.kind == VAR:
            return self.conditions[term.name]
        assert term.kind == ACTION
        args = [self.immediate(a, ty) for a in term.args]
        result = getattr(functions, term.name)(*args)
        assert isinstance(result, int)
        return result

    def evaluate(self, d: Domain[Any], term: Term, env: dict[str, Any]) -> Any:
        """The bits of a term."""
        if term.kind == VAR:
            return env[term.name]
        ty = self.ty(term)
        if term.op == ops.ICONST:
            return d.const(T.BITS[ty], self.constant(d, term.args[0], ty, env))
        if term.op == ops.PROJ:
            return self.instruction(d, term.args[0], T.INVALID, env)[term.args[1].value]
        return self.instruction(d, term, ty, env)

    def constant(self, d: Domain[Any], term: Term, ty: int, env: dict[str, Any]) -> int:
        """The value of an `iconst`."""
        if term.kind == ACTION:
            meaning = functions.FUNCTIONS[term.name]
            assert meaning is not None
            widths = [T.BITS[self.ty(a)] for a in term.args if a.kind != LITERAL]
            if term.name in functions.OF_TYPES:
                return int(meaning(widths))
            arguments = [a.value if a.kind == LITERAL else env[a.name] for a in term.args]
            if not all([isinstance(a, int) for a in arguments]):
                raise functions.NoFormula(term.name)
            return int(meaning(widths, *arguments))
        return self.immediate(term, ty)

    def instruction(self, d: Domain[Any], term: Term, ty: int, env: dict[str, Any]) -> Any:
        """The results of an instruction."""
        imm = 0
        for arg, operand in zip(term.args, ops.ROWS[term.op].operands, strict=True):
            if operand.kind != "value":
                imm = self.immediate(arg, ty)
        operands = values(term)
        shape = Shape(term.op, ty, [self.ty(a) for a in operands], imm)
        bits = [self.evaluate(d, a, env) for a in operands]
        return evaluator(term.op, shape)(d, shape, *bits)

    def guard(self, d: Domain[Any], guard: Term, env: dict[str, Any]) -> Any:
        """A guard as one bit."""
        meaning = functions.GUARDS[guard.name]
        widths: list[int] = []
        args: list[Any] = []
        for arg in guard.args:
            if arg.kind == VAR and arg.name in self.conditions:
                args.append(self.conditions[arg.name])
            elif arg.kind == LITERAL:
                args.append(arg.value)
            else:
                widths.append(T.BITS[self.ty(arg)])
                args.append(self.evaluate(d, arg, env))
        return meaning(d, widths, *args)


_LANES: Final = frozenset(
    (
        *(ops.BAND, ops.BOR, ops.BXOR, ops.BNOT, ops.ICONST, ops.BITSELECT),
        *(ops.SELECT, ops.SELECT_SPECTRE_GUARD),
    )
)


def _by_lanes(op: int) -> bool:
    """True when an opcode on a vector does to each lane what it does to a scalar."""
    shape = Shape(op, T.I32X4, [T.I32X4] * 2)
    return op in _LANES or evaluator(op, shape) is not shape.fn


def cases(rule: Rule) -> Iterator[Case]:
    """Everything to prove of a rule. Where a vector may stand for a scalar its lanes are proved.

    That operands of commutative integer opcodes may be swapped, and those of a comparison with its
    condition, is proved once for the opcode (`tests/opt/rules`), so that the written order is all;
    for floats (which NaN comes out?) every order is a case.
    """
    immediates = _immediates(rule)
    lefts = variants(rule, canonical=True)
    for left in lefts if _commutes_floats(rule.left) else lefts[:1]:
        typing = Typing(rule, left)
        seen: set[tuple[int, ...]] = set()
        for types in typing.assignments():
            if any([T.is_vector(ty) for ty in types.values()]):
                lanes = typing.by_lane(types)
                if not any([T.is_vector(ty) for ty in lanes.values()]):
                    _check_lanes(Case(rule, left, typing, types, {}))
                    types = lanes
            if tuple(types.values()) in seen:
                continue
            seen.add(tuple(types.values()))
            for chosen in itertools.product(*immediates.values()):
                names = dict(zip(immediates, chosen, strict=True))
                case = Case(rule, left, typing, types, names)
                guards = [g for g in rule.guards if g.args and _only_conditions(g, names)]
                if all([case.guard(CONCRETE, g, {}) for g in guards]):
                    yield case


def _commutes_floats(term: Term) -> bool:
    if term.kind == OP and term.name.startswith("f") and ops.FLAGS[term.op] & ops.COMMUTES:
        return True
    return any([_commutes_floats(a) for a in term.args])


def _only_conditions(guard: Term, names: dict[str, int]) -> bool:
    return all([a.kind == LITERAL or a.name in names for a in guard.args])


_IMMEDIATES: Final = {
    "CC": range(len(ops.INT_CC)),
    "FloatCC": range(len(ops.FLOAT_CC)),
    "Imm": range(1, 2),  # a trap code: one is as good as another
}


def _immediates(rule: Rule) -> dict[str, range]:
    """The values of each variable that is no value of the IR."""
    found: dict[str, range] = {}
    work = [rule.left]
    while work:
        term = work.pop(0)
        if term.kind == VAR and term.sort in _IMMEDIATES:
            found[term.name] = _IMMEDIATES[term.sort]
        work.extend(term.args)
    return found


def _check_lanes(case: Case) -> None:
    rule = case.rule
    work = [rule.left, rule.right]
    while work:
        term = work.pop()
        if term.kind == OP:
            parts = [term, *values(term)]
            if any([T.is_vector(case.ty(t)) for t in parts]) and not _by_lanes(term.op):
                raise RuleError(f"{rule.where}: {rule.name}: {term.name} is not done lane by lane")
            work.extend(values(term))


# ---- z3 ----


def prove_case(case: Case, timeout_ms: int) -> tuple[str, str]:
    """What z3 says of a case: `PROVED`, `REFUTED` with the values, or "" with the reason."""
    fixed = _enumerated(case)
    if fixed is None:
        if _multiplies(case.left) and _ask(case, {}, timeout_ms, abstract=True)[0] == PROVED:
            return PROVED, ""
        return _ask(case, {}, timeout_ms)
    for constants in fixed:
        verdict = _ask(case, constants, timeout_ms)
        if verdict[0] != PROVED:
            return verdict
    return PROVED, ""


def _enumerated(case: Case) -> list[dict[str, int]] | None:
    """All values of constants that guards restrict to few, None when no guard does. Of several such
    constants that are wide only one is enumerated."""
    choices: dict[str, list[int]] = {}
    for guard in case.rule.guards:
        few = functions.FEW.get(guard.name)
        if few is not None:
            bits = T.BITS[case.ty(guard.args[0])]
            if not choices or bits <= 16:
                choices[guard.args[0].name] = [k & ((1 << bits) - 1) for k in few(bits)]
    if not choices:
        return None
    return [
        dict(zip(choices, chosen, strict=True)) for chosen in itertools.product(*choices.values())
    ]


def _multiplies(term: Term) -> bool:
    if term.kind == OP and term.op in (ops.IMUL, ops.UMULHI, ops.SMULHI):
        return True
    return any([_multiplies(a) for a in term.args])


def _ask(
    case: Case, constants: dict[str, int], timeout_ms: int, abstract: bool = False
) -> tuple[str, str]:
    d = Z3(abstract)
    z3 = d.z3
    env: dict[str, Any] = {}
    for name, term in case.variables().items():
        bits = T.BITS[case.ty(term)]
        known = constants.get(name)
        env[name] = z3.BitVec(name, bits) if known is None else z3.BitVecVal(known, bits)
    try:
        assumed = [case.guard(d, guard, env) == 1 for guard in case.rule.guards]
        d.traps = []
        left = case.evaluate(d, case.left, env)
        left_traps, d.traps = d.traps, []
        right = case.evaluate(d, case.rule.right, env)
        right_traps = d.traps
    except functions.NoFormula as error:
        return "", f"no formula of {error}"
    trap = d.trap_code(left_traps)
    wrong = z3.Or(trap != d.trap_code(right_traps), z3.And(trap == 0, left != right))
    functions_in_it = abstract or _is_float(case)
    solver = z3.SolverFor("QF_UFBV" if functions_in_it else "QF_BV")
    solver.set("timeout", timeout_ms)
    solver.add(*assumed, wrong)
    answer = solver.check()
    if answer == z3.unsat:
        return PROVED, ""
    if answer == z3.sat:
        if functions_in_it:
            return "", "arithmetic"
        return REFUTED, f"{case.describe()}: {solver.model()}"
    return "", "time"


def _is_float(case: Case) -> bool:
    return any([T.is_float(ty) for ty in case.types.values()])


# ---- trying values ----


def remarkable(bits: int) -> list[int]:
    """Values at which things change."""
    top = 1 << (bits - 1)
    found = {0, 1, 2, 3, top, top - 1, top + 1, 2 * top - 1, 2 * top - 2, bits, bits - 1}
    found |= {1 << n for n in range(0, bits, max(1, bits // 8))} | {0xFF, 0xFFFF, 0xFFFFFFFF}
    return sorted([n for n in found if n < 2 * top])


def remarkable_float(bits: int) -> list[int]:
    """Zeros, ones, infinities, NaNs, the smallest and largest, of either sign."""
    mantissa = {16: 10, 32: 23, 64: 52}[bits]
    infinity = ((1 << (bits - 1)) - 1) >> mantissa << mantissa
    one = (infinity >> 1) & infinity
    quiet = 1 << (mantissa - 1)
    found = [0, 1, one, one + 1, one - 1, infinity, infinity - 1, infinity | quiet, infinity | 1]
    found += [1 << mantissa, one + (1 << mantissa), infinity | quiet | 5]
    return sorted([n | sign for n in found for sign in (0, 1 << (bits - 1))])


def inputs(case: Case, count: int, seed: int) -> Iterator[dict[str, int]]:
    """`count` environments of mixed remarkable and random values for which the guards hold."""
    rng = random.Random(seed)
    variables = [(n, case.ty(t)) for n, t in case.variables().items()]
    chosen = _enumerated(case)
    found = tried = 0
    while found < count and tried < 200 * count:
        tried += 1
        env: dict[str, int] = {}
        for name, ty in variables:
            bits = T.BITS[ty]
            kind = rng.random()
            special = remarkable_float(bits) if T.is_float(ty) else remarkable(bits)
            if kind < 0.4:
                env[name] = rng.choice(special)
            elif kind < 0.6 and T.is_int(ty):
                env[name] = rng.getrandbits(rng.randint(1, bits))
            else:
                env[name] = rng.getrandbits(bits)
        if chosen is not None:
            env.update(rng.choice(chosen))
        if all([case.guard(CONCRETE, guard, env) for guard in case.rule.guards]):
            found += 1
            yield env


def outcome(case: Case, term: Term, env: dict[str, int]) -> tuple[str, int]:
    """The bits of a term, or its trap."""
    try:
        return "value", case.evaluate(CONCRETE, term, env)
    except InterpreterTrap as trap:
        return "trap", trap.code


def try_case(case: Case, count: int, seed: int = 1) -> str:
    """Test a case on values; a counterexample in words, or ""."""
    for env in inputs(case, count, seed):
        left = outcome(case, case.left, env)
        right = outcome(case, case.rule.right, env)
        if left != right:
            return f"{case.describe()}: {env}: {left} is not {right}"
    return ""


def _try_all(case: Case) -> str | None:
    """Test a case on all values of at most 16 bits in sum; None when there are more."""
    variables = [(n, T.BITS[case.ty(t)]) for n, t in case.variables().items()]
    if sum([bits for _, bits in variables]) > 16:
        return None
    for chosen in itertools.product(*[range(1 << bits) for _, bits in variables]):
        env = {name: n for (name, _), n in zip(variables, chosen, strict=True)}
        if all([case.guard(CONCRETE, guard, env) for guard in case.rule.guards]):
            left = outcome(case, case.left, env)
            right = outcome(case, case.rule.right, env)
            if left != right:
                return f"{case.describe()}: {env}: {left} is not {right}"
    return ""


# ---- verdicts ----


class Verdict:
    """What is known of a rule: a word of the module's list, and why it is not better."""

    __slots__ = ("status", "why")

    def __init__(self, status: str, why: str = "") -> None:
        self.status = status
        self.why = why


def prove(rule: Rule, timeout_ms: int = 4000) -> Verdict:
    """The verdict on a rule."""
    worst = PROVED
    why = ""
    slow = 0  # narrowest width that took too long
    for case in sorted(cases(rule), key=Case.bits):
        bits = case.bits()
        if slow and bits >= slow:
            status, reason = "", "time"
        else:
            status, reason = prove_case(case, timeout_ms)
        if status == REFUTED:
            return Verdict(REFUTED, reason)
        if status == PROVED:
            continue
        if reason == "time" and not slow:
            slow = bits
        if bits > 64:
            wrong = try_case(case, TRIALS)
            if wrong:
                return Verdict(REFUTED, wrong)
            continue
        tried: str | None = _try_all(case)
        if tried == "":
            continue
        wrong = tried or try_case(case, TRIALS)
        if wrong:
            return Verdict(REFUTED, wrong)
        if bits <= 16 and reason == "time":
            worst = TESTED
        elif worst != TESTED:
            worst = NARROW
        why = why or f"{case.describe()}: {reason}"
    return Verdict(worst, why if worst != PROVED else "")


# ---- remembered proofs ----

PATH: Final = Path(__file__).resolve().parent / "rules" / "proofs.txt"


def _shape_of(term: Term) -> str:
    """A term as text that says all that its meaning depends on."""
    if term.kind == VAR:
        types = "" if term.types is None else sorted(term.types)
        return f"{term.name}:{term.sort}{types}"
    if term.kind == LITERAL:
        return str(term.value)
    return f"{term.name}({', '.join([_shape_of(a) for a in term.args])})"


def digest(rule: Rule, base: str) -> str:
    """A digest of a rule, its guards and functions, and the meanings (`base`)."""
    parts = [base, _shape_of(rule.left), _shape_of(rule.right)]
    parts += [_shape_of(guard) for guard in rule.guards]
    work = [rule.right, *rule.guards]
    while work:
        term = work.pop()
        meaning = functions.GUARDS.get(term.name) or functions.FUNCTIONS.get(term.name)
        if meaning is not None:
            parts.append(inspect.getsource(meaning))
        work.extend(term.args)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def meanings_digest() -> str:
    """A digest of the meanings of the opcodes: of the code, not of what is said about it. Of
    domains only the base counts, on which `Z3` stands."""
    folder = Path(__file__).resolve().parent.parent / "ir"
    parts = [str(VERSION)]
    for name in ("bits", "domain", "meanings", "semantics_int", "semantics_float", "softfloat"):
        tree = without_text(folder / f"{name}.py")
        if name == "domain":
            tree.body = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Domain"]
        parts.append(ast.dump(tree))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def without_text(path: Path) -> ast.Module:
    """The syntax tree of a file without its documentation and imports."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [n for n in body if not _means_nothing(n)]
    return tree


def _means_nothing(node: object) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def remembered(path: Path = PATH) -> dict[str, tuple[str, str]]:
    """Digest and status of each rule in a file of proofs, by name."""
    found: dict[str, tuple[str, str]] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            if line and not line.startswith("#"):
                name, key, status = line.split()
                found[name] = (key, status)
    return found


def remember(proofs: dict[str, tuple[str, str]], order: list[str], path: Path = PATH) -> None:
    """Write a file of proofs, rules in this order."""
    lines = ["# Made by `python -m tools.prove`: rule, digest, verdict."]
    lines += [f"{name} {' '.join(proofs[name])}" for name in order if name in proofs]
    path.write_text("\n".join(lines) + "\n")
