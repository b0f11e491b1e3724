"""Pages and notebook displays."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from grus.backend.x64.target import TARGET
from grus.cli.main import main
from grus.display import (
    Assembly,
    Cfg,
    Ir,
    assembly_html,
    assembly_lines,
    clif_html,
    load_ipython_extension,
)
from grus.ir.parser import parse_file
from grus.ir.printer import print_function

ROOT = Path(__file__).parent.parent.parent
LOOP = (
    (ROOT / "tests" / "clif" / "loop.clif")
    .read_text()
    .partition("test domtree")[2]
    .partition("; run")[0]
)


class Page(HTMLParser):
    """Checks nesting; collects the lines of each column of each section, and outside links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sections: list[list[list[tuple[str, str]]]] = []
        self.outside: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.outside += [
            v for k, v in attrs if k in ("src", "href") and v and not v.startswith("#")
        ]
        if tag in ("meta", "link", "br", "input"):
            return
        self.open.append(tag)
        if tag == "section":
            self.sections.append([])
        elif found.get("class") == "column":
            self.sections[-1].append([])
        elif found.get("class") == "l":
            self.sections[-1][-1].append((found.get("data-o") or "", ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self.open and self.open[-1] in ("div", "span")
        if inside and self.sections and self.sections[-1] and self.sections[-1][-1]:
            line = self.sections[-1][-1]
            line[-1] = (line[-1][0], line[-1][1] + data)


def test_page(tmp_path: Path) -> None:
    out = tmp_path / "primes.html"
    assert main(["explore", str(ROOT / "examples/primes.wat"), "-o", str(out)]) == 0
    text = out.read_text()
    page = Page(text)
    assert not page.outside and "http" not in text
    assert len(page.sections) == 4 and all(len(s) == 3 for s in page.sections)
    for wasm, ir, asm in page.sections:
        places = {place for place, _ in wasm}
        linked = {place for place, _ in ir if place}
        assert len(linked) > 3 and linked <= places
        assert {place for place, _ in asm if place} <= linked
    wasm, ir, asm = page.sections[0]
    mul = next(place for place, line in wasm if "i32.mul" in line)
    assert [line for place, line in ir if place == mul and "imul" in line]
    assert [line for place, line in asm if place == mul and "imul" in line]
    assert any("local.get 0  ;; $limit" in line for _, line in wasm)
    # The same page every time.
    assert main(["explore", str(ROOT / "examples/primes.wat"), "-o", str(tmp_path / "b.html")]) == 0
    assert (tmp_path / "b.html").read_text() == text


def test_page_of_some_functions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "m.wat"
    file.write_text('(module (func $<b>&) (func $g (export "g")) (func $h (call $g)))')
    assert main(["explore", str(file), "-f", "g", "-f", "2"]) == 0
    text = (tmp_path / "m.html").read_text()
    assert 'id="f1"' in text and 'id="f2"' in text and 'id="f0"' not in text
    assert ";; $g" in text
    assert main(["explore", str(file), "-o", "-"]) == 0
    text = capsys.readouterr().out
    assert "&lt;b&gt;&amp;" in text and "<b>" not in text
    Page(text)
    assert main(["explore", str(file), "-f", "nosuch"]) == 1
    assert capsys.readouterr().err == f"grus: {file}: there is no function 'nosuch'\n"


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_script_is_javascript(tmp_path: Path) -> None:
    from grus.cli.explore import _SCRIPT

    (tmp_path / "a.js").write_text(_SCRIPT)
    subprocess.run(["node", "--check", str(tmp_path / "a.js")], check=True, timeout=300)


def test_offsets_of_listing() -> None:
    """The offsets of a listing are those that a disassembler finds."""
    capstone = pytest.importorskip("capstone")
    machine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    count = 0
    for path in ("arith", "floats", "compare_twice"):
        file = parse_file((ROOT / f"tests/clif/x64/{path}.clif").read_text())
        for function in file.functions:
            compiled, lines = assembly_lines(function.func, TARGET.settings())
            starts = {at: name for at, _, name, _ in machine.disasm_lite(compiled.code, 0)}
            for line in lines:
                if line.text.startswith("  "):
                    name = line.text.split()[0]
                    assert line.offset in starts, (path, line.text)
                    if not name.startswith(("j", "set", "cmov", "mov")):
                        assert starts[line.offset].startswith(name[:3]), (
                            line.text,
                            starts[line.offset],
                        )
                    count += 1
    assert count > 150


def plain(text: str) -> str:
    return (
        re.sub(r"<[^>]*>", "", text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    )


def test_marks() -> None:
    for path in sorted((ROOT / "tests/clif").rglob("*.clif")):
        text = path.read_text()
        assert plain(clif_html(text)) == text
    marked = clif_html("v1 = iadd.i32 v0, v0 ; <x>")
    assert '<span class="grus-opcode">iadd</span>' in marked
    assert '<span class="grus-comment">; &lt;x&gt;</span>' in marked
    marked = assembly_html("  mov rax, qword ptr [rbp - 0x8]\nblock1:\n  jne block1")
    assert plain(marked) == "  mov rax, qword ptr [rbp - 0x8]\nblock1:\n  jne block1"
    assert '<span class="grus-block">block1:</span>' in marked


def test_notebook_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    func = parse_file(LOOP).functions[0].func
    before = print_function(func)
    page = Ir(func)._repr_html_()
    assert "<style>" in page and before in plain(page.partition("</style>")[2])
    assembly = Assembly(func)
    assert print_function(func) == before
    assert "ret" in str(assembly) and "grus-opcode" in assembly._repr_html_()
    assert str(Ir(before)) == before and str(Cfg(before)).startswith("digraph")
    if shutil.which("dot"):
        assert Cfg(func)._repr_html_().startswith("<div><svg")
        assert "block3" in Cfg(func)._repr_html_()
    monkeypatch.setenv("PATH", "")
    assert Cfg(func).svg() is None
    assert 'class="mermaid">flowchart TD' in Cfg(func)._repr_html_()


class Shell:
    """What `load_ipython_extension` uses of IPython."""

    def __init__(self) -> None:
        self.types: dict[type, object] = {}
        self.magics: dict[str, object] = {}
        self.user_ns: dict[str, object] = {}
        self.display_formatter = self
        self.formatters = {"text/html": self}

    def for_type(self, kind: type, show: object) -> None:
        self.types[kind] = show

    def register_magic_function(self, function: object, kind: str, name: str) -> None:
        assert kind == "cell"
        self.magics[name] = function


def test_ipython() -> None:
    from grus.ir.function import Function

    shell = Shell()
    load_ipython_extension(shell)
    func = parse_file(LOOP).functions[0].func
    assert "grus-opcode" in shell.types[Function](func)
    module = shell.magics["wat"](
        "m",
        '(module (import "a" "<b>" (func)) (func (export "f") (param i32) (result i64) i64.const 1))',
    )
    assert shell.user_ns["m"] is module
    table = module._repr_html_()
    assert "a.&lt;b&gt;" in table and "func</td><td>[i32] -&gt; [i64]" in table
    shown = shell.magics["clif"]("", LOOP)
    assert (
        "iadd" in repr(shown) and "<svg" in shown._repr_html_() or "mermaid" in shown._repr_html_()
    )
