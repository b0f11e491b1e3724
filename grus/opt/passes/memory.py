"""What is known of memory: loads that are known already, stores that change nothing or are lost.

Memory is divided into *cells*: one for each alias region, and cell 0 for accesses without a region,
which may overlap with any. At every point each cell has a *version*: the last instruction that may
have written to it, or the block where paths with different versions meet. Two accesses of the
same cell in the same version see the same memory, so a table from (version, address, offset,
type) to a value says what a load will give: the value that the last store put there or an earlier
load found. (The scheme is that of `cranelift/codegen/src/alias_analysis.rs`.)

A call, an atomic access or a fence writes to all cells. A poll (a call of convention
`preserve_all`) leaves those regions alone whose user id has the bit `POLL_KEEPS`: while Python
runs inside a poll, lengths, bases and globals cannot change (docs/abi.md).

`Versions` finds the version of every cell at the start of every block. `Memory` walks with
`gvn` and answers for loads and stores. `remove_dead_stores` is a pass of its own.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
from grus.ir.function import CallInfo, Function, MemFlags, Value
from grus.opt.passes.edit import BARRIER, CALL_END, KIND, LOAD, MERGEABLE, OPAQUE, PURE, STORE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

POLL_KEEPS: Final = 1 << 31
"""Bit of an alias region's user id: polls do not write to it."""
GROWS: Final = 1 << 30
"""Bit of an alias region's user id: the numbers in it never get less."""

_LOADED_BY: Final[dict[int, int]] = {ops.STORE: ops.LOAD}
"""The load that gives exactly what a store put there."""
_BYTES: Final[dict[int, int]] = {
    ops.ULOAD8: 1, ops.SLOAD8: 1, ops.ISTORE8: 1, ops.ULOAD16: 2, ops.SLOAD16: 2, ops.ISTORE16: 2,
    ops.ULOAD32: 4, ops.SLOAD32: 4, ops.ISTORE32: 4, ops.ULOAD8X8: 8, ops.SLOAD8X8: 8,
    ops.ULOAD16X4: 8, ops.SLOAD16X4: 8, ops.ULOAD32X2: 8, ops.SLOAD32X2: 8,
}  # fmt: skip

_FACTS: Final = 12
"""Places that a store leaves known, at most."""

Key = tuple[object, ...]


_UNKNOWN_SIZE: Final = 1 << 32


def access_size(inst: Value) -> int:
    """Bytes that a load or store touches; more than any has for a dynamic vector."""
    size = _BYTES.get(inst.op)
    if size is None:
        ty = inst.a.ty if inst.op == ops.STORE else inst.ty
        size = _UNKNOWN_SIZE if T.is_dynamic(ty) else T.size(ty)
    return size


class Versions:
    """The version of each cell at the start of each block.

    `entry[n]`: the list for the block whose number is `n`. A version is the number of an
    instruction, -1 for the memory at the function's start, or -2 - n for the meeting of paths at
    block n.
    """

    __slots__ = ("cells", "entry", "kept")

    def __init__(self, func: Function, cfg: ControlFlowGraph) -> None:
        self.cells = 1 + max([region.num + 1 for region in func.alias_regions], default=0)
        kept = [r.num + 1 for r in func.alias_regions if r.user_id & POLL_KEEPS]
        self.kept = kept
        count = self.cells
        writes: list[list[int] | None] = [None] * func.num_blocks
        for num in cfg.rpo:
            block = cfg.block[num]
            assert block is not None
            for inst in block.insts:
                kind = KIND[inst.op]
                if kind in (STORE, BARRIER, CALL_END):
                    last = writes[num]
                    if last is None:
                        last = writes[num] = [-1] * count
                    self.write(inst, kind, last)
        self.entry: list[list[int]] = [[]] * func.num_blocks
        self._solve(cfg, writes)

    def write(self, inst: Value, kind: int, state: list[int]) -> None:
        """Put a writer (of kind STORE, BARRIER or CALL_END) into `state`."""
        num = inst.num
        if kind == STORE:
            flags = inst.ext
            if isinstance(flags, MemFlags) and flags.region >= 0:
                state[flags.region + 1] = num
                state[0] = num
                return
        elif self.kept and is_poll(inst):
            for cell in range(len(state)):
                if cell not in self.kept:
                    state[cell] = num
            return
        for cell in range(len(state)):
            state[cell] = num

    def _solve(self, cfg: ControlFlowGraph, writes: list[list[int] | None]) -> None:
        """Each version changes at most twice: from none to a writer to a meeting of paths."""
        count = self.cells
        entry = self.entry
        waiting = bytearray(len(entry))
        reached = bytearray(len(entry))
        entry[cfg.entry] = [-1] * count
        waiting[cfg.entry] = reached[cfg.entry] = 1
        work = [cfg.entry]
        for num in work:  # grows
            waiting[num] = 0
            state = entry[num]
            last = writes[num]
            if last is not None:
                state = [new if new >= 0 else old for new, old in zip(last, state, strict=True)]
            for succ in cfg.succs[num]:
                there = entry[succ]
                if reached[succ]:
                    if there == state:
                        continue
                    meet = -2 - succ
                    state_there = [
                        old if old == new else meet for old, new in zip(there, state, strict=True)
                    ]
                    if state_there == there:
                        continue
                    entry[succ] = state_there
                else:
                    reached[succ] = 1
                    entry[succ] = state
                if not waiting[succ]:
                    waiting[succ] = 1
                    work.append(succ)


def is_poll(inst: Value) -> bool:
    """True for the call of a stub that keeps registers."""
    info = inst.ext
    return isinstance(info, CallInfo) and info.sig.call_conv == "preserve_all"


class Memory:
    """What is known at the point that a walk in dominator order has reached.

    Within a block a store does not make forgotten what is known of other offsets from the same
    address: `_facts` are the last few places in the order of access, as (cell, address, first
    offset, offset behind, place, value).
    """

    __slots__ = ("_domtree", "_facts", "_known", "_state", "_versions")

    def __init__(self, func: Function, cfg: ControlFlowGraph, domtree: DomTree) -> None:
        self._versions = Versions(func, cfg)
        self._domtree = domtree
        self._known: dict[Key, tuple[Value, int]] = {}  # value, number of the block that knows it
        self._state: list[int] = []
        self._facts: list[tuple[int, Value, int, int, Key, Value]] = []

    def enter(self, num: int) -> None:
        """The walk comes to the start of block `num`."""
        self._state = list(self._versions.entry[num])
        self._facts = []

    def load(self, inst: Value) -> Value | None:
        """What the load `inst` gives, if it is known."""
        flags = inst.ext
        assert isinstance(flags, MemFlags)
        cell = flags.region + 1
        version = -1 if flags.readonly else self._state[cell]
        place = (inst.a.num, inst.imm, inst.op, inst.ty, cell, flags.endian)
        key = (version, *place)
        num = inst.block.num
        known = self._known.get(key)
        if known is not None and self._domtree.dominates(known[1], num):
            return known[0]
        self._known[key] = (inst, num)
        if not flags.readonly:
            end = inst.imm + access_size(inst)
            self._facts.append((cell, inst.a, inst.imm, end, place, inst))
        return None

    def store(self, inst: Value) -> bool:
        """The store `inst` is made; True when it changes nothing."""
        flags = inst.ext
        assert isinstance(flags, MemFlags)
        cell = flags.region + 1
        address = inst.b
        start, end = inst.imm, inst.imm + access_size(inst)
        op = _LOADED_BY.get(inst.op, inst.op)
        place = (address.num, start, op, inst.a.ty, cell, flags.endian)
        num = inst.block.num
        known = self._known.get((self._state[cell], *place))
        same = known is not None and known[0] is inst.a and self._domtree.dominates(known[1], num)
        self._versions.write(inst, STORE, self._state)
        kept = []
        for fact in self._facts[-_FACTS:]:
            if cell and fact[0] != cell and fact[0]:
                kept.append(fact)  # its cell was not written to
            elif fact[1] is address and (fact[2] >= end or fact[3] <= start):
                kept.append(fact)
                self._known[(self._state[fact[0]], *fact[4])] = (fact[5], num)
        kept.append((cell, address, start, end, place, inst.a))
        self._facts = kept
        self._known[(inst.num, *place)] = (inst.a, num)
        return same

    def barrier(self, inst: Value) -> None:
        """An instruction of kind BARRIER was passed."""
        self._versions.write(inst, BARRIER, self._state)
        self._facts = []


# ---- dead stores ----


def remove_dead_stores(func: Function) -> bool:
    """Remove stores to what is stored to again in the same block before anyone can see it.

    Whatever may trap sees all memory. A store that may trap itself does not move: one that is
    removed traps exactly when the later one to the same place does, so nothing that is visible
    may stand between them. References in stack slots are seen by calls, which see everything.
    """
    changed = False
    for block in func.blocks:
        stores = 0
        for inst in block.insts:
            if KIND[inst.op] == STORE:
                stores += 1
        if stores > 1:
            changed |= _dead_in_block(block.insts)
    return changed


class _Later:
    """A store further down. `exposed`: a store stands between it and here, which would come
    before a trap that is now behind it."""

    __slots__ = ("exposed", "inst")

    def __init__(self, inst: Value) -> None:
        self.inst = inst
        self.exposed = False


def _dead_in_block(insts: list[Value]) -> bool:
    later: dict[Key, _Later] = {}
    dead: set[int] = set()
    for inst in reversed(insts):
        kind = KIND[inst.op]
        if kind in (PURE, OPAQUE):
            continue
        flags = inst.ext
        if kind == STORE and isinstance(flags, MemFlags):
            key = (inst.b.num, inst.imm, access_size(inst), flags.region)
            found = later.get(key)
            if found is not None and not (flags.trap and found.exposed):
                other = found.inst.ext
                assert isinstance(other, MemFlags)
                if not flags.trap or other.trap == flags.trap:
                    dead.add(inst.num)
                    continue
            if flags.trap:
                later.clear()
            else:
                for entry in later.values():
                    entry.exposed = True
            later[key] = _Later(inst)
        elif kind == LOAD and isinstance(flags, MemFlags) and not flags.trap:
            if later and not (flags.readonly and flags.can_move):
                _see(inst, flags, later)
        elif kind == MERGEABLE or kind >= LOAD:
            later.clear()
    if not dead:
        return False
    insts[:] = [inst for inst in insts if inst.num not in dead]
    return True


def _see(load: Value, flags: MemFlags, later: dict[Key, _Later]) -> None:
    """A load sees what stores above it wrote where it reads."""
    address = load.a
    start, end = load.imm, load.imm + access_size(load)
    for key in list(later):
        entry = later[key].inst
        other = entry.ext
        assert isinstance(other, MemFlags)
        if flags.region >= 0 and other.region >= 0 and flags.region != other.region:
            continue
        if entry.b is address and (entry.imm >= end or entry.imm + access_size(entry) <= start):
            continue
        del later[key]
