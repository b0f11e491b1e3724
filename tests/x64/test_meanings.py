"""The meanings of instruction rows against the processor."""

from __future__ import annotations

import ctypes
import platform
import random

import pytest

from grus.backend.x64 import meanings
from grus.backend.x64.encode import Amode, encode
from grus.backend.x64.insts import IMM, READ, RM, WRITE, Inst
from grus.backend.x64.regs import R14, R15, RBP, RBX, RDI, RSP
from grus.backend.x64.rows import ROWS, put, row
from grus.host import cpu
from grus.host.pages import arena
from grus.ir.bits import MASK, signed
from grus.ir.domain import CONCRETE, InterpreterTrap
from grus.opt.prove import remarkable

REGISTERS = [r for r in range(16) if r not in (RSP, R14, R15)]
FLAGS = {"carry": 0, "parity": 2, "zero": 6, "sign": 7, "overflow": 11}
RESULT, FLAGS_AT, MEMORY = 0x100, 0x180, 0x200
LOAD, STORE = ROWS[row("mov r64, r/m64")], ROWS[row("mov r/m64, r64")]
PUSH, POP = ROWS[row("push r64")], ROWS[row("pop r64")]
SAVED = (RBX, RBP, 12, 13, R14, R15)
TRIALS = 150


class Case:
    """A row with registers, or memory for its ModRM.rm operand, and an immediate."""

    def __init__(self, inst: Inst, memory: bool, rng: random.Random) -> None:
        self.inst = inst
        self.memory = memory
        self.imm = 0
        free = [r for r in REGISTERS if r not in [op.fixed for op in inst.operands]]
        self.places: list[int] = []
        self.address = Amode(-1)
        operands: list[int | Amode] = []
        for op in inst.operands:
            place = op.fixed
            if op.place == IMM:
                self.imm = signed(op.bits, rng.choice(remarkable(op.bits)))
            elif memory and op.mem_ok:
                place = -1
            elif op.place and op.fixed < 0:
                place = free.pop(rng.randrange(len(free)))
            self.places.append(place)
        if memory and inst.mnemonic == "lea":
            base, index = rng.sample(REGISTERS, 2)
            self.address = Amode(base, rng.randrange(-200, 9999), index, rng.choice((1, 2, 4, 8)))
        elif memory:
            self.address = Amode(R14, 8)
        for op in inst.encoded:
            if op.place == IMM:
                operands.append(self.imm)
            elif op.place == RM and memory:
                operands.append(self.address)
            else:
                operands.append(self.places[inst.operands.index(op)])
        code = bytearray()
        for reg in SAVED:
            put(code, PUSH, reg, 0)
        put(code, LOAD, R15, RDI)
        put(code, ROWS[row("push r/m64")], 0, Amode(R15, FLAGS_AT))
        put(code, ROWS[row("popfq")], 0, 0)
        for reg in (*REGISTERS, R14):
            put(code, LOAD, reg, Amode(R15, 8 * reg))
        encode(inst, tuple(operands), code)
        for reg in REGISTERS:
            put(code, STORE, reg, Amode(R15, RESULT + 8 * reg))
        put(code, ROWS[row("pushfq")], 0, 0)
        put(code, ROWS[row("pop r/m64")], 0, Amode(R15, FLAGS_AT))
        for reg in reversed(SAVED):
            put(code, POP, reg, 0)
        put(code, ROWS[row("ret")], 0, 0)
        self.code = bytes(code)

    def expected(self, regs: list[int], memory: int, flags: int, fill: int) -> list[int]:
        """Registers, memory and flags afterwards; what is undefined has the bits of `fill`."""
        d = CONCRETE
        step = meanings.Step(lambda w: fill & MASK[w])
        for name, at in FLAGS.items():
            setattr(step, name, flags >> at & 1)
        read: list[int] = []
        for op, place in zip(self.inst.operands, self.places, strict=True):
            if op.access & READ and op.place != IMM:
                if place >= 0:
                    read.append(regs[place] & MASK[op.bits])
                elif self.inst.mnemonic == "lea":
                    a = self.address
                    read.append((regs[a.base] + regs[a.index] * a.scale + a.disp) & MASK[64])
                else:
                    read.append(memory & MASK[op.mem_bits])
        results = list(meanings.execute(d, step, self.inst, self.memory, self.imm, read))
        after = list(regs)
        for op, place in zip(self.inst.operands, self.places, strict=True):
            if op.access & WRITE:
                new = results.pop(0)
                if place >= 0:
                    after[place] = meanings.merged(d, step, self.inst, op.bits, after[place], new)
                else:
                    memory = memory & ~MASK[op.mem_bits] | new
        for name, at in FLAGS.items():
            flags = flags & ~(1 << at) | getattr(step, name) << at
        return [after[r] for r in REGISTERS] + [memory, flags]


def cases(rng: random.Random) -> list[Case]:
    found = []
    for inst in meanings.rows():
        if inst.feature and not cpu.has(inst.feature):
            continue
        for memory in (False, True):
            if memory and not any([op.mem_ok for op in inst.operands]):
                continue
            if not memory and any([op.mem_ok and not op.reg_ok for op in inst.operands]):
                continue
            if memory and inst.mnemonic == "bt" and inst.encoded[1].place != IMM:
                continue  # reaches other words
            immediate = any([op.place == IMM for op in inst.operands])
            found += [Case(inst, memory, rng) for _ in range(8 if immediate else 2)]
    return found


def test_rows_do_what_the_processor_does() -> None:
    if platform.machine() != "x86_64":
        pytest.skip("not an x86-64")
    rng = random.Random(1)
    tried = 0
    block = ctypes.create_string_buffer(0x400)
    place = ctypes.addressof(block)
    special = remarkable(64)
    all_cases = cases(rng)
    code = bytearray()
    starts = []
    for case in all_cases:
        starts.append(len(code))
        code += case.code
    base = arena("stubs").place(bytes(code))
    for case, start in zip(all_cases, starts, strict=True):
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(base + start)
        for _ in range(TRIALS // 8):
            regs = [
                rng.choice((rng.getrandbits(64), rng.choice(special), rng.getrandbits(7)))
                for _ in range(16)
            ]
            regs[R14] = place + MEMORY
            memory = rng.choice((rng.getrandbits(64), rng.choice(special), regs[0], 1))
            flags = 0x202
            for at in FLAGS.values():
                flags |= rng.getrandbits(1) << at
            try:
                low = case.expected(regs, memory, flags, 0)
                high = case.expected(regs, memory, flags, -1)
            except InterpreterTrap:
                continue  # the processor would stop us
            for reg in range(16):
                block[8 * reg : 8 * reg + 8] = regs[reg].to_bytes(8, "little")
            block[FLAGS_AT : FLAGS_AT + 8] = flags.to_bytes(8, "little")
            block[MEMORY + 8 : MEMORY + 16] = memory.to_bytes(8, "little")
            function(place)
            raw = block.raw
            got = [
                int.from_bytes(raw[RESULT + 8 * r : RESULT + 8 * r + 8], "little")
                for r in REGISTERS
            ]
            got.append(int.from_bytes(raw[MEMORY + 8 : MEMORY + 16], "little"))
            got.append(int.from_bytes(raw[FLAGS_AT : FLAGS_AT + 8], "little"))
            mask = sum([1 << at for at in FLAGS.values()])
            for index, value in enumerate(got):
                defined = ~(low[index] ^ high[index])
                if index == len(got) - 1:
                    defined &= mask
                wrong = (value ^ low[index]) & defined & MASK[64]
                assert not wrong, (case.inst.name, case.memory, index, hex(value), hex(low[index]))
            tried += 1
    assert tried > 15000


def test_every_row_that_lowering_of_integers_names_has_a_meaning() -> None:
    """All of the table but control, the stack, system instructions and a few nobody emits."""
    missing = {
        inst.mnemonic
        for inst in ROWS
        if not any([op.is_xmm for op in inst.operands]) and meanings.meaning_of(inst) is None
    }
    missing -= {inst.mnemonic for inst in ROWS if inst.is_branch or inst.is_call}
    assert missing == {
        *("bextr", "btc", "btr", "bts", "pdep", "pext", "rcl", "rcr"),
        *("lock cmpxchg16b", "lock cmpxchg8b", "mfence", "lfence", "sfence"),
        *("push", "pop", "pushfq", "popfq", "ret", "nop", "pause", "endbr64"),
        *("cpuid", "int3", "rdtsc", "rdtscp", "syscall", "ud2", "xgetbv"),
        *("rep movsb", "rep movsq", "rep stosb", "rep stosq"),
    }
