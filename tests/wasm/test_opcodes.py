from __future__ import annotations

import re

from grus.wasm import features as F
from grus.wasm import opcodes as O
from grus.wasm.decode import read_op
from grus.wasm.encode import Writer


def test_every_row_is_consistent() -> None:
    twice = {O.SELECT_T, O.REF_TEST_NULL, O.REF_CAST_NULL}
    for op in O.ROWS:
        name = O.NAMES[op]
        assert O.BY_NAME[name] == op or op in twice, name
        assert all(kind in O.KINDS for kind in O.IMMEDIATES[op]), name
        assert (O.ALIGN[op] >= 0) == ("memarg" in O.IMMEDIATES[op]), name
        stack = O.stack_type(op)
        if stack is not None:
            known = {"i32", "i64", "f32", "f64", "v128", "addr"}
            assert set(stack[0]) | set(stack[1]) <= known, name
            assert O.STACK[op].strip() == " ".join([*stack[0], "->", *stack[1]]).strip(), name


def test_opcodes_read_as_they_are_written() -> None:
    for op in O.ROWS:
        w = Writer()
        w.op(op)
        assert read_op(bytes(w.out), 0) == (op, len(w.out))
    assert read_op(b"\x06", 0) == (-1, 1)
    assert read_op(b"\xfd\x9a\x01", 0) == (-1, 3)
    assert read_op(b"\xfc\xff\xff\x03", 0) == (-1, 4)


def test_alignment_is_the_width_in_the_name() -> None:
    """An independent reading: load8 is one byte, i64.atomic.rmw16.add_u two, ..."""
    for op in O.ROWS:
        if O.ALIGN[op] < 0 or O.NAMES[op].startswith("memory."):
            continue
        name = O.NAMES[op]
        narrow = re.search(r"\.(?:load|store|atomic\.(?:load|store|rmw))(\d+)(x\d+)?", name)
        if narrow:
            bits = int(narrow[1]) * (int(narrow[2][1:]) if narrow[2] else 1)
        else:
            bits = 128 if name.startswith("v128") else int(name[1:3])
        assert 8 << O.ALIGN[op] == bits, name


def test_rows_by_proposal() -> None:
    counts = {name: 0 for name in F.NAMES}
    for op in O.ROWS:
        for name, bit in F.NAMES.items():
            counts[name] += O.FEATURE[op] & bit != 0
    assert len(O.ROWS) == 570
    assert counts["simd"] == 236
    assert counts["relaxed-simd"] == 20
    assert counts["threads"] == 67
    assert counts["gc"] == 32  # 31 with prefix 0xFB, and ref.eq
    assert counts["tail-call"] == 3
    assert counts["wide-arithmetic"] == 4
