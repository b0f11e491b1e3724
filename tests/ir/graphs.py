"""Functions of a given control flow, for tests of the analyses."""

from __future__ import annotations

import random

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import AbiParam, BlockCall, Function, Signature


def from_edges(succs: list[list[int]]) -> Function:
    """A function whose block `i` goes to the blocks `succs[i]`; block 0 is the entry."""
    func = Function("%graph", Signature([AbiParam(T.I32)]))
    blocks = [func.add_block() for _ in succs]
    cond = func.add_param(blocks[0], T.I32)
    for block, targets in zip(blocks, succs, strict=True):
        if not targets:
            op = ops.RETURN_
        elif len(targets) == 1:
            op = ops.JUMP
        else:
            op = ops.BRIF if len(targets) == 2 else ops.BR_TABLE
        inst = func.new_value(op, T.INVALID, block)
        if len(targets) > 1:
            inst.a = cond
        inst.targets = tuple([BlockCall(blocks[t], []) for t in targets])
        block.insts.append(inst)
    return func


def random_graph(rng: random.Random, size: int, extra: int = 2) -> list[list[int]]:
    """Successor lists of `size` blocks, none going to the entry; some may be unreachable."""
    return [
        [rng.randrange(1, size) for _ in range(rng.randrange(extra + 2))] if size > 1 else []
        for _ in range(size)
    ]


def ladder(size: int) -> list[list[int]]:
    """A chain whose every block may also leave to the last one: quadratic for naive methods."""
    return [[i + 1, size - 1] for i in range(size - 2)] + [[size - 1], []]


def nested_loops(depth: int) -> list[list[int]]:
    """`depth` headers in a row, a body, then a latch for each header; the last block returns."""
    body = depth + 1
    succs = [[i + 1] for i in range(depth + 1)]
    succs.append([body + 1])
    for i in range(depth):
        succs.append([depth - i, body + 2 + i])
    succs.append([])
    return succs


def shared_latch(depth: int) -> list[list[int]]:
    """`depth` nested headers whose back edges all leave from the one innermost block."""
    return [[i + 1] for i in range(depth + 1)] + [[*range(1, depth + 1), depth + 2], []]
