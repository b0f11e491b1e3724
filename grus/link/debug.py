"""What debuggers, profilers and unwinders are told of code in this process.

- The unwinder of the C library (libgcc) gets call frame information of every image, so that C++
  exceptions, `backtrace()` and debuggers' libraries walk through library code.
- `GRUS_PERF=1`, or `perf_map(True)`: names for `perf report`, in `/tmp/perf-PID.map`.
- `GRUS_GDB=1`, or `gdb(True)`: symbols, lines and unwinding for gdb (`link/gdb.py`).
"""

from __future__ import annotations

import ctypes
import os
from typing import IO, Any, Final

from grus.backend.emit import CompiledFunction

enabled = False
"""True when code is to be announced to perf or gdb."""
_perf: IO[str] | None = None
_gdb = False
_unwinder: Any = None

Functions = list[tuple[int, CompiledFunction]]
Locations = dict[int, tuple[str, int, int]]
"""Source location: (file, line, column)."""


def _libgcc() -> Any:
    """libgcc_s, or False where there is none."""
    global _unwinder
    if _unwinder is None:
        try:
            _unwinder = ctypes.CDLL("libgcc_s.so.1")
            _unwinder.__register_frame.argtypes = [ctypes.c_void_p]
            _unwinder.__deregister_frame.argtypes = [ctypes.c_void_p]
        except (OSError, AttributeError):
            _unwinder = False
    return _unwinder


def register_frames(eh_frame: int) -> None:
    """Make the `.eh_frame` at an address known to the unwinder."""
    if library := _libgcc():
        getattr(library, "__register_frame")(eh_frame)  # noqa: B009


def deregister_frames(eh_frame: int) -> None:
    """Forget it; it must be as it was."""
    if library := _libgcc():
        getattr(library, "__deregister_frame")(eh_frame)  # noqa: B009


def perf_map(on: bool = True) -> None:
    """Write the names of code placed from now on to `/tmp/perf-PID.map`, where `perf` reads them.

    Source: Linux, tools/perf/Documentation/jit-interface.txt. CPython 3.12 and later write to the
    same file under `-X perf`.
    """
    global _perf, enabled
    if on and _perf is None:
        _perf = open(f"/tmp/perf-{os.getpid()}.map", "a", encoding="utf-8", buffering=1)  # noqa: SIM115
    elif not on and _perf is not None:
        _perf.close()
        _perf = None
    enabled = _perf is not None or _gdb


def gdb(on: bool = True) -> None:
    """Tell gdb about code placed from now on."""
    global _gdb, enabled
    _gdb = on
    enabled = _perf is not None or _gdb


def gdb_wants_lines() -> bool:
    """True when functions are to have source locations for gdb."""
    return _gdb


def announce(functions: Functions, locations: Locations) -> object:
    """Tell who wants to know of functions at these addresses; gives what `withdraw` takes."""
    if _perf is not None:
        for start, func in functions:
            _perf.write(f"{start:x} {len(func.code):x} {func.name.removeprefix('%')}\n")
    if not _gdb:
        return None
    from grus.link.gdb import register

    return register(functions, locations)


def withdraw(entry: object) -> None:
    """The functions of an `announce` are gone."""
    from grus.link.gdb import unregister

    unregister(entry)


_SWITCHES: Final = (("GRUS_PERF", perf_map), ("GRUS_GDB", gdb))
for _name, _switch in _SWITCHES:
    if os.environ.get(_name, "") not in ("", "0"):
        _switch(True)
