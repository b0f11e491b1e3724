"""Calling conventions against C compilers: both directions, random signatures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from grus.backend.x64 import abi
from grus.backend.x64.regs import R8, R9, RCX, RDI, RDX, RSI
from grus.testing import abi_c


@pytest.mark.parametrize("algorithm", ["backtracking", "single_pass"])
@pytest.mark.parametrize(
    ("compiler", "conv"), [("gcc", "sysv"), ("clang", "sysv"), ("gcc", "win"), ("clang", "win")]
)
def test_random_signatures(compiler: str, conv: str, algorithm: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    assert abi_c.check(range(40), compiler, conv, tmp_path, algorithm) == []


def test_a_wrong_convention_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    monkeypatch.setattr(abi, "_SYSTEM_V_INTS", (RDI, RSI, RDX, RCX, R9, R8))
    bad = abi_c.check(range(30), "gcc", "sysv", tmp_path)
    assert any("Grus calls: argument" in line for line in bad)
    assert any("C calls: argument" in line for line in bad)
