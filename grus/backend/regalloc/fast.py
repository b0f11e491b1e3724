"""The fast allocator: one backward pass, no liveness analysis, no intervals.

Blocks are walked in postorder, instructions from last to first. Walking backwards, the first
sight of a vreg is its last use: it then gets a register, its *home*, and keeps it until its
definition is reached, or until the register is needed otherwise. In the second case the vreg is
*evicted*: it lives in its spill slot before the instruction, and is reloaded into its home after.
A definition stores to the slot if one was ever given out. As a block is finished after
everything it dominates, a definition is met after all its uses and knows.

Between blocks. The homes at the start of a finished block are a contract: each predecessor
starts (at its end) with these homes. Where a block has a predecessor that was walked before it
(a loop header) no contract is possible; all that is live there passes in slots.

Constants (`remat`) never have slots: where another vreg is reloaded, they are made anew.

Invariants while walking, with "now" the point in front of what has been walked:
    home[v] = p  if and only if  held[p] = v    (v is in p now)
    slot[v] = 0  or a slot that its definition will fill
    free[c]      mask of allocatable pregs of class c with held[p] = 0

Within an instruction, after definitions are taken out of `held`, registers are reserved in two
masks: `early` (no other early operand may have it) and `late` (no other late operand may).

Linear in the length of the function. After regalloc2's Fastalloc (its `fastalloc` module) and
Go's and LuaJIT's backward allocators; the contract between blocks is ours.
"""

from __future__ import annotations

from grus.backend.regalloc.moves import Frame, emit, sequence
from grus.backend.regalloc.types import (
    ANY,
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
    reverse_postorder,
)


def allocate(func: Func, machine: Machine) -> Output:
    """Allocate registers for `func`. Raises AllocationError if an instruction asks too much."""
    return _Fast(func, machine).run()


class _Fast:
    __slots__ = (
        "func",
        "machine",
        "out",
        "frame",
        "rev",
        "home",
        "held",
        "slot",
        "free",
        "written",
        "contract",
        "done",
        "start_edits",
        "after",
        "before",
    )

    def __init__(self, func: Func, machine: Machine) -> None:
        self.func: Func = func
        self.machine: Machine = machine
        self.out: Output = Output(len(func.operands))
        self.frame: Frame = Frame(machine)
        self.rev: Output = Output(0)  # edits in the order of the walk: backwards in each block
        self.home: list[int] = [NOWHERE] * len(func.vreg_class)
        for p in range(FIRST_VREG):
            self.home[p] = p
        self.slot: list[int] = [0] * len(func.vreg_class)
        self.held: list[int] = [0] * machine.num_pregs
        self.free: list[int] = list(machine.allocatable_mask)
        self.written: int = 0
        self.contract: list[list[int]] = [[] for _ in func.succs]  # preg, vreg, preg, vreg ...
        self.done: list[int] = [0] * len(func.succs)  # 1: contract, 2: loop header, slots only
        self.start_edits: list[Output | None] = [None] * len(func.succs)
        self.after: Output = Output(0)  # moves after the instruction, all at once
        self.before: Output = Output(0)  # copies of homes to operands before the instruction

    def run(self) -> Output:
        func = self.func
        rev = self.rev
        out = self.out
        order = reverse_postorder(func)
        order.reverse()
        chunk_start = [0] * len(order)
        chunk_end = [0] * len(order)
        for b in order:
            chunk_start[b] = len(rev.edit_pos)
            self.block_end(b)
            self.block(b)
            self.block_start(b)
            chunk_end[b] = len(rev.edit_pos)
        for b in range(len(order)):
            first = self.start_edits[b]
            if first is not None:
                out.edit_pos += first.edit_pos
                out.edit_src += first.edit_src
                out.edit_dst += first.edit_dst
                out.edit_class += first.edit_class
            start = chunk_start[b]
            end = chunk_end[b]
            if end > start:
                out.edit_pos += rev.edit_pos[start:end][::-1]
                out.edit_src += rev.edit_src[start:end][::-1]
                out.edit_dst += rev.edit_dst[start:end][::-1]
                out.edit_class += rev.edit_class[start:end][::-1]
        out.num_slots = self.frame.num_slots
        out.written = self.written
        for mask in func.clobbers:
            out.written |= mask
        return out

    # Registers and slots -------------------------------------------------------------------------

    def slot_of(self, v: int) -> int:
        """Where v is when it has no register: its slot, or the id to make it anew."""
        remat = self.func.remat[v]
        if remat >= 0:
            return REMAT + remat
        return self.stack_slot(v)

    def stack_slot(self, v: int) -> int:
        """The spill slot of v, given out now if it had none."""
        slot = self.slot[v]
        if slot == 0:
            slot = self.frame.new_slot(self.func.vreg_class[v])
            self.slot[v] = slot
        return slot

    def settle(self, v: int, p: int) -> None:
        """Give v the free preg p as home."""
        self.home[v] = p
        self.held[p] = v
        self.free[self.machine.preg_class[p]] &= ~(1 << p)

    def leave(self, v: int) -> int:
        """Take v out of its home; returns the home or NOWHERE."""
        p = self.home[v]
        if p >= 0:
            self.home[v] = NOWHERE
            self.held[p] = 0
            self.free[self.machine.preg_class[p]] |= 1 << p
        return p

    def evict(self, p: int) -> None:
        """Free preg p, whose content lives through the instruction."""
        v = self.held[p]
        self.leave(v)
        self.after_move(self.slot_of(v), p, self.func.vreg_class[v])
        self.written |= 1 << p

    def after_move(self, src: int, dst: int, cls: int) -> None:
        self.after.edit_src.append(src)
        self.after.edit_dst.append(dst)
        self.after.edit_class.append(cls)

    def pick(self, cls: int, avoid: int, i: int, mark: int) -> int:
        """A preg for instruction i that holds nothing now and is not in the mask `avoid`.

        If something is evicted for it, the reload goes to `after`, or (while edits are written
        directly, `mark` >= 0) behind the stores that were written since `mark`.
        """
        candidates = self.free[cls] & ~avoid
        if candidates:
            candidates = candidates & self.machine.caller_mask[cls] or candidates
            low = candidates & -candidates
            self.written |= low
            return low.bit_length() - 1
        p = self.victim(cls, avoid, i)
        if p < 0:
            return self.evict_copied(cls, avoid, i, mark)
        self.evict_at(p, i, mark)
        return p

    def evict_at(self, p: int, i: int, mark: int) -> None:
        if mark < 0:
            self.evict(p)
            return
        v = self.held[p]
        self.leave(v)
        self.rev.edit_pos.insert(mark, 2 * i + 1)
        self.rev.edit_src.insert(mark, self.slot_of(v))
        self.rev.edit_dst.insert(mark, p)
        self.rev.edit_class.insert(mark, self.func.vreg_class[v])
        self.written |= 1 << p

    def victim(self, cls: int, avoid: int, i: int) -> int:
        """A preg whose content lives through instruction i and is cheap to evict, or NOWHERE."""
        func = self.func
        reluctant = 0
        for k in range(func.operand_start[i], func.operand_start[i + 1]):
            v = func.operands[k] >> VREG_SHIFT
            p = self.home[v]
            if p >= 0:
                if self.out.allocs[k] >= 0:
                    avoid |= 1 << p  # already read from there
                else:
                    reluctant |= 1 << p
        best = NOWHERE
        for p in self.machine.allocatable[cls]:
            if avoid >> p & 1:
                continue
            v = self.held[p]
            if best < 0 or reluctant >> best & 1:
                best = p
            if (self.slot[v] or func.remat[v] >= 0) and not reluctant >> p & 1:
                return p
        return best

    def evict_copied(self, cls: int, avoid: int, i: int, mark: int) -> int:
        """Free the home of an operand that is copied from it; the copy's register becomes home."""
        func = self.func
        home = self.home
        allocs = self.out.allocs
        first = func.operand_start[i]
        last = func.operand_start[i + 1]
        for k in range(first, last):
            v = func.operands[k] >> VREG_SHIFT
            p = home[v]
            q = allocs[k]
            if p < 0 or q < 0 or p == q or q >= SLOT or avoid >> p & 1 or func.operands[k] & DEF:
                continue
            if func.vreg_class[v] != cls:
                continue
            direct = False
            for n in range(first, last):
                if func.operands[n] >> VREG_SHIFT == v and allocs[n] == p:
                    direct = True
            if direct:
                continue
            self.evict_at(p, i, mark)
            self.settle(v, q)
            before = self.before
            for n in range(len(before.edit_src)):
                if before.edit_src[n] == p:
                    before.edit_src[n] = q
            return p
        raise AllocationError(f"instruction {i} needs too many registers of class {cls}")

    def overwrite_operand(self, cls: int, avoid: int, i: int) -> int:
        """A home that instruction i reads early and may overwrite, reloaded after; or NOWHERE."""
        func = self.func
        for k in range(func.operand_start[i], func.operand_start[i + 1]):
            op = func.operands[k]
            v = op >> VREG_SHIFT
            p = self.home[v]
            if not op & (DEF | THROUGH) and self.out.allocs[k] == p and func.vreg_class[v] == cls:
                if v >= FIRST_VREG and p >= 0 and not avoid >> p & 1:
                    if p not in self.after.edit_dst:  # else p is another vreg's home by then
                        self.after_move(self.slot_of(v), p, cls)
                    return p
        return NOWHERE

    # Blocks --------------------------------------------------------------------------------------

    def block_end(self, b: int) -> None:
        """Start with the homes that the successors of b ask for; pass branch arguments."""
        func = self.func
        succs = func.succs[b]
        if not succs:
            return
        if len(succs) == 1:
            self.arguments(b, succs[0])
            return
        hot = succs[0]
        for s in succs:
            if func.freq[s] > func.freq[hot]:
                hot = s
        contract = self.contract[hot]
        for k in range(0, len(contract), 2):
            self.settle(contract[k + 1], contract[k])
        for s in succs:
            if s != hot:
                self.join(s, func.freq[s] * 4 >= func.freq[hot])

    def join(self, s: int, adopt: bool) -> None:
        """Make the homes now into those that successor s wants; `adopt` its homes if free."""
        contract = self.contract[s]
        group = Output(0)
        used = 0
        for k in range(0, len(contract), 2):
            p = contract[k]
            v = contract[k + 1]
            used |= 1 << p
            cls = self.func.vreg_class[v]
            if adopt and self.held[p] == 0 and self.home[v] < 0:
                self.settle(v, p)
            elif self.home[v] < 0:
                self.group_move(group, self.slot_of(v), p, cls)
            elif self.home[v] != p:
                self.group_move(group, self.home[v], p, cls)
                used |= 1 << self.home[v]
        if group.edit_src:
            edits = self.start_edits[s]
            if edits is None:
                edits = Output(0)
                self.start_edits[s] = edits
            self.emit_group(group, edits, 2 * self.func.insn_start[s], used)

    def arguments(self, b: int, s: int) -> None:
        """The homes and moves on the edge from b to its only successor s."""
        func = self.func
        params = func.params[s]
        args = func.args[b]
        group = Output(0)
        used = 0
        home_of: dict[int, int] = {}
        if self.done[s] == 1:
            contract = self.contract[s]
            for k in range(0, len(contract), 2):
                home_of[contract[k + 1]] = contract[k]
                used |= 1 << contract[k]
        for v in params:
            if v in home_of:
                continue
            if self.done[s] == 0:
                self.slot_of(v)
        # Vregs that just live on keep their homes, then arguments take those of parameters.
        is_param = dict(zip(params, args, strict=True))
        for v, p in home_of.items():
            if v not in is_param:
                self.settle(v, p)
        for v, a in is_param.items():
            cls = func.vreg_class[v]
            targets: list[int] = []
            p = home_of.get(v, NOWHERE)
            if p >= 0:
                if self.home[a] < 0:
                    self.settle(a, p)
                elif self.home[a] != p:
                    targets.append(p)
            if self.slot[v]:
                targets.append(self.slot[v])
            if not targets:
                continue
            if self.home[a] < 0 and func.remat[a] < 0:
                candidates = self.free[cls] & ~used
                if candidates:
                    candidates = candidates & self.machine.caller_mask[cls] or candidates
                    low = candidates & -candidates
                    self.written |= low
                    self.settle(a, low.bit_length() - 1)
            src = self.home[a]
            if src < 0:
                src = self.slot_of(a)
            else:
                used |= 1 << src
            for dst in targets:
                self.group_move(group, src, dst, cls)
        if group.edit_src:
            edits = Output(0)
            self.emit_group(group, edits, 2 * (func.insn_end[b] - 1), used)
            self.append_reversed(edits)

    def group_move(self, group: Output, src: int, dst: int, cls: int) -> None:
        group.edit_src.append(src)
        group.edit_dst.append(dst)
        group.edit_class.append(cls)
        if dst < SLOT:
            self.written |= 1 << dst

    def emit_group(self, group: Output, edits: Output, pos: int, used: int) -> None:
        """Append the parallel moves of `group` to `edits`. Pregs in `used` are no scratch."""
        scratch = list(self.machine.scratch)
        if sequence(group.edit_src, group.edit_dst, group.edit_class):
            for c in range(len(scratch)):
                candidates = self.free[c] & ~used
                if scratch[c] < 0 and candidates:
                    low = candidates & -candidates
                    scratch[c] = low.bit_length() - 1
        self.emit_ordered(group, edits, pos, scratch)

    def emit_ordered(self, group: Output, edits: Output, pos: int, scratch: list[int]) -> None:
        emit(
            group.edit_src,
            group.edit_dst,
            group.edit_class,
            scratch,
            self.machine,
            self.frame,
            edits,
            pos,
        )
        for dst in edits.edit_dst:
            if dst < SLOT:
                self.written |= 1 << dst

    def append_reversed(self, edits: Output) -> None:
        rev = self.rev
        rev.edit_pos += edits.edit_pos[::-1]
        rev.edit_src += edits.edit_src[::-1]
        rev.edit_dst += edits.edit_dst[::-1]
        rev.edit_class += edits.edit_class[::-1]

    def block_start(self, b: int) -> None:
        """Turn the homes into a contract, or load them if a predecessor was walked already."""
        func = self.func
        self.done[b] = 1
        for p in func.preds[b]:
            if self.done[p]:
                self.done[b] = 2
        home = self.home
        held = self.held
        contract = self.contract[b]
        rev = self.rev
        pos = 2 * func.insn_start[b]
        for cls in range(len(self.free)):
            occupied = self.machine.allocatable_mask[cls] & ~self.free[cls]
            while occupied:
                low = occupied & -occupied
                occupied ^= low
                p = low.bit_length() - 1
                v = held[p]
                home[v] = NOWHERE
                held[p] = 0
                if self.done[b] == 1:
                    contract.append(p)
                    contract.append(v)
                else:
                    rev.edit_pos.append(pos)
                    rev.edit_src.append(self.slot_of(v))
                    rev.edit_dst.append(p)
                    rev.edit_class.append(cls)
                    self.written |= low
            self.free[cls] = self.machine.allocatable_mask[cls]
        if b == 0 and contract:
            raise AllocationError(f"v{contract[1]} is used but not defined on every path")

    # Instructions --------------------------------------------------------------------------------

    def block(self, b: int) -> None:
        """Walk the instructions of b from last to first.

        Instructions whose operands are plain uses, definitions and reuses are done here, all
        others by `insn`.
        """
        func = self.func
        operands = func.operands
        operand_start = func.operand_start
        clobbers = func.clobbers
        vreg_class = func.vreg_class
        remat = func.remat
        allocs = self.out.allocs
        home = self.home
        held = self.held
        slot = self.slot
        free = self.free
        caller_mask = self.machine.caller_mask
        rev_pos = self.rev.edit_pos
        rev_src = self.rev.edit_src
        rev_dst = self.rev.edit_dst
        rev_class = self.rev.edit_class
        insn_start = func.insn_start[b]
        i = func.insn_end[b] - 1
        self.insn(i)
        self.flush_after(b, i)
        self.flush_before(i)
        last = operand_start[i]
        while i > insn_start:
            i -= 1
            first = operand_start[i]
            ops = operands[first:last]
            kinds = 0
            for op in ops:
                kinds |= op
            if kinds & (ANY | FIXED | THROUGH) or clobbers[i] or func.is_move[i]:
                self.insn(i)
                if self.after.edit_src:
                    self.flush_after(b, i)
                if self.before.edit_src:
                    self.flush_before(i)
                last = first
                continue
            copies = NOWHERE
            early = 0
            mark = len(rev_pos)
            if kinds & DEF:
                late = 0
                k = first
                for op in ops:
                    if op & DEF:
                        v = op >> VREG_SHIFT
                        p = home[v]
                        if p >= 0:
                            if v < FIRST_VREG:
                                allocs[k] = p
                                k += 1
                                continue
                            home[v] = NOWHERE
                            held[p] = 0
                            free[vreg_class[v]] |= 1 << p
                        elif remat[v] >= 0 and not slot[v]:
                            k += 1
                            continue
                        else:
                            p = self.pick(vreg_class[v], late | early, i, mark)
                        allocs[k] = p
                        late |= 1 << p
                        if slot[v]:
                            rev_pos.append(2 * i + 1)
                            rev_src.append(p)
                            rev_dst.append(slot[v])
                            rev_class.append(vreg_class[v])
                        if op & REUSE:
                            early |= 1 << p
                            n = first + (op & INDEX_MASK)
                            u = operands[n] >> VREG_SHIFT
                            allocs[n] = p
                            if home[u] < 0:
                                home[u] = p
                                held[p] = u
                                free[vreg_class[u]] &= ~(1 << p)
                            else:
                                copies = n
                    k += 1
            k = first
            for op in ops:
                if not op & DEF:
                    v = op >> VREG_SHIFT
                    p = home[v]
                    if p < 0:
                        cls = vreg_class[v]
                        candidates = free[cls] & ~early
                        if candidates:
                            candidates = candidates & caller_mask[cls] or candidates
                            low = candidates & -candidates
                            self.written |= low
                            p = low.bit_length() - 1
                        else:
                            p = self.pick(cls, early, i, mark)
                        home[v] = p
                        held[p] = v
                        free[cls] &= ~(1 << p)
                    if allocs[k] < 0:
                        allocs[k] = p
                k += 1
            if copies >= 0:
                self.copy_reused(i)
            last = first

    def copy_reused(self, i: int) -> None:
        """Copy reused operands of a plain instruction from their homes."""
        func = self.func
        first = func.operand_start[i]
        for k in range(first, func.operand_start[i + 1]):
            op = func.operands[k]
            if op & REUSE:
                n = first + (op & INDEX_MASK)
                v = func.operands[n] >> VREG_SHIFT
                if self.home[v] != self.out.allocs[n]:
                    self.before_move(self.home[v], self.out.allocs[n], func.vreg_class[v])
        self.flush_before(i)

    def insn(self, i: int) -> None:
        """Allocate the operands of any instruction; moves go to `after` and `before`."""
        func = self.func
        home = self.home
        held = self.held
        allocs = self.out.allocs
        vreg_class = func.vreg_class
        first = func.operand_start[i]
        ops = func.operands[first : func.operand_start[i + 1]]
        # Definitions leave their homes, fixed operands reserve their registers.
        early = 0
        late = func.clobbers[i]
        unfit = late  # what lives through the instruction must not be here
        wanted: list[int] = []
        hoped = 0
        for op in ops:
            v = op >> VREG_SHIFT
            bit = 1 << (op & INDEX_MASK) if op & FIXED else 0
            if op & DEF:
                p = self.leave(v) if v >= FIRST_VREG else NOWHERE
                wanted.append(p)
                if p >= 0:
                    hoped |= 1 << p
                late |= bit
                unfit |= bit
                if op & THROUGH:
                    early |= bit
            else:
                wanted.append(NOWHERE)
                early |= bit
                if op & THROUGH:
                    late |= bit
            self.written |= bit
        if unfit:
            for cls in range(len(self.free)):
                occupied = unfit & self.machine.allocatable_mask[cls] & ~self.free[cls]
                while occupied:
                    low = occupied & -occupied
                    occupied ^= low
                    self.evict(low.bit_length() - 1)
        # Fixed operands.
        dying = 0  # registers of vregs whose last use is here
        for op in ops:
            if op & FIXED and not op & DEF:
                p = op & INDEX_MASK
                if held[p] and held[p] != op >> VREG_SHIFT:
                    self.evict(p)
        for n, op in enumerate(ops):
            if not op & FIXED:
                continue
            p = op & INDEX_MASK
            v = op >> VREG_SHIFT
            allocs[first + n] = p
            if op & DEF:
                self.defined(v, p, wanted[n])
            elif home[v] < 0:
                if held[p]:
                    raise AllocationError(f"instruction {i} needs two vregs in p{p}")
                self.settle(v, p)
                dying |= 1 << p
            elif home[v] != p:
                self.before_move(home[v], p, vreg_class[v])
        # Operands that occupy a register through the whole instruction.
        for n, op in enumerate(ops):
            if not op & (THROUGH | REUSE) or op & FIXED:
                continue
            v = op >> VREG_SHIFT
            if v < FIRST_VREG:
                allocs[first + n] = v
                continue
            cls = vreg_class[v]
            busy = early | late
            if op & DEF:
                p = wanted[n]
                if p < 0 or busy >> p & 1 or held[p]:
                    p = self.pick(
                        cls, busy | hoped if self.free[cls] & ~busy & ~hoped else busy, i, NOWHERE
                    )
                self.defined(v, p, wanted[n])
                if op & REUSE:
                    k = first + (op & INDEX_MASK)
                    u = func.operands[k] >> VREG_SHIFT
                    allocs[k] = p
                    if home[u] < 0:
                        self.settle(u, p)
                    else:
                        self.before_move(home[u], p, cls)
            else:
                p = home[v]
                if p < 0 and op & ANY:
                    allocs[first + n] = self.stack_slot(v)
                    continue
                if p < 0:
                    p = self.pick(
                        cls, busy | hoped if self.free[cls] & ~busy & ~hoped else busy, i, NOWHERE
                    )
                    self.settle(v, p)
                elif late >> p & 1:
                    p = self.pick(cls, busy, i, NOWHERE)
                    self.before_move(home[v], p, cls)
            allocs[first + n] = p
            early |= 1 << p
            late |= 1 << p
        # Late definitions.
        for n, op in enumerate(ops):
            if not op & DEF or op & (FIXED | THROUGH | REUSE):
                continue
            v = op >> VREG_SHIFT
            if v < FIRST_VREG:
                allocs[first + n] = v
                continue
            want = wanted[n]
            if want < 0:
                if op & ANY and self.slot[v]:
                    allocs[first + n] = self.slot[v]
                    continue
                if func.remat[v] >= 0 and not self.slot[v]:
                    continue
            cls = vreg_class[v]
            shared = dying & self.machine.allocatable_mask[cls] & ~late
            if want >= 0 and not late >> want & 1:
                p = want
            elif shared and not self.free[cls] & ~late:
                p = (shared & -shared).bit_length() - 1
            elif op & ANY and not self.free[cls] & ~late:
                allocs[first + n] = self.stack_slot(v)
                if want >= 0:
                    self.after_move(self.slot[v], want, cls)
                continue
            else:
                p = NOWHERE
                if not self.free[cls] & ~late and self.victim(cls, late, i) < 0:
                    p = self.overwrite_operand(cls, late, i)
                if p < 0:
                    p = self.pick(cls, late, i, NOWHERE)
            allocs[first + n] = p
            late |= 1 << p
            self.defined(v, p, want)
        # Early uses; those that may be in a slot last.
        for n, op in enumerate(ops):
            if op & (DEF | FIXED | THROUGH | ANY) or allocs[first + n] >= 0:
                continue
            v = op >> VREG_SHIFT
            p = home[v]
            if p < 0:
                if func.is_move[i]:
                    p = self.move_target(first, vreg_class[v], early)
                if p < 0:
                    p = self.pick(vreg_class[v], early, i, NOWHERE)
                self.settle(v, p)
            allocs[first + n] = p
        for n, op in enumerate(ops):
            if op & (DEF | FIXED | THROUGH) or not op & ANY:
                continue
            v = op >> VREG_SHIFT
            p = home[v]
            if p < 0:
                cls = vreg_class[v]
                if func.is_move[i]:
                    p = self.move_target(first, cls, early)
                if p < 0 and (self.slot[v] or not self.free[cls] & ~early):
                    allocs[first + n] = self.stack_slot(v)
                    continue
                if p < 0:
                    p = self.pick(cls, early, i, NOWHERE)
                self.settle(v, p)
            allocs[first + n] = p

    def move_target(self, first: int, cls: int, early: int) -> int:
        """The register that the move with operands at `first` defines, if its source may share."""
        for k in (first, first + 1):
            if self.func.operands[k] & DEF:
                p = self.out.allocs[k]
                if 0 <= p < SLOT and self.free[cls] & ~early & 1 << p:
                    return p
        return NOWHERE

    def defined(self, v: int, p: int, want: int) -> None:
        """After the instruction v, defined in p, goes to its home and its slot."""
        cls = self.func.vreg_class[v]
        if want >= 0 and want != p:
            self.after_move(p, want, cls)
        if self.slot[v]:
            self.after_move(p, self.slot[v], cls)

    def before_move(self, src: int, dst: int, cls: int) -> None:
        self.before.edit_src.append(src)
        self.before.edit_dst.append(dst)
        self.before.edit_class.append(cls)

    def flush_before(self, i: int) -> None:
        """Write out `before`. Its sources are homes, its destinations are not: any order does."""
        before = self.before
        for k in range(len(before.edit_src)):
            if before.edit_src[k] == before.edit_dst[k]:
                continue
            self.rev.edit_pos.append(2 * i)
            self.rev.edit_src.append(before.edit_src[k])
            self.rev.edit_dst.append(before.edit_dst[k])
            self.rev.edit_class.append(before.edit_class[k])
        before.edit_src.clear()
        before.edit_dst.clear()
        before.edit_class.clear()

    def flush_after(self, b: int, i: int) -> None:
        """Write out `after`; behind a branch the moves stand at the start of each successor."""
        after = self.after
        if not after.edit_src:
            return
        self.after = Output(0)
        sequence(after.edit_src, after.edit_dst, after.edit_class)
        func = self.func
        if i != func.insn_end[b] - 1:
            edits = Output(0)
            self.emit_ordered(after, edits, 2 * i + 1, self.machine.scratch)
            self.append_reversed(edits)
            return
        for s in func.succs[b]:
            edits = Output(0)
            self.emit_ordered(after, edits, 2 * func.insn_start[s], self.machine.scratch)
            later = self.start_edits[s]
            if later is not None:
                edits.edit_pos += later.edit_pos
                edits.edit_src += later.edit_src
                edits.edit_dst += later.edit_dst
                edits.edit_class += later.edit_class
            self.start_edits[s] = edits
