"""Small C programs in Grus, Wasmtime, V8 and natively: `python bench/kernels/run.py [NAME...]`.

Each kernel is built with clang in a temporary directory, for wasm and natively (-O3, which
vectorizes), and run in all engines in turn, a few times in each of `--rounds` rounds through all kernels, so that
a busy machine slows all of them alike; the fastest run counts. `--cpu` measures processor time, for a
machine on which other work takes turns. `--simd` lets clang use wasm's vectors. The checksums must be
equal. `--write` puts the table into README.md beside this file. Needs clang, wasm-ld and the package wasmtime; node when there is one.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

MASK = (1 << 64) - 1
REPEAT = 3  # runs of a kernel in each engine, one after the other, in a round
COMMON = ["-ffreestanding", "-fno-builtin", "-fno-math-errno", "-std=c11", "-Wall"]
WASM = ["--target=wasm32", "-O2", "-nostdlib", "-Wl,--no-entry", "-Wl,--export=run", "-Wl,-s"]
NATIVE = ["-O3", "-shared", "-fPIC", "-fvisibility=hidden", "-nostdlib"]
NODE = ["--no-liftoff", "--no-wasm-tier-up", "--no-wasm-lazy-compilation"]
MARK = "<!-- figures: run.py --write -->"

NODE_SCRIPT = """
const fs = require("fs");
const run = {};
let text = "";
process.stdin.on("data", (data) => {
  text += data;
  for (let end; (end = text.indexOf("\\n")) >= 0; text = text.slice(end + 1)) {
    const [name, path, n] = text.slice(0, end).split("\\t");
    if (!run[name]) {
      const module = new WebAssembly.Module(fs.readFileSync(path));
      run[name] = new WebAssembly.Instance(module, {}).exports.run;
    }
    const start = process.hrtime.bigint(), cpu = process.cpuUsage();
    const result = run[name](Number(n));
    const used = process.cpuUsage(cpu);
    const time = CPU ? BigInt(used.user + used.system) * 1000n : process.hrtime.bigint() - start;
    console.log(BigInt.asUintN(64, result) + " " + time);
  }
});
"""

Timed = Callable[[], tuple[int, float]]


class Kernel:
    """A program: its name, argument, one line about it, and where it was built."""

    def __init__(self, source: Path, where: Path) -> None:
        self.name = source.stem
        found = re.match(r"// (.*)\. n = (\d+)\n", source.read_text())
        assert found, f"{source.name} does not begin with what it is and n"
        self.about, self.n = found[1], int(found[2])
        self.wasm, self.native = where / f"{self.name}.wasm", where / f"{self.name}.so"
        for path, options in (self.wasm, WASM), (self.native, NATIVE):
            subprocess.run(["clang", *COMMON, *options, "-o", path, source], check=True)


clock: list[Callable[[], float]] = [time.perf_counter]


def timed(call: Callable[[int], int], n: int) -> Timed:
    now = clock[0]

    def once() -> tuple[int, float]:
        start = now()
        result = call(n)
        return result & MASK, now() - start

    return once


def grus_kernel(kernel: Kernel) -> tuple[Timed, int]:
    """The kernel in Grus, and the bytes of its functions."""
    import grus

    module = grus.Module(kernel.wasm.read_bytes())
    size = sum(end - start for start, end, _ in module.image.functions)
    instance = grus.Instance(module, {})
    return timed(instance.exports.run, kernel.n), size


def wasmtime_config() -> Any:
    import wasmtime

    config = wasmtime.Config()
    config.cranelift_opt_level = "speed"
    return config


def wasmtime_kernel(kernel: Kernel) -> tuple[Timed, int]:
    """The kernel in Wasmtime, and the bytes of its functions."""
    import wasmtime

    store = wasmtime.Store(wasmtime.Engine(wasmtime_config()))
    module = wasmtime.Module(store.engine, kernel.wasm.read_bytes())
    run = wasmtime.Instance(store, module, []).exports(store)["run"]
    size = sum(size for name, _, size in functions_of_elf(bytes(module.serialize())))
    return timed(lambda n: run(store, n), kernel.n), size


def native_kernel(kernel: Kernel) -> Timed:
    run = ctypes.CDLL(str(kernel.native)).run
    run.restype, run.argtypes = ctypes.c_uint64, [ctypes.c_uint32]
    return timed(run, kernel.n)


class Node:
    """V8 with its optimizing compiler only, in a process that runs what it reads."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [
                "node",
                *NODE,
                "-e",
                f"const CPU = {int(clock[0] is time.thread_time)};" + NODE_SCRIPT,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def kernel(self, kernel: Kernel) -> Timed:
        def once() -> tuple[int, float]:
            assert self.process.stdin and self.process.stdout
            self.process.stdin.write(f"{kernel.name}\t{kernel.wasm}\t{kernel.n}\n")
            self.process.stdin.flush()
            result, nanoseconds = self.process.stdout.readline().split()
            return int(result), int(nanoseconds) / 1e9

        return once

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def functions_of_elf(data: bytes) -> list[tuple[str, int, int]]:
    """The functions of wasm in a serialized module of Wasmtime: name, offset in the file, bytes.

    Their symbols are of type FUNC and named `wasm[0]::function[INDEX]`, perhaps with a name behind;
    what has other names are trampolines (the ELF specification, "Symbol Table").
    """
    at, entry_size, count = (
        *struct.unpack_from("<Q", data, 0x28),
        *struct.unpack_from("<HH", data, 0x3A),
    )
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, at + entry_size * i) for i in range(count)]
    out = []
    for _, kind, _, _, offset, size, link, _, _, _ in sections:
        if kind != 2:  # SHT_SYMTAB
            continue
        strings = sections[link][4]
        for k in range(offset, offset + size, 24):
            name, info, _, section, value, length = struct.unpack_from("<IBBHQQ", data, k)
            if info & 15 != 2:  # STT_FUNC
                continue
            text = data[strings + name : data.index(b"\0", strings + name)].decode()
            if re.match(r"wasm\[0\]::function\[", text):
                out.append((text, sections[section][4] + value - sections[section][3], length))
    return out


def measure(names: list[str], rounds: int, where: Path) -> list[dict[str, object]]:
    """A row for each kernel: times in seconds, sizes in bytes. A round runs all kernels."""
    node = Node() if shutil.which("node") else None
    rows: list[dict[str, object]] = []
    runs: list[dict[str, Timed]] = []
    for source in sorted(HERE.glob("*.c")):
        if names and source.stem not in names:
            continue
        kernel = Kernel(source, where)
        grus_run, grus_size = grus_kernel(kernel)
        wasmtime_run, wasmtime_size = wasmtime_kernel(kernel)
        engines = {"grus": grus_run, "wasmtime": wasmtime_run, "native": native_kernel(kernel)}
        if node:
            engines["node"] = node.kernel(kernel)
        runs.append(engines)
        sizes = {"grus_size": grus_size, "wasmtime_size": wasmtime_size}
        times = dict.fromkeys(engines, math.inf)
        rows.append({"name": kernel.name, "about": kernel.about, **times, **sizes})
    for _ in range(rounds):
        for row, engines in zip(rows, runs, strict=True):
            results = set()
            for engine, run in list(engines.items()) * REPEAT:
                result, seconds = run()
                results.add(result)
                row[engine] = min(row[engine], seconds)  # type: ignore
            assert len(results) == 1, f"{row['name']}: checksums differ: {results}"
    if node:
        node.close()
    return rows


def mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def table(rows: list[dict[str, object]], rounds: int) -> str:
    engines = [e for e in ("grus", "wasmtime", "node", "native") if e in rows[0]]
    by = " by processor time" if clock[0] is time.thread_time else ""
    titles = {"grus": "Grus", "wasmtime": "Wasmtime", "node": "V8", "native": "native"}
    out = [
        f"CPython {platform.python_version()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}, "
        f"best of {rounds * REPEAT}{by}. Times in ms, ratios to Wasmtime; code is bytes of functions.",
        "",
        "| kernel | "
        + " | ".join(f"{titles[e]} ms" for e in engines)
        + " | "
        + " | ".join(f"{titles[e]} / Wasmtime" for e in engines if e != "wasmtime")
        + " | Grus code | Wasmtime code | |",
        "|---|" + "---|" * (2 * len(engines) + 2),
    ]

    def ratios(row: dict[str, object]) -> list[float]:
        return [row[e] / row["wasmtime"] for e in engines if e != "wasmtime"]  # type: ignore

    def put(name: str, times: list[str], numbers: list[float], *rest: object) -> None:
        fields = [name, *times, *(f"{x:.2f}" for x in numbers), *map(str, rest)]
        out.append("| " + " | ".join(fields) + " |")

    for row in sorted(rows, key=lambda r: -ratios(r)[0]):
        times = [f"{row[e] * 1e3:.1f}" for e in engines]  # type: ignore
        put(
            f"`{row['name']}`",
            times,
            ratios(row),
            row["grus_size"],
            row["wasmtime_size"],
            row["about"],
        )
    columns = list(zip(*map(ratios, rows), strict=True))
    sizes = [sum(row[key] for row in rows) for key in ("grus_size", "wasmtime_size")]  # type: ignore
    blank = [""] * len(engines)
    put("**geometric mean**", blank, [mean(list(c)) for c in columns], *sizes, "sum of code")
    put("**maximum**", blank, [max(c) for c in columns], "", "", "")
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="kernels; all when none is given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--simd", action="store_true", help="wasm with vectors, by -O3")
    parser.add_argument("--cpu", action="store_true", help="processor time, not the clock")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    if options.cpu:
        clock[0] = time.thread_time
    if options.simd:
        WASM.extend(["-O3", "-msimd128"])
    with tempfile.TemporaryDirectory() as where:
        rows = measure(options.names, options.rounds, Path(where))
    text = json.dumps(rows, indent=1) if options.json else table(rows, options.rounds)
    print(text)
    if options.write:
        page = HERE / "README.md"
        before, _, after = page.read_text().split(MARK)
        page.write_text(f"{before}{MARK}\n\n{text}\n{MARK}{after}")


if __name__ == "__main__":
    main()
