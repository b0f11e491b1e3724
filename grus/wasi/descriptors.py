"""What descriptors stand for: streams of Python, files and directories of the host."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import stat
import sys
import termios
from collections.abc import Sequence

from grus.wasi import types as T
from grus.wasi.types import WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


Views = Sequence[memoryview]
STREAM_CHUNK = 1 << 20
"""Most bytes that a stream of Python is given or asked for at once."""
MAX_DESCRIPTORS = 1024
_FLAGS = (
    (T.APPEND, os.O_APPEND),
    (T.DSYNC, os.O_DSYNC),
    (T.NONBLOCK, os.O_NONBLOCK),
    (T.RSYNC, os.O_RSYNC),
    (T.SYNC, os.O_SYNC),
)
ALL_FLAGS = T.APPEND | T.DSYNC | T.NONBLOCK | T.RSYNC | T.SYNC
_SETTABLE = T.APPEND | T.NONBLOCK


def host_flags(flags: int) -> int:
    """Flags of a descriptor as flags of `os.open`."""
    return sum(host for flag, host in _FLAGS if flags & flag)


def first_bytes(views: Views, most: int) -> Views:
    """The first `most` bytes of all of them together."""
    parts = []
    for view in views:
        parts.append(view[:most])
        most -= len(parts[-1])
    return parts


class Descriptor:
    """An open descriptor. `rights` and `inheriting` are masks of `types`; `waits` says whether
    reading and writing may have to wait; `read_only` that the host must not be changed by it."""

    __slots__ = ("flags", "inheriting", "read_only", "rights", "waits")

    kind = T.UNKNOWN

    def __init__(self, rights: int, inheriting: int = 0) -> None:
        self.rights = rights
        self.inheriting = inheriting
        self.flags = 0
        self.waits = False
        self.read_only = False

    def fileno(self) -> int:
        """The host's descriptor, -1 when there is none."""
        return -1

    def stat(self) -> os.stat_result | None:
        return None

    def read(self, views: Views) -> int:
        raise WasiError(T.BADF)

    def write(self, views: Views) -> int:
        raise WasiError(T.BADF)

    def set_flags(self, flags: int) -> None:
        """Raises WasiError for flags that cannot be changed once it is open."""
        if (flags ^ self.flags) & ~_SETTABLE:
            raise WasiError(T.INVAL)
        self.flags = flags

    def ready_bytes(self) -> int:
        """Bytes that can be read without waiting, as far as is known."""
        return 1

    def close(self) -> None:
        pass


class Inherited(Descriptor):
    """Standard input, output or error of this process, by its number."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int, right: int) -> None:
        super().__init__(T.STREAM_RIGHTS | right)
        self._fd = fd
        self.waits = True
        # What Python has written comes first.
        for stream in (sys.stdout, sys.stderr) if right == T.FD_WRITE else ():
            # None or closed: there is nothing to come first
            with contextlib.suppress(AttributeError, ValueError):
                stream.flush()

    @property
    def kind(self) -> int:  # type: ignore[override]
        """Only a terminal is a character device: wasi-libc's isatty looks at this."""
        return T.CHARACTER_DEVICE if os.isatty(self._fd) else T.UNKNOWN

    def fileno(self) -> int:
        return self._fd

    def read(self, views: Views) -> int:
        return os.readv(self._fd, views)

    def write(self, views: Views) -> int:
        return os.writev(self._fd, views)

    def ready_bytes(self) -> int:
        return _ready_bytes(self._fd)


class Stream(Descriptor):
    """A file object of Python, binary or text, that `close` leaves open.

    It counts as always ready: what its buffers hold is not known.
    """

    __slots__ = ("_decoder", "_file")

    def __init__(self, file: Any, right: int) -> None:
        super().__init__(T.STREAM_RIGHTS | right)
        buffer = getattr(file, "buffer", None)
        if buffer is not None and hasattr(file, "flush") and right == T.FD_WRITE:
            file.flush()
        self._file = buffer if buffer is not None else file
        self._decoder = None
        if buffer is None and hasattr(file, "encoding"):
            self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def kind(self) -> int:  # type: ignore[override]
        isatty = getattr(self._file, "isatty", None)
        return T.CHARACTER_DEVICE if isatty is not None and isatty() else T.UNKNOWN

    def read(self, views: Views) -> int:
        view = next((view for view in views if len(view)), None)
        if view is None:
            return 0
        size = min(len(view), STREAM_CHUNK)
        if self._decoder is not None:
            # A character of a text stream is at most four bytes.
            data = self._file.read(max(size // 4, 1)).encode()
        else:
            data = getattr(self._file, "read1", self._file.read)(size)
        if data is None:
            raise WasiError(T.AGAIN)
        if len(data) > size:
            raise WasiError(T.INVAL)
        view[: len(data)] = data
        return len(data)

    def write(self, views: Views) -> int:
        data = b"".join(first_bytes(views, STREAM_CHUNK))
        if self._decoder is not None:
            self._file.write(self._decoder.decode(data))
            written: int | None = len(data)
        else:
            written = self._file.write(data)
        flush = getattr(self._file, "flush", None)
        if flush is not None:
            flush()
        return len(data) if written is None else written


class File(Descriptor):
    """A file of the host that is no directory."""

    __slots__ = ("_fd", "kind")

    def __init__(self, fd: int, rights: int, mode: int) -> None:
        super().__init__(rights)
        self._fd = fd
        self.kind = T.file_type(mode)
        self.waits = not stat.S_ISREG(mode)

    def fileno(self) -> int:
        return self._fd

    def stat(self) -> os.stat_result:
        return os.fstat(self._fd)

    def read(self, views: Views) -> int:
        return os.readv(self._fd, views)

    def write(self, views: Views) -> int:
        return os.writev(self._fd, views)

    def set_flags(self, flags: int) -> None:
        super().set_flags(flags)
        fcntl.fcntl(self._fd, fcntl.F_SETFL, host_flags(flags))

    def ready_bytes(self) -> int:
        if self.kind == T.REGULAR_FILE:
            return max(os.fstat(self._fd).st_size - os.lseek(self._fd, 0, os.SEEK_CUR), 0)
        return _ready_bytes(self._fd)

    def close(self) -> None:
        os.close(self._fd)


Entry = tuple[bytes, int, int]
"""Name, inode and type of a directory's entry."""


class Directory(Descriptor):
    """A directory of the host; `name` is the program's name for it if it was opened beforehand."""

    __slots__ = ("_entries", "_fd", "name")

    kind = T.DIRECTORY

    def __init__(self, fd: int, rights: int, inheriting: int, name: bytes | None = None) -> None:
        super().__init__(rights, inheriting)
        self._fd = fd
        self.name = name
        self._entries: list[Entry] | None = None

    def fileno(self) -> int:
        return self._fd

    def stat(self) -> os.stat_result:
        return os.fstat(self._fd)

    def read(self, views: Views) -> int:
        raise WasiError(T.ISDIR)

    def write(self, views: Views) -> int:
        raise WasiError(T.ISDIR)

    def entries(self, again: bool) -> list[Entry]:
        """All entries, as they were when reading began; `again` begins anew."""
        if self._entries is None or again:
            found = [(b".", os.fstat(self._fd).st_ino, T.DIRECTORY), (b"..", 0, T.DIRECTORY)]
            with os.scandir(self._fd) as scan:
                found += [
                    (os.fsencode(item.name), item.inode(), _entry_type(item)) for item in scan
                ]
            self._entries = found
        return self._entries

    def close(self) -> None:
        os.close(self._fd)


def _entry_type(item: os.DirEntry[str]) -> int:
    if item.is_symlink():
        return T.SYMBOLIC_LINK
    if item.is_dir(follow_symlinks=False):
        return T.DIRECTORY
    if item.is_file(follow_symlinks=False):
        return T.REGULAR_FILE
    return T.file_type(item.stat(follow_symlinks=False).st_mode)


def _ready_bytes(fd: int) -> int:
    try:
        return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), "little")
    except OSError:
        return 1


class Table:
    """The descriptors of a program by number."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[int, Descriptor] = {}

    def add(self, descriptor: Descriptor, least: int = 3) -> int:
        """Give it the lowest free number from `least`. Raises WasiError when there are too many."""
        if len(self._open) >= MAX_DESCRIPTORS:
            raise WasiError(T.MFILE)
        number = least
        while number in self._open:
            number += 1
        self._open[number] = descriptor
        return number

    def get(self, number: int, right: int = 0) -> Descriptor:
        """The descriptor `number`. Raises WasiError when it is not open, lacks the right or would
        change what is read-only."""
        descriptor = self._open.get(number)
        if descriptor is None:
            raise WasiError(T.BADF)
        if right & ~descriptor.rights:
            raise WasiError(T.NOTCAPABLE)
        if descriptor.read_only and right & T.CHANGES:
            raise WasiError(T.ROFS)
        return descriptor

    def close(self, number: int) -> None:
        self.get(number)
        self._open.pop(number).close()

    def renumber(self, number: int, to: int) -> None:
        """Move a descriptor over another, which is closed. Raises WasiError when either is not
        open."""
        descriptor = self.get(number)
        old = self.get(to)
        if number != to:
            self._open[to] = self._open.pop(number)
            assert descriptor is self._open[to]
            old.close()

    def close_all(self) -> None:
        while self._open:
            self._open.popitem()[1].close()
