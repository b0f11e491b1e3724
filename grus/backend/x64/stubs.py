"""Stubs that cannot be written in CLIF: they switch conventions, stacks or signal contexts.

Each function here assembles one stub and gives its bytes. What they do and why is `docs/abi.md`;
offsets are from `base/layout.py`; layouts of CPython objects are in `PyLayout`, checked at
start-up by `host/capi.py`. Addresses of C functions are absolute: stubs belong to one process.

Register names: `rbx` self, `r12` arguments, `r13` nargsf, `r14` kwnames, `r15` store context;
`r11` carries the status of an activation (0 returned, 1 exception set, 2 trap).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


STORE = layout.STORE
FUNCREF = layout.FUNCREF
HOST_FUNC = layout.HOST_FUNC
FUNC_NATIVE = layout.FUNC_NATIVE
BUFFER_NATIVE = layout.BUFFER_NATIVE
MEMORY = layout.MEMORY
HEADER = layout.EXTERN_HEADER

INT_ARGS: Final = (RSI, RDX, RCX, R8, R9)  # after rdi, the instance
INT_RESULTS: Final = (RAX, RCX, RDX, RSI, RDI, R8, R9, R10)
C_ARGS: Final = (RDI, RSI, RDX, RCX, R8, R9)

RETURNED: Final = 0
RAISED: Final = 1
TRAPPED: Final = 2

TRAP_EXPLICIT: Final = 1
TRAP_FAULT: Final = 2
TRAP_STACK: Final = 3

# The record of an activation, below rbp of the entry thunk: rbx r12 r13 r14 r15, then
# [rbp-48] free, [rbp-56] address to go to when unwound, [rbp-64] previous `act`.
_SAVED: Final = 40
_RECORD: Final = 64
_OFFSET_FLAG: Final = 1 << 63  # PY_VECTORCALL_ARGUMENTS_OFFSET


class PyLayout:
    """What stubs know of CPython's objects, for one version."""

    __slots__ = ("digit", "float_value", "immortal", "int_tag", "tagged", "tuple_items")

    def __init__(self, tagged: bool, immortal: bool) -> None:
        self.tagged = tagged  # 3.12+: lv_tag = digits << 3 | sign; else a signed ob_size
        self.immortal = immortal  # 3.12+: negative low half of the count means immortal
        self.int_tag = 16
        self.digit = 24
        self.float_value = 16
        self.tuple_items = 24


class Symbols:
    """Addresses that stubs call or compare with."""

    def __init__(self) -> None:
        self.buffer_fill_info = 0
        self.call_no_args = 0
        self.call_one_arg = 0
        self.clock_nanosleep = 0
        self.dealloc = 0
        self.err_set_string = 0
        self.float_from_double = 0
        self.float_type = 0
        self.int_type = 0
        self.long_from_long = 0
        self.none = 0
        self.raise_signal = 0
        self.recursion_error = 0
        self.restore_thread = 0
        self.save_thread = 0
        self.sigaction = 0
        self.syscall = 0
        self.tuple_new = 0
        self.tuple_type = 0
        self.type_error = 0
        self.vectorcall = 0


class StubSet:
    """Addresses of the stubs that others jump to."""

    __slots__ = ("landing", "parked", "slow_call", "unwind")

    def __init__(self) -> None:
        self.landing = 0
        self.unwind = 0
        self.slow_call = 0
        self.parked = 0  # ticker's word that says it sleeps


# ---- reference counts ----


def incref(a: StubAssembler, py: PyLayout, reg: int) -> None:
    """Count up the object in `reg`; immortal objects are left alone."""
    if py.immortal:
        done = a.label()
        a.cmp_mi32(reg, 0, 0)
        a.jcc("l", done)
        a.add_mi(reg, 0, 1)
        a.bind(done)
    else:
        a.add_mi(reg, 0, 1)


def decref(a: StubAssembler, py: PyLayout, sym: Symbols, reg: int) -> None:
    """Count down the object in `reg`; at zero it is freed by a call, which may run Python and
    which clobbers every caller-saved register."""
    done = a.label()
    if py.immortal:
        a.cmp_mi32(reg, 0, 0)
        a.jcc("l", done)
    a.add_mi(reg, 0, -1)
    a.jcc("ne", done)
    if reg != RDI:
        a.mov(RDI, reg)
    a.call_abs(sym.dealloc)
    a.bind(done)


# ---- unwinding ----


def landing(kind_trap: bool) -> bytes:
    """Code that ends an activation: by a trap (r15, rbp as at the trap; `trap_*` are stored), or
    because a Python exception is set. Records the frames, then goes to the record's address."""
    a = StubAssembler()
    a.movi(R11, TRAPPED if kind_trap else RAISED)
    a.mov(RAX, RBP)
    a.movi(RCX, 0)
    a.load(R8, R15, STORE["act"])
    loop, done = a.label(), a.label()
    a.bind(loop)
    a.cmp(RAX, R8)
    a.jcc("ae", done)
    a.load(RDX, RAX, 8)
    a.store_indexed(R15, RCX, STORE["trace"], RDX)
    a.addi(RCX, 1)
    a.cmpi(RCX, layout.TRACE_LENGTH)
    a.jcc("e", done)
    a.load(RAX, RAX, 0)
    a.jmp(loop)
    a.bind(done)
    a.store(R15, STORE["trace_count"], RCX)
    a.mov(RSP, R8)
    a.jmp_m(RSP, 8)
    return a.finish()


def explicit_trap(stubs: StubSet) -> bytes:
    """`VMStore.trap_stub`: the return address names the trap."""
    a = StubAssembler()
    a.pop(RAX)
    a.store(R15, STORE["trap_pc"], RAX)
    a.store_i(R15, STORE["trap_kind"], TRAP_EXPLICIT)
    a.jmp_abs(stubs.landing)
    return a.finish()


# ---- polls ----


def poll(sym: Symbols, py: PyLayout, stubs: StubSet, at_entry: bool) -> bytes:
    """`VMStore.entry_stub` (`at_entry`) and `VMStore.poll_stub`. Keeps every register."""
    a = StubAssembler()
    if at_entry:
        tick = a.label()
        a.push(RAX)
        a.lea(RAX, RSP, 16)
        a.cmp_rm(RAX, R15, STORE["real_limit"])
        a.jcc("ae", tick)
        a.pop(RAX)
        a.pop(RAX)
        a.store(R15, STORE["trap_pc"], RAX)
        a.store_i(R15, STORE["trap_kind"], TRAP_STACK)
        a.jmp_abs(stubs.landing)
        a.bind(tick)
        a.pop(RAX)
    a.push(RBP)
    a.mov(RBP, RSP)
    saved = (RAX, RCX, RDX, RBX, RSI, RDI, R8, R9, R10, R11)
    for reg in saved:
        a.push(reg)
    area = 16 * 16 + 16
    a.subi(RSP, area)
    a.andi(RSP, -16)
    for index in range(16):
        a.store_x128(RSP, 16 * index, XMM0 + index)
    retake, call, wake, awake, out, failed = (a.label() for _ in range(6))
    a.load(RAX, R15, STORE["real_limit"])
    a.store(R15, STORE["limit"], RAX)
    a.store_i(R15, STORE["poll"], 0)
    a.movi(RCX, stubs.parked)
    a.cmp_mi32(RCX, 0, 0)
    a.jcc("ne", wake)
    a.bind(awake)
    a.cmp_mi(R15, STORE["skip"], 0)
    a.jcc("e", retake)
    a.add_mi(R15, STORE["skip"], -1)
    a.jmp(out)
    a.bind(retake)
    a.store_i(R15, STORE["scratch"], 0)
    a.load(RDI, R15, STORE["tstate"])
    a.test(RDI, RDI)
    a.jcc("e", call)
    a.store_i(R15, STORE["tstate"], 0)
    _time_stamp(a, RBX)
    a.call_abs(sym.restore_thread)
    a.mov(RCX, RBX)
    _time_stamp(a, RBX)
    a.sub(RBX, RCX)
    a.store(R15, STORE["scratch"], RBX)  # cycles waited for the GIL
    a.bind(call)
    a.load(RAX, R15, STORE["exit_fp"])
    a.store(RSP, 16 * 16, RAX)
    a.store(R15, STORE["exit_fp"], RBP)
    a.load(RBX, R15, STORE["thread"])
    a.store_i(R15, STORE["thread"], 0)
    a.store_i(R15, STORE["busy"], 1)
    a.load(RDI, R15, STORE["tick"])
    a.call_abs(sym.call_no_args)
    a.store(R15, STORE["thread"], RBX)
    a.store_i(R15, STORE["busy"], 0)
    a.load(RCX, RSP, 16 * 16)
    a.store(R15, STORE["exit_fp"], RCX)
    a.test(RAX, RAX)
    a.jcc("e", failed)
    decref(a, py, sym, RAX)
    a.call_abs(sym.save_thread)
    a.store(R15, STORE["tstate"], RAX)
    a.bind(out)
    for index in range(16):
        a.load_x128(XMM0 + index, RSP, 16 * index)
    a.lea(RSP, RBP, -8 * len(saved))
    for reg in reversed(saved):
        a.pop(reg)
    a.pop(RBP)
    a.ret()
    a.bind(wake)
    a.store_i32(RCX, 0, 0)
    a.movi(RDI, _SYS_FUTEX)
    a.mov(RSI, RCX)
    a.movi(RDX, _FUTEX_WAKE_PRIVATE)
    a.movi(RCX, 1)
    a.movi(R8, 0)
    a.movi(R9, 0)
    a.movi(RAX, 0)
    a.call_abs(sym.syscall)
    a.jmp(awake)
    a.bind(failed)
    a.jmp_abs(stubs.unwind)
    return a.finish()


# ---- functions that are not compiled yet ----

LAZY_ENTRY: Final = 16
"""Bytes of an entry of the table that `lazy_entries` makes."""
LAZY_SLOT: Final = 6
"""Offset in an entry of what a code slot holds until its function is compiled."""


def lazy_entries(first: int, count: int) -> bytes:
    """Two pieces of code for each function number from `first` on, the same for all modules.

    The entry itself jumps through the slot of that number: the address of the function that never
    changes. At LAZY_SLOT is what the slot leads to at first: `VMStore.lazy_stub` with the number.
    """
    stub = STORE["lazy_stub"]
    assert stub < 128
    jump = bytes([0x41, 0xFF, 0x67, stub])  # jmp [r15 + stub]
    pack = struct.Struct("<2sibi4sx").pack  # jmp [rdi + disp32]; mov eax, imm32
    return b"".join(
        [pack(b"\xff\xa7", -8 * (n + 1), -0x48, n, jump) for n in range(first, first + count)]
    )


def lazy(sym: Symbols, py: PyLayout, stubs: StubSet) -> bytes:
    """`VMStore.lazy_stub`: have function eax of the instance rdi compiled, then go there. Keeps
    all arguments. As in a poll, the Store is busy, so that no stack map is needed."""
    a = StubAssembler()
    saved = (RDI, *INT_ARGS)
    vectors = 8
    number_at, thread_at, exit_at = 16 * vectors, 16 * vectors + 8, 16 * vectors + 16
    area = 16 * vectors + 32  # with the saved registers a multiple of 16
    retake, retaken, failed = a.label(), a.label(), a.label()
    a.push(RBP)
    a.mov(RBP, RSP)
    for reg in saved:
        a.push(reg)
    a.subi(RSP, area)
    for index in range(vectors):
        a.store_x128(RSP, 16 * index, XMM0 + index)
    a.store(RSP, number_at, RAX)
    a.store(R15, STORE["scratch"], RDI)
    a.store(R15, STORE["scratch"] + 8, RAX)
    a.load(RAX, R15, STORE["exit_fp"])
    a.store(RSP, exit_at, RAX)
    a.store(R15, STORE["exit_fp"], RBP)
    a.load(RDI, R15, STORE["tstate"])
    a.test(RDI, RDI)
    a.jcc("ne", retake)
    a.bind(retaken)
    a.load(RAX, R15, STORE["thread"])
    a.store(RSP, thread_at, RAX)
    a.store_i(R15, STORE["thread"], 0)
    a.store_i(R15, STORE["busy"], 1)
    a.load(RDI, R15, STORE["lazy"])
    a.call_abs(sym.call_no_args)
    a.load(RCX, RSP, thread_at)
    a.store(R15, STORE["thread"], RCX)
    a.store_i(R15, STORE["busy"], 0)
    a.load(RCX, RSP, exit_at)
    a.store(R15, STORE["exit_fp"], RCX)
    a.test(RAX, RAX)
    a.jcc("e", failed)
    decref(a, py, sym, RAX)
    a.load(RAX, RSP, number_at)
    for index in range(vectors):
        a.load_x128(XMM0 + index, RSP, 16 * index)
    a.lea(RSP, RBP, -8 * len(saved))
    for reg in reversed(saved):
        a.pop(reg)
    a.pop(RBP)
    a.neg(RAX)
    a.load_indexed(RAX, RDI, RAX, -8)
    a.jmp_r(RAX)
    a.bind(retake)
    a.store_i(R15, STORE["tstate"], 0)
    a.call_abs(sym.restore_thread)
    a.jmp(retaken)
    a.bind(failed)
    a.jmp_abs(stubs.unwind)
    return a.finish()


_SYS_RT_SIGPROCMASK: Final = 14
_SIG_SETMASK: Final = 2
_SYS_FUTEX: Final = 202
_FUTEX_WAIT_PRIVATE: Final = 128
_FUTEX_WAKE_PRIVATE: Final = 129


def _time_stamp(a: StubAssembler, reg: int) -> None:
    """Cycle counter to `reg`; clobbers rax and rdx."""
    a.raw(b"\x0f\x31")  # rdtsc
    a.shli(RDX, 32)
    a.mov32(RAX, RAX)
    a.or_(RAX, RDX)
    a.mov(reg, RAX)


# ---- entry from Python ----


def slow_call(sym: Symbols) -> bytes:
    """Call the Python function in rax with the object in rbx put before the arguments r12, r13,
    r14 of a vectorcall; its result in rax. Called with rsp 8 off a 16-byte boundary, as any."""
    a = StubAssembler()
    a.push(RBP)
    a.mov(RBP, RSP)
    copy, call, toomany = a.label(), a.label(), a.label()
    a.mov(RDI, RAX)
    a.mov(RDX, R13)
    a.add(RDX, RDX)
    a.jcc("nc", copy)
    a.shri(RDX, 1)  # nargs without the flag
    a.load(RAX, R12, -8)
    a.push(RAX)
    a.push(RAX)
    a.store(R12, -8, RBX)
    a.lea(RSI, R12, -8)
    a.addi(RDX, 1)
    a.mov(RCX, R14)
    a.call_abs(sym.vectorcall)
    a.pop(RCX)
    a.store(R12, -8, RCX)
    a.mov(RSP, RBP)
    a.pop(RBP)
    a.ret()
    a.bind(copy)
    a.shri(RDX, 1)
    a.mov(RCX, RDX)
    no_names = a.label()
    a.test(R14, R14)
    a.jcc("e", no_names)
    a.add_rm(RCX, R14, 16)
    a.bind(no_names)
    a.cmpi(RCX, 60)
    a.jcc("a", toomany)
    a.subi(RSP, 512)
    a.store(RSP, 0, RBX)
    loop = a.label()
    a.bind(loop)
    a.subi(RCX, 1)
    a.jcc("c", call)
    a.load_indexed(RAX, R12, RCX, 0)
    a.store_indexed(RSP, RCX, 8, RAX)
    a.jmp(loop)
    a.bind(call)
    a.mov(RSI, RSP)
    a.addi(RDX, 1)
    a.mov(RCX, R14)
    a.call_abs(sym.vectorcall)
    a.mov(RSP, RBP)
    a.pop(RBP)
    a.ret()
    a.bind(toomany)
    message = a.label()
    a.movi(RDI, sym.type_error)
    a.load(RDI, RDI, 0)
    a.lea_label(RSI, message)
    a.call_abs(sym.err_set_string)
    a.movi(RAX, 0)
    a.mov(RSP, RBP)
    a.pop(RBP)
    a.ret()
    a.bind(message)
    a.raw(b"too many arguments\0")
    return a.finish()


class _Places:
    """Where the tail convention puts values of these types: registers, then stack offsets."""

    __slots__ = ("regs", "stack", "stack_size")

    def __init__(self, types: str) -> None:
        self.regs: list[int] = []  # -1: on the stack
        self.stack: list[int] = []
        ints = floats = 0
        offset = 0
        for ty in types:
            reg = -1
            if ty in "fdv":
                if floats < 8:
                    reg = XMM0 + floats
                floats += 1
            else:
                if ints < len(INT_ARGS):
                    reg = INT_ARGS[ints]
                ints += 1
            self.regs.append(reg)
            if reg < 0:
                if ty == "v":
                    offset = (offset + 15) & -16
                self.stack.append(offset)
                offset += 16 if ty == "v" else 8
            else:
                self.stack.append(-1)
        self.stack_size = (offset + 15) & -16


def result_regs(types: str) -> list[int]:
    """Registers of results in the tail convention; -1 when they do not all fit."""
    ints = floats = 0
    regs: list[int] = []
    for ty in types:
        if ty in "fdv":
            regs.append(XMM0 + floats if floats < 8 else -1)
            floats += 1
        else:
            regs.append(INT_RESULTS[ints] if ints < len(INT_RESULTS) else -1)
            ints += 1
    return regs


def _result_stack(types: str) -> tuple[list[int], int]:
    """Offsets of results that have no register (-1: has one) above the stack arguments, and how
    many bytes they take."""
    offsets: list[int] = []
    offset = 0
    for ty, reg in zip(types, result_regs(types), strict=True):
        if reg >= 0:
            offsets.append(-1)
            continue
        if ty == "v":
            offset = (offset + 15) & -16
        offsets.append(offset)
        offset += 16 if ty == "v" else 8
    return offsets, (offset + 15) & -16


def thunk_supports(params: str, results: str) -> bool:
    """True when `entry_thunk` and `host_thunk` can be made for a signature.

    Types are letters: i i32, l i64, f f32, d f64, e externref (as a result only alone: what is
    not yet counted must not wait for an allocation). The rest goes by `array_entry`.
    """
    return (
        set(params) <= set("ilfde")
        and (set(results) <= set("ilfd") or results == "e")
        and -1 not in result_regs(results)
    )


def _enter(a: StubAssembler, bad_state: int, unwound: int) -> None:
    """Checks, stack limit and record of an activation; r15 is the store context."""
    nested, keep = a.label(), a.label()
    a.load_fs0(RAX)
    a.cmp_rm(RAX, R15, STORE["thread"])
    a.jcc("ne", bad_state)
    a.cmp_mi(R15, STORE["depth"], 0)
    a.jcc("ne", nested)
    a.mov(RAX, RSP)
    a.sub_rm(RAX, R15, STORE["max_stack"])
    a.cmp_rm(RAX, R15, STORE["floor"])
    above = a.label()
    a.jcc("ae", above)
    a.load(RAX, R15, STORE["floor"])
    a.bind(above)
    a.store(R15, STORE["real_limit"], RAX)
    a.cmp_mi(R15, STORE["limit"], -1)
    a.jcc("e", keep)
    a.store(R15, STORE["limit"], RAX)
    a.bind(keep)
    a.bind(nested)
    # A callee may lower rsp by its frame before it checks: `floor` leaves room for the largest.
    a.cmp_rm(RSP, R15, STORE["real_limit"])
    a.jcc("b", bad_state)
    a.load(RAX, R15, STORE["act"])
    a.store(RBP, -_RECORD, RAX)
    a.lea_label(RAX, unwound)
    a.store(RBP, -_RECORD + 8, RAX)
    a.lea(RAX, RBP, -_RECORD)
    a.store(R15, STORE["act"], RAX)
    a.add_mi(R15, STORE["depth"], 1)


def _leave(a: StubAssembler, unwound: int, retake: int, retaken: int) -> None:
    """End of an activation, however it ended: r11 is its status, rsp is at the record."""
    left = a.label()
    a.movi(R11, RETURNED)
    a.jmp(left)
    a.bind(unwound)
    a.lea(RBP, RSP, _RECORD)
    a.bind(left)
    # The GIL first: while another thread has it, the Store counts as in use.
    a.cmp_mi(R15, STORE["tstate"], 0)
    a.jcc("ne", retake)
    a.bind(retaken)
    a.load(R14, RBP, -_RECORD)
    a.store(R15, STORE["act"], R14)
    a.add_mi(R15, STORE["depth"], -1)


def _retake(a: StubAssembler, sym: Symbols, results: list[int], retake: int, retaken: int) -> None:
    """Take the GIL back, keeping the result registers (all 128 bits of vectors) and the status."""
    a.bind(retake)
    size = 16 * len(results) + 16
    a.subi(RSP, size)
    a.store(RSP, 0, R11)
    for index, reg in enumerate(results):
        if reg >= XMM0:
            a.store_x128(RSP, 16 + 16 * index, reg)
        else:
            a.store(RSP, 16 + 16 * index, reg)
    a.load(RDI, R15, STORE["tstate"])
    a.store_i(R15, STORE["tstate"], 0)
    a.call_abs(sym.restore_thread)
    a.load(R11, RSP, 0)
    for index, reg in enumerate(results):
        if reg >= XMM0:
            a.load_x128(reg, RSP, 16 + 16 * index)
        else:
            a.load(reg, RSP, 16 + 16 * index)
    a.addi(RSP, size)
    a.jmp(retaken)


def _prologue(a: StubAssembler) -> None:
    a.push(RBP)
    a.mov(RBP, RSP)
    for reg in (RBX, R12, R13, R14, R15):
        a.push(reg)
    a.subi(RSP, _RECORD - _SAVED)


def _epilogue(a: StubAssembler) -> None:
    a.lea(RSP, RBP, -_SAVED)
    for reg in (R15, R14, R13, R12, RBX, RBP):
        a.pop(reg)
    a.ret()


def _unbox_int(a: StubAssembler, py: PyLayout, wide: bool, many: int) -> None:
    """rax: an exact int; rdi = its value when it has at most one digit, else go to `many`
    with r11 the size word. Clobbers r11."""
    a.load(R11, RAX, py.int_tag)
    if py.tagged:
        a.cmpi(R11, 16)
        a.jcc("ae", many)
        a.load32(RDI, RAX, py.digit)
        # sign bits: 0 positive, 1 zero, 2 negative; the value is (1 - sign) * digit
        positive = a.label()
        a.andi(R11, 3)
        a.jcc("e", positive)
        a.neg(RDI)
        a.bind(positive)
    else:
        a.lea(RDI, R11, 1)
        a.cmpi(RDI, 2)
        a.jcc("a", many)
        a.load32(RDI, RAX, py.digit)
        a.imul(RDI, R11)


def _unbox_many(
    a: StubAssembler, py: PyLayout, wide: bool, many: int, done: int, slow: int
) -> None:
    """The cold part of `_unbox_int`: two or three digits of 30 bits. Leaves to `slow` what is out
    of the range -2**(n-1) .. 2**n - 1. Needs r10 kept; clobbers rax and r11; rdi is the value."""
    a.bind(many)
    two, negative = a.label(), a.label()
    magnitude = a.label()
    a.push(RCX)
    a.push(RDX)
    # rcx: digits; rdx: 1 when negative
    if py.tagged:
        a.mov(RCX, R11)
        a.shri(RCX, 3)
        a.mov(RDX, R11)
        a.andi(RDX, 2)
    else:
        plus = a.label()
        a.mov(RCX, R11)
        a.movi(RDX, 0)
        a.test(RCX, RCX)
        a.jcc("ns", plus)
        a.neg(RCX)
        a.movi(RDX, 2)
        a.bind(plus)
    out = a.label()
    a.load32(RDI, RAX, py.digit)
    a.load32(R11, RAX, py.digit + 4)
    a.shli(R11, 30)
    a.or_(RDI, R11)
    a.cmpi(RCX, 2)
    a.jcc("e", two)
    if not wide:
        a.jmp(out)
    else:
        a.cmpi(RCX, 3)
        a.jcc("ne", out)
        a.load32(R11, RAX, py.digit + 8)
        a.cmpi(R11, 16)
        a.jcc("ae", out)
        a.shli(R11, 60)
        a.or_(RDI, R11)
    a.bind(two)
    a.bind(magnitude)
    a.test(RDX, RDX)
    a.jcc("ne", negative)
    if not wide:
        a.mov(R11, RDI)
        a.shri(R11, 32)
        a.jcc("ne", out)
    a.pop(RDX)
    a.pop(RCX)
    a.jmp(done)
    a.bind(negative)
    if wide:
        a.movi(R11, 1 << 63)
    else:
        a.movi(R11, 1 << 31)
    a.cmp(RDI, R11)
    a.jcc("a", out)
    a.neg(RDI)
    a.pop(RDX)
    a.pop(RCX)
    a.jmp(done)
    a.bind(out)
    a.pop(RDX)
    a.pop(RCX)
    a.jmp(slow)


def entry_thunk(
    params: str,
    results: str,
    native: int,
    py: PyLayout,
    sym: Symbols,
    stubs: StubSet,
    slow: int,
    bad_state: int,
) -> bytes:
    """The vectorcall function of Funcs with this signature.

    `native` is the offset of `FuncObject` in a Func; `slow` and `bad_state` are Python functions
    (addresses of immortal objects) called with the Func and the arguments: `slow` converts
    arguments, `bad_state` makes the Store ready or raises.
    """
    a = StubAssembler()
    places = _Places(params)
    outs = result_regs(results)
    slow_label, state_label, unwound = a.label(), a.label(), a.label()
    retake, retaken, failed, epilogue = a.label(), a.label(), a.label(), a.label()
    begin_call(a, places.stack_size, len(params), slow_label)
    cold: list[tuple[bool, int, int]] = []
    last = ""
    externs = params.count("e")
    if externs:
        a.load(R15, RBX, native + FUNC_NATIVE["store"])
        a.load(RAX, R15, STORE["next"])
        a.addi(RAX, 8 * externs)
        a.cmp_rm(RAX, R15, STORE["end"])
        a.jcc("a", slow_label)
    for index, ty in enumerate(params):
        reg = places.regs[index]
        if ty == "e":
            a.load(RAX, R12, 8 * index)
            _header_of(a, sym, slow_label)
            if reg >= 0:
                a.mov(reg, RDI)
            else:
                a.store(RSP, places.stack[index], RDI)
            continue
        kind = "int" if ty in "il" else "float"
        if kind != last:
            a.movi(R10, sym.int_type if kind == "int" else sym.float_type)
            last = kind
        a.load(RAX, R12, 8 * index)
        a.cmp_mr(RAX, 8, R10)
        a.jcc("ne", slow_label)
        if kind == "int":
            many, done = a.label(), a.label()
            _unbox_int(a, py, ty == "l", many)
            a.bind(done)
            cold.append((ty == "l", many, done))
            if reg >= 0:
                a.mov(reg, RDI)
            else:
                a.store(RSP, places.stack[index], RDI)
        else:
            to = reg if reg >= 0 else XMM0 + 15
            a.load_f64(to, RAX, py.float_value)
            if ty == "f":
                a.f64_to_f32(to, to)
            if reg < 0:
                a.store_f64(RSP, places.stack[index], to)
    a.load(R15, RBX, native + FUNC_NATIVE["store"])
    _enter(a, state_label, unwound)
    for index, ty in enumerate(params):
        if ty == "e":
            reg = places.regs[index]
            if reg < 0:
                reg = RAX
                a.load(RAX, RSP, places.stack[index])
            _lend(a, reg)
    a.load(R10, RBX, native + FUNC_NATIVE["funcref"])
    a.load(RDI, R10, FUNCREF["instance"])
    a.call_m(R10, FUNCREF["code"])
    _leave(a, unwound, retake, retaken)
    a.test(R11, R11)
    a.jcc("ne", failed)

    def box(index: int, reg: int) -> None:
        _box(a, py, sym, results[index], reg)

    box_results(a, py, sym, outs, box, epilogue)
    a.bind(epilogue)
    _epilogue(a)
    _retake(a, sym, outs, retake, retaken)
    a.bind(failed)
    raised = a.label()
    a.cmpi(R11, RAISED)
    a.jcc("e", raised)
    a.load(RDI, R15, STORE["on_trap"])
    a.call_abs(sym.call_no_args)
    a.bind(raised)
    a.movi(RAX, 0)
    a.jmp(epilogue)
    call_slow = a.label()
    a.bind(state_label)
    a.movi(RAX, bad_state)
    a.jmp(call_slow)
    a.bind(slow_label)
    a.movi(RAX, slow)
    a.bind(call_slow)
    a.lea(RSP, RBP, -_RECORD)
    a.movi(R11, stubs.slow_call)
    a.call_r(R11)
    a.jmp(epilogue)
    for wide, many, done in cold:
        _unbox_many(a, py, wide, many, done, slow_label)
    return a.finish()


def _header_of(a: StubAssembler, sym: Symbols, unknown: int) -> None:
    """rdi = the header of the object in rax, 0 for None; goes to `unknown` when the cache does not
    have it. Clobbers r11."""
    done = a.label()
    a.movi(RDI, 0)
    a.movi(R11, sym.none)
    a.cmp(RAX, R11)
    a.jcc("e", done)
    a.mov(R11, RAX)
    a.shri(R11, 4)
    a.andi(R11, layout.INTERN_CACHE - 1)
    a.shli(R11, 4)
    a.add_rm(R11, R15, STORE["interned"])
    a.cmp_rm(RAX, R11, 0)
    a.jcc("ne", unknown)
    a.load(RDI, R11, 8)
    a.bind(done)


def _lend(a: StubAssembler, reg: int) -> None:
    """Enter the reference in `reg`, if not null and not there already, into the activations
    table, which has room. Clobbers r11."""
    null = a.label()
    a.test(reg, reg)
    a.jcc("e", null)
    a.load32(R11, reg, HEADER["flags"])
    a.andi(R11, layout.REF_LISTED)
    a.jcc("ne", null)
    a.add_mi(reg, HEADER["flags"], layout.REF_LISTED)  # the bit is clear: no carry
    a.add_mi(reg, HEADER["count"], 1)
    a.load(R11, R15, STORE["next"])
    a.store(R11, 0, reg)
    a.addi(R11, 8)
    a.store(R15, STORE["next"], R11)
    a.bind(null)


def _box(a: StubAssembler, py: PyLayout, sym: Symbols, ty: str, reg: int) -> None:
    """rax = a new reference to the Python object of the value in `reg`, or 0."""
    if ty == "e":
        null, done = a.label(), a.label()
        a.test(reg, reg)
        a.jcc("e", null)
        a.load(RAX, reg, HEADER["object"])
        a.jmp(done)
        a.bind(null)
        a.movi(RAX, sym.none)
        a.bind(done)
        incref(a, py, RAX)
    elif ty == "i":
        a.movsxd(RDI, reg)
        a.call_abs(sym.long_from_long)
    elif ty == "l":
        if reg != RDI:
            a.mov(RDI, reg)
        a.call_abs(sym.long_from_long)
    else:
        if ty == "f":
            a.f32_to_f64(XMM0, reg)
        elif reg != XMM0:
            a.mov_x(XMM0, reg)
        a.call_abs(sym.float_from_double)


Boxing = Callable[[int, int], None]
"""Emits rax = a new object of the value number `index` in `reg`, or 0: (index, reg)."""


def box_results(
    a: StubAssembler, py: PyLayout, sym: Symbols, outs: list[int], box: Boxing, epilogue: int
) -> None:
    """rax = None, one object or a tuple of what is in the registers `outs`; 0 when memory ran
    out."""
    if not outs:
        a.movi(RAX, sym.none)
        incref(a, py, RAX)
        return
    if len(outs) == 1:
        box(0, outs[0])
        return
    a.subi(RSP, (8 * len(outs) + 15) & -16)
    _spill(a, outs)
    broken = a.label()
    a.movi(RDI, len(outs))
    a.call_abs(sym.tuple_new)
    a.mov(R12, RAX)
    a.test(RAX, RAX)
    a.jcc("e", epilogue)
    for index, reg in enumerate(outs):
        _box_cell(a, index, reg >= XMM0, box)
        a.test(RAX, RAX)
        a.jcc("e", broken)
        a.store(R12, py.tuple_items + 8 * index, RAX)
    a.mov(RAX, R12)
    a.jmp(epilogue)
    a.bind(broken)
    a.mov(RDI, R12)
    decref(a, py, sym, RDI)
    a.movi(RAX, 0)


def _spill(a: StubAssembler, regs: list[int]) -> None:
    """[rsp + 8 * index] = each register."""
    for index, reg in enumerate(regs):
        if reg >= XMM0:
            a.store_f64(RSP, 8 * index, reg)
        else:
            a.store(RSP, 8 * index, reg)


def _box_cell(a: StubAssembler, index: int, is_float: bool, box: Boxing) -> None:
    """rax = a new object of [rsp + 8 * index]."""
    if is_float:
        a.load_f64(XMM0, RSP, 8 * index)
        box(index, XMM0)
    else:
        a.load(RAX, RSP, 8 * index)
        box(index, RAX)


def begin_call(a: StubAssembler, stack: int, count: int, slow: int) -> None:
    """The beginning of a vectorcall function: rbx callable, r12 arguments, r13 their number, r14
    names; `stack` bytes for arguments of the call. Not `count` arguments by place: go to `slow`."""
    _prologue(a)
    if stack:
        a.subi(RSP, stack)
    a.mov(RBX, RDI)
    a.mov(R12, RSI)
    a.mov(R13, RDX)
    a.mov(R14, RCX)
    a.test(RCX, RCX)
    a.jcc("ne", slow)
    a.add(RDX, RDX)  # drops the flag in bit 63
    a.cmpi(RDX, 2 * count)
    a.jcc("ne", slow)


def slow_thunk(stubs: StubSet, slow: int) -> bytes:
    """The vectorcall function of Funcs whose every call goes to the Python function `slow`."""
    a = StubAssembler()
    _prologue(a)
    a.mov(RBX, RDI)
    a.mov(R12, RSI)
    a.mov(R13, RDX)
    a.mov(R14, RCX)
    a.movi(RAX, slow)
    a.movi(R11, stubs.slow_call)
    a.call_r(R11)
    _epilogue(a)
    return a.finish()


NOT_ENTERED: Final = 3


def array_entry(params: str, results: str, sym: Symbols) -> bytes:
    """C function `status(store, funcref, buffer)` for any signature: arguments and results are
    16-byte cells of `buffer`. Called with the GIL held; status is RETURNED, RAISED, TRAPPED or
    NOT_ENTERED (another thread, closed, busy, no stack left).

    Letters as in `thunk_supports`, and `v` for v128, `r` for a reference.
    """
    a = StubAssembler()
    places = _Places(params)
    outs = result_regs(results)
    out_stack, out_size = _result_stack(results)
    state_label, unwound, retake, retaken = a.label(), a.label(), a.label(), a.label()
    out = a.label()
    _prologue(a)
    if places.stack_size + out_size:
        a.subi(RSP, places.stack_size + out_size)
    a.mov(R15, RDI)
    a.mov(RBX, RSI)
    a.mov(R12, RDX)
    for index, ty in enumerate(params):
        reg = places.regs[index]
        if reg < 0:
            a.load(RAX, R12, 16 * index)
            a.store(RSP, places.stack[index], RAX)
            if ty == "v":
                a.load(RAX, R12, 16 * index + 8)
                a.store(RSP, places.stack[index] + 8, RAX)
        elif reg >= XMM0:
            a.load_x128(reg, R12, 16 * index)
        else:
            a.load(reg, R12, 16 * index)
    _enter(a, state_label, unwound)
    a.load(RDI, RBX, FUNCREF["instance"])
    a.call_m(RBX, FUNCREF["code"])
    _leave(a, unwound, retake, retaken)
    a.test(R11, R11)
    a.jcc("ne", out)
    for index, reg in enumerate(outs):
        if reg >= XMM0:
            a.store_x128(R12, 16 * index, reg)
        elif reg >= 0:
            a.store(R12, 16 * index, reg)
    for index, at in enumerate(out_stack):
        if at >= 0:  # the callee has popped the arguments: rsp is at the results
            a.load(RAX, RSP, at)
            a.store(R12, 16 * index, RAX)
            if results[index] == "v":
                a.load(RAX, RSP, at + 8)
                a.store(R12, 16 * index + 8, RAX)
    a.bind(out)
    a.mov(RAX, R11)
    _epilogue(a)
    _retake(a, sym, [reg for reg in outs if reg >= 0], retake, retaken)
    a.bind(state_label)
    a.movi(R11, NOT_ENTERED)
    a.jmp(out)
    return a.finish()


# ---- calls out to Python ----

HOST_EXIT_FP: Final = -40
"""Where the frame of a host thunk keeps the `exit_fp` of the activation before, from its rbp."""


def host_thunk(params: str, results: str, py: PyLayout, sym: Symbols, stubs: StubSet) -> bytes:
    """The `code` of host functions with this signature: box, call, unbox. A vector (letter v) is
    two integers for Python."""
    a = StubAssembler()
    places = _Places(params)
    outs = result_regs(results)
    out_stack, _ = _result_stack(results)
    params_in = _words(params, places.regs, places.stack)
    results_out = _words(results, outs, out_stack)
    params, results = params.replace("v", "ll"), results.replace("v", "ll")
    n = len(params)
    # Frame below the four kept registers: [rsp] values, then av[0..n]; at its top act, exit_fp,
    # where the collector finds them (HOST_EXIT_FP).
    av = 8 * max(n, len(results))
    size = (av + 8 * (n + 1) + 16 + 15) & -16
    act_at = size - 16
    exit_at = size - 8
    unwind, retake, retaken = a.label(), a.label(), a.label()
    recursion, convert = a.label(), a.label()
    host_frame(a, size)
    a.mov(RBX, RDI)
    spill_params(a, params_in)
    a.load(RAX, R15, STORE["act"])
    a.store(RSP, act_at, RAX)
    a.load(RAX, R15, STORE["exit_fp"])
    a.store(RSP, exit_at, RAX)
    a.store(R15, STORE["exit_fp"], RBP)
    a.cmp_mi(R15, STORE["tstate"], 0)
    a.jcc("ne", retake)
    a.bind(retaken)
    a.cmp_rm(RSP, R15, STORE["host_floor"])
    a.jcc("b", recursion)
    broken = [a.label() for _ in params]

    def box(index: int, reg: int) -> None:
        _box(a, py, sym, params[index], reg)

    box_params(a, [ty in "fd" for ty in params], av, box, broken)
    a.load(RDI, RBX, HOST_FUNC["callable"])
    call_boxed(a, py, sym, n, av)
    restored = a.label()
    a.bind(restored)
    a.test(R12, R12)
    a.jcc("e", unwind)
    many_cold: list[tuple[bool, int, int]] = []

    def unbox(index: int, reg: int) -> None:
        _unbox_result(a, py, sym, results[index], reg, 8 * index, convert, many_cold)

    unbox_results(a, py, sym, len(results), unbox, convert)
    decref(a, py, sym, R12)
    # Python may have run since `act` was saved: put ours back.
    a.load(RAX, RSP, act_at)
    a.store(R15, STORE["act"], RAX)
    a.load(RAX, RSP, exit_at)
    a.store(R15, STORE["exit_fp"], RAX)
    for index, (reg, at) in enumerate(results_out):
        if reg == _ON_STACK:
            a.load(RAX, RSP, 8 * index)
            a.store(RBP, 16 + places.stack_size + at, RAX)
    leave_host(a, [reg for reg, _ in results_out])
    a.ret_pop(places.stack_size)
    # ---- cold ----
    a.bind(retake)
    a.load(RDI, R15, STORE["tstate"])
    a.store_i(R15, STORE["tstate"], 0)
    a.call_abs(sym.restore_thread)
    a.jmp(retaken)
    a.bind(convert)
    a.load(RDI, RBX, HOST_FUNC["convert"])
    convert_result(a, py, sym)
    a.jmp(restored)
    for wide, many, done in many_cold:
        _unbox_many(a, py, wide, many, done, convert)
    message = a.label()
    a.bind(recursion)
    a.movi(RDI, sym.recursion_error)
    a.load(RDI, RDI, 0)
    a.lea_label(RSI, message)
    a.call_abs(sym.err_set_string)
    a.jmp(unwind)
    drop_boxed(a, py, sym, av, broken)
    a.bind(unwind)
    a.load(RAX, RSP, act_at)
    a.store(R15, STORE["act"], RAX)
    a.load(RAX, RSP, exit_at)
    a.store(R15, STORE["exit_fp"], RAX)
    a.jmp_abs(stubs.unwind)
    a.bind(message)
    a.raw(b"maximum recursion depth exceeded: no stack left for a host function\0")
    return a.finish()


_ON_STACK: Final = -1
_UPPER: Final = -2
"""The upper word of the vector whose lower word stands before it in a register."""
_VECTOR: Final = 64
"""Registers of vectors are numbered from here on."""


def _words(types: str, regs: list[int], stack: list[int]) -> list[tuple[int, int]]:
    """For each word of values its register, _ON_STACK or _UPPER, and its offset on the stack."""
    found: list[tuple[int, int]] = []
    for ty, reg, at in zip(types, regs, stack, strict=True):
        if ty != "v":
            found.append((reg, at))
        elif reg < 0:
            found += [(_ON_STACK, at), (_ON_STACK, at + 8)]
        else:
            found += [(_VECTOR + reg, at), (_UPPER, at)]
    return found


def host_frame(a: StubAssembler, size: int) -> None:
    """The beginning of a host thunk: kept registers, and `size` bytes: values, then objects."""
    a.push(RBP)
    a.mov(RBP, RSP)
    for reg in (RBX, R12, R13, R14):
        a.push(reg)
    a.subi(RSP, size)


def leave_host(a: StubAssembler, outs: list[int]) -> None:
    """Values to the registers `outs` (as in `_words`), and the end of the frame; a return
    follows."""
    for index, reg in enumerate(outs):
        if reg >= _VECTOR:
            a.load_x128(reg - _VECTOR, RSP, 8 * index)
        elif reg >= XMM0:
            a.load_f64(reg, RSP, 8 * index)
        elif reg >= 0:
            a.load(reg, RSP, 8 * index)
    a.lea(RSP, RBP, -32)
    for reg in (R14, R13, R12, RBX, RBP):
        a.pop(reg)


def spill_params(a: StubAssembler, places: list[tuple[int, int]]) -> None:
    """[rsp + 8 * index] = each word of the parameters, whose places are as `_words` says."""
    for index, (reg, at) in enumerate(places):
        if reg >= _VECTOR:
            a.store_x128(RSP, 8 * index, reg - _VECTOR)
        elif reg >= XMM0:
            a.store_f64(RSP, 8 * index, reg)
        elif reg >= 0:
            a.store(RSP, 8 * index, reg)
        elif reg == _ON_STACK:
            a.load(RAX, RBP, 16 + at)
            a.store(RSP, 8 * index, RAX)


def box_params(
    a: StubAssembler, floats: list[bool], av: int, box: Boxing, broken: list[int]
) -> None:
    """Objects of the values at [rsp] to [rsp + av + 8]; where one fails, to its label."""
    for index, is_float in enumerate(floats):
        _box_cell(a, index, is_float, box)
        a.test(RAX, RAX)
        a.jcc("e", broken[index])
        a.store(RSP, av + 8 + 8 * index, RAX)


def call_boxed(a: StubAssembler, py: PyLayout, sym: Symbols, n: int, av: int) -> None:
    """r12 = the result of the object in rdi called with the objects of `box_params`."""
    a.lea(RSI, RSP, av + 8)
    a.movi(RDX, n | _OFFSET_FLAG)
    a.movi(RCX, 0)
    a.call_abs(sym.vectorcall)
    a.mov(R12, RAX)
    for index in range(n):
        a.load(RDI, RSP, av + 8 + 8 * index)
        decref(a, py, sym, RDI)


def drop_boxed(a: StubAssembler, py: PyLayout, sym: Symbols, av: int, broken: list[int]) -> None:
    """Binds the labels: boxing that argument failed, drop those before it."""
    for index in range(len(broken) - 1, -1, -1):
        a.bind(broken[index])
        if index:
            a.load(RDI, RSP, av + 8 * index)
            decref(a, py, sym, RDI)


def unbox_results(
    a: StubAssembler, py: PyLayout, sym: Symbols, count: int, unbox: Boxing, convert: int
) -> None:
    """Unbox the result in r12, or the items of that tuple; otherwise go to `convert`."""
    if not count:
        a.movi(RAX, sym.none)
        a.cmp(R12, RAX)
        a.jcc("ne", convert)
    elif count == 1:
        unbox(0, R12)
    else:
        a.movi(RAX, sym.tuple_type)
        a.cmp_mr(R12, 8, RAX)
        a.jcc("ne", convert)
        a.cmp_mi(R12, 16, count)
        a.jcc("ne", convert)
        for index in range(count):
            a.load(R13, R12, py.tuple_items + 8 * index)
            unbox(index, R13)


def convert_result(a: StubAssembler, py: PyLayout, sym: Symbols) -> None:
    """r12 = the result of the function in rdi called with the object in r12."""
    a.mov(RSI, R12)
    a.call_abs(sym.call_one_arg)
    a.mov(R13, RAX)
    a.mov(RDI, R12)
    decref(a, py, sym, RDI)
    a.mov(R12, R13)


def expect_type(a: StubAssembler, reg: int, ty: int, convert: int) -> None:
    """The object in `reg` is of the type at address `ty`, or go to `convert`. Clobbers rax."""
    a.movi(RAX, ty)
    a.cmp_mr(reg, 8, RAX)
    a.jcc("ne", convert)


def float_cell(a: StubAssembler, py: PyLayout, reg: int, cell: int, single: bool) -> None:
    """[rsp + cell] = the value of the float object in `reg`."""
    a.load_f64(XMM0, reg, py.float_value)
    if single:
        a.f64_to_f32(XMM0, XMM0)
    a.store_f64(RSP, cell, XMM0)


def _unbox_result(
    a: StubAssembler,
    py: PyLayout,
    sym: Symbols,
    ty: str,
    reg: int,
    cell: int,
    convert: int,
    cold: list[tuple[bool, int, int]],
) -> None:
    """Unbox the object in `reg` to [rsp + cell]; not of the exact type, or an object that is not
    known or finds no room: go to `convert`."""
    if ty == "e":
        room = a.label()
        a.mov(RAX, reg)
        _header_of(a, sym, convert)
        a.test(RDI, RDI)
        a.jcc("e", room)
        a.load(RAX, R15, STORE["next"])
        a.cmp_rm(RAX, R15, STORE["end"])
        a.jcc("e", convert)
        a.bind(room)
        _lend(a, RDI)
        a.store(RSP, cell, RDI)
        return
    if ty in "il":
        expect_type(a, reg, sym.int_type, convert)
        a.mov(RAX, reg)
        many, done = a.label(), a.label()
        _unbox_int(a, py, ty == "l", many)
        a.bind(done)
        cold.append((ty == "l", many, done))
        a.store(RSP, cell, RDI)
        return
    expect_type(a, reg, sym.float_type, convert)
    float_cell(a, py, reg, cell, ty == "f")


# ---- memory faults ----

_SIGINFO_CODE: Final = 8
_SIGINFO_ADDR: Final = 16
_UCONTEXT_STACK: Final = 16  # sp, flags +8, size +16
_UCONTEXT_R15: Final = 96
_UCONTEXT_RIP: Final = 168
_SI_TKILL: Final = -6
_LAST_PASSED: Final = 504
_DEFAULT_ACTION: Final = 512
_SS_DISABLE: Final = 2


def fault_handler(
    start: int, size: int, fault_map: int, old_actions: int, stubs: StubSet, sym: Symbols
) -> bytes:
    """Signal handler (SA_SIGINFO) for memory faults.

    `start` and `size` are the wasm code range and `fault_map` its bits; `old_actions` is the
    address of the handlers that were there before, indexed by 8 * signal, followed at 504 by the
    place of the last fault passed on and at 512 by a zeroed `struct sigaction` (the default).

    Source of the offsets: the kernel's x86-64 signal frame (sigcontext.h), `struct siginfo`.
    """
    a = StubAssembler()
    chain, loop, following, found = (a.label() for _ in range(4))
    a.load(RAX, RDX, _UCONTEXT_RIP)
    a.movi(RCX, start)
    a.mov(R8, RAX)
    a.sub(R8, RCX)
    a.movi(RCX, size)
    a.cmp(R8, RCX)
    a.jcc("ae", chain)
    a.cmp_mi32(RSI, _SIGINFO_CODE, 0)
    a.jcc("le", chain)
    a.movi(RCX, fault_map)
    a.mov(R9, R8)
    a.shri(R9, 3)
    a.load8_indexed(R9, RCX, R9)
    a.andi(R8, 7)
    a.bit_test(R9, R8)
    a.jcc("nc", chain)
    a.load(R10, RDX, _UCONTEXT_R15)
    a.load(R11, RSI, _SIGINFO_ADDR)
    a.load(RCX, R10, STORE["reservations"])
    a.load(R8, R10, STORE["reservation_count"])
    a.bind(loop)
    a.test(R8, R8)
    a.jcc("e", chain)
    a.cmp_rm(R11, RCX, 0)
    a.jcc("b", following)
    a.cmp_rm(R11, RCX, 8)
    a.jcc("b", found)
    a.bind(following)
    a.addi(RCX, 16)
    a.subi(R8, 1)
    a.jmp(loop)
    a.bind(found)
    a.store(R10, STORE["trap_pc"], RAX)
    a.store(R10, STORE["trap_addr"], R11)
    a.store_i(R10, STORE["trap_kind"], TRAP_FAULT)
    a.movi(RAX, stubs.landing)
    a.store(RDX, _UCONTEXT_RIP, RAX)
    a.ret()
    a.bind(chain)
    pass_on(a, old_actions, sym)
    return a.finish()


def pass_on(a: StubAssembler, old_actions: int, sym: Symbols) -> None:
    """The end of a handler for faults that are not ours: do what the handlers before it would."""
    no_tkill, default, by_call, done = a.label(), a.label(), a.label(), a.label()
    a.cmp_mi32(RSI, _SIGINFO_CODE, _SI_TKILL)
    a.jcc("ne", no_tkill)
    # Back with SI_TKILL from where the last fault was passed on: the one above us raised it to die.
    a.load(RAX, RDX, _UCONTEXT_RIP)
    a.movi(RCX, old_actions)
    a.cmp_rm(RAX, RCX, _LAST_PASSED)
    a.jcc("e", default)
    # Raised from a handler's own stack: faulthandler was in front of us. It has put us back, so
    # fault again.
    a.load32(RCX, RDX, _UCONTEXT_STACK + 8)
    a.andi(RCX, _SS_DISABLE)
    a.jcc("ne", no_tkill)
    a.mov(RCX, RSP)
    a.sub_rm(RCX, RDX, _UCONTEXT_STACK)
    a.cmp_rm(RCX, RDX, _UCONTEXT_STACK + 16)
    a.jcc("b", done)
    a.bind(no_tkill)
    a.load(RAX, RDX, _UCONTEXT_RIP)
    a.movi(RCX, old_actions)
    a.store(RCX, _LAST_PASSED, RAX)
    a.mov32(RAX, RDI)
    a.load_indexed(RAX, RCX, RAX, 0)
    a.cmpi(RAX, 1)
    a.jcc("e", done)  # SIG_IGN
    a.jcc("a", by_call)
    a.bind(default)
    a.push(RDI)
    a.push(RSI)
    a.push(RDI)
    a.lea(RSI, RCX, _DEFAULT_ACTION)
    a.movi(RDX, 0)
    a.call_abs(sym.sigaction)
    a.pop(RDI)
    a.pop(RSI)
    a.cmp_mi32(RSI, _SIGINFO_CODE, 0)
    raise_again = a.label()
    a.jcc("le", raise_again)
    a.pop(RDI)
    a.bind(done)
    a.ret()
    a.bind(raise_again)
    a.call_abs(sym.raise_signal)
    a.pop(RDI)
    a.ret()
    a.bind(by_call)
    a.jmp_r(RAX)


# ---- the ticker ----

TICKER: Final = layout.Struct("Ticker", "data of the ticker thread", (
    ("parked", "u32", "1 while it sleeps on this word"),
    ("stop", "u32", "1: end the thread"),
    ("count", "u64", "slots in `stores`"),
    ("stores", "ptr", "array of VMStore addresses, 0 for a free slot"),
    ("idle", "u64", "ticks since a poll word was consumed"),
    ("seconds", "u64", "the pause, as a struct timespec"),
    ("nanoseconds", "u64", ""),
    ("blocked", "u64", "signals that are for other threads, as the kernel's set"),
))  # fmt: skip

_IDLE_TICKS: Final = 5


def ticker(sym: Symbols) -> bytes:
    """Thread function `ticker(data)`: each pause, ask every registered store for a poll.

    It blocks the signals itself: were they blocked around its creation, a KeyboardInterrupt in
    between would leave the creating thread without any."""
    a = StubAssembler()
    loop, sweep, each, following, swept, quiet, busy, out = (a.label() for _ in range(8))
    a.push(RBX)
    a.push(R12)
    a.push(R13)
    a.mov(RBX, RDI)
    a.movi(RDI, _SYS_RT_SIGPROCMASK)
    a.movi(RSI, _SIG_SETMASK)
    a.lea(RDX, RBX, TICKER["blocked"])
    a.movi(RCX, 0)
    a.movi(R8, 8)
    a.call_abs(sym.syscall)
    a.bind(loop)
    a.movi(RDI, 1)  # CLOCK_MONOTONIC
    a.movi(RSI, 0)
    a.lea(RDX, RBX, TICKER["seconds"])
    a.movi(RCX, 0)
    a.call_abs(sym.clock_nanosleep)
    a.cmp_mi32(RBX, TICKER["stop"], 0)
    a.jcc("ne", out)
    # About to sleep: say so before the sweep, so that a poll taken after it wakes us.
    a.cmp_mi(RBX, TICKER["idle"], _IDLE_TICKS)
    a.jcc("b", sweep)
    a.store_i32(RBX, TICKER["parked"], 1)
    a.raw(b"\x0f\xae\xf0")  # mfence
    a.bind(sweep)
    a.load(RCX, RBX, TICKER["stores"])
    a.load(RDX, RBX, TICKER["count"])
    a.movi(R12, 0)  # 1: some store took its last poll
    a.bind(each)
    a.test(RDX, RDX)
    a.jcc("e", swept)
    a.load(RAX, RCX, 0)
    a.test(RAX, RAX)
    a.jcc("e", following)
    pending = a.label()
    a.cmp_mi(RAX, STORE["poll"], 0)
    a.jcc("ne", pending)
    a.movi(R12, 1)
    a.bind(pending)
    a.store_i(RAX, STORE["poll"], 1)
    a.store_i(RAX, STORE["limit"], -1)
    a.bind(following)
    a.addi(RCX, 8)
    a.subi(RDX, 1)
    a.jmp(each)
    a.bind(swept)
    a.test(R12, R12)
    a.jcc("ne", busy)
    a.add_mi(RBX, TICKER["idle"], 1)
    a.bind(quiet)
    a.cmp_mi32(RBX, TICKER["parked"], 0)
    a.jcc("e", loop)
    a.movi(RDI, _SYS_FUTEX)
    a.lea(RSI, RBX, TICKER["parked"])
    a.movi(RDX, _FUTEX_WAIT_PRIVATE)
    a.movi(RCX, 1)
    a.movi(R8, 0)
    a.movi(R9, 0)
    a.call_abs(sym.syscall)
    a.cmp_mi32(RBX, TICKER["stop"], 0)
    a.jcc("ne", out)
    a.cmp_mi32(RBX, TICKER["parked"], 0)
    a.jcc("ne", quiet)
    a.bind(busy)
    a.store_i32(RBX, TICKER["parked"], 0)
    a.store_i(RBX, TICKER["idle"], 0)
    a.jmp(loop)
    a.bind(out)
    a.pop(R13)
    a.pop(R12)
    a.pop(RBX)
    a.movi(RAX, 0)
    a.ret()
    return a.finish()


# ---- buffers ----


def get_buffer(native: int, sym: Symbols) -> bytes:
    """`Py_bf_getbuffer` of memories: int(self, view, flags). `native`: offset of `MemoryObject`.

    The view holds the object, the object its pages: there is nothing to count or to release."""
    a = StubAssembler()
    unmade, message = a.label(), a.label()
    a.load(R10, RDI, native + BUFFER_NATIVE["memory"])
    a.test(R10, R10)
    a.jcc("e", unmade)
    a.mov(RAX, RDI)
    a.mov(RDI, RSI)  # view
    a.mov(RSI, RAX)  # exporter
    a.mov(R9, RDX)  # flags
    a.load(RDX, R10, MEMORY["base"])
    a.load(RCX, R10, MEMORY["length"])
    a.movi(R8, 0)  # writable
    a.jmp_abs(sym.buffer_fill_info)
    a.bind(unmade)  # made by `__new__` alone
    a.subi(RSP, 8)
    a.store_i(RSI, 8, 0)  # view.obj
    a.movi(RDI, sym.type_error)
    a.load(RDI, RDI, 0)
    a.lea_label(RSI, message)
    a.call_abs(sym.err_set_string)
    a.movi(RAX, (1 << 64) - 1)
    a.addi(RSP, 8)
    a.ret()
    a.bind(message)
    a.raw(b"this memory belongs to no store\0")
    return a.finish()
