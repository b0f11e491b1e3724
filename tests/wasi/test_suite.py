"""The wasi-testsuite: its programs for preview 1, as their branch `prod/testsuite-base` has them.

`GRUS_WASI_TESTSUITE` names a checkout of that branch or a repository that has it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import grus

NEAR = Path(__file__).parent.parent.parent.parent / ".mirror/WebAssembly+wasi-testsuite/repo"
SUITE = Path(os.environ.get("GRUS_WASI_TESTSUITE", NEAR))
BRANCH = "prod/testsuite-base"
PLACES = {
    "assemblyscript": 12,
    "c": 14,
    "rust": 46,
}
"""How many programs there are at least."""
QUICK = grus.Engine(compiler="baseline")
"""For the large programs of Rust: what is tested is not their code."""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not SUITE.exists():
        pytest.skip("needs the wasi-testsuite: set GRUS_WASI_TESTSUITE")
    if (SUITE / "tests").is_dir():
        return SUITE / "tests"
    place = tmp_path_factory.mktemp("wasi-testsuite")
    paths = [f"tests/{name}/testsuite/wasm32-wasip1" for name in PLACES]
    archive = subprocess.run(["git", "-C", SUITE, "archive", BRANCH, *paths], capture_output=True)
    if archive.returncode:
        pytest.skip(f"GRUS_WASI_TESTSUITE has no branch {BRANCH}")
    subprocess.run(["tar", "x", "-C", place], input=archive.stdout, check=True)
    return place / "tests"


@pytest.mark.parametrize("language", PLACES)
def test_suite(suite: Path, tmp_path: Path, language: str) -> None:
    programs = sorted((suite / language / "testsuite/wasm32-wasip1").glob("*.wasm"))
    assert len(programs) >= PLACES[language]
    engine = QUICK if language == "rust" else None
    failures = []
    for path in programs:
        why = failure(path, grus.Module.from_file(path, engine), tmp_path)
        if why:
            failures.append(f"{path.name}: {why}")
    assert not failures, "\n".join(failures)


def failure(path: Path, module: grus.Module, tmp_path: Path) -> str:
    """Why a program fails; empty when it passes."""
    spec = path.with_suffix(".json")
    wanted = json.loads(spec.read_text()) if spec.exists() else {}
    dirs = {}
    if "root" in wanted:
        root = tmp_path / path.stem
        if (path.parent / wanted["root"]).exists():
            shutil.copytree(path.parent / wanted["root"], root)
        else:
            root.mkdir()
        dirs["/"] = root
    try:
        done = grus.run(
            module,
            wanted.get("args", []),
            env=wanted.get("env"),
            dirs=dirs,
            stdin=b"",
            capture=True,
            text=True,
            timeout=300,
        )
    except grus.GrusError as error:
        return str(error)
    if done.returncode != wanted.get("exit_code", 0):
        return f"exit status {done.returncode}: {done.stderr}"
    if done.stdout != wanted.get("stdout", done.stdout):
        return f"wrote {done.stdout!r}"
    return ""
