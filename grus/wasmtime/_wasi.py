"""WasiConfig: what a program of WASI is given."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from grus.wasi import Wasi
from grus.wasi import WasiConfig as NativeConfig
from grus.wasmtime._errors import WasmtimeError
from grus.wasmtime._managed import Managed

Path = str | bytes | os.PathLike[str]
CustomOutput = Callable[[bytes], int | None]


class DirPerms(Enum):
    """What a program may do with names in a directory."""

    READ_ONLY = 1
    WRITE_ONLY = 2
    READ_WRITE = 3


class FilePerms(Enum):
    """What a program may do with files in a directory."""

    READ_ONLY = 1
    WRITE_ONLY = 2
    READ_WRITE = 3


class _Output:
    """A file object that gives what is written to a function."""

    def __init__(self, callback: CustomOutput) -> None:
        self._callback = callback

    def write(self, data: bytes) -> int:
        taken = self._callback(bytes(data))
        return len(data) if taken is None else taken


class _File(io.FileIO):
    """A file that is closed with its last user."""

    def __del__(self) -> None:
        self.close()


def _setter(write: Callable[[WasiConfig, Any], None], doc: str) -> property:
    def put(self: WasiConfig, value: Any) -> None:
        self._check_open()
        write(self, value)

    return property(fset=put, doc=f"{doc}\n\nIt can be set, not read.")


def _file(name: str, mode: str) -> Callable[[WasiConfig, Any], None]:
    def write(self: WasiConfig, path: Path) -> None:
        try:
            file = _File(path, mode)
        except OSError as error:
            raise WasmtimeError(f"failed to set {name} file: {error}") from None
        setattr(self._config, name, file)

    return write


def _custom(name: str) -> Callable[[WasiConfig, Any], None]:
    return lambda self, callback: setattr(self._config, name, _Output(callback))


def _set_argv(self: WasiConfig, argv: Iterable[str]) -> None:
    self._config.argv = list(argv)


def _set_env(self: WasiConfig, pairs: Iterable[Iterable[str]]) -> None:
    self._config.env = dict((name, value) for name, value in pairs)


class WasiConfig(Managed):
    """What a program sees: nothing that is not given here. A Store takes it over."""

    __slots__ = ("_config",)

    def __init__(self) -> None:
        # No input, and output that goes nowhere, until something is given.
        nowhere = _Output(lambda data: None)
        self._config = NativeConfig(stdin=b"", stdout=nowhere, stderr=nowhere)

    argv = _setter(_set_argv, "The arguments, the program's name first.")
    env = _setter(_set_env, "Pairs of names and values of variables.")
    stdin_file = _setter(_file("stdin", "rb"), "Path of the file that is the input.")
    stdout_file = _setter(_file("stdout", "wb"), "Path of the file for the output.")
    stderr_file = _setter(_file("stderr", "wb"), "Path of the file for messages.")
    stdout_custom = _setter(_custom("stdout"), "A function that is given the output.")
    stderr_custom = _setter(_custom("stderr"), "A function that is given the messages.")

    def inherit_argv(self) -> None:
        """Give the arguments of this process."""
        self._config.argv = list(sys.argv)

    def inherit_env(self) -> None:
        """Give the variables of this process."""
        self._config.env = dict(os.environ)

    def inherit_stdin(self) -> None:
        """Give the input of this process."""
        self._config.stdin = None

    def inherit_stdout(self) -> None:
        """Give the output of this process."""
        self._config.stdout = None

    def inherit_stderr(self) -> None:
        """Give the error output of this process."""
        self._config.stderr = None

    def preopen_dir(
        self,
        path: str,
        guest_path: str,
        dir_perms: DirPerms = DirPerms.READ_WRITE,
        file_perms: FilePerms = FilePerms.READ_WRITE,
    ) -> None:
        """Give a directory under the program's name for it; it can be changed if both permissions
        allow writing. Raises WasmtimeError when there is none."""
        if not os.path.isdir(path):
            raise WasmtimeError("failed to add preopen dir")
        both = DirPerms.READ_WRITE.value & FilePerms.READ_WRITE.value
        read_only = dir_perms.value & file_perms.value & both != both
        self._config.preopen(guest_path, path, read_only=read_only)

    def _consume(self) -> Wasi:
        """The program; the WasiConfig is closed after it."""
        self._check_open()
        self.close()
        try:
            return Wasi(self._config)
        except (OSError, ValueError) as error:
            raise WasmtimeError(str(error)) from None
