"""External references: headers, the activations table and the collector (docs/externref.md).

An externref is the address of a header that stands for one Python object. A live header owns one
Python reference: the object stands in `References._objects`, a plain list, so that CPython's own
collector sees through the Store. The header's count says how many owners it has: elements of
tables, globals, segments, `ExternRef` handles, and entries of the activations table.

The activations table owns what compiled code holds in locals, operands and arguments, which
therefore count nothing. It is a chunk that machine code fills (`VMStore.next`, `end`) and a set
(`_set`) of what was still in use at the last collection. Together they are an over-approximation:
what is on the stack of wasm is in it. A collection finds the precise set by stack maps, gives each
member one count, and takes away the counts of all old entries.

A count that reaches zero puts the header on the dead list. Objects are released by `drain`, only
when all is consistent and no compiled code is between two steps; their finalizers may do anything.

Nothing here is called without the GIL; the Store lets in one thread at a time. Only handles may die
on any thread: they go through a queue.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Sequence

from grus.base import layout
from grus.base.errors import GrusError, expect
from grus.engine import code
from grus.engine.collector import STATE, native, stack_maps
from grus.host import libc
from grus.host.machine import stubs
from grus.wasm import types as WT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from grus.engine.store import Store

STORE: Final = layout.STORE
_NEXT: Final = STORE["next"] >> 3
_END: Final = STORE["end"] >> 3
_STATE_CHUNK: Final = STATE["chunk"] >> 3
_STATE_CHUNK_END: Final = STATE["chunk_end"] >> 3
_HEADER: Final = layout.EXTERN_HEADER
_ARENA: Final = 1 << 16  # bytes of headers mapped at a time, aligned to their size
_COUNT: Final = _HEADER["count"] >> 3
_SLOT: Final = _HEADER["slot"] >> 3  # and flags in the upper half
_OBJECT: Final = _HEADER["object"] >> 3
_SPARE: Final = _HEADER["spare"] >> 3
_ON_DEAD_LIST: Final = layout.REF_DEAD << 32
_LISTED: Final = layout.REF_LISTED << 32
_POISON: Final = 0xDEAD << 48
CHUNK: Final = 512
"""Least number of entries in the chunk of the activations table."""
_MOST: Final = 1 << 13
"""Entries up to which it grows because collections release nothing."""
_EMPTY_CACHE: Final = libc.words(2 * layout.INTERN_CACHE)
_EMPTY_CACHE_ADDRESS: Final = libc.address_of(_EMPTY_CACHE)
_IDLE: Final = 256
"""Entries at which a Store collects when its outermost call has returned."""


class ExternRef:
    """A counted handle of an external reference, for those who want to see its identity.

    Everywhere else external references are simply Python objects. `close` gives the count back
    early; else that happens when the handle dies, on whatever thread.
    """

    __slots__ = ("__weakref__", "_header", "_refs")

    def __init__(self, store: Store, value: Any) -> None:
        """The handle of `value`, which is not None, in a Store."""
        self._refs: References | None = None
        from grus.engine.store import Store

        expect(store, Store, "store")
        store._state.check_idle()
        if value is None:
            raise TypeError("None is the null reference: it has no handle")
        refs = store._refs
        self._header = refs.intern(value)
        self._refs = refs

    def _open(self) -> References:
        if self._refs is None:
            raise ValueError("the reference has been closed")
        return self._refs

    @property
    def value(self) -> Any:
        """The object. Raises ValueError after `close`."""
        return self._open().object_of(self._header)

    @property
    def strong_count(self) -> int:
        """Owners of the reference, this handle among them. Raises ValueError after `close`."""
        refs = self._open()
        refs.settle()
        return refs.count_of(self._header)

    def close(self) -> None:
        """Give up the reference now; again is allowed."""
        refs, self._refs = self._refs, None
        if refs is not None:
            refs.release(self._header)
            refs.drain()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExternRef):
            return NotImplemented
        return self._open() is other._open() and self._header == other._header

    def __hash__(self) -> int:
        return hash(self._header)

    def __del__(self) -> None:
        if self._refs is not None:
            self._refs.dropped.append(self._header)

    def __enter__(self) -> ExternRef:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._refs is None:
            return "<grus.ExternRef closed>"
        return f"<grus.ExternRef {self._header:#x}>"


class References:
    """The objects and functions that a Store's wasm refers to."""

    __slots__ = (
        "__weakref__",
        "_arena_end",
        "_arena_next",
        "_arenas",
        "_cache",
        "_cache_words",
        "_chunk",
        "_chunk_words",
        "_collecting",
        "_context",
        "_dead",
        "_draining",
        "_free_headers",
        "_free_slots",
        "_funcs",
        "_keep",
        "_objects",
        "_of_object",
        "_quiet_depth",
        "_returning",
        "_returning_fp",
        "_set",
        "_store",
        "_words",
        "collector",
        "dropped",
        "func_info",
        "naive",
        "stats",
        "zeal",
    )

    def __init__(self, store: Store) -> None:
        self._store = weakref.ref(store)
        self._context = store.context
        self._words = libc.view(store.context, STORE.size // 8)
        self._objects: list[Any] = []  # by slot
        self._free_slots: list[int] = []
        self._of_object: dict[int, int] = {}  # id of an object to its header
        self._cache: Any = None  # VMStore.interned, once there is an object
        self._cache_words: memoryview = memoryview(b"")
        self._words[STORE["interned"] >> 3] = _EMPTY_CACHE_ADDRESS
        self._arenas: dict[int, memoryview] = {}  # first address to words
        self._arena_next = 0
        self._arena_end = 0
        self._free_headers: list[int] = []
        self._keep: list[Any] = []
        self._chunk = 0
        self._chunk_words: memoryview = memoryview(b"").cast("B")
        self._set = libc.words(0)
        self._dead: list[int] = []
        self._collecting = False
        self._draining = False
        self._quiet_depth = -1  # no collection at this depth: references are on their way
        self._returning: list[int] = []  # on their way from a host function to wasm
        self._returning_fp = 0
        self.dropped: deque[int] = deque()  # headers of handles that died
        self.collector = store.engine.config.collector
        self.naive = self.collector == "naive"
        self.zeal = store.engine.config.gc_zeal
        self.stats = GcStats(self._words)
        self.func_info: dict[int, tuple[str, WT.FuncType]] = {}  # of host functions
        self._funcs: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    # ---- conversion ----

    def to_raw(self, value: Any, ty: int, what: str) -> int:
        """Address for an object. Raises TypeError when it does not fit the type.

        The caller owns a count of an external reference: to `lend` it, or to `dispose` of.
        """
        if value is None:
            if ty & WT.NULLABLE:
                return 0
            raise TypeError(f"{what}: {WT.type_name(ty)} cannot be None")
        heap = ty & 0xFF
        if heap == WT.EXTERN:
            return self.intern(value)
        if heap in (WT.FUNC, 0):
            from grus.engine.func import Func, funcref_of

            if isinstance(value, Func):
                func: Any = value
                if func._store._refs is not self:
                    raise TypeError(f"{what}: the function belongs to another store")
                if heap == 0:
                    types = func._store.engine.types
                    mine = func._store.engine.func_type_id(func._type)
                    if not types.matches(WT.ref(mine, False), ty):
                        raise TypeError(f"{what}: the function has another type")
                return funcref_of(value)
        raise TypeError(f"{what}: expected {WT.type_name(ty)}, got {type(value).__name__}")

    def from_raw(self, raw: int, ty: int) -> Any:
        """The object or Func of an address."""
        if raw == 0:
            return None
        heap = ty & 0xFF
        if heap in (WT.EXTERN, WT.NOEXTERN):
            return self.object_of(raw)
        func = self._funcs.get(raw)
        if func is None:
            from grus.engine.func import new_func
            from grus.engine.instance import func_info

            store = self._store()
            assert store is not None
            name, type = self.func_info.get(raw) or func_info(raw)
            func = new_func(store, name, type, raw)
            self._funcs[raw] = func
        return func

    def remember(self, raw: int, func: Any) -> None:
        """The Func that a VMFuncRef came with or was first seen as."""
        self._funcs[raw] = func

    # ---- headers ----

    def _header_words(self, header: int) -> tuple[memoryview, int]:
        """The words that hold a header, and where it begins. Raises GrusError for anything else."""
        arena = header & -_ARENA
        words = self._arenas.get(arena)
        if words is None or header % _HEADER.size:
            raise GrusError(f"{header:#x} is no external reference of this store")
        return words, (header - arena) >> 3

    def intern(self, value: Any) -> int:
        """The header of an object, made when there is none. The caller owns a count of it."""
        while True:
            header = self._of_object.get(id(value))
            if header is None:
                break
            # A signal handler may have released the header before it was counted.
            words, at = self._header_words(header)
            words[at + _COUNT] += 1
            if self._of_object.get(id(value)) == header:
                self._know(value, header)
                return header
            words[at + _COUNT] -= 1
        if not self._free_headers:
            self._add_arena()
        header = self._free_headers.pop()
        if self._free_slots:
            slot = self._free_slots.pop()
            self._objects[slot] = value
        else:
            slot = len(self._objects)
            self._objects.append(value)
        words, at = self._header_words(header)
        words[at + _COUNT] = 1
        words[at + _SLOT] = slot
        words[at + _OBJECT] = id(value)
        self._of_object[id(value)] = header
        self._know(value, header)
        return header

    def _know(self, value: Any, header: int) -> None:
        """Let thunks find the header of an object."""
        if self._cache is None:
            self._cache = libc.words(2 * layout.INTERN_CACHE)
            self._cache_words = memoryview(self._cache)
            self._words[STORE["interned"] >> 3] = libc.address_of(self._cache)
        at = (id(value) >> 4) % layout.INTERN_CACHE * 2
        self._cache_words[at] = 0  # never a pair that does not belong together
        self._cache_words[at + 1] = header
        self._cache_words[at] = id(value)

    def prepare(self, value: Any) -> Any:
        """Called by the thunk of a host function whose result it does not know, or for which there
        is no room: gives the same object, known and with room for it."""
        header = self.intern(value)
        if not self._free_entries() or self.zeal:
            self.collect()
            self.drain()
            if not self._free_entries():
                self._grow_chunk(1)
            if self.zeal:
                self._words[_END] = self._words[_NEXT] + 8
        # Back to the count it had. A new header goes to the dead list and is revived at once.
        self.release(header)
        return value

    def dispose(self, raw: int, ty: int) -> None:
        """Give back the count that `to_raw` gave, and release what died."""
        if raw and WT.is_extern(ty):
            self.release(raw)
        self.drain()

    def _add_arena(self) -> None:
        from grus.engine.memory import Mapping

        start = libc.map_pages(2 * _ARENA)
        self._keep.append(Mapping.own(start, 2 * _ARENA))
        arena = (start + _ARENA - 1) & -_ARENA
        self._arenas[arena] = libc.view(arena, _ARENA // 8)
        self._free_headers = list(range(arena + _ARENA - _HEADER.size, arena - 1, -_HEADER.size))

    def object_of(self, header: int) -> Any:
        """The object that a header stands for."""
        words, at = self._header_words(header)
        slot = words[at + _SLOT] & 0xFFFFFFFF
        if words[at + _OBJECT] != id(self._objects[slot]):
            raise GrusError(f"{header:#x} is a released external reference")
        return self._objects[slot]

    def count_of(self, header: int) -> int:
        """How many owners a header has."""
        words, at = self._header_words(header)
        return words[at + _COUNT]

    def own(self, header: int) -> None:
        """One owner more."""
        words, at = self._header_words(header)
        words[at + _COUNT] += 1

    def release(self, header: int) -> None:
        """One owner less; the object is released by the next `drain`."""
        words, at = self._header_words(header)
        count = words[at + _COUNT] - 1
        words[at + _COUNT] = count
        if count == 0:
            self._bury(header, words, at)

    def release_all(self, raws: Sequence[int], types: Sequence[int]) -> None:
        """Take away the counts of those values that are external references."""
        for raw, ty in zip(raws, types, strict=True):
            if raw and WT.is_extern(ty):
                self.release(raw & (1 << 64) - 1)

    def buried(self, header: int) -> None:
        """Compiled code has taken the last count."""
        self._bury(header, *self._header_words(header))

    def buried_list(self, header: int) -> None:
        """Compiled code has taken the last counts of headers that it linked by `spare`."""
        while header:
            words, at = self._header_words(header)
            following = words[at + _SPARE]
            self._bury(header, words, at)
            header = following

    def _bury(self, header: int, words: memoryview, at: int) -> None:
        if not words[at + _SLOT] & _ON_DEAD_LIST:
            words[at + _SLOT] |= _ON_DEAD_LIST
            self._dead.append(header)

    # ---- the activations table ----

    def reserve(self, count: int) -> None:
        """Make room for so many entries, by a collection if need be: never between them."""
        if (self.zeal or self._free_entries() < count) and self.entries():
            self.collect()

    def lend(self, raws: list[int]) -> None:
        """Hand references (not null) to wasm: their counts move into the activations table."""
        if self._free_entries() < len(raws):
            self._grow_chunk(len(raws))
        for raw in raws:
            self._insert(raw)

    def give_back(self, raws: list[int]) -> None:
        """`lend` for results of a host function. They are counted once more until wasm, which has
        them then in its frames, comes back."""
        for raw in raws:
            self.own(raw)
        self._arrived()
        self.reserve(len(raws))
        self._returning = raws
        self._returning_fp = self._words[STORE["exit_fp"] >> 3]
        self.lend(raws)

    def _arrived(self) -> None:
        """What `give_back` gave has reached wasm."""
        raws, self._returning = self._returning, []
        for raw in raws:
            self.release(raw)

    def quiet(self) -> int:
        """Refuse collections at this depth until `resume`: arguments or results are between Python
        and wasm, where only the activations table knows of them."""
        before = self._quiet_depth
        self._quiet_depth = self._words[STORE["depth"] >> 3]
        return before

    def resume(self, before: int) -> None:
        """End what `quiet` began; `before` is what it gave."""
        self._quiet_depth = before

    def _insert(self, raw: int) -> None:
        """Put a reference whose count is there already into the chunk."""
        header, at = self._header_words(raw)
        header[at + _SLOT] |= _LISTED
        words = self._words
        place = words[_NEXT]
        self._chunk_words[(place - self._chunk) >> 3] = raw
        words[_NEXT] = place + 8
        if self.zeal:  # machine code finds the chunk full at every insertion
            words[_END] = place + 8

    def _free_entries(self) -> int:
        return (self._chunk + self._chunk_words.nbytes - self._words[_NEXT]) >> 3

    def _used(self) -> list[int]:
        """The entries of the chunk."""
        return self._chunk_words[: (self._words[_NEXT] - self._chunk) >> 3].tolist()

    def entries(self) -> int:
        """How many entries the activations table has, repetitions included."""
        return (self._words[_NEXT] - self._chunk >> 3) + len(self._set)

    def _grow_chunk(self, more: int) -> None:
        """Room for `more` entries without a collection."""
        used = self._used()
        self._new_chunk(max(CHUNK, 2 * (len(used) + more)))
        for raw in used:
            self._insert(raw)

    def _new_chunk(self, entries: int) -> None:
        """Replace the chunk, which is empty, by one of so many entries."""
        block = libc.words(entries)
        self._chunk = libc.address_of(block)
        self._chunk_words = memoryview(block)
        self._reset()

    def _reset(self) -> None:
        """Make the chunk empty."""
        words = self._words
        words[_NEXT] = self._chunk
        words[_END] = self._chunk + (0 if self.zeal else self._chunk_words.nbytes)

    def insert_full(self, raw: int) -> None:
        """Called by compiled code that found the chunk full."""
        self._arrived()
        self.own(raw)
        self.collect()
        if not self._free_entries():
            self._grow_chunk(1)
        self._insert(raw)
        self.drain()

    # ---- collection ----

    def collect(self) -> None:
        """Take out of the activations table what no frame of wasm refers to. Does nothing when it
        is running already. Objects that die wait for `drain`."""
        if self._collecting or self._words[STORE["depth"] >> 3] == self._quiet_depth:
            return
        if self.collector == "null" or self.naive:
            return
        if self._returning and self._words[STORE["exit_fp"] >> 3] != self._returning_fp:
            self._arrived()
        self._collecting = True
        start = time.perf_counter_ns()
        try:
            entries = self.entries()
            full = not self._free_entries()
            dead = len(self._dead)
            frames = self._sweep_in_python() if self.collector == "python" else self._sweep()
            # A set that has grown large makes each collection dear: let them be rarer. So it is
            # when a full chunk held nothing that died, up to a limit.
            size = self._chunk_words.nbytes >> 3
            room = max(CHUNK, len(self._set) + frames)
            if room > size:
                self._new_chunk(2 * room)
            elif full and len(self._dead) == dead and size <= _MOST >> 1:
                self._new_chunk(2 * size)
        finally:
            self._collecting = False
        self.stats.note(entries, frames, time.perf_counter_ns() - start)

    def _sweep(self) -> int:
        """Walk and sweep in machine code; gives the number of frames."""
        if self.zeal:
            self._check(self._walk()[0])
        maps = stack_maps()
        collect = native()
        words = self._words
        state = libc.words(STATE.size // 8)
        address = libc.address_of(state)
        held = len(self._set)
        state[STATE["set"] >> 3] = libc.address_of(self._set)
        state[STATE["set_count"] >> 3] = held
        state[STATE["maps"] >> 3] = maps.address
        state[STATE["mask"] >> 3] = maps.mask
        for name in ("exit_fp", "act", "depth"):
            state[STATE[name] >> 3] = words[STORE[name] >> 3]
        while True:
            room = self.entries() + 8
            roots, dead = libc.words(room), libc.words(room)
            state[STATE["roots"] >> 3] = libc.address_of(roots)
            state[STATE["dead"] >> 3] = libc.address_of(dead)
            # A signal handler may enter more references up to here, and again when `collect` has
            # come back, but not in between: there is no call in these lines. It finds the chunk
            # empty then, so that nothing is swept twice or lost.
            chunk = self._chunk
            end = words[_NEXT]
            if (end - chunk >> 3) + held <= room:
                state[_STATE_CHUNK] = chunk
                state[_STATE_CHUNK_END] = end
                words[_NEXT] = chunk
                if self.zeal:
                    words[_END] = chunk
                collect(address)
                break
        self._set = roots[: state[STATE["root_count"] >> 3]]
        self._dead += dead[: state[STATE["dead_count"] >> 3]].tolist()
        return state[STATE["frames"] >> 3]

    def _sweep_in_python(self) -> int:
        """The same in Python."""
        roots, frames = self._walk()
        if self.zeal:
            self._check(roots)
        for raw in roots:
            self.own(raw)
        old = self._used() + self._set.tolist()
        self._set = libc.words(roots)
        self._reset()
        for flag, raws in ((0, old), (_LISTED, roots)):
            for raw in raws:
                header, at = self._header_words(raw)
                header[at + _SLOT] = header[at + _SLOT] & ~_LISTED | flag
        for raw in old:
            self.release(raw)
        return frames

    def _walk(self) -> tuple[list[int], int]:
        """The references in frames of wasm, each once, and how many frames there are.

        Each activation of the Store is a run of frames linked by rbp, from the frame of the thunk
        that left wasm to the record of its entry; the thunk keeps where the one before begins.
        """
        found: dict[int, None] = {}
        frames = 0
        words = self._words
        fp = words[STORE["exit_fp"] >> 3]
        record = words[STORE["act"] >> 3]
        place: code.Place | None = None
        for _ in range(words[STORE["depth"] >> 3]):
            before = libc.peek(fp + stubs.HOST_EXIT_FP)
            while fp < record:
                frame = libc.peek(fp)
                if frame >= record:
                    break
                address = libc.peek(fp + 8)
                if place is None or not place.start <= address <= place.end:
                    place = code.find(address - 1)
                if place is not None:
                    for offset in place.image.stack_maps.get(address - place.start, ()):
                        raw = libc.peek(frame + offset)
                        if raw:
                            found[raw] = None
                frames += 1
                fp = frame
            fp = before
            record = libc.peek(record)
        return list(found), frames

    def _check(self, roots: list[int]) -> None:
        """Zeal: every header that is referred to is alive, and roots are in the table."""
        entries = set(self._used()) | set(self._set)
        for raw in entries:
            if self.count_of(raw) == 0 or self.count_of(raw) >= _POISON:
                raise GrusError(f"{raw:#x} is in the activations table without a count")
        for raw in roots:
            if raw not in entries and self.count_of(raw) == 0:
                raise GrusError(f"{raw:#x} is on the stack and owned by nobody")

    def settle(self) -> None:
        """Give back the counts of handles that died."""
        while self.dropped:
            self.release(self.dropped.popleft())

    def drain(self) -> None:
        """Release the objects of dead headers. Never nested: the outermost goes on until there are
        none; a KeyboardInterrupt in between loses nothing."""
        if self._draining:
            return
        if not (self._dead or self.dropped):
            return
        self._draining = True
        try:
            while True:
                self.settle()
                if not self._dead:
                    break
                self._free(self._dead.pop())
        finally:
            self._draining = False

    def _free(self, header: int) -> None:
        """Release the object of one dead header, if it was not revived."""
        words, at = self._header_words(header)
        slot = words[at + _SLOT] & 0xFFFFFFFF
        words[at + _SLOT] &= ~_ON_DEAD_LIST
        if words[at + _COUNT]:
            return
        value = self._objects[slot]
        cached = (id(value) >> 4) % layout.INTERN_CACHE * 2
        if self._cache_words[cached] == id(value):
            self._cache_words[cached] = 0
        del self._of_object[id(value)]
        self._objects[slot] = None
        self._free_slots.append(slot)
        words[at + _OBJECT] = 0
        if self.zeal:
            words[at + _COUNT] = _POISON  # and never used again
        else:
            self._free_headers.append(header)
        self.stats.released += 1
        # All is in order: here the finalizer may run.

    def returned(self) -> None:
        """A call from Python with references has come back: collect when nothing runs and much
        has gathered, and release what died."""
        if not self._words[STORE["depth"] >> 3]:
            self._arrived()
            if self.entries() >= _IDLE:
                self.collect()
        self.drain()

    def fill_table(self, elements: Any, start: int, raws: list[int]) -> None:
        """Put counted references into elements of a table, new ones first, old ones last."""
        for raw in raws:
            if raw:
                self.own(raw)
        old = elements[start : start + len(raws)].tolist()
        elements[start : start + len(raws)] = libc.words(raws)
        for raw in old:
            if raw:
                self.release(raw)


class GcStats:
    """What the collector of a Store has done. Times are nanoseconds."""

    __slots__ = (
        "_words",
        "collections",
        "entries",
        "frames",
        "longest",
        "pauses",
        "released",
        "total",
    )

    def __init__(self, words: memoryview) -> None:
        self._words = words  # of the store context, which is never unmapped
        self.collections = 0
        self.entries = 0  # of the activations table, swept
        self.frames = 0  # walked
        self.released = 0  # objects
        self.total = 0
        self.longest = 0
        self.pauses: deque[int] = deque(maxlen=64)  # the last ones

    @property
    def changes(self) -> int:
        """Changes of counts by compiled code, with `Config.gc_count`."""
        return self._words[STORE["changes"] >> 3]

    def note(self, entries: int, frames: int, nanoseconds: int) -> None:
        self.collections += 1
        self.entries += entries
        self.frames += frames
        self.total += nanoseconds
        self.longest = max(self.longest, nanoseconds)
        self.pauses.append(nanoseconds)

    def __repr__(self) -> str:
        return (
            f"<grus.GcStats {self.collections} collections, {self.entries} entries, "
            f"{self.released} objects released, {self.total / 1e6:.3f} ms>"
        )
