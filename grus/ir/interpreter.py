"""Runs IR functions: the oracle that optimizer and code generators are tested against.

Each function is decoded once, to a flat list of tuples whose first item says what to do; operands
are indices into the frame's list of registers, one register per value (bit patterns as ints).
Branch targets hold the index to go on at and the registers to copy. `Interpreter._run` is one
loop over these tuples with its own stack of frames, so neither deep recursion of the program nor
long chains of blocks use Python's stack. What opcodes compute is said in `semantics`; this module
knows control flow, calls and memory.

Functions must have passed the verifier. Dynamic vectors have scale 1. The program runs alone, so
atomic accesses are plain ones. Steps are counted when a block is entered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from grus.base.errors import GrusError, Unsupported
from grus.ir import opcodes as ops
from grus.ir import softfloat as sf
from grus.ir import types as T
from grus.ir.bits import MASK
from grus.ir.data import DataValue
from grus.ir.domain import CONCRETE, InterpreterTrap
from grus.ir.function import (
    NIL,
    BlockCall,
    CallInfo,
    DynamicStackSlot,
    FuncRef,
    Function,
    GlobalValue,
    MemFlags,
    Signature,
    StackSlot,
    Value,
    resolve,
    results_of,
)
from grus.ir.memory import STACK_BASE, STACK_SIZE, Memory
from grus.ir.semantics import MEANINGS, Shape, evaluator
from grus.ir.semantics_vector import swap_lanes_bytes

__all__ = [
    "Interpreter",
    "InterpreterError",
    "InterpreterThrow",
    "InterpreterTrap",
    "LibCall",
    "StepLimit",
    "Trace",
]

_ADDRESS_MASK: Final = MASK[64]
_NO_LIMIT: Final = 1 << 62
_MIN_FRAME: Final = 64
"""Bytes of stack that every activation takes: return address, saved registers."""


class InterpreterError(GrusError):
    """The program cannot go on, and not because it trapped: it calls what is not there."""


class StepLimit(InterpreterError):
    """The program ran more steps than allowed."""


class InterpreterThrow(InterpreterError):
    """An exception in flight: raised by a library call to throw, and by `Interpreter.call` when
    no handler wants it. `payload` are the patterns of `exn0`, `exn1`."""

    def __init__(self, tag: int, payload: list[int]) -> None:
        super().__init__(f"uncaught exception with tag{tag}")
        self.tag = tag
        self.payload = payload

    def __reduce__(self) -> tuple[object, ...]:
        return (InterpreterThrow, (self.tag, self.payload))


LibCall = Callable[["Interpreter", list[int]], list[int]]
"""A function of the host: patterns of arguments to patterns of results."""
Trace = Callable[[Function, Value, list[DataValue]], None]
"""Called with the function, an instruction and its results after it (before a terminator)."""

# What the decoded tuples do; the fields after the kind are given by the code that decodes them.
_BINARY: Final = 0
_JUMP: Final = 1
_BRIF: Final = 2
_CONST: Final = 3
_UNARY: Final = 4
_LOAD: Final = 5
_STORE: Final = 6
_TERNARY: Final = 7
_OTHER: Final = 8
_RETURN: Final = 9
_CALL: Final = 10
_RETURN_CALL: Final = 11
_BR_TABLE: Final = 12
_MULTI: Final = 13


class _Target:
    """Where a branch goes: index of the instruction, the registers copied, the block's length.

    A negative source -1 - i is result or payload i of the call that branches.
    """

    __slots__ = ("dsts", "length", "pc", "srcs")

    def __init__(self, pc: int, length: int, dsts: list[int], srcs: list[int]) -> None:
        self.pc = pc
        self.length = length
        self.dsts = dsts
        self.srcs = srcs


class _Call:
    """A call instruction. `name` is the callee's or "" for an indirect call, whose address is in
    register `address`. `normal` is where a try_call returns to; `handlers` are its (tag, target)
    pairs, tag None for any."""

    __slots__ = (
        "address",
        "dsts",
        "handlers",
        "name",
        "normal",
        "param_types",
        "return_types",
        "srcs",
    )

    def __init__(self, name: str, address: int, sig: Signature, srcs: list[int]) -> None:
        self.name = name
        self.address = address
        self.param_types = [p.ty for p in sig.params]
        self.return_types = [r.ty for r in sig.returns]
        self.srcs = srcs
        self.dsts: list[int] = []
        self.normal: _Target | None = None
        self.handlers: list[tuple[int | None, _Target]] = []


class _Code:
    """A decoded function. `frame_reg` is the register that holds the frame's address."""

    __slots__ = (
        "address",
        "entry_length",
        "frame_align",
        "frame_reg",
        "frame_size",
        "function",
        "insts",
        "param_types",
        "params",
        "registers",
        "return_types",
    )

    def __init__(self, function: Function, address: int) -> None:
        self.function = function
        self.address = address
        self.param_types = [p.ty for p in function.sig.params]
        self.return_types = [r.ty for r in function.sig.returns]
        self.params: list[int] = [p.num for p in function.blocks[0].params]
        self.entry_length = len(function.blocks[0].insts)
        # Three more registers than values: what is written by instructions without a result, the
        # frame's address, and the caller's return address.
        self.registers: list[int] = [0] * (function.num_values + 3)
        self.frame_reg = function.num_values + 1
        # Registers count too, so that endless recursion ends in a trap before it takes all memory.
        self.frame_size = max(_MIN_FRAME, 2 * function.num_values)
        self.frame_align = 16
        self.insts: list[tuple[Any, ...]] = []


class Interpreter:
    """Runs functions by name.

    `functions` maps text names (`%f`) to functions that may call each other; `libcalls` adds
    functions of the host to the built-in ones (`%CeilF32`, `%Memcpy`, ...). `max_steps` limits
    the instructions of one `call`. Memory and pinned register persist between calls until
    `reset`.
    """

    __slots__ = (
        "_addresses",
        "_code",
        "_data",
        "_functions",
        "_libcalls",
        "_max_steps",
        "_names",
        "_trace",
        "memory",
        "pinned",
        "steps",
    )

    def __init__(
        self,
        functions: dict[str, Function],
        *,
        max_steps: int | None = None,
        trace: Trace | None = None,
        libcalls: dict[str, LibCall] | None = None,
    ) -> None:
        self._functions = functions
        self._libcalls: dict[str, LibCall] = libcalls if libcalls is not None else {}
        self._max_steps = _NO_LIMIT if max_steps is None else max_steps
        self._trace = trace
        self._code: dict[str, _Code] = {}
        self._data: list[bytes] = []  # data symbols in order of definition
        self._addresses: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self.memory = Memory()
        self.pinned = 0
        self.steps = 0  # of the last call

    def reset(self) -> None:
        """Make memory and the pinned register as new; addresses of symbols stay."""
        code_size = len(self.memory.code)
        self.memory = Memory()
        self.memory.code.extend(bytes(code_size))
        for content in self._data:
            self.memory.add_data(content)
        self.pinned = 0

    def define_data(self, name: str, content: bytes) -> int:
        """Define a data symbol (`%name`) before functions that use it first run; its address."""
        address = self.memory.add_data(content)
        self._data.append(content)
        self._addresses[name] = address
        return address

    def address_of(self, name: str) -> int:
        """The address of a function or data symbol. Raises InterpreterError if there is none."""
        address = self._addresses.get(name)
        if address is None:
            known = name in self._functions or name in self._libcalls or name in BUILTINS
            if not known:
                raise InterpreterError(f"{name} is not defined")
            address = self.memory.add_code()
            self._addresses[name] = address
            self._names[address] = name
        return address

    def call(self, name: str, args: list[DataValue]) -> list[DataValue]:
        """Run a function to its end.

        Raises InterpreterTrap, InterpreterThrow, StepLimit, InterpreterError for a missing
        function or arguments that do not fit, Unsupported.
        """
        code = self.decode(name)
        if [a.ty for a in args] != code.param_types:
            raise InterpreterError(f"{name}: the arguments do not fit the signature")
        results = self._run(code, [a.bits for a in args])
        return [DataValue(ty, bits) for ty, bits in zip(code.return_types, results, strict=True)]

    # ---- decoding on demand, and the loop ----

    def decode(self, name: str) -> _Code:
        """Decode a function, as its first call does."""
        code = self._code.get(name)
        if code is None:
            function = self._functions.get(name)
            if function is None:
                raise InterpreterError(f"{name} is not defined")
            if not function.blocks:
                raise InterpreterError(f"{name} has no blocks")
            code = _Code(function, self.address_of(name))
            _Decoder(self, code).run()
            self._code[name] = code
        return code

    def _enter(self, code: _Code, args: list[int], base: int, caller: int) -> tuple[list[int], int]:
        """Registers and end of stack of a new frame at offset `base` of the stack."""
        regs = code.registers[:]
        for reg, value in zip(code.params, args, strict=True):
            regs[reg] = value
        align = code.frame_align
        start = (base + align - 1) & -align
        top = start + code.frame_size
        stack = self.memory.stack
        if top > len(stack):
            if top > STACK_SIZE:
                raise InterpreterTrap(ops.TRAP_STACK_OVERFLOW)
            stack.extend(bytes(max(top - len(stack), 4096)))
        regs[code.frame_reg] = STACK_BASE + start
        regs[code.frame_reg + 1] = caller + 8
        return regs, top

    def _callee(self, call: _Call, regs: list[int], args: list[int]) -> _Code | list[int]:
        """What a call runs: code, or the results of a library call."""
        name = call.name
        if not name:
            found = self._names.get(regs[call.address])
            if found is None:
                raise InterpreterTrap(ops.TRAP_HEAP_OUT_OF_BOUNDS)
            name = found
        code = self._code.get(name)
        if code is None:
            if name not in self._functions:
                libcall = self._libcalls.get(name)
                if libcall is not None:
                    return libcall(self, args)
                builtin = BUILTINS.get(name)
                if builtin is None:
                    raise InterpreterError(f"{name} is not defined")
                _check_types(name, call, builtin.param_types, builtin.return_types)
                return builtin.call(self, args)
            code = self.decode(name)
        _check_types(name, call, code.param_types, code.return_types)
        return code

    def _run(self, code: _Code, args: list[int]) -> list[int]:
        memory = self.memory
        domain = CONCRETE
        limit = self._max_steps
        # One item per suspended caller: code, pc, registers, base, top, call.
        frames: list[tuple[_Code, int, list[int], int, int, _Call]] = []
        base = 0
        regs, top = self._enter(code, args, base, 0)
        insts = code.insts
        pc = 0
        steps = code.entry_length
        inst: tuple[Any, ...]
        target: _Target
        call: _Call
        values: list[int]
        try:
            while True:
                if steps > limit:
                    raise StepLimit(f"more than {limit} steps")
                # Straight-line instructions, until one transfers control.
                while True:
                    inst = insts[pc]
                    pc += 1
                    kind = inst[0]
                    if kind == _BINARY:
                        _, dst, fn, shape, a, b = inst
                        regs[dst] = fn(domain, shape, regs[a], regs[b])
                    elif kind == _JUMP:
                        target = inst[1]
                        break
                    elif kind == _BRIF:
                        target = inst[2] if regs[inst[1]] else inst[3]
                        break
                    elif kind == _CONST:
                        regs[inst[1]] = inst[2]
                    elif kind == _UNARY:
                        _, dst, fn, shape, a = inst
                        regs[dst] = fn(domain, shape, regs[a])
                    elif kind == _LOAD:
                        _, dst, a, offset, size, trap = inst
                        regs[dst] = memory.load((regs[a] + offset) & _ADDRESS_MASK, size, trap)
                    elif kind == _STORE:
                        _, src, a, offset, size, trap = inst
                        address = (regs[a] + offset) & _ADDRESS_MASK
                        memory.store(address, size, regs[src], trap)
                    elif kind == _TERNARY:
                        _, dst, fn, shape, a, b, c = inst
                        regs[dst] = fn(domain, shape, regs[a], regs[b], regs[c])
                    elif kind == _OTHER:
                        inst[1](self, regs, inst)
                    elif kind == _MULTI:
                        _, dsts, fn, shape, srcs = inst
                        several = fn(domain, shape, *[regs[s] for s in srcs])
                        for dst, value in zip(dsts, several, strict=True):
                            regs[dst] = value
                    elif kind == _BR_TABLE:
                        targets = inst[2]
                        index = regs[inst[1]] + 1
                        target = targets[index] if index < len(targets) else targets[0]
                        break
                    else:
                        if kind == _RETURN:
                            values = [regs[s] for s in inst[1]]
                        else:
                            call = inst[1]
                            values = [regs[s] for s in call.srcs]
                            try:
                                callee = self._callee(call, regs, values)
                            except InterpreterThrow as thrown:
                                if kind == _CALL:
                                    frames.append((code, pc, regs, base, top, call))
                                handler = _unwind(frames, thrown.tag)
                                if handler is None:
                                    raise
                                code, pc, regs, base, top, call = frames.pop()
                                insts = code.insts
                                target = _with_values(handler, regs, code, thrown.payload)
                                break
                            if isinstance(callee, _Code):
                                if kind == _CALL:
                                    frames.append((code, pc, regs, base, top, call))
                                    caller = code.address
                                    base = top
                                else:
                                    caller = regs[code.frame_reg + 1] - 8
                                code = callee
                                regs, top = self._enter(code, values, base, caller)
                                insts = code.insts
                                pc = 0
                                steps += code.entry_length
                                if steps > limit:
                                    raise StepLimit(f"more than {limit} steps")
                                continue
                            values = callee
                            if kind == _CALL:
                                frames.append((code, pc, regs, base, top, call))
                        # Return `values` to the innermost suspended caller.
                        if not frames:
                            return values
                        code, pc, regs, base, top, call = frames.pop()
                        insts = code.insts
                        if call.normal is not None:
                            target = _with_values(call.normal, regs, code, values)
                            break
                        for dst, value in zip(call.dsts, values, strict=True):
                            regs[dst] = value
                # Enter the block `target`.
                pc = target.pc
                steps += target.length
                srcs = target.srcs
                if srcs:
                    if len(srcs) == 1:
                        regs[target.dsts[0]] = regs[srcs[0]]
                    else:
                        values = [regs[s] for s in srcs]
                        for dst, value in zip(target.dsts, values, strict=True):
                            regs[dst] = value
        finally:
            self.steps = steps


def _check_types(name: str, call: _Call, params: list[int], returns: list[int]) -> None:
    if call.param_types != params or call.return_types != returns:
        raise InterpreterError(f"{name} is called with another signature than its own")


def _unwind(
    frames: list[tuple[_Code, int, list[int], int, int, _Call]], tag: int
) -> _Target | None:
    """Drop frames until the last one is at a try_call that handles `tag`; the handler."""
    while frames:
        for wanted, target in frames[-1][5].handlers:
            if wanted is None or wanted == tag:
                return target
        frames.pop()
    return None


def _with_values(target: _Target, regs: list[int], code: _Code, values: list[int]) -> _Target:
    """Copy the arguments of a target of a try_call; what is left to do is to go there."""
    arguments = [regs[s] if s >= 0 else values[-1 - s] for s in target.srcs]
    for dst, value in zip(target.dsts, arguments, strict=True):
        regs[dst] = value
    return _Target(target.pc, target.length, [], [])


# ---- instructions out of the ordinary: functions of (interpreter, registers, decoded tuple) ----


def _frame_address(interpreter: Interpreter, regs: list[int], inst: tuple[Any, ...]) -> None:
    """Fields: dst, register with the address, offset, mask."""
    regs[inst[2]] = (regs[inst[3]] + inst[4]) & inst[5]


def _load_any(interpreter: Interpreter, regs: list[int], inst: tuple[Any, ...]) -> None:
    """Fields: dst, address, offset, type in memory, flags, widening or None, its shape."""
    _, _, dst, a, offset, ty, flags, fn, shape = inst
    value = _read(interpreter.memory, (regs[a] + offset) & _ADDRESS_MASK, ty, flags)
    regs[dst] = value if fn is None else fn(CONCRETE, shape, value)


def _store_any(interpreter: Interpreter, regs: list[int], inst: tuple[Any, ...]) -> None:
    """Fields: src, address, offset, type in memory, flags."""
    _, _, src, a, offset, ty, flags = inst
    value = regs[src] & ((1 << T.BITS[ty]) - 1)
    _write(interpreter.memory, (regs[a] + offset) & _ADDRESS_MASK, ty, flags, value)


def _atomic_rmw(interpreter: Interpreter, regs: list[int], inst: tuple[Any, ...]) -> None:
    """Fields: dst, address, operand, type, flags, operation."""
    _, _, dst, a, b, ty, flags, operation = inst
    memory = interpreter.memory
    old = _read(memory, regs[a], ty, flags)
    _write(memory, regs[a], ty, flags, _combine(operation, T.BITS[ty], old, regs[b]))
    regs[dst] = old


def _atomic_cas(interpreter: Interpreter, regs: list[int], inst: tuple[Any, ...]) -> None:
    """Fields: dst, address, expected, new, type, flags."""
    _, _, dst, a, b, c, ty, flags = inst
    memory = interpreter.memory
    old = _read(memory, regs[a], ty, flags)
    if old == regs[b]:
        _write(memory, regs[a], ty, flags, regs[c])
    regs[dst] = old


def _get_pinned(interpreter: Interpreter, regs: list[int], inst: tuple[Any, ...]) -> None:
    """Fields: dst, mask."""
    regs[inst[2]] = interpreter.pinned & inst[3]


def _set_pinned(interpreter: Interpreter, regs: list[int], inst: tuple[Any, ...]) -> None:
    """Fields: src."""
    interpreter.pinned = regs[inst[2]]


def _trap(interpreter: Interpreter, regs: list[int], inst: tuple[Any, ...]) -> None:
    """Fields: code."""
    raise InterpreterTrap(inst[2])


def _nothing(interpreter: Interpreter, regs: list[int], inst: tuple[Any, ...]) -> None:
    """No fields."""


def _unsupported(interpreter: Interpreter, regs: list[int], inst: tuple[Any, ...]) -> None:
    """Fields: message."""
    raise Unsupported(inst[2])


def _global_value(interpreter: Interpreter, regs: list[int], inst: tuple[Any, ...]) -> None:
    """Fields: dst, list of (kind, argument, type, flags), mask. The value of each global in turn,
    from the one that the others are based on."""
    value = 0
    for kind, argument, ty, flags in inst[3]:
        if kind == "symbol":
            value = argument
        elif kind == "vmctx":
            value = regs[argument]
        elif kind == "iadd_imm":
            value += argument
        elif kind == "load":
            value = _read(interpreter.memory, (value + argument) & _ADDRESS_MASK, ty, flags)
        else:  # dyn_scale_target_const
            value = 1
    regs[inst[2]] = value & inst[4]


def _call_trace(interpreter: Interpreter, regs: list[int], inst: tuple[Any, ...]) -> None:
    """Fields: function, instruction, results."""
    _, _, function, value, results = inst
    trace = interpreter._trace
    assert trace is not None
    trace(function, value, [DataValue(r.ty, regs[r.num]) for r in results])


def _read(memory: Memory, address: int, ty: int, flags: MemFlags) -> int:
    value = memory.load(address, T.BITS[ty] >> 3, flags.trap)
    if flags.endian == "big":
        return swap_lanes_bytes(CONCRETE, T.BITS[T.LANE[ty]], T.LANES[ty], value)
    return value


def _write(memory: Memory, address: int, ty: int, flags: MemFlags, value: int) -> None:
    if flags.endian == "big":
        value = swap_lanes_bytes(CONCRETE, T.BITS[T.LANE[ty]], T.LANES[ty], value)
    memory.store(address, T.BITS[ty] >> 3, value, flags.trap)


def _combine(operation: int, w: int, x: int, y: int) -> int:
    """What `atomic_rmw` stores for the old value x and the operand y."""
    d = CONCRETE
    if operation == ops.RMW_ADD:
        return d.add(w, x, y)
    if operation == ops.RMW_SUB:
        return d.sub(w, x, y)
    if operation == ops.RMW_AND:
        return x & y
    if operation == ops.RMW_NAND:
        return d.not_(w, x & y)
    if operation == ops.RMW_OR:
        return x | y
    if operation == ops.RMW_XOR:
        return x ^ y
    if operation == ops.RMW_XCHG:
        return y
    if operation == ops.RMW_UMIN:
        return min(x, y)
    if operation == ops.RMW_UMAX:
        return max(x, y)
    if operation == ops.RMW_SMIN:
        return x if d.slt(w, x, y) else y
    return y if d.slt(w, x, y) else x


# ---- decoding ----

# Loads that widen: type in memory, and the opcode that widens it.
_WIDENING_LOADS: Final[dict[int, tuple[int, int]]] = {
    ops.ULOAD8: (T.I8, ops.UEXTEND),
    ops.SLOAD8: (T.I8, ops.SEXTEND),
    ops.ULOAD16: (T.I16, ops.UEXTEND),
    ops.SLOAD16: (T.I16, ops.SEXTEND),
    ops.ULOAD32: (T.I32, ops.UEXTEND),
    ops.SLOAD32: (T.I32, ops.SEXTEND),
    ops.ULOAD8X8: (T.vector(T.I8, 8), ops.UWIDEN_LOW),
    ops.SLOAD8X8: (T.vector(T.I8, 8), ops.SWIDEN_LOW),
    ops.ULOAD16X4: (T.vector(T.I16, 4), ops.UWIDEN_LOW),
    ops.SLOAD16X4: (T.vector(T.I16, 4), ops.SWIDEN_LOW),
    ops.ULOAD32X2: (T.vector(T.I32, 2), ops.UWIDEN_LOW),
    ops.SLOAD32X2: (T.vector(T.I32, 2), ops.SWIDEN_LOW),
}
_NARROWING_STORES: Final[dict[int, int]] = {
    ops.ISTORE8: T.I8,
    ops.ISTORE16: T.I16,
    ops.ISTORE32: T.I32,
}
_CALLS: Final = frozenset((ops.CALL_, ops.CALL_INDIRECT, ops.TRY_CALL, ops.TRY_CALL_INDIRECT))
_RETURN_CALLS: Final = frozenset((ops.RETURN_CALL, ops.RETURN_CALL_INDIRECT))
_NO_EFFECT: Final = frozenset((ops.NOP, ops.DEBUGTRAP, ops.FENCE, ops.SEQUENCE_POINT))


class _Decoder:
    """Decodes one function."""

    __slots__ = ("code", "dynamic_offsets", "interpreter", "pcs", "slot_offsets")

    def __init__(self, interpreter: Interpreter, code: _Code) -> None:
        self.interpreter = interpreter
        self.code = code
        self.pcs: list[int] = [0] * code.function.num_blocks
        self.slot_offsets: dict[StackSlot, int] = {}
        self.dynamic_offsets: dict[DynamicStackSlot, int] = {}

    def run(self) -> None:
        code = self.code
        function = code.function
        self._lay_out_frame()
        tracing = self.interpreter._trace is not None
        pc = 0
        for block in function.blocks:
            self.pcs[block.num] = pc
            pc += len(block.insts) * (2 if tracing else 1)
        insts = code.insts
        for block in function.blocks:
            for inst in block.insts:
                decoded = self._decode(inst)
                if not tracing:
                    insts.append(decoded)
                    continue
                traced = (_OTHER, _call_trace, function, inst, results_of(inst))
                if ops.FLAGS[inst.op] & ops.TERMINATOR:
                    insts.extend(((*traced[:4], ()), decoded))
                else:
                    insts.extend((decoded, traced))

    def _lay_out_frame(self) -> None:
        code = self.code
        offset = code.frame_size
        for slot in code.function.stack_slots:
            align = max(slot.align, 16)
            offset = (offset + align - 1) & -align
            self.slot_offsets[slot] = offset
            offset += slot.size
            code.frame_align = max(code.frame_align, align)
        for dynamic in code.function.dynamic_slots:
            offset = (offset + 15) & -16
            self.dynamic_offsets[dynamic] = offset
            offset += T.size(code.function.dynamic_types[dynamic.dyn_type][0])
        code.frame_size = offset

    def _decode(self, inst: Value) -> tuple[Any, ...]:
        op = inst.op
        if MEANINGS[op] is not None:
            return self._computation(inst)
        if op in _WIDENING_LOADS or op in _NARROWING_STORES or op in (ops.LOAD, ops.STORE):
            return self._access(inst)
        if op == ops.JUMP:
            return (_JUMP, self._target(inst.targets[0]))
        if op == ops.BRIF:
            then, other = inst.targets
            return (_BRIF, _num(inst.a), self._target(then), self._target(other))
        if op == ops.BR_TABLE:
            return (_BR_TABLE, _num(inst.a), [self._target(t) for t in inst.targets])
        if op == ops.RETURN_:
            return (_RETURN, [_num(v) for v in inst.args])
        if op in _CALLS:
            return (_CALL, self._call(inst))
        if op in _RETURN_CALLS:
            return (_RETURN_CALL, self._call(inst))
        if op == ops.TRAP:
            return (_OTHER, _trap, inst.imm)
        if op in _NO_EFFECT:
            return (_OTHER, _nothing)
        return self._machine(inst)

    def _computation(self, inst: Value) -> tuple[Any, ...]:
        """An opcode that has a meaning."""
        operands = [resolve(v) for v in (inst.a, inst.b, inst.c) if v is not NIL]
        ext = inst.ext
        shape = Shape(
            inst.op,
            inst.ty,
            [v.ty for v in operands],
            inst.imm,
            ext if isinstance(ext, bytes) else b"",
            isinstance(ext, MemFlags) and ext.endian == "big",
        )
        fn = evaluator(inst.op, shape)
        srcs = [v.num for v in operands]
        if not srcs:
            return (_CONST, inst.num, fn(CONCRETE, shape))
        if inst.results:
            return (_MULTI, [r.num for r in inst.results], fn, shape, srcs)
        dst = inst.num if inst.ty else self.code.function.num_values
        return ((_UNARY, _BINARY, _TERNARY)[len(srcs) - 1], dst, fn, shape, *srcs)

    def _access(self, inst: Value) -> tuple[Any, ...]:
        op = inst.op
        flags = inst.ext
        assert isinstance(flags, MemFlags)
        if op == ops.LOAD:
            if flags.endian != "big":
                return (_LOAD, inst.num, _num(inst.a), inst.imm, T.size(inst.ty), flags.trap)
            fields = (inst.num, _num(inst.a), inst.imm, inst.ty, flags, None, None)
            return (_OTHER, _load_any, *fields)
        if op in _WIDENING_LOADS:
            ty, widen = _WIDENING_LOADS[op]
            shape = Shape(widen, inst.ty, [ty])
            fields_ = (inst.num, _num(inst.a), inst.imm, ty, flags)
            return (_OTHER, _load_any, *fields_, evaluator(widen, shape), shape)
        ty = _NARROWING_STORES.get(op, resolve(inst.a).ty)
        if op == ops.STORE and flags.endian != "big":
            return (_STORE, _num(inst.a), _num(inst.b), inst.imm, T.size(ty), flags.trap)
        return (_OTHER, _store_any, _num(inst.a), _num(inst.b), inst.imm, ty, flags)

    def _machine(self, inst: Value) -> tuple[Any, ...]:
        """Addresses, machine state and atomics."""
        op = inst.op
        ext = inst.ext
        dst = inst.num
        frame = self.code.frame_reg
        mask = MASK[64] if not inst.ty else (1 << T.BITS[inst.ty]) - 1
        if isinstance(ext, StackSlot):
            return (_OTHER, _frame_address, dst, frame, self.slot_offsets[ext] + inst.imm, mask)
        if isinstance(ext, DynamicStackSlot):
            return (_OTHER, _frame_address, dst, frame, self.dynamic_offsets[ext], mask)
        if isinstance(ext, FuncRef):
            return (_CONST, dst, self.interpreter.address_of(ext.name) & mask)
        if isinstance(ext, GlobalValue):
            return (_OTHER, _global_value, dst, self._global_steps(ext), mask)
        if isinstance(ext, MemFlags):
            a, b, c = _num(inst.a), _num(inst.b), _num(inst.c)
            if op == ops.ATOMIC_RMW:
                return (_OTHER, _atomic_rmw, dst, a, b, inst.ty, ext, inst.imm)
            if op == ops.ATOMIC_CAS:
                return (_OTHER, _atomic_cas, dst, a, b, c, inst.ty, ext)
            if op == ops.ATOMIC_LOAD:
                return (_OTHER, _load_any, dst, a, 0, inst.ty, ext, None, None)
            return (_OTHER, _store_any, a, b, 0, resolve(inst.a).ty, ext)
        if op == ops.GET_PINNED_REG:
            return (_OTHER, _get_pinned, dst, mask)
        if op == ops.SET_PINNED_REG:
            return (_OTHER, _set_pinned, _num(inst.a))
        if op == ops.GET_FRAME_POINTER:
            return (_OTHER, _frame_address, dst, frame, self.code.frame_size, mask)
        if op == ops.GET_STACK_POINTER:
            return (_OTHER, _frame_address, dst, frame, 0, mask)
        if op == ops.GET_RETURN_ADDRESS:
            return (_OTHER, _frame_address, dst, frame + 1, 0, mask)
        if op == ops.GET_EXCEPTION_HANDLER_ADDRESS:
            return (_CONST, dst, (self.code.address + 8) & mask)
        name = ops.ROWS[op].name
        return (_OTHER, _unsupported, f"{self.code.function.name}: {name} cannot be interpreted")

    def _global_steps(self, value: GlobalValue) -> list[tuple[str, int, int, MemFlags]]:
        steps: list[tuple[str, int, int, MemFlags]] = []
        current: GlobalValue | None = value
        while current is not None:
            argument = current.offset
            if current.kind == "symbol":
                argument += self.interpreter.address_of(current.name)
            elif current.kind == "vmctx":
                argument = self._vmctx()
            steps.append((current.kind, argument, current.ty, current.flags))
            current = current.base
        steps.reverse()
        return steps

    def _vmctx(self) -> int:
        """The register of the vmctx parameter."""
        function = self.code.function
        for param, reg in zip(function.sig.params, self.code.params, strict=True):
            if param.purpose == "vmctx":
                return reg
        raise InterpreterError(f"{function.name} has no vmctx parameter")

    def _target(self, target: BlockCall) -> _Target:
        srcs: list[int] = []
        for arg in target.args:
            if arg.op == ops.TRY_RET or arg.op == ops.TRY_EXN:
                srcs.append(-1 - arg.imm)
            else:
                srcs.append(_num(arg))
        block = target.block
        dsts = [p.num for p in block.params]
        return _Target(self.pcs[block.num], len(block.insts), dsts, srcs)

    def _call(self, inst: Value) -> _Call:
        info = inst.ext
        assert isinstance(info, CallInfo)
        name = info.callee.name if info.callee is not None else ""
        call = _Call(name, _num(inst.a), info.sig, [_num(v) for v in inst.args])
        call.dsts = [r.num for r in results_of(inst)]
        if inst.targets:
            targets = [self._target(t) for t in inst.targets]
            call.normal = targets[0]
            for handler in info.handlers:
                if handler.kind == "tag":
                    call.handlers.append((handler.tag, targets[handler.target]))
                elif handler.kind == "default":
                    call.handlers.append((None, targets[handler.target]))
        return call


def _num(value: Value) -> int:
    return resolve(value).num


# ---- library calls ----


class _Builtin:
    """A built-in library call: what it takes and gives, and what it does."""

    __slots__ = ("call", "param_types", "return_types")

    def __init__(self, param_types: list[int], return_types: list[int], call: LibCall) -> None:
        self.param_types = param_types
        self.return_types = return_types
        self.call = call


def _rounding(ty: int, rounding: int) -> _Builtin:
    f = sf.FORMATS[T.BITS[ty]]
    return _Builtin([ty], [ty], lambda _, args: [sf.to_integral(f, rounding, args[0])])


def _fma(ty: int) -> _Builtin:
    f = sf.FORMATS[T.BITS[ty]]
    return _Builtin([ty] * 3, [ty], lambda _, args: [sf.fma(f, args[0], args[1], args[2])])


def _memcpy(interpreter: Interpreter, args: list[int]) -> list[int]:
    to, source, size = args
    interpreter.memory.write(to, interpreter.memory.read(source, size))
    return [to]


def _memset(interpreter: Interpreter, args: list[int]) -> list[int]:
    to, value, size = args
    interpreter.memory.read(to, size)  # traps before bytes of a senseless size are made
    interpreter.memory.write(to, bytes([value & 255]) * size)
    return [to]


def _memcmp(interpreter: Interpreter, args: list[int]) -> list[int]:
    x, y = interpreter.memory.read(args[0], args[2]), interpreter.memory.read(args[1], args[2])
    return [(int(x > y) - int(x < y)) & MASK[32]]


def _throw(interpreter: Interpreter, args: list[int]) -> list[int]:
    """(entry fp, exit fp, exit pc, tag, payload, payload): the unwinder of Cranelift's tests."""
    raise InterpreterThrow(args[3], args[4:])


BUILTINS: Final[dict[str, _Builtin]] = {
    "%CeilF32": _rounding(T.F32, sf.CEIL),
    "%CeilF64": _rounding(T.F64, sf.CEIL),
    "%FloorF32": _rounding(T.F32, sf.FLOOR),
    "%FloorF64": _rounding(T.F64, sf.FLOOR),
    "%TruncF32": _rounding(T.F32, sf.TRUNC),
    "%TruncF64": _rounding(T.F64, sf.TRUNC),
    "%NearestF32": _rounding(T.F32, sf.NEAREST),
    "%NearestF64": _rounding(T.F64, sf.NEAREST),
    "%FmaF32": _fma(T.F32),
    "%FmaF64": _fma(T.F64),
    "%Memcpy": _Builtin([T.I64] * 3, [T.I64], _memcpy),
    "%Memmove": _Builtin([T.I64] * 3, [T.I64], _memcpy),
    "%Memset": _Builtin([T.I64, T.I32, T.I64], [T.I64], _memset),
    "%Memcmp": _Builtin([T.I64] * 3, [T.I32], _memcmp),
    "%__cranelift_throw": _Builtin([T.I64] * 3 + [T.I32, T.I64, T.I64], [], _throw),
}
"""Functions that need no definition, by the text form of their name."""
