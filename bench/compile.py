"""Compile throughput on the functions of real modules, by mode and pass.

    python bench/compile.py [FILE.wasm...] [--functions N] [--mode onepass|fast|quality] [--build]

Every n-th function of each file is compiled, so that large and small ones are in; without a file,
the C programs of `bench/kernels` are (needs clang). Prints IR instructions (as translated) and wasm
bytes a second of processor time, and the share of each pass. "backend" is lowering, registers and
emission; "all" adds translation and, in the quality mode, the optimizer. "onepass" is the one-pass
compiler, of the functions that it takes. `--build` only says how the
Grus that runs was built.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grus
from grus.backend.compile import compile_function
from grus.backend.x64.target import TARGET
from grus.base import trace
from grus.base.errors import Unsupported
from grus.engine.compile import backend_settings
from grus.engine.engine import Engine
from grus.engine.first import one_pass
from grus.engine.translate.func import translate
from grus.engine.translate.info import ModuleInfo
from grus.opt.pipeline import optimize

KERNELS = Path(__file__).resolve().parent / "kernels"
WASM = ["--target=wasm32", "-O2", "-nostdlib", "-Wl,--no-entry", "-Wl,--export=run", "-Wl,-s"]
COMMON = ["-ffreestanding", "-fno-builtin", "-fno-math-errno", "-std=c11"]
MODES = ("onepass", "fast", "quality")


def kernels() -> list[bytes]:
    """The C programs of `bench/kernels` as wasm."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.wasm"
        for path in sorted(KERNELS.glob("*.c")):
            subprocess.run(["clang", *COMMON, *WASM, str(path), "-o", str(out)], check=True)
            found.append(out.read_bytes())
    return found


def functions(info: ModuleInfo, most: int) -> range:
    """Every n-th function of a module."""
    count = len(info.module.code)
    first = info.module.num_imported_funcs
    return range(first, first + count, max(1, count // most))


def measure(modules: list[grus.Module], mode: str, most: int) -> None:
    wanted = Engine().code_settings()
    if mode == "fast":
        wanted = wanted.fast()
    level = wanted.opt_level
    settings = backend_settings(wanted)
    trace.reset_times()
    trace.time_passes = True
    trace.clock = time.process_time
    gc.disable()
    count = instructions = size = code = 0
    translating = optimizing = compiling = 0.0
    for module in modules:
        for index in functions(module.info, most):
            start = time.process_time()
            func = translate(module.info, index)
            translating += time.process_time() - start
            instructions += sum([len(block.insts) for block in func.blocks])
            body = module.wasm.body(index)
            size += body.end - body.start
            start = time.process_time()
            optimize(func, settings.values, level)
            middle = time.process_time()
            code += len(compile_function(func, TARGET, settings).code)
            compiling += time.process_time() - middle
            optimizing += middle - start
            func.dispose()
            count += 1
    gc.enable()
    total = translating + optimizing + compiling
    print(
        f"{mode}: {count} functions, {size} bytes of wasm, {instructions} IR instructions, "
        f"{code} bytes of code"
    )
    print(
        f"backend {instructions / compiling:8.0f} IR instructions/s, "
        f"all {instructions / total:8.0f}, {size / total / 1e3:.1f} kB of wasm/s"
    )
    for name, seconds in sorted(trace.pass_times.items(), key=lambda item: -item[1]):
        print(f"{name:9} {seconds / total:6.1%}")


def measure_onepass(modules: list[grus.Module], most: int) -> None:
    gc.disable()
    count = size = code = left = 0
    start = time.process_time()
    for module in modules:
        for index in functions(module.info, most):
            try:
                code += len(one_pass(module.info, index, True).compile().code)
            except Unsupported:
                left += 1
                continue
            body = module.wasm.body(index)
            size += body.end - body.start
            count += 1
    total = time.process_time() - start
    gc.enable()
    print(f"onepass: {count} functions ({left} not taken), {size} bytes of wasm, {code} of code")
    print(f"all {size / total / 1e3:.1f} kB of wasm/s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--functions", type=int, default=300)
    parser.add_argument("--mode", choices=[*MODES, "all"], default="all")
    parser.add_argument("--build", action="store_true")
    options = parser.parse_args()
    print(f"Grus {grus.build_info()}")
    if options.build:
        return
    sources = [Path(name).read_bytes() for name in options.files] or kernels()
    modules = [grus.Module(source) for source in sources]
    for mode in MODES if options.mode == "all" else [options.mode]:
        if mode == "onepass":
            measure_onepass(modules, options.functions)
        else:
            measure(modules, mode, options.functions)


if __name__ == "__main__":
    sys.exit(main())
