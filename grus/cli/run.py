"""`grus run`: run a function of a module."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def run_command(arguments: list[str]) -> int:
    """Exit status: 0, 1 or 2 for errors of the user, 134 for a trap."""
    parser = argparse.ArgumentParser(
        prog="grus run",
        description="Run a function of a WebAssembly module (.wasm or .wat) and print its results.",
    )
    parser.add_argument("--invoke", metavar="NAME", help="the export to call (default: _start, "
                        "main, or the only function)")  # fmt: skip
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="end it after this time")
    parser.add_argument("module", metavar="MODULE", help="the file")
    parser.add_argument("args", nargs=argparse.REMAINDER, metavar="ARG", help="numbers to pass")
    options = parser.parse_args(arguments)
    import grus
    from grus.base.errors import GrusError

    store = grus.Store()
    instance = grus.Instance(grus.Module.from_file(options.module), host(), store)
    function = _choose(instance.exports, options.invoke)
    params = function.type.params
    if len(options.args) != len(params):
        raise GrusError(
            f"{function.__name__} takes {len(params)} arguments, {len(options.args)} were given"
        )
    values = [_number(text, ty) for text, ty in zip(options.args, params, strict=True)]
    if options.timeout:
        store.set_timeout(options.timeout)
    try:
        result = function(*values)
    except grus.Trap as trap:
        sys.stdout.flush()
        print(f"grus: {trap}", file=sys.stderr)
        return 134
    for value in result if isinstance(result, tuple) else () if result is None else (result,):
        print(value)
    return 0


def host() -> dict[str, dict[str, Any]]:
    """What programs without WASI may import: `env.print_*` shows a number."""

    def show(value: object) -> None:
        print(value)

    return {"env": {f"print_{ty}": show for ty in ("i32", "i64", "f32", "f64")}}


def _choose(exports: Any, name: str | None) -> Any:
    import grus
    from grus.base.errors import GrusError

    functions = {key: exports[key] for key in exports if isinstance(exports[key], grus.Func)}
    if name is not None:
        if name not in functions:
            known = ", ".join(functions) or "none"
            raise GrusError(f"no exported function {name!r}; there are: {known}")
        return functions[name]
    for key in ("_start", "main"):
        if key in functions:
            return functions[key]
    if len(functions) == 1:
        return next(iter(functions.values()))
    known = ", ".join(functions) or "none"
    raise GrusError(f"say which function to call with --invoke; there are: {known}")


def _number(text: str, ty: int) -> int | float:
    from grus.base.errors import GrusError
    from grus.wasm import types as T

    try:
        if ty in (T.I32, T.I64):
            return int(text, 0)
        return float(text)
    except ValueError:
        raise GrusError(f"{text!r} is not a number of type {T.type_name(ty)}") from None
