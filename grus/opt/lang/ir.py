"""Every opcode as a function that makes a term: `from grus.opt.lang.ir import iadd, iconst`."""

from __future__ import annotations

from collections.abc import Callable

from grus.ir import opcodes as ops
from grus.opt.lang.terms import Term, operation


def __getattr__(name: str) -> Callable[..., Term]:
    op = ops.BY_NAME.get(name.rstrip("_"))
    if op is None:
        raise AttributeError(name)

    def make(*args: Term | int) -> Term:
        return operation(op, args)

    return make
