"""What the one-pass compiler of wasm asks of a macro assembler, as small ints.

A target's `MacroAssembler` (`backend/<target>/masm.py`) takes these; registers are ints below 32
that mean something to the target alone, and a place in the frame is the number of its word.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# Types. `ty & 1` is the integer type of the same width.
I32: Final = 0
I64: Final = 1
F32: Final = 2
F64: Final = 3

# Integer operations of two operands: `alu*`.
ADD: Final = 0
SUB: Final = 1
AND: Final = 2
OR: Final = 3
XOR: Final = 4
MUL: Final = 5
CMP: Final = 6
"""Only sets the flags."""

# `shift*`
SHL: Final = 0
SHR_S: Final = 1
SHR_U: Final = 2
ROTL: Final = 3
ROTR: Final = 4

# `divide`
DIV_S: Final = 0
DIV_U: Final = 1
REM_S: Final = 2
REM_U: Final = 3

# Conditions; the opposite of each is `condition ^ 1`.
EQ: Final = 0
NE: Final = 1
LT_S: Final = 2
GE_S: Final = 3
LT_U: Final = 4
GE_U: Final = 5
GT_S: Final = 6
LE_S: Final = 7
GT_U: Final = 8
"""After `float_compare`: greater, and neither is NaN."""
LE_U: Final = 9

# `unary*`: integers of one operand. The result of what gives an i32 is zero-extended.
CLZ32: Final = 0
CLZ64: Final = 1
CTZ32: Final = 2
CTZ64: Final = 3
POPCNT32: Final = 4
POPCNT64: Final = 5
EXTEND8_32: Final = 6
EXTEND16_32: Final = 7
EXTEND8_64: Final = 8
EXTEND16_64: Final = 9
EXTEND32_64: Final = 10
WRAP: Final = 11
"""The low 32 bits, zero-extended."""

# `float_*`: two operands, then one.
FADD: Final = 0
FSUB: Final = 1
FMUL: Final = 2
FDIV: Final = 3
FMIN: Final = 4
FMAX: Final = 5
SQRT: Final = 0
NEAREST: Final = 1
FLOOR: Final = 2
CEIL: Final = 3
TRUNC: Final = 4

# Accesses of memories, loads in the order of the instructions of wasm.
LOAD_I32: Final = 0
LOAD_I64: Final = 1
LOAD_F32: Final = 2
LOAD_F64: Final = 3
LOAD_I32_8S: Final = 4
LOAD_I32_8U: Final = 5
LOAD_I32_16S: Final = 6
LOAD_I32_16U: Final = 7
LOAD_I64_8S: Final = 8
LOAD_I64_8U: Final = 9
LOAD_I64_16S: Final = 10
LOAD_I64_16U: Final = 11
LOAD_I64_32S: Final = 12
LOAD_I64_32U: Final = 13
STORE_8: Final = 4
STORE_16: Final = 5
"""`store` takes these, and the types for whole words."""
