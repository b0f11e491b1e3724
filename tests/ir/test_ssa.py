from __future__ import annotations

import random

import pytest

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.builder import FunctionBuilder
from grus.ir.data import DataValue
from grus.ir.function import (
    NIL,
    AbiParam,
    Block,
    BlockCall,
    Function,
    Signature,
    StackSlot,
    Value,
)
from grus.ir.interpreter import Interpreter, InterpreterTrap
from grus.testing import gen_clif
from tests.ir.graphs import nested_loops, random_graph

VARS = 3


def build(
    succs: list[list[int]], rng: random.Random, early: bool
) -> tuple[Function, list[Block], list[list[tuple[int, int, int]]]]:
    """A function of this shape whose blocks do `a = b + constant` on variables.

    `early` seals each block as soon as all its predecessors are filled, else all at the end.
    """
    func = Function("%f", Signature([AbiParam(T.I32)]))
    b = FunctionBuilder(func)
    cond = b.entry_block().params[0]
    blocks = [func.blocks[0]] + [b.create_block() for _ in succs[1:]]
    variables = [b.declare_var(T.I32) for _ in range(VARS)]
    waiting = [0] * len(succs)
    for targets in succs:
        for t in targets:
            waiting[t] += 1
    steps: list[list[tuple[int, int, int]]] = []
    for num, targets in enumerate(succs):
        b.switch_to_block(blocks[num])
        if early and num and not waiting[num] and not b.ssa.is_sealed(blocks[num]):
            b.seal_block(blocks[num])
        todo = [
            (rng.randrange(VARS), rng.randrange(VARS), rng.randrange(1, 1000))
            for _ in range(rng.randrange(3))
        ]
        steps.append(todo)
        for to, source, constant in todo:
            old = b.use_var(variables[source])
            b.def_var(variables[to], b.iadd(old, b.iconst(T.I32, constant)))
        if not targets:
            b.return_()
        elif len(targets) == 1:
            b.jump(blocks[targets[0]])
        elif len(targets) == 2:
            b.brif(cond, blocks[targets[0]], (), blocks[targets[1]], ())
        else:
            calls = [BlockCall(blocks[t], []) for t in targets]
            b.br_table(cond, calls[0], calls[1:])
        for t in targets:
            waiting[t] -= 1
            if early and not waiting[t] and t <= num:
                b.seal_block(blocks[t])
    b.finalize()
    return func, blocks, steps


def check_no_alias_and_no_trivial_params(func: Function) -> None:
    edges: dict[int, list[list[Value]]] = {}
    for block in func.blocks:
        for inst in block.insts:
            operands = [inst.a, inst.b, inst.c, *inst.args]
            for call in inst.targets:
                assert len(call.args) == len(call.block.params)
                operands += call.args
                edges.setdefault(call.block.num, []).append(call.args)
            assert all(v.op != ops.ALIAS for v in operands)
    for block in func.blocks[1:]:
        for index, param in enumerate(block.params):
            assert param.imm == index and param.op == ops.PARAM
            others = {args[index] for args in edges.get(block.num, [])} - {param}
            assert len(others) > 1


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("seed", range(60))
def test_every_path_computes_what_the_variables_would(seed: int, early: bool) -> None:
    rng = random.Random(seed)
    succs = random_graph(rng, rng.randrange(1, 12))
    func, blocks, steps = build(succs, rng, early)
    check_no_alias_and_no_trivial_params(func)
    for _ in range(20):
        env: dict[Value, int] = {func.blocks[0].params[0]: 0}
        variables = [0] * VARS
        num = 0
        for _ in range(60):
            results = []
            for inst in blocks[num].insts:
                if inst.op == ops.ICONST:
                    env[inst] = inst.imm
                elif inst.op == ops.IADD:
                    env[inst] = env[inst.a] + env[inst.b]
                    results.append(env[inst])
            expected = []
            for to, source, constant in steps[num]:
                variables[to] = variables[source] + constant
                expected.append(variables[to])
            assert results == expected
            if not succs[num]:
                break
            which = rng.randrange(len(succs[num]))
            call = blocks[num].insts[-1].targets[which]
            values = [env[v] for v in call.args]
            env.update(zip(call.block.params, values, strict=True))
            num = succs[num][which]


def test_a_variable_that_a_loop_leaves_alone_gets_no_parameter() -> None:
    func = Function("%f", Signature([AbiParam(T.I32)], [AbiParam(T.I32)]))
    b = FunctionBuilder(func)
    entry = b.entry_block()
    kept, counted = b.declare_var(T.I32), b.declare_var(T.I32)
    b.def_var(kept, entry.params[0])
    b.def_var(counted, entry.params[0])
    with b.loop() as loop:
        loop.break_if(b.use_var(kept))
        b.def_var(counted, b.iadd(b.use_var(counted), b.use_var(kept)))
        with b.loop() as inner:
            inner.break_if(b.use_var(kept))
    add = b.iadd(b.use_var(kept), b.use_var(counted))
    b.return_([add])
    b.finalize()
    assert len(loop.header.params) == 1
    assert not inner.header.params and not loop.after.params
    assert add.a is entry.params[0] and add.b is loop.header.params[0]


@pytest.mark.parametrize("ty", [T.I8, T.I64, T.I128, T.F16, T.F32, T.F64, T.F128, T.I32X4])
def test_a_variable_never_set_reads_as_zero(ty: int) -> None:
    func = Function("%f", Signature([], [AbiParam(ty)]))
    b = FunctionBuilder(func)
    b.entry_block()
    b.return_([b.use_var(b.declare_var(ty))])
    b.finalize()
    zero = func.blocks[0].insts[-1].args[0]
    assert zero.ty == ty and zero.block is func.blocks[0]
    low = zero if zero.a is NIL else zero.a
    assert low.imm == 0 and low.ext in (None, bytes(T.size(ty)))


def test_a_circle_of_unreachable_blocks_ends() -> None:
    func = Function("%f", Signature())
    b = FunctionBuilder(func)
    b.entry_block()
    b.return_()
    one, two = b.create_block(), b.create_block()
    b.switch_to_block(one)
    b.jump(two)
    b.switch_to_block(two)
    b.jump(one)
    b.seal_all_blocks()
    b.func.blocks[1].insts.pop()
    b.switch_to_block(one)
    assert b.use_var(b.declare_var(T.I32)).op == ops.ICONST


def test_deep_nests_do_not_recurse() -> None:
    rng = random.Random(1)
    for early in (True, False):
        func, _, _ = build(nested_loops(10_000), rng, early)
        check_no_alias_and_no_trivial_params(func)


class SlotBuilder:
    """A FunctionBuilder that keeps variables in stack slots: SSA construction must agree with it.

    Not a subclass: a compiled class cannot have one.
    """

    def __init__(self, func: Function) -> None:
        self.b = FunctionBuilder(func)
        self.slots: list[tuple[int, StackSlot]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.b, name)

    def declare_var(self, ty: int) -> int:
        slot = self.b.func.add_stack_slot(StackSlot(T.size(ty), 16))
        self.slots.append((ty, slot))
        return len(self.slots) - 1

    def def_var(self, var: int, value: Value) -> None:
        _, slot = self.slots[var]
        self.b.store(value, self.b.stack_addr(T.I64, slot))

    def use_var(self, var: int) -> Value:
        ty, slot = self.slots[var]
        return self.b.load(ty, self.b.stack_addr(T.I64, slot))


@pytest.mark.parametrize("traps", [False, True])
def test_variables_are_what_stack_slots_would_be(
    traps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = gen_clif.Options(traps=traps, try_calls=traps)
    for seed in range(60):
        outcomes = []
        for builder in (FunctionBuilder, SlotBuilder):
            monkeypatch.setattr(gen_clif, "FunctionBuilder", builder)
            funcs = gen_clif.generate(seed, 40, options)
            interpreter = Interpreter({f.name: f for f in funcs})
            heap = interpreter.define_data("%heap", bytes(gen_clif.HEAP_SIZE))
            patterns = gen_clif.arguments(seed, funcs[0], heap)
            args = [
                DataValue(p.ty, bits) for p, bits in zip(funcs[0].sig.params, patterns, strict=True)
            ]
            outcome: object
            try:
                outcome = interpreter.call("%f0", args)
            except InterpreterTrap as trap:
                outcome = str(trap)
            outcomes.append((outcome, interpreter.memory.read(heap, gen_clif.HEAP_SIZE)))
        assert outcomes[0] == outcomes[1], seed
