"""The house: a room imports only rooms above it (docs/architecture.md)."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent / "grus"
ORDER = [
    "base", "ir", "opt", "backend", "host", "link", "wasm", "engine", "wasi", "wasmtime", "cli",
    "testing",
]  # fmt: skip
# wasm stands on base alone; nothing outside backend/x64 but its users below names a target's room
ALLOWED = {room: set(ORDER[: index + 1]) for index, room in enumerate(ORDER)}
ALLOWED["wasm"] = {"base", "wasm"}
# The command line runs the test runners.
ALLOWED["cli"].add("testing")


def imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [name for name in names if name.startswith("grus.")]


def test_import_directions() -> None:
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        if len(parts) == 1 or parts[0] == "_gen":
            continue
        for name in imports(path):
            room = name.split(".")[1]
            if room in ALLOWED and room not in ALLOWED[parts[0]]:
                wrong.append(f"{path.relative_to(ROOT.parent)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_no_dependencies() -> None:
    """Run-time imports are of the standard library and of grus."""
    import sys

    optional = {"capstone", "iced_x86", "numpy", "wasmtime", "z3", "pygments", "rich"}
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                tops = [alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                tops = [node.module.split(".")[0]]
            else:
                continue
            for top in tops:
                if top != "grus" and top not in sys.stdlib_module_names and top not in optional:
                    wrong.append(f"{path.relative_to(ROOT.parent)} imports {top}")
    assert not wrong, "\n".join(wrong)


def test_abi_tables_are_current() -> None:
    from tools.gen_abi import PATH, text

    assert PATH.read_text() == text(), "run: python -m tools.gen_abi"


def test_walkthrough_is_current() -> None:
    from tools.gen_walkthrough import PATH, text

    assert PATH.read_text() == text(), "run: python -m tools.gen_walkthrough"
