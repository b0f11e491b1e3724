"""Speed of the text format: `python bench/wasm_text.py FILE...` (.wat, .wast or .wasm).

A binary is printed first. Reports megabytes of text a second, the least of 3 runs.
"""

from __future__ import annotations

import sys
import time

from grus.wasm.text.parser import wat2wasm
from grus.wasm.text.printer import wasm2wat
from grus.wasm.text.wast import parse_script


def best(function: object, *args: object) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function(*args)  # type: ignore[operator]
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    for name in sys.argv[1:]:
        with open(name, "rb") as file:
            data = file.read()
        if data[:4] == b"\0asm":
            text = wasm2wat(data)
            size = len(text.encode()) / 1e6
            print(f"{name}: print {size / best(wasm2wat, data):6.2f} MB/s of text", end=", ")
            print(f"parse {size / best(wat2wasm, text):6.2f} MB/s")
        elif name.endswith(".wast"):
            print(f"{name}: parse {len(data) / 1e6 / best(parse_script, data):6.2f} MB/s")
        else:
            print(f"{name}: parse {len(data) / 1e6 / best(wat2wasm, data):6.2f} MB/s")


if __name__ == "__main__":
    main()
