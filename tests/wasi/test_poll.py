"""Waiting: poll_oneoff, timeouts, Ctrl-C."""

from __future__ import annotations

import os
import signal
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import grus
from grus.wasi import types as T

MS = 1_000_000


def clock(user: int, timeout: int, id: int = T.MONOTONIC, flags: int = 0) -> bytes:
    return struct.pack("<QB7xI4xQQH6x", user, T.EVENT_CLOCK, id, timeout, 0, flags)


def ready(user: int, kind: int, fd: int) -> bytes:
    return struct.pack("<QB7xI28x", user, kind, fd)


def wait(guest: Any, *subscriptions: bytes) -> list[tuple[int, str, int, int, int]]:
    """User data, error, kind, bytes and flags of what happens first."""
    at, _ = guest.put(b"".join(subscriptions))
    out = guest.room(32 * len(subscriptions))
    count = guest.get("poll_oneoff", at, out, len(subscriptions))
    events = [T.EVENT.unpack(guest.memory[out + 32 * n : out + 32 * n + 32]) for n in range(count)]
    return [(user, T.ERRORS[error], kind, size, flags) for user, error, kind, size, flags in events]


def took(function: Callable[[], Any]) -> tuple[Any, float]:
    start = time.monotonic()
    return function(), time.monotonic() - start


def test_clocks(make: Any) -> None:
    guest = make(stdin=b"")
    found, seconds = took(lambda: wait(guest, clock(7, 30 * MS)))
    assert found == [(7, "SUCCESS", T.EVENT_CLOCK, 0, 0)]
    assert 0.03 <= seconds < 10
    found, seconds = took(
        lambda: wait(guest, clock(1, 10**12), clock(2, 20_000 * MS), clock(3, 10 * MS))
    )
    assert [user for user, *_ in found] == [3] and seconds >= 0.01
    assert [user for user, *_ in wait(guest, clock(1, 0), clock(2, 10**12))] == [1]
    for id, now in ((T.MONOTONIC, time.monotonic_ns), (T.REALTIME, time.time_ns)):
        found, seconds = took(lambda: wait(guest, clock(1, now() + 20 * MS, id, T.ABSOLUTE_TIME)))
        assert found and 0.015 <= seconds < 10
        assert took(lambda: wait(guest, clock(1, now() - MS, id, T.ABSOLUTE_TIME)))[1] < 10


def test_errors(make: Any) -> None:
    guest = make(stdin=b"")
    for subscription, error in (
        (clock(1, 0, T.PROCESS_CPUTIME), "NOTSUP"),
        (clock(1, 0, 9), "INVAL"),
        (clock(1, 0, 0, 2), "INVAL"),
        (ready(1, T.EVENT_READ, 99), "BADF"),
        (ready(1, T.EVENT_WRITE, 0), "NOTCAPABLE"),
        (struct.pack("<QB39x", 1, 3), "INVAL"),
    ):
        found = wait(guest, clock(5, 10**12), subscription)
        assert [(user, error) for user, error, *_ in found] == [(1, error)]
    assert guest.call("poll_oneoff", 0, 0, 0, 0) == "INVAL"


def test_files(guest: Any, tmp_path: Path) -> None:
    """Files and streams of Python are always ready; a pipe when there is something."""
    (tmp_path / "in/f").write_bytes(b"12345")
    os.mkfifo(tmp_path / "in/pipe")
    fd = guest.open("f", 0, T.FD_READ | T.FD_WRITE)
    guest.read(fd, 2)
    assert wait(guest, ready(1, T.EVENT_READ, fd), ready(2, T.EVENT_WRITE, fd), clock(3, 10**12)) == [
        (1, "SUCCESS", T.EVENT_READ, 3, 0), (2, "SUCCESS", T.EVENT_WRITE, 1, 0)]  # fmt: skip
    assert wait(guest, ready(1, T.EVENT_READ, 0)) == [(1, "SUCCESS", T.EVENT_READ, 1, 0)]
    reader = guest.open("pipe")
    writer = guest.open("pipe", 0, T.FD_WRITE)
    assert wait(guest, ready(1, T.EVENT_READ, reader), clock(2, 10 * MS))[0][0] == 2
    assert wait(guest, ready(1, T.EVENT_READ, reader), ready(2, T.EVENT_WRITE, writer))[0][0] == 2
    timer = threading.Timer(0.05, os.write, (guest.wasi.table.get(writer).fileno(), b"abcd"))
    timer.start()
    found, seconds = took(lambda: wait(guest, ready(1, T.EVENT_READ, reader), clock(2, 10**10)))
    assert found == [(1, "SUCCESS", T.EVENT_READ, 4, 0)] and seconds < 5
    timer.join()
    guest.read(reader)
    guest.ok("fd_close", writer)
    assert wait(guest, ready(1, T.EVENT_READ, reader)) == [
        (1, "SUCCESS", T.EVENT_READ, 0, T.HANGUP)
    ]


@pytest.mark.parametrize("kind", ["sleep", "poll", "read", "write", "long write"])
def test_timeout(guest: Any, tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "in/pipe")
    reader = guest.open("pipe")
    writer = guest.open("pipe", 0, T.FD_WRITE)
    if kind == "write":
        host = guest.wasi.table.get(writer).fileno()
        os.set_blocking(host, False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(host, bytes(1 << 16))
        os.set_blocking(host, True)
    buffers = guest.iovecs(64)
    call = {
        "sleep": lambda: wait(guest, clock(1, 10**18)),
        "poll": lambda: wait(guest, clock(1, 10**18), ready(2, T.EVENT_READ, reader)),
        "read": lambda: guest.call("fd_read", reader, *buffers, 1024),
        "write": lambda: guest.call("fd_write", writer, *buffers, 1024),
        # More than a pipe holds: as much is written as has room, again and again.
        "long write": lambda: [guest.write(writer, bytes(8000)) for guest.next in [1024] * 100],
    }[kind]
    guest.store.set_timeout(0.1)
    start = time.monotonic()
    with pytest.raises(grus.Timeout):
        call()
    assert 0.1 <= time.monotonic() - start < 20


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("kind", ["sleep", "poll", "read"])
def test_interrupt(guest: Any, tmp_path: Path, kind: str, restart: bool) -> None:
    """Also where another library has made the handler of SIGINT restart system calls."""
    os.mkfifo(tmp_path / "in/pipe")
    reader = guest.open("pipe")
    _writer = guest.open("pipe", 0, T.FD_WRITE)
    buffers = guest.iovecs(64)
    call = {
        "sleep": lambda: wait(guest, clock(1, 10**18)),
        "poll": lambda: wait(guest, ready(2, T.EVENT_READ, reader)),
        "read": lambda: guest.call("fd_read", reader, *buffers, 1024),
    }[kind]
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    signal.siginterrupt(signal.SIGINT, not restart)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
    finally:
        timer.join()
        signal.siginterrupt(signal.SIGINT, True)
    guest.ok("sched_yield")
