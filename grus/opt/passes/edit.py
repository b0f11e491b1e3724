"""What passes share: replacing values, knowing effects, reading and making constants.

A pass replaces a value by turning it into an ALIAS of another, and takes it out of its block.
Whoever reads operands resolves them on the way; `resolve_operands` does it for a whole function.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import (
    NIL,
    Block,
    BlockCall,
    CallInfo,
    Function,
    MemFlags,
    Value,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_EFFECTS: Final = ops.TRAPS | ops.READS | ops.WRITES | ops.SIDE_EFFECT | ops.TERMINATOR

PURE: Final = 0  # its result follows from its operands alone
MERGEABLE: Final = 1  # may trap; superfluous below an equal one
LOAD: Final = 2  # a plain load
STORE: Final = 3  # a plain store
BARRIER: Final = 4  # a call, an atomic access, a fence: may write all memory
OPAQUE: Final = 5  # not to be touched, but leaves memory alone
END: Final = 6  # a terminator that leaves memory alone
CALL_END: Final = 7  # a terminator that calls

_NOT_MEMORY: Final = (ops.GET_PINNED_REG, ops.SET_PINNED_REG)


def _kind(op: int) -> int:
    flags = ops.FLAGS[op]
    if flags & ops.TERMINATOR:
        return CALL_END if flags & ops.IS_CALL else END
    effects = flags & _EFFECTS
    if not effects:
        return PURE
    if effects == ops.TRAPS:
        return MERGEABLE
    if effects == ops.READS:
        return LOAD
    if effects == ops.WRITES:
        return STORE
    return OPAQUE if op in _NOT_MEMORY else BARRIER


KIND: Final[list[int]] = [_kind(op) for op in range(len(ops.ROWS))]
"""What a pass may do with an opcode: one of the constants above."""
KIND[ops.NOP] = OPAQUE

_FLOAT_CONSTANTS: Final = {
    T.F16: ops.F16CONST,
    T.F32: ops.F32CONST,
    T.F64: ops.F64CONST,
}
_CONSTANTS: Final = frozenset(
    (ops.ICONST, ops.F16CONST, ops.F32CONST, ops.F64CONST, ops.F128CONST, ops.VCONST)
)
IS_CONSTANT: Final[list[bool]] = [op in _CONSTANTS for op in range(len(ops.ROWS))]


# ---- replacing ----


def replace(value: Value, by: Value) -> None:
    """Let `value` stand for `by`. The caller takes it out of its block."""
    value.op = ops.ALIAS
    value.a = by
    value.b = NIL
    value.c = NIL
    value.args = ()
    value.ext = None


def resolve(value: Value) -> Value:
    """What `value` stands for; shortens the way there for the next one who asks."""
    root = value
    while root.op == ops.ALIAS:
        root = root.a
    while value is not root:
        value.a, value = root, value.a
    return root


def resolve_inst(inst: Value) -> None:
    """Resolve the operands of one instruction, arguments of targets included."""
    if inst.a.op == ops.ALIAS:
        inst.a = resolve(inst.a)
    if inst.b.op == ops.ALIAS:
        inst.b = resolve(inst.b)
    if inst.c.op == ops.ALIAS:
        inst.c = resolve(inst.c)
    if inst.args:
        for arg in inst.args:
            if arg.op == ops.ALIAS:
                inst.args = tuple([resolve(v) for v in inst.args])
                break
    for target in inst.targets:
        resolve_args(target)
    if inst.targets and isinstance(inst.ext, CallInfo):
        for handler in inst.ext.handlers:
            handler.value = resolve(handler.value)


def resolve_args(target: BlockCall) -> None:
    """Resolve the arguments of a branch target."""
    args = target.args
    for index, arg in enumerate(args):
        if arg.op == ops.ALIAS:
            args[index] = resolve(arg)


def resolve_operands(func: Function) -> None:
    """Resolve every operand of a function."""
    for block in func.blocks:
        for inst in block.insts:
            resolve_inst(inst)


# ---- branches ----

_SAME_TRUTH: Final = frozenset((ops.UEXTEND, ops.SEXTEND, ops.BMASK, ops.INEG))


def peel(condition: Value) -> tuple[Value, bool]:
    """What decides a condition, and whether it is the other way round."""
    inverted = False
    while True:
        if condition.op in _SAME_TRUTH:
            condition = condition.a
        elif (
            condition.op == ops.ICMP
            and condition.imm <= ops.NE
            and condition.b.op == ops.ICONST
            and condition.b.imm == 0
        ):
            inverted ^= condition.imm == ops.EQ
            condition = condition.a
        else:
            return condition, inverted


def exceeding(condition: Value) -> tuple[Value, int, Value] | None:
    """The x, k and y of an unsigned comparison that says x + k > y; None for other conditions."""
    if condition.op == ops.ICMP:
        code = condition.imm
        if code in (ops.UGT, ops.UGE):
            return condition.a, int(code == ops.UGE), condition.b
        if code in (ops.ULT, ops.ULE):
            return condition.b, int(code == ops.ULE), condition.a
    return None


def pinned_blocks(func: Function) -> set[int]:
    """Numbers of blocks that instructions name other than by branching there."""
    return {
        inst.ext.num
        for block in func.blocks
        for inst in block.insts
        if inst.op == ops.GET_EXCEPTION_HANDLER_ADDRESS and isinstance(inst.ext, Block)
    }


def to_jump(inst: Value, target: BlockCall) -> None:
    """Turn a branch into a jump."""
    inst.op = ops.JUMP
    inst.a = NIL
    inst.ext = None
    inst.targets = (target,)


def remove_params(block: Block, calls: list[BlockCall], keep: list[bool]) -> None:
    """Remove the parameters of `block` that are not in `keep`, and their arguments in `calls`."""
    block.params = [param for param in block.params if keep[param.imm]]
    for call in calls:
        call.args = [arg for index, arg in enumerate(call.args) if keep[index]]
    for index, param in enumerate(block.params):
        param.imm = index


# ---- constants ----


def const_bits(value: Value) -> int | None:
    """The unsigned bit pattern of a constant; None when it is none."""
    op = value.op
    if op == ops.ICONST:
        return value.imm & ((1 << T.BITS[value.ty]) - 1)
    if not IS_CONSTANT[op]:
        return None
    if isinstance(value.ext, bytes):
        return int.from_bytes(value.ext, "little")
    return value.imm & ((1 << T.BITS[value.ty]) - 1)


def make_constant(func: Function, block: Block, ty: int, bits: int) -> Value | None:
    """A new constant, in no list yet; None for a type that has no constants."""
    width = T.BITS[ty]
    if T.is_int(ty):
        if width > 64:
            return None
        value = func.new_value(ops.ICONST, ty, block)
        value.imm = bits - (bits >> (width - 1) << width)
        return value
    if ty in _FLOAT_CONSTANTS:
        value = func.new_value(_FLOAT_CONSTANTS[ty], ty, block)
        value.imm = bits
        return value
    if ty != T.F128 and not T.is_vector(ty):
        return None
    value = func.new_value(ops.F128CONST if ty == T.F128 else ops.VCONST, ty, block)
    value.ext = bits.to_bytes(width >> 3, "little")
    return value


# ---- effects ----


def is_pure_load(inst: Value) -> bool:
    """True for a load whose result follows from its address alone, wherever it stands."""
    flags = inst.ext
    return (
        isinstance(flags, MemFlags)
        and KIND[inst.op] == LOAD
        and flags.readonly
        and flags.can_move
        and not flags.trap
    )


def cannot_trap(inst: Value) -> bool:
    """True when an instruction of kind MERGEABLE never traps, by its constant divisor."""
    divisor = inst.b
    if divisor.op != ops.ICONST or divisor.imm == 0:
        return False
    if inst.op in (ops.UDIV, ops.UREM, ops.SREM):
        return True
    return inst.op == ops.SDIV and divisor.imm != -1


def is_removable(inst: Value) -> bool:
    """True when nothing is lost with an instruction whose results nobody uses."""
    kind = KIND[inst.op]
    if kind == PURE:
        return True
    if kind == LOAD:
        return isinstance(inst.ext, MemFlags) and not inst.ext.trap
    if kind == MERGEABLE:
        return cannot_trap(inst)
    return inst.op in (ops.GET_PINNED_REG, ops.NOP)
