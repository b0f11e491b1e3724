"""Which functions the elements of a table are for good.

Known are the elements that active segments put into a table which nobody else writes to: it is
defined in the module, is not exported, has no initialiser, and no code changes its elements
(`Module.written_tables`, which validation finds; growth changes none). Offsets are constants, and
all of a segment is within the least size of the table.

Code may run before a segment is there only if instantiation fails after a function of the instance
was put into a table of somebody else: so no earlier segment goes to an imported table.
"""

from __future__ import annotations

from grus.engine.constants import read_signed
from grus.wasm import module as M
from grus.wasm import opcodes as W

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


UNKNOWN: Final = -1


def constant_elements(module: M.Module, table: int) -> dict[int, int]:
    """The functions by index in table number `table`, as far as they are known."""
    declared = module.tables[table]
    if module.written_tables >> table & 1 or table < module.num_imported_tables:
        return {}
    if declared.init_start >= 0:
        return {}
    if any([e.kind == M.TABLE and e.index == table for e in module.exports]):
        return {}
    least = declared.type.limits.min
    found: dict[int, int] = {}
    foreign = False  # a table of somebody else has been written to
    for segment in module.elements:
        if segment.mode != M.ACTIVE:
            continue
        if segment.table != table:
            foreign |= segment.table < module.num_imported_tables
            continue
        first = _constant(module.data, segment.offset_start)
        if foreign or first is None or first + len(segment) > least:
            return {}
        if segment.is_exprs:
            found.update([(first + k, UNKNOWN) for k in range(len(segment))])
        else:
            found.update(zip(range(first, first + len(segment)), segment.funcs, strict=True))
    return found


def _constant(data: M.Buffer, pos: int) -> int | None:
    """The unsigned value of a constant expression that is one constant."""
    op = data[pos]
    if op not in (W.I32_CONST, W.I64_CONST):
        return None
    value, pos = read_signed(data, pos + 1)
    if data[pos] != W.END:
        return None
    return value & ((1 << (32 if op == W.I32_CONST else 64)) - 1)
