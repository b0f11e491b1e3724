"""Compile throughput on the functions of a real module, by pass.

    python bench/compile.py FILE.wasm [--functions N] [--regalloc single_pass|backtracking]

Every n-th function is compiled, so that large and small ones are in; prints IR instructions and
wasm bytes a second, and the share of each pass.
"""

from __future__ import annotations

import argparse
import gc
import time

from grus.backend.compile import compile_function
from grus.backend.x64.target import TARGET
from grus.base import trace
from grus.engine.compile import settings_for
from grus.engine.engine import Engine
from grus.engine.layout import InstanceLayout
from grus.engine.memory import is_guarded
from grus.engine.translate.func import translate
from grus.engine.translate.info import CHECKED, GUARDED, ModuleInfo
from grus.wasm.decode import decode


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--functions", type=int, default=300)
    parser.add_argument("--regalloc", default="single_pass")
    options = parser.parse_args()
    with open(options.file, "rb") as file:
        wasm = decode(file.read())
    place = InstanceLayout(
        wasm.num_imported_funcs, len(wasm.funcs), len(wasm.tables), len(wasm.memories),
        wasm.num_imported_globals, len(wasm.globals),
    )  # fmt: skip
    modes = [GUARDED if is_guarded(m.type) else CHECKED for m in wasm.memories]
    info = ModuleInfo(wasm, place, modes)
    settings = settings_for(Engine(regalloc=options.regalloc))
    step = max(1, len(wasm.code) // options.functions)
    indices = range(wasm.num_imported_funcs, len(wasm.funcs), step)
    trace.time_passes = True
    gc.disable()
    instructions = size = code = 0
    translating = compiling = 0.0
    for index in indices:
        start = time.perf_counter()
        func = translate(info, index)
        middle = time.perf_counter()
        instructions += sum(len(block.insts) for block in func.blocks)
        body = wasm.body(index)
        size += body.end - body.start
        again = time.perf_counter()
        code += len(compile_function(func, TARGET, settings).code)
        compiling += time.perf_counter() - again
        translating += middle - start
        func.dispose()
    total = translating + compiling
    print(
        f"{len(indices)} functions, {size} bytes of wasm, {instructions} IR instructions, "
        f"{code} bytes of code"
    )
    print(
        f"backend {instructions / compiling:8.0f} IR instructions/s, all {instructions / total:8.0f}"
    )
    print(f"all {size / total / 1e3:.1f} kB of wasm/s")
    print(f"translate {translating / total:6.1%}")
    for name, seconds in sorted(trace.pass_times.items(), key=lambda item: -item[1]):
        print(f"{name:9} {seconds / total:6.1%}")


if __name__ == "__main__":
    main()
