"""The upper halves of registers of i32: zero extensions that are left out are right.

Random functions of the last of `fuzz_native.OPTIONS`.
"""

from __future__ import annotations

import pytest

from grus.backend.x64 import lower
from grus.backend.x64.target import TARGET
from grus.ir import opcodes as ops
from grus.testing import fuzz_native
from tests.builds import PLAIN_ONLY


def outcomes(count: int) -> list[str]:
    """What is wrong with some random functions of i32 and i64 under pressure."""
    settings = TARGET.settings()
    settings.parse("regalloc_checker=true")
    kinds = len(fuzz_native.OPTIONS)
    tally = fuzz_native.Tally()
    seeds = range(kinds - 1, kinds * count, kinds)
    found = [fuzz_native.run_one(seed, 40, settings, tally) for seed in seeds]
    return [outcome for outcome in found if outcome != "ok"]


@pytest.fixture(scope="module", autouse=True)
def heap() -> None:
    fuzz_native.map_heap()


def test_random_functions() -> None:
    assert outcomes(25) == []


@PLAIN_ONLY
def test_a_wrong_claim_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parameter of 32 bits may have anything in the upper half of its register."""
    wrong = list(lower._CLEARS)
    wrong[ops.PARAM] = True
    monkeypatch.setattr(lower, "_CLEARS", wrong)
    assert any("interpreted" in outcome for outcome in outcomes(15))
