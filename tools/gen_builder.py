"""Write `grus/ir/inst_builder.py` from the opcode table: `python -m tools.gen_builder`.

One explicit method per opcode, rather than methods made at import: they are twice as fast in
CPython, mypyc compiles them to direct calls, and editors and `mypy` read them. A test keeps the
file equal to what this module makes.
"""

from __future__ import annotations

from pathlib import Path

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.typecheck import CTRL_IS_RESULT, CTRL_OPERAND, OPERANDS

TARGET = Path(__file__).parent.parent / "grus" / "ir" / "inst_builder.py"

HEADER = '''"""One method per opcode. GENERATED from the table by `python -m tools.gen_builder`.

Parameters stand in the order of the text form, with two differences: the type suffix, where the
text needs one, comes first, and memory flags come last, so that they may be left out. A method
gives the instruction, which is its result when there is one; with a fixed number of several
results it gives them as a tuple. Calls give the instruction: see `function.results_of`.

IRError is raised for wrong types, immediates out of range, and when the current block has its
terminator already, unless the builder is unchecked.
"""

from __future__ import annotations

from collections.abc import Sequence

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.emit import Emitter
from grus.ir.function import (
    TRUSTED_NONE,
    Block,
    BlockCall,
    CallInfo,
    DynamicStackSlot,
    FuncRef,
    GlobalValue,
    Handler,
    MemFlags,
    Signature,
    StackSlot,
    Value,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

'''

PARAMETERS = {
    "func_ref": "FuncRef",
    "sig_ref": "Signature",
    "memflags": "MemFlags",
    "stack_slot": "StackSlot",
    "dynamic_stack_slot": "DynamicStackSlot",
    "global_value": "GlobalValue",
    "block": "Block",
    "constant": "bytes",
    "uimm128": "bytes",
}
RANGES = {
    "offset32": (-(1 << 31), (1 << 31) - 1),
    "uimm8": (0, 255),
    "ieee16": (0, (1 << 16) - 1),
    "ieee32": (0, (1 << 32) - 1),
    "ieee64": (0, (1 << 64) - 1),
    "trapcode": (1, 255),
    "intcc": (0, len(ops.INT_CC) - 1),
    "floatcc": (0, len(ops.FLOAT_CC) - 1),
    "rmw": (0, len(ops.RMW_OPS) - 1),
}
DERIVED = {
    ops.SAME: "ty",
    ops.LANE: "T.LANE[ty]",
    ops.TRUTHY: "T.as_truthy(ty)",
    ops.HALF: "T.half_width(ty)",
    ops.DOUBLE: "T.double_width(ty)",
    ops.SPLIT: "T.split_lanes(ty)",
    ops.MERGE: "T.merge_lanes(ty)",
    ops.FIXED: "T.dynamic_to_vector(ty)",
}

BY_HAND = {
    "jump": """
    def jump(self, to: Block, args: Sequence[Value] = ()) -> Value:
        if self.checked and self.filled:
            raise self._wrong(ops.JUMP, T.INVALID, [])
        call = self._edge(BlockCall(to, list(args)))
        inst = self._inst(ops.JUMP, T.INVALID)
        inst.targets = (call,)
        self.filled = True
        return inst
""",
    "brif": """
    def brif(
        self,
        c: Value,
        then: Block,
        then_args: Sequence[Value],
        else_: Block,
        else_args: Sequence[Value],
    ) -> Value:
        if self.checked and (self.filled or c.ty not in _SCALAR_TRUTHY):
            raise self._wrong(ops.BRIF, c.ty, [c])
        then_call = self._edge(BlockCall(then, list(then_args)))
        else_call = self._edge(BlockCall(else_, list(else_args)))
        inst = self._inst(ops.BRIF, T.INVALID)
        inst.a = c
        inst.targets = (then_call, else_call)
        self.filled = True
        return inst
""",
    "br_table": """
    def br_table(self, x: Value, default: BlockCall, table: Sequence[BlockCall]) -> Value:
        if self.checked and (self.filled or x.ty != T.I32):
            raise self._wrong(ops.BR_TABLE, T.INVALID, [x])
        self._edge(default)
        for call in table:
            self._edge(call)
        inst = self._inst(ops.BR_TABLE, T.INVALID)
        inst.a = x
        inst.targets = (default, *table)
        self.filled = True
        return inst
""",
    "return": """
    def return_(self, values: Sequence[Value] = ()) -> Value:
        if self.checked:
            self._check_values(ops.RETURN_, values, self.func.sig.returns)
        inst = self._inst(ops.RETURN_, T.INVALID)
        inst.args = tuple(values)
        self.filled = True
        return inst
""",
    "call": """
    def call(self, fn: FuncRef, args: Sequence[Value] = ()) -> Value:
        inst = self._call(ops.CALL_, CallInfo(fn.sig, fn), args)
        self._call_results(inst, fn.sig)
        return inst
""",
    "call_indirect": """
    def call_indirect(self, sig: Signature, callee: Value, args: Sequence[Value] = ()) -> Value:
        if self.checked and (self.filled or callee.ty not in _I_ADDR):
            raise self._wrong(ops.CALL_INDIRECT, callee.ty, [callee])
        inst = self._call(ops.CALL_INDIRECT, CallInfo(sig), args)
        inst.a = callee
        self._call_results(inst, sig)
        return inst
""",
    "return_call": """
    def return_call(self, fn: FuncRef, args: Sequence[Value] = ()) -> Value:
        inst = self._call(ops.RETURN_CALL, CallInfo(fn.sig, fn), args)
        self.filled = True
        return inst
""",
    "return_call_indirect": """
    def return_call_indirect(
        self, sig: Signature, callee: Value, args: Sequence[Value] = ()
    ) -> Value:
        if self.checked and (self.filled or callee.ty not in _I_ADDR):
            raise self._wrong(ops.RETURN_CALL_INDIRECT, callee.ty, [callee])
        inst = self._call(ops.RETURN_CALL_INDIRECT, CallInfo(sig), args)
        inst.a = callee
        self.filled = True
        return inst
""",
    "try_call": """
    def try_call(
        self,
        fn: FuncRef,
        args: Sequence[Value],
        normal: BlockCall,
        catches: Sequence[BlockCall],
        handlers: Sequence[Handler],
    ) -> Value:
        info = CallInfo(fn.sig, fn)
        info.handlers = list(handlers)
        inst = self._call(ops.TRY_CALL, info, args)
        inst.targets = (normal, *catches)
        for call in inst.targets:
            self._edge(call)
        self.filled = True
        return inst
""",
    "try_call_indirect": """
    def try_call_indirect(
        self,
        sig: Signature,
        callee: Value,
        args: Sequence[Value],
        normal: BlockCall,
        catches: Sequence[BlockCall],
        handlers: Sequence[Handler],
    ) -> Value:
        if self.checked and (self.filled or callee.ty not in _I_ADDR):
            raise self._wrong(ops.TRY_CALL_INDIRECT, callee.ty, [callee])
        info = CallInfo(sig)
        info.handlers = list(handlers)
        inst = self._call(ops.TRY_CALL_INDIRECT, info, args)
        inst.a = callee
        inst.targets = (normal, *catches)
        for call in inst.targets:
            self._edge(call)
        self.filled = True
        return inst
""",
    "iconst": """
    def iconst(self, ty: int, n: int) -> Value:
        if self.checked and (
            self.filled
            or ty not in _NARROW_INT
            or not -(1 << (T.BITS[ty] - 1)) <= n < 1 << T.BITS[ty]
        ):
            raise self._wrong(ops.ICONST, ty, [])
        func = self.func
        inst = Value(ops.ICONST, ty, func.num_values, self.block)
        func.num_values += 1
        inst.loc = self.loc
        sign = 1 << (T.BITS[ty] - 1)
        inst.imm = ((n & (sign + sign - 1)) ^ sign) - sign
        self.insts.append(inst)
        return inst
""",
}
_CATCHES = "`handlers[i].target` is an index: 0 is `normal`, then come the `catches`."
EXTRA_DOC = {
    "br_table": "`default` and `table` are targets with their arguments.",
    "try_call": _CATCHES,
    "try_call_indirect": _CATCHES,
    "iconst": "`n` may be given as signed or unsigned; it is kept sign-extended.",
}


def opcode_name(row: ops.Row) -> str:
    """The name of the row's constant in `opcodes`."""
    for name, value in vars(ops).items():
        if value == row.num and type(value) is int and name.rstrip("_") == row.name.upper():
            return name
    raise AssertionError(row.name)


def set_name(var: str) -> str:
    """`NarrowInt` -> `_NARROW_INT`."""
    out = ""
    for index, char in enumerate(var):
        if char.isupper() and index and not var[index - 1].isupper():
            out += "_"
        out += char.upper()
    return "_" + out


def fixed_name(ty: int) -> str:
    for name, value in vars(T).items():
        if value == ty and type(value) is int and name.isupper():
            return f"T.{name}"
    return f'T.BY_NAME["{T.NAMES[ty]}"]'


def method(row: ops.Row) -> str:
    """The source of the method of one opcode."""
    doc = f'        """{row.doc}"""\n'
    if row.name in EXTRA_DOC:
        doc = f'        """{row.doc}\n\n        {EXTRA_DOC[row.name]}\n        """\n'
    if row.name in BY_HAND:
        text = BY_HAND[row.name][1:]
        head, _, body = text.partition(" -> Value:\n")
        return f"{head} -> Value:\n{doc}{body}"
    name = f"ops.{opcode_name(row)}"
    params: list[str] = []
    last: list[str] = []
    conditions: list[str] = []
    stores: list[str] = []
    values: list[str] = []
    which = CTRL_OPERAND[row.num]
    members = ops.TYPE_SETS[row.ctrl].members if row.ctrl else frozenset()
    single = fixed_name(next(iter(members))) if len(members) == 1 else ""
    if which == CTRL_IS_RESULT and not single:
        params.append("ty: int")
        conditions.append(f"ty not in {set_name(row.ctrl)}")
    for operand in row.operands:
        kind = operand.kind
        what = operand.name
        if operand.type is not None:
            check = OPERANDS[row.num][len(values)]
            field = "abc"[len(values)]
            params.append(f"{what}: Value")
            if len(values) == which and not single:
                conditions.insert(0, f"ty not in {set_name(row.ctrl)}")
            elif check.fixed:
                conditions.append(f"{what}.ty != {fixed_name(check.fixed)}")
            elif check.bound:
                conditions.append(f"{what}.ty != {DERIVED[check.how]}")
            elif check.how in (ops.NARROWER, ops.WIDER):
                is_int = operand.type.var == "iB"
                if check.how == ops.NARROWER:
                    low = "T.I8" if is_int else "T.F16"
                    conditions.append(f"not {low} <= {what}.ty < ty")
                else:
                    high = "T.I128" if is_int else "T.F128"
                    conditions.append(f"not ty < {what}.ty <= {high}")
            else:
                conditions.append(f"{what}.ty not in {set_name(operand.type.var)}")
            values.append(what)
            stores.append(f"inst.{field} = {what}")
            continue
        if kind == "memflags":
            last.append("flags: MemFlags = TRUSTED_NONE")
        elif kind == "offset32":
            last.insert(0, "offset: int = 0")
        else:
            params.append(f"{what}: {PARAMETERS.get(kind, 'int')}")
        if kind in RANGES:
            low_, high_ = RANGES[kind]
            conditions.append(f"not {low_:_} <= {what} <= {high_:_}")
        if kind in ("constant", "uimm128"):
            size = "16" if kind == "uimm128" or row.name == "f128const" else "T.BITS[ty] >> 3"
            conditions.append(f"len({what}) != {size}")
        stores.append(f"inst.{ops.KINDS[kind]} = {what}")
    # Here a set of one type counts as that type.
    ctrl = single or ("ty" if row.ctrl else "T.INVALID")
    lines: list[str] = []
    if which >= 0 and not single:
        lines.append(f"ty = {values[which]}.ty")
    conditions.insert(0, "self.filled")
    test = " or ".join(conditions)
    lines.append(
        f"if self.checked and ({test}):"
        if len(conditions) > 1
        else "if self.checked and self.filled:"
    )
    lines.append(f"    raise self._wrong({name}, {ctrl}, [{', '.join(values)}])")
    types = []
    for ref in row.results:
        if ref.fixed:
            types.append(fixed_name(ref.fixed))
        elif single and ref.how == ops.SAME:
            types.append(single)
        else:
            types.append(DERIVED[ref.how])
    lines.append("func = self.func")
    ty = types[0] if len(types) == 1 else "T.INVALID"
    lines.append(f"inst = Value({name}, {ty}, func.num_values, self.block)")
    lines.append("func.num_values += 1")
    lines.append("inst.loc = self.loc")
    lines += stores
    lines.append("self.insts.append(inst)")
    if row.flags & ops.TERMINATOR:
        lines.append("self.filled = True")
    if len(types) == 2:
        lines.append(f"func.add_results(inst, [{', '.join(types)}])")
        lines.append("return inst.results[0], inst.results[1]")
    else:
        lines.append("return inst")
    gives = "tuple[Value, Value]" if len(types) == 2 else "Value"
    signature = ", ".join(["self", *params, *last])
    body = "".join(f"        {line}\n" for line in lines)
    return f"    def {row.name}({signature}) -> {gives}:\n{doc}{body}"


def source() -> str:
    """The text of the module, before `ruff format`."""
    methods = [method(row) for row in ops.ROWS[ops.FIRST_REAL :]]
    text = "\n".join(methods)
    sets = [
        f'{set_name(var)}: Final = ops.TYPE_SETS["{var}"].members\n'
        for var in ops.TYPE_SETS
        if f" in {set_name(var)})" in text
        or f" in {set_name(var)} " in text
        or f" in {set_name(var)}\n" in text
    ]
    return (
        HEADER
        + "".join(sets)
        + "\n\nclass InstBuilder(Emitter):\n"
        + '    """The instruction methods of `FunctionBuilder`."""\n\n    __slots__ = ()\n\n'
        + text
    )


if __name__ == "__main__":
    import subprocess
    import sys

    TARGET.write_text(source())
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(TARGET)], check=True)
