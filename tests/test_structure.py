"""The house: a room imports only rooms above it (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent / "grus"
ORDER = [
    "base", "ir", "opt", "backend", "host", "link", "wasm", "engine", "wasi", "wasmtime", "cli",
    "testing",
]  # fmt: skip
# wasm stands on base alone
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


_OF_A_TARGET = re.compile(
    r"\b([re][abcd]x|[re][sd]i|[re][sb]p|r8|r9|r1[0-5]|[xyz]mm\d+|backend\.x64)\b"
)
_NAMES_IT = ("grus/backend/x64", "grus/testing", "grus/_gen", "grus/host/machine.py")


def test_only_its_folder_names_what_is_of_the_target() -> None:
    """No register of x86-64, and not its folder, in code outside; comments may."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        name = str(path.relative_to(ROOT.parent))
        if name.startswith(_NAMES_IT):
            continue
        text = path.read_text()
        docs: set[int] = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                docs.update(range(node.lineno, (node.end_lineno or 0) + 1))
        for number, line in enumerate(text.splitlines(), 1):
            if number not in docs and _OF_A_TARGET.search(line.partition("#")[0]):
                found.append(f"{name}:{number}: {line.strip()}")
    layout = "grus/base/layout.py"  # its texts are the tables of docs/abi.md
    assert [line for line in found if not line.startswith(layout)] == []
