"""Functions of a module to an image of machine code."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from grus.backend.compile import compile_function
from grus.backend.settings import Settings
from grus.base.errors import Unsupported
from grus.base.layout import STORE
from grus.engine.code import Image, Merger
from grus.engine.config import CodeSettings
from grus.engine.first import can_onepass, one_pass
from grus.engine.image_builder import ImageBuilder
from grus.engine.translate.func import translator as translator_of
from grus.engine.translate.info import ModuleInfo
from grus.engine.translate.osr import LoopTranslator
from grus.host import cpu
from grus.host.machine import FLAGS, TARGET, masm
from grus.ir.function import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from grus.engine.engine import Engine
    from grus.engine.image_builder import Part
    from grus.engine.inlining import Inliner


def settings_for(engine: Engine) -> Settings:
    """The code generator's settings for wasm code of an Engine on this machine."""
    return backend_settings(engine.code_settings())


def backend_settings(code: CodeSettings) -> Settings:
    """The code generator's settings for wasm code."""
    settings = TARGET.settings()
    settings.set("enable_pinned_reg", "true")
    settings.set("preserve_frame_pointers", "true")
    settings.set("trap_call_offset", str(STORE["trap_stub"]))
    settings.set("opt_level", code.opt_level)
    settings.set("regalloc_algorithm", code.regalloc)
    settings.set("regalloc_checker", str(code.verify).lower())
    for flag in ("heap_access", "table_access"):
        settings.set(f"enable_{flag}_spectre_mitigation", str(code.spectre).lower())
    settings.set("enable_verifier", "false")  # translation is verified below, once
    for name in FLAGS:
        if cpu.kernel_name(name) in code.cpu:
            settings.enable(f"has_{name}")
    return settings


def compile_functions(
    info: ModuleInfo, code: CodeSettings, indexes: Sequence[int], through_slots: bool
) -> Image:
    """Translate and compile functions of a module, which have been validated and are not imported.

    With `through_slots` they call functions of the module through the slots of the instance, else
    at fixed distances: then `indexes` are all of them. The result depends on the arguments alone.
    Raises Unsupported, ImplLimit.
    """
    image, calls = compile_part(info, code, indexes, through_slots)
    if not calls:
        return image
    linker = Linker()
    linker.add((image, calls))
    return linker.finish()


class Linker:
    """Makes one image of parts that together have all functions that they call."""

    __slots__ = ("_calls", "_merger")

    def __init__(self) -> None:
        self._merger = Merger()
        self._calls = array("i")

    def add(self, part: Part) -> None:
        image, calls = part
        self._merger.add(image, image.entries)
        self._calls += calls

    def finish(self) -> Image:
        """The image; nothing can be added any more."""
        self._merger.link(self._calls)
        return self._merger.finish()


def compile_part(
    info: ModuleInfo, code: CodeSettings, indexes: Sequence[int], through_slots: bool
) -> Part:
    """`compile_functions` without linking: `indexes` may be any."""
    builder = ImageBuilder()
    settings = backend_settings(code)
    inliner: Inliner | None = None
    if code.inlining and not through_slots:
        from grus.engine.inlining import Inliner

        inliner = Inliner(info, code, settings.values)
        builder.image.inlined = inliner.entries
    onepass = code.compiler == "onepass" and can_onepass(code)
    for index in indexes:
        if onepass:
            try:
                work = one_pass(info, index, through_slots)
                builder.put(index, work.compile(), True)
                builder.image.named[index] = list(work.named)
                continue
            except Unsupported:
                pass
        translator = translator_of(info, index, through_slots, code.spectre)
        func = translator.translate()
        if through_slots:
            builder.image.named[index] = list(translator.named)
        del translator  # what it knows of the function is large
        if inliner is not None:
            if code.verify:
                _verify(func)
            inliner.run(func)
        add(builder, index, func, code, settings)
    return builder.finish()


def compile_loop(info: ModuleInfo, code: CodeSettings, index: int, poll: int) -> Image:
    """Code that takes over from one-pass code of a function in a loop (`translate/osr.py`), where
    a call of the poll stub returns to the offset `poll` in that code. Its entry is the first
    byte. Raises Unsupported."""
    work = one_pass(info, index, True)
    work.compile()
    loop = work.m.polls.get(poll, -1)
    if loop not in work.loops:
        raise Unsupported(f"function {index}: a loop with operands below")
    func = LoopTranslator(info, index, loop, masm.local_place).translate()
    builder = ImageBuilder()
    builder.out += masm.loop_entry(work.m)
    add(builder, index, func, code, backend_settings(code))
    return builder.finish()[0]


SMALL_LOOP: Final = 300
SMALL_NEST: Final = 2000
"""Bytes of the body of a function that begins with its final code: with a loop, or with loops in a
loop. Such code cannot be replaced while a loop runs, and their final code costs little."""


def compile_first_from_ir(
    info: ModuleInfo, fast: CodeSettings, final: CodeSettings, index: int
) -> tuple[Image, bool]:
    """The first code of a function that one pass does not take, and whether it is final already."""
    translator = translator_of(info, index, True, final.spectre)
    func = translator.translate()
    loops = translator.deepest_loop
    body = info.module.body(index)
    size = body.end - body.start
    is_final = loops > 0 and size <= (SMALL_NEST if loops > 1 else SMALL_LOOP)
    code = final if is_final else fast
    builder = ImageBuilder()
    builder.image.named[index] = list(translator.named)
    del translator
    add(builder, index, func, code, backend_settings(code))
    return builder.finish()[0], is_final


def _verify(func: Function) -> None:
    from grus.ir.verifier import check

    check(func)


def add(
    builder: ImageBuilder, index: int, func: Function, code: CodeSettings, settings: Settings
) -> None:
    """Compile a function, which is disposed of, into an image."""
    baseline = code.compiler == "baseline"
    if code.verify:
        _verify(func)
    if not baseline and code.opt_level != "none":
        from grus.opt.pipeline import optimize

        optimize(func, settings.values, code.opt_level)
        if code.verify:
            _verify(func)
    if baseline:
        from grus.host.machine import compile_baseline

        compiled = compile_baseline(func, STORE["trap_stub"])
    else:
        compiled = compile_function(func, TARGET, settings, True)
    func.dispose()
    builder.put(index, compiled)
