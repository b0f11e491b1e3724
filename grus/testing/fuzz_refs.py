"""Fuzzing of external references: random programs that move objects, and an oracle that counts.

    python -m grus.testing.fuzz_refs [first seed] [cases] [kind ...]

Each kind runs all the seeds in turn (all kinds when none is named):

- v1: straight-line code; collections, `table.get`, `table.set` of parameters and of elements
- v2: a loop; the host makes and takes objects three at a time, and collects
- v3: also globals, `table.grow/fill/copy`, `select`, calls that hold references across calls
- naive: programs of the above with naive counting: in the end every count is the number of tables
  and globals that hold the object
- stacks: wasm calls wasm, host and wasm again in random order and keeps in its memory which
  functions are active; the host compares that with the frames that the engine finds

The oracle: every object checks that it is alive when it is touched, and when the Store has died
as many have died as were made. (After `table_ops` and `stacks` of Wasmtime's fuzzers.)

Cases run in batches, each in a forked process: when one dies, its seeds run again one by one, and
the seed that kills is named. Each batch prints the counts so far.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import sys
import time
from typing import Any, Final

import grus
from grus.engine import refs
from grus.host import libc

BATCH: Final = 250
KINDS: Final = ("v1", "v2", "v3", "naive", "stacks")


class Tally:
    """What happened: objects made and dropped, and what the programs did."""

    __slots__ = ("checks", "collections", "dropped", "made", "traps")

    def __init__(self) -> None:
        self.made = 0
        self.dropped = 0
        self.collections = 0
        self.traps = 0
        self.checks = 0  # of frames

    def numbers(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


class Thing:
    """An object that wasm moves about."""

    __slots__ = ("alive", "tally")

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.alive = True
        tally.made += 1

    def touch(self) -> None:
        if not self.alive:
            raise AssertionError("an object was touched after its death")

    def __del__(self) -> None:
        self.alive = False
        self.tally.dropped += 1


IMPORTS = """
  (import "" "gc" (func $gc (result externref externref externref)))
  (import "" "make" (func $make (result externref externref externref)))
  (import "" "take" (func $take (param externref externref externref)))"""


class Generator:
    """Text of one module, whose export `run` takes `params` objects."""

    def __init__(self, rng: random.Random, version: int) -> None:
        self.rng = rng
        self.version = version
        self.params = rng.randint(1, 10)
        self.table = rng.randint(1, 100)
        self.globals = rng.randint(1, 4)
        self.locals = self.params + 4 if version > 1 else self.params
        self.collections = 0

    def index(self) -> str:
        # One more than there are: now and then a trap.
        n = self.rng.randint(0, self.table if self.rng.random() < 0.02 else self.table - 1)
        return f"(i32.const {n})"

    def value(self) -> str:
        """An expression that gives a reference."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.4:
            return f"(local.get {rng.randrange(self.locals)})"
        if kind < 0.75 or self.version < 3:
            return f"(table.get $t {self.index()})"
        if kind < 0.85:
            return f"(global.get $g{rng.randrange(self.globals)})"
        if kind < 0.9:
            return "(ref.null extern)"
        a, b = rng.randrange(self.locals), rng.randrange(self.locals)
        condition = f"(i32.and (local.get $n) (i32.const {1 << rng.randrange(4)}))"
        return f"(select (result externref) (local.get {a}) (local.get {b}) {condition})"

    def op(self) -> str:
        rng = self.rng
        kind = rng.random()
        if kind < 0.03 and self.collections < 5:
            self.collections += 1
            return "(call $gc) (drop) (drop) (drop)" if self.version > 1 else "(call $collect)"
        if kind < 0.3:
            return f"(drop {self.value()})"
        if kind < 0.6 or self.version == 1:
            return f"(table.set $t {self.index()} {self.value()})"
        if kind < 0.7:
            names = [rng.randrange(self.params, self.locals) for _ in range(3)]
            return "(call $make) " + " ".join(f"(local.set {name})" for name in names)
        if kind < 0.8:
            return f"(call $take {self.value()} {self.value()} {self.value()})"
        if kind < 0.85 or self.version < 3:
            return f"(local.set {rng.randrange(self.locals)} {self.value()})"
        if kind < 0.9:
            return f"(global.set $g{rng.randrange(self.globals)} {self.value()})"
        if kind < 0.92:
            return f"(drop (table.grow $u {self.value()} (i32.const {rng.randint(0, 3)})))"
        if kind < 0.94:
            at = rng.randrange(self.table)
            return f"(table.fill $t (i32.const {at}) {self.value()} (i32.const {self.table - at}))"
        if kind < 0.96:
            n = rng.randint(0, self.table)
            return f"(table.copy $u $t (i32.const 0) (i32.const 0) (i32.const {n}))"
        return (
            f"(local.set {rng.randrange(self.locals)} (call $hold {self.value()} {self.value()}))"
        )

    def module(self) -> str:
        rng = self.rng
        # Compiling takes nearly all the time: most programs are small, some are large.
        longest = (1000 if self.version == 1 else 100) if rng.random() < 0.01 else 20
        count = rng.randint(1, longest)
        ops = "\n    ".join(self.op() for _ in range(count))
        if self.version > 1:
            ops = f"""(loop $l
    {ops}
    (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"""
        extra = "".join("(local externref)" for _ in range(self.locals - self.params))
        collect = '(import "" "collect" (func $collect))' if self.version == 1 else ""
        cells = "\n  ".join(
            f"(global $g{n} (mut externref) (ref.null extern))" for n in range(self.globals)
        )
        return f"""(module {IMPORTS} {collect}
  (table $t {self.table} externref) (table $u {self.table} 500 externref)
  {cells}
  (func $hold (param externref externref) (result externref)
    (call $gc) (drop) (drop) (drop)
    (call $take (local.get 0) (local.get 1) (local.get 0))
    (local.get 1))
  (func (export "run") (param {"externref " * self.params}) {extra} (local $n i32)
    (local.set $n (i32.const {rng.randint(1, 20)}))
    {ops}))"""


def run_case(seed: int, version: int, options: dict[str, Any], tally: Tally | None = None) -> None:
    """One program. Raises AssertionError when the oracle complains."""
    rng = random.Random(seed)
    text = Generator(rng, version).module()
    tally = tally or Tally()
    options = dict(options)
    chunk = options.pop("chunk", refs.CHUNK)
    before = refs.CHUNK
    setattr(refs, "CHUNK", chunk)  # noqa: B010
    try:
        _run_program(text, tally, grus.Engine(**options), rng.random() < 0.5)
    finally:
        setattr(refs, "CHUNK", before)  # noqa: B010
    gc.collect()  # Stores, instances and closures are cycles
    if tally.made != tally.dropped:
        raise AssertionError(f"{tally.made} objects made, {tally.dropped} dropped")


def _run_program(text: str, tally: Tally, engine: grus.Engine, collect_last: bool) -> None:
    store = grus.Store(engine)

    def three() -> tuple[Thing, Thing, Thing]:
        return Thing(tally), Thing(tally), Thing(tally)

    def collect() -> tuple[Thing, Thing, Thing]:
        store.gc()
        return three()

    def take(*things: Thing | None) -> None:
        for thing in things:
            if thing is not None:
                thing.touch()

    imports = {"gc": collect, "make": three, "take": take, "collect": store.gc}
    instance = grus.Instance(grus.Module(text, engine), {"": imports}, store)
    count = len(instance.exports.run.type.params)
    traps = tally.traps
    for _ in range(2):
        try:
            instance.exports.run(*[Thing(tally) for _ in range(count)])
        except grus.Trap as trap:
            if trap.code != "table_out_of_bounds":
                raise AssertionError(f"unexpected trap {trap.code}") from trap
            tally.traps += 1
    if collect_last:
        store.gc()
    if store.engine.config.collector == "naive" and tally.traps == traps:
        check_counts(store, instance)
    tally.collections += store.gc_stats().collections


def check_counts(store: grus.Store, instance: grus.Instance) -> None:
    """Naive counting: nothing but tables and globals owns a count when wasm has returned."""
    core, state = instance._core, store._refs
    owners: dict[int, int] = {}
    for table in core.tables:
        for raw in table.elements[: len(table)]:
            owners[raw] = owners.get(raw, 0) + 1
    for cell in core.global_cells:
        raw = libc.peek(cell)
        owners[raw] = owners.get(raw, 0) + 1
    for header in state._of_object.values():
        count, expected = state.count_of(header), owners.get(header, 0)
        if count != expected:
            raise AssertionError(f"{header:#x} has {count} counts and {expected} owners")


def run_stacks(seed: int, options: dict[str, Any], tally: Tally | None = None) -> None:
    """Random sandwiches; the host compares the shadow stack with the engine's frames."""
    tally = tally or Tally()
    rng = random.Random(seed)
    funcs = rng.randint(2, 6)
    bodies = []
    for n in range(funcs):
        ops = []
        for _ in range(rng.randint(1, 4)):
            kind = rng.random()
            if kind < 0.3:
                ops.append("(call $check)")
            elif kind < 0.6:
                ops.append(f"(call $f{rng.randrange(funcs)})")
            elif kind < 0.9:
                ops.append(f"(call $reenter (i32.const {rng.randrange(funcs)}))")
            else:
                ops.append("unreachable")
        bodies.append(f"""(func $f{n} (export "f{n}")
    (if (i32.eqz (global.get $fuel)) (then return))
    (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))
    (i32.store (global.get $sp) (i32.const {n + 2}))
    (global.set $sp (i32.add (global.get $sp) (i32.const 4)))
    {" ".join(ops)}
    (global.set $sp (i32.sub (global.get $sp) (i32.const 4))))""")
    text = f"""(module (import "" "check" (func $check))
  (import "" "reenter" (func $reenter (param i32)))
  (memory (export "m") 1) (global $sp (export "sp") (mut i32) (i32.const 0))
  (global $fuel (export "fuel") (mut i32) (i32.const {rng.randint(1, 60)}))
  {" ".join(bodies)})"""
    engine = grus.Engine(**{name: value for name, value in options.items() if name != "chunk"})
    store = grus.Store(engine)
    base = [0]

    def check() -> None:
        from grus.engine.store import running_frames

        shadow = instance.exports.m[: instance.exports.sp.value]
        expected = [
            int.from_bytes(shadow[at : at + 4], "little") for at in range(0, len(shadow), 4)
        ][base[0] // 4 :]
        found = [frame.func_index for frame in running_frames(store.context)][::-1]
        if found != expected:
            raise AssertionError(f"frames {found}, shadow stack {expected}")
        tally.checks += 1

    def reenter(index: int) -> None:
        sp = instance.exports.sp
        before, kept = base[0], sp.value
        base[0] = kept
        try:
            getattr(instance.exports, f"f{index}")()
        except grus.Trap:
            tally.traps += 1
            sp.value = kept
        finally:
            base[0] = before
        check()

    instance = grus.Instance(
        grus.Module(text, engine), {"": {"check": check, "reenter": reenter}}, store
    )
    for n in range(funcs):
        instance.exports.sp.value = 0
        base[0] = 0
        try:
            getattr(instance.exports, f"f{n}")()
        except grus.Trap:
            tally.traps += 1


QUICK: dict[str, Any] = {"regalloc": "single_pass", "opt_level": "none"}
"""Most seeds: compiling takes nearly all the time."""
OPTIONS: list[dict[str, Any]] = [
    {},
    QUICK,
    {"gc_zeal": True},
    {"gc_zeal": True, **QUICK},
    {"compiler": "baseline"},
    {"collector": "python", **QUICK},
    {"gc_repeat": True, **QUICK},
    {"chunk": 8, "gc_repeat": True, **QUICK},  # entries of the activations table: often full
    {"compiler": "baseline", "gc_zeal": True},
    {"compiler": "onepass", "gc_zeal": True},
]
NAIVE: list[dict[str, Any]] = [
    {"collector": "naive"},
    {"collector": "naive", "regalloc": "single_pass", "opt_level": "none", "verify": True},
    {"collector": "naive", "compiler": "baseline"},
]


def run_seed(kind: str, seed: int, tally: Tally) -> str:
    """One case with the options of its seed: an empty string, or what is wrong."""
    options = OPTIONS[seed % len(OPTIONS)]
    if kind == "naive":
        options = NAIVE[seed % len(NAIVE)]
    try:
        if kind == "stacks":
            run_stacks(seed, options, tally)
        else:
            run_case(seed, 1 + seed // 3 % 3 if kind == "naive" else int(kind[1]), options, tally)
    except (AssertionError, grus.GrusError, RecursionError) as error:
        return f"seed {seed} {kind} {options}: {error}"
    return ""


def run_batch(kind: str, seeds: range) -> tuple[dict[str, int], list[str]] | None:
    """Cases in a process of their own: their numbers and failures; None when it died."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            tally = Tally()
            wrong = [problem for seed in seeds if (problem := run_seed(kind, seed, tally))]
            with os.fdopen(writer, "w") as file:
                json.dump((tally.numbers(), wrong), file)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as file:
        said = file.read()
    _, status = os.waitpid(child, 0)
    if status:
        return None
    numbers, problems = json.loads(said)
    return numbers, problems


def run_kind(kind: str, seeds: range) -> int:
    """All seeds of one kind; prints the counts after each batch and gives the failures."""
    start = time.monotonic()
    total = Tally().numbers()
    failures = ran = 0
    for first in range(seeds.start, seeds.stop, BATCH):
        batch = range(first, min(first + BATCH, seeds.stop))
        result = run_batch(kind, batch)
        parts = [result]
        if result is None:  # one by one
            parts = []
            for seed in batch:
                part = run_batch(kind, range(seed, seed + 1))
                parts.append(part or ({}, [f"seed {seed} {kind}: the process died"]))
        for part in parts:
            assert part is not None
            for name, count in part[0].items():
                total[name] += count
            for problem in part[1]:
                print(problem, flush=True)
            failures += len(part[1])
        ran += len(batch)
        seconds = time.monotonic() - start
        told = ", ".join(f"{count} {name}" for name, count in total.items())
        print(
            f"{kind} seeds {seeds.start}-{batch.stop - 1}: {ran} programs, {failures} failures; "
            f"{told}; {seconds:.0f} s",
            flush=True,
        )
        if failures > 10:
            break
    return failures


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Run random programs that move references.")
    parser.add_argument("first", nargs="?", type=int, default=0, help="first seed")
    parser.add_argument("cases", nargs="?", type=int, default=1000, help="programs of each kind")
    parser.add_argument("kinds", nargs="*", metavar="kind", help=f"of {', '.join(KINDS)}")
    given = parser.parse_args(argv)
    for kind in given.kinds:
        if kind not in KINDS:
            parser.error(f"no such kind: {kind}")
    seeds = range(given.first, given.first + given.cases)
    for kind in KINDS:  # what is made once is made before the first fork
        run_seed(kind, 0, Tally())
    gc.collect()
    gc.freeze()
    failures = sum([run_kind(kind, seeds) for kind in given.kinds or KINDS])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
