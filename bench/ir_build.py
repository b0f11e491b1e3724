"""Cost of building IR, in microseconds an instruction: `python -m bench.ir_build [size]`.

The mix is that of translated wasm: constants, adds, a comparison, loads and stores, variables
read and written, a branch every eighth instruction. The collector is off, as in the command line.
"""

from __future__ import annotations

import gc
import sys
import time

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.builder import FunctionBuilder
from grus.ir.function import AbiParam, Function, Signature


def build(size: int, checked: bool) -> Function:
    func = Function("%bench", Signature([AbiParam(T.I64), AbiParam(T.I32)], [AbiParam(T.I32)]))
    b = FunctionBuilder(func, checked)
    entry = b.entry_block()
    pointer = entry.params[0]
    x = b.declare_var(T.I32)
    y = b.declare_var(T.I32)
    b.def_var(x, entry.params[1])
    b.def_var(y, b.iconst(T.I32, 1))
    for _ in range(size // 8):
        body = b.create_block()
        rest = b.create_block()
        n = b.iconst(T.I32, 3)
        total = b.iadd(b.use_var(x), n)
        word = b.load(T.I32, pointer, 8)
        b.store(total, pointer, 4)
        less = b.icmp(ops.ULT, word, b.use_var(y))
        b.brif(less, body, (), rest, ())
        b.seal_block(body)
        b.switch_to_block(body)
        b.def_var(x, b.bxor(total, word))
        b.jump(rest)
        b.seal_block(rest)
        b.switch_to_block(rest)
    b.return_([b.use_var(x)])
    return b.finalize()


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    gc.disable()
    for checked in (False, True):
        best = 1e9
        for _ in range(3):
            start = time.perf_counter()
            func = build(size, checked)
            best = min(best, time.perf_counter() - start)
            count = sum(len(block.insts) for block in func.blocks)
            func.dispose()
        name = "checked" if checked else "unchecked"
        print(f"{name:10} {count} instructions  {best / count * 1e6:.3f} us an instruction")


if __name__ == "__main__":
    main()
