"""Commands of the shell that are run again and again: by `grus clif bugpoint` and `bisect`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping


def run_shell(
    command: str, seconds: float, variables: Mapping[str, str] | None = None
) -> tuple[int | None, str]:
    """Exit status and output (both streams) of a command, with more variables in its environment.

    It has no input. After `seconds` all that it started is killed and the status is None; the same
    is done when an exception, such as KeyboardInterrupt, ends the waiting.
    """
    with subprocess.Popen(
        command,
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, **(variables or {})},
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):  # it may have just ended
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            return None, ""
    return process.returncode, output.decode("utf-8", "replace")
