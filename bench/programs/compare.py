"""Programs that nobody here wrote, in Grus and in Wasmtime: standard output and exit status must be
the same, and what they write must be right where Python can tell.

    python bench/programs/compare.py FOLDER     # a folder to make them in

SQLite, QuickJS, zopfli (a compression library) and lodepng (a codec of PNG images), from packages of
npm and PyPI, compiled by clang for wasm32-wasi; their sources are taken as they are. Needs clang
with wasi-libc, npm, pip, and wasmtime-py in this environment.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path

import grus

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "start"))
import build  # type: ignore[import-not-found]  # noqa: E402, I001
import run  # type: ignore[import-not-found]  # noqa: E402

ZOPFLI = "zopfli==0.2.3"


def make(folder: Path) -> None:
    """Make what is not there yet."""
    build.WHEELS = {}  # large programs that are not compared here
    build.build(folder)
    if (folder / "picture.wasm").exists():
        return
    build.pip(folder, ZOPFLI, "--no-binary", ":all:")
    with zipfile.ZipFile(next(folder.glob("zopfli-*.zip"))) as archive:
        archive.extractall(folder)
    source = next(folder.glob("zopfli-*/zopfli/src"))
    names = ["blocksplitter", "cache", "deflate", "gzip_container", "hash", "katajainen", "lz77",
             "squeeze", "tree", "util", "zlib_container", "zopfli_lib"]  # fmt: skip
    files = [source / "zopfli" / f"{name}.c" for name in names]
    build.clang(folder / "squeeze.wasm", [HERE / "squeeze.c", *files], [f"-I{source}/zopfli"])
    lodepng = source / "zopflipng" / "lodepng"
    shutil.copy(lodepng / "lodepng.cpp", folder / "lodepng.c")  # it is C, too
    build.clang(folder / "picture.wasm", [HERE / "picture.c", folder / "lodepng.c"],
                [f"-I{lodepng}"])  # fmt: skip


def is_gzip_of(output: bytes, data: bytes) -> bool:
    return zlib.decompress(output, 31) == data


def is_png(output: bytes, _: bytes) -> bool:
    return output.startswith(b"\x89PNG\r\n") and output[16:24] == (96).to_bytes(4, "big") * 2


def main() -> int:
    folder = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    make(folder)
    text = (HERE.parent.parent / "README.md").read_bytes()
    wrong = 0
    for title, name, stdin, check in (
        ("SQLite", "sqlite.wasm", (folder / "query.sql").read_bytes(), None),
        ("QuickJS", "quickjs.wasm", (folder / "script.js").read_bytes(), None),
        ("zopfli", "squeeze.wasm", text, is_gzip_of),
        ("lodepng", "picture.wasm", b"", is_png),
    ):
        path = str(folder / name)
        command = [sys.executable, "-c", run.WASMTIME, "cold", path]
        wanted = subprocess.run(command, input=stdin, capture_output=True, check=False)
        for settings in ({}, {"opt_level": "none"}, {"regalloc": "single_pass"}):
            begun = time.perf_counter()
            module = grus.Module.from_file(path, grus.Engine(tier="lazy", **settings))
            found = grus.run(module, [], stdin=stdin, capture=True)
            spent = time.perf_counter() - begun
            same = (found.stdout, found.returncode) == (wanted.stdout, wanted.returncode)
            right = same and bool(found.stdout) and (check is None or check(found.stdout, stdin))
            wrong += not right
            print(f"{title:8} {settings or 'defaults'}: {'the same' if right else 'DIFFERENT'},"
                  f" {len(found.stdout)} bytes, status {found.returncode}, {spent:.1f} s",
                  flush=True)  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
