"""JITModule: callables, traps, data, host functions, redefinition and freeing."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time

import pytest

import grus
from grus.base.errors import Unsupported
from grus.host import libc
from grus.link import library
from grus.link.jit import JITModule, LinkError, native_settings

ARITH = """
function %add(i64, i64) -> i64 system_v {
block0(v0: i64, v1: i64):
    v2 = iadd v0, v1
    return v2
}
function %div(i32, i32) -> i32 system_v {
block0(v0: i32, v1: i32):
    v2 = sdiv v0, v1
    return v2
}
function %outer(i32) -> i32 system_v {
    fn0 = colocated %div(i32, i32) -> i32 system_v
block0(v0: i32):
    v1 = iconst.i32 100
    v2 = call fn0(v1, v0)
    v3 = iadd v2, v0
    return v3
}
function %peek(i64) -> i64 system_v {
block0(v0: i64):
    v1 = load.i64 v0
    return v1
}
function %user() tail {
block0:
    trap user7
}
"""


@pytest.fixture(scope="module")
def arith() -> JITModule:
    module = JITModule()
    module.define_text(ARITH)
    return module


def test_call(arith: JITModule) -> None:
    add = arith["add"]
    assert add(20, 22) == 42
    assert add(-5, 2**64 - 1) == -6
    assert add(2**63 - 1, 1) == -(2**63)
    assert add(True, 1) == 2
    assert arith["add"] is add
    assert (add.__name__, repr(add)) == ("add", "<grus.JITFunction add(i64, i64) -> i64>")
    assert "iadd v0, v1" in add.ir
    assert "add rdi, rsi" in add.disasm() or "lea" in add.disasm()
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(add.address)(3, 4) == 7
    assert add.code in ctypes.string_at(add.address, len(add.code))


@pytest.mark.parametrize(
    ("args", "kind", "message"),
    [
        ((1,), TypeError, r"add\(\) takes 2 arguments but 1 was given"),
        ((1, 2, 3), TypeError, r"takes 2 arguments but 3 were given"),
        (("x", 1), TypeError, r"argument 1: expected i64, got str"),
        ((1, 1.0), TypeError, r"argument 2: expected i64, got float"),
        ((1, 2**64), OverflowError, r"argument 2: 18446744073709551616 does not fit i64"),
    ],
)
def test_wrong_arguments(arith: JITModule, args: tuple, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        arith["add"](*args)
    with pytest.raises(TypeError, match="no keyword"):
        arith["add"](1, b=2)


CONVENTIONS = ["system_v", "fast", "tail", "windows_fastcall"]
EXTENSIONS = ["", " uext", " sext"]


@pytest.mark.parametrize("conv", CONVENTIONS)
@pytest.mark.parametrize("ty", ["i8", "i16", "i32", "i64"])
def test_integers_of_all_widths(conv: str, ty: str) -> None:
    """Every boundary of the range, in registers and on the stack; signed unless `uext`."""
    bits = int(ty[1:])
    module = JITModule()
    for n, extend in enumerate(EXTENSIONS):
        params = ", ".join([f"{ty}{extend}"] * 9)
        blocks = ", ".join([f"v{i}: {ty}" for i in range(9)])
        for at in (0, 8):
            module.define(
                f"function %f{n}_{at}({params}) -> {ty}{extend} {conv} "
                f"{{\nblock0({blocks}):\n    return v{at}\n}}"
            )
    for n, extend in enumerate(EXTENSIONS):
        for value in (0, 1, -1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1)), 2**bits - 1, 77):
            low = value & 2**bits - 1
            signed = low - (low >> bits - 1 << bits)
            want = low if extend == " uext" else signed
            assert module[f"f{n}_0"](value, *[0] * 8) == want
            assert module[f"f{n}_8"](*[5] * 8, value) == want
        for value in (2**bits, -(2 ** (bits - 1)) - 1):
            with pytest.raises(OverflowError, match="does not fit"):
                module[f"f{n}_0"](value, *[0] * 8)


@pytest.mark.parametrize("conv", ["system_v", "tail"])
def test_floats_and_several_results(conv: str) -> None:
    module = JITModule()
    module.define(
        f"function %f(f64, f32, i8, f64) -> f64, f32, i8 {conv} {{\n"
        "block0(v0: f64, v1: f32, v2: i8, v3: f64):\n"
        "    v4 = fadd v0, v3\n    return v4, v1, v2\n}"
        if conv == "tail"
        else "function %f(f64, f32, i8, f64) -> f64, i8 system_v {\n"
        "block0(v0: f64, v1: f32, v2: i8, v3: f64):\n"
        "    v4 = fadd v0, v3\n    return v4, v2\n}"
    )
    f = module["f"]
    assert f(1.5, 0.1, -3, 2) == (
        (3.5, ctypes.c_float(0.1).value, -3) if conv == "tail" else (3.5, -3)
    )
    with pytest.raises(TypeError, match="argument 1: expected f64, got str"):
        f("1", 0, 0, 0)


def test_types_without_thunk_go_through_memory() -> None:
    module = JITModule()
    module.define(
        "function %wide(i128, i32x4) -> i32x4, i128 system_v {\nblock0(v0: i128, v1: i32x4):\n"
        "    v2 = iadd v0, v0\n    return v1, v2\n}"
    )
    assert module["wide"](2**100, bytes(range(16))) == (bytes(range(16)), 2**101)
    assert module["wide"](-1, bytes(16)) == (bytes(16), -2)
    with pytest.raises(TypeError, match="expected 16 bytes for i32x4"):
        module["wide"](1, b"x")
    module.define("function %s(i64 sarg(16)) system_v {\nblock0(v0: i64):\n    return\n}")
    with pytest.raises(Unsupported, match="a struct passed by value"):
        module["s"]


@pytest.mark.parametrize(
    ("name", "args", "code", "frames", "message"),
    [
        ("div", (1, 0), "int_divz", ["div"], "integer division by zero in div"),
        ("div", (-(2**31), -1), "int_ovf", ["div"], "integer overflow in div"),
        ("outer", (0,), "int_divz", ["div", "outer"], "integer division by zero in div"),
        ("peek", (8,), "heap_oob", ["peek"], "no access to address 0x8 in peek"),
        ("user", (), "user7", ["user"], "trap user7 in user"),
    ],
)
def test_traps(
    arith: JITModule, name: str, args: tuple, code: str, frames: list[str], message: str
) -> None:
    for _ in range(3):
        with pytest.raises(grus.Trap) as caught:
            arith[name](*args)
        assert caught.value.code == code
        assert [f.func_name for f in caught.value.frames] == frames
        assert caught.value.message == message
    assert arith["outer"](7) == 21


def run(program: str, *options: str) -> subprocess.CompletedProcess[str]:
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    return subprocess.run(
        [sys.executable, *options, "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": root},
        check=False,
    )


SETUP = f"""
import ctypes, grus, faulthandler, sys
from grus.link.jit import JITModule
m = JITModule()
m.define_text('''{ARITH}''')
def trap(f, *args):
    try:
        f(*args)
    except grus.Trap as e:
        return e.code
"""


def test_called_by_address_the_process_gets_the_signal() -> None:
    done = run(
        SETUP + "assert trap(m['div'], 1, 0) == 'int_divz'\n"
        "ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int)(m['div'].address)(1, 0)\n"
    )
    assert done.returncode == -4, done.stderr


def test_foreign_frames_are_never_skipped() -> None:
    """A trap below a C function, itself called by library code, is a signal too."""
    done = run(
        SETUP + "m.define_text('''\n"
        "function %cmp(i64, i64) -> i32 system_v {\nblock0(v0: i64, v1: i64):\n"
        "    v2 = iconst.i32 0\n    trapz v2, user1\n    return v2\n}\n"
        "function %sort(i64) system_v {\n    fn0 = %qsort(i64, i64, i64, i64) system_v\n"
        "    fn1 = colocated %cmp(i64, i64) -> i32 system_v\n"
        "block0(v0: i64):\n    v1 = iconst.i64 2\n    v2 = iconst.i64 8\n"
        "    v3 = func_addr.i64 fn1\n    call fn0(v0, v1, v2, v3)\n    return\n}''')\n"
        "buf = (ctypes.c_int64 * 2)(2, 1)\n"
        "m['sort'](ctypes.addressof(buf))\n"
    )
    assert done.returncode == -4, done.stderr


@pytest.mark.parametrize(
    "order",
    [
        "faulthandler.enable(); a = trap(m['peek'], 8); b = a",
        "a = trap(m['peek'], 8); faulthandler.enable(); b = trap(m['peek'], 8)",
        "e = grus.Engine(); a = trap(m['peek'], 8); faulthandler.enable(); b = trap(m['peek'], 8)",
        "i = grus.Instance(grus.Module('(module)')); a = trap(m['peek'], 8); faulthandler.enable();"
        " faulthandler.disable(); faulthandler.enable(); b = trap(m['peek'], 8)",
        "a = trap(m['peek'], 8); i = grus.Instance(grus.Module('(module)')); faulthandler.enable();"
        " faulthandler.disable(); b = trap(m['peek'], 8)",
    ],
)
def test_other_fault_handlers(order: str) -> None:
    """Traps work in every order of installation, and a real fault still ends the process."""
    done = run(SETUP + order + "\nassert a == b == 'heap_oob'\nctypes.string_at(0)\n")
    assert done.returncode == -11, done.stderr


def test_trap_in_engine_and_library_in_one_process(arith: JITModule) -> None:
    source = (
        '(module (memory 1) (func (export "f") (param i32) (result i32) (i32.load (local.get 0))))'
    )
    instance = grus.Instance(grus.Module(source), {})
    for _ in range(2):
        with pytest.raises(grus.Trap, match="out of bounds memory access"):
            instance.exports.f(-8)
        with pytest.raises(grus.Trap, match="no access"):
            arith["peek"](8)


def test_host_functions() -> None:
    module = JITModule()
    seen: list[object] = []

    def log(a: int, b: float, c: int) -> int:
        seen.append((a, b, c))
        if a == 99:
            raise ValueError("not that")
        return a if a < 1000 else "x"  # type: ignore[return-value]

    from grus.ir.parser import parse_function

    sig = parse_function(
        "function %s(i32, f64, i8) -> i32 system_v {\nblock0(v0: i32, v1: f64, v2: i8):\n    return v0\n}"
    ).sig
    module.define_host("log", sig, log)
    module.define(
        "function %f(i32, f64) -> i32 system_v {\n    fn0 = colocated %log(i32, f64, i8) -> i32 system_v\n"
        "block0(v0: i32, v1: f64):\n    v2 = iconst.i8 -1\n    v3 = call fn0(v0, v1, v2)\n"
        "    v4 = iadd v3, v3\n    return v4\n}"
    )
    f = module["f"]
    assert f(21, 0.5) == 42
    assert seen == [(21, 0.5, -1)]
    for _ in range(3):
        with pytest.raises(ValueError, match="not that"):
            f(99, 1.0)
    with pytest.raises(TypeError, match="log\\(\\) returned a wrong value: expected i32, got str"):
        f(1000, 1.0)
    assert library.library().area_words[library._LIVE] == 0
    before = sys.getrefcount(log)
    for _ in range(1000):
        f(3, 2.0)
    assert sys.getrefcount(log) == before


def test_host_function_that_calls_in_again(arith: JITModule) -> None:
    """A trap or an exception ends the innermost call only."""
    module = JITModule()
    from grus.ir.parser import parse_function

    sig = parse_function(
        "function %s(i32) -> i32 system_v {\nblock0(v0: i32):\n    return v0\n}"
    ).sig

    def again(n: int) -> int:
        if n == 0:
            try:
                return arith["outer"](0)
            except grus.Trap:
                return -7
        return f(n - 1)

    module.define_host("again", sig, again)
    module.define(
        "function %f(i32) -> i32 system_v {\n    fn0 = colocated %again(i32) -> i32 system_v\n"
        "block0(v0: i32):\n    v3 = call fn0(v0)\n    v901 = iconst.i32 1\n    v4 = iadd v3, v901\n    return v4\n}"
    )
    f = module["f"]
    assert f(0) == -6
    assert f(10) == 4
    with pytest.raises(RecursionError):
        f(100000)
    assert library.library().area_words[library._LIVE] == 0


def test_unraisable_below_a_foreign_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    from grus.ir.parser import parse_function

    seen: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append(args.exc_value))
    module = JITModule()
    sig = parse_function(
        "function %s(i64, i64) -> i32 system_v {\nblock0(v0: i64, v1: i64):\n"
        "    v2 = iconst.i32 0\n    return v2\n}"
    ).sig

    def compare(a: int, b: int) -> int:
        raise ValueError("in qsort")

    module.define_host("cmp", sig, compare)
    module.define(
        "function %sort(i64) system_v {\n    fn0 = %qsort(i64, i64, i64, i64) system_v\n"
        "    fn1 = colocated %cmp(i64, i64) -> i32 system_v\n"
        "block0(v0: i64):\n    v1 = iconst.i64 2\n    v2 = iconst.i64 8\n"
        "    v3 = func_addr.i64 fn1\n    call fn0(v0, v1, v2, v3)\n    return\n}"
    )
    buffer = (ctypes.c_int64 * 2)(2, 1)
    module["sort"](ctypes.addressof(buffer))
    assert [str(e) for e in seen] == ["in qsort"]


def test_threads(arith: JITModule) -> None:
    errors: list[object] = []

    def work(seed: int) -> None:
        for n in range(2000):
            if arith["outer"](7 + n % 3) != 100 // (7 + n % 3) + 7 + n % 3:
                errors.append(n)
            try:
                arith["outer"](0)
                errors.append("no trap")
            except grus.Trap as trap:
                if len(trap.frames) != 2:
                    errors.append(trap)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_traps_of_threads_do_not_mix(arith: JITModule) -> None:
    wrong: list[object] = []

    def work(name: str, args: tuple, code: str) -> None:
        for _ in range(3000):
            try:
                arith[name](*args)
            except grus.Trap as trap:
                if (trap.frames[0].func_name, trap.code) != (name, code):
                    wrong.append(trap)

    cases = [("div", (1, 0), "int_divz"), ("peek", (8,), "heap_oob"), ("user", (), "user7")]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=case) for case in cases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong


def test_data() -> None:
    module = JITModule()
    counter = module.declare_data("counter", writable=True)
    module.define_data("counter", 8)
    module.define_data("text", b"hello\0", align=1)
    module.define_data("table", bytes(16), relocs=[(0, "text", 1), (8, "next", 0)])
    assert not module.data["table"].decl.writable and counter.writable
    module.define_text(
        """
function %next() -> i64 system_v {
    gv0 = symbol colocated %counter
block0:
    v0 = symbol_value.i64 gv0
    v1 = load.i64 v0
    v902 = iconst.i64 1
    v2 = iadd v1, v902
    store v2, v0
    return v2
}
function %through(i64) -> i64 system_v {
    gv0 = symbol colocated %table
    sig0 = () -> i64 system_v
block0(v0: i64):
    v1 = symbol_value.i64 gv0
    v2 = load.i64 v1+8
    v3 = call_indirect sig0, v2()
    return v3
}
"""
    )
    assert [module["next"](), module["through"](0), module["next"]()] == [1, 2, 3]
    assert libc.peek(module.address("counter")) == 3
    pointer = libc.peek(module.address("table"))
    assert ctypes.string_at(pointer) == b"ello"
    with pytest.raises(grus.Trap):  # read-only data is not writable
        module.define(
            "function %w() system_v {\n    gv0 = symbol colocated %text\nblock0:\n"
            "    v0 = symbol_value.i64 gv0\n    store v0, v0\n    return\n}"
        )
        module["w"]()


def test_declarations() -> None:
    from grus.ir.parser import parse_function

    module = JITModule()
    f = parse_function("function %f(i64) -> i64 system_v {\nblock0(v0: i64):\n    return v0\n}")
    module.declare_function("f", f.sig, "local")
    module.define(f)
    with pytest.raises(LinkError, match="f is defined twice"):
        module.define_bytes("f", b"\xc3")
    with pytest.raises(LinkError, match="two signatures"):
        module.declare_function("f", parse_function("function %f() {\nblock0:\n    return\n}").sig)
    with pytest.raises(LinkError, match="both as function and as data"):
        module.declare_data("%f")
    with pytest.raises(LinkError, match="no power of two"):
        module.define_data("d", b"x", align=3)
    with pytest.raises(LinkError, match="an address at 4 of 8 bytes"):
        module.define_data("e", 8, relocs=[(4, "f", 0)])
    with pytest.raises(KeyError):
        module["nothing"]
    with pytest.raises(LinkError, match="0 functions in a text for one"):
        module.define("")
    with pytest.raises(LinkError, match="linkage is one of"):
        module.declare_data("g", "global")


def test_far_calls_go_through_a_jump() -> None:
    """A colocated call of a C library function, out of reach of rel32."""
    module = JITModule()
    module.define(
        "function %f(i32) -> i32 system_v {\n    fn0 = colocated %abs(i32) -> i32 system_v\n"
        "block0(v0: i32):\n    v1 = call fn0(v0)\n    return v1\n}"
    )
    assert module["f"](-5) == 5


def version(n: int) -> str:
    return f"function %f(i64) -> i64 system_v {{\nblock0(v0: i64):\n    v903 = iconst.i64 {n}\n    v1 = iadd v0, v903\n    return v1\n}}"


CALLER = (
    "function %g(i64) -> i64 system_v {\n    fn0 = colocated %f(i64) -> i64 system_v\n"
    "block0(v0: i64):\n    v1 = call fn0(v0)\n    return v1\n}"
)


def test_redefinition() -> None:
    """Callables, addresses and compiled callers take the new code."""
    module = JITModule(redefinable=True)
    module.define(CALLER)
    module.define(version(1))
    f, g = module["f"], module["g"]
    raw = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(f.address)
    for n in range(1, 50):
        assert f(0) == g(0) == raw(0) == n
        module.redefine(version(n + 1))
    with pytest.raises(LinkError, match="two signatures"):
        module.redefine(
            version(1)
            .replace("(i64) -> i64", "(i64, i64) -> i64")
            .replace("v0: i64", "v0: i64, v9: i64")
        )
    assert f(0) == 50
    with pytest.raises(LinkError, match="not redefinable"):
        JITModule().redefine(version(1))


def test_redefinition_while_it_runs() -> None:
    """The old code stays until the last call that may be in it has ended."""
    from grus.ir.parser import parse_function

    module = JITModule(redefinable=True)
    sig = parse_function("function %s() system_v {\nblock0:\n    return\n}").sig
    text = (
        "function %f(i64) -> i64 system_v {{\n    fn0 = colocated %host() system_v\n"
        "block0(v0: i64):\n    call fn0()\n    v904 = iconst.i64 {}\n    v1 = iadd v0, v904\n    return v1\n}}"
    )
    rounds = []

    def host() -> None:
        rounds.append(1)
        module.redefine(text.format(100 + len(rounds)))
        if len(rounds) < 20:
            f(0)

    module.define_host("host", sig, host)
    module.define(text.format(1))
    f = module["f"]
    assert f(0) == 1
    owner = library.library()
    assert owner._retired
    owner.collect()
    assert not owner._retired
    assert f(0) == 120


def test_redefinition_while_others_call() -> None:
    module = JITModule(redefinable=True)
    module.define(CALLER)
    module.define(version(1))
    g = module["g"]
    stop = threading.Event()
    wrong: list[int] = []

    def work() -> None:
        last = 0
        while not stop.is_set():
            seen = g(0)
            if seen < last:
                wrong.append(seen)
            last = seen

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for n in range(2, 100):
        module.redefine(version(n))
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_freeing_one_by_one() -> None:
    module = JITModule(redefinable=True)
    module.define(CALLER)
    module.define(version(1))
    f, g = module["f"], module["g"]
    assert g(1) == 2
    module.free_function("f")
    for call in (f, g):
        with pytest.raises(grus.Trap, match="call of a function that was freed"):
            call(1)
    module.define(version(5))
    module.finish()
    assert (f(1), g(1)) == (6, 6)


def resident_pages() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])


def test_compile_call_free_uses_no_more_memory() -> None:
    """The arena and the process stay flat (another image may need its first page meanwhile);
    `GRUS_LONG=1` makes it 100,000 rounds."""
    arena = library.library().arena
    rounds = 100_000 if os.environ.get("GRUS_LONG") else 300
    used = resident = 0
    for n in range(rounds):
        module = JITModule(keep_ir=False)
        module.define(version(n))
        assert module["f"](1) == n + 1
        module.free()
        if n == min(rounds // 2, 1000):
            used, resident = arena.next, resident_pages()
    assert arena.next - used <= 4 * libc.PAGE
    assert resident_pages() - resident < 500


def test_code_lives_as_long_as_its_callables() -> None:
    import gc
    import weakref

    module = JITModule()
    module.define(version(3))
    f = module["f"]
    start = module._images[0].start
    alive = weakref.ref(module)
    del module
    gc.collect()
    assert f(1) == 4 and alive() is not None
    del f
    gc.collect()
    assert alive() is None
    library.library().collect()
    assert library.library().find(start) is None


def test_threads_define_and_free() -> None:
    errors: list[object] = []

    def work(seed: int) -> None:
        try:
            for n in range(40):
                module = JITModule(redefinable=n % 2 == 0)
                module.define(CALLER)
                module.define(version(seed + n))
                assert module["g"](1) == seed + n + 1
                if n % 3:
                    module.free()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(1000 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


SUM = """
function %sum(i64, i64) -> i64 system_v {
block0(v0: i64, v1: i64):
    v2 = iconst.i64 0
    jump block1(v0, v1, v2)
block1(v3: i64, v4: i64, v5: i64):
    brif v4, block2, block3
block2:
    v6 = load.i64 v3
    v7 = iadd v5, v6
    v8 = iconst.i64 8
    v9 = iadd v3, v8
    v10 = iconst.i64 -1
    v11 = iadd v4, v10
    jump block1(v9, v11, v7)
block3:
    return v5
}
"""


def test_buffers_by_address() -> None:
    import array

    module = JITModule()
    module.define(SUM)
    words = array.array("q", range(10))
    assert module["sum"](words, 10) == 45
    assert module["sum"](bytes(words), 9) == 36
    assert module["sum"](memoryview(words)[2:], 3) == 9
    data = bytearray(words)
    assert module["sum"](data, 10) == 45
    data.extend(b"x")  # the buffer was released
    with pytest.raises(BufferError):
        module["sum"](memoryview(words)[::2], 5)
    with pytest.raises(TypeError, match="argument 2: expected i64, got str"):
        module["sum"](data, "x")
    data.extend(b"x")
    numpy = pytest.importorskip("numpy", reason="numpy is not installed")
    assert module["sum"](numpy.arange(100), 100) == 4950


def test_cycles_through_host_functions_are_collected() -> None:
    import gc
    import weakref

    from grus.ir.parser import parse_function

    def make() -> weakref.ref[JITModule]:
        module = JITModule()
        sig = parse_function("function %s() system_v {\nblock0:\n    return\n}").sig
        module.define_host("host", sig, lambda: None if f else None)
        module.define(
            "function %f() system_v {\n    fn0 = colocated %host() system_v\nblock0:\n"
            "    call fn0()\n    return\n}"
        )
        f = module["f"]
        f()
        return weakref.ref(module)

    alive = make()
    gc.collect()
    assert alive() is None


def test_invalid_ir_is_refused() -> None:
    from grus.ir.verifier import VerifierErrors

    for level in ("none", "speed"):
        settings = native_settings()
        settings.set("opt_level", level)
        with pytest.raises(VerifierErrors, match="function %f is not valid"):
            JITModule(settings=settings).define(
                "function %f(i64) -> i64 system_v {\nblock0(v0: i64):\n    return v0, v0\n}"
            )


def test_optimized() -> None:
    settings = native_settings()
    settings.set("opt_level", "speed")
    module = JITModule(settings=settings)
    module.define(
        "function %f(i64) -> i64 system_v {\nblock0(v0: i64):\n    v1 = iconst.i64 0\n"
        "    v2 = iadd v0, v1\n    v3 = imul v2, v2\n    v4 = imul v0, v0\n"
        "    v5 = iadd v3, v4\n    return v5\n}"
    )
    f = module["f"]
    assert f(3) == 18
    assert f.disasm().count("imul") == 1
    assert f.ir.count("imul") == 1


def test_freed_room_is_used_again_whatever_its_size() -> None:
    import random

    from grus.host.pages import CodeArena

    arena = CodeArena("test", 1 << 24)
    rng = random.Random(5)
    held: list[tuple[int, int]] = []
    for _ in range(20_000):
        if len(held) > 40 or (held and rng.random() < 0.4):
            arena.release(*held.pop(rng.randrange(len(held))))
        else:
            size = rng.randrange(1, 40_000)
            address = arena.reserve(size)
            end = address + libc.page_align(size)
            assert all(end <= a or a + libc.page_align(s) <= address for a, s in held)
            held.append((address, size))
    for address, size in held:
        arena.release(address, size)
    assert arena.free_list == [(arena.start, arena.next - arena.start)]


def test_room_is_reserved_in_threads_and_signal_handlers() -> None:
    """No address is given twice, wherever a reservation is interrupted."""
    import itertools
    import signal
    import threading

    from grus.host.pages import CodeArena

    arena = CodeArena("test", 1 << 26)
    held: dict[int, int] = {}
    errors: list[str] = []

    def use(sizes: list[int]) -> None:
        mine = []
        for size in sizes:
            address = arena.reserve(size)
            for page in range(address, address + libc.page_align(size), libc.PAGE):
                if held.setdefault(page, id(mine)) != id(mine):
                    errors.append(f"{page:#x}")
            mine.append((address, size))
        for address, size in mine:
            for page in range(address, address + libc.page_align(size), libc.PAGE):
                held.pop(page)
            arena.release(address, size)

    stop = time.monotonic() + 0.5
    sizes = [1, 9000, 4096, 30000, 5000]

    def work() -> None:
        while time.monotonic() < stop:
            use(sizes)

    before = signal.signal(signal.SIGALRM, lambda *_: use([1, 12000]))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0003)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    arena.reserve(1)  # takes in what handlers left
    assert not errors
    assert not held
    used = sum(size for _, size in arena.free_list) + libc.PAGE
    assert used == arena.next - arena.start
    assert all(a + s < b for (a, s), (b, _) in itertools.pairwise(arena.free_list))


def test_random_signatures() -> None:
    """Every argument arrives, every result comes back, in all conventions."""
    import random
    import struct

    rng = random.Random(7)
    ranges = {"i8": 8, "i16": 16, "i32": 32, "i64": 64}

    def value(ty: str) -> int | float:
        if ty in ranges:
            bits = ranges[ty]
            return rng.choice(
                [0, -1, -(2 ** (bits - 1)), rng.randrange(-(2 ** (bits - 1)), 2 ** (bits - 1))]
            )
        number = rng.uniform(-1e6, 1e6)
        return number if ty == "f64" else struct.unpack("f", struct.pack("f", number))[0]

    module = JITModule()
    cases = []
    for n in range(60):
        conv = CONVENTIONS[n % 4]
        params = [
            rng.choice(["i8", "i16", "i32", "i64", "f32", "f64"]) for _ in range(rng.randrange(14))
        ]
        count = min(len(params), rng.randrange(6) if conv == "tail" else rng.randrange(2))
        returned = rng.sample(range(len(params)), count)
        text = [f"{ty}{rng.choice(EXTENSIONS[::2]) if ty[0] == 'i' else ''}" for ty in params]
        results = ", ".join([params[r] for r in returned])
        arrow = f" -> {results}" if results else ""
        blocks = ", ".join([f"v{i}: {ty}" for i, ty in enumerate(params)])
        block = f"block0({blocks}):" if blocks else "block0:"
        values = ", ".join([f"v{r}" for r in returned])
        module.define(
            f"function %f{n}({', '.join(text)}){arrow} {conv} {{\n{block}\n    return {values}\n}}"
        )
        cases.append((f"f{n}", params, returned))
    for name, params, returned in cases:
        for _ in range(20):
            args = [value(ty) for ty in params]
            want = tuple([args[r] for r in returned])
            got = module[name](*args)
            assert (got if len(want) > 1 else () if not want else (got,)) == want, (
                name,
                params,
                returned,
            )


def test_calls_leak_nothing(arith: JITModule) -> None:
    """However a call ends: objects are given back."""
    import gc

    from grus.ir.parser import parse_function

    big = 10**12

    def host(a: int) -> object:
        if a < 0:
            raise ValueError(a)
        return "x" if a == 5 else a + big

    module = JITModule()
    sig = parse_function(
        "function %s(i64) -> i64 system_v {\nblock0(v0: i64):\n    return v0\n}"
    ).sig
    module.define_host("host", sig, host)
    module.define(
        "function %h(i64) -> i64 system_v {\n    fn0 = colocated %host(i64) -> i64 system_v\n"
        "block0(v0: i64):\n    v1 = call fn0(v0)\n    return v1\n}"
    )
    module.define(
        "function %many(i64, f64, i64) -> i64, f64, i64 tail {\n"
        "block0(v0: i64, v1: f64, v2: i64):\n    return v0, v1, v2\n}"
    )
    buffer = bytearray(8)
    calls = [
        (arith["div"], (1, 0)),
        (arith["div"], ("x", 1)),
        (arith["div"], (1,)),
        (module["many"], (big, 1.5, -big)),
        (module["many"], (True, 3, buffer)),
        (module["h"], (big,)),
        (module["h"], (-big,)),
        (module["h"], (5,)),
    ]
    for function, args in calls:
        before = 0
        for n in range(3000):
            if n == 1000:
                gc.collect()
                before = sys.getallocatedblocks()
            try:
                function(*args)
            except (grus.Trap, TypeError, ValueError):
                pass
        gc.collect()
        assert sys.getallocatedblocks() - before < 100, (function, args)
