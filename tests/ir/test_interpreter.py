"""The interpreter: control flow, calls, exceptions, memory, limits."""

from __future__ import annotations

import pytest

from grus.base.errors import Unsupported
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.builder import FunctionBuilder
from grus.ir.data import DataValue
from grus.ir.function import (
    AbiParam,
    Block,
    BlockCall,
    FuncRef,
    Function,
    GlobalValue,
    Handler,
    Signature,
    StackSlot,
    Value,
    mem_flags,
)
from grus.ir.interpreter import (
    Interpreter,
    InterpreterError,
    InterpreterThrow,
    InterpreterTrap,
    StepLimit,
    Trace,
)
from grus.testing.gen_clif import HEAP_SIZE, Options, arguments, generate


def signature(params: list[int], returns: list[int]) -> Signature:
    return Signature([AbiParam(t) for t in params], [AbiParam(t) for t in returns])


def begin(
    name: str, params: list[int], returns: list[int]
) -> tuple[Function, FunctionBuilder, list[Value]]:
    function = Function(name, signature(params, returns))
    builder = FunctionBuilder(function)
    return function, builder, builder.entry_block().params


def end(builder: FunctionBuilder) -> None:
    builder.seal_all_blocks()
    builder.finalize()


def run(function: Function | list[Function], *args: int, **options: int) -> list[int]:
    """Call the first function; patterns in, patterns out."""
    functions = function if isinstance(function, list) else [function]
    interpreter = Interpreter({f.name: f for f in functions}, **options)
    first = functions[0]
    values = [DataValue(p.ty, a) for p, a in zip(first.sig.params, args, strict=True)]
    return [r.bits for r in interpreter.call(first.name, values)]


def counting_loop() -> Function:
    """Sum of 1 to n."""
    f, b, (n,) = begin("%sum", [T.I64], [T.I64])
    head, body, done = b.create_block(), b.create_block(), b.create_block()
    i, total = f.add_param(head, T.I64), f.add_param(head, T.I64)
    zero = b.iconst(T.I64, 0)
    b.jump(head, [n, zero])
    b.switch_to_block(head)
    b.brif(i, body, [], done, [])
    b.switch_to_block(body)
    b.jump(head, [b.isub(i, b.iconst(T.I64, 1)), b.iadd(total, i)])
    b.switch_to_block(done)
    b.return_([total])
    end(b)
    return f


def test_loop() -> None:
    assert run(counting_loop(), 100) == [5050]


def test_block_arguments_are_copied_at_once() -> None:
    f, b, (x, y, n) = begin("%swap", [T.I32, T.I32, T.I32], [T.I32, T.I32])
    head, done = b.create_block(), b.create_block()
    p, q, k = (f.add_param(head, T.I32) for _ in range(3))
    b.jump(head, [x, y, n])
    b.switch_to_block(head)
    b.brif(k, head, [q, p, b.isub(k, b.iconst(T.I32, 1))], done, [])
    b.switch_to_block(done)
    b.return_([p, q])
    end(b)
    assert run(f, 1, 2, 3) == [2, 1]


def test_br_table_takes_the_default_past_the_end() -> None:
    f, b, (x,) = begin("%t", [T.I32], [T.I32])
    blocks = [b.create_block() for _ in range(3)]
    b.br_table(x, BlockCall(blocks[0], []), [BlockCall(k, []) for k in blocks[1:]])
    for number, block in enumerate(blocks):
        b.switch_to_block(block)
        b.return_([b.iconst(T.I32, number)])
    end(b)
    assert [run(f, x)[0] for x in (0, 1, 2, 0xFFFFFFFF)] == [1, 2, 0, 0]


def test_step_limit() -> None:
    with pytest.raises(StepLimit):
        run(counting_loop(), 0, max_steps=1)
    with pytest.raises(StepLimit):
        run(counting_loop(), 1 << 60, max_steps=1000)


def recursive(tail: bool) -> Function:
    """f(n, acc) = acc if n == 0 else f(n - 1, acc + 1)."""
    f, b, (n, acc) = begin("%f", [T.I64, T.I64], [T.I64])
    self_ref = f.add_func(FuncRef("%f", f.sig))
    more, done = b.create_block(), b.create_block()
    b.brif(n, more, [], done, [])
    b.switch_to_block(more)
    one = b.iconst(T.I64, 1)
    args = [b.isub(n, one), b.iadd(acc, one)]
    if tail:
        b.return_call(self_ref, args)
    else:
        b.return_([b.call(self_ref, args)])
    b.switch_to_block(done)
    b.return_([acc])
    end(b)
    return f


def test_deep_recursion_uses_the_programs_stack() -> None:
    assert run(recursive(False), 50_000, 0) == [50_000]
    with pytest.raises(InterpreterTrap) as trapped:
        run(recursive(False), 1 << 20, 0)
    assert trapped.value.code == ops.TRAP_STACK_OVERFLOW


def test_tail_calls_use_no_stack() -> None:
    assert run(recursive(True), 200_000, 0) == [200_000]


def test_long_chain_of_blocks() -> None:
    f, b, (x,) = begin("%chain", [T.I32], [T.I32])
    one = b.iconst(T.I32, 1)
    for _ in range(50_000):
        x = b.iadd(x, one)
        block = b.create_block()
        b.jump(block, [])
        b.switch_to_block(block)
    b.return_([x])
    end(b)
    assert run(f, 5) == [50_005]


def test_calls_with_several_results_and_through_addresses() -> None:
    g, b, (x, y) = begin("%g", [T.I32, T.I32], [T.I32, T.I32])
    b.return_([y, x])
    end(b)
    f, b, (x, y) = begin("%f", [T.I32, T.I32], [T.I32])
    ref = f.add_func(FuncRef("%g", g.sig))
    first = b.call(ref, [x, y]).results
    address = b.func_addr(T.I64, ref)
    second = b.call_indirect(f.add_sig(g.sig), address, [first[0], first[1]]).results
    b.return_([b.isub(second[0], second[1])])
    end(b)
    assert run([f, g], 9, 2) == [7]


def test_missing_function_and_wrong_signature() -> None:
    f, b, (x,) = begin("%f", [T.I32], [])
    b.call(f.add_func(FuncRef("%gone", signature([T.I32], []))), [x])
    b.return_([])
    end(b)
    with pytest.raises(InterpreterError, match="%gone is not defined"):
        run(f, 1)
    gone, b, _ = begin("%gone", [], [])
    b.return_([])
    end(b)
    with pytest.raises(InterpreterError, match="another signature"):
        run([f, gone], 1)
    with pytest.raises(InterpreterError, match="do not fit"):
        Interpreter({"%f": f}).call("%f", [DataValue(T.I64, 1)])


def throwing(handlers: list[tuple[str, int]]) -> list[Function]:
    """%f calls %g in a try_call; %g throws tag 3 with payloads 40 and 2 from a nested call."""
    throw_sig = signature([T.I64, T.I64, T.I64, T.I32, T.I64, T.I64], [])
    g, b, _ = begin("%g", [], [T.I64])
    zero = b.iconst(T.I64, 0)
    payload = [b.iconst(T.I64, 40), b.iconst(T.I64, 2)]
    ref = g.add_func(FuncRef("%__cranelift_throw", throw_sig))
    b.call(ref, [zero, zero, zero, b.iconst(T.I32, 3), *payload])
    b.return_([zero])
    end(b)
    middle, b, _ = begin("%middle", [], [T.I64])
    b.return_([b.call(middle.add_func(FuncRef("%g", g.sig)), [])])
    end(b)
    f, b, _ = begin("%f", [], [T.I64])
    f.sig.call_conv = middle.sig.call_conv = g.sig.call_conv = "tail"
    normal, caught = b.create_block(), b.create_block()
    result = f.add_param(normal, T.I64)
    x, y = f.add_param(caught, T.I64), f.add_param(caught, T.I64)
    ref = f.add_func(FuncRef("%middle", middle.sig))
    make_try(f, b, ref, normal, caught, handlers)
    b.switch_to_block(normal)
    b.return_([result])
    b.switch_to_block(caught)
    b.return_([b.iadd(x, y)])
    end(b)
    return [f, middle, g]


def make_try(
    f: Function,
    b: FunctionBuilder,
    ref: FuncRef,
    normal: Block,
    caught: Block,
    handlers: list[tuple[str, int]],
) -> None:
    def placeholder(op: int, index: int) -> Value:
        value = f.new_value(op, T.I64, b.block)
        value.imm = index
        return value

    exception = BlockCall(caught, [placeholder(ops.TRY_EXN, 0), placeholder(ops.TRY_EXN, 1)])
    b.try_call(
        ref,
        [],
        BlockCall(normal, [placeholder(ops.TRY_RET, 0)]),
        [exception],
        [Handler(kind, tag, 1) for kind, tag in handlers],
    )


def test_exceptions_go_to_the_first_matching_handler() -> None:
    assert run(throwing([("tag", 1), ("tag", 3)])) == [42]
    assert run(throwing([("default", 0)])) == [42]
    with pytest.raises(InterpreterThrow) as thrown:
        run(throwing([("tag", 1)]))
    assert (thrown.value.tag, thrown.value.payload) == (3, [40, 2])


def test_try_call_returns_normally() -> None:
    functions = throwing([("tag", 3)])
    g, b, _ = begin("%g", [], [T.I64])
    b.return_([b.iconst(T.I64, 7)])
    end(b)
    g.sig.call_conv = "tail"
    assert run([functions[0], functions[1], g]) == [7]


def test_memory_flags_widths_and_bounds() -> None:
    f, b, (x,) = begin("%m", [T.I64], [T.I64, T.I64, T.I32, T.I16X8])
    address = b.stack_addr(T.I64, f.add_stack_slot(StackSlot(16)), 4)
    b.store(x, address, -4)
    big = b.load(T.I64, address, -4, mem_flags(endian="big"))
    loaded = [big, b.sload16(T.I64, address, -4), b.uload8(T.I32, address, -3)]
    b.return_([*loaded, b.uload8x8(address, -4)])
    end(b)
    assert run(f, 0x1122334455669988) == [
        0x8899665544332211,
        0xFFFFFFFFFFFF9988,
        0x99,
        0x0011_0022_0033_0044_0055_0066_0099_0088,
    ]
    f, b, (p,) = begin("%bad", [T.I64], [T.I32])
    b.return_([b.load(T.I32, p, 0, mem_flags(trap=7))])
    end(b)
    for address_ in (0, 8, 1 << 32, (1 << 64) - 2):
        with pytest.raises(InterpreterTrap) as trapped:
            run(f, address_)
        assert trapped.value.code == 7


def test_heap_data_and_atomics() -> None:
    f, b, (p,) = begin("%a", [T.I64], [T.I32, T.I32, T.I32, T.I64])
    flags = mem_flags()
    symbol = GlobalValue("symbol")
    symbol.name = "%table"
    f.add_global_value(symbol)
    nine = b.iconst(T.I32, 9)
    old = b.atomic_rmw(ops.RMW_ADD, p, nine, flags)
    swapped = b.atomic_cas(p, b.iconst(T.I32, 14), nine, flags)
    now = b.atomic_load(T.I32, p, flags)
    table = b.load(T.I64, b.symbol_value(T.I64, f.global_values[0]))
    b.return_([old, swapped, now, table])
    end(b)
    interpreter = Interpreter({"%a": f})
    interpreter.define_data("%table", b"\x05\0\0\0\0\0\0\0")
    for _ in range(2):
        address = interpreter.memory.allocate(8)
        interpreter.memory.write(address, b"\x05\0\0\0")
        results = interpreter.call("%a", [DataValue(T.I64, address)])
        assert [r.bits for r in results] == [5, 14, 9, 5]
        interpreter.reset()


def test_traps_carry_their_code() -> None:
    f, b, (x, y) = begin("%d", [T.I32, T.I32], [T.I32])
    b.trapz(x, 11)
    b.return_([b.udiv(x, y)])
    end(b)
    assert run(f, 7, 2) == [3]
    for args, code in (((0, 1), 11), ((1, 0), ops.TRAP_DIVISION_BY_ZERO)):
        with pytest.raises(InterpreterTrap) as trapped:
            run(f, *args)
        assert trapped.value.code == code


def test_trace_sees_every_instruction() -> None:
    seen: list[tuple[str, list[int]]] = []

    def trace(function: Function, inst: Value, results: list[DataValue]) -> None:
        seen.append((ops.ROWS[inst.op].name, [r.bits for r in results]))

    f = counting_loop()
    Interpreter({f.name: f}, trace=trace).call(f.name, [DataValue(T.I64, 1)])
    assert [name for name, _ in seen] == [
        *("iconst", "jump", "brif", "iconst", "isub", "iadd", "jump", "brif", "return"),
    ]
    assert seen[5] == ("iadd", [1])


def test_library_calls_and_host_functions() -> None:
    f, b, (x,) = begin("%f", [T.F32], [T.F32, T.I32])
    ceil = f.add_func(FuncRef("%CeilF32", signature([T.F32], [T.F32])))
    host = f.add_func(FuncRef("%host", signature([T.I32], [T.I32])))
    b.return_([b.call(ceil, [x]), b.call(host, [b.iconst(T.I32, 20)])])
    end(b)
    interpreter = Interpreter({"%f": f}, libcalls={"%host": lambda machine, args: [args[0] + 1]})
    results = interpreter.call("%f", [DataValue(T.F32, 0x3F000000)])
    assert [r.bits for r in results] == [0x3F800000, 21]


def test_stack_switch_is_refused() -> None:
    f, b, (x,) = begin("%s", [T.I64], [T.I64])
    b.return_([b.stack_switch(x, x, x)])
    end(b)
    with pytest.raises(Unsupported, match="stack_switch"):
        run(f, 0)


def test_generated_functions_give_patterns_of_their_types() -> None:
    options = Options(
        vectors=True, wide_floats=True, try_calls=True, target_opcodes=True, traps=True, functions=4
    )

    def check(function: Function, inst: Value, results: list[DataValue]) -> None:
        for result in results:
            assert 0 <= result.bits < 1 << T.BITS[result.ty], (function.name, inst)

    def outcome(seed: int, trace: Trace | None) -> list[int]:
        functions = generate(seed, 40, options)
        interpreter = Interpreter({f.name: f for f in functions}, max_steps=10_000, trace=trace)
        first = functions[0]
        values = arguments(seed, first, interpreter.memory.allocate(HEAP_SIZE))
        args = [DataValue(p.ty, bits) for p, bits in zip(first.sig.params, values, strict=True)]
        try:
            return [r.bits for r in interpreter.call(first.name, args)]
        except InterpreterTrap as trap:
            return [trap.code]
        except StepLimit:
            return []

    for seed in range(60):
        assert outcome(seed, check) == outcome(seed, None)
