"""Features of this machine's processor, by the names of the code generator's flags."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


# What the kernel calls them, where it differs from `has_<name>`.
_KERNEL_NAMES: Final = {
    "sse3": "pni",
    "sse41": "sse4_1",
    "sse42": "sse4_2",
    "cmpxchg16b": "cx16",
    "lzcnt": "abm",
    "avx512vbmi": "avx512vbmi",
    "avx512vnni": "avx512_vnni",
    "avx512bitalg": "avx512_bitalg",
}

_found: frozenset[str] | None = None


def features() -> frozenset[str]:
    """The kernel's flags of the first processor; empty where there is no /proc."""
    global _found
    if _found is None:
        flags: list[str] = []
        try:
            with open("/proc/cpuinfo") as file:
                for line in file:
                    if line.startswith("flags"):
                        flags = line.partition(":")[2].split()
                        break
        except OSError:
            pass
        _found = frozenset(flags)
    return _found


def kernel_name(name: str) -> str:
    """What `features` calls the feature of flag `has_<name>`."""
    return _KERNEL_NAMES.get(name, name)


def has(name: str) -> bool:
    """Whether the processor has the feature of flag `has_<name>`."""
    return kernel_name(name) in features()
