"""Cranelift's runtests as machine code (the directory of `GRUS_CLIF_FILETESTS`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FEWEST = 257
"""Files that passed when this was written; the rest have no x86_64 target or ask for vectors without
the processor's features."""


def test_runtests() -> None:
    root = os.environ.get("GRUS_CLIF_FILETESTS")
    if not root or not (Path(root) / "runtests").is_dir():
        pytest.skip("GRUS_CLIF_FILETESTS does not name Cranelift's filetests")
    command = [sys.executable, "-m", "grus.testing.run_native", str(Path(root) / "runtests")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    failed = [line for line in lines if line.startswith("fail ")]
    assert failed == [], done.stderr
    assert int(lines[-1].split()[0]) >= FEWEST
