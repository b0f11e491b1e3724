"""Fuzzing of the IR by structure: `python -m grus.testing.fuzz_ir [COUNT [FIRST_SEED]]`.

For each seed a file of valid functions must pass the verifier and every analysis, print to text
that parses back to what prints the same, and come to an end in the interpreter. Then the functions
are broken at random: the verifier must answer with a list of errors, never with an exception.
"""

from __future__ import annotations

import contextlib
import random
import sys

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.cfg import ControlFlowGraph
from grus.ir.data import DataValue
from grus.ir.domtree import DomTree, PostDomTree
from grus.ir.function import NIL, Block, Function, Signature, StackSlot
from grus.ir.interpreter import Interpreter, InterpreterTrap
from grus.ir.liveness import Liveness
from grus.ir.loops import LoopTree
from grus.ir.parser import parse_function
from grus.ir.printer import print_function
from grus.ir.verifier import check, verify
from grus.testing.gen_clif import HEAP_SIZE, Options, arguments, generate

OPTIONS = (
    Options(),
    Options(traps=True, try_calls=True, functions=4),
    Options(floats=False, calls=False),
    Options(vectors=True, wide_floats=True, target_opcodes=True),
)


def fuzz(seed: int) -> int:
    """One input; raises what is wrong. Gives the number of functions that it made."""
    funcs = generate(seed, 20, OPTIONS[seed % len(OPTIONS)])
    for func in funcs:
        check(func)
        cfg = ControlFlowGraph(func)
        tree = DomTree(func, cfg)
        PostDomTree(func, cfg)
        LoopTree(func, cfg, tree)
        Liveness(func, cfg).live_in_sets()
        round_trip(func)
    run(seed, funcs)
    rng = random.Random(seed)
    for _ in range(rng.randrange(1, 4)):
        mutate(rng, funcs)
    verify(funcs[0])
    return len(funcs)


def round_trip(func: Function) -> None:
    """Print, parse, verify, print: the same text."""
    text = print_function(func)
    again = parse_function(text)
    check(again)
    if print_function(again) != text:
        raise AssertionError(f"printing changed:\n{text}\n{print_function(again)}")


def run(seed: int, funcs: list[Function]) -> None:
    """Run the first function; a trap is an end too."""
    interpreter = Interpreter({f.name: f for f in funcs}, max_steps=1_000_000)
    heap = interpreter.define_data("%heap", bytes(HEAP_SIZE))
    patterns = arguments(seed, funcs[0], heap)
    params = funcs[0].sig.params
    with contextlib.suppress(InterpreterTrap):
        interpreter.call(
            "%f0", [DataValue(p.ty, bits) for p, bits in zip(params, patterns, strict=True)]
        )


def mutate(rng: random.Random, funcs: list[Function]) -> None:
    """Break something of the first function."""
    func = funcs[0]
    block = rng.choice(func.blocks)
    values = [v for b in func.blocks for v in [*b.params, *b.insts]]
    other = [v for b in funcs[-1].blocks for v in [*b.params, *b.insts]]
    some = rng.choice([*values, rng.choice(other), NIL])
    victim = rng.choice(values)
    kind = rng.randrange(16)
    if kind < 3:
        setattr(victim, "abc"[kind], some)
    elif kind == 3:
        victim.ty = rng.choice([0, 1, T.I32, T.F64X2, T.I8X16 + T.DYNAMIC_BASE, 600, -1])
    elif kind == 4:
        victim.op = rng.randrange(len(ops.ROWS) + 2)
    elif kind == 5:
        victim.imm = rng.choice([-1, 1 << 70, 300, 5])
    elif kind == 6:
        victim.ext = rng.choice([None, b"", 3, some.ext, Signature(), StackSlot(4), Block(3)])
    elif kind == 7:
        victim.args = (*victim.args, some)
    elif kind == 8:
        victim.num = rng.randrange(-1, func.num_values + 2)
    elif kind == 9:
        rng.shuffle(block.insts)
    elif kind == 10:
        if block.insts:
            block.insts.pop()
    elif kind == 11:
        block.num = rng.randrange(-1, func.num_blocks + 2)
    elif kind == 12:
        func.blocks.append(rng.choice(funcs[-1].blocks))
    elif kind == 13:
        victim.targets = some.targets
    elif kind == 14:
        victim.results = (some,)
    else:
        victim.block = some.block


def main(words: list[str]) -> int:
    count = int(words[0]) if words else 1000
    first = int(words[1]) if len(words) > 1 else 0
    made = 0
    for seed in range(first, first + count):
        try:
            made += fuzz(seed)
        except Exception as error:
            print(f"seed {seed}: {type(error).__name__}: {error}")
            return 1
    print(f"{count} seeds, {made} functions: no error")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
