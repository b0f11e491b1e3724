"""Functions of a module to an image of machine code."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from grus.backend.compile import compile_function
from grus.backend.emit import CompiledFunction
from grus.backend.settings import Settings
from grus.base.errors import Unsupported
from grus.base.layout import STORE
from grus.engine.code import Image, Merger
from grus.engine.config import CodeSettings
from grus.engine.translate.func import translator as translator_of
from grus.engine.translate.info import ModuleInfo
from grus.engine.translate.onepass import OnePass
from grus.host import cpu
from grus.host.machine import FLAGS, TARGET, masm
from grus.ir.function import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from grus.engine.engine import Engine
    from grus.engine.inlining import Inliner

_ALIGN = 16


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


Part = tuple[Image, "array[int]"]
"""Code whose calls at fixed distances are open: of each the function that it is in, its offset
there, the function called, and what to add, one after another."""


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
    builder = _Builder()
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
                builder.put(index, work.compile())
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
        builder.add(index, func, code, settings)
    return builder.finish()


def can_onepass(code: CodeSettings) -> bool:
    """Whether the processor has what one-pass code uses without asking."""
    return all([cpu.kernel_name(name) in code.cpu for name in masm.NEEDS])


def one_pass(info: ModuleInfo, index: int, through_slots: bool) -> OnePass:
    """What compiles a function in one pass."""
    return OnePass(info, index, through_slots, masm.MacroAssembler(), masm)


SMALL_LOOP: Final = 300
SMALL_NEST: Final = 2000
"""Bytes of the body of a function that begins with its final code: with a loop, or with loops in a
loop. No code can be replaced while a loop runs, and their final code costs little."""


def compile_first(
    info: ModuleInfo, fast: CodeSettings, final: CodeSettings, index: int
) -> tuple[Image, bool]:
    """The first code of a function that may be promoted, and whether it is final already."""
    translator = translator_of(info, index, True, final.spectre)
    func = translator.translate()
    loops = translator.deepest_loop
    body = info.module.body(index)
    size = body.end - body.start
    is_final = loops > 0 and size <= (SMALL_NEST if loops > 1 else SMALL_LOOP)
    code = final if is_final else fast
    builder = _Builder()
    builder.image.named[index] = list(translator.named)
    del translator
    builder.add(index, func, code, backend_settings(code))
    return builder.finish()[0], is_final


def _verify(func: Function) -> None:
    from grus.ir.verifier import check

    check(func)


class _Builder:
    """An image in the making."""

    def __init__(self) -> None:
        self.image = Image()
        self.out = bytearray()
        self.calls = array("i")
        self.faults = array("I")
        self.traps = array("I")
        self.locs = array("i")

    def add(self, index: int, func: Function, code: CodeSettings, settings: Settings) -> None:
        """Compile a function, which is disposed of."""
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
        self.put(index, compiled)

    def put(self, index: int, compiled: CompiledFunction) -> None:
        """Add the code of a function."""
        image, out = self.image, self.out
        out += b"\xcc" * (-len(out) % _ALIGN)
        start = len(out)
        out += compiled.code
        image.entries[index] = start
        image.largest_frame = max(image.largest_frame, compiled.frame_size)
        image.functions.append((start, len(out), index))
        for offset, trap in sorted(compiled.traps):
            self.traps.extend((start + offset, trap))
        for site in compiled.call_sites:
            if site.stack_map:
                image.stack_maps[start + site.offset] = [at for _, at, _ in site.stack_map]
        self.faults.extend([start + offset for offset in compiled.faults])
        for offset, loc in compiled.locs:
            self.locs.extend((start + offset, loc))
        for reloc in compiled.relocs:
            if not reloc.name.startswith("u0:"):
                raise Unsupported(
                    f"function {index}: {reloc.name} without SSE4.1 (or without /proc/cpuinfo, "
                    "which says what the processor has)"
                )
            target = int(reloc.name.removeprefix("u0:"))
            self.calls.extend((index, reloc.offset, target, reloc.addend))

    def finish(self) -> Part:
        image = self.image
        image.code = bytes(self.out)
        bits = bytearray((len(self.out) + 7) // 8)
        for offset in self.faults:
            bits[offset >> 3] |= 1 << (offset & 7)
        image.faults = bytes(bits)
        image.set_tables(self.traps, self.locs)
        return image, self.calls
