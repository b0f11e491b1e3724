"""Constant folding of instructions with several results; those with one are the simplifier's."""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import MemFlags, Value
from grus.ir.semantics import MEANINGS, fold
from grus.opt.passes.edit import IS_CONSTANT, const_bits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_FOLDS: Final[list[bool]] = [
    MEANINGS[op] is not None and not IS_CONSTANT[op] and len(row.results) > 1
    for op, row in enumerate(ops.ROWS)
]


def folded(inst: Value) -> int | tuple[int, ...] | None:
    """The results of an instruction on constants, as bit patterns; None if it has none or traps."""
    if not _FOLDS[inst.op]:
        return None
    types: list[int] = []
    bits: list[int] = []
    for operand in (inst.a, inst.b, inst.c):
        if operand.op == ops.NIL_OP:
            break
        known = const_bits(operand)
        if known is None:
            return None
        types.append(operand.ty)
        bits.append(known)
    ext = inst.ext
    data = ext if isinstance(ext, bytes) else b""
    big = isinstance(ext, MemFlags) and ext.endian == "big"
    if any([T.is_dynamic(ty) for ty in types]):
        return None
    return fold(inst.op, inst.ty, types, bits, inst.imm, data, big)


def fold_with(inst: Value, known: dict[int, int]) -> int | None:
    """The one result of a pure instruction, some of whose operands are `known` (patterns by
    number) beside constants; None when that does not say it."""
    types: list[int] = []
    bits: list[int] = []
    for operand in (inst.a, inst.b, inst.c):
        if operand.op == ops.NIL_OP:
            break
        pattern = known.get(operand.num)
        if pattern is None:
            pattern = const_bits(operand)
            if pattern is None:
                return None
        types.append(operand.ty)
        bits.append(pattern)
    if not types or inst.args or not T.is_int(inst.ty) or not all([T.is_int(ty) for ty in types]):
        return None
    result = fold(inst.op, inst.ty, types, bits, inst.imm)
    return result if isinstance(result, int) else None
