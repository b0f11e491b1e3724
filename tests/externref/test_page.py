"""The trace in docs/externref.md is what the command makes."""

from tools.gen_externref import PAGE, page_part, trace


def test_the_page_has_the_trace() -> None:
    assert page_part() in PAGE.read_text(), "run: python -m tools.gen_externref"


def test_passing_a_reference_about_counts_nothing() -> None:
    rows = trace()
    assert rows[0][1] == rows[1][1] == 1
    assert [count for _, count, _ in rows][-1] == 0
