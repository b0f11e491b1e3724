"""Cases of a fuzzer in batches: hundreds share a process, forked off one that has all loaded.

A process that dies or does not go on names its case, which is run again alone; the batch goes on
behind it. What happened so far is printed after each batch.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

BATCH: Final = 200
HANG_SECONDS: Final = 60.0
"""No case takes that long: one that does hangs, if it had a quarter of the processor."""

Case = Callable[[int], tuple[str, str]]
"""Runs the case of a seed: a word for its outcome, "finding" for one, and then what is wrong."""


def _starves(pid: int, seconds: float) -> bool:
    """Whether a process wants to run, and could only for less than so many seconds so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return fields[0] == "R" and used < seconds


class Batches:
    """The process that forks batches and reads what becomes of them."""

    def __init__(
        self,
        case: Case,
        module: Callable[[int], bytes],
        keep: Path | None = None,
        size: int = BATCH,
        hang_seconds: float = HANG_SECONDS,
    ) -> None:
        """`module` gives the module of a seed, which goes to the directory `keep` when there is
        something wrong with it."""
        self.case = case
        self.module = module
        self.keep = keep
        self.size = size
        self.hang_seconds = hang_seconds
        self.counts: dict[str, int] = {}
        self.findings = 0
        self.start = time.monotonic()

    def run(self, first: int, count: int) -> None:
        """Run the cases of so many seeds from `first` on."""
        number, end = first, first + count
        while number < end:
            number = self.batch(number, min(self.size, end - number))
            spent = time.monotonic() - self.start
            done = number - first
            line = ", ".join(f"{n} {name}" for name, n in sorted(self.counts.items()))
            print(f"{done} seeds: {line}; {done / spent:.1f} a second", flush=True)

    def batch(self, first: int, count: int) -> int:
        """Run cases in one process; the first that is still to be done."""
        read, write = os.pipe()
        errors = os.memfd_create("errors")
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(read)
                os.dup2(errors, 2)
                faulthandler.enable(2)
                with open(write, "w") as out:
                    self.child(first, count, out)
                status = 0
            finally:
                os._exit(status)
        os.close(write)
        current = first
        ended = ""
        with open(read, "rb", buffering=0) as lines:
            rest = b""
            while True:
                if not select.select([lines], [], [], self.hang_seconds)[0]:
                    if _starves(pid, self.hang_seconds / 4):
                        continue
                    os.kill(pid, signal.SIGKILL)
                    ended = f"no end after {self.hang_seconds:g} s"
                    break
                data = lines.read(1 << 16)
                if not data:
                    break
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    kind, _, text = line.decode().partition(" ")
                    if kind == "at":
                        current = int(text)
                        continue
                    self.counts[kind] = self.counts.get(kind, 0) + 1
                    if kind == "finding":
                        self.report(current, text)
        _, status = os.waitpid(pid, 0)
        if not ended and os.WIFSIGNALED(status):
            ended = signal.Signals(os.WTERMSIG(status)).name
        elif not ended and status:
            ended = f"exit status {os.WEXITSTATUS(status)}"
        trace = os.pread(errors, 1 << 14, 0).decode(errors="replace")
        os.close(errors)
        if not ended:
            return first + count
        if count == 1:
            self.report(current, f"{ended}\n{trace}")
        else:
            print(f"the batch from {first} ended at {current}: {ended}; it alone:", flush=True)
            before = self.findings
            self.batch(current, 1)
            if self.findings == before:
                self.report(current, f"{ended}, but not alone\n{trace}")
        return current + 1

    def child(self, first: int, count: int, out: IO[str]) -> None:
        """Run cases; a line before and after each."""
        for number in range(first, first + count):
            out.write(f"at {number}\n")
            out.flush()
            try:
                outcome, problem = self.case(number)
            except Exception:  # whatever it is, it is a finding
                outcome, problem = "finding", traceback.format_exc()
            out.write(f"{outcome} {problem!r}\n")

    def report(self, number: int, text: str) -> None:
        """Print a finding and keep its module."""
        self.findings += 1
        print(f"FINDING seed {number}: {text}", flush=True)
        if self.keep is not None:
            self.keep.mkdir(parents=True, exist_ok=True)
            (self.keep / f"{number}.wasm").write_bytes(self.module(number))
