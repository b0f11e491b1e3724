"""A plugin: untrusted code that the host calls with text, under limits.

    python examples/plugin.py

Prints:
    HELLO, WORLD
    the plugin ran too long
    the plugin failed: out of bounds memory access
    the plugin may not have more memory
"""

from __future__ import annotations

import grus

PLUGIN = """
(module
  (memory (export "memory") 1 100)
  (func (export "allocate") (param $size i32) (result i32) (i32.const 1024))
  ;; Upper case, in place; gives the length.
  (func (export "transform") (param $at i32) (param $size i32) (result i32)
    (local $end i32) (local $byte i32)
    (local.set $end (i32.add (local.get $at) (local.get $size)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $byte (i32.load8_u (local.get $at)))
        (if (i32.lt_u (i32.sub (local.get $byte) (i32.const 97)) (i32.const 26))
          (then (i32.store8 (local.get $at) (i32.sub (local.get $byte) (i32.const 32)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $size))
  (func (export "spin") (loop (br 0)))
  (func (export "poke") (i32.store (i32.const -4) (i32.const 0)))
  (func (export "greedy") (result i32) (memory.grow (i32.const 50))))
"""


class Plugin:
    """One plugin in a Store of its own: closing it frees all that it had."""

    def __init__(self, text: str) -> None:
        module = grus.Module(text)
        self.store = grus.Store(module.engine)
        self.store.set_limits(memory_size=1 << 20)
        self.exports = grus.Instance(module, {}, self.store).exports

    def transform(self, text: str) -> str:
        data = text.encode()
        at = self.exports.allocate(len(data))
        self.exports.memory[at : at + len(data)] = data
        self.store.set_timeout(1.0)
        size = self.exports.transform(at, len(data))
        return self.exports.memory[at : at + size].decode()


def main() -> None:
    plugin = Plugin(PLUGIN)
    print(plugin.transform("hello, world"))
    plugin.store.set_timeout(0.1)
    try:
        plugin.exports.spin()
    except grus.Timeout:
        print("the plugin ran too long")
    try:
        plugin.exports.poke()
    except grus.Trap as trap:
        print(f"the plugin failed: {trap.message}")
    if plugin.exports.greedy() < 0:
        print("the plugin may not have more memory")
    plugin.store.close()


if __name__ == "__main__":
    main()
