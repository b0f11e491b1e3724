"""Unwind information as bytes; what reads it is tested in tests/link."""

from __future__ import annotations

import pytest

from grus.backend import unwind
from grus.backend.compile import compile_function
from grus.backend.emit import CompiledFunction
from grus.backend.x64.regs import R12, R15, RBP, RBX, RSP, XMM0
from grus.backend.x64.target import TARGET
from grus.backend.x64.unwind import DWARF, FIRST_XMM, compact_encoding
from grus.base.errors import Unsupported
from grus.ir.parser import parse_function


def function(*rows: tuple[int, str, int, int], size: int = 100, frame: int = 0) -> CompiledFunction:
    func = CompiledFunction("%f")
    func.code = bytes(size)
    func.frame_size = frame
    func.unwind = list(rows)
    return func


LINK = ((1, "cfa", RSP, 16), (1, "saved", RBP, -16), (4, "cfa", RBP, 16))


def test_cie() -> None:
    # As GNU as writes it for x86-64: version 1, "zR", 1, -8, rip, pcrel|sdata4, cfa = rsp + 8.
    assert unwind.cie(DWARF).hex() == ("1400000000000000017a5200017810011b0c070890010000")


def test_instructions() -> None:
    # advance 1, cfa offset 16, rbp at -2 * 8, advance 3, cfa register rbp
    assert unwind.instructions(function(*LINK), DWARF).hex() == "410e108602430d06"
    far = unwind.instructions(
        function(*LINK, (0x104, "saved", RBX, -24), (0x20000, "saved", XMM0 + 6, -48)), DWARF
    )
    assert far.hex() == "410e108602430d06030001830304fcfe01009706"
    both = unwind.instructions(function((5, "cfa", RBP, 32)), DWARF)
    assert both.hex() == "450c0620"


def test_eh_frame_fields() -> None:
    section, fields = unwind.eh_frame([function(*LINK), function(*LINK, size=7)], DWARF)
    assert section.endswith(bytes(4)) and len(section) % 4 == 0
    placed = unwind.place_eh_frame(section, fields, [0x1000, 0x2000], 0x8000)
    for field, start, size in zip(fields, (0x1000, 0x2000), (100, 7), strict=True):
        raw = placed[field : field + 8]
        assert int.from_bytes(raw[:4], "little", signed=True) + 0x8000 + field == start
        assert int.from_bytes(raw[4:], "little") == size
        back = int.from_bytes(placed[field - 4 : field], "little")
        assert field - 4 - back == 0  # the CIE


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (16, "0812"),  # UWOP_ALLOC_SMALL, 16 / 8 - 1
        (128, "08f2"),
        (144, "08011200"),  # UWOP_ALLOC_LARGE 0, 144 / 8
        (524272, "0801feff"),
        (524288, "081100000800"),  # UWOP_ALLOC_LARGE 1
    ],
)
def test_windows_allocations(frame: int, code: str) -> None:
    info = unwind.unwind_info(function(*LINK, (8, "alloc", RSP, frame), frame=frame), FIRST_XMM)
    want = code + "0150"  # then push rbp
    assert info.hex() == f"0108{len(want) // 4:02x}00" + want + (
        "" if len(want) % 8 == 0 else "0000"
    )


def test_windows_saves() -> None:
    """Offsets count from the stack pointer after the prologue."""
    frame = 0x200000
    rows = (
        (11, "alloc", RSP, frame),
        (15, "saved", R12, -24),
        (20, "saved", R12, -16 - frame + 64),
        (25, "saved", XMM0 + 6, -16 - frame + 32),
        (33, "saved", XMM0 + 15, -48),
    )
    size, codes = unwind.windows_codes(function(*LINK, *rows, frame=frame), FIRST_XMM)
    assert size == 33
    assert [code.encode().hex() for code in codes] == [
        "21f9" + (frame - 32).to_bytes(4, "little").hex(),  # UWOP_SAVE_XMM128_FAR
        "1968" + "0200",  # UWOP_SAVE_XMM128, 32 / 16
        "14c4" + "0800",  # UWOP_SAVE_NONVOL, 64 / 8
        "0fc5" + (frame - 8).to_bytes(4, "little").hex(),  # UWOP_SAVE_NONVOL_FAR
        "0b11" + frame.to_bytes(4, "little").hex(),
        "0150",
    ]


def test_wide_addresses() -> None:
    """As Mach-O has them: the encoding is 0x10, address and length have 8 bytes."""
    section, [field] = unwind.eh_frame([function(*LINK)], DWARF, wide=True)
    assert section[:24].hex() == unwind.cie(DWARF).hex().replace("011b0c", "01100c")
    assert section[field : field + 17] == bytes(8) + (100).to_bytes(8, "little") + b"\0"


@pytest.mark.parametrize(
    ("saved", "encoding"),
    [
        ([], 0x01000000),
        ([(RBX, -8)], 0x01010001),
        ([(RBX, -8), (R12, -16), (R15, -24)], 0x01030000 | 5 | 2 << 3 | 1 << 6),
        ([(RBX, -16)], 0x04000000),
        ([(RBX, -8), (XMM0 + 6, -32)], 0x04000000),
    ],
)
def test_compact_encoding(saved: list[tuple[int, int]], encoding: int) -> None:
    func = function(*LINK)
    func.saved = saved
    assert compact_encoding(func) == encoding


def test_windows_prologue_that_is_too_long() -> None:
    with pytest.raises(Unsupported, match="a prologue of 256 bytes"):
        unwind.unwind_info(function((256, "alloc", RSP, 16)), FIRST_XMM)


def test_rows_tell_where_the_instructions_are() -> None:
    """The offsets of rows are ends of the instructions in the code."""
    text = (
        "function %f(i64) -> i64 windows_fastcall {\n    ss0 = explicit_slot 3000\n"
        "block0(v0: i64):\n    v1 = stack_addr.i64 ss0\n    store v0, v1\n    return v1\n}"
    )
    made = compile_function(parse_function(text), TARGET, TARGET.settings())
    rows = {what: place for place, what, _, _ in made.unwind}
    assert (
        made.code[: rows["alloc"]].hex() == "55"
        "4889e5"
        "4881ec" + made.frame_size.to_bytes(4, "little").hex()
    )
