"""Control flow: branches that are decided, blocks that nothing reaches, blocks that need not be.

`run` does in this order: block parameters that always are one value; branches on constants;
edges through blocks that only jump on; unreachable blocks; chains of two blocks made one.
Everything is linear in blocks, branch arguments and instructions.
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.cfg import post_order
from grus.ir.function import NIL, Block, BlockCall, Function, Value, operands_of
from grus.opt.passes.edit import (
    pinned_blocks,
    remove_params,
    replace,
    resolve,
    resolve_operands,
    to_jump,
)


def run(func: Function) -> None:
    """Clean the control flow of `func`."""
    remove_unreachable(func)
    remove_redundant_params(func)
    if fold_branches(func):
        remove_unreachable(func)
    thread_jumps(func)
    merge_blocks(func)


# ---- reachability ----


def remove_unreachable(func: Function) -> bool:
    """Remove the blocks that no path from the entry reaches; True when there were some."""
    if not func.blocks:
        return False
    pinned = pinned_blocks(func)
    seen = bytearray(func.num_blocks)
    entry = func.blocks[0]
    seen[entry.num] = 1
    work = [entry]
    while work:
        block = work.pop()
        for call in block.insts[-1].targets:
            to = call.block
            if not seen[to.num]:
                seen[to.num] = 1
                work.append(to)
        if pinned:
            for inst in block.insts:
                if inst.op == ops.GET_EXCEPTION_HANDLER_ADDRESS:
                    named = inst.ext
                    if isinstance(named, Block) and not seen[named.num]:
                        seen[named.num] = 1
                        work.append(named)
    kept = [block for block in func.blocks if seen[block.num]]
    if len(kept) == len(func.blocks):
        return False
    for block in func.blocks:
        if not seen[block.num]:
            drop(block.insts)
            block.insts = []
            block.params = []
    func.blocks = kept
    return True


def drop(insts: list[Value]) -> None:
    """Unlink instructions that leave the function, so that reference counting frees them."""
    for inst in insts:
        inst.a = inst.b = inst.c = NIL
        inst.args = ()
        inst.targets = ()
        inst.results = ()


def reverse_post_order(func: Function) -> list[Block]:
    """The reachable blocks, each before those that it alone leads to."""
    blocks: list[Block] = [func.blocks[0]] * func.num_blocks
    succs: list[list[int]] = [[] for _ in range(func.num_blocks)]
    for block in func.blocks:
        blocks[block.num] = block
        succs[block.num] = [call.block.num for call in block.insts[-1].targets]
    order = post_order(func.blocks[0].num, succs)
    order.reverse()
    return [blocks[num] for num in order]


# ---- block parameters ----


def incoming(func: Function) -> list[list[BlockCall]]:
    """The branch targets that lead to each block, by its number."""
    calls: list[list[BlockCall]] = [[] for _ in range(func.num_blocks)]
    for block in func.blocks:
        for call in block.insts[-1].targets:
            calls[call.block.num].append(call)
    return calls


def remove_redundant_params(func: Function) -> bool:
    """Replace block parameters that are one and the same value on every path; True if any was.

    Each parameter is taken to be no value yet, then the one value that its arguments are, and
    itself when they differ: it changes at most twice. (Parameters that feed each other around
    loops are found too, which looking at one at a time would not.)
    """
    blocks = [block for block in func.blocks[1:] if block.params]
    if not blocks:
        return False
    calls = incoming(func)
    known: dict[int, Value] = {}  # by number of a parameter: the value that it is
    params: dict[int, Value] = {}
    users: dict[int, list[Value]] = {}  # parameters that have a parameter as argument
    work: list[Value] = []
    for block in blocks:
        for param in block.params:
            params[param.num] = param
            work.append(param)
    for block in blocks:
        for call in calls[block.num]:
            for index, arg in enumerate(call.args):
                if arg.num in params:
                    users.setdefault(arg.num, []).append(block.params[index])
    work.reverse()
    waiting = bytearray(func.num_values)
    for param in work:
        waiting[param.num] = 1
    while work:
        param = work.pop()
        waiting[param.num] = 0
        old = known.get(param.num)
        if old is param:
            continue
        new: Value | None = None
        for call in calls[param.block.num]:
            arg = call.args[param.imm]
            if arg.num in params:
                value = known.get(arg.num)
                if value is None:
                    continue
            else:
                value = arg
                if arg.op == ops.TRY_RET or arg.op == ops.TRY_EXN:
                    new = param
                    break
            if new is None:
                new = value
            elif new is not value:
                new = param
                break
        if new is not None and new is not old:
            if old is not None:
                new = param
            known[param.num] = new
            for user in users.get(param.num, ()):
                if not waiting[user.num]:
                    waiting[user.num] = 1
                    work.append(user)
    changed = False
    for block in blocks:
        keep = [known.get(param.num, param) is param for param in block.params]
        if all(keep):
            continue
        changed = True
        gone = [param for param in block.params if not keep[param.imm]]
        remove_params(block, calls[block.num], keep)
        for param in gone:
            replace(param, known[param.num])
    if changed:
        resolve_operands(func)
    return changed


# ---- branches ----


def fold_branches(func: Function) -> bool:
    """Turn branches that can go only one way into jumps; True when there were some."""
    changed = False
    for block in func.blocks:
        last = block.insts[-1]
        if last.op == ops.BRIF:
            then, other = last.targets
            condition = last.a
            if condition.op == ops.ICONST:
                to_jump(last, then if condition.imm else other)
                changed = True
            elif then.block is other.block and then.args == other.args:
                to_jump(last, then)
                changed = True
        elif last.op == ops.BR_TABLE:
            changed |= _fold_table(last)
    return changed


def _fold_table(inst: Value) -> bool:
    default = inst.targets[0]
    if inst.a.op == ops.ICONST:
        index = inst.a.imm & 0xFFFFFFFF
        inside = index + 1 < len(inst.targets)
        to_jump(inst, inst.targets[index + 1] if inside else default)
        return True
    count = len(inst.targets)
    while count > 1 and _same(inst.targets[count - 1], default):
        count -= 1
    if count == 1:
        to_jump(inst, default)
        return True
    if count < len(inst.targets):
        inst.targets = inst.targets[:count]
    if count == 2:  # one entry: index 0
        inst.op = ops.BRIF
        inst.targets = (default, inst.targets[1])
        return True
    return False


def _same(one: BlockCall, other: BlockCall) -> bool:
    return one.block is other.block and one.args == other.args


def thread_jumps(func: Function) -> bool:
    """Let edges to a block that only jumps on go to where it jumps; True when any does."""
    entry = func.blocks[0]
    forwards: dict[int, Block] = {}
    with_params: list[Block] = []
    for block in func.blocks:
        if len(block.insts) == 1 and block.insts[0].op == ops.JUMP and block is not entry:
            if block.insts[0].targets[0].block is not block:
                forwards[block.num] = block
                if block.params:
                    with_params.append(block)
    if not forwards:
        return False
    for num in pinned_blocks(func):
        forwards.pop(num, None)
    if with_params:
        _drop_if_used_elsewhere(func, forwards, with_params)
    changed = False
    for block in reversed(reverse_post_order(func)):
        last = block.insts[-1]
        if last.op not in (ops.JUMP, ops.BRIF, ops.BR_TABLE):
            continue
        for call in last.targets:
            through = forwards.get(call.block.num)
            if through is None or through is block:
                continue
            on = through.insts[0].targets[0]
            if on.block is through:
                continue
            args = call.args
            call.args = [
                args[arg.imm] if arg.op == ops.PARAM and arg.block is through else arg
                for arg in on.args
            ]
            call.block = on.block
            changed = True
    if changed:
        remove_unreachable(func)
        fold_branches(func)
        remove_unreachable(func)
    return changed


def _drop_if_used_elsewhere(
    func: Function, forwards: dict[int, Block], with_params: list[Block]
) -> None:
    """Take blocks out of `forwards` whose parameters are used outside of the block."""
    candidates = {block.num for block in with_params}
    for block in func.blocks:
        for inst in block.insts:
            for value in operands_of(inst):
                if value.op == ops.PARAM and value.block is not block:
                    if value.block.num in candidates:
                        forwards.pop(value.block.num, None)


def merge_blocks(func: Function) -> bool:
    """Make one of two blocks when the first jumps to the second and nothing else goes there."""
    arrivals = [0] * func.num_blocks
    for block in func.blocks:
        for call in block.insts[-1].targets:
            arrivals[call.block.num] += 1
    arrivals[func.blocks[0].num] = 2  # the entry stays
    for num in pinned_blocks(func):
        arrivals[num] = 2
    gone = bytearray(func.num_blocks)
    aliases = False
    # A block comes before those it takes in, so that every instruction moves once.
    for block in reverse_post_order(func):
        if gone[block.num]:
            continue
        insts = block.insts
        while insts[-1].op == ops.JUMP:
            call = insts[-1].targets[0]
            second = call.block
            if arrivals[second.num] != 1 or second is block:
                break
            insts.pop()
            for param, arg in zip(second.params, call.args, strict=True):
                replace(param, resolve(arg))
                aliases = True
            for inst in second.insts:
                inst.block = block
                for result in inst.results:
                    result.block = block
            insts.extend(second.insts)
            second.insts = []
            second.params = []
            block.cold = block is not func.blocks[0] and (block.cold or second.cold)
            gone[second.num] = 1
    if not any(gone):
        return False
    func.blocks = [block for block in func.blocks if not gone[block.num]]
    if aliases:
        resolve_operands(func)
    return True


def to_trap(inst: Value) -> None:
    """Turn a `trapz` or `trapnz` that always traps into the terminator `trap`."""
    inst.op = ops.TRAP
    inst.ty = T.INVALID
    inst.a = NIL
