"""Mutated modules run in Grus and, where it is installed, in Wasmtime: results must agree.

    python -m grus.testing.fuzz_engine --count 2000 --seed 1 [--suite DIR]

Seeds are the modules of the test suite. A mutation changes a few bytes inside function bodies; what
is still valid is instantiated with host functions that return constants, and its exports are called
with a few arguments under a time limit, in batches of one process each: a crash of the process is
reported with the seed. Compared are results, traps by their message, and the first memory.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from grus.base.errors import GrusError, Unsupported
from grus.wasm import module as M
from grus.wasm import types as T
from grus.wasm.decode import decode
from grus.wasm.errors import TextError, WasmError
from grus.wasm.features import Features
from grus.wasm.text.wast import parse_script
from grus.wasm.validate import validate

FEATURES = "wasm3,threads,wide-arithmetic,-gc,-exceptions,-relaxed-simd"
NUMBERS = (T.I32, T.I64, T.F32, T.F64)
BATCH = 100
CALL_SECONDS = 0.3


def seeds(suite: str) -> list[bytes]:
    """Binaries of the modules of a directory of scripts that use only numbers in their imports."""
    found = []
    for path in sorted(Path(suite).glob("*.wast")):
        for command in parse_script(path.read_bytes(), str(path)):
            module = command.module
            if module is None or command.kind != "module" or isinstance(module.parsed, TextError):
                continue
            if module.parsed is not None and len(module.parsed.binary) < 20_000:
                found.append(module.parsed.binary)
    return found


def mutate(data: bytes, rng: random.Random) -> bytes:
    """A few bytes of function bodies changed."""
    module = decode(data)
    out = bytearray(data)
    if not module.code:
        return data
    for _ in range(rng.randint(0, 4)):
        body = rng.choice(module.code)
        if body.end - body.start < 3:
            continue
        at = rng.randrange(body.start + 1, body.end - 1)
        choice = rng.random()
        if choice < 0.4:
            out[at] = rng.choice(
                b"\x41\x42\x20\x21\x22\x6a\x6b\x6c\x6d\x6e\x6f\x70\x71\x72\x73\x74"
                b"\x75\x76\x77\x78\x45\x46\x48\x4f\x67\x68\x69\x7c\x7d\x7e\x7f\x80"
                b"\x92\x93\x94\x95\x96\x97\xa0\xa1\xa3\xa4\xa5\xa8\xaa\xab\xb7\xbb"
            )
        elif choice < 0.8:
            out[at] = rng.randrange(256)
        else:
            out[at] ^= 1 << rng.randrange(8)
    return bytes(out)


def arguments(params: tuple[int, ...], rng: random.Random) -> list[Any]:
    values: list[Any] = []
    for ty in params:
        if ty == T.I32:
            values.append(rng.choice([0, 1, -1, 7, 255, 2**31 - 1, -(2**31), rng.randrange(2**31)]))
        elif ty == T.I64:
            values.append(rng.choice([0, 1, -1, 2**63 - 1, -(2**63), rng.randrange(2**63)]))
        else:
            values.append(rng.choice([0.0, -0.0, 1.5, -1.0, 1e10, float("inf"), 3.0]))
    return values


def runnable(data: bytes) -> M.Module | None:
    """The module if it is valid and asks for nothing but functions and globals of numbers."""
    features = Features.parse(FEATURES)
    try:
        module = decode(data, features)
        validate(module, features).dispose()
    except WasmError:
        return None
    for item in module.imports:
        if item.kind != M.FUNC:
            return None
        ty = module.types[item.type].composite if isinstance(item.type, int) else None
        if not isinstance(ty, T.FuncType) or any(t not in NUMBERS for t in ty.params + ty.results):
            return None
    for memory in module.memories:
        if memory.type.limits.min > 64:
            return None
    return module


def numeric_exports(module: M.Module) -> list[tuple[str, T.FuncType]]:
    found = []
    for export in module.exports:
        if export.kind == M.FUNC:
            ty = module.func_type(export.index)
            if all(t in NUMBERS for t in ty.params + ty.results):
                found.append((export.name, ty))
    return found


def canonical(value: Any, ty: int) -> str:
    if isinstance(value, float):
        return "nan" if value != value else value.hex()
    bits = 32 if ty == T.I32 else 64
    return str(value & (1 << bits) - 1)


def results_text(result: Any, ty: T.FuncType) -> str:
    values = (
        () if result is None else tuple(result) if isinstance(result, (tuple, list)) else (result,)
    )
    return " ".join(canonical(v, t) for v, t in zip(values, ty.results, strict=True))


def _constant(ty: T.FuncType) -> Any:
    """A host function that returns constants."""
    values = [7 if t in (T.I32, T.I64) else 0.5 for t in ty.results]
    result = None if not values else values[0] if len(values) == 1 else tuple(values)
    return lambda *_: result


def in_grus(
    data: bytes, module: M.Module, calls: list[tuple[str, list[Any]]], **engine: Any
) -> list[str]:
    """What each call gives, and a digest of the memory."""
    import grus

    store = grus.Store(grus.Engine(features=Features.parse(FEATURES), **engine))
    imports: dict[str, dict[str, Any]] = {}
    for index, item in enumerate(module.imports):
        ty = module.func_type(index)
        imports.setdefault(item.module, {})[item.name] = _constant(ty)
    out = []
    types = dict(numeric_exports(module))
    try:
        store.set_timeout(CALL_SECONDS)
        instance = grus.Instance(grus.Module(data, store.engine), imports, store)
    except Unsupported:
        return ["unsupported"]
    except grus.Timeout:
        return ["timeout"]
    except grus.Trap as trap:
        return [f"start: {trap.message}"]
    except GrusError:
        return ["no instance"]
    for name, args in calls:
        store.set_timeout(CALL_SECONDS)
        try:
            out.append(results_text(instance.exports[name](*args), types[name]))
        except grus.Timeout:
            return [*out, "timeout"]
        except grus.Trap as trap:
            out.append(f"trap: {trap.message}")
    if instance._core.memories:
        memory = instance._core.memories[0]
        from ctypes import string_at

        out.append(hashlib.md5(string_at(memory.base, memory.length)).hexdigest())
    return out


def in_wasmtime(data: bytes, module: M.Module, calls: list[tuple[str, list[Any]]]) -> list[str]:
    """The same in Wasmtime."""
    import wasmtime

    config = wasmtime.Config()
    config.epoch_interruption = True
    config.wasm_wide_arithmetic = True
    engine = wasmtime.Engine(config)
    store = wasmtime.Store(engine)
    import threading

    def arm() -> threading.Timer:
        store.set_epoch_deadline(1)
        timer = threading.Timer(CALL_SECONDS, engine.increment_epoch)
        timer.daemon = True
        timer.start()
        return timer

    types = dict(numeric_exports(module))
    imports = []
    wmodule = wasmtime.Module(engine, data)
    for index, item in enumerate(wmodule.imports):
        ty = module.func_type(index)
        wanted: Any = item.type
        imports.append(wasmtime.Func(store, wanted, _constant(ty)))
    timer = arm()
    try:
        instance = wasmtime.Instance(store, wmodule, imports)
    except wasmtime.Trap as trap:
        return ["timeout"] if "interrupt" in trap.message else [f"start: {_message(trap)}"]
    except wasmtime.WasmtimeError:
        return ["no instance"]
    finally:
        timer.cancel()
    out = []
    exports = instance.exports(store)
    for name, args in calls:
        timer = arm()
        try:
            function: Any = exports[name]
            out.append(results_text(function(store, *args), types[name]))
        except wasmtime.Trap as trap:
            if "interrupt" in trap.message:
                return [*out, "timeout"]
            out.append(f"trap: {_message(trap)}")
        except wasmtime.WasmtimeError:
            return [*out, "timeout"]  # it ran out of something of its own
        finally:
            timer.cancel()
    memories = [e for e in exports.by_index if isinstance(e, wasmtime.Memory)]
    out.append(hashlib.md5(bytes(memories[0].read(store))).hexdigest() if memories else "")
    return out


_WORDS = {
    "call stack exhausted": "call stack exhausted",
    "integer divide by zero": "integer divide by zero",
    "unreachable": "unreachable",
    "out of bounds memory access": "out of bounds memory access",
    "undefined element": "out of bounds table access",
    "out of bounds table access": "out of bounds table access",
    "uninitialized element": "uninitialized element",
    "indirect call type mismatch": "indirect call type mismatch",
    "integer overflow": "integer overflow",
    "invalid conversion to integer": "invalid conversion to integer",
    "null function reference": "null function reference",
    "null reference": "null reference",
}


def _message(trap: Any) -> str:
    for words, ours in _WORDS.items():
        if words in trap.message:
            return ours
    return str(trap.message)


def same(ours: list[str], theirs: list[str], exported: bool) -> bool:
    """Equal up to time-outs; the memory counts where both could see it."""
    # Wasmtime has one message for both.
    ours = [line.replace("undefined element", "out of bounds table access") for line in ours]
    theirs = [line.replace("undefined element", "out of bounds table access") for line in theirs]
    if "timeout" in (*ours, *theirs) or ours == ["unsupported"]:
        at = min((x.index("timeout") for x in (ours, theirs) if "timeout" in x), default=0)
        return ours[:at] == theirs[:at]
    if any("exhausted" in line for line in (*ours, *theirs)):
        return True  # how deep the stack goes differs
    count = min(len(ours), len(theirs))
    if len(ours) != len(theirs) or (theirs and not theirs[-1]) or not exported:
        count -= 1
    return ours[:count] == theirs[:count]


def run_case(data: bytes, seed: int, compare: bool) -> str:
    """An empty string, or what is wrong."""
    module = runnable(data)
    if module is None:
        return ""
    rng = random.Random(seed)
    calls = [(n, arguments(t.params, rng)) for n, t in numeric_exports(module) for _ in range(2)][
        :40
    ]
    ours = in_grus(data, module, calls)
    for compiler in ("baseline", "onepass"):
        other = in_grus(data, module, calls, compiler=compiler)
        if not same(ours, other, True):
            return f"full {ours} {compiler} {other}"
    if compare:
        exported = any(e.kind == M.MEMORY and e.index == 0 for e in module.exports)
        theirs = in_wasmtime(data, module, calls)
        if not same(ours, theirs, exported):
            return f"grus {ours} wasmtime {theirs}"
    return "ok"


def batch(suite: str, first: int, count: int) -> None:
    """Run cases in this process; a line for each failure, then the number that ran."""
    try:
        import wasmtime  # noqa: F401

        compare = True
    except ImportError:
        compare = False
    binaries = seeds(suite)
    ran = 0
    for seed in range(first, first + count):
        rng = random.Random(seed)
        data = mutate(rng.choice(binaries), rng)
        print(f"at {seed}", flush=True)
        problem = run_case(data, seed, compare)
        if problem not in ("", "ok"):
            print(f"seed {seed}: {problem}"[:600], flush=True)
        ran += problem != ""
    print(f"ran {ran}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m grus.testing.fuzz_engine")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--suite", default="../shared/testsuite")
    parser.add_argument("--batch", action="store_true", help="run in this process")
    options = parser.parse_args()
    if options.batch:
        batch(options.suite, options.seed, options.count)
        return 0
    ran = failed = 0
    for first in range(options.seed, options.seed + options.count, BATCH):
        command = [
            sys.executable,
            "-m",
            "grus.testing.fuzz_engine",
            "--batch",
            "--seed",
            str(first),
        ]
        command += ["--count", str(BATCH), "--suite", os.path.abspath(options.suite)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        lines = done.stdout.splitlines()
        for line in lines:
            if line.startswith("seed "):
                print(line, flush=True)
                failed += 1
        if done.returncode:
            print(f"crash {done.returncode}: {lines[-1] if lines else ''}\n{done.stderr[-1500:]}")
            failed += 1
        elif lines:
            ran += int(lines[-1].split()[1])
    print(f"{ran} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
