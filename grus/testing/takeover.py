"""Have loops of one-pass code taken over at their first poll, for tests and fuzzers.

with at_once() as seen:
    ...  # Stores of Engines with tier "auto" and promotion "inline"
seen.loops  # by function and address: how often
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from grus.engine import code
from grus.engine.module_code import FINAL
from grus.engine.tiers import _ACT, _EXIT_FP, StoreCode
from grus.host import libc


class Seen:
    """Loops that were taken over."""

    def __init__(self) -> None:
        self.loops: Counter[tuple[int, int]] = Counter()


@contextlib.contextmanager
def at_once() -> Iterator[Seen]:
    """Stores that are made meanwhile poll wherever they can."""
    seen = Seen()
    tick = StoreCode.tick

    def eager_tick(self: StoreCode) -> None:
        self.state.tick()
        words = self.state.words
        fp = words[_EXIT_FP]
        address = libc.peek(fp + 8) - 1
        place = code.find(address) if fp < words[_ACT] else None
        module = place.owner() if place is not None and place.owner is not None else None
        if place is not None and module is not None:
            index = place.image.function_at(address - place.start)
            if index in place.image.one_pass:
                module.levels[index - module.first] = FINAL
                self._in_loop(module, place, address, fp)
                if self._loop is not None:
                    libc.poke(self._loop[0] + 8, self._loop[1])
                    self._loop = None
                    seen.loops[index, address] += 1
        self.state.ask()

    StoreCode.tick = eager_tick  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        StoreCode.tick = tick  # type: ignore[method-assign]
