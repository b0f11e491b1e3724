"""Variables to SSA form while the function is built.

Braun, Buchwald, Hack, Leißa, Mallon, Zwinkau: "Simple and Efficient Construction of Static
Single Assignment Form" (CC 2013). Each block remembers what each variable is at its end. A read
that the block itself does not answer asks the predecessors; where several meet, a block parameter
is made. A block is *sealed* once all its predecessors are known; a read in an unsealed block makes
a parameter whose arguments are filled in by `seal`. No dominators are needed.

A parameter that only ever gets one value (besides itself) is trivial and becomes an ALIAS of that
value, which may make parameters that it feeds trivial in turn. Aliases are dissolved, and
parameters that became trivial late are taken out, in one pass by `finish`.

Nothing recurses: a lookup keeps its own stack. A variable that no path has set reads as zero, as
in Cranelift: only unreachable code and careless producers read one.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import NIL, NO_BLOCK, Block, BlockCall, CallInfo, Function, Value


class SSABuilder:
    """What is known of variables and edges while `func` is built."""

    __slots__ = (
        "_aliased",
        "_defs",
        "_late",
        "_pred_blocks",
        "_pred_calls",
        "_sealed",
        "_stop",
        "_todo_blocks",
        "_todo_phis",
        "_users",
        "_waiting",
        "func",
        "types",
    )

    def __init__(self, func: Function) -> None:
        self.func = func
        self.types: list[int] = []  # by variable
        # By block num:
        self._defs: list[dict[int, Value]] = []  # variable -> value at the end of the block
        self._pred_blocks: list[list[Block]] = []  # one entry per edge
        self._pred_calls: list[list[BlockCall]] = []
        self._sealed: list[bool] = []
        self._waiting: dict[int, list[tuple[int, Value]]] = {}  # parameters to complete then
        self._users: dict[int, list[Value]] = {}  # parameter made here -> parameters it feeds
        self._late: list[Block] = []  # blocks with parameters that became trivial late
        self._aliased = False
        self._stop = NO_BLOCK
        # The stack of `_run`: a block to ask, or with a parameter, one to complete.
        self._todo_blocks: list[Block] = []
        self._todo_phis: list[Value] = []

    def _grow(self, num: int) -> None:
        while len(self._sealed) <= num:
            self._defs.append({})
            self._pred_blocks.append([])
            self._pred_calls.append([])
            self._sealed.append(False)

    def defs_of(self, block: Block) -> dict[int, Value]:
        """What the variables are at the end of `block`, as far as asked. Writes go here."""
        if block.num >= len(self._sealed):
            self._grow(block.num)
        return self._defs[block.num]

    def is_sealed(self, block: Block) -> bool:
        return block.num < len(self._sealed) and self._sealed[block.num]

    def add_edge(self, block: Block, call: BlockCall) -> None:
        """Note that `block` ends in a branch with the target `call`."""
        num = call.block.num
        if num >= len(self._sealed):
            self._grow(num)
        self._pred_blocks[num].append(block)
        self._pred_calls[num].append(call)

    def has_edge_to(self, block: Block) -> bool:
        """True when a branch to `block` has been built."""
        return block.num < len(self._sealed) and len(self._pred_blocks[block.num]) > 0

    def seal(self, block: Block) -> None:
        """All predecessors of `block` are known: complete the parameters that wait for this."""
        num = block.num
        if num >= len(self._sealed):
            self._grow(num)
        self._sealed[num] = True
        if num in self._waiting:
            for var, phi in self._waiting.pop(num):
                self._ask_preds(phi, block)
                self._run(var)

    def use(self, var: int, block: Block) -> Value:
        """What variable `var` is at the end of `block`, as built so far."""
        values: list[Value] = []
        self._find(var, block, values)
        return values[0] if values else self._run(var)

    # ---- the lookup ----

    def _run(self, var: int) -> Value:
        """Work off the stack; gives the value of its first entry."""
        blocks = self._todo_blocks
        phis = self._todo_phis
        values: list[Value] = []  # results not yet taken by the parameter that asked
        while blocks:
            block = blocks.pop()
            phi = phis.pop()
            if phi is NIL:
                self._find(var, block, values)
            else:
                first = len(values) - len(self._pred_blocks[block.num])
                args = values[first:]
                del values[first:]
                values.append(self._complete(phi, block, args))
        return values[0]

    def _ask_preds(self, phi: Value, block: Block) -> None:
        """Put on the stack: complete `phi`, after the predecessors in order have answered."""
        self._todo_blocks.append(block)
        self._todo_phis.append(phi)
        for pred in reversed(self._pred_blocks[block.num]):
            self._todo_blocks.append(pred)
            self._todo_phis.append(NIL)

    def _find(self, var: int, block: Block, values: list[Value]) -> None:
        """Add the value of `var` at the end of `block`, or put what gives it on the stack."""
        path: list[dict[int, Value]] = []
        value = self._walk(var, block, path)
        if value is not NIL:
            values.append(value)
            return
        block = self._stop
        num = block.num
        preds = self._pred_blocks[num]
        if not self._sealed[num]:
            value = self._new_phi(var, block)
            self._waiting.setdefault(num, []).append((var, value))
            values.append(value)
        elif len(preds) > 1:
            args: list[Value] = []
            ahead: list[dict[int, Value]] = []
            for pred in preds:
                value = self._walk(var, pred, ahead)
                if value is NIL:
                    break
                args.append(value)
            if value is NIL:
                value = self._new_phi(var, block)
                self._ask_preds(value, block)
            else:  # the usual case: every predecessor knows, and often the same
                value = args[0]
                for arg in args:
                    if arg is not value:
                        value = self._complete(self._new_phi(var, block), block, args)
                        break
                values.append(value)
        else:  # no predecessor, or an unreachable circle of blocks
            value = zero(self.func, self.types[var], block)
            values.append(value)
        self._defs[num][var] = value
        for defs in path:
            defs[var] = value

    def _walk(self, var: int, block: Block, path: list[dict[int, Value]]) -> Value:
        """Go back through single predecessors to a block that knows `var`, and note the value on
        the way. NIL when there is none: `_stop` is then where it ended and `path` the way."""
        path.clear()
        limit = self.func.num_blocks
        while True:
            num = block.num
            if num >= len(self._sealed):
                self._grow(num)
            defs = self._defs[num]
            value = defs.get(var)
            if value is not None:
                if value.op == ops.ALIAS:
                    value = self.resolve(value)
                for defs in path:
                    defs[var] = value
                return value
            preds = self._pred_blocks[num]
            if len(preds) != 1 or not self._sealed[num] or len(path) > limit:
                self._stop = block
                return NIL
            path.append(defs)
            block = preds[0]

    def _new_phi(self, var: int, block: Block) -> Value:
        phi = self.func.new_value(ops.PARAM, self.types[var], block)
        self._users[phi.num] = []
        return phi

    def _complete(self, phi: Value, block: Block, args: list[Value]) -> Value:
        """Give `phi` its arguments, or replace it when trivial. Gives the value it stands for."""
        for index, arg in enumerate(args):
            if arg.op == ops.ALIAS:
                args[index] = self.resolve(arg)
        only = _only_other(phi, args)
        if only is not phi:
            if only is NIL:
                only = zero(self.func, phi.ty, block)
            self._replace(phi, only)
            return only
        phi.imm = len(block.params)
        block.params.append(phi)
        for call, arg in zip(self._pred_calls[block.num], args, strict=True):
            call.args.append(arg)
            self._note_user(arg, phi)
        return phi

    def _note_user(self, value: Value, phi: Value) -> None:
        if value is not phi:
            users = self._users.get(value.num)
            if users is not None:
                users.append(phi)

    def _replace(self, phi: Value, other: Value) -> None:
        """Make `phi` an alias, and then every parameter that thereby became trivial."""
        self._aliased = True
        old = [phi]
        new = [other]
        while old:
            phi = old.pop()
            other = self.resolve(new.pop())
            if phi.op == ops.ALIAS or other is phi:
                continue
            phi.op = ops.ALIAS
            phi.a = other
            for user in self._users.pop(phi.num):
                if user.op == ops.ALIAS:
                    continue
                args = [
                    self.resolve(call.args[user.imm]) for call in self._pred_calls[user.block.num]
                ]
                only = _only_other(user, args)
                if only is user:
                    self._note_user(other, user)
                else:
                    self._late.append(user.block)
                    old.append(user)
                    new.append(only if only is not NIL else zero(self.func, user.ty, user.block))

    # ---- dissolving aliases ----

    def resolve(self, value: Value) -> Value:
        """What `value` stands for. Shortens the chain of aliases that it follows."""
        root = value
        while root.op == ops.ALIAS:
            root = root.a
        while value.op == ops.ALIAS and value.a is not root:
            value.a, value = root, value.a
        return root

    def finish(self) -> None:
        """Replace uses of aliases by what they stand for and take out dead parameters."""
        if not self._aliased:
            return
        alias = ops.ALIAS
        for block in self.func.blocks:
            for inst in block.insts:
                if inst.a.op == alias:
                    inst.a = self.resolve(inst.a)
                if inst.b.op == alias:
                    inst.b = self.resolve(inst.b)
                if inst.c.op == alias:
                    inst.c = self.resolve(inst.c)
                for value in inst.args:
                    if value.op == alias:
                        inst.args = tuple([self.resolve(v) for v in inst.args])
                        break
                if inst.targets:
                    for call in inst.targets:
                        for index, value in enumerate(call.args):
                            if value.op == alias:
                                call.args[index] = self.resolve(value)
                    info = inst.ext
                    if isinstance(info, CallInfo):
                        for handler in info.handlers:
                            handler.value = self.resolve(handler.value)
        for block in self._late:
            self._drop_dead_params(block)
        self._late = []
        self._aliased = False

    def _drop_dead_params(self, block: Block) -> None:
        keep = [i for i, p in enumerate(block.params) if p.op != ops.ALIAS]
        if len(keep) == len(block.params):
            return  # done already: a block stands in the list once per parameter
        block.params = [block.params[i] for i in keep]
        for index, param in enumerate(block.params):
            param.imm = index
        for call in self._pred_calls[block.num]:
            call.args = [call.args[i] for i in keep]


def _only_other(phi: Value, args: list[Value]) -> Value:
    """The one value besides `phi` itself among `args`; NIL when none, `phi` when several."""
    only = NIL
    for arg in args:
        if arg is not phi and arg is not only:
            if only is not NIL:
                return phi
            only = arg
    return only


def zero(func: Function, ty: int, block: Block) -> Value:
    """A zero of type `ty` at the start of `block`."""
    lane = T.LANE[ty]
    if T.LANES[ty] > 1 or ty == T.F128:
        op = ops.F128CONST if ty == T.F128 else ops.VCONST
        inst = func.new_value(op, ty, block)
        inst.ext = bytes(T.size(ty))
    elif ty == T.I128:
        low = func.new_value(ops.ICONST, T.I64, block)
        inst = func.new_value(ops.UEXTEND, ty, block)
        inst.a = low
        block.insts.insert(0, low)
        block.insts.insert(1, inst)
        return inst
    elif T.is_int(lane):
        inst = func.new_value(ops.ICONST, ty, block)
    else:
        op = ops.F16CONST if ty == T.F16 else ops.F32CONST if ty == T.F32 else ops.F64CONST
        inst = func.new_value(op, ty, block)
    block.insts.insert(0, inst)
    return inst
