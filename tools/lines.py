"""Lines of code by file, as a table: `python -m tools.lines [FOLDER...]` (default: the backend).

Code is what is neither blank, comment nor docstring.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
DEFAULT: Final = ("grus/backend", "grus/backend/regalloc", "grus/backend/x64")


def count(path: Path) -> tuple[int, int]:
    """All lines, and lines of code."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    docs: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docs.update(range(node.lineno, (node.end_lineno or 0) + 1))
    code = [
        number
        for number, line in enumerate(lines, 1)
        if number not in docs and line.strip() and not line.lstrip().startswith("#")
    ]
    return len(lines), len(code)


def purpose(path: Path) -> str:
    """The first line of the module's docstring."""
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return doc.partition("\n")[0]


def table(folder: str) -> list[str]:
    """The files directly in a folder, and their sum."""
    rows = [f"## {folder}/", "", "| file | lines | code | |", "|---|---|---|---|"]
    total = [0, 0]
    for path in sorted((ROOT / folder).glob("*.py")):
        lines, code = count(path)
        if not lines:
            continue
        total[0] += lines
        total[1] += code
        rows.append(f"| `{path.name}` | {lines} | {code} | {purpose(path)} |")
    return [*rows, f"| **all** | {total[0]} | {total[1]} | |", ""]


def main(folders: list[str]) -> int:
    for folder in folders or list(DEFAULT):
        print("\n".join(table(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
