"""Every opcode as a function that makes a term: `from grus.opt.lang.ir import iadd, iconst`."""

from __future__ import annotations

from collections.abc import Callable

from grus.ir import opcodes as ops
from grus.opt.lang.terms import OP, Term, literal, operation


def result(index: int, inst: Term) -> Term:
    """Result `index` of an instruction that has several (`isplit`, `uadd_overflow`)."""
    term = Term(OP, "result", (inst, literal(index)))
    term.op = ops.PROJ
    return term


def typed(ty: int, term: Term) -> Term:
    """An instruction of a right side of which nothing else says the type."""
    term.types = frozenset((ty,))
    return term


def eq(x: Term, y: Term) -> Term:
    return operation(ops.ICMP, (ops.EQ, x, y))


def ne(x: Term, y: Term) -> Term:
    return operation(ops.ICMP, (ops.NE, x, y))


def slt(x: Term, y: Term) -> Term:
    return operation(ops.ICMP, (ops.SLT, x, y))


def sge(x: Term, y: Term) -> Term:
    return operation(ops.ICMP, (ops.SGE, x, y))


def sgt(x: Term, y: Term) -> Term:
    return operation(ops.ICMP, (ops.SGT, x, y))


def sle(x: Term, y: Term) -> Term:
    return operation(ops.ICMP, (ops.SLE, x, y))


def ult(x: Term, y: Term) -> Term:
    return operation(ops.ICMP, (ops.ULT, x, y))


def uge(x: Term, y: Term) -> Term:
    return operation(ops.ICMP, (ops.UGE, x, y))


def ugt(x: Term, y: Term) -> Term:
    return operation(ops.ICMP, (ops.UGT, x, y))


def ule(x: Term, y: Term) -> Term:
    return operation(ops.ICMP, (ops.ULE, x, y))


def __getattr__(name: str) -> Callable[..., Term]:
    op = ops.BY_NAME.get(name.rstrip("_"))
    if op is None:
        raise AttributeError(name)

    def make(*args: Term | int) -> Term:
        return operation(op, args)

    make.__name__ = name
    return make
