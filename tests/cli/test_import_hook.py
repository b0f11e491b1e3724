"""`.wasm` and `.wat` files as Python modules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import grus
from grus.import_hook import Hook, install
from grus.wasm.text import wat2wasm

COUNTER = """(module (memory (export "mem") 1) (global $n (mut i32) (i32.const 5))
  (func (export "next") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
  (func (export "not an identifier") (result i32) (i32.const 7))
  (func (export "__name__") (result i32) (i32.const 7)))"""


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory on `sys.path`; modules and hooks are gone afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    finders = list(sys.meta_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("w_")]:
        del sys.modules[name]
    sys.meta_path[:] = finders


def test_import(room: Path) -> None:
    (room / "w_counter.wat").write_text(COUNTER)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("w_counter")
    hook = install()
    counter = importlib.import_module("w_counter")
    assert [counter.next(), counter.next()] == [6, 7]
    assert counter.__name__ == "w_counter" and counter.__file__ == str(room / "w_counter.wat")
    assert getattr(counter, "not an identifier")() == 7
    assert isinstance(counter.mem, grus.Memory) and isinstance(counter.__wasm__, grus.Instance)
    assert importlib.reload(counter).next() == 6
    hook.uninstall()
    hook.uninstall()
    assert counter.next() == 7
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("w_nothing")


def test_order(room: Path) -> None:
    """Python before .wasm before .wat."""
    install()
    for name in ("w_a", "w_b"):
        (room / f"{name}.wat").write_text('(module (func (export "f") (result i32) (i32.const 1)))')
        (room / f"{name}.wasm").write_bytes(
            wat2wasm('(module (func (export "f") (result i32) (i32.const 2)))')
        )
    (room / "w_a.py").write_text("def f(): return 3\n")
    assert importlib.import_module("w_a").f() == 3
    assert importlib.import_module("w_b").f() == 2


def test_imports(room: Path) -> None:
    package = room / "w_pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "counter.wat").write_text(COUNTER)
    (package / "user.wat").write_text(
        '(module (import "counter" "next" (func $next (result i32)))\n'
        '(import "counter" "mem" (memory 1)) (import "env" "log" (func $log (param i32)))\n'
        '(func (export "go") (result i32) (call $log (i32.const 42)) (call $next)))'
    )
    log: list[int] = []
    install({"env": {"log": log.append}})
    user = importlib.import_module("w_pack.user")
    assert user.go() == 6 and log == [42]
    assert sys.modules["w_pack.counter"].next() == 7  # the same instance


def test_python_modules_are_out_of_reach(room: Path) -> None:
    (room / "w_evil.wat").write_text('(module (import "os" "getpid" (func (result i32))))')
    (room / "w_mod.py").write_text("raise AssertionError('run')\n")
    (room / "w_evil2.wat").write_text('(module (import "w_mod" "f" (func)))')
    (room / "w_dots.wat").write_text('(module (import "../x" "f" (func)) (import "" "" (func)))')
    install()
    for name in ("w_evil", "w_evil2", "w_dots"):
        with pytest.raises(ImportError) as error:
            importlib.import_module(name)
        assert error.value.name == name and "unknown import" in str(error.value)
    assert "w_mod" not in sys.modules


def test_bad_files(room: Path) -> None:
    (room / "w_bad.wasm").write_bytes(b"\0asm\1\0\0\0\1")
    (room / "w_text.wat").write_text("(module (func i32.ad))")
    (room / "w_dir.wasm").mkdir()
    install()
    for name in ("w_bad", "w_text"):
        with pytest.raises(ImportError, match=str(room)):
            importlib.import_module(name)
        assert name not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("w_dir")


def test_wasi(room: Path) -> None:
    (room / "w_reactor.wat").write_text(
        '(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))\n'
        '(memory (export "memory") 1) (global $ready (mut i32) (i32.const 0))\n'
        '(func (export "_initialize") (global.set $ready (i32.const 1)))\n'
        '(func (export "ready") (result i32) (global.get $ready))\n'
        '(func (export "stop") (call $exit (i32.const 3))))'
    )
    hook = install()
    with pytest.raises(ImportError, match="proc_exit"):
        importlib.import_module("w_reactor")
    hook.uninstall()
    assert isinstance(install(wasi=grus.WasiConfig(["reactor"])), Hook)
    reactor = importlib.import_module("w_reactor")
    assert reactor.ready() == 1
    with pytest.raises(grus.ExitStatus):
        reactor.stop()


def test_shared_store(room: Path) -> None:
    (room / "w_s.wat").write_text(COUNTER)
    store = grus.Store()
    install(store=store)
    assert importlib.import_module("w_s").__wasm__.store is store
