"""The fuzzers of running modules: they find what they look for, and nothing in a few cases."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Any

import pytest

from grus.testing import fuzz_hostile, gen_wasm
from grus.testing.batches import Batches
from grus.wasm import opcodes as W
from grus.wasm.decode import decode
from grus.wasm.features import Features
from grus.wasm.validate import validate

SUITE = Path(__file__).parent.parent.parent.parent / "shared" / "testsuite"


def test_batches(tmp_path: Path, capfd: Any) -> None:
    """Crashes, cases without end, exceptions and findings are told, and the others are run."""

    def case(number: int) -> tuple[str, str]:
        if number == 3:
            ctypes.string_at(1)
        if number == 5:
            time.sleep(60)
        if number == 6:
            raise KeyError("x")
        if number == 7:
            os._exit(9)
        return ("finding", "as told") if number == 8 else ("ran", "")

    batches = Batches(case, lambda number: bytes([number]), tmp_path, size=4, hang_seconds=1)
    batches.run(1, 10)
    out = capfd.readouterr().out
    assert batches.counts == {"ran": 5, "finding": 2}
    assert batches.findings == 5
    for text in (
        "FINDING seed 3: SIGSEGV", "FINDING seed 5: no end after 1 s", "KeyError",
        "FINDING seed 7: exit status 9", "FINDING seed 8: 'as told'", "10 seeds: 2 finding, 5 ran",
    ):  # fmt: skip
        assert text in out
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{n}.wasm" for n in (3, 5, 6, 7, 8)
    ]


@pytest.mark.skipif(not SUITE.exists(), reason="needs the WebAssembly test suite in ../shared")
def test_hostile_modules(tmp_path: Path) -> None:
    for name in ("call_indirect", "br_table", "memory_grow", "bulk", "table_copy", "ref_func"):
        (tmp_path / f"{name}.wast").write_bytes((SUITE / f"{name}.wast").read_bytes())
    corpus = fuzz_hostile.Corpus(str(tmp_path))
    batches = Batches(lambda number: fuzz_hostile.run_case(corpus, number), lambda number: b"")
    batches.run(1, 60)
    assert batches.findings == 0
    assert batches.counts["ran"] > 40


@pytest.mark.parametrize("vectors", [False, True])
def test_generated_programs_have_everything(vectors: bool) -> None:
    """All scalar instructions or all vector ones too, and each module is valid."""
    without = "-relaxed-simd" if vectors else "-simd,-relaxed-simd"
    features = Features.parse(f"wasm3,threads,wide-arithmetic,-gc,-exceptions,{without}")
    rows = gen_wasm.VECTOR if vectors else gen_wasm.SCALAR
    seen: set[int] = set()
    body = gen_wasm._Body

    class Watched(body):  # type: ignore[misc, valid-type]
        def op(self, op: int, *immediates: int) -> None:
            seen.add(op)
            super().op(op, *immediates)

    gen_wasm._Body = Watched  # type: ignore[misc]
    try:
        for seed in range(900 if vectors else 400):
            data = gen_wasm.generate(seed, vectors=vectors)
            validate(decode(data, features), features).dispose()
    finally:
        gen_wasm._Body = body  # type: ignore[misc]
    assert gen_wasm.generate(7) == gen_wasm.generate(7)
    wanted = {row.op for of_type in rows.plain.values() for row in of_type}
    assert len(wanted) > (330 if vectors else 130)
    wanted |= {op for of_type in rows.loads.values() for op in of_type}
    wanted |= {*rows.stores} | {row.op for row in gen_wasm.WIDE_4}
    wanted |= {
        W.BLOCK, W.LOOP, W.IF, W.BR, W.BR_IF, W.BR_TABLE, W.RETURN, W.CALL, W.CALL_INDIRECT,
        W.RETURN_CALL, W.RETURN_CALL_INDIRECT, W.CALL_REF, W.SELECT, W.SELECT_T, W.MEMORY_SIZE,
        W.MEMORY_GROW, W.MEMORY_FILL, W.MEMORY_COPY, W.MEMORY_INIT, W.DATA_DROP, W.ELEM_DROP,
        W.TABLE_GET, W.TABLE_SET, W.TABLE_SIZE, W.TABLE_GROW, W.TABLE_FILL, W.TABLE_COPY,
        W.TABLE_INIT, W.REF_FUNC, W.REF_NULL, W.REF_IS_NULL, W.GLOBAL_GET, W.GLOBAL_SET,
        W.UNREACHABLE,
    }  # fmt: skip
    assert not [W.NAMES[op] for op in wanted - seen]
