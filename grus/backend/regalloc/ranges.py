"""Live ranges and bundles: what the quality allocator gives registers to.

Instruction i has two points, 2 * i (early) and 2 * i + 1 (late). A range [from, to) of points is
where one vreg is live. The even point 2 * i also stands for the gap in front of i: what is moved
there is in its new place from 2 * i on.

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

Range = tuple[int, int, int]  # from, to, vreg

MINIMAL: Final = 1 << 60  # weights above are of bundles that cannot be split


class Family:
    """What the pieces of one bundle share. `slot` is an allocation, `preg` the last one given."""

    __slots__ = ("cls", "first", "hints", "kin", "last", "preg", "remat", "slot")

    def __init__(self, cls: int, remat: int) -> None:
        self.cls = cls
        self.remat = remat
        self.slot = NOWHERE
        self.preg = NOWHERE
        self.hints: dict[int, int] = {}  # preg: expected copies saved
        self.kin: list[Family] = []  # families that are copied from or to this one
        self.first = 0
        self.last = 0


class Bundle:
    """Ranges in ascending order. `preg` is NOWHERE while there is none."""

    __slots__ = ("cost", "family", "needs", "preg", "ranges", "spans", "weight")

    def __init__(self, family: Family, ranges: list[Range], needs: list[int]) -> None:
        self.family = family
        self.ranges = ranges
        self.needs = needs
        self.preg = NOWHERE
        self.spans: list[tuple[int, int]] = []  # ranges, adjacent ones as one
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
        "func",
        "last",
        "machine",
        "needs",
        "outer",
        "reserved",
        "slotted",
        "ties",
    )

    def __init__(self, func: Func, machine: Machine) -> None:
        n = len(func.vreg_class)
        self.func = func
        self.machine = machine
        self.block_of: list[int] = [0] * len(func.clobbers)
        self.def_point: list[int] = [-1] * n
        self.def_block: list[int] = [-1] * n
        self.last: list[int] = [-1] * n  # end of liveness within the block of the definition
        self.outer: dict[int, dict[int, int]] = {}  # vreg: block: end of liveness there
        self.birth: dict[int, int] = {}  # vreg: preg of its fixed definition
        self.needs: list[list[int]] = [[] for _ in range(n)]
        self.ties: list[tuple[int, int, int]] = []  # insn, reused input, result
        self.slotted: set[int] = set()  # vregs that could be made anew, but are read from a slot
        # By preg: [from, to) of fixed operands, and the vreg that may be there (-1: none).
        self.reserved: list[list[Range]] = [[] for _ in range(machine.num_pregs)]
        self.clobbers: dict[int, list[int]] = {}  # mask: late points at which it is clobbered
        self.bundle_of: list[Bundle | None] = [None] * n

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
                            self.used(v, b, end)
                        elif end > last[v]:
                            last[v] = end
                if clobbers[i]:
                    self.clobbers.setdefault(clobbers[i], []).append(2 * i + 1)
            if func.args[b]:
                for v in func.args[b]:
                    self.used(v, b, 2 * func.insn_end[b])

    def used(self, v: int, b: int, end: int) -> None:
        """v is live in block b up to `end`."""
        if self.def_block[v] == b:
            if end > self.last[v]:
                self.last[v] = end
        elif v in self.outer:
            at = self.outer[v]
            if end > at.get(b, 0):
                at[b] = end
        else:
            self.outer[v] = {b: end}

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

    def ranges_of(self, v: int) -> list[Range]:
        """Where v is live, by walking from its uses up to its definition."""
        b = self.def_block[v]
        first = self.def_point[v]
        if v in self.birth:
            first = (first | 1) + 1
        end = self.last[v]
        if v not in self.outer:
            return [(first, end, v)] if first < end else []
        func = self.func
        if b < 0:
            raise AllocationError(f"v{v} is used but not defined")
        preds = func.preds
        insn_end = func.insn_end
        live = self.outer.pop(v)  # what it grows to is large, and read only here
        work = list(live)
        while work:
            for p in preds[work.pop()]:
                if p == b:
                    end = 2 * insn_end[b]
                else:
                    if p not in live:
                        if p == 0:
                            raise AllocationError(f"v{v} is used but not defined on every path")
                        work.append(p)
                    live[p] = 2 * insn_end[p]
        live[b] = end
        out: list[Range] = []
        start = -1
        stop = -1
        for block in sorted(live):
            at = first if block == b else 2 * func.insn_start[block]
            if at != stop:
                if start < stop:
                    out.append((start, stop, v))
                start = at
            stop = live[block]
        if start < stop:
            out.append((start, stop, v))
        return out

    def make_bundles(self) -> list[Bundle]:
        """One bundle a vreg."""
        func = self.func
        bundles: list[Bundle] = []
        for v in range(FIRST_VREG, len(func.vreg_class)):
            if self.def_block[v] < 0 and v not in self.outer:
                continue
            ranges = self.ranges_of(v)
            remat = func.remat[v]
            if remat >= 0 and v in self.slotted:
                remat = NOWHERE  # some use may have to read it from a slot
                insort(self.needs[v], self.def_point[v] >> 1 << 2 | 3)
            family = Family(func.vreg_class[v], remat)
            bundle = Bundle(family, ranges, self.needs[v])
            self.bundle_of[v] = bundle
            bundles.append(bundle)
            if v in self.birth:
                self.hint(family, self.birth[v], self.def_block[v])
        for p in range(self.machine.num_pregs):
            for at, _, v in self.reserved[p]:
                if v >= FIRST_VREG:
                    user = self.bundle_of[v]
                    assert user is not None
                    self.hint(user.family, p, self.block_of[at >> 1])
        return bundles

    def hint(self, family: Family, p: int, b: int) -> None:
        family.hints[p] = family.hints.get(p, 0) + self.func.freq[b]

    # Merging -------------------------------------------------------------------------------------

    def merge_all(self) -> None:
        """Join what is copied into each other, where ranges allow."""
        func = self.func
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
                k = bisect_left(bundle.ranges, (2 * i + 1, 0, 0))
                if k < len(bundle.ranges) and bundle.ranges[k][0] == 2 * i + 1:
                    bundle.ranges[k] = (2 * i, bundle.ranges[k][1], d)
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
            a.family.kin.append(b.family)
            b.family.kin.append(a.family)
            return False
        if a.needs and b.needs and b.needs[0] < a.needs[-1]:
            a.needs = sorted(a.needs + b.needs)
        else:
            a.needs += b.needs
        for p, saved in b.family.hints.items():
            a.family.hints[p] = a.family.hints.get(p, 0) + saved
        a.family.kin += b.family.kin
        b.family.kin = []
        for _, _, w in b.ranges:
            self.bundle_of[w] = a
        b.ranges = []
        return True

    def join_ranges(self, a: Bundle, b: Bundle) -> bool:
        """Add the ranges of b to a if none overlaps; a has at least as many."""
        mine = a.ranges
        if mine[-1][1] <= b.ranges[0][0]:
            mine += b.ranges
            return True
        for f, t, _ in b.ranges:
            k = bisect_left(mine, (t, 0, 0)) - 1
            if k >= 0 and mine[k][1] > f:
                return False
        if len(b.ranges) == 1:
            mine.insert(bisect_left(mine, b.ranges[0]), b.ranges[0])
        else:
            mine += b.ranges
            mine.sort()
        return True
