"""Compiled code of a module, and the way back from an address to a function and an instruction."""

from __future__ import annotations

import bisect
from typing import Final

from grus.host.runtime import runtime


class Image:
    """Position-independent machine code of one module. Plain data: it can be pickled and cached.

    `functions` are (start, end, function index) sorted by start; `traps` maps the offset that
    names a trap (of the faulting instruction, or the return address of the trap call) to its code;
    `locs` are (code offset, module offset) sorted; `faults` has a bit set for each code byte where
    an access may fault; `entries` maps a function index to its offset.
    """

    __slots__ = ("code", "entries", "faults", "functions", "locs", "stack_maps", "traps")

    def __init__(self) -> None:
        self.code = b""
        self.entries: dict[int, int] = {}
        self.functions: list[tuple[int, int, int]] = []
        self.traps: dict[int, int] = {}
        self.locs: list[tuple[int, int]] = []
        self.faults = b""
        self.stack_maps: dict[int, list[tuple[int, int]]] = {}  # return offset: (kind, fp offset)

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


class LoadedImage:
    """An Image placed in executable memory. `owner` names its functions (a Module)."""

    __slots__ = ("end", "image", "owner", "start")

    def __init__(self, image: Image, owner: object) -> None:
        self.image = image
        self.owner = owner
        self.start = runtime().wasm.place(image.code, image.faults)
        self.end = self.start + len(image.code)
        at = bisect.bisect_left(_starts, self.start)
        _starts.insert(at, self.start)
        _images.insert(at, self)

    def unload(self) -> None:
        """Free the code. No activation may be inside it."""
        at = bisect.bisect_left(_starts, self.start)
        if at < len(_images) and _images[at] is self:
            del _starts[at]
            del _images[at]
            runtime().wasm.release(self.start, self.end - self.start)


_starts: Final[list[int]] = []
_images: Final[list[LoadedImage]] = []


def find(address: int) -> LoadedImage | None:
    """The loaded image that holds an address."""
    at = bisect.bisect_right(_starts, address) - 1
    if at >= 0 and address < _images[at].end:
        return _images[at]
    return None
