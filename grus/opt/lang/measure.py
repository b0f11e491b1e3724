"""Why rewriting ends: each rule lowers a measure of the term.

The measure of a term is a tuple, compared in order:

1. the cost of its instructions (`COSTS`; constants and what is computed of constants cost nothing);
2. how many constants are in it;
3. how deep its constants are, summed: constants move out;
4. the rank of its instructions (`RANKS`): of two that cost the same, one is preferred.

Each part is a sum over the instructions, so a term whose part gets smaller does; a variable that
stands more often on the right than on the left would multiply what is below it, and is an error
unless the rule says so: `@rules.by("copies")`, where only the cost of what is written counts. A
rule that lowers none of this names its own reason with `@rules.by(...)`; the reasons are `REASONS`.
The rewrite budget of the simplifier catches what this page overlooks, and a budget that runs out
fails the tests.
"""

from __future__ import annotations

from typing import Final

from grus.ir import opcodes as ops
from grus.opt.lang.infer import values
from grus.opt.lang.terms import OP, VAR, Rule, RuleError, Term, key

_DIVISION: Final = 60
COSTS: Final[dict[int, int]] = {
    ops.UDIV: _DIVISION,
    ops.SDIV: _DIVISION,
    ops.UREM: _DIVISION,
    ops.SREM: _DIVISION,
    ops.IMUL: 6,
    ops.ROTL: 3,
    ops.ROTR: 3,
    ops.UMULHI: 8,
    ops.SMULHI: 8,
    ops.SELECT: 3,
    ops.SMIN: 4,
    ops.SMAX: 4,
    ops.UMIN: 4,
    ops.UMAX: 4,
    ops.IABS: 3,
    ops.BSWAP: 3,
    ops.BITREV: 20,
    ops.CLZ: 5,
    ops.CTZ: 5,
    ops.POPCNT: 5,
    ops.BMASK: 3,
    ops.BNOT: 1,
    ops.FDIV: 20,
    ops.FMUL: 6,
    ops.FADD: 6,
    ops.FSUB: 6,
    ops.UADD_OVERFLOW_TRAP: 4,
    ops.UEXTEND: 1,
    ops.SEXTEND: 2,
    ops.IREDUCE: 1,
    ops.PROJ: 0,
}
"""About the latency on current x86-64, twice; an opcode that is not here costs 2."""

RANKS: Final[dict[int, int]] = {
    ops.ISUB: 1,
    ops.SEXTEND: 1,
    ops.ROTR: 1,
    ops.BITSELECT: 1,
}
"""An opcode that is not here has rank 0."""

REASONS: Final[dict[str, str]] = {
    "cost": "the measure above",
    "copies": "cheaper as written, though a variable stands more often on the right",
    "condition": "the condition code is nearer to eq, ne, then signed or unsigned against 0",
    "splat": "an operation on lanes that are all the same becomes one on a scalar",
    "canonical": "a constant gets into its canonical form, where the guard fails",
}

Measure = tuple[int, int, int, int]


def is_constant(term: Term) -> bool:
    """True for a term that is computed of constants: the simplifier folds it."""
    if term.kind == VAR:
        return term.sort == "Const"
    return term.kind == OP and all([is_constant(a) for a in values(term)])


def measure(term: Term) -> Measure:
    """The measure of a side of a rule."""
    cost = constants = depths = ranks = 0
    work = [(term, 0)]
    while work:
        term, depth = work.pop()
        if is_constant(term):
            constants += 1
            depths += depth
        elif term.kind == OP:
            cost += COSTS.get(term.op, 2)
            ranks += RANKS.get(term.op, 0)
            work.extend([(a, depth + 1) for a in values(term)])
    return cost, constants, depths, ranks


def _variables(term: Term) -> list[str]:
    """The variables of a term that are not constants, as often as they stand there."""
    names: list[str] = []
    work = [term]
    while work:
        term = work.pop()
        if term.kind == VAR and term.sort != "Const":
            names.append(term.name)
        elif term.kind == OP:
            work.extend(values(term))
    return names


def check(rule: Rule) -> None:
    """Raises RuleError for a rule that lowers no measure."""
    if rule.measure not in REASONS:
        raise RuleError(f"{rule.where}: {rule.name}: no such measure: {rule.measure}")
    before, after = measure(rule.left), measure(rule.right)
    if rule.measure == "cost" or rule.measure == "copies":
        if after >= before:
            raise RuleError(f"{rule.where}: {rule.name}: measure goes from {before} to {after}")
    elif after[0] > before[0]:
        raise RuleError(f"{rule.where}: {rule.name}: cost goes from {before[0]} to {after[0]}")
    if rule.measure != "copies":
        left = _variables(rule.left)
        for name in _variables(rule.right):
            if name not in left:
                raise RuleError(f"{rule.where}: {rule.name}: more of {name} on the right")
            left.remove(name)


def parts(term: Term) -> set[str]:
    """The keys of the instructions of a term below its root."""
    found: set[str] = set()
    work = list(term.args)
    while work:
        term = work.pop()
        if term.kind == OP and term.op != ops.ICONST:
            found.add(key(term))
        work.extend(term.args)
    return found


def needs_single_use(rule: Rule) -> bool:
    """True when the rule says so, or what is new on the right side costs more than the root of the
    left one: then it only pays if inner instructions die."""
    if rule.dying:
        return True
    there = parts(rule.left)
    cost = 0
    work = [rule.right]
    while work:
        term = work.pop()
        if term.kind == OP and not is_constant(term) and key(term) not in there:
            cost += COSTS.get(term.op, 2)
            work.extend(values(term))
    return cost > COSTS.get(rule.left.op, 2)
