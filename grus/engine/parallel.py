"""Compiling all functions of a module in jobs: with an executor, in worker processes, or one after
another.

A job is plain data that holds what it needs and nothing else: the binary up to the code section
and a run of bodies. Its result depends on nothing but itself, and the image that is made of the
results is the same, byte for byte, however the work was done.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import TYPE_CHECKING, Final

from grus.engine.code import Image
from grus.engine.compile import Linker, compile_part
from grus.engine.config import CodeSettings
from grus.engine.translate.info import describe
from grus.wasm.decode import decode
from grus.wasm.features import Features
from grus.wasm.module import Body, KnownBodies

if TYPE_CHECKING:
    from grus.engine.image_builder import Part
    from grus.engine.module import Module

Progress = Callable[[int, int], object]
"""Called with the bytes of bodies that are compiled, and those of all."""

_JOB_BYTES: Final = 1 << 15
"""Bytes of bodies in a job, at most, unless one body has more."""
_BYTES_A_SECOND: Final = 30_000
_BYTES_A_SECOND_COMPILED: Final = 250_000


class Job:
    """Some functions of a module. `prefix` is the binary before the code section, `bodies` the
    bytes of the bodies, which lie from `start` on in the module."""

    __slots__ = (
        "bodies",
        "code",
        "count_changes",
        "features",
        "first",
        "fuel",
        "guards",
        "naive",
        "num_segments",
        "prefix",
        "repeat_entries",
        "sizes",
        "start",
        "written_tables",
    )

    def __init__(self, module: Module, prefix: bytes, first: int, last: int) -> None:
        """Those from index `first` to before `last`."""
        wasm, info = module.wasm, module.info
        spans = [wasm.body(index) for index in range(first, last)]
        self.first = first
        self.start = spans[0].start
        self.bodies = bytes(wasm.data[spans[0].start : spans[-1].end])
        self.sizes = [(body.start - self.start, body.end - self.start) for body in spans]
        self.prefix = prefix
        self.features = module.engine.features.bits
        self.code = module.engine.code_settings().items()
        self.guards = module.engine.guards
        self.fuel = info.fuel
        self.repeat_entries = info.repeat_entries
        self.count_changes = info.count_changes
        self.naive = info.naive
        self.num_segments = info.layout.num_segments
        self.written_tables = wasm.written_tables

    def size(self) -> int:
        """Bytes of its bodies."""
        return sum([end - start for start, end in self.sizes])

    def __reduce__(self) -> tuple[object, ...]:
        return _job, tuple(getattr(self, name) for name in self.__slots__)


def _job(*values: object) -> Job:
    job = Job.__new__(Job)
    for name, value in zip(Job.__slots__, values, strict=True):
        setattr(job, name, value)
    return job


_CODE_SECTION: Final = 10


def prefix_of(module: Module) -> bytes:
    """The binary of a module before its code section; b"" when it has none."""
    wasm = module.wasm
    for section in wasm.sections:
        if section.id == _CODE_SECTION:
            return bytes(wasm.data[: section.offset])
    return b""


def run_job(job: Job) -> Part:
    """Compile the functions of a job. Raises Unsupported, ImplLimit."""
    base = len(job.prefix)
    wasm = decode(job.prefix, Features(job.features), None, KnownBodies(None, [], []))
    wasm.data = job.prefix + job.bodies
    wasm.written_tables = job.written_tables
    wasm.code = [Body(0, 0)] * (job.first - wasm.num_imported_funcs)
    wasm.code += [Body(base + start, base + end) for start, end in job.sizes]
    info = describe(
        wasm,
        job.guards,
        job.fuel,
        job.repeat_entries,
        job.count_changes,
        job.naive,
        job.num_segments,
    )
    indexes = range(job.first, job.first + len(job.sizes))
    image, calls = compile_part(info, CodeSettings(*job.code), indexes, False)
    move = job.start - base
    locs = image.loc_words()
    for k in range(1, len(locs), 2):
        if locs[k] >= 0:
            locs[k] += move
    image.set_tables(image.trap_words(), locs)
    image.inlined[:] = [
        (index, loc + move if loc >= 0 else loc, outer + move if outer >= 0 else outer)
        for index, loc, outer in image.inlined
    ]
    return image, calls


def runs_of(module: Module) -> list[tuple[int, int]]:
    """The module's own functions in jobs, in their order: of each its first, and the next one's."""
    wasm = module.wasm
    first = wasm.num_imported_funcs
    made: list[tuple[int, int]] = []
    size = 0
    for index in range(first, len(wasm.funcs)):
        body = wasm.body(index)
        if size and size + body.end - body.start > _JOB_BYTES:
            made.append((first, index))
            first, size = index, 0
        size += body.end - body.start
    if first < len(wasm.funcs):
        made.append((first, len(wasm.funcs)))
    return made


def compile_module(
    module: Module, executor: Executor | None = None, progress: Progress | None = None
) -> Image:
    """All functions of a module, which has been validated.

    Without an executor, worker processes are started when compiling would take more than a second
    and `Config.workers` allows. Raises Unsupported, ImplLimit, and what the executor raises.
    """
    runs, prefix = runs_of(module), prefix_of(module)
    total = sum([body.end - body.start for body in module.wasm.code])
    if executor is not None:
        return _submit(executor, [Job(module, prefix, *run) for run in runs], total, progress)
    workers = module.engine.config.workers
    if workers is None and total < _speed():
        workers = 0
    if workers is None:
        workers = min(len(os.sched_getaffinity(0)), len(runs))
        workers = workers if workers > 1 else 0
    if workers:
        from grus.engine.pool import WorkerPool

        try:
            pool = WorkerPool(workers)
        except OSError:  # no more processes, no interpreter to start
            pass
        else:
            try:
                jobs = [Job(module, prefix, *run) for run in runs]
                return _submit(pool, jobs, total, progress)
            finally:
                pool.shutdown(cancel_futures=True)
    linker = Linker()
    done = 0
    for run in runs:
        job = Job(module, prefix, *run)
        linker.add(run_job(job))
        done += job.size()
        if progress is not None:
            progress(done, total)
    return linker.finish()


def _submit(executor: Executor, jobs: list[Job], total: int, progress: Progress | None) -> Image:
    waiting: deque[Future[Part]] = deque([executor.submit(run_job, job) for job in jobs])
    linker = Linker()
    done = 0
    try:
        for job in jobs:
            future = waiting[0]
            try:
                part = future.result()
            except BrokenExecutor:  # a process was killed: then it is done here
                part = run_job(job)
            waiting.popleft()
            linker.add(part)
            done += job.size()
            if progress is not None:
                progress(done, total)
    finally:
        for future in waiting:
            future.cancel()
    return linker.finish()


def _speed() -> int:
    """About how many bytes of bodies compile in a second."""
    import grus.backend.lower

    plain = (grus.backend.lower.__file__ or "").endswith(".py")
    return _BYTES_A_SECOND if plain else _BYTES_A_SECOND_COMPILED
