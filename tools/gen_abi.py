"""Print the structure tables into docs/abi.md: `python -m tools.gen_abi [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

from grus.base import layout

PATH = Path(__file__).parent.parent / "docs" / "abi.md"
MARK = "<!-- tables: python -m tools.gen_abi -->\n"


def text() -> str:
    """docs/abi.md as it should be."""
    head, mark, _ = PATH.read_text().partition(MARK)
    return head + mark + "\n" + "\n\n".join(s.table() for s in layout.STRUCTS) + "\n"


def main() -> int:
    wanted = text()
    if "--check" in sys.argv:
        return 0 if PATH.read_text() == wanted else 1
    PATH.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
