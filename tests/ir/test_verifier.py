"""Each rule of the verifier once: a valid function, a mutation, the message."""

from __future__ import annotations

import random

import pytest

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.builder import FunctionBuilder
from grus.ir.function import (  # noqa: F401  some only in the text of mutations
    NIL,
    AbiParam,
    AliasRegion,
    Block,
    BlockCall,
    DynamicStackSlot,
    FuncRef,
    Function,
    GlobalValue,
    Handler,
    Signature,
    StackMapEntry,
    StackSlot,
    Value,
    mem_flags,
)
from grus.ir.verifier import VerifierErrors, check, verify
from grus.testing.fuzz_ir import mutate
from grus.testing.gen_clif import Options, generate


class Sample:
    """A valid function with one of everything that the mutations below break."""

    def __init__(self) -> None:
        sig = Signature([AbiParam(T.I64, "", "vmctx"), AbiParam(T.I32)], [AbiParam(T.I32)], "tail")
        self.func = Function("%f", sig)
        func = self.func
        b = self.b = FunctionBuilder(func, checked=False)
        self.slot = func.add_stack_slot(StackSlot(16, 8))
        self.region = func.add_alias_region(AliasRegion(7, "heap"))
        self.gv = func.add_global_value(GlobalValue("vmctx"))
        self.gv_load = GlobalValue("load")
        self.gv_load.base, self.gv_load.ty = self.gv, T.I64
        func.add_global_value(self.gv_load)
        self.callee = func.add_func(
            FuncRef("%g", Signature([AbiParam(T.I32)], [AbiParam(T.I32)], "tail"))
        )
        self.sig = func.add_sig(Signature([], [AbiParam(T.I32), AbiParam(T.I8)], "tail"))
        self.entry = b.entry_block()
        self.p, self.x = self.entry.params
        self.add = b.iadd(self.x, b.iconst(T.I32, -1))
        self.const = self.add.b
        self.load = b.load(T.I32, self.p, 4, mem_flags(region=0))
        self.store = b.store(self.x, self.p)
        self.call = b.call(self.callee, [self.x])
        self.calls = b.call_indirect(self.sig, self.p)
        self.cast = b.bitcast(T.F32, self.x)
        self.addr = b.stack_addr(T.I64, self.slot)
        self.symbol = b.symbol_value(T.I64, self.gv_load)
        self.vector = b.vconst(T.I32X4, bytes(16))
        self.lane = b.extractlane(self.vector, 3)
        bytes_ = b.vconst(T.I8X16, bytes(16))
        self.shuffle = b.shuffle(bytes_, bytes_, bytes(range(16, 32)))
        self.then, self.join, self.caught = b.create_block(), b.create_block(), b.create_block()
        b.append_block_param(self.join, T.I32)
        b.append_block_param(self.caught, T.I64)
        self.brif = b.brif(self.x, self.then, (), self.join, (self.add,))
        b.switch_to_block(self.then)
        self.inner = b.iadd(self.x, self.x)
        self.ret = func.new_value(ops.TRY_RET, T.I32, self.then)
        self.exn = func.new_value(ops.TRY_EXN, T.I64, self.then)
        self.try_call = b.try_call(
            self.callee,
            [self.inner],
            BlockCall(self.join, [self.ret]),
            [BlockCall(self.caught, [self.exn])],
            [Handler("tag", 1, 1), Handler("context", value=self.p)],
        )
        b.switch_to_block(self.join)
        self.handler = b.get_exception_handler_address(T.I64, self.then, 0)
        self.return_ = b.return_(self.join.params)
        b.switch_to_block(self.caught)
        self.tail = b.return_call(self.callee, [self.x])
        b.finalize()


def test_the_sample_is_valid() -> None:
    assert verify(Sample().func) == []
    check(Sample().func)


CASES: list[tuple[str, str, str]] = [
    # entities
    ("s.load.ext = mem_flags(region=1)", "inst2", "undefined alias region region1"),
    ("f.add_alias_region(AliasRegion(7, ''))", "region1", "duplicate alias region user_id 7"),
    ("s.slot.align = 3", "ss0", "alignment 3 is not a power of two"),
    ("s.slot.size = 1 << 32", "ss0", "stack slot size 4294967296 is out of range"),
    ("s.addr.ext = StackSlot(8)", "inst7", "invalid stack slot ss-1"),
    ("s.symbol.ext = GlobalValue('symbol')", "inst8", "invalid global value gv-1"),
    ("s.call.ext.callee = FuncRef('%h', s.callee.sig)", "inst4", "invalid function reference fn-1"),
    ("s.calls.ext.sig = Signature()", "inst5", "invalid signature reference sig-1"),
    ("s.callee.patchable = True", "inst4", "patchable call to non-colocated function"),
    ("f.add_dynamic_slot(DynamicStackSlot(0))", "dss0", "invalid dynamic type dt0"),
    ("f.dynamic_types.append((T.I32, s.gv))", "dt0", "base type i32 is not a vector"),
    ("s.gv.base, s.gv.kind = s.gv_load, 'load'", "gv0", "global value cycle: [gv0, gv1]"),
    ("s.gv_load.base = s.gv_load", "gv1", "global value cycle: [gv1]"),
    ("f.sig.params[0].purpose = ''", "gv0", "undeclared vmctx reference gv0"),
    ("s.gv.kind, s.gv.ty, s.gv.base = 'iadd_imm', T.F32, s.gv_load; s.gv_load.base = None;"
     "s.gv_load.kind = 'symbol'", "gv0", "iadd_imm global value with non-int type f32"),
    ("f.sig.params[1].ty = T.F32; s.x.ty = T.F32; f.sig.params[1].extend = 'sext'",
     "function", "Parameter at position 1 has invalid extension Sext"),
    ("s.sig.call_conv = 'preserve_all'", "sig0", "`preserve_all` ABI cannot have return values"),
    ("f.aliases.append(f.new_value(ops.ALIAS, T.I32, s.entry)); f.aliases[0].a = f.aliases[0]",
     "v", "value alias cycle"),
    # the call's own attachments
    ("s.call.ext.stack_map.append(StackMapEntry(T.I64, s.slot, 12))", "inst4",
     "stack map entry ss0+12 is outside of the slot"),
    ("s.add.ext = [1, 2]", "inst1", "debug tags present on non-call, non-sequence point"),
    # blocks
    ("s.entry.cold = True", "block0", "entry block cannot be marked as cold"),
    ("s.entry.params.pop()", "block0", "entry block parameters (1) must match function signature"),
    ("s.x.ty = T.I16", "block0", "entry block parameter 1 expected to have type i32, got i16"),
    ("s.caught.insts.clear()", "block3", "block3 cannot be empty"),
    ("s.caught.insts.pop(); s.b.filled = False; s.b.switch_to_block(s.caught); s.b.nop()",
     "block3", "block does not end in a terminator instruction"),
    ("s.caught.insts.insert(0, s.b.trap(1)); s.caught.insts[0].block = s.caught", "inst18",
     "a terminator instruction was encountered before the end of block3"),
    ("s.add.block = s.then", "inst1", "should belong to block0 not block1"),
    ("s.join.params[0].block = s.then", "v", "does not belong to block2"),
    ("s.add.num = s.load.num", "v", "is not its own"),
    ("s.brif.targets[0].block = Block(99)", "inst13", "invalid block reference block99"),
    ("s.brif.targets[0].block = s.entry", "inst13", "invalid reference to entry block block0"),
    ("s.brif.targets = s.brif.targets[:1]", "inst13", "opcode doesn't match instruction format"),
    ("s.add.b = NIL", "inst1", "opcode doesn't match instruction format"),
    # SSA form
    ("s.inner.a = s.inner", "inst14", "from itself"),
    ("s.add.a = s.load", "inst1", "from non-dominating inst2"),
    ("s.return_.args = (s.inner,)", "inst17", "from non-dominating inst14"),
    ("s.inner.a = s.join.params[0]", "inst14", "uses value arg from non-dominating block2"),
    ("s.inner.a = Value(ops.ICONST, T.I32, 10_000, s.entry)", "inst14", "is not attached"),
    ("s.inner.a = s.store", "inst14", "is an instruction without a result"),
    # types
    ("s.add.b = s.p", "inst1", "arg 1 (v0) has type i64, expected i32"),
    ("s.add.ty = T.I64", "inst1", "to have type i32, found i64"),
    ("s.load.a = s.addr", "inst2", "uses value v11 from non-dominating inst7"),
    ("s.lane.a = s.x", "inst10", "has an invalid controlling type i32"),
    ("s.calls.results = s.calls.results[:1]", "inst5", "expected 2 result values, found 1"),
    ("s.call.args = ()", "inst4", "mismatched argument count for `call fn0()`: got 0, expected 1"),
    ("s.call.args = (s.p,)", "inst4", "arg 0 (v0) has type i64, expected i32"),
    ("s.brif.targets[1].args = []", "inst13", "mismatched argument count"),
    ("s.brif.targets[1].args = [s.p]", "inst13", "arg v0 has type i64, expected i32"),
    ("s.return_.args = ()", "inst17", "arguments of return must match function signature"),
    ("f.sig.returns[0].ty = T.I64", "inst17",
     "result 0 has type i32, must match function signature of i64"),
    # single opcodes
    ("s.const.imm = 1 << 31", "inst0", "constant immediate is out of bounds"),
    ("s.load.imm = 1 << 31", "inst2", "immediate 2147483648 is out of range"),
    ("s.store.ext = mem_flags(readonly=True)", "inst3", "cannot have the `readonly` MemFlag"),
    ("s.store.ext = None", "inst3", "memory flags are missing"),
    ("s.cast.ty = T.F64", "inst6", "has a type of 32 bits, which doesn't match"),
    ("s.cast.ext = mem_flags(aligned=True)", "inst6", "only accepts the `big` or `little`"),
    ("s.cast.ty = T.I8 + 0x20", "inst6", "Byte order specifier required"),
    ("s.lane.imm = 4", "inst10", "The lane 4 does not index into the type i32x4"),
    ("s.vector.ext = bytes(5)", "inst9", "to have a size of 16 bytes but it has 5"),
    ("s.shuffle.ext = bytes([32] * 16)", "inst12", "shuffle immediate index 32"),
    ("s.symbol.ty = T.I32", "inst8", "references global value with type i64"),
    ("s.handler.imm = 1", "inst16", "exception handler index 1 is out-of-range"),
    ("s.handler.imm = -1", "inst16", "exception handler index -1 cannot be negative"),
    ("s.handler.ext = s.join", "inst16", "block2 does not end in a try_call"),
    ("s.handler.ext = Block(44)", "inst16", "invalid block reference block44"),
    ("s.callee.sig.call_conv = f.sig.call_conv = 'fast'", "inst15",
     "calling convention `fast` of callee does not support exceptions"),
    ("f.sig.call_conv = 'fast'", "inst18", "callee's calling convention must match caller"),
    ("s.try_call.targets[0].args[0] = s.exn", "inst15", "`exnN` block argument used outside"),
    ("s.try_call.targets[1].args[0] = s.ret", "inst15", "`retN` block argument used outside"),
    ("s.exn.imm = 2", "inst15", "out-of-bounds `exnN`"),
    ("s.ret.imm = 1", "inst15", "out-of-bounds `retN`"),
    ("s.brif.targets[1].args[0] = s.ret", "inst13", "not on `try_call`"),
    ("s.try_call.ext.handlers[0].target = 2", "inst15", "handler target 2 is out of range"),
    ("s.try_call.ext.handlers[1].value = s.join.params[0]", "inst15", "non-dominating block2"),
]  # fmt: skip


@pytest.mark.parametrize(("mutation", "place", "message"), CASES)
def test_rule(mutation: str, place: str, message: str) -> None:
    sample = Sample()
    exec(mutation, globals(), {"s": sample, "f": sample.func})
    errors = verify(sample.func)
    found = [e for e in errors if e.place.startswith(place)]
    assert any(message in e.message for e in found), [str(e) for e in errors]
    with pytest.raises(VerifierErrors) as caught:
        check(sample.func)
    assert message in str(caught.value)


def test_pointer_width_is_that_of_the_target() -> None:
    messages = [e.message for e in verify(Sample().func, 32)]
    assert "invalid pointer width (got 64, expected 32) encountered v0" in messages
    assert verify(Sample().func, 0) == []


def test_settings_forbid_the_opcodes_that_need_them() -> None:
    b = FunctionBuilder(Function("%f", Signature()))
    b.entry_block()
    b.get_pinned_reg(T.I64)
    b.get_frame_pointer(T.I64)
    b.return_()
    assert verify(b.finalize()) == []
    errors = verify(b.func, 64, False, False)
    assert [e.message[:15] for e in errors] == ["GetPinnedReg/Se", "`get_frame_poin"]


def test_all_errors_are_reported() -> None:
    s = Sample()
    s.add.b, s.store.ext, s.lane.imm = s.p, None, 9
    assert len(verify(s.func)) == 3


def test_unreachable_code_may_use_what_does_not_dominate_it() -> None:
    b = FunctionBuilder(Function("%f", Signature([], [AbiParam(T.I32)])))
    b.entry_block()
    b.return_([b.iconst(T.I32, 1)])
    one, two = b.create_block(), b.create_block()
    b.switch_to_block(one)
    x = b.iconst(T.I32, 2)
    b.return_([x])
    b.switch_to_block(two)
    b.return_([x])
    assert verify(b.finalize()) == []


def test_errors_are_pickled() -> None:
    import pickle

    s = Sample()
    s.lane.imm = 9
    with pytest.raises(VerifierErrors) as caught:
        check(s.func)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_broken_functions_only_get_errors() -> None:
    options = Options(vectors=True, traps=True, try_calls=True)
    found = 0
    for seed in range(400):
        rng = random.Random(seed)
        funcs = generate(seed, 15, options)
        for _ in range(rng.randrange(1, 4)):
            mutate(rng, funcs)
        found += bool(verify(funcs[0]))
    assert found > 300
