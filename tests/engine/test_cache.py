"""The cache on disk: what is used, what is not, and what many processes do to it at once."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import grus
from grus.engine import cache as cache_module
from grus.engine.cache import LATEST, Cache, default_path
from tests.builds import PLAIN_ONLY

WAT = """(module $m (memory (export "memory") 1)
  (func $f (export "f") (param i32) (result i32) (i32.load (local.get 0)))
  (func $g (export "g") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
      (else (i32.add (local.get 0) (call $g (i32.sub (local.get 0) (i32.const 1))))))))"""
TIERS = ["eager", "lazy", "fast", "auto"]

PROGRAM = """
import sys, grus
engine = grus.Engine(cache={path!r}, tier={tier!r})
exports = grus.Instance(grus.Module({wat!r}, engine)).exports
try:
    exports.f(-1)
except grus.Trap as trap:
    print("m!f" in str(trap), exports.g(10))
print([name for name in sys.modules if name.startswith(("grus.ir", "grus.opt", "grus.wasm.v"))])
"""


@pytest.fixture(autouse=True)
def fresh_start(monkeypatch: Any) -> None:
    """Nothing was said, and Grus is as it is on disk: sources may change in a long session."""
    cache_module._said.clear()
    monkeypatch.setattr(grus, "LOADED", float("inf"))
    if grus.build_info().kind != "compiled":
        monkeypatch.setattr("grus.engine.build._build_id", "")


def start(path: Path, tier: str = "eager", wat: str = WAT) -> subprocess.Popen[str]:
    """A process that uses the module."""
    text = PROGRAM.format(path=str(path), tier=tier, wat=wat)
    return subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def result(process: subprocess.Popen[str]) -> tuple[bool, str]:
    """Whether it did without the compiler, and its log. Its result must be right."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert out.startswith("True 55\n"), out + err
    return out.endswith("\n[]\n"), err


def names(path: Path) -> list[str]:
    """The files in a directory, but those that name the latest entry of a family."""
    found = os.listdir(path) if path.exists() else []
    return sorted([name for name in found if not name.endswith(LATEST)])


@pytest.mark.parametrize("tier", TIERS)
def test_the_second_process_needs_no_compiler(tmp_path: Path, tier: str) -> None:
    path = tmp_path / "cache"
    assert result(start(path, tier)) == (False, "")
    assert len(names(path)) == 1
    assert os.stat(path).st_mode & 0o777 == 0o700
    before = os.stat(path / names(path)[0])
    assert result(start(path, tier)) == (True, "")
    after = os.stat(path / names(path)[0])
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)


def test_other_settings_are_other_entries(tmp_path: Path) -> None:
    engines = [
        grus.Engine(cache=str(tmp_path), tier="eager", **settings)
        for settings in ({}, {"fuel": True}, {"guards": False}, {"opt_level": "none"})
    ]
    for number, engine in enumerate(engines):
        assert not grus.Module.is_cached(WAT, engine)
        assert grus.Module(WAT, engine).image
        assert grus.Module.is_cached(WAT, engine)
        assert len(names(tmp_path)) == number + 1
    assert not grus.Module.is_cached(WAT + " ", engines[0])
    assert grus.Module.is_cached(WAT, grus.Engine(cache=str(tmp_path), max_wasm_stack=1 << 17))
    assert not grus.Module.is_cached(WAT, grus.Engine())


def test_what_holds_the_optimizer_back_is_in_the_key(tmp_path: Path, monkeypatch: Any) -> None:
    assert grus.Module(WAT, grus.Engine(cache=str(tmp_path), tier="eager")).image
    for name, value in (("GRUS_DISABLE_RULES", "add_zero"), ("GRUS_OPT_STEPS", "3")):
        monkeypatch.setenv(name, value)
        assert not grus.Module.is_cached(WAT, grus.Engine(cache=str(tmp_path), tier="eager"))
        monkeypatch.delenv(name)
    assert grus.Module.is_cached(WAT, grus.Engine(cache=str(tmp_path), tier="eager"))


def test_equal_images(tmp_path: Path) -> None:
    engine = grus.Engine(cache=str(tmp_path), tier="eager")
    first = grus.Module(WAT, engine)
    image = first.image
    again = grus.Module(WAT, engine)
    assert again._image is not None
    for name in ("code", "entries", "faults", "functions", "locs", "stack_maps", "traps"):
        ours, theirs = getattr(image, name), getattr(again.image, name)
        assert bytes(ours) == bytes(theirs) if name in ("code", "faults") else ours == theirs


@pytest.mark.parametrize("tier", ["lazy", "auto"])
def test_functions_come_together(tmp_path: Path, tier: str) -> None:
    """Runs that call different functions leave all of them; each wants none of the others."""
    engine = grus.Engine(cache=str(tmp_path), tier=tier)
    for call in ("g", "f"):
        module = grus.Module(WAT, engine)
        exports = grus.Instance(module).exports
        exports[call](0)
        del module, exports
    module = grus.Module(WAT, engine)
    assert all(module.load().levels)
    exports = grus.Instance(module).exports
    assert (exports.f(0), exports.g(4)) == (0, 10)


@pytest.mark.parametrize("tier", ["lazy", "auto"])
def test_functions_of_two_processes_come_together(tmp_path: Path, tier: str) -> None:
    engine = grus.Engine(cache=str(tmp_path), tier=tier)
    modules = [grus.Module(WAT, engine) for _ in range(2)]
    for module, call in zip(modules, ("f", "g"), strict=True):
        grus.Instance(module).exports[call](0)
    modules.clear()
    del module
    assert all(grus.Module(WAT, engine).load().levels)


def test_invalid_modules_are_not_cached(tmp_path: Path) -> None:
    engine = grus.Engine(cache=str(tmp_path))
    for text in ("(module (func (result i32)))", "(module (func"):
        for _ in range(2):
            with pytest.raises(grus.GrusError):
                grus.Module(text, engine)
    assert names(tmp_path) == []


def test_the_environment(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("GRUS_CACHE", str(tmp_path / "a"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert default_path() == str(tmp_path / "a")
    engine = grus.Engine(cache=True)
    assert engine.cache is not None and engine.cache.path == str(tmp_path / "a")
    monkeypatch.setenv("GRUS_CACHE", "0")
    assert default_path() == ""
    assert grus.Engine(cache=True).cache is None
    monkeypatch.delenv("GRUS_CACHE")
    assert default_path() == str(tmp_path / "b" / "grus")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "c"))
    assert default_path() == str(tmp_path / "c" / ".cache" / "grus")
    assert grus.Engine().cache is None


# ---- damage and strangers ----


def entry(path: Path) -> Path:
    (name,) = names(path)
    return path / name


@pytest.mark.parametrize("tier", ["eager", "auto"])
def test_damage_is_found(tmp_path: Path, tier: str, caplog: Any) -> None:
    """A cut or changed entry is not used: a line in the log, and it is made anew."""
    path = tmp_path / "cache"
    result(start(path, tier))
    good = entry(path).read_bytes()
    engine = grus.Engine(cache=str(path), tier=tier)
    rng = random.Random(1)
    damaged = [good[:size] for size in (0, 1, 11, 12, 60, len(good) // 2, len(good) - 1)]
    for _ in range(300):
        data = bytearray(good)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(data))
    refused = 0
    for data in damaged:
        cache_module._said.clear()
        caplog.clear()
        with entry_of(path, good) as file:
            file.write_bytes(data)
            module = grus.Module(WAT, engine)
            if caplog.records:
                assert [record.levelno for record in caplog.records] == [logging.WARNING]
                assert "is not used" in caplog.text
                refused += 1
            exports = grus.Instance(module).exports
            assert exports.g(10) == 55
            del module, exports
    assert refused > 200  # of the others a bit between blocks was changed


class entry_of:
    """The file of the one entry, which is put back."""

    def __init__(self, path: Path, good: bytes) -> None:
        self.file, self.good = entry(path), good

    def __enter__(self) -> Path:
        return self.file

    def __exit__(self, *_: object) -> None:
        self.file.write_bytes(self.good)
        self.file.chmod(0o600)


def test_entries_of_other_builds_stay_apart(tmp_path: Path, monkeypatch: Any) -> None:
    """Two versions of Grus share a directory without seeing each other's code."""
    for build in ("a" * 64, "b" * 64, "a" * 64):
        monkeypatch.setattr("grus.engine.build._build_id", build)
        engine = grus.Engine(cache=str(tmp_path), tier="eager")
        grus.Instance(grus.Module(WAT, engine))
    assert len(names(tmp_path)) == 2


@PLAIN_ONLY
def test_sources_that_change_under_a_process(tmp_path: Path, monkeypatch: Any, caplog: Any) -> None:
    """Its code may be of the old ones or the new: it is neither read nor written."""
    engine = grus.Engine(cache=str(tmp_path), tier="lazy")
    modules = [grus.Module(WAT + " " * n, engine) for n in range(2)]
    grus.Instance(modules[0]).exports.g(1)
    modules.pop(0)
    assert len(names(tmp_path)) == 1
    grus.Instance(modules[0]).exports.g(1)
    monkeypatch.setattr(grus, "LOADED", 0.0)
    modules.clear()
    assert len(names(tmp_path)) == 1
    assert not grus.Module.is_cached(WAT, engine)
    assert "have changed" in caplog.text
    assert grus.Instance(grus.Module(WAT, grus.Engine(cache=str(tmp_path)))).exports.g(4) == 10
    assert len(names(tmp_path)) == 1


def test_an_entry_under_a_wrong_name(tmp_path: Path, monkeypatch: Any, caplog: Any) -> None:
    for build in ("a" * 64, "b" * 64):
        monkeypatch.setattr("grus.engine.build._build_id", build)
        engine = grus.Engine(cache=str(tmp_path / build[0]), tier="eager")
        grus.Instance(grus.Module(WAT, engine))
    theirs = entry(tmp_path / "a").read_bytes()
    entry(tmp_path / "b").write_bytes(theirs)
    assert not grus.Module.is_cached(WAT, engine)
    assert "another Grus" in caplog.text


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_directory_that_others_can_write(tmp_path: Path, mode: int, caplog: Any) -> None:
    path = tmp_path / "cache"
    engine = grus.Engine(cache=str(path), tier="eager")
    grus.Instance(grus.Module(WAT, engine))
    path.chmod(mode)
    assert not grus.Module.is_cached(WAT, engine)
    assert "not this user's alone" in caplog.text
    assert grus.Instance(grus.Module(WAT, engine)).exports.g(10) == 55
    path.chmod(0o755)
    assert grus.Module.is_cached(WAT, engine)


def test_an_entry_that_others_can_write(tmp_path: Path, caplog: Any) -> None:
    engine = grus.Engine(cache=str(tmp_path), tier="eager")
    grus.Instance(grus.Module(WAT, engine))
    entry(tmp_path).chmod(0o620)
    assert not grus.Module.is_cached(WAT, engine)
    assert "not this user's alone" in caplog.text


def test_no_links_and_no_pipes(tmp_path: Path) -> None:
    engine = grus.Engine(cache=str(tmp_path), tier="eager")
    grus.Instance(grus.Module(WAT, engine))
    file = entry(tmp_path)
    elsewhere = tmp_path.parent / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert not grus.Module.is_cached(WAT, engine)
    file.unlink()
    os.mkfifo(file)
    assert not grus.Module.is_cached(WAT, engine)
    file.unlink()
    file.mkdir()
    assert not grus.Module.is_cached(WAT, engine)
    assert grus.Instance(grus.Module(WAT, engine)).exports.g(10) == 55


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_directory(tmp_path: Path, caplog: Any) -> None:
    path = tmp_path / "cache"
    engine = grus.Engine(cache=str(path), tier="eager")
    grus.Instance(grus.Module(WAT, engine))
    os.chown(entry(path), 12345, -1)
    assert not grus.Module.is_cached(WAT, engine)
    os.chown(path, 12345, -1)
    cache_module._said.clear()
    caplog.clear()
    assert grus.Instance(grus.Module(WAT, engine)).exports.g(10) == 55
    assert caplog.text.count("not this user's alone") == 1


def test_a_directory_that_cannot_be(tmp_path: Path, caplog: Any) -> None:
    """A file in the way: one line in the log, and all works."""
    (tmp_path / "file").write_text("")
    engine = grus.Engine(cache=str(tmp_path / "file" / "cache"), tier="eager")
    assert grus.Instance(grus.Module(WAT, engine)).exports.g(10) == 55
    assert caplog.text.count("cannot use the cache") == 1


READ_ONLY = """
import ctypes, os, sys
path = {path!r}
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x20000) != 0:  # CLONE_NEWNS
    print("no")
    sys.exit()
none = ctypes.c_char_p(None)
libc.mount(b"none", b"/", none, 0x44000, none)  # MS_REC | MS_PRIVATE
{mount}
import grus
engine = grus.Engine(cache=path, tier="eager")
for n in range(4):
    text = '(module (memory 1) (func (export "f") (result i32) (i32.const %d)))' % n
    assert grus.Instance(grus.Module(text, engine)).exports.f() == n
print("yes", grus.Module.is_cached({wat!r}, engine), len(os.listdir(path)))
"""


def in_namespace(path: Path, mount: str) -> list[str]:
    """Run READ_ONLY in a process with mounts of its own."""
    text = READ_ONLY.format(path=str(path), mount=mount, wat=WAT)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if done.stdout == "no\n":
        pytest.skip("this user cannot make mounts")
    return [*done.stdout.split(), done.stderr]


def test_a_read_only_directory(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    result(start(path))
    os.utime(entry(path), (1, 1))
    mount = """
assert libc.mount(path.encode(), path.encode(), none, 0x1000, none) == 0  # MS_BIND
assert libc.mount(b"none", path.encode(), none, 0x1021, none) == 0  # and MS_REMOUNT | MS_RDONLY
"""
    yes, cached, count, log = in_namespace(path, mount)
    assert (yes, cached, count) == ("yes", "True", "1")
    assert log.count("\n") == 1 and "Read-only file system" in log


def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    path.mkdir(0o700)
    mount = """
assert libc.mount(b"tmpfs", path.encode(), b"tmpfs", 0, b"size=8k,mode=700") == 0
"""
    yes, cached, count, log = in_namespace(path, mount)
    assert (yes, cached) == ("yes", "False")
    assert int(count) < 4
    assert log.count("\n") == 1 and "No space left on device" in log


def test_files_of_limited_size(tmp_path: Path) -> None:
    """Writing ends in the middle: nothing is left of it."""
    text = f"""
import resource, signal, grus
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
engine = grus.Engine(cache={str(tmp_path)!r}, tier="eager")
print(grus.Instance(grus.Module({WAT!r}, engine)).exports.g(10))
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "55\n"), done.stderr
    assert "File too large" in done.stderr
    assert names(tmp_path) == []


# ---- room ----


def test_the_oldest_make_room(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path), 1000)
    for number in range(9):
        assert cache.put(f"{number:064}", [bytes(100)])
        os.utime(tmp_path / f"{number:064}.grus", (number + 1, number + 1))
    assert cache.get(f"{0:064}") == bytes(100)  # now the newest
    assert cache.put("new", [bytes(250), b"x"])
    left = names(tmp_path)
    assert f"{0:064}.grus" in left and "new.grus" in left
    assert f"{1:064}.grus" not in left and f"{8:064}.grus" in left
    assert cache.info().bytes <= 1000
    assert not cache.put("large", [bytes(1001)])
    (tmp_path / "other").write_text("")
    assert cache.clear() == len(left)
    assert names(tmp_path) == ["other"]


def test_temporary_files(tmp_path: Path) -> None:
    """Those that nobody writes go when the next entry is written; others stay."""
    import fcntl

    (tmp_path / "dead.1.tmp").write_bytes(bytes(10))
    (tmp_path / "new.3.tmp").write_bytes(bytes(10))  # perhaps not locked yet
    os.utime(tmp_path / "dead.1.tmp", (1, 1))
    with open(tmp_path / "alive.2.tmp", "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.utime(tmp_path / "alive.2.tmp", (1, 1))
        cache = Cache(str(tmp_path))
        assert cache.put("a", [b"a"])
        assert names(tmp_path) == ["a.grus", "alive.2.tmp", "new.3.tmp"]
    os.utime(tmp_path / "new.3.tmp", (1, 1))
    assert cache.put("b", [b"b"])
    assert names(tmp_path) == ["a.grus", "b.grus"]


# ---- many at once ----


@pytest.mark.parametrize("tier", ["eager", "auto"])
def test_many_processes_at_once(tmp_path: Path, tier: str) -> None:
    """They start on an empty cache together (50 of them in tools/cache_torture.py)."""
    path = tmp_path / "cache"
    for process in [start(path, tier) for _ in range(10)]:
        assert result(process)[1] == ""
    assert len(names(path)) == 1
    assert result(start(path, tier)) == (True, "")


def test_kill(tmp_path: Path) -> None:
    """Processes that are killed at any moment leave nothing that harms."""
    path = tmp_path / "cache"
    rng = random.Random(2)
    for round_ in range(10):
        process = start(path, "auto", WAT + f"(; {round_} ;)")
        time.sleep(rng.random() * 0.6)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    for round_ in range(10):
        process = start(path, "auto", WAT + f"(; {round_} ;)")
        assert result(process)[1] == ""
    for name in os.listdir(path):
        os.utime(path / name, (1, 1))
    assert Cache(str(path)).put("one more", [b"x"])
    assert all(name.endswith(".grus") for name in names(path))
