"""The WebAssembly text format: `wat2wasm`, `wasm2wat` and the parsers and printer behind them."""

from __future__ import annotations

from grus.wasm.text.parser import WatModule, parse_wat, wat2wasm

__all__ = ["WatModule", "parse_wat", "wat2wasm"]
