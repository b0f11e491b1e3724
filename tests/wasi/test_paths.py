"""No path leads out of the directories that were given."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from grus.wasi import paths
from grus.wasi import types as T

SECRET = "outside"


@pytest.fixture
def prison(guest: Any, tmp_path: Path) -> Any:
    """A Guest in `tmp_path/in`, with a secret beside it and links of all kinds to it."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "in-not").mkdir()
    inside = tmp_path / "in"
    (inside / "dir/deep").mkdir(parents=True)
    for name, target in {
        "up": "..",
        "secret": "../secret",
        "absolute": str(tmp_path / "secret"),
        "root": "/",
        "self": str(inside),
        "dir/twice": "../../secret",
        "dir/deep/chain": "../../up",
        "round": "dir/../../in/dir",
        "proc": "/proc/self/root",
    }.items():
        (inside / name).symlink_to(target)
    return guest


OUT = [
    "..", "../", "../secret", "../in", "../in/dir", "./..", "dir/../..", "dir/../../secret",
    "dir/deep/../../../secret", "..//secret", "up", "up/", "up/secret", "up/in/dir", "secret",
    "absolute", "root", "root/etc/passwd", "self", "self/dir", "dir/twice", "dir/deep/chain",
    "dir/deep/chain/secret", "round", "round/..", "proc/etc", "/", "//", "/etc/passwd", "/dir",
    "../in-not",
]  # fmt: skip


@pytest.mark.parametrize("path", OUT)
def test_out(prison: Any, tmp_path: Path, path: str) -> None:
    before = sorted(os.walk(tmp_path))
    status = prison.room(64)
    assert prison.open_error(path) == "PERM"
    # A file with a slash after its name is none, before it is asked where the name leads.
    assert prison.open_error(path, T.CREAT) == ("ISDIR" if path == "up/" else "PERM")
    assert prison.open_error(path, T.DIRECTORY_ONLY) == "PERM"
    assert prison.call("path_filestat_get", 3, 1, path, status) == "PERM"
    assert prison.call("path_filestat_set_times", 3, 1, path, 1, 1, T.MTIM) == "PERM"
    assert prison.call("path_link", 3, 1, path, 3, "got") == "PERM"
    # As an entry a link is itself: what is behind it is out of reach.
    below = path + "/new"
    assert prison.call("path_create_directory", 3, below) == "PERM"
    assert prison.call("path_symlink", "x", 3, below) == "PERM"
    assert prison.call("path_rename", 3, "dir", 3, below) == "PERM"
    assert prison.call("path_link", 3, 0, "dir", 3, below) == "PERM"
    assert prison.call("path_unlink_file", 3, path + "/secret") == "PERM"
    assert prison.call("path_remove_directory", 3, path + "/in-not") == "PERM"
    assert prison.call("path_rename", 3, path + "/secret", 3, "got") == "PERM"
    assert prison.call("path_readlink", 3, path + "/x", status, 8, status) == "PERM"
    assert sorted(os.walk(tmp_path)) == before
    assert (tmp_path / "secret").read_text() == SECRET


@pytest.mark.parametrize("name", ["secret", "up", "absolute"])
def test_links_themselves(prison: Any, tmp_path: Path, name: str) -> None:
    """A link that leads out can be looked at, renamed and removed."""
    target = os.readlink(tmp_path / "in" / name).encode()
    at = prison.room(4096)
    assert prison.get("path_readlink", 3, name, at, 4096) == len(target)
    assert bytes(prison.memory[at : at + len(target)]) == target
    assert prison.open_error(name, lookup=0) == "LOOP"
    prison.ok("path_rename", 3, name, 3, "other")
    assert prison.call("path_create_directory", 3, "other/") == "EXIST"
    assert prison.call("path_remove_directory", 3, "other/") == "NOTDIR"
    assert prison.call("path_unlink_file", 3, "other/") == "NOTDIR"
    prison.ok("path_unlink_file", 3, "other")
    assert (tmp_path / "secret").read_text() == SECRET


def test_new_links(prison: Any, tmp_path: Path) -> None:
    """A program may make relative links, which it cannot follow out, and no absolute ones."""
    assert prison.call("path_symlink", "/etc", 3, "l") == "PERM"
    prison.ok("path_symlink", "../secret", 3, "l")
    assert prison.open_error("l") == "PERM"
    prison.ok("path_symlink", "../../secret", 3, "dir/l")
    prison.ok("path_rename", 3, "dir/l", 3, "dir/deep/l")  # now it means in/secret, which leads out
    assert prison.open_error("dir/deep/l") == "PERM"


def test_directory_handles(prison: Any) -> None:
    """A directory that was opened is a root of its own."""
    deep = prison.open("dir/deep", T.DIRECTORY_ONLY)
    for path in ("..", "../deep", "chain/dir"):
        assert prison.open_error(path, fd=deep) == "PERM"
    assert prison.open_error(".", fd=deep) == "SUCCESS"


def test_loops(guest: Any, tmp_path: Path) -> None:
    inside = tmp_path / "in"
    (inside / "a").symlink_to("b")
    (inside / "b").symlink_to("a")
    (inside / "c").symlink_to("c/c")
    for path in ("a", "b/x", "c", "c/"):
        assert guest.open_error(path) == "LOOP"
    for index in range(39):
        (inside / f"l{index}").symlink_to(f"l{index + 1}")
    (inside / "l39").write_text("end")
    assert guest.read(guest.open("l0")) == b"end"
    # The longest path of links that go on for ever takes no time.
    (inside / "wide").symlink_to("./" * 1900 + "wide")
    assert guest.open_error("wide") == "LOOP"


def test_moved_directory(guest: Any, tmp_path: Path) -> None:
    """`..` goes back to where one came from, also when the host has moved the directory away."""
    inside = tmp_path / "in"
    (inside / "a/b").mkdir(parents=True)
    (inside / "file").write_text("mine")
    fd = guest.open("a", T.DIRECTORY_ONLY)
    os.rename(inside / "a", tmp_path / "a")
    (tmp_path / "file").write_text(SECRET)
    assert guest.open_error("b/../../file", fd=fd) == "PERM"
    assert guest.open_error("b/..", fd=fd) == "SUCCESS"


def test_races(guest: Any, tmp_path: Path) -> None:
    """While others swap directories and files for links that lead out, no path gets there."""
    inside = tmp_path / "in"
    (tmp_path / "out").mkdir()
    (tmp_path / "out/file").write_text(SECRET)
    (inside / "good").mkdir()
    (inside / "good/file").write_text("mine")
    (inside / "link").symlink_to("../out")
    (inside / "plain").write_text("mine")
    (inside / "leak").symlink_to("../out/file")
    stop = threading.Event()

    def swap() -> None:
        """`d` is by turns a directory and a link out; `f` a file and a link out."""
        while not stop.is_set():
            for name, good, bad in (("d", "good", "link"), ("f", "plain", "leak")):
                for other in (good, bad):
                    os.rename(inside / other, inside / name)
                    os.rename(inside / name, inside / other)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        seen = set()
        for _ in range(3000):
            for path in ("d/file", "f"):
                error = guest.open_error(path, rights=T.FD_READ | T.FD_WRITE)
                seen.add(error)
                if error == "SUCCESS":
                    fd = next(n for n in range(4, 9) if guest.call("fd_sync", n) == "SUCCESS")
                    assert guest.read(fd) == b"mine"
                    guest.ok("fd_close", fd)
            guest.next = 1024
            for name, args in (
                ("path_create_directory", ("d/new",)),
                ("path_unlink_file", ("d/other",)),
                ("path_filestat_set_times", (1, "f", 1, 1, T.MTIM)),
            ):
                seen.add(guest.call(name, 3, *args))
    finally:
        stop.set()
        swapper.join()
    assert seen <= {"SUCCESS", "NOENT", "PERM", "LOOP", "NOTDIR", "EXIST"}, seen
    assert os.listdir(tmp_path / "out") == ["file"]
    assert (tmp_path / "out/file").read_text() == SECRET
    assert os.stat(tmp_path / "out/file").st_mtime_ns != 1


def test_swapped_after_the_look(
    guest: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that becomes a link out just after it was seen to be none: the link is used, or
    nothing, never what it leads to."""
    inside, outside = tmp_path / "in", tmp_path / "secret"
    outside.write_text(SECRET)
    os.utime(outside, ns=(1, 1))
    look = paths._read_link

    def swapped(directory: int, name: bytes) -> bytes | None:
        found = look(directory, name)
        if name == b"f":
            (inside / "f").unlink()
            (inside / "f").symlink_to("../secret")
        return found

    monkeypatch.setattr(paths, "_read_link", swapped)
    status = guest.room(64)
    for name, args, expected in (
        ("path_open", (3, 1, "f", 0, T.FD_READ, 0, 0, status), "LOOP"),
        ("path_open", (3, 1, "f", T.CREAT | T.TRUNC, T.FD_WRITE, 0, 0, status), "LOOP"),
        ("path_filestat_get", (3, 1, "f", status), "SUCCESS"),
        ("path_filestat_set_times", (3, 1, "f", 9, 9, T.MTIM), "SUCCESS"),
        ("path_link", (3, 1, "f", 3, "name"), "SUCCESS"),
    ):
        (inside / "f").unlink(missing_ok=True)
        (inside / "f").write_text("mine")
        assert guest.call(name, *args) == expected
        assert (inside / "f").is_symlink()
        if name == "path_filestat_get":
            assert guest.memory[status + 16] == T.SYMBOLIC_LINK
        if name == "path_filestat_set_times":
            assert os.lstat(inside / "f").st_mtime_ns == 9
    assert (inside / "name").is_symlink()
    assert outside.read_text() == SECRET
    assert (os.stat(outside).st_mtime_ns, os.stat(outside).st_nlink) == (1, 1)
