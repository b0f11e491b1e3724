"""Which build of Grus is tested."""

from __future__ import annotations

import pytest

import grus

PLAIN_ONLY = pytest.mark.skipif(
    grus.build_info().kind == "compiled",
    reason="reads or changes modules and their sources, which are not those of a compiled build",
)
