"""Which build of Grus is tested."""

from __future__ import annotations

import pytest

import grus

PLAIN_ONLY = pytest.mark.skipif(
    grus.build_info().kind == "compiled",
    reason="changes modules or their sources, which an installed, compiled build does not notice",
)
