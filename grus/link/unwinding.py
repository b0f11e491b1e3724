"""Exceptions of library code: the handler that an exception goes to.

A `try_call` has its handlers in the call site of its exact return address. Catching restores the
stack and the frame pointer only; a `try_call` destroys every other register.
"""

from __future__ import annotations

from typing import Final

from grus.base.errors import GrusError
from grus.host import libc
from grus.ir import types as T
from grus.ir.function import AbiParam, Signature
from grus.link import library as lib


class Uncaught(GrusError):
    """Compiled code threw, and no handler took it. `tag` is what was thrown."""

    def __init__(self, tag: int) -> None:
        super().__init__(f"uncaught exception with tag{tag}")
        self.tag = tag


FIND: Final = Signature(
    [AbiParam(T.I64), AbiParam(T.I64), AbiParam(T.I64), AbiParam(T.I32), AbiParam(T.I64)],
    [],
    "system_v",
)
"""The signature of `find_handler`."""


def find_handler(entry_fp: int, fp: int, pc: int, tag: int, cells: int) -> None:
    """Walk from the frame at `fp`, whose function goes on at `pc`, to below `entry_fp`; store
    instruction, stack and frame pointer of the first handler of `tag` at `cells`. Raises
    Uncaught."""
    owner = lib.library()
    mask = (1 << 64) - 1
    fp &= mask
    pc &= mask
    known = False
    while fp != entry_fp & mask:
        image = owner.find(pc)
        found = image.function_at(pc - 1) if image is not None else None
        if found is not None:
            start, func = found
            target = func.handler(pc - start, tag & 0xFFFFFFFF)
            if target >= 0:
                libc.poke(cells, start + target)
                libc.poke(cells + 8, fp - func.frame_size)
                libc.poke(cells + 16, fp)
                return
        elif known:
            break
        known = True  # the first pc may be anything
        pc = libc.peek(fp + 8)
        fp = libc.peek(fp)
    raise Uncaught(tag)
