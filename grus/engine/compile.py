"""A module's functions to one image of machine code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grus.backend.compile import compile_function
from grus.backend.settings import Settings
from grus.backend.x64.baseline import compile_baseline
from grus.backend.x64.target import FLAGS, TARGET
from grus.base.layout import STORE
from grus.engine.code import Image
from grus.engine.translate.func import translate
from grus.host import cpu
from grus.ir import verifier
from grus.opt.pipeline import optimize

if TYPE_CHECKING:
    from grus.engine.engine import Engine
    from grus.engine.module import Module

_ALIGN = 16


def settings_for(engine: Engine) -> Settings:
    """The code generator's settings for wasm code of an Engine on this machine."""
    settings = TARGET.settings()
    settings.set("enable_pinned_reg", "true")
    settings.set("preserve_frame_pointers", "true")
    settings.set("trap_call_offset", str(STORE["trap_stub"]))
    settings.set("opt_level", engine.opt_level)
    settings.set("regalloc_algorithm", engine.regalloc)
    settings.set("regalloc_checker", str(engine.verify).lower())
    settings.set("enable_verifier", "false")  # translation is verified below, once
    for name in FLAGS:
        if cpu.has(name):
            settings.enable(f"has_{name}")
    return settings


def compile_module(module: Module) -> Image:
    """Translate and compile every function. Raises Unsupported."""
    image = Image()
    code = bytearray()
    relocations: list[tuple[int, str, int]] = []
    faults: list[int] = []
    wasm = module.wasm
    settings = settings_for(module.engine)
    baseline = module.engine.compiler == "baseline"
    for index in range(wasm.num_imported_funcs, len(wasm.funcs)):
        func = translate(module.info, index)
        if module.engine.verify:
            verifier.check(func)
        if not baseline:
            optimize(func, settings.values, module.engine.opt_level)
            if module.engine.verify:
                verifier.check(func)
        compiled = (
            compile_baseline(func, STORE["trap_stub"])
            if baseline
            else compile_function(func, TARGET, settings)
        )
        func.dispose()
        code += b"\xcc" * (-len(code) % _ALIGN)
        start = len(code)
        code += compiled.code
        image.entries[index] = start
        image.largest_frame = max(image.largest_frame, compiled.frame_size)
        image.functions.append((start, len(code), index))
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
        code[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")
    image.code = bytes(code)
    bits = bytearray((len(code) + 7) // 8)
    for offset in faults:
        bits[offset >> 3] |= 1 << (offset & 7)
    image.faults = bytes(bits)
    return image
