"""Implementation limits, as the JavaScript embedding sets them.

Source: WebAssembly JavaScript Interface, "Limits"; the rest are wasmparser's
(`wasmparser/src/limits.rs`). A `Limits` object can be changed before it is given to `decode` or
`validate`; going beyond a limit is an error that names it.
"""

from __future__ import annotations


class ImplementationLimits:
    """The greatest count or size that is accepted of each thing; a plain record."""

    __slots__ = (
        "module_size",
        "types",
        "rec_group_size",
        "subtype_depth",
        "functions",
        "imports",
        "exports",
        "globals",
        "tags",
        "tables",
        "memories",
        "data_segments",
        "element_segments",
        "segment_size",
        "table_elements",
        "string_size",
        "function_size",
        "locals",
        "params",
        "results",
        "struct_fields",
        "br_table_size",
        "array_new_fixed",
        "control_depth",
        "operands",
        "handlers",
    )

    def __init__(self) -> None:
        self.module_size = 1 << 30  # bytes
        self.types = 1_000_000
        self.rec_group_size = 1_000_000
        self.subtype_depth = 63
        self.functions = 1_000_000
        self.imports = 1_000_000
        self.exports = 1_000_000
        self.globals = 1_000_000
        self.tags = 1_000_000
        self.tables = 100
        self.memories = 100
        self.data_segments = 100_000
        self.element_segments = 100_000
        self.segment_size = 10_000_000  # elements of one element segment
        self.table_elements = 10_000_000  # initial size of one table
        self.string_size = 100_000  # bytes of one name
        self.function_size = 7_654_321  # bytes of one body
        self.locals = 50_000  # of one function, parameters included
        self.params = 1_000
        self.results = 1_000
        self.struct_fields = 10_000
        self.br_table_size = 7_654_321
        self.array_new_fixed = 10_000
        self.control_depth = 1_000_000
        self.operands = 1_000_000  # on the operand stack of one function
        self.handlers = 10_000  # of one try_table
