"""Run the tests, with what they need: `python3 -m tools.test [pytest arguments]`.

Makes a virtual environment in `.venv` at the first run and installs the package there with its
development tools. `--fast` uses what the running interpreter has. Without arguments all tests run
in as many processes as there are cores, at most four.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / ".venv"


def python() -> str:
    """The environment's interpreter; the environment is made when it is missing or out of date."""
    stamp = ENVIRONMENT / "installed"
    project = (ROOT / "pyproject.toml").read_text()
    interpreter = ENVIRONMENT / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != project:
        print("setting up .venv ...", flush=True)
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        command = [str(interpreter), "-m", "pip", "install", "-q", "-e", f"{ROOT}[dev]"]
        subprocess.run(command, check=True, env={**os.environ, "GRUS_PLAIN": "1"})
        stamp.write_text(project)
    return str(interpreter)


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 the one place that says so
        print("Grus needs Python 3.11 or newer", file=sys.stderr)
        return 2
    if "--fast" in arguments:
        arguments.remove("--fast")
        interpreter = sys.executable
    else:
        interpreter = python()
        if not arguments:
            arguments = ["-n", str(min(os.cpu_count() or 1, 4)), "--dist", "worksteal"]
    os.chdir(ROOT)
    return subprocess.run([interpreter, "-m", "pytest", "-q", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
