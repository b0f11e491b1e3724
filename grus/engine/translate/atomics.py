"""Wasm's atomic instructions, a row each, and what translates them.

Imported with the first function that has some. All are sequentially consistent, and trap unless
the address is a multiple of the size, which is asked first.
"""

from __future__ import annotations

from grus.engine import errors
from grus.engine.translate.func import HANDLERS, FuncTranslator
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import MemFlags, Value
from grus.wasm import opcodes as W

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

_TYPES: Final = {"i32": T.I32, "i64": T.I64}
_BY_LOG: Final = (T.I8, T.I16, T.I32, T.I64)
_OPERATIONS: Final = {
    "add": ops.RMW_ADD, "sub": ops.RMW_SUB, "and": ops.RMW_AND, "or": ops.RMW_OR,
    "xor": ops.RMW_XOR, "xchg": ops.RMW_XCHG,
}  # fmt: skip

RESULT: Final[dict[int, int]] = {}
"""Type of the value on the stack; that in memory follows from the size."""
RMW: Final[dict[int, int]] = {}


def pointer(t: FuncTranslator, op: int, index: int, offset: int) -> tuple[Value, MemFlags]:
    """Pop an address and check it; the pointer."""
    b = t.b
    size = 1 << W.ALIGN[op]
    if size > 1:
        address = t.stack[-1]
        if offset & size - 1:
            address = b.iadd(address, b.iconst(address.ty, offset & size - 1))
        low = b.band(address, b.iconst(address.ty, size - 1))
        b.trapnz(low, errors.UNALIGNED_ATOMIC)
    at, disp, flags = t.address(index, offset, size)
    assert isinstance(flags, MemFlags)
    return (b.iadd(at, b.iconst(T.I64, disp)) if disp else at), flags


def narrowed(t: FuncTranslator, op: int, x: Value) -> Value:
    ty = _BY_LOG[W.ALIGN[op]]
    return x if x.ty == ty else t.b.ireduce(ty, x)


def push(t: FuncTranslator, op: int, x: Value) -> None:
    ty = RESULT[op]
    t.push(x if x.ty == ty else t.b.uextend(ty, x))


def on_load(t: FuncTranslator, op: int) -> None:
    at, flags = pointer(t, op, *t.memarg())
    push(t, op, t.b.atomic_load(_BY_LOG[W.ALIGN[op]], at, flags))


def on_store(t: FuncTranslator, op: int) -> None:
    index, offset = t.memarg()
    x = narrowed(t, op, t.pop())
    at, flags = pointer(t, op, index, offset)
    t.b.atomic_store(x, at, flags)


def on_rmw(t: FuncTranslator, op: int) -> None:
    index, offset = t.memarg()
    x = narrowed(t, op, t.pop())
    at, flags = pointer(t, op, index, offset)
    push(t, op, t.b.atomic_rmw(RMW[op], at, x, flags))


def on_cmpxchg(t: FuncTranslator, op: int) -> None:
    index, offset = t.memarg()
    x = narrowed(t, op, t.pop())
    expected = narrowed(t, op, t.pop())
    at, flags = pointer(t, op, index, offset)
    push(t, op, t.b.atomic_cas(at, expected, x, flags))


def on_fence(t: FuncTranslator, op: int) -> None:
    t.pos += 1
    t.b.fence()


def on_notify(t: FuncTranslator, op: int) -> None:
    index, offset = t.memarg()
    address, count = t.pop_many(2)
    args = [t.const32(index), t.wide(address), t.b.iconst(T.I64, offset), count]
    t.push(t.builtin("atomic_notify", args))


def on_wait(t: FuncTranslator, op: int) -> None:
    index, offset = t.memarg()
    address, expected, timeout = t.pop_many(3)
    args = [t.const32(index), t.wide(address), t.b.iconst(T.I64, offset), t.wide(expected)]
    args += [timeout, t.const32(1 << W.ALIGN[op])]
    t.push(t.builtin("atomic_wait", args))


def _fill() -> None:
    handlers: list[tuple[str, Callable[[FuncTranslator, int], None]]] = [
        ("memory.atomic.notify", on_notify), ("memory.atomic.wait32", on_wait),
        ("memory.atomic.wait64", on_wait), ("atomic.fence", on_fence),
    ]  # fmt: skip
    for prefix, ty in _TYPES.items():
        for bits in ("", "8", "16", "32"):
            if bits == "32" and prefix == "i32":
                continue
            suffix = "_u" if bits else ""
            names = [(f"{prefix}.atomic.load{bits}{suffix}", on_load)]
            names += [(f"{prefix}.atomic.store{bits}", on_store)]
            names += [(f"{prefix}.atomic.rmw{bits}.cmpxchg{suffix}", on_cmpxchg)]
            for name, _ in names:
                RESULT[W.BY_NAME[name]] = ty
            handlers += names
            for name, operation in _OPERATIONS.items():
                op = W.BY_NAME[f"{prefix}.atomic.rmw{bits}.{name}{suffix}"]
                RESULT[op], RMW[op] = ty, operation
                handlers.append((W.NAMES[op], on_rmw))
    for name, handler in handlers:
        HANDLERS[W.BY_NAME[name]] = handler


_fill()
