"""Hostile modules: mutated modules that are valid are instantiated and run, and whatever they do,
the process that hosts them must go on.

    python -m grus.testing.fuzz_hostile --count 20000 --seed 1 [--suite DIR] [--keep DIR]

Each seed makes one module: one of the test suite with a few bytes, instructions or other fields
changed until it is valid and another one. It is run twice, with settings drawn by the seed (levels,
allocators, memories with guards and with checks, fuel), under limits and a short timeout: its
exports are called, its memory and tables are grown to the limit and read, and its Store is closed.

Findings are: a signal that ends the process, a case that does not end, an exception that no user
of the engine should see, and two runs that saw different things, as a read outside of a memory
would make them. Hundreds of cases share a process, forked off one that has everything loaded; the
case in which it dies is run again alone. Progress is printed at least every batch; `--keep` gets
the module of every finding, and the same seed makes the same module again.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path
from typing import Any, Final

import grus
from grus.base.errors import GrusError, Unsupported
from grus.host.libc import HostError
from grus.testing.batches import Batches
from grus.testing.fuzz_engine import NUMBERS, arguments, canonical, seeds
from grus.testing.fuzz_validate import Seed, mutate, mutate_code
from grus.wasm import module as M
from grus.wasm import types as T
from grus.wasm.decode import decode
from grus.wasm.errors import WasmError
from grus.wasm.features import Features
from grus.wasm.validate import validate

FEATURES: Final = "wasm3,threads,wide-arithmetic,custom-page-sizes"
ATTEMPTS: Final = 40
"""Mutations that are tried until one is valid."""
CALL_SECONDS: Final = 0.05
CALLS: Final = 12
MEMORY_LIMIT: Final = 1 << 24
TABLE_LIMIT: Final = 100_000

_SETTINGS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"guards": False},
    {"opt_level": "none"},
    {"opt_level": "none", "guards": False},
    {"regalloc": "single_pass"},
    {"regalloc": "single_pass", "guards": False},
    {"compiler": "baseline"},
    {"compiler": "onepass"},
    {"gc_zeal": True},
)


class Corpus:
    """The modules to mutate."""

    def __init__(self, suite: str) -> None:
        enabled = Features.parse(FEATURES)
        self.features = enabled
        self.seeds: list[Seed] = []
        for data in dict.fromkeys(seeds(suite)):
            if len(data) < 8_000 and _valid(data, enabled) is not None:
                self.seeds.append(Seed(data))
        self.with_code = [seed for seed in self.seeds if seed.bodies]

    def case(self, number: int) -> tuple[bytes, M.Module] | None:
        """The module of a seed; None when no mutation of it was valid."""
        rng = random.Random(number)
        for _ in range(ATTEMPTS):
            seed = rng.choice(self.with_code)
            if rng.random() < 0.8:
                data = mutate_code(seed, rng.choice(self.with_code), rng)
            else:
                data = mutate(seed.data, rng.choice(self.seeds).data, rng)
            if data == seed.data:
                continue
            module = _valid(data, self.features)
            if module is not None:
                return data, module
        return None


def _valid(data: bytes, enabled: Features) -> M.Module | None:
    try:
        module = decode(data, enabled)
        validate(module, enabled).dispose()
    except WasmError:
        return None
    return module


class _Host:
    """What a module imports, and the values of its exports as text."""

    def __init__(self, store: grus.Store, module: M.Module, number: int) -> None:
        self.store = store
        self.module = module
        self.rng = random.Random(number)
        self.instance: Any = None
        self.calls = 0

    def imports(self) -> dict[str, dict[str, Any]]:
        module, store = self.module, self.store
        found: dict[str, dict[str, Any]] = {}
        for item in module.imports:
            ty: Any = item.type
            made: Any
            if item.kind == M.FUNC:
                func = module.types[ty].composite
                assert isinstance(func, T.FuncType)
                made = self._function(func)
            elif item.kind == M.MEMORY:
                limits = ty.limits
                if limits.shared:
                    made = grus.SharedMemory(store.engine, ty)
                else:
                    most = limits.max if limits.max >= 0 else None
                    made = store.memory(
                        limits.min, most, is64=limits.is64, page_size=1 << limits.page_size_log2
                    )
            elif item.kind == M.TABLE:
                most = ty.limits.max if ty.limits.max >= 0 else None
                made = store.table(ty.element, ty.limits.min, most)
            elif item.kind == M.GLOBAL:
                if T.is_ref(ty.value) and not ty.value & T.NULLABLE:
                    raise Unsupported("an import of a reference that is not null")
                made = store.global_(ty.value, _default(ty.value), mutable=ty.mutable)
            else:
                raise Unsupported("an import of a tag")
            found.setdefault(item.module, {})[item.name] = made
        return found

    def _function(self, ty: T.FuncType) -> Any:
        """A host function: constants, and now and then what hosts do."""
        values = [_default(t) for t in ty.results]
        result = None if not values else values[0] if len(values) == 1 else tuple(values)

        def host(*_: Any) -> Any:
            self.calls += 1
            if self.calls % 7 == 3:
                self.store.gc()
            if self.calls == 5 and self.instance is not None:
                grow(self.instance)
            if self.calls == 20:
                raise _FromHost
            return result

        return host


class _FromHost(Exception):
    """Raised by a host function."""


def _default(ty: int) -> Any:
    if ty in (T.I32, T.I64):
        return 7
    if ty in (T.F32, T.F64):
        return 0.5
    return bytes(16) if ty == T.V128 else None


def _texts(value: Any, types: tuple[int, ...]) -> str:
    values = () if not types else (value,) if len(types) == 1 else tuple(value)
    return " ".join(
        canonical(v, t) if isinstance(v, (int, float)) else "null" if v is None else _other(t)
        for v, t in zip(values, types, strict=True)
    )


def _other(ty: int) -> str:
    return "vector" if ty == T.V128 else "ref"


def grow(instance: Any) -> None:
    """Memories and tables to their limits."""
    for name in instance.exports:
        export = instance.exports[name]
        if isinstance(export, (grus.Memory, grus.SharedMemory)):
            step = 64
        elif isinstance(export, grus.Table):
            step = 20_000
        else:
            continue
        while step:
            if export.grow(step) < 0:
                step //= 4
            elif len(export) > MEMORY_LIMIT:
                return  # a shared memory has no Store and so no limit


def observe(data: bytes, module: M.Module, number: int, settings: dict[str, Any]) -> list[str]:
    """Instantiate, call, grow, read and close. What was seen ends with "ran" when the module was
    instantiated, and where time or stack ran out."""
    engine = grus.Engine(features=Features.parse(FEATURES), **settings)
    store = grus.Store(engine, max_wasm_stack=1 << 18)
    store.set_limits(memory_size=MEMORY_LIMIT, table_elements=TABLE_LIMIT)
    host = _Host(store, module, number)
    store.set_timeout(CALL_SECONDS * 4)
    if engine.config.fuel:
        store.set_fuel(10_000_000)
    seen: list[str] = []
    try:
        compiled = grus.Module(data, engine)
        host.instance = instance = grus.Instance(compiled, host.imports(), store)
    except Unsupported:
        return ["unsupported"]
    except grus.Trap as trap:
        return [_trap(trap), "ran"]
    except (_FromHost, GrusError) as error:
        return [type(error).__name__, *(["ran"] if isinstance(error, _FromHost) else [])]
    functions = [e for e in module.exports if e.kind == M.FUNC]
    host.rng.shuffle(functions)
    for export in functions[:CALLS]:
        ty = module.func_type(export.index)
        given = [
            value if t in NUMBERS else host.rng.randbytes(16) if t == T.V128 else None
            for value, t in zip(arguments(ty.params, host.rng), ty.params, strict=True)
        ]
        store.set_timeout(CALL_SECONDS)
        try:
            seen.append(_texts(instance.exports[export.name](*given), ty.results))
        except grus.Trap as trap:
            seen.append(_trap(trap))
            if seen[-1] in ("interrupt", "stack_exhausted"):
                break  # after that the two runs may differ
        except (_FromHost, TypeError, Unsupported) as error:
            # A TypeError for a reference that must not be null.
            seen.append(type(error).__name__)
    else:
        for name in instance.exports:
            item = instance.exports[name]
            if isinstance(item, grus.Memory):
                seen.append(f"{name} {len(item)} {hash(bytes(item[0 : len(item)]))}")
            elif isinstance(item, grus.Table):
                seen.append(f"{name} {len(item)}")
            elif isinstance(item, grus.Global):
                seen.append(f"{name} {_texts(item.value, (item.type.value,))}")
    grow(instance)
    store.gc()
    for name in instance.exports:
        item = instance.exports[name]
        if isinstance(item, (grus.Memory, grus.SharedMemory)) and len(item):
            item[len(item) - 1] = 1
        elif isinstance(item, grus.Table) and len(item):
            _ = item[len(item) - 1]
    store.close()
    return [*seen, "ran"]


def _trap(trap: grus.Trap) -> str:
    return str(trap.code)


def run_case(corpus: Corpus, number: int) -> tuple[str, str]:
    """Outcome, and what is wrong."""
    made = corpus.case(number)
    if made is None:
        return "invalid", ""
    data, module = made
    rng = random.Random(-number)
    first, second = rng.sample(_SETTINGS, 2)
    if rng.random() < 0.2:
        first = {**first, "fuel": True}
    try:
        ours = observe(data, module, number, first)
        other = observe(data, module, number, second)
    except HostError as error:
        if str(error).startswith(("cannot make", "cannot map")):
            return "refused", ""
        raise
    if "unsupported" in ours or "unsupported" in other:
        return "unsupported", ""
    for settings, seen in ((first, ours), (second, other)):
        if settings.get("compiler") == "baseline" and "Unsupported" in seen:
            return "unsupported", ""  # it has no vectors
    for mine, theirs in zip(ours, other, strict=False):
        if "interrupt" in (mine, theirs) or "stack_exhausted" in (mine, theirs):
            break
        if "out_of_fuel" in (mine, theirs):
            break
        if mine != theirs:
            return "finding", f"{first}: {ours}\n      {second}: {other}"[:2000]
    return ("ran" if ours[-1] == "ran" else "refused"), ""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m grus.testing.fuzz_hostile")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--suite", default="../shared/testsuite")
    parser.add_argument("--keep", type=Path, help="directory for the modules of findings")
    options = parser.parse_args(argv)
    corpus = Corpus(options.suite)
    if not corpus.with_code:
        print(f"no modules in {options.suite}", file=sys.stderr)
        return 2
    print(f"{len(corpus.seeds)} modules to mutate", flush=True)
    batches = Batches(
        lambda number: run_case(corpus, number),
        lambda number: (corpus.case(number) or (b"",))[0],
        options.keep,
    )
    grus.Module('(module (func (export "f")))').load()  # what all need is loaded before the forks
    batches.run(options.seed, options.count)
    ran, spent = batches.counts.get("ran", 0), time.monotonic() - batches.start
    print(f"{ran} modules instantiated and run, {batches.findings} findings, {spent:.0f} s")
    return 1 if batches.findings else 0


if __name__ == "__main__":
    sys.exit(main())
