"""What a Store may use of memories, tables and instances."""

from __future__ import annotations

from grus.engine.errors import ResourceLimit


class Limits:
    """Limits of one Store, and what it has of each; None is no limit.

    `memory_size` is in bytes, for each memory; `table_elements` for each table.
    """

    __slots__ = (
        "counts",
        "instances",
        "memories",
        "memory_size",
        "table_elements",
        "tables",
    )

    def __init__(self) -> None:
        self.counts = {"instances": 0, "memories": 0, "tables": 0}
        self.set()

    def set(
        self,
        *,
        memory_size: int | None = None,
        table_elements: int | None = None,
        instances: int | None = None,
        tables: int | None = None,
        memories: int | None = None,
    ) -> None:
        """Replace all limits."""
        self.memory_size = memory_size
        self.table_elements = table_elements
        self.instances = instances
        self.tables = tables
        self.memories = memories

    def add(self, kind: str) -> None:
        """One more of "instances", "memories" or "tables". Raises ResourceLimit."""
        limit: int | None = getattr(self, kind)
        count = self.counts[kind]
        if limit is not None and count >= limit:
            raise ResourceLimit(f"the store may not have more than {limit} {kind}")
        self.counts[kind] = count + 1

    def allow_memory(self, size: int) -> bool:
        """Whether a memory may have so many bytes."""
        return self.memory_size is None or size <= self.memory_size

    def allow_table(self, elements: int) -> bool:
        """Whether a table may have so many elements."""
        return self.table_elements is None or elements <= self.table_elements
