# ruff: noqa: E501
"""Which test checks which behaviour, and which mutation shows that a protection is needed.

Numbers are those of the history of Wasmtime's external references: the tests of its collector, its
API, its scripts and its compiler, and the bugs that were found. The names here must exist.
"""

from __future__ import annotations

import importlib
import types

import pytest

from tests.externref.test_mutations import MUTATIONS

BEHAVIOURS = {
    "unit: sizes and offsets that compiled code bakes in": "test_layout.test_offsets_that_compiled_code_bakes_in",
    "unit: maps by exact address, none where nothing lives": "test_layout.test_maps_are_found_by_their_exact_address",
    "gc: smoke_test_gc": "test_gc.test_smoke_test_gc",
    "gc: smoke_test_gc with epochs": "test_gc.test_smoke_test_gc_with_checks_for_interruption",
    "gc: wasm_dropping_refs": "test_gc.test_wasm_dropping_refs",
    "gc: many_live_refs": "test_gc.test_many_live_refs",
    "gc: drop_externref_via_table_set": "test_gc.test_drop_externref_via_table_set",
    "gc: gc_in_externref_dtor": "test_gc.test_gc_in_externref_dtor",
    "gc: touch_own_table_element_in_externref_dtor": "test_gc.test_touch_own_table_element_in_externref_dtor",
    "gc: gc_during_gc_when_passing_refs_into_wasm": "test_gc.test_gc_during_gc_when_passing_refs_into_wasm",
    "gc: gc_during_gc_from_many_table_gets": "test_gc.test_gc_during_gc_from_many_table_gets",
    "gc: pass_externref_into_wasm_during_destructor_in_gc": "test_gc.test_pass_externref_into_wasm_during_destructor_in_gc",
    "gc: gc_on_drop_in_mutable_externref_global": "test_gc.test_gc_on_drop_in_mutable_externref_global",
    "gc: touch_own_externref_global_on_drop": "test_gc.test_touch_own_externref_global_on_drop",
    "api: tables through the API": "test_api.test_tables_are_made_read_set_filled_and_grown",
    "api: globals through the API": "test_api.test_globals_are_made_and_set",
    "api: errors change nothing": "test_api.test_errors_change_nothing",
    "api: other stores are refused": "test_api.test_other_stores_are_refused",
    "api: results of another store": "test_api.test_host_results_of_another_store_are_refused",
    "api: signatures and mixed arguments": "test_api.test_signatures_and_mixed_arguments",
    "api: signature without the proposal": "test_api.test_host_functions_with_references_need_no_proposal",
    "api: funcref round trips": "test_api.test_functions_round_trip",
    "api: the example": "test_api.test_the_same_object_through_table_global_and_function",
    "scripts: externref-id-function": "test_scripts.test_externref_id_function",
    "scripts: simple_ref_is_null": "test_scripts.test_simple_ref_is_null",
    "scripts: many_table_gets_lead_to_gc": "test_scripts.test_many_table_gets_lead_to_gc",
    "scripts: mutable_externref_globals": "test_scripts.test_mutable_externref_globals",
    "scripts: table_grow_with_funcref": "test_scripts.test_table_grow_with_funcref",
    "scripts: table_copy_on_imported_tables": "test_scripts.test_table_copy_on_imported_tables",
    "scripts: no-panic": "test_scripts.test_no_panic_after_an_empty_if",
    "scripts: externref-segment": "test_scripts.test_externref_segment",
    "scripts: no-mixup-stack-maps": "test_scripts.test_no_mixup_stack_maps",
    "scripts: externref-table-dropped-segment": "test_scripts.test_externref_table_dropped_segment",
    "scripts: ref.extern 0 is not null": "test_api.test_falsy_objects_are_not_null",
    "maps: call": "test_layout.test_first_call_needs_no_map_later_ones_list_what_is_still_needed",
    "maps: loops, parameters, redefinition": "test_layout.test_loops_parameters_and_redefinition",
    "maps: every live reference": "test_layout.test_every_live_reference_is_in_its_map",
    "maps: incoming arguments on the stack, tail calls": "test_gc.test_gc_and_tail_calls_and_stack_arguments",
    "maps: diamonds, back edges, invariants, aliases, early return": "test_gc.test_references_through_blocks_loops_and_redefinitions",
    "maps: functions without references": "test_layout.test_functions_without_references_have_no_slots",
    "later: global_drops_externref": "test_gc.test_global_drops_externref",
    "later: table_drops_externref": "test_gc.test_table_drops_externref",
    "later: global_init_no_leak": "test_gc.test_global_init_no_leak",
    "later: no_gc_middle_of_args": "test_gc.test_no_gc_middle_of_args",
    "later: gc_and_tail_calls_and_stack_arguments": "test_gc.test_gc_and_tail_calls_and_stack_arguments",
    "later: table_{fill,copy,set,grow}_doesnt_leak": "test_gc.test_table_operations_do_not_leak",
    "later: table_init, elem_segment, dropped_passive_elems": "test_gc.test_passive_elems_with_externref_globals",
    "later: round trips with a collection in the middle": "test_gc.test_round_trips_with_a_collection_in_the_middle",
    "later: select_gc_ref_stack_map": "test_gc.test_select_gc_ref_stack_map",
    "later: issue 13037": "test_gc.test_issue_13037_same_object_passed_repeatedly_does_not_leak",
    "later: rooted values": "test_gc.test_handles_may_be_dropped_on_any_thread",
    "later: thousands of owned roots": "test_gc.test_thousands_of_handles",
    "fuzzers": "test_fuzz.test_random_programs",
}  # fmt: skip

BUGS = {
    "#2079 no maps": "no_stack_maps_2079",
    "#2386, CVE-2021-39218: the nearest map": "nearest_map_cve_2021_39218",
    "CVE-2021-39216: a collection between references": "collection_between_results_cve_2021_39216",
    "CVE-2022-23636: storage that was not written": "storage_not_zeroed_cve_2022_23636",
    "CVE-2022-24791: maps of other calls": "maps_of_other_calls_cve_2022_24791",
    "CVE-2022-31146: values that are not followed": "parameters_not_rooted_cve_2022_31146",
    "1721fe3fb7: the optimizer": "optimizer_removes_the_stores_1721fe3fb7",
    "GHSA-q8hx-mm92-4wvg: no frame": "at_least_one_frame_ghsa_q8hx_mm92_4wvg",
    "CVE-2025-61670: handles": "handles_keep_their_count_cve_2025_61670",
    "GHSA-2hw9-mc66-jc2q: bulk instructions": "something_between_two_elements_ghsa_2hw9_mc66_jc2q",
    "GHSA-2hw9-mc66-jc2q: in machine code": "finalizers_run_between_two_elements",
    "60ce6f5d5c: stale exit frame": "exit_fp_not_restored_60ce6f5d5c",
    "ff0e84ecf4: across stores": "only_the_innermost_activation_ff0e84ecf4",
    "98e899f6b3: the Store leaks": "host_functions_in_a_global_98e899f6b3",
    "7a1b7cdf92: globals keep objects": "objects_in_a_global_7a1b7cdf92",
    "cbc6f6071f, 956ca00365: a count is missing": "inserted_without_a_count_956ca00365",
    "#8016: functions as objects": "functions_counted_8016",
    "132a490d72: results not shown to the collector": "results_not_entered_132a490d72",
    "54929c175c: passive segments": "passive_segments_not_counted_54929c175c",
    "2cd48828d0: select": "select_not_followed_2cd48828d0",
    "2a6d655784: block parameters": "block_params_not_followed_2a6d655784",
    "dbc503f3fe: back edges": "back_edges_not_followed_dbc503f3fe",
    "5b149b152c: the flag of the list": "listed_for_ever_5b149b152c",
    "d1cd6983c5: order of table.set": "old_dropped_before_the_store",
    "d1cd6983c5: bounds first": "counted_before_the_bounds_are_checked_d1cd6983c5",
}

CANNOT_APPLY = {
    "#3749": "nothing is computed from the number of results: room is looked for",
    "24938c4163, decb45f41a": "SSA has no variables when maps are made; aliases are resolved before",
    "0a29578f10, 0d66dffd61, 205a1fe8f1, 1f12a6a161": "no objects of the GC proposal",
    "763622c304, ff3a0070a5": "no try_call in wasm code yet",
    "d5f1b973e4": "the free list is a Python list",
    "+1 before -1 (d1cd6983c5)": "an operand is in the activations table, which owns it",
}
"""Bugs that cannot happen here, and why."""


@pytest.mark.parametrize("what", list(BEHAVIOURS))
def test_each_behaviour_has_its_test(what: str) -> None:
    module, name = BEHAVIOURS[what].split(".")
    found = getattr(importlib.import_module(f"tests.externref.{module}"), name)
    assert isinstance(found, types.FunctionType)


def test_each_bug_has_its_mutation() -> None:
    assert set(BUGS.values()) <= set(MUTATIONS)
    assert not set(BUGS) & set(CANNOT_APPLY)
