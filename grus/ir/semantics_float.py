"""Meanings of the float opcodes (see `meanings.py`).

Sign operations, comparisons, minimum and maximum are written on bit patterns and hold in every
domain. Rounding arithmetic goes through `Domain.apply` to `softfloat`, which states the NaN
rules.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir import softfloat as sf
from grus.ir.domain import B, Domain
from grus.ir.meanings import Shape, lanewise, whole
from grus.ir.semantics_int import truthy
from grus.ir.softfloat import FORMATS

# ---- rounding arithmetic ----


@lanewise(ops.FADD)
def fadd(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.apply(sf.add, s.w, (FORMATS[s.w],), x, y)


@lanewise(ops.FSUB)
def fsub(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.apply(sf.sub, s.w, (FORMATS[s.w],), x, y)


@lanewise(ops.FMUL)
def fmul(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.apply(sf.mul, s.w, (FORMATS[s.w],), x, y)


@lanewise(ops.FDIV)
def fdiv(d: Domain[B], s: Shape, x: B, y: B) -> B:
    return d.apply(sf.div, s.w, (FORMATS[s.w],), x, y)


@lanewise(ops.SQRT)
def sqrt(d: Domain[B], s: Shape, x: B) -> B:
    return d.apply(sf.sqrt, s.w, (FORMATS[s.w],), x)


@lanewise(ops.FMA)
def fma(d: Domain[B], s: Shape, x: B, y: B, z: B) -> B:
    return d.apply(sf.fma, s.w, (FORMATS[s.w],), x, y, z)


@lanewise(ops.CEIL)
def ceil(d: Domain[B], s: Shape, x: B) -> B:
    return d.apply(sf.to_integral, s.w, (FORMATS[s.w], sf.CEIL), x)


@lanewise(ops.FLOOR)
def floor(d: Domain[B], s: Shape, x: B) -> B:
    return d.apply(sf.to_integral, s.w, (FORMATS[s.w], sf.FLOOR), x)


@lanewise(ops.TRUNC)
def trunc(d: Domain[B], s: Shape, x: B) -> B:
    return d.apply(sf.to_integral, s.w, (FORMATS[s.w], sf.TRUNC), x)


@lanewise(ops.NEAREST)
def nearest(d: Domain[B], s: Shape, x: B) -> B:
    return d.apply(sf.to_integral, s.w, (FORMATS[s.w], sf.NEAREST), x)


# ---- on bit patterns ----


@lanewise(ops.FNEG)
def fneg(d: Domain[B], s: Shape, x: B) -> B:
    return d.xor(s.w, x, d.const(s.w, FORMATS[s.w].sign))


@lanewise(ops.FABS)
def fabs(d: Domain[B], s: Shape, x: B) -> B:
    return d.and_(s.w, x, d.const(s.w, FORMATS[s.w].magnitude))


@lanewise(ops.FCOPYSIGN)
def fcopysign(d: Domain[B], s: Shape, x: B, y: B) -> B:
    f = FORMATS[s.w]
    magnitude = d.and_(s.w, x, d.const(s.w, f.magnitude))
    return d.or_(s.w, magnitude, d.and_(s.w, y, d.const(s.w, f.sign)))


def _is_nan(d: Domain[B], w: int, x: B) -> B:
    f = FORMATS[w]
    return d.ult(w, d.const(w, f.infinity), d.and_(w, x, d.const(w, f.magnitude)))


def _order(d: Domain[B], w: int, x: B, minus_zero_below: bool) -> B:
    """A signed integer that orders numbers as floats: the magnitude, negated when negative.
    -0 gives 0 as +0 does, or -1 (one's complement) if it is to be below +0."""
    f = FORMATS[w]
    magnitude = d.and_(w, x, d.const(w, f.magnitude))
    if minus_zero_below:
        negative = d.not_(w, magnitude)
    else:
        negative = d.sub(w, d.const(w, 0), magnitude)
    return d.ite(w, d.extract(w - 1, w - 1, x), negative, magnitude)


@lanewise(ops.FCMP)
def fcmp(d: Domain[B], s: Shape, x: B, y: B) -> B:
    w = s.src
    unordered = d.or_(1, _is_nan(d, w, x), _is_nan(d, w, y))
    cc = s.imm
    if cc == ops.F_UNO:
        return truthy(d, s, unordered)
    ordered = d.not_(1, unordered)
    if cc == ops.F_ORD:
        return truthy(d, s, ordered)
    a, b = _order(d, w, x, False), _order(d, w, y, False)
    if cc in (ops.F_EQ, ops.F_NE, ops.F_ONE, ops.F_UEQ):
        holds = d.eq(w, a, b)
    elif cc in (ops.F_LT, ops.F_ULT, ops.F_GE, ops.F_UGE):
        holds = d.slt(w, a, b)
    else:
        holds = d.slt(w, b, a)
    if cc in (ops.F_NE, ops.F_ONE, ops.F_LE, ops.F_ULE, ops.F_GE, ops.F_UGE):
        holds = d.not_(1, holds)
    if cc in (ops.F_EQ, ops.F_ONE, ops.F_LT, ops.F_LE, ops.F_GT, ops.F_GE):
        return truthy(d, s, d.and_(1, ordered, holds))
    return truthy(d, s, d.or_(1, unordered, holds))


def _extreme(d: Domain[B], w: int, x: B, y: B, x_wins: B) -> B:
    """The first NaN made quiet, else x or y."""
    quiet = d.const(w, FORMATS[w].quiet)
    winner = d.ite(w, x_wins, x, y)
    winner = d.ite(w, _is_nan(d, w, y), d.or_(w, y, quiet), winner)
    return d.ite(w, _is_nan(d, w, x), d.or_(w, x, quiet), winner)


@lanewise(ops.FMIN)
def fmin(d: Domain[B], s: Shape, x: B, y: B) -> B:
    w = s.w
    return _extreme(d, w, x, y, d.slt(w, _order(d, w, x, True), _order(d, w, y, True)))


@lanewise(ops.FMAX)
def fmax(d: Domain[B], s: Shape, x: B, y: B) -> B:
    w = s.w
    return _extreme(d, w, x, y, d.slt(w, _order(d, w, y, True), _order(d, w, x, True)))


# ---- conversions ----


@whole(ops.FPROMOTE)
def fpromote(d: Domain[B], s: Shape, x: B) -> B:
    return d.apply(sf.convert, s.w, (FORMATS[s.src], FORMATS[s.w]), x)


@whole(ops.FDEMOTE)
def fdemote(d: Domain[B], s: Shape, x: B) -> B:
    return d.apply(sf.convert, s.w, (FORMATS[s.src], FORMATS[s.w]), x)


@whole(ops.FVDEMOTE)
def fvdemote(d: Domain[B], s: Shape, x: B) -> B:
    low = [
        d.apply(sf.convert, s.w, (FORMATS[s.src], FORMATS[s.w]), lane)
        for lane in d.split(s.src, s.src_lanes, x)
    ]
    return d.join(s.w, low + [d.const(s.w, 0)] * (s.lanes - len(low)))


@whole(ops.FVPROMOTE_LOW)
def fvpromote_low(d: Domain[B], s: Shape, x: B) -> B:
    return d.join(
        s.w,
        [
            d.apply(sf.convert, s.w, (FORMATS[s.src], FORMATS[s.w]), lane)
            for lane in d.split(s.src, s.lanes, x)
        ],
    )


# Conversions to i128 go through the signed range, also for an unsigned result and before the check
# for overflow: Cranelift implements them in its interpreter only, and so do its tests have it.


def _to_int(d: Domain[B], s: Shape, is_signed: bool, x: B) -> B:
    f = FORMATS[s.src]
    d.trap_if(_is_nan(d, s.src, x), ops.TRAP_BAD_CONVERSION)
    if s.w == 128:
        value = d.apply(sf.to_int_sat, 128, (f, 128, True), x)
        if not is_signed:
            d.trap_if(d.extract(127, 127, value), ops.TRAP_INTEGER_OVERFLOW)
        return value
    in_range = d.apply(sf.int_in_range, 1, (f, s.w, is_signed), x)
    d.trap_if(d.not_(1, in_range), ops.TRAP_INTEGER_OVERFLOW)
    return d.apply(sf.to_int_sat, s.w, (f, s.w, is_signed), x)


@whole(ops.FCVT_TO_UINT)
def fcvt_to_uint(d: Domain[B], s: Shape, x: B) -> B:
    return _to_int(d, s, False, x)


@whole(ops.FCVT_TO_SINT)
def fcvt_to_sint(d: Domain[B], s: Shape, x: B) -> B:
    return _to_int(d, s, True, x)


@lanewise(ops.FCVT_TO_UINT_SAT)
def fcvt_to_uint_sat(d: Domain[B], s: Shape, x: B) -> B:
    if s.w == 128:
        value = d.apply(sf.to_int_sat, 128, (FORMATS[s.src], 128, True), x)
        return d.ite(128, d.extract(127, 127, value), d.const(128, 0), value)
    return d.apply(sf.to_int_sat, s.w, (FORMATS[s.src], s.w, False), x)


@lanewise(ops.FCVT_TO_SINT_SAT)
def fcvt_to_sint_sat(d: Domain[B], s: Shape, x: B) -> B:
    return d.apply(sf.to_int_sat, s.w, (FORMATS[s.src], s.w, True), x)


@lanewise(ops.X86_CVTT2DQ)
def x86_cvtt2dq(d: Domain[B], s: Shape, x: B) -> B:
    f = FORMATS[s.src]
    in_range = d.apply(sf.int_in_range, 1, (f, s.w, True), x)
    value = d.apply(sf.to_int_sat, s.w, (f, s.w, True), x)
    return d.ite(s.w, in_range, value, d.const(s.w, 1 << (s.w - 1)))


@lanewise(ops.FCVT_FROM_UINT)
def fcvt_from_uint(d: Domain[B], s: Shape, x: B) -> B:
    return d.apply(sf.from_int, s.w, (FORMATS[s.w], s.src, False), x)


@lanewise(ops.FCVT_FROM_SINT)
def fcvt_from_sint(d: Domain[B], s: Shape, x: B) -> B:
    return d.apply(sf.from_int, s.w, (FORMATS[s.w], s.src, True), x)
