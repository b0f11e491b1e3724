"""Settings of an Engine.

A setting is a keyword of `Config`, with its default there and a line in its docstring.
"""

from __future__ import annotations

import os

from grus.wasm.features import DEFAULT, Features

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


MAX_WASM_STACK: Final = 1 << 20

_CHOICES: Final = {
    "compiler": ("full", "baseline", "onepass"),
    "opt_level": ("none", "speed", "speed_and_size"),
    "regalloc": ("backtracking", "single_pass"),
    "collector": ("deferred", "python", "null", "naive"),
    "tier": ("auto", "eager", "fast", "lazy"),
    "promotion": ("process", "inline", "never"),
}


class CodeSettings:
    """What machine code depends on beside the module: plain data, picklable.

    `cpu` are the kernel's names of the features that the code may use, sorted; the rest is as in
    Config.
    """

    __slots__ = ("compiler", "cpu", "inlining", "opt_level", "regalloc", "spectre", "verify")

    def __init__(
        self,
        compiler: str,
        opt_level: str,
        regalloc: str,
        verify: bool,
        cpu: tuple[str, ...],
        spectre: bool,
        inlining: bool,
    ) -> None:
        self.compiler = compiler
        self.opt_level = opt_level
        self.regalloc = regalloc
        self.verify = verify
        self.cpu = cpu
        self.spectre = spectre
        self.inlining = inlining

    def items(self) -> tuple[str, str, str, bool, tuple[str, ...], bool, bool]:
        """The arguments that make it."""
        first = self.compiler, self.opt_level, self.regalloc
        return *first, self.verify, self.cpu, self.spectre, self.inlining

    def fast(self) -> CodeSettings:
        """Those of the fast mode."""
        return CodeSettings(
            self.compiler, "none", "single_pass", self.verify, self.cpu, self.spectre, False
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CodeSettings) and self.items() == other.items()

    def __hash__(self) -> int:
        return hash(self.items())


class Config:
    """Settings of an Engine: immutable, comparable, picklable.

    - `features`: the proposals of WebAssembly that modules may use; text is as for
      `Features.parse`, for example `"wasm2,threads,-simd"`.
    - `compiler`: "full", "onepass" (each function that it takes by the one-pass compiler, else
      as "full"), or "baseline" (no register allocation, from IR: for tests).
    - `opt_level`: "none", "speed" or "speed_and_size".
    - `regalloc`: "backtracking" or "single_pass".
    - `tier`: when functions are compiled. "eager": all of them for the first instance; "lazy": each
      when it is first called; "fast": the same, but for quick compiling and not for quick code;
      "auto": as "fast", and those that are much used again as `opt_level` and `regalloc` say,
      while the program runs on. The default is the environment's `GRUS_TIER`, else "auto".
    - `promotion`: where the tier "auto" compiles again: in a "process" beside this one, "inline"
      (the program waits), or "never". A process that cannot be started makes it "inline".
    - `lazy_validation`: check the body of a function only when it is compiled: what is wrong in it
      is a WasmError of the first call.
    - `verify`: check the IR of every function and every register allocation.
    - `guards`: whether memories are reserved with guards, or every access is checked; None tries
      once whether address space for guards is to be had.
    - `spectre`: an index that is out of bounds cannot be used by instructions that the processor
      executes before it knows: for tables, `br_table`, and memory accesses that are checked.
    - `inlining`: calls of small functions that make no calls become copies of them, where all
      functions of a module are compiled together (not lazily, not with fuel).
    - `max_wasm_stack`: bytes of stack for wasm, from the outermost entry.
    - `collector`: "deferred" releases objects that wasm no longer refers to (docs/externref.md);
      "python" does the same in Python, which tests compare it with; "null" releases none before
      the Store dies, to measure what collecting costs.
      "naive" has none: in compiled code every local and operand owns a count, to measure what
      deferring saves (frames that a trap unwinds keep theirs until the Store dies).
    - `gc_count`: compiled code counts the changes that it makes to counts of references, for
      `Store.gc_stats().changes`.
    - `gc_repeat`: enter a reference into the activations table whenever compiled code reads it from
      a table or global, not only when it is not in there.
    - `gc_zeal`: collect at every opportunity, check the activations table each time, and never use
      the header of a released object again.
    - `fuel`: instructions are counted, and wasm ends with OutOfFuel when those of the Store are
      used up (`Store.set_fuel`).

    - `cache`: keep machine code on disk for other processes and later ones: True for the user's
      cache (docs/cache.md), or a directory. It is used only while it is this user's alone.
    - `workers`: processes that compile a module which is compiled whole; 0: none. None starts as
      many as there are processors, when that would take more than a second.

    Raises ValueError for a value that a setting does not have, TypeError for one of a wrong type.
    """

    __slots__ = (
        "cache",
        "collector",
        "compiler",
        "features",
        "fuel",
        "gc_count",
        "gc_repeat",
        "gc_zeal",
        "guards",
        "inlining",
        "lazy_validation",
        "max_wasm_stack",
        "opt_level",
        "promotion",
        "regalloc",
        "spectre",
        "tier",
        "verify",
        "workers",
    )

    features: Features
    compiler: str
    opt_level: str
    regalloc: str
    tier: str
    promotion: str
    lazy_validation: bool
    verify: bool
    guards: bool | None
    spectre: bool
    inlining: bool
    max_wasm_stack: int
    fuel: bool
    collector: str
    gc_count: bool
    gc_repeat: bool
    gc_zeal: bool
    cache: bool | str
    workers: int | None

    def __init__(
        self,
        *,
        features: Features | str | None = None,
        compiler: str = "full",
        opt_level: str = "speed",
        regalloc: str = "backtracking",
        tier: str | None = None,
        promotion: str = "process",
        lazy_validation: bool = False,
        verify: bool = False,
        guards: bool | None = None,
        spectre: bool = True,
        inlining: bool = True,
        max_wasm_stack: int = MAX_WASM_STACK,
        fuel: bool = False,
        collector: str = "deferred",
        gc_count: bool = False,
        gc_repeat: bool = False,
        gc_zeal: bool = False,
        cache: bool | str | os.PathLike[str] = False,
        workers: int | None = None,
    ) -> None:
        if isinstance(features, str):
            features = Features.parse(features)
        put = object.__setattr__
        put(self, "features", DEFAULT if features is None else features)
        put(self, "compiler", compiler)
        put(self, "opt_level", opt_level)
        put(self, "regalloc", regalloc)
        put(self, "tier", os.environ.get("GRUS_TIER", "auto") if tier is None else tier)
        put(self, "promotion", promotion)
        put(self, "lazy_validation", _flag("lazy_validation", lazy_validation))
        put(self, "verify", _flag("verify", verify))
        put(self, "guards", None if guards is None else _flag("guards", guards))
        put(self, "spectre", _flag("spectre", spectre))
        put(self, "inlining", _flag("inlining", inlining))
        put(self, "max_wasm_stack", max_wasm_stack)
        put(self, "fuel", _flag("fuel", fuel))
        put(self, "collector", collector)
        put(self, "gc_count", _flag("gc_count", gc_count))
        put(self, "gc_repeat", _flag("gc_repeat", gc_repeat))
        put(self, "gc_zeal", _flag("gc_zeal", gc_zeal))
        put(self, "cache", cache if isinstance(cache, bool) else os.fspath(cache))
        put(self, "workers", workers)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                known = ", ".join(choices)
                raise ValueError(f"{name} is one of {known}, not {getattr(self, name)!r}")
        if not isinstance(max_wasm_stack, int):
            raise TypeError("max_wasm_stack is a number of bytes")
        if max_wasm_stack <= 0:
            raise ValueError("max_wasm_stack must be more than 0")
        if not isinstance(self.cache, (bool, str)):
            raise TypeError("cache is True, False or a directory")
        if workers is not None and not isinstance(workers, int):
            raise TypeError("workers is a number of processes, or None")
        if workers is not None and workers < 0:
            raise ValueError("workers must not be less than 0")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Config cannot be changed; see Config.replace")

    def items(self) -> dict[str, Any]:
        """Every setting and its value."""
        return {name: getattr(self, name) for name in self.__slots__}

    def replace(self, **changes: Any) -> Config:
        """A Config with some settings changed."""
        return Config(**{**self.items(), **changes})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self.items() == other.items()

    def __hash__(self) -> int:
        return hash(tuple(self.items().values()))

    def __reduce__(self) -> tuple[object, ...]:
        return _make, (self.items(),)

    def __repr__(self) -> str:
        default = Config().items()
        changed = [f"{k}={v!r}" for k, v in self.items().items() if v != default[k]]
        return f"Config({', '.join(changed)})"


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} is True or False, not {value!r}")
    return value


def _make(settings: dict[str, Any]) -> Config:
    return Config(**settings)
