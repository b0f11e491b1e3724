"""What emission gives, and the code buffer that targets emit into.

The buffer holds code without its jumps to labels. They are kept aside in order, and `finish`
chooses the shortest form of each by starting with all short and growing those that do not reach,
until nothing changes; only then do places become offsets. A place is (bytes, jumps) before it.
"""

from __future__ import annotations

from grus.base.errors import GrusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class ImplLimit(GrusError):
    """A function that is beyond what one function may be: frame, code size."""


class Reloc:
    """A place in the code to be filled by the linker.

    `kind` is a name of `cranelift_codegen::binemit::Reloc` (`Abs8`, `X86PCRel4`,
    `X86CallPCRel4`, `X86GOTPCRel4`); the field gets `symbol + addend`, minus the place for the
    relative kinds.
    """

    __slots__ = ("addend", "kind", "name", "offset")

    def __init__(self, offset: int, kind: str, name: str, addend: int) -> None:
        self.offset = offset
        self.kind = kind
        self.name = name
        self.addend = addend


class CallSiteInfo:
    """A call, by its return address.

    `stack_map`: (kind, offset from the frame pointer, type) of each live reference. `handlers`:
    (kind, tag, offset of the code that handles it) in order, for a `try_call`.
    """

    __slots__ = ("handlers", "offset", "stack_map", "tags")

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.stack_map: list[tuple[int, int, int]] = []
        self.handlers: list[tuple[str, int, int]] = []
        self.tags: list[int] = []


class CompiledFunction:
    """Code and all that belongs to it. Offsets count from the start of the code.

    `traps`: (offset, code): for a memory access the instruction that may fault, for an illegal
    instruction its own, for a trap call (`trap_call_offset`) its last byte: at the return address
    may stand an access that faults. `faults`: the offsets among them that are memory accesses.
    `unwind`: what the prologue has done from an offset on, as (offset, what, register, value):
    "cfa" (the frame begins at register + value), "saved" (register is kept at frame begin + value),
    "alloc" (the stack pointer, a register, went down by value; says nothing new of the frame); the
    last holds to the end. `locs`: (offset, source location) where it changes.
    """

    __slots__ = (
        "align",
        "call_sites",
        "code",
        "faults",
        "frame_size",
        "locs",
        "name",
        "relocs",
        "saved",
        "traps",
        "unwind",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.code = b""
        self.align = 16
        self.frame_size = 0
        self.relocs: list[Reloc] = []
        self.traps: list[tuple[int, int]] = []
        self.faults: list[int] = []
        self.call_sites: list[CallSiteInfo] = []
        self.locs: list[tuple[int, int]] = []
        self.unwind: list[tuple[int, str, int, int]] = []
        self.saved: list[tuple[int, int]] = []  # kept register, its offset from the frame pointer

    def handler(self, offset: int, tag: int) -> int:
        """Offset of the code that handles an exception thrown to the return address `offset`, or
        -1. Handlers are tried in order; what a `context` means is not known here."""
        for site in self.call_sites:
            if site.offset == offset:
                for kind, wanted, target in site.handlers:
                    if kind == "default" or wanted == tag:
                        return target
        return -1


ALWAYS: Final = -1
"""The condition of an unconditional jump."""

Place = tuple[int, int]


class CodeBuffer:
    """Bytes with labels, jumps and things recorded at places."""

    __slots__ = (
        "jump_at",
        "jump_cc",
        "jump_label",
        "labels",
        "offsets",
        "out",
        "relative",
        "words",
    )

    def __init__(self) -> None:
        self.out = bytearray()
        self.labels: list[Place] = []
        self.jump_at: list[int] = []
        self.jump_cc: list[int] = []
        self.jump_label: list[int] = []
        self.offsets: list[int] = []

    def place(self) -> Place:
        """Here."""
        return (len(self.out), len(self.jump_at))

    def label(self) -> int:
        """A new label, not bound yet."""
        self.labels.append((-1, 0))
        return len(self.labels) - 1

    def bind(self, label: int) -> None:
        """The label stands here."""
        self.labels[label] = (len(self.out), len(self.jump_at))

    def jump(self, condition: int, label: int) -> None:
        """Jump to a label; `condition` is the target's code or ALWAYS."""
        self.jump_at.append(len(self.out))
        self.jump_cc.append(condition)
        self.jump_label.append(label)

    def offset(self, place: Place) -> int:
        """The final offset of a place, after `layout`."""
        return place[0] + self.offsets[place[1]]

    def layout(self, short: int, long_jump: int, long_branch: int) -> list[int]:
        """Choose the size of each jump; returns sizes. `offsets` is valid after."""
        count = len(self.jump_at)
        sizes = [short] * count
        labels = self.labels
        changed = True
        while changed:
            changed = False
            total = 0
            offsets = [0] * (count + 1)
            for n in range(count):
                total += sizes[n]
                offsets[n + 1] = total
            for n in range(count):
                if sizes[n] == short:
                    target = labels[self.jump_label[n]]
                    distance = target[0] + offsets[target[1]] - self.jump_at[n] - offsets[n + 1]
                    if not -128 <= distance < 128:
                        sizes[n] = long_jump if self.jump_cc[n] == ALWAYS else long_branch
                        changed = True
            self.offsets = offsets
        return sizes
