"""Python functions that wasm calls: typed by the import, by annotations or by names of types.

    python examples/host_functions.py

Prints:
    7 and 5.5
    memory says: hi
    [10, 20, 30]
    ValueError passed through wasm: three is too much
"""

from __future__ import annotations

import grus

WASM = """
(module
  (import "host" "show" (func $show (param i32 f64)))
  (import "host" "keep" (func $keep (param externref i32)))
  (import "host" "say" (func $say (param i32 i32)))
  (import "host" "check" (func $check (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "hi")
  (func (export "run") (param $list externref)
    (call $show (i32.const 7) (f64.const 5.5))
    (call $keep (local.get $list) (i32.const 10))
    (call $keep (local.get $list) (i32.const 20))
    (call $keep (local.get $list) (i32.const 30))
    (call $say (i32.const 8) (i32.const 2)))
  (func (export "count") (local $n i32)
    (loop (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if 0 (call $check (local.get $n))))))
"""


def main() -> None:
    store = grus.Store()

    def show(number: int, other: float) -> None:
        print(f"{number} and {other}")

    def say(caller: grus.Caller, at: int, size: int) -> None:
        print("memory says:", caller["memory"][at : at + size].decode())

    def check(number: int) -> int:
        if number == 3:
            raise ValueError("three is too much")
        return True

    exports = grus.Instance(
        grus.Module(WASM),
        {
            "host": {
                "show": store.func(show),  # by its annotations: i32 f64
                "keep": store.func(lambda items, x: items.append(x), "externref i32"),
                "say": grus.HostFunction(grus.func_type("i32 i32"), say, access_caller=True),
                "check": check,  # by the import
            }
        },
        store,
    ).exports
    items: list[int] = []
    exports.run(items)  # any object can be an external reference
    print(items)
    try:
        exports.count()
    except ValueError as error:
        print(f"ValueError passed through wasm: {error}")


if __name__ == "__main__":
    main()
