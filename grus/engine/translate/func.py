"""One wasm function to IR, in one pass over its bytes.

The function has been validated. Operands are values on a list; locals are SSA variables of the
builder; results of blocks are block parameters. Code after an unconditional branch is skipped
without being built. Memory, tables, globals and calls are expanded as docs/abi.md says.
"""

from __future__ import annotations

from collections.abc import Callable

from grus.base import layout, trace
from grus.base.errors import Unsupported
from grus.engine import errors
from grus.engine.builtins import BUILTINS, LIBRARY
from grus.engine.translate import table
from grus.engine.translate.body import BodyReader
from grus.engine.translate.fuel import Fuel
from grus.engine.translate.info import GUARDED, ModuleInfo
from grus.engine.translate.stackmaps import insert_stack_maps
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.builder import FunctionBuilder
from grus.ir.function import (
    NIL,
    AbiParam,
    AliasRegion,
    Block,
    BlockCall,
    CallInfo,
    FuncRef,
    Function,
    MemFlags,
    Signature,
    Value,
    mem_flags,
    resolve,
)
from grus.opt.passes.memory import GROWS, POLL_KEEPS
from grus.wasm import opcodes as W
from grus.wasm import types as WT
from grus.wasm.features import RELAXED_SIMD, SIMD, THREADS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

STORE = layout.STORE
FUNCREF = layout.FUNCREF
MEMORY = layout.MEMORY
TABLE = layout.TABLE
HEADER = layout.EXTERN_HEADER

_FIXED: Final = mem_flags(aligned=True, readonly=True, can_move=True, trap=0)
"""Words of contexts that never change while an instance lives."""
_VARIES: Final = mem_flags(aligned=True, trap=0, region=0)
"""Words of contexts, and elements of tables, that calls may change."""
_SHARED: Final = mem_flags(aligned=True, trap=0)
"""Words that other threads may change."""
_HEAP: Final = mem_flags(trap=errors.MEMORY_OUT_OF_BOUNDS, endian="little", region=1)
_HEAP_CHECKED: Final = mem_flags(trap=0, endian="little", region=1)

LATER: Final = (SIMD, RELAXED_SIMD, THREADS)
"""Features whose handlers come when the first instruction does."""
GUARD_OFFSET_LIMIT: Final = 1 << 32
_LARGE: Final = 1 << 20
_MANY: Final = 1 << 16
"""Bytes, and elements, up to which a bulk instruction needs no Python: about 0.1 ms."""

_TYPES: Final = {WT.I32: T.I32, WT.I64: T.I64, WT.F32: T.F32, WT.F64: T.F64, WT.V128: T.I8X16}


def ir_type(ty: int) -> int:
    """The IR type of a wasm value type; references are addresses."""
    return _TYPES.get(ty, T.I64)


def signature(ty: WT.FuncType) -> Signature:
    """The `tail` signature of a wasm function type, the instance context first."""
    params = [AbiParam(T.I64, purpose="vmctx")]
    params += [AbiParam(ir_type(p)) for p in ty.params]
    return Signature(params, [AbiParam(ir_type(r)) for r in ty.results], "tail")


_BLOCK: Final = 0
_LOOP: Final = 1
_IF: Final = 2


class _Frame:
    """One open block. `label` is where branches go; `end` where the code after it starts."""

    __slots__ = ("else_block", "else_args", "end", "height", "kind", "label", "live", "params",
                 "results", "used")  # fmt: skip

    def __init__(
        self,
        kind: int,
        label: Block,
        end: Block,
        height: int,
        params: tuple[int, ...],
        results: tuple[int, ...],
    ) -> None:
        self.kind = kind
        self.label = label
        self.end = end
        self.height = height
        self.params = params
        self.results = results
        self.else_block: Block | None = None
        self.else_args: list[Value] = []
        self.live = True
        self.used = False


class _Indirect:
    """A call through a table: the call, and the index as wasm has it."""

    __slots__ = ("at", "call", "table", "type_index")

    def __init__(self, call: Value, at: Value, table: int, type_index: int) -> None:
        self.call = call
        self.at = at
        self.table = table
        self.type_index = type_index


class FuncTranslator(BodyReader):
    """Translates one function; see `translate`."""

    def __init__(self, info: ModuleInfo, index: int, through_slots: bool = False) -> None:
        module = info.module
        super().__init__(module, index)
        self.info = info
        self.through_slots = through_slots
        self.spectre = True
        self.checks_stack = True
        self.module = module
        self.layout = info.layout
        self.index = index
        self.type = module.func_type(index)
        self.func = Function(f"u0:{index}", signature(self.type))
        self.func.add_alias_region(AliasRegion(POLL_KEEPS, "contexts"))
        self.func.add_alias_region(AliasRegion(1, "memory"))
        self.b = FunctionBuilder(self.func, checked=False)
        self.stack: list[Value] = []
        self.frames: list[_Frame] = []
        self.callees: dict[int, FuncRef] = {}
        # What the body names whose types matter: functions by index, types by -1 - index.
        self.named: dict[int, bool] = {}
        self.sigs: dict[int, Signature] = {}
        self.poll_sig: Signature | None = None
        self.lengths_flags: MemFlags | None = None
        self.builtin_sigs: dict[str, Signature] = {}
        self.vmctx: Value
        self.op_start = 0
        self.open_loops = 0
        self.deepest_loop = 0  # how many loops lie in one another, at most
        self.externs: list[Value] = []  # where external references come in
        self.local_types = list(self.type.params)
        self.handlers = HANDLERS
        self.bodies: list[Block] = []  # of loops of bulk instructions
        self.indirect: list[_Indirect] = []
        self.fuel = Fuel(self) if info.fuel else None

    # ---- reading ----

    def opcode(self) -> int:
        self.op_start = self.base + self.pos
        op = self.data[self.pos]
        self.pos += 1
        base = W.PREFIX_BASE.get(op)
        return op if base is None else base + self.u32()

    def block_type(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        byte = self.data[self.pos]
        if byte == 0x40:
            self.pos += 1
            return (), ()
        if byte in _TYPES:
            self.pos += 1
            return (), (byte,)
        if byte & 0xC0 == 0x40:
            return (), (self.value_type(),)
        type_index = self.signed()
        self.named[-1 - type_index] = True
        ty = self.info.func_type(type_index)
        return ty.params, ty.results

    def value_type(self) -> int:
        """A value type; one stands in for all references that are not external."""
        byte = self.data[self.pos]
        self.pos += 1
        if byte in _TYPES:
            return byte
        heap = self.signed() & 0x7F if byte in (0x63, 0x64) else byte
        return WT.EXTERNREF if heap == WT.EXTERN else WT.FUNCREF

    # ---- operands ----

    def push(self, value: Value) -> None:
        self.stack.append(value)

    def pop(self) -> Value:
        return self.stack.pop()

    def pop_many(self, count: int) -> list[Value]:
        if not count:
            return []
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def push_results(self, call: Value, type_index: int) -> None:
        if call.results:
            self.stack.extend(call.results)
        elif call.ty:
            self.stack.append(call)
        types = self.info.func_type(type_index).results
        for ty, value in zip(types, self.stack[len(self.stack) - len(types) :], strict=True):
            if WT.is_extern(ty):
                self.came_in(value)

    def came_in(self, value: Value) -> None:
        """Note an external reference that came from elsewhere."""
        self.externs.append(value)

    def leave(self) -> None:
        """The function ends here; its results, or the arguments of a tail call, are popped."""

    def condition(self) -> Value:
        """Pop an i32 that only matters as zero or not."""
        value = self.stack.pop()
        if value.op == ops.UEXTEND and value.a.ty == T.I8:
            return value.a
        return value

    # ---- contexts ----

    def context(self, field: str, flags: object = _VARIES) -> Value:
        """Load a field of the store context."""
        base = self.b.get_pinned_reg(T.I64)
        return self.b.load(T.I64, base, STORE[field], flags)  # type: ignore[arg-type]

    def fixed(self, offset: int) -> Value:
        """Load a constant word of the instance context."""
        return self.b.load(T.I64, self.vmctx, offset, _FIXED)

    def lengths(self) -> MemFlags:
        """Flags of a load of the size of a memory or table."""
        if self.lengths_flags is None:
            region = self.func.add_alias_region(AliasRegion(POLL_KEEPS | GROWS, "lengths"))
            self.lengths_flags = mem_flags(aligned=True, trap=0, region=region.num)
        return self.lengths_flags

    def memory_size(self, index: int, unit: str) -> Value:
        """The "length" of a memory in bytes, or its "pages". Those of a shared one are read each
        time: others let it grow."""
        shared = self.module.memories[index].type.limits.shared
        flags = _SHARED if shared else self.lengths()
        return self.b.load(T.I64, self.fixed(self.layout.memory(index)), MEMORY[unit], flags)

    def builtin(self, name: str, args: list[Value]) -> Value:
        """Call a builtin with the instance's address before the arguments."""
        row = BUILTINS[name]
        sig = self.builtin_sigs.get(name)
        if sig is None:
            types = {"i": T.I32, "l": T.I64}
            sig = self.func.add_sig(
                Signature(
                    [AbiParam(T.I64, purpose="vmctx")] + [AbiParam(types[p]) for p in row.params],
                    [AbiParam(types[r]) for r in row.results],
                    "tail",
                )
            )
            self.builtin_sigs[name] = sig
        at = self.context("builtins", _FIXED)
        code = self.b.load(T.I64, at, 16 * row.number, _FIXED)
        instance = self.b.load(T.I64, at, 16 * row.number + 8, _FIXED)
        return self.b.call_indirect(sig, code, [instance, self.vmctx, *args])

    def library(self, name: str, args: list[Value]) -> None:
        """Call a function of the C library."""
        row = LIBRARY[name]
        sig = self.builtin_sigs.get(name)
        if sig is None:
            sig = self.func.add_sig(Signature([AbiParam(arg.ty) for arg in args], [], "system_v"))
            self.builtin_sigs[name] = sig
        at = self.context("builtins", _FIXED)
        self.b.call_indirect(sig, self.b.load(T.I64, at, 16 * row.number, _FIXED), args)

    def call_stub(self, field: str) -> None:
        """Call a stub of the store context that keeps every register."""
        if self.poll_sig is None:
            self.poll_sig = self.func.add_sig(Signature([], [], "preserve_all"))
        self.b.call_indirect(self.poll_sig, self.context(field, _FIXED), [])

    # ---- the whole ----

    def translate(self) -> Function:
        """The IR of the function. Raises Unsupported for instructions of later proposals."""
        start = trace.clock()
        b = self.b
        entry = b.create_block()
        b.switch_to_block(entry)
        b.seal_block(entry)
        params = [b.append_block_param(entry, p.ty) for p in self.func.sig.params]
        self.vmctx = params[0]
        for number, (ty, value) in enumerate(zip(self.type.params, params[1:], strict=True)):
            b.declare_var(ir_type(ty))
            b.def_var(number, value)
            if WT.is_extern(ty):
                self.came_in(value)
        declaration = self.declare_locals()
        b.loc = self.base + self.pos
        if self.checks_stack:
            self.check_stack()
        if self.fuel is not None:
            self.fuel.enter(declaration)
        self.open_body()
        self.translate_body()
        trace.note_time("translate", start)
        return self.func

    def declare_locals(self) -> int:
        """Read the declarations; gives where the last one is."""
        b = self.b
        declaration = self.base + self.pos
        for _ in range(self.u32()):
            declaration = self.base + self.pos
            count = self.u32()
            ty = self.value_type()
            self.local_types += [ty] * count
            for _ in range(count):
                b.declare_var(ir_type(ty))  # reads as zero until set
        return declaration

    def open_body(self) -> None:
        """The frame of the function itself."""
        end = self.new_join(self.type.results)
        self.frames.append(_Frame(_BLOCK, end, end, 0, (), self.type.results))

    def translate_body(self) -> None:
        """Everything up to the end of the function."""
        b = self.b
        handlers = self.handlers
        while self.frames:
            op = self.opcode()
            b.loc = self.op_start
            if not self.frames[-1].live:
                self.skip(op)
                continue
            handler = handlers[op]
            if handler is None:
                handler = self.rare(op)
            if self.fuel is not None:
                self.fuel.before(op)
            handler(self, op)
            if self.fuel is not None:
                self.fuel.after()
        b.finalize()
        if self.indirect:
            self.call_directly()
        insert_stack_maps(self.func, self.externs)

    def check_stack(self) -> None:
        b = self.b
        slow, body = b.create_block(), b.create_block()
        slow.cold = True
        limit = self.context("limit")
        low = b.icmp(ops.ULT, b.get_stack_pointer(T.I64), limit)
        b.brif(low, slow, [], body, [])
        b.seal_block(slow)
        b.switch_to_block(slow)
        self.call_stub("entry_stub")
        b.jump(body, [])
        b.seal_block(body)
        b.switch_to_block(body)

    def poll(self) -> None:
        b = self.b
        slow, body = b.create_block(), b.create_block()
        slow.cold = True
        b.brif(self.context("poll"), slow, [], body, [])
        b.seal_block(slow)
        b.switch_to_block(slow)
        self.call_stub("poll_stub")
        b.jump(body, [])
        b.seal_block(body)
        b.switch_to_block(body)

    # ---- control ----

    def unreachable_from_here(self) -> None:
        frame = self.frames[-1]
        frame.live = False
        del self.stack[frame.height :]

    def rare(self, op: int) -> Handler:
        """What translates an opcode that has no handler yet. Raises Unsupported."""
        if W.FEATURE[op] == THREADS:
            from grus.engine.translate import atomics  # noqa: F401 it fills in its handlers
        elif W.FEATURE[op] in LATER:
            from grus.engine.translate import simd  # noqa: F401 likewise
        handler = HANDLERS[op]
        if handler is None:
            raise Unsupported(
                f"function {self.index}: {W.NAMES[op]} at offset {self.op_start:#x} is not "
                "supported yet"
            )
        return handler

    def skip(self, op: int) -> None:
        """An instruction that is never executed: keep count of blocks, skip the rest."""
        if op in (W.BLOCK, W.LOOP, W.IF, W.TRY_TABLE):
            self.skip_immediates(op)
            dead = _Frame(_BLOCK, self.frames[-1].label, self.frames[-1].end, 0, (), ())
            dead.live = False
            dead.kind = -1
            self.frames.append(dead)
        elif op == W.ELSE:
            if self.frames[-1].kind == _IF:
                self.on_else(op)
        elif op == W.END:
            if self.frames[-1].kind == -1:
                self.frames.pop()
            else:
                self.on_end(op)
        else:
            self.skip_immediates(op)

    def skip_immediates(self, op: int) -> None:
        for kind in W.IMMEDIATES[op]:
            if kind == "block":
                self.block_type()
            elif kind == "br_table":
                for _ in range(self.u32() + 1):
                    self.u32()
            elif kind == "memarg":
                if self.u32() & 0x40:
                    self.u32()
                self.u32()
            elif kind in ("i32", "i64", "heap", "ref", "ref_null"):
                self.signed()
            elif kind == "f32":
                self.pos += 4
            elif kind == "f64":
                self.pos += 8
            elif kind in ("v128", "shuffle"):
                self.pos += 16
            elif kind.startswith("lane") or kind == "fence":
                self.pos += 1
            elif kind == "select_types":
                for _ in range(self.u32()):
                    self.value_type()
            elif kind == "try_table":
                self.block_type()
                for _ in range(self.u32()):
                    catch = self.u32()
                    if catch < 2:
                        self.u32()
                    self.u32()
            elif kind == "br_cast":
                self.pos += 1
                self.u32()
                self.signed()
                self.signed()
            else:
                self.u32()

    def new_join(self, types: tuple[int, ...]) -> Block:
        block = self.b.create_block()
        for ty in types:
            self.b.append_block_param(block, ir_type(ty))
        return block

    def on_block(self, op: int) -> None:
        params, results = self.block_type()
        join = self.new_join(results)
        height = len(self.stack) - len(params)
        self.frames.append(_Frame(_BLOCK, join, join, height, params, results))

    def on_loop(self, op: int) -> None:
        params, results = self.block_type()
        header = self.new_join(params)
        join = self.new_join(results)
        self.b.jump(header, self.pop_many(len(params)))
        height = len(self.stack)
        self.b.switch_to_block(header)
        self.stack.extend(header.params[: len(params)])
        self.poll()
        if self.fuel is not None:
            self.fuel.check()
        self.frames.append(_Frame(_LOOP, header, join, height, params, results))
        self.open_loops += 1
        self.deepest_loop = max(self.deepest_loop, self.open_loops)

    def on_if(self, op: int) -> None:
        b = self.b
        params, results = self.block_type()
        condition = self.condition()
        then, other = b.create_block(), b.create_block()
        join = self.new_join(results)
        b.brif(condition, then, [], other, [])
        b.seal_block(then)
        b.seal_block(other)
        frame = _Frame(_IF, join, join, len(self.stack) - len(params), params, results)
        frame.else_block = other
        frame.else_args = self.stack[frame.height :]
        self.frames.append(frame)
        b.switch_to_block(then)

    def on_else(self, op: int) -> None:
        frame = self.frames[-1]
        if frame.live:
            self.b.jump(frame.end, self.pop_many(len(frame.results)))
            frame.used = True
        frame.kind = _BLOCK
        frame.live = True
        assert frame.else_block is not None
        self.b.switch_to_block(frame.else_block)
        frame.else_block = None
        del self.stack[frame.height :]
        self.stack.extend(frame.else_args)

    def on_end(self, op: int) -> None:
        b = self.b
        frame = self.frames.pop()
        count = len(frame.results)
        if frame.kind == _LOOP:
            self.open_loops -= 1
        if not self.frames and not frame.used and frame.live:
            frame.end.params = []  # which know their block
            self.return_values()
            return
        if frame.live:
            b.jump(frame.end, self.pop_many(count))
            frame.used = True
        if frame.kind == _LOOP:
            b.seal_block(frame.label)
        if frame.else_block is not None:
            b.switch_to_block(frame.else_block)
            b.jump(frame.end, frame.else_args)
            frame.used = True
        del self.stack[frame.height :]
        if not frame.used:
            # Nothing reaches the end: what follows is dead in the block around, too.
            frame.end.params = []
            if self.frames:
                self.unreachable_from_here()
            return
        b.seal_block(frame.end)
        b.switch_to_block(frame.end)
        self.stack.extend(frame.end.params[:count])
        if not self.frames:
            self.return_values()

    def return_values(self) -> None:
        results = self.pop_many(len(self.type.results))
        self.leave()
        self.b.return_(results)

    def target(self, depth: int) -> tuple[Block, int]:
        """Block and number of arguments of a branch."""
        frame = self.frames[-1 - depth]
        if frame.kind == _LOOP:
            return frame.label, len(frame.params)
        frame.used = True
        return frame.label, len(frame.results)

    def on_br(self, op: int) -> None:
        block, count = self.target(self.u32())
        self.b.jump(block, self.pop_many(count))
        self.unreachable_from_here()

    def on_br_if(self, op: int) -> None:
        self.branch_if(self.condition(), self.u32(), True)

    def branch_if(self, condition: Value, depth: int, when: bool) -> None:
        b = self.b
        block, count = self.target(depth)
        args = self.stack[len(self.stack) - count :]
        after = b.create_block()
        if when:
            b.brif(condition, block, args, after, [])
        else:
            b.brif(condition, after, [], block, args)
        b.seal_block(after)
        b.switch_to_block(after)

    def on_br_table(self, op: int) -> None:
        depths = [self.u32() for _ in range(self.u32() + 1)]
        index = self.pop()
        count = self.target(depths[-1])[1]
        args = self.stack[len(self.stack) - count :]
        calls = [BlockCall(self.target(d)[0], list(args)) for d in depths]
        self.b.br_table(index, calls[-1], calls[:-1])
        self.unreachable_from_here()

    def on_return(self, op: int) -> None:
        self.return_values()
        self.unreachable_from_here()

    def on_unreachable(self, op: int) -> None:
        self.b.trap(errors.UNREACHABLE)
        self.unreachable_from_here()

    def on_nop(self, op: int) -> None:
        pass

    # ---- calls ----

    def sig(self, type_index: int) -> Signature:
        found = self.sigs.get(type_index)
        if found is None:
            found = self.func.add_sig(signature(self.info.func_type(type_index)))
            self.sigs[type_index] = found
        return found

    def callee(self, index: int) -> FuncRef:
        found = self.callees.get(index)
        if found is None:
            sig = self.sig(self.module.funcs[index])
            found = self.func.add_func(FuncRef(f"u0:{index}", sig, colocated=True))
            self.callees[index] = found
        return found

    def on_call(self, op: int) -> None:
        b = self.b
        index = self.u32()
        type_index = self.module.funcs[index]
        self.named[index] = True
        args = self.pop_many(len(self.info.func_type(type_index).params))
        tail = op == W.RETURN_CALL
        if tail:
            self.leave()
        if index < self.module.num_imported_funcs or self.through_slots:
            if index < self.module.num_imported_funcs:
                at = self.layout.imported_func(index)
                code, instance = self.fixed(at), self.fixed(at + 8)
            else:
                # Old code lives as long as new code: any value that the slot had will do.
                instance = self.vmctx
                code = b.load(T.I64, instance, self.layout.slot(index), _VARIES)
            sig = self.sig(type_index)
            if tail:
                b.return_call_indirect(sig, code, [instance, *args])
            else:
                self.push_results(b.call_indirect(sig, code, [instance, *args]), type_index)
        elif tail:
            b.return_call(self.callee(index), [self.vmctx, *args])
        else:
            self.push_results(b.call(self.callee(index), [self.vmctx, *args]), type_index)
        if tail:
            self.unreachable_from_here()

    def on_call_indirect(self, op: int) -> None:
        b = self.b
        type_index = self.u32()
        self.named[-1 - type_index] = True
        table_index = self.u32()
        at = self.stack[-1]
        place = self.element(
            table_index, self.table_index(table_index), errors.INDIRECT_CALL_TO_NULL
        )
        ref = b.load(T.I64, place, 0, _VARIES)
        b.trapz(ref, errors.UNINITIALIZED_ELEMENT)
        types = self.fixed(self.layout.types)
        expected = b.load(T.I64, types, 8 * type_index, _FIXED)
        actual = b.load(T.I64, ref, FUNCREF["type"], _FIXED)
        differs = b.icmp(ops.NE, actual, expected)
        final = self.module.types[type_index].final
        if final:
            b.trapnz(differs, errors.BAD_SIGNATURE)
        else:
            slow, fits = b.create_block(), b.create_block()
            slow.cold = True
            b.brif(differs, slow, [], fits, [])
            b.seal_block(slow)
            b.switch_to_block(slow)
            b.trapz(self.builtin("is_subtype", [actual, expected]), errors.BAD_SIGNATURE)
            b.jump(fits, [])
            b.seal_block(fits)
            b.switch_to_block(fits)
        call = self.call_funcref(ref, type_index, op == W.RETURN_CALL_INDIRECT)
        if final and not self.through_slots:
            self.indirect.append(_Indirect(call, at, table_index, type_index))

    def call_directly(self) -> None:
        """Make direct calls of indirect ones whose functions are known, and leave out their checks.

        The function must be of this module, which the instance that calls is of, and of the very
        type; else what happens is left to the checks.
        """
        direct: set[int] = set()
        for site in self.indirect:
            at = resolve(site.at)
            if at.op != ops.ICONST:
                continue
            index = self.info.constant_element(site.table, at.imm & ((1 << T.BITS[at.ty]) - 1))
            if index < self.module.num_imported_funcs:
                continue
            if self.module.funcs[index] != site.type_index:
                continue
            call, ref = site.call, self.callee(index)
            call.op = ops.RETURN_CALL if call.op == ops.RETURN_CALL_INDIRECT else ops.CALL_
            call.a = NIL
            call.args = (self.vmctx, *call.args[1:])
            call.ext = CallInfo(ref.sig, ref)
            direct.add(call.loc)
        if direct:
            for block in self.func.blocks:
                block.insts = [
                    inst
                    for inst in block.insts
                    if inst.loc not in direct or inst.op not in (ops.TRAPZ, ops.TRAPNZ)
                ]

    def on_call_ref(self, op: int) -> None:
        type_index = self.u32()
        self.named[-1 - type_index] = True
        ref = self.pop()
        self.b.trapz(ref, errors.NULL_FUNCTION)
        self.call_funcref(ref, type_index, op == W.RETURN_CALL_REF)

    def call_funcref(self, ref: Value, type_index: int, tail: bool) -> Value:
        """Call what a reference that is not null refers to. Gives the call."""
        b = self.b
        code = b.load(T.I64, ref, FUNCREF["code"], _VARIES)
        instance = b.load(T.I64, ref, FUNCREF["instance"], _FIXED)
        args = self.pop_many(len(self.info.func_type(type_index).params))
        sig = self.sig(type_index)
        if tail:
            self.leave()
            call = b.return_call_indirect(sig, code, [instance, *args])
            self.unreachable_from_here()
        else:
            call = b.call_indirect(sig, code, [instance, *args])
            self.push_results(call, type_index)
        return call

    # ---- values ----

    def on_drop(self, op: int) -> None:
        self.stack.pop()

    def on_select(self, op: int) -> None:
        if op == W.SELECT_T:
            self.skip_immediates(op)
        condition = self.condition()
        y = self.pop()
        x = self.pop()
        self.push(self.b.select(condition, x, y))

    def on_local_get(self, op: int) -> None:
        self.stack.append(self.b.use_var(self.u32()))

    def on_local_set(self, op: int) -> None:
        self.b.def_var(self.u32(), self.stack.pop())

    def on_local_tee(self, op: int) -> None:
        self.b.def_var(self.u32(), self.stack[-1])

    def global_place(self, index: int) -> tuple[Value, int]:
        if index < self.module.num_imported_globals:
            return self.fixed(self.layout.imported_global(index)), 0
        return self.vmctx, self.layout.own_global(index)

    def on_global_get(self, op: int) -> None:
        index = self.u32()
        ty = self.module.globals[index].type
        base, offset = self.global_place(index)
        flags = _VARIES if ty.mutable else _FIXED
        value = self.b.load(ir_type(ty.value), base, offset, flags)
        if WT.is_extern(ty.value):
            self.lend(value)
        self.push(value)

    def on_global_set(self, op: int) -> None:
        index = self.u32()
        base, offset = self.global_place(index)
        if WT.is_extern(self.module.globals[index].type.value):
            self.replace(base, offset, self.pop())
        else:
            self.b.store(self.pop(), base, offset, _VARIES)

    def on_i32_const(self, op: int) -> None:
        self.push(self.b.iconst(T.I32, self.signed()))

    def on_i64_const(self, op: int) -> None:
        self.push(self.b.iconst(T.I64, self.signed()))

    def on_f32_const(self, op: int) -> None:
        self.push(self.b.f32const(self.bits(4)))

    def on_f64_const(self, op: int) -> None:
        self.push(self.b.f64const(self.bits(8)))

    def on_unary(self, op: int) -> None:
        x = self.stack.pop()
        value = self.b._inst(table.UNARY[op], x.ty)
        value.a = x
        self.stack.append(value)

    def on_binary(self, op: int) -> None:
        y = self.stack.pop()
        x = self.stack.pop()
        value = self.b._inst(table.BINARY[op], x.ty)
        value.a = x
        value.b = y
        self.stack.append(value)

    def on_convert(self, op: int) -> None:
        clif, ty = table.CONVERT[op]
        x = self.stack.pop()
        if clif == ops.BITCAST:
            self.stack.append(self.b.bitcast(ty, x))
            return
        value = self.b._inst(clif, ty)
        value.a = x
        self.stack.append(value)

    def on_compare(self, op: int) -> None:
        clif, cc = table.COMPARE[op]
        y = self.stack.pop()
        x = self.stack.pop()
        value = self.b._inst(clif, T.I8)
        value.a = x
        value.b = y
        value.imm = cc
        self.stack.append(self.b.uextend(T.I32, value))

    def on_eqz(self, op: int) -> None:
        x = self.condition() if op == W.I32_EQZ else self.pop()
        value = self.b.icmp(ops.EQ, x, self.b.iconst(x.ty, 0))
        self.push(self.b.uextend(T.I32, value))

    def on_sign(self, op: int) -> None:
        narrow, ty = table.SIGN[op]
        self.push(self.b.sextend(ty, self.b.ireduce(narrow, self.pop())))

    # ---- memory ----

    def memarg(self) -> tuple[int, int]:
        """Memory index and offset."""
        index = 0
        if self.u32() & 0x40:
            index = self.u32()
        return index, self.u32()

    def address(self, index: int, offset: int, size: int) -> tuple[Value, int, object]:
        """Pop a memory address: base value, offset and flags of an access of `size` bytes."""
        b = self.b
        address = self.stack.pop()
        narrow = address.ty == T.I32
        if narrow:
            address = b.uextend(T.I64, address)
        base = self.fixed(self.layout.memory_base(index))
        if self.info.memory_modes[index] == GUARDED and narrow and offset < GUARD_OFFSET_LIMIT:
            flags = _HEAP
        else:
            flags = _HEAP_CHECKED
            end = b.iconst(T.I64, _signed64(offset + size))
            if offset + size >= 1 << 64:
                b.trap(errors.MEMORY_OUT_OF_BOUNDS)
                b.switch_to_block(self.dead_block())
            if narrow and offset + size < 1 << 63:
                last = b.iadd(address, end)
            else:
                last = b.uadd_overflow_trap(address, end, errors.MEMORY_OUT_OF_BOUNDS)
            length = self.memory_size(index, "length")
            outside = b.icmp(ops.UGT, last, length)
            b.trapnz(outside, errors.MEMORY_OUT_OF_BOUNDS)
            if self.spectre:
                at = b.iadd(b.iadd(base, address), b.iconst(T.I64, _signed64(offset)))
                return b.select_spectre_guard(outside, b.iconst(T.I64, 0), at), 0, flags
        at = b.iadd(base, address)
        if offset >= 1 << 31:
            at = b.iadd(at, b.iconst(T.I64, _signed64(offset)))
            offset = 0
        return at, offset, flags

    def dead_block(self) -> Block:
        """A block that nothing reaches, to hold what follows a trap."""
        block = self.b.create_block()
        self.b.seal_block(block)
        return block

    def on_load(self, op: int) -> None:
        clif, ty = table.LOAD[op]
        self.stack.append(self.load(op, clif, ty))

    def load(self, op: int, clif: int, ty: int) -> Value:
        """The load of wasm's `op`, from the address on the stack, as the IR's `clif`."""
        index, offset = self.memarg()
        at, disp, flags = self.address(index, offset, 1 << W.ALIGN[op])
        value = self.b._inst(clif, ty)
        value.a = at
        value.imm = disp
        value.ext = flags
        return value

    def on_store(self, op: int) -> None:
        index, offset = self.memarg()
        self.store(op, table.STORE[op], self.stack.pop(), index, offset)

    def store(self, op: int, clif: int, x: Value, index: int, offset: int) -> None:
        """The store of wasm's `op`, to the address on the stack, as the IR's `clif`."""
        at, disp, flags = self.address(index, offset, 1 << W.ALIGN[op])
        inst = self.b._inst(clif, T.INVALID)
        inst.a = x
        inst.b = at
        inst.imm = disp
        inst.ext = flags

    def memory_is64(self, index: int) -> bool:
        return self.module.memories[index].type.limits.is64

    def wide(self, value: Value) -> Value:
        """An address or count as i64, zero-extended."""
        return value if value.ty == T.I64 else self.b.uextend(T.I64, value)

    def narrow(self, value: Value, is64: bool) -> Value:
        return value if is64 else self.b.ireduce(T.I32, value)

    def const32(self, value: int) -> Value:
        return self.b.iconst(T.I32, value)

    def on_memory_size(self, op: int) -> None:
        index = self.u32()
        self.push(self.narrow(self.memory_size(index, "pages"), self.memory_is64(index)))

    def on_memory_grow(self, op: int) -> None:
        index = self.u32()
        delta = self.wide(self.pop())
        old = self.builtin("memory_grow", [self.const32(index), delta])
        self.push(self.narrow(old, self.memory_is64(index)))

    def on_memory_init(self, op: int) -> None:
        segment, index = self.u32(), self.u32()
        to, source, count = self.pop_many(3)
        to, source, count = self.wide(to), self.wide(source), self.wide(count)
        args = [self.const32(index), self.const32(segment), to, source, count]
        if not self.layout.num_segments:  # all are dropped
            self.builtin("memory_init", args)
            return
        begin = self.fixed(self.layout.segment(segment))
        size = self.b.load(T.I64, self.vmctx, self.layout.segment(segment) + 8, _VARIES)
        self.check_range(source, count, size, True, errors.MEMORY_OUT_OF_BOUNDS)
        at = self.memory_range(index, to, count)
        parts = [at, self.b.iadd(begin, source), count]
        self.bulk(count, _LARGE, "memory_init", args, "memmove", parts)

    def on_data_drop(self, op: int) -> None:
        self.builtin("data_drop", [self.const32(self.u32())])

    def on_memory_fill(self, op: int) -> None:
        index = self.u32()
        to, value, count = self.pop_many(3)
        to, count = self.wide(to), self.wide(count)
        at = self.memory_range(index, to, count)
        args = [self.const32(index), to, value, count]
        self.bulk(count, _LARGE, "memory_fill", args, "memset", [at, value, count])

    def on_memory_copy(self, op: int) -> None:
        to_memory, from_memory = self.u32(), self.u32()
        to, source, count = self.pop_many(3)
        to, source, count = self.wide(to), self.wide(source), self.wide(count)
        begin = self.memory_range(from_memory, source, count)
        at = self.memory_range(to_memory, to, count)
        args = [self.const32(to_memory), self.const32(from_memory), to, source, count]
        self.bulk(count, _LARGE, "memory_copy", args, "memmove", [at, begin, count])

    def check_range(self, start: Value, count: Value, size: Value, narrow: bool, code: int) -> None:
        """Trap unless `count` from `start` on are within `size`; `narrow`: both are 32 bits."""
        b = self.b
        end = b.iadd(start, count) if narrow else b.uadd_overflow_trap(start, count, code)
        b.trapnz(b.icmp(ops.UGT, end, size), code)

    def memory_range(self, index: int, start: Value, count: Value) -> Value:
        """Address of `count` bytes of a memory, checked."""
        size = self.memory_size(index, "length")
        narrow = not self.memory_is64(index)
        self.check_range(start, count, size, narrow, errors.MEMORY_OUT_OF_BOUNDS)
        return self.b.iadd(self.fixed(self.layout.memory_base(index)), start)

    def table_range(self, index: int, start: Value, count: Value) -> Value:
        """Address of `count` elements of a table, checked."""
        b = self.b
        table_ = self.fixed(self.layout.table(index))
        size = b.load(T.I64, table_, TABLE["length"], self.lengths())
        narrow = not self.table_is64(index)
        self.check_range(start, count, size, narrow, errors.TABLE_OUT_OF_BOUNDS)
        base = b.load(T.I64, table_, TABLE["base"], _VARIES)
        return b.iadd(base, b.ishl(start, b.iconst(T.I64, 3)))

    def bulk(
        self,
        count: Value,
        most: int,
        name: str,
        args: list[Value],
        library: str,
        parts: list[Value],
    ) -> None:
        """A bulk instruction in bounds: a call of the C library; the builtin, which lets signals
        and other threads in, when `count` is above `most`. Both at once: nothing can trap."""
        b = self.b
        large, small, after = b.create_block(), b.create_block(), b.create_block()
        large.cold = True
        b.brif(b.icmp(ops.UGT, count, b.iconst(T.I64, most)), large, [], small, [])
        b.seal_block(large)
        b.seal_block(small)
        b.switch_to_block(large)
        self.builtin(name, args)
        b.jump(after, [])
        b.switch_to_block(small)
        self.library(library, parts)
        self.meet(after)

    # ---- counting of external references (docs/externref.md) ----

    def when(self, condition: Value, cold: bool = False) -> Block:
        """Go into a new block when `condition` is not zero; gives the block after it, where
        `meet` goes on."""
        b = self.b
        then, after = b.create_block(), b.create_block()
        then.cold = cold
        b.brif(condition, then, [], after, [])
        b.seal_block(then)
        b.switch_to_block(then)
        return after

    def meet(self, after: Block) -> None:
        b = self.b
        b.jump(after, [])
        b.seal_block(after)
        b.switch_to_block(after)

    def count(self, ref: Value, change: int) -> Value:
        """Change the count of a reference that is not null by 1; gives the new count."""
        one = self.b.iconst(T.I64, 1)
        return self.change_count(ref, self.b.iconst(T.I64, change), one)

    def count_by(self, ref: Value, owners: Value) -> None:
        """So many owners more of a reference that is not null."""
        self.change_count(ref, owners, owners)

    def change_count(self, ref: Value, change: Value, changes: Value) -> Value:
        b = self.b
        old = b.load(T.I64, ref, HEADER["count"], _VARIES)
        new = b.iadd(old, change)
        b.store(new, ref, HEADER["count"], _VARIES)
        if self.info.count_changes:
            context = b.get_pinned_reg(T.I64)
            so_far = b.load(T.I64, context, STORE["changes"], _VARIES)
            b.store(b.iadd(so_far, changes), context, STORE["changes"], _VARIES)
        return new

    def lend(self, ref: Value) -> None:
        """Read barrier: enter a reference that was read from a table or global into the
        activations table, which then owns a count of it."""
        b = self.b
        self.came_in(ref)
        after = self.when(ref)
        flags = b.uload32(ref, HEADER["flags"], _VARIES)
        if not self.info.repeat_entries:
            listed = b.band(flags, b.iconst(T.I64, layout.REF_LISTED))
            new = b.create_block()
            b.brif(listed, after, [], new, [])
            b.seal_block(new)
            b.switch_to_block(new)
        free = self.context("next")
        fast, full = b.create_block(), b.create_block()
        full.cold = True
        b.brif(b.icmp(ops.EQ, free, self.context("end")), full, [], fast, [])
        b.seal_block(full)
        b.seal_block(fast)
        b.switch_to_block(full)
        self.builtin("ref_insert", [ref])
        b.jump(after, [])
        b.switch_to_block(fast)
        marked = b.bor(flags, b.iconst(T.I64, layout.REF_LISTED))
        b.istore32(marked, ref, HEADER["flags"], _VARIES)
        self.count(ref, 1)
        b.store(ref, free, 0, _VARIES)
        context = b.get_pinned_reg(T.I64)
        b.store(b.iadd(free, b.iconst(T.I64, 8)), context, STORE["next"], _VARIES)
        self.meet(after)

    def replace(self, base: Value, offset: int, new: Value) -> None:
        """Write barrier: count the new, load the old, store, uncount the old; a dead one is
        handed over last, for its finalizer may look here. The old is no entry of a stack map."""
        b = self.b
        after = self.when(new)
        self.count(new, 1)
        self.meet(after)
        old = b.load(T.I64, base, offset, _VARIES)
        b.store(new, base, offset, _VARIES)
        after = self.when(old)
        left = self.count(old, -1)
        dead = b.create_block()
        dead.cold = True
        b.brif(left, after, [], dead, [])
        b.seal_block(dead)
        b.switch_to_block(dead)
        self.builtin("ref_dead", [old])
        self.meet(after)

    # ---- tables and references ----

    def table_is64(self, index: int) -> bool:
        return self.module.tables[index].type.limits.is64

    def table_index(self, index: int) -> Value:
        return self.wide(self.pop())

    def element(self, index: int, at: Value, code: int) -> Value:
        """Address of a table element, checked; a speculated access stays at element 0."""
        b = self.b
        table_ = self.fixed(self.layout.table(index))
        length = b.load(T.I64, table_, TABLE["length"], self.lengths())
        outside = b.icmp(ops.UGE, at, length)
        b.trapnz(outside, code)
        base = b.load(T.I64, table_, TABLE["base"], _VARIES)
        place = b.iadd(base, b.ishl(at, b.iconst(T.I64, 3)))
        return b.select_spectre_guard(outside, base, place) if self.spectre else place

    def on_table_get(self, op: int) -> None:
        index = self.u32()
        at = self.element(index, self.table_index(index), errors.TABLE_OUT_OF_BOUNDS)
        value = self.b.load(T.I64, at, 0, _VARIES)
        if WT.is_extern(self.module.tables[index].type.element):
            self.lend(value)
        self.push(value)

    def on_table_set(self, op: int) -> None:
        index = self.u32()
        value = self.pop()
        at = self.element(index, self.table_index(index), errors.TABLE_OUT_OF_BOUNDS)
        if WT.is_extern(self.module.tables[index].type.element):
            self.replace(at, 0, value)
        else:
            self.b.store(value, at, 0, _VARIES)

    def on_table_size(self, op: int) -> None:
        index = self.u32()
        table_ = self.fixed(self.layout.table(index))
        length = self.b.load(T.I64, table_, TABLE["length"], self.lengths())
        self.push(self.narrow(length, self.table_is64(index)))

    def on_table_grow(self, op: int) -> None:
        index = self.u32()
        value, delta = self.pop_many(2)
        old = self.builtin("table_grow", [self.const32(index), value, self.wide(delta)])
        self.push(self.narrow(old, self.table_is64(index)))

    def on_table_fill(self, op: int) -> None:
        b = self.b
        index = self.u32()
        start, value, count = self.pop_many(3)
        start, count = self.wide(start), self.wide(count)
        extern = WT.is_extern(self.module.tables[index].type.element)
        at = self.table_range(index, start, count)
        after = self.unless_many(
            count, "table_fill", [self.const32(index), start, value, count], extern
        )
        if extern:
            rest = self.when(value)
            self.count_by(value, count)
            self.meet(rest)
        end = b.iadd(at, b.ishl(count, b.iconst(T.I64, 3)))
        place, dead = self.each(count, at, after, extern)
        if extern:
            dead = self.put_counted(place, value, dead)
        else:
            b.store(value, place, 0, _VARIES)
        following = b.iadd(place, b.iconst(T.I64, 8))
        self.again(b.icmp(ops.ULT, following, end), following, dead, after, extern)

    def unless_many(self, count: Value, name: str, args: list[Value], extern: bool) -> Block:
        """Call the builtin for many elements, else go on; gives the block after both. Its
        parameter, for counted references, is a list of those that died."""
        b = self.b
        large, small, after = b.create_block(), b.create_block(), b.create_block()
        large.cold = True
        none = [b.iconst(T.I64, 0)] if extern else []
        if extern:
            b.append_block_param(after, T.I64)
        b.brif(b.icmp(ops.UGT, count, b.iconst(T.I64, _MANY)), large, [], small, [])
        b.seal_block(large)
        b.seal_block(small)
        b.switch_to_block(large)
        self.builtin(name, args)
        b.jump(after, none)
        b.switch_to_block(small)
        return after

    def each(self, count: Value, first: Value, after: Block, extern: bool) -> tuple[Value, Value]:
        """Begin a loop, if `count` is not 0: what counts its rounds, and the list of the dead."""
        b = self.b
        body = b.create_block()
        place = b.append_block_param(body, T.I64)
        none = b.iconst(T.I64, 0)
        if extern:
            dead = b.append_block_param(body, T.I64)
            b.brif(count, body, [first, none], after, [none])
        else:
            dead = none
            b.brif(count, body, [first], after, [])
        self.bodies.append(body)
        b.switch_to_block(body)
        return place, dead

    def again(
        self, condition: Value, following: Value, dead: Value, after: Block, extern: bool
    ) -> None:
        """End the loop; then hand over those that died."""
        b = self.b
        body = self.bodies.pop()
        if extern:
            b.brif(condition, body, [following, dead], after, [dead])
        else:
            b.brif(condition, body, [following], after, [])
        b.seal_block(body)
        b.seal_block(after)
        b.switch_to_block(after)
        if extern:
            rest = self.when(after.params[0], cold=True)
            self.builtin("ref_dead_list", [after.params[0]])
            self.meet(rest)

    def put_counted(self, place: Value, new: Value, dead: Value) -> Value:
        """Store a reference that is counted already, uncount the old; gives the list of the dead,
        which are linked and handed over later, for finalizers must not see half of it done."""
        b = self.b
        old = b.load(T.I64, place, 0, _VARIES)
        b.store(new, place, 0, _VARIES)
        held, died, after = b.create_block(), b.create_block(), b.create_block()
        died.cold = True
        result = b.append_block_param(after, T.I64)
        b.brif(old, held, [], after, [dead])
        b.seal_block(held)
        b.switch_to_block(held)
        b.brif(self.count(old, -1), after, [dead], died, [])
        b.seal_block(died)
        b.switch_to_block(died)
        b.store(dead, old, HEADER["spare"], _VARIES)
        b.jump(after, [old])
        b.seal_block(after)
        b.switch_to_block(after)
        return result

    def on_table_copy(self, op: int) -> None:
        b = self.b
        to_table, from_table = self.u32(), self.u32()
        to, source, count = self.pop_many(3)
        to, source, count = self.wide(to), self.wide(source), self.wide(count)
        args = [self.const32(to_table), self.const32(from_table), to, source, count]
        begin = self.table_range(from_table, source, count)
        at = self.table_range(to_table, to, count)
        size = b.ishl(count, b.iconst(T.I64, 3))
        if not WT.is_extern(self.module.tables[to_table].type.element):
            self.bulk(count, _MANY, "table_copy", args, "memmove", [at, begin, size])
            return
        after = self.unless_many(count, "table_copy", args, True)
        # From the end when the target lies behind the source: nothing is read that was written.
        zero, eight = b.iconst(T.I64, 0), b.iconst(T.I64, 8)
        back = b.icmp(ops.UGT, at, begin)
        step = b.select(back, b.iconst(T.I64, -8), eight)
        first = b.select(back, b.isub(size, eight), zero)
        end = b.select(back, b.iconst(T.I64, -8), size)
        offset, dead = self.each(count, first, after, True)
        new = b.load(T.I64, b.iadd(begin, offset), 0, _VARIES)
        rest = self.when(new)
        self.count(new, 1)
        self.meet(rest)
        dead = self.put_counted(b.iadd(at, offset), new, dead)
        following = b.iadd(offset, step)
        self.again(b.icmp(ops.NE, following, end), following, dead, after, True)

    def on_table_init(self, op: int) -> None:
        segment, index = self.u32(), self.u32()
        to, source, count = self.pop_many(3)
        args = [self.const32(index), self.const32(segment)]
        self.builtin("table_init", [*args, self.wide(to), self.wide(source), self.wide(count)])

    def on_elem_drop(self, op: int) -> None:
        self.builtin("elem_drop", [self.const32(self.u32())])

    def on_ref_null(self, op: int) -> None:
        self.signed()
        self.push(self.b.iconst(T.I64, 0))

    def on_ref_is_null(self, op: int) -> None:
        x = self.pop()
        value = self.b.icmp(ops.EQ, x, self.b.iconst(T.I64, 0))
        self.push(self.b.uextend(T.I32, value))

    def on_ref_func(self, op: int) -> None:
        b = self.b
        index = self.u32()
        if index < self.module.num_imported_funcs:
            self.push(self.builtin("ref_func", [self.const32(index)]))
            return
        ref = b.iadd(self.vmctx, b.iconst(T.I64, self.layout.funcref(index)))
        filled = b.load(T.I64, ref, FUNCREF["code"], _VARIES)
        after = self.when(b.icmp(ops.EQ, filled, b.iconst(T.I64, 0)), cold=True)
        self.builtin("ref_func", [self.const32(index)])  # fills it
        self.meet(after)
        self.push(ref)

    def on_ref_as_non_null(self, op: int) -> None:
        self.b.trapz(self.stack[-1], errors.NULL_REFERENCE)

    def on_br_on_null(self, op: int) -> None:
        depth = self.u32()
        ref = self.pop()
        self.branch_if(ref, depth, False)
        self.push(ref)

    def on_br_on_non_null(self, op: int) -> None:
        depth = self.u32()
        ref = self.stack[-1]
        self.branch_if(ref, depth, True)
        self.pop()

    # ---- wide arithmetic ----

    def on_wide(self, op: int) -> None:
        b = self.b
        if op in (W.I64_ADD128, W.I64_SUB128):
            low1, high1, low2, high2 = self.pop_many(4)
            if op == W.I64_ADD128:
                low = b.iadd(low1, low2)
                carry = b.uextend(T.I64, b.icmp(ops.ULT, low, low1))
                high = b.iadd(b.iadd(high1, high2), carry)
            else:
                low = b.isub(low1, low2)
                borrow = b.uextend(T.I64, b.icmp(ops.ULT, low1, low2))
                high = b.isub(b.isub(high1, high2), borrow)
        else:
            x, y = self.pop_many(2)
            low = b.imul(x, y)
            high = b.smulhi(x, y) if op == W.I64_MUL_WIDE_S else b.umulhi(x, y)
        self.push(low)
        self.push(high)


def _signed64(value: int) -> int:
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


Handler = Callable[[FuncTranslator, int], None]
HANDLERS: Final[list[Handler | None]] = [None] * W.LIMIT
"""What translates each opcode; None: not supported yet."""


def _fill() -> None:
    c = FuncTranslator
    for rows, handler in (
        (table.UNARY, c.on_unary),
        (table.BINARY, c.on_binary),
        (table.CONVERT, c.on_convert),
        (table.COMPARE, c.on_compare),
        (table.SIGN, c.on_sign),
        (table.LOAD, c.on_load),
        (table.STORE, c.on_store),
    ):
        for op in rows:
            HANDLERS[op] = handler
    for op, handler in (
        (W.UNREACHABLE, c.on_unreachable), (W.NOP, c.on_nop), (W.BLOCK, c.on_block),
        (W.LOOP, c.on_loop), (W.IF, c.on_if), (W.ELSE, c.on_else), (W.END, c.on_end),
        (W.BR, c.on_br), (W.BR_IF, c.on_br_if), (W.BR_TABLE, c.on_br_table),
        (W.RETURN, c.on_return), (W.CALL, c.on_call), (W.RETURN_CALL, c.on_call),
        (W.CALL_INDIRECT, c.on_call_indirect), (W.RETURN_CALL_INDIRECT, c.on_call_indirect),
        (W.CALL_REF, c.on_call_ref), (W.RETURN_CALL_REF, c.on_call_ref),
        (W.DROP, c.on_drop), (W.SELECT, c.on_select), (W.SELECT_T, c.on_select),
        (W.LOCAL_GET, c.on_local_get), (W.LOCAL_SET, c.on_local_set),
        (W.LOCAL_TEE, c.on_local_tee), (W.GLOBAL_GET, c.on_global_get),
        (W.GLOBAL_SET, c.on_global_set), (W.I32_CONST, c.on_i32_const),
        (W.I64_CONST, c.on_i64_const), (W.F32_CONST, c.on_f32_const),
        (W.F64_CONST, c.on_f64_const), (W.I32_EQZ, c.on_eqz), (W.I64_EQZ, c.on_eqz),
        (W.MEMORY_SIZE, c.on_memory_size), (W.MEMORY_GROW, c.on_memory_grow),
        (W.MEMORY_INIT, c.on_memory_init), (W.DATA_DROP, c.on_data_drop),
        (W.MEMORY_FILL, c.on_memory_fill), (W.MEMORY_COPY, c.on_memory_copy),
        (W.TABLE_GET, c.on_table_get), (W.TABLE_SET, c.on_table_set),
        (W.TABLE_SIZE, c.on_table_size), (W.TABLE_GROW, c.on_table_grow),
        (W.TABLE_FILL, c.on_table_fill), (W.TABLE_COPY, c.on_table_copy),
        (W.TABLE_INIT, c.on_table_init), (W.ELEM_DROP, c.on_elem_drop),
        (W.REF_NULL, c.on_ref_null), (W.REF_IS_NULL, c.on_ref_is_null),
        (W.REF_FUNC, c.on_ref_func), (W.REF_AS_NON_NULL, c.on_ref_as_non_null),
        (W.BR_ON_NULL, c.on_br_on_null), (W.BR_ON_NON_NULL, c.on_br_on_non_null),
        (W.I64_ADD128, c.on_wide), (W.I64_SUB128, c.on_wide), (W.I64_MUL_WIDE_S, c.on_wide),
        (W.I64_MUL_WIDE_U, c.on_wide),
    ):  # fmt: skip
        HANDLERS[op] = handler


_fill()


def translate(
    info: ModuleInfo,
    index: int,
    through_slots: bool = False,
    spectre: bool = True,
    checks_stack: bool = True,
) -> Function:
    """The IR of function `index`, which is not imported and has been validated. Its calls of the
    module's functions name them, or with `through_slots` go through the instance's code slots.
    `spectre` is Config's. Only what is inlined and makes no calls needs no check of the stack."""
    made = translator(info, index, through_slots, spectre)
    made.checks_stack = checks_stack
    return made.translate()


def translator(info: ModuleInfo, index: int, through_slots: bool, spectre: bool) -> FuncTranslator:
    """What `translate` calls, which knows more of the function then."""
    if info.naive:
        from grus.engine.translate.naive import NaiveTranslator

        made: FuncTranslator = NaiveTranslator(info, index, through_slots)
    else:
        made = FuncTranslator(info, index, through_slots)
    made.spectre = spectre
    return made
