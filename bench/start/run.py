"""From process start to the first line of output, beside wasmtime-py, cold and warm.

    python bench/start/build.py /tmp/start
    python bench/start/run.py /tmp/start --wasmtime PYTHON --grus PYTHON [--compiled PYTHON]

Each PYTHON is an interpreter that has the package: an environment with wasmtime 50, one with Grus
from plain sources, and one with the compiled build. Cold: no cache. Warm: Grus with its cache
filled by two runs, Wasmtime by `Module.deserialize_file`. The variants of a row run in turns; the
figure is the least of the rounds, in seconds: wall clock to the first output, and in parentheses
the processor time of user and system until the process ends.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WASMTIME = """
import sys, wasmtime
engine = wasmtime.Engine()
load = wasmtime.Module.deserialize_file if sys.argv[1] == "warm" else wasmtime.Module.from_file
module = load(engine, sys.argv[2])
linker = wasmtime.Linker(engine)
linker.define_wasi()
store = wasmtime.Store(engine)
config = wasmtime.WasiConfig()
config.inherit_stdin(); config.inherit_stdout(); config.inherit_stderr()
config.argv = sys.argv[2:]
store.set_wasi(config)
exports = linker.instantiate(store, module).exports(store)
if "add" in exports:
    print(exports["add"](store, 20, 22))
else:
    try:
        exports["_start"](store)
    except wasmtime.ExitTrap as end:
        sys.exit(end.code)
"""
SERIALIZE = """
import sys, wasmtime
module = wasmtime.Module.from_file(wasmtime.Engine(), sys.argv[1])
open(sys.argv[2], "wb").write(module.serialize())
"""
ADD = """
import sys, grus
engine = grus.Engine(cache=sys.argv[1] == "warm")
print(grus.Instance(grus.Module.from_file(sys.argv[2], engine)).exports.add(20, 22))
"""
# name, file, arguments, file for standard input
ROWS = [
    ("add from a .wat, from Python", "add.wat", [], ""),
    ("hello world in C", "hello.wasm", [], ""),
    ("QuickJS runs a script", "quickjs.wasm", [], "script.js"),
    ("SQLite runs queries", "sqlite.wasm", [], "query.sql"),
    ("nextpnr --help", "nextpnr.wasm", ["--help"], ""),
    ("yosys -V", "yosys.wasm", ["-V"], ""),
]
ENOUGH = 30.0
"""Seconds after which a variant is not run again."""


class Variant:
    """A way to run a program; `best` is (wall, processor)."""

    def __init__(self, name: str, command: list[str], cache: str) -> None:
        self.name = name
        self.command = command
        self.cache = cache
        self.best = (float("inf"), float("inf"))
        self.spent = 0.0
        self.output = b""

    def run(self, stdin: Path | None) -> None:
        if self.spent > ENOUGH:
            return
        environment = dict(os.environ, GRUS_CACHE=self.cache)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        started = time.perf_counter()
        with open(stdin or os.devnull, "rb") as source:
            process = subprocess.Popen(
                self.command,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd="/",  # no checkout in the way of what is installed
            )
        assert process.stdout is not None
        output = os.read(process.stdout.fileno(), 1 << 16)
        wall = time.perf_counter() - started
        output += process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        self.output = output
        self.spent += time.perf_counter() - started
        cpu = usage.ru_utime + usage.ru_stime
        self.best = (min(self.best[0], wall), min(self.best[1], cpu))


def variants(options: argparse.Namespace, folder: Path, row: tuple[str, str, list[str], str],
             made: Path) -> list[Variant]:  # fmt: skip
    _, name, arguments, _ = row
    file = str(folder / name)
    serialized = made / (name + ".cwasm")
    subprocess.run([options.wasmtime, "-c", SERIALIZE, file, serialized], check=True, cwd="/")
    found = [
        Variant("wasmtime cold", [options.wasmtime, "-c", WASMTIME, "cold", file, *arguments], "0"),
        Variant("wasmtime warm",
                [options.wasmtime, "-c", WASMTIME, "warm", str(serialized), *arguments], "0"),
    ]  # fmt: skip
    for kind, python in (("plain", options.grus), ("compiled", options.compiled)):
        if python is None:
            continue
        for heat in ("cold", "warm"):
            if heat == "cold" and not options.cold and name in options.no_cold:
                continue
            if name == "add.wat":
                command = [python, "-c", ADD, heat, file]
            else:
                command = [python, "-m", "grus", "run", file, *arguments]
            cache = str(made / f"cache-{kind}") if heat == "warm" else "0"
            found.append(Variant(f"{kind} {heat}", command, cache))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wasmtime", required=True)
    parser.add_argument("--grus")
    parser.add_argument("--compiled")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", default=[], help="a file's name")
    parser.add_argument("--no-cold", action="append", default=[],
                        help="a file whose cold start with Grus is not measured")  # fmt: skip
    options = parser.parse_args()
    options.cold = not options.no_cold
    with tempfile.TemporaryDirectory() as made:
        for row in ROWS:
            title, name, _, given = row
            if options.only and name not in options.only:
                continue
            rows = variants(options, options.folder.absolute(), row, Path(made))
            stdin = options.folder / given if given else None
            for variant in rows:
                if variant.name.endswith(" warm") and "wasmtime" not in variant.name:
                    for _ in range(2):
                        variant.run(stdin)
                    variant.best, variant.spent = (float("inf"), float("inf")), 0.0
            for _ in range(options.rounds):
                for variant in rows:
                    variant.run(stdin)
            wrong = [v.name for v in rows if last(v.output) != last(rows[0].output)]
            print(f"\n{title}, {(options.folder / name).stat().st_size:,} bytes")
            for heat in ("cold", "warm"):
                base = next(v for v in rows if v.name == f"wasmtime {heat}")
                for variant in rows:
                    if variant.name.endswith(heat):
                        wall, cpu = variant.best
                        print(f"  {variant.name:14} {wall:8.3f} ({cpu:.3f})"
                              f"   {wall / base.best[0]:.2f} x ({cpu / base.best[1]:.2f} x)",
                              flush=True)  # fmt: skip
            if wrong:
                print(f"  another output: {', '.join(wrong)}")
    sys.stdout.flush()


def last(output: bytes) -> bytes:
    """The last line, which does not name the file."""
    return output.strip().rpartition(b"\n")[2]


if __name__ == "__main__":
    main()
