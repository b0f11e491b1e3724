"""The root of every error that Grus raises on purpose, and traps of machine code."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from grus.base.lines import Lines


class GrusError(Exception):
    """Bad input, or a request that cannot be met. Its text is one clear message with the place.

    Rooms subclass it (`ir.ParseError`, `wasm.WasmError`, ...). The command line prints the text
    of a GrusError and exits; anything else is a bug in Grus and shows a traceback.
    """


class Unsupported(GrusError):
    """Valid input that uses something Grus cannot do yet; the message names the feature."""


def expect(value: object, wanted: type, what: str) -> None:
    """Raise TypeError unless `value`, given as `what`, is a `wanted`."""
    if not isinstance(value, wanted):
        raise TypeError(f"{what}: expected {wanted.__name__}, got {type(value).__name__}")


class Frame:
    """One frame of a backtrace: of wasm code, or (`func_index` -1) of a function of a `JITModule`.

    `func_name` is the name section's, else that of an export or import, else ""; `debug_name` the
    name section's only. `module_offset` is the byte offset of the instruction in the module,
    `func_offset` that in the function's body; -1 when unknown.
    """

    __slots__ = (
        "_source",
        "debug_name",
        "func_index",
        "func_name",
        "func_offset",
        "module_name",
        "module_offset",
    )

    def __init__(
        self,
        func_index: int,
        func_name: str,
        module_name: str | None,
        module_offset: int,
        func_offset: int = -1,
        debug_name: str | None = None,
        source: tuple[str, int, int] | Lines | None = None,
    ) -> None:
        self._source = source
        self.func_index = func_index
        self.func_name = func_name
        self.module_name = module_name
        self.module_offset = module_offset
        self.func_offset = func_offset
        self.debug_name = debug_name

    @property
    def source(self) -> tuple[str, int, int] | None:
        """File, line and column (0: unknown) when the module has DWARF line tables, else None."""
        if self._source is not None and not isinstance(self._source, tuple):
            self._source = self._source.find(self.module_offset)
        return self._source

    def __repr__(self) -> str:
        return f"<Frame {self.func_name} at {self.module_offset:#x}>"

    def __str__(self) -> str:
        if self.func_index < 0:
            return f"{self.func_name}+{self.func_offset:#x}"
        name = self.func_name or f"wasm function {self.func_index}"
        module = self.module_name or "<unknown>"
        offset = f"{self.module_offset:#6x}" if self.module_offset >= 0 else "     ?"
        text = f"{offset} - {module}!{name}"
        if self.source is not None:
            file, line, column = self.source
            text += f"\n{'':20}at {file}:{line}:{column}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        return Frame, (
            self.func_index,
            self.func_name,
            self.module_name,
            self.module_offset,
            self.func_offset,
            self.debug_name,
            self.source,
        )


class Trap(GrusError):
    """Machine code ended by a trap.

    `code` is a name such as "integer_divide_by_zero" (in library code the trap code of the IR,
    "int_divz"), `message` the wording of the specification, `frames` its frames, innermost first.
    `fault` is the address in a memory and the size of that memory in bytes, when an access of the
    hardware failed.
    """

    def __init__(
        self,
        message: str,
        code: str = "",
        frames: tuple[Frame, ...] = (),
        fault: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.frames = frames
        self.fault = fault

    def __str__(self) -> str:
        lines = [self.message]
        if self.frames:
            library = self.frames[0].func_index < 0
            lines.append("backtrace:" if library else "wasm backtrace:")
            lines += [f"{number:>5}: {frame}" for number, frame in enumerate(self.frames)]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.code, self.frames, self.fault)
