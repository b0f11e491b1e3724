"""Worker processes as an executor, without `multiprocessing`: nothing of the program is imported
again or forked."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any

from grus import worker

_Task = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class WorkerPool(Executor):
    """`count` processes (`grus.worker`). Functions are given by module and name, arguments and
    results are pickled. Raises OSError when no process can be started.

    A job whose process dies ends with BrokenExecutor.
    """

    def __init__(self, count: int) -> None:
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._closed = False
        self._processes = [
            subprocess.Popen(
                worker.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=True
            )
            for _ in range(count)
        ]
        self._threads = [
            threading.Thread(target=self._serve, args=(process,), daemon=True)
            for process in self._processes
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future of `fn(*args)`."""
        if kwargs:
            raise TypeError("jobs of a WorkerPool take no keyword arguments")
        if self._closed:
            raise RuntimeError("the pool has been shut down")
        future: Future[Any] = Future()
        self._tasks.put((future, fn, args))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs; those that are submitted are done first unless cancelled."""
        if self._closed:
            return
        self._closed = True
        if cancel_futures:
            while not self._tasks.empty():
                task = self._tasks.get()
                if task is not None:
                    task[0].cancel()
        for _ in self._threads:
            self._tasks.put(None)
        if cancel_futures:
            for process in self._processes:
                process.kill()
        if wait:
            for thread in self._threads:
                thread.join()

    def _serve(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        alive = True
        with process:
            while True:
                task = self._tasks.get()
                if task is None:
                    break
                future, fn, args = task
                if not future.set_running_or_notify_cancel():
                    continue
                if not alive:
                    future.set_exception(BrokenExecutor("a worker process has ended"))
                    continue
                try:
                    worker.send(process.stdin, (fn, args))
                    good, result = worker.receive(process.stdout)
                except (OSError, EOFError):
                    alive = False
                    future.set_exception(BrokenExecutor("a worker process has ended"))
                    continue
                except Exception as error:  # cannot be pickled
                    future.set_exception(error)
                    continue
                if good:
                    future.set_result(result)
                else:
                    future.set_exception(result)
            with contextlib.suppress(OSError):
                process.stdin.close()
            if not alive:
                process.kill()
