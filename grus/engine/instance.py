"""Instantiation, and the builtins that compiled code calls."""

from __future__ import annotations

import ctypes
import functools
import weakref
from collections.abc import Iterator, Mapping, Sequence

from grus.base import layout
from grus.base.errors import Unsupported, expect
from grus.engine import errors
from grus.engine.constants import ARITHMETIC, name_at, read_signed, read_unsigned
from grus.engine.errors import LinkError, Trap
from grus.engine.func import (
    Func,
    HostFunction,
    UntypedFunction,
    funcref_of,
    host_funcref,
    new_func,
)
from grus.engine.global_ import Global, global_handle
from grus.engine.memory import (
    Memory,
    MemoryCore,
    SharedMemory,
    adopt_memory,
    memory_handle,
    new_memory_core,
)
from grus.engine.module import Module
from grus.engine.module_code import ModuleCode
from grus.engine.refs import References
from grus.engine.store import Store, running_frames
from grus.engine.table import Table, TableCore, new_table_core
from grus.engine.tag import Tag, TagCore
from grus.engine.tracebacks import with_frames
from grus.host import libc
from grus.wasm import module as WM
from grus.wasm import opcodes as W
from grus.wasm import types as WT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias


FUNCREF = layout.FUNCREF
Imports: TypeAlias = "Mapping[str, Mapping[str, Any]] | Sequence[Any]"
_MASK = (1 << 64) - 1


class InstanceCore:
    """An instance without its Store: the context that machine code uses, and what it refers to.

    It lives as long as the Store, for its functions may be in tables of other instances.
    """

    __slots__ = (
        "__weakref__",
        "address",
        "block",
        "code",
        "data",
        "elements",
        "func_types",
        "funcs",
        "global_cells",
        "keep",
        "layout",
        "memories",
        "names",
        "refs",
        "tables",
        "tags",
        "types",
        "words",
    )

    def __init__(self, module: Module, code: ModuleCode, refs: References) -> None:
        self.refs = refs
        self.layout = module.layout
        self.code = code
        self.keep: list[Any] = [module]
        slots = 8 * self.layout.num_own_funcs
        self.block = libc.words((slots + self.layout.size) // 8 + 2)
        start = libc.address_of(self.block)
        self.address = start + slots + 15 & -16
        self.words = memoryview(self.block)[self.address - start >> 3 :]  # from `address` on
        ctypes.memmove(self.address - slots, libc.address_of(code.slots), slots)
        self.memories: list[MemoryCore] = []
        self.tables: list[TableCore] = []
        self.global_cells: list[int] = []
        self.tags: list[TagCore] = []
        self.data: list[bytes] = []  # contents of segments; empty when dropped
        self.elements: list[list[int]] = []  # raw references of segments; empty when dropped
        self.names = module.wasm.func_name
        self.types = module.type_ids
        self.func_types = module.wasm.funcs
        self.funcs: dict[int, int] = {}  # imported function index to funcref

    def drop_segment(self, number: int) -> None:
        """Make an element segment empty."""
        module: Module = self.keep[0]
        raws, self.elements[number] = self.elements[number], []
        if WT.is_extern(module.wasm.elements[number].type):
            for raw in raws:
                if raw:
                    self.refs.release(raw)

    def funcref(self, index: int) -> int:
        """Address of the VMFuncRef of a function; filled when first asked for."""
        imported = self.funcs.get(index)
        if imported is not None:
            return imported
        at = self.layout.funcref(index)
        words, word = self.words, at >> 3
        if not words[word]:
            words[word + (FUNCREF["instance"] >> 3)] = self.address
            words[word + (FUNCREF["type"] >> 3)] = self.types[self.func_types[index]]
            words[word] = self.code.address(index - self.code.first)
        return self.address + at

    def update(self, number: int, entry: int) -> None:
        """Take over new code of an own function, by its number."""
        libc.poke(self.address - 8 * (number + 1), entry)
        at = self.address + self.layout.funcref(number + self.code.first)
        if self.code.is_final(number) and libc.peek(at):
            libc.poke(at + FUNCREF["code"], entry)


_cores: weakref.WeakValueDictionary[int, InstanceCore] = weakref.WeakValueDictionary()


def core_of(address: int) -> InstanceCore:
    """The instance whose context is at `address`."""
    return _cores[address & _MASK]


def func_info(raw: int) -> tuple[str, WT.FuncType]:
    """Name and type of the wasm function behind a VMFuncRef."""
    core = core_of(libc.peek(raw + FUNCREF["instance"]))
    index = (raw - core.address - core.layout.funcrefs) // FUNCREF.size
    module: Module = core.keep[0]
    return _func_name(module, index), canonical_type(module, index)


def _func_name(module: Module, index: int) -> str:
    return module.wasm.func_name(index) or f"func[{index}]"


def canonical_type(module: Module, index: int) -> WT.FuncType:
    """Type of a function with canonical references."""
    ty = module.engine.types.func(module.type_ids[module.wasm.funcs[index]])
    assert ty is not None
    return ty


class Exports:
    """What an instance exports, as attributes; `exports["name"]` for any name, also one that
    attributes of all objects have."""

    # With slots (3.13), or once someone asks for `__dict__` (3.12), CPython finds the attributes
    # less quickly.
    _by_name: dict[str, Any] = {}

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, by_name: dict[str, Any]) -> None:
        self._by_name = by_name
        for name, export in by_name.items():
            if not hasattr(Exports, name):
                setattr(self, name, export)

    def __getitem__(self, name: str) -> Any:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __repr__(self) -> str:
        return f"<exports {', '.join(self._by_name)}>"


class Instance:
    """A module with its imports, memories, tables and globals, in a Store.

    `imports` maps module names to names to objects, or has the objects in the order of
    `module.imports`: Func, HostFunction or a Python callable for a function, Memory, SharedMemory,
    Table, Global, Tag. Raises LinkError when something does not fit, Trap when a segment does not,
    or what the start function raises.
    """

    __slots__ = ("__weakref__", "_core", "exports", "module", "store")

    def __init__(
        self, module: Module, imports: Imports | None = None, store: Store | None = None
    ) -> None:
        expect(module, Module, "module")
        if store is None:
            store = Store(module.engine)
        expect(store, Store, "store")
        if store.engine is not module.engine:
            raise LinkError("the store and the module belong to different engines")
        store._state.check_idle()
        store._state.limits.add("instances")
        self.module = module
        self.store = store
        linked = _resolve(module, {} if imports is None else imports, store)
        core = InstanceCore(module, module.load(), store._refs)
        store._state.note_frame(core.code.largest_frame)
        self._core = core
        _cores[core.address] = core
        store._add_core(core)
        _fill(module, store, core, linked)
        self.exports = Exports({e.name: _export_of(core, store, e) for e in module.wasm.exports})
        _run_segments(module, store, core)
        if module.wasm.start >= 0:
            self._func(module.wasm.start)()

    def _func(self, index: int) -> Any:
        return _func_of(self._core, self.store, index)

    def __repr__(self) -> str:
        return f"<grus.Instance of {self.module!r}>"


def _func_of(core: InstanceCore, store: Store, index: int) -> Any:
    raw = core.funcref(index)
    refs = store._refs
    func = refs._funcs.get(raw)
    if func is None:
        module: Module = core.keep[0]
        name = functools.partial(_func_name, module, index)
        func = new_func(store, name, canonical_type(module, index), raw)
        refs.remember(raw, func)
    return func


def _export_of(core: InstanceCore, store: Store, export: WM.Export) -> Any:
    if export.kind == WM.FUNC:
        return _func_of(core, store, export.index)
    if export.kind == WM.MEMORY:
        return memory_handle(store, core.memories[export.index])
    if export.kind == WM.TABLE:
        return Table(store, core.tables[export.index])
    module: Module = core.keep[0]
    if export.kind == WM.GLOBAL:
        ty = module.wasm.globals[export.index].type
        cell = core.global_cells[export.index]
        return global_handle(store, _canonical_global(module, ty), cell)
    return Tag(store, core.tags[export.index])


def _lookup(core: InstanceCore, store: Store, name: str) -> Any:
    """The export of that name, or None."""
    module: Module = core.keep[0]
    for export in module.wasm.exports:
        if export.name == name:
            return _export_of(core, store, export)
    return None


def _canonical_global(module: Module, ty: WT.GlobalType) -> WT.GlobalType:
    return WT.GlobalType(WT.canonical(ty.value, module.type_ids), ty.mutable)


def _canonical_table(module: Module, ty: WT.TableType) -> WT.TableType:
    return WT.TableType(WT.canonical(ty.element, module.type_ids), ty.limits)


# ---- linking ----


def _resolve(module: Module, imports: Imports, store: Store) -> list[Any]:
    """The object for each import of the module, checked. Raises LinkError."""
    linked = []
    func_index = 0
    wanted = module.wasm.imports
    if not isinstance(imports, Mapping) and len(imports) != len(wanted):
        raise LinkError(f"expected {len(wanted)} imports, found {len(imports)}")
    for number, item in enumerate(wanted):
        where = f"import {item.module!r} {item.name!r}"
        found = _find(imports, item) if isinstance(imports, Mapping) else imports[number]
        if found is None:
            raise LinkError(f"unknown import: {item.module}::{item.name} has not been defined")
        if item.kind == WM.FUNC:
            type = canonical_type(module, func_index)
            func_index += 1
            linked.append(_link_func(module, store, found, type, item, where))
        else:
            linked.append(_link_other(module, store, found, item, where))
    return linked


def _find(imports: Mapping[str, Any], item: WM.Import) -> Any:
    group = imports.get(item.module)
    if group is None:
        return None
    try:
        return group[item.name]
    except (KeyError, AttributeError):
        return None


def _incompatible(where: str, reason: str) -> LinkError:
    return LinkError(f"incompatible import type: {where}: {reason}")


def _link_func(
    module: Module, store: Store, found: Any, wanted: WT.FuncType, item: WM.Import, where: str
) -> Any:
    if isinstance(found, Func):
        func: Any = found
        if func._store is not store:
            raise LinkError(f"{where}: the function belongs to another store")
        types = module.engine.types
        mine = libc.peek(funcref_of(func) + FUNCREF["type"])
        assert isinstance(item.type, int)
        if not types.is_subtype_id(mine, module.type_ids[item.type]):
            raise _incompatible(where, f"expected {wanted!r}, found {func._type!r}")
        return func
    if isinstance(found, UntypedFunction):
        return found.typed(wanted)
    if isinstance(found, HostFunction):
        if found.type != wanted:
            raise _incompatible(where, f"expected {wanted!r}, found {found.type!r}")
        return found  # bound when there is an instance
    if callable(found) and not isinstance(found, (Memory, Table, Global)):
        return host_funcref(store, found, wanted, item.name)
    raise _incompatible(where, f"expected func, found {_kind(found)}")


def _kind(found: Any) -> str:
    for cls, name in _KINDS:
        if isinstance(found, cls):
            return name
    return "func" if callable(found) else type(found).__name__


_KINDS: tuple[tuple[Any, str], ...] = (
    (Memory, "memory"),
    (SharedMemory, "memory"),
    (Table, "table"),
    (Global, "global"),
    (Tag, "tag"),
    (HostFunction, "func"),
    (UntypedFunction, "func"),
)


def _limits_fit(mine: WT.Limits, size: int, wanted: WT.Limits) -> bool:
    if mine.is64 != wanted.is64 or mine.page_size_log2 != wanted.page_size_log2:
        return False
    if mine.shared != wanted.shared or size < wanted.min:
        return False
    return wanted.max < 0 or 0 <= mine.max <= wanted.max


def _link_other(module: Module, store: Store, found: Any, item: WM.Import, where: str) -> Any:
    wanted = item.type
    expected = WM.KIND_NAMES[item.kind]
    if _kind(found) != expected:
        raise _incompatible(where, f"expected {expected}, found {_kind(found)}")
    if isinstance(found, SharedMemory):
        if found.engine is not module.engine:
            raise LinkError(f"{where}: the memory belongs to another engine")
    elif found._store is not store:
        raise LinkError(f"{where}: the {expected} belongs to another store")
    if isinstance(wanted, WT.GlobalType):
        ty = _canonical_global(module, wanted)
        mine = found.type
        same = mine.mutable == ty.mutable and (
            mine.value == ty.value
            if ty.mutable
            else module.engine.types.matches(mine.value, ty.value)
        )
        if not same:
            raise _incompatible(where, f"expected {ty!r}, found {mine!r}")
    elif isinstance(wanted, WT.TableType):
        table = _canonical_table(module, wanted)
        if found.type.element != table.element:
            raise _incompatible(where, f"expected {table!r}, found {found.type!r}")
        if not _limits_fit(found.type.limits, len(found), table.limits):
            raise _incompatible(where, f"limits of {found!r} do not fit {table.limits!r}")
    elif isinstance(wanted, WT.MemoryType):
        if not _limits_fit(found.type.limits, found.pages, wanted.limits):
            raise _incompatible(where, f"limits of {found!r} do not fit {wanted.limits!r}")
    elif isinstance(wanted, WT.TagType):
        if found._core.type_id != module.type_ids[wanted.type_index]:
            raise _incompatible(where, "the tag has another type")
    return found


def _fill(module: Module, store: Store, core: InstanceCore, linked: list[Any]) -> None:
    """Write the instance context."""
    wasm, place, at = module.wasm, module.layout, core.address
    words = core.words
    words[place.store >> 3] = store.context
    words[place.types >> 3] = libc.address_of(module.type_table)
    imported: dict[int, list[Any]] = {kind: [] for kind in range(5)}
    for item, found in zip(wasm.imports, linked, strict=True):
        imported[item.kind].append(found)
    funcs = [item for item in wasm.imports if item.kind == WM.FUNC]
    for index, func in enumerate(imported[WM.FUNC]):
        if isinstance(func, HostFunction):
            func = func.bind(store, functools.partial(_lookup, core), funcs[index].name)
        raw = func if isinstance(func, int) else funcref_of(func)
        core.funcs[index] = raw
        first = place.imported_func(index) >> 3
        words[first] = libc.peek(raw + FUNCREF["code"])
        words[first + 1] = libc.peek(raw + FUNCREF["instance"])
    for index, entry in enumerate(wasm.memories):
        if index < wasm.num_imported_memories:
            memory = imported[WM.MEMORY][index]._core
            if entry.type.limits.shared:
                adopt_memory(store, memory)
        else:
            memory = new_memory_core(store, entry.type)
        core.memories.append(memory)
        words[place.memory_base(index) >> 3] = memory.base
        words[place.memory(index) >> 3] = memory.address
    for index, definition in enumerate(wasm.globals):
        if index < wasm.num_imported_globals:
            cell = imported[WM.GLOBAL][index]._address
            words[place.imported_global(index) >> 3] = cell
            core.global_cells.append(cell)
        else:
            cell = at + place.own_global(index)
            low, high = evaluate(module, store, core, definition.init_start)
            words[place.own_global(index) >> 3] = low
            words[(place.own_global(index) >> 3) + 1] = high
            core.global_cells.append(cell)
            if low and WT.is_extern(definition.type.value):
                core.refs.own(low)
    for index, entry_table in enumerate(wasm.tables):
        if index < wasm.num_imported_tables:
            table = imported[WM.TABLE][index]._core
        else:
            raw = 0
            if entry_table.init_start >= 0:
                raw = evaluate(module, store, core, entry_table.init_start)[0]
            table = new_table_core(store, _canonical_table(module, entry_table.type), raw)
        core.tables.append(table)
        words[place.table(index) >> 3] = table.address
    core.tags += [tag._core for tag in imported[WM.TAG]]
    for declared in wasm.tags[wasm.num_imported_tags :]:
        type_id = module.type_ids[declared.type.type_index]
        tag_type = module.engine.types.func(type_id)
        assert tag_type is not None
        core.tags.append(TagCore(tag_type, type_id))


def evaluate(module: Module, store: Store, core: InstanceCore, start: int) -> tuple[int, int]:
    """Value of the constant expression at an offset of the module, as two 64-bit words."""
    data = module.wasm.data
    stack: list[tuple[int, int]] = []
    pos = start
    while True:
        op = data[pos]
        pos += 1
        if op == W.END:
            return stack[-1]
        if op in (W.I32_CONST, W.I64_CONST):
            value, pos = read_signed(data, pos)
            stack.append((value & (0xFFFFFFFF if op == W.I32_CONST else _MASK), 0))
        elif op == W.F32_CONST:
            stack.append((int.from_bytes(data[pos : pos + 4], "little"), 0))
            pos += 4
        elif op == W.F64_CONST:
            stack.append((int.from_bytes(data[pos : pos + 8], "little"), 0))
            pos += 8
        elif op == 0xFD:
            _, pos = read_unsigned(data, pos)
            low = int.from_bytes(data[pos : pos + 8], "little")
            high = int.from_bytes(data[pos + 8 : pos + 16], "little")
            stack.append((low, high))
            pos += 16
        elif op == W.GLOBAL_GET:
            index, pos = read_unsigned(data, pos)
            cell = core.global_cells[index]
            stack.append((libc.peek(cell), libc.peek(cell + 8)))
        elif op == W.REF_NULL:
            _, pos = read_signed(data, pos)
            stack.append((0, 0))
        elif op == W.REF_FUNC:
            index, pos = read_unsigned(data, pos)
            stack.append((core.funcref(index), 0))
        elif op in ARITHMETIC:
            operate, mask = ARITHMETIC[op]
            y, x = stack.pop()[0], stack.pop()[0]
            stack.append((operate(x, y) & mask, 0))
        else:
            name = name_at(data, pos - 1)
            raise Unsupported(f"constant expression with {name} is not supported yet")


def _run_segments(module: Module, store: Store, core: InstanceCore) -> None:
    wasm = module.wasm
    for segment in wasm.elements:
        if segment.is_exprs:
            raws = [evaluate(module, store, core, start) for start in segment.exprs]
            core.elements.append([raw for raw, _ in raws])
            if WT.is_extern(segment.type):
                for raw, _ in raws:
                    if raw:
                        core.refs.own(raw)
        else:
            core.elements.append([core.funcref(index) for index in segment.funcs])
    image = module.memory_image()
    for segment_ in wasm.data_segments:
        mapped = image is not None and segment_.mode == WM.ACTIVE
        core.data.append(b"" if mapped else bytes(wasm.data[segment_.start : segment_.end]))
    if core.layout.num_segments:
        for number, segment_ in enumerate(wasm.data_segments):
            if segment_.mode != WM.ACTIVE:
                at = core.address + core.layout.segment(number)
                libc.poke(at, _address_of_bytes(core.data[number]))
                libc.poke(at + 8, len(core.data[number]))
    for number, segment in enumerate(wasm.elements):
        if segment.mode == WM.ACTIVE:
            offset = evaluate(module, store, core, segment.offset_start)[0]
            count = len(core.elements[number])
            _table_init(core, segment.table, number, offset, 0, count)
        if segment.mode != WM.PASSIVE:
            core.drop_segment(number)
    if image is not None:
        image.map_into(core.memories[0])
        return
    for number, data in enumerate(wasm.data_segments):
        if data.mode == WM.ACTIVE:
            offset = evaluate(module, store, core, data.offset_start)[0]
            _memory_init(core, data.memory, number, offset, 0, len(core.data[number]))
            core.data[number] = b""


def _address_of_bytes(data: bytes) -> int:
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0


def _trap(core: InstanceCore, code: int) -> Trap:
    """The trap of a builtin, or of a segment when nothing of the Store is running."""
    name, message = errors.TRAPS[code]
    context = libc.peek(core.address + core.layout.store)
    running = libc.peek(context + layout.STORE["depth"])
    return with_frames(Trap(message, name, running_frames(context) if running else ()))


_PART = 1 << 26
"""Bytes that are moved at once: signal handlers run in between (about 10 ms)."""


def _move(to: int, source: int, count: int) -> None:
    """`memmove` in parts; the bounds are checked and pages there."""
    parts = range(0, count, _PART)
    for at in parts if to <= source else reversed(parts):
        ctypes.memmove(to + at, source + at, min(_PART, count - at))


def _memory_init(
    core: InstanceCore, index: int, segment: int, to: int, source: int, count: int
) -> None:
    memory, data = core.memories[index], core.data[segment]
    if source + count > len(data) or to + count > memory.length:
        raise _trap(core, errors.MEMORY_OUT_OF_BOUNDS)
    _move(memory.base + to, _address_of_bytes(data) + source, count)


def _table_init(
    core: InstanceCore, index: int, segment: int, to: int, source: int, count: int
) -> None:
    table, elements = core.tables[index], core.elements[segment]
    if source + count > len(elements) or to + count > len(table):
        raise _trap(core, errors.TABLE_OUT_OF_BOUNDS)
    if count:
        table.put(to, elements[source : source + count])


# ---- builtins: engine/builtins.py. Addresses and counts arrive as signed 64-bit ints. ----


def builtin_memory_grow(vmctx: int, index: int, delta: int) -> int:
    return core_of(vmctx).memories[index].grow(delta & _MASK)


def builtin_memory_init(
    vmctx: int, index: int, segment: int, to: int, source: int, count: int
) -> None:
    _memory_init(core_of(vmctx), index, segment, to & _MASK, source & _MASK, count & _MASK)


def builtin_data_drop(vmctx: int, segment: int) -> None:
    core = core_of(vmctx)
    if core.layout.num_segments:
        libc.poke(core.address + core.layout.segment(segment) + 8, 0)
    core.data[segment] = b""


def builtin_memory_fill(vmctx: int, index: int, to: int, value: int, count: int) -> None:
    core = core_of(vmctx)
    memory = core.memories[index]
    to &= _MASK
    count &= _MASK
    if to + count > memory.length:
        raise _trap(core, errors.MEMORY_OUT_OF_BOUNDS)
    for at in range(0, count, _PART):
        ctypes.memset(memory.base + to + at, value & 0xFF, min(_PART, count - at))


def builtin_memory_copy(
    vmctx: int, to_index: int, from_index: int, to: int, source: int, count: int
) -> None:
    core = core_of(vmctx)
    target, origin = core.memories[to_index], core.memories[from_index]
    to &= _MASK
    source &= _MASK
    count &= _MASK
    if to + count > target.length or source + count > origin.length:
        raise _trap(core, errors.MEMORY_OUT_OF_BOUNDS)
    _move(target.base + to, origin.base + source, count)


def _atomic_place(core: InstanceCore, memory: MemoryCore, address: int, offset: int) -> int:
    """Where an atomic access is. One that no memory of this kind has is out of bounds."""
    place = (address & _MASK) + (offset & _MASK)
    if place >> (64 if memory.type.limits.is64 else 32):
        raise _trap(core, errors.MEMORY_OUT_OF_BOUNDS)
    return place


def _atomic_address(core: InstanceCore, memory: MemoryCore, place: int, size: int) -> int:
    """The address of an atomic access, checked."""
    if place % size:
        raise _trap(core, errors.UNALIGNED_ATOMIC)
    if place + size > memory.length:
        raise _trap(core, errors.MEMORY_OUT_OF_BOUNDS)
    return memory.base + place


def builtin_atomic_notify(vmctx: int, index: int, address: int, offset: int, count: int) -> int:
    core = core_of(vmctx)
    memory = core.memories[index]
    place = _atomic_place(core, memory, address, offset)
    at = _atomic_address(core, memory, place, 4)
    if not memory.type.limits.shared:
        return 0
    from grus.engine import waiting

    return waiting.notify(at, count & 0xFFFFFFFF)


def builtin_atomic_wait(
    vmctx: int, index: int, address: int, offset: int, expected: int, timeout: int, size: int
) -> int:
    core = core_of(vmctx)
    memory = core.memories[index]
    place = _atomic_place(core, memory, address, offset)
    if not memory.type.limits.shared:
        raise _trap(core, errors.EXPECTED_SHARED)
    at = _atomic_address(core, memory, place, size)
    store = core.refs._store()
    assert store is not None
    from grus.engine import waiting

    return waiting.wait(store._state, at, size, expected & _MASK, timeout)


def builtin_table_grow(vmctx: int, index: int, raw: int, delta: int) -> int:
    core = core_of(vmctx)
    old = core.tables[index].grow(delta & _MASK, raw & _MASK)
    core.refs.drain()
    return old


def builtin_table_fill(vmctx: int, index: int, start: int, raw: int, count: int) -> None:
    core = core_of(vmctx)
    table = core.tables[index]
    start &= _MASK
    count &= _MASK
    if start + count > len(table):
        raise _trap(core, errors.TABLE_OUT_OF_BOUNDS)
    table.fill(start, count, raw & _MASK)
    core.refs.drain()


def builtin_table_copy(
    vmctx: int, to_index: int, from_index: int, to: int, source: int, count: int
) -> None:
    core = core_of(vmctx)
    target, origin = core.tables[to_index], core.tables[from_index]
    to &= _MASK
    source &= _MASK
    count &= _MASK
    if to + count > len(target) or source + count > len(origin):
        raise _trap(core, errors.TABLE_OUT_OF_BOUNDS)
    if count:
        target.put(to, origin.elements[source : source + count].tolist())
        core.refs.drain()


def builtin_table_init(
    vmctx: int, index: int, segment: int, to: int, source: int, count: int
) -> None:
    core = core_of(vmctx)
    _table_init(core, index, segment, to & _MASK, source & _MASK, count & _MASK)
    core.refs.drain()


def builtin_elem_drop(vmctx: int, segment: int) -> None:
    core = core_of(vmctx)
    core.drop_segment(segment)
    core.refs.drain()


def builtin_ref_insert(vmctx: int, raw: int) -> None:
    core_of(vmctx).refs.insert_full(raw & _MASK)


def builtin_ref_dead(vmctx: int, raw: int) -> None:
    refs = core_of(vmctx).refs
    refs.buried(raw & _MASK)
    refs.drain()


def builtin_ref_dead_list(vmctx: int, raw: int) -> None:
    refs = core_of(vmctx).refs
    refs.buried_list(raw & _MASK)
    refs.drain()


def builtin_ref_func(vmctx: int, index: int) -> int:
    return core_of(vmctx).funcref(index)


def builtin_is_subtype(vmctx: int, type: int, above: int) -> int:
    module: Module = core_of(vmctx).keep[0]
    return int(module.engine.types.is_subtype_id(type, above))
