"""Inlining across the functions of a module (`Config.inlining`).

A call of a small function that makes no calls itself becomes a copy of it. Its check of the stack
goes: the copy's frame is part of the caller's, which the caller has checked; and it ends soon, for
a function with a loop polls and so has calls. Frames in backtraces stay exact: the place of an
instruction of a copy is an entry, with the function that was copied and the place of the call.

A call in a loop may become more instructions than one outside, and in a block that is hardly ever
reached (`cold`) it stays. Only functions whose bodies are at hand are copied: those of the same
job, when a module is compiled in several (`parallel.py`), so that code does not depend on how many
processes made it.
"""

from __future__ import annotations

from grus.engine.config import CodeSettings
from grus.engine.translate.func import translate
from grus.engine.translate.info import ModuleInfo
from grus.ir import opcodes as ops
from grus.ir import verifier
from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
from grus.ir.function import CallInfo, FuncRef, Function, Value
from grus.ir.loops import LoopTree
from grus.opt.passes import control, inline
from grus.opt.pipeline import optimize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

BODY: Final = 96
"""Bytes of a body beyond which a function is not looked at."""
SMALL: Final = 12
HOT: Final = 30
"""Instructions of functions that are copied, of calls outside of loops and in loops."""
GROWTH: Final = 300
"""Instructions that copies may add to a function."""

Entry = tuple[int, int, int]
"""Where an instruction of a copy comes from: the function that was copied, the module offset there,
and the place of the call (a module offset, or an entry in turn)."""


def entry_loc(number: int) -> int:
    """How an entry stands in the table of places: -1 is no place."""
    return -2 - number


class Inliner:
    """Inlines within the functions of one job. `entries` grows; places name its elements."""

    __slots__ = ("code", "copies", "entries", "info", "known", "settings")

    def __init__(self, info: ModuleInfo, code: CodeSettings, settings: dict[str, int]) -> None:
        self.info = info
        self.code = code
        self.settings = settings
        self.entries: list[Entry] = []
        self.known: dict[Entry, int] = {}
        self.copies: dict[int, tuple[Function, int] | None] = {}  # by index: with its instructions

    def run(self, func: Function) -> None:
        """Inline into a function that was just translated."""
        if not any([ref.name.startswith("u0:") for ref in func.funcs]):
            return
        func.resolve_aliases()
        control.run(func)
        cfg = ControlFlowGraph(func)
        depth = LoopTree(func, cfg, DomTree(func, cfg)).depth
        left = GROWTH

        def choose(caller: Function, call: Value, ref: FuncRef) -> Function | None:
            nonlocal left
            block = call.block
            if call.op != ops.CALL_ or block.cold or block.num >= len(depth):
                return None  # a tail call leaves no frame: there is no place for the copy
            found = self.copy_of(int(ref.name.removeprefix("u0:")))
            if found is None:
                return None
            callee, size = found
            if size > (HOT if depth[block.num] else SMALL) or size > left:
                return None
            left -= size
            return callee

        inline.run(func, choose, self.place)

    def place(self, call: Value, callee: Function, loc: int) -> int:
        """The place of an instruction of a copy."""
        entry = (int(callee.name.removeprefix("u0:")), loc, call.loc)
        number = self.known.get(entry)
        if number is None:
            number = self.known[entry] = len(self.entries)
            self.entries.append(entry)
        return entry_loc(number)

    def copy_of(self, index: int) -> tuple[Function, int] | None:
        """The function to copy, optimized, and how many instructions it has; None for one that is
        imported, not at hand, large, or makes calls."""
        if index in self.copies:
            return self.copies[index]
        self.copies[index] = None
        module = self.info.module
        if not 0 <= index - module.num_imported_funcs < len(module.code):
            return None
        body = module.body(index)
        if not 0 < body.end - body.start <= BODY:
            return None
        func = translate(self.info, index, False, self.code.spectre, checks_stack=False)
        size = 0
        for block in func.blocks:
            size += len(block.insts)
            if any([isinstance(inst.ext, CallInfo) for inst in block.insts]):
                return None
        optimize(func, self.settings, self.code.opt_level)
        if self.code.verify:
            verifier.check(func)
        size = sum([len(block.insts) for block in func.blocks])
        if size <= HOT:
            self.copies[index] = func, size
        return self.copies[index]
