"""The verifier: is a function well formed?

It finds everything that the rest of the compiler takes for granted, and reports all of it:

- entities: what an instruction names is declared in this function, and declared sensibly;
- blocks: none is empty, the terminator is last and only last, each value stands once, nothing
  branches to the entry block, which is not cold;
- SSA form: every used value is defined in the layout, and its definition dominates the use
  (uses in unreachable blocks are exempt);
- types: operands and results follow the row of the opcode; branch arguments, call arguments,
  returned values and the entry's parameters follow the block or signature;
- the rules of single opcodes: ranges of immediates, memory flags, pointer widths, tail calls,
  exception tables, stack maps.

The rules and the wording are those of Cranelift's verifier (`cranelift/codegen/src/verifier`),
whose filetests compare messages. Cost: linear, but for the near-linear dominator tree; nothing
recurses. The types of an instruction are checked once for each different combination.
"""

from __future__ import annotations

from typing import Final

from grus.base.errors import GrusError
from grus.ir import opcodes as ops
from grus.ir import typecheck
from grus.ir import types as T
from grus.ir.cfg import ControlFlowGraph
from grus.ir.domtree import DomTree
from grus.ir.function import (
    CALL_CONVS,
    NIL,
    AbiParam,
    Block,
    BlockCall,
    CallInfo,
    DynamicStackSlot,
    FuncRef,
    Function,
    GlobalValue,
    MemFlags,
    Signature,
    StackSlot,
    Value,
    mem_flags,
    operands_of,
    results_of,
)
from grus.ir.printer import print_instruction

TAIL_CALL_CONVS: Final = ("tail",)
EXCEPTION_CALL_CONVS: Final = ("tail", "system_v", "winch", "preserve_all", "apple_aarch64")
PAYLOAD_CALL_CONVS: Final = ("tail", "system_v", "preserve_all", "apple_aarch64")
"""Conventions that pass two words of exception payload; the others pass none."""
_EXTENSIONS: Final = {"uext": "Uext", "sext": "Sext"}
_NO_FLAGS: Final = (mem_flags(), mem_flags(endian="little"), mem_flags(endian="big"))

_PRINTED_ERRORS: Final = 50
_N_VALUES: Final[list[int]] = [len(row.values) for row in ops.ROWS]
_ADDRESS: Final[list[int]] = []
"""Index of the operand that is an address of memory, -1 for none."""
_EXT_KIND: Final[list[str]] = []
"""The kind that the row keeps in `ext`, "" for none."""
_RANGES: Final[list[tuple[int, int]]] = []
"""Bounds of `imm`; (0, 0) when the row keeps nothing in it."""
_RANGE_OF_KIND: Final = {
    "offset32": (-(1 << 31), (1 << 31) - 1),
    "imm64": (-(1 << 63), (1 << 63) - 1),
    "uimm8": (0, 255),
    "ieee16": (0, (1 << 16) - 1),
    "ieee32": (0, (1 << 32) - 1),
    "ieee64": (0, (1 << 64) - 1),
    "trapcode": (1, 255),
    "intcc": (0, len(ops.INT_CC) - 1),
    "floatcc": (0, len(ops.FLOAT_CC) - 1),
    "rmw": (0, len(ops.RMW_OPS) - 1),
}
_N_TARGETS: Final = {ops.JUMP: 1, ops.BRIF: 2}


def _fill() -> None:
    for row in ops.ROWS:
        names = [o.name for o in row.operands if o.type is not None]
        memory = "memflags" in row.kinds and "p" in names
        _ADDRESS.append(names.index("p") if memory else -1)
        ext = ""
        bounds = (0, 0)
        for kind in row.kinds:
            if ops.KINDS.get(kind) == "ext":
                ext = kind
            elif ops.KINDS.get(kind) == "imm":
                bounds = _RANGE_OF_KIND[kind]
        is_call = row.flags & ops.IS_CALL and "varargs" in row.kinds
        _EXT_KIND.append("call" if is_call else ext)
        _RANGES.append(bounds)


_fill()


class VerifierError:
    """One thing that is wrong.

    `place` is `inst4` (instructions count from 0 in layout order), `block1`, `gv0`, `sig0`,
    `fn0`, `ss0`, `region0`, `dt0` or `function`; `inst` the instruction, NIL when it is another
    place; `context` its text.
    """

    __slots__ = ("context", "inst", "message", "place")

    def __init__(self, place: str, message: str, context: str = "", inst: Value = NIL) -> None:
        self.place = place
        self.message = message
        self.inst = inst
        self.context = context

    def __str__(self) -> str:
        if self.context:
            return f"{self.place} ({self.context}): {self.message}"
        return f"{self.place}: {self.message}"

    def __repr__(self) -> str:
        return f"<{self}>"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled without the instruction, which would take the whole function along."""
        return (VerifierError, (self.place, self.message, self.context))


class VerifierErrors(GrusError):
    """A function is not well formed; `errors` lists everything."""

    def __init__(self, name: str, errors: list[VerifierError]) -> None:
        self.name = name
        self.errors = errors
        lines = "".join([f"\n- {e}" for e in errors])
        super().__init__(f"function {name} is not valid:{lines}")

    def __reduce__(self) -> tuple[object, ...]:
        return (VerifierErrors, (self.name, self.errors))


def verify(
    func: Function,
    target_pointer_bits: int = 64,
    enable_pinned_reg: bool = True,
    preserve_frame_pointers: bool = True,
) -> list[VerifierError]:
    """Everything that is wrong with `func`, in the order of the text; empty when it is valid.

    `target_pointer_bits` is 32 or 64, or 0 for no particular target: then nothing that depends
    on it is checked. The two settings, when off, forbid the instructions that need them.
    """
    verifier = _Verifier(func, target_pointer_bits, enable_pinned_reg, preserve_frame_pointers)
    verifier.run()
    return verifier.errors


def check(func: Function, target_pointer_bits: int = 64) -> None:
    """Raise VerifierErrors when `func` is not valid."""
    errors = verify(func, target_pointer_bits)
    if errors:
        raise VerifierErrors(func.name, errors)


def _types_text(param: AbiParam) -> str:
    return typecheck.type_name(param.ty)


class _Verifier:
    """The work of one `verify`."""

    __slots__ = (
        "_alias_of",
        "_blocks",
        "_defined",
        "_domtree",
        "_frame_pointers",
        "_good",
        "_home",
        "_known",
        "_inst_at",
        "_number",
        "_pinned",
        "_pointer_bits",
        "_reachable",
        "_regions",
        "errors",
        "func",
    )

    def __init__(self, func: Function, bits: int, pinned: bool, frame_pointers: bool) -> None:
        self.func = func
        self.errors: list[VerifierError] = []
        self._pointer_bits = bits
        self._pinned = pinned
        self._frame_pointers = frame_pointers
        # By value num: the value, its block's num, and the number of its instruction (-1: param)
        self._defined: list[Value] = [NIL] * func.num_values
        self._home: list[int] = [-1] * func.num_values
        self._inst_at: list[int] = [-1] * func.num_values
        self._blocks: list[bool] = [False] * func.num_blocks
        self._alias_of: dict[int, Value] = {}
        # Declared entities, by identity: their numbers are those of the text and may have gaps.
        self._known: set[int] = set()
        self._regions: set[int] = set()
        self._number = 0  # of the current instruction
        self._good: set[tuple[int, int, int, int, int]] = set()  # type combinations

    # ---- reporting ----

    def _at(self, place: str, message: str) -> None:
        self.errors.append(VerifierError(place, message))

    def _bad(self, inst: Value, message: str) -> None:
        self.errors.append(VerifierError(f"inst{self._number}", message, self._context(inst), inst))

    def _context(self, inst: Value) -> str:
        """The text of the instruction. It may be broken in any way, and printing one costs a walk
        over the function: then, and after the first errors, there is only the outline."""
        if len(self.errors) < _PRINTED_ERRORS:
            for value in operands_of(inst):
                if value.op == ops.ALIAS and self._alias_of.get(value.num, NIL) is NIL:
                    return instruction_text(inst)  # may go in circles
            try:
                return print_instruction(self.func, inst).partition("  ; ")[0].rstrip()
            except Exception:
                pass
        return instruction_text(inst)

    # ---- the whole ----

    def run(self) -> None:
        self._note_entities()
        self._check_global_values()
        self._check_entities()
        self._check_entry()
        self._check_signature()
        self._check_aliases()
        if not self._number_blocks():
            return  # numbers are not to be trusted: nothing below would be
        cfg = ControlFlowGraph(self.func)
        self._domtree = DomTree(self.func, cfg)
        self._number = 0
        for block in self.func.blocks:
            self._reachable = cfg.rpo_index[block.num] >= 0
            if not block.insts:
                self._at(f"block{block.num}", f"block{block.num} cannot be empty")
                continue
            last = block.insts[-1]
            for inst in block.insts:
                terminates = ops.FLAGS[inst.op] & ops.TERMINATOR
                if terminates and inst is not last:
                    self._bad(
                        inst,
                        "a terminator instruction was encountered before the end of "
                        f"block{block.num}",
                    )
                    return  # the graph is not what was meant: more would only confuse
                self._check_inst(inst, block)
                self._number += 1
            if not ops.FLAGS[last.op] & ops.TERMINATOR:
                self._at(f"block{block.num}", "block does not end in a terminator instruction")

    def _number_blocks(self) -> bool:
        """Note where every value is defined. False when blocks or opcodes are beyond sense."""
        sane = True
        for block in self.func.blocks:
            num = block.num
            if not 0 <= num < len(self._blocks) or self._blocks[num]:
                self._at(f"block{num}", f"the number of block{num} is not its own")
                sane = False
                continue
            self._blocks[num] = True
        if not sane:
            return False
        for block in self.func.blocks:
            for index, param in enumerate(block.params):
                if param.op != ops.PARAM:
                    self._at(f"v{param.num}", "expected an argument, found a result")
                elif param.block is not block:
                    self._at(f"v{param.num}", f"does not belong to block{block.num}")
                elif param.imm != index:
                    self._at(f"v{param.num}", f"parameter {index} says that it is {param.imm}")
                sane = self._define(param, block, -1) and sane
            for inst in block.insts:
                if not ops.FIRST_REAL <= inst.op < len(ops.ROWS):
                    self._at(f"inst{self._number}", f"opcode {inst.op} is not an instruction")
                    return False
                if inst.block is not block:
                    self._bad(inst, f"should belong to block{block.num} not block{inst.block.num}")
                sane = self._define(inst, block, self._number) and sane
                for result in inst.results:
                    sane = self._define(result, block, self._number) and sane
                self._number += 1
        return sane

    def _define(self, value: Value, block: Block, number: int) -> bool:
        num = value.num
        if not 0 <= num < len(self._defined) or self._defined[num] is not NIL:
            self._at(f"v{num}", f"the number of v{num} is not its own")
            return False
        may_be_none = value.op >= ops.FIRST_REAL  # an instruction without a result
        if not (0 < value.ty < T.LIMIT and T.LANES[value.ty]) and not (
            may_be_none and not value.ty
        ):
            self._at(f"v{num}", "has an invalid type")
            return False
        self._defined[num] = value
        self._home[num] = block.num
        self._inst_at[num] = number
        return True

    # ---- declarations ----

    def _pointer_type(self) -> int:
        return T.int_of_bits(self._pointer_bits)

    def _global_type(self, gv: GlobalValue) -> int:
        if gv.kind in ("load", "iadd_imm"):
            return gv.ty
        return self._pointer_type()

    def _note_entities(self) -> None:
        func = self.func
        numbers = [
            ("gv", [(id(e), e.num) for e in func.global_values]),
            ("ss", [(id(e), e.num) for e in func.stack_slots]),
            ("dss", [(id(e), e.num) for e in func.dynamic_slots]),
            ("sig", [(id(e), e.num) for e in func.sigs]),
            ("fn", [(id(e), e.num) for e in func.funcs]),
            ("region", [(id(e), e.num) for e in func.alias_regions]),
        ]
        for kind, entities in numbers:
            seen: set[int] = set()
            for identity, num in entities:
                self._known.add(identity)
                if num in seen or num < 0:
                    self._at(f"{kind}{num}", f"the number of {kind}{num} is not its own")
                seen.add(num)
        self._regions = {region.num for region in func.alias_regions}

    def _check_global_values(self) -> None:
        has_vmctx = any(p.purpose == "vmctx" for p in self.func.sig.params)
        state: dict[int, int] = {}  # by identity; 1: on the way, 2: done, 3: leads into a cycle
        for start in self.func.global_values:
            place = f"gv{start.num}"
            way: list[GlobalValue] = []
            at: GlobalValue | None = start
            ends = 2
            while at is not None:
                if id(at) not in self._known:
                    self._at(f"gv{way[-1].num}", f"invalid global value gv{at.num}")
                    ends = 3
                    break
                if id(at) in state:
                    ends = state[id(at)]
                    if ends == 1:
                        names = ", ".join([f"gv{gv.num}" for gv in way])
                        self._at(place, f"global value cycle: [{names}]")
                        ends = 3
                    break
                state[id(at)] = 1
                way.append(at)
                at = at.base if at.kind in ("load", "iadd_imm") else None
            for gv in way:
                state[id(gv)] = ends
            if state[id(start)] == 2:
                self._check_global_value(place, start, has_vmctx)

    def _check_global_value(self, place: str, gv: GlobalValue, has_vmctx: bool) -> None:
        base = gv.base
        if gv.kind == "vmctx":
            if not has_vmctx:
                self._at(place, f"undeclared vmctx reference {place}")
        elif gv.kind in ("load", "iadd_imm"):
            if base is None:
                self._at(place, f"{gv.kind} global value without a base")
                return
            base_type = self._global_type(base)
            if gv.kind == "iadd_imm":
                if not T.is_int(gv.ty):
                    name = typecheck.type_name(gv.ty)
                    self._at(place, f"iadd_imm global value with non-int type {name}")
                elif self._pointer_bits and gv.ty != base_type:
                    self._at(
                        place,
                        f"iadd_imm type {typecheck.type_name(gv.ty)} differs from operand type "
                        f"{typecheck.type_name(base_type)}",
                    )
                return
            if self._pointer_bits and base_type != self._pointer_type():
                self._at(
                    place,
                    f"base gv{base.num} has type {typecheck.type_name(base_type)}, which is not "
                    f"the pointer type {typecheck.type_name(self._pointer_type())}",
                )
            region = gv.flags.region
            if region >= 0 and region not in self._regions:
                self._at(place, f"undefined alias region region{region}")
        elif gv.kind not in ("symbol", "dyn_scale_target_const"):
            self._at(place, f"unknown kind of global value {gv.kind!r}")

    def _check_entities(self) -> None:
        func = self.func
        users: dict[int, str] = {}
        for region in func.alias_regions:
            place = f"region{region.num}"
            if region.user_id in users:
                self._at(
                    place,
                    f"duplicate alias region user_id {region.user_id}: {users[region.user_id]} "
                    f"and {place}",
                )
            else:
                users[region.user_id] = place
        for slot in func.stack_slots:
            place = f"ss{slot.num}"
            if not 0 <= slot.size < 1 << 32:
                self._at(place, f"stack slot size {slot.size} is out of range")
            if slot.align < 1 or slot.align & (slot.align - 1) or slot.align >= 1 << 32:
                self._at(place, f"stack slot alignment {slot.align} is not a power of two")
        for index, (base, scale) in enumerate(func.dynamic_types):
            if not T.is_vector(base) or not T.LANES[base]:
                self._at(f"dt{index}", f"base type {typecheck.type_name(base)} is not a vector")
            if id(scale) not in self._known:
                self._at(f"dt{index}", f"invalid global value gv{scale.num}")
            elif scale.kind != "dyn_scale_target_const":
                self._at(f"dt{index}", f"gv{scale.num} is not a dynamic scale")
        for dynamic in func.dynamic_slots:
            if not 0 <= dynamic.dyn_type < len(func.dynamic_types):
                self._at(f"dss{dynamic.num}", f"invalid dynamic type dt{dynamic.dyn_type}")
        if func.stack_limit is not None and id(func.stack_limit) not in self._known:
            self._at("function", f"invalid global value gv{func.stack_limit.num}")

    def _check_entry(self) -> None:
        if not self.func.blocks:
            return
        entry = self.func.blocks[0]
        params = self.func.sig.params
        place = f"block{entry.num}"
        if len(entry.params) != len(params):
            self._at(
                place,
                f"entry block parameters ({len(entry.params)}) must match function signature "
                f"({len(params)})",
            )
        else:
            for index, param in enumerate(params):
                ty = entry.params[index].ty
                if ty != param.ty:
                    self._at(
                        place,
                        f"entry block parameter {index} expected to have type "
                        f"{_types_text(param)}, got {typecheck.type_name(ty)}",
                    )
        if entry.cold:
            self._at(place, "entry block cannot be marked as cold")

    def _check_signature(self) -> None:
        sig = self.func.sig
        self._check_abi_params("function", sig, True)
        seen = {id(sig)}
        self._check_call_conv("function", sig)
        for fn in self.func.funcs:
            seen.add(id(fn.sig))
            self._check_call_conv(f"fn{fn.num}", fn.sig)
            self._check_abi_params(f"fn{fn.num}", fn.sig, False)
        for declared in self.func.sigs:
            if id(declared) not in seen:
                self._check_call_conv(f"sig{declared.num}", declared)
                self._check_abi_params(f"sig{declared.num}", declared, False)

    def _check_call_conv(self, place: str, sig: Signature) -> None:
        if sig.call_conv not in CALL_CONVS:
            self._at(place, f"unknown calling convention {sig.call_conv!r}")
        elif sig.call_conv == "preserve_all" and sig.returns:
            self._at(place, "Signature with `preserve_all` ABI cannot have return values")

    def _check_abi_params(self, place: str, sig: Signature, own: bool) -> None:
        """Types are checked in every signature, the rest only in the function's own, as in
        Cranelift."""
        for item, params in (("Parameter", sig.params), ("Return value", sig.returns)):
            for index, param in enumerate(params):
                if not (0 <= param.ty < T.LIMIT and T.LANES[param.ty]):
                    self._at(place, f"{item} at position {index} has an invalid type")
                elif own and param.extend and not T.is_int(param.ty):
                    extension = _EXTENSIONS.get(param.extend, param.extend)
                    self._at(place, f"{item} at position {index} has invalid extension {extension}")
                if own and param.purpose == "sarg" and item == "Return value":
                    self._at(place, f"{item} at position {index} can't be an struct argument")

    def _check_aliases(self) -> None:
        """Fill `_alias_of` with what every alias stands for; report those that go in circles."""
        for start in self.func.aliases:
            way: list[Value] = []
            on_way: set[int] = set()
            at = start
            while at.op == ops.ALIAS and at.num not in self._alias_of:
                if at.num in on_way:
                    self._at(f"v{start.num}", f"value alias cycle: v{at.num}")
                    at = NIL
                    break
                on_way.add(at.num)
                way.append(at)
                at = at.a
            end = self._alias_of[at.num] if at.op == ops.ALIAS else at
            for value in way:
                self._alias_of[value.num] = end

    # ---- one instruction ----

    def _check_inst(self, inst: Value, block: Block) -> None:
        op = inst.op
        count = _N_VALUES[op]
        a, b, c = inst.a, inst.b, inst.c
        if (
            (a is NIL) != (count < 1)
            or (b is NIL) != (count < 2)
            or (c is NIL) != (count < 3)
            or (inst.targets and not ops.FLAGS[op] & ops.IS_BRANCH)
            or (inst.args and "varargs" not in ops.ROWS[op].kinds)
        ):
            self._bad(inst, "instruction opcode doesn't match instruction format")
            return
        if inst.ext is not None or _EXT_KIND[op]:
            if not self._check_ext(inst):
                return
        if count:
            if not self._check_use(inst, a, block):
                return
            if count > 1 and not self._check_use(inst, b, block):
                return
            if count > 2 and not self._check_use(inst, c, block):
                return
        for value in inst.args:
            if not self._check_use(inst, value, block):
                return
        if inst.targets or ops.FLAGS[op] & ops.IS_BRANCH:
            if not self._check_targets(inst, block):
                return
        if self._alias_of:
            a, b, c = self._resolved(a), self._resolved(b), self._resolved(c)
        key = (op, inst.ty, a.ty, b.ty, c.ty)
        if key not in self._good or inst.results:
            if self._check_types(inst):
                self._good.add(key)
        low, high = _RANGES[op]
        if not low <= inst.imm <= high:
            self._bad(inst, f"immediate {inst.imm} is out of range")
        elif op == ops.ICONST:
            sign = 1 << (max(T.BITS[inst.ty], 1) - 1)
            if not -sign <= inst.imm < sign:
                self._bad(inst, "constant immediate is out of bounds")
        address = _ADDRESS[op]
        if address >= 0 and self._pointer_bits:
            pointer = a if address == 0 else b
            if T.BITS[pointer.ty] != self._pointer_bits:
                self._bad(
                    inst,
                    f"invalid pointer width (got {T.BITS[pointer.ty]}, expected "
                    f"{self._pointer_bits}) encountered v{pointer.num}",
                )
        info = inst.ext
        if isinstance(info, CallInfo):
            self._check_call(inst, info)
        elif op == ops.RETURN_:
            returned = [self._resolved(v).ty for v in inst.args]
            self._check_return_types(
                inst, returned, "arguments of return must match function signature"
            )
        elif info is not None:
            self._check_special(inst)
        elif op == ops.INSERTLANE or op == ops.EXTRACTLANE:
            if inst.imm >= T.LANES[a.ty]:
                name = typecheck.type_name(a.ty)
                self._bad(inst, f"The lane {inst.imm} does not index into the type {name}")
        elif op == ops.GET_PINNED_REG or op == ops.SET_PINNED_REG:
            if not self._pinned:
                self._bad(
                    inst, "GetPinnedReg/SetPinnedReg cannot be used without enable_pinned_reg"
                )
        elif op == ops.GET_FRAME_POINTER or op == ops.GET_RETURN_ADDRESS:
            if not self._frame_pointers:
                self._bad(
                    inst,
                    "`get_frame_pointer`/`get_return_address` cannot be used without "
                    "enabling `preserve_frame_pointers`",
                )

    def _check_ext(self, inst: Value) -> bool:
        """`ext` is what the row says, and declared in this function."""
        op = inst.op
        kind = _EXT_KIND[op]
        ext = inst.ext
        message = ""
        if kind == "call":
            if not isinstance(ext, CallInfo):
                message = "instruction opcode doesn't match instruction format"
            else:
                message = self._wrong_call_entities(inst, ext)
        elif kind == "memflags":
            if not isinstance(ext, MemFlags):
                message = "memory flags are missing"
            elif ext.region >= 0 and ext.region not in self._regions:
                message = f"undefined alias region region{ext.region}"
        elif kind == "func_ref":
            if not isinstance(ext, FuncRef):
                message = "function reference is missing"
            elif id(ext) not in self._known:
                message = f"invalid function reference fn{ext.num}"
        elif kind == "stack_slot":
            if not isinstance(ext, StackSlot):
                message = "stack slot is missing"
            elif id(ext) not in self._known:
                message = f"invalid stack slot ss{ext.num}"
        elif kind == "dynamic_stack_slot":
            if not isinstance(ext, DynamicStackSlot):
                message = "dynamic stack slot is missing"
            elif id(ext) not in self._known:
                message = f"invalid dynamic stack slot dss{ext.num}"
        elif kind == "global_value":
            if not isinstance(ext, GlobalValue):
                message = "global value is missing"
            elif id(ext) not in self._known:
                message = f"invalid global value gv{ext.num}"
        elif kind == "block":
            if not isinstance(ext, Block):
                message = "block is missing"
            else:
                message = self._wrong_block(ext)
        elif kind == "constant":
            if not isinstance(ext, bytes):
                message = "constant is missing"
        elif kind == "uimm128":
            if not isinstance(ext, bytes) or len(ext) != 16:
                message = "the shuffle immediate wasn't 16-bytes long"
        elif op != ops.SEQUENCE_POINT:
            message = "debug tags present on non-call, non-sequence point instruction"
        if message:
            self._bad(inst, message)
            return False
        return True

    def _wrong_call_entities(self, inst: Value, info: CallInfo) -> str:
        """The complaint about what a call names; "" for none."""
        fn = info.callee
        if "func_ref" in ops.ROWS[inst.op].kinds:
            if fn is None:
                return "function reference is missing"
            if id(fn) not in self._known:
                return f"invalid function reference fn{fn.num}"
            if fn.patchable:
                if inst.op == ops.RETURN_CALL:
                    return "patchable funcref cannot be used in a return_call"
                if not fn.colocated:
                    return "patchable call to non-colocated function"
                if fn.sig.returns:
                    return "patchable call cannot occur to a function with return values"
        else:
            sig = info.sig
            if id(sig) not in self._known:
                return f"invalid signature reference sig{sig.num}"
        for entry in info.stack_map:
            slot = entry.slot
            if id(slot) not in self._known:
                return f"invalid stack slot ss{slot.num} in the stack map"
            if not 0 < entry.ty < T.LIMIT or not T.LANES[entry.ty]:
                return "invalid type in the stack map"
            if not 0 <= entry.offset <= slot.size - T.size(entry.ty):
                return f"stack map entry ss{slot.num}+{entry.offset} is outside of the slot"
        return ""

    def _wrong_block(self, block: Block) -> str:
        blocks = self._blocks
        num = block.num
        if not 0 <= num < len(blocks) or not blocks[num]:
            return f"invalid block reference block{num}"
        if block is self.func.blocks[0]:
            return f"invalid reference to entry block block{num}"
        return ""

    def _resolved(self, value: Value) -> Value:
        return self._alias_of.get(value.num, value) if value.op == ops.ALIAS else value

    def _check_use(self, inst: Value, value: Value, block: Block) -> bool:
        """`value` is defined, and its definition dominates `inst`."""
        used = value
        if value.op == ops.ALIAS:
            if value.num not in self._alias_of:
                self._bad(inst, f"argument v{value.num} is an alias that is not declared")
                return False
            value = self._alias_of[value.num]
            if value is NIL:
                return False  # the cycle has been reported
        num = value.num
        if not 0 <= num < len(self._defined) or self._defined[num] is not value:
            if value.op == ops.PARAM:
                message = (
                    f"v{used.num} is defined by block{value.block.num} which is not in the layout"
                )
            elif value.op == ops.TRY_RET or value.op == ops.TRY_EXN:
                message = "`retN` block argument in block-call not on `try_call` instruction"
            else:
                message = f"argument v{used.num} -> v{num} is not attached"
            self._bad(inst, message)
            return False
        if not value.ty:
            self._bad(inst, f"argument v{used.num} is an instruction without a result")
            return False
        if not self._reachable:
            return True
        home = self._home[num]
        at = self._inst_at[num]
        if home == block.num:
            if at == self._number:
                self._bad(inst, f"uses value v{used.num} from itself")
                return False
            if at < self._number:
                return True
        elif self._domtree.dominates(home, block.num):
            return True
        if value.op == ops.PARAM:
            self._bad(inst, f"uses value arg from non-dominating block{home}")
        else:
            self._bad(inst, f"uses value v{used.num} from non-dominating inst{at}")
        return False

    def _check_types(self, inst: Value) -> bool:
        """Operands and results against the row. True when all is well."""
        op = inst.op
        args = [self._resolved(v) for v in (inst.a, inst.b, inst.c) if v is not NIL]
        results = results_of(inst)
        first = results[0].ty if results else T.INVALID
        ctrl = typecheck.controlling_type(op, args, first)
        wrong = typecheck.mismatches(op, ctrl, args)
        for message in wrong:
            self._bad(inst, message)
        if wrong and not 0 <= ctrl < T.LIMIT:
            return False
        info = inst.ext
        if isinstance(info, CallInfo):
            calls = ops.ROWS[op].variadic_results
            expected = [r.ty for r in info.sig.returns] if calls else []
        else:
            expected = [check.expected(ctrl) for check in typecheck.RESULTS[op]]
        if len(results) != len(expected) or (inst.results and inst.ty):
            self._bad(inst, f"expected {len(expected)} result values, found {len(results)}")
            return False
        for index, result in enumerate(results):
            if inst.results and (
                result.op != ops.PROJ or result.a is not inst or result.imm != index
            ):
                self._bad(
                    inst, f"instruction result v{result.num} is not defined by the instruction"
                )
                return False
            if result.ty != expected[index] and not wrong:
                self._bad(
                    inst,
                    f"expected result {index} (v{result.num}) to have type "
                    f"{typecheck.type_name(expected[index])}, found "
                    f"{typecheck.type_name(result.ty)}",
                )
                return False
        return not wrong and not isinstance(info, CallInfo)

    def _check_special(self, inst: Value) -> None:
        """The rules of single opcodes that keep something in `ext`."""
        op = inst.op
        ext = inst.ext
        if isinstance(ext, MemFlags):
            if op == ops.BITCAST:
                self._check_bitcast(inst, ext)
            elif ext.readonly and ops.FLAGS[op] & ops.WRITES and not ops.FLAGS[op] & ops.READS:
                if op != ops.ATOMIC_STORE:
                    self._bad(inst, "A store instruction cannot have the `readonly` MemFlag")
        elif op == ops.SHUFFLE:
            assert isinstance(ext, bytes)
            for lane in ext:
                if lane >= 32:
                    self._bad(inst, f"shuffle immediate index {lane} is larger than the maximum 31")
                    break
        elif isinstance(ext, bytes):
            size = T.size(inst.ty)
            if len(ext) != size:
                self._bad(
                    inst,
                    f"The instruction expects {self._constant_name(ext)} to have a size of "
                    f"{size} bytes but it has {len(ext)}",
                )
        elif isinstance(ext, GlobalValue):
            ty = self._global_type(ext)
            if self._pointer_bits and inst.ty != ty:
                self._bad(
                    inst,
                    f"global_value instruction with type {typecheck.type_name(inst.ty)} "
                    f"references global value with type {typecheck.type_name(ty)}",
                )
        elif isinstance(ext, Block):
            self._check_handler_index(inst, ext)

    def _constant_name(self, content: bytes) -> str:
        for number, known in self.func.constants.items():
            if known == content:
                return f"const{number}"
        return "its constant"

    def _check_bitcast(self, inst: Value, flags: MemFlags) -> None:
        arg = self._resolved(inst.a)
        if T.BITS[arg.ty] != T.BITS[inst.ty]:
            self._bad(
                inst,
                f"The bitcast argument v{arg.num} has a type of {T.BITS[arg.ty]} bits, which "
                f"doesn't match an expected type of {T.BITS[inst.ty]} bits",
            )
        elif flags not in _NO_FLAGS:
            self._bad(
                inst, "The bitcast instruction only accepts the `big` or `little` memory flags"
            )
        elif not flags.endian and T.LANES[arg.ty] != T.LANES[inst.ty]:
            self._bad(
                inst, "Byte order specifier required for bitcast instruction changing lane count"
            )

    def _check_handler_index(self, inst: Value, block: Block) -> None:
        last = block.insts[-1] if block.insts else NIL
        if inst.imm < 0:
            self._bad(inst, f"exception handler index {inst.imm} cannot be negative")
        elif last.op != ops.TRY_CALL and last.op != ops.TRY_CALL_INDIRECT:
            self._bad(inst, f"referenced block block{block.num} does not end in a try_call")
        elif inst.imm >= len(last.targets) - 1:
            self._bad(inst, f"exception handler index {inst.imm} is out-of-range")

    # ---- branches ----

    def _check_targets(self, inst: Value, block: Block) -> bool:
        op = inst.op
        count = _N_TARGETS.get(op, 0)
        if len(inst.targets) < 1 or (count and len(inst.targets) != count):
            self._bad(inst, "instruction opcode doesn't match instruction format")
            return False
        for call in inst.targets:
            message = self._wrong_block(call.block)
            if message:
                self._bad(inst, message)
                return False
        info = inst.ext
        if isinstance(info, CallInfo) and not self._check_handlers(inst, info, block):
            return False
        for index, call in enumerate(inst.targets):
            if not self._check_block_call(inst, index, call, block):
                return False
        return True

    def _check_handlers(self, inst: Value, info: CallInfo, block: Block) -> bool:
        used = [False] * len(inst.targets)
        used[0] = True
        for handler in info.handlers:
            if handler.kind == "context":
                if not self._check_use(inst, handler.value, block):
                    return False
            elif handler.kind not in ("tag", "default"):
                self._bad(inst, f"unknown kind of exception handler {handler.kind!r}")
                return False
            elif not 0 < handler.target < len(used):
                self._bad(inst, f"exception handler target {handler.target} is out of range")
                return False
            else:
                used[handler.target] = True
        if not all(used):
            self._bad(inst, "a target of the exception table has no handler")
            return False
        conv = info.sig.call_conv
        if conv not in EXCEPTION_CALL_CONVS:
            self._bad(inst, f"calling convention `{conv}` of callee does not support exceptions")
        return True

    def _check_block_call(self, inst: Value, index: int, call: BlockCall, block: Block) -> bool:
        """Arguments of one target. False after an error that makes others pointless."""
        params = call.block.params
        for arg in call.args:
            if arg.op != ops.TRY_RET and arg.op != ops.TRY_EXN:
                if not self._check_use(inst, arg, block):
                    return False
        if len(call.args) != len(params):
            self._bad(
                inst,
                f"mismatched argument count for `{instruction_text(inst)}`: got {len(call.args)}, "
                f"expected {len(params)}",
            )
            return True
        for position, param in enumerate(params):
            arg = self._resolved(call.args[position])
            name = f"v{call.args[position].num}"
            ty = arg.ty
            if arg.op == ops.TRY_RET or arg.op == ops.TRY_EXN:
                name = f"{'ret' if arg.op == ops.TRY_RET else 'exn'}{arg.imm}"
                ty = self._try_arg_type(inst, index, arg)
                if ty < 0:
                    return False
                if ty == T.INVALID:
                    continue
            if ty != param.ty:
                self._bad(
                    inst,
                    f"arg {name} has type {typecheck.type_name(ty)}, expected "
                    f"{typecheck.type_name(param.ty)}",
                )
        return True

    def _try_arg_type(self, inst: Value, index: int, arg: Value) -> int:
        """Type of a `retN` or `exnN`; INVALID when it depends on the target, -1 after an error."""
        info = inst.ext
        if not isinstance(info, CallInfo):
            self._bad(inst, "`retN` block argument in block-call not on `try_call` instruction")
            return -1
        if arg.op == ops.TRY_RET:
            if index:
                self._bad(
                    inst,
                    "`retN` block argument used outside normal-return target of `try_call`",
                )
                return -1
            if not 0 <= arg.imm < len(info.sig.returns):
                self._bad(inst, "out-of-bounds `retN` block argument")
                return -1
            return info.sig.returns[arg.imm].ty
        if not index:
            self._bad(inst, "`exnN` block argument used outside normal-return target of `try_call`")
            return -1
        if not self._pointer_bits:
            return T.INVALID
        if not 0 <= arg.imm < (2 if info.sig.call_conv in PAYLOAD_CALL_CONVS else 0):
            self._bad(inst, "out-of-bounds `exnN` block argument")
            return -1
        return self._pointer_type()

    # ---- calls and returns ----

    def _check_call(self, inst: Value, info: CallInfo) -> None:
        fn = info.callee
        if fn is not None and fn.sig is not info.sig and fn.sig.key() != info.sig.key():
            self._bad(
                inst,
                f"exception table signature sig{info.sig.num} did not match function "
                f"fn{fn.num}'s signature sig{fn.sig.num}",
            )
        params = info.sig.params
        for index, param in enumerate(params[: len(inst.args)]):
            arg = self._resolved(inst.args[index])
            if arg.ty != param.ty:
                self._bad(
                    inst,
                    f"arg {index} (v{inst.args[index].num}) has type "
                    f"{typecheck.type_name(arg.ty)}, expected {_types_text(param)}",
                )
        if len(params) != len(inst.args):
            self._bad(
                inst,
                f"mismatched argument count for `{instruction_text(inst)}`: got "
                f"{len(inst.args)}, expected {len(params)}",
            )
        if ops.FLAGS[inst.op] & ops.IS_RETURN:
            conv = info.sig.call_conv
            if conv not in TAIL_CALL_CONVS:
                self._bad(inst, f"calling convention `{conv}` does not support tail calls")
            if conv != self.func.sig.call_conv:
                self._bad(inst, "callee's calling convention must match caller")
            returned = [r.ty for r in info.sig.returns]
            self._check_return_types(inst, returned, "results of callee must match caller")

    def _check_return_types(self, inst: Value, types: list[int], message: str) -> None:
        returns = self.func.sig.returns
        if len(types) != len(returns):
            self._bad(inst, message)
            return
        for index, ty in enumerate(types):
            if ty != returns[index].ty:
                self._bad(
                    inst,
                    f"result {index} has type {typecheck.type_name(ty)}, must match function "
                    f"signature of {_types_text(returns[index])}",
                )


def instruction_text(inst: Value) -> str:
    """The instruction for a message, without the names of its results."""
    row = ops.ROWS[inst.op]
    text = row.name
    operands = ", ".join([f"v{v.num}" for v in (inst.a, inst.b, inst.c) if v is not NIL])
    info = inst.ext
    if isinstance(info, CallInfo):
        args = ", ".join([f"v{v.num}" for v in inst.args])
        name = f"fn{info.callee.num}" if info.callee is not None else f"sig{info.sig.num}, "
        return f"{text} {name}{operands}({args})"
    return f"{text} {operands}" if operands else text
