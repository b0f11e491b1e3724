from __future__ import annotations

import pytest

from grus.wasm import features as F
from grus.wasm import types as T
from grus.wasm.decode import decode
from grus.wasm.encode import uleb
from grus.wasm.errors import DecodeError, ValidationError, WasmError
from grus.wasm.limits import ImplementationLimits
from grus.wasm.validate import Validator, validate, validate_function

from .binaries import function, module


def error(data: bytes, features: F.Features = F.DEFAULT) -> WasmError:
    with pytest.raises(WasmError) as caught:
        validate(decode(data, features), features)
    return caught.value


def test_place_of_an_error() -> None:
    data = function(b"\x01\x20\x05\x1a", before=((7, b"\x01\x02go\x00\x00"),))
    found = error(data)
    assert found.message == "unknown local 5"
    assert found.offset is not None
    assert data[found.offset] == 0x20
    assert (found.func_index, found.func_name) == (0, "go")
    assert str(found) == f"unknown local 5 (at offset {found.offset:#x}, in function 0 (go))"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("6a", "type mismatch: instruction requires [i32] but stack has []"),
        ("41004200 6a 1a", "type mismatch: instruction requires [i32] but stack has [i64]"),
        ("4100", "type mismatch"),
        ("0c01", "unknown label 1"),
        ("1001", "unknown function 1"),
        ("2300", "unknown global 0"),
        ("2800 00", "unknown memory 0"),
        ("d200", "undeclared function reference 0"),
        ("027f 0b", "type mismatch"),
        ("4100 04 7f 4100 0b 1a", "type mismatch: if without else"),
        ("4100 41", "unexpected end of section or function"),
        ("05", "END opcode expected"),
        ("06", "illegal opcode 06"),
        ("fd9a01", "illegal opcode fd 9a"),
        ("fc09 00", "data count section required"),
        ("41ffffffffff 1a", "integer representation too long"),
        ("0b", "section size mismatch"),
        ("02c00100", "unknown type"),
        ("00 4200 6a 1a", "type mismatch: instruction requires [i32] but stack has [i64]"),
        ("00 d4 6a 1a", "type mismatch"),  # ref.as_non_null of nothing is a reference
    ],
)
def test_wrong_bodies(code: str, message: str) -> None:
    found = error(function(bytes.fromhex(code)))
    assert found.message.startswith(message)
    assert found.func_index == 0


@pytest.mark.parametrize(
    "code",
    ["00 6a 1a", "00 1b 1a", "00 0e0000", "0240 0c00 4200 1a 0b", "4100 0440 05 0b", "00 d4 1a"],
)
def test_right_bodies(code: str) -> None:
    validate(decode(function(bytes.fromhex(code))))


def test_features_off() -> None:
    for code, name in (
        ("4100 c0 1a", "sign-extension"),
        ("d070 1a", "reference-types"),
        ("fd0c 00000000 00000000 00000000 00000000 1a", "simd"),
        ("1200", "tail-call"),
        ("fe0300", "threads"),
    ):
        data = function(bytes.fromhex(code))
        validate(decode(data))
        found = error(data, F.Features.parse(f"-{name}"))
        assert found.message.startswith("illegal opcode"), name
        assert name in found.message


def test_lazily() -> None:
    """Bodies are checked one by one, in any order, after the module."""
    data = module((1, b"\1\x60\0\0"), (3, b"\2\0\0"), (10, b"\2\2\0\x0b\3\0\x6a\x0b"))
    validator = Validator(decode(data))
    validator.check_module()
    validate_function(validator, 0)
    with pytest.raises(ValidationError) as caught:
        validate_function(validator, 1)
    assert caught.value.func_index == 1
    validate_function(validator, 0)


def test_uninitialised_locals() -> None:
    """A local of non-null type may be read once it is set, until its block ends."""
    reference = b"\x01\x01\x64\x00"  # one local of type (ref 0)
    exports = ((7, b"\x01\x00\x00\x00"),)
    set_it = b"\xd2\x00\x21\x00"
    get_it = b"\x20\x00\x1a"
    validate(decode(function(set_it + get_it, locals=reference, before=exports)))
    inside = b"\x02\x40" + set_it + get_it + b"\x0b"
    validate(decode(function(inside, locals=reference, before=exports)))
    found = error(function(inside + get_it, locals=reference, before=exports))
    assert found.message == "uninitialized local 0"


def test_equal_types_are_equal_ints() -> None:
    """Recursion groups are equal up to their place; members of different groups are not."""
    pair = b"\x4e\x02\x5f\x01\x63%c\x00\x60\x00\x00"
    first, second = pair.replace(b"%c", b"\x01"), pair.replace(b"%c", b"\x03")
    alone = b"\x60\x00\x00"
    v = validate(decode(module((1, b"\x04" + first + second + alone + alone))))
    assert v.type_ids == [0, 1, 0, 1, 2, 2]
    assert not v.types.matches(T.ref(1, False), T.ref(2, False))


def test_one_table_for_many_modules() -> None:
    table = T.TypeTable()
    one = validate(decode(module((1, b"\x02\x60\x00\x00\x60\x01\x7f\x00"))), types=table)
    two = validate(decode(module((1, b"\x01\x60\x01\x7f\x00"))), types=table)
    assert two.type_ids == [one.type_ids[1]]


def test_subtyping() -> None:
    # 0: sub (struct); 1: sub 0 (struct i32); 2: func
    types = b"\x03\x50\x00\x5f\x00\x50\x01\x00\x5f\x01\x7f\x00\x60\x00\x00"
    table = validate(decode(module((1, types)))).types
    child, parent, func = T.ref(1, False), T.ref(0, True), T.ref(2, False)
    assert table.matches(child, parent) and not table.matches(parent, child)
    assert table.matches(child, T.STRUCTREF) and table.matches(child, T.ANYREF)
    assert not table.matches(child, T.FUNCREF) and table.matches(func, T.FUNCREF)
    assert table.matches(T.NULLREF, parent) and not table.matches(T.NULLREF, child)
    assert table.matches(T.NULLFUNCREF, T.ref(2, True))
    assert not table.matches(T.I32, T.I64) and not table.matches(T.I32, T.ANYREF)
    assert table.display(1) == [0, 1]


def test_limits_can_be_set() -> None:
    limits = ImplementationLimits()
    limits.locals = 3
    data = function(b"", locals=b"\x01\x04\x7f")
    validate(decode(data))
    with pytest.raises(DecodeError, match="too many locals: 4, the limit is 3"):
        validate(decode(data), limits=limits)


def test_hostile_bodies_end_soon() -> None:
    """What would take hours or gigabytes if it were done naively."""
    many = b"\x60\x00" + uleb(1000) + b"\x7f" * 1000
    calls = function(b"\x10\x00" * 3_000 + b"\x00", type=many)
    assert error(calls).message.startswith("too many operands")
    assert error(function(b"", locals=b"\x01\xff\xff\xff\xff\x0f\x7f")).message.startswith(
        "too many"
    )
    table = b"\x00\x0e" + uleb(100_000) + b"\x00" * 100_001
    validate(decode(function(table, type=many)))
    distinct = b"".join(
        b"\x60" + uleb(n % 40) + b"\x7f" * (n % 40) + uleb(n // 40) + b"\x7e" * (n // 40)
        for n in range(20_000)
    )
    validate(decode(module((1, uleb(20_000) + distinct))))


def test_same_verdicts_as_wasmtime() -> None:
    pytest.importorskip("wasmtime")
    from grus.testing import fuzz_validate

    if not fuzz_validate.TESTSUITE.is_dir():
        pytest.skip("the WebAssembly test suite is not at ../shared/testsuite")
    assert fuzz_validate.main(["--count", "400", "--seed", "7"]) == 0
