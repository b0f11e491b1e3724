"""What can go wrong at run time."""

from __future__ import annotations

from grus.base.errors import Frame as Frame
from grus.base.errors import GrusError
from grus.base.errors import Trap as Trap

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
OUT_OF_FUEL = 10
UNALIGNED_ATOMIC = 11
EXPECTED_SHARED = 12
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
    OUT_OF_FUEL: ("out_of_fuel", "all fuel consumed"),
    UNALIGNED_ATOMIC: ("unaligned_atomic", "unaligned atomic"),
    EXPECTED_SHARED: ("expected_shared_memory", "expected shared memory"),
    STACK_OVERFLOW: ("stack_exhausted", "call stack exhausted"),
    INTEGER_OVERFLOW: ("integer_overflow", "integer overflow"),
    DIVISION_BY_ZERO: ("integer_divide_by_zero", "integer divide by zero"),
    BAD_CONVERSION: ("invalid_conversion", "invalid conversion to integer"),
}
"""Code to (name, message of the specification)."""


class Timeout(Trap, TimeoutError):
    """The time given to a call ran out."""


class OutOfFuel(Trap):
    """The fuel of the Store ran out."""


class StoreBusy(GrusError):
    """The Store is in use: by another thread, or by a call that is being polled."""


class StoreClosed(GrusError):
    """The Store was closed."""


class ResourceLimit(GrusError):
    """A limit set by `Store.set_limits` does not allow it."""


class LinkError(GrusError):
    """Imports do not fit the module."""
