"""Modules in the cache: an entry says that the module is valid, where its bodies are, and has the
machine code of its functions, or of those that have been called so far.

The name of an entry is a digest of the source and of `serialize.code_key`. Code of a module that
is compiled whole is written at once; of others when the module dies or the interpreter exits, with
what other processes wrote meanwhile. A small file names the entry of a family of modules that was
written last: a module without an entry takes what it shares with that one (`family.py`).
"""

from __future__ import annotations

import weakref

from grus.engine.build import changed
from grus.engine.cache import ENTRY, LATEST, say
from grus.engine.code import Image, merge
from grus.engine.digest import sha256
from grus.engine.serialize import WHOLE, Record, SerializeError, bodies_of, code_key, read, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from grus.engine.cache import Cache
    from grus.engine.engine import Engine
    from grus.engine.module import Module
    from grus.engine.module_code import ModuleCode
    from grus.engine.serialize import Block
    from grus.engine.translate.info import ModuleInfo
    from grus.wasm.module import Module as WasmModule

_NEW: Final = -1


class Entry:
    """A module's place in the cache."""

    __slots__ = ("_cache", "_code", "_digest", "_from_text", "_key", "_saved", "_tier", "_wasm")

    def __init__(self, cache: Cache, engine: Engine, source: bytes | memoryview) -> None:
        self._cache = cache
        self._key = code_key(engine)
        self._digest = self._key + sha256(source)
        self._tier = engine.tier
        self._from_text = bytes(source[:4]) != b"\0asm"
        self._saved = _NEW  # sum of the levels of functions that are in the cache
        self._wasm: WasmModule | None = None
        self._code: ModuleCode | None = None

    def _name(self, kind: str) -> str:
        return self._id(kind).hex()

    def _id(self, kind: str) -> bytes:
        return sha256(self._digest + kind.encode())

    def find(self) -> Record | None:
        """What is in the cache: code of all functions, else of some."""
        if changed():
            say("sources of Grus have changed since it was loaded: the cache is not used")
            return None
        record = self._find("whole")
        if record is None and self._tier != "eager":
            record = self._find(self._tier)
        return record

    def _find(self, kind: str) -> Record | None:
        name = self._name(kind)
        record = self._read(name)
        if record is None:
            return None
        if "bodies" in record.blocks and ("wasm" in record.blocks) == self._from_text:
            return record
        self._drop(name, ENTRY, "it is of something else")
        return None

    def _read(self, name: str, suffix: str = ENTRY) -> Record | None:
        data = self._cache.get(name, suffix)
        if data is None:
            return None
        try:
            return read(data, self._key)
        except SerializeError as error:
            self._drop(name, suffix, str(error))
            return None

    def _drop(self, name: str, suffix: str, reason: str) -> None:
        say(f"cache entry {name} in {self._cache.path} is not used: {reason}")
        self._cache.remove(name, suffix)

    def adopt(self, wasm: WasmModule, info: ModuleInfo) -> tuple[Image, bytes] | None:
        """Functions of a module without an entry that the latest of its family has, and their
        levels."""
        from grus.engine.family import adopt, family

        digest = family(self._key, info)
        latest = self._read(self._latest(digest), LATEST)
        if latest is None or changed():
            return None
        name = bytes(latest.blocks.get("entry", b"")).hex()
        record = self._read(name)
        if record is None or bytes(record.blocks.get("family", b"")) != digest:
            return None
        try:
            return adopt(record, wasm)
        except (IndexError, KeyError, ValueError):
            self._drop(name, ENTRY, "its parts do not fit")
            return None

    def _latest(self, digest: bytes) -> str:
        return sha256(digest + self._tier.encode()).hex()

    def save_whole(self, wasm: WasmModule, image: Image) -> None:
        """Write the code of all functions."""
        if changed():
            return
        blocks = self._blocks(wasm) | image.pack()
        parts = write(self._key, WHOLE, image.largest_frame, blocks)
        self._cache.put(self._name("whole"), parts)

    def watch(self, module: Module, code: ModuleCode, record: Record | None) -> None:
        """Write the functions that the module has got when it dies, or at exit. `record` is what
        its code began with."""
        self._wasm = module.wasm
        self._code = code
        if record is not None:
            if record.flags & WHOLE:
                return
            self._saved = sum(code.levels)
        weakref.finalize(module, self.save)

    def save(self) -> None:
        """Write the functions that the module has, if there are more than in the cache."""
        code, wasm = self._code, self._wasm
        assert code is not None and wasm is not None
        total = sum(code.levels)
        if total <= self._saved:
            return
        try:
            if changed():
                return
            self._save(code, wasm)
            self._saved = total
        except Exception as error:  # a finalizer must not fail
            say(f"cannot write to the cache {self._cache.path}: {error!r}")

    def _save(self, code: ModuleCode, wasm: WasmModule) -> None:
        levels: dict[int, int] = {}
        parts: list[tuple[Image, list[int]]] = []
        for place in list(code.places):
            current: list[int] = []
            for start, _, index in place.image.functions:
                if code.entries[index - code.first] == place.start + start:
                    current.append(index)
                    levels[index] = code.levels[index - code.first]
            parts.append((place.image, current))
        record = self._find(self._tier)
        if record is not None:  # another process may have got further
            image = record.image()
            theirs: list[int] = []
            found = record.blocks["levels"]
            for number, (_, _, index) in enumerate(image.functions):
                if found[number] > levels.get(index, 0):
                    theirs.append(index)
                    levels[index] = found[number]
            taken = set(theirs)
            parts = [(mine, [i for i in own if i not in taken]) for mine, own in parts]
            parts.append((image, theirs))
        merged = merge(parts)
        blocks = self._blocks(wasm) | merged.pack()
        from grus.engine.family import digests, family, types_of

        indexes = [index for _, _, index in merged.functions]
        digest = family(self._key, code.info)
        blocks["levels"] = bytes([levels[index] for index in indexes])
        blocks["family"] = digest
        blocks["digests"] = digests(wasm, indexes)
        blocks["types"] = types_of(wasm)
        entry = self._id(self._tier)
        record_parts = write(self._key, 0, merged.largest_frame, blocks)
        if self._cache.put(entry.hex(), record_parts) and indexes:
            latest: dict[str, Block] = {"entry": entry}
            self._cache.put(self._latest(digest), write(self._key, 0, 0, latest), LATEST)

    def _blocks(self, wasm: WasmModule) -> dict[str, Block]:
        blocks = bodies_of(wasm)
        if self._from_text:
            blocks["wasm"] = bytes(wasm.data)
        return blocks
