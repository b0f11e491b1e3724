"""What compiled code bakes in, and what it must not do."""

from __future__ import annotations

import pytest

import grus
from grus.base import layout
from grus.engine import code
from grus.engine.collector import stack_maps
from grus.engine.layout import GLOBAL_SIZE, InstanceLayout
from grus.engine.translate.func import translate
from grus.engine.translate.info import ModuleInfo
from grus.engine.translate.stackmaps import is_safepoint, live_after_calls, references
from grus.host import libc
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import CallInfo, Function, Value
from grus.wasm import types as WT


def test_offsets_that_compiled_code_bakes_in() -> None:
    header = layout.EXTERN_HEADER
    assert header["count"] == 0 and header.size == 32
    assert layout.STORE["end"] == layout.STORE["next"] + 8
    assert T.size(T.I64) == 8 <= GLOBAL_SIZE  # a reference is one word, null or not


def ir_of(text: str, index: int | None = None) -> tuple[Function, list[Value]]:
    """IR of a function of a module (the first that is not imported), and its references."""
    module = grus.Module(text)
    wasm = module.wasm
    place = InstanceLayout(
        wasm.num_imported_funcs, len(wasm.funcs), len(wasm.tables), len(wasm.memories),
        wasm.num_imported_globals, len(wasm.globals),
    )  # fmt: skip
    info = ModuleInfo(wasm, place, [])
    func = translate(info, wasm.num_imported_funcs if index is None else index)
    return func, [p for p, ty in zip(
        func.blocks[0].params[1:], wasm.func_type(wasm.num_imported_funcs).params, strict=True
    ) if WT.is_extern(ty)]  # fmt: skip


def calls(func: Function) -> list[CallInfo]:
    return [i.ext for b in func.blocks for i in b.insts if is_safepoint(i)]  # type: ignore[misc]


def stores_of_counts(func: Function) -> int:
    """Count changes that compiled code makes: additions of 1 or -1 to a loaded word."""
    n = 0
    for block in func.blocks:
        for inst in block.insts:
            if inst.op == ops.STORE and inst.a.op == ops.IADD and inst.imm == 0:
                b = inst.a.b
                n += b.op == ops.ICONST and b.imm in (1, -1)
    return n


@pytest.mark.parametrize(
    "body",
    [
        "(local.set 1 (local.get 0)) (drop (local.get 1))",
        "(drop (call $f (local.get 0)))",
        "(drop (select (result externref) (local.get 0) (local.get 1) (i32.const 1)))",
        "(drop (local.tee 1 (local.get 0)))",
        "(block (result externref) (local.get 0)) drop",
    ],
)
def test_no_counting_of_locals_operands_calls_and_selects(body: str) -> None:
    func, _ = ir_of(f"""(module (import "" "f" (func $f (param externref) (result externref)))
      (func (param externref) (local externref) {body}))""")
    assert stores_of_counts(func) == 0


def test_first_call_needs_no_map_later_ones_list_what_is_still_needed() -> None:
    func, _ = ir_of("""(module (import "" "f" (func $f)) (import "" "g" (func $g (param externref)))
      (import "" "make" (func $make (result externref)))
      (func (local externref externref)
        (call $f)
        (local.set 0 (call $make)) (call $f)
        (local.set 1 (call $make)) (call $f)
        (call $g (local.get 0)) (call $f)
        (call $g (local.get 1)) (call $f)))""")
    # f, make, f, make, f, g, f, g, f
    assert [len(info.stack_map) for info in calls(func)] == [0, 0, 1, 1, 2, 1, 1, 0, 0]


def test_loops_parameters_and_redefinition() -> None:
    func, _ = ir_of("""(module (import "" "f" (func $f)) (import "" "g" (func $g (param externref)))
      (import "" "make" (func $make (result externref)))
      (func (param externref i32)
        (loop $l
          (call $f)
          (call $g (local.get 0))
          (local.set 0 (call $make))
          (br_if $l (local.get 1)))
        (call $g (local.get 0))))""")
    assert [len(info.stack_map) for info in calls(func)] == [1, 0, 0, 0]


def test_every_live_reference_is_in_its_map() -> None:
    """The rule that a verifier of maps would check, on code with every source of references."""
    func, params = ir_of("""(module (import "" "f" (func $f (result externref externref)))
      (import "" "g" (func $g (param externref)))
      (table $t 3 externref) (global $m (mut externref) (ref.null extern))
      (func (param externref i32) (result externref) (local externref externref)
        (call $f) (local.set 2) (local.set 3)
        (loop $l
          (call $g (table.get $t (local.get 1)))
          (global.set $m (select (result externref) (local.get 2) (local.get 0) (local.get 1)))
          (local.set 2 (global.get $m))
          (if (local.get 1) (then (call $g (local.get 3))) (else (call $f) drop drop))
          (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
        (call $g (local.get 2))
        (local.get 0)))""")
    stored = {
        id(address.ext)
        for block in func.blocks
        for address in block.insts
        if address.op == ops.STACK_ADDR
    }
    refs = references(func, params)
    for inst, live in live_after_calls(func, refs):
        info = inst.ext
        assert isinstance(info, CallInfo)
        assert len(info.stack_map) >= len(live)
        for entry in info.stack_map:
            assert id(entry.slot) in stored


def test_functions_without_references_have_no_slots() -> None:
    func, _ = ir_of("""(module (import "" "f" (func $f (param i32) (result i32)))
      (func (param i32) (result i32) (call $f (call $f (local.get 0)))))""")
    assert not func.stack_slots and all(not info.stack_map for info in calls(func))


def test_table_set_checks_bounds_before_it_counts() -> None:
    engine = grus.Engine()
    store = grus.Store(engine)
    module = grus.Module(
        """(module (table $t 1 externref)
      (func (export "set") (param i32 externref) (table.set (local.get 0) (local.get 1))))""",
        engine,
    )
    x = grus.Instance(module, {}, store).exports
    value = object()
    with grus.ExternRef(store, value) as handle:
        with pytest.raises(grus.Trap):
            x.set(5, value)
        store.gc()
        assert handle.strong_count == 1


def test_maps_are_found_by_their_exact_address() -> None:
    """The hash table that the collector reads against the maps of the images."""
    engine = grus.Engine()
    module = grus.Module(
        """(module (import "" "f" (func $f)) (import "" "make" (func $make (result externref)))
          (func (export "g") (result externref) (local externref externref)
            (call $f) (local.set 0 (call $make)) (call $f) (local.set 1 (call $make)) (call $f)
            (select (result externref) (local.get 0) (local.get 1) (i32.const 1))))""",
        engine,
    )
    instance = grus.Instance(module, {"": {"f": lambda: None, "make": object}})
    assert instance.exports.g() is not None
    table = stack_maps()

    def find(address: int) -> list[int] | None:
        slot = (address * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 32 & table.mask
        while found := libc.peek(table.address + 16 * slot):
            if found == address:
                at = libc.peek(table.address + 16 * slot + 8)
                return [libc.peek(at + 8 + 8 * n) for n in range(libc.peek(at))]
            slot = slot + 1 & table.mask
        return None

    seen = 0
    for place in code.places():
        for offset, entries in place.image.stack_maps.items():
            seen += 1
            assert find(place.start + offset) == [at & (1 << 64) - 1 for at in entries]
            for near in (-1, 1):
                if offset + near not in place.image.stack_maps:
                    assert find(place.start + offset + near) is None
    assert seen >= 3
