"""Digests of machine code, to compare two builds of Grus:

    python -m grus.testing.code_digest FILE...

For each module in the files (`.wasm`, `.wat`, or all of a `.wast`) prints a line for each way to
compile it: the place, the way, and a digest of code, traps, source places and stack maps. What
cannot be compiled has its error instead.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from grus.base.errors import GrusError
from grus.engine.compile import compile_functions
from grus.engine.config import CodeSettings
from grus.engine.engine import Engine
from grus.engine.module import Module
from grus.testing.wast import features_for
from grus.wasm.errors import TextError
from grus.wasm.text.parser import parse_wat
from grus.wasm.text.wast import ScriptModule, parse_script

CPU = ("avx", "avx2", "bmi1", "bmi2", "fma", "abm", "popcnt", "sse4_1", "sse4_2", "ssse3", "pni")
WAYS = {
    "fast": CodeSettings("full", "none", "single_pass", False, CPU, True, False),
    "quality": CodeSettings("full", "speed", "backtracking", False, CPU, True, True),
    "baseline": CodeSettings("baseline", "none", "single_pass", False, CPU, True, False),
}


def modules(path: str) -> Iterator[tuple[str, bytes | str]]:
    """The modules of a file, with their places."""
    data = Path(path).read_bytes()
    if not path.endswith(".wast"):
        yield path, data
        return
    for command in parse_script(data, path):
        module = command.module
        if not isinstance(module, ScriptModule):
            continue
        place = f"{path}:{module.line}"
        try:
            if module.kind == "binary":
                yield place, module.data
                continue
            parsed = parse_wat(module.data) if module.kind == "quote" else module.parsed
        except TextError:
            continue
        if parsed is not None and not isinstance(parsed, TextError):
            yield place, parsed.binary


def digest(module: Module, way: CodeSettings) -> str:
    """The digest of all that is compiled of a module."""
    wasm = module.wasm
    first = wasm.num_imported_funcs
    image = compile_functions(module.info, way, range(first, len(wasm.funcs)), False)
    made = hashlib.sha256(bytes(image.code) + bytes(image.faults))
    tables = (
        image.functions,
        sorted(image.traps.items()),
        image.locs,
        image.inlined,
        image.largest_frame,
    )
    made.update(repr((tables, sorted(image.stack_maps.items()))).encode())
    return made.hexdigest()


def lines(path: str) -> Iterator[str]:
    """What is printed for a file."""
    engine = Engine(features=features_for(path))
    for place, source in modules(path):
        try:
            module = Module(source, engine)
        except GrusError as error:
            yield f"{place} {error}"
            continue
        for name, way in WAYS.items():
            try:
                yield f"{place} {name} {digest(module, way)}"
            except GrusError as error:
                yield f"{place} {name} {error}"


def main() -> None:
    for path in sys.argv[1:]:
        for line in lines(path):
            print(line)


if __name__ == "__main__":
    main()
