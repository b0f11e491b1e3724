"""Exceptions of library code: `try_call` and a function that throws."""

from __future__ import annotations

import pytest

from grus.backend.x64.target import TARGET
from grus.ir import types as T
from grus.ir.data import DataValue
from grus.ir.interpreter import Interpreter
from grus.ir.parser import parse_file
from grus.link.jit import JITModule
from grus.link.unwinding import Uncaught

NESTED = """
function %outer(i64, i64) -> i64, i64 tail {
    sig0 = (i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i64, f64 tail
    fn0 = colocated %middle(i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i64, f64 tail
block0(v0: i64, v1: i64):
    v2 = iconst.i64 1000
    v3 = iadd v0, v2
    v4 = imul v0, v2
    v20 = fcvt_from_sint.f64 v0
    try_call fn0(v0, v1, v2, v3, v4, v0, v1, v2, v3), sig0, block1(ret0), \
[ tag7: block2(exn0, exn1), default: block3(exn1) ]
block1(v5: i64):
    return v5, v4
block2(v6: i64, v7: i64):
    v8 = isub v6, v7
    v9 = iadd v8, v3
    return v9, v4
block3(v10: i64):
    v11 = fcvt_to_sint.i64 v20
    v12 = iadd v11, v10
    return v12, v3
}
function %middle(i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i64, f64 tail {
    sig0 = (i64, i64) tail
    fn0 = colocated %thrower(i64, i64) tail
block0(v0: i64, v1: i64, v2: i64, v3: i64, v4: i64, v5: i64, v6: i64, v7: i64, v8: i64):
    try_call fn0(v0, v1), sig0, block1, [ tag3: block2(exn1) ]
block1:
    v9 = iadd v2, v8
    v10 = f64const 0x1.0
    return v9, v10
block2(v11: i64):
    v12 = iadd v11, v7
    v13 = f64const 0x1.0
    return v12, v13
}
function %thrower(i64, i64) tail {
    ss0 = explicit_slot 64
    fn0 = %__throw(i64, i64, i64, i32, i64, i64) system_v
block0(v0: i64, v1: i64):
    brif v1, block1, block2
block1:
    v2 = get_frame_pointer.i64
    v3 = iconst.i64 0
    v4 = ireduce.i32 v1
    call fn0(v3, v2, v3, v4, v0, v1)
    trap user1
block2:
    return
}
"""
CONFIGURATIONS = [
    ("backtracking", "none"),
    ("backtracking", "speed"),
    ("single_pass", "none"),
    ("single_pass", "speed_and_size"),
]


@pytest.fixture(scope="module", params=CONFIGURATIONS, ids="-".join)
def nested(request: pytest.FixtureRequest) -> JITModule:
    settings = TARGET.settings()
    settings.set("regalloc_checker", "true")
    settings.set("regalloc_algorithm", request.param[0])
    settings.set("opt_level", request.param[1])
    module = JITModule(TARGET, settings)
    module.define_throw("__throw")
    module.define_text(NESTED)
    module.finish()
    return module


@pytest.mark.parametrize("tag", [0, 1, 3, 7, 9, 2**31])
@pytest.mark.parametrize("x", [5, -12])
def test_goes_to_the_nearest_handler_of_the_tag(nested: JITModule, x: int, tag: int) -> None:
    text = NESTED.replace("__throw", "__cranelift_throw")
    functions = [f.func for f in parse_file(text, "<text>").functions]
    interpreter = Interpreter({f.name: f for f in functions})
    mask = (1 << 64) - 1
    wanted = interpreter.call("%outer", [DataValue(T.I64, x & mask), DataValue(T.I64, tag)])
    got = nested["outer"](x, tag)
    assert [value & mask for value in got] == [value.bits for value in wanted]


def test_no_handler(nested: JITModule) -> None:
    with pytest.raises(Uncaught, match="uncaught exception with tag9") as caught:
        nested["thrower"](1, 9)
    assert caught.value.tag == 9
    assert nested["thrower"](1, 0) is None


def test_many(nested: JITModule) -> None:
    """The stack is where it was: throwing does not use it up."""
    for _ in range(3):
        assert [nested["outer"](n, 7)[0] for n in range(2000)] == [2 * n + 993 for n in range(2000)]


def test_all_edges_lead_to_one_block(nested: JITModule) -> None:
    """What is reloaded after the call is reloaded on the way to a handler, too."""
    nested.define_text("""
function %both(i64, i64) -> i64 tail {
    sig0 = (i64, i64) tail
    fn0 = %thrower sig0
block0(v0: i64, v1: i64):
    v2 = func_addr.i64 fn0
    v3 = iadd v0, v1
    try_call_indirect v2(v3, v1), sig0, block1, [ tag7: block1, default: block1 ]
block1:
    return v0
}
""")
    nested.finish()
    for tag in (0, 7, 9):
        assert nested["both"](11, tag) == 11
