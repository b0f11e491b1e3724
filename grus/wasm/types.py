"""Types of WebAssembly as packed ints, and their canonical ids.

A *value type* is one int, so that the validator compares ints:

- a number or vector type is its byte in the binary format (I32 = 0x7F ... V128 = 0x7B); the
  packed storage types of fields are I8 = 0x78 and I16 = 0x77;
- a reference type has bit REF. Bit NULLABLE says `null`. An abstract heap type stands in the low
  byte, as its byte in the binary format (FUNC = 0x70, ...). A concrete one has 0 in the low byte
  and an index from bit INDEX_SHIFT on;
- BOTTOM = 0 is the type of what an unreachable operand stack yields: it matches everything.
  BOTTOM_REF is a non-null reference to the bottom of all heap types.

The index in a concrete type is a *type index of the module* in what the decoder makes
(`Module.types`, imports, ...), and a *canonical id* in everything that comes from a `TypeTable`:
there equal types are equal ints, by iso-recursive canonicalisation of recursion groups (core
specification 3.0, section 3.1 "Rolled types": two groups are equal when they are equal with the
references inside the group replaced by positions in it).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


BOTTOM: Final = 0
I32: Final = 0x7F
I64: Final = 0x7E
F32: Final = 0x7D
F64: Final = 0x7C
V128: Final = 0x7B
I8: Final = 0x78
I16: Final = 0x77

REF: Final = 0x100
NULLABLE: Final = 0x200
INDEX_SHIFT: Final = 10
_IN_GROUP: Final = 0x02  # low byte of a concrete type given by its position in the group (keys)

NOEXN: Final = 0x74
NOFUNC: Final = 0x73
NOEXTERN: Final = 0x72
NONE: Final = 0x71
FUNC: Final = 0x70
EXTERN: Final = 0x6F
ANY: Final = 0x6E
EQ: Final = 0x6D
I31: Final = 0x6C
STRUCT: Final = 0x6B
ARRAY: Final = 0x6A
EXN: Final = 0x69

BOTTOM_REF: Final = REF | 0x01
FUNCREF: Final = REF | NULLABLE | FUNC
EXTERNREF: Final = REF | NULLABLE | EXTERN
ANYREF: Final = REF | NULLABLE | ANY
EQREF: Final = REF | NULLABLE | EQ
I31REF: Final = REF | NULLABLE | I31
STRUCTREF: Final = REF | NULLABLE | STRUCT
ARRAYREF: Final = REF | NULLABLE | ARRAY
EXNREF: Final = REF | NULLABLE | EXN
NULLREF: Final = REF | NULLABLE | NONE
NULLFUNCREF: Final = REF | NULLABLE | NOFUNC
NULLEXTERNREF: Final = REF | NULLABLE | NOEXTERN
NULLEXNREF: Final = REF | NULLABLE | NOEXN

NUMBER_NAMES: Final[dict[str, int]] = {
    "i32": I32,
    "i64": I64,
    "f32": F32,
    "f64": F64,
    "v128": V128,
}
PACKED_NAMES: Final[dict[str, int]] = {"i8": I8, "i16": I16}
HEAP_NAMES: Final[dict[str, int]] = {
    "func": FUNC,
    "extern": EXTERN,
    "any": ANY,
    "eq": EQ,
    "i31": I31,
    "struct": STRUCT,
    "array": ARRAY,
    "exn": EXN,
    "none": NONE,
    "nofunc": NOFUNC,
    "noextern": NOEXTERN,
    "noexn": NOEXN,
}
REF_NAMES: Final[dict[str, int]] = {
    "funcref": FUNCREF,
    "externref": EXTERNREF,
    "anyref": ANYREF,
    "eqref": EQREF,
    "i31ref": I31REF,
    "structref": STRUCTREF,
    "arrayref": ARRAYREF,
    "exnref": EXNREF,
    "nullref": NULLREF,
    "nullfuncref": NULLFUNCREF,
    "nullexternref": NULLEXTERNREF,
    "nullexnref": NULLEXNREF,
}
_HEAP_TEXT: Final[dict[int, str]] = {code: name for name, code in HEAP_NAMES.items()}
_VALUE_TEXT: Final[dict[int, str]] = {
    code: name for table in (NUMBER_NAMES, PACKED_NAMES, REF_NAMES) for name, code in table.items()
}


def ref(index: int, nullable: bool) -> int:
    """The reference type to the concrete type `index`."""
    return (index << INDEX_SHIFT) | REF | (NULLABLE if nullable else 0)


def is_ref(ty: int) -> bool:
    return ty & REF != 0


def is_extern(ty: int) -> bool:
    """Whether a type is that of external references, which a Store counts."""
    return ty & REF != 0 and ty & 0xFF == EXTERN


def is_concrete(ty: int) -> bool:
    """Whether a reference type names a type by index."""
    return ty & REF != 0 and ty & 0xFF == 0


def heap_index(ty: int) -> int:
    """The index of a concrete reference type."""
    return ty >> INDEX_SHIFT


def heap_name(ty: int) -> str:
    """The heap type of a reference type, as text."""
    return str(ty >> INDEX_SHIFT) if ty & 0xFF == 0 else _HEAP_TEXT.get(ty & 0xFF, "bot")


def type_name(ty: int) -> str:
    """A value or storage type as text: `i32`, `funcref`, `(ref null 3)`."""
    name = _VALUE_TEXT.get(ty)
    if name is not None:
        return name
    if ty == BOTTOM:
        return "bot"
    return f"(ref {'null ' if ty & NULLABLE else ''}{heap_name(ty)})"


def types_text(types: tuple[int, ...]) -> str:
    """A result type as text: `[i32 i64]`."""
    return f"[{' '.join([type_name(ty) for ty in types])}]"


class FuncType:
    """Parameters and results of a function or tag."""

    __slots__ = ("params", "results")

    def __init__(self, params: tuple[int, ...], results: tuple[int, ...]) -> None:
        self.params = params
        self.results = results

    def __reduce__(self) -> tuple[object, ...]:
        return FuncType, (self.params, self.results)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FuncType)
            and self.params == other.params
            and self.results == other.results
        )

    def __hash__(self) -> int:
        return hash((self.params, self.results))

    def __repr__(self) -> str:
        return f"{types_text(self.params)} -> {types_text(self.results)}"


class FieldType:
    """A field of a struct or the elements of an array."""

    __slots__ = ("storage", "mutable")

    def __init__(self, storage: int, mutable: bool) -> None:
        self.storage = storage
        self.mutable = mutable

    def unpacked(self) -> int:
        """The value type of the field on the operand stack."""
        return I32 if self.storage == I8 or self.storage == I16 else self.storage

    def packed(self) -> bool:
        return self.storage == I8 or self.storage == I16

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FieldType)
            and self.storage == other.storage
            and self.mutable == other.mutable
        )

    def __hash__(self) -> int:
        return hash((self.storage, self.mutable))

    def __repr__(self) -> str:
        name = type_name(self.storage)
        return f"(mut {name})" if self.mutable else name


class StructType:
    __slots__ = ("fields",)

    def __init__(self, fields: tuple[FieldType, ...]) -> None:
        self.fields = fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StructType) and self.fields == other.fields

    def __hash__(self) -> int:
        return hash(self.fields)

    def __repr__(self) -> str:
        return f"(struct {' '.join([repr(f) for f in self.fields])})"


class ArrayType:
    __slots__ = ("field",)

    def __init__(self, field: FieldType) -> None:
        self.field = field

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrayType) and self.field == other.field

    def __hash__(self) -> int:
        return hash(self.field)

    def __repr__(self) -> str:
        return f"(array {self.field!r})"


CompositeType = FuncType | StructType | ArrayType


class SubType:
    """One type definition: `final`, the indices of its supertypes (valid: at most one), the type.

    `offset` is its place in the binary.
    """

    __slots__ = ("final", "supers", "composite", "offset")

    def __init__(
        self, composite: CompositeType, final: bool, supers: tuple[int, ...], offset: int = 0
    ) -> None:
        self.composite = composite
        self.final = final
        self.supers = supers
        self.offset = offset

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SubType)
            and self.final == other.final
            and self.supers == other.supers
            and self.composite == other.composite
        )

    def __hash__(self) -> int:
        return hash((self.final, self.supers, self.composite))

    def __repr__(self) -> str:
        if self.final and not self.supers:
            return repr(self.composite)
        words = ["sub"] + (["final"] if self.final else []) + [str(s) for s in self.supers]
        return f"({' '.join(words)} {self.composite!r})"


class RecGroup:
    """`count` consecutive type definitions from `start`.

    `explicit` tells `(rec (type))` from a bare type: the same thing, but other bytes.
    """

    __slots__ = ("start", "count", "explicit")

    def __init__(self, start: int, count: int, explicit: bool) -> None:
        self.start = start
        self.count = count
        self.explicit = explicit

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, RecGroup)
            and self.start == other.start
            and self.count == other.count
            and self.explicit == other.explicit
        )


NO_MAX: Final = -1


class Limits:
    """Size of a memory in pages or of a table in elements; `max` is NO_MAX for none.

    `page_size_log2` is 16 except with the custom page sizes proposal (0); `custom_page` says that
    the binary states it.
    """

    __slots__ = ("min", "max", "is64", "shared", "page_size_log2", "custom_page")

    def __init__(
        self,
        min: int,
        max: int = NO_MAX,
        is64: bool = False,
        shared: bool = False,
        page_size_log2: int = 16,
        custom_page: bool = False,
    ) -> None:
        self.min = min
        self.max = max
        self.is64 = is64
        self.shared = shared
        self.page_size_log2 = page_size_log2
        self.custom_page = custom_page

    @property
    def address(self) -> int:
        """The type of an address or index: I64 or I32."""
        return I64 if self.is64 else I32

    def __reduce__(self) -> tuple[object, ...]:
        more = self.is64, self.shared, self.page_size_log2, self.custom_page
        return Limits, (self.min, self.max, *more)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Limits)
            and self.min == other.min
            and self.max == other.max
            and self.is64 == other.is64
            and self.shared == other.shared
            and self.page_size_log2 == other.page_size_log2
        )

    def __hash__(self) -> int:
        return hash((self.min, self.max, self.is64, self.shared, self.page_size_log2))

    def __repr__(self) -> str:
        text = "i64 " if self.is64 else ""
        text += str(self.min)
        if self.max != NO_MAX:
            text += f" {self.max}"
        if self.shared:
            text += " shared"
        if self.page_size_log2 != 16:
            text += f" (pagesize {1 << self.page_size_log2})"
        return text


class MemoryType:
    __slots__ = ("limits",)

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def __reduce__(self) -> tuple[object, ...]:
        return MemoryType, (self.limits,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MemoryType) and self.limits == other.limits

    def __hash__(self) -> int:
        return hash(self.limits)

    def __repr__(self) -> str:
        return f"(memory {self.limits!r})"


class TableType:
    __slots__ = ("element", "limits")

    def __init__(self, element: int, limits: Limits) -> None:
        self.element = element
        self.limits = limits

    def __reduce__(self) -> tuple[object, ...]:
        return TableType, (self.element, self.limits)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TableType)
            and self.element == other.element
            and self.limits == other.limits
        )

    def __hash__(self) -> int:
        return hash((self.element, self.limits))

    def __repr__(self) -> str:
        return f"(table {self.limits!r} {type_name(self.element)})"


class GlobalType:
    __slots__ = ("value", "mutable")

    def __init__(self, value: int, mutable: bool) -> None:
        self.value = value
        self.mutable = mutable

    def __reduce__(self) -> tuple[object, ...]:
        return GlobalType, (self.value, self.mutable)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, GlobalType)
            and self.value == other.value
            and self.mutable == other.mutable
        )

    def __hash__(self) -> int:
        return hash((self.value, self.mutable))

    def __repr__(self) -> str:
        name = type_name(self.value)
        return f"(global {f'(mut {name})' if self.mutable else name})"


class TagType:
    """The type of an exception tag: the index of its function type (results empty)."""

    __slots__ = ("type_index",)

    def __init__(self, type_index: int) -> None:
        self.type_index = type_index

    def __reduce__(self) -> tuple[object, ...]:
        return TagType, (self.type_index,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TagType) and self.type_index == other.type_index

    def __hash__(self) -> int:
        return hash(self.type_index)

    def __repr__(self) -> str:
        return f"(tag (type {self.type_index}))"


_ABSTRACT_SUPERS: Final[dict[int, tuple[int, ...]]] = {
    # heap type -> every abstract heap type above it, itself included
    ANY: (ANY,),
    EQ: (EQ, ANY),
    I31: (I31, EQ, ANY),
    STRUCT: (STRUCT, EQ, ANY),
    ARRAY: (ARRAY, EQ, ANY),
    NONE: (NONE, I31, STRUCT, ARRAY, EQ, ANY),
    FUNC: (FUNC,),
    NOFUNC: (NOFUNC, FUNC),
    EXTERN: (EXTERN,),
    NOEXTERN: (NOEXTERN, EXTERN),
    EXN: (EXN,),
    NOEXN: (NOEXN, EXN),
}


_MAX_REMEMBERED: Final = 100_000  # answers of `TypeTable.matches`


class TypeTable:
    """Canonical types: every different type definition once, numbered by a canonical id.

    One table serves one module in the validator, or many modules of an engine; then equal types
    of different modules get the same id. Definitions only refer to ids.
    """

    __slots__ = ("defs", "supers", "depths", "kinds", "_groups", "_subtypes")

    def __init__(self) -> None:
        self.defs: list[SubType] = []
        self.supers: list[int] = []  # id of the direct supertype, or -1
        self.depths: list[int] = []  # how many supertypes there are above
        self.kinds: list[int] = []  # FUNC, STRUCT or ARRAY
        self._groups: dict[tuple[object, ...], int] = {}
        self._subtypes: dict[tuple[int, int], bool] = {}

    def add_group(self, group: list[SubType], ids: list[int]) -> int:
        """Add one recursion group; return the id of its first type.

        `ids` gives the canonical id of every type index before the group. The group must refer
        only to those and to itself (the validator checks that first).
        """
        start = len(ids)
        key: list[object] = []
        for sub in group:
            key.append(sub.final)
            key.append(tuple([_key_index(s, start, ids) for s in sub.supers]))
            composite = sub.composite
            if isinstance(composite, FuncType):
                key.append(FUNC)
                key.append(tuple([_key_type(t, start, ids) for t in composite.params]))
                key.append(tuple([_key_type(t, start, ids) for t in composite.results]))
            elif isinstance(composite, StructType):
                key.append(STRUCT)
                for field in composite.fields:
                    key.append(_key_type(field.storage, start, ids))
                    key.append(field.mutable)
            else:
                key.append(ARRAY)
                key.append(_key_type(composite.field.storage, start, ids))
                key.append(composite.field.mutable)
        found = self._groups.get(tuple(key))
        if found is not None:
            return found
        first = len(self.defs)
        self._groups[tuple(key)] = first
        for sub in group:
            self._define(sub, ids, first)
        return first

    def _define(self, sub: SubType, ids: list[int], first: int) -> None:
        """Append one definition of the group whose first type gets the id `first`."""
        composite = sub.composite
        done: CompositeType
        if isinstance(composite, FuncType):
            params = tuple([_canonical(t, ids, first) for t in composite.params])
            done = FuncType(params, tuple([_canonical(t, ids, first) for t in composite.results]))
            kind = FUNC
        elif isinstance(composite, StructType):
            fields: list[FieldType] = []
            for field in composite.fields:
                fields.append(FieldType(_canonical(field.storage, ids, first), field.mutable))
            done = StructType(tuple(fields))
            kind = STRUCT
        else:
            field = composite.field
            done = ArrayType(FieldType(_canonical(field.storage, ids, first), field.mutable))
            kind = ARRAY
        parent = _canonical_index(sub.supers[0], ids, first) if sub.supers else -1
        self.defs.append(SubType(done, sub.final, (parent,) if sub.supers else (), sub.offset))
        self.supers.append(parent)
        self.depths.append(self.depths[parent] + 1 if sub.supers else 0)
        self.kinds.append(kind)

    def display(self, type_id: int) -> list[int]:
        """All declared supertypes of a type, the root first and itself last."""
        chain: list[int] = []
        while type_id >= 0:
            chain.append(type_id)
            type_id = self.supers[type_id]
        chain.reverse()
        return chain

    def func(self, type_id: int) -> FuncType | None:
        """The function type with this id, or None when it is another kind."""
        composite = self.defs[type_id].composite
        return composite if isinstance(composite, FuncType) else None

    def is_subtype_id(self, a: int, b: int) -> bool:
        """Whether definition `a` is `b` or declared below it."""
        for _ in range(self.depths[a] - self.depths[b]):
            a = self.supers[a]
        return a == b

    def matches(self, a: int, b: int) -> bool:
        """Whether value type `a` is a subtype of `b` (core specification, section 3.3)."""
        if a == b or not a:  # BOTTOM is 0
            return True
        if not a & REF or not b & REF:
            return False
        known = self._subtypes.get((a, b))
        if known is None:
            known = self._matches_ref(a, b)
            if len(self._subtypes) >= _MAX_REMEMBERED:
                self._subtypes.clear()
            self._subtypes[(a, b)] = known
        return known

    def _matches_ref(self, a: int, b: int) -> bool:
        if a & NULLABLE and not b & NULLABLE:
            return False
        return self.matches_heap(a, b)

    def matches_heap(self, a: int, b: int) -> bool:
        """Whether the heap type of reference type `a` is a subtype of that of `b`."""
        low = a & 0xFF
        high = b & 0xFF
        if low == BOTTOM_REF & 0xFF:
            return True
        if low == 0:
            if high == 0:
                return self.is_subtype_id(a >> INDEX_SHIFT, b >> INDEX_SHIFT)
            return high in _ABSTRACT_SUPERS[self.kinds[a >> INDEX_SHIFT]]
        if high == 0:
            kind = self.kinds[b >> INDEX_SHIFT]
            return low == (NOFUNC if kind == FUNC else NONE)
        return high in _ABSTRACT_SUPERS.get(low, ())

    def top(self, ty: int) -> int:
        """The top heap type (ANY, FUNC, EXTERN or EXN) above the heap type of a reference."""
        low = ty & 0xFF
        if low == 0:
            low = self.kinds[ty >> INDEX_SHIFT]
        return _ABSTRACT_SUPERS[low][-1]


def _canonical(ty: int, ids: list[int], first: int) -> int:
    """A value type with its type index replaced by the canonical id."""
    if ty & 0x1FF != REF:
        return ty
    return (_canonical_index(ty >> INDEX_SHIFT, ids, first) << INDEX_SHIFT) | (ty & 0x3FF)


def _canonical_index(index: int, ids: list[int], first: int) -> int:
    """The id of a type index before the group (in `ids`) or in it (from `first` on)."""
    return ids[index] if index < len(ids) else first + index - len(ids)


def _key_index(index: int, start: int, ids: list[int]) -> int:
    """An index as it counts for equality: an id, or (negative) a position in the group."""
    return ids[index] if index < start else start - index - 1


def _key_type(ty: int, start: int, ids: list[int]) -> int:
    if ty & 0x1FF != REF:
        return ty
    index = ty >> INDEX_SHIFT
    if index < start:
        return (ids[index] << INDEX_SHIFT) | (ty & 0x3FF)
    return ((index - start) << INDEX_SHIFT) | (ty & 0x3FF) | _IN_GROUP


def canonical(ty: int, ids: list[int]) -> int:
    """A value type of a module with its type index replaced by the canonical id `ids[index]`."""
    return _canonical(ty, ids, 0)
