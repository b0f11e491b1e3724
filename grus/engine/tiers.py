"""The code of a Store's instances while it runs: functions are compiled when they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grus.base.layout import STORE

if TYPE_CHECKING:
    from grus.engine.instance import InstanceCore
    from grus.engine.store import StoreState

_EXIT_FP: Final = STORE["exit_fp"] >> 3
_HOST_FLOOR: Final = STORE["host_floor"] >> 3
_SCRATCH: Final = STORE["scratch"] >> 3
_COMPILER_STACK: Final = 512 << 10  # bytes, enough for importing the compiler


class StoreCode:
    """The instances of a Store by address, and what machine code calls to have their functions
    compiled. The Store alone holds it."""

    __slots__ = ("cores", "state")

    def __init__(self, state: StoreState) -> None:
        self.state = state
        self.cores: dict[int, InstanceCore] = {}

    def lazy(self) -> None:
        """Called by code that calls a function which is not compiled. Raises what compiling does.

        Few Python frames lie between here and where another thread takes over: the caller may be
        near its limit of recursion.
        """
        state = self.state
        words = state.words
        core = self.cores[words[_SCRATCH]]
        number = words[_SCRATCH + 1]
        # The stack of this thread goes on below `host_floor`.
        room = words[_EXIT_FP] - words[_HOST_FLOOR] >= _COMPILER_STACK
        size = core.code.ensure(number, room)
        if size > state.largest_frame:
            state.make_room(size)
        core.update(number)
