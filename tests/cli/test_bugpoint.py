"""Reduction of failing files."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grus.base.errors import GrusError
from grus.cli.main import main
from grus.ir.parser import parse_file
from grus.ir.printer import print_function
from grus.ir.verifier import verify
from grus.testing.bugpoint import BugpointError, Case, _edit_run, reduce
from grus.testing.gen_clif import Options, generate

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("seed", (2, 3, 4, 7))
def test_generated(seed: int) -> None:
    """Hundreds of instructions become the two that matter, and only valid files are asked about."""
    options = Options(vectors=True, traps=True, try_calls=bool(seed & 1))
    text = "\n".join([print_function(f) for f in generate(seed, 80, options)])
    wanted = [
        op for op in ("popcnt", "imul", "icmp", "fadd", "isub", "select") if f"= {op}" in text
    ][:2]

    def fails(candidate: str) -> bool:
        for function in parse_file(candidate).functions:
            assert not verify(function.func)
        return all(f"= {op}" in candidate for op in wanted)

    reduced = reduce(text, fails)
    case = Case(reduced.text)
    insts = [inst for func in case.functions for block in func.blocks for inst in block.insts]
    assert len(case.functions) <= 2 and len(insts) <= 10
    assert reduced.runs < 400
    # Nothing is left to do, and nothing depends on the order of sets.
    assert reduce(reduced.text, fails).text == reduced.text
    assert reduce(text, fails).text == reduced.text


def test_run_lines_follow() -> None:
    """A wrong result of one function: what is left still runs, and is still wrong."""
    from grus.ir.interpreter import Interpreter
    from grus.testing.filetest import parse_run

    text = """\
test run
set opt_level=speed
target x86_64

function %helper(i32, i32, i32) -> i32 system_v {
block0(v0: i32, v1: i32, v2: i32):
    v3 = iadd v0, v1
    return v3
}

function %f(i64, i32, f32) -> i64, i32 system_v {
    sig0 = (i32, i32, i32) -> i32 system_v
    fn0 = %helper sig0
    ss0 = explicit_slot 64, align = 16
block0(v0: i64, v1: i32, v2: f32):
    v3 = iconst.i32 10
    v4 = call fn0(v1, v3, v1)
    v5 = icmp sgt v4, v3
    brif v5, block1(v4), block2
block1(v6: i32):
    v7 = imul v6, v6
    return v0, v7
block2:
    return v0, v3
}
; run: %f(5, 7, 0x1.0p0) == [5, 290]
; run: %f(5, -3, 0x1.0p0) == [5, 10]
"""

    def fails(candidate: str) -> bool:
        file = parse_file(candidate)
        functions = {f.func.name: f.func for f in file.functions}
        wrong = 0
        for function in file.functions:
            for comment in function.comments:
                command = parse_run(comment.text, function.func, functions, 0)
                if command is not None:
                    try:
                        interpreter = Interpreter(functions, max_steps=100)
                        results = interpreter.call(command.name, command.args)
                    except GrusError:
                        return False
                    wrong += command.results is not None and results != command.results
        return wrong == 1

    case = Case(reduce(text, fails).text)
    assert [func.name for func in case.functions] == ["%f"]
    assert case.size().startswith("1 function, 1 block, 2 instructions")
    assert not case.functions[0].sig.params and len(case.functions[0].sig.returns) == 1
    assert case.comments == [["; run: %f() == 290"]] and not case.header


@pytest.mark.parametrize(
    ("line", "index", "arg", "expected"),
    [
        ("; run: %f(1, 2) == 3", 0, True, "; run: %f(2) == 3"),
        ("; run: %f([1 2], 0x2) == [3, 4]", 0, True, "; run: %f(0x2) == [3, 4]"),
        ("; run: %f(1) == [3, 4]", 1, False, "; run: %f(1) == 3"),
        ("; run: %f(1) == [3, [1 2], 5]", 0, False, "; run: %f(1) == [[1 2], 5]"),
        ("; run: %f(1) != 3", 0, False, "; print: %f(1)"),
        ("; run: %g(1) == 3", 0, True, "; run: %g(1) == 3"),
        ("; run", 0, True, "; run"),
        ("; print: %f(1)", 0, True, "; print: %f()"),
    ],
)
def test_edit_run(line: str, index: int, arg: bool, expected: str) -> None:
    assert _edit_run(line, "%f", index, arg) == expected


def test_not_failing() -> None:
    text = "function %f() fast {\nblock0:\n    return\n}\n"
    with pytest.raises(BugpointError, match="does not fail as it is printed"):
        reduce(text, lambda _: False)
    invalid = "function %f() -> i32 fast {\nblock0:\n    return\n}\n"
    with pytest.raises(BugpointError, match="is not valid"):
        reduce(invalid, lambda _: True)
    assert "return" in reduce(invalid, lambda s: "-> i32" in s and "return" in s, valid=False).text


LOOP = str(ROOT / "tests" / "clif" / "loop.clif")


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "small.clif"
    arguments = ["clif", "bugpoint", LOOP, "-o", str(output), "-v"]
    assert main([*arguments, "--cmd", "grep -q iadd {} && exit 3"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("looking for: exit status 3\n")
    assert "function" in err and "runs" in err.splitlines()[-1]
    case = Case(output.read_text())
    assert "iadd" in output.read_text() and "1 block, 3 instructions" in case.size()
    # The file is appended; the output is matched, whatever the status.
    assert main(["clif", "bugpoint", LOOP, "--cmd", "cat", "--match", r"\bicmp\b|brif"]) == 0
    assert "brif" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["small.clif"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cmd", "true"], f"the command does not fail for {LOOP}: its exit status is 0"),
        (["--cmd", "exit 127"], "the command cannot be run: 127"),
        (["--cmd", "cat", "--match", "nosuch"], "the command does not print 'nosuch'"),
    ],
)
def test_command_errors(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["clif", "bugpoint", LOOP, *arguments]) == 1
    assert capsys.readouterr() == ("", f"grus: {message}\n")


def test_interrupt(tmp_path: Path) -> None:
    """Ctrl-C gives the best so far."""
    output = tmp_path / "small.clif"
    command = [sys.executable, "-m", "grus", "clif", "bugpoint", LOOP, "-v", "-o", str(output)]
    predicate = (
        "grep -q iadd {} && test $(wc -l < {}) -lt 12 && sleep 30; grep -q iadd {} && exit 3"
    )
    with subprocess.Popen(
        [*command, "--cmd", predicate, "--timeout", "60"], cwd=ROOT, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.stderr.readline()  # a first success
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    assert process.returncode == 130
    assert "iadd" in output.read_text()
