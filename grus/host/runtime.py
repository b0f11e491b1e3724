"""The native runtime of this process: stubs, store contexts, the fault handler and the ticker.

Made once, at the first Engine (`runtime()`), and never torn down: daemon threads may be in wasm
while the interpreter exits. How the parts work together is `docs/abi.md`.
"""

from __future__ import annotations

import _thread
import ctypes
import os
from array import array
from collections.abc import Callable

from grus.base import layout
from grus.host import capi, libc, pages
from grus.host.handlers import watch_faulthandler
from grus.host.libc import HostError
from grus.host.machine import stubs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


STORE = layout.STORE

MAX_STORES: Final = 1 << 16
_CONTEXT_SIZE: Final = (STORE.size + 63) & -64
_CONTEXTS_A_CHUNK: Final = 64
_TICK_NANOSECONDS: Final = 10_000_000
_RESERVE: Final = 1 << 20
_FRAME_ROOM: Final = 1 << 15
_SIGACTION_SIZE: Final = 152
_SA_SIGINFO: Final = 4
_SA_ONSTACK: Final = 0x08000000
_C_LIBRARY_SIGNALS: Final = (32, 33, 34)  # those of glibc, and one more of musl
_CHUNK_BITS: Final = 10
_CHUNK_MASK: Final = (1 << _CHUNK_BITS) - 1
_SYS_FUTEX: Final = 202
_FUTEX_WAKE_PRIVATE: Final = 129


class Runtime:
    """Addresses of the shared stubs, and the process-wide state behind them."""

    def __init__(self) -> None:
        self.py = capi.layout()
        self.sym = capi.symbols()
        self.wasm = pages.arena("wasm")
        self.stub_pages = pages.arena("stubs")
        self._lock = _thread.RLock()  # a collection that runs meanwhile may free a context
        self._thunks: dict[tuple[str, str, str, int], int] = {}

        data = libc.map_pages(libc.PAGE)
        self._ticker_data = data
        self._store_list = libc.map_pages(8 * MAX_STORES)
        libc.poke(data + stubs.TICKER["stores"], self._store_list)
        libc.poke(data + stubs.TICKER["nanoseconds"], _TICK_NANOSECONDS)
        libc.poke(data + stubs.TICKER["blocked"], _for_other_threads())
        self._ticker_thread = 0
        self._free_slots: list[int] = []
        self._slots = 0
        self._slot_of: dict[int, int] = {}
        self._free_contexts: list[int] = []

        shared = stubs.StubSet()
        shared.parked = data + stubs.TICKER["parked"]
        place = self.stub_pages.place
        shared.landing = place(stubs.landing(kind_trap=True))
        shared.unwind = place(stubs.landing(kind_trap=False))
        shared.slow_call = place(stubs.slow_call(self.sym))
        self.shared = shared
        self.trap_stub = place(stubs.explicit_trap(shared))
        self.entry_stub = place(stubs.poll(self.sym, self.py, shared, at_entry=True))
        self.poll_stub = place(stubs.poll(self.sym, self.py, shared, at_entry=False))
        self._lazy_stub = place(stubs.lazy(self.sym, self.py, shared))
        self._lazy_chunks: list[int] = []
        self._ticker_code = place(stubs.ticker(self.sym))
        self._old_actions = libc.map_pages(libc.PAGE)
        self._handler = place(
            stubs.fault_handler(
                self.wasm.start,
                self.wasm.end - self.wasm.start,
                self.wasm.fault_map,
                self._old_actions,
                shared,
                self.sym,
            )
        )
        self._old_action: Any = None
        self.arm()
        watch_faulthandler(self)
        os.register_at_fork(
            before=self._before_fork,
            after_in_parent=self._after_fork_in_parent,
            after_in_child=self._after_fork_in_child,
        )

    # ---- thunks ----

    def entry_thunk(
        self, params: str, results: str, native: int, slow: object, bad_state: object
    ) -> int:
        """Address of the vectorcall thunk of a signature; `slow` and `bad_state` must be immortal
        functions, `bad_state` and `native` the same in every call."""
        key = ("entry", params, results, id(slow))
        address = self._thunks.get(key, 0)
        if not address:
            code = stubs.entry_thunk(
                params, results, native, self.py, self.sym, self.shared, id(slow), id(bad_state)
            )
            address = self._thunks[key] = self.stub_pages.place(code)
            _kept.extend((slow, bad_state))
        return address

    def slow_thunk(self, slow: object) -> int:
        """Address of the vectorcall thunk that leaves every call to the immortal `slow`."""
        key = ("slow", "", "", id(slow))
        address = self._thunks.get(key, 0)
        if not address:
            code = stubs.slow_thunk(self.shared, id(slow))
            address = self._thunks[key] = self.stub_pages.place(code)
            _kept.append(slow)
        return address

    def host_thunk(self, params: str, results: str) -> int:
        """Address of the code of host functions of a signature."""
        key = ("host", params, results, 0)
        address = self._thunks.get(key, 0)
        if not address:
            code = stubs.host_thunk(params, results, self.py, self.sym, self.shared)
            address = self._thunks[key] = self.stub_pages.place(code)
        return address

    def array_entry(self, params: str, results: str) -> Callable[[int, int, int], int]:
        """A Python callable `(store, funcref, buffer) -> status` for any signature."""
        key = ("array", params, results, 0)
        address = self._thunks.get(key, 0)
        if not address:
            code = stubs.array_entry(params, results, self.sym)
            address = self._thunks[key] = self.stub_pages.place(code)
        return _ARRAY_ENTRY(address)

    # ---- functions that are not compiled yet ----

    def lazy_entry(self, number: int) -> int:
        """Address of the code that jumps through slot `number` of an instance."""
        chunks = self._lazy_chunks
        while number >> _CHUNK_BITS >= len(chunks):
            with self._lock:
                code = stubs.lazy_entries(len(chunks) << _CHUNK_BITS, 1 << _CHUNK_BITS)
                chunks.append(self.stub_pages.place(code))
        return chunks[number >> _CHUNK_BITS] + (number & _CHUNK_MASK) * stubs.LAZY_ENTRY

    def empty_slots(self, count: int) -> array[int]:
        """The code slots of `count` functions of which none is compiled, the last one first."""
        slots = libc.words(0)
        while len(slots) < count:
            first = self.lazy_entry(len(slots)) + stubs.LAZY_SLOT
            more = min(count - len(slots), 1 << _CHUNK_BITS)
            slots.extend(range(first, first + more * stubs.LAZY_ENTRY, stubs.LAZY_ENTRY))
        slots.reverse()
        return slots

    # ---- store contexts ----

    def new_context(self) -> int:
        """Address of a zeroed store context with its stubs filled in, registered for polls.

        Contexts come from chunks that are never unmapped: the ticker may write to one at any time.
        """
        with self._lock:
            if not self._free_contexts:
                chunk = libc.map_pages(_CONTEXT_SIZE * _CONTEXTS_A_CHUNK)
                self._free_contexts += [
                    chunk + _CONTEXT_SIZE * i for i in range(_CONTEXTS_A_CHUNK - 1, -1, -1)
                ]
            context = self._free_contexts.pop()
            slot = self._free_slots.pop() if self._free_slots else self._slots
            if slot == self._slots:
                if slot == MAX_STORES:
                    self._free_contexts.append(context)
                    raise HostError(f"more than {MAX_STORES} stores")
                self._slots += 1
            ctypes.memset(context, 0, _CONTEXT_SIZE)
            # A poll is asked for from the start: if the ticker sleeps, the first one wakes it.
            libc.poke(context + STORE["poll"], 1)
            libc.poke(context + STORE["limit"], (1 << 64) - 1)
            libc.poke(context + STORE["trap_stub"], self.trap_stub)
            libc.poke(context + STORE["entry_stub"], self.entry_stub)
            libc.poke(context + STORE["poll_stub"], self.poll_stub)
            libc.poke(context + STORE["lazy_stub"], self._lazy_stub)
            self._slot_of[context] = slot
            libc.poke(self._store_list + 8 * slot, context)
            libc.poke(self._ticker_data + stubs.TICKER["count"], self._slots)
        return context

    def free_context(self, context: int) -> None:
        """Give a context back; no activation of its store may be left."""
        with self._lock:
            slot = self._slot_of.pop(context)
            libc.poke(self._store_list + 8 * slot, 0)
            self._free_slots.append(slot)
            libc.poke(context + STORE["thread"], 0)
            self._free_contexts.append(context)

    # ---- threads ----

    def admit(self, context: int, largest_frame: int) -> None:
        """Let the calling thread enter a store that nobody is in."""
        self.set_bounds(context, largest_frame)
        libc.poke(context + STORE["thread"], thread_pointer())
        if not self._ticker_thread:
            self._start_ticker()

    def lowest(self, largest_frame: int) -> int:
        """Where the stack pointer of the calling thread may be at least when code with frames of so
        many bytes is called."""
        low, size = _stack_bounds()
        return low + max(min(_RESERVE, size // 2), largest_frame + _FRAME_ROOM)

    def set_bounds(self, context: int, largest_frame: int) -> None:
        """Set the bounds of a store's stack to those of the calling thread.

        A function lowers the stack pointer by its frame before it compares: below `floor` there is
        room for the largest frame of the store's code (bytes), and for Python.
        """
        low, size = _stack_bounds()
        reserve = min(_RESERVE, size // 2)
        libc.poke(context + STORE["floor"], self.lowest(largest_frame))
        libc.poke(context + STORE["host_floor"], low + reserve - reserve // 4)

    def _start_ticker(self) -> None:
        with self._lock:
            if self._ticker_thread:
                return
            for name in ("parked", "stop"):
                address = self._ticker_data + stubs.TICKER[name]
                ctypes.c_uint32.from_address(address).value = 0
            libc.poke(self._ticker_data + stubs.TICKER["idle"], 0)
            thread = ctypes.c_uint64()
            status = _pthread_create(
                ctypes.byref(thread), None, self._ticker_code, self._ticker_data
            )
            if status != 0:
                raise HostError(f"cannot start the ticker thread: {os.strerror(status)}")
            self._ticker_thread = thread.value

    def _stop_ticker(self) -> None:
        thread, self._ticker_thread = self._ticker_thread, 0
        if not thread:
            return
        data = self._ticker_data
        ctypes.c_uint32.from_address(data + stubs.TICKER["stop"]).value = 1
        parked = data + stubs.TICKER["parked"]
        ctypes.c_uint32.from_address(parked).value = 0
        _syscall(_SYS_FUTEX, parked, _FUTEX_WAKE_PRIVATE, 1, 0, 0, 0)
        _pthread_join(thread, None)

    # ---- fork ----

    def _before_fork(self) -> None:
        self._had_ticker = bool(self._ticker_thread)
        self._stop_ticker()

    def _after_fork_in_parent(self) -> None:
        self._ask_again()

    def _after_fork_in_child(self) -> None:
        self._lock = _thread.RLock()
        me = thread_pointer()
        for context in self._slot_of:
            if libc.peek(context + STORE["thread"]) != me:
                # Another thread was inside, and it does not exist here.
                for field in ("depth", "tstate", "busy", "thread"):
                    libc.poke(context + STORE[field], 0)
        self._ask_again()

    def _ask_again(self) -> None:
        """Make the next entry of every idle store go through Python, where the ticker starts."""
        running = False
        for context in self._slot_of:
            if libc.peek(context + STORE["depth"]) == 0:
                libc.poke(context + STORE["thread"], 0)
            else:
                running = True
        if running and self._had_ticker:
            self._start_ticker()

    # ---- signals ----

    def arm(self) -> None:
        """Put the fault handler in front, keeping what was there as the one to pass faults to."""
        old = (ctypes.c_uint64 * (_SIGACTION_SIZE // 8))()
        _sigaction(libc.SIGSEGV, None, old)
        if old[0] == self._handler:
            return
        self._old_action = old
        libc.poke(self._old_actions + 8 * libc.SIGSEGV, old[0])
        new = (ctypes.c_uint64 * (_SIGACTION_SIZE // 8))()
        new[0] = self._handler
        ctypes.c_int.from_buffer(new, 136).value = _SA_SIGINFO | _SA_ONSTACK
        if _sigaction(libc.SIGSEGV, new, None) != 0:
            raise HostError("cannot install the handler for memory faults")

    def disarm(self) -> None:
        """Put back what `arm` found, if the handler is in front."""
        now = (ctypes.c_uint64 * (_SIGACTION_SIZE // 8))()
        _sigaction(libc.SIGSEGV, None, now)
        if now[0] == self._handler:
            _sigaction(libc.SIGSEGV, self._old_action, None)


_kept: Final[list[object]] = []
_ARRAY_ENTRY: Final = ctypes.PYFUNCTYPE(
    ctypes.c_int64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64
)
_sigaction = libc.libc.sigaction
_sigaction.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
_pthread_create = libc.libc.pthread_create
_pthread_create.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
_pthread_join = libc.libc.pthread_join
_pthread_join.argtypes = [ctypes.c_uint64, ctypes.c_void_p]
_pthread_self = libc.libc.pthread_self
_pthread_self.restype = ctypes.c_uint64
_syscall = libc.libc.syscall
_syscall.argtypes = [ctypes.c_long] + [ctypes.c_uint64] * 6
_getattr_np = libc.libc.pthread_getattr_np
_getattr_np.argtypes = [ctypes.c_uint64, ctypes.c_void_p]
_getstack = libc.libc.pthread_attr_getstack
_getstack.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
_attr_destroy = libc.libc.pthread_attr_destroy
_attr_destroy.argtypes = [ctypes.c_void_p]

_thread_bounds = _thread._local()


def thread_pointer() -> int:
    """What `fs:0` holds in this thread: on x86-64 glibc and musl, its `pthread_t`."""
    return int(_pthread_self())


def _stack_bounds() -> tuple[int, int]:
    """Lowest address and size of this thread's stack, asked once a thread (0.2 ms on the main
    thread, whose bounds the C library reads from the kernel)."""
    found: tuple[int, int] | None = getattr(_thread_bounds, "stack", None)
    if found is None:
        attributes = ctypes.create_string_buffer(64)
        if _getattr_np(_pthread_self(), attributes) != 0:
            raise HostError("cannot find the bounds of this thread's stack")
        low, size = ctypes.c_uint64(), ctypes.c_uint64()
        _getstack(attributes, ctypes.byref(low), ctypes.byref(size))
        _attr_destroy(attributes)
        found = (low.value, size.value)
        _thread_bounds.stack = found
    return found


def _for_other_threads() -> int:
    """The kernel's set of the signals that a thread without Python does not take: all but those
    of its own faults, and those that the C library sends to every thread (`setuid`)."""
    kept = (libc.SIGSEGV, libc.SIGBUS, libc.SIGILL, libc.SIGFPE, libc.SIGTRAP)
    blocked = (1 << 64) - 1
    for number in (*kept, libc.SIGABRT, *_C_LIBRARY_SIGNALS):
        blocked &= ~(1 << number - 1)
    return blocked


_runtime: Runtime | None = None
_runtime_lock = _thread.allocate_lock()


def runtime() -> Runtime:
    """The native runtime, made at the first call. Raises HostError where it cannot be."""
    global _runtime
    if _runtime is None:
        with _runtime_lock:
            if _runtime is None:
                _runtime = Runtime()
    return _runtime
