"""Random functions interpreted and run as machine code: results, traps, exceptions and heap agree.

    python -m grus.testing.fuzz_native [first seed] [count] [--functions N] [--size N] [--jobs N]
        [--batch N] [--set NAME=VALUE]...

The functions of a seed are interpreted once, and compiled at every level of the optimizer with
either allocator, and once more under stress (a level and an allocator by turns) with few registers,
so that values are spilled, with far jumps, and with the blocks in another order. The checker of
allocations is on. What is in the functions goes by the seed: `OPTIONS`.

Seeds run in batches, each in a process of its own: a crash or an endless loop is a finding, and the
other seeds of its batch go on. A line is printed every 30 seconds, and at the end which scalar
opcodes no function had. Functions with something that the target does not support are counted and
left out.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import select
import signal
import sys
import time
from typing import Any, Final

from grus.backend.lower import Context
from grus.backend.regalloc.types import Machine
from grus.backend.settings import Settings
from grus.backend.x64 import regs as R
from grus.backend.x64.target import TARGET, X64
from grus.base.errors import GrusError, Trap, Unsupported
from grus.host import libc
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.data import DataValue
from grus.ir.domain import InterpreterTrap
from grus.ir.function import Function
from grus.ir.interpreter import Interpreter, InterpreterThrow
from grus.ir.memory import HEAP_BASE
from grus.link.jit import native_settings
from grus.link.unwinding import Uncaught
from grus.opt import pipeline
from grus.testing.gen_clif import EXTENSIONS, HEAP_SIZE, Options, arguments, generate
from grus.testing.run_native import NativeRunner

CALLS: Final = 3
"""How often each function is called, with other arguments."""
SECONDS: Final = 120
"""A seed that takes longer is a finding."""
ALLOCATORS: Final = ("backtracking", "single_pass")
PADDING: Final = "9"
"""Under stress every block is followed by 256 bytes."""
FIXED: Final = frozenset(
    (*(R.RAX, R.RCX, R.RDX, R.RBX, R.RSI, R.RDI, R.R8, R.R9, R.R10), *range(R.XMM0, R.XMM0 + 8))
)

_CONVERSIONS = (
    *(ops.FCVT_FROM_UINT, ops.FCVT_FROM_SINT, ops.FCVT_TO_UINT, ops.FCVT_TO_SINT),
    *(ops.FCVT_TO_UINT_SAT, ops.FCVT_TO_SINT_SAT),
)
_NO_VECTORS = (
    *(ops.ROTL, ops.ROTR, ops.UMULHI, ops.SMULHI, ops.UADD_SAT, ops.SADD_SAT, ops.USUB_SAT),
    *(ops.SSUB_SAT, ops.AVG_ROUND, ops.POPCNT, ops.IADD_PAIRWISE, ops.UNARROW, ops.SNARROW),
    *(ops.SQMUL_ROUND_SAT, ops.UUNARROW, *_CONVERSIONS),
)


def allows(op: int, ty: int) -> bool:
    """What the target can compile: of vectors what WebAssembly has."""
    return T.LANES[ty] == 1 or op not in _NO_VECTORS


def allows_wide(op: int, ty: int) -> bool:
    """With f16 and f128, of which only moves are compiled: no conversions of floats."""
    name = ops.ROWS[op].name
    if ty in (T.F16, T.F128):
        return name in ("select", "bitcast", "select_spectre_guard")
    return name not in ("fpromote", "fdemote") and not name.startswith("fcvt_")


OPTIONS: Final = (
    Options(allows=allows, mixed_convs=True),
    Options(allows=allows, traps=True, wide_atomics=True),
    Options(allows=allows, try_calls=True, throws=True, functions=4),
    Options(allows=allows, traps=True, try_calls=True, throws=True, mixed_convs=True, functions=4),
    Options(allows=allows, floats=False, traps=True, wide_atomics=True),
    Options(allows=allows, vectors=True),
    Options(allows=allows_wide, wide_floats=True, mixed_convs=True),
    Options(
        rows=EXTENSIONS,
        only=(T.I32, T.I64),
        functions=4,
        variables=16,
        halves=True,
        mixed_convs=True,
    ),
)
"""By seed: which kinds of functions. The last is about the upper halves of registers of i32: many
live values, and zero extensions of all that may or may not have a clear one."""


class Stressed:
    """The target with few registers. The rest of its record is the target's."""

    __slots__ = ("is_move", "name", "pointer_bytes", "rng", "target")

    def __init__(self, target: X64, rng: random.Random) -> None:
        self.target = target
        self.rng = rng
        self.name = target.name
        self.pointer_bytes = target.pointer_bytes
        self.is_move = target.is_move

    def settings(self) -> Settings:
        """As of the target."""
        return self.target.settings()

    def machine(self, func: Function, settings: Settings) -> Machine:
        """Those registers that some instruction or convention insists on, and hardly others."""
        whole = self.target.machine(func, settings)
        few = [
            [reg for reg in order if reg in FIXED or self.rng.random() < 0.1]
            for order in whole.allocatable
        ]
        return Machine(whole.preg_class, few, whole.callee_saved)

    def lowering(self, func: Function, settings: Settings, context: Context) -> Any:
        """As of the target."""
        return self.target.lowering(func, settings, context)

    def emit(self, *args: Any) -> Any:
        """As of the target."""
        return self.target.emit(*args)


_mapped: list[int] = []


def map_heap() -> None:
    """Map the heap where the interpreter has it, so that addresses agree; once in a process."""
    if _mapped:
        return
    fixed = 0x100000  # MAP_FIXED_NOREPLACE
    got = libc.libc.mmap(HEAP_BASE, 4096, 3, 0x22 | fixed, -1, 0)
    if got != HEAP_BASE:
        raise libc.HostError(f"cannot map {HEAP_BASE:#x}")
    _mapped.append(HEAP_BASE)


Outcome = tuple[object, bytes]
"""Results, or a text about the trap or exception, and the heap."""


def call_arguments(func: Function, seed: int) -> list[DataValue]:
    """Arguments of the call number `seed` of a function."""
    patterns = arguments(seed, func, HEAP_BASE)
    return [DataValue(p.ty, b) for p, b in zip(func.sig.params, patterns, strict=True)]


def interpreted(functions: list[Function], seed: int) -> list[Outcome]:
    """What each call of the first function does."""
    out: list[Outcome] = []
    by_name = {f.name: f for f in functions}
    for call in range(CALLS):
        interpreter = Interpreter(by_name, max_steps=2_000_000)
        interpreter.memory.heap.extend(bytes(HEAP_SIZE))
        results: object
        try:
            results = interpreter.call(functions[0].name, call_arguments(functions[0], seed + call))
        except InterpreterTrap as trap:
            results = f"trap {ops.trap_name(trap.code)}"
        except InterpreterThrow as thrown:
            results = f"tag{thrown.tag}"
        out.append((results, bytes(interpreter.memory.heap[:HEAP_SIZE])))
    return out


def difference(native: NativeRunner, func: Function, seed: int, expected: list[Outcome]) -> str:
    """What differs in the calls of compiled code, or the empty string."""
    for call, (wanted, heap) in enumerate(expected):
        ctypes.memset(HEAP_BASE, 0, HEAP_SIZE)
        got: object
        try:
            got = native.call(func.name, call_arguments(func, seed + call))
        except Trap as trap:
            got = f"trap {trap.code}"
        except Uncaught as thrown:
            got = f"tag{thrown.tag}"
        if got != wanted:
            return f"call {call}: {got}, interpreted: {wanted}"
        if ctypes.string_at(HEAP_BASE, HEAP_SIZE) != heap:
            return f"call {call}: the heap differs"
    return ""


def shuffle(functions: list[Function], rng: random.Random) -> None:
    """Put the blocks in another order, the entry first."""
    for func in functions:
        rest = func.blocks[1:]
        rng.shuffle(rest)
        func.blocks[1:] = rest
        for block in rest:
            block.cold = rng.random() < 0.2


class Tally:
    """What was done."""

    __slots__ = ("compiled", "functions", "opcodes")

    def __init__(self) -> None:
        self.functions = 0
        self.compiled = 0
        self.opcodes = 0  # mask of the opcodes that functions had


def run_one(seed: int, size: int, settings: Settings, tally: Tally) -> str:
    """ "ok", "unsupported: ...", or what differs. `settings` hold at every level."""
    options = OPTIONS[seed % len(OPTIONS)]
    rng = random.Random(f"stress {seed}")
    settings = settings.copy()
    if options.vectors or options.wide_atomics or rng.random() < 0.5:
        features = native_settings().values
        settings.values.update({k: v for k, v in features.items() if k.startswith("has_")})
    functions = generate(seed, size, options)
    mask = 0
    for func in functions:
        for block in func.blocks:
            for inst in block.insts:
                mask |= 1 << inst.op
    expected = interpreted(functions, seed)
    stressed_level = rng.choice(list(pipeline.LEVELS))
    for level in pipeline.LEVELS:
        if level != "none":
            functions = generate(seed, size, options)
        for func in functions:
            pipeline.optimize(func, settings.values, level)
        for allocator in (*ALLOCATORS, *(["stress"] if level == stressed_level else [])):
            own = settings.copy()
            target: Any = TARGET
            if allocator == "stress":
                own.set("regalloc_algorithm", rng.choice(ALLOCATORS))
                own.set("bb_padding_log2_minus_one", PADDING)
                target = Stressed(TARGET, rng)
                shuffle(functions, rng)
            else:
                own.set("regalloc_algorithm", allocator)
            try:
                native = NativeRunner(functions, target, own, [functions[0].name])
            except Unsupported as error:
                what = str(error).partition(": ")[2].partition(", at `")[0]
                return f"unsupported: {what}"
            except (GrusError, AssertionError, IndexError, KeyError) as error:
                return f"{level} {allocator}: {type(error).__name__}: {error}"
            different = difference(native, functions[0], seed, expected)
            native.free()
            if different:
                return f"{level} {allocator}: {different}"
            tally.compiled += len(functions)
    tally.functions += len(functions)
    tally.opcodes |= mask
    return "ok"


# ---- batches ----


def _batch(seeds: list[int], size: int, settings: Settings, writer: int) -> None:
    """In a child: a line for each seed that is done."""
    for seed in seeds:
        signal.alarm(SECONDS)
        tally = Tally()
        try:
            outcome = run_one(seed, size, settings, tally)
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
        outcome = outcome.replace("\n", " ")[:400]
        line = f"{seed} {tally.functions} {tally.compiled} {tally.opcodes:x} {outcome}\n"
        os.write(writer, line.encode())


class Fuzzing:
    """Batches in children, and the sums."""

    def __init__(self, size: int, settings: Settings) -> None:
        self.size = size
        self.settings = settings
        self.counts: dict[str, int] = {}
        self.tally = Tally()
        self.seeds = 0
        self.failed = 0
        self.start = self.said = time.monotonic()
        self.running: dict[int, tuple[int, list[int], bytearray]] = {}

    def begin(self, seeds: list[int]) -> None:
        """Start a child."""
        reader, writer = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.close(reader)
            status = 1
            try:
                _batch(seeds, self.size, self.settings, writer)
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        self.running[reader] = (child, seeds, bytearray())

    def wait(self) -> list[int]:
        """Until a child has ended; gives the seeds that it did not come to."""
        while True:
            ready, _, _ = select.select(list(self.running), [], [], 30)
            self.say()
            for reader in ready:
                child, seeds, text = self.running[reader]
                got = os.read(reader, 1 << 16)
                text += got
                if got:
                    continue
                os.close(reader)
                del self.running[reader]
                _, status = os.waitpid(child, 0)
                done = [self.count(line) for line in text.decode().splitlines()]
                left = seeds[len(done) :]
                if left:
                    how = f"status {status >> 8}"
                    if os.WIFSIGNALED(status):
                        how = signal.Signals(os.WTERMSIG(status)).name
                    self.count(f"{left[0]} 0 0 0 ended by {how}")
                return left[1:]

    def count(self, line: str) -> int:
        """Add what a child said about a seed; gives the seed."""
        seed, functions, compiled, opcodes, outcome = line.split(" ", 4)
        self.seeds += 1
        self.tally.functions += int(functions)
        self.tally.compiled += int(compiled)
        self.tally.opcodes |= int(opcodes, 16)
        if outcome != "ok" and not outcome.startswith("unsupported"):
            self.failed += 1
            print(f"seed {seed}: {outcome}", flush=True)
            outcome = "failed"
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
        return int(seed)

    def say(self, last: bool = False) -> None:
        """The sums, every 30 seconds."""
        now = time.monotonic()
        if not last and now - self.said < 30:
            return
        self.said = now
        seconds = now - self.start
        print(
            f"{self.seeds} seeds: {self.tally.functions} functions, {self.tally.compiled} compiled,"
            f" {self.failed} failed; {seconds:.0f} s,"
            f" {self.tally.functions / max(seconds, 0.001):.1f} functions a second",
            flush=True,
        )


def missing_opcodes(mask: int) -> list[str]:
    """The opcodes that no function had."""
    return [row.name for row in ops.ROWS[ops.FIRST_REAL :] if not mask >> row.num & 1]


def main(argv: list[str]) -> int:
    """Run a range of seeds; 1 when anything differs."""
    parser = argparse.ArgumentParser(
        prog="fuzz_native", description="Compare random functions with the interpreter."
    )
    parser.add_argument("first", nargs="?", type=int, default=0, help="first seed")
    parser.add_argument("count", nargs="?", type=int, default=100, help="how many seeds at most")
    parser.add_argument("--functions", type=int, default=0, help="stop after so many functions")
    parser.add_argument("--size", type=int, default=40, help="instructions of a function, about")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--batch", type=int, default=50, help="seeds of a process")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args(argv)
    settings = TARGET.settings()
    for text in ("regalloc_checker=true", *given.set):
        settings.parse(text)
    map_heap()
    fuzzing = Fuzzing(given.size, settings)
    end = given.first + given.count
    at = given.first
    again: list[list[int]] = []
    most = given.functions or 1 << 62
    while True:
        while len(fuzzing.running) < given.jobs and (again or at < end):
            if again:
                fuzzing.begin(again.pop())
            elif fuzzing.tally.functions >= most:
                end = at
            else:
                stop = min(at + given.batch, end)
                fuzzing.begin(list(range(at, stop)))
                at = stop
        if not fuzzing.running:
            break
        left = fuzzing.wait()
        if left:
            again.append(left)
    fuzzing.say(last=True)
    print(f"seeds {given.first} to {at - 1}; levels: {', '.join(pipeline.LEVELS)};", end=" ")
    print(f"allocators: {', '.join(ALLOCATORS)}; stress: spills, far jumps, shuffled blocks")
    for key, number in sorted(fuzzing.counts.items(), key=lambda item: -item[1]):
        print(number, key)
    print("opcodes in no function:", *missing_opcodes(fuzzing.tally.opcodes))
    return 1 if fuzzing.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
