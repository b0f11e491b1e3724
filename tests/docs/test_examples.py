"""Each example of embedding prints what its docstring says."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_there_are_examples() -> None:
    assert {"plugin", "numpy_arrays", "timeouts", "host_functions"} <= {p.stem for p in EXAMPLES}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example(path: Path) -> None:
    if path.stem == "numpy_arrays":
        pytest.importorskip("numpy")
    doc = ast.get_docstring(ast.parse(path.read_text()))
    assert doc is not None and f"python examples/{path.name}" in doc
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == textwrap.dedent(doc.split("Prints:\n")[1]) + "\n"
