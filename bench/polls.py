"""What polls cost: loops with and without them, and two threads at once.

    python bench/polls.py

Nanoseconds of processor time for one round of a loop, least of 15 runs in turns. (A function's entry
compares the stack limit in any case: that is its poll.) Then the same work in one thread and in two
with a Store each: wall clock, processor time, and how often all were runnable at the same time: with
the GIL between them one would wait. Last how long Ctrl-C takes to end a loop.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import grus
from grus.engine.translate.func import FuncTranslator

WAT = """(module (memory 1)
  (func (export "count") (param i32) (loop
    (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "sum") (param i32) (result i32) (local i32 i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (i32.load (local.get 2))))
      (local.set 2 (i32.and (i32.add (local.get 2) (i32.const 4)) (i32.const 0xfffc)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "float") (param i32) (result f64) (local f64)
    (loop
      (local.set 1 (f64.add (f64.mul (local.get 1) (f64.const 0.5)) (f64.const 1)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))"""
ROUNDS = 2_000_000
RUNS = 15


def exports(polls: bool) -> Any:
    """The functions, compiled with or without polls in loops."""
    method = FuncTranslator.poll
    if not polls:
        FuncTranslator.poll = lambda self: None  # type: ignore[method-assign]
    try:
        return grus.Instance(grus.Module(WAT, grus.Engine(tier="eager", cache=False))).exports
    finally:
        FuncTranslator.poll = method  # type: ignore[method-assign]


def main() -> None:
    on, off = exports(True), exports(False)
    print("| loop | polls | no polls | ratio |\n|---|---|---|---|")
    for name in ("count", "sum", "float"):
        best = [float("inf"), float("inf")]
        for _ in range(RUNS):
            for which, made in enumerate((on, off)):
                function = made[name]
                begun = time.process_time()
                function(ROUNDS)
                best[which] = min(best[which], time.process_time() - begun)
        first, second = (b / ROUNDS * 1e9 for b in best)
        print(f"| {name} | {first:.3f} | {second:.3f} | {first / second:.2f} |")
    others = [exports(True).float, on.float]
    for count in (1, 2):
        threads = [threading.Thread(target=f, args=(200_000_000,)) for f in others[:count]]
        wall, spent = time.perf_counter(), time.process_time()
        for thread in threads:
            thread.start()
        samples = together = 0
        while all([thread.is_alive() for thread in threads]):
            time.sleep(0.01)
            samples += 1
            together += all([_state(thread) == "R" for thread in threads])
        for thread in threads:
            thread.join()
        wall, spent = time.perf_counter() - wall, time.process_time() - spent
        print(
            f"{count} threads: {wall:.2f} s, {spent:.2f} s of processor time,"
            f" runnable together in {together} of {samples} samples"
        )
    waits = []
    for _ in range(40):
        timer = threading.Timer(0.3, interrupt)
        try:
            timer.start()
            on.count(0)
        except KeyboardInterrupt:
            waits.append(time.perf_counter() - sent[0])
        timer.join()
    waits.sort()
    print(f"Ctrl-C: median {waits[20] * 1e3:.1f} ms, longest {waits[-1] * 1e3:.1f} ms")


sent = [0.0]


def interrupt() -> None:
    sent[0] = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)


def _state(thread: threading.Thread) -> str:
    """ "R" for a thread that runs or could, "S" for one that waits for another."""
    try:
        with open(f"/proc/self/task/{thread.native_id}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    main()
