"""Ways to end wasm that does not end by itself.

    python examples/timeouts.py

Prints:
    time: wasm execution timed out
    fuel: all fuel consumed
    epoch: interrupt
    signal: KeyboardInterrupt
    the same instance works on: 42
"""

from __future__ import annotations

import os
import signal
import threading

import grus

WASM = """
(module
  (func (export "spin") (loop (br 0)))
  (func (export "answer") (result i32) (i32.const 42)))
"""


def main() -> None:
    engine = grus.Engine(fuel=True)
    store = grus.Store(engine)
    exports = grus.Instance(grus.Module(WASM, engine), {}, store).exports

    # Seconds. The clock is looked at every few milliseconds.
    store.set_fuel(2**64 - 1)
    store.set_timeout(0.1)
    try:
        exports.spin()
    except grus.Timeout as error:
        print("time:", error.message)
    store.set_timeout(None)

    # Instructions: the same number of them on every machine.
    store.set_fuel(100_000)
    try:
        exports.spin()
    except grus.OutOfFuel as error:
        print("fuel:", error.message)

    # Epochs: another thread ends all Stores of the Engine that have reached their deadline.
    store.set_fuel(2**64 - 1)
    store.set_epoch_deadline(1)
    threading.Timer(0.1, engine.increment_epoch).start()
    try:
        exports.spin()
    except grus.Trap as error:
        print("epoch:", error.message)
    store.set_epoch_deadline(1_000_000)

    # Ctrl-C, and whatever else a signal handler raises.
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        exports.spin()
    except KeyboardInterrupt:
        print("signal: KeyboardInterrupt")
    print("the same instance works on:", exports.answer())


if __name__ == "__main__":
    main()
