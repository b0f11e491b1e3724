"""Cost of an executed instruction: `python -m bench.interpreter`. Microseconds.

Programs: `calls` (Fibonacci by recursion), `loop` (a sum), `memory` (fill and add up 1,000
bytes), `vector` (i32x4 additions), `float` (f64 additions), and `chain` (straight blocks, each
run once: 1,000, 10,000 and 100,000 of them) with decoding apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.builder import FunctionBuilder
from grus.ir.data import DataValue
from grus.ir.function import AbiParam, FuncRef, Function, Signature, StackSlot, Value
from grus.ir.interpreter import Interpreter

ROUNDS = 20_000


def start(ty: int) -> tuple[Function, FunctionBuilder, Value]:
    func = Function("%bench", Signature([AbiParam(ty)], [AbiParam(ty)]))
    b = FunctionBuilder(func)
    return func, b, b.entry_block().params[0]


def calls() -> Function:
    func, b, n = start(T.I64)
    self_ref = func.add_func(FuncRef("%bench", func.sig))
    small, large = b.create_block(), b.create_block()
    two = b.iconst(T.I64, 2)
    b.brif(b.icmp(ops.ULT, n, two), small, (), large, ())
    b.switch_to_block(small)
    b.return_([n])
    b.switch_to_block(large)
    first = b.call(self_ref, [b.isub(n, b.iconst(T.I64, 1))])
    second = b.call(self_ref, [b.isub(n, two)])
    b.return_([b.iadd(first, second)])
    b.seal_all_blocks()
    return b.finalize()


def looping(ty: int, step: Callable[[FunctionBuilder, Value, Value], Value]) -> Function:
    """`x = step(x, i)` for i from the number of rounds down to 1."""
    func, b, x = start(ty)
    head, body, done = b.create_block(), b.create_block(), b.create_block()
    i, y = func.add_param(head, T.I64), func.add_param(head, ty)
    b.jump(head, [b.iconst(T.I64, ROUNDS), x])
    b.switch_to_block(head)
    b.brif(i, body, (), done, ())
    b.switch_to_block(body)
    b.jump(head, [b.isub(i, b.iconst(T.I64, 1)), step(b, y, i)])
    b.switch_to_block(done)
    b.return_([y])
    b.seal_all_blocks()
    return b.finalize()


def through_memory(b: FunctionBuilder, x: Value, i: Value) -> Value:
    func = b.func
    slot = func.stack_slots[0] if func.stack_slots else func.add_stack_slot(StackSlot(8))
    address = b.stack_addr(T.I64, slot)
    b.store(i, address)
    return b.iadd(x, b.load(T.I64, address))


def chain(blocks: int) -> Function:
    _, b, x = start(T.I64)
    one = b.iconst(T.I64, 1)
    for _ in range(blocks):
        x = b.iadd(x, one)
        block = b.create_block()
        b.jump(block)
        b.switch_to_block(block)
    b.return_([x])
    b.seal_all_blocks()
    return b.finalize()


def measure(name: str, func: Function, argument: int) -> None:
    interpreter = Interpreter({func.name: func})
    args = [DataValue(func.sig.params[0].ty, argument)]
    begin = time.perf_counter()
    interpreter.address_of(func.name)
    interpreter.decode(func.name)
    decoded = time.perf_counter()
    interpreter.call(func.name, args)
    end = time.perf_counter()
    steps = interpreter.steps
    decoding = (decoded - begin) * 1e6 / sum(len(block.insts) for block in func.blocks)
    print(f"{name:14}{steps:10}{(end - decoded) * 1e6 / steps:10.2f}{decoding:10.2f}")


def main() -> None:
    print(f"{'':14}{'steps':>10}{'us/step':>10}{'decode':>10}")
    measure("calls", calls(), 20)
    measure("loop", looping(T.I64, lambda b, x, i: b.iadd(x, i)), 0)
    measure("memory", looping(T.I64, through_memory), 0)
    measure("vector", looping(T.I32X4, lambda b, x, i: b.iadd(x, x)), 1)
    measure("float", looping(T.F64, lambda b, x, i: b.fadd(x, x)), 1)
    for blocks in (1_000, 10_000, 100_000):
        measure(f"chain {blocks}", chain(blocks), 0)


if __name__ == "__main__":
    main()
