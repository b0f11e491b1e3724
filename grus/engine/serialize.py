"""Modules as bytes: what decoding found and machine code, in one flat format for files, the cache
and `Module.serialize`.

A record is a head (magic, key, flags, largest frame), a table of named blocks with a checksum each,
and the blocks. The key is a digest of all that machine code depends on beside the module: the
sources of Grus, settings, processor. Nothing is parsed before its checksum is compared, and
nothing here can run code: blocks are arrays of numbers. But machine code in them will run: load
only what you trust, as you would a program.

The checksum is CRC-32, which finds damage (3 GB/s here, SHA-256 0.7); against malice the owner of
the file guards it.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array

from grus.base.errors import GrusError
from grus.engine.code import Image
from grus.wasm.module import KnownBodies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from grus.engine.engine import Engine
    from grus.engine.module import Module
    from grus.wasm.module import Module as WasmModule

Block = bytes | memoryview
MAGIC: Final = b"\0grus-code\2\n"
_HEAD: Final = struct.Struct("<12s32sIII")  # magic, key, flags, largest frame, number of blocks
_ROW: Final = struct.Struct("<12sIQQ")  # name, checksum, offset, size
_CRC: Final = struct.Struct("<I")
_MAX_BLOCKS: Final = 64
_ALIGN: Final = 16
_WORDS: Final = {
    "functions": 12,
    "traps": 8,
    "locs": 8,
    "inlined": 12,
    "stack_maps": 4,
    "named": 4,
    "one_pass": 4,
    "funcs": 4,
    "bodies": 8,
}
"""Blocks that are arrays, and the bytes of a row."""

_NO_CODE: Final = {"cache", "lazy_validation", "max_wasm_stack", "tier", "workers"}
"""Settings that code does not depend on."""
_HELD_BACK: Final = ("GRUS_DISABLE_RULES", "GRUS_OPT_STEPS")
"""Variables of the environment that hold the optimizer back."""

WHOLE: Final = 1
"""Flag: the image is of all functions, which call one another at fixed distances. Else it holds
any functions, which call through slots, and `levels` has a byte for each."""


class SerializeError(GrusError):
    """The bytes are no module of this Grus and these settings."""


class Record:
    """A record that has been checked. `blocks` are parts of the data it was read from."""

    __slots__ = ("blocks", "flags", "largest_frame")

    def __init__(self, flags: int, largest_frame: int, blocks: dict[str, memoryview]) -> None:
        self.flags = flags
        self.largest_frame = largest_frame
        self.blocks = blocks

    def known(self) -> KnownBodies:
        """What decoding the binary would find."""
        funcs, bodies = array("I"), array("I")
        funcs.frombytes(self.blocks["funcs"])
        bodies.frombytes(self.blocks["bodies"])
        return KnownBodies(funcs.tolist(), bodies[::2].tolist(), bodies[1::2].tolist())

    def image(self) -> Image:
        return Image.unpack(self.blocks, self.largest_frame)


def write(key: bytes, flags: int, largest_frame: int, blocks: dict[str, Block]) -> list[Block]:
    """The parts of a record, to be written one after another."""
    at = _HEAD.size + _ROW.size * len(blocks) + _CRC.size
    head = _HEAD.pack(MAGIC, key, flags, largest_frame, len(blocks))
    parts: list[Block] = []
    for name, block in blocks.items():
        pad = -at % _ALIGN if len(block) else 0
        head += _ROW.pack(name.encode(), zlib.crc32(block), at + pad, len(block))
        parts += [bytes(pad), block]
        at += pad + len(block)
    return [head + _CRC.pack(zlib.crc32(head)), *parts]


def read(data: Block, key: bytes | None, checked: bool = True) -> Record:
    """A record of the key, None for any. Blocks are compared with their checksums if `checked`.
    Raises SerializeError."""
    view = memoryview(data)
    if bytes(view[: len(MAGIC)]) != MAGIC:
        raise SerializeError("not a module serialized by this version of Grus")
    try:
        _, found, flags, largest_frame, count = _HEAD.unpack_from(view)
        end = _HEAD.size + _ROW.size * min(count, _MAX_BLOCKS)
        (crc,) = _CRC.unpack_from(view, end)
    except struct.error:
        raise SerializeError("the serialized module is cut off") from None
    if count > _MAX_BLOCKS or zlib.crc32(view[:end]) != crc:
        raise SerializeError("the serialized module is damaged")
    if key is not None and found != key:
        raise SerializeError("made by another Grus, for other settings or another machine")
    blocks: dict[str, memoryview] = {}
    for row in range(_HEAD.size, end, _ROW.size):
        raw, crc, at, size = _ROW.unpack_from(view, row)
        name = raw.rstrip(b"\0").decode("ascii", "replace")
        block = view[at : at + size]
        if len(block) != size or size % _WORDS.get(name, 1):
            raise SerializeError("the serialized module is cut off")
        if checked and zlib.crc32(block) != crc:
            raise SerializeError("the serialized module is damaged")
        blocks[name] = block
    return Record(flags, largest_frame, blocks)


def bodies_of(wasm: WasmModule) -> dict[str, Block]:
    """The blocks of what decoding found."""
    spans = array("I")
    for body in wasm.code:
        spans.append(body.start)
        spans.append(body.end)
    return {"funcs": array("I", wasm.funcs).tobytes(), "bodies": spans.tobytes()}


def dump(module: Module) -> bytes:
    """A module with the machine code of all its functions. Compiles it if need be; raises
    Unsupported."""
    image = module.image
    blocks = {
        "name": (module.name or "").encode(),
        "wasm": bytes(module.wasm.data),
        **bodies_of(module.wasm),
        **image.pack(),
    }
    return b"".join(write(code_key(module.engine), WHOLE, image.largest_frame, blocks))


def load(data: Block, engine: Engine, checked: bool = True) -> Record:
    """The record of what `dump` made. Raises SerializeError."""
    record = read(data, code_key(engine), checked)
    if not record.flags & WHOLE or "wasm" not in record.blocks:
        raise SerializeError("not a serialized module, but an entry of the cache")
    return record


def source(data: Block) -> bytes:
    """The binary of what `dump` made, anywhere. Raises SerializeError."""
    return bytes(read(data, None).blocks["wasm"])


def code_key(engine: Engine) -> bytes:
    """Digest of all that machine code depends on beside the module. It does not need the
    compiler."""
    if engine.code_key is None:
        from grus.engine.build import build_id
        from grus.engine.digest import sha256

        settings = {k: v for k, v in engine.config.items().items() if k not in _NO_CODE}
        settings["guards"] = engine.guards
        settings["features"] = engine.features.bits
        held_back = [os.environ.get(name, "") for name in _HELD_BACK]
        words = (build_id(), engine.code_settings().items(), sorted(settings.items()), held_back)
        engine.code_key = sha256(repr(words).encode())
    return engine.code_key
