"""The page about the public names."""

from __future__ import annotations

import grus
from tests.builds import PLAIN_ONLY
from tools import gen_api


@PLAIN_ONLY
def test_every_public_name_is_there_and_documented() -> None:
    places = [
        gen_api.find(module, name) for module, names in gen_api.SECTIONS.values() for name in names
    ]
    public = {place.removeprefix("grus.") for place, _ in places}
    assert set(grus.__all__) <= public, set(grus.__all__) - public
    assert [place for place, thing in places if not gen_api.doc(thing)] == []


def test_page() -> None:
    page = gen_api.page()
    assert "### `JITModule`" in page and "**`redefine(func: Function | str)" in page
    assert "name: str = ''" in page or 'name: str = ""' in page
    # what would be a heading or an unclosed listing of the page
    assert page.count("```") % 2 == 0
    assert {line.split(" ")[0] for line in page.splitlines() if line.startswith("#")} == {
        "#", "##", "###",
    }  # fmt: skip
