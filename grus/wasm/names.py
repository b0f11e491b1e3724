"""The name section (core specification, appendix "Custom Sections"): read tolerantly.

A custom section that is malformed does not make the module malformed, so reading stops at the
first thing that makes no sense and keeps what it has.
"""

from __future__ import annotations

from grus.wasm.module import Module, Names


class _Stop(Exception):
    """The rest of the section cannot be read."""


class _Reader:
    __slots__ = ("data", "pos", "end")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pos = 0
        self.end = len(data)

    def u32(self) -> int:
        result = 0
        shift = 0
        while self.pos < self.end and shift < 35:
            byte = self.data[self.pos]
            self.pos += 1
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7
        raise _Stop

    def name(self) -> str:
        size = self.u32()
        if size > self.end - self.pos:
            raise _Stop
        text = self.data[self.pos : self.pos + size].decode("utf-8", "replace")
        self.pos += size
        return text

    def names(self, into: dict[int, str]) -> None:
        for _ in range(self.u32()):
            index = self.u32()
            into[index] = self.name()

    def indirect(self, into: dict[int, dict[int, str]]) -> None:
        for _ in range(self.u32()):
            index = self.u32()
            self.names(into.setdefault(index, {}))


def read_names(module: Module) -> Names:
    """The names of a module: what its first `name` section says, up to the first error in it."""
    names = Names()
    data = module.custom("name")
    if data is None:
        return names
    reader = _Reader(data)
    flat = {
        1: names.functions,
        4: names.types,
        5: names.tables,
        6: names.memories,
        7: names.globals,
        8: names.elements,
        9: names.data,
        11: names.tags,
    }
    deep = {2: names.locals, 3: names.labels, 10: names.fields}
    try:
        while reader.pos < reader.end:
            kind = reader.data[reader.pos]
            reader.pos += 1
            size = reader.u32()
            stop = reader.pos + size
            if stop > len(data):
                break
            reader.end = stop
            try:
                if kind == 0:
                    names.module = reader.name()
                elif kind in flat:
                    reader.names(flat[kind])
                elif kind in deep:
                    reader.indirect(deep[kind])
            except _Stop:
                pass  # the next subsection may be sound
            reader.pos = stop
            reader.end = len(data)
    except _Stop:
        pass
    return names


def read_module_name(module: Module) -> str:
    """The module's own name, without reading the others."""
    for custom in module.customs:
        if custom.name == "name":
            break
    else:
        return ""
    pos = custom.start
    try:
        while pos < custom.end:
            reader = _Reader(bytes(module.data[pos : min(pos + 6, custom.end)]))
            kind = reader.data[0]
            reader.pos = 1
            size = reader.u32()
            pos += reader.pos
            if pos + size > custom.end:
                break
            if kind == 0:
                return _Reader(bytes(module.data[pos : pos + size])).name()
            pos += size
    except _Stop:
        pass
    return ""
