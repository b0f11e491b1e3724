"""Highlighting of CLIF: Pygments, TextMate, Vim and Emacs say of each token what our lexer says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from grus.highlight import CLASSES
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.lexer import END, Tokens
from grus.ir.parser import File, _parse_header
from tools.gen_editors import EDITORS, emacs, files, vim

ROOT = Path(__file__).parent.parent.parent
CRANELIFT = os.environ.get("GRUS_CLIF_FILETESTS", "")
OURS = sorted(ROOT.glob("tests/**/*.clif"))
THEIRS = sorted(Path(CRANELIFT).rglob("*.clif"))[::10] if CRANELIFT else []
BY_PYGMENTS = {}
for _row in CLASSES:
    BY_PYGMENTS.setdefault(_row.pygments, _row.name)


def test_files_are_current() -> None:
    for name, text in files().items():
        assert (EDITORS / name).read_text() == text, "run: python -m tools.gen_editors"


def test_tables_are_whole() -> None:
    rows = {row.name: row for row in CLASSES}
    assert set(rows["opcode"].words) == {r.name for r in ops.ROWS[ops.FIRST_REAL :]}
    assert set(rows["type"].words) == {name for name in T.NAMES if name}


def classes_by_table(text: str) -> list[str]:
    """The class of each character, "" for space, by the rows in order."""
    rules = [(row.name, re.compile(row.pattern, re.MULTILINE)) for row in CLASSES]
    found = [""] * len(text)
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        for name, pattern in rules:
            match = pattern.match(text, at)
            if match and match.end() > at:
                found[at : match.end()] = [name] * (match.end() - at)
                at = match.end()
                break
        else:
            raise AssertionError(f"no class at {text[at : at + 20]!r}")
    return found


def expected(token: str) -> str:
    """What a token without a dot is by the tables of the parser; "" for what it cannot say."""
    if token in ops.BY_NAME:
        return "opcode"
    if token in T.BY_NAME:
        return "type"
    for prefix, name in (("v", "value"), ("block", "block"), ("%", "name"), ('"', "string")):
        rest = token.removeprefix(prefix)
        if rest != token and (rest.isdigit() or prefix in '%"'):
            return name
    if token in ops.INT_CC or token in ops.FLOAT_CC or token in ops.RMW_OPS:
        return "condition"
    if re.fullmatch(r"@[0-9a-fA-F]+", token):
        return "location"
    if re.fullmatch(r"[+-]?0x[0-9a-fA-F_]+", token):
        return "hexadecimal"
    if re.fullmatch(r"[+-]?[0-9_]+", token):
        return "integer"
    return {"->": "arrow", ",": "punctuation"}.get(token, "")


def check_against_lexer(text: str, found: list[str]) -> int:
    """Compare with what `grus.ir.lexer` finds; gives the number of tokens."""
    tokens = Tokens(text, _parse_header(text, File("x"), []))
    count = 0
    for index, token in enumerate(tokens.items):
        if token == END:
            break
        at = tokens.offset(index)
        if index > 1 and re.fullmatch(r"u[0-9]+", tokens.items[index - 2]):
            continue  # a name of three tokens: u0:1
        head, dot, tail = token.partition(".")
        parts = [(at, token)]
        if dot and head in ops.BY_NAME:
            parts = [(at, head), (at + len(head) + 1, tail)]
        for start, part in parts:
            wanted = expected(part)
            if wanted:
                span = found[start : start + len(part)]
                assert set(span) == {wanted}, (part, span, tokens.place(index))
                count += 1
    return count


@pytest.mark.parametrize("paths", [OURS, THEIRS], ids=["ours", "cranelift"])
def test_pygments(paths: list[Path]) -> None:
    pytest.importorskip("pygments")
    from pygments.token import Token

    from grus.pygments_clif import ClifLexer

    if not paths:
        pytest.skip("GRUS_CLIF_FILETESTS does not name Cranelift's filetests")
    lexer = ClifLexer(stripnl=False, ensurenl=False)
    count = 0
    for path in paths:
        text = path.read_text()
        found: list[str] = []
        for kind, value in lexer.get_tokens(text):
            assert kind is not Token.Error, (path, value)
            found += [
                BY_PYGMENTS.get(str(kind).removeprefix("Token.").removeprefix("Literal."), "")
            ] * len(value)
        wanted = classes_by_table(text)
        same = {row.name: row.pygments for row in CLASSES}
        assert [same.get(n, "") for n in found] == [same.get(n, "") for n in wanted], path
        count += check_against_lexer(text, wanted)
    assert count > 1000


def test_pygments_entry_point() -> None:
    pytest.importorskip("pygments")
    from grus.pygments_clif import ClifLexer

    text = (ROOT / "tests" / "clif" / "loop.clif").read_text()
    assert ClifLexer.analyse_text(text) > 0.5 and ClifLexer.analyse_text("x = 1") == 0
    project = (ROOT / "pyproject.toml").read_text()
    assert 'clif = "grus.pygments_clif:ClifLexer"' in project


def textmate_scopes(text: str) -> list[str]:
    """The scope of each character as a TextMate engine finds it: line by line, the leftmost match
    of all patterns, of several the first."""
    grammar = json.loads((EDITORS / "vscode/syntaxes/clif.tmLanguage.json").read_text())
    rules = [(p.get("name", ""), re.compile(p["match"])) for p in grammar["patterns"]]
    found: list[str] = []
    for line in text.splitlines():
        scopes = [""] * (len(line) + 1)
        at = 0
        while at < len(line):
            matches = [
                (m.start(), n, m.end())
                for n, (_, r) in enumerate(rules)
                if (m := r.search(line, at))
            ]
            matches = [m for m in matches if m[2] > m[0]]
            if not matches:
                break
            start, number, end = min(matches)
            scopes[start:end] = [rules[number][0]] * (end - start)
            at = end
        found += scopes
    return found


def test_textmate() -> None:
    scopes = {row.name: f"{row.scope}.clif" for row in CLASSES if row.name != "word"}
    for path in OURS + THEIRS[::10]:
        text = path.read_text()
        wanted = [scopes.get(name, "") for name in classes_by_table(text)]
        found = textmate_scopes(text)
        assert found[: len(wanted)] == wanted[: len(found)], path


def test_vscode_folder() -> None:
    manifest = json.loads((EDITORS / "vscode/package.json").read_text())
    (language,) = manifest["contributes"]["languages"]
    (grammar,) = manifest["contributes"]["grammars"]
    assert language["id"] == grammar["language"] and language["extensions"] == [".clif"]
    for place in (language["configuration"], grammar["path"]):
        assert json.loads((EDITORS / "vscode" / place).read_text())


def test_patterns_are_for_all() -> None:
    """Oniguruma (VS Code) reads brackets in sets otherwise than Python does."""
    for row in CLASSES:
        for inside in re.findall(r"(?<!\\)\[(.[^]]*)\]", row.pattern):
            assert "[" not in inside and "]" not in inside and "&&" not in inside, row.name


def test_translation() -> None:
    assert vim(r"\b(?:a|b)[0-9]+\b=x") == r"\v<%(a|b)[0-9]+>\=x"
    assert emacs(r"\b(?:a|b)[0-9]+\b|^-[.]$") == r"\\_<\\(?:a\\|b\\)[0-9]+\\_>\\|^-[.]$"
    assert emacs(r'"[^"\n]*"') == r"\"[^\"\n]*\""


SAMPLE = """\
test compile
set opt_level=speed
target x86_64

; a comment with "quotes" and iadd
function %iadd(i64 vmctx, f32x4) -> i8 system_v {
    ss0 = explicit_slot 16, align = 4
    sig0 = (i32 uext) tail
    fn0 = colocated u0:12 sig0
    region0 = 3 "heap; not a comment"

block0(v0: i64, v1: f32x4) cold:
@00af   v2 = iconst.i32 -0x1f  ; v2 = 1
    v3 = load.i64 notrap aligned user3 v0+8
    v4 = f64const -0x1.8p3
    v5 = icmp slt v3, v0
    v7 = f32const +NaN
    brif v5, block1(v2), block2
block1(v6: i32):
    trap heap_oob
block2:
    return v5
}
; run: %iadd(1) == 2
"""


@pytest.mark.skipif(shutil.which("vim") is None, reason="Vim is not installed")
def test_vim(tmp_path: Path) -> None:
    (tmp_path / "a.clif").write_text(SAMPLE)
    script = tmp_path / "show.vim"
    script.write_text(
        f"set runtimepath^={EDITORS / 'vim'}\nfiletype plugin on\nsyntax on\nedit {tmp_path}/a.clif\n"
        "let out = [&filetype . ' ' . &commentstring]\n"
        "for l in range(1, line('$'))\n for c in range(1, len(getline(l)))\n"
        "  call add(out, synIDattr(synID(l, c, 1), 'name'))\n endfor\nendfor\n"
        f"call writefile(out, '{tmp_path}/out')\nqall!\n"
    )
    command = ["vim", "-Nu", "NONE", "-es", "-S", str(script)]
    subprocess.run(command, timeout=300, check=False, stdin=subprocess.DEVNULL)
    out = (tmp_path / "out").read_text().split("\n")
    assert out[0] == "clif ; %s"
    names = {row.name: "clif" + row.name.title().replace(" ", "") for row in CLASSES if row.vim}
    found = [
        (char, names.get(name, ""))
        for char, name in zip(SAMPLE, classes_by_table(SAMPLE), strict=True)
        if char != "\n"
    ]
    for at, ((char, wanted), got) in enumerate(zip(found, out[1:], strict=False)):
        assert got == wanted or char == " ", (at, char, wanted, got)


@pytest.mark.skipif(shutil.which("emacs") is None, reason="Emacs is not installed")
def test_emacs(tmp_path: Path) -> None:
    (tmp_path / "a.clif").write_text(SAMPLE)
    program = (
        f'(find-file "{tmp_path}/a.clif") (clif-mode) (font-lock-ensure)'
        '(dotimes (i (1- (point-max))) (princ (format "%s\\n" (get-text-property (1+ i) \'face))))'
        '(message "%s" major-mode) (set-buffer-modified-p nil)'
        '(indent-region (point-min) (point-max)) (write-file "indented")'
    )
    mode = EDITORS / "emacs" / "clif-mode.el"
    command = ["emacs", "--batch", "-l", str(mode), "--eval", f"(progn {program})"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0 and "clif-mode" in done.stderr, done.stderr
    faces = {row.name: f"font-lock-{row.emacs}-face" if row.emacs else "nil" for row in CLASSES}
    faces["directive"] = faces["comment"]  # comments are found by syntax there
    for at, (name, got) in enumerate(
        zip(classes_by_table(SAMPLE), done.stdout.split("\n"), strict=False)
    ):
        got = "font-lock-comment-face" if got == "font-lock-comment-delimiter-face" else got
        assert not name or got == faces[name], (at, SAMPLE[at : at + 10], name, got)
    lines = (tmp_path / "indented").read_text().splitlines()
    assert "    v5 = icmp slt v3, v0" in lines and "block2:" in lines
