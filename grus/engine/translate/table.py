"""Wasm instructions that become one IR instruction (or a fixed pair), one row each.

Keyed by the rows of `wasm/opcodes.py`; what is not here is a method of `FuncTranslator` or
unsupported, and a test sees to it that each opcode is in exactly one place.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.wasm import opcodes as W

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

UNARY: Final[dict[int, int]] = {}
"""x -> op x"""
BINARY: Final[dict[int, int]] = {}
"""x y -> op x y"""
CONVERT: Final[dict[int, tuple[int, int]]] = {}
"""x -> op.type x: (op, result type)"""
COMPARE: Final[dict[int, tuple[int, int]]] = {}
"""x y -> uextend.i32 (icmp or fcmp cc x y): (op, condition)"""
SIGN: Final[dict[int, tuple[int, int]]] = {}
"""x -> sextend (ireduce x): (narrow type, result type)"""
LOAD: Final[dict[int, tuple[int, int]]] = {}
"""(op, result type)"""
STORE: Final[dict[int, int]] = {}
"""op"""

_INT_BINARY: Final = {
    "add": ops.IADD, "sub": ops.ISUB, "mul": ops.IMUL, "div_s": ops.SDIV, "div_u": ops.UDIV,
    "rem_s": ops.SREM, "rem_u": ops.UREM, "and": ops.BAND, "or": ops.BOR, "xor": ops.BXOR,
    "shl": ops.ISHL, "shr_s": ops.SSHR, "shr_u": ops.USHR, "rotl": ops.ROTL, "rotr": ops.ROTR,
}  # fmt: skip
_INT_UNARY: Final = {"clz": ops.CLZ, "ctz": ops.CTZ, "popcnt": ops.POPCNT}
_INT_COMPARE: Final = {
    "eq": ops.EQ, "ne": ops.NE, "lt_s": ops.SLT, "lt_u": ops.ULT, "gt_s": ops.SGT,
    "gt_u": ops.UGT, "le_s": ops.SLE, "le_u": ops.ULE, "ge_s": ops.SGE, "ge_u": ops.UGE,
}  # fmt: skip
_FLOAT_BINARY: Final = {
    "add": ops.FADD, "sub": ops.FSUB, "mul": ops.FMUL, "div": ops.FDIV, "min": ops.FMIN,
    "max": ops.FMAX, "copysign": ops.FCOPYSIGN,
}  # fmt: skip
_FLOAT_UNARY: Final = {
    "abs": ops.FABS, "neg": ops.FNEG, "ceil": ops.CEIL, "floor": ops.FLOOR, "trunc": ops.TRUNC,
    "nearest": ops.NEAREST, "sqrt": ops.SQRT,
}  # fmt: skip
_FLOAT_COMPARE: Final = {
    "eq": ops.F_EQ, "ne": ops.F_NE, "lt": ops.F_LT, "gt": ops.F_GT, "le": ops.F_LE, "ge": ops.F_GE,
}  # fmt: skip
TYPES: Final = {"i32": T.I32, "i64": T.I64, "f32": T.F32, "f64": T.F64, "v128": T.I8X16}


def _fill() -> None:
    name = W.BY_NAME
    for prefix in ("i32", "i64"):
        for suffix, op in _INT_BINARY.items():
            BINARY[name[f"{prefix}.{suffix}"]] = op
        for suffix, op in _INT_UNARY.items():
            UNARY[name[f"{prefix}.{suffix}"]] = op
        for suffix, cc in _INT_COMPARE.items():
            COMPARE[name[f"{prefix}.{suffix}"]] = (ops.ICMP, cc)
        ty = TYPES[prefix]
        for source in ("f32", "f64"):
            for sign, trap, sat in (
                ("s", ops.FCVT_TO_SINT, ops.FCVT_TO_SINT_SAT),
                ("u", ops.FCVT_TO_UINT, ops.FCVT_TO_UINT_SAT),
            ):
                CONVERT[name[f"{prefix}.trunc_{source}_{sign}"]] = (trap, ty)
                CONVERT[name[f"{prefix}.trunc_sat_{source}_{sign}"]] = (sat, ty)
                back = ops.FCVT_FROM_SINT if sign == "s" else ops.FCVT_FROM_UINT
                CONVERT[name[f"{source}.convert_{prefix}_{sign}"]] = (back, TYPES[source])
        for bits, narrow in ((8, T.I8), (16, T.I16), (32, T.I32)):
            row = name.get(f"{prefix}.extend{bits}_s")
            if row is not None:
                SIGN[row] = (narrow, ty)
    for prefix in ("f32", "f64"):
        for suffix, op in _FLOAT_BINARY.items():
            BINARY[name[f"{prefix}.{suffix}"]] = op
        for suffix, op in _FLOAT_UNARY.items():
            UNARY[name[f"{prefix}.{suffix}"]] = op
        for suffix, cc in _FLOAT_COMPARE.items():
            COMPARE[name[f"{prefix}.{suffix}"]] = (ops.FCMP, cc)
    for row, op, ty in (
        (W.I32_WRAP_I64, ops.IREDUCE, T.I32),
        (W.I64_EXTEND_I32_S, ops.SEXTEND, T.I64),
        (W.I64_EXTEND_I32_U, ops.UEXTEND, T.I64),
        (W.F32_DEMOTE_F64, ops.FDEMOTE, T.F32),
        (W.F64_PROMOTE_F32, ops.FPROMOTE, T.F64),
        (W.I32_REINTERPRET_F32, ops.BITCAST, T.I32),
        (W.I64_REINTERPRET_F64, ops.BITCAST, T.I64),
        (W.F32_REINTERPRET_I32, ops.BITCAST, T.F32),
        (W.F64_REINTERPRET_I64, ops.BITCAST, T.F64),
    ):
        CONVERT[row] = (op, ty)
    for prefix, ty in TYPES.items():
        LOAD[name[f"{prefix}.load"]] = (ops.LOAD, ty)
        STORE[name[f"{prefix}.store"]] = ops.STORE
    for prefix in ("i32", "i64"):
        for bits, unsigned, signed, store in (
            (8, ops.ULOAD8, ops.SLOAD8, ops.ISTORE8),
            (16, ops.ULOAD16, ops.SLOAD16, ops.ISTORE16),
            (32, ops.ULOAD32, ops.SLOAD32, ops.ISTORE32),
        ):
            if bits == 32 and prefix == "i32":
                continue
            LOAD[name[f"{prefix}.load{bits}_u"]] = (unsigned, TYPES[prefix])
            LOAD[name[f"{prefix}.load{bits}_s"]] = (signed, TYPES[prefix])
            STORE[name[f"{prefix}.store{bits}"]] = store


_fill()
