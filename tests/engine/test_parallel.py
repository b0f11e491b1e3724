"""Compiling with executors: the image is the same however the work was done."""

from __future__ import annotations

import os
import pickle
import signal
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from typing import Any

import pytest

import grus
from grus.base.errors import Unsupported
from grus.engine import parallel
from grus.engine.code import Image
from grus.engine.pool import WorkerPool

COUNT = 40


def source() -> str:
    """Functions that call one another, trap, touch memory, and hold references across calls."""
    functions = [
        f"""(func $f{n} (param i32) (result i32)
          (if (result i32) (i32.eqz (local.get 0)) (then (i32.const {n}))
            (else (i32.add (i32.load offset={n} (local.get 0))
                           (call $f{(n * 7 + 1) % COUNT} (i32.sub (local.get 0) (i32.const 1)))))))
        (func (param externref i32) (result externref)
          (drop (call $f{n} (local.get 1)))
          (drop (i32.div_u (i32.const 1) (local.get 1)))
          (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1))
          (local.get 0))"""
        for n in range(COUNT)
    ]
    return f"""(module (import "m" "f" (func (param i32))) (memory 1) (data "x")
      {"".join(functions)} (export "f" (func $f3)) (export "keep" (func {2 * COUNT})))"""


def same(one: Image, other: Image) -> bool:
    """Whether two images are equal in all they have."""
    return one.pack() == other.pack() and one.largest_frame == other.largest_frame


@pytest.fixture(autouse=True)
def small_jobs(monkeypatch: Any) -> None:
    monkeypatch.setattr(parallel, "_JOB_BYTES", 200)


def module(executor: Executor | None = None, workers: int = 0, progress: Any = None) -> Any:
    engine = grus.Engine(workers=workers)
    return grus.Module(source(), engine, executor=executor, progress=progress)


def check(made: Any) -> None:
    assert same(made.image, module().image)
    exports = grus.Instance(made, {"m": {"f": print}}).exports
    assert exports.f(5) == module_result(5)
    thing = object()
    assert exports.keep(thing, 1) is thing
    with pytest.raises(grus.Trap, match="divide by zero"):
        exports.keep(thing, 0)
    with pytest.raises(grus.Trap, match="out of bounds") as info:
        exports.f(65536)
    assert info.value.frames[0].module_offset > 0


def module_result(depth: int) -> int:
    """What $f3 gives: memory is zero, so it is the number of the last function."""
    n = 3
    for _ in range(depth):
        n = (n * 7 + 1) % COUNT
    return n


def test_jobs_are_many_and_in_order() -> None:
    runs = parallel.runs_of(module())
    assert len(runs) > 5
    assert [first for first, _ in runs] == sorted({first for first, _ in runs})
    assert sum(last - first for first, last in runs) == 2 * COUNT


def test_worker_processes() -> None:
    check(module(workers=2))


def test_process_pool() -> None:
    with ProcessPoolExecutor(2) as executor:
        check(module(executor))


def test_dask() -> None:
    distributed = pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        check(module(client.get_executor()))


def test_progress() -> None:
    """The numbers grow to the total, which is the bytes of all bodies."""
    for workers in (0, 2):
        seen: list[tuple[int, int]] = []
        made = module(workers=workers, progress=lambda *pair, seen=seen: seen.append(pair))
        assert made.image
        total = sum(body.end - body.start for body in made.wasm.code)
        assert [pair[1] for pair in seen] == [total] * len(seen)
        assert [pair[0] for pair in seen] == sorted({pair[0] for pair in seen})
        assert seen[-1] == (total, total) and len(seen) == len(parallel.runs_of(made))


class Copying(Executor):
    """Does each job at once, on pickled copies, as other machines would."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        fn, args = pickle.loads(pickle.dumps((fn, args)))
        future: Future[Any] = Future()
        future.set_result(pickle.loads(pickle.dumps(fn(*args))))
        return future


class Broken(Executor):
    """Its processes always die."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        future: Future[Any] = Future()
        future.set_exception(BrokenExecutor("gone"))
        return future


def test_any_executor() -> None:
    check(module(Copying()))


def test_lost_jobs_are_done_here() -> None:
    check(module(Broken()))


def test_errors_come_through() -> None:
    """What cannot be compiled is the same error with workers as without."""
    text = "(module (tag $t) (func nop)" + "(func (throw $t))" * 3 + ")"
    features = "exceptions"
    messages = []
    for workers in (0, 2):
        made = grus.Module(text, grus.Engine(workers=workers, features=features))
        with pytest.raises(Unsupported) as info:
            assert made.image
        messages.append(str(info.value))
    assert messages[0] == messages[1]


def test_a_killed_worker() -> None:
    pool = WorkerPool(2)
    try:
        assert pool.submit(divmod, 7, 2).result() == (3, 1)
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 7, 0).result()
        for process in pool._processes:
            process.kill()
        with pytest.raises(BrokenExecutor):
            pool.submit(divmod, 7, 2).result()
    finally:
        pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(divmod, 7, 2)


def test_workers_end_with_their_parent(run: Any) -> None:
    done = run("""
        import os, signal
        from grus.engine.pool import WorkerPool
        pool = WorkerPool(2)
        print(*[pool.submit(os.getpid).result() for _ in range(8)], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """)
    assert done.returncode == -signal.SIGKILL
    pids = {int(word) for word in done.stdout.split()}
    assert pids
    for pid in pids:
        for _ in range(1000):
            if not alive(pid):
                break
            signal.sigtimedwait([], 0.01)
        assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_finds_this_grus(run: Any, tmp_path: Any) -> None:
    """Wherever it was imported from, without PYTHONPATH and with another `grus` in the way."""
    (tmp_path / "grus.py").write_text("raise SystemExit(3)")
    os.makedirs(tmp_path / "elsewhere")
    done = run(f"""
        import os, grus
        from grus.engine.pool import WorkerPool
        os.chdir({str(tmp_path)!r})
        pool = WorkerPool(1)
        print(pool.submit(os.getcwd).result() == os.getcwd())
        pool.shutdown()
        """)
    assert done.stdout == "True\n", done.stderr
