"""`Config.inlining`: the same results, traps and frames with and without."""

from __future__ import annotations

import pickle

import pytest

import grus
from grus.engine.inlining import entry_loc

MODULE = """
(module
  (memory 1)
  (global $g (mut i32) (i32.const 5))
  (func $mix (param i32 i32) (result i32)
    (i32.xor (i32.rotl (local.get 0) (i32.const 5)) (local.get 1)))
  (func $at (param i32) (result i32) (i32.load (local.get 0)))
  (func $put (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func $quotient (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $bump (result i32)
    (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g))
  (func $two (param i32) (result i32 i32) (local.get 0) (i32.add (local.get 0) (i32.const 1)))
  (func $early (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
    (i32.clz (local.get 0)))
  (func $never (param i32) (if (local.get 0) (then unreachable)))
  (func $count (param i32) (result i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 0))
  (func $outer (export "outer") (param i32 i32) (result i32)
    (local $sum i32)
    (loop $again
      (call $put (i32.const 16) (local.get $sum))
      (local.set $sum (call $mix (local.get $sum) (call $at (i32.const 16))))
      (local.set $sum (i32.add (local.get $sum) (call $bump)))
      (local.set $sum (i32.add (call $two (local.get $sum))))
      (local.set $sum (i32.add (local.get $sum) (call $early (local.get 0))))
      (local.set $sum (i32.add (local.get $sum) (call $quotient (local.get $sum) (local.get 1))))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (i32.add (local.get $sum) (call $count (i32.const 3))))
  (func $read (export "read") (param i32) (result i32)
    (loop (result i32) (i32.add (call $at (local.get 0)) (call $mix (i32.const 1) (i32.const 2)))))
  (func (export "divide") (param i32 i32) (result i32)
    (loop (result i32)
      (i32.add (call $quotient (local.get 0) (i32.const 3))
               (call $quotient (local.get 0) (local.get 1)))))
  (func (export "deep") (param i32) (result i32) (call $read (local.get 0)))
  (func (export "tail") (param i32) (result i32) (return_call $at (local.get 0)))
  (func (export "never") (param i32) (loop (call $never (local.get 0))))
)
"""


def instances() -> tuple[grus.Instance, grus.Instance]:
    plain = grus.Module(MODULE, engine=grus.Engine(verify=True, inlining=False))
    inlined = grus.Module(MODULE, engine=grus.Engine(verify=True, inlining=True))
    assert not plain.image.inlined and inlined.image.inlined
    copied = {index for index, _, _ in inlined.image.inlined}
    assert copied == {0, 1, 2, 3, 4, 5, 6, 7}  # not the one with a loop
    return grus.Instance(plain), grus.Instance(inlined)


def test_results() -> None:
    plain, inlined = instances()
    for args in (1, 3), (10, -1), (1000, 7), (2, 1 << 30):
        assert inlined.exports.outer(*args) == plain.exports.outer(*args)
    assert inlined.exports.read(64) == plain.exports.read(64)
    assert inlined.exports.tail(64) == plain.exports.tail(64)
    assert inlined.exports.never(0) is None


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("outer", (5, 0)),
        ("read", (1 << 20,)),
        ("divide", (1, 0)),
        ("divide", (-(1 << 31), -1)),
        ("deep", (-1,)),
        ("tail", (-1,)),
        ("never", (1,)),
    ],
)
def test_traps_and_frames(name: str, args: tuple[int, ...]) -> None:
    """Each frame: the function and the place in the module."""
    seen = []
    for instance in instances():
        with pytest.raises(grus.Trap) as caught:
            getattr(instance.exports, name)(*args)
        trap = caught.value
        frames = [(f.func_index, f.func_name, f.module_offset, f.func_offset) for f in trap.frames]
        seen.append((trap.code, frames, str(trap)))
    assert seen[0] == seen[1]
    assert len(seen[0][1]) >= 1


def test_images_keep_their_places() -> None:
    """In a serialized module, and in a pickled image."""
    engine = grus.Engine(inlining=True)
    module = grus.Module(MODULE, engine=engine)
    image = pickle.loads(pickle.dumps(module.image))
    assert image.inlined == module.image.inlined
    again = grus.Module.deserialize(module.serialize(), engine=engine)
    for one in module, again:
        with pytest.raises(grus.Trap) as caught:
            grus.Instance(one).exports.read(-1)
        assert [f.func_index for f in caught.value.frames] == [1, 10]


def test_what_turns_it_off() -> None:
    for settings in {"fuel": True}, {"compiler": "baseline"}, {"opt_level": "none"}:
        engine = grus.Engine(inlining=True, **settings)
        assert not grus.Module(MODULE, engine=engine).image.inlined


def test_places_do_not_meet_the_mark_of_no_place() -> None:
    assert entry_loc(0) < -1 and entry_loc(1) == entry_loc(0) - 1
