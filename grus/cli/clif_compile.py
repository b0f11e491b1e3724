"""`grus clif compile` and `grus clif run`."""

from __future__ import annotations

import argparse
from pathlib import Path

from grus.backend.compile import compile_function
from grus.backend.settings import Settings
from grus.base import trace
from grus.cli.clif import read_file, read_text
from grus.cli.wat2wasm import write_output
from grus.host import cpu
from grus.host.machine import TARGET, rule_stats
from grus.ir.function import NO_LOC, Value
from grus.testing import filetest
from grus.testing.compile_kinds import assembly

_TLS_MODELS = {"elf": "elf_gd", "coff": "coff", "macho": "macho"}


def _options(command: str, description: str) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog=f"grus clif {command}", description=description)
    options.add_argument("files", nargs="+", metavar="FILE")
    options.add_argument("--set", action="append", default=[], metavar="NAME[=VALUE]")
    options.add_argument("--native", action="store_true", help="use the features of this CPU")
    options.add_argument("--time-passes", action="store_true")
    options.add_argument("--rule-stats", action="store_true", help="how often each rule fired")
    return options


def _finish(given: argparse.Namespace) -> None:
    if given.time_passes:
        for name, seconds in trace.pass_times.items():
            print(f"{1000 * seconds:10.2f} ms  {name}")
    if given.rule_stats:
        for name, count in rule_stats():
            print(f"{count:8} {name}" if count else f"   never {name}")


def compile_command(argv: list[str]) -> int:
    """Assembly and sizes of the functions of files, or an object file."""
    options = _options(
        "compile", "Compile functions: print their assembly, or write an object file."
    )
    options.add_argument("--target", default="x86_64", choices=["x86_64"])
    options.add_argument("-D", dest="disassemble", action="store_true", help="show the bytes too")
    options.add_argument("--print-after", action="append", default=[], metavar="PASS")
    options.add_argument("-o", dest="output", metavar="FILE", help="write an object file")
    options.add_argument("--format", default="elf", choices=["elf", "coff", "macho"])
    options.add_argument("-g", dest="debug", action="store_true", help="write line tables")
    given = options.parse_args(argv)
    settings = TARGET.settings()
    if given.output:
        settings.set("is_pic", "true")
        settings.set("tls_model", _TLS_MODELS[given.format])
    if given.native:
        for name in settings.rows:
            if name.startswith("has_") and cpu.has(name[4:]):
                settings.enable(name)
    for text in given.set:
        settings.parse(text)
    trace.time_passes = given.time_passes
    trace.print_after.update(given.print_after)
    if given.output:
        _write_object(given, settings)
        _finish(given)
        return 0
    for name in given.files:
        for function in read_file(name).functions:
            print(f"{function.func.name}:")
            print("\n".join(assembly(function.func, settings)))
            compiled = compile_function(function.func, TARGET, settings)
            print(f"; {len(compiled.code)} bytes, frame {compiled.frame_size}")
            if given.disassemble:
                for at in range(0, len(compiled.code), 16):
                    print(f"; {at:6x}  {compiled.code[at : at + 16].hex(' ')}")
            for offset, code in compiled.traps:
                print(f"; trap {offset:#x} {code}")
            for reloc in compiled.relocs:
                print(f"; reloc {reloc.offset:#x} {reloc.kind} {reloc.name} {reloc.addend:+}")
            print()
    _finish(given)
    return 0


def _write_object(given: argparse.Namespace, settings: Settings) -> None:
    """One object file of all functions of the files."""
    from grus.link.object.module import ObjectModule

    locations: dict[int, tuple[str, int, int]] = {}
    source = str(Path(given.files[0]).resolve()) if given.debug else ""
    module = ObjectModule(None, settings, source, locations)
    for name in given.files:
        for function in read_file(name).functions:
            if given.debug:
                for entity, line in function.lines().items():
                    if isinstance(entity, Value) and entity.loc == NO_LOC:
                        entity.loc = len(locations) | 1 << 31
                        locations[entity.loc] = (str(Path(name).resolve()), line, 0)
            module.define(function.func)
    write_output(given.output, module.emit(given.format))


def run_command(argv: list[str]) -> int:
    """Run the `; run:` lines of files as machine code."""
    from grus.testing import run_native

    given = _options("run", "Compile files and run their `; run:` lines.").parse_args(argv)
    run_native.OVERRIDES.extend(given.set)
    trace.time_passes = given.time_passes
    failed = False
    for path in filetest.find_files(given.files):
        read_text(str(path))  # or says that it is none
        for kind, rows in run_native.run_paths([str(path)]).items():
            for name, message in rows:
                failed = failed or kind == "fail"
                print(f"{kind} {name}{': ' if message else ''}{message}")
    _finish(given)
    return 1 if failed else 0
