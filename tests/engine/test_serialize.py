"""Modules as bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import grus
from grus.engine.serialize import SerializeError

WAT = """(module $m (memory (export "memory") 1) (table 1 funcref) (elem (i32.const 0) $f)
  (func $f (export "f") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "g") (result i32) (i32.const 5)))"""


def test_round_trip() -> None:
    engine = grus.Engine()
    data = grus.Module(WAT, engine).serialize()
    module = grus.Module.deserialize(data, grus.Engine())
    assert module.serialize() == data
    exports = grus.Instance(module).exports
    exports.memory[:4] = b"\1\2\0\0"
    assert (exports.f(0), exports.g()) == (513, 5)
    with pytest.raises(grus.Trap) as info:
        exports.f(65536)
    assert "m!f" in str(info.value)


def test_what_is_refused() -> None:
    data = grus.Module(WAT).serialize()
    for wrong, match in (
        (b"", "not a module"),
        (b"\0asm\1\0\0\0", "not a module"),
        (data[:40], "cut off"),
        (data[:-1], "cut off"),
        (data[:20] + bytes([data[20] ^ 1]) + data[21:], "damaged"),
        (data[:-1] + bytes([data[-1] ^ 1]), "damaged"),
    ):
        with pytest.raises(SerializeError, match=match):
            grus.Module.deserialize(wrong)
    for engine in (
        grus.Engine(fuel=True),
        grus.Engine(guards=False),
        grus.Engine(opt_level="none"),
    ):
        with pytest.raises(SerializeError, match="other settings"):
            grus.Module.deserialize(data, engine)
    grus.Module.deserialize(data, grus.Engine(max_wasm_stack=1 << 16))


def test_loading_needs_no_compiler(tmp_path: Path, run: Any) -> None:
    path = tmp_path / "module"
    path.write_bytes(grus.Module(WAT).serialize())
    done = run(f"""
        import sys, grus
        data = open({str(path)!r}, "rb").read()
        print(grus.Instance(grus.Module.deserialize(data)).exports.g())
        print([n for n in sys.modules if n.startswith(("grus.ir", "grus.opt", "grus.wasm.text"))])
    """)
    assert done.stdout == "5\n[]\n", done.stderr
