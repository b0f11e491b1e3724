"""A progress bar on standard error for what takes longer than a second."""

from __future__ import annotations

import sys
import time
from types import TracebackType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, Self


_QUIET: Final = 1.0  # seconds
_WIDTH: Final = 30


class ProgressBar:
    """`progress=` of a Module: a bar when standard error is a terminal, by rich if that is
    installed. Use it in a `with` statement, which removes the bar."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._started = time.monotonic()
        self._terminal = bool(sys.stderr and sys.stderr.isatty())
        self._rich: Any = None
        self._task: Any = None
        self._width = 0  # of the text that is shown

    def __call__(self, done: int, total: int) -> None:
        passed = time.monotonic() - self._started
        if not self._terminal or passed < _QUIET:
            return
        if not self._width and not self._rich:
            self._begin(total)
        if self._rich:
            self._rich.update(self._task, completed=done)
            return
        full = _WIDTH * done // total
        left = passed * (total - done) / max(done, 1)
        bar = "#" * full + "-" * (_WIDTH - full)
        text = f"{self._what} [{bar}] {100 * done // total:3} %, {left:.0f} s left"
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)

    def _begin(self, total: int) -> None:
        try:
            from rich.console import Console
            from rich.progress import Progress
        except ImportError:
            return
        self._rich = Progress(console=Console(stderr=True), transient=True)
        self._task = self._rich.add_task(self._what, total=total)
        self._rich.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._rich:
            self._rich.stop()
        elif self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
