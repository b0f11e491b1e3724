"""A Store: everything that wasm code of one embedding shares, and the unit that dies together."""

from __future__ import annotations

import time
import weakref

from grus.base import layout
from grus.base.errors import expect
from grus.engine import code, errors
from grus.engine.builtins import builtin_table
from grus.engine.engine import Engine, default_engine
from grus.engine.errors import Frame, OutOfFuel, StoreBusy, StoreClosed, Timeout, Trap
from grus.engine.limits import Limits
from grus.engine.refs import GcStats, References
from grus.engine.tiers import StoreCode
from grus.engine.tracebacks import with_frames
from grus.host import libc
from grus.host.runtime import Runtime, runtime, thread_pointer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from grus.engine.global_ import Global
    from grus.engine.instance import InstanceCore
    from grus.engine.make import Types
    from grus.engine.memory import MemoryCore
    from grus.engine.table import Table
    from grus.engine.tag import Tag

STORE = layout.STORE
_TRAP_FAULT = 2
_TRAP_STACK = 3
_LONG_WAIT_CYCLES = 3_000_000  # about a millisecond: another thread is busy with Python
_SKIPPED_POLLS = 4
_BUSY = STORE["busy"] >> 3
_DEPTH = STORE["depth"] >> 3
_THREAD = STORE["thread"] >> 3


class StoreState:
    """The native side of a Store. It holds no reference to the Store, so that the bound methods
    which machine code calls make no cycle."""

    __slots__ = (
        "closed",
        "context",
        "deadline",
        "engine",
        "epoch_deadline",
        "largest_frame",
        "limits",
        "memories",
        "runtime",
        "words",
    )

    def __init__(self, native: Runtime, engine: Engine, max_wasm_stack: int) -> None:
        self.runtime = native
        self.engine = engine
        self.context = native.new_context()
        # Contexts are never unmapped.
        self.words = libc.view(self.context, STORE.size // 8)
        self.deadline = 0.0  # of time.monotonic; 0: none
        self.epoch_deadline = 1 << 64  # in epochs of the Engine
        self.closed = False
        self.largest_frame = 0
        self.limits = Limits()
        self.memories: list[MemoryCore] = []
        libc.poke(self.context + STORE["max_stack"], max_wasm_stack)

    def get(self, field: str) -> int:
        return self.words[STORE[field] >> 3]

    def set(self, field: str, value: int) -> None:
        self.words[STORE[field] >> 3] = value

    def tick(self) -> None:
        """Called by a poll. Python's own work (signals, other threads) happens on the way in."""
        if self.get("scratch") > _LONG_WAIT_CYCLES:
            self.set("skip", _SKIPPED_POLLS)
        self.check_time()

    def check_time(self) -> None:
        """Raise what ends the running call when its time is over."""
        if self.deadline and time.monotonic() >= self.deadline:
            self.deadline = 0.0
            frames = running_frames(self.context)
            raise with_frames(Timeout("wasm execution timed out", "interrupt", frames))
        if self.engine.epoch >= self.epoch_deadline:
            self.ask()  # so is the next call's
            raise with_frames(Trap("interrupt", "interrupt", running_frames(self.context)))

    def frames(self) -> tuple[Frame, ...]:
        """The frames of wasm that run, of the innermost activation."""
        return running_frames(self.context)

    def make_room(self, size: int) -> bool:
        """Code with frames of `size` bytes is about to run in the running activation. False when
        what runs is already below the bounds that it needs: then the code must not run."""
        if size <= self.largest_frame:
            return True
        if self.get("exit_fp") < self.runtime.lowest(size):
            return False
        self.largest_frame = size
        self.runtime.set_bounds(self.context, size)
        self.set("real_limit", max(self.get("real_limit"), self.get("floor")))
        self.set("limit", (1 << 64) - 1)  # the next poll takes it over
        return True

    def ask(self) -> None:
        """Ask wasm of this Store for a poll, at its next function or loop."""
        self.set("skip", 0)
        self.set("poll", 1)
        self.set("limit", (1 << 64) - 1)

    def on_trap(self) -> None:
        """Called when a trap has ended an activation: raises the exception."""
        kind = self.get("trap_kind")
        pc = self.get("trap_pc")
        # A return address lies after its call, a fault on its instruction.
        first = pc if kind == _TRAP_FAULT else pc - 1
        loaded = code.find(first)
        number = errors.UNREACHABLE
        if kind == _TRAP_STACK:
            number = errors.STACK_OVERFLOW
        elif loaded is not None:
            default = errors.MEMORY_OUT_OF_BOUNDS if kind == _TRAP_FAULT else errors.UNREACHABLE
            number = loaded.image.traps.get(first - loaded.start, default)
        name, message = errors.TRAPS.get(number, (f"user{number}", f"trap {number}"))
        fault = self._fault() if kind == _TRAP_FAULT else None
        if number == errors.OUT_OF_FUEL:
            raise with_frames(OutOfFuel(message, name, self._unwound(first)))
        raise with_frames(Trap(message, name, self._unwound(first), fault))

    def _fault(self) -> tuple[int, int] | None:
        """Address in a memory, and that memory's size, of the access that failed."""
        address = self.get("trap_addr")
        for memory in self.memories:
            if memory.base <= address < memory.base + memory.size:
                return address - memory.base, memory.length
        return None

    def _unwound(self, first: int) -> tuple[Frame, ...]:
        """Frames of `first` (an address, 0 for none), of the recorded return addresses, and of
        those around the host call that ran when the activation began."""
        count = self.get("trace_count")
        addresses = [first] if first else []
        trace = self.context + STORE["trace"]
        addresses += [libc.peek(trace + 8 * i) - 1 for i in range(count)]
        return _frames(addresses) + (running_frames(self.context) if self.get("depth") else ())

    def check_idle(self) -> None:
        """For every use from Python but memory bytes. Raises StoreClosed or StoreBusy."""
        if self.closed:
            raise StoreClosed("the store is closed")
        words = self.words
        if words[_BUSY]:
            raise StoreBusy("the store is in use: it is being polled")
        if words[_DEPTH] and words[_THREAD] != thread_pointer():
            raise StoreBusy("the store is in use by another thread")

    def prepare(self) -> None:
        """Make an entry possible that machine code refused, or raise why it is not."""
        self.check_idle()
        if self.get("thread") == thread_pointer():
            raise RecursionError("maximum recursion depth exceeded: no stack left to enter wasm")
        self.runtime.admit(self.context, self.largest_frame)

    def note_frame(self, size: int) -> None:
        """Code with frames of `size` bytes will run: leave room for them below the floor."""
        if size <= self.largest_frame:
            return
        if not self.get("depth"):
            self.largest_frame = size
            self.set("thread", 0)
        elif not self.make_room(size):  # instantiated from a host function
            raise RecursionError("maximum recursion depth exceeded: no stack left for the module")

    def free(self) -> None:
        """The Store is gone; called once."""
        if not self.closed:
            self.closed = True
            self.engine.states.pop(self.context, None)
            self.runtime.free_context(self.context)


def running_frames(context: int) -> tuple[Frame, ...]:
    """Frames of the wasm around a host call, builtin or poll that is running in the Store with
    this context, of the innermost activation."""
    fp, end = libc.peek(context + STORE["exit_fp"]), libc.peek(context + STORE["act"])
    addresses: list[int] = []
    while fp < end and len(addresses) < layout.TRACE_LENGTH:
        address = libc.peek(fp + 8) - 1
        if code.find(address) is None:
            break
        addresses.append(address)
        older = libc.peek(fp)
        if older <= fp:
            break  # a greenlet's stack that is put aside: what lies here are no frames
        fp = older
    return _frames(addresses)


def _frames(addresses: list[int]) -> tuple[Frame, ...]:
    frames = []
    for address in addresses:
        loaded = code.find(address)
        if loaded is None:
            continue
        offset = address - loaded.start
        for index, at in loaded.image.frames_at(offset):
            if index < 0:
                continue  # between one-pass code and what has replaced a loop of it
            frames.append(loaded.names.frame(index, at))
    return tuple(frames)


class Store:
    """Where instances live. One thread at a time may be inside.

    `close()` (or leaving a `with` block) ends it; later uses raise StoreClosed.
    """

    __slots__ = (
        "__weakref__",
        "_code",
        "_code_tick",
        "_finalizer",
        "_keep",
        "_lazy",
        "_refs",
        "_reservations",
        "_spare_fuel",
        "_state",
        "_tick",
        "_trap",
        "engine",
        "wasi",
    )

    def __init__(self, engine: Engine | None = None, *, max_wasm_stack: int | None = None) -> None:
        self.engine = engine if engine is not None else default_engine()
        expect(self.engine, Engine, "engine")
        self._state = StoreState(
            runtime(), self.engine, max_wasm_stack or self.engine.config.max_wasm_stack
        )
        self._tick = self._state.tick
        self._trap = self._state.on_trap
        self._code = StoreCode(self._state)
        self._lazy = self._code.lazy
        self._code_tick = self._code.tick
        self._state.set("tick", id(self._tick))
        self._state.set("on_trap", id(self._trap))
        self._state.set("lazy", id(self._lazy))
        self._state.set("owner", id(self))
        self.wasi: Any = None  # the program of WASI for a Linker's functions: grus.wasi.Wasi
        self._spare_fuel = 0  # beyond what is counted
        self._keep: list[Any] = []
        self._refs = References(self)
        self._reservations = libc.words(0)
        self._state.set("builtins", builtin_table())
        self._finalizer = weakref.finalize(self, self._state.free)
        self._finalizer.atexit = False

    @property
    def context(self) -> int:
        """Address of the store context."""
        return self._state.context

    def _add_core(self, core: InstanceCore) -> None:
        """A new instance, which lives as long as the Store."""
        self._code.add(core)
        if self._code.promotes:
            self._state.set("tick", id(self._code_tick))

    def _add_reservation(self, start: int, end: int) -> None:
        """Tell the fault handler of a memory. The count goes up last, and a full array is replaced
        by a copy, so that the handler never reads a half-written entry."""
        count = self._state.get("reservation_count")
        array = self._reservations
        if 2 * count == len(array):
            array = libc.words([*array, *[0] * max(len(array), 8)])
            self._keep.append(array)
            self._reservations = array
            self._state.set("reservations", libc.address_of(array))
        array[2 * count] = start
        array[2 * count + 1] = end
        self._state.set("reservation_count", count + 1)

    # ---- objects made by the host; types are names, as in "i32 externref" ----

    def func(
        self,
        function: Callable[..., Any],
        params: Types | None = None,
        results: Types | None = None,
        *,
        name: str = "",
    ) -> Any:
        """A Func that calls a Python function: `store.func(max, "i32 i32", "i32")`. Without types
        those of its annotations are taken: `int` is i32, `float` f64, `object` externref, and
        strings name any type. Raises ValueError for types that there are not, TypeError for
        annotations that are missing or none."""
        from grus.engine.make import make_func

        self._state.check_idle()
        return make_func(self, function, params, results, name)

    def memory(
        self, min: int, max: int | None = None, *, is64: bool = False, page_size: int = 65536
    ) -> Any:
        """A Memory of `min` pages that can grow to `max`. Raises ValueError, HostError when there
        is no room, ResourceLimit."""
        from grus.engine.make import make_memory

        self._state.check_idle()
        return make_memory(self, min, max, is64, page_size)

    def table(
        self, element: str | int, min: int, max: int | None = None, init: Any = None
    ) -> Table:
        """A Table of `min` references that are `init`: `store.table("funcref", 10)`. Raises
        ValueError, TypeError for an `init` of another type, HostError, ResourceLimit."""
        from grus.engine.make import make_table

        self._state.check_idle()
        return make_table(self, element, min, max, init)

    def global_(self, type: str | int, value: Any, *, mutable: bool = False) -> Global:
        """A Global: `store.global_("i64", 5, mutable=True)`. Raises ValueError, TypeError,
        OverflowError."""
        from grus.engine.make import make_global

        self._state.check_idle()
        return make_global(self, type, value, mutable)

    def tag(self, params: Types = "") -> Tag:
        """A Tag of exceptions that carry values of these types. Raises ValueError."""
        from grus.engine.make import make_tag

        self._state.check_idle()
        return make_tag(self, params)

    def set_timeout(self, seconds: float | None) -> None:
        """Raise Timeout in wasm of this Store that still runs after so many seconds from now."""
        self._state.deadline = time.monotonic() + seconds if seconds is not None else 0.0

    def set_fuel(self, fuel: int) -> None:
        """Let wasm execute about `fuel` instructions from now on, then end with OutOfFuel: those
        of later calls, too, until it is set again (engine/translate/fuel.py tells what is counted).

        A Store begins with none. Raises ValueError without `fuel` in the Engine's Config, and for
        a number that is not in 0 to 2**64 - 1.
        """
        self._check_fuel()
        if not 0 <= fuel < 1 << 64:
            raise ValueError(f"{fuel} is no amount of fuel")
        counted = min(fuel, (1 << 63) - 1)
        self._spare_fuel = fuel - counted
        self._state.set("fuel", counted)

    def get_fuel(self) -> int:
        """The instructions that are left. Raises ValueError without `fuel` in the Config."""
        self._check_fuel()
        left = self._state.get("fuel")
        return self._spare_fuel + (left if left < 1 << 63 else 0)

    def _check_fuel(self) -> None:
        self._state.check_idle()
        if not self.engine.config.fuel:
            raise ValueError("fuel is not configured in this store")

    def set_limits(
        self,
        *,
        memory_size: int | None = None,
        table_elements: int | None = None,
        instances: int | None = None,
        tables: int | None = None,
        memories: int | None = None,
    ) -> None:
        """Limit the bytes of each memory, the elements of each table, and how many instances,
        tables and memories there may be from now on; None is no limit. What exists already stays.
        Growth above a limit gives -1; making more raises HostError or ResourceLimit."""
        self._state.check_idle()
        self._state.limits.set(
            memory_size=memory_size,
            table_elements=table_elements,
            instances=instances,
            tables=tables,
            memories=memories,
        )

    def set_epoch_deadline(self, ticks: int) -> None:
        """End wasm of this Store with a Trap of code "interrupt" when the Engine's epoch has been
        incremented `ticks` times from now on, in this call and all later ones until this is set
        again. 0: at once."""
        state = self._state
        state.check_idle()
        state.epoch_deadline = self.engine.epoch + ticks
        self.engine.states[state.context] = state
        if ticks <= 0:
            state.ask()

    def gc(self) -> None:
        """Release the objects that no table, global, handle or running wasm of this Store refers
        to. May be called at any time, also by a function that wasm called or by a finalizer."""
        self._state.check_idle()
        self._refs.collect()
        self._refs.drain()

    def gc_stats(self) -> GcStats:
        """What the collector has done so far."""
        return self._refs.stats

    def close(self) -> None:
        """End the Store. Raises StoreBusy while wasm of it is running."""
        if self._state.closed:
            return
        self._state.check_idle()
        if self._state.get("depth"):
            raise StoreBusy("the store cannot be closed by a function that its wasm called")
        self._finalizer()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<grus.Store closed>" if self._state.closed else "<grus.Store>"
