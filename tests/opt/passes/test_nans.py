"""enable_nan_canonicalization: every NaN that an operation makes is the same."""

from __future__ import annotations

import pytest

from grus.backend.x64.target import TARGET
from grus.host import cpu
from grus.ir import verifier
from grus.ir.parser import parse_function
from grus.ir.printer import print_function
from grus.link.jit import JITModule
from grus.opt.passes import nans

TEXT = """
function %f(i64, i64) -> i64 system_v {
block0(v0: i64, v1: i64):
    v2 = bitcast.f64 v0
    v3 = bitcast.f64 v1
    v4 = OPERATION
    v5 = bitcast.i64 v4
    return v5
}
"""
PAYLOAD = 0xFFF8000000001234
SIGNALING = 0x7FF0000000000001
INFINITY = 0x7FF0000000000000
ONE = 0x3FF0000000000000
NAN = 0x7FF8000000000000
MASK = (1 << 64) - 1


def code(text: str, *options: str) -> JITModule:
    settings = TARGET.settings()
    for option in ("enable_nan_canonicalization", "regalloc_checker=true", *options):
        settings.parse(option)
    module = JITModule(settings=settings)
    module.define_text(text)
    return module


@pytest.mark.parametrize("level", ["none", "speed"])
@pytest.mark.parametrize(
    "operation",
    ["fadd v2, v3", "fsub v3, v2", "fmul v2, v3", "fdiv v2, v3", "sqrt v2", "fmin v2, v3"],
)
def test_scalars(operation: str, level: str) -> None:
    f = code(TEXT.replace("OPERATION", operation), f"opt_level={level}")["f"]
    for x in (PAYLOAD, SIGNALING):
        assert f(x, ONE) & MASK == NAN
    assert f(ONE, ONE) & MASK != NAN
    if operation.startswith("fsub"):
        assert f(INFINITY, INFINITY) & MASK == NAN


def test_without_the_setting_payloads_go_through() -> None:
    module = JITModule(settings=TARGET.settings())
    module.define_text(TEXT.replace("OPERATION", "fadd v2, v3"))
    assert module["f"](PAYLOAD, ONE) & MASK == PAYLOAD


def test_vectors() -> None:
    if not cpu.has("sse41"):
        pytest.skip("no SSE4.1")
    text = (
        "function %f(i64) system_v {\nblock0(v0: i64):\n    v1 = load.f32x4 v0\n"
        "    v2 = fadd v1, v1\n    store v2, v0\n    return\n}"
    )
    f = code(text, "sse41")["f"]
    lanes = [0xFFC01234, 0x3F800000, 0x7F800001, 0x7F800000]
    memory = bytearray(b"".join([lane.to_bytes(4, "little") for lane in lanes]))
    f(memory)
    got = [int.from_bytes(memory[4 * n : 4 * n + 4], "little") for n in range(4)]
    assert got == [0x7FC00000, 0x40000000, 0x7FC00000, 0x7F800000]


def test_is_valid_and_once_is_enough() -> None:
    func = parse_function(TEXT.replace("OPERATION", "fma v2, v3, v3"))
    nans.run(func)
    verifier.check(func)
    text = print_function(func)
    assert text.count("select") == 1
    nans.run(func)
    assert print_function(func) == text
