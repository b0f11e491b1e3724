"""Runs filetests: `.clif` files that say in `test` lines and comments what should come out.

A *kind* of test is a function that takes a `Context` and raises `Failure` or `Skip`, or returns.
`KINDS` names it by module, so that a kind of another part of Grus is imported only when a file
asks for it; a kind whose module is missing is skipped.

Unit of counting: one test command of one file, for the kinds of `PER_TARGET` once for each
target. Cranelift's `precise-output` expectations are its own machine code and are not compared:
what Grus should give stands in a block of comments behind the function that begins with the line
`; grus:`, and is rewritten with `bless`.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from grus.base.errors import GrusError, Unsupported
from grus.ir import types as T
from grus.ir import verifier
from grus.ir.cfg import ControlFlowGraph
from grus.ir.cfg_printer import to_dot
from grus.ir.data import DataValue, NumberError, parse_bytes, parse_lane
from grus.ir.domtree import DomTree
from grus.ir.function import (
    AliasRegion,
    Block,
    DynamicStackSlot,
    FuncRef,
    Function,
    GlobalValue,
    Signature,
    StackSlot,
    Value,
)
from grus.ir.interpreter import Interpreter
from grus.ir.lexer import END, Tokens
from grus.ir.parser import Command, File, FunctionText, ParseErrors, Target, parse_file
from grus.ir.printer import print_function
from grus.testing.filecheck import Checker, FileCheckError

KINDS: Final[dict[str, str]] = {
    "cat": "grus.testing.filetest:test_cat",
    "verifier": "grus.testing.filetest:test_verifier",
    "print-cfg": "grus.testing.filetest:test_print_cfg",
    "domtree": "grus.testing.filetest:test_domtree",
    "interpret": "grus.testing.filetest:test_interpret",
    "run": "grus.testing.run_native:test_run",
    "compile": "grus.testing.compile_kinds:test_compile",
    "unwind": "grus.testing.unwind_kind:test_unwind",
    "optimize": "grus.testing.optimize_kinds:test_optimize",
    "inline": "grus.testing.optimize_kinds:test_inline",
    "alias-analysis": "grus.testing.optimize_kinds:test_alias_analysis",
}
"""Kinds of tests: module and function."""
PER_TARGET: Final = ("run", "compile", "unwind")
MAX_STEPS: Final = 50_000_000
"""Blocks that one run line may enter."""
BITS_32: Final = ("i686", "i586", "i386", "riscv32", "pulley32", "pulley32be", "arm", "wasm32")
"""Architectures with pointers of 32 bits."""
_TRUE: Final = ("true", "1", "on", "yes")


class Failure(GrusError):
    """A test does not pass. `line` is the place in the file, 0 for none in particular."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class Skip(GrusError):
    """A test cannot be run here; the text says why."""


class Result:
    """What became of one unit: `status` is "passed", "failed" or "skipped"."""

    __slots__ = ("kind", "line", "name", "reason", "status", "target")

    def __init__(
        self, name: str, kind: str, target: str, status: str, reason: str = "", line: int = 0
    ) -> None:
        self.name = name
        self.kind = kind
        self.target = target
        self.status = status
        self.reason = reason
        self.line = line

    def __str__(self) -> str:
        place = f"{self.name}:{self.line}" if self.line else self.name
        target = f" {self.target}" if self.target else ""
        reason = " ".join(self.reason.split())
        return f"{self.status.upper()} {place}: {self.kind}{target}: {reason}"


class Context:
    """One unit. `target` is the target of a kind in PER_TARGET, else the only one of the file."""

    __slots__ = ("_blessed", "bless", "command", "compared", "file", "target")

    def __init__(self, file: File, command: Command, target: Target | None, bless: bool) -> None:
        self.file = file
        self.command = command
        self.target = target
        self.bless = bless
        self.compared = False  # an expectation was found
        self._blessed: list[tuple[int, int, list[str]]] = []

    def setting(self, name: str) -> str:
        """The value of a setting in force, "" when the file does not set it."""
        settings = self.target.settings if self.target is not None else self.file.settings
        value = ""
        for key, given in settings:
            if key == name:
                value = given
        return value

    def flag(self, name: str) -> bool:
        return self.setting(name) in _TRUE

    def pointer_bits(self) -> int:
        """Width of pointers of the target; 0 without one."""
        if self.target is None:
            return 0
        return 32 if self.target.triple.split("-")[0] in BITS_32 else 64

    def verify(self, function: FunctionText) -> list[verifier.VerifierError]:
        return verifier.verify(
            function.func,
            self.pointer_bits(),
            self.flag("enable_pinned_reg"),
            self.flag("preserve_frame_pointers"),
        )

    def must_verify(self, function: FunctionText) -> None:
        """Raise Failure when a function is not valid."""
        errors = self.verify(function)
        if errors:
            line = function.line_of(errors[0].inst) or function.line
            raise Failure(f"{function.func.name} is not valid: {errors[0]}", line)

    def filecheck(self, function: FunctionText, text: str) -> None:
        """Match `text` with the directives of the preamble and of the function's comments."""
        comments = [c.text for c in self.file.preamble]
        comments += [c.text for c in function.comments]
        try:
            Checker(comments).check(text)
        except FileCheckError as error:
            raise Failure(f"{function.func.name}: {error}", function.line) from None

    def expect(self, function: FunctionText, lines: list[str]) -> None:
        """Compare output with the `; grus:` block behind a function, when there is one."""
        comments = function.comments
        for index, comment in enumerate(comments):
            if comment.text.rstrip() != "; grus:" or comment.line <= function.last_line:
                continue
            self.compared = True
            block = [comment]
            for other in comments[index + 1 :]:
                if other.line == block[-1].line + 1:
                    block.append(other)
            expected = [_uncomment(c.text) for c in block[1:]]
            if expected == lines:
                return
            if not self.bless:
                raise Failure(
                    f"{function.func.name}: output differs: " + _first_difference(expected, lines),
                    comment.line,
                )
            text = ["; grus:"] + [f"; {line}".rstrip() for line in lines]
            self._blessed.append((block[0].line, block[-1].line, text))
            return

    def write_blessed(self, path: Path) -> None:
        """Put the new `; grus:` blocks into the file."""
        if not self._blessed:
            return
        lines = path.read_text(encoding="utf-8").split("\n")
        for first, last, text in sorted(self._blessed, key=_first_line, reverse=True):
            lines[first - 1 : last] = text
        path.write_text("\n".join(lines), encoding="utf-8")


def _first_line(edit: tuple[int, int, list[str]]) -> int:
    return edit[0]


def _uncomment(text: str) -> str:
    return text[2:] if text.startswith("; ") else text[1:]


def _first_difference(expected: list[str], lines: list[str]) -> str:
    for index, want in enumerate(expected):
        got = lines[index] if index < len(lines) else "the end"
        if want != got:
            return f"expected `{want}`, got `{got}`"
    return f"unexpected `{lines[len(expected)]}`"


# ---- kinds ----


def test_cat(context: Context) -> None:
    """Functions print as their comments say."""
    for function in context.file.functions:
        context.filecheck(function, print_function(function.func, cranelift=True))


def test_print_cfg(context: Context) -> None:
    """The control-flow graph prints as the comments say."""
    for function in context.file.functions:
        context.filecheck(function, to_dot(function.func))


def test_verifier(context: Context) -> None:
    """The verifier finds exactly the errors of `; error:` comments, each at its entity."""
    for function in context.file.functions:
        errors = context.verify(function)
        places = _places(function.func)
        for comment in function.comments:
            message = _directive(comment.text, "error:")
            if message is None:
                continue
            place = _place(comment.entity, places)
            for index, error in enumerate(errors):
                if error.place == place and message in error.message:
                    del errors[index]
                    break
            else:
                found = "; ".join([str(e) for e in errors])
                raise Failure(f"expected error at {place}: {message}; found: {found}", comment.line)
        if errors:
            line = function.line_of(errors[0].inst) or function.line
            raise Failure(f"unexpected error in {function.func.name}: {errors[0]}", line)


def _places(func: Function) -> dict[Value, str]:
    """The names of instructions in errors."""
    places: dict[Value, str] = {}
    for block in func.blocks:
        for inst in block.insts:
            places[inst] = f"inst{len(places)}"
    return places


def _place(entity: object, places: dict[Value, str]) -> str:
    """The name of an entity in errors."""
    if isinstance(entity, Value):
        return places.get(entity) or f"v{entity.num}"
    prefixes = (
        (Block, "block"),
        (GlobalValue, "gv"),
        (Signature, "sig"),
        (FuncRef, "fn"),
        (StackSlot, "ss"),
        (DynamicStackSlot, "dss"),
        (AliasRegion, "region"),
    )
    for kind, prefix in prefixes:
        if isinstance(entity, kind):
            return f"{prefix}{entity.num}"
    return "function"


def _directive(comment: str, name: str) -> str | None:
    """What follows a directive at the beginning of a comment."""
    text = comment.lstrip(";").lstrip()
    return text[len(name) :].strip() if text.startswith(name) else None


def test_domtree(context: Context) -> None:
    """Immediate dominators are those of `; dominates:`; the tree prints as the comments say."""
    for function in context.file.functions:
        context.must_verify(function)
        func = function.func
        cfg = ControlFlowGraph(func)
        tree = DomTree(func, cfg)
        expected: dict[int, int] = {}
        for comment in function.comments:
            names = _directive(comment.text, "dominates:")
            if names is None:
                continue
            if not isinstance(comment.entity, Value):
                raise Failure("annotation on what is no instruction", comment.line)
            for name in names.split():
                if not (name.startswith("block") and name[5:].isdigit()):
                    raise Failure(f"expected a block, got {name}", comment.line)
                expected[int(name[5:])] = comment.entity.block.num
        for block in func.blocks[1:]:
            want = expected.get(block.num, -1)
            got = tree.idom[block.num]
            if want != got:
                raise Failure(
                    f"idom of block{block.num}: expected block{want}, got block{got}",
                    function.line,
                )
        context.filecheck(function, _domtree_text(cfg, tree))


def _domtree_text(cfg: ControlFlowGraph, tree: DomTree) -> str:
    lines = ["cfg_postorder:" + "".join([f" block{n}" for n in cfg.post_order])]
    lines.append("domtree_preorder {")
    for num in tree.pre_order:
        lines.append(f"    block{num}:" + "".join([f" block{c}" for c in tree.children[num]]))
    return "\n".join([*lines, "}", ""])


def test_interpret(context: Context) -> None:
    """`; run:` lines hold in the interpreter."""
    functions = {f.func.name: f.func for f in context.file.functions}
    for function in context.file.functions:
        context.must_verify(function)
    for func in functions.values():
        func.resolve_aliases()
    interpreter = Interpreter(functions, max_steps=MAX_STEPS)
    for function in context.file.functions:
        for comment in function.comments:
            command = parse_run(comment.text, function.func, functions, comment.line)
            if command is None:
                continue
            interpreter.reset()
            try:
                results = interpreter.call(command.name, command.args)
            except GrusError as error:
                raise Failure(f"{comment.text.strip()}: {error}", comment.line) from None
            command.check(results, comment.line)


# ---- run lines ----


class RunCommand:
    """`run: %f(ARGS) == RESULTS`, `!=`, bare `run` (the result is not 0) or `print: %f(ARGS)`.

    `equal` says which comparison; `results` are what to compare with, None for nothing.
    """

    __slots__ = ("args", "equal", "name", "results", "text")

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.args: list[DataValue] = []
        self.results: list[DataValue] | None = None
        self.equal = True

    def check(self, results: list[DataValue], line: int) -> None:
        """Raise Failure when `results` are not as expected."""
        if self.results is None or (results == self.results) == self.equal:
            return
        got = ", ".join([str(v) for v in results])
        raise Failure(f"{self.text}: got {got}", line)


def parse_run(
    comment: str, func: Function, functions: dict[str, Function] | None, line: int
) -> RunCommand | None:
    """The run command in a comment behind `func`; None when it is none. Raises Failure.

    Without `functions` it calls `func`, whatever name it says, as Cranelift's `test run` does.
    """
    text = comment.lstrip("; ").rstrip()
    items = Tokens(text).items
    if items[0] not in ("run", "print") or items[1] not in (":", END):
        return None
    command = RunCommand(text, func.name)
    if items[1] == END:
        if func.sig.params or (items[0] == "run" and len(func.sig.returns) != 1):
            raise Failure(f"{text}: a call is required, as in run: %f(1) == 2", line)
        if items[0] == "run":
            command.equal = False
            command.results = [DataValue(func.sig.returns[0].ty, 0)]
        return command
    reader = _ValueReader(items, text, line)
    command.name = reader.take()
    if functions is None:
        command.name = func.name
    callee = func if functions is None else functions.get(command.name)
    if callee is None:
        raise Failure(f"{text}: there is no function {command.name}", line)
    reader.expect("(")
    command.args = reader.values([p.ty for p in callee.sig.params])
    reader.expect(")")
    if items[0] == "run":
        command.equal = reader.take() == "="
        reader.expect("=")
        types = [r.ty for r in callee.sig.returns]
        if len(types) != 1:
            reader.expect("[")
        command.results = reader.values(types)
        if len(types) != 1:
            reader.expect("]")
    reader.expect(END)
    return command


class _ValueReader:
    """Reads the values of a run command, from token 2 on."""

    __slots__ = ("at", "items", "line", "text")

    def __init__(self, items: list[str], text: str, line: int) -> None:
        self.items = items
        self.text = text
        self.line = line
        self.at = 2

    def take(self) -> str:
        token = self.items[self.at]
        if token != END:
            self.at += 1
        return token

    def expect(self, token: str) -> None:
        found = self.take()
        if found != token:
            raise Failure(f"{self.text}: expected '{token}' at '{found}'", self.line)

    def values(self, types: list[int]) -> list[DataValue]:
        out: list[DataValue] = []
        for index, ty in enumerate(types):
            if index:
                self.expect(",")
            out.append(DataValue(ty, self._value(ty)))
        return out

    def _value(self, ty: int) -> int:
        token = self.take()
        try:
            if T.LANES[ty] == 1:
                return parse_lane(token, ty)
            if token != "[":
                return int.from_bytes(parse_bytes(token, T.size(ty)), "little")
            lane = T.LANE[ty]
            bits = 0
            for index in range(T.LANES[ty]):
                bits |= parse_lane(self.take(), lane) << index * T.BITS[lane]
        except NumberError as error:
            raise Failure(f"{self.text}: {error}", self.line) from None
        self.expect("]")
        return bits


# ---- the runner ----


def find_files(paths: list[str]) -> list[Path]:
    """The `.clif` files of files and directories, sorted."""
    files: list[Path] = []
    for name in paths:
        path = Path(name)
        files += sorted(path.rglob("*.clif")) if path.is_dir() else [path]
    return files


def run_file(path: Path, bless: bool = False) -> list[Result]:
    """Run every test of a file. Raises OSError when it cannot be read."""
    text = path.read_bytes().decode("utf-8", "replace")
    name = str(path)
    try:
        file = parse_file(text, name)
    except ParseErrors as errors:
        first = errors.errors[0]
        return [Result(name, "parse", "", "failed", first.message, first.line)]
    if not file.commands:
        return [Result(name, "parse", "", "failed", "no test commands found")]
    results: list[Result] = []
    for command in file.commands:
        if command.name in PER_TARGET and file.targets:
            targets: list[Target | None] = list(file.targets)
        else:
            targets = [file.targets[0] if len(file.targets) == 1 else None]
        for target in targets:
            # Tests change functions (aliases): each has its own.
            context = Context(parse_file(text, name), command, target, bless)
            results.append(_run_unit(context))
            if bless:
                context.write_blessed(path)
                text = path.read_bytes().decode("utf-8", "replace")
    return results


def _run_unit(context: Context) -> Result:
    command = context.command
    target = context.target.triple if context.target and command.name in PER_TARGET else ""
    result = Result(context.file.name, command.name, target, "passed")
    try:
        for feature, wanted in context.file.features:
            if wanted:
                raise Skip(f"feature {feature} is not there")
        if "expect-fail" in command.options:
            raise Skip("expect-fail: the failure of another compiler")
        _kind(command.name)(context)
        if "precise-output" in command.options and not context.compared:
            raise Skip("no `; grus:` expectation to compare with")
    except Skip as skip:
        result.status, result.reason = "skipped", str(skip)
    except Unsupported as error:
        result.status, result.reason = "skipped", f"unsupported: {error}"
    except Failure as failure:
        result.status, result.reason, result.line = "failed", failure.message, failure.line
    except GrusError as error:
        result.status, result.reason, result.line = "failed", str(error), command.line
    return result


def _kind(name: str) -> Callable[[Context], None]:
    """The function of a kind. Raises Skip when there is none."""
    place = KINDS.get(name)
    if place is None:
        raise Skip(f"unknown kind of test: {name}")
    module_name, _, function_name = place.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError:
        raise Skip(f"kind {name} is not there yet") from None
    function: Callable[[Context], None] | None = getattr(module, function_name, None)
    if function is None:
        raise Skip(f"kind {name} is not there yet")
    return function


def run_paths(paths: list[str], bless: bool = False, json_path: str = "") -> int:
    """`grus clif test`: one line a failure, the summary last. Gives the exit status."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    rows: list[dict[str, object]] = []
    for path in find_files(paths):
        for result in run_file(path, bless):
            counts[result.status] += 1
            if result.status == "failed":
                print(result)
            rows.append({key: getattr(result, key) for key in Result.__slots__})
    if json_path:
        Path(json_path).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0
