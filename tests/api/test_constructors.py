"""Public classes may be called with anything: they raise, and nothing crashes."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import grus

ROOT = Path(__file__).parent.parent.parent
CLASSES = [
    name
    for name in grus.__all__
    if isinstance(getattr(grus, name), type) and not issubclass(getattr(grus, name), BaseException)
]
USES: tuple[Callable[[Any], object], ...] = (
    repr, len, iter, hash, bytes, memoryview, lambda x: x(), lambda x: x[0], lambda x: x["a"],
    lambda x: x.__setitem__(0, 1), lambda x: x[0:1], lambda x: x == x, lambda x: x.grow(1),
    lambda x: x.view(),
)  # fmt: skip


def values() -> list[Any]:
    engine = grus.Engine()
    store = grus.Store(engine)
    module = grus.Module(
        """(module (memory (export "m") 1) (global (export "g") (mut i32) (i32.const 1))
          (table (export "t") 1 externref) (func (export "f")))""",
        engine,
    )
    instance = grus.Instance(module, store=store)
    exports: list[Any] = [instance.exports[name] for name in instance.exports]
    plain: list[Any] = [None, 0, 41, -1, 1 << 70, 1.5, "x", b"\0asm", (), [], {}, object(), len]
    return [*plain, engine, store, module, instance, *exports, *[e.type for e in exports]]


def use(made: Any) -> None:
    """Whatever was made can be used: it may only raise."""
    for run in USES:
        try:
            run(made)
        except Exception:
            pass
    for name in dir(made):
        if not name.startswith("__"):
            try:
                getattr(made, name)
            except Exception:
                pass


def attempt(name: str) -> None:
    cls = getattr(grus, name)
    try:
        empty = cls.__new__(cls)
    except TypeError:
        pass
    else:
        use(empty)
    given = values()
    for count, choice in ((0, given), (1, given), (2, given), (3, given[2:4] + given[13:17])):
        for arguments in itertools.product(choice, repeat=count):
            try:
                made = cls(*arguments)
            except (TypeError, ValueError, grus.GrusError):
                continue
            except OSError:
                assert name == "WasiConfig" or name == "Wasi"
                continue
            use(made)


@pytest.mark.parametrize("name", CLASSES)
def test_arbitrary_arguments_raise(name: str) -> None:
    """In a process of its own, which must live to the end."""
    command = f"from tests.api.test_constructors import attempt; attempt({name!r})"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", command],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
