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


def __getattr__(name: str) -> Callable[..., Term]:
    op = ops.BY_NAME.get(name.rstrip("_"))
    if op is None:
        raise AttributeError(name)

    def make(*args: Term | int) -> Term:
        return operation(op, args)

    make.__name__ = name
    return make
