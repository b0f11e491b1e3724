from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from grus.base.errors import GrusError
from grus.wasm import decode as D
from grus.wasm import features as F
from grus.wasm import types as T
from grus.wasm.encode import Writer, sleb, uleb
from grus.wasm.errors import DecodeError
from grus.wasm.limits import ImplementationLimits

from .binaries import function, module


@pytest.mark.parametrize("value", [0, 1, 63, 64, 127, 128, 300, 2**31 - 1, 2**32 - 1])
def test_unsigned_integers(value: int) -> None:
    assert D.read_u32(uleb(value), 0) == (value, len(uleb(value)))


@pytest.mark.parametrize("value", [0, -1, 63, 64, -64, -65, 2**31 - 1, -(2**31)])
def test_signed_integers(value: int) -> None:
    for read in (D.read_s32, D.read_s33, D.read_s64):
        assert read(sleb(value), 0) == (value, len(sleb(value)))


def test_integers_may_be_longer_than_needed() -> None:
    assert D.read_u32(b"\x82\x80\x80\x80\x00", 0) == (2, 5)
    assert D.read_s32(b"\xff\xff\xff\xff\x7f", 0) == (-1, 5)
    assert D.read_s64(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 0) == (-1, 10)


@pytest.mark.parametrize(
    ("read", "data", "message"),
    [
        (D.read_u32, "8280808080 00", "integer representation too long"),
        (D.read_u32, "8280808070", "integer too large"),
        (D.read_u32, "8280808010", "integer too large"),
        (D.read_s32, "ffffffff0f", "integer too large"),
        (D.read_s32, "808080807f", None),
        (D.read_s32, "8080808070", "integer too large"),
        (D.read_s33, "ffffffff0f", None),
        (D.read_s33, "ffffffff1f", "integer too large"),
        (D.read_u64, "82808080808080808002", "integer too large"),
        (D.read_s64, "8080808080808080807e", "integer too large"),
    ],
)
def test_integers_that_do_not_fit(read, data: str, message: str | None) -> None:  # type: ignore[no-untyped-def]
    raw = bytes.fromhex(data)
    if message is None:
        assert read(raw, 0)[1] == len(raw)
    else:
        with pytest.raises(DecodeError, match=message):
            read(raw, 0)


def fails(data: bytes, message: str, offset: int | None = None) -> None:
    with pytest.raises(DecodeError) as caught:
        D.decode(data)
    assert caught.value.message.startswith(message)
    if offset is not None:
        assert caught.value.offset == offset


def test_header_and_sections() -> None:
    fails(b"", "unexpected end")
    fails(b"\0asn\1\0\0\0", "magic header not detected", 0)
    fails(b"\0asm\2\0\0\0", "unknown binary version", 4)
    fails(module((14, b"")), "malformed section id", 8)
    fails(module()[:8] + b"\1\5\0", "length out of bounds", 9)
    fails(module((3, b"\0"), (1, b"\0")), "unexpected content after last section", 11)
    fails(module((1, b"\0\0")), "section size mismatch", 11)
    fails(module((1, b"\2\x60\0\0")), "unexpected end of section or function")
    fails(module((1, b"\1\x60\0\0"), (3, b"\1\0")), "function and code section have incons")
    fails(module((12, b"\1")), "data count and data section have inconsistent lengths")


def test_counts_are_not_trusted() -> None:
    """A count of a million items in a few bytes costs nothing: the bytes end first."""
    million = uleb(1_000_000)
    for id in (1, 2, 3, 6, 7, 13):
        fails(module((id, million)), "unexpected end of section or function")
    fails(module((9, uleb(100_000))), "unexpected end of section or function")
    fails(module((11, uleb(100_000))), "unexpected end of section or function")
    fails(module((1, uleb(2**32 - 1))), "too many types")


def test_limits_can_be_set() -> None:
    limits = ImplementationLimits()
    limits.types = 1
    two = module((1, b"\2\x60\0\0\x60\0\0"))
    D.decode(two)
    with pytest.raises(DecodeError, match="too many types: 2, the limit is 1"):
        D.decode(two, limits=limits)


def test_spans_and_offsets() -> None:
    data = function(b"\x01", before=((6, b"\x01\x7f\x00\x41\x05\x0b"),))
    m = D.decode(data)
    assert data[m.code[0].start : m.code[0].end] == b"\x00\x01\x0b"
    glob = m.globals[0]
    assert data[glob.init_start : glob.init_end] == b"\x41\x05\x0b"
    assert [section.id for section in m.sections] == [1, 3, 6, 10]
    assert m.types[0].offset == 11


def test_any_buffer(tmp_path: Path) -> None:
    data = function(b"\x01")
    path = tmp_path / "m.wasm"
    path.write_bytes(data)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    for buffer in (bytearray(data), memoryview(data), mapped):
        assert len(D.decode(buffer).code) == 1


def _names(*subsections: tuple[int, bytes]) -> bytes:
    inner = Writer()
    for id, contents in subsections:
        inner.section(id, contents)
    w = Writer()
    w.out += function(b"\x01")
    w.custom("name", inner)
    return bytes(w.out)


def test_names() -> None:
    m = D.decode(_names((0, b"\1m"), (1, b"\1\0\4main"), (2, b"\1\0\1\0\1x"), (3, b"\1\0\1\0\1l")))
    assert m.names.module == "m"
    assert m.func_name(0) == "main"
    assert m.names.locals == {0: {0: "x"}}
    assert m.names.labels == {0: {0: "l"}}


@pytest.mark.parametrize("contents", [b"\2\0\1f\1", b"\1\0\x7ff", b"\xff\xff\xff\xff\x7f", b""])
def test_broken_names_harm_nothing(contents: bytes) -> None:
    """A malformed custom section is no error; what can be read of it is."""
    m = D.decode(_names((1, contents), (0, b"\1m")))
    assert m.names.module == "m"
    assert m.func_name(0) in ("", "f")


def test_custom_sections_are_kept() -> None:
    w = Writer()
    w.header()
    w.custom("first", b"abc")
    w.section(1, b"\0")
    w.custom(".debug_info", b"\1\2")
    m = D.decode(bytes(w.out))
    assert [(c.name, c.after) for c in m.customs] == [("first", 0), (".debug_info", 1)]
    assert m.custom(".debug_info") == b"\1\2"


def test_features_off() -> None:
    """Without a proposal its encodings are malformed."""
    v128 = module((1, b"\1\x60\1\x7b\0"))
    D.decode(v128)
    with pytest.raises(DecodeError, match="malformed value type"):
        D.decode(v128, F.Features.parse("-simd"))
    shared = module((5, b"\1\3\1\1"))
    D.decode(shared)
    with pytest.raises(DecodeError, match="malformed limits flags"):
        D.decode(shared, F.WASM3)


def test_feature_lists() -> None:
    assert F.Features.parse("wasm2,threads").bits == F.WASM2.bits | F.THREADS
    assert F.Features.parse("-gc").bits == F.DEFAULT.bits & ~F.GC
    with pytest.raises(GrusError, match="unknown feature 'nonsense'"):
        F.Features.parse("nonsense")


def test_types_as_text() -> None:
    assert T.type_name(T.FUNCREF) == "funcref"
    assert T.type_name(T.ref(3, True)) == "(ref null 3)"
    assert T.type_name(T.REF | T.EXTERN) == "(ref extern)"
