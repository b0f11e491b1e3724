"""Jump threading: an edge goes where the branch behind it will go, when the way there decides that.

A block that several ways lead to ends in a branch. On one of the ways its selector is known: the
argument that this way hands over is a constant, or a branch on the way has asked the same. That
edge leads past the branch then, through a copy of the block's other instructions.
(A branch that all ways decide, because one that dominates it has asked, is a matter of `gvn`.)

What is known of an edge holds for every copy of it, so all edges are looked at before any changes.
Headers of loops are not copied: that could give a loop a second entry, and wasm polls there. A
value of a block that was copied has several definitions; uses elsewhere get the right one by block
parameters (`copy.py`).
"""

from __future__ import annotations

from typing import Final

from grus.ir import opcodes as ops
from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
from grus.ir.function import Block, BlockCall, Function, Value
from grus.opt.passes import control
from grus.opt.passes.copy import Definitions, copy_blocks
from grus.opt.passes.edit import (
    BARRIER,
    KIND,
    PURE,
    const_bits,
    peel,
    pinned_blocks,
    to_jump,
)
from grus.opt.passes.fold import fold_with

LONGEST: Final = 6
"""Instructions of a block that is copied, beside its branch."""
LEAST_GROWTH: Final = 32
GROWTH: Final = 16
"""Copies may add LEAST_GROWTH instructions to a function, or one for GROWTH that it has."""
MOST_FACTS: Final = 8
"""Of how many branches on the same condition the answers are kept."""

_BRANCHES: Final = frozenset((ops.BRIF, ops.BR_TABLE))
_WAYS: Final = frozenset((ops.JUMP, ops.BRIF, ops.BR_TABLE))

Key = tuple[int, int, int]
"""A condition: the code of an `icmp` and what names its operands; or a value, by itself
(_NONZERO), and for what it is equal to (_EQUAL)."""
_NONZERO: Final = -1
_EQUAL: Final = -2


def run(func: Function) -> bool:
    """Thread jumps of `func`; True when there were some."""
    found = _Branches(func)
    if not found.may_be_decided():
        return False
    edges = found.decide()
    if not edges:
        return False
    copies = _Copies(func)
    for edge in edges:
        copies.redirect(edge)
    copies.lay_out()
    control.remove_unreachable(func)
    copies.definitions.repair(func)
    return True


class _Edge:
    """An edge, and which target of the branch at its end it leads to; -1 while that is not known,
    and `key` is then what is to be known."""

    __slots__ = ("call", "index", "inverted", "key", "source")

    def __init__(self, source: Block, call: BlockCall) -> None:
        self.source = source
        self.call = call
        self.index = -1
        self.key: Key | None = None
        self.inverted = False


class _Branches:
    """The branches of a function and what decides them."""

    def __init__(self, func: Function) -> None:
        self.func = func
        self.edges: list[_Edge] = []  # to blocks that may be copied
        self.asked: dict[Key, int] = {}  # by how many branches
        self.arrivals = [0] * func.num_blocks
        self.own: dict[int, Key] = {}  # by block: what its branch asks
        for block in func.blocks:
            last = block.insts[-1]
            for call in last.targets:
                self.arrivals[call.block.num] += 1
            if last.op in _BRANCHES:
                key, also = _asks(last)
                self.own[block.num] = key
                self.asked[key] = self.asked.get(key, 0) + 1
                if also is not key:
                    self.asked[also] = self.asked.get(also, 0) + 1
        self.wanted: set[Key] = set()  # what a branch on the way may have asked
        if self.own:
            self.find_edges()

    def find_edges(self) -> None:
        short: dict[int, list[Value]] = {}
        for block in self.func.blocks[1:]:
            if self.arrivals[block.num] > 1 and _is_short(block):
                short[block.num] = _selector(block)
        if not short:
            return
        for block in self.func.blocks:
            if block.insts[-1].op in _WAYS:
                for index, call in enumerate(block.insts[-1].targets):
                    if call.block.num in short:
                        edge = _Edge(block, call)
                        self.look(edge, short[call.block.num], index)
                        if edge.index >= 0 or edge.key is not None:
                            self.edges.append(edge)

    def look(self, edge: _Edge, selector: list[Value], place: int) -> None:
        """Decide an edge by itself: by its arguments, and the branch that it comes from."""
        block = edge.call.block
        last = block.insts[-1]
        answers = _answers(edge.source.insts[-1], place)
        known: dict[int, int] = {}
        for (kind, num, _), answer in answers:
            if kind == _EQUAL:
                known[num] = answer
        given: dict[int, Value] = {}
        for param, arg in zip(block.params, edge.call.args, strict=True):
            given[param.num] = arg
            bits = const_bits(arg)
            if bits is None:
                bits = known.get(arg.num)
            if bits is not None:
                known[param.num] = bits
        for inst in selector:
            bits = fold_with(inst, known)
            if bits is not None:
                known[inst.num] = bits
        selected, inverted = last.a, False
        if last.op == ops.BRIF:
            selected, inverted = peel(selected)
        bits = known.get(selected.num)
        if bits is not None:
            edge.index = _target(last, bits, inverted)
            return
        if selected.op != ops.PARAM and selected.block is block and selected.op != ops.ICMP:
            return
        root = given.get(selected.num, selected)
        if last.op == ops.BR_TABLE:
            edge.key = (_EQUAL, root.num, 0)
        else:
            if selected.op == ops.PARAM:
                root, turned = peel(root)
                inverted ^= turned
            edge.key, turned = _key(root, given if root.block is block else {})
            inverted ^= turned
        edge.inverted = inverted
        for key, answer in answers:
            if key == edge.key:
                edge.index = _target(last, answer, inverted)
                return

    def may_be_decided(self) -> bool:
        """Whether it is worth looking further: an edge is decided, or two branches ask the same."""
        for edge in self.edges:
            key = edge.key
            if key is not None and edge.index < 0:
                own = self.own[edge.call.block.num]
                if self.asked.get(key, 0) > int(key == own):
                    self.wanted.add(key)
        return bool(self.wanted) or any([edge.index >= 0 for edge in self.edges])

    # ---- what dominates ----

    def decide(self) -> list[_Edge]:
        """The edges that are decided, not into headers of loops."""
        cfg = ControlFlowGraph(self.func)
        pinned = pinned_blocks(self.func)
        headers = bytearray(self.func.num_blocks)
        for num in cfg.rpo:
            for succ in cfg.succs[num]:
                if cfg.rpo_index[succ] <= cfg.rpo_index[num]:
                    headers[succ] = 1
        if self.wanted:
            self.ask_dominators(cfg)
        edges: list[_Edge] = []
        for edge in self.edges:
            to = edge.call.block
            if edge.index < 0 or headers[to.num] or to.num in pinned:
                continue
            if len(to.insts) == 1 or not edge.source.cold:
                edges.append(edge)
        return edges

    def ask_dominators(self, cfg: ControlFlowGraph) -> None:
        """Decide edges by the branches that dominate them."""
        domtree = DomTree(self.func, cfg)
        facts: dict[Key, list[tuple[int, int]]] = {}  # block that knows, answer
        for num in domtree.pre_order:
            if self.arrivals[num] != 1 or not cfg.preds[num]:
                continue
            pred = cfg.block[cfg.preds[num][0]]
            assert pred is not None
            for place, call in enumerate(pred.insts[-1].targets):
                if call.block.num == num:
                    for key, answer in _answers(pred.insts[-1], place):
                        if key in self.wanted:
                            known = facts.setdefault(key, [])
                            if len(known) < MOST_FACTS:
                                known.append((num, answer))

        def answer_at(key: Key, num: int) -> int | None:
            for place, answer in facts.get(key, ()):
                if domtree.dominates(place, num):
                    return answer
            return None

        for edge in self.edges:
            if edge.index < 0 and edge.key is not None:
                said = answer_at(edge.key, edge.source.num)
                if said is not None:
                    edge.index = _target(edge.call.block.insts[-1], said, edge.inverted)


def _is_short(block: Block) -> bool:
    """Whether a block ends in a branch and has few instructions, that a copy may be made of."""
    insts = block.insts
    if insts[-1].op not in _BRANCHES or len(insts) > LONGEST + 1:
        return False
    return not any([KIND[inst.op] >= BARRIER for inst in insts[:-1]])


def _selector(block: Block) -> list[Value]:
    """The instructions of a block that its branch depends on and that can be computed here."""
    wanted = {block.insts[-1].a.num}
    found: list[Value] = []
    for inst in reversed(block.insts[:-1]):
        if inst.num in wanted and KIND[inst.op] == PURE and not inst.results:
            found.append(inst)
            wanted.update((inst.a.num, inst.b.num, inst.c.num))
    found.reverse()
    return found


def _name(value: Value, given: dict[int, Value]) -> int:
    """A number for an operand of a condition, the same for equal constants."""
    value = given.get(value.num, value)
    return 2 * value.imm + 1 if value.op == ops.ICONST else 2 * value.num


def _key(root: Value, given: dict[int, Value]) -> tuple[Key, bool]:
    """The name of a condition, with parameters replaced by what is `given`; True when it says the
    opposite."""
    if root.op != ops.ICMP:
        return (_NONZERO, root.num, 0), False
    code = root.imm
    a, b = _name(root.a, given), _name(root.b, given)
    if a > b:
        a, b = b, a
        code = ops.INT_CC_SWAPPED[code]
    other = ops.INT_CC_INVERSE[code]
    return (min(code, other), a, b), other < code


def _asks(last: Value) -> tuple[Key, Key]:
    """What a branch asks, and what it may answer beside that."""
    if last.op == ops.BR_TABLE:
        key = (_EQUAL, last.a.num, 0)
        return key, key
    root = peel(last.a)[0]
    equal = root.a if root.op == ops.ICMP else root
    return _key(root, {})[0], (_EQUAL, equal.num, 0)


def _answers(last: Value, place: int) -> list[tuple[Key, int]]:
    """What is known where the branch `last` has gone to its target number `place`."""
    if last.op == ops.BR_TABLE:
        return [((_EQUAL, last.a.num, 0), place - 1)] if place else []
    if last.op != ops.BRIF:
        return []
    root, inverted = peel(last.a)
    holds = (place == 0) != inverted
    key, turned = _key(root, {})
    answers = [(key, int(holds != turned))]
    if root.op == ops.ICMP:
        bits = const_bits(root.b)
        if bits is not None and root.imm <= ops.NE and holds == (root.imm == ops.EQ):
            answers.append(((_EQUAL, root.a.num, 0), bits))
    elif not holds:
        answers.append(((_EQUAL, root.num, 0), 0))
    return answers


def _target(last: Value, answer: int, inverted: bool) -> int:
    """Which target the branch `last` goes to."""
    if last.op == ops.BRIF:
        return int((answer != 0) == inverted)
    index = answer & 0xFFFFFFFF
    return index + 1 if index + 1 < len(last.targets) else 0


class _Copies:
    """Copies of blocks in the making. Edges that a branch lets go the same way share one."""

    def __init__(self, func: Function) -> None:
        self.func = func
        size = sum([len(block.insts) for block in func.blocks])
        self.left = max(LEAST_GROWTH, size // GROWTH)
        self.copies: dict[tuple[int, int, bool], Block] = {}  # by block, target, cold
        self.made: dict[int, list[Block]] = {}  # by number of the block to put them behind
        self.definitions = Definitions()

    def redirect(self, edge: _Edge) -> None:
        """Let an edge pass by the branch."""
        block, cold = edge.call.block, edge.source.cold
        copy = self.copies.get((block.num, edge.index, cold))
        if copy is None:
            if len(block.insts) - 1 > self.left:
                return
            self.left -= len(block.insts) - 1
            copy = self.copy(block, edge.index)
            copy.cold = block.cold or cold
            self.copies[block.num, edge.index, cold] = copy
            self.made.setdefault(edge.source.num, []).append(copy)
        edge.call.block = copy

    def copy(self, block: Block, index: int) -> Block:
        """A block that goes where the branch of `block` goes with target number `index`."""
        values: dict[int, Value] = {}
        copy = copy_blocks(self.func, [block], values)[block.num]
        to_jump(copy.insts[-1], copy.insts[-1].targets[index])
        self.definitions.add_block(block, values)
        return copy

    def lay_out(self) -> None:
        """Put the copies behind the blocks that they were first made for."""
        func, made = self.func, self.made
        if made:
            func.blocks = [b for block in func.blocks for b in (block, *made.get(block.num, ()))]
