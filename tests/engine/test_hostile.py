"""What hostile modules try: endless recursion and loops, growth to the limit, many instances; and
a process that is killed in the middle."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

import grus

ROOT = Path(__file__).parent.parent.parent

RECURSION = """(module
  (import "m" "f" (func $f))
  (table funcref (elem $direct $mutual $table $host $wide))
  (type $t (func))
  (func $direct (export "direct") (call $direct))
  (func $mutual (export "mutual") (call $other))
  (func $other (call $mutual))
  (func $table (export "table") (call_indirect (type $t) (i32.const 2)))
  (func $host (export "host") (call $f))
  (func $wide (export "wide") (result i64) (local i64 i64)
    (local.set 0 (call $wide))
    (local.set 1 (call $wide))
    (i64.add (local.get 0) (local.get 1)))
  (func (export "nop")))"""


@pytest.mark.parametrize("settings", [{}, {"opt_level": "none"}, {"compiler": "baseline"}])
@pytest.mark.parametrize("name", ["direct", "mutual", "table", "host", "wide"])
def test_endless_recursion(name: str, settings: dict[str, str]) -> None:
    module = grus.Module(RECURSION, grus.Engine(**settings))
    exports: Any = None
    instance = grus.Instance(module, {"m": {"f": lambda: exports.host()}})
    exports = instance.exports
    for _ in range(3):
        with pytest.raises((grus.Trap, RecursionError)) as caught:
            exports[name]()
        if name != "host":
            assert caught.value.code == "stack_exhausted"
        exports.nop()


LOOPS = {
    "plain": "(loop (br 0))",
    "nested": "(loop (loop (br_if 0 (i32.const 0))) (br 0))",
    "table": "(loop (loop (br_table 0 1 1 (local.get 0))))",
    "inner count": "(loop (local.set 0 (i32.const 1000000)) (loop"
    " (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (br 0))",
    "host": "(loop (call $f) (br 0))",
    "call": "(loop (call $g) (br 0))",
    "tail call": "(return_call $self)",
    "grow": "(loop (drop (memory.grow (i32.const 0))) (br 0))",
    "copy": "(loop (memory.copy (i32.const 0) (i32.const 9) (i32.const 60000)) (br 0))",
    "fill": "(loop (memory.fill (i32.const 0) (i32.const 9) (i32.const 65536)) (br 0))",
    "store": "(loop (i32.store (i32.const 0) (i32.const 9)) (br 0))",
}


@pytest.mark.parametrize("name", LOOPS)
def test_endless_loops(name: str) -> None:
    module = grus.Module(
        f"""(module (import "m" "f" (func $f)) (memory 1) (func $g)
        (func $self (export "run") (local i32) {LOOPS[name]}))"""
    )
    with grus.Store(module.engine) as store:
        exports = grus.Instance(module, {"m": {"f": lambda: None}}, store).exports
        for _ in range(2):
            store.set_timeout(0.1)
            with pytest.raises(grus.Timeout):
                exports.run()


def test_growth_to_the_limit() -> None:
    """Of the type, of the Store, and of 32 bits; what is there stays usable."""
    module = grus.Module("""(module
      (memory (export "bounded") 1 3) (memory (export "free") 0)
      (memory (export "wide") i64 0 0x1000000000000)
      (table (export "table") 0 70000 funcref) (table (export "endless") 0 externref)
      (func (export "grow") (param i32) (result i32) (memory.grow 1 (local.get 0)))
      (func (export "grow_table") (param i32) (result i32)
        (table.grow 1 (ref.null extern) (local.get 0)))
      (func (export "load") (param i32) (result i32) (i32.load8_u 1 (local.get 0))))""")
    with grus.Store(module.engine) as store:
        e = grus.Instance(module, {}, store).exports
        assert (e.bounded.grow(2), e.bounded.grow(1)) == (1, -1)
        assert e.grow(65535) == 0 and e.grow(2) == -1 and e.grow(1) == 65535
        assert e.grow(1) == -1 and e.grow(-1) == -1
        assert e.load(-1) == 0  # the last byte of 4 GiB
        assert e.table.grow(70000) == 0 and e.table.grow(1) == -1
        assert e.wide.grow(1 << 47) == -1 and e.wide.grow((1 << 64) - 1) == -1
        assert e.grow_table(-1) == -1
    with grus.Store(module.engine) as store:
        store.set_limits(memory_size=1 << 20, table_elements=1000)
        e = grus.Instance(module, {}, store).exports
        grown = 0
        while e.grow(1) >= 0:
            grown += 1
        assert grown == 16 and len(e.free) == 1 << 20
        assert e.load((1 << 20) - 1) == 0
        with pytest.raises(grus.Trap):
            e.load(1 << 20)
        assert e.grow_table(1000) == 0 and e.grow_table(1) == -1


def used() -> tuple[int, int, int, int]:
    """Pages of address space, mappings, file handles and threads."""
    gc.collect()
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    with open("/proc/self/maps") as file:
        maps = len(file.readlines())
    return pages, maps, len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))


def test_instances_opened_and_closed() -> None:
    """`GRUS_LONG=1` makes it 10,000."""
    module = grus.Module(f"""(module (import "m" "f" (func)) (memory (export "m") 1 10)
      (table 10 funcref) (global (export "g") (mut i32) (i32.const 0))
      (data (i32.const 0) "{"x" * 40000}")
      (func (export "run") (param i32) (result i32) (i32.store (i32.const 8) (local.get 0))
        (i32.load (i32.const 8))))""")

    def one(number: int) -> None:
        with grus.Store(module.engine) as store:
            instance = grus.Instance(module, {"m": {"f": lambda: None}}, store)
            assert instance.exports.run(number) == number

    for number in range(200):
        one(number)
    before = used()
    for number in range(10_000 if os.environ.get("GRUS_LONG") else 1000):
        one(number)
    after = used()
    assert after[2:] == before[2:]
    assert after[1] <= before[1] + 4 and after[0] <= before[0] + 512


VICTIM = """
import grus, os, sys
module = grus.Module('''(module (memory (export "m") 1)
  (data (i32.const 0) "''' + "x" * 40000 + '''")
  (func (export "run") (param i32) (result i32) (local i32)
    (loop (i32.store (local.get 1) (local.get 0))
      (local.set 1 (i32.and (i32.add (local.get 1) (i32.const 4)) (i32.const 0xfffc)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1)))''')
print("begins", flush=True)
while True:
    grus.Instance(module).exports.run(1000)
    grus.run("examples/hello.wasm", ["x"], stdin=b"", capture=True, dirs={sys.argv[1]: "/"})
"""


def test_a_killed_process_leaves_nothing(tmp_path: Path) -> None:
    """At any time: no files, no shared memory, and the next process does not notice."""
    places = [Path(tempfile.gettempdir()), Path("/dev/shm"), tmp_path]

    def left() -> set[str]:
        return {
            str(p)
            for place in places
            for p in place.iterdir()
            if "wasm" in p.name or "grus" in p.name
        }

    before = left()
    rng = random.Random(1)
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "none"), "PYTHONPATH": str(ROOT)}
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", VICTIM, str(tmp_path)],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert child.stdout is not None
        if rng.random() < 0.7:
            assert child.stdout.readline() == b"begins\n"
        time.sleep(rng.random() * 0.3)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        child.stdout.close()
    assert left() - before == set()
    assert list(tmp_path.iterdir()) == []
    done = grus.run(str(ROOT / "examples/hello.wasm"), ["x"], stdin=b"", capture=True)
    assert done.stdout.startswith(b"Hello, x!")
