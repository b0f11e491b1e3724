"""The `grus` command: what it prints and its exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def grus(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "grus", *arguments]
    return subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, timeout=300)


def test_run() -> None:
    done = grus("run", "examples/primes.wat", "1000000")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"999983\n999979\n999961\n78498\n"


def test_run_trap(tmp_path: Path) -> None:
    file = tmp_path / "trap.wat"
    file.write_text('(module $m (func $f (export "f") unreachable))')
    done = grus("run", str(file))
    assert done.returncode == 134
    assert done.stderr == b"grus: unreachable\nwasm backtrace:\n    0:   0x1e - m!f\n"


def test_run_options(tmp_path: Path) -> None:
    file = tmp_path / "loop.wat"
    file.write_text("""(module (func (export "main") (param i32) (result i32) (local i32)
      (loop $l (br_if $l (i32.lt_u
        (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (local.get 0)))) (local.get 1)))""")
    for options in (["--fuel", "100000"], ["-O", "none"], ["-W", "wasm2"], ["--timeout", "50"]):
        done = grus("run", *options, str(file), "1000")
        assert (done.returncode, done.stdout) == (0, b"1000\n"), done.stderr
    done = grus("run", "--fuel", "100", str(file), "1000")
    assert done.returncode == 134 and done.stderr.startswith(b"grus: all fuel consumed\n")
    assert grus("run", "--fuel", "many", str(file), "1").returncode == 2
    simd = tmp_path / "simd.wat"
    simd.write_text('(module (func (export "f") (result v128) (v128.const i64x2 1 2)))')
    done = grus("run", "-W-simd", str(simd))
    assert done.returncode == 1 and done.stderr.startswith(b"grus: ")


def test_time_passes(tmp_path: Path) -> None:
    done = grus("run", "--time-passes", "examples/primes.wat", "10")
    assert done.stdout == b"7\n5\n3\n4\n"
    lines = done.stderr.decode().splitlines()
    assert {"decode", "validate", "onepass"} <= {line.split()[3] for line in lines}
    times = [float(line.split()[0]) for line in lines]
    assert times == sorted(times, reverse=True) and times[-1] >= 0
    done = grus("compile", "--time-passes", "examples/primes.wat", "-o", str(tmp_path / "p.cgrus"))
    assert done.returncode == 0
    assert b" ms" in done.stderr
    for name in ("translate", "gvn", "lower", "regalloc", "emit"):
        assert f"  {name}\n".encode() in done.stderr


def test_round_trip(tmp_path: Path) -> None:
    wasm, wat = tmp_path / "a.wasm", tmp_path / "a.wat"
    assert grus("wat2wasm", "examples/primes.wat", "-o", str(wasm)).returncode == 0
    assert grus("wasm2wat", str(wasm), "-o", str(wat)).returncode == 0
    done = grus("wat2wasm", "-", stdin=wat.read_bytes())
    assert done.stdout == wasm.read_bytes()
    assert grus("validate", str(wasm)).returncode == 0
    assert b"(func $sieve" in grus("wasm2wat", "--folded", str(wasm)).stdout
    assert not list(tmp_path.glob(".grus-*"))


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "text"),
    [
        (["nosuch"], b"", 2, b"grus: unknown command 'nosuch'; try `grus help`\n"),
        (["run", "no/file.wat"], b"", 1, b"grus: no/file.wat: No such file or directory\n"),
        (["wat2wasm", "no/file.wat"], b"", 1, b"grus: no/file.wat: No such file or directory\n"),
        (["wat2wasm", "-"], b"(module (func i32.ad))", 1,
         b"grus: unknown operator 'i32.ad' (at -:1:15)\n"),
        (["wat2wasm", "-"], b"(module (func\n i32.add))", 1, None),
        (["wat2wasm", "-"], b"\xff\xfe", 1, None),
        (["wasm2wat", "-"], b"\0asm\1\0\0", 1, None),
        (["validate", "-"], b"\0asm\1\0\0\0\7", 1, None),
        (["run", "examples/primes.wat"], b"", 1, b"grus: main takes 1 arguments, 0 were given\n"),
        (["run", "--invoke", "x", "examples/primes.wat"], b"", 1,
         b"grus: no exported function 'x'; there are: main\n"),
        (["run", "examples/primes.wat", "ten"], b"", 1,
         b"grus: 'ten' is not a number of type i32\n"),
        (["wast", "no.wast"], b"", 1, b"grus: no.wast: No such file or directory\n"),
    ],
)  # fmt: skip
def test_errors_are_one_line(
    arguments: list[str], stdin: bytes, status: int, text: bytes | None
) -> None:
    done = grus(*arguments, stdin=stdin)
    assert done.returncode == status
    assert done.stdout == b"" or arguments[0] == "validate"
    assert done.stderr.count(b"\n") == 1 or arguments[0] == "validate"
    assert b"Traceback" not in done.stderr
    if text is not None:
        assert done.stderr == text


def test_broken_pipe() -> None:
    command = f"{sys.executable} -m grus wasm2wat examples/primes.wat | head -c 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, timeout=300)
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_wast(tmp_path: Path) -> None:
    script = tmp_path / "a.wast"
    script.write_text(
        '(module (func (export "f") (result i32) (i32.const 7)))\n'
        '(assert_return (invoke "f") (i32.const 7))\n'
        '(assert_return (invoke "f") (i32.const 8))\n'
        '(assert_invalid (module (func (result i32))) "type mismatch")\n'
        '(assert_malformed (module quote "(func") "unexpected end")\n'
    )
    done = grus("wast", str(script))
    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith(f"{script}:3: assert_return: got 0x7")
    assert lines[-1] == "4 passed, 1 failed, 0 skipped"
