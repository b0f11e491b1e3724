"""Builds the wheel: compiled with mypyc where a C compiler is, else plain.

`GRUS_PLAIN=1` asks for the plain one. `GRUS_COMPILED=1` makes a compilation that fails an error
instead of a reason to build the plain one; `GRUS_OPT=0..3` is the level for the C compiler,
`GRUS_JOBS` how many of them run at once, and `GRUS_BUILD_DIR` a folder in which objects of C files
that have not changed are kept.

The work is done on a copy: nothing is left in the source tree. Editable installs are plain.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import Distribution, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from grus.engine.build import digest  # noqa: E402 found by the line above

MYPY = "mypy==2.4.1"

COMPILED = (
    *("grus/base", "grus/ir", "grus/opt", "grus/opt/passes", "grus/wasm", "grus/wasm/text"),
    *("grus/backend", "grus/backend/regalloc", "grus/backend/x64", "grus/engine/translate"),
    *("grus/_gen",),
)
"""The folders whose modules are compiled, all as one group."""

PLAIN = frozenset(
    (
        *("grus/base/errors.py", "grus/wasm/errors.py"),  # exceptions, to be subclassed and pickled
        "grus/base/build.py",  # tells which build this is
        "grus/ir/domain.py",  # the prover derives from it
        # proofs, for developers: they need z3
        *("grus/opt/prove.py", "grus/backend/x64/prove.py", "grus/backend/x64/validate.py"),
        *("grus/backend/x64/shapes.py", "grus/backend/x64/meanings.py"),
        "grus/backend/x64/rules.py",  # traced when the package is built, not used afterwards
    )
)
"""Their modules that are not."""

MORE = ("grus/opt/rules/functions.py",)
"""Compiled besides: what the generated rules call."""


def wanted() -> bool:
    """True when a wheel should be compiled: no plain one was asked for, and a compiler is there."""
    if os.environ.get("GRUS_PLAIN", "") not in ("", "0"):
        return False
    if os.environ.get("GRUS_COMPILED", "") not in ("", "0"):
        return True
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "").split()
    header = Path(sysconfig.get_path("include")) / "Python.h"
    return (
        os.name == "posix"
        and bool(compiler)
        and bool(shutil.which(compiler[0]))
        and header.exists()
    )


def make_rules(root: Path) -> None:
    """Trace the rules of the copy of the package in `root` into its `grus/_gen`."""
    code = "import grus.backend.x64.target; from grus.opt.simplify import load_rules; load_rules()"
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", "-c", code]
    subprocess.run(command, check=True, env=environment, cwd=root)


def sources(root: Path) -> list[str]:
    """The modules to compile, as paths from `root`."""
    found = [
        path.relative_to(root).as_posix()
        for folder in COMPILED
        for path in sorted((root / folder).glob("*.py"))
        if path.name != "__init__.py"
    ]
    return [path for path in found if path not in PLAIN] + list(MORE)


class BuildExtensions(build_ext):
    """Compiles C files in parallel, and keeps objects of files that have not changed."""

    def build_extensions(self) -> None:
        self.parallel = int(os.environ.get("GRUS_JOBS", os.cpu_count() or 1))
        compiler: Any = self.compiler
        one = compiler.compile
        kept = os.environ.get("GRUS_BUILD_DIR")

        def compile_one(source: str, *args: Any, **kwargs: Any) -> list[str]:
            if not kept or "__native" not in source:
                return list(one([source], *args, **kwargs))
            text = b"\0".join(
                [
                    Path(source).read_bytes(),
                    *[p.read_bytes() for p in sorted(Path(source).parent.glob("*.h"))],
                    repr((args[2:], sorted(kwargs.items()), sys.version)).encode(),
                ]
            )
            entry = Path(kept) / f"{hashlib.sha256(text).hexdigest()}.o"
            target = compiler.object_filenames([source], output_dir=kwargs["output_dir"])[0]
            if entry.exists():
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(entry, target)
                return [str(target)]
            one([source], *args, **kwargs)
            Path(kept).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, entry)
            return [str(target)]

        def compile_all(files: list[str], *args: Any, **kwargs: Any) -> list[str]:
            if len(files) == 1:
                return compile_one(files[0], *args, **kwargs)
            files = sorted(files, key=os.path.getsize, reverse=True)  # the longest first
            with ThreadPoolExecutor(self.parallel) as pool:
                results = list(pool.map(lambda file: compile_one(file, *args, **kwargs), files))
            return [path for result in results for path in result]

        compiler.compile = compile_all
        super().build_extensions()


def compile_package(root: Path, into: Path) -> list[str]:
    """Compile the copy of the package in `root`; extension modules go below `into`. Gives the names
    of the modules."""
    from mypyc.build import mypycify

    start = time.perf_counter()
    files = sources(root)
    before = os.getcwd()
    os.chdir(root)  # mypyc finds packages from the current folder
    try:
        extensions = mypycify(
            [
                *("--cache-dir=/dev/null", "--config-file=pyproject.toml"),
                *("--ignore-missing-imports", "--no-warn-unused-ignores", "grus"),
            ],
            only_compile_paths=files,
            opt_level=os.environ.get("GRUS_OPT", "2"),
            debug_level="0",
            multi_file=True,
            target_dir="c",
            group_name="grus",
        )
        for extension in extensions:
            extension.extra_compile_args += ["-fvisibility=hidden", "-w", "-Wno-error"]
            extension.extra_link_args += ["-Wl,-s"]
        made = time.perf_counter()
        command = BuildExtensions(Distribution({"name": "grus", "ext_modules": extensions}))
        command.build_lib = str(into)
        command.build_temp = "o"
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(before)
    end = time.perf_counter()
    print(
        f"grus: {len(files)} modules compiled: {made - start:.0f} s for the C source, "
        f"{end - made:.0f} s for the C compiler",
        flush=True,
    )
    return [file.removesuffix(".py").replace("/", ".") for file in files]


class BuildPackage(build_py):
    """Copies the package, its generated rules, and what was compiled."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        into = Path(self.build_lib)
        generated = into / "grus" / "_gen"
        shutil.rmtree(generated, ignore_errors=True)
        shutil.copytree(
            STAGE / "grus" / "_gen", generated, ignore=shutil.ignore_patterns("__pycache__")
        )
        (generated / "build_id.py").write_text(
            '"""Made when the package was built."""\n\n'
            f"BUILD_ID = {digest(str(STAGE / 'grus'))!r}\nCOMPILED = {MODULES!r}\n"
        )
        if MODULES:
            shutil.copytree(STAGE / "lib", into, dirs_exist_ok=True)


class GrusDistribution(Distribution):
    """Knows whether the wheel is of one platform before anything is built."""

    def has_ext_modules(self) -> bool:
        return bool(MODULES)


STAGE = Path()
MODULES: list[str] = []


def prepare() -> None:
    """Make the copy, its rules, and the compiled modules."""
    global STAGE
    STAGE = Path(tempfile.mkdtemp(prefix="grus-build-"))
    ignored = shutil.ignore_patterns("__pycache__", "_gen")
    shutil.copytree(ROOT / "grus", STAGE / "grus", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", STAGE)
    make_rules(STAGE)
    if not wanted():
        print("grus: building the plain package", flush=True)
        return
    try:
        MODULES[:] = compile_package(STAGE, STAGE / "lib")
    except (Exception, SystemExit) as error:
        if os.environ.get("GRUS_COMPILED", "") not in ("", "0"):
            raise
        print(f"grus: compiling failed, building the plain package: {error!r}", flush=True)


if __name__ == "__main__":
    building = any(command in sys.argv for command in ("bdist_wheel", "build", "install"))
    base = tempfile.mkdtemp(prefix="grus-wheel-")
    try:
        if building:
            prepare()
        setup(
            distclass=GrusDistribution,
            cmdclass={"build_py": BuildPackage},
            setup_requires=[MYPY] if wanted() else [],
            options={"build": {"build_base": base}},
        )
    finally:
        shutil.rmtree(base, ignore_errors=True)
        if building:
            shutil.rmtree(STAGE, ignore_errors=True)
