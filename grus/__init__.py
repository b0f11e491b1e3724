"""Grus: a code generator and WebAssembly engine in Python that makes real machine code."""

__version__ = "0.1.0"
