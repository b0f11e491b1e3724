"""Building a function: instructions by their CLIF names, blocks, and variables.

    b = FunctionBuilder(func)
    entry = b.entry_block()
    x = b.iadd(entry.params[0], b.iconst(T.I32, 7))
    b.return_([x])
    b.finalize()

Instructions go to the end of the current block; `switch_to_block` also puts a block into the
layout. Variables (`declare_var`, `def_var`, `use_var`) may be set many times: `ssa.py` turns them
into values and block parameters, for which every block must be sealed (`seal_block`) once all
branches to it are built. `finalize` ends the work.

A checked builder (the default) raises IRError with one message at the first mistake. An unchecked
one is for translators whose output is correct by construction; the verifier still judges it.
"""

from __future__ import annotations

from types import TracebackType

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import NO_BLOCK, Block, Function, IRError, Value
from grus.ir.inst_builder import InstBuilder
from grus.ir.typecheck import type_name


class FunctionBuilder(InstBuilder):
    """Fills `func`. See the module's text; the instruction methods are in `inst_builder.py`."""

    __slots__ = ("_defs", "_placed")

    def __init__(self, func: Function, checked: bool = True) -> None:
        super().__init__(func, checked)
        self._placed = [False] * func.num_blocks  # by block num: is in the layout
        for block in func.blocks:
            self._placed[block.num] = True
        self._defs: dict[int, Value] = {}  # variables in the current block

    # ---- blocks ----

    def create_block(self) -> Block:
        """A new block. It gets its place in the layout when it is switched to."""
        self._placed.append(False)
        return self.func.new_block()

    def entry_block(self) -> Block:
        """Make the entry block, with a parameter for each of the function's; it is sealed and
        current. Raises IRError when there are blocks already."""
        if self.func.blocks:
            raise IRError(f"{self.func.name} has an entry block already")
        block = self.create_block()
        for param in self.func.sig.params:
            self.func.add_param(block, param.ty)
        self.seal_block(block)
        self.switch_to_block(block)
        return block

    def switch_to_block(self, block: Block) -> None:
        """Make `block` the current one. A checked builder raises IRError when the one before is
        left without a terminator, or when `block` has one."""
        if self.checked:
            if not self.filled and self.insts:
                raise IRError(f"block{self.block.num} does not end in a terminator instruction")
            if block.insts and ops.FLAGS[block.insts[-1].op] & ops.TERMINATOR:
                raise IRError(f"block{block.num} already ends in a terminator")
        num = block.num
        while len(self._placed) <= num:
            self._placed.append(False)
        if not self._placed[num]:
            self._placed[num] = True
            self.func.blocks.append(block)
        self.block = block
        self.insts = block.insts
        self._defs = self.ssa.defs_of(block)
        self.filled = False

    def seal_block(self, block: Block) -> None:
        """Promise that all branches to `block` are built."""
        if self.checked and self.ssa.is_sealed(block):
            raise IRError(f"block{block.num} is sealed already")
        self.ssa.seal(block)

    def seal_all_blocks(self) -> None:
        """Seal every block of the layout that is not sealed yet."""
        for block in self.func.blocks:
            if not self.ssa.is_sealed(block):
                self.ssa.seal(block)

    def append_block_param(self, block: Block, ty: int) -> Value:
        """A new parameter of `block`. All must be there before the first branch to it."""
        if self.checked:
            if not T.BITS[ty]:
                raise IRError(f"block{block.num}: {ty} is not a type")
            if self.ssa.has_edge_to(block):
                raise IRError(f"block{block.num} has a branch to it already")
        return self.func.add_param(block, ty)

    def set_srcloc(self, loc: int) -> None:
        """Give the instructions that follow the source location `loc` (32 bits)."""
        self.loc = loc

    def finalize(self) -> Function:
        """End building: seal all blocks and dissolve aliases. Gives the function.

        A checked builder raises IRError when a block has no terminator.
        """
        self.seal_all_blocks()
        if self.checked:
            for block in self.func.blocks:
                if not block.insts or not ops.FLAGS[block.insts[-1].op] & ops.TERMINATOR:
                    raise IRError(f"block{block.num} does not end in a terminator instruction")
        self.ssa.finish()
        self.block = NO_BLOCK
        self.insts = NO_BLOCK.insts
        self.filled = True
        return self.func

    # ---- variables ----

    def declare_var(self, ty: int) -> int:
        """A new variable of type `ty`."""
        types = self.ssa.types
        types.append(ty)
        return len(types) - 1

    def def_var(self, var: int, value: Value) -> None:
        """Set `var` to `value` from here on."""
        if self.checked:
            self._check_var(var)
            if value.ty != self.ssa.types[var]:
                raise IRError(
                    f"variable {var} has type {type_name(self.ssa.types[var])}, "
                    f"v{value.num} has type {type_name(value.ty)}"
                )
        self._defs[var] = value

    def use_var(self, var: int) -> Value:
        """What `var` is here. Zero when nothing has set it."""
        value = self._defs.get(var)
        if value is None or value.op == ops.ALIAS:
            if self.checked:
                self._check_var(var)
            return self.ssa.use(var, self.block)
        return value

    def _check_var(self, var: int) -> None:
        if not 0 <= var < len(self.ssa.types):
            raise IRError(f"variable {var} is not declared")
        if self.block is NO_BLOCK:
            raise IRError(f"variable {var}: there is no current block: switch_to_block first")

    # ---- structured control flow, for those who like it ----

    def if_(self, c: Value) -> If:
        """`with b.if_(c) as branch:` builds what is done when `c` is not zero; after
        `branch.else_()` what is done else. Afterwards both ways have met in a new block."""
        return If(self, c)

    def loop(self) -> Loop:
        """`with b.loop() as loop:` builds an endless loop; `loop.break_()`, `loop.break_if(c)`
        leave it and `loop.continue_()` starts the next round. Afterwards the block after it is
        current."""
        return Loop(self)


class If:
    """See `FunctionBuilder.if_`."""

    __slots__ = ("_b", "_else", "_has_else", "_merge")

    def __init__(self, b: FunctionBuilder, c: Value) -> None:
        self._b = b
        self._else = b.create_block()
        self._merge = b.create_block()
        self._has_else = False
        then = b.create_block()
        b.brif(c, then, (), self._else, ())
        b.seal_block(then)
        b.seal_block(self._else)
        b.switch_to_block(then)

    def else_(self) -> None:
        """From here on build what is done when the condition is zero."""
        b = self._b
        self._has_else = True
        if not b.filled:
            b.jump(self._merge)
        b.switch_to_block(self._else)

    def __enter__(self) -> If:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            return
        b = self._b
        if not self._has_else:
            self.else_()
        if not b.filled:
            b.jump(self._merge)
        b.seal_block(self._merge)
        b.switch_to_block(self._merge)


class Loop:
    """See `FunctionBuilder.loop`."""

    __slots__ = ("_b", "after", "header")

    def __init__(self, b: FunctionBuilder) -> None:
        self._b = b
        self.header = b.create_block()
        self.after = b.create_block()
        b.jump(self.header)
        b.switch_to_block(self.header)

    def break_(self) -> None:
        """Leave the loop. What follows in the same block would be unreachable."""
        self._b.jump(self.after)

    def continue_(self) -> None:
        """Start the next round."""
        self._b.jump(self.header)

    def break_if(self, c: Value) -> None:
        """Leave the loop when `c` is not zero."""
        b = self._b
        rest = b.create_block()
        b.brif(c, self.after, (), rest, ())
        b.seal_block(rest)
        b.switch_to_block(rest)

    def __enter__(self) -> Loop:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            return
        b = self._b
        if not b.filled:
            b.jump(self.header)
        b.seal_block(self.header)
        b.seal_block(self.after)
        b.switch_to_block(self.after)
