"""Objects made by the host."""

from __future__ import annotations

from typing import Any

import pytest

import grus

WAT = """(module
  (import "m" "f" (func $f (param i32 i64) (result f64)))
  (import "m" "memory" (memory $m 1 3)) (import "m" "table" (table $t 2 funcref))
  (import "m" "n" (global $n (mut i32))) (import "m" "tag" (tag (param i32)))
  (func (export "run") (result f64)
    (i32.store8 (i32.const 3) (global.get $n)) (global.set $n (table.size $t))
    (call $f (i32.load (i32.const 0)) (i64.const 5))))"""


@pytest.fixture
def store() -> grus.Store:
    return grus.Store()


def test_imports_made_by_the_host(store: grus.Store) -> None:
    objects = {
        "f": store.func(lambda x, y: x / y, "i32 i64", "f64"),
        "memory": store.memory(1, 3),
        "table": store.table("funcref", 2),
        "n": store.global_("i32", 1, mutable=True),
        "tag": store.tag("i32"),
    }
    exports = grus.Instance(grus.Module(WAT), {"m": objects}, store).exports
    assert exports.run() == (1 << 24) / 5
    assert (objects["memory"][3], objects["n"].value, objects["f"](1, 2)) == (1, 2, 0.5)


def test_what_they_are(store: grus.Store) -> None:
    memory = store.memory(3, 5, page_size=1)
    assert (len(memory), memory.grow(3), memory.grow(2), len(memory)) == (3, -1, 3, 5)
    assert store.memory(1, is64=True).type.limits.is64
    table = store.table("externref", 2, 3, init="x")
    assert (table[0], table[1], table.grow(1, "y"), table[2], table.grow(1)) == (
        "x",
        "x",
        2,
        "y",
        -1,
    )
    assert store.global_("f32", 0.5).value == 0.5
    assert store.global_("externref", None).value is None
    assert repr(grus.func_type("i32 funcref", "v128")) == "[i32 funcref] -> [v128]"
    assert store.func(print, name="out").__name__ == "out"


def test_what_cannot_be_made(store: grus.Store) -> None:
    wrong: list[tuple[type[Exception], Any]] = [
        (ValueError, lambda: store.func(print, "int")),
        (ValueError, lambda: store.memory(3, 1)),
        (ValueError, lambda: store.memory(-1)),
        (ValueError, lambda: store.memory(1, page_size=4096)),
        (ValueError, lambda: store.table("i32", 1)),
        (ValueError, lambda: store.table("funcref funcref", 1)),
        (ValueError, lambda: store.global_("", 1)),
        (TypeError, lambda: store.table("funcref", 1, init=5)),
        (TypeError, lambda: store.global_("i32", 0.5)),
        (OverflowError, lambda: store.global_("i32", 1 << 32)),
        (grus.GrusError, lambda: store.memory(1 << 17)),
        (grus.Unsupported, lambda: store.func(print, "v128")),
    ]
    for error, make in wrong:
        with pytest.raises(error):
            make()
    store.close()
    with pytest.raises(grus.StoreClosed):
        store.memory(1)
