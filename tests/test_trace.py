"""Logging, timing and printing after passes: `grus.base.trace`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grus.base import trace

ROOT = Path(__file__).parent.parent


def test_passes_are_timed_and_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "time_passes", True)
    monkeypatch.setattr(trace, "print_after", {"lower"})
    trace.reset_times()
    done = []
    for name in ("verify", "lower", "lower"):
        trace.run_pass(name, lambda name=name: done.append(name), lambda: "the function")
    assert done == ["verify", "lower", "lower"]
    assert set(trace.pass_times) == {"verify", "lower"}
    assert capsys.readouterr().err == "; after lower\nthe function\n" * 2
    trace.reset_times()
    assert not trace.pass_times


def logged(setting: str) -> str:
    code = (
        "from grus.base.trace import logger\n"
        "for room in ('opt', 'wasm'):\n"
        "    logger(room).debug('d'); logger(room).warning('w')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={"GRUS_LOG": setting}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stderr


def test_logging_is_silent_unless_asked() -> None:
    assert logged("") == ""


def test_log_filter() -> None:
    assert logged("grus.opt=debug").splitlines() == ["grus.opt: DEBUG: d", "grus.opt: WARNING: w"]
    assert logged("error") == ""
    assert len(logged("debug").splitlines()) == 4
    assert "unknown level" in logged("grus.opt=loud")
