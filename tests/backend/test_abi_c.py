"""Calling conventions against a C compiler: both directions, random signatures."""

from __future__ import annotations

import ctypes
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from grus.backend.x64.target import TARGET
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import NIL, AbiParam, Block, Function, Signature, Value, mem_flags
from grus.link.jit import JITModule
from grus.testing.run_native import trampoline

C_TYPES = {
    T.I8: "unsigned char",
    T.I16: "unsigned short",
    T.I32: "unsigned int",
    T.I64: "unsigned long long",
    T.I128: "unsigned __int128",
    T.F32: "float",
    T.F64: "double",
}
COUNT = 120
FLAGS = mem_flags(trap=0)


def signatures(conv: str) -> list[Signature]:
    rng = random.Random(conv)
    types = [T.I8, T.I16, T.I32, T.I64, T.F32, T.F64]
    if conv == "system_v":
        types.append(T.I128)
    out = []
    for n in range(COUNT):
        params = [AbiParam(rng.choice(types)) for _ in range(n % 13)]
        returns = [AbiParam(rng.choice(types))] if n % 7 else []
        out.append(Signature(params, returns, conv))
    return out


def c_source(sigs: list[Signature], conv: str) -> str:
    attribute = "__attribute__((ms_abi))" if conv == "windows_fastcall" else ""
    lines = ["char seen[16 * 16]; char given[16];"]
    for n, sig in enumerate(sigs):
        ret = C_TYPES[sig.returns[0].ty] if sig.returns else "void"
        params = ", ".join(f"{C_TYPES[p.ty]} a{i}" for i, p in enumerate(sig.params)) or "void"
        body = "".join(
            f" *({C_TYPES[p.ty]}*)(seen + {16 * i}) = a{i};" for i, p in enumerate(sig.params)
        )
        if sig.returns:
            body += f" return *({ret}*)given;"
        lines.append(f"{attribute} {ret} callee{n}({params}) {{{body} }}")
        args = ", ".join(f"*({C_TYPES[p.ty]}*)(in + {16 * i})" for i, p in enumerate(sig.params))
        types = ", ".join(C_TYPES[p.ty] for p in sig.params) or "void"
        call = f"(({ret} ({attribute} *)({types}))f)({args})"
        if sig.returns:
            call = f"*({ret}*)out = {call}"
        # Values kept across two calls sit in callee-saved registers.
        lines.append(
            f"long long caller{n}(void *f, char *in, char *out, long long *k) {{"
            f" long long a = k[0], b = k[1], c = k[2], d = k[3], e = k[4]; double x = k[5];"
            f" {call}; {call}; return a * 3 + b * 5 + c * 7 + d * 11 + e * 13 + (long long)x; }}"
        )
    return "\n".join(lines)


@pytest.fixture(scope="module", params=["system_v", "windows_fastcall"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    sigs = signatures(request.param)
    path: Path = tmp_path_factory.mktemp("abi")
    (path / "abi.c").write_text(c_source(sigs, request.param))
    command = [compiler, "-O2", "-fno-strict-aliasing", "-shared", "-fPIC", "abi.c", "-o", "abi.so"]
    subprocess.run(command, cwd=path, check=True, stderr=subprocess.DEVNULL)
    return ctypes.CDLL(str(path / "abi.so")), sigs


def settings():
    made = TARGET.settings()
    made.parse("regalloc_checker=true")
    return made


def values_of(sig: Signature, rng: random.Random) -> bytes:
    return b"".join(
        rng.getrandbits(T.BITS[p.ty]).to_bytes(16, "little") for p in sig.params
    ) or bytes(16)


def check_cells(sig: Signature, given: bytes, seen: bytes, where: str) -> None:
    for i, p in enumerate(sig.params):
        size = T.size(p.ty)
        assert given[16 * i : 16 * i + size] == seen[16 * i : 16 * i + size], (where, i)


def test_calls_into_c(library) -> None:
    lib, sigs = library
    module = JITModule(TARGET, settings())
    rng = random.Random(1)
    for n, sig in enumerate(sigs):
        func = trampoline(Function(f"%callee{n}", sig))
        func.funcs[0].colocated = False  # libraries may be out of reach of a relative call
        module.define(func)
        address = ctypes.cast(getattr(lib, f"callee{n}"), ctypes.c_void_p).value
        assert address
        module.symbol(f"%callee{n}", address)
    module.finish()
    seen = (ctypes.c_char * 256).in_dll(lib, "seen")
    given = (ctypes.c_char * 16).in_dll(lib, "given")
    for n, sig in enumerate(sigs):
        cells = values_of(sig, rng)
        given.raw = rng.randbytes(16)
        out = ctypes.create_string_buffer(32)
        entry = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p)(
            module.address(f"%__call_callee{n}")
        )
        entry(cells, ctypes.addressof(out))
        check_cells(sig, cells, seen.raw, f"callee{n}")
        if sig.returns:
            size = T.size(sig.returns[0].ty)
            assert out.raw[:size] == given.raw[:size], n


def test_calls_from_c(library) -> None:
    lib, sigs = library
    seen = ctypes.create_string_buffer(256)
    given = ctypes.create_string_buffer(32)
    module = JITModule(TARGET, settings())
    for n, sig in enumerate(sigs):
        module.define(recorder(f"%f{n}", sig, ctypes.addressof(seen), ctypes.addressof(given)))
    module.finish()
    rng = random.Random(2)
    for n, sig in enumerate(sigs):
        cells = values_of(sig, rng)
        given.raw = rng.randbytes(32)
        out = ctypes.create_string_buffer(32)
        keep = (ctypes.c_longlong * 6)(*[rng.randrange(1 << 40) for _ in range(6)])
        caller = getattr(lib, f"caller{n}")
        caller.restype = ctypes.c_longlong
        caller.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]
        got = caller(module.address(f"%f{n}"), cells, ctypes.addressof(out), keep)
        expected = sum(k * m for k, m in zip(keep, (3, 5, 7, 11, 13, 1), strict=True))
        assert got == expected, f"f{n}: callee-saved registers"
        check_cells(sig, cells, seen.raw, f"f{n}")
        if sig.returns:
            size = T.size(sig.returns[0].ty)
            assert out.raw[:size] == given.raw[:size], n


def recorder(name: str, sig: Signature, seen: int, given: int) -> Function:
    """Store all parameters at `seen`, return what is at `given`; keeps many values live."""
    func = Function(name, sig)
    block = func.add_block()
    params = [func.add_param(block, p.ty) for p in sig.params]
    base = add(func, block, ops.ICONST, T.I64)
    base.imm = seen
    source = add(func, block, ops.ICONST, T.I64)
    source.imm = given
    # More live integers and floats than caller-saved registers.
    words = []
    for i in range(16):
        word = add(func, block, ops.LOAD, T.I64 if i < 10 else T.F64, source)
        word.ext = FLAGS
        word.imm = i % 4 * 8
        words.append(word)
    for i, param in enumerate(params):
        store = add(func, block, ops.STORE, T.INVALID, param, base)
        store.ext = FLAGS
        store.imm = 16 * i
    for word in words:
        store = add(func, block, ops.STORE, T.INVALID, word, base)
        store.ext = FLAGS
        store.imm = 240
    results = []
    for result in sig.returns:
        load = add(func, block, ops.LOAD, result.ty, source)
        load.ext = FLAGS
        results.append(load)
    ret = add(func, block, ops.RETURN_, T.INVALID)
    ret.args = tuple(results)
    return func


def add(func: Function, block: Block, op: int, ty: int, a: Value = NIL, b: Value = NIL) -> Value:
    value = func.new_value(op, ty, block)
    value.a = a
    value.b = b
    block.insts.append(value)
    return value
