"""Emission: VCode with allocated registers to bytes.

The frame, from high to low addresses:

    stack arguments (enlarged when a tail call of the function needs more)
    return address                                             rbp + 8
    caller's rbp                                               rbp
    kept registers, spill slots, explicit slots                below rbp, 16-aligned
    stack arguments of calls                                   rsp

Everything in it is addressed from rbp except stack arguments of calls. Traps stand behind the
code, then jump tables and constants.
"""

from __future__ import annotations

from collections.abc import Callable

from grus.backend.emit import (
    ALWAYS,
    CallSiteInfo,
    CodeBuffer,
    CompiledFunction,
    ImplLimit,
    Place,
    Reloc,
)
from grus.backend.regalloc.types import DEF, INT, NOWHERE, SLOT, VREG_SHIFT, Func, Output
from grus.backend.settings import Settings
from grus.backend.vcode import (
    CONSTANT,
    INCOMING,
    OUTGOING,
    SLOT_AREA,
    Address,
    Inst,
    VBlock,
    VCode,
)
from grus.backend.vcode import REG as REG_ADDRESS
from grus.backend.x64 import lower as L
from grus.backend.x64 import pseudo, regs
from grus.backend.x64.encode import RIP, Amode, encode
from grus.backend.x64.insts import IMM, READ, WRITE
from grus.backend.x64.insts import Inst as Row
from grus.backend.x64.lower import TAIL_AREA, X64Lower
from grus.backend.x64.printer import show
from grus.backend.x64.pseudo import CallSite, Cond, Symbol
from grus.backend.x64.regs import R10, R11, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP
from grus.backend.x64.rows import ROWS, operands_of, put, row
from grus.ir import opcodes as ops
from grus.ir.function import Function, GlobalValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_MOV_RR: Final = ROWS[row("mov r/m64, r64")]
_MOV_LOAD: Final = ROWS[row("mov r64, r/m64")]
_MOV_STORE: Final = _MOV_RR
_MOV_LOAD_32: Final = ROWS[row("mov r32, r/m32")]
_MOVAPS: Final = ROWS[row("movaps xmm, xmm/m128")]
_MOVAPS_STORE: Final = ROWS[row("movaps xmm/m128, xmm")]
_XORPS: Final = ROWS[row("xorps xmm, xmm/m128")]
_LEA: Final = ROWS[row("lea r64, m")]
_CALL_RM: Final = ROWS[row("call r/m64")]
_JMP_RM: Final = ROWS[row("jmp r/m64")]
_ADD_RM: Final = ROWS[row("add r64, r/m64")]
_CMP_RM_I8: Final = row("cmp r/m64, imm8")
_CMP_RM_I32: Final = row("cmp r/m64, imm32")
_AND_RM: Final = ROWS[row("and r64, r/m64")]
_SBB_RM: Final = ROWS[row("sbb r64, r/m64")]
_SUB_RI: Final = ROWS[row("sub r/m64, imm32")]
_SUB_SHORT: Final = ROWS[row("sub r/m64, imm8")]
_CMP_RM: Final = ROWS[row("cmp r64, r/m64")]
_MOVSXD: Final = ROWS[row("movsxd r64, r/m32")]
_XOR: Final = ROWS[row("xor r32, r/m32")]
_PUSH: Final = ROWS[row("push r64")]
_POP: Final = ROWS[row("pop r64")]
_RET: Final = ROWS[row("ret")]
_RET_I: Final = ROWS[row("ret imm16")]
_MOV_I64: Final = ROWS[row("movabs r64, imm64")]
_UD2: Final = b"\x0f\x0b"


_READS_FLAGS: Final = frozenset(
    (
        *[number for number, inst in enumerate(ROWS) if inst.reads_flags],
        *(pseudo.BRANCH, pseudo.TRAP_IF, pseudo.FSELECT),
    )
)
_SETS_FLAGS: Final = frozenset(
    number
    for number, inst in enumerate(ROWS)
    if inst.mnemonic in ("add", "sub", "cmp", "test", "and", "or", "xor", "neg")
)


def flags_dead(block: VBlock, at: int) -> bool:
    """True when nobody reads the flags from instruction `at` of the block on; False when that is
    not seen soon.

    No flags live from block to block. Shifts are no end: with a count of 0 they keep the flags.
    """
    end = len(block.insts)
    for index in range(at, min(end, at + 16)):
        row = block.insts[index].row
        if row in _READS_FLAGS:
            return False
        if row in _SETS_FLAGS:
            return True
    return end <= at + 16


_FLAGS_OF_RESULT: Final[dict[int, int]] = {
    rows[size]: size
    for table in (L.ADD, L.SUB, L.AND, L.OR, L.XOR, [L.NEG])
    for rows in table
    for size in (2, 3)
}
"""Sizes of the instructions after which the zero and sign flags are those of what they wrote."""
_TEST_SIZE: Final = {L.TEST_RM_R[size]: size for size in (2, 3)}


class Emitter:
    """Emits one function."""

    __slots__ = (
        "allocs",
        "buf",
        "constants",
        "delta",
        "faults",
        "fixups",
        "frame",
        "func",
        "ir",
        "islands",
        "k",
        "labels",
        "loc",
        "locs",
        "lines_end",
        "listing",
        "lowered",
        "next_block",
        "relocs",
        "result",
        "saved",
        "settings",
        "sites",
        "slot_base",
        "spill_base",
        "tables",
        "trap_call",
        "trap_calls",
        "traps",
        "unwind",
        "vcode",
    )

    def __init__(
        self,
        ir: Function,
        lowered: X64Lower,
        vcode: VCode,
        func: Func,
        output: Output,
        kept: int,
        settings: Settings,
    ) -> None:
        self.ir = ir
        self.lowered = lowered
        self.vcode = vcode
        self.func = func
        self.allocs = output.allocs
        self.settings = settings
        self.buf = CodeBuffer()
        self.k = 0
        self.loc = -1
        self.locs: list[tuple[Place, int]] = []
        self.traps: list[tuple[Place, int]] = []
        self.trap_calls: list[tuple[Place, int]] = []  # return addresses
        self.faults: list[Place] = []
        self.relocs: list[tuple[Place, str, str, int]] = []
        self.sites: list[tuple[Place, CallSite]] = []
        self.islands: list[tuple[int, int, int]] = []  # label, trap code, loc
        self.tables: list[tuple[int, list[VBlock]]] = []
        self.constants: list[int] = [self.buf.label() for _ in lowered.constants]
        self.fixups: list[tuple[Place, Place, int]] = []
        self.trap_call = settings.values["trap_call_offset"]
        self.next_block = -1
        self.result = CompiledFunction(ir.name)
        self.result.align = max(16, 1 << settings.values["log2_min_function_alignment"])
        self._make_frame(output, kept)
        self.labels: list[int] = []
        self.unwind: list[tuple[Place, str, int, int]] = []
        self.listing: list[str] | None = None  # when set: what is emitted, as text
        self.lines_end: list[tuple[Place, int]] = []  # of each line its end and location

    def _make_frame(self, output: Output, kept: int) -> None:
        """Places of kept registers, spill slots and explicit slots, as offsets from rbp."""
        saved = output.written & kept
        at = 0
        self.saved: list[tuple[int, int]] = []
        for reg in range(16):
            if saved >> reg & 1:
                at -= 8
                self.saved.append((reg, at))
        at &= -16
        for reg in range(16, 32):
            if saved >> reg & 1:
                at -= 16
                self.saved.append((reg, at))
        self.spill_base = at - ((8 * output.num_slots + 15) & -16)
        self.slot_base = self.spill_base - self.vcode.slot_size
        self.frame = -self.slot_base + ((self.lowered.outgoing + 15) & -16)
        most = self.settings.values["max_frame"]
        if self.frame > most:
            raise ImplLimit(f"{self.ir.name}: a frame of {self.frame} bytes; at most {most}")
        self.delta = self.lowered.tail_area - self.lowered.layout.stack_args
        self.result.frame_size = self.frame
        self.result.saved = self.saved

    # ---- small pieces ----

    def rr(self, row: Row, reg: int, rm: int, imm: int = 0) -> None:
        """An instruction with two registers (or a digit and one)."""
        put(self.buf.out, row, reg, rm, imm)
        if self.listing is not None:
            self.note(row, operands_of(row, reg, rm, imm))

    def line(self, text: str) -> None:
        """Add to the listing what was just emitted."""
        assert self.listing is not None
        self.listing.append(text)
        self.lines_end.append((self.buf.place(), self.loc))

    def jump(self, condition: int, label: int) -> None:
        """Jump to a label, always or under a condition."""
        self.buf.jump(condition, label)
        if self.listing is not None:
            name = "jmp" if condition == ALWAYS else "j" + L.CC_NAMES[condition]
            where = next((f"block{n}" for n, at in enumerate(self.labels) if at == label), "")
            self.line(f"  {name} {where or f'.L{label}'}")

    def note(self, row: Row, operands: tuple[int | Amode, ...]) -> None:
        """Add an instruction to the listing."""
        self.line("  " + show(row, operands))

    def raw(self, code: bytes, text: str) -> None:
        """Bytes that are no row of the table, with their text in the listing."""
        self.buf.out += code
        if self.listing is not None:
            self.line("  " + text)

    def stack(self, size: int) -> None:
        """Move the stack pointer down."""
        self.rr(_SUB_SHORT if size < 128 else _SUB_RI, 0, RSP, size)

    def memory(self, row: Row, reg: int, mem: Amode, imm: int = 0) -> None:
        """An instruction with a memory operand."""
        place = put(self.buf.out, row, reg, mem, imm)
        if self.listing is not None:
            self.note(row, operands_of(row, reg, mem, imm))
        if place >= 0:
            self.fixups.append(((place, len(self.buf.jump_at)), self.buf.place(), mem.label))

    def move(self, src: int, dst: int, cls: int) -> None:
        """One edit of the allocation."""
        if src >= SLOT:
            load = _MOV_LOAD if cls == INT else _MOVAPS
            self.memory(load, dst, self.slot(src))
        elif dst >= SLOT:
            store = _MOV_STORE if cls == INT else _MOVAPS_STORE
            self.memory(store, src, self.slot(dst))
        elif cls == INT:
            self.rr(_MOV_RR, src, dst)
        else:
            self.rr(_MOVAPS, dst, src)

    def slot(self, allocation: int) -> Amode:
        """A spill slot."""
        return Amode(RBP, self.spill_base + 8 * (allocation - SLOT))

    def address(self, address: Address) -> Amode:
        """The memory of an address; takes its registers from the allocations."""
        kind = address.kind
        if kind == CONSTANT:
            mem = Amode(RIP, 0)
            mem.label = self.constants[address.label]
            return mem
        disp = address.disp
        base = -1
        if kind == REG_ADDRESS:
            if address.base >= 0:
                base = self.allocs[self.k]
                self.k += 1
        elif kind == SLOT_AREA:
            base = RBP
            disp += self.slot_base
        elif kind == INCOMING:
            base = RBP
            disp += 16 + self.delta
        elif kind == OUTGOING:
            base = RSP
        else:
            assert kind == TAIL_AREA
            base = RBP
            disp += 16 + self.lowered.tail_area
        index = -1
        if address.index >= 0:
            index = self.allocs[self.k]
            self.k += 1
        return Amode(base, disp, index, 1 << address.shift)

    def trap_here(self, code: int) -> None:
        """A trap that is reached by falling into it."""
        if self.trap_call < 0:
            self.traps.append((self.buf.place(), code))
            self.buf.out += _UD2
        else:
            self.memory(_CALL_RM, 0, Amode(R15, self.trap_call))
            self.trap_calls.append((self.buf.place(), code))

    def jump_if(self, cond: Cond, label: int) -> None:
        """Jump when a condition holds."""
        if cond.mode == Cond.AND:
            skip = self.buf.label()
            self.jump(cond.first ^ 1, skip)
            self.jump(cond.second, label)
            self.buf.bind(skip)
        else:
            self.jump(cond.first, label)
            if cond.mode == Cond.OR:
                self.jump(cond.second, label)

    # ---- the function ----

    def run(self, output: Output) -> CompiledFunction:
        """Emit everything."""
        self.prologue()
        blocks = self.vcode.blocks
        insn_start = self.func.insn_start
        starts = self.func.operand_start
        is_move = self.func.is_move
        classes = self.func.vreg_class
        operands = self.func.operands
        allocs = self.allocs
        edit_pos, edit_src, edit_dst = output.edit_pos, output.edit_src, output.edit_dst
        edit_class = output.edit_class
        edits = len(edit_pos)
        order = self.thread(output)
        padding = self.settings.values["bb_padding_log2_minus_one"]
        filler = b"\xcc" * (1 << padding - 1) if padding else b""
        e = 0
        for at, number in enumerate(order):
            block = blocks[number]
            self.next_block = order[at + 1] if at + 1 < len(order) and not filler else -1
            self.buf.bind(self.labels[number])
            if self.listing is not None:
                self.line(f"block{number}:")
            i = first = insn_start[number]
            while e < edits and edit_pos[e] < 2 * i:
                e += 1  # edits of blocks left out: there are none
            for inst in block.insts:
                while e < edits and edit_pos[e] <= 2 * i:
                    self.move(edit_src[e], edit_dst[e], edit_class[e])
                    e += 1
                if inst.loc != self.loc:
                    self.loc = inst.loc
                    self.locs.append((self.buf.place(), inst.loc))
                k = starts[i]
                self.k = k
                if is_move[i]:
                    src, dst = allocs[k], allocs[k + 1]
                    if src != dst and dst != NOWHERE:
                        self.move(src, dst, classes[operands[k] >> 11])
                elif inst.row < 0:
                    PSEUDO[-inst.row](self, inst)
                elif inst.row in _TEST_SIZE and self.flags_are_set(block, i - first, i):
                    pass
                elif inst.row == L.MOVI_32 and inst.imm == 0 and flags_dead(block, i + 1 - first):
                    self.rr(_XOR, allocs[k], allocs[k])
                else:
                    self.instruction(inst, ROWS[inst.row])
                while e < edits and edit_pos[e] == 2 * i + 1:
                    self.move(edit_src[e], edit_dst[e], edit_class[e])
                    e += 1
                i += 1
            self.buf.out += filler
        self.islands_and_constants()
        return self.finish()

    def flags_are_set(self, block: VBlock, at: int, i: int) -> bool:
        """True when instruction `at` of the block, a `test`, `i` of all, compares with zero what
        the instruction before it made, for a branch on the zero or sign flag."""
        insts = block.insts
        asked = self.func.operands
        k = self.func.operand_start[i]
        if at == 0 or at + 2 != len(insts) or insts[at + 1].row != pseudo.BRANCH:
            return False
        if asked[k] != asked[k + 1] or insts[at].mem is not None:
            return False
        before = insts[at - 1]
        if _FLAGS_OF_RESULT.get(before.row, -1) != _TEST_SIZE[insts[at].row]:
            return False
        branch = insts[at + 1].ext
        assert isinstance(branch, tuple)
        cond = branch[0]
        if cond.mode != Cond.ONE or cond.first not in (L.E, L.NE, L.S, L.NS):
            return False
        start = self.func.operand_start[i - 1]
        return any(
            [op & DEF and op >> VREG_SHIFT == asked[k] >> VREG_SHIFT for op in asked[start:k]]
        )

    def thread(self, output: Output) -> list[int]:
        """Bind empty blocks to where they jump; gives the blocks that remain."""
        blocks = self.vcode.blocks
        count = len(blocks)
        self.labels = [self.buf.label() for _ in range(count)]
        insn_start = self.func.insn_start
        edited = set(output.edit_pos)
        forward = list(range(count))
        for number in range(1, count):
            block = blocks[number]
            if len(block.insts) == 1 and block.insts[0].row == pseudo.JUMP:
                i = insn_start[number]
                if 2 * i not in edited and 2 * i + 1 not in edited:
                    forward[number] = block.edges[0].num
        order: list[int] = []
        for number in range(count):
            path: list[int] = []
            target = number
            while forward[target] != target and len(path) <= count:
                path.append(target)
                target = forward[target]
            if len(path) > count:  # a loop of nothing: this block of it stays
                forward[number] = target = number
            for step in path:
                if step != number:
                    forward[step] = target
            forward[number] = target
            if target == number:
                order.append(number)
            else:
                self.labels[number] = self.labels[target]
        return order

    def instruction(self, inst: Inst, row: Row) -> None:
        """Emit an instruction of the table."""
        allocs = self.allocs
        asked = self.func.operands
        k = self.k
        operands: list[int | Amode] = []
        for op in row.encoded:
            if op.place == IMM:
                operands.append(inst.imm)
                continue
            if op.mem_ok and inst.mem is not None:
                self.k = k
                operands.append(self.address(inst.mem))
                k = self.k
                continue
            # Read and written: a use, then the definition that shares its register. Rows that
            # keep an upper part nobody reads are given a definition only.
            if op.access == READ | WRITE and not asked[k] & DEF:
                k += 1
            a = allocs[k]
            k += 1
            operands.append(self.slot(a) if a >= SLOT else a)
        buf = self.buf
        if inst.mem is not None and inst.mem.trap:
            here = buf.place()
            self.traps.append((here, inst.mem.trap))
            self.faults.append(here)
        place = encode(row, tuple(operands), buf.out)
        if self.listing is not None:
            self.note(row, tuple(operands))
        if place >= 0:
            assert inst.mem is not None
            label = self.constants[inst.mem.label]
            self.fixups.append(((place, len(buf.jump_at)), buf.place(), label))

    def prologue(self) -> None:
        if self.delta:
            # Move the return address down: the area of stack arguments becomes larger.
            self.stack(self.delta)
            self.unwind.append((self.buf.place(), "cfa", RSP, 8 + self.delta))
            self.memory(_MOV_LOAD, R11, Amode(RSP, self.delta))
            self.memory(_MOV_STORE, R11, Amode(RSP, 0))
            self.unwind.append((self.buf.place(), "cfa", RSP, 8))
        self.rr(_PUSH, RBP, 0)
        self.unwind.append((self.buf.place(), "cfa", RSP, 16))
        self.unwind.append((self.buf.place(), "saved", RBP, -16))
        self.rr(_MOV_RR, RSP, RBP)
        self.unwind.append((self.buf.place(), "cfa", RBP, 16))
        if self.ir.stack_limit is not None:
            self.check_stack(self.ir.stack_limit)
        if self.settings.values["enable_probestack"]:
            self.probe()
        if self.frame:
            self.stack(self.frame)
            self.unwind.append((self.buf.place(), "alloc", RSP, self.frame))
        for reg, at in self.saved:
            self.move_saved(reg, at, True)
            self.unwind.append((self.buf.place(), "saved", reg, at - 16))

    def check_stack(self, limit: GlobalValue) -> None:
        """Trap when rsp less the frame is below the function's stack limit."""
        reg = self.global_value(limit)
        if self.frame + 128 > 1 << 12:
            self.memory(_LEA, R11, Amode(reg, self.frame))
            reg = R11
        self.rr(_CMP_RM, RSP, reg)
        label = self.buf.label()
        self.islands.append((label, ops.TRAP_STACK_OVERFLOW, -1))
        self.jump(L.B, label)

    def global_value(self, value: GlobalValue) -> int:
        """Load a global value to r10 in the prologue, where arguments are still in place."""
        chain: list[GlobalValue] = []
        at: GlobalValue | None = value
        while at is not None and at.kind != "vmctx":
            chain.append(at)
            at = at.base
        reg = R10
        for index, param in enumerate(self.ir.sig.params):
            if param.purpose == "vmctx":
                reg = self.lowered.layout.args[index][0].reg
        for step in reversed(chain):
            if step.kind == "load":
                self.memory(_MOV_LOAD, R10, Amode(reg, step.offset))
            elif step.kind == "iadd_imm":
                self.memory(_LEA, R10, Amode(reg, step.offset))
            else:
                raise ImplLimit(f"{self.ir.name}: stack limit by a {step.kind} global value")
            reg = R10
        return reg

    def probe(self) -> None:
        """Touch every page of a frame larger than one."""
        step = 1 << self.settings.values["probestack_size_log2"]
        for at in range(step, self.frame + 1, step):
            self.memory(ROWS[row("or r/m32, imm8")], 0, Amode(RSP, -at), 0)

    def move_saved(self, reg: int, at: int, save: bool) -> None:
        mem = Amode(RBP, at)
        if reg < 16:
            self.memory(_MOV_STORE if save else _MOV_LOAD, reg, mem)
        else:
            self.memory(_MOVAPS_STORE if save else _MOVAPS, reg, mem)

    def restore(self) -> None:
        for reg, at in self.saved:
            self.move_saved(reg, at, False)

    def islands_and_constants(self) -> None:
        buf = self.buf
        for label, code, loc in self.islands:
            buf.bind(label)
            if loc != self.loc:
                self.loc = loc
                self.locs.append((buf.place(), loc))
            name = f".L{label}: trap {ops.trap_name(code)}"
            if self.listing is not None and self.trap_call >= 0:
                self.line(name)
            self.trap_here(code)
            if self.listing is not None and self.trap_call < 0:
                self.line(name)

    # ---- the end ----

    def finish(self) -> CompiledFunction:
        """Choose jumps, append tables and constants, resolve labels."""
        buf = self.buf
        sizes = buf.layout(2, 5, 6)
        result = self.result
        code = bytearray()
        at = 0
        out = buf.out
        offsets = buf.offsets
        for n, size in enumerate(sizes):
            place = buf.jump_at[n]
            code += out[at:place]
            at = place
            distance = buf.offset(buf.labels[buf.jump_label[n]]) - place - offsets[n + 1]
            cc = buf.jump_cc[n]
            if size == 2:
                code.append(0xEB if cc == ALWAYS else 0x70 | cc)
                code.append(distance & 0xFF)
            else:
                if cc == ALWAYS:
                    code.append(0xE9)
                else:
                    code.append(0x0F)
                    code.append(0x80 | cc)
                code += (distance & 0xFFFFFFFF).to_bytes(4, "little")
        code += out[at:]
        data: dict[int, int] = {}
        for label, edges in self.tables:
            code += b"\xcc" * (-len(code) & 3)
            start = len(code)
            data[label] = start
            for edge in edges[1:]:
                target = buf.offset(buf.labels[self.labels[edge.num]])
                code += (target - start & 0xFFFFFFFF).to_bytes(4, "little")
        for number, constant in enumerate(self.lowered.constants):
            code += b"\xcc" * (-len(code) & len(constant) - 1)
            data[self.constants[number]] = len(code)
            code += constant
        for field, end, label in self.fixups:
            target = data[label] if label in data else buf.offset(buf.labels[label])
            at = buf.offset(field)
            relative = target - buf.offset(end)
            code[at : at + 4] = (relative & 0xFFFFFFFF).to_bytes(4, "little")
        result.code = bytes(code)
        result.traps = [(buf.offset(place), trap) for place, trap in self.traps]
        result.traps += [(buf.offset(place) - 1, trap) for place, trap in self.trap_calls]
        result.traps.sort()
        result.faults = [buf.offset(place) for place in self.faults]
        result.unwind = [
            (buf.offset(where), what, reg, value) for where, what, reg, value in self.unwind
        ]
        result.locs = [(buf.offset(place), loc) for place, loc in self.locs]
        for where, kind, name, addend in self.relocs:
            result.relocs.append(Reloc(buf.offset(where), kind, name, addend))
        for where, site in self.sites:
            result.call_sites.append(self.call_site(buf.offset(where), site))
        return result

    def call_site(self, offset: int, site: CallSite) -> CallSiteInfo:
        info = CallSiteInfo(offset)
        if site.info is None:
            return info
        for entry in site.info.stack_map:
            slot = self.slot_base + self.vcode.slot_offsets[entry.slot.num]
            info.stack_map.append((entry.kind, slot + entry.offset, entry.ty))
        for handler in site.info.handlers:
            if handler.kind != "context":
                label = self.labels[site.edges[handler.target].num]
                target = self.buf.offset(self.buf.labels[label])
                info.handlers.append((handler.kind, handler.tag, target))
        info.tags = [tag for tag in site.info.tags if isinstance(tag, int)]
        return info


# ---- pseudo instructions ----


def _args(e: Emitter, inst: Inst) -> None:
    pass


def _zero_float(e: Emitter, inst: Inst) -> None:
    a = e.allocs[e.k]
    e.rr(_XORPS, a, a)


def _jump(e: Emitter, inst: Inst) -> None:
    edge = inst.ext
    assert isinstance(edge, VBlock)
    label = e.labels[edge.num]
    if e.next_block < 0 or e.labels[e.next_block] != label:
        e.jump(ALWAYS, label)


def _branch(e: Emitter, inst: Inst) -> None:
    assert isinstance(inst.ext, tuple)
    cond, then, other = inst.ext
    then_label, other_label = e.labels[then.num], e.labels[other.num]
    following = e.labels[e.next_block] if e.next_block >= 0 else -1
    if then_label == following:
        cond = cond.negated()
        then_label, other_label = other_label, then_label
    e.jump_if(cond, then_label)
    if other_label != following:
        e.jump(ALWAYS, other_label)


def _jump_table(e: Emitter, inst: Inst) -> None:
    edges = inst.ext
    assert isinstance(edges, list)
    index, table, entry = e.allocs[e.k], e.allocs[e.k + 1], e.allocs[e.k + 2]
    count = len(edges) - 1
    e.rr(ROWS[_CMP_RM_I8 if count < 128 else _CMP_RM_I32], 0, index, count)
    e.jump(L.AE, e.labels[edges[0].num])
    if inst.imm:  # an index that is out of bounds after all is 0
        e.rr(_SBB_RM, entry, entry)
        e.rr(_AND_RM, entry, index)
        index = entry
    label = e.buf.label()
    mem = Amode(RIP, 0)
    mem.label = label
    e.memory(_LEA, table, mem)
    e.memory(_MOVSXD, entry, Amode(table, 0, index, 4))
    e.rr(_ADD_RM, entry, table)
    e.rr(_JMP_RM, 0, entry)
    e.tables.append((label, edges))


def _call(e: Emitter, inst: Inst) -> None:
    site = inst.ext
    assert isinstance(site, CallSite)
    if site.slot is not None:
        e.memory(_CALL_RM, 0, Amode(RDI, site.slot))
    elif site.symbol is None:
        e.rr(_CALL_RM, 0, e.allocs[e.k])
    else:
        (at, jumps), name = e.buf.place(), site.symbol.name
        e.raw(b"\xe8\0\0\0\0", f"call {name}")
        e.relocs.append(((at + 1, jumps), "X86CallPCRel4", name, -4))
    e.sites.append((e.buf.place(), site))
    if site.pops:
        e.stack(site.pops)
    edges = site.edges
    if edges and any([edge is not edges[0] for edge in edges]):
        label = e.labels[edges[0].num]  # else a jump follows
        if e.next_block < 0 or e.labels[e.next_block] != label:
            e.jump(ALWAYS, label)


def _return(e: Emitter, inst: Inst) -> None:
    e.restore()
    _leave(e)
    pops = e.lowered.tail_area if e.lowered.layout.callee_pops else 0
    if pops == 0:
        e.rr(_RET, 0, 0)
    elif pops < 1 << 16:
        e.rr(_RET_I, 0, 0, pops)
    else:
        e.rr(_POP, R11, 0)
        e.memory(_LEA, RSP, Amode(RSP, pops))
        e.rr(_JMP_RM, 0, R11)


def _leave(e: Emitter) -> None:
    if e.frame:
        e.rr(_MOV_RR, RBP, RSP)
    e.rr(_POP, RBP, 0)


def _tail_call(e: Emitter, inst: Inst) -> None:
    site = inst.ext
    assert isinstance(site, CallSite)
    e.restore()
    spare = e.lowered.tail_area - site.pops
    if spare == 0:
        _leave(e)
    else:
        e.memory(_MOV_LOAD, R11, Amode(RBP, 8))
        e.memory(_LEA, RSP, Amode(RBP, 8 + spare))
        e.memory(_MOV_LOAD, RBP, Amode(RBP, 0))
        e.memory(_MOV_STORE, R11, Amode(RSP, 0))
    if site.slot is not None:
        e.memory(_JMP_RM, 0, Amode(RDI, site.slot))
    elif site.symbol is None:
        e.rr(_JMP_RM, 0, R10)
    else:
        (at, jumps), name = e.buf.place(), site.symbol.name
        e.raw(b"\xe9\0\0\0\0", f"jmp {name}")
        e.relocs.append(((at + 1, jumps), "X86CallPCRel4", name, -4))


def _trap(e: Emitter, inst: Inst) -> None:
    e.trap_here(inst.imm)
    if e.listing is not None and e.trap_call < 0:
        e.line("  ud2")


def _trap_if(e: Emitter, inst: Inst) -> None:
    assert isinstance(inst.ext, tuple)
    cond, code = inst.ext
    label = e.buf.label()
    e.islands.append((label, code, inst.loc))
    e.jump_if(cond, label)


def _symbol(e: Emitter, inst: Inst) -> None:
    symbol = inst.ext
    assert isinstance(symbol, Symbol)
    dst = e.allocs[e.k]
    pic = e.settings.values["is_pic"]
    if not symbol.colocated and not pic:
        e.rr(_MOV_I64, dst, 0)
        e.relocs.append(
            ((len(e.buf.out) - 8, len(e.buf.jump_at)), "Abs8", symbol.name, symbol.offset)
        )
        return
    load = _LEA if symbol.colocated else _MOV_LOAD
    place = put(e.buf.out, load, dst, Amode(RIP))
    if e.listing is not None:
        e.line(f"  {load.mnemonic} {regs.name(dst)}, [rip + {symbol.name}]")
    kind = "X86PCRel4" if symbol.colocated else "X86GOTPCRel4"
    offset = symbol.offset if symbol.colocated else 0
    e.relocs.append(((place, len(e.buf.jump_at)), kind, symbol.name, offset - 4))
    if not symbol.colocated and symbol.offset:
        e.memory(_LEA, dst, Amode(dst, symbol.offset))


def _sdiv_check(e: Emitter, inst: Inst) -> None:
    """Trap for the smallest value divided by -1: only it overflows when 1 is subtracted."""
    a, b = e.allocs[e.k], e.allocs[e.k + 1]
    compare = ROWS[L.CMP[1][inst.imm]]
    skip, trap = e.buf.label(), e.buf.label()
    e.rr(compare, 0, b, -1)
    e.jump(L.NE, skip)
    e.rr(compare, 0, a, 1)
    e.jump(L.OV, trap)
    e.buf.bind(skip)
    e.islands.append((trap, ops.TRAP_INTEGER_OVERFLOW, inst.loc))


def _srem(e: Emitter, inst: Inst) -> None:
    """The remainder by -1 is 0; the machine would trap for the smallest value."""
    divisor = e.allocs[e.k]
    skip, done = e.buf.label(), e.buf.label()
    e.rr(ROWS[L.CMP[1][inst.imm]], 0, divisor, -1)
    e.jump(L.E, skip)
    e.rr(ROWS[L.IDIV[inst.imm]], 0, divisor)
    e.jump(ALWAYS, done)
    e.buf.bind(skip)
    e.rr(ROWS[L.XOR[0][2]], RDX, RDX)
    e.buf.bind(done)


def _fselect(e: Emitter, inst: Inst) -> None:
    cond = inst.ext
    assert isinstance(cond, Cond)
    dst, chosen = e.allocs[e.k + 1], e.allocs[e.k + 2]
    skip = e.buf.label()
    e.jump_if(cond.negated(), skip)
    e.rr(_MOVAPS, dst, chosen)
    e.buf.bind(skip)


def _fminmax(e: Emitter, inst: Inst) -> None:
    """min and max of the machine give the second operand for NaN and equal zeros."""
    dst, other = e.allocs[e.k + 1], e.allocs[e.k + 2]
    double = inst.imm & 1
    maximum = inst.imm & 2
    differ, nan, done = e.buf.label(), e.buf.label(), e.buf.label()
    e.rr(ROWS[L.UCOMIS[double]], dst, other)
    e.jump(L.NE, differ)
    e.jump(L.P, nan)
    e.rr(ROWS[L.ANDPS if maximum else L.ORPS], dst, other)  # the signs of zeros
    e.jump(ALWAYS, done)
    e.buf.bind(nan)
    e.rr(ROWS[L.ADDS[double]], dst, other)
    e.jump(ALWAYS, done)
    e.buf.bind(differ)
    e.rr(ROWS[(L.MAXS if maximum else L.MINS)[double]], dst, other)
    e.buf.bind(done)


LOOP_ALU: Final = {
    ops.RMW_AND: L.AND,
    ops.RMW_NAND: L.AND,
    ops.RMW_OR: L.OR,
    ops.RMW_XOR: L.XOR,
}
LOOP_CMOV: Final = {
    ops.RMW_UMIN: L.A,
    ops.RMW_UMAX: L.B,
    ops.RMW_SMIN: L.G,
    ops.RMW_SMAX: L.L,
}


def _fault(e: Emitter, address: Address) -> None:
    if address.trap:
        here = e.buf.place()
        e.traps.append((here, address.trap))
        e.faults.append(here)


def _atomic_loop(e: Emitter, inst: Inst) -> None:
    """Compute and compare-exchange until nobody came between."""
    assert inst.mem is not None
    op, size = inst.imm & 0xFF, inst.imm >> 8
    mem = e.address(inst.mem)
    operand, fresh = e.allocs[e.k], e.allocs[e.k + 2]
    again = e.buf.label()
    _fault(e, inst.mem)
    e.memory(ROWS[L.LOAD_INT[size]], RAX, mem)
    e.buf.bind(again)
    e.rr(_MOV_RR, RAX, fresh)
    if op in LOOP_ALU:
        e.rr(ROWS[LOOP_ALU[op][0][size]], fresh, operand)
        if op == ops.RMW_NAND:
            e.rr(ROWS[L.NOT[size]], 0, fresh)
    else:
        e.rr(ROWS[L.CMP[0][size]], RAX, operand)
        e.rr(ROWS[L.CMOV[3][LOOP_CMOV[op]]], fresh, operand)
    _fault(e, inst.mem)
    e.memory(ROWS[L.LOCK_CMPXCHG[size]], fresh, mem)
    e.jump(L.NE, again)


_PAIR_ALU: Final = {
    ops.RMW_ADD: (L.ADD, L.ADC),
    ops.RMW_SUB: (L.SUB, L.SBB),
    ops.RMW_AND: (L.AND, L.AND),
    ops.RMW_NAND: (L.AND, L.AND),
    ops.RMW_OR: (L.OR, L.OR),
    ops.RMW_XOR: (L.XOR, L.XOR),
}
_PAIR_CMOV: Final = {
    ops.RMW_UMIN: L.AE,
    ops.RMW_UMAX: L.B,
    ops.RMW_SMIN: L.GE,
    ops.RMW_SMAX: L.L,
}


def _atomic_loop_128(e: Emitter, inst: Inst) -> None:
    assert inst.mem is not None
    op = inst.imm
    mem = e.address(inst.mem)
    upper = Amode(mem.base, mem.disp + 8, mem.index, mem.scale)
    lo, hi = e.allocs[e.k], e.allocs[e.k + 1]
    again = e.buf.label()
    _fault(e, inst.mem)
    e.memory(_MOV_LOAD, RAX, mem)
    _fault(e, inst.mem)
    e.memory(_MOV_LOAD, RDX, upper)
    e.buf.bind(again)
    if op == ops.RMW_XCHG:
        e.rr(_MOV_LOAD, RBX, lo)
        e.rr(_MOV_LOAD, RCX, hi)
    elif op in _PAIR_ALU:
        e.rr(_MOV_LOAD, RBX, RAX)
        e.rr(_MOV_LOAD, RCX, RDX)
        low, high = _PAIR_ALU[op]
        e.rr(ROWS[low[0][3]], RBX, lo)
        e.rr(ROWS[high[0][3]], RCX, hi)
        if op == ops.RMW_NAND:
            e.rr(ROWS[L.NOT[3]], 0, RBX)
            e.rr(ROWS[L.NOT[3]], 0, RCX)
    else:
        e.rr(_MOV_LOAD, RBX, RDX)
        e.rr(_CMP_RM, RAX, lo)
        e.rr(ROWS[L.SBB[0][3]], RBX, hi)
        e.rr(_MOV_LOAD, RBX, RAX)
        e.rr(_MOV_LOAD, RCX, RDX)
        e.rr(ROWS[L.CMOV[3][_PAIR_CMOV[op]]], RBX, lo)
        e.rr(ROWS[L.CMOV[3][_PAIR_CMOV[op]]], RCX, hi)
    _fault(e, inst.mem)
    e.memory(ROWS[L.LOCK_CMPXCHG16B], 0, mem)
    e.jump(L.NE, again)


def _handler_address(e: Emitter, inst: Inst) -> None:
    assert isinstance(inst.ext, tuple)
    block, target = inst.ext
    mem = Amode(RIP, 0)
    mem.label = e.labels[e.lowered.handlers[block][target].num]
    e.memory(_LEA, e.allocs[e.k], mem)


def _move_int_32(e: Emitter, inst: Inst) -> None:
    dst, src = e.allocs[e.k], e.allocs[e.k + 1]
    if src >= SLOT:
        e.memory(_MOV_LOAD_32, dst, e.slot(src))
    else:
        e.rr(_MOV_LOAD_32, dst, src)


def _get_fp(e: Emitter, inst: Inst) -> None:
    e.rr(_MOV_LOAD, e.allocs[e.k], RSP if inst.imm else RBP)


def _get_return(e: Emitter, inst: Inst) -> None:
    e.memory(_MOV_LOAD, e.allocs[e.k], Amode(RBP, 8))


_TLS_GET_ADDR: Final = "%__tls_get_addr"
_TLS_INDEX: Final = "%_tls_index"


def _tls_address(e: Emitter, inst: Inst) -> None:
    symbol = inst.ext
    assert isinstance(symbol, Symbol)
    _tls_code(e, symbol, inst.imm)
    e.raw(b"", f"tls_value rax, {symbol.name}")
    if symbol.offset and inst.imm in (pseudo.TLS_ELF_GD, pseudo.TLS_MACHO):
        e.memory(_LEA, RAX, Amode(RAX, symbol.offset))


def _tls_code(e: Emitter, symbol: Symbol, model: int) -> None:
    """rax = the address of a thread-local symbol. Linkers know these sequences byte by byte.

    Sources: Drepper, "ELF Handling For Thread-Local Storage", 4.1 and 4.4; Microsoft, "PE Format",
    the .tls section; Apple, `dyld/doc` on thread-local variables.
    """
    out = e.buf.out
    if model == pseudo.TLS_ELF_GD:
        out += bytes.fromhex("66 48 8d 3d")  # data16 lea rdi, [rip + symbol@tlsgd]
        _tls_field(e, "ElfX86_64TlsGd", symbol.name, -4)
        out += bytes.fromhex("66 66 48 e8")  # data16 data16 rex.w call __tls_get_addr@plt
        _tls_field(e, "X86CallPLTRel4", _TLS_GET_ADDR, -4)
    elif model == pseudo.TLS_MACHO:
        out += bytes.fromhex("48 8b 3d")  # mov rdi, [rip + symbol@tlvp]
        _tls_field(e, "MachOX86_64Tlv", symbol.name, -4)
        out += bytes.fromhex("ff 17")  # call [rdi]
    elif model == pseudo.TLS_COFF:
        out += bytes.fromhex("8b 05")  # mov eax, [rip + _tls_index]
        _tls_field(e, "X86PCRel4", _TLS_INDEX, -4)
        out += bytes.fromhex("65 48 8b 0c 25 58 00 00 00")  # mov rcx, gs:[0x58]
        out += bytes.fromhex("48 8b 04 c1")  # mov rax, [rcx + 8 * rax]
        out += bytes.fromhex("48 8d 80")  # lea rax, [rax + symbol@secrel32]
        _tls_field(e, "X86SecRel", symbol.name, symbol.offset)
    else:
        assert model == pseudo.TLS_ELF_LE
        out += bytes.fromhex("64 48 8b 04 25 00 00 00 00")  # mov rax, fs:[0]
        out += bytes.fromhex("48 8d 80")  # lea rax, [rax + symbol@tpoff]
        _tls_field(e, "ElfX86_64TpOff", symbol.name, symbol.offset)


def _stack_switch(e: Emitter, inst: Inst) -> None:
    """rcx: where this context is kept, rdx: the one to go on with; both may be the same."""
    for reg, at in ((RSP, 0), (RBP, 8)):
        e.memory(_MOV_LOAD, RAX, Amode(RDX, at))
        e.memory(_MOV_STORE, reg, Amode(RCX, at))
        e.rr(_MOV_LOAD, reg, RAX)
    back = e.buf.label()
    mem = Amode(RIP, 0)
    mem.label = back
    e.memory(_MOV_LOAD, RAX, Amode(RDX, 16))
    e.memory(_LEA, RSI, mem)
    e.memory(_MOV_STORE, RSI, Amode(RCX, 16))
    e.rr(_JMP_RM, 0, RAX)
    e.buf.bind(back)


def _tls_field(e: Emitter, kind: str, name: str, addend: int) -> None:
    e.relocs.append((e.buf.place(), kind, name, addend))
    e.buf.out += bytes(4)


def _moves_are_not_emitted_here(e: Emitter, inst: Inst) -> None:
    raise AssertionError


PSEUDO: Final[list[Callable[[Emitter, Inst], None]]] = [
    _moves_are_not_emitted_here,
    _args,
    _moves_are_not_emitted_here,
    _moves_are_not_emitted_here,
    _zero_float,
    _jump,
    _branch,
    _jump_table,
    _call,
    _tail_call,
    _return,
    _trap,
    _trap_if,
    _symbol,
    _sdiv_check,
    _srem,
    _fselect,
    _fminmax,
    _atomic_loop,
    _atomic_loop_128,
    _handler_address,
    _move_int_32,
    _get_fp,
    _get_return,
    _tls_address,
    _stack_switch,
]
"""By `-row`."""
