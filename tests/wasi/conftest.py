"""What the tests of WASI share: a module that exports every function as it imports it."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import grus
from grus.wasi import types as T
from grus.wasi.functions import SIGNATURES

PAGE = 1 << 16


@functools.cache
def trampolines(module: str) -> grus.Module:
    """A module with a memory of one page and a function for each function of WASI."""
    imports, functions = [], []
    for name, letters in SIGNATURES.items():
        params = " ".join("i32" if letter == "i" else "i64" for letter in letters)
        type = f"(param {params})" + ("" if name == "proc_exit" else " (result i32)")
        gets = " ".join(f"(local.get {index})" for index in range(len(letters)))
        imports.append(f'(import "{module}" "{name}" (func ${name} {type}))')
        functions.append(f'(func (export "{name}") {type} (call ${name} {gets}))')
    memory = '(memory (export "memory") 1)'
    return grus.Module("\n".join(["(module", *imports, memory, *functions, ")"]))


class Guest:
    """Calls functions of WASI through wasm. Strings are put into memory one after the other."""

    def __init__(self, module: str = "wasi_snapshot_preview1", **options: Any) -> None:
        self.store = grus.Store()
        self.wasi = grus.Wasi(grus.WasiConfig(**options))
        self.exports = grus.Instance(
            trampolines(module), self.wasi.imports(self.store), self.store
        ).exports
        self.memory = self.exports.memory
        self.next = 1024

    def put(self, data: str | bytes) -> tuple[int, int]:
        """Address and length of new bytes in memory."""
        data = data.encode() if isinstance(data, str) else data
        at = self.next
        self.memory[at : at + len(data)] = data
        self.next = at + len(data) + 15 & ~15
        return at, len(data)

    def room(self, size: int) -> int:
        """Address of `size` new bytes, all ones."""
        return self.put(b"\xff" * size)[0]

    def iovecs(self, *parts: bytes | int) -> tuple[int, int]:
        """Address and length of an array of buffers: of bytes, or of so much room."""
        pairs = [
            self.put(part) if isinstance(part, bytes) else (self.room(part), part) for part in parts
        ]
        at, _ = self.put(b"".join(struct.pack("<II", *pair) for pair in pairs))
        return at, len(pairs)

    def call(self, name: str, *args: int | str) -> str:
        """Call a function; a str becomes address and length. Gives the name of the error number."""
        numbers: list[int] = []
        for arg in args:
            numbers += self.put(arg) if isinstance(arg, str) else [arg]
        return T.ERRORS[self.exports[name](*numbers)]

    def ok(self, name: str, *args: int | str) -> None:
        assert self.call(name, *args) == "SUCCESS", name

    def u32(self, at: int) -> int:
        return struct.unpack("<I", self.memory[at : at + 4])[0]

    def u64(self, at: int) -> int:
        return struct.unpack("<Q", self.memory[at : at + 8])[0]

    def get(self, name: str, *args: int | str, size: int = 4) -> int:
        """The number that a function writes to the address that comes last."""
        at = self.room(size)
        self.ok(name, *args, at)
        return self.u32(at) if size == 4 else self.u64(at)

    def open(
        self,
        path: str,
        how: int = 0,
        rights: int = T.FD_READ,
        *,
        fd: int = 3,
        lookup: int = 1,
        flags: int = 0,
    ) -> int:
        return self.get("path_open", fd, lookup, path, how, rights, 0, flags)

    def open_error(
        self, path: str, how: int = 0, rights: int = T.FD_READ, *, fd: int = 3, lookup: int = 1
    ) -> str:
        return self.call("path_open", fd, lookup, path, how, rights, 0, 0, self.room(4))

    def read(self, fd: int, size: int = 4096) -> bytes:
        at, count = self.iovecs(size)
        done = self.get("fd_read", fd, at, count)
        start = self.u32(at)
        return bytes(self.memory[start : start + done])

    def write(self, fd: int, *parts: bytes) -> int:
        return self.get("fd_write", fd, *self.iovecs(*parts))


@pytest.fixture
def make() -> Iterator[Callable[..., Guest]]:
    """`make(dirs=..., ...)`: a Guest with options of WasiConfig; its files are closed in the end."""
    made = []

    def build(**options: Any) -> Guest:
        made.append(Guest(**options))
        return made[-1]

    yield build
    for guest in made:
        guest.wasi.close()


@pytest.fixture
def guest(make: Callable[..., Guest], tmp_path: Path) -> Guest:
    """A Guest with the directory `tmp_path/in` as `/`, descriptor 3."""
    (tmp_path / "in").mkdir()
    return make(dirs={"/": tmp_path / "in"}, stdin=b"")
