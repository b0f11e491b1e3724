"""`grus.run`: run a program of WASI as subprocess.run does a process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from grus.engine.instance import Instance
from grus.engine.module import Module
from grus.engine.store import Store
from grus.wasi.config import WasiConfig
from grus.wasi.errors import ExitStatus
from grus.wasi.program import Wasi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from subprocess import CompletedProcess
    from typing import Any

STACK = 4 << 20
"""Bytes of stack for a program, which as a process would have 8 MiB."""

Directories = Mapping[str, str | os.PathLike[str]]


def run(
    program: str | os.PathLike[str] | Module,
    args: Iterable[str] = (),
    *,
    stdin: Any = None,
    stdout: Any = None,
    stderr: Any = None,
    capture: bool = False,
    text: bool = False,
    check: bool = False,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    dirs: Directories | None = None,
    read_only: Directories | None = None,
) -> CompletedProcess[Any]:
    """Run a WASI command: a `.wasm` or `.wat` file, or a Module, with `args` after its name.

    `stdin` is bytes, str or a file object, `stdout` and `stderr` are file objects; None is this
    process's own. With `capture` the result has `stdout` and `stderr` as bytes, with `text` as str.
    The program sees the variables of `env`, and the directories `dirs` (and `read_only`, which it
    cannot change): the host's by the program's names.

    The result has `returncode`. Raises subprocess.CalledProcessError for one that is not 0 if
    `check`, Timeout after `timeout` seconds, Trap, OSError for a file or directory that cannot be
    opened, and as Module and Instance do.
    """
    import io
    import subprocess

    module = program if isinstance(program, Module) else Module.from_file(program)
    name = module.name or "module" if isinstance(program, Module) else os.path.basename(program)
    if capture:
        if stdout is not None or stderr is not None:
            raise ValueError("stdout and stderr cannot be given together with capture")
        stdout, stderr = io.BytesIO(), io.BytesIO()
    module.load()  # compiling is not the program's time
    argv = [name, *args]
    config = WasiConfig(argv, env, stdin, stdout, stderr, dirs, read_only)
    with Store(module.engine, max_wasm_stack=STACK) as store, Wasi(config) as wasi:
        if timeout is not None:
            store.set_timeout(timeout)
        status = run_command(module, store, wasi)
    done: CompletedProcess[Any] = subprocess.CompletedProcess(argv, status)
    if capture:
        done.stdout, done.stderr = stdout.getvalue(), stderr.getvalue()
        if text:
            done.stdout = done.stdout.decode("utf-8", "replace")
            done.stderr = done.stderr.decode("utf-8", "replace")
    if check:
        done.check_returncode()
    return done


def run_command(module: Module, store: Store, wasi: Wasi) -> int:
    """Run `_start` of a module that imports nothing but WASI; gives the exit status."""
    try:
        instance = Instance(module, wasi.imports(store), store)
        instance.exports["_start"]()
    except ExitStatus as end:
        return end.code
    return 0
