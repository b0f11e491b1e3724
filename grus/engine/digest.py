"""SHA-256 without OpenSSL for short data: loading that takes 2 ms, more than the digest itself."""

from __future__ import annotations

import importlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Hash(Protocol):
        def digest(self) -> bytes: ...


_SHORT = 1 << 18


def hasher(size: int) -> Callable[[bytes | memoryview], Hash]:
    """What makes a digest, when so many bytes are to be read in all."""
    if size <= _SHORT and "_hashlib" not in sys.modules:
        for name in ("_sha2", "_sha256"):  # from CPython 3.12 on; before
            try:
                made: Callable[[bytes | memoryview], Hash] = importlib.import_module(name).sha256
                return made
            except ImportError:
                continue
    import hashlib

    return hashlib.sha256


def sha256(data: bytes | memoryview) -> bytes:
    """The digest of some bytes."""
    return hasher(len(data))(data).digest()
