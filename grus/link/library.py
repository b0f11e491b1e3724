"""Library code in this process: where it lies, its traps, and its functions as Python callables.

One `Library` a process, made at the first function that is placed, and never torn down. A call of
a `JITFunction` runs through a thunk of its signature (`backend/x64/callables.py`); what the thunk
does not take — other types, wrong counts — it leaves to `_slow` here, with the same arguments.
"""

from __future__ import annotations

import bisect
import ctypes
import operator
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from grus.backend import unwind
from grus.backend.emit import CompiledFunction
from grus.base import layout
from grus.base.errors import Frame, Trap, Unsupported
from grus.host import capi, libc, objects, pages
from grus.host.handlers import watch_faulthandler
from grus.host.machine import abi, callables, stubs
from grus.host.machine import unwind as target_unwind
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import AbiParam, Signature
from grus.link import debug

if TYPE_CHECKING:
    from grus.link.jit import JITModule

_THUNK_BYTES: Final = 1 << 24
_SIGACTION_SIZE: Final = 152
_SA_SIGINFO: Final = 4
_SA_ONSTACK: Final = 0x08000000
_SIGNALS: Final = (signal.SIGILL, signal.SIGSEGV, signal.SIGBUS)
_AREA: Final = callables.TRAP_AREA
_LIVE: Final = _AREA["live"] // 8
_LETTERS: Final = {T.I8: "b", T.I16: "h", T.I32: "i", T.I64: "l", T.F32: "f", T.F64: "d"}


class Image:
    """Pages of code and data. `functions` are (address, code) in ascending order; bytes from
    `code_size` (a multiple of the page size) on are data."""

    __slots__ = ("code_size", "eh_frame", "functions", "gdb", "locations", "size", "start")

    def __init__(self, start: int, size: int, code_size: int) -> None:
        self.start = start
        self.size = size
        self.code_size = code_size
        self.functions: list[tuple[int, CompiledFunction]] = []
        self.eh_frame = 0  # address, when registered with the unwinder
        self.gdb: object = None
        self.locations: debug.Locations = {}

    def function_at(self, address: int) -> tuple[int, CompiledFunction] | None:
        """The function that holds an address."""
        for start, func in reversed(self.functions):
            if start <= address:
                return (start, func) if address < start + len(func.code) else None
        return None


class Library:
    """Code memory, thunks and the fault handler of library code."""

    def __init__(self) -> None:
        self.arena = pages.arena("library")
        size = self.arena.end - self.arena.start
        self.arena.fault_map = libc.map_pages(size // 8)
        self.area = libc.map_pages(libc.PAGE)
        self.area_words = libc.view(self.area, _AREA.size // 8)
        self._lock = threading.Lock()
        self._starts: list[int] = []
        self._images: list[Image] = []
        self._retired: list[Image] = []
        self._ready = False
        self._freed = 0

    # ---- images ----

    def reserve(self, size: int) -> int:
        """Address of room for an image, not accessible yet. Raises HostError when all is full."""
        with self._lock:
            return self.arena.reserve(size)

    def release(self, start: int, size: int) -> None:
        """Give back room that was reserved and holds no image."""
        with self._lock:
            self.arena.release(start, size)

    def place(self, image: Image, code: bytes, data: bytes, faults: bytes) -> None:
        """Fill the pages of an image that was reserved."""
        with self._lock:
            self.arena.fill(image.start, code, faults)
        if data:
            address = image.start + image.code_size
            libc.protect(address, libc.page_align(len(data)), libc.PROT_READ | libc.PROT_WRITE)
            ctypes.memmove(address, data, len(data))
        with self._lock:
            at = bisect.bisect_left(self._starts, image.start)
            self._starts.insert(at, image.start)
            self._images.insert(at, image)
        if image.eh_frame:
            debug.register_frames(image.eh_frame)
        if debug.enabled:
            image.gdb = debug.announce(image.functions, image.locations)

    def retire(self, image: Image) -> None:
        """Free an image as soon as no call of a callable is under way. May be called from
        anywhere, finalizers included."""
        self._retired.append(image)
        self.collect()

    def collect(self) -> None:
        """Free retired images if no call of a callable is under way; another time when images are
        being changed just now."""
        if self.area_words[_LIVE] or not self._retired or not self._lock.acquire(blocking=False):
            return
        try:
            while self._retired:
                image = self._retired.pop()
                at = bisect.bisect_left(self._starts, image.start)
                del self._starts[at]
                del self._images[at]
                if image.eh_frame:
                    debug.deregister_frames(image.eh_frame)
                if image.gdb is not None:
                    debug.withdraw(image.gdb)
                self.arena.release(image.start, image.size)
        finally:
            self._lock.release()

    def freed(self) -> int:
        """Address of the function that stands for those that were freed: its call is a trap."""
        if not self._freed:
            self._freed = self.reserve(libc.PAGE)
            image = Image(self._freed, libc.PAGE, libc.PAGE)
            image.functions.append((self._freed, _FREED))
            [(offset, _)] = _FREED.traps
            self.place(image, _FREED.code, b"", bytes([1 << offset]))
        return self._freed

    def find(self, address: int) -> Image | None:
        """The image that holds an address."""
        at = bisect.bisect_right(self._starts, address) - 1
        if at >= 0 and address < self._images[at].start + self._images[at].size:
            return self._images[at]
        return None

    # ---- callables ----

    def prepare(self) -> None:
        """What callables need: stubs and the fault handler. Done at the first one."""
        if self._ready:
            return
        self._ready = True
        self.py = capi.layout()
        self.sym = capi.symbols()
        self.thunk_arena = pages.CodeArena("callables", _THUNK_BYTES)
        self._thunks: dict[object, int] = {}
        at = callables.Addresses()
        at.area = self.area
        at.native = _NATIVE
        at.on_trap = id(_on_trap)
        at.slow = id(_slow)
        at.slow_call = pages.arena("stubs").place(stubs.slow_call(self.sym))
        at.bytes_from = libc.symbol("PyBytes_FromStringAndSize")
        at.unsigned = libc.symbol("PyLong_FromUnsignedLongLong")
        at.unraisable = libc.symbol("PyErr_WriteUnraisable")
        self.addresses = at
        self.ranges = callables.Ranges(
            (self.arena.start, self.arena.end - self.arena.start),
            (self.thunk_arena.start, _THUNK_BYTES),
        )
        self._old_actions = libc.map_pages(libc.PAGE)
        self._old: dict[int, Any] = {}
        self._handler = pages.arena("stubs").place(
            callables.library_fault_handler(
                self.ranges, self.arena.fault_map, self.area, self._old_actions, self.sym
            )
        )
        self.arm()
        watch_faulthandler(self)

    def thunk(self, shape: callables.Shape) -> int:
        """Address of the thunk of callables of a shape."""
        address = self._thunks.get(shape.key)
        if address is None:
            code = callables.callable_thunk(shape, self.py, self.sym, self.addresses)
            address = self._thunks[shape.key] = self._place_thunk(code)
        return address

    def _place_thunk(self, code: bytes) -> int:
        """Place a thunk with its unwind information behind it."""
        func = CompiledFunction("callable")
        func.code = code
        func.unwind = list(callables.CALLABLE_ROWS)
        size = len(code) + 7 & -8
        address = self.thunk_arena.reserve(size + 256)
        frames = unwind.placed_eh_frame([(address, func)], target_unwind.DWARF, address + size)
        self.thunk_arena.fill(address, code.ljust(size, b"\xcc") + frames)
        debug.register_frames(address + size)
        if debug.enabled:
            debug.announce([(address, func)], {})
        return address

    def slow_thunk(self, slow: object) -> int:
        """Address of the thunk that leaves every call to the immortal function `slow`."""
        address = self._thunks.get(slow)
        if address is None:
            shared = stubs.StubSet()
            shared.slow_call = self.addresses.slow_call
            code = stubs.slow_thunk(shared, id(slow))
            address = self._thunks[slow] = self._place_thunk(code)
        return address

    def host_thunk(self, shape: callables.Shape, function: object, convert: object) -> bytes:
        """Code that calls a Python object; the caller keeps both alive."""
        return callables.host_thunk(
            shape, id(function), id(convert), self.ranges, self.py, self.sym, self.addresses
        )

    # ---- signals ----

    def arm(self) -> None:
        """Put the fault handler in front, keeping what was there to pass faults on to."""
        for number in _SIGNALS:
            old = (ctypes.c_uint64 * (_SIGACTION_SIZE // 8))()
            _sigaction(number, None, old)
            if old[0] == self._handler:
                continue
            self._old[number] = old
            libc.poke(self._old_actions + 8 * number, old[0])
            new = (ctypes.c_uint64 * (_SIGACTION_SIZE // 8))()
            new[0] = self._handler
            ctypes.c_int.from_buffer(new, 136).value = _SA_SIGINFO | _SA_ONSTACK
            if _sigaction(number, new, None) != 0:
                raise libc.HostError("cannot install the handler for faults of library code")

    def disarm(self) -> None:
        """Put back what `arm` found where the handler is in front."""
        for number in _SIGNALS:
            now = (ctypes.c_uint64 * (_SIGACTION_SIZE // 8))()
            _sigaction(number, None, now)
            if now[0] == self._handler:
                _sigaction(number, self._old[number], None)


_sigaction = libc.libc.sigaction
_sigaction.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]


_library: Library | None = None


def library() -> Library:
    """The library code of this process."""
    global _library
    if _library is None:
        _library = Library()
    return _library


# ---- traps ----

_FREED: Final = CompiledFunction("freed")
_FREED.code, _FREED.traps = callables.TRAP_CODE, [(callables.TRAP_AT, 0)]

_MESSAGES: Final = {
    ops.TRAP_STACK_OVERFLOW: "stack overflow",
    ops.TRAP_INTEGER_OVERFLOW: "integer overflow",
    ops.TRAP_DIVISION_BY_ZERO: "integer division by zero",
    ops.TRAP_BAD_CONVERSION: "conversion to integer out of range",
}


def _on_trap(record: bytes) -> None:
    """Raise the exception of a trap; `record` is its TRAP_AREA."""
    owner = library()
    words = memoryview(record).cast("Q")
    pc = words[_AREA["pc"] // 8]
    count = words[_AREA["count"] // 8]
    first = _AREA["trace"] // 8
    frames: list[Frame] = []
    code = 0
    freed = False
    for place in (pc, *[words[first + n] - 1 for n in range(count)]):
        image = owner.find(place)
        found = image.function_at(place) if image is not None else None
        if found is None:
            continue
        start, func = found
        if func is _FREED:
            freed = True
            continue
        if place == pc:
            code = dict(func.traps).get(pc - start, 0)
        frames.append(Frame(-1, func.name.removeprefix("%"), None, -1, place - start))
    if freed:
        raise Trap("call of a function that was freed", "freed", tuple(frames))
    if code == ops.TRAP_HEAP_OUT_OF_BOUNDS:
        message = f"no access to address {words[_AREA['addr'] // 8]:#x}"
    else:
        message = _MESSAGES.get(code) or f"trap {ops.trap_name(code)}"
    if frames:
        message += f" in {frames[0].func_name}"
    raise Trap(message, ops.trap_name(code), tuple(frames))


# ---- callables ----


class _JITFunctionBase:
    """Python part of a JITFunction."""

    __slots__ = ("__weakref__", "_cells", "_module", "_name", "_sig", "_slot")

    _module: JITModule
    _name: str
    _sig: Signature
    _slot: object
    _cells: Any

    @property
    def __name__(self) -> str:
        return self._name

    @property
    def module(self) -> JITModule:
        """The module that holds the code; it lives as long as this callable."""
        return self._module

    @property
    def signature(self) -> Signature:
        """Parameters, results and convention."""
        return self._sig

    @property
    def address(self) -> int:
        """Where the code is, for C and for other code."""
        return self._module.address(self._name)

    @property
    def code(self) -> bytes:
        """The machine code before linking."""
        return self._module.functions[self._name].code

    @property
    def ir(self) -> str:
        """The IR, as text; after the passes that ran on it."""
        return self._module.ir(self._name)

    def disasm(self) -> str:
        """Assembly, one instruction a line."""
        return self._module.disasm(self._name)

    def __repr__(self) -> str:
        return f"<grus.JITFunction {self._name}{signature_text(self._sig)}>"


JITFunction: Any = objects.callable_type("grus.JITFunction", _JITFunctionBase)
JITFunction.__doc__ = "A function of a JITModule. Call it."
_NATIVE: Final = _JITFunctionBase.__basicsize__
_FUNCREF: Final = _NATIVE + layout.FUNC_NATIVE["funcref"]
_VECTORCALL: Final = _NATIVE + layout.FUNC_NATIVE["vectorcall"]


def signature_text(sig: Signature) -> str:
    """`(i32, f64) -> i32`."""
    params = ", ".join([T.NAMES[p.ty] for p in sig.params])
    returns = ", ".join([T.NAMES[r.ty] for r in sig.returns])
    return f"({params}) -> {returns}" if returns else f"({params})"


def shape_of(sig: Signature) -> callables.Shape | None:
    """The shape of a signature that thunks can serve, else None. Raises Unsupported."""
    if sig.call_conv == "winch":  # it keeps no register that thunks need
        return None
    places = abi.layout(sig)
    parts = [*places.args, *places.results]
    values = [*sig.params, *sig.returns]
    if places.result_pointer >= 0 or places.stack_results or any(places.structs):
        return None
    if any(v.ty not in _LETTERS for v in values) or any(len(p) != 1 for p in parts):
        return None
    params = "".join([_LETTERS[p.ty] for p in sig.params])
    results = "".join([_LETTERS[r.ty] for r in sig.returns])
    return callables.Shape(places, params, results)


def new_callable(
    module: JITModule,
    name: str,
    sig: Signature,
    slot: int,
    keep: object,
    shape: callables.Shape | None,
    cells: Any,
) -> Any:
    """A callable for the function whose address is in the word at `slot`, held by `keep`.

    Without a shape, arguments and results go through memory and `cells`, the callable of a
    trampoline.
    """
    owner = library()
    owner.prepare()
    func = JITFunction()
    func._module = module
    func._name = name
    func._sig = sig
    func._slot = keep
    func._cells = cells
    thunk = owner.slow_thunk(_slow_cells) if shape is None else owner.thunk(shape)
    libc.poke(id(func) + _FUNCREF, slot)
    libc.poke(id(func) + _VECTORCALL, thunk)
    return func


def _check_call(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if kwargs:
        raise TypeError(f"{func._name}() takes no keyword arguments")
    wanted = len(func._sig.params)
    if len(args) != wanted:
        raise TypeError(
            f"{func._name}() takes {wanted} argument{'s' * (wanted != 1)} "
            f"but {len(args)} {'were' if len(args) != 1 else 'was'} given"
        )


def _slow(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Arguments were not of the exact types: convert them, or say what is wrong."""
    _check_call(func, args, kwargs)
    exact: list[Any] = []
    buffers: list[Any] = []
    try:
        for index, (arg, param) in enumerate(zip(args, func._sig.params, strict=True)):
            if param.ty == T.I64 and not isinstance(arg, int):
                arg = _buffer_address(arg, buffers)
            exact.append(to_exact(arg, param, f"{func._name}(): argument {index + 1}"))
        return func(*exact)
    finally:
        for buffer in buffers:
            _release_buffer(buffer)


_BUFFER_SIZE: Final = 80  # of a Py_buffer; its first word is the address
_get_buffer = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_void_p, ctypes.c_int)(
    ("PyObject_GetBuffer", ctypes.pythonapi)
)
_release_buffer = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(("PyBuffer_Release", ctypes.pythonapi))


def _buffer_address(value: Any, buffers: list[Any]) -> Any:
    """Address of the contiguous bytes of a buffer, kept in `buffers` until released; any other
    object, and one that is a number itself, as it is. Raises BufferError for a buffer that is not
    contiguous."""
    try:
        return operator.index(value)
    except TypeError:
        pass
    buffer = ctypes.create_string_buffer(_BUFFER_SIZE)
    try:
        _get_buffer(value, ctypes.addressof(buffer), 0)
    except TypeError:
        return value
    buffers.append(buffer)
    return int.from_bytes(buffer.raw[:8], "little")


def _slow_cells(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Signatures without a thunk: through memory."""
    _check_call(func, args, kwargs)
    returns = func._sig.returns
    cell = 16
    given = bytearray(cell * max(len(args), 1))
    for index, (arg, param) in enumerate(zip(args, func._sig.params, strict=True)):
        raw = to_bytes(arg, param, f"{func._name}(): argument {index + 1}")
        given[cell * index : cell * index + len(raw)] = raw
    source = ctypes.create_string_buffer(bytes(given), len(given))
    results = ctypes.create_string_buffer(cell * max(len(returns), 1))
    func._cells(ctypes.addressof(source), ctypes.addressof(results))
    values = [
        from_bytes(results.raw[cell * n : cell * n + T.BITS[r.ty] // 8], r)
        for n, r in enumerate(returns)
    ]
    if not values:
        return None
    return values[0] if len(values) == 1 else tuple(values)


def to_exact(value: Any, param: AbiParam, what: str) -> Any:
    """`value` as an exact int or float that fits a parameter.

    Accepts `__index__` for integers and `__float__` or `__index__` for floats. Raises TypeError
    or OverflowError beginning with `what`.
    """
    name = T.NAMES[param.ty]
    if T.is_int(param.ty):
        try:
            number = int(operator.index(value))
        except TypeError:
            raise TypeError(f"{what}: expected {name}, got {type(value).__name__}") from None
        bits = T.BITS[param.ty]
        if not -(1 << bits - 1) <= number < 1 << bits:
            raise OverflowError(f"{what}: {number} does not fit {name}")
        return number
    if type(value) is float:
        return value
    if isinstance(value, (str, bytes)) or not (
        hasattr(value, "__float__") or hasattr(value, "__index__")
    ):
        raise TypeError(f"{what}: expected {name}, got {type(value).__name__}")
    return float.__float__(float(value))


def to_bytes(value: Any, param: AbiParam, what: str) -> bytes:
    """`value` as the bytes of a parameter: numbers, or for other types bytes of the same size."""
    size = T.BITS[param.ty] // 8
    if T.is_int(param.ty):
        number: int = to_exact(value, param, what)
        return (number & (1 << 8 * size) - 1).to_bytes(size, "little")
    if param.ty == T.F32:
        return bytes(ctypes.c_float(to_exact(value, param, what)))
    if param.ty == T.F64:
        return bytes(ctypes.c_double(to_exact(value, param, what)))
    if not isinstance(value, (bytes, bytearray)) or len(value) != size:
        raise TypeError(f"{what}: expected {size} bytes for {T.NAMES[param.ty]}")
    return bytes(value)


def from_bytes(raw: bytes, result: AbiParam) -> Any:
    """The Python value of a result."""
    if T.is_int(result.ty):
        return int.from_bytes(raw, "little", signed=result.extend != "uext")
    if result.ty == T.F32:
        return ctypes.c_float.from_buffer_copy(raw).value
    if result.ty == T.F64:
        return ctypes.c_double.from_buffer_copy(raw).value
    return raw


def converter(returns: list[AbiParam], name: str) -> Callable[[Any], Any]:
    """What turns a host function's result into exact objects, or raises TypeError."""
    what = f"{name}() returned a wrong value"

    def convert(result: Any) -> Any:
        if not returns:
            raise TypeError(f"{what}: expected None, got {type(result).__name__}")
        if len(returns) == 1:
            return to_exact(result, returns[0], what)
        if not isinstance(result, (tuple, list)) or len(result) != len(returns):
            raise TypeError(f"{what}: expected {len(returns)} values")
        return tuple([to_exact(v, r, what) for v, r in zip(result, returns, strict=True)])

    return convert


def host_code(function: Callable[..., Any], convert: Callable[[Any], Any], sig: Signature) -> bytes:
    """Code of a function of this signature that calls a Python callable. Raises Unsupported."""
    owner = library()
    owner.prepare()
    shape = shape_of(sig)
    if shape is None or sig.call_conv not in ("system_v", "fast"):
        raise Unsupported(f"a Python function as {signature_text(sig)} {sig.call_conv}")
    return owner.host_thunk(shape, function, convert)
