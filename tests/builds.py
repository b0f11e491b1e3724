"""Which build of Grus is tested."""

from __future__ import annotations

import pytest

import grus

PLAIN_ONLY = pytest.mark.skipif(
    grus.build_info().kind == "compiled",
    reason="replaces parts of modules, which the compiled build does not notice",
)
