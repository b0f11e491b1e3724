"""Each function of WASI, called from wasm."""

from __future__ import annotations

import errno
import io
import os
import stat
import struct
import time
from pathlib import Path
from typing import Any

import pytest

import grus
from grus.wasi import types as T
from grus.wasi.functions import SIGNATURES

READ_WRITE = T.FD_READ | T.FD_WRITE


def test_all_functions() -> None:
    """46 functions, and 30 rights in the order of wasi/api.h (sockets have the last two)."""
    assert len(SIGNATURES) == 46
    assert len(T.ERRORS) == 77
    assert T.ERRORS[44] == "NOENT" and T.ERRORS[76] == "NOTCAPABLE"
    assert T.from_host(OSError(errno.EOPNOTSUPP, "")) == T.NOTSUP
    assert T.from_host(OSError(errno.EWOULDBLOCK, "")) == T.AGAIN
    assert T.from_host(OSError(9999, "")) == T.IO
    sizes = {"PRESTAT": 8, "FDSTAT": 24, "FILESTAT": 64, "DIRENT": 24, "SUBSCRIPTION": 48,
             "SUBSCRIPTION_CLOCK": 48, "SUBSCRIPTION_FD": 48, "EVENT": 32}  # fmt: skip
    assert {name: getattr(T, name).size for name in sizes} == sizes


def test_signatures_are_checked() -> None:
    module = grus.Module('(module (import "wasi_snapshot_preview1" "fd_close" (func (param i64))))')
    store = grus.Store()
    with grus.Wasi() as wasi, pytest.raises(grus.LinkError, match="fd_close"):
        grus.Instance(module, wasi.imports(store), store)


@pytest.mark.parametrize(("name", "options", "strings"), [
    ("args", {"argv": ["prog", "ä", b"\xff"]}, [b"prog", "ä".encode(), b"\xff"]),
    ("environ", {"env": {"A": "1", "B": "x=y"}}, [b"A=1", b"B=x=y"]),
    ("args", {}, []),
])  # fmt: skip
def test_strings(make: Any, name: str, options: Any, strings: list[bytes]) -> None:
    guest = make(**options)
    sizes = guest.room(8)
    guest.ok(f"{name}_sizes_get", sizes, sizes + 4)
    count, size = guest.u32(sizes), guest.u32(sizes + 4)
    assert (count, size) == (len(strings), sum(len(s) + 1 for s in strings))
    array, buffer = guest.room(4 * count), guest.room(size)
    guest.ok(f"{name}_get", array, buffer)
    got = [guest.u32(array + 4 * i) for i in range(count)]
    assert [bytes(guest.memory[at : at + len(s) + 1]) for at, s in zip(got, strings)] == [
        s + b"\0" for s in strings
    ]


def test_bad_strings() -> None:
    for options in (
        {"argv": ["a\0b"]},
        {"env": {"a": "\0"}},
        {"env": {"a=b": ""}},
        {"env": {"": "x"}},
    ):
        with pytest.raises(ValueError):
            grus.Wasi(grus.WasiConfig(**options))


def test_clocks(make: Any) -> None:
    guest = make()
    for clock, now in (
        (0, time.time_ns),
        (1, time.monotonic_ns),
        (2, time.process_time_ns),
        (3, time.thread_time_ns),
    ):
        assert guest.get("clock_res_get", clock, size=8) >= 1
        before = now()
        got = guest.get("clock_time_get", clock, 0, size=8)
        assert before <= got <= now()
    assert guest.call("clock_res_get", 4, 0) == "INVAL"
    assert guest.call("clock_time_get", 4, 0, 0) == "INVAL"


def test_random(make: Any) -> None:
    guest = make()
    at = guest.room(32)
    guest.ok("random_get", at, 16)
    data = bytes(guest.memory[at : at + 32])
    assert data[:16] != b"\xff" * 16 and data[16:] == b"\xff" * 16
    guest.ok("random_get", at, 0)


def test_end(make: Any) -> None:
    guest = make()
    for code in (0, 3, 0xFFFFFFFF):
        with pytest.raises(grus.ExitStatus) as caught:
            guest.exports.proc_exit(code)
        assert caught.value.code == code
    assert guest.call("proc_raise", 6) == "NOTSUP"
    guest.ok("sched_yield")


def test_sockets(guest: Any) -> None:
    for name, rest in (
        ("sock_accept", 2),
        ("sock_recv", 5),
        ("sock_send", 4),
        ("sock_shutdown", 1),
    ):
        assert guest.call(name, 99, *[0] * rest) == "BADF"
        assert guest.call(name, 1, *[0] * rest) == "NOTSOCK"


def test_streams(make: Any) -> None:
    out, err = io.BytesIO(), io.StringIO()
    guest = make(stdin=b"hello world", stdout=out, stderr=err)
    assert guest.read(0, 5) == b"hello"
    assert guest.read(0) == b" world"
    assert guest.read(0) == b""
    assert guest.write(1, b"one ", b"", b"two") == 7
    assert out.getvalue() == b"one two"
    guest.write(2, "ä".encode()[:1])
    guest.write(2, "ä".encode()[1:])
    assert err.getvalue() == "ä"
    assert guest.call("fd_read", 1, 0, 0, guest.room(4)) == "NOTCAPABLE"
    assert guest.call("fd_write", 0, 0, 0, guest.room(4)) == "NOTCAPABLE"
    assert guest.call("fd_seek", 0, 0, 0, guest.room(8)) == "SPIPE"
    assert guest.call("fd_filestat_set_size", 1, 0) == "INVAL"
    assert guest.call("fd_sync", 1) == "NOTCAPABLE"
    for fd in range(3):
        at = guest.room(64)
        guest.ok("fd_fdstat_get", fd, at)
        assert guest.memory[at] == T.UNKNOWN
        assert not guest.u64(at + 8) & (T.FD_SEEK | T.FD_TELL)
        guest.ok("fd_filestat_get", fd, at)


def test_text_streams(make: Any) -> None:
    file = io.TextIOWrapper(io.BytesIO())
    file.write("first ")
    guest = make(stdin="größer", stdout=file)
    guest.write(1, b"second")
    assert file.buffer.getvalue() == b"first second"
    text = b""
    while data := guest.read(0, 6):
        text += data
    assert text.decode() == "größer"


def test_stream_failures(make: Any) -> None:
    class Broken:
        def write(self, data: bytes) -> int:
            raise self.error

    broken = Broken()
    guest = make(stdout=broken)
    at, count = guest.iovecs(b"x")
    broken.error = BrokenPipeError(errno.EPIPE, "")
    assert guest.call("fd_write", 1, at, count, guest.room(4)) == "PIPE"
    broken.error = KeyError("mine")
    with pytest.raises(KeyError, match="mine"):
        guest.call("fd_write", 1, at, count, guest.room(4))
    with pytest.raises(grus.Timeout):
        broken.error = grus.Timeout("t", "interrupt")
        guest.call("fd_write", 1, at, count, guest.room(4))


def test_files(guest: Any, tmp_path: Path) -> None:
    fd = guest.open("f", T.CREAT | T.EXCL, READ_WRITE)
    assert guest.open_error("f", T.CREAT | T.EXCL) == "EXIST"
    assert guest.write(fd, b"0123", b"456", b"789") == 10
    assert guest.get("fd_tell", fd, size=8) == 10
    assert guest.get("fd_seek", fd, -4, 2, size=8) == 6
    assert guest.read(fd, 3) == b"678"
    assert guest.get("fd_seek", fd, 1, 1, size=8) == 10
    assert guest.call("fd_seek", fd, -1, 0, guest.room(8)) == "INVAL"
    assert guest.call("fd_seek", fd, 0, 3, guest.room(8)) == "INVAL"
    at, count = guest.iovecs(2, 3)
    assert guest.get("fd_pread", fd, at, count, 4) == 5
    assert bytes(guest.memory[guest.u32(at + 8) :][:3]) == b"678"
    assert guest.get("fd_pwrite", fd, *guest.iovecs(b"ab", b"c"), 8) == 3
    assert guest.get("fd_tell", fd, size=8) == 10
    assert (tmp_path / "in/f").read_bytes() == b"01234567abc"
    for name in ("fd_sync", "fd_datasync"):
        guest.ok(name, fd)
    guest.ok("fd_filestat_set_size", fd, 3)
    guest.ok("fd_allocate", fd, 2, 4)
    assert (tmp_path / "in/f").read_bytes() == b"012\0\0\0"
    assert guest.call("fd_allocate", fd, 0, 0) == "INVAL"
    assert guest.call("fd_filestat_set_size", fd, 1 << 63) == "INVAL"
    for advice in range(6):
        guest.ok("fd_advise", fd, 0, 0, advice)
    assert guest.call("fd_advise", fd, 0, 0, 6) == "INVAL"
    at = guest.room(64)
    guest.ok("fd_filestat_set_times", fd, 12, 34, T.ATIM | T.MTIM)
    guest.ok("fd_filestat_get", fd, at)
    host = os.stat(tmp_path / "in/f")
    fields = T.FILESTAT.unpack(guest.memory[at : at + 64])
    assert fields == (host.st_dev, host.st_ino, T.REGULAR_FILE, 1, 6, 12, 34, host.st_ctime_ns)
    guest.ok("fd_filestat_set_times", fd, 0, 0, T.MTIM_NOW)
    assert os.stat(tmp_path / "in/f").st_atime_ns == 12
    assert time.time() - os.stat(tmp_path / "in/f").st_mtime < 10
    assert guest.call("fd_filestat_set_times", fd, 0, 0, T.ATIM | T.ATIM_NOW) == "INVAL"
    assert guest.call("fd_filestat_set_times", fd, 0, 0, 16) == "INVAL"
    guest.ok("fd_close", fd)
    assert guest.call("fd_close", fd) == "BADF"
    assert guest.call("fd_read", fd, 0, 0, 0) == "BADF"


def test_flags(guest: Any, tmp_path: Path) -> None:
    fd = guest.open("f", T.CREAT, READ_WRITE, flags=T.APPEND | T.SYNC)
    at = guest.room(24)
    guest.ok("fd_fdstat_get", fd, at)
    kind, flags, rights, inheriting = T.FDSTAT.unpack(guest.memory[at : at + 24])
    assert (kind, flags, inheriting) == (T.REGULAR_FILE, T.APPEND | T.SYNC, 0)
    assert rights == T.FILE_RIGHTS
    guest.write(fd, b"abc")
    guest.get("fd_seek", fd, 0, 0, size=8)
    guest.write(fd, b"d")
    guest.ok("fd_fdstat_set_flags", fd, T.SYNC)
    guest.get("fd_seek", fd, 0, 0, size=8)
    guest.write(fd, b"A")
    assert (tmp_path / "in/f").read_bytes() == b"Abcd"
    assert guest.call("fd_fdstat_set_flags", fd, 0) == "INVAL"
    assert guest.call("fd_fdstat_set_flags", fd, 32) == "INVAL"
    assert guest.call("path_open", 3, 0, "f", 0, 0, 0, 32, at) == "INVAL"
    assert guest.call("path_open", 3, 0, "f", 16, 0, 0, 0, at) == "INVAL"
    assert guest.call("path_open", 3, 2, "f", 0, 0, 0, 0, at) == "INVAL"


def test_open(guest: Any, tmp_path: Path) -> None:
    inside = tmp_path / "in"
    (inside / "dir").mkdir()
    (inside / "f").write_bytes(b"data")
    assert guest.open_error("none") == "NOENT"
    assert guest.open_error("") == "NOENT"
    assert guest.open_error("f/x") == "NOTDIR"
    assert guest.open_error("f/") == "NOTDIR"
    assert guest.open_error("f", T.DIRECTORY_ONLY) == "NOTDIR"
    assert guest.open_error("dir", 0, T.FD_WRITE) == "ISDIR"
    assert guest.open_error("x", T.CREAT | T.DIRECTORY_ONLY) == "INVAL"
    assert guest.open_error("x/", T.CREAT) == "ISDIR"
    assert guest.open_error("f\0") == "INVAL"
    assert guest.open_error("a/" * 2100) == "NAMETOOLONG"
    assert guest.open_error("f", fd=1) == "NOTDIR"
    assert guest.open_error("f", fd=99) == "BADF"
    fd = guest.open("dir/./..//f")
    assert guest.read(fd) == b"data"
    assert guest.call("fd_write", fd, 0, 0, guest.room(4)) == "NOTCAPABLE"
    guest.ok("fd_close", guest.open("f", T.TRUNC))
    assert (inside / "f").read_bytes() == b""
    # Descriptors are reused, and there is an end to them.
    last = fd
    while (error := guest.open_error("f")) == "SUCCESS":
        last += 1
    assert error == "MFILE"
    guest.ok("fd_close", fd)
    assert guest.open("f") == fd


def test_devices_do_not_block(guest: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in/pipe")
    reader = guest.open("pipe", flags=T.NONBLOCK)
    writer = guest.open("pipe", 0, T.FD_WRITE)
    at, count = guest.iovecs(8)
    assert guest.call("fd_read", reader, at, count, guest.room(4)) == "AGAIN"
    guest.write(writer, b"xyz")
    assert guest.read(reader) == b"xyz"
    assert guest.call("fd_seek", reader, 0, 0, guest.room(8)) == "SPIPE"


def test_rights(guest: Any) -> None:
    fd = guest.open("f", T.CREAT, READ_WRITE)
    assert guest.call("fd_fdstat_set_rights", fd, -1, 0) == "NOTCAPABLE"
    guest.ok("fd_fdstat_set_rights", fd, T.FD_READ, 0)
    at, count = guest.iovecs(b"x")
    assert guest.call("fd_write", fd, at, count, guest.room(4)) == "NOTCAPABLE"
    for name, args in (("fd_seek", (1, 0, guest.room(8))), ("fd_tell", (guest.room(8),)),
                       ("fd_sync", ()), ("fd_datasync", ()), ("fd_allocate", (0, 1)),
                       ("fd_filestat_get", (guest.room(64),)), ("fd_filestat_set_size", (0,)),
                       ("fd_filestat_set_times", (0, 0, 0)), ("fd_fdstat_set_flags", (0,)),
                       ("fd_advise", (0, 0, 0)), ("fd_pread", (at, 1, 0, guest.room(4)))):  # fmt: skip
        assert guest.call(name, fd, *args) == "NOTCAPABLE", name
    # What a directory may not pass on, its files do not have.
    below = guest.open(".", T.DIRECTORY_ONLY)
    stat_at = guest.room(24)
    guest.ok("fd_fdstat_get", below, stat_at)
    rights, inheriting = guest.u64(stat_at + 8), guest.u64(stat_at + 16)
    guest.ok("fd_fdstat_set_rights", below, rights & ~T.PATH_CREATE_FILE, inheriting & ~T.FD_WRITE)
    assert guest.open_error("f", 0, T.FD_WRITE, fd=below) == "NOTCAPABLE"
    assert guest.open_error("new", T.CREAT, fd=below) == "NOTCAPABLE"
    guest.ok("fd_close", guest.open("f", fd=below))


def test_preopens(make: Any, tmp_path: Path) -> None:
    guest = make(dirs={"/data": tmp_path, "/": tmp_path})
    at = guest.room(16)
    guest.ok("fd_prestat_get", 3, at)
    assert struct.unpack("<II", guest.memory[at : at + 8]) == (0, 5)
    guest.ok("fd_prestat_dir_name", 3, at, 16)
    assert bytes(guest.memory[at : at + 5]) == b"/data"
    assert guest.call("fd_prestat_dir_name", 3, at, 4) == "NAMETOOLONG"
    guest.ok("fd_prestat_get", 4, at)
    assert guest.call("fd_prestat_get", 5, at) == "BADF"
    assert guest.call("fd_prestat_get", 0, at) == "BADF"
    with pytest.raises(FileNotFoundError, match="nothing"):
        make(dirs={"/": tmp_path / "nothing"})


def read_directory(guest: Any, fd: int, size: int) -> list[tuple[str, int, int]]:
    """Names, inodes and types, read as wasi-libc does: an entry that was cut off is read again."""
    found: list[tuple[str, int, int]] = []
    cookie = 0
    buffer = guest.room(size)
    while True:
        used = guest.get("fd_readdir", fd, buffer, size, cookie)
        data = bytes(guest.memory[buffer : buffer + used])
        while len(data) >= 24:
            after, inode, length, kind = T.DIRENT.unpack(data[:24])
            if len(data) < 24 + length:
                break
            found.append((data[24 : 24 + length].decode(), inode, kind))
            data = data[24 + length :]
            cookie = after
        if used < size:
            return found


def test_directories(guest: Any, tmp_path: Path) -> None:
    inside = tmp_path / "in"
    for index in range(30):
        (inside / f"file{index}").touch()
    (inside / "dir").mkdir()
    (inside / "link").symlink_to("nowhere")
    os.mkfifo(inside / "pipe")
    names = {item.name: os.lstat(item).st_ino for item in inside.iterdir()}
    for size in (64, 100, 4096):
        fd = guest.open(".", T.DIRECTORY_ONLY)
        found = read_directory(guest, fd, size)
        assert [name for name, _, _ in found[:2]] == [".", ".."]
        assert {name: inode for name, inode, _ in found[2:]} == names
        kinds = {name: kind for name, _, kind in found}
        assert (kinds["dir"], kinds["file0"]) == (T.DIRECTORY, T.REGULAR_FILE)
        assert (kinds["link"], kinds["pipe"]) == (T.SYMBOLIC_LINK, T.UNKNOWN)
    # A program that removes what it finds sees all of it; from the start it sees what is left.
    (inside / "new").touch()
    assert len(read_directory(guest, fd, 100)) == len(names) + 3
    assert guest.get("fd_readdir", fd, guest.room(8), 8, 1 << 40) == 0
    assert guest.call("fd_readdir", guest.open("new"), 0, 0, 0, guest.room(4)) == "NOTDIR"
    # What a directory cannot do.
    buffers = guest.iovecs(4)
    assert guest.call("fd_read", fd, *buffers, guest.room(4)) == "NOTCAPABLE"
    assert guest.call("fd_pread", fd, *buffers, 0, guest.room(4)) == "BADF"
    assert guest.call("fd_seek", fd, 0, 0, guest.room(8)) == "BADF"
    guest.ok("fd_sync", fd)
    guest.ok("fd_filestat_set_times", fd, 5, 6, T.ATIM | T.MTIM)
    assert os.stat(inside).st_mtime_ns == 6


def test_create_and_remove(guest: Any, tmp_path: Path) -> None:
    inside = tmp_path / "in"
    guest.ok("path_create_directory", 3, "a")
    guest.ok("path_create_directory", 3, "a/b/")
    assert guest.call("path_create_directory", 3, "a/b") == "EXIST"
    assert guest.call("path_create_directory", 3, "x/y") == "NOENT"
    assert guest.call("path_create_directory", 3, ".") == "EXIST"
    assert guest.call("path_remove_directory", 3, "a") == "NOTEMPTY"
    assert guest.call("path_unlink_file", 3, "a/b") == "ISDIR"
    guest.ok("path_remove_directory", 3, "a/b")
    (inside / "f").write_text("x")
    assert guest.call("path_remove_directory", 3, "f") == "NOTDIR"
    assert guest.call("path_unlink_file", 3, "f/") == "NOTDIR"
    guest.ok("path_rename", 3, "f", 3, "a/g")
    assert guest.call("path_rename", 3, "f", 3, "g") == "NOENT"
    guest.ok("path_link", 3, 0, "a/g", 3, "h")
    assert os.stat(inside / "h").st_nlink == 2
    assert guest.call("path_link", 3, 0, "a", 3, "h2") == "PERM"
    assert guest.call("path_link", 3, 0, "h", 3, "a/g") == "EXIST"
    guest.ok("path_unlink_file", 3, "a/g")
    assert sorted(os.listdir(inside)) == ["a", "h"]


def test_links(guest: Any, tmp_path: Path) -> None:
    inside = tmp_path / "in"
    (inside / "f").write_text("text")
    guest.ok("path_symlink", "f", 3, "l")
    assert os.readlink(inside / "l") == "f"
    at = guest.room(8)
    assert guest.get("path_readlink", 3, "l", at, 8) == 1
    assert bytes(guest.memory[at : at + 2]) == b"f\xff"
    assert guest.call("path_readlink", 3, "f", at, 8, guest.room(4)) == "INVAL"
    status = guest.room(64)
    for lookup, kind in ((0, T.SYMBOLIC_LINK), (1, T.REGULAR_FILE)):
        guest.ok("path_filestat_get", 3, lookup, "l", status)
        assert guest.memory[status + 16] == kind
    guest.ok("path_filestat_set_times", 3, 0, "l", 0, 7, T.MTIM)
    guest.ok("path_filestat_set_times", 3, 1, "l", 0, 8, T.MTIM)
    assert os.lstat(inside / "l").st_mtime_ns == 7
    assert os.stat(inside / "f").st_mtime_ns == 8
    assert guest.open_error("l", lookup=0) == "LOOP"
    assert guest.read(guest.open("l")) == b"text"
    # A link to nothing is where a new file comes, unless it must be new.
    guest.ok("path_symlink", "later", 3, "dangling")
    assert guest.open_error("dangling") == "NOENT"
    assert guest.open_error("dangling", T.CREAT | T.EXCL) == "EXIST"
    guest.open("dangling", T.CREAT)
    assert (inside / "later").exists()
    # A hard link to a link, and to what it means.
    guest.ok("path_link", 3, 0, "l", 3, "l2")
    assert (inside / "l2").is_symlink()
    guest.ok("path_link", 3, 1, "l", 3, "f2")
    assert not (inside / "f2").is_symlink()


def test_renumber(guest: Any) -> None:
    first = guest.open("f", T.CREAT, READ_WRITE)
    second = guest.open("f", 0, READ_WRITE)
    guest.write(first, b"abc")
    guest.ok("fd_renumber", first, second)
    assert guest.get("fd_tell", second, size=8) == 3
    assert guest.call("fd_tell", first, guest.room(8)) == "BADF"
    assert guest.call("fd_renumber", second, first) == "BADF"
    assert guest.call("fd_renumber", first, second) == "BADF"
    guest.ok("fd_renumber", second, second)
    guest.ok("fd_renumber", second, 1)
    assert guest.write(1, b"to the file") == 11


def test_read_only(make: Any, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "f").write_text("text")
    os.utime(tmp_path / "f", ns=(1, 1))
    guest = make(read_only={"/": tmp_path}, dirs={"/w": tmp_path / "d"})
    write, read = 3, 4
    assert guest.open_error("f", 0, T.FD_WRITE, fd=read) == "ROFS"
    assert guest.open_error("f", T.TRUNC, fd=read) == "ROFS"
    assert guest.open_error("g", T.CREAT, fd=read) == "ROFS"
    fd = guest.open("f", fd=read)
    assert guest.read(fd) == b"text"
    assert guest.call("fd_filestat_set_times", fd, 5, 5, T.MTIM) == "ROFS"
    assert guest.call("fd_filestat_set_size", fd, 0) == "ROFS"
    assert guest.call("fd_allocate", fd, 0, 100) == "ROFS"
    for name, args in (
        ("path_create_directory", (read, "x")),
        ("path_remove_directory", (read, "d")),
        ("path_unlink_file", (read, "f")),
        ("path_rename", (read, "f", write, "f")),
        ("path_rename", (write, "f", read, "f2")),
        ("path_link", (read, 0, "f", write, "f")),  # a second name that could be written to
        ("path_link", (write, 0, "f", read, "f2")),
        ("path_symlink", ("f", read, "l")),
        ("path_filestat_set_times", (read, 0, "f", 5, 5, T.MTIM)),
        ("fd_filestat_set_times", (read, 5, 5, T.MTIM)),
    ):
        assert guest.call(name, *args) == "ROFS", name
    below = guest.open("d", fd=read)
    assert guest.call("path_create_directory", below, "x") == "ROFS"
    assert os.stat(tmp_path / "f").st_mtime_ns == 1
    assert sorted(os.listdir(tmp_path)) == ["d", "f"]


def test_files_are_closed(make: Any, tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for close in (True, False):
        guest = make(dirs={"/": tmp_path})
        guest.open("f", T.CREAT)
        guest.open_error("none/f")
        guest.call("path_open", 3, 0, "f", 0, 0, 0, 0, 1 << 17)  # no room for the result
        if close:
            guest.wasi.close()
            assert guest.call("fd_close", 3) == "BADF"
    guest.wasi.close()
    assert os.listdir("/proc/self/fd") == before


def test_store_dies_with_its_wasi(tmp_path: Path) -> None:
    """Nothing of WASI keeps a Store alive."""
    import gc
    import weakref

    from tests.wasi.conftest import Guest

    gc.collect()
    gc.disable()
    try:
        guest = Guest(dirs={"/": tmp_path})
        guest.ok("sched_yield")
        guest.open("f", T.CREAT)
        watch = weakref.ref(guest.store), weakref.ref(guest.wasi)
        del guest
        assert [ref() for ref in watch] == [None, None]
    finally:
        gc.enable()


def test_unstable(make: Any, tmp_path: Path) -> None:
    """wasi_unstable, the version before: other structures, other numbers for seeking."""
    guest = make(module="wasi_unstable", dirs={"/": tmp_path})
    fd = guest.open("f", T.CREAT, READ_WRITE)
    guest.write(fd, b"0123456789")
    current, end, start = 0, 1, 2
    assert guest.get("fd_seek", fd, -3, current, size=8) == 7
    assert guest.get("fd_seek", fd, -1, end, size=8) == 9
    assert guest.get("fd_seek", fd, 4, start, size=8) == 4
    assert guest.get("fd_tell", fd, size=8) == 4
    host = os.stat(tmp_path / "f")
    status = guest.room(64)
    for name, args in (("fd_filestat_get", (fd,)), ("path_filestat_get", (3, 0, "f"))):
        guest.ok(name, *args, status)
        fields = struct.unpack("<QQB3xIQQQQ8s", guest.memory[status : status + 64])
        assert fields[:5] == (host.st_dev, host.st_ino, T.REGULAR_FILE, 1, 10)
        assert fields[6:] == (host.st_mtime_ns, host.st_ctime_ns, b"\xff" * 8)
    # A clock, whose own user data is not used, and a descriptor.
    at, _ = guest.put(
        struct.pack("<QB7xQI4xQQH6x", 5, T.EVENT_CLOCK, 99, T.MONOTONIC, 10**15, 0, 0)
        + struct.pack("<QB7xI36x", 6, T.EVENT_READ, fd)
    )
    events = guest.room(64)
    assert guest.get("poll_oneoff", at, events, 2) == 1
    assert T.EVENT.unpack(guest.memory[events : events + 32]) == (6, 0, T.EVENT_READ, 6, 0)
    guest.put(struct.pack("<QB7xQI4xQQH6x", 5, T.EVENT_CLOCK, 99, T.MONOTONIC, 1000, 0, 0))
    assert guest.get("poll_oneoff", guest.next - 64, events, 1) == 1
    assert guest.u64(events) == 5


def test_file_types(guest: Any, tmp_path: Path) -> None:
    assert T.file_type(stat.S_IFSOCK) == T.SOCKET_STREAM
    assert T.file_type(stat.S_IFIFO) == T.UNKNOWN
