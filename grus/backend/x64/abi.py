"""Calling conventions of x86-64: where arguments and results are, and who keeps which register.

| convention | arguments | results | kept by the callee |
|---|---|---|---|
| `system_v`, `fast` | rdi rsi rdx rcx r8 r9, xmm0-7, stack | rax rdx, xmm0-1 | rbx rbp r12-r15 |
| `tail` | the same, popped by the callee | rax rcx rdx rsi rdi r8 r9 r10, xmm0-7 | the same |
| `windows_fastcall` | rcx rdx r8 r9 or xmm0-3 by position | rax, xmm0 | also rdi rsi xmm6-15 |
| `preserve_all` | as `system_v` | none | everything |
| `winch` | as `system_v` | the last one: rax or xmm0 | nothing but rbp |

Sources: System V psABI 1.0 §3.2; Microsoft, "x64 calling convention"; docs/abi.md for `tail`.
Results that do not fit in registers: `tail` puts them in memory which the caller reserves above
its stack arguments; the others take a hidden pointer to memory for them as first argument. `winch`
packs them there, the first at the highest address (8 bytes each when some result is extended).
An i128 is two integers; in `system_v` it is never split between registers and memory. In
`windows_fastcall` values of 128 bits are passed by pointer to a copy that the caller makes, and an
i128 is returned in xmm0, unless the setting `enable_llvm_abi_extensions` makes them two integers.
"""

from __future__ import annotations

from grus.backend.regalloc.types import FLOAT, INT, Machine
from grus.backend.x64.regs import (
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    RAX,
    RBX,
    RCX,
    RDI,
    RDX,
    RSI,
    XMM0,
)
from grus.base.errors import Unsupported
from grus.ir import types as T
from grus.ir.function import AbiParam, Signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NUM_PREGS: Final = 32
ALL_XMM: Final = 0xFFFF << XMM0

_SYSTEM_V_INTS: Final = (RDI, RSI, RDX, RCX, R8, R9)
_SYSTEM_V_FLOATS: Final = tuple(range(XMM0, XMM0 + 8))
_WINDOWS_INTS: Final = (RCX, RDX, R8, R9)
_TAIL_RESULTS: Final = (RAX, RCX, RDX, RSI, RDI, R8, R9, R10)

_SYSTEM_V_CLOBBERS: Final = (
    sum(1 << r for r in (RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11)) | ALL_XMM
)
_WINDOWS_CLOBBERS: Final = sum(1 << r for r in (RAX, RCX, RDX, R8, R9, R10, R11)) | (0x3F << XMM0)
ALLOCATABLE_INTS: Final = (*(RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11, RBX, R12, R13, R14, R15),)
ALLOCATABLE: Final = sum(1 << r for r in ALLOCATABLE_INTS) | ALL_XMM


PACKED: Final = T.I64X2
"""Type of a part that is a whole i128 in a vector register."""


class Part:
    """A register-sized piece of an argument: in `reg`, or (`reg` -1) at `offset` on the stack."""

    __slots__ = ("extend", "offset", "packed", "reg", "ty")

    def __init__(self, ty: int, reg: int, offset: int, extend: str, packed: bool = False) -> None:
        self.ty = ty
        self.reg = reg
        self.offset = offset
        self.extend = extend
        self.packed = packed  # in memory it takes the bytes of its type, not 8


class Layout:
    """Places of all arguments and results of a signature.

    `args[i]`, `results[i]`: the parts of each. A struct passed by value (`structs[i]` bytes) has
    one part: its copy on the stack. An argument passed by pointer has one part, the pointer, and
    `copies[i]` is where its copy is among the copies (else -1), which are `copy_bytes` long. An
    i128 result in a vector register has one part of type `PACKED`. `stack_args`: bytes of stack
    arguments. `stack_results`: bytes of results in memory; they stand at `stack_args` (tail), or
    behind the hidden pointer in `result_pointer` (-1: none).
    """

    __slots__ = (
        "args",
        "callee_pops",
        "clobbers",
        "copies",
        "copy_bytes",
        "result_pointer",
        "results",
        "shadow",
        "stack_args",
        "stack_results",
        "structs",
    )

    def __init__(self) -> None:
        self.args: list[list[Part]] = []
        self.results: list[list[Part]] = []
        self.structs: list[int] = []
        self.copies: list[int] = []
        self.copy_bytes = 0
        self.stack_args = 0
        self.stack_results = 0
        self.result_pointer = -1
        self.callee_pops = False
        self.clobbers = 0
        self.shadow = 0


def pieces(ty: int) -> list[int]:
    """The types of the registers that hold a value."""
    return [T.I64, T.I64] if ty == T.I128 else [ty]


def layout(sig: Signature, extensions: bool = False) -> Layout:
    """Where the arguments and results of `sig` are. Raises Unsupported."""
    conv = sig.call_conv
    out = Layout()
    windows = conv == "windows_fastcall"
    if conv not in ("system_v", "fast", "tail", "windows_fastcall", "preserve_all", "winch"):
        raise Unsupported(f"the calling convention {conv} on x86-64")
    out.callee_pops = conv == "tail"
    out.clobbers = clobbers(conv)
    _results(sig, conv, out, extensions)
    ints = _WINDOWS_INTS if windows else _SYSTEM_V_INTS
    floats = tuple(range(XMM0, XMM0 + 4)) if windows else _SYSTEM_V_FLOATS
    int_at = 0
    float_at = 0
    stack = 0
    if windows:
        out.shadow = 32
        stack = 32
    if out.stack_results and conv != "tail":
        out.result_pointer = ints[0]
        int_at = 1
        float_at = 1 if windows else 0
    for param in sig.params:
        if param.purpose == "sarg":
            stack = (stack + 7) & -8
            out.args.append([Part(T.I64, -1, stack, "")])
            out.structs.append(param.size)
            out.copies.append(-1)
            stack += (param.size + 7) & -8
            continue
        out.structs.append(0)
        types = _pieces(param)
        pointed = windows and not extensions and T.BITS[param.ty] > 64
        if pointed:
            types = [T.I64]
            out.copies.append(out.copy_bytes)
            out.copy_bytes += 16
        else:
            out.copies.append(-1)
        parts: list[Part] = []
        if T.is_int(types[0]):
            if int_at + len(types) <= len(ints):
                for ty in types:
                    parts.append(Part(ty, ints[int_at], 0, param.extend))
                    int_at += 1
                    if windows:
                        float_at = int_at
        elif float_at < len(floats):
            parts.append(Part(types[0], floats[float_at], 0, ""))
            float_at += 1
            if windows:
                int_at = float_at
        if not parts:
            size = 16 if T.BITS[param.ty] > 64 and not pointed else 8
            stack = (stack + size - 1) & -size
            for ty in types:
                parts.append(Part(ty, -1, stack, param.extend))
                stack += max(8, T.BITS[ty] >> 3)
        out.args.append(parts)
    out.stack_args = (stack + 15) & -16
    return out


def _pieces(param: AbiParam) -> list[int]:
    """The types of the parts of an argument or result. Raises Unsupported."""
    if T.BITS[param.ty] > 128 or T.is_dynamic(param.ty):
        raise Unsupported(f"{T.NAMES[param.ty]} as argument or result")
    return pieces(param.ty)


def _winch_results(sig: Signature, out: Layout) -> None:
    packed = not any([r.extend or r.ty == T.F16 for r in sig.returns])
    at = 0
    for index, result in enumerate(sig.returns):
        [ty, *more] = _pieces(result)
        if more:
            raise Unsupported("an i128 as result in winch")
        if index == len(sig.returns) - 1:
            reg = RAX if T.is_int(ty) else XMM0
            out.results.append([Part(ty, reg, 0, result.extend)])
            continue
        size = T.BITS[ty] >> 3
        if not packed:
            size = max(size, 8)
            at = (at + size - 1) & -size
        out.results.append([Part(ty, -1, at + size, result.extend, packed)])
        at += size
    for [part] in out.results:
        if part.reg < 0:
            part.offset = at - part.offset
    out.stack_results = (at + 15) & -16


def _results(sig: Signature, conv: str, out: Layout, extensions: bool) -> None:
    if conv == "winch":
        _winch_results(sig, out)
        return
    if conv == "tail":
        ints: tuple[int, ...] = _TAIL_RESULTS
        floats = _SYSTEM_V_FLOATS
    elif conv == "windows_fastcall":
        ints = (RAX,)
        floats = (XMM0,)
    else:
        ints = (RAX, RDX, RCX) if extensions else (RAX, RDX)
        floats = (XMM0, XMM0 + 1)
    if conv == "preserve_all" and sig.returns:
        raise Unsupported("results in preserve_all")
    int_at = 0
    float_at = 0
    memory = 0
    for result in sig.returns:
        types = _pieces(result)
        if len(types) == 2 and conv == "windows_fastcall" and not extensions:
            types = [PACKED]
        parts: list[Part] = []
        if T.is_int(types[0]):
            if int_at + len(types) <= len(ints):
                for ty in types:
                    parts.append(Part(ty, ints[int_at], 0, result.extend))
                    int_at += 1
        elif float_at < len(floats):
            parts.append(Part(types[0], floats[float_at], 0, ""))
            float_at += 1
        if not parts:
            size = 16 if T.BITS[result.ty] > 64 else 8
            memory = (memory + size - 1) & -size
            for ty in pieces(result.ty):
                parts.append(Part(ty, -1, memory, result.extend))
                memory += max(8, T.BITS[ty] >> 3)
        out.results.append(parts)
    out.stack_results = (memory + 15) & -16


def clobbers(conv: str) -> int:
    """Mask of the registers that a call destroys."""
    if conv == "windows_fastcall":
        return _WINDOWS_CLOBBERS
    if conv == "preserve_all":
        return 0
    if conv == "winch":
        return ALLOCATABLE
    return _SYSTEM_V_CLOBBERS


def machine(conv: str, pinned: bool) -> Machine:
    """The registers for allocation in a function of this convention."""
    classes = [INT] * 16 + [FLOAT] * 16
    kept = ALLOCATABLE & ~clobbers(conv)
    ints = [r for r in ALLOCATABLE_INTS if not (pinned and r == R15)]
    ints.sort(key=lambda r: kept >> r & 1)  # stable: those of the caller first
    floats = list(range(XMM0, XMM0 + 16))
    floats.sort(key=lambda r: kept >> r & 1)
    return Machine(classes, [ints, floats], kept)
