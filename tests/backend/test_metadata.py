"""What comes with the code: traps, call sites, stack maps, handlers, limits, relocations."""

from __future__ import annotations

import ctypes

import pytest

from grus.backend.compile import compile_function
from grus.backend.emit import CompiledFunction, ImplLimit
from grus.backend.settings import SettingsError
from grus.backend.x64.target import TARGET
from grus.ir import opcodes as ops
from grus.ir.parser import parse_function
from grus.link.jit import JITModule, LinkError


def compiled(text: str, *options: str) -> CompiledFunction:
    settings = TARGET.settings()
    for option in ("regalloc_checker=true", *options):
        settings.parse(option)
    return compile_function(parse_function(text), TARGET, settings)


def test_explicit_trap_is_an_illegal_instruction() -> None:
    made = compiled(
        "function %f(i32, i32) -> i32 {\nblock0(v0: i32, v1: i32):\n"
        "    v2 = udiv v0, v1\n    return v2\n}"
    )
    [(offset, code)] = made.traps
    assert code == ops.TRAP_DIVISION_BY_ZERO
    assert made.code[offset : offset + 2] == b"\x0f\x0b"
    assert made.faults == []


def test_trap_call_is_named_by_its_last_byte() -> None:
    made = compiled(
        "function %f(i32) tail {\nblock0(v0: i32):\n    trapz v0, user7\n    return\n}",
        "trap_call_offset=16",
        "enable_pinned_reg",
    )
    [(offset, code)] = made.traps
    assert code == 7
    assert made.code[offset - 3 : offset + 1] == bytes.fromhex("41ff5710")  # call [r15 + 16]


def test_memory_access_may_fault_at_its_own_instruction() -> None:
    made = compiled(
        "function %f(i64) -> i32 {\nblock0(v0: i64):\n    v1 = load.i32 v0+4\n"
        "    v2 = load.i32 notrap v0+8\n    v3 = iadd v1, v2\n    return v3\n}"
    )
    [(offset, code)] = made.traps
    assert code == ops.TRAP_HEAP_OUT_OF_BOUNDS
    assert made.faults == [offset]
    assert made.code[offset : offset + 1] == b"\x8b"


def test_stack_map_is_relative_to_the_frame_pointer() -> None:
    made = compiled(
        "function %f(i64) tail {\n    ss0 = explicit_slot 16\n    fn0 = colocated %g() tail\n"
        "block0(v0: i64):\n    v1 = stack_addr.i64 ss0\n    store v0, v1+8\n"
        "    call fn0(), stack_map=[i32 @ ss0+8]\n    return\n}"
    )
    [site] = made.call_sites
    [(_, offset, _)] = site.stack_map
    assert -made.frame_size <= offset < 0
    assert made.code[site.offset - 5] == 0xE8
    [reloc] = made.relocs
    assert (reloc.kind, reloc.name, reloc.addend) == ("X86CallPCRel4", "%g", -4)


def test_try_call_lists_its_handlers() -> None:
    made = compiled(
        "function %f(i32) -> i64 tail {\n    sig0 = (i32) -> i64 tail\n"
        "    fn0 = colocated %g(i32) -> i64 tail\n"
        "block0(v0: i32):\n"
        "    try_call fn0(v0), sig0, block1(ret0), [ tag1: block2(exn0), default: block3 ]\n"
        "block1(v1: i64):\n    return v1\n"
        "block2(v2: i64):\n    return v2\n"
        "block3:\n    v3 = iconst.i64 5\n    return v3\n}"
    )
    [site] = made.call_sites
    assert [(kind, tag) for kind, tag, _ in site.handlers] == [("tag", 1), ("default", 0)]
    assert all(site.offset <= at < len(made.code) for _, _, at in site.handlers)


def test_frame_bound() -> None:
    text = (
        "function %f() -> i64 {\n    ss0 = explicit_slot 600000\nblock0:\n"
        "    v0 = stack_addr.i64 ss0\n    return v0\n}"
    )
    with pytest.raises(ImplLimit, match="600"):
        compiled(text)
    assert compiled(text, "max_frame=1000000").frame_size >= 600000


def test_unknown_setting() -> None:
    with pytest.raises(SettingsError, match="no setting 'has_wings'"):
        TARGET.settings().set("has_wings", "true")
    with pytest.raises(SettingsError, match="one of none, speed"):
        TARGET.settings().set("opt_level", "fast")


def test_position_independent_reach_through_memory() -> None:
    text = (
        "function %f() -> i64 {\n    fn0 = %getpid() -> i64\nblock0:\n"
        "    v0 = call fn0()\n    return v0\n}"
    )
    assert [r.kind for r in compiled(text).relocs] == ["Abs8"]
    assert [r.kind for r in compiled(text, "is_pic").relocs] == ["X86GOTPCRel4"]


@pytest.mark.parametrize("options", [[], ["is_pic"]])
def test_calls_the_c_library(options: list[str]) -> None:
    settings = TARGET.settings()
    for option in options:
        settings.parse(option)
    module = JITModule(TARGET, settings)
    module.define(
        parse_function(
            "function %f(i32) -> i32 system_v {\n    fn0 = %abs(i32) -> i32 system_v\n"
            "block0(v0: i32):\n    v1 = call fn0(v0)\n    return v1\n}"
        )
    )
    module.finish()
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(module.address("%f"))
    assert function(-5) == 5
    module.free()


def test_undefined_symbol() -> None:
    module = JITModule(TARGET, TARGET.settings())
    module.define(
        parse_function(
            "function %f() system_v {\n    fn0 = %no_such_thing() system_v\n"
            "block0:\n    call fn0()\n    return\n}"
        )
    )
    with pytest.raises(LinkError, match="%no_such_thing is not defined"):
        module.finish()


def test_stack_limit_is_compared_in_the_prologue() -> None:
    made = compiled(
        "function %f(i64 vmctx) {\n    gv0 = vmctx\n    gv1 = load.i64 notrap aligned gv0\n"
        "    stack_limit = gv1\n    ss0 = explicit_slot 5000\n"
        "block0(v0: i64):\n    return\n}"
    )
    assert [code for _, code in made.traps] == [ops.TRAP_STACK_OVERFLOW]


def test_same_input_same_bytes() -> None:
    text = (
        "function %f(i64, f64) -> f64 {\nblock0(v0: i64, v1: f64):\n"
        "    v2 = f64const 0x1.8p1\n    v3 = fadd v1, v2\n    v4 = fcvt_from_sint.f64 v0\n"
        "    v5 = fmul v3, v4\n    return v5\n}"
    )
    assert compiled(text).code == compiled(text).code


def test_preserve_all_keeps_every_register() -> None:
    names = range(14)
    body = "\n".join(
        f"    v{10 + i} = load.i64 v0+{8 * i}\n    v{40 + i} = load.f64 v0+{8 * i}" for i in names
    )
    stores = "\n".join(
        f"    store v{10 + i}, v0+{8 * i}\n    store v{40 + i}, v0+{8 * i}" for i in names
    )
    wide = (
        f"function %wide(i64) preserve_all {{\nblock0(v0: i64):\n{body}\n{stores}\n    return\n}}"
    )
    sums = "    v70 = iadd v10, v11\n" + "\n".join(
        f"    v{70 + i} = iadd v{69 + i}, v{11 + i}" for i in range(1, 13)
    )
    caller = (
        "function %f(i64, f64) -> i64, f64 system_v {\n    fn0 = colocated %wide(i64) preserve_all\n"
        "block0(v0: i64, v1: f64):\n"
        + "\n".join(f"    v{10 + i} = load.i64 v0+{8 * i}" for i in names)
        + f"\n    call fn0(v0)\n{sums}\n    return v82, v1\n}}"
    )
    settings = TARGET.settings()
    settings.parse("regalloc_checker=true")
    module = JITModule(TARGET, settings)
    for text in (wide, caller):
        module.define(parse_function(text))
    module.finish()
    words = (ctypes.c_int64 * 14)(*[3**i for i in names])
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_double)(
        module.address("%f")
    )
    assert function(ctypes.addressof(words), 1.5) == sum(3**i for i in names)
    module.free()


def test_padding_and_alignment() -> None:
    text = (
        "function %f(i32) -> i32 {\nblock0(v0: i32):\n    brif v0, block1, block2\n"
        "block1:\n    v1 = iconst.i32 7\n    return v1\nblock2:\n    v2 = iconst.i32 9\n"
        "    return v2\n}"
    )
    plain = compiled(text)
    padded = compiled(text, "bb_padding_log2_minus_one=9", "log2_min_function_alignment=6")
    assert (plain.align, padded.align) == (16, 64)
    assert len(padded.code) >= len(plain.code) + 3 * 256
    module = JITModule(TARGET, TARGET.settings())
    module.add(padded)
    module.finish()
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(module.address("f"))
    assert (function(1), function(0)) == (7, 9)
    module.free()


def test_verbose_logs_of_the_allocator(capsys: pytest.CaptureFixture[str]) -> None:
    text = "function %f(i32) -> i32 {\nblock0(v0: i32):\n    return v0\n}"
    compiled(text)
    assert capsys.readouterr().err == ""
    compiled(text, "regalloc_verbose_logs")
    assert capsys.readouterr().err.startswith("%f:\n")
