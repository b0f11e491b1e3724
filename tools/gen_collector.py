"""Compile the collector (`engine/collector.py`) into `engine/collector_code.py`.

    python -m tools.gen_collector

To be run when the text of the collector or an offset in it changes; a test says so. Which compiler
of Grus made the code does not matter, so it stays when that changes.
"""

from __future__ import annotations

from pathlib import Path

from grus.backend.compile import compile_function
from grus.backend.x64.target import TARGET
from grus.engine import collector
from grus.ir.parser import parse_file
from grus.opt.pipeline import optimize

TARGET_FILE = Path(collector.__file__).with_name("collector_code.py")


def code() -> bytes:
    """The machine code, for any x86-64, wherever it lies."""
    settings = TARGET.settings()
    settings.set("opt_level", "speed")
    func = parse_file(collector.text(), "<collector>").functions[0].func
    optimize(func, settings.values, "speed")
    made = compile_function(func, TARGET, settings)
    assert not made.relocs and not made.traps
    return bytes(made.code)


def source() -> str:
    """The module's text."""
    text = code().hex()
    lines = [f'    "{text[at : at + 88]}"' for at in range(0, len(text), 88)]
    return "\n".join(
        [
            '"""Made by tools/gen_collector.py: the collector as machine code for x86-64."""',
            "",
            f"DIGEST = {collector.digest()!r}",
            '"""Of the text that it was made of."""',
            "",
            "CODE = bytes.fromhex(",
            *lines,
            ")",
            "",
        ]
    )


if __name__ == "__main__":
    TARGET_FILE.write_text(source())
