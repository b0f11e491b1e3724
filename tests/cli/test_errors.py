"""Errors of the user over all commands: one clear line, exit status 1 or 2, nothing half-written.

Commands are taken from the tables that dispatch them, so a new one is tested without being named
here, as `COMMAND FILE`; `ARGUMENTS` is for those that want more.
"""

from __future__ import annotations

import importlib.util
import io
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from grus.cli.clif import _COMMANDS
from grus.cli.main import COMMANDS, main

ROOT = Path(__file__).parent.parent.parent
# What a command needs beside a file. None: it reads no file.
ARGUMENTS: dict[str, list[str] | None] = {
    "clif bugpoint": ["--cmd", "false"],
    "cache": None,
    "clif settings": None,
    "clif bisect": None,
}
# What a command reads, for the tests of truncated and of wrong files; default: a module.
READS = {"wast": "wast", "clif disasm": "hex", "clif wasm": "wasm", "wat2wasm": "wat"}
# These take garbage as another error than of the form: 1 for a failed test, for instance.
SOURCES = {
    "wasm": ("good.wasm", b""),
    "wat": ("good.wat", b'(module (func (export "f") (result i32) (i32.const 1)))\n'),
    "wast": ("good.wast", b'(module (func (export "f")))\n(assert_return (invoke "f"))\n'),
    "clif": ("good.clif", b"function %f(i32) -> i32 fast {\nblock0(v0: i32):\n    return v0\n}\n"),
    "hex": ("good.hex", b"55 48 89 e5\n"),
}


def _available(place: str) -> bool:
    return importlib.util.find_spec(place.partition(":")[0]) is not None


ALL = [name for name, (place, _) in COMMANDS.items() if name != "clif" and _available(place)]
ALL += [f"clif {name}" for name, (place, _) in _COMMANDS.items() if _available(place)]
WITH_FILE = [name for name in ALL if ARGUMENTS.get(name, []) is not None]


def reads(command: str) -> str:
    return READS.get(command, "clif" if command.startswith("clif ") else "wasm")


def arguments(command: str, file: str) -> list[str]:
    return [*command.split(), *(ARGUMENTS.get(command) or []), file]


class Done:
    """How a command ended."""

    def __init__(self, status: object, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    def check(self) -> None:
        """One line says what is wrong; a parse error also shows the place. No other output."""
        assert self.status in (1, 2), (self.status, self.out, self.err)
        assert "Traceback" not in self.err + self.out
        message = self.err or self.out
        lines = message.splitlines()
        if len(lines) == 3 and lines[2].strip() == "^":
            lines = lines[:1]
        elif lines and lines[0].startswith("usage: "):
            lines = [line for line in lines if ": error: " in line]
        if lines and re.fullmatch(r"\d+ passed, \d+ failed, \d+ skipped", lines[-1]):
            lines.pop()
        assert len(lines) == 1, message
        assert len(lines[0]) < 400 and message.replace("\n", "").replace("\t", "").isprintable(), (
            message
        )


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> Done:
    """Run in this process. An exception that comes out would be a traceback."""
    try:
        status: object = main(list(argv))
    except SystemExit as end:
        status = end.code
    return Done(status, *capsys.readouterr())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good files of all forms, and garbage."""
    from grus.wasm.text import wat2wasm

    directory = tmp_path_factory.mktemp("files")
    for name, data in SOURCES.values():
        (directory / name).write_bytes(data or wat2wasm(SOURCES["wat"][1].decode()))
    (directory / "garbage").write_bytes(random.Random(1).randbytes(1000))
    return directory


def test_all_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0 and main(["clif", "help"]) == 0
    text = capsys.readouterr().out
    for command in ALL:
        assert f"\n  {command.split()[-1]} " in text


@pytest.mark.parametrize("command", ALL)
def test_help_and_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, *command.split(), "--help")
    assert done.status == 0 and not done.err
    assert done.out.startswith(f"usage: grus {command} ")
    assert "\n\n" in done.out  # says what it does
    done = run(capsys, *command.split(), "--no-such-option")
    done.check()
    assert done.status == 2
    if command in WITH_FILE:
        assert run(capsys, *command.split()).status == 2


@pytest.mark.parametrize("command", WITH_FILE)
@pytest.mark.parametrize(
    "kind", ["missing", "directory", "garbage", "truncated", "wrong", "no utf-8"]
)
def test_bad_file(
    command: str, kind: str, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, _ = SOURCES[reads(command)]
    file = tmp_path / "input"
    if kind == "missing":
        file = tmp_path / "no" / "such.file"
    elif kind == "directory":
        if command in ("wast", "clif test", "clif run"):
            pytest.skip("takes a directory for all files in it")
        file.mkdir()
    elif kind == "garbage":
        file = files / "garbage"
    elif kind == "truncated":
        data = (files / name).read_bytes()
        file.write_bytes(data[: len(data) * 2 // 3])
    elif kind == "wrong":
        other = "clif" if reads(command) not in ("clif", "hex") else "wasm"
        file = files / SOURCES[other][0]
    else:
        file = Path(os.fsdecode(bytes(tmp_path) + b"/\xff.clif"))
        if command in ("wast", "clif test", "clif run"):
            pytest.skip("reads files by what their names end in")
    if command == "clif disasm" and kind == "truncated":
        pytest.skip("half of some bytes is some bytes")
    before = sorted(tmp_path.rglob("*"))
    done = run(capsys, *arguments(command, str(file)))
    done.check()
    assert kind not in ("missing", "directory") or str(file) in done.err + done.out
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", WITH_FILE)
def test_no_permission(command: str, files: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file that may not be read; root can read all, so root becomes nobody first."""
    import tempfile

    name, _ = SOURCES[reads(command)]
    with tempfile.TemporaryDirectory(prefix="grus-test-", dir="/tmp") as directory:
        os.chmod(directory, 0o755)
        file = Path(directory) / name
        file.write_bytes((files / name).read_bytes())
        file.chmod(0)
        done = _as_nobody(arguments(command, str(file)))
        done.check()
        assert str(file) in done.err + done.out and "Permission denied" in done.err + done.out


def _as_nobody(argv: list[str]) -> Done:
    """Run in a child that is not root."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status: object = 99
        out = io.StringIO()
        sys.stdout = sys.stderr = out
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            status = main(argv)
        except SystemExit as end:
            status = end.code
        except BaseException as error:
            out.write(f"Traceback {error!r}")
        os.write(writer, f"{status} {out.getvalue()}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    status_text, _, message = text.partition(" ")
    return Done(int(status_text), "", message)


@pytest.mark.parametrize(
    "command",
    [
        c
        for c in ("wat2wasm", "wasm2wat", "clif bugpoint", "clif compile", "compile", "explore")
        if c in ALL
    ],
)
def test_output_whole_or_not(
    command: str, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-o`: a directory that is not there, a directory, an input that is wrong."""
    name, _ = SOURCES[reads(command)]
    good = arguments(command, str(files / name))
    out = tmp_path / "out"
    for target in (tmp_path / "no" / "out", tmp_path):
        done = run(capsys, *good, "-o", str(target))
        assert done.status == 1 and done.err.splitlines()[-1].startswith(f"grus: {target}")
    out.write_text("before")
    bad = arguments(command, str(files / "garbage"))
    run(capsys, *bad, "-o", str(out)).check()
    assert out.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert run(capsys, *good, "-o", str(out)).status == 0
    assert out.read_bytes() != b"before" and out.stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_output_to_links_and_pipes(files: Path, tmp_path: Path) -> None:
    good = str(files / "good.wat")
    (tmp_path / "link").symlink_to("target")
    assert main(["wat2wasm", good, "-o", str(tmp_path / "link")]) == 0
    assert (tmp_path / "link").is_symlink()
    expected = (files / "good.wasm").read_bytes()
    assert (tmp_path / "target").read_bytes() == expected
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert main(["wat2wasm", good, "-o", str(tmp_path / "pipe")]) == 0
    assert os.read(reader, 1000) == expected and (tmp_path / "pipe").is_fifo()
    os.close(reader)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


LOUD = {
    "run": ["examples/primes.wat", "100000"],
    "objdump": ["-d", "examples/primes.wat"],
    "wasm2wat": ["examples/primes.wat"],
    "wat2wasm": ["examples/primes.wat", "-o", "-"],
    "explore": ["examples/primes.wat", "-o", "-"],
    "wast": ["--table", "/dev/null"],
    "clif print-cfg": ["tests/clif/loop.clif"],
    "clif opt": ["tests/clif/loop.clif"],
    "clif test": ["tests/clif/loop.clif"],
    "clif settings": [],
    "clif cat": ["tests/ir/opcodes.clif"],
    "clif compile": ["tests/clif/loop.clif"],
    "compile": ["examples/primes.wat", "-o", "-"],
    "clif wasm": ["examples/primes.wat"],
}


NOWHERE = [(c, "closed pipe") for c in LOUD if c in ALL]
NOWHERE += [(c, w) for c in ("run", "wasm2wat", "clif cat") for w in ("full disk", "no stdout")]


@pytest.mark.parametrize(("command", "where"), NOWHERE)
def test_output_that_goes_nowhere(command: str, where: str) -> None:
    redirect = {"closed pipe": "| true", "full disk": "> /dev/full", "no stdout": ">&-"}[where]
    line = " ".join([sys.executable, "-m", "grus", command, *LOUD[command], redirect])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=ROOT,
        capture_output=True,
        timeout=300,
        text=True,
    )
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr, done.stderr
    assert done.stderr.count("\n") <= 1
    if where == "full disk":
        assert done.returncode == 1 and "No space left on device" in done.stderr


@pytest.mark.parametrize("command", ["validate", "objdump", "wast"])
def test_no_stdin(command: str) -> None:
    line = f"{sys.executable} -m grus {command} - <&-"
    done = subprocess.run(
        ["bash", "-c", line], cwd=ROOT, capture_output=True, timeout=300, text=True
    )
    Done(done.returncode, done.stdout, done.stderr).check()


@pytest.mark.parametrize(
    "code",
    [
        "0a 01 08 01 ff ff ff ff 0f 7f 0b",  # four billion locals
        "05 01 03 00 02 7b 0b",  # a block of the type -5
        "06 01 04 00 1f 40 01 09",  # a catch clause of no kind
        "04 01 02 00 41",  # an end in the middle
    ],
)
def test_text_of_invalid_bodies(
    code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`wasm2wat` does not validate, so it sees bodies that are wrong."""
    file = tmp_path / "bad.wasm"
    body = bytes.fromhex(code)
    body = bytes([len(body) - 1, *body[1:]])
    file.write_bytes(b"\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\x0a" + body)
    for command in (["wasm2wat"], ["objdump", "-d"]):
        done = run(capsys, *command, str(file))
        assert done.status in (0, 1) and "Traceback" not in done.err
    done = run(capsys, "wasm2wat", str(file))
    done.check()


def test_mutations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files with a few wrong bytes: an exit status, never an exception."""
    from grus.wasm.text import wat2wasm

    page = str(tmp_path / "page.html")
    wasm = wat2wasm((ROOT / "examples/primes.wat").read_text())
    wat = (ROOT / "examples/primes.wat").read_bytes()
    clif = (ROOT / "tests/clif/text.clif").read_bytes()
    commands = [(wasm, command) for command in ("validate -", "objdump -x -d -", "wasm2wat -")]
    commands += [(wasm, "clif wasm -"), (wasm, f"explore - -o {page}"), (wat, "validate -")]
    commands += [(wat, "wat2wasm - -o " + page)]
    commands += [
        (clif, f"clif {name} -") for name in ("cat", "verify", "print-cfg", "compile", "opt")
    ]
    rng = random.Random(1)
    for turn in range(60 * len(commands)):
        source, command = commands[turn % len(commands)]
        data = bytearray(source)
        for _ in range(rng.randrange(1, 5)):
            at = rng.randrange(len(data))
            kind = rng.randrange(3)
            if kind == 0:
                data[at] = rng.randrange(256)
            elif kind == 1:
                del data[at : at + rng.randrange(1, 9)]
            else:
                start = rng.randrange(len(data))
                data[at:at] = data[start : start + rng.randrange(1, 20)]
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(bytes(data))))
        assert main(command.split()) in (0, 1, 2)
        capsys.readouterr()


@pytest.mark.parametrize(
    "line",
    ["--env =x good.wat", "--timeout nan good.wat", "--timeout -1 good.wat", "--timeout x good.wat",
     "number.wat 4294967296", "number.wat -2147483649", "number.wat 1.5", "single.wat x"],
)  # fmt: skip
def test_run_values(line: str, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "number.wat").write_text('(module (func (export "f") (param i32)))')
    (files / "single.wat").write_text('(module (func (export "f") (param f32)))')
    arguments = [str(files / word) if word.endswith(".wat") else word for word in line.split()]
    run(capsys, "run", *arguments).check()
    assert run(capsys, "run", str(files / "number.wat"), "4294967295").status == 0
    assert run(capsys, "run", str(files / "single.wat"), "1e300").status == 0
