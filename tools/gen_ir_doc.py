"""Write `docs/ir.md` from the opcode table: `python -m tools.gen_ir_doc`.

The examples are the functions of `tests/ir/opcodes.clif`, which the tests run. A test keeps the
page equal to what this module makes.
"""

from __future__ import annotations

from pathlib import Path

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import CALL_CONVS

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "ir.md"
EXAMPLES = ROOT / "tests" / "ir" / "opcodes.clif"

SECTIONS = {
    "jump": "Control flow and calls",
    "splat": "Lanes",
    "smin": "Minimum, maximum, averages, saturation",
    "load": "Memory",
    "stack_addr": "Addresses",
    "stack_switch": "Machine state",
    "iconst": "Constants",
    "select": "Selection",
    "icmp": "Integers",
    "band": "Bits",
    "fcmp": "Floats",
    "bitcast": "Conversions",
    "atomic_rmw": "Atomics",
    "extract_vector": "The rest",
}
"""The first opcode of each section, in the order of the table."""

EFFECTS = (
    (ops.TRAPS, "may trap"),
    (ops.READS, "reads memory"),
    (ops.WRITES, "writes memory"),
    (ops.SIDE_EFFECT, "other side effects"),
    (ops.IDEMPOTENT, "may be merged with an equal one above"),
    (ops.COMMUTES, "commutes"),
    (ops.TERMINATOR, "ends its block"),
)

HEAD = """# The IR

GENERATED from the opcode table (`grus/ir/opcodes.py`) by `python -m tools.gen_ir_doc`.

The IR is CLIF, the language of Cranelift 0.136, in SSA form: a function is a list of blocks, a
block has parameters and instructions of which the last is the terminator, and a branch passes
arguments to the parameters of its target. In memory it is a graph of `Value` objects
(`grus/ir/function.py`); as text it looks like the examples below. `grus/ir/builder.py` makes it,
`grus/ir/verifier.py` says whether it is well formed.

An entry below gives the operands in the order of the text form, then the results. The part after
a colon is a type (a type variable of the next section, a fixed type, or one derived from the
variable, such as `lane(TxN)`) or the kind of an immediate or entity. Where the controlling type
does not follow from an operand, the text form gives it as a suffix: `iconst.i32 1`.

In the examples a line `; run: %f(1, 2) == 3` is a test: it calls the function. Numbers in brackets
are the lanes of a vector, lane 0 first, or several results.
"""


def examples() -> dict[str, str]:
    """The text of each function of the example file, with its run lines, by name."""
    found: dict[str, str] = {}
    name = ""
    for line in EXAMPLES.read_text().splitlines():
        if line.startswith("function %"):
            name = line[len("function %") : line.index("(")]
            found[name] = ""
        elif line.startswith("test ") or not name:
            continue
        found[name] += line + "\n"
    return {name: text.strip() for name, text in found.items()}


def page() -> str:
    """The text of `docs/ir.md`."""
    parts = [HEAD, "## Types\n", _types(), "## Type variables\n", _type_sets()]
    parts.append("## Conditions, operators, trap codes, calling conventions\n")
    parts.append(_names())
    shown = examples()
    for row in ops.ROWS[ops.FIRST_REAL :]:
        if row.name in SECTIONS:
            parts.append(f"## {SECTIONS[row.name]}\n")
        parts.append(_entry(row, shown[row.name]))
    return "\n".join(parts)


def _types() -> str:
    scalars = ", ".join([f"`{T.NAMES[ty]}`" for ty in T.SCALARS])
    return (
        f"Scalars: {scalars}. A vector is written `i32x4`: 2 to 256 lanes, a power of two. A "
        "dynamic vector, `i32x4xN`,\nis a multiple of its shape that the target fixes. Integers "
        "have no sign: opcodes do. A truth value is an\n`i8` of 0 or 1, or vector lanes of all "
        "zeros or all ones. Addresses are integers of the target's width.\n\nFloats are those of "
        "IEEE 754, rounded to nearest, ties to even. What it leaves open is as in x86-64's SSE:\na "
        "result that is a NaN because an operand is one is the first such operand made quiet, "
        "sign and payload kept;\nan invalid operation on numbers gives the negative quiet NaN "
        "with payload 0. `fneg`, `fabs` and `fcopysign` only\ntouch the sign bit. Vector `fmin` "
        "and `fmax` may give another NaN in machine code.\n"
    )


def _type_sets() -> str:
    lines = ["| variable | ranges over |", "|---|---|"]
    lines += [f"| `{s.name}` | {s.doc} |" for s in ops.TYPE_SETS.values()]
    return "\n".join(lines) + "\n"


def _names() -> str:
    def row(what: str, names: list[str]) -> str:
        return f"| {what} | {' '.join([f'`{n}`' for n in names])} |"

    codes = [*ops.TRAP_NAMES.values(), "user1", "...", "user250"]
    return "\n".join(
        [
            "| kind | names |",
            "|---|---|",
            row("intcc", list(ops.INT_CC)),
            row("floatcc", list(ops.FLOAT_CC)),
            row("rmw", list(ops.RMW_OPS)),
            row("trapcode", codes),
            row("calling convention", list(CALL_CONVS)),
            "",
        ]
    )


def _entry(row: ops.Row, example: str) -> str:
    effects = [text for bit, text in EFFECTS if row.flags & bit]
    lines = [f"### `{row.name}`\n"]
    if row.signature:
        lines.append(f"`{row.signature}`\n")
    lines.append(row.doc + (f" Effects: {', '.join(effects)}." if effects else "") + "\n")
    lines.append(f"```\n{example}\n```\n")
    return "\n".join(lines)


if __name__ == "__main__":
    TARGET.write_text(page())
