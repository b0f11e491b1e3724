"""`grus clif bisect`: the rule, pass or function behind a failing command."""

from __future__ import annotations

import argparse
import os
import re
import signal
import tempfile
from collections.abc import Callable, Mapping

from grus.base.errors import GrusError
from grus.cli.shell import run_shell

_EPILOG = """\
The command runs in a shell, again and again, with variables in its environment that hold the
optimizer back, and without the cache. Grus must do its work in that process. It fails when its
exit status is not 0, or, with --match, when it prints such a text; a run that fails in another way
counts as none.

The first step of the optimizer (a pass that begins on a function, or a value that rules make
simpler) that makes the command fail is named. When it fails without the optimizer, each lowering
rule that others stand in for is left out in turn.

examples:
  grus clif bisect --cmd 'grus clif test wrong.clif'
  grus clif bisect --cmd 'grus run --opt-level speed app.wasm | diff - expected'
"""
_MOST = 1 << 40


class BisectError(GrusError):
    """There is nothing to find: the command does not fail, or fails whatever is left out."""


Fails = Callable[[Mapping[str, str]], bool]
"""Whether the command fails with more variables in its environment."""


def bisect_command(argv: list[str]) -> int:
    """Find what makes a command fail. Raises BisectError."""
    parser = argparse.ArgumentParser(
        prog="grus clif bisect",
        description="Find the rule, pass or function that makes a command fail.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cmd", required=True, metavar="COMMAND", help="the shell command")
    parser.add_argument("--match", metavar="REGEX", help="a failure prints this")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS",
                        help="longest run of the command (default 60)")  # fmt: skip
    given = parser.parse_args(argv)
    try:
        command = _Command(given.cmd, given.match, given.timeout)
    except re.error as error:
        parser.error(f"--match: {error}")
    with tempfile.TemporaryDirectory(prefix="grus-bisect-") as directory:
        for line in find(command.fails, os.path.join(directory, "step")):
            print(line)
    return 0


def find(fails: Fails, log: str) -> list[str]:
    """What makes it fail, in lines. `log` is a file to use. Raises BisectError."""
    if not fails({}):
        raise BisectError("the command does not fail")
    if fails(_steps(0, log)):
        return _lowering(fails)
    high = 1
    while high < _MOST and not fails(_steps(high, log)):
        high *= 2
    if high == _MOST:
        raise BisectError("the command fails only when its steps are not counted")
    low = high // 2  # does not fail
    while high - low > 1:
        middle = (low + high) // 2
        if fails(_steps(middle, log)):
            high = middle
        else:
            low = middle
    fails(_steps(high, log))
    with open(log, encoding="utf-8") as file:
        what = file.read().strip()
    lines = [f"step {high}: {what}"]
    rules = [name.split()[0] for name in what.partition(":")[0].split(", ")]
    if what.startswith(("pass ", "a fold ")):
        return lines
    for name in rules:
        if not fails({"GRUS_DISABLE_RULES": name}):
            lines.append(f"without the rule {name} the command does not fail")
    return lines


def _steps(limit: int, log: str) -> dict[str, str]:
    return {"GRUS_OPT_STEPS": str(limit), "GRUS_OPT_STEPS_LOG": log}


def _lowering(fails: Fails) -> list[str]:
    """The lowering rules without which it does not fail."""
    from grus.host.machine import RULE_PREFIX, optional_rules

    lines = ["the command fails without the optimizer, too"]
    for name in optional_rules():
        variables = {"GRUS_OPT_STEPS": "0", "GRUS_DISABLE_RULES": f"{RULE_PREFIX}{name}"}
        if not fails(variables):
            lines.append(f"without the lowering rule {name} it does not fail")
    if len(lines) == 1:
        raise BisectError("the command fails without the optimizer and any lowering rule")
    return lines


class _Command:
    """A shell command and what its failure is."""

    def __init__(self, command: str, match: str | None, timeout: float) -> None:
        self._command = command
        self._match = re.compile(match) if match is not None else None
        self._timeout = timeout
        self._status: int | None = None

    def fails(self, variables: Mapping[str, str]) -> bool:
        """Run it. The first failure says which exit status is one."""
        status, output = run_shell(self._command, self._timeout, {"GRUS_CACHE": "0", **variables})
        if status is None:
            status, output = -signal.SIGKILL, ""
        if self._match is not None:
            return self._match.search(output) is not None
        if status in (126, 127):
            raise BisectError(f"the command cannot be run: {output.strip() or status}")
        if self._status is None and status != 0:
            self._status = status
        return status != 0 and status == self._status
