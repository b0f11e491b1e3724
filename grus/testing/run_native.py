"""Run functions of a file as machine code: what `run` lines and the fuzzer call.

For every function a trampoline is built in IR, `system_v (arguments, results)`: it loads the
arguments from 16-byte cells, calls the function in its own convention and stores the results. So
calls of any signature from Python need one prototype only, and pass through the code that is
tested.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from grus.backend.settings import Settings
from grus.backend.target import Target
from grus.backend.x64.target import TARGET
from grus.base.errors import GrusError, Unsupported
from grus.host import cpu
from grus.ir import opcodes as ops
from grus.ir import parser
from grus.ir import types as T
from grus.ir.data import DataValue, parse_bytes, parse_lane
from grus.ir.function import (
    NIL,
    AbiParam,
    Block,
    CallInfo,
    FuncRef,
    Function,
    Signature,
    Value,
    mem_flags,
    results_of,
)
from grus.link.jit import JITModule

_CELL = 16
_TRUSTED = mem_flags(trap=0)


def trampoline(func: Function) -> Function:
    """`system_v (i64, i64)`: call `func` with arguments from memory, results to memory."""
    made = Function(_name(func), Signature([AbiParam(T.I64), AbiParam(T.I64)], [], "system_v"))
    block = made.add_block()
    source = made.add_param(block, T.I64)
    target = made.add_param(block, T.I64)
    args: list[Value] = []
    for index, param in enumerate(func.sig.params):
        load = _add(made, block, ops.LOAD, param.ty, source)
        load.ext = _TRUSTED
        load.imm = _CELL * index
        args.append(load)
    sig = Signature(func.sig.params, func.sig.returns, func.sig.call_conv)
    made.add_sig(sig)
    ref = FuncRef(func.name, sig, colocated=True)
    made.add_func(ref)
    call = _add(made, block, ops.CALL_, T.INVALID)
    call.args = tuple(args)
    call.ext = CallInfo(sig, ref)
    made.add_results(call, [r.ty for r in sig.returns])
    for index, result in enumerate(results_of(call)):
        store = _add(made, block, ops.STORE, T.INVALID, result, target)
        store.ext = _TRUSTED
        store.imm = _CELL * index
    _add(made, block, ops.RETURN_, T.INVALID)
    return made


def _name(func: Function) -> str:
    return f"%__call_{func.name.lstrip('%').replace(':', '_')}"


def _add(func: Function, block: Block, op: int, ty: int, a: Value = NIL, b: Value = NIL) -> Value:
    value = func.new_value(op, ty, block)
    value.a = a
    value.b = b
    block.insts.append(value)
    return value


class NativeRunner:
    """The compiled functions of one file."""

    __slots__ = ("_functions", "module")

    def __init__(self, functions: list[Function], target: Target, settings: Settings) -> None:
        """Compile all functions. Raises what `compile_function` raises, and LinkError."""
        self.module = JITModule(target, settings)
        self._functions = {func.name: func for func in functions}
        for func in functions:
            made = trampoline(func)
            self.module.define(func)
            self.module.define(made)
        self.module.finish()

    def call(self, name: str, args: list[DataValue]) -> list[DataValue]:
        """Call a function. Faults and traps end the process."""
        func = self._functions[name]
        returns = func.sig.returns
        source = b"".join([a.bits.to_bytes(_CELL, "little") for a in args])
        cells = ctypes.create_string_buffer(source, max(len(source), _CELL) + _CELL)
        results = ctypes.create_string_buffer(_CELL * len(returns) + _CELL)
        entry = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64)(
            self.module.address(_name(func))
        )
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


class RunCommand:
    """`run: %f(ARGS) == RESULTS` (or `!=`). `results` is empty when nothing is expected."""

    __slots__ = ("args", "equal", "name", "results", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.name = ""
        self.args: list[DataValue] = []
        self.results: list[DataValue] = []
        self.equal = True


class RunError(GrusError):
    """A `run` line that cannot be understood."""


def parse_run(text: str, functions: dict[str, Function], last: Function) -> RunCommand | None:
    """A comment's run command, None when it is none. Raises RunError, NumberError."""
    body = text.lstrip("; ")
    if not body.startswith("run"):
        return None
    body = body[3:]
    command = RunCommand(text.strip())
    if not body.strip():
        # The function takes nothing and gives what is not zero.
        command.name = last.name
        command.equal = False
        command.results = [DataValue(p.ty, 0) for p in last.sig.returns]
        return command
    if not body.startswith(":"):
        return None
    call = body[1:].strip()
    name, _, rest = call.partition("(")
    args, _, expected = rest.partition(")")
    command.name = name.strip()
    func = functions.get(command.name)
    if func is None:
        raise RunError(f"{command.text}: there is no function {command.name}")
    command.args = _values(args, [p.ty for p in func.sig.params], command.text)
    expected = expected.strip()
    if expected:
        command.equal = expected.startswith("==")
        if not expected.startswith(("==", "!=")):
            raise RunError(f"{command.text}: == or != expected")
        expected = expected[2:].strip()
        types = [r.ty for r in func.sig.returns]
        if len(types) != 1 and expected.startswith("["):
            expected = expected[1:-1]
        command.results = _values(expected, types, command.text)
    return command


def _values(text: str, types: list[int], where: str) -> list[DataValue]:
    """Values separated by commas; lanes of vectors stand in brackets."""
    parts: list[str] = []
    depth = 0
    part = ""
    for char in text:
        if char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
        if char == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += char
    if part.strip():
        parts.append(part)
    if len(parts) != len(types):
        raise RunError(f"{where}: {len(parts)} values for {len(types)}")
    return [_value(part.strip(), ty) for part, ty in zip(parts, types, strict=True)]


def _value(text: str, ty: int) -> DataValue:
    if not text.startswith("["):
        if T.LANES[ty] > 1:
            return DataValue(ty, int.from_bytes(parse_bytes(text, T.size(ty)), "little"))
        return DataValue(ty, parse_lane(text, ty))
    lane = T.LANE[ty]
    bits = 0
    for index, item in enumerate(text[1:-1].replace(",", " ").split()):
        bits |= parse_lane(item, lane) << index * T.BITS[lane]
    return DataValue(ty, bits)


def settings_of(target: parser.Target, overrides: list[str]) -> Settings:
    """The settings that a `target x86_64 ...` line asks for. Raises SettingsError."""
    made = TARGET.settings()
    made.set("max_frame", str(64 << 20))  # some of Cranelift's files have large slots
    for name, value in target.settings:
        made.set(name, value)
    for flag in target.flags:
        made.parse(flag)
    for override in overrides:
        made.parse(override)
    return made


def run_file(file: parser.File, overrides: list[str]) -> tuple[int, list[str]]:
    """Run a file for each of its x86_64 targets: lines run, and what is wrong.

    Raises Unsupported with the reason why the file is skipped. A fault ends the process.
    """
    targets = [t for t in file.targets if t.triple.split("-")[0] in ("x86_64", "x86-64")]
    if not targets:
        raise Unsupported("no x86_64 target")
    lines = 0
    wrong: list[str] = []
    for target in targets:
        settings = settings_of(target, overrides)
        for name, value in settings.values.items():
            if name.startswith("has_") and value and not cpu.has(name[4:]):
                raise Unsupported(f"this CPU has no {name[4:]}")
        functions = {text.func.name: text.func for text in file.functions}
        # Compiling resolves aliases only: the functions serve for the next target again.
        native = NativeRunner(list(functions.values()), TARGET, settings)
        for text in file.functions:
            for comment in text.comments:
                command = parse_run(comment.text, functions, text.func)
                if command is None:
                    continue
                lines += 1
                got = native.call(command.name, command.args)
                if command.results and (got == command.results) != command.equal:
                    wrong.append(f"{command.text}: got {got}")
        native.free()
    return lines, wrong


def run_directory(paths: list[Path], overrides: list[str]) -> dict[str, list[tuple[str, str]]]:
    """Run files, each in a process of its own: {"ok" | "skip" | "fail": [(name, message)]}."""
    out: dict[str, list[tuple[str, str]]] = {"ok": [], "skip": [], "fail": []}
    for path in paths:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            os.write(writer, "|".join(_outcome(path, overrides)).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            kind, _, message = pipe.read().partition("|")
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            kind, message = "fail", f"signal {os.WTERMSIG(status)}"
        out[kind].append((path.name, message))
    return out


def _outcome(path: Path, overrides: list[str]) -> tuple[str, str]:
    try:
        file = parser.parse_file(path.read_text(), path.name)
        if not any(command.name == "run" for command in file.commands):
            return "skip", "no `test run`"
        lines, wrong = run_file(file, overrides)
    except Unsupported as error:
        return "skip", str(error)
    except GrusError as error:
        return "fail", str(error)[:500]
    return ("fail", wrong[0][:500]) if wrong else ("ok", f"{lines} lines")


def main(argv: list[str]) -> int:
    """`python -m grus.testing.run_native DIR [NAME=VALUE]...`: a table of outcomes."""
    paths = sorted(Path(argv[0]).glob("*.clif"))
    out = run_directory(paths, ["regalloc_checker=true", *argv[1:]])
    for kind in ("fail", "skip"):
        for name, message in out[kind]:
            print(f"{kind} {name}: {message}")
    print(", ".join([f"{len(rows)} {kind}" for kind, rows in out.items()]))
    return 1 if out["fail"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
