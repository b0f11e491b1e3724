"""Initial contents of memories that instances share until they write."""

from __future__ import annotations

import gc
import os

import pytest

import grus
from grus.engine import images


def module(segments: int = 3, size: int = 20_000, memory: str = "4") -> grus.Module:
    data = "\n".join(
        f'(data (i32.const {n * size}) "{chr(97 + n % 26) * size}")' for n in range(segments)
    )
    return grus.Module(f'(module (memory (export "m") {memory}) {data} (data $p "passive")'
                       '(func (export "put") (param i32) (memory.init $p'
                       " (local.get 0) (i32.const 0) (i32.const 7))))")  # fmt: skip


def test_instances_share_contents_until_they_write() -> None:
    made = module()
    first, second = grus.Instance(made), grus.Instance(made)
    assert made.memory_image() is not None
    assert first.exports.m[19_998:20_002] == b"aabb"
    first.exports.m[0] = 90
    second.exports.m[1] = 91
    first.exports.put(100)
    assert first.exports.m[0:3] == b"Zaa" and second.exports.m[0:3] == b"a[a"
    assert first.exports.m[100:107] == b"passive"
    assert grus.Instance(made).exports.m[0:3] == b"aaa"
    assert first.exports.m[60_000:60_010] == bytes(10)


def test_memory_grows_behind_the_image() -> None:
    x = grus.Instance(module()).exports
    assert x.m.grow(3) == 4
    x.m[7 * 65536 - 1] = 5
    assert len(x.m) == 7 * 65536 and x.m[7 * 65536 - 1] == 5 and x.m[0] == 97


def test_a_segment_outside_traps_after_those_before_it() -> None:
    made = module(segments=3, memory="1")
    grus.Instance(made)
    far = grus.Module(
        f'(module (memory 1) (data (i32.const 0) "{"x" * 40_000}")'
        f' (data (i32.const 60000) "{"y" * 40_000}"))'
    )
    assert far.memory_image() is None
    with pytest.raises(grus.Trap, match="out of bounds"):
        grus.Instance(far)


def test_many_small_segments_and_overlapping_ones() -> None:
    data = "".join(f'(data (i32.const {n}) "{chr(65 + n % 26)}B")' for n in range(4000))
    made = grus.Module(f'(module (memory (export "m") 1) {data})')
    assert made.memory_image() is not None
    assert grus.Instance(made).exports.m[0:5] == b"ABCDE"


def test_small_contents_imported_and_shared_memories_are_copied() -> None:
    assert module(segments=1, size=100).memory_image() is None
    big = f'(data (i32.const 0) "{"x" * 40_000}")'
    assert grus.Module(f'(module (import "" "m" (memory 1)) {big})').memory_image() is None


def test_files_are_closed_with_the_module() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        grus.Instance(module())
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_without_files_contents_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError("no more files")

    monkeypatch.setattr(images.os, "memfd_create", refuse)
    made = module()
    x = grus.Instance(made).exports
    assert made.memory_image() is None and x.m[19_998:20_002] == b"aabb"
