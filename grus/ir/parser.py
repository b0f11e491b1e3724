"""Parser of the `.clif` language (Cranelift 0.136).

The rows of the opcode table drive it: each row becomes a `_Form`, a tuple of steps, and there is
one routine a kind of operand (`_KIND_STEPS`), none an opcode. A value is looked up by its token,
so `v12` is converted to a number once, at its first mention; a mention before the definition
makes the object that the definition then fills.

**Numbers.** Values, blocks and entities keep the numbers of the text (`Value.num`,
`Block.num`, `.num` of entities), which is what Cranelift prints. Instructions without a result
of their own are numbered after the largest value. A function whose largest number is out of all
proportion to its size (`_SPARSE`) is compacted, since analyses are lists indexed by number.

**Comments** belong to the entity before them (`; error:`), those after the closing brace to the
function (`; run:`), as in `cranelift/reader`, whose grammar this is.

Hostile text gives ParseError (one function: `parse_function`) or ParseErrors (a file: all
functions are tried), never another exception, and nothing recurses.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NoReturn

from grus.base.errors import GrusError
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.data import NumberError, parse_bytes, parse_float, parse_int, parse_lane
from grus.ir.function import (
    CALL_CONVS,
    NO_BLOCK,
    NO_LOC,
    AbiParam,
    AliasRegion,
    Block,
    BlockCall,
    CallInfo,
    DynamicStackSlot,
    FuncRef,
    Function,
    GlobalValue,
    Handler,
    MemFlags,
    Signature,
    StackMapEntry,
    StackSlot,
    Value,
    mem_flags,
)
from grus.ir.lexer import END, Tokens

_SPARSE: Final = 1 << 16
"""Numbers below this, or below this many times the size, are kept."""
_SHOWN: Final = 160
"""Characters of a line that an error shows."""
_NO_FLAGS: Final = mem_flags()
_MAX_NUMBER: Final = 0xFFFF_FFFE


class ParseError(GrusError):
    """The text is not CLIF. `line` and `column` count from 1."""

    def __init__(self, message: str, name: str, line: int, column: int, source: str) -> None:
        self.message = message
        self.name = name
        self.line = line
        self.column = column
        self._source = source
        begin = max(0, column - _SHOWN // 2) if len(source) > _SHOWN else 0
        caret = "".join([c if c == "\t" else " " for c in source[begin : column - 1]])
        shown = _printable(source[begin : begin + _SHOWN])
        super().__init__(f"{name}:{line}:{column}: {_printable(message)}\n{shown}\n{caret}^")

    def __reduce__(self) -> tuple[object, ...]:
        return (ParseError, (self.message, self.name, self.line, self.column, self._source))


def _printable(text: str) -> str:
    """The text as it may go to a terminal."""
    return "".join([c if c == "\t" or c.isprintable() else "\ufffd" for c in text])


class ParseErrors(GrusError):
    """Errors of a whole file, in order; `file` holds the functions that are well formed."""

    def __init__(self, errors: list[ParseError], file: File | None = None) -> None:
        self.errors = errors
        self.file = file
        super().__init__("\n".join([str(e) for e in errors]))

    def __reduce__(self) -> tuple[object, ...]:
        return (ParseErrors, (self.errors,))


class Comment:
    """A comment with its `;`. `entity` is what it stands behind: a Value, Block, Function, ..."""

    __slots__ = ("entity", "line", "text")

    def __init__(self, text: str, entity: object, line: int) -> None:
        self.text = text
        self.entity = entity
        self.line = line


class FunctionText:
    """A function with its comments and the line of its `function` keyword."""

    __slots__ = ("_entities", "_places", "_tokens", "comments", "func", "last_line", "line")

    def __init__(self, func: Function, tokens: Tokens) -> None:
        self.func = func
        self._tokens = tokens
        self.comments: list[Comment] = []
        self._places: list[int] = []
        self._entities: list[object] = []
        self.line = 0
        self.last_line = 0  # of the closing brace

    def line_of(self, entity: object) -> int:
        """The line where an instruction, block or declared entity is defined; 0 when nowhere."""
        for index, known in enumerate(self._entities):
            if known is entity:
                return self._tokens.place(self._places[index])[0]
        return 0

    def lines(self) -> dict[object, int]:
        """The line of every instruction, block and declared entity."""
        places = zip(self._entities, self._places, strict=True)
        return {entity: self._tokens.place(at)[0] for entity, at in places}


class Command:
    """`test NAME OPTIONS...`."""

    __slots__ = ("line", "name", "options")

    def __init__(self, name: str, options: list[str], line: int) -> None:
        self.name = name
        self.options = options
        self.line = line


class Target:
    """`target TRIPLE FLAGS...`, with the settings (`set`) in force there."""

    __slots__ = ("flags", "line", "settings", "triple")

    def __init__(
        self, triple: str, flags: list[str], settings: list[tuple[str, str]], line: int
    ) -> None:
        self.triple = triple
        self.flags = flags
        self.settings = settings
        self.line = line


class File:
    """A whole `.clif` file.

    `settings` are all (key, value) of `set` lines, a bare key having the value "true";
    `features` are (name, wanted).
    """

    __slots__ = ("commands", "features", "functions", "name", "preamble", "settings", "targets")

    def __init__(self, name: str) -> None:
        self.name = name
        self.commands: list[Command] = []
        self.settings: list[tuple[str, str]] = []
        self.targets: list[Target] = []
        self.features: list[tuple[str, bool]] = []
        self.preamble: list[Comment] = []
        self.functions: list[FunctionText] = []


def parse_file(text: str, name: str = "<text>") -> File:
    """Parse a `.clif` file. Raises ParseErrors with everything that is wrong."""
    file = File(name)
    errors: list[ParseError] = []
    start = _parse_header(text, file, errors)
    tokens = Tokens(text, start)
    runs = any(c.name == "run" for c in file.commands)
    parser = _Parser(tokens, name, "system_v" if runs else "fast")
    parser.parse_functions(file, errors)
    if errors:
        raise ParseErrors(errors, file)
    return file


def parse_function(text: str, name: str = "<text>") -> Function:
    """Parse the one function that `text` is. Raises ParseError."""
    parser = _Parser(Tokens(text), name, "fast")
    function = parser.parse_function()
    if parser.items[parser.at] != END:
        parser.fail("expected the end of the text after the function")
    return function.func


def _parse_header(text: str, file: File, errors: list[ParseError]) -> int:
    """Read the lines of commands; gives the offset of the first line that is none."""
    begin = 0
    line_number = 0
    settings: list[tuple[str, str]] = []
    while begin < len(text):
        end = text.find("\n", begin)
        if end < 0:
            end = len(text)
        line_number += 1
        raw = text[begin:end]
        words = raw.split()
        if words and words[0] not in ("test", "set", "target", "feature") and words[0][0] != ";":
            break
        for index, word in enumerate(words):
            if word[0] == ";":
                comment = raw[raw.index(";") :].rstrip()
                file.preamble.append(Comment(comment, None, line_number))
                words = words[:index]
                break
        if not words:
            begin = end + 1
            continue
        if words[0] in ("test", "target") and len(words) < 2:
            column = raw.find(words[0]) + 1
            errors.append(ParseError("expected a name", file.name, line_number, column, raw))
        elif words[0] == "test":
            file.commands.append(Command(words[1], words[2:], line_number))
        elif words[0] == "set":
            for word in words[1:]:
                key, equals, value = word.partition("=")
                settings.append((key, value if equals else "true"))
        elif words[0] == "target":
            file.targets.append(Target(words[1], words[2:], list(settings), line_number))
        else:
            flag = "".join(words[1:])
            file.features.append((flag.lstrip("!").strip('"'), not flag.startswith("!")))
        begin = end + 1
    file.settings = settings
    return min(begin, len(text))


# ---- steps of operands ----

_VALUE: Final = 0
_COMMA: Final = 1
_TARGET: Final = 2
_TABLE: Final = 3
_HANDLERS: Final = 4
_ARGS: Final = 5  # in parentheses
_BARE_ARGS: Final = 6
_FUNC: Final = 7
_SIG: Final = 8
_FLAGS: Final = 9
_SLOT: Final = 10
_DYN_SLOT: Final = 11
_GLOBAL: Final = 12
_BLOCK: Final = 13
_CONSTANT: Final = 14
_MASK: Final = 15
_OFFSET: Final = 16
_IMM64: Final = 17
_UIMM8: Final = 18
_FLOAT: Final = 19
_TRAP: Final = 20
_INTCC: Final = 21
_FLOATCC: Final = 22
_RMW: Final = 23

_KIND_STEPS: Final = {
    "value": _VALUE,
    "block_call": _TARGET,
    "jump_table": _TABLE,
    "exception_table": _HANDLERS,
    "varargs": _ARGS,
    "func_ref": _FUNC,
    "sig_ref": _SIG,
    "memflags": _FLAGS,
    "stack_slot": _SLOT,
    "dynamic_stack_slot": _DYN_SLOT,
    "global_value": _GLOBAL,
    "block": _BLOCK,
    "constant": _CONSTANT,
    "uimm128": _MASK,
    "offset32": _OFFSET,
    "imm64": _IMM64,
    "uimm8": _UIMM8,
    "ieee16": _FLOAT,
    "ieee32": _FLOAT,
    "ieee64": _FLOAT,
    "trapcode": _TRAP,
    "intcc": _INTCC,
    "floatcc": _FLOATCC,
    "rmw": _RMW,
}
_NO_COMMA_AFTER: Final = (_FLAGS, _INTCC, _FLOATCC, _RMW)
_NO_COMMA_BEFORE: Final = (_ARGS, _BARE_ARGS, _OFFSET)

_INTCC_CODES: Final = {name: code for code, name in enumerate(ops.INT_CC)}
_FLOATCC_CODES: Final = {name: code for code, name in enumerate(ops.FLOAT_CC)}
_RMW_CODES: Final = {name: code for code, name in enumerate(ops.RMW_OPS)}
_FLOAT_BITS: Final = {ops.F16CONST: 16, ops.F32CONST: 32, ops.F64CONST: 64}


class _Form:
    """How a mnemonic, with or without a type suffix, is read.

    `ctrl` is the type of the suffix, INVALID without one; `infer` the index of the value operand
    that gives it then, -1 when none does. `result` is the type of the one result when `ctrl`
    does not change it; INVALID otherwise.
    """

    __slots__ = (
        "call",
        "ctrl",
        "infer",
        "members",
        "name",
        "op",
        "plain",
        "results",
        "returns_ctrl",
        "steps",
        "variadic",
    )

    def __init__(self, row: ops.Row, ctrl: int) -> None:
        self.op = row.num
        self.name = row.name
        self.members = ops.TYPE_SETS[row.text_ctrl].members if row.text_ctrl else frozenset()
        self.ctrl = ctrl
        self.infer = -1 if ctrl else row.text_operand
        self.call = bool(row.flags & ops.IS_CALL) and row.num != ops.STACK_SWITCH
        self.variadic = row.variadic_results
        self.results: list[tuple[int, int]] = [(r.only, r.how) for r in row.results]
        self.returns_ctrl = self.results == [(T.INVALID, ops.SAME)]
        steps: list[int] = []
        for operand in row.operands:
            step = _KIND_STEPS[operand.kind]
            if step == _ARGS and not steps:
                step = _BARE_ARGS
            if steps and steps[-1] not in _NO_COMMA_AFTER and step not in _NO_COMMA_BEFORE:
                steps.append(_COMMA)
            steps.append(step)
        self.steps = tuple(steps)
        self.plain = all(s in (_VALUE, _COMMA) for s in steps)


_FORMS: Final[dict[str, _Form]] = {}
"""Forms by token, filled on demand."""


def _number(token: str, prefix: str) -> int:
    """The number of an entity token such as `ss3`; -1 when it is none."""
    if not token.startswith(prefix):
        return -1
    digits = token[len(prefix) :]
    if not digits.isdigit() or len(digits) > 10 or (digits[0] == "0" and digits != "0"):
        return -1
    number = int(digits)
    return number if number <= _MAX_NUMBER else -1


class _Parser:
    """The state of reading: the current token, and the entities of the current function."""

    __slots__ = (
        "aliases",
        "args",
        "at",
        "block_names",
        "blocks",
        "call_conv",
        "dynamic_slots",
        "dynamic_types",
        "entities",
        "ext",
        "forward",
        "func",
        "funcs",
        "globals",
        "handlers",
        "imm",
        "items",
        "name",
        "next_sig",
        "places",
        "regions",
        "sigs",
        "slots",
        "table_sig",
        "targets",
        "tokens",
        "unnumbered",
        "values",
    )

    def __init__(self, tokens: Tokens, name: str, call_conv: str) -> None:
        self.tokens = tokens
        self.items = tokens.items
        self.name = name
        self.call_conv = call_conv
        self.at = 0
        self._begin(Function("", Signature()))

    def _begin(self, func: Function) -> None:
        self.func = func
        self.values: dict[str, Value] = {}
        self.forward: list[tuple[Value, int]] = []  # mentioned before definition, and where
        self.unnumbered: list[Value] = []
        self.blocks: dict[str, Block] = {}
        self.block_names: set[str] = set()  # of those in the layout
        self.slots: dict[str, StackSlot] = {}
        self.dynamic_slots: dict[str, DynamicStackSlot] = {}
        self.dynamic_types: dict[str, int] = {}
        self.globals: dict[str, GlobalValue] = {}
        self.sigs: dict[str, Signature] = {}
        self.next_sig = 0  # above all that are declared so far
        self.funcs: dict[str, FuncRef] = {}
        self.regions: set[str] = set()
        self.aliases: dict[str, Value] = {}
        self.places: list[int] = []
        self.entities: list[object] = []
        self._reset()

    def _reset(self) -> None:
        """Forget the operands of the last instruction."""
        self.args: tuple[Value, ...] = ()
        self.targets: list[BlockCall] = []
        self.handlers: list[Handler] = []
        self.table_sig: Signature | None = None
        self.imm = 0
        self.ext: object = None

    # ---- errors and small matters ----

    def error(self, message: str, at: int = -1) -> ParseError:
        """An error at the current token, or at token `at`."""
        line, column = self.tokens.place(self.at if at < 0 else at)
        return ParseError(message, self.name, line, column, self.tokens.line(line))

    def fail(self, message: str, at: int = -1) -> NoReturn:
        raise self.error(message, at)

    def expect(self, token: str, where: str) -> None:
        if self.items[self.at] != token:
            self.fail(f"expected '{token}' {where}")
        self.at += 1

    def accept(self, token: str) -> bool:
        if self.items[self.at] != token:
            return False
        self.at += 1
        return True

    def take(self) -> str:
        token = self.items[self.at]
        if token != END:
            self.at += 1
        return token

    def integer(self, bits: int, what: str, signed: bool = True) -> int:
        """An integer immediate of so many bits."""
        try:
            value = parse_int(self.items[self.at], bits, signed)
        except NumberError as error:
            self.fail(f"expected {what}: {error}")
        self.at += 1
        return value

    def type(self, what: str) -> int:
        ty = T.BY_NAME.get(self.items[self.at], T.INVALID)
        if not ty:
            self.fail(f"expected {what}")
        self.at += 1
        return ty

    def note(self, at: int, entity: object) -> None:
        """The entity begins at token `at`: comments that follow belong to it."""
        self.places.append(at)
        self.entities.append(entity)

    # ---- functions ----

    def parse_functions(self, file: File, errors: list[ParseError]) -> None:
        """Parse all functions; after an error go on with the next `function`."""
        items = self.items
        first = 0
        comments = self.tokens.comments
        while first < len(comments) and comments[first][0] == 0:
            line = self.tokens.comment_line(first)
            file.preamble.append(Comment(comments[first][1], None, line))
            first += 1
        while items[self.at] != END:
            start = self.at
            try:
                file.functions.append(self.parse_function())
            except ParseError as error:
                errors.append(error)
                self.at = max(self.at, start + 1)
                while items[self.at] not in ("function", END):
                    self.at += 1

    def parse_function(self) -> FunctionText:
        start = self.at
        if self.items[start] != "function":
            self.fail("expected 'function'")
        self.at += 1
        name = self.external_name()
        sig = self.signature()
        self.expect("{", "before the function body")
        func = Function(name, sig)
        self._begin(func)
        self.note(start, func)
        self.preamble()
        self.body()
        self.note(self.at, func)
        self.expect("}", "after the function body")
        self._check_forward()
        self._number_values()
        text = FunctionText(func, self.tokens)
        text._places = self.places
        text._entities = self.entities
        text.line = self.tokens.place(start)[0] if self.tokens.comments else 0
        self._attach_comments(text, start)
        return text

    def _attach_comments(self, text: FunctionText, start: int) -> None:
        """Give the comments from token `start` up to the current one to their entities."""
        comments = self.tokens.comments
        first = bisect_right(comments, (start, "\uffff"))
        last = bisect_right(comments, (self.at, "\uffff"))
        if text.line:
            text.last_line = self.tokens.place(self.at - 1)[0]
        for index in range(first, last):
            before, comment = comments[index]
            entity = self.entities[bisect_right(self.places, before - 1) - 1]
            text.comments.append(Comment(comment, entity, self.tokens.comment_line(index)))

    def _check_forward(self) -> None:
        for value, at in self.forward:
            if value.op == ops.NIL_OP:
                self.fail(f"undefined operand value v{value.num}", at)

    def _number_values(self) -> None:
        """Number what has no number in the text; compact when numbers are too sparse."""
        func = self.func
        number = 0
        for value in self.values.values():
            if value.num >= number:
                number = value.num + 1
        size = len(self.values) + len(self.unnumbered)
        sparse = number > _SPARSE and number > _SPARSE * size
        for value in self.unnumbered:
            value.num = number
            number += 1
        func.num_values = number
        blocks = 0
        for block in self.blocks.values():
            if block.num >= blocks:
                blocks = block.num + 1
        func.num_blocks = blocks
        if sparse or (blocks > _SPARSE and blocks > _SPARSE * len(self.blocks)):
            self._compact()

    def _compact(self) -> None:
        """`Function.compact`, also for what it cannot reach: aliases and missing blocks."""
        func = self.func
        func.compact()
        for alias in self.aliases.values():
            alias.num = func.num_values
            func.num_values += 1
        for token, block in self.blocks.items():
            if token not in self.block_names:
                block.num = func.num_blocks
                func.num_blocks += 1
        for value in self.unnumbered:
            if value.op in (ops.TRY_RET, ops.TRY_EXN):
                value.num = func.num_values
                func.num_values += 1

    def external_name(self) -> str:
        token = self.items[self.at]
        if token[:1] == "%" or _number(token, "userextname") >= 0:
            self.at += 1
            return token
        if _number(token, "u") >= 0:
            self.at += 1
            self.expect(":", "in a user name")
            return f"{token}:{self.integer(32, 'the index of a user name', signed=False)}"
        self.fail("expected an external name")

    def signature(self) -> Signature:
        sig = Signature(None, None, self.call_conv)
        self.expect("(", "before the parameters of a signature")
        if self.items[self.at] != ")":
            sig.params = self.abi_params()
        self.expect(")", "after the parameters of a signature")
        if self.accept("->"):
            sig.returns = self.abi_params()
        token = self.items[self.at]
        if token in CALL_CONVS:
            sig.call_conv = token
            self.at += 1
        elif token[:1].isalpha() and self.items[self.at + 1] != "=" and _number(token, "block") < 0:
            self.fail(f"unknown calling convention: {token}")
        return sig

    def abi_params(self) -> list[AbiParam]:
        params = [self.abi_param()]
        while self.accept(","):
            params.append(self.abi_param())
        return params

    def abi_param(self) -> AbiParam:
        param = AbiParam(self.type("a parameter type"))
        while True:
            token = self.items[self.at]
            if token in ("uext", "sext"):
                param.extend = token
            elif token in ("sret", "vmctx"):
                param.purpose = token
            elif token == "sarg":
                self.at += 1
                self.expect("(", "before the size of a struct argument")
                param.purpose = token
                param.size = self.integer(32, "the size of a struct argument", signed=False)
                self.expect(")", "after the size of a struct argument")
                continue
            elif token != "normal":
                return param
            self.at += 1

    # ---- declarations ----

    def preamble(self) -> None:
        """Declarations of entities, in any order."""
        while True:
            token = self.items[self.at]
            start = self.at
            entity: object = None
            if self.items[self.at + 1] != "=":
                break
            self.at += 2
            if token == "stack_limit":
                if self.func.stack_limit is not None:
                    self.fail("stack limit defined twice", start)
                self.func.stack_limit = self.global_ref()
            elif _number(token, "ss") >= 0:
                entity = self.stack_slot(token, start)
            elif _number(token, "dss") >= 0:
                entity = self.dynamic_slot(token, start)
            elif _number(token, "dt") >= 0:
                self.dynamic_type(token, start)
            elif _number(token, "gv") >= 0:
                entity = self.global_value(token, start)
            elif _number(token, "sig") >= 0:
                entity = self.declare_sig(token, start)
            elif _number(token, "fn") >= 0:
                entity = self.declare_func(token, start)
            elif _number(token, "const") >= 0:
                self.constant(token, start)
            elif _number(token, "region") >= 0:
                entity = self.alias_region(token, start)
            else:
                self.fail("expected a block, or a declaration", start)
            self.note(start, entity if entity is not None else self.func)
        self._finish_declarations()

    def _finish_declarations(self) -> None:
        func = self.func
        for name, gv in self.globals.items():
            if gv.num < 0:
                self.fail(f"undefined global value {name}")
        func.stack_slots.sort(key=_num_of_slot)
        func.dynamic_slots.sort(key=_num_of_dynamic_slot)
        func.global_values = sorted(self.globals.values(), key=_num_of_global)
        func.sigs.sort(key=_num_of_sig)
        func.funcs.sort(key=_num_of_func)

    def _new(self, token: str, known: bool, start: int) -> None:
        if known:
            self.fail(f"duplicate entity: {token}", start)

    def stack_slot(self, token: str, start: int) -> StackSlot:
        self._new(token, token in self.slots, start)
        if self.take() != "explicit_slot":
            self.fail("expected a kind of stack slot", self.at - 1)
        slot = StackSlot(self.integer(32, "the size of a stack slot", signed=False))
        while self.accept(","):
            flag = self.take()
            if flag not in ("align", "key"):
                self.fail("invalid flag for stack slot", self.at - 1)
            self.expect("=", f"after {flag}")
            if flag == "key":
                slot.key = self.integer(64, "a key", signed=False)
                continue
            slot.align = self.integer(32, "an alignment", signed=False)
            if slot.align & (slot.align - 1) or not slot.align:
                self.fail("stack slot alignment is not a power of two", self.at - 1)
        slot.num = _number(token, "ss")
        self.slots[token] = slot
        self.func.stack_slots.append(slot)
        return slot

    def dynamic_slot(self, token: str, start: int) -> DynamicStackSlot:
        self._new(token, token in self.dynamic_slots, start)
        if self.take() != "explicit_dynamic_slot":
            self.fail("expected a kind of stack slot", self.at - 1)
        index = self.dynamic_types.get(self.items[self.at], -1)
        if index < 0:
            self.fail("expected a dynamic type that is declared above")
        self.at += 1
        slot = DynamicStackSlot(index)
        slot.num = _number(token, "dss")
        self.dynamic_slots[token] = slot
        self.func.dynamic_slots.append(slot)
        return slot

    def dynamic_type(self, token: str, start: int) -> None:
        self._new(token, token in self.dynamic_types, start)
        base = self.type("a base type")
        if not T.is_vector(base):
            self.fail("expected a vector type", self.at - 1)
        self.expect("*", "before a dynamic scale")
        self.dynamic_types[token] = len(self.func.dynamic_types)
        self.func.dynamic_types.append((base, self.global_ref()))

    def global_ref(self) -> GlobalValue:
        """A global value, that may be declared later."""
        token = self.items[self.at]
        value = self.globals.get(token)
        if value is None:
            if _number(token, "gv") < 0:
                self.fail("expected a global value")
            value = GlobalValue("")
            self.globals[token] = value
        self.at += 1
        return value

    def global_value(self, token: str, start: int) -> GlobalValue:
        value = self.globals.get(token)
        if value is None:
            value = GlobalValue("")
            self.globals[token] = value
        self._new(token, value.num >= 0, start)
        value.num = _number(token, "gv")
        kind, _, type_name = self.take().partition(".")
        value.kind = kind
        if kind in ("load", "iadd_imm", "dyn_scale_target_const"):
            value.ty = T.BY_NAME.get(type_name, T.INVALID)
            if not value.ty:
                self.fail(f"expected a type after '{kind}.'", self.at - 1)
        elif kind not in ("vmctx", "symbol") or type_name:
            self.fail("unknown kind of global value", self.at - 1)
        if kind == "load":
            value.flags = self.mem_flags()
            if not value.flags.aligned or value.flags.trap:
                self.fail("global-value load must be notrap and aligned")
            value.base = self.global_ref()
            value.offset = self.offset(32)
        elif kind == "iadd_imm":
            value.base = self.global_ref()
            self.expect(",", "before the offset")
            value.offset = self.integer(64, "an offset")
        elif kind == "symbol":
            value.colocated = self.accept("colocated")
            value.tls = self.accept("tls")
            value.name = self.external_name()
            value.offset = self.offset(64)
        return value

    def declare_sig(self, token: str, start: int) -> Signature:
        self._new(token, token in self.sigs, start)
        sig = self.signature()
        sig.num = _number(token, "sig")
        self.next_sig = max(self.next_sig, sig.num + 1)
        self.sigs[token] = sig
        self.func.sigs.append(sig)
        return sig

    def declare_func(self, token: str, start: int) -> FuncRef:
        self._new(token, token in self.funcs, start)
        colocated = self.accept("colocated")
        patchable = self.accept("patchable")
        name = self.external_name()
        sig = self.sigs.get(self.items[self.at])
        if sig is not None:
            self.at += 1
        elif self.items[self.at] == "(":
            sig = self.signature()
            if self.next_sig > _MAX_NUMBER:
                self.fail("too many signatures")
            sig.num = self.next_sig
            self.next_sig += 1
            self.sigs[f"sig{sig.num}"] = sig
            self.func.sigs.append(sig)
        else:
            self.fail("expected a signature")
        func = FuncRef(name, sig, colocated)
        func.patchable = patchable
        func.num = _number(token, "fn")
        self.funcs[token] = func
        self.func.funcs.append(func)
        return func

    def constant(self, token: str, start: int) -> None:
        number = _number(token, "const")
        self._new(token, number in self.func.constants, start)
        ty = T.BY_NAME.get(self.items[self.at], T.INVALID)
        if ty:
            self.at += 1
            self.func.constants[number] = self.vector_bytes(ty)
        else:
            self.func.constants[number] = self.hex_bytes(16, exact=True)

    def alias_region(self, token: str, start: int) -> AliasRegion:
        number = _number(token, "region")
        if number != len(self.func.alias_regions):
            self.fail(f"duplicate alias region {token}", start)
        user_id = self.integer(32, "the identity of an alias region", signed=False)
        text = self.take()
        if len(text) < 2 or text[0] != '"':
            self.fail("expected a description of the alias region", self.at - 1)
        self.regions.add(token)
        return self.func.add_alias_region(AliasRegion(user_id, text[1:-1]))

    # ---- blocks ----

    def block_ref(self) -> Block:
        token = self.items[self.at]
        block = self.blocks.get(token)
        if block is None:
            number = _number(token, "block")
            if number < 0:
                self.fail("expected a block")
            block = Block(number)
            self.blocks[token] = block
        self.at += 1
        return block

    def body(self) -> None:
        """All blocks, up to the closing brace."""
        while self.items[self.at] != "}":
            start = self.at
            token = self.items[start]
            block = self.block_ref()
            if token in self.block_names:
                self.fail(f"duplicate entity: {token}", start)
            self.block_names.add(token)
            self.func.blocks.append(block)
            if self.accept("(") and not self.accept(")"):
                self.block_params(block)
            block.cold = self.accept("cold")
            self.expect(":", "after the block header")
            self.note(start, block)
            self.instructions(block)

    def block_params(self, block: Block) -> None:
        while True:
            param = self.define(self.at, ops.PARAM, T.INVALID, block)
            self.at += 1
            self.expect(":", "after a block parameter")
            param.ty = self.type("the type of a block parameter")
            param.imm = len(block.params)
            block.params.append(param)
            if not self.accept(","):
                break
        self.expect(")", "after block parameters")

    def define(self, at: int, op: int, ty: int, block: Block) -> Value:
        """The value that token `at` names, defined here."""
        token = self.items[at]
        value = self.values.get(token)
        if value is None:
            number = _number(token, "v")
            if number < 0:
                self.fail("expected a value", at)
            value = Value(op, ty, number, block)
            self.values[token] = value
            return value
        if value.op != ops.NIL_OP:
            self.fail(f"duplicate entity: {token}", at)
        value.op = op
        value.ty = ty
        value.block = block
        return value

    def use(self, token: str) -> Value:
        """The value that the current token names; it may be defined later."""
        number = _number(token, "v")
        if number < 0:
            self.fail("expected a value")
        value = Value(ops.NIL_OP, T.INVALID, number, NO_BLOCK)
        self.values[token] = value
        self.forward.append((value, self.at))
        return value

    # ---- instructions ----

    def instructions(self, block: Block) -> None:
        """The instructions of a block, up to the next block or the closing brace."""
        items = self.items
        while True:
            start = self.at
            first = items[start]
            following = items[start + 1]
            if following == "=":
                self.at = start + 2
                self.instruction(block, start, 1, NO_LOC, [])
            elif first == "}" or first == END:
                return
            elif first in _FORMS:
                self.instruction(block, start, 0, NO_LOC, [])
            elif first[:5] == "block":
                return
            else:
                self.slow_instruction(block)

    def slow_instruction(self, block: Block) -> None:
        """An instruction or alias that begins with tags, a location or several results."""
        items = self.items
        tags = self.debug_tags() if items[self.at] == "<" else []
        loc = NO_LOC
        token = items[self.at]
        if len(token) > 1 and token[0] == "@":
            if len(token) > 9 or token == "@ffffffff":
                self.fail("invalid source location")
            loc = int(token[1:], 16)
            self.at += 1
        start = self.at
        count = 0
        if items[start + 1] in ("=", ",", "->"):
            count = 1
            self.at += 1
            while self.accept(","):
                count += 1
                self.at += 1
            if count == 1 and self.accept("->"):
                self.alias(block, start)
                return
            self.expect("=", "after the results of an instruction")
        self.instruction(block, start, count, loc, tags)

    def debug_tags(self) -> list[int | StackSlot]:
        self.at += 1
        tags: list[int | StackSlot] = []
        while not self.accept(">"):
            slot = self.slots.get(self.items[self.at])
            if slot is not None:
                self.at += 1
                tags.append(slot)
            else:
                tags.append(self.integer(32, "a stack slot or number", signed=False))
            if not self.accept(","):
                self.expect(">", "after debug tags")
                break
        return tags

    def alias(self, block: Block, start: int) -> None:
        """`v1 -> v0`: another name for a value that is defined above."""
        name = self.items[start]
        target = self.values.get(self.items[self.at])
        if target is None or target.op == ops.NIL_OP:
            self.fail(f"value {self.items[self.at]} is not yet defined")
        known = self.aliases.get(name)
        self.at += 1
        if known is not None:
            if known.a is not target:
                self.fail(f"value {name} is already defined as an alias of v{known.a.num}", start)
            return
        value = self.define(start, ops.ALIAS, target.ty, block)
        value.a = target
        self.aliases[name] = value
        self.func.aliases.append(value)
        self.note(start, value)

    def form(self) -> _Form:
        """The form of the current token, a mnemonic that is not in `_FORMS` yet."""
        token = self.items[self.at]
        name, dot, suffix = token.partition(".")
        op = ops.BY_NAME.get(name, -1)
        if op < ops.FIRST_REAL:
            self.fail(f"unknown opcode: '{name}'")
        row = ops.ROWS[op]
        ty = T.BY_NAME.get(suffix, T.INVALID)
        index = self.dynamic_types.get(suffix, -1)
        if index >= 0:
            ty = self.func.dynamic_types[index][0] + T.DYNAMIC_BASE
        if dot and not ty:
            self.fail(f"'{suffix}' is not a type")
        form = _Form(row, ty)
        if ty and not row.text_ctrl:
            self.fail(f"{name} does not take a type")
        if ty and ty not in form.members:
            self.fail(f"{T.NAMES[ty]} is not a valid type for {name}")
        if index < 0:
            _FORMS[token] = form
        return form

    def instruction(
        self, block: Block, start: int, count: int, loc: int, tags: list[int | StackSlot]
    ) -> None:
        """An instruction at its mnemonic. `count` results stand from token `start` on."""
        items = self.items
        values = self.values
        at = self.at
        form = _FORMS.get(items[at])
        if form is None:
            form = self.form()
        at += 1
        operands: list[Value] = []
        if form.plain:
            for step in form.steps:
                token = items[at]
                if step == _COMMA:
                    if token != ",":
                        self.fail("expected ',' between operands", at)
                else:
                    value = values.get(token)
                    if value is None:
                        self.at = at
                        value = self.use(token)
                    operands.append(value)
                at += 1
            self.at = at
        else:
            self._reset()
            self.at = at
            for step in form.steps:
                token = items[self.at]
                if step == _VALUE:
                    value = values.get(token)
                    if value is None:
                        value = self.use(token)
                    operands.append(value)
                    self.at += 1
                elif step == _COMMA:
                    if token != ",":
                        self.fail("expected ',' between operands")
                    self.at += 1
                elif step == _TARGET:
                    self.targets.append(self.target())
                elif step == _FLAGS:
                    # Most addresses and values are known: no flags then.
                    self.ext = _NO_FLAGS if token in values else self.mem_flags()
                elif step == _OFFSET:
                    if token[:1] in "+-" and token:
                        self.imm = self.offset(32)
                else:
                    self.operand(step, form)
        op = form.op
        ctrl = form.ctrl
        if form.infer >= 0:
            ctrl = operands[form.infer].ty
            if not ctrl:
                self.fail(
                    f"type required, e.g. '{form.name}.i32': it does not follow from "
                    f"v{operands[form.infer].num}, which is not yet defined",
                    start,
                )
            if ctrl not in form.members:
                self.fail(f"{T.NAMES[ctrl]} is not a valid type for {form.name}", start)
        elif not ctrl and form.members:
            self.fail(f"type required, e.g. '{form.name}.i32'", start)
        if form.returns_ctrl and count == 1:
            inst = self.define(start, op, ctrl, block)
        else:
            inst = self.results(form, ctrl, start, count, block)
        if operands:
            inst.a = operands[0]
            if len(operands) > 1:
                inst.b = operands[1]
                if len(operands) > 2:
                    inst.c = operands[2]
        if not form.plain:
            inst.imm = self.imm
            inst.args = self.args
            inst.targets = tuple(self.targets)
            inst.ext = self.ext
            if form.call:
                info = self.ext
                assert isinstance(info, CallInfo)
                info.handlers = self.handlers
                if self.items[self.at] == ",":
                    self.stack_map(form, info)
        inst.loc = loc
        if tags:
            self.attach_tags(inst, tags, start)
        block.insts.append(inst)
        self.places.append(start)
        self.entities.append(inst)

    def results(self, form: _Form, ctrl: int, start: int, count: int, block: Block) -> Value:
        """The instruction object with its `count` results that stand from token `start` on."""
        types: list[int] = []
        if form.variadic:
            info = self.ext
            assert isinstance(info, CallInfo)
            types = [r.ty for r in info.sig.returns]
        else:
            types = [fixed or ops.derive(how, ctrl) for fixed, how in form.results]
        if len(types) != count:
            self.fail(f"instruction produces {len(types)} result values, {count} given", start)
        if count == 1:
            return self.define(start, form.op, types[0], block)
        inst = Value(form.op, T.INVALID, 0, block)
        self.unnumbered.append(inst)
        results: list[Value] = []
        for index, ty in enumerate(types):
            result = self.define(start + 2 * index, ops.PROJ, ty, block)
            result.a = inst
            result.imm = index
            results.append(result)
        inst.results = tuple(results)
        return inst

    def attach_tags(self, inst: Value, tags: list[int | StackSlot], start: int) -> None:
        if isinstance(inst.ext, CallInfo):
            inst.ext.tags = tags
        elif inst.ext is None:
            inst.ext = tags  # the verifier refuses them where they do not belong
        else:
            self.fail("debug tags present on non-call, non-sequence point instruction", start)

    def stack_map(self, form: _Form, info: CallInfo) -> None:
        self.at += 1
        self.expect("stack_map", "after ','")
        if ops.FLAGS[form.op] & ops.IS_RETURN:
            self.fail("stack map can only be attached to a (non-tail) call", self.at - 1)
        self.expect("=", "after stack_map")
        self.expect("[", "before a stack map")
        while not self.accept("]"):
            ty = self.type("`TYPE @ SLOT+OFFSET`")
            self.expect("@", "in a stack map")
            slot = self.slots.get(self.take())
            if slot is None:
                self.fail("undefined stack slot", self.at - 1)
            self.accept("+")
            offset = self.integer(32, "an offset in the slot", signed=False)
            info.stack_map.append(StackMapEntry(ty, slot, offset))
            if not self.accept(","):
                self.expect("]", "after a stack map")
                break

    # ---- operands: one routine a kind ----

    def operand(self, step: int, form: _Form) -> None:
        """An operand of a kind that is less common than those in `instruction`."""
        token = self.items[self.at]
        if step == _TABLE:
            self.jump_table()
        elif step == _HANDLERS:
            self.exception_table(form)
        elif step == _ARGS:
            self.expect("(", "before arguments")
            self.value_list()
            self.expect(")", "after arguments")
        elif step == _BARE_ARGS:
            self.value_list()
        elif step == _FUNC:
            func = self.funcs.get(token)
            if func is None:
                self.fail(f"undefined function {token}")
            self.at += 1
            self.ext = CallInfo(func.sig, func) if form.call else func
        elif step == _SIG:
            self.ext = CallInfo(self.sig_ref())
        elif step == _SLOT:
            self.ext = self.slots.get(token)
            if self.ext is None:
                self.fail(f"undefined stack slot {token}")
            self.at += 1
        elif step == _DYN_SLOT:
            self.ext = self.dynamic_slots.get(token)
            if self.ext is None:
                self.fail(f"undefined dynamic stack slot {token}")
            self.at += 1
        elif step == _GLOBAL:
            self.ext = self.globals.get(token)
            if self.ext is None:
                self.fail(f"undefined global value {token}")
            self.at += 1
        elif step == _BLOCK:
            self.ext = self.block_ref()
        elif step == _CONSTANT:
            self.ext = self.constant_operand(form)
        elif step == _MASK:
            self.ext = self.vector_bytes(T.I8X16)
        else:
            self.imm = self.immediate(step, token, form)

    def immediate(self, step: int, token: str, form: _Form) -> int:
        if step == _IMM64:
            bits = T.BITS[form.ctrl] if form.op == ops.ICONST and form.ctrl else 64
            return self.integer(bits, f"an immediate {bits}-bit integer")
        if step == _UIMM8:
            return self.integer(8, "an unsigned 8-bit immediate", signed=False)
        if step == _FLOAT:
            return self.float(_FLOAT_BITS[form.op])
        self.at += 1
        if step == _TRAP:
            code = ops.trap_code(token)
            if not code:
                self.fail("expected a trap code", self.at - 1)
            return code
        codes = _INTCC_CODES
        if step == _FLOATCC:
            codes = _FLOATCC_CODES
        elif step == _RMW:
            codes = _RMW_CODES
        code = codes.get(token, -1)
        if code < 0:
            what = "an atomic operator" if step == _RMW else "a condition code"
            self.fail(f"expected {what}", self.at - 1)
        return code

    def float(self, bits: int) -> int:
        try:
            value = parse_float(self.items[self.at], bits)
        except NumberError as error:
            self.fail(f"expected an immediate {bits}-bit float: {error}")
        self.at += 1
        return value

    def offset(self, bits: int) -> int:
        """An optional offset, which begins with a sign."""
        if self.items[self.at][:1] not in ("+", "-"):
            return 0
        at = self.at
        offset = self.integer(64, "an offset")
        if not -(1 << (bits - 1)) <= offset < 1 << (bits - 1):
            self.fail("offset out of range", at)
        return offset

    def sig_ref(self) -> Signature:
        sig = self.sigs.get(self.items[self.at])
        if sig is None:
            self.fail(f"undefined signature {self.items[self.at]}")
        self.at += 1
        return sig

    def mem_flags(self) -> MemFlags:
        """Flags of a memory access, none or several."""
        aligned = readonly = can_move = False
        trap = ops.TRAP_HEAP_OUT_OF_BOUNDS
        endian = ""
        region = -1
        while True:
            token = self.items[self.at]
            if token == "aligned":
                aligned = True
            elif token == "readonly":
                readonly = True
            elif token == "can_move":
                can_move = True
            elif token == "notrap":
                trap = 0
            elif token in ("little", "big"):
                if endian not in ("", token):
                    self.fail("cannot set both big and little endian bits")
                endian = token
            elif _number(token, "region") >= 0:
                if region >= 0:
                    self.fail("cannot set more than one alias region")
                region = _number(token, "region")
            elif ops.trap_code(token):
                trap = ops.trap_code(token)
            else:
                return mem_flags(aligned, readonly, can_move, trap, endian, region)
            self.at += 1

    def value_list(self) -> None:
        items = self.items
        values = self.values
        args: list[Value] = []
        if items[self.at] in values or _number(items[self.at], "v") >= 0:
            while True:
                token = items[self.at]
                value = values.get(token)
                if value is None:
                    value = self.use(token)
                args.append(value)
                self.at += 1
                if items[self.at] != "," or items[self.at + 1] == "stack_map":
                    break
                self.at += 1
        self.args = tuple(args)

    def target(self) -> BlockCall:
        """A block, with arguments in parentheses or without."""
        block = self.block_ref()
        args: list[Value] = []
        if self.items[self.at] == "(":
            self.at += 1
            while self.items[self.at] != ")":
                args.append(self.target_arg())
                if not self.accept(","):
                    break
            self.expect(")", "after arguments")
        return BlockCall(block, args)

    def target_arg(self) -> Value:
        token = self.items[self.at]
        value = self.values.get(token)
        if value is None:
            op = ops.TRY_RET
            number = _number(token, "ret")
            if number < 0:
                op = ops.TRY_EXN
                number = _number(token, "exn")
            if number >= 0:
                value = Value(op, T.INVALID, 0, NO_BLOCK)
                value.imm = number
                self.unnumbered.append(value)
            else:
                value = self.use(token)
        self.at += 1
        return value

    def jump_table(self) -> None:
        self.targets.append(self.target())
        self.expect(",", "after the default target")
        self.expect("[", "before the entries of a jump table")
        if self.accept("]"):
            return
        while True:
            self.targets.append(self.target())
            if not self.accept(","):
                break
        self.expect("]", "after the entries of a jump table")

    def exception_table(self, form: _Form) -> None:
        sig = self.sig_ref()
        info = self.ext
        if isinstance(info, CallInfo):
            info.sig = sig  # the verifier compares it with the callee's
        else:
            self.ext = CallInfo(sig)
        self.expect(",", "after the signature")
        self.targets.append(self.target())
        self.expect(",", "after the normal return")
        self.expect("[", "before the handlers")
        while self.items[self.at] != "]":
            token = self.take()
            if token == "context":
                value = self.values.get(self.items[self.at])
                if value is None:
                    value = self.use(self.items[self.at])
                self.at += 1
                self.handlers.append(Handler("context", 0, 0, value))
            else:
                tag = _number(token, "tag")
                if token != "default" and tag < 0:
                    self.fail("expected a handler", self.at - 1)
                self.expect(":", "after the tag of a handler")
                kind = "default" if token == "default" else "tag"
                self.handlers.append(Handler(kind, max(tag, 0), len(self.targets)))
                self.targets.append(self.target())
            if not self.accept(","):
                break
        self.expect("]", "after the handlers")

    def constant_operand(self, form: _Form) -> bytes:
        number = _number(self.items[self.at], "const")
        if number >= 0:
            content = self.func.constants.get(number)
            if content is None:
                self.fail(f"undefined constant {self.items[self.at]}")
            self.at += 1
            return content
        if form.op == ops.F128CONST:
            return self.float(128).to_bytes(16, "little")
        if not form.ctrl:
            self.fail("expected a constant, or a type such as 'vconst.i32x4'")
        return self.vector_bytes(form.ctrl)

    def vector_bytes(self, ty: int) -> bytes:
        """The bytes of a vector: `0x...` or a list of lanes `[0 1 2 3]`."""
        size = T.size(ty)
        if not self.accept("["):
            return self.hex_bytes(size)
        lane = T.LANE[ty]
        if T.LANES[ty] == 1 or lane in (T.I128, T.F128):
            self.fail("expected a vector type")
        content = bytearray()
        for _ in range(T.LANES[ty]):
            try:
                bits = parse_lane(self.items[self.at], lane)
            except NumberError as error:
                self.fail(f"expected a lane of type {T.NAMES[lane]}: {error}")
            self.at += 1
            content += bits.to_bytes(T.size(lane), "little")
        self.expect("]", "after the lanes")
        return bytes(content)

    def hex_bytes(self, size: int, exact: bool = False) -> bytes:
        """Hexadecimal bytes, filled up to `size` unless `exact`."""
        token = self.items[self.at]
        try:
            content = parse_bytes(token, size)
        except NumberError as error:
            self.fail(str(error))
        self.at += 1
        if exact:
            return content[: len(token[2:].replace("_", "")) // 2]
        return content


def _num_of_slot(slot: StackSlot) -> int:
    return slot.num


def _num_of_dynamic_slot(slot: DynamicStackSlot) -> int:
    return slot.num


def _num_of_global(value: GlobalValue) -> int:
    return value.num


def _num_of_sig(sig: Signature) -> int:
    return sig.num


def _num_of_func(func: FuncRef) -> int:
    return func.num
