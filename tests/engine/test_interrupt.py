"""Ctrl-C, threads, fork and faulthandler (docs/abi.md, Polls)."""

from __future__ import annotations

from typing import Any

import pytest

LOOP = """
import os, signal, sys, threading, time, warnings
import grus
WAT = '''(module
  (import "m" "f" (func $f))
  (memory 1)
  (func (export "spin") (loop (br 0)))
  (func (export "count") (param i64) (result i64) (local i64)
    (loop (local.set 1 (i64.add (local.get 1) (i64.const 1)))
      (br_if 0 (i64.lt_u (local.get 1) (local.get 0))))
    (local.get 1))
  (func $r (export "recurse") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
      (else
        (drop (call $r (i32.sub (local.get 0) (i32.const 1))))
        (call $r (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "host") (loop (call $f) (br 0)))
  (func (export "grow") (drop (memory.grow (i32.const 1))))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))'''
MODULE = grus.Module(WAT)
def new(f=lambda: None):
    return grus.Instance(MODULE, {"m": {"f": f}}).exports
def later(seconds, action):
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
def ok(e):
    assert e.count(10) == 10
    try:
        e.load(-1)
    except grus.Trap:
        pass
    else:
        raise SystemExit("no trap")
"""


def check(done: Any) -> None:
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "good", done.stdout + done.stderr


@pytest.mark.parametrize("function", ["spin", "host"])
def test_ctrl_c(run: Any, function: str) -> None:
    check(
        run(
            LOOP
            + f"""
e = new()
for _ in range(3):
    later(0.1, interrupt)
    try:
        e.{function}()
    except KeyboardInterrupt:
        pass
    else:
        raise SystemExit("returned")
    ok(e)
print("good")
"""
        )
    )


def test_ctrl_c_in_recursion(run: Any) -> None:
    check(
        run(
            LOOP
            + """
e = new()
later(0.1, interrupt)
try:
    e.recurse(60)
except KeyboardInterrupt:
    print("good")
"""
        )
    )


def test_a_poll_is_not_a_host_call(run: Any) -> None:
    """A signal handler that runs inside a poll may not use the store, but its memory's bytes."""
    check(
        run(
            LOOP
            + """
e = new()
store = e.spin._store
refused = []
def handler(*_):
    for use in (lambda: e.count(1), lambda: e.grow(), store.gc, store.close):
        try:
            use()
        except grus.StoreBusy:
            refused.append(1)
    raise ValueError("handler")
signal.signal(signal.SIGUSR1, handler)
later(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1))
try:
    e.spin()
except ValueError:
    pass
assert refused == [1] * 4, refused
ok(e)
print("good")
"""
        )
    )


def test_other_threads_go_on(run: Any) -> None:
    check(
        run(
            LOOP
            + """
e = new()
ticks = 0
stop = False
def tick():
    global ticks
    while not stop:
        ticks += 1
        time.sleep(0.001)
thread = threading.Thread(target=tick)
thread.start()
later(0.5, interrupt)
try:
    e.spin()
except KeyboardInterrupt:
    pass
stop = True
thread.join()
assert ticks > 50, ticks
print("good")
"""
        )
    )


def test_one_store_one_thread(run: Any) -> None:
    check(
        run(
            LOOP
            + """
inside = threading.Event()
leave = threading.Event()
def f():
    inside.set()
    leave.wait(10)
    raise ValueError
e = new(f)
def other():
    try:
        e.host()
    except ValueError:
        pass
thread = threading.Thread(target=other)
thread.start()
inside.wait(10)
try:
    e.count(1)
except grus.StoreBusy as error:
    assert "another thread" in str(error)
else:
    raise SystemExit("entered")
leave.set()
thread.join()
ok(e)
print("good")
"""
        )
    )


def test_threads_of_their_own(run: Any) -> None:
    check(
        run(
            LOOP
            + """
errors = []
def work():
    try:
        e = new()
        for _ in range(50):
            ok(e)
            try:
                e.recurse(1_000_000)
            except grus.Trap as trap:
                assert trap.code == "stack_exhausted"
        assert e.count(3_000_000) == 3_000_000
    except BaseException as error:
        errors.append(error)
for size in (0, 256 * 1024):
    threading.stack_size(size)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
assert not errors, errors
print("good")
"""
        )
    )


def test_daemon_threads_at_exit(run: Any) -> None:
    check(
        run(
            LOOP
            + """
for _ in range(4):
    threading.Thread(target=new().spin, daemon=True).start()
time.sleep(0.2)
print("good", flush=True)
"""
        )
    )


def test_fork(run: Any) -> None:
    check(
        run(
            LOOP
            + """
warnings.simplefilter("error")
e = new()
e.count(50_000_000)
pid = os.fork()
if not pid:
    ok(e)
    later(0.1, interrupt)
    try:
        e.spin()
    except KeyboardInterrupt:
        os._exit(7)
    os._exit(1)
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == 7, status
ok(e)
later(0.1, interrupt)
try:
    e.spin()
except KeyboardInterrupt:
    print("good")
"""
        )
    )


def test_fork_pool(run: Any) -> None:
    check(
        run(
            LOOP
            + """
import multiprocessing
def job(n):
    e = new()
    ok(e)
    return e.count(n)
if __name__ == "__main__":
    new().count(30_000_000)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(job, range(1, 9)) == list(range(1, 9))
    print("good")
"""
        )
    )


@pytest.mark.parametrize(
    "steps",
    [
        "faulthandler.enable(); e = new(); ok(e)",
        "e = new(); ok(e); faulthandler.enable(); ok(e)",
        "e = new(); faulthandler.enable(); faulthandler.disable(); ok(e)",
        "faulthandler.enable(); e = new(); faulthandler.disable(); ok(e); faulthandler.enable(); ok(e)",
    ],
)
def test_faulthandler(run: Any, steps: str) -> None:
    done = run(
        LOOP
        + f"""
import ctypes, faulthandler
{steps}
print("good", flush=True)
ctypes.string_at(0)
"""
    )
    assert done.stdout == "good\n", done.stderr
    assert done.returncode == -11
    if not steps.rstrip().endswith("disable(); ok(e)"):
        assert done.stderr.count("Fatal Python error") == 1


def test_faulthandler_from_the_command_line(run: Any) -> None:
    done = run(LOOP + 'e = new(); ok(e); print("good")', "-X", "faulthandler")
    check(done)


def test_a_store_made_while_the_ticker_sleeps(run: Any) -> None:
    check(
        run(
            LOOP
            + """
old = new()
old.count(50_000_000)
time.sleep(0.3)  # the ticker finds nothing to do and sleeps
for _ in range(2):
    e = new()
    e.spin._store.set_timeout(0.1)
    try:
        e.spin()
    except grus.Timeout:
        pass
    else:
        raise SystemExit("returned")
    e.spin._store.set_timeout(0.1)
    time.sleep(0.3)
    try:
        e.recurse(60)
    except grus.Timeout:
        pass
    else:
        raise SystemExit("returned")
print("good")
"""
        )
    )


def test_the_ticker_takes_no_signals_and_takes_away_none(run: Any) -> None:
    """Its thread blocks them; a handler that raises while it is started leaves ours open."""
    check(
        run(
            LOOP
            + """
from grus.host.runtime import runtime
assert new().count(10) == 10
time.sleep(0.2)  # it has begun
me = str(threading.get_native_id())
for thread in set(os.listdir("/proc/self/task")) - {me}:
    status = open(f"/proc/self/task/{thread}/status").read()
    blocked = int(status.split("SigBlk:")[1].split()[0], 16)
    assert blocked >> signal.SIGINT - 1 & 1 and blocked >> signal.SIGCHLD - 1 & 1, hex(blocked)
    assert not blocked >> signal.SIGSEGV - 1 & 1, hex(blocked)
class Hit(Exception):
    pass
def handler(*_):
    raise Hit
signal.signal(signal.SIGALRM, handler)
hits = 0
for round in range(200):
    try:
        runtime()._stop_ticker()
        signal.setitimer(signal.ITIMER_REAL, 1e-6 * (round % 200 + 1))
        runtime()._start_ticker()
        while True:
            time.sleep(0.0001)
    except Hit:
        hits += 1
assert hits == 200, hits
assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
print("good")
"""
        )
    )
