"""How a program ends."""

from __future__ import annotations

from grus.base.errors import GrusError


class ExitStatus(GrusError):
    """The program called `proc_exit`; `code` is its exit status, 0 for success."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the program ended with exit status {code}")
        self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        return ExitStatus, (self.code,)
