"""Settings of a compilation: one row per flag.

The shared rows are Cranelift's (`cranelift/codegen/meta/src/shared/settings.rs`) and a few of
Grus's own, marked so. A target adds its rows (CPU features) and presets, which switch on several
at once. A `Settings` is what one compilation reads; it is changed only before.
"""

from __future__ import annotations

from grus.base.errors import GrusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class SettingsError(GrusError):
    """An unknown setting, or a value that it does not take."""


class Setting:
    """One row. `values` are the names of an enumeration (the default first); a flag has none, and
    a number has `maximum`."""

    __slots__ = ("default", "doc", "maximum", "minimum", "name", "values")

    def __init__(
        self,
        name: str,
        default: int,
        doc: str,
        values: tuple[str, ...] = (),
        minimum: int = 0,
        maximum: int = 1,
    ) -> None:
        self.name = name
        self.default = default
        self.doc = doc
        self.values = values
        self.minimum = minimum
        self.maximum = len(values) - 1 if values else maximum

    def kind(self) -> str:
        """`enum`, `bool` or `num`."""
        if self.values:
            return "enum"
        return "bool" if (self.minimum, self.maximum) == (0, 1) else "num"


def _flag(name: str, default: int, doc: str) -> Setting:
    return Setting(name, default, doc)


def _enum(name: str, values: str, doc: str) -> Setting:
    return Setting(name, 0, doc, tuple(values.split()))


def _num(name: str, default: int, minimum: int, maximum: int, doc: str) -> Setting:
    return Setting(name, default, doc, (), minimum, maximum)


# fmt: off
SHARED: Final[tuple[Setting, ...]] = (
    _enum("opt_level", "none speed speed_and_size", "How much the optimizer does."),
    _enum("regalloc_algorithm", "backtracking single_pass", "The register allocator."),
    _flag("regalloc_checker", 0, "Verify every allocation symbolically."),
    _flag("regalloc_verbose_logs", 0, "Print allocator input and output to standard error."),
    _flag("enable_alias_analysis", 1, "Forward stores to loads and drop redundant ones."),
    _flag("enable_verifier", 1, "Verify the IR before compiling and between passes."),
    _flag("is_pic", 0, "Reach symbols that are not colocated through the GOT."),
    _flag("use_colocated_libcalls", 0, "No effect: the IR says what is colocated."),
    _flag("enable_nan_canonicalization", 0, "Replace every NaN result by the canonical one."),
    _flag("enable_pinned_reg", 0, "Reserve a register for get_pinned_reg and set_pinned_reg."),
    _enum("tls_model", "none elf_gd macho coff elf_le",
          "How tls_value reaches thread-local symbols; elf_le: those of the program itself."),
    _enum("stack_switch_model", "none basic update_windows_tib", "Whether stack_switch compiles."),
    _enum("libcall_call_conv",
          "isa_default fast system_v windows_fastcall apple_aarch64 probestack preserve_all",
          "No effect: that of their signature."),
    _flag("enable_llvm_abi_extensions", 0, "i128 in fastcall as LLVM passes it."),
    _flag("enable_multi_ret_implicit_sret", 0, "No effect: a pointer is always used."),
    _flag("unwind_info", 1, "Make unwind rows."),
    _flag("preserve_frame_pointers", 0, "Every function links its frame pointer."),
    _flag("machine_code_cfg_info", 0, "No effect."),
    _flag("enable_probestack", 0, "Touch every page of a large frame."),
    _num("probestack_size_log2", 12, 0, 63, "Bytes between two probes, as a power of two."),
    _enum("probestack_strategy", "outline inline", "No effect: probed in place."),
    _flag("enable_heap_access_spectre_mitigation", 1, "Read by producers of IR only."),
    _flag("enable_table_access_spectre_mitigation", 1, "Read by producers of IR; masks br_table."),
    _flag("enable_incremental_compilation_cache_checks", 0, "No effect."),
    _num("bb_padding_log2_minus_one", 0, 0, 24,
         "2**(N-1) bytes after each block, to test branches; 0: none."),
    _num("log2_min_function_alignment", 0, 0, 12, "Least alignment of functions, beyond 16."),
    _flag("enable_compact_unwind_abi", 0, "No effect: all frames are such."),
    # Grus's own
    _num("max_frame", 512 << 10, 0, 1 << 30, "Bytes of the largest frame that is accepted."),
    _num("trap_call_offset", -1, -1, (1 << 31) - 1,
         "-1: explicit traps are illegal instructions; else a call through the pinned register "
         "plus this offset."),
)
# fmt: on


class Settings:
    """The values of all rows. `values` is read by name: `settings.values["is_pic"]`."""

    __slots__ = ("presets", "rows", "values")

    def __init__(
        self,
        rows: tuple[Setting, ...] = (),
        presets: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        """`rows` and `presets` (names of flags switched on) are a target's own."""
        self.rows: dict[str, Setting] = {row.name: row for row in (*SHARED, *rows)}
        self.presets: dict[str, tuple[str, ...]] = presets or {}
        self.values: dict[str, int] = {name: row.default for name, row in self.rows.items()}

    def set(self, name: str, value: str) -> None:
        """Set one row from text. Raises SettingsError."""
        row = self._row(name)
        if row.values:
            if value not in row.values:
                raise SettingsError(f"{name} is one of {', '.join(row.values)}, not {value!r}")
            self.values[name] = row.values.index(value)
        elif row.kind() == "bool":
            if value not in ("true", "false", "on", "off", "yes", "no", "1", "0"):
                raise SettingsError(f"{name} is true or false, not {value!r}")
            self.values[name] = int(value in ("true", "on", "yes", "1"))
        else:
            digits = value[1:] if value.startswith("-") else value
            if not digits.isdigit() or not row.minimum <= int(value) <= row.maximum:
                raise SettingsError(
                    f"{name} is a number from {row.minimum} to {row.maximum}, not {value!r}"
                )
            self.values[name] = int(value)

    def enable(self, name: str) -> None:
        """Switch on a flag or a preset. Raises SettingsError."""
        if name in self.presets:
            for flag in self.presets[name]:
                self.values[flag] = 1
            return
        if self._row(name).kind() != "bool":
            raise SettingsError(f"{name} needs a value: {name}=...")
        self.values[name] = 1

    def parse(self, text: str) -> None:
        """`name=value`, or the name of a flag or preset. Raises SettingsError."""
        name, eq, value = text.partition("=")
        if eq:
            self.set(name.strip(), value.strip())
        else:
            self.enable(text.strip())

    def text(self, name: str) -> str:
        """The value of a row as `set` takes it."""
        row = self._row(name)
        value = self.values[name]
        if row.values:
            return row.values[value]
        if row.kind() == "bool":
            return "true" if value else "false"
        return str(value)

    def copy(self) -> Settings:
        """Another with the same values."""
        other = Settings.__new__(Settings)
        other.rows = self.rows
        other.presets = self.presets
        other.values = dict(self.values)
        return other

    def key(self) -> str:
        """All values as one line, for cache keys."""
        return " ".join([f"{name}={value}" for name, value in self.values.items()])

    def _row(self, name: str) -> Setting:
        row = self.rows.get(name)
        if row is None:
            raise SettingsError(f"there is no setting {name!r}")
        return row
