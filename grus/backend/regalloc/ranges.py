"""Live ranges and bundles: what the quality allocator gives registers to.

Instruction i has two points, 2 * i (early) and 2 * i + 1 (late). A range [from, to) of points is
where one vreg is live. The even point 2 * i also stands for the gap in front of i: what is moved
there is in its new place from 2 * i on.

A range is one int, `(from << shift | to) << shift | vreg`: lists of them are small, and sort.

A *bundle* is a set of ranges that do not overlap, of vregs that had better share one location: a
reused input and its result, a block parameter and its arguments, the two sides of a move. All
pieces that a bundle is split into keep its *family*: one spill slot, one hint.

A *need* is an instruction at which a bundle gains from a register: `i << 2 | late << 1 | must`,
where `must` says that no slot will do.

Fixed operands constrain no bundle. The preg is reserved for the instruction, and the value is
copied there, or, for a definition, is *born* there and lives in its bundle from the next
instruction on. That the bundle gets that very preg is a hint.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from grus.backend.regalloc.types import (
    ANY,
    DEF,
    FIRST_VREG,
    FIXED,
    INDEX_MASK,
    NOWHERE,
    REUSE,
    THROUGH,
    VREG_SHIFT,
    AllocationError,
    Func,
    Machine,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NOTHING: Final[list[int]] = []  # for what has no ranges or needs any more
AT_ONCE: Final = 512  # vregs whose liveness is found together
MINIMAL: Final = 1 << 60  # weights above are of bundles that cannot be split


class Family:
    """What the pieces of one bundle share. `slot` is an allocation, `preg` the last one given."""

    __slots__ = ("cls", "first", "hints", "kin", "last", "memory", "preg", "remat", "slot")

    def __init__(self, cls: int, remat: int) -> None:
        self.cls = cls
        self.remat = remat
        self.slot = NOWHERE
        self.preg = NOWHERE
        self.hints: dict[int, int] | None = None  # preg: expected copies saved
        self.kin: list[Family] | None = None  # families that are copied from or to this one
        self.memory: list[int] | None = None  # ranges that are in no register
        self.first = 0
        self.last = 0

    def hint(self, p: int, saved: int) -> None:
        """Preg p saves so many expected copies."""
        hints = self.hints
        if hints is None:
            self.hints = {p: saved}
        else:
            hints[p] = hints.get(p, 0) + saved

    def add_kin(self, others: list[Family]) -> None:
        """These are copied from or to this one."""
        if self.kin is None:
            self.kin = others
        else:
            self.kin += others


class Bundle:
    """Ranges in ascending order. `preg` is NOWHERE while there is none."""

    __slots__ = ("cost", "family", "needs", "preg", "ranges", "weight")

    def __init__(self, family: Family, ranges: list[int], needs: list[int]) -> None:
        self.family = family
        self.ranges = ranges
        self.needs = needs
        self.preg = NOWHERE
        self.cost = 0  # expected executions of the needs
        self.weight = 0  # cost per length


class Live:
    """The liveness of one function, as bundles and reservations."""

    __slots__ = (
        "birth",
        "block_of",
        "bundle_of",
        "clobbers",
        "def_block",
        "def_point",
        "family_of",
        "func",
        "last",
        "machine",
        "needs",
        "outer_blocks",
        "outer_ends",
        "outer_vregs",
        "reserved",
        "shift",
        "slotted",
        "ties",
    )

    def __init__(self, func: Func, machine: Machine) -> None:
        n = len(func.vreg_class)
        self.func = func
        self.machine = machine
        # Three of them fit into an int of mypyc, but for huge functions.
        self.shift = max(20, (2 * len(func.clobbers) + 2).bit_length(), n.bit_length())
        self.block_of: list[int] = [0] * len(func.clobbers)
        self.def_point: list[int] = [-1] * n
        self.def_block: list[int] = [-1] * n
        self.last: list[int] = [-1] * n  # end of liveness within the block of the definition
        # Block after block: the vregs of other blocks that it uses, the end of the last use.
        self.outer_blocks: list[int] = []
        self.outer_vregs: list[int] = []
        self.outer_ends: list[int] = []
        self.birth: dict[int, int] = {}  # vreg: preg of its fixed definition
        self.needs: list[list[int]] = [[] for _ in range(n)]
        self.ties: list[tuple[int, int, int]] = []  # insn, reused input, result
        self.slotted: set[int] = set()  # vregs that could be made anew, but are read from a slot
        # By preg: [from, to) of fixed operands, and the vreg that may be there (-1: none).
        self.reserved: list[list[tuple[int, int, int]]] = [[] for _ in range(machine.num_pregs)]
        self.clobbers: dict[int, list[int]] = {}  # mask: late points at which it is clobbered
        self.bundle_of: list[Bundle | None] = [None] * n  # while they are made
        self.family_of: list[Family | None] = []

    def build(self) -> list[Bundle]:
        """All bundles, in the order of their first vreg."""
        self.scan()
        for i, u, _ in self.ties:  # a tied input may come from a slot
            if u >= FIRST_VREG:
                needs = self.needs[u]
                k = bisect_left(needs, i << 2 | 1)
                if k < len(needs) and needs[k] == i << 2 | 1:
                    needs[k] = i << 2
        bundles = self.make_bundles()
        self.merge_all()
        self.slotted.clear()
        self.needs = []  # the bundles have them
        self.last = []
        self.family_of = [None if b is None else b.family for b in self.bundle_of]
        self.bundle_of = []
        return [b for b in bundles if b.ranges]

    # Uses and definitions ------------------------------------------------------------------------

    def scan(self) -> None:
        """Walk all operands once, in order of emission."""
        func = self.func
        operands = func.operands
        starts = func.operand_start
        clobbers = func.clobbers
        block_of = self.block_of
        def_point = self.def_point
        def_block = self.def_block
        last = self.last
        needs = self.needs
        remat = func.remat
        plain = ANY | FIXED | REUSE | THROUGH
        outer: dict[int, int] = {}  # vregs of other blocks that this one uses: end of the last use
        for b in range(len(func.insn_start)):
            for v in func.params[b]:
                def_point[v] = 2 * func.insn_start[b]
                def_block[v] = b
            for i in range(func.insn_start[b], func.insn_end[b]):
                block_of[i] = b
                for k in range(starts[i], starts[i + 1]):
                    op = operands[k]
                    v = op >> VREG_SHIFT
                    if v < FIRST_VREG:
                        continue
                    if op & DEF:
                        def_block[v] = b
                        if op & plain:
                            self.special_definition(i, k, v, op)
                        else:
                            def_point[v] = 2 * i + 1
                            last[v] = 2 * i + 2
                            if remat[v] < 0:
                                insort(needs[v], i << 2 | 3)
                    else:
                        end = 2 * i + 1
                        if op & plain:
                            end += op // THROUGH & 1
                            self.special_use(i, v, op)
                        else:
                            insort(needs[v], i << 2 | 1)
                        if def_block[v] != b:
                            if end > outer.get(v, 0):
                                outer[v] = end
                        elif end > last[v]:
                            last[v] = end
                if clobbers[i]:
                    self.clobbers.setdefault(clobbers[i], []).append(2 * i + 1)
            if func.args[b]:
                end = 2 * func.insn_end[b]
                for v in func.args[b]:
                    if def_block[v] == b:
                        last[v] = end
                    elif v >= FIRST_VREG:
                        outer[v] = end
            if outer:
                self.outer_blocks += [b] * len(outer)
                self.outer_vregs += outer
                self.outer_ends += outer.values()
                outer.clear()

    def special_definition(self, i: int, k: int, v: int, op: int) -> None:
        """A definition with a constraint."""
        through = op & THROUGH
        self.def_point[v] = 2 * i if through else 2 * i + 1
        self.last[v] = 2 * i + 2
        if op & FIXED:
            p = op & INDEX_MASK
            self.birth[v] = p
            self.reserved[p].append((self.def_point[v], 2 * i + 2, -1))
            insort(self.needs[v], i << 2 | 2)
            return
        if op & REUSE:
            tied = self.func.operands[self.func.operand_start[i] + (op & INDEX_MASK)]
            self.ties.append((i, tied >> VREG_SHIFT, v))
        must = 0 if op & ANY and not self.func.is_move[i] else 1
        if self.func.remat[v] < 0:
            insort(self.needs[v], i << 2 | 2 | must)

    def special_use(self, i: int, v: int, op: int) -> None:
        """A use with a constraint."""
        late = 2 if op & THROUGH else 0
        if op & FIXED:
            p = op & INDEX_MASK
            self.reserved[p].append((2 * i, 2 * i + 2 if late else 2 * i + 1, v))
            insort(self.needs[v], i << 2 | late)
            return
        must = 1
        if op & ANY:
            if self.func.remat[v] < 0:
                must = 0
            elif not self.func.is_move[i]:
                must = 0
                self.slotted.add(v)
        insort(self.needs[v], i << 2 | late | must)

    # Ranges --------------------------------------------------------------------------------------

    def first_point(self, v: int) -> int:
        """The point from which v is live in its bundle."""
        first = self.def_point[v]
        return (first | 1) + 1 if v in self.birth else first

    def wide_ranges(self, at_once: int = AT_ONCE) -> dict[int, list[int]]:
        """The ranges of the vregs that are used outside the block of their definition."""
        found: dict[int, list[int]] = {}
        for v in self.outer_vregs:
            if v not in found:
                if self.def_block[v] < 0:
                    raise AllocationError(f"v{v} is used but not defined")
                found[v] = []
        wide = sorted(found)
        index: dict[int, int] = {}
        for k, v in enumerate(wide):
            index[v] = k
        uses: list[list[int]] = [[] for _ in range(0, len(wide), at_once)]
        for k, v in enumerate(self.outer_vregs):
            uses[index[v] // at_once].append(k)
        born = [0] * len(self.func.preds)
        live = [0] * len(self.func.preds)
        for k in range(len(uses)):
            self.flow(wide[k * at_once : (k + 1) * at_once], uses[k], found, born, live)
        self.outer_vregs = []
        self.outer_blocks = []
        self.outer_ends = []
        return found

    def flow(
        self,
        wide: list[int],
        uses: list[int],
        found: dict[int, list[int]],
        born: list[int],
        live: list[int],
    ) -> None:
        """Find where some vregs are live. Masks have a bit for each: they flow from the uses up
        to the definitions, then ranges begin and end where bits do.

        `uses` are indexes of the uses in other blocks, ascending. `born` (what is defined in a
        block) and `live` (what is live at its start) are 0 for all blocks, and so left.
        """
        func = self.func
        preds = func.preds
        succs = func.succs
        outer_vregs = self.outer_vregs
        outer_blocks = self.outer_blocks
        touched: list[int] = []
        index: dict[int, int] = {}
        for k, v in enumerate(wide):
            index[v] = k
            b = self.def_block[v]
            if not born[b]:
                touched.append(b)
            born[b] |= 1 << k
        work: list[int] = []
        for k in uses:
            b = outer_blocks[k]
            if not live[b]:
                work.append(b)
                if not born[b]:
                    touched.append(b)
            live[b] |= 1 << index[outer_vregs[k]]
        waits = set(work)
        while work:
            b = work.pop()
            waits.discard(b)
            mask = live[b]
            for p in preds[b]:
                more = mask & ~(live[p] | born[p])
                if more:
                    if not (live[p] | born[p]):
                        touched.append(p)
                    live[p] |= more
                    if p not in waits:
                        waits.add(p)
                        work.append(p)
        if live[0]:
            v = wide[(live[0] & -live[0]).bit_length() - 1]
            raise AllocationError(f"v{v} is used but not defined on every path")
        touched.sort()
        starts = [0] * len(wide)  # of the range that is open
        before = 0  # live at the end of the block before
        last = -1  # that block
        at = 0  # in `uses`
        for b in touched:
            mask = live[b]
            here = born[b]
            over = before & ~mask if b == last + 1 else before
            while over:
                bit = (over & -over).bit_length() - 1
                over &= over - 1
                self.close(found, wide[bit], starts[bit], 2 * func.insn_end[last])
            fresh = mask & ~before if b == last + 1 else mask
            while fresh:
                bit = (fresh & -fresh).bit_length() - 1
                fresh &= fresh - 1
                starts[bit] = 2 * func.insn_start[b]
            after = 0
            for s in succs[b]:
                after |= live[s]
            ending = mask & ~after
            while at < len(uses) and outer_blocks[uses[at]] == b:
                k = uses[at]
                at += 1
                if ending:
                    v = outer_vregs[k]
                    bit = index[v]
                    if ending >> bit & 1:
                        self.close(found, v, starts[bit], self.outer_ends[k])
            before = (mask | here) & after
            last = b
            while here:
                bit = (here & -here).bit_length() - 1
                here &= here - 1
                v = wide[bit]
                starts[bit] = self.first_point(v)
                if not after >> bit & 1:
                    self.close(found, v, starts[bit], self.last[v])
        while before:
            bit = (before & -before).bit_length() - 1
            before &= before - 1
            self.close(found, wide[bit], starts[bit], 2 * func.insn_end[last])
        for b in touched:
            born[b] = live[b] = 0

    def close(self, found: dict[int, list[int]], v: int, start: int, end: int) -> None:
        """A range of v ends; it may go on where the one before ended, in another branch."""
        if start < end:
            shift = self.shift
            ranges = found[v]
            if ranges and ranges[-1] >> shift & (1 << shift) - 1 == start:
                ranges[-1] += end - start << shift
            else:
                ranges.append((start << shift | end) << shift | v)

    def make_bundles(self) -> list[Bundle]:
        """One bundle a vreg."""
        func = self.func
        bundles: list[Bundle] = []
        shift = self.shift
        wide = self.wide_ranges()
        for v in range(FIRST_VREG, len(func.vreg_class)):
            if self.def_block[v] < 0:
                continue
            if v in wide:
                ranges = wide[v]
            else:
                first = self.first_point(v)
                end = self.last[v]
                ranges = [(first << shift | end) << shift | v] if first < end else []
            remat = func.remat[v]
            if remat >= 0 and v in self.slotted:
                remat = NOWHERE  # some use may have to read it from a slot
                insort(self.needs[v], self.def_point[v] >> 1 << 2 | 3)
            family = Family(func.vreg_class[v], remat)
            bundle = Bundle(family, ranges, self.needs[v])
            self.bundle_of[v] = bundle
            bundles.append(bundle)
            if v in self.birth:
                family.hint(self.birth[v], func.freq[self.def_block[v]])
        for p in range(self.machine.num_pregs):
            for at, _, v in self.reserved[p]:
                if v >= FIRST_VREG:
                    user = self.bundle_of[v]
                    assert user is not None
                    user.family.hint(p, func.freq[self.block_of[at >> 1]])
        return bundles

    # Merging -------------------------------------------------------------------------------------

    def merge_all(self) -> None:
        """Join what is copied into each other, where ranges allow."""
        func = self.func
        shift = self.shift
        for i, u, d in self.ties:
            if self.merge(u, d):
                tied = self.bundle_of[u]
                assert tied is not None
                k = bisect_right(tied.needs, i << 2) - 1
                if k >= 0 and tied.needs[k] == i << 2:
                    tied.needs[k] = i << 2 | 1  # one register for both
            else:
                # The input is copied in front of the instruction.
                bundle = self.bundle_of[d]
                assert bundle is not None
                k = bisect_left(bundle.ranges, 2 * i + 1 << 2 * shift)
                if k < len(bundle.ranges) and bundle.ranges[k] >> 2 * shift == 2 * i + 1:
                    bundle.ranges[k] -= 1 << 2 * shift
        blocks = [b for b in range(len(func.args)) if func.args[b]]
        blocks.sort(key=lambda b: -func.freq[b])
        for b in blocks:
            for a, v in zip(func.args[b], func.params[func.succs[b][0]], strict=True):
                self.merge(a, v)
        for i in range(len(func.clobbers)):
            if func.is_move[i]:
                k = func.operand_start[i]
                a = func.operands[k] >> VREG_SHIFT
                v = func.operands[k + 1] >> VREG_SHIFT
                if a >= FIRST_VREG and v >= FIRST_VREG:
                    self.merge(a, v)

    def merge(self, u: int, v: int) -> bool:
        """Put u and v into one bundle if they are never live at once."""
        a = self.bundle_of[u]
        b = self.bundle_of[v]
        if a is b:
            return True
        if a is None or b is None or not a.ranges or not b.ranges:
            return False
        if a.family.cls != b.family.cls or a.family.remat >= 0 or b.family.remat >= 0:
            return False
        if len(a.ranges) < len(b.ranges):
            a, b = b, a
        if not self.join_ranges(a, b):
            a.family.add_kin([b.family])
            b.family.add_kin([a.family])
            return False
        if a.needs and b.needs and b.needs[0] < a.needs[-1]:
            a.needs = sorted(a.needs + b.needs)
        else:
            a.needs += b.needs
        if b.family.hints is not None:
            for p, saved in b.family.hints.items():
                a.family.hint(p, saved)
        if b.family.kin is not None:
            a.family.add_kin(b.family.kin)
            b.family.kin = None
        mask = (1 << self.shift) - 1
        for r in b.ranges:
            self.bundle_of[r & mask] = a
        b.ranges = []
        return True

    def join_ranges(self, a: Bundle, b: Bundle) -> bool:
        """Add the ranges of b to a if none overlaps; a has at least as many."""
        mine = a.ranges
        shift = self.shift
        mask = (1 << shift) - 1
        if mine[-1] >> shift & mask <= b.ranges[0] >> 2 * shift:
            mine += b.ranges
            return True
        for r in b.ranges:
            k = bisect_left(mine, (r >> shift & mask) << 2 * shift) - 1
            if k >= 0 and mine[k] >> shift & mask > r >> 2 * shift:
                return False
        if len(b.ranges) == 1:
            mine.insert(bisect_left(mine, b.ranges[0]), b.ranges[0])
        else:
            mine += b.ranges
            mine.sort()
        return True
