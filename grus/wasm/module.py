"""A decoded module: what each section says, with byte offsets; nothing of it is copied.

`Module.data` is the whole binary (any buffer). Function bodies, constant expressions, data
contents and custom sections are spans of it. Index spaces (`funcs`, `tables`, ...) hold imported
items first, as in the specification. Offsets count from the start of the binary.
"""

from __future__ import annotations

from grus.wasm.types import (
    CompositeType,
    FuncType,
    GlobalType,
    MemoryType,
    RecGroup,
    SubType,
    TableType,
    TagType,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


Buffer = bytes | bytearray | memoryview

# ---- kinds of imports and exports (their byte in the binary) ----
FUNC: Final = 0
TABLE: Final = 1
MEMORY: Final = 2
GLOBAL: Final = 3
TAG: Final = 4
KIND_NAMES: Final = ("func", "table", "memory", "global", "tag")

# ---- section ids ----
CUSTOM: Final = 0
SECTION_NAMES: Final = (
    "custom",
    "type",
    "import",
    "function",
    "table",
    "memory",
    "global",
    "export",
    "start",
    "element",
    "code",
    "data",
    "datacount",
    "tag",
)

# ---- modes of segments ----
ACTIVE: Final = 0
PASSIVE: Final = 1
DECLARATIVE: Final = 2

# A function's entry in an import: its type index; the others: their type.
ImportType = int | TableType | MemoryType | GlobalType | TagType


class Import:
    __slots__ = ("module", "name", "kind", "type", "offset")

    def __init__(self, module: str, name: str, kind: int, type: ImportType, offset: int) -> None:
        self.module = module
        self.name = name
        self.kind = kind
        self.type = type
        self.offset = offset


class Export:
    __slots__ = ("name", "kind", "index", "offset")

    def __init__(self, name: str, kind: int, index: int, offset: int) -> None:
        self.name = name
        self.kind = kind
        self.index = index
        self.offset = offset


class Table:
    """A table; `init_start` is -1 when it is imported or has no initialiser."""

    __slots__ = ("type", "init_start", "init_end", "offset")

    def __init__(self, type: TableType, init_start: int, init_end: int, offset: int) -> None:
        self.type = type
        self.init_start = init_start
        self.init_end = init_end
        self.offset = offset


class Memory:
    __slots__ = ("type", "offset")

    def __init__(self, type: MemoryType, offset: int) -> None:
        self.type = type
        self.offset = offset


class Global:
    """A global; the span of its initialiser ends behind the `end`; -1 when imported."""

    __slots__ = ("type", "init_start", "init_end", "offset")

    def __init__(self, type: GlobalType, init_start: int, init_end: int, offset: int) -> None:
        self.type = type
        self.init_start = init_start
        self.init_end = init_end
        self.offset = offset


class Tag:
    __slots__ = ("type", "offset")

    def __init__(self, type: TagType, offset: int) -> None:
        self.type = type
        self.offset = offset


class Element:
    """An element segment of references of type `type`.

    Either function indices (`funcs`), or constant expressions (`is_exprs`): `exprs[i]` is where
    the i-th starts; it ends where the next one starts, the last at `exprs_end`. `flags` is the
    form in the binary (0 to 7). The offset expression of an active segment has its own span.
    """

    __slots__ = (
        "mode",
        "flags",
        "table",
        "offset_start",
        "offset_end",
        "type",
        "is_exprs",
        "funcs",
        "exprs",
        "exprs_end",
        "offset",
    )

    def __init__(self, mode: int, flags: int, table: int, type: int, offset: int) -> None:
        self.mode = mode
        self.flags = flags
        self.table = table
        self.offset_start = -1
        self.offset_end = -1
        self.type = type
        self.is_exprs = flags & 4 != 0
        self.funcs: list[int] = []
        self.exprs: list[int] = []
        self.exprs_end = -1
        self.offset = offset

    def __len__(self) -> int:
        return len(self.exprs) if self.is_exprs else len(self.funcs)

    def expr(self, index: int) -> tuple[int, int]:
        """The span of one constant expression."""
        start = self.exprs[index]
        last = index + 1 == len(self.exprs)
        return start, self.exprs_end if last else self.exprs[index + 1]


class Data:
    """A data segment: its bytes are `start` to `end`."""

    __slots__ = ("mode", "memory", "offset_start", "offset_end", "start", "end", "flags", "offset")

    def __init__(self, mode: int, flags: int, memory: int, offset: int) -> None:
        self.mode = mode
        self.flags = flags
        self.memory = memory
        self.offset_start = -1
        self.offset_end = -1
        self.start = 0
        self.end = 0
        self.offset = offset


class Body:
    """A function body: from its local declarations to behind its `end`."""

    __slots__ = ("start", "end")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


class KnownBodies:
    """What decoding found in the code section of the same binary before, the spans of the bodies;
    and in the function section, the type indices of all functions, unless that is to be read."""

    __slots__ = ("ends", "funcs", "starts")

    def __init__(self, funcs: list[int] | None, starts: list[int], ends: list[int]) -> None:
        self.funcs = funcs
        self.starts = starts
        self.ends = ends


class Custom:
    """A custom section: its contents are `start` to `end`; it stands behind section id `after`."""

    __slots__ = ("name", "start", "end", "after", "offset")

    def __init__(self, name: str, start: int, end: int, after: int, offset: int) -> None:
        self.name = name
        self.start = start
        self.end = end
        self.after = after
        self.offset = offset


class Section:
    """A section as it stands in the binary: its contents are `start` to `end`."""

    __slots__ = ("id", "start", "end", "offset")

    def __init__(self, id: int, start: int, end: int, offset: int) -> None:
        self.id = id
        self.start = start
        self.end = end
        self.offset = offset


class Names:
    """The name section: index -> name, for what it names; two levels for locals, labels, fields."""

    __slots__ = (
        "module",
        "functions",
        "locals",
        "labels",
        "types",
        "tables",
        "memories",
        "globals",
        "elements",
        "data",
        "fields",
        "tags",
    )

    def __init__(self) -> None:
        self.module = ""
        self.functions: dict[int, str] = {}
        self.locals: dict[int, dict[int, str]] = {}
        self.labels: dict[int, dict[int, str]] = {}
        self.types: dict[int, str] = {}
        self.tables: dict[int, str] = {}
        self.memories: dict[int, str] = {}
        self.globals: dict[int, str] = {}
        self.elements: dict[int, str] = {}
        self.data: dict[int, str] = {}
        self.fields: dict[int, dict[int, str]] = {}
        self.tags: dict[int, str] = {}


class Module:
    """One module. `start` and `data_count` are -1 when absent.

    `written_tables` has a bit for each table whose elements its code may change, other than by
    growth; all of them (-1) until every body has been validated.
    """

    __slots__ = (
        "data",
        "sections",
        "types",
        "rec_groups",
        "imports",
        "funcs",
        "tables",
        "memories",
        "globals",
        "tags",
        "exports",
        "start",
        "start_offset",
        "elements",
        "data_segments",
        "data_count",
        "code",
        "customs",
        "num_imported_funcs",
        "num_imported_tables",
        "num_imported_memories",
        "num_imported_globals",
        "num_imported_tags",
        "written_tables",
        "_names",
        "_func_names",
    )

    def __init__(self, data: Buffer) -> None:
        self.data = data
        self.sections: list[Section] = []
        self.types: list[SubType] = []
        self.rec_groups: list[RecGroup] = []
        self.imports: list[Import] = []
        self.funcs: list[int] = []
        """Type index of every function."""
        self.tables: list[Table] = []
        self.memories: list[Memory] = []
        self.globals: list[Global] = []
        self.tags: list[Tag] = []
        self.exports: list[Export] = []
        self.start = -1
        self.start_offset = 0
        self.elements: list[Element] = []
        self.data_segments: list[Data] = []
        self.data_count = -1
        self.code: list[Body] = []
        """Bodies of the functions that are not imported: `funcs[num_imported_funcs + i]`."""
        self.customs: list[Custom] = []
        self.num_imported_funcs = 0
        self.num_imported_tables = 0
        self.num_imported_memories = 0
        self.num_imported_globals = 0
        self.num_imported_tags = 0
        self.written_tables = -1
        self._names: Names | None = None
        self._func_names: dict[int, str] | None = None

    def type_of(self, index: int) -> CompositeType:
        """The composite type with a type index."""
        return self.types[index].composite

    def func_type(self, index: int) -> FuncType:
        """The type of a function of a valid module, in type indices of the module."""
        composite = self.types[self.funcs[index]].composite
        assert isinstance(composite, FuncType)
        return composite

    def body(self, index: int) -> Body:
        """The body of a function that is not imported, by function index."""
        return self.code[index - self.num_imported_funcs]

    @property
    def names(self) -> Names:
        """What the name section says; a malformed one is read as far as it can be."""
        if self._names is None:
            from grus.wasm.names import read_names

            self._names = read_names(self)
        return self._names

    @property
    def name(self) -> str:
        """The module's own name in the name section, or ""."""
        if self._names is None:
            from grus.wasm.names import read_module_name

            return read_module_name(self)
        return self._names.module

    def func_name(self, index: int) -> str:
        """The name of a function from the name section, else its export's or import's, else ""."""
        if self._func_names is None:
            known: dict[int, str] = {}
            imports = [imp for imp in self.imports if imp.kind == FUNC]
            for number, imp in enumerate(imports):
                known[number] = imp.name
            for export in reversed(self.exports):  # the first export of a function wins
                if export.kind == FUNC:
                    known[export.index] = export.name
            known.update(self.names.functions)
            self._func_names = known
        return self._func_names.get(index, "")

    def custom(self, name: str) -> bytes | None:
        """The contents of the first custom section of that name."""
        for custom in self.customs:
            if custom.name == name:
                return bytes(self.data[custom.start : custom.end])
        return None
