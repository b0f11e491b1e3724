"""Steps of the optimizer, counted, so that what goes wrong can be traced to one of them.

A step is a pass that begins on a function, or a value that the rules make simpler. With
`GRUS_OPT_STEPS=N` in the environment only the first N of the process are taken; the last one is
described in the file `GRUS_OPT_STEPS_LOG`. `grus clif bisect` finds the first N that fails.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Steps:
    """`limit` is how many steps may be taken, -1 for all of them (then none is counted)."""

    __slots__ = ("limit", "log", "taken")

    def __init__(self, limit: int, log: str = "") -> None:
        self.limit = limit
        self.log = log
        self.taken = 0

    def spent(self) -> bool:
        """True when no step may be taken any more."""
        return 0 <= self.limit <= self.taken

    def take(self, what: str) -> bool:
        """Take a step that may be taken; False when the limit is reached."""
        if self.spent():
            return False
        self.taken += 1
        if self.taken == self.limit and self.log:
            with open(self.log, "w", encoding="utf-8") as file:
                file.write(f"{what}\n")
        return True


def _limit() -> int:
    text = os.environ.get("GRUS_OPT_STEPS", "")
    return int(text) if text.isdigit() else -1


STEPS: Final = Steps(_limit(), os.environ.get("GRUS_OPT_STEPS_LOG", ""))
