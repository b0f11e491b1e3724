"""Stubs of library code: Python callables of compiled functions, and the way out of their traps.

Library code (docs/abi.md, "Code ranges") has no pinned register and no store. A *callable thunk*
leaves two addresses in its frame, and whoever ends a call early — the fault handler, a host thunk
with an exception set — follows the frame pointers up to it. It gives up when a return address is
foreign, so no frame but those of library code is ever skipped.

    rbp+8   return address            rbp-48  where a trap goes on
    rbp     caller's rbp              rbp-56  where an exception goes on
    rbp-40  kept registers            rbp-64  free

The GIL is held throughout. Registers as in `stubs.py`.
"""

from __future__ import annotations

from typing import Final

from grus.backend.x64 import stubs as S
from grus.backend.x64.abi import Layout
from grus.backend.x64.regs import (
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    RAX,
    RBP,
    RBX,
    RCX,
    RDI,
    RDX,
    RSI,
    RSP,
    XMM0,
)
from grus.backend.x64.stubasm import StubAssembler
from grus.base import layout

FUNC_NATIVE = layout.FUNC_NATIVE

_ON_TRAP: Final = -48
_ON_RAISE: Final = -56
_RECORD: Final = 64

TRAP_AREA: Final = layout.Struct("LibraryTrap", "the last trap of library code", (
    ("pc",    "u64", "the instruction"),
    ("addr",  "u64", "address that could not be accessed"),
    ("count", "u64", "entries of `trace` in use"),
    ("live",  "u64", "calls of callables that have not ended"),
    ("trace", f"u64*{layout.TRACE_LENGTH}", "return addresses of the frames, innermost first"),
))  # fmt: skip


FRAME_ROWS: Final = (
    (1, "cfa", RSP, 16),
    (1, "saved", RBP, -16),
    (4, "cfa", RBP, 16),
    (5, "saved", RBX, -24),
    (7, "saved", R12, -32),
    (9, "saved", R13, -40),
    (11, "saved", R14, -48),
)
"""Unwind rows of host thunks."""
CALLABLE_ROWS: Final = (*FRAME_ROWS, (13, "saved", R15, -56))
"""Unwind rows of callable thunks."""


class Value:
    """A parameter or result as thunks see it.

    `kind` is a letter: b i8, h i16, i i32, l i64, f f32, d f64; an integer result is signed unless
    `unsigned`. `extend` is what the convention wants of the upper bits.
    """

    __slots__ = ("extend", "kind", "offset", "reg", "unsigned")

    def __init__(self, kind: str, reg: int, offset: int, extend: str) -> None:
        self.kind = kind
        self.reg = reg
        self.offset = offset
        self.extend = extend
        self.unsigned = extend == "uext"


class Shape:
    """What a thunk needs of a signature; equal `key` means the same thunk."""

    __slots__ = ("key", "params", "results", "stack")

    def __init__(self, places: Layout, params: str, results: str) -> None:
        """`places` holds one part for each letter of `params` and `results`."""
        self.params = [
            Value(kind, parts[0].reg, parts[0].offset, parts[0].extend)
            for kind, parts in zip(params, places.args, strict=True)
        ]
        self.results = [
            Value(kind, parts[0].reg, parts[0].offset, parts[0].extend)
            for kind, parts in zip(results, places.results, strict=True)
        ]
        self.stack = places.stack_args
        values = [(v.kind, v.reg, v.offset, v.extend) for v in (*self.params, *self.results)]
        self.key = (len(self.params), self.stack, tuple(values))


class Addresses:
    """Places that the stubs of this module refer to."""

    __slots__ = (
        "area",
        "bytes_from",
        "native",
        "on_trap",
        "slow",
        "slow_call",
        "unsigned",
        "unraisable",
    )

    def __init__(self) -> None:
        self.area = 0  # TRAP_AREA
        self.native = 0  # offset of `FuncObject` in a callable
        self.on_trap = 0  # Python function that raises; it gets the bytes of TRAP_AREA
        self.bytes_from = 0  # PyBytes_FromStringAndSize
        self.slow = 0  # Python function called with the callable and its arguments
        self.slow_call = 0  # `stubs.slow_call`
        self.unsigned = 0  # PyLong_FromUnsignedLongLong
        self.unraisable = 0  # PyErr_WriteUnraisable


# ---- calls in ----


def callable_thunk(shape: Shape, py: S.PyLayout, sym: S.Symbols, at: Addresses) -> bytes:
    """The vectorcall function of callables of this shape.

    `FuncObject.funcref` is the address of a word that holds the function's address.
    """
    a = StubAssembler()
    slow, trapped, raised, epilogue = (a.label() for _ in range(4))
    S.begin_call(a, shape.stack, len(shape.params), slow)
    cold: list[tuple[bool, int, int]] = []
    # Unboxing goes through rdi: the argument that is passed there comes last.
    order = [(i, v) for i, v in enumerate(shape.params) if v.reg != RDI]
    order += [(i, v) for i, v in enumerate(shape.params) if v.reg == RDI]
    last = ""
    for index, value in order:
        kind = "float" if value.kind in "fd" else "int"
        if kind != last:
            a.movi(R10, sym.int_type if kind == "int" else sym.float_type)
            last = kind
        a.load(RAX, R12, 8 * index)
        a.cmp_mr(RAX, 8, R10)
        a.jcc("ne", slow)
        if kind == "int":
            _unbox_int(a, py, value, slow, cold)
            if value.reg < 0:
                a.store(RSP, value.offset, RDI)
            elif value.reg != RDI:
                a.mov(value.reg, RDI)
        else:
            to = value.reg if value.reg >= 0 else XMM0 + 15
            a.load_f64(to, RAX, py.float_value)
            if value.kind == "f":
                a.f64_to_f32(to, to)
            if value.reg < 0:
                a.store_f64(RSP, value.offset, to)
    a.lea_label(RAX, trapped)
    a.store(RBP, _ON_TRAP, RAX)
    a.lea_label(RAX, raised)
    a.store(RBP, _ON_RAISE, RAX)
    a.movi(R11, at.area)
    a.add_mi(R11, TRAP_AREA["live"], 1)
    a.load(R10, RBX, at.native + FUNC_NATIVE["funcref"])
    a.call_m(R10, 0)
    a.movi(R11, at.area)
    a.add_mi(R11, TRAP_AREA["live"], -1)
    if len(shape.results) > 1:
        a.lea(RSP, RBP, -_RECORD)

    def box(index: int, reg: int) -> None:
        _box(a, sym, at, shape.results[index], reg)

    S.box_results(a, py, sym, [value.reg for value in shape.results], box, epilogue)
    a.bind(epilogue)
    S._epilogue(a)
    end = a.label()
    a.bind(trapped)  # rbp is ours
    a.lea(RSP, RBP, -_RECORD)
    a.movi(R11, at.area)
    a.add_mi(R11, TRAP_AREA["live"], -1)
    # A copy, for other threads may trap as soon as Python runs.
    a.movi(RDI, at.area)
    a.movi(RSI, TRAP_AREA.size)
    a.call_abs(at.bytes_from)
    a.test(RAX, RAX)
    a.jcc("e", end)
    a.mov(R12, RAX)
    a.movi(RDI, at.on_trap)
    a.mov(RSI, R12)
    a.call_abs(sym.call_one_arg)
    a.mov(RDI, R12)
    S.decref(a, py, sym, RDI)
    a.jmp(end)
    a.bind(raised)
    a.lea(RSP, RBP, -_RECORD)
    a.movi(R11, at.area)
    a.add_mi(R11, TRAP_AREA["live"], -1)
    a.bind(end)
    a.movi(RAX, 0)
    a.jmp(epilogue)
    a.bind(slow)
    a.movi(RAX, at.slow)
    a.lea(RSP, RBP, -_RECORD)
    a.movi(R11, at.slow_call)
    a.call_r(R11)
    a.jmp(epilogue)
    for wide, many, done in cold:
        S._unbox_many(a, py, wide, many, done, slow)
    return a.finish()


def _unbox_int(
    a: StubAssembler, py: S.PyLayout, value: Value, slow: int, cold: list[tuple[bool, int, int]]
) -> None:
    """rax: an exact int; rdi = its value, extended as the convention wants. Out of the range
    -2**(n-1) .. 2**n - 1: go to `slow`."""
    many, done = a.label(), a.label()
    wide = value.kind == "l"
    S._unbox_int(a, py, wide, many)
    a.bind(done)
    cold.append((wide, many, done))
    if value.kind in "bh":
        half = 1 << (7 if value.kind == "b" else 15)
        a.lea(R11, RDI, half)
        a.cmpi(R11, 3 * half)
        a.jcc("ae", slow)
    if value.extend and not wide:
        _extend(a, value, RDI)


def _extend(a: StubAssembler, value: Value, reg: int) -> None:
    """rdi = the integer in `reg` (of the width of `value`), extended to 64 bits."""
    if value.kind == "i":
        if value.unsigned:
            a.mov32(RDI, reg)
        else:
            a.movsxd(RDI, reg)
    elif value.kind == "b":
        a.extend8(RDI, reg, not value.unsigned)
    elif value.kind == "h":
        a.extend16(RDI, reg, not value.unsigned)
    elif reg != RDI:
        a.mov(RDI, reg)


def _box(a: StubAssembler, sym: S.Symbols, at: Addresses, value: Value, reg: int) -> None:
    """rax = a new Python object of the value in `reg`, or 0."""
    if value.kind in "fd":
        if value.kind == "f":
            a.f32_to_f64(XMM0, reg)
        elif reg != XMM0:
            a.mov_x(XMM0, reg)
        a.call_abs(sym.float_from_double)
        return
    _extend(a, value, reg)
    a.call_abs(at.unsigned if value.kind == "l" and value.unsigned else sym.long_from_long)


# ---- the way out ----


class Ranges:
    """Where code lies: (first byte, size) of library code and of callable thunks."""

    __slots__ = ("library", "thunks")

    def __init__(self, library: tuple[int, int], thunks: tuple[int, int]) -> None:
        self.library = library
        self.thunks = thunks


def _walk(a: StubAssembler, ranges: Ranges, area: int, foreign: int) -> None:
    """r9: a frame pointer of library code (or of a stub it called). Leaves r9 = the frame pointer
    of the callable thunk above it and fills `trace`; goes to `foreign` when there is none.
    Clobbers rax, rcx, rdi, r8, r10, r11; `trace` may be filled in vain."""
    loop, full, thunk, found = (a.label() for _ in range(4))
    a.movi(R10, area)
    a.movi(R11, 0)
    a.bind(loop)
    a.load(RAX, R9, 8)
    a.movi(RCX, ranges.library[0])
    a.mov(R8, RAX)
    a.sub(R8, RCX)
    a.movi(RCX, ranges.library[1])
    a.cmp(R8, RCX)
    a.jcc("ae", thunk)
    a.cmpi(R11, layout.TRACE_LENGTH)
    a.jcc("e", full)
    a.store_indexed(R10, R11, TRAP_AREA["trace"], RAX)
    a.addi(R11, 1)
    a.bind(full)
    a.mov(RDI, R9)
    a.load(R9, R9, 0)
    a.cmp(R9, RDI)
    a.jcc("be", foreign)  # frames lie above each other
    a.jmp(loop)
    a.bind(thunk)
    a.movi(RCX, ranges.thunks[0])
    a.sub(RAX, RCX)
    a.cmpi(RAX, ranges.thunks[1])
    a.jcc("ae", foreign)
    a.load(R9, R9, 0)
    a.bind(found)
    a.store(R10, TRAP_AREA["count"], R11)


_UCONTEXT_RBP: Final = 120
_UCONTEXT_RIP: Final = 168
_SIGINFO_CODE: Final = 8
_SIGINFO_ADDR: Final = 16


def library_fault_handler(
    ranges: Ranges, fault_map: int, area: int, old_actions: int, sym: S.Symbols
) -> bytes:
    """Signal handler (SA_SIGINFO): a fault at an instruction that is marked in `fault_map` ends
    the innermost call of a callable, if only library code lies between. Everything else is passed
    on as `stubs.fault_handler` does it.

    Source of the offsets: the kernel's x86-64 signal frame (sigcontext.h), `struct siginfo`.
    """
    a = StubAssembler()
    pass_on, foreign = a.label(), a.label()
    a.load(RAX, RDX, _UCONTEXT_RIP)
    a.movi(RCX, ranges.library[0])
    a.mov(R8, RAX)
    a.sub(R8, RCX)
    a.movi(RCX, ranges.library[1])
    a.cmp(R8, RCX)
    a.jcc("ae", pass_on)
    a.cmp_mi32(RSI, _SIGINFO_CODE, 0)
    a.jcc("le", pass_on)
    a.movi(RCX, fault_map)
    a.mov(R9, R8)
    a.shri(R9, 3)
    a.load8_indexed(R9, RCX, R9)
    a.andi(R8, 7)
    a.bit_test(R9, R8)
    a.jcc("nc", pass_on)
    a.push(RDI)
    a.load(R9, RDX, _UCONTEXT_RBP)
    _walk(a, ranges, area, foreign)
    a.pop(RDI)
    a.load(RAX, RDX, _UCONTEXT_RIP)
    a.store(R10, TRAP_AREA["pc"], RAX)
    a.load(RAX, RSI, _SIGINFO_ADDR)
    a.store(R10, TRAP_AREA["addr"], RAX)
    a.store(RDX, _UCONTEXT_RBP, R9)
    a.load(RAX, R9, _ON_TRAP)
    a.store(RDX, _UCONTEXT_RIP, RAX)
    a.ret()
    a.bind(foreign)
    a.pop(RDI)
    a.bind(pass_on)
    S.pass_on(a, old_actions, sym)
    return a.finish()


# ---- calls out to Python ----


def host_thunk(
    shape: Shape,
    callable_: int,
    convert: int,
    ranges: Ranges,
    py: S.PyLayout,
    sym: S.Symbols,
    at: Addresses,
) -> bytes:
    """A function of this shape that calls the Python object at `callable_`.

    `convert` is called with a result that is not of the exact type. An exception goes on in the
    callable thunk above; where a foreign frame is between, it is reported as unraisable and the
    results are 0.
    """
    a = StubAssembler()
    params, results = shape.params, shape.results
    n = len(params)
    av = 8 * max(n, len(results))
    size = (av + 8 * (n + 1) + 15) & -16
    again, converting, failed, foreign, out = (a.label() for _ in range(5))
    broken = [a.label() for _ in params]
    S.host_frame(a, size)
    S.spill_params(a, [(value.reg, value.offset) for value in params])

    def box(index: int, reg: int) -> None:
        _box(a, sym, at, params[index], reg)

    S.box_params(a, [value.kind in "fd" for value in params], av, box, broken)
    a.movi(RDI, callable_)
    S.call_boxed(a, py, sym, n, av)
    a.bind(again)
    a.test(R12, R12)
    a.jcc("e", failed)
    cold: list[tuple[bool, int, int]] = []

    def unbox(index: int, reg: int) -> None:
        _unbox_result(a, py, sym, results[index], reg, 8 * index, converting, cold)

    S.unbox_results(a, py, sym, len(results), unbox, converting)
    S.decref(a, py, sym, R12)
    a.bind(out)
    S.leave_host(a, [value.reg for value in results])
    a.ret()
    a.bind(converting)
    a.movi(RDI, convert)
    S.convert_result(a, py, sym)
    a.jmp(again)
    for wide, many, done in cold:
        S._unbox_many(a, py, wide, many, done, converting)
    S.drop_boxed(a, py, sym, av, broken)
    a.bind(failed)
    a.mov(R9, RBP)
    _walk(a, ranges, at.area, foreign)
    a.mov(RBP, R9)
    a.load(RAX, RBP, _ON_RAISE)
    a.jmp_r(RAX)
    a.bind(foreign)
    a.movi(RDI, callable_)
    a.call_abs(at.unraisable)
    for index in range(len(results)):
        a.store_i(RSP, 8 * index, 0)
    a.jmp(out)
    return a.finish()


def _unbox_result(
    a: StubAssembler,
    py: S.PyLayout,
    sym: S.Symbols,
    value: Value,
    reg: int,
    cell: int,
    convert: int,
    cold: list[tuple[bool, int, int]],
) -> None:
    """Unbox the object in `reg` to [rsp + cell]; not of the exact type: go to `convert`."""
    is_float = value.kind in "fd"
    S.expect_type(a, reg, sym.float_type if is_float else sym.int_type, convert)
    if is_float:
        S.float_cell(a, py, reg, cell, value.kind == "f")
        return
    a.mov(RAX, reg)
    _unbox_int(a, py, value, convert, cold)
    a.store(RSP, cell, RDI)


# ---- small pieces of code ----

JUMP_SIZE: Final = 8
TRAP_CODE: Final = bytes.fromhex("55 48 89 e5 0f 0b")  # push rbp; mov rbp, rsp; ud2
"""A function that traps, and where in it."""
TRAP_AT: Final = 4


def jump_through(distance: int) -> bytes:
    """JUMP_SIZE bytes that jump to the address in the word `distance` bytes behind their start."""
    field = distance - 6 & 0xFFFFFFFF
    return b"\xff\x25" + field.to_bytes(4, "little") + b"\xcc\xcc"  # jmp [rip + disp32]


# ---- exceptions ----

THROW_ROWS: Final = ((1, "cfa", RSP, 16), (1, "saved", RBP, -16), (4, "cfa", RBP, 16))
"""Unwind rows of `throw_stub`."""
HANDLER_CELLS: Final = 24
"""Bytes that `throw_stub` gives away for an instruction, stack and frame pointer."""


def throw_stub() -> tuple[bytes, int]:
    """`(entry fp, exit fp, exit pc, tag, payload, payload)`, never returns; and the offset of the
    field of its call.

    Calls a host function with the first four and the address of HANDLER_CELLS, and goes on at what
    it left there, with the payload where handlers want it (docs/abi.md, "Exceptions").
    """
    a = StubAssembler()
    a.push(RBP)
    a.mov(RBP, RSP)
    a.subi(RSP, 48)
    a.store(RBP, -8, R8)
    a.store(RBP, -16, R9)
    a.lea(R8, RSP, 0)
    call = len(a.out) + 1
    a.raw(b"\xe8\0\0\0\0")
    a.load(RAX, RBP, -8)
    a.load(RDX, RBP, -16)
    a.load(R10, RSP, 0)
    a.load(RBP, RSP, 16)
    a.load(RSP, RSP, 8)
    a.jmp_r(R10)
    return a.finish(), call
