"""Lowering of integers is proved; wrong lowering is refuted."""

from __future__ import annotations

from collections import Counter

import pytest

from grus.backend.lower import Context
from grus.backend.x64 import actions, prove, shapes
from grus.backend.x64 import lower as L
from grus.backend.x64.prove import Lowered, Subject, Theorem
from grus.backend.x64.shapes import Shape
from grus.backend.x64.target import TARGET
from grus.ir import opcodes as ops
from grus.ir.parser import parse_function
from grus.ir.semantics import MEANINGS
from grus.opt.prove import NARROW, PROVED, REFUTED, TESTED, remembered
from grus.testing import fuzz_lowering
from tests.builds import PLAIN_ONLY

SUBJECTS = prove.subjects()


@PLAIN_ONLY
def test_proofs_are_current() -> None:
    base = prove.meanings_digest()
    known = remembered(prove.PATH)
    stale = []
    for subject in SUBJECTS:
        subject.lower()
        assert subject.fired, f"{subject.name} fires for none of its shapes"
        if known.get(subject.name, ("", ""))[0] != subject.digest(base):
            stale.append(subject.name)
    assert not stale, "run: python -m tools.prove --lowering"
    counts = Counter([known[subject.name][1] for subject in SUBJECTS])
    assert set(counts) <= {PROVED, NARROW, TESTED}
    assert counts[NARROW] <= 0.1 * len(SUBJECTS)
    assert counts[TESTED] <= 0.03 * len(SUBJECTS)


def test_every_integer_opcode_is_a_subject() -> None:
    """All opcodes with a meaning on integers alone that x64 lowers on scalars."""
    names = {subject.name for subject in SUBJECTS}
    missing = set()
    for op, row in enumerate(ops.ROWS):
        kinds = {v.var for v in (*row.values, *row.results)}
        if MEANINGS[op] is not None and row.values and kinds <= SCALARS:
            if row.name not in names:
                missing.add(row.name)
    assert missing == {"blendv"}  # of vectors alone on x86-64


SCALARS = {
    *("Any", "Int", "iB", "iAddr", "iSwappable", "NarrowInt", "WideInt"),
    *("ScalarTruthy", "IntTo", ""),
}


def refuted(text: str, subject: str = "test", cpu: str = "x86-64") -> str:
    settings = TARGET.settings()
    settings.enable(cpu)
    shape = Shape(subject, 64, text)
    theorem = Theorem(shape, cpu, Lowered(parse_function(text), settings))
    status, why = prove.ask(theorem, 4000)
    assert status == REFUTED, why
    return why


ADD = """
function %f(i32, i32) -> i32 tail {
block0(v0: i32, v1: i32):
    v2 = iadd v0, v1
    return v2
}
"""


@PLAIN_ONLY
def test_wrong_lowering_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another instruction, a forgotten extension, a wrong condition, a load that moves."""
    pytest.importorskip("z3")

    def changed(name: str, function: object) -> None:
        monkeypatch.setattr(actions.RuleLowering, name, function)

    changed("alu", lambda x, v, kind, a, b: L.X64Lower.binary(
        x, L.SUB, 2, x.c.result(v), x.c.reg(a), x.rmi(b)))  # fmt: skip
    refuted(ADD)
    monkeypatch.undo()
    changed("shift_source", lambda x, kind, a: x.c.reg(a))
    refuted(ADD.replace("iadd", "ushr").replace("i32", "i8"))
    monkeypatch.undo()
    changed("extend_to", lambda x, dst, src, ty, sign, size: x.move(dst, src))
    refuted(
        "function %f(i32) -> i64 tail {\nblock0(v0: i32):\n    v1 = uextend.i64 v0\n"
        "    return v1\n}\n"
    )
    monkeypatch.undo()
    monkeypatch.setattr(L, "_INT_CC", (L.E, L.NE, L.L, L.GE, L.G, L.LE, L.B, L.AE, L.AE, L.BE))
    less = ADD.replace("iadd", "icmp ugt").replace("-> i32", "-> i8")
    refuted(less)
    brif = less.replace("return v2", "brif v2, block1, block2").replace("}\n", "")
    refuted(
        f"{brif}block1:\n    v3 = iconst.i8 1\n    return v3\n"
        "block2:\n    v4 = iconst.i8 0\n    return v4\n}\n"
    )


@PLAIN_ONLY
def test_a_trap_that_is_missed_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("z3")
    monkeypatch.setattr(L.X64Lower, "trap_if", lambda x, cond, code: None)
    refuted(ADD.replace("iadd", "udiv"))


@PLAIN_ONLY
def test_a_load_that_moves_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a store, or read in more bytes than there are."""
    pytest.importorskip("z3")
    text = """
function %f(i64, i64, i32) -> i32 tail {
block0(v0: i64, v1: i64, v2: i32):
    v3 = load.i32 v0
    store v2, v1
    v4 = iadd v2, v3
    return v4
}
"""
    monkeypatch.setattr(Context, "can_sink", lambda self, load: True)
    refuted(text)
    monkeypatch.setattr(L.X64Lower, "rm", lambda x, value, narrow=False: (
        x.c.sink(value), x.address_of(value))[1])  # fmt: skip
    byte = """
function %f(i64, i8) -> i8 tail {
block0(v0: i64, v1: i8):
    v2 = load.i8 v0
    v3 = iadd v1, v2
    return v3
}
"""
    assert "accesses differ" in refuted(byte)


@PLAIN_ONLY
def test_numbers_find_what_terms_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test on numbers, which is all for what z3 does not decide."""
    settings = TARGET.settings()
    for cc in ops.INT_CC:
        text = ADD.replace("iadd", f"icmp {cc}").replace("-> i32", "-> i8")
        shape = Shape("icmp", 32, text)
        assert not prove.attempt(Theorem(shape, "", Lowered(parse_function(text), settings)), 50)
    monkeypatch.setattr(L, "_INT_CC", (L.E, L.NE, L.LE, L.GE, L.G, L.LE, L.B, L.AE, L.A, L.BE))
    text = ADD.replace("iadd", "icmp slt").replace("-> i32", "-> i8")
    theorem = Theorem(Shape("icmp", 32, text), "", Lowered(parse_function(text), settings))
    assert "is not" in prove.attempt(theorem, 300)


@PLAIN_ONLY
def test_a_rule_that_never_fires_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions.RuleLowering, "fits_i32", lambda x, number: False)
    subject = Subject("multiply_constant", "")
    text = """
function %f(i32) -> i32 tail {
block0(v0: i32):
    v1 = iconst.i32 100
    v2 = imul v0, v1
    return v2
}
"""
    subject.shapes = [Shape("multiply_constant", 32, text)]
    subject.lower()
    assert prove.prove(subject).status == REFUTED
    assert len(list(shapes.of_opcodes())) > 8000


def test_random_functions() -> None:
    pytest.importorskip("z3")
    for seed in range(25):
        for outcome in fuzz_lowering.run_one(seed):
            assert outcome in (PROVED, "tested"), outcome


@PLAIN_ONLY
def test_the_fuzzer_finds_wrong_lowering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zero extension that does nothing where the upper half is not known."""
    pytest.importorskip("z3")
    monkeypatch.setattr(Context, "clear", lambda self, value: True)
    outcomes = [outcome for seed in range(40) for outcome in fuzz_lowering.run_one(seed)]
    assert any([outcome not in (PROVED, "tested") for outcome in outcomes])
