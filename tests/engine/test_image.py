"""Code memory: position independence, W^X, freeing, and the ranges (docs/abi.md, Code ranges)."""

from __future__ import annotations

import gc
import os
from typing import Any

import pytest

import grus
from grus.engine import code
from grus.engine.compile import compile_functions
from grus.host import pages

WAT = """(module
  (import "m" "f" (func $f (result i32)))
  (memory 1)
  (table 1 funcref)
  (elem (i32.const 0) $g)
  (type $t (func (param f64) (result f64)))
  (func $g (type $t) (f64.add (f64.const 1.5) (local.get 0)))
  (func $h (param i32) (result i32) (i32.add (local.get 0) (call $f)))
  (func (export "all") (param i32 f64) (result i32 f64)
    (i32.store (i32.const 8) (local.get 0))
    (call $h (i32.load (i32.const 8)))
    (call_indirect (type $t) (local.get 1) (i32.const 0))))"""


def test_one_image_in_two_places() -> None:
    """No absolute address: the same bytes work wherever they lie."""
    engine = grus.Engine()
    first, second = grus.Module(WAT, engine), grus.Module(WAT, engine)
    image = first.image
    assert image.code == second.image.code
    second._image = image
    exports = [
        grus.Instance(module, {"m": {"f": lambda: 40}}).exports for module in (first, second)
    ]
    assert first.load().places[0].start != second.load().places[0].start
    for e in exports:
        assert e.all(2, 0.5) == (42, 2.0)


def test_one_image_for_many_instances() -> None:
    module = grus.Module(WAT)
    results = [
        grus.Instance(module, {"m": {"f": lambda n=n: n}}).exports.all(1, 1.0) for n in range(20)
    ]
    assert results == [(1 + n, 2.5) for n in range(20)]
    assert module.load() is module.load()


def test_code_is_private_and_never_writable_and_executable() -> None:
    grus.Instance(grus.Module(WAT), {"m": {"f": lambda: 1}}).exports.all(1, 1.0)
    ranges = [pages.arena(name) for name in ("wasm", "stubs")]
    seen = 0
    with open("/proc/self/maps") as file:
        for line in file:
            bounds, mode = line.split()[:2]
            start = int(bounds.split("-")[0], 16)
            if any(r.start <= start < r.end for r in ranges):
                seen += "x" in mode
                assert mode[3] == "p", line
                assert not ("w" in mode and "x" in mode), line
    assert seen


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def compile_call_free(rounds: int) -> None:
    for n in range(rounds):
        module = grus.Module(f'(module (func (export "f") (result i32) (i32.const {n})))')
        assert grus.Instance(module).exports.f() == n


def test_freed_code_is_used_again() -> None:
    compile_call_free(50)
    gc.collect()
    before, used = resident(), pages.arena("wasm").next
    gc.disable()
    try:
        compile_call_free(400)
    finally:
        gc.enable()
    assert pages.arena("wasm").next - used <= 4 * 4096
    assert resident() - before < 4 << 20


def test_code_lives_as_long_as_its_store() -> None:
    """A function in a table outlives its module and its instance."""
    store = grus.Store()
    holder = grus.Instance(
        grus.Module('(module (table (export "t") 1 funcref))'), None, store
    ).exports.t
    made = grus.Instance(
        grus.Module('(module (func (export "f") (result i32) (i32.const 77)))'), None, store
    )
    holder[0] = made.exports.f
    del made
    gc.collect()
    compile_call_free(3)
    assert holder[0]() == 77


def test_freeing_forgets_the_addresses() -> None:
    module = grus.Module('(module (func (export "f")))', grus.Engine(tier="eager"))
    start = module.load().places[0].start
    assert code.find(start) is not None
    del module
    gc.collect()
    assert code.find(start) is None


def test_a_fault_outside_wasm_code_is_not_a_trap(run: Any) -> None:
    """Library code may hold anything in r15; a fault there is passed on (exit by SIGSEGV)."""
    done = run(
        """
        import ctypes, grus
        from grus.host import pages
        grus.Engine()
        # mov eax, [0]; ret
        at = pages.arena("library").place(bytes.fromhex("8b042500000000c3"))
        ctypes.CFUNCTYPE(ctypes.c_int)(at)()
        """
    )
    assert done.returncode == -11, done.stderr


def test_a_fault_in_wasm_code_outside_a_memory_is_not_a_trap(run: Any) -> None:
    """What the compiler gets wrong is a crash report, never a Trap."""
    done = run(
        """
        import grus
        from grus.engine import code
        from grus.engine.module import Module
        m = Module('(module (memory 1) (func (export "f") (result i32) (i32.load (i32.const 0))))')
        from grus.host import libc
        from grus.base.layout import STORE
        i = grus.Instance(m)
        # Take the memory's base away: the load goes to an address of no reservation.
        libc.poke(i._core.address + m.layout.memory_base(0), 64)
        try:
            i.exports.f()
        except grus.Trap:
            print("trap")
        """
    )
    assert done.returncode == -11, done.stdout + done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["wasm", "library", "stubs"])
def test_ranges_do_not_overlap(name: str) -> None:
    mine = pages.arena(name)
    for other in ("wasm", "library", "stubs"):
        if other != name:
            arena = pages.arena(other)
            assert arena.end <= mine.start or mine.end <= arena.start


def test_merging_images() -> None:
    """Functions taken from several images keep their code, traps, places and stack maps."""
    functions = "".join(
        f"""(func (export "f{n}") (param externref i32) (result externref)
          (drop (call $g (i32.div_u (i32.const {n}) (local.get 1))))
          (drop (i32.load offset={n} (local.get 1))) (local.get 0))"""
        for n in range(20)
    )
    module = grus.Module(
        f"(module (memory 1) (func $g (param i32) (result i32) (local.get 0)) {functions})"
    )
    settings = module.engine.code_settings()
    indexes = list(range(21))
    whole = compile_functions(module.info, settings, indexes, True)
    assert code.merge([(whole, indexes)]).pack() == whole.pack()
    even = compile_functions(module.info, settings, indexes[::2], True)
    assert code.merge([(whole, indexes[::2])]).pack() == even.pack()
    mixed = code.merge([(whole, indexes[1::2]), (even, indexes[::2])])
    assert code.merge([(mixed, indexes[::2])]).pack() == even.pack()
    assert whole.stack_maps and whole.traps and whole.locs
