"""What the WebAssembly front end raises: one clear message with the place.

The wording of `message` is the specification's ("type mismatch", "unknown local", ...), as the
test suite expects it; detail may follow after it. The place is a byte offset in the module, a
line and column of a text, and the function, as far as they are known.
"""

from __future__ import annotations

from grus.base.errors import GrusError


class WasmError(GrusError):
    """A module that is not WebAssembly. Use the subclasses.

    `offset` is the byte offset in the module or None, `line` and `col` count from 1 (0: unknown),
    `func_index` is -1 when the place is in no function.
    """

    def __init__(
        self,
        message: str,
        offset: int | None = None,
        *,
        line: int = 0,
        col: int = 0,
        file: str = "",
        func_index: int = -1,
        func_name: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.line = line
        self.col = col
        self.file = file
        self.func_index = func_index
        self.func_name = func_name

    def __str__(self) -> str:
        places: list[str] = []
        if self.line:
            places.append(f"{self.file or 'text'}:{self.line}:{self.col}")
        if self.offset is not None:
            places.append(f"offset {self.offset:#x}")
        where = ("at " + ", ".join(places)) if places else ""
        if self.func_index >= 0:
            name = f" ({self.func_name})" if self.func_name else ""
            where += f"{', ' if where else ''}in function {self.func_index}{name}"
        return f"{self.message} ({where})" if where else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.message, self.offset), self.__dict__)


class DecodeError(WasmError):
    """The bytes are malformed: they are not the encoding of any module."""


class ValidationError(WasmError):
    """A well-formed module that is not valid."""


class TextError(WasmError):
    """Malformed text."""
