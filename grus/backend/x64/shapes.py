"""The functions of which the lowering is proved: one small function for each way that an integer
instruction is lowered.

A `Shape` is a subject (the name of a lowering rule, or of an opcode) and the text of a function.
Operands are parameters, constants at which encodings change, and loads (which fold); a value may
have a second use, so that it lives on. `of_rules` makes them of the left sides of the lowering
rules, `of_opcodes` of the opcode table and of the combinations that `lower.py` and `opcodes.py`
treat as one: comparisons with what they decide, addresses with accesses, operations in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.bits import MASK, signed
from grus.opt.lang.terms import LITERAL, OP, VAR, Rule, Term

NARROW: Final = (T.I8, T.I16, T.I32, T.I64)
INTS: Final = (*NARROW, T.I128)
CORNERS: Final = (
    *(0, 1, 2, 3, 4, 7, 8, 9, 31, 32, 63, 127, 128, 255, 256, 32767, 65535, 65536),
    *(1 << 31, (1 << 31) - 1, (1 << 32) - 1, 1 << 32, 1 << 40, (1 << 63) - 1, 1 << 63),
    *(-1, -2, -128, -129, -32768, -(1 << 31), -(1 << 31) - 1),
)
"""Constants at which the choice of instructions changes, modulo the width of their type."""


def corners(ty: int) -> list[int]:
    """Constants of a type, as signed numbers, each once."""
    found: list[int] = []
    for number in CORNERS:
        number = signed(T.BITS[ty], number & MASK[T.BITS[ty]])
        if number not in found:
            found.append(number)
    return found


_COUNTS: Final = (0, 1, 3, 7, 8, 15, 16, 31, 32, 63, 64, 127, -1)
"""Constants by which is shifted."""


class Shape:
    """A function whose lowering is proved. `subject` names the rule or opcode, `bits` is the width
    of its widest operand."""

    __slots__ = ("bits", "subject", "text")

    def __init__(self, subject: str, bits: int, text: str) -> None:
        self.subject = subject
        self.bits = bits
        self.text = text


class Body:
    """Writes the text of a function. Values are named in order; parameters may come any time."""

    __slots__ = ("bits", "blocks", "count", "lines", "params", "used")

    def __init__(self) -> None:
        self.params: list[tuple[str, str]] = []
        self.lines: list[str] = []
        self.blocks: list[str] = []
        self.count = 0
        self.bits = 8
        self.used: list[tuple[str, int]] = []

    def name(self) -> str:
        self.count += 1
        return f"v{self.count - 1}"

    def param(self, ty: int) -> str:
        """A parameter of the function."""
        self.bits = max(self.bits, T.BITS[ty])
        value = self.name()
        self.params.append((value, T.NAMES[ty]))
        self.used.append((value, ty))
        return value

    def pointer(self) -> str:
        """A parameter that is an address."""
        value = self.name()
        self.params.append((value, "i64"))
        return value

    def op(self, text: str) -> str:
        """An instruction with one result."""
        value = self.name()
        self.lines.append(f"{value} = {text}")
        return value

    def const(self, ty: int, number: int) -> str:
        if ty != T.I128:
            number = signed(T.BITS[ty], number & MASK[T.BITS[ty]])
            return self.op(f"iconst.{T.NAMES[ty]} {number}")
        low = self.op(f"iconst.i64 {signed(64, number & MASK[64])}")
        return self.op(f"iconcat {low}, {self.op(f'iconst.i64 {-1 if number < 0 else 0}')}")

    def load(self, ty: int, offset: int = 8) -> str:
        self.bits = max(self.bits, T.BITS[ty])
        return self.op(f"load.{T.NAMES[ty]} {self.pointer()}+{offset}")

    def operand(self, kind: str | int, ty: int) -> str:
        """A "param", a "load" or a constant."""
        if isinstance(kind, int):
            return self.const(ty, kind)
        return self.load(ty) if kind == "load" else self.param(ty)

    def shape(self, subject: str, results: list[tuple[str, int]], shared: bool = False) -> Shape:
        """The function that returns these values; with `shared` its operands too."""
        if shared:
            results = results + self.used
        types = ", ".join([T.NAMES[ty] for _, ty in results])
        params = ", ".join([f"{value}: {ty}" for value, ty in self.params])
        names = ", ".join([value for value, _ in results])
        return self.finish(subject, types, params, [*self.lines, f"return {names}"])

    def finish(self, subject: str, types: str, params: str, lines: list[str]) -> Shape:
        signature = ", ".join([ty for _, ty in self.params])
        returns = f" -> {types}" if types else ""
        head = [f"function %f({signature}){returns} tail {{", f"block0({params}):"]
        if not params:
            head[1] = "block0:"
        body = [f"    {line}" for line in lines]
        return Shape(subject, self.bits, "\n".join([*head, *body, *self.blocks, "}", ""]))

    def branches(self, subject: str, terminator: str, ways: int = 2) -> Shape:
        """The function that ends in a branch to `ways` blocks, each of which returns its number."""
        for way in range(1, ways + 1):
            self.blocks += [f"block{way}:", f"    v{self.count} = iconst.i8 {way}"]
            self.blocks.append(f"    return v{self.count}")
            self.count += 1
        params = ", ".join([f"{value}: {ty}" for value, ty in self.params])
        return self.finish(subject, "i8", params, [*self.lines, terminator])


# ---- lowering rules ----

_SHIFT_OPS: Final = (ops.ISHL, ops.USHR, ops.SSHR, ops.ROTL, ops.ROTR)
_EXTENDS: Final = (ops.UEXTEND, ops.SEXTEND)


def is_integer(rule: Rule) -> bool:
    """False for rules of floats."""
    work = [rule.left]
    while work:
        term = work.pop()
        if term.kind == OP and ops.ROWS[term.op].name in _FLOAT_NAMES:
            return False
        if term.kind == VAR and term.types is not None and not term.types & frozenset(INTS):
            return False
        work.extend(term.args)
    return not rule.name.endswith("_float")


_FLOAT_NAMES: Final = frozenset(
    (
        *("fadd", "fsub", "fmul", "fdiv", "sqrt", "fma", "ceil", "floor", "trunc", "nearest"),
        *("fneg", "fabs", "fpromote", "fdemote"),
    )
)


def of_rule(rule: Rule) -> Iterator[Shape]:
    """The shapes of a lowering rule: all types, operands and constants that it can match."""
    for ty in INTS:
        yield from _typed(rule, ty)


class _Choice:
    """What the variables of a left side are: types of all values, kinds of operands."""

    __slots__ = ("amount", "constants", "loaded", "narrow", "ty")

    def __init__(self, ty: int, amount: int, narrow: int) -> None:
        self.ty = ty
        self.amount = amount
        self.narrow = narrow
        self.loaded = ""
        self.constants: dict[str, int] = {}


def _typed(rule: Rule, ty: int) -> Iterator[Shape]:
    root = rule.left.op
    amounts = (T.I8, T.I32, T.I64, T.I128) if root in _SHIFT_OPS else (ty,)
    narrows = [n for n in NARROW if n < ty] if root in _EXTENDS else [ty]
    if root in _EXTENDS and ty == T.I128 or root == ops.BSWAP and ty == T.I8:
        return
    variables = _variables(rule.left)
    immediates = [v.name for v in variables if v.sort == "Imm"]
    values = [v for v in variables if v.sort != "Imm"]
    for narrow in narrows:
        own = narrow if root in _EXTENDS else ty
        if any([v.types is not None and own not in v.types for v in values if v.name != "y"]):
            continue
        for amount in amounts:
            choice = _Choice(ty, amount, narrow)
            small = [0, 1, 2, 3] if "S" in immediates else [0]
            for scale in small:
                numbers = [0]
                if "C" in immediates:
                    numbers = list(_COUNTS) if root in _SHIFT_OPS else corners(ty)
                for number in numbers:
                    choice.constants = {"S": scale, "C": number}
                    yield from _variants(rule, choice, values)


def _variants(rule: Rule, choice: _Choice, values: list[Term]) -> Iterator[Shape]:
    yield _grown(rule, choice, False)
    if choice.ty != T.I128:
        yield _grown(rule, choice, True)
    if not any([name in "SC" for name in [v.name for v in _variables(rule.left)]]):
        for value in values:
            choice.loaded = value.name
            yield _grown(rule, choice, False)
        choice.loaded = ""


def _variables(term: Term) -> list[Term]:
    found: list[Term] = []
    work = [term]
    while work:
        term = work.pop(0)
        if term.kind == VAR and term.name not in [t.name for t in found]:
            found.append(term)
        work.extend(term.args)
    return found


def _grown(rule: Rule, choice: _Choice, shared: bool) -> Shape:
    """The function of a left side; its instructions are written operands first."""
    body = Body()
    names: dict[str, str] = {}
    made: dict[int, str] = {}
    work: list[tuple[Term, int]] = [(rule.left, choice.ty)]
    while work:
        term, ty = work[-1]
        below = _operands(term, ty, choice)
        missing = [(a, t) for a, t in below if a.kind == OP and id(a) not in made]
        if missing:
            work += missing
            continue
        work.pop()
        if id(term) in made:
            continue
        if term.op == ops.ICONST:
            arg = term.args[0]
            number = arg.value if arg.kind == LITERAL else choice.constants[arg.name]
            made[id(term)] = body.const(ty, number)
            continue
        texts: list[str] = []
        for arg, of in below:
            if arg.kind == OP:
                texts.append(made[id(arg)])
                continue
            if arg.name not in names:
                names[arg.name] = body.operand("load" if arg.name == choice.loaded else "param", of)
            texts.append(names[arg.name])
        suffix = f".{T.NAMES[ty]}" if term.op in _EXTENDS else ""
        made[id(term)] = body.op(f"{term.name}{suffix} {', '.join(texts)}")
    return body.shape(rule.name, [(made[id(rule.left)], choice.ty)], shared)


def _operands(term: Term, ty: int, choice: _Choice) -> list[tuple[Term, int]]:
    """The value operands of a term of type `ty`, with their types."""
    if term.op == ops.ICONST:
        return []
    if term.op in _EXTENDS:
        return [(term.args[0], choice.narrow)]
    if term.op in _SHIFT_OPS:
        return [(term.args[0], ty), (term.args[1], choice.amount)]
    return [(arg, ty) for arg in term.args]


# ---- opcodes ----

UNARY: Final = ("ineg", "bnot", "iabs", "bitrev", "clz", "cls", "ctz", "popcnt", "bswap")
BINARY: Final = (
    *("iadd", "isub", "imul", "umulhi", "smulhi", "band", "bor", "bxor"),
    *("smin", "smax", "umin", "umax", "udiv", "urem", "sdiv", "srem"),
)
SHIFTS: Final = ("ishl", "ushr", "sshr", "rotl", "rotr")
_OVERFLOW: Final = (
    *("uadd_overflow", "sadd_overflow", "usub_overflow", "ssub_overflow"),
    *("umul_overflow", "smul_overflow"),
)
_CARRIED: Final = (
    *("uadd_overflow_cin", "sadd_overflow_cin", "usub_overflow_bin", "ssub_overflow_bin"),
)
_KINDS: Final[tuple[tuple[str, str], ...]] = (
    ("param", "param"),
    ("load", "param"),
    ("param", "load"),
)


def of_opcodes() -> Iterator[Shape]:
    """All of the second kind."""
    yield from _plain()
    yield from _shifted()
    yield from _converted()
    yield from _compared()
    yield from _decided()
    yield from _overflowing()
    yield from _memory()


def _plain() -> Iterator[Shape]:
    for name in UNARY:
        for ty in INTS:
            if name == "bswap" and ty == T.I8:
                continue
            for kind in ("param", "load"):
                body = Body()
                value = body.op(f"{name} {body.operand(kind, ty)}")
                yield body.shape(name, [(value, ty)], shared=kind == "param")
    for name in BINARY:
        for ty in INTS:
            pairs: list[tuple[str | int, str | int]] = [*_KINDS]
            pairs += [("param", n) for n in corners(ty)]
            if "div" not in name and "rem" not in name:
                pairs += [(n, "param") for n in (1, -1, 100)]
            for first, second in pairs:
                body = Body()
                a = body.operand(first, ty)
                value = body.op(f"{name} {a}, {body.operand(second, ty)}")
                yield body.shape(name, [(value, ty)])
    for ty in INTS:
        body = Body()
        c, x, y = body.param(ty), body.param(ty), body.param(ty)
        yield body.shape("bitselect", [(body.op(f"bitselect {c}, {x}, {y}"), ty)])


def _shifted() -> Iterator[Shape]:
    for name in SHIFTS:
        for ty in INTS:
            for amount in INTS:
                body = Body()
                x = body.param(ty)
                value = body.op(f"{name} {x}, {body.param(amount)}")
                yield body.shape(name, [(value, ty)], shared=ty != T.I128)
            for number in (*_COUNTS, T.BITS[ty] // 2 + 1):
                body = Body()
                x = body.param(ty)
                value = body.op(f"{name} {x}, {body.const(T.I8, number)}")
                yield body.shape(name, [(value, ty)])


def _converted() -> Iterator[Shape]:
    for ty in INTS:
        for narrow in INTS:
            for kind in ("param", "load"):
                if narrow < ty:
                    for name in ("uextend", "sextend"):
                        body = Body()
                        x = body.operand(kind, narrow)
                        value = body.op(f"{name}.{T.NAMES[ty]} {x}")
                        yield body.shape(name, [(value, ty)], shared=kind == "param")
                elif narrow > ty and kind == "param":
                    body = Body()
                    value = body.op(f"ireduce.{T.NAMES[ty]} {body.param(narrow)}")
                    yield body.shape("ireduce", [(value, ty)])
            body = Body()
            value = body.op(f"bmask.{T.NAMES[ty]} {body.param(narrow)}")
            yield body.shape("bmask", [(value, ty)])
        if ty > T.I8:
            half = ty - 1
            body = Body()
            low = body.param(half)
            value = body.op(f"iconcat {low}, {body.param(half)}")
            yield body.shape("iconcat", [(value, ty)])
            body = Body()
            low, high, whole = body.name(), body.name(), body.param(ty)
            body.lines.append(f"{low}, {high} = isplit {whole}")
            yield body.shape("isplit", [(low, half), (high, half)])
    # An extension of what is extended already, and what looks through a reduction.
    for ty in (T.I32, T.I64):
        for narrow in (T.I8, T.I16):
            for name in ("uextend", "sextend"):
                body = Body()
                less = body.op(f"ireduce.{T.NAMES[narrow]} {body.param(ty)}")
                value = body.op(f"{name}.{T.NAMES[ty]} {less}")
                yield body.shape(name, [(value, ty)])
    yield from _zero_above()


def _zero_above() -> Iterator[Shape]:
    """Extensions to 64 bits of results whose upper half the machine clears, or does not."""
    for ty in (T.I8, T.I16, T.I32):
        name = T.NAMES[ty]
        texts = [f"{op} {{0}}, {{1}}" for op in BINARY]
        texts += [f"{op} {{0}}" for op in UNARY if op != "bswap" or ty != T.I8]
        texts += [f"{op} {{0}}, {{1}}" for op in SHIFTS]
        texts += ["select {0}, {0}, {1}", f"bmask.{name} {{0}}", "bitselect {0}, {1}, {0}"]
        texts += [f"load.{name} {{2}}+8", f"atomic_load.{name} {{2}}"]
        texts += [f"atomic_rmw.{name} {op} {{2}}, {{0}}" for op in ("add", "sub", "xchg", "umax")]
        texts += ["atomic_cas {2}, {0}, {1}", f"ireduce.{name} {{2}}"]
        if ty == T.I32:
            texts += [f"{op}.i32 {{2}}+8" for op in ("uload8", "sload8", "uload16", "sload16")]
        for text in texts:
            for extend in ("uextend", "sextend"):
                body = Body()
                x, y, p = body.param(ty), body.param(ty), body.pointer()
                value = body.op(text.format(x, y, p))
                wide = body.op(f"{extend}.i64 {value}")
                yield body.shape(extend, [(wide, T.I64)])
    for op in (*BINARY, *SHIFTS):
        kinds: list[str | int] = [0, 1, 3, 5, 8, 9, -1, 127, 128, 255, 65535, 1 << 31]
        for kind in (*kinds, "load"):
            body = Body()
            x = body.param(T.I32)
            value = body.op(f"{op} {x}, {body.operand(kind, T.I32)}")
            wide = body.op(f"uextend.i64 {value}")
            yield body.shape("uextend", [(wide, T.I64)])
            yield body.shape("uextend", [(wide, T.I64), (value, T.I32)])
    for first, second in (("uextend", "uextend"), ("sextend", "uextend"), ("uextend", "sextend")):
        for ty in (T.I8, T.I16):
            body = Body()
            value = body.op(f"{first}.i32 {body.param(ty)}")
            yield body.shape(second, [(body.op(f"{second}.i64 {value}"), T.I64)])


def _compared() -> Iterator[Shape]:
    for cc in ops.INT_CC:
        for ty in INTS:
            pairs: list[tuple[str | int, str | int]] = [*_KINDS]
            pairs += [("param", n) for n in corners(ty)]
            pairs += [("load", n) for n in (0, 1, -1, 1000)]
            pairs += [(n, "param") for n in (0, 1, -1, 1000)]
            if ty == T.I128:
                pairs = [("param", "param"), ("param", 0), ("param", -1)]
            for first, second in pairs:
                body = Body()
                a = body.operand(first, ty)
                value = body.op(f"icmp {cc} {a}, {body.operand(second, ty)}")
                yield body.shape("icmp", [(value, T.I8)])


def _conditions() -> Iterator[tuple[Body, str, int]]:
    """Truth values as they are tested, with the function begun that computes them."""
    for ty in INTS:
        body = Body()
        yield body, body.param(ty), ty
        for cc in ops.INT_CC:
            body = Body()
            x = body.param(ty)
            yield body, body.op(f"icmp {cc} {x}, {body.param(ty)}"), T.I8
            for number in (0, 1, -1, 77):
                body = Body()
                x = body.param(ty)
                yield body, body.op(f"icmp {cc} {x}, {body.const(ty, number)}"), T.I8
        for cc in ("eq", "ne", "slt", "uge"):
            if ty == T.I128:
                continue
            body = Body()
            x = body.load(ty)
            yield body, body.op(f"icmp {cc} {x}, {body.const(ty, 5)}"), T.I8
            body = Body()
            x = body.load(ty)
            yield body, body.op(f"icmp {cc} {body.param(ty)}, {x}"), T.I8
        if ty != T.I128:
            for number in corners(ty):
                for kind in ("param", "load"):
                    body = Body()
                    x = body.operand(kind, ty)
                    mask = body.op(f"band {x}, {body.const(ty, number)}")
                    yield body, mask, ty
            body = Body()
            x, one = body.param(ty), body.const(ty, 1)
            bit = body.op(f"ishl {one}, {body.param(T.I32)}")
            yield body, body.op(f"band {x}, {bit}"), ty
            body = Body()
            x = body.param(ty)
            down = body.op(f"ushr {x}, {body.param(T.I8)}")
            yield body, body.op(f"band {down}, {body.const(ty, 1)}"), ty
            body = Body()
            x = body.param(ty)
            both = body.op(f"band {x}, {body.param(ty)}")
            yield body, body.op(f"icmp ne {both}, {body.const(ty, 0)}"), T.I8
    for cc in ("eq", "ne"):
        body = Body()
        x = body.param(T.I32)
        inner = body.op(f"icmp ult {x}, {body.param(T.I32)}")
        wide = body.op(f"uextend.i32 {inner}")
        yield body, body.op(f"icmp {cc} {wide}, {body.const(T.I32, 0)}"), T.I8
        body = Body()
        x = body.param(T.I64)
        inner = body.op(f"icmp sge {x}, {body.const(T.I64, 3)}")
        wide = body.op(f"uextend.i32 {inner}")
        yield body, wide, T.I32
    body = Body()
    x = body.param(T.I64)
    inner = body.op(f"icmp {'ult'} {x}, {body.const(T.I64, 3)}")
    wide = body.op(f"uextend.i64 {inner}")
    yield body, body.op(f"ireduce.i8 {wide}"), T.I8


def _decided() -> Iterator[Shape]:
    """Branches, traps and selections by every kind of condition."""
    for body, value, _ in _conditions():
        yield body.branches("brif", f"brif {value}, block1, block2")
    for body, value, _ in _conditions():
        body.lines.append(f"trapz {value}, user2")
        yield body.shape("trapz", [(body.const(T.I8, 7), T.I8)])
    for body, value, _ in _conditions():
        body.lines.append(f"trapnz {value}, user3")
        yield body.shape("trapnz", [(body.const(T.I8, 7), T.I8)])
    for name in ("select", "select_spectre_guard"):
        for ty in (T.I8, T.I32, T.I64):
            for body, value, _ in _conditions():
                if ty != T.I64 and name != "select":
                    continue
                x = body.param(ty)
                chosen = body.op(f"{name} {value}, {x}, {body.param(ty)}")
                yield body.shape(name, [(chosen, ty)])
    for ty in INTS:
        for first, second in (("param", 5), (0, "param"), ("load", "param"), ("param", "load")):
            if ty == T.I128 and "load" in (first, second):
                continue
            body = Body()
            c, x = body.param(T.I8), body.operand(first, ty)
            chosen = body.op(f"select {c}, {x}, {body.operand(second, ty)}")
            yield body.shape("select", [(chosen, ty)])
    # A comparison that is also kept.
    for ty in NARROW:
        body = Body()
        x = body.load(ty)
        value = body.op(f"icmp ult {x}, {body.param(ty)}")
        chosen = body.op(f"select {value}, {body.param(ty)}, {body.param(ty)}")
        yield body.shape("select", [(chosen, ty), (value, T.I8)])
    body = Body()
    table = f"br_table {body.param(T.I32)}, block4, [block1, block2, block3]"
    yield body.branches("br_table", table, 4)


def _overflowing() -> Iterator[Shape]:
    for name in (*_OVERFLOW, *_CARRIED):
        for ty in INTS:
            if "mul" in name and ty == T.I128:
                continue
            body = Body()
            value, flag, x, y = body.name(), body.name(), body.param(ty), body.param(ty)
            carry = ""
            if name in _CARRIED:
                a = body.param(T.I8)
                carry = f", {body.op(f'icmp ult {a}, {body.param(T.I8)}')}"
            body.lines.append(f"{value}, {flag} = {name} {x}, {y}{carry}")
            yield body.shape(name, [(value, ty), (flag, T.I8)])
    for ty in (T.I32, T.I64):
        for second in ("param", "load", 1, -1, 1 << 31):
            body = Body()
            x = body.param(ty)
            value = body.op(f"uadd_overflow_trap {x}, {body.operand(second, ty)}, user4")
            yield body.shape("uadd_overflow_trap", [(value, ty)])


# ---- memory ----


def _addresses() -> Iterator[tuple[Body, str, int]]:
    """Pointers as they are folded into an access, and its offset."""
    for offset in (0, 8, -1, 1 << 20, -(1 << 31), (1 << 31) - 8):
        body = Body()
        yield body, body.pointer(), offset
    for number in (4, -4, 1 << 31, 1 << 40):
        body = Body()
        p = body.pointer()
        yield body, body.op(f"iadd {p}, {body.const(T.I64, number)}"), 16
    body = Body()
    p = body.pointer()
    yield body, body.op(f"iadd {p}, {body.pointer()}"), 24
    for shift in (1, 2, 3, 4):
        for constant in (0, 100):
            body = Body()
            p, index = body.pointer(), body.pointer()
            if constant:
                index = body.op(f"iadd {index}, {body.const(T.I64, constant)}")
            scaled = body.op(f"ishl {index}, {body.const(T.I64, shift)}")
            yield body, body.op(f"iadd {p}, {scaled}"), -24
            body = Body()
            p, index = body.pointer(), body.pointer()
            scaled = body.op(f"ishl {index}, {body.const(T.I64, shift)}")
            both = body.op(f"iadd {scaled}, {p}")
            yield body, body.op(f"iadd {both}, {body.const(T.I64, 40)}"), 4
    for extend in ("uextend", "sextend"):
        body = Body()
        p = body.pointer()
        index = body.op(f"{extend}.i64 {body.param(T.I32)}")
        yield body, body.op(f"iadd {p}, {index}"), 12
        body = Body()
        p = body.pointer()
        short = body.param(T.I32)
        added = body.op(f"iadd {short}, {body.const(T.I32, 8)}")
        index = body.op(f"{extend}.i64 {added}")
        scaled = body.op(f"ishl {index}, {body.const(T.I64, 2)}")
        yield body, body.op(f"iadd {p}, {scaled}"), 0
    body = Body()
    yield body, body.const(T.I64, 4096), 8
    body = Body()
    yield body, body.const(T.I64, -4096), 8


def _memory() -> Iterator[Shape]:
    for ty in INTS:
        for body, p, offset in _addresses():
            if ty == T.I128 and offset > 1 << 30:
                continue
            yield body.shape("load", [(body.op(f"load.{T.NAMES[ty]} {p}{offset:+}"), ty)])
        for body, p, offset in _addresses():
            if ty == T.I128 and offset > 1 << 30:
                continue
            body.lines.append(f"store {body.param(ty)}, {p}{offset:+}")
            yield body.shape("store", [(body.const(T.I8, 0), T.I8)])
        for number in corners(ty):
            body = Body()
            value = body.const(ty, number)
            body.lines.append(f"store {value}, {body.pointer()}+3")
            yield body.shape("store", [(body.const(T.I8, 0), T.I8)])
    for bits in (8, 16, 32):
        for ty in (T.I16, T.I32, T.I64):
            if T.BITS[ty] <= bits:
                continue
            for name in (f"uload{bits}", f"sload{bits}"):
                for body, p, offset in _addresses():
                    yield body.shape(name, [(body.op(f"{name}.{T.NAMES[ty]} {p}{offset:+}"), ty)])
            for kind in ("param", 5, -1, 1 << 20):
                body = Body()
                value = body.operand(kind, ty)
                body.lines.append(f"istore{bits} {value}, {body.pointer()}+3")
                yield body.shape(f"istore{bits}", [(body.const(T.I8, 0), T.I8)])
    yield from _in_place()
    yield from _atomic()


def _in_place() -> Iterator[Shape]:
    """`op [memory], y`, and what only looks like it."""
    for name in ("iadd", "isub", "band", "bor", "bxor"):
        for ty in NARROW:
            for kind in ("param", 1, -1, 127, 128, 1 << 31):
                for swapped in (False, True):
                    for far in (8, 9):
                        body = Body()
                        p = body.pointer()
                        other = body.operand(kind, ty)
                        old = body.op(f"load.{T.NAMES[ty]} {p}+8")
                        pair = f"{other}, {old}" if swapped else f"{old}, {other}"
                        new = body.op(f"{name} {pair}")
                        body.lines.append(f"store {new}, {p}+{far}")
                        yield body.shape("store", [(body.const(T.I8, 0), T.I8)])
        for bits, ty in ((8, T.I32), (16, T.I32), (32, T.I64)):
            for kind in ("param", 1, -1):
                body = Body()
                p = body.pointer()
                other = body.operand(kind, ty)
                old = body.op(f"uload{bits}.{T.NAMES[ty]} {p}+8")
                new = body.op(f"{name} {old}, {other}")
                body.lines.append(f"istore{bits} {new}, {p}+8")
                yield body.shape(f"istore{bits}", [(body.const(T.I8, 0), T.I8)])
    # A load may not move over a store.
    for ty in (T.I32, T.I64):
        body = Body()
        p, q, x = body.pointer(), body.pointer(), body.param(ty)
        old = body.op(f"load.{T.NAMES[ty]} {p}")
        body.lines.append(f"store {x}, {q}")
        yield body.shape("load", [(body.op(f"iadd {x}, {old}"), ty)])


def _atomic() -> Iterator[Shape]:
    for ty in NARROW:
        name = T.NAMES[ty]
        for rmw in ops.RMW_OPS:
            body = Body()
            p = body.pointer()
            old = body.op(f"atomic_rmw.{name} {rmw} {p}, {body.param(ty)}")
            yield body.shape("atomic_rmw", [(old, ty)])
        body = Body()
        p = body.pointer()
        expected = body.param(ty)
        old = body.op(f"atomic_cas {p}, {expected}, {body.param(ty)}")
        yield body.shape("atomic_cas", [(old, ty)])
        body = Body()
        yield body.shape("atomic_load", [(body.op(f"atomic_load.{name} {body.pointer()}"), ty)])
        body = Body()
        x = body.param(ty)
        body.lines.append(f"atomic_store {x}, {body.pointer()}")
        yield body.shape("atomic_store", [(body.const(T.I8, 0), T.I8)])
