"""What is linked together: functions and data with names, whatever they become in the end.

`Module` collects declarations and definitions; `jit.JITModule` puts them into this process and
`object.module.ObjectModule` into an object file. After `cranelift-module`.

Names are plain (`foo`); the text form of the IR (`%foo`) is accepted everywhere and means the same.
"""

from __future__ import annotations

from typing import Final

from grus.backend.compile import compile_function
from grus.backend.emit import CompiledFunction, Reloc
from grus.backend.settings import Settings
from grus.backend.target import Target
from grus.base.errors import GrusError, expect
from grus.ir.function import FuncRef, Function, GlobalValue, Signature
from grus.ir.parser import parse_file
from grus.ir.verifier import check


class LinkError(GrusError):
    """A symbol that is not defined, defined twice, declared differently, or out of reach."""


IMPORT: Final = "import"
LOCAL: Final = "local"
HIDDEN: Final = "hidden"
PREEMPTIBLE: Final = "preemptible"
EXPORT: Final = "export"
LINKAGES: Final = (IMPORT, LOCAL, HIDDEN, PREEMPTIBLE, EXPORT)
"""Who sees a symbol: defined elsewhere; this module; this image; all, and may be replaced by
another's; all. A later declaration can only widen."""

# Names of `cranelift_codegen::ir::LibCall` and the C functions that do them.
LIBCALLS: Final = {
    "CeilF32": "ceilf",
    "CeilF64": "ceil",
    "FloorF32": "floorf",
    "FloorF64": "floor",
    "TruncF32": "truncf",
    "TruncF64": "trunc",
    "NearestF32": "nearbyintf",
    "NearestF64": "nearbyint",
    "FmaF32": "fmaf",
    "FmaF64": "fma",
    "Memcpy": "memcpy",
    "Memset": "memset",
    "Memmove": "memmove",
    "Memcmp": "memcmp",
}


def plain(name: str) -> str:
    """A name without the `%` of its text form."""
    return name[1:] if name[:1] == "%" else name


def parse_one(text: str) -> Function:
    """The function of a text. Raises ParseErrors, and LinkError when there is not just one."""
    functions = parse_file(text).functions
    if len(functions) != 1:
        raise LinkError(f"{len(functions)} functions in a text for one; see define_text")
    return functions[0].func


class Decl:
    """A declared symbol. `sig` is None for data and for functions known by their use only."""

    __slots__ = ("is_data", "linkage", "name", "sig", "tls", "writable")

    def __init__(self, name: str, linkage: str, is_data: bool) -> None:
        self.name = name
        self.linkage = linkage
        self.is_data = is_data
        self.sig: Signature | None = None
        self.writable = False
        self.tls = False


class Data:
    """A defined data object. `contents` is None for `size` zero bytes. `relocs` are absolute
    addresses in it: (offset, symbol, addend), 8 bytes each. `section` is "" for the usual one."""

    __slots__ = ("align", "contents", "decl", "relocs", "section", "size")

    def __init__(self, decl: Decl, contents: bytes | None, size: int, align: int) -> None:
        self.decl = decl
        self.contents = contents
        self.size = size
        self.align = align
        self.relocs: list[tuple[int, str, int]] = []
        self.section = ""


class Module:
    """Declarations and definitions. Subclasses say what `finish` makes of them."""

    def __init__(self, target: Target | None = None, settings: Settings | None = None) -> None:
        """The default target is this machine, with its default settings."""
        if target is None:
            from grus.host.machine import TARGET

            target = TARGET
        if not hasattr(target, "is_move"):
            raise TypeError(f"target: expected a Target, got {type(target).__name__}")
        self.target: Target = target
        self.settings: Settings = settings if settings is not None else target.settings()
        expect(self.settings, Settings, "settings")
        self.decls: dict[str, Decl] = {}
        self.functions: dict[str, CompiledFunction] = {}
        self.data: dict[str, Data] = {}
        self._anonymous = 0

    # ---- declarations ----

    def declare_function(self, name: str, sig: Signature, linkage: str = EXPORT) -> Decl:
        """Declare a function. Raises LinkError when it was declared otherwise."""
        decl = self._declare(name, linkage, False)
        if decl.sig is not None and decl.sig.key() != sig.key():
            raise LinkError(f"{decl.name} is declared with two signatures")
        decl.sig = sig
        return decl

    def declare_data(
        self, name: str, linkage: str = LOCAL, writable: bool = False, tls: bool = False
    ) -> Decl:
        """Declare a data object. Raises LinkError when it was declared otherwise."""
        known = plain(name) in self.decls
        decl = self._declare(name, linkage, True)
        if known and decl.tls != tls:
            raise LinkError(f"{decl.name} is declared both thread-local and not")
        decl.tls = tls
        decl.writable = decl.writable or writable
        return decl

    def declare_anonymous_data(self, writable: bool = False) -> Decl:
        """Declare a data object with a name of its own, seen by this module only."""
        while True:
            self._anonymous += 1
            name = f"anonymous_data_{self._anonymous}"
            if name not in self.decls:
                return self.declare_data(name, LOCAL, writable)

    def _declare(self, name: str, linkage: str, is_data: bool) -> Decl:
        name = plain(name)
        if linkage not in LINKAGES:
            raise LinkError(f"linkage is one of {', '.join(LINKAGES)}, not {linkage!r}")
        decl = self.decls.get(name)
        if decl is None:
            decl = self.decls[name] = Decl(name, linkage, is_data)
        elif decl.is_data != is_data:
            raise LinkError(f"{name} is declared both as function and as data")
        elif LINKAGES.index(linkage) > LINKAGES.index(decl.linkage):
            decl.linkage = linkage
        return decl

    def func_ref(self, func: Function, name: str) -> FuncRef:
        """A reference to a declared function for the body of `func`. Raises LinkError."""
        decl = self.decls.get(plain(name))
        if decl is None or decl.sig is None:
            raise LinkError(f"{name} is no declared function")
        sig = Signature(decl.sig.params, decl.sig.returns, decl.sig.call_conv)
        func.add_sig(sig)
        near = decl.linkage in (LOCAL, HIDDEN, EXPORT)
        return func.add_func(FuncRef("%" + decl.name, sig, colocated=near))

    def data_ref(self, func: Function, name: str) -> GlobalValue:
        """A declared data object for the body of `func`. Raises LinkError."""
        decl = self.decls.get(plain(name))
        if decl is None or not decl.is_data:
            raise LinkError(f"{name} is no declared data object")
        value = GlobalValue("symbol")
        value.name = "%" + decl.name
        value.colocated = decl.linkage in (LOCAL, HIDDEN, EXPORT)
        value.tls = decl.tls
        return func.add_global_value(value)

    # ---- definitions ----

    def define(self, func: Function | str) -> CompiledFunction:
        """Compile a function, given as IR or as its text; with an `opt_level`, optimize it in
        place before. Not declared yet: it is exported.

        Raises what `compile_function` raises, ParseErrors for text, LinkError for a second
        definition.
        """
        if isinstance(func, str):
            func = parse_one(func)
        self._check_new(func.name)
        self.declare_function(func.name, func.sig, self._linkage_of(func.name))
        self._before_compiling(func)
        settings = self.settings
        if settings.values["opt_level"]:
            from grus.opt.pipeline import optimize

            if settings.values["enable_verifier"]:
                check(func)
            optimize(func, settings.values, settings.text("opt_level"))
        compiled = compile_function(func, self.target, settings)
        self._defined(func, compiled)
        return compiled

    def define_text(self, text: str, name: str = "<text>") -> list[str]:
        """Compile all functions of a `.clif` text; gives their names. Raises as `define`."""
        names: list[str] = []
        for function in parse_file(text, name).functions:
            self.define(function.func)
            names.append(plain(function.func.name))
        return names

    def add(self, compiled: CompiledFunction) -> CompiledFunction:
        """Define a function by machine code. Raises LinkError when the name is taken."""
        self._check_new(compiled.name)
        self._declare(compiled.name, self._linkage_of(compiled.name), False)
        self._defined(None, compiled)
        return compiled

    def define_bytes(
        self, name: str, code: bytes, relocs: list[Reloc] | None = None, align: int = 16
    ) -> CompiledFunction:
        """Define a function by bytes; without unwind information."""
        compiled = CompiledFunction(name)
        compiled.code = code
        compiled.align = align
        compiled.relocs = relocs or []
        return self.add(compiled)

    def define_data(
        self,
        name: str,
        contents: bytes | int,
        align: int = 8,
        relocs: list[tuple[int, str, int]] | None = None,
        section: str = "",
    ) -> Data:
        """Define a data object: bytes, or a number of zero bytes. Not declared yet: it is local
        and read-only.

        `relocs` are (offset, symbol, addend): 8 bytes there become the symbol's address plus
        addend. `align` is a power of two. Raises LinkError.
        """
        self._check_new(name)
        decl = self.decls.get(plain(name)) or self.declare_data(name)
        if not decl.is_data:
            raise LinkError(f"{decl.name} is declared as a function")
        if decl.linkage == IMPORT:
            decl.linkage = LOCAL
        if align < 1 or align & align - 1:
            raise LinkError(f"{decl.name}: alignment {align} is no power of two")
        zeros = isinstance(contents, int)
        size = contents if isinstance(contents, int) else len(contents)
        data = Data(decl, None if zeros else bytes(contents), size, align)
        data.section = section
        for offset, symbol, addend in relocs or ():
            if not 0 <= offset <= size - 8:
                raise LinkError(f"{decl.name}: an address at {offset} of {size} bytes")
            data.relocs.append((offset, plain(symbol), addend))
        if data.relocs and data.contents is None:
            data.contents = bytes(size)
        self.data[decl.name] = data
        return data

    def finish(self) -> object:
        """Link what was defined."""
        raise NotImplementedError

    def _linkage_of(self, name: str) -> str:
        decl = self.decls.get(plain(name))
        return EXPORT if decl is None or decl.linkage == IMPORT else decl.linkage

    def _check_new(self, name: str) -> None:
        name = plain(name)
        if name in self.functions or name in self.data:
            raise LinkError(f"{name} is defined twice")

    def _before_compiling(self, func: Function) -> None:
        pass

    def _defined(self, func: Function | None, compiled: CompiledFunction) -> None:
        self.functions[plain(compiled.name)] = compiled
