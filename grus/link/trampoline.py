"""Calls of any signature through memory.

For a function a trampoline is built in IR, `system_v (arguments, results)`: it loads the arguments
from 16-byte cells, calls the function in its own convention and stores the results. So a call of
any signature needs one prototype only.
"""

from __future__ import annotations

from typing import Final

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import (
    NIL,
    AbiParam,
    Block,
    CallInfo,
    FuncRef,
    Function,
    Signature,
    Value,
    mem_flags,
    results_of,
)

CELL: Final = 16
"""Bytes of an argument or result."""
_TRUSTED: Final = mem_flags(trap=0)


def trampoline_name(name: str) -> str:
    """The name of the trampoline of a function, in text form."""
    return f"%__call_{name.lstrip('%').replace(':', '_')}"


def trampoline(name: str, sig: Signature) -> Function:
    """`system_v (i64, i64)`: call the function `name` with arguments from memory, results to
    memory."""
    made = Function(
        trampoline_name(name), Signature([AbiParam(T.I64), AbiParam(T.I64)], [], "system_v")
    )
    block = made.add_block()
    source = made.add_param(block, T.I64)
    target = made.add_param(block, T.I64)
    args: list[Value] = []
    for index, param in enumerate(sig.params):
        load = _add(made, block, ops.LOAD, param.ty, source)
        load.ext = _TRUSTED
        load.imm = CELL * index
        args.append(load)
    own = Signature(sig.params, sig.returns, sig.call_conv)
    made.add_sig(own)
    ref = FuncRef(name, own, colocated=True)
    made.add_func(ref)
    call = _add(made, block, ops.CALL_, T.INVALID)
    call.args = tuple(args)
    call.ext = CallInfo(own, ref)
    made.add_results(call, [r.ty for r in sig.returns])
    for index, result in enumerate(results_of(call)):
        store = _add(made, block, ops.STORE, T.INVALID, result, target)
        store.ext = _TRUSTED
        store.imm = CELL * index
    _add(made, block, ops.RETURN_, T.INVALID)
    return made


def _add(func: Function, block: Block, op: int, ty: int, a: Value = NIL, b: Value = NIL) -> Value:
    value = func.new_value(op, ty, block)
    value.a = a
    value.b = b
    block.insts.append(value)
    return value
