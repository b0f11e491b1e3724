"""Inlining: a call is replaced by a copy of the function that it calls.

`run(func, choose)` asks `choose(caller, call, reference)` at every direct call for the function to
put there, None to leave the call. Calls inside the copy are asked about too, `MAX_DEPTH` deep.
(The behaviour is that of `cranelift/codegen/src/inline.rs`.)

What a copy becomes depends on the call:

- `call`: returns go on behind it; a tail call becomes a call that goes on there.
- `return_call`: the copy stands as it is.
- `try_call`: returns go where the call returned to; a call inside the copy becomes a `try_call`
  with the handlers of the outer one behind its own.

Stack slots, signatures, functions, globals and dynamic types of the callee become the caller's;
alias regions are the same when their user ids are. Calls in the copy get the stack map and the
debug tags of the call that it replaces besides their own: what lives across it lives across them.
"""

from __future__ import annotations

from collections.abc import Callable

from grus.ir import opcodes as ops
from grus.ir.function import (
    NIL,
    AliasRegion,
    Block,
    BlockCall,
    CallInfo,
    DynamicStackSlot,
    FuncRef,
    Function,
    GlobalValue,
    Handler,
    MemFlags,
    Signature,
    StackMapEntry,
    StackSlot,
    Value,
    mem_flags,
    resolve,
    results_of,
)
from grus.opt.passes.control import reverse_post_order
from grus.opt.passes.edit import replace, resolve_operands

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

MAX_DEPTH: Final = 8
"""Copies inside copies."""
MAX_VALUES: Final = 1 << 16
"""A function of more values takes no more copies."""

Choose = Callable[[Function, Value, FuncRef], "Function | None"]
Place = Callable[[Value, Function, int], int]
"""The source location of an instruction of a copy: of the call, the function, its own there."""

_SITES: Final = frozenset((ops.CALL_, ops.RETURN_CALL, ops.TRY_CALL))
_NO_LONGER_TAIL: Final = {
    ops.RETURN_CALL: ops.CALL_,
    ops.RETURN_CALL_INDIRECT: ops.CALL_INDIRECT,
}
_WITH_HANDLERS: Final = {
    ops.CALL_: ops.TRY_CALL,
    ops.CALL_INDIRECT: ops.TRY_CALL_INDIRECT,
}


def run(func: Function, choose: Choose, place: Place | None = None) -> bool:
    """Inline what `choose` says into `func`; True when there was something. Without `place`
    instructions of copies keep their source locations."""
    after: dict[int, list[Block]] = {}  # by block: the blocks to put behind it
    work = [(block, 0) for block in func.blocks]
    inlined = False
    while work:
        block, depth = work.pop()
        if depth > MAX_DEPTH:
            continue
        behind: list[Block] = []
        insts = block.insts
        for index in range(len(insts) - 1, -1, -1):  # every instruction moves once
            site = insts[index]
            if site.op not in _SITES or func.num_values > MAX_VALUES:
                continue
            info = site.ext
            assert isinstance(info, CallInfo) and info.callee is not None
            callee = choose(func, site, info.callee)
            if callee is None or callee is func or not _fits(site, callee):
                continue
            copy = _Copy(func, callee, site, info, after, place)
            rest = insts[index + 1 :]
            del insts[index:]
            made, entry = copy.make(rest)
            jump = func.new_value(ops.JUMP, 0, block)
            jump.targets = (BlockCall(entry, []),)
            jump.loc = site.loc
            insts.append(jump)
            behind[:0] = made
            work.extend([(b, depth + 1) for b in copy.copies])
            inlined = True
        if behind:
            after[block.num] = behind + after.get(block.num, [])
    if inlined:
        func.blocks = _layout(func.blocks, after)
        resolve_operands(func)
    return inlined


def _fits(site: Value, callee: Function) -> bool:
    """Whether the call agrees with the function, and the function can be copied."""
    if not callee.blocks:
        return False
    entry = callee.blocks[0]
    if [v.ty for v in site.args] != [p.ty for p in entry.params]:
        return False
    info = site.ext
    assert isinstance(info, CallInfo)
    if [r.ty for r in info.sig.returns] != [r.ty for r in callee.sig.returns]:
        return False
    for block in callee.blocks:
        for inst in block.insts:
            if inst.op == ops.GET_EXCEPTION_HANDLER_ADDRESS:
                return False
    return all([call.block is not entry for b in callee.blocks for call in b.insts[-1].targets])


def _layout(blocks: list[Block], after: dict[int, list[Block]]) -> list[Block]:
    out: list[Block] = []
    stack = blocks[::-1]
    while stack:
        block = stack.pop()
        out.append(block)
        stack.extend(reversed(after.get(block.num, ())))
    return out


class _Copy:
    """One copy of `callee` in `func`, in the place of `site`."""

    def __init__(
        self,
        func: Function,
        callee: Function,
        site: Value,
        info: CallInfo,
        after: dict[int, list[Block]],
        place: Place | None,
    ) -> None:
        self.place = place
        self.func = func
        self.callee = callee
        self.site = site
        self.info = info
        self.after = after
        self.tail = site.op == ops.RETURN_CALL
        self.tries = site.op == ops.TRY_CALL
        self.cold = site.block.cold
        self.copies: list[Block] = []
        self.values: dict[int, Value] = {}
        self.blocks: dict[int, Block] = {}
        self.entities: dict[int, object] = {}  # by id of the callee's
        self.exit: Block  # where the copy of a function called by `call` returns to

    def make(self, rest: list[Value]) -> tuple[list[Block], Block]:
        """The blocks that go behind the call's block, and the entry of the copy. `rest` are the
        instructions that followed the call."""
        func, callee = self.func, self.callee
        order = reverse_post_order(callee)
        reached = {block.num for block in order}
        order = [block for block in callee.blocks if block.num in reached]
        for block in order:
            self.blocks[block.num] = made = func.new_block()
            made.cold = block.cold or self.cold
            self.copies.append(made)
        for param, arg in zip(order[0].params, self.site.args, strict=True):
            self.values[param.num] = arg
        for block in order[1:]:
            for param in block.params:
                self.values[param.num] = func.add_param(self.blocks[block.num], param.ty)
        out = list(self.copies)
        if not self.tail and not self.tries:
            out.append(self.make_exit(rest))
        for block in order:
            for inst in block.insts:
                self.declare(inst, self.blocks[block.num])
        for block in order:
            self.fill(block, self.blocks[block.num])
        return out, self.blocks[order[0].num]

    def make_exit(self, rest: list[Value]) -> Block:
        """The block for what comes behind the call, with the results as parameters."""
        func, site = self.func, self.site
        self.exit = block = func.new_block()
        block.cold = self.cold
        params = [func.add_param(block, r.ty) for r in self.info.sig.returns]
        for inst in rest:
            inst.block = block
            for result in inst.results:
                result.block = block
        block.insts = rest
        for result, param in zip(results_of(site), params, strict=True):
            replace(result, param)
        return block

    def leave(self, block: Block, results: list[Value], loc: int) -> None:
        """Let `block` end by going on behind the call, with its results."""
        jump = self.func.new_value(ops.JUMP, 0, block)
        jump.loc = loc
        if self.tries:
            normal = self.site.targets[0]
            args = [results[a.imm] if a.op == ops.TRY_RET else a for a in normal.args]
            jump.targets = (BlockCall(normal.block, args),)
        else:
            jump.targets = (BlockCall(self.exit, results),)
        block.insts.append(jump)

    # ---- instructions ----

    def declare(self, inst: Value, block: Block) -> None:
        """Make the copy of an instruction and its results, without operands."""
        func = self.func
        copy = func.new_value(inst.op, inst.ty, block)
        copy.imm = inst.imm
        copy.loc = self.loc_of(inst)
        self.values[inst.num] = copy
        if inst.results:
            projections: list[Value] = []
            for result in inst.results:
                made = func.new_value(ops.PROJ, result.ty, block)
                made.a = copy
                made.imm = result.imm
                self.values[result.num] = made
                projections.append(made)
            copy.results = tuple(projections)

    def loc_of(self, inst: Value) -> int:
        return inst.loc if self.place is None else self.place(self.site, self.callee, inst.loc)

    def value(self, value: Value) -> Value:
        return NIL if value is NIL else self.values[resolve(value).num]

    def fill(self, block: Block, current: Block) -> None:
        """Put the copies of a block's instructions into `current`."""
        for inst in block.insts:
            op = inst.op
            if op == ops.RETURN_ and not self.tail:
                self.leave(current, [self.value(v) for v in inst.args], self.loc_of(inst))
                return
            copy = self.values[inst.num]
            copy.block = current
            for result in copy.results:
                result.block = current
            copy.a, copy.b, copy.c = self.value(inst.a), self.value(inst.b), self.value(inst.c)
            copy.args = tuple([self.value(v) for v in inst.args])
            copy.targets = tuple([self.target(call, current) for call in inst.targets])
            copy.ext = self.entity(inst.ext)
            current.insts.append(copy)
            if not isinstance(copy.ext, CallInfo):
                continue
            info = copy.ext
            if op in _NO_LONGER_TAIL and not self.tail:
                copy.op = _NO_LONGER_TAIL[op]
                self.func.add_results(copy, [r.ty for r in info.sig.returns])
                results = list(results_of(copy))
                if self.tries:
                    current = self.catch(copy, current)
                    results = list(current.params)
                self.leave(current, results, self.loc_of(inst))
            elif self.tries and op in _WITH_HANDLERS:
                current = self.catch(copy, current)
            elif self.tries and copy.op in (ops.TRY_CALL, ops.TRY_CALL_INDIRECT):
                self.add_handlers(copy)

    def catch(self, call: Value, block: Block) -> Block:
        """Turn the call at the end of `block` into one with the outer handlers; gives the new
        block behind it."""
        func = self.func
        behind = func.new_block()
        behind.cold = block.cold
        self.after[block.num] = [behind]
        self.copies.append(behind)
        args: list[Value] = []
        for index, result in enumerate(results_of(call)):
            param = func.add_param(behind, result.ty)
            returned = func.new_value(ops.TRY_RET, result.ty, block)
            returned.imm = index
            args.append(returned)
        results = results_of(call)
        if call.results:
            call.results = ()
        elif results:  # the call has no result of its own any more
            call = self.without_result(call, block)
        for result, param in zip(results, behind.params, strict=True):
            replace(result, param)
        call.op = _WITH_HANDLERS[call.op]
        call.targets = (BlockCall(behind, args),)
        self.add_handlers(call)
        return behind

    def without_result(self, call: Value, block: Block) -> Value:
        """A new call in the place of one whose value will stand for something else."""
        made = self.func.new_value(call.op, 0, block)
        made.a, made.b, made.c = call.a, call.b, call.c
        made.args = call.args
        made.ext = call.ext
        made.imm = call.imm
        made.loc = call.loc
        block.insts[-1] = made
        return made

    def add_handlers(self, call: Value) -> None:
        """Add the handlers of the site behind those of a `try_call`."""
        info = call.ext
        assert isinstance(info, CallInfo)
        first = len(call.targets) - 1
        for outer in self.site.targets[1:]:
            args = [self.special(a, call.block) for a in outer.args]
            call.targets += (BlockCall(outer.block, args),)
        for handler in self.info.handlers:
            target = handler.target + first if handler.kind != "context" else 0
            info.handlers.append(Handler(handler.kind, handler.tag, target, handler.value))

    def special(self, arg: Value, block: Block) -> Value:
        """A result or payload of a try_call as argument; other values are themselves."""
        if arg.op not in (ops.TRY_RET, ops.TRY_EXN):
            return arg
        made = self.func.new_value(arg.op, arg.ty, block)
        made.imm = arg.imm
        return made

    def target(self, call: BlockCall, block: Block) -> BlockCall:
        args: list[Value] = []
        for arg in call.args:
            if arg.op in (ops.TRY_RET, ops.TRY_EXN):
                args.append(self.special(arg, block))
            else:
                args.append(self.value(arg))
        return BlockCall(self.blocks[call.block.num], args)

    # ---- entities ----

    def entity(self, ext: object) -> object:
        """What `ext` of the callee is in the caller."""
        if ext is None or isinstance(ext, bytes):
            return ext
        if isinstance(ext, CallInfo):
            return self.call_info(ext)
        if isinstance(ext, list):  # debug tags
            return [*self.info.tags, *[self.tag(t) for t in ext]]
        known = self.entities.get(id(ext))
        if known is None:
            known = self.entities[id(ext)] = self.new_entity(ext)
        return known

    def new_entity(self, ext: object) -> object:
        func = self.func
        if isinstance(ext, MemFlags):
            if ext.region < 0:
                return ext
            region = self.region(ext.region)
            return mem_flags(ext.aligned, ext.readonly, ext.can_move, ext.trap, ext.endian, region)
        if isinstance(ext, StackSlot):
            return func.add_stack_slot(StackSlot(ext.size, ext.align, ext.key))
        if isinstance(ext, Signature):
            return func.add_sig(Signature(ext.params, ext.returns, ext.call_conv))
        if isinstance(ext, FuncRef):
            return self.func_ref(ext)
        if isinstance(ext, DynamicStackSlot):
            return self.dynamic_slot(ext)
        if isinstance(ext, GlobalValue):
            return self.global_value(ext)
        raise AssertionError(f"an instruction refers to {ext!r}")

    def func_ref(self, ref: FuncRef) -> FuncRef:
        sig = self.entity(ref.sig)
        assert isinstance(sig, Signature)
        made = FuncRef(ref.name, sig, ref.colocated)
        made.patchable = ref.patchable
        return self.func.add_func(made)

    def dynamic_slot(self, slot: DynamicStackSlot) -> DynamicStackSlot:
        lane, scale = self.callee.dynamic_types[slot.dyn_type]
        made = self.entity(scale)
        assert isinstance(made, GlobalValue)
        self.func.dynamic_types.append((lane, made))
        return self.func.add_dynamic_slot(DynamicStackSlot(len(self.func.dynamic_types) - 1))

    def global_value(self, value: GlobalValue) -> GlobalValue:
        chain: list[GlobalValue] = []
        at: GlobalValue | None = value
        while at is not None and id(at) not in self.entities:
            chain.append(at)
            at = at.base
        base = self.entities[id(at)] if at is not None else None
        for old in reversed(chain):
            made = GlobalValue(old.kind)
            made.base = base if isinstance(base, GlobalValue) else None
            flags = self.entity(old.flags)
            assert isinstance(flags, MemFlags)
            made.flags = flags
            made.offset = old.offset
            made.ty = old.ty
            made.name = old.name
            made.colocated = old.colocated
            made.tls = old.tls
            base = self.entities[id(old)] = self.func.add_global_value(made)
        assert isinstance(base, GlobalValue)
        return base

    def region(self, number: int) -> int:
        callee = next(r for r in self.callee.alias_regions if r.num == number)
        for region in self.func.alias_regions:
            if region.user_id == callee.user_id:
                return region.num
        return self.func.add_alias_region(AliasRegion(callee.user_id, callee.text)).num

    def tag(self, tag: int | StackSlot) -> int | StackSlot:
        if isinstance(tag, StackSlot):
            slot = self.entity(tag)
            assert isinstance(slot, StackSlot)
            return slot
        return tag

    def call_info(self, info: CallInfo) -> CallInfo:
        callee = None
        if info.callee is not None:
            made = self.entity(info.callee)
            assert isinstance(made, FuncRef)
            callee = made
            sig = made.sig if info.sig is info.callee.sig else self.entity(info.sig)
        else:
            sig = self.entity(info.sig)
        assert isinstance(sig, Signature)
        out = CallInfo(sig, callee)
        for entry in info.stack_map:
            slot = self.entity(entry.slot)
            assert isinstance(slot, StackSlot)
            out.stack_map.append(StackMapEntry(entry.ty, slot, entry.offset, entry.kind))
        out.stack_map += self.info.stack_map
        out.tags = [*self.info.tags, *[self.tag(t) for t in info.tags]]
        for handler in info.handlers:
            context = self.value(handler.value)
            out.handlers.append(Handler(handler.kind, handler.tag, handler.target, context))
        return out
