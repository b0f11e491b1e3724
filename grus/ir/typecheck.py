"""What a row says of the types of an instruction, ready for checking.

The verifier and the builder share this: `OPERANDS[op]` has one `TypeCheck` per value operand,
`RESULTS[op]` one per result, and `mismatches` words what is wrong as Cranelift's verifier does
(filetests compare the wording).
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NO_CTRL: Final = -2
"""`CTRL_OPERAND` of an opcode all of whose types are fixed or free."""
CTRL_IS_RESULT: Final = -1


class TypeCheck:
    """The rule for one value: exactly `fixed`, or one of `members` (`bound` false: any of them;
    else what `how` makes of the controlling type)."""

    __slots__ = ("bound", "fixed", "how", "members")

    def __init__(self, ref: ops.TypeRef, ctrl: str) -> None:
        self.fixed = ref.fixed
        self.how = ref.how
        self.bound = bool(ref.fixed) or (
            ref.var == ctrl and ref.how not in (ops.NARROWER, ops.WIDER)
        )
        self.members: frozenset[int] = frozenset()
        if ref.var:
            self.members = ops.TYPE_SETS[ref.var].members
            if len(self.members) == 1 and ref.how == ops.SAME:
                (self.fixed,) = self.members
                self.bound = True

    def expected(self, ctrl: int) -> int:
        """The one type allowed when the controlling type is `ctrl`. Only if `bound`."""
        return self.fixed or ops.derive(self.how, ctrl)

    def allows(self, ty: int, ctrl: int) -> bool:
        """Whether a value may have type `ty` when the controlling type is `ctrl`."""
        if self.bound:
            return ty == self.expected(ctrl)
        if self.how == ops.NARROWER:
            return (T.I8 if T.is_int(ctrl) else T.F16) <= ty < ctrl
        if self.how == ops.WIDER:
            return ctrl < ty <= (T.I128 if T.is_int(ctrl) else T.F128)
        return ty in self.members


OPERANDS: Final[list[list[TypeCheck]]] = []
RESULTS: Final[list[list[TypeCheck]]] = []
CTRL_OPERAND: Final[list[int]] = []
"""Index of the value operand that is the controlling type, or one of the constants above."""
CTRL_MEMBERS: Final[list[frozenset[int]]] = []


def _fill() -> None:
    for row in ops.ROWS:
        OPERANDS.append([TypeCheck(ref, row.ctrl) for ref in row.values])
        RESULTS.append([TypeCheck(ref, row.ctrl) for ref in row.results])
        CTRL_OPERAND.append(row.ctrl_operand if row.ctrl else NO_CTRL)
        CTRL_MEMBERS.append(ops.TYPE_SETS[row.ctrl].members if row.ctrl else frozenset())


_fill()


def type_name(ty: int) -> str:
    """Text of a type; works for ints that are none."""
    return T.NAMES[ty] or "invalid" if 0 <= ty < T.LIMIT else "invalid"


def controlling_type(op: int, args: list[Value], result: int) -> int:
    """The controlling type of an instruction; INVALID when it has none. `result` is the type of
    the first result."""
    which = CTRL_OPERAND[op]
    if which == NO_CTRL:
        return T.INVALID
    if which == CTRL_IS_RESULT:
        return result
    return args[which].ty if which < len(args) else T.INVALID


def mismatches(op: int, ctrl: int, args: list[Value]) -> list[str]:
    """What is wrong with the types of the fixed value operands `args`; empty when nothing is."""
    wrong: list[str] = []
    if CTRL_OPERAND[op] != NO_CTRL and ctrl not in CTRL_MEMBERS[op]:
        allowed = ops.ROWS[op].ctrl
        wrong.append(
            f"has an invalid controlling type {type_name(ctrl)} (allowed set is {allowed}: "
            f"{ops.TYPE_SETS[allowed].doc})"
        )
        if not 0 <= ctrl < T.LIMIT:
            return wrong
    for index, check in enumerate(OPERANDS[op][: len(args)]):
        arg = args[index]
        if not check.allows(arg.ty, ctrl):
            what = f"arg {index} (v{arg.num})"
            if check.bound:
                expected = type_name(check.expected(ctrl))
                wrong.append(f"{what} has type {type_name(arg.ty)}, expected {expected}")
            else:
                var = ops.ROWS[op].values[index].var
                wrong.append(
                    f"{what} with type {type_name(arg.ty)} failed to satisfy type set "
                    f"{_describe(check, var, ctrl)}"
                )
    return wrong


def _describe(check: TypeCheck, var: str, ctrl: int) -> str:
    if check.how == ops.NARROWER:
        return f"narrower than {type_name(ctrl)}"
    if check.how == ops.WIDER:
        return f"wider than {type_name(ctrl)}"
    return f"{var} ({ops.TYPE_SETS[var].doc})"
