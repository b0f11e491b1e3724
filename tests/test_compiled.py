"""The compiled build (`python3 -m tools.build_compiled`) beside the plain one."""

from __future__ import annotations

import copy
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import grus
from grus.backend.emit import ImplLimit
from grus.backend.regalloc.types import AllocationError
from grus.backend.settings import SettingsError
from grus.base.errors import Frame, GrusError, Trap, Unsupported
from grus.engine.build import digest
from grus.ir import opcodes as ops
from grus.ir.data import NumberError
from grus.ir.domain import InterpreterTrap
from grus.ir.function import IRError
from grus.ir.interpreter import InterpreterThrow, StepLimit
from grus.ir.parser import ParseError, ParseErrors
from grus.ir.verifier import VerifierError, VerifierErrors
from grus.opt.lang.terms import RuleError
from grus.opt.pipeline import PipelineError
from grus.wasm import types as T
from grus.wasm.errors import DecodeError, TextError, ValidationError

ROOT = Path(__file__).parent.parent
COMPILED = ROOT / ".venv-compiled" / "bin" / "python"
SUITE = ROOT.parent / "shared" / "testsuite"
KERNELS = ROOT / "bench" / "kernels"
CLANG = [
    "clang", "--target=wasm32", "-O2", "-nostdlib", "-ffreestanding", "-fno-builtin",
    "-Wl,--no-entry", "-Wl,--export=run",
]  # fmt: skip


def test_build_info_says_what_was_loaded() -> None:
    import grus.ir.function as module

    info = grus.build_info()
    compiled = not str(module.__file__).endswith(".py")
    assert info.kind == ("compiled" if compiled else "plain")
    assert (info.modules > 80) == compiled
    assert info.python == ".".join(map(str, sys.version_info[:3]))
    done = subprocess.run(
        [sys.executable, "-m", "grus", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"grus {grus.__version__} ({info})\n"


def test_errors_can_be_pickled_and_subclassed() -> None:
    errors: list[GrusError] = [
        GrusError("text"), Unsupported("text"), PipelineError("text"), SettingsError("text"),
        AllocationError("text"), ImplLimit("text"), IRError("text"), NumberError("text"),
        RuleError("text"), StepLimit("text"), InterpreterThrow(1, [2, 3]),
        InterpreterTrap(ops.TRAP_HEAP_OUT_OF_BOUNDS),
        Trap("text", "code", (Frame(1, "f", "m", 2),), (3, 4)),
        ParseErrors([ParseError("text", "file", 1, 2, "source")]),
        VerifierErrors("f", [VerifierError("inst1", "text", "context")]),
        DecodeError("text", 3), ValidationError("text", 4, func_index=1, func_name="f"),
        TextError("text", line=1, col=2, file="f"),
    ]  # fmt: skip
    for error in errors:
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and str(again) == str(error)
        derived = type("Derived", (type(error),), {})
        assert issubclass(derived, GrusError)
        assert copy.copy(error).args == error.args


def _compiled_python() -> str:
    if not COMPILED.exists():
        pytest.skip("no compiled build: python3 -m tools.build_compiled")
    code = "import grus; i = grus.build_info(); print(i.kind, i.build_id)"
    command = [COMPILED, "-P", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if done.stdout.split() != ["compiled", digest(str(ROOT / "grus"))]:
        pytest.skip("the compiled build is of other sources: python3 -m tools.build_compiled")
    return str(COMPILED)


def _digests(python: str, paths: list[str], folder: Path) -> list[str]:
    command = [python, "-P", "-m", "grus.testing.code_digest", *paths]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def _same(paths: list[Path], least: int, folder: Path) -> None:
    compiled = _compiled_python()
    names = [str(path) for path in paths]
    plain_lines = _digests(sys.executable, names, folder)
    compiled_lines = _digests(compiled, names, folder)
    different = [
        f"{one}\n{other}"
        for one, other in zip(plain_lines, compiled_lines, strict=True)
        if one != other
    ]
    assert not different, "\n".join(different[:10])
    assert len(plain_lines) >= least


@pytest.mark.skipif(shutil.which("clang") is None, reason="needs clang")
def test_code_of_the_kernels_is_the_same(tmp_path: Path) -> None:
    sources = sorted(KERNELS.glob("*.c"))
    paths = []
    for source in sources:
        paths.append(tmp_path / f"{source.stem}.wasm")
        subprocess.run([*CLANG, str(source), "-o", str(paths[-1])], check=True)
    _same(paths, 3 * len(sources), tmp_path)


@pytest.mark.skipif(not SUITE.exists(), reason="needs the WebAssembly test suite in ../shared")
def test_code_of_the_specification_is_the_same(tmp_path: Path) -> None:
    paths = [path for path in sorted(SUITE.glob("*.wast")) if not path.name.startswith("simd_")]
    _same(paths, 3000, tmp_path)


def test_types_can_be_pickled_and_copied() -> None:
    limits = T.Limits(1, 2, True, True, 0, True)
    for one in (
        T.FuncType((T.I32,), (T.F64, T.EXTERNREF)), limits, T.MemoryType(limits),
        T.TableType(T.FUNCREF, T.Limits(3)), T.GlobalType(T.I64, True), T.TagType(4),
    ):  # fmt: skip
        again = pickle.loads(pickle.dumps(one))
        assert again == one == copy.deepcopy(one)
        assert repr(again) == repr(one)
