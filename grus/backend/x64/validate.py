"""A function and what lowering made of it, run side by side over any `Domain`.

`run_ir` gives the meaning of the IR, `run_vcode` that of the machine instructions before register
allocation; both as an `Outcome`: trap code, results and memory. With terms of a solver the two are
formulas, with numbers a test. What the conventions leave open (upper bits of registers, undefined
flags) is unknown, a fresh one each time.

Functions have no calls and no loops; every path is followed. Memory is single-threaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from grus.backend.regalloc.types import DEF, FIXED, INDEX_MASK, VREG_SHIFT
from grus.backend.vcode import CONSTANT, REG, Address, VBlock, VCode
from grus.backend.vcode import Inst as VInst
from grus.backend.x64 import emit, meanings, pseudo
from grus.backend.x64 import lower as L
from grus.backend.x64.insts import IMM, READ, WRITE, Inst
from grus.backend.x64.lower import X64Lower
from grus.backend.x64.rows import ROWS
from grus.base.errors import Unsupported
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.bits import MASK
from grus.ir.domain import CONCRETE, Domain, InterpreterTrap
from grus.ir.function import NIL, Function, MemFlags, Value
from grus.ir.semantics import MEANINGS, Shape, evaluator
from grus.opt.prove import Z3

Bits = Any
"""A bit vector of the world's domain."""


class World:
    """A domain with memory, unknown bits and decisions.

    `accesses` are the addresses and sizes that the current path has read and written.
    """

    __slots__ = ("accesses", "d")

    d: Domain[Any]

    def __init__(self, d: Domain[Any]) -> None:
        self.d = d
        self.accesses: list[tuple[Bits, int]] = []

    def unknown(self, w: int) -> Bits:
        """Any bits."""
        raise NotImplementedError

    def memory(self) -> Any:
        """The memory at first."""
        raise NotImplementedError

    def byte(self, memory: Any, address: Bits) -> Bits:
        raise NotImplementedError

    def with_byte(self, memory: Any, address: Bits, value: Bits) -> Any:
        """Memory with another byte."""
        raise NotImplementedError

    def ways(self, condition: Bits) -> list[tuple[bool, Bits]]:
        """The ways that a branch on a bit may go, with the bit that says so."""
        raise NotImplementedError

    def begin(self, traps: list[Any]) -> None:
        """A path goes on that may have trapped so."""

    def pending(self) -> list[Any]:
        """How the path may have trapped up to here."""
        return []

    def trap_code(self) -> Bits:
        """The code of the path's first trap, 16 bits; 0 for none."""
        return self.d.const(16, 0)

    def unless(self, skip: Bits, run: Callable[[], tuple[Bits, ...]]) -> tuple[Bits, ...]:
        """Two results of `run`, which traps only when a bit is not set; then they are anything."""
        raise NotImplementedError

    def access(self, address: Bits, size: int) -> None:
        """Note an access; one of 16 bytes counts as two of 8."""
        d = self.d
        self.accesses.append((address, min(size, 8)))
        if size == 16:
            self.accesses.append((d.add(64, address, d.const(64, 8)), 8))

    def load(self, memory: Any, address: Bits, size: int) -> Bits:
        """`size` bytes, little endian."""
        d = self.d
        self.access(address, size)
        parts = [
            self.byte(memory, d.add(64, address, d.const(64, at)) if at else address)
            for at in range(size)
        ]
        return d.join(8, parts)

    def store(self, memory: Any, address: Bits, size: int, value: Bits) -> Any:
        d = self.d
        self.access(address, size)
        for at, part in enumerate(d.split(8, size, value)):
            where = d.add(64, address, d.const(64, at)) if at else address
            memory = self.with_byte(memory, where, part)
        return memory


class Outcome:
    """How a path ends. `condition` says when it is taken, `traps` is a trap code or 0."""

    __slots__ = ("accesses", "condition", "memory", "results", "traps")

    def __init__(
        self, condition: Bits, traps: Bits, results: list[Bits], memory: Any, accesses: Any
    ) -> None:
        self.condition = condition
        self.traps = traps
        self.results = results
        self.memory = memory
        self.accesses: list[tuple[Bits, int]] = accesses


# ---- the IR ----


class _Path:
    """A way through a function: `env` holds values of the IR or virtual registers by number."""

    __slots__ = ("accesses", "block", "condition", "env", "memory", "traps")

    def __init__(self, block: Any, condition: Bits, env: dict[int, Bits], memory: Any) -> None:
        self.block = block
        self.condition = condition
        self.env = env
        self.memory = memory
        self.accesses: list[tuple[Bits, int]] = []
        self.traps: list[Any] = []

    def after(self, d: Domain[Any], block: Any, condition: Bits, env: dict[int, Bits]) -> _Path:
        """The path that goes on at another block under a condition."""
        new = _Path(block, d.and_(1, self.condition, condition), env, self.memory)
        new.accesses = list(self.accesses)
        new.traps = self.traps
        return new


_LOADS: Final = {
    **{
        op: (1 << at, sign)
        for at, (plain, signed) in enumerate(
            ((ops.ULOAD8, ops.SLOAD8), (ops.ULOAD16, ops.SLOAD16), (ops.ULOAD32, ops.SLOAD32))
        )
        for op, sign in ((plain, False), (signed, True))
    },
}
_STORES: Final = {ops.ISTORE8: 1, ops.ISTORE16: 2, ops.ISTORE32: 4}
_LOOPED: Final = {
    ops.RMW_ADD: ops.IADD,
    ops.RMW_SUB: ops.ISUB,
    ops.RMW_AND: ops.BAND,
    ops.RMW_OR: ops.BOR,
    ops.RMW_XOR: ops.BXOR,
    ops.RMW_UMIN: ops.UMIN,
    ops.RMW_UMAX: ops.UMAX,
    ops.RMW_SMIN: ops.SMIN,
    ops.RMW_SMAX: ops.SMAX,
}


def run_ir(world: World, func: Function, params: list[Bits]) -> list[Outcome]:
    """What a function does."""
    d = world.d
    entry = func.blocks[0]
    env = {p.num: bits for p, bits in zip(entry.params, params, strict=True)}
    work = [_Path(entry, d.const(1, 1), env, world.memory())]
    done: list[Outcome] = []
    while work:
        path = work.pop()
        world.accesses = path.accesses
        world.begin(path.traps)
        try:
            traps, results, following = _ir_block(world, path)
            path.traps = world.pending()
        except InterpreterTrap as trap:
            traps, results, following = d.const(16, trap.code), [], []
        if following:
            for index, condition in following:
                call = path.block.insts[-1].targets[index]
                env = dict(path.env)
                for param, arg in zip(call.block.params, call.args, strict=True):
                    env[param.num] = path.env[arg.num]
                work.append(path.after(d, call.block, condition, env))
        else:
            done.append(Outcome(path.condition, traps, results, path.memory, path.accesses))
    return done


def _ir_block(world: World, path: _Path) -> tuple[Bits, list[Bits], list[tuple[int, Bits]]]:
    """Run a block: trap code and results, or where it may go on."""
    d = world.d
    env = path.env
    for inst in path.block.insts:
        op = inst.op
        if op == ops.RETURN_:
            return world.trap_code(), [env[arg.num] for arg in inst.args], []
        if op == ops.TRAP:
            d.trap_if(d.const(1, 1), inst.imm)
            return world.trap_code(), [], []
        if op == ops.JUMP:
            return None, [], [(0, d.const(1, 1))]
        if op == ops.BRIF:
            w = T.BITS[inst.a.ty]
            zero = d.eq(w, env[inst.a.num], d.const(w, 0))
            ways = world.ways(d.not_(1, zero))
            return None, [], [(0 if taken else 1, bit) for taken, bit in ways]
        if op == ops.BR_TABLE:
            return None, [], _table_ways(world, env[inst.a.num], T.BITS[inst.a.ty], inst.targets)
        _ir_inst(world, path, inst)
    raise Unsupported("a block without an end")


def _table_ways(world: World, index: Bits, w: int, targets: Any) -> list[tuple[int, Bits]]:
    """The targets of a table, default first, and when each is taken."""
    d = world.d
    found: list[tuple[int, Bits]] = []
    rest = d.const(1, 1)
    for number in range(len(targets) - 1):
        hit = d.eq(w, index, d.const(w, number))
        found += [(number + 1, d.and_(1, rest, bit)) for taken, bit in world.ways(hit) if taken]
        rest = d.and_(1, rest, d.not_(1, hit))
    found += [(0, bit) for taken, bit in world.ways(rest) if taken]
    return found


def _ir_inst(world: World, path: _Path, inst: Value) -> None:
    d = world.d
    env = path.env
    op = inst.op
    if op in (ops.LOAD, ops.ATOMIC_LOAD) or op in _LOADS:
        address = d.add(64, env[inst.a.num], d.const(64, inst.imm if op != ops.ATOMIC_LOAD else 0))
        size, sign = _LOADS.get(op, (T.size(inst.ty), False))
        bits = world.load(path.memory, address, size)
        extend = d.sext if sign else d.zext
        env[inst.num] = extend(8 * size, T.BITS[inst.ty], bits)
    elif op in (ops.STORE, ops.ATOMIC_STORE) or op in _STORES:
        offset = inst.imm if op != ops.ATOMIC_STORE else 0
        address = d.add(64, env[inst.b.num], d.const(64, offset))
        size = _STORES.get(op, T.size(inst.a.ty))
        bits = d.extract(8 * size - 1, 0, env[inst.a.num])
        if op == ops.ATOMIC_STORE:
            world.access(address, size)  # it is an exchange, which reads what was there
        path.memory = world.store(path.memory, address, size, bits)
    elif op == ops.ATOMIC_RMW:
        address, w = env[inst.a.num], T.BITS[inst.ty]
        old = world.load(path.memory, address, w // 8)
        new = _updated(d, inst.imm, inst.ty, old, env[inst.b.num])
        path.memory = world.store(path.memory, address, w // 8, new)
        env[inst.num] = old
    elif op == ops.ATOMIC_CAS:
        address, w = env[inst.a.num], T.BITS[inst.ty]
        old = world.load(path.memory, address, w // 8)
        same = d.eq(w, old, env[inst.b.num])
        new = d.ite(w, same, env[inst.c.num], old)
        path.memory = world.store(path.memory, address, w // 8, new)
        env[inst.num] = old
    elif MEANINGS[op] is None:
        raise Unsupported(f"{ops.ROWS[op].name} here")
    else:
        operands = [v for v in (inst.a, inst.b, inst.c) if v is not NIL]
        big = isinstance(inst.ext, MemFlags) and inst.ext.endian == "big"
        shape = Shape(op, inst.ty, [v.ty for v in operands], inst.imm, b"", big)
        result = evaluator(op, shape)(d, shape, *[env[v.num] for v in operands])
        if inst.results:
            for value, bits in zip(inst.results, result, strict=True):
                env[value.num] = bits
        elif inst.ty:
            env[inst.num] = result


def _updated(d: Domain[Any], operation: int, ty: int, old: Bits, operand: Bits) -> Bits:
    """What an atomic read-modify-write stores."""
    if operation == ops.RMW_XCHG:
        return operand
    if operation == ops.RMW_NAND:
        return d.not_(T.BITS[ty], d.and_(T.BITS[ty], old, operand))
    shape = Shape(_LOOPED[operation], ty, [ty, ty])
    return evaluator(_LOOPED[operation], shape)(d, shape, old, operand)


# ---- VCode ----


class Machine:
    """Runs VCode that lowering made of a function."""

    __slots__ = ("func", "lowering", "step", "vcode", "world")

    def __init__(self, world: World, func: Function, lowering: X64Lower, vcode: VCode) -> None:
        self.world = world
        self.func = func
        self.lowering = lowering
        self.vcode = vcode
        self.step: meanings.Step[Any] = meanings.Step(world.unknown)

    def run(self, params: list[Bits]) -> list[Outcome]:
        """What the code does; `params` are those of the function, as wide as their types."""
        d = self.world.d
        entry = self.vcode.blocks[0]
        regs = self.arguments(params)
        work = [_Path(entry, d.const(1, 1), regs, self.world.memory())]
        done: list[Outcome] = []
        while work:
            path = work.pop()
            self.world.accesses = path.accesses
            self.world.begin(path.traps)
            self.step.forget()
            try:
                traps, results, following = self.block(path)
                path.traps = self.world.pending()
            except InterpreterTrap as trap:
                traps, results, following = d.const(16, trap.code), [], []
            for block, condition in following:
                regs = dict(path.env)
                for param, arg in zip(block.params, path.block.args, strict=True):
                    regs[param] = path.env[arg]
                work.append(path.after(d, block, condition, regs))
            if not following:
                done.append(Outcome(path.condition, traps, results, path.memory, path.accesses))
        return done

    def arguments(self, params: list[Bits]) -> dict[int, Bits]:
        """Physical registers at entry."""
        d = self.world.d
        regs: dict[int, Bits] = {}
        for index, bits in enumerate(params):
            w = T.BITS[self.func.sig.params[index].ty]
            parts = self.lowering.layout.args[index]
            for at, part in enumerate(parts):
                if part.reg < 0:
                    raise Unsupported("arguments on the stack")
                if w >= 64:
                    regs[part.reg] = d.extract(64 * at + 63, 64 * at, bits)
                elif part.extend:
                    regs[part.reg] = (d.zext if part.extend == "uext" else d.sext)(w, 64, bits)
                else:
                    regs[part.reg] = d.concat(w, bits, 64 - w, self.world.unknown(64 - w))
        return regs

    def block(self, path: _Path) -> tuple[Bits, list[Bits], list[tuple[VBlock, Bits]]]:
        d = self.world.d
        for inst in path.block.insts:
            number = inst.row
            if number >= 0:
                self.instruction(path, inst, ROWS[number])
            elif number == pseudo.RETURN:
                return self.world.trap_code(), self.results(path, inst), []
            elif number == pseudo.TRAP:
                d.trap_if(d.const(1, 1), inst.imm)
                return self.world.trap_code(), [], []
            elif number == pseudo.JUMP:
                assert isinstance(inst.ext, VBlock)
                return None, [], [(inst.ext, d.const(1, 1))]
            elif number == pseudo.BRANCH:
                assert isinstance(inst.ext, tuple)
                cond, then, other = inst.ext
                ways = self.world.ways(self.holds(cond))
                return None, [], [(then if taken else other, bit) for taken, bit in ways]
            elif number == pseudo.JUMP_TABLE:
                assert isinstance(inst.ext, list)
                edges: list[VBlock] = inst.ext
                index = path.env[inst.operands[0] >> VREG_SHIFT]
                found = _table_ways(self.world, index, 64, edges)
                return None, [], [(edges[at], bit) for at, bit in found]
            else:
                self.pseudo(path, inst)
        raise Unsupported("a block without an end")

    def holds(self, cond: pseudo.Cond) -> Bits:
        """One bit: a condition holds."""
        d = self.world.d
        first = self.step.condition(d, cond.first)
        if cond.mode == pseudo.Cond.ONE:
            return first
        second = self.step.condition(d, cond.second)
        return (d.and_ if cond.mode == pseudo.Cond.AND else d.or_)(1, first, second)

    def results(self, path: _Path, inst: VInst) -> list[Bits]:
        """The results of the function, as wide as the convention defines them."""
        d = self.world.d
        found = {op & INDEX_MASK: path.env[op >> VREG_SHIFT] for op in inst.operands}
        results: list[Bits] = []
        for param, parts in zip(self.func.sig.returns, self.lowering.layout.results, strict=True):
            if any([part.reg < 0 for part in parts]):
                raise Unsupported("results on the stack")
            w = T.BITS[param.ty]
            whole = d.join(64, [found[part.reg] for part in parts])
            results.append(whole if w >= 64 or parts[0].extend else d.extract(w - 1, 0, whole))
        return results

    # ---- instructions ----

    def address(self, path: _Path, mem: Address) -> Bits:
        d = self.world.d
        if mem.kind != REG:
            raise Unsupported("memory of the frame")
        at = d.const(64, mem.disp)
        if mem.base >= 0:
            at = d.add(64, path.env[mem.base], at)
        if mem.index >= 0:
            index = d.shl(64, path.env[mem.index], d.const(64, mem.shift))
            at = d.add(64, at, index)
        return at

    def pooled(self, mem: Address, size: int) -> Bits:
        """A constant of the pool."""
        for data, number in self.lowering.constants.items():
            if number == mem.label:
                value = int.from_bytes(data[mem.disp : mem.disp + size], "little")
                return self.world.d.const(8 * size, value)
        raise Unsupported("a constant that is not there")

    def instruction(self, path: _Path, inst: VInst, row: Inst) -> None:
        """Run a row. Operands of VCode are matched as the emitter matches them."""
        d = self.world.d
        if meanings.meaning_of(row) is None:
            raise Unsupported(f"{row.mnemonic} here")
        memory = inst.mem is not None
        fixed = {(op & INDEX_MASK, op & DEF): op for op in inst.operands if op & FIXED}
        operands = [op for op in inst.operands if not op & FIXED]
        at = 0
        read: list[Bits] = []
        written: list[tuple[int, int, Bits]] = []  # width, vreg (-1 for memory), what was there
        place = None
        for op in row.operands:
            if op.place == IMM or op.kind == "1":
                continue
            w = meanings.operand_width(op, memory)
            before: Bits = None
            vreg = -1
            if op.mem_ok and inst.mem is not None:
                if inst.mem.kind == REG:
                    at += (inst.mem.base >= 0) + (inst.mem.index >= 0)
                if row.mnemonic == "lea":
                    read.append(self.address(path, inst.mem))
                    continue
                if inst.mem.kind == CONSTANT:
                    read.append(self.pooled(inst.mem, w // 8))
                    continue
                place = self.address(path, inst.mem)
                if op.access & READ:
                    read.append(self.world.load(path.memory, place, w // 8))
            elif op.fixed >= 0:
                if op.access & READ:
                    before = path.env[fixed[op.fixed, 0] >> VREG_SHIFT]
                    read.append(self.low(before, w))
                vreg = fixed.get((op.fixed, DEF), 0) >> VREG_SHIFT
            else:
                if op.access & READ:
                    if operands[at] & DEF:  # keeps an upper part that nobody reads
                        before = self.world.unknown(64)
                    else:
                        before = path.env[operands[at] >> VREG_SHIFT]
                        at += 1
                    read.append(self.low(before, w))
                if op.access & WRITE:
                    if not operands[at] & DEF:
                        raise Unsupported(f"operands of {row.name}")
                    vreg = operands[at] >> VREG_SHIFT
                    at += 1
            if op.access & WRITE:
                written.append((w, vreg, before))
        if at != len(operands):
            raise Unsupported(f"operands of {row.name}")
        results = meanings.execute(d, self.step, row, memory, inst.imm, read)
        for (w, vreg, before), bits in zip(written, results, strict=True):
            if vreg == -1:
                path.memory = self.world.store(path.memory, place, w // 8, bits)
                continue
            if before is None:
                before = self.world.unknown(64)
            path.env[vreg] = meanings.merged(d, self.step, row, w, before, bits)

    def low(self, bits: Bits, w: int) -> Bits:
        """The low bits of a register."""
        return bits if w == 64 else self.world.d.extract(w - 1, 0, bits)

    def pseudo(self, path: _Path, inst: VInst) -> None:
        """Instructions that are no rows, as `emit.py` writes them."""
        d = self.world.d
        regs = path.env
        vregs = [op >> VREG_SHIFT for op in inst.operands]
        number = inst.row
        if number == pseudo.ARGS:
            for op in inst.operands:
                regs[op >> VREG_SHIFT] = regs[op & INDEX_MASK]
        elif number == pseudo.MOVE_INT:
            regs[vregs[1]] = regs[vregs[0]]
        elif number == pseudo.MOVE_INT_32:
            regs[vregs[0]] = d.zext(32, 64, d.extract(31, 0, regs[vregs[1]]))
        elif number == pseudo.TRAP_IF:
            assert isinstance(inst.ext, tuple)
            cond, code = inst.ext
            d.trap_if(self.holds(cond), code)
        elif number == pseudo.SDIV_CHECK:
            w = 8 << inst.imm
            compare = ROWS[L.CMP[1][inst.imm]]
            a, b = [d.extract(w - 1, 0, regs[v]) for v in vregs]
            meanings.execute(d, self.step, compare, False, -1, [b])
            minus_one = self.step.zero
            meanings.execute(d, self.step, compare, False, 1, [a])
            both = d.and_(1, minus_one, self.step.overflow)
            d.trap_if(both, ops.TRAP_INTEGER_OVERFLOW)
            self.step.forget()
        elif number == pseudo.SREM:
            self.remainder(path, inst, vregs)
        elif number == pseudo.ATOMIC_LOOP:
            self.atomic(path, inst, vregs)
        else:
            raise Unsupported(f"pseudo instruction {number} here")

    def remainder(self, path: _Path, inst: VInst, vregs: list[int]) -> None:
        """By -1 it is 0 without a division; then the quotient register keeps the dividend."""
        d = self.world.d
        w = 8 << inst.imm
        regs = path.env
        divisor, low, high = [d.extract(w - 1, 0, regs[v]) for v in vregs[:3]]
        minus_one = d.eq(w, divisor, d.const(w, -1))
        divide = ROWS[L.IDIV[inst.imm]]
        read = [low, high, divisor]
        quotient, rest = self.world.unless(
            minus_one, lambda: meanings.execute(d, self.step, divide, False, 0, read)
        )
        quotient = d.ite(w, minus_one, low, quotient)
        rest = d.ite(w, minus_one, d.const(w, 0), rest)
        for vreg, bits in zip(vregs[3:], (quotient, rest), strict=True):
            regs[vreg] = d.zext(w, 64, bits) if w < 64 else bits
        self.step.forget()

    def atomic(self, path: _Path, inst: VInst, vregs: list[int]) -> None:
        """The loop of a read-modify-write, which nobody disturbs."""
        assert inst.mem is not None
        d = self.world.d
        op, size = inst.imm & 0xFF, inst.imm >> 8
        w = 8 << size
        operand, result, _ = vregs[-3:]
        place = self.address(path, inst.mem)
        old = self.world.load(path.memory, place, w // 8)
        other = self.low(path.env[operand], w)
        if op in emit.LOOP_ALU:
            alu = ROWS[emit.LOOP_ALU[op][0][size]]
            (new,) = meanings.execute(d, self.step, alu, False, 0, [old, other])
            if op == ops.RMW_NAND:
                (new,) = meanings.execute(d, self.step, ROWS[L.NOT[size]], False, 0, [new])
        else:
            meanings.execute(d, self.step, ROWS[L.CMP[0][size]], False, 0, [old, other])
            new = d.ite(w, self.step.condition(d, emit.LOOP_CMOV[op]), other, old)
        path.memory = self.world.store(path.memory, place, w // 8, new)
        path.env[result] = old if w == 64 else d.zext(w, 64, old)
        self.step.forget()


# ---- worlds ----


class Numbers(World):
    """Numbers: a test. Unknown bits and memory are random by the seed."""

    __slots__ = ("random",)

    def __init__(self, random: Callable[[int], int]) -> None:
        super().__init__(CONCRETE)
        self.random = random

    def unknown(self, w: int) -> int:
        return self.random(w)

    def memory(self) -> dict[int, int]:
        return {}

    def byte(self, memory: dict[int, int], address: int) -> int:
        return memory.get(address, (address * 0x9E3779B97F4A7C15 & MASK[64]) >> 56)

    def with_byte(self, memory: dict[int, int], address: int, value: int) -> dict[int, int]:
        return {**memory, address: value}

    def ways(self, condition: int) -> list[tuple[bool, int]]:
        return [(bool(condition), 1)]

    def unless(self, skip: int, run: Callable[[], tuple[int, ...]]) -> tuple[int, ...]:
        return (0, 0) if skip else run()


class Words(Z3):
    """The rules' domain, which divides what is extended at the width it had: integers have one
    quotient at all widths that hold it, but a solver does not see that. What is not chosen by a
    condition that is known is left out."""

    __slots__ = ()

    def ite(self, w: int, c: Any, x: Any, y: Any) -> Any:
        known = self.z3.simplify(c)
        if self.z3.is_bv_value(known):
            return x if known.as_long() else y
        return super().ite(w, c, x, y)

    def _narrowed(self, w: int, x: Any, y: Any, sign: bool) -> tuple[int, Any, Any]:
        """The width at which to divide, with the operands."""
        z3 = self.z3
        x, y = z3.simplify(x), z3.simplify(y)
        n = max(self._width(w, x, sign), self._width(w, y, sign))
        if n == w:
            return w, x, y
        return n, z3.simplify(z3.Extract(n - 1, 0, x)), z3.simplify(z3.Extract(n - 1, 0, y))

    def _width(self, w: int, x: Any, sign: bool) -> int:
        """How many low bits say what `x` is."""
        z3 = self.z3
        if z3.is_bv_value(x):
            value = x.as_signed_long() if sign else x.as_long()
            value = value if value >= 0 else ~value
            return max(1, int(value.bit_length())) + sign
        kind = x.decl().kind()
        if sign and kind == z3.Z3_OP_SIGN_EXT:
            return w - int(x.params()[0])
        if kind == z3.Z3_OP_CONCAT and z3.is_bv_value(x.arg(0)) and x.arg(0).as_long() == 0:
            return w - int(x.arg(0).size()) + sign
        return w

    def udiv(self, w: int, x: Any, y: Any) -> Any:
        n, x, y = self._narrowed(w, x, y, False)
        return self.zext(n, w, super().udiv(n, x, y))

    def urem(self, w: int, x: Any, y: Any) -> Any:
        n, x, y = self._narrowed(w, x, y, False)
        return self.zext(n, w, super().urem(n, x, y))

    def sdiv(self, w: int, x: Any, y: Any) -> Any:
        n, x, y = self._narrowed(w, x, y, True)
        quotient = self.sext(n, w, super().sdiv(n, x, y))
        if n == w:
            return quotient
        smallest = self.eq(n, x, self.const(n, 1 << (n - 1)))
        too_large = self.and_(1, smallest, self.eq(n, y, self.const(n, -1)))
        return self.ite(w, too_large, self.const(w, 1 << (n - 1)), quotient)

    def srem(self, w: int, x: Any, y: Any) -> Any:
        n, x, y = self._narrowed(w, x, y, True)
        return self.sext(n, w, super().srem(n, x, y))


class Terms(World):
    """Terms of z3: a proof. Memory is an array; with `read_only`, any bits for every place that is
    written differently: more than there is, but no theory of arrays."""

    __slots__ = ("count", "read_only", "words", "z3", "z3_domain")

    def __init__(self, d: Words, read_only: bool) -> None:
        super().__init__(d)
        self.z3_domain = d
        self.z3 = d.z3
        self.count = 0
        self.read_only = read_only
        self.words: dict[tuple[str, int], Any] = {}

    def unknown(self, w: int) -> Bits:
        self.count += 1
        return self.z3.BitVec(f"unknown{self.count}", w)

    def memory(self) -> Any:
        if self.read_only:
            return None
        return self.z3.Array("memory", self.z3.BitVecSort(64), self.z3.BitVecSort(8))

    def byte(self, memory: Any, address: Bits) -> Bits:
        return self.z3.Select(memory, address)

    def load(self, memory: Any, address: Bits, size: int) -> Bits:
        if not self.read_only:
            return super().load(memory, address, size)
        self.access(address, size)
        d = self.d
        if size == 16:
            above = self.word(d.add(64, address, d.const(64, 8)), 8)
            return d.concat(64, self.word(address, 8), 64, above)
        return self.word(address, size)

    def word(self, address: Bits, size: int) -> Bits:
        """The bits of a place."""
        key = self.z3.simplify(address).sexpr(), size
        new = self.z3.BitVec(f"word{len(self.words)}", 8 * size)
        return self.words.setdefault(key, new)

    def with_byte(self, memory: Any, address: Bits, value: Bits) -> Any:
        if self.read_only:
            raise Unsupported("a store to what is read only")
        return self.z3.Store(memory, address, value)

    def ways(self, condition: Bits) -> list[tuple[bool, Bits]]:
        return [(True, condition), (False, ~condition)]

    def unless(self, skip: Bits, run: Callable[[], tuple[Bits, ...]]) -> tuple[Bits, ...]:
        before = self.pending()
        self.begin([])
        results = run()
        after = [(self.z3.And(trap, skip != 1), code) for trap, code in self.pending()]
        self.begin(before + after)
        return results

    def begin(self, traps: list[Any]) -> None:
        self.z3_domain.traps = list(traps)

    def pending(self) -> list[Any]:
        return list(self.z3_domain.traps)

    def trap_code(self) -> Bits:
        return self.z3_domain.trap_code(self.z3_domain.traps)
