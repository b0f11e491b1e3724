"""The memory of wasm as numpy arrays, without copies.

    python examples/numpy_arrays.py

Prints:
    mean 499.5
    scaled [0. 2. 4. 6.]
    still there after growth: True
    wasm sees what numpy writes: 1000.0
"""

from __future__ import annotations

import numpy as np

import grus

WASM = """
(module
  (memory (export "memory") 1 16)
  (func (export "sum") (param $at i32) (param $count i32) (result f64) (local $sum f64)
    (loop $next
      (local.set $sum (f64.add (local.get $sum) (f64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (local.get $sum))
  (func (export "scale") (param $at i32) (param $count i32) (param $by f64)
    (loop $next
      (f64.store (local.get $at) (f64.mul (f64.load (local.get $at)) (local.get $by)))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))))
"""


def main() -> None:
    exports = grus.Instance(grus.Module(WASM)).exports
    count = 1000
    numbers = np.frombuffer(exports.memory, dtype=np.float64, count=count)
    numbers[:] = np.arange(count)
    print("mean", exports.sum(0, np.int32(count)) / count)
    exports.scale(0, count, np.float64(2))
    print("scaled", numbers[:4])
    exports.memory.grow(4)
    print("still there after growth:", bool(numbers[1] == 2.0))
    numbers[:] = 1.0
    print("wasm sees what numpy writes:", exports.sum(0, count))


if __name__ == "__main__":
    main()
