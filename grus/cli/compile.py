"""`grus compile`: a module to machine code in a file, for `grus run` or for C programs."""

from __future__ import annotations

import argparse
import os

from grus.base import trace


def compile_command(arguments: list[str]) -> int:
    """Write the file, and with `--header` the prototypes of an object. Exit status 1 for errors."""
    parser = argparse.ArgumentParser(
        prog="grus compile",
        description="Compile a module (.wasm or .wat): to a file for `grus run` on this kind of "
        "machine (.cgrus), or to an ELF object that a C program links with "
        "examples/runtime/grus_runtime.c (docs/emit-obj.md).",
    )
    parser.add_argument("--emit", choices=["cgrus", "obj"],
                        help="what to write (default: cgrus if the output's name ends in .cgrus, "
                        "else obj)")  # fmt: skip
    parser.add_argument("-o", "--output", metavar="FILE",
                        help="default: the module's name with .o or .cgrus")  # fmt: skip
    parser.add_argument("--header", metavar="FILE", help="obj: write the prototypes in C, too")
    parser.add_argument("--name", help="obj: what symbols begin with (default: the output's)")
    parser.add_argument("--opt-level", choices=["none", "speed", "speed_and_size"],
                        default="speed")  # fmt: skip
    parser.add_argument("--native", action="store_true",
                        help="obj: use the features of this CPU")  # fmt: skip
    parser.add_argument("--jobs", type=int, metavar="N",
                        help="cgrus: processes to compile with (default: by size)")  # fmt: skip
    parser.add_argument("-W", "--wasm", action="append", default=[], metavar="FEATURE",
                        help="cgrus: as for grus run")  # fmt: skip
    parser.add_argument("--fuel", action="store_true", help="cgrus: for grus run --fuel")
    parser.add_argument("--time-passes", action="store_true",
                        help="say what each pass took; compiles in this process")  # fmt: skip
    parser.add_argument("module", metavar="MODULE", help="the file")
    options = parser.parse_args(arguments)
    emit = options.emit
    if emit is None:
        emit = "cgrus" if (options.output or "").endswith(".cgrus") else "obj"
    output = options.output or os.path.splitext(options.module)[0] + _SUFFIXES[emit]
    trace.time_passes = options.time_passes
    if emit == "cgrus":
        if options.header or options.name or options.native:
            parser.error("--header, --name and --native are for objects")
        if options.jobs is not None and options.jobs < 0:
            parser.error("argument --jobs: less than 0")
        _compile_file(options, output)
    else:
        if options.jobs is not None or options.wasm or options.fuel:
            parser.error("--jobs, --wasm and --fuel are for .cgrus files")
        _compile_object(options, output)
    if options.time_passes:
        trace.print_times()
    return 0


_SUFFIXES = {"cgrus": ".cgrus", "obj": ".o"}


def _compile_file(options: argparse.Namespace, output: str) -> None:
    from grus.cli.progress import ProgressBar
    from grus.cli.wat2wasm import write_output
    from grus.engine.engine import Engine
    from grus.engine.module import Module

    engine = Engine(
        features=",".join(options.wasm),
        opt_level=options.opt_level,
        fuel=options.fuel,
        workers=0 if options.time_passes else options.jobs,
    )
    with ProgressBar("compiling") as bar:
        data = Module.from_file(options.module, engine, progress=bar).serialize()
    write_output(output, data)


def _compile_object(options: argparse.Namespace, output: str) -> None:
    from grus.cli.wat2wasm import write_output
    from grus.engine.emit_object import emit_object
    from grus.engine.engine import Engine
    from grus.engine.module import Module

    module = Module.from_file(options.module, Engine(guards=False, opt_level=options.opt_level))
    named_by = options.module if output == "-" else output
    name = options.name or os.path.splitext(os.path.basename(named_by))[0]
    data, header = emit_object(module, name, options.native)
    write_output(output, data)
    if options.header:
        write_output(options.header, header.encode())
