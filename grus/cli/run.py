"""`grus run`: run a program, or a function of a module."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any


class Options:
    """What the command line says."""

    def __init__(self) -> None:
        self.dir: list[str] = []
        self.dir_read_only: list[str] = []
        self.env: list[str] = []
        self.wasm: list[str] = []
        self.args: list[str] = []
        self.module = ""
        self.invoke: str | None = None
        self.timeout: float | None = None
        self.fuel: int | None = None
        self.opt_level = "speed"
        self.tier: str | None = None
        self.tier_stats = False
        self.no_cache = False
        self.time_passes = False


def _parser() -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(
        prog="grus run",
        description="Run a WebAssembly program. A WASI command gets the arguments; "
        "of other modules a function is called with numbers, and its results are printed.",
    )
    parser.add_argument("--dir", action="append", metavar="HOST[::GUEST]",
                        help="let the program use a directory, as GUEST")  # fmt: skip
    parser.add_argument("--dir-read-only", action="append", metavar="HOST[::GUEST]",
                        help="the same, which it cannot change")  # fmt: skip
    parser.add_argument("--env", action="append", metavar="NAME[=VALUE]",
                        help="set a variable for the program, or pass on one's own")  # fmt: skip
    parser.add_argument("--invoke", metavar="NAME", help="the export to call (default: _start, "
                        "main, or the only function)")  # fmt: skip
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS",
                        help="end it after this time")  # fmt: skip
    parser.add_argument("--fuel", type=_count, metavar="N",
                        help="end it after so many instructions")  # fmt: skip
    parser.add_argument("-W", "--wasm", action="append", metavar="FEATURE",
                        help="a proposal that the module may use, or with a - before it may not, "
                        "as in -W threads,-simd")  # fmt: skip
    parser.add_argument("-O", "--opt-level", metavar="LEVEL",
                        choices=["none", "speed", "speed_and_size"],
                        help="none, speed (default) or speed_and_size")  # fmt: skip
    parser.add_argument("--tier", choices=["auto", "eager", "fast", "lazy"],
                        help="when functions are compiled: all at first (eager), when they are "
                        "called (lazy), the same but quickly (fast), or that and again when they "
                        "are hot (auto, the default)")  # fmt: skip
    parser.add_argument("--tier-stats", action="store_true",
                        help="say at the end how many functions were compiled how")  # fmt: skip
    parser.add_argument("--no-cache", action="store_true",
                        help="neither use nor write the cache of machine code")  # fmt: skip
    parser.add_argument("--time-passes", action="store_true",
                        help="say in the end what compiling took, by pass; without the "
                        "cache, and in this process")  # fmt: skip
    parser.add_argument("module", metavar="MODULE",
                        help="the file: .wasm, .wat, or .cgrus of grus compile")  # fmt: skip
    parser.add_argument("args", nargs=argparse.REMAINDER, metavar="ARG",
                        help="arguments of the program, or numbers to pass")  # fmt: skip
    return parser


def run_command(arguments: list[str]) -> int:
    """Exit status: the program's, 1 or 2 for errors of the user, 134 for a trap."""
    options = Options()
    if arguments and not arguments[0].startswith("-"):
        options.module, *options.args = arguments
    else:
        _parser().parse_args(arguments, options)
    if not options.time_passes:
        return _run_file(options)
    from grus.base import trace

    trace.time_passes = options.no_cache = True
    try:
        return _run_file(options)
    finally:
        sys.stdout.flush()
        trace.print_times()


def _run_file(options: Options) -> int:
    import grus
    from grus.run_api import STACK

    engine = grus.Engine(
        features=",".join(options.wasm),
        opt_level=options.opt_level,
        fuel=options.fuel is not None,
        tier=options.tier,
        cache=not options.no_cache,
        workers=0 if options.time_passes else None,
    )
    if options.module.endswith(".cgrus"):
        module = grus.Module.deserialize_file(options.module, engine)
    else:
        from grus.cli.progress import ProgressBar

        with ProgressBar("compiling") as bar:
            module = grus.Module.from_file(options.module, engine, progress=bar)
            module.load()
    config = grus.WasiConfig([os.path.basename(options.module), *options.args])
    for text in options.env:
        name, given, value = text.partition("=")
        if not name:
            _parser().error(f"argument --env: {text!r} has no name")
        if given or name in os.environ:
            config.env[name] = value if given else os.environ[name]
    for texts, read_only in ((options.dir, False), (options.dir_read_only, True)):
        for text in texts:
            directory, _, guest = text.partition("::")
            config.preopen(guest or directory, directory, read_only=read_only)
    with grus.Store(engine, max_wasm_stack=STACK) as store, grus.Wasi(config) as wasi:
        if options.fuel is not None:
            store.set_fuel(options.fuel)
        if options.timeout:
            store.set_timeout(options.timeout)
        try:
            instance = grus.Instance(module, host() | wasi.imports(store), store)
            _run(instance.exports, options.invoke, options.args)
        except grus.ExitStatus as end:
            return end.code
        except grus.Trap as trap:
            sys.stdout.flush()
            print(f"grus: {trap}", file=sys.stderr)
            return 134
        finally:
            if options.tier_stats:
                sys.stdout.flush()
                print(module.tier_stats().text(), file=sys.stderr)
    return 0


def _seconds(text: str) -> float:
    """A time in an option. Raises ArgumentTypeError when it is none, or negative."""
    import argparse

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time in seconds")
    return value


def _count(text: str) -> int:
    """A number of instructions. Raises ArgumentTypeError."""
    import argparse

    if not text.isdecimal() or int(text) >= 1 << 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of instructions")
    return int(text)


def _run(exports: Any, name: str | None, args: list[str]) -> None:
    """Run a command, or call a function with numbers and print its results."""
    from grus.base.errors import GrusError

    if name is None and "_start" in exports:
        exports["_start"]()
        return
    function = _choose(exports, name)
    params = function.type.params
    if len(args) != len(params):
        raise GrusError(
            f"{function.__name__} takes {len(params)} arguments, {len(args)} were given"
        )
    values = [_number(text, ty) for text, ty in zip(args, params, strict=True)]
    if "_initialize" in exports and name != "_initialize":
        exports["_initialize"]()
    result = function(*values)
    for value in result if isinstance(result, tuple) else () if result is None else (result,):
        print(value)


def host() -> dict[str, dict[str, Any]]:
    """What programs may import beside WASI: `env.print_*` shows a number."""

    def show(value: object) -> None:
        print(value, flush=True)

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
    if "main" in functions:
        return functions["main"]
    if len(functions) == 1:
        return next(iter(functions.values()))
    known = ", ".join(functions) or "none"
    raise GrusError(f"say which function to call with --invoke; there are: {known}")


def _number(text: str, ty: int) -> int | float:
    from grus.base.errors import GrusError
    from grus.wasm import types as T

    try:
        if ty not in (T.I32, T.I64):
            return float(text)
        value = int(text, 0)
    except ValueError:
        raise GrusError(f"{text!r} is not a number of type {T.type_name(ty)}") from None
    bits = 32 if ty == T.I32 else 64
    if not -(1 << bits - 1) <= value < 1 << bits:
        raise GrusError(f"{text} does not fit type {T.type_name(ty)}")
    return value
