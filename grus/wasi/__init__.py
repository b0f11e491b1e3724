"""WASI preview 1: programs with arguments, environment, streams, clocks and directories.

`WasiConfig` says what a program is given, `Wasi` is one run of it, `ExitStatus` its end.
"""

from grus.wasi.config import WasiConfig
from grus.wasi.errors import ExitStatus
from grus.wasi.program import Wasi

__all__ = ["ExitStatus", "Wasi", "WasiConfig"]
