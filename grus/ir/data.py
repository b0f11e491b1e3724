"""Values of CLIF types outside a function: arguments and results of calls and run commands."""

from __future__ import annotations

from grus.ir import types as T


class DataValue:
    """A value of type `ty`; `bits` is the unsigned pattern of the whole, lane 0 lowest."""

    __slots__ = ("bits", "ty")

    def __init__(self, ty: int, bits: int) -> None:
        self.ty = ty
        self.bits = bits

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DataValue) and self.ty == other.ty and self.bits == other.bits

    def __hash__(self) -> int:
        return hash((self.ty, self.bits))

    def __repr__(self) -> str:
        return f"DataValue({T.NAMES[self.ty]}, {self.bits:#x})"
