"""How often optimized code has the shapes that passes which Grus lacks are for.

    python bench/shapes.py FILE.wasm... [--functions N]

Every n-th function of the files is optimized, without unrolling, and counted are: branches that if-conversion
would take, values that could sink, loops that rotation would turn, multiples of induction variables
that additions could replace.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import grus  # noqa: E402
from grus.engine.compile import backend_settings  # noqa: E402
from grus.engine.engine import Engine  # noqa: E402
from grus.engine.translate.func import translate  # noqa: E402
from grus.ir import opcodes as ops  # noqa: E402
from grus.ir.cfg import ControlFlowGraph  # noqa: E402
from grus.ir.domtree import DomTree  # noqa: E402
from grus.ir.function import Block, Function, operands_of  # noqa: E402
from grus.ir.loops import NO_LOOP, LoopTree  # noqa: E402
from grus.opt import pipeline  # noqa: E402
from grus.opt.passes import bounds  # noqa: E402
from grus.opt.passes.edit import KIND, PURE  # noqa: E402

SHORT = 2
"""Instructions that if-conversion would execute always."""
HEAD = 8
"""Instructions that rotation would copy."""


def branches(func: Function, cfg: ControlFlowGraph, found: Counter[str]) -> None:
    for block in func.blocks:
        last = block.insts[-1]
        if last.op != ops.BRIF:
            continue
        found["branches"] += 1
        then, other = [call.block for call in last.targets]
        if then is other:
            found["branches with both ways to one block"] += 1
        elif skips(cfg, then, other) or skips(cfg, other, then):
            found[f"branches around at most {SHORT} instructions"] += 1


def skips(cfg: ControlFlowGraph, short: Block, to: Block) -> bool:
    last = short.insts[-1]
    if short.cold or len(short.insts) > SHORT + 1 or last.op != ops.JUMP:
        return False
    return last.targets[0].block is to and len(cfg.preds[short.num]) == 1


def values(func: Function, tree: LoopTree, found: Counter[str]) -> None:
    users: dict[int, dict[int, bool]] = {}
    for block in func.blocks:
        for inst in block.insts:
            for value in operands_of(inst):
                users.setdefault(value.num, {})[block.num] = True
    for block in func.blocks:
        found["instructions"] += len(block.insts)
        for inst in block.insts:
            if KIND[inst.op] != PURE or inst.op == ops.ICONST:
                continue
            found["pure values"] += 1
            places = list(users.get(inst.num, ()))
            if len(places) == 1 and places[0] != block.num:
                if tree.depth[places[0]] <= tree.depth[block.num]:
                    found["pure values used in one other block, in no deeper loop"] += 1


def loops(
    func: Function, cfg: ControlFlowGraph, domtree: DomTree, tree: LoopTree, found: Counter[str]
) -> None:
    members: dict[int, list[Block]] = {}
    for num in cfg.rpo:
        loop, block = tree.loop_of[num], cfg.block[num]
        if loop != NO_LOOP and block is not None and not tree.loops[loop].children:
            members.setdefault(loop, []).append(block)
    for number, blocks in members.items():
        latches = tree.loops[number].latches
        loop_ = bounds._Loop(func, cfg, domtree, blocks, latches)
        found["innermost loops"] += 1
        leaves = [
            any([call.block.num not in loop_.members for call in block.insts[-1].targets])
            for block in blocks
        ]
        if not any([leaves[k] for k, block in enumerate(blocks) if block.num in latches]):
            found["innermost loops that are not left where they end"] += 1
            head = blocks[: leaves.index(True) + 1] if True in leaves else []
            if head and sum([len(block.insts) for block in head if not block.cold]) <= HEAD:
                found[f"of these, left within {HEAD} instructions"] += 1
        for block in blocks:
            found["instructions of innermost loops"] += len(block.insts)
            for inst in block.insts:
                if inst.op in (ops.IMUL, ops.ISHL) and loop_.steps.get(inst.num):
                    found["multiples of induction variables"] += 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--functions", type=int, default=300)
    given = parser.parse_args()
    settings = backend_settings(Engine().code_settings()).values
    found: Counter[str] = Counter({"multiples of induction variables": 0})
    gc.disable()
    for path in given.files:
        info = grus.Module(path.read_bytes(), engine=Engine(tier="lazy")).info
        first, count = info.module.num_imported_funcs, len(info.module.code)
        for index in range(first, first + count, max(1, count // given.functions)):
            func = translate(info, index)
            pipeline.optimize(func, settings, "speed_and_size")
            cfg = ControlFlowGraph(func)
            domtree = DomTree(func, cfg)
            tree = LoopTree(func, cfg, domtree)
            found["functions"] += 1
            branches(func, cfg, found)
            values(func, tree, found)
            loops(func, cfg, domtree, tree, found)
            func.dispose()
    for text, number in sorted(found.items()):
        print(f"{number:8} {text}")


if __name__ == "__main__":
    main()
