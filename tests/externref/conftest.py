"""Each test of external references runs with every collector mode and both ends of the compiler."""

from __future__ import annotations

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
            self.on_drop()


@pytest.fixture
def alive() -> list[int]:
    """How many `Alive` objects there are."""
    return [0]
