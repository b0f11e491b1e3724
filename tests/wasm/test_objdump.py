from __future__ import annotations

from pathlib import Path

import pytest

from grus.cli.objdump import objdump_command
from grus.cli.validate import validate_command

from .binaries import function


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.wasm"
    code = b"\x02\x7f\x20\x00\x0b\x28\x02\x08\x1a"
    sections = ((5, b"\x01\x00\x01"), (7, b"\x01\x02go\x00\x00"))
    path.write_bytes(function(code, type=b"\x60\x01\x7f\x00", before=sections))
    return path


def test_objdump(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert objdump_command(["-h", "-x", "-d", str(good)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "     type start=0x0000000a end=0x0000000f         5 bytes  count: 1" in lines
    assert "type[0] [i32] -> []" in lines
    assert "func[0] (type 0) <go> 11 bytes" in lines
    assert "export 'go' func[0]" in lines
    assert lines[lines.index("Code:") + 1 :] == [
        "000024 func[0] <go>:",
        " 000025: 02 7f                      |   block (result i32)",
        " 000027: 20 00                      |     local.get 0",
        " 000029: 0b                         |   end",
        " 00002a: 28 02 08                   |   i32.load offset=8 align=4",
        " 00002d: 1a                         |   drop",
        " 00002e: 0b                         | end",
    ]


def test_validate(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate_command([str(good)]) == 0
    bad = tmp_path / "bad.wasm"
    bad.write_bytes(function(b"\x6a"))
    assert validate_command([str(good), str(bad)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"grus: {bad}: type mismatch")
    assert len(output.err.splitlines()) == 1
    assert validate_command([str(tmp_path / "none.wasm")]) == 2
    assert validate_command(["--features", "xyz", str(good)]) == 2
    assert validate_command(["--features", "wasm1", str(good)]) == 0
