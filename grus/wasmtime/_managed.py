"""The base of objects that can be closed."""

from __future__ import annotations

from typing import Any


class Managed:
    """`close()`, and `with`. A closed object raises ValueError when used."""

    __slots__ = ("_closed",)

    _closed: bool

    def close(self) -> None:
        """End the object. Again: nothing."""
        self._closed = True

    def _check_open(self) -> None:
        """Raise ValueError when it was closed."""
        if getattr(self, "_closed", False):
            raise ValueError("already closed")

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
