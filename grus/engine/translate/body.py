"""Reading the body of a validated function."""

from __future__ import annotations

from grus.wasm.module import Module


class BodyReader:
    """The bytes of one function's body, locals first. `pos` is where it reads, from the body's
    begin, which is at `base` in the module."""

    def __init__(self, module: Module, index: int) -> None:
        body = module.body(index)
        self.base = body.start
        self.data = bytes(module.data[body.start : body.end])
        self.pos = 0

    def u32(self) -> int:
        """An unsigned LEB128 number."""
        byte = self.data[self.pos]
        self.pos += 1
        if byte < 0x80:
            return byte
        result = byte & 0x7F
        shift = 7
        while True:
            byte = self.data[self.pos]
            self.pos += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7

    def signed(self) -> int:
        """A signed LEB128 number."""
        result = 0
        shift = 0
        while True:
            byte = self.data[self.pos]
            self.pos += 1
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if byte & 0x40:
                    result -= 1 << shift
                return result

    def bits(self, size: int) -> int:
        """The bits of a float of `size` bytes."""
        self.pos += size
        return int.from_bytes(self.data[self.pos - size : self.pos], "little")
