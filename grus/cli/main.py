"""The `grus` command: finds the subcommand, and says user errors in one line."""

from __future__ import annotations

import gc
import importlib
import os
import sys

COMMANDS = {
    "run": ("grus.cli.run:run_command", "run a WebAssembly program"),
    "compile": ("grus.cli.compile:compile_command", "a module to machine code in a file"),
    "cache": ("grus.cli.cache:cache_command", "the cache of machine code"),
    "validate": ("grus.cli.validate:validate_command", "check modules"),
    "objdump": ("grus.cli.objdump:objdump_command", "show what is in a module"),
    "wat2wasm": ("grus.cli.wat2wasm:wat2wasm_command", "text to binary"),
    "wasm2wat": ("grus.cli.wasm2wat:wasm2wat_command", "binary to text"),
    "wast": ("grus.cli.wast:wast_command", "run scripts of the WebAssembly test suite"),
    "explore": ("grus.cli.explore:explore_command", "wasm, IR and assembly side by side, as HTML"),
    "clif": ("grus.cli.clif:main", "work on IR in text form"),
}

COLLECTING = ("wast", "clif")
"""Commands that leave cycles of objects behind, for they go through many files."""


def _set_up_streams() -> None:
    """Streams that were closed are empty, and every text can be written."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            stream = open(os.devnull, "w")  # noqa: SIM115
            setattr(sys, name, stream)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def usage() -> str:
    lines = ["usage: grus COMMAND [ARGUMENT...]", "", "commands:"]
    lines += [f"  {name:10} {text}" for name, (_, text) in COMMANDS.items()]
    lines += ["", "`grus COMMAND --help` tells more."]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; gives the exit status. No traceback for errors of the user."""
    own = arguments is None  # this process is for it alone
    arguments = sys.argv[1:] if arguments is None else arguments
    _set_up_streams()
    if not arguments or arguments[0] in ("help", "-h", "--help"):
        print(usage())
        return 0 if arguments else 2
    if arguments[0] in ("--version", "-V"):
        from grus import __version__
        from grus.base.build import build_info

        print(f"grus {__version__} ({build_info()})")
        return 0
    row = COMMANDS.get(arguments[0])
    if row is None:
        print(f"grus: unknown command {arguments[0]!r}; try `grus help`", file=sys.stderr)
        return 2
    from grus.base.errors import GrusError

    module, _, function = row[0].partition(":")
    freezes = own and arguments[0] not in COLLECTING
    if freezes:
        gc.disable()  # compiling leaves no cycles, and has many objects to go through
    try:
        command = getattr(importlib.import_module(module), function)
        status: int = command(arguments[1:])
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader is gone: no more output, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except GrusError as error:
        print(f"grus: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        print(f"grus: {name}{error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if freezes:
            gc.freeze()  # the interpreter would go through all of them in the end
