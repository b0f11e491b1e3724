"""Walks through library code: the C library's unwinder, gdb, perf's names."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grus.backend.unwind import sleb, uleb
from grus.host import libc
from grus.ir.parser import parse_function
from grus.link import debug, library
from grus.link.jit import JITModule

ROOT = str(Path(__file__).resolve().parent.parent.parent)

CHAIN = """
function %leaf(i32) -> i32 system_v {
    fn0 = %stop(i32) -> i32 system_v
block0(v0: i32):
    v1 = call fn0(v0)
    return v1
}
function %middle(i32) -> i32 tail {
    ss0 = explicit_slot 1000
    fn0 = colocated %leaf(i32) -> i32 system_v
block0(v0: i32):
    v1 = call fn0(v0)
    return v1
}
function %outer(i32) -> i32 system_v {
    fn0 = colocated %middle(i32) -> i32 tail
block0(v0: i32):
    v1 = call fn0(v0)
    v2 = iadd v0, v1
    return v2
}
"""


def test_leb128() -> None:
    # DWARF 5, tables 7.7 and 7.8
    assert [uleb(n) for n in (2, 127, 128, 12857)] == [b"\2", b"\x7f", b"\x80\1", b"\xb9\x64"]
    assert [sleb(n) for n in (2, -2, 127, -127, 128, -128)] == [
        b"\2", b"\x7e", b"\xff\0", b"\x81\x7f", b"\x80\1", b"\x80\x7f",
    ]  # fmt: skip


def backtrace() -> list[int]:
    """Instruction addresses of the native stack, by `_Unwind_Backtrace`."""
    unwinder = ctypes.CDLL("libgcc_s.so.1")
    unwinder._Unwind_GetIP.restype = ctypes.c_uint64
    unwinder._Unwind_GetIP.argtypes = [ctypes.c_void_p]
    found: list[int] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    def each(context: int, _: int) -> int:
        found.append(unwinder._Unwind_GetIP(context))
        return 0

    unwinder._Unwind_Backtrace(each, None)
    return found


def names_of(addresses: list[int], perf: list[list[str]]) -> list[str]:
    """Names by rows (start, size, name) of a perf map."""
    names = []
    for address in addresses:
        for start, size, name in perf:
            if 0 <= address - 1 - int(start, 16) < int(size, 16):
                names.append(name)
    return names


PERF_MAP = Path(f"/tmp/perf-{os.getpid()}.map")


@pytest.fixture
def perf_map() -> Iterator[Callable[[], list[list[str]]]]:
    """Switches the map on; gives what reads the rows that were added."""
    before = PERF_MAP.read_text() if PERF_MAP.exists() else ""
    debug.perf_map(True)
    yield lambda: [row.split() for row in PERF_MAP.read_text()[len(before) :].splitlines()]
    debug.perf_map(False)
    if not before:
        PERF_MAP.unlink()


@pytest.mark.parametrize("kind", ["callback", "host"])
def test_unwinder_walks_through_three_frames_to_python(
    kind: str, perf_map: Callable[[], list[list[str]]]
) -> None:
    module = JITModule()
    seen: list[int] = []

    def stop(n: int) -> int:
        seen.extend(backtrace())
        return n + 1

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(stop)
    if kind == "callback":
        module.symbol("stop", ctypes.cast(callback, ctypes.c_void_p).value or 0)
    else:
        sig = parse_function(
            "function %s(i32) -> i32 system_v {\nblock0(v0: i32):\n    return v0\n}"
        ).sig
        module.define_host("stop", sig, stop)
    module.define_text(CHAIN)
    assert module["outer"](4) == 9
    want = ["leaf", "middle", "outer"]
    names = [name for name in names_of(seen, perf_map()) if name != "callable"]
    assert names == (want if kind == "callback" else ["stop", *want])
    # Above the callable's thunk comes CPython.
    thunks = library.library().thunk_arena
    at = next(n for n, a in enumerate(seen) if thunks.start <= a < thunks.end)
    assert len(seen) > at + 3
    call = libc.symbol("PyObject_Vectorcall")
    assert any(
        call <= address < call + 4096 or shares_library(address, call) for address in seen[at + 1 :]
    )


def shares_library(a: int, b: int) -> bool:
    for line in Path("/proc/self/maps").read_text().splitlines():
        low, high = (int(x, 16) for x in line.split()[0].split("-"))
        if low <= a < high and low <= b < high:
            return True
    return False


def test_frames_are_deregistered() -> None:
    for _ in range(20):
        module = JITModule()
        module.define(CHAIN.split("function %middle")[0].replace("%stop", "%abs"))
        assert module["leaf"](-3) == 3
        module.free()
        assert len(backtrace()) > 3


def test_perf_map(perf_map: Callable[[], list[list[str]]]) -> None:
    module = JITModule()
    module.symbol("stop", libc.symbol("abs"))
    module.define_text(CHAIN)
    module.finish()
    rows = perf_map()
    for name in ("leaf", "middle", "outer"):
        [row] = [r for r in rows if r[2] == name]
        assert int(row[0], 16) == module.address(name)
        assert int(row[1], 16) == len(module.functions[name].code)


def gdb(program: str, *commands: str) -> str:
    if shutil.which("gdb") is None:
        pytest.skip("gdb is not installed")
    arguments = ["gdb", "-q", "-nx", "-batch", "-ex", "run"]
    for command in commands:
        arguments += ["-ex", command]
    arguments += ["--args", sys.executable, "-c", program]
    done = subprocess.run(
        arguments,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": ROOT, "GRUS_GDB": "1", "LC_ALL": "C"},
        check=False,
    )
    if "ptrace: Operation not permitted" in done.stderr:
        pytest.skip("gdb may not trace processes here")
    return done.stdout


def test_gdb_walks_from_a_trap_to_python() -> None:
    text = CHAIN.replace(
        "    v1 = call fn0(v0)\n    return v1\n}\nfunction %middle",
        "    trap user1\n}\nfunction %middle",
        1,
    )
    out = gdb(
        f"from grus.link.jit import JITModule\nm = JITModule()\nm.define_text('''{text}''')\n"
        "m['outer'](5)\n",
        "bt",
        "frame 0",
        "frame 2",
    )
    assert "SIGILL" in out, out
    assert "trap user1" in out and "call fn0(v0)" in out, out  # lines of the printed IR
    frames = [
        line.split(" in ")[1].split(" (")[0] if " in " in line else line.split()[1]
        for line in out.splitlines()
        if line.startswith("#")
    ]
    assert frames[:4] == ["leaf", "middle", "outer", "callable"], out
    assert any("PyObject_Vectorcall" in f or "_PyEval" in f or "Py_" in f for f in frames[4:12]), (
        out
    )


def test_gdb_forgets_code_that_was_freed() -> None:
    out = gdb(
        f"from grus.link.jit import JITModule\nimport ctypes\nm = JITModule()\nm.define_text('''{CHAIN}''')\n"
        "m.symbol('stop', ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p).value)\n"
        "m['outer'](5)\nn = JITModule()\n"
        "n.define('function %other() system_v {\\nblock0:\\n    return\\n}')\nn.finish()\n"
        "m.free()\nimport signal\nsignal.raise_signal(signal.SIGTRAP)\n",
        "info symbol other",
        "info address outer",
    )
    assert "other in section .text" in out, out
    assert "is at 0x" not in out, out
