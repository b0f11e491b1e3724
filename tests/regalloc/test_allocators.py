"""Both allocators on random functions, each allocation verified by the symbolic checker."""

import pytest

from grus.backend.regalloc import checker, quality
from grus.backend.regalloc.forward import forward
from grus.backend.regalloc.ranges import Live
from grus.backend.regalloc.resolve import resolve
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


def walked(live: Live, uses: list[tuple[int, int]], v: int) -> list[tuple[int, int]]:
    """Where a vreg of several blocks is live, by a walk from its uses to its definition."""
    func, home = live.func, live.def_block[v]
    ends = dict(uses)
    work, end = list(ends), live.last[v]
    while work:
        for p in func.preds[work.pop()]:
            if p == home:
                end = 2 * func.insn_end[p]
            else:
                if p not in ends:
                    work.append(p)
                ends[p] = 2 * func.insn_end[p]
    spans = [(2 * func.insn_start[b], end) for b, end in ends.items()]
    spans.append((live.first_point(v), end))
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and joined[-1][1] == start:
            start = joined.pop()[0]
        if start < end:
            joined.append((start, end))
    return joined


@pytest.mark.parametrize("at_once", [3, 512])
def test_liveness_by_masks_is_that_of_a_walk(at_once: int) -> None:
    compared = 0
    for seed in range(200):
        live = Live(*random_case(seed))
        live.scan()
        uses: dict[int, list[tuple[int, int]]] = {}
        for b, v, end in zip(live.outer_blocks, live.outer_vregs, live.outer_ends, strict=True):
            uses.setdefault(v, []).append((b, end))
        found = live.wide_ranges(at_once)
        mask = (1 << live.shift) - 1
        assert sorted(found) == sorted(uses)
        for v, ranges in found.items():
            spans = [(r >> 2 * live.shift, r >> live.shift & mask) for r in ranges]
            assert spans == walked(live, uses[v], v)
            assert all(r & mask == v for r in ranges)
            compared += 1
    assert compared > 1000


def test_ranges_of_huge_functions_are_longer_ints() -> None:
    for seed in range(50):
        func, machine = random_case(seed)
        live = Live(func, machine)
        live.shift = 33
        bundles = live.build()
        registers = quality.Registers(live)
        quality._Assignment(live, registers).run(bundles)
        out = resolve(live, registers)
        forward(func, out)
        usual = quality.allocate(func, machine)
        assert (out.allocs, out.edit_pos, out.edit_src, out.edit_dst) == (
            usual.allocs,
            usual.edit_pos,
            usual.edit_src,
            usual.edit_dst,
        )


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
