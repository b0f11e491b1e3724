"""A process that computes for another one: `python -m grus.worker`.

It reads jobs from standard input and answers on standard output, each a pickle behind its length
(8 bytes, little-endian). A job is a function of a module and its arguments; the answer is
(True, result) or (False, exception). It ends with its input, so it never outlives its parent.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any, TypeAlias


def command() -> list[str]:
    """The command that starts a worker of this very Grus, wherever it was imported from.

    Raises OSError where `sys.executable` is a program that embeds Python: to start that again with
    options for an interpreter could do anything.
    """
    name = os.path.basename(sys.executable or "").lower()
    if not name.startswith(("python", "pypy")):
        raise OSError("there is no Python interpreter to start")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    start = f"import sys; sys.path.insert(0, {root!r}); from grus.worker import main; main()"
    return [sys.executable, "-I", "-c", start]


Answer: TypeAlias = "tuple[bool, Any]"


def send(stream: IO[bytes], value: object) -> None:
    """Write a message. Raises OSError."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    stream.write(len(data).to_bytes(8, "little"))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read a message. Raises EOFError at the end, OSError."""
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError
    size = int.from_bytes(head, "little")
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)


def main() -> None:
    """Work until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends the input
    gc.disable()  # functions are unlinked when they are compiled
    jobs = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)  # what a job prints is no answer
    try:
        while True:
            function, arguments = receive(jobs)
            try:
                answer: Answer = (True, function(*arguments))
            except Exception as error:
                answer = (False, error)
            send(answers, answer)
    except (EOFError, BrokenPipeError):
        pass


if __name__ == "__main__":
    main()
