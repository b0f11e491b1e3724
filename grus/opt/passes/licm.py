"""Loop-invariant code: what a loop computes anew each time from values outside moves out of it.

Only pure instructions and loads that may move are taken, out of as many loops as they can leave
at once. Blocks are visited in reverse post-order, so operands have moved before their users. A loop
gets a block in front of its header to hold them when it has none.

What may trap moves out of the innermost loop around it when it is the first thing that a round does
which can be seen: in front of the loop it traps at the same point. (A poll does not count: when it
runs Python is a matter of time.)

A load that varies moves out of loops that do not write to its alias region, when its address can
always be read: a field of the context that is the function's `vmctx` parameter, or of one that such
a field points to for good. Lengths and bases of tables and memories, and globals, are such fields.

Constants move as well: machine code makes a constant where it is used, wherever it stands here.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
from grus.ir.function import NIL, Block, BlockCall, Function, MemFlags, Value
from grus.ir.loops import NO_LOOP, Loop, LoopTree
from grus.opt.passes.edit import (
    BARRIER,
    CALL_END,
    KIND,
    LOAD,
    MERGEABLE,
    OPAQUE,
    PURE,
    STORE,
    is_pure_load,
)
from grus.opt.passes.memory import POLL_KEEPS, is_poll


def run(func: Function) -> None:
    """Move invariant code of `func` out of its loops."""
    cfg = ControlFlowGraph(func)
    if not any([cfg.rpo_index[s] <= cfg.rpo_index[n] for n in cfg.rpo for s in cfg.succs[n]]):
        return
    loops = LoopTree(func, cfg, DomTree(func, cfg))
    if loops.loops:
        _Motion(func, cfg, loops).run()


class _Motion:
    def __init__(self, func: Function, cfg: ControlFlowGraph, tree: LoopTree) -> None:
        self.func = func
        self.cfg = cfg
        self.loops = tree.loops
        self.loop_of = tree.loop_of
        self.first = [0] * len(tree.loops)
        self.last = [0] * len(tree.loops)
        self._number()
        self.kept = 0  # a bit for each alias region that polls keep
        self.writes = [0] * len(tree.loops)  # a bit for each region, by loop
        if any([region.user_id & POLL_KEEPS for region in func.alias_regions]):
            self.find_writes()
        # By loop: the block where it comes to without having done anything that can be seen.
        self.quiet = [loop.header for loop in tree.loops]
        self.front: dict[int, Block] = {}  # by loop: the block in front of its header
        self.before: dict[int, list[Block]] = {}  # by header: blocks to put before it

    def _number(self) -> None:
        """Intervals: loop A is in loop B when first[B] <= first[A] <= last[B]."""
        count = 0
        stack = [loop.num for loop in reversed(self.loops) if loop.parent == NO_LOOP]
        while stack:
            num = stack.pop()
            if num < 0:
                self.last[~num] = count - 1
                continue
            self.first[num] = count
            count += 1
            stack.append(~num)
            stack.extend(reversed(self.loops[num].children))

    def run(self) -> None:
        loop_of = self.loop_of
        entry = self.cfg.entry
        for num in self.cfg.rpo:
            inner = loop_of[num]
            if inner == NO_LOOP:
                continue
            block = self.cfg.block[num]
            assert block is not None
            kept: list[Value] = []
            insts = block.insts
            quiet = self.quiet[inner] == num and self.loops[inner].header != entry
            for inst in insts:
                kind = KIND[inst.op]
                if quiet and self.is_seen(inst, kind):
                    if kind == MERGEABLE and self.outermost(inst, inner, 0) is not None:
                        self.move(inst, self.loops[inner])
                        continue
                    quiet = False
                if kind == PURE or (kind == LOAD and is_pure_load(inst)):
                    loop = self.outermost(inst, inner, 0)
                elif kind == LOAD and self.reads_context(inst):
                    flags = inst.ext
                    assert isinstance(flags, MemFlags)
                    loop = self.outermost(inst, inner, 1 << flags.region)
                else:
                    loop = None
                if loop is not None and loop.header != entry:
                    self.move(inst, loop)
                else:
                    kept.append(inst)
            if len(kept) != len(insts):
                block.insts = kept
            if quiet:
                self.quiet[inner] = self.only_way_on(block)
        if self.before:
            blocks: list[Block] = []
            for block in self.func.blocks:
                blocks.extend(self.before.get(block.num, ()))
                blocks.append(block)
            self.func.blocks = blocks

    def is_seen(self, inst: Value, kind: int) -> bool:
        """Whether an instruction may trap or does something that others can see; polls aside."""
        if kind == LOAD:
            flags = inst.ext
            return not isinstance(flags, MemFlags) or flags.trap != 0
        if kind == BARRIER:
            return not self.kept or not is_poll(inst)
        if kind == OPAQUE:
            return inst.op not in (ops.GET_PINNED_REG, ops.NOP)
        return kind in (MERGEABLE, STORE, CALL_END)

    def only_way_on(self, block: Block) -> int:
        """The block that always comes next, maybe after a poll, and after nothing else; or -1."""
        targets = block.insts[-1].targets
        if not targets:
            return -1
        body = targets[-1].block.num
        if body >= len(self.cfg.preds):
            return -1  # in front of another loop
        preds = self.cfg.preds[body]
        if len(targets) == 1 and block.insts[-1].op == ops.JUMP and preds == [block.num]:
            return body
        if len(targets) != 2 or len(preds) != 2 or block.insts[-1].op != ops.BRIF:
            return -1
        slow = targets[0].block
        if slow.num >= len(self.cfg.preds):
            return -1
        if self.cfg.preds[slow.num] != [block.num] or self.cfg.succs[slow.num] != [body]:
            return -1
        if any([self.is_seen(inst, KIND[inst.op]) for inst in slow.insts]):
            return -1
        return body

    def find_writes(self) -> None:
        """Fill `writes`; loops inside a loop count for it."""
        regions = (1 << len(self.func.alias_regions)) - 1
        kept = 0
        for region in self.func.alias_regions:
            if region.user_id & POLL_KEEPS:
                kept |= 1 << region.num
        self.kept = kept
        for num in self.cfg.rpo:
            loop = self.loop_of[num]
            block = self.cfg.block[num]
            if loop == NO_LOOP or block is None:
                continue
            for inst in block.insts:
                kind = KIND[inst.op]
                if kind == STORE:
                    flags = inst.ext
                    written = regions
                    if isinstance(flags, MemFlags) and flags.region >= 0:
                        written = 1 << flags.region
                    self.writes[loop] |= written
                elif kind in (BARRIER, CALL_END):
                    self.writes[loop] |= regions & ~kept if is_poll(inst) else regions
        for loop_ in reversed(self.loops):
            if loop_.parent != NO_LOOP:
                self.writes[loop_.parent] |= self.writes[loop_.num]

    def reads_context(self, inst: Value) -> bool:
        """True for a load that cannot fault, wherever it stands, of a region that polls keep."""
        flags = inst.ext
        if not isinstance(flags, MemFlags) or flags.trap or flags.region < 0:
            return False
        if not self.kept >> flags.region & 1:
            return False
        at = inst.a
        while at.op == ops.LOAD and is_pure_load(at):
            at = at.a
        if at.op != ops.PARAM or at.block.num != self.cfg.entry:
            return False
        params = self.func.sig.params
        return at.imm < len(params) and params[at.imm].purpose == "vmctx"

    def outermost(self, inst: Value, inner: int, reads: int) -> Loop | None:
        """The outermost loop around `inner`, or itself, that all operands come from outside of
        and that does not write to `reads` (a bit for each region)."""
        first, last, loop_of = self.first, self.last, self.loop_of
        found: Loop | None = None
        a, b, c = inst.a, inst.b, inst.c
        places = [loop_of[v.block.num] for v in (a, b, c) if v is not NIL]
        places = [first[place] for place in places if place != NO_LOOP]
        num = inner
        while num != NO_LOOP:
            if reads & self.writes[num]:
                return found
            low, high = first[num], last[num]
            for place in places:
                if low <= place <= high:
                    return found
            found = self.loops[num]
            num = found.parent
        return found

    def move(self, inst: Value, loop: Loop) -> None:
        front = self.front.get(loop.num)
        if front is None:
            front = self.front[loop.num] = self.front_of(loop)
        front.insts.insert(len(front.insts) - 1, inst)
        inst.block = front
        for result in inst.results:
            result.block = front

    def front_of(self, loop: Loop) -> Block:
        """The block that leads to the header of `loop` and nowhere else; made if there is none."""
        func = self.func
        header = self.cfg.block[loop.header]
        assert header is not None
        outside = [num for num in self.cfg.preds[loop.header] if num not in loop.latches]
        outside = [num for num in outside if self.cfg.is_reachable(num)]
        if len(outside) == 1:
            only = self.cfg.block[outside[0]]
            assert only is not None
            if only.insts[-1].op == ops.JUMP:
                return only
        front = func.new_block()
        self.loop_of.append(loop.parent)
        params = [func.add_param(front, param.ty) for param in header.params]
        for num in outside:
            pred = self.cfg.block[num]
            assert pred is not None
            for call in pred.insts[-1].targets:
                if call.block is header:
                    call.block = front
        jump = func.new_value(ops.JUMP, 0, front)
        jump.targets = (BlockCall(header, list(params)),)
        front.insts.append(jump)
        front.cold = header.cold
        self.before.setdefault(loop.header, []).append(front)
        return front
