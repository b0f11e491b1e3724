"""What register allocation takes and gives: lists of ints, nothing of the IR, nothing of a target.

Words
    preg       a physical register, 0..63, numbered by the target (x64: 0-15 GPR, 16-31 XMM).
    vreg       a virtual register, 64 and up, dense. A register below 64 in an operand is a preg.
    class      0 = int (64 bits), 1 = float or vector (128 bits). Every preg and vreg has one.
    operand    one int: what an instruction asks of one vreg, made by `use`, `def_`, ... below.
    allocation one int: a preg, `SLOT + n` (the spill slot starting n 8-byte words into the spill
               area), or `NOWHERE`.

The function (`Func`) is in SSA form: every vreg is defined once, by an operand or as a block
parameter, and its definition dominates its uses. Further:

    1. Block 0 is the entry, has no parameters and no predecessors.
    2. Critical edges are split: if a block has several successors, each of them has only that
       one predecessor. Branch arguments stand only on blocks with exactly one successor.
    3. The last instruction of a block is its branch. In a block with exactly one successor it
       has no operands and no clobbers (moves of branch arguments go in front of it).
       In a block with several it may have any, also definitions (`try_call`).
    4. A preg may stand as an operand (a pinned register) only if it is not allocatable; it is
       passed through. Fixed operands name allocatable pregs only.

Time inside one instruction: an *early* operand is read or written before, a *late* one after the
instruction has done its work. Uses are early and definitions late unless said otherwise, so a
use and a definition may share a register. `use_late` and `def_early` operands occupy their
register through the whole instruction.
Clobbered registers are destroyed late: an early use may sit in one. A fixed late definition in a
clobbered register is its new content (the result of a call), other definitions avoid them.

Edits are moves that the target emits between instructions. They must change nothing but their
destination (no flags). Slot-to-slot moves never occur.
"""

from __future__ import annotations

from grus.base.errors import GrusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

INT: Final = 0
FLOAT: Final = 1

FIRST_VREG: Final = 64
SLOT: Final = 1 << 16
REMAT: Final = 1 << 40
NOWHERE: Final = -1

# An operand: vreg << VREG_SHIFT | flags | preg or operand index.
# Without a flag it is an early use in some register.
VREG_SHIFT: Final = 11
INDEX_MASK: Final = 0x3F
ANY: Final = 0x40  # a register or a slot
FIXED: Final = 0x80  # the preg in the low bits
REUSE: Final = 0x100  # the register of the operand whose index is in the low bits
DEF: Final = 0x200  # a definition, late unless THROUGH
THROUGH: Final = 0x400  # occupies its location through the whole instruction
CONSTRAINT_MASK: Final = ANY | FIXED | REUSE


class AllocationError(GrusError):
    """Input that breaks a rule above or cannot be met, or (from the checker) a wrong allocation."""


def use(v: int) -> int:
    """Read in some register."""
    return v << VREG_SHIFT


def use_any(v: int) -> int:
    """Read in a register or straight from its spill slot."""
    return v << VREG_SHIFT | ANY


def use_fixed(v: int, preg: int) -> int:
    """Read in `preg`."""
    return v << VREG_SHIFT | FIXED | preg


def use_late(v: int) -> int:
    """Read in some register that no definition of the instruction shares."""
    return v << VREG_SHIFT | THROUGH


def use_fixed_late(v: int, preg: int) -> int:
    """Read in `preg`, which no definition of the instruction shares."""
    return v << VREG_SHIFT | THROUGH | FIXED | preg


def def_(v: int) -> int:
    """Written in some register."""
    return v << VREG_SHIFT | DEF


def def_any(v: int) -> int:
    """Written in a register or straight to its spill slot."""
    return v << VREG_SHIFT | DEF | ANY


def def_fixed(v: int, preg: int) -> int:
    """Written in `preg`."""
    return v << VREG_SHIFT | DEF | FIXED | preg


def def_early(v: int) -> int:
    """Written before the uses are read: shares its register with no other operand."""
    return v << VREG_SHIFT | DEF | THROUGH


def def_fixed_early(v: int, preg: int) -> int:
    """Written in `preg`, which no other operand of the instruction shares."""
    return v << VREG_SHIFT | DEF | THROUGH | FIXED | preg


def def_reuse(v: int, index: int) -> int:
    """Written in the register of operand `index` of the same instruction (two-address form).

    That operand must be a plain `use` of the same class. Its vreg may live on: the allocator
    then copies it first.
    """
    return v << VREG_SHIFT | DEF | REUSE | index


def temp(v: int) -> int:
    """A register of its own through the whole instruction; `v` is used nowhere else."""
    return v << VREG_SHIFT | DEF | THROUGH


def operand_text(op: int) -> str:
    """An operand as text, for messages: `use v70 fixed p3`."""
    v = op >> VREG_SHIFT
    kind = "def" if op & DEF else "use"
    if op & THROUGH:
        kind += " early" if op & DEF else " late"
    name = f"v{v}" if v >= FIRST_VREG else f"p{v}"
    if op & FIXED:
        return f"{kind} {name} fixed p{op & INDEX_MASK}"
    if op & REUSE:
        return f"{kind} {name} reuse #{op & INDEX_MASK}"
    return f"{kind} {name}{' any' if op & ANY else ''}"


def allocation_text(a: int) -> str:
    """An allocation as text: `p3`, `slot2`, `remat5`, `nowhere`."""
    if a < 0:
        return "nowhere"
    if a >= REMAT:
        return f"remat{a - REMAT}"
    return f"slot{a - SLOT}" if a >= SLOT else f"p{a}"


class Machine:
    """The registers of a target under one calling convention.

    `preg_class[p]` is the class of each preg. `allocatable[c]` lists the pregs of class c that
    may be given out, best first: caller-saved, then callee-saved. Pinned registers, stack and
    frame pointer are not in it. `callee_saved` is a mask of pregs whose first use costs a save
    and a restore. `scratch[c]` is a preg outside `allocatable` free for moves, or -1: then the
    allocator finds a free one or frees one through an extra slot. `spill_size[c]` is the size
    and alignment of a spill slot in 8-byte words (1 or 2).
    """

    __slots__ = (
        "num_pregs",
        "preg_class",
        "allocatable",
        "callee_saved",
        "scratch",
        "spill_size",
        "allocatable_mask",
        "caller_mask",
    )

    def __init__(
        self,
        preg_class: list[int],
        allocatable: list[list[int]],
        callee_saved: int = 0,
        scratch: list[int] | None = None,
        spill_size: list[int] | None = None,
    ) -> None:
        self.num_pregs: int = len(preg_class)
        self.preg_class: list[int] = preg_class
        self.allocatable: list[list[int]] = allocatable
        self.callee_saved: int = callee_saved
        self.scratch: list[int] = scratch if scratch is not None else [-1] * len(allocatable)
        self.spill_size: list[int] = spill_size if spill_size is not None else [1, 2]
        self.allocatable_mask: list[int] = []
        self.caller_mask: list[int] = []
        if self.num_pregs > FIRST_VREG:
            raise AllocationError(f"{self.num_pregs} pregs, at most {FIRST_VREG} can be named")
        for order in allocatable:
            mask = 0
            for p in order:
                mask |= 1 << p
            self.allocatable_mask.append(mask)
            self.caller_mask.append(mask & ~callee_saved)


class Func:
    """The input. All lists are dense; blocks and instructions are numbered in emission order.

    Per vreg (index = vreg number; the first 64 entries stand for the pregs and are unused):
        vreg_class[v]
        remat[v]: an id the target can make `v` from at any place (a constant), or -1. The
            instruction that defines such a `v` must have no other effect or operand: if every
            use was made anew, its definition is allocated NOWHERE and the target skips it.
    Per instruction i:
        operands[operand_start[i] : operand_start[i + 1]]
        clobbers[i]: mask of pregs destroyed
        is_move[i]: 1 if it only copies; its operands are one use and one definition (REG or
            ANY) of one class. If both get the same allocation the target may skip it.
    Per block b:
        insn_start[b] <= i < insn_end[b], succs[b], preds[b], params[b] (vregs),
        args[b] (vregs passed to the parameters of its only successor),
        depth[b] (loop nesting, 0 outside), freq[b] (expected executions, at least 1).
    """

    __slots__ = (
        "vreg_class",
        "remat",
        "operands",
        "operand_start",
        "clobbers",
        "is_move",
        "insn_start",
        "insn_end",
        "succs",
        "preds",
        "params",
        "args",
        "depth",
        "freq",
    )

    def __init__(self) -> None:
        self.vreg_class: list[int] = [0] * FIRST_VREG
        self.remat: list[int] = [-1] * FIRST_VREG
        self.operands: list[int] = []
        self.operand_start: list[int] = [0]
        self.clobbers: list[int] = []
        self.is_move: list[int] = []
        self.insn_start: list[int] = []
        self.insn_end: list[int] = []
        self.succs: list[list[int]] = []
        self.preds: list[list[int]] = []
        self.params: list[list[int]] = []
        self.args: list[list[int]] = []
        self.depth: list[int] = []
        self.freq: list[int] = []

    # Building in emission order. A lowering that works backwards fills the lists itself.

    def new_vreg(self, cls: int, remat: int = -1) -> int:
        self.vreg_class.append(cls)
        self.remat.append(remat)
        return len(self.vreg_class) - 1

    def begin_block(self, params: list[int], depth: int = 0, freq: int = 0) -> int:
        """Open the next block; `freq` 0 means 8 per loop level."""
        self.insn_start.append(len(self.clobbers))
        self.params.append(params)
        self.depth.append(depth)
        self.freq.append(freq or 1 << 3 * min(depth, 6))
        return len(self.insn_start) - 1

    def insn(self, operands: list[int], clobbers: int = 0, is_move: int = 0) -> int:
        self.operands += operands
        self.operand_start.append(len(self.operands))
        self.clobbers.append(clobbers)
        self.is_move.append(is_move)
        return len(self.clobbers) - 1

    def end_block(self, succs: list[int], args: list[int]) -> None:
        self.insn_end.append(len(self.clobbers))
        self.succs.append(succs)
        self.args.append(args)

    def finish(self) -> None:
        """Fill `preds` from `succs`."""
        self.preds = [[] for _ in self.succs]
        for b, succs in enumerate(self.succs):
            for s in succs:
                self.preds[s].append(b)


class Output:
    """The result.

    `allocs[k]` is the allocation of `func.operands[k]`. Edit e moves `edit_src[e]` (a preg, a
    slot, or `REMAT + id`) to `edit_dst[e]` (a preg, or a slot if the source is a preg), a value
    of class `edit_class[e]`, at `edit_pos[e]`: 2 * i is before instruction i, 2 * i + 1 after it.
    Edits are in the order in which they are emitted, and positions ascend.
    `num_slots` counts 8-byte words of spill area; 16-byte slots have even numbers.
    `written` is the mask of all pregs written by operands, edits and clobbers.
    """

    __slots__ = (
        "allocs",
        "edit_pos",
        "edit_src",
        "edit_dst",
        "edit_class",
        "num_slots",
        "written",
    )

    def __init__(self, num_operands: int) -> None:
        self.allocs: list[int] = [NOWHERE] * num_operands
        self.edit_pos: list[int] = []
        self.edit_src: list[int] = []
        self.edit_dst: list[int] = []
        self.edit_class: list[int] = []
        self.num_slots: int = 0
        self.written: int = 0


def dump(func: Func, output: Output | None = None) -> str:
    """The function as text, with the allocation beside each operand if given."""
    lines: list[str] = []
    e = 0
    for b in range(len(func.insn_start)):
        params = ", ".join(f"v{v}" for v in func.params[b])
        lines.append(f"block{b}({params}): depth {func.depth[b]} freq {func.freq[b]}")
        for i in range(func.insn_start[b], func.insn_end[b]):
            ops: list[str] = []
            for k in range(func.operand_start[i], func.operand_start[i + 1]):
                text = operand_text(func.operands[k])
                if output is not None:
                    text += f" = {allocation_text(output.allocs[k])}"
                ops.append(text)
            line = f"  {i}: {'move ' if func.is_move[i] else ''}{', '.join(ops)}"
            if func.clobbers[i]:
                line += f" clobbers {func.clobbers[i]:#x}"
            for after in (0, 1):
                if after:
                    lines.append(line)
                if output is None:
                    continue
                while e < len(output.edit_pos) and output.edit_pos[e] == 2 * i + after:
                    lines.append(
                        f"      {allocation_text(output.edit_dst[e])} <- "
                        f"{allocation_text(output.edit_src[e])}"
                    )
                    e += 1
        args = ", ".join(f"v{v}" for v in func.args[b])
        lines.append(f"  -> {', '.join(f'block{s}' for s in func.succs[b])} ({args})")
    return "\n".join(lines)


def reverse_postorder(func: Func) -> list[int]:
    """All blocks in reverse postorder of a depth-first walk from the entry; unreachable last."""
    succs = func.succs
    seen = [False] * len(succs)
    order: list[int] = []
    for root in range(len(succs)):
        if seen[root]:
            continue
        seen[root] = True
        stack = [root]
        progress = [0]
        post: list[int] = []
        while stack:
            b = stack[-1]
            n = progress[-1]
            if n < len(succs[b]):
                progress[-1] = n + 1
                s = succs[b][n]
                if not seen[s]:
                    seen[s] = True
                    stack.append(s)
                    progress.append(0)
            else:
                post.append(b)
                stack.pop()
                progress.pop()
        post.reverse()
        order += post
    return order
