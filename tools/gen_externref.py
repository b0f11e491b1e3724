"""Make the trace in docs/externref.md: the life of one reference, observed step by step.

    python -m tools.gen_externref [--check]

Runs a small module, looks at the header of one object after every step, and writes the table and
the picture between the marks in the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

import grus
from grus.base import layout
from grus.engine.refs import References

PAGE = Path(__file__).parent.parent / "docs" / "externref.md"
BEGIN = "<!-- trace: python -m tools.gen_externref -->"
END = "<!-- end of trace -->"

MODULE = """(module
  (import "" "look" (func $look))
  (table $t 1 externref)
  (global $g (mut externref) (ref.null extern))
  (func (export "visit") (param externref) (local externref)
    (call $look)                                      ;; entered: a parameter
    (local.set 1 (local.get 0)) (call $look)          ;; a local more
    (table.set $t (i32.const 0) (local.get 1)) (call $look)
    (global.set $g (local.get 0)) (call $look))
  (func (export "read") (drop (table.get $t (i32.const 0))) (call $look))
  (func (export "clear_table") (table.set $t (i32.const 0) (ref.null extern)) (call $look))
  (func (export "clear_global") (global.set $g (ref.null extern)) (call $look)))"""


class Thing:
    """The object whose reference is followed."""

    def __init__(self, said: list[str]) -> None:
        self.said = said

    def __del__(self) -> None:
        self.said.append("the finalizer runs")


class Observer:
    """Notes what the header looks like after each step."""

    def __init__(self, refs: References) -> None:
        self.refs = refs
        self.header = 0
        self.steps: list[str] = []
        self.rows: list[tuple[str, int, str]] = []

    def look(self) -> None:
        """The next step has been done."""
        refs = self.refs
        if not self.header:
            self.header = next(iter(refs._of_object.values()))
        words, at = refs._header_words(self.header)
        flags = words[at + 1] >> 32
        place = []
        if flags & layout.REF_LISTED:
            place.append("set" if self.header in refs._set else "chunk")
        if flags & layout.REF_DEAD:
            place.append("dead list")
        self.rows.append((self.steps.pop(0), words[at], ", ".join(place) or "-"))


def trace() -> list[tuple[str, int, str]]:
    """(step, count, where the header is entered) of one life."""
    said: list[str] = []
    store = grus.Store(grus.Engine())
    observer = Observer(store._refs)
    instance = grus.Instance(
        grus.Module(MODULE, store.engine), {"": {"look": observer.look}}, store
    )
    x = instance.exports
    observer.steps = ["call with the object", "local.set", "table.set", "global.set"]
    x.visit(Thing(said))
    for step, run in (
        ("the call has returned", None),
        ("Store.gc()", store.gc),
        ("table.get, drop", x.read),
        ("Store.gc()", store.gc),
        ("table.set null", x.clear_table),
    ):
        observer.steps.append(step)
        if run is not None:
            run()
        if observer.steps:
            observer.look()
    assert not said
    observer.steps.append("global.set null")
    x.clear_global()
    step, _, _ = observer.rows.pop()
    observer.rows.append((f"{step}: {said[0]}", 0, "-"))
    return observer.rows


def page_part() -> str:
    """The table and the picture, as Markdown."""
    rows = trace()
    lines = [BEGIN, "", "| step | count | entered in |", "|---|---|---|"]
    lines += [f"| {step} | {count} | {place} |" for step, count, place in rows]
    lines += ["", "```text"]
    top = max(count for _, count, _ in rows)
    for level in range(top, 0, -1):
        lines.append(f"{level} |" + "".join("  ###" if c >= level else "     " for _, c, _ in rows))
    lines.append("  +" + "-" * 5 * len(rows))
    lines.append("   " + "".join(f"{n:5}" for n in range(1, len(rows) + 1)))
    lines += ["```", "", END]
    return "\n".join(line.rstrip() for line in lines)


def main(argv: list[str]) -> int:
    text = PAGE.read_text()
    start, end = text.index(BEGIN), text.index(END) + len(END)
    made = text[:start] + page_part() + text[end:]
    if "--check" in argv:
        return int(made != text)
    PAGE.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
