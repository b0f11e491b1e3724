"""`grus clif wasm`: a WebAssembly module as the IR that the engine compiles."""

from __future__ import annotations

import argparse
import sys

from grus.base.errors import GrusError
from grus.cli.wasm_input import add_features, parse_features, read_module_bytes
from grus.engine.compile import settings_for
from grus.engine.engine import Engine
from grus.engine.module import Module
from grus.engine.translate.func import translate
from grus.ir.function import NO_LOC, Function
from grus.ir.printer import print_function
from grus.ir.verifier import check
from grus.wasm.module import FUNC

_EPILOG = """\
A function is named u0:N, N its index in the module; its name, if it has one, stands before it as
a comment. Addresses of instructions in the module stand at the left (`@002f`).

examples:
  grus clif wasm examples/primes.wat
  grus clif wasm app.wasm -f main --no-locs > main.clif
  grus clif wasm app.wasm --test compile > test.clif    a filetest, with the engine's settings
"""


def wasm_command(argv: list[str]) -> int:
    """Translate modules and print their functions. 1 when a module cannot be translated."""
    parser = argparse.ArgumentParser(
        prog="grus clif wasm",
        description="Translate a WebAssembly module (binary or text) to IR and print it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a module; - is standard input")
    parser.add_argument(
        "-f", "--function", action="append", default=[], metavar="NAME",
        help="only this function: its name, export name or index (any number of times)",
    )  # fmt: skip
    parser.add_argument("--no-locs", action="store_true", help="leave addresses out")
    parser.add_argument("--checked", action="store_true", help="check bounds of every access "
                        "instead of relying on guard pages")  # fmt: skip
    parser.add_argument("--test", metavar="KIND", help="begin with the lines of a filetest")
    add_features(parser)
    given = parser.parse_args(argv)
    engine = Engine(features=parse_features(given.features), guards=not given.checked)
    texts: list[str] = []
    for name in given.files:
        data = read_module_bytes(name)
        try:
            texts.append(_module_text(Module(data, engine), given))
        except GrusError as error:
            print(f"grus: {name}: {error}", file=sys.stderr)
            return 1
    if given.test:
        print(test_header(given.test, engine))
    print("\n".join(texts), end="")
    return 0


def test_header(kind: str, engine: Engine) -> str:
    """`test`, `set` and `target` lines for code that an Engine compiles."""
    settings = settings_for(engine)
    lines = [f"test {kind}"]
    flags: list[str] = []
    for name, row in settings.rows.items():
        if settings.values[name] == row.default or name == "enable_verifier":
            continue
        if name.startswith("has_"):
            flags.append(name)
        else:
            lines.append(f"set {name}={settings.text(name)}")
    return "\n".join([*lines, " ".join(["target", "x86_64", *flags]), ""])


def translated(module: Module, index: int) -> Function:
    """The verified IR of one function of a module. Raises Unsupported."""
    func = translate(module.info, index)
    check(func)
    return func


def _module_text(module: Module, given: argparse.Namespace) -> str:
    wasm = module.wasm
    indices = list(range(wasm.num_imported_funcs, len(wasm.funcs)))
    if given.function:
        indices = sorted({_find(module, name) for name in given.function})
    texts: list[str] = []
    for index in indices:
        func = translated(module, index)
        if given.no_locs:
            for block in func.blocks:
                for inst in block.insts:
                    inst.loc = NO_LOC
        label = wasm.func_name(index)
        title = f"; ${label}\n" if label and label.isprintable() else ""
        texts.append(title + print_function(func))
    return "\n".join(texts)


def _find(module: Module, name: str) -> int:
    """The index of a function of this module. Raises GrusError when there is none."""
    wasm = module.wasm
    found = -1
    for export in wasm.exports:
        if export.kind == FUNC and export.name == name:
            found = export.index
    for index, known in wasm.names.functions.items():
        if known == name.removeprefix("$"):
            found = index
    if name.isascii() and name.isdigit() and int(name) < len(wasm.funcs):
        found = int(name)
    if found < 0:
        raise GrusError(f"there is no function {name!r}")
    if found < wasm.num_imported_funcs:
        raise GrusError(f"function {name!r} is imported: it has no code")
    return found
