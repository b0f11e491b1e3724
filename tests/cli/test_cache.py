"""`grus cache`, `grus run` with the cache and with .cgrus files, `grus compile` to them, and the
progress bar."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import grus
from grus.cli.main import main
from grus.cli.progress import ProgressBar

WAT = '(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))'


@pytest.fixture
def program(tmp_path: Path, monkeypatch: Any) -> Path:
    monkeypatch.setenv("GRUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(grus, "LOADED", float("inf"))  # sources may change in a long session
    file = tmp_path / "add.wat"
    file.write_text(WAT)
    return file


def output(capsys: Any, *arguments: str) -> str:
    assert main(list(arguments)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return str(out)


@pytest.mark.parametrize("tier", ["auto", "eager"])
def test_the_cache(program: Path, capsys: Any, monkeypatch: Any, tier: str) -> None:
    monkeypatch.setenv("GRUS_TIER", tier)
    path = program.parent / "cache"
    assert output(capsys, "cache", "path") == f"{path}\n"
    assert "entries  0\n" in output(capsys, "cache", "info")
    assert output(capsys, "run", "--no-cache", str(program), "20", "22") == "42\n"
    assert not path.exists()
    for _ in range(2):
        assert output(capsys, "run", str(program), "20", "22") == "42\n"
        assert len([name for name in os.listdir(path) if name.endswith(".grus")]) == 1
    size = sum(os.stat(path / name).st_size for name in os.listdir(path))
    assert f"entries  1\nbytes    {size} of 536870912\n" in output(capsys, "cache", "info")
    assert output(capsys, "cache", "clear") == "1 entries removed\n"
    assert os.listdir(path) == []
    monkeypatch.setenv("GRUS_CACHE", "0")
    assert main(["cache", "info"]) == 1
    assert "turned off" in capsys.readouterr().err
    assert output(capsys, "run", str(program), "20", "22") == "42\n"
    assert os.listdir(path) == []


def test_functions_of_another_build(program: Path, capsys: Any) -> None:
    assert output(capsys, "run", str(program), "20", "22") == "42\n"
    program.write_text(WAT.replace("(module ", '(module (func (export "one")) '))
    assert main(["run", "--tier-stats", "--invoke", "add", str(program), "20", "22"]) == 0
    out, err = capsys.readouterr()
    rows = dict(line.rsplit(maxsplit=1) for line in err.splitlines() if not line.endswith(" s"))
    assert (out, rows["from the cache"], rows["of another build"]) == ("42\n", "0", "1")


def test_compiled_files(program: Path, capsys: Any) -> None:
    file = program.with_suffix(".cgrus")
    assert output(capsys, "compile", str(program), "-o", str(file)) == ""
    program.unlink()
    assert output(capsys, "run", str(file), "1", "2") == "3\n"
    assert output(capsys, "run", "--invoke", "add", str(file), "1", "2") == "3\n"
    good = file.read_bytes()
    for data, message in (
        (b"", "not a module"),
        (b"\0asm\1\0\0\0", "not a module"),
        (good[:100], "cut off"),
        (good[:-1], "cut off"),
        (good[:20] + b"!" + good[21:], "damaged"),
    ):
        file.write_bytes(data)
        assert main(["run", str(file), "1", "2"]) == 1
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    file.write_bytes(good)
    assert main(["run", "-O", "none", str(file), "1", "2"]) == 1
    assert "other settings" in capsys.readouterr().err
    # Machine code is run only where the file's name says that it is some.
    other = file.with_suffix(".wasm")
    file.rename(other)
    assert main(["run", str(other), "1", "2"]) == 1
    assert "magic header" in capsys.readouterr().err


def test_compile_options(program: Path, capsys: Any) -> None:
    folder = program.parent
    assert output(capsys, "compile", "--emit", "cgrus", "--fuel", "--jobs", "2", str(program)) == ""
    assert output(capsys, "run", "--fuel", "9", str(folder / "add.cgrus"), "1", "2") == "3\n"
    for arguments in (
        ["--emit", "cgrus", "--header", "x.h"],
        ["--emit", "obj", "--jobs", "2"],
        ["--emit", "cgrus", "--jobs", "-1"],
    ):
        with pytest.raises(SystemExit) as end:
            main(["compile", *arguments, str(program)])
        assert end.value.code == 2
        assert "Traceback" not in capsys.readouterr().err


def test_no_bar_where_there_is_no_terminal(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("grus.cli.progress._QUIET", 0.0)
    with ProgressBar("compiling") as bar:
        bar(1, 2)
    assert capsys.readouterr() == ("", "")


BAR = """
import sys
if {plain}:
    sys.modules["rich.progress"] = sys.modules["rich.console"] = None
import grus.cli.progress as progress
progress._QUIET = {quiet}
with progress.ProgressBar("compiling") as bar:
    bar(1, 4)
    bar(2, 4)
"""


def on_a_terminal(plain: bool, quiet: float) -> str:
    """What a bar shows on a terminal."""
    ours, theirs = pty.openpty()
    text = BAR.format(plain=plain, quiet=quiet)
    done = subprocess.run([sys.executable, "-c", text], stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # the end of a terminal
        pass
    os.close(ours)
    assert (done.returncode, done.stdout) == (0, b""), shown
    return shown.decode()


def test_the_plain_bar() -> None:
    shown = on_a_terminal(True, 0.0)
    assert "compiling [#######---" in shown and " 25 %" in shown and " 50 %" in shown
    assert shown.endswith(" \r")
    assert on_a_terminal(True, 60.0) == ""


def test_the_bar_of_rich() -> None:
    pytest.importorskip("rich", reason="rich is not installed")
    shown = on_a_terminal(False, 0.0)
    assert "compiling" in shown and "50%" in shown
    assert on_a_terminal(False, 60.0) == ""
