"""Each test of external references runs with every collector mode and both ends of the compiler.

With `GRUS_EXTERNREF=all` in the environment it runs with each optimization level, allocator and zeal:

    GRUS_EXTERNREF=all python -m pytest tests/externref
"""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import Any

import pytest

import grus

MODES: dict[str, dict[str, Any]] = {
    "plain": {},
    "zeal": {"gc_zeal": True},
    "unoptimized": {"opt_level": "none", "regalloc": "single_pass", "verify": True},
    "zeal-single-pass": {"gc_zeal": True, "regalloc": "single_pass"},
    "lazy-zeal": {"gc_zeal": True, "tier": "lazy"},
    "baseline": {"compiler": "baseline"},
    "python": {"collector": "python"},
    "naive": {"collector": "naive"},
}
if os.environ.get("GRUS_EXTERNREF") == "all":
    for level, regalloc, zeal in itertools.product(
        ("none", "speed", "speed_and_size"), ("backtracking", "single_pass"), (False, True)
    ):
        options = {"opt_level": level, "regalloc": regalloc, "gc_zeal": zeal, "verify": True}
        MODES[f"{level}-{regalloc}{'-zeal' * zeal}"] = options


@pytest.fixture(params=list(MODES))
def engine(request: pytest.FixtureRequest) -> grus.Engine:
    return grus.Engine(**MODES[request.param])


class Alive:
    """Counts its objects, and calls something when one dies."""

    def __init__(self, counter: list[int], on_drop: Any = None) -> None:
        self.counter = counter
        self.on_drop = on_drop
        counter[0] += 1

    def __del__(self) -> None:
        self.counter[0] -= 1
        if self.on_drop is not None:
            # What is left of an earlier test may die here, in any frame, after its Store. pytest
            # would keep the exception, and with it that frame and what it holds.
            with contextlib.suppress(grus.StoreClosed):
                self.on_drop()


@pytest.fixture
def alive() -> list[int]:
    """How many `Alive` objects there are."""
    return [0]
