"""The WebAssembly text format: `wat2wasm` and the parsers and printer behind it."""

from __future__ import annotations

from grus.wasm.text.parser import parse_wat, wat2wasm

__all__ = ["parse_wat", "wat2wasm"]
