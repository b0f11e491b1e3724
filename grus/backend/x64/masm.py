"""The macro assembler of the one-pass compiler of wasm (`engine/translate/onepass.py`).

It knows registers, instructions and the conventions of wasm code (docs/abi.md), and nothing of wasm
but what its instructions do. An instruction is encoded once: its bytes are remembered by form and
operands.

The frame: the caller's `r14` and `rbx`, then words numbered from 0. `r14` is the instance context,
`rbx` the base of memory 0, `r10`, `r11` and `xmm15` belong to the macro assembler.
"""

from __future__ import annotations

from grus.backend import masm as M
from grus.backend.emit import CompiledFunction, Reloc
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
from grus.base.layout import FUNCREF, MEMORY, STORE, TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NEEDS: Final = ("sse41", "popcnt", "lzcnt", "bmi1")
"""Features of the processor, by the names of flags, that code uses without asking."""
FREE_INTS: Final = (R9, R8, RDI, RSI, RDX, RCX, RAX)
"""For operands; the last is taken first."""
FREE_FLOATS: Final = tuple(range(XMM0 + 14, XMM0 - 1, -1))
LEAF_INTS: Final = (RDI, R8, R9)
LEAF_FLOATS: Final = tuple(range(XMM0 + 8, XMM0 + 15))
"""For locals of functions without calls."""
KEPT_INTS: Final = (R12, R13)
"""For locals of all functions; calls keep them."""
SHIFT_COUNT: Final = RCX
DIVIDEND: Final = RAX
"""Holds a quotient after."""
REMAINDER: Final = RDX
"""Destroyed by every division."""
BULK: Final = (RDI, RSI, RDX)
"""Operands of memory.copy and memory.fill."""
GROW: Final = RCX
"""Operand of memory.grow."""
RESULT: Final = RAX

_TEMP: Final = R10
_HELD: Final = R11
_TEMP_X: Final = XMM0 + 15
_INT_ARGS: Final = (RSI, RDX, RCX, R8, R9)
_INT_RESULTS: Final = (RAX, RCX, RDX, RSI, RDI, R8, R9)
_NONE: Final = RSP
"""No index, in an encoding."""
_SAVED: Final = 16
"""Bytes between the frame pointer and the words."""
_ENTRY: Final = -1
_POLL: Final = -2


class Layout:
    """Places of the arguments and results of wasm functions of a type. `regs[i]` is -1 for an
    argument at `offsets[i]` of `size` bytes on the stack. `types` and `results` are the types and
    registers of the results; they are not all there unless it `fits`."""

    __slots__ = ("fits", "offsets", "regs", "results", "size", "types")

    def __init__(self, params: list[int], results: list[int]) -> None:
        self.regs: list[int] = []
        self.offsets: list[int] = []
        ints = floats = offset = 0
        for ty in params:
            reg = -1
            if ty >= M.F32:
                if floats < 8:
                    reg = XMM0 + floats
                floats += 1
            else:
                if ints < len(_INT_ARGS):
                    reg = _INT_ARGS[ints]
                ints += 1
            self.regs.append(reg)
            self.offsets.append(offset)
            if reg < 0:
                offset += 8
        self.size = (offset + 15) & -16
        ints = floats = 0
        self.types = results
        self.results: list[int] = []
        for ty in results:
            if ty >= M.F32:
                self.results.append(XMM0 + floats)
                floats += 1
            else:
                self.results.append(_INT_RESULTS[ints] if ints < len(_INT_RESULTS) else -1)
                ints += 1
        self.fits = floats <= 8 and ints <= len(_INT_RESULTS)


# ---- forms of instructions: prefix, whether 64 bits, opcode ----

_PREFIX: Final[list[int]] = []
_WIDE: Final[list[bool]] = []
_OPCODE: Final[list[bytes]] = []


def _form(opcode: bytes, wide: bool = False, prefix: int = 0) -> int:
    _PREFIX.append(prefix)
    _WIDE.append(wide)
    _OPCODE.append(opcode)
    return len(_OPCODE) - 1


def _by_type(opcode: bytes) -> list[int]:
    """Of both widths of integers."""
    return [_form(opcode), _form(opcode, True)]


def _sse(opcode: int) -> list[int]:
    """Scalar, indexed by type."""
    code = bytes((0x0F, opcode))
    return [0, 0, _form(code, False, 0xF3), _form(code, False, 0xF2)]


_MOV: Final = _by_type(b"\x8b")
_MOVSD_LOAD: Final = _sse(0x10)
_MOVSD_STORE: Final = _sse(0x11)
_LOAD_WORD: Final = [_MOV[0], _MOV[1], _MOVSD_LOAD[2], _MOVSD_LOAD[3]]
_STORE_INT: Final = _by_type(b"\x89")
_STORE_WORD: Final = [_STORE_INT[0], _STORE_INT[1], _MOVSD_STORE[2], _MOVSD_STORE[3]]
_STORE_IMM: Final = _by_type(b"\xc7")
_ALU: Final = [
    _by_type(code) for code in (b"\x03", b"\x2b", b"\x23", b"\x0b", b"\x33", b"\x0f\xaf", b"\x3b")
]
_ALU_TO_MEMORY: Final = [
    _by_type(code) for code in (b"\x01", b"\x29", b"\x21", b"\x09", b"\x31", b"", b"\x39")
]
_DIGIT: Final = (0, 5, 4, 1, 6, 0, 7)
_GROUP1_SHORT: Final = _by_type(b"\x83")
_GROUP1: Final = _by_type(b"\x81")
_IMUL_SHORT: Final = _by_type(b"\x6b")
_IMUL: Final = _by_type(b"\x69")
_TEST: Final = _by_type(b"\x85")
_LEA: Final = _form(b"\x8d", True)
_SHIFT_DIGIT: Final = (4, 7, 5, 0, 1)
_SHIFT_IMM: Final = _by_type(b"\xc1")
_SHIFT_CL: Final = _by_type(b"\xd3")
_GROUP3: Final = _by_type(b"\xf7")
_BIT: Final = _by_type(b"\x0f\xba")
_SBB: Final = _form(b"\x1b", True)
_INDIRECT: Final = _form(b"\xff")
_CMOV: Final = [_by_type(bytes((0x0F, 0x40 | cc))) for cc in range(16)]
_SET: Final = [_form(bytes((0x0F, 0x90 | cc))) for cc in range(16)]
_ZERO_BYTE: Final = _form(b"\x0f\xb6")
_MOVSXD: Final = _form(b"\x63", True)
_UNARY: Final = [
    _form(b"\x0f\xbd", False, 0xF3), _form(b"\x0f\xbd", True, 0xF3),
    _form(b"\x0f\xbc", False, 0xF3), _form(b"\x0f\xbc", True, 0xF3),
    _form(b"\x0f\xb8", False, 0xF3), _form(b"\x0f\xb8", True, 0xF3),
    _form(b"\x0f\xbe"), _form(b"\x0f\xbf"),
    _form(b"\x0f\xbe", True), _form(b"\x0f\xbf", True), _MOVSXD, _MOV[0],
]  # fmt: skip
_LOADS: Final = [
    _MOV[0], _MOV[1], _MOVSD_LOAD[2], _MOVSD_LOAD[3],
    _UNARY[M.EXTEND8_32], _ZERO_BYTE, _UNARY[M.EXTEND16_32], _form(b"\x0f\xb7"),
    _UNARY[M.EXTEND8_64], _ZERO_BYTE, _UNARY[M.EXTEND16_64], _form(b"\x0f\xb7"), _MOVSXD, _MOV[0],
]  # fmt: skip
_STORE_BYTE: Final = _form(b"\x88")
_STORES: Final = [*_STORE_WORD, _STORE_BYTE, _form(b"\x89", False, 0x66)]
_STORE_IMM_BYTE: Final = _form(b"\xc6")
_STORES_IMM: Final = [*_STORE_IMM, -1, -1, _STORE_IMM_BYTE, _form(b"\xc7", False, 0x66)]
_BYTE_FORMS: Final = frozenset((*_SET, _STORE_BYTE, _UNARY[6], _ZERO_BYTE))
"""Those whose register of 8 bits needs a REX prefix to be the right one."""
_MOVAPS: Final = _form(b"\x0f\x28")
_XORPS: Final = _form(b"\x0f\x57")
_ANDPS: Final = _form(b"\x0f\x54")
_ORPS: Final = _form(b"\x0f\x56")
_MOVUPS_STORE: Final = _form(b"\x0f\x11")
_TO_XMM: Final = [_form(b"\x0f\x6e", False, 0x66), _form(b"\x0f\x6e", True, 0x66)]
_FROM_XMM: Final = [_form(b"\x0f\x7e", False, 0x66), _form(b"\x0f\x7e", True, 0x66)]
_FLOAT: Final = [_sse(code) for code in (0x58, 0x5C, 0x59, 0x5E, 0x5D, 0x5F)]
_SQRT: Final = _sse(0x51)
_UCOMIS: Final = [0, 0, _form(b"\x0f\x2e"), _form(b"\x0f\x2e", False, 0x66)]
_ROUND: Final = [
    0, 0, _form(b"\x0f\x3a\x0a", False, 0x66), _form(b"\x0f\x3a\x0b", False, 0x66)
]  # fmt: skip
_TO_OTHER: Final = _sse(0x5A)
"""Between f32 and f64, by the type of the operand."""
_FROM_I64: Final = [
    0, 0, _form(b"\x0f\x2a", True, 0xF3), _form(b"\x0f\x2a", True, 0xF2)
]  # fmt: skip
_TO_I64: Final = [
    0, 0, _form(b"\x0f\x2c", True, 0xF3), _form(b"\x0f\x2c", True, 0xF2)
]  # fmt: skip
_CC: Final = (4, 5, 12, 13, 2, 3, 15, 14, 7, 6)
"""The processor's number of a condition."""
_PARITY: Final = 10
_SIGN: Final = 8
_OVERFLOW: Final = 0

_registers: Final[dict[int, bytes]] = {}
_frames: Final[dict[int, bytes]] = {}
_memories: Final[dict[int, bytes]] = {}
_MOST_REMEMBERED: Final = 1 << 16


def _head(form: int, reg: int, index: int, base: int, low: bool) -> bytearray:
    """Everything before the ModRM byte; `low`: a register of 8 bits may need a prefix."""
    out = bytearray()
    if _PREFIX[form]:
        out.append(_PREFIX[form])
    rex = (0x48 if _WIDE[form] else 0x40) | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3
    if rex != 0x40 or low:
        out.append(rex)
    out += _OPCODE[form]
    return out


def _encode_registers(form: int, reg: int, rm: int) -> bytes:
    low = form in _BYTE_FORMS and rm >= 4
    out = _head(form, reg, 0, rm, low)
    out.append(0xC0 | (reg & 7) << 3 | rm & 7)
    return bytes(out)


def _encode_memory(form: int, reg: int, base: int, index: int, disp: int, scale: int) -> bytes:
    low = form == _STORE_BYTE and reg >= 4
    out = _head(form, reg, 0 if index == _NONE else index, base, low)
    if disp == 0 and base & 7 != RBP:
        mod = 0
    else:
        mod = 0x40 if -128 <= disp < 128 else 0x80
    if index != _NONE or base & 7 == RSP:
        out.append(mod | (reg & 7) << 3 | 4)
        out.append(scale << 6 | (index & 7) << 3 | base & 7)
    else:
        out.append(mod | (reg & 7) << 3 | base & 7)
    if mod == 0x40:
        out.append(disp & 0xFF)
    elif mod:
        out += (disp & 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(out)


def _remember(cache: dict[int, bytes], key: int, code: bytes) -> None:
    if len(cache) >= _MOST_REMEMBERED:
        cache.clear()
    cache[key] = code


def _imm32(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "little")


LOOP_ENTRY: Final = 48
"""Bytes of `loop_entry`, behind which its function begins."""


def local_place(number: int) -> int:
    """Where the word of a local is, in bytes from the frame's address."""
    return -_SAVED - 8 - 8 * number


def loop_entry(frame: MacroAssembler) -> bytes:
    """Code to which a poll in a loop of one-pass code returns, to go on in the function behind it:
    that gets the instance and the frame, and its results are those of the frame's function, which
    was made by `frame`."""
    m = MacroAssembler()
    m._kept = frame._kept
    m._rr(_MOV[1], RDI, R14)
    m._rr(_MOV[1], RSI, RBP)
    m.out.append(0xE8)
    m.out += _imm32(LOOP_ENTRY - len(m.out) - 4)
    m._stack_args = frame._stack_args
    m.leave()
    assert len(m.out) <= LOOP_ENTRY
    return bytes(m.out).ljust(LOOP_ENTRY, b"\xcc")


class MacroAssembler:
    """One function in the making. Methods emit code; `loc` sets the place in the module of what
    comes next, where somebody may ask for it."""

    __slots__ = (
        "_back",
        "_bound",
        "_cold",
        "_cold_kind",
        "_cold_loc",
        "_fix_at",
        "_fix_label",
        "_frame_at",
        "_kept",
        "_outgoing",
        "_stack_args",
        "_table_words",
        "faults",
        "locs",
        "out",
        "polls",
        "relocs",
        "saved_at_polls",
        "traps",
    )

    def __init__(self) -> None:
        self.out = bytearray()
        self._bound: list[int] = []
        self._fix_at: list[int] = []
        self._fix_label: list[int] = []
        self._cold: list[int] = []  # labels of code out of line
        self._cold_kind: list[int] = []  # trap code, or _ENTRY or _POLL
        self._cold_loc: list[int] = []
        self._back: list[int] = []
        self._table_words: list[tuple[int, int]] = []
        self._frame_at = 0
        self._kept: list[tuple[int, int]] = []
        self._outgoing = 0
        self._stack_args = 0
        self.locs: list[tuple[int, int]] = []
        self.traps: list[tuple[int, int]] = []
        self.faults: list[int] = []
        self.relocs: list[Reloc] = []
        self.saved_at_polls: list[tuple[int, int, int]] = []  # types, words and registers
        self.polls: dict[int, int] = {}  # return addresses of polls in loops: the loop's place

    # ---- encoding ----

    def _rr(self, form: int, reg: int, rm: int) -> None:
        key = form << 10 | (reg & 15) << 4 | rm & 15
        code = _registers.get(key)
        if code is None:
            code = _encode_registers(form, reg & 15, rm & 15)
            _remember(_registers, key, code)
        self.out += code

    def _rf(self, form: int, reg: int, word: int) -> None:
        key = word << 16 | form << 4 | reg & 15
        code = _frames.get(key)
        if code is None:
            disp = -_SAVED - 8 - 8 * word
            code = _encode_memory(form, reg & 15, RBP, _NONE, disp, 0)
            _remember(_frames, key, code)
        self.out += code

    def _rm(self, form: int, reg: int, base: int, disp: int, index: int = _NONE,
            scale: int = 0) -> None:  # fmt: skip
        key = ((disp << 2 | scale) << 8 | base << 4 | index) << 16 | form << 4 | reg & 15
        code = _memories.get(key)
        if code is None:
            code = _encode_memory(form, reg & 15, base, index, disp, scale)
            _remember(_memories, key, code)
        self.out += code

    # ---- labels ----

    def label(self) -> int:
        self._bound.append(-1)
        return len(self._bound) - 1

    def bind(self, label: int) -> None:
        self._bound[label] = len(self.out)

    def _use(self, label: int) -> None:
        self._fix_at.append(len(self.out))
        self._fix_label.append(label)
        self.out += b"\0\0\0\0"

    def jump(self, label: int) -> None:
        target = self._bound[label]
        if target >= 0 and len(self.out) - target <= 126:
            self.out += bytes((0xEB, target - len(self.out) - 2 & 0xFF))
        else:
            self.out.append(0xE9)
            self._use(label)

    def branch(self, condition: int, label: int) -> None:
        self._jcc(_CC[condition], label)

    def _jcc(self, cc: int, label: int) -> None:
        target = self._bound[label]
        if target >= 0 and len(self.out) - target <= 126:
            self.out += bytes((0x70 | cc, target - len(self.out) - 2 & 0xFF))
        else:
            self.out += bytes((0x0F, 0x80 | cc))
            self._use(label)

    def _over(self, cc: int) -> int:
        """A short conditional jump to what `_here` says; gives what that wants."""
        self.out += bytes((0x70 | cc, 0))
        return len(self.out)

    def _here(self, at: int) -> None:
        distance = len(self.out) - at
        assert distance < 128
        self.out[at - 1] = distance

    def jump_table(self, reg: int, labels: list[int], default: int) -> None:
        """Jump to the label of that number, `reg` a zero-extended i32 that is destroyed. Nothing
        beyond the table is read, even when the processor guesses."""
        out = self.out
        if labels:
            self.alu_imm(M.CMP, M.I64, reg, len(labels))
            self._jcc(3, default)
            self._rr(_SBB, _TEMP, _TEMP)
            self._rr(_ALU[M.AND][1], reg, _TEMP)
            table = self.label()
            out += b"\x4c\x8d\x15"  # lea r10, [rip + table]
            self._use(table)
            self._rm(_MOVSXD, reg, _TEMP, 0, reg, 2)
            self._rr(_ALU[M.ADD][1], reg, _TEMP)
            self._rr(_INDIRECT, 4, reg)
            self.bind(table)
            for number, label in enumerate(labels):
                self._use(label)
                # A use counts from its end, the table from its start.
                self._table_words.append((len(out) - 4, 4 * number + 4))
        else:
            self.jump(default)

    # ---- begin and end ----

    def loc(self, place: int) -> None:
        self.locs.append((len(self.out), place))

    def enter(self, size: int, base_offset: int, place: int) -> None:
        """The begin of a function with `size` bytes of stack arguments; `base_offset` is where the
        instance has the base of memory 0, -1 for none."""
        out = self.out
        self._stack_args = size
        out += b"\x55\x48\x89\xe5\x48\x81\xec\0\0\0\0"  # push rbp; mov rbp, rsp; sub rsp, ...
        self._frame_at = len(out) - 4
        self.loc(place)
        self._rm(_ALU[M.CMP][1], RSP, R15, STORE["limit"])
        self._out_of_line(2, _ENTRY, place)
        self._rm(_STORE_INT[1], R14, RBP, -8)
        self._rm(_STORE_INT[1], RBX, RBP, -16)
        self._rr(_MOV[1], R14, RDI)
        if base_offset >= 0:
            self._rm(_MOV[1], RBX, R14, base_offset)

    def keep(self, reg: int, word: int) -> None:
        """Keep the caller's value of a register in a word, until `leave`."""
        self._kept.append((reg, word))
        self._rf(_STORE_INT[1], reg, word)

    def clear(self, first: int, count: int) -> None:
        """Make `count` words 0, from `first` on."""
        if count == 1:
            self.store_const(M.I64, first, 0)
        elif count:
            self._rr(_XORPS, XMM0, XMM0)
            for word in range(first + 1, first + count, 2):
                self._rf(_MOVUPS_STORE, XMM0, word)
            if count & 1:
                self._rf(_MOVSD_STORE[3], XMM0, first + count - 1)

    def leave(self) -> None:
        """Return to the caller."""
        for reg, word in self._kept:
            self._rf(_MOV[1], reg, word)
        self._rm(_MOV[1], RBX, RBP, -16)
        self._rm(_MOV[1], R14, RBP, -8)
        self.out.append(0xC9)
        if self._stack_args:
            self.out.append(0xC2)
            self.out += self._stack_args.to_bytes(2, "little")
        else:
            self.out.append(0xC3)

    def _out_of_line(self, cc: int, kind: int, place: int) -> None:
        """Where the condition holds, go to code at the end of the function and come back."""
        label, back = self.label(), self.label()
        self.out += bytes((0x0F, 0x80 | cc))
        self._use(label)
        self.bind(back)
        self._cold.append(label)
        self._cold_kind.append(kind)
        self._cold_loc.append(place)
        self._back.append(back)

    def _trap_if(self, cc: int, code: int, place: int) -> None:
        label = self.label()
        self.out += bytes((0x0F, 0x80 | cc))
        self._use(label)
        self._cold.append(label)
        self._cold_kind.append(code)
        self._cold_loc.append(place)
        self._back.append(-1)

    def trap(self, code: int, place: int) -> None:
        self.loc(place)
        self._rm(_INDIRECT, 2, R15, STORE["trap_stub"])
        self.traps.append((len(self.out) - 1, code))

    def poll(self, place: int) -> None:
        """What a loop header has."""
        self._rm(_GROUP1_SHORT[1], 7, R15, STORE["poll"])
        self.out.append(0)
        self._out_of_line(5, _POLL, place)

    def finish(self, name: str, words: int) -> CompiledFunction:
        """The function; its frame has that many words."""
        out = self.out
        frame = (_SAVED + 8 * words + 15) & -16
        out[self._frame_at : self._frame_at + 4] = _imm32(frame)
        for number, label in enumerate(self._cold):
            self.bind(label)
            kind = self._cold_kind[number]
            place = self._cold_loc[number]
            if kind >= 0:
                self.trap(kind, place)
            else:
                if kind == _POLL:
                    for ty, word, reg in self.saved_at_polls:
                        self.store_word(ty, word, reg)
                self.loc(place)
                stub = STORE["entry_stub"] if kind == _ENTRY else STORE["poll_stub"]
                self._rm(_INDIRECT, 2, R15, stub)
                if kind == _POLL:
                    self.polls[len(out)] = place
                self.jump(self._back[number])
        for number, at in enumerate(self._fix_at):
            distance = self._bound[self._fix_label[number]] - at - 4
            out[at : at + 4] = _imm32(distance)
        for at, more in self._table_words:
            word = int.from_bytes(out[at : at + 4], "little") + more
            out[at : at + 4] = _imm32(word)
        made = CompiledFunction(name)
        made.code = bytes(out)
        made.frame_size = frame + self._outgoing
        made.traps = self.traps
        made.faults = self.faults
        made.locs = self.locs
        made.relocs = self.relocs
        return made

    # ---- moves ----

    def move(self, ty: int, to: int, source: int) -> None:
        """Between registers of any kind; `ty` for the width where they differ."""
        if to < XMM0:
            if source < XMM0:
                self._rr(_MOV[1], to, source)
            else:
                self._rr(_FROM_XMM[ty & 1], source, to)
        elif source < XMM0:
            self._rr(_TO_XMM[ty & 1], to, source)
        else:
            self._rr(_MOVAPS, to, source)

    def copy_out(self, reg: int) -> int:
        """Copy a register to one that only moves between registers leave alone."""
        temp = _TEMP if reg < XMM0 else _TEMP_X
        self.move(M.I64, temp, reg)
        return temp

    def zero_extend(self, reg: int) -> None:
        self._rr(_MOV[0], reg, reg)

    def load_word(self, ty: int, reg: int, word: int) -> None:
        self._rf(_LOAD_WORD[ty] if reg >= XMM0 else _MOV[ty & 1], reg, word)

    def store_word(self, ty: int, word: int, reg: int) -> None:
        self._rf(_STORE_WORD[ty] if reg >= XMM0 else _STORE_INT[ty & 1], reg, word)

    def copy_word(self, ty: int, to: int, source: int) -> None:
        self._rf(_MOV[ty & 1], _TEMP, source)
        self._rf(_STORE_INT[ty & 1], _TEMP, to)

    def store_const(self, ty: int, word: int, value: int) -> None:
        wide = ty & 1
        value = _signed(wide, value)
        if wide and not -(1 << 31) <= value < 1 << 31:
            self._const(1, _TEMP, value)
            self._rf(_STORE_INT[1], _TEMP, word)
        else:
            self._rf(_STORE_IMM[wide], 0, word)
            self.out += _imm32(value)

    def const(self, ty: int, reg: int, value: int) -> None:
        """A constant; of a float its bits. Leaves the flags alone."""
        if reg < XMM0:
            self._const(ty & 1, reg, _signed(ty & 1, value))
        elif value == 0:
            self._rr(_XORPS, reg, reg)
        else:
            self._const(ty & 1, _TEMP, _signed(ty & 1, value))
            self._rr(_TO_XMM[ty & 1], reg, _TEMP)

    def _const(self, wide: int, reg: int, value: int) -> None:
        out = self.out
        if not wide or 0 <= value < 1 << 32:
            if reg >= 8:
                out.append(0x41)
            out.append(0xB8 | reg & 7)
            out += _imm32(value)
        elif value >= -(1 << 31):
            if value < 1 << 31:
                self._rr(_STORE_IMM[1], 0, reg)
                out += _imm32(value)
                return
            out += bytes((0x48 | reg >> 3, 0xB8 | reg & 7))
            out += value.to_bytes(8, "little")
        else:
            out += bytes((0x48 | reg >> 3, 0xB8 | reg & 7))
            out += (value & (1 << 64) - 1).to_bytes(8, "little")

    # ---- integers ----

    def alu(self, op: int, ty: int, reg: int, source: int) -> None:
        self._rr(_ALU[op][ty], reg, source)

    def alu_word(self, op: int, ty: int, reg: int, word: int) -> None:
        self._rf(_ALU[op][ty], reg, word)

    def alu_imm(self, op: int, ty: int, reg: int, value: int) -> None:
        if not -(1 << 31) <= value < 1 << 31:
            self._const(1, _TEMP, value)
            self._rr(_ALU[op][ty], reg, _TEMP)
        elif op == M.MUL:
            if value > 0 and value & value - 1 == 0:
                self.shift_imm(M.SHL, ty, reg, value.bit_length() - 1)
            elif -128 <= value < 128:
                self._rr(_IMUL_SHORT[ty], reg, reg)
                self.out.append(value & 0xFF)
            else:
                self._rr(_IMUL[ty], reg, reg)
                self.out += _imm32(value)
        elif value == 0 and op == M.CMP:
            self._rr(_TEST[ty], reg, reg)
        elif -128 <= value < 128:
            self._rr(_GROUP1_SHORT[ty], _DIGIT[op], reg)
            self.out.append(value & 0xFF)
        else:
            self._rr(_GROUP1[ty], _DIGIT[op], reg)
            self.out += _imm32(value)

    def compare_word(self, ty: int, word: int, reg: int) -> None:
        """The word against a register."""
        self._rf(_ALU_TO_MEMORY[M.CMP][ty], reg, word)

    def compare_word_imm(self, ty: int, word: int, value: int) -> None:
        if not -(1 << 31) <= value < 1 << 31:
            self._const(1, _TEMP, value)
            self._rf(_ALU_TO_MEMORY[M.CMP][ty], _TEMP, word)
        elif -128 <= value < 128:
            self._rf(_GROUP1_SHORT[ty], 7, word)
            self.out.append(value & 0xFF)
        else:
            self._rf(_GROUP1[ty], 7, word)
            self.out += _imm32(value)

    def shift(self, op: int, ty: int, reg: int) -> None:
        """By SHIFT_COUNT."""
        self._rr(_SHIFT_CL[ty], _SHIFT_DIGIT[op], reg)

    def shift_imm(self, op: int, ty: int, reg: int, count: int) -> None:
        count &= 63 if ty else 31
        if count:
            self._rr(_SHIFT_IMM[ty], _SHIFT_DIGIT[op], reg)
            self.out.append(count)

    def divide(
        self, op: int, ty: int, divisor: int, checked: bool, by_zero: int, overflow: int, place: int
    ) -> None:
        """DIVIDEND by a register that is neither it nor REMAINDER. `checked`: the divisor may be 0
        or -1; the codes are those of the traps."""
        out = self.out
        if checked:
            self._rr(_TEST[ty], divisor, divisor)
            self._trap_if(4, by_zero, place)
        if op in (M.DIV_U, M.REM_U):
            self._const(0, RDX, 0)
            self._rr(_GROUP3[ty], 6, divisor)
            return
        special = done = -1
        if checked:
            self.alu_imm(M.CMP, ty, divisor, -1)
            special, done = self.label(), self.label()
            self._jcc(5, special)
            if op == M.DIV_S:
                self._rr(_GROUP3[ty], 3, RAX)
                self._trap_if(_OVERFLOW, overflow, place)
            else:
                self._const(0, RDX, 0)
            self.jump(done)
            self.bind(special)
        out += b"\x48\x99" if ty else b"\x99"  # cqo, cdq
        self._rr(_GROUP3[ty], 7, divisor)
        if checked:
            self.bind(done)

    def unary(self, op: int, reg: int, source: int) -> None:
        self._rr(_UNARY[op], reg, source)

    def unary_word(self, op: int, reg: int, word: int) -> None:
        self._rf(_UNARY[op], reg, word)

    def set_if(self, condition: int, reg: int) -> None:
        """1 if the condition holds, else 0."""
        self._rr(_SET[_CC[condition]], 0, reg)
        self._rr(_ZERO_BYTE, reg, reg)

    def move_if(self, condition: int, ty: int, reg: int, source: int) -> None:
        self._rr(_CMOV[_CC[condition]][ty & 1], reg, source)

    def move_if_word(self, condition: int, ty: int, reg: int, word: int) -> None:
        self._rf(_CMOV[_CC[condition]][ty & 1], reg, word)

    def move_if_const(self, condition: int, ty: int, reg: int, value: int) -> None:
        self._const(ty & 1, _TEMP, _signed(ty & 1, value))
        self._rr(_CMOV[_CC[condition]][ty & 1], reg, _TEMP)

    # ---- contexts ----

    def load_global(self, ty: int, reg: int, offset: int) -> None:
        self._rm(_LOAD_WORD[ty], reg, R14, offset)

    def load_imported_global(self, ty: int, reg: int, offset: int) -> None:
        """`offset` is that of the pointer in the instance."""
        self._rm(_MOV[1], _TEMP, R14, offset)
        self._rm(_LOAD_WORD[ty], reg, _TEMP, 0)

    def store_global(self, ty: int, offset: int, reg: int) -> None:
        self._rm(_STORE_WORD[ty] if reg >= XMM0 else _STORE_INT[ty & 1], reg, R14, offset)

    def store_imported_global(self, ty: int, offset: int, reg: int) -> None:
        self._rm(_MOV[1], _TEMP, R14, offset)
        self._rm(_STORE_WORD[ty] if reg >= XMM0 else _STORE_INT[ty & 1], reg, _TEMP, 0)

    def memory_pages(self, reg: int, offset: int) -> None:
        """Pages of the memory whose structure the instance has at `offset`."""
        self._rm(_MOV[1], reg, R14, offset)
        self._rm(_MOV[0], reg, reg, MEMORY["pages"])

    # ---- memory ----

    def add_offset(self, index: int, offset: int) -> None:
        """Add a large offset to an index of 64 bits."""
        self._const(1, _TEMP, offset)
        self._rr(_ALU[M.ADD][1], index, _TEMP)

    def _base(self, base_offset: int) -> int:
        if base_offset < 0:
            return RBX
        self._rm(_MOV[1], _HELD, R14, base_offset)
        return _HELD

    def _access(self, form: int, reg: int, base: int, index: int, disp: int, code: int) -> None:
        at = len(self.out)
        self.traps.append((at, code))
        self.faults.append(at)
        self._rm(form, reg, base, disp, index if index >= 0 else _NONE)

    def load(
        self, kind: int, reg: int, base_offset: int, index: int, disp: int, code: int, place: int
    ) -> None:
        """From a memory: 0, or (`base_offset` not -1) the one whose base the instance has there. Of
        the address, `index` is a zero-extended register or -1. A fault is a trap of that code."""
        base = self._base(base_offset)
        self.locs.append((len(self.out), place))
        self._access(_LOADS[kind], reg, base, index, disp, code)

    def store(
        self, kind: int, reg: int, base_offset: int, index: int, disp: int, code: int, place: int
    ) -> None:
        base = self._base(base_offset)
        self.locs.append((len(self.out), place))
        form = _STORES[kind]
        if reg < XMM0 and kind < M.STORE_8:
            form = _STORES[kind & 1]
        self._access(form, reg, base, index, disp, code)

    def store_imm(
        self, kind: int, value: int, base_offset: int, index: int, disp: int, code: int, place: int
    ) -> None:
        """`value` fits 32 bits, signed. A kind of integers."""
        base = self._base(base_offset)
        self.locs.append((len(self.out), place))
        self._access(_STORES_IMM[kind], 0, base, index, disp, code)
        if kind == M.STORE_8:
            self.out.append(value & 0xFF)
        elif kind == M.STORE_16:
            self.out += (value & 0xFFFF).to_bytes(2, "little")
        else:
            self.out += _imm32(value)

    def _bulk_check(self, memory: int, start: int, code: int, place: int) -> None:
        """Trap unless `rdx` bytes from `start` on lie in the memory."""
        self._rm(_MOV[1], _TEMP, R14, memory)
        self._rm(_LEA, RAX, start, 0, RDX)
        self._rm(_ALU[M.CMP][1], RAX, _TEMP, MEMORY["length"])
        self._trap_if(7, code, place)

    def _bulk_end(self, builtin: int, library: int, most: int, first: int, second: int,
                  base_to: int, base_from: int, place: int) -> None:  # fmt: skip
        """Call the library for up to `most` bytes, else the builtin."""
        large, done = self.label(), self.label()
        self.loc(place)
        self.alu_imm(M.CMP, M.I64, RDX, most)
        self._jcc(7, large)
        self._rm(_ALU[M.ADD][1], RDI, R14, base_to)
        if second >= 0:
            self._rm(_ALU[M.ADD][1], RSI, R14, base_from)
        self._rm(_MOV[1], _TEMP, R15, STORE["builtins"])
        self._rm(_INDIRECT, 2, _TEMP, 16 * library)
        self.jump(done)
        self.bind(large)
        if second >= 0:
            self.stack_room(16)
            self._rm(_STORE_INT[1], RDX, RSP, 0)
            self._rr(_MOV[1], R9, RSI)
            self._rr(_MOV[1], R8, RDI)
            self._const(0, RCX, second)
        else:
            self._rr(_MOV[1], R9, RDX)
            self._rr(_MOV[1], R8, RSI)
            self._rr(_MOV[1], RCX, RDI)
        self._const(0, RDX, first)
        self._builtin(builtin)
        self.bind(done)

    def memory_copy(
        self, to: int, source: int, places: list[int], builtin: int, library: int, most: int,
        code: int, place: int,
    ) -> None:  # fmt: skip
        """With operands in BULK; `places` are those of the bases and structures of both memories in
        the instance, destination first."""
        self._bulk_check(places[3], RSI, code, place)
        self._bulk_check(places[1], RDI, code, place)
        self._bulk_end(builtin, library, most, to, source, places[0], places[2], place)

    def memory_fill(
        self, memory: int, places: list[int], builtin: int, library: int, most: int, code: int,
        place: int,
    ) -> None:  # fmt: skip
        self._bulk_check(places[1], RDI, code, place)
        self._bulk_end(builtin, library, most, memory, -1, places[0], 0, place)

    def memory_grow(self, memory: int, builtin: int, place: int) -> None:
        """With the operand in GROW; the result is in RESULT."""
        self.loc(place)
        self._const(0, RDX, memory)
        self._builtin(builtin)

    def _builtin(self, number: int) -> None:
        self._rr(_MOV[1], RSI, R14)
        self._rm(_MOV[1], _TEMP, R15, STORE["builtins"])
        self._rm(_MOV[1], RDI, _TEMP, 16 * number + 8)
        self._rm(_INDIRECT, 2, _TEMP, 16 * number)

    # ---- calls ----

    def stack_room(self, size: int) -> None:
        """Room for stack arguments, which the callee takes away."""
        self._outgoing = max(self._outgoing, size)
        self._rr(_GROUP1[1], 5, RSP)
        self.out += _imm32(size)

    def store_arg(self, ty: int, offset: int, reg: int) -> None:
        form = _STORE_WORD[ty] if reg >= XMM0 else _STORE_INT[1]
        self._rm(form, reg, RSP, offset)

    def store_arg_word(self, ty: int, offset: int, word: int) -> None:
        self._rf(_MOV[ty & 1], _TEMP, word)
        self._rm(_STORE_INT[1], _TEMP, RSP, offset)

    def store_arg_const(self, ty: int, offset: int, value: int) -> None:
        self._const(ty & 1, _TEMP, _signed(ty & 1, value))
        self._rm(_STORE_INT[1], _TEMP, RSP, offset)

    def load_arg(self, ty: int, reg: int, offset: int) -> None:
        """A stack argument of this function."""
        self._rm(_LOAD_WORD[ty] if reg >= XMM0 else _MOV[ty & 1], reg, RBP, 16 + offset)

    def call_slot(self, offset: int, place: int) -> None:
        """A function of the instance, through its slot."""
        self._rr(_MOV[1], RDI, R14)
        self.loc(place)
        self._rm(_INDIRECT, 2, R14, offset)

    def call_imported(self, offset: int, place: int) -> None:
        self._rm(_MOV[1], RDI, R14, offset + 8)
        self.loc(place)
        self._rm(_INDIRECT, 2, R14, offset)

    def call_direct(self, name: str, place: int) -> None:
        self._rr(_MOV[1], RDI, R14)
        self.loc(place)
        self.out.append(0xE8)
        self.relocs.append(Reloc(len(self.out), "X86PCRel4", name, -4))
        self.out += b"\0\0\0\0"

    def find_function(
        self, reg: int, table: int, types: int, number: int, beyond: int, null: int, differs: int,
        place: int,
    ) -> None:  # fmt: skip
        """Find the element of a table that a zero-extended register says, which is destroyed, for
        `call_found`. `table` and `types` are offsets in the instance, `number` that of the type;
        the codes of traps are for an index `beyond` the table, `null`, and another type."""
        self._rm(_MOV[1], _HELD, R14, table)
        self._rm(_ALU[M.CMP][1], reg, _HELD, TABLE["length"])
        self._trap_if(3, beyond, place)
        self._rr(_SBB, _TEMP, _TEMP)
        self._rr(_ALU[M.AND][1], reg, _TEMP)
        self._rm(_MOV[1], _HELD, _HELD, TABLE["base"])
        self._rm(_MOV[1], _HELD, _HELD, 0, reg, 3)
        self._rr(_TEST[1], _HELD, _HELD)
        self._trap_if(4, null, place)
        self._rm(_MOV[1], _TEMP, R14, types)
        self._rm(_MOV[1], _TEMP, _TEMP, 8 * number)
        self._rm(_ALU[M.CMP][1], _TEMP, _HELD, FUNCREF["type"])
        self._trap_if(5, differs, place)

    def call_found(self, place: int) -> None:
        self._rm(_MOV[1], RDI, _HELD, FUNCREF["instance"])
        self.loc(place)
        self._rm(_INDIRECT, 2, _HELD, FUNCREF["code"])

    # ---- floats ----

    def float_binary(self, op: int, ty: int, reg: int, source: int) -> None:
        """FADD to FDIV."""
        self._rr(_FLOAT[op][ty], reg, source)

    def float_binary_word(self, op: int, ty: int, reg: int, word: int) -> None:
        self._rf(_FLOAT[op][ty], reg, word)

    def float_temp(self, ty: int, reg: int) -> int:
        """A float that a general register has, in one that is good for the next instruction."""
        self._rr(_TO_XMM[ty & 1], _TEMP_X, reg)
        return _TEMP_X

    def float_temp_const(self, ty: int, value: int) -> int:
        self.const(ty, _TEMP_X, value)
        return _TEMP_X

    def float_min_max(self, op: int, ty: int, reg: int, source: int) -> None:
        self._rr(_UCOMIS[ty], reg, source)
        nan = self._over(_PARITY)
        differ = self._over(5)
        # Equal: the signs of zeros decide.
        self._rr(_ORPS if op == M.FMIN else _ANDPS, reg, source)
        self.out += b"\xeb\0"
        first = len(self.out)
        self._here(nan)
        self._rr(_FLOAT[M.FADD][ty], reg, source)
        self.out += b"\xeb\0"
        second = len(self.out)
        self._here(differ)
        self._rr(_FLOAT[op][ty], reg, source)
        self._here(first)
        self._here(second)

    def float_unary(self, op: int, ty: int, reg: int, source: int) -> None:
        """SQRT to TRUNC."""
        if op == M.SQRT:
            self._rr(_SQRT[ty], reg, source)
        else:
            self._rr(_ROUND[ty], reg, source)
            self.out.append(op - 1 | 8)  # without an exception when it is inexact

    def float_compare(self, ty: int, reg: int, source: int) -> None:
        """For GT_U and GE_U."""
        self._rr(_UCOMIS[ty], reg, source)

    def float_compare_word(self, ty: int, reg: int, word: int) -> None:
        self._rf(_UCOMIS[ty], reg, word)

    def float_equal(self, differ: bool, reg: int) -> None:
        """1 if what was compared is equal (or differs), else 0."""
        self._rr(_SET[10 if differ else 11], 0, reg)
        self._rr(_SET[5 if differ else 4], 0, _TEMP)
        self._rr(_ALU[M.OR if differ else M.AND][0], reg, _TEMP)
        self._rr(_ZERO_BYTE, reg, reg)

    def sign_bit(self, ty: int, reg: int, negate: bool) -> None:
        """Change (or clear) the sign of a float in a general register."""
        self._rr(_BIT[ty & 1], 7 if negate else 6, reg)
        self.out.append(63 if ty & 1 else 31)

    def copy_sign(self, ty: int, reg: int, source: int) -> None:
        """Both in general registers; `source` is destroyed."""
        wide = ty & 1
        most = 63 if wide else 31
        self.shift_imm(M.SHR_U, wide, source, most)
        self.shift_imm(M.SHL, wide, source, most)
        self._rr(_BIT[wide], 6, reg)
        self.out.append(most)
        self._rr(_ALU[M.OR][wide], reg, source)

    def select_float(self, condition: int, reg: int, source: int) -> None:
        """Take `source` where the condition does not hold."""
        at = self._over(_CC[condition])
        self._rr(_MOVAPS, reg, source)
        self._here(at)

    def convert_float(self, ty: int, reg: int, source: int) -> None:
        """To the other type of floats; `ty` is the operand's."""
        self._rr(_TO_OTHER[ty], reg, source)

    def from_int(self, ty: int, reg: int, source: int, wide: bool, signed: bool) -> None:
        """An integer, in a general register that is destroyed, to a float."""
        self._rr(_XORPS, reg, reg)
        if not wide and signed:
            self._rr(_MOVSXD, source, source)
        if not wide or signed:
            self._rr(_FROM_I64[ty], reg, source)
            return
        self._rr(_TEST[1], source, source)
        big = self._over(_SIGN)
        self._rr(_FROM_I64[ty], reg, source)
        self.out += b"\xeb\0"
        done = len(self.out)
        self._here(big)
        # Half, with the lost bit kept, then doubled.
        self._rr(_MOV[1], _TEMP, source)
        self.shift_imm(M.SHR_U, 1, source, 1)
        self.alu_imm(M.AND, M.I64, _TEMP, 1)
        self._rr(_ALU[M.OR][1], source, _TEMP)
        self._rr(_FROM_I64[ty], reg, source)
        self._rr(_FLOAT[M.FADD][ty], reg, reg)
        self._here(done)

    def to_int(
        self, ty: int, reg: int, source: int, wide: bool, signed: bool, bad: int, overflow: int,
        place: int,
    ) -> None:  # fmt: skip
        """A float of type `ty`, which is destroyed, to an integer. With codes of traps it traps on
        NaN and when it is out of range, with codes of -1 it saturates."""
        saturate = bad < 0
        bits = 64 if wide else 32
        done, nan, low, high = self.label(), self.label(), self.label(), self.label()
        self._rr(_UCOMIS[ty], source, source)
        if saturate:
            self._jcc(_PARITY, nan)
        else:
            self._trap_if(_PARITY, bad, place)
        # Too large: x >= 2**n.
        self._power(ty, bits - signed, False, False)
        self._rr(_UCOMIS[ty], source, _TEMP_X)
        if saturate:
            self._jcc(3, high)
        else:
            self._trap_if(3, overflow, place)
        # Too small: x <= -1, or x <= -2**(n-1) - 1 where that is a float, else x < -2**(n-1).
        exact = signed and bits == 32 and ty == M.F64
        self._power(ty, bits - 1 if signed else 0, True, exact)
        self._rr(_UCOMIS[ty], source, _TEMP_X)
        cc = 2 if signed and not exact else 6
        if saturate:
            self._jcc(cc, low)
        else:
            self._trap_if(cc, overflow, place)
        if wide and not signed:
            self._power(ty, 63, False, False)
            self._rr(_UCOMIS[ty], source, _TEMP_X)
            small = self.label()
            self._jcc(2, small)
            self._rr(_FLOAT[M.FSUB][ty], source, _TEMP_X)
            self._rr(_TO_I64[ty], reg, source)
            self._rr(_BIT[1], 7, reg)
            self.out.append(63)
            self.jump(done)
            self.bind(small)
        self._rr(_TO_I64[ty], reg, source)
        if not wide:
            self._rr(_MOV[0], reg, reg)
        if saturate:
            self.jump(done)
            self.bind(nan)
            self._const(0, reg, 0)
            self.jump(done)
            self.bind(low)
            self._const(int(wide), reg, -(1 << bits - 1) if signed else 0)
            self.jump(done)
            self.bind(high)
            self._const(int(wide), reg, (1 << bits - signed) - 1)
        self.bind(done)

    def _power(self, ty: int, power: int, negative: bool, below: bool) -> None:
        """xmm15 = ±2**power, or (`below`) the integer below -2**power."""
        bias, fraction = (127, 23) if ty == M.F32 else (1023, 52)
        bits = power + bias << fraction
        if below:
            bits += 1 << fraction - power
        if negative:
            bits |= 1 << (31 if ty == M.F32 else 63)
        self._const(1, _TEMP, bits)
        self._rr(_TO_XMM[1], _TEMP_X, _TEMP)


def _signed(wide: int, value: int) -> int:
    """The bits of a constant as a signed integer."""
    if wide:
        return value - (1 << 64) if value >> 63 == 1 else value
    return value - (1 << 32) if value >> 31 == 1 else value
