"""A compiler without register allocation: every value has a stack slot of its own.

One pass, one template per opcode: operands are loaded to rax, rcx, xmm0 and xmm1, the result is
stored back. Slow code, made quickly and simple enough to trust; the other end of differential
tests against the real pipeline. Scalars up to 64 bits and the `tail` convention only: what wasm
needs without vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from grus.backend.emit import CallSiteInfo, CompiledFunction, Reloc
from grus.backend.x64.regs import R8, R9, R10, R11, R15, RAX, RBP, RCX, RDI, RDX, RSI, RSP, XMM0
from grus.backend.x64.stubasm import StubAssembler
from grus.base.errors import Unsupported
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import (
    BlockCall,
    CallInfo,
    Function,
    MemFlags,
    StackSlot,
    Value,
    results_of,
)

XMM1: Final = XMM0 + 1
XMM2: Final = XMM0 + 2
INT_ARGS: Final = (RDI, RSI, RDX, RCX, R8, R9)
INT_RESULTS: Final = (RAX, RCX, RDX, RSI, RDI, R8, R9, R10)
MAX_FRAME: Final = 512 << 10


def is_float(ty: int) -> bool:
    return ty in (T.F32, T.F64)


def places(types: list[int]) -> tuple[list[int], list[int], int]:
    """Registers (-1: none), stack offsets and stack size of arguments in the tail convention."""
    regs, stack = [], []
    ints = floats = offset = 0
    for ty in types:
        reg = -1
        if is_float(ty):
            if floats < 8:
                reg = XMM0 + floats
            floats += 1
        else:
            if ints < len(INT_ARGS):
                reg = INT_ARGS[ints]
            ints += 1
        regs.append(reg)
        stack.append(offset)
        if reg < 0:
            offset += 8
    return regs, stack, (offset + 15) & -16


def result_places(types: list[int]) -> list[int]:
    """Registers of results. Raises Unsupported when there are more than fit."""
    regs = []
    ints = floats = 0
    for ty in types:
        if is_float(ty):
            regs.append(XMM0 + floats)
            floats += 1
        else:
            regs.append(INT_RESULTS[ints] if ints < len(INT_RESULTS) else -1)
            ints += 1
    if floats > 8 or -1 in regs:
        raise Unsupported("more results than registers")
    return regs


class _Compiler:
    def __init__(self, func: Function, trap_call_offset: int) -> None:
        self.func = func
        self.a = StubAssembler()
        self.out = CompiledFunction(func.name)
        self.trap_offset = trap_call_offset
        self.slot: dict[int, int] = {}
        self.explicit: dict[int, int] = {}  # stack slots of the function
        self.labels: dict[int, int] = {}
        self.table_words: list[tuple[int, int]] = []  # place, what to add
        self.trap_labels: list[tuple[int, int, int]] = []  # label, code, loc
        self.loc = -1
        self.param_types = [p.ty for p in func.sig.params]
        self.stack_args = places(self.param_types)[2]

    def assign_slots(self) -> int:
        at = 0
        for block in self.func.blocks:
            values = list(block.params)
            for inst in block.insts:
                values.extend(results_of(inst))
            for value in values:
                if T.BITS[value.ty] > 64:
                    name = self.func.name
                    raise Unsupported(f"{name}: {T.NAMES[value.ty]} in baseline code")
                at += 8
                self.slot[value.num] = -at
        for slot in self.func.stack_slots:
            at += (slot.size + 7) & -8
            self.explicit[slot.num] = -at
        return (at + 15) & -16

    # ---- moving values ----

    def get(self, reg: int, value: Value) -> None:
        at = self.slot[value.num]
        if reg >= XMM0:
            self.a.load_f64(reg, RBP, at)
        else:
            self.a.load(reg, RBP, at)

    def put(self, value: Value, reg: int) -> None:
        at = self.slot[value.num]
        if reg >= XMM0:
            self.a.store_f64(RBP, at, reg)
        else:
            self.a.store(RBP, at, reg)

    def get_zero(self, reg: int, value: Value) -> None:
        """Load an integer zero-extended to 64 bits."""
        a, at, bits = self.a, self.slot[value.num], T.BITS[value.ty]
        if bits == 64:
            a.load(reg, RBP, at)
        elif bits == 32:
            a.load32(reg, RBP, at)
        else:
            a._rm(b"\x0f\xb6" if bits == 8 else b"\x0f\xb7", reg, RBP, at, wide=False)

    def get_sign(self, reg: int, value: Value) -> None:
        """Load an integer sign-extended to 64 bits."""
        a, at, bits = self.a, self.slot[value.num], T.BITS[value.ty]
        if bits == 64:
            a.load(reg, RBP, at)
        elif bits == 32:
            a._rm(b"\x63", reg, RBP, at)
        else:
            a._rm(b"\x0f\xbe" if bits == 8 else b"\x0f\xbf", reg, RBP, at)

    # ---- the whole ----

    def compile(self) -> CompiledFunction:
        a, func = self.a, self.func
        func.resolve_aliases()
        frame = self.assign_slots()
        if frame > MAX_FRAME:
            raise Unsupported(f"{func.name}: a frame of {frame} bytes")
        self.out.frame_size = frame
        a.push(RBP)
        a.mov(RBP, RSP)
        a.subi(RSP, frame)
        for block in func.blocks:
            self.labels[block.num] = a.label()
        regs, stack, _ = places(self.param_types)
        for param, reg, at in zip(func.blocks[0].params, regs, stack, strict=True):
            if reg >= 0:
                self.put(param, reg)
            else:
                a.load(RAX, RBP, 16 + at)
                self.put(param, RAX)
        for block in func.blocks:
            a.bind(self.labels[block.num])
            for inst in block.insts:
                if inst.loc != self.loc:
                    self.loc = inst.loc
                    if inst.loc >= 0:
                        self.out.locs.append((len(a.out), inst.loc))
                template = TEMPLATES[inst.op]
                if template is None:
                    raise Unsupported(f"{func.name}: {ops.ROWS[inst.op].name} in baseline code")
                template(self, inst)
        for label, trap, loc in self.trap_labels:
            a.bind(label)
            if loc >= 0:
                self.out.locs.append((len(a.out), loc))
            a.call_m(R15, self.trap_offset)
            self.out.traps.append((len(a.out) - 1, trap))
        code = bytearray(a.finish())
        for at, more in self.table_words:
            word = int.from_bytes(code[at : at + 4], "little") + more
            code[at : at + 4] = (word & 0xFFFFFFFF).to_bytes(4, "little")
        self.out.code = bytes(code)
        return self.out

    def trap_label(self, code: int) -> int:
        label = self.a.label()
        self.trap_labels.append((label, code, self.loc))
        return label

    # ---- control ----

    def goto(self, call: BlockCall) -> None:
        """Pass arguments and jump."""
        for arg in call.args:
            self.get(RAX, arg)
            self.a.push(RAX)
        for param in reversed(call.block.params):
            self.a.pop(RAX)
            self.put(param, RAX)
        self.a.jmp(self.labels[call.block.num])

    def on_jump(self, inst: Value) -> None:
        self.goto(inst.targets[0])

    def on_brif(self, inst: Value) -> None:
        a = self.a
        other = a.label()
        self.get_zero(RAX, inst.a)
        a.test(RAX, RAX)
        a.jcc("e", other)
        self.goto(inst.targets[0])
        a.bind(other)
        self.goto(inst.targets[1])

    def on_br_table(self, inst: Value) -> None:
        a = self.a
        cases = [a.label() for _ in inst.targets[1:]]
        self.get_zero(RCX, inst.a)
        default, table = a.label(), a.label()
        if cases:
            a.cmpi(RCX, len(cases))
            a.jcc("ae", default)
            a.raw(b"\x48\x19\xd2\x48\x21\xd1")  # sbb rdx, rdx; and rcx, rdx: 0 if above after all
            a.lea_label(RAX, table)
            a._rm(b"\x63", RCX, RAX, 0, index=RCX, scale=2)  # movsxd rcx, [rax + 4 * rcx]
            a.add(RAX, RCX)
            a.jmp_r(RAX)
            a.bind(table)
            for index, case in enumerate(cases):
                a._use(case)
                # A use is relative to its own end; the table wants all relative to its start.
                self.table_words.append((len(a.out) - 4, 4 * index + 4))
        a.bind(default)
        self.goto(inst.targets[0])
        for case, target in zip(cases, inst.targets[1:], strict=True):
            a.bind(case)
            self.goto(target)

    def on_return(self, inst: Value) -> None:
        regs = result_places([v.ty for v in inst.args])
        for value, reg in zip(inst.args, regs, strict=True):
            self.get(reg, value)
        self.leave()
        self.a.ret_pop(self.stack_args)

    def leave(self) -> None:
        self.a.mov(RSP, RBP)
        self.a.pop(RBP)

    def on_call(self, inst: Value) -> None:
        a, info = self.a, _info(inst)
        if info.sig.call_conv == "preserve_all":
            self.get(RAX, inst.a)
            a.call_r(RAX)
            return
        regs, stack, size = places([p.ty for p in info.sig.params])
        if size:
            a.subi(RSP, size)
        for value, reg, at in zip(inst.args, regs, stack, strict=True):
            if reg < 0:
                self.get(RAX, value)
                a.store(RSP, at, RAX)
        for value, reg in zip(inst.args, regs, strict=True):
            if reg >= 0:
                self.get(reg, value)
        if info.callee is not None:
            a.out.append(0xE8)
            self.out.relocs.append(Reloc(len(a.out), "X86PCRel4", info.callee.name, -4))
            a.out += b"\0\0\0\0"
        else:
            self.get(RAX, inst.a)
            a.call_r(RAX)
        if info.stack_map:
            site = CallSiteInfo(len(a.out))
            for entry in info.stack_map:
                at = self.explicit[entry.slot.num] + entry.offset
                site.stack_map.append((entry.kind, at, entry.ty))
            self.out.call_sites.append(site)
        results = results_of(inst)
        for value, reg in zip(results, result_places([v.ty for v in results]), strict=True):
            self.put(value, reg)

    def on_tail_call(self, inst: Value) -> None:
        a, info = self.a, _info(inst)
        regs, stack, size = places([p.ty for p in info.sig.params])
        count = size // 8
        # New stack arguments replace ours: they end where ours end.
        for _ in range(count):
            a.push(RAX)
        for value, reg, at in zip(inst.args, regs, stack, strict=True):
            if reg < 0:
                self.get(RAX, value)
                a.store(RSP, at, RAX)
        for value, reg in zip(inst.args, regs, strict=True):
            if reg >= 0:
                self.get(reg, value)
        if info.callee is None:
            self.get(RAX, inst.a)
        else:
            a.raw(b"\x48\x8d\x05")  # lea rax, [rip + callee]
            self.out.relocs.append(Reloc(len(a.out), "X86PCRel4", info.callee.name, -4))
            a.out += b"\0\0\0\0"
        a.load(R10, RBP, 8)  # return address
        a.load(R11, RBP, 0)  # caller's rbp
        # Copy the arguments up, last first: the areas may overlap.
        base = 16 + self.stack_args - size
        a.push(RAX)
        for index in range(count - 1, -1, -1):
            a.load(RAX, RSP, 8 + 8 * index)
            a.store(RBP, base + 8 * index, RAX)
        a.pop(RAX)
        a.lea(RSP, RBP, base - 8)
        a.store(RSP, 0, R10)
        a.mov(RBP, R11)
        a.jmp_r(RAX)

    def on_trap(self, inst: Value) -> None:
        self.a.jmp(self.trap_label(inst.imm))

    def on_trapz(self, inst: Value) -> None:
        self.get_zero(RAX, inst.a)
        self.a.test(RAX, RAX)
        self.a.jcc("e" if inst.op == ops.TRAPZ else "ne", self.trap_label(inst.imm))

    # ---- constants and state ----

    def on_const(self, inst: Value) -> None:
        self.a.movi(RAX, inst.imm)
        self.put(inst, RAX)

    def on_pinned(self, inst: Value) -> None:
        self.put(inst, R15)

    def on_stack_pointer(self, inst: Value) -> None:
        self.put(inst, RSP)

    # ---- integers ----

    def on_stack_addr(self, inst: Value) -> None:
        slot = inst.ext
        assert isinstance(slot, StackSlot)
        self.a.lea(RAX, RBP, self.explicit[slot.num] + inst.imm)
        self.put(inst, RAX)

    def on_alu(self, inst: Value) -> None:
        self.get(RAX, inst.a)
        self.get(RCX, inst.b)
        self.a._rr(_ALU[inst.op], RAX, RCX)
        self.put(inst, RAX)

    def on_mulhi(self, inst: Value) -> None:
        self.get(RAX, inst.a)
        self.get(RCX, inst.b)
        self.a._rr(b"\xf7", 4 if inst.op == ops.UMULHI else 5, RCX)
        self.put(inst, RDX)

    def on_not(self, inst: Value) -> None:
        self.get(RAX, inst.a)
        self.a._rr(b"\xf7", 2 if inst.op == ops.BNOT else 3, RAX)
        self.put(inst, RAX)

    def on_shift(self, inst: Value) -> None:
        a = self.a
        wide = T.BITS[inst.ty] == 64
        if T.BITS[inst.ty] < 32:
            raise Unsupported("shifts of narrow integers in baseline code")
        self.get(RAX, inst.a)
        self.get(RCX, inst.b)
        a._rr(b"\xd3", _SHIFT[inst.op], RAX, wide=wide)
        self.put(inst, RAX)

    def on_divide(self, inst: Value) -> None:
        a, op = self.a, inst.op
        signed = op in (ops.SDIV, ops.SREM)
        wide = T.BITS[inst.ty] == 64
        load = self.get_sign if signed else self.get_zero
        load(RAX, inst.a)
        load(RCX, inst.b)
        a.test(RCX, RCX)
        a.jcc("e", self.trap_label(ops.TRAP_DIVISION_BY_ZERO))
        done = a.label()
        if not signed:
            a.movi(RDX, 0)
            a._rr(b"\xf7", 6, RCX, wide=wide)
        else:
            plain = a.label()
            a.cmpi(RCX, -1)
            a.jcc("ne", plain)
            if op == ops.SDIV:
                # MIN / -1 overflows; else it is a negation
                a._rr(b"\xf7", 3, RAX, wide=wide)
                a.jcc("o", self.trap_label(ops.TRAP_INTEGER_OVERFLOW))
            else:
                a.movi(RDX, 0)
            a.jmp(done)
            a.bind(plain)
            a.raw(b"\x48\x99" if wide else b"\x99")  # cqo, cdq
            a._rr(b"\xf7", 7, RCX, wide=wide)
        a.bind(done)
        self.put(inst, RAX if op in (ops.SDIV, ops.UDIV) else RDX)

    def on_count(self, inst: Value) -> None:
        wide = T.BITS[inst.ty] == 64
        self.get(RCX, inst.a)
        self.a._rr(_COUNT[inst.op], RAX, RCX, wide=wide, prefix=0xF3)
        self.put(inst, RAX)

    def on_icmp(self, inst: Value) -> None:
        a = self.a
        name = ops.INT_CC[inst.imm]
        load = self.get_sign if name.startswith("s") else self.get_zero
        load(RAX, inst.a)
        load(RCX, inst.b)
        a.cmp(RAX, RCX)
        self.set_if(_INT_CC[name])
        self.put(inst, RAX)

    def set_if(self, code: int) -> None:
        """rax = 1 if the condition holds, else 0."""
        self.a.raw(bytes([0x0F, 0x90 | code, 0xC0, 0x0F, 0xB6, 0xC0]))  # setcc al; movzx eax, al

    def on_select(self, inst: Value) -> None:
        a = self.a
        self.get_zero(RAX, inst.a)
        self.get(RDX, inst.b)
        self.get(RCX, inst.c)
        a.test(RAX, RAX)
        a._rr(b"\x0f\x44", RDX, RCX)  # cmove
        self.put(inst, RDX)

    def on_uextend(self, inst: Value) -> None:
        self.get_zero(RAX, inst.a)
        self.put(inst, RAX)

    def on_sextend(self, inst: Value) -> None:
        self.get_sign(RAX, inst.a)
        self.put(inst, RAX)

    def on_copy(self, inst: Value) -> None:
        self.get(RAX, inst.a)
        self.put(inst, RAX)

    def on_add_trap(self, inst: Value) -> None:
        self.get(RAX, inst.a)
        self.get(RCX, inst.b)
        self.a._rr(b"\x03", RAX, RCX, wide=T.BITS[inst.ty] == 64)
        self.a.jcc("c", self.trap_label(inst.imm))
        self.put(inst, RAX)

    # ---- memory ----

    def access(self, opcode: bytes, reg: int, base: Value, inst: Value, wide: bool,
               prefix: int = 0) -> None:  # fmt: skip
        """A load or store at [base + imm], with its trap."""
        a = self.a
        self.get(RCX, base)
        flags = inst.ext
        assert isinstance(flags, MemFlags)
        if flags.trap:
            self.out.faults.append(len(a.out))
            self.out.traps.append((len(a.out), flags.trap))
        a._rm(opcode, reg, RCX, inst.imm, wide=wide, prefix=prefix)

    def on_load(self, inst: Value) -> None:
        if is_float(inst.ty):
            prefix = 0xF3 if inst.ty == T.F32 else 0xF2
            self.access(b"\x0f\x10", XMM0, inst.a, inst, False, prefix)
            self.put(inst, XMM0)
            return
        bits = T.BITS[inst.ty]
        opcode = {8: b"\x0f\xb6", 16: b"\x0f\xb7"}.get(bits, b"\x8b")
        self.access(opcode, RAX, inst.a, inst, bits == 64)
        self.put(inst, RAX)

    def on_load_extend(self, inst: Value) -> None:
        opcode, wide = _LOADS[inst.op]
        self.access(opcode, RAX, inst.a, inst, wide)
        self.put(inst, RAX)

    def on_store(self, inst: Value) -> None:
        bits = _STORES.get(inst.op, T.BITS[inst.a.ty])
        self.get(RAX, inst.a)
        opcode = b"\x88" if bits == 8 else b"\x89"
        self.access(opcode, RAX, inst.b, inst, bits == 64, 0x66 if bits == 16 else 0)

    # ---- floats ----

    def scalar(self, opcode: int, dst: int, src: int, ty: int) -> None:
        """An SSE operation of f32 or f64."""
        prefix = 0xF3 if ty == T.F32 else 0xF2
        self.a._rr(bytes([0x0F, opcode]), dst, src, wide=False, prefix=prefix)

    def on_float(self, inst: Value) -> None:
        self.get(XMM0, inst.a)
        self.get(XMM1, inst.b)
        self.scalar(_FLOAT[inst.op], XMM0, XMM1, inst.ty)
        self.put(inst, XMM0)

    def on_sqrt(self, inst: Value) -> None:
        self.get(XMM1, inst.a)
        self.scalar(0x51, XMM0, XMM1, inst.ty)
        self.put(inst, XMM0)

    def on_round(self, inst: Value) -> None:
        self.get(XMM1, inst.a)
        # roundss/roundsd xmm0, xmm1, mode | no exception
        opcode = 0x0A if inst.ty == T.F32 else 0x0B
        self.a.raw(bytes([0x66, 0x0F, 0x3A, opcode, 0xC1, _ROUND[inst.op] | 8]))
        self.put(inst, XMM0)

    def compare(self, x: int, y: int, ty: int) -> None:
        """ucomiss/ucomisd"""
        self.a._rr(b"\x0f\x2e", x, y, wide=False, prefix=0x66 if ty == T.F64 else 0)

    def on_fcmp(self, inst: Value) -> None:
        a = self.a
        name = ops.FLOAT_CC[inst.imm]
        self.get(XMM0, inst.a)
        self.get(XMM1, inst.b)
        if name in ("lt", "le", "ugt", "uge"):
            self.compare(XMM1, XMM0, inst.a.ty)  # swapped: the "above" flags are false on NaN
        else:
            self.compare(XMM0, XMM1, inst.a.ty)
        if name in ("eq", "ne"):
            # setnp al / setp al; sete cl / setne cl; and / or
            first, second, join = (0x9B, 0x94, 0x21) if name == "eq" else (0x9A, 0x95, 0x09)
            a.raw(bytes([0x0F, first, 0xC0, 0x0F, second, 0xC1, join, 0xC8, 0x0F, 0xB6, 0xC0]))
        else:
            self.set_if(_FLOAT_CC[name])
        self.put(inst, RAX)

    def on_min_max(self, inst: Value) -> None:
        a, ty = self.a, inst.ty
        minimum = inst.op == ops.FMIN
        nan, differ, done = a.label(), a.label(), a.label()
        self.get(XMM0, inst.a)
        self.get(XMM1, inst.b)
        self.compare(XMM0, XMM1, ty)
        a.raw(b"\x0f\x8a")  # jp
        a._use(nan)
        a.jcc("ne", differ)
        # Equal: the signs of zeros decide. orps for min, andps for max.
        a.raw(b"\x0f\x56\xc1" if minimum else b"\x0f\x54\xc1")
        a.jmp(done)
        a.bind(nan)
        self.scalar(0x58, XMM0, XMM1, ty)
        a.jmp(done)
        a.bind(differ)
        self.scalar(0x5D if minimum else 0x5F, XMM0, XMM1, ty)
        a.bind(done)
        self.put(inst, XMM0)

    def on_sign_bits(self, inst: Value) -> None:
        a = self.a
        sign = 1 << (T.BITS[inst.ty] - 1)
        mask = (1 << T.BITS[inst.ty]) - 1
        self.get(RAX, inst.a)
        if inst.op == ops.FNEG:
            a.movi(RCX, sign)
            a._rr(b"\x33", RAX, RCX)
        elif inst.op == ops.FABS:
            a.movi(RCX, mask ^ sign)
            a._rr(b"\x23", RAX, RCX)
        else:
            a.movi(RCX, mask ^ sign)
            a._rr(b"\x23", RAX, RCX)
            self.get(RDX, inst.b)
            a.movi(RCX, sign)
            a._rr(b"\x23", RDX, RCX)
            a._rr(b"\x0b", RAX, RDX)
        self.put(inst, RAX)

    def on_promote(self, inst: Value) -> None:
        self.get(XMM1, inst.a)
        self.scalar(0x5A, XMM0, XMM1, inst.a.ty)
        self.put(inst, XMM0)

    def from_int(self, dst: int, src: int, ty: int) -> None:
        """cvtsi2ss/sd from a 64-bit register"""
        self.a._rr(b"\x0f\x2a", dst, src, prefix=0xF3 if ty == T.F32 else 0xF2)

    def on_from_sint(self, inst: Value) -> None:
        self.get_sign(RAX, inst.a)
        self.from_int(XMM0, RAX, inst.ty)
        self.put(inst, XMM0)

    def on_from_uint(self, inst: Value) -> None:
        a = self.a
        self.get_zero(RAX, inst.a)
        if T.BITS[inst.a.ty] < 64:
            self.from_int(XMM0, RAX, inst.ty)
        else:
            big, done = a.label(), a.label()
            a.test(RAX, RAX)
            a.jcc("s", big)
            self.from_int(XMM0, RAX, inst.ty)
            a.jmp(done)
            a.bind(big)
            # Half, with the lost bit kept sticky, then doubled.
            a.mov(RCX, RAX)
            a.shri(RAX, 1)
            a.andi(RCX, 1)
            a.or_(RAX, RCX)
            self.from_int(XMM0, RAX, inst.ty)
            self.scalar(0x58, XMM0, XMM0, inst.ty)
            a.bind(done)
        self.put(inst, XMM0)

    def constant(self, xmm: int, power: int, negative: bool, ty: int, below: bool = False) -> None:
        """xmm = ±2**power, or (`below`) the next float away from zero beyond -2**power - 1."""
        bias, fraction = (127, 23) if ty == T.F32 else (1023, 52)
        bits = (power + bias) << fraction
        if below:
            bits += 1 << (fraction - power) if power < fraction else 1
        if negative:
            bits |= 1 << (T.BITS[ty] - 1)
        self.a.movi(RAX, bits)
        # movq xmm, rax
        self.a._rr(b"\x0f\x6e", xmm, RAX, prefix=0x66)

    def to_int(self, src: int, ty: int) -> None:
        """cvttss/sd2si rax, src"""
        self.a._rr(b"\x0f\x2c", RAX, src, prefix=0xF3 if ty == T.F32 else 0xF2)

    def on_to_int(self, inst: Value) -> None:
        """Float to integer, trapping or saturating."""
        a, ty = self.a, inst.a.ty
        signed = inst.op in (ops.FCVT_TO_SINT, ops.FCVT_TO_SINT_SAT)
        saturate = inst.op in (ops.FCVT_TO_SINT_SAT, ops.FCVT_TO_UINT_SAT)
        bits = T.BITS[inst.ty]
        done, nan, low, high = a.label(), a.label(), a.label(), a.label()
        self.get(XMM0, inst.a)
        self.compare(XMM0, XMM0, ty)
        a.raw(b"\x0f\x8a")  # jp
        a._use(nan if saturate else self.trap_label(ops.TRAP_BAD_CONVERSION))
        overflow = 0 if saturate else self.trap_label(ops.TRAP_INTEGER_OVERFLOW)
        # Too large: x >= 2**n.
        self.constant(XMM1, bits - signed, False, ty)
        self.compare(XMM0, XMM1, ty)
        a.jcc("ae", high if saturate else overflow)
        # Too small: x <= -1, or x <= -2**(n-1) - 1 (where that is a float, else x < -2**(n-1)).
        fraction = 23 if ty == T.F32 else 52
        if not signed:
            self.constant(XMM1, 0, True, ty)
            self.compare(XMM0, XMM1, ty)
            a.jcc("be", low if saturate else overflow)
        elif bits - 1 < fraction:
            self.constant(XMM1, bits - 1, True, ty, below=True)
            self.compare(XMM0, XMM1, ty)
            a.jcc("be", low if saturate else overflow)
        else:
            self.constant(XMM1, bits - 1, True, ty)
            self.compare(XMM0, XMM1, ty)
            a.jcc("b", low if saturate else overflow)
        if not signed and bits == 64:
            small = a.label()
            self.constant(XMM1, 63, False, ty)
            self.compare(XMM0, XMM1, ty)
            a.jcc("b", small)
            self.scalar(0x5C, XMM0, XMM1, ty)
            self.to_int(XMM0, ty)
            a.movi(RCX, 1 << 63)
            a.add(RAX, RCX)
            a.jmp(done)
            a.bind(small)
        self.to_int(XMM0, ty)
        if saturate:
            a.jmp(done)
            a.bind(nan)
            a.movi(RAX, 0)
            a.jmp(done)
            a.bind(low)
            a.movi(RAX, -(1 << (bits - 1)) if signed else 0)
            a.jmp(done)
            a.bind(high)
            a.movi(RAX, (1 << (bits - signed)) - 1)
        a.bind(done)
        self.put(inst, RAX)


def _info(inst: Value) -> CallInfo:
    info = inst.ext
    assert isinstance(info, CallInfo)
    return info


_ALU: Final = {
    ops.IADD: b"\x03", ops.ISUB: b"\x2b", ops.IMUL: b"\x0f\xaf", ops.BAND: b"\x23",
    ops.BOR: b"\x0b", ops.BXOR: b"\x33",
}  # fmt: skip
_SHIFT: Final = {ops.ROTL: 0, ops.ROTR: 1, ops.ISHL: 4, ops.USHR: 5, ops.SSHR: 7}
_COUNT: Final = {ops.CLZ: b"\x0f\xbd", ops.CTZ: b"\x0f\xbc", ops.POPCNT: b"\x0f\xb8"}
_INT_CC: Final = {
    "eq": 4, "ne": 5, "slt": 12, "sge": 13, "sgt": 15, "sle": 14, "ult": 2, "uge": 3, "ugt": 7,
    "ule": 6,
}  # fmt: skip
# After a comparison (swapped for lt, le, ugt, uge): a above, ae, b below (or NaN), be.
_FLOAT_CC: Final = {
    "gt": 7, "ge": 3, "lt": 7, "le": 3, "ult": 2, "ule": 6, "ugt": 2, "uge": 6, "ord": 11,
    "uno": 10, "one": 5, "ueq": 4,
}  # fmt: skip
_FLOAT: Final = {ops.FADD: 0x58, ops.FSUB: 0x5C, ops.FMUL: 0x59, ops.FDIV: 0x5E}
_ROUND: Final = {ops.NEAREST: 0, ops.FLOOR: 1, ops.CEIL: 2, ops.TRUNC: 3}
_LOADS: Final = {
    ops.ULOAD8: (b"\x0f\xb6", False), ops.SLOAD8: (b"\x0f\xbe", True),
    ops.ULOAD16: (b"\x0f\xb7", False), ops.SLOAD16: (b"\x0f\xbf", True),
    ops.ULOAD32: (b"\x8b", False), ops.SLOAD32: (b"\x63", True),
}  # fmt: skip
_STORES: Final = {ops.ISTORE8: 8, ops.ISTORE16: 16, ops.ISTORE32: 32}

Template = Callable[[_Compiler, Value], None]
TEMPLATES: Final[list[Template | None]] = [None] * len(ops.ROWS)


def _fill() -> None:
    c = _Compiler
    groups: list[tuple[Template, tuple[int, ...]]] = [
        (c.on_jump, (ops.JUMP,)), (c.on_brif, (ops.BRIF,)), (c.on_br_table, (ops.BR_TABLE,)),
        (c.on_return, (ops.RETURN_,)), (c.on_call, (ops.CALL_, ops.CALL_INDIRECT)),
        (c.on_tail_call, (ops.RETURN_CALL, ops.RETURN_CALL_INDIRECT)),
        (c.on_trap, (ops.TRAP,)), (c.on_trapz, (ops.TRAPZ, ops.TRAPNZ)),
        (c.on_const, (ops.ICONST, ops.F32CONST, ops.F64CONST)),
        (c.on_pinned, (ops.GET_PINNED_REG,)), (c.on_stack_pointer, (ops.GET_STACK_POINTER,)),
        (c.on_stack_addr, (ops.STACK_ADDR,)), (c.on_alu, tuple(_ALU)),
        (c.on_mulhi, (ops.UMULHI, ops.SMULHI)),
        (c.on_not, (ops.BNOT, ops.INEG)), (c.on_shift, tuple(_SHIFT)),
        (c.on_divide, (ops.SDIV, ops.UDIV, ops.SREM, ops.UREM)), (c.on_count, tuple(_COUNT)),
        (c.on_icmp, (ops.ICMP,)), (c.on_select, (ops.SELECT, ops.SELECT_SPECTRE_GUARD)),
        (c.on_uextend, (ops.UEXTEND,)), (c.on_sextend, (ops.SEXTEND,)),
        (c.on_copy, (ops.IREDUCE, ops.BITCAST)), (c.on_add_trap, (ops.UADD_OVERFLOW_TRAP,)),
        (c.on_load, (ops.LOAD,)), (c.on_load_extend, tuple(_LOADS)),
        (c.on_store, (ops.STORE, *_STORES)), (c.on_float, tuple(_FLOAT)),
        (c.on_sqrt, (ops.SQRT,)), (c.on_round, tuple(_ROUND)), (c.on_fcmp, (ops.FCMP,)),
        (c.on_min_max, (ops.FMIN, ops.FMAX)),
        (c.on_sign_bits, (ops.FNEG, ops.FABS, ops.FCOPYSIGN)),
        (c.on_promote, (ops.FPROMOTE, ops.FDEMOTE)), (c.on_from_sint, (ops.FCVT_FROM_SINT,)),
        (c.on_from_uint, (ops.FCVT_FROM_UINT,)),
        (c.on_to_int, (ops.FCVT_TO_SINT, ops.FCVT_TO_UINT, ops.FCVT_TO_SINT_SAT,
                       ops.FCVT_TO_UINT_SAT)),
    ]  # fmt: skip
    for template, opcodes in groups:
        for op in opcodes:
            TEMPLATES[op] = template


_fill()


def compile_baseline(func: Function, trap_call_offset: int) -> CompiledFunction:
    """Machine code of a function in the `tail` convention, traps through [r15 + offset].

    Raises Unsupported for opcodes and types outside scalars up to 64 bits.
    """
    return _Compiler(func, trap_call_offset).compile()
