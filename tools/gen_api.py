"""The page of the site about the public names, made from their docstrings when the site is built.

    python -m tools.gen_api     print it

`mkdocs.yml` names this file as a hook; there is no copy of the page to keep in step.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent.parent))

PAGE: Final = "api.md"
SECTIONS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "Running WebAssembly": (
        "grus",
        (
            *("run", "Module", "Instance", "Linker", "Store", "Engine", "Config", "Func"),
            *("HostFunction", "Caller", "Memory", "SharedMemory", "Table", "Global", "Tag"),
            *("ExternRef", "GcStats", "TierStats", "func_type", "build_info", "BuildInfo"),
        ),
    ),
    "WASI": ("grus", ("WasiConfig", "Wasi", "ExitStatus")),
    "Errors": (
        "grus",
        (
            *("GrusError", "Trap", "Frame", "LinkError", "OutOfFuel", "Timeout", "ResourceLimit"),
            *("StoreBusy", "StoreClosed", "Unsupported"),
        ),
    ),
    "Compiling functions": ("grus", ("JITModule", "ObjectModule")),
    "Functions of the IR": (
        "grus.ir",
        (
            *("builder.FunctionBuilder", "function.Function", "function.Signature"),
            *("function.AbiParam", "parser.parse_file", "parser.parse_function"),
            *("printer.print_function", "verifier.verify", "verifier.check"),
            *("interpreter.Interpreter", "data.DataValue"),
        ),
    ),
    "Below": (
        "grus",
        (
            *("backend.settings.Settings", "backend.compile.compile_function"),
            *("backend.emit.CompiledFunction", "opt.pipeline.optimize", "link.unwinding.Uncaught"),
        ),
    ),
    "Displays": ("grus.display", ("Ir", "Assembly", "Cfg")),
}
"""Heading: a module, and names in it."""


def find(module: str, name: str) -> tuple[str, Any]:
    """The name to import it by, and what it is."""
    parts = name.split(".")
    home = ".".join([module, *parts[:-1]])
    return f"{home}.{parts[-1]}", getattr(importlib.import_module(home), parts[-1])


def signature(thing: Any) -> str:
    """`(a: int, b: str = "") -> None`; empty where there is none."""
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return ""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    return text.replace("(self, ", "(").replace("(self)", "()")


def doc(thing: Any) -> str:
    """The docstring as Markdown."""
    return inspect.cleandoc(getattr(thing, "__doc__", None) or "")


def members(cls: type) -> list[tuple[str, Any]]:
    """Public methods and properties with a docstring, as written."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("grus"):
            found.update(vars(base))
    return [(n, m) for n, m in found.items() if not n.startswith("_") and doc(_function(m))]


def _function(member: Any) -> Any:
    if isinstance(member, (staticmethod, classmethod)):
        return member.__func__
    return member.fget if isinstance(member, property) else member


def entry(place: str, thing: Any) -> list[str]:
    """The lines about a class or function."""
    name = place.rpartition(".")[2]
    lines = [f"### `{name}`", "", "```python"]
    lines += [f"from {place.rpartition('.')[0]} import {name}", f"{name}{signature(thing)}", "```"]
    lines += ["", doc(thing), ""]
    if not isinstance(thing, type):
        return lines
    for member_name, member in members(thing):
        made = _function(member)
        if isinstance(member, property):
            head = f"`{member_name}`"
        elif inspect.isfunction(made):
            head = f"`{member_name}{signature(made)}`".replace("(cls, ", "(").replace("(cls)", "()")
        else:
            continue
        lines += [f"**{head}**", "", doc(made), ""]
    return lines


def page() -> str:
    """The whole page."""
    lines = ["# API", "", "What is public, from the docstrings.", ""]
    for heading, (module, names) in SECTIONS.items():
        lines += [f"## {heading}", ""]
        for name in names:
            lines += entry(*find(module, name))
    return "\n".join(lines)


def on_files(files: Any, config: Any) -> Any:
    """Hook of mkdocs: add the page."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, PAGE, content=page()))
    return files


if __name__ == "__main__":
    print(page())
