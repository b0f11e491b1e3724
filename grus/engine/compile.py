"""Functions of a module to an image of machine code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from grus.backend.compile import compile_function
from grus.backend.settings import Settings
from grus.backend.x64.baseline import compile_baseline
from grus.backend.x64.target import FLAGS, TARGET
from grus.base.layout import STORE
from grus.engine.code import Image
from grus.engine.config import CodeSettings
from grus.engine.translate.func import translate
from grus.engine.translate.info import ModuleInfo
from grus.host import cpu
from grus.ir import verifier
from grus.opt.pipeline import optimize

if TYPE_CHECKING:
    from grus.engine.engine import Engine

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
    settings.set("opt_level", "none" if code.opt_level == "fast" else code.opt_level)
    settings.set("regalloc_algorithm", code.regalloc)
    settings.set("regalloc_checker", str(code.verify).lower())
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
    image = Image()
    out = bytearray()
    relocations: list[tuple[int, str, int]] = []
    faults: list[int] = []
    settings = backend_settings(code)
    baseline = code.compiler == "baseline"
    for index in indexes:
        func = translate(info, index, through_slots)
        if code.verify:
            verifier.check(func)
        if not baseline:
            optimize(func, settings.values, code.opt_level)
            if code.verify:
                verifier.check(func)
        compiled = (
            compile_baseline(func, STORE["trap_stub"])
            if baseline
            else compile_function(func, TARGET, settings)
        )
        func.dispose()
        out += b"\xcc" * (-len(out) % _ALIGN)
        start = len(out)
        out += compiled.code
        image.entries[index] = start
        image.largest_frame = max(image.largest_frame, compiled.frame_size)
        image.functions.append((start, len(out), index))
        for offset, trap in compiled.traps:
            image.traps[start + offset] = trap
        for site in compiled.call_sites:
            if site.stack_map:
                image.stack_maps[start + site.offset] = [at for _, at, _ in site.stack_map]
        faults.extend([start + offset for offset in compiled.faults])
        image.locs.extend([(start + offset, loc) for offset, loc in compiled.locs])
        relocations.extend([(start + r.offset, r.name, r.addend) for r in compiled.relocs])
    for at, name, addend in relocations:
        value = image.entries[int(name.removeprefix("u0:"))] + addend - at
        out[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")
    image.code = bytes(out)
    bits = bytearray((len(out) + 7) // 8)
    for offset in faults:
        bits[offset >> 3] |= 1 << (offset & 7)
    image.faults = bytes(bits)
    return image
