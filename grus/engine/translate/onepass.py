"""One wasm function to machine code in one pass over its bytes, without IR.

First code of functions: made some twenty times faster than by the real compiler; loops take about
1.25 times as long as in its code. The function has been validated. Operands are ints on a list
that say where a value is: in its own word of the frame, in a register, still in a local, or a
constant. Locals are words of the frame; in a function with loops those that are used most have
registers for good (`choose_registers`). Where control flow may meet (labels), operands are in their
words and no other register is in use; so branches only move what they pass. A comparison that is
tested next stays in the flags.

What it does not take raises Unsupported, and the function goes through the real compiler: anything
with references or vectors, memories that are not guarded, counting of fuel, tail calls.

Which registers and instructions, `backend/<target>/masm.py` knows.
"""

from __future__ import annotations

from grus.backend import masm as M
from grus.base import trace
from grus.base.errors import Unsupported
from grus.engine import errors
from grus.engine.builtins import BUILTINS, LIBRARY
from grus.engine.translate.body import BodyReader
from grus.engine.translate.info import GUARDED, ModuleInfo
from grus.wasm import opcodes as W
from grus.wasm import types as WT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from grus.backend.emit import CompiledFunction
    from grus.host.machine import masm

# An operand: payload << 4 | type << 2 | one of
_WORD: Final = 0  # in its own word of the frame
_REG: Final = 1  # payload: register, or _FLAGS + condition: only the next instruction may take it
_LOCAL: Final = 2  # payload: number of the local
_CONST: Final = 3  # payload: signed value, or the bits of a float
_FLAGS: Final = 64
_FLOATS: Final = 16  # float registers have numbers from here on

_BLOCK: Final = 0
_LOOP: Final = 1
_IF: Final = 2

_MOST_OPERANDS: Final = 1000
_MOST_PASSED: Final = 16
"""Operands that a branch passes: each is moved at each branch."""
_MOST_LOCALS: Final = 4000
_MANY: Final = 8
"""Uses of a local, those in loops counted more, from which it may have a register."""
_LARGE: Final = 1 << 20
_TYPES: Final = {WT.I32: M.I32, WT.I64: M.I64, WT.F32: M.F32, WT.F64: M.F64}

# ---- what to do with an opcode: one row each ----

_NONE: Final = 0
_CONSTANT: Final = 1
_GET: Final = 2
_SET: Final = 3
_TEE: Final = 4
_ALU: Final = 5
_COMPARE: Final = 6
_LOAD: Final = 7
_STORE: Final = 8
_SHIFT: Final = 9
_DIVIDE: Final = 10
_EQZ: Final = 11
_UNARY: Final = 12
_FLOAT: Final = 13
_FLOAT_COMPARE: Final = 14
_FLOAT_UNARY: Final = 15
_SIGN: Final = 16
_OTHER: Final = 17

KIND: Final[list[int]] = [_NONE] * W.LIMIT
"""What handles an opcode; 0: nothing."""
_TYPE: Final[list[int]] = [0] * W.LIMIT
"""Type of the operands; of a load, and of what is in _UNARY, of the result."""
_SUB: Final[list[int]] = [0] * W.LIMIT
"""Which one, as the macro assembler calls it."""


def _row(name: str, kind: int, ty: int, sub: int) -> None:
    op = W.BY_NAME[name]
    assert not KIND[op], name
    KIND[op], _TYPE[op], _SUB[op] = kind, ty, sub


def _fill() -> None:
    for ty, name in ((M.I32, "i32"), (M.I64, "i64")):
        for sub, suffix in enumerate(("add", "sub", "and", "or", "xor", "mul")):
            _row(f"{name}.{suffix}", _ALU, ty, sub)
        for sub, suffix in enumerate(("shl", "shr_s", "shr_u", "rotl", "rotr")):
            _row(f"{name}.{suffix}", _SHIFT, ty, sub)
        for sub, suffix in enumerate(("div_s", "div_u", "rem_s", "rem_u")):
            _row(f"{name}.{suffix}", _DIVIDE, ty, sub)
        for sub, suffix in enumerate(
            ("eq", "ne", "lt_s", "ge_s", "lt_u", "ge_u", "gt_s", "le_s", "gt_u", "le_u")
        ):
            _row(f"{name}.{suffix}", _COMPARE, ty, sub)
        for sub, suffix in enumerate(("clz", "ctz", "popcnt")):
            _row(f"{name}.{suffix}", _UNARY, ty, 2 * sub + ty)
        _row(f"{name}.eqz", _EQZ, ty, 0)
        _row(f"{name}.const", _CONSTANT, ty, 0)
    for sub, name in (
        (M.EXTEND8_32, "i32.extend8_s"), (M.EXTEND16_32, "i32.extend16_s"),
        (M.EXTEND8_64, "i64.extend8_s"), (M.EXTEND16_64, "i64.extend16_s"),
        (M.EXTEND32_64, "i64.extend32_s"), (M.EXTEND32_64, "i64.extend_i32_s"),
        (M.WRAP, "i64.extend_i32_u"), (M.WRAP, "i32.wrap_i64"),
    ):  # fmt: skip
        _row(name, _UNARY, M.I64 if name.startswith("i64") else M.I32, sub)
    for ty, name in ((M.F32, "f32"), (M.F64, "f64")):
        for sub, suffix in enumerate(("add", "sub", "mul", "div", "min", "max")):
            _row(f"{name}.{suffix}", _FLOAT, ty, sub)
        for sub, suffix in enumerate(("eq", "ne", "lt", "gt", "le", "ge")):
            _row(f"{name}.{suffix}", _FLOAT_COMPARE, ty, sub)
        for sub, suffix in enumerate(("sqrt", "nearest", "floor", "ceil", "trunc")):
            _row(f"{name}.{suffix}", _FLOAT_UNARY, ty, sub)
        for sub, suffix in enumerate(("abs", "neg", "copysign")):
            _row(f"{name}.{suffix}", _SIGN, ty, sub)
        _row(f"{name}.const", _CONSTANT, ty, 0)
    for sub, name in enumerate(
        ("i32.load", "i64.load", "f32.load", "f64.load", "i32.load8_s", "i32.load8_u",
         "i32.load16_s", "i32.load16_u", "i64.load8_s", "i64.load8_u", "i64.load16_s",
         "i64.load16_u", "i64.load32_s", "i64.load32_u")
    ):  # fmt: skip
        types = {"i32": M.I32, "i64": M.I64, "f32": M.F32, "f64": M.F64}
        _row(name, _LOAD, types[name[:3]], sub)
    for name, ty, sub in (
        ("i32.store", M.I32, M.I32), ("i64.store", M.I64, M.I64), ("f32.store", M.F32, M.F32),
        ("f64.store", M.F64, M.F64), ("i32.store8", M.I32, M.STORE_8),
        ("i32.store16", M.I32, M.STORE_16), ("i64.store8", M.I64, M.STORE_8),
        ("i64.store16", M.I64, M.STORE_16), ("i64.store32", M.I64, M.I32),
    ):  # fmt: skip
        _row(name, _STORE, ty, sub)
    for to, bits in (("i32", 0), ("i64", 1)):
        for source, ty in (("f32", M.F32), ("f64", M.F64)):
            for sign, signed in (("s", 2), ("u", 0)):
                _row(f"{to}.trunc_{source}_{sign}", _OTHER, ty, bits | signed)
                _row(f"{to}.trunc_sat_{source}_{sign}", _OTHER, ty, bits | signed | 4)
                _row(f"{source}.convert_{to}_{sign}", _OTHER, ty, bits | signed)
    for name in (
        "unreachable", "nop", "block", "loop", "if", "else", "end", "br", "br_if", "br_table",
        "return", "call", "call_indirect", "drop", "select", "global.get", "global.set",
        "memory.size", "memory.grow", "memory.copy", "memory.fill", "f32.demote_f64",
        "f64.promote_f32", "i32.reinterpret_f32", "i64.reinterpret_f64", "f32.reinterpret_i32",
        "f64.reinterpret_i64",
    ):  # fmt: skip
        _row(name, _OTHER, 0, 0)
    _row("local.get", _GET, 0, 0)
    _row("local.set", _SET, 0, 0)
    _row("local.tee", _TEE, 0, 0)
    KIND[W.SELECT_T] = _OTHER


_fill()


class _Frame:
    """One open block. `label` is where branches go, `types` what they pass, `results` what the
    block leaves; operands below `height` are in their words, or constants."""

    __slots__ = ("height", "kind", "label", "other", "params", "results", "types", "used")

    def __init__(
        self, kind: int, label: int, height: int, params: list[int], results: list[int]
    ) -> None:
        self.kind = kind
        self.label = label
        self.height = height
        self.params = params
        self.results = results
        self.types = results
        self.other = -1  # label of the other arm of an `if`
        self.used = False


_NO_TYPES: Final[list[int]] = []


class OnePass(BodyReader):
    """Compiles one function; see `compile`. `target` is the module of the macro assembler, which
    is fresh. Valid after: `named`, and `loops`, where loops begin at whose headers all there is are
    locals."""

    def __init__(
        self, info: ModuleInfo, index: int, through_slots: bool, m: masm.MacroAssembler, target: Any
    ) -> None:
        module = info.module
        super().__init__(module, index)
        self.info = info
        self.module = module
        self.layout = info.layout
        self.index = index
        self.through_slots = through_slots
        self.m = m
        self.stack: list[int] = []
        self.frames: list[_Frame] = []
        self.free_ints: list[int] = list(target.FREE_INTS)
        self.free_floats: list[int] = list(target.FREE_FLOATS)
        self.all_ints: list[int] = list(target.FREE_INTS)
        self.all_floats: list[int] = list(target.FREE_FLOATS)
        self.shift_count: int = target.SHIFT_COUNT
        self.dividend: int = target.DIVIDEND
        self.remainder: int = target.REMAINDER
        self.bulk: list[int] = list(target.BULK)
        self.grow: int = target.GROW
        self.result: int = target.RESULT
        self.layout_of = target.Layout
        self.layouts: dict[int, masm.Layout] = {}
        self.leaf_ints: tuple[int, ...] = target.LEAF_INTS
        self.leaf_floats: tuple[int, ...] = target.LEAF_FLOATS
        self.kept_ints: tuple[int, ...] = target.KEPT_INTS
        self.local_types: list[int] = []
        self.local_regs: list[int] = []  # registers of locals that live in one, else -1
        self.locals: list[int] = []  # the operands that they are
        self.returns: list[int] = _NO_TYPES
        self.most = 0  # words that operands are in
        self.first_word = 0  # of those
        self.owned = False  # see `address`
        self.has_regs = False  # some locals are in registers
        self.named: dict[int, bool] = {}  # functions and types, as in Image.named
        self.loops: list[int] = []

    def unsupported(self, what: str) -> Unsupported:
        return Unsupported(f"function {self.index}: {what} in one pass")

    # ---- reading ----

    def types_of(self, types: tuple[int, ...]) -> list[int]:
        if not types:
            return _NO_TYPES
        found: list[int] = []
        for ty in types:
            known = _TYPES.get(ty, -1)
            if known < 0:
                raise self.unsupported("references or vectors")
            found.append(known)
        return found

    def block_type(self) -> tuple[list[int], list[int]]:
        byte = self.data[self.pos]
        if byte == 0x40:
            self.pos += 1
            return _NO_TYPES, _NO_TYPES
        known = _TYPES.get(byte, -1)
        if known >= 0:
            self.pos += 1
            return _NO_TYPES, [known]
        if byte & 0xC0 == 0x40:
            raise self.unsupported("references or vectors")
        type_index = self.signed()
        self.named[-1 - type_index] = True
        ty = self.info.func_type(type_index)
        if len(ty.params) > _MOST_PASSED or len(ty.results) > _MOST_PASSED:
            raise self.unsupported("so many operands of a block")
        return self.types_of(ty.params), self.types_of(ty.results)

    # ---- registers ----

    def int_reg(self) -> int:
        """A free general register; an operand may have to leave one."""
        if not self.free_ints:
            self.spill_one(False)
        return self.free_ints.pop()

    def float_reg(self) -> int:
        if not self.free_floats:
            self.spill_one(True)
        return self.free_floats.pop()

    def release(self, reg: int) -> None:
        if reg < _FLOATS:
            self.free_ints.append(reg)
        else:
            self.free_floats.append(reg)

    def all_free(self) -> None:
        """No operand is in a register any more."""
        self.free_ints = self.all_ints[:]
        self.free_floats = self.all_floats[:]

    def word(self, position: int) -> int:
        """Of the operand at that place of the stack."""
        if position >= self.most:
            if position > _MOST_OPERANDS:
                raise self.unsupported("so many operands")
            self.most = position + 1
        return self.first_word + position

    def spill(self, position: int) -> None:
        """Move an operand in a register to its word."""
        operand = self.stack[position]
        reg = operand >> 4
        self.m.store_word(operand >> 2 & 3, self.word(position), reg)
        self.stack[position] = operand & 12 | _WORD
        self.release(reg)

    def spill_one(self, floats: bool) -> None:
        for position in range(self.frames[-1].height, len(self.stack)):
            operand = self.stack[position]
            if operand & 3 == _REG and (operand >> 4 >= _FLOATS) == floats:
                self.spill(position)
                return
        raise AssertionError("no register")

    def spill_below(self, end: int) -> None:
        """Operands below `end` leave registers."""
        for position in range(self.frames[-1].height, end):
            if self.stack[position] & 3 == _REG:
                self.spill(position)

    def settle(self, constants_from: int) -> None:
        """All operands go to their words, constants from that place on."""
        stack = self.stack
        for position in range(self.frames[-1].height, len(stack)):
            operand = stack[position]
            kind = operand & 3
            if kind == _REG:
                self.spill(position)
            elif kind == _LOCAL:
                self.store_local(operand, self.word(position))
                stack[position] = operand & 12
            elif kind == _CONST and position >= constants_from:
                self.m.store_const(operand >> 2 & 3, self.word(position), operand >> 4)
                stack[position] = operand & 12

    def store_local(self, operand: int, word: int) -> None:
        """The value of a local to a word."""
        index = operand >> 4
        reg = self.local_regs[index]
        if reg < 0:
            self.m.copy_word(operand >> 2 & 3, word, index)
        else:
            self.m.store_word(operand >> 2 & 3, word, reg)

    def load_local(self, operand: int, reg: int) -> None:
        """The value of a local to a register."""
        index = operand >> 4
        source = self.local_regs[index]
        if source < 0:
            self.m.load_word(operand >> 2 & 3, reg, index)
        else:
            self.m.move(operand >> 2 & 3, reg, source)

    def take(self, reg: int) -> None:
        """Take a certain register; an operand in it goes elsewhere."""
        if reg in self.free_ints:
            self.free_ints.remove(reg)
            return
        stack = self.stack
        for position in range(self.frames[-1].height, len(stack)):
            operand = stack[position]
            if operand & 3 == _REG and operand >> 4 == reg:
                if self.free_ints:
                    other = self.free_ints.pop()
                    self.m.move(M.I64, other, reg)
                    stack[position] = other << 4 | operand & 15
                else:
                    self.spill(position)
                    self.free_ints.remove(reg)
                return
        raise AssertionError("a register without owner")

    # ---- operands ----

    def pop_int(self) -> int:
        """Pop a value into a general register, which the caller owns."""
        operand = self.stack.pop()
        kind = operand & 3
        ty = operand >> 2 & 3
        payload = operand >> 4
        if kind == _REG:
            if payload < _FLOATS:
                return payload
            reg = self.int_reg()
            if payload >= _FLAGS:
                self.m.set_if(payload - _FLAGS, reg)
            else:
                self.m.move(ty, reg, payload)
                self.free_floats.append(payload)
            return reg
        reg = self.int_reg()
        if kind == _LOCAL:
            self.load_local(operand, reg)
        elif kind == _CONST:
            self.m.const(ty, reg, payload)
        else:
            self.m.load_word(ty, reg, self.word(len(self.stack)))
        return reg

    def pop_float(self) -> int:
        """Pop a value into a float register, which the caller owns."""
        operand = self.stack.pop()
        kind = operand & 3
        ty = operand >> 2 & 3
        payload = operand >> 4
        if kind == _REG and payload >= _FLOATS:
            return payload
        reg = self.float_reg()
        if kind == _REG:
            self.m.move(ty, reg, payload)
            self.free_ints.append(payload)
        elif kind == _LOCAL:
            self.load_local(operand, reg)
        elif kind == _CONST:
            self.m.const(ty, reg, payload)
        else:
            self.m.load_word(ty, reg, self.word(len(self.stack)))
        return reg

    def push(self, reg: int, ty: int) -> None:
        self.stack.append(reg << 4 | ty << 2 | _REG)

    def pop_condition(self) -> int:
        """Pop an i32 into the flags: the condition for not zero."""
        operand = self.stack.pop()
        kind = operand & 3
        payload = operand >> 4
        if kind == _REG:
            if payload >= _FLAGS:
                return payload - _FLAGS
            self.m.alu_imm(M.CMP, M.I32, payload, 0)
            self.free_ints.append(payload)
        elif kind == _LOCAL:
            self.compare_local(operand, M.I32, 0)
        elif kind == _WORD:
            self.m.compare_word_imm(M.I32, self.word(len(self.stack)), 0)
        else:
            self.stack.append(operand)
            reg = self.pop_int()
            self.m.alu_imm(M.CMP, M.I32, reg, 0)
            self.free_ints.append(reg)
        return M.NE

    def compare_local(self, operand: int, ty: int, value: int) -> None:
        reg = self.local_regs[operand >> 4]
        if reg < 0:
            self.m.compare_word_imm(ty, operand >> 4, value)
        else:
            self.m.alu_imm(M.CMP, ty, reg, value)

    def push_condition(self, condition: int) -> None:
        """Push what the flags say; in the flags, if that is tested at once."""
        data = self.data
        while data[self.pos] == W.I32_EQZ:
            self.pos += 1
            condition ^= 1
        following = data[self.pos]
        if following in (W.BR_IF, W.IF, W.SELECT):
            self.stack.append(_FLAGS + condition << 4 | _REG)
        else:
            reg = self.int_reg()
            self.m.set_if(condition, reg)
            self.stack.append(reg << 4 | _REG)

    # ---- the whole ----

    def compile(self) -> CompiledFunction:
        """The code of the function. Raises Unsupported for what other compilers must do."""
        start = trace.clock()
        info = self.info
        if info.fuel or info.naive:
            raise self.unsupported("fuel")
        m = self.m
        ty = self.module.func_type(self.index)
        params = self.types_of(ty.params)
        layout: masm.Layout = self.layout_of(params, self.types_of(ty.results))
        if not layout.fits:
            raise self.unsupported("so many results")
        self.local_types = params[:]
        for _ in range(self.u32()):
            count = self.u32()
            known = _TYPES.get(self.data[self.pos], -1)
            self.pos += 1
            if known < 0 or len(self.local_types) + count > _MOST_LOCALS:
                raise self.unsupported("such locals")
            self.local_types += [known] * count
        self.locals = [
            number << 4 | known << 2 | _LOCAL for number, known in enumerate(self.local_types)
        ]
        memories = self.module.memories
        base = self.layout.memory_base(0) if memories else -1
        place = self.base + self.pos
        self.local_regs = [-1] * len(self.locals)
        if b"\x03\x40" in self.data:
            self.choose_registers()
        self.first_word = len(self.locals)
        m.enter(layout.size, base, place)
        for reg in self.kept_ints:
            if reg in self.local_regs:
                m.keep(reg, self.first_word)
                self.first_word += 1
        for number, known in enumerate(params):
            reg = layout.regs[number]
            if reg < 0:
                reg = self.result
                m.load_arg(known, reg, layout.offsets[number])
            m.store_word(known, number, reg)
        if self.has_regs:
            self.begin_registers(len(params))
        else:
            m.clear(len(params), len(self.locals) - len(params))
        self.frames.append(_Frame(_BLOCK, m.label(), 0, params, layout.types))
        self.returns = layout.results
        self.run()
        made = m.finish(f"u0:{self.index}", self.first_word + self.most)
        trace.note_time("onepass", start)
        return made

    def begin_registers(self, count: int) -> None:
        """The first values of locals, of which `count` are parameters and in their words."""
        m = self.m
        start = count
        for number, reg in enumerate(self.local_regs):
            if reg < 0:
                continue
            ty = self.local_types[number]
            if number < count:
                m.load_word(ty, reg, number)
            else:
                m.clear(start, number - start)
                m.const(ty, reg, 0)
                start = number + 1
        m.clear(start, len(self.locals) - start)

    def choose_registers(self) -> None:
        """Give the locals that are used most in loops registers of their own: in a function without
        calls some of those for operands, else such as calls keep. While a loop polls they are in
        their words, too: other code may take over there."""
        counts, calls = self.count_uses()
        ints = list(self.kept_ints)
        floats: list[int] = []
        if not calls:
            ints = list(self.leaf_ints) + ints
            floats = list(self.leaf_floats)
        order = [-count << 16 | number for number, count in enumerate(counts) if count >= _MANY]
        order.sort()
        for key in order:
            number = key & 0xFFFF
            free = ints if self.local_types[number] < M.F32 else floats
            if free:
                reg = free.pop(0)
                self.local_regs[number] = reg
                self.m.saved_at_polls.append((self.local_types[number], number, reg))
                self.has_regs = True
        for reg in self.local_regs:
            if reg in self.all_ints:
                self.all_ints.remove(reg)
            elif reg in self.all_floats:
                self.all_floats.remove(reg)
        self.all_free()

    def count_uses(self) -> tuple[list[int], bool]:
        """How often each local is used, more in loops; and whether there are calls."""
        data = self.data
        before = self.pos
        counts = [0] * len(self.locals)
        weights = [1]
        weight = 1
        calls = False
        end = len(data)
        while self.pos < end:
            op = data[self.pos]
            self.pos += 1
            kind = KIND[op]
            if kind in (_GET, _SET, _TEE):
                counts[self.u32()] += weight
            elif kind == _OTHER:
                if op == W.BLOCK or op == W.LOOP or op == W.IF:
                    weights.append(weight)
                    if op == W.LOOP and weight < 512:
                        weight *= 8
                    self.signed()
                elif op == W.END:
                    weight = weights.pop()
                elif op == W.BR_IF or op == W.BR or op == W.GLOBAL_GET or op == W.GLOBAL_SET:
                    self.u32()
                else:
                    if op == W.CALL or op == W.CALL_INDIRECT or op == W.MEMORY_GROW:
                        calls = True
                    self.skip_immediates(op)
            elif kind in (_LOAD, _STORE):
                if self.u32() & 0x40:
                    self.u32()
                self.u32()
            elif kind == _CONSTANT:
                if op <= W.I64_CONST:
                    self.signed()
                else:
                    self.pos += 4 if op == W.F32_CONST else 8
            elif not kind:
                if op not in W.PREFIX_BASE:
                    raise self.unsupported(W.NAMES[op])
                op = W.PREFIX_BASE[op] + self.u32()
                if not KIND[op]:
                    raise self.unsupported(W.NAMES[op])
                if op == W.MEMORY_COPY or op == W.MEMORY_FILL:
                    calls = True
                self.skip_immediates(op)
        self.pos = before
        return counts, calls

    def run(self) -> None:
        data = self.data
        stack = self.stack
        local_operands = self.locals
        pos = self.pos
        while True:
            start = pos
            op = data[pos]
            pos += 1
            kind = KIND[op]
            if kind == _GET:
                index = data[pos]
                pos += 1
                if index >= 0x80:
                    self.pos = pos - 1
                    index = self.u32()
                    pos = self.pos
                stack.append(local_operands[index])
            elif kind == _CONSTANT:
                byte = data[pos]
                if op <= W.I64_CONST and byte < 0x80:
                    pos += 1
                    value = byte - 0x80 if byte & 0x40 else byte
                else:
                    self.pos = pos
                    value = self.constant(op)
                    pos = self.pos
                stack.append(value << 4 | _TYPE[op] << 2 | _CONST)
            else:
                self.pos = pos
                if kind == _SET:
                    self.local_set()
                elif kind == _ALU:
                    self.alu(_SUB[op], _TYPE[op])
                elif kind == _LOAD:
                    self.load(op, start)
                elif kind == _TEE:
                    self.local_tee()
                elif kind == _STORE:
                    self.store(op, start)
                elif kind == _COMPARE:
                    self.compare(_SUB[op], _TYPE[op])
                elif kind == _OTHER:
                    if self.other(op, start):
                        return
                elif kind == _EQZ:
                    self.eqz(_TYPE[op])
                elif kind == _SHIFT:
                    self.shift(_SUB[op], _TYPE[op])
                elif kind == _UNARY:
                    self.unary(op)
                elif kind == _FLOAT:
                    self.float_binary(_SUB[op], _TYPE[op])
                elif kind == _DIVIDE:
                    self.divide(_SUB[op], _TYPE[op], start)
                elif kind == _FLOAT_COMPARE:
                    self.float_compare(_SUB[op], _TYPE[op])
                elif kind == _SIGN:
                    self.sign(_SUB[op], _TYPE[op])
                elif kind == _FLOAT_UNARY:
                    reg = self.pop_float()
                    self.m.float_unary(_SUB[op], _TYPE[op], reg, reg)
                    self.push(reg, _TYPE[op])
                else:
                    prefix = W.PREFIX_BASE.get(op)
                    if prefix is None:
                        raise self.unsupported(W.NAMES[op])
                    op = prefix + self.u32()
                    if not KIND[op]:
                        raise self.unsupported(W.NAMES[op])
                    self.other(op, start)
                pos = self.pos

    def constant(self, op: int) -> int:
        if op <= W.I64_CONST:
            return self.signed()
        return self.bits(4 if op == W.F32_CONST else 8)

    # ---- locals ----

    def keep(self, index: int) -> None:
        """The local will change: operands that still are in it get its value."""
        stack = self.stack
        operand = self.locals[index]
        if len(stack) > _MOST_OPERANDS:
            raise self.unsupported("so many operands")
        if operand in stack:
            for position in range(self.frames[-1].height, len(stack)):
                if stack[position] == operand:
                    ty = operand >> 2 & 3
                    if ty < M.F32 and self.free_ints:
                        reg = self.free_ints.pop()
                        self.load_local(operand, reg)
                        stack[position] = reg << 4 | ty << 2 | _REG
                    else:
                        self.store_local(operand, self.word(position))
                        stack[position] = operand & 12

    def local_set(self) -> None:
        index = self.u32()
        stack = self.stack
        operand = stack.pop()
        if stack:
            self.keep(index)
        self.assign(index, operand)
        if operand & 3 == _REG:
            self.release(operand >> 4)

    def local_tee(self) -> None:
        index = self.u32()
        stack = self.stack
        operand = stack.pop()
        if stack:
            self.keep(index)
        self.assign(index, operand)
        kind = operand & 3
        if self.local_regs[index] >= 0 and kind != _CONST:
            if kind == _REG:
                self.release(operand >> 4)
            operand = self.locals[index]
        elif kind == _WORD:
            operand = self.locals[index]
        stack.append(operand)

    def assign(self, index: int, operand: int) -> None:
        """Give a local the value of an operand that was just popped."""
        kind = operand & 3
        ty = operand >> 2 & 3
        payload = operand >> 4
        m = self.m
        target = self.local_regs[index]
        if target < 0:
            if kind == _REG:
                m.store_word(ty, index, payload)
            elif kind == _CONST:
                m.store_const(ty, index, payload)
            elif kind == _WORD:
                m.copy_word(ty, index, self.word(len(self.stack)))
            elif payload != index:
                self.store_local(operand, index)
        elif kind == _REG:
            m.move(ty, target, payload)
        elif kind == _CONST:
            m.const(ty, target, payload)
        elif kind == _WORD:
            m.load_word(ty, target, self.word(len(self.stack)))
        elif payload != index:
            self.load_local(operand, target)

    def in_place(self, operand: int) -> int:
        """The register of the local that an operand is, if the next instruction sets that local and
        no other operand is it; else -1. Reads that instruction."""
        data = self.data
        if operand & 3 != _LOCAL:
            return -1
        index = operand >> 4
        reg = self.local_regs[index]
        following = data[self.pos]
        if (
            reg < 0
            or (following != W.LOCAL_SET and following != W.LOCAL_TEE)
            or data[self.pos + 1] != index
            or index >= 0x80
            or operand in self.stack
        ):
            return -1
        self.pos += 2
        if following == W.LOCAL_TEE:
            self.stack.append(operand)
        return reg

    # ---- integers ----

    def alu(self, op: int, ty: int) -> None:
        stack = self.stack
        y = stack.pop()
        x = stack.pop()
        position = len(stack)
        if self.has_regs:
            if op != M.SUB and y & 3 == _LOCAL and x & 3 != _LOCAL:
                x, y = y, x
                y_position = position
            else:
                y_position = position + 1
            target = self.in_place(x)
            if target >= 0:
                self.alu_source(op, ty, target, y, y_position)
                return
            if y_position == position:
                x, y = y, x
        y_kind = y & 3
        if y_kind == _REG and x & 3 != _REG and op != M.SUB:  # commutes
            reg = y >> 4
            y = x
        elif x & 3 == _REG:
            reg = x >> 4
            position += 1
        else:
            stack.append(x)  # `y` is off the stack: `pop_int` does not give its register away
            reg = self.pop_int()
            position += 1
        self.alu_source(op, ty, reg, y, position)
        stack.append(reg << 4 | ty << 2 | _REG)

    def alu_source(self, op: int, ty: int, reg: int, y: int, position: int) -> None:
        """An operation on a register and an operand that is off the stack."""
        kind = y & 3
        payload = y >> 4
        m = self.m
        if kind == _CONST:
            m.alu_imm(op, ty, reg, payload)
        elif kind == _REG:
            m.alu(op, ty, reg, payload)
            self.free_ints.append(payload)
        elif kind == _WORD:
            m.alu_word(op, ty, reg, self.first_word + position)
        else:
            source = self.local_regs[payload]
            if source < 0:
                m.alu_word(op, ty, reg, payload)
            else:
                m.alu(op, ty, reg, source)

    def compare(self, condition: int, ty: int) -> None:
        stack = self.stack
        y = stack.pop()
        x = stack.pop()
        y_kind = y & 3
        x_kind = x & 3
        position = len(stack)
        payload = y >> 4
        m = self.m
        reg = self.local_regs[x >> 4] if x_kind == _LOCAL else -1
        if reg >= 0:
            self.alu_source(M.CMP, ty, reg, y, position + 1)
        elif y_kind in (_CONST, _REG) and x_kind in (_LOCAL, _WORD):
            word = x >> 4 if x_kind == _LOCAL else self.first_word + position
            if y_kind == _CONST:
                m.compare_word_imm(ty, word, payload)
            else:
                m.compare_word(ty, word, payload)
                self.free_ints.append(payload)
        else:
            stack.append(x)
            reg = self.pop_int()
            self.alu_source(M.CMP, ty, reg, y, position + 1)
            self.free_ints.append(reg)
        self.push_condition(condition)

    def eqz(self, ty: int) -> None:
        if ty == M.I32:
            self.push_condition(self.pop_condition() ^ 1)
            return
        stack = self.stack
        x = stack.pop()
        kind = x & 3
        if kind == _LOCAL:
            self.compare_local(x, ty, 0)
        elif kind == _WORD:
            self.m.compare_word_imm(ty, self.word(len(stack)), 0)
        else:
            stack.append(x)
            reg = self.pop_int()
            self.m.alu_imm(M.CMP, ty, reg, 0)
            self.free_ints.append(reg)
        self.push_condition(M.EQ)

    def shift(self, op: int, ty: int) -> None:
        stack = self.stack
        y = stack[-1]
        if y & 3 == _CONST:
            stack.pop()
            if self.has_regs:
                x = stack.pop()
                reg = self.in_place(x)
                if reg >= 0:
                    self.m.shift_imm(op, ty, reg, y >> 4)
                    return
                stack.append(x)
            reg = self.pop_int()
            self.m.shift_imm(op, ty, reg, y >> 4)
        else:
            count = self.shift_count
            if y & 3 == _REG and y >> 4 == count:
                stack.pop()
            else:
                self.take(count)
                self.pop_into(count)
            reg = self.pop_int()
            self.m.shift(op, ty, reg)
            self.free_ints.append(count)
        self.push(reg, ty)

    def pop_into(self, reg: int) -> None:
        """Pop an integer into a register that was taken."""
        operand = self.stack.pop()
        kind = operand & 3
        payload = operand >> 4
        if kind == _REG:
            self.m.move(M.I64, reg, payload)
            self.free_ints.append(payload)
        elif kind == _CONST:
            self.m.const(operand >> 2 & 3, reg, payload)
        elif kind == _LOCAL:
            self.load_local(operand, reg)
        else:
            self.m.load_word(operand >> 2 & 3, reg, self.word(len(self.stack)))

    def divide(self, op: int, ty: int, start: int) -> None:
        stack = self.stack
        y = stack[-1]
        value = y >> 4
        checked = True
        if y & 3 == _CONST:
            if value > 0 and value & value - 1 == 0 and op in (M.DIV_U, M.REM_U):
                stack.pop()
                reg = self.pop_int()
                if op == M.DIV_U:
                    self.m.shift_imm(M.SHR_U, ty, reg, value.bit_length() - 1)
                else:
                    self.m.alu_imm(M.AND, ty, reg, value - 1)
                self.push(reg, ty)
                return
            checked = value in (0, -1)
        dividend, remainder = self.dividend, self.remainder
        x = stack[-2]
        in_place = x & 3 == _REG and x >> 4 == dividend
        if not in_place:
            self.take(dividend)
        self.take(remainder)
        divisor = self.pop_int()
        if in_place:
            stack.pop()
        else:
            self.pop_into(dividend)
        place = self.base + start
        self.m.divide(
            op, ty, divisor, checked, errors.DIVISION_BY_ZERO, errors.INTEGER_OVERFLOW, place
        )
        self.free_ints.append(divisor)
        if op in (M.DIV_S, M.DIV_U):
            self.free_ints.append(remainder)
            self.push(dividend, ty)
        else:
            self.free_ints.append(dividend)
            self.push(remainder, ty)

    def unary(self, op: int) -> None:
        stack = self.stack
        x = stack[-1]
        kind = x & 3
        if kind in (_LOCAL, _WORD):
            stack.pop()
            reg = self.int_reg()
            source = self.local_regs[x >> 4] if kind == _LOCAL else -1
            if source >= 0:
                self.m.unary(_SUB[op], reg, source)
            else:
                word = x >> 4 if kind == _LOCAL else self.word(len(stack))
                self.m.unary_word(_SUB[op], reg, word)
        else:
            reg = self.pop_int()
            if op != W.I64_EXTEND_I32_U:
                self.m.unary(_SUB[op], reg, reg)
        self.push(reg, _TYPE[op])

    # ---- floats ----

    def float_source(self, operand: int, position: int) -> int:
        """A float operand that is off the stack, as a register for one instruction, or -1 - word if
        it is in a word. What it was in is free again after."""
        kind = operand & 3
        payload = operand >> 4
        if kind == _REG:
            if payload >= _FLOATS:
                self.free_floats.append(payload)
                return payload
            self.free_ints.append(payload)
            return self.m.float_temp(operand >> 2 & 3, payload)
        if kind == _CONST:
            return self.m.float_temp_const(operand >> 2 & 3, payload)
        if kind == _LOCAL:
            reg = self.local_regs[payload]
            return reg if reg >= 0 else -1 - payload
        return -1 - self.word(position)

    def float_binary(self, op: int, ty: int) -> None:
        stack = self.stack
        y = stack.pop()
        position = len(stack)
        if op >= M.FMIN:
            stack.append(y)
            other = self.pop_float()
            reg = self.pop_float()
            self.m.float_min_max(op, ty, reg, other)
            self.free_floats.append(other)
        else:
            if self.has_regs:
                x = stack.pop()
                reg = self.in_place(x)
                if reg >= 0:
                    source = self.float_source(y, position)
                    if source >= 0:
                        self.m.float_binary(op, ty, reg, source)
                    else:
                        self.m.float_binary_word(op, ty, reg, -1 - source)
                    return
                stack.append(x)
            reg = self.pop_float()
            source = self.float_source(y, position)
            if source >= 0:
                self.m.float_binary(op, ty, reg, source)
            else:
                self.m.float_binary_word(op, ty, reg, -1 - source)
        self.push(reg, ty)

    def float_compare(self, op: int, ty: int) -> None:
        stack = self.stack
        position = len(stack)
        y = stack.pop()
        x = stack.pop()
        if op in (2, 4):  # lt, le: the other way round
            x, y = y, x
            position -= 1
        reg = self.local_regs[x >> 4] if x & 3 == _LOCAL else -1
        owned = reg < 0
        if owned:
            # `x` where it was, so that its word is found.
            if position == len(stack) + 2:
                stack.append(x)
                reg = self.pop_float()
            else:
                stack.append(0)
                stack.append(x)
                reg = self.pop_float()
                stack.pop()
        source = self.float_source(y, position - 1)
        if source >= 0:
            self.m.float_compare(ty, reg, source)
        else:
            self.m.float_compare_word(ty, reg, -1 - source)
        if owned:
            self.free_floats.append(reg)
        if op >= 2:
            self.push_condition(M.GT_U if op in (2, 3) else M.GE_U)
        else:
            result = self.int_reg()
            self.m.float_equal(op == 1, result)
            self.push(result, M.I32)

    def sign(self, op: int, ty: int) -> None:
        if op == 2:
            other = self.pop_int()
            reg = self.pop_int()
            self.m.copy_sign(ty, reg, other)
            self.free_ints.append(other)
        else:
            reg = self.pop_int()
            self.m.sign_bit(ty, reg, op == 1)
        self.push(reg, ty)

    # ---- memory ----

    def memory(self) -> int:
        """Read the index of a memory."""
        index = self.u32()
        if self.info.memory_modes[index] != GUARDED:
            raise self.unsupported("checked memories")
        return index

    def memarg(self) -> tuple[int, int]:
        """The offset of the base of another memory than 0, and the offset."""
        base = -1
        align = self.data[self.pos]
        self.pos += 1
        if align & 0x40:
            index = self.memory()
            base = self.layout.memory_base(index) if index else -1
        elif self.info.memory_modes[0] != GUARDED:
            raise self.unsupported("checked memories")
        offset = self.u32()
        if offset >= 1 << 32:
            raise self.unsupported("such offsets")
        return base, offset

    def address(self, offset: int) -> tuple[int, int]:
        """Pop an address: a register or -1, and what to add to it. `owned` says whether the
        register is the caller's."""
        operand = self.stack[-1]
        self.owned = True
        if operand & 3 == _CONST:
            at = (operand >> 4 & 0xFFFFFFFF) + offset
            if at < 1 << 31:
                self.stack.pop()
                self.owned = False
                return -1, at
        elif operand & 3 == _LOCAL:
            reg = self.local_regs[operand >> 4]
            if reg >= 0 and offset < 1 << 31:
                self.stack.pop()
                self.owned = False
                return reg, offset
        reg = self.pop_int()
        if offset >= 1 << 31:
            self.m.add_offset(reg, offset)
            offset = 0
        return reg, offset

    def load(self, op: int, start: int) -> None:
        base, offset = self.memarg()
        index, disp = self.address(offset)
        owned = self.owned
        ty = _TYPE[op]
        if ty >= M.F32:
            reg = self.float_reg()
        else:
            reg = index if owned else self.int_reg()
        code = errors.MEMORY_OUT_OF_BOUNDS
        self.m.load(_SUB[op], reg, base, index, disp, code, self.base + start)
        if owned and index != reg:
            self.free_ints.append(index)
        self.stack.append(reg << 4 | ty << 2 | _REG)

    def store(self, op: int, start: int) -> None:
        base, offset = self.memarg()
        stack = self.stack
        operand = stack[-1]
        kind = operand & 3
        place = self.base + start
        code = errors.MEMORY_OUT_OF_BOUNDS
        sub = _SUB[op]
        if kind == _CONST and _TYPE[op] < M.F32:
            value = operand >> 4
            if sub >= M.STORE_8 or -(1 << 31) <= value < 1 << 31:
                stack.pop()
                index, disp = self.address(offset)
                self.m.store_imm(sub, value, base, index, disp, code, place)
                if self.owned:
                    self.free_ints.append(index)
                return
        reg = self.local_regs[operand >> 4] if kind == _LOCAL else -1
        value_owned = reg < 0
        if reg >= 0:
            stack.pop()
        elif kind == _REG and _FLOATS <= operand >> 4 < _FLAGS:
            stack.pop()
            reg = operand >> 4
        else:
            reg = self.pop_int()
        index, disp = self.address(offset)
        self.m.store(sub, reg, base, index, disp, code, place)
        if value_owned:
            self.release(reg)
        if self.owned:
            self.free_ints.append(index)

    # ---- all else ----

    def other(self, op: int, start: int) -> bool:
        """True at the end of the function."""
        if op == W.BR_IF:
            self.branch_if()
        elif op == W.END:
            return self.end(True)
        elif op == W.BLOCK:
            self.block()
        elif op == W.CALL:
            self.call(start)
        elif op == W.IF:
            self.if_()
        elif op == W.BR:
            depth = self.u32()
            frame = self.frames[-1 - depth]
            self.pass_to(frame)
            self.m.jump(frame.label)
            return self.dead()
        elif op == W.SELECT or op == W.SELECT_T:
            self.select(op)
        elif op == W.LOOP:
            self.loop(start)
        elif op == W.ELSE:
            self.else_(True)
        elif op == W.DROP:
            operand = self.stack.pop()
            if operand & 3 == _REG:
                self.release(operand >> 4)
        elif op == W.RETURN:
            self.return_()
            return self.dead()
        elif op == W.GLOBAL_GET or op == W.GLOBAL_SET:
            self.global_(op == W.GLOBAL_SET)
        elif op == W.CALL_INDIRECT:
            self.call_indirect(start)
        elif op == W.BR_TABLE:
            self.branch_table()
            return self.dead()
        elif op == W.UNREACHABLE:
            self.m.trap(errors.UNREACHABLE, self.base + start)
            return self.dead()
        elif op == W.NOP:
            pass
        elif W.I32_REINTERPRET_F32 <= op <= W.F64_REINTERPRET_I64:
            reg = self.pop_int()
            types = (M.I32, M.I64, M.F32, M.F64)
            self.push(reg, types[op - W.I32_REINTERPRET_F32])
        elif op == W.F32_DEMOTE_F64 or op == W.F64_PROMOTE_F32:
            reg = self.pop_float()
            ty = M.F64 if op == W.F32_DEMOTE_F64 else M.F32
            self.m.convert_float(ty, reg, reg)
            self.push(reg, M.F32 + M.F64 - ty)
        elif W.F32_CONVERT_I32_S <= op <= W.F64_CONVERT_I64_U:
            sub = _SUB[op]
            source = self.pop_int()
            reg = self.float_reg()
            self.m.from_int(_TYPE[op], reg, source, sub & 1 != 0, sub & 2 != 0)
            self.free_ints.append(source)
            self.push(reg, _TYPE[op])
        elif op == W.MEMORY_SIZE:
            index = self.memory()
            reg = self.int_reg()
            self.m.memory_pages(reg, self.layout.memory(index))
            self.push(reg, M.I32)
        elif op == W.MEMORY_GROW:
            self.memory_grow(start)
        elif op == W.MEMORY_COPY or op == W.MEMORY_FILL:
            self.memory_bulk(op, start)
        else:
            self.to_int(op, start)
        return False

    def to_int(self, op: int, start: int) -> None:
        sub = _SUB[op]
        wide, signed, saturate = sub & 1, sub & 2 != 0, sub & 4 != 0
        source = self.pop_float()
        reg = self.int_reg()
        self.m.to_int(
            _TYPE[op],
            reg,
            source,
            wide != 0,
            signed,
            -1 if saturate else errors.BAD_CONVERSION,
            -1 if saturate else errors.INTEGER_OVERFLOW,
            self.base + start,
        )
        self.free_floats.append(source)
        self.push(reg, wide)

    def select(self, op: int) -> None:
        if op == W.SELECT_T:
            for _ in range(self.u32()):
                if self.data[self.pos] not in _TYPES:
                    raise self.unsupported("references or vectors")
                self.pos += 1
        condition = self.pop_condition()
        stack = self.stack
        y, x = stack[-1], stack[-2]
        ty = y >> 2 & 3
        if self.place_of(y) >= _FLOATS or self.place_of(x) >= _FLOATS:
            other = self.pop_float()
            reg = self.pop_float()
            self.m.select_float(condition, reg, other)
            self.free_floats.append(other)
        else:
            stack.pop()
            position = len(stack)
            reg = self.pop_int()
            kind = y & 3
            payload = y >> 4
            if kind == _CONST:
                self.m.move_if_const(condition ^ 1, ty, reg, payload)
            elif kind == _REG:
                self.m.move_if(condition ^ 1, ty, reg, payload)
                self.free_ints.append(payload)
            elif kind == _LOCAL and self.local_regs[payload] >= 0:
                self.m.move_if(condition ^ 1, ty, reg, self.local_regs[payload])
            else:
                word = payload if kind == _LOCAL else self.word(position)
                self.m.move_if_word(condition ^ 1, ty, reg, word)
        self.push(reg, ty)

    def place_of(self, operand: int) -> int:
        """The register that an operand is in, or -1."""
        kind = operand & 3
        if kind == _LOCAL:
            return self.local_regs[operand >> 4]
        return operand >> 4 if kind == _REG else -1

    def global_(self, is_set: bool) -> None:
        index = self.u32()
        ty = _TYPES.get(self.module.globals[index].type.value, -1)
        if ty < 0:
            raise self.unsupported("references or vectors")
        imported = index < self.module.num_imported_globals
        if imported:
            offset = self.layout.imported_global(index)
        else:
            offset = self.layout.own_global(index)
        if is_set:
            operand = self.stack[-1]
            if operand & 3 == _REG and _FLOATS <= operand >> 4 < _FLAGS:
                self.stack.pop()
                reg = operand >> 4
            else:
                reg = self.pop_int()
            if imported:
                self.m.store_imported_global(ty, offset, reg)
            else:
                self.m.store_global(ty, offset, reg)
            self.release(reg)
        else:
            reg = self.int_reg() if ty < M.F32 else self.float_reg()
            if imported:
                self.m.load_imported_global(ty, reg, offset)
            else:
                self.m.load_global(ty, reg, offset)
            self.push(reg, ty)

    # ---- control ----

    def block(self) -> None:
        params, results = self.block_type()
        height = len(self.stack) - len(params)
        self.settle(len(self.stack))
        self.frames.append(_Frame(_BLOCK, self.m.label(), height, params, results))

    def loop(self, start: int) -> None:
        params, results = self.block_type()
        if not self.stack:
            self.loops.append(self.base + start)
        height = len(self.stack) - len(params)
        self.settle(height)
        label = self.m.label()
        self.m.bind(label)
        self.m.poll(self.base + start)
        frame = _Frame(_LOOP, label, height, params, results)
        frame.types = params
        self.frames.append(frame)

    def if_(self) -> None:
        params, results = self.block_type()
        condition = self.pop_condition()
        height = len(self.stack) - len(params)
        self.settle(height if params else len(self.stack))
        frame = _Frame(_IF, self.m.label(), height, params, results)
        frame.other = self.m.label()
        self.m.branch(condition ^ 1, frame.other)
        self.frames.append(frame)

    def else_(self, live: bool) -> None:
        frame = self.frames[-1]
        if live:
            self.pass_to(frame)
            self.m.jump(frame.label)
        self.m.bind(frame.other)
        frame.other = -1
        self.begin_at(frame.height, frame.params)

    def begin_at(self, height: int, types: list[int]) -> None:
        """At a label: operands of these types are in their words from `height` on."""
        stack = self.stack
        del stack[height:]
        self.all_free()
        for ty in types:
            stack.append(ty << 2 | _WORD)

    def end(self, live: bool) -> bool:
        """True at the end of the function. Not `live`: only branches lead here."""
        frame = self.frames[-1]
        if self.is_reached(frame):
            if live:
                self.pass_to(frame)
            if frame.other >= 0:
                self.m.bind(frame.other)
            self.m.bind(frame.label)
            self.begin_at(frame.height, frame.results)
        if len(self.frames) == 1:
            self.return_()
            return True
        self.frames.pop()
        return False

    def is_reached(self, frame: _Frame) -> bool:
        """Whether the end of a block is reached from elsewhere than what stands before it."""
        return frame.kind != _LOOP and (frame.used or frame.other >= 0)

    def dead(self) -> bool:
        """Nothing reaches what follows: skip to where something does. True at the end of the
        function."""
        frames = self.frames
        self.begin_at(frames[-1].height, _NO_TYPES)
        depth = 0
        while True:
            op = self.data[self.pos]
            self.pos += 1
            if op == W.END:
                if depth:
                    depth -= 1
                elif self.is_reached(frames[-1]):
                    return self.end(False)
                elif len(frames) == 1:
                    return True
                else:
                    frames.pop()
                    self.begin_at(frames[-1].height, _NO_TYPES)
            elif op == W.ELSE:
                if not depth:
                    self.else_(False)
                    return False
            elif op in (W.BLOCK, W.LOOP, W.IF):
                depth += 1
                self.block_type()
            else:
                prefix = W.PREFIX_BASE.get(op)
                if prefix is not None:
                    op = prefix + self.u32()
                if not KIND[op]:
                    raise self.unsupported(W.NAMES[op])
                self.skip_immediates(op)

    def skip_immediates(self, op: int) -> None:
        for kind in W.IMMEDIATES[op]:
            if kind == "br_table":
                for _ in range(self.u32() + 1):
                    self.u32()
            elif kind == "memarg":
                if self.u32() & 0x40:
                    self.u32()
                self.u32()
            elif kind in ("i32", "i64"):
                self.signed()
            elif kind == "f32":
                self.pos += 4
            elif kind == "f64":
                self.pos += 8
            elif kind == "select_types":
                for _ in range(self.u32()):
                    self.signed()
            else:
                self.u32()

    def pass_to(self, frame: _Frame) -> None:
        """Move what a branch to the frame's label passes to where the label expects it; operands
        stay where they are."""
        frame.used = True
        count = len(frame.types)
        if not count:
            return
        m, stack = self.m, self.stack
        base = len(stack) - count
        for number in range(count):
            operand = stack[base + number]
            kind = operand & 3
            ty = operand >> 2 & 3
            word = self.word(frame.height + number)
            if kind == _REG:
                m.store_word(ty, word, operand >> 4)
            elif kind == _CONST:
                m.store_const(ty, word, operand >> 4)
            elif kind == _LOCAL:
                self.store_local(operand, word)
            elif base != frame.height:
                m.copy_word(ty, word, self.word(base + number))

    def branch_if(self) -> None:
        frame = self.frames[-1 - self.u32()]
        condition = self.pop_condition()
        if frame.types:
            after = self.m.label()
            self.m.branch(condition ^ 1, after)
            self.pass_to(frame)
            self.m.jump(frame.label)
            self.m.bind(after)
        else:
            frame.used = True
            self.m.branch(condition, frame.label)

    def branch_table(self) -> None:
        depths = [self.u32() for _ in range(self.u32() + 1)]
        m = self.m
        reg = self.pop_int()
        count = len(self.frames[-1 - depths[-1]].types)
        if not count:
            labels: list[int] = []
            for depth in depths:
                frame = self.frames[-1 - depth]
                frame.used = True
                labels.append(frame.label)
            m.jump_table(reg, labels[:-1], labels[-1])
            return
        self.settle(len(self.stack) - count)
        stubs: dict[int, int] = {}
        for depth in depths:
            if depth not in stubs:
                stubs[depth] = m.label()
        m.jump_table(reg, [stubs[depth] for depth in depths[:-1]], stubs[depths[-1]])
        for depth, stub in stubs.items():
            m.bind(stub)
            self.pass_to(self.frames[-1 - depth])
            m.jump(self.frames[-1 - depth].label)

    def return_(self) -> None:
        self.pass_args(self.returns, _NO_TYPES, 0)
        self.m.leave()

    # ---- calls ----

    def pass_args(self, regs: list[int], offsets: list[int], size: int) -> None:
        """Pop as many operands as there are `regs` into those registers, or (-1) the stack at
        `offsets`. No other operand is in a register."""
        m, stack = self.m, self.stack
        base = len(stack) - len(regs)
        if size:
            m.stack_room(size)
        sources: list[int] = []
        targets: list[int] = []
        loads = False
        for number, reg in enumerate(regs):
            operand = stack[base + number]
            kind = operand & 3
            ty = operand >> 2 & 3
            payload = operand >> 4
            if kind == _LOCAL and self.local_regs[payload] >= 0:
                payload = self.local_regs[payload]
                kind = _REG
            if reg < 0:
                if kind == _REG:
                    m.store_arg(ty, offsets[number], payload)
                elif kind == _CONST:
                    m.store_arg_const(ty, offsets[number], payload)
                else:
                    word = payload if kind == _LOCAL else self.word(base + number)
                    m.store_arg_word(ty, offsets[number], word)
            elif kind != _REG:
                loads = True
            elif (payload < _FLOATS) != (reg < _FLOATS):
                m.store_word(ty, self.word(base + number), payload)
                stack[base + number] = ty << 2 | _WORD
                loads = True
            elif payload != reg:
                sources.append(payload)
                targets.append(reg)
        while sources:
            waiting = len(sources)
            number = 0
            while number < len(sources):
                if targets[number] in sources:
                    number += 1
                else:
                    m.move(M.I64, targets[number], sources[number])
                    del sources[number], targets[number]
            if len(sources) == waiting:  # a cycle
                sources[0] = m.copy_out(sources[0])
        if loads:
            for number, reg in enumerate(regs):
                operand = stack[base + number]
                kind = operand & 3
                if reg < 0 or self.place_of(operand) >= 0:
                    continue
                ty = operand >> 2 & 3
                if kind == _CONST:
                    m.const(ty, reg, operand >> 4)
                else:
                    word = operand >> 4 if kind == _LOCAL else self.word(base + number)
                    m.load_word(ty, reg, word)
        del stack[base:]
        self.all_free()

    def call_layout(self, type_index: int) -> masm.Layout:
        known = self.layouts.get(type_index)
        if known is None:
            ty = self.info.func_type(type_index)
            known = self.layout_of(self.types_of(ty.params), self.types_of(ty.results))
            if not known.fits:
                raise self.unsupported("so many results")
            self.layouts[type_index] = known
        return known

    def push_results(self, layout: masm.Layout) -> None:
        last = len(layout.results) - 1
        for number, reg in enumerate(layout.results):
            self.push_result(reg, layout.types[number], number == last)

    def push_result(self, reg: int, ty: int, is_last: bool = True) -> None:
        """Push a result of a call, of whose register only the bits of its type count."""
        if reg < _FLOATS:
            self.free_ints.remove(reg)
            # The last one may go where its upper half does not count: nowhere, or to a word.
            following = self.data[self.pos] if is_last else W.NOP
            if ty == M.I32 and following != W.DROP:
                if self.has_regs or following != W.LOCAL_SET:
                    self.m.zero_extend(reg)
        else:
            self.free_floats.remove(reg)
        self.push(reg, ty)

    def call(self, start: int) -> None:
        index = self.u32()
        self.named[index] = True
        layout = self.call_layout(self.module.funcs[index])
        self.spill_below(len(self.stack) - len(layout.regs))
        self.pass_args(layout.regs, layout.offsets, layout.size)
        place = self.base + start
        if index < self.module.num_imported_funcs:
            self.m.call_imported(self.layout.imported_func(index), place)
        elif self.through_slots:
            self.m.call_slot(self.layout.slot(index), place)
        else:
            self.m.call_direct(f"u0:{index}", place)
        self.push_results(layout)

    def call_indirect(self, start: int) -> None:
        type_index = self.u32()
        self.named[-1 - type_index] = True
        table = self.u32()
        layout = self.call_layout(type_index)
        if self.module.tables[table].type.limits.is64 or not self.module.types[type_index].final:
            raise self.unsupported("this call_indirect")
        place = self.base + start
        reg = self.pop_int()
        self.m.find_function(
            reg,
            self.layout.table(table),
            self.layout.types,
            type_index,
            errors.INDIRECT_CALL_TO_NULL,
            errors.UNINITIALIZED_ELEMENT,
            errors.BAD_SIGNATURE,
            place,
        )
        self.free_ints.append(reg)
        self.spill_below(len(self.stack) - len(layout.regs))
        self.pass_args(layout.regs, layout.offsets, layout.size)
        self.m.call_found(place)
        self.push_results(layout)

    def memory_grow(self, start: int) -> None:
        index = self.memory()
        self.spill_below(len(self.stack) - 1)
        self.pass_args([self.grow], _NO_TYPES, 0)
        self.m.memory_grow(index, BUILTINS["memory_grow"].number, self.base + start)
        self.push_result(self.result, M.I32)

    def memory_bulk(self, op: int, start: int) -> None:
        layout = self.layout
        to = self.memory()
        source = self.memory() if op == W.MEMORY_COPY else to
        self.spill_below(len(self.stack) - 3)
        self.pass_args(self.bulk, _NO_TYPES, 0)
        code, place = errors.MEMORY_OUT_OF_BOUNDS, self.base + start
        places = [layout.memory_base(to), layout.memory(to)]
        if op == W.MEMORY_COPY:
            places += [layout.memory_base(source), layout.memory(source)]
            builtin, library = BUILTINS["memory_copy"].number, LIBRARY["memmove"].number
            self.m.memory_copy(to, source, places, builtin, library, _LARGE, code, place)
        else:
            builtin, library = BUILTINS["memory_fill"].number, LIBRARY["memset"].number
            self.m.memory_fill(to, places, builtin, library, _LARGE, code, place)
