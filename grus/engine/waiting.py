"""`memory.atomic.wait` and `notify`: threads that wait at addresses of shared memories."""

from __future__ import annotations

import _thread
import ctypes
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from grus.engine.store import StoreState

WOKEN, NOT_EQUAL, TIMED_OUT = 0, 1, 2
_SLICE = 0.05
"""Seconds of one wait; after each it is asked whether the call is to end."""

_lot = _thread.RLock()  # a signal handler may come here in the thread that has it
_waiters: dict[int, list[_thread.LockType]] = {}
"""By address: locks that are taken until their thread is woken, in the order of arrival."""


def wait(state: StoreState, address: int, size: int, expected: int, timeout: int) -> int:
    """Wait until somebody notifies the address, if the unsigned number of `size` bytes there is as
    expected, for at most `timeout` nanoseconds (negative: for ever). Other threads go on. Raises
    what ends the call, such as Timeout or KeyboardInterrupt."""
    end = time.monotonic() + timeout / 1e9 if timeout >= 0 else float("inf")
    waiter = _thread.allocate_lock()
    with _lot:
        if int.from_bytes(ctypes.string_at(address, size), "little") != expected:
            return NOT_EQUAL
        waiter.acquire()
        _waiters.setdefault(address, []).append(waiter)
    try:
        while (left := end - time.monotonic()) > 0:
            if waiter.acquire(timeout=min(left, _SLICE)):
                return WOKEN
            state.check_time()
    finally:
        woken = not _forget(address, waiter)
    return WOKEN if woken else TIMED_OUT


def _forget(address: int, waiter: _thread.LockType) -> bool:
    """Take a waiter out; False when somebody has woken it."""
    with _lot:
        there = _waiters.get(address, [])
        if waiter not in there:
            return False
        there.remove(waiter)
        if not there:
            del _waiters[address]
        return True


def notify(address: int, count: int) -> int:
    """Wake at most `count` threads that wait at an address, the first first; gives how many."""
    with _lot:
        there = _waiters.get(address, [])
        woken, there[:] = there[:count], there[count:]
        if woken and not there:
            del _waiters[address]
        for waiter in woken:
            waiter.release()
        return len(woken)


def _after_fork() -> None:
    global _lot
    _lot = _thread.RLock()
    _waiters.clear()  # those threads are in the parent


os.register_at_fork(after_in_child=_after_fork)
