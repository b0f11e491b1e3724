"""Functions and data compiled into this process.

A `JITModule` collects definitions; `finish` lays all new ones out as one image, resolves
relocations and makes it executable, and may be called again after further definitions. Symbols
that no one defined are looked up in the process. `module["f"]` is a Python callable.

With `redefinable=True` every function has pages of its own and all calls between functions go
through a word of data, so that `redefine` and `free` of one function are possible at any time,
from any code that runs. Code is never patched.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Final

from grus.backend import unwind
from grus.backend.emit import CompiledFunction, Reloc
from grus.backend.settings import Settings
from grus.backend.target import Target
from grus.base.errors import GrusError, Unsupported
from grus.host import cpu, libc
from grus.host.machine import TARGET, callables
from grus.host.machine import unwind as target_unwind
from grus.ir.function import Function, Signature
from grus.ir.printer import print_function
from grus.link import debug, unwinding
from grus.link import library as lib
from grus.link.module import LIBCALLS, Data, LinkError, Module, parse_one, plain
from grus.link.trampoline import trampoline, trampoline_name

__all__ = ["JITModule", "LinkError", "native_settings"]

_NEAR: Final = ("X86PCRel4", "X86CallPCRel4", "X86CallPLTRel4")
_TLS: Final = ("ElfX86_64TlsGd", "ElfX86_64TpOff", "MachOX86_64Tlv", "X86SecRel")
_CALLS: Final = ("X86CallPCRel4", "X86CallPLTRel4")


def native_settings() -> Settings:
    """Default settings with the features of this processor."""
    settings = TARGET.settings()
    for name in settings.rows:
        if name.startswith("has_") and cpu.has(name[4:]):
            settings.enable(name)
    return settings


class _Layout:
    """An image under construction: where everything is, as offsets from its start."""

    __slots__ = ("code_end", "data", "data_end", "functions", "got", "size", "veneers")

    def __init__(self) -> None:
        self.functions: dict[str, int] = {}
        self.data: dict[str, int] = {}
        self.got: dict[str, int] = {}
        self.veneers: dict[str, int] = {}
        self.size = 0
        self.code_end = 0
        self.data_end = 0

    def room(self, size: int, align: int) -> int:
        at = (self.size + align - 1) & -align
        self.size = at + size
        return at


class _Entries:
    """Entry points that stay while functions change: a page of jumps and a page of words."""

    SIZE: Final = libc.PAGE // callables.JUMP_SIZE

    def __init__(self) -> None:
        start = lib.library().reserve(2 * libc.PAGE)
        self.image = lib.Image(start, 2 * libc.PAGE, libc.PAGE)
        self.used = 0
        code = bytearray()
        for index in range(self.SIZE):
            distance = libc.PAGE + 8 * index - callables.JUMP_SIZE * index
            code += callables.jump_through(distance)
        lib.library().place(self.image, bytes(code), bytes(libc.PAGE), b"")

    def add(self) -> tuple[int, int]:
        """Address of a fresh jump and of its word."""
        index = self.used
        self.used += 1
        start = self.image.start
        return start + callables.JUMP_SIZE * index, start + libc.PAGE + 8 * index


class JITModule(Module):
    """Functions and data linked together in this process.

    The code lives as long as this object or a callable of it; whoever keeps only an address must
    keep the module too.
    """

    def __init__(
        self,
        target: Target | None = None,
        settings: Settings | None = None,
        redefinable: bool = False,
        keep_ir: bool = True,
    ) -> None:
        """Without settings, those of this processor. `keep_ir` is for `ir` and `disasm`."""
        super().__init__(target, settings if settings is not None else native_settings())
        self.redefinable = redefinable
        self._keep_ir = keep_ir
        self._ir: dict[str, Function] = {}
        self._addresses: dict[str, int] = {}
        self._pending: list[str] = []
        self._pending_data: list[Data] = []
        self._slots: dict[str, Any] = {}
        self._callables: dict[str, Any] = {}
        self._hosts: dict[str, tuple[object, object]] = {}
        self._entries: list[_Entries] = []
        self._entry_of: dict[str, tuple[int, int]] = {}
        self._image_of: dict[str, lib.Image] = {}
        self._images: list[lib.Image] = []
        self._locations: dict[int, tuple[str, int, int]] = {}
        weakref.finalize(self, _free_images, self._images).atexit = False

    # ---- definitions ----

    def _before_compiling(self, func: Function) -> None:
        if debug.gdb_wants_lines():
            from grus.link.gdb import write_source

            write_source(func, self._locations)

    def _defined(self, func: Function | None, compiled: CompiledFunction) -> None:
        super()._defined(func, compiled)
        name = plain(compiled.name)
        self._pending.append(name)
        if func is not None and self._keep_ir:
            self._ir[name] = func
        if self.redefinable:
            self._entry(name)

    def define_data(
        self,
        name: str,
        contents: bytes | int,
        align: int = 8,
        relocs: list[tuple[int, str, int]] | None = None,
        section: str = "",
    ) -> Data:
        """As `Module.define_data`. Raises LinkError for thread-local data."""
        data = super().define_data(name, contents, align, relocs, section)
        if data.decl.tls:
            raise LinkError(f"{data.decl.name}: thread-local data in this process")
        self._pending_data.append(data)
        return data

    def define_host(self, name: str, sig: Signature, function: Callable[..., Any]) -> None:
        """Define a function that calls a Python callable.

        Its exceptions leave the compiled code and appear at the call of the callable. Call it with
        the GIL held only. Raises Unsupported for other conventions than `system_v` and for types
        other than i8 to i64, f32 and f64.
        """
        convert = lib.converter(sig.returns, plain(name))
        code = lib.host_code(function, convert, sig)
        self.declare_function(name, sig)
        self._hosts[plain(name)] = (function, convert)
        self.define_bytes(name, code).unwind = list(callables.FRAME_ROWS)

    def define_throw(self, name: str) -> None:
        """Define a function that throws to the handlers of `try_call`s:
        `(entry fp: i64, exit fp: i64, exit pc: i64, tag: i32, payload: i64, payload: i64)` in any
        convention but `windows_fastcall`, as `__cranelift_throw` of Cranelift's tests.

        Frames are looked at from the one at `exit fp`, whose function goes on at `exit pc` (0: it
        does not), to below the one at `entry fp` (0: as far as library code goes). When no handler
        takes the tag, `unwinding.Uncaught` is raised at the callable.
        """
        helper = f"{plain(name)}.find"
        self.define_host(helper, unwinding.FIND, unwinding.find_handler)
        code, field = callables.throw_stub()
        reloc = Reloc(field, "X86CallPCRel4", helper, -4)
        self.define_bytes(name, code, [reloc]).unwind = list(callables.THROW_ROWS)

    def symbol(self, name: str, address: int) -> None:
        """Give the address of an external name."""
        self._addresses[plain(name)] = address

    # ---- addresses ----

    def address(self, name: str) -> int:
        """Where a name is; of a defined one after `finish`. Raises LinkError."""
        name = plain(name)
        entry = self._entry_of.get(name)
        if entry is not None:
            return entry[0]
        found = self._addresses.get(name)
        if found is not None:
            return found
        if name in self.functions or name in self.data:
            raise LinkError(f"{name} has no address before finish()")
        try:
            return libc.symbol(LIBCALLS.get(name, name))
        except libc.HostError:
            raise LinkError(f"%{name} is not defined") from None

    def _entry(self, name: str) -> tuple[int, int]:
        entry = self._entry_of.get(name)
        if entry is None:
            if not self._entries or self._entries[-1].used == _Entries.SIZE:
                self._entries.append(_Entries())
                self._images.append(self._entries[-1].image)
            entry = self._entry_of[name] = self._entries[-1].add()
        return entry

    # ---- linking ----

    def finish(self) -> None:
        """Place and link what was defined since the last time. Raises LinkError."""
        lib.library().collect()
        names, self._pending = self._pending, []
        data, self._pending_data = self._pending_data, []
        groups = [[name] for name in names] if self.redefinable else [names]
        for index, group in enumerate(groups or [[]]):
            if group or data:
                self._place(group, data if index == 0 else [])

    def _place(self, names: list[str], data: list[Data]) -> None:
        """One image of these functions and data objects."""
        owner = lib.library()
        functions = [(name, self.functions[name]) for name in names]
        at = self._lay_out(functions, data)
        described = [(name, func) for name, func in functions if func.unwind]
        frames_at = -1
        frames = b""
        fields: list[int] = []
        if described and self.settings.values["unwind_info"]:
            frames, fields = unwind.eh_frame([func for _, func in described], target_unwind.DWARF)
            frames_at = at.room(len(frames), 8)
        at.code_end = at.size
        for item in data:
            if item.decl.writable:
                continue
            at.data[item.decl.name] = at.room(item.size, item.align)
            at.code_end = at.size
        code_size = libc.page_align(max(at.code_end, 1))
        at.size = code_size
        for item in data:
            if item.decl.writable:
                at.data[item.decl.name] = at.room(item.size, item.align)
        start = owner.reserve(at.size)
        image = lib.Image(start, at.size, code_size)
        image.locations = self._locations
        for table in (at.functions, at.data):
            for name, offset in table.items():
                self._addresses[name] = start + offset
        try:
            out = self._fill(at, functions, data, start)
        except GrusError:
            owner.release(start, at.size)
            raise
        if frames_at >= 0:
            starts = [start + at.functions[name] for name, _ in described]
            frames = unwind.place_eh_frame(frames, fields, starts, start + frames_at)
            out[frames_at : frames_at + len(frames)] = frames
            image.eh_frame = start + frames_at
        faults = bytearray((at.code_end + 7) // 8)
        for name, func in functions:
            offset = at.functions[name]
            image.functions.append((start + offset, func))
            for place, _ in func.traps:
                faults[offset + place >> 3] |= 1 << (offset + place & 7)
        owner.place(image, bytes(out[: at.code_end]), bytes(out[code_size:]), bytes(faults))
        self._images.append(image)
        for name, _ in functions:
            self._set_slot(name, self._addresses[name])
            self._image_of[name] = image

    def _lay_out(self, functions: list[tuple[str, CompiledFunction]], data: list[Data]) -> _Layout:
        """Places of the code, and of a word and a jump for what may be far."""
        at = _Layout()
        for name, func in functions:
            at.functions[name] = at.room(len(func.code), func.align)
        near = {name for name, _ in functions} | {item.decl.name for item in data}
        for _, func in functions:
            for reloc in func.relocs:
                name = plain(reloc.name)
                if reloc.kind in _TLS:
                    raise LinkError(f"{name}: thread-local data in this process")
                if reloc.kind == "X86GOTPCRel4":
                    at.got.setdefault(name, 0)
                elif reloc.kind in _CALLS and not (
                    name in near or name in self.functions or name in self._entry_of
                ):
                    at.got.setdefault(name, 0)
                    at.veneers.setdefault(name, 0)
        for name in at.got:
            at.got[name] = at.room(8, 8)
        for name in at.veneers:
            at.veneers[name] = at.room(callables.JUMP_SIZE, 8)
        return at

    def _fill(
        self,
        at: _Layout,
        functions: list[tuple[str, CompiledFunction]],
        data: list[Data],
        start: int,
    ) -> bytearray:
        """The bytes of an image at `start`."""
        out = bytearray(b"\xcc" * at.code_end)
        out += bytes(at.size - at.code_end)
        for name, offset in at.got.items():
            out[offset : offset + 8] = self.address(name).to_bytes(8, "little")
        for name, offset in at.veneers.items():
            out[offset : offset + callables.JUMP_SIZE] = callables.jump_through(
                at.got[name] - offset
            )
        for name, func in functions:
            offset = at.functions[name]
            out[offset : offset + len(func.code)] = func.code
            for reloc in func.relocs:
                other = plain(reloc.name)
                if reloc.kind == "X86GOTPCRel4":
                    target = start + at.got[other]
                elif reloc.kind in _CALLS and other in at.veneers:
                    target = start + at.veneers[other]
                else:
                    target = self.address(other)
                _apply(out, offset + reloc.offset, start + offset + reloc.offset, reloc, target)
        for item in data:
            offset = at.data[item.decl.name]
            contents = item.contents if item.contents is not None else bytes(item.size)
            out[offset : offset + item.size] = contents
            for place, symbol, addend in item.relocs:
                value = self.address(symbol) + addend & (1 << 64) - 1
                out[offset + place : offset + place + 8] = value.to_bytes(8, "little")
        return out

    def _set_slot(self, name: str, address: int) -> None:
        entry = self._entry_of.get(name)
        if entry is not None:
            libc.poke(entry[1], address)
        elif name in self._slots:
            self._slots[name][0] = address

    # ---- calling ----

    def __getitem__(self, name: str) -> Any:
        """The function as a Python callable (`library.JITFunction`), linking first when needed.

        Integers are taken from -2**(n-1) to 2**n - 1 and come back signed, or unsigned where the
        result of the signature says `uext`; i8 to i64, f32 and f64 go through a thunk at the price
        of a builtin, other types (i128 as int, vectors as bytes) through memory. For an i64 the
        address of a buffer (bytearray, array, numpy array) is taken, held during the call. The GIL
        is held too. Raises KeyError when there is no such function, Unsupported for structs passed
        by value.
        """
        name = plain(name)
        if self._pending or self._pending_data:
            self.finish()
        known = self._callables.get(name)
        made = known() if known is not None else None
        if made is not None:
            return made
        if name not in self.functions:
            raise KeyError(name)
        sig = self.decls[name].sig
        if sig is None:
            raise LinkError(f"{name} was defined without a signature")
        cells = None
        if any([p.purpose == "sarg" for p in sig.params]):
            raise Unsupported(f"{name}: a struct passed by value, from Python")
        shape = lib.shape_of(sig)
        if shape is None:
            helper = trampoline(name, sig)
            if plain(helper.name) not in self.functions:
                self.define(helper)
            cells = self[trampoline_name(name)]
        entry = self._entry_of.get(name)
        if entry is not None:
            slot, keep = entry[1], None
        else:
            keep = self._slots.setdefault(name, libc.words([self._addresses[name]]))
            slot = libc.address_of(keep)
        made = lib.new_callable(self, name, sig, slot, keep, shape, cells)
        self._callables[name] = weakref.ref(made)
        return made

    def __contains__(self, name: str) -> bool:
        return plain(name) in self.functions

    # ---- changing ----

    def redefine(self, func: Function | str) -> CompiledFunction:
        """Replace a function; calls under way go on in the old code, later ones take the new one.

        Callables, addresses and compiled callers stay valid. The old code is freed when every call
        of a callable that is under way has ended. Raises LinkError when the module is not
        redefinable, the function unknown or its signature another.
        """
        if isinstance(func, str):
            func = parse_one(func)
        name = plain(func.name)
        if not self.redefinable:
            raise LinkError("the module is not redefinable")
        if name not in self.functions:
            raise LinkError(f"{name} is not defined")
        old, old_ir = self.functions.pop(name), self._ir.get(name)
        image = self._image_of.pop(name, None)
        if name in self._pending:
            self._pending.remove(name)
        try:
            compiled = self.define(func)
            self.finish()
        except GrusError:
            self.functions[name] = old
            if old_ir is not None:
                self._ir[name] = old_ir
            if image is not None:
                self._image_of[name] = image
            raise
        self._retire(image)
        return compiled

    def free_function(self, name: str) -> None:
        """Free one function of a redefinable module. A call of it after is a trap with the code
        "freed". Raises LinkError."""
        name = plain(name)
        if not self.redefinable or name not in self.functions:
            raise LinkError(f"{name} is no function that can be freed")
        libc.poke(self._entry_of[name][1], lib.library().freed())
        del self.functions[name]
        self._ir.pop(name, None)
        self._addresses.pop(name, None)
        if name in self._pending:
            self._pending.remove(name)
        self._retire(self._image_of.pop(name, None))

    def _retire(self, image: lib.Image | None) -> None:
        if image is not None:
            self._images.remove(image)
            lib.library().retire(image)

    def free(self) -> None:
        """Give all memory back when every call of a callable that is under way has ended. No code
        of the module may be called again."""
        _free_images(self._images)
        self._addresses.clear()

    # ---- looking ----

    def ir(self, name: str) -> str:
        """The IR of a function as text. Raises KeyError."""
        return print_function(self._ir[plain(name)])

    def disasm(self, name: str) -> str:
        """The assembly of a function, or where its IR was not kept its bytes."""
        name = plain(name)
        compiled = self.functions[name]
        func = self._ir.get(name)
        if func is not None and self.target is TARGET:
            from grus.host.machine import listing

            again, lines, _ = listing.compile_listed(func, self.settings)
            if again.code == compiled.code:
                return "".join([f"{text}\n" for _, _, text in lines])
        rows = [compiled.code[at : at + 16].hex(" ") for at in range(0, len(compiled.code), 16)]
        return "".join([f"{16 * n:6x}  {row}\n" for n, row in enumerate(rows)])


def _free_images(images: list[lib.Image]) -> None:
    owner = lib.library()
    while images:
        owner.retire(images.pop())


def _apply(image: bytearray, at: int, place: int, reloc: Reloc, target: int) -> None:
    """Fill the field of a relocation at `at` of the image, which lies at address `place`."""
    if reloc.kind == "Abs8":
        value = target + reloc.addend & (1 << 64) - 1
        image[at : at + 8] = value.to_bytes(8, "little")
        return
    if reloc.kind not in (*_NEAR, "X86GOTPCRel4"):
        raise LinkError(f"relocation {reloc.kind} of {reloc.name}")
    value = target + reloc.addend - place
    if not -(1 << 31) <= value < 1 << 31:
        raise LinkError(f"{reloc.name} is out of reach of a relative call")
    image[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")
