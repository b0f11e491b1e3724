"""Which build of Grus this is: a digest of the sources that decide what machine code looks like.

A wheel says so in a file made when it was built (`grus/_gen/build_id.py`). In a checkout sources
change while the version stands still: there the digest is made of them, and remembered by names,
times and sizes, because reading them takes 15 ms.
"""

from __future__ import annotations

import importlib
import os
import sys

import grus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_ROOMS: Final = ("base", "ir", "opt", "backend", "wasm", "engine", "host")
_build_id = ""


def build_id() -> str:
    """The same for equal sources; 64 hexadecimal digits."""
    global _build_id
    if not _build_id:
        _build_id = _of_wheel() or _of_checkout()
    return _build_id


def changed() -> bool:
    """Whether sources have changed since this process began to load them: then nobody knows what
    its code was made by. Not asked of a wheel."""
    if _of_wheel():
        return False
    newest = max([max(stat.st_mtime, stat.st_ctime) for _, stat in _files(_root())])
    return newest > grus.LOADED


def _of_wheel() -> str:
    try:
        made = importlib.import_module("grus._gen.build_id")
    except ImportError:
        return ""
    return str(made.BUILD_ID)


def _root() -> str:
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _files(root: str) -> list[tuple[str, os.stat_result]]:
    """The sources, and what is compiled of them, by name."""
    found: list[tuple[str, os.stat_result]] = []
    folders = [os.path.join(root, room) for room in _ROOMS]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.endswith((".py", ".so")):
                    found.append((entry.path[len(root) :], entry.stat()))
                elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                    folders.append(entry.path)
    return sorted(found, key=lambda file: file[0])


def digest(root: str) -> str:
    """The digest of the sources below a folder; those compiled for another Python do not count."""
    from hashlib import sha256

    made = sha256()
    for name, _ in _files(root):
        if name.endswith(".so") and sys.implementation.cache_tag not in name:
            continue
        with open(root + name, "rb") as file:
            made.update(f"{name}\0".encode() + sha256(file.read()).digest())
    return made.hexdigest()


def _of_checkout() -> str:
    from grus.engine.digest import sha256

    root = _root()
    rows = [(name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in _files(root)]
    stamp = sha256(repr((root, sys.implementation.cache_tag, rows)).encode()).hex()
    path = os.path.join(root, "_gen", "build_id.txt")
    try:
        with open(path, encoding="ascii") as file:
            known, _, made = file.read().strip().partition(" ")
        if known == stamp and len(made) == 64:
            return made
    except (OSError, UnicodeDecodeError):
        pass
    made = digest(root)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = f"{path}.{os.getpid()}"
        with open(temporary, "w", encoding="ascii") as file:
            file.write(f"{stamp} {made}\n")
        os.replace(temporary, path)
    except OSError:
        pass  # a read-only checkout: read the sources each time
    return made
