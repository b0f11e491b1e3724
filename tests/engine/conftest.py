"""What the tests of the engine share."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import grus

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def make() -> Callable[..., Any]:
    """`make(wat, imports)`: the exports of an instance in a Store of its own."""

    def build(wat: str, imports: Any = None, store: Any = None) -> Any:
        return grus.Instance(grus.Module(wat), imports, store).exports

    return build


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run(code, *options)`: run Python code in a process of its own, which must end in time."""

    def start(code: str, *options: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *options, "-c", textwrap.dedent(code)]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False
        )

    return start
