"""Modules, and the text format."""

from __future__ import annotations

import os
from typing import Any

from grus.base.errors import GrusError
from grus.engine import module as native
from grus.wasm.decode import decode
from grus.wasm.errors import WasmError
from grus.wasm.text import parse_wat
from grus.wasm.validate import validate
from grus.wasmtime._engine import Engine, reports
from grus.wasmtime._errors import WasmtimeError
from grus.wasmtime._types import ExportType, ImportType, export_types, import_types


def wat2wasm(wat: str | bytes) -> bytearray:
    """The binary of a text. Raises WasmtimeError with the place of a mistake."""
    try:
        return bytearray(parse_wat(wat if isinstance(wat, str) else bytes(wat)).binary)
    except WasmError as error:
        raise _pointed(error, wat) from None


def _pointed(error: WasmError, source: Any) -> WasmtimeError:
    """The error with the line of a text that it is in, and a mark below."""
    if not error.line:
        return WasmtimeError(str(error))
    text = source if isinstance(source, str) else bytes(source).decode("utf-8", "replace")
    number = str(error.line)
    line = text.split("\n")[error.line - 1]
    blank = " " * max(len(number), 5)
    return WasmtimeError(
        f"{error.message}\n{blank}--> <anon>:{error.line}:{error.col}\n{blank} |\n"
        f"{number:>5} | {line}\n{blank} | {' ' * (error.col - 1)}^"
    )


def _source(wasm: Any) -> Any:
    """A source as `grus.Module` takes it. Raises TypeError."""
    if isinstance(wasm, str):
        return wasm if wasm and wasm[0] != "\0" else wasm.encode()
    if isinstance(wasm, bytes) and wasm and wasm[0] != 0:
        return wasm.decode("utf-8", "surrogateescape")
    if not isinstance(wasm, (bytes, bytearray)):
        raise TypeError("expected wasm bytes")
    return wasm


class Module(native.Module):
    """A WebAssembly module: decoded, validated, and compiled when first instantiated."""

    __slots__ = ()

    engine: Engine

    @reports
    def __init__(self, engine: Engine, wasm: str | bytes | bytearray) -> None:
        if not isinstance(engine, Engine):
            raise TypeError("expected an Engine")
        try:
            super().__init__(_source(wasm), engine)
        except WasmError as error:
            raise _pointed(error, wasm) from None

    @classmethod
    def from_file(  # type: ignore[override]
        cls, engine: Engine, path: str | bytes | os.PathLike[str]
    ) -> Module:
        """The module in a file, binary or text."""
        with open(path, "rb") as file:
            return cls(engine, file.read())

    @classmethod
    def validate(cls, engine: Engine, wasm: bytes | bytearray) -> None:
        """Raise WasmtimeError when a binary is not valid."""
        if not isinstance(wasm, (bytes, bytearray)):
            raise TypeError("expected wasm bytes")
        features = engine._engine().features
        try:
            validate(decode(bytes(wasm), features), features).dispose()
        except GrusError as error:
            raise WasmtimeError(str(error)) from None

    @classmethod
    @reports
    def deserialize(  # type: ignore[override]
        cls, engine: Engine, encoded: bytes | bytearray
    ) -> Module:
        """A module from what `serialize` made."""
        if not isinstance(encoded, (bytes, bytearray)):
            raise TypeError("expected bytes")
        return super().deserialize(bytes(encoded), engine)

    @classmethod
    @reports
    def deserialize_file(  # type: ignore[override]
        cls, engine: Engine, path: str
    ) -> Module:
        """A module from a file with what `serialize` made."""
        return super().deserialize_file(path, engine)

    @reports
    def serialize(self) -> bytearray:  # type: ignore[override]
        """The module with its machine code."""
        return bytearray(super().serialize())

    @property
    def imports(self) -> list[ImportType]:  # type: ignore[override]
        """What it imports."""
        return import_types(self)

    @property
    def exports(self) -> list[ExportType]:  # type: ignore[override]
        """What it exports."""
        return export_types(self)

    def close(self) -> None:
        """Nothing: a Module ends with its last user."""

    def __enter__(self) -> Module:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
