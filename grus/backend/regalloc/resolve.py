"""From locations of bundles to operands, moves and stores: the last step of the quality allocator.

A vreg is a list of *places* `(from, to, location)`; a location is a preg, the family's slot, or
`REMAT + id`. Where neighbouring places differ, on edges too, the value moves.

A vreg never changes after its definition, so its slot stays right once written. It is written
either at the definition or wherever the vreg leaves a register for the slot, whichever is
executed less often; nothing is written on the way back from a reload.

All moves at one place happen at once. Their keys are `insn << 3 | phase`, in this order:

    ENTER   on the edge into a block with one predecessor, in front of its first instruction
    SHIFT   between places, and stores of definitions of the instruction before
    COPY    to fixed and reused operands
    LEAVE   on the edge out of a block with one successor, in front of its branch
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from heapq import heappop, heappush

from grus.backend.regalloc.moves import Frame, append, emit, sequence
from grus.backend.regalloc.ranges import NOTHING, Family, Live
from grus.backend.regalloc.types import (
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
    Output,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from grus.backend.regalloc.quality import Registers

ABSENT: Final = -2  # no location: the vreg is never live
MANY: Final = -3  # more than one

NEVER: Final = 1 << 60  # a point behind all

ENTER: Final = 0
SHIFT: Final = 1
COPY: Final = 2
LEAVE: Final = 3

Place = tuple[int, int, int]
# A change of place: index of the place left and the place reached, key, expected executions.
Change = tuple[int, int, int, int]


def resolve(live: Live, registers: Registers) -> Output:
    """The output for the registers given out."""
    return _Resolution(live, registers).run()


class _Resolution:
    __slots__ = (
        "first_end",
        "frame",
        "func",
        "home",
        "last_end",
        "live",
        "machine",
        "move_class",
        "move_dst",
        "move_order",
        "move_src",
        "out",
        "places",
        "registers",
        "stored",
    )

    def __init__(self, live: Live, registers: Registers) -> None:
        self.live = live
        self.func = live.func
        self.machine = live.machine
        self.registers = registers
        self.out = Output(len(live.func.operands))
        self.frame = Frame(live.machine)
        # By vreg: its location where it has only one; its places where it has more.
        self.home: list[int] = [ABSENT] * len(live.func.vreg_class)
        self.places: dict[int, list[Place]] = {}
        # By block: of the last points of its predecessors the first and the last.
        self.first_end: list[int] = []
        self.last_end: list[int] = []
        self.stored: set[int] = set()  # vregs whose slot is written at their definition
        self.move_order: list[int] = []  # key << 32 | index of the move in the lists below
        self.move_src: list[int] = []
        self.move_dst: list[int] = []
        self.move_class: list[int] = []

    def run(self) -> Output:
        self.give_slots()
        self.find_places()
        if self.places:
            insn_end = self.func.insn_end
            for preds in self.func.preds:
                ends = [2 * insn_end[p] - 1 for p in preds]
                self.first_end.append(min(ends) if ends else NEVER)
                self.last_end.append(max(ends) if ends else -1)
            for v in sorted(self.places):
                self.connect(v)
        self.parameters()
        self.operands()
        self.emit_moves()
        return self.out

    # Places --------------------------------------------------------------------------------------

    def give_slots(self) -> None:
        """A slot for each family that is in memory somewhere; they share if never live at once."""
        shift = self.live.shift
        mask = (1 << shift) - 1
        families = [family for family in self.registers.spilled if family.remat < 0]
        if not families:
            return
        for family in families:
            assert family.memory is not None
            family.slot = SLOT
            family.first = min(family.memory) >> 2 * shift
            family.last = max([r >> shift & mask for r in family.memory])
        for bundle in self.registers.done:
            family = bundle.family
            if family.slot != NOWHERE:
                family.first = min(family.first, bundle.ranges[0] >> 2 * shift)
                family.last = max(family.last, bundle.ranges[-1] >> shift & mask)
        families.sort(key=lambda f: f.first)
        active: list[list[tuple[int, int]]] = [[], []]
        for family in families:
            heap = active[family.cls]
            # A definition stores right after its instruction, a reload reads right before one.
            if heap and heap[0][0] < family.first - 1:
                family.slot = heappop(heap)[1]
            else:
                family.slot = self.frame.new_slot(family.cls)
            heappush(heap, (family.last, family.slot))

    def find_places(self) -> None:
        """Distribute the bundles' locations over their vregs."""
        home = self.home
        places = self.places
        for bundle in self.registers.done:
            self.note(bundle.ranges, bundle.preg)
        for family in self.registers.spilled:
            if family.memory is not None:
                self.note(family.memory, memory_of(family))
        for v, p in self.live.birth.items():
            if home[v] == ABSENT:
                home[v] = p
            elif home[v] != p:
                home[v] = MANY
                start = self.live.def_point[v]
                places[v] = [(start, (start | 1) + 1, p)]
        for bundle in self.registers.done:
            self.collect(bundle.ranges, bundle.preg)
            bundle.ranges = NOTHING
        for family in self.registers.spilled:
            if family.memory is not None:
                self.collect(family.memory, memory_of(family))
                family.memory = None
        for v, found in places.items():
            places[v] = _joined(sorted(found))

    def note(self, ranges: list[int], at: int) -> None:
        """The ranges have this location."""
        home = self.home
        mask = (1 << self.live.shift) - 1
        for r in ranges:
            v = r & mask
            if home[v] == ABSENT:
                home[v] = at
            elif home[v] != at:
                home[v] = MANY

    def collect(self, ranges: list[int], at: int) -> None:
        """Places of vregs that have several locations."""
        home = self.home
        places = self.places
        shift = self.live.shift
        mask = (1 << shift) - 1
        for r in ranges:
            v = r & mask
            if home[v] == MANY:
                place = (r >> 2 * shift, r >> shift & mask, at)
                if v in places:
                    places[v].append(place)
                else:
                    places[v] = [place]

    def at(self, v: int, point: int) -> int:
        """The location of v at a point where it is live."""
        at = self.home[v]
        if at != MANY:
            return at
        places = self.places[v]
        return places[bisect_right(places, (point, 1 << 62, 0)) - 1][2]

    def place_at(self, v: int, point: int) -> int:
        """The index of the place of v at a point, or -1 where it is not live."""
        places = self.places[v]
        k = bisect_right(places, (point, 1 << 62, 0)) - 1
        return k if k >= 0 and places[k][1] > point else -1

    # Moves between places ------------------------------------------------------------------------

    def connect(self, v: int) -> None:
        """Moves of v between its places, inside blocks and over edges."""
        places = self.places[v]
        func = self.func
        cls = func.vreg_class[v]
        changes = self.changes(v)
        slot = NOWHERE
        for _, _, at in places:
            if SLOT <= at < REMAT:
                slot = at
        if slot >= 0:
            changes = self.stores(v, slot, changes)
        for left, reached, key, _ in changes:
            if places[left][2] != places[reached][2]:
                self.move(key, places[left][2], places[reached][2], cls)

    def changes(self, v: int) -> list[Change]:
        """Where v changes place."""
        func = self.func
        block_of = self.live.block_of
        first_end = self.first_end
        last_end = self.last_end
        places = self.places[v]
        out: list[Change] = []
        home = self.live.def_block[v]
        for k, (f, t, _) in enumerate(places):
            b = block_of[f >> 1]
            if f == 2 * func.insn_start[b]:
                if b != home:
                    self.enter(v, b, k, out)
            elif k and places[k - 1][1] == f:
                out.append((k - 1, k, f >> 1 << 3 | SHIFT, func.freq[b]))
            # Blocks that begin inside of this place, and have predecessors outside of it.
            for inside in range(b + 1, block_of[(t - 1) >> 1] + 1):
                if (first_end[inside] < f or last_end[inside] >= t) and inside != home:
                    self.enter(v, inside, k, out)
        return out

    def enter(self, v: int, b: int, k: int, out: list[Change]) -> None:
        """The edges into b, where v is live in place k."""
        func = self.func
        f, t, _ = self.places[v][k]
        for p in func.preds[b]:
            end = 2 * func.insn_end[p] - 1
            if end < f or end >= t:
                left = self.place_at(v, end)
                if len(func.succs[p]) == 1:
                    key = (func.insn_end[p] - 1) << 3 | LEAVE
                else:
                    key = func.insn_start[b] << 3 | ENTER
                out.append((left, k, key, min(func.freq[p], func.freq[b])))

    def stores(self, v: int, slot: int, changes: list[Change]) -> list[Change]:
        """Decide where the slot of v is written; returns the changes that remain moves."""
        func = self.func
        places = self.places[v]
        home = self.live.def_block[v]
        point = self.live.def_point[v]
        born = self.place_at(v, point)
        # Places whose value is not known to be in the slot: from the definition on.
        dirty = [False] * len(places)
        dirty[born] = True
        work = [born]
        while work:
            k = work.pop()
            for left, reached, _, _ in changes:
                if left == k and places[reached][2] < SLOT and not dirty[reached]:
                    dirty[reached] = True
                    work.append(reached)
        if places[born][2] >= SLOT:
            dirty = [False] * len(places)
        cost = 0
        for left, reached, _, freq in changes:
            if dirty[left] and places[reached][2] == slot:
                cost += freq
        at_definition = cost > func.freq[home] or (cost == func.freq[home] and len(changes) > 1)
        if places[born][2] >= SLOT:
            at_definition = False
        kept: list[Change] = []
        for change in changes:
            left, reached, _, _ = change
            if places[reached][2] == slot and (at_definition or not dirty[left]):
                continue
            kept.append(change)
        if at_definition:
            self.stored.add(v)
            self.store_definition(v, slot, places[born][2])
        elif places[born][2] == slot:
            self.stored.add(v)
        return kept

    def store_definition(self, v: int, slot: int, at: int) -> None:
        """Write the slot of v right after its definition; parameters do it on the edges."""
        func = self.func
        b = self.live.def_block[v]
        point = self.live.def_point[v]
        if point == 2 * func.insn_start[b] and v in func.params[b]:
            return
        i = point >> 1
        cls = func.vreg_class[v]
        if i + 1 < func.insn_end[b]:
            self.move((i + 1) << 3 | SHIFT, at, slot, cls)
            return
        for s in func.succs[b]:
            if self.place_at(v, 2 * func.insn_start[s]) >= 0:
                self.move(func.insn_start[s] << 3 | ENTER, at, slot, cls)

    def parameters(self) -> None:
        """Moves of branch arguments."""
        func = self.func
        for b in range(len(func.args)):
            if not func.args[b]:
                continue
            end = 2 * func.insn_end[b] - 1
            key = (func.insn_end[b] - 1) << 3 | LEAVE
            s = func.succs[b][0]
            start = 2 * func.insn_start[s]
            for a, v in zip(func.args[b], func.params[s], strict=True):
                if self.home[v] == ABSENT:
                    continue
                cls = func.vreg_class[v]
                src = self.at(a, end) if a >= FIRST_VREG else a
                dst = self.at(v, start)
                family = self.live.family_of[v]
                assert family is not None
                slot = family.slot
                if dst != slot and dst != src:
                    self.move(key, src, dst, cls)
                if dst == slot or v in self.stored:
                    same = self.live.family_of[a] is family
                    if not (same and (src == slot or a in self.stored)):
                        self.move(key, src, slot, cls)

    def move(self, key: int, src: int, dst: int, cls: int) -> None:
        if dst >= REMAT:
            return
        self.move_order.append(key << 32 | len(self.move_src))
        self.move_src.append(src)
        self.move_dst.append(dst)
        self.move_class.append(cls)

    # Operands ------------------------------------------------------------------------------------

    def operands(self) -> None:
        """The allocation of each operand, and copies to fixed and reused ones."""
        func = self.func
        allocs = self.out.allocs
        operands = func.operands
        starts = func.operand_start
        home = self.home
        for i in range(len(func.clobbers)):
            first = starts[i]
            reuses = False
            for k in range(first, starts[i + 1]):
                op = operands[k]
                v = op >> VREG_SHIFT
                if v < FIRST_VREG:
                    allocs[k] = v
                    continue
                if op & (FIXED | REUSE):
                    if op & REUSE:
                        reuses = True
                    else:
                        p = op & INDEX_MASK
                        allocs[k] = p
                        if not op & DEF:
                            at = self.at(v, 2 * i)
                            if at != p:
                                self.move(i << 3 | COPY, at, p, func.vreg_class[v])
                        continue
                at = home[v]
                if at == MANY:
                    late = 1 if op & DEF and not op & THROUGH else 0
                    at = self.at(v, 2 * i + late)
                allocs[k] = NOWHERE if at >= REMAT else at
            if reuses:
                self.reuse(i)

    def reuse(self, i: int) -> None:
        """Results that take the register of an input."""
        func = self.func
        first = func.operand_start[i]
        for k in range(first, func.operand_start[i + 1]):
            op = func.operands[k]
            if not op & REUSE:
                continue
            n = first + (op & INDEX_MASK)
            u = func.operands[n] >> VREG_SHIFT
            p = self.out.allocs[k]
            src = self.at(u, 2 * i) if u >= FIRST_VREG else u
            if src != p:
                self.move(i << 3 | COPY, src, p, func.vreg_class[op >> VREG_SHIFT])
            self.out.allocs[n] = p

    # Emission ------------------------------------------------------------------------------------

    def emit_moves(self) -> None:
        """All moves, those at one place as one parallel move."""
        out = self.out
        order = self.move_order
        order.sort()
        stop = 0
        while stop < len(order):
            start = stop
            key = order[start] >> 32
            stop += 1
            while stop < len(order) and order[stop] >> 32 == key:
                stop += 1
            k = order[start] & 0xFFFFFFFF
            if stop == start + 1 and (self.move_src[k] < SLOT or self.move_dst[k] < SLOT):
                if self.move_src[k] != self.move_dst[k]:
                    src, dst = self.move_src[k], self.move_dst[k]
                    append(out, key >> 3 << 1, src, dst, self.move_class[k])
                continue
            at = [order[n] & 0xFFFFFFFF for n in range(start, stop)]
            srcs = [self.move_src[k] for k in at]
            dsts = [self.move_dst[k] for k in at]
            classes = [self.move_class[k] for k in at]
            scratch = list(self.machine.scratch)
            busy = list(srcs) + list(dsts)
            if sequence(srcs, dsts, classes):
                for c in range(len(scratch)):
                    if scratch[c] < 0 and c in classes:
                        scratch[c] = self.free_register(c, key >> 3, busy)
            emit(srcs, dsts, classes, scratch, self.machine, self.frame, out, key >> 3 << 1)
        out.num_slots = self.frame.num_slots
        written = 0
        for mask in self.func.clobbers:
            written |= mask
        for bundle in self.registers.done:
            if bundle.preg >= 0:
                written |= 1 << bundle.preg
        for dst in out.edit_dst:
            if dst < SLOT:
                written |= 1 << dst
        for p in range(self.machine.num_pregs):
            if self.live.reserved[p]:
                written |= 1 << p
        out.written = written

    def free_register(self, cls: int, i: int, busy: list[int]) -> int:
        """A preg that holds nothing around the gap in front of instruction i, or NOWHERE."""
        span = [(2 * i - 1, 2 * i + 2)]
        registers = self.registers
        for p in self.machine.allocatable[cls]:
            if self.machine.callee_saved >> p & 1 or p in busy:
                continue
            if not registers.is_free(p, span):
                continue
            k = bisect_left(registers.res_starts[p], 2 * i - 2)
            if k < len(registers.res_starts[p]) and registers.res_starts[p][k] < 2 * i + 2:
                continue
            return p
        return NOWHERE


def memory_of(family: Family) -> int:
    """Where the values of a family are that are in no register."""
    return REMAT + family.remat if family.remat >= 0 else family.slot


def _joined(places: list[Place]) -> list[Place]:
    """Neighbours with the same location as one place."""
    out: list[Place] = []
    for place in places:
        if out and out[-1][1] == place[0] and out[-1][2] == place[2]:
            out[-1] = (out[-1][0], place[1], place[2])
        else:
            out.append(place)
    return out
