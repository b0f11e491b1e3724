"""What a program of WASI is given: arguments, environment, streams and directories."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


Text = str | bytes


class WasiConfig:
    """What a program sees. Nothing is given that is not named here, but the standard streams.

    - `argv`: the arguments; the first is the program's name.
    - `env`: the environment, a mapping of str.
    - `stdin`: bytes, a str, or a file object, binary or text; None is this process's own.
    - `stdout`, `stderr`: a file object, binary or text; None is this process's own.
    - `dirs`: directories of the host by the program's names for them: `{"/data": "some/dir"}`.
    - `read_only`: the same, which the program cannot change.
    """

    __slots__ = ("argv", "env", "preopens", "stderr", "stdin", "stdout")

    def __init__(
        self,
        argv: Iterable[Text] = (),
        env: Mapping[str, str] | None = None,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        dirs: Mapping[str, str | os.PathLike[str]] | None = None,
        read_only: Mapping[str, str | os.PathLike[str]] | None = None,
    ) -> None:
        self.argv = list(argv)
        self.env = dict(env or {})
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.preopens: list[tuple[str, str, bool]] = []
        for guest, host in (dirs or {}).items():
            self.preopen(guest, host)
        for guest, host in (read_only or {}).items():
            self.preopen(guest, host, read_only=True)

    def inherit_argv(self) -> None:
        """Give the program the arguments of this process."""
        self.argv = list(sys.argv)

    def inherit_env(self) -> None:
        """Give the program the environment of this process."""
        self.env = dict(os.environ)

    def preopen(self, guest: str, host: str | os.PathLike[str], *, read_only: bool = False) -> None:
        """Give the program the host's directory `host` as `guest`. It is opened when the program
        is made ready, in `Wasi`."""
        self.preopens.append((guest, os.fspath(host), read_only))

    def arguments(self) -> list[bytes]:
        """The arguments as the program gets them. Raises ValueError for a null character."""
        return [_terminated(arg, "an argument") for arg in self.argv]

    def environment(self) -> list[bytes]:
        """The same of the environment."""
        for name in self.env:
            if not name or "=" in name:
                raise ValueError(f"{name!r} cannot be the name of an environment variable")
        return [
            _terminated(f"{name}={value}", "an environment variable")
            for name, value in self.env.items()
        ]


def _terminated(text: Text, what: str) -> bytes:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ValueError(f"{what} contains a null character: {text!r}")
    return data + b"\0"
