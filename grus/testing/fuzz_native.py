"""Random functions interpreted and run as machine code: results and heap must agree.

    python -m grus.testing.fuzz_native [first seed] [count] [--size N] [--traps] [--vectors]
        [--set NAME=VALUE]...

Functions with something that the target does not support are counted and left out.
"""

from __future__ import annotations

import argparse
import ctypes
import sys

from grus.backend.settings import Settings
from grus.backend.x64.target import TARGET
from grus.base.errors import GrusError, Trap, Unsupported
from grus.host import libc
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.data import DataValue
from grus.ir.domain import InterpreterTrap
from grus.ir.interpreter import Interpreter
from grus.ir.memory import HEAP_BASE
from grus.testing.gen_clif import HEAP_SIZE, Options, arguments, generate
from grus.testing.run_native import NativeRunner

CALLS = 3
"""How often each function is called, with other arguments."""


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


def map_heap() -> None:
    """Map the heap where the interpreter has it, so that addresses agree."""
    fixed = 0x100000  # MAP_FIXED_NOREPLACE
    got = libc.libc.mmap(HEAP_BASE, 4096, 3, 0x22 | fixed, -1, 0)
    if got != HEAP_BASE:
        raise libc.HostError(f"cannot map {HEAP_BASE:#x}")


def traps_too(native: NativeRunner, name: str, args: list[DataValue]) -> int:
    """The code of the trap that ends a call, 0 for none."""
    try:
        native.call(name, args)
    except Trap as trap:
        return ops.trap_code(trap.code)
    return 0


def run_one(seed: int, size: int, options: Options, settings: Settings) -> str:
    """ "ok", "unsupported: ...", or what differs."""
    functions = generate(seed, size, options)
    try:
        native = NativeRunner(functions, TARGET, settings)
    except Unsupported as error:
        return f"unsupported: {error}"
    func = functions[0]
    types = [p.ty for p in func.sig.params]
    for call in range(CALLS):
        interpreter = Interpreter({f.name: f for f in functions}, max_steps=2_000_000)
        interpreter.memory.heap.extend(bytes(HEAP_SIZE))
        values = arguments(seed + call, func, HEAP_BASE)
        args = [DataValue(ty, bits) for ty, bits in zip(types, values, strict=True)]
        ctypes.memset(HEAP_BASE, 0, HEAP_SIZE)
        try:
            expected = interpreter.call(func.name, args)
        except InterpreterTrap as trap:
            code = traps_too(native, func.name, args)
            if code != trap.code:
                return f"trap {ops.trap_name(code) if code else 'none'}; interpreted: {trap}"
            continue
        got = native.call(func.name, args)
        if got != expected:
            return f"results: {got}, interpreted: {expected}"
        if ctypes.string_at(HEAP_BASE, HEAP_SIZE) != bytes(interpreter.memory.heap[:HEAP_SIZE]):
            return "the heap differs"
    native.free()
    return "ok"


def main(argv: list[str]) -> int:
    """Run a range of seeds; 1 when anything differs."""
    parser = argparse.ArgumentParser(
        prog="fuzz_native", description="Compare random functions with the interpreter."
    )
    parser.add_argument("first", nargs="?", type=int, default=0, help="first seed")
    parser.add_argument("count", nargs="?", type=int, default=100, help="how many seeds")
    parser.add_argument("--size", type=int, default=40, help="instructions of a function, about")
    parser.add_argument("--traps", action="store_true", help="with instructions that trap")
    parser.add_argument("--vectors", action="store_true", help="with vectors")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args(argv)
    settings = TARGET.settings()
    for text in ("regalloc_checker=true", *given.set):
        settings.parse(text)
    options = Options(allows=allows)
    options.traps, options.vectors = given.traps, given.vectors
    counts: dict[str, int] = {}
    failed = 0
    map_heap()
    for seed in range(given.first, given.first + given.count):
        try:
            outcome = run_one(seed, given.size, options, settings)
        except (GrusError, AssertionError, IndexError, KeyError) as error:
            outcome = f"{type(error).__name__}: {error}"
        if outcome != "ok" and not outcome.startswith("unsupported"):
            failed += 1
            print(f"seed {seed}: {outcome[:300]}")
        key = outcome if outcome.startswith(("ok", "unsupported")) else "failed"
        counts[key] = counts.get(key, 0) + 1
    for key, number in sorted(counts.items(), key=lambda item: -item[1]):
        print(number, key)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
