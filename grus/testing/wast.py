"""Runs scripts of the WebAssembly specification's test suite: `grus wast`.

Counts assertions and module definitions. What needs a proposal that the engine does not run yet is
skipped with that reason; a wrong result, message or exception is a failure.
"""

from __future__ import annotations

import os
from typing import Any

from grus.base.errors import GrusError, Unsupported
from grus.engine.engine import Engine
from grus.engine.errors import LinkError, Trap
from grus.engine.func import call_raw, host_func
from grus.engine.global_ import new_global
from grus.engine.instance import Instance
from grus.engine.memory import memory_handle, new_memory_core
from grus.engine.module import Module
from grus.engine.store import Store
from grus.engine.table import Table, new_table_core
from grus.engine.values import to_raw
from grus.host.libc import HostError
from grus.wasm import types as T
from grus.wasm.errors import TextError, WasmError
from grus.wasm.features import Features
from grus.wasm.text.parser import parse_wat
from grus.wasm.text.wast import (
    NAN_CANONICAL,
    Action,
    Command,
    Const,
    ScriptModule,
    parse_script,
)


class Failed(Exception):
    """An assertion does not hold; the text says why."""


class Result:
    """Counts, and one line for each failure and each reason for skips."""

    __slots__ = ("failures", "failed", "messages", "passed", "reasons", "skipped")

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.failures: list[str] = []
        self.reasons: dict[str, int] = {}
        self.messages: list[str] = []  # errors in other words than the script's

    def add(self, other: Result) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.messages += other.messages
        for reason, count in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count


class _HostObject:
    """What `ref.extern N` of a script is in Python."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


def features_for(path: str) -> Features:
    """Features under which a file of the suite is meant: proposals stand apart from the core."""
    if "/proposals/threads/" in path:
        return Features.parse("-multi-memory,-reference-types,-function-references,-gc")
    return Features.parse("default")


class ScriptRunner:
    """State of one script: the store, named and registered modules."""

    def __init__(self, path: str, engine: Engine) -> None:
        self.path = path
        self.engine = engine
        self.store = Store(engine)
        self.registered: dict[str, Any] = {"spectest": self.spectest()}
        self.named: dict[str, Instance] = {}
        self.definitions: dict[str, Module] = {}
        self.latest: Instance | None = None
        self.spoiled: list[Instance] = []  # by commands that were skipped
        self.objects: dict[int, _HostObject] = {}
        self.result = Result()

    def spectest(self) -> dict[str, Any]:
        """The module that the suite expects the host to have."""
        store = self.store
        place: dict[str, Any] = {}
        for name, params in (
            ("print", ()), ("print_i32", (T.I32,)), ("print_i64", (T.I64,)),
            ("print_f32", (T.F32,)), ("print_f64", (T.F64,)), ("print_i32_f32", (T.I32, T.F32)),
            ("print_f64_f64", (T.F64, T.F64)),
        ):  # fmt: skip
            place[name] = host_func(store, lambda *_: None, T.FuncType(params, ()), name)
        for name, ty, value in (
            ("global_i32", T.I32, 666), ("global_i64", T.I64, 666), ("global_f32", T.F32, 666.6),
            ("global_f64", T.F64, 666.6),
        ):  # fmt: skip
            place[name] = new_global(store, T.GlobalType(ty, False), value)
        memory = new_memory_core(store, T.MemoryType(T.Limits(1, 2)))
        place["memory"] = memory_handle(store, memory)
        for name, is64 in (("table", False), ("table64", True)):
            table = T.TableType(T.FUNCREF, T.Limits(10, 20, is64))
            place[name] = Table(store, new_table_core(store, table))
        shared = T.MemoryType(T.Limits(1, 2, shared=True))
        place["shared_memory"] = memory_handle(store, new_memory_core(store, shared))
        return place

    # ---- modules ----

    def compile(self, module: ScriptModule) -> Module:
        """Raises WasmError or Unsupported."""
        if module.kind == "binary":
            return Module(module.data, self.engine)
        parsed = parse_wat(module.data) if module.kind == "quote" else module.parsed
        if isinstance(parsed, TextError):
            raise parsed
        assert parsed is not None
        try:
            return Module(parsed.binary, self.engine)
        except WasmError as error:
            raise parsed.locate(error) from None

    def instantiate(self, module: Module, name: str | None) -> Instance:
        try:
            instance = Instance(module, self.registered, self.store)
        except LinkError as error:
            if self.result.reasons and str(error).startswith("unknown import"):
                raise Unsupported("a module that was not instantiated") from None
            raise
        self.latest = instance
        if name is not None:
            self.named[name] = instance
        return instance

    def instance(self, name: str | None) -> Instance:
        found = self.latest if name is None else self.named.get(name)
        if found is None:
            raise Unsupported("a module that was not instantiated")
        if found in self.spoiled:
            raise Unsupported("an instance that a skipped command would have changed")
        return found

    # ---- values ----

    def raw(self, const: Const) -> tuple[int, int]:
        if const.type in ("ref.extern", "ref.host"):
            if const.type == "ref.host":
                raise Unsupported("anyref")
            number = const.bits or 0
            value = self.objects.setdefault(number, _HostObject(number))
            return to_raw(self.store, value, T.EXTERNREF, "argument")
        bits = const.bits or 0
        return bits & (1 << 64) - 1, bits >> 64

    def matches(self, raw: tuple[int, int], ty: int, const: Const) -> bool:
        if const.choices:
            return any(self.matches(raw, ty, choice) for choice in const.choices)
        if const.type.startswith("ref."):
            if const.type == "ref.null":
                return raw[0] == 0
            if const.type == "ref.extern" and const.bits is not None:
                return raw[0] != 0 and raw == self.raw(const)
            if const.type in ("ref.extern", "ref.func"):
                return raw[0] != 0
            raise Unsupported(f"results of type {const.type}")
        value = raw[0] | raw[1] << 64
        bits = int(const.lane_type.split("x")[0][1:])
        for number, lane in enumerate(const.lanes):
            part = value >> (bits * number) & (1 << bits) - 1
            if isinstance(lane, str):
                if not _is_nan(part, bits, lane == NAN_CANONICAL):
                    return False
            elif part != lane:
                return False
        return True

    # ---- actions ----

    def act(self, action: Action) -> list[tuple[tuple[int, int], int]]:
        """Perform an action; results as (raw, type). Raises what the code raises."""
        exports = self.instance(action.module).exports
        item = exports[action.export]
        if action.kind == "get":
            from grus.host import libc

            at = item._address
            return [((libc.peek(at), libc.peek(at + 8)), item.type.value)]
        arguments = [self.raw(arg) for arg in action.args]
        try:
            raws = call_raw(item, arguments)
        except Unsupported:  # a function compiled when it is called
            self.spoiled.append(self.instance(action.module))
            raise
        return list(zip(raws, item.type.results, strict=True))

    def run(self, command: Command) -> bool:
        """One command; True when it counts as an assertion. Raises Failed, Unsupported."""
        kind = command.kind
        if kind == "module":
            assert command.module is not None
            self.latest = None
            module = self.compile(command.module)
            if command.module.definition:
                self.definitions[command.module.name or ""] = module
                return True
            self.instantiate(module, command.module.name)
            return True
        if kind == "instance":
            if command.text not in self.definitions:
                raise Unsupported("an instance of a module that was skipped")
            self.instantiate(self.definitions[command.text], command.name)
            return True
        if kind == "register":
            self.registered[command.text] = self.instance(command.name).exports
            return False
        if kind in ("invoke", "get"):
            assert command.action is not None
            self.act(command.action)
            return True
        if kind == "assert_return":
            self.assert_return(command)
        elif kind in ("assert_trap", "assert_exhaustion"):
            self.assert_trap(command)
        elif kind in ("assert_malformed", "assert_invalid", "assert_unlinkable"):
            self.assert_rejected(command)
        else:
            raise Unsupported(f"{kind} in scripts")
        return True

    def assert_return(self, command: Command) -> None:
        assert command.action is not None
        results = self.act(command.action)
        if len(results) != len(command.results):
            raise Failed(f"{len(results)} results, expected {len(command.results)}")
        for (raw, ty), expected in zip(results, command.results, strict=True):
            if not self.matches(raw, ty, expected):
                raise Failed(f"got {raw[0] | raw[1] << 64:#x}, expected {expected!r}")

    def assert_trap(self, command: Command) -> None:
        try:
            if command.module is not None:
                self.instantiate(self.compile(command.module), None)
            else:
                assert command.action is not None
                self.act(command.action)
        except Trap as trap:
            text = command.text
            if not (text.startswith(trap.message) or trap.message.startswith(text)):
                raise Failed(f"trap {trap.message!r}, expected {text!r}") from None
            return
        raise Failed(f"no trap, expected {command.text!r}")

    def assert_rejected(self, command: Command) -> None:
        assert command.module is not None
        try:
            module = self.compile(command.module)
            if command.kind == "assert_unlinkable":
                Instance(module, self.registered, self.store)
        except WasmError as error:
            if command.kind == "assert_unlinkable":
                raise Failed(f"invalid: {error}") from None
            if not error.message.startswith(command.text):
                self.result.messages.append(
                    f"{self.path}:{command.line}: {error.message!r}, the script has "
                    f"{command.text!r}"
                )
            return
        except LinkError as error:
            if not str(error).startswith(command.text):
                raise Failed(f"{error}, expected {command.text!r}") from None
            return
        raise Failed(f"accepted, expected {command.text!r}")

    def run_all(self, commands: list[Command]) -> Result:
        result = self.result
        for command in commands:
            try:
                if self.run(command):
                    result.passed += 1
            except Unsupported as error:
                result.skipped += 1
                reason = str(error).partition(": ")[2] or str(error)
                reason = reason.split(" at offset")[0]
                result.reasons[reason] = result.reasons.get(reason, 0) + 1
            except (Failed, GrusError, HostError) as error:
                result.failed += 1
                text = str(error).splitlines()[0]
                kind = "" if isinstance(error, Failed) else f"{type(error).__name__}: "
                result.failures.append(f"{self.path}:{command.line}: {command.kind}: {kind}{text}")
            except Exception as error:
                result.failed += 1
                result.failures.append(
                    f"{self.path}:{command.line}: {command.kind}: bug: "
                    f"{type(error).__name__}: {error}"
                )
        return result


def _is_nan(bits: int, size: int, canonical: bool) -> bool:
    fraction = 23 if size == 32 else 52
    exponent = (1 << (size - 1 - fraction)) - 1 << fraction
    quiet = 1 << (fraction - 1)
    if canonical:
        return bits & ~(1 << (size - 1)) == exponent | quiet
    return bits & exponent == exponent and bits & quiet != 0


def run_file(path: str, **options: Any) -> Result:
    """Run one script; `options` are those of Engine."""
    with open(path, "rb") as file:
        source = file.read()
    try:
        commands = parse_script(source, path)
    except TextError as error:
        result = Result()
        result.failed = 1
        result.failures.append(str(error))
        return result
    engine = Engine(features=features_for(os.path.abspath(path)), **options)
    return ScriptRunner(path, engine).run_all(commands)


def scripts(paths: list[str]) -> list[str]:
    """The scripts in files and directories, sorted; `legacy` only when named."""
    found = []
    for path in paths:
        if not os.path.isdir(path):
            found.append(path)
            continue
        for directory, subdirectories, names in os.walk(path):
            subdirectories[:] = sorted(d for d in subdirectories if d != "legacy")
            found += [os.path.join(directory, n) for n in sorted(names) if n.endswith(".wast")]
    return found
