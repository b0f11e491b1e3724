"""Code made by the assembler runs; the buffer's jumps, constants and tables."""

from __future__ import annotations

import ctypes
import mmap
import platform

import pytest

from grus.backend.buffer import BufferError
from grus.backend.x64 import insts
from grus.backend.x64.asm import Assembler
from grus.backend.x64.encode import RIP, Amode
from grus.backend.x64.regs import RAX, RDI


def nops(a: Assembler, count: int) -> None:
    for _ in range(count):
        a.emit(insts.NOP)


def test_sum_runs() -> None:
    if platform.machine() != "x86_64":
        pytest.skip("needs an x86-64 CPU")
    a = Assembler()
    loop, done = a.label(), a.label()
    a.emit(insts.MOVQ_RM, RAX, Amode(RIP, label=a.buffer.constant(bytes([5] + [0] * 7), 8)))
    a.bind(loop)
    a.emit(insts.TESTQ_MR, RDI, RDI)
    a.jcc("e", done)
    a.emit(insts.ADDQ_RM, RAX, RDI)
    a.emit(insts.SUBQ_MI8, RDI, 1)
    a.jmp(loop)
    a.bind(done)
    a.emit(insts.RET)
    code = a.finish().code
    pages = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    pages[: len(code)] = code
    at = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(at)(100) == 5055


@pytest.mark.parametrize(("count", "size"), [(127, 2), (128, 5)])
def test_forward_jump_grows_when_it_must(count: int, size: int) -> None:
    a = Assembler()
    end = a.label()
    a.jmp(end)
    nops(a, count)
    a.bind(end)
    a.emit(insts.RET)
    assert len(a.finish().code) == size + count + 1


@pytest.mark.parametrize(("count", "size"), [(126, 2), (127, 6)])
def test_backward_branch(count: int, size: int) -> None:
    a = Assembler()
    top = a.label()
    a.bind(top)
    nops(a, count)
    a.jcc("e", top)
    assert len(a.finish().code) == count + size


def test_branch_over_a_jump_is_inverted() -> None:
    a = Assembler()
    there, here = a.label(), a.label()
    a.jcc("e", here)
    a.jmp(there)
    a.bind(here)
    a.emit(insts.NOP)
    a.bind(there)
    a.emit(insts.RET)
    assert a.finish().code == bytes.fromhex("7501 90 c3")


def test_a_jump_that_is_a_target_stays() -> None:
    a = Assembler()
    there, here, middle = a.label(), a.label(), a.label()
    a.jcc("o", middle)
    a.emit(insts.NOP)
    a.jcc("e", here)
    a.bind(middle)
    a.jmp(there)
    a.bind(here)
    a.emit(insts.NOP)
    a.bind(there)
    a.emit(insts.RET)
    assert a.finish().code == bytes.fromhex("7006 90 7402 eb01 90 c3")


def test_jump_threading_and_fall_through() -> None:
    a = Assembler()
    first, second = a.label(), a.label()
    a.jcc("e", first)
    a.emit(insts.NOP)
    a.bind(first)
    a.jmp(second)
    a.bind(second)
    a.emit(insts.RET)
    assert a.finish().code == bytes.fromhex("7401 90 c3")


def test_empty_loop_ends() -> None:
    a = Assembler()
    top = a.label()
    a.bind(top)
    a.jmp(top)
    assert a.finish().code == b"\xeb\xfe"


def test_unbound_label() -> None:
    a = Assembler()
    a.jmp(a.label())
    with pytest.raises(BufferError, match="label 0"):
        a.finish()


def test_tables_move_with_the_jumps() -> None:
    a = Assembler()
    end = a.label()
    a.buffer.srcloc(7)
    a.jmp(end)
    nops(a, 200)
    a.buffer.srcloc(8)
    a.buffer.trap(3)
    a.emit(insts.UD2)
    a.call("f")
    a.buffer.callsite("map")
    a.bind(end)
    a.emit(insts.RET)
    one = a.buffer.constant(b"\1" * 16, 16)
    assert a.buffer.constant(b"\1" * 16, 16) == one
    blob = a.finish()
    assert blob.traps == [(205, 3)]
    assert blob.callsites == [(212, "map")]
    assert [(r.offset, r.kind, r.symbol, r.addend) for r in blob.relocs] == [
        (208, "X86CallPCRel4", "f", -4)
    ]
    assert blob.srclocs == [(0, 205, 7), (205, 213, 8)]
    assert blob.labels[one] == 224
