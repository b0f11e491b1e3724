"""Dead code: instructions and block parameters whose results nobody needs.

What has an effect is needed, and whatever a needed value is made of; a block parameter makes the
arguments of all branches to its block needed. So values that only feed each other around a loop
go as well.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir.function import NIL, CallInfo, Function, Value
from grus.opt.passes.control import drop, incoming
from grus.opt.passes.edit import KIND, LOAD, MERGEABLE, PURE, is_removable, remove_params

_MAYBE = frozenset((LOAD, MERGEABLE))
_FREE = [kind == PURE or op in (ops.GET_PINNED_REG, ops.NOP) for op, kind in enumerate(KIND)]
"""By opcode: never needed for its own sake."""
_ASK = [kind in _MAYBE for kind in KIND]
"""By opcode: `is_removable` decides."""


def run(func: Function) -> None:
    """Remove dead code from `func`."""
    live = bytearray(func.num_values)
    work: list[Value] = []
    for block in func.blocks:
        for inst in block.insts:
            op = inst.op
            if _FREE[op] or (_ASK[op] and is_removable(inst)):
                continue
            live[inst.num] = 1
            work.append(inst)
    calls = incoming(func)
    while work:
        value = work.pop()
        for operand in (value.a, value.b, value.c, *value.args):
            if operand is not NIL and not live[operand.num]:
                live[operand.num] = 1
                work.append(operand)
        op = value.op
        if op == ops.PARAM:
            index = value.imm
            for call in calls[value.block.num]:
                arg = call.args[index]
                if arg.op != ops.TRY_RET and arg.op != ops.TRY_EXN and not live[arg.num]:
                    live[arg.num] = 1
                    work.append(arg)
        elif value.targets and isinstance(value.ext, CallInfo):
            for handler in value.ext.handlers:
                context = handler.value
                if context is not NIL and not live[context.num]:
                    live[context.num] = 1
                    work.append(context)
    for index, block in enumerate(func.blocks):
        kept = [inst for inst in block.insts if live[inst.num]]
        if len(kept) < len(block.insts):
            drop([inst for inst in block.insts if not live[inst.num]])
            block.insts = kept
        if index and block.params:
            keep = [bool(live[param.num]) for param in block.params]
            if not all(keep):
                remove_params(block, calls[block.num], keep)
