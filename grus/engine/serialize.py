"""Modules as bytes: the binary with its machine code.

The bytes are good for the Grus that made them and an Engine of the same settings on a machine with
the same features; anything else is refused. What is loaded is run: load only what you trust, as
you would a program.
"""

from __future__ import annotations

import functools
import hashlib
import marshal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from grus.base.errors import GrusError
from grus.engine.code import Image
from grus.host import cpu

if TYPE_CHECKING:
    from grus.engine.engine import Engine
    from grus.engine.module import Module

_MAGIC: Final = b"\0grus-module\1"
_DIGEST: Final = hashlib.sha256().digest_size


class SerializeError(GrusError):
    """The bytes are no module of this Grus and these settings."""


def dump(module: Module) -> bytes:
    """A module with its machine code. Compiles it if need be; raises Unsupported."""
    image = module.image
    fields = {name: getattr(image, name) for name in Image.__slots__}
    data = marshal.dumps((module.name, bytes(module.wasm.data), fields))
    return _MAGIC + _key(module.engine) + hashlib.sha256(data).digest() + data


def load(data: bytes, engine: Engine) -> tuple[str | None, bytes, Image]:
    """Name, binary and machine code of what `dump` made. Raises SerializeError."""
    if not data.startswith(_MAGIC):
        raise SerializeError("not a module serialized by Grus")
    key_end = len(_MAGIC) + _DIGEST
    start = key_end + _DIGEST
    if data[len(_MAGIC) : key_end] != _key(engine):
        raise SerializeError("made by another Grus, for other settings or another machine")
    payload = memoryview(data)[start:]
    if hashlib.sha256(payload).digest() != data[key_end:start]:
        raise SerializeError("the serialized module is damaged")
    name, wasm, fields = marshal.loads(payload)
    image = Image()
    for field, value in fields.items():
        setattr(image, field, value)
    return name, wasm, image


def _key(engine: Engine) -> bytes:
    """Digest of all that machine code and its bytes depend on. It does not need the compiler."""
    settings = engine.config.replace(max_wasm_stack=1, guards=engine.guards)
    words = (_sources(), sys.version_info[:2], repr(settings), sorted(cpu.features()))
    return hashlib.sha256(repr(words).encode()).digest()


@functools.cache
def _sources() -> str:
    """Digest of the sources of Grus: its version as far as code is concerned."""
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()
