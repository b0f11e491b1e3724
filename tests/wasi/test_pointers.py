"""No address that a program gives does anything but EFAULT, in any position."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import grus
from grus.wasi import types as T
from grus.wasi.functions import SIGNATURES
from tests.wasi.conftest import PAGE, Guest

# A call of each function that takes addresses: descriptors and numbers as they are; `p16` is the
# address of 16 bytes; "x" a path, `v` buffers, `s` subscriptions (address and length each).
CALLS = {
    "args_get": ("p8", "p8"),
    "args_sizes_get": ("p4", "p4"),
    "environ_get": ("p8", "p8"),
    "environ_sizes_get": ("p4", "p4"),
    "clock_res_get": (0, "p8"),
    "clock_time_get": (0, 0, "p8"),
    "fd_fdstat_get": (4, "p24"),
    "fd_filestat_get": (4, "p64"),
    "fd_pread": (4, "v", 0, "p4"),
    "fd_prestat_get": (3, "p8"),
    "fd_prestat_dir_name": (3, "p1", 1),
    "fd_pwrite": (4, "v", 0, "p4"),
    "fd_read": (4, "v", "p4"),
    "fd_readdir": (3, "p64", 64, 0, "p4"),
    "fd_seek": (4, 0, 1, "p8"),
    "fd_tell": (4, "p8"),
    "fd_write": (4, "v", "p4"),
    "path_create_directory": (3, "new"),
    "path_filestat_get": (3, 0, "file", "p64"),
    "path_filestat_set_times": (3, 0, "file", 1, 2, 0),
    "path_link": (3, 0, "file", 3, "link"),
    "path_open": (3, 0, "file", 0, 0, 0, 0, "p4"),
    "path_readlink": (3, "symlink", "p8", 8, "p4"),
    "path_remove_directory": (3, "empty"),
    "path_rename": (3, "file", 3, "renamed"),
    "path_symlink": ("file", 3, "symlink2"),
    "path_unlink_file": (3, "file"),
    "poll_oneoff": ("s", "p32", 1, "p4"),
    "random_get": ("p8", 8),
}
WITHOUT = {
    "fd_advise", "fd_allocate", "fd_close", "fd_datasync", "fd_fdstat_set_flags",
    "fd_fdstat_set_rights", "fd_filestat_set_size", "fd_filestat_set_times", "fd_renumber",
    "fd_sync", "path_open", "proc_exit", "proc_raise", "sched_yield",
    "sock_accept", "sock_recv", "sock_send", "sock_shutdown",
}  # fmt: skip


@pytest.fixture
def full(make: Any, tmp_path: Path) -> Guest:
    """A Guest with a file (descriptor 4), a symbolic link and an empty directory."""
    (tmp_path / "file").write_bytes(bytes(100))
    (tmp_path / "symlink").symlink_to("file")
    (tmp_path / "empty").mkdir()
    guest: Guest = make(dirs={"/": tmp_path}, argv=["a", "b"], env={"A": "1", "B": "2"}, stdin=b"")
    assert guest.open("file", 0, T.FD_READ | T.FD_WRITE) == 4
    return guest


def arguments(guest: Guest, row: tuple[int | str, ...]) -> tuple[list[int], list[int]]:
    """The arguments of a call, and which of them are addresses."""
    numbers: list[int] = []
    addresses: list[int] = []
    for item in row:
        if isinstance(item, int):
            numbers.append(item)
            continue
        addresses.append(len(numbers))
        if item == "v":
            numbers += guest.iovecs(8)
        elif item == "s":
            numbers.append(guest.put(struct.pack("<QB39x", 5, 0))[0])
        elif item[0] == "p" and item[1:].isdigit():
            numbers.append(guest.room(int(item[1:])))
        else:
            numbers += guest.put(item)
    return numbers, addresses


def test_all_calls_are_here() -> None:
    assert CALLS.keys() | WITHOUT == SIGNATURES.keys()


@pytest.mark.parametrize("name", CALLS)
def test_bad_address(full: Guest, tmp_path: Path, name: str) -> None:
    def tree() -> list[Any]:
        return [(p.name, p.lstat().st_mode, p.lstat().st_size) for p in sorted(tmp_path.iterdir())]

    before = tree()
    numbers, addresses = arguments(full, CALLS[name])
    for index in addresses:
        for bad in (
            PAGE,
            0x7FFFFFFF,
            0x80000000,
            0xFFFFFFFF,
            PAGE - 2 if index == addresses[-1] else -1,
        ):
            if name == "fd_prestat_dir_name" and bad < PAGE:
                continue
            changed = [*numbers]
            changed[index] = bad
            code = full.exports[name](*changed)
            assert T.ERRORS[code] == "FAULT", (index, bad)
    assert tree() == before
    assert full.open_error("file") == "SUCCESS"  # with number 5: nothing was left open
    full.ok("fd_close", 5)
    assert T.ERRORS[full.exports[name](*numbers)] == "SUCCESS"


@pytest.mark.parametrize(
    ("at", "size"),
    [(0, PAGE + 1), (PAGE, 1), (PAGE - 8, 9), (1 << 31, 1 << 31), ((1 << 32) - 1, (1 << 32) - 1)],
)
def test_bad_buffers(full: Guest, at: int, size: int) -> None:
    good = full.room(8)
    array, _ = full.put(struct.pack("<IIII", good, 8, at, size))
    for name, rest in (("fd_read", ()), ("fd_write", ()), ("fd_pread", (0,)), ("fd_pwrite", (0,))):
        assert full.call(name, 4, array, 2, *rest, full.room(4)) == "FAULT"
    assert full.call("fd_readdir", 3, at, size, 0, full.room(4)) == "FAULT"
    assert full.call("random_get", at, size) == "FAULT"
    assert full.call("path_unlink_file", 3, at, size) == "FAULT"
    assert full.get("fd_tell", 4, size=8) == 0


def test_many_buffers(full: Guest) -> None:
    """Only so many buffers are looked at as the kernel takes; the count may be anything."""
    array, full.next = 0, 32768
    full.memory[0 : 8 * 2000] = struct.pack("<II", 20000, 1) * 2000
    assert full.get("fd_read", 4, array, 2000) == 100
    assert full.get("fd_write", 4, array, 2000) == 1024
    for count in (PAGE // 8 + 1, 1 << 29, (1 << 32) - 1):
        assert full.call("fd_read", 4, PAGE - 8, count, full.room(4)) == "FAULT"
    assert full.call("poll_oneoff", 0, 0, 1 << 31, full.room(4)) == "INVAL"


def test_no_memory(make: Any) -> None:
    """A module that exports no memory has only bad addresses."""
    store = grus.Store()
    with grus.Wasi() as wasi:
        module = grus.Module("""(module
            (import "wasi_snapshot_preview1" "random_get" (func $f (param i32 i32) (result i32)))
            (memory 1)
            (global (export "memory") i32 (i32.const 0))
            (func (export "f") (result i32) (call $f (i32.const 0) (i32.const 1))))""")
        assert grus.Instance(module, wasi.imports(store), store).exports.f() == T.FAULT


def test_start_function_and_growth() -> None:
    """The memory is there while the module is being instantiated, and after it has grown."""
    store = grus.Store()
    with grus.Wasi() as wasi:
        module = grus.Module("""(module
            (import "wasi_snapshot_preview1" "random_get" (func $f (param i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func $start
                (if (call $f (i32.const 0) (i32.const 8)) (then unreachable))
                (if (i32.eqz (call $f (i32.const 65536) (i32.const 8))) (then unreachable))
                (drop (memory.grow (i32.const 1)))
                (if (call $f (i32.const 65536) (i32.const 8)) (then unreachable)))
            (start $start))""")
        memory = grus.Instance(module, wasi.imports(store), store).exports.memory
        assert any(memory[0:8]) and any(memory[65536:65544])


def test_two_instances() -> None:
    """Each instance's calls work on its own memory."""
    store = grus.Store()
    with grus.Wasi() as wasi:
        module = grus.Module("""(module
            (import "wasi_snapshot_preview1" "random_get" (func $f (param i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "f") (result i32) (call $f (i32.const 0) (i32.const 8))))""")
        first, second = (
            grus.Instance(module, wasi.imports(store), store).exports for _ in range(2)
        )
        assert second.f() == 0
        assert any(second.memory[0:8]) and not any(first.memory[0:8])


NUMBERS = st.one_of(
    st.integers(0, 8),
    st.sampled_from(
        [100, 1024, 2048, PAGE - 8, PAGE - 1, PAGE, PAGE + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
    ),
    st.integers(0, PAGE),
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_numbers(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever a program passes: an error number, an exit or a timeout."""
    inside = tmp_path / "in"
    inside.mkdir(exist_ok=True)
    (inside / "file").write_bytes(bytes(100))
    guest = Guest(
        dirs={"/": inside}, argv=["a"], stdin=b"input", stdout=open("/dev/null", "wb"), stderr=b""
    )
    guest.memory[2048:3072] = struct.pack("<II", 1024, 64) * 128
    guest.memory[1024:1040] = b"file/../file/..."
    guest.memory[4096:8192] = data.draw(st.binary(max_size=64)).ljust(64, b"\0") * 64
    for _ in range(10):
        name = data.draw(st.sampled_from(sorted(set(SIGNATURES) - {"fd_allocate"})))
        args = [data.draw(NUMBERS) for _ in SIGNATURES[name]]
        guest.store.set_timeout(0.02)
        try:
            result = guest.exports[name](*args)
        except (grus.ExitStatus, grus.Timeout):
            continue
        assert 0 <= result < len(T.ERRORS)
    guest.store.set_timeout(None)
    guest.wasi.close()
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
