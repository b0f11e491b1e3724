"""Random functions for the register allocators, and a fuzzer that checks both on them.

    python -m grus.testing.fuzz_regalloc [first seed] [cases] [fast|quality]

Each seed gives one machine and one function that can be allocated on it. A complaint prints the
seed and the function. Control flow is arbitrary (irreducible loops included), critical edges are
split, operands carry every constraint; the number of registers an instruction asks for stays
within what the machine has.
"""

from __future__ import annotations

import argparse
import random
import sys

from grus.backend.regalloc import checker, fast, quality
from grus.backend.regalloc.types import (
    AllocationError,
    Func,
    Machine,
    Output,
    def_,
    def_any,
    def_early,
    def_fixed,
    def_fixed_early,
    def_reuse,
    temp,
    use,
    use_any,
    use_fixed,
    use_fixed_late,
    use_late,
)

ALLOCATORS = ("fast", "quality")


def random_machine(rng: random.Random) -> Machine:
    """2-14 int and 1-16 float registers, in any order, some callee-saved, maybe with scratch."""
    ints = rng.choice([2, 3, 4, 6, 10, 14])
    floats = rng.choice([1, 2, 4, 16])
    num_ints = rng.choice([ints, ints + 1, ints + 2])
    num_floats = floats + 1
    pregs = list(range(num_ints))
    xmms = list(range(num_ints, num_ints + num_floats))
    rng.shuffle(pregs)
    callee = 0
    for p in pregs[:ints]:
        if rng.random() < 0.4:
            callee |= 1 << p
    order = sorted(pregs[:ints], key=lambda p: callee >> p & 1)
    scratch = [-1, -1]
    if num_ints > ints and rng.random() < 0.3:
        scratch[0] = pregs[ints]
    if rng.random() < 0.3:
        scratch[1] = xmms[-1]
    return Machine(
        [0] * num_ints + [1] * num_floats, [order, xmms[:floats]], callee, scratch, [1, 2]
    )


def random_func(rng: random.Random, machine: Machine, size: int) -> Func:
    """About `size` blocks in SSA form; instructions that `machine` can satisfy."""
    succs = _random_cfg(rng, size)
    return _Filler(rng, machine, succs).fill()


def _random_cfg(rng: random.Random, size: int) -> list[list[int]]:
    """Successors per block: block 0 without predecessors, no critical edges, all reachable."""
    n = rng.randint(1, max(1, size))
    succs: list[list[int]] = []
    style = rng.random()
    for b in range(n):
        kind = rng.random()
        if n == 1 or (kind < 0.1 and b > n // 2):
            succs.append([])
            continue
        count = 1 if kind < 0.5 else 2 if kind < 0.9 else rng.randint(3, 5)
        targets: list[int] = []
        for _ in range(count):
            if style < 0.6 and rng.random() < 0.8:
                t = min(n - 1, b + rng.randint(1, 4))  # mostly forward, some loops
            else:
                t = rng.randint(1, n - 1)
            targets.append(max(1, t))
        succs.append(targets)
    if n > 1 and rng.random() < 0.7:
        succs[-1] = []
    # Keep what is reachable, numbered in a random order that starts with the entry.
    reached = [0]
    seen = {0}
    for b in reached:
        for s in succs[b]:
            if s not in seen:
                seen.add(s)
                reached.append(s)
    if rng.random() < 0.5:
        reached = sorted(reached)
    elif rng.random() < 0.5:
        rest = reached[1:]
        rng.shuffle(rest)
        reached = [0, *rest]
    number = {b: k for k, b in enumerate(reached)}
    result = [[number[s] for s in succs[b]] for b in reached]
    preds = [0] * len(result)
    for targets in result:
        for s in targets:
            preds[s] += 1
    for b in range(len(result)):
        targets = result[b]
        if len(targets) > 1:
            for k, s in enumerate(targets):
                if preds[s] > 1 or rng.random() < 0.05:
                    result.append([s])
                    targets[k] = len(result) - 1
    return result


def _dominators(succs: list[list[int]]) -> list[set[int]]:
    """Blocks that dominate each block; quadratic, for small graphs."""
    n = len(succs)
    preds: list[list[int]] = [[] for _ in range(n)]
    for b, targets in enumerate(succs):
        for s in targets:
            preds[s].append(b)
    everything = set(range(n))
    dom = [{0}] + [set(everything) for _ in range(n - 1)]
    changed = True
    while changed:
        changed = False
        for b in range(1, n):
            new = set(everything)
            for p in preds[b]:
                new &= dom[p]
            new.add(b)
            if new != dom[b]:
                dom[b] = new
                changed = True
    return dom


class _Filler:
    """Fills blocks with instructions, dominators first, then lists them in emission order."""

    def __init__(self, rng: random.Random, machine: Machine, succs: list[list[int]]) -> None:
        self.rng = rng
        self.machine = machine
        self.succs = succs
        self.func = Func()
        self.insns: list[list[tuple[list[int], int, int]]] = [[] for _ in succs]
        self.scope: list[list[int]] = [[] for _ in succs]
        self.float_share = rng.choice([0.0, 0.3, 0.5])
        self.reach = rng.choice([3, 10, 1000])
        self.length = rng.choice([2, 6, 12])

    def fill(self) -> Func:
        rng = self.rng
        func = self.func
        succs = self.succs
        n = len(succs)
        dom = _dominators(succs)
        preds: list[list[int]] = [[] for _ in range(n)]
        for b, targets in enumerate(succs):
            for s in targets:
                preds[s].append(b)
        params: list[list[int]] = [[] for _ in range(n)]
        args: list[list[int]] = [[] for _ in range(n)]
        for b in range(1, n):
            if all(len(succs[p]) == 1 for p in preds[b]) and rng.random() < 0.7:
                count = rng.choice([0, 1, 2, 3, 3, 8])
                params[b] = [func.new_vreg(self.random_class()) for _ in range(count)]
        idom = [-1] * n
        for b in range(1, n):
            idom[b] = max(dom[b] - {b}, key=lambda d: len(dom[d]))
        for b in sorted(range(n), key=lambda x: len(dom[x])):
            scope = list(self.scope[idom[b]]) if b else []
            scope += params[b]
            self.scope[b] = scope
            if b == 0:
                self.entry(scope)
            for _ in range(rng.randint(0, self.length)):
                self.insn(b, scope)
            if len(succs[b]) == 1:
                self.insns[b].append(([], 0, 0))
            else:
                self.insn(b, scope)
        for b in range(n):
            if len(succs[b]) == 1:
                for v in params[succs[b][0]]:
                    args[b].append(self.visible(b, func.vreg_class[v]))
        for b in range(n):
            func.begin_block(params[b], rng.choice([0, 0, 1, 2]))
            for operands, clobbers, is_move in self.insns[b]:
                func.insn(operands, clobbers, is_move)
            func.end_block(succs[b], args[b])
        func.finish()
        return func

    def random_class(self) -> int:
        return 1 if self.rng.random() < self.float_share else 0

    def visible(self, b: int, cls: int) -> int:
        """A vreg of the class that may be used at the end of what is in b now."""
        candidates = [v for v in self.scope[b] if self.func.vreg_class[v] == cls]
        recent = candidates[-self.reach :]
        return self.rng.choice(recent if self.rng.random() < 0.8 else candidates)

    def entry(self, scope: list[int]) -> None:
        """At least one vreg of each class; some in fixed registers, like function parameters."""
        operands: list[int] = []
        for cls in (0, 1):
            order = self.machine.allocatable[cls]
            for p in order[: self.rng.randint(1, len(order))]:
                v = self.func.new_vreg(cls)
                operands.append(def_fixed(v, p))
                scope.append(v)
        self.insns[0].append((operands, 0, 0))

    def insn(self, b: int, scope: list[int]) -> None:
        rng = self.rng
        func = self.func
        kind = rng.random()
        if kind < 0.12:
            v = func.new_vreg(self.random_class(), remat=rng.randint(0, 5))
            self.insns[b].append(([def_(v)], 0, 0))
            scope.append(v)
            return
        if kind < 0.2:
            cls = self.random_class()
            src = self.visible(b, cls)
            v = func.new_vreg(cls)
            ops = [
                rng.choice([def_, def_any])(v),
                rng.choice([use, use_any])(src),
            ]
            self.insns[b].append((ops, 0, 1))
            scope.append(v)
            return
        if kind < 0.4:
            # The common shape: d = s op t, two-address.
            if len(self.machine.allocatable[0]) >= 2:
                s = self.visible(b, 0)
                t = self.visible(b, 0)
                v = func.new_vreg(0)
                self.insns[b].append(([def_reuse(v, 1), use(s), use(t)], 0, 0))
                scope.append(v)
                return
        self.general(b, scope)

    def general(self, b: int, scope: list[int]) -> None:
        """Random operands, as long as every register set stays satisfiable."""
        rng = self.rng
        func = self.func
        operands: list[int] = []
        new: list[int] = []
        clobbers = 0
        for cls in (0, 1):
            pregs = list(self.machine.allocatable[cls])
            size = len(pregs)
            if rng.random() < 0.25:
                for p in pregs:
                    if rng.random() < 0.7:
                        clobbers |= 1 << p
            if cls == 1 and rng.random() < 0.7:
                continue
            used_early = 0
            used_late = 0
            fixed_early: list[int] = []
            fixed_late = [p for p in pregs if clobbers >> p & 1]
            through = 0
            for _ in range(rng.choice([0, 1, 2, 2, 3, 6])):
                kind = rng.randint(0, 11)
                p = rng.choice(pregs)
                early = 1 if kind in (0, 1, 4, 7, 8, 9, 10) else 0
                late = 1 if kind in (2, 3, 4, 7, 8, 9, 10) else 0
                fixed = kind in (1, 3, 8, 9)
                whole = 1 if early and late else 0
                if fixed and early and (p in fixed_early):
                    continue
                if fixed and late and p in fixed_late:
                    # The result of a call may be in a clobbered register.
                    if kind != 3 or not clobbers >> p & 1 or p in fixed_early:
                        continue
                    late = 0
                    clobbers_here = True
                else:
                    clobbers_here = False
                all_fixed = set(fixed_early) | set(fixed_late)
                if fixed:
                    all_fixed.add(p)
                if used_early + early > size or used_late + late + len(fixed_late) > size:
                    continue
                if through + whole + len(all_fixed) > size:
                    continue
                if kind in (0, 1, 4, 5, 8, 10):
                    v = self.visible(b, cls)
                else:
                    v = func.new_vreg(cls)
                    new.append(v)
                if kind == 10:  # two-address: the input, then the definition
                    operands.append(use(v))
                    d = func.new_vreg(cls)
                    new.append(d)
                    operands.append(def_reuse(d, len(operands) - 1))
                    through += 1
                elif kind in (0, 11):
                    if kind == 11:
                        new.pop()
                        v = self.visible(b, cls)
                    operands.append(use_any(v) if kind == 11 else use(v))
                elif kind == 1:
                    operands.append(use_fixed(v, p))
                    fixed_early.append(p)
                elif kind == 2:
                    operands.append(def_(v))
                elif kind == 3:
                    operands.append(def_fixed(v, p))
                    if clobbers_here:
                        fixed_early.append(p)  # no second operand there
                    else:
                        fixed_late.append(p)
                        late = 0
                elif kind == 4:
                    operands.append(use_late(v))
                    through += 1
                elif kind == 5:
                    operands.append(use_any(v))
                elif kind == 6:
                    operands.append(def_any(v))
                    late = 1
                elif kind == 7:
                    operands.append(rng.choice([temp, def_early])(v))
                    through += 1
                elif kind in (8, 9):
                    op = use_fixed_late(v, p) if kind == 8 else def_fixed_early(v, p)
                    operands.append(op)
                    fixed_early.append(p)
                    fixed_late.append(p)
                    late = 0
                used_early += early
                used_late += late
        self.insns[b].append((operands, clobbers, 0))
        scope += new


def random_case(seed: int) -> tuple[Func, Machine]:
    rng = random.Random(seed)
    machine = random_machine(rng)
    size = rng.choice([1, 2, 4, 8, 8, 20])
    return random_func(rng, machine, size), machine


def run_case(func: Func, machine: Machine, allocator: str) -> Output:
    """Allocate and check. Raises AllocationError if the allocation is wrong."""
    allocate = fast.allocate if allocator == "fast" else quality.allocate
    output = allocate(func, machine)
    checker.check(func, machine, output)
    return output


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Check the allocations of random functions.")
    parser.add_argument("first", nargs="?", type=int, default=0, help="first seed")
    parser.add_argument("cases", nargs="?", type=int, default=1000)
    parser.add_argument("allocator", nargs="?", choices=ALLOCATORS, help="both when none is named")
    given = parser.parse_args(argv)
    allocators = [given.allocator] if given.allocator else ALLOCATORS
    failures = 0
    for seed in range(given.first, given.first + given.cases):
        func, machine = random_case(seed)
        checker.validate(func, machine)
        for allocator in allocators:
            try:
                run_case(func, machine, allocator)
            except AllocationError as error:
                failures += 1
                print(f"seed {seed} {allocator}: {error}")
                if failures > 10:
                    return 1
    print(f"{given.cases} cases, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
