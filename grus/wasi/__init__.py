"""WASI preview 1: programs with arguments, environment, streams, clocks and directories.

`WasiConfig` says what a program is given, `Wasi` is one run of it, `ExitStatus` its end. The files
follow a call: `program` (linking, unsigned numbers, error numbers), `functions` (one method each),
`memory` (the program's addresses), `descriptors`, `paths`, `poll`; `types` has the numbers and
structures.

What a program can rely on, beside `wasi/api.h`:

- A path leads nowhere but into the directory it starts from: neither `..`, nor an absolute path or
  link, nor a link that leads out, nor another process that swaps things meanwhile (PERM).
- Directories given as read-only answer ROFS to every change, also through what is opened in them.
- Rights that are taken from a descriptor are gone, and not passed on (NOTCAPABLE). Of the rights
  that `path_open` asks for, only those to read and to write matter.
- Names are bytes: UTF-8 is neither checked nor needed.
- Waiting and reading end with Ctrl-C and at the Store's time; streams of Python count as ready.
- Standard streams cannot seek; sockets cannot be given, and signals cannot be raised.

`wasi_unstable`, the version before, is there as well.
"""

from grus.wasi.config import WasiConfig
from grus.wasi.errors import ExitStatus
from grus.wasi.program import Wasi

__all__ = ["ExitStatus", "Wasi", "WasiConfig"]
