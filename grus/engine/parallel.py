"""Compiling all functions of a module in jobs: with an executor, in worker processes, or one after
another.

A job is plain data that holds what it needs and nothing else: the binary up to the code section
and a run of bodies. Its result depends on nothing but itself, and the image that is made of the
results is the same, byte for byte, however the work was done.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import TYPE_CHECKING, Final

from grus.engine.code import Image
from grus.engine.compile import Part, compile_part, link
from grus.engine.config import CodeSettings
from grus.engine.translate.info import describe
from grus.wasm.decode import decode
from grus.wasm.features import Features
from grus.wasm.module import Body, KnownBodies

if TYPE_CHECKING:
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

    def __init__(self, module: Module, first: int, last: int) -> None:
        """Those from index `first` to before `last`."""
        wasm, info = module.wasm, module.info
        spans = [wasm.body(index) for index in range(first, last)]
        self.first = first
        self.start = spans[0].start
        self.bodies = bytes(wasm.data[spans[0].start : spans[-1].end])
        self.sizes = [(body.start - self.start, body.end - self.start) for body in spans]
        self.prefix = bytes(wasm.data[: code_section(module)])
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


def code_section(module: Module) -> int:
    """Where the code section begins in a module that has one."""
    return next(section.offset for section in module.wasm.sections if section.id == 10)


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
    locs = image.locs
    locs[:] = [(at, loc + move if loc >= 0 else loc) for at, loc in locs]
    image.inlined[:] = [
        (index, loc + move if loc >= 0 else loc, outer + move if outer >= 0 else outer)
        for index, loc, outer in image.inlined
    ]
    return image, calls


def jobs_of(module: Module) -> list[Job]:
    """The module's own functions in jobs, in their order."""
    wasm = module.wasm
    first = wasm.num_imported_funcs
    made: list[Job] = []
    size = 0
    for index in range(first, len(wasm.funcs)):
        body = wasm.body(index)
        if size and size + body.end - body.start > _JOB_BYTES:
            made.append(Job(module, first, index))
            first, size = index, 0
        size += body.end - body.start
    if first < len(wasm.funcs):
        made.append(Job(module, first, len(wasm.funcs)))
    return made


def compile_module(
    module: Module, executor: Executor | None = None, progress: Progress | None = None
) -> Image:
    """All functions of a module, which has been validated.

    Without an executor, worker processes are started when compiling would take more than a second
    and `Config.workers` allows. Raises Unsupported, ImplLimit, and what the executor raises.
    """
    jobs = jobs_of(module)
    total = sum([job.size() for job in jobs])
    if executor is not None:
        return _submit(executor, jobs, total, progress)
    workers = module.engine.config.workers
    if workers is None and total < _speed():
        workers = 0
    if workers is None:
        workers = min(len(os.sched_getaffinity(0)), len(jobs))
        workers = workers if workers > 1 else 0
    if workers:
        from grus.engine.pool import WorkerPool

        try:
            pool = WorkerPool(workers)
        except OSError:  # no more processes, no interpreter to start
            pass
        else:
            try:
                return _submit(pool, jobs, total, progress)
            finally:
                pool.shutdown(cancel_futures=True)
    parts: list[Part] = []
    done = 0
    for job in jobs:
        parts.append(run_job(job))
        done += job.size()
        if progress is not None:
            progress(done, total)
    return link(parts) if parts else Image()


def _submit(executor: Executor, jobs: list[Job], total: int, progress: Progress | None) -> Image:
    futures: list[Future[Part]] = [executor.submit(run_job, job) for job in jobs]
    parts: list[Part] = []
    done = 0
    try:
        for job, future in zip(jobs, futures, strict=True):
            try:
                part = future.result()
            except BrokenExecutor:  # a process was killed: then it is done here
                part = run_job(job)
            parts.append(part)
            done += job.size()
            if progress is not None:
                progress(done, total)
    finally:
        for future in futures:
            future.cancel()
    return link(parts) if parts else Image()


def _speed() -> int:
    """About how many bytes of bodies compile in a second."""
    import grus.backend.lower

    plain = (grus.backend.lower.__file__ or "").endswith(".py")
    return _BYTES_A_SECOND if plain else _BYTES_A_SECOND_COMPILED
