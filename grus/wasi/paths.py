"""Paths of a program on directories of the host, never out of them.

The kernel is asked for one component at a time, relative to an open directory, and never to follow
a symbolic link: links are read and followed here. `..` goes back to the directory handle we came
from. So whatever others rename or replace meanwhile, every handle was reached from the first one.
"""

from __future__ import annotations

import errno
import os

from grus.wasi import types as T
from grus.wasi.types import WasiError

FOLLOW = 0
"""Follow a symbolic link at the end of the path."""
NO_FOLLOW = 1
"""Do not, unless a slash follows it."""
ENTRY = 2
"""The entry of a directory that is created or removed: it keeps its trailing slash, which the
kernel judges without following."""

MAX_LINKS = 40
MAX_PATH = 4096
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Place:
    """Where a path leads: `name` in the directory `fd`. A `with` block closes what was opened.

    `name` may be a symbolic link or nothing at all: use it with flags that do not follow links.
    """

    __slots__ = ("fd", "handles", "name")

    def __init__(self, handles: list[int], name: bytes) -> None:
        self.handles = handles
        self.fd = handles[-1]
        self.name = name

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        _close(self.handles)


def resolve(base: int, path: bytes, mode: int) -> Place:
    """Follow `path` from the directory handle `base`.

    Raises WasiError (PERM for a path that leads out of `base`) and OSError.
    """
    if not path:
        raise WasiError(T.NOENT)
    if b"\0" in path:
        raise WasiError(T.INVAL)
    if len(path) >= MAX_PATH:
        raise WasiError(T.NAMETOOLONG)
    if path.startswith(b"/"):
        raise WasiError(T.PERM)
    slash = b""
    if mode == ENTRY and path.endswith(b"/"):
        path, slash = path.rstrip(b"/"), b"/"
    handles = [base]
    try:
        return Place(handles, _walk(handles, path, mode) + slash)
    except BaseException:
        _close(handles)
        raise


def _walk(handles: list[int], path: bytes, mode: int) -> bytes:
    """Open directories into `handles` until one component is left, and return it."""
    todo = path.split(b"/")[::-1]
    links = 0
    while True:
        part = todo.pop()
        last = not todo
        if part in (b"", b".", b".."):
            if part == b"..":
                if len(handles) == 1:
                    raise WasiError(T.PERM)
                os.close(handles.pop())
            if last:
                return b"."
            continue
        if last:
            target = _read_link(handles[-1], part) if mode == FOLLOW else None
            if target is None:
                return part
        else:
            try:
                handles.append(os.open(part, _DIRECTORY, dir_fd=handles[-1]))
                continue
            except NotADirectoryError:
                target = _read_link(handles[-1], part)
                if target is None:
                    raise
        links += 1
        if links > MAX_LINKS:
            raise WasiError(T.LOOP)
        if target.startswith(b"/"):
            raise WasiError(T.PERM)
        todo += target.split(b"/")[::-1]


def _read_link(directory: int, name: bytes) -> bytes | None:
    """What a symbolic link says; None for anything else, and for nothing."""
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise


def _close(handles: list[int]) -> None:
    while len(handles) > 1:
        os.close(handles.pop())
