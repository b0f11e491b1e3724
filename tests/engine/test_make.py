"""Objects made by the host."""

from __future__ import annotations

import copy
import pickle
import traceback
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
    ]
    for error, make in wrong:
        with pytest.raises(error):
            make()
    store.close()
    with pytest.raises(grus.StoreClosed):
        store.memory(1)


def test_types_from_annotations(store: grus.Store) -> None:
    def one(a: int, b: float, c: i64, d: object) -> i64:  # type: ignore  # noqa: F821
        return c

    def two(a: int) -> tuple[int, float]:
        return a, 0.5

    def none(a: f32) -> None:  # type: ignore  # noqa: F821
        pass

    assert repr(store.func(one).type) == "[i32 f64 i64 externref] -> [i64]"
    assert repr(store.func(two).type) == "[i32] -> [i32 f64]"
    assert repr(store.func(none).type) == "[f32] -> []"
    assert store.func(one)(1, 2.0, 2**40, None) == 2**40
    assert store.func(two)(3) == (3, 0.5)
    for function in (lambda: None, lambda *args, x=1: None, print):
        assert repr(store.func(function).type) == "[] -> []"

    def wrong(a: bytes) -> None:
        pass

    for function, text in (
        (lambda x: x, "parameter 'x' of <lambda>() has no annotation: give its types"),
        (wrong, "parameter 'a' of wrong(): 'bytes' is no type of wasm"),
    ):
        with pytest.raises(TypeError) as caught:
            store.func(function)
        assert str(caught.value) == text


def test_modules_pickle() -> None:
    text = '(module $m (func (export "f") (result i32) (i32.const 7)))'
    for engine in (None, grus.Engine(opt_level="none", fuel=True)):
        module = grus.Module(text, engine)
        assert copy.copy(module) is copy.deepcopy(module) is module
        for again in (pickle.loads(pickle.dumps(module)), None):
            if again is None:
                assert module.image  # now with its machine code
                assert module._image is not None
                again = pickle.loads(pickle.dumps(module))
                assert again._image is not None
            assert again.name == "m" and again.engine.config == module.engine.config
            store = grus.Store(again.engine)
            if engine is not None:
                store.set_fuel(100)
            assert grus.Instance(again, store=store).exports.f() == 7
    assert pickle.loads(pickle.dumps(grus.Module(text))).engine is grus.Module(text).engine


def test_modules_of_other_machines_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    from grus.engine import serialize

    module = grus.Module('(module (func (export "f") (result i32) (i32.const 7)))')
    grus.Instance(module)
    data = pickle.dumps(module)
    monkeypatch.setattr(serialize, "code_key", lambda engine: bytes(32))
    again = pickle.loads(data)
    assert again._image is None and grus.Instance(again).exports.f() == 7


def test_modules_have_a_page() -> None:
    page = grus.Module(WAT.replace('"run"', '"r<n"'))._repr_html_()
    assert page.startswith("<table>") and page.count("<tr>") == 6
    assert "<td>m.f</td><td>func</td><td>[i32 i64] -&gt; [f64]</td>" in page
    assert "<td>r&lt;n</td>" in page


def test_traps_have_frames_in_tracebacks() -> None:
    module = grus.Module("""(module $m
      (func $inner (unreachable))
      (func (call $inner))
      (func (export "outer") (call 1)))""")
    with pytest.raises(grus.Trap) as caught:
        grus.Instance(module).exports.outer()
    entries = traceback.extract_tb(caught.value.__traceback__)
    assert [(e.filename, e.name) for e in entries[-3:]] == [
        ("<wasm m>", "outer"), ("<wasm m>", "func[1]"), ("<wasm m>", "inner"),
    ]  # fmt: skip
    offsets = [frame.module_offset for frame in reversed(caught.value.frames)]
    assert [e.lineno for e in entries[-3:]] == offsets
    text = "".join(traceback.format_exception(caught.value))
    assert f'File "<wasm m>", line {offsets[-1]}, in inner' in text
