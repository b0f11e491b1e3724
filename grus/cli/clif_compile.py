"""`grus clif compile` and `grus clif run`."""

from __future__ import annotations

import argparse
from pathlib import Path

from grus.backend.settings import Settings
from grus.base import trace
from grus.cli.clif import options_of, read_file, read_text
from grus.cli.wat2wasm import write_output
from grus.host import cpu
from grus.host.machine import TARGET, disable_rules, listing, rule_stats
from grus.ir.function import NO_LOC, Value
from grus.testing import filetest

_TLS_MODELS = {"elf": "elf_gd", "coff": "coff", "macho": "macho"}


_COMPILE = """\
  grus clif compile f.clif                              assembly, sizes, traps
  grus clif compile -D --native --set opt_level=speed f.clif
  grus clif compile f.clif -o f.o -g                    an ELF object with line tables
  grus clif compile f.clif -o f.obj --format coff
"""
_RUN = """\
  grus clif run f.clif
  grus clif run f.clif --native --set opt_level=speed
  grus clif run f.clif --call '%gcd(12, 18)'
"""


def _options(command: str, description: str, examples: str) -> argparse.ArgumentParser:
    options = options_of(command, description, examples)
    options.add_argument("files", nargs="+", metavar="FILE", help="a .clif file")
    options.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="a setting (any number of times); `grus clif settings` lists them",
    )
    options.add_argument("--native", action="store_true", help="use the features of this CPU")
    options.add_argument("--time-passes", action="store_true", help="how long each took")
    options.add_argument("--rule-stats", action="store_true", help="how often each rule fired")
    options.add_argument("--disable-rule", action="append", default=[], metavar="NAME",
                         help="lower without a rule that others stand in for")  # fmt: skip
    return options


def _disable(given: argparse.Namespace) -> None:
    """Leave lowering rules out. Raises RuleError."""
    if given.disable_rule:
        disable_rules(given.disable_rule)


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
        "compile", "Compile functions: print their assembly, or write an object file.", _COMPILE
    )
    options.add_argument("--target", default="x86_64", choices=["x86_64"], help="default: x86_64")
    options.add_argument("-D", dest="disassemble", action="store_true", help="show the bytes too")
    options.add_argument(
        "--print-after",
        action="append",
        default=[],
        metavar="PASS",
        help="show what a pass leaves: verify, lower, regalloc, emit",
    )
    options.add_argument("-o", dest="output", metavar="FILE", help="write an object file")
    options.add_argument(
        "--format",
        default="elf",
        choices=list(_TLS_MODELS),
        help="of the object file; default: elf",
    )
    options.add_argument("-g", dest="debug", action="store_true", help="write line tables")
    given = options.parse_args(argv)
    _disable(given)
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
            compiled, lines, end = listing.compile_listed(function.func, settings)
            if given.disassemble:
                print("\n".join(_with_bytes(compiled.code, lines, end)))
            else:
                print("\n".join([text for _, _, text in lines]))
            print(f"; {len(compiled.code)} bytes, frame {compiled.frame_size}")
            for offset, code in compiled.traps:
                print(f"; trap {offset:#x} {code}")
            for reloc in compiled.relocs:
                print(f"; reloc {reloc.offset:#x} {reloc.kind} {reloc.name} {reloc.addend:+}")
            print()
    _finish(given)
    return 0


def _with_bytes(code: bytes, lines: list[tuple[int, int, str]], last: int) -> list[str]:
    """The bytes of each instruction beside it; from `last` on tables and constants."""
    out: list[str] = []
    ends = [offset for offset, _, _ in lines[1:]]
    for (start, _, text), end in zip(lines, [*ends, last], strict=True):
        if start == end:  # a label
            out.append(text)
        else:
            out.append(f"; {start:6x}  {code[start:end].hex(' '):<32} ; {text.strip()}")
    for start in range(last, len(code), 16):
        out.append(f"; {start:6x}  {code[start : start + 16].hex(' ')}")
    return out


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

    options = _options("run", "Compile files and run their `; run:` lines.", _RUN)
    options.add_argument(
        "--call", metavar="'%f(1, 2)'", help="call this instead, and print the results"
    )
    given = options.parse_args(argv)
    before = list(run_native.OVERRIDES)
    if given.native:
        run_native.OVERRIDES.extend(
            [n for n in TARGET.settings().rows if n.startswith("has_") and cpu.has(n[4:])]
        )
    _disable(given)
    run_native.OVERRIDES.extend(given.set)
    trace.time_passes = given.time_passes
    try:
        status = _run(given)
    finally:
        run_native.OVERRIDES[:] = before
    _finish(given)
    return status


def _run(given: argparse.Namespace) -> int:
    """The calls of `run`; 1 when any failed."""
    from grus.testing import run_native

    if given.call:
        for name in given.files:
            for value in run_native.call_file(read_file(name), given.call):
                print(value)
        return 0
    failed = False
    for path in filetest.find_files(given.files):
        read_text(str(path))  # or says that it is none
        for kind, rows in run_native.run_paths([str(path)]).items():
            for name, message in rows:
                failed = failed or kind == "fail"
                print(f"{kind} {name}{': ' if message else ''}{message}")
    return 1 if failed else 0
