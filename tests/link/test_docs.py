"""The examples of docs/objects.md run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import grus

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "objects.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example(number: int) -> None:
    exec(compile(EXAMPLES[number], f"{PAGE.name}, example {number + 1}", "exec"), {"grus": grus})
