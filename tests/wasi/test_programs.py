"""Programs of C, compiled by clang for WASI and run beside Wasmtime, which must do the same."""

from __future__ import annotations

import importlib.util
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import grus

HERE = Path(__file__).parent / "programs"
PROGRAMS = {
    "files": (["one", "two"], b""),
    "sort": ([], b"pear\napple\nfig\n" * 50),
    "numbers": ([], b""),
    "env": (["a b", "ü"], b""),
    "errors": ([], b""),
}
"""Arguments and standard input of each program."""
ENV = {"HOME": "/home", "EMPTY": ""}


def compile_c(source: Path, target: Path) -> None:
    """Skips the test when there is no compiler for WASI."""
    if shutil.which("clang") is None:
        pytest.skip("needs clang")
    line = ["clang", "--target=wasm32-wasi", "-Os", "-o", target, source]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode and not Path("/usr/include/wasm32-wasi").exists():
        pytest.skip("needs wasi-libc")
    assert done.returncode == 0, done.stderr


def wasmtime_module(path: Path) -> Any:
    """Engine and module of Wasmtime."""
    import wasmtime

    engine = wasmtime.Engine()
    return engine, wasmtime.Module.from_file(engine, str(path))


def wasmtime_run(
    path: Path, args: list[str], stdin: bytes, root: Path, compiled: Any = None
) -> tuple[int, bytes, bytes]:
    """The same in Wasmtime: exit status, standard output and error."""
    import wasmtime

    engine, module = compiled or wasmtime_module(path)
    store = wasmtime.Store(engine)
    config: Any = wasmtime.WasiConfig()
    config.argv = [path.name, *args]
    config.env = list(ENV.items())
    files = [root.parent / f"{root.name}.{name}" for name in ("stdin", "stdout", "stderr")]
    files[0].write_bytes(stdin)
    config.stdin_file, config.stdout_file, config.stderr_file = map(str, files)
    config.preopen_dir(str(root), "/")
    store.set_wasi(config)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    status = 0
    try:
        instance = linker.instantiate(store, module)
        instance.exports(store)["_start"](store)  # type: ignore[operator]
    except wasmtime.ExitTrap as end:
        status = end.code
    del store, instance
    return status, files[1].read_bytes(), files[2].read_bytes()


def tree(root: Path) -> dict[str, bytes | str]:
    """What is in a directory: contents of files, targets of links."""
    return {
        str(path.relative_to(root)): str(path.readlink())
        if path.is_symlink()
        else "directory"
        if path.is_dir()
        else path.read_bytes()
        for path in sorted(root.rglob("*"))
    }


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str, tmp_path: Path) -> None:
    args, stdin = PROGRAMS[name]
    path = tmp_path / f"{name}.wasm"
    compile_c(HERE / f"{name}.c", path)
    results = []
    for where in ("grus", "wasmtime"):
        root = tmp_path / where
        root.mkdir()
        (root / "data").write_bytes(bytes(range(256)) * 100)
        if where == "grus":
            done = grus.run(path, args, stdin=stdin, env=ENV, dirs={"/": root}, capture=True)
            results.append(((done.returncode, done.stdout, done.stderr), tree(root)))
        elif importlib.util.find_spec("wasmtime") is not None:
            results.append((wasmtime_run(path, args, stdin, root), tree(root)))
    expected = HERE / f"{name}.txt"
    assert results[0][0][1].decode() == expected.read_text()
    assert all(result == results[0] for result in results)


def test_hello_is_current(tmp_path: Path) -> None:
    """examples/hello.wasm does what its source does."""
    examples = HERE.parent.parent.parent / "examples"
    compile_c(examples / "hello.c", tmp_path / "hello.wasm")
    outputs = [
        grus.run(path, ["x"], stdin=b"\n", capture=True).stdout
        for path in (tmp_path / "hello.wasm", examples / "hello.wasm")
    ]
    assert outputs[0] == outputs[1] == b"Hello, x!\n1 lines\n"


def test_terminal(tmp_path: Path) -> None:
    """A program on a terminal sees one: isatty, and output line by line."""
    compile_c(HERE / "tty.c", tmp_path / "tty.wasm")
    controller, terminal = pty.openpty()
    line = [sys.executable, "-m", "grus", "run", str(tmp_path / "tty.wasm")]
    root = HERE.parent.parent.parent
    with subprocess.Popen(
        line, cwd=root, stdin=terminal, stdout=terminal, stderr=subprocess.PIPE
    ) as process:
        os.close(terminal)
        text = b""
        while b"name? " not in text:
            text += os.read(controller, 100)
        os.write(controller, b"Ann\n")
        while b"Hello, Ann" not in text:
            text += os.read(controller, 100)
        assert process.wait(60) == 0
        assert process.stderr is not None and process.stderr.read() == b"110\n"
    os.close(controller)
