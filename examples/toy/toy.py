"""Toy: a small typed language on the code generator.

docs/tutorial.md goes through it. `Parser` makes a tree of a text, `Translator` IR of a function of
the tree, a module of `grus.link` machine code of the IR; `Program` holds them together. The
command and the prompt are in `__main__.py`.
"""

from __future__ import annotations

import ctypes
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from grus.base.errors import GrusError
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.builder import FunctionBuilder, Loop
from grus.ir.function import AbiParam, FuncRef, Function, Signature, Value
from grus.link.module import EXPORT, IMPORT, Module

LIMIT = "toy_stack_limit"  # a word: calls with the stack pointer below it are a trap
TYPES = {"int": T.I64, "float": T.F64, "str": T.I64}  # a str is the address of its bytes


class ToyError(GrusError):
    """A program that is not Toy; the text begins with the line."""


@dataclass
class Node:
    """A statement or an expression. `text` is its name, operator or literal."""

    line: int
    kind: str
    text: str = ""
    parts: list[Node] = field(default_factory=list)  # operands, arguments, condition
    body: list[Node] = field(default_factory=list)
    other: list[Node] = field(default_factory=list)  # after else


@dataclass
class Fn:
    """A function. `result` is "" for none; `body` is None for an `extern` function."""

    line: int
    name: str
    params: list[tuple[str, str]]  # name, type
    result: str
    body: list[Node] | None

    def signature(self) -> Signature:
        returns = [AbiParam(TYPES[self.result])] if self.result else []
        return Signature([AbiParam(TYPES[ty]) for _, ty in self.params], returns, "system_v")


TOKEN = re.compile(
    r'(?P<space>[ \t]+|#[^\n]*)|(?P<line>\n)|(?P<number>\d+(?:\.\d+)?)|(?P<string>"[^"\n]*")'
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>->|[<>=!]=|[-+*/%<>=(){}\[\],:])"
)
LEVELS = [["or"], ["and"], ["==", "!=", "<", "<=", ">", ">="], ["+", "-"], ["*", "/", "%"]]
KEYWORDS = set("fn extern let if else while return break continue not and or".split())  # noqa: SIM905


class Parser:
    """Recursive descent. A statement ends with its line."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str, int]] = []  # kind, text, line
        line, at, self.at, self.text = 1, 0, -1, ""
        while at < len(text):
            match = TOKEN.match(text, at)
            if match is None:
                raise ToyError(f"line {line}: unexpected character {text[at]!r}")
            if match.lastgroup != "space":
                self.tokens.append((match.lastgroup or "", match[0], line))
            line, at = line + (match[0] == "\n"), match.end()
        self.tokens.append(("end", "", line))
        self.next()

    def next(self) -> str:
        """Go on; gives the text of the token that was current."""
        gone, self.at = self.text, self.at + 1
        self.kind, self.text, self.line = self.tokens[self.at]
        return gone

    def accept(self, *texts: str) -> str:
        return self.next() if self.text in texts else ""

    def expect(self, what: str, found: bool) -> str:
        if not found:
            shown = {"": "the end", "\n": "the end of the line"}.get(self.text, self.text)
            raise ToyError(f"line {self.line}: expected {what}, found {shown}")
        return self.next()

    def sign(self, text: str) -> str:
        return self.expect(f"'{text}'", self.text == text)

    def name(self, what: str) -> str:
        return self.expect(what, self.kind == "name" and self.text not in KEYWORDS)

    def type(self) -> str:
        return self.expect("a type", self.text in TYPES)

    def items(self, item: Callable[[], Any]) -> list[Any]:
        """Things in parentheses, with commas between."""
        made: list[Any] = []
        self.sign("(")
        while not self.accept(")"):
            if made:
                self.sign(",")
            made.append(item())
        return made

    def program(self) -> tuple[list[Fn], list[Node]]:
        """Functions, and statements that are in none (for the prompt)."""
        functions: list[Fn] = []
        rest: list[Node] = []
        while self.kind != "end":
            if self.text in ("fn", "extern"):
                functions.append(self.function())
            elif not self.accept("\n"):
                rest.append(self.statement())
        return functions, rest

    def function(self) -> Fn:
        line, extern = self.line, self.accept("extern")
        self.sign("fn")
        name, params = self.name("the name of a function"), self.items(self.param)
        result = self.type() if self.accept("->") else ""
        return Fn(line, name, params, result, None if extern else self.block())

    def param(self) -> tuple[str, str]:
        return self.name("a parameter"), self.sign(":") and self.type()

    def block(self) -> list[Node]:
        self.sign("{")
        body: list[Node] = []
        while not self.accept("}"):
            if not self.accept("\n"):
                body.append(self.statement())
        return body

    def statement(self) -> Node:
        made = Node(self.line, self.accept("if", "while", "let", "return", "break", "continue"))
        if made.kind in ("if", "while"):
            made.parts, made.body = [self.expression()], self.block()
            if made.kind == "if" and self.accept("else"):
                made.other = [self.statement()] if self.text == "if" else self.block()
            return made
        if made.kind == "let":
            made.text = self.name("a variable")
            self.sign("=")
        if made.kind == "let" or (made.kind == "return" and self.text not in ("\n", "}", "")):
            made.parts = [self.expression()]
        elif not made.kind:
            made = self.expression()
            if made.kind == "name" and self.accept("="):
                made = Node(made.line, "assign", made.text, [self.expression()])
        if self.text not in ("}", ""):
            self.expect("the end of the statement", self.text == "\n")
        return made

    def expression(self, level: int = 0) -> Node:
        if level == len(LEVELS):
            return self.unary()
        left = self.expression(level + 1)
        while self.text in LEVELS[level]:
            line, sign = self.line, self.next()
            left = Node(line, "binary", sign, [left, self.expression(level + 1)])
        return left

    def unary(self) -> Node:
        made = Node(self.line, self.kind, self.text)
        if self.accept("-", "not"):
            made.kind, made.parts = "unary", [self.unary()]
            return made
        if self.accept("("):
            made = self.expression()
            self.sign(")")
        elif self.kind in ("number", "string"):
            self.next()
        elif self.name("an expression") and self.text == "(":
            made.kind, made.parts = "call", self.items(self.expression)
        while self.accept("["):
            made = Node(self.line, "index", "", [made, self.expression()])
            self.sign("]")
        return made


# ---- tree to IR ----

ARITHMETIC = {
    "int": {"+": "iadd", "-": "isub", "*": "imul", "/": "sdiv", "%": "srem"},
    "float": {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"},
}
COMPARISON = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


def fail(node: Node, message: str) -> NoReturn:
    raise ToyError(f"line {node.line}: {message}")


class Translator:
    """Makes the IR of one function. `known` are all functions by name."""

    def __init__(self, module: Module, known: dict[str, Fn], fn: Fn) -> None:
        self.module, self.known, self.fn = module, known, fn
        self.func = Function("%" + fn.name, fn.signature())
        self.b = FunctionBuilder(self.func)
        self.vars: dict[str, tuple[int, str]] = {}  # number in the builder, type
        self.refs: dict[str, FuncRef] = {}
        self.loops: list[Loop] = []

    def run(self) -> Function:
        entry = self.b.entry_block()
        for (name, ty), value in zip(self.fn.params, entry.params, strict=True):
            self.define(name, value, ty)
        limit = self.b.symbol_value(T.I64, self.module.data_ref(self.func, LIMIT))
        low = self.b.icmp(ops.ULT, self.b.get_stack_pointer(T.I64), self.b.load(T.I64, limit))
        self.b.trapnz(low, ops.TRAP_STACK_OVERFLOW)
        self.statements(self.fn.body or [])
        if not self.b.filled:  # the end of a function that returns something is a trap
            self.b.trap(1) if self.fn.result else self.b.return_()
        return self.b.finalize()

    def define(self, name: str, value: Value, ty: str) -> None:
        self.vars[name] = (self.b.declare_var(value.ty), ty)
        self.b.def_var(self.vars[name][0], value)

    def statements(self, body: list[Node]) -> None:
        for node in body:
            if not self.b.filled:  # else it stands after return, break or continue
                self.statement(node)

    def statement(self, node: Node) -> None:
        b = self.b
        if node.kind == "let":
            self.define(node.text, *self.value(node.parts[0]))
        elif node.kind == "assign":
            var, ty = self.variable(node)
            b.def_var(var, self.typed(node.parts[0], ty))
        elif node.kind == "if":
            with b.if_(self.typed(node.parts[0], "int")) as branch:
                self.statements(node.body)
                branch.else_()
                self.statements(node.other)
        elif node.kind == "while":
            with b.loop() as loop:
                self.loops.append(loop)
                loop.break_if(self.negate(self.typed(node.parts[0], "int")))
                self.statements(node.body)
                self.loops.pop()
        elif node.kind == "return":
            if bool(node.parts) != bool(self.fn.result):
                fail(node, f"{self.fn.name} returns {self.fn.result or 'nothing'}")
            b.return_([self.typed(part, self.fn.result) for part in node.parts])
        elif node.kind in ("break", "continue"):
            loop = self.loops[-1] if self.loops else fail(node, f"{node.kind} is in no loop")
            loop.break_() if node.kind == "break" else loop.continue_()
        else:
            self.value(node)

    def variable(self, node: Node) -> tuple[int, str]:
        return self.vars.get(node.text) or fail(node, f"there is no variable {node.text}")

    def negate(self, value: Value) -> Value:
        return self.b.icmp(ops.EQ, value, self.b.iconst(T.I64, 0))

    def typed(self, node: Node, wanted: str) -> Value:
        value, ty = self.value(node)
        if ty != wanted:
            fail(node, f"expected {wanted or 'nothing'}, found {ty or 'nothing'}")
        return value

    def value(self, node: Node) -> tuple[Value, str]:
        """The value of an expression in the IR, and its type in Toy."""
        b, text = self.b, node.text
        if node.kind == "number" and "." in text:
            return b.f64const(int.from_bytes(struct.pack("<d", float(text)), "little")), "float"
        if node.kind == "number":
            return b.iconst(T.I64, int(text)), "int"
        if node.kind == "string":
            name = f"toy_text_{len(self.module.data)}"
            self.module.define_data(name, text[1:-1].encode() + b"\0", 1)
            return b.symbol_value(T.I64, self.module.data_ref(self.func, name)), "str"
        if node.kind == "name":
            var, ty = self.variable(node)
            return b.use_var(var), ty
        if node.kind == "call":
            return self.call(node)
        if node.kind == "index":  # a byte of a string
            place = b.iadd(self.typed(node.parts[0], "str"), self.typed(node.parts[1], "int"))
            return b.uload8(T.I64, place), "int"
        if text == "not":
            return b.uextend(T.I64, self.negate(self.typed(node.parts[0], "int"))), "int"
        if text in ("and", "or"):
            return self.shortcut(node), "int"
        left, ty = self.value(node.parts[0])
        if node.kind == "unary" and ty in ARITHMETIC:
            return (b.ineg(left) if ty == "int" else b.fneg(left)), ty
        right = self.typed(node.parts[-1], ty)
        if text in COMPARISON:  # gives 1 or 0
            cc = COMPARISON[text]
            if ty == "float":
                return b.uextend(T.I64, b.fcmp(ops.FLOAT_CC.index(cc), left, right)), "int"
            cc = cc if cc in ("eq", "ne") else "s" + cc
            return b.uextend(T.I64, b.icmp(ops.INT_CC.index(cc), left, right)), "int"
        if text not in ARITHMETIC.get(ty, {}):
            fail(node, f"there is no '{text}' for {ty or 'nothing'}")
        return getattr(b, ARITHMETIC[ty][text])(left, right), ty

    def shortcut(self, node: Node) -> Value:
        """`and`, `or`: the right side runs only when it decides."""
        result = self.b.declare_var(T.I64)
        left = self.typed(node.parts[0], "int")
        self.b.def_var(result, left)
        with self.b.if_(left if node.text == "and" else self.negate(left)):
            self.b.def_var(result, self.typed(node.parts[1], "int"))
        return self.b.use_var(result)

    def call(self, node: Node) -> tuple[Value, str]:
        b, name, fn = self.b, node.text, self.known.get(node.text)
        if fn is None and name in ("int", "float") and len(node.parts) == 1:
            if name == "float":
                return b.fcvt_from_sint(T.F64, self.typed(node.parts[0], "int")), name
            return b.fcvt_to_sint_sat(T.I64, self.typed(node.parts[0], "float")), name
        if fn is None:
            fail(node, f"there is no function {name}")
        if len(node.parts) != len(fn.params):
            fail(node, f"{name} takes {len(fn.params)} arguments, not {len(node.parts)}")
        args = [self.typed(part, ty) for part, (_, ty) in zip(node.parts, fn.params, strict=True)]
        if name not in self.refs:
            self.refs[name] = self.module.func_ref(self.func, name)
        return b.call(self.refs[name], args), fn.result


KEPT: dict[str, Any] = {}  # bytes of strings of the host; they stay, for Toy may keep an address


def address(text: str) -> int:
    return ctypes.addressof(KEPT.setdefault(text, ctypes.create_string_buffer(text.encode())))


def read(place: int) -> str:
    return ctypes.string_at(place).decode()


def strings(function: Callable[..., Any], fn: Fn, inward: Any, outward: Any) -> Callable[..., Any]:
    """`function` with its `str` arguments and result passed through `inward` and `outward`."""

    def call(*args: Any) -> Any:
        types = [ty for _, ty in fn.params]
        made = [inward(a) if ty == "str" else a for a, ty in zip(args, types, strict=True)]
        return outward(function(*made)) if fn.result == "str" else function(*made)

    return call if "str" in [fn.result, *dict(fn.params).values()] else function


class Program:
    """Functions in a module of `grus.link`. `host` are Python callables for `extern` functions of a
    JITModule; one that is not there is a C function."""

    def __init__(self, module: Module, host: dict[str, Callable[..., Any]] | None = None) -> None:
        self.module, self.host = module, host or {}
        self.known: dict[str, Fn] = {}
        self.module.declare_data(LIMIT, writable=True)
        self.module.define_data(LIMIT, 8)

    def add(self, text: str) -> list[Node]:
        """Compile functions; gives the statements that are in none. Raises ToyError."""
        functions, rest = Parser(text).program()
        for fn in functions:
            self.declare(fn)
        for fn in functions:
            if fn.body is not None:
                self.define(fn)
        return rest

    def define(self, fn: Fn) -> None:
        func = Translator(self.module, self.known, fn).run()
        again = fn.name in self.module.functions
        (self.module.redefine if again else self.module.define)(func)

    def declare(self, fn: Fn) -> None:
        old = self.known.get(fn.name)
        if old and (old.signature().key(), not old.body) != (fn.signature().key(), not fn.body):
            raise ToyError(f"line {fn.line}: {fn.name} is known otherwise")
        self.known[fn.name] = fn
        linkage = IMPORT if fn.body is None else EXPORT
        self.module.declare_function(fn.name, fn.signature(), linkage)
        if not old and not fn.body and fn.name in self.host:
            function = strings(self.host[fn.name], fn, read, address)
            self.module.define_host(fn.name, fn.signature(), function)

    def __getitem__(self, name: str) -> Callable[..., Any]:
        """A function to call from Python. Raises KeyError."""
        return strings(self.module[name], self.known[name], address, read)
