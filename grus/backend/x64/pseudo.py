"""Pseudo instructions: the few forms of VCode that are no rows of the instruction table.

Their numbers are negative, so that `row >= 0` tells an instruction of the table. Each is emitted by
a function of `emit.py`; its operands are listed here.
"""

from __future__ import annotations

from grus.backend.vcode import VBlock
from grus.ir.function import CallInfo, FuncRef

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

ARGS: Final = -1  # defs fixed: parameters in registers
MOVE_INT: Final = -2  # use any, def
MOVE_FLOAT: Final = -3  # use any, def: all 128 bits
ZERO_FLOAT: Final = -4  # def
JUMP: Final = -5  # ext: VBlock
BRANCH: Final = -6  # ext: (Cond, then, else)
JUMP_TABLE: Final = -7  # use index, temps table and entry; ext: edges, default first; imm 1: masked
CALL: Final = -8  # use target unless direct, uses fixed, defs fixed; ext: CallSite
TAIL_CALL: Final = -9  # uses fixed (r10 the target unless direct); ext: CallSite
RETURN: Final = -10  # uses fixed
TRAP: Final = -11  # imm: code
TRAP_IF: Final = -12  # ext: (Cond, code)
SYMBOL: Final = -13  # def; ext: Symbol
SDIV_CHECK: Final = -14  # use x, use y; imm: size; trap when x / y overflows
SREM: Final = -15  # uses x (rax), sign (rdx), y; defs quotient (rax), remainder (rdx); imm: size
FSELECT: Final = -16  # use other, def reuse 0, use chosen; ext: Cond
FMINMAX: Final = -17  # use x, def reuse 0, use y, temp; imm: 1 double, 2 maximum
ATOMIC_LOOP: Final = -18  # address, use x late, def old (rax) early, temp; imm: op | size << 8
ATOMIC_LOOP_128: Final = -19  # address, uses x lo hi late, defs rax rdx early, rbx rcx
HANDLER_ADDRESS: Final = -20  # def; ext: (num of the block, index of the target)
MOVE_INT_32: Final = -21  # def, use any: copy of 32 bits that clears the upper half
GET_FP: Final = -22  # def; imm: 0 frame pointer, 1 stack pointer
GET_RETURN: Final = -23  # def: the return address
TLS_ADDRESS: Final = -24  # def rax; ext: Symbol; imm: value of the setting tls_model
STACK_SWITCH: Final = -25  # uses store (rcx), load (rdx), payload (rdi); def rdi

# Values of the setting `tls_model`.
TLS_ELF_GD: Final = 1
TLS_MACHO: Final = 2
TLS_COFF: Final = 3
TLS_ELF_LE: Final = 4


class Cond:
    """A condition on flags: `first`, or both of two (AND), or either (OR)."""

    __slots__ = ("first", "mode", "second")

    ONE: Final = 0
    AND: Final = 1
    OR: Final = 2

    def __init__(self, first: int, second: int = 0, mode: int = 0) -> None:
        self.first = first
        self.second = second
        self.mode = mode

    def negated(self) -> Cond:
        if self.mode == Cond.ONE:
            return Cond(self.first ^ 1)
        return Cond(self.first ^ 1, self.second ^ 1, 3 - self.mode)


class CallSite:
    """A call: the function if direct and colocated, what the IR attached, bytes the callee pops,
    and for a `try_call` where it may go on. With `slot` the function's address is read there, so
    many bytes from the first argument in rdi."""

    __slots__ = ("edges", "info", "pops", "slot", "symbol")

    def __init__(self, symbol: FuncRef | None, info: CallInfo | None, pops: int) -> None:
        self.symbol = symbol
        self.info = info
        self.pops = pops
        self.edges: list[VBlock] = []
        self.slot: int | None = None


class Symbol:
    """The address of an external name plus an offset."""

    __slots__ = ("colocated", "name", "offset")

    def __init__(self, name: str, offset: int, colocated: bool) -> None:
        self.name = name
        self.offset = offset
        self.colocated = colocated
