"""Code that a module shares with an earlier build of it: what is taken is what would be compiled."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import grus
from grus.base.errors import Unsupported
from grus.engine import cache as cache_module
from grus.engine.cache import LATEST
from grus.engine.code import merge
from grus.engine.family import family
from grus.engine.first import one_pass
from grus.engine.module_code import ModuleCode
from grus.engine.serialize import Block, code_key, read, write
from grus.engine.translate.func import translator
from grus.testing.gen_wasm import generate
from grus.wasm.decode import decode
from grus.wasm.encode import Writer
from grus.wasm.features import DEFAULT
from tests.builds import PLAIN_ONLY

TIERS = ["lazy", "fast", "auto"]
ONE = b"\x60\x00\x01\x7f"  # [] -> [i32]


@pytest.fixture(autouse=True)
def own_log(monkeypatch: Any) -> None:
    cache_module._said.clear()
    monkeypatch.setattr(grus, "LOADED", float("inf"))  # sources may change under a long session


def engine(path: Path, tier: str, **settings: Any) -> grus.Engine:
    return grus.Engine(cache=str(path), tier=tier, **settings)


def compile_all(source: bytes | str, made: grus.Engine) -> None:
    """Leave code of all functions in the cache."""
    module = grus.Module(source, made)
    code = module.load()
    for number in range(len(code.entries)):
        code.ensure(number)
    del module
    gc.collect()
    assert grus.Module.is_cached(source, made)


def check(source: bytes | str, made: grus.Engine) -> int:
    """How many functions another build has, all of which are as if they were compiled."""
    module = grus.Module(source, made)
    code = module.load()
    taken = 0
    for place in code.places:
        for _, _, index in place.image.functions:
            image, level = code.compile(index - code.first)
            ours = merge([(place.image, [index])]).pack()
            assert ours == merge([(image, [index])]).pack(), f"function {index}"
            assert code.levels[index - code.first] == level
            assert place.image.largest_frame >= image.largest_frame
            taken += 1
    assert taken == module.tier_stats().shared
    forget(code)
    return taken


def forget(code: ModuleCode) -> None:
    """Nothing is to be written for a module."""
    code.levels[:] = bytes(len(code.levels))
    code.entries[:] = [0] * len(code.entries)


# ---- binaries with one thing changed ----

Sections = dict[int, bytes]


def sections_of(binary: bytes) -> Sections:
    return {s.id: binary[s.start : s.end] for s in decode(binary, DEFAULT).sections if s.id}


def binary_of(sections: Sections) -> bytes:
    w = Writer()
    w.header()
    order = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)
    for number in order:
        if number in sections:
            w.section(number, sections[number])
    return bytes(w.out)


def items(section: bytes) -> tuple[int, bytes]:
    """The number at the beginning of a section, and the rest."""
    count = shift = at = 0
    while True:
        byte = section[at]
        count |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return count, section[at:]


def with_count(count: int, rest: bytes) -> bytes:
    w = Writer()
    w.u(count)
    return bytes(w.out) + rest


def append(sections: Sections, number: int, item: bytes, count: int = 1) -> None:
    before, rest = items(sections.get(number, b"\0"))
    sections[number] = with_count(before + count, rest + item)


def bodies(binary: bytes) -> list[bytes]:
    return [binary[body.start : body.end] for body in decode(binary, DEFAULT).code]


def set_bodies(sections: Sections, code: list[bytes]) -> None:
    w = Writer()
    w.u(len(code))
    for body in code:
        w.sized(body)
    sections[10] = bytes(w.out)


def longer(body: bytes, rng: random.Random) -> bytes:
    """The body with a constant that is dropped before its end."""
    w = Writer()
    w.byte(0x41)
    w.s(rng.randrange(-(1 << 31), 1 << 31))
    return body[:-1] + bytes(w.out) + b"\x1a\x0b"


def change_bodies(binary: bytes, rng: random.Random) -> tuple[bytes, int]:
    sections, code = sections_of(binary), bodies(binary)
    changed = rng.sample(range(len(code)), min(2, len(code)))
    for at in changed:
        code[at] = longer(code[at], rng)
    set_bodies(sections, code)
    return binary_of(sections), len(changed)


def add_function(binary: bytes, rng: random.Random) -> tuple[bytes, int]:
    sections, code = sections_of(binary), bodies(binary)
    count, rest = items(sections[3])
    sections[3] = with_count(count + 1, rest + rest[-1:])  # the last one again
    set_bodies(sections, [*code, code[-1]])
    return binary_of(sections), 0


def change_data(binary: bytes, rng: random.Random) -> tuple[bytes, int]:
    sections = sections_of(binary)
    if 11 not in sections or not items(sections[11])[0]:
        return binary, 0
    data = bytearray(sections[11])
    segment = decode(binary, DEFAULT).data_segments[-1]
    start = next(s.start for s in decode(binary, DEFAULT).sections if s.id == 11)
    for at in range(segment.start - start, segment.end - start):
        data[at] = rng.randrange(256)
    sections[11] = bytes(data)
    return binary_of(sections), 0


def add_custom(binary: bytes, rng: random.Random) -> tuple[bytes, int]:
    w = Writer()
    w.custom("a", rng.randbytes(rng.randrange(300)))
    return binary[:8] + bytes(w.out) + binary[8:], 0  # every body moves


def add_type(binary: bytes, rng: random.Random) -> tuple[bytes, int]:
    sections = sections_of(binary)
    append(sections, 1, ONE)
    return binary_of(sections), 0


SAME_FAMILY: list[Callable[[bytes, random.Random], tuple[bytes, int]]] = [
    *(change_bodies, add_function, change_data, add_custom, add_type),
]


def reorder_types(sections: Sections) -> None:
    """Types before the others, which keep their numbers in the code: few are what they were."""
    count, rest = items(sections[1])
    sections[1] = with_count(count + 1, ONE + rest)


def turn_types(sections: Sections) -> None:
    """Types that are equal but for what they name change places, in effect."""
    count, rest = items(sections[3])
    sections[3] = with_count(count, rest[1:] + rest[:1])


def add_global(sections: Sections) -> None:
    append(sections, 6, b"\x7f\x01\x41\x07\x0b")


def add_memory(sections: Sections) -> None:
    append(sections, 5, b"\x00\x01")


def add_table(sections: Sections) -> None:
    append(sections, 4, b"\x6f\x00\x03")


def add_segment(sections: Sections) -> None:
    append(sections, 11, b"\x01\x02ab")
    if 12 in sections:
        sections[12] = sections[11][:1]


CHANGES = [reorder_types, turn_types, add_global, add_memory, add_table, add_segment]


@pytest.mark.parametrize("seed", range(8))
def test_random_programs(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    made = engine(tmp_path, TIERS[seed % len(TIERS)])
    binary = generate(seed, 40)
    compile_all(binary, made)
    functions = len(bodies(binary))
    for change in SAME_FAMILY:
        other, changed = change(binary, rng)
        if other == binary:
            continue
        assert not grus.Module.is_cached(other, made)
        assert check(other, made) == functions - changed, change.__name__
    tried = 0
    for alter in CHANGES:
        sections = sections_of(binary)
        alter(sections)
        other = binary_of(sections)
        try:
            grus.Module(other, grus.Engine())
        except grus.GrusError:
            continue
        tried += 1
        check(other, made)
    assert tried >= 3


@pytest.mark.parametrize("tier", TIERS)
def test_a_c_program(tmp_path: Path, tier: str) -> None:
    made = engine(tmp_path, tier)
    binary = (Path(__file__).parents[2] / "examples" / "hello.wasm").read_bytes()
    compile_all(binary, made)
    rng = random.Random(5)
    for change in SAME_FAMILY if tier == "auto" else [change_bodies]:
        other, changed = change(binary, rng)
        assert check(other, made) == len(bodies(binary)) - changed, change.__name__


def test_results_are_those_of_the_new_module(tmp_path: Path) -> None:
    """Places in backtraces, names, and what the changed function gives."""
    text = """(module (memory 1) (global $g (mut i32) (i32.const {start}))
      (func $first (result i32) (i32.const {value}))
      (func $load (param i32) (result i32) (i32.load (local.get 0)))
      (func ${name} (export "f") (param i32) (result i32)
        (i32.add (call $load (local.get 0)) (call $first)))
      (func (export "g") (result i32) (global.get $g)))"""
    made = engine(tmp_path, "lazy")
    for value, start, name in ((1, 10, "old"), (100000, 20, "new"), (2, 30, "newer")):
        module = grus.Module(text.format(value=value, start=start, name=name), made)
        exports = grus.Instance(module).exports
        assert module.tier_stats().shared == (0 if name == "old" else 3)
        assert (exports.f(0), exports.g()) == (value, start)
        with pytest.raises(grus.Trap) as info:
            exports.f(-1)
        frames = info.value.frames
        assert [frame.func_name for frame in frames] == ["load", name]
        for frame in frames:
            body = module.wasm.body(frame.func_index)
            assert body.start < frame.module_offset < body.end
            assert module.wasm.data[frame.module_offset] in (0x28, 0x10)
        del module, exports, info, frames, frame
        gc.collect()


CALLER = b"\x00\x41\x05\x10\x01\x0b"  # i32.const 5, call 1


def test_a_callee_of_another_type(tmp_path: Path) -> None:
    """The same bytes are another function when the function that they call has another type."""
    types = with_count(3, ONE + b"\x60\x00\x00" + b"\x60\x01\x7f\x01\x7f")
    made = engine(tmp_path, "lazy")
    for type_index, body, want in ((1, b"\x00\x0b", 5), (2, b"\x00\x41\x07\x0b", 7)):
        sections = {1: types, 3: bytes([2, 0, type_index]), 7: b"\x01\x01f\x00\x00"}
        set_bodies(sections, [CALLER, body])
        module = grus.Module(binary_of(sections), made)
        assert module.tier_stats().shared == 0
        assert grus.Instance(module).exports.f() == want
        del module
        gc.collect()


def test_functions_that_move(tmp_path: Path) -> None:
    """Leaves, and callers of functions that keep their numbers, are known wherever they stand."""
    leaf = "(func (param i32) (result i32) (i32.mul (local.get 0) (i32.const {n})))"
    low = '(func (export "low{n}") (result i32) (call 0 (i32.const {n})))'
    high = '(func (export "high{n}") (result i32) (call {at} (i32.const {n})))'
    new = '(func (export "new") (result i32) (i32.const 77))'
    last = "(func (param i32) (result i32) (i32.div_s (i32.const 60) (local.get 0)))"
    made = engine(tmp_path, "auto")

    def text(at: int, inserted: str) -> str:
        functions = [leaf.format(n=3), low.format(n=4), inserted, leaf.format(n=5)]
        return f"(module {''.join([*functions, high.format(n=6, at=at), low.format(n=8), last])})"

    compile_all(text(5, ""), made)
    module = grus.Module(text(6, new), made)
    assert module.tier_stats().shared == 5  # not the new one, nor the caller of the last
    exports = grus.Instance(module).exports
    assert (exports.low4(), exports.low8(), exports.high6(), exports.new()) == (12, 24, 10, 77)
    del module, exports
    gc.collect()
    assert check(text(6, new.replace("77", "78")), made) == 6


def test_equal_functions(tmp_path: Path) -> None:
    """Each of the new ones takes another of the old ones."""
    function = "(func (result i32) (i32.const 1))"
    made = engine(tmp_path, "lazy")
    compile_all(f"(module {function * 3})", made)
    assert check(f"(module {function * 2} (func))", made) == 2
    assert check(f"(module {function * 5})", made) == 3


def test_nothing_is_taken_from_other_settings(tmp_path: Path) -> None:
    text = '(module (memory 1) (func (export "f") (result i32) (i32.load (i32.const 0))) {})'
    compile_all(text.format(""), engine(tmp_path, "lazy"))
    assert check(text.format("(func)"), engine(tmp_path, "lazy", guards=False)) == 0
    assert check(text.format("(func)"), engine(tmp_path, "auto")) == 0
    assert check(text.format("(func)"), engine(tmp_path, "lazy")) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(memory 1)", "(memory i64 1)"),
        ("(memory 1)", "(memory 1 1 shared)"),
        ("(table 1 funcref)", "(table 1 externref)"),
        ("(table 1 funcref)", "(table i64 1 funcref)"),
        ("(global i32 (i32.const 0))", "(global i64 (i64.const 0))"),
        ("(global i32 (i32.const 0))", "(global (mut i32) (i32.const 0))"),
        ('(import "m" "g" (global i32))', "(global i32 (i32.const 0))"),
        ('(import "m" "f" (func))', "(func)"),
        ('(import "m" "f" (func))', '(import "m" "g" (func))'),
        ('(memory 1) (data (i32.const 0) "a")', '(memory 1) (data "a")'),
    ],
)
def test_families(one: str, other: str) -> None:
    made = grus.Engine()
    digests = [
        family(b"", grus.Module(f"(module {fields})", made).info)
        for fields in (one, other, one + ' (func) (export "f" (func 0))')
    ]
    assert digests[0] != digests[1]
    assert digests[0] == digests[2]
    assert family(b"a", grus.Module("(module)", made).info) != family(
        b"b", grus.Module("(module)", made).info
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(memory 1)", "(memory 2 5)"),
        ("(table 1 funcref)", "(table 7 9 funcref)"),
        ("(global (mut i32) (i32.const 0))", '(global (export "g") (mut i32) (i32.const 5))'),
        ('(memory 1) (data (i32.const 0) "a")', '(memory 1) (data (i32.const 3) "abc")'),
        ('(import "a" "b" (func))', '(import "a" "b" (func (param i32)))'),
        ("", '(export "g" (func 0))'),
    ],
)
def test_what_code_does_not_depend_on(one: str, other: str, tmp_path: Path) -> None:
    made = engine(tmp_path, "lazy")
    function = '(func (export "f") (result i32) (i32.const 3))'
    compile_all(f"(module {one} {function})", made)
    assert check(f"(module {other} {function})", made) == 1


# ---- damage and strangers ----

TEXT = '(module {} (func (export "f") (result i32) (i32.const 3)))'


def pointer(path: Path) -> Path:
    (found,) = path.glob("*" + LATEST)
    return found


def test_a_damaged_pointer(tmp_path: Path, caplog: Any) -> None:
    made = engine(tmp_path, "lazy")
    compile_all(TEXT.format(""), made)
    file = pointer(tmp_path)
    good = file.read_bytes()
    rng = random.Random(3)
    damaged = [good[:size] for size in (0, 5, 60, len(good) - 1)]
    for _ in range(100):
        data = bytearray(good)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(data))
    for number, data in enumerate(damaged):
        cache_module._said.clear()
        caplog.clear()
        file.write_bytes(data)
        shared = check(TEXT.format(f"(; {number} ;)"), made)
        assert shared == (not caplog.records)  # a bit between blocks means nothing
        file.write_bytes(good)
        file.chmod(0o600)
    assert check(TEXT.format("(; again ;)"), made) == 1


def test_a_damaged_entry(tmp_path: Path, caplog: Any) -> None:
    made = engine(tmp_path, "lazy")
    compile_all(TEXT.format(""), made)
    (file,) = tmp_path.glob("*.grus")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert check(TEXT.format("(; a ;)"), made) == 0
    assert "is damaged" in caplog.text and not file.exists()
    caplog.clear()
    assert check(TEXT.format("(; b ;)"), made) == 0  # there is none any more
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["levels", "digests", "types", "bodies", "funcs", "family"])
@pytest.mark.parametrize("keep", [0, 1])
def test_parts_that_do_not_fit(tmp_path: Path, name: str, keep: int) -> None:
    """The checksums are right, the lengths are not."""
    made = engine(tmp_path, "lazy")
    compile_all(TEXT.format("(func (param i32))"), made)
    (file,) = tmp_path.glob("*.grus")
    record = read(file.read_bytes(), None)
    blocks: dict[str, Block] = dict(record.blocks)
    size = {"bodies": 8, "funcs": 4, "levels": 1, "family": 1}.get(name, 32)
    blocks[name] = bytes(blocks[name][: keep * size])
    file.write_bytes(b"".join(write(code_key(made), 0, record.largest_frame, blocks)))
    assert check(TEXT.format("(func (param i32)) (; a ;)"), made) <= keep


def test_a_pointer_to_another_family(tmp_path: Path) -> None:
    ours, theirs = engine(tmp_path / "ours", "lazy"), engine(tmp_path / "theirs", "lazy")
    compile_all(TEXT.format(""), ours)
    compile_all(TEXT.format("(memory 1)"), theirs)
    pointer(tmp_path / "ours").write_bytes(pointer(tmp_path / "theirs").read_bytes())
    assert check(TEXT.format("(; a ;)"), ours) == 0
    for file in (tmp_path / "theirs").glob("*.grus"):
        file.rename(tmp_path / "ours" / file.name)
    assert check(TEXT.format("(; a ;)"), ours) == 0


def test_sources_that_have_changed(tmp_path: Path, monkeypatch: Any) -> None:
    made = engine(tmp_path, "lazy")
    compile_all(TEXT.format(""), made)
    monkeypatch.setattr("grus.engine.cached.changed", lambda: True)
    assert check(TEXT.format("(; a ;)"), made) == 0


# ---- translation reads no more ----


class Shown:
    """Shows some attributes of an object, or of the elements of a list, and no others. Those in
    `instead` are given for its own."""

    def __init__(self, inner: object, shown: dict[str, Any], **instead: object) -> None:
        self._inner, self._shown, self._instead = inner, shown, instead

    def __getattr__(self, name: str) -> Any:
        assert name in self._shown, f"translation reads {name}, which is not in the family"
        if name in self._instead:
            return self._instead[name]
        inner, shown = getattr(self._inner, name), self._shown[name]
        if shown is None:
            return inner
        if isinstance(inner, list):
            return [Shown(item, shown) for item in inner]
        return Shown(inner, shown)


KIND = {"is64": None, "shared": None, "page_size_log2": None}
FACTS: dict[str, Any] = {
    "data": None,  # of the body
    "body": None,
    "func_type": None,  # of the function itself
    "funcs": None,  # of functions that it calls, which are recorded
    "types": None,  # those that the body names, which are recorded
    "num_imported_funcs": None,
    "num_imported_globals": None,
    "tables": {"type": {"element": None, "limits": KIND}},
    "memories": {"type": {"limits": KIND}},
    "globals": {"type": {"value": None, "mutable": None}},
}


class Read(list[Any]):
    """A list that keeps which of its elements were read."""

    def __init__(self, items: list[Any]) -> None:
        super().__init__(items)
        self.read: set[int] = set()

    def __getitem__(self, index: Any) -> Any:
        self.read.add(index)
        return super().__getitem__(index)


def by_ir(info: Any, index: int) -> Any:
    work = translator(info, index, True, True)
    work.translate()
    return work


def in_one_pass(info: Any, index: int) -> Any:
    work = one_pass(info, index, True)
    try:
        work.compile()
    except Unsupported:
        return None
    return work


@PLAIN_ONLY
@pytest.mark.parametrize("collector", ["deferred", "naive"])
@pytest.mark.parametrize("translate", [by_ir, in_one_pass])
def test_translation_reads_these_facts_only(collector: str, translate: Any) -> None:
    made = grus.Engine(collector=collector)
    taken = 0
    for seed in range(12):
        info = grus.Module(generate(seed, 60), made).info
        inner, signatures_of = info.module, info.signatures
        for index in range(inner.num_imported_funcs, len(inner.funcs)):
            types, signatures, subs = Read(inner.funcs), Read(signatures_of), Read(inner.types)
            info.module = Shown(inner, FACTS, funcs=types, types=subs)  # type: ignore[assignment]
            info.signatures = signatures
            work = translate(info, index)
            if work is None:
                continue
            taken += 1
            named = {-1 - name for name in work.named if name < 0}
            assert types.read == {name for name in work.named if name >= 0}
            assert subs.read <= named
            assert signatures.read <= named | {inner.funcs[callee] for callee in types.read}
    assert taken or (collector == "naive" and translate is in_one_pass)
