"""A symbolic checker of allocations: does the code with registers compute what the code with
vregs did?

It interprets the allocated function abstractly and needs to trust no part of an allocator.

Lattice. A state maps each location (preg, 8-byte word of the spill area) to the set of vregs whose
current value it is known to hold. Before the first visit of a block its state is top ("every
location holds everything"). The meet of two states intersects the sets, location by location;
unknown content is the empty set.

Transfer.
    edit src -> dst         dst := set of src. From REMAT + id: every vreg with that remat id.
    instruction             1. early definitions: location := {v}
                            2. every use: v must be in the set of its location
                            3. clobbers: location := {}
                            4. late definitions: location := {v}
    edge with arguments     in every set, drop the parameters of the target; then a set that held
                            argument a_k gains parameter p_k, all at once.
Any write to a spill word removes the vregs that extend over it from a neighbour.
A definition need not remove v from other locations: the function is in SSA form, so on the first
arrival no location holds v yet, and later arrivals can only shrink the sets. Parameters are the
exception (a new one is made by each trip round a loop), hence the removal on edges.

Statically checked per instruction: class, constraint, that operands which live at the same time
do not share a register, that definitions which are not fixed avoid clobbers. `validate` checks the
rules of the input in `types`. Method: regalloc2's checker (Fallin); CompCert's validated register
allocation (Rideau and Leroy, CC 2010).
"""

from __future__ import annotations

from grus.backend.regalloc.types import (
    ANY,
    CONSTRAINT_MASK,
    DEF,
    FIRST_VREG,
    FIXED,
    INDEX_MASK,
    NOWHERE,
    REMAT,
    REUSE,
    SLOT,
    THROUGH,
    VREG_SHIFT,
    AllocationError,
    Func,
    Machine,
    Output,
    allocation_text,
    operand_text,
    reverse_postorder,
)

State = dict[int, frozenset[int]]
_EMPTY: frozenset[int] = frozenset()


def check(func: Func, machine: Machine, output: Output) -> None:
    """Raise AllocationError, naming the place, if `output` is not a right allocation of `func`."""
    validate(func, machine)
    _Checker(func, machine, output).run()


class _Checker:
    __slots__ = ("func", "machine", "out", "edit_start", "by_remat", "allocatable")

    def __init__(self, func: Func, machine: Machine, out: Output) -> None:
        self.func: Func = func
        self.machine: Machine = machine
        self.out: Output = out
        self.edit_start: list[int] = []
        self.by_remat: dict[int, frozenset[int]] = {}
        self.allocatable: int = 0
        for mask in machine.allocatable_mask:
            self.allocatable |= mask
        ids: dict[int, list[int]] = {}
        for v in range(FIRST_VREG, len(func.remat)):
            if func.remat[v] >= 0:
                ids.setdefault(func.remat[v], []).append(v)
        for remat, vregs in ids.items():
            self.by_remat[remat] = frozenset(vregs)

    def run(self) -> None:
        func = self.func
        self.static_checks()
        entry: list[State | None] = [None] * len(func.succs)
        entry[0] = {}
        order = reverse_postorder(func)
        place = [0] * len(order)
        for k, b in enumerate(order):
            place[b] = k
        queued = [True] * len(order)
        pending = True
        while pending:
            pending = False
            for b in order:
                state = entry[b]
                if not queued[b] or state is None:
                    continue
                queued[b] = False
                end = self.block(b, dict(state))
                for s in func.succs[b]:
                    new = self.edge(b, s, end)
                    old = entry[s]
                    if old is not None:
                        new = _meet(old, new)
                        if len(new) == len(old) and new == old:
                            continue
                    entry[s] = new
                    queued[s] = True
                    if place[s] <= place[b]:
                        pending = True

    # Static part ---------------------------------------------------------------------------------

    def static_checks(self) -> None:
        func = self.func
        out = self.out
        if len(out.allocs) != len(func.operands):
            raise AllocationError(f"{len(out.allocs)} allocations, {len(func.operands)} operands")
        written = 0
        for b in range(len(func.insn_start)):
            for i in range(func.insn_start[b], func.insn_end[b]):
                written |= self.static_insn(b, i)
        self.edit_start = [0] * (2 * len(func.clobbers) + 1)
        last = 0
        for e, pos in enumerate(out.edit_pos):
            written |= self.static_edit(e)
            if pos < last or pos >= 2 * len(func.clobbers):
                raise AllocationError(f"edit {e} at {pos} comes after an edit at {last}")
            for p in range(last + 1, pos + 1):
                self.edit_start[p] = e
            last = pos
        for p in range(last + 1, len(self.edit_start)):
            self.edit_start[p] = len(out.edit_pos)
        if written & ~out.written:
            raise AllocationError(f"pregs {written & ~out.written:#x} missing in `written`")

    def static_insn(self, b: int, i: int) -> int:
        func = self.func
        allocs = self.out.allocs
        first = func.operand_start[i]
        last = func.operand_start[i + 1]
        clobbers = func.clobbers[i]
        early_defs: list[int] = []
        late_defs: list[int] = []
        late_uses: list[int] = []
        early_uses: list[int] = []
        fixed_defs = 0
        for k in range(first, last):
            op = func.operands[k]
            a = allocs[k]
            if op & DEF and not op & THROUGH and op & FIXED:
                fixed_defs |= 1 << (op & INDEX_MASK)
            v = op >> VREG_SHIFT
            if v < FIRST_VREG:
                if a != v:
                    raise self.error(b, i, k, "a preg operand must be itself")
                continue
            if a == NOWHERE:
                if op & DEF and func.remat[v] >= 0 and last - first == 1:
                    continue
                raise self.error(b, i, k, "no allocation")
            self.location(a, func.vreg_class[v], self.place(b, i, k))
            if not op & ANY and a >= SLOT:
                raise self.error(b, i, k, "must be in a register")
            if op & FIXED and a != op & INDEX_MASK:
                raise self.error(b, i, k, "not in its fixed register")
            if op & REUSE and a != allocs[first + (op & INDEX_MASK)]:
                raise self.error(b, i, k, "does not reuse its operand")
            for word in self.words(a, func.vreg_class[v]):
                if op & DEF:
                    (early_defs if op & THROUGH else late_defs).append(word)
                else:
                    (late_uses if op & THROUGH else early_uses).append(word)
        clobbers &= ~fixed_defs
        clobbered = [p for p in range(self.machine.num_pregs) if clobbers >> p & 1]
        late = late_defs + clobbered
        if len(set(late)) != len(late):
            raise self.error(b, i, -1, "two definitions or clobbers share a location")
        early = early_defs + early_uses + late_uses + late
        for word in early_defs:
            if early.count(word) > 1:
                raise self.error(b, i, -1, f"early definition shares {allocation_text(word)}")
        for word in late_uses:
            if word in late:
                raise self.error(b, i, -1, f"late use in {allocation_text(word)} is overwritten")
        written = func.clobbers[i]
        for word in early_defs + late_defs:
            if word < SLOT:
                written |= 1 << word
        return written

    def static_edit(self, e: int) -> int:
        out = self.out
        src = out.edit_src[e]
        dst = out.edit_dst[e]
        where = f"edit {e} at {out.edit_pos[e]}"
        if src < REMAT:
            self.location(src, out.edit_class[e], where)
        self.location(dst, out.edit_class[e], where)
        if dst < SLOT:
            return 1 << dst
        if src >= SLOT:
            raise AllocationError(f"{where} moves memory to memory")
        return 0

    def location(self, a: int, cls: int, where: str) -> None:
        """Check that `a` can hold a value of class `cls`."""
        machine = self.machine
        if 0 <= a < machine.num_pregs:
            scratch = machine.scratch[cls]
            if machine.allocatable_mask[cls] >> a & 1 or a == scratch:
                return
        elif a >= SLOT:
            size = machine.spill_size[cls]
            n = a - SLOT
            if n % size == 0 and n + size <= self.out.num_slots:
                return
        raise AllocationError(f"{where}: {allocation_text(a)} cannot hold class {cls}")

    def words(self, a: int, cls: int) -> range:
        """The register or the spill words that an allocation covers."""
        return range(a, a + 1) if a < SLOT else range(a, a + self.machine.spill_size[cls])

    # Abstract interpretation ------------------------------------------------------------------

    def block(self, b: int, state: State) -> State:
        func = self.func
        for i in range(func.insn_start[b], func.insn_end[b]):
            self.edits(2 * i, state)
            self.insn(b, i, state)
            self.edits(2 * i + 1, state)
        return state

    def edits(self, pos: int, state: State) -> None:
        out = self.out
        for e in range(self.edit_start[pos], self.edit_start[pos + 1]):
            src = out.edit_src[e]
            if src >= REMAT:
                value = self.by_remat.get(src - REMAT, _EMPTY)
            else:
                value = state.get(src, _EMPTY)
            self.write(state, out.edit_dst[e], out.edit_class[e], value)

    def insn(self, b: int, i: int, state: State) -> None:
        func = self.func
        allocs = self.out.allocs
        first = func.operand_start[i]
        last = func.operand_start[i + 1]
        for k in range(first, last):
            op = func.operands[k]
            if op & DEF and op & THROUGH:
                self.define(state, op >> VREG_SHIFT, allocs[k])
        for k in range(first, last):
            op = func.operands[k]
            v = op >> VREG_SHIFT
            if not op & DEF and v >= FIRST_VREG:
                held = state.get(allocs[k], _EMPTY)
                if v not in held:
                    names = " ".join(f"v{h}" for h in sorted(held)) or "nothing known"
                    raise self.error(b, i, k, f"reads {names}")
        clobbers = func.clobbers[i]
        while clobbers:
            low = clobbers & -clobbers
            state.pop(low.bit_length() - 1, None)
            clobbers ^= low
        for k in range(first, last):
            op = func.operands[k]
            if op & DEF and not op & THROUGH:
                self.define(state, op >> VREG_SHIFT, allocs[k])

    def define(self, state: State, v: int, a: int) -> None:
        if v >= FIRST_VREG and a != NOWHERE:
            self.write(state, a, self.func.vreg_class[v], frozenset((v,)))

    def write(self, state: State, a: int, cls: int, value: frozenset[int]) -> None:
        if a >= SLOT:
            size = self.machine.spill_size[cls]
            for word in range(a + 1, a + size):
                state.pop(word, None)
            before = state.get(a - 1)
            if before is not None and (a & 1) != (SLOT & 1):
                narrow = [v for v in before if self.machine.spill_size[self.func.vreg_class[v]] < 2]
                state[a - 1] = frozenset(narrow)
        if value:
            state[a] = value
        else:
            state.pop(a, None)

    def edge(self, b: int, s: int, state: State) -> State:
        func = self.func
        params = func.params[s]
        if not params:
            return state
        args = func.args[b]
        gone = frozenset(params)
        passed: dict[int, list[int]] = {}
        for k, a in enumerate(args):
            passed.setdefault(a, []).append(params[k])
        result: State = {}
        for place, held in state.items():
            gained = [p for a in passed if a in held for p in passed[a]]
            if gained or not gone.isdisjoint(held):
                held = (held - gone).union(gained)
            if held:
                result[place] = held
        return result

    def place(self, b: int, i: int, k: int) -> str:
        where = f"block {b}, instruction {i}"
        if k >= 0:
            n = k - self.func.operand_start[i]
            where += f", operand {n} ({operand_text(self.func.operands[k])})"
        return where

    def error(self, b: int, i: int, k: int, message: str) -> AllocationError:
        where = self.place(b, i, k)
        if k >= 0:
            where += f" in {allocation_text(self.out.allocs[k])}"
        return AllocationError(f"{where}: {message}")


def _meet(a: State, b: State) -> State:
    result: State = {}
    for place, held in a.items():
        other = b.get(place)
        if other is not None:
            both = held if held == other else held & other
            if both:
                result[place] = both
    return result


def validate(func: Func, machine: Machine) -> None:
    """Raise AllocationError if `func` breaks a rule of `types`.

    Dominance is checked through the allocation itself: a use that its definition does not
    dominate cannot hold its vreg on every path.
    """
    num_blocks = len(func.insn_start)
    num_vregs = len(func.vreg_class)
    defined = [False] * num_vregs
    if num_blocks == 0:
        raise AllocationError("no blocks")
    if func.params[0] or func.preds[0]:
        raise AllocationError("block 0 has parameters or predecessors")
    if len(func.remat) != num_vregs:
        raise AllocationError(f"{len(func.remat)} remat entries, {num_vregs} vregs")
    expected = 0
    preds: list[list[int]] = [[] for _ in range(num_blocks)]
    for b in range(num_blocks):
        if func.insn_start[b] != expected or func.insn_end[b] <= expected:
            raise AllocationError(f"block {b}: instructions are not contiguous, or none")
        expected = func.insn_end[b]
        if func.freq[b] < 1:
            raise AllocationError(f"block {b}: frequency {func.freq[b]}")
        for s in func.succs[b]:
            preds[s].append(b)
            if len(func.succs[b]) > 1 and len(func.preds[s]) != 1:
                raise AllocationError(f"edge {b} -> {s} is critical")
        for v in func.params[b]:
            _define(func, defined, v, f"block {b}")
        if len(func.succs[b]) == 1:
            branch = expected - 1
            if func.operand_start[branch] != func.operand_start[branch + 1]:
                raise AllocationError(f"block {b}: branch to one block has operands")
            if func.clobbers[branch]:
                raise AllocationError(f"block {b}: branch to one block has clobbers")
            params = func.params[func.succs[b][0]]
            args = func.args[b]
            if len(params) != len(args):
                raise AllocationError(f"block {b}: {len(args)} arguments, {len(params)} parameters")
            for k, v in enumerate(args):
                if func.vreg_class[v] != func.vreg_class[params[k]]:
                    raise AllocationError(f"block {b}: argument v{v} has the wrong class")
        elif func.args[b]:
            raise AllocationError(f"block {b}: arguments with {len(func.succs[b])} successors")
        else:
            for s in func.succs[b]:
                if func.params[s]:
                    raise AllocationError(f"edge {b} -> {s}: parameters without arguments")
    for b in range(num_blocks):
        if sorted(preds[b]) != sorted(func.preds[b]):
            raise AllocationError(f"block {b}: predecessors do not match successors")
        for i in range(func.insn_start[b], func.insn_end[b]):
            _validate_insn(func, machine, defined, b, i)


def _define(func: Func, defined: list[bool], v: int, where: str) -> None:
    if not FIRST_VREG <= v < len(defined):
        raise AllocationError(f"{where}: v{v} is no vreg")
    if defined[v]:
        raise AllocationError(f"{where}: v{v} is defined twice")
    defined[v] = True


def _validate_insn(func: Func, machine: Machine, defined: list[bool], b: int, i: int) -> None:
    first = func.operand_start[i]
    last = func.operand_start[i + 1]
    for k in range(first, last):
        op = func.operands[k]
        v = op >> VREG_SHIFT
        where = f"block {b}, instruction {i}, operand {k - first} ({operand_text(op)})"
        if v < FIRST_VREG:
            for mask in machine.allocatable_mask:
                if mask >> v & 1:
                    raise AllocationError(f"{where}: p{v} is allocatable")
            continue
        if v >= len(func.vreg_class):
            raise AllocationError(f"{where}: v{v} is no vreg")
        if op & DEF:
            _define(func, defined, v, where)
            if func.remat[v] >= 0 and (last - first != 1 or func.clobbers[i]):
                raise AllocationError(f"{where}: remat definition with other effects")
        if op & FIXED:
            if not machine.allocatable_mask[func.vreg_class[v]] >> (op & INDEX_MASK) & 1:
                raise AllocationError(f"{where}: p{op & INDEX_MASK} is not allocatable")
        elif op & REUSE:
            n = first + (op & INDEX_MASK)
            target = func.operands[n] if n < last else DEF
            if target & (DEF | THROUGH | CONSTRAINT_MASK) or target >> VREG_SHIFT < FIRST_VREG:
                raise AllocationError(f"{where}: operand to reuse is no plain use")
            if func.vreg_class[v] != func.vreg_class[target >> VREG_SHIFT] or not op & DEF:
                raise AllocationError(f"{where}: classes of the reused operand differ")
    if func.is_move[i]:
        ops = func.operands[first:last]
        ok = len(ops) == 2 and (ops[0] ^ ops[1]) & DEF and not func.clobbers[i]
        for op in ops:
            ok = ok and not op & (FIXED | REUSE | THROUGH) and op >> VREG_SHIFT >= FIRST_VREG
        if not ok:
            raise AllocationError(f"block {b}, instruction {i}: not the form of a move")
