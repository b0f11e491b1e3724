"""The machine code of a module, shared by its instances: which functions have some, and where."""

from __future__ import annotations

import _thread
import os
import sys
import time
import weakref

from grus.base.errors import GrusError
from grus.engine import code
from grus.engine.code import Image, Place
from grus.engine.config import CodeSettings
from grus.engine.translate.info import ModuleInfo
from grus.host.runtime import runtime
from grus.wasm.features import Features

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from grus.engine.module import Module
    from grus.wasm.validate import Validator

NONE: Final = 0
FAST: Final = 1
FINAL: Final = 2
"""How far a function is: not compiled, compiled in the fast mode, compiled as the Engine says."""

_PYTHON_FRAMES: Final = 150
"""Frames of Python that the compiler may need."""
_HELPER_STACK: Final = 4 << 20


class ModuleCode:
    """The images of a module in executable memory. Functions are numbered without imported ones
    here: `number` is the function index less `first`.

    `entries` are addresses, 0 for none. `slots` are the contents of the code slots of a new
    instance, which lie below its context in falling order of numbers.
    """

    __slots__ = (
        "__weakref__",
        "entries",
        "final_settings",
        "first",
        "fast_left",
        "features",
        "first_settings",
        "frames",
        "guards",
        "info",
        "largest_frame",
        "levels",
        "lock",
        "loops",
        "names",
        "next_sample",
        "places",
        "promoted",
        "promotion",
        "requested",
        "samples",
        "slots",
        "stats",
        "validator",
        "watches",
        "weak",
    )

    def __init__(self, module: Module) -> None:
        engine = module.engine
        count = module.layout.num_own_funcs
        self.info: ModuleInfo = module.info
        self.features: Features = engine.features
        self.guards = engine.guards
        self.validator: Validator | None = module.validator
        self.names = module.debug_names()
        self.first = module.layout.num_imported_funcs
        self.entries = [0] * count
        self.levels = bytearray(count)
        self.frames = [0] * count  # bytes that the frames of a function have at most
        self.slots = runtime().empty_slots(count)
        self.largest_frame = 0  # bytes
        self.places: list[Place] = []
        self.final_settings: CodeSettings = engine.code_settings()
        fast = self.final_settings.fast()
        is_fast = engine.tier in ("fast", "auto") and engine.compiler == "full"
        self.first_settings = fast if is_fast else self.final_settings
        # "" when the first code is all there will be, else where functions are compiled again.
        self.promotion = engine.config.promotion if engine.tier == "auto" else ""
        if self.promotion == "never" or self.first_settings == self.final_settings:
            self.promotion = ""
        self.next_sample = time.monotonic() + SAMPLE_SECONDS  # new Stores begin with a poll
        self.samples: dict[int, int] = {}
        # By number of a function and a loop in its one-pass code (where its poll returns to, from
        # the begin of the function): where it goes on; 0 when there is no such code, or not yet.
        self.loops: dict[tuple[int, int], int] = {}
        self.watches = 0  # samples more that may find such a loop
        self.requested: set[int] = set()
        self.fast_left = 0  # functions that are not promoted, nor asked for
        self.promoted: list[int] = []  # numbers, in the order of their new code
        self.stats = TierStats(count)
        self.lock = _thread.RLock()
        self.weak = weakref.ref(self)
        _all.add(self)
        weakref.finalize(self, code.unload, self.places).atexit = False

    def add(self, image: Image, level: int) -> Place:
        """Load an image and make it the code of its functions. Raises HostError."""
        with self.lock:
            place = code.load(image, self.names, self.weak)
            self.places.append(place)
            self.largest_frame = max(self.largest_frame, image.largest_frame)
            last = len(self.entries) - 1
            for index, offset in image.entries.items():
                number = index - self.first
                # First, and never less: whoever has read an entry finds its frame here.
                self.frames[number] = max(self.frames[number], image.largest_frame)
                self.entries[number] = self.slots[last - number] = place.start + offset
                self.levels[number] = level
        return place

    def add_kept(self, image: Image, levels: bytes | memoryview) -> int:
        """Load an image from the cache, with the levels of its functions in their order. Gives
        their number."""
        if image.functions:
            self.add(image, FAST)
            for (_, _, index), level in zip(image.functions, levels, strict=True):
                self.levels[index - self.first] = level
                self.fast_left += level == FAST
        return len(image.functions)

    def is_final(self, number: int) -> bool:
        """Whether the function's code will not be replaced."""
        level = self.levels[number]
        return level == FINAL or (level == FAST and not self.promotion)

    def address(self, number: int) -> int:
        """A code address of the function that stays good: its own, or that of a jump through the
        slot."""
        return self.entries[number] if self.is_final(number) else runtime().lazy_entry(number)

    def ensure(self, number: int, room: bool = True) -> None:
        """Compile a function if it is not. Without `room` on this
        thread's stack another thread does it. Raises Unsupported, ImplLimit, HostError, and
        WasmError if bodies are checked late."""
        if not self.levels[number]:
            if room and not _is_deep():
                try:
                    self._ensure(number)
                except RecursionError:
                    _on_a_thread(self, number)
            else:
                _on_a_thread(self, number)

    def _ensure(self, number: int) -> None:
        lock = self.lock
        with lock:
            if not self.levels[number]:
                start = time.perf_counter()
                image, level = self.compile(number)
                self.add(image, level)
                self.fast_left += level == FAST
                self.stats.first(level, time.perf_counter() - start)

    def compile(self, number: int) -> tuple[Image, int]:
        """The first code of a function and its level."""
        index = number + self.first
        if self.validator is not None:
            self.validator.check_function(index)
        if self.first_settings == self.final_settings:
            from grus.engine.compile import compile_functions

            return compile_functions(self.info, self.final_settings, [index], True), FINAL
        from grus.engine.first import compile_first

        final = self.final_settings if self.promotion else self.first_settings
        image, is_final = compile_first(self.info, self.first_settings, final, index)
        self.stats.one_pass += len(image.one_pass)
        return image, FINAL if is_final and self.promotion else FAST

    # ---- the second code ----

    def is_due(self) -> bool:
        """Whether a sample now is not too soon after the last one: new Stores begin with a poll."""
        now = time.monotonic()
        if now < self.next_sample:
            return False
        self.next_sample = now + SAMPLE_SECONDS
        return True

    def sample(self, index: int, weight: int) -> bool:
        """Function `index` was seen running in its fast code; True when it should be promoted."""
        number = index - self.first
        if self.levels[number] != FAST or number in self.requested:
            return False
        count = self.samples.get(number, 0) + weight
        self.samples[number] = count
        if count < HOT:
            return False
        self.requested.add(number)
        self.fast_left -= 1
        return True

    def forget(self, numbers: Iterable[int]) -> None:
        """Functions that were asked for will not come: they may be asked for again."""
        for number in numbers:
            if number in self.requested:
                self.requested.remove(number)
                self.fast_left += self.levels[number] == FAST

    def promote(self, image: Image, seconds: float) -> None:
        """Make the code of an image the final one of its functions. Raises HostError."""
        self.add(image, FINAL)
        self.promoted += [index - self.first for index in image.entries]
        self.watches = WATCHES
        self.stats.promoted(len(image.entries), seconds)
        _promotions[0] += 1

    def wants_loop(self, number: int, loop: int) -> bool:
        """A loop was seen running in code that is not its function's any more; True the first
        time."""
        if (number, loop) in self.loops:
            return False
        self.loops[number, loop] = 0
        return True

    def add_loop(self, number: int, loop: int, image: Image, seconds: float) -> None:
        """Have code that takes over in a loop. Raises HostError."""
        with self.lock:
            place = code.load(image, self.names, self.weak)
            self.places.append(place)
            self.largest_frame = max(self.largest_frame, image.largest_frame)
            self.frames[number] = max(self.frames[number], image.largest_frame)
            self.loops[number, loop] = place.start
        self.watches = WATCHES
        self.stats.loop(seconds)

    def add_loop_here(self, number: int, loop: int) -> None:
        """Compile such code now; a loop for which that cannot be goes on as it is."""
        from grus.engine.compile import compile_loop

        start = time.perf_counter()
        try:
            with self.lock:
                image = compile_loop(self.info, self.final_settings, number + self.first, loop)
                self.add_loop(number, loop, image, time.perf_counter() - start)
        except GrusError:
            pass
        except (RecursionError, MemoryError):  # another time, from elsewhere
            self.loops.pop((number, loop), None)

    def promote_here(self, number: int) -> None:
        """Compile a function again, now; what cannot be compiled stays as it is."""
        from grus.engine.compile import compile_functions

        start = time.perf_counter()
        try:
            with self.lock:
                indexes = [number + self.first]
                image = compile_functions(self.info, self.final_settings, indexes, True)
                self.promote(image, time.perf_counter() - start)
        except GrusError:
            pass
        except (RecursionError, MemoryError):  # another time, from elsewhere
            self.requested.discard(number)


_promotions: Final = [0]


def promotions() -> int:
    """Changes when functions of any module have been promoted."""
    return _promotions[0]


SAMPLE_SECONDS: Final = 0.008
WATCHES: Final = 100
"""Samples after a promotion that look for a loop that goes on in the code from before."""
HOT: Final = 3
"""Samples that make a function hot: two of its own, or one and one of a function that it called."""


class TierStats:
    """What became of the functions of a module, and for how many loops of theirs there is code that
    takes over (`loops`). `functions` is how many there are; `fast` and
    `final` how many got such code first, in `seconds`, `one_pass` how many of the fast ones in one
    pass; `promotions` how many of the fast ones got
    final code later, in `seconds_promoting`; `cached` how many were there before, and `shared` how
    many an earlier build of the module had."""

    __slots__ = (
        "cached",
        "fast",
        "final",
        "functions",
        "loops",
        "one_pass",
        "promotions",
        "seconds",
        "seconds_promoting",
        "shared",
    )

    def __init__(self, functions: int) -> None:
        self.functions = functions
        self.fast = 0
        self.one_pass = 0
        self.final = 0
        self.promotions = 0
        self.loops = 0
        self.cached = 0
        self.shared = 0
        self.seconds = 0.0
        self.seconds_promoting = 0.0

    def first(self, level: int, seconds: float) -> None:
        """A function was compiled for the first time."""
        if level == FAST:
            self.fast += 1
        else:
            self.final += 1
        self.seconds += seconds

    def whole(self, seconds: float) -> None:
        """All functions were compiled."""
        self.final = self.functions
        self.seconds = seconds

    def promoted(self, count: int, seconds: float) -> None:
        """Functions were compiled again."""
        self.promotions += count
        self.seconds_promoting += seconds

    def loop(self, seconds: float) -> None:
        """A loop got code that takes over."""
        self.loops += 1
        self.seconds_promoting += seconds

    def text(self) -> str:
        """All of it in a table of a few lines."""
        rows = (
            ("functions", self.functions, None),
            ("from the cache", self.cached, None),
            ("of another build", self.shared, None),
            ("fast code first", self.fast, None),
            ("  in one pass", self.one_pass, None),
            ("final code first", self.final, self.seconds),
            ("loops taken over", self.loops, None),
            ("promoted", self.promotions, self.seconds_promoting),
        )
        return "\n".join(
            [
                f"{name:<18}{count:>6}" + ("" if seconds is None else f"{seconds:>10.3f} s")
                for name, count, seconds in rows
            ]
        )

    def __repr__(self) -> str:
        return (
            f"<grus.TierStats {self.functions} functions: {self.cached} cached, "
            f"{self.shared} shared, {self.fast} fast, "
            f"{self.final} final in {self.seconds:.3f} s, {self.promotions} promoted in "
            f"{self.seconds_promoting:.3f} s>"
        )


def _is_deep() -> bool:
    """Whether the calling Python functions leave the compiler too few frames."""
    try:
        sys._getframe(max(sys.getrecursionlimit() - _PYTHON_FRAMES, 0))
    except ValueError:
        return False
    return True


class _Helper:
    """A thread with a stack of its own that compiles a function while another one waits. When an
    exception ends the waiting it goes on alone."""

    __slots__ = ("done", "error", "lost", "module", "number")

    def __init__(self, module: ModuleCode, number: int) -> None:
        self.module = module
        self.number = number
        self.error: BaseException | None = None
        self.lost = False  # by a fork
        self.done = _thread.allocate_lock()
        self.done.acquire()

    def run(self) -> None:
        try:
            self.module._ensure(self.number)
        except BaseException as error:
            self.error = error
        _helpers.remove(self)
        self.done.release()


def _on_a_thread(module: ModuleCode, number: int) -> None:
    helper = _Helper(module, number)
    before = _thread.stack_size(_HELPER_STACK)
    try:
        _helpers.append(helper)
        _thread.start_new_thread(helper.run, ())
    finally:
        _thread.stack_size(before)
    helper.done.acquire()
    if helper.error is not None:
        raise helper.error
    if helper.lost:
        _on_a_thread(module, number)


_helpers: Final[list[_Helper]] = []
_all: Final[weakref.WeakSet[ModuleCode]] = weakref.WeakSet()


def _after_fork() -> None:
    """Threads that held a lock, or for which one waits, do not exist in the child."""
    for module in list(_all):
        module.lock = _thread.RLock()
        module.forget(list(module.requested))
    while _helpers:
        helper = _helpers.pop()
        helper.lost = True
        helper.done.release()


os.register_at_fork(after_in_child=_after_fork)
