"""A run of a program, and how its functions are linked."""

from __future__ import annotations

import os
import select
import time
import weakref
from collections.abc import Callable
from io import BytesIO, StringIO

from grus.base.errors import GrusError, expect
from grus.engine.errors import Timeout
from grus.engine.func import HostFunction, Lookup, host_func
from grus.engine.store import Store
from grus.wasi import poll
from grus.wasi import types as T
from grus.wasi.config import WasiConfig
from grus.wasi.descriptors import Descriptor, Directory, Inherited, Stream, Table
from grus.wasi.functions import SIGNATURES, Functions, UnstableFunctions
from grus.wasi.memory import GuestMemory
from grus.wasi.types import WasiError
from grus.wasm import types as WT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


MODULE = "wasi_snapshot_preview1"
UNSTABLE = "wasi_unstable"
_KINDS = {MODULE: Functions, UNSTABLE: UnstableFunctions}

_TYPES = {"i": WT.I32, "l": WT.I64, "s": WT.I64}
_MASKS = {"i": 0xFFFFFFFF, "l": (1 << 64) - 1, "s": -1}


class Wasi:
    """One run of a program: its descriptors, and the functions that it imports.

        with grus.wasi.Wasi(config) as wasi:
            instance = grus.Instance(module, wasi.imports(store), store)
            instance.exports._start()

    `close`, or leaving the `with` block, closes its files. `proc_exit` raises `ExitStatus`.
    Raises OSError for a directory that cannot be opened, ValueError for a bad argument or variable.
    """

    def __init__(self, config: WasiConfig | None = None) -> None:
        config = config if config is not None else WasiConfig()
        expect(config, WasiConfig, "config")
        self.table = Table()
        self._store: weakref.ref[Store] | None = None
        self.arguments = config.arguments()
        self.environment = config.environment()
        self.table.add(_stream(config.stdin, 0), 0)
        self.table.add(_stream(config.stdout, 1), 1)
        self.table.add(_stream(config.stderr, 2), 2)
        for guest, host, read_only in config.preopens:
            fd = os.open(host, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            directory = Directory(
                fd, T.DIRECTORY_RIGHTS, T.DIRECTORY_RIGHTS | T.FILE_RIGHTS, os.fsencode(guest)
            )
            directory.read_only = read_only
            self.table.add(directory)

    def imports(self, store: Store) -> dict[str, dict[str, HostFunction]]:
        """The functions for instances in `store`, by module and name."""
        return {
            module: {name: self.function(store, name, module) for name in SIGNATURES}
            for module in _KINDS
        }

    def function(self, store: Store, name: str, module: str = MODULE) -> HostFunction:
        """One of them."""
        self._store = weakref.ref(store)
        return _Function(self, _KINDS[module], name)

    def close(self) -> None:
        """Close the program's files. Streams that were given stay open."""
        self.table.close_all()

    def __enter__(self) -> Wasi:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "table"):
            self.close()

    # ---- time ----

    def deadline(self) -> float:
        """When the Store's time is over, of time.monotonic; 0 for never."""
        store = self._store() if self._store is not None else None
        return store._state.deadline if store is not None else 0.0

    def check_time(self) -> None:
        """Raises Timeout when the Store's time is over."""
        deadline = self.deadline()
        if deadline and time.monotonic() >= deadline:
            raise Timeout("wasm execution timed out", "interrupt")

    def wait(self, descriptor: Descriptor, events: int) -> bool:
        """Wait until it can be read, or can be written when that has to be bounded in time; gives
        whether it waited. Then no more than PIPE_BUF bytes can be written without waiting again.

        Ctrl-C ends `poll` always, but `read` only where nobody in the process has made its handler
        restart system calls, as z3 does.

        Raises WasiError (AGAIN) when it is not to wait at all, Timeout.
        """
        never = descriptor.flags & T.NONBLOCK
        fd = descriptor.fileno()
        bounded = never or self.deadline()
        if not descriptor.waits or fd < 0 or not (bounded or events & select.POLLIN):
            return False
        poller = select.poll()
        poller.register(fd, events)
        while not poller.poll(0 if never else poll.milliseconds(self.deadline())):
            if never:
                raise WasiError(T.AGAIN)
            self.check_time()
        return True


def function_type(name: str) -> WT.FuncType:
    """The type of a function of WASI."""
    params = tuple(_TYPES[letter] for letter in SIGNATURES[name])
    return WT.FuncType(params, () if name == "proc_exit" else (WT.I32,))


class _Function(HostFunction):
    """One of the functions. Bound to an instance it works on that instance's memory."""

    __slots__ = ("_kind", "_name", "_wasi")

    def __init__(self, wasi: Wasi, kind: type[Functions], name: str) -> None:
        super().__init__(function_type(name), getattr(kind, name))
        self._kind = kind
        self._wasi = wasi
        self._name = name

    def bind(self, store: Store, lookup: Lookup | None = None, name: str = "") -> Any:
        memory = GuestMemory(store, lookup or (lambda store, name: None))
        function = getattr(self._kind(self._wasi, memory), self._name)
        masks = tuple(_MASKS[letter] for letter in SIGNATURES[self._name])
        return host_func(store, _guarded(function, masks), self.type, self._name)


def _guarded(function: Callable[..., None], masks: tuple[int, ...]) -> Callable[..., int]:
    """`function` with its arguments unsigned and its failures as error numbers."""

    def call(*args: int) -> int:
        try:
            function(*[arg & mask for arg, mask in zip(args, masks, strict=True)])
        except WasiError as error:
            return error.number
        except GrusError:
            raise  # among them Timeout, which is an OSError
        except OSError as error:
            return T.from_host(error)
        except OverflowError:
            return T.INVAL  # a number too large for the host
        return 0

    return call


def _stream(given: Any, number: int) -> Descriptor:
    """Standard input (0), output (1) or error (2) as the configuration has it."""
    right = T.FD_WRITE if number else T.FD_READ
    if given is None:
        return Inherited(number, right)
    if isinstance(given, bytes | bytearray | memoryview):
        given = BytesIO(given)
    elif isinstance(given, str):
        given = StringIO(given)
    return Stream(given, right)
