"""stack_switch: two stacks that pass values to and fro; and what no target of Cranelift's has."""

from __future__ import annotations

import ctypes

import pytest

from grus.backend.compile import compile_function
from grus.backend.x64.target import TARGET
from grus.base.errors import Unsupported
from grus.ir.parser import parse_file, parse_function
from grus.link.jit import JITModule

# Contexts at 0 (the caller's) and 32 (the worker's) of the first parameter.
TEXT = """
function %resume(i64, i64) -> i64 system_v {
block0(v0: i64, v1: i64):
    v2 = iconst.i64 32
    v3 = iadd v0, v2
    v4 = imul v1, v1
    v5 = stack_switch v0, v3, v1
    v6 = iadd v5, v4
    return v6
}
function %start(i64, i64) system_v {
    fn0 = colocated %worker(i64) -> i64 system_v
block0(v0: i64, v1: i64):
    v2 = func_addr.i64 fn0
    v3 = iconst.i64 -8
    v4 = iadd v1, v3
    store v4, v0+32
    v5 = iconst.i64 0
    store v5, v0+40
    store v2, v0+48
    return
}
function %worker(i64) -> i64 system_v {
block0(v0: i64):
    v1 = f64const 0x1.8
    jump block1(v0, v0, v1)
block1(v2: i64, v3: i64, v4: f64):
    v5 = iconst.i64 CONTEXTS
    v6 = iconst.i64 32
    v7 = iadd v5, v6
    v8 = fcvt_to_sint.i64 v4
    v9 = iadd v3, v8
    v10 = stack_switch v7, v5, v9
    v11 = iadd v3, v10
    v12 = fadd v4, v4
    jump block1(v10, v11, v12)
}
"""


@pytest.mark.parametrize("allocator", ["backtracking", "single_pass"])
@pytest.mark.parametrize("level", ["none", "speed"])
def test_values_go_to_and_fro(allocator: str, level: str) -> None:
    stack = ctypes.create_string_buffer(1 << 16)
    top = ctypes.addressof(stack) + len(stack) & -16
    contexts = ctypes.create_string_buffer(64)
    at = ctypes.addressof(contexts)
    settings = TARGET.settings()
    for text in ("stack_switch_model=basic", "regalloc_checker=true"):
        settings.parse(text)
    settings.set("regalloc_algorithm", allocator)
    settings.set("opt_level", level)
    module = JITModule(settings=settings)
    module.define_text(TEXT.replace("CONTEXTS", str(at)))
    module["start"](at, top)
    total, factor = 0, 1.5
    for step, given in enumerate([5, 7, -4, 100]):
        total = given if step == 0 else total + given
        assert module["resume"](at, given) == total + int(factor) + given * given
        factor *= 2
    module.free()


def test_only_with_its_setting() -> None:
    [function] = [f.func for f in parse_file(TEXT.replace("CONTEXTS", "0")).functions][:1]
    with pytest.raises(Unsupported, match="%resume: stack_switch without the setting"):
        compile_function(function, TARGET, TARGET.settings())


def test_dynamic_stack_slots_are_refused_with_their_place() -> None:
    function = parse_function(
        "function %f() -> i64 system_v {\n    gv0 = dyn_scale_target_const.i32x4\n"
        "    dt0 = i32x4*gv0\n    dss0 = explicit_dynamic_slot dt0\nblock0:\n"
        "    v0 = dynamic_stack_addr.i64 dss0\n    return v0\n}"
    )
    with pytest.raises(Unsupported) as raised:
        compile_function(function, TARGET, TARGET.settings())
    assert str(raised.value) == (
        "%f: dynamic_stack_addr on x86-64, at `v0 = dynamic_stack_addr.i64 dss0`"
    )
