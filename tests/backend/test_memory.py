"""What is dropped while a function is compiled: for large ones it decides how much memory that takes."""

from __future__ import annotations

from grus.backend.compile import _Compilation, compile_function
from grus.backend.regalloc.quality import Registers, _Assignment
from grus.backend.regalloc.ranges import Live
from grus.backend.regalloc.resolve import resolve
from grus.host.machine import TARGET
from grus.ir.parser import parse_function

TEXT = """function %f(i64, i64) -> i64 {
    fn0 = %g(i64) -> i64
block0(v0: i64, v1: i64):
    jump block1(v0)
block1(v2: i64):
    v3 = iadd v2, v1
    v4 = icmp slt v3, v0
    brif v4, block1(v3), block2
block2:
    v5 = call fn0(v0)
    v6 = iadd v5, v1
    return v6
}"""


def test_the_function_goes_when_it_is_lowered() -> None:
    kept, disposed = parse_function(TEXT), parse_function(TEXT)
    settings = TARGET.settings()
    code = compile_function(kept, TARGET, settings).code
    assert compile_function(disposed, TARGET, settings, True).code == code
    assert len(kept.blocks) == 3 and disposed.blocks == []
    assert compile_function(kept, TARGET, settings).code == code


def test_what_allocation_needs_no_more_goes() -> None:
    work = _Compilation(parse_function(TEXT), TARGET, TARGET.settings())
    work.lower()
    live = Live(work.flat, work.machine)
    bundles = live.build()
    assert not any(inst.operands for block in work.vcode.blocks for inst in block.insts)
    assert live.outer_vregs == [] and live.needs == [] and live.bundle_of == []
    made = list(bundles)
    assert any(bundle.ranges and bundle.needs for bundle in made)
    registers = Registers(live)
    _Assignment(live, registers).run(bundles)
    assert bundles == []
    assert not any(bundle.needs for bundle in registers.done)
    assert any(bundle.ranges for bundle in registers.done)
    families = [family for family in live.family_of if family is not None]
    assert not any(family.kin or family.hints for family in families)
    resolve(live, registers)
    assert not any(bundle.ranges for bundle in [*made, *registers.done])
    assert not any(family.memory for family in families)
