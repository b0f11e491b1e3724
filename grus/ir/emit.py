"""State and helpers of the instruction methods in `inst_builder.py`.

Those methods are generated from the opcode table; what they share by hand is here: the current
block, checks in words, branch targets, calls.
"""

from __future__ import annotations

from collections.abc import Sequence

from grus.ir import opcodes as ops
from grus.ir import typecheck
from grus.ir import types as T
from grus.ir.function import (
    NO_BLOCK,
    NO_LOC,
    AbiParam,
    Block,
    BlockCall,
    CallInfo,
    Function,
    IRError,
    Signature,
    Value,
)
from grus.ir.ssa import SSABuilder


class Emitter:
    """Appends instructions to the current block of `func`.

    `checked`: each instruction is checked as it is made, and IRError raised with one message.
    `filled`: there is no current block, or it has its terminator.
    `loc`: the source location that new instructions get.
    """

    __slots__ = ("block", "checked", "filled", "func", "insts", "loc", "ssa")

    def __init__(self, func: Function, checked: bool = True) -> None:
        self.func = func
        self.ssa = SSABuilder(func)
        self.block: Block = NO_BLOCK
        self.insts: list[Value] = NO_BLOCK.insts  # of the current block
        self.loc = NO_LOC
        self.checked = checked
        self.filled = True

    def _wrong(self, op: int, ctrl: int, args: list[Value]) -> IRError:
        """The error for an instruction that failed its check."""
        name = ops.ROWS[op].name
        if self.filled:
            if self.block is NO_BLOCK:
                return IRError(f"{name}: there is no current block: switch_to_block first")
            return IRError(f"{name}: block{self.block.num} already ends in a terminator")
        wrong = typecheck.mismatches(op, ctrl, args)
        if wrong:
            return IRError(f"{name}: {wrong[0]}")
        return IRError(f"{name}: immediate is out of range")

    def _inst(self, op: int, ty: int) -> Value:
        """A new instruction at the end of the current block."""
        func = self.func
        inst = Value(op, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        self.insts.append(inst)
        return inst

    def _edge(self, call: BlockCall) -> BlockCall:
        """Note that the current block branches to `call`."""
        if self.checked:
            self._check_target(call)
        self.ssa.add_edge(self.block, call)
        return call

    def _check_target(self, call: BlockCall) -> None:
        block = call.block
        if self.func.blocks and block is self.func.blocks[0]:
            raise IRError(f"block{block.num} is the entry block: it can not be a branch target")
        if self.ssa.is_sealed(block):
            raise IRError(f"block{block.num} is sealed: it can not get another predecessor")
        if len(call.args) != len(block.params):
            raise IRError(
                f"block{block.num} takes {len(block.params)} arguments, got {len(call.args)}"
            )
        for index, param in enumerate(block.params):
            arg = call.args[index]
            if arg.ty != param.ty and arg.op != ops.TRY_RET and arg.op != ops.TRY_EXN:
                raise IRError(
                    f"argument {index} for block{block.num} (v{arg.num}) has type "
                    f"{typecheck.type_name(arg.ty)}, expected {typecheck.type_name(param.ty)}"
                )

    def _check_values(self, op: int, args: Sequence[Value], params: list[AbiParam]) -> None:
        """Check arguments of a call, or values to return, against a signature."""
        name = ops.ROWS[op].name
        if self.filled:
            raise self._wrong(op, T.INVALID, [])
        if len(args) != len(params):
            raise IRError(f"{name}: {len(params)} values expected, got {len(args)}")
        for index, param in enumerate(params):
            arg = args[index]
            if arg.ty != param.ty:
                raise IRError(
                    f"{name}: arg {index} (v{arg.num}) has type {typecheck.type_name(arg.ty)}, "
                    f"expected {typecheck.type_name(param.ty)}"
                )

    def _call(self, op: int, info: CallInfo, args: Sequence[Value]) -> Value:
        if self.checked:
            self._check_values(op, args, info.sig.params)
        inst = self._inst(op, T.INVALID)
        inst.ext = info
        inst.args = tuple(args)
        return inst

    def _call_results(self, inst: Value, sig: Signature) -> None:
        returns = sig.returns
        if returns:
            self.func.add_results(inst, [r.ty for r in returns])
