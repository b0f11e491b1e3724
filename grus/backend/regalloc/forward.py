"""After allocation: values are taken from the registers that still hold them, not from their slots.

Walks each block once, with what is known: a slot and a register hold the same. A reload into that
register goes, one into another register becomes a copy, an operand that may be in a slot is taken
from the register. Then stores to slots that nobody reads go. A block with one predecessor that was
walked begins with what is known at that one's end.
"""

from __future__ import annotations

from grus.backend.regalloc.types import (
    ANY,
    DEF,
    REMAT,
    SLOT,
    THROUGH,
    Func,
    Output,
)


def forward(func: Func, out: Output) -> None:
    """Improve an allocation in place."""
    if not out.num_slots:
        return
    _Forwarding(func, out).run()


class _Forwarding:
    __slots__ = ("func", "holder", "keeps", "out", "slot_of")

    def __init__(self, func: Func, out: Output) -> None:
        self.func = func
        self.out = out
        self.holder: dict[int, int] = {}  # slot: register that holds the same
        self.slot_of: dict[int, int] = {}  # register: slot
        self.keeps: list[bool] = [True] * len(out.edit_pos)

    def run(self) -> None:
        func, out = self.func, self.out
        edit_pos = out.edit_pos
        edits = len(edit_pos)
        ends: list[dict[int, int] | None] = [None] * len(func.insn_start)
        e = 0
        for b in range(len(func.insn_start)):
            before = ends[func.preds[b][0]] if len(func.preds[b]) == 1 else None
            self.holder = dict(before) if before else {}
            self.slot_of = {reg: slot for slot, reg in self.holder.items()}
            i = func.insn_start[b]
            end = func.insn_end[b]
            while i < end:
                if not self.slot_of:  # nothing is known: on to the next edit
                    i = edit_pos[e] >> 1 if e < edits else end
                    if i >= end:
                        break
                while e < edits and edit_pos[e] <= 2 * i:
                    self.edit(e)
                    e += 1
                if self.slot_of:
                    self.instruction(i)
                while e < edits and edit_pos[e] == 2 * i + 1:
                    self.edit(e)
                    e += 1
                i += 1
            if len(func.succs[b]) > 1:
                ends[b] = self.holder
        self.drop_unread_stores()
        keeps = self.keeps
        if not all(keeps):
            for values in (out.edit_pos, out.edit_src, out.edit_dst, out.edit_class):
                values[:] = [value for value, kept in zip(values, keeps, strict=True) if kept]

    def forget(self, reg: int) -> None:
        """The register is written."""
        slot = self.slot_of.pop(reg, -1)
        if slot >= 0:
            del self.holder[slot]

    def same(self, slot: int, reg: int) -> None:
        """The slot and the register hold the same from now on."""
        self.forget(reg)
        old = self.holder.get(slot, -1)
        if old >= 0:
            del self.slot_of[old]
        self.holder[slot] = reg
        self.slot_of[reg] = slot

    def edit(self, e: int) -> None:
        out = self.out
        src, dst = out.edit_src[e], out.edit_dst[e]
        if dst >= SLOT:
            if self.holder.get(dst, -1) == src:
                self.keeps[e] = False  # it is there
                return
            self.same(dst, src)
        elif SLOT <= src < REMAT:
            reg = self.holder.get(src, -1)
            if reg == dst:
                self.keeps[e] = False
            elif reg >= 0:
                out.edit_src[e] = reg
                self.forget(dst)
            else:
                self.same(src, dst)
        else:
            self.forget(dst)

    def instruction(self, i: int) -> None:
        func, allocs = self.func, self.out.allocs
        operands = func.operands
        first, last = func.operand_start[i], func.operand_start[i + 1]
        for k in range(first, last):
            op = operands[k]
            slot = allocs[k]
            if slot >= SLOT and op & (ANY | DEF | THROUGH) == ANY:
                reg = self.holder.get(slot, -1)
                if reg >= 0 and not self.written_early(reg, first, last):
                    allocs[k] = reg
        clobbers = func.clobbers[i]
        if clobbers:
            for reg in list(self.slot_of):
                if clobbers >> reg & 1:
                    self.forget(reg)
        for k in range(first, last):
            if operands[k] & DEF:
                at = allocs[k]
                if at >= SLOT:
                    reg = self.holder.pop(at, -1)
                    if reg >= 0:
                        del self.slot_of[reg]
                elif at >= 0:
                    self.forget(at)

    def written_early(self, reg: int, first: int, last: int) -> bool:
        """Whether an operand of the instruction may be written to the register before all are
        read."""
        early = DEF | THROUGH
        return any(
            [
                self.func.operands[k] & early == early and self.out.allocs[k] == reg
                for k in range(first, last)
            ]
        )

    def drop_unread_stores(self) -> None:
        out = self.out
        read = {at for at in out.allocs if at >= SLOT}
        for e, src in enumerate(out.edit_src):
            if SLOT <= src < REMAT and self.keeps[e]:
                read.add(src)
        for e, dst in enumerate(out.edit_dst):
            if dst >= SLOT and dst not in read:
                self.keeps[e] = False
