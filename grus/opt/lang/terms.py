"""Rules: small typed Python functions that are called once and leave data behind.

    rules = RuleSet("x64", actions={"add_imm", ...}, guards={"fits_i32", ...})

    @rules.rule
    def add_imm(x: Narrow, C: Imm):
        return iadd(x, iconst(C)), do.add_imm(x, C), when.fits_i32(C)

The function returns the left side, the right side and any guards. Its parameters are variables:

- an annotation that is a name of `TYPES` restricts the type of the value (`Narrow`: i8 to i64);
- `Const` is a value that is an integer constant (`iconst`);
- `Imm` is an integer: an immediate of the pattern (`iconst(C)`);
- `CC` and `FloatCC` are conditions of `icmp` and `fcmp`;
- `Any` is anything that stands there (flags of a load).

The left side is built of opcodes (`grus.opt.lang.ir`), each with all operands in the order of its
row; a variable used twice must be the same value. The right side is what is made: in a rewrite,
opcodes, and functions of constants and conditions where an immediate stands (`iconst(do.f(k))`);
in lowering, actions. Guards are predicates. Actions and guards come from the closed lists of the
`RuleSet`. Nothing of Python's own meaning is bent: a term has no
truth value, so a stray `if` in a rule is an error.

Meaning: rules are tried in the order of the file; the first that matches wins. A rule with
commutative opcodes on the left matches with their operands in either order. A rule that an earlier
one always beats is an error. `infer.py` says how the terms of a rewrite get their types.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grus.base.errors import GrusError
from grus.ir import opcodes as ops
from grus.ir import types as T

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn


class RuleError(GrusError):
    """A rule that is wrong: names something unknown, binds badly, or can never win."""


class Term:
    """A node of a pattern or of a right side.

    `kind` is VAR (`name`, `types`, `sort`), OP (`op`, `args`), ACTION or GUARD (`name`, `args`),
    LITERAL (`value`) or SYMBOL (`name`: an integer that depends on the type of its `iconst`).
    `sort` of a variable is its annotation.
    """

    __slots__ = ("args", "kind", "name", "op", "sort", "types", "value")

    def __init__(self, kind: int, name: str = "", args: tuple[Term, ...] = ()) -> None:
        self.kind = kind
        self.name = name
        self.args = args
        self.op = -1
        self.value = 0
        self.types: frozenset[int] | None = None
        self.sort = ""

    def __bool__(self) -> NoReturn:
        raise RuleError("a rule decides nothing while it is traced: use guards instead of `if`")


VAR: Final = 0
OP: Final = 1
ACTION: Final = 2
GUARD: Final = 3
LITERAL: Final = 4
SYMBOL: Final = 5

# Annotations of rules. They are Term for the type checker; their names select `TYPES`.
Any = Term
Imm = Term
CC = Term
FloatCC = Term
Const = Term
Int = Term
Lanes = Term
Bits = Term
Vector128 = Term
Selected = Term
Narrow = Term
Wide = Term
Small = Term
I64 = Term
I32 = Term
I128 = Term
F32 = Term
F64 = Term
Scalar = Term
Vector = Term

INTS: Final = frozenset(T.INTS)
VECTORS: Final = frozenset((T.I8X16, T.I16X8, T.I32X4, T.I64X2))

TYPES: Final[dict[str, frozenset[int] | None]] = {
    "Any": None,
    "Imm": None,
    "CC": None,
    "FloatCC": None,
    "Const": frozenset((T.I8, T.I16, T.I32, T.I64)),
    "Int": INTS,
    "Lanes": INTS | VECTORS,
    "Bits": INTS | VECTORS | {T.F32, T.F64, T.F32X4, T.F64X2},
    "Vector128": VECTORS,
    "Selected": INTS | VECTORS | {T.F32, T.F64},
    "Narrow": frozenset((T.I8, T.I16, T.I32, T.I64)),
    "Wide": frozenset((T.I32, T.I64)),
    "Small": frozenset((T.I8, T.I16)),
    "I64": frozenset((T.I64,)),
    "I32": frozenset((T.I32,)),
    "I128": frozenset((T.I128,)),
    "F32": frozenset((T.F32,)),
    "F64": frozenset((T.F64,)),
    "Scalar": frozenset((T.F32, T.F64)),
    "Vector": frozenset(ty for ty in T.BY_NAME.values() if T.is_vector(ty)),
}


def literal(value: int) -> Term:
    """A fixed immediate of a pattern."""
    term = Term(LITERAL)
    term.value = value
    return term


def symbol(name: str) -> Term:
    """An immediate that depends on the type of its `iconst` (`SYMBOLS`)."""
    return Term(SYMBOL, name)


def _signed_max(bits: int) -> int:
    return (1 << (bits - 1)) - 1


# The integer that each symbol is for `iconst` of this many bits, sign-extended as `Value.imm`.
SYMBOLS: Final[dict[str, Callable[[int], int]]] = {
    "SMIN": lambda bits: -_signed_max(bits) - 1,
    "SMAX": _signed_max,
}
SMIN: Final = symbol("SMIN")
SMAX: Final = symbol("SMAX")


def operation(op: int, args: tuple[Term | int, ...]) -> Term:
    """A node of an opcode, with all operands in the order of its row. Raises RuleError."""
    row = ops.ROWS[op]
    if len(args) != len(row.operands):
        raise RuleError(f"{row.name} has {len(row.operands)} operands, not {len(args)}")
    term = Term(OP, row.name, tuple([a if isinstance(a, Term) else literal(a) for a in args]))
    term.op = op
    return term


def key(term: Term) -> str:
    """Text that is equal for terms that are equal, operands of commutative opcodes in any order."""
    if term.kind == LITERAL:
        return str(term.value)
    args = [key(a) for a in term.args]
    if term.kind == OP and term.op != ops.PROJ and ops.FLAGS[term.op] & ops.COMMUTES:
        args.sort()
    return f"{term.name}({','.join(args)})" if args else term.name


class Calls:
    """`do.name(...)` and `when.name(...)`: actions and guards as terms."""

    __slots__ = ("_kind",)

    def __init__(self, kind: int) -> None:
        self._kind = kind

    def __getattr__(self, name: str) -> Callable[..., Term]:
        kind = self._kind

        def make(*args: Term | int) -> Term:
            return Term(kind, name, tuple([a if isinstance(a, Term) else literal(a) for a in args]))

        return make


do: Final = Calls(ACTION)
when: Final = Calls(GUARD)


Traced = Callable[..., tuple["Term", ...]]
"""A rule as it is written."""


class Rule:
    """A traced rule. `where` is `file:line`; `measure` says why it ends (see `measure.py`);
    `reorders` is false when operands of commutative opcodes match in their written order only;
    `dying` when it fires only where the inner instructions have no other use."""

    __slots__ = (
        *(
            "doc",
            "dying",
            "guards",
            "left",
            "measure",
            "name",
            "number",
            "reorders",
            "right",
            "where",
        ),
    )

    def __init__(self, name: str, left: Term, right: Term, guards: list[Term], where: str) -> None:
        self.name = name
        self.left = left
        self.right = right
        self.guards = guards
        self.where = where
        self.doc = ""
        self.measure = "cost"
        self.reorders = True
        self.dying = False
        self.number = -1


def _name_of(choice: object) -> str:
    """What a choice of `each` adds to the name of a rule."""
    if isinstance(choice, Term):
        return choice.name
    return str(getattr(choice, "__name__", choice)).strip("_").replace("-", "minus_")


class RuleSet:
    """The rules of one purpose, in order. `actions` and `guards` are the names allowed; `subject`
    is the class that the compiled rules work for, with its module, "" for any."""

    __slots__ = ("actions", "guards", "name", "rules", "subject")

    def __init__(
        self, name: str, actions: frozenset[str], guards: frozenset[str], subject: str = ""
    ) -> None:
        self.name = name
        self.subject = subject
        self.actions = actions
        self.guards = guards
        self.rules: list[Rule] = []

    def rule(self, function: Traced) -> Traced:
        """Trace a rule and append it. Raises RuleError."""
        self._trace(function, {}, "cost")
        return function

    def as_written(self, function: Traced) -> Traced:
        """`rule` for a rule so large that it is matched in the written order of operands only."""
        self._trace(function, {}, "cost")
        self.rules[-1].reorders = False
        return function

    def by(self, measure: str) -> Callable[[Traced], Traced]:
        """`rule` for a rule that ends for another reason than its cost (see `measure.py`)."""

        def trace(function: Traced) -> Traced:
            self._trace(function, {}, measure)
            return function

        return trace

    def each(
        self, measure: str = "cost", dying: bool = False, **choices: Sequence[object]
    ) -> Callable[[Traced], Traced]:
        """`rule` for several rules of one form: the parameters named here take these opcodes or
        numbers, all in step. `@rules.each(op=(ishl, ushr), back=(ushr, ishl))` makes two rules.
        `dying`: only where the inner instructions have no other use."""

        def trace(function: Traced) -> Traced:
            for chosen in zip(*choices.values(), strict=True):
                self._trace(function, dict(zip(choices, chosen, strict=True)), measure)
                self.rules[-1].dying = dying
            return function

        return trace

    def without(self, disabled: frozenset[str]) -> RuleSet:
        """A copy of the set that lacks some rules. Raises RuleError for a name that no rule has."""
        unknown = disabled - {rule.name for rule in self.rules}
        if unknown:
            raise RuleError(f"no such rule: {', '.join(sorted(unknown))}")
        rest = RuleSet(self.name, self.actions, self.guards, self.subject)
        rest.rules = [rule for rule in self.rules if rule.name not in disabled]
        return rest

    def _trace(self, function: Traced, fixed: dict[str, object], measure: str) -> None:
        code = function.__code__
        file = code.co_filename.replace("\\", "/").split("/grus/")[-1]
        where = f"{file}:{code.co_firstlineno}"
        rule_name = "_".join([function.__name__, *[_name_of(c) for c in fixed.values()]])
        variables: list[object] = []
        for name in code.co_varnames[: code.co_argcount]:
            if name in fixed:
                variables.append(fixed[name])
                continue
            annotation = str(function.__annotations__.get(name, ""))
            if annotation not in TYPES:
                raise RuleError(f"{where}: {rule_name}: {name} has no known type class")
            variable = Term(VAR, name)
            variable.sort = annotation
            variable.types = TYPES[annotation]
            variables.append(variable)
        left, right, *guards = function(*variables)
        if left.kind != OP:
            raise RuleError(f"{where}: {rule_name}: the left side is no opcode")
        rule = Rule(rule_name, left, right, guards, where)
        rule.measure = measure
        rule.doc = function.__doc__ or ""
        rule.number = len(self.rules)
        if rule.name in [r.name for r in self.rules]:
            raise RuleError(f"{where}: there are two rules {rule.name}")
        self._check(rule)
        self.rules.append(rule)

    def _check(self, rule: Rule) -> None:
        bound: set[str] = set()
        work = [rule.left]
        while work:
            term = work.pop()
            if term.kind == VAR:
                bound.add(term.name)
            elif term.kind in (ACTION, GUARD):
                raise RuleError(f"{rule.where}: {rule.name}: {term.name} on the left side")
            work.extend(term.args)
        work = [rule.right, *rule.guards]
        for guard in rule.guards:
            if guard.kind != GUARD:
                raise RuleError(f"{rule.where}: {rule.name}: a guard is `when.name(...)`")
        while work:
            term = work.pop()
            known = self.actions if term.kind == ACTION else self.guards
            if term.kind in (ACTION, GUARD) and term.name not in known:
                raise RuleError(f"{rule.where}: {rule.name}: unknown name {term.name}")
            if term.kind == VAR and term.name not in bound:
                raise RuleError(f"{rule.where}: {rule.name}: {term.name} is not bound")
            work.extend(term.args)
