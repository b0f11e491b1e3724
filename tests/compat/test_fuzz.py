"""A few mutated modules through `grus.testing.fuzz_wasmtime`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

SUITE = Path(__file__).parent.parent.parent.parent / "shared" / "testsuite"
FILES = ("call_indirect", "br_table", "memory_grow", "bulk", "float_exprs", "table_copy")


@pytest.mark.skipif(not SUITE.exists(), reason="needs the WebAssembly test suite in ../shared")
def test_mutated_modules_behave_the_same(tmp_path: Path) -> None:
    wasmtime = pytest.importorskip("wasmtime")
    from grus.testing import fuzz_wasmtime as fuzz

    for name in FILES:
        (tmp_path / f"{name}.wast").write_bytes((SUITE / f"{name}.wast").read_bytes())
    found = [data for data in fuzz.seeds(str(tmp_path)) if len(data) < 3000 and fuzz.runnable(data)]
    run = 0
    for seed in range(60):
        rng = random.Random(seed)
        data = fuzz.mutate(rng.choice(found), rng)
        module = fuzz.runnable(data)
        if module is not None:
            run += 1
            assert fuzz.compare(wasmtime, data, module, rng) == "", f"seed {seed}"
    assert run > 20


def test_generated_programs_behave_the_same() -> None:
    pytest.importorskip("wasmtime")
    from grus.testing import fuzz_wasmtime as fuzz

    for seed in range(1, 13):
        assert fuzz.run_program(fuzz.generate, seed) == ("ran", "")
        assert fuzz.run_program(fuzz.with_vectors, seed) == ("ran", "")
