"""The code generator as a library, beside llvmlite: `python bench/library/compare.py [--json]`.

One run measures both (llvmlite must be installed): size, time to import, building, compiling
and calling functions of 10, 100 and 10,000 instructions, a call of `add(i, j)`, and the five kernels
of `kernels.py`.
The function is a chain of multiplications, shifts, exclusive ors and additions with a branch every
16 instructions; both give the same result, which is checked. llvmlite's calls go through ctypes,
as its documentation has it; "O0" is its fastest code generation, "O2" its default. "grus" is the
fast allocator without optimizer, "speed" the good one with it. All times are CPU time.
"""

from __future__ import annotations

import ctypes
import gc
import json
import platform
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

SIZES = (10, 100, 10_000)
MULTIPLIER = 0x9E3779B97F4A7C15


def best(function: Callable[[], object], repeat: int) -> float:
    """Seconds of the fastest of some rounds."""
    out = 1e9
    gc.collect()
    for _ in range(repeat):
        start = time.process_time()
        function()
        out = min(out, time.process_time() - start)
    return out


def reference(size: int, x: int, y: int) -> int:
    mask = (1 << 64) - 1
    for n in range(0, size, 4):
        x = x * MULTIPLIER & mask
        x = (x >> 7) ^ x
        x = x + y & mask
        if n % 16 == 12 and x < y:
            x, y = y, x
    return x - (x >> 63 << 64)


# ---- Grus ----


def grus_build(size: int, name: str = "%f"):
    from grus.ir import opcodes as ops
    from grus.ir import types as T
    from grus.ir.builder import FunctionBuilder
    from grus.ir.function import AbiParam, Function, Signature

    sig = Signature([AbiParam(T.I64), AbiParam(T.I64)], [AbiParam(T.I64)], "system_v")
    b = FunctionBuilder(Function(name, sig))
    x, y = b.entry_block().params
    k = b.iconst(T.I64, MULTIPLIER - (1 << 64))
    seven = b.iconst(T.I64, 7)
    for n in range(0, size, 4):
        x = b.imul(x, k)
        x = b.bxor(b.ushr(x, seven), x)
        x = b.iadd(x, y)
        if n % 16 == 12:
            swapped, joined = b.create_block(), b.create_block()
            new_x = b.append_block_param(joined, T.I64)
            new_y = b.append_block_param(joined, T.I64)
            less = b.icmp(ops.ULT, x, y)
            b.brif(less, swapped, (), joined, (x, y))
            b.seal_block(swapped)
            b.switch_to_block(swapped)
            b.jump(joined, (y, x))
            b.seal_block(joined)
            b.switch_to_block(joined)
            x, y = new_x, new_y
    b.return_([x])
    return b.finalize()


def run_time(f: Callable[[int, int], int]) -> float:
    """Seconds of a call that is not the first."""

    def calls() -> None:
        for _ in range(50):
            f(12345, 678)

    return best(calls, 20) / 50


def grus_run(size: int, verify: bool, opt_level: str) -> tuple[float, float, float, float, int]:
    """Seconds to build, compile and link, call once, call again; and the result."""
    from grus.link.jit import JITModule, native_settings

    settings = native_settings()
    settings.set("enable_verifier", "true" if verify else "false")
    settings.set("opt_level", opt_level)
    settings.set("regalloc_algorithm", "single_pass" if opt_level == "none" else "backtracking")
    start = time.process_time()
    func = grus_build(size)
    built = time.process_time()
    module = JITModule(settings=settings, keep_ir=False)
    module.define(func)
    f = module["f"]
    compiled = time.process_time()
    result = f(12345, 678)
    called = time.process_time()
    func.dispose()
    return built - start, compiled - built, called - compiled, run_time(f), result


# ---- llvmlite ----


def llvm_start():
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def llvm_build(size: int):
    from llvmlite import ir

    i64 = ir.IntType(64)
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(i64, [i64, i64]), "f")
    b = ir.IRBuilder(function.append_basic_block())
    x, y = function.args
    k, seven = i64(MULTIPLIER), i64(7)
    for n in range(0, size, 4):
        x = b.mul(x, k)
        x = b.xor(b.lshr(x, seven), x)
        x = b.add(x, y)
        if n % 16 == 12:
            swapped, joined = function.append_basic_block(), function.append_basic_block()
            here = b.block
            b.cbranch(b.icmp_unsigned("<", x, y), swapped, joined)
            b.position_at_end(swapped)
            b.branch(joined)
            b.position_at_end(joined)
            new_x, new_y = b.phi(i64), b.phi(i64)
            new_x.add_incoming(x, here)
            new_y.add_incoming(y, here)
            new_x.add_incoming(y, swapped)
            new_y.add_incoming(x, swapped)
            x, y = new_x, new_y
    b.ret(x)
    return module


def llvm_run(llvm, size: int, level: int) -> tuple[float, float, float, float, int]:
    start = time.process_time()
    module = llvm_build(size)
    built = time.process_time()
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=level)
    if level:
        options = llvm.create_pipeline_tuning_options(speed_level=level)
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(parsed, builder)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    address = engine.get_function_address("f")
    f = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(address)
    compiled = time.process_time()
    result = f(12345, 678)
    called = time.process_time()
    return built - start, compiled - built, called - compiled, run_time(f), result


# ---- measuring ----


def child_seconds(statement: str) -> float:
    """CPU time of an interpreter that runs a statement; the least of some."""
    out = 1e9
    for _ in range(9):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", statement], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        out = min(out, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return out


def import_seconds(statement: str) -> float:
    return child_seconds(statement) - child_seconds("pass")


def sizes_of(package: str) -> tuple[int, int]:
    """Bytes of the files of a package, compressed one by one as a wheel has them, and on disk;
    without byte code."""
    import importlib.util

    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    root = Path(list(spec.submodule_search_locations)[0])
    files = [p.read_bytes() for p in root.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    return sum([len(zlib.compress(data)) for data in files]), sum([len(data) for data in files])


def call_cost(f: Callable[[int, int], object], count: int) -> float:
    """Nanoseconds of `f(i, j)`, loop subtracted."""

    def loop() -> None:
        i, j = 3, 4
        for _ in range(count):
            f(i, j)

    def empty() -> None:
        for _ in range(count):
            pass

    return (best(loop, 7) - best(empty, 7)) / count * 1e9


def main() -> None:
    rows: list[dict[str, object]] = []

    def note(name: str, unit: str, **values: float) -> None:
        rows.append({"name": name, "unit": unit, **{k: round(v, 3) for k, v in values.items()}})

    ours, theirs = sizes_of("grus"), sizes_of("llvmlite")
    note("size of the package", "MB", grus=ours[0] / 1e6, llvmlite=theirs[0] / 1e6)
    note("size on disk", "MB", grus=ours[1] / 1e6, llvmlite=theirs[1] / 1e6)
    note(
        "import for a JIT",
        "ms",
        grus=1e3 * import_seconds("import grus; grus.JITModule"),
        llvmlite=1e3 * import_seconds("import llvmlite.ir, llvmlite.binding"),
    )
    llvm = llvm_start()
    for size in SIZES:
        rounds = 3 if size > 1000 else 20
        want = reference(size, 12345, 678)
        runs = {
            "grus": lambda size=size: grus_run(size, True, "none"),
            "grus unverified": lambda size=size: grus_run(size, False, "none"),
            "grus speed": lambda size=size: grus_run(size, True, "speed"),
            "llvmlite O0": lambda size=size: llvm_run(llvm, size, 0),
            "llvmlite O2": lambda size=size: llvm_run(llvm, size, 2),
        }
        results: dict[str, tuple[float, ...]] = {}
        for name, run in runs.items():
            times = [run() for _ in range(rounds)]
            assert all(t[4] == want for t in times), (name, size, times[0][4], want)
            results[name] = tuple(min(t[n] for t in times) for n in range(4))
        for n, step in enumerate(("build", "compile", "first call")):
            note(
                f"{size} instructions: {step}", "ms", **{k: 1e3 * v[n] for k, v in results.items()}
            )
        note(
            f"{size} instructions: total",
            "ms",
            **{k: 1e3 * sum(v[:3]) for k, v in results.items()},
        )
        note(f"{size} instructions: run", "us", **{k: 1e6 * v[3] for k, v in results.items()})
    from grus.link.jit import JITModule

    module = JITModule()
    module.define(
        "function %add(i64, i64) -> i64 system_v {\nblock0(v0: i64, v1: i64):\n"
        "    v2 = iadd v0, v1\n    return v2\n}"
    )
    parsed = llvm.parse_assembly(
        "define i64 @add(i64 %a, i64 %b) {\n %c = add i64 %a, %b\n ret i64 %c\n}"
    )
    machine = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    prototype = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)

    def padd(i: int, j: int) -> int:
        return i + j

    note(
        "call add(i, j)",
        "ns",
        grus=call_cost(module["add"], 1_000_000),
        llvmlite=call_cost(prototype(engine.get_function_address("add")), 300_000),
        python=call_cost(padd, 1_000_000),
    )
    import kernels

    rows += kernels.measure()
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=1))
        return
    import llvmlite

    print(f"CPython {platform.python_version()}, llvmlite {llvmlite.__version__}")
    for row in rows:
        values = ", ".join([f"{k} {v}" for k, v in row.items() if k not in ("name", "unit")])
        print(f"{row['name']} [{row['unit']}]: {values}")


if __name__ == "__main__":
    main()
