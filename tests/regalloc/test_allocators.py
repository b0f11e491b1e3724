"""Both allocators on random functions, each allocation verified by the symbolic checker."""

import pytest

from grus.backend.regalloc import checker, quality
from grus.backend.regalloc.forward import forward
from grus.backend.regalloc.types import (
    FIRST_VREG,
    SLOT,
    Func,
    Machine,
    Output,
    def_,
    def_fixed,
    use,
)
from grus.testing.fuzz_regalloc import random_case, run_case


@pytest.mark.parametrize("allocator", ["fast", "quality"])
@pytest.mark.parametrize("first", [0, 1_000_000])
def test_random_functions(allocator: str, first: int) -> None:
    for seed in range(first, first + 400):
        func, machine = random_case(seed)
        run_case(func, machine, allocator)


def test_a_cold_call_costs_the_hot_path_nothing() -> None:
    """A loop whose cold block, emitted last, clobbers every register."""
    machine = Machine([0, 0, 0], [[0, 1, 2], []])
    func = Func()
    v = func.new_vreg(0)
    func.begin_block([])
    func.insn([def_fixed(v, 0)])
    func.insn([])
    func.end_block([1], [])
    func.begin_block([], depth=1)
    func.insn([use(v)])
    func.end_block([2, 5], [])
    func.begin_block([], depth=1)
    func.insn([])
    func.end_block([3], [])
    func.begin_block([], depth=1)
    func.insn([use(v)])
    func.end_block([4, 6], [])
    func.begin_block([], depth=1)
    func.insn([])
    func.end_block([1], [])
    func.begin_block([], freq=1)
    func.insn([], clobbers=0b111)
    func.insn([])
    func.end_block([3], [])
    func.begin_block([])
    func.insn([use(v)])
    func.end_block([], [])
    func.finish()
    out = quality.allocate(func, machine)
    checker.check(func, machine, out)
    for pos in out.edit_pos:
        block = [b for b in range(7) if func.insn_start[b] <= pos >> 1 < func.insn_end[b]]
        assert func.freq[block[0]] == 1, "a move in the hot path"
    assert out.num_slots == 1


def test_slots_are_shared_by_values_that_are_not_live_together() -> None:
    machine = Machine([0, 0], [[0, 1], []])
    func = Func()
    func.begin_block([])
    for _ in range(3):
        v = func.new_vreg(0)
        func.insn([def_(v)])
        func.insn([], clobbers=0b11)
        func.insn([use(v)])
    func.end_block([], [])
    func.finish()
    out = quality.allocate(func, machine)
    checker.check(func, machine, out)
    assert out.num_slots == 1
    assert all(a < SLOT for a in out.allocs)
    assert len(func.vreg_class) == FIRST_VREG + 3


def test_what_a_register_still_holds_is_not_reloaded() -> None:
    """A value is stored, and read again while it is where it was."""
    machine = Machine([0, 0, 0], [[0, 1, 2], []])
    func = Func()
    v = func.new_vreg(0)
    func.begin_block([])
    func.insn([def_(v)])
    func.insn([use(v)])
    func.end_block([], [])
    func.finish()
    out = Output(2)
    out.num_slots = 1
    out.allocs = [0, 1]
    out.edit_pos, out.edit_class = [2, 2], [0, 0]
    out.edit_src, out.edit_dst = [0, SLOT], [SLOT, 1]
    out.written = 3
    checker.check(func, machine, out)
    forward(func, out)
    checker.check(func, machine, out)
    assert (out.edit_src, out.edit_dst) == ([0], [1])  # a copy, and the store is gone


def test_a_slot_is_read_where_its_register_was_overwritten() -> None:
    machine = Machine([0, 0], [[0, 1], []])
    func = Func()
    v, w = func.new_vreg(0), func.new_vreg(0)
    func.begin_block([])
    func.insn([def_(v)])
    func.insn([def_(w)])
    func.insn([use(v)])
    func.insn([use(w)])
    func.end_block([], [])
    func.finish()
    out = Output(4)
    out.num_slots = 1
    out.allocs = [0, 0, 1, 0]
    out.edit_pos, out.edit_class = [2, 4], [0, 0]
    out.edit_src, out.edit_dst = [0, SLOT], [SLOT, 1]
    out.written = 3
    before = list(out.edit_src)
    forward(func, out)
    checker.check(func, machine, out)
    assert out.edit_src == before
