"""The code of a Store's instances while it runs: functions are compiled when they are called, and
again when they are hot."""

from __future__ import annotations

import time

from grus.base.layout import STORE
from grus.engine import code, errors
from grus.engine.errors import Trap
from grus.engine.module_code import FINAL, promotions
from grus.engine.tracebacks import with_frames
from grus.host import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from grus.engine.instance import InstanceCore
    from grus.engine.module_code import ModuleCode
    from grus.engine.promotion import Promoter
    from grus.engine.store import StoreState

_ACT: Final = STORE["act"] >> 3
_EXIT_FP: Final = STORE["exit_fp"] >> 3
_HOST_FLOOR: Final = STORE["host_floor"] >> 3
_POLL: Final = STORE["poll"] >> 3
_SCRATCH: Final = STORE["scratch"] >> 3
_COMPILER_STACK: Final = 512 << 10  # bytes, enough for importing the compiler
_WEIGHTS: Final = (2, 1, 1)
"""What a sample counts for the function that runs, its caller, and the caller's."""

_LONG: Final = 3
"""Samples of fast code after which a program runs for long enough to start a process."""


class StoreCode:
    """The instances of a Store by address, and what machine code calls to have their functions
    compiled. The Store alone holds it."""

    __slots__ = (
        "_applied",
        "_compiled",
        "_due",
        "_loop",
        "_modules",
        "_promoter",
        "_seen",
        "cores",
        "promotes",
        "state",
    )

    def __init__(self, state: StoreState) -> None:
        self.state = state
        self.cores: dict[int, InstanceCore] = {}
        self.promotes = False
        self._compiled = False  # a function, since the last tick
        self._due = 0  # samples that found fast code
        self._modules: list[ModuleCode] = []  # those that promote
        self._promoter: Promoter | None = None
        self._loop: tuple[int, int] | None = None  # frame that polls, where it should go on
        self._seen = -1
        self._applied: dict[int, int] = {}  # by address of a core: promotions that it knows

    def add(self, core: InstanceCore) -> None:
        """A new instance. It has the code that its module has now."""
        self.cores[core.address] = core
        if core.code.promotion:
            self.promotes = True
            self._applied[core.address] = len(core.code.promoted)
            if core.code not in self._modules:
                self._modules.append(core.code)

    def lazy(self) -> None:
        """Called by code that calls a function which is not compiled. Raises what compiling does.

        Few Python frames lie between here and where another thread takes over: the caller may be
        near its limit of recursion.
        """
        state = self.state
        words = state.words
        core = self.cores[words[_SCRATCH]]
        number = words[_SCRATCH + 1]
        start = time.monotonic()
        module = core.code
        module.ensure(number, self._has_room())
        if state.deadline:  # compiling is not the program's time
            state.deadline += time.monotonic() - start
        entry = module.entries[number]  # before its frame: both may change
        if not state.make_room(module.frames[number]):
            name, message = errors.TRAPS[errors.STACK_OVERFLOW]
            raise with_frames(Trap(message, name, state.frames()))
        core.update(number, entry)
        # A poll that was asked for meanwhile says nothing about the code that comes next.
        self._compiled = bool(words[_POLL])

    def _has_room(self) -> bool:
        """Whether the compiler may run on this stack, which goes on below `host_floor`."""
        words = self.state.words
        return words[_EXIT_FP] - words[_HOST_FLOOR] >= _COMPILER_STACK

    def tick(self) -> None:
        """Called by a poll of a Store with functions that may be promoted."""
        self.state.tick()
        if self._compiled:
            self._compiled = False
        else:
            for module in self._modules:
                if module.fast_left or module.watches:
                    self._sample()
                    break
        if self._promoter is not None and self._promoter.has_work():
            self._promoter.step()
        if self._seen != promotions():
            self._seen = promotions()
            for address, known in self._applied.items():
                core = self.cores[address]
                promoted = core.code.promoted
                if known < len(promoted):
                    self._apply(core, promoted[known:])
        if self._loop is not None:  # at last: until now it was asked what this frame is
            fp, target = self._loop
            self._loop = None
            libc.poke(fp + 8, target)

    def _apply(self, core: InstanceCore, numbers: list[int]) -> None:
        for number in numbers:
            entry = core.code.entries[number]
            if not self.state.make_room(core.code.frames[number]):
                self._seen = -1  # there may be room at another time
                return
            core.update(number, entry)
            self._applied[core.address] += 1

    def _sample(self) -> None:
        """Count what runs: the function that polls, and those that called it."""
        words = self.state.words
        fp, end = words[_EXIT_FP], words[_ACT]
        for weight in _WEIGHTS:
            if fp >= end:
                break
            address = libc.peek(fp + 8) - 1
            place = code.find(address)
            if place is None:
                break
            module: ModuleCode | None = place.owner() if place.owner is not None else None
            if module is not None and module.promotion:
                if weight == _WEIGHTS[0] and not module.is_due():
                    break
                self._due += weight == _WEIGHTS[0]
                if module.promotion == "process" and self._due >= _LONG:
                    self._prepare()
                index = place.image.function_at(address - place.start)
                if index < 0:
                    pass  # the call between a frame and the code that took over in its loop
                elif module.sample(index, weight):
                    self._promote(module, index - module.first)
                elif weight == _WEIGHTS[0] and module.watches:
                    module.watches -= 1
                    self._in_loop(module, place, address, fp)
            older = libc.peek(fp)
            if older <= fp:
                break
            fp = older

    def _in_loop(self, module: ModuleCode, place: code.Place, address: int, fp: int) -> None:
        """When what polls is one-pass code whose function has final code by now, it is a loop that
        keeps it running, and the loop shall go on in code of its own."""
        image = place.image
        index = image.function_at(address - place.start)
        number = index - module.first
        if index not in image.one_pass or module.levels[number] != FINAL:
            return
        loop = address + 1 - place.start - image.entries[index]
        if module.wants_loop(number, loop):
            self._replace(module, number, loop)
        target = module.loops.get((number, loop), 0)
        if target and self.state.make_room(module.frames[number]):
            self._loop = fp, target

    def _replace(self, module: ModuleCode, number: int, loop: int) -> None:
        """Have code made that takes over in a loop."""
        from grus.engine.promotion import promoter

        if module.promotion == "process" and promoter().works:
            self._prepare()
            promoter().submit(module, [number], loop)
        elif self._has_room():
            module.add_loop_here(number, loop)
        else:
            del module.loops[number, loop]

    def _prepare(self) -> None:
        """There is fast code that runs for a while: start the process."""
        from grus.engine.promotion import promoter

        there = promoter()
        if self._promoter is not there:  # none yet, or the parent's
            self._promoter = there
            there.prepare()

    def _promote(self, module: ModuleCode, number: int) -> None:
        from grus.engine.promotion import promoter

        if module.promotion == "process":
            self._prepare()
        there = promoter()
        if module.promotion == "process" and there.works:
            there.submit(module, [number])
        elif self._has_room():
            module.promote_here(number)
        else:
            module.forget([number])
