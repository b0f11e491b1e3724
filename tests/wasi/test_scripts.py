"""Random calls on a directory, in Grus and in Wasmtime: the same results, the same directory.

Two things are left out of the scripts, for there Wasmtime does otherwise than Linux: slashes after
the last name, and files that are created, or cut to nothing, but opened only for reading.
"""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest

import grus
from tests.wasi.test_programs import HERE, compile_c, tree, wasmtime_module, wasmtime_run

# Flags of `open` in wasi-libc.
APPEND, CREAT, DIRECTORY, EXCL, TRUNC = 1, 1 << 12, 2 << 12, 4 << 12, 8 << 12
NOFOLLOW, READ, WRITE = 0x01000000, 0x04000000, 0x10000000
OPERATIONS = {
    "open": 6, "mkdir": 4, "symlink": 2, "rename": 2, "write": 1, "read": 1, "pread": 1,
    "pwrite": 1, "seek": 1, "size": 1, "fstat": 1, "futimens": 1, "close": 1, "stat": 1,
    "lstat": 1, "utimens": 1, "rmdir": 1, "unlink": 1, "link": 1, "readlink": 1, "list": 1,
}  # fmt: skip
"""How often each operation comes."""


def random_path(rng: random.Random) -> str:
    parts = rng.choices(
        ["a", "b", "c", "d", "..", "."], [3, 3, 1, 1, 1, 1], k=rng.choice([1, 1, 2, 2, 3, 4])
    )
    path = rng.choices(["/", "//"], [20, 1])[0].join(parts)
    return rng.choices([path, "/" + path, "~"], [40, 1, 1])[0]


def random_script(seed: int) -> str:
    """Lines for `script.c`: an operation, a number (descriptor and more), two texts."""
    rng = random.Random(seed)
    lines = []
    for operation in rng.choices(list(OPERATIONS), list(OPERATIONS.values()), k=120):
        first, more = random_path(rng), 0
        if operation == "open":
            more = rng.choice(
                [0, CREAT, CREAT, CREAT | EXCL, TRUNC, CREAT | TRUNC, APPEND, DIRECTORY, NOFOLLOW]
            )
            more |= (
                WRITE | rng.choice([0, READ])
                if more & (CREAT | TRUNC)
                else rng.choice([READ, WRITE, READ | WRITE])
            )
        elif operation == "seek":
            more = rng.randrange(3) | rng.randrange(30) << 2
        elif operation in ("read", "pread", "pwrite", "size"):
            more = rng.randrange(40)
        if operation in ("write", "pwrite"):
            first = "xyz" * rng.randrange(1, 8)
        lines.append(f"{operation} {rng.randrange(3) | more << 3} {first} {random_path(rng)}\n")
    return "".join(lines)


@pytest.mark.skipif(importlib.util.find_spec("wasmtime") is None, reason="needs wasmtime")
def test_scripts(tmp_path: Path) -> None:
    path = tmp_path / "script.wasm"
    compile_c(HERE / "script.c", path)
    module = grus.Module.from_file(path)
    compiled = wasmtime_module(path)
    for seed in range(15):
        roots = tmp_path / f"grus{seed}", tmp_path / f"wasmtime{seed}"
        for root in roots:
            root.mkdir()
        script = random_script(seed)
        done = grus.run(module, stdin=script, dirs={"/": roots[0]}, capture=True)
        status, output, _ = wasmtime_run(path, [], script.encode(), roots[1], compiled)
        results = [data.decode().splitlines() for data in (done.stdout, output)]
        for line, ours, theirs in zip(script.splitlines(), *results, strict=True):
            assert ours == theirs, (seed, line)
        assert done.returncode == status == 0
        assert tree(roots[0]) == tree(roots[1]), seed
