"""`grus clif COMMAND`: work on IR in text form.

Commands of other parts of Grus are imported only when used (`_COMMANDS`).
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Final

from grus.base.errors import GrusError
from grus.ir.parser import File, ParseErrors, parse_file

_COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "cat": ("grus.cli.clif:cat_command", "parse and print"),
    "verify": ("grus.cli.clif:verify_command", "say everything that is not valid"),
    "interpret": ("grus.cli.clif:interpret_command", "run the `; run:` lines, or one function"),
    "print-cfg": ("grus.cli.clif:print_cfg_command", "control-flow graphs for Graphviz or Mermaid"),
    "test": ("grus.cli.clif:test_command", "run filetests"),
    "compile": ("grus.cli.clif_compile:compile_command", "machine code"),
    "run": ("grus.cli.clif_compile:run_command", "compile and run"),
    "opt": ("grus.cli.clif_opt:opt_command", "optimize and print"),
    "settings": ("grus.cli.clif_settings:settings_command", "settings and CPU features"),
    "wasm": ("grus.cli.clif_wasm:wasm_command", "translate a WebAssembly module"),
    "bugpoint": ("grus.cli.clif_bugpoint:bugpoint_command", "make a failing file small"),
    "bisect": ("grus.cli.clif_bisect:bisect_command", "find the rule or pass behind a failure"),
    "disasm": ("grus.cli.clif_disasm:disasm_command", "machine code to assembly"),
}


_CAT: Final = """\
  grus clif cat f.clif              in the printer's form
  grus clif cat --cranelift -       as Cranelift prints it, from standard input
"""
_VERIFY: Final = """\
  grus clif verify f.clif g.clif    nothing, and exit status 0, when all is valid
"""
_INTERPRET: Final = """\
  grus clif interpret f.clif
  grus clif interpret f.clif --call '%gcd(12, 18)' --steps 100000
"""
_PRINT_CFG: Final = """\
  grus clif print-cfg f.clif | dot -Tsvg > f.svg
  grus clif print-cfg --format mermaid f.clif
"""
_TEST: Final = """\
  grus clif test tests/clif                 every file below
  grus clif test --bless tests/clif/x64     after a change that is meant
"""


class CommandError(GrusError):
    """A command of `grus clif` cannot be carried out."""


def main(argv: list[str]) -> int:
    """Run `grus clif` with these arguments; gives the exit status."""
    if not argv or argv[0] in ("help", "-h", "--help"):
        print("usage: grus clif COMMAND [ARGUMENT...]\n\ncommands:")
        for name, (_, text) in _COMMANDS.items():
            print(f"  {name:10} {text}")
        print("\n`grus clif COMMAND --help` says more, with examples.")
        return 0 if argv else 2
    place, _ = _COMMANDS.get(argv[0], ("", ""))
    if not place:
        print(f"grus clif: unknown command {argv[0]!r}; try `grus clif help`", file=sys.stderr)
        return 2
    module_name, _, function_name = place.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise CommandError(f"clif {argv[0]} is not there yet") from None
    status: int = getattr(module, function_name)(argv[1:])
    return status


def read_file(name: str) -> File:
    """Parse a file; `-` is standard input. Raises ParseErrors, CommandError and OSError."""
    return parse_file(read_text(name), "<stdin>" if name == "-" else name)


def read_text(name: str) -> str:
    """The text of a file; `-` is standard input. Raises CommandError for what is no text."""
    if name == "-":
        data = sys.stdin.buffer.read()
    else:
        with open(name, "rb") as stream:
            data = stream.read()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(f"{name}: not a text: no UTF-8 at byte {error.start}") from None
    if "\0" in text:
        raise CommandError(f"{name}: not a text: byte {data.index(0)} is 0")
    return text


def options_of(command: str, description: str, examples: str) -> argparse.ArgumentParser:
    """A parser for the options of a command. `examples` are the lines of its examples."""
    return argparse.ArgumentParser(
        prog=f"grus clif {command}",
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _read_all(names: list[str]) -> tuple[list[File], int]:
    """The files that parse; errors of the others go to standard error and make the status 1."""
    files: list[File] = []
    status = 0
    for name in names:
        try:
            files.append(read_file(name))
        except ParseErrors as errors:
            status = 1
            print(errors, file=sys.stderr)
    return files, status


def cat_command(argv: list[str]) -> int:
    """Print functions as the printer writes them."""
    from grus.ir.printer import print_function

    parser = options_of("cat", "Parse files and print their functions.", _CAT)
    parser.add_argument("--cranelift", action="store_true", help="exactly Cranelift's text")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .clif file; - is stdin")
    options = parser.parse_args(argv)
    files, status = _read_all(options.files)
    first = True
    for file in files:
        for function in file.functions:
            if not first:
                print()
            first = False
            print(print_function(function.func, options.cranelift), end="")
    return status


def verify_command(argv: list[str]) -> int:
    """Say everything that is not valid."""
    from grus.ir.verifier import verify

    parser = options_of(
        "verify", "Say everything in files that is not valid, with its line.", _VERIFY
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .clif file; - is stdin")
    options = parser.parse_args(argv)
    files, status = _read_all(options.files)
    for file in files:
        for function in file.functions:
            for error in verify(function.func):
                status = 1
                line = function.line_of(error.inst) or function.line
                print(f"{file.name}:{line}: {function.func.name}: {error}")
    return status


def interpret_command(argv: list[str]) -> int:
    """Run the run lines of files, or call one function of a file."""
    from grus.ir.interpreter import Interpreter
    from grus.ir.verifier import check
    from grus.testing import filetest

    parser = options_of(
        "interpret", "Run the `; run:` lines of files in the interpreter.", _INTERPRET
    )
    parser.add_argument(
        "--call", metavar="'%f(1, 2)'", help="call this instead, and print the results"
    )
    parser.add_argument("--steps", type=int, help="enter at most so many blocks")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .clif file; - is stdin")
    options = parser.parse_args(argv)
    files, status = _read_all(options.files)
    for file in files:
        functions = {f.func.name: f.func for f in file.functions}
        for func in functions.values():
            check(func)
            func.resolve_aliases()
        interpreter = Interpreter(functions, max_steps=options.steps)
        for function in file.functions:
            lines = [(c.text, c.line) for c in function.comments]
            if options.call:
                lines = [(f"print: {options.call}", 0)] if function is file.functions[0] else []
            for text, line in lines:
                command = filetest.parse_run(text, function.func, functions, line)
                if command is None:
                    continue
                interpreter.reset()
                place = f"{file.name}:{line}: " if line else ""
                try:
                    results = interpreter.call(command.name, command.args)
                    command.check(results, line)
                except GrusError as error:
                    status = 1
                    print(f"{place}{error}", file=sys.stderr)
                    continue
                if command.results is None:
                    print(f"{place}{', '.join([str(v) for v in results])}")
    return status


def print_cfg_command(argv: list[str]) -> int:
    """Print control-flow graphs."""
    from grus.ir.cfg_printer import to_dot, to_mermaid

    parser = options_of("print-cfg", "Print the control-flow graphs of functions.", _PRINT_CFG)
    parser.add_argument("--format", choices=("dot", "mermaid"), default="dot", help="default: dot")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .clif file; - is stdin")
    options = parser.parse_args(argv)
    files, status = _read_all(options.files)
    for file in files:
        for function in file.functions:
            write = to_mermaid if options.format == "mermaid" else to_dot
            print(write(function.func), end="")
    return status


def test_command(argv: list[str]) -> int:
    """Run filetests."""
    from grus.testing.filetest import run_paths

    parser = options_of("test", "Run the tests that .clif files contain.", _TEST)
    parser.add_argument("--bless", action="store_true", help="rewrite `; grus:` blocks")
    parser.add_argument("--json", metavar="FILE", default="", help="write every result there")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a .clif file or a directory")
    options = parser.parse_args(argv)
    return run_paths(options.paths, options.bless, options.json)
