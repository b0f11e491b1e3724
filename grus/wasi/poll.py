"""Clocks, and waiting: poll_oneoff."""

from __future__ import annotations

import select
import time
from struct import Struct

from grus.wasi import types as T
from grus.wasi.types import WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from grus.wasi.memory import GuestMemory
    from grus.wasi.program import Wasi

CLOCKS = {
    T.REALTIME: time.time_ns,
    T.MONOTONIC: time.monotonic_ns,
    T.PROCESS_CPUTIME: time.process_time_ns,
    T.THREAD_CPUTIME: time.thread_time_ns,
}
"""Clocks by number, in nanoseconds."""

MAX_SUBSCRIPTIONS = 1 << 16
_LONGEST = 1 << 30
"""Milliseconds of one wait; a longer one is several."""


class Layout:
    """Structures of a subscription: its head, and all of it for a clock and for a descriptor."""

    __slots__ = ("clock", "fd", "head")

    def __init__(self, head: Struct, clock: Struct, fd: Struct) -> None:
        self.head = head
        self.clock = clock
        self.fd = fd


def milliseconds(deadline: float) -> int:
    """Until `deadline` of time.monotonic, rounded up; 0 is no deadline."""
    if not deadline:
        return _LONGEST
    return max(0, min(int((deadline - time.monotonic()) * 1000) + 1, _LONGEST))


def poll_oneoff(
    wasi: Wasi,
    memory: GuestMemory,
    layout: Layout,
    subscriptions: int,
    events: int,
    count: int,
    result: int,
) -> None:
    """Wait until one of the subscriptions has happened, and write all that have."""
    if not 0 < count <= MAX_SUBSCRIPTIONS:
        raise WasiError(T.INVAL)
    data = memory.view(subscriptions, count * layout.head.size).tobytes()
    out = memory.view(events, count * T.EVENT.size)
    out_count = memory.view(result, 4)
    found: list[bytes] = []
    clocks: list[tuple[int, int]] = []  # when, in nanoseconds of time.monotonic, and user data
    waiting: list[tuple[int, int, int]] = []  # descriptor, kind and user data
    for at in range(0, len(data), layout.head.size):
        user, kind = layout.head.unpack_from(data, at)
        try:
            if kind == T.EVENT_CLOCK:
                clocks.append((_when(*layout.clock.unpack_from(data, at)), user))
            elif kind in (T.EVENT_READ, T.EVENT_WRITE):
                (fd,) = layout.fd.unpack_from(data, at)
                right = T.FD_READ if kind == T.EVENT_READ else T.FD_WRITE
                it = wasi.table.get(fd, T.POLL_FD_READWRITE | right)
                if it.waits:
                    waiting.append((fd, kind, user))
                else:
                    size = it.ready_bytes() if kind == T.EVENT_READ else 1
                    found.append(T.EVENT.pack(user, 0, kind, size, 0))
            else:
                raise WasiError(T.INVAL)
        except WasiError as error:
            found.append(T.EVENT.pack(user, error.number, kind, 0, 0))
    _wait(wasi, clocks, waiting, found)
    for index, event in enumerate(found):
        out[T.EVENT.size * index : T.EVENT.size * (index + 1)] = event
    T.U32.pack_into(out_count, 0, len(found))


def _when(clock: int, timeout: int, precision: int, flags: int) -> int:
    """When a clock subscription ends, in nanoseconds of time.monotonic."""
    if flags & ~T.ABSOLUTE_TIME:
        raise WasiError(T.INVAL)
    if clock not in (T.REALTIME, T.MONOTONIC):
        raise WasiError(T.NOTSUP if clock in CLOCKS else T.INVAL)
    if flags & T.ABSOLUTE_TIME:
        timeout = max(timeout - CLOCKS[clock](), 0)
    return time.monotonic_ns() + timeout


def _wait(
    wasi: Wasi,
    clocks: list[tuple[int, int]],
    waiting: list[tuple[int, int, int]],
    found: list[bytes],
) -> None:
    """Add the events that happen first to `found`; if there are some already, those of now."""
    poller = select.poll()
    masks: dict[int, int] = {}
    for fd, kind, _ in waiting:
        host = wasi.table.get(fd).fileno()
        masks[host] = masks.get(host, 0) | (
            select.POLLIN if kind == T.EVENT_READ else select.POLLOUT
        )
    for host, mask in masks.items():
        poller.register(host, mask)
    first = min((when for when, _ in clocks), default=0)
    while True:
        ends = [end for end in (first / 1e9, wasi.deadline()) if end]
        end = min(ends, default=0.0)
        if found:
            ready = poller.poll(0) if masks else []
        elif masks:
            ready = poller.poll(milliseconds(end))
        else:
            ready = []
            if end:
                time.sleep(max(0.0, min(end - time.monotonic(), _LONGEST / 1000)))
        state = dict(ready)
        for fd, kind, user in waiting:
            it = wasi.table.get(fd)
            revents = state.get(it.fileno(), 0)
            wanted = select.POLLIN if kind == T.EVENT_READ else select.POLLOUT
            if revents & (wanted | select.POLLHUP | select.POLLERR | select.POLLNVAL):
                size = it.ready_bytes() if kind == T.EVENT_READ else 1
                flags = T.HANGUP if revents & (select.POLLHUP | select.POLLERR) else 0
                found.append(T.EVENT.pack(user, 0, kind, size, flags))
        now = time.monotonic_ns()
        for when, user in clocks:
            if when <= now:
                found.append(T.EVENT.pack(user, 0, T.EVENT_CLOCK, 0, 0))
        if found:
            return
        wasi.check_time()
