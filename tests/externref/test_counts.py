"""Changes of counts by each instruction, from the counter of compiled code.

The table is the one of Deutsch and Bobrow's question: what does deferring save? In the column of
naive counting each local and operand owns a count, and moves are free (docs/externref.md).
"""

from __future__ import annotations

import pytest

import grus

CASES = {
    # what: (body, changes by compiled code, changes with naive counting)
    "local.get, local.set": ("(local.set $l (local.get $r))", 0, 2),
    "local.get, drop": ("(drop (local.get $r))", 0, 2),
    "local.tee": ("(drop (local.tee $l (local.get $r)))", 0, 4),  # both of the above
    "call and return": ("(call $nothing (local.get $r))", 0, 2),
    "call and return three deep": ("(call $deep (local.get $r))", 0, 6),
    "call with a result": ("(drop (call $id (local.get $r)))", 0, 4),
    "select": (
        "(drop (select (result externref) (local.get $r) (local.get $r) (local.get $n)))",
        0,
        4,
    ),
    "block result": ("(drop (block (result externref) (local.get $r)))", 0, 2),
    "branch over operands": (
        "(drop (block (result externref) (local.get $r) (br 0 (local.get $r))))",
        0,
        4,
    ),
    "call of the host": ("(call $host (local.get $r))", 0, 1),  # and 1 by the host
    "table.get, drop": ("(drop (table.get $t (i32.const 0)))", 0, 2),  # it is in the table already
    "table.get of another, drop": ("(drop (table.get $t (i32.const 1)))", 1, 2),
    "table.set": ("(table.set $t (i32.const 0) (local.get $r))", 2, 2),
    "table.set null": ("(table.set $t (i32.const 0) (ref.null extern))", 1, 1),
    "table.get, table.set": ("(table.set $t (i32.const 2) (table.get $t (i32.const 0)))", 2, 2),
    "table.get of another, table.set": (
        "(table.set $t (i32.const 2) (table.get $t (i32.const 1)))",
        3,
        2,
    ),
    "global.set": ("(global.set $g (local.get $r))", 1, 1),  # it was null
    "global.get, drop": ("(drop (global.get $g))", 0, 0),
}


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("opt_level", ["none", "speed"])
def test_changes_of_counts(name: str, opt_level: str) -> None:
    body, deferred, naive = CASES[name]
    assert changes(body, grus.Engine(gc_count=True, opt_level=opt_level)) == deferred
    engine = grus.Engine(gc_count=True, opt_level=opt_level, collector="naive")
    assert changes("", engine) == 1, "the parameter is given up at the end"
    assert changes(body, engine) - 1 == naive


def changes(body: str, engine: grus.Engine) -> int:
    """Changes of counts that compiled code makes in a function."""
    store = grus.Store(engine)
    module = grus.Module(
        f"""(module (import "" "host" (func $host (param externref)))
          (table $t (export "t") 3 externref) (global $g (mut externref) (ref.null extern))
          (func $id (param externref) (result externref) (local.get 0))
          (func $nothing (param externref))
          (func $one (param externref) (call $nothing (local.get 0)))
          (func $deep (param externref) (call $one (local.get 0)))
          (func (export "f") (param $r externref) (param $n i32) (local $l externref) {body}))""",
        engine,
    )
    instance = grus.Instance(module, {"": {"host": lambda value: None}}, store)
    value = object()
    instance.exports.t[0] = value
    instance.exports.t[1] = object()
    instance.exports.t[2] = object()
    stats = store.gc_stats()
    instance.exports.f(value, 1)
    return stats.changes
