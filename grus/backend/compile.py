"""The pipeline from IR to machine code, one screen long."""

from __future__ import annotations

import sys

from grus.backend.emit import CompiledFunction
from grus.backend.lower import Context, lower
from grus.backend.regalloc.types import Func, Output, dump
from grus.backend.settings import Settings
from grus.backend.vcode import VCode, allocation_input
from grus.base.errors import Unsupported
from grus.base.trace import run_pass
from grus.ir.function import NIL, Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from grus.backend.target import Target

_SINGLE_PASS = 1  # a value of `regalloc_algorithm`


class _Compilation:
    """What the passes hand on."""

    __slots__ = (
        "context",
        "dispose",
        "flat",
        "func",
        "lowering",
        "machine",
        "output",
        "result",
        "settings",
        "target",
        "vcode",
    )

    def __init__(
        self, func: Function, target: Target, settings: Settings, dispose: bool = False
    ) -> None:
        self.func = func
        self.dispose = dispose
        self.target = target
        self.settings = settings
        self.machine = target.machine(func, settings)
        self.flat = Func()
        self.vcode = VCode(func.name)
        self.output = Output(0)
        self.result = CompiledFunction(func.name)

    def verify(self) -> None:
        from grus.ir.verifier import check

        check(self.func)

    def one_nan(self) -> None:
        from grus.opt.passes import nans

        nans.run(self.func)

    def lower(self) -> None:
        self.func.resolve_aliases()
        self.context = Context(self.func)
        self.lowering = self.target.lowering(self.func, self.settings, self.context)
        try:
            self.vcode = lower(self.func, self.context, self.lowering)
        except Unsupported as error:
            raise self.unsupported(error) from None
        self.context.forget()
        if self.dispose:
            self.func.dispose()
        self.flat = allocation_input(self.vcode, self.target.is_move)

    def unsupported(self, error: Unsupported) -> Unsupported:
        """`error` with the function, and the instruction that was being lowered."""
        text = f"{self.func.name}: {error}"
        if self.context.inst is not NIL:
            from grus.ir.printer import print_instruction

            text += f", at `{print_instruction(self.func, self.context.inst).strip()}`"
        return Unsupported(text)

    def allocate(self) -> None:
        if self.settings.values["regalloc_algorithm"] == _SINGLE_PASS:
            from grus.backend.regalloc import fast

            self.output = fast.allocate(self.flat, self.machine)
        else:
            from grus.backend.regalloc import quality

            self.output = quality.allocate(self.flat, self.machine)
        if self.settings.values["regalloc_verbose_logs"]:
            print(f"{self.func.name}:\n{self.show()}", file=sys.stderr)

    def check(self) -> None:
        from grus.backend.regalloc import checker

        checker.check(self.flat, self.machine, self.output)

    def emit(self) -> None:
        self.result = self.target.emit(
            self.func,
            self.lowering,
            self.vcode,
            self.flat,
            self.output,
            self.machine,
            self.settings,
        )

    def show(self) -> str:
        return dump(self.flat, self.output if self.output.allocs else None)


def compile_function(
    func: Function, target: Target, settings: Settings, dispose: bool = False
) -> CompiledFunction:
    """Machine code of `func`, which is disposed of as soon as it is not needed if `dispose`.

    Raises VerifierErrors for invalid IR (when `enable_verifier` is set), Unsupported for what the
    target cannot do, ImplLimit for a frame beyond 512 KiB.
    """
    work = _Compilation(func, target, settings, dispose)
    if settings.values["enable_verifier"]:
        run_pass("verify", work.verify, work.show)
    if settings.values["enable_nan_canonicalization"]:
        run_pass("nans", work.one_nan, work.show)
    run_pass("lower", work.lower, work.show)
    run_pass("regalloc", work.allocate, work.show)
    if settings.values["regalloc_checker"]:
        run_pass("regalloc_check", work.check, work.show)
    run_pass("emit", work.emit, work.show)
    work.vcode.dispose()
    return work.result
