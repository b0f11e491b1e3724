"""VCode: machine instructions over virtual registers, between lowering and emission.

An `Inst` is a row of the target's instruction table with its operands as register allocation sees
them (`regalloc/types.py`), in the order of the row; an operand that is read and written stands
twice (the use, then the definition that reuses its register); an address contributes its base and
index. What is not a register stands in `imm`, `mem` and `ext`. A few forms are no rows: their
`row` is one of the pseudo instructions of the target.

Blocks hold the order of emission. Critical edges are split and branch arguments stand only on
blocks with one successor, as allocation wants it.
"""

from __future__ import annotations

from grus.backend.regalloc.types import FIRST_VREG, Func

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Address:
    """A memory operand: `base + index << shift + disp`, of registers before allocation.

    `kind` says what the base is: a register, or a part of the frame known only at the end. `trap`
    is the code of a fault of the access, 0 when it cannot fault.
    """

    __slots__ = ("base", "disp", "index", "kind", "label", "shift", "trap")

    def __init__(
        self,
        kind: int,
        disp: int = 0,
        base: int = -1,
        index: int = -1,
        shift: int = 0,
        label: int = -1,
        trap: int = 0,
    ) -> None:
        self.kind = kind
        self.disp = disp
        self.base = base
        self.index = index
        self.shift = shift
        self.label = label
        self.trap = trap


REG = 0  # base (may be -1 when there is an index) and index are registers
SLOT_AREA = 1  # explicit stack slots; `disp` counts from the start of their area
INCOMING = 2  # stack arguments of this function
OUTGOING = 3  # stack arguments of a call
CONSTANT = 4  # `label` of the constant pool
LABEL = 5  # `label` of a place in the code


class Inst:
    """One machine instruction."""

    __slots__ = ("clobbers", "ext", "imm", "loc", "mem", "operands", "row")

    def __init__(
        self,
        row: int,
        operands: list[int],
        imm: int = 0,
        mem: Address | None = None,
        clobbers: int = 0,
        ext: object = None,
    ) -> None:
        self.row = row
        self.operands = operands
        self.imm = imm
        self.mem = mem
        self.clobbers = clobbers
        self.ext = ext
        self.loc = -1


class VBlock:
    """A block in emission order. `succs` are numbers of `VCode.blocks`, set by `allocation_input`.

    Its lists are set, never added to: blocks that have none of a kind share one.
    """

    __slots__ = ("args", "cold", "depth", "edges", "insts", "ir", "label", "num", "params", "succs")

    def __init__(self, ir: int) -> None:
        self.ir = ir  # num of the IR block, -1 for a split edge
        self.num = -1
        self.insts: list[Inst] = _NO_INSTS
        self.params: list[int] = _NO_INTS
        self.args: list[int] = _NO_INTS
        self.edges: list[VBlock] = _NO_BLOCKS
        self.succs: list[int] = _NO_INTS
        self.depth = 0
        self.cold = False
        self.label = -1


_NO_INTS: Final[list[int]] = []
_NO_INSTS: Final[list[Inst]] = []
_NO_BLOCKS: Final[list[VBlock]] = []


class VCode:
    """One function. `slot_offsets`: where explicit slots (by number) are in their area."""

    __slots__ = ("blocks", "name", "slot_offsets", "slot_size", "vreg_class")

    def __init__(self, name: str) -> None:
        self.name = name
        self.blocks: list[VBlock] = []
        self.vreg_class: list[int] = [0] * FIRST_VREG
        self.slot_offsets: dict[int, int] = {}
        self.slot_size = 0

    def dispose(self) -> None:
        """Unlink blocks and instructions, so that plain reference counting frees them."""
        for block in self.blocks:
            block.edges = _NO_BLOCKS
            block.insts = _NO_INSTS


def allocation_input(vcode: VCode, is_move: list[bool]) -> Func:
    """The flat lists that register allocation takes. `is_move` is indexed by row.

    They have the operands from now on, instructions keep none.
    """
    func = Func()
    func.vreg_class = vcode.vreg_class
    func.remat = [-1] * len(vcode.vreg_class)
    operands = func.operands
    starts = func.operand_start
    clobbers = func.clobbers
    moves = func.is_move
    for number, block in enumerate(vcode.blocks):
        block.num = number
    for block in vcode.blocks:
        func.begin_block(block.params, block.depth, 1 if block.cold else 0)
        for inst in block.insts:
            operands += inst.operands
            inst.operands = _NO_INTS
            starts.append(len(operands))
            clobbers.append(inst.clobbers)
            moves.append(1 if is_move[inst.row] else 0)
        block.succs = [edge.num for edge in block.edges]
        func.end_block(block.succs, block.args)
    func.finish()
    return func
