"""`grus compile`: modules as objects, linked with a C program and the runtime in C."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import grus
from grus.base import layout
from grus.base.errors import GrusError, Unsupported
from grus.cli.main import main
from grus.engine.emit_object import emit_object
from grus.engine.errors import TRAPS

ROOT = Path(__file__).parent.parent.parent
RUNTIME = ROOT / "examples" / "runtime"

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runtime") / "grus_runtime.o"
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, "-c", RUNTIME / "grus_runtime.c", "-o", out], check=True)
    return out


def build(where: Path, runtime: Path, program: str, **sources: str) -> str:
    """What a C program prints with modules of these names; with its status when not 0."""
    objects = []
    for name, text in sources.items():
        module = grus.Module(text, grus.Engine(guards=False))
        data, header = emit_object(module, name)
        (where / f"{name}.o").write_bytes(data)
        (where / f"{name}.h").write_text(header)
        objects.append(where / f"{name}.o")
    includes = "".join([f'#include "{name}.h"\n' for name in sources])
    (where / "main.c").write_text(f"#include <stdio.h>\n{includes}{program}")
    command = ["gcc", "-Wall", "-Werror", "-I", RUNTIME, "-I", where, where / "main.c", runtime]
    subprocess.run([*command, *objects, "-lm", "-o", where / "a.out"], check=True)
    done = subprocess.run([where / "a.out"], capture_output=True, text=True, timeout=300)
    return done.stdout + (f"{done.returncode} {done.stderr}" if done.returncode else "")


def test_page(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The commands of docs/emit-obj.md print what stands there, which is what `grus run` prints."""
    page = (ROOT / "docs" / "emit-obj.md").read_text()
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    command, printed = f'grus() {{ {sys.executable} -m grus "$@"; }}\n', ""
    for kind, text in blocks:
        if kind == "c":
            (tmp_path / "main.c").write_text(text)
            continue
        lines = text.splitlines()
        command += "".join([line[2:] + "\n" for line in lines if line.startswith("$ ")])
        printed += "".join([line + "\n" for line in lines if not line.startswith("$ ")])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-ec", command], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")
    capfd.readouterr()
    assert main(["run", str(ROOT / "examples" / "primes.wat"), "100000"]) == 0
    assert capfd.readouterr().out == printed


VALUES = """(module
  (func (export "i32") (param i32) (result i32) (i32.rotl (local.get 0) (i32.const 3)))
  (func (export "i64") (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1)))
  (func (export "f32") (param f32) (result f32) (f32.floor (local.get 0)))
  (func (export "f64") (param f64 f64) (result f64) (f64.div (local.get 0) (local.get 1)))
  (func (export "many") (param i32 i64 f32 f64 i32 i32 i32 i32 i32 i64 f64) (result f64)
    (f64.add (f64.convert_i64_s (i64.add (local.get 1) (local.get 9)))
      (f64.add (local.get 10) (f64.convert_i32_s
        (i32.sub (local.get 8) (i32.add (local.get 0) (local.get 4)))))))
  (func (export "swap") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0))
  (func $f (export "fib") (param i64) (result i64)
    (if (result i64) (i64.lt_u (local.get 0) (i64.const 2)) (then (local.get 0))
      (else (i64.add (call $f (i64.sub (local.get 0) (i64.const 1)))
                     (call $f (i64.sub (local.get 0) (i64.const 2))))))))"""


def test_values(tmp_path: Path, runtime: Path) -> None:
    """Numbers of all types, on the stack and in memory, are the engine's."""
    printed = build(
        tmp_path,
        runtime,
        """
int main(void) {
    union grus_value r[2];
    grus_instantiate(&m_module);
    printf("%d\\n%ld\\n%a\\n%a\\n", m_i32(-77777), m_i64(-1l << 62, 7), m_f32(-2.5f), m_f64(1, 3));
    printf("%a\\n", m_many(1, 2, 3, 4, 5, 6, 7, 8, 9, -10, 0.125));
    m_swap(-5, 0.1, r);
    printf("%a\\n%d\\n%ld\\n", r[0].f64, r[1].i32, m_fib(20));
}""",
        m=VALUES,
    )
    e = grus.Instance(grus.Module(VALUES)).exports
    swapped = e.swap(-5, 0.1)
    expected = [e.i32(-77777), e.i64(-1 << 62, 7), e.f32(-2.5), e.f64(1, 3)]
    expected += [e.many(1, 2, 3, 4, 5, 6, 7, 8, 9, -10, 0.125), *swapped, e.fib(20)]
    got = [float.fromhex(x) if "p" in x else int(x) for x in printed.split()]
    assert got == expected and math.floor(-2.5) in got


STATE = """(module
  (import "host" "base" (global $base i32))
  (import "host" "count" (global $count (mut i64)))
  (import "host" "call-me" (func $call (param i32 i64 f64) (result i32 f64)))
  (type $t (func (result i32)))
  (memory (export "memory") 1 3)
  (memory $other 0)
  (table $t (export "table") 4 8 funcref)
  (table $u 2 2 funcref (ref.func $one))
  (global $copy (export "copy") (mut i32) (global.get $base))
  (global $sum (export "sum") i32 (i32.add (i32.const 40) (i32.const 2)))
  (global $ref funcref (ref.func $two))
  (data (global.get $base) "hello")
  (data $passive "passive")
  (elem (table $t) (i32.const 1) func $one $two)
  (elem $exprs funcref (ref.func $two) (ref.null func))
  (start $start)
  (func $start (global.set $count (i64.add (global.get $count) (i64.const 1))))
  (func $one (result i32) (i32.const 1))
  (func $two (result i32) (i32.const 2))
  (func (export "call") (param i32) (result i32)
    (call_indirect $t (type $t) (local.get 0)))
  (func (export "call_u") (result i32) (call_indirect $u (type $t) (i32.const 1)))
  (func (export "call_ref") (param i32) (result i32)
    (table.set $t (i32.const 0) (global.get $ref))
    (if (local.get 0) (then (table.set $t (i32.const 0) (ref.func $one))))
    (call_indirect $t (type $t) (i32.const 0)))
  (func (export "host") (param i32) (result i32)
    (i32.add (i32.trunc_f64_s
      (call $call (local.get 0) (i64.const 1000000000000) (f64.const 0.5)))))
  (func (export "load") (param i32) (result i32) (i32.load8_u offset=1 (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "init") (param i32)
    (memory.init $passive (local.get 0) (i32.const 0) (i32.const 7)))
  (func (export "drop") (data.drop $passive) (elem.drop $exprs))
  (func (export "fill") (memory.fill (i32.const 100) (i32.const 65) (i32.const 5))
    (memory.copy (i32.const 102) (i32.const 16) (i32.const 2)))
  (func (export "tgrow") (param i32) (result i32)
    (table.grow $t (ref.func $one) (local.get 0)))
  (func (export "tinit") (table.init $t $exprs (i32.const 2) (i32.const 0) (i32.const 2)))
  (func (export "tcopy") (table.copy $t $u (i32.const 3) (i32.const 0) (i32.const 1))
    (table.fill $t (i32.const 1) (ref.null func) (i32.const 1))))"""


def test_state(tmp_path: Path, runtime: Path) -> None:
    """Memories, tables, globals, segments, imports and traps that are caught."""
    printed = build(
        tmp_path,
        runtime,
        r"""
union grus_value host_base = {.i32 = 16}, host_count = {.i64 = 41};
void host_call_me(struct grus_instance *from, int32_t a, int64_t b, double c, void *results) {
    union grus_value *r = results;
    if (a == 99) grus_trap(1);
    r[0].i32 = a + m_load(15);
    r[1].f64 = (double)(b / 1000000000) * c;
}
#define SHOW(call) do { struct grus_handler h; int t = GRUS_TRY(h); \
    if (!t) { printf("%d\n", (int)(call)); grus_end(&h); } else puts(grus_trap_message(t)); } while (0)
#define RUN(call) SHOW((call, 0))
int main(void) {
    grus_instantiate(&m_module);
    struct grus_memory *memory = m_memory();
    printf("%.5s %lu\n", memory->base + 16, memory->length);
    SHOW(host_count.i64); SHOW(*(int32_t *)m_copy()); SHOW(*(int32_t *)m_sum());
    SHOW(m_call(1)); SHOW(m_call(2)); SHOW(m_call(3)); SHOW(m_call(4)); SHOW(m_call_u());
    SHOW(m_call_ref(0)); SHOW(m_call_ref(1));
    SHOW(m_host(5)); SHOW(m_host(99));
    SHOW(m_load(65534)); SHOW(m_load(65535)); SHOW(m_load(-1));
    SHOW(m_grow(2)); SHOW(m_load(65535)); SHOW(m_grow(1)); SHOW(m_grow(0)); SHOW(m_grow(-1));
    RUN(m_init(200)); SHOW(m_load(199)); RUN(m_init(3 * 65536 - 6));
    RUN(m_fill()); printf("%.6s\n", memory->base + 100);
    SHOW(m_tgrow(2)); SHOW(m_call(5)); SHOW(m_tgrow(3)); SHOW((int)m_table()->length);
    RUN(m_tinit()); SHOW(m_call(2)); SHOW(m_call(3)); RUN(m_tcopy()); SHOW(m_call(3)); SHOW(m_call(1));
    RUN(m_drop()); RUN(m_init(0)); RUN(m_tinit());
}""",
        m=STATE,
    )
    assert printed.splitlines() == state_in_engine(grus.Store())


def state_in_engine(store: grus.Store) -> list[str]:
    """What the C program of `test_state` prints, from the same calls of the engine."""
    lines: list[str] = []

    def call_me(a: int, b: int, c: float) -> tuple[int, float]:
        if a == 99:
            raise grus.Trap("unreachable", "unreachable")
        return a + e.load(15), float(b // 1000000000) * c

    base, count = store.global_("i32", 16), store.global_("i64", 41, mutable=True)
    imports = {"host": {"base": base, "count": count, "call-me": call_me}}
    e = grus.Instance(grus.Module(STATE, store.engine), imports, store).exports
    memory = e.memory
    lines.append(f"{bytes(memory[16:21]).decode()} {len(memory)}")

    def show(function: object, *args: int) -> None:
        try:
            result = function(*args)  # type: ignore[operator]
            lines.append(str(0 if result is None else result))
        except grus.Trap as trap:
            lines.append(str(trap).splitlines()[0])

    lines += [str(count.value), str(e.copy.value), str(e.sum.value)]
    for line in """call 1, call 2, call 3, call 4, call_u, call_ref 0, call_ref 1, host 5, host 99,
        load 65534, load 65535, load -1, grow 2, load 65535, grow 1, grow 0, grow -1, init 200,
        load 199, init 196602, fill, TEXT, tgrow 2, call 5, tgrow 3, LENGTH, tinit, call 2, call 3,
        tcopy, call 3, call 1, drop, init 0, tinit""".split(","):
        name, *args = line.split()
        if name == "TEXT":
            lines.append(bytes(memory[100:105]).decode())
        elif name == "LENGTH":
            lines.append(str(len(e.table)))
        else:
            show(e[name], *[int(a) for a in args])
    return lines


def test_traps_end_the_program(tmp_path: Path, runtime: Path) -> None:
    module = """(module
      (func (export "div") (param i32 i32) (result i32)
        (i32.div_s (local.get 0) (local.get 1)))
      (func $deep (export "deep") (param i32) (result i32)
        (i32.add (i32.const 1) (call $deep (local.get 0)))))"""
    program = """
int main(int argc, char **argv) {
    struct grus_handler h;
    int trap;
    grus_instantiate(&m_module);
    for (int i = 0; i < 3; i++) {
        trap = GRUS_TRY(h);
        if (!trap) { m_deep(1); return 1; }
        puts(grus_trap_message(trap));
    }
    trap = GRUS_TRY(h);
    if (!trap) return m_div(1 << 31, -1);
    puts(grus_trap_message(trap));
    fflush(stdout);
    return m_div(1, 0);
}"""
    assert build(tmp_path, runtime, program, m=module) == (
        "call stack exhausted\n" * 3 + "integer overflow\n-6 trap: integer divide by zero\n"
    )


def test_two_modules(tmp_path: Path, runtime: Path) -> None:
    """An import may be another module's export: each has a store of its own."""
    lower = """(module (memory 1)
      (func (export "next") (param i32) (result i32)
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (local.get 0)))
        (i32.load (i32.const 0))))"""
    upper = """(module (import "x" "next" (func $next (param i32) (result i32)))
      (memory 1)
      (func (export "twice") (param i32) (result i32)
        (i32.store (i32.const 4) (call $next (local.get 0)))
        (i32.add (i32.load (i32.const 4)) (call $next (local.get 0)))))"""
    program = """
int32_t x_next(struct grus_instance *from, int32_t x) { return lower_next(x); }
int main(void) {
    grus_instantiate(&lower_module);
    grus_instantiate(&upper_module);
    printf("%d ", upper_twice(5));
    printf("%d\\n", upper_twice(1));
}"""
    assert build(tmp_path, runtime, program, lower=lower, upper=upper) == "15 23\n"


def test_imported_memory(tmp_path: Path, runtime: Path) -> None:
    """Two modules in one memory of the program, which is exported again without effect."""
    text = """(module (import "host" "memory" (memory 2 4)) (export "memory" (memory 0))
      (data (i32.const 8) "abc")
      (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
      (func (export "put") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"""
    program = """
static uint8_t bytes[2 * 65536];
struct grus_memory host_memory = {bytes, sizeof bytes, 2, 0};
int main(void) {
    struct grus_handler h;
    grus_instantiate(&a_module);
    grus_instantiate(&b_module);
    a_put(131071, 7);
    printf("%d %d %.3s %d %d\\n", b_get(131071), bytes[131071], bytes + 8, a_grow(1), b_grow(0));
    int trap = GRUS_TRY(h);
    if (!trap) return b_get(131072);
    puts(grus_trap_message(trap));
    host_memory.pages = 1;
    fflush(stdout);
    grus_instantiate(&a_module);
}"""
    printed = build(tmp_path, runtime, program, a=text, b=text)
    first, *rest = printed.splitlines()
    assert first == "7 7 abc -1 2"
    assert rest == [
        "out of bounds memory access",
        "-6 a: an imported memory has another size",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('(import "a" "t" (table 1 funcref))', "an imported table: 'a' 't'"),
        ("(func (param externref))", "externref in type 0"),
        ("(table 1 externref)", "externref in table 0"),
        ("(global externref (ref.null extern))", "externref in global 0"),
        ("(type (sub (func)))", "type 0 with subtypes"),
        ("(tag)", "a tag"),
        ('(func (export "a b")) (func (export "a.b"))', "m_a_b is defined twice"),
    ],
)
def test_refused(text: str, message: str) -> None:
    module = grus.Module(f"(module {text})", grus.Engine(guards=False))
    with pytest.raises(GrusError, match=re.escape(message)) as caught:
        emit_object(module, "m")
    if "twice" not in message:
        assert isinstance(caught.value, Unsupported)
        assert str(caught.value).endswith("is not supported in an object file")


def test_runtime_knows_layouts_and_traps() -> None:
    text = (RUNTIME / "grus_runtime.c").read_text()
    known = dict(re.findall(r'case (\d+): return "(.*)";', text))
    for code, (_, message) in TRAPS.items():
        if str(code) in known:
            assert known[str(code)] == message
    assert layout.STORE["limit"] == 0 and layout.FUNCREF.size == 32
    assert [f.name for f in layout.MEMORY.fields.values()] == ["base", "length", "pages"]
    assert (layout.MEMORY.size, layout.TABLE.size) == (32, 16)
