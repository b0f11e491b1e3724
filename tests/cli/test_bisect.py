"""`grus clif bisect` finds deliberately wrong rules and passes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grus.cli.clif_bisect import BisectError, find
from grus.cli.main import main

ROOT = Path(__file__).parent.parent.parent

CASE = """\
test optimize
test interpret
set opt_level=speed

function %innocent(i32, i32) -> i32 {
block0(v0: i32, v1: i32):
    v2 = isub v0, v0
    v3 = iadd v2, v1
    v4 = iconst.i32 0
    v5 = bor v3, v4
    return v5
}

function %guilty(i32, i32) -> i32 {
block0(v0: i32, v1: i32):
    v2 = bxor v0, v0
    v3 = iadd v2, v1
    v4 = imul v3, v0
    v5 = iadd v4, v1
    v6 = isub v5, v1
    return v6
}
"""

# Optimizes the file with something wrong in the optimizer, and runs the last function.
DRIVER = """\
from __future__ import annotations

import sys

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.data import DataValue
from grus.ir.interpreter import Interpreter
from grus.ir.parser import parse_file
from grus.opt import pipeline
from grus.opt.lang.cache import made
from grus.opt.lang.ir import iadd, imul
from grus.opt.lang.terms import Int
from grus.opt.rules import base
from grus.opt.lang.cache import disabled_rules
from grus.opt.simplify import use_rules


def rule():
    rules = base.all_rules()
    used = [r for r in rules.rules if r.left.op in (ops.IADD, ops.ISUB, ops.BXOR)]
    rules.rules = []

    @rules.rule
    def wrong_product(x: Int, y: Int):
        return imul(x, y), iadd(x, y)

    rules.rules += used
    use_rules(made(rules.without(disabled_rules()), lowering=False))


def dead():
    def run(func, settings):
        for inst in func.blocks[0].insts:
            if inst.op == ops.IMUL and func.name == "%guilty":
                inst.op = ops.IADD

    pipeline.PASSES["licm"].function = run


{what}()
for function in parse_file(open({path!r}).read()).functions:
    pipeline.optimize(function.func, {{}}, "speed")
func = function.func
args = [DataValue(T.I32, 6), DataValue(T.I32, 7)]
right = Interpreter({{func.name: func}}).call(func.name, args)[0].bits == 42
sys.exit(0 if right else 3)
"""


@pytest.mark.parametrize(
    ("what", "first", "second"),
    [
        (
            "rule",
            "wrong_product",
            "without the rule wrong_product the command does not fail",
        ),
        ("dead", "pass licm of %guilty", ""),
    ],
)
def test_something_wrong_is_found(
    what: str, first: str, second: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case, driver = tmp_path / "case.clif", tmp_path / "driver.py"
    case.write_text(CASE)
    driver.write_text(DRIVER.format(what=what, path=str(case)))
    command = f"cd {ROOT} && {sys.executable} {driver}"
    assert main(["clif", "bisect", "--cmd", command]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert first in lines[0] and "%guilty" in lines[0] and lines[0].startswith("step ")
    assert lines[1:] == ([second] if second else [])


def test_the_first_step_that_fails(tmp_path: Path) -> None:
    log = tmp_path / "log"
    asked: list[dict[str, str]] = []

    def fails(variables: dict[str, str]) -> bool:
        asked.append(variables)
        limit = int(variables.get("GRUS_OPT_STEPS", 1 << 30))
        log.write_text(f"step of {limit}\n")
        return limit >= 1000

    assert find(fails, str(log))[0] == "step 1000: step of 1000"
    assert len(asked) < 30


def test_lowering_rules(tmp_path: Path) -> None:
    def fails(variables: dict[str, str]) -> bool:
        return variables.get("GRUS_DISABLE_RULES") != "x64:lea_scaled"

    assert find(fails, str(tmp_path / "log")) == [
        "the command fails without the optimizer, too",
        "without the lowering rule lea_scaled it does not fail",
    ]
    with pytest.raises(BisectError, match="any lowering rule"):
        find(lambda variables: True, str(tmp_path / "log"))


def test_lowering_without_a_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = tmp_path / "case.clif"
    case.write_text(
        "function %f(i64, i64) -> i64 {\nblock0(v0: i64, v1: i64):\n    v2 = iconst.i64 3\n"
        "    v3 = ishl v1, v2\n    v4 = iadd v0, v3\n    return v4\n}\n"
    )
    command = [sys.executable, "-m", "grus", "clif", "compile", str(case)]

    def text(*arguments: str, **variables: str) -> str:
        environment = {**os.environ, **variables}
        run = subprocess.run([*command, *arguments], cwd=ROOT, env=environment, text=True,
                             capture_output=True, check=False)  # fmt: skip
        return run.stdout + run.stderr

    assert "lea" in text()
    assert "lea" not in text("--disable-rule", "lea_scaled")
    assert "lea" not in text(GRUS_DISABLE_RULES="x64:lea_scaled,add_zero")
    assert text("--disable-rule", "add") == "grus: nothing stands in for the lowering rule add\n"
    assert text("--disable-rule", "what") == "grus: no such rule: what\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("true", "the command does not fail"),
        ("exit 127", "the command cannot be run: 127"),
    ],
)
def test_errors(command: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clif", "bisect", "--cmd", command]) == 1
    assert capsys.readouterr() == ("", f"grus: {message}\n")
