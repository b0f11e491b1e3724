"""The example language."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import grus
from examples.toy.__main__ import limit_stack, main
from examples.toy.toy import Program, ToyError
from grus.ir.parser import parse_function
from grus.ir.verifier import verify
from grus.link.jit import JITModule

ROOT = Path(__file__).parent.parent.parent
DEMO = ROOT / "examples" / "toy" / "demo.toy"


def program(text: str, **host: object) -> Program:
    made = Program(JITModule(redefinable=True), host)
    assert made.add(text) == []
    for name, fn in made.known.items():
        if fn.body is not None:
            assert not verify(parse_function(made.module.ir(name)))
    return made


def test_one_file() -> None:
    assert len((ROOT / "examples/toy/toy.py").read_text().splitlines()) <= 400


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - 8 / 3 % 2", 7),
        ("(1 + 2) * 3", 9),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("1 < 2 and 2 < 1 or 3 >= 3", 1),
        ("not 5", 0),
        ("not 1 == 2", 0),
        ("1 == 2 or 1 != 2", 1),
        ("0 and 1 / 0", 0),
        ("7 or 1 / 0", 7),
        ("int(2.5 * 2.0)", 5),
        ("int(float(7) / 2.0 - -0.5)", 4),
        ("1.5 < 2.5", 1),
        ('"abc"[1] + "z"[0]', 98 + 122),
        ("9223372036854775807 + 1", -(2**63)),
    ],
)
def test_expressions(text: str, value: int) -> None:
    assert program(f"fn f() -> int {{ return {text} }}")["f"]() == value


def test_control_flow() -> None:
    text = """
    fn collatz(n: int) -> int {   # steps to 1
        let steps = 0
        while 1 {
            if n == 1 { break }
            steps = steps + 1
            if n % 2 == 0 {
                n = n / 2
                continue
            } else if n > 1000000000 { return -1 } else { n = 3 * n + 1 }
        }
        return steps
    }
    fn even(n: int) -> int { if n == 0 { return 1 }
        return odd(n - 1) }
    fn odd(n: int) -> int { if n == 0 { return 0 }
        return even(n - 1) }
    fn half(x: float) -> float { return x / 2.0 }
    fn nothing() { return }
    fn falls(x: int) -> int { if x { return 1 } }
    """
    made = program(text)
    assert made["collatz"](27) == 111
    assert [made["even"](10), made["even"](7)] == [1, 0]
    assert made["half"](5.0) == 2.5
    assert made["nothing"]() is None
    assert made["falls"](1) == 1
    with pytest.raises(grus.Trap, match="user1"):
        made["falls"](0)


def test_host() -> None:
    log: list[object] = []
    made = program(
        """
        extern fn log(x: int)
        extern fn say(s: str) -> str
        extern fn bad()
        extern fn strlen(s: str) -> int
        extern fn sqrt(x: float) -> float
        fn f(name: str) -> str { log(strlen(name))
            return say(name) }
        fn g(x: float) -> float { return sqrt(x) }
        fn h() -> int { bad()
            return 1 }
        fn literal() -> str { return "grün" }
        """,
        log=log.append,
        say=lambda text: f"<{text}>",
        bad=lambda: {}["key"],
    )
    assert made["f"]("wörld") == "<wörld>" and log == [6]
    assert made["g"](2.25) == 1.5
    assert made["literal"]() == "grün"
    with pytest.raises(KeyError, match="key"):
        made["h"]()
    with pytest.raises(TypeError, match="expected f64, got str"):
        made["g"]("x")


def test_traps() -> None:
    made = program(
        "fn div(a: int, b: int) -> int { return a / b }\nfn deep(n: int) -> int { return deep(n + 1) + 1 }"
    )
    with pytest.raises(grus.Trap, match="integer division by zero in div"):
        made["div"](1, 0)
    limit_stack(made.module, 1 << 20)
    with pytest.raises(grus.Trap, match="stack overflow in deep"):
        made["deep"](1)
    assert made["div"](7, 2) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fn f( { }", "line 1: expected a parameter, found {"),
        ("fn f() -> text { }", "line 1: expected a type, found text"),
        ("fn f() {\n let = 1\n}", "line 2: expected a variable, found ="),
        ("fn f() {\n g()\n}", "line 2: there is no function g"),
        ("fn f() {\n x = 1\n}", "line 2: there is no variable x"),
        ("fn f() {\n let x = 1\n x = 1.0\n}", "line 3: expected int, found float"),
        ("fn f() { return 1 }", "line 1: f returns nothing"),
        ("fn f() -> int { return }", "line 1: f returns int"),
        ("fn f() { break }", "line 1: break is in no loop"),
        ("fn f(a: int) { f() }", "line 1: f takes 1 arguments, not 0"),
        ("fn f() { let x = f() + 1 }", "line 1: expected nothing, found int"),
        ("fn f() { let x = -\"a\" }", "line 1: there is no '-' for str"),
        ("fn f() { let x = 1.0 % 2.0 }", "line 1: there is no '%' for float"),
        ("fn f() { let x = 1 2 }", "line 1: expected the end of the statement, found 2"),
        ("fn f() { ?", "line 1: unexpected character '?'"),
        ("fn f() {", "line 1: expected an expression, found the end"),
        ("fn f(a: int) { }\nfn f() { }", "line 2: f is known otherwise"),
    ],
)  # fmt: skip
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ToyError) as error:
        program(text)
    assert str(error.value) == message


def test_prompt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "fn sq(x: float) -> float {",
        "  return x * x }",
        "sq(3.0)",
        "fn sq(x: float) -> float { return x * x * x }",
        "sq(3.0)",
        "1 +",
        "1 / 0",
        'print_str("hi")',
        '"text"',
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
    assert main([]) == 0
    out = capsys.readouterr().out.replace("toy> ", "").replace("...> ", "").split("\n")
    assert out == [
        "9.0",
        "27.0",
        "line 1: expected an expression, found the end",
        "integer division by zero in _3",
        "hi",
        "text",
        "",
        "",
    ]


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--ir", str(DEMO)]) == 0
    assert "function %rounds(f64, f64) -> i64 system_v" in capsys.readouterr().out
    assert main(["--asm", str(DEMO)]) == 0
    assert "mulsd" in capsys.readouterr().out
    assert main([str(tmp_path / "no.toy")]) == 1
    assert "No such file" in capsys.readouterr().err
    (tmp_path / "a.toy").write_text("fn f() { }\n")
    assert main([str(tmp_path / "a.toy")]) == 1
    assert capsys.readouterr().err == "toy: there is no function 'main'\n"
    (tmp_path / "a.toy").write_text("(" * 100_000)
    assert main([str(tmp_path / "a.toy")]) == 1
    assert capsys.readouterr().err == "toy: nested too deeply\n"


def run_demo(command: list[str]) -> str:
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    ).stdout


def test_demo(tmp_path: Path) -> None:
    """In this process, and as an object file in a C program, it prints the same."""
    here = run_demo([sys.executable, "-m", "examples.toy", str(DEMO)])
    assert here.endswith("54\n") and here.count("\n") == 23 and "@@@@@" in here
    cc = shutil.which("cc") or shutil.which("clang")
    if cc is None:
        pytest.skip("there is no C compiler to link with")
    assert main([str(DEMO), "-o", str(tmp_path / "demo.o")]) == 0
    subprocess.run([cc, "demo.o", "-o", "demo", "-lm"], cwd=tmp_path, check=True, timeout=300)
    assert run_demo([str(tmp_path / "demo")]) == here
