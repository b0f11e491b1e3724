"""Source lines of traps, from line tables that clang makes, and hostile ones."""

from __future__ import annotations

import pickle
import random
import shutil
import subprocess
from pathlib import Path

import pytest

import grus
from grus.wasm.dwarf import LineTable, read_lines

SOURCE = """\
int divide(int a, int b) {
  int c = a + 1;
  return c /
         b;
}

__attribute__((export_name("run"))) int run(int a, int b) {
  return
    divide(a, b) + 1;
}
"""


@pytest.fixture(scope="module", params=[4, 5])
def binary(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    if shutil.which("clang") is None or shutil.which("wasm-ld") is None:
        pytest.skip("needs clang and wasm-ld")
    path: Path = tmp_path_factory.mktemp("dwarf")
    (path / "a.c").write_text(SOURCE)
    subprocess.run(
        ["clang", "--target=wasm32", f"-gdwarf-{request.param}", "-O0", "-nostdlib",
         "-Wl,--no-entry", "a.c", "-o", "a.wasm"],
        cwd=path, check=True,
    )  # fmt: skip
    return (path / "a.wasm").read_bytes()


def test_frames_of_a_trap_have_source_lines(binary: bytes) -> None:
    instance = grus.Instance(grus.Module(binary))
    assert instance.exports.run(6, 7) == 2
    with pytest.raises(grus.Trap) as caught:
        instance.exports.run(6, 0)
    sources = [frame.source for frame in caught.value.frames]
    files = [Path(source[0]).name if source else "" for source in sources]
    lines = [source[1] if source else 0 for source in sources]
    assert files == ["a.c", "a.c"]
    assert lines == [3, 9]
    assert "a.c:3:" in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert [frame.source for frame in again.frames] == sources


def test_mutated_tables_are_read_as_far_as_they_go(binary: bytes) -> None:
    module = grus.Module(binary).wasm
    sections = [
        module.custom(name) or b"" for name in (".debug_line", ".debug_line_str", ".debug_str")
    ]
    rng = random.Random(1)
    for _ in range(500):
        mutated = [bytearray(section) for section in sections]
        for section in mutated:
            for _ in range(rng.randint(0, 4)):
                if section:
                    section[rng.randrange(len(section))] = rng.randrange(256)
        table = read_lines(*[bytes(section[: rng.randint(0, len(section))]) for section in mutated])
        table.find(rng.randrange(1000))


def test_what_is_after_the_end_of_a_sequence_has_no_line() -> None:
    table = LineTable([(4, "a.c", 7, 1), (9, "a.c", 0, 0), (9, "b.c", 2, 0), (12, "b.c", 0, 0)])
    assert table.find(3) is None
    assert table.find(8) == ("a.c", 7, 1)
    assert table.find(9) == ("b.c", 2, 0)
    assert table.find(12) is None
