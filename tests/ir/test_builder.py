from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.builder import FunctionBuilder
from grus.ir.function import AbiParam, BlockCall, FuncRef, Function, IRError, Signature, mem_flags
from grus.ir.inst_builder import InstBuilder
from tools import gen_builder


def start(params: list[int], returns: list[int] | None = None) -> FunctionBuilder:
    sig = Signature([AbiParam(t) for t in params], [AbiParam(t) for t in returns or []])
    b = FunctionBuilder(Function("%f", sig))
    b.entry_block()
    return b


def test_generated_methods_are_those_of_the_table() -> None:
    ruff = shutil.which("ruff", path=f"{sys.prefix}/bin") or shutil.which("ruff")
    if ruff is None:
        pytest.skip("needs ruff to format the generated text")
    done = subprocess.run(
        [ruff, "format", "-q", "--stdin-filename", str(gen_builder.TARGET), "-"],
        input=gen_builder.source(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == gen_builder.TARGET.read_text(), "run python -m tools.gen_builder"


def test_there_is_a_method_for_every_opcode() -> None:
    for row in ops.ROWS[ops.FIRST_REAL :]:
        name = row.name + "_" if row.name == "return" else row.name
        assert name in vars(InstBuilder), row.name


def test_operands_and_immediates_go_to_their_fields() -> None:
    b = start([T.I64, T.I32])
    p, x = b.block.params
    flags = mem_flags(aligned=True)
    load = b.load(T.I32, p, 8, flags)
    assert (load.op, load.ty, load.a, load.imm, load.ext) == (ops.LOAD, T.I32, p, 8, flags)
    store = b.store(x, p, -4)
    assert (store.ty, store.a, store.b, store.imm) == (T.INVALID, x, p, -4)
    less = b.icmp(ops.SLT, x, load)
    assert (less.ty, less.imm, less.b) == (T.I8, ops.SLT, load)
    assert b.iconst(T.I8, 255).imm == -1
    assert b.iconst(T.I64, 1 << 63).imm == -(1 << 63)
    total, carry = b.uadd_overflow(x, x)
    assert (total.ty, carry.ty, carry.imm, carry.a.op) == (T.I32, T.I8, 1, ops.UADD_OVERFLOW)
    assert b.uload8x8(p).ty == T.I16X8
    assert b.splat(T.I32X4, x).ty == T.I32X4
    assert b.uextend(T.I64, x).ty == T.I64
    old = b.atomic_rmw(ops.RMW_ADD, p, x)
    assert (old.ty, old.imm, old.a, old.b) == (T.I32, ops.RMW_ADD, p, x)


def test_calls_have_the_results_of_the_signature() -> None:
    b = start([T.I64], [T.I32])
    sig = b.func.add_sig(Signature([AbiParam(T.I64)], [AbiParam(T.I32), AbiParam(T.I8)]))
    fn = b.func.add_func(FuncRef("%g", sig))
    inst = b.call(fn, b.block.params)
    assert [v.ty for v in inst.results] == [T.I32, T.I8]
    one = b.call_indirect(Signature([], [AbiParam(T.I32)]), b.block.params[0])
    assert one.ty == T.I32 and not one.results
    b.return_([one])


def test_source_locations() -> None:
    b = start([])
    b.set_srcloc(77)
    assert b.iconst(T.I32, 1).loc == 77


def bad_type(b: FunctionBuilder) -> None:
    b.iadd(b.iconst(T.I32, 1), b.iconst(T.I64, 1))


def bad_set(b: FunctionBuilder) -> None:
    b.fadd(b.iconst(T.I32, 1), b.iconst(T.I32, 1))


def bad_width(b: FunctionBuilder) -> None:
    b.uextend(T.I16, b.iconst(T.I32, 1))


def bad_immediate(b: FunctionBuilder) -> None:
    b.iconst(T.I8, 256)


def no_such_type(b: FunctionBuilder) -> None:
    b.iconst(1 << 20, 1)


def filled(b: FunctionBuilder) -> None:
    b.trap(1)
    b.iconst(T.I32, 1)


def too_few(b: FunctionBuilder) -> None:
    b.return_([])


def entry_target(b: FunctionBuilder) -> None:
    b.jump(b.block)


def target_arguments(b: FunctionBuilder) -> None:
    block = b.create_block()
    b.append_block_param(block, T.I32)
    b.jump(block, [b.iconst(T.I8, 1)])


def sealed_target(b: FunctionBuilder) -> None:
    block = b.create_block()
    b.seal_block(block)
    b.br_table(b.iconst(T.I32, 0), BlockCall(block, []), [])


def variable_type(b: FunctionBuilder) -> None:
    b.def_var(b.declare_var(T.I32), b.iconst(T.I64, 1))


def undeclared(b: FunctionBuilder) -> None:
    b.use_var(3)


def unfinished(b: FunctionBuilder) -> None:
    b.nop()
    b.finalize()


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (bad_type, "iadd: arg 1 (v1) has type i64, expected i32"),
        (bad_set, "fadd: has an invalid controlling type i32"),
        (bad_width, "uextend: arg 0 (v0) with type i32 failed to satisfy type set"),
        (bad_immediate, "iconst: immediate is out of range"),
        (no_such_type, "iconst: has an invalid controlling type invalid"),
        (filled, "iconst: block0 already ends in a terminator"),
        (too_few, "return: 1 values expected, got 0"),
        (entry_target, "block0 is the entry block"),
        (target_arguments, "argument 0 for block1 (v1) has type i8, expected i32"),
        (sealed_target, "block1 is sealed"),
        (variable_type, "variable 0 has type i32"),
        (undeclared, "variable 3 is not declared"),
        (unfinished, "block0 does not end in a terminator"),
    ],
)
def test_mistakes_are_refused(mistake: object, message: str) -> None:
    assert callable(mistake)
    with pytest.raises(IRError) as caught:
        mistake(start([], [T.I8]))
    assert message in str(caught.value)


def test_if_and_loop() -> None:
    b = start([T.I32], [T.I32])
    n = b.block.params[0]
    i, total = b.declare_var(T.I32), b.declare_var(T.I32)
    b.def_var(i, n)
    b.def_var(total, b.iconst(T.I32, 0))
    with b.loop() as loop:
        loop.break_if(b.icmp(ops.EQ, b.use_var(i), b.iconst(T.I32, 0)))
        with b.if_(b.band(b.use_var(i), b.iconst(T.I32, 1))) as odd:
            b.def_var(total, b.iadd(b.use_var(total), b.use_var(i)))
            odd.else_()
            b.def_var(total, b.isub(b.use_var(total), b.use_var(i)))
        b.def_var(i, b.isub(b.use_var(i), b.iconst(T.I32, 1)))
    b.return_([b.use_var(total)])
    func = b.finalize()
    assert len(func.blocks) == 7
    assert [p.ty for p in loop.header.params] == [T.I32, T.I32]
