"""Changes of counts by each instruction, from the counter of compiled code.

The table is the one of Deutsch and Bobrow's question: what does deferring save? In the column of
naive counting each local and operand owns a count, and moves are free (docs/externref.md).
"""

from __future__ import annotations

import pytest

import grus

CASES = {
    # what: (body, changes of compiled code in one run)
    "local.get, local.set": ("(local.set $l (local.get $r))", 0),
    "local.get, drop": ("(drop (local.get $r))", 0),
    "local.tee": ("(drop (local.tee $l (local.get $r)))", 0),
    "call and return": ("(drop (call $id (local.get $r)))", 0),
    "select": (
        "(drop (select (result externref) (local.get $r) (local.get $l) (local.get $n)))",
        0,
    ),
    "block result": ("(drop (block (result externref) (local.get $r)))", 0),
    "call of the host": ("(call $host (local.get $r))", 0),
    "table.get, drop": ("(drop (table.get $t (i32.const 0)))", 0),  # it is in the table already
    "table.get of another, drop": ("(drop (table.get $t (i32.const 1)))", 1),
    "table.set": ("(table.set $t (i32.const 0) (local.get $r))", 2),
    "table.set null": ("(table.set $t (i32.const 0) (ref.null extern))", 1),
    "table.get, table.set": ("(table.set $t (i32.const 2) (table.get $t (i32.const 0)))", 1),
    "global.set": ("(global.set $g (local.get $r))", 1),  # it was null
    "global.get, drop": ("(drop (global.get $g))", 0),
}


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("opt_level", ["none", "speed"])
def test_changes_of_counts(name: str, opt_level: str) -> None:
    body, expected = CASES[name]
    engine = grus.Engine(gc_count=True, opt_level=opt_level)
    store = grus.Store(engine)
    module = grus.Module(
        f"""(module (import "" "host" (func $host (param externref)))
          (table $t (export "t") 3 externref) (global $g (mut externref) (ref.null extern))
          (func $id (param externref) (result externref) (local.get 0))
          (func (export "f") (param $r externref) (param $n i32) (local $l externref) {body}))""",
        engine,
    )
    instance = grus.Instance(module, {"": {"host": lambda value: None}}, store)
    value = object()
    instance.exports.t[0] = value
    instance.exports.t[1] = object()
    stats = store.gc_stats()
    instance.exports.f(value, 1)
    assert stats.changes == expected
