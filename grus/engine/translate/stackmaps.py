"""Stack maps: where the collector finds the external references of a frame.

Translation notes the values that come in as references: parameters, results of calls, elements of
tables, contents of globals. Here the values that they flow into (block parameters, selects) are
found; each of them that is live after a call gets a stack slot, is stored there where it is
defined, and stands in the stack map of the call. It is never read back: the collector does not
move anything (docs/abi.md, "Stack maps").

Functions without external references cost nothing. Liveness is per value (`ir.liveness`).
"""

from __future__ import annotations

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.cfg import ControlFlowGraph
from grus.ir.function import (
    AliasRegion,
    Block,
    CallInfo,
    Function,
    StackMapEntry,
    StackSlot,
    Value,
    mem_flags,
    operands_of,
)
from grus.ir.liveness import Liveness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

EXTERNREF: Final = 1
"""Kind of a stack map entry."""
REGION: Final = 2
"""User id of the alias region of the slots."""


def is_safepoint(inst: Value) -> bool:
    """True for a call after which references may have been released."""
    info = inst.ext
    return isinstance(info, CallInfo) and info.sig.call_conv == "tail"


def insert_stack_maps(func: Function, sources: list[Value]) -> None:
    """Give every call of `func` the map of the references that are live after it."""
    if not sources:
        return
    refs = references(func, sources)
    maps = live_after_calls(func, refs)
    kept: list[Value] = []
    slots: dict[int, StackSlot] = {}
    for call, live in maps:
        info = call.ext
        assert isinstance(info, CallInfo)
        for value in live:
            slot = slots.get(value.num)
            if slot is None:
                slot = func.add_stack_slot(StackSlot(8, 8))
                slots[value.num] = slot
                kept.append(value)
            info.stack_map.append(StackMapEntry(T.I64, slot, 0, EXTERNREF))
    if kept:
        _store_definitions(func, kept, slots)


def references(func: Function, sources: list[Value]) -> dict[int, Value]:
    """The values that may be external references, by number: where `sources` flow to."""
    feeds: dict[int, list[Value]] = {}  # value: selects and block parameters that take it
    for block in func.blocks:
        for inst in block.insts:
            if inst.op == ops.SELECT and inst.ty == T.I64:
                feeds.setdefault(inst.b.num, []).append(inst)
                feeds.setdefault(inst.c.num, []).append(inst)
            for call in inst.targets:
                for arg, param in zip(call.args, call.block.params, strict=True):
                    if arg.ty == T.I64:
                        feeds.setdefault(arg.num, []).append(param)
    refs: dict[int, Value] = {}
    work: list[Value] = []
    for value in sources:
        while value.op == ops.ALIAS:
            value = value.a
        work.append(value)
    while work:
        value = work.pop()
        if value.num not in refs:
            refs[value.num] = value
            work += feeds.get(value.num, ())
    return refs


def live_after_calls(func: Function, refs: dict[int, Value]) -> list[tuple[Value, list[Value]]]:
    """For each safepoint the references that are live after it and were there before."""
    cfg = ControlFlowGraph(func)
    liveness = Liveness(func, cfg)
    live_out: dict[int, list[Value]] = {}
    for value in refs.values():
        for num in liveness.live_out(value):
            live_out.setdefault(num, []).append(value)
    maps: list[tuple[Value, list[Value]]] = []
    for block in func.blocks:
        live = {value.num: value for value in live_out.get(block.num, ())}
        for inst in reversed(block.insts):
            live.pop(inst.num, None)
            for result in inst.results:
                live.pop(result.num, None)
            if live and is_safepoint(inst):
                maps.append((inst, list(live.values())))
            for value in operands_of(inst):
                if value.num in refs:
                    live[value.num] = value
    return maps


def _store_definitions(func: Function, values: list[Value], slots: dict[int, StackSlot]) -> None:
    """Store each value into its slot right after its definition."""
    region = func.add_alias_region(AliasRegion(REGION, "references"))
    flags = mem_flags(aligned=True, trap=0, region=region.num)
    after: dict[int, list[Value]] = {}  # instruction: values that it defines
    for value in values:
        if value.op != ops.PARAM:
            owner = value.a if value.op == ops.PROJ else value
            after.setdefault(owner.num, []).append(value)
    params = {value.num for value in values if value.op == ops.PARAM}
    for block in func.blocks:
        out: list[Value] = []
        for param in block.params:
            if param.num in params:
                _store(func, block, out, param, slots[param.num], flags)
        for inst in block.insts:
            out.append(inst)
            for value in after.get(inst.num, ()):
                _store(func, block, out, value, slots[value.num], flags)
        block.insts[:] = out


def _store(
    func: Function, block: Block, out: list[Value], value: Value, slot: StackSlot, flags: object
) -> None:
    address = func.new_value(ops.STACK_ADDR, T.I64, block)
    address.ext = slot
    store = func.new_value(ops.STORE, 0, block)
    store.ext = flags
    store.a = value
    store.b = address
    out += (address, store)
