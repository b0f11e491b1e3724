"""Lowering of the opcodes that are no control flow, one function each."""

from __future__ import annotations

from collections.abc import Callable

from grus.backend.regalloc.types import (
    def_,
    def_fixed,
    def_fixed_early,
    def_reuse,
    temp,
    use,
    use_any,
    use_fixed,
    use_late,
)
from grus.backend.vcode import REG, SLOT_AREA, Address
from grus.backend.x64 import abi, sse2, wide
from grus.backend.x64.lower import (
    ADC,
    ADD,
    AE,
    AND,
    ANDPS,
    BSF,
    BSR,
    BSWAP,
    CDQ,
    CMOV,
    CMP,
    CQO,
    DIV,
    GE,
    IDIV,
    IMUL,
    IMUL_1,
    IN_PLACE,
    INT3,
    LEA,
    LOAD_INT,
    LOCK_CMPXCHG,
    LOCK_CMPXCHG16B,
    LOCK_XADD,
    LZCNT,
    MFENCE,
    MOVD_FROM_X,
    MOVD_TO_X,
    MOVQ_FROM_X,
    MOVQ_TO_X,
    MOVUPS_LOAD,
    MUL_1,
    NE,
    NEG,
    NOT,
    OR,
    ORPS,
    OV,
    POPCNT,
    SAR_C,
    SAR_I,
    SBB,
    SETCC,
    SHL_C,
    SHL_I,
    SHLD_C,
    SHR_C,
    SHR_I,
    SHRD_C,
    STORE_IMM,
    STORE_INT,
    SUB,
    TEST_RM_I,
    TEST_RM_R,
    TZCNT,
    XCHG,
    XOR,
    XORPS,
    B,
    E,
    Imm,
    L,
    X64Lower,
    _float_load,
    _float_store,
    fits_i32,
    is_double,
    lowers,
    signed,
    size_of,
    wide_size,
)
from grus.backend.x64.pseudo import (
    ATOMIC_LOOP,
    ATOMIC_LOOP_128,
    FMINMAX,
    FSELECT,
    GET_FP,
    GET_RETURN,
    HANDLER_ADDRESS,
    SDIV_CHECK,
    SREM,
    STACK_SWITCH,
    TLS_ADDRESS,
    TLS_COFF,
    TLS_ELF_LE,
    Cond,
    Symbol,
)
from grus.backend.x64.regs import R15, RAX, RBX, RCX, RDI, RDX
from grus.base.errors import Unsupported
from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import Block, CallInfo, FuncRef, GlobalValue, MemFlags, StackSlot, Value

_B, _W, _L, _Q = 0, 1, 2, 3
_MASK64 = (1 << 64) - 1


def scalars_only(value: Value, operand: Value | None = None) -> None:
    """Raise Unsupported for vectors."""
    ty = value.ty if operand is None else operand.ty
    if T.LANES[ty] != 1:
        raise Unsupported(f"{ops.ROWS[value.op].name} of {T.NAMES[ty]} on x86-64")


# ---- constants and addresses ----

NO_REGISTER = (*(ops.ICONST, ops.F16CONST, ops.F32CONST, ops.F64CONST, ops.IREDUCE, ops.NOP),)


@lowers(*NO_REGISTER)
def no_register(x: X64Lower, v: Value) -> None:
    """Nobody asks for a register: every user of a constant makes its own copy, and a reduction is
    what it reduces."""


@lowers(ops.F128CONST, ops.VCONST)
def wide_constant(x: X64Lower, v: Value) -> None:
    data = v.ext
    assert isinstance(data, bytes)
    dst = x.c.result(v)
    if not any(data):
        x.zero_float(dst)
    else:
        x.emit_rm(MOVUPS_LOAD, [def_(dst)], x.pool(data.ljust(16, b"\0")))


@lowers(ops.SEQUENCE_POINT)
def nothing(x: X64Lower, v: Value) -> None:
    pass


@lowers(ops.STACK_ADDR)
def stack_addr(x: X64Lower, v: Value) -> None:
    slot = v.ext
    assert isinstance(slot, StackSlot)
    address = Address(SLOT_AREA, v.imm + x.slot_offsets[slot.num])
    x.emit_rm(LEA[_Q], [def_(x.c.result(v))], address)


@lowers(ops.FUNC_ADDR)
def func_addr(x: X64Lower, v: Value) -> None:
    func = v.ext
    assert isinstance(func, FuncRef)
    x.symbol(x.c.result(v), func.name, 0, func.colocated)


@lowers(ops.SYMBOL_VALUE)
def symbol_value(x: X64Lower, v: Value) -> None:
    gv = v.ext
    assert isinstance(gv, GlobalValue)
    x.symbol(x.c.result(v), gv.name, gv.offset, gv.colocated)


def tls_clobbers(model: int) -> int:
    """Registers besides rax that reaching a thread-local symbol destroys."""
    if model == TLS_ELF_LE:
        return 0
    return 1 << RCX if model == TLS_COFF else abi.clobbers("system_v")  # else it is a call


@lowers(ops.TLS_VALUE)
def tls_value(x: X64Lower, v: Value) -> None:
    gv = v.ext
    assert isinstance(gv, GlobalValue)
    model = x.settings.values["tls_model"]
    if not model:
        raise Unsupported(f"tls_value of {gv.name} without the setting tls_model")
    at = x.emit(TLS_ADDRESS, [def_fixed(x.c.result(v), RAX)], model)
    at.ext = Symbol(gv.name, gv.offset, gv.colocated)
    at.clobbers = tls_clobbers(model)


@lowers(ops.STACK_SWITCH)
def stack_switch(x: X64Lower, v: Value) -> None:
    """A context is three words: stack pointer, frame pointer, where to go on."""
    if x.settings.text("stack_switch_model") != "basic":
        raise Unsupported("stack_switch without the setting stack_switch_model=basic")
    store, load, payload = v.a, v.b, v.c
    uses = [use_fixed(x.c.reg(store), RCX), use_fixed(x.c.reg(load), RDX)]
    uses.append(use_fixed(x.c.reg(payload), RDI))
    made = x.emit(STACK_SWITCH, [*uses, def_fixed(x.c.result(v), RDI)])
    made.clobbers = abi.ALLOCATABLE
    if x.pinned:
        made.clobbers &= ~(1 << R15)


@lowers(ops.GET_PINNED_REG)
def get_pinned_reg(x: X64Lower, v: Value) -> None:
    if not x.pinned:
        raise Unsupported("get_pinned_reg without the setting enable_pinned_reg")
    if x.c.lo[v.num] >= 0:
        # Not a move of the allocator's: those have registers that it gave.
        x.emit(LOAD_INT[_Q], [def_(x.c.result(v)), use(R15)])


@lowers(ops.SET_PINNED_REG)
def set_pinned_reg(x: X64Lower, v: Value) -> None:
    if not x.pinned:
        raise Unsupported("set_pinned_reg without the setting enable_pinned_reg")
    x.emit(STORE_INT[_Q], [def_(R15), use(x.c.reg(v.a))])


@lowers(ops.GET_FRAME_POINTER)
def get_frame_pointer(x: X64Lower, v: Value) -> None:
    x.emit(GET_FP, [def_(x.c.result(v))], 0)


@lowers(ops.GET_STACK_POINTER)
def get_stack_pointer(x: X64Lower, v: Value) -> None:
    x.emit(GET_FP, [def_(x.c.result(v))], 1)


@lowers(ops.GET_RETURN_ADDRESS)
def get_return_address(x: X64Lower, v: Value) -> None:
    x.emit(GET_RETURN, [def_(x.c.result(v))])


@lowers(ops.GET_EXCEPTION_HANDLER_ADDRESS)
def handler_address(x: X64Lower, v: Value) -> None:
    """The edges of the block are known when all is lowered: `handlers` is read at emission."""
    block = v.ext
    assert isinstance(block, Block)
    info = block.insts[-1].ext
    assert isinstance(info, CallInfo)
    target = info.handlers[v.imm].target
    x.emit(HANDLER_ADDRESS, [def_(x.c.result(v))]).ext = (block.num, target)


@lowers(ops.CALL_)
def call(x: X64Lower, v: Value) -> None:
    x.lower_call(v, v.a)


@lowers(ops.CALL_INDIRECT)
def call_indirect(x: X64Lower, v: Value) -> None:
    x.lower_call(v, v.a)


@lowers(ops.DEBUGTRAP)
def debugtrap(x: X64Lower, v: Value) -> None:
    x.emit(INT3, [])


@lowers(ops.TRAPZ)
def trapz(x: X64Lower, v: Value) -> None:
    x.trap_if(x.condition(v.a, negate=True), v.imm)


@lowers(ops.TRAPNZ)
def trapnz(x: X64Lower, v: Value) -> None:
    x.trap_if(x.condition(v.a), v.imm)


# ---- memory ----


@lowers(ops.LOAD)
def load(x: X64Lower, v: Value) -> None:
    ty = v.ty
    address = x.address_of(v)
    if ty == T.I128:
        lo, hi = x.c.pair(v)
        x.emit_rm(LOAD_INT[_Q], [def_(lo)], address)
        x.emit_rm(LOAD_INT[_Q], [def_(hi)], displaced(address, 8))
    elif T.is_int(ty):
        x.emit_rm(LOAD_INT[size_of(ty)], [def_(x.c.result(v))], address)
    elif ty == T.F16 or (T.BITS[ty] == 16):
        half = x.c.new_int()
        x.emit_rm(LOAD_INT[_W], [def_(half)], address)
        x.unary_rm(MOVD_TO_X, x.c.result(v), half)
    else:
        x.emit_rm(_float_load(ty), [def_(x.c.result(v))], address)


def displaced(address: Address, by: int) -> Address:
    """The same address, some bytes on. Raises Unsupported past 31 bits."""
    if not fits_i32(address.disp + by):
        raise Unsupported("an i128 access at the end of the range of offsets")
    other = Address(
        address.kind, address.disp + by, address.base, address.index, address.shift, address.label
    )
    other.trap = address.trap
    return other


@lowers(ops.STORE)
def store(x: X64Lower, v: Value) -> None:
    ty = v.a.ty
    if ty == T.I128:
        lo, hi = x.c.pair(v.a)
        address = x.address_of(v)
        x.emit_mem(STORE_INT[_Q], address, [use(lo)])
        x.emit_mem(STORE_INT[_Q], displaced(address, 8), [use(hi)])
        return
    if T.is_int(ty):
        store_int(x, v, size_of(ty))
        return
    if T.BITS[ty] == 16:
        half = x.c.new_int()
        reg = x.c.reg(v.a)
        address = x.address_of(v)
        x.emit(MOVD_FROM_X, [def_(half), use(reg)])
        x.emit_mem(STORE_INT[_W], address, [use(half)])
        return
    if v.a.op == ops.F32CONST or (v.a.op == ops.F64CONST and v.a.imm == 0):
        size = _L if ty == T.F32 else _Q
        number = v.a.imm & 0xFFFFFFFF
        number -= (number & 0x80000000) << 1
        x.emit_mem(STORE_IMM[size], x.address_of(v), [], number)
        return
    reg = x.c.reg(v.a)
    x.emit_mem(_float_store(ty), x.address_of(v), [use(reg)])


def store_int(x: X64Lower, v: Value, size: int) -> None:
    """Store the low bits of an integer."""
    if in_place(x, v, size):
        return
    number = x.const_of(v.a)
    if number is not None and size < _Q:
        bits = 8 << size
        number &= (1 << bits) - 1
        number -= (number >> bits - 1) << bits
    if number is not None and fits_i32(number):
        x.emit_mem(STORE_IMM[size], x.address_of(v), [], number)
        return
    reg = x.c.reg(v.a)
    x.emit_mem(STORE_INT[size], x.address_of(v), [use(reg)])


def in_place(x: X64Lower, v: Value, size: int) -> bool:
    """`op [memory], b`: a store of `load op b` to where the load read, if both have no other use
    and no effect is between them."""
    made = v.a
    rows = IN_PLACE.get(made.op)
    if rows is None or x.c.uses[made.num] != 1 or x.c.lo[made.num] >= 0:
        return False
    load, other = made.a, made.b
    if made.op != ops.ISUB and not same_place(load, v, size):
        load, other = other, load
    if not same_place(load, v, size) or not x.c.can_sink(load):
        return False
    x.c.sink(load)
    number = x.const_of(other)
    if number is not None:
        number = signed(number, 8 << size)
    if number is not None and fits_i32(number):
        kind = _ALU[made.op][1 if -128 <= number < 128 else 2]
        x.emit_mem(kind[size], x.address_of(v), [], number)
    else:
        reg = x.c.reg(other)
        x.emit_mem(rows[size], x.address_of(v), [use(reg)])
    return True


_ALU = {ops.IADD: ADD, ops.ISUB: SUB, ops.BAND: AND, ops.BOR: OR, ops.BXOR: XOR}


def same_place(load: Value, store: Value, size: int) -> bool:
    """True for a load of the bytes that the store writes, with the same code of a trap."""
    if load.op == ops.LOAD:
        if not T.is_int(load.ty) or size_of(load.ty) != size:
            return False
    elif load.op not in _LOAD_WIDTH or _LOAD_WIDTH[load.op][0] != size:
        return False
    if load.a is not store.b or load.imm != store.imm:
        return False
    read, written = load.ext, store.ext
    assert isinstance(read, MemFlags) and isinstance(written, MemFlags)
    return read.trap == written.trap and read.endian == written.endian


@lowers(ops.ISTORE8)
def istore8(x: X64Lower, v: Value) -> None:
    store_int(x, v, _B)


@lowers(ops.ISTORE16)
def istore16(x: X64Lower, v: Value) -> None:
    store_int(x, v, _W)


@lowers(ops.ISTORE32)
def istore32(x: X64Lower, v: Value) -> None:
    store_int(x, v, _L)


_LOAD_WIDTH = {
    ops.ULOAD8: (_B, False),
    ops.SLOAD8: (_B, True),
    ops.ULOAD16: (_W, False),
    ops.SLOAD16: (_W, True),
    ops.ULOAD32: (_L, False),
    ops.SLOAD32: (_L, True),
}


@lowers(ops.ULOAD8, ops.SLOAD8, ops.ULOAD16, ops.SLOAD16, ops.ULOAD32, ops.SLOAD32)
def extending_load(x: X64Lower, v: Value) -> None:
    size, sign = _LOAD_WIDTH[v.op]
    x.extend_to(x.c.result(v), x.address_of(v), T.I8 + size, sign, wide_size(v.ty))


# ---- integer arithmetic ----


def commuted(x: X64Lower, v: Value) -> tuple[Value, Value]:
    """The operands of a commutative instruction, the one to fold second."""
    a, b = v.a, v.b
    if x.const_of(a) is not None and x.const_of(b) is None:
        return b, a
    if a.op == ops.LOAD and b.op != ops.LOAD and x.const_of(b) is None and x.c.can_sink(a):
        return b, a
    return a, b


def pair_op(x: X64Lower, v: Value, low: list[list[int]], high: list[list[int]]) -> None:
    """An i128 operation done by halves, the flags carrying over."""
    dst_lo, dst_hi = x.c.pair(v)
    a_lo, a_hi = x.c.pair(v.a)
    b_lo, b_hi = x.c.pair(v.b)
    x.binary(low, _Q, dst_lo, a_lo, b_lo)
    x.binary(high, _Q, dst_hi, a_hi, b_hi)


def float_bitwise(x: X64Lower, row: int, dst: int, a: int, b: int) -> None:
    x.emit(row, [use(a), def_reuse(dst, 0), use(b)])


@lowers(ops.BNOT)
def bnot(x: X64Lower, v: Value) -> None:
    if v.ty == T.I128:
        for dst, src in zip(x.c.pair(v), x.c.pair(v.a), strict=True):
            x.unary(NOT[_Q], dst, src)
    else:
        ones = x.pool(b"\xff" * 16)
        x.emit_rm(XORPS, [use(x.c.reg(v.a)), def_reuse(x.c.result(v), 0)], ones)


@lowers(ops.BITSELECT)
def bitselect(x: X64Lower, v: Value) -> None:
    if T.is_int(v.ty):
        for dst, cond, a, b in zip(
            x.c.regs(v), x.c.regs(v.a), x.c.regs(v.b), x.c.regs(v.c), strict=True
        ):
            # b ^ ((a ^ b) & c)
            both, masked = x.c.new_int(), x.c.new_int()
            x.binary(XOR, _Q, both, a, b)
            x.binary(AND, _Q, masked, both, cond)
            x.binary(XOR, _Q, dst, masked, b)
        return
    both, masked = x.c.new_float(), x.c.new_float()
    b = x.c.reg(v.c)
    float_bitwise(x, XORPS, both, x.c.reg(v.b), b)
    float_bitwise(x, ANDPS, masked, both, x.c.reg(v.a))
    float_bitwise(x, XORPS, x.c.result(v), masked, b)


@lowers(ops.INEG)
def ineg(x: X64Lower, v: Value) -> None:
    scalars_only(v)
    dst_lo, dst_hi = x.c.pair(v)
    lo, hi = x.c.pair(v.a)
    zero = x.imm_reg(0)
    x.unary(NEG[_Q], dst_lo, lo)
    x.binary(SBB, _Q, dst_hi, zero, hi)


@lowers(ops.IABS)
def iabs(x: X64Lower, v: Value) -> None:
    scalars_only(v)
    lo, hi = x.c.pair(v.a)
    dst_lo, dst_hi = x.c.pair(v)
    sign, flipped_lo, flipped_hi = x.c.new_int(), x.c.new_int(), x.c.new_int()
    x.unary(SAR_I[_Q], sign, hi, 63)
    x.binary(XOR, _Q, flipped_lo, lo, sign)
    x.binary(XOR, _Q, flipped_hi, hi, sign)
    x.binary(SUB, _Q, dst_lo, flipped_lo, sign)
    x.binary(SBB, _Q, dst_hi, flipped_hi, sign)


@lowers(ops.IMUL)
def imul(x: X64Lower, v: Value) -> None:
    """i128: the low product and the two cross products."""
    scalars_only(v)
    c = x.c
    a_lo, a_hi = c.pair(v.a)
    b_lo, b_hi = c.pair(v.b)
    dst_lo, dst_hi = c.pair(v)
    cross_a, cross_b, cross, high = c.new_int(), c.new_int(), c.new_int(), c.new_int()
    x.binary([IMUL], _Q, cross_a, a_lo, b_hi)
    x.binary([IMUL], _Q, cross_b, a_hi, b_lo)
    x.binary(ADD, _Q, cross, cross_a, cross_b)
    wide_multiply(x, MUL_1[_Q], dst_lo, high, a_lo, b_lo)
    x.binary(ADD, _Q, dst_hi, high, cross)


def wide_multiply(x: X64Lower, row: int, lo: int, hi: int, a: int, b: int) -> None:
    """hi:lo = a * b by the one-operand multiplication. Flags: whether hi matters."""
    operands = [use(b), use_fixed(a, RAX), def_fixed(lo, RAX), def_fixed(hi, RDX)]
    x.emit(row, operands)


@lowers(ops.UMULHI, ops.SMULHI)
def mulhi(x: X64Lower, v: Value) -> None:
    sign = v.op == ops.SMULHI
    c = x.c
    scalars_only(v)
    if v.ty == T.I128:
        wide.high_product(x, v)
        return
    if v.ty in (T.I32, T.I64):
        row = (IMUL_1 if sign else MUL_1)[size_of(v.ty)]
        wide_multiply(x, row, c.new_int(), c.result(v), c.reg(v.a), c.reg(v.b))
        return
    product = c.new_int()
    a, b = x.extended(v.a, sign, _L), x.extended(v.b, sign, _L)
    x.binary([IMUL], _L, product, a, b)
    x.unary((SAR_I if sign else SHR_I)[_L], c.result(v), product, T.BITS[v.ty])


# ---- division ----


@lowers(ops.UDIV, ops.UREM, ops.SDIV, ops.SREM)
def divide(x: X64Lower, v: Value) -> None:
    c = x.c
    if v.ty == T.I128:
        wide.divide(x, v)
        return
    sign = v.op in (ops.SDIV, ops.SREM)
    size = wide_size(v.ty)
    number = x.const_of(v.b)
    a, b = x.extended(v.a, sign, size), x.extended(v.b, sign, size)
    if number is None or number == 0:
        x.emit(TEST_RM_R[size], [use(b), use(b)])
        x.trap_if(Cond(E), ops.TRAP_DIVISION_BY_ZERO)
    result = c.result(v)
    remainder = v.op in (ops.UREM, ops.SREM)
    quotient = c.new_int() if remainder else result
    rest = result if remainder else c.new_int()
    if not sign:
        high = x.imm_reg(0)
    else:
        if v.op == ops.SDIV and (number is None or number == -1):
            x.emit(SDIV_CHECK, [use(a), use(b)], size_of(v.ty))
        high = c.new_int()
        x.emit(CQO if size == _Q else CDQ, [use_fixed(a, RAX), def_fixed(high, RDX)])
    operands = [
        use_late(b) if v.op == ops.SREM else use(b),
        use_fixed(a, RAX),
        use_fixed(high, RDX),
        def_fixed(quotient, RAX),
        def_fixed(rest, RDX),
    ]
    if v.op == ops.SREM and (number is None or number == -1):
        x.emit(SREM, operands, size)
    else:
        x.emit((IDIV if sign else DIV)[size], operands)


# ---- shifts ----


def low_reg(x: X64Lower, v: Value) -> int:
    """The register with the low bits of an integer of any width."""
    return x.c.pair(v)[0] if v.ty == T.I128 else x.c.reg(v)


@lowers(ops.ISHL, ops.USHR, ops.SSHR)
def shift_pair(x: X64Lower, v: Value) -> None:
    """i128: double shift, then the case of 64 and more by conditional moves."""
    scalars_only(v)
    c = x.c
    lo, hi = c.pair(v.a)
    dst_lo, dst_hi = c.pair(v)
    count = low_reg(x, v.b)
    left = v.op == ops.ISHL
    near, far = c.new_int(), c.new_int()
    if left:
        x.emit(SHLD_C, [use(hi), def_reuse(far, 0), use(lo), use_fixed(count, RCX)])
        x.emit(SHL_C[_Q], [use(lo), def_reuse(near, 0), use_fixed(count, RCX)])
    else:
        x.emit(SHRD_C, [use(lo), def_reuse(far, 0), use(hi), use_fixed(count, RCX)])
        row = (SAR_C if v.op == ops.SSHR else SHR_C)[_Q]
        x.emit(row, [use(hi), def_reuse(near, 0), use_fixed(count, RCX)])
    fill = c.new_int()
    if v.op == ops.SSHR:
        x.unary(SAR_I[_Q], fill, hi, 63)
    else:
        x.imm_to(fill, 0)
    x.emit(TEST_RM_I[_B], [use(count)], 64)
    # far: the half that takes bits of the other; near: the plainly shifted one.
    dst_far, dst_near = (dst_hi, dst_lo) if left else (dst_lo, dst_hi)
    x.emit(CMOV[_Q][NE], [use(far), def_reuse(dst_far, 0), use(near)])
    x.emit(CMOV[_Q][NE], [use(near), def_reuse(dst_near, 0), use(fill)])


@lowers(ops.ROTL, ops.ROTR)
def rotate_pair(x: X64Lower, v: Value) -> None:
    scalars_only(v)
    c = x.c
    left = v.op == ops.ROTL
    lo, hi = c.pair(v.a)
    dst_lo, dst_hi = c.pair(v)
    count = low_reg(x, v.b)
    new_lo, new_hi = c.new_int(), c.new_int()
    row = SHLD_C if left else SHRD_C
    x.emit(row, [use(lo), def_reuse(new_lo, 0), use(hi), use_fixed(count, RCX)])
    x.emit(row, [use(hi), def_reuse(new_hi, 0), use(lo), use_fixed(count, RCX)])
    x.emit(TEST_RM_I[_B], [use(count)], 64)
    x.emit(CMOV[_Q][NE], [use(new_lo), def_reuse(dst_lo, 0), use(new_hi)])
    x.emit(CMOV[_Q][NE], [use(new_hi), def_reuse(dst_hi, 0), use(new_lo)])


# ---- comparison and selection ----


@lowers(ops.ICMP)
def icmp(x: X64Lower, v: Value) -> None:
    scalars_only(v, v.a)
    x.set_bool(x.c.result(v), x.compare(v, True))


@lowers(ops.FCMP)
def fcmp(x: X64Lower, v: Value) -> None:
    scalars_only(v, v.a)
    x.set_bool(x.c.result(v), x.float_compare(v, True))


@lowers(ops.SELECT, ops.SELECT_SPECTRE_GUARD)
def select(x: X64Lower, v: Value) -> None:
    c = x.c
    chosen, other = c.regs(v.b), c.regs(v.c)
    cond = x.condition(v.a)
    select_regs(x, cond, v.ty, c.regs(v), chosen, other)


def select_regs(
    x: X64Lower, cond: Cond, ty: int, dsts: list[int], chosen: list[int], other: list[int]
) -> None:
    """dst = chosen if cond, else other. Flags are set already."""
    for dst, a, b in zip(dsts, chosen, other, strict=True):
        if not T.is_int(ty):
            x.emit(FSELECT, [use(b), def_reuse(dst, 0), use(a)]).ext = cond
            continue
        rows = CMOV[_L if T.BITS[ty] <= 32 else _Q]
        if cond.mode == Cond.ONE:
            x.emit(rows[cond.first], [use(b), def_reuse(dst, 0), use_any(a)])
            continue
        half = x.c.new_int()
        if cond.mode == Cond.OR:
            x.emit(rows[cond.first], [use(b), def_reuse(half, 0), use_any(a)])
            x.emit(rows[cond.second], [use(half), def_reuse(dst, 0), use_any(a)])
        else:
            x.emit(rows[cond.first ^ 1], [use(a), def_reuse(half, 0), use_any(b)])
            x.emit(rows[cond.second ^ 1], [use(half), def_reuse(dst, 0), use_any(b)])


@lowers(ops.BMASK)
def bmask(x: X64Lower, v: Value) -> None:
    c = x.c
    low = c.new_int()
    if v.a.ty == T.I128:
        lo, hi = c.pair(v.a)
        both = c.new_int()
        x.binary(OR, _Q, both, lo, hi)
        src, size = both, _Q
    else:
        size = wide_size(v.a.ty)
        src = x.extended(v.a, False, size)
    # Carry = src != 0; sbb makes it all ones.
    negated, ones = c.new_int(), c.new_int()
    x.unary(NEG[size], negated, src)
    x.binary(SBB, _Q, ones, negated, negated)
    del low
    for dst in c.regs(v):
        x.move(dst, ones)


_MINMAX = {ops.SMIN: L, ops.UMIN: B, ops.SMAX: GE, ops.UMAX: AE}


@lowers(ops.SMIN, ops.SMAX, ops.UMIN, ops.UMAX)
def minmax(x: X64Lower, v: Value) -> None:
    scalars_only(v)
    c = x.c
    a_lo, a_hi = c.pair(v.a)
    b_lo, b_hi = c.pair(v.b)
    x.emit(CMP[0][_Q], [use(a_lo), use(b_lo)])
    x.binary(SBB, _Q, c.new_int(), a_hi, b_hi)
    select_regs(x, Cond(_MINMAX[v.op]), T.I64, list(c.pair(v)), [a_lo, a_hi], [b_lo, b_hi])


# ---- overflow ----


def overflow_results(x: X64Lower, v: Value) -> tuple[list[int], int]:
    value, flag = v.results
    return x.c.regs(value), x.c.result(flag)


@lowers(ops.UADD_OVERFLOW, ops.SADD_OVERFLOW)
def add_overflow(x: X64Lower, v: Value) -> None:
    add_sub_overflow(x, v, ADD, ADC, v.op == ops.SADD_OVERFLOW)


@lowers(ops.USUB_OVERFLOW, ops.SSUB_OVERFLOW)
def sub_overflow(x: X64Lower, v: Value) -> None:
    add_sub_overflow(x, v, SUB, SBB, v.op == ops.SSUB_OVERFLOW)


def add_sub_overflow(
    x: X64Lower, v: Value, low: list[list[int]], high: list[list[int]], sign: bool
) -> None:
    dsts, flag = overflow_results(x, v)
    if v.a.ty == T.I128:
        a, b = x.c.pair(v.a), x.c.pair(v.b)
        x.binary(low, _Q, dsts[0], a[0], b[0])
        x.binary(high, _Q, dsts[1], a[1], b[1])
    else:
        x.binary(low, size_of(v.a.ty), dsts[0], x.c.reg(v.a), x.c.reg(v.b))
    x.emit(SETCC[OV if sign else B], [def_(flag)])


@lowers(ops.UADD_OVERFLOW_CIN, ops.SADD_OVERFLOW_CIN)
def add_carry(x: X64Lower, v: Value) -> None:
    carry_op(x, v, ADC, v.op == ops.SADD_OVERFLOW_CIN)


@lowers(ops.USUB_OVERFLOW_BIN, ops.SSUB_OVERFLOW_BIN)
def sub_borrow(x: X64Lower, v: Value) -> None:
    carry_op(x, v, SBB, v.op == ops.SSUB_OVERFLOW_BIN)


def carry_op(x: X64Lower, v: Value, rows: list[list[int]], sign: bool) -> None:
    dsts, flag = overflow_results(x, v)
    a, b = x.c.regs(v.a), x.c.regs(v.b)
    carry = x.c.reg(v.c)
    # Adding all ones carries exactly when the bit is set.
    x.binary(ADD, _B, x.c.new_int(), carry, Imm(-1))
    size = _Q if v.a.ty == T.I128 else size_of(v.a.ty)
    for index, dst in enumerate(dsts):
        x.binary(rows, size, dst, a[index], b[index])
    x.emit(SETCC[OV if sign else B], [def_(flag)])


@lowers(ops.UMUL_OVERFLOW, ops.SMUL_OVERFLOW)
def mul_overflow(x: X64Lower, v: Value) -> None:
    dsts, flag = overflow_results(x, v)
    a, b = x.c.reg(v.a), x.c.reg(v.b)
    size = size_of(v.a.ty)
    if v.op == ops.SMUL_OVERFLOW and size != _B:
        x.binary([IMUL], size, dsts[0], a, b)
    elif size == _B:
        row = (IMUL_1 if v.op == ops.SMUL_OVERFLOW else MUL_1)[_B]
        x.emit(row, [use(b), use_fixed(a, RAX), def_fixed(dsts[0], RAX)])
    else:
        wide_multiply(x, MUL_1[size], dsts[0], x.c.new_int(), a, b)
    x.emit(SETCC[OV], [def_(flag)])


@lowers(ops.UADD_OVERFLOW_TRAP)
def uadd_overflow_trap(x: X64Lower, v: Value) -> None:
    a, b = commuted(x, v)
    x.binary(ADD, size_of(v.ty), x.c.result(v), x.c.reg(a), x.rmi(b))
    x.trap_if(Cond(B), v.imm)


# ---- bits ----


@lowers(ops.CLZ)
def clz(x: X64Lower, v: Value) -> None:
    c = x.c
    if v.ty == T.I128:
        count_in_pair(x, v, count_leading, True)
        return
    size = wide_size(v.ty)
    src = x.extended(v.a, False, size)
    bits = T.BITS[v.ty]
    if bits >= 32:
        count_leading(x, c.result(v), src, size)
        return
    wide = c.new_int()
    count_leading(x, wide, src, _L)
    x.binary(SUB, _L, c.result(v), wide, Imm(32 - bits))


def count_in_pair(
    x: X64Lower, v: Value, count: Callable[[X64Lower, int, int, int], None], leading: bool
) -> None:
    """Leading or trailing zeros of an i128: of one half, or 64 more than those of the other."""
    c = x.c
    lo, hi = c.pair(v.a)
    dst_lo, dst_hi = c.pair(v)
    from_lo, from_hi, more = c.new_int(), c.new_int(), c.new_int()
    count(x, from_lo, lo, _Q)
    count(x, from_hi, hi, _Q)
    first, second = (from_hi, from_lo) if leading else (from_lo, from_hi)
    x.binary(ADD, _L, more, second, Imm(64))
    x.emit(CMP[1][_L], [use(first)], 64)
    x.emit(CMOV[_Q][E], [use(first), def_reuse(dst_lo, 0), use(more)])
    x.imm_to(dst_hi, 0)


def count_leading(x: X64Lower, dst: int, src: int, size: int) -> None:
    """Leading zeros of 32 or 64 bits."""
    c = x.c
    if x.cpu_lzcnt:
        x.unary_rm(LZCNT[size], dst, src)
        return
    bits = 8 << size
    none, found, top = x.imm_reg(_MASK64), c.new_int(), c.new_int()
    # bsr leaves zero undefined but sets ZF; index -1 then gives the width.
    x.emit(BSR[size], [def_(found), use(src)])
    x.emit(CMOV[size][E], [use(found), def_reuse(top, 0), use(none)])
    width = x.imm_reg(bits - 1)
    x.binary(SUB, size, dst, width, top)


def count_trailing(x: X64Lower, dst: int, src: int, size: int) -> None:
    if x.cpu_bmi1:
        x.unary_rm(TZCNT[size], dst, src)
        return
    none, found = x.imm_reg(8 << size), x.c.new_int()
    x.emit(BSF[size], [def_(found), use(src)])
    x.emit(CMOV[size][E], [use(found), def_reuse(dst, 0), use(none)])


@lowers(ops.CTZ)
def ctz(x: X64Lower, v: Value) -> None:
    c = x.c
    if v.ty == T.I128:
        count_in_pair(x, v, count_trailing, False)
        return
    size = wide_size(v.ty)
    bits = T.BITS[v.ty]
    src = c.reg(v.a)
    if bits < 32:
        # A bit just above the value stops the count.
        guarded = c.new_int()
        x.binary(OR, _L, guarded, src, Imm(1 << bits))
        src = guarded
    count_trailing(x, c.result(v), src, size)


@lowers(ops.CLS)
def cls(x: X64Lower, v: Value) -> None:
    """Leading zeros of `x ^ (x >> 1)`, less one: bit i says that bits i and i + 1 differ."""
    c = x.c
    if v.ty == T.I128:
        lo, hi = c.pair(v.a)
        dst_lo, dst_hi = c.pair(v)
        sign, flipped_lo, flipped_hi = c.new_int(), c.new_int(), c.new_int()
        x.unary(SAR_I[_Q], sign, hi, 63)
        x.binary(XOR, _Q, flipped_lo, lo, sign)
        x.binary(XOR, _Q, flipped_hi, hi, sign)
        from_lo, from_hi, more, total = c.new_int(), c.new_int(), c.new_int(), c.new_int()
        count_leading(x, from_lo, flipped_lo, _Q)
        count_leading(x, from_hi, flipped_hi, _Q)
        x.binary(ADD, _L, more, from_lo, Imm(64))
        x.emit(CMP[1][_L], [use(from_hi)], 64)
        x.emit(CMOV[_Q][E], [use(from_hi), def_reuse(total, 0), use(more)])
        x.binary(SUB, _L, dst_lo, total, Imm(1))
        x.imm_to(dst_hi, 0)
        return
    size = wide_size(v.ty)
    bits = 8 << size
    src = x.extended(v.a, True, size)
    sign, flipped, zeros = c.new_int(), c.new_int(), c.new_int()
    x.unary(SAR_I[size], sign, src, bits - 1)
    x.binary(XOR, size, flipped, src, sign)
    count_leading(x, zeros, flipped, size)
    x.binary(SUB, size, c.result(v), zeros, Imm(1 + bits - T.BITS[v.ty]))


@lowers(ops.POPCNT)
def popcnt(x: X64Lower, v: Value) -> None:
    scalars_only(v)
    c = x.c
    if v.ty == T.I128:
        lo, hi = c.pair(v.a)
        dst_lo, dst_hi = c.pair(v)
        ones_lo, ones_hi = c.new_int(), c.new_int()
        count_ones(x, ones_lo, lo, _Q)
        count_ones(x, ones_hi, hi, _Q)
        x.binary(ADD, _Q, dst_lo, ones_lo, ones_hi)
        x.imm_to(dst_hi, 0)
        return
    size = wide_size(v.ty)
    count_ones(x, c.result(v), x.extended(v.a, False, size), size)


def count_ones(x: X64Lower, dst: int, src: int, size: int) -> None:
    """Popcount; without the instruction by adding neighbours (Warren, Hacker's Delight, 5-1)."""
    if x.cpu_popcnt:
        x.unary_rm(POPCNT[size], dst, src)
        return
    c = x.c
    half, pairs = c.new_int(), c.new_int()
    x.unary(SHR_I[size], half, src, 1)
    odd = masked(x, half, 0x55, size)
    x.binary(SUB, size, pairs, src, odd)
    even, shifted, nibbles = masked(x, pairs, 0x33, size), c.new_int(), c.new_int()
    x.unary(SHR_I[size], shifted, pairs, 2)
    x.binary(ADD, size, nibbles, even, masked(x, shifted, 0x33, size))
    upper, both = c.new_int(), c.new_int()
    x.unary(SHR_I[size], upper, nibbles, 4)
    x.binary(ADD, size, both, nibbles, upper)
    octets, total = masked(x, both, 0x0F, size), c.new_int()
    x.binary([IMUL], size, total, octets, repeated(x, 0x01, size))
    x.unary(SHR_I[size], dst, total, (8 << size) - 8)


def repeated(x: X64Lower, octet: int, size: int) -> int:
    """A register with a byte repeated."""
    return x.imm_reg(int.from_bytes(bytes([octet]) * (1 << size), "little"))


def masked(x: X64Lower, src: int, octet: int, size: int) -> int:
    """src & the byte repeated, in a fresh register."""
    dst = x.c.new_int()
    mask = repeated(x, octet, size)
    x.binary(AND, size, dst, src, mask)
    return dst


@lowers(ops.BITREV)
def bitrev(x: X64Lower, v: Value) -> None:
    c = x.c
    if v.ty == T.I128:
        lo, hi = c.pair(v.a)
        dst_lo, dst_hi = c.pair(v)
        reverse_bits(x, dst_lo, hi, _Q)
        reverse_bits(x, dst_hi, lo, _Q)
        return
    size = wide_size(v.ty)
    bits = T.BITS[v.ty]
    if bits >= 32:
        reverse_bits(x, c.result(v), c.reg(v.a), size)
        return
    wide = c.new_int()
    reverse_bits(x, wide, c.reg(v.a), _L)
    x.unary(SHR_I[_L], c.result(v), wide, 32 - bits)


def reverse_bits(x: X64Lower, dst: int, src: int, size: int) -> None:
    """Swap neighbouring bits, pairs and nibbles, then bytes."""
    c = x.c
    for shift, octet in ((1, 0x55), (2, 0x33), (4, 0x0F)):
        down, up, moved = c.new_int(), c.new_int(), c.new_int()
        x.unary(SHR_I[size], down, src, shift)
        high = masked(x, down, octet, size)
        low = masked(x, src, octet, size)
        x.unary(SHL_I[size], up, low, shift)
        x.binary(OR, size, moved, high, up)
        src = moved
    x.unary(BSWAP[size], dst, src)


@lowers(ops.BSWAP)
def bswap(x: X64Lower, v: Value) -> None:
    lo, hi = x.c.pair(v.a)
    dst_lo, dst_hi = x.c.pair(v)
    x.unary(BSWAP[_Q], dst_lo, hi)
    x.unary(BSWAP[_Q], dst_hi, lo)


# ---- conversions of integers ----


@lowers(ops.UEXTEND, ops.SEXTEND)
def extend(x: X64Lower, v: Value) -> None:
    """To i128."""
    sign = v.op == ops.SEXTEND
    dst_lo, dst_hi = x.c.pair(v)
    src = x.c.reg(v.a) if v.a.ty == T.I64 else x.extended(v.a, sign, _Q)
    x.move(dst_lo, src)
    if sign:
        x.unary(SAR_I[_Q], dst_hi, src, 63)
    else:
        x.imm_to(dst_hi, 0)


@lowers(ops.ICONCAT)
def iconcat(x: X64Lower, v: Value) -> None:
    c = x.c
    if v.ty == T.I128:
        lo, hi = c.reg(v.a), c.reg(v.b)
        dst_lo, dst_hi = c.pair(v)
        x.move(dst_lo, lo)
        x.move(dst_hi, hi)
        return
    bits = T.BITS[v.a.ty]
    low, high, shifted = x.extended(v.a, False, _Q), c.reg(v.b), c.new_int()
    x.unary(SHL_I[_Q], shifted, high, bits)
    x.binary(OR, _Q, c.result(v), shifted, low)


@lowers(ops.ISPLIT)
def isplit(x: X64Lower, v: Value) -> None:
    c = x.c
    low, high = v.results
    if v.a.ty == T.I128:
        lo, hi = c.pair(v.a)
        x.move(c.result(low), lo)
        x.move(c.result(high), hi)
        return
    src = c.reg(v.a)
    x.move(c.result(low), src)
    x.unary(SHR_I[wide_size(v.a.ty)], c.result(high), src, T.BITS[high.ty])


# ---- floats ----


@lowers(ops.FMA)
def fma(x: X64Lower, v: Value) -> None:
    c = x.c
    double = is_double(v.ty)
    x.libcall("fma" if double else "fmaf", [c.reg(v.a), c.reg(v.b), c.reg(v.c)], c.result(v))


def sign_mask(x: X64Lower, ty: int) -> Address:
    """16 bytes in the pool of which the sign bit of a scalar is set."""
    size = T.size(ty)
    return x.pool((b"\0" * (size - 1) + b"\x80").ljust(16, b"\0"))


def value_mask(x: X64Lower, ty: int) -> Address:
    """16 bytes in the pool with all bits but the sign."""
    size = T.size(ty)
    return x.pool((b"\xff" * (size - 1) + b"\x7f").ljust(16, b"\xff"))


@lowers(ops.FCOPYSIGN)
def fcopysign(x: X64Lower, v: Value) -> None:
    scalars_only(v)
    c = x.c
    magnitude, sign = c.new_float(), c.new_float()
    x.emit_rm(ANDPS, [use(c.reg(v.a)), def_reuse(magnitude, 0)], value_mask(x, v.ty))
    x.emit_rm(ANDPS, [use(c.reg(v.b)), def_reuse(sign, 0)], sign_mask(x, v.ty))
    float_bitwise(x, ORPS, c.result(v), magnitude, sign)


@lowers(ops.FMIN, ops.FMAX)
def float_minmax(x: X64Lower, v: Value) -> None:
    c = x.c
    imm = is_double(v.ty) | (2 if v.op == ops.FMAX else 0)
    x.emit(FMINMAX, [use(c.reg(v.a)), def_reuse(c.result(v), 0), use_late(c.reg(v.b))], imm)


@lowers(ops.CEIL, ops.FLOOR, ops.TRUNC, ops.NEAREST)
def round_float(x: X64Lower, v: Value) -> None:
    """Without SSE4.1; what is in the other lanes does not matter."""
    sse2.round_floats(x, v.op, is_double(v.ty), x.c.reg(v.a), x.c.result(v))


@lowers(ops.BITCAST)
def bitcast(x: X64Lower, v: Value) -> None:
    c = x.c
    from_int, to_int = T.is_int(v.a.ty), T.is_int(v.ty)
    if v.a.ty == T.I128 or v.ty == T.I128:
        bitcast_128(x, v)
    elif from_int == to_int:
        x.copy(v.ty, c.result(v), c.reg(v.a))
    elif from_int:
        row = MOVQ_TO_X if T.BITS[v.ty] == 64 else MOVD_TO_X
        src = x.extended(v.a, False, _L) if T.BITS[v.ty] < 32 else x.rm(v.a)
        x.unary_rm(row, c.result(v), src)
    else:
        row = MOVQ_FROM_X if T.BITS[v.ty] == 64 else MOVD_FROM_X
        x.emit(row, [def_(c.result(v)), use(c.reg(v.a))])


def bitcast_128(x: X64Lower, v: Value) -> None:
    c = x.c
    if v.a.ty == v.ty:
        for dst, src in zip(c.pair(v), c.pair(v.a), strict=True):
            x.move(dst, src)
    elif v.ty == T.I128:
        dst_lo, dst_hi = c.pair(v)
        x.unpack(dst_lo, dst_hi, c.reg(v.a))
    else:
        lo, hi = c.pair(v.a)
        x.pack(c.result(v), lo, hi)


# ---- atomics ----


@lowers(ops.ATOMIC_LOAD)
def atomic_load(x: X64Lower, v: Value) -> None:
    if v.ty == T.I128:
        zero = x.imm_reg(0)
        compare_exchange_pair(x, v, zero, zero, zero, zero)
        return
    x.emit_rm(LOAD_INT[size_of(v.ty)], [def_(x.c.result(v))], x.address_of(v))


@lowers(ops.ATOMIC_STORE)
def atomic_store(x: X64Lower, v: Value) -> None:
    if v.a.ty == T.I128:
        atomic_loop_128(x, v, v.a, ops.RMW_XCHG)
        return
    reg = x.c.reg(v.a)
    address = x.address_of(v)
    x.emit_mem(XCHG[size_of(v.a.ty)], address, [use(reg), def_reuse_last(address, x.c.new_int())])


def registers_of(address: Address) -> int:
    """How many operands an address contributes."""
    return (1 if address.base >= 0 else 0) + (1 if address.index >= 0 else 0)


def def_reuse_last(address: Address, dst: int) -> int:
    """A definition in the register of the operand right after an address."""
    return def_reuse(dst, registers_of(address))


@lowers(ops.ATOMIC_RMW)
def atomic_rmw(x: X64Lower, v: Value) -> None:
    c = x.c
    if v.ty == T.I128:
        atomic_loop_128(x, v, v.b, v.imm)
        return
    size = size_of(v.ty)
    operand = c.reg(v.b)
    address = x.address_of(v)
    if v.imm in (ops.RMW_ADD, ops.RMW_SUB, ops.RMW_XCHG):
        if v.imm == ops.RMW_SUB:
            negated = c.new_int()
            x.unary(NEG[wide_size(v.ty)], negated, operand)
            operand = negated
        row = (XCHG if v.imm == ops.RMW_XCHG else LOCK_XADD)[size]
        x.emit_mem(row, address, [use(operand), def_reuse_last(address, c.result(v))])
        return
    operands: list[int] = []
    if address.base >= 0:
        operands.append(use_late(address.base))
    if address.index >= 0:
        operands.append(use_late(address.index))
    operands += [use_late(operand), def_fixed_early(c.result(v), RAX), temp(c.new_int())]
    loop = x.emit(ATOMIC_LOOP, operands, v.imm | size << 8)
    loop.mem = address


def atomic_loop_128(x: X64Lower, v: Value, operand: Value, op: int) -> None:
    """cmpxchg16b until it succeeds: rbx and rcx hold the new value, rax and rdx the old one."""
    c = x.c
    lo, hi = c.pair(operand)
    address = x.address_of(v)
    if address.index >= 0:
        base = c.new_int()
        x.emit_rm(LEA[_Q], [def_(base)], address)
        trap = address.trap
        address = Address(REG, 0, base)
        address.trap = trap
    old_lo, old_hi = c.pair(v) if v.ty == T.I128 else (c.new_int(), c.new_int())
    operands: list[int] = []
    if address.base >= 0:
        operands.append(use_late(address.base))
    operands += [
        use_late(lo),
        use_late(hi),
        def_fixed_early(old_lo, RAX),
        def_fixed_early(old_hi, RDX),
        def_fixed_early(c.new_int(), RBX),
        def_fixed_early(c.new_int(), RCX),
    ]
    loop = x.emit(ATOMIC_LOOP_128, operands, op)
    loop.mem = address


@lowers(ops.ATOMIC_CAS)
def atomic_cas(x: X64Lower, v: Value) -> None:
    c = x.c
    if v.ty == T.I128:
        e_lo, e_hi = c.pair(v.b)
        lo, hi = c.pair(v.c)
        compare_exchange_pair(x, v, e_lo, e_hi, lo, hi)
        return
    expected, operand = c.reg(v.b), c.reg(v.c)
    address = x.address_of(v)
    operands = [use(operand), use_fixed(expected, RAX), def_fixed(c.result(v), RAX)]
    x.emit_mem(LOCK_CMPXCHG[size_of(v.ty)], address, operands)


def compare_exchange_pair(x: X64Lower, v: Value, e_lo: int, e_hi: int, lo: int, hi: int) -> None:
    old_lo, old_hi = x.c.pair(v)
    operands = [
        use_fixed(e_lo, RAX),
        use_fixed(e_hi, RDX),
        use_fixed(lo, RBX),
        use_fixed(hi, RCX),
        def_fixed(old_lo, RAX),
        def_fixed(old_hi, RDX),
    ]
    x.emit_mem(LOCK_CMPXCHG16B, x.address_of(v), operands)


@lowers(ops.FENCE)
def fence(x: X64Lower, v: Value) -> None:
    x.emit(MFENCE, [])
