"""Random signatures against a C compiler: C calls Grus code, and Grus code calls C.

    python -m grus.testing.abi_c [first seed] [count] [gcc|clang] [sysv|win]

Each seed is one signature of 0 to 12 arguments: integers with and without extension, floats, i128,
structs by value (in memory; on Windows by pointer), and a result: nothing, a scalar, a pair in two
registers (System V) or a struct behind a hidden pointer. For each there are four functions: a
callee in C and its caller in Grus, a callee in Grus and its caller in C. Callees write all they got
to `seen` and return what stands in `given`; callers keep more values across the call than there
are registers, and write them out after it.
"""

from __future__ import annotations

import ctypes
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from grus.backend.x64.target import TARGET
from grus.base.errors import GrusError
from grus.ir import types as T
from grus.ir.parser import parse_file
from grus.link.jit import JITModule

BATCH = 250
"""Signatures in one C file."""
CELL = 64
"""Bytes of an argument or result in memory."""
KEPT = 20
"""Words that callers keep across the call, every second one a float."""
MAX_ARGUMENTS = 12

_C_INTS = {T.I8: "char", T.I16: "short", T.I32: "int", T.I64: "long long", T.I128: "__int128"}
_C_FLOATS = {T.F32: "float", T.F64: "double"}
_STRUCTS = {
    "sysv": (17, 20, 24, 32, 40, 61),  # larger than two words: in memory
    "win": (3, 5, 12, 16, 24, 61),  # not 1, 2, 4 or 8: by pointer
}


class Item:
    """An argument or a result: a scalar of type `ty`, extended as `extend` says, or (`size`) a
    struct of that many bytes."""

    __slots__ = ("extend", "size", "ty")

    def __init__(self, ty: int, extend: str = "", size: int = 0) -> None:
        self.ty = ty
        self.extend = extend
        self.size = size

    def c_type(self) -> str:
        if self.size:
            return f"struct s{self.size}"
        if self.ty in _C_FLOATS:
            return _C_FLOATS[self.ty]
        return ("signed " if self.extend == "sext" else "unsigned ") + _C_INTS[self.ty]

    def c_wide(self) -> str:
        """The type in which C writes it to memory."""
        return "long long" if self.extend else self.c_type()

    def length(self) -> int:
        return self.size or T.size(self.ty)

    def widened(self, cell: bytes) -> bytes:
        """What C writes to memory for the value in `cell`."""
        cell = cell[: self.length()]
        if not self.extend:
            return cell
        number = int.from_bytes(cell, "little", signed=self.extend == "sext")
        return number.to_bytes(8, "little", signed=self.extend == "sext")


class Case:
    """One signature. `results`: none, one, or the two parts of a pair."""

    __slots__ = ("args", "conv", "number", "results")

    def __init__(self, number: int, conv: str, compiler: str) -> None:
        rng = random.Random(number)
        self.number = number
        self.conv = conv
        kinds = [T.I8, T.I16, T.I32, T.I64, T.F32, T.F64, T.I128]
        self.args: list[Item] = []
        self.results: list[Item] = []
        shape = rng.randrange(8)
        if shape == 0:
            self.results.append(Item(T.I64, size=rng.choice(_STRUCTS[conv])))
        elif shape == 1 and conv == "sysv":
            first = rng.choice((T.I32, T.I64, T.F32, T.F64))
            self.results += [Item(first), Item(rng.choice((T.I64, T.F64)))]
        elif shape > 1:
            self.results.append(_scalar(rng, rng.choice(kinds)))
        integers = 1 if shape == 0 else 0
        for _ in range(rng.randrange(MAX_ARGUMENTS + 1)):
            if rng.randrange(10) == 0:
                self.args.append(Item(T.I64, size=rng.choice(_STRUCTS[conv])))
                continue
            ty = rng.choice(kinds)
            if ty == T.I128 and compiler == "clang" and integers > 4:
                ty = T.I64  # before version 18 it splits them between register and stack
            if T.is_int(ty):
                integers += T.size(ty) + 7 >> 3
            self.args.append(_scalar(rng, ty))

    # ---- C ----

    def c_result(self) -> str:
        if not self.results:
            return "void"
        return f"struct p{self.number}" if len(self.results) > 1 else self.results[0].c_type()

    def c_source(self) -> str:
        """The callee and the caller in C."""
        attribute = "__attribute__((ms_abi))" if self.conv == "win" else ""
        number, result = self.number, self.c_result()
        lines: list[str] = []
        if len(self.results) > 1:
            a, b = self.results
            lines.append(f"{result} {{ {a.c_type()} a; {b.c_type()} b; }};")
        params = ", ".join(f"{a.c_type()} a{i}" for i, a in enumerate(self.args)) or "void"
        lines.append(f"{attribute} {result} callee{number}({params}) {{")
        for i, arg in enumerate(self.args):
            lines.append(f"  *({arg.c_wide()} *)(seen + {CELL * i}) = a{i};")
        if len(self.results) > 1:
            lines.append(f"  {result} r;")
            for i, (name, part) in enumerate(zip("ab", self.results, strict=True)):
                lines.append(f"  r.{name} = *({part.c_type()} *)(given + {CELL * i});")
            lines.append("  return r;")
        elif self.results:
            lines.append(f"  return *({result} *)given;")
        lines.append("}")
        types = ", ".join(a.c_type() for a in self.args) or "void"
        args = ", ".join(f"*({a.c_type()} *)(in + {CELL * i})" for i, a in enumerate(self.args))
        call = f"(({result} ({attribute} *)({types}))f)({args})"
        lines.append(
            f"static __attribute__((noinline)) {attribute}\n"
            f"void inner{number}(void *f, char *in, char *out, long long *k) {{"
        )
        for i in range(KEPT):
            kind = "double" if i % 2 else "long long"
            lines.append(f"  {kind} k{i} = *({kind} *)(k + {i});")
        if len(self.results) > 1:
            lines.append(f"  {result} r = {call};")
            for i, (name, part) in enumerate(zip("ab", self.results, strict=True)):
                lines.append(f"  *({part.c_type()} *)(out + {CELL * i}) = r.{name};")
        elif self.results:
            lines.append(f"  *({self.results[0].c_wide()} *)out = {call};")
        else:
            lines.append(f"  {call};")
        lines.append('  __asm__ volatile ("" ::: "memory");')
        for i in range(KEPT):
            kind = "double" if i % 2 else "long long"
            lines.append(f"  *({kind} *)(k + {KEPT + i}) = k{i};")
        lines.append("}")
        lines.append(
            f"void caller{number}(void *f, char *in, char *out, long long *k) {{\n"
            f"  inner{number}(f, in, out, k);\n}}"
        )
        return "\n".join(lines)

    # ---- CLIF ----

    def by_pointer(self) -> bool:
        """The result is a struct behind a hidden first argument."""
        return len(self.results) == 1 and self.results[0].size > 0

    def signature(self) -> str:
        """The signature in the text form of the IR."""
        params = ["i64 sret"] if self.by_pointer() else []
        for arg in self.args:
            if arg.size and self.conv == "sysv":
                params.append(f"i64 sarg({arg.size + 7 & -8})")
            else:
                params.append(f"{T.NAMES[arg.ty]} {arg.extend}".rstrip())
        returns = [] if self.by_pointer() else self.results
        text = ", ".join(f"{T.NAMES[r.ty]} {r.extend}".rstrip() for r in returns)
        conv = "system_v" if self.conv == "sysv" else "windows_fastcall"
        return f"({', '.join(params)}){' -> ' if text else ''}{text} {conv}"

    def grus_callee(self, seen: int, given: int) -> str:
        """`%callee`: writes its arguments to `seen`, returns what is at `given`."""
        writer = _Writer()
        first = ["v0: i64"] if self.by_pointer() else []
        names = [writer.new() for _ in range(len(first) + len(self.args))]
        header = first + [
            f"{name}: {T.NAMES[arg.ty]}"
            for name, arg in zip(names[len(first) :], self.args, strict=True)
        ]
        to, source = writer.line(f"iconst.i64 {seen}"), writer.line(f"iconst.i64 {given}")
        kept = writer.load_kept(source)
        for i, (name, arg) in enumerate(zip(names[len(first) :], self.args, strict=True)):
            writer.store(arg, name, to, CELL * i)
        writer.store_kept(kept, to, CELL * MAX_ARGUMENTS)
        results = ""
        if self.by_pointer():
            writer.copy(source, 0, names[0], 0, self.results[0].size)
        else:
            results = ", ".join(
                writer.line(f"load.{T.NAMES[r.ty]} notrap {source}+{CELL * i}")
                for i, r in enumerate(self.results)
            )
        return (
            f"function %callee{self.number}{self.signature()} {{\n"
            f"block0({', '.join(header)}):\n{writer.text()}    return {results}\n}}\n"
        )

    def grus_caller(self) -> str:
        """`%caller(cells, out, kept)`: calls `%c_callee`, which is C."""
        writer = _Writer()
        cells, out, words = writer.new(), writer.new(), writer.new()
        kept = writer.load_kept(words)
        args = [out] if self.by_pointer() else []
        for i, arg in enumerate(self.args):
            if arg.size:
                offset = writer.line(f"iconst.i64 {CELL * i}")
                args.append(writer.line(f"iadd {cells}, {offset}"))
            else:
                args.append(writer.line(f"load.{T.NAMES[arg.ty]} notrap {cells}+{CELL * i}"))
        call = f"call fn0({', '.join(args)})"
        returns = [] if self.by_pointer() else self.results
        results = [writer.new() for _ in returns]
        writer.lines.append(f"{', '.join(results)} = {call}" if results else call)
        for i, (name, result) in enumerate(zip(results, returns, strict=True)):
            writer.store(result, name, out, CELL * i)
        writer.store_kept(kept, words, 8 * KEPT)
        return (
            f"function %caller{self.number}(i64, i64, i64) system_v {{\n"
            f"    fn0 = %c_callee{self.number}{self.signature()}\n"
            f"block0({cells}: i64, {out}: i64, {words}: i64):\n{writer.text()}    return\n}}\n"
        )


class _Writer:
    """Lines of a function of one block, and names for its values."""

    __slots__ = ("lines", "number")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.number = -1

    def new(self) -> str:
        self.number += 1
        return f"v{self.number}"

    def line(self, text: str) -> str:
        name = self.new()
        self.lines.append(f"{name} = {text}")
        return name

    def text(self) -> str:
        return "".join([f"    {line}\n" for line in self.lines])

    def load_kept(self, source: str) -> list[str]:
        return [
            self.line(f"load.{'f64' if i % 2 else 'i64'} notrap {source}+{8 * i}")
            for i in range(KEPT)
        ]

    def store_kept(self, names: list[str], to: str, offset: int) -> None:
        for i, name in enumerate(names):
            self.lines.append(f"store notrap {name}, {to}+{offset + 8 * i}")

    def store(self, item: Item, name: str, to: str, offset: int) -> None:
        if item.size:
            self.copy(name, 0, to, offset, item.size)
        else:
            self.lines.append(f"store notrap {name}, {to}+{offset}")

    def copy(self, source: str, at: int, to: str, offset: int, size: int) -> None:
        for step, ty in ((8, "i64"), (4, "i32"), (2, "i16"), (1, "i8")):
            while size >= step:
                word = self.line(f"load.{ty} notrap {source}+{at}")
                self.lines.append(f"store notrap {word}, {to}+{offset}")
                at, offset, size = at + step, offset + step, size - step


def _scalar(rng: random.Random, ty: int) -> Item:
    """A scalar; integers of less than 64 bits are sometimes extended."""
    small = ty in (T.I8, T.I16, T.I32)
    return Item(ty, rng.choice(("", "uext", "sext")) if small else "")


def build(cases: list[Case], compiler: str, folder: Path) -> ctypes.CDLL:
    """The C side of the cases as a library. Raises GrusError when the compiler fails."""
    sizes = sorted({size for sizes in _STRUCTS.values() for size in sizes})
    lines = [f"char seen[{CELL * MAX_ARGUMENTS}], given[{CELL * 4}];"]
    lines += [f"struct s{size} {{ char bytes[{size}]; }};" for size in sizes]
    lines += [case.c_source() for case in cases]
    name = f"abi{cases[0].number}"
    (folder / f"{name}.c").write_text("\n".join(lines) + "\n")
    command = [compiler, "-O1", "-w", "-fno-strict-aliasing", "-shared", "-fPIC"]
    command += [f"{name}.c", "-o", f"{name}.so"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        raise GrusError(f"{compiler}: {done.stderr[:500]}")
    return ctypes.CDLL(str(folder / f"{name}.so"))


def _compare(items: list[Item], given: bytes, got: bytes, wide: bool, what: str) -> str:
    """What differs between the cells given and the cells that arrived; empty for nothing."""
    for i, item in enumerate(items):
        cell = given[CELL * i : CELL * (i + 1)]
        expected = item.widened(cell) if wide else cell[: item.length()]
        arrived = got[CELL * i : CELL * i + len(expected)]
        if arrived != expected:
            return f"{what} {i}: {arrived.hex()} instead of {expected.hex()}"
    return ""


def check(
    numbers: range, compiler: str, conv: str, folder: Path, algorithm: str = "backtracking"
) -> list[str]:
    """What is wrong with the signatures of these seeds (at most `BATCH`), a line each."""
    cases = [Case(number, conv, compiler) for number in numbers]
    library = build(cases, compiler, folder)
    size = CELL * (MAX_ARGUMENTS + 4)
    seen = ctypes.create_string_buffer(size)
    given = ctypes.create_string_buffer(size)
    c_seen = (ctypes.c_char * (CELL * MAX_ARGUMENTS)).in_dll(library, "seen")
    c_given = (ctypes.c_char * (CELL * 4)).in_dll(library, "given")
    settings = TARGET.settings()
    settings.parse("regalloc_checker=true")
    settings.parse(f"regalloc_algorithm={algorithm}")
    module = JITModule(TARGET, settings)
    text: list[str] = []
    for case in cases:
        text.append(case.grus_callee(ctypes.addressof(seen), ctypes.addressof(given)))
        text.append(case.grus_caller())
        address = ctypes.cast(getattr(library, f"callee{case.number}"), ctypes.c_void_p).value
        assert address is not None
        module.symbol(f"%c_callee{case.number}", address)
    for function in parse_file("\n".join(text), "abi_c.clif").functions:
        module.define(function.func)
    module.finish()
    bad: list[str] = []
    three = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    for case in cases:
        rng = random.Random(case.number)
        for caller in ("Grus", "C"):
            cells = ctypes.create_string_buffer(rng.randbytes(CELL * MAX_ARGUMENTS), size)
            out = ctypes.create_string_buffer(size)
            kept = rng.randbytes(8 * KEPT)
            words = ctypes.create_string_buffer(kept, 16 * KEPT)
            given.raw = rng.randbytes(size)
            c_given.raw = given.raw[: CELL * 4]
            if caller == "Grus":
                entry = three(module.address(f"%caller{case.number}"))
                entry(*[ctypes.addressof(b) for b in (cells, out, words)])
                arrived = c_seen.raw
            else:
                address = module.address(f"%callee{case.number}")
                c_caller = getattr(library, f"caller{case.number}")
                pointers = [ctypes.addressof(b) for b in (cells, out, words)]
                c_caller(*[ctypes.c_void_p(p) for p in (address, *pointers)])
                arrived = seen.raw
            in_c, wide_result = caller == "Grus", caller == "C"
            wrong = _compare(case.args, cells.raw, arrived, in_c, "argument")
            wrong = wrong or _compare(case.results, given.raw, out.raw, wide_result, "result")
            if not wrong and words.raw[8 * KEPT :] != kept:
                wrong = "values kept across the call"
            if wrong:
                bad.append(f"seed {case.number}, {caller} calls: {wrong}; {case.signature()}")
    module.free()
    return bad


def main(argv: list[str]) -> int:
    """Check a range of seeds; 1 when something is wrong."""
    numbers = [int(arg) for arg in argv if arg.isdigit()]
    first = numbers[0] if numbers else 0
    count = numbers[1] if len(numbers) > 1 else 100
    compiler = "clang" if "clang" in argv else "gcc"
    conv = "win" if "win" in argv else "sysv"
    bad: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for index, start in enumerate(range(first, first + count, BATCH)):
            batch = range(start, min(start + BATCH, first + count))
            algorithm = ("backtracking", "single_pass")[index % 2]
            for line in check(batch, compiler, conv, Path(folder), algorithm):
                bad.append(line)
                print(line)
    print(f"{count} signatures, {compiler}, {conv}: {len(bad)} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
