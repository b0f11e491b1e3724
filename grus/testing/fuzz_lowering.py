"""Fuzzing of lowering with proofs: random integer functions mean the same as VCode.

    python -m grus.testing.fuzz_lowering [first seed] [count]

For each seed a function of a few instructions is lowered for each CPU of `x64/prove.py`, and
z3 is asked for values for which the machine instructions do something else. What it does not decide
in time is tried on numbers. Divisions and products of two variables stay rare: they take long.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter

from grus.backend.x64 import prove
from grus.backend.x64.prove import Lowered, Theorem
from grus.backend.x64.shapes import BINARY, CORNERS, NARROW, SHIFTS, UNARY, Body, Shape
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.parser import parse_function
from grus.opt.prove import PROVED, REFUTED

_SLOW = ("udiv", "urem", "sdiv", "srem", "umulhi", "smulhi")
_BINARY = [name for name in BINARY if name not in _SLOW] + list(SHIFTS)
_UNARY = [name for name in UNARY if name not in ("popcnt", "bitrev")]
_EXTENDS = ("uextend", "sextend")
_MOST_PARAMS = 4
TIMEOUT = 1500
"""For each query, milliseconds."""


class Generator:
    """Writes one function."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.body = Body()
        self.known: dict[int, list[str]] = {ty: [] for ty in NARROW}
        self.pointer = ""

    def pick(self, ty: int) -> str:
        """An operand: a constant, a parameter, a load or one of the last results."""
        rng, body = self.rng, self.body
        kind = rng.random()
        room = len(body.params) < _MOST_PARAMS
        if kind < 0.25:
            return body.const(ty, rng.choice(CORNERS))
        if 0.4 <= kind < 0.5 and (room or self.pointer):
            self.pointer = self.pointer or body.pointer()
            text = f"load.{T.NAMES[ty]} {self.pointer}+{rng.choice((0, 8, 16))}"
            self.known[ty].append(body.op(text))
        elif room and (kind < 0.4 or not self.known[ty]):
            self.known[ty].append(body.param(ty))
        elif not self.known[ty]:
            return body.const(ty, 7)
        return rng.choice(self.known[ty][-3:])

    def instruction(self) -> None:
        """Append an instruction."""
        rng, pick = self.rng, self.pick
        ty, other = rng.choice(NARROW), rng.choice(NARROW)
        name = T.NAMES[ty]
        kind = rng.random()
        if kind < 0.45:
            text = f"{rng.choice(_BINARY)} {pick(ty)}, {pick(ty)}"
        elif kind < 0.55:
            op = rng.choice(_UNARY)
            text = f"{'bnot' if op == 'bswap' and ty == T.I8 else op} {pick(ty)}"
        elif kind < 0.7:
            if other == ty:
                return
            op = rng.choice(_EXTENDS) if other < ty else "ireduce"
            text = f"{op}.{name} {pick(other)}"
        elif kind < 0.85:
            text = f"icmp {rng.choice(ops.INT_CC)} {pick(ty)}, {pick(ty)}"
            ty = T.I8
        elif kind < 0.95:
            text = f"select {pick(other)}, {pick(ty)}, {pick(ty)}"
        else:
            text = f"bmask.{name} {pick(other)}"
        self.known[ty].append(self.body.op(text))

    def shape(self) -> Shape:
        """The function: it returns the last value of each type, or branches on one."""
        for _ in range(self.rng.randint(3, 8)):
            self.instruction()
        truth = self.known[T.I8]
        if truth and self.rng.random() < 0.5:
            return self.body.branches("random", f"brif {truth[-1]}, block1, block2")
        results = [(self.known[ty][-1], ty) for ty in NARROW if self.known[ty]]
        return self.body.shape("random", results or [(self.pick(T.I8), T.I8)])


def run_one(seed: int) -> list[str]:
    """For each CPU "proved", "tested", or what is wrong."""
    shape = Generator(seed).shape()
    func = parse_function(shape.text)
    found: list[str] = []
    for cpu, settings in prove.settings_of_cpus():
        theorem = Theorem(shape, cpu, Lowered(func, settings))
        status, why = prove.ask(theorem, TIMEOUT)
        if status not in (PROVED, REFUTED):
            why = prove.attempt(theorem, 100)
            status = REFUTED if why else "tested"
        found.append(why if status == REFUTED else status)
    return found


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Prove or test what random shapes lower to.")
    parser.add_argument("first", nargs="?", type=int, default=0, help="first seed")
    parser.add_argument("count", nargs="?", type=int, default=1000)
    given = parser.parse_args(argv)
    counts: Counter[str] = Counter()
    for seed in range(given.first, given.first + given.count):
        for outcome in run_one(seed):
            if outcome not in (PROVED, "tested"):
                print(f"seed {seed}: {outcome}", flush=True)
                outcome = "wrong"
            counts[outcome] += 1
    print(", ".join([f"{number} {outcome}" for outcome, number in counts.most_common()]))
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
