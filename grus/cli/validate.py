"""`grus validate FILE...`: is each file a valid WebAssembly module?"""

from __future__ import annotations

import argparse
import sys

from grus.base.errors import GrusError
from grus.cli.wasm_input import add_features, parse_features, read_module_bytes
from grus.wasm.decode import decode
from grus.wasm.errors import WasmError
from grus.wasm.validate import validate


def validate_command(argv: list[str]) -> int:
    """Run the command. 0: all valid; 1: some file is not; 2: the command cannot be carried out."""
    parser = argparse.ArgumentParser(
        prog="grus validate",
        description="Check that files are valid WebAssembly modules (binary or text).",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a module; - is standard input")
    add_features(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing, only exit")
    options = parser.parse_args(argv)
    status = 0
    try:
        features = parse_features(options.features)
    except GrusError as error:
        print(f"grus: {error}", file=sys.stderr)
        return 2
    for name in options.files:
        try:
            validate(decode(read_module_bytes(name), features), features)
        except WasmError as error:
            status = max(status, 1)
            if not options.quiet:
                print(f"grus: {name}: {error}", file=sys.stderr)
        except (GrusError, OSError) as error:
            status = 2
            print(f"grus: {error}", file=sys.stderr)
    return status
