"""SHA-256 without OpenSSL for short data: loading that takes 2 ms, more than the digest itself."""

from __future__ import annotations

import importlib
import sys

_SHORT = 1 << 18


def sha256(data: bytes | memoryview) -> bytes:
    """The digest of some bytes."""
    if len(data) <= _SHORT and "_hashlib" not in sys.modules:
        for name in ("_sha2", "_sha256"):  # from CPython 3.12 on; before
            try:
                builtin = importlib.import_module(name)
            except ImportError:
                continue
            found: bytes = builtin.sha256(data).digest()
            return found
    import hashlib

    return hashlib.sha256(data).digest()
