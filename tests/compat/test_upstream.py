"""The tests of wasmtime-py itself: those of the core, none of components."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PLACE = os.environ.get("WASMTIME_PY", str(ROOT.parent / "shared" / "wasmtime-py"))


@pytest.mark.skipif(
    not Path(PLACE, "tests", "test_func.py").exists(),
    reason="needs a checkout of wasmtime-py 46.0.1, in ../shared or named by WASMTIME_PY",
)
def test_core_tests_pass() -> None:
    command = [
        sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider",
        "-p", "grus.testing.as_wasmtime", "tests", "--ignore", "tests/component",
    ]  # fmt: skip
    result = subprocess.run(
        command,
        cwd=PLACE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:]
    passed = re.search(r"(\d+) passed", result.stdout)
    assert passed is not None and int(passed.group(1)) >= 99
