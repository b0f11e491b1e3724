"""Compiled functions to an image."""

from __future__ import annotations

from array import array

from grus.base.errors import Unsupported
from grus.engine.code import Image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, TypeAlias

    from grus.backend.emit import CompiledFunction

    Part: TypeAlias = tuple[Image, array[int]]
    """Code whose calls at fixed distances are open: of each the function that it is in, its offset
    there, the function called, and what to add, one after another."""

_ALIGN: Final = 16


class ImageBuilder:
    """An image in the making."""

    def __init__(self) -> None:
        self.image = Image()
        self.out = bytearray()
        self.calls = array("i")
        self.faults = array("I")
        self.traps = array("I")
        self.locs = array("i")

    def put(self, index: int, compiled: CompiledFunction, one_pass: bool = False) -> None:
        """Add the code of a function."""
        image, out = self.image, self.out
        if one_pass:
            image.one_pass.append(index)
        out += b"\xcc" * (-len(out) % _ALIGN)
        start = len(out)
        out += compiled.code
        image.entries[index] = start
        image.largest_frame = max(image.largest_frame, compiled.frame_size)
        image.functions.append((start, len(out), index))
        for offset, trap in sorted(compiled.traps):
            self.traps.extend((start + offset, trap))
        for site in compiled.call_sites:
            if site.stack_map:
                image.stack_maps[start + site.offset] = [at for _, at, _ in site.stack_map]
        self.faults.extend([start + offset for offset in compiled.faults])
        for offset, loc in compiled.locs:
            self.locs.extend((start + offset, loc))
        for reloc in compiled.relocs:
            if not reloc.name.startswith("u0:"):
                raise Unsupported(f"function {index}: a call of {reloc.name}")
            target = int(reloc.name.removeprefix("u0:"))
            self.calls.extend((index, reloc.offset, target, reloc.addend))

    def finish(self) -> Part:
        image = self.image
        image.code = bytes(self.out)
        bits = bytearray((len(self.out) + 7) // 8)
        for offset in self.faults:
            bits[offset >> 3] |= 1 << (offset & 7)
        image.faults = bytes(bits)
        image.set_tables(self.traps, self.locs)
        return image, self.calls
