"""The first code of functions that may be compiled again when they are hot.

It is made in one pass over their bytes where that is possible; then nothing of the compiler that
makes final code is imported.
"""

from __future__ import annotations

from grus.base.errors import Unsupported
from grus.engine.image_builder import ImageBuilder
from grus.engine.translate.onepass import OnePass
from grus.host import cpu
from grus.host.machine import masm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from grus.engine.code import Image
    from grus.engine.config import CodeSettings
    from grus.engine.translate.info import ModuleInfo


def compile_first(
    info: ModuleInfo, fast: CodeSettings, final: CodeSettings, index: int
) -> tuple[Image, bool]:
    """The first code of a function, and whether it is final already. Raises Unsupported,
    ImplLimit."""
    if can_onepass(final):
        try:
            work = one_pass(info, index, True)
            builder = ImageBuilder()
            builder.put(index, work.compile(), True)
            builder.image.named[index] = list(work.named)
            return builder.finish()[0], False
        except Unsupported:
            pass
    from grus.engine.compile import compile_first_from_ir

    return compile_first_from_ir(info, fast, final, index)


def can_onepass(code: CodeSettings) -> bool:
    """Whether the processor has what one-pass code uses without asking."""
    return all([cpu.kernel_name(name) in code.cpu for name in masm.NEEDS])


def one_pass(info: ModuleInfo, index: int, through_slots: bool) -> OnePass:
    """What compiles a function in one pass."""
    return OnePass(info, index, through_slots, masm.MacroAssembler(), masm)
