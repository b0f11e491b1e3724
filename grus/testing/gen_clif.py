"""Random valid IR functions, for every fuzzer that wants some.

`generate(seed, size, options)` makes the functions of one file: each valid by the verifier, free
of undefined behaviour, and ending on every input within a bounded number of steps:

- Control flow is an arbitrary graph (irreducible too). Every edge to an earlier block spends fuel
  and goes on forwards when there is none left; a function calls only functions after it.
- Memory accesses go to stack slots, set to zero at the start, and to the heap: the first parameter
  of every function points to `HEAP_SIZE` bytes. Indices are masked.
- A NaN that an operation makes is replaced by the canonical one, since which NaN it is depends on
  operand order (`canonical_nans`).
- With `throws` functions also end by a call of THROW.
- Without `traps` divisors and conversions are kept to what does not trap.

Everything else comes from the opcode table: a row with value operands and plain immediates is used
with every type that it allows, unless it is in `SPECIAL`. Equal arguments give equal functions.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.builder import FunctionBuilder
from grus.ir.function import (
    AbiParam,
    AliasRegion,
    Block,
    BlockCall,
    FuncRef,
    Function,
    Handler,
    MemFlags,
    Signature,
    StackSlot,
    Value,
    mem_flags,
)
from grus.ir.typecheck import CTRL_IS_RESULT, CTRL_MEMBERS, CTRL_OPERAND, OPERANDS
from grus.ir.verifier import PAYLOAD_CALL_CONVS

# fmt: off
EXTENSIONS: Final = (
    *["iadd"] * 4, "isub", "imul", "ineg", "band", "bor", "bxor", "bnot", "ishl", "ushr", "sshr",
    "rotl", "rotr", "clz", "ctz", "popcnt", "select", *["uextend"] * 8, "sextend", *["ireduce"] * 4,
    *["icmp"] * 2, "umin", "smax", "bswap",
)
# fmt: on
"""Rows for functions about the upper halves of registers: sums of i32 that are extended, reductions
of i64 whose upper halves are anything."""

HEAP_SIZE: Final = 1024
"""Bytes behind the first parameter of a generated function."""

THROW: Final = "%__cranelift_throw"
"""The function that throws: `Options.throws`."""
THROWN: Final = 3
"""So many tags are thrown."""

# fmt: off
SPECIAL: Final = frozenset((
    "jump", "brif", "br_table", "debugtrap", "trap", "trapz", "trapnz", "return", "call",
    "call_indirect", "return_call", "return_call_indirect", "func_addr", "try_call",
    "try_call_indirect", "load", "store", "uload8", "sload8", "istore8", "uload16", "sload16",
    "istore16", "uload32", "sload32", "istore32", "uload8x8", "sload8x8", "uload16x4",
    "sload16x4", "uload32x2", "sload32x2", "stack_addr", "dynamic_stack_addr", "symbol_value",
    "tls_value", "stack_switch", "get_pinned_reg", "set_pinned_reg", "get_frame_pointer",
    "get_stack_pointer", "get_return_address", "get_exception_handler_address", "iconst",
    "f16const", "f32const", "f64const", "f128const", "vconst", "atomic_rmw", "atomic_cas",
    "atomic_load", "atomic_store", "extract_vector", "bitcast", "udiv", "sdiv", "urem", "srem",
    "blendv",
))
# fmt: on
"""Opcodes that are not made by the general rule: most have one of their own, some need more than
a random function can promise."""
_TRAPPING: Final = ("uadd_overflow_trap", "fcvt_to_uint", "fcvt_to_sint")
_TARGET_ONLY: Final = ("x86_pshufb", "x86_pmulhrsw", "x86_pmaddubsw", "x86_cvtt2dq")
_CANONICAL: Final = {T.F16: 0x7E00, T.F32: 0x7FC00000, T.F64: 0x7FF8000000000000}
_NAN_FREE: Final = ("fneg", "fabs", "fcopysign", "fcmp", "fcvt_from_uint", "fcvt_from_sint")
_FLOAT_OPS: Final = ("f", "sqrt", "ceil", "floor", "trunc", "nearest")
"""Beginnings of the names of the opcodes that may make a NaN."""
_INT_MEMORY: Final = {
    "uload8": "istore8",
    "sload8": "istore8",
    "uload16": "istore16",
    "sload16": "istore16",
    "uload32": "istore32",
    "sload32": "istore32",
}


_CONVENTIONS: Final = ("fast", "system_v", "tail", "tail", "windows_fastcall", "winch")
_ATOMICS: Final = (T.I8, T.I16, T.I32, T.I64, T.I128)


class Options:
    """What may be in the functions. `allows(op, controlling type)` may refuse more. With `rows`
    these opcodes only (and what is in `SPECIAL`), as often as they are named there; with `only`
    these types only; `variables` are live across blocks, besides one of each type. With `halves`
    values are often reductions or zero extensions of others, and every i64 that is made counts in
    what is returned."""

    __slots__ = (
        "allows",
        "atomics",
        "calls",
        "canonical_nans",
        "floats",
        "functions",
        "i128",
        "memory",
        "halves",
        "mixed_convs",
        "only",
        "rows",
        "target_opcodes",
        "throws",
        "traps",
        "try_calls",
        "variables",
        "vectors",
        "wide_atomics",
        "wide_floats",
    )

    def __init__(
        self,
        traps: bool = False,
        floats: bool = True,
        i128: bool = True,
        vectors: bool = False,
        wide_floats: bool = False,
        memory: bool = True,
        atomics: bool = True,
        wide_atomics: bool = False,
        calls: bool = True,
        try_calls: bool = False,
        throws: bool = False,
        mixed_convs: bool = False,
        target_opcodes: bool = False,
        canonical_nans: bool = True,
        functions: int = 3,
        allows: Callable[[int, int], bool] | None = None,
        rows: tuple[str, ...] = (),
        only: tuple[int, ...] = (),
        variables: int = 4,
        halves: bool = False,
    ) -> None:
        self.traps = traps
        self.floats = floats
        self.i128 = i128
        self.vectors = vectors
        self.wide_floats = wide_floats  # f16 and f128
        self.memory = memory
        self.atomics = atomics
        self.wide_atomics = wide_atomics  # of i128, too
        self.calls = calls
        self.try_calls = try_calls
        self.throws = throws  # calls of THROW
        self.mixed_convs = mixed_convs  # functions of one file have different conventions
        self.target_opcodes = target_opcodes  # x86_*
        self.canonical_nans = canonical_nans
        self.functions = functions  # at most so many in a file
        self.allows = allows
        self.rows = rows
        self.only = only
        self.variables = variables
        self.halves = halves

    def types(self) -> list[int]:
        """The types that values may have."""
        if self.only:
            return list(self.only)
        types = [T.I8, T.I16, T.I32, T.I64]
        if self.i128:
            types.append(T.I128)
        if self.floats:
            types += [T.F32, T.F64]
            if self.wide_floats:
                types += [T.F16, T.F128]
        if self.vectors:
            types += [T.I8X16, T.I16X8, T.I32X4, T.I64X2]
            if self.floats:
                types += [T.F32X4, T.F64X2]
        return types


def generate(seed: int, size: int = 40, options: Options | None = None) -> list[Function]:
    """The functions of one file, `%f0` first; `%fN` calls only functions after it. Every first
    parameter is an i64: the heap. `size` is about the number of instructions picked for each; what
    sets up slots, masks indices and the like comes on top."""
    options = options or Options()
    rng = random.Random(seed)
    count = rng.randrange(1, options.functions + 1) if options.calls else 1
    types = options.types()
    conv = rng.choice(["fast", "system_v", "tail"])
    if options.try_calls:
        conv = "tail"
    shapes: list[Signature] = []
    for _ in range(count):
        params = [AbiParam(T.I64)] + [AbiParam(rng.choice(types)) for _ in range(rng.randrange(7))]
        if options.mixed_convs:
            conv = rng.choice(_CONVENTIONS)
        if conv == "tail" and shapes and rng.random() < 0.5:
            returns = [AbiParam(p.ty) for p in shapes[0].returns]
        else:
            returns = [AbiParam(rng.choice(types)) for _ in range(rng.randrange(1, 4))]
            if options.halves:
                returns[0] = AbiParam(T.I64)
        if conv == "winch" and any([r.ty == T.I128 for r in returns]):
            shapes.append(Signature(params, returns, "system_v"))
        else:
            shapes.append(Signature(params, returns, conv))
    return [_Generator(rng, options, types, shapes, index).function(size) for index in range(count)]


def arguments(seed: int, func: Function, heap: int) -> list[int]:
    """Argument bit patterns for `func`, unsigned, `heap` being the first."""
    rng = random.Random(seed)
    return [heap] + [bits(rng, p.ty) for p in func.sig.params[1:]]


def bits(rng: random.Random, ty: int) -> int:
    """A random, often remarkable, bit pattern of a type."""
    lane = T.LANE[ty]
    width = T.BITS[lane]
    out = 0
    for _ in range(T.LANES[ty]):
        out = out << width | _lane_bits(rng, lane, width)
    return out


def _lane_bits(rng: random.Random, lane: int, width: int) -> int:
    kind = rng.randrange(4)
    if kind == 0:
        return rng.getrandbits(width)
    if T.is_int(lane):
        if kind == 1:
            return rng.randrange(16)
        sign = 1 << (width - 1)
        return rng.choice([0, 1, (1 << width) - 1, sign, sign - 1, rng.randrange(1 << width)])
    fraction = {16: 10, 32: 23, 64: 52, 128: 112}[width]
    bias = (1 << (width - fraction - 2)) - 1
    infinity = (2 * bias + 1) << fraction
    if kind == 1:
        sign = rng.getrandbits(1) << (width - 1)
        return sign | rng.choice([0, 1, infinity, infinity - 1, 1 << fraction, bias << fraction])
    exponent = bias + rng.randrange(-8, 40) if width > 16 else bias + rng.randrange(-8, 12)
    value = exponent << fraction | rng.getrandbits(fraction)
    return value | rng.getrandbits(1) << (width - 1)


class _Generator:
    """Makes one function."""

    def __init__(
        self,
        rng: random.Random,
        options: Options,
        types: list[int],
        shapes: list[Signature],
        index: int,
    ) -> None:
        self.rng = rng
        self.options = options
        self.types = types
        self.shapes = shapes
        self.index = index
        sig = shapes[index]
        self.func = Function(f"%f{index}", Signature(sig.params, sig.returns, sig.call_conv))
        self.b = FunctionBuilder(self.func)
        self.variables: dict[int, list[int]] = {}
        self.local: dict[int, list[Value]] = {}  # values of the current block by type
        self.calls_left = 2
        self.rows = [
            row
            for row in ops.ROWS[ops.FIRST_REAL :]
            if row.name not in SPECIAL
            and (options.traps or row.name not in _TRAPPING)
            and (options.target_opcodes or row.name not in _TARGET_ONLY)
        ]
        if options.rows:
            by_name = {row.name: row for row in self.rows}
            self.rows = [by_name[name] for name in options.rows]
        self.special: list[Callable[[], None]] = [self.division, self.bitcast]
        if options.memory:
            self.special += [self.access, self.access, self.narrow_access]
            if options.atomics:
                self.special.append(self.atomic)
        if options.calls and index + 1 < len(shapes):
            self.special += [self.call, self.call]
        if options.traps:
            self.special.append(self.conditional_trap)

    # ---- the whole ----

    def function(self, size: int) -> Function:
        rng, b = self.rng, self.b
        entry = b.entry_block()
        self.heap = entry.params[0]
        for param in entry.params:
            self.add(param)
        self.observed = b.declare_var(T.I64)
        b.def_var(self.observed, self.heap)
        if self.options.memory:
            self.func.add_alias_region(AliasRegion(rng.randrange(100), "the heap"))
            self.make_slots()
        for ty in [*self.types, *rng.choices(self.types, k=self.options.variables)]:
            var = b.declare_var(ty)
            b.def_var(var, self.pick(ty))
            self.variables.setdefault(ty, []).append(var)
        self.fuel = b.declare_var(T.I32)
        b.def_var(self.fuel, b.iconst(T.I32, rng.randrange(1, 6)))

        count = max(1, rng.randrange(max(size // 6, 1), max(size // 3, 2)))
        blocks = [entry] + [b.create_block() for _ in range(count)]
        for block in blocks[1:]:
            block.cold = rng.random() < 0.1
            for _ in range(rng.choice([0, 0, 0, 1, 2])):
                b.append_block_param(block, rng.choice(self.types))
        for index, block in enumerate(blocks):
            if index:
                b.switch_to_block(block)
                self.local = {}
                for param in block.params:
                    self.add(param)
            for _ in range(rng.randrange(1, 2 * size // len(blocks) + 2)):
                self.instruction()
            self.terminator(blocks, index)
        return b.finalize()

    def make_slots(self) -> None:
        b = self.b
        self.slots = [
            self.func.add_stack_slot(StackSlot(1 << self.rng.randrange(5, 8), 16))
            for _ in range(self.rng.randrange(1, 4))
        ]
        zero = b.iconst(T.I64, 0)
        for slot in self.slots:
            base = b.stack_addr(T.I64, slot)
            for offset in range(0, slot.size, 8):
                b.store(zero, base, offset)

    def terminator(self, blocks: list[Block], index: int) -> None:
        """End the current block, number `index` of `blocks`."""
        rng, b = self.rng, self.b
        last = len(blocks) - 1
        if index == last or (index and rng.random() < 0.05):
            if not self.tail_call():
                results = [self.pick(r.ty) for r in self.func.sig.returns]
                if self.options.halves:
                    results[0] = b.use_var(self.observed)
                b.return_(results)
            return
        if self.options.throws and rng.random() < 0.06:
            self.throw()
            return
        if self.options.traps and rng.random() < 0.01:
            b.trap(rng.randrange(1, 251))
            return

        def forward() -> BlockCall:
            return self.target(blocks[min(last, index + 1 + int(rng.expovariate(0.5)))])

        kind = rng.randrange(8)
        if kind < 2 and index:
            back = self.target(blocks[rng.randrange(1, index + 1)])
            on = forward()
            left = b.iadd(b.use_var(self.fuel), b.iconst(T.I32, -1))
            b.def_var(self.fuel, left)
            more = b.icmp(ops.SGT, left, b.iconst(T.I32, 0))
            b.brif(more, back.block, back.args, on.block, on.args)
        elif kind == 2:
            default = forward()
            b.br_table(self.pick(T.I32), default, [forward() for _ in range(rng.randrange(6))])
        elif kind == 3:
            on = forward()
            b.jump(on.block, on.args)
        elif kind == 4 and self.options.try_calls and self.index + 1 < len(self.shapes):
            fn = self.callee()
            if fn.sig.call_conv in PAYLOAD_CALL_CONVS:
                self.try_call(fn, blocks[index + 1 :])
            else:
                on = forward()
                b.jump(on.block, on.args)
        else:
            c = self.pick(rng.choice([t for t in self.types if T.is_int(t)]))
            then, else_ = forward(), forward()
            b.brif(c, then.block, then.args, else_.block, else_.args)

    def target(self, block: Block) -> BlockCall:
        return BlockCall(block, [self.pick(p.ty) for p in block.params])

    # ---- values ----

    def add(self, value: Value) -> None:
        self.local.setdefault(value.ty, []).append(value)

    def give(self, value: Value) -> None:
        """A result: remember it here, and often in a variable too."""
        self.add(value)
        if self.options.halves and value.ty == T.I64:
            self.observe(value)
        known = self.variables.get(value.ty)
        if known and self.rng.random() < 0.4:
            self.b.def_var(self.rng.choice(known), value)

    def observe(self, value: Value) -> None:
        """Let an i64 count in the result."""
        b = self.b
        before = b.use_var(self.observed)
        b.def_var(self.observed, b.bxor(b.rotl(before, b.iconst(T.I32, 7)), value))

    def pick(self, ty: int) -> Value:
        """A value of type `ty`."""
        rng = self.rng
        if self.options.halves and ty in (T.I32, T.I64) and rng.random() < 0.25:
            if ty == T.I32:
                return self.b.ireduce(ty, self.pick(T.I64))
            value = self.b.uextend(ty, self.pick(T.I32))
            self.observe(value)
            return value
        kind = rng.random()
        local = self.local.get(ty)
        if local and kind < 0.6:
            return rng.choice(local[-8:])
        known = self.variables.get(ty)
        if known and kind < 0.9:
            return self.b.use_var(rng.choice(known))
        return self.constant(ty)

    def constant(self, ty: int) -> Value:
        b = self.b
        pattern = bits(self.rng, ty)
        if T.LANES[ty] > 1:
            return b.vconst(ty, pattern.to_bytes(T.size(ty), "little"))
        if ty == T.I128:
            return b.iconcat(self.constant(T.I64), self.constant(T.I64))
        if ty == T.F16:
            return b.f16const(pattern)
        if ty == T.F32:
            return b.f32const(pattern)
        if ty == T.F64:
            return b.f64const(pattern)
        if ty == T.F128:
            return b.f128const(pattern.to_bytes(16, "little"))
        return b.iconst(ty, pattern)

    # ---- instructions ----

    def instruction(self) -> None:
        if self.rng.random() < 0.3:
            self.rng.choice(self.special)()
        else:
            self.from_row(self.rng.choice(self.rows))

    def from_row(self, row: ops.Row) -> None:
        """An instruction of any plain row, of any types that it allows here."""
        rng = self.rng
        op = row.num
        ctrl = T.INVALID
        if row.ctrl:
            allowed = [t for t in self.types if t in CTRL_MEMBERS[op]]
            if not allowed:
                return
            ctrl = rng.choice(allowed)
        allows = self.options.allows
        if allows is not None and not allows(op, ctrl):
            return
        operands: list[int] = []
        for check in OPERANDS[op]:
            fit = [t for t in self.types if check.allows(t, ctrl)]
            if not fit:
                return
            operands.append(rng.choice(fit))
        if any(
            ops.derive(ref.how, ctrl) not in self.types
            for ref in row.results
            if ref.var == row.ctrl and row.ctrl
        ):
            return
        args: list[object] = []
        if CTRL_OPERAND[op] == CTRL_IS_RESULT and len(CTRL_MEMBERS[op]) > 1:
            args.append(ctrl)
        values = 0
        for operand in row.operands:
            if operand.type is not None:
                args.append(self.pick(operands[values]))
                values += 1
            else:
                args.append(self.immediate(operand.kind, operands[0] if operands else ctrl))
        if row.name.endswith(("_cin", "_bin")):  # a carry is 0 or 1
            args[2] = self.b.band(self.pick(T.I8), self.b.iconst(T.I8, 1))
        made = getattr(self.b, row.name)(*args)
        for value in made if isinstance(made, tuple) else (made,):
            if value.ty:
                if T.is_float(T.LANE[value.ty]) and row.flags == row.flags & ops.COMMUTES:
                    value = self.canonical(row.name, value)
                self.give(value)

    def immediate(self, kind: str, ty: int) -> object:
        rng = self.rng
        if kind == "intcc":
            return rng.randrange(len(ops.INT_CC))
        if kind == "floatcc":
            return rng.randrange(len(ops.FLOAT_CC))
        if kind == "uimm8":
            return rng.randrange(T.LANES[ty])
        if kind == "trapcode":
            return rng.randrange(1, 256)
        assert kind == "uimm128", kind
        return bytes([rng.randrange(32) for _ in range(16)])

    def canonical(self, name: str, value: Value) -> Value:
        """`value`, with the canonical NaN for any NaN, if `name` may have made one."""
        if not self.options.canonical_nans or name in _NAN_FREE or not name.startswith(_FLOAT_OPS):
            return value
        b = self.b
        lane = T.LANE[value.ty]
        if lane == T.F128:
            nan = b.f128const((0x7FFF8 << 108).to_bytes(16, "little"))
        elif lane == T.F16:
            nan = b.f16const(_CANONICAL[T.F16])
        elif lane == T.F32:
            nan = b.f32const(_CANONICAL[T.F32])
        else:
            nan = b.f64const(_CANONICAL[T.F64])
        is_nan = b.fcmp(ops.F_UNO, value, value)
        if T.LANES[value.ty] == 1:
            return b.select(is_nan, nan, value)
        mask = b.bitcast(value.ty, is_nan, mem_flags(endian="little"))
        return b.bitselect(mask, b.splat(value.ty, nan), value)

    def division(self) -> None:
        rng, b = self.rng, self.b
        ty = rng.choice([t for t in self.types if T.is_int(t)])
        op = rng.choice([ops.UDIV, ops.SDIV, ops.UREM, ops.SREM])
        allows = self.options.allows
        if allows is not None and not allows(op, ty):
            return
        x, y = self.pick(ty), self.pick(ty)
        if not self.options.traps or rng.random() < 0.8:
            # odd and not -1: neither zero nor overflow
            half = T.I64 if ty == T.I128 else ty
            mask, one = b.iconst(half, (1 << (T.BITS[half] - 1)) - 1), b.iconst(half, 1)
            if ty == T.I128:
                mask, one = b.uextend(ty, mask), b.uextend(ty, one)
            y = b.bor(b.band(y, mask), one)
        self.give(
            b.udiv(x, y)
            if op == ops.UDIV
            else b.sdiv(x, y)
            if op == ops.SDIV
            else b.urem(x, y)
            if op == ops.UREM
            else b.srem(x, y)
        )

    def bitcast(self) -> None:
        rng = self.rng
        source = rng.choice(self.types)
        to = rng.choice([t for t in self.types if T.BITS[t] == T.BITS[source]])
        allows = self.options.allows
        if allows is not None and not allows(ops.BITCAST, to):
            return
        same = T.LANES[source] == T.LANES[to]
        flags = mem_flags() if same and rng.random() < 0.5 else mem_flags(endian="little")
        self.give(self.b.bitcast(to, self.pick(source), flags))

    def conditional_trap(self) -> None:
        rng, b = self.rng, self.b
        c = b.icmp(ops.ULT, self.pick(T.I16), b.iconst(T.I16, 100))
        if rng.random() < 0.5:
            b.trapnz(c, rng.randrange(1, 251))
        else:
            b.trapz(b.bxor(c, b.iconst(T.I8, 1)), rng.randrange(1, 251))

    # ---- memory ----

    def place(self, size: int, aligned: bool) -> tuple[Value, int, bool]:
        """An address and an offset at which `size` bytes may be accessed, and whether that is the
        heap."""
        rng, b = self.rng, self.b
        heap = rng.random() < 0.5
        if heap:
            base, room = self.heap, HEAP_SIZE
        else:
            slot = rng.choice(self.slots)
            room = slot.size
            base = None
        step = size if aligned else 1
        if rng.random() < 0.5:
            start = 0 if base is not None else rng.randrange(0, room - size + 1, step)
            if base is None:
                base = b.stack_addr(T.I64, slot, start)
            return base, rng.randrange(0, room - size - start + 1, step), heap
        if base is None:
            base = b.stack_addr(T.I64, slot)
        mask = (room // 2 - 1) & -step
        index = b.band(self.pick(T.I64), b.iconst(T.I64, mask))
        return b.iadd(base, index), rng.randrange(0, room // 2 - size + 1, step), heap

    def flags(self, aligned: bool, heap: bool) -> MemFlags:
        rng = self.rng
        return mem_flags(
            aligned=aligned and rng.random() < 0.5,
            trap=rng.choice([0, ops.TRAP_HEAP_OUT_OF_BOUNDS, 7]),
            endian=rng.choice(["", "", "little"]),
            region=0 if heap and rng.random() < 0.5 else -1,
        )

    def access(self) -> None:
        ty = self.rng.choice(self.types)
        aligned = self.rng.random() < 0.5
        p, offset, heap = self.place(T.size(ty), aligned)
        # only the stack slots are known to be aligned
        flags = self.flags(aligned and not heap, heap)
        if self.rng.random() < 0.5:
            self.give(self.b.load(ty, p, offset, flags))
        else:
            self.b.store(self.pick(ty), p, offset, flags)

    def narrow_access(self) -> None:
        rng, b = self.rng, self.b
        name = rng.choice(list(_INT_MEMORY))
        size = int(name[5:]) // 8
        types = [t for t in (T.I16, T.I32, T.I64) if T.size(t) > size]
        p, offset, heap = self.place(size, False)
        flags = self.flags(False, heap)
        ty = rng.choice(types)
        if rng.random() < 0.5:
            args = (p, offset, flags) if size == 4 else (ty, p, offset, flags)
            self.give(getattr(b, name)(*args))
        else:
            getattr(b, _INT_MEMORY[name])(self.pick(ty), p, offset, flags)

    def atomic(self) -> None:
        rng, b = self.rng, self.b
        ty = rng.choice(_ATOMICS if self.options.wide_atomics else _ATOMICS[:4])
        size = T.size(ty)
        slot = rng.choice(self.slots)
        base = b.stack_addr(T.I64, slot)
        index = b.band(self.pick(T.I64), b.iconst(T.I64, (slot.size - 1) & -size))
        p = b.iadd(base, index)
        kind = rng.randrange(4)
        if kind == 0:
            self.give(b.atomic_rmw(rng.randrange(len(ops.RMW_OPS)), p, self.pick(ty)))
        elif kind == 1:
            self.give(b.atomic_cas(p, self.pick(ty), self.pick(ty)))
        elif kind == 2:
            self.give(b.atomic_load(ty, p))
        else:
            b.atomic_store(self.pick(ty), p)

    # ---- calls ----

    def callee(self) -> FuncRef:
        """A function after this one."""
        index = self.rng.randrange(self.index + 1, len(self.shapes))
        name = f"%f{index}"
        for fn in self.func.funcs:
            if fn.name == name:
                return fn
        shape = self.shapes[index]
        sig = self.func.add_sig(Signature(shape.params, shape.returns, shape.call_conv))
        return self.func.add_func(FuncRef(name, sig, self.rng.random() < 0.5))

    def call_args(self, sig: Signature) -> list[Value]:
        return [self.heap] + [self.pick(p.ty) for p in sig.params[1:]]

    def call(self) -> None:
        if not self.calls_left:
            return
        self.calls_left -= 1
        b = self.b
        fn = self.callee()
        args = self.call_args(fn.sig)
        if self.rng.random() < 0.3:
            inst = b.call_indirect(fn.sig, b.func_addr(T.I64, fn), args)
        else:
            inst = b.call(fn, args)
        for value in inst.results or (inst,):
            self.give(value)

    def tail_call(self) -> bool:
        """End the block with a tail call, when there is a function that fits."""
        sig = self.func.sig
        if sig.call_conv != "tail" or self.index + 1 >= len(self.shapes) or not self.calls_left:
            return False
        wanted = [r.ty for r in sig.returns]
        for _ in range(4):
            fn = self.callee()
            if fn.sig.call_conv == "tail" and [r.ty for r in fn.sig.returns] == wanted:
                break
        else:
            return False
        args = self.call_args(fn.sig)
        if self.rng.random() < 0.5:
            self.b.return_call_indirect(fn.sig, self.b.func_addr(T.I64, fn), args)
        else:
            self.b.return_call(fn, args)
        return True

    def throw(self) -> None:
        """End the block with an exception."""
        rng, b = self.rng, self.b
        for fn in self.func.funcs:
            if fn.name == THROW:
                break
        else:
            params = [AbiParam(T.I64)] * 3 + [AbiParam(T.I32)] + [AbiParam(T.I64)] * 2
            sig = self.func.add_sig(Signature(params, [], "system_v"))
            fn = self.func.add_func(FuncRef(THROW, sig, rng.random() < 0.5))
        zero = b.iconst(T.I64, 0)
        tag = b.iconst(T.I32, rng.randrange(THROWN))
        payload = [self.pick(T.I64), self.pick(T.I64)]
        b.call(fn, [zero, b.get_frame_pointer(T.I64), zero, tag, *payload])
        b.trap(1)

    def try_call(self, fn: FuncRef, later: list[Block]) -> None:
        """End the block with a call that returns to one later block or throws to others."""
        rng, b = self.rng, self.b
        args = self.call_args(fn.sig)
        returns = [r.ty for r in fn.sig.returns]
        calls: list[BlockCall] = []
        handlers: list[Handler] = []
        for index in range(rng.randrange(1, 4)):
            block = rng.choice(later)
            values: list[Value] = []
            for param in block.params:
                if not index and param.ty in returns:
                    value = self.func.new_value(ops.TRY_RET, param.ty, b.block)
                    value.imm = returns.index(param.ty)
                elif index and param.ty == T.I64:
                    value = self.func.new_value(ops.TRY_EXN, T.I64, b.block)
                    value.imm = rng.randrange(2)
                else:
                    value = self.pick(param.ty)
                values.append(value)
            calls.append(BlockCall(block, values))
            if index:
                kind = "default" if index == 2 else "tag"
                tags = THROWN if self.options.throws else 9
                handlers.append(Handler(kind, rng.randrange(tags) if kind == "tag" else 0, index))
        if rng.random() < 0.3:
            address = b.func_addr(T.I64, fn)
            b.try_call_indirect(fn.sig, address, args, calls[0], calls[1:], handlers)
        else:
            b.try_call(fn, args, calls[0], calls[1:], handlers)
