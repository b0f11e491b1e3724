"""Code of functions that a module shares with an earlier build of it.

Machine code that calls through slots depends on the function's body and type, on the types that
the body names and those of the functions that it calls, and on what a digest of the *family*
covers: what is imported, the types of tables, memories and globals but for their limits and
contents, and all that code depends on beside the module. So in a module of
the same family a function with an equal body that names equal types, whatever its number and
place, has that code.

`tests/engine/test_family.py` has translation read a module that shows these facts and no others.
"""

from __future__ import annotations

from grus.engine.code import Image, merge, moved
from grus.engine.digest import hasher, sha256
from grus.wasm import types as WT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from grus.engine.serialize import Record
    from grus.engine.translate.info import ModuleInfo
    from grus.wasm.module import Module as WasmModule
    from grus.wasm.types import Limits

DIGEST: Final = 32
"""Bytes of a digest of a body."""
_TYPES: Final = 1  # the section


def family(key: bytes, info: ModuleInfo) -> bytes:
    """The digest of a module's family. `key` is `code_key`."""
    wasm = info.module
    facts = (
        [(item.module, item.name, item.kind) for item in wasm.imports],
        [(table.type.element, _kind(table.type.limits)) for table in wasm.tables],
        [_kind(memory.type.limits) for memory in wasm.memories],
        info.memory_modes,
        [(item.type.value, item.type.mutable) for item in wasm.globals],
        info.layout.num_segments,
    )
    return sha256(key + repr(facts).encode())


def _kind(limits: Limits) -> tuple[bool, bool, int]:
    return limits.is64, limits.shared, limits.page_size_log2


def types_of(wasm: WasmModule) -> bytes:
    """Digests of the types, one behind another; of one that names others with all of them."""
    section = [bytes(wasm.data[s.start : s.end]) for s in wasm.sections if s.id == _TYPES]
    made: list[bytes] = []
    for index, sub in enumerate(wasm.types):
        ty = sub.composite
        facts: tuple[object, ...] = (index, section)
        if isinstance(ty, WT.FuncType) and not any(map(WT.is_concrete, ty.params + ty.results)):
            facts = (sub.final, ty.params, ty.results)
        made.append(sha256(repr(facts).encode()))
    return b"".join(made)


def digests(wasm: WasmModule, indexes: list[int]) -> bytes:
    """Digests of the bodies of functions, one behind another."""
    digest = hasher(len(wasm.data))
    data = memoryview(wasm.data)
    spans = [wasm.body(index) for index in indexes]
    return b"".join([digest(data[body.start : body.end]).digest() for body in spans])


def adopt(record: Record, wasm: WasmModule) -> tuple[Image, bytes] | None:
    """The functions of a module that have code in an entry of its family, with their levels.
    Raises IndexError, KeyError and ValueError when the parts of the entry do not fit."""
    image = record.image()
    blocks = record.blocks
    numbers = [index for _, _, index in image.functions]
    levels, sums = bytes(blocks["levels"]), bytes(blocks["digests"])
    if len(levels) != len(numbers) or len(sums) != DIGEST * len(numbers) or image.inlined:
        raise ValueError
    known = record.known()
    assert known.funcs is not None
    first = wasm.num_imported_funcs
    before = _Types(known.funcs, bytes(blocks["types"]))
    now = _Types(wasm.funcs, types_of(wasm))
    sizes: set[int] = set()
    candidates: dict[bytes, list[int]] = {}  # by the digests of body and type
    for at, index in reversed(list(enumerate(numbers))):
        sizes.add(known.ends[index - first] - known.starts[index - first])
        digest = sums[DIGEST * at : DIGEST * (at + 1)]
        candidates.setdefault(digest + before.of(index), []).append(index)
    digest_of = hasher(len(wasm.data))
    data = memoryview(wasm.data)
    to: dict[int, tuple[int, int]] = {}
    for index in range(first, len(wasm.funcs)):
        body = wasm.body(index)
        if body.end - body.start not in sizes:
            continue
        digest = digest_of(data[body.start : body.end]).digest()
        equal = candidates.get(digest + now.of(index))
        if equal and _fits(before, now, image.named.get(equal[-1])):
            old = equal.pop()
            to[old] = (index, body.start - known.starts[old - first])
    if not to:
        return None
    taken = merge([(image, list(to))])
    kept = bytes([levels[at] for at, index in enumerate(numbers) if index in to])
    return moved(taken, to), kept


class _Types:
    """The digest of the type of a function, or of a type that is numbered as in `Image.named`."""

    __slots__ = ("count", "digests", "funcs")

    def __init__(self, funcs: list[int], digests: bytes) -> None:
        self.funcs = funcs
        self.digests = digests
        self.count = len(digests) // DIGEST

    def of(self, name: int) -> bytes:
        """b"" when there is no such thing."""
        if name >= 0:
            name = -1 - self.funcs[name] if name < len(self.funcs) else -1 - self.count
        at = -1 - name
        return self.digests[DIGEST * at : DIGEST * (at + 1)]


def _fits(before: _Types, now: _Types, named: list[int] | None) -> bool:
    """Whether the types that a body names are what they were."""
    return named is not None and all([before.of(n) == now.of(n) != b"" for n in named])
