"""A newcomer with a checkout, a fresh virtual environment and nothing installed: each command and
listing of the README, the first page and the tutorial works as printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builds import PLAIN_ONLY
from tests.docs.test_listings import _BLOCK, ROOT, check

_MARK = "-- end of a listing --"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of the environment."""
    where = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", where / "venv"], check=True)
    return where / "venv" / "bin"


def run(fresh: Path, command: list[str], stdin: str = "") -> str:
    # of the variables only what a login gives
    environment = {"PATH": f"{fresh}:{os.environ['PATH']}", "HOME": str(fresh), "LANG": "C.UTF-8"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.stdout


def test_nothing_is_installed(fresh: Path) -> None:
    found = "import sys; print(sys.prefix, [p for p in sys.path if 'site-packages' in p])"
    prefix, _, packages = run(fresh, ["python3", "-c", found]).partition(" ")
    assert Path(prefix) == fresh.parent
    assert not [p for p in eval(packages) if os.listdir(p)]


@PLAIN_ONLY
@pytest.mark.parametrize("page", ["README.md", "docs/index.md", "docs/tutorial.md"])
def test_page(page: str, fresh: Path) -> None:
    text = (ROOT / page).read_text()
    script = ""
    expected: list[str] = []  # of each listing
    commands = 0
    for match in _BLOCK.finditer(text):
        kind, body = match["kind"], match["text"]
        if match["skip"] or match["title"]:
            continue
        if kind == "python":
            script += f"{body}\nprint('{_MARK}', flush=True)\n"
            expected.append("")
        elif kind == "text":
            expected[-1] += body
        elif kind == "console":
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                command, _, printed = part.partition("\n")
                check(printed, run(fresh, ["bash", "-c", command]), f"{page}: {command}")
                commands += 1
    assert commands and script
    got = run(fresh, ["python3", "-"], script).split(f"{_MARK}\n")
    assert got.pop() == "" and len(got) == len(expected)
    for number, (listing, printed) in enumerate(zip(expected, got, strict=True)):
        check(listing, printed, f"{page}: listing {number}")
