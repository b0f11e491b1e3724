"""The specification's own tests, as `grus wast` runs them, with the tier that `GRUS_TIER` names (else
"auto"), and some of them with each of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from grus.testing.wast import run_file

SUITE = Path(__file__).parent.parent.parent.parent / "shared" / "testsuite"
FILES = sorted(
    [
        *SUITE.glob("*.wast"),
        *(SUITE / "proposals" / "wide-arithmetic").glob("*.wast"),
        *(SUITE / "proposals" / "custom-page-sizes").glob("*.wast"),
        *(SUITE / "proposals" / "threads").glob("*.wast"),
    ]
)


@pytest.mark.skipif(not FILES, reason="needs the WebAssembly test suite in ../shared")
@pytest.mark.parametrize("options", [
    {"verify": True},
    {"regalloc": "single_pass"},
    {"compiler": "baseline"},
    {"compiler": "onepass"},
    {"tier": "eager"},
    {"tier": "eager", "guards": False, "spectre": False},
], ids=["checked", "single_pass", "baseline", "onepass", "eager", "unguarded"])  # fmt: skip
def test_suite(options: dict[str, object]) -> None:
    passed = 0
    failures = []
    for path in FILES:
        result = run_file(str(path), **options)
        passed += result.passed
        failures += result.failures
    assert not failures, "\n".join(failures[:20])
    assert passed > (38000 if options.get("compiler") == "baseline" else 64000)  # it has no vectors


CALLS = (
    *("call", "call_indirect", "call_ref", "elem", "exports", "fac", "func_ptrs", "imports"),
    *("linking", "loop", "memory_grow", "ref_func", "return_call", "return_call_indirect"),
    *("stack", "start", "table_init", "traps", "unreachable", "unwind"),
)


@pytest.mark.skipif(not FILES, reason="needs the WebAssembly test suite in ../shared")
@pytest.mark.parametrize("tier", ["eager", "lazy", "fast", "auto"])
def test_calls_in_every_tier(tier: str) -> None:
    passed = 0
    failures = []
    for name in CALLS:
        result = run_file(str(SUITE / f"{name}.wast"), tier=tier, promotion="inline")
        passed += result.passed
        failures += result.failures
    assert not failures, "\n".join(failures[:20])
    assert passed > 1900
