"""The machine code of a kernel beside Wasmtime's: `python bench/kernels/disassemble.py NAME`.

Needs what run.py needs, and capstone. Jumps to addresses are shown by their targets, from the
beginning of the function.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import capstone
import run


def lines(code: bytes) -> Iterator[str]:
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    for inst in decoder.disasm(code, 0):
        yield f"{inst.address:5x}  {inst.mnemonic:8} {inst.op_str}"


def main() -> None:
    import wasmtime

    import grus

    with tempfile.TemporaryDirectory() as where:
        kernel = run.Kernel(run.HERE / f"{sys.argv[1]}.c", Path(where))
        wasm = kernel.wasm.read_bytes()
    image = grus.Module(wasm).image
    for start, end, index in image.functions:
        print(f"Grus: function {index}", *lines(image.code[start:end]), sep="\n")
    engine = wasmtime.Engine(run.wasmtime_config())
    elf = bytes(wasmtime.Module(engine, wasm).serialize())
    for name, at, size in run.functions_of_elf(elf):
        print(f"Wasmtime: {name}", *lines(elf[at : at + size]), sep="\n")


if __name__ == "__main__":
    main()
