"""The proposals of WebAssembly as switches.

A `Features` is a set of bits with a name each. A construct of a feature that is off is refused
with the error that the specification before that proposal gives.

The names are Wasmtime's (`wasmtime --help`, `-W`) with hyphens.
"""

from __future__ import annotations

from grus.base.errors import GrusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


MVP: Final = 0
SATURATING: Final = 1 << 0
SIGN_EXTENSION: Final = 1 << 1
MULTI_VALUE: Final = 1 << 2
MUTABLE_GLOBALS: Final = 1 << 3
BULK_MEMORY: Final = 1 << 4
REFERENCE_TYPES: Final = 1 << 5
SIMD: Final = 1 << 6
RELAXED_SIMD: Final = 1 << 7
TAIL_CALL: Final = 1 << 8
EXTENDED_CONST: Final = 1 << 9
MULTI_MEMORY: Final = 1 << 10
MEMORY64: Final = 1 << 11
FUNCTION_REFERENCES: Final = 1 << 12
GC: Final = 1 << 13
EXCEPTIONS: Final = 1 << 14
THREADS: Final = 1 << 15
WIDE_ARITHMETIC: Final = 1 << 16
CUSTOM_PAGE_SIZES: Final = 1 << 17

NAMES: Final[dict[str, int]] = {
    "saturating-float-to-int": SATURATING,
    "sign-extension": SIGN_EXTENSION,
    "multi-value": MULTI_VALUE,
    "mutable-globals": MUTABLE_GLOBALS,
    "bulk-memory": BULK_MEMORY,
    "reference-types": REFERENCE_TYPES,
    "simd": SIMD,
    "relaxed-simd": RELAXED_SIMD,
    "tail-call": TAIL_CALL,
    "extended-const": EXTENDED_CONST,
    "multi-memory": MULTI_MEMORY,
    "memory64": MEMORY64,
    "function-references": FUNCTION_REFERENCES,
    "gc": GC,
    "exceptions": EXCEPTIONS,
    "threads": THREADS,
    "wide-arithmetic": WIDE_ARITHMETIC,
    "custom-page-sizes": CUSTOM_PAGE_SIZES,
}

_WASM1: Final = MUTABLE_GLOBALS
_WASM2: Final = (
    _WASM1 | SATURATING | SIGN_EXTENSION | MULTI_VALUE | BULK_MEMORY | REFERENCE_TYPES | SIMD
)
_WASM3: Final = (
    _WASM2
    | RELAXED_SIMD
    | TAIL_CALL
    | EXTENDED_CONST
    | MULTI_MEMORY
    | MEMORY64
    | FUNCTION_REFERENCES
    | GC
    | EXCEPTIONS
)
_ALL: Final = _WASM3 | THREADS | WIDE_ARITHMETIC | CUSTOM_PAGE_SIZES


class Features:
    """A set of enabled proposals: `bits` is an or of the constants of this module."""

    __slots__ = ("bits",)

    def __init__(self, bits: int) -> None:
        self.bits = bits

    def __reduce__(self) -> tuple[object, ...]:
        return Features, (self.bits,)

    def __contains__(self, feature: int) -> bool:
        return self.bits & feature == feature

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Features) and self.bits == other.bits

    def __hash__(self) -> int:
        return hash(self.bits)

    def __repr__(self) -> str:
        names = [name for name, bit in NAMES.items() if self.bits & bit]
        return f"Features({', '.join(names)})"

    @staticmethod
    def parse(text: str) -> Features:
        """Read `wasm2,threads,-simd`: a preset first if any, then names to add or (`-`) remove.

        Without a preset the list changes the default. Raises GrusError for an unknown name.
        """
        bits = DEFAULT.bits
        for item in text.split(","):
            item = item.strip()
            name = item.lstrip("+-").replace("_", "-")
            if not item:
                continue
            if name in PRESETS:
                bits = PRESETS[name].bits
            elif name not in NAMES:
                known = ", ".join([*PRESETS, *NAMES])
                raise GrusError(f"unknown feature {name!r}; known are {known}")
            elif item.startswith("-"):
                bits &= ~NAMES[name]
            else:
                bits |= NAMES[name]
        return Features(bits)


WASM1: Final = Features(_WASM1)
WASM2: Final = Features(_WASM2)
WASM3: Final = Features(_WASM3)
ALL: Final = Features(_ALL)
DEFAULT: Final = ALL
PRESETS: Final[dict[str, Features]] = {
    "mvp": WASM1,
    "wasm1": WASM1,
    "wasm2": WASM2,
    "wasm3": WASM3,
    "default": DEFAULT,
    "all": ALL,
}


def name_of(bits: int) -> str:
    """Names of the features in `bits`, for messages."""
    return ", ".join(name for name, bit in NAMES.items() if bits & bit)
