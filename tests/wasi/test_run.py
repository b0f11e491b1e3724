"""`grus.run` and `grus run`."""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import grus

ROOT = Path(__file__).parent.parent.parent
HELLO = ROOT / "examples/hello.wasm"
IMPORTS = """
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
"""


def program(body: str) -> grus.Module:
    """A command with this `_start`."""
    return grus.Module(f'(module $prog {IMPORTS} (func (export "_start") {body}))')


def command(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-m", "grus", "run", *arguments]
    return subprocess.run(line, cwd=ROOT, input=stdin, capture_output=True, timeout=300)


def test_run() -> None:
    done = grus.run(HELLO, ["Ann", "Bob"], stdin=b"1\n2\n3\n", capture=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"Hello, Ann!\nHello, Bob!\n3 lines\n"
    assert done.args == ["hello.wasm", "Ann", "Bob"]


def test_run_options(tmp_path: Path) -> None:
    module = grus.Module.from_file(HELLO)
    done = grus.run(module, stdin="x\n" * 100, capture=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "100 lines\n", "")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        grus.run(module, stdin="x\n" * 100, capture=True, text=True, check=True)
    assert caught.value.stdout == "100 lines\n"
    out = io.StringIO()
    assert grus.run(module, stdin=io.StringIO("x\n"), stdout=out).stdout is None
    assert out.getvalue() == "1 lines\n"
    with open(tmp_path / "out", "wb") as file:
        grus.run(module, stdin=b"", stdout=file)
    assert (tmp_path / "out").read_text() == "0 lines\n"
    with pytest.raises(ValueError, match="capture"):
        grus.run(module, stdout=out, capture=True)
    with pytest.raises(FileNotFoundError):
        grus.run(tmp_path / "nothing.wasm")
    with pytest.raises(FileNotFoundError):
        grus.run(module, dirs={"/": tmp_path / "nothing"})


def test_ends() -> None:
    assert grus.run(program("")).returncode == 0
    assert grus.run(program("(call $exit (i32.const 42)) unreachable")).returncode == 42
    with pytest.raises(grus.Trap, match="prog!"):
        grus.run(program("unreachable"))
    with pytest.raises(grus.Timeout):
        grus.run(program("(loop br 0)"), timeout=0.1)
    end = pickle.loads(pickle.dumps(grus.ExitStatus(3)))
    assert (type(end), end.code) == (grus.ExitStatus, 3)


def test_exit_passes_frames() -> None:
    """proc_exit ends all frames of wasm, and those of Python between them."""
    passed = []

    def middle() -> None:
        try:
            inner.exports.f()
        finally:
            passed.append("middle")

    store = grus.Store()
    with grus.Wasi() as wasi:
        imports = wasi.imports(store)
        inner = grus.Instance(
            grus.Module(f'(module {IMPORTS} (func (export "f") (call $exit (i32.const 5))))'),
            imports,
            store,
        )
        outer = grus.Instance(
            grus.Module('(module (import "a" "f" (func $f)) (func (export "f") (call $f)))'),
            {"a": {"f": middle}},
            store,
        )
        with pytest.raises(grus.ExitStatus) as caught:
            outer.exports.f()
    assert caught.value.code == 5 and passed == ["middle"]


def test_command() -> None:
    done = command(str(HELLO), "--env", "-x", "--", "--help", stdin=b"\n")
    assert done.stdout == b"Hello, --env!\nHello, -x!\nHello, --!\nHello, --help!\n1 lines\n"
    assert (done.returncode, done.stderr) == (0, b"")
    assert command(str(HELLO), stdin=b"\n" * 100).returncode == 1


def test_command_ends(tmp_path: Path) -> None:
    file = tmp_path / "p.wat"
    for body, status, error in (
        ("(call $exit (i32.const 42))", 42, b""),
        ("unreachable", 134, b"grus: unreachable\nwasm backtrace:\n    0:   0x85 - prog!_start\n"),
        ("(loop br 0)", 134, b"grus: wasm execution timed out"),
    ):
        file.write_text(f'(module $prog {IMPORTS} (func (export "_start") {body}))')
        done = command("--timeout", "0.2", str(file))
        assert done.returncode == status
        assert done.stderr.startswith(error)


def test_command_of_functions(tmp_path: Path) -> None:
    """A reactor is initialized, then a function is called with numbers."""
    file = tmp_path / "r.wat"
    file.write_text("""(module
      (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
      (global $n (mut i32) (i32.const 0))
      (func (export "_initialize") (global.set $n (i32.add (call $yield) (i32.const 100))))
      (func (export "add") (param i32) (result i32) (i32.add (global.get $n) (local.get 0))))""")
    assert command("--invoke", "add", str(file), "11").stdout == b"111\n"


def test_order_of_output(tmp_path: Path) -> None:
    """Print, then a program, then print: in that order, also into a file."""
    code = f"import grus; print(1); grus.run({str(HELLO)!r}, ['2'], stdin=b''); print(3)"
    with open(tmp_path / "out", "wb") as file:
        line = [sys.executable, "-c", code]
        env = os.environ | {"PYTHONUNBUFFERED": ""}
        subprocess.run(line, cwd=ROOT, env=env, stdout=file, check=True, timeout=300)
    assert (tmp_path / "out").read_text() == "1\nHello, 2!\n0 lines\n3\n"


def test_bad_directory() -> None:
    done = command("--dir", "no-such-directory", str(HELLO))
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"grus: no-such-directory: No such file or directory\n"


def test_waiting_for_input() -> None:
    """A program that waits for standard input ends at its time, and with Ctrl-C."""
    for options, wait, status in (("--timeout=0.3",), None, 134), ((), signal.SIGINT, 130):
        line = [sys.executable, "-m", "grus", "run", *options, str(HELLO), "x"]
        with subprocess.Popen(
            line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            if wait is not None:
                time.sleep(2)
                process.send_signal(wait)
            assert process.wait(30) == status


def test_reader_gone(tmp_path: Path) -> None:
    """A program whose output nobody reads gets EPIPE; nothing is said twice."""
    file = tmp_path / "p.wat"
    file.write_text(f"""(module {IMPORTS}
      (data (i32.const 0) "\\10\\00\\00\\00\\00\\10\\00\\00")
      (func (export "_start") (local $error i32)
        (loop $again
          (local.set $error (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
          (br_if $again (i32.eqz (local.get $error))))
        (call $exit (local.get $error))))""")
    line = f"{sys.executable} -m grus run {file} | head -c 1 >{os.devnull}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, timeout=300)
    assert (done.returncode, done.stderr) == (64, b"")
