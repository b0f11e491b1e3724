"""Text to binary (core specification, chapter 6)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from grus.wasm.decode import decode
from grus.wasm.errors import TextError, WasmError
from grus.wasm.text import parse_wat, wat2wasm
from grus.wasm.text.numbers import NumberError, parse_float, parse_int, print_float
from grus.wasm.text.wast import parse_script
from grus.wasm.validate import validate

SUITE = Path(__file__).parent.parent.parent.parent / "shared" / "testsuite"
FOLDED = "(module (func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))"
FLAT = "(module (func (param $x i32) (result i32) local.get $x i32.const 1 i32.add))"


def body(text: str) -> bytes:
    """A binary without its name section."""
    data = wat2wasm(text)
    at = data.find(b"\x04name")
    return data if at < 0 else data[: at - 2]


def test_folded_and_flat_are_the_same() -> None:
    assert body(FOLDED) == body(FLAT)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (
            '(module (func (export "a") (export "b")))',
            '(module (func $f) (export "a" (func $f)) (export "b" (func $f)))',
        ),
        (
            '(module (func $f (import "m" "n") (param i32)))',
            '(module (import "m" "n" (func $f (param i32))))',
        ),
        (
            '(module (memory (data "ab" "\\63")))',
            '(module (memory 1 1) (data (i32.const 0) "abc"))',
        ),
        (
            "(module (func (if (i32.const 1) (then nop) (else nop))))",
            "(module (func i32.const 1 if nop else nop end))",
        ),
        ("(module (func (param i32 i64)))", "(module (func (param i32) (param i64)))"),
        ("(func)", "(module (func))"),
        (
            "(module (func (local i32 i32 i64)))",
            "(module (func (local i32) (local i32) (local i64)))",
        ),
        (
            "(module (type $t (func (param i32))) (func (type $t)))",
            "(module (type $t (func (param i32))) (func (param i32)))",
        ),
    ],
)
def test_abbreviations(short: str, long: str) -> None:
    assert body(short) == body(long)


@pytest.mark.parametrize(
    ("text", "message", "line", "col"),
    [
        ("(module\n  (func (i32.foo)))", "unknown operator 'i32.foo'", 2, 10),
        ("(module (func (local.get $x)))", "unknown local $x", 1, 26),
        ("(module (func (br $l)))", "unknown label $l", 1, 19),
        ("(module (func $f) (func $f))", "duplicate func $f", 1, 25),
        ("(module (func block $a end $b))", "mismatching label", 1, 28),
        ("(module (func i32.const 4294967296))", "i32 constant out of range", 1, 25),
        ("(module (func (i32.load align=3)))", "alignment must be a power of 2", 1, 25),
        ('(module (func) (import "a" "b" (func)))', "import after function", 1, 16),
        ("(module (func)", "unexpected end", 1, 15),
        ('(module (memory 1) (data "\\zz"))', "unknown operator: malformed string escape", 1, 26),
        ("(module (; never closed", "unexpected end: unclosed comment", 1, 9),
    ],
)
def test_errors_have_a_place(text: str, message: str, line: int, col: int) -> None:
    with pytest.raises(TextError) as caught:
        wat2wasm(text)
    assert caught.value.message.startswith(message)
    assert (caught.value.line, caught.value.col) == (line, col)


def test_validation_errors_point_into_the_text() -> None:
    parsed = parse_wat(
        "(module\n  (func (result i32)\n    (i32.add (i32.const 1)\n       (f32.const 1))))"
    )
    with pytest.raises(WasmError) as caught:
        validate(decode(parsed.binary))
    located = parsed.locate(caught.value)
    assert (located.line, located.col) == (3, 6)


def test_depth() -> None:
    """100,000 nested blocks or operands, without recursion."""
    deep = 100_000
    for text in (
        "(module (func " + "(block " * deep + ")" * deep + "))",
        "(module (func (result i32) " + "(i32.eqz " * deep + "(i32.const 1)" + ")" * deep + "))",
        "(module (func " + "block " * deep + "end " * deep + "))",
    ):
        assert len(wat2wasm(text)) > deep


@pytest.mark.parametrize(
    ("text", "bits", "pattern"),
    [
        ("0", 32, 0), ("-0", 32, 0x80000000), ("1", 32, 0x3F800000), ("0x1p-149", 32, 1),
        ("0x1p-150", 32, 0), ("0x1.8p-150", 32, 1), ("1e39", 32, None), ("inf", 64, 0x7FF << 52),
        ("nan:0x1", 32, 0x7F800001), ("-nan", 32, 0xFFC00000), ("0x1.fffffefffffffffp0", 32, 0x3FFFFFFF),
        ("0x1.fffffeffffffffp+127", 32, 0x7F7FFFFF), ("0x1.ffffffp+127", 32, None), ("1_000.5", 64, 0x408F440000000000),
        ("4.9406564584124654e-324", 64, 1), ("1.7976931348623157e308", 64, 0x7FEFFFFFFFFFFFFF),
    ],
)  # fmt: skip
def test_floats(text: str, bits: int, pattern: int | None) -> None:
    if pattern is None:
        with pytest.raises(NumberError, match="out of range"):
            parse_float(text, bits)
        return
    assert parse_float(text, bits) == pattern
    assert parse_float(print_float(pattern, bits), bits) == pattern


def test_floats_against_python() -> None:
    import struct

    rng = random.Random(7)
    for _ in range(3000):
        digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 25)))
        text = f"{digits[:1]}.{digits[1:]}e{rng.randint(-330, 300)}"
        want = int.from_bytes(struct.pack("<d", float(text)), "little")
        assert parse_float(text, 64) == want, text
        pattern = rng.getrandbits(64)
        assert parse_float(print_float(pattern, 64), 64) == pattern


def test_integers() -> None:
    assert parse_int("0xffff_ffff", 32) == -1
    assert parse_int("-0x8000_0000", 32) == -(2**31)
    for bad in ("", "_1", "1_", "0x", "+-1", "1__0", "0x_1"):
        with pytest.raises(NumberError, match="unknown operator"):
            parse_int(bad, 32)


def test_numbers_of_any_length() -> None:
    """More digits than CPython converts at once."""
    long = "9" * 6000
    assert parse_float("0." + long, 64) == 0x3FF0000000000000
    assert parse_float(long + "e-6000", 32) == 0x3F800000
    assert parse_float("1e-" + long, 64) == 0
    assert parse_float("0e" + long, 64) == 0
    with pytest.raises(NumberError, match="out of range"):
        parse_float("1e" + long, 64)
    for text in (f"(memory {long})", f"(func i32.const {long})", f"(func local.get {long})"):
        with pytest.raises(TextError, match="out of range"):
            wat2wasm(f"(module {text})")


def test_garbage_gives_text_errors_only() -> None:
    rng = random.Random(3)
    seed = (
        FOLDED + FLAT + '(module (data "x\\u{1f}") (; c ;) (@a "b") (elem declare func 0))'
    ).encode()
    for _ in range(3000):
        data = bytearray(seed)
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(data))
            choice = rng.random()
            if choice < 0.4:
                data[at] = rng.choice(b'()"$;@ 0x.\\\x80\n')
            elif choice < 0.7:
                del data[at : at + rng.randint(1, 9)]
            else:
                data[at:at] = data[rng.randrange(len(data)) :][: rng.randint(1, 20)]
        try:
            wat2wasm(bytes(data))
        except TextError:
            pass
        try:
            parse_script(bytes(data))
        except TextError:
            pass


@pytest.mark.skipif(not SUITE.is_dir(), reason="needs the WebAssembly test suite in ../shared")
def test_suite_verdicts() -> None:
    """Every module of a part of the suite is accepted or rejected as the scripts say."""
    for name in (
        "func",
        "elem",
        "data",
        "token",
        "comments",
        "id",
        "const",
        "annotations",
        "align",
    ):
        path = SUITE / f"{name}.wast"
        for command in parse_script(path.read_bytes(), name):
            module = command.module
            if module is None or command.kind not in (
                "module",
                "assert_malformed",
                "assert_invalid",
            ):
                continue
            try:
                if module.kind == "binary":
                    data = module.data
                elif module.kind == "quote":
                    data = wat2wasm(module.data)
                elif isinstance(module.parsed, TextError):
                    raise module.parsed
                else:
                    assert module.parsed is not None
                    data = module.parsed.binary
                validate(decode(data))
                accepted = True
            except WasmError:
                accepted = False
            assert accepted == (command.kind == "module"), f"{name}.wast:{command.line}"
