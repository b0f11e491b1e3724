"""Makes `import wasmtime` give `grus.wasmtime`: import this first, or give it to pytest with
`-p grus.testing.as_wasmtime`."""

from __future__ import annotations

import sys

import grus.wasmtime

sys.modules["wasmtime"] = grus.wasmtime
