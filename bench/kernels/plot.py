"""The table of README.md as a picture: `python bench/kernels/plot.py` writes kernels.svg.

A row a kernel, a dot an engine: time as a multiple of Wasmtime's, which is the line at 1.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
LEFT, WIDTH, ROW, TOP = 110, 520, 15, 40
LEAST, MOST = 0.2, 1.8
COLUMNS = 11
DOTS = (("native", "#bbbbbb", 7), ("V8", "#e0a030", 6), ("Grus", "#2060c0", 5))
"""Engine, colour, column of its ratio in the table; the last is drawn on top."""


def rows(text: str) -> list[list[str]]:
    """Cells of the rows of the large table."""
    lines = re.findall(r"^\| `.*\|$", text, re.MULTILINE)
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [cells for cells in table if len(cells) == COLUMNS]


def across(ratio: float) -> float:
    """Where a ratio is drawn."""
    return LEFT + WIDTH * (min(max(ratio, LEAST), MOST) - LEAST) / (MOST - LEAST)


def picture(table: list[list[str]]) -> str:
    """The picture of the rows of a table."""
    height = TOP + ROW * len(table) + 30
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for tick in range(2, 19, 2):
        x = across(tick / 10)
        colour = "#444444" if tick == 10 else "#e4e4e4"
        out.append(
            f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 24}" stroke="{colour}"/>'
            f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle">{tick / 10:.1f}</text>'
        )
    for number, cells in enumerate(table):
        y = TOP + ROW * number + ROW / 2
        name = escape(cells[0].strip("`"))
        out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{name}</text>')
        for engine, colour, place in DOTS:
            ratio = cells[place]
            if ratio:
                title = f"<title>{name}: {engine} {ratio}</title>"
                out.append(
                    f'<circle cx="{across(float(ratio)):.1f}" cy="{y:.1f}" r="4" fill="{colour}">'
                    f"{title}</circle>"
                )
    for number, (engine, colour, _) in enumerate(reversed(DOTS)):
        x = LEFT + 110 * number
        out.append(
            f'<circle cx="{x}" cy="16" r="4" fill="{colour}"/><text x="{x + 8}" y="20">{engine}'
            " / Wasmtime</text>"
        )
    return "\n".join([*out, "</svg>"]) + "\n"


def main() -> None:
    table = rows((HERE / "README.md").read_text())
    (HERE / "kernels.svg").write_text(picture(table))
    print(f"kernels.svg: {len(table)} kernels")


if __name__ == "__main__":
    main()
