"""The text form of functions.

`print_function` writes what Cranelift's writer writes (`cranelift/codegen/src/write.rs`), with
its spacing, order and comments (`; v1 = 5` after an instruction that uses a constant). A type
suffix stands only where the type does not follow from an operand defined in the same block.

That writer loses some things that its reader needs. By default they are written, so that parsing
the text gives an equal function; `cranelift=True` leaves them out as the original does:

- flags of `atomic_rmw` and `atomic_cas`;
- the name of a user symbol (`u1:2` is written `userextname0`);
- declarations of dynamic types (`dt0 = i32x4*gv0`);
- the suffix of an instruction that wrongly stands above its operand in the same block.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.data import format_bytes, format_float, format_hex, format_imm64
from grus.ir.function import (
    NO_LOC,
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
    operands_of,
    resolve,
    results_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_FLOAT_BITS: Final = {ops.F16CONST: 16, ops.F32CONST: 32, ops.F64CONST: 64}
_CONSTANTS: Final = frozenset(
    (ops.ICONST, ops.F16CONST, ops.F32CONST, ops.F64CONST, ops.F128CONST, ops.VCONST)
)
_NO_COMMA_AFTER: Final = ("intcc", "floatcc", "rmw")


def print_function(func: Function, cranelift: bool = False) -> str:
    """The text of `func`, ending with a newline."""
    return _Printer(func, cranelift).function()


def print_instruction(func: Function, inst: Value) -> str:
    """One instruction of `func` on one line, without newline."""
    return _Printer(func, False).instruction(inst)


def print_block_header(block: Block) -> str:
    """The header of a block, with its colon."""
    params = ", ".join([f"v{p.num}: {T.NAMES[p.ty]}" for p in block.params])
    name = f"block{block.num}({params})" if params else f"block{block.num}"
    return f"{name} cold:" if block.cold else f"{name}:"


def print_signature(sig: Signature) -> str:
    """Parameters, results and calling convention."""
    params = ", ".join([_abi_param(p) for p in sig.params])
    returns = ", ".join([_abi_param(r) for r in sig.returns])
    arrow = f" -> {returns}" if returns else ""
    return f"({params}){arrow} {sig.call_conv}"


def print_mem_flags(flags: MemFlags) -> str:
    """The flags, each with a space before it; "" for none."""
    text = ""
    if not flags.trap:
        text += " notrap"
    elif flags.trap != ops.TRAP_HEAP_OUT_OF_BOUNDS:
        text += " " + ops.trap_name(flags.trap)
    if flags.aligned:
        text += " aligned"
    if flags.readonly:
        text += " readonly"
    if flags.can_move:
        text += " can_move"
    if flags.endian:
        text += " " + flags.endian
    if flags.region >= 0:
        text += f" region{flags.region}"
    return text


def type_suffix(inst: Value) -> int:
    """The type that stands after the mnemonic, INVALID for none."""
    row = ops.ROWS[inst.op]
    if not row.text_ctrl:
        return T.INVALID
    if row.text_operand >= 0:
        value = resolve((inst.a, inst.b, inst.c)[row.text_operand])
        if value.block is inst.block:
            return T.INVALID
        return value.ty
    return inst.results[0].ty if inst.results else inst.ty


def _abi_param(param: AbiParam) -> str:
    text = T.NAMES[param.ty]
    if param.extend:
        text += " " + param.extend
    if param.purpose == "sarg":
        return f"{text} sarg({param.size})"
    return f"{text} {param.purpose}" if param.purpose else text


def _offset(offset: int) -> str:
    """An offset of an address, "" for 0."""
    if not offset:
        return ""
    size = abs(offset)
    return ("-" if offset < 0 else "+") + (str(size) if size < 10_000 else format_hex(size))


class _Printer:
    __slots__ = ("above", "aliases", "constants", "cranelift", "func", "user_names")

    def __init__(self, func: Function, cranelift: bool) -> None:
        self.func = func
        self.cranelift = cranelift
        self.aliases: dict[Value, list[Value]] = {}  # by the value that they name
        for alias in func.aliases:
            self.aliases.setdefault(alias.a, []).append(alias)
        self.above: set[Value] | None = None  # what the text so far defines; None: all
        self.constants: dict[bytes, int] = {}
        self.user_names: dict[str, int] = {}
        self._number_constants()
        self._number_user_names()

    def _number_constants(self) -> None:
        """Numbers for the constants of instructions: the declared ones, then others in order."""
        func = self.func
        for number, content in func.constants.items():
            self.constants[content] = number
        free = len(func.constants)
        for block in func.blocks:
            for inst in block.insts:
                content_of = inst.ext
                if isinstance(content_of, bytes) and inst.op != ops.SHUFFLE:
                    if content_of not in self.constants:
                        while free in func.constants:
                            free += 1
                        self.constants[content_of] = free
                        free += 1

    def _number_user_names(self) -> None:
        func = self.func
        names = [gv.name for gv in func.global_values] + [fn.name for fn in func.funcs]
        for name in names:
            if name[:1] == "u" and ":" in name and name not in self.user_names:
                self.user_names[name] = len(self.user_names)

    # ---- the whole ----

    def function(self) -> str:
        func = self.func
        lines = [f"function {func.name}{print_signature(func.sig)} {{"]
        self.preamble(lines)
        indent = 4
        for block in func.blocks:
            for inst in block.insts:
                if inst.loc != NO_LOC or _tags(inst):
                    indent = 36
        margin = " " * indent
        outer = " " * (indent - 4)
        gap = len(lines) > 1
        if not self.cranelift:
            self.above = set()
        for block in func.blocks:
            if gap:
                lines.append("")
            gap = True
            lines.append(outer + print_block_header(block))
            if self.aliases:
                for param in block.params:
                    self.alias_lines(lines, param, margin)
            for inst in block.insts:
                if indent == 4:
                    lines.append(margin + self.instruction(inst))
                else:
                    lines.append(self.prefix(inst) + self.instruction(inst))
                if self.above is not None:
                    self.above.update(results_of(inst))
                if self.aliases:
                    for result in results_of(inst):
                        self.alias_lines(lines, result, margin)
        lines.append("}\n")
        return "\n".join(lines)

    def prefix(self, inst: Value) -> str:
        """Debug tags and source location, 36 columns wide."""
        tags = _tags(inst)
        text = ""
        if tags:
            text = f"<{', '.join([_tag(t) for t in tags])}> "
        loc = f"@{inst.loc:04x} " if inst.loc != NO_LOC else ""
        return text + loc.ljust(max(36 - len(text), 0))

    def alias_lines(self, lines: list[str], value: Value, margin: str) -> None:
        todo = [value]
        while todo:
            target = todo.pop()
            for alias in sorted(self.aliases.get(target, []), key=_num):
                lines.append(f"{margin}v{alias.num} -> v{target.num}")
                todo.append(alias)

    # ---- declarations ----

    def preamble(self, lines: list[str]) -> None:
        func = self.func
        if not self.cranelift:
            for index, (base, scale) in enumerate(func.dynamic_types):
                lines.append(f"    dt{index} = {T.NAMES[base]}*gv{scale.num}")
        for dynamic in func.dynamic_slots:
            lines.append(f"    dss{dynamic.num} = explicit_dynamic_slot dt{dynamic.dyn_type}")
        for slot in func.stack_slots:
            text = f"    ss{slot.num} = explicit_slot {slot.size}"
            if slot.align != 1:
                text += f", align = {slot.align}"
            if slot.key >= 0:
                text += f", key = {slot.key}"
            lines.append(text)
        for region in func.alias_regions:
            lines.append(f'    region{region.num} = {region.user_id} "{region.text}"')
        for gv in func.global_values:
            lines.append(f"    gv{gv.num} = {self.global_value(gv)}")
        for sig in func.sigs:
            lines.append(f"    sig{sig.num} = {print_signature(sig)}")
        for fn in func.funcs:
            colocated = "colocated " if fn.colocated else ""
            patchable = "patchable " if fn.patchable else ""
            text = f"    fn{fn.num} = {colocated}{patchable}{fn.name} sig{fn.sig.num}"
            lines.append(text)
        numbered = [(number, content) for content, number in self.constants.items()]
        numbered += [
            (number, content)
            for number, content in func.constants.items()
            if self.constants[content] != number
        ]
        for number, content in sorted(numbered):
            lines.append(f"    const{number} = {format_bytes(content)}")
        if func.stack_limit is not None:
            lines.append(f"    stack_limit = gv{func.stack_limit.num}")

    def global_value(self, gv: GlobalValue) -> str:
        base = f"gv{gv.base.num}" if gv.base is not None else ""
        if gv.kind == "load":
            flags = print_mem_flags(gv.flags)
            return f"load.{T.NAMES[gv.ty]}{flags} {base}{_offset(gv.offset)}"
        if gv.kind == "iadd_imm":
            return f"iadd_imm.{T.NAMES[gv.ty]} {base}, {format_imm64(gv.offset)}"
        if gv.kind == "symbol":
            colocated = "colocated " if gv.colocated else ""
            tls = "tls " if gv.tls else ""
            name = gv.name
            if self.cranelift and name in self.user_names:
                name = f"userextname{self.user_names[name]}"
            offset = format_imm64(gv.offset) if gv.offset else ""
            return f"symbol {colocated}{tls}{name}{'+' if gv.offset > 0 else ''}{offset}"
        if gv.kind == "dyn_scale_target_const":
            return f"dyn_scale_target_const.{T.NAMES[gv.ty]}"
        return gv.kind

    # ---- instructions ----

    def instruction(self, inst: Value) -> str:
        row = ops.ROWS[inst.op]
        if inst.results:
            text = ", ".join([f"v{r.num}" for r in inst.results]) + " = " + row.name
        elif inst.ty:
            text = f"v{inst.num} = {row.name}"
        else:
            text = row.name
        suffix = type_suffix(inst)
        if not suffix and self.above is not None and row.text_operand >= 0:
            value = resolve((inst.a, inst.b, inst.c)[row.text_operand])
            if value not in self.above and value.op != ops.PARAM:
                suffix = value.ty
        if suffix:
            text += "." + T.NAMES[suffix]
        text += self.operands(inst, row)
        sep = "  ; "
        for value in operands_of(inst):
            real = resolve(value)
            if real.op in _CONSTANTS:
                text += f"{sep}v{value.num} = {self.constant_comment(real)}"
                sep = ", "
        return text

    def operands(self, inst: Value, row: ops.Row) -> str:
        """All operands, with the space before them."""
        if not row.operands:
            return " "
        text = ""
        sep = " "
        values = (inst.a, inst.b, inst.c)
        used = 0
        targets = 0
        for kind in row.kinds:
            if kind == "value":
                text += f"{sep}v{values[used].num}"
                used += 1
            elif kind == "memflags":
                atomic = inst.op == ops.ATOMIC_RMW or inst.op == ops.ATOMIC_CAS
                if not (atomic and self.cranelift):
                    assert isinstance(inst.ext, MemFlags)
                    text += print_mem_flags(inst.ext)
                continue
            elif kind == "varargs":
                text += self.arguments(inst)
            elif kind == "offset32":
                text += _offset(inst.imm)
            elif kind == "block_call":
                text += sep + _block_call(inst.targets[targets])
                targets += 1
            else:
                text += sep + self.operand(inst, kind)
            sep = " " if kind in _NO_COMMA_AFTER else ", "
        if isinstance(inst.ext, CallInfo) and inst.ext.stack_map:
            entries = [f"{T.NAMES[e.ty]} @ ss{e.slot.num}+{e.offset}" for e in inst.ext.stack_map]
            text += f", stack_map=[{', '.join(entries)}]"
        return text

    def arguments(self, inst: Value) -> str:
        args = ", ".join([f"v{v.num}" for v in inst.args])
        if inst.op == ops.RETURN_:
            return " " + args if args else ""
        return f"({args})"

    def operand(self, inst: Value, kind: str) -> str:
        """An operand that is neither a value nor common."""
        ext = inst.ext
        if isinstance(ext, CallInfo):
            if kind == "exception_table":
                return self.exception_table(inst, ext)
            if kind == "sig_ref":
                return f"sig{ext.sig.num}"
            assert ext.callee is not None
            return f"fn{ext.callee.num}"
        if isinstance(ext, FuncRef):
            return f"fn{ext.num}"
        if kind == "jump_table":
            entries = ", ".join([_block_call(t) for t in inst.targets[1:]])
            return f"{_block_call(inst.targets[0])}, [{entries}]"
        if isinstance(ext, bytes):
            return f"const{self.constants[ext]}" if kind == "constant" else format_bytes(ext)
        if isinstance(ext, Block) and kind == "block":
            return f"block{ext.num}"
        if isinstance(ext, StackSlot):
            return f"ss{ext.num}"
        if isinstance(ext, DynamicStackSlot):
            return f"dss{ext.num}"
        if isinstance(ext, GlobalValue):
            return f"gv{ext.num}"
        return self.immediate(inst, kind)

    def immediate(self, inst: Value, kind: str) -> str:
        if kind == "intcc":
            return ops.INT_CC[inst.imm]
        if kind == "floatcc":
            return ops.FLOAT_CC[inst.imm]
        if kind == "rmw":
            return ops.RMW_OPS[inst.imm]
        if kind == "trapcode":
            return ops.trap_name(inst.imm)
        if kind == "imm64":
            return format_imm64(inst.imm)
        if inst.op in _FLOAT_BITS:
            return format_float(inst.imm, _FLOAT_BITS[inst.op])
        return str(inst.imm)

    def exception_table(self, inst: Value, info: CallInfo) -> str:
        items: list[str] = []
        for handler in info.handlers:
            if handler.kind == "context":
                items.append(f"context v{handler.value.num}")
                continue
            tag = f"tag{handler.tag}" if handler.kind == "tag" else "default"
            items.append(f"{tag}: {_block_call(inst.targets[handler.target])}")
        handlers = f"[ {', '.join(items)} ]" if items else "[]"
        return f"sig{info.sig.num}, {_block_call(inst.targets[0])}, {handlers}"

    def constant_comment(self, value: Value) -> str:
        if value.op == ops.F128CONST and isinstance(value.ext, bytes) and len(value.ext) == 16:
            return format_float(int.from_bytes(value.ext, "little"), 128)
        if isinstance(value.ext, bytes):
            return f"const{self.constants[value.ext]}"
        return self.immediate(value, "imm64" if value.op == ops.ICONST else "ieee")


def _block_call(call: BlockCall) -> str:
    if not call.args:
        return f"block{call.block.num}"
    return f"block{call.block.num}({', '.join([_block_arg(a) for a in call.args])})"


def _block_arg(value: Value) -> str:
    if value.op == ops.TRY_RET:
        return f"ret{value.imm}"
    if value.op == ops.TRY_EXN:
        return f"exn{value.imm}"
    return f"v{value.num}"


def _tags(inst: Value) -> list[int | StackSlot]:
    """Debug tags of an instruction."""
    ext = inst.ext
    if isinstance(ext, CallInfo):
        return ext.tags
    return ext if isinstance(ext, list) else []


def _tag(tag: int | StackSlot) -> str:
    return f"ss{tag.num}" if isinstance(tag, StackSlot) else str(tag)


def _num(value: Value) -> int:
    return value.num
