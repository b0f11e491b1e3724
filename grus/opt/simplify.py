"""The simplifier: one value at a time, by the rules of `rules/`.

A pass walks the instructions of a function in an order in which operands come before their uses,
and asks `Simplifier.apply` about each. Constants are folded by the meanings of `ir.semantics`,
operands that may be swapped stand with constants last, and everything else is a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from grus.ir import opcodes as ops
from grus.ir import softfloat
from grus.ir import types as T
from grus.ir.bits import MASK, signed
from grus.ir.function import NIL, Block, Function, MemFlags, Value
from grus.ir.semantics import MEANINGS, fold
from grus.opt.lang.cache import disabled_rules, load, made
from grus.opt.lang.terms import RuleSet
from grus.opt.steps import STEPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_CONSTANTS: Final = frozenset((ops.ICONST, ops.F16CONST, ops.F32CONST, ops.F64CONST, ops.VCONST))
_PLAIN: Final = frozenset((ops.ICMP, ops.FCMP, ops.PARAM, ops.PROJ, ops.LOAD, ops.ICONST))
"""Conditions that are not looked at."""
MAX_DEPTH: Final = 12
"""Rules that fire on what a rule made, at most."""

_COMMUTES: Final[list[bool]] = [
    bool(row.flags & ops.COMMUTES) and not row.name.startswith("f") for row in ops.ROWS
]
"""Not floats: which NaN comes out depends on the order."""

Matcher = Callable[["Simplifier", Value], "Value | None"]
_loaded: list[ModuleType] = []
_fired: list[int] = [0] * 2000
"""How often each rule had fired at the last step that was counted."""


def _rules() -> RuleSet:
    from grus.opt.rules.base import all_rules

    return all_rules()


def _sources() -> list[str]:
    from grus.opt.rules.base import sources

    return sources()


def load_rules(disabled: frozenset[str] = frozenset()) -> ModuleType:
    """The compiled rules, loaded once; anew, and without the `disabled` ones, when some are given.

    Raises RuleError for a name that no rule has.
    """
    if disabled:
        from grus.opt.rules.base import without

        return made(without(disabled), lowering=False)
    return load("simplify_rules", _sources, _rules, lowering=False)


def rules() -> ModuleType:
    """The compiled rules that simplifiers use: without those of `disabled_rules`."""
    if not _loaded:
        names = disabled_rules()
        _loaded.append(load_rules(frozenset([name for name in names if ":" not in name])))
    return _loaded[0]


def use_rules(module: ModuleType) -> None:
    """Simplifiers made from now on use this result of `load_rules`."""
    _loaded[:] = [module]


def rule_stats() -> list[tuple[str, int]]:
    """Every rule with its place, and how often it fired in this process."""
    module = rules()
    return list(zip(module.NAMES, module.FIRED, strict=True))


class Simplifier:
    """Simplifies values of `func`.

    `budget` is how many more times rules may fire; nothing changes when it is used up. `uses`
    counts the uses of each value by `num`, as they were when the simplifier was made, and what
    takes the place of a value takes its uses (`made_uses` for what is new): rules that only pay
    when an inner instruction dies ask it. `placed` are the values that the last `apply`
    put into the block.
    """

    __slots__ = (
        "_depth",
        "_loc",
        "_made",
        "_table",
        "budget",
        "func",
        "made_uses",
        "placed",
        "uses",
    )

    def __init__(self, func: Function) -> None:
        self.func = func
        self.budget = 0 if STEPS.spent() else 1000 + 16 * func.num_values
        self.uses = _count_uses(func)
        self.made_uses: dict[int, int] = {}
        self.placed: list[Value] = []
        self._made: list[Value] = []
        self._depth = 0
        self._loc = 0
        self._table: list[Matcher | None] = rules().TABLE

    def apply(self, value: Value) -> Value | None:
        """An equivalent of `value` that is simpler, or None. The operands are simplified already.

        What is new stands in the block of `value` before it (before its instruction, when `value`
        is a result of one with several), is simplified, and is in `placed`.
        """
        if self.budget <= 0:
            return None
        new = self._step(value)
        if new is None:
            if self._made:
                self._made = []
            return None
        if self._made:
            self._loc = value.loc
            self._place(new, value.a if value.op == ops.PROJ else value)
        else:
            self.placed = []
        uses = self.uses
        count = len(uses) - 1
        moved = uses[value.num] if value.num < count else self.made_uses.get(value.num, 1)
        if new.num < count:
            uses[new.num] += moved
        else:
            self.made_uses[new.num] = self.made_uses.get(new.num, 0) + moved
        if STEPS.limit >= 0:
            self._count(value, new)
        return new

    def condition(self, inst: Value) -> Value | None:
        """For a `brif`, `trapz` or `trapnz`: a simpler value that is zero when its condition is and
        only then, or None. What is new stands before `inst` and is in `placed`.

        It is what the rules make of `icmp ne condition, 0`.
        """
        condition = inst.a
        if self.budget <= 0 or condition.op in _PLAIN or condition.ty == T.I128:
            return None
        zero = self.pattern(condition.ty, 0)
        test = Value(ops.ICMP, T.I8, self.func.num_values, inst.block)
        self.func.num_values += 1
        test.imm = ops.NE
        test.a = condition
        test.b = zero
        new = self._step(test)
        if new is not None and new.op == ops.ICMP and new.imm == ops.NE:
            if new.b.op == ops.ICONST and new.b.imm == 0:
                new = new.a
        if new is None or new is condition:
            self._made = []
            return None
        self._loc = inst.loc
        self._place(new, inst)
        if STEPS.limit >= 0:
            self._count(condition, new)
        return new

    def _count(self, value: Value, new: Value) -> None:
        """A step: `value` became `new`."""
        module = rules()
        names = [
            name
            for name, count, before in zip(module.NAMES, module.FIRED, _fired, strict=False)
            if count > before
        ]
        _fired[:] = module.FIRED
        text = f"v{value.num} = {ops.ROWS[value.op].name} became v{new.num} = "
        text = f"{text}{ops.ROWS[new.op].name} in {self.func.name}"
        STEPS.take(f"{', '.join(names) or 'a fold of constants'}: {text}")
        if STEPS.spent():
            self.budget = 0

    def _step(self, value: Value) -> Value | None:
        """One simplification of `value`, to the end."""
        a = value.a
        if a.op in _CONSTANTS or (a.ty == T.I128 and constant_bits(a) is not None):
            new = self._constant_first(value)
            if new is not None:
                return new
        matcher = self._table[value.op]
        if matcher is None:
            return None
        new = matcher(self, value)
        if new is not None:
            self.budget -= 1
        return new

    def _constant_first(self, value: Value) -> Value | None:
        """`value` folded, or with its constant operand last."""
        op = value.op
        b = value.b
        if b is NIL or constant_bits(b) is not None:
            return self._fold(value)
        if _COMMUTES[op] and value.c is NIL and not value.results:
            return self.make(op, value.ty, value.imm, b, value.a)
        if op == ops.ICMP:
            return self.make(op, value.ty, ops.INT_CC_SWAPPED[value.imm], b, value.a)
        return None

    def _fold(self, value: Value) -> Value | None:
        """The constant that an instruction on constants gives."""
        op = value.op
        ty = value.ty
        if not ty or MEANINGS[op] is None or value.args or T.is_dynamic(ty):
            return None
        if ty == T.I128 and op in (ops.UEXTEND, ops.SEXTEND, ops.ICONCAT):
            return None  # this is how an i128 constant looks
        operands = [v for v in (value.a, value.b, value.c) if v is not NIL]
        bits: list[int] = []
        for operand in operands:
            pattern = constant_bits(operand)
            if pattern is None:
                return None
            bits.append(pattern)
        ext = value.ext
        data = ext if isinstance(ext, bytes) else b""
        big = isinstance(ext, MemFlags) and ext.endian == "big"
        result = fold(op, ty, [v.ty for v in operands], bits, value.imm, data, big)
        if not isinstance(result, int):
            return None
        if T.is_float(ty) and op not in _SIGN_OPS and _is_nan(ty, result):
            return None  # which NaN it is, is the machine's to say
        self.budget -= 1
        return self.pattern(ty, result)

    # ---- what right sides are made of ----

    def make(self, op: int, ty: int, imm: int, a: Value, b: Value = NIL, c: Value = NIL) -> Value:
        """An instruction on simplified operands, simplified."""
        func = self.func
        value = Value(op, ty, func.num_values, a.block)
        func.num_values += 1
        value.imm = imm
        value.a = a
        value.b = b
        value.c = c
        if self._depth < MAX_DEPTH:
            self._depth += 1
            new = self._step(value)
            self._depth -= 1
            if new is not None:
                return new
        self._made.append(value)
        return value

    def const(self, ty: int, imm: int) -> Value:
        """An integer constant of any type; in a vector all lanes hold it."""
        lanes = T.LANES[ty]
        bits = T.BITS[ty] // lanes
        pattern = imm & MASK[bits]
        if lanes > 1:
            pattern = int.from_bytes(pattern.to_bytes(bits // 8, "little") * lanes, "little")
        return self.pattern(ty, pattern)

    def pattern(self, ty: int, bits: int) -> Value:
        """The constant of a type that has these bits."""
        if ty == T.I128:
            low = self.pattern(T.I64, bits & MASK[64])
            if bits >> 64 == 0:
                return self._new(ops.UEXTEND, ty, 0, None, low)
            if bits >> 63 == MASK[65]:
                return self._new(ops.SEXTEND, ty, 0, None, low)
            return self._new(ops.ICONCAT, ty, 0, None, low, self.pattern(T.I64, bits >> 64))
        if T.is_int(ty):
            return self._new(ops.ICONST, ty, signed(T.BITS[ty], bits), None)
        if ty in _FLOAT_CONSTANTS:
            return self._new(_FLOAT_CONSTANTS[ty], ty, bits, None)
        data = bits.to_bytes(T.size(ty), "little")
        return self._new(ops.F128CONST if ty == T.F128 else ops.VCONST, ty, 0, data)

    def _new(
        self, op: int, ty: int, imm: int, ext: object, a: Value = NIL, b: Value = NIL
    ) -> Value:
        """An instruction as it stands."""
        value = Value(op, ty, self.func.num_values, NIL.block)
        self.func.num_values += 1
        value.imm = imm
        value.ext = ext
        value.a = a
        value.b = b
        self._made.append(value)
        return value

    def dies(self, value: Value, count: int) -> bool:
        """True when `value` has no more than `count` uses, as far as is known."""
        uses = self.uses
        if value.num >= len(uses) - 1:
            return self.made_uses.get(value.num, 1) <= count
        return uses[value.num] <= count

    def _place(self, new: Value, before: Value) -> None:
        """Put what `new` needs of the made values into the block of `before`."""
        needed = {new.num}
        placed: list[Value] = []
        for value in reversed(self._made):
            if value.num in needed:
                needed.update((value.a.num, value.b.num, value.c.num))
                placed.append(value)
        placed.reverse()
        block: Block = before.block
        for value in placed:
            value.block = block
            value.loc = self._loc
        if placed:
            insts = block.insts
            at = len(insts) - 1 if insts and insts[-1] is before else insts.index(before)
            insts[at:at] = placed
        self.placed = placed
        self._made = []


def _count_uses(func: Function) -> list[int]:
    """Uses of each value, by `num`."""
    uses = [0] * (func.num_values + 1)  # the last is that of NIL, whose `num` is -1
    for block in func.blocks:
        for inst in block.insts:
            uses[inst.a.num] += 1
            uses[inst.b.num] += 1
            uses[inst.c.num] += 1
            for value in inst.args:
                uses[value.num] += 1
            for target in inst.targets:
                for value in target.args:
                    uses[value.num] += 1
    return uses


_FLOAT_CONSTANTS: Final = {
    T.F16: ops.F16CONST,
    T.F32: ops.F32CONST,
    T.F64: ops.F64CONST,
}
_SIGN_OPS: Final = frozenset((ops.FNEG, ops.FABS, ops.FCOPYSIGN, ops.BITCAST, ops.SELECT))


def constant_bits(value: Value) -> int | None:
    """The bits of a constant, None for what is none. One of i128 is an extended or two `iconst`."""
    op = value.op
    if op == ops.ICONST:
        return value.imm & MASK[T.BITS[value.ty]]
    if op == ops.F16CONST or op == ops.F32CONST or op == ops.F64CONST:
        return value.imm
    if op == ops.VCONST or op == ops.F128CONST:
        return int.from_bytes(value.ext, "little") if isinstance(value.ext, bytes) else None
    if value.ty == T.I128 and value.a.op == ops.ICONST:
        a, b = value.a, value.b
        if op == ops.UEXTEND:
            return a.imm & MASK[T.BITS[a.ty]]
        if op == ops.SEXTEND:
            return a.imm & MASK[128]
        if op == ops.ICONCAT and b.op == ops.ICONST:
            return a.imm & MASK[64] | (b.imm & MASK[64]) << 64
    return None


def _is_nan(ty: int, bits: int) -> bool:
    f = softfloat.FORMATS[T.BITS[ty]]
    return bits & f.magnitude > f.infinity
