"""Fuzzing of the optimizer: a function means the same before and after.

    python -m grus.testing.fuzz_opt [first seed] [count] [--size N] [--native] [--all-rules]

For each seed random functions (`gen_clif`) run in the interpreter, are optimized by a random list
of passes (some after inlining and unrolling) with the verifier after each, and run again: results,
traps and the heap must agree. Some functions get branches that ask what others have asked,
and parameters that are like others.
With `--native` the optimized functions also run as machine code.
Of every 500 seeds the second half goes without some of the rules, which depend on the seeds
(`--all-rules`: with all). Counts are printed every 500 seeds.
"""

from __future__ import annotations

import argparse
import ctypes
import random
import sys
from typing import Final

from grus.backend.x64.target import TARGET
from grus.base.errors import GrusError, Unsupported
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir import verifier
from grus.ir.cfg import ControlFlowGraph
from grus.ir.data import DataValue
from grus.ir.domain import InterpreterTrap
from grus.ir.domtree import DomTree
from grus.ir.function import Block, BlockCall, Function, Value
from grus.ir.interpreter import Interpreter
from grus.ir.memory import HEAP_BASE
from grus.opt import pipeline, simplify
from grus.opt.passes import inline, unroll
from grus.opt.rules.base import all_rules
from grus.testing import fuzz_native
from grus.testing.gen_clif import HEAP_SIZE, Options, arguments, generate
from grus.testing.run_native import NativeRunner

OPTIONS = (
    Options(),
    Options(traps=True, try_calls=True, functions=4),
    Options(floats=False, calls=False),
    Options(vectors=True, wide_floats=True, target_opcodes=True),
    Options(traps=True, floats=False, i128=False),
)
CALLS = 2
"""How often each file's first function is called, with other arguments."""
MAX_STEPS = 100_000

Outcome = tuple[list[DataValue] | str, bytes]


def behaviour(functions: list[Function], seed: int) -> list[Outcome]:
    """Results (or the trap) and the heap of each call of the first function."""
    outcomes: list[Outcome] = []
    func = functions[0]
    for call in range(CALLS):
        interpreter = Interpreter({f.name: f for f in functions}, max_steps=MAX_STEPS)
        interpreter.memory.heap.extend(bytes(HEAP_SIZE))
        patterns = arguments(seed + call, func, HEAP_BASE)
        args = [DataValue(p.ty, b) for p, b in zip(func.sig.params, patterns, strict=True)]
        result: list[DataValue] | str
        try:
            result = interpreter.call(func.name, args)
        except InterpreterTrap as trap:
            result = str(trap)
        outcomes.append((result, bytes(interpreter.memory.heap[:HEAP_SIZE])))
    return outcomes


def random_passes(rng: random.Random) -> list[str]:
    """A list of passes that is allowed."""
    if rng.random() < 0.3:
        return list(pipeline.LEVELS["speed"])
    names = ["resolve", "control"]
    others = [name for name in pipeline.PASSES if name != "resolve"]
    return names + rng.choices(others, k=rng.randrange(1, 7))


def repeat_conditions(func: Function, rng: random.Random) -> None:
    """Let branches ask what others have asked before them, and hand constants to blocks: what
    jump threading wants."""
    domtree = DomTree(func, ControlFlowGraph(func))
    blocks = {block.num: block for block in func.blocks}
    for block in func.blocks:
        last = block.insts[-1]
        if last.op not in (ops.JUMP, ops.BRIF, ops.BR_TABLE):
            continue
        if last.op == ops.BRIF and rng.random() < 0.6:
            above: list[Value] = [p for p in block.params if T.is_int(p.ty) and p.ty != T.I128]
            num = domtree.idom[block.num]
            while num >= 0:
                if blocks[num].insts[-1].op == ops.BRIF:
                    above.append(blocks[num].insts[-1].a)
                num = domtree.idom[num]
            if above:
                last.a = again(func, block, rng.choice(above), rng)
        for call in last.targets:
            for index, param in enumerate(call.block.params):
                if T.is_int(param.ty) and param.ty != T.I128 and rng.random() < 0.3:
                    constant = func.new_value(ops.ICONST, param.ty, block)
                    constant.imm = rng.choice((0, 0, 1, 1, 2, -1))
                    block.insts.insert(len(block.insts) - 1, constant)
                    call.args[index] = constant


def double_params(func: Function, rng: random.Random) -> None:
    """Let blocks have parameters that begin and step as others do, or nearly so, and use either:
    what merging of induction variables wants."""
    domtree = DomTree(func, ControlFlowGraph(func))
    edges: dict[int, list[tuple[Block, BlockCall]]] = {}
    for block in func.blocks:
        for call in block.insts[-1].targets:
            edges.setdefault(call.block.num, []).append((block, call))
    for block in func.blocks[1:]:
        ways = edges.get(block.num, [])
        if any([source.insts[-1].ext is not None for source, _ in ways]):
            continue  # a call
        for param in list(block.params):
            if not T.is_int(param.ty) or param.ty == T.I128 or rng.random() < 0.4:
                continue
            other = func.add_param(block, param.ty)
            for source, call in ways:
                arg = call.args[param.imm]
                if domtree.dominates(block.num, source.num) and rng.random() < 0.7:
                    pair = [func.new_value(ops.IADD, param.ty, source) for _ in range(2)]
                    for made, old in zip(pair, (param, other), strict=True):
                        made.a, made.b = old, arg
                        source.insts.insert(len(source.insts) - 1, made)
                    call.args[param.imm], arg = pair
                if rng.random() < 0.1:
                    arg = call.args[0] if call.args[0].ty == arg.ty else arg
                call.args.append(arg)
            for inst in block.insts[:-1]:
                if inst.b is param and rng.random() < 0.5:
                    inst.b = other


def again(func: Function, block: Block, condition: Value, rng: random.Random) -> Value:
    """The condition, or a comparison that says the same or the opposite."""
    if condition.op != ops.ICMP or rng.random() < 0.3:
        return condition
    made = func.new_value(ops.ICMP, condition.ty, block)
    made.a, made.b, made.imm = condition.a, condition.b, condition.imm
    if rng.random() < 0.5:
        made.imm = ops.INT_CC_INVERSE[made.imm]
    if rng.random() < 0.3:
        made.a, made.b, made.imm = made.b, made.a, ops.INT_CC_SWAPPED[made.imm]
    block.insts.insert(len(block.insts) - 1, made)
    return made


def optimize(functions: list[Function], names: list[str]) -> None:
    """Optimize with the verifier after each pass. Raises AssertionError."""
    pipeline.check(names)
    for func in functions:

        def after(name: str, func: Function = func) -> None:
            errors = verifier.verify(func)
            if errors:
                raise AssertionError(f"{func.name} after {name}: {errors[0]}")

        pipeline.run_passes(func, {}, names, after)


def run_one(seed: int, size: int, native: bool) -> str:
    """ "ok", or what differs."""
    rng = random.Random(seed)
    options = OPTIONS[seed % len(OPTIONS)]
    if native:
        options = Options(allows=fuzz_native.allows)
    functions = generate(seed, size, options)
    if rng.random() < 0.4:
        for func in functions:
            repeat_conditions(func, rng)
            if rng.random() < 0.5:
                double_params(func, rng)
            verifier.check(func)
    try:
        before = behaviour(functions, seed)
    except GrusError as error:
        return f"not run: {type(error).__name__}"
    if rng.random() < 0.3:
        by_name = {func.name: func for func in functions}
        inline.run(functions[0], lambda caller, call, ref: by_name.get(ref.name))
        verifier.check(functions[0])
    if rng.random() < 0.3:
        for func in functions:
            unroll.run(func, every_loop=True)
            verifier.check(func)
    names = random_passes(rng)
    optimize(functions, names)
    after = behaviour(functions, seed)
    if after != before:
        return f"differs after {' '.join(names)}"
    return run_native(functions, seed, before) if native else "ok"


def run_native(functions: list[Function], seed: int, expected: list[Outcome]) -> str:
    settings = TARGET.settings()
    settings.set("regalloc_checker", "true")
    settings.set("regalloc_algorithm", "single_pass")
    try:
        runner = NativeRunner(functions, TARGET, settings)
    except Unsupported:
        return "not run: Unsupported"
    func = functions[0]
    for call, (results, heap) in enumerate(expected):
        if isinstance(results, str):
            continue
        ctypes.memset(HEAP_BASE, 0, HEAP_SIZE)
        patterns = arguments(seed + call, func, HEAP_BASE)
        args = [DataValue(p.ty, b) for p, b in zip(func.sig.params, patterns, strict=True)]
        if runner.call(func.name, args) != results:
            return "machine code differs"
        if ctypes.string_at(HEAP_BASE, HEAP_SIZE) != heap:
            return "machine code differs in the heap"
    runner.free()
    return "ok"


BLOCK: Final = 250
"""Seeds that share the set of rules."""


def use_rules_of(block: int) -> None:
    """The rules that the seeds of a block have: all, or without a random part."""
    if not block % 2:
        simplify.use_rules(simplify.load_rules())
        return
    rng = random.Random(f"rules {block}")
    share = rng.choice((0.05, 0.3, 0.7))
    names = [rule.name for rule in all_rules().rules]
    simplify.use_rules(simplify.load_rules(frozenset(n for n in names if rng.random() < share)))


def main(argv: list[str]) -> int:
    """Run a range of seeds; 1 when anything differs."""
    parser = argparse.ArgumentParser(prog="fuzz_opt", description="Optimize random functions.")
    parser.add_argument("first", nargs="?", type=int, default=0, help="first seed")
    parser.add_argument("count", nargs="?", type=int, default=100, help="how many seeds")
    parser.add_argument("--size", type=int, default=40, help="instructions of a function, about")
    parser.add_argument("--native", action="store_true", help="run machine code, too")
    parser.add_argument("--all-rules", action="store_true", help="disable none")
    given = parser.parse_args(argv)
    if given.native:
        fuzz_native.map_heap()
    counts: dict[str, int] = {}
    failed = 0
    last = -1
    for seed in range(given.first, given.first + given.count):
        if not given.all_rules and seed // BLOCK != last:
            last = seed // BLOCK
            use_rules_of(last)
        try:
            outcome = run_one(seed, given.size, given.native)
        except (GrusError, AssertionError, AttributeError, IndexError, KeyError) as error:
            outcome = f"{type(error).__name__}: {error}"
        if not outcome.startswith(("ok", "not run")):
            failed += 1
            print(f"seed {seed}: {outcome[:300]}", flush=True)
            outcome = "failed"
        counts[outcome] = counts.get(outcome, 0) + 1
        done = seed + 1 - given.first
        if done % (2 * BLOCK) == 0 or done == given.count:
            text = ", ".join([f"{number} {key}" for key, number in sorted(counts.items())])
            print(f"{done} seeds: {text}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
