"""Compiling hot functions again, in a process beside this one (`grus.worker`).

There are no threads here: a fork must find none. The pipes to the process do not block; jobs are
written and results read a little at every tick of a Store whose functions wait.
"""

from __future__ import annotations

import bisect
import os
import signal
import threading
import time
from collections import deque

from grus.engine.code import Image
from grus.engine.config import CodeSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, TypeAlias

    from grus.engine.module_code import ModuleCode

    Task: TypeAlias = tuple[Any, list[int], int]
    """A weak ModuleCode, numbers of its functions, and a loop of the only one or -1."""

_MOST_FUNCTIONS: Final = 16  # in a job
_MOST_DEATHS: Final = 3


class Job:
    """Functions of a module to be compiled, or a `loop` of one (`compile_loop`), -1 for none: plain
    data. `prefix` is the binary before the code section, `bodies` those of the functions and
    `starts` where they lie in the module."""

    __slots__ = ("bodies", "code", "features", "indexes", "loop", "options", "prefix", "starts")

    def __init__(self, code: ModuleCode, numbers: list[int], loop: int = -1) -> None:
        info = code.info
        wasm = info.module
        self.code = code.final_settings.items()
        self.features = code.features.bits
        self.indexes = [number + code.first for number in numbers]
        self.loop = loop
        spans = [wasm.body(index) for index in self.indexes]
        self.starts = [body.start for body in spans]
        self.bodies = [bytes(wasm.data[body.start : body.end]) for body in spans]
        first = next(section.offset for section in wasm.sections if section.id == _CODE_SECTION)
        self.prefix = bytes(wasm.data[:first])
        self.options = (
            code.guards,
            info.fuel,
            info.repeat_entries,
            info.count_changes,
            info.naive,
            info.layout.num_segments,
        )


_CODE_SECTION: Final = 10


def run(job: Job) -> tuple[Image, float]:
    """The code of a job's functions, and the seconds it took. Raises Unsupported, ImplLimit."""
    from grus.engine.compile import compile_functions, compile_loop
    from grus.engine.translate.info import describe
    from grus.wasm.decode import decode
    from grus.wasm.features import Features
    from grus.wasm.module import Body, KnownBodies

    start = time.perf_counter()
    wasm = decode(job.prefix, Features(job.features), None, KnownBodies(None, [], []))
    wasm.data = job.prefix + b"".join(job.bodies)
    wasm.code = [Body(0, 0)] * (len(wasm.funcs) - wasm.num_imported_funcs)
    at = len(job.prefix)
    places: list[int] = []
    for index, body in zip(job.indexes, job.bodies, strict=True):
        wasm.code[index - wasm.num_imported_funcs] = Body(at, at + len(body))
        places.append(at)
        at += len(body)
    info = describe(wasm, *job.options)
    settings = CodeSettings(*job.code)
    if job.loop < 0:
        image = compile_functions(info, settings, job.indexes, True)
    else:
        image = compile_loop(info, settings, job.indexes[0], job.loop)
    locs = image.loc_words()
    for k in range(1, len(locs), 2):
        if locs[k] >= 0:
            number = bisect.bisect_right(places, locs[k]) - 1
            locs[k] += job.starts[number] - places[number]
    image.set_tables(image.trap_words(), locs)
    return image, time.perf_counter() - start


class Promoter:
    """The process, and what waits for it. Whoever finds another thread at work here goes on."""

    def __init__(self) -> None:
        self.pid = 0
        self.works = True  # until no process can be started, or several have died
        self.deaths = 0
        self.waiting: deque[Task] = deque()
        self.current: Task | None = None
        self._to = -1
        self._from = -1
        self._out = memoryview(b"")
        self._in = bytearray()
        self._lock = threading.Lock()

    def submit(self, code: ModuleCode, numbers: list[int], loop: int = -1) -> None:
        """Have functions of a module compiled some time, or a loop of one."""
        self.waiting.append((code.weak, numbers, loop))

    def prepare(self) -> None:
        """Start the process if there is none, for it takes a while."""
        if self._lock.acquire(blocking=False):
            try:
                self._prepare()
            finally:
                self._lock.release()

    def has_work(self) -> bool:
        """Whether there is anything that `step` could do."""
        return self.current is not None or bool(self.waiting)

    def step(self) -> None:
        """Go on without waiting: hand over what has come back, write and read what is possible."""
        if self._lock.acquire(blocking=False):
            try:
                self._step()
            except Exception:  # it has died, or what it says makes no sense
                self._give_up()
            except BaseException:  # Ctrl-C: something may have been read and lost
                self._give_up()
                raise
            finally:
                self._lock.release()

    def _give_up(self) -> None:
        """End the process; what it was at is not tried again."""
        self.stop()
        self.deaths += 1
        self.works = self.deaths < _MOST_DEATHS

    def _prepare(self) -> None:
        if self.works and not self.pid:
            try:
                self._start()
            except OSError:
                self.works = False

    def _step(self) -> None:
        if self.current is not None:
            self._write()
            self._read()
        if self.current is None and self.waiting:
            self._next()

    def _next(self) -> None:
        import pickle

        self._prepare()
        weak, numbers, loop = self.waiting.popleft()
        code: ModuleCode | None = weak()
        if code is None:
            return
        if not self.works:
            code.forget(numbers)
            return
        while loop < 0 and self.waiting and len(numbers) < _MOST_FUNCTIONS:
            following = self.waiting[0]
            if following[0] is not weak or following[2] >= 0:
                break
            numbers += self.waiting.popleft()[1]
        message = pickle.dumps((run, (Job(code, numbers, loop),)), pickle.HIGHEST_PROTOCOL)
        self._out = memoryview(len(message).to_bytes(8, "little") + message)
        self._in = bytearray()
        self.current = (weak, numbers, loop)
        self._write()

    def _write(self) -> None:
        if not self._out:
            return
        # Python ignores SIGPIPE, programs may not.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE])
        try:
            while self._out:
                self._out = self._out[os.write(self._to, self._out) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            if signal.SIGPIPE not in before:
                signal.sigtimedwait([signal.SIGPIPE], 0)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _read(self) -> None:
        data = self._in
        while len(data) < 8 or len(data) < 8 + int.from_bytes(data[:8], "little"):
            try:
                more = os.read(self._from, 1 << 20)
            except BlockingIOError:
                return
            if not more:
                raise BrokenPipeError
            data += more
        import pickle

        assert self.current is not None
        weak, numbers, loop = self.current
        code: ModuleCode | None = weak()
        self.current = None
        self._in = bytearray()
        good, result = pickle.loads(memoryview(data)[8:])
        if not good or code is None:
            return
        if loop < 0:
            code.promote(*result)
        else:
            code.add_loop(numbers[0], loop, *result)

    def _start(self) -> None:
        from grus import worker

        command = worker.command()
        inner_in, self._to = os.pipe()
        self._from, inner_out = os.pipe()
        try:
            actions = [(os.POSIX_SPAWN_DUP2, inner_in, 0), (os.POSIX_SPAWN_DUP2, inner_out, 1)]
            self.pid = os.posix_spawn(
                command[0], command, os.environ, file_actions=actions, setsigmask=[signal.SIGINT]
            )
        except OSError:
            os.close(self._to)
            os.close(self._from)
            raise
        finally:
            os.close(inner_in)
            os.close(inner_out)
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        import atexit

        atexit.register(self.stop)

    def stop(self) -> None:
        """End the process."""
        pid, self.pid = self.pid, 0
        self.current = None
        if pid:
            self.close()
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except OSError:  # somebody has waited for it
                pass

    def close(self) -> None:
        """Close this process's ends of the pipes."""
        os.close(self._to)
        os.close(self._from)


_promoter: list[Promoter] = []


def promoter() -> Promoter:
    """The one of this process."""
    if not _promoter:
        _promoter.append(Promoter())
    return _promoter[0]


def _after_fork() -> None:
    """The process belongs to the parent."""
    while _promoter:
        old = _promoter.pop()
        old.current = None
        old.waiting.clear()
        if old.pid:
            old.pid = 0
            old.close()


os.register_at_fork(after_in_child=_after_fork)
