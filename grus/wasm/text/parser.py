"""Text to binary: one pass over the fields of a module for names, one that writes bytes.

Instructions go straight to bytes; folded ones are kept on an explicit stack, so that any depth
works. Every abbreviation of the specification (chapter 6) is expanded on the way. What a name
stands for is known after the first pass; function types that are only written inline are added
behind the module's own in the order in which they are met.
"""

from __future__ import annotations

from grus.wasm import module as M
from grus.wasm import opcodes as W
from grus.wasm import types as T
from grus.wasm.encode import Writer
from grus.wasm.errors import TextError, WasmError
from grus.wasm.text.lexer import (
    CLOSE,
    END,
    ID,
    OPEN,
    STRING,
    WORD,
    Tokens,
    string_bytes,
    unescape,
)
from grus.wasm.text.numbers import NumberError, parse_float, parse_int, parse_uint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_SPACES: Final = ("func", "table", "memory", "global", "tag", "type", "elem", "data")
_KINDS: Final = {"func": 0, "table": 1, "memory": 2, "global": 3, "tag": 4}


class WatModule:
    """`binary`, and where its code comes from: (byte offset, text offset), ascending."""

    __slots__ = ("binary", "places", "tokens")

    def __init__(self, binary: bytes, tokens: Tokens, places: list[tuple[int, int]]) -> None:
        self.binary = binary
        self.tokens = tokens
        self.places = places

    def locate(self, error: WasmError) -> WasmError:
        """The same error with the line and column of its byte offset, if that is in code."""
        if error.offset is not None and self.places:
            best = -1
            for at, text in self.places:
                if at > error.offset:
                    break
                best = text
            if best >= 0:
                error.line, error.col = self.tokens.place(best)
                error.file = self.tokens.file
        return error


def decode_source(source: str | bytes, file: str = "") -> str:
    """Text as str. Raises TextError when bytes are not UTF-8."""
    if isinstance(source, str):
        return source
    try:
        return source.decode()
    except UnicodeDecodeError:
        raise TextError("malformed UTF-8 encoding", file=file) from None


def parse_wat(source: str | bytes, file: str = "") -> WatModule:
    """Parse the text of one module. Raises TextError."""
    tokens = Tokens(decode_source(source, file), file)
    parser = ModuleParser(tokens, 0)
    if parser.is_field("module"):
        module = parser.module()
    else:
        module = parser.fields_only()
    if parser.kinds[parser.i] != END:
        raise parser.unexpected()
    return module


def wat2wasm(source: str | bytes, file: str = "") -> bytes:
    """The binary of a module in text. Raises TextError with line and column."""
    return parse_wat(source, file).binary


# Kinds of open constructs in a body.
_PLAIN: Final = 0  # folded instruction: bytes to write at its end
_FOLDED: Final = 1  # folded block, loop, try_table
_IF: Final = 2  # folded if before its `then`
_THEN: Final = 3
_ELSE: Final = 4
_DONE: Final = 5  # folded if after its last arm
_FLAT: Final = 6
_FLAT_IF: Final = 7
_FLAT_ELSE: Final = 8


class _Func:
    """What names mean inside one function."""

    __slots__ = ("label_names", "labels", "locals", "num_labels", "num_locals")

    def __init__(self) -> None:
        self.locals: dict[str, int] = {}
        self.num_locals = 0
        self.labels: list[str] = []  # open ones, "" without a name
        self.label_names: dict[int, str] = {}  # by number, in order of their instructions
        self.num_labels = 0

    def open_label(self, name: str) -> None:
        """A block begins."""
        if name:
            self.label_names[self.num_labels] = name
        self.num_labels += 1
        self.labels.append(name)


class Cursor:
    """A place in the tokens, with what every parser of them needs."""

    __slots__ = ("i", "kinds", "texts", "tokens")

    def __init__(self, tokens: Tokens, i: int) -> None:
        self.tokens = tokens
        self.kinds = tokens.kinds
        self.texts = tokens.texts
        self.i = i

    def error(self, message: str, at: int = -1) -> TextError:
        return self.tokens.error(message, self.tokens.offsets[self.i if at < 0 else at])

    def unexpected(self, wanted: str = "") -> TextError:
        kind = self.kinds[self.i]
        found = "end of input" if kind == END else repr(self.texts[self.i])
        if kind == END:
            return self.error("unexpected end")
        detail = f", expected {wanted}" if wanted else ""
        return self.error(f"unexpected token: {found}{detail}")

    def open(self, word: str) -> None:
        """Consume `(word`."""
        if not self.is_field(word):
            raise self.unexpected(f"({word}")
        self.i += 2

    def is_field(self, word: str) -> bool:
        i = self.i
        return self.kinds[i] == OPEN and self.kinds[i + 1] == WORD and self.texts[i + 1] == word

    def close(self) -> None:
        if self.kinds[self.i] != CLOSE:
            raise self.unexpected(")")
        self.i += 1

    def at_word(self, word: str) -> bool:
        return self.kinds[self.i] == WORD and self.texts[self.i] == word

    def take_word(self, word: str) -> bool:
        if self.at_word(word):
            self.i += 1
            return True
        return False

    def word(self) -> str:
        if self.kinds[self.i] != WORD:
            raise self.unexpected()
        self.i += 1
        return self.texts[self.i - 1]

    def id(self) -> str | None:
        """An optional identifier."""
        if self.kinds[self.i] == ID:
            self.i += 1
            return self.texts[self.i - 1]
        return None

    def string(self) -> bytes:
        if self.kinds[self.i] != STRING:
            raise self.unexpected("a string")
        i = self.i
        self.i += 1
        return string_bytes(self.tokens, self.texts[i], self.tokens.offsets[i])

    def name(self) -> str:
        if self.kinds[self.i] != STRING:
            raise self.unexpected("a string")
        i = self.i
        self.i += 1
        return unescape(self.tokens, self.texts[i], self.tokens.offsets[i])

    def strings(self) -> bytes:
        out = b""
        parts = []
        while self.kinds[self.i] == STRING:
            parts.append(self.string())
        return out.join(parts)

    def uint(self, bits: int = 32) -> int:
        value = parse_uint(self.texts[self.i]) if self.kinds[self.i] == WORD else None
        if value is None:
            raise self.unexpected("a number")
        if value >= 1 << bits:
            raise self.error(f"i{bits} constant out of range")
        self.i += 1
        return value

    def at_uint(self) -> bool:
        return self.kinds[self.i] == WORD and "0" <= self.texts[self.i][0] <= "9"

    def number(self, ty: str) -> int:
        """The bits of a constant of type i8 ... i64, f32 or f64, signed for integers."""
        if self.kinds[self.i] != WORD:
            raise self.unexpected("a number")
        text = self.texts[self.i]
        try:
            if ty[0] == "i":
                value = parse_int(text, int(ty[1:]))
            else:
                value = parse_float(text, int(ty[1:]))
        except NumberError as error:
            raise self.error(str(error)) from None
        except ValueError:
            raise self.error("constant out of range") from None
        self.i += 1
        return value

    def skip(self) -> None:
        """Behind the parenthesis that closes the open one here."""
        depth = 0
        kinds = self.kinds
        while True:
            kind = kinds[self.i]
            if kind == OPEN:
                depth += 1
            elif kind == CLOSE:
                depth -= 1
            elif kind == END:
                raise self.unexpected()
            self.i += 1
            if not depth:
                return


class ModuleParser(Cursor):
    """Parses one module; `i` is left behind it."""

    def __init__(self, tokens: Tokens, i: int) -> None:
        super().__init__(tokens, i)
        self.names: dict[str, dict[str, int]] = {space: {} for space in _SPACES}
        self.counts: dict[str, int] = dict.fromkeys(_SPACES, 0)
        self.module_name: str | None = None
        self.types: list[T.SubType] = []
        self.groups: list[tuple[int, int, bool]] = []
        self.fields: dict[int, dict[str, int]] = {}
        self.func_types: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
        self.imports: list[tuple[str, str, int, M.ImportType]] = []
        self.funcs: list[int] = []
        self.tables: list[tuple[T.TableType, bytes | None]] = []
        self.memories: list[T.MemoryType] = []
        self.globals: list[tuple[T.GlobalType, bytes]] = []
        self.tags: list[int] = []
        self.exports: list[tuple[str, int, int]] = []
        self.start = -1
        self.elems: list[bytes] = []
        self.datas: list[bytes] = []
        self.codes: list[tuple[bytes, list[tuple[int, int]]]] = []
        self.needs_data_count = False
        self.func_names: dict[int, str] = {}
        self.local_names: dict[int, dict[int, str]] = {}
        self.label_names: dict[int, dict[int, str]] = {}
        self.next: dict[str, int] = dict.fromkeys(_SPACES, 0)
        self.body_places: list[tuple[int, int]] = []
        self.if_labels: list[str] = []  # of folded ifs whose arms have not begun

    # ---- the module ----

    def module(self) -> WatModule:
        """`(module ...)`."""
        self.open("module")
        self.module_name = self.id()
        result = self.fields_only()
        self.close()
        return result

    def fields_only(self) -> WatModule:
        """Fields up to the closing parenthesis or the end."""
        first = self.i
        self.collect()
        last = self.i
        self.i = first
        self.read_types()
        self.i = first
        while self.kinds[self.i] == OPEN:
            self.field()
        assert self.i == last
        binary, places = self.encode()
        return WatModule(binary, self.tokens, places)

    def collect(self) -> None:
        """First pass: names and indices of everything."""
        defined = ""
        while self.kinds[self.i] == OPEN:
            start = self.i
            self.i += 1
            word = self.word()
            if word == "rec":
                while self.kinds[self.i] == OPEN:
                    if not self.is_field("type"):
                        raise self.unexpected("(type")
                    self.define("type", 2)
            elif word == "type":
                self.i = start
                self.define("type", 2)
            elif word == "import":
                if defined:
                    raise self.error(f"import after {defined}", start)
                self.name()
                self.name()
                if self.kinds[self.i] != OPEN:
                    raise self.unexpected("(")
                kind = self.texts[self.i + 1]
                if kind not in _KINDS:
                    self.i += 1
                    raise self.unexpected("a kind of import")
                self.define(kind, 2)
            elif word in _KINDS:
                self.i = start + 2
                self.define_here(word)
                while self.is_field("export"):
                    self.skip()
                if self.is_field("import"):
                    if defined:
                        raise self.error(f"import after {defined}", start)
                else:
                    defined = "function" if word == "func" else word
                    if word == "table":
                        self.collect_inline("elem")
                    elif word == "memory":
                        self.collect_inline("data")
            elif word in ("elem", "data"):
                self.i = start
                self.define(word, 2)
            elif word not in ("export", "start"):
                self.i = start + 1
                raise self.error(f"unexpected token: unknown field {word!r}")
            self.i = start
            self.skip()
        if self.kinds[self.i] not in (CLOSE, END):
            raise self.unexpected()

    def collect_inline(self, space: str) -> None:
        """An inline segment counts in its own index space."""
        i = self.i
        while self.kinds[i] == WORD:
            i += 1
        if self.kinds[i] == OPEN and self.texts[i + 1] == "ref":
            self.i = i
            self.skip()
            i = self.i
        if self.kinds[i] == OPEN and self.texts[i + 1] == "pagesize":
            self.i = i
            self.skip()
            i = self.i
        if self.kinds[i] == OPEN and self.texts[i + 1] == space:
            self.counts[space] += 1

    def define(self, space: str, at: int) -> None:
        """Name the field that opens here; skip it."""
        start = self.i
        self.i += at
        self.define_here(space)
        self.i = start
        self.skip()

    def define_here(self, space: str) -> None:
        index = self.counts[space]
        self.counts[space] += 1
        at = self.i
        name = self.id()
        if name is not None:
            if name in self.names[space]:
                raise self.error(f"duplicate {space} ${name}", at)
            self.names[space][name] = index

    def index(self, space: str) -> int:
        """An index or a name of a space."""
        if self.kinds[self.i] == ID:
            found = self.names[space].get(self.texts[self.i])
            if found is None:
                words = {"elem": "elem segment", "data": "data segment", "func": "function"}
                raise self.error(f"unknown {words.get(space, space)} ${self.texts[self.i]}")
            self.i += 1
            return found
        return self.uint()

    def at_index(self) -> bool:
        return self.kinds[self.i] == ID or self.at_uint()

    # ---- types ----

    def value_type(self) -> int:
        if self.kinds[self.i] == OPEN:
            return self.ref_type()
        if self.kinds[self.i] != WORD:
            raise self.unexpected("a type")
        text = self.texts[self.i]
        found = T.NUMBER_NAMES.get(text) or T.REF_NAMES.get(text)
        if found is None:
            raise self.unexpected("a type")
        self.i += 1
        return found

    def ref_type(self) -> int:
        if self.kinds[self.i] == WORD and self.texts[self.i] in T.REF_NAMES:
            self.i += 1
            return T.REF_NAMES[self.texts[self.i - 1]]
        self.open("ref")
        nullable = self.take_word("null")
        ty = self.heap_type() | (T.NULLABLE if nullable else 0)
        self.close()
        return ty

    def heap_type(self) -> int:
        """A heap type as a non-null reference type."""
        if self.kinds[self.i] == WORD and self.texts[self.i] in T.HEAP_NAMES:
            self.i += 1
            return T.REF | T.HEAP_NAMES[self.texts[self.i - 1]]
        if not self.at_index():
            raise self.unexpected("a heap type")
        return T.ref(self.index("type"), False)

    def read_types(self) -> None:
        """The explicit type definitions."""
        while self.kinds[self.i] == OPEN:
            start = self.i
            if self.is_field("type"):
                first = len(self.types)
                self.type_definition()
                self.groups.append((first, 1, False))
            elif self.is_field("rec"):
                self.i += 2
                first = len(self.types)
                while self.kinds[self.i] == OPEN:
                    self.type_definition()
                self.close()
                self.groups.append((first, len(self.types) - first, True))
            else:
                self.skip()
                continue
            end = self.i
            self.i = start
            self.skip()
            assert self.i == end
        for first, count, _ in self.groups:
            sub = self.types[first] if count == 1 else None
            if sub and sub.final and not sub.supers and isinstance(sub.composite, T.FuncType):
                key = (sub.composite.params, sub.composite.results)
                self.func_types.setdefault(key, first)

    def type_definition(self) -> None:
        self.open("type")
        self.id()
        index = len(self.types)
        final, supers = True, []
        sub = self.is_field("sub")
        if sub:
            self.i += 2
            final = self.take_word("final")
            while self.at_index():
                supers.append(self.index("type"))
        composite = self.composite(index)
        if sub:
            self.close()
        self.close()
        self.types.append(T.SubType(composite, final, tuple(supers)))

    def composite(self, index: int) -> T.CompositeType:
        if self.is_field("func"):
            self.i += 2
            params, _ = self.params()
            results = self.results()
            self.close()
            return T.FuncType(params, results)
        if self.is_field("struct"):
            self.i += 2
            fields: list[T.FieldType] = []
            names: dict[str, int] = {}
            while self.is_field("field"):
                self.i += 2
                at = self.i
                name = self.id()
                if name is not None:
                    if name in names:
                        raise self.error(f"duplicate field ${name}", at)
                    names[name] = len(fields)
                    fields.append(self.field_type())
                else:
                    while self.kinds[self.i] != CLOSE:
                        fields.append(self.field_type())
                self.close()
            self.close()
            self.fields[index] = names
            return T.StructType(tuple(fields))
        self.open("array")
        field = self.field_type()
        self.close()
        return T.ArrayType(field)

    def field_type(self) -> T.FieldType:
        mutable = self.is_field("mut")
        if mutable:
            self.i += 2
        if self.kinds[self.i] == WORD and self.texts[self.i] in T.PACKED_NAMES:
            storage = T.PACKED_NAMES[self.texts[self.i]]
            self.i += 1
        else:
            storage = self.value_type()
        if mutable:
            self.close()
        return T.FieldType(storage, mutable)

    def params(self, func: _Func | None = None) -> tuple[tuple[int, ...], list[str | None]]:
        types: list[int] = []
        names: list[str | None] = []
        while self.is_field("param"):
            self.i += 2
            at = self.i
            name = self.id()
            if name is not None:
                if func is not None:
                    self.add_local(func, name, at)
                types.append(self.value_type())
                names.append(name)
            else:
                while self.kinds[self.i] != CLOSE:
                    types.append(self.value_type())
                    names.append(None)
                    if func is not None:
                        func.num_locals += 1
            self.close()
        return tuple(types), names

    def add_local(self, func: _Func, name: str, at: int) -> None:
        if name in func.locals:
            raise self.error(f"duplicate local ${name}", at)
        func.locals[name] = func.num_locals
        func.num_locals += 1

    def results(self) -> tuple[int, ...]:
        types: list[int] = []
        while self.is_field("result"):
            self.i += 2
            while self.kinds[self.i] != CLOSE:
                types.append(self.value_type())
            self.close()
        return tuple(types)

    def func_type_index(self, params: tuple[int, ...], results: tuple[int, ...]) -> int:
        """The first plain type of these, added when there is none."""
        index = self.func_types.get((params, results))
        if index is None:
            index = len(self.types)
            self.types.append(T.SubType(T.FuncType(params, results), True, ()))
            self.groups.append((index, 1, False))
            self.func_types[(params, results)] = index
        return index

    def type_use(self, func: _Func | None = None, plain: bool = True) -> int:
        """A type use; parameters are named in `func`. `plain` false: names are not allowed."""
        at = self.i
        explicit = -1
        if self.is_field("type"):
            self.i += 2
            explicit = self.index("type")
            self.close()
        params, names = self.params(func)
        if not plain and any(name is not None for name in names):
            raise self.error("unexpected token: a parameter name", at)
        results = self.results()
        if explicit < 0:
            return self.func_type_index(params, results)
        if params or results:
            composite = self.types[explicit].composite if explicit < len(self.types) else None
            if composite is None:
                raise self.error(f"unknown type {explicit}", at)
            if composite != T.FuncType(params, results):
                raise self.error("inline function type", at)
        elif func is not None:
            composite = self.types[explicit].composite if explicit < len(self.types) else None
            if isinstance(composite, T.FuncType):
                func.num_locals += len(composite.params)
        return explicit

    def limits(self, is_memory: bool) -> T.Limits:
        is64 = self.take_word("i64")
        if not is64:
            self.take_word("i32")
        least = self.uint(64)
        most = self.uint(64) if self.at_uint() else T.NO_MAX
        shared = is_memory and self.take_word("shared")
        log2, custom = 16, False
        if is_memory and self.is_field("pagesize"):
            log2, custom = self.page_size(), True
        return T.Limits(least, most, is64, shared, log2, custom)

    def page_size(self) -> int:
        self.open("pagesize")
        at = self.i
        size = self.uint(64)
        if size & (size - 1) or not size:
            raise self.error("invalid custom page size", at)
        self.close()
        return size.bit_length() - 1

    def table_type(self) -> T.TableType:
        limits = self.limits(False)
        return T.TableType(self.ref_type(), limits)

    def global_type(self) -> T.GlobalType:
        if self.is_field("mut"):
            self.i += 2
            ty = T.GlobalType(self.value_type(), True)
            self.close()
            return ty
        return T.GlobalType(self.value_type(), False)

    # ---- fields, second pass ----

    def field(self) -> None:
        start = self.i
        word = self.texts[start + 1]
        if word in ("type", "rec"):
            self.skip()
            return
        self.i += 2
        if word == "import":
            module, name = self.name(), self.name()
            self.i += 1
            kind = self.word()
            self.import_type(kind, module, name)
            self.close()
        elif word == "export":
            name = self.name()
            if self.kinds[self.i] != OPEN:
                raise self.unexpected("(")
            self.i += 1
            kind = self.word()
            if kind not in _KINDS:
                self.i -= 1
                raise self.unexpected("a kind of export")
            self.exports.append((name, _KINDS[kind], self.index(kind)))
            self.close()
        elif word == "start":
            if self.start >= 0:
                raise self.error("multiple start sections", start)
            self.start = self.index("func")
        elif word == "elem":
            self.elem()
        elif word == "data":
            self.data()
        else:
            self.definition(word)
        self.close()

    def import_type(self, kind: str, module: str, name: str) -> None:
        ident = self.id()
        index = self.next[kind]
        self.next[kind] += 1
        ty: M.ImportType
        if kind == "func":
            if ident is not None:
                self.func_names[index] = ident
            func = _Func()
            ty = self.type_use(func)
            self.name_locals(index, func)
        elif kind == "table":
            ty = self.table_type()
        elif kind == "memory":
            ty = T.MemoryType(self.limits(True))
        elif kind == "global":
            ty = self.global_type()
        else:
            ty = T.TagType(self.type_use())
        self.imports.append((module, name, _KINDS[kind], ty))

    def name_locals(self, index: int, func: _Func) -> None:
        if func.locals:
            self.local_names[index] = {i: name for name, i in func.locals.items()}

    def definition(self, kind: str) -> None:
        """func, table, memory, global or tag, perhaps with inline exports or import."""
        ident = self.id()
        index = self.next[kind]
        while self.is_field("export"):
            self.i += 2
            self.exports.append((self.name(), _KINDS[kind], index))
            self.close()
        if self.is_field("import"):
            self.i += 2
            module, name = self.name(), self.name()
            self.close()
            if kind == "func" and ident is not None:
                self.func_names[index] = ident
            self.import_type(kind, module, name)
            return
        self.next[kind] += 1
        if kind == "func":
            if ident is not None:
                self.func_names[index] = ident
            self.function(index)
        elif kind == "table":
            self.table(index)
        elif kind == "memory":
            self.memory(index)
        elif kind == "global":
            ty = self.global_type()
            self.globals.append((ty, self.const_expr()))
        else:
            self.tags.append(self.type_use())

    def table(self, index: int) -> None:
        is64 = self.at_word("i64")
        at = self.i
        if is64 or self.at_word("i32"):
            self.i += 1
        if not self.at_uint():
            # reftype (elem ...)
            element = self.ref_type()
            self.open("elem")
            w = Writer()
            count, exprs = self.elements(w, element)
            self.close()
            self.tables.append((T.TableType(element, T.Limits(count, count, is64)), None))
            head = Writer()
            offset = b"\x42\x00\x0b" if is64 else b"\x41\x00\x0b"
            if exprs:
                head.u(6)
                head.u(index)
                head.raw(offset)
                head.value_type(element)
            else:
                head.u(2)
                head.u(index)
                head.raw(offset)
                head.byte(0)
            head.u(count)
            head.raw(w.out)
            self.elems.append(bytes(head.out))
            return
        self.i = at
        ty = self.table_type()
        init = self.const_expr() if self.kinds[self.i] != CLOSE else None
        self.tables.append((ty, init))

    def memory(self, index: int) -> None:
        at = self.i
        is64 = self.take_word("i64")
        if not is64:
            self.take_word("i32")
        log2, custom = 16, False
        if self.is_field("pagesize"):
            log2, custom = self.page_size(), True
        if self.is_field("data"):
            self.i += 2
            data = self.strings()
            self.close()
            pages = (len(data) + (1 << log2) - 1) >> log2
            limits = T.Limits(pages, pages, is64, False, log2, custom)
            self.memories.append(T.MemoryType(limits))
            w = Writer()
            w.u(0 if index == 0 else 2)
            if index:
                w.u(index)
            w.raw(b"\x42\x00\x0b" if is64 else b"\x41\x00\x0b")
            w.sized(data)
            self.datas.append(bytes(w.out))
            return
        self.i = at
        self.memories.append(T.MemoryType(self.limits(True)))

    def const_expr(self) -> bytes:
        """Instructions up to the closing parenthesis, with the end."""
        w = Writer()
        self.instructions(w, _Func())
        w.byte(W.END)
        return bytes(w.out)

    def offset_expr(self) -> bytes:
        """`(offset ...)` or one folded instruction."""
        if self.is_field("offset"):
            self.i += 2
            code = self.const_expr()
            self.close()
            return code
        w = Writer()
        self.instructions(w, _Func(), single=True)
        w.byte(W.END)
        return bytes(w.out)

    def elements(self, w: Writer, element: int) -> tuple[int, bool]:
        """The items of a list behind its reference type; count, and whether as expressions.

        Function indices are expressions, too, when the type is not funcref.
        """
        count = 0
        if self.at_index() or self.kinds[self.i] == CLOSE:
            exprs = element != T.FUNCREF
            while self.kinds[self.i] != CLOSE:
                if exprs:
                    w.byte(W.REF_FUNC)
                w.u(self.index("func"))
                if exprs:
                    w.byte(W.END)
                count += 1
            return count, exprs
        while self.kinds[self.i] != CLOSE:
            if self.is_field("item"):
                self.i += 2
                w.raw(self.const_expr())
                self.close()
            else:
                self.instructions(w, _Func(), single=True)
                w.byte(W.END)
            count += 1
        return count, True

    def elem(self) -> None:
        self.id()
        mode = M.PASSIVE
        table, offset = 0, b""
        explicit_table = False
        if self.take_word("declare"):
            mode = M.DECLARATIVE
        elif self.is_field("table"):
            self.i += 2
            table = self.index("table")
            self.close()
            explicit_table = True
            mode = M.ACTIVE
            offset = self.offset_expr()
        elif self.at_index() and self.kinds[self.i + 1] == OPEN:
            # the old form: a table index before the offset
            table = self.index("table")
            explicit_table = True
            mode = M.ACTIVE
            offset = self.offset_expr()
        elif self.kinds[self.i] == OPEN and not self.is_field("ref"):
            mode = M.ACTIVE
            offset = self.offset_expr()
        w = Writer()
        element = T.FUNCREF
        if self.take_word("func"):
            exprs = False
            count = 0
            while self.kinds[self.i] != CLOSE:
                w.u(self.index("func"))
                count += 1
        elif self.at_index() or (self.kinds[self.i] == CLOSE and mode == M.ACTIVE):
            if explicit_table and not self.at_index() and self.kinds[self.i] != CLOSE:
                raise self.unexpected()
            exprs = False
            count = 0
            while self.kinds[self.i] != CLOSE:
                w.u(self.index("func"))
                count += 1
        else:
            element = self.ref_type()
            count, exprs = self.elements(w, element)
            if not count:
                exprs = True
        head = Writer()
        base = 4 if exprs else 0
        if mode == M.ACTIVE:
            short = not explicit_table and (not exprs or element == T.FUNCREF)
            head.u(base if short else base | 2)
            if not short:
                head.u(table)
            head.raw(offset)
            with_type = not short
        else:
            head.u(base | (1 if mode == M.PASSIVE else 3))
            with_type = True
        if with_type:
            if exprs:
                head.value_type(element)
            else:
                head.byte(0)
        head.u(count)
        head.raw(w.out)
        self.elems.append(bytes(head.out))

    def data(self) -> None:
        self.id()
        memory = 0
        w = Writer()
        if self.is_field("memory"):
            self.i += 2
            memory = self.index("memory")
            self.close()
        elif self.at_index():
            memory = self.index("memory")
        if self.kinds[self.i] == OPEN:
            w.u(2 if memory else 0)
            if memory:
                w.u(memory)
            w.raw(self.offset_expr())
        else:
            w.u(1)
        w.sized(self.strings())
        self.datas.append(bytes(w.out))

    # ---- functions ----

    def function(self, index: int) -> None:
        func = _Func()
        self.funcs.append(self.type_use(func))
        locals_: list[tuple[int, int]] = []  # count, type
        while self.is_field("local"):
            self.i += 2
            at = self.i
            name = self.id()
            if name is not None:
                self.add_local(func, name, at)
                types = [self.value_type()]
            else:
                types = []
                while self.kinds[self.i] != CLOSE:
                    types.append(self.value_type())
                    func.num_locals += 1
            for ty in types:
                if locals_ and locals_[-1][1] == ty:
                    locals_[-1] = (locals_[-1][0] + 1, ty)
                else:
                    locals_.append((1, ty))
            self.close()
        self.name_locals(index, func)
        w = Writer()
        w.u(len(locals_))
        for count, ty in locals_:
            w.u(count)
            w.value_type(ty)
        self.body_places = []
        self.instructions(w, func)
        if func.label_names:
            self.label_names[index] = func.label_names
        self.body_places.append((len(w.out), self.tokens.offsets[self.i]))
        w.byte(W.END)
        self.codes.append((bytes(w.out), self.body_places))

    def instructions(self, w: Writer, func: _Func, single: bool = False) -> None:
        """Instructions up to the parenthesis that closes what is around, or one folded one."""
        kinds, texts, offsets = self.kinds, self.texts, self.tokens.offsets
        opened: list[tuple[int, bytes, int]] = []  # what, bytes to come, its place in the text
        labels = func.labels
        places = self.body_places
        if single and kinds[self.i] != OPEN:
            raise self.unexpected("(")
        while True:
            kind = kinds[self.i]
            if kind == CLOSE:
                if not opened:
                    return
                what, code, origin = opened.pop()
                if what >= _FLAT:
                    raise self.unexpected("end")
                self.i += 1
                if what == _PLAIN:
                    places.append((len(w.out), origin))
                    w.out += code
                elif what == _FOLDED:
                    w.byte(W.END)
                    labels.pop()
                elif what == _IF:
                    raise self.error("unexpected token: if without then", self.i - 1)
                elif what == _THEN:
                    if self.is_field("else"):
                        self.i += 2
                        w.byte(W.ELSE)
                        opened.append((_ELSE, b"", 0))
                        continue
                    self.end_if(w, labels)
                elif what == _ELSE:
                    self.end_if(w, labels)
                if single and not opened:
                    return
                continue
            if kind == OPEN:
                at = self.i
                if kinds[at + 1] != WORD:
                    self.i += 1
                    raise self.unexpected("an instruction")
                word = texts[at + 1]
                if opened and opened[-1][0] == _IF and word == "then":
                    code = opened.pop()[1]
                    self.i += 2
                    places.append((len(w.out), offsets[at]))
                    w.out += code
                    func.open_label(self.if_labels.pop())
                    opened.append((_THEN, b"", 0))
                    continue
                self.i += 2
                if word in ("block", "loop"):
                    places.append((len(w.out), offsets[at + 1]))
                    func.open_label(self.id() or "")
                    w.byte(W.BLOCK if word == "block" else W.LOOP)
                    self.block_type(w)
                    opened.append((_FOLDED, b"", 0))
                elif word == "if":
                    self.if_labels.append(self.id() or "")
                    head = Writer()
                    head.byte(W.IF)
                    self.block_type(head)
                    opened.append((_IF, bytes(head.out), 0))
                elif word == "try_table":
                    places.append((len(w.out), offsets[at + 1]))
                    self.try_table(w, func)
                    opened.append((_FOLDED, b"", 0))
                else:
                    head = Writer()
                    self.instruction(head, func, word, at + 1)
                    opened.append((_PLAIN, bytes(head.out), offsets[at + 1]))
                continue
            if kind != WORD or (opened and opened[-1][0] in (_PLAIN, _IF)):
                raise self.unexpected("an instruction")
            at = self.i
            word = texts[at]
            self.i += 1
            places.append((len(w.out), offsets[at]))
            if word in ("block", "loop", "if"):
                func.open_label(self.id() or "")
                w.byte(W.BLOCK if word == "block" else W.LOOP if word == "loop" else W.IF)
                self.block_type(w)
                opened.append((_FLAT_IF if word == "if" else _FLAT, b"", 0))
            elif word == "try_table":
                self.try_table(w, func)
                opened.append((_FLAT, b"", 0))
            elif word == "else":
                if not opened or opened[-1][0] != _FLAT_IF:
                    raise self.error("unexpected token: else without if", at)
                self.match_label(labels)
                opened[-1] = (_FLAT_ELSE, b"", 0)
                w.byte(W.ELSE)
            elif word == "end":
                if not opened or opened[-1][0] < _FLAT:
                    raise self.error("unexpected token: end without a block", at)
                self.match_label(labels)
                opened.pop()
                labels.pop()
                w.byte(W.END)
            else:
                self.instruction(w, func, word, at)

    def end_if(self, w: Writer, labels: list[str]) -> None:
        self.close()
        w.byte(W.END)
        labels.pop()

    def match_label(self, labels: list[str]) -> None:
        at = self.i
        name = self.id()
        if name is not None and name != labels[-1]:
            raise self.error("mismatching label", at)

    def block_type(self, w: Writer) -> None:
        if not (self.is_field("type") or self.is_field("param") or self.is_field("result")):
            w.byte(0x40)
            return
        start = self.i
        if self.is_field("type"):
            index = self.type_use(plain=False)
            w.s(index)
            return
        params, names = self.params()
        if any(name is not None for name in names):
            raise self.error("unexpected token: a parameter name", start)
        results = self.results()
        if not params and not results:
            w.byte(0x40)
        elif not params and len(results) == 1:
            w.value_type(results[0])
        else:
            w.s(self.func_type_index(params, results))

    def try_table(self, w: Writer, func: _Func) -> None:
        name = self.id() or ""
        w.byte(W.TRY_TABLE)
        self.block_type(w)
        clauses = Writer()
        count = 0
        while self.kinds[self.i] == OPEN and self.texts[self.i + 1] in _CATCHES:
            code = _CATCHES[self.texts[self.i + 1]]
            self.i += 2
            clauses.byte(code)
            if code < 2:
                clauses.u(self.index("tag"))
            clauses.u(self.label(func))
            self.close()
            count += 1
        w.u(count)
        w.raw(clauses.out)
        func.open_label(name)

    def label(self, func: _Func) -> int:
        if self.kinds[self.i] == ID:
            name = self.texts[self.i]
            labels = func.labels
            for depth in range(len(labels)):
                if labels[-1 - depth] == name:
                    self.i += 1
                    return depth
            raise self.error(f"unknown label ${name}")
        return self.uint()

    def instruction(self, w: Writer, func: _Func, word: str, at: int) -> None:
        """A plain instruction whose name was read."""
        op = W.BY_NAME.get(word)
        if op is None or op in (W.ELSE, W.END):
            raise self.error(f"unknown operator {word!r}", at)
        immediates = W.IMMEDIATES[op]
        if not immediates:
            if op == W.SELECT and self.is_field("result"):
                types = self.results()
                w.op(W.SELECT_T)
                w.value_types(types)
                return
            w.op(op)
            return
        special = _SPECIAL.get(op)
        if special is not None:
            special(self, w, func, op)
            return
        w.op(op)
        for kind in immediates:
            if kind == "local":
                self.local(w, func)
            elif kind == "label":
                w.u(self.label(func))
            elif kind in ("i32", "i64"):
                w.s(self.number(kind))
            elif kind in ("f32", "f64"):
                w.raw(self.number(kind).to_bytes(4 if kind == "f32" else 8, "little"))
            elif kind == "memarg":
                self.memarg(w, op, self.at_index())
            elif kind in ("memory", "table"):
                w.u(self.index(kind) if self.at_index() else 0)
            elif kind in ("func", "global", "tag", "type", "data", "elem"):
                w.u(self.index(kind))
                if kind == "data":
                    self.needs_data_count = True
            elif kind == "heap":
                w.heap_type(self.heap_type())
            elif kind.startswith("lane"):
                self.lane(w, int(kind[4:]))
            elif kind == "fence":
                w.byte(0)
            elif kind == "count":
                w.u(self.uint())
            else:
                raise self.error(f"unknown operator {word!r}", at)

    def local(self, w: Writer, func: _Func) -> None:
        if self.kinds[self.i] == ID:
            found = func.locals.get(self.texts[self.i])
            if found is None:
                raise self.error(f"unknown local ${self.texts[self.i]}")
            self.i += 1
            w.u(found)
        else:
            w.u(self.uint())

    def lane(self, w: Writer, limit: int) -> None:
        value = parse_uint(self.texts[self.i]) if self.kinds[self.i] == WORD else None
        if value is None:
            raise self.unexpected("a lane index")
        if value > 255:
            raise self.error("malformed lane index")
        self.i += 1
        w.byte(value)

    def memarg(self, w: Writer, op: int, has_index: bool) -> None:
        memory = self.index("memory") if has_index else 0
        offset, align = 0, 1 << W.ALIGN[op]
        if self.kinds[self.i] == WORD and self.texts[self.i].startswith("offset="):
            value = parse_uint(self.texts[self.i][7:])
            if value is None:
                raise self.error("unknown operator: malformed offset")
            if value >= 1 << 64:
                raise self.error("i64 constant out of range")
            offset = value
            self.i += 1
        if self.kinds[self.i] == WORD and self.texts[self.i].startswith("align="):
            value = parse_uint(self.texts[self.i][6:])
            if value is None:
                raise self.error("unknown operator: malformed alignment")
            if not value or value & (value - 1):
                raise self.error("alignment must be a power of 2")
            align = value
            self.i += 1
        log2 = align.bit_length() - 1
        w.u(log2 | (0x40 if memory else 0))
        if memory:
            w.u(memory)
        w.u(offset)

    # ---- instructions whose text and binary forms differ ----

    def on_br_table(self, w: Writer, func: _Func, op: int) -> None:
        labels = [self.label(func)]
        while self.at_index():
            labels.append(self.label(func))
        w.op(op)
        w.u(len(labels) - 1)
        for label in labels:
            w.u(label)

    def on_call_indirect(self, w: Writer, func: _Func, op: int) -> None:
        table = self.index("table") if self.at_index() else 0
        type_index = self.type_use(plain=False)
        w.op(op)
        w.u(type_index)
        w.u(table)

    def on_two(self, w: Writer, func: _Func, op: int) -> None:
        """memory.copy, table.copy: both indices or none."""
        space = "memory" if op == W.MEMORY_COPY else "table"
        first = second = 0
        if self.at_index():
            first = self.index(space)
            second = self.index(space)
        w.op(op)
        w.u(first)
        w.u(second)

    def on_init(self, w: Writer, func: _Func, op: int) -> None:
        """memory.init, table.init: an optional memory or table before the segment."""
        space, segment = ("memory", "data") if op == W.MEMORY_INIT else ("table", "elem")
        target = 0
        following = self.kinds[self.i + 1]
        more = following == ID or (
            following == WORD and "0" <= self.texts[self.i + 1][0] <= "9" and self.at_index()
        )
        if more:
            target = self.index(space)
        w.op(op)
        w.u(self.index(segment))
        w.u(target)
        if segment == "data":
            self.needs_data_count = True

    def on_v128_const(self, w: Writer, func: _Func, op: int) -> None:
        shape = self.word()
        lanes = {"i8x16": 16, "i16x8": 8, "i32x4": 4, "i64x2": 2, "f32x4": 4, "f64x2": 2}
        count = lanes.get(shape)
        if count is None:
            raise self.error("unexpected token: expected a shape", self.i - 1)
        size = 16 // count
        ty = shape.split("x")[0]
        w.op(op)
        for _ in range(count):
            if self.kinds[self.i] != WORD:
                raise self.error("wrong number of lane literals")
            value = self.number(ty) & ((1 << (8 * size)) - 1)
            w.raw(value.to_bytes(size, "little"))
        if self.kinds[self.i] == WORD and self.texts[self.i][0] in "+-0123456789":
            raise self.error("wrong number of lane literals: unexpected token")

    def on_shuffle(self, w: Writer, func: _Func, op: int) -> None:
        w.op(op)
        for _ in range(16):
            if self.kinds[self.i] != WORD:
                raise self.error("invalid lane length")
            self.lane(w, 32)
        if self.kinds[self.i] == WORD and self.at_uint():
            raise self.error("invalid lane length")

    def on_simd_memory_lane(self, w: Writer, func: _Func, op: int) -> None:
        """v128.loadN_lane: an index is the memory only if more follows before the lane."""
        w.op(op)
        following = self.texts[self.i + 1] if self.kinds[self.i + 1] == WORD else ""
        more = following.startswith(("offset=", "align=")) or following[:1].isdigit()
        self.memarg(w, op, self.at_index() and more)
        self.lane(w, int(W.IMMEDIATES[op][1][4:]))

    def on_ref_cast(self, w: Writer, func: _Func, op: int) -> None:
        ty = self.ref_type()
        nullable = ty & T.NULLABLE
        if op == W.REF_TEST:
            w.op(W.REF_TEST_NULL if nullable else W.REF_TEST)
        else:
            w.op(W.REF_CAST_NULL if nullable else W.REF_CAST)
        w.heap_type(ty)

    def on_br_cast(self, w: Writer, func: _Func, op: int) -> None:
        label = self.label(func)
        source, target = self.ref_type(), self.ref_type()
        w.op(op)
        flags = (1 if source & T.NULLABLE else 0) | (2 if target & T.NULLABLE else 0)
        w.byte(flags)
        w.u(label)
        w.heap_type(source)
        w.heap_type(target)

    def on_field(self, w: Writer, func: _Func, op: int) -> None:
        w.op(op)
        index = self.index("type")
        w.u(index)
        if self.kinds[self.i] == ID:
            found = self.fields.get(index, {}).get(self.texts[self.i])
            if found is None:
                raise self.error(f"unknown field ${self.texts[self.i]}")
            self.i += 1
            w.u(found)
        else:
            w.u(self.uint())

    # ---- bytes ----

    def encode(self) -> tuple[bytes, list[tuple[int, int]]]:
        out = Writer()
        out.header()
        if self.groups:
            w = Writer()
            w.u(len(self.groups))
            for first, count, explicit in self.groups:
                w.rec_group(self.types[first : first + count], explicit)
            out.section(1, w)
        if self.imports:
            w = Writer()
            w.u(len(self.imports))
            for module, name, kind, ty in self.imports:
                w.name(module)
                w.name(name)
                w.import_type(kind, ty)
            out.section(2, w)
        if self.funcs:
            w = Writer()
            w.u(len(self.funcs))
            for index in self.funcs:
                w.u(index)
            out.section(3, w)
        if self.tables:
            w = Writer()
            w.u(len(self.tables))
            for table, init in self.tables:
                if init is not None:
                    w.raw(b"\x40\0")
                w.table_type(table)
                if init is not None:
                    w.raw(init)
            out.section(4, w)
        if self.memories:
            w = Writer()
            w.u(len(self.memories))
            for memory in self.memories:
                w.memory_type(memory)
            out.section(5, w)
        if self.tags:
            w = Writer()
            w.u(len(self.tags))
            for tag in self.tags:
                w.byte(0)
                w.u(tag)
            out.section(13, w)
        if self.globals:
            w = Writer()
            w.u(len(self.globals))
            for global_type, init in self.globals:
                w.global_type(global_type)
                w.raw(init)
            out.section(6, w)
        if self.exports:
            w = Writer()
            w.u(len(self.exports))
            for name, kind, index in self.exports:
                w.name(name)
                w.byte(kind)
                w.u(index)
            out.section(7, w)
        if self.start >= 0:
            w = Writer()
            w.u(self.start)
            out.section(8, w)
        self._vector(out, 9, self.elems)
        if self.needs_data_count:
            w = Writer()
            w.u(len(self.datas))
            out.section(12, w)
        places = self._code(out)
        self._vector(out, 11, self.datas)
        self._names(out)
        return bytes(out.out), places

    def _vector(self, out: Writer, section: int, items: list[bytes]) -> None:
        if items:
            w = Writer()
            w.u(len(items))
            for item in items:
                w.raw(item)
            out.section(section, w)

    def _code(self, out: Writer) -> list[tuple[int, int]]:
        if not self.codes:
            return []
        w = Writer()
        w.u(len(self.codes))
        places: list[tuple[int, int]] = []
        for code, body in self.codes:
            w.u(len(code))
            base = len(w.out)
            places.extend([(base + at, text) for at, text in body])
            w.raw(code)
        out.section(10, w)
        base = len(out.out) - len(w.out)
        return [(base + at, text) for at, text in places]

    def _names(self, out: Writer) -> None:
        w = Writer()
        if self.module_name is not None:
            inner = Writer()
            inner.name(self.module_name)
            w.section(0, inner)
        if self.func_names:
            w.section(1, _name_map(self.func_names))
        for id, table in ((2, self.local_names), (3, self.label_names)):
            if table:
                inner = Writer()
                inner.u(len(table))
                for index in sorted(table):
                    inner.u(index)
                    inner.raw(_name_map(table[index]).out)
                w.section(id, inner)
        for id, space in ((4, "type"), (5, "table"), (6, "memory"), (7, "global"), (8, "elem"),
                          (9, "data")):  # fmt: skip
            if self.names[space]:
                w.section(id, _name_map({i: name for name, i in self.names[space].items()}))
        if w.out:
            out.custom("name", w)


def _name_map(names: dict[int, str]) -> Writer:
    w = Writer()
    w.u(len(names))
    for index in sorted(names):
        w.u(index)
        w.name(names[index])
    return w


_CATCHES: Final = {"catch": 0, "catch_ref": 1, "catch_all": 2, "catch_all_ref": 3}
_SPECIAL: Final = {
    W.BR_TABLE: ModuleParser.on_br_table,
    W.CALL_INDIRECT: ModuleParser.on_call_indirect,
    W.RETURN_CALL_INDIRECT: ModuleParser.on_call_indirect,
    W.MEMORY_COPY: ModuleParser.on_two,
    W.TABLE_COPY: ModuleParser.on_two,
    W.MEMORY_INIT: ModuleParser.on_init,
    W.TABLE_INIT: ModuleParser.on_init,
    W.V128_CONST: ModuleParser.on_v128_const,
    W.I8X16_SHUFFLE: ModuleParser.on_shuffle,
    W.REF_TEST: ModuleParser.on_ref_cast,
    W.REF_CAST: ModuleParser.on_ref_cast,
    W.BR_ON_CAST: ModuleParser.on_br_cast,
    W.BR_ON_CAST_FAIL: ModuleParser.on_br_cast,
}
for _op in W.ROWS:
    if "field" in W.IMMEDIATES[_op]:
        _SPECIAL[_op] = ModuleParser.on_field
    if len(W.IMMEDIATES[_op]) == 2 and W.IMMEDIATES[_op][0] == "memarg":
        _SPECIAL[_op] = ModuleParser.on_simd_memory_lane
