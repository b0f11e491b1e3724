"""A few programs of the fuzzers of external references; `grus.testing.fuzz_refs` runs more."""

import pytest

from grus.testing.fuzz_refs import OPTIONS, run_case, run_stacks


@pytest.mark.parametrize("version", [1, 2, 3])
def test_random_programs(version: int) -> None:
    for seed in range(10):
        options = OPTIONS[seed % len(OPTIONS)]
        if version > 1 and options.get("compiler"):
            options = {}
        run_case(seed, version, options)


def test_random_stacks() -> None:
    for seed in range(10):
        run_stacks(seed, OPTIONS[seed % len(OPTIONS)])
