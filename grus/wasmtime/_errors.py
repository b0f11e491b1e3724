"""Errors as wasmtime has them: `Trap` and `WasmtimeError` are no relatives."""

from __future__ import annotations

from enum import Enum
from typing import Final

from grus.base.errors import GrusError
from grus.engine import errors as native
from grus.engine.tracebacks import traceback_of
from grus.wasi.errors import ExitStatus

MAX_FRAMES: Final = 20  # Wasmtime's `wasm_backtrace_max_frames`


class WasmtimeError(Exception):
    """Anything that goes wrong but a trap."""


class ExitTrap(WasmtimeError):
    """A WASI program has ended by `proc_exit`; `code` is its exit status."""

    code: int

    def __init__(self, code: int) -> None:
        super().__init__(f"Exited with i32 exit status {code}")
        self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        return ExitTrap, (self.code,)


class TrapCode(Enum):
    """Why wasm code trapped."""

    STACK_OVERFLOW = 0
    MEMORY_OUT_OF_BOUNDS = 1
    HEAP_MISALIGNED = 2
    TABLE_OUT_OF_BOUNDS = 3
    INDIRECT_CALL_TO_NULL = 4
    BAD_SIGNATURE = 5
    INTEGER_OVERFLOW = 6
    INTEGER_DIVISION_BY_ZERO = 7
    BAD_CONVERSION_TO_INTEGER = 8
    UNREACHABLE = 9
    INTERRUPT = 10
    OUT_OF_FUEL = 11
    ATOMIC_WAIT_NON_SHARED_MEMORY = 12
    NULL_REFERENCE = 13
    ARRAY_OUT_OF_BOUNDS = 14
    ALLOCATION_TOO_LARGE = 15
    CAST_FAILURE = 16
    CANNOT_ENTER_COMPONENT = 17
    NO_ASYNC_RESULT = 18
    UNHANDLED_TAG = 19
    CONTINUATION_ALREADY_CONSUMED = 20
    DISABLED_OPCODE = 21
    ASYNC_DEADLOCK = 22
    CANNOT_LEAVE_COMPONENT = 23
    CANNOT_BLOCK_SYNC_TASK = 24
    INVALID_CHAR = 25
    DEBUG_ASSERT_STRING_ENCODING_FINISHED = 26
    DEBUG_ASSERT_EQUAL_CODE_UNITS = 27
    DEBUG_ASSERT_POINTER_ALIGNED = 28
    DEBUG_ASSERT_UPPER_BITS_UNSET = 29
    STRING_OUT_OF_BOUNDS = 30
    LIST_OUT_OF_BOUNDS = 31
    INVALID_DISCRIMINANT = 32
    UNALIGNED_POINTER = 33
    TASK_CANCEL_NOT_CANCELLED = 34
    TASK_CANCEL_OR_RETURN_TWICE = 35
    SUBTASK_CANCEL_AFTER_TERMINAL = 36
    TASK_RETURN_INVALID = 37
    WAITABLE_SET_DROP_HAS_WAITERS = 38
    SUBTASK_DROP_NOT_RESOLVED = 39
    THREAD_NEW_INDIRECT_INVALID_TYPE = 40
    THREAD_NEW_INDIRECT_UNINITIALIZED = 41
    BACKPRESSURE_OVERFLOW = 42
    UNSUPPORTED_CALLBACK_CODE = 43
    CANNOT_RESUME_THREAD = 44
    CONCURRENT_FUTURE_STREAM_OP = 45


_TABLE: Final = "undefined element: out of bounds table access"
_CODES: Final[dict[str, tuple[TrapCode, str]]] = {
    "unreachable": (TrapCode.UNREACHABLE, "wasm `unreachable` instruction executed"),
    "memory_out_of_bounds": (TrapCode.MEMORY_OUT_OF_BOUNDS, "out of bounds memory access"),
    "table_out_of_bounds": (TrapCode.TABLE_OUT_OF_BOUNDS, _TABLE),
    "undefined_element": (TrapCode.TABLE_OUT_OF_BOUNDS, _TABLE),
    "uninitialized_element": (TrapCode.INDIRECT_CALL_TO_NULL, "uninitialized element"),
    "indirect_call_type_mismatch": (TrapCode.BAD_SIGNATURE, "indirect call type mismatch"),
    "null_reference": (TrapCode.NULL_REFERENCE, "null reference"),
    "cast_failure": (TrapCode.CAST_FAILURE, "cast failure"),
    "stack_exhausted": (TrapCode.STACK_OVERFLOW, "call stack exhausted"),
    "integer_overflow": (TrapCode.INTEGER_OVERFLOW, "integer overflow"),
    "integer_divide_by_zero": (TrapCode.INTEGER_DIVISION_BY_ZERO, "integer divide by zero"),
    "invalid_conversion": (TrapCode.BAD_CONVERSION_TO_INTEGER, "invalid conversion to integer"),
    "unaligned_atomic": (TrapCode.HEAP_MISALIGNED, "unaligned atomic"),
    "expected_shared_memory": (
        TrapCode.ATOMIC_WAIT_NON_SHARED_MEMORY,
        "atomic wait on non-shared memory",
    ),
    "interrupt": (TrapCode.INTERRUPT, "interrupt"),
    "out_of_fuel": (TrapCode.OUT_OF_FUEL, "all fuel consumed by WebAssembly"),
}
"""Code of a `grus.Trap` to Wasmtime's code and words."""


class Frame:
    """A wasm function that was being executed."""

    __slots__ = ("_frame",)

    def __init__(self, frame: native.Frame) -> None:
        self._frame = frame

    @property
    def func_index(self) -> int:
        """Index of the function in its module."""
        return self._frame.func_index

    @property
    def func_name(self) -> str | None:
        """Its name in the name section, or None."""
        return self._frame.debug_name

    @property
    def module_name(self) -> str | None:
        """The module's name in the name section, or None."""
        return self._frame.module_name

    @property
    def module_offset(self) -> int:
        """Byte offset of the instruction in the module; 2**64 - 1 when unknown."""
        return self._frame.module_offset & (1 << 64) - 1

    @property
    def func_offset(self) -> int:
        """Byte offset of the instruction in the function's body; 2**64 - 1 when unknown."""
        return self._frame.func_offset & (1 << 64) - 1


class Trap(Exception):
    """Wasm code ended by a trap, or a trap made by the host."""

    _trap: native.Trap | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self._message: str | None = message

    @classmethod
    def _of(cls, trap: native.Trap) -> Trap:
        made = cls.__new__(cls)
        made._message = None
        made._trap = trap
        return made

    @property
    def message(self) -> str:
        """What happened, with the backtrace."""
        if self._message is None:
            assert self._trap is not None
            self._message = _text(self._trap)
        return self._message

    @property
    def frames(self) -> list[Frame]:
        """The functions being executed, the innermost first; the last 20 of them."""
        return [] if self._trap is None else [Frame(f) for f in _frames(self._trap)]

    @property
    def trap_code(self) -> TrapCode | None:
        """Why; None for a trap made by the host."""
        return None if self._trap is None else _CODES[self._trap.code][0]

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (Trap, (self._message,)) if self._trap is None else (Trap._of, (self._trap,))


def _frames(trap: native.Trap) -> list[native.Frame]:
    """The frames that Wasmtime tells of: where a stack ended has no offset."""
    frames = list(trap.frames[:MAX_FRAMES])
    if trap.code == "stack_exhausted" and frames:
        f = frames[0]
        frames[0] = native.Frame(f.func_index, f.func_name, f.module_name, -1, -1, f.debug_name)
    return frames


def _text(trap: native.Trap) -> str:
    """A trap in Wasmtime's words."""
    why = f"wasm trap: {_CODES[trap.code][1]}"
    if not trap.frames:
        return why
    lines = ["error while executing at wasm backtrace:"]
    for number, frame in enumerate(_frames(trap)):
        name = frame.debug_name or f"<wasm function {frame.func_index}>"
        offset = f"{frame.module_offset:#8x} - " if frame.module_offset >= 0 else ""
        lines.append(f"  {number:>3}: {offset}{frame.module_name or '<unknown>'}!{name}")
    lines += ["", "Caused by:"]
    if trap.fault:
        address, size = trap.fault
        fault = f"memory fault at wasm address {address:#x} in linear memory of size {size:#x}"
        lines += [f"    0: {fault}", f"    1: {why}"]
    else:
        lines.append(f"    {why}")
    return "\n".join(lines) + "\n"


def wrapped(error: GrusError) -> Exception:
    """What to raise here for an error of Grus."""
    if isinstance(error, native.Trap):
        return Trap._of(error).with_traceback(traceback_of(error.frames))
    if isinstance(error, ExitStatus):
        return ExitTrap(error.code)
    if isinstance(error, native.StoreClosed):
        return ValueError("already closed")
    return WasmtimeError(str(error))
