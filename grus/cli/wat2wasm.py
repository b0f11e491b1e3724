"""`grus wat2wasm`: text to binary."""

from __future__ import annotations

import argparse
import sys


def wat2wasm_command(arguments: list[str]) -> int:
    """0 when the output is written; errors are raised for `main` to say."""
    parser = argparse.ArgumentParser(
        prog="grus wat2wasm", description="Assemble a module in text form (.wat)."
    )
    parser.add_argument("file", metavar="FILE", help="the text; - is standard input")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: FILE with .wasm; - stdout")
    parser.add_argument("--no-check", action="store_true", help="do not validate the module")
    from grus.cli.wasm_input import add_features, parse_features

    add_features(parser)
    options = parser.parse_args(arguments)
    from grus.wasm.decode import decode
    from grus.wasm.errors import WasmError
    from grus.wasm.text import parse_wat
    from grus.wasm.validate import validate

    if options.file == "-":
        source = sys.stdin.buffer.read()
    else:
        with open(options.file, "rb") as file:
            source = file.read()
    module = parse_wat(source, options.file)
    if not options.no_check:
        features = parse_features(options.features)
        try:
            validate(decode(module.binary, features), features)
        except WasmError as error:
            raise module.locate(error) from None
    write_output(options.output or _default(options.file), module.binary)
    return 0


def _default(name: str) -> str:
    return "-" if name == "-" else name.removesuffix(".wat") + ".wasm"


def write_output(name: str, data: bytes) -> None:
    """Write a file whole or not at all; `-` is standard output. Raises OSError.

    A link keeps its place, and what is no regular file (a device, a pipe) is written to.
    """
    if name == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    import os
    import tempfile

    if os.path.exists(name) and not os.path.isfile(name):
        with open(name, "wb") as stream:
            stream.write(data)
        return
    path = os.path.realpath(name)
    directory = os.path.dirname(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=".grus-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:  # of a temporary name
        raise OSError(error.errno, error.strerror, name) from None
