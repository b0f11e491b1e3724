"""The quality allocator: bundles compete for registers, losers are split where it costs least.

    1. liveness: ranges, needs, bundles (`ranges`)
    2. bundles are taken from a queue, long ones first. A bundle gets a register that is free over
       all its ranges, its hints first; or one whose holders all weigh less, which are put back
       into the queue; else it is split and its pieces are queued. What is between the pieces is
       in the family's spill slot.
    3. locations become operands, moves and stores (`resolve`)
    4. what a register still holds is not reloaded (`forward`)

Weight is expected executions of the needs per point of length, so a long-lived value with few
uses gives way to a short busy one. Splitting, in this order:

    by heat     a bundle that is live in blocks of different frequency falls apart into what is in
                the hot blocks and what is in the rest: reloads and stores stand outside loops, and
                a call in a cold block costs the hot path nothing
    by calls    a bundle live across instructions that clobber its registers, into the stretches
                between them, from first to last need
    by conflict at the register that stays free longest; at last one piece for each need, which
                outweighs everything

Every split makes pieces shorter and an evicted bundle weighs less than the evicting, so the queue
empties. After regalloc2's backtracking allocator (Fallin and others), which took it from IonMonkey;
splitting by frequency instead of at the first conflict is ours.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from heapq import heappop, heappush

from grus.backend.regalloc.forward import forward
from grus.backend.regalloc.ranges import MINIMAL, NOTHING, Bundle, Family, Live
from grus.backend.regalloc.resolve import resolve
from grus.backend.regalloc.types import NOWHERE, AllocationError, Func, Machine, Output


def allocate(func: Func, machine: Machine) -> Output:
    """Allocate registers for `func`. Raises AllocationError if an instruction asks too much."""
    live = Live(func, machine)
    bundles = live.build()
    registers = Registers(live)
    _Assignment(live, registers).run(bundles)
    out = resolve(live, registers)
    forward(func, out)
    return out


class Registers:
    """Who is where: for each preg the spans of its bundles, and reserved spans.

    `starts`, `ends` and `holders` of a preg are parallel and ascending.
    """

    __slots__ = (
        "done",
        "ends",
        "holders",
        "res_ends",
        "res_owners",
        "res_starts",
        "shift",
        "spilled",
        "starts",
    )

    def __init__(self, live: Live) -> None:
        n = live.machine.num_pregs
        self.shift = live.shift
        self.starts: list[list[int]] = [[] for _ in range(n)]
        self.ends: list[list[int]] = [[] for _ in range(n)]
        self.holders: list[list[Bundle]] = [[] for _ in range(n)]
        self.done: list[Bundle] = []  # with a preg for good
        self.spilled: list[Family] = []  # with ranges in memory
        self.res_starts: list[list[int]] = []
        self.res_ends: list[list[int]] = []
        self.res_owners: list[list[int]] = []
        for reserved in live.reserved:
            reserved.sort()
            self.res_starts.append([r[0] for r in reserved])
            self.res_ends.append([r[1] for r in reserved])
            self.res_owners.append([r[2] for r in reserved])
            del reserved[1:]  # later only asked whether there are any

    def find(
        self, order: list[int], blocked: int, bundle: Bundle, spans: list[tuple[int, int]]
    ) -> int:
        """The first preg of `order` that is free in the spans and not blocked, or NOWHERE."""
        all_starts = self.starts
        all_ends = self.ends
        for p in order:
            if blocked >> p & 1:
                continue
            starts = all_starts[p]
            ends = all_ends[p]
            free = True
            for f, t in spans:
                k = bisect_left(starts, t) - 1
                if k >= 0 and ends[k] > f:
                    free = False
                    break
            if free and self.reserved_at(p, bundle, spans) < 0:
                return p
        return NOWHERE

    def is_free(self, p: int, spans: list[tuple[int, int]]) -> bool:
        """True if no bundle holds preg p in any of the spans."""
        starts = self.starts[p]
        if not starts:
            return True
        ends = self.ends[p]
        for f, t in spans:
            k = bisect_left(starts, t) - 1
            if k >= 0 and ends[k] > f:
                return False
        return True

    def held_at(self, p: int, spans: list[tuple[int, int]]) -> int:
        """The first point of the spans at which a bundle holds preg p, or -1."""
        starts = self.starts[p]
        ends = self.ends[p]
        for f, t in spans:
            k = bisect_right(starts, f) - 1
            if k >= 0 and ends[k] > f:
                return f
            k += 1
            if k < len(starts) and starts[k] < t:
                return starts[k]
        return -1

    def reserved_at(self, p: int, bundle: Bundle, spans: list[tuple[int, int]]) -> int:
        """The first point at which p is reserved for something else than the bundle, or -1."""
        starts = self.res_starts[p]
        if not starts:
            return -1
        ends = self.res_ends[p]
        owners = self.res_owners[p]
        for f, t in spans:
            k = bisect_left(starts, f - 1)
            while k < len(starts) and starts[k] < t:
                if ends[k] > f and (owners[k] < 0 or self.vreg_at(bundle, starts[k]) != owners[k]):
                    return starts[k]
                k += 1
        return -1

    def reserved_for(self, p: int, bundle: Bundle) -> bool:
        """True if p is reserved for the bundle itself at its first need."""
        i = bundle.needs[0] >> 2
        k = bisect_left(self.res_starts[p], 2 * i)
        if k == len(self.res_starts[p]) or self.res_starts[p][k] != 2 * i:
            return False
        return self.res_owners[p][k] == self.vreg_at(bundle, 2 * i)

    def vreg_at(self, bundle: Bundle, point: int) -> int:
        """The vreg of the range that covers the point, or -1."""
        shift = self.shift
        mask = (1 << shift) - 1
        k = bisect_left(bundle.ranges, (point + 1) << 2 * shift) - 1
        if k >= 0 and bundle.ranges[k] >> shift & mask > point:
            return bundle.ranges[k] & mask
        return -1

    def add(self, p: int, bundle: Bundle, spans: list[tuple[int, int]]) -> None:
        starts = self.starts[p]
        for f, t in spans:
            k = bisect_left(starts, f)
            starts.insert(k, f)
            self.ends[p].insert(k, t)
            self.holders[p].insert(k, bundle)
        bundle.preg = p
        bundle.family.preg = p

    def remove(self, bundle: Bundle, spans: list[tuple[int, int]]) -> None:
        p = bundle.preg
        starts = self.starts[p]
        for f, _ in spans:
            k = bisect_left(starts, f)
            del starts[k]
            del self.ends[p][k]
            del self.holders[p][k]
        bundle.preg = NOWHERE

    def spill(self, family: Family, ranges: list[int]) -> None:
        """The ranges are in memory for good."""
        if family.memory is None:
            family.memory = ranges
            self.spilled.append(family)
        else:
            family.memory += ranges


class _Assignment:
    __slots__ = (
        "free_callee",
        "func",
        "live",
        "machine",
        "next_run",
        "queue",
        "queued",
        "registers",
        "shift",
    )

    def __init__(self, live: Live, registers: Registers) -> None:
        self.live = live
        self.func = live.func
        self.machine = live.machine
        self.registers = registers
        self.shift = live.shift
        self.queue: list[int] = []  # -length << 32 | number in `queued`
        self.queued: list[Bundle | None] = []
        self.free_callee = live.machine.callee_saved  # not used so far: the first use costs
        freq = self.func.freq
        self.next_run: list[int] = [len(freq)] * len(freq)  # the next block of another frequency
        for b in range(len(freq) - 2, -1, -1):
            self.next_run[b] = self.next_run[b + 1] if freq[b] == freq[b + 1] else b + 1

    def run(self, bundles: list[Bundle]) -> None:
        queue = self.queue
        for bundle in bundles:
            self.enqueue(bundle)
        bundles.clear()  # those that fall apart go
        queued = self.queued
        while queue:
            number = heappop(queue) & 0xFFFFFFFF
            bundle_ = queued[number]
            assert bundle_ is not None
            queued[number] = None
            self.place(bundle_)
        done = self.registers.done
        seen: set[int] = set()
        for holders in self.registers.holders:
            for bundle in holders:
                if id(bundle) not in seen:
                    seen.add(id(bundle))
                    done.append(bundle)
                    bundle.needs = NOTHING  # the places are all that is asked for from now on
            holders.clear()
        for family in self.live.family_of:
            if family is not None:
                family.kin = None  # they know each other: now reference counting frees them
                family.hints = None

    def enqueue(self, bundle: Bundle) -> None:
        """Measure a new bundle and queue it."""
        shift = self.shift
        mask = (1 << shift) - 1
        length = 0
        for r in bundle.ranges:
            length += (r >> shift & mask) - (r >> 2 * shift)
        cost = 0
        freq = self.func.freq
        block_of = self.live.block_of
        for need in bundle.needs:
            cost += freq[block_of[need >> 2]]
        bundle.cost = cost
        if bundle.family.remat >= 0:
            cost = (cost + 1) >> 1
        if self.is_minimal(bundle):
            bundle.weight = MINIMAL + length
        else:
            bundle.weight = (cost << 10) // length
        self.push(bundle, length)

    def push(self, bundle: Bundle, length: int) -> None:
        heappush(self.queue, (-length << 32) + len(self.queued))
        self.queued.append(bundle)

    def spans_of(self, bundle: Bundle) -> list[tuple[int, int]]:
        """The ranges, adjacent ones as one."""
        shift = self.shift
        mask = (1 << shift) - 1
        ranges = bundle.ranges
        start = ranges[0] >> 2 * shift
        stop = ranges[0] >> shift & mask
        if len(ranges) == 1:
            return [(start, stop)]
        spans: list[tuple[int, int]] = []
        for k in range(1, len(ranges)):
            f = ranges[k] >> 2 * shift
            if f != stop:
                spans.append((start, stop))
                start = f
            stop = ranges[k] >> shift & mask
        spans.append((start, stop))
        return spans

    # Placing -------------------------------------------------------------------------------------

    def place(self, bundle: Bundle) -> None:
        """Give the bundle a register, or its place in memory, or split it."""
        spans = self.spans_of(bundle)
        family = bundle.family
        registers = self.registers
        blocked = self.clobbered(spans)
        if bundle.cost <= 2 and bundle.weight < MINIMAL:
            blocked |= self.free_callee
        found = NOWHERE
        if family.hints is not None or family.preg >= 0 or family.kin is not None:
            found = registers.find(self.preferred(bundle), blocked, bundle, spans)
        order = self.machine.allocatable[family.cls]
        if found < 0:
            found = registers.find(order, blocked, bundle, spans)
        if found >= 0:
            self.take(found, bundle, spans)
            return
        if not bundle.needs:
            registers.spill(family, bundle.ranges)
            bundle.ranges = NOTHING
            return
        victim = NOWHERE
        lightest = bundle.weight
        for p in order:
            if blocked >> p & 1:
                continue
            heaviest = self.heaviest(p, spans, lightest)
            if heaviest < lightest and registers.reserved_at(p, bundle, spans) < 0:
                lightest = heaviest
                victim = p
        if victim >= 0:
            self.evict(victim, spans)
            self.take(victim, bundle, spans)
        elif bundle.weight >= MINIMAL:
            i = bundle.needs[0] >> 2
            raise AllocationError(f"instruction {i} needs too many registers of class {family.cls}")
        else:
            self.split(bundle, spans, blocked)

    def take(self, p: int, bundle: Bundle, spans: list[tuple[int, int]]) -> None:
        self.free_callee &= ~(1 << p)
        self.registers.add(p, bundle, spans)

    def preferred(self, bundle: Bundle) -> list[int]:
        """Pregs that save copies, best first."""
        family = bundle.family
        hints = family.hints
        out: list[int] = []
        if hints is not None:
            out = sorted(hints, key=lambda p: -hints[p])
            allocatable = self.machine.allocatable_mask[family.cls]
            out = [p for p in out if allocatable >> p & 1]
            if bundle.weight >= MINIMAL:  # what is reserved for it is of use to no one else
                out.sort(key=lambda p: not self.registers.reserved_for(p, bundle))
        if family.preg >= 0:
            out.append(family.preg)
        if family.kin is not None:
            for other in family.kin:
                if other.preg >= 0:
                    out.append(other.preg)
        return out

    def clobbered(self, spans: list[tuple[int, int]]) -> int:
        """The mask of pregs clobbered within the spans."""
        blocked = 0
        for mask, points in self.live.clobbers.items():
            if mask & ~blocked:
                for f, t in spans:
                    k = bisect_left(points, f)
                    if k < len(points) and points[k] < t:
                        blocked |= mask
                        break
        return blocked

    def heaviest(self, p: int, spans: list[tuple[int, int]], enough: int) -> int:
        """The greatest weight of a holder of p in the spans; not less than `enough` if so."""
        registers = self.registers
        starts = registers.starts[p]
        ends = registers.ends[p]
        holders = registers.holders[p]
        heaviest = -1
        for f, t in spans:
            k = bisect_right(starts, f) - 1
            if k < 0 or ends[k] <= f:
                k += 1
            while k < len(starts) and starts[k] < t:
                weight = holders[k].weight
                if weight > heaviest:
                    if weight >= enough:
                        return weight
                    heaviest = weight
                k += 1
        return heaviest

    def latest_conflict(self, bundle: Bundle, spans: list[tuple[int, int]], blocked: int) -> int:
        """The point up to which the register that stays free longest is free, or -1."""
        registers = self.registers
        latest = -1
        for p in self.machine.allocatable[bundle.family.cls]:
            if blocked >> p & 1:
                continue
            first = registers.held_at(p, spans)
            reserved = registers.reserved_at(p, bundle, spans)
            if reserved >= 0 and (first < 0 or reserved < first):
                first = reserved
            if first > latest:
                latest = first
        return latest

    def evict(self, p: int, spans: list[tuple[int, int]]) -> None:
        """Put all holders of p in the spans back into the queue."""
        registers = self.registers
        starts = registers.starts[p]
        for f, t in spans:
            while True:
                k = bisect_left(starts, t) - 1
                if k < 0 or registers.ends[p][k] <= f:
                    break
                bundle = registers.holders[p][k]
                held = self.spans_of(bundle)
                registers.remove(bundle, held)
                self.push(bundle, sum([b - a for a, b in held]))

    # Splitting -----------------------------------------------------------------------------------

    def split(self, bundle: Bundle, spans: list[tuple[int, int]], blocked: int) -> None:
        """Queue the pieces of a bundle that got no register; the rest of it is in memory."""
        if self.split_by_heat(bundle, spans) or self.split_at_calls(bundle, spans):
            return
        first = bundle.needs[0]
        start = spans[0][0] & ~1
        end = spans[-1][1]
        cut = self.latest_conflict(bundle, spans, blocked) & ~1
        if cut > first >> 2 << 1 and cut > start and bundle.needs[-1] >> 2 << 1 >= cut:
            self.pieces(bundle, [(start, cut), (cut, end)], True)
            return
        # The register is gone at the first need: that one gets a piece of its own.
        at = first >> 2
        self.pieces(bundle, [(2 * at, 2 * at + 2), (2 * at + 2, end)], True)

    def split_by_heat(self, bundle: Bundle, spans: list[tuple[int, int]]) -> bool:
        """Split into runs of hot and of cold blocks; False if all are alike."""
        func = self.func
        freq = func.freq
        block_of = self.live.block_of
        next_run = self.next_run
        coldest = 1 << 62
        hottest = 0
        for f, t in spans:
            b = block_of[f >> 1]
            last = block_of[(t - 1) >> 1]
            while b <= last:
                if freq[b] < coldest:
                    coldest = freq[b]
                if freq[b] > hottest:
                    hottest = freq[b]
                b = next_run[b]
        if coldest == hottest:
            return False
        windows: list[tuple[int, int]] = []
        start = spans[0][0] & ~1
        b = block_of[start >> 1]
        end = spans[-1][1]
        last = block_of[(end - 1) >> 1]
        cold = freq[b] == coldest
        b = next_run[b]
        while b <= last:
            if (freq[b] == coldest) != cold:
                windows.append((start, 2 * func.insn_start[b]))
                start = 2 * func.insn_start[b]
                cold = not cold
            b = next_run[b]
        windows.append((start, end))
        if len(windows) == 1:
            return False
        self.pieces(bundle, windows, False)
        return True

    def split_at_calls(self, bundle: Bundle, spans: list[tuple[int, int]]) -> bool:
        """Split at all instructions that clobber registers; False if there are none."""
        allocatable = self.machine.allocatable_mask[bundle.family.cls]
        if not self.clobbered(spans) & allocatable:
            return False
        lists = [points for mask, points in self.live.clobbers.items() if mask & allocatable]
        late = {need >> 2 for need in bundle.needs if need & 3 == 3}
        windows: list[tuple[int, int]] = []
        first = -1
        last = -1
        for need in bundle.needs:
            i = need >> 2
            if i == last:
                continue
            if first >= 0 and call_between(lists, 2 * last, 2 * i):
                windows.append((2 * first, end_after(lists, last)))
                first = -1
            if i in late and call_between(lists, 2 * i, 2 * i + 2):
                # In a register through the call, or from it on.
                if first >= 0:
                    windows.append((2 * first, 2 * i))
                windows.append((2 * i, 2 * i + 2))
                first = -1
            elif first < 0:
                first = i
            last = i
        if first >= 0:
            windows.append((2 * first, end_after(lists, last)))
        self.pieces(bundle, windows, True)
        return True

    def pieces(self, bundle: Bundle, windows: list[tuple[int, int]], trim: bool) -> None:
        """Queue what of the bundle is inside each window (cut down to its needs if `trim`).

        Everything else, and windows without needs, go to memory.
        """
        needs = bundle.needs
        memory: list[int] = []
        done = 0  # up to here ranges are handed out
        for a, b in windows:
            low = bisect_left(needs, a >> 1 << 2)
            high = bisect_left(needs, ((b + 1) >> 1) << 2)
            inside = needs[low:high]
            if not inside or (trim and not must(inside)):
                continue
            if trim:
                first, last = self.extent(bundle.ranges, inside)
                a = max(a, first)
                b = min(b, last)
            ranges = self.clip(bundle.ranges, a, b)
            if not ranges:
                continue
            memory += self.clip(bundle.ranges, done, a)
            done = b
            self.enqueue(Bundle(bundle.family, ranges, inside))
        memory += self.clip(bundle.ranges, done, 1 << self.shift)
        if memory:
            self.registers.spill(bundle.family, memory)
        bundle.ranges = NOTHING  # nobody asks a bundle that fell apart
        bundle.needs = NOTHING

    def clip(self, ranges: list[int], a: int, b: int) -> list[int]:
        """The parts of the ranges inside [a, b)."""
        if a >= b:
            return []
        shift = self.shift
        mask = (1 << shift) - 1
        k = max(0, bisect_left(ranges, a << 2 * shift) - 1)
        if k < len(ranges) and ranges[k] >> shift & mask <= a:
            k += 1
        out = ranges[k : bisect_left(ranges, b << 2 * shift)]
        if out:
            before = a - (out[0] >> 2 * shift)
            if before > 0:
                out[0] += before << 2 * shift
            behind = (out[-1] >> shift & mask) - b
            if behind > 0:
                out[-1] -= behind << shift
        return out

    def extent(self, ranges: list[int], needs: list[int]) -> tuple[int, int]:
        """The points from the first need to the last; at a single instruction, of what it must
        have."""
        if needs[0] >> 2 == needs[-1] >> 2:
            needs = [need for need in needs if need & 1]
        start = needs[0] >> 2 << 1
        if needs[0] & 2:
            k = bisect_left(ranges, (start + 1) << 2 * self.shift)
            if k < len(ranges) and ranges[k] >> 2 * self.shift == start + 1:
                start += 1  # a late definition
        return start, (needs[-1] >> 2 << 1) + 1 + (needs[-1] >> 1 & 1)

    def is_minimal(self, bundle: Bundle) -> bool:
        """True for what one instruction must have and nothing around it."""
        needs = bundle.needs
        if not needs or needs[0] >> 2 != needs[-1] >> 2 or not must(needs):
            return False
        start, end = self.extent(bundle.ranges, needs)
        shift = self.shift
        mask = (1 << shift) - 1
        ranges = bundle.ranges
        return ranges[0] >> 2 * shift >= start and ranges[-1] >> shift & mask <= end


def call_between(lists: list[list[int]], start: int, end: int) -> bool:
    """True if one of the ascending lists has a point in [start, end)."""
    for points in lists:
        k = bisect_left(points, start)
        if k < len(points) and points[k] < end:
            return True
    return False


def end_after(lists: list[list[int]], i: int) -> int:
    """The point up to which a register keeps what instruction i uses."""
    return 2 * i + 1 if call_between(lists, 2 * i, 2 * i + 2) else 2 * i + 2


def must(needs: list[int]) -> bool:
    """True if some need is for a register and not better met by one."""
    return any([need & 1 for need in needs])
