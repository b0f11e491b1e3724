"""Assembly of a function with the offset and the source location of each line."""

from __future__ import annotations

from grus.backend.compile import compile_function
from grus.backend.emit import CompiledFunction
from grus.backend.regalloc.types import Func, Machine, Output
from grus.backend.settings import Settings
from grus.backend.vcode import VCode
from grus.backend.x64.emit import Emitter
from grus.backend.x64.lower import X64Lower
from grus.backend.x64.target import X64
from grus.ir.function import Function

Line = tuple[int, int, str]
"""Offset in the code, source location (-1: none), text."""


class _Listed(X64):
    """The target, with a listing that knows places."""

    __slots__ = ("end", "lines")

    def emit(
        self,
        func: Function,
        lowering: X64Lower,
        vcode: VCode,
        flat: Func,
        output: Output,
        machine: Machine,
        settings: Settings,
    ) -> CompiledFunction:
        emitter = Emitter(func, lowering, vcode, flat, output, machine.callee_saved, settings)
        texts: list[str] = []
        emitter.listing = texts
        compiled = emitter.run(output)
        self.lines: list[Line] = []
        start = 0
        for text, (end, loc) in zip(texts, emitter.lines_end, strict=True):
            self.lines.append((start, loc, text))
            start = emitter.buf.offset(end)
        self.end = start
        return compiled


def compile_listed(func: Function, settings: Settings) -> tuple[CompiledFunction, list[Line], int]:
    """Compile a function as it stands, and list its instructions; and where the last one ends.
    Raises as `compile_function`."""
    target = _Listed()
    return compile_function(func, target, settings), target.lines, target.end
