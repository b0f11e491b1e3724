"""Random programs in WebAssembly: valid modules that do something, and end.

A program has two memories (32 and 64 bits), tables, globals of every type, host functions, passive
and active segments, and functions that use every scalar instruction, blocks with parameters and
several results, direct, indirect and tail calls, bulk operations, and whatever traps; with
`vectors` also every vector instruction whose result is specified, and atomic ones. Loops count
down; recursion goes by calls through tables, and is rare. A NaN is made the same everywhere before
its bits can be seen, for which of them an operation gives is left open by the specification.
"""

from __future__ import annotations

import random
import struct
from typing import Final

from grus.wasm import module as M
from grus.wasm import opcodes as W
from grus.wasm import types as T
from grus.wasm.encode import Writer
from grus.wasm.features import GC, RELAXED_SIMD, SIMD, THREADS

NUMBERS: Final = (T.I32, T.I64, T.F32, T.F64)
VECTORS: Final = (*NUMBERS, T.V128)
_TYPE_OF: Final = {"i32": T.I32, "i64": T.I64, "f32": T.F32, "f64": T.F64, "v128": T.V128}
_BLOCK_EMPTY: Final = 0x40
_LOOP: Final = (-1,)  # no branch of ours goes there but its own
_TYPES: Final = 1
_IMPORTS: Final = 2
_FUNCTIONS: Final = 3
_TABLES: Final = 4
_MEMORIES: Final = 5
_GLOBALS: Final = 6
_EXPORTS: Final = 7
_ELEMENTS: Final = 9
_CODE: Final = 10
_DATA: Final = 11
_DATA_COUNT: Final = 12
_ROUNDED: Final = "add sub mul div sqrt min max ceil floor trunc nearest"
_MAKES_NAN: Final = frozenset(
    W.BY_NAME[name]
    for name in (
        *(f"{ty}.{name}" for ty in ("f32", "f64") for name in _ROUNDED.split()),
        *("f32.demote_f64", "f64.promote_f32"),
        *(f"{ty}.{name}" for ty in ("f32x4", "f64x2") for name in _ROUNDED.split()),
        *("f32x4.demote_f64x2_zero", "f64x2.promote_low_f32x4"),
    )
)
_MAY_TRAP: Final = frozenset(
    W.BY_NAME[name]
    for name in (
        *(
            f"{ty}.{name}_{sign}"
            for ty in ("i32", "i64")
            for name in ("div", "rem")
            for sign in "su"
        ),
        *(
            f"{ty}.trunc_{of}_{sign}"
            for ty in ("i32", "i64")
            for of in ("f32", "f64")
            for sign in "su"
        ),
    )
)


class _Op:
    """An instruction with operands and one result, all numbers or vectors. `lanes`: its immediate
    bytes are below that, `count` of them."""

    __slots__ = ("count", "lanes", "op", "params")

    def __init__(self, op: int, params: tuple[int, ...], lanes: int = 0, count: int = 0) -> None:
        self.op = op
        self.params = params
        self.lanes = lanes
        self.count = count


class Rows:
    """Instructions by what they are; with the vector ones or without."""

    def __init__(self, vectors: bool) -> None:
        self.types = VECTORS if vectors else NUMBERS
        self.plain: dict[int, list[_Op]] = {ty: [] for ty in self.types}
        """By the type of the result."""
        self.wide: list[_Op] = []
        """Those with two results i64."""
        self.loads: dict[int, list[int]] = {ty: [] for ty in self.types}
        self.stores: list[int] = []
        left_out = (RELAXED_SIMD, GC) if vectors else (SIMD, RELAXED_SIMD, THREADS, GC)
        for op in W.ROWS:
            if W.FEATURE[op] not in left_out and not W.NAMES[op].startswith("memory.atomic.wait"):
                self.sort(op)

    def sort(self, op: int) -> None:
        """Put an instruction where it belongs, if it is of these kinds."""
        left, _, right = W.STACK[op].partition("->")
        operands, results = left.split(), right.split()
        if W.ALIGN[op] >= 0:
            if results:
                self.loads[_TYPE_OF[results[0]]].append(op)
            else:
                self.stores.append(op)
        elif operands and not {*operands, *results} - {*_TYPE_OF}:
            immediates = W.IMMEDIATES[op]
            made = _Op(op, tuple(_TYPE_OF[name] for name in operands))
            if immediates:
                made.lanes, made.count = _lanes(immediates[0])
                if not made.count:
                    return
            if len(results) == 1:
                self.plain[_TYPE_OF[results[0]]].append(made)
            elif len(results) == 2:
                self.wide.append(made)


def _lanes(immediate: str) -> tuple[int, int]:
    """How many lanes an immediate chooses from, and how many bytes it has."""
    if immediate == "shuffle":
        return 32, 16
    return (int(immediate[4:]), 1) if immediate.startswith("lane") else (0, 0)


SCALAR: Final = Rows(False)
VECTOR: Final = Rows(True)

_I32: Final = (0, 1, -1, 2, 7, 31, 32, 33, 255, 65535, 65536, 2**31 - 1, -(2**31), 0x55555555)
_I64: Final = (0, 1, -1, 3, 63, 64, 2**32, -(2**32), 2**63 - 1, -(2**63), 0x5555555555555555)
_FLOATS: Final = (0.0, -0.0, 1.0, -1.5, 0.1, 3e9, -3e9, 1e19, 1e-40, 5e-324, float("inf"),
                  float("-inf"), 2.0**31, 2.0**63, 16777217.0)  # fmt: skip
_NAN: Final = {T.F32: b"\0\0\xc0\x7f", T.F64: b"\0\0\0\0\0\0\xf8\x7f"}
_BYTES: Final = (0, 0, 1, 0x7F, 0x80, 0xFF, 0xFF)


class Program:
    """Makes one module. `size` is about how many instructions each of its functions has. `simple`:
    only what the one-pass compiler takes (but deeper): no references and tail calls, 32-bit
    memories. `vectors`: with vectors."""

    def __init__(
        self, seed: int, size: int = 60, simple: bool = False, vectors: bool = False
    ) -> None:
        self.rng = random.Random(seed)
        self.rows = VECTOR if vectors else SCALAR
        types = self.rows.types
        self.size = size
        self.simple = simple
        self.depth = self.rng.choice((3, 5, 8)) if simple else 3
        self.address_types = (T.I32, T.I32 if simple else T.I64)
        self.types: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self.imports = [self.type((T.I32, T.I64), (T.I32,)), self.type((T.F64,), (T.F64, T.I64))]
        count = self.rng.randint(2, 5)
        self.funcs = list(self.imports)
        for _ in range(count):
            chosen = NUMBERS if vectors and self.rng.random() < 0.5 else types  # who calls these
            params = tuple(self.rng.choice(chosen) for _ in range(self.rng.randrange(4)))
            results = tuple(
                self.rng.choice(chosen) for _ in range(self.rng.choice((0, 1, 1, 1, 2, 3)))
            )
            self.funcs.append(self.type(params, results))
        self.globals = [*types, *[self.rng.choice(types) for _ in range(2)]]
        self.table_sizes = [self.rng.randint(2, 8), self.rng.randint(1, 4)]
        # What table 0 begins with.
        self.elements = [
            self.rng.randrange(len(self.funcs))
            for _ in range(self.rng.randint(1, self.table_sizes[0]))
        ]
        self.num_data = 3
        self.num_elems = 3

    def type(self, params: tuple[int, ...], results: tuple[int, ...]) -> int:
        """Index of a function type."""
        if (params, results) not in self.types:
            self.types.append((params, results))
        return self.types.index((params, results))

    def slots(self, type: int) -> list[int]:
        """Elements of table 0 that are functions of a type at first."""
        return [i for i, func in enumerate(self.elements) if self.funcs[func] == type]

    def module(self) -> bytes:
        """The binary."""
        rng = self.rng
        bodies = [_Body(self, index).make() for index in range(len(self.imports), len(self.funcs))]
        out = Writer()
        out.header()
        w = Writer()
        w.u(len(self.types))
        for params, results in self.types:
            w.byte(0x60)
            for types in (params, results):
                w.u(len(types))
                for ty in types:
                    w.value_type(ty)
        out.section(_TYPES, w)
        w = Writer()
        w.u(len(self.imports))
        for number, type in enumerate(self.imports):
            w.name("m")
            w.name(f"f{number}")
            w.byte(M.FUNC)
            w.u(type)
        out.section(_IMPORTS, w)
        w = Writer()
        w.u(len(self.funcs) - len(self.imports))
        for type in self.funcs[len(self.imports) :]:
            w.u(type)
        out.section(_FUNCTIONS, w)
        w = Writer()
        w.u(2)
        for size in self.table_sizes:
            w.value_type(T.FUNCREF)
            w.byte(1)
            w.u(size)
            w.u(size + 4)
        out.section(_TABLES, w)
        w = Writer()
        w.u(2)
        for ty in self.address_types:
            w.byte(5 if ty == T.I64 else 1)
            w.u(1)
            w.u(3)
        out.section(_MEMORIES, w)
        w = Writer()
        w.u(len(self.globals))
        for ty in self.globals:
            w.value_type(ty)
            w.byte(1)
            self.const(w, ty)
            w.op(W.END)
        out.section(_GLOBALS, w)
        w = Writer()
        exports = [(f"f{i}", M.FUNC, i) for i in range(len(self.imports), len(self.funcs))]
        exports += [("m0", M.MEMORY, 0), ("m1", M.MEMORY, 1)]
        exports += [(f"g{i}", M.GLOBAL, i) for i, ty in enumerate(self.globals) if ty != T.V128]
        w.u(len(exports))
        for name, kind, index in exports:
            w.name(name)
            w.byte(kind)
            w.u(index)
        out.section(_EXPORTS, w)
        self._elements(out)
        w = Writer()
        w.u(self.num_data)
        out.section(_DATA_COUNT, w)
        w = Writer()
        w.u(len(bodies))
        for body in bodies:
            w.sized(body)
        out.section(_CODE, w)
        w = Writer()
        w.u(self.num_data)
        w.byte(0)
        w.op(W.I32_CONST)
        w.s(rng.randrange(1000))
        w.op(W.END)
        w.sized(rng.randbytes(rng.randrange(40)))
        for _ in range(2):
            w.byte(1)
            w.sized(rng.randbytes(rng.randrange(40)))
        out.section(_DATA, w)
        return bytes(out.out)

    def _elements(self, out: Writer) -> None:
        """An active segment of table 0, a passive one, and one that is declared."""
        rng = self.rng
        w = Writer()
        w.u(self.num_elems)
        w.byte(0)
        w.op(W.I32_CONST)
        w.s(0)
        w.op(W.END)
        w.u(len(self.elements))
        for index in self.elements:
            w.u(index)
        w.byte(1)
        w.byte(0)
        passive = [rng.randrange(len(self.funcs)) for _ in range(rng.randrange(5))]
        w.u(len(passive))
        for index in passive:
            w.u(index)
        w.byte(3)
        w.byte(0)
        w.u(len(self.funcs))
        for index in range(len(self.funcs)):
            w.u(index)
        out.section(_ELEMENTS, w)

    def const(self, w: Writer, ty: int) -> None:
        """An instruction that gives an interesting constant."""
        rng = self.rng
        if ty == T.I32:
            w.op(W.I32_CONST)
            w.s(rng.choice(_I32) if rng.random() < 0.7 else rng.randrange(-(2**31), 2**31))
        elif ty == T.I64:
            w.op(W.I64_CONST)
            w.s(rng.choice(_I64) if rng.random() < 0.7 else rng.randrange(-(2**63), 2**63))
        elif ty == T.V128:
            w.op(W.V128_CONST)
            self.vector(w)
        else:
            w.op(W.F32_CONST if ty == T.F32 else W.F64_CONST)
            value = rng.choice(_FLOATS) if rng.random() < 0.8 else rng.uniform(-1e6, 1e6)
            if rng.random() < 0.05:
                w.raw(_NAN[ty])
            elif ty == T.F64:
                w.raw(struct.pack("<d", value))
            else:
                bits = (
                    struct.pack("<f", value)
                    if abs(value) < 3e38 or value in _FLOATS[10:12]
                    else b"\0\0\x80\x7f"
                )
                w.raw(bits)

    def vector(self, w: Writer) -> None:
        """16 bytes that mean something for some lanes, or for none."""
        rng = self.rng
        kind = rng.randrange(6)
        if kind == 0:
            w.raw(rng.randbytes(16))
        elif kind == 1:
            w.raw(bytes([rng.choice(_BYTES) for _ in range(16)]))
        elif kind == 2:
            w.raw(struct.pack("<4i", *[rng.choice(_I32) for _ in range(4)]))
        elif kind == 3:
            w.raw(struct.pack("<2q", *[rng.choice(_I64) for _ in range(2)]))
        elif kind == 4:
            numbers = [rng.choice(_FLOATS) for _ in range(4)]
            w.raw(struct.pack("<4f", *numbers))
        else:
            w.raw(struct.pack("<2d", *[rng.choice(_FLOATS) for _ in range(2)]))


class _Body:
    """One function."""

    def __init__(self, program: Program, index: int) -> None:
        self.program = program
        self.types = program.rows.types
        self.rng = program.rng
        self.index = index
        self.params, self.results = program.types[program.funcs[index]]
        self.locals: list[int] = [*self.params, *self.types, self.rng.choice(self.types)]
        self.fixed = len(self.locals)  # what lies above are counters and scratch
        self.labels: list[tuple[int, ...]] = [self.results]  # what a branch takes, outermost first
        self.w = Writer()
        self.budget = program.size
        self.leaf = program.simple and self.rng.random() < 0.5  # makes no calls

    def make(self) -> Writer:
        """Its body, locals first."""
        for _ in range(self.rng.randint(1, 5)):
            self.statement(self.program.depth)
        if not self.program.simple and self.rng.random() < 0.15:
            self.tail_call()
        for ty in self.results:
            self.expr(ty, self.program.depth)
        self.w.op(W.END)
        whole = Writer()
        declared = self.locals[len(self.params) :]
        whole.u(len(declared))
        for ty in declared:
            whole.u(1)
            whole.value_type(ty)
        whole.raw(self.w.out)
        return whole

    # ---- pieces ----

    def op(self, op: int, *immediates: int) -> None:
        self.w.op(op)
        for value in immediates:
            self.w.u(value)

    def i32(self, value: int) -> None:
        self.w.op(W.I32_CONST)
        self.w.s(value)

    def new_local(self, ty: int) -> int:
        self.locals.append(ty)
        return len(self.locals) - 1

    def local_of(self, ty: int) -> int:
        """A local of the type that may be changed."""
        return self.rng.choice([i for i in range(self.fixed) if self.locals[i] == ty])

    def block_type(self, params: tuple[int, ...], results: tuple[int, ...]) -> None:
        if not params and not results:
            self.w.byte(_BLOCK_EMPTY)
        elif not params and len(results) == 1:
            self.w.value_type(results[0])
        else:
            self.w.s(self.program.type(params, results))

    # ---- expressions ----

    def expr(self, ty: int, depth: int) -> None:
        """Code that gives a value."""
        self.budget -= 1
        rng = self.rng
        if depth <= 0 or self.budget <= 0:
            if rng.random() < 0.7:
                self.op(W.LOCAL_GET, self.local_of(ty))
            else:
                self.program.const(self.w, ty)
            return
        kind = rng.random()
        if kind < 0.5:
            row = rng.choice(self.program.rows.plain[ty])
            if row.op in _MAY_TRAP and rng.random() < 0.85:
                row = rng.choice(self.program.rows.plain[ty])
            self.plain(row, ty, depth)
        elif kind < 0.6:
            self.memory_access(rng.choice(self.program.rows.loads[ty]), depth)
        elif kind < 0.65:
            self.op(W.GLOBAL_GET, self.global_of(ty))
        elif kind < 0.7:
            self.expr(ty, depth - 1)
            self.expr(ty, depth - 1)
            self.expr(T.I32, depth - 1)
            if rng.random() < 0.5:
                self.op(W.SELECT)
            else:
                self.op(W.SELECT_T, 1)
                self.w.value_type(ty)
        elif kind < 0.76:
            self.block(ty, depth)
        elif kind < 0.82:
            self.if_else(ty, depth)
        elif kind < 0.9:
            self.call((ty,), depth)
        elif kind < 0.93:
            self.expr(ty, depth - 1)
            self.op(W.LOCAL_TEE, self.local_of(ty))
        elif ty == T.I32:
            self.asked(depth)
        elif ty == T.I64 and rng.random() < 0.5:
            self.op(W.MEMORY_SIZE, 1)
            if self.program.simple:
                self.op(W.BY_NAME["i64.extend_i32_s"])
        else:
            self.branch_with(ty, depth)

    def plain(self, row: _Op, ty: int, depth: int) -> None:
        for param in row.params:
            self.expr(param, depth - 1)
        self.op(row.op)
        for _ in range(row.count):
            self.w.byte(self.rng.randrange(row.lanes))
        if row.op in _MAKES_NAN and ty == T.V128:
            lanes = W.NAMES[row.op][:5]
            nan = _NAN[T.F32] * 4 if lanes == "f32x4" else _NAN[T.F64] * 2
            scratch = self.new_local(ty)
            self.op(W.LOCAL_TEE, scratch)
            self.op(W.V128_CONST)
            self.w.raw(nan)
            self.op(W.LOCAL_GET, scratch)
            self.op(W.LOCAL_GET, scratch)
            self.op(W.BY_NAME[f"{lanes}.eq"])
            self.op(W.V128_BITSELECT)
        elif row.op in _MAKES_NAN:
            scratch = self.new_local(ty)
            self.op(W.LOCAL_TEE, scratch)
            self.op(W.F32_CONST if ty == T.F32 else W.F64_CONST)
            self.w.raw(_NAN[ty])
            self.op(W.LOCAL_GET, scratch)
            self.op(W.LOCAL_GET, scratch)
            self.op(W.BY_NAME["f32.eq" if ty == T.F32 else "f64.eq"])
            self.op(W.SELECT)

    def global_of(self, ty: int) -> int:
        return self.rng.choice([i for i, t in enumerate(self.program.globals) if t == ty])

    def address(self, memory: int, depth: int) -> None:
        """An address, mostly inside."""
        ty = self.program.address_types[memory]
        self.expr(ty, depth - 1)
        if self.rng.random() < 0.98:
            self.w.op(W.I64_CONST if ty == T.I64 else W.I32_CONST)
            self.w.s(0x7FFF)
            self.op(W.BY_NAME["i64.and" if ty == T.I64 else "i32.and"])

    def memory_access(self, op: int, depth: int) -> None:
        """A load, a store, or something atomic."""
        memory = self.rng.choice((0, 0, 1))
        self.address(memory, depth)
        align = self.rng.randint(0, W.ALIGN[op])
        offsets: tuple[int, ...] = (0, 1, 4, 100)
        if W.FEATURE[op] == THREADS:
            align = W.ALIGN[op]
            offsets = (0, 0, 0, 8, 96, 4)
            is64 = self.program.address_types[memory] == T.I64
            self.w.op(W.I64_CONST if is64 else W.I32_CONST)
            self.w.s(-8)
            self.op(W.BY_NAME["i64.and" if is64 else "i32.and"])
        for name in W.STACK[op].partition("->")[0].split()[1:]:
            self.expr(_TYPE_OF[name], depth - 1)
        self.op(op, align | 0x40 if memory else align)
        if memory:
            self.w.u(memory)
        is64 = self.program.address_types[memory] == T.I64
        rare = (65535, 65536, 2**31, 2**32 - 1, *([2**33, 2**64 - 1] if is64 else []))
        random = self.rng.random()
        self.w.u(self.rng.choice(rare) if random < 0.01 else self.rng.choice(offsets))
        for immediate in W.IMMEDIATES[op][1:]:
            self.w.byte(self.rng.randrange(_lanes(immediate)[0]))

    def block(self, ty: int, depth: int) -> None:
        """A block with a parameter, whose result may come by a branch."""
        given = self.rng.choice(self.types)
        self.expr(given, depth - 1)
        self.op(W.BLOCK)
        self.block_type((given,), (ty,))
        self.labels.append((ty,))
        self.op(W.LOCAL_SET, self.local_of(given))
        for _ in range(self.rng.randrange(3)):
            self.statement(depth - 1)
        self.expr(ty, depth - 1)
        self.labels.pop()
        self.op(W.END)

    def if_else(self, ty: int, depth: int) -> None:
        self.expr(T.I32, depth - 1)
        self.op(W.IF)
        self.block_type((), (ty,))
        self.labels.append((ty,))
        self.expr(ty, depth - 1)
        self.op(W.ELSE)
        self.expr(ty, depth - 1)
        self.labels.pop()
        self.op(W.END)

    def call(self, wanted: tuple[int, ...], depth: int) -> None:
        """A call, direct or not, that gives the first type wanted; others are dropped."""
        rng = self.rng
        program = self.program
        below = [i for i in range(len(program.funcs)) if i > self.index or i < len(program.imports)]
        fitting = [i for i in below if program.types[program.funcs[i]][1][:1] == wanted[:1]]
        if not fitting or self.leaf:
            if wanted:
                self.op(W.LOCAL_GET, self.local_of(wanted[0]))
            return
        callee = rng.choice(fitting)
        params, results = program.types[program.funcs[callee]]
        for ty in params:
            self.expr(ty, depth - 1)
        slots = program.slots(program.funcs[callee])
        if rng.random() < 0.4 and (slots or rng.random() < 0.1):
            if slots and rng.random() < 0.95:
                self.i32(rng.choice(slots))
            else:
                self.table_index(0, depth)
            self.op(W.CALL_INDIRECT, program.funcs[callee], 0)
        elif rng.random() < 0.1 and not program.simple:
            self.op(W.REF_FUNC, callee)
            self.op(W.BY_NAME["call_ref"], program.funcs[callee])
        else:
            self.op(W.CALL, callee)
        for _ in results[len(wanted) :]:
            self.op(W.DROP)

    def table_index(self, table: int, depth: int) -> None:
        """An index of a table, mostly inside."""
        self.expr(T.I32, depth - 1)
        if self.rng.random() < 0.98:
            self.i32(self.program.table_sizes[table])
            self.op(W.BY_NAME["i32.rem_u"])

    def asked(self, depth: int) -> None:
        """An i32 of something that is no number."""
        rng = self.rng
        choice = rng.randrange(2 if self.program.simple else 6)
        if self.leaf:
            choice = 0
        if choice == 0:
            self.op(W.MEMORY_SIZE, 0)
        elif choice == 1:
            self.i32(rng.randrange(3))
            self.op(W.MEMORY_GROW, 0)
        elif choice == 2:
            self.op(W.TABLE_SIZE, rng.randrange(2))
        elif choice == 3:
            self.table_index(1, depth)
            self.op(W.TABLE_GET, 1)
            self.op(W.REF_IS_NULL)
        elif choice == 4:
            self.op(W.REF_FUNC, rng.randrange(len(self.program.funcs)))
            self.i32(rng.randrange(3))
            self.op(W.TABLE_GROW, rng.randrange(2))
        else:
            self.w.op(W.I64_CONST)
            self.w.s(rng.choice((0, 1, 1, -1)))
            self.op(W.MEMORY_GROW, 1)
            self.op(W.BY_NAME["i32.wrap_i64"])

    def branch_with(self, ty: int, depth: int) -> None:
        """A value that may leave by a branch that takes it, else stays."""
        self.expr(ty, depth - 1)
        fitting = [i for i, label in enumerate(self.labels) if label == (ty,)]
        if fitting:
            self.expr(T.I32, depth - 1)
            self.op(W.BR_IF, len(self.labels) - 1 - self.rng.choice(fitting))

    # ---- statements ----

    def statement(self, depth: int) -> None:
        """Code that leaves the stack as it is."""
        self.budget -= 1
        if self.budget <= 0:
            return
        kind = self.rng.random()
        if kind < 0.3:
            ty = self.rng.choice(self.types)
            self.expr(ty, depth)
            self.op(W.LOCAL_SET, self.local_of(ty))
        elif kind < 0.4:
            ty = self.rng.choice(self.types)
            self.expr(ty, depth)
            self.op(W.GLOBAL_SET, self.global_of(ty))
        elif kind < 0.55:
            self.memory_access(self.rng.choice(self.program.rows.stores), depth)
        elif kind < 0.65:
            self.loop(depth)
        elif kind < 0.72:
            self.switch(depth)
        elif kind < 0.78:
            self.expr(T.I32, depth - 1)
            self.op(W.IF)
            self.block_type((), ())
            self.labels.append(())
            self.statement(depth - 1)
            self.labels.pop()
            self.op(W.END)
        elif kind < 0.83:
            self.call((), depth) if self.rng.random() < 0.3 else self.drop_call(depth)
        elif kind < 0.93 and self.leaf:
            self.loop(depth)
        elif kind < 0.93:
            self.bulk(depth)
        elif kind < 0.97 and not self.program.simple:
            for ty in WIDE_PARAMS:
                self.expr(ty, depth - 1)
            self.op(self.rng.choice(WIDE_4).op)
            self.op(W.LOCAL_SET, self.local_of(T.I64))
            self.op(W.LOCAL_SET, self.local_of(T.I64))
        else:
            self.leave(depth)

    def drop_call(self, depth: int) -> None:
        ty = self.rng.choice(self.types)
        self.call((ty,), depth)
        self.op(W.DROP)

    def loop(self, depth: int) -> None:
        """A loop that counts down."""
        counter = self.new_local(T.I32)
        self.i32(self.rng.randint(1, 12))
        self.op(W.LOCAL_SET, counter)
        self.op(W.LOOP)
        self.block_type((), ())
        self.labels.append(_LOOP)
        for _ in range(self.rng.randint(1, 3)):
            self.statement(depth - 1)
        self.op(W.LOCAL_GET, counter)
        self.i32(1)
        self.op(W.BY_NAME["i32.sub"])
        self.op(W.LOCAL_TEE, counter)
        self.op(W.BR_IF, 0)
        self.labels.pop()
        self.op(W.END)

    def switch(self, depth: int) -> None:
        """A `br_table` among blocks."""
        count = self.rng.randint(1, 4)
        for _ in range(count):
            self.op(W.BLOCK)
            self.block_type((), ())
            self.labels.append(())
        self.expr(T.I32, depth - 1)
        if self.rng.random() < 0.7:
            self.i32(count)
            self.op(W.BY_NAME["i32.rem_u"])
        self.op(W.BR_TABLE, self.rng.randint(0, 5))
        # The count was written by `op`; now as many labels, and the default.
        at = self.w.out[-1]
        for _ in range(at + 1):
            self.w.u(self.rng.randrange(count))
        for _ in range(count):
            self.labels.pop()
            self.op(W.END)
            self.statement(depth - 1)

    def bulk(self, depth: int) -> None:
        """A bulk operation, mostly inside."""
        rng = self.rng
        choice = rng.randrange(2 if self.program.simple else 9)
        memory = rng.randrange(2)
        index = self.program.address_types[memory]

        def small(ty: int) -> None:
            self.w.op(W.I64_CONST if ty == T.I64 else W.I32_CONST)
            self.w.s(rng.choice((0, 1, 3, 8, 17, 40)))

        if choice == 0:
            self.address(memory, depth)
            self.expr(T.I32, depth - 1)
            small(index)
            self.op(W.MEMORY_FILL, memory)
        elif choice == 1:
            other = rng.randrange(2)
            self.address(memory, depth)
            self.address(other, depth)
            small(self.program.address_types[min(memory, other)])
            self.op(W.MEMORY_COPY, memory, other)
        elif choice == 2:
            self.address(memory, depth)
            for _ in range(2):
                self.i32(rng.choice((0, 0, 0, 0, 1, 5, 50)))
            self.op(W.MEMORY_INIT, rng.randrange(self.program.num_data), memory)
        elif choice == 3:
            self.op(W.DATA_DROP, rng.randrange(self.program.num_data))
        elif choice == 4:
            self.op(W.ELEM_DROP, rng.randrange(self.program.num_elems))
        elif choice == 5:
            table = rng.randrange(2)
            self.table_index(table, depth)
            if rng.random() < 0.3:
                self.op(W.REF_NULL)
                self.w.byte(0x70)
            else:
                self.op(W.REF_FUNC, rng.randrange(len(self.program.funcs)))
            self.op(W.TABLE_SET, table)
        elif choice == 6:
            self.table_index(0, depth)
            for _ in range(2):
                self.i32(rng.choice((0, 0, 0, 0, 0, 1, 2, 9)))
            self.op(W.TABLE_INIT, rng.randrange(self.program.num_elems), 0)
        elif choice == 7:
            to, source = rng.randrange(2), rng.randrange(2)
            self.table_index(to, depth)
            self.table_index(source, depth)
            self.i32(rng.choice((0, 0, 0, 1, 1, 1, 2, 9)))
            self.op(W.TABLE_COPY, to, source)
        else:
            self.table_index(0, depth)
            self.op(W.REF_FUNC, rng.randrange(len(self.program.funcs)))
            self.i32(rng.choice((0, 0, 0, 1, 1, 1, 2, 9)))
            self.op(W.TABLE_FILL, 0)

    def leave(self, depth: int) -> None:
        """In a block that is skipped mostly: a return, a branch outwards, or a trap."""
        rng = self.rng
        self.op(W.BLOCK)
        self.block_type((), ())
        self.labels.append(())
        self.expr(T.I32, depth - 1)
        self.op(W.BR_IF, 0)
        choice = rng.randrange(3)
        if choice == 0:
            for ty in self.results:
                self.expr(ty, depth - 1)
            self.op(W.RETURN)
        elif choice == 1:
            outer = rng.choice([i for i, label in enumerate(self.labels) if label != _LOOP])
            for ty in self.labels[outer]:
                self.expr(ty, depth - 1)
            self.op(W.BR, len(self.labels) - 1 - outer)
        elif rng.random() < 0.3:
            self.op(W.UNREACHABLE)
        self.labels.pop()
        self.op(W.END)

    def tail_call(self) -> None:
        """Sometimes the function ends with the call of another."""
        program = self.program
        fitting = [
            i
            for i in range(self.index + 1, len(program.funcs))
            if program.types[program.funcs[i]][1] == self.results
        ]
        if not fitting:
            return
        callee = self.rng.choice(fitting)
        self.op(W.BLOCK)
        self.block_type((), ())
        self.labels.append(())
        self.expr(T.I32, 1)
        self.op(W.BR_IF, 0)
        for ty in program.types[program.funcs[callee]][0]:
            self.expr(ty, 1)
        slots = program.slots(program.funcs[callee])
        if not slots or self.rng.random() < 0.5:
            self.op(W.BY_NAME["return_call"], callee)
        else:
            self.i32(self.rng.choice(slots))
            self.op(W.BY_NAME["return_call_indirect"], program.funcs[callee], 0)
        self.labels.pop()
        self.op(W.END)


WIDE_PARAMS: Final = (T.I64, T.I64, T.I64, T.I64)
WIDE_4: Final = [row for row in SCALAR.wide if row.params == WIDE_PARAMS]


def generate(seed: int, size: int = 60, simple: bool = False, vectors: bool = False) -> bytes:
    """The binary of a random program; the same for the same arguments."""
    return Program(seed, size, simple, vectors).module()
