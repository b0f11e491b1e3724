"""`grus compile`: a module to an object file for C programs."""

from __future__ import annotations

import argparse
import os


def compile_command(arguments: list[str]) -> int:
    """Write the object, and with `--header` its prototypes. Exit status 1 for errors."""
    parser = argparse.ArgumentParser(
        prog="grus compile",
        description="Compile a module (.wasm or .wat) to an ELF object that a C program links with "
        "examples/runtime/grus_runtime.c (docs/emit-obj.md).",
    )
    parser.add_argument("--emit", choices=["obj"], default="obj", help="what to write")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: the module's name, .o")
    parser.add_argument("--header", metavar="FILE", help="write the prototypes in C, too")
    parser.add_argument("--name", help="what symbols begin with (default: the output's)")
    parser.add_argument("--opt-level", choices=["none", "speed", "speed_and_size"],
                        default="speed")  # fmt: skip
    parser.add_argument("--native", action="store_true", help="use the features of this CPU")
    parser.add_argument("module", metavar="MODULE", help="the file")
    options = parser.parse_args(arguments)
    from grus.cli.wat2wasm import write_output
    from grus.engine.emit_object import emit_object
    from grus.engine.engine import Engine
    from grus.engine.module import Module

    module = Module.from_file(options.module, Engine(guards=False, opt_level=options.opt_level))
    output = options.output or os.path.splitext(options.module)[0] + ".o"
    named_by = options.module if output == "-" else output
    name = options.name or os.path.splitext(os.path.basename(named_by))[0]
    data, header = emit_object(module, name, options.native)
    write_output(output, data)
    if options.header:
        write_output(options.header, header.encode())
    return 0
