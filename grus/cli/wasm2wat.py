"""`grus wasm2wat`: binary to text."""

from __future__ import annotations

import argparse


def wasm2wat_command(arguments: list[str]) -> int:
    """0 when the output is written; errors are raised for `main` to say."""
    parser = argparse.ArgumentParser(
        prog="grus wasm2wat", description="Print a module in text form (.wat)."
    )
    parser.add_argument("file", metavar="FILE", help="the module; - is standard input")
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help="default: stdout")
    parser.add_argument("--folded", action="store_true", help="nest operands in parentheses")
    parser.add_argument("--no-names", action="store_true", help="number everything")
    from grus.cli.wasm_input import add_features, parse_features

    add_features(parser)
    options = parser.parse_args(arguments)
    from grus.cli.wasm_input import read_module_bytes
    from grus.cli.wat2wasm import write_output
    from grus.wasm.decode import decode
    from grus.wasm.text.printer import print_module

    features = parse_features(options.features)
    module = decode(read_module_bytes(options.file), features)
    text = print_module(module, options.folded, not options.no_names)
    write_output(options.output, text.encode())
    return 0
