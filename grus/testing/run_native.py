"""Run functions of a file as machine code: what `run` lines and the fuzzer call.

Calls go through trampolines in IR (`link/trampoline.py`), and so through the code that is tested.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

from grus.backend.settings import Settings
from grus.backend.target import Target
from grus.backend.x64.target import TARGET
from grus.base.errors import GrusError, Unsupported
from grus.host import cpu
from grus.ir import parser
from grus.ir import types as T
from grus.ir.data import DataValue
from grus.ir.function import Function
from grus.ir.verifier import check
from grus.link import trampoline as trampolines
from grus.link.jit import JITModule
from grus.testing.filetest import Context, Failure, Skip, find_files, parse_run
from grus.testing.gen_clif import THROW

_CELL = trampolines.CELL


def trampoline(func: Function) -> Function:
    """The trampoline of a function."""
    return trampolines.trampoline(func.name, func.sig)


class NativeRunner:
    """The compiled functions of one file."""

    __slots__ = ("_entries", "_functions", "module")

    def __init__(
        self,
        functions: list[Function],
        target: Target,
        settings: Settings,
        called: list[str] | None = None,
    ) -> None:
        """Compile all functions; only those `called` can be called then. Raises what
        `compile_function` raises, and LinkError."""
        self.module = JITModule(target, settings, keep_ir=False)
        self._functions = {func.name: func for func in functions}
        self._entries: dict[str, Callable[[int, int], None]] = {}
        for func in functions:
            self.module.define(func)
            if called is None or func.name in called:
                self.module.define(trampoline(func))
        if THROW not in self._functions and any(
            [ref.name == THROW for func in functions for ref in func.funcs]
        ):
            self.module.define_throw(THROW)
        self.module.finish()

    def call(self, name: str, args: list[DataValue]) -> list[DataValue]:
        """Call a function. Raises Trap; other faults end the process."""
        func = self._functions[name]
        returns = func.sig.returns
        source = b"".join([a.bits.to_bytes(_CELL, "little") for a in args])
        cells = ctypes.create_string_buffer(source, max(len(source), _CELL) + _CELL)
        results = ctypes.create_string_buffer(_CELL * len(returns) + _CELL)
        entry = self._entries.get(name)
        if entry is None:
            entry = self._entries[name] = self.module[trampolines.trampoline_name(name)]
        # 16-byte cells want aligned memory only for speed; nothing here relies on it.
        entry(ctypes.addressof(cells), ctypes.addressof(results))
        out: list[DataValue] = []
        for index, result in enumerate(returns):
            cell = results.raw[_CELL * index : _CELL * (index + 1)]
            bits = int.from_bytes(cell, "little") & ((1 << T.BITS[result.ty]) - 1)
            out.append(DataValue(result.ty, bits))
        return out

    def free(self) -> None:
        """Give the code memory back."""
        self.module.free()


# ---- filetest kind `run` ----

OVERRIDES: list[str] = ["regalloc_checker=true"]
"""Settings for all runs, after those of the file."""


def settings_of(target: parser.Target) -> Settings:
    """The settings that a `target x86_64 ...` line asks for. Raises SettingsError."""
    made = TARGET.settings()
    made.set("max_frame", str(64 << 20))  # some of Cranelift's files have large slots
    for name, value in target.settings:
        made.set(name, value)
    for flag in target.flags:
        made.parse(flag)
    for override in OVERRIDES:
        made.parse(override)
    return made


def test_run(context: Context) -> None:
    """`; run:` lines hold as machine code, in a process of their own."""
    target = context.target
    if target is None or target.triple.split("-")[0] not in ("x86_64", "x86-64"):
        raise Skip("no x86_64 target")
    settings = settings_of(target)
    for name, value in settings.values.items():
        if name.startswith("has_") and value and not cpu.has(name[4:]):
            raise Skip(f"this CPU has no {name[4:]}")
    for function in context.file.functions:
        context.must_verify(function)
    sys.stdout.flush()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            outcome = _outcome(context, settings)
        except BaseException as error:  # the child must not come back
            outcome = f"bug 0 {type(error).__name__}: {error}"
        os.write(writer, outcome.encode()[:4096])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, errors="replace") as pipe:
        outcome = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        raise Failure(f"ended by {signal.Signals(os.WTERMSIG(status)).name}")
    kind, _, rest = outcome.partition(" ")
    line, _, message = rest.partition(" ")
    if kind == "skip":
        raise Skip(message)
    if kind != "ok":
        raise Failure(message, int(line))


def _outcome(context: Context, settings: Settings) -> str:
    """In the child: `ok`, or `skip|fail LINE MESSAGE`."""
    line = 0
    try:
        native = NativeRunner([f.func for f in context.file.functions], TARGET, settings)
        for function in context.file.functions:
            for comment in function.comments:
                line = comment.line
                command = parse_run(comment.text, function.func, None, line)
                if command is not None:
                    command.check(native.call(command.name, command.args), line)
    except Unsupported as error:
        return f"skip 0 {str(error).partition(', at `')[0].partition(': ')[2]}"
    except GrusError as error:
        return f"fail {line} {error}"
    return "ok"


def call_file(file: parser.File, call: str) -> list[DataValue]:
    """Compile the functions of a file and do one call, `%f(1, 2)`. Raises what compiling and
    calling raise; faults that are no traps end the process."""
    functions = {f.func.name: f.func for f in file.functions}
    if not functions:
        raise Failure("the file has no function")
    command = parse_run(f"print: {call}", next(iter(functions.values())), functions, 0)
    if command is None:
        raise Failure(f"not a call: {call}")
    target = next((t for t in file.targets if t.triple.startswith("x86_64")), None)
    settings = settings_of(target) if target is not None else TARGET.settings()
    if target is None:
        for override in OVERRIDES:
            settings.parse(override)
    for func in functions.values():
        check(func)
    return NativeRunner(list(functions.values()), TARGET, settings).call(command.name, command.args)


def run_paths(paths: list[str]) -> dict[str, list[tuple[str, str]]]:
    """The files of each outcome, with the reason: "ok", "skip", "fail". All x86_64 targets of a
    file must pass."""
    out: dict[str, list[tuple[str, str]]] = {"ok": [], "skip": [], "fail": []}
    for path in find_files(paths):
        text = path.read_text(encoding="utf-8")
        file = parser.parse_file(text, path.name)
        commands = [c for c in file.commands if c.name == "run"]
        outcome = ("skip", "no `test run` for x86_64")
        for target in file.targets:
            if not commands or not target.triple.startswith("x86_64"):
                continue
            context = Context(parser.parse_file(text, path.name), commands[0], target, False)
            try:
                test_run(context)
                outcome = ("ok", "")
            except Skip as skip:
                outcome = ("skip", str(skip))
            except GrusError as error:
                outcome = ("fail", str(error))
            if outcome[0] != "ok":
                break
        out[outcome[0]].append((path.name, outcome[1]))
    return out


LEVELS = ("none", "speed", "speed_and_size")
ALLOCATORS = ("backtracking", "single_pass")


def table(paths: list[str]) -> int:
    """Print the outcomes at every level with either allocator, and what is left out and why."""
    base = list(OVERRIDES)
    reasons: dict[str, set[str]] = {}
    failed = False
    print("| opt_level | regalloc_algorithm | pass | left out | fail |")
    print("|---|---|---|---|---|")
    for level in LEVELS:
        for allocator in ALLOCATORS:
            OVERRIDES[:] = [*base, f"opt_level={level}", f"regalloc_algorithm={allocator}"]
            out = run_paths(paths)
            counts = [str(len(out[kind])) for kind in ("ok", "skip", "fail")]
            print(f"| {level} | {allocator} | {' | '.join(counts)} |", flush=True)
            for name, message in out["fail"]:
                failed = True
                print(f"fail {name}: {message}")
            for name, message in out["skip"]:
                reasons.setdefault(name, set()).add(message)
    OVERRIDES[:] = base
    print("\nLeft out:\n")
    by_reason: dict[str, list[str]] = {}
    for name, messages in reasons.items():
        by_reason.setdefault("; ".join(sorted(messages)), []).append(name.removesuffix(".clif"))
    for reason in sorted(by_reason):
        names = by_reason[reason]
        print(f"- {reason} ({len(names)}): {', '.join(names)}")
    return 1 if failed else 0


def main(argv: list[str]) -> int:
    """`python -m grus.testing.run_native [--table] PATH... [+NAME=VALUE]...`: outcomes."""
    OVERRIDES.extend([arg.lstrip("+") for arg in argv if arg[:1] == "+"])
    paths = [arg for arg in argv if arg[:1] != "+" and arg != "--table"]
    if "--table" in argv:
        return table(paths)
    out = run_paths(paths)
    for kind in ("fail", "skip"):
        for name, message in out[kind]:
            print(f"{kind} {name}: {message}")
    print(", ".join([f"{len(rows)} {kind}" for kind, rows in out.items()]))
    return 1 if out["fail"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
