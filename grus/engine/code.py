"""Compiled code, and the way back from an address to a function and an instruction."""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Callable, Container, Iterable
from itertools import chain, count

from grus.engine.errors import Frame
from grus.host.runtime import runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, Protocol, TypeAlias

    class Names(Protocol):
        """What names the functions of an image."""

        name: str | None

        def function_name(self, index: int) -> str: ...

        def frame(self, index: int, at: int) -> Frame: ...

    Owner: TypeAlias = "Callable[[], Any] | None"
    """A weak reference to the ModuleCode that an image belongs to."""


class Image:
    """Position-independent machine code of functions of one module. Plain data: it can be pickled
    and cached.

    `functions` are (start, end, function index) sorted by start; `traps` maps the offset that
    names a trap (of the faulting instruction, or the last byte of the trap call) to its code;
    `locs` are (code offset, module offset) sorted, where -1 is no place, and -2 and less are
    elements of `inlined` (-2 - n): (function that was copied, module offset there, place of the
    call); `faults` has a bit set for each code byte where
    an access may fault; `entries` maps a function index to its offset. `stack_maps` has an entry
    for each call after which external references are live. `named` has, of code that calls
    through slots, what the body of each function names (`family.py`). `one_pass` are the functions
    of one-pass code, of which loops may be replaced (`translate/osr.py`).

    Tables of an image that was read from a file (`packed`) are made when first asked for: a
    program that neither traps nor collects needs none of them.
    """

    __slots__ = (
        "_named",
        "_functions",
        "_inlined",
        "_locs",
        "_packed",
        "_stack_maps",
        "_traps",
        "code",
        "entries",
        "faults",
        "largest_frame",
        "one_pass",
    )

    def __init__(self) -> None:
        self.code: bytes | memoryview = b""
        self.largest_frame = 0  # bytes
        self.entries: dict[int, int] = {}
        self.one_pass: list[int] = []
        self.faults: bytes | memoryview = b""
        self._packed: dict[str, memoryview] = {}
        self._functions: list[tuple[int, int, int]] | None = []
        self._traps: dict[int, int] | None = None
        self._locs: list[tuple[int, int]] | None = None
        self._inlined: list[tuple[int, int, int]] | None = []
        self._stack_maps: dict[int, list[int]] | None = {}
        self._named: dict[int, list[int]] | None = {}

    @property
    def functions(self) -> list[tuple[int, int, int]]:
        if self._functions is None:
            words = _words("I", self._packed["functions"])
            self._functions = list(zip(words[::3], words[1::3], words[2::3], strict=True))
        return self._functions

    @property
    def traps(self) -> dict[int, int]:
        if self._traps is None:
            words = self.trap_words()
            self._traps = dict(zip(words[::2], words[1::2], strict=True))
        return self._traps

    @property
    def locs(self) -> list[tuple[int, int]]:
        if self._locs is None:
            words = self.loc_words()
            self._locs = list(zip(words[::2], words[1::2], strict=True))
        return self._locs

    @property
    def inlined(self) -> list[tuple[int, int, int]]:
        if self._inlined is None:
            words = _words("i", self._packed["inlined"])
            self._inlined = list(zip(words[::3], words[1::3], words[2::3], strict=True))
        return self._inlined

    @inlined.setter
    def inlined(self, entries: list[tuple[int, int, int]]) -> None:
        self._inlined = entries

    @property
    def stack_maps(self) -> dict[int, list[int]]:
        """By the offset of a return address: where references are, in bytes from fp."""
        if self._stack_maps is None:
            self._stack_maps = _lists(_words("i", self._packed["stack_maps"]))
        return self._stack_maps

    @property
    def named(self) -> dict[int, list[int]]:
        """By the index of a function: the functions that its body calls, by index, and the types
        that it names, as -1 less the index."""
        if self._named is None:
            self._named = _lists(_words("i", self._packed["named"]))
        return self._named

    def has_stack_maps(self) -> bool:
        return bool(self._packed["stack_maps"] if self._stack_maps is None else self._stack_maps)

    def pack(self) -> dict[str, bytes | memoryview]:
        """The image as blocks of bytes, for `unpack`."""
        return {
            "code": self.code,
            "faults": self.faults,
            "functions": _bytes("I", chain.from_iterable(self.functions)),
            "traps": self._packed.get("traps", b""),
            "locs": self._packed.get("locs", b""),
            "inlined": _bytes("i", chain.from_iterable(self.inlined)),
            "stack_maps": _flat(self.stack_maps),
            "named": _flat(self.named),
            "one_pass": _bytes("I", self.one_pass),
        }

    def trap_words(self) -> array[int]:
        """`traps` as (offset, code, ...), sorted."""
        return _words("I", self._packed.get("traps", b""))

    def loc_words(self) -> array[int]:
        """`locs` as (offset, location, ...)."""
        return _words("i", self._packed.get("locs", b""))

    def set_tables(self, traps: array[int], locs: array[int]) -> None:
        """Set `traps` and `locs`, which stay packed until they are asked for. The arrays are kept:
        nothing can be added to them any more."""
        self._packed = {**self._packed, "traps": _view(traps), "locs": _view(locs)}
        self._traps = self._locs = None

    @staticmethod
    def unpack(blocks: dict[str, memoryview], largest_frame: int) -> Image:
        """The image of what `pack` made; it keeps the blocks."""
        image = Image()
        image.code = blocks["code"]
        image.faults = blocks["faults"]
        image.largest_frame = largest_frame
        image._packed = blocks
        image._functions = image._traps = image._locs = image._stack_maps = None
        image._inlined = image._named = None
        words = _words("I", blocks["functions"])
        image.entries = dict(zip(words[2::3], words[::3], strict=True))
        image.one_pass = list(_words("I", blocks["one_pass"]))
        return image

    def __reduce__(self) -> tuple[object, ...]:
        blocks = {name: bytes(block) for name, block in self.pack().items()}
        return _unpickled, (blocks, self.largest_frame)

    def function_at(self, offset: int) -> int:
        """Index of the function that holds a code offset, -1 for none."""
        at = bisect.bisect_right(self.functions, (offset, 1 << 62, 0)) - 1
        if at < 0:
            return -1
        start, end, index = self.functions[at]
        return index if start <= offset < end else -1

    def frames_at(self, offset: int) -> list[tuple[int, int]]:
        """The functions that a code offset is in, as (index, byte offset of the instruction in the
        module or -1): the function whose code it is last, before it what was inlined there."""
        at = bisect.bisect_right(self.locs, (offset, 1 << 62)) - 1
        loc = self.locs[at][1] if at >= 0 else -1
        frames: list[tuple[int, int]] = []
        while loc < -1:
            index, inner, loc = self.inlined[-2 - loc]
            frames.append((index, inner))
        frames.append((self.function_at(offset), loc))
        return frames


def _bytes(code: str, values: Iterable[int]) -> bytes:
    return array(code, values).tobytes()


def _view(words: array[int]) -> memoryview:
    """The bytes of an array, not copied."""
    return memoryview(words).cast("B") if words else memoryview(b"")


def _words(code: str, block: bytes | memoryview) -> array[int]:
    words = array(code)
    words.frombytes(block)
    return words


def _flat(lists: dict[int, list[int]]) -> bytes:
    """Lists by a number, each as the number, its length and its elements."""
    words = array("i")
    for key, values in lists.items():
        words.append(key)
        words.append(len(values))
        words.extend(values)
    return words.tobytes()


def _lists(words: array[int]) -> dict[int, list[int]]:
    """What `_flat` made."""
    lists: dict[int, list[int]] = {}
    at = 0
    while at < len(words):
        end = at + 2 + words[at + 1]
        lists[words[at]] = list(words[at + 2 : end])
        at = end
    return lists


def _unpickled(blocks: dict[str, bytes], largest_frame: int) -> Image:
    views = {name: memoryview(block) for name, block in blocks.items()}
    return Image.unpack(views, largest_frame)


_ALIGN: Final = 16


class Merger:
    """Makes one image of functions of several, which are added one after another."""

    __slots__ = ("_code", "_faults", "_image", "_locs", "_traps")

    def __init__(self) -> None:
        self._image = Image()
        self._code = bytearray()
        self._faults = bytearray()
        self._traps = array("I")
        self._locs = array("i")

    def add(self, image: Image, wanted: Container[int]) -> None:
        """Add those of an image's functions that are wanted."""
        merged, out, faults = self._image, self._code, self._faults
        traps, locs = self._traps, self._locs
        merged.largest_frame = max(merged.largest_frame, image.largest_frame)
        one_pass = set(image.one_pass)
        first = len(merged.inlined)
        merged.inlined += [
            (index, loc, outer if outer >= -1 else outer - first)
            for index, loc, outer in image.inlined
        ]
        trap_words, loc_words = image.trap_words(), image.loc_words()
        trap_at, loc_at = trap_words[::2], loc_words[::2]
        maps = sorted(image.stack_maps.items())
        for start, end, index in image.functions:
            if index not in wanted:
                continue
            pad = -len(out) % _ALIGN
            out += b"\xcc" * pad
            faults += bytes((len(out) >> 3) - len(faults))
            base = len(out)
            out += image.code[start:end]
            # Functions begin at multiples of 16: their bits at whole bytes.
            faults += image.faults[start >> 3 : end + 7 >> 3]
            merged.entries[index] = base
            if index in one_pass:
                merged.one_pass.append(index)
            if index in image.named:
                merged.named[index] = image.named[index]
            merged.functions.append((base, len(out), index))
            move = base - start
            # A return address behind a last call may be the function's end.
            low = bisect.bisect_left(trap_at, start + 1)
            for k in range(low, bisect.bisect_left(trap_at, end + 1, low)):
                traps.append(trap_at[k] + move)
                traps.append(trap_words[2 * k + 1])
            low = bisect.bisect_left(maps, (start + 1,))
            for at, offsets in maps[low : bisect.bisect_left(maps, (end + 1,), low)]:
                merged.stack_maps[at + move] = offsets
            low = bisect.bisect_left(loc_at, start)
            for k in range(low, bisect.bisect_left(loc_at, end, low)):
                loc = loc_words[2 * k + 1]
                locs.append(loc_at[k] + move)
                locs.append(loc if loc >= -1 else loc - first)

    def link(self, calls: array[int]) -> None:
        """Write the distances of calls between functions that were added: of each call the function
        that it is in, its offset there, the function called, and what to add."""
        code, entries = self._code, self._image.entries
        for k in range(0, len(calls), 4):
            at = entries[calls[k]] + calls[k + 1]
            value = entries[calls[k + 2]] + calls[k + 3] - at
            code[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")

    def finish(self) -> Image:
        """The image; nothing can be added any more."""
        image = self._image
        self._faults += bytes((len(self._code) + 7 >> 3) - len(self._faults))
        image.code = memoryview(self._code).toreadonly()  # large: not copied
        image.faults = memoryview(self._faults).toreadonly()
        image.set_tables(self._traps, self._locs)
        return image


def merge(parts: list[tuple[Image, list[int]]]) -> Image:
    """One image of the named functions of several, which call one another through slots."""
    merger = Merger()
    for image, indexes in parts:
        merger.add(image, set(indexes))
    return merger.finish()


def moved(image: Image, to: dict[int, tuple[int, int]]) -> Image:
    """The image with other numbers for its functions, in which nothing was inlined: by the old
    number, the new one and by how many bytes of the module the function's places move."""
    result = Image()
    result.code, result.faults = image.code, image.faults
    result.largest_frame = image.largest_frame
    result._stack_maps = image.stack_maps
    locs = image.loc_words()
    at = locs[::2]
    one_pass = set(image.one_pass)
    for start, end, index in image.functions:
        new, move = to[index]
        result.functions.append((start, end, new))
        result.entries[new] = start
        if index in one_pass:
            result.one_pass.append(new)
        result.named[new] = image.named[index]
        low = bisect.bisect_left(at, start)
        for k in range(low, bisect.bisect_left(at, end, low)):
            if locs[2 * k + 1] >= 0:
                locs[2 * k + 1] += move
    result.set_tables(image.trap_words(), locs)
    return result


class Place:
    """Where an image lies: the entry of the registry."""

    __slots__ = ("end", "image", "names", "owner", "start")

    def __init__(self, start: int, image: Image, names: Names, owner: Owner) -> None:
        self.start = start
        self.owner = owner
        self.end = start + len(image.code)
        self.image = image
        self.names = names


def load(image: Image, names: Names, owner: Owner = None) -> Place:
    """Put an image into executable memory. Raises HostError when there is no room."""
    code, faults = image.code, image.faults
    pad = 0
    if len(code) < _PAGE:
        # Not all at the begin of a page: they would share a few lines of the caches.
        pad = _LINE * (next(_colours) % _COLOURS)
        pad = min(pad, (_PAGE - len(code)) & -_LINE)
        code = bytes(pad) + code
        faults = bytes(pad >> 3) + faults
    place = Place(runtime().wasm.place(code, faults) + pad, image, names, owner)
    for page in range(place.start >> _PAGE_BITS, (place.end - 1 >> _PAGE_BITS) + 1):
        _pages[page] = place
    if image.has_stack_maps():
        _fresh.append(place)
    return place


def unload(places: list[Place]) -> None:
    """Free the memory of images that no activation can be in any more."""
    for place in places:
        for page in range(place.start >> _PAGE_BITS, (place.end - 1 >> _PAGE_BITS) + 1):
            _pages.pop(page, None)
        if place.image.has_stack_maps():
            _unloads[0] += 1
        start = place.start & -_PAGE
        runtime().wasm.release(start, place.end - start)


_PAGE_BITS: Final = 12
_PAGE: Final = 1 << _PAGE_BITS
_LINE: Final = 64
_COLOURS: Final = 32
_colours: Final = count()
_pages: Final[dict[int, Place]] = {}
"""Images by page: each has pages of its own. Every step is one operation of a dict, so that
threads, signal handlers and finalizers may come in between."""
_fresh: Final[list[Place]] = []
_unloads: Final = [0]


def places() -> list[Place]:
    """All loaded images."""
    return list(dict.fromkeys(list(_pages.values())))


def fresh() -> list[Place]:
    """Images with stack maps that were loaded since; whoever has entered one takes it out."""
    return _fresh


def unloads() -> int:
    """Changes whenever an image with stack maps is unloaded."""
    return _unloads[0]


def find(address: int) -> Place | None:
    """The image that holds an address."""
    place = _pages.get(address >> _PAGE_BITS)
    return place if place is not None and address < place.end else None
