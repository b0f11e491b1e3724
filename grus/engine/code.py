"""Compiled code, and the way back from an address to a function and an instruction."""

from __future__ import annotations

import bisect
from typing import Final, Protocol

from grus.engine.errors import Frame
from grus.host.runtime import runtime


class Image:
    """Position-independent machine code of functions of one module. Plain data: it can be pickled
    and cached.

    `functions` are (start, end, function index) sorted by start; `traps` maps the offset that
    names a trap (of the faulting instruction, or the return address of the trap call) to its code;
    `locs` are (code offset, module offset) sorted; `faults` has a bit set for each code byte where
    an access may fault; `entries` maps a function index to its offset. `stack_maps` has an entry
    for each call after which external references are live.
    """

    __slots__ = (
        "code",
        "entries",
        "faults",
        "functions",
        "largest_frame",
        "locs",
        "stack_maps",
        "traps",
    )

    def __init__(self) -> None:
        self.code = b""
        self.largest_frame = 0  # bytes
        self.entries: dict[int, int] = {}
        self.functions: list[tuple[int, int, int]] = []
        self.traps: dict[int, int] = {}
        self.locs: list[tuple[int, int]] = []
        self.faults = b""
        self.stack_maps: dict[int, list[int]] = {}  # return offset: where references are, from fp

    def function_at(self, offset: int) -> int:
        """Index of the function that holds a code offset, -1 for none."""
        at = bisect.bisect_right(self.functions, (offset, 1 << 62, 0)) - 1
        if at < 0:
            return -1
        start, end, index = self.functions[at]
        return index if start <= offset < end else -1

    def module_offset(self, offset: int) -> int:
        """Byte offset in the module of the instruction at a code offset, -1 when unknown."""
        at = bisect.bisect_right(self.locs, (offset, 1 << 62)) - 1
        return self.locs[at][1] if at >= 0 else -1


class Names(Protocol):
    """What names the functions of an image."""

    name: str | None

    def function_name(self, index: int) -> str: ...

    def frame(self, index: int, at: int) -> Frame: ...


class Place:
    """Where an image lies: the entry of the registry."""

    __slots__ = ("end", "image", "names", "start")

    def __init__(self, start: int, image: Image, names: Names) -> None:
        self.start = start
        self.end = start + len(image.code)
        self.image = image
        self.names = names


def load(image: Image, names: Names) -> Place:
    """Put an image into executable memory. Raises HostError when there is no room."""
    place = Place(runtime().wasm.place(image.code, image.faults), image, names)
    at = bisect.bisect_left(_starts, place.start)
    _starts.insert(at, place.start)
    _places.insert(at, place)
    _generation[0] += 1
    return place


def unload(places: list[Place]) -> None:
    """Free the memory of images that no activation can be in any more."""
    for place in places:
        at = bisect.bisect_left(_starts, place.start)
        del _starts[at]
        del _places[at]
        _generation[0] += 1
        runtime().wasm.release(place.start, place.end - place.start)


_starts: Final[list[int]] = []
_places: Final[list[Place]] = []
_generation: Final = [0]


def places() -> list[Place]:
    """All loaded images, by address."""
    return list(_places)


def generation() -> int:
    """Changes whenever an image is loaded or unloaded."""
    return _generation[0]


def find(address: int) -> Place | None:
    """The image that holds an address."""
    at = bisect.bisect_right(_starts, address) - 1
    if at >= 0 and address < _places[at].end:
        return _places[at]
    return None
