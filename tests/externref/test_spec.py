"""The specification's files about references, with a collection at every opportunity, and with naive counting."""

from pathlib import Path

import pytest

from grus.testing.wast import run_file

SUITE = Path(__file__).parent.parent.parent.parent / "shared" / "testsuite"
FILES = """table_get table_set table_grow table_fill table_size table_copy table_init elem ref_null
ref_is_null ref_func select br_table linking global call_ref br_on_null br_on_non_null
ref_as_non_null local_init""".split()


@pytest.mark.skipif(not SUITE.is_dir(), reason="needs the WebAssembly test suite in ../shared")
@pytest.mark.parametrize("options", [
    {"gc_zeal": True, "verify": True}, {"gc_zeal": True, "regalloc": "single_pass"},
    {"collector": "naive", "verify": True},
], ids=["quality", "single_pass", "naive"])  # fmt: skip
def test_files_with_zeal(options: dict[str, object]) -> None:
    failures = []
    passed = 0
    for name in FILES:
        result = run_file(str(SUITE / f"{name}.wast"), **options)
        failures += result.failures
        passed += result.passed
    assert not failures, "\n".join(failures[:20])
    assert passed > 3600
