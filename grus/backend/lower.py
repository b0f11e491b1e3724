"""Lowering: from the IR graph to VCode, one block at a time from its end to its start.

A value is lowered when somebody has asked for its registers, so what a user folded into its own
instruction (an address, a compare, a constant, a load) costs nothing, and dead code disappears.
Blocks are taken in post-order: every user of a value comes before its definition. (The scheme is
that of `cranelift/codegen/src/machinst/lower.rs`.)

What may be folded:

- a pure instruction, any number of times (its operands just live longer);
- a load with one use, if nothing with an effect stands between it and the user. For that every
  instruction has two *colours*: the count of effects before it and after it; a load may move to an
  instruction whose colour before equals the load's colour after.

An i32 whose register has a clear upper half (`Context.clears`) is its own zero extension: the
`uextend` to i64 has no register. For that every move, spill and reload of an integer register takes
all its 64 bits.

Constants have no register of their own: each user gets a fresh copy in front of it, which keeps
live ranges short (and lets most be immediates).

The target gives `lower_inst(ctx, inst)`, `lower_branch(ctx, inst, edges)`, `lower_entry(ctx)` and
`constant(ctx, value)`; they append to `ctx.out` in the order of execution.
"""

from __future__ import annotations

from grus.backend.regalloc.types import FIRST_VREG, FLOAT, INT
from grus.backend.vcode import Inst, VBlock, VCode
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
from grus.ir.function import NIL, Block, BlockCall, Function, Value, operands_of
from grus.ir.loops import LoopTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_EFFECTS: Final = ops.TRAPS | ops.READS | ops.WRITES | ops.SIDE_EFFECT
_CONSTANTS: Final = (ops.ICONST, ops.F32CONST, ops.F64CONST, ops.F16CONST)
_IS_CONSTANT: Final[list[bool]] = [op in _CONSTANTS for op in range(len(ops.ROWS))]
_NO_OPCODE: Final[list[bool]] = [False] * len(ops.ROWS)


def reg_class(ty: int) -> int:
    """The class of the register that holds a value (each half of an i128)."""
    return INT if T.is_int(ty) else FLOAT


class Lowering:
    """What a target does for this driver. `ctx` is the `Context`."""

    __slots__ = ()

    def lower_inst(self, inst: Value) -> None:
        """Append the instructions of `inst` to `ctx.out`; define its results."""
        raise NotImplementedError

    def lower_branch(self, inst: Value, edges: list[VBlock]) -> None:
        """The same for a terminator; `edges[i]` is where `inst.targets[i]` leads."""
        raise NotImplementedError

    def lower_jump(self, edge: VBlock) -> None:
        """Append an unconditional branch to `edge`."""
        raise NotImplementedError

    def lower_entry(self) -> None:
        """Append what takes the function's parameters from where its caller put them."""
        raise NotImplementedError

    def try_values(self, inst: Value, arg: Value) -> list[int]:
        """The registers of a result or payload (TRY_RET, TRY_EXN) of the try_call `inst`."""
        raise NotImplementedError

    def constant(self, value: Value) -> int:
        """Append what makes a constant; gives its register."""
        raise NotImplementedError


class Context:
    """The state of one lowering."""

    __deletable__ = ("target",)
    __slots__ = (
        "after",
        "before",
        "block",
        "clears",
        "inst",
        "colour",
        "depth",
        "func",
        "hi",
        "lo",
        "out",
        "sunk",
        "sunk_loc",
        "target",
        "uses",
        "vcode",
    )

    def __init__(self, func: Function) -> None:
        count = func.num_values
        self.func = func
        self.vcode = VCode(func.name)
        self.uses: list[int] = [0] * count
        self.lo: list[int] = [-1] * count
        self.hi: dict[int, int] = {}  # few have one
        self.before: list[int] = [-1] * count
        self.after: list[int] = [-1] * count
        self.sunk = bytearray(count)
        self.sunk_loc = -1  # of a load folded into the instruction being lowered
        self.colour = 0  # colour before the instruction being lowered
        self.block = -1
        self.depth: list[int] = []  # of loops, by block
        # By opcode: its result of 32 bits has a clear upper half. Set by the target.
        self.clears: list[bool] = _NO_OPCODE
        self.inst = NIL  # what is being lowered, for errors
        self.out: list[Inst] = []
        self.target: Lowering

    def forget(self) -> None:
        """Drop what is known of values: all is lowered."""
        self.uses = []
        self.lo = []
        self.hi = {}
        self.before = []
        self.after = []
        self.sunk = bytearray()

    # ---- registers ----

    def new_vreg(self, cls: int) -> int:
        """A fresh register."""
        classes = self.vcode.vreg_class
        classes.append(cls)
        return len(classes) - 1

    def new_int(self) -> int:
        return self.new_vreg(INT)

    def new_float(self) -> int:
        return self.new_vreg(FLOAT)

    def reg(self, value: Value) -> int:
        """The register of a value that has one, to be read by the instruction being lowered."""
        value = self.bearer(value)
        if _IS_CONSTANT[value.op]:
            return self.target.constant(value)
        return self.result(value)

    def bearer(self, value: Value) -> Value:
        """The value whose register `value` has. The upper bits of a register mean nothing, except
        those that are known to be clear."""
        while True:
            op = value.op
            if op == ops.UEXTEND:
                if value.ty != T.I64 or not self.clear(value.a):
                    return value
            elif op == ops.BITCAST:
                if T.LANES[value.ty] == 1 or T.LANES[value.a.ty] == 1:  # other than of vectors
                    return value
            elif op != ops.IREDUCE:
                return value
            value = value.a

    def clear(self, value: Value) -> bool:
        """True for an i32 in whose register the upper 32 bits are 0."""
        return value.ty == T.I32 and self.clears[value.op]

    def result(self, value: Value) -> int:
        """The register in which a value is (to be) defined."""
        num = value.num
        reg = self.lo[num]
        if reg < 0:
            reg = self.new_vreg(reg_class(value.ty))
            self.lo[num] = reg
        return reg

    def pair(self, value: Value) -> tuple[int, int]:
        """The registers of the low and the high half of an i128."""
        lo = self.result(value)
        hi = self.hi.get(value.num, -1)
        if hi < 0:
            hi = self.new_vreg(INT)
            self.hi[value.num] = hi
        return lo, hi

    def regs(self, value: Value) -> list[int]:
        """All registers of a value, low half first."""
        if value.ty == T.I128:
            lo, hi = self.pair(value)
            return [lo, hi]
        return [self.reg(value)]

    def lives(self, value: Value) -> bool:
        """True when the register of a value is read after the instruction being lowered, as far as
        is known: something later asked for it, or it comes from outside of the loop."""
        value = self.bearer(value)
        return self.lo[value.num] >= 0 or self.depth[value.block.num] < self.depth[self.block]

    def demanded(self, inst: Value) -> bool:
        """True when somebody asked for a result of `inst`."""
        if inst.results:
            return any([self.lo[result.num] >= 0 for result in inst.results])
        return self.lo[inst.num] >= 0

    # ---- folding ----

    def can_sink(self, load: Value) -> bool:
        """True when the load `load` may be done by the instruction being lowered instead.

        Its only user must be that instruction, or a value folded into it that is used once. And
        no one may have asked for its register: a comparison that was also done again at a branch
        has.
        """
        num = load.num
        return (
            self.uses[num] == 1
            and self.lo[num] < 0
            and self.after[num] == self.colour
            and load.block.num == self.block
        )

    def sink(self, load: Value) -> None:
        """The load is folded: it will not be lowered at its own place."""
        self.sunk[load.num] = 1
        self.sunk_loc = load.loc


def lower(func: Function, context: Context, target: Lowering) -> VCode:
    """Lower `func`. Aliases must be resolved. The result's blocks are in emission order."""
    context.target = target
    cfg = ControlFlowGraph(func)
    domtree = DomTree(func, cfg)
    loops = LoopTree(func, cfg, domtree)
    context.depth = loops.depth
    _count(func, cfg, context)
    blocks: list[VBlock | None] = [None] * func.num_blocks
    for num in cfg.rpo:
        made = VBlock(num)
        made.depth = loops.depth[num]
        made.cold = _block(cfg, num).cold
        blocks[num] = made
    edge_blocks: list[list[VBlock]] = [[] for _ in range(func.num_blocks)]
    # How many branch targets lead to each block.
    arrivals = [0] * func.num_blocks
    for num in cfg.rpo:
        for call in _block(cfg, num).insts[-1].targets:
            arrivals[call.block.num] += 1
    for num in cfg.post_order:
        vblock = blocks[num]
        assert vblock is not None
        _lower_block(context, _block(cfg, num), vblock, blocks, arrivals, edge_blocks[num])
    entry = blocks[cfg.entry]
    assert entry is not None
    context.out = []
    target.lower_entry()
    entry.insts = context.out + entry.insts
    for num in cfg.rpo:
        if num != cfg.entry:
            vblock = blocks[num]
            assert vblock is not None
            params: list[int] = []
            for param in _block(cfg, num).params:
                if context.uses[param.num]:
                    params += context.regs(param)
            if params:
                vblock.params = params
    context.vcode.blocks = _layout(func, cfg, blocks, edge_blocks)
    vcode = context.vcode
    del context.target  # it holds the context
    return vcode


def _block(cfg: ControlFlowGraph, num: int) -> Block:
    block = cfg.block[num]
    assert block is not None
    return block


def _layout(
    func: Function,
    cfg: ControlFlowGraph,
    blocks: list[VBlock | None],
    edge_blocks: list[list[VBlock]],
) -> list[VBlock]:
    """Blocks in the order of the function, cold ones last; split edges behind their source."""
    warm: list[VBlock] = []
    cold: list[VBlock] = []
    for block in func.blocks:
        vblock = blocks[block.num]
        if vblock is None:
            continue
        place = cold if vblock.cold and block.num != cfg.entry else warm
        place.append(vblock)
        for edge in edge_blocks[block.num]:
            (cold if edge.cold else place).append(edge)
    return warm + cold


def _count(func: Function, cfg: ControlFlowGraph, context: Context) -> None:
    """Fill use counts and colours."""
    uses = context.uses
    before = context.before
    after = context.after
    colour = 0
    flags = ops.FLAGS
    for num in cfg.rpo:
        colour += 1
        for inst in _block(cfg, num).insts:
            before[inst.num] = colour
            if flags[inst.op] & _EFFECTS:
                colour += 1
            after[inst.num] = colour
            for value in operands_of(inst):
                uses[value.num] += 1


def _lower_block(
    context: Context,
    block: Block,
    vblock: VBlock,
    blocks: list[VBlock | None],
    arrivals: list[int],
    made: list[VBlock],
) -> None:
    target = context.target
    chunks: list[list[Inst]] = []
    term = block.insts[-1]
    context.block = block.num
    context.inst = term
    context.colour = -1  # nothing sinks into the arguments of branches
    if term.targets and not ops.FLAGS[term.op] & ops.IS_CALL and _one_way(term):
        # A jump, or a branch of which all targets are one: arguments stand on the block itself.
        call = term.targets[0]
        successor = blocks[call.block.num]
        assert successor is not None
        context.out = []
        _arguments(context, term, call, vblock)
        vblock.edges = [successor]
        target.lower_jump(successor)
        chunks.append(context.out)
    else:
        edges = _split(context, term, vblock, blocks, arrivals, made)
        context.out = []
        context.colour = context.before[term.num]
        target.lower_branch(term, edges)
        if len(vblock.edges) == 1:  # a try_call without handlers
            target.lower_jump(vblock.edges[0])
        _locate(context, term.loc)
        chunks.append(context.out)
    lo = context.lo
    sunk = context.sunk
    flags = ops.FLAGS
    for index in range(len(block.insts) - 2, -1, -1):
        inst = block.insts[index]
        if sunk[inst.num]:
            continue
        if inst.results or lo[inst.num] < 0:
            if not flags[inst.op] & _EFFECTS and not context.demanded(inst):
                continue
        context.out = []
        context.inst = inst
        context.colour = context.before[inst.num]
        target.lower_inst(inst)
        _locate(context, inst.loc)
        chunks.append(context.out)
    insts: list[Inst] = []
    chunks.reverse()
    for chunk in chunks:
        insts += chunk
    vblock.insts = insts


def _one_way(term: Value) -> bool:
    """True when all targets are one block with the same arguments."""
    first = term.targets[0]
    for call in term.targets:
        if call.block is not first.block or len(call.args) != len(first.args):
            return False
        for index, arg in enumerate(call.args):
            if arg is not first.args[index]:
                return False
    return True


def _locate(context: Context, loc: int) -> None:
    """Source locations of what was just lowered. A folded load keeps its own, for its fault."""
    for inst in context.out:
        folded = context.sunk_loc >= 0 and inst.mem is not None and inst.mem.trap
        inst.loc = context.sunk_loc if folded else loc
    context.sunk_loc = -1


def _split(
    context: Context,
    term: Value,
    vblock: VBlock,
    blocks: list[VBlock | None],
    arrivals: list[int],
    made: list[VBlock],
) -> list[VBlock]:
    """Where each target of `term` leads: its block, or a block on the edge with the arguments.

    Equal targets of a branch share it. Those of a call do not: it would seem to have one edge, and
    what is put between the call and a jump is not done on the way to a handler.
    """
    edges: list[VBlock] = []
    different: list[VBlock] = []
    known: dict[tuple[int, ...], VBlock] = {}
    is_call = ops.FLAGS[term.op] & ops.IS_CALL
    for call in term.targets:
        successor = blocks[call.block.num]
        assert successor is not None
        key = (call.block.num, *[_argument_key(arg) for arg in call.args])
        edge = known.get(key)
        if edge is None:
            edge = successor
            if call.args or arrivals[call.block.num] > 1:
                edge = VBlock(-1)
                edge.depth = min(vblock.depth, successor.depth)
                edge.cold = vblock.cold or successor.cold
                context.out = []
                _arguments(context, term, call, edge)
                edge.edges = [successor]
                context.target.lower_jump(successor)
                edge.insts = context.out
                made.append(edge)
            if not is_call:
                known[key] = edge
            different.append(edge)
        edges.append(edge)
    vblock.edges = different
    return edges


def _argument_key(arg: Value) -> int:
    if arg.op == ops.TRY_RET or arg.op == ops.TRY_EXN:
        return -1 - (2 * arg.imm + (arg.op == ops.TRY_EXN))
    return arg.num


def _arguments(context: Context, term: Value, call: BlockCall, edge: VBlock) -> None:
    """The registers of the arguments whose parameters are used."""
    params = call.block.params
    args: list[int] = []
    for index, arg in enumerate(call.args):
        if context.uses[params[index].num]:
            if arg.op in (ops.TRY_RET, ops.TRY_EXN):
                args += context.target.try_values(term, arg)
            else:
                args += context.regs(arg)
    if args:
        edge.args = args


__all__ = ["FIRST_VREG", "Context", "Lowering", "lower", "reg_class"]
