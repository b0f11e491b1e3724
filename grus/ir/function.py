"""The IR in memory: a function is a graph of objects with fixed slots.

A `Value` *is* its instruction. An instruction with one result is that result; one with several
has `results`, a tuple of `PROJ` values; one with none has `ty == INVALID`. Block parameters are
`PARAM` values. Operands are the slots `a`, `b`, `c` in the order of the text form (`NIL` where
there is none); variable arguments of calls and returns are `args`. Branch targets with their
arguments are `targets`. `imm` is the one integer immediate (offset, condition, lane, bits of a
float constant, integer constant sign-extended from its type to a Python int); `ext` holds
anything rarer. Which operand lives in which field is said by the row (`opcodes.KINDS`).

`num` of values and blocks is dense per function: analyses are lists indexed by it. It is changed
only by `Function.compact`.

Why objects and not index arrays: docs/rationale.md.
"""

from __future__ import annotations

from grus.base.errors import GrusError
from grus.ir import opcodes as ops
from grus.ir import types as T

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NO_LOC: Final = -1


class Value:
    """An instruction, a block parameter or one result of an instruction that has several."""

    __slots__ = (
        "a",
        "args",
        "b",
        "block",
        "c",
        "ext",
        "imm",
        "loc",
        "num",
        "op",
        "results",
        "targets",
        "ty",
    )

    op: int
    ty: int
    a: Value
    b: Value
    c: Value
    imm: int
    args: tuple[Value, ...]
    targets: tuple[BlockCall, ...]
    results: tuple[Value, ...]
    ext: object
    num: int
    block: Block
    loc: int

    def __init__(self, op: int, ty: int, num: int, block: Block) -> None:
        self.op = op
        self.ty = ty
        self.a = NIL
        self.b = NIL
        self.c = NIL
        self.imm = 0
        self.args = ()
        self.targets = ()
        self.results = ()
        self.ext = None
        self.num = num
        self.block = block
        self.loc = NO_LOC

    def __repr__(self) -> str:
        return f"<v{self.num} {ops.ROWS[self.op].name}>"


class _Nil(Value):
    """The class of NIL alone: it is its own operand, which `Value` could not say of itself."""

    __slots__ = ()

    def __init__(self) -> None:
        self.op = ops.NIL_OP
        self.ty = T.INVALID
        self.a = self
        self.b = self
        self.c = self
        self.imm = 0
        self.args = ()
        self.targets = ()
        self.results = ()
        self.ext = None
        self.num = -1
        self.loc = NO_LOC


class Block:
    """A basic block: parameters, then instructions of which the last is the terminator."""

    __slots__ = ("cold", "insts", "num", "params")

    def __init__(self, num: int) -> None:
        self.num = num
        self.params: list[Value] = []
        self.insts: list[Value] = []
        self.cold = False

    def __repr__(self) -> str:
        return f"<block{self.num}>"


NIL: Final[Value] = _Nil()
"""The operand that is not there."""
NO_BLOCK: Final = Block(-1)
NIL.block = NO_BLOCK


class BlockCall:
    """A branch target with the arguments for its parameters."""

    __slots__ = ("args", "block")

    def __init__(self, block: Block, args: list[Value]) -> None:
        self.block = block
        self.args = args


class AbiParam:
    """A parameter or result of a signature.

    `extend` is "", "uext" or "sext"; `purpose` is "", "sret", "vmctx" or "sarg"; `size` is the
    bytes of a struct passed by value (`sarg`).
    """

    __slots__ = ("extend", "purpose", "size", "ty")

    def __init__(self, ty: int, extend: str = "", purpose: str = "", size: int = 0) -> None:
        self.ty = ty
        self.extend = extend
        self.purpose = purpose
        self.size = size

    def key(self) -> tuple[int, str, str, int]:
        return (self.ty, self.extend, self.purpose, self.size)


CALL_CONVS: Final = (
    "fast",
    "tail",
    "system_v",
    "windows_fastcall",
    "apple_aarch64",
    "probestack",
    "winch",
    "preserve_all",
)


class Signature:
    """Parameters, results and calling convention. `num` is its entity number, -1 outside one."""

    __slots__ = ("call_conv", "num", "params", "returns")

    def __init__(
        self,
        params: list[AbiParam] | None = None,
        returns: list[AbiParam] | None = None,
        call_conv: str = "fast",
    ) -> None:
        self.params: list[AbiParam] = params if params is not None else []
        self.returns: list[AbiParam] = returns if returns is not None else []
        self.call_conv = call_conv
        self.num = -1

    def key(self) -> tuple[object, ...]:
        """Equal for equal signatures."""
        return (
            tuple([p.key() for p in self.params]),
            tuple([r.key() for r in self.returns]),
            self.call_conv,
        )


class FuncRef:
    """A function that this one calls: `fn0 = [colocated] [patchable] name sig`.

    `name` is the text form of the external name (`%foo`, `u0:1`, `%LibCall`).
    """

    __slots__ = ("colocated", "name", "num", "patchable", "sig")

    def __init__(self, name: str, sig: Signature, colocated: bool = False) -> None:
        self.name = name
        self.sig = sig
        self.colocated = colocated
        self.patchable = False
        self.num = -1


class StackSlot:
    """`ss0 = explicit_slot SIZE, align = A, key = K`; `align` in bytes, `key` -1 for none."""

    __slots__ = ("align", "key", "num", "size")

    def __init__(self, size: int, align: int = 1, key: int = -1) -> None:
        self.size = size
        self.align = align
        self.key = key
        self.num = -1


class DynamicStackSlot:
    """`dss0 = explicit_dynamic_slot dt0`; `dyn_type` indexes `Function.dynamic_types`."""

    __slots__ = ("dyn_type", "num")

    def __init__(self, dyn_type: int) -> None:
        self.dyn_type = dyn_type
        self.num = -1


class GlobalValue:
    """`gv0 = kind ...`.

    `kind` is "vmctx", "load" (`base`, `offset`, `ty`, `flags`), "iadd_imm" (`base`, `offset`,
    `ty`), "symbol" (`name`, `offset`, `colocated`, `tls`) or "dyn_scale_target_const" (`ty`).
    """

    __slots__ = ("base", "colocated", "flags", "kind", "name", "num", "offset", "tls", "ty")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.base: GlobalValue | None = None
        self.offset = 0
        self.ty = T.INVALID
        self.flags: MemFlags = TRUSTED_NONE
        self.name = ""
        self.colocated = False
        self.tls = False
        self.num = -1


class MemFlags:
    """Flags of one memory access. Immutable and interned by `mem_flags`: compare with `is`.

    `trap` is the code of a fault (0: `notrap`); `endian` is "", "little" or "big"; `region` is
    the number of an alias region, -1 for none.
    """

    __slots__ = ("aligned", "can_move", "endian", "readonly", "region", "trap")

    def __init__(
        self, aligned: bool, readonly: bool, can_move: bool, trap: int, endian: str, region: int
    ) -> None:
        self.aligned = aligned
        self.readonly = readonly
        self.can_move = can_move
        self.trap = trap
        self.endian = endian
        self.region = region


_MEM_FLAGS: Final[dict[tuple[bool, bool, bool, int, str, int], MemFlags]] = {}


def mem_flags(
    aligned: bool = False,
    readonly: bool = False,
    can_move: bool = False,
    trap: int = ops.TRAP_HEAP_OUT_OF_BOUNDS,
    endian: str = "",
    region: int = -1,
) -> MemFlags:
    """The one MemFlags object with these properties."""
    key = (aligned, readonly, can_move, trap, endian, region)
    flags = _MEM_FLAGS.get(key)
    if flags is None:
        flags = MemFlags(aligned, readonly, can_move, trap, endian, region)
        _MEM_FLAGS[key] = flags
    return flags


TRUSTED_NONE: Final = mem_flags()
"""No flag given: may trap with heap_oob, may be unaligned."""


class AliasRegion:
    """`region0 = ID "text"`: accesses in different regions never overlap, the producer promises."""

    __slots__ = ("num", "text", "user_id")

    def __init__(self, user_id: int, text: str) -> None:
        self.user_id = user_id
        self.text = text
        self.num = -1


class StackMapEntry:
    """A live reference at a safepoint: `[i32 @ ss0+0]`. `kind` says what it refers to."""

    __slots__ = ("kind", "offset", "slot", "ty")

    def __init__(self, ty: int, slot: StackSlot, offset: int, kind: int = 0) -> None:
        self.ty = ty
        self.slot = slot
        self.offset = offset
        self.kind = kind


class Handler:
    """One item of an exception table.

    `kind` is "tag" (`tag` the number, `target` index into `targets`), "default" (`target`) or
    "context" (`value`). Items stand in the order of the text; first match wins.
    """

    __slots__ = ("kind", "tag", "target", "value")

    def __init__(self, kind: str, tag: int = 0, target: int = 0, value: Value = NIL) -> None:
        self.kind = kind
        self.tag = tag
        self.target = target
        self.value = value


class CallInfo:
    """`ext` of every call: what it calls, and what is attached to it.

    `callee` is None for indirect calls. `handlers` belongs to `try_call` only, whose normal
    return is `targets[0]`. `tags` are debug tags: ints, or stack slots.
    """

    __slots__ = ("callee", "handlers", "sig", "stack_map", "tags")

    def __init__(self, sig: Signature, callee: FuncRef | None = None) -> None:
        self.sig = sig
        self.callee = callee
        self.stack_map: list[StackMapEntry] = []
        self.tags: list[int | StackSlot] = []
        self.handlers: list[Handler] = []


class Function:
    """One function: signature, entities and blocks in layout order (`blocks[0]` is the entry)."""

    __slots__ = (
        "alias_regions",
        "aliases",
        "blocks",
        "constants",
        "dynamic_slots",
        "dynamic_types",
        "funcs",
        "global_values",
        "name",
        "num_blocks",
        "num_values",
        "sig",
        "sigs",
        "stack_limit",
        "stack_slots",
    )

    def __init__(self, name: str, sig: Signature) -> None:
        self.name = name  # text form: "%foo" or "u0:1"
        self.sig = sig
        self.blocks: list[Block] = []
        self.num_blocks = 0  # every block's num is below this
        self.num_values = 0  # every value's num is below this
        self.stack_slots: list[StackSlot] = []
        self.dynamic_types: list[tuple[int, GlobalValue]] = []  # base vector type, scale
        self.dynamic_slots: list[DynamicStackSlot] = []
        self.global_values: list[GlobalValue] = []
        self.sigs: list[Signature] = []
        self.funcs: list[FuncRef] = []
        self.alias_regions: list[AliasRegion] = []
        self.constants: dict[int, bytes] = {}  # `const0 = 0x...`: number to content; names only
        self.stack_limit: GlobalValue | None = None
        self.aliases: list[Value] = []  # ALIAS values, until `resolve_aliases`

    # ---- making entities ----

    def new_block(self) -> Block:
        """A new empty block; the caller puts it in `blocks`."""
        block = Block(self.num_blocks)
        self.num_blocks += 1
        return block

    def add_block(self) -> Block:
        """A new empty block at the end of the layout."""
        block = self.new_block()
        self.blocks.append(block)
        return block

    def new_value(self, op: int, ty: int, block: Block) -> Value:
        """A new value that is in no list yet."""
        value = Value(op, ty, self.num_values, block)
        self.num_values += 1
        return value

    def add_param(self, block: Block, ty: int) -> Value:
        """A new parameter of `block`."""
        value = self.new_value(ops.PARAM, ty, block)
        value.imm = len(block.params)
        block.params.append(value)
        return value

    def add_results(self, inst: Value, types: list[int]) -> None:
        """Give `inst` results of these types: its own `ty` for one, PROJ values for several."""
        if len(types) == 1:
            inst.ty = types[0]
            return
        results: list[Value] = []
        for index, ty in enumerate(types):
            proj = self.new_value(ops.PROJ, ty, inst.block)
            proj.a = inst
            proj.imm = index
            results.append(proj)
        inst.results = tuple(results)

    def add_sig(self, sig: Signature) -> Signature:
        """Declare a signature for indirect calls and function references."""
        sig.num = self.sigs[-1].num + 1 if self.sigs else 0
        self.sigs.append(sig)
        return sig

    def add_func(self, func: FuncRef) -> FuncRef:
        """Declare a function to call."""
        func.num = self.funcs[-1].num + 1 if self.funcs else 0
        self.funcs.append(func)
        return func

    def add_stack_slot(self, slot: StackSlot) -> StackSlot:
        slot.num = self.stack_slots[-1].num + 1 if self.stack_slots else 0
        self.stack_slots.append(slot)
        return slot

    def add_dynamic_slot(self, slot: DynamicStackSlot) -> DynamicStackSlot:
        slot.num = self.dynamic_slots[-1].num + 1 if self.dynamic_slots else 0
        self.dynamic_slots.append(slot)
        return slot

    def add_global_value(self, value: GlobalValue) -> GlobalValue:
        value.num = self.global_values[-1].num + 1 if self.global_values else 0
        self.global_values.append(value)
        return value

    def add_alias_region(self, region: AliasRegion) -> AliasRegion:
        region.num = self.alias_regions[-1].num + 1 if self.alias_regions else 0
        self.alias_regions.append(region)
        return region

    # ---- changing the whole ----

    def resolve_aliases(self) -> None:
        """Replace every use of an ALIAS value by what it stands for."""
        if not self.aliases:
            return
        for block in self.blocks:
            for inst in block.insts:
                inst.a = resolve(inst.a)
                inst.b = resolve(inst.b)
                inst.c = resolve(inst.c)
                if inst.args:
                    inst.args = tuple([resolve(v) for v in inst.args])
                for target in inst.targets:
                    target.args = [resolve(v) for v in target.args]
                info = inst.ext
                if isinstance(info, CallInfo):
                    for handler in info.handlers:
                        handler.value = resolve(handler.value)
        self.aliases = []

    def compact(self) -> None:
        """Renumber blocks and values densely in layout order. Tables indexed by `num` die."""
        number = 0
        for index, block in enumerate(self.blocks):
            block.num = index
            for param in block.params:
                param.num = number
                number += 1
            for inst in block.insts:
                if inst.results:
                    for result in inst.results:
                        result.num = number
                        number += 1
                inst.num = number
                number += 1
        self.num_blocks = len(self.blocks)
        self.num_values = number

    def dispose(self) -> None:
        """Unlink blocks and values, so that plain reference counting frees them."""
        for block in self.blocks:
            for value in block.insts:
                value.a = value.b = value.c = NIL
                value.args = ()
                value.targets = ()
                value.results = ()
                value.ext = None
                value.block = NO_BLOCK
            block.insts = []
            for value in block.params:
                value.block = NO_BLOCK
            block.params = []
        self.blocks = []
        self.aliases = []


def resolve(value: Value) -> Value:
    """What an ALIAS value stands for; any other value itself. Cycles are the parser's to refuse."""
    while value.op == ops.ALIAS:
        value = value.a
    return value


def results_of(inst: Value) -> tuple[Value, ...]:
    """The results of an instruction: none, itself, or its PROJ values."""
    if inst.results:
        return inst.results
    if inst.ty:
        return (inst,)
    return ()


def operands_of(inst: Value) -> list[Value]:
    """Every value that `inst` uses, arguments of branch targets included, in text order."""
    values: list[Value] = []
    if inst.a is not NIL:
        values.append(inst.a)
        if inst.b is not NIL:
            values.append(inst.b)
            if inst.c is not NIL:
                values.append(inst.c)
    values.extend(inst.args)
    for target in inst.targets:
        for arg in target.args:
            if arg.op != ops.TRY_RET and arg.op != ops.TRY_EXN:
                values.append(arg)
    info = inst.ext
    if isinstance(info, CallInfo):
        for handler in info.handlers:
            if handler.kind == "context":
                values.append(handler.value)
    return values


class IRError(GrusError):
    """An IR function is not what an operation needs."""
