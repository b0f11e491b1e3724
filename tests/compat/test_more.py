"""What `grus.wasmtime` does beyond wasmtime-py, or where the wheel would end the process."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import grus.wasmtime as w

ADD = '(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))'
PROGRAM = """(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1) (data (i32.const 16) "hello\\0a")
  (func (export "_start")
    (drop (call $args (i32.const 100) (i32.const 104)))
    (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 6))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $exit (i32.load (i32.const 100)))))"""


def exports(wat: str, imports: Any = ()) -> tuple[w.Store, Any]:
    store = w.Store()
    instance = w.Instance(store, w.Module(store.engine, wat), [make(store) for make in imports])
    return store, instance.exports(store)


def test_everything_is_there() -> None:
    names = """wat2wasm Config Engine Store FuncType GlobalType MemoryType TableType ValType Limits
        ImportType ExportType Val Func Caller Table Memory SharedMemory Global Trap TrapCode ExitTrap
        Frame Module Instance WasiConfig FilePerms DirPerms Linker WasmtimeError StoreContext TagType
        Tag InstancePre""".split()
    assert set(names) <= set(w.__all__)
    assert not issubclass(w.Trap, w.WasmtimeError) and issubclass(w.ExitTrap, w.WasmtimeError)


def test_numbers_of_other_types() -> None:
    class Index:
        def __index__(self) -> int:
            return 40

    store, e = exports(ADD)
    assert e["add"](store, Index(), 2) == 42
    numpy = pytest.importorskip("numpy")
    assert e["add"](store, numpy.int64(40), numpy.uint8(2)) == 42


def test_another_store() -> None:
    store, e = exports(ADD)
    other = w.Store(store.engine)
    with pytest.raises(w.WasmtimeError, match="wrong store"):
        e["add"](other, 1, 2)
    with pytest.raises(w.WasmtimeError, match="another store"):
        w.Instance(
            other,
            w.Module(store.engine, '(module (import "" "" (func (param i32 i32) (result i32))))'),
            [e["add"]],
        )


def test_views_outlive_their_store() -> None:
    store = w.Store()
    memory = w.Memory(store, w.MemoryType(w.Limits(1, 2)))
    array = memory.get_buffer_ptr(store, 4, 8)
    pointer = memory.data_ptr(store)
    array[0] = 7
    memory.grow(store, 1)
    store.close()
    del memory, store
    assert (array[0], pointer[8]) == (7, 7)


def test_views_are_checked() -> None:
    store = w.Store()
    memory = w.Memory(store, w.MemoryType(w.Limits(1, 2)))
    for size, offset in ((5, 65532), (1, 65536), (1, -1)):
        with pytest.raises(ValueError):
            memory.get_buffer_ptr(store, size, offset)
    numpy = pytest.importorskip("numpy")
    array = numpy.frombuffer(memory.get_buffer_ptr(store), dtype=numpy.uint8)
    array[:3] = (1, 2, 3)
    assert memory.read(store, 0, 4) == b"\1\2\3\0"


def test_pickles() -> None:
    store, e = exports(
        '(module $m (memory 1) (func $f (export "f") (drop (i32.load (i32.const 65536)))))'
    )
    with pytest.raises(w.Trap) as info:
        e["f"](store)
    trap = pickle.loads(pickle.dumps(info.value))
    assert (str(trap), trap.trap_code) == (str(info.value), w.TrapCode.MEMORY_OUT_OF_BOUNDS)
    assert [frame.func_name for frame in trap.frames] == ["f"]
    for error in (w.Trap("mine"), w.WasmtimeError("text"), w.ExitTrap(3)):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))
    assert pickle.loads(pickle.dumps(w.ExitTrap(3))).code == 3
    i32 = w.ValType.i32()
    for ty in (
        i32, w.FuncType([i32], []), w.Limits(1, None), w.MemoryType(w.Limits(1, 2), shared=True),
        w.TableType(w.ValType.funcref(), w.Limits(1, 2)), w.GlobalType(i32, True),
        w.TagType(w.FuncType([i32], [])),
    ):  # fmt: skip
        assert pickle.loads(pickle.dumps(ty)) == ty
        assert len({ty, pickle.loads(pickle.dumps(ty))}) == 1


def test_texts_show_the_line() -> None:
    with pytest.raises(w.WasmtimeError) as info:
        w.wat2wasm("(module\n  (fnc))")
    assert str(info.value).endswith("     --> <anon>:2:4\n      |\n    2 |   (fnc))\n      |    ^")
    with pytest.raises(w.WasmtimeError, match="<anon>:1:16"):
        w.Module(w.Engine(), "(module (func (drop) (i32.const 1)))")


def test_exceptions_belong_to_their_thread() -> None:
    wrong = []

    def work(number: int) -> None:
        def fail() -> None:
            raise KeyError(number)

        store, e = exports(
            '(module (import "" "" (func $f)) (func (export "f") (call $f)))',
            [lambda store: w.Func(store, w.FuncType([], []), fail)],
        )
        for _ in range(200):
            try:
                e["f"](store)
            except KeyError as error:
                if error.args != (number,):
                    wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_function_references() -> None:
    store, e = exports(
        """(module (import "" "" (func $pick (param funcref externref) (result funcref)))
          (type $t (func (param i32) (result i32))) (table 1 funcref)
          (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
          (func (export "run") (param funcref externref) (result i32)
            (table.set (i32.const 0) (call $pick (local.get 0) (local.get 1)))
            (call_indirect (type $t) (i32.const 21) (i32.const 0))))""",
        [lambda store: w.Func(
            store,
            w.FuncType([w.ValType.funcref(), w.ValType.externref()], [w.ValType.funcref()]),
            lambda f, choice: choice[0] or f,
        )],
    )  # fmt: skip
    assert e["run"](store, e["twice"], [None]) == 42
    i32 = w.ValType.i32()
    plus = w.Func(store, w.FuncType([i32], [i32]), lambda x: x + 1)
    assert e["run"](store, None, [plus]) == 22
    with pytest.raises(w.Trap) as info:
        e["run"](store, None, [None])
    assert info.value.trap_code is w.TrapCode.INDIRECT_CALL_TO_NULL
    with pytest.raises(TypeError):
        e["run"](store, 5, [None])
    with pytest.raises(TypeError, match="not subscriptable"):
        e["run"](store, None, None)


def test_host_functions_with_references_know_their_caller() -> None:
    linker = w.Linker(w.Engine())
    ext, i32 = w.ValType.externref(), w.ValType.i32()
    linker.define_func(
        "m", "f", w.FuncType([ext, i32], [ext]),
        lambda caller, thing, at: (thing, caller["memory"].read(caller, at, at + 1)), access_caller=True,
    )  # fmt: skip
    module = w.Module(
        linker.engine,
        """(module (import "m" "f" (func $f (param externref i32) (result externref)))
          (memory (export "memory") 1) (data (i32.const 0) "ab")
          (func (export "run") (param externref) (result externref)
            (call $f (local.get 0) (i32.const 1))))""",
    )
    for _ in range(2):
        store = w.Store(linker.engine)
        run = linker.instantiate(store, module).exports(store)["run"]
        assert run(store, "x") == ("x", b"b")


def test_wasi_programs(tmp_path: Path, capfd: Any) -> None:
    engine = w.Engine()
    compiled = tmp_path / "program.cwasm"
    compiled.write_bytes(w.Module(engine, PROGRAM).serialize())
    module = w.Module.deserialize_file(engine, str(compiled))
    linker = w.Linker(engine)
    linker.define_wasi()
    chunks: list[bytes] = []

    def to_file(wasi: w.WasiConfig) -> None:
        wasi.stdout_file = tmp_path / "out"

    def to_function(wasi: w.WasiConfig) -> None:
        wasi.stdout_custom = chunks.append

    for number, give in enumerate(
        (to_file, to_function, w.WasiConfig.inherit_stdout, lambda wasi: None)
    ):
        wasi = w.WasiConfig()
        wasi.argv = ["program"] * number
        give(wasi)
        store = w.Store(engine)
        store.set_wasi(wasi)
        instance = linker.instantiate(store, module)
        with pytest.raises(w.ExitTrap, match=f"Exited with i32 exit status {number}") as info:
            instance.exports(store)["_start"](store)
        assert info.value.code == number
        with pytest.raises(ValueError):
            store.set_wasi(wasi)
    assert (tmp_path / "out").read_bytes() == b"".join(chunks) == b"hello\n"
    assert capfd.readouterr().out == "hello\n"
    store = w.Store(engine)
    store.set_wasi(w.WasiConfig())
    linker.define_module(store, "program", module)
    with pytest.raises(w.ExitTrap):
        linker.get_default(store, "program")(store)


def test_wasi_directories(tmp_path: Path) -> None:
    wasi = w.WasiConfig()
    with pytest.raises(w.WasmtimeError):
        wasi.preopen_dir(str(tmp_path / "nothing"), "/")
    wasi.preopen_dir(str(tmp_path), "/", w.DirPerms.READ_ONLY, w.FilePerms.READ_WRITE)
    assert wasi._config.preopens == [("/", os.fspath(tmp_path), True)]
    with pytest.raises(w.WasmtimeError):
        wasi.stdin_file = str(tmp_path / "nothing")


def test_other_files_are_not_modules() -> None:
    engine = w.Engine()
    for data in (b"", b"\0asm\1\0\0\0", bytes(w.Module(engine, ADD).serialize()[:-1])):
        with pytest.raises(w.WasmtimeError):
            w.Module.deserialize(engine, data)
    config = w.Config()
    config.consume_fuel = True
    with pytest.raises(w.WasmtimeError, match="settings"):
        w.Module.deserialize(w.Engine(config), w.Module(engine, ADD).serialize())


def test_ctrl_c() -> None:
    code = """
import _thread, threading, time
import grus.wasmtime as w
store = w.Store()
module = w.Module(store.engine, '(module (func (export "f") (loop (br 0))))')
f = w.Instance(store, module, []).exports(store)["f"]
threading.Timer(0.1, _thread.interrupt_main).start()
try:
    f(store)
except KeyboardInterrupt:
    print("stopped")
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.stdout == "stopped\n", result.stderr


def test_traps_with_faulthandler_enabled_late() -> None:
    code = """
import faulthandler
import grus.wasmtime as w
store = w.Store()
module = w.Module(store.engine, '(module (memory 1) (func (export "f") (drop (i32.load (i32.const -1)))))')
faulthandler.enable()
try:
    w.Instance(store, module, []).exports(store)["f"](store)
except w.Trap as trap:
    print(trap.trap_code.name)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.stdout == "MEMORY_OUT_OF_BOUNDS\n", result.stderr


def test_a_config_is_checked() -> None:
    config = w.Config()
    for name in ("wasm_simd", "debug_info", "consume_fuel", "memory_may_move", "gc_support"):
        with pytest.raises(TypeError):
            setattr(config, name, 1)
    for name, value in (
        ("max_wasm_stack", "1"),
        ("target", 5),
        ("cache", 5),
        ("memory_guard_size", ""),
    ):
        with pytest.raises(TypeError):
            setattr(config, name, value)
    with pytest.raises(w.WasmtimeError):
        config.cache = False
    with pytest.raises(AttributeError):
        _ = config.wasm_simd
    config.wasm_simd = False
    config.wasm_relaxed_simd = False
    with pytest.raises(w.WasmtimeError):
        w.Module(w.Engine(config), "(module (func (drop (v128.const i64x2 0 0))))")


def test_native_objects_are_the_same() -> None:
    """A Store, an Engine and a Module are those of Grus: both APIs can be mixed."""
    import grus

    store = w.Store(data=[1])
    instance = grus.Instance(w.Module(store.engine, ADD), store=store)
    assert isinstance(store, grus.Store) and store.data() == [1]
    assert instance.exports.add(1, 2) == 3
    out = io.BytesIO()
    store.wasi = grus.Wasi(grus.WasiConfig(stdout=out))
    linker = w.Linker(store.engine)
    linker.define_wasi()
    with pytest.raises(w.ExitTrap):
        linker.instantiate(store, w.Module(store.engine, PROGRAM)).exports(store)["_start"](store)
    assert out.getvalue() == b"hello\n"
