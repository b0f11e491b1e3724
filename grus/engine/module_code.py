"""The machine code of a module, shared by its instances: which functions have some, and where."""

from __future__ import annotations

import threading
import weakref
from array import array
from typing import TYPE_CHECKING, Final

from grus.engine import code
from grus.engine.code import Image, Place
from grus.host import libc

if TYPE_CHECKING:
    from grus.engine.module import Module

NONE: Final = 0
FINAL: Final = 2
"""How far a function is: not compiled, compiled with the settings of the Engine."""


class ModuleCode:
    """The images of a module in executable memory. Functions are numbered without imported ones
    here: `number` is the function index less `first`.

    `entries` are addresses, 0 for none. `slots` are the contents of the code slots of a new
    instance, which lie below its context in falling order of numbers.
    """

    __slots__ = (
        "__weakref__",
        "entries",
        "first",
        "largest_frame",
        "levels",
        "lock",
        "names",
        "places",
        "slots",
    )

    def __init__(self, module: Module) -> None:
        count = module.layout.num_own_funcs
        self.names = module.debug_names()
        self.first = module.layout.num_imported_funcs
        self.entries = [0] * count
        self.levels = bytearray(count)
        self.slots: array[int] = libc.words(count)
        self.largest_frame = 0  # bytes
        self.places: list[Place] = []
        self.lock = threading.RLock()
        weakref.finalize(self, code.unload, self.places).atexit = False

    def add(self, image: Image, level: int) -> Place:
        """Load an image and make it the code of its functions. Raises HostError."""
        with self.lock:
            place = code.load(image, self.names)
            self.places.append(place)
            self.largest_frame = max(self.largest_frame, image.largest_frame)
            last = len(self.entries) - 1
            for index, offset in image.entries.items():
                number = index - self.first
                self.entries[number] = self.slots[last - number] = place.start + offset
                self.levels[number] = level
        return place
