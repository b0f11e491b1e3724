"""Build Grus with mypyc, install it in `.venv-compiled`, and run the tests there:

    python3 -m tools.build_compiled
    python3 -m tools.build_compiled --test [pytest arguments]

The package is built from a copy of the checkout (files that Git knows, as they are now); the
environment borrows the development tools of `.venv`. Objects of C files that have not changed
since the last build are taken from `build/objects`. What is installed is tested; it is built first
when there is none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tools.test import ROOT
from tools.test import python as development

ENVIRONMENT = ROOT / ".venv-compiled"


def copy(into: Path, with_package: bool) -> None:
    """The files of the checkout, with or without the package."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.split("\0"):
        source = ROOT / name
        if not name or not source.is_file() or (name.startswith("grus/") and not with_package):
            continue
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def build() -> None:
    """Make the environment and install the compiled package in it."""
    tools = Path(development())
    if not ENVIRONMENT.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    python = ENVIRONMENT / "bin" / "python"
    find = "import sysconfig; print(sysconfig.get_path('purelib'))"
    ours, theirs = (
        Path(
            subprocess.run([p, "-c", find], check=True, capture_output=True, text=True).stdout[:-1]
        )
        for p in (python, tools)
    )
    (ours / "development.pth").write_text(f"{theirs}\n")
    with tempfile.TemporaryDirectory() as folder:
        copy(Path(folder), with_package=True)
        environment = {
            **os.environ,
            "GRUS_COMPILED": "1",
            "GRUS_BUILD_DIR": str(ROOT / "build" / "objects"),
        }
        options = ("--no-deps", "--force-reinstall", "-v")
        command = [str(python), "-m", "pip", "install", *options, folder]
        log = ROOT / "build" / "compiled.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("w") as out:
            done = subprocess.run(command, check=False, env=environment, stdout=out, stderr=out)
        if done.returncode:
            raise SystemExit(f"the build failed: see {log}")
        print(*[line for line in log.read_text().splitlines() if "grus: " in line], sep="\n")
    subprocess.run([python, "-P", "-m", "grus", "--version"], check=True, cwd=ENVIRONMENT)


def _packages(python: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    command = [str(python), "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Path(done.stdout.strip())


def test(arguments: list[str]) -> int:
    """Run tests on the installed package, in a copy of the checkout without the package."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        build()
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "grus"
        copy(checkout, with_package=False)
        shared = ROOT.parent / "shared"  # the specification's tests lie there
        if shared.exists():
            (checkout.parent / "shared").symlink_to(shared)
        command = [str(python), "-m", "pytest", "-q", *arguments]
        return subprocess.run(command, cwd=checkout, check=False).returncode


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--test"]:
        return test(arguments[1:])
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    build()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
