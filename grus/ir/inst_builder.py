"""One method per opcode. GENERATED from the table by `python -m tools.gen_builder`.

Parameters stand in the order of the text form, with two differences: the type suffix, where the
text needs one, comes first, and memory flags come last, so that they may be left out. A method
gives the instruction, which is its result when there is one; with a fixed number of several
results it gives them as a tuple. Calls give the instruction: see `function.results_of`.

IRError is raised for wrong types, immediates out of range, and when the current block has its
terminator already, unless the builder is unchecked.
"""

from __future__ import annotations

from collections.abc import Sequence

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.emit import Emitter
from grus.ir.function import (
    TRUSTED_NONE,
    Block,
    BlockCall,
    CallInfo,
    DynamicStackSlot,
    FuncRef,
    GlobalValue,
    Handler,
    MemFlags,
    Signature,
    StackSlot,
    Value,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_ANY: Final = ops.TYPE_SETS["Any"].members
_MEM: Final = ops.TYPE_SETS["Mem"].members
_MEM_TO: Final = ops.TYPE_SETS["MemTo"].members
_TX_N: Final = ops.TYPE_SETS["TxN"].members
_DYN_TX_N: Final = ops.TYPE_SETS["DynTxN"].members
_INT: Final = ops.TYPE_SETS["Int"].members
_INT_VTO: Final = ops.TYPE_SETS["IntVTo"].members
_IX_N: Final = ops.TYPE_SETS["IxN"].members
_I_B: Final = ops.TYPE_SETS["iB"].members
_INT_TO: Final = ops.TYPE_SETS["IntTo"].members
_SCALAR_TRUTHY: Final = ops.TYPE_SETS["ScalarTruthy"].members
_NARROW_INT: Final = ops.TYPE_SETS["NarrowInt"].members
_ATOMIC_MEM: Final = ops.TYPE_SETS["AtomicMem"].members
_I_SWAPPABLE: Final = ops.TYPE_SETS["iSwappable"].members
_I_ADDR: Final = ops.TYPE_SETS["iAddr"].members
_I_EXT8: Final = ops.TYPE_SETS["iExt8"].members
_I_EXT16: Final = ops.TYPE_SETS["iExt16"].members
_I16OR32: Final = ops.TYPE_SETS["I16or32"].members
_NARROW_SOURCE: Final = ops.TYPE_SETS["NarrowSource"].members
_WIDEN_SOURCE: Final = ops.TYPE_SETS["WidenSource"].members
_FLOAT: Final = ops.TYPE_SETS["Float"].members
_FLOAT_TO: Final = ops.TYPE_SETS["FloatTo"].members
_FLOAT_SCALAR: Final = ops.TYPE_SETS["FloatScalar"].members


class InstBuilder(Emitter):
    """The instruction methods of `FunctionBuilder`."""

    __slots__ = ()

    def jump(self, to: Block, args: Sequence[Value] = ()) -> Value:
        """Go to a block, passing it arguments."""
        if self.checked and self.filled:
            raise self._wrong(ops.JUMP, T.INVALID, [])
        call = self._edge(BlockCall(to, list(args)))
        inst = self._inst(ops.JUMP, T.INVALID)
        inst.targets = (call,)
        self.filled = True
        return inst

    def brif(
        self,
        c: Value,
        then: Block,
        then_args: Sequence[Value],
        else_: Block,
        else_args: Sequence[Value],
    ) -> Value:
        """Go to the first block when `c` is not zero, else to the second."""
        if self.checked and (self.filled or c.ty not in _SCALAR_TRUTHY):
            raise self._wrong(ops.BRIF, c.ty, [c])
        then_call = self._edge(BlockCall(then, list(then_args)))
        else_call = self._edge(BlockCall(else_, list(else_args)))
        inst = self._inst(ops.BRIF, T.INVALID)
        inst.a = c
        inst.targets = (then_call, else_call)
        self.filled = True
        return inst

    def br_table(self, x: Value, default: BlockCall, table: Sequence[BlockCall]) -> Value:
        """Go to the table's entry `x`, or to the default block when `x` is past its end.

        `default` and `table` are targets with their arguments.
        """
        if self.checked and (self.filled or x.ty != T.I32):
            raise self._wrong(ops.BR_TABLE, T.INVALID, [x])
        self._edge(default)
        for call in table:
            self._edge(call)
        inst = self._inst(ops.BR_TABLE, T.INVALID)
        inst.a = x
        inst.targets = (default, *table)
        self.filled = True
        return inst

    def debugtrap(self) -> Value:
        """A breakpoint: execution may go on after it."""
        if self.checked and self.filled:
            raise self._wrong(ops.DEBUGTRAP, T.INVALID, [])
        func = self.func
        inst = Value(ops.DEBUGTRAP, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        self.insts.append(inst)
        return inst

    def trap(self, code: int) -> Value:
        """End the program with a trap code."""
        if self.checked and (self.filled or not 1 <= code <= 255):
            raise self._wrong(ops.TRAP, T.INVALID, [])
        func = self.func
        inst = Value(ops.TRAP, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.imm = code
        self.insts.append(inst)
        self.filled = True
        return inst

    def trapz(self, c: Value, code: int) -> Value:
        """Trap when `c` is zero."""
        ty = c.ty
        if self.checked and (self.filled or ty not in _SCALAR_TRUTHY or not 1 <= code <= 255):
            raise self._wrong(ops.TRAPZ, ty, [c])
        func = self.func
        inst = Value(ops.TRAPZ, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = c
        inst.imm = code
        self.insts.append(inst)
        return inst

    def trapnz(self, c: Value, code: int) -> Value:
        """Trap when `c` is not zero."""
        ty = c.ty
        if self.checked and (self.filled or ty not in _SCALAR_TRUTHY or not 1 <= code <= 255):
            raise self._wrong(ops.TRAPNZ, ty, [c])
        func = self.func
        inst = Value(ops.TRAPNZ, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = c
        inst.imm = code
        self.insts.append(inst)
        return inst

    def return_(self, values: Sequence[Value] = ()) -> Value:
        """Return values to the caller."""
        if self.checked:
            self._check_values(ops.RETURN_, values, self.func.sig.returns)
        inst = self._inst(ops.RETURN_, T.INVALID)
        inst.args = tuple(values)
        self.filled = True
        return inst

    def call(self, fn: FuncRef, args: Sequence[Value] = ()) -> Value:
        """Call a declared function."""
        inst = self._call(ops.CALL_, CallInfo(fn.sig, fn), args)
        self._call_results(inst, fn.sig)
        return inst

    def call_indirect(self, sig: Signature, callee: Value, args: Sequence[Value] = ()) -> Value:
        """Call the function at an address, with a declared signature."""
        if self.checked and (self.filled or callee.ty not in _I_ADDR):
            raise self._wrong(ops.CALL_INDIRECT, callee.ty, [callee])
        inst = self._call(ops.CALL_INDIRECT, CallInfo(sig), args)
        inst.a = callee
        self._call_results(inst, sig)
        return inst

    def return_call(self, fn: FuncRef, args: Sequence[Value] = ()) -> Value:
        """Tail call: the callee replaces this activation and returns to its caller."""
        inst = self._call(ops.RETURN_CALL, CallInfo(fn.sig, fn), args)
        self.filled = True
        return inst

    def return_call_indirect(
        self, sig: Signature, callee: Value, args: Sequence[Value] = ()
    ) -> Value:
        """Tail call through an address."""
        if self.checked and (self.filled or callee.ty not in _I_ADDR):
            raise self._wrong(ops.RETURN_CALL_INDIRECT, callee.ty, [callee])
        inst = self._call(ops.RETURN_CALL_INDIRECT, CallInfo(sig), args)
        inst.a = callee
        self.filled = True
        return inst

    def func_addr(self, ty: int, fn: FuncRef) -> Value:
        """The address of a declared function."""
        if self.checked and (self.filled or ty not in _I_ADDR):
            raise self._wrong(ops.FUNC_ADDR, ty, [])
        func = self.func
        inst = Value(ops.FUNC_ADDR, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = fn
        self.insts.append(inst)
        return inst

    def try_call(
        self,
        fn: FuncRef,
        args: Sequence[Value],
        normal: BlockCall,
        catches: Sequence[BlockCall],
        handlers: Sequence[Handler],
    ) -> Value:
        """Call that may also return to one of the handlers of an exception table; ends its block.

        `handlers[i].target` is an index: 0 is `normal`, then come the `catches`.
        """
        info = CallInfo(fn.sig, fn)
        info.handlers = list(handlers)
        inst = self._call(ops.TRY_CALL, info, args)
        inst.targets = (normal, *catches)
        for call in inst.targets:
            self._edge(call)
        self.filled = True
        return inst

    def try_call_indirect(
        self,
        sig: Signature,
        callee: Value,
        args: Sequence[Value],
        normal: BlockCall,
        catches: Sequence[BlockCall],
        handlers: Sequence[Handler],
    ) -> Value:
        """`try_call` through an address.

        `handlers[i].target` is an index: 0 is `normal`, then come the `catches`.
        """
        if self.checked and (self.filled or callee.ty not in _I_ADDR):
            raise self._wrong(ops.TRY_CALL_INDIRECT, callee.ty, [callee])
        info = CallInfo(sig)
        info.handlers = list(handlers)
        inst = self._call(ops.TRY_CALL_INDIRECT, info, args)
        inst.a = callee
        inst.targets = (normal, *catches)
        for call in inst.targets:
            self._edge(call)
        self.filled = True
        return inst

    def splat(self, ty: int, x: Value) -> Value:
        """All lanes hold `x`."""
        if self.checked and (self.filled or ty not in _TX_N or x.ty != T.LANE[ty]):
            raise self._wrong(ops.SPLAT, ty, [x])
        func = self.func
        inst = Value(ops.SPLAT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def swizzle(self, x: Value, y: Value) -> Value:
        """Lane i is `x[y[i]]`, or 0 when `y[i]` is past the last lane."""
        if self.checked and (self.filled or x.ty != T.I8X16 or y.ty != T.I8X16):
            raise self._wrong(ops.SWIZZLE, T.I8X16, [x, y])
        func = self.func
        inst = Value(ops.SWIZZLE, T.I8X16, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def x86_pshufb(self, x: Value, y: Value) -> Value:
        """Lane i is 0 when bit 7 of `y[i]` is set, else `x[y[i] & 15]`."""
        if self.checked and (self.filled or x.ty != T.I8X16 or y.ty != T.I8X16):
            raise self._wrong(ops.X86_PSHUFB, T.I8X16, [x, y])
        func = self.func
        inst = Value(ops.X86_PSHUFB, T.I8X16, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def insertlane(self, x: Value, y: Value, lane: int) -> Value:
        """`x` with one lane replaced by `y`."""
        ty = x.ty
        if self.checked and (
            self.filled or ty not in _TX_N or y.ty != T.LANE[ty] or not 0 <= lane <= 255
        ):
            raise self._wrong(ops.INSERTLANE, ty, [x, y])
        func = self.func
        inst = Value(ops.INSERTLANE, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        inst.imm = lane
        self.insts.append(inst)
        return inst

    def extractlane(self, x: Value, lane: int) -> Value:
        """One lane of `x`."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _TX_N or not 0 <= lane <= 255):
            raise self._wrong(ops.EXTRACTLANE, ty, [x])
        func = self.func
        inst = Value(ops.EXTRACTLANE, T.LANE[ty], func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.imm = lane
        self.insts.append(inst)
        return inst

    def smin(self, x: Value, y: Value) -> Value:
        """Signed minimum."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty != ty):
            raise self._wrong(ops.SMIN, ty, [x, y])
        func = self.func
        inst = Value(ops.SMIN, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def umin(self, x: Value, y: Value) -> Value:
        """Unsigned minimum."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty != ty):
            raise self._wrong(ops.UMIN, ty, [x, y])
        func = self.func
        inst = Value(ops.UMIN, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def smax(self, x: Value, y: Value) -> Value:
        """Signed maximum."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty != ty):
            raise self._wrong(ops.SMAX, ty, [x, y])
        func = self.func
        inst = Value(ops.SMAX, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def umax(self, x: Value, y: Value) -> Value:
        """Unsigned maximum."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty != ty):
            raise self._wrong(ops.UMAX, ty, [x, y])
        func = self.func
        inst = Value(ops.UMAX, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def avg_round(self, x: Value, y: Value) -> Value:
        """Unsigned average, rounded up: `(x + y + 1) >> 1`."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _IX_N or y.ty != ty):
            raise self._wrong(ops.AVG_ROUND, ty, [x, y])
        func = self.func
        inst = Value(ops.AVG_ROUND, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def uadd_sat(self, x: Value, y: Value) -> Value:
        """Unsigned addition, clamped to the largest value."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _IX_N or y.ty != ty):
            raise self._wrong(ops.UADD_SAT, ty, [x, y])
        func = self.func
        inst = Value(ops.UADD_SAT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def sadd_sat(self, x: Value, y: Value) -> Value:
        """Signed addition, clamped to the range."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _IX_N or y.ty != ty):
            raise self._wrong(ops.SADD_SAT, ty, [x, y])
        func = self.func
        inst = Value(ops.SADD_SAT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def usub_sat(self, x: Value, y: Value) -> Value:
        """Unsigned subtraction, clamped to zero."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _IX_N or y.ty != ty):
            raise self._wrong(ops.USUB_SAT, ty, [x, y])
        func = self.func
        inst = Value(ops.USUB_SAT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def ssub_sat(self, x: Value, y: Value) -> Value:
        """Signed subtraction, clamped to the range."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _IX_N or y.ty != ty):
            raise self._wrong(ops.SSUB_SAT, ty, [x, y])
        func = self.func
        inst = Value(ops.SSUB_SAT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def load(self, ty: int, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load a value from `p + offset`."""
        if self.checked and (
            self.filled
            or ty not in _MEM
            or p.ty not in _I_ADDR
            or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.LOAD, ty, [p])
        func = self.func
        inst = Value(ops.LOAD, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def store(self, x: Value, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Store `x` at `p + offset`."""
        ty = x.ty
        if self.checked and (
            self.filled
            or ty not in _MEM
            or p.ty not in _I_ADDR
            or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.STORE, ty, [x, p])
        func = self.func
        inst = Value(ops.STORE, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = x
        inst.b = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def uload8(self, ty: int, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load 8 bits and zero-extend."""
        if self.checked and (
            self.filled
            or ty not in _I_EXT8
            or p.ty not in _I_ADDR
            or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.ULOAD8, ty, [p])
        func = self.func
        inst = Value(ops.ULOAD8, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def sload8(self, ty: int, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load 8 bits and sign-extend."""
        if self.checked and (
            self.filled
            or ty not in _I_EXT8
            or p.ty not in _I_ADDR
            or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.SLOAD8, ty, [p])
        func = self.func
        inst = Value(ops.SLOAD8, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def istore8(self, x: Value, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Store the low 8 bits."""
        ty = x.ty
        if self.checked and (
            self.filled
            or ty not in _I_EXT8
            or p.ty not in _I_ADDR
            or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.ISTORE8, ty, [x, p])
        func = self.func
        inst = Value(ops.ISTORE8, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = x
        inst.b = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def uload16(self, ty: int, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load 16 bits and zero-extend."""
        if self.checked and (
            self.filled
            or ty not in _I_EXT16
            or p.ty not in _I_ADDR
            or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.ULOAD16, ty, [p])
        func = self.func
        inst = Value(ops.ULOAD16, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def sload16(self, ty: int, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load 16 bits and sign-extend."""
        if self.checked and (
            self.filled
            or ty not in _I_EXT16
            or p.ty not in _I_ADDR
            or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.SLOAD16, ty, [p])
        func = self.func
        inst = Value(ops.SLOAD16, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def istore16(
        self, x: Value, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE
    ) -> Value:
        """Store the low 16 bits."""
        ty = x.ty
        if self.checked and (
            self.filled
            or ty not in _I_EXT16
            or p.ty not in _I_ADDR
            or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.ISTORE16, ty, [x, p])
        func = self.func
        inst = Value(ops.ISTORE16, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = x
        inst.b = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def uload32(self, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load 32 bits and zero-extend."""
        if self.checked and (
            self.filled or p.ty not in _I_ADDR or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.ULOAD32, T.I64, [p])
        func = self.func
        inst = Value(ops.ULOAD32, T.I64, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def sload32(self, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load 32 bits and sign-extend."""
        if self.checked and (
            self.filled or p.ty not in _I_ADDR or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.SLOAD32, T.I64, [p])
        func = self.func
        inst = Value(ops.SLOAD32, T.I64, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def istore32(
        self, x: Value, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE
    ) -> Value:
        """Store the low 32 bits."""
        if self.checked and (
            self.filled
            or x.ty != T.I64
            or p.ty not in _I_ADDR
            or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.ISTORE32, T.I64, [x, p])
        func = self.func
        inst = Value(ops.ISTORE32, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = x
        inst.b = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def uload8x8(self, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load eight bytes and zero-extend each to 16 bits."""
        if self.checked and (
            self.filled or p.ty not in _I_ADDR or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.ULOAD8X8, T.I16X8, [p])
        func = self.func
        inst = Value(ops.ULOAD8X8, T.I16X8, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def sload8x8(self, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load eight bytes and sign-extend each to 16 bits."""
        if self.checked and (
            self.filled or p.ty not in _I_ADDR or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.SLOAD8X8, T.I16X8, [p])
        func = self.func
        inst = Value(ops.SLOAD8X8, T.I16X8, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def uload16x4(self, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load four 16-bit lanes and zero-extend each to 32 bits."""
        if self.checked and (
            self.filled or p.ty not in _I_ADDR or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.ULOAD16X4, T.I32X4, [p])
        func = self.func
        inst = Value(ops.ULOAD16X4, T.I32X4, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def sload16x4(self, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load four 16-bit lanes and sign-extend each to 32 bits."""
        if self.checked and (
            self.filled or p.ty not in _I_ADDR or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.SLOAD16X4, T.I32X4, [p])
        func = self.func
        inst = Value(ops.SLOAD16X4, T.I32X4, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def uload32x2(self, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load two 32-bit lanes and zero-extend each to 64 bits."""
        if self.checked and (
            self.filled or p.ty not in _I_ADDR or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.ULOAD32X2, T.I64X2, [p])
        func = self.func
        inst = Value(ops.ULOAD32X2, T.I64X2, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def sload32x2(self, p: Value, offset: int = 0, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Load two 32-bit lanes and sign-extend each to 64 bits."""
        if self.checked and (
            self.filled or p.ty not in _I_ADDR or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.SLOAD32X2, T.I64X2, [p])
        func = self.func
        inst = Value(ops.SLOAD32X2, T.I64X2, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def stack_addr(self, ty: int, slot: StackSlot, offset: int = 0) -> Value:
        """The address of a byte in a stack slot."""
        if self.checked and (
            self.filled or ty not in _I_ADDR or not -2_147_483_648 <= offset <= 2_147_483_647
        ):
            raise self._wrong(ops.STACK_ADDR, ty, [])
        func = self.func
        inst = Value(ops.STACK_ADDR, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = slot
        inst.imm = offset
        self.insts.append(inst)
        return inst

    def dynamic_stack_addr(self, ty: int, slot: DynamicStackSlot) -> Value:
        """The address of a dynamic stack slot."""
        if self.checked and (self.filled or ty not in _I_ADDR):
            raise self._wrong(ops.DYNAMIC_STACK_ADDR, ty, [])
        func = self.func
        inst = Value(ops.DYNAMIC_STACK_ADDR, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = slot
        self.insts.append(inst)
        return inst

    def symbol_value(self, ty: int, gv: GlobalValue) -> Value:
        """The value of a symbolic global."""
        if self.checked and (self.filled or ty not in _MEM):
            raise self._wrong(ops.SYMBOL_VALUE, ty, [])
        func = self.func
        inst = Value(ops.SYMBOL_VALUE, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = gv
        self.insts.append(inst)
        return inst

    def tls_value(self, ty: int, gv: GlobalValue) -> Value:
        """The address of a thread-local symbol."""
        if self.checked and (self.filled or ty not in _MEM):
            raise self._wrong(ops.TLS_VALUE, ty, [])
        func = self.func
        inst = Value(ops.TLS_VALUE, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = gv
        self.insts.append(inst)
        return inst

    def stack_switch(self, store: Value, load: Value, payload: Value) -> Value:
        """Save this stack's context, switch to another's, and pass a payload across."""
        ty = load.ty
        if self.checked and (
            self.filled or ty not in _I_ADDR or store.ty != ty or payload.ty != ty
        ):
            raise self._wrong(ops.STACK_SWITCH, ty, [store, load, payload])
        func = self.func
        inst = Value(ops.STACK_SWITCH, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = store
        inst.b = load
        inst.c = payload
        self.insts.append(inst)
        return inst

    def get_pinned_reg(self, ty: int) -> Value:
        """The pinned register's value."""
        if self.checked and (self.filled or ty not in _I_ADDR):
            raise self._wrong(ops.GET_PINNED_REG, ty, [])
        func = self.func
        inst = Value(ops.GET_PINNED_REG, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        self.insts.append(inst)
        return inst

    def set_pinned_reg(self, addr: Value) -> Value:
        """Set the pinned register."""
        ty = addr.ty
        if self.checked and (self.filled or ty not in _I_ADDR):
            raise self._wrong(ops.SET_PINNED_REG, ty, [addr])
        func = self.func
        inst = Value(ops.SET_PINNED_REG, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = addr
        self.insts.append(inst)
        return inst

    def get_frame_pointer(self, ty: int) -> Value:
        """The frame pointer."""
        if self.checked and (self.filled or ty not in _I_ADDR):
            raise self._wrong(ops.GET_FRAME_POINTER, ty, [])
        func = self.func
        inst = Value(ops.GET_FRAME_POINTER, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        self.insts.append(inst)
        return inst

    def get_stack_pointer(self, ty: int) -> Value:
        """The stack pointer."""
        if self.checked and (self.filled or ty not in _I_ADDR):
            raise self._wrong(ops.GET_STACK_POINTER, ty, [])
        func = self.func
        inst = Value(ops.GET_STACK_POINTER, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        self.insts.append(inst)
        return inst

    def get_return_address(self, ty: int) -> Value:
        """This activation's return address."""
        if self.checked and (self.filled or ty not in _I_ADDR):
            raise self._wrong(ops.GET_RETURN_ADDRESS, ty, [])
        func = self.func
        inst = Value(ops.GET_RETURN_ADDRESS, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        self.insts.append(inst)
        return inst

    def get_exception_handler_address(self, ty: int, block: Block, index: int) -> Value:
        """The address of a handler of the `try_call` that ends `block`."""
        if self.checked and (self.filled or ty not in _I_ADDR):
            raise self._wrong(ops.GET_EXCEPTION_HANDLER_ADDRESS, ty, [])
        func = self.func
        inst = Value(ops.GET_EXCEPTION_HANDLER_ADDRESS, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = block
        inst.imm = index
        self.insts.append(inst)
        return inst

    def iconst(self, ty: int, n: int) -> Value:
        """An integer constant.

        `n` may be given as signed or unsigned; it is kept sign-extended.
        """
        if self.checked and (
            self.filled
            or ty not in _NARROW_INT
            or not -(1 << (T.BITS[ty] - 1)) <= n < 1 << T.BITS[ty]
        ):
            raise self._wrong(ops.ICONST, ty, [])
        func = self.func
        inst = Value(ops.ICONST, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        sign = 1 << (T.BITS[ty] - 1)
        inst.imm = ((n & (sign + sign - 1)) ^ sign) - sign
        self.insts.append(inst)
        return inst

    def f16const(self, n: int) -> Value:
        """An f16 constant, kept as its bits."""
        if self.checked and (self.filled or not 0 <= n <= 65_535):
            raise self._wrong(ops.F16CONST, T.INVALID, [])
        func = self.func
        inst = Value(ops.F16CONST, T.F16, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.imm = n
        self.insts.append(inst)
        return inst

    def f32const(self, n: int) -> Value:
        """An f32 constant, kept as its bits."""
        if self.checked and (self.filled or not 0 <= n <= 4_294_967_295):
            raise self._wrong(ops.F32CONST, T.INVALID, [])
        func = self.func
        inst = Value(ops.F32CONST, T.F32, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.imm = n
        self.insts.append(inst)
        return inst

    def f64const(self, n: int) -> Value:
        """An f64 constant, kept as its bits."""
        if self.checked and (self.filled or not 0 <= n <= 18_446_744_073_709_551_615):
            raise self._wrong(ops.F64CONST, T.INVALID, [])
        func = self.func
        inst = Value(ops.F64CONST, T.F64, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.imm = n
        self.insts.append(inst)
        return inst

    def f128const(self, n: bytes) -> Value:
        """An f128 constant, kept as its bits."""
        if self.checked and (self.filled or len(n) != 16):
            raise self._wrong(ops.F128CONST, T.INVALID, [])
        func = self.func
        inst = Value(ops.F128CONST, T.F128, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = n
        self.insts.append(inst)
        return inst

    def vconst(self, ty: int, n: bytes) -> Value:
        """A vector constant, kept as its bytes, lane 0 first."""
        if self.checked and (self.filled or ty not in _TX_N or len(n) != T.BITS[ty] >> 3):
            raise self._wrong(ops.VCONST, ty, [])
        func = self.func
        inst = Value(ops.VCONST, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = n
        self.insts.append(inst)
        return inst

    def shuffle(self, a: Value, b: Value, mask: bytes) -> Value:
        """Lane i is lane `mask[i]` of the 32 lanes of `a` then `b`."""
        if self.checked and (self.filled or a.ty != T.I8X16 or b.ty != T.I8X16 or len(mask) != 16):
            raise self._wrong(ops.SHUFFLE, T.I8X16, [a, b])
        func = self.func
        inst = Value(ops.SHUFFLE, T.I8X16, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = a
        inst.b = b
        inst.ext = mask
        self.insts.append(inst)
        return inst

    def nop(self) -> Value:
        """Nothing."""
        if self.checked and self.filled:
            raise self._wrong(ops.NOP, T.INVALID, [])
        func = self.func
        inst = Value(ops.NOP, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        self.insts.append(inst)
        return inst

    def select(self, c: Value, x: Value, y: Value) -> Value:
        """`x` when `c` is not zero, else `y`."""
        ty = x.ty
        if self.checked and (
            self.filled or ty not in _ANY or c.ty not in _SCALAR_TRUTHY or y.ty != ty
        ):
            raise self._wrong(ops.SELECT, ty, [c, x, y])
        func = self.func
        inst = Value(ops.SELECT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = c
        inst.b = x
        inst.c = y
        self.insts.append(inst)
        return inst

    def select_spectre_guard(self, c: Value, x: Value, y: Value) -> Value:
        """`select` that never becomes a branch, so that speculation cannot pass it."""
        ty = x.ty
        if self.checked and (
            self.filled or ty not in _ANY or c.ty not in _SCALAR_TRUTHY or y.ty != ty
        ):
            raise self._wrong(ops.SELECT_SPECTRE_GUARD, ty, [c, x, y])
        func = self.func
        inst = Value(ops.SELECT_SPECTRE_GUARD, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = c
        inst.b = x
        inst.c = y
        self.insts.append(inst)
        return inst

    def bitselect(self, c: Value, x: Value, y: Value) -> Value:
        """Bit by bit: `x` where `c` is 1, else `y`."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _ANY or c.ty != ty or y.ty != ty):
            raise self._wrong(ops.BITSELECT, ty, [c, x, y])
        func = self.func
        inst = Value(ops.BITSELECT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = c
        inst.b = x
        inst.c = y
        self.insts.append(inst)
        return inst

    def blendv(self, c: Value, x: Value, y: Value) -> Value:
        """Lane by lane: `x` where the top bit of `c` is set, else `y`."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _ANY or c.ty != ty or y.ty != ty):
            raise self._wrong(ops.BLENDV, ty, [c, x, y])
        func = self.func
        inst = Value(ops.BLENDV, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = c
        inst.b = x
        inst.c = y
        self.insts.append(inst)
        return inst

    def vany_true(self, a: Value) -> Value:
        """1 when any lane is not zero."""
        ty = a.ty
        if self.checked and (self.filled or ty not in _TX_N):
            raise self._wrong(ops.VANY_TRUE, ty, [a])
        func = self.func
        inst = Value(ops.VANY_TRUE, T.I8, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = a
        self.insts.append(inst)
        return inst

    def vall_true(self, a: Value) -> Value:
        """1 when all lanes are not zero."""
        ty = a.ty
        if self.checked and (self.filled or ty not in _TX_N):
            raise self._wrong(ops.VALL_TRUE, ty, [a])
        func = self.func
        inst = Value(ops.VALL_TRUE, T.I8, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = a
        self.insts.append(inst)
        return inst

    def vhigh_bits(self, ty: int, a: Value) -> Value:
        """The top bits of the lanes, lane 0 lowest."""
        if self.checked and (self.filled or ty not in _NARROW_INT or a.ty not in _TX_N):
            raise self._wrong(ops.VHIGH_BITS, ty, [a])
        func = self.func
        inst = Value(ops.VHIGH_BITS, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = a
        self.insts.append(inst)
        return inst

    def icmp(self, cond: int, x: Value, y: Value) -> Value:
        """Compare integers: 1 or 0, or all ones or zero in a vector's lanes."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or not 0 <= cond <= 9 or y.ty != ty):
            raise self._wrong(ops.ICMP, ty, [x, y])
        func = self.func
        inst = Value(ops.ICMP, T.as_truthy(ty), func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.imm = cond
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def iadd(self, x: Value, y: Value) -> Value:
        """Wrapping addition."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty != ty):
            raise self._wrong(ops.IADD, ty, [x, y])
        func = self.func
        inst = Value(ops.IADD, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def isub(self, x: Value, y: Value) -> Value:
        """Wrapping subtraction."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty != ty):
            raise self._wrong(ops.ISUB, ty, [x, y])
        func = self.func
        inst = Value(ops.ISUB, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def ineg(self, x: Value) -> Value:
        """Wrapping negation."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT):
            raise self._wrong(ops.INEG, ty, [x])
        func = self.func
        inst = Value(ops.INEG, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def iabs(self, x: Value) -> Value:
        """Absolute value; the smallest value maps to itself."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT):
            raise self._wrong(ops.IABS, ty, [x])
        func = self.func
        inst = Value(ops.IABS, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def imul(self, x: Value, y: Value) -> Value:
        """Wrapping multiplication."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty != ty):
            raise self._wrong(ops.IMUL, ty, [x, y])
        func = self.func
        inst = Value(ops.IMUL, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def umulhi(self, x: Value, y: Value) -> Value:
        """High half of the unsigned product."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty != ty):
            raise self._wrong(ops.UMULHI, ty, [x, y])
        func = self.func
        inst = Value(ops.UMULHI, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def smulhi(self, x: Value, y: Value) -> Value:
        """High half of the signed product."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty != ty):
            raise self._wrong(ops.SMULHI, ty, [x, y])
        func = self.func
        inst = Value(ops.SMULHI, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def sqmul_round_sat(self, x: Value, y: Value) -> Value:
        """Fixed-point product, rounded and saturated (Q15 or Q31)."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I16OR32 or y.ty != ty):
            raise self._wrong(ops.SQMUL_ROUND_SAT, ty, [x, y])
        func = self.func
        inst = Value(ops.SQMUL_ROUND_SAT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def x86_pmulhrsw(self, x: Value, y: Value) -> Value:
        """`sqmul_round_sat` without saturation of `-1 * -1`."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I16OR32 or y.ty != ty):
            raise self._wrong(ops.X86_PMULHRSW, ty, [x, y])
        func = self.func
        inst = Value(ops.X86_PMULHRSW, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def udiv(self, x: Value, y: Value) -> Value:
        """Unsigned quotient; traps on division by zero."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B or y.ty != ty):
            raise self._wrong(ops.UDIV, ty, [x, y])
        func = self.func
        inst = Value(ops.UDIV, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def sdiv(self, x: Value, y: Value) -> Value:
        """Signed quotient toward zero; traps on division by zero and on overflow."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B or y.ty != ty):
            raise self._wrong(ops.SDIV, ty, [x, y])
        func = self.func
        inst = Value(ops.SDIV, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def urem(self, x: Value, y: Value) -> Value:
        """Unsigned remainder; traps on division by zero."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B or y.ty != ty):
            raise self._wrong(ops.UREM, ty, [x, y])
        func = self.func
        inst = Value(ops.UREM, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def srem(self, x: Value, y: Value) -> Value:
        """Signed remainder with the sign of `x`; traps on division by zero, 0 for `MIN % -1`."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B or y.ty != ty):
            raise self._wrong(ops.SREM, ty, [x, y])
        func = self.func
        inst = Value(ops.SREM, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def sadd_overflow_cin(self, x: Value, y: Value, c_in: Value) -> tuple[Value, Value]:
        """Sum of `x`, `y` and a carry bit, and whether it overflows as signed."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B or y.ty != ty or c_in.ty != T.I8):
            raise self._wrong(ops.SADD_OVERFLOW_CIN, ty, [x, y, c_in])
        func = self.func
        inst = Value(ops.SADD_OVERFLOW_CIN, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        inst.c = c_in
        self.insts.append(inst)
        func.add_results(inst, [ty, T.I8])
        return inst.results[0], inst.results[1]

    def uadd_overflow_cin(self, x: Value, y: Value, c_in: Value) -> tuple[Value, Value]:
        """Sum of `x`, `y` and a carry bit, and the carry out."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B or y.ty != ty or c_in.ty != T.I8):
            raise self._wrong(ops.UADD_OVERFLOW_CIN, ty, [x, y, c_in])
        func = self.func
        inst = Value(ops.UADD_OVERFLOW_CIN, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        inst.c = c_in
        self.insts.append(inst)
        func.add_results(inst, [ty, T.I8])
        return inst.results[0], inst.results[1]

    def uadd_overflow(self, x: Value, y: Value) -> tuple[Value, Value]:
        """Wrapping sum and the carry out."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B or y.ty != ty):
            raise self._wrong(ops.UADD_OVERFLOW, ty, [x, y])
        func = self.func
        inst = Value(ops.UADD_OVERFLOW, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        func.add_results(inst, [ty, T.I8])
        return inst.results[0], inst.results[1]

    def sadd_overflow(self, x: Value, y: Value) -> tuple[Value, Value]:
        """Wrapping sum and whether it overflows as signed."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B or y.ty != ty):
            raise self._wrong(ops.SADD_OVERFLOW, ty, [x, y])
        func = self.func
        inst = Value(ops.SADD_OVERFLOW, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        func.add_results(inst, [ty, T.I8])
        return inst.results[0], inst.results[1]

    def usub_overflow(self, x: Value, y: Value) -> tuple[Value, Value]:
        """Wrapping difference and the borrow."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B or y.ty != ty):
            raise self._wrong(ops.USUB_OVERFLOW, ty, [x, y])
        func = self.func
        inst = Value(ops.USUB_OVERFLOW, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        func.add_results(inst, [ty, T.I8])
        return inst.results[0], inst.results[1]

    def ssub_overflow(self, x: Value, y: Value) -> tuple[Value, Value]:
        """Wrapping difference and whether it overflows as signed."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B or y.ty != ty):
            raise self._wrong(ops.SSUB_OVERFLOW, ty, [x, y])
        func = self.func
        inst = Value(ops.SSUB_OVERFLOW, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        func.add_results(inst, [ty, T.I8])
        return inst.results[0], inst.results[1]

    def umul_overflow(self, x: Value, y: Value) -> tuple[Value, Value]:
        """Wrapping product and whether it overflows as unsigned."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _NARROW_INT or y.ty != ty):
            raise self._wrong(ops.UMUL_OVERFLOW, ty, [x, y])
        func = self.func
        inst = Value(ops.UMUL_OVERFLOW, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        func.add_results(inst, [ty, T.I8])
        return inst.results[0], inst.results[1]

    def smul_overflow(self, x: Value, y: Value) -> tuple[Value, Value]:
        """Wrapping product and whether it overflows as signed."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _NARROW_INT or y.ty != ty):
            raise self._wrong(ops.SMUL_OVERFLOW, ty, [x, y])
        func = self.func
        inst = Value(ops.SMUL_OVERFLOW, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        func.add_results(inst, [ty, T.I8])
        return inst.results[0], inst.results[1]

    def uadd_overflow_trap(self, x: Value, y: Value, code: int) -> Value:
        """Sum; traps when the unsigned sum overflows."""
        ty = x.ty
        if self.checked and (
            self.filled or ty not in _I_ADDR or y.ty != ty or not 1 <= code <= 255
        ):
            raise self._wrong(ops.UADD_OVERFLOW_TRAP, ty, [x, y])
        func = self.func
        inst = Value(ops.UADD_OVERFLOW_TRAP, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        inst.imm = code
        self.insts.append(inst)
        return inst

    def ssub_overflow_bin(self, x: Value, y: Value, b_in: Value) -> tuple[Value, Value]:
        """Difference with a borrow bit, and whether it overflows as signed."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B or y.ty != ty or b_in.ty != T.I8):
            raise self._wrong(ops.SSUB_OVERFLOW_BIN, ty, [x, y, b_in])
        func = self.func
        inst = Value(ops.SSUB_OVERFLOW_BIN, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        inst.c = b_in
        self.insts.append(inst)
        func.add_results(inst, [ty, T.I8])
        return inst.results[0], inst.results[1]

    def usub_overflow_bin(self, x: Value, y: Value, b_in: Value) -> tuple[Value, Value]:
        """Difference with a borrow bit, and the borrow out."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B or y.ty != ty or b_in.ty != T.I8):
            raise self._wrong(ops.USUB_OVERFLOW_BIN, ty, [x, y, b_in])
        func = self.func
        inst = Value(ops.USUB_OVERFLOW_BIN, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        inst.c = b_in
        self.insts.append(inst)
        func.add_results(inst, [ty, T.I8])
        return inst.results[0], inst.results[1]

    def band(self, x: Value, y: Value) -> Value:
        """Bitwise and."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _ANY or y.ty != ty):
            raise self._wrong(ops.BAND, ty, [x, y])
        func = self.func
        inst = Value(ops.BAND, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def bor(self, x: Value, y: Value) -> Value:
        """Bitwise or."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _ANY or y.ty != ty):
            raise self._wrong(ops.BOR, ty, [x, y])
        func = self.func
        inst = Value(ops.BOR, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def bxor(self, x: Value, y: Value) -> Value:
        """Bitwise exclusive or."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _ANY or y.ty != ty):
            raise self._wrong(ops.BXOR, ty, [x, y])
        func = self.func
        inst = Value(ops.BXOR, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def bnot(self, x: Value) -> Value:
        """Bitwise not."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _ANY):
            raise self._wrong(ops.BNOT, ty, [x])
        func = self.func
        inst = Value(ops.BNOT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def rotl(self, x: Value, y: Value) -> Value:
        """Rotate left by `y` modulo the lane width."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty not in _I_B):
            raise self._wrong(ops.ROTL, ty, [x, y])
        func = self.func
        inst = Value(ops.ROTL, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def rotr(self, x: Value, y: Value) -> Value:
        """Rotate right by `y` modulo the lane width."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty not in _I_B):
            raise self._wrong(ops.ROTR, ty, [x, y])
        func = self.func
        inst = Value(ops.ROTR, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def ishl(self, x: Value, y: Value) -> Value:
        """Shift left by `y` modulo the lane width."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty not in _I_B):
            raise self._wrong(ops.ISHL, ty, [x, y])
        func = self.func
        inst = Value(ops.ISHL, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def ushr(self, x: Value, y: Value) -> Value:
        """Logical shift right by `y` modulo the lane width."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty not in _I_B):
            raise self._wrong(ops.USHR, ty, [x, y])
        func = self.func
        inst = Value(ops.USHR, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def sshr(self, x: Value, y: Value) -> Value:
        """Arithmetic shift right by `y` modulo the lane width."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT or y.ty not in _I_B):
            raise self._wrong(ops.SSHR, ty, [x, y])
        func = self.func
        inst = Value(ops.SSHR, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def bitrev(self, x: Value) -> Value:
        """Bits in reverse order."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B):
            raise self._wrong(ops.BITREV, ty, [x])
        func = self.func
        inst = Value(ops.BITREV, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def clz(self, x: Value) -> Value:
        """Leading zero bits; the width for 0."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B):
            raise self._wrong(ops.CLZ, ty, [x])
        func = self.func
        inst = Value(ops.CLZ, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def cls(self, x: Value) -> Value:
        """Leading bits equal to the sign bit, not counting it."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B):
            raise self._wrong(ops.CLS, ty, [x])
        func = self.func
        inst = Value(ops.CLS, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def ctz(self, x: Value) -> Value:
        """Trailing zero bits; the width for 0."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_B):
            raise self._wrong(ops.CTZ, ty, [x])
        func = self.func
        inst = Value(ops.CTZ, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def bswap(self, x: Value) -> Value:
        """Bytes in reverse order."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_SWAPPABLE):
            raise self._wrong(ops.BSWAP, ty, [x])
        func = self.func
        inst = Value(ops.BSWAP, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def popcnt(self, x: Value) -> Value:
        """Bits that are 1."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _INT):
            raise self._wrong(ops.POPCNT, ty, [x])
        func = self.func
        inst = Value(ops.POPCNT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fcmp(self, cond: int, x: Value, y: Value) -> Value:
        """Compare floats: 1 or 0, or all ones or zero in a vector's lanes."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT or not 0 <= cond <= 13 or y.ty != ty):
            raise self._wrong(ops.FCMP, ty, [x, y])
        func = self.func
        inst = Value(ops.FCMP, T.as_truthy(ty), func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.imm = cond
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def fadd(self, x: Value, y: Value) -> Value:
        """Addition, rounded to nearest even."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT or y.ty != ty):
            raise self._wrong(ops.FADD, ty, [x, y])
        func = self.func
        inst = Value(ops.FADD, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def fsub(self, x: Value, y: Value) -> Value:
        """Subtraction, rounded to nearest even."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT or y.ty != ty):
            raise self._wrong(ops.FSUB, ty, [x, y])
        func = self.func
        inst = Value(ops.FSUB, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def fmul(self, x: Value, y: Value) -> Value:
        """Multiplication, rounded to nearest even."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT or y.ty != ty):
            raise self._wrong(ops.FMUL, ty, [x, y])
        func = self.func
        inst = Value(ops.FMUL, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def fdiv(self, x: Value, y: Value) -> Value:
        """Division, rounded to nearest even."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT or y.ty != ty):
            raise self._wrong(ops.FDIV, ty, [x, y])
        func = self.func
        inst = Value(ops.FDIV, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def sqrt(self, x: Value) -> Value:
        """Square root, rounded to nearest even."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT):
            raise self._wrong(ops.SQRT, ty, [x])
        func = self.func
        inst = Value(ops.SQRT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        """`x * y + z` with one rounding."""
        ty = y.ty
        if self.checked and (self.filled or ty not in _FLOAT or x.ty != ty or z.ty != ty):
            raise self._wrong(ops.FMA, ty, [x, y, z])
        func = self.func
        inst = Value(ops.FMA, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        inst.c = z
        self.insts.append(inst)
        return inst

    def fneg(self, x: Value) -> Value:
        """The sign bit inverted."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT):
            raise self._wrong(ops.FNEG, ty, [x])
        func = self.func
        inst = Value(ops.FNEG, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fabs(self, x: Value) -> Value:
        """The sign bit cleared."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT):
            raise self._wrong(ops.FABS, ty, [x])
        func = self.func
        inst = Value(ops.FABS, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fcopysign(self, x: Value, y: Value) -> Value:
        """`x` with the sign bit of `y`."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT or y.ty != ty):
            raise self._wrong(ops.FCOPYSIGN, ty, [x, y])
        func = self.func
        inst = Value(ops.FCOPYSIGN, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def fmin(self, x: Value, y: Value) -> Value:
        """The smaller; -0 is below +0; NaN when either is NaN."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT or y.ty != ty):
            raise self._wrong(ops.FMIN, ty, [x, y])
        func = self.func
        inst = Value(ops.FMIN, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def fmax(self, x: Value, y: Value) -> Value:
        """The larger; +0 is above -0; NaN when either is NaN."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT or y.ty != ty):
            raise self._wrong(ops.FMAX, ty, [x, y])
        func = self.func
        inst = Value(ops.FMAX, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def ceil(self, x: Value) -> Value:
        """Rounded toward plus infinity to an integral value."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT):
            raise self._wrong(ops.CEIL, ty, [x])
        func = self.func
        inst = Value(ops.CEIL, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def floor(self, x: Value) -> Value:
        """Rounded toward minus infinity to an integral value."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT):
            raise self._wrong(ops.FLOOR, ty, [x])
        func = self.func
        inst = Value(ops.FLOOR, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def trunc(self, x: Value) -> Value:
        """Rounded toward zero to an integral value."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT):
            raise self._wrong(ops.TRUNC, ty, [x])
        func = self.func
        inst = Value(ops.TRUNC, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def nearest(self, x: Value) -> Value:
        """Rounded to the nearest integral value, ties to even."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _FLOAT):
            raise self._wrong(ops.NEAREST, ty, [x])
        func = self.func
        inst = Value(ops.NEAREST, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def bitcast(self, ty: int, x: Value, flags: MemFlags = TRUSTED_NONE) -> Value:
        """The same bits as another type; the flags give the byte order of lanes."""
        if self.checked and (self.filled or ty not in _MEM_TO or x.ty not in _MEM):
            raise self._wrong(ops.BITCAST, ty, [x])
        func = self.func
        inst = Value(ops.BITCAST, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = x
        self.insts.append(inst)
        return inst

    def scalar_to_vector(self, ty: int, s: Value) -> Value:
        """A vector with `s` in lane 0 and zeros elsewhere."""
        if self.checked and (self.filled or ty not in _TX_N or s.ty != T.LANE[ty]):
            raise self._wrong(ops.SCALAR_TO_VECTOR, ty, [s])
        func = self.func
        inst = Value(ops.SCALAR_TO_VECTOR, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = s
        self.insts.append(inst)
        return inst

    def bmask(self, ty: int, x: Value) -> Value:
        """All ones when `x` is not zero, else 0."""
        if self.checked and (self.filled or ty not in _INT_TO or x.ty not in _SCALAR_TRUTHY):
            raise self._wrong(ops.BMASK, ty, [x])
        func = self.func
        inst = Value(ops.BMASK, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def ireduce(self, ty: int, x: Value) -> Value:
        """The low bits of a wider integer."""
        if self.checked and (self.filled or ty not in _I_B or not ty < x.ty <= T.I128):
            raise self._wrong(ops.IREDUCE, ty, [x])
        func = self.func
        inst = Value(ops.IREDUCE, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def snarrow(self, x: Value, y: Value) -> Value:
        """Lanes of `x` then `y`, narrowed with signed saturation."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _NARROW_SOURCE or y.ty != ty):
            raise self._wrong(ops.SNARROW, ty, [x, y])
        func = self.func
        inst = Value(ops.SNARROW, T.split_lanes(ty), func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def unarrow(self, x: Value, y: Value) -> Value:
        """Signed lanes of `x` then `y`, narrowed with saturation to the unsigned range."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _NARROW_SOURCE or y.ty != ty):
            raise self._wrong(ops.UNARROW, ty, [x, y])
        func = self.func
        inst = Value(ops.UNARROW, T.split_lanes(ty), func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def uunarrow(self, x: Value, y: Value) -> Value:
        """Unsigned lanes of `x` then `y`, narrowed with unsigned saturation."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _NARROW_SOURCE or y.ty != ty):
            raise self._wrong(ops.UUNARROW, ty, [x, y])
        func = self.func
        inst = Value(ops.UUNARROW, T.split_lanes(ty), func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def swiden_low(self, x: Value) -> Value:
        """Low lanes, sign-extended."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _WIDEN_SOURCE):
            raise self._wrong(ops.SWIDEN_LOW, ty, [x])
        func = self.func
        inst = Value(ops.SWIDEN_LOW, T.merge_lanes(ty), func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def swiden_high(self, x: Value) -> Value:
        """High lanes, sign-extended."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _WIDEN_SOURCE):
            raise self._wrong(ops.SWIDEN_HIGH, ty, [x])
        func = self.func
        inst = Value(ops.SWIDEN_HIGH, T.merge_lanes(ty), func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def uwiden_low(self, x: Value) -> Value:
        """Low lanes, zero-extended."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _WIDEN_SOURCE):
            raise self._wrong(ops.UWIDEN_LOW, ty, [x])
        func = self.func
        inst = Value(ops.UWIDEN_LOW, T.merge_lanes(ty), func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def uwiden_high(self, x: Value) -> Value:
        """High lanes, zero-extended."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _WIDEN_SOURCE):
            raise self._wrong(ops.UWIDEN_HIGH, ty, [x])
        func = self.func
        inst = Value(ops.UWIDEN_HIGH, T.merge_lanes(ty), func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def iadd_pairwise(self, x: Value, y: Value) -> Value:
        """Sums of neighbouring lanes of `x`, then of `y`."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _WIDEN_SOURCE or y.ty != ty):
            raise self._wrong(ops.IADD_PAIRWISE, ty, [x, y])
        func = self.func
        inst = Value(ops.IADD_PAIRWISE, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def x86_pmaddubsw(self, x: Value, y: Value) -> Value:
        """Saturating sums of neighbouring products, `x` signed and `y` unsigned bytes."""
        if self.checked and (self.filled or x.ty != T.I8X16 or y.ty != T.I8X16):
            raise self._wrong(ops.X86_PMADDUBSW, T.I16X8, [x, y])
        func = self.func
        inst = Value(ops.X86_PMADDUBSW, T.I16X8, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.b = y
        self.insts.append(inst)
        return inst

    def uextend(self, ty: int, x: Value) -> Value:
        """Zero-extend."""
        if self.checked and (self.filled or ty not in _I_B or not T.I8 <= x.ty < ty):
            raise self._wrong(ops.UEXTEND, ty, [x])
        func = self.func
        inst = Value(ops.UEXTEND, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def sextend(self, ty: int, x: Value) -> Value:
        """Sign-extend."""
        if self.checked and (self.filled or ty not in _I_B or not T.I8 <= x.ty < ty):
            raise self._wrong(ops.SEXTEND, ty, [x])
        func = self.func
        inst = Value(ops.SEXTEND, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fpromote(self, ty: int, x: Value) -> Value:
        """To a wider float, exactly."""
        if self.checked and (self.filled or ty not in _FLOAT_SCALAR or not T.F16 <= x.ty < ty):
            raise self._wrong(ops.FPROMOTE, ty, [x])
        func = self.func
        inst = Value(ops.FPROMOTE, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fdemote(self, ty: int, x: Value) -> Value:
        """To a narrower float, rounded to nearest even."""
        if self.checked and (self.filled or ty not in _FLOAT_SCALAR or not ty < x.ty <= T.F128):
            raise self._wrong(ops.FDEMOTE, ty, [x])
        func = self.func
        inst = Value(ops.FDEMOTE, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fvdemote(self, x: Value) -> Value:
        """Two f64 lanes to the low two f32 lanes; the high lanes are zero."""
        if self.checked and (self.filled or x.ty != T.F64X2):
            raise self._wrong(ops.FVDEMOTE, T.F32X4, [x])
        func = self.func
        inst = Value(ops.FVDEMOTE, T.F32X4, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fvpromote_low(self, x: Value) -> Value:
        """The low two f32 lanes to f64."""
        if self.checked and (self.filled or x.ty != T.F32X4):
            raise self._wrong(ops.FVPROMOTE_LOW, T.F64X2, [x])
        func = self.func
        inst = Value(ops.FVPROMOTE_LOW, T.F64X2, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fcvt_to_uint(self, ty: int, x: Value) -> Value:
        """To an unsigned integer, toward zero; traps on NaN and when out of range."""
        if self.checked and (self.filled or ty not in _INT_TO or x.ty not in _FLOAT_SCALAR):
            raise self._wrong(ops.FCVT_TO_UINT, ty, [x])
        func = self.func
        inst = Value(ops.FCVT_TO_UINT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fcvt_to_sint(self, ty: int, x: Value) -> Value:
        """To a signed integer, toward zero; traps on NaN and when out of range."""
        if self.checked and (self.filled or ty not in _INT_TO or x.ty not in _FLOAT_SCALAR):
            raise self._wrong(ops.FCVT_TO_SINT, ty, [x])
        func = self.func
        inst = Value(ops.FCVT_TO_SINT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fcvt_to_uint_sat(self, ty: int, x: Value) -> Value:
        """To an unsigned integer, toward zero; NaN gives 0, out of range the nearest bound."""
        if self.checked and (self.filled or ty not in _INT_VTO or x.ty not in _FLOAT):
            raise self._wrong(ops.FCVT_TO_UINT_SAT, ty, [x])
        func = self.func
        inst = Value(ops.FCVT_TO_UINT_SAT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fcvt_to_sint_sat(self, ty: int, x: Value) -> Value:
        """To a signed integer, toward zero; NaN gives 0, out of range the nearest bound."""
        if self.checked and (self.filled or ty not in _INT_VTO or x.ty not in _FLOAT):
            raise self._wrong(ops.FCVT_TO_SINT_SAT, ty, [x])
        func = self.func
        inst = Value(ops.FCVT_TO_SINT_SAT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def x86_cvtt2dq(self, ty: int, x: Value) -> Value:
        """To signed integer lanes, toward zero; NaN and out of range give the smallest value."""
        if self.checked and (self.filled or ty not in _INT_VTO or x.ty not in _FLOAT):
            raise self._wrong(ops.X86_CVTT2DQ, ty, [x])
        func = self.func
        inst = Value(ops.X86_CVTT2DQ, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fcvt_from_uint(self, ty: int, x: Value) -> Value:
        """From an unsigned integer, rounded to nearest even."""
        if self.checked and (self.filled or ty not in _FLOAT_TO or x.ty not in _INT):
            raise self._wrong(ops.FCVT_FROM_UINT, ty, [x])
        func = self.func
        inst = Value(ops.FCVT_FROM_UINT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def fcvt_from_sint(self, ty: int, x: Value) -> Value:
        """From a signed integer, rounded to nearest even."""
        if self.checked and (self.filled or ty not in _FLOAT_TO or x.ty not in _INT):
            raise self._wrong(ops.FCVT_FROM_SINT, ty, [x])
        func = self.func
        inst = Value(ops.FCVT_FROM_SINT, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        return inst

    def isplit(self, x: Value) -> tuple[Value, Value]:
        """The low and high halves."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _I_SWAPPABLE):
            raise self._wrong(ops.ISPLIT, ty, [x])
        func = self.func
        inst = Value(ops.ISPLIT, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        self.insts.append(inst)
        func.add_results(inst, [T.half_width(ty), T.half_width(ty)])
        return inst.results[0], inst.results[1]

    def iconcat(self, lo: Value, hi: Value) -> Value:
        """An integer of twice the width from its halves."""
        ty = lo.ty
        if self.checked and (self.filled or ty not in _NARROW_INT or hi.ty != ty):
            raise self._wrong(ops.ICONCAT, ty, [lo, hi])
        func = self.func
        inst = Value(ops.ICONCAT, T.double_width(ty), func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = lo
        inst.b = hi
        self.insts.append(inst)
        return inst

    def atomic_rmw(self, op: int, p: Value, x: Value, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Atomic read-modify-write; gives the old value."""
        ty = x.ty
        if self.checked and (
            self.filled or ty not in _ATOMIC_MEM or not 0 <= op <= 10 or p.ty not in _I_ADDR
        ):
            raise self._wrong(ops.ATOMIC_RMW, ty, [p, x])
        func = self.func
        inst = Value(ops.ATOMIC_RMW, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.imm = op
        inst.a = p
        inst.b = x
        self.insts.append(inst)
        return inst

    def atomic_cas(self, p: Value, e: Value, x: Value, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Atomic compare and swap; gives the old value."""
        ty = x.ty
        if self.checked and (
            self.filled or ty not in _ATOMIC_MEM or p.ty not in _I_ADDR or e.ty != ty
        ):
            raise self._wrong(ops.ATOMIC_CAS, ty, [p, e, x])
        func = self.func
        inst = Value(ops.ATOMIC_CAS, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        inst.b = e
        inst.c = x
        self.insts.append(inst)
        return inst

    def atomic_load(self, ty: int, p: Value, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Atomic load, sequentially consistent."""
        if self.checked and (self.filled or ty not in _ATOMIC_MEM or p.ty not in _I_ADDR):
            raise self._wrong(ops.ATOMIC_LOAD, ty, [p])
        func = self.func
        inst = Value(ops.ATOMIC_LOAD, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = p
        self.insts.append(inst)
        return inst

    def atomic_store(self, x: Value, p: Value, flags: MemFlags = TRUSTED_NONE) -> Value:
        """Atomic store, sequentially consistent."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _ATOMIC_MEM or p.ty not in _I_ADDR):
            raise self._wrong(ops.ATOMIC_STORE, ty, [x, p])
        func = self.func
        inst = Value(ops.ATOMIC_STORE, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.ext = flags
        inst.a = x
        inst.b = p
        self.insts.append(inst)
        return inst

    def fence(self) -> Value:
        """Order all memory accesses, sequentially consistent."""
        if self.checked and self.filled:
            raise self._wrong(ops.FENCE, T.INVALID, [])
        func = self.func
        inst = Value(ops.FENCE, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        self.insts.append(inst)
        return inst

    def extract_vector(self, x: Value, index: int) -> Value:
        """One 128-bit part of a dynamic vector."""
        ty = x.ty
        if self.checked and (self.filled or ty not in _DYN_TX_N or not 0 <= index <= 255):
            raise self._wrong(ops.EXTRACT_VECTOR, ty, [x])
        func = self.func
        inst = Value(ops.EXTRACT_VECTOR, T.dynamic_to_vector(ty), func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        inst.a = x
        inst.imm = index
        self.insts.append(inst)
        return inst

    def sequence_point(self) -> Value:
        """A place for debug tags; emits nothing."""
        if self.checked and self.filled:
            raise self._wrong(ops.SEQUENCE_POINT, T.INVALID, [])
        func = self.func
        inst = Value(ops.SEQUENCE_POINT, T.INVALID, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        self.insts.append(inst)
        return inst
