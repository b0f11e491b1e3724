"""The emission buffer: code with labels, and what is recorded about places in it.

Jumps to labels are not in the bytes: they are kept aside in order and put in by `finish`. It first
threads jumps to jumps, drops jumps to the next instruction and turns `jcc over; jmp to; over:`
into the inverted jump, then starts with every jump short and grows those that do not reach until
nothing changes. Sizes only grow, so this ends. Everything recorded before is a place
(bytes, jumps before it), which becomes an offset once sizes are known.

Invariant: a label is bound at most once; `finish` needs every used one bound.
"""

from __future__ import annotations

from typing import Final

from grus.base.errors import GrusError


class BufferError(GrusError):
    """A label that is used and not bound, or a use that cannot reach its label."""


ALWAYS: Final = -1
"""The condition of an unconditional jump."""

Place = tuple[int, int]


class LabelUse:
    """A kind of field that refers to a label: `size` bytes, signed, relative to its own place."""

    __slots__ = ("name", "size")

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size


class JumpKind:
    """The jumps of a target. A condition XOR 1 is its inverse, as on x86 and AArch64.

    The distance field is the last `short_field` or `long_field` bytes and counts from the end.
    `always` and `conditional` are opcodes (short, long); the condition is added to the last byte.
    """

    __slots__ = ("always", "conditional", "long_field", "short_field")

    def __init__(
        self,
        always: tuple[bytes, bytes],
        conditional: tuple[bytes, bytes],
        short_field: int,
        long_field: int,
    ) -> None:
        self.always = always
        self.conditional = conditional
        self.short_field = short_field
        self.long_field = long_field


class Reloc:
    """`symbol + addend` belongs at `offset`; `kind` as Cranelift names it (`X86CallPCRel4`)."""

    __slots__ = ("addend", "kind", "offset", "symbol")

    def __init__(self, offset: int, kind: str, symbol: str, addend: int) -> None:
        self.offset = offset
        self.kind = kind
        self.symbol = symbol
        self.addend = addend


class CodeBlob:
    """Code and its tables. All offsets count from the start of `code`.

    `traps`: (offset, code); `callsites`: (return offset, map); `srclocs`: (start, end, location);
    `unwind`: (offset, row); `labels`: offset of each label, -1 for unbound ones.
    """

    __slots__ = ("align", "callsites", "code", "labels", "relocs", "srclocs", "traps", "unwind")

    def __init__(self, code: bytes, align: int) -> None:
        self.code = code
        self.align = align
        self.labels: list[int] = []
        self.relocs: list[Reloc] = []
        self.traps: list[tuple[int, int]] = []
        self.callsites: list[tuple[int, object]] = []
        self.srclocs: list[tuple[int, int, int]] = []
        self.unwind: list[tuple[int, object]] = []


class Buffer:
    """Code under construction. Instructions that are no jump are appended to `data`."""

    __slots__ = (
        "_callsites",
        "_constants",
        "_jumps",
        "_labels",
        "_locs",
        "_relocs",
        "_traps",
        "_unwind",
        "_uses",
        "align",
        "data",
        "kind",
    )

    def __init__(self, kind: JumpKind, align: int = 16) -> None:
        self.data = bytearray()
        self.kind = kind
        self.align = align
        self._labels: list[Place] = []
        self._jumps: list[tuple[int, int, int]] = []  # place in data, condition, label
        self._uses: list[tuple[Place, int, LabelUse, int]] = []
        self._constants: dict[tuple[bytes, int], int] = {}
        self._relocs: list[tuple[Place, str, str, int]] = []
        self._traps: list[tuple[Place, int]] = []
        self._callsites: list[tuple[Place, object]] = []
        self._locs: list[tuple[Place, int]] = []
        self._unwind: list[tuple[Place, object]] = []

    def _here(self) -> Place:
        return (len(self.data), len(self._jumps))

    def new_label(self) -> int:
        """A label, not bound yet."""
        self._labels.append((-1, 0))
        return len(self._labels) - 1

    def bind(self, label: int) -> None:
        """The label stands here."""
        assert self._labels[label][0] < 0, f"label {label} is bound twice"
        self._labels[label] = self._here()

    def jump(self, label: int, condition: int = ALWAYS) -> None:
        """Jump to a label."""
        self._jumps.append((len(self.data), condition, label))

    def use(self, label: int, kind: LabelUse, back: int, addend: int = 0) -> None:
        """The field that starts `back` bytes before the end of data gets label + addend - place."""
        place = (len(self.data) - back, len(self._jumps))
        self._uses.append((place, label, kind, addend))

    def constant(self, value: bytes, align: int) -> int:
        """The label of a constant in the pool behind the code; `align` is a power of two."""
        key = (value, align)
        label = self._constants.get(key, -1)
        if label < 0:
            label = self._constants[key] = self.new_label()
        return label

    def reloc(self, kind: str, symbol: str, addend: int, back: int) -> None:
        """A relocation of the field that starts `back` bytes before the end of data."""
        place = (len(self.data) - back, len(self._jumps))
        self._relocs.append((place, kind, symbol, addend))

    def trap(self, code: int) -> None:
        """The next instruction may trap with `code`."""
        self._traps.append((self._here(), code))

    def callsite(self, stack_map: object) -> None:
        """The call just emitted returns here."""
        self._callsites.append((self._here(), stack_map))

    def srcloc(self, location: int) -> None:
        """Code from here on comes from `location`."""
        self._locs.append((self._here(), location))

    def unwind(self, row: object) -> None:
        """An unwind row that holds from here on."""
        self._unwind.append((self._here(), row))

    # ---- finishing ----

    def finish(self) -> CodeBlob:
        """Choose jumps, place constants, fill in labels.

        Raises BufferError for an unbound label or a use out of reach.
        """
        for (_, align), label in self._constants.items():
            self.align = max(self.align, align)
            self._labels[label] = (0, 0)  # placed below; bound as far as checks go
        for _, _, label in self._jumps:
            self._check(label)
        for _, label, _, _ in self._uses:
            self._check(label)
        live = self._simplify()
        sizes, before = self._relax(live)
        out = self._assemble(live, sizes, before)
        blob = CodeBlob(b"", self.align)
        blob.labels = [-1 if p[0] < 0 else p[0] + before[p[1]] for p in self._labels]
        for (value, align), label in self._constants.items():
            out += bytes(-len(out) % align)
            blob.labels[label] = len(out)
            out += value
        for place, label, kind, addend in self._uses:
            at = place[0] + before[place[1]]
            self._patch(out, at, kind.size, blob.labels[label] + addend - at, kind.name)
        blob.code = bytes(out)
        blob.relocs = [Reloc(p[0] + before[p[1]], k, s, a) for p, k, s, a in self._relocs]
        blob.traps = [(p[0] + before[p[1]], code) for p, code in self._traps]
        blob.callsites = [(p[0] + before[p[1]], m) for p, m in self._callsites]
        blob.unwind = [(p[0] + before[p[1]], row) for p, row in self._unwind]
        end = len(self.data) + before[-1]
        for place, location in reversed(self._locs):
            start = place[0] + before[place[1]]
            if start < end:
                blob.srclocs.append((start, end, location))
            end = start
        blob.srclocs.reverse()
        return blob

    def _check(self, label: int) -> None:
        if self._labels[label][0] < 0:
            raise BufferError(f"label {label} is used and not bound")

    @staticmethod
    def _patch(out: bytearray, at: int, size: int, value: int, name: str) -> None:
        if not -(1 << 8 * size - 1) <= value < 1 << 8 * size - 1:
            raise BufferError(f"{name} at {at} cannot reach: distance {value}")
        out[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    def _simplify(self) -> list[bool]:
        """Thread, invert and drop jumps; returns which remain."""
        jumps = self._jumps
        live = [True] * len(jumps)
        for n, (at, condition, label) in enumerate(jumps):
            for _ in range(16):  # cycles of empty blocks end here
                place, index = self._labels[label]
                if index >= len(jumps) or jumps[index][0] != place or index == n:
                    break
                if jumps[index][1] != ALWAYS:
                    break
                label = jumps[index][2]
            jumps[n] = (at, condition, label)
        targets = {place: True for place in self._labels}
        for n in range(len(jumps) - 2, -1, -1):
            at, condition, label = jumps[n]
            over_at, over_condition, over_label = jumps[n + 1]
            if (
                condition != ALWAYS
                and over_condition == ALWAYS
                and over_at == at
                and self._labels[label] == (at, n + 2)
                and (at, n + 1) not in targets
            ):
                jumps[n] = (at, condition ^ 1, over_label)
                live[n + 1] = False
        for n in range(len(jumps) - 1, -1, -1):
            place, index = self._labels[jumps[n][2]]
            if place == jumps[n][0] and index > n and not any(live[n + 1 : index]):
                live[n] = False
        return live

    def _relax(self, live: list[bool]) -> tuple[list[int], list[int]]:
        """Size of each jump, and the bytes of jumps before each."""
        kind = self.kind
        jumps = self._jumps
        short = [0] * len(jumps)
        full = [0] * len(jumps)
        for n, (_, condition, _) in enumerate(jumps):
            if live[n]:
                codes = kind.always if condition == ALWAYS else kind.conditional
                short[n] = len(codes[0]) + kind.short_field
                full[n] = len(codes[1]) + kind.long_field
        sizes = list(short)
        reach = 1 << 8 * kind.short_field - 1
        while True:
            before = [0]
            for size in sizes:
                before.append(before[-1] + size)
            changed = False
            for n, (at, _, label) in enumerate(jumps):
                if live[n] and sizes[n] == short[n]:
                    place, index = self._labels[label]
                    distance = place + before[index] - at - before[n + 1]
                    if not -reach <= distance < reach:
                        sizes[n] = full[n]
                        changed = True
            if not changed:
                return sizes, before

    def _assemble(self, live: list[bool], sizes: list[int], before: list[int]) -> bytearray:
        """Data with its jumps."""
        kind = self.kind
        out = bytearray()
        done = 0
        for n, (at, condition, label) in enumerate(self._jumps):
            out += self.data[done:at]
            done = at
            if not live[n]:
                continue
            codes = kind.always if condition == ALWAYS else kind.conditional
            is_short = sizes[n] == len(codes[0]) + kind.short_field
            out += codes[0] if is_short else codes[1]
            if condition != ALWAYS:
                out[-1] += condition
            field = kind.short_field if is_short else kind.long_field
            place, index = self._labels[label]
            distance = place + before[index] - at - before[n + 1]
            out += bytes(field)
            self._patch(out, len(out) - field, field, distance, "jump")
        out += self.data[done:]
        return out
