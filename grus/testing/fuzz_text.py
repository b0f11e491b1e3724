"""Fuzzer of the text form: `python -m grus.testing.fuzz_text --count N --seed S [PATH]...`.

Each case is a file of `PATH` (or the built-in text), cut to a few functions and mutated: bytes
and tokens are changed, repeated, dropped, swapped, or taken from another file. Whatever comes
out, parsing gives functions or ParseErrors, the verifier gives a list, and every valid function
prints and parses back to the same text. Anything else is a bug, shown with its seed.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from pathlib import Path
from typing import Final

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.parser import File, ParseError, ParseErrors, parse_file, parse_function
from grus.ir.printer import print_function
from grus.ir.verifier import verify

_SEED_TEXT: Final = """test verifier
function %a(i32, i64 vmctx) -> i32 tail {
    ss0 = explicit_slot 8, align = 8, key = 3
    gv0 = vmctx
    gv1 = load.i64 notrap aligned gv0+8
    region0 = 7 "heap"
    sig0 = (i32) -> i32 tail
    fn0 = colocated %g sig0
    const0 = 0x0102
block0(v0: i32, v1: i64):
    v2 -> v0
    v3 = iconst.i32 -0x10
    v4 = load.f32 region0 notrap v1+4
    v5 = iadd v2, v3 ; error: something
    v6 = call fn0(v5), stack_map=[i32 @ ss0+0]
    v7 = vconst.i32x4 [1 2 3 4]
    v8, v9 = uadd_overflow v5, v6
    br_table v5, block1, [block2(v6), block1]
block1 cold:
    try_call fn0(v5), sig0, block2(ret0), [ tag1: block3(exn0), context v1, default: block3(v1) ]
block2(v10: i32):
@0a10 v11 = f64const -0x1.8p3
    brif v10, block1, block2(v0)
block3(v12: i64):
    trap user3
}
; run: %a(1, 2) == 3
"""
_PIECE: Final = re.compile(r"[A-Za-z0-9_.%]+|\s+|.", re.DOTALL)
_WORDS: Final = (
    *("", " ", "\n", "}", "{", "(", ")", "[", "]", ",", "=", "->", "v0", "v1", "v4294967294"),
    *("v4294967295", "v01", "block0", "block4294967294", "block99999", "ss0", "sig0", "fn0"),
    *("gv0", "dt0", "const0", "region0", "ret0", "exn3", "tag7", "userextname0", "u1:2", "%x"),
    *("-1", "0x", "0x10000000000000000", "9" * 5000, "0x1.8p1", "+Inf", "-NaN:0x1", "NaN", "@ffff"),
    *(
        "i8",
        "i128x256",
        "f32x4xN",
        "function",
        "cold",
        ";",
        '"',
        "\x00",
        "é",
        "\u0661",
        "stack_map",
    ),
    *("notrap", "little", "big", "default", "context", "stack_limit", "test", "set a=b", "<1>"),
)


def mutate(text: str, other: str, rng: random.Random) -> str:
    """A mutation of `text`, with pieces of `other`."""
    pieces = _PIECE.findall(text)
    donors = _PIECE.findall(other)
    if len(pieces) > 1500:
        begin = rng.randrange(len(pieces) - 1500)
        pieces = pieces[begin : begin + 1500]
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not pieces:
            break
        at = rng.randrange(len(pieces))
        choice = rng.randrange(8)
        if choice == 0:
            del pieces[at : at + rng.choice((1, 1, 2, 8, 64))]
        elif choice == 1:
            pieces[at:at] = pieces[at : at + rng.choice((1, 2, 8, 64))]
        elif choice == 2:
            pieces[at] = rng.choice(_WORDS)
        elif choice == 3:
            pieces.insert(at, rng.choice(_WORDS))
        elif choice == 4:
            pieces[at] = rng.choice(donors) if donors else ""
        elif choice == 5:
            to = rng.randrange(len(pieces))
            pieces[at], pieces[to] = pieces[to], pieces[at]
        elif choice == 6:
            name = rng.choice(ops.ROWS[ops.FIRST_REAL :]).name
            pieces[at] = rng.choice((name, f"{name}.{rng.choice(list(T.BY_NAME))}"))
        else:
            piece = pieces[at]
            cut = rng.randrange(len(piece) + 1)
            pieces[at] = piece[:cut] + chr(rng.randrange(1, 256)) + piece[cut + 1 :]
    return "".join(pieces)


def check_text(text: str) -> int:
    """Parse, verify, print and parse again; gives the number of functions that parse."""
    try:
        file: File = parse_file(text)
    except ParseErrors as errors:
        str(errors)
        if errors.file is None:
            return 0
        file = errors.file
    for function in file.functions:
        valid = not verify(function.func)
        printed = print_function(function.func)
        print_function(function.func, cranelift=True)
        try:
            again = print_function(parse_function(printed))
        except ParseError:
            if valid:
                raise
            continue  # an operand of a wrong type gives a wrong suffix
        if valid and again != printed:
            raise AssertionError(f"printing is not stable:\n{printed}\n{again}")
    return len(file.functions)


def main(argv: list[str]) -> int:
    """Fuzz; gives 1 and shows the input when something else than a GrusError comes out."""
    parser = argparse.ArgumentParser(prog="python -m grus.testing.fuzz_text")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("paths", nargs="*", help=".clif files or directories to start from")
    options = parser.parse_args(argv)
    texts = [_SEED_TEXT]
    for name in options.paths:
        path = Path(name)
        for file in sorted(path.rglob("*.clif")) if path.is_dir() else [path]:
            texts.append(file.read_text(encoding="utf-8"))
    parsed = 0
    began = time.perf_counter()
    for index in range(options.count):
        rng = random.Random(options.seed + index)
        text = mutate(rng.choice(texts), rng.choice(texts), rng)
        try:
            parsed += check_text(text)
        except BaseException:
            print(f"seed {options.seed + index}:\n{text}", file=sys.stderr)
            raise
    seconds = time.perf_counter() - began
    print(f"{options.count} inputs, {parsed} functions parsed, {seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
