"""Filetest kinds `optimize`, `alias-analysis` and `inline`: what the optimizer makes of functions.

Expectations of Grus stand in `; grus:` blocks as everywhere (see `filetest.py`); FileCheck
directives of Cranelift's files are about its own output and are not compared. Instead
`count_instructions` compares numbers of instructions:

    python -m grus.testing.optimize_kinds DIRECTORY...

counts the functions with exact expected output for which Grus has no more instructions, and lists
the rest (`-v`). Other functions are only optimized, verified, and run before and after.
"""

from __future__ import annotations

import sys

from grus.base.errors import GrusError
from grus.ir import verifier
from grus.ir.function import Function
from grus.ir.parser import FunctionText, ParseErrors, parse_file, parse_function
from grus.ir.printer import print_function
from grus.opt import pipeline
from grus.opt.passes import inline
from grus.testing.filetest import Context, Failure, find_files

ALIAS_PASSES = ("resolve", "control", "dead_stores", "memory", "dead_stores")
"""What `test alias-analysis` runs."""


def _checked(function: FunctionText, names: tuple[str, ...], settings: dict[str, int]) -> None:
    """Run passes with the verifier after each. Raises Failure."""
    func = function.func

    def after(name: str) -> None:
        errors = verifier.verify(func)
        if errors:
            raise Failure(f"{func.name} after {name}: {errors[0]}", function.line)

    pipeline.run_passes(func, settings, names, after)


def _level(context: Context) -> str:
    return context.setting("opt_level") or "none"


def _settings(context: Context) -> dict[str, int]:
    alias = context.setting("enable_alias_analysis")
    return {"enable_alias_analysis": int(alias not in ("false", "off", "no", "0"))}


def test_optimize(context: Context) -> None:
    """Functions optimize to what is expected, and stay valid. `test optimize passes=A,B` runs
    these passes instead of those of `opt_level`."""
    names = pipeline.LEVELS[_level(context)]
    for option in context.command.options:
        if option.startswith("passes="):
            names = tuple(option.removeprefix("passes=").split(","))
            pipeline.check(names)
    for function in context.file.functions:
        context.must_verify(function)
        _checked(function, names, _settings(context))
        context.expect(function, lines_of(function.func))


def test_alias_analysis(context: Context) -> None:
    """The same with only what concerns memory."""
    for function in context.file.functions:
        context.must_verify(function)
        _checked(function, ALIAS_PASSES, _settings(context))
        context.expect(function, lines_of(function.func))


def test_inline(context: Context) -> None:
    """Calls of functions that stand above are inlined; with `optimize` they are optimized then."""
    for function, inlined in _inline_all(context, "optimize" in context.command.options):
        lines = lines_of(function.func)
        if not inlined:
            lines = [f"(no functions inlined into {function.func.name})"]
        context.expect(function, lines)


def _inline_all(context: Context, optimized: bool) -> list[tuple[FunctionText, bool]]:
    """Inline into every function of a file. Raises Failure for what is not valid then."""
    above: dict[str, Function] = {}
    done: list[tuple[FunctionText, bool]] = []
    for function in context.file.functions:
        context.must_verify(function)
        func = function.func
        func.resolve_aliases()
        # The functions above as they were written: a copy must not hold copies already.
        written = parse_function(print_function(func))
        written.resolve_aliases()
        inlined = inline.run(func, lambda caller, call, ref: above.get(ref.name))
        above[func.name] = written
        context.must_verify(function)
        if optimized:
            _checked(function, pipeline.LEVELS[_level(context)], _settings(context))
        done.append((function, inlined))
    return done


def lines_of(func: Function) -> list[str]:
    """The text of a function, without trailing blanks."""
    return [line.rstrip() for line in print_function(func).rstrip("\n").split("\n")]


# ---- counting ----


def expected_lines(function: FunctionText) -> list[str]:
    """The exact output that Cranelift's file gives for a function; [] when there is none."""
    lines = [c.text for c in function.comments if c.line > function.last_line]
    lines = [line.removeprefix(";").strip() for line in lines]
    for index, line in enumerate(lines):
        if line.startswith("function "):
            for end in range(index, len(lines)):
                if lines[end] == "}":
                    return lines[index : end + 1]
    return []


def instructions(lines: list[str]) -> int:
    """Instructions in the text of a function."""
    count = 0
    body = False
    for line in lines:
        text = line.strip()
        if text.startswith("block"):
            body = True
        elif body and text and text != "}" and " -> v" not in text.partition(";")[0]:
            count += 1
    return count


def count_file(path: str) -> list[tuple[str, str, int, int]]:
    """For each function with exact expected output: file, name, instructions of Cranelift and of
    Grus. Raises Failure when a function of the file is not valid after optimization."""
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    file = parse_file(text, path)
    rows: list[tuple[str, str, int, int]] = []
    for command in file.commands:
        if command.name not in ("optimize", "alias-analysis", "inline"):
            continue
        target = file.targets[0] if file.targets else None
        context = Context(file, command, target, False)
        if command.name == "inline":
            for function, inlined in _inline_all(context, "optimize" in command.options):
                expected = expected_lines(function)
                if expected and inlined:
                    got = instructions(lines_of(function.func))
                    rows.append((path, function.func.name, instructions(expected), got))
            continue
        names: tuple[str, ...] = ALIAS_PASSES
        if command.name == "optimize":
            names = pipeline.LEVELS[_level(context)]
        for function in file.functions:
            expected = expected_lines(function)
            _checked(function, names, _settings(context))
            if expected:
                got = instructions(lines_of(function.func))
                rows.append((path, function.func.name, instructions(expected), got))
    return rows


def main(argv: list[str]) -> int:
    """Count over files and directories."""
    verbose = "-v" in argv
    total = good = 0
    status = 0
    for path in find_files([arg for arg in argv if arg != "-v"]):
        try:
            rows = count_file(str(path))
        except (ParseErrors, GrusError) as error:
            print(f"{path.name}: {error}")
            status = 1
            continue
        more = [row for row in rows if row[3] > row[2]]
        total += len(rows)
        good += len(rows) - len(more)
        if more or (verbose and rows):
            print(f"{path.name}: {len(rows) - len(more)} of {len(rows)}")
        if verbose:
            for _, name, want, got in more:
                print(f"    {name}: {want} in Cranelift, {got} here")
    share = 100 * good / total if total else 100.0
    print(f"{good} of {total} functions ({share:.1f} %) have no more instructions")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
