"""The meaning of every opcode, in one place to import from.

`MEANINGS[op]` is the meaning (see `meanings.py`); opcodes without one are `CONTROL`, `MEMORY`
and `MACHINE`, which the interpreter and the prover treat themselves. `fold` evaluates an
instruction on constants.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir import semantics_float, semantics_int, semantics_vector  # noqa: F401 (they register)
from grus.ir.domain import CONCRETE, Concrete, Domain, InterpreterTrap
from grus.ir.meanings import MEANINGS, Meaning, Shape, evaluator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "CONCRETE",
    "CONTROL",
    "MACHINE",
    "MEANINGS",
    "MEMORY",
    "Concrete",
    "Domain",
    "InterpreterTrap",
    "Meaning",
    "Shape",
    "evaluator",
    "fold",
]

# fmt: off
CONTROL: Final = frozenset((
    ops.JUMP, ops.BRIF, ops.BR_TABLE, ops.TRAP, ops.RETURN_, ops.CALL_, ops.CALL_INDIRECT,
    ops.RETURN_CALL, ops.RETURN_CALL_INDIRECT, ops.TRY_CALL, ops.TRY_CALL_INDIRECT,
))
MEMORY: Final = frozenset((
    ops.LOAD, ops.STORE, ops.ULOAD8, ops.SLOAD8, ops.ISTORE8, ops.ULOAD16, ops.SLOAD16,
    ops.ISTORE16, ops.ULOAD32, ops.SLOAD32, ops.ISTORE32, ops.ULOAD8X8, ops.SLOAD8X8,
    ops.ULOAD16X4, ops.SLOAD16X4, ops.ULOAD32X2, ops.SLOAD32X2, ops.ATOMIC_RMW, ops.ATOMIC_CAS,
    ops.ATOMIC_LOAD, ops.ATOMIC_STORE,
))
MACHINE: Final = frozenset((
    ops.NOP, ops.DEBUGTRAP, ops.FENCE, ops.SEQUENCE_POINT, ops.FUNC_ADDR, ops.STACK_ADDR,
    ops.DYNAMIC_STACK_ADDR, ops.SYMBOL_VALUE, ops.TLS_VALUE, ops.STACK_SWITCH,
    ops.GET_PINNED_REG, ops.SET_PINNED_REG, ops.GET_FRAME_POINTER, ops.GET_STACK_POINTER,
    ops.GET_RETURN_ADDRESS, ops.GET_EXCEPTION_HANDLER_ADDRESS,
))
# fmt: on


def fold(
    op: int,
    ty: int,
    operand_types: list[int],
    operand_bits: list[int],
    imm: int = 0,
    data: bytes = b"",
    big: bool = False,
) -> int | tuple[int, ...] | None:
    """The result of an instruction on constant operands, as bit patterns.

    `ty` is the type of its result (`types.INVALID` for an opcode with none or several),
    `operand_types` and `operand_bits` the types and unsigned patterns of its value operands,
    `imm`, `data` and `big` as in `Shape`. A tuple for an opcode with several results, `()` for a
    conditional trap that is not taken; None if it traps or is no computation on values.
    """
    if MEANINGS[op] is None:
        return None
    shape = Shape(op, ty, operand_types, imm, data, big)
    try:
        result: int | tuple[int, ...] = evaluator(op, shape)(CONCRETE, shape, *operand_bits)
    except InterpreterTrap:
        return None
    return result
