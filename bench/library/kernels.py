"""Speed of five numeric kernels beside llvmlite: `python bench/library/kernels.py [--json]`.

Each kernel is written once, over `Maker`, whose two kinds make IR of Grus and of LLVM. All results
are compared, bit by bit. Grus optimizes for speed and uses this processor's features; LLVM runs its
O2 pipeline with loop and SLP vectorization for this processor, and its O0. CPU time, least of
rounds that take turns.
"""

from __future__ import annotations

import ctypes
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.builder import FunctionBuilder
from grus.ir.function import AbiParam, Function, Signature, mem_flags

ROUNDS = 7
_PLAIN = mem_flags(aligned=True, trap=0)


class GrusMaker:
    """A function `name(i64...) -> i64 or f64` of Grus."""

    def __init__(self, name: str, params: int, result: str) -> None:
        ty = T.F64 if result == "f64" else T.I64
        sig = Signature([AbiParam(T.I64)] * params, [AbiParam(ty)], "system_v")
        self.b = FunctionBuilder(Function(f"%{name}", sig))
        self.params = list(self.b.entry_block().params)
        b = self.b
        self.add, self.sub, self.mul, self.xor = b.iadd, b.isub, b.imul, b.bxor
        self.fadd, self.fsub, self.fmul, self.select = b.fadd, b.fsub, b.fmul, b.select

    def int(self, n: int):
        return self.b.iconst(T.I64, n)

    def float(self, x: float):
        return self.b.f64const(int.from_bytes(ctypes.c_double(x), "little"))

    def to_float(self, x):
        return self.b.fcvt_from_sint(T.F64, x)

    def less(self, x, y):
        return self.b.icmp(ops.SLT, x, y)

    def equal(self, x, y):
        return self.b.icmp(ops.EQ, x, y)

    def fless(self, x, y):
        return self.b.fcmp(ops.F_LT, x, y)

    def both(self, x, y):
        return self.b.band(x, y)

    def load_f64(self, base, index):
        at = self.b.iadd(base, self.b.ishl(index, self.int(3)))
        return self.b.load(T.F64, at, 0, _PLAIN)

    def store_f64(self, x, base, index) -> None:
        self.b.store(x, self.b.iadd(base, self.b.ishl(index, self.int(3))), 0, _PLAIN)

    def load_byte(self, base, index):
        return self.b.uextend(T.I64, self.b.load(T.I8, self.b.iadd(base, index), 0, _PLAIN))

    def store_byte(self, n: int, base, index) -> None:
        self.b.store(self.b.iconst(T.I8, n), self.b.iadd(base, index), 0, _PLAIN)

    def loop(self, start, condition, body):
        """`values = start; while condition(*values): values = body(*values)`; gives the values."""
        b = self.b
        header, inside, out = b.create_block(), b.create_block(), b.create_block()
        values = [b.append_block_param(header, v.ty) for v in start]
        b.jump(header, start)
        b.switch_to_block(header)
        b.brif(condition(*values), inside, (), out, ())
        b.seal_block(inside)
        b.seal_block(out)
        b.switch_to_block(inside)
        b.jump(header, body(*values))
        b.seal_block(header)
        b.switch_to_block(out)
        return values

    def finish(self, result) -> Function:
        self.b.return_([result])
        return self.b.finalize()


class LlvmMaker:
    """The same of LLVM; `finish` gives the module."""

    def __init__(self, name: str, params: int, result: str) -> None:
        from llvmlite import ir

        self.ir = ir
        self.i64, self.f64 = ir.IntType(64), ir.DoubleType()
        self.module = ir.Module()
        type = ir.FunctionType(self.f64 if result == "f64" else self.i64, [self.i64] * params)
        self.function = ir.Function(self.module, type, name)
        b = self.b = ir.IRBuilder(self.function.append_basic_block())
        self.params = list(self.function.args)
        self.add, self.sub, self.mul, self.xor = b.add, b.sub, b.mul, b.xor
        self.fadd, self.fsub, self.fmul, self.select = b.fadd, b.fsub, b.fmul, b.select
        self.both = b.and_

    def int(self, n: int):
        return self.i64(n)

    def float(self, x: float):
        return self.f64(x)

    def to_float(self, x):
        return self.b.sitofp(x, self.f64)

    def less(self, x, y):
        return self.b.icmp_signed("<", x, y)

    def equal(self, x, y):
        return self.b.icmp_signed("==", x, y)

    def fless(self, x, y):
        return self.b.fcmp_ordered("<", x, y)

    def _at(self, type, base, index):
        return self.b.gep(self.b.inttoptr(base, type.as_pointer()), [index], inbounds=True)

    def load_f64(self, base, index):
        return self.b.load(self._at(self.f64, base, index))

    def store_f64(self, x, base, index) -> None:
        self.b.store(x, self._at(self.f64, base, index))

    def load_byte(self, base, index):
        return self.b.zext(self.b.load(self._at(self.ir.IntType(8), base, index)), self.i64)

    def store_byte(self, n: int, base, index) -> None:
        self.b.store(self.ir.IntType(8)(n), self._at(self.ir.IntType(8), base, index))

    def loop(self, start, condition, body):
        b, before = self.b, self.b.block
        header, inside, out = (self.function.append_basic_block() for _ in range(3))
        b.branch(header)
        b.position_at_end(header)
        values = [b.phi(v.type) for v in start]
        for phi, value in zip(values, start, strict=True):
            phi.add_incoming(value, before)
        b.cbranch(condition(*values), inside, out)
        b.position_at_end(inside)
        after = body(*values)
        for phi, value in zip(values, after, strict=True):
            phi.add_incoming(value, b.block)
        b.branch(header)
        b.position_at_end(out)
        return values

    def finish(self, result):
        self.b.ret(result)
        return self.module


# ---- the kernels ----


def dot(m):
    """Sum of products of two arrays of doubles."""
    a, b, n = m.params
    _, total = m.loop(
        [m.int(0), m.float(0)],
        lambda i, s: m.less(i, n),
        lambda i, s: [
            m.add(i, m.int(1)),
            m.fadd(s, m.fmul(m.load_f64(a, i), m.load_f64(b, i))),
        ],
    )
    return total


def matmul(m):
    """Product of two square matrices, rows in order; gives the last element."""
    a, b, c, n = m.params

    def row(i):
        at = m.mul(i, n)

        def inner(k):
            x = m.load_f64(a, m.add(at, k))
            start = m.mul(k, n)

            def cell(j):
                old = m.load_f64(c, m.add(at, j))
                new = m.fadd(old, m.fmul(x, m.load_f64(b, m.add(start, j))))
                m.store_f64(new, c, m.add(at, j))
                return [m.add(j, m.int(1))]

            m.loop([m.int(0)], lambda j: m.less(j, n), cell)
            return [m.add(k, m.int(1))]

        m.loop([m.int(0)], lambda k: m.less(k, n), inner)
        return [m.add(i, m.int(1))]

    m.loop([m.int(0)], lambda i: m.less(i, n), row)
    return m.load_f64(c, m.sub(m.mul(n, n), m.int(1)))


def mandelbrot(m):
    """Iterations of all points of a square of n by n, at most 100 each."""
    (n,) = m.params
    scale = m.float(0.01)

    def line(y, total):
        ci = m.fsub(m.fmul(m.to_float(y), scale), m.float(1.0))

        def point(x, total):
            cr = m.fsub(m.fmul(m.to_float(x), scale), m.float(1.5))

            def step(count, r, i):
                rr, ii = m.fmul(r, r), m.fmul(i, i)
                ri = m.fmul(r, i)
                return [
                    m.add(count, m.int(1)),
                    m.fadd(m.fsub(rr, ii), cr),
                    m.fadd(m.fadd(ri, ri), ci),
                ]

            def inside(count, r, i):
                size = m.fadd(m.fmul(r, r), m.fmul(i, i))
                return m.both(m.less(count, m.int(100)), m.fless(size, m.float(4.0)))

            count, _, _ = m.loop([m.int(0), m.float(0), m.float(0)], inside, step)
            return [m.add(x, m.int(1)), m.add(total, count)]

        _, total = m.loop([m.int(0), total], lambda x, t: m.less(x, n), point)
        return [m.add(y, m.int(1)), total]

    return m.loop([m.int(0), m.int(0)], lambda y, t: m.less(y, n), line)[1]


def sieve(m):
    """Primes below n, with n bytes of marks, which are cleared first."""
    p, n = m.params

    def clear(i):
        m.store_byte(0, p, i)
        return [m.add(i, m.int(1))]

    m.loop([m.int(0)], lambda i: m.less(i, n), clear)

    def number(i, count):
        prime = m.equal(m.load_byte(p, i), m.int(0))

        def mark(j):
            m.store_byte(1, p, j)
            return [m.add(j, i)]

        m.loop([m.select(prime, m.mul(i, i), n)], lambda j: m.less(j, n), mark)
        return [m.add(i, m.int(1)), m.add(count, m.select(prime, m.int(1), m.int(0)))]

    return m.loop([m.int(2), m.int(0)], lambda i, c: m.less(i, n), number)[1]


def fnv(m):
    """FNV-1a of n bytes."""
    p, n = m.params
    return m.loop(
        [m.int(0), m.int(0xCBF29CE484222325 - (1 << 64))],
        lambda i, h: m.less(i, n),
        lambda i, h: [m.add(i, m.int(1)), m.mul(m.xor(h, m.load_byte(p, i)), m.int(0x100000001B3))],
    )[1]


def arguments() -> dict[str, tuple[Callable, str, list[int]]]:
    """Kernel, type of its result and arguments, by name. The arrays live as long as the process."""
    size, side, count = 1_000_000, 128, 2_000_000
    arrays = [(ctypes.c_double * size)(*[i % 97 * 0.5 for i in range(size)]) for _ in range(3)]
    data = (ctypes.c_uint8 * count)(*[i * 7 & 255 for i in range(count)])
    marks = (ctypes.c_uint8 * count)()
    _KEPT.extend([*arrays, data, marks])
    a, b, c = [ctypes.addressof(array) for array in arrays]
    return {
        "dot": (dot, "f64", [a, b, size]),
        "matmul": (matmul, "f64", [a, b, c, side]),
        "mandelbrot": (mandelbrot, "i64", [200]),
        "sieve": (sieve, "i64", [ctypes.addressof(marks), count]),
        "fnv": (fnv, "i64", [ctypes.addressof(data), count]),
    }


_KEPT: list[object] = []


def grus_function(name: str, kernel: Callable, params: int, result: str) -> Callable:
    from grus.link.jit import JITModule, native_settings

    settings = native_settings()
    settings.set("opt_level", "speed")
    module = JITModule(settings=settings)
    maker = GrusMaker(name, params, result)
    module.define(maker.finish(kernel(maker)))
    return module[name]


def llvm_function(name: str, kernel: Callable, params: int, result: str, level: int) -> Callable:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    maker = LlvmMaker(name, params, result)
    parsed = llvm.parse_assembly(str(maker.finish(kernel(maker))))
    parsed.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=level
    )
    if level:
        options = llvm.create_pipeline_tuning_options(speed_level=level)
        options.loop_vectorization = options.slp_vectorization = True
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(parsed, builder)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    _KEPT.append(engine)
    ty = ctypes.c_double if result == "f64" else ctypes.c_int64
    prototype = ctypes.CFUNCTYPE(ty, *[ctypes.c_int64] * params)
    return prototype(engine.get_function_address(name))


def measure() -> list[dict[str, object]]:
    """A row for each kernel: milliseconds by compiler."""
    rows: list[dict[str, object]] = []
    for name, (kernel, result, values) in arguments().items():
        functions = {
            "grus": grus_function(name, kernel, len(values), result),
            "llvmlite O0": llvm_function(name, kernel, len(values), result, 0),
            "llvmlite O2": llvm_function(name, kernel, len(values), result, 2),
        }
        times = dict.fromkeys(functions, 1e9)
        for _ in range(ROUNDS):
            results = []
            for kind, function in functions.items():
                if name == "matmul":
                    ctypes.memset(values[2], 0, 8 * values[3] ** 2)
                start = time.process_time()
                results.append(function(*values))
                times[kind] = min(times[kind], time.process_time() - start)
            assert len(set(results)) == 1, (name, results)
        rows.append({"name": name, "unit": "ms"} | {k: round(1e3 * v, 3) for k, v in times.items()})
    return rows


def main() -> None:
    rows = measure()
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=1))
        return
    import llvmlite

    print(f"CPython {platform.python_version()}, llvmlite {llvmlite.__version__}, ms")
    for row in rows:
        print(row["name"], *[f"{k} {v}" for k, v in row.items() if k not in ("name", "unit")])


if __name__ == "__main__":
    main()
