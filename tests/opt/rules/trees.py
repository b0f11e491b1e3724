"""Expressions for tests of rules: made of a left side, simplified, evaluated."""

from __future__ import annotations

from collections.abc import Iterator

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.bits import MASK, signed
from grus.ir.domain import InterpreterTrap
from grus.ir.function import NIL, Function, Signature, Value
from grus.ir.semantics import CONCRETE, Shape, evaluator
from grus.opt import prove
from grus.opt.lang.infer import values
from grus.opt.lang.terms import OP, VAR, Rule, Term
from grus.opt.simplify import Simplifier, constant_bits


class Tree:
    """A function of one block whose parameters are the leaves of an expression."""

    def __init__(self) -> None:
        self.func = Function("%tree", Signature())
        self.block = self.func.add_block()

    def param(self, ty: int) -> Value:
        return self.func.add_param(self.block, ty)

    def make(self, op: int, ty: int, *operands: Value, imm: int = 0) -> Value:
        value = self.func.new_value(op, ty, self.block)
        value.a, value.b, value.c = (*operands, NIL, NIL, NIL)[:3]
        value.imm = imm
        self.block.insts.append(value)
        return value

    def const(self, ty: int, bits: int) -> Value:
        return self.make(ops.ICONST, ty, imm=signed(T.BITS[ty], bits))

    def simplified(self, simplifier: Simplifier | None = None) -> dict[int, Value]:
        """What each instruction and result became, operands first."""
        simplifier = simplifier or Simplifier(self.func)
        became: dict[int, Value] = {}
        for value in list(self.block.insts):
            value.a = became.get(value.a.num, value.a)
            value.b = became.get(value.b.num, value.b)
            value.c = became.get(value.c.num, value.c)
            for item in value.results or (value,):
                new = simplifier.apply(item)
                if new is not None:
                    became[item.num] = new
        return became


def evaluate(value: Value, known: dict[int, int]) -> tuple[str, int]:
    """The bits of a value, or its trap, when parameters have these bits (by `num`)."""
    results: dict[int, int | tuple[int, ...]] = {}
    work = [value]
    try:
        while work:
            item = work[-1]
            needed = [v for v in (item.a, item.b, item.c) if v is not NIL and v.num not in results]
            if item.num in results:
                work.pop()
            elif item.op == ops.PARAM:
                results[item.num] = known[item.num]
            elif constant_bits(item) is not None:
                results[item.num] = constant_bits(item)
            elif needed:
                work += needed
            elif item.op == ops.PROJ:
                results[item.num] = results[item.a.num][item.imm]
            else:
                operands = [v for v in (item.a, item.b, item.c) if v is not NIL]
                shape = Shape(item.op, item.ty, [v.ty for v in operands], item.imm)
                bits = [results[v.num] for v in operands]
                results[item.num] = evaluator(item.op, shape)(CONCRETE, shape, *bits)
    except InterpreterTrap as trap:
        return "trap", trap.code
    return "value", results[value.num]


# A value of any width for which a guard on more than constants is known to hold.
_KNOWN = (
    "boolean",
    "known_not_negative",
    "known_to_fit",
    "known_zero_outside",
    "known_zero_inside",
)


def _leaf(tree: Tree, name: str, ty: int, rule: Rule) -> Value:
    for guard in rule.guards:
        if guard.name in _KNOWN and guard.args[0].kind == VAR and guard.args[0].name == name:
            if guard.name == "boolean":
                return tree.make(ops.BAND, ty, tree.param(ty), tree.const(ty, 1))
            top = tree.const(T.I8, T.BITS[ty] - 1)
            return tree.make(ops.USHR, ty, tree.param(ty), top)
        if guard.name == "known_nonzero" and guard.args[0].name == name:
            return tree.make(ops.BOR, ty, tree.param(ty), tree.const(ty, 4))
    return tree.param(ty)


def grow(case: prove.Case, env: dict[str, int]) -> tuple[Tree, Value]:
    """The left side of a case as instructions; constants are those of `env`."""
    tree = Tree()
    leaves: dict[str, Value] = {}
    shared: dict[str, Value] = {}

    def build(term: Term) -> Value:
        ty = case.ty(term)
        if term.kind == VAR:
            if term.name not in leaves:
                if term.sort == "Const":
                    leaves[term.name] = tree.const(ty, env[term.name])
                else:
                    leaves[term.name] = _leaf(tree, term.name, ty, case.rule)
            return leaves[term.name]
        if term.op == ops.ICONST:
            return tree.const(ty, case.immediate(term.args[0], ty) & MASK[T.BITS[ty]])
        if term.op == ops.PROJ:
            inst = build(term.args[0])
            half = T.half_width(inst.a.ty)
            if not inst.results:
                inst.ty = T.INVALID
                tree.func.add_results(inst, [half, half])
            return inst.results[term.args[1].value]
        operands = [build(a) for a in values(term)]
        imm = 0
        for arg, operand in zip(term.args, ops.ROWS[term.op].operands, strict=True):
            if operand.kind != "value":
                imm = case.immediate(arg, ty)
        key = f"{term.op} {ty} {imm} {[v.num for v in operands]}"
        if key not in shared:
            shared[key] = tree.make(term.op, ty, *operands, imm=imm)
        return shared[key]

    assert case.left.kind == OP
    root = build(case.left)
    return tree, root


def examples(rule: Rule, cases: int, inputs: int) -> Iterator[tuple[prove.Case, dict[str, int]]]:
    """Types and constants for a rule, spread over what it can match."""
    found = list(prove.cases(rule))
    step = max(1, len(found) // cases)
    for case in found[::step]:
        for env in prove.inputs(case, inputs, 7):
            yield case, env
