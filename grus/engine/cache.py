"""The cache on disk: records of machine code by name in one directory.

Any number of processes read and write it at once. An entry is written to a temporary file and
renamed, so that a reader sees a whole entry or none; the last writer wins. A temporary file is
locked by its writer, and one that nobody has locked is left from a process that was killed: the
next writer removes it. What cannot be read, is damaged or belongs to another build is no entry:
one line in the log "grus", and the code is compiled. What cannot be written stays unwritten.

Machine code from the directory will run, so it is used only while this user owns it and nobody
else can write there, and the same holds for each entry. Entries are read, not mapped: nobody can
change or truncate them under a running program.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time

from grus.engine.serialize import Block

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


DEFAULT_LIMIT: Final = 512 << 20
ENTRY: Final = ".grus"
LATEST: Final = ".last"
"""Suffixes of entries, and of files that name the latest entry of a family of modules."""
_OURS: Final = (ENTRY, LATEST)
_TEMPORARY: Final = ".tmp"
_FRESH: Final = 3600.0
"""Seconds after which the time of an entry that is used is set anew."""
_FLAGS: Final = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
_STALE: Final = 5.0
"""Seconds without a change after which a temporary file may be one that a killed process left."""
_said: Final[set[str]] = set()


class CacheInfo:
    """What is in the cache: its directory, the number of entries and their bytes, and the bytes
    at which the oldest are removed."""

    __slots__ = ("bytes", "entries", "limit", "path")

    def __init__(self, path: str, entries: int, size: int, limit: int) -> None:
        self.path = path
        self.entries = entries
        self.bytes = size
        self.limit = limit

    def __repr__(self) -> str:
        return f"<grus cache {self.path}: {self.entries} entries, {self.bytes} bytes>"


def default_path() -> str:
    """The directory for those who name none: `GRUS_CACHE`, else `grus` in that of the user's
    caches; "" when `GRUS_CACHE` is 0, which turns caching off."""
    path = os.environ.get("GRUS_CACHE", "")
    if path:
        return "" if path == "0" else path
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "grus") if os.path.isabs(base) else ""


class Cache:
    """A directory of entries. Made when something is written first. `limit` is in bytes."""

    __slots__ = ("limit", "path")

    def __init__(self, path: str, limit: int = DEFAULT_LIMIT) -> None:
        self.path = os.path.abspath(path)
        self.limit = limit

    def get(self, name: str, suffix: str = ENTRY) -> bytes | None:
        """The contents of an entry, or None."""
        folder = self._open()
        if folder < 0:
            return None
        try:
            file = os.open(name + suffix, os.O_RDONLY | os.O_NONBLOCK | _FLAGS, dir_fd=folder)
        except OSError:
            return None
        finally:
            os.close(folder)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or not _only_ours(found):
                say(f"cache entry {name} in {self.path} is not this user's alone: not used")
                return None
            data = _read(file, found.st_size)
            _touch(file, found.st_mtime)
            return data
        except OSError as error:
            say(f"cannot read the cache entry {name} in {self.path}: {error.strerror}")
            return None
        finally:
            os.close(file)

    def put(self, name: str, parts: list[Block], suffix: str = ENTRY) -> bool:
        """Write an entry; False when that is not possible, which is logged."""
        size = sum([len(part) for part in parts])
        folder = self._open(make=True) if size <= self.limit else -1
        if folder < 0:
            return False
        temporary = f"{name[:16]}.{os.getpid()}.{os.urandom(4).hex()}{_TEMPORARY}"
        try:
            self._clean(folder, size)
            self._write(folder, temporary, parts)
            os.rename(temporary, name + suffix, src_dir_fd=folder, dst_dir_fd=folder)
            return True
        except FileNotFoundError:
            return False  # someone has cleared the directory, or took the file for a stale one
        except OSError as error:
            say(f"cannot write to the cache {self.path}: {error.strerror}")
            _remove(folder, temporary)
            return False
        except BaseException:  # Ctrl-C
            _remove(folder, temporary)
            raise
        finally:
            os.close(folder)

    def _write(self, folder: int, name: str, parts: list[Block]) -> None:
        import fcntl

        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600, dir_fd=folder)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for part in parts:
                view = memoryview(part)
                while view:
                    view = view[os.write(file, view) :]
        finally:
            os.close(file)

    def remove(self, name: str, suffix: str = ENTRY) -> None:
        """Remove an entry, if there is one."""
        folder = self._open()
        if folder >= 0:
            _remove(folder, name + suffix)
            os.close(folder)

    def info(self) -> CacheInfo:
        """What is in the cache."""
        folder = self._open()
        if folder < 0:
            return CacheInfo(self.path, 0, 0, self.limit)
        try:
            rows = [row for row in _list(folder) if row[2].endswith(_OURS)]
        finally:
            os.close(folder)
        entries = len([name for _, _, name in rows if name.endswith(ENTRY)])
        return CacheInfo(self.path, entries, sum([size for _, size, _ in rows]), self.limit)

    def clear(self) -> int:
        """Remove all entries; gives how many. Other files stay. Raises OSError."""
        folder = self._open()
        if folder < 0:
            return 0
        count = 0
        try:
            for _, _, name in _list(folder):
                if name.endswith(ENTRY):
                    count += _remove(folder, name)
                elif name.endswith(LATEST):
                    _remove(folder, name)
                elif name.endswith(_TEMPORARY):
                    _remove_stale(folder, name)  # a writer that loses it writes no entry
        finally:
            os.close(folder)
        return count

    def _open(self, make: bool = False) -> int:
        """A descriptor of the directory, -1 when there is none that can be trusted."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            try:
                folder = os.open(self.path, flags)
            except FileNotFoundError:
                if not make:
                    return -1
                os.makedirs(self.path, 0o700, exist_ok=True)
                folder = os.open(self.path, flags)
        except OSError as error:
            say(f"cannot use the cache {self.path}: {error.strerror}")
            return -1
        if not _only_ours(os.fstat(folder)):
            os.close(folder)
            say(f"the cache {self.path} is not this user's alone: not used")
            return -1
        return folder

    def _clean(self, folder: int, coming: int) -> None:
        """Make room for so many bytes, and remove what killed processes left."""
        rows = _list(folder)
        total = coming
        old = time.time() - _STALE
        for changed, size, name in rows:
            if name.endswith(_TEMPORARY):
                if changed < old:
                    _remove_stale(folder, name)
            elif name.endswith(_OURS):
                total += size
        if total <= self.limit:
            return
        for _, size, name in sorted(rows):
            if name.endswith(_OURS):
                _remove(folder, name)
                total -= size
                if total <= self.limit * 9 // 10:
                    break


def _only_ours(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _list(folder: int) -> list[tuple[float, int, str]]:
    """Time, size and name of each file."""
    rows: list[tuple[float, int, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # removed meanwhile
            rows.append((found.st_mtime, found.st_size, entry.name))
    return rows


def _read(file: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0:
        part = os.read(file, size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _touch(file: int, before: float) -> None:
    now = time.time()
    if now - before > _FRESH:
        with contextlib.suppress(OSError):  # it may be on a read-only file system
            os.utime(file, (now, now))


def _remove(folder: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=folder)
        return True
    except OSError:
        return False


def _remove_stale(folder: int, name: str) -> None:
    """Remove a temporary file that nobody has locked."""
    import fcntl

    try:
        file = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _FLAGS, dir_fd=folder)
    except OSError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=folder)
    except OSError:
        pass
    finally:
        os.close(file)


def say(message: str) -> None:
    """A line in the log "grus"; each once a process."""
    if message not in _said:
        import logging

        _said.add(message)
        logging.getLogger("grus").warning("%s", message)
