"""`grus wast`: run scripts of the WebAssembly test suite."""

from __future__ import annotations

import argparse
import json
import sys


def wast_command(arguments: list[str]) -> int:
    """Exit status 1 on any failure. The last line is `N passed, N failed, N skipped`."""
    parser = argparse.ArgumentParser(prog="grus wast", description="Run .wast scripts.")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a script, or a directory")
    parser.add_argument("--json", metavar="FILE", help="write the counts of each file there")
    parser.add_argument("--table", action="store_true", help="print the counts of each file")
    parser.add_argument("--messages", action="store_true", help="print errors in other words")
    options = parser.parse_args(arguments)
    from grus.testing.wast import Result, run_file, scripts

    total = Result()
    files = {}
    for path in scripts(options.paths):
        result = run_file(path)
        total.add(result)
        counts = (result.passed, result.failed, result.skipped)
        files[path] = dict(zip(("passed", "failed", "skipped"), counts, strict=True))
        if options.table:
            print(f"{path}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
        for failure in result.failures:
            print(failure)
    if options.messages:
        for message in total.messages:
            print(message)
    for reason, count in sorted(total.reasons.items()):
        print(f"skipped {count}: {reason}", file=sys.stderr)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"files": files, "failures": total.failures}, file, indent=1)
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed else 0
