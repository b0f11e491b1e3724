"""Parallel moves as sequences of single ones.

A set of moves that happen "at once" (every source is read before any destination is written) is
put in an order that gives the same result. Destinations are distinct; a source may feed several.

Algorithm: a move may be emitted as soon as nobody still waits to read its destination; emitting
it may release others. What is left when none is free are disjoint cycles; one location of a cycle
is saved to TEMP, which frees the rest (Rideau, Serpette, Leroy, "Tilting at Windmills with Coq",
2008; Boissinot et al., CGO 2009, algorithm 1). At most one TEMP is alive at a time.

Machines move from memory to memory only through a register. `emit` lowers such moves and TEMP with
a scratch register, or without any: a cycle then goes through an extra slot, and a memory-to-memory
move borrows a register that it saves and restores. Each class has slots of its own, so locations
never overlap partly.
"""

from __future__ import annotations

from grus.backend.regalloc.types import NOWHERE, SLOT, Machine, Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

TEMP: Final = -2


class Frame:
    """Hands out spill slots; n counts 8-byte words."""

    __slots__ = ("sizes", "num_slots", "temps", "odd_word")

    def __init__(self, machine: Machine) -> None:
        self.sizes: list[int] = machine.spill_size
        self.num_slots: int = 0
        self.temps: list[int] = [NOWHERE] * (2 * len(machine.spill_size))
        self.odd_word: int = NOWHERE

    def new_slot(self, cls: int) -> int:
        """A fresh slot for class `cls`, as an allocation."""
        if self.sizes[cls] == 1:
            if self.odd_word >= 0:
                n = self.odd_word
                self.odd_word = NOWHERE
                return SLOT + n
        elif self.num_slots & 1:
            self.odd_word = self.num_slots
            self.num_slots += 1
        n = self.num_slots
        self.num_slots = n + self.sizes[cls]
        return SLOT + n

    def temp_slot(self, cls: int, which: int) -> int:
        """Extra slot 0 (broken cycles) or 1 (borrowed register) of a class."""
        k = 2 * cls + which
        if self.temps[k] < 0:
            self.temps[k] = self.new_slot(cls)
        return self.temps[k]


def sequence(srcs: list[int], dsts: list[int], classes: list[int]) -> bool:
    """Order the moves in place, with TEMP where cycles are broken; moves to itself vanish.

    Returns True if `emit` can use a scratch register: TEMP or a memory-to-memory move occurs.
    """
    readers: dict[int, int] = {}
    writer: dict[int, int] = {}
    for k in range(len(srcs)):
        if srcs[k] != dsts[k]:
            readers[srcs[k]] = readers.get(srcs[k], 0) + 1
            writer[dsts[k]] = k
    ready = [d for d in writer if d not in readers]
    out_src: list[int] = []
    out_dst: list[int] = []
    out_class: list[int] = []
    scratch = False
    pending = list(writer)
    done: set[int] = set()
    reader: dict[int, int] = {}
    while True:
        while ready:
            d = ready.pop()
            k = writer[d]
            s = srcs[k]
            done.add(d)
            out_src.append(s)
            out_dst.append(d)
            out_class.append(classes[k])
            if d >= SLOT and s >= SLOT:
                scratch = True
            readers[s] -= 1
            if readers[s] == 0 and s in writer and s not in done:
                ready.append(s)
        while pending and pending[-1] in done:
            pending.pop()
        if not pending:
            break
        # Only cycles are left: each location has one reader. Save the old content of one of
        # them; its reader takes it from there.
        d = pending[-1]
        out_src.append(d)
        out_dst.append(TEMP)
        out_class.append(classes[writer[d]])
        scratch = True
        if not reader:
            reader = {srcs[writer[w]]: writer[w] for w in pending if w not in done}
        srcs[reader[d]] = TEMP
        readers[TEMP] = 1
        readers[d] = 0
        ready.append(d)
    srcs[:] = out_src
    dsts[:] = out_dst
    classes[:] = out_class
    return scratch


def emit(
    srcs: list[int],
    dsts: list[int],
    classes: list[int],
    scratch: list[int],
    machine: Machine,
    frame: Frame,
    out: Output,
    pos: int,
) -> None:
    """Append the ordered moves to the edits of `out` at `pos`.

    `scratch[c]` is a preg of class c that holds nothing here, or -1.
    """
    busy = 0  # mask of classes whose scratch register is needed for memory moves
    for k in range(len(srcs)):
        if srcs[k] >= SLOT and dsts[k] >= SLOT:
            busy |= 1 << classes[k]
    for k in range(len(srcs)):
        c = classes[k]
        src = srcs[k]
        dst = dsts[k]
        through = scratch[c]
        if src == TEMP or dst == TEMP:
            place = through
            if through < 0 or busy >> c & 1:
                place = frame.temp_slot(c, 0)
            if src == TEMP:
                src = place
            else:
                dst = place
        if src < SLOT or dst < SLOT:
            append(out, pos, src, dst, c)
        elif through >= 0:
            append(out, pos, src, through, c)
            append(out, pos, through, dst, c)
        else:
            through = machine.allocatable[c][0]
            saved = frame.temp_slot(c, 1)
            append(out, pos, through, saved, c)
            append(out, pos, src, through, c)
            append(out, pos, through, dst, c)
            append(out, pos, saved, through, c)


def append(out: Output, pos: int, src: int, dst: int, cls: int) -> None:
    """Append one edit."""
    out.edit_pos.append(pos)
    out.edit_src.append(src)
    out.edit_dst.append(dst)
    out.edit_class.append(cls)
