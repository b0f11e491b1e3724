"""Write docs/walkthrough.md: one function through every stage. `python -m tools.gen_walkthrough`.

The listings are made by the tools themselves; a test keeps the page equal to what they make now.
"""

from __future__ import annotations

import sys
from pathlib import Path

import grus
from grus.backend.compile import compile_function
from grus.backend.x64.target import TARGET
from grus.base.layout import STORE
from grus.engine.translate.func import translate
from grus.ir.printer import print_function
from grus.testing.compile_kinds import assembly
from grus.wasm.text.printer import wasm2wat

PATH = Path(__file__).parent.parent / "docs" / "walkthrough.md"

WAT = """\
(module $m
  (memory (export "memory") 1)
  (func $total (export "total") (param $at i32) (param $count i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (local.get $sum)))
"""


def hexdump(data: bytes) -> str:
    return "\n".join(f"{at:04x}  {data[at : at + 16].hex(' ')}" for at in range(0, len(data), 16))


def text() -> str:
    """The page."""
    module = grus.Module(WAT)
    data = bytes(module.wasm.data)
    body = module.wasm.body(0)
    settings = TARGET.settings()
    settings.set("enable_pinned_reg", "true")
    settings.set("preserve_frame_pointers", "true")
    settings.set("trap_call_offset", str(STORE["trap_stub"]))
    settings.enable("x86-64-v3")
    func = translate(module.info, 0)
    ir = print_function(func)
    code = "\n".join(assembly(func, settings))
    compiled = compile_function(func, TARGET, settings)
    exports = grus.Instance(module).exports
    exports.memory[0:16] = b"".join(n.to_bytes(4, "little") for n in (1, 20, 300, 4000))
    result = exports.total(0, 4)
    try:
        exports.total(65532, 2)
        trap = ""
    except grus.Trap as error:
        trap = str(error)
    faults = ", ".join(f"{offset:#x}" for offset in compiled.faults)
    return f"""\
# One function, from text to a trap

This page follows one function through every stage. Its listings are made by
`python -m tools.gen_walkthrough`, and a test keeps them as they are now.

## 1. Text

```wat
{WAT.rstrip()}
```

## 2. Binary

`grus.wasm.text.parser` writes bytes in one pass over the instructions
(`grus wat2wasm`). The module has {len(data)} bytes; the body of `$total` is the
{body.end - body.start} from {body.start:#x}:

```
{hexdump(data[body.start : body.end])}
```

`grus.wasm.decode` reads the sections and copies nothing; `grus.wasm.validate` walks the body once,
with the types of operands on a list. The printer gives the text back from the bytes, flat:

```wat
{wasm2wat(data).rstrip()}
```

## 3. IR

`grus.engine.translate` makes a function of the IR, also in one pass. Locals are variables of the
builder and become values and block parameters at once (Braun et al., CC 2013); `v0` is the
instance context. What the text did not say: the stack check at the entry, the poll at the loop
header (both in cold blocks, docs/abi.md, "Polls"), and the memory's base, a constant of the
instance. There is no bounds check: the reservation behind the base is larger than any index.

```clif
{ir.rstrip()}
```

## 4. Machine code

`grus.backend.compile` is the pipeline: lowering by rules, backwards over each block, so that an
operand used once is folded into its user; register allocation; emission.

```
{code}
```

{len(compiled.code)} bytes, frame {compiled.frame_size}. The table of faults has {faults}: the one
instruction whose fault is a trap.

## 5. A call

`exports.total(0, 4)` enters through the thunk of `(i32, i32) -> i32` (docs/abi.md, "Entry"). With
1, 20, 300 and 4000 in memory it gives {result}.

## 6. A trap

`exports.total(65532, 2)` reads past the end. The load faults; the signal handler finds its address
in the fault map and the data address in the memory's reservation, and goes to the landing, which
records the frames. Python sees:

```
grus.Trap: {trap}
```
"""


def main() -> int:
    wanted = text()
    if "--check" in sys.argv:
        return 0 if PATH.read_text() == wanted else 1
    PATH.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
