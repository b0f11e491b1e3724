"""Scripts of the specification's test suite (`.wast`): commands with modules, actions and results.

Source: the reference interpreter's README, "Scripts". A module is kept as its source form, so that
a script can hold malformed ones.
"""

from __future__ import annotations

from grus.wasm import types as T
from grus.wasm.errors import TextError
from grus.wasm.text.lexer import CLOSE, END, OPEN, WORD, Tokens
from grus.wasm.text.parser import Cursor, ModuleParser, WatModule, decode_source

NAN_CANONICAL = "nan:canonical"
NAN_ARITHMETIC = "nan:arithmetic"


class ScriptModule:
    """A module of a script. `kind` is "text", "binary" or "quote"; `definition` only defines.

    `parsed` is the binary of a text module, or the TextError that it gave.
    """

    __slots__ = ("data", "definition", "kind", "line", "name", "parsed")

    def __init__(self, kind: str, name: str | None, line: int, definition: bool) -> None:
        self.kind = kind
        self.name = name
        self.line = line
        self.definition = definition
        self.data = b""
        self.parsed: WatModule | TextError | None = None


class Const:
    """An argument or an expected result.

    `type` is "i32", ... "v128", or a reference: "ref.null", "ref.extern", "ref.host", "ref.func",
    "ref.any" and so on. `bits` is the pattern, None for any value of the type. In results a lane
    may be a NaN class: `lanes` are then (bits, or a NaN class) of `lane_bits` each.
    """

    __slots__ = ("bits", "choices", "lane_type", "lanes", "type")

    def __init__(self, type: str, bits: int | None = None) -> None:
        self.type = type
        self.bits = bits
        self.lane_type = ""
        self.lanes: list[int | str] = []
        self.choices: list[Const] = []  # of `either`

    def __repr__(self) -> str:
        if self.choices:
            return "(either " + " ".join(map(repr, self.choices)) + ")"
        if self.lanes:
            shown = " ".join(x if isinstance(x, str) else f"{x:#x}" for x in self.lanes)
            return f"({self.type}.const {self.lane_type} {shown})"
        return f"({self.type})" if self.bits is None else f"({self.type} {self.bits:#x})"


class Action:
    """`invoke` or `get` of an export of a module (`module` None: the latest)."""

    __slots__ = ("args", "export", "kind", "line", "module")

    def __init__(self, kind: str, module: str | None, export: str, line: int) -> None:
        self.kind = kind
        self.module = module
        self.export = export
        self.args: list[Const] = []
        self.line = line


class Command:
    """One command.

    `kind` is its word; `module`, `action`, `results`, `text` (the expected message) and `name` are
    set as it needs; `register` has its string in `text`; `instance` has the definition's name in
    `text` and its own in `name`.
    """

    __slots__ = ("action", "commands", "kind", "line", "module", "name", "results", "text")

    def __init__(self, kind: str, line: int) -> None:
        self.kind = kind
        self.line = line
        self.module: ScriptModule | None = None
        self.action: Action | None = None
        self.results: list[Const] = []
        self.text = ""
        self.name: str | None = None
        self.commands: list[Command] = []  # of a thread


_ASSERT_MODULE = (
    "assert_malformed",
    "assert_invalid",
    "assert_unlinkable",
    "assert_malformed_custom",
    "assert_invalid_custom",
)
_NUMBERS = {"i32": 32, "i64": 64, "f32": 32, "f64": 64}
_LANES = {"i8x16": 16, "i16x8": 8, "i32x4": 4, "i64x2": 2, "f32x4": 4, "f64x2": 2}


class _ScriptParser(Cursor):
    def line(self, at: int = -1) -> int:
        return self.tokens.place(self.tokens.offsets[self.i if at < 0 else at])[0]

    def commands(self) -> list[Command]:
        found = []
        # A file may be one module without parentheses around.
        if self.kinds[0] == OPEN and self.texts[1] in _MODULE_FIELDS:
            command = Command("module", 1)
            module = ScriptModule("text", None, 1, False)
            parser = ModuleParser(self.tokens, 0)
            try:
                module.parsed = parser.fields_only()
            except TextError as error:
                module.parsed = error
            command.module = module
            return [command]
        while self.kinds[self.i] != END:
            found.append(self.command())
        return found

    def command(self) -> Command:
        if self.kinds[self.i] != OPEN or self.kinds[self.i + 1] != WORD:
            raise self.unexpected("a command")
        word = self.texts[self.i + 1]
        command = Command(word, self.line())
        if word == "module":
            if self.texts[self.i + 2] == "instance":
                self.i += 3
                command.kind = "instance"
                first, second = self.id(), self.id()
                command.name = first
                command.text = second or ""
                self.close()
                return command
            command.module = self.module()
            return command
        if word in ("invoke", "get"):
            command.action = self.action()
            return command
        self.i += 2
        if word == "register":
            command.text = self.name()
            command.name = self.id()
        elif word in _ASSERT_MODULE:
            command.module = self.module()
            command.text = self.name()
        elif word in ("assert_trap", "assert_exhaustion", "assert_exception", "assert_suspension"):
            if self.is_field("module"):
                command.module = self.module()
            else:
                command.action = self.action()
            if word != "assert_exception":
                command.text = self.name()
        elif word == "assert_return":
            command.action = self.action()
            while self.kinds[self.i] == OPEN:
                command.results.append(self.const(True))
        elif word == "thread":
            command.name = self.id()
            while self.kinds[self.i] == OPEN:
                if self.is_field("shared"):
                    self.skip()
                else:
                    command.commands.append(self.command())
        elif word == "wait":
            command.name = self.id()
        else:
            raise self.error(f"unknown command {word!r}", self.i - 1)
        self.close()
        return command

    def module(self) -> ScriptModule:
        start = self.i
        line = self.line()
        self.open("module")
        definition = self.take_word("definition")
        name = self.id()
        if self.at_word("binary") or self.at_word("quote"):
            module = ScriptModule(self.word(), name, line, definition)
            module.data = self.strings()
            self.close()
            return module
        module = ScriptModule("text", name, line, definition)
        parser = ModuleParser(self.tokens, self.i)
        parser.module_name = name
        try:
            module.parsed = parser.fields_only()
            parser.close()
            self.i = parser.i
        except TextError as error:
            module.parsed = error
            self.i = start
            self.skip()
        return module

    def action(self) -> Action:
        line = self.line()
        if not (self.is_field("invoke") or self.is_field("get")):
            raise self.unexpected("an action")
        kind = self.texts[self.i + 1]
        self.i += 2
        module = self.id()
        action = Action(kind, module, self.name(), line)
        while self.kinds[self.i] == OPEN:
            action.args.append(self.const(False))
        self.close()
        return action

    def const(self, expected: bool) -> Const:
        self.i += 1
        word = self.word()
        if word == "either":
            const = Const("either")
            while self.kinds[self.i] == OPEN:
                const.choices.append(self.const(expected))
            self.close()
            return const
        head, _, tail = word.partition(".")
        if tail == "const" and head in _NUMBERS:
            const = Const(head)
            const.lane_type = head
            const.lanes = [self.lane(head, expected)]
            if not isinstance(const.lanes[0], str):
                const.bits = const.lanes[0]
        elif word == "v128.const":
            shape = self.word()
            if shape not in _LANES:
                raise self.error("expected a shape", self.i - 1)
            const = Const("v128")
            const.lane_type = shape
            lane = shape.split("x")[0]
            const.lanes = [self.lane(lane, expected) for _ in range(_LANES[shape])]
            if not any(isinstance(x, str) for x in const.lanes):
                size = 128 // _LANES[shape]
                const.bits = sum(int(x) << (size * n) for n, x in enumerate(const.lanes))
        elif head == "ref":
            const = Const(word)
            if word == "ref.null":
                if self.kinds[self.i] == WORD and self.texts[self.i] in T.HEAP_NAMES:
                    const.lane_type = self.word()
                const.bits = 0
            elif self.kinds[self.i] != CLOSE:
                const.bits = self.uint()
        else:
            raise self.error(f"unknown constant {word!r}", self.i - 1)
        self.close()
        return const

    def lane(self, ty: str, expected: bool) -> int | str:
        if expected and self.texts[self.i] in (NAN_CANONICAL, NAN_ARITHMETIC):
            return self.word()
        bits = int(ty[1:])
        return self.number(ty) & ((1 << bits) - 1)


_MODULE_FIELDS = (
    *("type", "rec", "import", "func", "table", "memory", "global", "export", "start", "elem"),
    *("data", "tag"),
)


def parse_script(source: str | bytes, file: str = "") -> list[Command]:
    """The commands of a script. Raises TextError where the script itself is malformed."""
    tokens = Tokens(decode_source(source, file), file)
    return _ScriptParser(tokens, 0).commands()
