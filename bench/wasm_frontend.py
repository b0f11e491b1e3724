"""Speed and memory of the WebAssembly front end on real modules.

    python bench/wasm_frontend.py FILE.wasm...

Prints per file: size, seconds and MB/s of decoding, validation and encoding, the share of the
code section, and what decoding and validation add to the resident memory.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from grus.wasm.decode import decode
from grus.wasm.encode import encode_module
from grus.wasm.validate import validate


def _peak() -> int:
    """The greatest resident size so far in bytes (0 where /proc is missing)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(path: Path) -> None:
    data = path.read_bytes()
    megabytes = len(data) / 1e6
    before = _peak()
    start = time.perf_counter()
    module = decode(data)
    decoded = time.perf_counter()
    validate(module)
    validated = time.perf_counter()
    grown = _peak() - before
    encode_module(module)
    encoded = time.perf_counter()
    code = sum(body.end - body.start for body in module.code)
    both = validated - start
    print(
        f"{path.name}: {megabytes:.2f} MB ({code / len(data):.0%} code), "
        f"{len(module.funcs)} functions; "
        f"decode {decoded - start:.3f} s, validate {validated - decoded:.3f} s, "
        f"together {megabytes / both:.2f} MB/s, "
        f"code alone {code / 1e6 / (validated - decoded):.2f} MB/s; "
        f"encode {encoded - validated:.3f} s; memory +{grown / len(data):.2f}x of the file"
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        measure(Path(name))
