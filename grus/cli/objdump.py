"""`grus objdump [-h] [-x] [-d] FILE...`: what stands where in a WebAssembly module."""

from __future__ import annotations

import argparse
import sys

from grus.base.errors import GrusError
from grus.cli.wasm_input import add_features, parse_features, read_module_bytes
from grus.wasm import objdump
from grus.wasm.decode import decode


def objdump_command(argv: list[str]) -> int:
    """Run the command. 0: done; 1: a module is malformed or a file or option is wrong."""
    parser = argparse.ArgumentParser(
        prog="grus objdump",
        description="List sections, items and function bodies of WebAssembly modules.",
        add_help=False,
    )
    parser.add_argument("--help", action="help", help="show this text")
    parser.add_argument("-h", "--headers", action="store_true", help="sections (the default)")
    parser.add_argument("-x", "--details", action="store_true", help="types, imports, exports, ...")
    parser.add_argument("-d", "--disassemble", action="store_true", help="function bodies")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a module; - is standard input")
    add_features(parser)
    options = parser.parse_args(argv)
    status = 0
    for name in options.files:
        try:
            module = decode(read_module_bytes(name), parse_features(options.features))
            print(f"{name}: {len(module.data)} bytes")
            if options.headers or not (options.details or options.disassemble):
                print("\nSections:")
                for line in objdump.headers(module):
                    print(line)
            if options.details:
                print("\nDetails:")
                for line in objdump.details(module):
                    print(line)
            if options.disassemble:
                print("\nCode:")
                for line in objdump.disassemble(module):
                    print(line)
        except GrusError as error:
            status = 1
            print(f"grus: {name}: {error}", file=sys.stderr)
    return status
