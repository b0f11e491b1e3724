"""Calling conventions against C compilers: both directions, random signatures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from grus.backend.x64 import abi
from grus.backend.x64.regs import R8, R9, RAX, RCX, RDI, RDX, RSI
from grus.backend.x64.target import TARGET
from grus.ir.parser import parse_file
from grus.link.jit import JITModule
from grus.testing import abi_c
from tests.builds import PLAIN_ONLY


@pytest.mark.parametrize("algorithm", ["backtracking", "single_pass"])
@pytest.mark.parametrize(
    ("compiler", "conv"), [("gcc", "sysv"), ("clang", "sysv"), ("gcc", "win"), ("clang", "win")]
)
def test_random_signatures(compiler: str, conv: str, algorithm: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    assert abi_c.check(range(40), compiler, conv, tmp_path, algorithm) == []


@PLAIN_ONLY
def test_a_wrong_convention_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    monkeypatch.setattr(abi, "_SYSTEM_V_INTS", (RDI, RSI, RDX, RCX, R9, R8))
    bad = abi_c.check(range(30), "gcc", "sysv", tmp_path)
    assert any("Grus calls: argument" in line for line in bad)
    assert any("C calls: argument" in line for line in bad)


def test_winch_results_are_packed_and_nothing_is_kept() -> None:
    text = """
function %four(i32, i64, f32, i64) -> i64, i32, f32, i64 winch {
block0(v0: i32, v1: i64, v2: f32, v3: i64):
    return v3, v0, v2, v1
}
function %caller(i32, i64, f32, i64) -> i64, f32 system_v {
    fn0 = colocated %four(i32, i64, f32, i64) -> i64, i32, f32, i64 winch
block0(v0: i32, v1: i64, v2: f32, v3: i64):
    v4 = imul v1, v3
    v5, v6, v7, v8 = call fn0(v0, v1, v2, v3)
    v9 = isub v5, v8
    v10 = uextend.i64 v6
    v11 = iadd v9, v10
    v12 = iadd v11, v4
    v13 = fadd v7, v2
    return v12, v13
}
"""
    functions = [f.func for f in parse_file(text).functions]
    places = abi.layout(functions[0].sig)
    assert [part.offset for [part] in places.results] == [8, 4, 0, 0]
    assert places.results[3][0].reg == RAX and places.stack_results == 16
    assert places.clobbers == abi.ALLOCATABLE
    for algorithm in ("backtracking", "single_pass"):
        settings = TARGET.settings()
        settings.set("regalloc_algorithm", algorithm)
        settings.set("regalloc_checker", "true")
        module = JITModule(settings=settings)
        module.define_text(text)
        assert module["caller"](7, 1000, 0.5, 3) == (3 - 1000 + 7 + 3000, 1.0)
        assert module["four"](7, 1000, 0.5, -3) == (-3, 7, 0.5, 1000)
