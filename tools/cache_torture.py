"""Many processes against one cache: always the right result, never a crash, nothing left behind.

    python -m tools.cache_torture --processes 50 --seconds 120

Rounds of: all processes at once on an empty cache; kill -9 at random moments; entries cut and
changed while others read them; the directory emptied and its limit tiny while others write; two
builds of Grus in one directory. The modules differ in a function, and share the code of the others
(`grus/engine/family.py`). At the end: no temporary file older than the time after which the
next writer removes it.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROGRAM = """
import sys
import grus
from grus.engine import build, cache
path, tier, number, build_id, limit = sys.argv[1:]
if build_id:
    build._build_id = build_id * 64
engine = grus.Engine(cache=path, tier=tier, workers=0)
if limit:
    engine.cache.limit = int(limit)
changed = (5, 16, 13, 12)[int(number) % 4]  # these call one another
values = [n + 1000 * int(number) * (n == changed) for n in range(20)]
functions = "".join(
    "(func $f%d (param i32) (result i32) (if (result i32) (i32.eqz (local.get 0))"
    "  (then (i32.const %d)) (else (i32.add (i32.load (i32.const 8))"
    "  (call $f%d (i32.sub (local.get 0) (i32.const 1)))))))" % (n, values[n], (n * 7 + 1) % 20)
    for n in range(20))
text = "(module (; %s ;) (memory 1) (data (i32.const 8) \\"\\\\03\\") %s"
text += " (export \\"f\\" (func $f5)))"
exports = grus.Instance(grus.Module(text % (number, functions), engine)).exports
last = 5
for depth in range(12):
    want = values[last] + 3 * depth
    got = exports.f(depth)
    if got != want:
        sys.exit(f"f({depth}) gave {got}, not {want}")
    last = (last * 7 + 1) % 20
try:
    exports.f(-1)
except grus.Trap as trap:
    if "stack" not in str(trap):
        sys.exit(f"another trap: {trap}")
else:
    sys.exit("no trap")
print("right")
"""


class Torture:
    """One directory, and what is done to it. `wrong` has what must not happen."""

    def __init__(self, path: Path, processes: int, seed: int) -> None:
        self.path = path
        self.processes = processes
        self.random = random.Random(seed)
        self.wrong: list[str] = []
        self.runs = 0
        self.killed = 0

    def start(self, number: int, build: str = "", limit: str = "") -> subprocess.Popen[str]:
        tier = self.random.choice(["auto", "lazy", "fast", "eager"])
        command = [sys.executable, "-c", PROGRAM, str(self.path), tier, str(number), build, limit]
        self.runs += 1
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process: subprocess.Popen[str], killed: bool = False) -> None:
        out, err = process.communicate()
        if killed and process.returncode == -signal.SIGKILL:
            self.killed += 1
        elif process.returncode != 0 or out != "right\n" or "Traceback" in err:
            self.wrong.append(f"status {process.returncode}: {out}{err}")

    def empty(self) -> None:
        for name in os.listdir(self.path) if self.path.exists() else []:
            (self.path / name).unlink(missing_ok=True)

    # ---- rounds ----

    def all_at_once(self) -> None:
        self.empty()
        for process in [self.start(0) for _ in range(self.processes)]:
            self.finish(process)

    def kill(self) -> None:
        started = [self.start(self.random.randrange(3)) for _ in range(self.processes // 4)]
        for process in started:
            time.sleep(self.random.random() * 0.2)
            process.kill()
        for process in started:
            self.finish(process, killed=True)

    def damage(self) -> None:
        started = [self.start(self.random.randrange(2)) for _ in range(self.processes // 4)]
        while any([process.poll() is None for process in started]):
            for name in os.listdir(self.path):
                try:
                    data = bytearray((self.path / name).read_bytes())
                    how = self.random.randrange(3)
                    if how == 0:
                        del data[self.random.randrange(len(data) + 1) :]
                    elif how == 1 and data:
                        data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
                    else:
                        data[:] = self.random.randbytes(self.random.randrange(200))
                    (self.path / name).write_bytes(data)
                except FileNotFoundError:
                    pass
            time.sleep(0.02)
        for process in started:
            self.finish(process)

    def crowd(self) -> None:
        started = [
            self.start(self.random.randrange(20), "", self.random.choice(["", "9000", "1"]))
            for _ in range(self.processes // 4)
        ]
        while any([process.poll() is None for process in started]):
            self.empty()
            time.sleep(0.1)
        for process in started:
            self.finish(process)

    def builds(self) -> None:
        started = [
            self.start(self.random.randrange(2), self.random.choice("ab"))
            for _ in range(self.processes // 4)
        ]
        for process in started:
            self.finish(process)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cache"
        path.mkdir(0o700)
        torture = Torture(path, options.processes, options.seed)
        rounds: list[Callable[[], None]] = [
            *(torture.all_at_once, torture.kill, torture.damage, torture.crowd, torture.builds),
        ]
        end = time.monotonic() + options.seconds
        done = 0
        while time.monotonic() < end or done < len(rounds):
            rounds[done % len(rounds)]()
            done += 1
        time.sleep(6)
        torture.finish(torture.start(99))
        left = [name for name in os.listdir(path) if not name.endswith((".grus", ".last"))]
        if left:
            torture.wrong.append(f"left: {left}")
        print(f"{done} rounds, {torture.runs} processes, {torture.killed} killed, "
              f"{len(torture.wrong)} wrong")  # fmt: skip
        for text in torture.wrong[:10]:
            print(text)
        return 1 if torture.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
