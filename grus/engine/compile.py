"""A module's functions to one image of machine code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grus.backend.compile import compile_function
from grus.backend.settings import Settings
from grus.backend.x64.target import make_target
from grus.base.layout import STORE
from grus.engine.code import Image
from grus.engine.translate.func import translate
from grus.ir import verifier

if TYPE_CHECKING:
    from grus.engine.module import Module

_ALIGN = 16


def settings_for(module: Module) -> Settings:
    """The code generator's settings for wasm code of a module's Engine."""
    settings = Settings()
    settings.set("enable_pinned_reg", True)
    settings.set("preserve_frame_pointers", True)
    settings.set("trap_call_offset", STORE["trap_stub"])
    settings.set("opt_level", module.engine.opt_level)
    settings.set("regalloc_algorithm", module.engine.regalloc)
    settings.set("regalloc_checker", module.engine.verify)
    return settings


def compile_module(module: Module) -> Image:
    """Translate and compile every function. Raises Unsupported."""
    settings = settings_for(module)
    target = make_target(settings)
    image = Image()
    code = bytearray()
    relocations: list[tuple[int, str, int]] = []
    faults: list[int] = []
    wasm = module.wasm
    for index in range(wasm.num_imported_funcs, len(wasm.funcs)):
        func = translate(module.info, index)
        if module.engine.verify:
            verifier.check(func)
        compiled = compile_function(func, target, settings)
        code += b"\xcc" * (-len(code) % _ALIGN)
        start = len(code)
        code += compiled.code
        image.entries[index] = start
        image.functions.append((start, len(code), index))
        for offset, trap in compiled.traps:
            image.traps[start + offset] = trap
        faults.extend(start + offset for offset in compiled.faults)
        image.locs.extend((start + offset, loc) for offset, loc in compiled.locs)
        for reloc in compiled.relocs:
            relocations.append((start + reloc.offset, reloc.name, reloc.addend))
    for at, name, addend in relocations:
        target_offset = image.entries[int(name.removeprefix("u0:"))]
        value = target_offset + addend - at
        code[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")
    image.code = bytes(code)
    bits = bytearray((len(code) + 7) // 8)
    for offset in faults:
        bits[offset >> 3] |= 1 << (offset & 7)
    image.faults = bytes(bits)
    return image
