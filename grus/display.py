"""IR, control flow and assembly as HTML: for notebooks, and for `grus explore`.

In a notebook, `%load_ext grus.display` shows IR functions highlighted with their graph, and
modules as tables of imports and exports; `Ir`, `Assembly` and `Cfg` show one of them anywhere that
asks for `_repr_html_`. The graph is drawn by Graphviz when its `dot` is installed, else it is
Mermaid text.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from typing import Any, Final

from grus.backend.emit import CompiledFunction
from grus.backend.settings import Settings
from grus.highlight import CLASSES
from grus.host.machine import TARGET, listing
from grus.ir.cfg_printer import to_dot, to_mermaid
from grus.ir.function import Function
from grus.ir.parser import parse_function
from grus.ir.printer import print_function
from grus.opt.pipeline import optimize

# fmt: off
_COLORS: Final = {  # of a class of tokens, on light and on dark ground
    "comment": ("#6e7781", "#8b949e"),
    "directive": ("#57606a", "#a5b0bb"),
    "string": ("#0a3069", "#a5d6ff"),
    "command": ("#8250df", "#d2a8ff"),
    "function": ("#cf222e", "#ff7b72"),
    "name": ("#8250df", "#d2a8ff"),
    "location": ("#8c959f", "#6e7681"),
    "block": ("#953800", "#ffa657"),
    "entity": ("#116329", "#7ee787"),
    "opcode": ("#0550ae", "#79c0ff"),
    "type": ("#1a7f37", "#56d364"),
    "condition": ("#0550ae", "#79c0ff"),
    "attribute": ("#7d4e00", "#e3b341"),
    "number": ("#0a3069", "#a5d6ff"),
}
# fmt: on
_GROUPS: Final = {
    "dynamic type": "type",
    "trap code": "attribute",
    "special number": "number",
    "float": "number",
    "hexadecimal": "number",
    "integer": "number",
}  # fmt: skip
_TOKENS: Final = re.compile("|".join([f"({row.pattern})" for row in CLASSES]), re.MULTILINE)
_ASSEMBLY: Final = re.compile(
    r"(?P<label>^\S+:.*)|(?P<opcode>^\s*[a-z]\w*)|(?P<block>\bblock\d+|\.L\d+)"
    r"|(?P<number>\b(?:0x[0-9a-f]+|\d+)\b)|(?P<attribute>\b\w+ ptr\b)|(?P<name>%\w+|\bu\d+:\d+)",
    re.MULTILINE,
)


def _rules(column: int) -> str:
    rules = [f".grus-{name} {{ color: {row[column]} }}" for name, row in _COLORS.items()]
    return "\n".join(rules)


STYLE: Final = f"""\
.grus {{ font-family: ui-monospace, monospace; white-space: pre; line-height: 1.4 }}
.grus-opcode, .grus-function {{ font-weight: 600 }}
{_rules(0)}
@media (prefers-color-scheme: dark) {{
{_rules(1)}
}}
"""
"""Style sheet for what the functions here make."""


def clif_html(text: str) -> str:
    """CLIF as HTML: a `span` around each token that has a color. Lines stay lines."""
    return _mark(text, _TOKENS, [_GROUPS.get(row.name, row.name) for row in CLASSES])


def assembly_html(text: str) -> str:
    """Assembly, as our printer writes it, as HTML."""
    names = sorted(_ASSEMBLY.groupindex, key=lambda name: _ASSEMBLY.groupindex[name])
    return _mark(text, _ASSEMBLY, ["block" if name == "label" else name for name in names])


def _mark(text: str, pattern: re.Pattern[str], names: list[str]) -> str:
    parts: list[str] = []
    at = 0
    for match in pattern.finditer(text):
        parts.append(html.escape(text[at : match.start()], quote=False))
        name = names[(match.lastindex or 0) - 1]
        token = html.escape(match[0], quote=False)
        parts.append(f'<span class="grus-{name}">{token}</span>' if name in _COLORS else token)
        at = match.end()
    parts.append(html.escape(text[at:], quote=False))
    return "".join(parts)


# ---- assembly with its places ----


class AsmLine:
    """A line of a listing: offset of its code, source location (-1: none), text. A label has the
    offset of what follows."""

    __slots__ = ("loc", "offset", "text")

    def __init__(self, offset: int, loc: int, text: str) -> None:
        self.offset = offset
        self.loc = loc
        self.text = text


def assembly_lines(
    func: Function, settings: Settings | None = None
) -> tuple[CompiledFunction, list[AsmLine]]:
    """Compile a function as it stands, and list its instructions. Raises as `compile_function`."""
    compiled, lines, _ = listing.compile_listed(func, settings or TARGET.settings())
    return compiled, [AsmLine(*line) for line in lines]


# ---- what notebooks show ----


class Ir:
    """Shows a function as highlighted text. `source` is a Function or CLIF text."""

    def __init__(self, source: Function | str) -> None:
        self.func = parse_function(source) if isinstance(source, str) else source

    def __str__(self) -> str:
        return print_function(self.func)

    def _repr_html_(self) -> str:
        return _page(f'<div class="grus">{clif_html(str(self))}</div>')


class Assembly:
    """Shows the machine code of a function (a Function or CLIF text), with offsets.

    With `opt_level` in `settings` a copy of the function is optimized before."""

    def __init__(self, source: Function | str, settings: Settings | None = None) -> None:
        func = parse_function(source if isinstance(source, str) else print_function(source))
        settings = settings or TARGET.settings()
        if settings.values["opt_level"]:
            optimize(func, settings.values, settings.text("opt_level"))
        self.compiled, self.lines = assembly_lines(func, settings)

    def __str__(self) -> str:
        return "\n".join([f"{line.offset:6x}  {line.text}" for line in self.lines])

    def _repr_html_(self) -> str:
        rows = [
            f'<span class="grus-location">{line.offset:6x}</span>  {assembly_html(line.text)}'
            for line in self.lines
        ]
        return _page('<div class="grus">' + "\n".join(rows) + "</div>")


class Cfg:
    """Shows the control-flow graph of a function (a Function or CLIF text)."""

    def __init__(self, source: Function | str) -> None:
        self.func = parse_function(source) if isinstance(source, str) else source

    def __str__(self) -> str:
        return to_dot(self.func)

    def svg(self) -> str | None:
        """The drawing, None when Graphviz is not installed or fails."""
        dot = shutil.which("dot")
        if dot is None:
            return None
        try:
            done = subprocess.run(
                [dot, "-Tsvg"],
                input=to_dot(self.func).encode(),
                capture_output=True,
                timeout=30,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        text = done.stdout.decode("utf-8", "replace")
        return text[text.find("<svg") :] if not done.returncode and "<svg" in text else None

    def _repr_html_(self) -> str:
        drawing = self.svg()
        if drawing is None:
            drawing = f'<pre class="mermaid">{html.escape(to_mermaid(self.func))}</pre>'
        return f"<div>{drawing}</div>"


def _page(body: str) -> str:
    return f"<style>\n{STYLE}</style>\n{body}"


def function_html(func: Function) -> str:
    """IR and graph of a function."""
    return Ir(func)._repr_html_() + Cfg(func)._repr_html_()


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext grus.display`: displays for IR functions, and the cell magics
    `%%clif` (shows IR, graph and assembly of a function) and `%%wat NAME` (makes NAME a Module)."""
    from grus.engine.module import Module

    formatter = shell.display_formatter.formatters["text/html"]
    formatter.for_type(Function, function_html)

    def clif(line: str, cell: str) -> Any:
        func = parse_function(cell)
        return _Together([Ir(func), Cfg(func), Assembly(cell)])

    def wat(line: str, cell: str) -> Any:
        module = Module(cell)
        if line.strip():
            shell.user_ns[line.strip()] = module
        return module

    shell.register_magic_function(clif, "cell", "clif")
    shell.register_magic_function(wat, "cell", "wat")


class _Together:
    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def __repr__(self) -> str:
        return "\n".join([str(part) for part in self.parts])

    def _repr_html_(self) -> str:
        return "".join([part._repr_html_() for part in self.parts])
