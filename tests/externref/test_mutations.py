"""Each protection that history asked for is taken out, and some test must fail then.

What is told at each is in the history of Wasmtime's collector: CVEs and bugs by their numbers.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import grus
from grus.engine import code
from grus.engine import compile as compile_module
from grus.engine import instance as instance_module
from grus.engine import refs as refs_module
from grus.engine import table as table_module
from grus.engine.refs import References
from grus.engine.translate import func as func_module
from grus.engine.translate import stackmaps
from grus.engine.translate.func import FuncTranslator
from grus.ir import opcodes as ops
from grus.opt import pipeline
from tests.builds import PLAIN_ONLY
from tests.externref import test_api, test_gc, test_layout, test_scripts

pytestmark = PLAIN_ONLY
ROOT = Path(__file__).parent.parent.parent
Mutation = Callable[[pytest.MonkeyPatch], None]
MUTATIONS: dict[str, tuple[Mutation, Callable[..., Any]]] = {}


def mutation(test: Callable[..., Any]) -> Callable[[Mutation], Mutation]:
    def note(change: Mutation) -> Mutation:
        MUTATIONS[change.__name__] = (change, test)
        return change

    return note


def _without(kept: Callable[[Any], bool]) -> Callable[..., Any]:
    """`references` that forgets values."""
    original = stackmaps.references

    def references(func: Any, sources: Any) -> Any:
        found = original(func, sources)
        return {num: value for num, value in found.items() if kept(value)}

    return references


@mutation(test_gc.test_select_gc_ref_stack_map)
def select_not_followed_2cd48828d0(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stackmaps, "references", _without(lambda v: v.op != ops.SELECT))


@mutation(test_gc.test_smoke_test_gc)
def parameters_not_rooted_cve_2022_31146(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stackmaps, "references", _without(lambda v: v.op != ops.PARAM))


@mutation(test_gc.test_many_live_refs)
def no_stack_maps_2079(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(func_module, "insert_stack_maps", lambda func, sources: None)


@mutation(test_gc.test_sandwich_of_stores)
def only_the_innermost_activation_ff0e84ecf4(patch: pytest.MonkeyPatch) -> None:
    original = References._walk

    def walk(self: References) -> Any:
        words = self._words
        depth = words[refs_module.STORE["depth"] >> 3]
        words[refs_module.STORE["depth"] >> 3] = min(depth, 1)
        try:
            return original(self)
        finally:
            words[refs_module.STORE["depth"] >> 3] = depth

    patch.setattr(References, "_walk", walk)
    patch.setattr(References, "_sweep", References._sweep_in_python)


@mutation(test_gc.test_no_gc_middle_of_args)
def collection_between_results_cve_2021_39216(patch: pytest.MonkeyPatch) -> None:
    original = References._insert

    def insert(self: References, raw: int) -> None:
        self._returning = []
        self.collect()
        self.drain()
        original(self, raw)

    patch.setattr(References, "_insert", insert)


@mutation(test_gc.test_touch_own_table_element_in_externref_dtor)
def old_dropped_before_the_store(patch: pytest.MonkeyPatch) -> None:
    def replace(self: FuncTranslator, base: Any, offset: int, new: Any) -> None:
        b = self.b
        old = b.load(func_module.T.I64, base, offset, func_module._VARIES)
        after = self.when(new)
        self.count(new, 1)
        self.meet(after)
        after = self.when(old)
        left = self.count(old, -1)
        dead = b.create_block()
        b.brif(left, after, [], dead, [])
        b.seal_block(dead)
        b.switch_to_block(dead)
        self.builtin("ref_dead", [old])
        self.meet(after)
        b.store(new, base, offset, func_module._VARIES)

    patch.setattr(FuncTranslator, "replace", replace)


@mutation(test_gc.test_table_operations_do_not_leak)
def bulk_operations_do_not_uncount(patch: pytest.MonkeyPatch) -> None:
    def put_counted(self: FuncTranslator, place: Any, new: Any, dead: Any) -> Any:
        self.b.store(new, place, 0, func_module._VARIES)
        return dead

    patch.setattr(FuncTranslator, "put_counted", put_counted)


@mutation(test_gc.test_finalizers_see_bulk_instructions_done)
def finalizers_run_between_two_elements(patch: pytest.MonkeyPatch) -> None:
    def put_counted(self: FuncTranslator, place: Any, new: Any, dead: Any) -> Any:
        self.replace(place, 0, new)
        return dead

    patch.setattr(FuncTranslator, "put_counted", put_counted)


@mutation(test_api.test_tables_are_made_read_set_filled_and_grown)
def tables_of_the_host_do_not_uncount(patch: pytest.MonkeyPatch) -> None:
    def fill_table(self: References, elements: Any, start: int, raws: list[int]) -> None:
        for raw in raws:
            if raw:
                self.own(raw)
        elements[start : start + len(raws)] = refs_module.libc.words(raws)

    patch.setattr(References, "fill_table", fill_table)


@mutation(test_gc.test_passive_elems_with_externref_globals)
def passive_segments_not_counted_54929c175c(patch: pytest.MonkeyPatch) -> None:
    from grus.engine.instance import InstanceCore

    def drop_segment(self: InstanceCore, number: int) -> None:
        self.elements[number] = []

    patch.setattr(InstanceCore, "drop_segment", drop_segment)


@mutation(test_gc.test_gc_during_gc_when_passing_refs_into_wasm)
def nested_draining(patch: pytest.MonkeyPatch) -> None:
    def drain(self: References) -> None:
        self.settle()
        while self._dead:
            self._free(self._dead.pop())

    patch.setattr(References, "drain", drain)


@mutation(test_gc.test_signal_handler_that_collects)
def collection_while_results_are_under_way(patch: pytest.MonkeyPatch) -> None:
    # The long way through Python, which the native thunks else spare.
    from grus.backend.x64 import stubs

    patch.setattr(stubs, "thunk_supports", lambda params, results: False)
    patch.setattr(References, "quiet", lambda self: -1)


@mutation(test_scripts.test_no_mixup_stack_maps)
def nearest_map_cve_2021_39218(patch: pytest.MonkeyPatch) -> None:
    original = code.Image.stack_maps

    class Nearest(dict[int, list[int]]):
        def get(self, at: int, default: Any = None) -> Any:  # type: ignore[override]
            before = [offset for offset in self if offset <= at]
            return self[max(before)] if before else default

    assert isinstance(original, property) and original.fget is not None
    get = original.fget
    patch.setattr(code.Image, "stack_maps", property(lambda image: Nearest(get(image))))
    patch.setattr(References, "_sweep", References._sweep_in_python)


@mutation(test_gc.test_smoke_test_gc_with_checks_for_interruption)
def maps_of_other_calls_cve_2022_24791(patch: pytest.MonkeyPatch) -> None:
    original = compile_module.compile_function

    def compile_function(*args: Any) -> Any:
        compiled = original(*args)
        sites = compiled.call_sites
        maps = [site.stack_map for site in sites]
        for site, other in zip(sites, maps[1:] + maps[:1], strict=True):
            site.stack_map = other
        return compiled

    patch.setattr(compile_module, "compile_function", compile_function)


@mutation(test_gc.test_references_through_blocks_loops_and_redefinitions)
def block_params_not_followed_2a6d655784(patch: pytest.MonkeyPatch) -> None:
    original = stackmaps.references

    def references(func: Any, sources: Any) -> Any:
        kept = {value.num for value in sources}
        return {n: v for n, v in original(func, sources).items() if n in kept}

    patch.setattr(stackmaps, "references", references)


@mutation(test_gc.test_references_through_blocks_loops_and_redefinitions)
def back_edges_not_followed_dbc503f3fe(patch: pytest.MonkeyPatch) -> None:
    original = stackmaps.ControlFlowGraph

    def forward_only(func: Any) -> Any:
        cfg = original(func)
        at = {block.num: n for n, block in enumerate(func.blocks)}
        for block in func.blocks:
            preds = cfg.preds[block.num]
            cfg.preds[block.num] = [p for p in preds if at[p] < at[block.num]]
        return cfg

    patch.setattr(stackmaps, "ControlFlowGraph", forward_only)


@mutation(test_gc.test_many_live_refs)
def optimizer_removes_the_stores_1721fe3fb7(patch: pytest.MonkeyPatch) -> None:
    original = pipeline.optimize

    def optimize(func: Any, *args: Any) -> None:
        original(func, *args)
        for block in func.blocks:
            block.insts[:] = [
                inst for inst in block.insts if inst.op != ops.STORE or inst.b.op != ops.STACK_ADDR
            ]

    patch.setattr(pipeline, "optimize", optimize)


@mutation(test_gc.test_a_host_function_that_is_tail_called_collects)
def at_least_one_frame_ghsa_q8hx_mm92_4wvg(patch: pytest.MonkeyPatch) -> None:
    edit(patch, References, "_walk", "if frame >= record:", "if frame < fp:")
    patch.setattr(References, "_sweep", References._sweep_in_python)


@mutation(test_gc.test_thousands_of_handles)
def handles_keep_their_count_cve_2025_61670(patch: pytest.MonkeyPatch) -> None:
    edit(patch, refs_module.ExternRef, "close", "refs.release(self._header)", "pass")


@mutation(test_gc.test_handles_may_be_dropped_on_any_thread)
def dropped_handles_keep_their_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(refs_module.ExternRef, "__del__", lambda self: None)


@mutation(test_gc.test_finalizers_see_bulk_instructions_done)
def something_between_two_elements_ghsa_2hw9_mc66_jc2q(patch: pytest.MonkeyPatch) -> None:
    original = References.fill_table

    def fill_table(self: References, elements: Any, start: int, raws: list[int]) -> None:
        for n, raw in enumerate(raws):
            original(self, elements, start + n, [raw])
            self.drain()

    patch.setattr(References, "fill_table", fill_table)


@mutation(test_gc.test_a_host_function_collects_after_it_called_wasm)
def exit_fp_not_restored_60ce6f5d5c(patch: pytest.MonkeyPatch) -> None:
    from grus.backend.x64 import stubs

    edit(patch, stubs, "host_thunk", 'a.store(R15, STORE["exit_fp"], RAX)', "pass")


@mutation(test_gc.test_host_function_that_closes_over_its_store_does_not_leak_it)
def host_functions_in_a_global_98e899f6b3(patch: pytest.MonkeyPatch) -> None:
    original = instance_module.host_funcref
    everything: list[object] = []

    def host_funcref(store: Any, function: Any, *args: Any) -> Any:
        everything.append(function)
        return original(store, function, *args)

    patch.setattr(instance_module, "host_funcref", host_funcref)
    sys.modules["everything"] = everything  # type: ignore[assignment]


@mutation(test_gc.test_global_drops_externref)
def objects_in_a_global_7a1b7cdf92(patch: pytest.MonkeyPatch) -> None:
    original = References.__init__
    everything: list[object] = []

    def init(self: References, store: Any) -> None:
        original(self, store)
        everything.append(self._objects)

    patch.setattr(References, "__init__", init)
    sys.modules["everything"] = everything  # type: ignore[assignment]


@mutation(test_gc.test_failed_instantiation_harms_nothing)
def storage_not_zeroed_cve_2022_23636(patch: pytest.MonkeyPatch) -> None:
    edit(
        patch, table_module.TableCore, "grow",
        "elements = libc.words(room)", "elements = libc.words([0x1000] * room)",
    )  # fmt: skip


@mutation(test_scripts.test_many_table_gets_lead_to_gc)
def inserted_without_a_count_956ca00365(patch: pytest.MonkeyPatch) -> None:
    edit(patch, References, "insert_full", "self.own(raw)", "pass")


@mutation(test_gc.test_results_of_the_host_outlive_the_death_of_others)
def results_not_entered_132a490d72(patch: pytest.MonkeyPatch) -> None:
    from grus.backend.x64 import stubs

    def lend(self: References, raws: list[int]) -> None:
        for raw in raws:
            self.release(raw)

    patch.setattr(stubs, "thunk_supports", lambda params, results: False)
    patch.setattr(References, "lend", lend)


@mutation(test_gc.test_a_reference_read_from_a_table_outlives_its_slot)
def listed_for_ever_5b149b152c(patch: pytest.MonkeyPatch) -> None:
    edit(patch, References, "_sweep_in_python", "& ~_LISTED | flag", "| flag")
    patch.setattr(References, "_sweep", References._sweep_in_python)


@mutation(test_api.test_functions_round_trip)
def functions_counted_8016(patch: pytest.MonkeyPatch) -> None:
    edit(
        patch, table_module.TableCore, "__init__",
        "refs if WT.is_extern(type.element) else None", "refs",
    )  # fmt: skip


@mutation(test_layout.test_table_set_checks_bounds_before_it_counts)
def counted_before_the_bounds_are_checked_d1cd6983c5(patch: pytest.MonkeyPatch) -> None:
    original = FuncTranslator.element

    def element(self: FuncTranslator, index: int, at: Any, trap: int) -> Any:
        for value in self.type.params[1:2]:  # of the test's function: it is the new element
            if func_module.WT.is_extern(value):
                self.count(self.b.use_var(1), 1)
                self.count(self.b.use_var(1), 1)
        return original(self, index, at, trap)

    patch.setattr(FuncTranslator, "element", element)


def edit(patch: pytest.MonkeyPatch, owner: Any, name: str, old: str, new: str) -> None:
    """Replace text in the source of a function or method."""
    original = getattr(owner, name)
    text = textwrap.dedent(inspect.getsource(original))
    assert old in text, "what is taken out has changed"
    place: dict[str, Any] = {}
    exec(
        f"from __future__ import annotations\n{text.replace(old, new)}", original.__globals__, place
    )
    patch.setattr(owner, name, place[name])


def run(name: str, mutate: bool = True) -> None:
    """The test that belongs to a mutation, with it."""
    change, test = MUTATIONS[name]
    given: dict[str, Any] = {
        "engine": None, "alive": [0], "op": "set", "instruction": "fill", "setting": "fuel",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        if mutate:
            change(patch)
        given["engine"] = grus.Engine(gc_zeal=name not in WITHOUT_ZEAL, tier="eager")
        given["instruction"] = "init" if name.startswith("something_between") else "fill"
        test(**{key: given[key] for key in inspect.signature(test).parameters})


WITHOUT_ZEAL = (
    "nested_draining",
    "collection_while_results_are_under_way",
    "listed_for_ever_5b149b152c",
    "results_not_entered_132a490d72",
)


@pytest.mark.parametrize("name", list(MUTATIONS))
def test_some_test_fails_without(name: str) -> None:
    """In a process of its own: what is not protected may well crash."""
    command = f"from tests.externref.test_mutations import run; run({name!r})"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, timeout=300, check=False
    )
    assert done.returncode != 0, "the mutation was not noticed"
    if done.returncode == 1:  # else a crash
        error = done.stderr.decode().strip().splitlines()[-1]
        broken = ("SyntaxError", "ImportError", "ModuleNotFound", "NameError", "AttributeError")
        assert not error.startswith((*broken, "TypeError")), error
