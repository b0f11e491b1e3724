"""How each step over the IR grows: `python -m bench.ir_scale`. Milliseconds.

Shapes, each of 1,000, 10,000 and 100,000 instructions: `mix` (blocks of four to eight
instructions), `ladder` (a chain of blocks that may all leave to the last one), `nest` (loops
inside each other, a variable changed in every one), `latch` (nested loops whose back edges all
leave from one block). Parser and printer join when they can be imported.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from bench.ir_build import build as mix
from grus.ir import types as T
from grus.ir.builder import FunctionBuilder
from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree, PostDomTree
from grus.ir.function import AbiParam, Block, BlockCall, Function, Signature
from grus.ir.liveness import Liveness
from grus.ir.loops import LoopTree
from grus.ir.verifier import verify


def start() -> tuple[FunctionBuilder, int]:
    func = Function("%scale", Signature([AbiParam(T.I32)], [AbiParam(T.I32)]))
    b = FunctionBuilder(func, checked=False)
    x = b.declare_var(T.I32)
    b.def_var(x, b.entry_block().params[0])
    return b, x


def change(b: FunctionBuilder, x: int) -> None:
    b.def_var(x, b.iadd(b.use_var(x), b.iconst(T.I32, 1)))


def ladder(size: int) -> Function:
    b, x = start()
    end = b.create_block()
    for _ in range(size // 3):
        change(b, x)
        on = b.create_block()
        b.brif(b.use_var(x), on, (), end, ())
        b.seal_block(on)
        b.switch_to_block(on)
    b.jump(end)
    b.seal_block(end)
    b.switch_to_block(end)
    b.return_([b.use_var(x)])
    return b.finalize()


def nest(size: int) -> Function:
    """Each loop: a header, and a latch that changes the variable; two blocks, four instructions."""
    b, x = start()
    headers: list[Block] = []
    for _ in range(size // 4):
        header = b.create_block()
        b.jump(header)
        b.switch_to_block(header)
        headers.append(header)
    for header in reversed(headers):
        change(b, x)
        after = b.create_block()
        b.brif(b.use_var(x), header, (), after, ())
        b.seal_block(header)
        b.seal_block(after)
        b.switch_to_block(after)
    b.return_([b.use_var(x)])
    return b.finalize()


def latch(size: int) -> Function:
    b, x = start()
    calls: list[BlockCall] = []
    for _ in range(size // 3):
        header = b.create_block()
        b.jump(header)
        b.switch_to_block(header)
        change(b, x)
        calls.append(BlockCall(header, []))
    after = b.create_block()
    b.br_table(b.use_var(x), BlockCall(after, []), calls)
    b.seal_all_blocks()
    b.switch_to_block(after)
    b.return_([b.use_var(x)])
    return b.finalize()


def printer_and_parser() -> tuple[Callable[[Function], str], Callable[[str], object]] | None:
    try:
        from grus.ir.parser import parse_file
        from grus.ir.printer import print_function
    except ImportError:
        return None
    return print_function, parse_file


def measure(make: Callable[[int], Function], size: int) -> dict[str, float]:
    times: dict[str, float] = {}

    def timed(name: str, action: Callable[[], object]) -> object:
        gc.collect()
        begin = time.perf_counter()
        result = action()
        times[name] = (time.perf_counter() - begin) * 1000
        return result

    func = timed("build", lambda: make(size))
    assert isinstance(func, Function)
    cfg = timed("cfg", lambda: ControlFlowGraph(func))
    assert isinstance(cfg, ControlFlowGraph)
    tree = timed("domtree", lambda: DomTree(func, cfg))
    assert isinstance(tree, DomTree)
    timed("postdom", lambda: PostDomTree(func, cfg))
    timed("loops", lambda: LoopTree(func, cfg, tree))
    live = timed("liveness", lambda: Liveness(func, cfg))
    assert isinstance(live, Liveness)
    if make is not latch:  # there the answer itself is quadratic
        timed("live-in", lambda: [live.live_in(v) for v in live.values])
    errors = timed("verify", lambda: verify(func))
    assert errors == []
    text = printer_and_parser()
    if text is not None:
        print_function, parse_file = text
        printed = timed("print", lambda: print_function(func))
        assert isinstance(printed, str)
        timed("parse", lambda: parse_file(printed))
    func.dispose()
    return times


def main() -> None:
    gc.disable()

    def mixed(size: int) -> Function:
        return mix(size, False)

    for name, make in (("mix", mixed), ("ladder", ladder), ("nest", nest), ("latch", latch)):
        table = [measure(make, size) for size in (1_000, 10_000, 100_000)]
        print(f"{name:10}{'1k':>10}{'10k':>10}{'100k':>10}")
        for step in table[0]:
            print(f"  {step:8}" + "".join([f"{times[step]:10.1f}" for times in table]))


if __name__ == "__main__":
    main()
