from __future__ import annotations

from grus.wasm import module as M
from grus.wasm import types as T
from grus.wasm.decode import decode
from grus.wasm.encode import Writer, encode_module

from .binaries import function, module

EVERYTHING = module(
    # (rec (sub (struct (mut i8) (ref null 0)))), array, func, sub final of 0
    (
        1,
        b"\x05\x4e\x01\x50\x00\x5f\x02\x78\x01\x63\x00\x00\x5e\x7f\x01\x60\x00\x00\x60\x01\x7f\x00"
        b"\x4f\x01\x00\x5f\x02\x78\x01\x63\x00\x00",
    ),
    (2, b"\x03\x01m\x01f\x00\x02\x01m\x01t\x01\x70\x01\x02\x03\x01m\x01g\x03\x7f\x00"),
    (3, b"\x01\x02"),
    (4, b"\x02\x6f\x04\x00\x40\x00\x70\x00\x01\xd2\x00\x0b"),
    (5, b"\x02\x03\x01\x02\x08\x01\x00"),
    (13, b"\x01\x00\x03"),
    (6, b"\x01\x7e\x01\x42\x7f\x0b"),
    (7, b"\x02\x01a\x00\x01\x01t\x04\x00"),
    (8, b"\x01"),
    (
        9,
        b"\x08\x00\x41\x00\x0b\x01\x00\x01\x00\x01\x00\x02\x00\x41\x00\x0b\x00\x01\x00\x03\x00\x01"
        b"\x00\x04\x41\x00\x0b\x01\xd2\x00\x0b\x05\x6f\x01\xd0\x6f\x0b\x06\x00\x41\x00\x0b\x70\x01"
        b"\xd0\x70\x0b\x07\x70\x01\xd2\x00\x0b",
    ),
    (12, b"\x03"),
    (10, b"\x01\x06\x01\x02\x7f\x20\x00\x1a\x0b"[:1] + b"\x07\x01\x02\x7f\x20\x00\x1a\x0b"),
    (11, b"\x03\x00\x41\x00\x0b\x01a\x01\x02bc\x02\x01\x41\x00\x0b\x00"),
)


def test_identity() -> None:
    assert encode_module(decode(EVERYTHING)) == EVERYTHING


def test_what_was_read() -> None:
    m = decode(EVERYTHING)
    assert [e.mode for e in m.elements] == [
        *(M.ACTIVE, M.PASSIVE, M.ACTIVE, M.DECLARATIVE),
        *(M.ACTIVE, M.PASSIVE, M.ACTIVE, M.DECLARATIVE),
    ]
    assert [len(e) for e in m.elements] == [1] * 8
    assert m.elements[5].type == T.EXTERNREF
    assert [d.mode for d in m.data_segments] == [M.ACTIVE, M.PASSIVE, M.ACTIVE]
    assert m.memories[1].type.limits.page_size_log2 == 0
    assert m.tables[1].type.limits.is64
    assert repr(m.types[0]) == "(sub (struct (mut i8) (ref null 0)))"
    assert repr(m.types[4]) == "(sub final 0 (struct (mut i8) (ref null 0)))"


def test_custom_sections_stay_where_they_are() -> None:
    w = Writer()
    w.header()
    w.custom("a", b"1")
    w.section(1, b"\x00")
    w.custom("b", b"2")
    data = bytes(w.out)
    # An empty section is not kept.
    assert encode_module(decode(data)) == data[:8] + data[8:13] + data[16:]


def test_long_integers_become_short() -> None:
    data = module((1, b"\x81\x80\x00\x60\x00\x00"))
    assert encode_module(decode(data)) == module((1, b"\x01\x60\x00\x00"))
    # ... but not inside a body, which is copied
    code = function(b"\x41\x80\x00\x1a")
    assert encode_module(decode(code)) == code
