"""The opcode table: every CLIF instruction, one row each (163 of Cranelift 0.136).

A row reads

    IADD: Final = op("iadd", "x: Int, y: Int -> Int", PURE | COMMUTES, "Wrapping addition.")

Operands stand in the order of the text form. The part after the colon is a *type* (a type
variable of `TYPE_SETS`, a fixed type, or one derived as in `lane(TxN)`) for an operand that is a
value, or a *kind* of immediate or entity (`KINDS`). Parser, printer, builder, verifier,
interpreter, fuzzer and `docs/ir.md` all read these rows; the meaning of each opcode is in
`semantics.py`, keyed by it.

The *controlling* type variable is the one that fixes all others. It is the type of the value
operand marked `*` (the first value operand when none is marked) if that is a bare variable from
which all results follow; then the text form needs no type suffix. Else it is the type of the
first result, given by the suffix (`iconst.i32 1`). Source of the rule:
`cranelift/codegen/meta/src/cdsl/instructions.rs`.
"""

from __future__ import annotations

from grus.ir import types as T

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# ---- effects ----
PURE: Final = 0
TRAPS: Final = 1  # may trap
READS: Final = 2  # reads memory
WRITES: Final = 4  # writes memory
SIDE_EFFECT: Final = 8  # any other effect: may not be moved, merged or removed
IDEMPOTENT: Final = 16  # doing it twice is the same as once: may be merged with an equal one above
COMMUTES: Final = 32  # the first two value operands may be swapped
TERMINATOR: Final = 64  # ends its block
_BRANCH: Final = 128
_RETURN: Final = 256
_CALL: Final = 512
BRANCH: Final = _BRANCH | TERMINATOR  # goes to blocks of `targets`
RETURN: Final = _RETURN | TERMINATOR  # leaves the function
CALL: Final = _CALL | TRAPS | READS | WRITES | SIDE_EFFECT  # calls a function
IS_BRANCH: Final = _BRANCH
IS_RETURN: Final = _RETURN
IS_CALL: Final = _CALL

# ---- operand kinds that are not values, and the field of Value that holds each ----
KINDS: Final[dict[str, str]] = {
    "block_call": "targets",
    "jump_table": "targets",  # default first, then the entries
    "exception_table": "targets",  # normal return first, then the handlers in `ext.handlers`
    "varargs": "args",
    "func_ref": "ext",  # of func_addr; calls hold a CallInfo
    "sig_ref": "ext",
    "memflags": "ext",
    "stack_slot": "ext",
    "dynamic_stack_slot": "ext",
    "global_value": "ext",
    "block": "ext",
    "constant": "ext",  # bytes, little endian, lane 0 first
    "uimm128": "ext",  # 16 bytes
    "offset32": "imm",  # signed
    "imm64": "imm",  # sign-extended to 64 bits from the type's width
    "uimm8": "imm",
    "ieee16": "imm",  # bit patterns
    "ieee32": "imm",
    "ieee64": "imm",
    "trapcode": "imm",
    "intcc": "imm",
    "floatcc": "imm",
    "rmw": "imm",
}


class TypeSet:
    """The types that a type variable ranges over: widths in bits, lanes, whether dynamic."""

    __slots__ = ("doc", "members", "name")

    def __init__(
        self,
        name: str,
        doc: str,
        ints: tuple[int, int] = (0, 0),
        floats: tuple[int, int] = (0, 0),
        lanes: tuple[int, int] = (1, 1),
        dynamic: tuple[int, int] = (0, 0),
    ) -> None:
        self.name = name
        self.doc = doc
        self.members: frozenset[int] = frozenset(
            ty
            for ty in T.BY_NAME.values()
            if (
                ints[0] <= T.BITS[T.LANE[ty]] <= ints[1]
                if T.is_int(T.LANE[ty])
                else floats[0] <= T.BITS[T.LANE[ty]] <= floats[1]
            )
            and (
                dynamic[0] <= T.LANES[ty] <= dynamic[1]
                if T.is_dynamic(ty)
                else lanes[0] <= T.LANES[ty] <= lanes[1]
            )
        )


_ALL_INTS: Final = (8, 128)
_ALL_FLOATS: Final = (16, 128)
_VECTORS: Final = (2, 256)

# fmt: off
TYPE_SETS: Final[dict[str, TypeSet]] = {
    s.name: s
    for s in (
        TypeSet("Any", "any scalar or fixed vector", _ALL_INTS, _ALL_FLOATS, (1, 256)),
        TypeSet("Mem", "anything that memory holds", _ALL_INTS, _ALL_FLOATS, (1, 256), _VECTORS),
        TypeSet("MemTo", "anything that memory holds", _ALL_INTS, _ALL_FLOATS, (1, 256), _VECTORS),
        TypeSet("TxN", "any vector", _ALL_INTS, _ALL_FLOATS, _VECTORS, _VECTORS),
        TypeSet("DynTxN", "any dynamic vector", _ALL_INTS, _ALL_FLOATS, (0, 0), _VECTORS),
        TypeSet("Int", "integer scalar or vector", _ALL_INTS, lanes=(1, 256), dynamic=_VECTORS),
        TypeSet("IntVTo", "integer scalar or vector", _ALL_INTS, lanes=(1, 256)),
        TypeSet("IxN", "integer vector", _ALL_INTS, lanes=_VECTORS, dynamic=_VECTORS),
        TypeSet("iB", "integer scalar", _ALL_INTS),
        TypeSet("IntTo", "integer scalar", _ALL_INTS),
        TypeSet("ScalarTruthy", "integer scalar, true when not 0", _ALL_INTS),
        TypeSet("NarrowInt", "integer scalar up to i64", (8, 64)),
        TypeSet("AtomicMem", "integer scalar", _ALL_INTS),
        TypeSet("iSwappable", "integer scalar from i16", (16, 128)),
        TypeSet("iAddr", "i32 or i64", (32, 64)),
        TypeSet("iExt8", "i16, i32 or i64", (16, 64)),
        TypeSet("iExt16", "i32 or i64", (32, 64)),
        TypeSet("iExt32", "i64", (64, 64)),
        TypeSet("I16or32", "i16 or i32, scalar or vector", (16, 32), lanes=(4, 8)),
        TypeSet("NarrowSource", "integer vector to narrow", (16, 64), lanes=(2, 8), dynamic=(2, 8)),
        TypeSet("WidenSource", "integer vector to widen", (8, 32), lanes=(2, 16), dynamic=(2, 16)),
        TypeSet("Tx16", "i8x16", (8, 8), lanes=(16, 16)),
        TypeSet("I8x16", "i8x16", (8, 8), lanes=(16, 16)),
        TypeSet("I16x8", "i16x8", (16, 16), lanes=(8, 8)),
        TypeSet("I32x4", "i32x4", (32, 32), lanes=(4, 4)),
        TypeSet("I64x2", "i64x2", (64, 64), lanes=(2, 2)),
        TypeSet("F32x4", "f32x4", floats=(32, 32), lanes=(4, 4)),
        TypeSet("F64x2", "f64x2", floats=(64, 64), lanes=(2, 2)),
        TypeSet("Float", "float scalar or vector", (0, 0), _ALL_FLOATS, (1, 256), _VECTORS),
        TypeSet("FloatTo", "float scalar or vector", (0, 0), _ALL_FLOATS, (1, 256)),
        TypeSet("FloatScalar", "float scalar", (0, 0), _ALL_FLOATS),
    )
}
# fmt: on

# Derivations of a fixed type from the controlling type.
SAME: Final = 0
LANE: Final = 1
TRUTHY: Final = 2
HALF: Final = 3
DOUBLE: Final = 4
SPLIT: Final = 5
MERGE: Final = 6
FIXED: Final = 7
NARROWER: Final = 8  # any narrower scalar of the same class: a constraint, not one type
WIDER: Final = 9  # any wider one
_DERIVATIONS: Final = {
    "lane": LANE,
    "truthy": TRUTHY,
    "half": HALF,
    "double": DOUBLE,
    "split": SPLIT,
    "merge": MERGE,
    "fixed": FIXED,
    "narrower": NARROWER,
    "wider": WIDER,
}


def derive(how: int, ty: int) -> int:
    """The type that derivation `how` (not NARROWER or WIDER) makes of `ty`; INVALID when none."""
    if how == SAME:
        return ty
    if how == LANE:
        return T.LANE[ty]
    if how == TRUTHY:
        return T.as_truthy(ty)
    if how == HALF:
        return T.half_width(ty)
    if how == DOUBLE:
        return T.double_width(ty)
    if how == SPLIT:
        return T.split_lanes(ty)
    if how == MERGE:
        return T.merge_lanes(ty)
    return T.dynamic_to_vector(ty)


class TypeRef:
    """What a row says of one value's type: a fixed type, or a derivation of a variable.

    `only` is the one type that it can be, INVALID when there are several.
    """

    __slots__ = ("fixed", "how", "only", "var")

    def __init__(self, text: str) -> None:
        self.fixed = T.BY_NAME.get(text, T.INVALID)
        self.only = self.fixed
        self.how = SAME
        self.var = ""
        if self.fixed:
            return
        if text.endswith(")"):
            how, _, text = text[:-1].partition("(")
            self.how = _DERIVATIONS[how]
        members = TYPE_SETS[text].members  # a KeyError here is a typing error in a row
        self.var = text
        if len(members) == 1 and self.how == SAME:
            self.only = min(members)


class Operand:
    """One operand: a value (`kind` is "value", `type` says which) or an immediate or entity."""

    __slots__ = ("kind", "name", "type")

    def __init__(self, name: str, kind: str, type: TypeRef | None) -> None:
        self.name = name
        self.kind = kind
        self.type = type


class Row:
    """One opcode. `num` is the opcode itself; `flags` the effects."""

    __slots__ = (
        "ctrl",
        "ctrl_operand",
        "doc",
        "flags",
        "kinds",
        "name",
        "num",
        "operands",
        "results",
        "signature",
        "text_ctrl",
        "text_operand",
        "values",
        "variadic_results",
    )

    def __init__(self, num: int, name: str, signature: str, flags: int, doc: str) -> None:
        self.num = num
        self.name = name
        self.signature = signature
        self.flags = flags
        self.doc = doc
        self.operands: list[Operand] = []
        self.results: list[TypeRef] = []
        self.variadic_results = False
        before, _, after = signature.partition("->")
        marked = -1
        values = 0
        for part in before.split(","):
            if not part.strip():
                continue
            operand, _, kind = part.partition(":")
            operand, kind = operand.strip(), kind.strip()
            if kind in KINDS:
                self.operands.append(Operand(operand, kind, None))
                continue
            if operand.startswith("*"):
                operand = operand[1:]
                marked = values
            self.operands.append(Operand(operand, "value", TypeRef(kind)))
            values += 1
        for part in after.split(","):
            part = part.strip()
            if part == "varargs":
                self.variadic_results = True
            elif part:
                self.results.append(TypeRef(part))
        self.values: list[TypeRef] = [o.type for o in self.operands if o.type is not None]
        self.kinds: tuple[str, ...] = tuple(o.kind for o in self.operands)
        self.ctrl = ""
        self.ctrl_operand = -1
        self._find_controlling(marked)
        self.text_ctrl = ""
        self.text_operand = -1
        self._find_text_controlling(max(marked, 0))

    def _find_controlling(self, marked: int) -> None:
        """Set `ctrl` (name of the controlling variable) and `ctrl_operand` (index of the value
        operand that fixes it, -1 when the result does)."""
        if self.values:
            index = max(marked, 0)
            candidate = self.values[index]
            if candidate.var and candidate.how == SAME:
                name = candidate.var
                if all(not r.var or r.var == name for r in self.results):
                    self.ctrl = name
                    self.ctrl_operand = index
                    return
        if self.results and self.results[0].var:
            assert self.results[0].how == SAME, self.name
            self.ctrl = self.results[0].var

    def _find_text_controlling(self, index: int) -> None:
        """Set `text_ctrl` and `text_operand`: the same as `ctrl` and `ctrl_operand` for the type
        suffix of the text form, where a variable with one member counts as a fixed type."""
        results = [r.var for r in self.results if r.var and not r.only]
        if not results and all(not v.var or v.only for v in self.values):
            return
        if self.values:
            candidate = self.values[index]
            if candidate.var and candidate.how == SAME:
                name = candidate.var
                if all(r == name for r in results):
                    self.text_ctrl = name
                    self.text_operand = index
                    return
        if self.results:
            self.text_ctrl = self.results[0].var


# ---- condition codes, atomic operators, trap codes ----

INT_CC: Final = ("eq", "ne", "slt", "sge", "sgt", "sle", "ult", "uge", "ugt", "ule")
(EQ, NE, SLT, SGE, SGT, SLE, ULT, UGE, UGT, ULE) = range(10)
FLOAT_CC: Final = (
    *("ord", "uno", "eq", "ne", "one", "ueq", "lt", "le", "gt", "ge", "ult", "ule", "ugt", "uge"),
)
(F_ORD, F_UNO, F_EQ, F_NE, F_ONE, F_UEQ, F_LT, F_LE, F_GT, F_GE, F_ULT, F_ULE, F_UGT, F_UGE) = (
    range(14)
)
RMW_OPS: Final = (
    *("add", "sub", "and", "nand", "or", "xor", "xchg", "umin", "umax", "smin", "smax"),
)
(RMW_ADD, RMW_SUB, RMW_AND, RMW_NAND, RMW_OR, RMW_XOR) = range(6)
(RMW_XCHG, RMW_UMIN, RMW_UMAX, RMW_SMIN, RMW_SMAX) = range(6, 11)

INT_CC_INVERSE: Final = (NE, EQ, SGE, SLT, SLE, SGT, UGE, ULT, ULE, UGT)
"""`not (x cc y)`."""
INT_CC_SWAPPED: Final = (EQ, NE, SGT, SLE, SLT, SGE, UGT, ULE, ULT, UGE)
"""`y cc x`."""
FLOAT_CC_INVERSE: Final = (
    *(F_UNO, F_ORD, F_NE, F_EQ, F_UEQ, F_ONE, F_UGE, F_UGT, F_ULE, F_ULT, F_GE, F_GT, F_LE, F_LT),
)
FLOAT_CC_SWAPPED: Final = (
    *(F_ORD, F_UNO, F_EQ, F_NE, F_ONE, F_UEQ, F_GT, F_GE, F_LT, F_LE, F_UGT, F_UGE, F_ULT, F_ULE),
)

TRAP_STACK_OVERFLOW: Final = 251
TRAP_INTEGER_OVERFLOW: Final = 252
TRAP_HEAP_OUT_OF_BOUNDS: Final = 253
TRAP_DIVISION_BY_ZERO: Final = 254
TRAP_BAD_CONVERSION: Final = 255
TRAP_NAMES: Final[dict[int, str]] = {
    TRAP_STACK_OVERFLOW: "stk_ovf",
    TRAP_INTEGER_OVERFLOW: "int_ovf",
    TRAP_HEAP_OUT_OF_BOUNDS: "heap_oob",
    TRAP_DIVISION_BY_ZERO: "int_divz",
    TRAP_BAD_CONVERSION: "bad_toint",
}
"""Codes 1 to 250 are the producer's own: `user1` to `user250`."""


def trap_name(code: int) -> str:
    """Text form of a trap code."""
    return TRAP_NAMES.get(code) or f"user{code}"


def trap_code(name: str) -> int:
    """The code of a name as `trap_name` prints it; 0 when it is none."""
    for code, known in TRAP_NAMES.items():
        if name == known:
            return code
    digits = name.removeprefix("user")
    if len(digits) <= 3 and name != digits and digits.isascii() and digits.isdigit():
        return int(digits) if int(digits) <= 250 else 0
    return 0


# ---- the table ----

ROWS: Final[list[Row]] = []
"""Rows indexed by opcode."""
BY_NAME: Final[dict[str, int]] = {}
FLAGS: Final[list[int]] = []
"""Effect flags indexed by opcode."""


def op(name: str, signature: str, flags: int, doc: str) -> int:
    """Add a row; gives its opcode."""
    num = len(ROWS)
    ROWS.append(Row(num, name, signature, flags, doc))
    FLAGS.append(flags)
    BY_NAME[name] = num
    return num


# Values that are not instructions. Their names cannot be written in the text form.
NIL_OP: Final = op("<nil>", "", PURE, "The operand that is not there.")
PARAM: Final = op("<param>", "", PURE, "A block parameter; `imm` is its index.")
PROJ: Final = op("<result>", "", PURE, "Result `imm` of the instruction `a` that has several.")
ALIAS: Final = op("<alias>", "", PURE, "Another name for `a`, as in `v1 -> v0`.")
TRY_RET: Final = op(
    "<ret>", "", PURE, "Argument `retN` of a target of a try_call: its result `imm`."
)
TRY_EXN: Final = op(
    "<exn>", "", PURE, "Argument `exnN` of a target of a try_call: its payload `imm`."
)
FIRST_REAL: Final = 6


# ---- control flow and calls ----
JUMP: Final = op("jump", "to: block_call", BRANCH, "Go to a block, passing it arguments.")
BRIF: Final = op(
    "brif",
    "c: ScalarTruthy, then: block_call, else: block_call",
    BRANCH,
    "Go to the first block when `c` is not zero, else to the second.",
)
BR_TABLE: Final = op(
    "br_table",
    "x: i32, table: jump_table",
    BRANCH,
    "Go to the table's entry `x`, or to the default block when `x` is past its end.",
)
DEBUGTRAP: Final = op(
    "debugtrap", "", SIDE_EFFECT | READS | WRITES, "A breakpoint: execution may go on after it."
)
TRAP: Final = op("trap", "code: trapcode", TRAPS | TERMINATOR, "End the program with a trap code.")
TRAPZ: Final = op(
    "trapz", "c: ScalarTruthy, code: trapcode", TRAPS | IDEMPOTENT, "Trap when `c` is zero."
)
TRAPNZ: Final = op(
    "trapnz", "c: ScalarTruthy, code: trapcode", TRAPS | IDEMPOTENT, "Trap when `c` is not zero."
)
RETURN_: Final = op("return", "values: varargs", RETURN, "Return values to the caller.")
CALL_: Final = op(
    "call", "fn: func_ref, args: varargs -> varargs", CALL, "Call a declared function."
)
CALL_INDIRECT: Final = op(
    "call_indirect",
    "sig: sig_ref, callee: iAddr, args: varargs -> varargs",
    CALL,
    "Call the function at an address, with a declared signature.",
)
RETURN_CALL: Final = op(
    "return_call",
    "fn: func_ref, args: varargs",
    CALL | RETURN,
    "Tail call: the callee replaces this activation and returns to its caller.",
)
RETURN_CALL_INDIRECT: Final = op(
    "return_call_indirect",
    "sig: sig_ref, callee: iAddr, args: varargs",
    CALL | RETURN,
    "Tail call through an address.",
)
FUNC_ADDR: Final = op(
    "func_addr", "fn: func_ref -> iAddr", PURE, "The address of a declared function."
)
TRY_CALL: Final = op(
    "try_call",
    "fn: func_ref, args: varargs, table: exception_table",
    CALL | BRANCH,
    "Call that may also return to one of the handlers of an exception table; ends its block.",
)
TRY_CALL_INDIRECT: Final = op(
    "try_call_indirect",
    "callee: iAddr, args: varargs, table: exception_table",
    CALL | BRANCH,
    "`try_call` through an address.",
)

# ---- lanes ----
SPLAT: Final = op("splat", "x: lane(TxN) -> TxN", PURE, "All lanes hold `x`.")
SWIZZLE: Final = op(
    "swizzle",
    "x: I8x16, y: I8x16 -> I8x16",
    PURE,
    "Lane i is `x[y[i]]`, or 0 when `y[i]` is past the last lane.",
)
X86_PSHUFB: Final = op(
    "x86_pshufb",
    "x: I8x16, y: I8x16 -> I8x16",
    PURE,
    "Lane i is 0 when bit 7 of `y[i]` is set, else `x[y[i] & 15]`.",
)
INSERTLANE: Final = op(
    "insertlane",
    "x: TxN, y: lane(TxN), lane: uimm8 -> TxN",
    PURE,
    "`x` with one lane replaced by `y`.",
)
EXTRACTLANE: Final = op("extractlane", "x: TxN, lane: uimm8 -> lane(TxN)", PURE, "One lane of `x`.")

# ---- minimum, maximum, averages, saturation ----
SMIN: Final = op("smin", "x: Int, y: Int -> Int", PURE | COMMUTES, "Signed minimum.")
UMIN: Final = op("umin", "x: Int, y: Int -> Int", PURE | COMMUTES, "Unsigned minimum.")
SMAX: Final = op("smax", "x: Int, y: Int -> Int", PURE | COMMUTES, "Signed maximum.")
UMAX: Final = op("umax", "x: Int, y: Int -> Int", PURE | COMMUTES, "Unsigned maximum.")
AVG_ROUND: Final = op(
    "avg_round",
    "x: IxN, y: IxN -> IxN",
    PURE | COMMUTES,
    "Unsigned average, rounded up: `(x + y + 1) >> 1`.",
)
UADD_SAT: Final = op(
    "uadd_sat",
    "x: IxN, y: IxN -> IxN",
    PURE | COMMUTES,
    "Unsigned addition, clamped to the largest value.",
)
SADD_SAT: Final = op(
    "sadd_sat", "x: IxN, y: IxN -> IxN", PURE | COMMUTES, "Signed addition, clamped to the range."
)
USUB_SAT: Final = op(
    "usub_sat", "x: IxN, y: IxN -> IxN", PURE, "Unsigned subtraction, clamped to zero."
)
SSUB_SAT: Final = op(
    "ssub_sat", "x: IxN, y: IxN -> IxN", PURE, "Signed subtraction, clamped to the range."
)

# ---- memory ----
LOAD: Final = op(
    "load",
    "flags: memflags, p: iAddr, offset: offset32 -> Mem",
    READS,
    "Load a value from `p + offset`.",
)
STORE: Final = op(
    "store",
    "flags: memflags, x: Mem, p: iAddr, offset: offset32",
    WRITES,
    "Store `x` at `p + offset`.",
)
ULOAD8: Final = op(
    "uload8",
    "flags: memflags, p: iAddr, offset: offset32 -> iExt8",
    READS,
    "Load 8 bits and zero-extend.",
)
SLOAD8: Final = op(
    "sload8",
    "flags: memflags, p: iAddr, offset: offset32 -> iExt8",
    READS,
    "Load 8 bits and sign-extend.",
)
ISTORE8: Final = op(
    "istore8",
    "flags: memflags, x: iExt8, p: iAddr, offset: offset32",
    WRITES,
    "Store the low 8 bits.",
)
ULOAD16: Final = op(
    "uload16",
    "flags: memflags, p: iAddr, offset: offset32 -> iExt16",
    READS,
    "Load 16 bits and zero-extend.",
)
SLOAD16: Final = op(
    "sload16",
    "flags: memflags, p: iAddr, offset: offset32 -> iExt16",
    READS,
    "Load 16 bits and sign-extend.",
)
ISTORE16: Final = op(
    "istore16",
    "flags: memflags, x: iExt16, p: iAddr, offset: offset32",
    WRITES,
    "Store the low 16 bits.",
)
ULOAD32: Final = op(
    "uload32",
    "flags: memflags, p: iAddr, offset: offset32 -> iExt32",
    READS,
    "Load 32 bits and zero-extend.",
)
SLOAD32: Final = op(
    "sload32",
    "flags: memflags, p: iAddr, offset: offset32 -> iExt32",
    READS,
    "Load 32 bits and sign-extend.",
)
ISTORE32: Final = op(
    "istore32",
    "flags: memflags, x: iExt32, p: iAddr, offset: offset32",
    WRITES,
    "Store the low 32 bits.",
)
ULOAD8X8: Final = op(
    "uload8x8",
    "flags: memflags, p: iAddr, offset: offset32 -> I16x8",
    READS,
    "Load eight bytes and zero-extend each to 16 bits.",
)
SLOAD8X8: Final = op(
    "sload8x8",
    "flags: memflags, p: iAddr, offset: offset32 -> I16x8",
    READS,
    "Load eight bytes and sign-extend each to 16 bits.",
)
ULOAD16X4: Final = op(
    "uload16x4",
    "flags: memflags, p: iAddr, offset: offset32 -> I32x4",
    READS,
    "Load four 16-bit lanes and zero-extend each to 32 bits.",
)
SLOAD16X4: Final = op(
    "sload16x4",
    "flags: memflags, p: iAddr, offset: offset32 -> I32x4",
    READS,
    "Load four 16-bit lanes and sign-extend each to 32 bits.",
)
ULOAD32X2: Final = op(
    "uload32x2",
    "flags: memflags, p: iAddr, offset: offset32 -> I64x2",
    READS,
    "Load two 32-bit lanes and zero-extend each to 64 bits.",
)
SLOAD32X2: Final = op(
    "sload32x2",
    "flags: memflags, p: iAddr, offset: offset32 -> I64x2",
    READS,
    "Load two 32-bit lanes and sign-extend each to 64 bits.",
)

# ---- addresses ----
STACK_ADDR: Final = op(
    "stack_addr",
    "slot: stack_slot, offset: offset32 -> iAddr",
    PURE,
    "The address of a byte in a stack slot.",
)
DYNAMIC_STACK_ADDR: Final = op(
    "dynamic_stack_addr",
    "slot: dynamic_stack_slot -> iAddr",
    PURE,
    "The address of a dynamic stack slot.",
)
SYMBOL_VALUE: Final = op(
    "symbol_value", "gv: global_value -> Mem", PURE, "The value of a symbolic global."
)
TLS_VALUE: Final = op(
    "tls_value", "gv: global_value -> Mem", PURE, "The address of a thread-local symbol."
)

# ---- machine state ----
STACK_SWITCH: Final = op(
    "stack_switch",
    "store: iAddr, *load: iAddr, payload: iAddr -> iAddr",
    SIDE_EFFECT | READS | WRITES | CALL,
    "Save this stack's context, switch to another's, and pass a payload across.",
)
GET_PINNED_REG: Final = op(
    "get_pinned_reg", "-> iAddr", SIDE_EFFECT, "The pinned register's value."
)
SET_PINNED_REG: Final = op("set_pinned_reg", "addr: iAddr", SIDE_EFFECT, "Set the pinned register.")
GET_FRAME_POINTER: Final = op("get_frame_pointer", "-> iAddr", PURE, "The frame pointer.")
GET_STACK_POINTER: Final = op("get_stack_pointer", "-> iAddr", PURE, "The stack pointer.")
GET_RETURN_ADDRESS: Final = op(
    "get_return_address", "-> iAddr", PURE, "This activation's return address."
)
GET_EXCEPTION_HANDLER_ADDRESS: Final = op(
    "get_exception_handler_address",
    "block: block, index: imm64 -> iAddr",
    PURE,
    "The address of a handler of the `try_call` that ends `block`.",
)

# ---- constants ----
ICONST: Final = op("iconst", "n: imm64 -> NarrowInt", PURE, "An integer constant.")
F16CONST: Final = op("f16const", "n: ieee16 -> f16", PURE, "An f16 constant, kept as its bits.")
F32CONST: Final = op("f32const", "n: ieee32 -> f32", PURE, "An f32 constant, kept as its bits.")
F64CONST: Final = op("f64const", "n: ieee64 -> f64", PURE, "An f64 constant, kept as its bits.")
F128CONST: Final = op(
    "f128const", "n: constant -> f128", PURE, "An f128 constant, kept as its bits."
)
VCONST: Final = op(
    "vconst", "n: constant -> TxN", PURE, "A vector constant, kept as its bytes, lane 0 first."
)
SHUFFLE: Final = op(
    "shuffle",
    "a: Tx16, b: Tx16, mask: uimm128 -> Tx16",
    PURE,
    "Lane i is lane `mask[i]` of the 32 lanes of `a` then `b`.",
)
NOP: Final = op("nop", "", PURE, "Nothing.")

# ---- selection ----
SELECT: Final = op(
    "select", "c: ScalarTruthy, *x: Any, y: Any -> Any", PURE, "`x` when `c` is not zero, else `y`."
)
SELECT_SPECTRE_GUARD: Final = op(
    "select_spectre_guard",
    "c: ScalarTruthy, *x: Any, y: Any -> Any",
    PURE,
    "`select` that never becomes a branch, so that speculation cannot pass it.",
)
BITSELECT: Final = op(
    "bitselect", "c: Any, *x: Any, y: Any -> Any", PURE, "Bit by bit: `x` where `c` is 1, else `y`."
)
BLENDV: Final = op(
    "blendv",
    "c: Any, *x: Any, y: Any -> Any",
    PURE,
    "Lane by lane: `x` where the top bit of `c` is set, else `y`.",
)
VANY_TRUE: Final = op("vany_true", "a: TxN -> i8", PURE, "1 when any lane is not zero.")
VALL_TRUE: Final = op("vall_true", "a: TxN -> i8", PURE, "1 when all lanes are not zero.")
VHIGH_BITS: Final = op(
    "vhigh_bits", "a: TxN -> NarrowInt", PURE, "The top bits of the lanes, lane 0 lowest."
)

# ---- integers ----
ICMP: Final = op(
    "icmp",
    "cond: intcc, x: Int, y: Int -> truthy(Int)",
    PURE,
    "Compare integers: 1 or 0, or all ones or zero in a vector's lanes.",
)
IADD: Final = op("iadd", "x: Int, y: Int -> Int", PURE | COMMUTES, "Wrapping addition.")
ISUB: Final = op("isub", "x: Int, y: Int -> Int", PURE, "Wrapping subtraction.")
INEG: Final = op("ineg", "x: Int -> Int", PURE, "Wrapping negation.")
IABS: Final = op(
    "iabs", "x: Int -> Int", PURE, "Absolute value; the smallest value maps to itself."
)
IMUL: Final = op("imul", "x: Int, y: Int -> Int", PURE | COMMUTES, "Wrapping multiplication.")
UMULHI: Final = op(
    "umulhi", "x: Int, y: Int -> Int", PURE | COMMUTES, "High half of the unsigned product."
)
SMULHI: Final = op(
    "smulhi", "x: Int, y: Int -> Int", PURE | COMMUTES, "High half of the signed product."
)
SQMUL_ROUND_SAT: Final = op(
    "sqmul_round_sat",
    "x: I16or32, y: I16or32 -> I16or32",
    PURE | COMMUTES,
    "Fixed-point product, rounded and saturated (Q15 or Q31).",
)
X86_PMULHRSW: Final = op(
    "x86_pmulhrsw",
    "x: I16or32, y: I16or32 -> I16or32",
    PURE | COMMUTES,
    "`sqmul_round_sat` without saturation of `-1 * -1`.",
)
UDIV: Final = op(
    "udiv",
    "x: iB, y: iB -> iB",
    TRAPS | IDEMPOTENT,
    "Unsigned quotient; traps on division by zero.",
)
SDIV: Final = op(
    "sdiv",
    "x: iB, y: iB -> iB",
    TRAPS | IDEMPOTENT,
    "Signed quotient toward zero; traps on division by zero and on overflow.",
)
UREM: Final = op(
    "urem",
    "x: iB, y: iB -> iB",
    TRAPS | IDEMPOTENT,
    "Unsigned remainder; traps on division by zero.",
)
SREM: Final = op(
    "srem",
    "x: iB, y: iB -> iB",
    TRAPS | IDEMPOTENT,
    "Signed remainder with the sign of `x`; traps on division by zero, 0 for `MIN % -1`.",
)
SADD_OVERFLOW_CIN: Final = op(
    "sadd_overflow_cin",
    "*x: iB, y: iB, c_in: i8 -> iB, i8",
    PURE | COMMUTES,
    "Sum of `x`, `y` and a carry bit, and whether it overflows as signed.",
)
UADD_OVERFLOW_CIN: Final = op(
    "uadd_overflow_cin",
    "*x: iB, y: iB, c_in: i8 -> iB, i8",
    PURE | COMMUTES,
    "Sum of `x`, `y` and a carry bit, and the carry out.",
)
UADD_OVERFLOW: Final = op(
    "uadd_overflow", "x: iB, y: iB -> iB, i8", PURE | COMMUTES, "Wrapping sum and the carry out."
)
SADD_OVERFLOW: Final = op(
    "sadd_overflow",
    "x: iB, y: iB -> iB, i8",
    PURE | COMMUTES,
    "Wrapping sum and whether it overflows as signed.",
)
USUB_OVERFLOW: Final = op(
    "usub_overflow", "x: iB, y: iB -> iB, i8", PURE, "Wrapping difference and the borrow."
)
SSUB_OVERFLOW: Final = op(
    "ssub_overflow",
    "x: iB, y: iB -> iB, i8",
    PURE,
    "Wrapping difference and whether it overflows as signed.",
)
UMUL_OVERFLOW: Final = op(
    "umul_overflow",
    "x: NarrowInt, y: NarrowInt -> NarrowInt, i8",
    PURE | COMMUTES,
    "Wrapping product and whether it overflows as unsigned.",
)
SMUL_OVERFLOW: Final = op(
    "smul_overflow",
    "x: NarrowInt, y: NarrowInt -> NarrowInt, i8",
    PURE | COMMUTES,
    "Wrapping product and whether it overflows as signed.",
)
UADD_OVERFLOW_TRAP: Final = op(
    "uadd_overflow_trap",
    "x: iAddr, y: iAddr, code: trapcode -> iAddr",
    TRAPS | IDEMPOTENT | COMMUTES,
    "Sum; traps when the unsigned sum overflows.",
)
SSUB_OVERFLOW_BIN: Final = op(
    "ssub_overflow_bin",
    "*x: iB, y: iB, b_in: i8 -> iB, i8",
    PURE,
    "Difference with a borrow bit, and whether it overflows as signed.",
)
USUB_OVERFLOW_BIN: Final = op(
    "usub_overflow_bin",
    "*x: iB, y: iB, b_in: i8 -> iB, i8",
    PURE,
    "Difference with a borrow bit, and the borrow out.",
)

# ---- bits ----
BAND: Final = op("band", "x: Any, y: Any -> Any", PURE | COMMUTES, "Bitwise and.")
BOR: Final = op("bor", "x: Any, y: Any -> Any", PURE | COMMUTES, "Bitwise or.")
BXOR: Final = op("bxor", "x: Any, y: Any -> Any", PURE | COMMUTES, "Bitwise exclusive or.")
BNOT: Final = op("bnot", "x: Any -> Any", PURE, "Bitwise not.")
ROTL: Final = op("rotl", "x: Int, y: iB -> Int", PURE, "Rotate left by `y` modulo the lane width.")
ROTR: Final = op("rotr", "x: Int, y: iB -> Int", PURE, "Rotate right by `y` modulo the lane width.")
ISHL: Final = op("ishl", "x: Int, y: iB -> Int", PURE, "Shift left by `y` modulo the lane width.")
USHR: Final = op(
    "ushr", "x: Int, y: iB -> Int", PURE, "Logical shift right by `y` modulo the lane width."
)
SSHR: Final = op(
    "sshr", "x: Int, y: iB -> Int", PURE, "Arithmetic shift right by `y` modulo the lane width."
)
BITREV: Final = op("bitrev", "x: iB -> iB", PURE, "Bits in reverse order.")
CLZ: Final = op("clz", "x: iB -> iB", PURE, "Leading zero bits; the width for 0.")
CLS: Final = op("cls", "x: iB -> iB", PURE, "Leading bits equal to the sign bit, not counting it.")
CTZ: Final = op("ctz", "x: iB -> iB", PURE, "Trailing zero bits; the width for 0.")
BSWAP: Final = op("bswap", "x: iSwappable -> iSwappable", PURE, "Bytes in reverse order.")
POPCNT: Final = op("popcnt", "x: Int -> Int", PURE, "Bits that are 1.")

# ---- floats ----
FCMP: Final = op(
    "fcmp",
    "cond: floatcc, x: Float, y: Float -> truthy(Float)",
    PURE,
    "Compare floats: 1 or 0, or all ones or zero in a vector's lanes.",
)
FADD: Final = op(
    "fadd", "x: Float, y: Float -> Float", PURE | COMMUTES, "Addition, rounded to nearest even."
)
FSUB: Final = op(
    "fsub", "x: Float, y: Float -> Float", PURE, "Subtraction, rounded to nearest even."
)
FMUL: Final = op(
    "fmul",
    "x: Float, y: Float -> Float",
    PURE | COMMUTES,
    "Multiplication, rounded to nearest even.",
)
FDIV: Final = op("fdiv", "x: Float, y: Float -> Float", PURE, "Division, rounded to nearest even.")
SQRT: Final = op("sqrt", "x: Float -> Float", PURE, "Square root, rounded to nearest even.")
FMA: Final = op(
    "fma",
    "x: Float, *y: Float, z: Float -> Float",
    PURE | COMMUTES,
    "`x * y + z` with one rounding.",
)
FNEG: Final = op("fneg", "x: Float -> Float", PURE, "The sign bit inverted.")
FABS: Final = op("fabs", "x: Float -> Float", PURE, "The sign bit cleared.")
FCOPYSIGN: Final = op(
    "fcopysign", "x: Float, y: Float -> Float", PURE, "`x` with the sign bit of `y`."
)
FMIN: Final = op(
    "fmin",
    "x: Float, y: Float -> Float",
    PURE | COMMUTES,
    "The smaller; -0 is below +0; NaN when either is NaN.",
)
FMAX: Final = op(
    "fmax",
    "x: Float, y: Float -> Float",
    PURE | COMMUTES,
    "The larger; +0 is above -0; NaN when either is NaN.",
)
CEIL: Final = op(
    "ceil", "x: Float -> Float", PURE, "Rounded toward plus infinity to an integral value."
)
FLOOR: Final = op(
    "floor", "x: Float -> Float", PURE, "Rounded toward minus infinity to an integral value."
)
TRUNC: Final = op("trunc", "x: Float -> Float", PURE, "Rounded toward zero to an integral value.")
NEAREST: Final = op(
    "nearest", "x: Float -> Float", PURE, "Rounded to the nearest integral value, ties to even."
)

# ---- conversions ----
BITCAST: Final = op(
    "bitcast",
    "flags: memflags, x: Mem -> MemTo",
    PURE,
    "The same bits as another type; the flags give the byte order of lanes.",
)
SCALAR_TO_VECTOR: Final = op(
    "scalar_to_vector",
    "s: lane(TxN) -> TxN",
    PURE,
    "A vector with `s` in lane 0 and zeros elsewhere.",
)
BMASK: Final = op(
    "bmask", "x: ScalarTruthy -> IntTo", PURE, "All ones when `x` is not zero, else 0."
)
IREDUCE: Final = op("ireduce", "x: wider(iB) -> iB", PURE, "The low bits of a wider integer.")
SNARROW: Final = op(
    "snarrow",
    "x: NarrowSource, y: NarrowSource -> split(NarrowSource)",
    PURE,
    "Lanes of `x` then `y`, narrowed with signed saturation.",
)
UNARROW: Final = op(
    "unarrow",
    "x: NarrowSource, y: NarrowSource -> split(NarrowSource)",
    PURE,
    "Signed lanes of `x` then `y`, narrowed with saturation to the unsigned range.",
)
UUNARROW: Final = op(
    "uunarrow",
    "x: NarrowSource, y: NarrowSource -> split(NarrowSource)",
    PURE,
    "Unsigned lanes of `x` then `y`, narrowed with unsigned saturation.",
)
SWIDEN_LOW: Final = op(
    "swiden_low", "x: WidenSource -> merge(WidenSource)", PURE, "Low lanes, sign-extended."
)
SWIDEN_HIGH: Final = op(
    "swiden_high", "x: WidenSource -> merge(WidenSource)", PURE, "High lanes, sign-extended."
)
UWIDEN_LOW: Final = op(
    "uwiden_low", "x: WidenSource -> merge(WidenSource)", PURE, "Low lanes, zero-extended."
)
UWIDEN_HIGH: Final = op(
    "uwiden_high", "x: WidenSource -> merge(WidenSource)", PURE, "High lanes, zero-extended."
)
IADD_PAIRWISE: Final = op(
    "iadd_pairwise",
    "x: WidenSource, y: WidenSource -> WidenSource",
    PURE,
    "Sums of neighbouring lanes of `x`, then of `y`.",
)
X86_PMADDUBSW: Final = op(
    "x86_pmaddubsw",
    "x: I8x16, y: I8x16 -> I16x8",
    PURE,
    "Saturating sums of neighbouring products, `x` signed and `y` unsigned bytes.",
)
UEXTEND: Final = op("uextend", "x: narrower(iB) -> iB", PURE, "Zero-extend.")
SEXTEND: Final = op("sextend", "x: narrower(iB) -> iB", PURE, "Sign-extend.")
FPROMOTE: Final = op(
    "fpromote", "x: narrower(FloatScalar) -> FloatScalar", PURE, "To a wider float, exactly."
)
FDEMOTE: Final = op(
    "fdemote",
    "x: wider(FloatScalar) -> FloatScalar",
    PURE,
    "To a narrower float, rounded to nearest even.",
)
FVDEMOTE: Final = op(
    "fvdemote",
    "x: F64x2 -> F32x4",
    PURE,
    "Two f64 lanes to the low two f32 lanes; the high lanes are zero.",
)
FVPROMOTE_LOW: Final = op(
    "fvpromote_low", "x: F32x4 -> F64x2", PURE, "The low two f32 lanes to f64."
)
FCVT_TO_UINT: Final = op(
    "fcvt_to_uint",
    "x: FloatScalar -> IntTo",
    TRAPS | IDEMPOTENT,
    "To an unsigned integer, toward zero; traps on NaN and when out of range.",
)
FCVT_TO_SINT: Final = op(
    "fcvt_to_sint",
    "x: FloatScalar -> IntTo",
    TRAPS | IDEMPOTENT,
    "To a signed integer, toward zero; traps on NaN and when out of range.",
)
FCVT_TO_UINT_SAT: Final = op(
    "fcvt_to_uint_sat",
    "x: Float -> IntVTo",
    PURE,
    "To an unsigned integer, toward zero; NaN gives 0, out of range the nearest bound.",
)
FCVT_TO_SINT_SAT: Final = op(
    "fcvt_to_sint_sat",
    "x: Float -> IntVTo",
    PURE,
    "To a signed integer, toward zero; NaN gives 0, out of range the nearest bound.",
)
X86_CVTT2DQ: Final = op(
    "x86_cvtt2dq",
    "x: Float -> IntVTo",
    PURE,
    "To signed integer lanes, toward zero; NaN and out of range give the smallest value.",
)
FCVT_FROM_UINT: Final = op(
    "fcvt_from_uint",
    "x: Int -> FloatTo",
    PURE,
    "From an unsigned integer, rounded to nearest even.",
)
FCVT_FROM_SINT: Final = op(
    "fcvt_from_sint", "x: Int -> FloatTo", PURE, "From a signed integer, rounded to nearest even."
)
ISPLIT: Final = op(
    "isplit",
    "x: iSwappable -> half(iSwappable), half(iSwappable)",
    PURE,
    "The low and high halves.",
)
ICONCAT: Final = op(
    "iconcat",
    "lo: NarrowInt, hi: NarrowInt -> double(NarrowInt)",
    PURE,
    "An integer of twice the width from its halves.",
)

# ---- atomics ----
ATOMIC_RMW: Final = op(
    "atomic_rmw",
    "flags: memflags, op: rmw, p: iAddr, *x: AtomicMem -> AtomicMem",
    READS | WRITES | SIDE_EFFECT,
    "Atomic read-modify-write; gives the old value.",
)
ATOMIC_CAS: Final = op(
    "atomic_cas",
    "flags: memflags, p: iAddr, e: AtomicMem, *x: AtomicMem -> AtomicMem",
    READS | WRITES | SIDE_EFFECT,
    "Atomic compare and swap; gives the old value.",
)
ATOMIC_LOAD: Final = op(
    "atomic_load",
    "flags: memflags, p: iAddr -> AtomicMem",
    READS | SIDE_EFFECT,
    "Atomic load, sequentially consistent.",
)
ATOMIC_STORE: Final = op(
    "atomic_store",
    "flags: memflags, x: AtomicMem, p: iAddr",
    WRITES | SIDE_EFFECT,
    "Atomic store, sequentially consistent.",
)
FENCE: Final = op("fence", "", SIDE_EFFECT, "Order all memory accesses, sequentially consistent.")

# ---- the rest ----
EXTRACT_VECTOR: Final = op(
    "extract_vector",
    "x: DynTxN, index: uimm8 -> fixed(DynTxN)",
    PURE,
    "One 128-bit part of a dynamic vector.",
)
SEQUENCE_POINT: Final = op(
    "sequence_point", "", SIDE_EFFECT, "A place for debug tags; emits nothing."
)
