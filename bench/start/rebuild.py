"""From process start to the end of a program of which one function was changed.

    python bench/start/build.py /tmp/start
    python bench/start/rebuild.py /tmp/start --grus PYTHON [--grus PYTHON ...]

Each PYTHON is an interpreter that has Grus. Cold: the changed program, with an empty cache.
Rebuilt: the same, with a cache that holds what a run of the program before the change left. Warm:
once more. The function is the one of middle size of those that the program calls; it gets a
constant that is dropped. The figure is the least of the rounds, in seconds of the processor, user
and system.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHANGE = """
import sys, grus
from grus.wasm.encode import Writer
source, target = sys.argv[1:]
module = grus.Module.from_file(source, grus.Engine(cache=True, tier="auto"))
wasm, code = module.wasm, module.load()
def size(number):
    return wasm.code[number].end - wasm.code[number].start
called = sorted([n for n, level in enumerate(code.levels) if level], key=size)
chosen = called[len(called) // 2]
bodies = Writer()
bodies.u(len(wasm.code))
for number, body in enumerate(wasm.code):
    data = bytes(wasm.data[body.start : body.end])
    bodies.sized(data[:-1] + b"\\x41\\x2a\\x1a\\x0b" if number == chosen else data)
made = Writer()
made.header()
for section in wasm.sections:
    contents = wasm.data[section.start : section.end]
    made.section(section.id, bodies if section.id == 10 else contents)
open(target, "wb").write(made.out)
print(f"{len(called)} functions of {len(wasm.code)}, one of {size(chosen)} bytes changed")
"""
ROWS = [("quickjs.wasm", "script.js"), ("sqlite.wasm", "query.sql")]


class Runner:
    """Runs programs with one interpreter, in one cache."""

    def __init__(self, python: str, cache: Path, stdin: Path) -> None:
        self.python = python
        self.cache = cache
        self.stdin = stdin

    def call(self, *arguments: str) -> tuple[float, str]:
        """Processor seconds of a command, and what it wrote to either stream."""
        environment = dict(os.environ, GRUS_CACHE=str(self.cache))
        with open(self.stdin, "rb") as source, tempfile.TemporaryFile("w+") as out:
            process = subprocess.Popen(
                [self.python, *arguments],
                stdin=source,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd="/",
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
            out.seek(0)
            text = out.read()
        if status:
            sys.exit(text)
        return usage.ru_utime + usage.ru_stime, text

    def run(self, program: Path) -> tuple[float, str]:
        return self.call("-m", "grus", "run", "--tier-stats", str(program))

    def empty(self) -> None:
        shutil.rmtree(self.cache, ignore_errors=True)


def row(text: str, name: str) -> str:
    """A number of `--tier-stats`."""
    return next(line.split()[-1] for line in text.splitlines() if line.startswith(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--grus", action="append", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = options.folder.absolute()
    for python in options.grus:
        for name, given in ROWS:
            with tempfile.TemporaryDirectory() as made:
                runner = Runner(python, Path(made) / "cache", folder / given)
                changed = Path(made) / name
                runner.run(folder / name)
                _, what = runner.call("-c", CHANGE, str(folder / name), str(changed))
                print(f"{name}: {what.strip()}", flush=True)
                times: dict[str, list[float]] = {"cold": [], "rebuilt": [], "warm": []}
                for _ in range(options.rounds):
                    runner.empty()
                    times["cold"].append(runner.run(changed)[0])
                    runner.empty()
                    runner.run(folder / name)
                    seconds, text = runner.run(changed)
                    times["rebuilt"].append(seconds)
                    times["warm"].append(runner.run(changed)[0])
                figures = ", ".join([f"{kind} {min(found):.3f}" for kind, found in times.items()])
                print(f"  {figures}; {row(text, 'of another build')} functions shared", flush=True)


if __name__ == "__main__":
    main()
