"""Object files: linked and run, read by other tools, the same as in this process."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grus.backend.settings import Settings
from grus.backend.x64.target import TARGET
from grus.base.errors import Unsupported
from grus.cli.main import main
from grus.ir import types as T
from grus.ir.data import DataValue
from grus.ir.memory import HEAP_BASE
from grus.link.object import coff, elf, macho
from grus.link.object.model import RELOCS, ObjectError
from grus.link.object.module import ObjectModule
from grus.link.trampoline import CELL, trampoline, trampoline_name
from grus.testing.fuzz_native import allows, map_heap
from grus.testing.gen_clif import HEAP_SIZE, Options, arguments, generate
from grus.testing.run_native import NativeRunner

TEXT = """
function %add(i64, i64) -> i64 CONV {
block0(v0: i64, v1: i64):
@0005    v2 = iadd v0, v1
@0006    return v2
}
function %bump() -> i64 CONV {
    gv0 = symbol colocated %counter
    gv1 = symbol %ext
    gv2 = symbol colocated %table
    sig0 = (i64, i64) -> i64 CONV
    fn0 = %puts(i64) -> i32 CONV
    fn1 = colocated %secret(i64) -> i64 CONV
block0:
    v0 = symbol_value.i64 gv0
    v1 = load.i64 v0
    v3 = iconst.i64 1
    v2 = iadd v1, v3
    store v2, v0
    v5 = symbol_value.i64 gv2
    v6 = load.i64 v5
    v7 = call fn0(v6)
    v8 = symbol_value.i64 gv1
    v9 = load.i64 v8
    v10 = load.i64 v5+8
    v11 = call_indirect sig0, v10(v9, v2)
    v12 = call fn1(v11)
    return v12
}
function %secret(i64) -> i64 CONV {
block0(v0: i64):
    v1 = iconst.i64 100000
    v2 = iadd v0, v1
    return v2
}
function %trampoline(i64) -> i64 CONV {
    ss0 = explicit_slot 64
    sig0 = () -> i64 CONV
block0(v0: i64):
    v1 = call_indirect sig0, v0()
    v2 = iconst.i64 1
    v3 = iadd v1, v2
    return v3
}
"""

MAIN = """
#include <stdio.h>
long long add(long long, long long), bump(void), trampoline(long long (*)(void));
long long ext = 1000;
extern long long counter;
static long long seven(void) { return 7; }
int main(void) {
    printf("%lld\\n", add(2, 40));
    printf("%lld\\n", bump());
    printf("%lld\\n", bump());
    printf("%lld %lld\\n", counter, trampoline(seven));
    return 0;
}
"""
OUTPUT = "42\nello\n101001\nello\n101002\n2 8\n"


def demo(conv: str = "system_v", **options: object) -> ObjectModule:
    module = ObjectModule(**options)  # type: ignore[arg-type]
    module.declare_data("counter", "export", writable=True)
    module.define_data("counter", 8)
    module.define_data("message", b"hello\0", align=1)
    module.define_data("table", bytes(16), relocs=[(0, "message", 1), (8, "add", 0)])
    text = TEXT.replace("CONV", conv)
    module.define_text(text)
    module.decls["secret"].linkage = "local"
    return module


def need(*names: str) -> None:
    for name in names:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")


def run(*command: str | Path, cwd: Path | None = None, ok: bool = True) -> str:
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, timeout=300, cwd=cwd, check=False
    )
    assert not ok or done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("options", [{}, {"function_sections": True, "data_sections": True}])
@pytest.mark.parametrize("link", [["gcc", "-pie"], ["gcc", "-no-pie"], ["clang", "-fuse-ld=lld"]])
def test_elf_links_and_runs(tmp_path: Path, link: list[str], options: dict[str, bool]) -> None:
    need(link[0], *(["ld.lld"] if len(link) > 1 and "lld" in link[1] else []))
    (tmp_path / "demo.o").write_bytes(demo(**options).emit("elf"))
    (tmp_path / "main.c").write_text(MAIN)
    run(*link, "-o", "main", "main.c", "demo.o", cwd=tmp_path)
    assert run(tmp_path / "main") == OUTPUT


def test_elf_thread_local_data_and_local_names(tmp_path: Path) -> None:
    """C reads thread-local data of ours; a local name in two files is two symbols."""
    need("gcc")
    for n in (1, 2):
        module = ObjectModule()
        module.declare_data(f"per_thread{n}", "export", writable=True, tls=True)
        module.define_data(f"per_thread{n}", n.to_bytes(8, "little"))
        module.declare_data(f"zero{n}", "export", writable=True, tls=True)
        module.define_data(f"zero{n}", 4096, align=64)
        module.declare_data("mine", "local")
        module.define_data("mine", (100 * n).to_bytes(8, "little"))
        module.define(
            f"function %get{n}() -> i64 system_v {{\n    gv0 = symbol colocated %mine\nblock0:\n"
            "    v0 = symbol_value.i64 gv0\n    v1 = load.i64 v0\n    return v1\n}"
        )
        (tmp_path / f"{n}.o").write_bytes(module.emit())
    (tmp_path / "main.c").write_text(
        "#include <stdio.h>\nextern __thread long per_thread1, per_thread2;\n"
        "extern __thread char zero1[4096];\nlong get1(void), get2(void);\n"
        'int main(void) { printf("%ld %ld %ld %ld %d %d\\n", per_thread1, per_thread2, get1(), get2(),'
        " zero1[4095], (int)((long)zero1 % 64)); return 0; }\n"
    )
    run("gcc", "-o", "main", "main.c", "1.o", "2.o", cwd=tmp_path)
    assert run(tmp_path / "main") == "1 2 100 200 0 0\n"


def test_elf_as_readelf_sees_it(tmp_path: Path) -> None:
    need("readelf")
    module = demo(source="f.clif")
    module.declare_data("per_thread", "export", writable=True, tls=True)
    module.define_data("per_thread", b"\5" + bytes(7))
    module.declare_data("per_thread_zero", "hidden", writable=True, tls=True)
    module.define_data("per_thread_zero", 64, align=32)
    module.define_data("odd", b"x", section=".odd")
    module.declare_function("mine", module.decls["add"].sig, "preemptible")  # type: ignore[arg-type]
    module.define_bytes("mine", b"\xc3")
    path = tmp_path / "f.o"
    path.write_bytes(module.emit())
    out = run("readelf", "-aW", path)
    assert "Warning" not in out and "Error" not in out, out
    symbols = {}
    for line in out.split("Symbol table")[1].splitlines()[2:]:
        words = line.split()
        if len(words) == 8:
            symbols[words[7]] = words[2:7]
    assert symbols["add"][:4] == [
        str(len(module.functions["add"].code)),
        "FUNC",
        "GLOBAL",
        "DEFAULT",
    ]
    assert symbols["secret"][1:3] == ["FUNC", "LOCAL"]
    assert symbols["counter"][:3] == ["8", "OBJECT", "GLOBAL"]
    assert symbols["message"][:3] == ["6", "OBJECT", "LOCAL"]
    assert symbols["per_thread"][1:3] == ["TLS", "GLOBAL"]
    assert symbols["per_thread_zero"][1:4] == ["TLS", "GLOBAL", "HIDDEN"]
    assert symbols["mine"][1:3] == ["FUNC", "WEAK"]
    assert symbols["puts"][1:5] == ["NOTYPE", "GLOBAL", "DEFAULT", "UND"]
    frames = run("readelf", "--debug-dump=frames", path)
    assert frames.count("FDE") == 4 and "Warning" not in frames
    lines = run("readelf", "--debug-dump=decodedline", path)
    assert "f.clif" in lines and "Warning" not in lines


def test_elf_as_pyelftools_sees_it(tmp_path: Path) -> None:
    pytest.importorskip("elftools", reason="pyelftools is not installed")
    import io

    from elftools.elf.elffile import ELFFile

    module = demo(source="f.clif")
    file = ELFFile(io.BytesIO(module.emit()))
    assert file.get_section_by_name(".text").data()[: len(module.functions["add"].code)] == (
        module.functions["add"].code
    )
    info = file.get_dwarf_info(relocate_dwarf_sections=True)
    [unit] = list(info.iter_CUs())
    names = [d.attributes["DW_AT_name"].value for d in unit.get_top_DIE().iter_children()]
    assert names == [b"add", b"bump", b"secret", b"trampoline"]
    entries = [e for e in info.EH_CFI_entries() if type(e).__name__ == "FDE"]
    assert len(entries) == 4
    last = entries[0].get_decoded().table[-1]
    assert (last["cfa"].reg, last["cfa"].offset) == (6, 16)  # rbp + 16


def test_exceptions_pass_through(tmp_path: Path) -> None:
    """C++ exceptions are thrown through our frames by `.eh_frame`."""
    need("g++")
    (tmp_path / "demo.o").write_bytes(demo().emit("elf"))
    (tmp_path / "main.cpp").write_text(
        '#include <cstdio>\nextern "C" long long trampoline(long long (*)());\n'
        "long long ext = 0;\n"
        "static long long thrower() { throw 42; }\n"
        "static long long nested() { return trampoline(thrower); }\n"
        'int main() { try { trampoline(nested); } catch (int n) { std::printf("%d\\n", n); } }\n'
    )
    run("g++", "-O1", "-o", "main", "main.cpp", "demo.o", cwd=tmp_path)
    assert run(tmp_path / "main") == "42\n"


def test_lines(tmp_path: Path) -> None:
    """`-g`: addresses go to lines of the CLIF text."""
    need("addr2line", "gcc")
    source = tmp_path / "f.clif"
    source.write_text(
        "function %f(i64) -> i64 system_v {\nblock0(v0: i64):\n    v1 = load.i64 v0\n"
        "    v2 = load.i64 v1\n    return v2\n}\n"
    )
    assert main(["clif", "compile", "-g", str(source), "-o", str(tmp_path / "f.o")]) == 0
    out = run("readelf", "--debug-dump=decodedline", tmp_path / "f.o")
    rows = [line.split() for line in out.splitlines() if "f.clif " in line]
    assert [int(row[1]) for row in rows if row[1].isdigit()] == [3, 3, 4, 5], out
    assert run("addr2line", "-e", tmp_path / "f.o", "-s", "0x5").strip() == "f.clif:3"


def test_locations_of_other_files(tmp_path: Path) -> None:
    need("readelf")
    module = ObjectModule(source="a.src", locations={5: ("a.src", 50, 3), 6: ("dir/b.src", 7, 9)})
    module.define(TEXT.replace("CONV", "system_v").split("function %bump")[0])
    (tmp_path / "f.o").write_bytes(module.emit())
    out = run("readelf", "--debug-dump=rawline", tmp_path / "f.o")
    assert "a.src" in out and "dir/b.src" in out
    assert "Set column to 9" in out


TLS_TEXT = """
function %next() -> i64 CONV {
    gv0 = symbol colocated tls %own
    gv1 = symbol tls %theirs
    gv2 = symbol colocated tls %zeros+16
block0:
    v0 = tls_value.i64 gv0
    v1 = load.i64 v0
    v2 = tls_value.i64 gv1
    v3 = load.i32 v2
    v4 = uextend.i64 v3
    v5 = iadd v1, v4
    store v5, v0
    v6 = tls_value.i64 gv2
    v7 = load.i64 v6
    v11 = iconst.i64 1
    v8 = iadd v7, v11
    store v8, v6
    v12 = iconst.i64 1000
    v9 = imul v8, v12
    v10 = iadd v5, v9
    return v10
}
"""
TLS_MAIN = """
#include <stdio.h>
#include <pthread.h>
__thread int theirs = 3;
long long next(void);
static void *other(void *arg) { theirs = 5; next(); *(long long *)arg = next(); return 0; }
int main(void) {
    long long there = 0;
    pthread_t thread;
    next();
    pthread_create(&thread, 0, other, &there);
    pthread_join(thread, 0);
    printf("%lld %lld\\n", there, next());
    return 0;
}
"""
TLS_OUTPUT = "2110 2106\n"


def tls_module(model: str, conv: str = "system_v") -> ObjectModule:
    settings = TARGET.settings()
    for text in ("is_pic=true", "regalloc_checker=true", f"tls_model={model}"):
        settings.parse(text)
    module = ObjectModule(settings=settings)
    module.declare_data("own", "local", writable=True, tls=True)
    module.define_data("own", (100).to_bytes(8, "little"))
    module.declare_data("zeros", "export", writable=True, tls=True)
    module.define_data("zeros", 64, align=32)
    module.define_text(TLS_TEXT.replace("CONV", conv))
    return module


@pytest.mark.parametrize(
    ("model", "link"),
    [
        ("elf_gd", ["gcc"]),
        ("elf_gd", ["gcc", "-fuse-ld=lld"]),
        ("elf_gd", ["gcc", "-shared", "-fPIC"]),
        ("elf_le", ["gcc"]),
        ("elf_le", ["gcc", "-no-pie", "-static"]),
    ],
)
def test_elf_thread_local_code(tmp_path: Path, model: str, link: list[str]) -> None:
    """Each thread has its own; linkers may rewrite the accesses."""
    need("gcc", *(["ld.lld"] if "lld" in link[-1] else []))
    (tmp_path / "tls.o").write_bytes(tls_module(model).emit("elf"))
    main_c = TLS_MAIN
    if "-shared" in link:
        # The accesses stay general: the data is in a library that is loaded later.
        run(*link, "-o", "libtls.so", "tls.o", "-Wl,--unresolved-symbols=ignore-all", cwd=tmp_path)
        assert "R_X86_64_DTPMOD64" in run("readelf", "-r", tmp_path / "libtls.so")
        main_c = TLS_MAIN.replace("long long next(void);", "long long (*next)(void);").replace(
            "pthread_t thread;",
            'pthread_t thread; next = dlsym(dlopen("./libtls.so", 2), "next");',
        )
        link = ["gcc", "-include", "dlfcn.h", "-rdynamic", "-ldl"]
        (tmp_path / "main.c").write_text(main_c)
        run(*link, "-o", "main", "main.c", cwd=tmp_path)
    else:
        (tmp_path / "main.c").write_text(main_c)
        run(*link, "-o", "main", "main.c", "tls.o", "-pthread", cwd=tmp_path)
    assert run(tmp_path / "main", cwd=tmp_path) == TLS_OUTPUT


def test_thread_local_code_as_assembled(tmp_path: Path) -> None:
    """The sequences are those of the GNU assembler's manual sources."""
    need("as", "objcopy", "objdump")
    (tmp_path / "tls.o").write_bytes(tls_module("elf_gd").emit("elf"))
    relocs = run("readelf", "-r", "-W", tmp_path / "tls.o")
    assert relocs.count("R_X86_64_TLSGD") == 3 and relocs.count("__tls_get_addr") == 3
    (tmp_path / "want.s").write_text(
        ".byte 0x66\nleaq theirs@tlsgd(%rip), %rdi\n.value 0x6666\nrex64\n"
        "call __tls_get_addr@PLT\nmovq %fs:0, %rax\nleaq theirs@tpoff(%rax), %rax\n"
    )
    run("as", "-o", "want.o", "want.s", cwd=tmp_path)
    run("objcopy", "-O", "binary", "-j", ".text", "want.o", "want.bin", cwd=tmp_path)
    want = (tmp_path / "want.bin").read_bytes()
    assert want[:16] in tls_module("elf_gd").functions["next"].code
    assert want[16:] in tls_module("elf_le").functions["next"].code


def test_thread_local_code_elsewhere() -> None:
    with pytest.raises(Unsupported, match=r"tls_value of %\w+ without the setting tls_model"):
        tls_module("none")
    from grus.link.jit import JITModule, LinkError

    module = JITModule(settings=tls_module("elf_gd").settings)
    module.define_text(TLS_TEXT.replace("CONV", "system_v"))
    with pytest.raises(LinkError, match="own: thread-local data in this process"):
        module.finish()
    with pytest.raises(ObjectError, match="relocation ElfX86_64TlsGd of .* in a COFF file"):
        tls_module("elf_gd").emit("coff")


def test_coff_thread_local_code(tmp_path: Path) -> None:
    need(MINGW, "objdump")
    (tmp_path / "tls.obj").write_bytes(tls_module("coff", "windows_fastcall").emit("coff"))
    # MinGW's gcc emulates thread-local data; the section is told to the assembler by hand.
    (tmp_path / "main.c").write_text(
        "#include <stdio.h>\n#include <windows.h>\n"
        'asm(".section .tls$, \\"dw\\"\\n.globl theirs\\ntheirs: .long 3\\n.text");\n'
        "long long next(void);\nlong long there;\n"
        "static DWORD WINAPI other(void *arg) { next(); there = next(); return 0; }\n"
        "int main(void) {\n    next();\n"
        "    WaitForSingleObject(CreateThread(0, 0, other, 0, 0, 0), INFINITE);\n"
        '    printf("%lld %lld\\n", there, next());\n    return 0;\n}\n'
    )
    run(MINGW, "-o", "main.exe", "main.c", "tls.obj", cwd=tmp_path)
    code = run("objdump", "-d", "--disassemble=next", tmp_path / "main.exe")
    assert code.count("%gs:0x58") == 3 and "%xmm6" not in code, code
    if WINE and os.environ.get("GRUS_LONG"):
        assert run_windows(tmp_path, "main.exe") == "2106 2106\n"


# ---- COFF ----

MINGW = "x86_64-w64-mingw32-gcc"
WINE = shutil.which("wine64") or shutil.which("/usr/lib/wine/wine64")


@pytest.mark.parametrize("options", [{}, {"function_sections": True, "data_sections": True}])
def test_coff_links(tmp_path: Path, options: dict[str, bool]) -> None:
    need(MINGW, "objdump")
    (tmp_path / "demo.obj").write_bytes(demo("windows_fastcall", **options).emit("coff"))
    (tmp_path / "main.c").write_text(MAIN)
    run(MINGW, "-o", "main.exe", "main.c", "demo.obj", cwd=tmp_path)
    assert "pei-x86-64" in run("objdump", "-f", tmp_path / "main.exe")
    if WINE and os.environ.get("GRUS_LONG"):  # wine takes a minute to set itself up
        assert run_windows(tmp_path, "main.exe") == OUTPUT


def run_windows(tmp_path: Path, name: str) -> str:
    assert WINE
    prefix = os.environ.get("WINEPREFIX") or str(tmp_path / "wine")
    environment = {**os.environ, "WINEDEBUG": "-all", "WINEPREFIX": prefix}
    done = subprocess.run(
        [WINE, name], cwd=tmp_path, capture_output=True, timeout=300, env=environment, check=False
    )
    return done.stdout.decode().replace("\r\n", "\n")


def test_windows_unwinds_through(tmp_path: Path) -> None:
    """RtlVirtualUnwind walks from a callback through two functions of ours to `main`."""
    if not (WINE and os.environ.get("GRUS_LONG")):
        pytest.skip("needs wine, and GRUS_LONG=1")
    need(MINGW)
    module = ObjectModule()
    loads = "\n".join([f"    v{10 + i} = load.i64 v0+{8 * i}" for i in range(9)])
    stores = "\n".join([f"    store v{10 + i}, v0+{8 * i}" for i in range(9)])
    for name, callee in (("inner", ""), ("outer", "inner")):
        call = "call_indirect sig0, v1()" if not callee else "call fn0(v0, v1)"
        module.define(
            f"function %{name}(i64, i64) windows_fastcall {{\n    ss0 = explicit_slot 3000\n"
            "    sig0 = () windows_fastcall\n    fn0 = colocated %inner(i64, i64) windows_fastcall\n"
            f"block0(v0: i64, v1: i64):\n{loads}\n    {call}\n{stores}\n    return\n}}"
        )
    (tmp_path / "f.obj").write_bytes(module.emit("coff"))
    (tmp_path / "main.c").write_text(
        """
#include <windows.h>
#include <stdio.h>
void outer(long long *, void (*)(void)); void inner(long long *, void (*)(void));
static const char *name(DWORD64 pc) {
    DWORD64 base;
    PRUNTIME_FUNCTION f = RtlLookupFunctionEntry(pc, &base, 0);
    if (!f) return "?";
    DWORD64 start = base + f->BeginAddress;
    return start == (DWORD64)outer ? "outer" : start == (DWORD64)inner ? "inner" : "other";
}
static void callback(void) {
    CONTEXT c;
    RtlCaptureContext(&c);
    for (int n = 0; n < 4; n++) {
        DWORD64 base, frame;
        void *data;
        PRUNTIME_FUNCTION f = RtlLookupFunctionEntry(c.Rip, &base, 0);
        if (!f) break;
        printf("%s\\n", name(c.Rip));
        RtlVirtualUnwind(0, base, c.Rip, f, &c, &data, &frame, 0);
    }
}
int main(void) { long long x[9] = {0}; outer(x, callback); return 0; }
"""
    )
    run(MINGW, "-o", "main.exe", "main.c", "f.obj", cwd=tmp_path)
    assert run_windows(tmp_path, "main.exe") == "other\ninner\nouter\nother\n"


def test_coff_unwind_tables(tmp_path: Path) -> None:
    need("llvm-readobj")
    path = tmp_path / "f.obj"
    path.write_bytes(demo("windows_fastcall", source="a-long-name-of-a-source.clif").emit("coff"))
    out = run("llvm-readobj", "--unwind", "--symbols", "--relocs", "--sections", path)
    assert out.count("RuntimeFunction {") == 4
    assert "PUSH_NONVOL reg=RBP" in out and "ALLOC" in out
    assert "IMAGE_REL_AMD64_ADDR32NB" in out and "warning" not in out and "error" not in out


# ---- Mach-O ----


@pytest.mark.parametrize("options", [{}, {"source": "f.clif", "function_sections": True}])
def test_macho_links(tmp_path: Path, options: dict[str, object]) -> None:
    need("lld", "llvm-objdump")
    (tmp_path / "demo.o").write_bytes(demo(**options).emit("macho"))
    out = run("llvm-objdump", "--macho", "-r", "-h", "--syms", tmp_path / "demo.o")
    assert "BRANCH" in out and "GOT_LD" in out and "SIGNED" in out, out
    assert "_puts" in out and "warning" not in out
    version = ["-platform_version", "macos", "11.0", "11.0"]
    run(
        "lld", "-flavor", "ld64", "-arch", "x86_64", *version, "-dylib", "-undefined",
        "dynamic_lookup", "-o", tmp_path / "demo.dylib", tmp_path / "demo.o",
    )  # fmt: skip
    frames = run("llvm-objdump", "--macho", "--unwind-info", tmp_path / "demo.dylib")
    assert "encoding[0]=" in frames and "0x01000000" in frames, frames
    disassembly = run("llvm-objdump", "--macho", "-d", tmp_path / "demo.dylib")
    assert "_secret" in disassembly and "literal pool symbol address: _puts" in disassembly


def test_macho_as_lief_sees_it() -> None:
    lief = pytest.importorskip("lief", reason="lief is not installed")
    binary = lief.MachO.parse(list(demo().emit("macho")))[0]
    names = {s.name for s in binary.symbols}
    assert {"_add", "_bump", "_secret", "_counter", "_puts", "_ext"} <= names
    assert {s.name for s in binary.sections} >= {"__text", "__const", "__bss", "__eh_frame"}


def test_macho_thread_local(tmp_path: Path) -> None:
    need("lld", "llvm-objdump", "llvm-readobj")
    (tmp_path / "tls.o").write_bytes(tls_module("macho").emit("macho"))
    relocs = run("llvm-objdump", "--macho", "-r", tmp_path / "tls.o")
    assert relocs.count("TLV") == 3 and "__tlv_bootstrap" in relocs, relocs
    sections = run("llvm-readobj", "--sections", tmp_path / "tls.o")
    for kind in ("ThreadLocalRegular", "ThreadLocalZerofill", "ThreadLocalVariables"):
        assert kind in sections, sections
    version = ["-platform_version", "macos", "11.0", "11.0"]
    other = ObjectModule()
    other.declare_data("theirs", "export", writable=True, tls=True)
    other.define_data("theirs", (3).to_bytes(4, "little"))
    (tmp_path / "other.o").write_bytes(other.emit("macho"))
    run(
        "lld", "-flavor", "ld64", "-arch", "x86_64", *version, "-dylib", "-undefined",
        "dynamic_lookup", "-o", tmp_path / "tls.dylib", tmp_path / "tls.o", tmp_path / "other.o",
    )  # fmt: skip
    code = run("llvm-objdump", "--macho", "-d", tmp_path / "tls.dylib")
    assert code.count("callq\t*(%rdi)") == 3, code


# ---- all formats ----


def test_every_relocation_has_a_row_or_is_refused() -> None:
    known = set(elf.RELOC_TYPES) | set(coff.RELOC_TYPES) | set(macho.RELOC_TYPES)
    assert known == set(RELOCS)


def test_what_a_format_cannot_say() -> None:
    module = demo()
    with pytest.raises(ObjectError, match="a format is one of elf, coff, macho"):
        module.emit("wasm")
    far = ObjectModule()
    far.define_data("d", b"x", align=1 << 14)
    with pytest.raises(ObjectError, match="alignment 16384"):
        far.emit("coff")
    many = ObjectModule(data_sections=True)
    for n in range(256):
        many.define_data(f"d{n}", b"x")
    assert many.emit("elf") and many.emit("coff")
    with pytest.raises(ObjectError, match="256 sections in a Mach-O file"):
        many.emit("macho")
    lost = ObjectModule()
    lost.declare_data("nowhere", "local")
    lost.define_data("d", 8, relocs=[(0, "nowhere", 0)])
    with pytest.raises(ObjectError, match="nowhere is declared local and not defined"):
        lost.emit()


def test_same_input_same_bytes() -> None:
    for format in ("elf", "coff", "macho"):
        assert demo(source="f.clif").emit(format) == demo(source="f.clif").emit(format)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "f.clif"
    source.write_text(TEXT.replace("CONV", "system_v"))
    for format, magic in (
        ("elf", b"\x7fELF"),
        ("coff", b"\x64\x86"),
        ("macho", b"\xcf\xfa\xed\xfe"),
    ):
        output = tmp_path / format
        assert main(["clif", "compile", str(source), "-o", str(output), "--format", format]) == 0
        assert output.read_bytes().startswith(magic)
    assert capsys.readouterr().out == ""


def test_generated_programs_as_in_this_process(tmp_path: Path) -> None:
    """Linked by gcc and loaded, they give the same results and heap. `GRUS_LONG=1`: 200."""
    need("gcc")
    count = 200 if os.environ.get("GRUS_LONG") else 6
    map_heap()
    settings = TARGET.settings()
    pic = settings.copy()
    pic.set("is_pic", "true")
    done = 0
    seed = 0
    while done < count:
        seed += 1
        options = Options(allows=allows)
        functions = generate(seed, 40, options)
        try:
            native = NativeRunner(functions, TARGET, settings)
            path = build(tmp_path, seed, pic)
        except Exception as error:
            if type(error).__name__ == "Unsupported":
                continue
            raise
        library = ctypes.CDLL(str(path))
        func = functions[0]
        types = [p.ty for p in func.sig.params]
        for call in range(3):
            values = arguments(seed + call, func, HEAP_BASE)
            args = [DataValue(ty, bits) for ty, bits in zip(types, values, strict=True)]
            ctypes.memset(HEAP_BASE, 0, HEAP_SIZE)
            expected = native.call(func.name, args)
            heap = ctypes.string_at(HEAP_BASE, HEAP_SIZE)
            ctypes.memset(HEAP_BASE, 0, HEAP_SIZE)
            entry = getattr(library, symbol_name(trampoline_name(func.name)))
            assert call_cells(entry, args, [r.ty for r in func.sig.returns]) == expected, seed
            assert ctypes.string_at(HEAP_BASE, HEAP_SIZE) == heap, seed
        native.free()
        done += 1


def symbol_name(name: str) -> str:
    return name.removeprefix("%")


def build(tmp_path: Path, seed: int, settings: Settings) -> Path:
    """A shared library of the program of a seed, with trampolines."""
    module = ObjectModule(None, settings)
    for func in generate(seed, 40, Options(allows=allows)):
        made = trampoline(func.name, func.sig)
        module.define(func)
        module.decls[symbol_name(func.name)].linkage = "local"
        module.define(made)
    (tmp_path / f"{seed}.o").write_bytes(module.emit("elf"))
    path = tmp_path / f"{seed}.so"
    run("gcc", "-shared", "-Wl,-Bsymbolic", "-o", path, tmp_path / f"{seed}.o", "-lm")
    return path


def call_cells(entry: object, args: list[DataValue], returns: list[int]) -> list[DataValue]:
    source = b"".join([a.bits.to_bytes(CELL, "little") for a in args])
    cells = ctypes.create_string_buffer(source, max(len(source), CELL))
    results = ctypes.create_string_buffer(CELL * max(len(returns), 1))
    entry(ctypes.c_void_p(ctypes.addressof(cells)), ctypes.c_void_p(ctypes.addressof(results)))  # type: ignore[operator]
    out = []
    for index, ty in enumerate(returns):
        raw = results.raw[CELL * index : CELL * (index + 1)]
        out.append(DataValue(ty, int.from_bytes(raw, "little") & (1 << T.BITS[ty]) - 1))
    return out


def test_objects_are_written_anywhere() -> None:
    """Writing object files needs no machine that runs the code."""
    program = (
        "import sys\nsys.platform = 'darwin'\nimport grus\nm = grus.ObjectModule()\n"
        "m.define('function %f() system_v {\\nblock0:\\n    return\\n}')\n"
        "for f in ('elf', 'coff', 'macho'): m.emit(f)\n"
        "try:\n    grus.JITModule\nexcept grus.GrusError as error:\n    print(error)\n"
    )
    root = str(Path(__file__).resolve().parent.parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": root},
        check=False,
    )
    assert done.stdout.startswith("running machine code needs Linux on x86-64"), done.stderr


def test_anonymous_data_in_text() -> None:
    module = ObjectModule()
    taken = module.declare_data("anonymous_data_1").name
    name = module.declare_anonymous_data(writable=True).name
    assert name != taken
    module.define_data(name, b"x")
    module.define(f"""
function %f() -> i64 system_v {{
    gv0 = symbol colocated %{name}
block0:
    v0 = symbol_value.i64 gv0
    return v0
}}
""")
    assert [reloc.name for reloc in module.functions["f"].relocs] == ["%" + name]


@pytest.mark.parametrize("format", ["elf", "coff", "macho"])
def test_readers_find_nothing_wrong(tmp_path: Path, format: str) -> None:
    """Debug information, sections of their own, thread-local data, unwinding: all at once."""
    need("llvm-readobj", "llvm-objdump", "llvm-dwarfdump")
    options: dict[str, object] = {"source": "f.clif", "function_sections": True}
    conv = "windows_fastcall" if format == "coff" else "system_v"
    module = demo(conv, **options)
    module.settings.set("tls_model", {"elf": "elf_gd"}.get(format, format))
    for name, contents in (("own", (1).to_bytes(8, "little")), ("zeros", 64), ("theirs", 4)):
        module.declare_data(name, "export", writable=True, tls=True)
        module.define_data(name, contents)
    module.define_text(TLS_TEXT.replace("CONV", conv))
    path = tmp_path / "demo.o"
    path.write_bytes(module.emit(format))
    commands = [["llvm-readobj", "--all"], ["llvm-objdump", "-d", "-r"]]
    commands.append(["llvm-dwarfdump", "--debug-line", "--verify"])
    if format == "elf":
        need("readelf")
        commands.append(["readelf", "--all", "--wide", "--debug-dump=decodedline"])
    for command in commands:
        done = subprocess.run([*command, path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr)
        assert "warning" not in (done.stdout + done.stderr).lower(), (command, done.stderr)
        assert "error:" not in (done.stdout + done.stderr).lower(), (command, done.stderr)


def test_elf_and_coff_as_lief_sees_them() -> None:
    lief = pytest.importorskip("lief", reason="lief is not installed")
    elf_file = lief.ELF.parse(list(demo(source="f.clif").emit("elf")))
    assert {"add", "bump", "secret", "counter", "puts", "ext"} <= {s.name for s in elf_file.symbols}
    assert {".text", ".rodata", ".eh_frame", ".debug_line"} <= {s.name for s in elf_file.sections}
    coff_file = lief.COFF.parse(list(demo("windows_fastcall").emit("coff")))
    assert {"add", "bump", "puts"} <= {s.name for s in coff_file.symbols}
    assert {".text", ".pdata", ".xdata"} <= {s.name for s in coff_file.sections}


def test_gdb_stops_at_a_line_of_the_source(tmp_path: Path) -> None:
    """A program of C and of an object with DWARF: a breakpoint by line, steps, a backtrace."""
    need("gcc", "gdb")
    lines = [
        "function %square(i64) -> i64 system_v {",
        "block0(v0: i64):",
        "    v1 = imul v0, v0",
        "    return v1",
        "}",
        "function %sum(i64, i64) -> i64 system_v {",
        "    fn0 = colocated %square(i64) -> i64 system_v",
        "block0(v0: i64, v1: i64):",
        "    v2 = call fn0(v0)",
        "    v3 = call fn0(v1)",
        "    v4 = iadd v2, v3",
        "    return v4",
        "}",
    ]
    source = tmp_path / "sum.clif"
    source.write_text("\n".join(lines) + "\n")
    assert main(["clif", "compile", str(source), "-g", "-o", str(tmp_path / "sum.o")]) == 0
    (tmp_path / "main.c").write_text(
        "long sum(long, long);\nint main(void) { return (int)sum(3, 4); }\n"
    )
    run("gcc", "-g", "-o", "main", "main.c", "sum.o", cwd=tmp_path)
    commands = ["break sum.clif:3", "run", "backtrace", "delete", "break sum.clif:11", "continue"]
    commands += ["info line", "next", "continue"]
    given = [word for command in commands for word in ("-ex", command)]
    out = run("gdb", "-batch", "-nx", *given, tmp_path / "main", cwd=tmp_path)
    assert "Breakpoint 1, square () at" in out and "sum.clif:3" in out, out
    assert "v1 = imul v0, v0" in out  # the text of the line
    trace = [line for line in out.splitlines() if line.startswith("#")]
    assert "square" in trace[0] and "sum.clif:9" in trace[1] and "main" in trace[2], out
    assert "Breakpoint 2, sum () at" in out and "v4 = iadd v2, v3" in out
    assert "return v4" in out
    assert "exited with code 031" in out  # 25
