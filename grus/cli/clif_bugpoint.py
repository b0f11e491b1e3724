"""`grus clif bugpoint`: make a file small that a command fails for."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import sys
import tempfile

from grus.cli.clif import read_text
from grus.cli.shell import run_shell
from grus.cli.wat2wasm import write_output
from grus.testing.bugpoint import BugpointError, Case, Reduction, reduce

_EPILOG = """\
The command runs in a shell, with the name of a candidate in place of {}, or at its end. A
candidate is kept when the command fails as it does for FILE: with the same exit status, which is
not 0, or the same signal. With --match it must print such a text instead (on standard output or
error), whatever its status. A candidate that runs longer than --timeout is not kept, unless FILE
itself runs longer.

Files are taken apart by functions, blocks, instructions, parameters, results, declarations,
constants and types; `; run:` lines are kept in step with parameters. Only files that the verifier
accepts are tried (--allow-invalid: all).

examples:
  grus clif bugpoint big.clif --cmd 'grus clif compile {} --set opt_level=speed' -o small.clif
  grus clif bugpoint wrong.clif --cmd 'grus clif run'
  grus clif bugpoint crash.clif --cmd 'clif-util compile {} --target x86_64' --match 'panicked at'
"""


def bugpoint_command(argv: list[str]) -> int:
    """Reduce a file. Raises BugpointError when the command does not fail for it. Interrupted, it
    writes the best so far and gives 130."""
    parser = argparse.ArgumentParser(
        prog="grus clif bugpoint",
        description="Make a .clif file small while a command still fails for it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="the file that fails")
    parser.add_argument("--cmd", required=True, metavar="COMMAND", help="the shell command")
    parser.add_argument("--match", metavar="REGEX", help="a failure prints this")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS",
                        help="longest run of the command (default 10)")  # fmt: skip
    parser.add_argument("--allow-invalid", action="store_true", help="try invalid files too")
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help="default: stdout")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell every step")
    given = parser.parse_args(argv)
    text = read_text(given.file)
    try:
        predicate = _Predicate(given.cmd, given.match, given.timeout)
    except re.error as error:
        parser.error(f"--match: {error}")
    best = Reduction(text)
    before = Case(text, given.file).size()
    status = 0
    try:
        predicate.prepare(text, given.file)
        reduce(
            text,
            predicate.fails,
            name=given.file,
            valid=not given.allow_invalid,
            progress=_tell if given.verbose else None,
            best=best,
        )
    except KeyboardInterrupt:
        status = 130
    finally:
        predicate.close()
    write_output(given.output, best.text.encode())
    print(f"{before}\n-> {Case(best.text).size()}; {best.runs} runs", file=sys.stderr)
    return status


def _tell(name: str, case: Case) -> None:
    print(f"{name:18} {case.size()}", file=sys.stderr)


class _Predicate:
    """Whether the command fails for a text as it did for the first."""

    def __init__(self, command: str, match: str | None, timeout: float) -> None:
        self._match = re.compile(match) if match is not None else None
        self._timeout = timeout
        self._directory = tempfile.TemporaryDirectory(prefix="grus-bugpoint-")
        self._file = os.path.join(self._directory.name, "case.clif")
        name = shlex.quote(self._file)
        self._command = command.replace("{}", name) if "{}" in command else f"{command} {name}"
        self._expected: int | None = 0

    def prepare(self, text: str, name: str) -> None:
        """Note how it fails now. Raises BugpointError when it does not."""
        status, output = self._run(text)
        self._expected = status
        if self._match is not None:
            if not self._match.search(output):
                raise BugpointError(f"the command does not print {self._match.pattern!r}")
        elif status == 0:
            raise BugpointError(f"the command does not fail for {name}: its exit status is 0")
        elif status in (126, 127):
            raise BugpointError(f"the command cannot be run: {output.strip() or status}")
        print(f"looking for: {self.failure()}", file=sys.stderr)

    def failure(self) -> str:
        """What a candidate has to do, in words."""
        if self._match is not None:
            return f"output that matches {self._match.pattern!r}"
        if self._expected is None:
            return f"more than {self._timeout:g} seconds"
        if self._expected < 0:
            return f"signal {signal.Signals(-self._expected).name}"
        return f"exit status {self._expected}"

    def fails(self, text: str) -> bool:
        status, output = self._run(text)
        if self._match is not None:
            return self._match.search(output) is not None
        return status == self._expected

    def close(self) -> None:
        self._directory.cleanup()

    def _run(self, text: str) -> tuple[int | None, str]:
        """Exit status (None: too long) and output of the command for a text."""
        with open(self._file, "w", encoding="utf-8") as file:
            file.write(text)
        return run_shell(self._command, self._timeout)
