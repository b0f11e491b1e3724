"""Logging, pass timing and printing after passes: every switch a developer can flip, in one place.

`GRUS_LOG=grus.opt=debug,grus.wasm=info` sets the levels of the per-subsystem loggers (a bare
`debug` sets the root `grus` logger). Without it Grus is silent. Pass timing and `print_after` are
set by the command line or a test; the compile driver asks this module around each pass.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging

print_after: set[str] = set()
"""Names of passes after which the driver prints the function to standard error."""

time_passes = False
"""True: `pass_times` is filled."""

pass_times: dict[str, float] = {}
"""Seconds spent in each pass since `reset_times`."""

clock: Callable[[], float] = time.perf_counter
"""What passes are timed with; on a busy machine `time.process_time` says more."""


def logger(name: str) -> logging.Logger:
    """The logger `grus.<name>`, with the levels of `GRUS_LOG` applied on first use."""
    import logging  # kept out of start-up: importing it costs 5 ms

    global _configured
    if not _configured:
        _configured = True
        logging.getLogger("grus").addHandler(logging.NullHandler())
        _configure(os.environ.get("GRUS_LOG", ""))
    return logging.getLogger(f"grus.{name}")


_configured = False


def _configure(spec: str) -> None:
    import logging

    for part in spec.split(","):
        part = part.strip()
        if not part:
            continue
        name, _, level = part.rpartition("=")
        number = logging.getLevelName(level.upper())
        if not isinstance(number, int):
            print(f"grus: GRUS_LOG: unknown level {level!r}", file=sys.stderr)
            continue
        log = logging.getLogger(name or "grus")
        log.setLevel(number)
        if not any(isinstance(h, logging.StreamHandler) for h in log.handlers):
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(name)s: %(levelname)s: %(message)s"))
            log.addHandler(handler)
            log.propagate = False


def run_pass(name: str, action: Callable[[], None], show: Callable[[], str]) -> None:
    """Run one pass, timed and printed as the switches say. `show` renders the function."""
    start = clock() if time_passes else 0.0
    action()
    note_time(name, start)
    if name in print_after or "all" in print_after:
        print(f"; after {name}\n{show()}", file=sys.stderr)


def note_time(name: str, start: float) -> None:
    """Add the time since `start`, by `clock`, to a pass when passes are timed."""
    if time_passes:
        pass_times[name] = pass_times.get(name, 0.0) + clock() - start


def reset_times() -> None:
    pass_times.clear()


def print_times() -> None:
    """What passes took in this process, the longest first, to standard error."""
    total = sum(pass_times.values())
    for name, seconds in sorted(pass_times.items(), key=lambda item: -item[1]):
        print(f"{1000 * seconds:10.2f} ms {seconds / (total or 1.0):6.1%}  {name}", file=sys.stderr)
