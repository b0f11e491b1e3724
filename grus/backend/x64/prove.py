"""Proofs of lowering.

A shape (`shapes.py`) is a theorem: for all operands, memory and unknown bits the machine
instructions of its function trap as the function does, and else give its results, its memory and
its accesses. The IR's meanings and those of the instruction rows (`meanings.py`) are run over terms
(`validate.py`), and z3 is asked for values for which they differ. It is done for the baseline of
x86-64 and for x86-64-v3.

The verdicts are those of `opt/prove.py`, for a subject (a rule or opcode): `PROVED` at all widths,
128 bits included unless z3 does not end there; `NARROW` up to 16 bits; `TESTED` on numbers only.
What is not proved is tried on random and remarkable values. Remembered in `proofs.txt` by a digest
of what lowering makes and of the meanings, so a proof holds until other code comes out.
"""

from __future__ import annotations

import ast
import hashlib
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from grus.backend.lower import Context, lower
from grus.backend.settings import Settings
from grus.backend.vcode import Address, VBlock, VCode
from grus.backend.x64 import pseudo, shapes, target
from grus.backend.x64.actions import RuleLowering
from grus.backend.x64.rows import ROWS
from grus.backend.x64.shapes import Shape
from grus.backend.x64.target import TARGET
from grus.backend.x64.validate import Machine, Numbers, Outcome, Terms, Words, World, run_ir
from grus.base.errors import Unsupported
from grus.ir import types as T
from grus.ir.bits import MASK
from grus.ir.function import Function
from grus.ir.parser import parse_function
from grus.opt import prove as rules_prove
from grus.opt.lang.terms import RuleSet
from grus.opt.prove import NARROW, PROVED, REFUTED, TESTED, Verdict, remarkable

VERSION: Final = 1
CPUS: Final = ("x86-64", "x86-64-v3")
TRIALS: Final = 60
"""Tests on numbers of a theorem that is not proved."""
PATIENCE: Final = 3
"""Queries of one width that may take too long; then the others of it are only tested."""


class Lowered:
    """A function with the VCode that lowering makes of it."""

    __slots__ = ("func", "lowering", "vcode")

    def __init__(self, func: Function, settings: Settings) -> None:
        context = Context(func)
        lowering = RuleLowering(func, settings, context)
        self.func = func
        self.lowering = lowering
        self.vcode: VCode = lower(func, context, lowering)

    def listing(self) -> str:
        """All that `Machine` reads, as text."""
        blocks = self.vcode.blocks
        for number, block in enumerate(blocks):
            block.num = number
        lines: list[str] = []
        for block in blocks:
            lines.append(f"{block.params} {block.args}")
            for inst in block.insts:
                name = ROWS[inst.row].name if inst.row >= 0 else str(inst.row)
                mem = "" if inst.mem is None else self._address(inst.mem)
                text = f"{name} {inst.operands} {inst.imm} {mem} {_ext(inst.ext)}"
                lines.append(text)
        return "\n".join(lines)

    def _address(self, mem: Address) -> str:
        pool = [data.hex() for data, label in self.lowering.constants.items() if label == mem.label]
        return f"{mem.kind} {mem.disp} {mem.base} {mem.index} {mem.shift} {mem.trap} {pool}"


def _ext(ext: object) -> str:
    if isinstance(ext, tuple | list):
        return f"({' '.join([_ext(item) for item in ext])})"
    if isinstance(ext, VBlock):
        return f"block{ext.num}"
    if isinstance(ext, pseudo.Cond):
        return f"{ext.first} {ext.second} {ext.mode}"
    return str(ext) if isinstance(ext, int) else ""


class Theorem:
    """A shape as lowered for a CPU."""

    __slots__ = ("bits", "cpu", "listing", "lowered", "text")

    def __init__(self, shape: Shape, cpu: str, lowered: Lowered) -> None:
        self.bits = shape.bits
        self.text = shape.text
        self.cpu = cpu
        self.lowered = lowered
        self.listing = lowered.listing()


class Subject:
    """A lowering rule or an opcode with its theorems. `fired`: the rule was used in one."""

    __slots__ = ("fired", "name", "shapes", "theorems", "where")

    def __init__(self, name: str, where: str) -> None:
        self.name = name
        self.where = where
        self.shapes: list[Shape] = []
        self.theorems: list[Theorem] = []
        self.fired = False

    def lower(self) -> None:
        """Fill `theorems`: each shape for each CPU, once where the code is the same."""
        fired = _fired(self.name)
        for shape in self.shapes:
            func = parse_function(shape.text)
            made: list[str] = []
            for cpu, settings in settings_of_cpus():
                theorem = Theorem(shape, cpu, Lowered(func, settings))
                if theorem.listing not in made:
                    made.append(theorem.listing)
                    self.theorems.append(theorem)
        self.fired = fired < 0 or _fired(self.name) > fired

    def digest(self, base: str) -> str:
        """A digest of what lowering makes and of the meanings (`base`)."""
        parts = [base, *[f"{t.text}\n{t.listing}" for t in self.theorems]]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def settings_of_cpus() -> list[tuple[str, Settings]]:
    """The settings of each CPU."""
    found = []
    for cpu in CPUS:
        settings = TARGET.settings()
        settings.enable(cpu)
        found.append((cpu, settings))
    return found


def _fired(rule: str) -> int:
    """How often a rule fired; -1 for what is no rule."""
    matchers = target.MATCHERS
    for index, name in enumerate(matchers.NAMES):
        if name.split()[0] == rule:
            return int(matchers.FIRED[index])
    return -1


def subjects() -> list[Subject]:
    """The integer rules in the order of their file, then the opcodes; not lowered yet."""
    from grus.backend.x64.rules import RULES

    rules: RuleSet = RULES
    found: dict[str, Subject] = {}
    texts: set[str] = set()

    def add(made: Iterable[Shape], where: str) -> None:
        for shape in made:
            if shape.text in texts and shape.subject in found:
                continue
            texts.add(shape.text)
            found.setdefault(shape.subject, Subject(shape.subject, where)).shapes.append(shape)

    for rule in rules.rules:
        if shapes.is_integer(rule):
            add(shapes.of_rule(rule), rule.where)
    add(shapes.of_opcodes(), "opcode")
    return list(found.values())


# ---- one theorem ----


def _merged(z3: Any, outcomes: list[Outcome]) -> Outcome:
    """All paths as one: each value chosen by the path's condition."""
    whole = outcomes[-1]
    for other in outcomes[:-1]:
        taken = other.condition == 1
        both = list(zip(other.results, whole.results, strict=False))
        results = [z3.If(taken, a, b) for a, b in both]
        if not other.results or not whole.results:  # one of them traps for sure
            results = other.results or whole.results
        whole = Outcome(
            whole.condition,
            z3.If(taken, other.traps, whole.traps),
            results,
            whole.memory if whole.memory is None else z3.If(taken, other.memory, whole.memory),
            [],
        )
    return whole


def ask(theorem: Theorem, timeout_ms: int) -> tuple[str, str]:
    """What z3 says: `PROVED`, `REFUTED` with the values, or "" with the reason."""
    if "store" not in theorem.text and "atomic" not in theorem.text:
        verdict = _ask(theorem, timeout_ms, True)
        if verdict[0] != REFUTED or "load" not in theorem.text:
            return verdict
    return _ask(theorem, timeout_ms, False)


def _ask(theorem: Theorem, timeout_ms: int, read_only: bool) -> tuple[str, str]:
    d = Words()
    z3 = d.z3
    func = theorem.lowered.func
    params = [z3.BitVec(f"p{n}", T.BITS[param.ty]) for n, param in enumerate(func.sig.params)]
    world = Terms(d, read_only)
    left = run_ir(world, func, params)
    machine = Machine(world, func, theorem.lowered.lowering, theorem.lowered.vcode)
    right = machine.run(params)
    one, other = _merged(z3, left), _merged(z3, right)
    wrong = [a != b for a, b in _pairs(one, other)]
    if not read_only:
        wrong.append(one.memory != other.memory)
    if len(left) == len(right) == 1:
        if [size for _, size in left[0].accesses] != [size for _, size in right[0].accesses]:
            return REFUTED, f"accesses differ ({theorem.cpu})\n{theorem.text}{theorem.listing}"
        for (a, _), (b, _) in zip(left[0].accesses, right[0].accesses, strict=True):
            wrong.append(a != b)
    solver = z3.SolverFor("QF_BV" if read_only else "QF_AUFBV")
    solver.set("timeout", timeout_ms)
    differ = z3.And(one.traps == 0, z3.Or(*wrong)) if wrong else False
    solver.add(z3.Or(one.traps != other.traps, differ))
    answer = solver.check()
    if answer == z3.unsat:
        return PROVED, ""
    if answer == z3.sat:
        return REFUTED, f"{solver.model()} ({theorem.cpu})\n{theorem.text}{theorem.listing}"
    return "", "time"


def _pairs(one: Outcome, other: Outcome) -> Iterator[tuple[Any, Any]]:
    if len(one.results) != len(other.results):
        if one.results and other.results:
            raise Unsupported("results differ in number")
        return
    yield from zip(one.results, other.results, strict=True)


def attempt(theorem: Theorem, count: int, seed: int = 1) -> str:
    """Test a theorem on numbers; a counterexample in words, or ""."""
    rng = random.Random(seed)
    func = theorem.lowered.func
    for _ in range(count):
        params = []
        for param in func.sig.params:
            bits = T.BITS[param.ty]
            kind = rng.random()
            if kind < 0.5:
                params.append(rng.choice(remarkable(bits)))
            else:
                params.append(rng.getrandbits(rng.choice((bits, rng.randint(1, bits)))))
        if len(params) > 1 and rng.random() < 0.1:
            params[1] = params[0] & MASK[T.BITS[func.sig.params[1].ty]]
        world: World = Numbers(rng.getrandbits)
        left = _numbers(run_ir(world, func, params))
        machine = Machine(world, func, theorem.lowered.lowering, theorem.lowered.vcode)
        right = _numbers(machine.run(params))
        if left != right:
            return f"{params}: {left} is not {right} ({theorem.cpu})\n{theorem.text}"
    return ""


def _numbers(outcomes: list[Outcome]) -> object:
    outcome = outcomes[0]
    if outcome.traps:
        return outcome.traps
    return outcome.results, outcome.memory, outcome.accesses


def prove(subject: Subject, timeout_ms: int = 4000) -> Verdict:
    """The verdict on a subject that is lowered."""
    worst, why = PROVED, ""
    late: dict[int, int] = {}  # by width, how many queries took too long
    if not subject.fired:
        return Verdict(REFUTED, "the rule fires for none of its shapes")
    for theorem in sorted(subject.theorems, key=lambda t: t.bits):
        status, reason = "", "time"
        if late.get(theorem.bits, 0) < PATIENCE:
            status, reason = ask(theorem, timeout_ms)
        if status == REFUTED:
            return Verdict(REFUTED, reason)
        if status == PROVED:
            continue
        late[theorem.bits] = late.get(theorem.bits, 0) + 1
        wrong = attempt(theorem, TRIALS)
        if wrong:
            return Verdict(REFUTED, wrong)
        if theorem.bits > 64:
            continue
        if theorem.bits <= 16:
            worst = TESTED
        elif worst != TESTED:
            worst = NARROW
        why = why or f"{reason} ({theorem.cpu})\n{theorem.text}"
    return Verdict(worst, why)


# ---- remembered proofs ----

PATH: Final = Path(__file__).resolve().parent / "proofs.txt"


def meanings_digest() -> str:
    """A digest of the meanings of opcodes and of rows, and of how they are compared."""
    folder = Path(__file__).resolve().parent
    parts = [str(VERSION), rules_prove.meanings_digest()]
    for name in ("meanings", "validate"):
        parts.append(ast.dump(rules_prove.without_text(folder / f"{name}.py")))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
