"""How this copy of Grus was built: compiled with mypyc or plain.

A build writes `grus/_gen/build_id.py`; a checkout has none and is plain. A compiled module is used
only by the interpreter that it was built for, so what counts is what was loaded.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


class BuildInfo:
    """`kind` is "compiled" or "plain", `modules` the number of compiled modules, `python` the
    interpreter's version, `build_id` a digest of the sources ("" in a checkout)."""

    __slots__ = ("build_id", "kind", "modules", "python")

    def __init__(self, kind: str, modules: int, build_id: str, python: str) -> None:
        self.kind = kind
        self.modules = modules
        self.build_id = build_id
        self.python = python

    def __str__(self) -> str:
        count = f", {self.modules} modules" if self.modules else ""
        return f"{self.kind}{count}, Python {self.python}"

    def __repr__(self) -> str:
        return f"<BuildInfo {self}>"


def built() -> ModuleType | None:
    """What the build left behind; None in a checkout."""
    try:
        return importlib.import_module("grus._gen.build_id")
    except ModuleNotFoundError:
        return None


def build_info() -> BuildInfo:
    """How the copy of Grus that runs was built."""
    left = built()
    python = ".".join([str(number) for number in sys.version_info[:3]])
    if left is None:
        return BuildInfo("plain", 0, "", python)
    sample = importlib.import_module("grus.base.layout")
    compiled = not str(sample.__file__).endswith(".py")
    return BuildInfo(
        "compiled" if compiled else "plain",
        len(left.COMPILED) if compiled else 0,
        left.BUILD_ID,
        python,
    )
