"""Makes `import wasmtime` give `grus.wasmtime`: a plugin for pytest, or import it first.

    python -m pytest -p grus.testing.as_wasmtime tests
"""

from __future__ import annotations

import sys

import grus.wasmtime

sys.modules["wasmtime"] = grus.wasmtime
