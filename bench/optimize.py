"""Speed and effect of the optimizer on the functions of a real module, by pass.

    python bench/optimize.py FILE.wasm [--functions N] [--level speed] [--patterns N]
    python bench/optimize.py --scale

Every n-th function is translated, optimized, and compiled with and without optimization; prints
IR instructions a second for each pass (of the instructions that there were at first), what is left of
them, and time and size of the machine code. `--patterns N` prints the N most frequent instructions
that are left, with their operands, instead: what a new rule could be for. `--scale`: functions of
1,000, 10,000 and 100,000 instructions of some shapes.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter
from pathlib import Path

from grus.backend.compile import compile_function
from grus.backend.x64.target import TARGET
from grus.engine.compile import settings_for
from grus.engine.engine import Engine
from grus.engine.layout import InstanceLayout
from grus.engine.memory import is_guarded
from grus.engine.translate.func import translate
from grus.engine.translate.info import CHECKED, GUARDED, ModuleInfo
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import NIL, Function, Value
from grus.opt import pipeline
from grus.wasm.decode import decode


def count(func: Function) -> int:
    return sum(len(block.insts) for block in func.blocks)


def scale() -> None:
    """Microseconds an instruction for functions of different length."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from tests.opt.passes.test_passes import counted, decided, diamonds, loops, straight

    pipeline.optimize(straight(10), {}, "speed")  # loads the rules
    for make in (straight, diamonds, decided, counted, loops):
        line = f"{make.__name__:10}"
        for length in (1000, 10000, 100000):
            func = make(length * 100 // count(make(100)))
            instructions = count(func)
            gc.collect()
            gc.disable()
            start = time.process_time()
            pipeline.optimize(func, {}, "speed")
            spent = time.process_time() - start
            gc.enable()
            line += f"{instructions:8} instructions {spent / instructions * 1e6:5.1f} us each,"
        print(line.rstrip(","))


_LEAVES = ops.READS | ops.WRITES | ops.SIDE_EFFECT | ops.TERMINATOR
_CONVERSIONS = (ops.UEXTEND, ops.SEXTEND, ops.IREDUCE)


def pattern(value: Value, depth: int) -> str:
    """An instruction with its operands, `depth` levels of them."""
    if value.op == ops.ICONST:
        small = -9 <= value.imm <= 9 or value.imm in (16, 24, 31, 32, 63, 255, 65535)
        return str(value.imm) if small else "K"
    if value.op == ops.PARAM:
        return "p"
    if depth == 0:
        return "_"
    name = ops.ROWS[value.op].name
    if value.op == ops.ICMP:
        name += f".{ops.INT_CC[value.imm]}"
    if value.op in _CONVERSIONS:
        name += f".{T.NAMES[value.a.ty]}.{T.NAMES[value.ty]}"
    if ops.FLAGS[value.op] & (_LEAVES & ~ops.TERMINATOR):
        return name
    operands = [v for v in (value.a, value.b, value.c) if v is not NIL]
    return f"{name}({', '.join([pattern(v, depth - 1) for v in operands])})"


def patterns(func: Function, found: Counter[str]) -> int:
    """Count the patterns of a function; gives its number of instructions."""
    for block in func.blocks:
        for inst in block.insts:
            if inst.op == ops.BRIF or not ops.FLAGS[inst.op] & _LEAVES and inst.op != ops.ICONST:
                found[pattern(inst, 2)] += 1
    return count(func)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?")
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--patterns", type=int, default=0)
    parser.add_argument("--functions", type=int, default=300)
    parser.add_argument("--level", default="speed")
    parser.add_argument("--regalloc", default="single_pass")
    options = parser.parse_args()
    if options.scale or not options.file:
        scale()
        return
    with open(options.file, "rb") as file:
        wasm = decode(file.read())
    place = InstanceLayout(
        wasm.num_imported_funcs, len(wasm.funcs), len(wasm.tables), len(wasm.memories),
        wasm.num_imported_globals, len(wasm.globals),
    )  # fmt: skip
    modes = [GUARDED if is_guarded(m.type) else CHECKED for m in wasm.memories]
    info = ModuleInfo(wasm, place, modes)
    settings = settings_for(Engine(regalloc=options.regalloc, opt_level="none"))
    step = max(1, len(wasm.code) // options.functions)
    indices = range(wasm.num_imported_funcs, len(wasm.funcs), step)
    names = pipeline.LEVELS[options.level]
    pipeline.run_passes(translate(info, indices[0]), settings.values, names)  # loads the rules
    gc.disable()
    if options.patterns:
        found: Counter[str] = Counter()
        total = 0
        for index in indices:
            func = translate(info, index)
            pipeline.run_passes(func, settings.values, names)
            total += patterns(func, found)
            func.dispose()
        print(f"{len(indices)} functions, {total} instructions after optimization")
        for text, number in found.most_common(options.patterns):
            print(f"{number:8} {text}")
        return
    before = after = 0
    seconds = [0.0] * len(names)
    left = [0] * len(names)
    compiling = {False: 0.0, True: 0.0}
    size = {False: 0, True: 0}
    for index in indices:
        for optimized in (False, True):
            func = translate(info, index)
            if optimized:
                before += count(func)
                for at, name in enumerate(names):
                    start = time.process_time()
                    pipeline.run_passes(func, settings.values, (name,))
                    seconds[at] += time.process_time() - start
                    left[at] += count(func)
                after += count(func)
            start = time.process_time()
            size[optimized] += len(compile_function(func, TARGET, settings).code)
            compiling[optimized] += time.process_time() - start
            func.dispose()
    print(f"{len(indices)} functions, {before} IR instructions, {after} after optimization")
    for name, spent, now in zip(names, seconds, left, strict=True):
        print(f"{name:12} {before / spent:10,.0f} instructions/s, {now:8} left")
    print(f"{'all':12} {before / sum(seconds):10,.0f} instructions/s")
    for optimized, name in ((False, "without"), (True, "with")):
        print(f"backend {name} optimization: {compiling[optimized]:.2f} s, {size[optimized]} bytes")


if __name__ == "__main__":
    main()
