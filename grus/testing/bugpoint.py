"""Make a failing `.clif` file small (delta debugging).

`reduce` takes the text of a file and a function that says whether a text still fails, and tries
smaller files until none is left to try: without functions, blocks, instructions, parameters,
results, declarations; with simpler terminators, constants and types. Only files that parse and
verify are asked about.

A pass lists the things of a file that it can take away and takes a set of them away. The driver
tries halves, quarters, ... down to single things (`ddmin`, Zeller and Hildebrandt 2002), always on
a fresh parse of the best text so far, so a pass may leave a ruined file behind when it fails. Every
pass makes files smaller in one fixed order, so passes can be repeated until nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from grus.base.errors import GrusError
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.cfg import ControlFlowGraph
from grus.ir.function import (
    NO_LOC,
    AbiParam,
    Block,
    CallInfo,
    FuncRef,
    Function,
    MemFlags,
    Signature,
    Value,
    mem_flags,
    operands_of,
    resolve,
    results_of,
)
from grus.ir.parser import parse_file
from grus.ir.printer import print_function
from grus.ir.verifier import verify


class BugpointError(GrusError):
    """There is nothing to reduce: the file is not valid, or it does not fail."""


class Case:
    """A file to take apart: lines before the functions, functions, comments behind each."""

    __slots__ = ("comments", "functions", "header")

    def __init__(self, text: str, name: str = "<text>") -> None:
        """Raises ParseErrors."""
        file = parse_file(text, name)
        start = re.search(r"^function\b", text, re.MULTILINE)
        self.header = [line for line in text[: start.start() if start else 0].splitlines() if line]
        self.functions: list[Function] = []
        self.comments: list[list[str]] = []
        for function in file.functions:
            function.func.resolve_aliases()
            self.functions.append(function.func)
            self.comments.append(
                [c.text.strip() for c in function.comments if c.line >= function.last_line]
            )

    def text(self) -> str:
        """The file."""
        parts = ["\n".join([*self.header, ""])] if self.header else []
        for func, comments in zip(self.functions, self.comments, strict=True):
            parts.append(print_function(func) + "".join([f"{c}\n" for c in comments]))
        return "\n".join(parts)

    def is_valid(self) -> bool:
        """Whether the verifier accepts every function."""
        return not any(verify(func) for func in self.functions)

    def size(self) -> str:
        """How large it is, in words."""
        blocks = sum(len(f.blocks) for f in self.functions)
        insts = sum(len(b.insts) for f in self.functions for b in f.blocks)
        counts = ((len(self.functions), "function"), (blocks, "block"), (insts, "instruction"))
        return ", ".join([f"{n} {noun}{'' if n == 1 else 's'}" for n, noun in counts])


Item = tuple[int, ...]
"""A thing that a pass can take away, as numbers that say where it is."""


class Pass:
    """One way to make a file smaller. `items` lists what there is; `apply` takes some of it away,
    in place."""

    __slots__ = ("apply", "items", "name")

    def __init__(
        self,
        name: str,
        items: Callable[[Case], list[Item]],
        apply: Callable[[Case, list[Item]], None],
    ) -> None:
        self.name = name
        self.items = items
        self.apply = apply


class Reduction:
    """What `reduce` gives: the text, and how many files were asked about."""

    __slots__ = ("runs", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.runs = 0


def reduce(
    text: str,
    fails: Callable[[str], bool],
    *,
    name: str = "<text>",
    valid: bool = True,
    progress: Callable[[str, Case], None] | None = None,
    best: Reduction | None = None,
) -> Reduction:
    """The smallest file found for which `fails` is true.

    `valid` asks only about files that verify. `progress` is told the name of the pass and the file
    after every success. `best`, when given, always holds the best so far, also when `fails` raises.
    Raises ParseErrors when `text` is no file, BugpointError when it does not fail or verify.
    """
    case = Case(text, name)
    best = best if best is not None else Reduction(text)
    best.text = text
    if valid and not case.is_valid():
        raise BugpointError(f"{name} is not valid; `grus clif verify` says why")
    if not all([f.blocks and all([b.insts for b in f.blocks]) for f in case.functions]):
        raise BugpointError(f"{name} has functions or blocks without instructions")
    asked: dict[str, bool] = {}

    def attempt(made: str) -> bool:
        if made not in asked:
            best.runs += 1
            asked[made] = fails(made)
        return asked[made]

    if not attempt(case.text()):
        reason = "" if fails(text) else "; the command has to fail for the file"
        raise BugpointError(f"{name} does not fail as it is printed{reason}")
    best.text = case.text()
    before = ""
    while before != best.text:
        before = best.text
        for step in PASSES:
            _minimize(step, best, attempt, valid, progress)
    return best


def _minimize(
    step: Pass,
    best: Reduction,
    attempt: Callable[[str], bool],
    valid: bool,
    progress: Callable[[str, Case], None] | None,
) -> None:
    """Take away as much as one pass can, in ever smaller pieces."""
    items = step.items(Case(best.text))
    size = len(items)
    impossible = (GrusError, _NotPossible) if valid else (GrusError, _NotPossible, *_INVALID)
    while size:
        at = 0
        while at < len(items):
            case = Case(best.text)
            try:
                roots = [_roots(func) for func in case.functions]
                step.apply(case, items[at : at + size])
                _remove_unreachable(case, roots)
                text = case.text()
                # The parse says whether the text form still has a meaning (names, numbers).
                good = text != best.text and (not valid or Case(text).is_valid())
            except impossible:
                good = False
            if good and attempt(text):
                best.text = text
                if progress is not None:
                    progress(step.name, case)
                items = step.items(Case(text))
            else:
                at += size
        size //= 2


_INVALID: Final = (IndexError, ValueError, AssertionError)
"""What passes may raise for functions that are not valid: they rely on their form."""


class _NotPossible(Exception):
    """A pass cannot do this to this file."""


def _roots(func: Function) -> set[Block]:
    """The entry and the blocks that no branch reaches."""
    cfg = ControlFlowGraph(func)
    return {b for b in func.blocks if not cfg.is_reachable(b.num)} | set(func.blocks[:1])


def _remove_unreachable(case: Case, roots: list[set[Block]]) -> None:
    """Drop the blocks that can no more be reached from those that were roots before."""
    known = {block for blocks in roots for block in blocks}
    for func in case.functions:
        func.resolve_aliases()
        todo = [b for b in func.blocks if b in known]
        if not todo:  # a new function
            continue
        reached = set(todo)
        while todo:
            for target in todo.pop().insts[-1].targets:
                if target.block not in reached:
                    reached.add(target.block)
                    todo.append(target.block)
        func.blocks = [b for b in func.blocks if b in reached]


# ---- tools of the passes ----


def _blocks(case: Case) -> Iterator[tuple[int, int, Function, Block]]:
    for f, func in enumerate(case.functions):
        for b, block in enumerate(func.blocks):
            yield f, b, func, block


def _insts(case: Case) -> Iterator[tuple[Item, Value]]:
    for f, b, _, block in _blocks(case):
        for i, inst in enumerate(block.insts):
            yield (f, b, i), inst


def _inst(case: Case, item: Item) -> Value:
    return case.functions[item[0]].blocks[item[1]].insts[item[2]]


def _replace(func: Function, value: Value, by: Value) -> None:
    """All uses of `value` become uses of `by`; done by `resolve_aliases`."""
    value.op = ops.ALIAS
    value.a = by
    func.aliases.append(value)


_CONSTANTS: Final = frozenset(
    (ops.ICONST, ops.F16CONST, ops.F32CONST, ops.F64CONST, ops.F128CONST, ops.VCONST)
)
_CONSTANT_OPS: Final = {T.F16: ops.F16CONST, T.F32: ops.F32CONST, T.F64: ops.F64CONST}


def _zero(func: Function, block: Block, at: int, ty: int) -> Value:
    """A new constant 0 before instruction `at` of `block`."""
    if T.is_dynamic(ty) or not T.BITS[ty]:
        raise _NotPossible
    if ty == T.I128:
        low = _zero(func, block, at, T.I64)
        value = func.new_value(ops.UEXTEND, ty, block)
        value.a = low
        at += 1
    elif T.is_int(ty):
        value = func.new_value(ops.ICONST, ty, block)
    elif ty in _CONSTANT_OPS:
        value = func.new_value(_CONSTANT_OPS[ty], ty, block)
    else:
        value = func.new_value(ops.F128CONST if ty == T.F128 else ops.VCONST, ty, block)
        value.ext = bytes(T.size(ty))
    block.insts.insert(at, value)
    return value


def _is_zero(inst: Value) -> bool:
    if inst.op == ops.UEXTEND and inst.ty == T.I128:
        return _is_zero(resolve(inst.a))
    if isinstance(inst.ext, bytes):
        return inst.op in _CONSTANTS and not any(inst.ext)
    return inst.op in _CONSTANTS and not inst.imm


def _used(func: Function) -> set[Value]:
    """Values that are operands of something."""
    return {value for block in func.blocks for inst in block.insts for value in operands_of(inst)}


# ---- functions, comments, lines of the header ----


def _function_items(case: Case) -> list[Item]:
    return [(f,) for f in range(len(case.functions))] if len(case.functions) > 1 else []


def _drop_functions(case: Case, items: list[Item]) -> None:
    for (f,) in reversed(items):
        del case.functions[f], case.comments[f]
    if not case.functions:
        raise _NotPossible


def _comment_items(case: Case) -> list[Item]:
    return [(f, c) for f, comments in enumerate(case.comments) for c in range(len(comments))]


def _drop_comments(case: Case, items: list[Item]) -> None:
    for f, c in reversed(items):
        del case.comments[f][c]


def _header_items(case: Case) -> list[Item]:
    return [(n,) for n in range(len(case.header))]


def _drop_header(case: Case, items: list[Item]) -> None:
    for (n,) in reversed(items):
        del case.header[n]


# ---- blocks and terminators ----


def _dead_items(case: Case) -> list[Item]:
    return [(f, b) for f, b, func, block in _blocks(case) if b and block in _roots(func)]


def _drop_dead(case: Case, items: list[Item]) -> None:
    for f, b in reversed(items):
        del case.functions[f].blocks[b]


def _block_items(case: Case) -> list[Item]:
    return [(f, b) for f, b, _, block in _blocks(case) if block.insts[0].op != ops.TRAP]


def _trap_blocks(case: Case, items: list[Item]) -> None:
    """A trap instead of all that a block does; what was reached only from there goes too."""
    for f, b in items:
        func = case.functions[f]
        block = func.blocks[b]
        block.insts = [_trap(func, block)]


def _trap(func: Function, block: Block) -> Value:
    value = func.new_value(ops.TRAP, T.INVALID, block)
    value.imm = 1
    return value


def _terminators(func: Function, block: Block) -> list[Value]:
    """Simpler ways to end a block, the most faithful first."""
    last = block.insts[-1]
    made: list[Value] = []
    if last.op not in (ops.JUMP, ops.TRAP, ops.RETURN_):
        for target in last.targets:
            if not any(a.op in (ops.TRY_RET, ops.TRY_EXN) for a in target.args):
                jump = func.new_value(ops.JUMP, T.INVALID, block)
                jump.targets = (target,)
                made.append(jump)
    if last.op not in (ops.TRAP, ops.RETURN_) and not func.sig.returns:
        made.append(func.new_value(ops.RETURN_, T.INVALID, block))
    if last.op != ops.TRAP and not (last.op == ops.RETURN_ and not last.args):
        made.append(_trap(func, block))
    return made


def _terminator_items(case: Case) -> list[Item]:
    return [
        (f, b, way)
        for f, b, func, block in _blocks(case)
        for way in range(len(_terminators(func, block)))
    ]


def _simplify_terminators(case: Case, items: list[Item]) -> None:
    if len({item[:2] for item in items}) < len(items):
        raise _NotPossible  # two ways for one block
    for f, b, way in items:
        func = case.functions[f]
        block = func.blocks[b]
        block.insts[-1] = _terminators(func, block)[way]


def _target_items(case: Case) -> list[Item]:
    """Entries of branch tables, and handlers of calls."""
    made: list[Item] = []
    for item, inst in _insts(case):
        if inst.op == ops.BR_TABLE:
            made += [(*item, n) for n in range(1, len(inst.targets))]
        elif isinstance(inst.ext, CallInfo):
            made += [(*item, n) for n in range(len(inst.ext.handlers))]
    return made


def _drop_targets(case: Case, items: list[Item]) -> None:
    for item in reversed(items):
        inst, n = _inst(case, item), item[3]
        targets = list(inst.targets)
        if inst.op == ops.BR_TABLE:
            del targets[n]
        else:
            info = inst.ext
            assert isinstance(info, CallInfo)
            handler = info.handlers.pop(n)
            if handler.kind != "context":
                del targets[handler.target]
                for other in info.handlers:
                    other.target -= other.target > handler.target
        inst.targets = tuple(targets)


def _merge_items(case: Case) -> list[Item]:
    """Blocks that end in a jump to a block that nothing else goes to."""
    made: list[Item] = []
    for f, func in enumerate(case.functions):
        preds: dict[Block, int] = {func.blocks[0]: 2} if func.blocks else {}
        for block in func.blocks:
            for target in block.insts[-1].targets:
                preds[target.block] = preds.get(target.block, 0) + 1
        for b, block in enumerate(func.blocks):
            last = block.insts[-1]
            if last.op == ops.JUMP and preds[last.targets[0].block] == 1:
                if last.targets[0].block is not block:
                    made.append((f, b))
    return made


def _merge_blocks(case: Case, items: list[Item]) -> None:
    gone: set[Block] = set()
    for f, b in items:
        func = case.functions[f]
        block = func.blocks[b]
        if block in gone:
            continue
        target = block.insts[-1].targets[0]
        for param, arg in zip(target.block.params, target.args, strict=True):
            _replace(func, param, arg)
        block.insts[-1:] = target.block.insts
        for inst in block.insts:
            inst.block = block
        target.block.insts = [_trap(func, target.block)]
        target.block.params = []
        gone.add(target.block)


# ---- instructions ----


def _inst_items(case: Case) -> list[Item]:
    """Instructions that can go: no terminators, and no constants 0 that are used."""
    used = [_used(func) for func in case.functions]
    return [
        item
        for item, inst in _insts(case)
        if not ops.FLAGS[inst.op] & ops.TERMINATOR
        and not (_is_zero(inst) and inst in used[item[0]])
    ]


def _drop_insts(case: Case, items: list[Item]) -> None:
    """Without these instructions; a 0 stands for each result that something else uses."""
    dropped = {_inst(case, item) for item in items}
    for f in sorted({item[0] for item in items}):
        func = case.functions[f]
        used = {
            value
            for block in func.blocks
            for inst in block.insts
            if inst not in dropped
            for value in operands_of(inst)
        }
        for block in func.blocks:
            at = 0
            while at < len(block.insts):
                inst = block.insts[at]
                if inst not in dropped:
                    at += 1
                    continue
                del block.insts[at]
                for result in results_of(inst):
                    if result in used:
                        count = len(block.insts)
                        _replace(func, result, _zero(func, block, at, result.ty))
                        at += len(block.insts) - count


def _forward_items(case: Case) -> list[Item]:
    """Instructions of which an operand could stand for the result."""
    return [
        (*item, n)
        for item, inst in _insts(case)
        if len(results_of(inst)) == 1
        for n, value in enumerate(operands_of(inst))
        if value.ty == results_of(inst)[0].ty
    ]


def _forward(case: Case, items: list[Item]) -> None:
    if len({item[:3] for item in items}) < len(items):
        raise _NotPossible
    gone = [(case.functions[item[0]], _inst(case, item), item[3]) for item in items]
    for func, inst, n in gone:
        block = inst.block
        operand = operands_of(inst)[n]
        result = results_of(inst)[0]
        block.insts.remove(inst)
        _replace(func, result, operand)


def _twin_items(case: Case) -> list[Item]:
    """Constants that stand in the same block already."""
    made: list[Item] = []
    for f, b, _, block in _blocks(case):
        seen: set[tuple[object, ...]] = set()
        for i, inst in enumerate(block.insts):
            if inst.op in _CONSTANTS:
                if _constant_key(inst) in seen:
                    made.append((f, b, i))
                seen.add(_constant_key(inst))
    return made


def _constant_key(inst: Value) -> tuple[object, ...]:
    return (inst.op, inst.ty, inst.imm, inst.ext)


def _merge_twins(case: Case, items: list[Item]) -> None:
    gone = [(case.functions[item[0]], _inst(case, item)) for item in items]
    for func, inst in gone:
        insts = inst.block.insts
        insts.remove(inst)
        key = _constant_key(inst)
        twin = next(i for i in insts if i.op in _CONSTANTS and _constant_key(i) == key)
        _replace(func, inst, twin)


# ---- parameters and results ----


def _block_param_items(case: Case) -> list[Item]:
    return [(f, b, p) for f, b, _, block in _blocks(case) if b for p in range(len(block.params))]


def _drop_block_params(case: Case, items: list[Item]) -> None:
    """The one argument of all branches stands for the parameter, else 0."""
    for f, b, p in reversed(items):
        func = case.functions[f]
        block = func.blocks[b]
        calls = [
            target
            for other in func.blocks
            for target in other.insts[-1].targets
            if target.block is block
        ]
        param = block.params.pop(p)
        values = {resolve(call.args[p]) for call in calls} - {param}
        for call in calls:
            del call.args[p]
        if len(values) == 1 and (value := values.pop()).op not in (ops.TRY_RET, ops.TRY_EXN):
            _replace(func, param, value)
        elif param in _used(func):
            _replace(func, param, _zero(func, block, 0, param.ty))
        for index, other in enumerate(block.params):
            other.imm = index


def _references(case: Case, name: str) -> list[tuple[Function, FuncRef]]:
    return [(func, ref) for func in case.functions for ref in func.funcs if ref.name == name]


def _calls(func: Function, sig: Signature) -> Iterator[Value]:
    for block in func.blocks:
        for inst in block.insts:
            if isinstance(inst.ext, CallInfo) and inst.ext.sig is sig:
                yield inst


def _own_signature(func: Function, ref: FuncRef) -> Signature:
    """A signature for one reference only."""
    old = ref.sig
    sig = func.add_sig(Signature(list(old.params), list(old.returns), old.call_conv))
    ref.sig = sig
    for inst in _calls(func, old):
        info = inst.ext
        assert isinstance(info, CallInfo)
        if info.callee is ref:
            info.sig = sig
    return sig


def _param_items(case: Case) -> list[Item]:
    return [(f, p) for f, func in enumerate(case.functions) for p in range(len(func.sig.params))]


def _drop_params(case: Case, items: list[Item]) -> None:
    """Parameters of functions of the file, with the arguments of calls and run lines."""
    for f, p in reversed(items):
        func = case.functions[f]
        del func.sig.params[p]
        entry = func.blocks[0]
        param = entry.params.pop(p)
        if param in _used(func):
            _replace(func, param, _zero(func, entry, 0, param.ty))
        for block in func.blocks:
            for target in block.insts[-1].targets:
                if target.block is entry:
                    del target.args[p]
        for user, ref in _references(case, func.name):
            sig = _own_signature(user, ref)
            del sig.params[p]
            for call in _calls(user, sig):
                _drop_arg(call, p)
        case.comments[f] = [_edit_run(c, func.name, p, True) for c in case.comments[f]]


def _drop_arg(call: Value, index: int) -> None:
    args = list(call.args)
    del args[index]
    call.args = tuple(args)


def _result_items(case: Case) -> list[Item]:
    return [
        (f, r)
        for f, func in enumerate(case.functions)
        if not _references(case, func.name)
        for r in range(len(func.sig.returns))
    ]


def _drop_results(case: Case, items: list[Item]) -> None:
    for f, r in reversed(items):
        func = case.functions[f]
        del func.sig.returns[r]
        for block in func.blocks:
            last = block.insts[-1]
            if last.op == ops.RETURN_:
                _drop_arg(last, r)
            elif ops.FLAGS[last.op] & ops.IS_RETURN:
                raise _NotPossible
        case.comments[f] = [_edit_run(c, func.name, r, False) for c in case.comments[f]]


_RUN: Final = re.compile(r"(;\s*(?:run|print):\s*)(\S+?)\((.*?)\)\s*(?:([=!]=)\s*(.*?))?\s*$")


def _edit_run(comment: str, name: str, index: int, arg: bool) -> str:
    """A run line without an argument or an expected result. A line that compares with `!=` has no
    meaning without its result."""
    match = _RUN.match(comment)
    if match is None or match[2] != name:
        return comment
    args, results = _split(match[3]), _split((match[5] or "").strip())
    if len(results) == 1 and match[5].startswith("[") and "," in match[5]:
        results = _split(match[5].strip()[1:-1])
    values = args if arg else results
    if index < len(values):
        del values[index]
    call = f"{match[1]}{match[2]}({', '.join(args)})"
    if not match[4]:
        return call
    if not results:
        return call.replace("run:", "print:", 1)
    text = results[0] if len(results) == 1 else f"[{', '.join(results)}]"
    return f"{call} {match[4]} {text}"


def _split(text: str) -> list[str]:
    """What stands between the commas that are in no brackets."""
    parts: list[str] = []
    depth = 0
    begin = 0
    for at, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if char == "," and not depth:
            parts.append(text[begin:at].strip())
            begin = at + 1
    return [*parts, text[begin:].strip()] if text.strip() else []


def _signature_items(case: Case) -> list[Item]:
    """Parameters and results of signatures of functions that are not in the file."""
    known = {func.name for func in case.functions}
    made: list[Item] = []
    for f, func in enumerate(case.functions):
        mine = {ref.sig for ref in func.funcs if ref.name in known}
        for s, sig in enumerate(func.sigs):
            if sig not in mine:
                made += [(f, s, 0, p) for p in range(len(sig.params))]
                made += [(f, s, 1, r) for r in range(len(sig.returns))]
    return made


def _simplify_signatures(case: Case, items: list[Item]) -> None:
    for f, s, which, n in reversed(items):
        func = case.functions[f]
        sig = func.sigs[s]
        if which == 0:
            del sig.params[n]
            for call in _calls(func, sig):
                _drop_arg(call, n)
            continue
        del sig.returns[n]
        for call in list(_calls(func, sig)):
            if call.op not in (ops.CALL_, ops.CALL_INDIRECT):
                raise _NotPossible
            at = call.block.insts.index(call)
            results = list(results_of(call))
            _remake_call(func, call, at, results, n)


def _remake_call(func: Function, call: Value, at: int, results: list[Value], n: int) -> None:
    """The call again without result `n`, a 0 for it when it is used."""
    block = call.block
    made = func.new_value(call.op, T.INVALID, block)
    made.a, made.args, made.ext, made.loc = call.a, call.args, call.ext, call.loc
    block.insts[at] = made
    gone = results.pop(n)
    func.add_results(made, [r.ty for r in results])
    used = gone in _used(func)
    for old, new in zip(results, results_of(made), strict=True):
        _replace(func, old, new)
    if used:
        _replace(func, gone, _zero(func, block, at, gone.ty))


# ---- declarations, flags, constants ----


def _drop_unused(case: Case, items: list[Item]) -> None:
    """Everything that is declared and not used, in the functions of `items`."""
    for (f,) in items:
        func = case.functions[f]
        exts = [inst.ext for block in func.blocks for inst in block.insts]
        infos = [ext for ext in exts if isinstance(ext, CallInfo)]
        func.funcs = [
            r for r in func.funcs if any(i.callee is r for i in infos) or _in(exts, r)
        ]  # fmt: skip
        sigs = [i.sig for i in infos] + [r.sig for r in func.funcs]
        func.sigs = [s for s in func.sigs if _in(sigs, s)]
        slots: list[object] = [e.slot for i in infos for e in i.stack_map]
        slots += [tag for i in infos for tag in i.tags]
        func.stack_slots = [s for s in func.stack_slots if _in(exts, s) or _in(slots, s)]
        func.dynamic_slots = [s for s in func.dynamic_slots if _in(exts, s)]
        if not func.dynamic_slots:
            func.dynamic_types = []
        values: list[object] = [*exts, func.stack_limit]
        values += [scale for _, scale in func.dynamic_types]
        for gv in reversed(func.global_values):
            if _in(values, gv):
                values.append(gv.base)
        func.global_values = [gv for gv in func.global_values if _in(values, gv)]
        func.constants = {n: c for n, c in func.constants.items() if c in exts}
        flags = [e for e in [*exts, *[gv.flags for gv in func.global_values]] if e is not None]
        regions = {e.region for e in flags if isinstance(e, MemFlags)}
        func.alias_regions = [r for r in func.alias_regions if r.num in regions]


def _in(things: object, thing: object) -> bool:
    assert isinstance(things, list)
    return any(t is thing for t in things)


def _each_function(case: Case) -> list[Item]:
    return [(f,) for f in range(len(case.functions))]


def _simplify_marks(case: Case, items: list[Item]) -> None:
    """No source locations, debug tags, stack maps, cold marks, stack limit."""
    for (f,) in items:
        func = case.functions[f]
        func.stack_limit = None
        for block in func.blocks:
            block.cold = False
            for inst in block.insts:
                inst.loc = NO_LOC
                if isinstance(inst.ext, CallInfo):
                    inst.ext.tags = []
                    inst.ext.stack_map = []


def _compact(case: Case, items: list[Item]) -> None:
    """Numbers without gaps."""
    for (f,) in items:
        func = case.functions[f]
        func.compact()
        func.constants = {}
        for number, ref in enumerate(func.funcs):
            ref.num = number
        for number, sig in enumerate(func.sigs):
            sig.num = number
        for number, slot in enumerate(func.stack_slots):
            slot.num = number
        for number, gv in enumerate(func.global_values):
            gv.num = number


_BITS: Final = {ops.F16CONST: 16, ops.F32CONST: 32, ops.F64CONST: 64}
_WAYS: Final = 3  # 0; 1; half


def _simpler(inst: Value, way: int) -> int:
    """An immediate that is simpler than that of `inst`; the same when there is none."""
    imm = inst.imm
    kinds = ops.ROWS[inst.op].kinds
    if "trapcode" in kinds:
        return 1 if way == 0 and imm > 1 else imm
    if inst.op == ops.ICONST or "offset32" in kinds or "uimm8" in kinds:
        made = (0, 1, abs(imm) >> 1)[way]
        return made if (abs(made), made < 0) < (abs(imm), imm < 0) else imm
    if inst.op in _BITS:
        one = {16: 0x3C00, 32: 0x3F800000, 64: 0x3FF0000000000000}[_BITS[inst.op]]
        made = (0, one, one)[way]
        return made if imm not in (0, made) else imm
    return imm


def _constant_items(case: Case) -> list[Item]:
    made: list[Item] = []
    for item, inst in _insts(case):
        made += [(*item, way) for way in range(_WAYS) if _simpler(inst, way) != inst.imm]
        if inst.op in (ops.VCONST, ops.F128CONST, ops.SHUFFLE) and isinstance(inst.ext, bytes):
            if any(inst.ext):
                made.append((*item, 0))
        if isinstance(inst.ext, MemFlags) and inst.ext is not _PLAIN:
            made.append((*item, 0))
    return made


_PLAIN: Final = mem_flags()


def _simplify_constants(case: Case, items: list[Item]) -> None:
    if len({item[:3] for item in items}) < len(items):
        raise _NotPossible
    for item in items:
        inst = _inst(case, item)
        inst.imm = _simpler(inst, item[3])
        if item[3] == 0:
            if isinstance(inst.ext, bytes):
                inst.ext = bytes(len(inst.ext))
            elif isinstance(inst.ext, MemFlags):
                inst.ext = _PLAIN


def _slot_items(case: Case) -> list[Item]:
    return [
        (f, s)
        for f, func in enumerate(case.functions)
        for s, slot in enumerate(func.stack_slots)
        if slot.size > 16 or slot.align > 1 or slot.key >= 0
    ]


def _simplify_slots(case: Case, items: list[Item]) -> None:
    for f, s in items:
        slot = case.functions[f].stack_slots[s]
        slot.size, slot.align, slot.key = min(slot.size, 16), 1, -1


def _convention_items(case: Case) -> list[Item]:
    made: list[Item] = []
    for f, func in enumerate(case.functions):
        for s, sig in enumerate([func.sig, *func.sigs]):
            plain = all(p.extend == p.purpose == "" for p in [*sig.params, *sig.returns])
            if sig.call_conv != "fast" or not plain:
                made.append((f, s))
    return made


def _simplify_conventions(case: Case, items: list[Item]) -> None:
    for f, s in items:
        func = case.functions[f]
        sig = [func.sig, *func.sigs][s]
        sig.call_conv = "fast"
        sig.params = [AbiParam(p.ty) for p in sig.params]
        sig.returns = [AbiParam(r.ty) for r in sig.returns]


# ---- types ----


def _type_changes() -> list[tuple[str, str]]:
    """Types and simpler ones: fewer lanes, narrower, integers instead of floats."""
    made: list[tuple[str, str]] = []
    for name, ty in T.BY_NAME.items():
        if T.is_dynamic(ty) or ty == T.I32:
            continue
        if T.LANES[ty] > 1:
            made.append((name, T.NAMES[T.LANE[ty]]))
        elif T.is_float(ty):
            made.append((name, T.NAMES[T.int_of_bits(T.BITS[ty])]))
        else:
            made.append((name, "i32"))
    return made


_TYPE_CHANGES: Final = _type_changes()
_TYPE: Final = re.compile(r"\b(?:[if]\d+(?:x\d+)?)\b(?!xN)")


def _type_items(case: Case) -> list[Item]:
    made: list[Item] = []
    for f, func in enumerate(case.functions):
        found = set(_TYPE.findall(print_function(func)))
        made += [(f, n) for n, (old, _) in enumerate(_TYPE_CHANGES) if old in found]
    return made


def _change_types(case: Case, items: list[Item]) -> None:
    """Another type instead of one, everywhere in a function."""
    for f, n in items:
        old, new = _TYPE_CHANGES[n]
        text = re.sub(rf"\b{old}\b", new, print_function(case.functions[f]))
        case.functions[f] = parse_file(text).functions[0].func


PASSES: Final = (
    Pass("functions", _function_items, _drop_functions),
    Pass("comments", _comment_items, _drop_comments),
    Pass("dead blocks", _dead_items, _drop_dead),
    Pass("blocks", _block_items, _trap_blocks),
    Pass("terminators", _terminator_items, _simplify_terminators),
    Pass("targets", _target_items, _drop_targets),
    Pass("instructions", _inst_items, _drop_insts),
    Pass("forwarding", _forward_items, _forward),
    Pass("equal constants", _twin_items, _merge_twins),
    Pass("block parameters", _block_param_items, _drop_block_params),
    Pass("merging", _merge_items, _merge_blocks),
    Pass("parameters", _param_items, _drop_params),
    Pass("results", _result_items, _drop_results),
    Pass("signatures", _signature_items, _simplify_signatures),
    Pass("marks", _each_function, _simplify_marks),
    Pass("declarations", _each_function, _drop_unused),
    Pass("constants", _constant_items, _simplify_constants),
    Pass("slots", _slot_items, _simplify_slots),
    Pass("conventions", _convention_items, _simplify_conventions),
    Pass("types", _type_items, _change_types),
    Pass("header", _header_items, _drop_header),
    Pass("numbers", _each_function, _compact),
)
