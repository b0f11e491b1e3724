"""What can go wrong at run time."""

from __future__ import annotations

from grus.base.errors import GrusError

# Trap codes of wasm code: the `user` codes of the IR, and the reserved ones.
UNREACHABLE = 1
MEMORY_OUT_OF_BOUNDS = 2
TABLE_OUT_OF_BOUNDS = 3
INDIRECT_CALL_TO_NULL = 4
BAD_SIGNATURE = 5
NULL_REFERENCE = 6
UNINITIALIZED_ELEMENT = 7
CAST_FAILURE = 8
NULL_FUNCTION = 9
STACK_OVERFLOW = 251
INTEGER_OVERFLOW = 252
HEAP_OUT_OF_BOUNDS = 253
DIVISION_BY_ZERO = 254
BAD_CONVERSION = 255

TRAPS: dict[int, tuple[str, str]] = {
    UNREACHABLE: ("unreachable", "unreachable"),
    MEMORY_OUT_OF_BOUNDS: ("memory_out_of_bounds", "out of bounds memory access"),
    HEAP_OUT_OF_BOUNDS: ("memory_out_of_bounds", "out of bounds memory access"),
    TABLE_OUT_OF_BOUNDS: ("table_out_of_bounds", "out of bounds table access"),
    INDIRECT_CALL_TO_NULL: ("undefined_element", "undefined element"),
    UNINITIALIZED_ELEMENT: ("uninitialized_element", "uninitialized element"),
    BAD_SIGNATURE: ("indirect_call_type_mismatch", "indirect call type mismatch"),
    NULL_REFERENCE: ("null_reference", "null reference"),
    NULL_FUNCTION: ("null_reference", "null function reference"),
    CAST_FAILURE: ("cast_failure", "cast failure"),
    STACK_OVERFLOW: ("stack_exhausted", "call stack exhausted"),
    INTEGER_OVERFLOW: ("integer_overflow", "integer overflow"),
    DIVISION_BY_ZERO: ("integer_divide_by_zero", "integer divide by zero"),
    BAD_CONVERSION: ("invalid_conversion", "invalid conversion to integer"),
}
"""Code to (name, message of the specification)."""


class Frame:
    """One wasm frame of a backtrace.

    `func_name` is the name section's, else that of an export or import, else ""; `debug_name` the
    name section's only. `module_offset` is the byte offset of the instruction in the module,
    `func_offset` that in the function's body; -1 when unknown.
    """

    __slots__ = (
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
    ) -> None:
        self.func_index = func_index
        self.func_name = func_name
        self.module_name = module_name
        self.module_offset = module_offset
        self.func_offset = func_offset
        self.debug_name = debug_name

    def __repr__(self) -> str:
        return f"<Frame {self}>"

    def __str__(self) -> str:
        name = self.func_name or f"wasm function {self.func_index}"
        module = self.module_name or "<unknown>"
        offset = f"{self.module_offset:#6x}" if self.module_offset >= 0 else "     ?"
        return f"{offset} - {module}!{name}"

    def __reduce__(self) -> tuple[object, ...]:
        return Frame, (
            self.func_index,
            self.func_name,
            self.module_name,
            self.module_offset,
            self.func_offset,
            self.debug_name,
        )


class Trap(GrusError):
    """Wasm code ended by a trap. `code` is a name such as "integer_divide_by_zero", `message` the
    wording of the specification, `frames` the wasm frames, innermost first. `fault` is the address
    in a memory and the size of that memory in bytes, when an access of the hardware failed."""

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
            lines.append("wasm backtrace:")
            lines += [f"{number:>5}: {frame}" for number, frame in enumerate(self.frames)]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.code, self.frames, self.fault)


class Timeout(Trap, TimeoutError):
    """The time given to a call ran out."""


class OutOfFuel(Trap):
    """The fuel of the Store ran out."""


class StoreBusy(GrusError):
    """The Store is in use: by another thread, or by a call that is being polled."""


class StoreClosed(GrusError):
    """The Store was closed."""


class LinkError(GrusError):
    """Imports do not fit the module."""
