"""Everything that has to hold before a change goes in: `python3 -m tools.check`.

Format, lint, types, documentation that is made from code, proofs of what changed, tests.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tools.test import ROOT, python


def main() -> int:
    interpreter = python()
    steps = [
        (
            "format",
            ["-m", "ruff", "format", "--check", "grus", "tests", "tools", "bench", "examples"],
        ),
        ("lint", ["-m", "ruff", "check", "grus", "tests", "tools", "bench", "examples"]),
        ("types", ["-m", "mypy"]),
        ("docs/abi.md", ["-m", "tools.gen_abi", "--check"]),
        ("docs/walkthrough.md", ["-m", "tools.gen_walkthrough", "--check"]),
        ("editors", ["-m", "tools.gen_editors", "--check"]),
        ("site", ["-m", "mkdocs", "build", "--strict", "--quiet"]),
        ("docs/ir.md", ["-m", "pytest", "-q", "tests/ir/test_ir_doc.py"]),
        ("proofs of rules", ["-m", "tools.prove"]),
        ("proofs of lowering", ["-m", "tools.prove", "--lowering"]),
        ("tests", ["-m", "pytest", "-q"]),
    ]
    failed = []
    for name, command in steps:
        print(f"== {name}", flush=True)
        environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
        run = subprocess.run([interpreter, *command], cwd=ROOT, env=environment, check=False)
        if run.returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
