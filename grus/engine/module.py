"""A compiled module: what it imports and exports, and its machine code."""

from __future__ import annotations

import _thread
import os
import time

from grus.base import trace
from grus.base.errors import expect
from grus.engine.code import Image
from grus.engine.engine import Engine, default_engine, type_array
from grus.engine.errors import Frame
from grus.engine.images import MemoryImage, build
from grus.engine.module_code import FINAL, ModuleCode, TierStats
from grus.engine.serialize import WHOLE
from grus.engine.translate.info import describe
from grus.wasm import module as WM
from grus.wasm.decode import decode
from grus.wasm.dwarf import ModuleLines
from grus.wasm.errors import WasmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Executor
    from typing import Self

    from grus.engine.cached import Entry
    from grus.engine.parallel import Progress
    from grus.engine.serialize import Record
    from grus.wasm.text.parser import WatModule
    from grus.wasm.validate import Validator

_loading = _thread.RLock()
Source = str | bytes | bytearray | memoryview


class Module:
    """A WebAssembly module: decoded, validated, and compiled when that is due (`Config.tier`).

    `source` is a binary, or text (a `str`, or bytes that are no binary). Raises WasmError with the
    place for anything malformed or invalid, Unsupported for features of later versions of Grus.

    When all functions are compiled at once, an `executor` of `concurrent.futures` does it, if given
    (else see `Config.workers`), and `progress` is called with the bytes of bodies that are compiled
    and those of all.
    """

    __slots__ = (
        "__weakref__",
        "_code",
        "_entry",
        "_executor",
        "_has_memory_image",
        "_image",
        "_memory_image",
        "_progress",
        "_record",
        "engine",
        "info",
        "layout",
        "name",
        "type_ids",
        "type_table",
        "validator",
        "wasm",
    )

    _entry: Entry | None
    _image: Image | None
    _record: Record | None

    def __init__(
        self,
        source: Source,
        engine: Engine | None = None,
        *,
        name: str = "",
        executor: Executor | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.engine = engine if engine is not None else default_engine()
        expect(self.engine, Engine, "engine")
        self._executor = executor
        self._progress = progress
        late = self.engine.config.lazy_validation  # what is in the cache is valid as a whole
        entry = None if late else _entry(self.engine, source)
        record = entry.find() if entry is not None else None
        validator: Validator | None = None
        if record is not None:
            binary = bytes(record.blocks["wasm"]) if "wasm" in record.blocks else _bytes(source)
            self.wasm = decode(binary, self.engine.features, None, record.known())
        else:
            from grus.wasm.validate import Validator  # not needed for what has been validated

            data, text = _binary(source)
            try:
                start = trace.clock()
                self.wasm = decode(data, self.engine.features)
                trace.note_time("decode", start)
                start = trace.clock()
                validator = Validator(self.wasm, self.engine.features)
                validator.check_module()
                if not late:
                    validator.check_functions()
                    validator.dispose()
                    validator = None
                trace.note_time("validate", start)
            except WasmError as error:
                raise text.locate(error) if text else error from None
        self._set_up(name, validator)
        self._entry = entry
        if record is not None and record.flags & WHOLE:
            self._image = record.image()
        else:
            self._record = record

    def _set_up(self, name: str, validator: Validator | None = None) -> None:
        wasm = self.wasm
        self.name = name or wasm.name or None
        self.type_ids = self.engine.type_ids(wasm.types, wasm.rec_groups)
        self.type_table = type_array(self.type_ids)
        config = self.engine.config
        repeat = config.gc_repeat or config.gc_zeal
        naive = config.collector == "naive"
        self.info = describe(wasm, self.engine.guards, config.fuel, repeat, config.gc_count, naive)
        self.layout = self.info.layout
        self.validator = validator  # of bodies that are not checked yet
        self._entry = None
        self._record = None
        self._image = None
        self._code: ModuleCode | None = None
        self._memory_image: MemoryImage | None = None
        self._has_memory_image = True  # or not known so far

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        engine: Engine | None = None,
        *,
        executor: Executor | None = None,
        progress: Progress | None = None,
    ) -> Module:
        """The module in a `.wasm` or `.wat` file. Raises OSError, and as the constructor."""
        with open(path, "rb") as file:
            return cls(file.read(), engine, executor=executor, progress=progress)

    @staticmethod
    def is_cached(source: Source, engine: Engine | None = None) -> bool:
        """Whether the cache of the Engine (`Config.cache`) has code of this module, all of it or
        what has been called so far."""
        entry = _entry(engine if engine is not None else default_engine(), source)
        return entry is not None and entry.find() is not None

    def serialize(self) -> bytes:
        """The module with its machine code, for `deserialize`. Raises Unsupported."""
        from grus.engine.serialize import dump

        return dump(self)

    @classmethod
    def deserialize(cls, data: bytes, engine: Engine | None = None) -> Self:
        """The module from what `serialize` made with the same Grus, settings and kind of machine.

        The bytes are trusted: their machine code will run. Raises SerializeError for others.
        """
        return cls._deserialize(data, engine)

    @classmethod
    def deserialize_file(cls, path: str | os.PathLike[str], engine: Engine | None = None) -> Self:
        """The module in a file with what `serialize` made. The file is mapped, not read: it must
        not be changed while the module lives, and is trusted as a program is. Raises as
        `deserialize`, and OSError."""
        import mmap

        with open(path, "rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return cls._deserialize(b"", engine)
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls._deserialize(memoryview(data), engine, checked=False)

    @classmethod
    def _deserialize(
        cls, data: bytes | memoryview, engine: Engine | None, checked: bool = True
    ) -> Self:
        from grus.engine.serialize import load

        module = cls.__new__(cls)
        module.engine = engine if engine is not None else default_engine()
        module._executor = module._progress = None
        record = load(data, module.engine, checked)
        wasm = record.blocks["wasm"]
        module.wasm = decode(wasm, module.engine.features, None, record.known())
        module._set_up(str(record.blocks["name"], "utf-8", "replace"))
        module._image = record.image()
        return module

    @property
    def image(self) -> Image:
        """The machine code of all functions; compiled at first use. Raises Unsupported."""
        if self._image is None:
            from grus.engine.parallel import compile_module

            if self.validator is not None:
                self.validator.check_functions()
            self._image = compile_module(self, self._executor, self._progress)
            if self._entry is not None:
                self._entry.save_whole(self.wasm, self._image)
        return self._image

    def memory_image(self) -> MemoryImage | None:
        """What active data segments make of memory 0, when instances can share it."""
        if self._memory_image is None and self._has_memory_image:
            self._memory_image = build(self.wasm)
            self._has_memory_image = self._memory_image is not None
        return self._memory_image

    def load(self) -> ModuleCode:
        """The machine code in executable memory, shared by all instances of this module. With the
        tier "eager" it is complete, which raises Unsupported; else functions come in when they are
        called."""
        if self._code is None:
            made = ModuleCode(self)
            record, self._record = self._record, None
            if self._image is not None:
                made.add(self._image, FINAL)
                made.stats.cached = made.stats.functions
            elif self.engine.tier == "eager":
                start = time.perf_counter()
                made.add(self.image, FINAL)
                made.stats.whole(time.perf_counter() - start)
            else:
                if record is not None:
                    made.stats.cached = made.add_kept(record.image(), record.blocks["levels"])
                elif self._entry is not None:
                    shared = self._entry.adopt(self.wasm, self.info)
                    if shared is not None:
                        made.stats.shared = made.add_kept(*shared)
            with _loading:
                if self._code is not None:  # another thread was as quick
                    return self._code
                self._code = made
            if self._entry is not None and self._image is None:
                self._entry.watch(self, made, record)
        return self._code

    def tier_stats(self) -> TierStats:
        """How many functions have been compiled in which way, and how long that took."""
        return self.load().stats

    def __copy__(self) -> Self:
        return self  # it does not change

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        code = self.serialize() if self._image is not None else None
        binary = bytes(self.wasm.data) if code is None else b""
        return _unpickled, (self.engine, binary, code, self.name or "")

    def debug_names(self) -> DebugNames:
        return DebugNames(self.name, self.wasm)

    @property
    def imports(self) -> list[WM.Import]:
        return self.wasm.imports

    @property
    def exports(self) -> list[WM.Export]:
        return self.wasm.exports

    def __repr__(self) -> str:
        return f"<grus.Module {self.name or ''}>".replace(" >", ">")

    def _repr_html_(self) -> str:
        """Imports and exports as a table, for notebooks."""
        import html

        wasm = self.wasm
        rows = []
        functions = 0
        for item in wasm.imports:
            ty: object = item.type
            if item.kind == WM.FUNC:
                ty = wasm.func_type(functions)
                functions += 1
            rows.append(("import", f"{item.module}.{item.name}", WM.KIND_NAMES[item.kind], ty))
        for export in wasm.exports:
            items = (wasm.funcs, wasm.tables, wasm.memories, wasm.globals, wasm.tags)[export.kind]
            if export.kind == WM.FUNC:
                ty = wasm.func_type(export.index)
            else:
                ty = items[export.index].type  # type: ignore[union-attr]
            rows.append(("export", export.name, WM.KIND_NAMES[export.kind], ty))
        cells = [
            f"<tr><td>{way}</td><td>{html.escape(name)}</td><td>{kind}</td>"
            f"<td>{html.escape(repr(ty))}</td></tr>"
            for way, name, kind, ty in rows
        ]
        return f"<table><caption>{html.escape(repr(self))}</caption>{''.join(cells)}</table>"


class DebugNames:
    """Names for backtraces, without keeping the Module."""

    def __init__(self, name: str | None, wasm: WM.Module) -> None:
        self.name = name
        self._wasm = wasm
        self._lines: ModuleLines | None = None
        if any(custom.name == ".debug_line" for custom in wasm.customs):
            self._lines = ModuleLines(wasm)

    def function_name(self, index: int) -> str:
        return self._wasm.func_name(index)

    def frame(self, index: int, at: int) -> Frame:
        """The frame of a function at an offset of the module, -1 for an unknown one."""
        wasm = self._wasm
        inside = at - wasm.body(index).start if at >= 0 else -1
        debug_name = wasm.names.functions.get(index)
        lines = self._lines if at >= 0 else None
        return Frame(index, wasm.func_name(index), self.name, at, inside, debug_name, lines)


def _unpickled(engine: Engine, binary: bytes, code: bytes | None, name: str) -> Module:
    """A module from a pickle. What another Grus or machine compiled is compiled again."""
    if code is not None:
        from grus.engine.serialize import SerializeError, source

        try:
            module = Module.deserialize(code, engine)
        except SerializeError:
            binary = source(code)
        else:
            module.name = name or None
            return module
    return Module(binary, engine, name=name)


def _bytes(source: Source) -> bytes | memoryview:
    """A source as bytes that do not change."""
    if isinstance(source, str):
        return source.encode()
    return bytes(source) if isinstance(source, bytearray) else source


def _entry(engine: Engine, source: Source) -> Entry | None:
    """The module's place in the cache of an Engine that has one."""
    if engine.cache is None:
        return None
    from grus.engine.cached import Entry

    return Entry(engine.cache, engine, _bytes(source))


def _binary(source: Source) -> tuple[bytes | memoryview, WatModule | None]:
    """The binary of a source, and its text, which is a str, or bytes that begin as a text can."""
    if isinstance(source, str) or bytes(source[:1]) in (b"(", b";", b" ", b"\n", b"\t", b"\r"):
        from grus.wasm.text import parse_wat

        text = parse_wat(source if isinstance(source, str) else bytes(source))
        return text.binary, text
    return _bytes(source), None
