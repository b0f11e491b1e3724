"""Instructions on 128-bit vectors, and the steps that lowering makes of them."""

from __future__ import annotations

from grus.backend.regalloc.types import def_, def_reuse, use
from grus.backend.vcode import Address
from grus.backend.x64.lower import RegMem, X64Lower
from grus.backend.x64.rows import row
from grus.base.errors import Unsupported
from grus.ir import types as T

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

B, W, D, Q = 0, 1, 2, 3  # index of lane widths
LANES: Final = "bwdq"


def _rows(name: str, lanes: str = LANES) -> list[int]:
    """The rows `name` + lane letter, -1 where there is none."""
    return [row(f"{name}{n} xmm, xmm/m128") if n in lanes else -1 for n in LANES]


def _pack(name: str) -> list[int]:
    return [row(f"{name}ps xmm, xmm/m128"), row(f"{name}pd xmm, xmm/m128")]


PADD: Final = _rows("padd")
PSUB: Final = _rows("psub")
PCMPEQ: Final = _rows("pcmpeq")
PCMPGT: Final = _rows("pcmpgt")
PMINS: Final = _rows("pmins", "bwd")
PMAXS: Final = _rows("pmaxs", "bwd")
PMINU: Final = _rows("pminu", "bwd")
PMAXU: Final = _rows("pmaxu", "bwd")
PABS: Final = _rows("pabs", "bwd")
PADDS: Final = _rows("padds", "bw")
PADDUS: Final = _rows("paddus", "bw")
PSUBS: Final = _rows("psubs", "bw")
PSUBUS: Final = _rows("psubus", "bw")
PAVG: Final = _rows("pavg", "bw")
PSLL: Final = _rows("psll", "wdq")
PSRL: Final = _rows("psrl", "wdq")
PSRA: Final = _rows("psra", "wd")
PAND: Final = row("pand xmm, xmm/m128")
POR: Final = row("por xmm, xmm/m128")
PXOR: Final = row("pxor xmm, xmm/m128")
PSHUFB: Final = row("pshufb xmm, xmm/m128")
PSHUFD: Final = row("pshufd xmm, xmm/m128, imm8")
PSHUFLW: Final = row("pshuflw xmm, xmm/m128, imm8")
PUNPCKL: Final = [row(f"punpckl{n} xmm, xmm/m128") for n in ("bw", "wd", "dq", "qdq")]
PUNPCKH: Final = [row(f"punpckh{n} xmm, xmm/m128") for n in ("bw", "wd", "dq", "qdq")]
PMOVMSKB: Final = row("pmovmskb r32, xmm")
MOVMSK: Final = [row("movmskps r32, xmm"), row("movmskpd r32, xmm")]
PMULLW: Final = row("pmullw xmm, xmm/m128")
PMULLD: Final = row("pmulld xmm, xmm/m128")
PMULUDQ: Final = row("pmuludq xmm, xmm/m128")
PMULHRSW: Final = row("pmulhrsw xmm, xmm/m128")
PMADDUBSW: Final = row("pmaddubsw xmm, xmm/m128")
PHADD: Final = [-1, row("phaddw xmm, xmm/m128"), row("phaddd xmm, xmm/m128")]
PACKSS: Final = [-1, row("packsswb xmm, xmm/m128"), row("packssdw xmm, xmm/m128")]
PACKUS: Final = [-1, row("packuswb xmm, xmm/m128"), row("packusdw xmm, xmm/m128")]
PMOVSX: Final = [row(f"pmovsx{n} xmm, xmm/m64") for n in ("bw", "wd", "dq")]
PMOVZX: Final = [row(f"pmovzx{n} xmm, xmm/m64") for n in ("bw", "wd", "dq")]
ADDP, SUBP, MULP, DIVP = _pack("add"), _pack("sub"), _pack("mul"), _pack("div")
MINP, MAXP, SQRTP = _pack("min"), _pack("max"), _pack("sqrt")
CMPP: Final = [row("cmpps xmm, xmm/m128, imm8"), row("cmppd xmm, xmm/m128, imm8")]
ROUNDP: Final = [row("roundps xmm, xmm/m128, imm8"), row("roundpd xmm, xmm/m128, imm8")]
FMADDP: Final = [
    row("vfmadd213ps xmm, xmm, xmm/m128"),
    row("vfmadd213pd xmm, xmm, xmm/m128"),
]
CVTDQ2PS: Final = row("cvtdq2ps xmm, xmm/m128")
CVTTPS2DQ: Final = row("cvttps2dq xmm, xmm/m128")
CVTPS2PD: Final = row("cvtps2pd xmm, xmm/m64")
CVTPD2PS: Final = row("cvtpd2ps xmm, xmm/m128")
CVTTPD2DQ: Final = row("cvttpd2dq xmm, xmm/m128")
CVTDQ2PD: Final = row("cvtdq2pd xmm, xmm/m64")
PMADDWD: Final = row("pmaddwd xmm, xmm/m128")
PMULDQ: Final = row("pmuldq xmm, xmm/m128")
PMULHW: Final = row("pmulhw xmm, xmm/m128")
PMULHUW: Final = row("pmulhuw xmm, xmm/m128")
PALIGNR: Final = row("palignr xmm, xmm/m128, imm8")
SHUFPS: Final = row("shufps xmm, xmm/m128, imm8")


def lane_index(ty: int) -> int:
    """0 to 3 for lanes of 8 to 64 bits. Raises Unsupported when the vector is not 128 bits."""
    if T.BITS[ty] != 128 or T.is_dynamic(ty):
        raise Unsupported(f"{T.NAMES[ty]} on x86-64")
    return {8: 0, 16: 1, 32: 2, 64: 3}[T.BITS[T.LANE[ty]]]


def double(ty: int) -> int:
    """0 for f32x4, 1 for f64x2. Raises Unsupported."""
    if ty == T.F32X4:
        return 0
    if ty == T.F64X2:
        return 1
    raise Unsupported(f"{T.NAMES[ty]} on x86-64")


def has(x: X64Lower, feature: str) -> bool:
    """Whether the processor has it."""
    return bool(x.settings.values[f"has_{feature}"])


def two(x: X64Lower, row: int, a: int, b: RegMem, dst: int = -1, imm: int = 0) -> int:
    """dst = a op b; a fresh register if none is given. Memory must be aligned."""
    if dst < 0:
        dst = x.c.new_float()
    operands = [use(a), def_reuse(dst, 0)]
    if isinstance(b, Address):
        x.emit_rm(row, operands, b, imm)
    else:
        operands.append(use(b))
        x.emit(row, operands, imm)
    return dst


def one(x: X64Lower, row: int, a: int, dst: int = -1, imm: int = 0) -> int:
    """dst = op a."""
    if dst < 0:
        dst = x.c.new_float()
    x.emit(row, [def_(dst), use(a)], imm)
    return dst


def shift_imm(x: X64Lower, name: str, a: int, count: int, dst: int = -1) -> int:
    """A shift by a constant."""
    if dst < 0:
        dst = x.c.new_float()
    x.emit(row(f"{name} xmm, imm8"), [use(a), def_reuse(dst, 0)], count)
    return dst


def zero(x: X64Lower) -> int:
    dst = x.c.new_float()
    x.zero_float(dst)
    return dst


def constant(x: X64Lower, data: bytes) -> Address:
    """16 bytes, repeated from `data`."""
    return x.pool(data * (16 // len(data)))


def ones(x: X64Lower) -> Address:
    return constant(x, b"\xff")


def invert(x: X64Lower, a: int, dst: int) -> None:
    two(x, PXOR, a, ones(x), dst)


def blend(x: X64Lower, mask: int, a: int, b: int, dst: int) -> None:
    """dst = a where the mask is set, else b."""
    both = two(x, PXOR, a, b)
    two(x, PXOR, two(x, PAND, both, mask), b, dst)


def insert_long(x: X64Lower, src: int, value: int, index: int, dst: int) -> None:
    """`src` with one half replaced by the lower half of `value`."""
    if index:
        two(x, PUNPCKL[Q], src, value, dst)
    else:
        x.emit(row("movsd xmm, xmm"), [use(src), def_reuse(dst, 0), use(value)])
