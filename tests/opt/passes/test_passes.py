"""The optimizer's passes: goldens, the pipeline's constraints, random functions, large functions."""

from __future__ import annotations

import gc
import os
import time
from pathlib import Path

import pytest

from grus.cli.clif import main
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir import verifier
from grus.ir.builder import FunctionBuilder
from grus.ir.function import AbiParam, Function, Signature
from grus.ir.parser import parse_function
from grus.opt import pipeline
from grus.opt.passes import inline, memory
from grus.testing import filetest, fuzz_opt, optimize_kinds
from grus.testing.gen_clif import generate

ROOT = Path(__file__).parent.parent.parent.parent
CLIF = ROOT / "tests" / "clif" / "opt"
FILETESTS = os.environ.get("GRUS_CLIF_FILETESTS", "")


@pytest.mark.parametrize("path", sorted(CLIF.glob("*.clif")), ids=lambda p: p.name)
def test_goldens(path: Path) -> None:
    for result in filetest.run_file(path):
        assert result.status == "passed", str(result)


def test_levels_are_possible() -> None:
    for names in pipeline.LEVELS.values():
        pipeline.check(names)
    with pytest.raises(pipeline.PipelineError, match="requires"):
        pipeline.check(["gvn"])
    with pytest.raises(pipeline.PipelineError, match="no pass"):
        pipeline.check(["resolve", "everything"])
    with pytest.raises(pipeline.PipelineError, match="no level"):
        pipeline.optimize(Function("%f", Signature()), {}, "fastest")


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_random_functions_mean_the_same(first: int) -> None:
    for seed in range(first, first + 20):
        outcome = fuzz_opt.run_one(seed, 40, False)
        assert outcome.startswith(("ok", "not run")), (seed, outcome)


# ---- inlining ----

CALLEE = """function %g(i32) -> i32 {
    fn0 = %g(i32) -> i32
block0(v0: i32):
    v1 = call fn0(v0)
    return v1
}
"""


def test_recursive_inlining_ends() -> None:
    func = parse_function(CALLEE.replace("function %g", "function %f"))
    callee = parse_function(CALLEE)
    assert inline.run(func, lambda caller, call, ref: callee)
    verifier.check(func)
    assert len(func.blocks) < 40


def test_a_call_that_does_not_fit_stays() -> None:
    func = parse_function(CALLEE.replace("function %g", "function %f"))
    other = parse_function("function %g(i64) -> i32 {\nblock0(v0: i64):\n trap user1\n}\n")
    assert not inline.run(func, lambda caller, call, ref: other)
    assert not inline.run(func, lambda caller, call, ref: None)


# ---- cost ----


def straight(count: int) -> Function:
    """One block with many equal values, loads and stores."""
    func = Function("%f", Signature([AbiParam(T.I64)], [AbiParam(T.I64)]))
    b = FunctionBuilder(func, checked=False)
    x = base = b.entry_block().params[0]
    for index in range(count):
        x = b.iadd(b.bxor(x, base), b.load(T.I64, base, 8 * index))
        b.store(x, base, 8 * index)
    b.return_([x])
    return b.finalize()


def diamonds(count: int) -> Function:
    """A chain of branches around empty blocks, with parameters handed on."""
    func = Function("%f", Signature([AbiParam(T.I64)], [AbiParam(T.I64)]))
    b = FunctionBuilder(func, checked=False)
    x = b.entry_block().params[0]
    for index in range(count):
        then, other, join = b.create_block(), b.create_block(), b.create_block()
        param = b.append_block_param(join, T.I64)
        b.brif(b.icmp(ops.NE, x, b.iconst(T.I64, index)), then, (), other, ())
        for block in (then, other):
            b.switch_to_block(block)
            b.jump(join, [x])
        b.switch_to_block(join)
        x = param
    b.return_([x])
    return b.finalize()


def decided(count: int) -> Function:
    """A chain of branches, every second of which the one above it has decided; values of all blocks
    are used at the end."""
    func = Function("%f", Signature([AbiParam(T.I64)], [AbiParam(T.I64)]))
    b = FunctionBuilder(func, checked=False)
    x = condition = b.entry_block().params[0]
    far = [x]
    for index in range(count):
        blocks = [b.create_block() for _ in range(3)]
        chosen, sum_ = [b.append_block_param(blocks[2], T.I64) for _ in range(2)]
        if not index % 2:
            condition = b.icmp(ops.NE, x, b.iconst(T.I64, index))
        b.brif(condition, blocks[0], (), blocks[1], ())
        for number, block in enumerate(blocks[:2]):
            b.switch_to_block(block)
            b.jump(blocks[2], [b.iconst(T.I64, number), b.iadd(x, x) if number else x])
        b.switch_to_block(blocks[2])
        condition, x = chosen, sum_
        far.append(b.bxor(chosen, sum_))
    for value in far:
        x = b.bxor(x, value)
    b.return_([x])
    return b.finalize()


def counted(count: int) -> Function:
    """A chain of loops with bounds checks; values of all of them are used at the end."""
    func = Function("%f", Signature([AbiParam(T.I64)] * 3, [AbiParam(T.I64)]))
    b = FunctionBuilder(func, checked=False)
    start, end, bound = b.entry_block().params
    one = b.iconst(T.I64, 1)
    far = [one]
    for _ in range(count):
        header, after = b.create_block(), b.create_block()
        x = b.append_block_param(header, T.I64)
        b.jump(header, [start])
        b.switch_to_block(header)
        b.trapnz(b.icmp(ops.UGE, x, bound), 1)
        following = b.iadd(x, one)
        b.brif(b.icmp(ops.NE, following, end), header, [following], after, ())
        b.switch_to_block(after)
        far.append(x)
    total = one
    for value in far:
        total = b.bxor(total, value)
    b.return_([total])
    return b.finalize()


def loops(depth: int) -> Function:
    """Loops in loops, all with the same invariant value."""
    func = Function("%f", Signature([AbiParam(T.I64)], [AbiParam(T.I64)]))
    b = FunctionBuilder(func, checked=False)
    x = b.entry_block().params[0]
    headers = []
    for _ in range(depth):
        header = b.create_block()
        headers.append(header)
        b.jump(header)
        b.switch_to_block(header)
    y = b.imul(x, b.iadd(x, x))
    b.store(y, x)
    for header in reversed(headers):
        after = b.create_block()
        b.brif(b.load(T.I64, x), header, (), after, ())
        b.switch_to_block(after)
    b.return_([y])
    return b.finalize()


@pytest.mark.parametrize(
    ("make", "size"),
    [(straight, 2000), (diamonds, 1000), (decided, 500), (counted, 100), (loops, 300)],
    ids=("straight", "diamonds", "decided", "counted", "loops"),
)
def test_cost_is_linear(make: object, size: int) -> None:
    """Eight times the size takes eight times as long; 24 leaves room for noise, 64 is quadratic."""
    assert callable(make)
    pipeline.optimize(make(10), {}, "speed")  # loads the rules

    def seconds(count: int) -> float:
        func = make(count)
        gc.disable()  # its cost grows with all that lives
        start = time.process_time()
        pipeline.optimize(func, {}, "speed")
        spent = time.process_time() - start
        gc.enable()
        verifier.check(func)
        return spent

    # In turns: a machine that gets busy meanwhile slows both alike.
    pairs = [(seconds(size), seconds(8 * size)) for _ in range(2)]
    small, large = [min(times) for times in zip(*pairs, strict=True)]
    assert large < 24 * small + 0.05


# ---- wasm code ----


def test_every_loop_of_wasm_polls() -> None:
    """What is left without the blocks that poll has no cycle, before and after."""
    from grus.engine.layout import InstanceLayout
    from grus.engine.translate.func import translate
    from grus.engine.translate.info import GUARDED, ModuleInfo
    from grus.wasm.decode import decode

    wasm = decode((ROOT / "examples" / "hello.wasm").read_bytes())
    layout = InstanceLayout(
        wasm.num_imported_funcs, len(wasm.funcs), len(wasm.tables), len(wasm.memories),
        wasm.num_imported_globals, len(wasm.globals),
    )  # fmt: skip
    info = ModuleInfo(wasm, layout, [GUARDED] * len(wasm.memories))
    loops = 0
    for index in range(wasm.num_imported_funcs, len(wasm.funcs)):
        func = translate(info, index)
        assert not has_cycle(func)
        small = translate(info, index)
        pipeline.optimize(small, {}, "speed_and_size")
        pipeline.optimize(func, {}, "speed")
        verifier.check(func)
        assert not has_cycle(func), func.name
        loops += len(func.blocks) > len(small.blocks)
    assert loops  # some were unrolled


def has_cycle(func: Function) -> bool:
    """Whether some blocks that do not poll are a cycle."""
    polls = {
        block.num
        for block in func.blocks
        if block.insts[-1].op == ops.BRIF
        and any([memory.is_poll(inst) for inst in block.insts[-1].targets[0].block.insts])
    }
    succs = {
        block.num: [call.block.num for call in block.insts[-1].targets if block.num not in polls]
        for block in func.blocks
    }
    arrivals = dict.fromkeys(succs, 0)
    for targets in succs.values():
        for num in targets:
            arrivals[num] += 1
    work = [num for num, count in arrivals.items() if not count]
    done = 0
    while work:
        done += 1
        for num in succs[work.pop()]:
            arrivals[num] -= 1
            if not arrivals[num]:
                work.append(num)
    return done < len(succs)


# ---- memory of the compiler ----


def test_nothing_is_left_for_the_collector() -> None:
    """What passes take out of a function is freed with it by reference counting."""
    pipeline.optimize(straight(10), {}, "speed")
    left = 0
    for seed in range(20):
        functions = generate(seed, 40, fuzz_opt.OPTIONS[seed % len(fuzz_opt.OPTIONS)])
        gc.collect()
        gc.disable()
        for func in functions:
            pipeline.optimize(func, {}, "speed")
            func.dispose()
        del func, functions
        left += gc.collect()
        gc.enable()
    assert left == 0


# ---- against Cranelift ----


@pytest.mark.skipif(not FILETESTS, reason="GRUS_CLIF_FILETESTS does not name Cranelift's filetests")
@pytest.mark.parametrize("directory", ["egraph", "alias", "inline"])
def test_cranelifts_files_stay_valid(directory: str) -> None:
    for path in filetest.find_files([str(Path(FILETESTS) / directory)]):
        optimize_kinds.count_file(str(path))  # raises Failure


# ---- the command ----


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "f.clif"
    path.write_text(
        "function %f(i32) -> i32 {\nblock0(v0: i32):\n jump block1(v0)\n"
        "block1(v1: i32):\n return v1\n}\n"
    )
    assert main(["opt", "--passes", "resolve,control", str(path)]) == 0
    assert capsys.readouterr().out.count("block") == 1
    assert main(["opt", "--list-passes"]) == 0
    assert "licm" in capsys.readouterr().out
