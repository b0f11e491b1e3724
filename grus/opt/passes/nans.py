"""One NaN: `enable_nan_canonicalization`.

Which NaN an operation gives depends on its operands and the processor. After this every result of
an operation on floats that is a NaN is the canonical one: positive, quiet, without payload.
"""

from __future__ import annotations

from typing import Final

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import Block, Function, Value, mem_flags

_MAKE_NANS: Final = frozenset(
    (
        *(ops.FADD, ops.FSUB, ops.FMUL, ops.FDIV, ops.SQRT, ops.FMA, ops.FMIN, ops.FMAX),
        *(ops.CEIL, ops.FLOOR, ops.TRUNC, ops.NEAREST),
        *(ops.FPROMOTE, ops.FDEMOTE, ops.FVDEMOTE, ops.FVPROMOTE_LOW),
    )
)
_NAN: Final = {
    T.F16: 0x7E00,
    T.F32: 0x7FC00000,
    T.F64: 0x7FF8000000000000,
    T.F128: 0x7FFF8 << 108,
}
_CONSTANT: Final = {T.F16: ops.F16CONST, T.F32: ops.F32CONST, T.F64: ops.F64CONST}


def run(func: Function) -> None:
    """Replace what may be a NaN. A second run changes nothing."""
    for block in func.blocks:
        out: list[Value] = []
        insts = block.insts
        for index, inst in enumerate(insts):
            if inst.op in _MAKE_NANS and not _done(inst, insts[index + 1 : index + 2]):
                _replace(func, block, inst, out)
            out.append(inst)
        block.insts = out


def _done(inst: Value, following: list[Value]) -> bool:
    """The instruction is followed by the test that `_replace` puts there."""
    return any(
        [v.op == ops.FCMP and v.imm == ops.F_UNO and v.a is inst and v.b is inst for v in following]
    )


def _replace(func: Function, block: Block, inst: Value, out: list[Value]) -> None:
    """Make `inst` the choice between the NaN and what it was."""
    ty = inst.ty
    made = func.new_value(inst.op, ty, block)
    made.a, made.b, made.c = inst.a, inst.b, inst.c
    made.imm, made.ext = inst.imm, inst.ext
    test = func.new_value(ops.FCMP, T.as_truthy(ty), block)
    test.a = test.b = made
    test.imm = ops.F_UNO
    lane = T.LANE[ty]
    nan = func.new_value(_CONSTANT.get(ty, ops.F128CONST), ty, block)
    made.loc = test.loc = nan.loc = inst.loc
    out += [made, test, nan]
    if T.LANES[ty] > 1:
        size = T.BITS[lane] >> 3
        nan.op = ops.VCONST
        nan.ext = _NAN[lane].to_bytes(size, "little") * T.LANES[ty]
        mask = func.new_value(ops.BITCAST, ty, block)
        mask.a = test
        mask.loc = inst.loc
        mask.ext = mem_flags(endian="little")
        out.append(mask)
        inst.op = ops.BITSELECT
        inst.a = mask
    else:
        if ty == T.F128:
            nan.ext = _NAN[ty].to_bytes(16, "little")
        else:
            nan.imm = _NAN[ty]
        inst.op = ops.SELECT
        inst.a = test
    inst.b, inst.c = nan, made
    inst.imm, inst.ext = 0, None
