"""Every structure that machine code and Python both touch, declared once.

A structure is a list of fields with a type and one line of documentation. Generated code, stubs,
the runtime and `docs/abi.md` take offsets from here; no offset is written by hand anywhere else.
The instance context has a layout of its own per module: `engine/layout.py`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_SIZES: Final = {"u8": 1, "u32": 4, "u64": 8, "ptr": 8, "i64": 8}


class Field:
    """One field: `offset` and `size` in bytes."""

    __slots__ = ("count", "doc", "name", "offset", "size", "type")

    def __init__(self, name: str, type: str, offset: int, size: int, count: int, doc: str) -> None:
        self.name = name
        self.type = type
        self.offset = offset
        self.size = size
        self.count = count
        self.doc = doc


class Struct:
    """Fields in order, each aligned to its size. `struct["f"]` is the offset of `f`."""

    __slots__ = ("doc", "fields", "name", "size")

    def __init__(self, name: str, doc: str, rows: tuple[tuple[str, str, str], ...]) -> None:
        self.name = name
        self.doc = doc
        self.fields: dict[str, Field] = {}
        offset = 0
        for field, type, text in rows:
            base, _, count = type.partition("*")
            size = _SIZES[base]
            offset = (offset + size - 1) & -size
            number = int(count) if count else 1
            self.fields[field] = Field(field, type, offset, size, number, text)
            offset += size * number
        self.size: int = (offset + 15) & -16

    def __getitem__(self, name: str) -> int:
        return self.fields[name].offset

    def table(self) -> str:
        """A Markdown table for `docs/abi.md`."""
        lines = [f"`{self.name}`, {self.size} bytes: {self.doc}", ""]
        lines += ["| offset | field | type | meaning |", "|---|---|---|---|"]
        for f in self.fields.values():
            lines.append(f"| {f.offset:#x} | `{f.name}` | {f.type} | {f.doc} |")
        return "\n".join(lines)


REF_DEAD: Final = 1
REF_FOUND: Final = 2
REF_LISTED: Final = 4
"""Flags of a VMExternRef."""

INTERN_CACHE: Final = 256
"""Pairs in the cache of known objects: that of an object is number `address >> 4` modulo this."""

TRACE_LENGTH: Final = 64
"""Return addresses kept of the frames that a trap or an exception unwinds, innermost first."""

# fmt: off
STORE: Final[Struct] = Struct("VMStore", "the store context, in r15 while wasm runs", (
    ("limit",        "u64", "stack limit compared at function entry; all ones asks for a poll"),
    ("poll",         "u64", "not 0 asks for a poll; read at loop headers"),
    ("trap_stub",    "ptr", "called by explicit traps; the return address names the trap"),
    ("entry_stub",   "ptr", "called when the stack pointer is below `limit`"),
    ("poll_stub",    "ptr", "called when `poll` is not 0"),
    ("lazy_stub",    "ptr", "where the slot of a function that is not compiled leads, eax: which"),
    ("real_limit",   "u64", "what `limit` is when no poll is asked for"),
    ("act",          "ptr", "stack pointer of the innermost entry's record; stale when outside"),
    ("thread",       "u64", "thread pointer (fs:0) of the thread that may enter; 0: ask Python"),
    ("depth",        "u64", "nested entries; 0 means no wasm of this store is running"),
    ("floor",        "u64", "lowest stack pointer that wasm of this thread may have"),
    ("max_stack",    "u64", "bytes of stack for wasm, from the outermost entry"),
    ("host_floor",   "u64", "lowest stack pointer at which Python may be called"),
    ("tstate",       "ptr", "saved PyThreadState while the GIL is released, else 0"),
    ("busy",         "u64", "1 while Python runs inside a poll: every entry is refused"),
    ("skip",         "u64", "polls that may pass before the GIL is taken again"),
    ("tick",         "ptr", "PyObject*: called without arguments by a poll"),
    ("lazy",         "ptr", "PyObject*: called without arguments to compile a function"),
    ("on_trap",      "ptr", "PyObject*: called without arguments to raise the exception of a trap"),
    ("owner",        "ptr", "PyObject* of the Store, borrowed"),
    ("reservations", "ptr", "array of (first byte, end) of this store's memory reservations"),
    ("reservation_count", "u64", "how many"),
    ("trap_kind",    "u64", "1 explicit trap, 2 memory fault, 3 stack exhausted"),
    ("trap_pc",      "u64", "what names the trap: return address of the trap call, or the fault"),
    ("trap_addr",    "u64", "faulting data address"),
    ("trace_count",  "u64", "entries of `trace` in use"),
    ("next",         "ptr", "activations table of references: next free slot"),
    ("end",          "ptr", "its end"),
    ("interned",     "ptr", "cache of (PyObject*, VMExternRef*) pairs, see INTERN_CACHE"),
    ("changes",      "u64", "changes of counts made by compiled code, with Config.gc_count"),
    ("exit_fp",      "u64", "while Python runs: frame of the stub below the youngest wasm frame"),
    ("builtins",     "ptr", "table of builtin functions, `engine/builtins.py`"),
    ("fuel",         "i64", "instructions that wasm may still execute, if they are counted"),
    ("scratch",      "u64*16", "arguments and results of builtins"),
    ("trace",        f"u64*{TRACE_LENGTH}", "return addresses of the frames that were unwound"),
))

FUNCREF: Final = Struct("VMFuncRef", "what a non-null funcref points at", (
    ("code",     "ptr", "entry in the `tail` convention"),
    ("instance", "ptr", "its first argument"),
    ("type",     "u64", "canonical type number of the Engine"),
    ("owner",    "u64", "number of the Func in its Store, for the way back to Python; 0 not yet"),
))

HOST_FUNC: Final = Struct("VMHostFunc", "the `instance` of a function that calls Python", (
    ("callable", "ptr", "PyObject* to call, borrowed from the Func"),
    ("convert",  "ptr", "PyObject*: called with the result when it is not of the exact type"),
    ("store",    "ptr", "VMStore it belongs to"),
))

MEMORY: Final = Struct("VMMemory", "a linear memory; owned by the Memory object, never moves", (
    ("base",   "ptr", "first byte; constant"),
    ("length", "u64", "bytes accessible; only grows"),
    ("pages",  "u64", "the same in pages"),
))

TABLE: Final = Struct("VMTable", "a table; its elements move when it grows", (
    ("base",   "ptr", "array of 8-byte references"),
    ("length", "u64", "elements"),
))

FUNC_NATIVE: Final = Struct("FuncObject", "native part of a Func, after its Python base", (
    ("vectorcall", "ptr", "entry thunk of its signature"),
    ("store",      "ptr", "VMStore"),
    ("funcref",    "ptr", "VMFuncRef"),
))

BUFFER_NATIVE: Final = Struct("MemoryObject", "native part of a Memory, after its Python base", (
    ("memory",  "ptr", "VMMemory"),
))

EXTERN_HEADER: Final = Struct("VMExternRef", "header of an external reference; never moves", (
    ("count", "u64", "references from tables, globals, the host and the activations table"),
    ("slot",  "u32", "index of the object in the Store's list"),
    ("flags", "u32", "REF_DEAD: on the dead list, REF_FOUND, REF_LISTED: in the activations table"),
    ("object", "ptr", "PyObject* of the object, borrowed from that list"),
    ("spare",  "u64", "link of those that die in one bulk instruction, until they are handed over"),
))
# fmt: on

STRUCTS: Final = (
    STORE,
    FUNCREF,
    HOST_FUNC,
    MEMORY,
    TABLE,
    FUNC_NATIVE,
    BUFFER_NATIVE,
    EXTERN_HEADER,
)
