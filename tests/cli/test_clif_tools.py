"""`grus clif settings`, `wasm` and `disasm`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from grus.backend.settings import SHARED
from grus.backend.x64.target import FLAGS, PRESETS, TARGET
from grus.cli.main import main
from grus.ir.parser import parse_file
from grus.ir.verifier import verify

ROOT = Path(__file__).parent.parent.parent
PRIMES = str(ROOT / "examples" / "primes.wat")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["clif", *arguments]) == 0
    return capsys.readouterr().out


def test_settings_lists_everything(capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "settings")
    for row in TARGET.settings().rows.values():
        assert sum(line.split()[:1] == [row.name] for line in text.splitlines()) == 1
        assert row.doc in text
    for preset in PRESETS:
        assert f"\n  {preset} " in text


def test_settings_json(capsys: pytest.CaptureFixture[str]) -> None:
    made = json.loads(run(capsys, "settings", "--json", "--set", "opt_level=speed", "--set", "fma"))
    assert [row["name"] for row in made["shared"]] == [row.name for row in SHARED]
    rows = {row["name"]: row for row in made["shared"] + made["target_settings"]}
    assert len(rows) == len(SHARED) + len(FLAGS)
    assert rows["opt_level"]["value"] == "speed" and rows["opt_level"]["default"] == "none"
    assert rows["has_fma"]["value"] is True and rows["has_fma"]["default"] is False
    assert rows["max_frame"]["value"] == 512 << 10
    # What is listed can be given back.
    settings = TARGET.settings()
    for name, row in rows.items():
        value = row["value"]
        settings.set(name, str(value).lower() if isinstance(value, bool) else str(value))
    assert settings.text("opt_level") == "speed"


def test_settings_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "settings", "--set", "haswell", "--changed")
    names = [line.split()[0] for line in text.splitlines()[2:]]
    assert names == [name for name in TARGET.settings().rows if name in PRESETS["haswell"]]
    assert main(["clif", "settings", "nosuch"]) == 1
    assert capsys.readouterr().err == "grus: there is no setting 'nosuch'\n"


def test_wasm(capsys: pytest.CaptureFixture[str]) -> None:
    text = run(capsys, "wasm", PRIMES, "--test", "compile")
    file = parse_file(text)
    assert [c.name for c in file.commands] == ["compile"]
    assert "has_sse41" in file.targets[0].flags
    names = [f.func.name for f in file.functions]
    assert len(names) > 1 and names[0] == "u0:1"
    for function in file.functions:
        assert not verify(function.func)
    assert "; $sieve\nfunction u0:1(" in text
    one = run(capsys, "wasm", PRIMES, "-f", "sieve", "--no-locs", "--checked")
    assert [f.func.name for f in parse_file(one).functions] == ["u0:1"]
    assert "@" not in one
    assert "; $main\nfunction u0:" in run(capsys, "wasm", PRIMES, "-f", "main")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-f", "nosuch", PRIMES], f"grus: {PRIMES}: there is no function 'nosuch'\n"),
        (["-f", "0", PRIMES], f"grus: {PRIMES}: function '0' is imported: it has no code\n"),
        (["no.wasm"], "grus: no.wasm: No such file or directory\n"),
    ],
)
def test_wasm_errors(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["clif", "wasm", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err == message


def test_disasm(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("capstone")

    def feed(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    feed(b"55 4889e5, 0xc3 ; done\n06")
    lines = run(capsys, "disasm", "--base", "0x10", "-").splitlines()
    assert [line.split(":")[0].strip() for line in lines] == ["10", "11", "14", "15"]
    assert lines[1].endswith("mov rbp, rsp") and ".byte" in lines[3]
    file = str(ROOT / "tests" / "clif" / "loop.clif")
    feed(run(capsys, "compile", "-D", file).encode())
    assert run(capsys, "disasm", "-").splitlines()[-1].endswith(" ret")
    feed(b"55\nxyz")
    assert main(["clif", "disasm", "-"]) == 1
    assert capsys.readouterr().err == "grus: -:2: 'xyz' is not hexadecimal bytes\n"


def test_run_and_interpret_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gcd.clif"
    path.write_text(
        "function %gcd(i32, i32) -> i32 {\nblock0(v0: i32, v1: i32):\n    jump block1(v0, v1)\n"
        "block1(v2: i32, v3: i32):\n    brif v3, block2, block3\nblock2:\n    v4 = urem v2, v3\n"
        "    jump block1(v3, v4)\nblock3:\n    return v2\n}\n"
        "function %bad(i32) -> i32 {\nblock0(v0: i32):\n    trap user3\n}\n"
    )
    for command in (["interpret"], ["run"], ["run", "--native", "--set", "opt_level=speed"]):
        assert main(["clif", *command, str(path), "--call", "%gcd(120, 18)"]) == 0
        assert capsys.readouterr().out == "6\n"
    for call, message in (("%nope(1)", "no function %nope"), ("%bad(1)", "user3"), ("gcd", "gcd")):
        assert main(["clif", "run", str(path), "--call", call]) == 1
        out, err = capsys.readouterr()
        assert not out and err.startswith("grus: ") and message in err.splitlines()[0]


def test_compile_shows_the_bytes_of_each_instruction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capstone = pytest.importorskip("capstone")
    machine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    path = tmp_path / "f.clif"
    path.write_text(
        "function %f(i64, i32, f64) -> i64 tail {\n    fn0 = colocated %g(i64) -> i64 tail\n"
        "    gv0 = symbol colocated %data\n"
        "block0(v0: i64, v1: i32, v2: f64):\n    v3 = call fn0(v0)\n"
        "    br_table v1, block1, [block2, block3]\nblock1:\n    v4 = sdiv v3, v0\n"
        "    return_call fn0(v4)\nblock2:\n    v5 = symbol_value.i64 gv0\n    v6 = load.i64 v5\n"
        "    v7 = fcvt_to_sint.i64 v2\n    v8 = iadd v6, v7\n    return v8\nblock3:\n"
        "    v9 = atomic_rmw.i64 nand v0, v3\n    trapz v9, user4\n    trap user5\n}\n"
    )
    for options in ([], ["--set", "bb_padding_log2_minus_one=3"]):
        text = run(capsys, "compile", "-D", str(path), *options)
        sizes = [line for line in text.splitlines() if " bytes, frame " in line]
        at = 0
        for line in text.splitlines():
            head, _, shown = line.removeprefix("; ").strip().partition(" ; ")
            offset, _, code = head.partition("  ")
            if not line.startswith(";") or not code:
                continue
            assert int(offset, 16) == at, line
            raw = bytes.fromhex(code)
            at += len(raw)
            if options or not shown:
                continue  # filler, tables and constants
            [(_, size, mnemonic, _)] = list(machine.disasm_lite(raw, 0))
            assert size == len(raw), line
            wanted = "ud2" if "trap" in shown else shown.split()[0]
            assert mnemonic.split()[-1] == wanted or "lock" in shown, line
        assert sizes == [line for line in sizes if line.startswith(f"; {at} bytes")]
