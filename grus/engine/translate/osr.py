"""On-stack replacement: the IR that goes on in a loop which one-pass code is in.

One-pass code has every local in a word of its frame, and at the header of a loop, if no operand is
left, nothing anywhere else. So there another function may take over: it gets the address of the
frame, reads the locals once and begins with the loop. What it returns is what the function returns;
the code that called it (the target's `masm.loop_entry`) ends the frame.

Only what the loop leads to is translated: the blocks around it are entered in their middle, the
loops around it by their back edges, what stands before them is skipped.
"""

from __future__ import annotations

from grus.base import trace
from grus.base.errors import Unsupported
from grus.engine.translate import func as base
from grus.engine.translate.info import ModuleInfo
from grus.ir import types as T
from grus.ir.function import AbiParam, Block, Function, Signature, mem_flags
from grus.wasm import opcodes as W

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

_FLAGS: Final = mem_flags(aligned=True, trap=0)
_NESTING: Final = (W.BLOCK, W.LOOP, W.IF)


class LoopTranslator(base.FuncTranslator):
    """Translates what follows from the header of the loop whose instruction is at `loop` in the
    module. `place_of` gives where a local is, in bytes from the frame's address."""

    def __init__(
        self, info: ModuleInfo, index: int, loop: int, place_of: Callable[[int], int]
    ) -> None:
        super().__init__(info, index, True)
        if info.fuel or info.naive:
            raise Unsupported("a loop with counting")
        params = [AbiParam(T.I64, purpose="vmctx"), AbiParam(T.I64)]
        self.func.sig = Signature(params, self.func.sig.returns, "tail")
        self.handlers = HANDLERS
        self.loop = loop
        self.place_of = place_of
        self.header: Block

    def translate(self) -> Function:
        """The IR of a function of the instance and the frame. Raises Unsupported."""
        start = trace.clock()
        b = self.b
        entry = b.create_block()
        b.switch_to_block(entry)
        b.seal_block(entry)
        self.vmctx, frame = [b.append_block_param(entry, p.ty) for p in self.func.sig.params]
        for ty in self.type.params:
            b.declare_var(base.ir_type(ty))
        self.declare_locals()
        b.loc = self.loop
        self.check_stack()
        for number, ty in enumerate(self.local_types):
            b.def_var(number, b.load(base.ir_type(ty), frame, self.place_of(number), _FLAGS))
        self.header = b.create_block()
        b.jump(self.header, [])
        self.open_body()
        self.approach(self.around())
        self.translate_body()
        trace.note_time("translate", start)
        return self.func

    def around(self) -> list[int]:
        """Where the blocks begin that the loop is in."""
        begin = self.pos
        open_blocks: list[int] = []
        while True:
            op = self.opcode()
            if self.op_start == self.loop:
                self.pos = begin
                return open_blocks
            if op == W.END:
                open_blocks.pop()
            elif op != W.ELSE:
                if op in _NESTING:
                    open_blocks.append(self.op_start)
                self.skip_immediates(op)

    def approach(self, around: list[int]) -> None:
        """Skip to the outermost loop around, and to the loop itself if there is none."""
        b = self.b
        depth = 0  # of blocks that the loop is not in
        while True:
            op = self.opcode()
            b.loc = self.op_start
            if self.op_start == self.loop:
                self.enter(op)
                return
            if op == W.END:
                depth -= 1
            elif op == W.ELSE:
                if not depth:  # the loop is in this arm
                    self.frames[-1].kind = base._BLOCK
                    self.frames[-1].else_block = None
            elif op not in _NESTING:
                self.skip_immediates(op)
            elif depth or self.op_start not in around:
                depth += 1
                self.skip_immediates(op)
            else:
                params, results = self.block_type()
                if params:
                    raise Unsupported("a loop in a block with parameters")
                if op == W.LOOP:
                    self.open_loop(b.create_block(), results)
                    return
                join = self.new_join(results)
                frame = base._Frame(base._BLOCK, join, join, 0, params, results)
                if op == W.IF:
                    frame.kind = base._IF
                    frame.else_block = b.create_block()
                    b.seal_block(frame.else_block)  # nothing leads there
                self.frames.append(frame)

    def on_any_loop(self, op: int) -> None:
        """A loop in a place that is translated."""
        if self.op_start != self.loop:
            self.on_loop(op)
            return
        if self.stack:
            raise Unsupported("a loop with operands below")
        self.b.jump(self.header, [])
        self.enter(op)

    def enter(self, op: int) -> None:
        """The loop itself."""
        params, results = self.block_type()
        if params:
            raise Unsupported("a loop with parameters")
        self.open_loop(self.header, results)

    def open_loop(self, header: Block, results: tuple[int, ...]) -> None:
        self.b.switch_to_block(header)
        self.poll()
        join = self.new_join(results)
        self.frames.append(base._Frame(base._LOOP, header, join, 0, (), results))
        self.open_loops += 1


HANDLERS: Final = base.HANDLERS[:]
HANDLERS[W.LOOP] = LoopTranslator.on_any_loop  # type: ignore[assignment]
