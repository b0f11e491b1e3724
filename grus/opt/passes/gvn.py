"""Global value numbering: what is computed above, and is the same, is not computed again.

One walk down the dominator tree. At each instruction the operands are final; so the simplifier
is asked for something better, memory (`memory.py`) for what a load gives, and a table for an
equal value in a block that dominates this one. Conditions of branches and traps are peeled down
to what decides them, and are known in the blocks behind a branch.

The table keeps the value found last: a block that an entry does not dominate puts its own in its
place, and the walk never comes back to where the entry would have served.

Of the bounds checks of accesses to `x + 8` and `x + 4` the second is superfluous: a trap on
`x + k > bound` is remembered with its `k`, for sums that do not overflow. Bounds that are loaded
from the same place are as good as one, the later no less, where numbers never get less (`GROWS`).
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
from grus.ir.function import Block, CallInfo, Function, MemFlags, Value
from grus.opt.passes import control
from grus.opt.passes.edit import (
    BARRIER,
    KIND,
    LOAD,
    MERGEABLE,
    OPAQUE,
    STORE,
    exceeding,
    is_pure_load,
    make_constant,
    peel,
    replace,
    resolve,
    resolve_args,
    resolve_inst,
    to_jump,
)
from grus.opt.passes.fold import folded
from grus.opt.passes.memory import GROWS, Memory
from grus.opt.simplify import Simplifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_COMMUTES: Final[list[bool]] = [
    bool(row.flags & ops.COMMUTES) and not row.name.startswith("f") for row in ops.ROWS
]
"""Floats do not: which operand's NaN comes out depends on the order."""
_COMPARES: Final = {ops.ICMP: ops.INT_CC_SWAPPED, ops.FCMP: ops.FLOAT_CC_SWAPPED}


def run(func: Function, simplify: bool = True, memory: bool = True) -> None:
    """Number the values of `func`; `simplify` and `memory` switch those parts on."""
    cfg = ControlFlowGraph(func)
    domtree = DomTree(func, cfg)
    _Walk(
        func,
        cfg,
        domtree,
        Simplifier(func) if simplify else None,
        Memory(func, cfg, domtree) if memory else None,
    ).run()


class _Walk:
    def __init__(
        self,
        func: Function,
        cfg: ControlFlowGraph,
        domtree: DomTree,
        simplifier: Simplifier | None,
        memory: Memory | None,
    ) -> None:
        self.func = func
        self.cfg = cfg
        self.domtree = domtree
        self.simplifier = simplifier
        self.memory = memory
        self.table: dict[tuple[object, ...], Value] = {}
        self.truth: dict[int, tuple[bool, int]] = {}  # by value: not zero, block that knows it
        # By value and bound: the largest k for which value + k <= bound, the block, the bound.
        self.bounds: dict[tuple[int, int, int], tuple[int, int, Value]] = {}
        self.growing = 0  # a bit for each alias region of numbers that never get less
        for region in func.alias_regions:
            if region.user_id & GROWS:
                self.growing |= 1 << region.num
        self.order: dict[int, int] = {}  # of loads of such numbers
        self.sums: dict[int, tuple[int, int]] = {}  # by value: k, value + k does not overflow
        self.exact: set[int] = set()  # numbers of additions that are known not to overflow
        self.cut = False  # edges went away
        self.behind_traps: list[Value] = []

    def run(self) -> None:
        func = self.func
        arrivals = [0] * func.num_blocks
        for last in [made.insts[-1] for made in func.blocks]:
            for call in last.targets:
                arrivals[call.block.num] += 1
        for num in self.domtree.pre_order:
            block = self.cfg.block[num]
            assert block is not None
            if arrivals[num] == 1 and self.cfg.preds[num]:
                pred = self.cfg.block[self.cfg.preds[num][0]]
                assert pred is not None
                last = pred.insts[-1]
                if last.op == ops.BRIF:
                    self.truth[last.a.num] = (last.targets[0].block is block, num)
            self.block(block)
        if self.cut:
            control.remove_unreachable(func)
            control.drop(self.behind_traps)
        for last in [made.insts[-1] for made in func.blocks]:
            for call in last.targets:  # arguments on the way back were not final yet
                resolve_args(call)

    def block(self, block: Block) -> None:
        num = block.num
        memory = self.memory
        if memory is not None:
            memory.enter(num)
        simplifier = self.simplifier
        table = self.table
        dominates = self.domtree.dominates
        insts = block.insts
        out: list[Value] = []
        for inst in insts:
            a = inst.a
            if a.op == ops.ALIAS:
                inst.a = a = resolve(a)
            b = inst.b
            if b.op == ops.ALIAS:
                inst.b = b = resolve(b)
            if inst.c.op == ops.ALIAS:
                inst.c = resolve(inst.c)
            if inst.args:
                inst.args = tuple([resolve(v) if v.op == ops.ALIAS else v for v in inst.args])
            out.append(inst)
            op = inst.op
            kind = KIND[op]
            if kind > LOAD:
                if kind == STORE:
                    if memory is not None and memory.store(inst):
                        out.pop()
                elif kind == BARRIER:
                    if memory is not None:
                        memory.barrier(inst)
                elif kind != OPAQUE:
                    if op == ops.BRIF and simplifier is not None:
                        self.simpler_condition(inst, out, simplifier)
                    self.terminator(inst)
                continue
            if kind == LOAD and not is_pure_load(inst):
                if memory is not None:
                    known = memory.load(inst)
                    if known is not None:
                        out.pop()
                        replace(inst, known)
                        continue
                if self.growing and self.grows(inst):
                    self.order[inst.num] = len(self.order)
                continue
            if kind == MERGEABLE and not inst.ty:
                if simplifier is not None:
                    self.simpler_condition(inst, out, simplifier)
                if self.condition(inst):
                    out.pop()
                    continue
                if inst.op == ops.TRAP:
                    self.cut = True
                    self.behind_traps += insts[insts.index(inst) + 1 :]
                    break
            elif simplifier is not None and not inst.results:
                if op == ops.UADD_OVERFLOW_TRAP and b.op == ops.ICONST and self.fits(inst):
                    op = inst.op
                block.insts = scratch = [inst]
                new = simplifier.apply(inst)
                if new is not None and new is not inst:
                    out.pop()
                    if len(scratch) > 1:
                        self.number_new(scratch, out)
                    replace(inst, resolve(new))
                    continue
            elif inst.results and simplifier is not None and self.results(inst, out, simplifier):
                continue
            imm = inst.imm
            x, y = a.num, b.num
            if y < x and y >= 0:
                if _COMMUTES[op]:
                    x, y = y, x
                elif op in _COMPARES:
                    x, y = y, x
                    imm = _COMPARES[op][imm]
            key = (op, inst.ty, x, y, inst.c.num, imm, inst.ext)
            found = table.get(key)
            if found is not None and dominates(found.block.num, num):
                out.pop()
                for result, known in zip(inst.results, found.results, strict=True):
                    replace(result, known)
                if inst.ty:
                    replace(inst, found)
            else:
                table[key] = inst
        block.insts = out

    def number_new(self, made: list[Value], out: list[Value]) -> None:
        """Number the values that the simplifier made (all but the last of `made`), into `out`."""
        num = made[-1].block.num
        for inst in made[:-1]:
            resolve_inst(inst)
            key = (inst.op, inst.ty, inst.a.num, inst.b.num, inst.c.num, inst.imm, inst.ext)
            found = self.table.get(key)
            if found is not None and found is not inst:
                if self.domtree.dominates(found.block.num, num) and not inst.results:
                    replace(inst, found)
                    continue
            self.table[key] = inst
            out.append(inst)

    def results(self, inst: Value, out: list[Value], simplifier: Simplifier) -> bool:
        """Simplify the results of an instruction that has several; True when it goes."""
        bits = folded(inst)
        block = inst.block
        if isinstance(bits, tuple):
            made = [
                make_constant(self.func, block, result.ty, value)
                for result, value in zip(inst.results, bits, strict=True)
            ]
            constants = [value for value in made if value is not None]
            if len(constants) == len(bits):
                out[-1:] = constants
                for result, constant in zip(inst.results, constants, strict=True):
                    replace(result, constant)
                return True
        for index, result in enumerate(inst.results):
            block.insts = scratch = [inst]
            new = simplifier.apply(result)
            if new is None or new is result:
                continue
            out.pop()
            if len(scratch) > 1:
                self.number_new(scratch, out)
            out.append(inst)
            # The instruction keeps a result in this place, which nobody uses.
            unused = self.func.new_value(ops.PROJ, result.ty, block)
            unused.a = inst
            unused.imm = index
            inst.results = (*inst.results[:index], unused, *inst.results[index + 1 :])
            replace(result, resolve(new))
        return False

    # ---- conditions ----

    def simpler_condition(self, inst: Value, out: list[Value], simplifier: Simplifier) -> None:
        """Let the simplifier look at the condition of a branch or trap, the last of `out`."""
        inst.block.insts = scratch = [inst]
        new = simplifier.condition(inst)
        if new is not None:
            out.pop()
            if len(scratch) > 1:
                self.number_new(scratch, out)
            out.append(inst)
            inst.a = resolve(new)

    def known(self, condition: Value, num: int) -> bool | None:
        """Whether a condition is not zero in block `num`, if that is known."""
        if condition.op == ops.ICONST:
            return condition.imm != 0
        fact = self.truth.get(condition.num)
        if fact is not None and self.domtree.dominates(fact[1], num):
            return fact[0]
        if condition.op == ops.ICMP:
            a, b, opposite = condition.a.num, condition.b.num, ops.INT_CC_INVERSE[condition.imm]
            if b < a and b >= 0:
                a, b, opposite = b, a, ops.INT_CC_SWAPPED[opposite]
            other = self.table.get((ops.ICMP, condition.ty, a, b, -1, opposite, None))
            fact = self.truth.get(other.num) if other is not None else None
            if fact is not None and self.domtree.dominates(fact[1], num):
                return not fact[0]
        return None

    def condition(self, inst: Value) -> bool:
        """A trapz or trapnz: remove it or make it a trap where its condition is known. True when
        it goes."""
        condition, inverted = peel(inst.a)
        inst.a = condition
        if inverted:
            inst.op = ops.TRAPNZ if inst.op == ops.TRAPZ else ops.TRAPZ
        num = inst.block.num
        wants = inst.op == ops.TRAPNZ
        known = self.known(condition, num)
        if known is None and wants and self.in_bounds(condition, num):
            return True
        if known is None:
            self.truth[condition.num] = (not wants, num)
            return False
        if known == wants:
            control.to_trap(inst)
            return False
        return True

    # ---- bounds ----

    def fits(self, inst: Value) -> bool:
        """An addition that traps when it overflows: make it a plain one below one of no less."""
        k, num = inst.b.imm, inst.block.num
        if k < 0:
            return False
        above = self.sums.get(inst.a.num)
        if above is not None and k <= above[0] and self.domtree.dominates(above[1], num):
            inst.op = ops.IADD
            inst.imm = 0
            self.exact.add(inst.num)
            return True
        self.sums[inst.a.num] = (k, num)
        return False

    def grows(self, load: Value) -> bool:
        """True for a load of a number that never gets less."""
        flags = load.ext
        if not isinstance(flags, MemFlags) or flags.region < 0:
            return False
        return self.growing >> flags.region & 1 == 1

    def in_bounds(self, condition: Value, num: int) -> bool:
        """Whether `x + k > bound` cannot be, for a trap above would have been taken; else, with
        the trap that it is the condition of, it will not be below."""
        compared = exceeding(condition)
        if compared is None:
            return False
        total, more, bound = compared
        x, k = self.sum(total)
        k += more
        key = (x.num, bound.num, -1)
        if bound.num in self.order:
            key = (x.num, bound.a.num, bound.imm)
        before = self.bounds.get(key)
        if before is not None and k <= before[0] and self.domtree.dominates(before[1], num):
            if bound is before[2] or self.is_later(bound, before[2]):
                return True
        self.bounds[key] = (k, num, bound)
        return False

    def sum(self, total: Value) -> tuple[Value, int]:
        """The x and k of a sum that does not overflow; what is no sum is x itself."""
        x, k = total.a, total.b
        if k.op != ops.ICONST or not 0 <= k.imm < 1 << 62:
            return total, 0
        if total.op == ops.IADD:
            if total.num in self.exact or (x.op == ops.UEXTEND and x.ty == T.I64):
                return x, k.imm
        elif total.op == ops.UADD_OVERFLOW_TRAP:
            return x, k.imm
        return total, 0

    def is_later(self, load: Value, other: Value) -> bool:
        """Whether a load of a number that never gets less comes behind another of the same."""
        if load.block is other.block:
            return self.order[other.num] < self.order[load.num]
        return self.domtree.dominates(other.block.num, load.block.num)

    def terminator(self, inst: Value) -> None:
        """Decide a branch whose condition is known; final operands for the others."""
        if inst.op == ops.BRIF:
            inst.a, inverted = peel(inst.a)
            then, other = inst.targets
            if inverted:
                inst.targets = then, other = other, then
            known = self.known(inst.a, inst.block.num)
            if known is not None:
                to_jump(inst, then if known else other)
                self.cut = True
        elif isinstance(inst.ext, CallInfo):
            for handler in inst.ext.handlers:
                handler.value = resolve(handler.value)
