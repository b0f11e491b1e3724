"""The validator: is a decoded module valid?

One pass over the bytes of each function, with no tree: an operand stack of types and a control
stack of frames, as in the specification's appendix "Validation Algorithm". Types are the packed
ints of `types.py` with canonical ids in them, so that almost every check compares two ints.

Every opcode has a handler (`_HANDLERS`, a list indexed by opcode id), which reads its immediates
at `pos` and changes the stacks. Instructions whose stack type says everything share one. The loop
in `FunctionValidator._run` does the most frequent instructions itself, on the same state; it
falls back to the handler for anything unusual, errors included. Constant expressions run through
the handlers alone.

A `Validator` checks the module without its bodies first; bodies can then be checked in any order
and at any time (lazy compilation). It is also what an engine asks about types: `func_types`,
`type_ids`, `types`. It has one operand stack, so it serves one thread at a time. Offsets in
errors count from the start of the module.

What is malformed in a body (an illegal opcode, a bad integer) is only seen here, and raises
DecodeError.
"""

from __future__ import annotations

from collections.abc import Callable

from grus.wasm import features as F
from grus.wasm import module as M
from grus.wasm import opcodes as O
from grus.wasm import types as T
from grus.wasm.decode import (
    UNEXPECTED_END,
    illegal_opcode,
    read_heap_type,
    read_memarg,
    read_op,
    read_s32,
    read_s33,
    read_s64,
    read_u32,
    read_value_type,
    value_type_codes,
)
from grus.wasm.errors import DecodeError, ValidationError, WasmError
from grus.wasm.limits import ImplementationLimits
from grus.wasm.types import (
    BOTTOM,
    BOTTOM_REF,
    F32,
    F64,
    I32,
    I64,
    NULLABLE,
    REF,
    V128,
    ArrayType,
    FieldType,
    FuncType,
    Limits,
    StructType,
    SubType,
    TypeTable,
    type_name,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_NONE: Final[tuple[int, ...]] = ()
_MAX32: Final = (1 << 32) - 1
_MAX64: Final = (1 << 64) - 1

# ---- what the table of opcodes says, as ints ----

_BY_NAME: Final[dict[str, int]] = {"i32": I32, "i64": I64, "f32": F32, "f64": F64, "v128": V128}
_ADDR: Final = -1  # stands for `addr` in _POPS and _PUSHES
_POPS: Final[list[tuple[int, ...]]] = [_NONE] * O.LIMIT
"""Operand types, the topmost first."""
_PUSHES: Final[list[tuple[int, ...]]] = [_NONE] * O.LIMIT

# What the loop does with an opcode itself:
_SLOW: Final = 0
_BINARY: Final = 1  # t t -> r: type in _IN, result in _OUT
_UNARY: Final = 2  # t -> r
_LOAD: Final = 3  # addr -> r
_STORE: Final = 4  # addr t ->
_CLASS: Final[list[int]] = [_SLOW] * 256
_IN: Final[list[int]] = [0] * 256
_OUT: Final[list[int]] = [0] * 256


def _fill() -> None:
    for op in O.ROWS:
        stack = O.stack_type(op)
        if stack is None:
            continue
        pops = [_BY_NAME.get(name, _ADDR) for name in stack[0]]
        pushes = [_BY_NAME.get(name, _ADDR) for name in stack[1]]
        _POPS[op] = tuple(reversed(pops))
        _PUSHES[op] = tuple(pushes)
        if op >= 256:
            continue
        if not O.IMMEDIATES[op] and O.FEATURE[op] == F.MVP and len(pushes) == 1:
            if len(pops) == 2 and pops[0] == pops[1]:
                _CLASS[op], _IN[op], _OUT[op] = _BINARY, pops[0], pushes[0]
            elif len(pops) == 1:
                _CLASS[op], _IN[op], _OUT[op] = _UNARY, pops[0], pushes[0]
        elif O.IMMEDIATES[op] == ("memarg",):
            if pushes:
                _CLASS[op], _OUT[op] = _LOAD, pushes[0]
            else:
                _CLASS[op], _IN[op] = _STORE, pops[1]


_fill()


class Validator:
    """The types of a module's items, and the check of everything but the function bodies.

    `types` holds the canonical types, `type_ids[i]` the id of type index i. All types in the
    lists below have canonical ids in them.
    """

    __slots__ = (
        "module",
        "features",
        "bits",
        "limits",
        "codes",
        "types",
        "type_ids",
        "type_funcs",
        "func_types",
        "global_types",
        "global_mutable",
        "table_types",
        "table_limits",
        "memory_limits",
        "tag_types",
        "element_types",
        "num_data",
        "declared",
        "addr0",
        "_body",
    )

    def __init__(
        self,
        module: M.Module,
        features: F.Features = F.DEFAULT,
        limits: ImplementationLimits | None = None,
        types: TypeTable | None = None,
    ) -> None:
        """`types` is given to share canonical ids with other modules."""
        self.module = module
        self.features = features
        self.bits = features.bits
        self.limits = limits if limits is not None else ImplementationLimits()
        self.codes = value_type_codes(features.bits)
        self.types = types if types is not None else TypeTable()
        self.type_ids: list[int] = []
        self.type_funcs: list[FuncType | None] = []
        self.func_types: list[FuncType] = []
        self.global_types: list[int] = []
        self.global_mutable: list[bool] = []
        self.table_types: list[int] = []
        self.table_limits: list[Limits] = []
        self.memory_limits: list[Limits] = []
        self.tag_types: list[FuncType] = []
        self.element_types: list[int] = []
        self.num_data = 0
        self.declared = bytearray(len(module.funcs))
        """Per function: 1 when it is named outside of bodies, so that `ref.func` may name it."""
        self.addr0 = BOTTOM  # address type of memory 0
        self._body: FunctionValidator | None = None

    # ---- everything but bodies ----

    def check_module(self) -> None:
        """Check all of the module except function bodies; fill the lists of types.

        Raises ValidationError, or DecodeError for an implementation limit.
        """
        self._check_types()
        self._check_items()
        self._declare()
        self._check_initialisers()
        self._check_segments()
        self._check_exports()
        module = self.module
        if module.start >= 0:
            ty = self._func(module.start, module.start_offset)
            if ty.params or ty.results:
                raise ValidationError("start function", module.start_offset)

    def _check_types(self) -> None:
        module = self.module
        ids = self.type_ids
        table = self.types
        for group in module.rec_groups:
            end = group.start + group.count
            subs = module.types[group.start : end]
            for index, sub in enumerate(subs, group.start):
                for ty in _mentioned(sub):
                    if ty & 0x1FF == REF and ty >> T.INDEX_SHIFT >= end:
                        raise ValidationError(f"unknown type {ty >> T.INDEX_SHIFT}", sub.offset)
                if isinstance(sub.composite, FuncType) and len(sub.composite.results) > 1:
                    if not self.bits & F.MULTI_VALUE:
                        message = "invalid result arity: multi-value is off"
                        raise ValidationError(message, sub.offset)
                if len(sub.supers) > 1:
                    raise ValidationError("sub type: more than one super type", sub.offset)
                if sub.supers and sub.supers[0] >= index:
                    raise ValidationError(f"unknown type {sub.supers[0]}", sub.offset)
            first = table.add_group(subs, ids)
            ids.extend(range(first, first + group.count))
            for index, sub in enumerate(subs, group.start):
                if sub.supers:
                    self._check_super(index, sub)
        for index, _ in enumerate(module.types):
            self.type_funcs.append(table.func(ids[index]))

    def _check_super(self, index: int, sub: SubType) -> None:
        table = self.types
        me = self.type_ids[index]
        if table.depths[me] > self.limits.subtype_depth:
            limit = self.limits.subtype_depth
            raise ValidationError(f"sub type hierarchy deeper than {limit}", sub.offset)
        parent = table.defs[table.supers[me]]
        if parent.final or not self._sub_composite(table.defs[me], parent):
            message = f"sub type {index} does not match super type {sub.supers[0]}"
            raise ValidationError(message, sub.offset)

    def _sub_composite(self, sub: SubType, parent: SubType) -> bool:
        a = sub.composite
        b = parent.composite
        table = self.types
        if isinstance(a, FuncType):
            return (
                isinstance(b, FuncType)
                and _all_match(table, b.params, a.params)
                and _all_match(table, a.results, b.results)
            )
        if isinstance(a, StructType):
            if not isinstance(b, StructType) or len(a.fields) < len(b.fields):
                return False
            for i, field in enumerate(b.fields):
                if not _field_matches(table, a.fields[i], field):
                    return False
            return True
        return isinstance(b, ArrayType) and _field_matches(table, a.field, b.field)

    def _value_type(self, ty: int, offset: int) -> int:
        """A value type with canonical id; the type index in it must exist."""
        if ty & 0x1FF != REF:
            return ty
        index = ty >> T.INDEX_SHIFT
        if index >= len(self.type_ids):
            raise ValidationError(f"unknown type {index}", offset)
        return (self.type_ids[index] << T.INDEX_SHIFT) | (ty & 0x3FF)

    def _func_type(self, index: int, offset: int) -> FuncType:
        if index >= len(self.type_funcs):
            raise ValidationError(f"unknown type {index}", offset)
        ty = self.type_funcs[index]
        if ty is None:
            raise ValidationError(f"type mismatch: type {index} is not a function type", offset)
        return ty

    def _func(self, index: int, offset: int) -> FuncType:
        if index >= len(self.func_types):
            raise ValidationError(f"unknown function {index}", offset)
        return self.func_types[index]

    def _check_items(self) -> None:
        module = self.module
        limits = self.limits
        end = module.sections[-1].offset if module.sections else 0
        for imp in module.imports:
            if imp.kind == M.FUNC:
                assert isinstance(imp.type, int)
                self.func_types.append(self._func_type(imp.type, imp.offset))
            elif imp.kind == M.GLOBAL and not self.bits & F.MUTABLE_GLOBALS:
                assert isinstance(imp.type, T.GlobalType)
                if imp.type.mutable:
                    raise ValidationError("mutable globals cannot be imported", imp.offset)
        section = next((s.start for s in module.sections if s.id == 3), end)
        for index in module.funcs[module.num_imported_funcs :]:
            self.func_types.append(self._func_type(index, section))
        for tag in module.tags:
            ty = self._func_type(tag.type.type_index, tag.offset)
            if ty.results:
                raise ValidationError("non-empty tag result type", tag.offset)
            self.tag_types.append(ty)
        for table in module.tables:
            self.table_types.append(self._value_type(table.type.element, table.offset))
            self.table_limits.append(table.type.limits)
            self._check_table(table)
        for memory in module.memories:
            self.memory_limits.append(memory.type.limits)
            self._check_memory(memory)
        for glob in module.globals:
            self.global_types.append(self._value_type(glob.type.value, glob.offset))
            self.global_mutable.append(glob.type.mutable)
        if len(module.tables) > 1 and not self.bits & F.REFERENCE_TYPES:
            raise ValidationError("multiple tables", module.tables[1].offset)
        if len(module.memories) > 1 and not self.bits & F.MULTI_MEMORY:
            raise ValidationError("multiple memories", module.memories[1].offset)
        for count, limit, what in (
            (len(module.funcs), limits.functions, "functions"),
            (len(module.tables), limits.tables, "tables"),
            (len(module.memories), limits.memories, "memories"),
            (len(module.globals), limits.globals, "globals"),
            (len(module.tags), limits.tags, "tags"),
        ):
            if count > limit:
                raise DecodeError(f"too many {what}: {count}, the limit is {limit}", end)
        if self.memory_limits:
            self.addr0 = self.memory_limits[0].address
        self.element_types = [self._value_type(e.type, e.offset) for e in module.elements]
        self.num_data = len(module.data_segments)

    def _check_table(self, table: M.Table) -> None:
        limits = table.type.limits
        _check_range(limits, table.offset)
        if not limits.is64 and (limits.min > _MAX32 or limits.max > _MAX32):
            raise ValidationError("table size must be at most 2^32-1", table.offset)
        if table.init_start < 0 and not self._is_import(table):
            if not table.type.element & NULLABLE:
                message = "type mismatch: non-defaultable element type without initialiser"
                raise ValidationError(message, table.offset)

    def _is_import(self, table: M.Table) -> bool:
        return len(self.table_limits) <= self.module.num_imported_tables

    def _check_memory(self, memory: M.Memory) -> None:
        limits = memory.type.limits
        if limits.page_size_log2 not in (0, 16):
            raise ValidationError("invalid custom page size", memory.offset)
        _check_range(limits, memory.offset)
        bits = 64 if limits.is64 else 32
        most = 1 << (bits - limits.page_size_log2)
        if limits.page_size_log2 == 0:
            most -= 1
        if limits.min > most or limits.max > most:
            if not limits.is64 and limits.page_size_log2 == 16:
                message = "memory size must be at most 65536 pages (4GiB)"
            else:
                message = f"memory size must be at most {most:#x} pages"
            raise ValidationError(message, memory.offset)
        if limits.shared and limits.max == T.NO_MAX:
            raise ValidationError("shared memory must have maximum", memory.offset)

    def _declare(self) -> None:
        """Find the functions that are named outside of bodies."""
        module = self.module
        declared = self.declared
        count = len(declared)
        for element in module.elements:
            for index in element.funcs:
                if index >= count:
                    raise ValidationError(f"unknown function {index}", element.offset)
                declared[index] = 1
        for export in module.exports:
            if export.kind == M.FUNC and export.index < count:
                declared[export.index] = 1

    def _check_initialisers(self) -> None:
        module = self.module
        body = self.body()
        imported = module.num_imported_globals
        for number, table in enumerate(module.tables):
            if table.init_start >= 0:
                ty = self.table_types[number]
                body.check_constant(table.init_start, table.init_end, ty, imported)
        for number, glob in enumerate(module.globals):
            if glob.init_start >= 0:
                visible = number if self.bits & F.GC else imported
                ty = self.global_types[number]
                body.check_constant(glob.init_start, glob.init_end, ty, visible)

    def _check_segments(self) -> None:
        module = self.module
        body = self.body()
        visible = len(module.globals) if self.bits & F.GC else module.num_imported_globals
        for number, element in enumerate(module.elements):
            ty = self.element_types[number]
            if element.mode == M.ACTIVE:
                if element.table >= len(self.table_types):
                    raise ValidationError(f"unknown table {element.table}", element.offset)
                target = self.table_types[element.table]
                if not self.types.matches(ty, target):
                    message = f"type mismatch: {type_name(ty)} in a table of {type_name(target)}"
                    raise ValidationError(message, element.offset)
                addr = self.table_limits[element.table].address
                body.check_constant(element.offset_start, element.offset_end, addr, visible)
            for i in range(len(element.exprs)):
                start, end = element.expr(i)
                body.check_constant(start, end, ty, visible)
        for segment in module.data_segments:
            if segment.mode == M.ACTIVE:
                if segment.memory >= len(self.memory_limits):
                    raise ValidationError(f"unknown memory {segment.memory}", segment.offset)
                addr = self.memory_limits[segment.memory].address
                body.check_constant(segment.offset_start, segment.offset_end, addr, visible)

    def _check_exports(self) -> None:
        module = self.module
        counts = (
            len(module.funcs),
            len(module.tables),
            len(module.memories),
            len(module.globals),
            len(module.tags),
        )
        seen: set[str] = set()
        for export in module.exports:
            if export.index >= counts[export.kind]:
                what = ("function", "table", "memory", "global", "tag")[export.kind]
                raise ValidationError(f"unknown {what} {export.index}", export.offset)
            if export.kind == M.GLOBAL and not self.bits & F.MUTABLE_GLOBALS:
                if self.global_mutable[export.index]:
                    raise ValidationError("mutable globals cannot be exported", export.offset)
            if export.name in seen:
                raise ValidationError(f"duplicate export name {export.name!r}", export.offset)
            seen.add(export.name)

    # ---- bodies ----

    def body(self) -> FunctionValidator:
        """What checks bodies; made when first asked for."""
        if self._body is None:
            self._body = FunctionValidator(self)
        return self._body

    def dispose(self) -> None:
        """Unlink the checker of bodies, so that plain reference counting frees both."""
        self._body = None

    def check_function(self, index: int) -> None:
        """Check the body of one function that is not imported, by function index.

        `check_module` must have been called. Raises ValidationError or DecodeError.
        """
        self.body().check_function(index)

    def check_functions(self) -> None:
        """Check every body."""
        body = self.body()
        for index in range(self.module.num_imported_funcs, len(self.module.funcs)):
            body.check_function(index)
        self.module.written_tables = body.written_tables


def _mentioned(sub: SubType) -> list[int]:
    """The value types in a definition."""
    composite = sub.composite
    if isinstance(composite, FuncType):
        return [*composite.params, *composite.results]
    if isinstance(composite, StructType):
        return [field.storage for field in composite.fields]
    return [composite.field.storage]


def _all_match(table: TypeTable, a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    if a == b:
        return True
    if len(a) != len(b):
        return False
    failed = [i for i in range(len(a)) if not table.matches(a[i], b[i])]
    return not failed


def _field_matches(table: TypeTable, a: FieldType, b: FieldType) -> bool:
    if a.mutable != b.mutable:
        return False
    return a.storage == b.storage or (not a.mutable and table.matches(a.storage, b.storage))


def _check_range(limits: Limits, offset: int) -> None:
    if limits.max != T.NO_MAX and limits.min > limits.max:
        raise ValidationError("size minimum must not be greater than maximum", offset)


class Frame:
    """An entry of the control stack.

    `label` are the types that a branch to it carries, `results` those at its end. `height` is
    that of the operand stack below its parameters, `inits` that of the stack of initialised
    locals. `unreachable`: the rest of the block cannot be reached.
    """

    __slots__ = ("op", "params", "results", "label", "height", "inits", "unreachable")

    def __init__(
        self,
        op: int,
        params: tuple[int, ...],
        results: tuple[int, ...],
        label: tuple[int, ...],
        height: int,
        inits: int,
    ) -> None:
        self.op = op
        self.params = params
        self.results = results
        self.label = label
        self.height = height
        self.inits = inits
        self.unreachable = False


class FunctionValidator:
    """The state while one expression is checked; used again for the next.

    `code` are its bytes and `pos` the position in them, `at` that of the current instruction.
    `readable[i]` is the type of local i, or 0 while it is not initialised. `height` and
    `unreachable` are those of the innermost frame. `written_tables` grows with every body, as in
    Module.
    """

    __slots__ = (
        "v",
        "types",
        "bits",
        "codes",
        "code",
        "pos",
        "at",
        "stack",
        "frames",
        "height",
        "unreachable",
        "locals",
        "readable",
        "inits",
        "tracked",
        "results",
        "visible_globals",
        "written_tables",
    )

    def __init__(self, v: Validator) -> None:
        self.v = v
        self.written_tables = 0
        self.types = v.types
        self.bits = v.bits
        self.codes = v.codes
        self.code = b""
        self.pos = 0
        self.at = 0
        self.stack: list[int] = []
        self.frames: list[Frame] = []
        self.height = 0
        self.unreachable = False
        self.locals: list[int] = []
        self.readable: list[int] = []
        self.inits: list[int] = []
        self.tracked = False
        self.results: tuple[int, ...] = _NONE
        self.visible_globals = 0

    # ---- entry points ----

    def check_function(self, index: int) -> None:
        v = self.v
        body = v.module.code[index - v.module.num_imported_funcs]
        ty = v.func_types[index]
        self.code = bytes(v.module.data[body.start : body.end])
        self.pos = 0
        self.at = 0
        try:
            self._read_locals(ty.params)
            self._begin(ty.results)
            self._run()
            if self.pos != len(self.code):
                raise DecodeError("section size mismatch", self.pos)
        except IndexError:
            error: WasmError = DecodeError(self._end_message(body), body.end)
            self._locate(error, index)
            raise error from None
        except WasmError as error:
            error.offset = body.start + (self.at if error.offset is None else error.offset)
            self._locate(error, index)
            raise

    def _locate(self, error: WasmError, index: int) -> None:
        error.func_index = index
        error.func_name = self.v.module.func_name(index)

    def _end_message(self, body: M.Body) -> str:
        """What the reference interpreter says, which reads on into what follows the body."""
        data = self.v.module.data
        if body.end >= len(data):
            return UNEXPECTED_END
        return "section size mismatch" if data[body.end] == O.END else "END opcode expected"

    def check_constant(self, start: int, end: int, ty: int, visible_globals: int) -> None:
        """Check that a span is a constant expression of type `ty`.

        It may name the globals below `visible_globals`. Functions that it names are declared.
        """
        self.code = bytes(self.v.module.data[start:end])
        self.pos = 0
        self.at = 0
        self.locals = []
        self.readable = []
        self.inits = []
        self.tracked = False
        self.visible_globals = visible_globals
        self._begin((ty,))
        try:
            while self.frames:
                self.at = self.pos
                op, self.pos = read_op(self.code, self.pos)
                self._check_constant_op(op)
                _HANDLERS[op](self, op)
        except IndexError:
            raise DecodeError(UNEXPECTED_END, end) from None
        except WasmError as error:
            error.offset = start + (self.at if error.offset is None else error.offset)
            raise

    def _check_constant_op(self, op: int) -> None:
        if op < 0 or _CONSTANT[op] & ~self.bits:
            raise self.error("constant expression required")
        if op == O.GLOBAL_GET:
            index, _ = read_u32(self.code, self.pos)
            if index >= self.visible_globals:
                raise self.error(f"unknown global {index}")
            if self.v.global_mutable[index]:
                raise self.error("constant expression required")
        elif op == O.REF_FUNC:
            index, _ = read_u32(self.code, self.pos)
            if index < len(self.v.declared):
                self.v.declared[index] = 1

    def _begin(self, results: tuple[int, ...]) -> None:
        self.stack = []
        self.height = 0
        self.unreachable = False
        self.results = results
        self.frames = [Frame(O.BLOCK, _NONE, results, results, 0, 0)]

    def _read_locals(self, params: tuple[int, ...]) -> None:
        code = self.code
        pos = 0
        limit = self.v.limits.locals
        kinds = list(params)
        total = len(params)
        self.tracked = False
        self.inits = []
        groups, pos = read_u32(code, pos)
        readable = kinds if groups == 0 else list(params)
        for _ in range(groups):
            at = pos
            count, pos = read_u32(code, pos)
            total += count
            if total > limit:
                raise DecodeError(f"too many locals: {total}, the limit is {limit}", at)
            at = pos
            byte = code[pos]
            ty = self.codes[byte]
            if ty > 0:
                pos += 1
            else:
                ty, pos = read_value_type(code, pos, self.codes, self.bits)
                ty = self.v._value_type(ty, at)
            kinds += [ty] * count
            if ty & REF and not ty & NULLABLE:
                self.tracked = True
                readable += [BOTTOM] * count
            else:
                readable += [ty] * count
        self.locals = kinds
        self.readable = readable if self.tracked else kinds
        self.pos = pos

    # ---- errors ----

    def error(self, message: str) -> ValidationError:
        """An error at the current instruction; the place is completed by the entry points."""
        return ValidationError(message)

    def mismatch(self, expected: str, actual: str) -> ValidationError:
        message = f"type mismatch: instruction requires [{expected}] but stack has [{actual}]"
        return ValidationError(message)

    # ---- the operand stack ----

    def pop(self, wanted: str = "a value") -> int:
        """Take one operand of any type; BOTTOM from an unreachable stack."""
        if len(self.stack) == self.height:
            if self.unreachable:
                return BOTTOM
            raise self.mismatch(wanted, "")
        return self.stack.pop()

    def expect(self, ty: int) -> int:
        """Take one operand, which must match `ty`; return its own type."""
        if len(self.stack) == self.height:
            if self.unreachable:
                return BOTTOM
            raise self.mismatch(type_name(ty), "")
        actual = self.stack.pop()
        if actual != ty and not self.types.matches(actual, ty):
            raise self.mismatch(type_name(ty), type_name(actual))
        return actual

    def expect_all(self, types: tuple[int, ...]) -> None:
        """Take operands of these types, the last on top."""
        stack = self.stack
        count = len(types)
        if count == 0:
            return
        if len(stack) - count >= self.height and tuple(stack[-count:]) == types:
            del stack[-count:]
            return
        if self.unreachable and len(stack) == self.height:
            return
        for i in range(len(types) - 1, -1, -1):
            self.expect(types[i])

    def expect_ref(self) -> int:
        """Take a reference of any type (BOTTOM_REF from an unreachable stack)."""
        actual = self.pop("ref")
        if actual == BOTTOM:
            return BOTTOM_REF
        if not actual & REF:
            raise self.mismatch("ref", type_name(actual))
        return actual

    def check_top(self, types: tuple[int, ...]) -> None:
        """The operands on top must match these types; nothing is taken."""
        stack = self.stack
        count = len(types)
        if len(stack) - count >= self.height and tuple(stack[len(stack) - count :]) == types:
            return
        place = len(stack)
        for i in range(len(types) - 1, -1, -1):
            if place == self.height:
                if self.unreachable:
                    return
                raise self.mismatch(type_name(types[i]), "")
            place -= 1
            actual = stack[place]
            if actual != types[i] and not self.types.matches(actual, types[i]):
                raise self.mismatch(type_name(types[i]), type_name(actual))

    def push_all(self, types: tuple[int, ...]) -> None:
        """Push the results of a call or block, of which two bytes can make a thousand."""
        self.stack.extend(types)
        if len(self.stack) > self.v.limits.operands:
            raise DecodeError(f"too many operands, the limit is {self.v.limits.operands}", self.at)

    # ---- the control stack ----

    def enter(self, op: int, params: tuple[int, ...], results: tuple[int, ...]) -> None:
        """Open a block whose parameters were taken from the stack."""
        label = params if op == O.LOOP else results
        self.height = len(self.stack)
        self.frames.append(Frame(op, params, results, label, self.height, len(self.inits)))
        self.unreachable = False
        if len(self.frames) > self.v.limits.control_depth:
            limit = self.v.limits.control_depth
            raise DecodeError(f"blocks nested too deeply, the limit is {limit}", self.at)
        if params:
            self.push_all(params)

    def leave(self) -> Frame:
        """Close the innermost block, whose results must be all that is on the stack."""
        frame = self.frames[-1]
        self.expect_all(frame.results)
        if len(self.stack) != self.height:
            names = " ".join([type_name(ty) for ty in self.stack[self.height :]])
            raise self.error(f"type mismatch: block requires [] but stack has [{names}]")
        self.frames.pop()
        if len(self.inits) > frame.inits:
            for index in self.inits[frame.inits :]:
                self.readable[index] = BOTTOM
            del self.inits[frame.inits :]
        if self.frames:
            outer = self.frames[-1]
            self.height = outer.height
            self.unreachable = outer.unreachable
        return frame

    def stop(self) -> None:
        """The rest of the block cannot be reached."""
        del self.stack[self.height :]
        self.unreachable = True
        self.frames[-1].unreachable = True

    # ---- immediates ----

    def u32(self) -> int:
        byte = self.code[self.pos]
        if byte < 0x80:
            self.pos += 1
            return byte
        value, self.pos = read_u32(self.code, self.pos)
        return value

    def label(self) -> Frame:
        depth = self.u32()
        if depth >= len(self.frames):
            raise self.error(f"unknown label {depth}")
        return self.frames[len(self.frames) - 1 - depth]

    def heap_type(self) -> int:
        """A heap type, as the nullable reference type with canonical id."""
        ty, self.pos = read_heap_type(self.code, self.pos, self.codes, self.bits)
        return self.v._value_type(ty, self.at)

    def value_type(self) -> int:
        ty, self.pos = read_value_type(self.code, self.pos, self.codes, self.bits)
        return self.v._value_type(ty, self.at)

    def block_type(self) -> FuncType:
        byte = self.code[self.pos]
        if byte == 0x40:
            self.pos += 1
            return _EMPTY
        if byte < 0x80 and byte & 0x40:
            return FuncType(_NONE, (self.value_type(),))
        index, after = read_s33(self.code, self.pos)
        if index < 0:
            raise DecodeError("malformed block type", self.pos)
        self.pos = after
        ty = self.v._func_type(index, self.at)
        if ty.params or len(ty.results) > 1:
            if not self.bits & F.MULTI_VALUE:
                raise self.error("invalid result arity: multi-value is off")
        return ty

    def type_index(self) -> int:
        index = self.u32()
        if index >= len(self.v.type_ids):
            raise self.error(f"unknown type {index}")
        return index

    def func_type(self) -> FuncType:
        return self.v._func_type(self.u32(), self.at)

    def struct_type(self) -> tuple[int, StructType]:
        """A type index of a struct type, as the canonical id and the type."""
        index = self.type_index()
        id = self.v.type_ids[index]
        composite = self.types.defs[id].composite
        if not isinstance(composite, StructType):
            raise self.error(f"type mismatch: type {index} is not a struct type")
        return id, composite

    def array_type(self) -> tuple[int, FieldType]:
        """A type index of an array type, as the canonical id and the element type."""
        index = self.type_index()
        id = self.v.type_ids[index]
        composite = self.types.defs[id].composite
        if not isinstance(composite, ArrayType):
            raise self.error(f"type mismatch: type {index} is not an array type")
        return id, composite.field

    def table_index(self) -> int:
        index = self.u32()
        if index >= len(self.v.table_types):
            raise self.error(f"unknown table {index}")
        return index

    def memory_index(self) -> Limits:
        """A memory index, as that memory's limits."""
        at = self.pos
        index = self.u32()
        if not self.bits & F.MULTI_MEMORY and (index or self.pos != at + 1):
            raise DecodeError("zero byte expected", at)
        return self.memory(index)

    def memory(self, index: int) -> Limits:
        if index >= len(self.v.memory_limits):
            raise self.error(f"unknown memory {index}")
        return self.v.memory_limits[index]

    def element_index(self) -> int:
        index = self.u32()
        if index >= len(self.v.element_types):
            raise self.error(f"unknown elem segment {index}")
        return index

    def data_index(self) -> None:
        index = self.u32()
        if self.v.module.data_count < 0:
            raise DecodeError("data count section required", self.at)
        if index >= self.v.num_data:
            raise self.error(f"unknown data segment {index}")

    def lane(self, count: int) -> None:
        byte = self.code[self.pos]
        if byte >= count:
            raise self.error(f"invalid lane index {byte}")
        self.pos += 1

    # ---- the loop ----

    def _run(self) -> None:
        """Check the instructions from `pos` until the `end` of the outermost frame."""
        code = self.code
        pos = self.pos
        stack = self.stack
        height = 0
        locals = self.locals
        readable = self.readable
        tracked = self.tracked
        fast_locals = min(len(locals), 0x80)  # indices of one byte
        addr0 = self.v.addr0
        align = O.ALIGN
        classes = _CLASS
        ins = _IN
        outs = _OUT
        handlers = _HANDLERS
        while True:
            at = pos
            op = code[pos]
            pos += 1
            if op == 0x20:  # local.get
                index = code[pos]
                if index < fast_locals:
                    ty = readable[index]
                    if ty:
                        stack.append(ty)
                        pos += 1
                        continue
            elif op == 0x41:  # i32.const
                if code[pos] < 0x80:
                    pos += 1
                    stack.append(I32)
                    continue
                if code[pos + 1] < 0x80:
                    pos += 2
                    stack.append(I32)
                    continue
                if code[pos + 2] < 0x80:
                    pos += 3
                    stack.append(I32)
                    continue
                if code[pos + 3] < 0x80:
                    pos += 4
                    stack.append(I32)
                    continue
            elif op == 0x21:  # local.set
                index = code[pos]
                if (
                    index < fast_locals
                    and not tracked
                    and len(stack) > height
                    and stack[-1] == locals[index]
                ):
                    stack.pop()
                    pos += 1
                    continue
            elif op == 0x22:  # local.tee
                index = code[pos]
                if (
                    index < fast_locals
                    and not tracked
                    and len(stack) > height
                    and stack[-1] == locals[index]
                ):
                    pos += 1
                    continue
            else:
                kind = classes[op]
                if kind == 0:  # _SLOW
                    pass
                elif kind == 1:  # _BINARY
                    ty = ins[op]
                    if len(stack) > height + 1 and stack[-1] == ty and stack[-2] == ty:
                        stack.pop()
                        stack[-1] = outs[op]
                        continue
                elif kind == 3:  # _LOAD
                    if (
                        code[pos] <= align[op]
                        and len(stack) > height
                        and stack[-1] == addr0
                        and (code[pos + 1] < 0x80 or code[pos + 2] < 0x80)
                    ):
                        pos += 2 if code[pos + 1] < 0x80 else 3
                        stack[-1] = outs[op]
                        continue
                elif kind == 4:  # _STORE
                    if (
                        code[pos] <= align[op]
                        and len(stack) > height + 1
                        and stack[-1] == ins[op]
                        and stack[-2] == addr0
                        and (code[pos + 1] < 0x80 or code[pos + 2] < 0x80)
                    ):
                        pos += 2 if code[pos + 1] < 0x80 else 3
                        del stack[-2:]
                        continue
                elif len(stack) > height and stack[-1] == ins[op]:  # _UNARY
                    stack[-1] = outs[op]
                    continue
            self.at = at
            self.pos = pos
            handlers[op](self, op)
            pos = self.pos
            height = self.height
            if op == 0x0B and not self.frames:
                return

    # ---- handlers: control ----

    def illegal(self, op: int) -> None:
        raise illegal_opcode(self.code, self.at)

    def prefixed(self, byte: int) -> None:
        """An instruction of two codes."""
        op, self.pos = read_op(self.code, self.at)
        if op < 0:
            raise illegal_opcode(self.code, self.at)
        _HANDLERS[op](self, op)

    def require(self, op: int) -> None:
        """The feature of `op` must be on; else there is no such instruction."""
        if O.FEATURE[op] & ~self.bits:
            error = illegal_opcode(self.code, self.at)
            error.message += f": {F.name_of(O.FEATURE[op] & ~self.bits)} is off"
            raise error

    def simple(self, op: int) -> None:
        """An instruction whose stack type is in the table, with no memory operand."""
        self.require(op)
        for kind in O.IMMEDIATES[op]:
            self.constant(kind)
        for ty in _POPS[op]:
            self.expect(ty)
        self.stack.extend(_PUSHES[op])

    def constant(self, kind: str) -> None:
        if kind == "i32":
            _, self.pos = read_s32(self.code, self.pos)
        elif kind == "i64":
            _, self.pos = read_s64(self.code, self.pos)
        elif kind == "f32":
            self.pos += 4
        elif kind == "f64":
            self.pos += 8
        elif kind == "v128":
            self.pos += 16
        elif kind == "shuffle":
            for _ in range(16):
                self.lane(32)
        elif kind == "fence":
            if self.code[self.pos] != 0:
                raise DecodeError("zero byte expected", self.pos)
            self.pos += 1
        else:
            self.lane(_LANES[kind])

    def access(self, op: int) -> None:
        """A memory access: alignment, memory, offset, perhaps a lane."""
        self.require(op)
        align, index, offset, self.pos = read_memarg(self.code, self.pos)
        if index and not self.bits & F.MULTI_MEMORY:
            raise DecodeError("malformed memop flags", self.at)
        limits = self.memory(index)
        if align > O.ALIGN[op]:
            raise self.error("alignment must not be larger than natural")
        if O.FEATURE[op] == F.THREADS and align != O.ALIGN[op]:
            raise self.error("atomic alignment must be natural")
        if offset > _MAX32 and not limits.is64:
            raise self.error("offset out of range")
        if len(O.IMMEDIATES[op]) > 1:
            self.lane(_LANES[O.IMMEDIATES[op][1]])
        addr = limits.address
        for ty in _POPS[op]:
            self.expect(addr if ty == _ADDR else ty)
        self.stack.extend(_PUSHES[op])

    def h_unreachable(self, op: int) -> None:
        self.stop()

    def h_block(self, op: int) -> None:
        ty = self.block_type()
        if ty.params:
            self.expect_all(ty.params)
        self.enter(op, ty.params, ty.results)

    def h_if(self, op: int) -> None:
        ty = self.block_type()
        self.expect(I32)
        if ty.params:
            self.expect_all(ty.params)
        self.enter(op, ty.params, ty.results)

    def h_else(self, op: int) -> None:
        if self.frames[-1].op != O.IF:
            raise DecodeError("END opcode expected: else without if", self.at)
        frame = self.leave()
        if not self.frames:
            raise DecodeError("END opcode expected: else without if", self.at)
        self.enter(O.ELSE, frame.params, frame.results)

    def h_end(self, op: int) -> None:
        frame = self.leave()
        if frame.op == O.IF and frame.params != frame.results:
            if not _all_match(self.types, frame.params, frame.results):
                wanted = T.types_text(frame.results)
                raise self.error(f"type mismatch: if without else must have results {wanted}")
        self.push_all(frame.results)

    def h_br(self, op: int) -> None:
        self.expect_all(self.label().label)
        self.stop()

    def h_br_if(self, op: int) -> None:
        label = self.label().label
        self.expect(I32)
        if label:
            self.expect_all(label)
            self.stack.extend(label)

    def h_br_table(self, op: int) -> None:
        self.expect(I32)
        count = self.u32()
        limit = self.v.limits.br_table_size
        if count > limit:
            raise DecodeError(f"br_table too large: {count}, the limit is {limit}", self.at)
        # By identity: labels of equal types mostly are the same tuple, and comparing long ones
        # once for each entry would be quadratic.
        checked: set[int] = set()
        arity = -1
        for _ in range(count + 1):
            label = self.label().label
            if id(label) in checked:
                continue
            if arity < 0:
                arity = len(label)
            if len(label) != arity:
                raise self.error("type mismatch: br_table labels with different arity")
            self.check_top(label)
            checked.add(id(label))
        self.stop()

    def h_return(self, op: int) -> None:
        self.expect_all(self.results)
        self.stop()

    def h_call(self, op: int) -> None:
        ty = self.v._func(self.u32(), self.at)
        self.expect_all(ty.params)
        self.push_all(ty.results)

    def indirect(self) -> FuncType:
        """The immediates and table index operand of an indirect call."""
        index = self.u32()
        at = self.pos
        table = self.u32()
        if not self.bits & F.REFERENCE_TYPES and (table or self.pos != at + 1):
            raise DecodeError("zero byte expected", at)
        v = self.v
        if table >= len(v.table_types):
            raise self.error(f"unknown table {table}")
        if not self.types.matches(v.table_types[table], T.FUNCREF):
            name = type_name(v.table_types[table])
            raise self.error(f"type mismatch: indirect call through a table of {name}")
        ty = v._func_type(index, self.at)
        self.expect(v.table_limits[table].address)
        return ty

    def h_call_indirect(self, op: int) -> None:
        ty = self.indirect()
        self.expect_all(ty.params)
        self.push_all(ty.results)

    def tail(self, ty: FuncType) -> None:
        self.expect_all(ty.params)
        if not _all_match(self.types, ty.results, self.results):
            wanted = T.types_text(self.results)
            actual = T.types_text(ty.results)
            message = f"type mismatch: function returns {wanted}, the callee of the tail call"
            raise self.error(f"{message} {actual}")
        self.stop()

    def h_return_call(self, op: int) -> None:
        self.require(op)
        self.tail(self.v._func(self.u32(), self.at))

    def h_return_call_indirect(self, op: int) -> None:
        self.require(op)
        self.tail(self.indirect())

    def called_ref(self) -> FuncType:
        index = self.u32()
        ty = self.v._func_type(index, self.at)
        self.expect(T.ref(self.v.type_ids[index], True))
        return ty

    def h_call_ref(self, op: int) -> None:
        self.require(op)
        ty = self.called_ref()
        self.expect_all(ty.params)
        self.push_all(ty.results)

    def h_return_call_ref(self, op: int) -> None:
        self.require(op)
        self.tail(self.called_ref())

    # ---- handlers: exceptions ----

    def tag(self) -> FuncType:
        index = self.u32()
        if index >= len(self.v.tag_types):
            raise self.error(f"unknown tag {index}")
        return self.v.tag_types[index]

    def h_throw(self, op: int) -> None:
        self.require(op)
        self.expect_all(self.tag().params)
        self.stop()

    def h_throw_ref(self, op: int) -> None:
        self.require(op)
        self.expect(T.EXNREF)
        self.stop()

    def h_try_table(self, op: int) -> None:
        self.require(op)
        ty = self.block_type()
        self.expect_all(ty.params)
        count = self.u32()
        if count > self.v.limits.handlers:
            limit = self.v.limits.handlers
            raise DecodeError(f"too many catch clauses: {count}, the limit is {limit}", self.at)
        for _ in range(count):
            kind = self.code[self.pos]
            if kind > 3:
                raise DecodeError("malformed catch clause", self.pos)
            self.pos += 1
            carried: tuple[int, ...] = _NONE
            if kind < 2:
                carried = self.tag().params
            if kind & 1:
                carried = (*carried, T.EXNREF & ~NULLABLE)
            label = self.label().label
            if not _all_match(self.types, carried, label):
                texts = f"{T.types_text(carried)} to a label of {T.types_text(label)}"
                raise self.error(f"type mismatch: catch clause carries {texts}")
        self.enter(op, ty.params, ty.results)

    # ---- handlers: parametric, variables ----

    def h_drop(self, op: int) -> None:
        self.pop()

    def h_select(self, op: int) -> None:
        self.expect(I32)
        first = self.pop()
        second = self.pop()
        for ty in (first, second):
            if ty & REF:
                raise self.error(f"type mismatch: select without type on {type_name(ty)}")
        if first != second and first != BOTTOM and second != BOTTOM:
            raise self.mismatch(type_name(first), type_name(second))
        self.stack.append(second if first == BOTTOM else first)

    def h_select_t(self, op: int) -> None:
        self.require(op)
        if self.u32() != 1:
            raise self.error("invalid result arity")
        ty = self.value_type()
        self.expect(I32)
        self.expect(ty)
        self.expect(ty)
        self.stack.append(ty)

    def local_index(self) -> int:
        index = self.u32()
        if index >= len(self.locals):
            raise self.error(f"unknown local {index}")
        return index

    def h_local_get(self, op: int) -> None:
        index = self.local_index()
        ty = self.readable[index]
        if ty == BOTTOM:
            raise self.error(f"uninitialized local {index}")
        self.stack.append(ty)

    def h_local_set(self, op: int) -> None:
        index = self.local_index()
        ty = self.locals[index]
        self.expect(ty)
        if self.tracked and self.readable[index] == BOTTOM:
            self.readable[index] = ty
            self.inits.append(index)

    def h_local_tee(self, op: int) -> None:
        self.h_local_set(op)
        self.stack.append(self.locals[self.code_index()])

    def code_index(self) -> int:
        """The index immediate of the current one-byte instruction, once more."""
        return read_u32(self.code, self.at + 1)[0]

    def global_index(self) -> int:
        index = self.u32()
        if index >= len(self.v.global_types):
            raise self.error(f"unknown global {index}")
        return index

    def h_global_get(self, op: int) -> None:
        self.stack.append(self.v.global_types[self.global_index()])

    def h_global_set(self, op: int) -> None:
        index = self.global_index()
        if not self.v.global_mutable[index]:
            raise self.error(f"immutable global {index}")
        self.expect(self.v.global_types[index])

    # ---- handlers: tables ----

    def h_table_get(self, op: int) -> None:
        self.require(op)
        table = self.table_index()
        self.expect(self.v.table_limits[table].address)
        self.stack.append(self.v.table_types[table])

    def h_table_set(self, op: int) -> None:
        self.require(op)
        table = self.table_index()
        self.written_tables |= 1 << table
        self.expect(self.v.table_types[table])
        self.expect(self.v.table_limits[table].address)

    def h_table_size(self, op: int) -> None:
        self.require(op)
        self.stack.append(self.v.table_limits[self.table_index()].address)

    def h_table_grow(self, op: int) -> None:
        self.require(op)
        table = self.table_index()
        addr = self.v.table_limits[table].address
        self.expect(addr)
        self.expect(self.v.table_types[table])
        self.stack.append(addr)

    def h_table_fill(self, op: int) -> None:
        self.require(op)
        table = self.table_index()
        self.written_tables |= 1 << table
        addr = self.v.table_limits[table].address
        self.expect(addr)
        self.expect(self.v.table_types[table])
        self.expect(addr)

    def h_table_init(self, op: int) -> None:
        self.require(op)
        element = self.u32()
        table = self.table_index()
        self.written_tables |= 1 << table
        if element >= len(self.v.element_types):
            raise self.error(f"unknown elem segment {element}")
        source = self.v.element_types[element]
        if not self.types.matches(source, self.v.table_types[table]):
            names = f"{type_name(source)} into a table of {type_name(self.v.table_types[table])}"
            raise self.error(f"type mismatch: table.init of {names}")
        self.expect(I32)
        self.expect(I32)
        self.expect(self.v.table_limits[table].address)

    def h_table_copy(self, op: int) -> None:
        self.require(op)
        to = self.table_index()
        self.written_tables |= 1 << to
        source = self.table_index()
        v = self.v
        if not self.types.matches(v.table_types[source], v.table_types[to]):
            names = f"{type_name(v.table_types[source])} to {type_name(v.table_types[to])}"
            raise self.error(f"type mismatch: table.copy from {names}")
        a = v.table_limits[to].address
        b = v.table_limits[source].address
        self.expect(I64 if a == b == I64 else I32)
        self.expect(b)
        self.expect(a)

    def h_elem_drop(self, op: int) -> None:
        self.require(op)
        self.element_index()

    # ---- handlers: memories ----

    def whole_memory(self, op: int) -> None:
        """memory.size, memory.grow, memory.fill."""
        self.require(op)
        addr = self.memory_index().address
        for ty in _POPS[op]:
            self.expect(addr if ty == _ADDR else ty)
        for ty in _PUSHES[op]:
            self.stack.append(addr if ty == _ADDR else ty)

    def h_memory_init(self, op: int) -> None:
        self.require(op)
        at = self.pos
        self.u32()
        addr = self.memory_index().address
        after = self.pos
        self.pos = at  # the memory's index is checked first, as in the specification
        self.data_index()
        self.pos = after
        self.expect(I32)
        self.expect(I32)
        self.expect(addr)

    def h_memory_copy(self, op: int) -> None:
        self.require(op)
        a = self.memory_index().address
        b = self.memory_index().address
        self.expect(I64 if a == b == I64 else I32)
        self.expect(b)
        self.expect(a)

    def h_data_drop(self, op: int) -> None:
        self.require(op)
        self.data_index()

    # ---- handlers: references ----

    def h_ref_null(self, op: int) -> None:
        self.require(op)
        self.stack.append(self.heap_type())

    def h_ref_is_null(self, op: int) -> None:
        self.require(op)
        self.expect_ref()
        self.stack.append(I32)

    def h_ref_func(self, op: int) -> None:
        self.require(op)
        index = self.u32()
        v = self.v
        v._func(index, self.at)
        if not v.declared[index]:
            raise self.error(f"undeclared function reference {index}")
        if self.bits & F.FUNCTION_REFERENCES:
            self.stack.append(T.ref(v.type_ids[v.module.funcs[index]], False))
        else:
            self.stack.append(T.FUNCREF)

    def h_ref_eq(self, op: int) -> None:
        self.require(op)
        self.expect(T.EQREF)
        self.expect(T.EQREF)
        self.stack.append(I32)

    def h_ref_as_non_null(self, op: int) -> None:
        self.require(op)
        self.stack.append(self.expect_ref() & ~NULLABLE)

    def h_br_on_null(self, op: int) -> None:
        self.require(op)
        label = self.label().label
        ty = self.expect_ref()
        self.expect_all(label)
        self.stack.extend(label)
        self.stack.append(ty & ~NULLABLE)

    def h_br_on_non_null(self, op: int) -> None:
        self.require(op)
        label = self.label().label
        if not label or not label[-1] & REF:
            raise self.error("type mismatch: br_on_non_null to a label without a reference")
        self.expect(label[-1] | NULLABLE)
        self.expect_all(label[:-1])
        self.stack.extend(label[:-1])

    def h_ref_test(self, op: int) -> None:
        self.require(op)
        ty = self.heap_type()
        self.expect(REF | NULLABLE | self.types.top(ty))
        self.stack.append(I32)

    def h_ref_cast(self, op: int) -> None:
        self.require(op)
        ty = self.heap_type()
        self.expect(REF | NULLABLE | self.types.top(ty))
        self.stack.append(ty if op == O.REF_CAST_NULL else ty & ~NULLABLE)

    def h_br_on_cast(self, op: int) -> None:
        self.require(op)
        flags = self.code[self.pos]
        if flags > 3:
            raise DecodeError("malformed br_on_cast flags", self.pos)
        self.pos += 1
        label = self.label().label
        source = self.heap_type()
        target = self.heap_type()
        if not flags & 1:
            source &= ~NULLABLE
        if not flags & 2:
            target &= ~NULLABLE
        if not self.types.matches(target, source):
            names = f"{type_name(source)} to {type_name(target)}"
            raise self.error(f"type mismatch: cast from {names}")
        rest = source & ~NULLABLE if target & NULLABLE else source
        taken = target if op == O.BR_ON_CAST else rest
        other = rest if op == O.BR_ON_CAST else target
        if not label or not self.types.matches(taken, label[-1]):
            texts = f"{type_name(taken)} to a label of {T.types_text(label)}"
            raise self.error(f"type mismatch: branch carries {texts}")
        self.expect(source)
        self.expect_all(label[:-1])
        self.stack.extend(label[:-1])
        self.stack.append(other)

    def h_any_convert_extern(self, op: int) -> None:
        self.require(op)
        nullable = self.expect(T.EXTERNREF) & NULLABLE
        self.stack.append(REF | nullable | T.ANY)

    def h_extern_convert_any(self, op: int) -> None:
        self.require(op)
        nullable = self.expect(T.ANYREF) & NULLABLE
        self.stack.append(REF | nullable | T.EXTERN)

    def h_ref_i31(self, op: int) -> None:
        self.require(op)
        self.expect(I32)
        self.stack.append(REF | T.I31)

    def h_i31_get(self, op: int) -> None:
        self.require(op)
        self.expect(T.I31REF)
        self.stack.append(I32)

    # ---- handlers: structs and arrays ----

    def require_default(self, field: FieldType) -> None:
        ty = field.storage
        if ty & REF and not ty & NULLABLE:
            raise self.error(f"type mismatch: {type_name(ty)} has no default value")

    def h_struct_new(self, op: int) -> None:
        self.require(op)
        id, struct = self.struct_type()
        for field in reversed(struct.fields):
            self.expect(field.unpacked())
        self.stack.append(T.ref(id, False))

    def h_struct_new_default(self, op: int) -> None:
        self.require(op)
        id, struct = self.struct_type()
        for field in struct.fields:
            self.require_default(field)
        self.stack.append(T.ref(id, False))

    def field(self) -> tuple[int, FieldType]:
        id, struct = self.struct_type()
        index = self.u32()
        if index >= len(struct.fields):
            raise self.error(f"unknown field {index}")
        return id, struct.fields[index]

    def check_packed(self, field: FieldType, signed: bool) -> None:
        """get_s and get_u are for packed fields, get for the others."""
        if field.packed() != signed:
            raise self.error(f"type mismatch: field is {'un' if signed else ''}packed")

    def h_struct_get(self, op: int) -> None:
        self.require(op)
        id, field = self.field()
        self.check_packed(field, op != O.STRUCT_GET)
        self.expect(T.ref(id, True))
        self.stack.append(field.unpacked())

    def h_struct_set(self, op: int) -> None:
        self.require(op)
        id, field = self.field()
        if not field.mutable:
            raise self.error("immutable field")
        self.expect(field.unpacked())
        self.expect(T.ref(id, True))

    def h_array_new(self, op: int) -> None:
        self.require(op)
        id, field = self.array_type()
        self.expect(I32)
        if op == O.ARRAY_NEW:
            self.expect(field.unpacked())
        else:
            self.require_default(field)
        self.stack.append(T.ref(id, False))

    def h_array_new_fixed(self, op: int) -> None:
        self.require(op)
        id, field = self.array_type()
        count = self.u32()
        limit = self.v.limits.array_new_fixed
        if count > limit:
            raise self.error(f"array.new_fixed of {count} elements, the limit is {limit}")
        ty = field.unpacked()
        for _ in range(count):
            self.expect(ty)
        self.stack.append(T.ref(id, False))

    def array_data(self, field: FieldType) -> None:
        if field.storage & REF:
            raise self.error("array type is not numeric or vector")
        self.data_index()

    def array_element(self, field: FieldType) -> None:
        source = self.v.element_types[self.element_index()]
        if not self.types.matches(source, field.storage):
            names = f"{type_name(source)} into an array of {type_name(field.storage)}"
            raise self.error(f"type mismatch: elements of {names}")

    def h_array_new_data(self, op: int) -> None:
        self.require(op)
        id, field = self.array_type()
        self.array_data(field)
        self.expect(I32)
        self.expect(I32)
        self.stack.append(T.ref(id, False))

    def h_array_new_elem(self, op: int) -> None:
        self.require(op)
        id, field = self.array_type()
        self.array_element(field)
        self.expect(I32)
        self.expect(I32)
        self.stack.append(T.ref(id, False))

    def h_array_get(self, op: int) -> None:
        self.require(op)
        id, field = self.array_type()
        self.check_packed(field, op != O.ARRAY_GET)
        self.expect(I32)
        self.expect(T.ref(id, True))
        self.stack.append(field.unpacked())

    def require_mutable(self, field: FieldType) -> None:
        if not field.mutable:
            raise self.error("immutable array")

    def h_array_set(self, op: int) -> None:
        self.require(op)
        id, field = self.array_type()
        self.require_mutable(field)
        self.expect(field.unpacked())
        self.expect(I32)
        self.expect(T.ref(id, True))

    def h_array_len(self, op: int) -> None:
        self.require(op)
        self.expect(T.ARRAYREF)
        self.stack.append(I32)

    def h_array_fill(self, op: int) -> None:
        self.require(op)
        id, field = self.array_type()
        self.require_mutable(field)
        self.expect(I32)
        self.expect(field.unpacked())
        self.expect(I32)
        self.expect(T.ref(id, True))

    def h_array_copy(self, op: int) -> None:
        self.require(op)
        to, field = self.array_type()
        source, other = self.array_type()
        self.require_mutable(field)
        if not (field.storage == other.storage or self.types.matches(other.storage, field.storage)):
            raise self.error("array types do not match")
        self.expect(I32)
        self.expect(I32)
        self.expect(T.ref(source, True))
        self.expect(I32)
        self.expect(T.ref(to, True))

    def h_array_init(self, op: int) -> None:
        self.require(op)
        id, field = self.array_type()
        self.require_mutable(field)
        if op == O.ARRAY_INIT_DATA:
            self.array_data(field)
        else:
            self.array_element(field)
        self.expect(I32)
        self.expect(I32)
        self.expect(I32)
        self.expect(T.ref(id, True))


_EMPTY: Final = FuncType(_NONE, _NONE)
_LANES: Final[dict[str, int]] = {"lane2": 2, "lane4": 4, "lane8": 8, "lane16": 16}

Handler = Callable[[FunctionValidator, int], None]
_V = FunctionValidator
_SPECIAL: Final[dict[int, Handler]] = {
    O.UNREACHABLE: _V.h_unreachable,
    O.BLOCK: _V.h_block,
    O.LOOP: _V.h_block,
    O.IF: _V.h_if,
    O.ELSE: _V.h_else,
    O.THROW: _V.h_throw,
    O.THROW_REF: _V.h_throw_ref,
    O.END: _V.h_end,
    O.BR: _V.h_br,
    O.BR_IF: _V.h_br_if,
    O.BR_TABLE: _V.h_br_table,
    O.RETURN: _V.h_return,
    O.CALL: _V.h_call,
    O.CALL_INDIRECT: _V.h_call_indirect,
    O.RETURN_CALL: _V.h_return_call,
    O.RETURN_CALL_INDIRECT: _V.h_return_call_indirect,
    O.CALL_REF: _V.h_call_ref,
    O.RETURN_CALL_REF: _V.h_return_call_ref,
    O.DROP: _V.h_drop,
    O.SELECT: _V.h_select,
    O.SELECT_T: _V.h_select_t,
    O.TRY_TABLE: _V.h_try_table,
    O.LOCAL_GET: _V.h_local_get,
    O.LOCAL_SET: _V.h_local_set,
    O.LOCAL_TEE: _V.h_local_tee,
    O.GLOBAL_GET: _V.h_global_get,
    O.GLOBAL_SET: _V.h_global_set,
    O.TABLE_GET: _V.h_table_get,
    O.TABLE_SET: _V.h_table_set,
    O.MEMORY_SIZE: _V.whole_memory,
    O.MEMORY_GROW: _V.whole_memory,
    O.MEMORY_FILL: _V.whole_memory,
    O.MEMORY_INIT: _V.h_memory_init,
    O.MEMORY_COPY: _V.h_memory_copy,
    O.DATA_DROP: _V.h_data_drop,
    O.TABLE_INIT: _V.h_table_init,
    O.ELEM_DROP: _V.h_elem_drop,
    O.TABLE_COPY: _V.h_table_copy,
    O.TABLE_GROW: _V.h_table_grow,
    O.TABLE_SIZE: _V.h_table_size,
    O.TABLE_FILL: _V.h_table_fill,
    O.REF_NULL: _V.h_ref_null,
    O.REF_IS_NULL: _V.h_ref_is_null,
    O.REF_FUNC: _V.h_ref_func,
    O.REF_EQ: _V.h_ref_eq,
    O.REF_AS_NON_NULL: _V.h_ref_as_non_null,
    O.BR_ON_NULL: _V.h_br_on_null,
    O.BR_ON_NON_NULL: _V.h_br_on_non_null,
    O.STRUCT_NEW: _V.h_struct_new,
    O.STRUCT_NEW_DEFAULT: _V.h_struct_new_default,
    O.STRUCT_GET: _V.h_struct_get,
    O.STRUCT_GET_S: _V.h_struct_get,
    O.STRUCT_GET_U: _V.h_struct_get,
    O.STRUCT_SET: _V.h_struct_set,
    O.ARRAY_NEW: _V.h_array_new,
    O.ARRAY_NEW_DEFAULT: _V.h_array_new,
    O.ARRAY_NEW_FIXED: _V.h_array_new_fixed,
    O.ARRAY_NEW_DATA: _V.h_array_new_data,
    O.ARRAY_NEW_ELEM: _V.h_array_new_elem,
    O.ARRAY_GET: _V.h_array_get,
    O.ARRAY_GET_S: _V.h_array_get,
    O.ARRAY_GET_U: _V.h_array_get,
    O.ARRAY_SET: _V.h_array_set,
    O.ARRAY_LEN: _V.h_array_len,
    O.ARRAY_FILL: _V.h_array_fill,
    O.ARRAY_COPY: _V.h_array_copy,
    O.ARRAY_INIT_DATA: _V.h_array_init,
    O.ARRAY_INIT_ELEM: _V.h_array_init,
    O.REF_TEST: _V.h_ref_test,
    O.REF_TEST_NULL: _V.h_ref_test,
    O.REF_CAST: _V.h_ref_cast,
    O.REF_CAST_NULL: _V.h_ref_cast,
    O.BR_ON_CAST: _V.h_br_on_cast,
    O.BR_ON_CAST_FAIL: _V.h_br_on_cast,
    O.ANY_CONVERT_EXTERN: _V.h_any_convert_extern,
    O.EXTERN_CONVERT_ANY: _V.h_extern_convert_any,
    O.REF_I31: _V.h_ref_i31,
    O.I31_GET_S: _V.h_i31_get,
    O.I31_GET_U: _V.h_i31_get,
}


def _handlers() -> list[Handler]:
    table: list[Handler] = [_V.illegal] * O.LIMIT
    for prefix in O.PREFIX_BASE:
        table[prefix] = _V.prefixed
    for op in O.ROWS:
        if op in _SPECIAL:
            table[op] = _SPECIAL[op]
        elif "memarg" in O.IMMEDIATES[op]:
            table[op] = _V.access
        else:
            assert O.STACK[op] != "*", O.NAMES[op]
            table[op] = _V.simple
    return table


_HANDLERS: Final[list[Handler]] = _handlers()

_CONSTANT: Final[list[int]] = [-1] * O.LIMIT
"""By opcode: the features with which it may stand in a constant expression; -1 for never."""
for _op in (
    *(O.END, O.I32_CONST, O.I64_CONST, O.F32_CONST, O.F64_CONST, O.V128_CONST),
    *(O.REF_NULL, O.REF_FUNC, O.GLOBAL_GET),
):
    _CONSTANT[_op] = F.MVP
for _op in (O.I32_ADD, O.I32_SUB, O.I32_MUL, O.I64_ADD, O.I64_SUB, O.I64_MUL):
    _CONSTANT[_op] = F.EXTENDED_CONST
for _op in (
    *(O.STRUCT_NEW, O.STRUCT_NEW_DEFAULT, O.ARRAY_NEW, O.ARRAY_NEW_DEFAULT, O.ARRAY_NEW_FIXED),
    *(O.REF_I31, O.ANY_CONVERT_EXTERN, O.EXTERN_CONVERT_ANY),
):
    _CONSTANT[_op] = F.GC


def validate(
    module: M.Module,
    features: F.Features = F.DEFAULT,
    limits: ImplementationLimits | None = None,
    types: TypeTable | None = None,
) -> Validator:
    """Check a whole module; return what was found out about its types.

    Raises ValidationError, or DecodeError when a function body is malformed or something is
    beyond an implementation limit.
    """
    validator = Validator(module, features, limits, types)
    validator.check_module()
    validator.check_functions()
    return validator


def validate_function(validator: Validator, index: int) -> None:
    """Check one body, by function index, after `validator.check_module()`."""
    validator.check_function(index)
