"""Bounds checks in counted loops: asked once in front of the loop, for all rounds.

The loop gets a copy without the checks, and before both stand blocks that choose: they compute how
many rounds there can be at most and whether the checks of all of them would pass. If not, or if
that cannot be said, the loop with the checks runs as before; so whatever traps does so at the same
point and after the same effects. Few rounds are not worth the question.

    x[j] = x[0] + step * j for the rounds j = 0 ... last      (*affine*, modulo 2 ** width)
    a check traps when x[j] + k > bound, or >= bound          (as numbers, without overflow)
    the loop stays while v[j] != limit, v[j] < limit, ...     (v affine, limit invariant)

`last` follows from the first value and the step of v. The checks of all rounds pass when that of
the largest x does and no x wraps around below 0. A condition that has other users (a guard against
speculation) would be computed anyway: such checks stay.
"""

from __future__ import annotations

from typing import Final

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
from grus.ir.function import Block, BlockCall, Function, Value, operands_of
from grus.ir.loops import NO_LOOP, LoopTree
from grus.opt.passes.copy import Definitions, copy_blocks
from grus.opt.passes.edit import BARRIER, CALL_END, KIND, exceeding, peel, pinned_blocks
from grus.opt.passes.memory import is_poll

LARGEST: Final = 100
"""Instructions of loops that get a copy."""
FEW: Final = 8
"""After fewer rounds the checks have cost less than choosing. (Without this question `nbody` took
1.18, `lz` 1.16 of the time.)"""
MOST_CHECKS: Final = 8
LARGEST_STEP: Final = 1 << 20
_LARGEST_SUM: Final = 1 << 40
_FAR: Final = 1 << 61
_ROUNDS: Final = 1 << 40
"""With steps, sums, first values and rounds of 64-bit loops below these nothing overflows."""

_LESS: Final = (ops.ULT, ops.SLT)
_GREATER: Final = (ops.UGT, ops.SGT)


def run(func: Function) -> bool:
    """Give loops of `func` copies without bounds checks; True when there were some."""
    if not _has_checks(func):
        return False
    cfg = ControlFlowGraph(func)
    if not any([cfg.rpo_index[s] <= cfg.rpo_index[n] for n in cfg.rpo for s in cfg.succs[n]]):
        return False
    domtree = DomTree(func, cfg)
    tree = LoopTree(func, cfg, domtree)
    blocks: dict[int, list[Block]] = {}
    for num in cfg.rpo:
        number = tree.loop_of[num]
        block = cfg.block[num]
        if number != NO_LOOP and block is not None and not tree.loops[number].children:
            blocks.setdefault(number, []).append(block)
    pinned = pinned_blocks(func)
    definitions = Definitions()
    before: dict[int, list[Block]] = {}
    copies: list[Block] = []
    for number, members in blocks.items():
        if tree.loops[number].header == cfg.entry or _is_large(members):
            continue
        if not pinned.isdisjoint([block.num for block in members]):
            continue
        loop = _Loop(func, cfg, domtree, members, tree.loops[number].latches)
        if loop.find_checks() and loop.find_exit():
            front, made = loop.version(definitions)
            before[members[0].num] = front + made
            copies += made
    if not before:
        return False
    for block in copies:
        for call in block.insts[-1].targets:  # out of a copy into the next loop
            if call.block.num in before:
                call.block = before[call.block.num][0]
    func.blocks = [b for block in func.blocks for b in (*before.get(block.num, ()), block)]
    definitions.repair(func)
    return True


def _has_checks(func: Function) -> bool:
    """Whether there are traps whose conditions compare and are no guards as well."""
    found: set[int] = set()
    guards: set[int] = set()
    for block in func.blocks:
        for inst in block.insts:
            if inst.op == ops.TRAPNZ:
                if inst.a.op == ops.ICMP and inst.a.imm >= ops.ULT:
                    found.add(inst.a.num)
            elif inst.op == ops.SELECT_SPECTRE_GUARD:
                guards.add(inst.a.num)
    return not found <= guards


def _is_large(blocks: list[Block]) -> bool:
    """Whether a loop has many instructions or calls beside polls, or is hardly ever reached."""
    if blocks[0].cold or sum([len(block.insts) for block in blocks]) > LARGEST:
        return True
    return any(
        [
            KIND[inst.op] == CALL_END or (KIND[inst.op] == BARRIER and not is_poll(inst))
            for block in blocks
            for inst in block.insts
        ]
    )


class _Check:
    """A check that traps when x + k > bound, for an affine x, where `total` is the sum; or, if `x`
    is None, when `total`, which the loop does not change, is not 0."""

    __slots__ = ("bound", "k", "step", "total", "trap", "x")

    def __init__(
        self, trap: Value, x: Value | None, k: int, bound: Value, step: int, total: Value
    ) -> None:
        self.trap = trap
        self.total = total
        self.x = x
        self.k = k
        self.bound = bound
        self.step = step


class _Loop:
    """An innermost loop. `steps`: by number the affine values, in the loop and before it."""

    def __init__(
        self,
        func: Function,
        cfg: ControlFlowGraph,
        domtree: DomTree,
        blocks: list[Block],
        latches: list[int],
    ) -> None:
        self.func = func
        self.cfg = cfg
        self.domtree = domtree
        self.blocks = blocks
        self.latches = latches
        self.header = blocks[0]
        self.members = {block.num for block in blocks}
        self.steps: dict[int, int] = {}
        self.checks: list[_Check] = []
        self.tested: tuple[Value, int, Value | None]  # v, how it compares to the limit while in
        self.outside: list[BlockCall] = []
        back: list[BlockCall] = []
        for num in cfg.preds[self.header.num]:
            pred = cfg.block[num]
            assert pred is not None
            calls = [c for c in pred.insts[-1].targets if c.block is self.header]
            (back if num in self.members else self.outside).extend(calls)
        for index, param in enumerate(self.header.params):
            step = _step(param, back[0].args[index])
            if step and all([_step(param, call.args[index]) == step for call in back]):
                self.steps[param.num] = step
        for block in blocks:
            for inst in block.insts:
                step_ = self.step_of(inst)
                if step_ is not None and abs(step_) <= LARGEST_STEP:
                    self.steps[inst.num] = step_

    # ---- what is affine ----

    def step(self, value: Value) -> int | None:
        """By how much a value grows each round; None when it is not affine."""
        if value.block.num not in self.members or value.op == ops.ICONST:
            return 0
        return self.steps.get(value.num)

    def step_of(self, inst: Value) -> int | None:
        """The same for an instruction whose operands are known."""
        op = inst.op
        if inst.ty not in (T.I32, T.I64) or op not in (ops.IADD, ops.ISUB, ops.ISHL, ops.IMUL):
            return None
        a = self.step(inst.a)
        if a is None:
            return None
        if op in (ops.IADD, ops.ISUB):
            b = self.step(inst.b)
            if b is None:
                return None
            return a + b if op == ops.IADD else a - b
        if inst.b.op != ops.ICONST:
            return None
        if op == ops.IMUL:
            return a * inst.b.imm
        return a << (inst.b.imm & (T.BITS[inst.ty] - 1))

    # ---- what is to be known ----

    def find_checks(self) -> bool:
        """Fill `checks`; True when there are some."""
        users: dict[int, int] = {}
        for block in self.blocks:
            for inst in block.insts:
                for value in operands_of(inst):
                    users[value.num] = users.get(value.num, 0) + 1
        for block in self.blocks:
            for inst in block.insts:
                if inst.op == ops.TRAPNZ and users[inst.a.num] == 1:
                    check = self.check(inst)
                    if check is not None and len(self.checks) < MOST_CHECKS:
                        self.checks.append(check)
        return any([check.x is not None for check in self.checks])

    def check(self, trap: Value) -> _Check | None:
        condition = trap.a
        if condition.block.num not in self.members:
            if condition.ty == T.I128:
                return None
            return _Check(trap, None, 0, condition, 0, condition)
        compared = exceeding(condition)
        if compared is None or condition.a.ty != T.I64:
            return None
        total, k, bound = compared
        x = total
        if total.op in (ops.IADD, ops.UADD_OVERFLOW_TRAP) and total.b.op == ops.ICONST:
            if not 0 <= total.b.imm <= _LARGEST_SUM or total.block.num not in self.members:
                return None
            x, k = total.a, k + total.b.imm
        if x.op == ops.UEXTEND and x.a.ty == T.I32:
            x = x.a
        if x.ty not in (T.I32, T.I64) or bound.block.num in self.members:
            return None
        step = self.step(x)
        return _Check(trap, x, k, bound, step, total) if step is not None else None

    def find_exit(self) -> bool:
        """Find a branch that each round passes and that counts; True when there is one."""
        for block in reversed(self.blocks):
            last = block.insts[-1]
            if last.op != ops.BRIF:
                continue
            inside = [call.block.num in self.members for call in last.targets]
            if inside[0] == inside[1]:
                continue
            if not all([self.domtree.dominates(block.num, latch) for latch in self.latches]):
                continue
            root, inverted = peel(last.a)
            if self.counts(root, inside[0] != inverted):
                return True
        return False

    def counts(self, root: Value, stays: bool) -> bool:
        """Whether a condition that `stays` in the loop when it holds, or does not, counts rounds;
        fills `tested`."""
        if root.op != ops.ICMP:
            step = self.step(root)
            if not stays or not step or root.ty not in (T.I32, T.I64):
                return False
            self.tested = root, ops.NE, None
            return not self.is_short(root, None, step)
        v, limit = root.a, root.b
        code = root.imm if stays else ops.INT_CC_INVERSE[root.imm]
        if not self.step(v):
            v, limit = limit, v
            code = ops.INT_CC_SWAPPED[code]
        step = self.step(v)
        if not step or self.step(limit) != 0 or v.ty not in (T.I32, T.I64):
            return False
        if code != ops.NE and code not in (_LESS if step > 0 else _GREATER):
            return False
        if self.is_short(v, limit, step):
            return False
        self.tested = v, code, limit
        return True

    def is_short(self, v: Value, limit: Value | None, step: int) -> bool:
        """Whether there are known to be few rounds."""
        while v.op == ops.IADD:
            v = v.a
        if v.op != ops.PARAM or v.block is not self.header:
            return False
        end = 0 if limit is None else limit.imm
        if limit is not None and limit.op != ops.ICONST:
            return False
        for call in self.outside:
            start = call.args[v.imm]
            if start.op != ops.ICONST or abs(end - start.imm) >= FEW * abs(step):
                return False
        return True

    # ---- the copy ----

    def version(self, definitions: Definitions) -> tuple[list[Block], list[Block]]:
        """Make the blocks that choose and the copy, and give both."""
        func, header = self.func, self.header
        values: dict[int, Value] = {}
        made = copy_blocks(func, self.blocks, values)
        for block in self.blocks:
            definitions.add_block(block, values)
            block.cold = True
        gone: set[int] = set()
        for check in self.checks:
            gone.add(values[check.trap.num].num)
            total = values.get(check.total.num, check.total)
            if total.op == ops.UADD_OVERFLOW_TRAP:
                total.op = ops.IADD
                total.imm = 0
        for block in made.values():
            block.insts = [inst for inst in block.insts if inst.num not in gone]
        front = _Front(self, made[header.num])
        front.choose()
        for call in self.outside:
            call.block = front.blocks[0]
        return front.blocks, list(made.values())


def _step(param: Value, arg: Value) -> int:
    """The constant by which an argument is more than its parameter; 0 when it is not so."""
    if arg.op == ops.IADD and arg.a is param and arg.b.op == ops.ICONST:
        return arg.b.imm if abs(arg.b.imm) <= LARGEST_STEP else 0
    return 0


class _Front:
    """The blocks that choose between the loop and its copy, in the making. `given`: what values of
    the loop are in round 0."""

    def __init__(self, loop: _Loop, copy: Block) -> None:
        self.func = loop.func
        self.loop = loop
        self.copy = copy
        self.block = self.func.new_block()
        self.blocks = [self.block]
        self.given: dict[int, Value] = {}
        for param in loop.header.params:
            self.given[param.num] = self.func.add_param(self.block, param.ty)
        self.params = list(self.block.params)

    def choose(self) -> None:
        """Fill the blocks: many rounds, of which all pass, go to the copy."""
        conditions: list[Value] = []
        last = self.last_round(conditions)
        conditions.append(self.icmp(ops.UGE, last, self.const(T.I64, FEW)))
        behind = self.func.new_block()
        self.unless(conditions, behind, [])
        self.block = behind
        self.blocks.append(behind)
        conditions = []
        for check in self.loop.checks:
            if check.x is None:
                zero = self.const(check.total.ty, 0)
                conditions.append(self.icmp(ops.EQ, check.total, zero))
            else:
                self.passes(check, check.x, last, conditions)
        self.unless(conditions, self.copy, self.params)

    def unless(self, conditions: list[Value], to: Block, args: list[Value]) -> None:
        """End the block: when all conditions hold it goes on, else to the loop."""
        result = conditions[0]
        for condition in conditions[1:]:
            result = self.emit(ops.BAND, T.I8, result, condition)
        branch = self.func.new_value(ops.BRIF, 0, self.block)
        branch.a = result
        branch.targets = (
            BlockCall(to, list(args)),
            BlockCall(self.loop.header, list(self.params)),
        )
        self.block.insts.append(branch)

    def emit(self, op: int, ty: int, a: Value, b: Value | None = None, imm: int = 0) -> Value:
        inst = self.func.new_value(op, ty, self.block)
        inst.a = a
        if b is not None:
            inst.b = b
        inst.imm = imm
        self.block.insts.append(inst)
        return inst

    def const(self, ty: int, value: int) -> Value:
        inst = self.func.new_value(ops.ICONST, ty, self.block)
        half = 1 << (T.BITS[ty] - 1)
        inst.imm = ((value + half) & (2 * half - 1)) - half
        self.block.insts.append(inst)
        return inst

    def icmp(self, code: int, a: Value, b: Value) -> Value:
        return self.emit(ops.ICMP, T.I8, a, b, code)

    def wide(self, value: Value) -> Value:
        return value if value.ty == T.I64 else self.emit(ops.UEXTEND, T.I64, value)

    def times(self, value: Value, factor: int) -> Value:
        return self.emit(ops.IMUL, T.I64, value, self.const(T.I64, factor))

    def first(self, value: Value) -> Value:
        """What an affine value is in round 0."""
        wanted = {value.num}
        chain: list[Value] = []
        for block in reversed(self.loop.blocks):
            for inst in reversed(block.insts):
                if inst.num in wanted and inst.num not in self.given:
                    chain.append(inst)
                    wanted.update((inst.a.num, inst.b.num))
        for inst in reversed(chain):
            copy = self.emit(inst.op, inst.ty, self.at(inst.a), self.at(inst.b), inst.imm)
            self.given[inst.num] = copy
        return self.at(value)

    def at(self, value: Value) -> Value:
        return self.given.get(value.num, value)

    def last_round(self, conditions: list[Value]) -> Value:
        """The number of the last round there can be, as i64, if the conditions hold."""
        v, code, limit = self.loop.tested
        step = self.loop.step(v)
        assert step
        ty, size = v.ty, abs(step)
        start = self.first(v)
        end = self.const(ty, 0) if limit is None else self.first(limit)
        if code != ops.NE:  # not there yet, and does not wrap around before it gets there
            conditions.append(self.icmp(code, start, end))
            half = 1 << (T.BITS[ty] - 1)
            most = {ops.ULT: 2 * half - size, ops.SLT: half - size, ops.UGT: size - 1}
            edge = self.const(ty, most.get(code, size - 1 - half))
            to = {ops.ULT: ops.ULE, ops.SLT: ops.SLE, ops.UGT: ops.UGE, ops.SGT: ops.SGE}
            conditions.append(self.icmp(to[code], end, edge))
        way = (
            self.emit(ops.ISUB, ty, end, start) if step > 0 else self.emit(ops.ISUB, ty, start, end)
        )
        way = self.wide(way)
        if code == ops.NE:
            last = self.emit(ops.UDIV, T.I64, way, self.const(T.I64, size))
            conditions.append(self.icmp(ops.EQ, self.times(last, size), way))
        else:  # rounded up
            less = self.emit(ops.IADD, T.I64, way, self.const(T.I64, -1))
            last = self.emit(ops.UDIV, T.I64, less, self.const(T.I64, size))
            last = self.emit(ops.IADD, T.I64, last, self.const(T.I64, 1))
        if ty == T.I64:
            conditions.append(self.icmp(ops.ULE, last, self.const(T.I64, _ROUNDS)))
        return last

    def passes(self, check: _Check, x: Value, last: Value, conditions: list[Value]) -> None:
        """Add the conditions for a check to pass in all rounds."""
        first = self.wide(self.first(x))
        largest = first
        if x.ty == T.I64:
            conditions.append(self.icmp(ops.ULE, first, self.const(T.I64, _FAR)))
        if check.step > 0:
            # (An x that wraps around is less than its sum, which does not.)
            largest = self.emit(ops.IADD, T.I64, first, self.times(last, check.step))
        elif check.step < 0:
            conditions.append(self.icmp(ops.UGE, first, self.times(last, -check.step)))
        total = self.emit(ops.IADD, T.I64, largest, self.const(T.I64, check.k))
        conditions.append(self.icmp(ops.ULE, total, check.bound))
