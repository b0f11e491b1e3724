"""Small binary modules for tests, put together from sections."""

from __future__ import annotations

from grus.wasm.encode import Writer


def module(*sections: tuple[int, bytes]) -> bytes:
    """A module of (section id, contents)."""
    w = Writer()
    w.header()
    for id, contents in sections:
        w.section(id, contents)
    return bytes(w.out)


def function(
    code: bytes,
    type: bytes = b"\x60\x00\x00",
    locals: bytes = b"\x00",
    before: tuple[tuple[int, bytes], ...] = (),
) -> bytes:
    """A module with one function; `before` are sections between functions and code."""
    body = Writer()
    body.u(1)
    body.sized(locals + code + b"\x0b")
    return module((1, b"\x01" + type), (3, b"\x01\x00"), *before, (10, bytes(body.out)))
