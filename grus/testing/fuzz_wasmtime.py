"""Modules run with `grus.wasmtime` and with wasmtime-py: all that a program can see must be the
same.

    python -m grus.testing.fuzz_wasmtime --count 500 --seed 1 [--suite DIR | --one-pass | --vectors]
                                         [--keep DIR]

The modules are programs of `gen_wasm`, each run with the levels "speed" and "none" and one more
setting of code; with `--vectors` those have vectors too; with `--suite` mutated modules, as in
`fuzz_engine`; with `--one-pass` programs of what the one-pass compiler takes, in its code, which
counts no fuel. Compared are results, types and texts of exceptions, frames of traps, the fuel that
is left, memories and globals. Fuel ends every call. Three differences are meant: Wasmtime forgets
fuel when a call traps, a bulk instruction that is out of bounds and too expensive may end with
either trap, and Wasmtime says of a load that it folds into a later instruction that it stands
there.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import grus
import grus.wasmtime
from grus.testing.batches import Batches
from grus.testing.fuzz_engine import (
    FEATURES,
    arguments,
    mutate,
    numeric_exports,
    runnable,
    seeds,
)
from grus.testing.gen_wasm import generate
from grus.testing.takeover import at_once
from grus.wasm import module as M
from grus.wasm.decode import decode
from grus.wasm.features import Features

FUEL = 100_000
_Calls = list[tuple[str, list[Any]]]


def _attempt(w: Any, call: Any) -> Any:
    try:
        return repr(call())
    except w.Trap as trap:
        frames = [(f.func_index, f.module_offset, f.func_offset) for f in trap.frames]
        if trap.trap_code is not None and trap.trap_code.name == "STACK_OVERFLOW":
            return "stack overflow"  # where is a matter of frame sizes
        return [_plain(str(trap)), trap.trap_code and trap.trap_code.name, frames]
    except w.WasmtimeError as error:
        # Texts of linking differ; what Grus cannot do yet is told apart.
        return "not supported" if "not supported yet" in str(error) else "WasmtimeError"


def _plain(text: str) -> str:
    """A backtrace without names, which Wasmtime demangles, and without the address of a fault: it
    compares where an offset is large."""
    text = re.sub(r"    0: memory fault at .*\n    1:", "   ", text)
    return re.sub(r"!.*", "!", text)


def observe(
    w: Any,
    data: bytes,
    calls: _Calls,
    settings: dict[str, Any] | None = None,
    with_fuel: bool = True,
) -> list[Any]:
    """All that can be seen of a module whose exports are called; `settings` are Grus's. Without
    fuel the calls must end of themselves."""
    config = w.Config()
    if settings:
        config._settings.update(settings)
    config.consume_fuel = with_fuel
    config.wasm_wide_arithmetic = True
    engine = w.Engine(config)
    store = w.Store(engine)
    if with_fuel:
        store.set_fuel(FUEL)
    module = w.Module(engine, data)
    imports = [w.Func(store, item.type, _constant(item.type)) for item in module.imports]
    made: list[Any] = []
    seen = [_attempt(w, lambda: made.append(w.Instance(store, module, imports)))]
    if not made:
        return seen
    exports = made[0].exports(store)
    for name, args in calls:
        if with_fuel:
            store.set_fuel(FUEL)
        called = functools.partial(exports[name], store, *args)
        seen.append((name, args, _attempt(w, called)))
        if seen[-1][2] == "stack overflow":
            break  # a different depth: another memory
        if with_fuel and isinstance(seen[-1][2], str):
            seen.append(store.get_fuel())
    else:
        for name, item in exports.items():
            if isinstance(item, w.Memory):
                seen.append((name, hashlib.md5(bytes(item.read(store))).hexdigest()))
            elif isinstance(item, w.Global):
                value = item.value(store)
                seen.append((name, repr(value) if isinstance(value, (int, float)) else ""))
    return seen


def before_fuel_ended(theirs: list[Any], calls: _Calls) -> tuple[list[Any], _Calls]:
    """What was observed, without fuel, and the calls, up to the first that used up its fuel."""
    kept: list[Any] = []
    done = 0
    for item in theirs:
        if "OUT_OF_FUEL" in str(item):
            return kept, calls[:done]
        if not isinstance(item, int):
            kept.append(item)
            done += isinstance(item, tuple) and len(item) == 3
    return kept, calls


def _constant(ty: Any) -> Any:
    values = [7 if str(t) in ("i32", "i64") else 0.5 for t in ty.results]
    result = None if not values else values[0] if len(values) == 1 else values
    return lambda *_: result


def calls_of(module: M.Module, rng: random.Random) -> _Calls:
    """A few calls of each export that takes numbers."""
    return [
        (name, arguments(ty.params, rng))
        for name, ty in numeric_exports(module)
        for _ in range(2 if ty.params else 1)
    ]


def compare(reference: ModuleType, data: bytes, module: M.Module, rng: random.Random) -> str:
    """The first difference, or ""."""
    calls = calls_of(module, rng)
    ours = observe(grus.wasmtime, data, calls)
    if "not supported" in ours:
        return ""
    theirs = observe(reference, data, calls)
    return first_difference(ours, theirs)


def first_difference(ours: list[Any], theirs: list[Any]) -> str:
    """The first difference of what was observed that is not meant, or ""."""
    for mine, other in zip(ours, theirs, strict=False):
        if mine != other:
            if "OUT_OF_FUEL" in str(mine) and re.search("OUT_OF_BOUNDS|overflow", str(other)):
                return ""
            if mine[2] == "stack overflow" and "OUT_OF_FUEL" in str(other):
                return ""  # frames are larger than Wasmtime's
            if _is_folded(mine, other):
                continue
            return f"{mine}\n      {other}"
    return "" if len(ours) == len(theirs) else f"{len(ours)} and {len(theirs)} observations"


def _is_folded(mine: Any, other: Any) -> bool:
    """Whether two traps of a call differ only in the place of the access, which Wasmtime puts
    later."""
    ours, theirs = mine[2], other[2]
    if isinstance(ours, str) or isinstance(theirs, str) or mine[:2] != other[:2]:
        return False
    if not ours[1] == theirs[1] == "MEMORY_OUT_OF_BOUNDS" or ours[2][1:] != theirs[2][1:]:
        return False
    (func, place, _), (their_func, their_place, _) = ours[2][0], theirs[2][0]
    return bool(func == their_func and place < their_place)


TAKEN_OVER: dict[str, Any] = {"tier": "auto", "promotion": "inline"}
ONE_PASS: dict[str, Any] = {"compiler": "onepass"}
"""It counts no fuel: what needed more than there is of it is left out."""
VARIANTS: list[dict[str, Any]] = [
    {"opt_level": "speed_and_size"},
    {"regalloc": "single_pass"},
    {"guards": False},
    {"compiler": "baseline"},
    {"tier": "lazy"},
    {"tier": "fast"},
    {"spectre": False},
    {"tier": "eager"},
    {"tier": "eager", "guards": False, "spectre": False},
    {"opt_level": "none", "regalloc": "single_pass", "guards": False},
]
"""Settings beside the levels "speed" and "none", of which each program gets one."""


def with_vectors(number: int) -> bytes:
    """A program with vectors."""
    return generate(number, vectors=True)


def run_program(make: Callable[[int], bytes], number: int) -> tuple[str, str]:
    """A program of `gen_wasm` in Wasmtime, and in Grus with three settings: what came of it, and
    what was different."""
    import wasmtime

    data = make(number)
    rng = random.Random(number)
    calls = calls_of(decode(data, Features.parse(FEATURES)), rng)
    theirs = observe(wasmtime, data, calls)
    variants = [v for v in VARIANTS if make is generate or v.get("compiler") != "baseline"]
    for settings in ({}, {"opt_level": "none"}, rng.choice(variants)):
        ours = observe(grus.wasmtime, data, calls, settings)
        difference = first_difference(ours, theirs)
        if difference:
            return "finding", f"{settings}: {difference}"
    return "ran", ""


SIMPLE_SIZE = 150


def simple(number: int) -> bytes:
    """A program for the one-pass compiler."""
    return generate(number, SIMPLE_SIZE, True)


def run_simple(number: int) -> tuple[str, str]:
    """A program for the one-pass compiler in Wasmtime and in Grus, where its loops also go on in
    other code at their first poll."""
    import wasmtime

    data = simple(number)
    calls = calls_of(decode(data, Features.parse(FEATURES)), random.Random(number))
    theirs, calls = before_fuel_ended(observe(wasmtime, data, calls), calls)
    if not theirs:
        return "ran", ""
    ours = observe(grus.wasmtime, data, calls, ONE_PASS, False)
    difference = first_difference(ours[: len(theirs)], theirs)
    if difference:
        return "finding", difference
    difference = taken_over(data, calls, theirs)[0]
    return ("finding", f"taken over: {difference}") if difference else ("ran", "")


def taken_over(data: bytes, calls: _Calls, theirs: list[Any]) -> tuple[str, int]:
    """How a program differs when its loops are taken over, and how often that happened."""
    with at_once() as seen:
        ours = observe(grus.wasmtime, data, calls, TAKEN_OVER, False)
    return first_difference(ours[: len(theirs)], theirs), sum(seen.loops.values())


def run_mutant(found: list[bytes], number: int) -> tuple[str, str]:
    """A mutated module in Wasmtime and in Grus."""
    import wasmtime

    rng = random.Random(number)
    data = mutate(rng.choice(found), rng)
    module = runnable(data)
    if module is None:
        return "invalid", ""
    difference = compare(wasmtime, data, module, rng)
    return ("finding", difference) if difference else ("ran", "")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m grus.testing.fuzz_wasmtime")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--suite", help="mutate the modules of its scripts; without: programs")
    parser.add_argument("--keep", type=Path, help="directory for the modules of findings")
    parser.add_argument("--one-pass", action="store_true", help="programs in one-pass code")
    parser.add_argument("--vectors", action="store_true", help="programs with vectors")
    given = parser.parse_args()
    import wasmtime  # noqa: F401 before the first fork

    found = [data for data in seeds(given.suite) if runnable(data)] if given.suite else []

    def mutant(number: int) -> bytes:
        rng = random.Random(number)
        return mutate(rng.choice(found), rng)

    if given.suite:
        batches = Batches(functools.partial(run_mutant, found), mutant, given.keep)
    elif given.one_pass:
        batches = Batches(run_simple, simple, given.keep)
    else:
        make = with_vectors if given.vectors else generate
        batches = Batches(functools.partial(run_program, make), make, given.keep)
    grus.Module('(module (func (export "f")))').load()  # what all need is loaded before the forks
    batches.run(given.seed, given.count)
    run = sum(n for name, n in batches.counts.items() if name != "invalid")
    print(f"{run} modules run, {batches.findings} different")
    return 1 if batches.findings else 0


if __name__ == "__main__":
    sys.exit(main())
