"""`grus explore`: WebAssembly, IR and assembly of a module side by side in one HTML file."""

from __future__ import annotations

import argparse
import html
import os
import re
import sys
from typing import Final

from grus.base.errors import GrusError
from grus.cli.wasm_input import add_features, parse_features, read_module_bytes
from grus.cli.wat2wasm import write_output
from grus.display import STYLE, assembly_html, assembly_lines, clif_html
from grus.engine.compile import settings_for
from grus.engine.engine import Engine
from grus.engine.module import Module
from grus.engine.translate.func import translate
from grus.ir.printer import print_function
from grus.opt.pipeline import optimize
from grus.wasm import objdump

_EPILOG = """\
The page needs nothing but itself. Pointing at an instruction marks what it comes from and what it
became in the other columns; a click keeps the mark and scrolls them to it.

examples:
  grus explore examples/primes.wat -o primes.html
  grus explore app.wasm -f hot_loop -f helper -o loop.html
"""


def explore_command(argv: list[str]) -> int:
    """Write the page. 1 when the module cannot be compiled."""
    parser = argparse.ArgumentParser(
        prog="grus explore",
        description="Show the WebAssembly, IR and assembly of a module side by side (HTML).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="MODULE", help="the module; - is standard input")
    parser.add_argument("-o", "--output", metavar="FILE",
                        help="the page (default: MODULE with .html; - is stdout)")  # fmt: skip
    parser.add_argument("-f", "--function", action="append", default=[], metavar="NAME",
                        help="only this function: its name or index")  # fmt: skip
    parser.add_argument("--opt-level", choices=("none", "speed", "speed_and_size"), default="speed",
                        help="of the engine (default speed); the IR is shown after it")  # fmt: skip
    add_features(parser)
    given = parser.parse_args(argv)
    data = read_module_bytes(given.file)
    engine = Engine(features=parse_features(given.features), opt_level=given.opt_level)
    try:
        module = Module(data, engine)
        text = page(module, _chosen(module, given.function), os.path.basename(given.file))
    except GrusError as error:
        print(f"grus: {given.file}: {error}", file=sys.stderr)
        return 1
    output = given.output
    if output is None:
        output = "-" if given.file == "-" else os.path.splitext(given.file)[0] + ".html"
    write_output(output, text.encode())
    return 0


def _chosen(module: Module, names: list[str]) -> list[int]:
    """Indices of the functions with these names. Raises GrusError."""
    wasm = module.wasm
    own = range(wasm.num_imported_funcs, len(wasm.funcs))
    if not names:
        return list(own)
    found: list[int] = []
    for name in names:
        indices = [n for n in own if name in (str(n), wasm.func_name(n), f"${wasm.func_name(n)}")]
        if not indices:
            raise GrusError(f"there is no function {name!r}")
        found += indices
    return sorted(set(found))


def page(module: Module, indices: list[int], title: str) -> str:
    """The page for some functions of a module. Raises Unsupported."""
    bodies = _bodies(module)
    sections = [_section(module, index, bodies[index]) for index in indices]
    names = [
        f'<a href="#f{index}">{html.escape(_title(module, index))}</a>' for index in indices
    ]  # fmt: skip
    size = len(module.wasm.data)
    return _PAGE.format(
        title=html.escape(title),
        style=_STYLE + STYLE,
        about=f"{size} bytes, {len(indices)} functions",
        names="\n".join(names),
        sections="\n".join(sections),
        script=_SCRIPT,
    )


def _title(module: Module, index: int) -> str:
    name = module.wasm.func_name(index)
    return f"{index} {name}" if name else str(index)


def _bodies(module: Module) -> list[list[str]]:
    """The disassembly of each function, by index."""
    bodies: list[list[str]] = [[] for _ in range(module.wasm.num_imported_funcs)]
    for line in objdump.disassemble(module.wasm):
        if line.startswith(" "):
            bodies[-1].append(line)
        else:
            bodies.append([])
    return bodies


def _section(module: Module, index: int, disassembly: list[str]) -> str:
    """One function: three columns of lines, those of one instruction of wasm with one number."""
    func = translate(module.info, index)
    settings = settings_for(module.engine)
    optimize(func, settings.values, module.engine.opt_level)
    body = module.wasm.body(index)
    wasm_lines = _wasm(module, index, disassembly)
    ir_lines = _ir(print_function(func))
    insts = sum(len(block.insts) for block in func.blocks)
    compiled, listing = assembly_lines(func, settings)
    asm_lines = [
        (line.loc, f"{line.offset:5x}", line.text) for line in listing if line.text.strip()
    ]
    func.dispose()
    about = (
        f"{body.end - body.start} bytes of wasm, {insts} IR instructions, "
        f"{len(compiled.code)} bytes of code, frame {compiled.frame_size}"
    )
    columns = [
        _column("wasm", [_line(loc, at, _wasm_html(text)) for loc, at, text in wasm_lines]),
        _column("IR", [_line(loc, "", clif_html(text)) for loc, text in ir_lines]),
        _column("x86-64", [_line(loc, at, assembly_html(text)) for loc, at, text in asm_lines]),
    ]
    return (
        f'<section id="f{index}"><h2>{html.escape(_title(module, index))} <small>{about}</small>'
        f'</h2><div class="columns">{"".join(columns)}</div></section>'
    )


def _column(title: str, lines: list[str]) -> str:
    return f'<div class="column" title="{title}">{"".join(lines)}</div>'


def _line(loc: int, at: str, text: str) -> str:
    place = f' data-o="{loc}"' if loc >= 0 else ""
    margin = f'<span class="grus-location">{at} </span>' if at else ""
    return f'<div class="l"{place}>{margin}{text or " "}</div>'


def _wasm(module: Module, index: int, disassembly: list[str]) -> list[tuple[int, str, str]]:
    """Instructions of a body: address, the same as text, and text with names."""
    wasm = module.wasm
    names = wasm.names.locals.get(index, {})
    lines: list[tuple[int, str, str]] = []
    for line in disassembly:
        address, _, text = line.partition(" | ")
        words = text.split()
        comment = ""
        if words[0] in ("call", "return_call", "ref.func"):
            comment = wasm.func_name(int(words[1]))
        elif words[0].startswith("local."):
            comment = names.get(int(words[1]), "")
        at = int(address.partition(":")[0], 16)
        lines.append((at, f"{at:05x}", text + (f"  ;; ${comment}" if comment else "")))
    return lines


_LOC: Final = re.compile(r"@([0-9a-f]+)\s*")


def _ir(text: str) -> list[tuple[int, str]]:
    """Lines of a printed function without their margin, each with its location."""
    lines: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = _LOC.match(line)
        if match:
            lines.append((int(match[1], 16), "    " + line[match.end() :]))
        else:
            wide = line.startswith(" " * 32)
            lines.append((-1, line[32:] if wide else line))
    return lines


_WASM: Final = re.compile(r"^(\s*)(\S+)(.*?)(\s;;.*)?$")


def _wasm_html(text: str) -> str:
    match = _WASM.match(text)
    if match is None:
        return html.escape(text, quote=False)
    space, name, operands, comment = [
        html.escape(part or "", quote=False) for part in match.groups()
    ]
    text = f'{space}<span class="grus-opcode">{name}</span>{operands}'
    return text + (f'<span class="grus-comment">{comment}</span>' if comment else "")


_STYLE: Final = """\
:root { color-scheme: light dark }
body { font-family: system-ui, sans-serif; margin: 0 1rem 4rem; font-size: 13px }
nav a { margin-right: 1em; white-space: nowrap }
nav { max-height: 8rem; overflow-y: auto }
h2 { font-size: 1rem; margin: 1.5rem 0 .3rem }
small { font-weight: normal; opacity: .7 }
.columns { display: grid; grid-template-columns: 3fr 5fr 4fr; gap: .7rem }
.column { max-height: 85vh; overflow: auto; border: 1px solid #8884; padding: .3rem;
  font-family: ui-monospace, monospace; white-space: pre; line-height: 1.4 }
.column::before { content: attr(title); font-weight: 600; opacity: .6 }
.l { border-radius: 3px }
.l[data-o] { cursor: pointer }
.l.on { background: #ffd33d66 }
.l.kept { background: #54aeff55 }
"""
_SCRIPT: Final = """\
"use strict";
function same(line) {
  const section = line.closest("section");
  return section.querySelectorAll('.l[data-o="' + line.dataset.o + '"]');
}
function mark(name, lines) {
  document.querySelectorAll(".l." + name).forEach(l => l.classList.remove(name));
  lines.forEach(l => l.classList.add(name));
}
document.addEventListener("mouseover", event => {
  const line = event.target.closest(".l[data-o]");
  mark("on", line ? same(line) : []);
});
document.addEventListener("click", event => {
  const line = event.target.closest(".l[data-o]");
  if (!line) { mark("kept", []); return; }
  const lines = same(line);
  mark("kept", lines);
  const seen = new Set([line.closest(".column")]);
  lines.forEach(other => {
    const column = other.closest(".column");
    if (seen.has(column)) return;
    seen.add(column);
    column.scrollTo({ top: other.offsetTop - column.offsetTop - column.clientHeight / 3,
                      behavior: "smooth" });
  });
});
"""
_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<h1>{title} <small>{about}</small></h1>
<nav>
{names}
</nav>
{sections}
<script>
{script}</script>
</body>
</html>
"""
