"""Do our verdicts on mutated modules agree with Wasmtime's?

    python -m grus.testing.fuzz_validate --count 20000 --seed 1 [--seeds DIR] [--out DIR]

Modules of the specification's test suite (and the `.wasm` files of `--seeds`) are flipped, cut,
spliced and nudged; each result is decoded and validated here and by wasmtime-py with the same
features. A difference is a bug, ours or theirs, or a known difference in implementation limits
(`docs/limits.md`); so is any exception that is not a WasmError. Differences are counted by the
pair of messages and kept in `--out`. Two runs with the same arguments do the same.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grus.wasm import features
from grus.wasm.decode import (
    decode,
    read_op,
    read_u32,
    read_value_type,
    skip_immediates,
    value_type_codes,
)
from grus.wasm.encode import Writer, encode_module, uleb
from grus.wasm.errors import WasmError
from grus.wasm.opcodes import ROWS, encoding
from grus.wasm.validate import validate

TESTSUITE = Path(__file__).resolve().parents[2].parent / "shared" / "testsuite"
_INTERESTING = (0x00, 0x01, 0x02, 0x0B, 0x40, 0x41, 0x60, 0x63, 0x64, 0x6F, 0x70, 0x7F, 0x80, 0xFF)


def verdict(data: bytes, enabled: features.Features = features.DEFAULT) -> str:
    """The empty string when valid, else our message. Other exceptions come through."""
    try:
        module = decode(data, enabled)
        validate(module, enabled)
    except WasmError as error:
        return str(error)
    once = encode_module(module)
    if encode_module(decode(once, enabled)) != once:
        raise AssertionError("encoding is not stable")
    return ""


# Features that wasmtime-py can switch; it always has the others.
_SWITCHES = (
    *("bulk-memory", "custom-page-sizes", "exceptions", "function-references", "gc", "memory64"),
    *("multi-memory", "multi-value", "reference-types", "relaxed-simd", "simd", "tail-call"),
    *("threads", "wide-arithmetic"),
)


def wasmtime_engine(enabled: features.Features = features.DEFAULT) -> Any:
    """An engine with the same features as `enabled`."""
    import wasmtime
    from wasmtime import _bindings as bindings

    config: Any = wasmtime.Config()
    for name in _SWITCHES:
        setattr(config, "wasm_" + name.replace("-", "_"), features.NAMES[name] in enabled)
    config.shared_memory = True
    # On by default there, without a setter in wasmtime-py: encodings that are not part of
    # WebAssembly 3.0, and components, which need features that may be off.
    for name in ("compact_imports", "component_model_async"):
        switch = getattr(bindings, f"wasmtime_config_wasm_{name}_set", None)
        if switch is not None:
            switch(config.ptr(), False)
    return wasmtime.Engine(config)


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """One to four random changes of `data`; `other` gives material for splices."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        if len(out) < 9:
            break
        at = rng.randrange(8, len(out))
        kind = rng.randrange(10)
        if kind < 3:
            out[at] = rng.randrange(256)
        elif kind == 3:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 4:
            out[at] = rng.choice(_INTERESTING)
        elif kind == 5:
            out[at] = (out[at] + rng.choice((-1, 1))) & 0xFF
        elif kind == 6:  # overwrite with a piece of the same length: sizes stay right
            size = min(rng.randrange(1, 9), len(out) - at, len(other))
            start = rng.randrange(len(other) - size + 1)
            out[at : at + size] = other[start : start + size]
        elif kind == 7:  # the same within the module
            size = min(rng.randrange(1, 9), len(out) - at)
            start = rng.randrange(8, len(out) - size + 1)
            out[at : at + size] = out[start : start + size]
        elif kind == 8:
            if rng.randrange(2):
                del out[at : at + rng.randrange(1, 4)]
            else:
                out[at:at] = bytes((rng.randrange(256),))
        elif rng.randrange(4) == 0:
            del out[at:]
    return bytes(out)


class Seed:
    """A module to mutate: its bytes, and its bodies cut into instructions."""

    __slots__ = ("data", "start", "end", "bodies")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.start = self.end = 0  # of the code section, its id included
        self.bodies: list[list[bytes]] = []  # the local declarations, then the instructions
        try:
            module = decode(data)
            for section in module.sections:
                if section.id == 10:
                    self.start, self.end = section.offset, section.end
            for body in module.code:
                self.bodies.append(_instructions(data[body.start : body.end]))
        except (WasmError, IndexError):
            self.bodies = []


def _instructions(code: bytes) -> list[bytes]:
    bits = features.DEFAULT.bits
    codes = value_type_codes(bits)
    groups, pos = read_u32(code, 0)
    for _ in range(groups):
        _, pos = read_u32(code, pos)
        _, pos = read_value_type(code, pos, codes, bits)
    parts = [code[:pos]]
    while pos < len(code):
        start = pos
        op, pos = read_op(code, pos)
        if op < 0:
            raise IndexError
        pos = skip_immediates(code, pos, op, codes, bits)
        parts.append(code[start:pos])
    return parts


def mutate_code(seed: Seed, other: Seed, rng: random.Random) -> bytes:
    """`seed` with whole instructions of its bodies taken out, doubled, swapped or put in."""
    bodies = [list(parts) for parts in seed.bodies]
    for _ in range(rng.choice((1, 1, 2, 3))):
        parts = rng.choice(bodies)
        at = rng.randrange(1, len(parts))
        donor = rng.choice(other.bodies if rng.randrange(3) else seed.bodies)
        foreign = rng.choice(donor[1:])
        kind = rng.randrange(6)
        if kind == 0 and len(parts) > 2:
            del parts[at]
        elif kind == 1:
            parts[at] = foreign
        elif kind == 2:
            parts.insert(at, foreign)
        elif kind == 3:
            with_at = rng.randrange(1, len(parts))
            parts[at], parts[with_at] = parts[with_at], parts[at]
        elif kind == 4:  # an opcode with the immediates of another
            prefix, code = encoding(rng.choice(ROWS))
            old = parts[at][1:]
            parts[at] = (bytes((prefix,)) + uleb(code) if prefix else bytes((code,))) + old
        else:
            part = bytearray(parts[at])
            part[rng.randrange(len(part))] = rng.choice(_INTERESTING[:8])
            parts[at] = bytes(part)
    writer = Writer()
    writer.u(len(bodies))
    for parts in bodies:
        writer.sized(b"".join(parts))
    whole = Writer()
    whole.raw(seed.data[: seed.start])
    whole.section(10, writer)
    whole.raw(seed.data[seed.end :])
    return bytes(whole.out)


def _forms(text: str) -> Iterator[str]:
    """The top-level parenthesised forms of a script."""
    depth = start = pos = 0
    size = len(text)
    while pos < size:
        char = text[pos]
        if char == '"':
            pos += 1
            while pos < size and text[pos] != '"':
                pos += 2 if text[pos] == "\\" else 1
        elif text.startswith(";;", pos):
            pos = text.find("\n", pos)
            if pos < 0:
                return
        elif text.startswith("(;", pos):
            pos = text.find(";)", pos) + 1
        elif char == "(":
            if depth == 0:
                start = pos
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                yield text[start : pos + 1]
        pos += 1


def seed_modules(suite: Path, directory: Path | None) -> list[bytes]:
    """Binaries to start from: the suite's text modules, and the files of a directory."""
    import wasmtime

    seeds: list[bytes] = []
    if directory is not None:
        seeds += [path.read_bytes() for path in sorted(directory.glob("*.wasm"))]
    for path in sorted(suite.rglob("*.wast")):
        for form in _forms(path.read_text(encoding="utf-8")):
            if form.startswith("(module") and len(form) < 20_000:
                try:
                    seeds.append(bytes(wasmtime.wat2wasm(form)))
                except wasmtime.WasmtimeError:
                    continue  # (module binary ...), (module quote ...) or not theirs
    return list(dict.fromkeys(seeds))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare verdicts with Wasmtime's.")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=Path, help="directory of .wasm files to mutate as well")
    parser.add_argument("--suite", type=Path, default=TESTSUITE)
    parser.add_argument("--features", default="", help="as for grus validate, on both sides")
    parser.add_argument("--out", type=Path, help="directory for modules with a difference")
    options = parser.parse_args(argv)

    import wasmtime

    enabled = features.Features.parse(options.features)
    engine = wasmtime_engine(enabled)
    seeds = [Seed(data) for data in seed_modules(options.suite, options.seeds)]
    with_code = [seed for seed in seeds if seed.bodies]
    if not with_code:
        print("no seed modules: neither the test suite nor --seeds was found")
        return 2
    rng = random.Random(options.seed)
    differences: dict[tuple[str, str], list[int]] = {}
    valid = 0
    slowest = 0.0
    for number in range(options.count):
        if rng.randrange(3):
            data = mutate_code(rng.choice(with_code), rng.choice(with_code), rng)
        else:
            data = mutate(rng.choice(seeds).data, rng.choice(seeds).data, rng)
        start = time.perf_counter()
        try:
            ours = verdict(data, enabled)
        except Exception as error:  # whatever it is, it is a finding
            ours = f"EXCEPTION {type(error).__name__}: {error}"
        slowest = max(slowest, time.perf_counter() - start)
        try:
            wasmtime.Module.validate(engine, data)
            theirs = ""
        except wasmtime.WasmtimeError as error:
            theirs = str(error)
        valid += not theirs
        if bool(ours) == bool(theirs) and not ours.startswith("EXCEPTION"):
            continue
        key = (ours.partition(" (at ")[0], theirs.split(" (at offset")[0])
        differences.setdefault(key, []).append(number)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / f"{options.seed}-{number}.wasm").write_bytes(data)
    total = sum(len(numbers) for numbers in differences.values())
    for (ours, theirs), numbers in sorted(differences.items(), key=lambda item: -len(item[1])):
        print(f"{len(numbers)} times, first case {numbers[0]}:")
        print(f"  ours:     {ours or 'valid'}\n  wasmtime: {theirs or 'valid'}")
    print(
        f"{options.count} modules from {len(seeds)} seeds, {valid} valid, "
        f"{total} differences, slowest {slowest:.2f} s"
    )
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
