"""A whole module in the quality mode with worker processes, and its memory.

    PYTHON bench/start/workers.py /tmp/start/sqlite.wasm
    PYTHON bench/start/workers.py --memory /tmp/start/sqlite.wasm

PYTHON has Grus. First: each job alone, in processor seconds, and what that gives with so many
workers, one job after another to whoever is free; then with workers, wall clock and processor
seconds of all processes. With `--memory`: the peak of resident memory of compiling in one process,
above what there is after the module is validated, and above that with the compiler imported.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import pickle
import resource
import time

import grus
from grus.engine.compile import Linker, compile_part
from grus.engine.parallel import Job, prefix_of, run_job, runs_of


def status(name: str) -> int:
    """A figure of this process, in kilobytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name + ":"))


def load(path: str, workers: int) -> grus.Module:
    return grus.Module.from_file(path, grus.Engine(tier="eager", workers=workers))


def memory(path: str) -> None:
    module = load(path, 0)
    wasm = module.wasm
    size = len(wasm.data) / 1024
    validated = status("VmRSS")
    smallest = min(
        range(wasm.num_imported_funcs, len(wasm.funcs)),
        key=lambda index: wasm.body(index).end - wasm.body(index).start,
    )
    compile_part(module.info, module.engine.code_settings(), [smallest], False)
    imported = status("VmRSS")
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # the peak begins anew
    image = module.image
    peak = status("VmHWM")
    print(
        f"{size:.0f} kB, {len(image.code) / 1024:.0f} kB of code. Peak {peak} kB: "
        f"{(peak - validated) / size:.1f} x above the validated module ({validated} kB), "
        f"{(peak - imported) / size:.1f} x above that and the compiler ({imported} kB)"
    )


def seconds() -> float:
    """Processor seconds of this process and of those that it has waited for."""
    spent = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        spent += usage.ru_utime + usage.ru_stime
    return spent


def alone(path: str) -> None:
    module = load(path, 0)
    prefix, runs = prefix_of(module), runs_of(module)
    run_job(Job(module, prefix, *runs[-1]))  # what is imported
    linker = Linker()
    jobs: list[float] = []
    rest = 0.0
    for run in runs:
        start = time.process_time()
        part = run_job(pickle.loads(pickle.dumps(Job(module, prefix, *run))))
        end = time.process_time()
        jobs.append(end - start)
        linker.add(pickle.loads(pickle.dumps(part)))
        rest += time.process_time() - end
    start = time.process_time()
    linker.finish()
    rest += time.process_time() - start
    total = sum(jobs)
    print(f"{len(jobs)} jobs, {total:.2f} s, the largest {max(jobs):.2f} s; the rest {rest:.2f} s")
    for workers in (2, 4, 8, 16):
        busy = [0.0] * workers
        for job in jobs:
            heapq.heapreplace(busy, busy[0] + job)
        print(f"  {workers} workers: {total / (max(busy) + rest):.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module")
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    gc.disable()  # as the command line does
    print(grus.build_info().kind, options.module)
    if options.memory:
        memory(options.module)
        return
    alone(options.module)
    for workers in (0, 1, 2):
        module = load(options.module, workers)
        wall, processor = time.monotonic(), seconds()
        assert module.image.code
        wall, processor = time.monotonic() - wall, seconds() - processor
        print(f"  {workers} workers: wall {wall:.2f} s, processor {processor:.2f} s", flush=True)


if __name__ == "__main__":
    main()
