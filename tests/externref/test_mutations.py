"""Each protection that history asked for is taken out, and some test must fail then.

What is told at each is in the history of Wasmtime's collector: CVEs and bugs by their numbers.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import grus
from grus.engine import refs as refs_module
from grus.engine.refs import References
from grus.engine.translate import func as func_module
from grus.engine.translate import stackmaps
from grus.engine.translate.func import FuncTranslator
from grus.ir import opcodes as ops
from tests.externref import test_gc

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


def run(name: str, mutate: bool = True) -> None:
    """The test that belongs to a mutation, with it."""
    change, test = MUTATIONS[name]
    with pytest.MonkeyPatch.context() as patch:
        if mutate:
            change(patch)
        options = {"op": "set"} if test is test_gc.test_table_operations_do_not_leak else {}
        test(grus.Engine(gc_zeal=name not in WITHOUT_ZEAL), [0], **options)


WITHOUT_ZEAL = ("nested_draining", "collection_while_results_are_under_way")


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
