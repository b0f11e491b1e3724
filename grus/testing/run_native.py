"""Run functions of a file as machine code: what `run` lines and the fuzzer call.

For every function a trampoline is built in IR, `system_v (arguments, results)`: it loads the
arguments from 16-byte cells, calls the function in its own convention and stores the results. So
calls of any signature from Python need one prototype only, and pass through the code that is
tested.
"""

from __future__ import annotations

import ctypes

from grus.backend.settings import Settings
from grus.backend.target import Target
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.data import DataValue
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
from grus.link.jit import JITModule

_CELL = 16
_TRUSTED = mem_flags(trap=0)


def trampoline(func: Function) -> Function:
    """`system_v (i64, i64)`: call `func` with arguments from memory, results to memory."""
    made = Function(_name(func), Signature([AbiParam(T.I64), AbiParam(T.I64)], [], "system_v"))
    block = made.add_block()
    source = made.add_param(block, T.I64)
    target = made.add_param(block, T.I64)
    args: list[Value] = []
    for index, param in enumerate(func.sig.params):
        load = _add(made, block, ops.LOAD, param.ty, source)
        load.ext = _TRUSTED
        load.imm = _CELL * index
        args.append(load)
    sig = Signature(func.sig.params, func.sig.returns, func.sig.call_conv)
    made.add_sig(sig)
    ref = FuncRef(func.name, sig, colocated=True)
    made.add_func(ref)
    call = _add(made, block, ops.CALL_, T.INVALID)
    call.args = tuple(args)
    call.ext = CallInfo(sig, ref)
    made.add_results(call, [r.ty for r in sig.returns])
    for index, result in enumerate(results_of(call)):
        store = _add(made, block, ops.STORE, T.INVALID, result, target)
        store.ext = _TRUSTED
        store.imm = _CELL * index
    _add(made, block, ops.RETURN_, T.INVALID)
    return made


def _name(func: Function) -> str:
    return f"%__call_{func.name.lstrip('%').replace(':', '_')}"


def _add(
    func: Function, block: Block, op: int, ty: int, a: Value = NIL, b: Value = NIL
) -> Value:
    value = func.new_value(op, ty, block)
    value.a = a
    value.b = b
    block.insts.append(value)
    return value


class NativeRunner:
    """The compiled functions of one file."""

    __slots__ = ("_functions", "module")

    def __init__(self, functions: list[Function], target: Target, settings: Settings) -> None:
        """Compile all functions. Raises what `compile_function` raises, and LinkError."""
        self.module = JITModule(target, settings)
        self._functions = {func.name: func for func in functions}
        for func in functions:
            made = trampoline(func)
            self.module.define(func)
            self.module.define(made)
        self.module.finish()

    def call(self, name: str, args: list[DataValue]) -> list[DataValue]:
        """Call a function. Faults and traps end the process."""
        func = self._functions[name]
        returns = func.sig.returns
        source = b"".join([a.bits.to_bytes(_CELL, "little") for a in args])
        cells = ctypes.create_string_buffer(source, max(len(source), _CELL) + _CELL)
        results = ctypes.create_string_buffer(_CELL * len(returns) + _CELL)
        entry = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64)(
            self.module.address(_name(func))
        )
        # 16-byte cells want aligned memory only for speed; nothing here relies on it.
        entry(ctypes.addressof(cells), ctypes.addressof(results))
        out: list[DataValue] = []
        for index, result in enumerate(returns):
            cell = results.raw[_CELL * index : _CELL * (index + 1)]
            bits = int.from_bytes(cell, "little") & ((1 << T.BITS[result.ty]) - 1)
            out.append(DataValue(result.ty, bits))
        return out

    def free(self) -> None:
        """Give the code memory back."""
        self.module.free()
