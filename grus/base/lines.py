"""What a backtrace asks of debug information. A module of its own: importing `typing` takes longer
than the rest of `base`."""

from __future__ import annotations

from typing import Protocol


class Lines(Protocol):
    """What tells the source line of an offset in a module."""

    def find(self, module_offset: int) -> tuple[str, int, int] | None: ...
