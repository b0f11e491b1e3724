"""The tier "auto": hot functions are compiled again while the program runs on (docs/abi.md)."""

from __future__ import annotations

import functools
import gc
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import grus
from grus.engine import promotion
from grus.engine.module_code import FAST, FINAL
from grus.engine.promotion import Job, Promoter, promoter

# `work` has no loop, so that it begins with fast code; `long` calls it for a while.
HOT = """(module
  (import "m" "host" (func $host (param i32) (result i32)))
  (memory 1)
  (table funcref (elem $work))
  (func $work (export "work") (param i32) (result i32)
    (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 1)))
  (func $step (param i32) (result i32)
    (if (result i32) (i32.and (local.get 0) (i32.const 1))
      (then (call $work (local.get 0)))
      (else (i32.shr_u (local.get 0) (i32.const 1)))))
  (func $long (export "long") (param i32) (result i32) (local i32)
    (local.set 1 (i32.const 27))
    (loop
      (local.set 1 (call $step (local.get 1)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func $trap (export "trap") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "out") (param i32) (result i32) (call $host (call $step (local.get 0))))
  (func (export "through") (param i32) (result i32)
    (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0))))"""
STEP = 1
ROOT = str(Path(__file__).parent.parent.parent)
IMPORTS = {"m": {"host": lambda n: n}}


@functools.cache
def expected(count: int) -> int:
    n = 27
    for _ in range(count):
        n = 3 * n + 1 if n & 1 else n >> 1
    return n


def run_until(e: Any, module: grus.Module, number: int, seconds: float = 60) -> None:
    """Call `long` until a function is promoted."""
    end = time.monotonic() + seconds
    while module.load().levels[number] != FINAL:
        assert e.long(100_000) == expected(100_000)
        assert time.monotonic() < end, module.tier_stats()


@pytest.fixture
def inline() -> grus.Engine:
    return grus.Engine(tier="auto", promotion="inline")


@pytest.mark.parametrize("how", ["inline", "process"])
def test_hot_functions_are_promoted(how: str) -> None:
    module = grus.Module(HOT, grus.Engine(tier="auto", promotion=how))
    e = grus.Instance(module, IMPORTS).exports
    assert e.work(1) == 4
    code = module.load()
    assert code.levels[0] == FAST
    run_until(e, module, STEP)
    stats = module.tier_stats()
    assert stats.promotions >= 1
    assert stats.fast + stats.final == sum(1 for level in code.levels if level)
    assert code.places[-1].image.code
    assert e.through(5) == e.work(5) == 16
    assert (promoter().pid != 0) == (how == "process") or how == "inline"


@pytest.mark.parametrize("tier", ["fast", "auto"])
def test_first_code_is_made_in_one_pass(tier: str) -> None:
    module = grus.Module(HOT, grus.Engine(tier=tier, promotion="never"))
    assert grus.Instance(module, IMPORTS).exports.long(1000) == expected(1000)
    assert list(module.load().levels) == [FAST, FAST, FAST, 0, 0, 0]
    assert module.tier_stats().one_pass == module.tier_stats().fast == 3
    assert "in one pass" in module.tier_stats().text()


@pytest.mark.parametrize("tier", ["fast", "auto"])
def test_what_is_not_made_in_one_pass_has_first_code(tier: str) -> None:
    text = '(module (func (export "f") (param externref) (result externref) (local.get 0)))'
    module = grus.Module(text, grus.Engine(tier=tier))
    assert grus.Instance(module).exports.f("x") == "x"
    assert list(module.load().levels) == [FAST]
    assert (module.tier_stats().one_pass, module.tier_stats().fast) == (0, 1)


@pytest.mark.parametrize("tier", ["fast", "lazy", "eager"])
def test_other_tiers_promote_nothing(tier: str) -> None:
    module = grus.Module(HOT, grus.Engine(tier=tier))
    e = grus.Instance(module, IMPORTS).exports
    for _ in range(10):
        e.long(300_000)
    assert module.tier_stats().promotions == 0
    assert module.load().levels[STEP] == (FAST if tier == "fast" else FINAL)


def test_never(inline: grus.Engine) -> None:
    module = grus.Module(HOT, grus.Engine(inline.config, promotion="never"))
    e = grus.Instance(module, IMPORTS).exports
    for _ in range(10):
        e.long(300_000)
    assert module.load().levels[STEP] == FAST


def test_the_code_is_that_of_the_process_itself(inline: grus.Engine) -> None:
    """A job as it is sent gives the bytes that compiling here gives, with places in the module."""
    import pickle

    from grus.engine.compile import compile_functions

    module = grus.Module(HOT, inline)
    job = pickle.loads(pickle.dumps(Job(module.load(), [3, STEP])))
    image, _ = promotion.run(job)
    here = compile_functions(module.info, inline.code_settings(), [4, STEP + 1], True)
    assert image.pack() == here.pack()


def test_backtraces_and_traps_of_promoted_code(inline: grus.Engine) -> None:
    module = grus.Module(HOT, inline)
    e = grus.Instance(module, IMPORTS).exports
    with pytest.raises(grus.Trap) as fast:
        e.trap(70000)
    module.load().promote_here(3)
    assert e.trap(0) == 0
    with pytest.raises(grus.Trap) as final:
        e.trap(70000)
    assert str(fast.value) == str(final.value)
    assert module.load().levels[3] == FINAL


def test_frames_of_old_code_end_in_old_code(inline: grus.Engine) -> None:
    """A function is promoted while it waits for a host function, which calls it again."""
    module = grus.Module(HOT, inline)
    seen: list[object] = []
    inside = False

    def host(n: int) -> int:
        nonlocal inside
        if not inside:
            inside = True
            seen.append(e.out(6))
            module.load().promote_here(4)
            module.load().promote_here(STEP)
            seen.append(e.out(8))
            with pytest.raises(grus.Trap):
                e.trap(1 << 20)
            gc.collect()
        return n + 1

    e = grus.Instance(module, {"m": {"host": host}}).exports
    assert e.out(7) == 23
    assert seen == [4, 5]
    e.long(10)  # takes over what is promoted
    assert e.out(7) == 23


def test_other_stores_take_promoted_code_over(inline: grus.Engine) -> None:
    module = grus.Module(HOT, inline)
    first = grus.Instance(module, IMPORTS)
    second = grus.Instance(module, IMPORTS)
    assert second.exports.long(1000) == expected(1000)
    run_until(first.exports, module, STEP)
    entry = module.load().entries[STEP]
    end = time.monotonic() + 30
    while True:
        assert second.exports.long(200_000) == expected(200_000)
        slot = second._core.words.obj[len(module.load().levels) - 1 - STEP]  # type: ignore[index]
        if slot == entry:
            break
        assert time.monotonic() < end
    third = grus.Instance(module, IMPORTS)
    assert third.exports.long(1000) == expected(1000)


def test_the_process_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it was at stays as it is; another is started, a few times."""
    monkeypatch.setattr(promotion, "_promoter", [])
    for deaths in range(1, promotion._MOST_DEATHS + 1):
        module = grus.Module(HOT, grus.Engine(tier="auto", promotion="process"))
        e = grus.Instance(module, IMPORTS).exports
        there = promoter()
        while there.pid == 0:
            e.long(100_000)
        os.kill(there.pid, signal.SIGKILL)
        end = time.monotonic() + 30
        while there.deaths < deaths:
            assert e.long(100_000) == expected(100_000)
            assert time.monotonic() < end
        assert e.work(1) == 4
    assert not there.works
    module = grus.Module(HOT, grus.Engine(tier="auto", promotion="process"))
    run_until(grus.Instance(module, IMPORTS).exports, module, STEP)  # here, then


@pytest.mark.parametrize("executable", ["/nonexistent/python", "/bin/cat", "", None])
def test_no_process_can_be_started(executable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that embeds Python is no interpreter to start."""
    monkeypatch.setattr(promotion, "_promoter", [])
    monkeypatch.setattr("sys.executable", executable)
    module = grus.Module(HOT, grus.Engine(tier="auto", promotion="process"))
    run_until(grus.Instance(module, IMPORTS).exports, module, STEP)
    assert not promoter().works


def test_a_function_that_cannot_be_promoted_stays(
    inline: grus.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise grus.Unsupported("no")

    module = grus.Module(HOT, inline)
    e = grus.Instance(module, IMPORTS).exports
    e.long(10)
    monkeypatch.setattr("grus.engine.compile.compile_functions", fail)
    while STEP not in module.load().requested:
        assert e.long(100_000) == expected(100_000)
    assert module.load().levels[STEP] == FAST


def test_no_thread_is_left_and_a_fork_begins_anew(run: Any) -> None:
    """Warnings of a fork with threads would be errors; parent and child both go on promoting."""
    done = run(
        f"""
        import os, sys, time, warnings
        sys.path.insert(0, {ROOT!r})
        warnings.simplefilter("error")
        import grus
        HOT = {HOT!r}
        engine = grus.Engine(tier="auto", promotion="process")
        def work():
            module = grus.Module(HOT, engine)
            e = grus.Instance(module, {{"m": {{"host": lambda n: n}}}}).exports
            end = time.monotonic() + 60
            while module.load().levels[1] != 2 and time.monotonic() < end:
                e.long(100_000)
            assert module.load().levels[1] == 2
        work()
        from grus.engine.promotion import promoter
        before = promoter().pid
        child = os.fork()
        work()
        if not child:
            assert promoter().pid not in (0, before)
            sys.exit(7)
        assert promoter().pid == before
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        print("good", before)
        """,
        "-I",
        timeout=200,
    )
    assert done.stdout.startswith("good"), done.stderr
    assert not done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout.split()[1]), 0)


def test_the_process_ends_when_its_parent_is_killed(run: Any) -> None:
    done = run(
        f"""
        import os, signal, sys, time
        sys.path.insert(0, {ROOT!r})
        import grus
        module = grus.Module({HOT!r}, grus.Engine(tier="auto", promotion="process"))
        e = grus.Instance(module, {{"m": {{"host": lambda n: n}}}}).exports
        from grus.engine.promotion import promoter
        while promoter().pid == 0:
            e.long(100_000)
        print(promoter().pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        "-I",
        timeout=100,
    )
    pid = int(done.stdout)
    end = time.monotonic() + 30
    while True:
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    break
        except (ProcessLookupError, FileNotFoundError):
            break
        assert time.monotonic() < end
        time.sleep(0.05)


def test_threads_stores_interrupts_and_promotion_at_once() -> None:
    """Many stores of one module on threads: results stay right while code changes, with traps,
    exceptions of host functions, timeouts and collections between."""
    module = grus.Module(HOT, grus.Engine(tier="auto", promotion="inline"))
    errors: list[BaseException] = []
    wanted = {count: expected(count) for count in (10, 1000, 60_000)}

    class Mine(Exception):
        pass

    def host(n: int) -> int:
        if n == 4:
            raise Mine
        return n + 1

    def work(seed: int) -> None:
        try:
            turn = 0
            while turn < 12 or module.load().levels[STEP] != FINAL:
                turn += 1
                with grus.Store(module.engine) as store:
                    e = grus.Instance(module, {"m": {"host": host}}, store).exports
                    for count, result in wanted.items():
                        assert e.long(count) == result
                    with pytest.raises(grus.Trap):
                        e.trap(1 << 20)
                    with pytest.raises(Mine):
                        e.out(1)
                    assert e.out(7) == 23
                    if (turn + seed) % 4 == 0:
                        store.set_timeout(0.02)
                        with pytest.raises(grus.Timeout):
                            e.long(1 << 30)
                        gc.collect()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[0]
    assert module.load().levels[STEP] == FINAL


def test_the_promoter_is_one_for_the_process() -> None:
    assert isinstance(promoter(), Promoter)
    assert promoter() is promoter()
