"""Induction variables that are one: two parameters of a block that begin alike and step alike.

On every edge into the block the two arguments are one value, or equal constants, or each is its own
parameter plus the same: then the parameters are equal whenever the block is entered, and one stands
for both. Both sums become one by `gvn`.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir.function import Function, Value
from grus.opt.passes.control import incoming
from grus.opt.passes.edit import remove_params, replace, resolve_operands

Key = tuple[int, int, int]


def run(func: Function) -> None:
    """Merge equal induction variables of `func`."""
    blocks = [block for block in func.blocks[1:] if len(block.params) > 1]
    if not blocks:
        return
    calls = incoming(func)
    changed = False
    for block in blocks:
        first: dict[tuple[Key, ...], Value] = {}
        keep = [True] * len(block.params)
        gone: list[tuple[Value, Value]] = []
        for index, param in enumerate(block.params):
            key = tuple([_key(param, call.args[index]) for call in calls[block.num]])
            known = first.setdefault((*key, (param.ty, 0, 0)), param)
            if known is not param:
                keep[index] = False
                gone.append((param, known))
        if gone:
            changed = True
            remove_params(block, calls[block.num], keep)
            for param, known in gone:
                replace(param, known)
    if changed:
        resolve_operands(func)


def _key(param: Value, arg: Value) -> Key:
    """What an argument says of its parameter."""
    if arg is param:
        return (0, 0, 0)
    if arg.op == ops.ICONST:
        return (1, arg.imm, 0)
    if arg.op == ops.IADD and arg.a is param:
        step = arg.b
        return (2, step.imm, 0) if step.op == ops.ICONST else (3, step.num, 0)
    if arg.op in (ops.TRY_RET, ops.TRY_EXN):
        return (4, arg.op, arg.imm)
    return (5, arg.num, 0)
