"""Numbers in text form."""

from __future__ import annotations

import pytest

from grus.ir import types as T
from grus.ir.data import (
    DataValue,
    NumberError,
    format_bytes,
    format_float,
    format_imm64,
    parse_bytes,
    parse_float,
    parse_int,
)


@pytest.mark.parametrize(
    ("text", "width", "bits"),
    [
        ("0.0", 32, 0),
        ("-0.0", 32, 0x8000_0000),
        ("0x1.0p0", 32, 0x3F80_0000),
        ("0x34.0p0", 32, 0x4250_0000),
        ("-0x1.8p3", 64, 0xC028_0000_0000_0000),
        ("0x0.8p-1022", 64, 0x0008_0000_0000_0000),
        ("0x0.0000000000001p-1022", 64, 1),
        ("0x1.ffffffp-1", 64, 0x3FEF_FFFF_F000_0000),
        ("+Inf", 16, 0x7C00),
        ("-NaN", 64, 0xFFF8_0000_0000_0000),
        ("+NaN:0x123", 32, 0x7FC0_0123),
        ("+sNaN:0x1", 32, 0x7F80_0001),
        ("0x1.8p1", 128, 0x4000_8000 << 96),
    ],
)
def test_floats_are_read_exactly_and_written_back(text: str, width: int, bits: int) -> None:
    assert parse_float(text, width) == bits
    assert parse_float(format_float(bits, width), width) == bits


@pytest.mark.parametrize(
    "text",
    ["1.5", "0x1", "0x1.0000001p0", "0x1.0p128", "0x.p0", "0x1.0p", "NaN:0x400000", "sNaN:0x0"],
)
def test_what_is_no_f32_is_refused(text: str) -> None:
    with pytest.raises(NumberError):
        parse_float(text, 32)


def test_integers_take_the_signed_and_the_unsigned_range() -> None:
    assert parse_int("255", 8) == -1
    assert parse_int("-128", 8) == -128
    assert parse_int("0xffff_ffff_ffff_ffff", 64) == -1
    assert parse_int("+0x10", 32) == 16
    assert parse_int("255", 8, signed_min=False) == 255
    for text, bits in (("256", 8), ("-129", 8), ("", 8), ("--1", 8), ("1x", 8), ("9" * 99, 128)):
        with pytest.raises(NumberError):
            parse_int(text, bits)


def test_integers_are_decimal_when_small() -> None:
    assert [format_imm64(n) for n in (-5, 9999, 10_000, 1 << 40)] == [
        "-5",
        "9999",
        "0x2710",
        "0x0100_0000_0000",
    ]


def test_constants_are_little_endian() -> None:
    assert parse_bytes("0x0102", 4) == b"\x02\x01\0\0"
    assert format_bytes(b"\x02\x01") == "0x0102"
    for text in ("0x1", "0x", "12", "0xzz", "0x0102030405"):
        with pytest.raises(NumberError):
            parse_bytes(text, 4)


def test_values_print_by_their_type() -> None:
    assert str(DataValue(T.I8, 255)) == "-1"
    assert str(DataValue(T.F32, 0x3F80_0000)) == "0x1.000000p0"
    assert str(DataValue(T.I16X8, 1)) == "0x" + "0" * 31 + "1"
