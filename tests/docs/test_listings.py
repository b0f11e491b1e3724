"""The listings of the pages under docs/ run, and print what stands there.

- `python` blocks of a page run in order, in one namespace; the `text` block after one is what it
  prints. With `title="FILE"` it is a quotation: these lines stand in that file.
- `console` blocks: each line after `$ ` runs in a shell in the checkout; what follows is its output.
- In expected output a line `...` stands for any lines, and `<...>` for any part of a line.
- A block after the line `<!-- not run -->` is left alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.builds import PLAIN_ONLY

ROOT = Path(__file__).parent.parent.parent
OF_SOURCES = ("howto-backend", "howto-instruction", "howto-rule")
PAGES = sorted(
    p
    for p in (ROOT / "docs").glob("*.md")
    if p.stem in ("index", "tutorial") or p.stem.startswith("howto-")
)
_BLOCK = re.compile(
    r"(?P<skip><!-- not run -->\n+)?^```(?P<kind>\w+)(?: title=\"(?P<title>[^\"]*)\")?\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def matches(expected: str, got: str) -> bool:
    pattern = ""
    for line in expected.strip().split("\n"):
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += (
                r"[^\n]*".join([re.escape(part.rstrip()) for part in line.split("<...>")])
                + r"[ \t]*\n"
            )
    return re.fullmatch(pattern, got.strip("\n") + "\n") is not None


def check(expected: str, got: str, place: str) -> None:
    if not matches(expected, got):
        assert got.strip() == expected.strip(), place  # shows the difference


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=PLAIN_ONLY if page.stem in OF_SOURCES else (), id=page.stem)
        for page in PAGES
    ],
)
def test_page(
    page: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page.read_text()
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", list(sys.path))
    namespace: dict[str, object] = {"__name__": "listing"}
    printed = ""
    count = 0
    capfd.readouterr()
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        place = f"{page.name}:{line}"
        kind, body = match["kind"], match["text"]
        if match["skip"]:
            continue
        count += 1
        if match["title"]:
            source = (ROOT / match["title"]).read_text()
            quoted = textwrap.dedent(body).strip("\n")
            for indent in ("", " " * 4, " " * 8, " " * 12):
                if f"\n{textwrap.indent(quoted, indent)}\n" in f"\n{source}\n":
                    break
            else:
                pytest.fail(f"{place}: this does not stand in {match['title']}")
        elif kind == "python":
            exec(compile("\n" * line + body, str(page), "exec"), namespace)  # noqa: S102
            sys.stdout.flush()
            printed = capfd.readouterr().out
        elif kind == "text":
            check(body, printed, place)
        elif kind == "console":
            run_console(body, place)
        else:
            count -= 1
    assert count > 2


def run_console(body: str, place: str) -> None:
    directory = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        check(expected, done.stdout + done.stderr, f"{place}: {command}")


def test_matches() -> None:
    assert matches("a\n...\nb <...> c", "a\nx\ny\nb 1 2 c\n")
    assert not matches("a\nb", "a\nx\nb")
