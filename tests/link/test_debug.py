"""Walks through library code: the C library's unwinder, gdb, perf's names."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
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


def names_of(addresses: list[int]) -> list[str]:
    names = []
    for address in addresses:
        image = library.library().find(address - 1)
        found = image.function_at(address - 1) if image else None
        if found:
            names.append(found[1].name)
    return names


@pytest.mark.parametrize("kind", ["callback", "host"])
def test_unwinder_walks_through_three_frames_to_python(kind: str) -> None:
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
    want = ["%leaf", "%middle", "%outer"]
    assert names_of(seen) == (want if kind == "callback" else ["stop", *want])
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


def test_perf_map(tmp_path: Path) -> None:
    path = Path(f"/tmp/perf-{os.getpid()}.map")
    before = path.read_text() if path.exists() else ""
    debug.perf_map(True)
    try:
        module = JITModule()
        module.symbol("stop", libc.symbol("abs"))
        module.define_text(CHAIN)
        module.finish()
    finally:
        debug.perf_map(False)
    rows = [line.split() for line in path.read_text()[len(before) :].splitlines()]
    if not before:
        path.unlink()
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
        timeout=120,
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
        "frame 2",
        "p $_siginfo.si_signo",
    )
    assert "SIGILL" in out, out
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
