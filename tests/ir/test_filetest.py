"""The filetest runner, FileCheck, and the data under tests/clif."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from grus.cli.clif import main
from grus.testing import filetest, fuzz_text
from grus.testing.filecheck import Checker, FileCheckError

CLIF = Path(__file__).parent.parent / "clif"


def statuses(path: Path) -> list[tuple[str, str, str]]:
    return [(r.kind, r.status, r.reason) for r in filetest.run_file(path)]


@pytest.mark.parametrize("path", sorted(CLIF.glob("*.clif")), ids=lambda p: p.name)
def test_own_files_pass(path: Path) -> None:
    assert {status for _, status, _ in statuses(path)} == {"passed"}, statuses(path)


@pytest.mark.parametrize("directory", ["parser", "verifier", "cfg", "domtree"])
def test_cranelifts_files_pass(directory: str) -> None:
    root = os.environ.get("GRUS_CLIF_FILETESTS")
    if not root:
        pytest.skip("GRUS_CLIF_FILETESTS does not name Cranelift's filetests")
    for path in filetest.find_files([str(Path(root) / directory)]):
        for result in filetest.run_file(path):
            assert result.status == "passed", str(result)


@pytest.mark.parametrize(
    ("comments", "text"),
    [
        (["; check: b", "; nextln: c"], "a\nb\nc\n"),
        (["; check: a", "; sameln: b"], "a b\n"),
        (["; unordered: b", "; unordered: a"], "a\nb\n"),
        (["; check: a", "; not: x", "; check: b"], "x\na\nb\nx\n"),
        (["; check: $(V=v\\d+) = one", "; nextln: use $V"], "v12 = one\nuse v12\n"),
        (["; regex: N=\\d+", "; check: [$N]"], "[37]\n"),
        (["; check: $()iadd"], "xiadd\n"),
        (["; check: $$x $(=(a|b)[)]+)"], "$x a)\n"),
        (["; checked: nothing"], ""),
    ],
)
def test_filecheck_matches(comments: list[str], text: str) -> None:
    Checker(comments).check(text)


@pytest.mark.parametrize(
    ("comments", "text"),
    [
        (["; check: b", "; nextln: b"], "b\nx\nb\n"),
        (["; check: iadd"], "xiadd iadds\n"),
        (["; check: a", "; not: x", "; check: b"], "a\nx\nb\n"),
        (["; check: a", "; not: x"], "a\nx\n"),
        (["; check: b", "; check: a"], "a\nb\n"),
        (["; check: $V"], "a"),
        (["; check: $(V=[a"], "a"),
        (["; check: $(=*)"], "a"),
        (["; check: a $ b"], "a $ b"),
    ],
)
def test_filecheck_refuses(comments: list[str], text: str) -> None:
    with pytest.raises(FileCheckError):
        Checker(comments).check(text)


def test_failures_have_their_place_and_the_summary_is_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.clif"
    path.write_text(
        "test cat\ntest interpret\ntest telepathy\ntest compile precise-output expect-fail\n"
        "function %f() -> i8 {\nblock0:\n v0 = iconst.i8 1\n return v0\n}\n"
        "; check: v0 = iconst.i8 1\n; run: %f() == 2\n"
    )
    report = tmp_path / "report.json"
    assert main(["test", "--json", str(report), str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"FAILED {path}:11: interpret: run: %f() == 2: got 1",
        "1 passed, 1 failed, 2 skipped",
    ]
    rows = json.loads(report.read_text())
    assert [row["status"] for row in rows] == ["passed", "failed", "skipped", "skipped"]
    assert rows[2]["reason"] == "unknown kind of test: telepathy"


def test_bless_rewrites_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.clif"
    function = "function %f() {\nblock0:\n return\n}\n\n"
    path.write_text("test shout precise-output\n" + function + "; grus:\n; OLD\n\n" + function)
    monkeypatch.setitem(filetest.KINDS, "shout", f"{__name__}:shout")
    assert [s for _, s, _ in statuses(path)] == ["failed"]
    assert filetest.run_file(path, bless=True)[0].status == "passed"
    assert "; grus:\n; %F\n;\n; END\n\nfunction" in path.read_text()
    assert [s for _, s, _ in statuses(path)] == ["passed"]


def shout(context: filetest.Context) -> None:
    for function in context.file.functions:
        context.expect(function, [function.func.name.upper(), "", "END"])


@pytest.mark.parametrize(
    "comment",
    [
        "; run: %g() == 1",
        "; run: %f(1) == 1",
        "; run: %f() = 1",
        "; run: %f() == ",
        "; run: f() == 1",
    ],
)
def test_bad_run_lines_are_failures(tmp_path: Path, comment: str) -> None:
    path = tmp_path / "a.clif"
    text = "test interpret\nfunction %f() -> i8 {\nblock0:\n v0 = iconst.i8 1\n return v0\n}\n"
    path.write_text(text + comment + "\n")
    (result,) = filetest.run_file(path)
    assert (result.status, result.line) == ("failed", 7)


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(CLIF / "loop.clif")
    assert main(["cat", path]) == 0
    assert capsys.readouterr().out.startswith("function %sum(i32) -> i32 fast {\n")
    assert main(["verify", path]) == 0
    assert main(["verify", str(CLIF / "errors.clif")]) == 1
    assert "errors.clif:5: %types: inst0 (v2 = iadd v0, v1): arg 1" in capsys.readouterr().out
    assert main(["interpret", "--call", "%sum(4)", path]) == 0
    assert capsys.readouterr().out == "10\n"
    assert main(["print-cfg", "--format", "mermaid", path]) == 0
    assert "    block2 --> block1\n" in capsys.readouterr().out
    bad = tmp_path / "bad.clif"
    bad.write_text("nonsense")
    assert main(["cat", str(bad)]) == 1
    assert "bad.clif:1:1: expected 'function'" in capsys.readouterr().err


def test_mutated_text_gives_parse_errors_only() -> None:
    assert fuzz_text.main(["--count", "300", "--seed", "7", str(CLIF)]) == 0
