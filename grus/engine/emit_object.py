"""A module as an object file, for C programs: `docs/emit-obj.md`.

Everything that instantiation makes at run time is data of the object here: the store context, the
instance context, tables of types, traps and segments, and one description of them all
(`struct grus_module` of `examples/runtime/grus_runtime.h`), which the runtime in C walks.
"""

from __future__ import annotations

import re
from typing import Final

from grus.backend.compile import compile_function
from grus.backend.settings import Settings
from grus.base.errors import Unsupported
from grus.base.layout import FUNCREF, MEMORY, STORE, TABLE
from grus.engine.builtins import BUILTINS, LIBRARY
from grus.engine.constants import ARITHMETIC, name_at, read_signed, read_unsigned
from grus.engine.module import Module
from grus.engine.translate.func import ir_type, signature, translate
from grus.host import cpu
from grus.host.machine import FLAGS, TARGET
from grus.ir import types as T
from grus.link.module import EXPORT, LOCAL, parse_one
from grus.link.object.module import ObjectModule
from grus.opt.pipeline import optimize
from grus.wasm import module as WM
from grus.wasm import opcodes as W
from grus.wasm import types as WT

NO_MAXIMUM: Final = (1 << 64) - 1
_MASK: Final = (1 << 64) - 1
_MISSING: Final = ("ref_insert", "ref_dead", "ref_dead_list", "is_subtype")
"""Builtins that no module calls which `_check` lets pass."""
_C_TYPES: Final = {WT.I32: "int32_t", WT.I64: "int64_t", WT.F32: "float", WT.F64: "double",
                   WT.V128: "__m128i"}  # fmt: skip

Value = int | tuple[str, int] | str
"""What a constant expression gives: bits, an address (symbol, addend), or the symbol of an imported
global, which is read when the program starts."""


def symbol(text: str) -> str:
    """A name of wasm as part of one of C: other characters than letters, digits become `_`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", text)


class _Record:
    """Bytes of a data object, written in order, with addresses in them."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.relocs: list[tuple[int, str, int]] = []

    def word(self, value: int) -> None:
        self.bytes += (value & _MASK).to_bytes(8, "little")

    def address(self, name: str, addend: int = 0) -> None:
        """The address of a symbol; "" for none."""
        if name:
            self.relocs.append((len(self.bytes), name, addend))
        self.word(0)

    def put(self, at: int, name: str, addend: int = 0) -> None:
        """An address in a record that has its size."""
        self.relocs.append((at, name, addend))


def object_settings(opt_level: str = "speed", native: bool = False) -> Settings:
    """As `compile.settings_for`, for any machine, or with `native` for ones like this."""
    settings = TARGET.settings()
    settings.set("is_pic", "true")
    settings.set("enable_pinned_reg", "true")
    settings.set("preserve_frame_pointers", "true")
    settings.set("trap_call_offset", str(STORE["trap_stub"]))
    settings.set("opt_level", opt_level)
    settings.set("enable_verifier", "false")  # validated modules
    for name in FLAGS:
        if native and cpu.has(name):
            settings.enable(f"has_{name}")
    return settings


def emit_object(module: Module, name: str, native: bool = False) -> tuple[bytes, str]:
    """An ELF object and its header in C; every symbol begins with `name`.

    The module's Engine must have `guards=False`. Raises Unsupported for what the runtime in C does
    not provide, LinkError for names that are the same in C.
    """
    name = symbol(name)
    return _Emitter(module, f"_{name}" if name[:1].isdigit() else name, native).emit()


class _Emitter:
    def __init__(self, module: Module, name: str, native: bool) -> None:
        self.module = module
        self.wasm = module.wasm
        self.layout = module.layout
        self.name = name
        self.settings = object_settings(module.engine.opt_level, native)
        self.out = ObjectModule(None, self.settings)
        self.functions: list[tuple[str, int, list[tuple[int, int]]]] = []  # name, size, traps
        self.copies: list[tuple[int, str]] = []  # offset in the instance, imported global
        self.imports = {kind: [i for i in self.wasm.imports if i.kind == kind] for kind in range(5)}
        self.header: list[str] = []

    def emit(self) -> tuple[bytes, str]:
        self._check()
        self._functions()
        for index, item in enumerate(self.imports[WM.FUNC]):
            self._import_thunk(index, item)
        self._exports()
        self._builtins()
        self._store()
        self._instance()
        self._description()
        guard = f"GRUS_{self.name}_H".upper()
        vectors = any("__m128i" in line for line in self.header)
        lines = [f"#ifndef {guard}", f"#define {guard}", '#include "grus_runtime.h"']
        lines += ["#include <emmintrin.h>"] * vectors
        lines += [f"extern struct grus_module {self.name}_module;", *self.header, "#endif", ""]
        return self.out.emit("elf"), "\n".join(lines)

    # ---- what is refused ----

    def _check(self) -> None:
        wasm = self.wasm
        for kind in (WM.TABLE, WM.TAG):
            for item in self.imports[kind]:
                raise self._unsupported(
                    f"an imported {WM.KIND_NAMES[kind]}: {item.module!r} {item.name!r}"
                )
        if wasm.tags:
            raise self._unsupported("a tag")
        if self.module.info.fuel:
            raise self._unsupported("fuel")
        for number, sub in enumerate(wasm.types):
            if not sub.final or sub.supers:
                raise self._unsupported(f"type {number} with subtypes")
            if not isinstance(sub.composite, WT.FuncType):
                raise self._unsupported(f"type {number}, which is no function type")
            for ty in (*sub.composite.params, *sub.composite.results):
                self._check_type(ty, f"type {number}")
        for number, table in enumerate(wasm.tables):
            self._check_type(table.type.element, f"table {number}")
        for number, entry in enumerate(wasm.globals):
            self._check_type(entry.type.value, f"global {number}")
        for number, memory in enumerate(wasm.memories):
            if memory.type.limits.shared:
                raise self._unsupported(f"memory {number}, which is shared")

    def _check_type(self, ty: int, place: str) -> None:
        if WT.is_extern(ty):
            raise self._unsupported(f"{WT.type_name(ty)} in {place}")

    def _unsupported(self, what: str) -> Unsupported:
        return Unsupported(f"{what} is not supported in an object file")

    # ---- functions ----

    def _local(self, what: str) -> str:
        return f"{self.name}__{what}"

    def func(self, index: int) -> str:
        kind = "import" if index < self.wasm.num_imported_funcs else "func"
        return self._local(f"{kind}{index}")

    def _functions(self) -> None:
        wasm = self.wasm
        for index in range(len(wasm.funcs)):
            self.out.declare_function(self.func(index), signature(wasm.func_type(index)), LOCAL)
        for index in range(wasm.num_imported_funcs, len(wasm.funcs)):
            func = translate(self.module.info, index)
            optimize(func, self.settings.values, self.module.engine.opt_level)
            compiled = compile_function(func, TARGET, self.settings)
            func.dispose()
            compiled.name = self.func(index)
            for reloc in compiled.relocs:
                if reloc.name.startswith("u0:"):
                    reloc.name = self.func(int(reloc.name[3:]))
            self.out.add(compiled)
            self.functions.append((compiled.name, len(compiled.code), sorted(compiled.traps)))

    def _define(self, name: str, linkage: str, lines: list[str]) -> None:
        """A function in text, whose symbol is not declared yet."""
        if linkage == LOCAL:
            func = parse_one("\n".join(lines))
            self.out.declare_function(name, func.sig, LOCAL)
            self.out.define(func)
        else:
            self.out.define("\n".join(lines))

    def _c_types(self, type: WT.FuncType) -> tuple[list[int], list[int]]:
        """Parameters and results in IR of a C function; several results go to memory."""
        params = [ir_type(p) for p in type.params]
        results = [ir_type(r) for r in type.results]
        if len(results) > 1:
            return [*params, T.I64], []
        return params, results

    def _prototype(self, name: str, type: WT.FuncType, first: str) -> None:
        types = [first] if first else []
        types += [_C_TYPES.get(p, "void *") for p in type.params]
        result = "void"
        if len(type.results) > 1:
            types.append("void *")
        elif type.results:
            result = _C_TYPES.get(type.results[0], "void *")
        self.header.append(f"{result} {name}({', '.join(types) or 'void'});")

    def _import_thunk(self, index: int, item: WM.Import) -> None:
        """The entry of an imported function in the `tail` convention: calls C."""
        type = self.wasm.func_type(index)
        target = symbol(f"{item.module}_{item.name}")
        params, results = self._c_types(type)
        several = len(type.results) > 1
        given = [f"v{1 + i}" for i in range(len(type.params))]
        entry = ["v0: i64", *[f"v{1 + i}: {_t(p)}" for i, p in enumerate(type.params)]]
        lines = [f"function %{self.func(index)}({_tail_params(type)}){_returns(type)} tail {{"]
        if several:
            lines.append(f"    ss0 = explicit_slot {16 * len(type.results)}, align = 16")
        c_params = ", ".join(["i64", *[T.NAMES[p] for p in params]])
        arrow = f" -> {T.NAMES[results[0]]}" if results else ""
        lines.append(f"    fn0 = %{target}({c_params}){arrow} system_v")
        lines.append(f"block0({', '.join(entry)}):")
        lines += ["    v1000 = stack_addr.i64 ss0"] * several
        arguments = ", ".join(["v0", *given, *["v1000"] * several])
        lines.append(f"    {'v1001 = ' if results else ''}call fn0({arguments})")
        values = ["v1001"] if results else []
        if several:
            for i, result in enumerate(type.results):
                lines.append(f"    v{2000 + i} = load.{_t(result)} notrap v1000+{16 * i}")
                values.append(f"v{2000 + i}")
        lines += [f"    return {', '.join(values)}".rstrip(), "}"]
        self.out.define("\n".join(lines))
        self._prototype(target, type, "struct grus_instance *")

    def _entry(self, name: str, index: int, linkage: str) -> None:
        """A C function that calls a wasm function: r15 becomes the store context and back."""
        type = self.wasm.func_type(index)
        params, results = self._c_types(type)
        several = len(type.results) > 1
        arrow = f" -> {T.NAMES[results[0]]}" if results else ""
        c_params = ", ".join([T.NAMES[p] for p in params])
        inner = [f"v{2000 + i}" for i in range(len(type.results))]
        entry = [f"v{i}: {T.NAMES[p]}" for i, p in enumerate(params)]
        arguments = ", ".join(["v1002", *[f"v{i}" for i in range(len(type.params))]])
        lines = [
            f"function %{name}({c_params}){arrow} system_v {{",
            f"    gv0 = symbol colocated %{self._local('store')}",
            f"    gv1 = symbol colocated %{self._local('instance')}",
            f"    fn0 = colocated %{self.func(index)}({_tail_params(type)}){_returns(type)} tail",
            f"block0({', '.join(entry)}):" if entry else "block0:",
            "    v1000 = get_pinned_reg.i64",
            "    v1001 = symbol_value.i64 gv0",
            "    set_pinned_reg v1001",
            "    v1002 = symbol_value.i64 gv1",
            f"    {', '.join(inner)}{' = ' if inner else ''}call fn0({arguments})",
            "    set_pinned_reg v1000",
        ]
        if several:
            to = f"v{len(type.params)}"
            lines += [f"    store notrap {v}, {to}+{16 * i}" for i, v in enumerate(inner)]
        lines += [f"    return {inner[0] if len(inner) == 1 else ''}".rstrip(), "}"]
        self._define(name, linkage, lines)

    def _exports(self) -> None:
        wasm = self.wasm
        for export in wasm.exports:
            name = f"{self.name}_{symbol(export.name)}"
            if export.kind == WM.FUNC:
                self._entry(name, export.index, EXPORT)
                self._prototype(name, wasm.func_type(export.index), "")
                continue
            imported = {WM.GLOBAL: wasm.num_imported_globals, WM.MEMORY: wasm.num_imported_memories}
            if export.index < imported.get(export.kind, 0):
                continue  # the program has it
            if export.kind == WM.GLOBAL:
                type, place = "void", self._local("instance")
                addend = self.layout.own_global(export.index)
            elif export.kind == WM.MEMORY:
                type, (place, addend) = "struct grus_memory", self._memory(export.index)
            else:
                type, place = "struct grus_table", self._local("tables")
                addend = TABLE.size * export.index
            self.header.append(f"{type} *{name}(void);")
            self._define(name, EXPORT, [
                f"function %{name}() -> i64 system_v {{",
                f"    gv0 = symbol colocated %{place}",
                "block0:",
                "    v0 = symbol_value.i64 gv0",
                f"    v1 = iconst.i64 {addend}",
                "    v2 = iadd v0, v1",
                "    return v2",
                "}",
            ])  # fmt: skip
        if wasm.start >= 0:
            self._entry(self._local("start"), wasm.start, LOCAL)

    def _memory(self, index: int) -> tuple[str, int]:
        """Where the VMMemory is; that of an imported one is in the program."""
        if index < self.wasm.num_imported_memories:
            item = self.imports[WM.MEMORY][index]
            return symbol(f"{item.module}_{item.name}"), 0
        return self._local("memories"), MEMORY.size * index

    def _builtins(self) -> None:
        """Thunks from the `tail` convention to functions of the runtime, and their table."""
        table = _Record()
        types = {"i": "i32", "l": "i64"}
        for row in BUILTINS.values():
            if row.name in _MISSING:
                table.address("")
                table.address("")
                continue
            name = self._local(row.name)
            params = [types[p] for p in row.params[1:]]
            arrow = f" -> {types[row.results]}" if row.results else ""
            arguments = ", ".join(["v0", *[f"v{2 + i}" for i in range(len(params))]])
            entry = ["v0: i64", "v1: i64", *[f"v{2 + i}: {p}" for i, p in enumerate(params)]]
            self._define(name, LOCAL, [
                f"function %{name}({', '.join(['i64 vmctx', 'i64', *params])}){arrow} tail {{",
                f"    fn0 = %grus_{row.name}({', '.join(['i64', *params])}){arrow} system_v",
                f"block0({', '.join(entry)}):",
                f"    {'v100 = ' if arrow else ''}call fn0({arguments})",
                "    return v100" if arrow else "    return",
                "}",
            ])  # fmt: skip
            table.address(name)
            table.address(f"{self.name}_module")
        for row in LIBRARY.values():
            table.address(row.name)
            table.address("")
        self._data("builtins", table)

    # ---- data ----

    def _data(self, what: str, record: _Record, align: int = 16) -> str:
        """A writable data object of the module."""
        name = self._local(what)
        self.out.declare_data(name, LOCAL, writable=True)
        self.out.define_data(name, bytes(record.bytes), align, record.relocs)
        return name

    def _store(self) -> None:
        record = _Record()
        record.bytes += bytes(STORE.size)
        for field in ("trap_stub", "entry_stub", "poll_stub"):
            record.put(STORE[field], f"grus_{field}")
        record.put(STORE["builtins"], self._local("builtins"))
        self._data("store", record)

    def _instance(self) -> None:
        wasm, place = self.wasm, self.layout
        record = _Record()
        record.bytes += bytes(place.size)
        types = _Record()
        for number in self.module.type_ids:
            types.word(number)
        types.word(0)
        record.put(place.store, self._local("store"))
        record.put(place.types, self._data("types", types))
        for index in range(len(wasm.memories)):
            record.put(place.memory(index), *self._memory(index))
            if index < wasm.num_imported_memories:
                self.header.append(f"extern struct grus_memory {self._memory(index)[0]};")
        for index in range(len(wasm.tables)):
            record.put(place.table(index), self._local("tables"), TABLE.size * index)
        for index, item in enumerate(self.imports[WM.GLOBAL]):
            record.put(place.imported_global(index), symbol(f"{item.module}_{item.name}"))
            self.header.append(f"extern union grus_value {symbol(f'{item.module}_{item.name}')};")
        for index, entry in enumerate(wasm.globals):
            if index < wasm.num_imported_globals:
                continue
            at = place.own_global(index)
            value = self.evaluate(entry.init_start)
            if isinstance(value, str):
                self.copies.append((at, value))
            elif isinstance(value, tuple):
                record.put(at, *value)
            else:
                record.bytes[at : at + 16] = value.to_bytes(16, "little")
        own = self._local("instance")
        for number in range(place.num_segments):
            data = wasm.data_segments[number]
            if data.mode != WM.ACTIVE and data.end > data.start:
                record.put(place.segment(number), self._local(f"data{number}"))
                size = (data.end - data.start).to_bytes(8, "little")
                record.bytes[place.segment(number) + 8 : place.segment(number) + 16] = size
        for index in range(len(wasm.funcs)):
            if index < wasm.num_imported_funcs:
                at = place.imported_func(index)
                record.put(at, self.func(index))
                record.put(at + 8, own)
            at = place.funcref(index)
            record.put(at + FUNCREF["code"], self.func(index))
            record.put(at + FUNCREF["instance"], own)
            type_id = self.module.type_ids[wasm.funcs[index]]
            record.bytes[at + FUNCREF["type"] : at + FUNCREF["type"] + 8] = type_id.to_bytes(
                8, "little"
            )
        self._data("instance", record)

    def evaluate(self, start: int) -> Value:
        """A constant expression. Raises Unsupported for arithmetic on imported globals."""
        data = self.wasm.data
        stack: list[Value] = []
        pos = start
        while True:
            op = data[pos]
            pos += 1
            if op == W.END:
                return stack[-1]
            if op in (W.I32_CONST, W.I64_CONST):
                value, pos = read_signed(data, pos)
                stack.append(value & (0xFFFFFFFF if op == W.I32_CONST else _MASK))
            elif op in (W.F32_CONST, W.F64_CONST):
                size = 4 if op == W.F32_CONST else 8
                stack.append(int.from_bytes(data[pos : pos + size], "little"))
                pos += size
            elif op == 0xFD:
                _, pos = read_unsigned(data, pos)
                stack.append(int.from_bytes(data[pos : pos + 16], "little"))
                pos += 16
            elif op == W.GLOBAL_GET:
                index, pos = read_unsigned(data, pos)
                if index < self.wasm.num_imported_globals:
                    item = self.imports[WM.GLOBAL][index]
                    stack.append(symbol(f"{item.module}_{item.name}"))
                else:
                    stack.append(self.evaluate(self.wasm.globals[index].init_start))
            elif op == W.REF_NULL:
                _, pos = read_signed(data, pos)
                stack.append(0)
            elif op == W.REF_FUNC:
                index, pos = read_unsigned(data, pos)
                stack.append((self._local("instance"), self.layout.funcref(index)))
            elif op in ARITHMETIC:
                operate, mask = ARITHMETIC[op]
                y, x = stack.pop(), stack.pop()
                if not isinstance(x, int) or not isinstance(y, int):
                    raise self._unsupported("arithmetic on an imported global at the start")
                stack.append(operate(x, y) & mask)
            else:
                raise self._unsupported(f"a constant expression with {name_at(data, pos - 1)}")

    def _value(self, record: _Record, value: Value) -> None:
        """A word and, when it is read at the start, the address of the imported global."""
        if isinstance(value, tuple):
            record.address(*value)
        else:
            record.word(0 if isinstance(value, str) else value)
        record.address(value if isinstance(value, str) else "")

    def _description(self) -> None:
        """`struct grus_module`; the order of fields is that of `grus_runtime.h`."""
        wasm, place = self.wasm, self.layout
        text = _Record()
        text.bytes += self.name.encode() + b"\0"
        out = _Record()
        out.address(self._data("name", text, 1))
        out.address(self._local("store"))
        out.address(self._local("instance"))
        out.address(self._local("instance"), place.funcrefs)
        if wasm.start >= 0:
            out.address(self._local("start"))
        else:
            out.address("")

        traps, functions = _Record(), _Record()
        for name, size, rows in self.functions:
            functions.address(name)
            functions.word(size)
            functions.address(self._local("traps"), len(traps.bytes))
            functions.word(len(rows))
            for offset, code in rows:
                traps.bytes += offset.to_bytes(4, "little") + code.to_bytes(4, "little")
        traps.word(0)
        self._data("traps", traps)
        self._array(out, "functions", functions, len(self.functions))

        copies = _Record()
        for at, source in self.copies:
            copies.address(self._local("instance"), at)
            copies.address(source)
        self._array(out, "copies", copies, len(self.copies))

        memories = _Record()
        for index, entry in enumerate(wasm.memories):
            limits = entry.type.limits
            memories.address(*self._memory(index))
            memories.address(self._local("instance"), place.memory_base(index))
            memories.word(limits.min)
            memories.word(limits.max if limits.max >= 0 else NO_MAXIMUM)
            memories.word(limits.page_size_log2)
            memories.word(index < wasm.num_imported_memories)
        self._array(out, "memory_rows", memories, len(wasm.memories))
        zeros = _Record()
        zeros.bytes += bytes(MEMORY.size * len(wasm.memories) or 16)
        self._data("memories", zeros)

        tables = _Record()
        for index, table in enumerate(wasm.tables):
            limits = table.type.limits
            tables.address(self._local("tables"), TABLE.size * index)
            tables.word(limits.min)
            tables.word(limits.max if limits.max >= 0 else NO_MAXIMUM)
            self._value(tables, self.evaluate(table.init_start) if table.init_start >= 0 else 0)
        self._array(out, "table_rows", tables, len(wasm.tables))
        zeros = _Record()
        zeros.bytes += bytes(TABLE.size * len(wasm.tables) or 16)
        self._data("tables", zeros)
        self._segments(out)
        if place.num_segments:
            out.address(self._local("instance"), place.segments)
        else:
            out.address("")
        out.word(0)  # `next`
        name = f"{self.name}_module"
        self.out.declare_data(name, EXPORT, writable=True)
        self.out.define_data(name, bytes(out.bytes), 16, out.relocs)

    def _segments(self, out: _Record) -> None:
        wasm = self.wasm
        elements = _Record()
        for number, segment in enumerate(wasm.elements):
            items = _Record()
            for index in segment.funcs:
                self._value(items, (self._local("instance"), self.layout.funcref(index)))
            for start in segment.exprs:
                self._value(items, self.evaluate(start))
            elements.address(self._data(f"elements{number}", items) if items.bytes else "")
            elements.word(len(segment))
            elements.word(segment.mode)
            elements.word(segment.table)
            active = segment.mode == WM.ACTIVE
            self._value(elements, self.evaluate(segment.offset_start) if active else 0)
        self._array(out, "element_rows", elements, len(wasm.elements))
        rows = _Record()
        for number, data in enumerate(wasm.data_segments):
            contents = _Record()
            contents.bytes += wasm.data[data.start : data.end]
            rows.address(self._data(f"data{number}", contents) if contents.bytes else "")
            rows.word(data.end - data.start)
            rows.word(data.mode)
            rows.word(data.memory)
            active = data.mode == WM.ACTIVE
            self._value(rows, self.evaluate(data.offset_start) if active else 0)
        self._array(out, "data_rows", rows, len(wasm.data_segments))

    def _array(self, out: _Record, what: str, rows: _Record, count: int) -> None:
        out.address(self._data(what, rows) if count else "")
        out.word(count)


def _t(ty: int) -> str:
    return T.NAMES[ir_type(ty)]


def _tail_params(type: WT.FuncType) -> str:
    return ", ".join(["i64 vmctx", *[_t(p) for p in type.params]])


def _returns(type: WT.FuncType) -> str:
    return f" -> {', '.join([_t(r) for r in type.results])}" if type.results else ""
