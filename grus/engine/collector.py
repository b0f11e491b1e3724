"""The collector of external references as machine code: IR that Grus compiles for itself.

One call of `collect` is one collection, and nothing can come between its steps. It walks the
frames of every activation of the Store, looks return addresses up in a hash table of stack maps,
and puts each reference that it finds into `roots` once (the flag REF_FOUND says that it is there).
Then the roots get one count each, and the entries of the chunk and of the old set lose theirs.
Headers whose count becomes zero go to `dead`.

`References` in `refs.py` has the same in Python, the oracle of tests: `Config(collector="python")`.
"""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Callable

from grus.base.layout import EXTERN_HEADER, REF_LISTED, Struct
from grus.engine import code
from grus.host import libc, pages
from grus.host.machine import stubs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


# fmt: off
STATE: Final = Struct("CollectorState", "arguments and results of a collection", (
    ("chunk",      "ptr", "first entry of the chunk"),
    ("chunk_end",  "ptr", "end of the entries in use"),
    ("set",        "ptr", "entries that survived the last collection"),
    ("set_count",  "u64", "how many"),
    ("roots",      "ptr", "room for as many references as there are entries"),
    ("root_count", "u64", "result: references found in frames"),
    ("dead",       "ptr", "room for as many"),
    ("dead_count", "u64", "result: references whose count became zero"),
    ("frames",     "u64", "result: frames walked"),
    ("exit_fp",    "u64", "frame of the thunk that left wasm"),
    ("act",        "u64", "record of the innermost activation"),
    ("depth",      "u64", "activations"),
    ("maps",       "ptr", "hash table of (return address, map) pairs"),
    ("mask",       "u64", "its size in pairs, less one"),
))
# fmt: on

_MULTIPLIER: Final = 0x9E3779B97F4A7C15
_SHIFT: Final = 32

TEXT: Final = """
function %collect(i64) system_v {
block0(v0: i64):
    v1 = load.i64 notrap aligned v0+{exit_fp}
    v2 = load.i64 notrap aligned v0+{act}
    v3 = load.i64 notrap aligned v0+{depth}
    v4 = load.i64 notrap aligned v0+{maps}
    v5 = load.i64 notrap aligned v0+{mask}
    v6 = load.i64 notrap aligned v0+{roots}
    v7 = iconst.i64 0
    v8 = iconst.i64 1
    v9 = iconst.i64 8
    v10 = iconst.i64 4
    v11 = iconst.i64 {multiplier}
    v12 = iconst.i64 {shift}
    jump block1(v1, v2, v3, v6, v7)

; each activation: fp of the thunk, record, how many are left, roots so far, frames
block1(v20: i64, v21: i64, v22: i64, v23: i64, v24: i64):
    brif v22, block2, block20
block2:
    v25 = load.i64 notrap aligned v20{host_exit_fp}
    jump block3(v20, v23, v24)

; each frame
block3(v30: i64, v31: i64, v32: i64):
    v33 = icmp ult v30, v21
    brif v33, block4, block9
block4:
    v34 = load.i64 notrap aligned v30
    v35 = icmp ult v34, v21
    brif v35, block5, block9
block5:
    v36 = load.i64 notrap aligned v30+8
    v37 = imul v36, v11
    v38 = ushr v37, v12
    jump block6(v38)

; look for the return address
block6(v40: i64):
    v41 = band v40, v5
    v42 = ishl v41, v10
    v43 = iadd v4, v42
    v44 = load.i64 notrap aligned v43
    v45 = icmp eq v44, v36
    brif v45, block7, block15
block15:
    v46 = iadd v41, v8
    brif v44, block6(v46), block8(v31)
block7:
    v47 = load.i64 notrap aligned v43+8
    v48 = load.i64 notrap aligned v47
    v49 = iadd v47, v9
    jump block10(v49, v48, v31)

; each reference of its map
block10(v50: i64, v51: i64, v52: i64):
    brif v51, block11, block8(v52)
block11:
    v53 = load.i64 notrap aligned v50
    v54 = iadd v34, v53
    v55 = load.i64 notrap aligned v54
    brif v55, block12, block14(v52)
block12:
    v56 = uload32 notrap aligned v55+{flags}
    v57 = iconst.i64 2
    v58 = band v56, v57
    brif v58, block14(v52), block13
block13:
    v59 = bor v56, v57
    istore32 notrap aligned v59, v55+{flags}
    store notrap aligned v55, v52
    v60 = iadd v52, v9
    jump block14(v60)
block14(v61: i64):
    v62 = iadd v50, v9
    v63 = isub v51, v8
    jump block10(v62, v63, v61)
block8(v64: i64):
    v65 = iadd v32, v8
    jump block3(v34, v64, v65)
block9:
    v66 = load.i64 notrap aligned v21
    v67 = isub v22, v8
    jump block1(v25, v66, v67, v31, v32)

; count the roots
block20:
    v70 = isub v23, v6
    v71 = iconst.i64 3
    v72 = ushr v70, v71
    store notrap aligned v72, v0+{root_count}
    store notrap aligned v24, v0+{frames}
    jump block21(v6)
block21(v73: i64):
    v74 = icmp ult v73, v23
    brif v74, block22, block23
block22:
    v75 = load.i64 notrap aligned v73
    v76 = uload32 notrap aligned v75+{flags}
    v77 = iconst.i64 -3
    v78 = band v76, v77
    istore32 notrap aligned v78, v75+{flags}
    v79 = load.i64 notrap aligned v75+{count}
    v80 = iadd v79, v8
    store notrap aligned v80, v75+{count}
    v81 = iadd v73, v9
    jump block21(v81)

; uncount the chunk, then the old set
block23:
    v82 = load.i64 notrap aligned v0+{chunk}
    v83 = load.i64 notrap aligned v0+{chunk_end}
    v84 = load.i64 notrap aligned v0+{dead}
    jump block24(v82, v83, v84, v8)
block24(v90: i64, v91: i64, v92: i64, v93: i64):
    v94 = icmp ult v90, v91
    brif v94, block25, block28
block25:
    v95 = load.i64 notrap aligned v90
    v112 = uload32 notrap aligned v95+{flags}
    v113 = iconst.i64 {not_listed}
    v114 = band v112, v113
    istore32 notrap aligned v114, v95+{flags}
    v96 = load.i64 notrap aligned v95+{count}
    v97 = isub v96, v8
    store notrap aligned v97, v95+{count}
    v98 = iadd v90, v9
    brif v97, block24(v98, v91, v92, v93), block26
block26 cold:
    v100 = band v114, v8
    brif v100, block24(v98, v91, v92, v93), block27
block27 cold:
    v101 = bor v114, v8
    istore32 notrap aligned v101, v95+{flags}
    store notrap aligned v95, v92
    v102 = iadd v92, v9
    jump block24(v98, v91, v102, v93)
block28:
    brif v93, block29, block30
block29:
    v103 = load.i64 notrap aligned v0+{set}
    v104 = load.i64 notrap aligned v0+{set_count}
    v105 = iconst.i64 3
    v106 = ishl v104, v105
    v107 = iadd v103, v106
    jump block24(v103, v107, v92, v7)
block30:
    v108 = load.i64 notrap aligned v0+{dead}
    v109 = isub v92, v108
    v110 = iconst.i64 3
    v111 = ushr v109, v110
    store notrap aligned v111, v0+{dead_count}
    jump block31(v6)

; the roots are the new set
block31(v120: i64):
    v121 = icmp ult v120, v23
    brif v121, block32, block33
block32:
    v122 = load.i64 notrap aligned v120
    v123 = uload32 notrap aligned v122+{flags}
    v124 = iconst.i64 {listed}
    v125 = bor v123, v124
    istore32 notrap aligned v125, v122+{flags}
    v126 = iadd v120, v9
    jump block31(v126)
block33:
    return
}
"""


def text() -> str:
    """The collector in CLIF, with the offsets of this build."""
    values: dict[str, object] = {name: STATE[name] for name in STATE.fields}
    values["count"] = EXTERN_HEADER["count"]
    values["flags"] = EXTERN_HEADER["flags"]
    values["listed"] = REF_LISTED
    values["not_listed"] = ~REF_LISTED
    values["host_exit_fp"] = stubs.HOST_EXIT_FP
    values["multiplier"] = f"{_MULTIPLIER:#x}"
    values["shift"] = _SHIFT
    made = TEXT
    for name, value in values.items():
        made = made.replace("{" + name + "}", str(value))
    return made


_collect: Callable[[int], None] | None = None
_keep: list[object] = []


def digest() -> int:
    """Of the text with its offsets: whether machine code was made of it."""
    return zlib.crc32(text().encode())


def native() -> Callable[[int], None]:
    """`collect` as machine code, which takes the address of a `STATE`; in place after the first
    call. It comes with Grus (`tools/gen_collector.py`), and is compiled only if it is of another
    text."""
    global _collect
    if _collect is None:
        from grus.engine import collector_code

        if digest() == collector_code.DIGEST:
            place = pages.arena("library").place(collector_code.CODE)
            _collect = ctypes.PYFUNCTYPE(None, ctypes.c_uint64)(place)
        else:
            from grus.link.jit import JITModule

            module = JITModule()
            module.define(text())
            module.finish()
            _keep.append(module)
            _collect = module["collect"]
    return _collect


class MapTable:
    """The stack maps of loaded images as a hash table that `collect` reads. Entries are only added
    while there is room; whoever uses the table keeps it."""

    __slots__ = ("_left", "_maps", "_words", "address", "mask", "stamp")

    def __init__(self, stamp: int, places: list[code.Place]) -> None:
        self.stamp = stamp
        count = sum([len(place.image.stack_maps) for place in places])
        size = 64
        while size < 4 * count:
            size *= 2
        self.mask = size - 1
        self._words = libc.words(2 * size)
        self._left = size // 2
        self._maps: list[Any] = []
        self.address = libc.address_of(self._words)
        for place in places:
            self.add(place)

    def add(self, place: code.Place) -> bool:
        """Enter the maps of an image; False when there is no room."""
        self._left -= len(place.image.stack_maps)
        if self._left < 0:
            return False
        words, mask = self._words, self.mask
        flat: list[int] = []
        starts: list[tuple[int, int]] = []
        for offset, entries in place.image.stack_maps.items():
            starts.append((place.start + offset, 8 * len(flat)))
            flat.append(len(entries))
            flat += [at & (1 << 64) - 1 for at in entries]
        block = libc.words(flat)
        self._maps.append(block)
        first = libc.address_of(block)
        for address, at in starts:
            slot = (address * _MULTIPLIER & (1 << 64) - 1) >> _SHIFT & mask
            while words[2 * slot] not in (0, address):
                slot = slot + 1 & mask
            words[2 * slot + 1] = first + at
            words[2 * slot] = address
        return True


_latest: list[MapTable] = []


def stack_maps() -> MapTable:
    """The table of the images that are loaded now."""
    stamp, fresh = code.unloads(), code.fresh()
    table = _latest[-1] if _latest else None
    if table is not None and table.stamp == stamp:
        while fresh and table.add(fresh[-1]):
            fresh.pop()
        if not fresh:
            return table
    fresh.clear()
    table = MapTable(stamp, [place for place in code.places() if place.image.has_stack_maps()])
    _latest[:] = [table]
    return table
