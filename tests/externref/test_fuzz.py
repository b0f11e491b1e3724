"""A few programs of the fuzzers of external references; `grus.testing.fuzz_refs` runs more."""

import pytest

from grus.testing.fuzz_refs import OPTIONS, Tally, run_case, run_seed, run_stacks


@pytest.mark.parametrize("version", [1, 2, 3])
def test_random_programs(version: int) -> None:
    for seed in range(18):
        run_case(seed, version, OPTIONS[seed % len(OPTIONS)])


def test_random_stacks() -> None:
    for seed in range(10):
        run_stacks(seed, OPTIONS[seed % len(OPTIONS)])


def test_random_programs_with_naive_counting() -> None:
    tally = Tally()
    assert [run_seed("naive", seed, tally) for seed in range(18)] == [""] * 18
    assert tally.made == tally.dropped > 0


def test_the_programs_make_collections_necessary() -> None:
    """Also without zeal."""
    for version, options in ((2, {"chunk": 8, "gc_repeat": True}), (3, {})):
        tally = Tally()
        for seed in range(12):
            run_case(seed, version, options, tally)
        assert tally.collections > 100
