"""The opcode table of WebAssembly: every instruction, one row each.

WebAssembly 3.0 with threads, relaxed SIMD, wide arithmetic and custom page sizes. A row reads

    I32_LOAD: Final = op(0x28, "i32.load", "addr -> i32", "memarg", MVP, 2)

code, name in the text format, stack type, immediates, feature, and for a memory access the log2
of its size, which is its natural alignment. The decoder, the validator, the text parser, the
printer and the translator all read these rows.

- The constant is a dense id below `LIMIT`: the byte itself for a plain instruction, a base for
  the prefix plus the code behind it for the others (`PREFIX_BASE`).
- A stack type of `*` depends on immediates or on the stack; `addr` is i32 or i64 as the memory
  named by the immediates says.
- Immediates stand in the order of the binary format, one word each: `KINDS` lists them.
- `select`, `ref.test` and `ref.cast` have two encodings of one name (with types; nullable):
  `BY_NAME` holds the first.

Source: WebAssembly core specification 3.0, section 5.4 and appendix "Index of Instructions";
the proposals' overview documents for the rest.
"""

from __future__ import annotations

from grus.wasm.features import (
    BULK_MEMORY,
    EXCEPTIONS,
    FUNCTION_REFERENCES,
    GC,
    MVP,
    REFERENCE_TYPES,
    RELAXED_SIMD,
    SATURATING,
    SIGN_EXTENSION,
    SIMD,
    TAIL_CALL,
    THREADS,
    WIDE_ARITHMETIC,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


KINDS: Final[dict[str, str]] = {
    "block": "block type: 0x40, a value type, or a type index (s33)",
    "label": "label index",
    "br_table": "vector of label indices, then the default",
    "func": "function index",
    "type": "type index",
    "table": "table index",
    "local": "local index",
    "global": "global index",
    "tag": "tag index",
    "memory": "memory index",
    "data": "data segment index",
    "elem": "element segment index",
    "field": "field index",
    "count": "u32 that is no index",
    "memarg": "alignment (bit 6: memory index follows), memory index, offset (u64)",
    "lane2": "lane index byte below 2",
    "lane4": "lane index byte below 4",
    "lane8": "lane index byte below 8",
    "lane16": "lane index byte below 16",
    "shuffle": "16 lane index bytes below 32",
    "i32": "s32",
    "i64": "s64",
    "f32": "4 bytes, little endian",
    "f64": "8 bytes, little endian",
    "v128": "16 bytes",
    "heap": "heap type; in text the same",
    "ref": "heap type of a non-null reference; in text the reference type",
    "ref_null": "heap type of a nullable reference; in text the reference type",
    "select_types": "vector of value types",
    "try_table": "block type, then a vector of catch clauses",
    "br_cast": "flags (1: source nullable, 2: target nullable), label, two heap types",
    "fence": "a zero byte",
}

PREFIX_BASE: Final[dict[int, int]] = {0xFB: 0x100, 0xFC: 0x140, 0xFE: 0x180, 0xFD: 0x200}
PREFIX_LIMIT: Final[dict[int, int]] = {0xFB: 0x40, 0xFC: 0x40, 0xFE: 0x80, 0xFD: 0x200}
LIMIT: Final = 0x400  # every opcode id is below this

NAMES: Final[list[str]] = [""] * LIMIT
"""The name of each opcode; "" is no instruction."""
STACK: Final[list[str]] = [""] * LIMIT
IMMEDIATES: Final[list[tuple[str, ...]]] = [()] * LIMIT
FEATURE: Final[list[int]] = [0] * LIMIT
ALIGN: Final[list[int]] = [-1] * LIMIT
"""log2 of the bytes accessed; -1 for what is no memory access."""
ROWS: Final[list[int]] = []
"""All opcode ids in the order of the table."""
BY_NAME: Final[dict[str, int]] = {}


def _row(
    code: int, name: str, stack: str, immediates: str, feature: int, align: int, prefix: int
) -> int:
    op = PREFIX_BASE[prefix] + code if prefix else code
    assert not NAMES[op] and code < PREFIX_LIMIT.get(prefix, 0x100), name
    NAMES[op] = name
    STACK[op] = stack
    IMMEDIATES[op] = tuple(immediates.split())
    FEATURE[op] = feature
    ALIGN[op] = align
    ROWS.append(op)
    BY_NAME.setdefault(name, op)
    return op


def op(
    code: int, name: str, stack: str, immediates: str = "", feature: int = MVP, align: int = -1
) -> int:
    return _row(code, name, stack, immediates, feature, align, 0)


def gc(code: int, name: str, immediates: str) -> int:
    return _row(code, name, "*", immediates, GC, -1, 0xFB)


def misc(code: int, name: str, stack: str, immediates: str, feature: int) -> int:
    return _row(code, name, stack, immediates, feature, -1, 0xFC)


def vec(code: int, name: str, stack: str, immediates: str = "", align: int = -1) -> int:
    return _row(code, name, stack, immediates, SIMD, align, 0xFD)


def relaxed(code: int, name: str, stack: str) -> int:
    return _row(code, name, stack, "", RELAXED_SIMD, -1, 0xFD)


def atomic(code: int, name: str, stack: str, align: int = -1) -> int:
    immediates = "memarg" if align >= 0 else "fence"
    return _row(code, name, stack, immediates, THREADS, align, 0xFE)


# ---- control ----
UNREACHABLE: Final = op(0x00, "unreachable", "*")
NOP: Final = op(0x01, "nop", "->")
BLOCK: Final = op(0x02, "block", "*", "block")
LOOP: Final = op(0x03, "loop", "*", "block")
IF: Final = op(0x04, "if", "*", "block")
ELSE: Final = op(0x05, "else", "*")
THROW: Final = op(0x08, "throw", "*", "tag", EXCEPTIONS)
THROW_REF: Final = op(0x0A, "throw_ref", "*", "", EXCEPTIONS)
END: Final = op(0x0B, "end", "*")
BR: Final = op(0x0C, "br", "*", "label")
BR_IF: Final = op(0x0D, "br_if", "*", "label")
BR_TABLE: Final = op(0x0E, "br_table", "*", "br_table")
RETURN: Final = op(0x0F, "return", "*")
CALL: Final = op(0x10, "call", "*", "func")
CALL_INDIRECT: Final = op(0x11, "call_indirect", "*", "type table")
RETURN_CALL: Final = op(0x12, "return_call", "*", "func", TAIL_CALL)
RETURN_CALL_INDIRECT: Final = op(0x13, "return_call_indirect", "*", "type table", TAIL_CALL)
CALL_REF: Final = op(0x14, "call_ref", "*", "type", FUNCTION_REFERENCES)
RETURN_CALL_REF: Final = op(0x15, "return_call_ref", "*", "type", FUNCTION_REFERENCES | TAIL_CALL)

# ---- parametric ----
DROP: Final = op(0x1A, "drop", "*")
SELECT: Final = op(0x1B, "select", "*")
SELECT_T: Final = op(0x1C, "select", "*", "select_types", REFERENCE_TYPES)
TRY_TABLE: Final = op(0x1F, "try_table", "*", "try_table", EXCEPTIONS)

# ---- variables and tables ----
LOCAL_GET: Final = op(0x20, "local.get", "*", "local")
LOCAL_SET: Final = op(0x21, "local.set", "*", "local")
LOCAL_TEE: Final = op(0x22, "local.tee", "*", "local")
GLOBAL_GET: Final = op(0x23, "global.get", "*", "global")
GLOBAL_SET: Final = op(0x24, "global.set", "*", "global")
TABLE_GET: Final = op(0x25, "table.get", "*", "table", REFERENCE_TYPES)
TABLE_SET: Final = op(0x26, "table.set", "*", "table", REFERENCE_TYPES)

# ---- memory ----
I32_LOAD: Final = op(0x28, "i32.load", "addr -> i32", "memarg", MVP, 2)
I64_LOAD: Final = op(0x29, "i64.load", "addr -> i64", "memarg", MVP, 3)
F32_LOAD: Final = op(0x2A, "f32.load", "addr -> f32", "memarg", MVP, 2)
F64_LOAD: Final = op(0x2B, "f64.load", "addr -> f64", "memarg", MVP, 3)
I32_LOAD8_S: Final = op(0x2C, "i32.load8_s", "addr -> i32", "memarg", MVP, 0)
I32_LOAD8_U: Final = op(0x2D, "i32.load8_u", "addr -> i32", "memarg", MVP, 0)
I32_LOAD16_S: Final = op(0x2E, "i32.load16_s", "addr -> i32", "memarg", MVP, 1)
I32_LOAD16_U: Final = op(0x2F, "i32.load16_u", "addr -> i32", "memarg", MVP, 1)
I64_LOAD8_S: Final = op(0x30, "i64.load8_s", "addr -> i64", "memarg", MVP, 0)
I64_LOAD8_U: Final = op(0x31, "i64.load8_u", "addr -> i64", "memarg", MVP, 0)
I64_LOAD16_S: Final = op(0x32, "i64.load16_s", "addr -> i64", "memarg", MVP, 1)
I64_LOAD16_U: Final = op(0x33, "i64.load16_u", "addr -> i64", "memarg", MVP, 1)
I64_LOAD32_S: Final = op(0x34, "i64.load32_s", "addr -> i64", "memarg", MVP, 2)
I64_LOAD32_U: Final = op(0x35, "i64.load32_u", "addr -> i64", "memarg", MVP, 2)
I32_STORE: Final = op(0x36, "i32.store", "addr i32 ->", "memarg", MVP, 2)
I64_STORE: Final = op(0x37, "i64.store", "addr i64 ->", "memarg", MVP, 3)
F32_STORE: Final = op(0x38, "f32.store", "addr f32 ->", "memarg", MVP, 2)
F64_STORE: Final = op(0x39, "f64.store", "addr f64 ->", "memarg", MVP, 3)
I32_STORE8: Final = op(0x3A, "i32.store8", "addr i32 ->", "memarg", MVP, 0)
I32_STORE16: Final = op(0x3B, "i32.store16", "addr i32 ->", "memarg", MVP, 1)
I64_STORE8: Final = op(0x3C, "i64.store8", "addr i64 ->", "memarg", MVP, 0)
I64_STORE16: Final = op(0x3D, "i64.store16", "addr i64 ->", "memarg", MVP, 1)
I64_STORE32: Final = op(0x3E, "i64.store32", "addr i64 ->", "memarg", MVP, 2)
MEMORY_SIZE: Final = op(0x3F, "memory.size", "-> addr", "memory")
MEMORY_GROW: Final = op(0x40, "memory.grow", "addr -> addr", "memory")

# ---- constants ----
I32_CONST: Final = op(0x41, "i32.const", "-> i32", "i32")
I64_CONST: Final = op(0x42, "i64.const", "-> i64", "i64")
F32_CONST: Final = op(0x43, "f32.const", "-> f32", "f32")
F64_CONST: Final = op(0x44, "f64.const", "-> f64", "f64")

# ---- comparisons ----
I32_EQZ: Final = op(0x45, "i32.eqz", "i32 -> i32")
I32_EQ: Final = op(0x46, "i32.eq", "i32 i32 -> i32")
I32_NE: Final = op(0x47, "i32.ne", "i32 i32 -> i32")
I32_LT_S: Final = op(0x48, "i32.lt_s", "i32 i32 -> i32")
I32_LT_U: Final = op(0x49, "i32.lt_u", "i32 i32 -> i32")
I32_GT_S: Final = op(0x4A, "i32.gt_s", "i32 i32 -> i32")
I32_GT_U: Final = op(0x4B, "i32.gt_u", "i32 i32 -> i32")
I32_LE_S: Final = op(0x4C, "i32.le_s", "i32 i32 -> i32")
I32_LE_U: Final = op(0x4D, "i32.le_u", "i32 i32 -> i32")
I32_GE_S: Final = op(0x4E, "i32.ge_s", "i32 i32 -> i32")
I32_GE_U: Final = op(0x4F, "i32.ge_u", "i32 i32 -> i32")
I64_EQZ: Final = op(0x50, "i64.eqz", "i64 -> i32")
I64_EQ: Final = op(0x51, "i64.eq", "i64 i64 -> i32")
I64_NE: Final = op(0x52, "i64.ne", "i64 i64 -> i32")
I64_LT_S: Final = op(0x53, "i64.lt_s", "i64 i64 -> i32")
I64_LT_U: Final = op(0x54, "i64.lt_u", "i64 i64 -> i32")
I64_GT_S: Final = op(0x55, "i64.gt_s", "i64 i64 -> i32")
I64_GT_U: Final = op(0x56, "i64.gt_u", "i64 i64 -> i32")
I64_LE_S: Final = op(0x57, "i64.le_s", "i64 i64 -> i32")
I64_LE_U: Final = op(0x58, "i64.le_u", "i64 i64 -> i32")
I64_GE_S: Final = op(0x59, "i64.ge_s", "i64 i64 -> i32")
I64_GE_U: Final = op(0x5A, "i64.ge_u", "i64 i64 -> i32")
F32_EQ: Final = op(0x5B, "f32.eq", "f32 f32 -> i32")
F32_NE: Final = op(0x5C, "f32.ne", "f32 f32 -> i32")
F32_LT: Final = op(0x5D, "f32.lt", "f32 f32 -> i32")
F32_GT: Final = op(0x5E, "f32.gt", "f32 f32 -> i32")
F32_LE: Final = op(0x5F, "f32.le", "f32 f32 -> i32")
F32_GE: Final = op(0x60, "f32.ge", "f32 f32 -> i32")
F64_EQ: Final = op(0x61, "f64.eq", "f64 f64 -> i32")
F64_NE: Final = op(0x62, "f64.ne", "f64 f64 -> i32")
F64_LT: Final = op(0x63, "f64.lt", "f64 f64 -> i32")
F64_GT: Final = op(0x64, "f64.gt", "f64 f64 -> i32")
F64_LE: Final = op(0x65, "f64.le", "f64 f64 -> i32")
F64_GE: Final = op(0x66, "f64.ge", "f64 f64 -> i32")

# ---- arithmetic ----
I32_CLZ: Final = op(0x67, "i32.clz", "i32 -> i32")
I32_CTZ: Final = op(0x68, "i32.ctz", "i32 -> i32")
I32_POPCNT: Final = op(0x69, "i32.popcnt", "i32 -> i32")
I32_ADD: Final = op(0x6A, "i32.add", "i32 i32 -> i32")
I32_SUB: Final = op(0x6B, "i32.sub", "i32 i32 -> i32")
I32_MUL: Final = op(0x6C, "i32.mul", "i32 i32 -> i32")
I32_DIV_S: Final = op(0x6D, "i32.div_s", "i32 i32 -> i32")
I32_DIV_U: Final = op(0x6E, "i32.div_u", "i32 i32 -> i32")
I32_REM_S: Final = op(0x6F, "i32.rem_s", "i32 i32 -> i32")
I32_REM_U: Final = op(0x70, "i32.rem_u", "i32 i32 -> i32")
I32_AND: Final = op(0x71, "i32.and", "i32 i32 -> i32")
I32_OR: Final = op(0x72, "i32.or", "i32 i32 -> i32")
I32_XOR: Final = op(0x73, "i32.xor", "i32 i32 -> i32")
I32_SHL: Final = op(0x74, "i32.shl", "i32 i32 -> i32")
I32_SHR_S: Final = op(0x75, "i32.shr_s", "i32 i32 -> i32")
I32_SHR_U: Final = op(0x76, "i32.shr_u", "i32 i32 -> i32")
I32_ROTL: Final = op(0x77, "i32.rotl", "i32 i32 -> i32")
I32_ROTR: Final = op(0x78, "i32.rotr", "i32 i32 -> i32")
I64_CLZ: Final = op(0x79, "i64.clz", "i64 -> i64")
I64_CTZ: Final = op(0x7A, "i64.ctz", "i64 -> i64")
I64_POPCNT: Final = op(0x7B, "i64.popcnt", "i64 -> i64")
I64_ADD: Final = op(0x7C, "i64.add", "i64 i64 -> i64")
I64_SUB: Final = op(0x7D, "i64.sub", "i64 i64 -> i64")
I64_MUL: Final = op(0x7E, "i64.mul", "i64 i64 -> i64")
I64_DIV_S: Final = op(0x7F, "i64.div_s", "i64 i64 -> i64")
I64_DIV_U: Final = op(0x80, "i64.div_u", "i64 i64 -> i64")
I64_REM_S: Final = op(0x81, "i64.rem_s", "i64 i64 -> i64")
I64_REM_U: Final = op(0x82, "i64.rem_u", "i64 i64 -> i64")
I64_AND: Final = op(0x83, "i64.and", "i64 i64 -> i64")
I64_OR: Final = op(0x84, "i64.or", "i64 i64 -> i64")
I64_XOR: Final = op(0x85, "i64.xor", "i64 i64 -> i64")
I64_SHL: Final = op(0x86, "i64.shl", "i64 i64 -> i64")
I64_SHR_S: Final = op(0x87, "i64.shr_s", "i64 i64 -> i64")
I64_SHR_U: Final = op(0x88, "i64.shr_u", "i64 i64 -> i64")
I64_ROTL: Final = op(0x89, "i64.rotl", "i64 i64 -> i64")
I64_ROTR: Final = op(0x8A, "i64.rotr", "i64 i64 -> i64")
F32_ABS: Final = op(0x8B, "f32.abs", "f32 -> f32")
F32_NEG: Final = op(0x8C, "f32.neg", "f32 -> f32")
F32_CEIL: Final = op(0x8D, "f32.ceil", "f32 -> f32")
F32_FLOOR: Final = op(0x8E, "f32.floor", "f32 -> f32")
F32_TRUNC: Final = op(0x8F, "f32.trunc", "f32 -> f32")
F32_NEAREST: Final = op(0x90, "f32.nearest", "f32 -> f32")
F32_SQRT: Final = op(0x91, "f32.sqrt", "f32 -> f32")
F32_ADD: Final = op(0x92, "f32.add", "f32 f32 -> f32")
F32_SUB: Final = op(0x93, "f32.sub", "f32 f32 -> f32")
F32_MUL: Final = op(0x94, "f32.mul", "f32 f32 -> f32")
F32_DIV: Final = op(0x95, "f32.div", "f32 f32 -> f32")
F32_MIN: Final = op(0x96, "f32.min", "f32 f32 -> f32")
F32_MAX: Final = op(0x97, "f32.max", "f32 f32 -> f32")
F32_COPYSIGN: Final = op(0x98, "f32.copysign", "f32 f32 -> f32")
F64_ABS: Final = op(0x99, "f64.abs", "f64 -> f64")
F64_NEG: Final = op(0x9A, "f64.neg", "f64 -> f64")
F64_CEIL: Final = op(0x9B, "f64.ceil", "f64 -> f64")
F64_FLOOR: Final = op(0x9C, "f64.floor", "f64 -> f64")
F64_TRUNC: Final = op(0x9D, "f64.trunc", "f64 -> f64")
F64_NEAREST: Final = op(0x9E, "f64.nearest", "f64 -> f64")
F64_SQRT: Final = op(0x9F, "f64.sqrt", "f64 -> f64")
F64_ADD: Final = op(0xA0, "f64.add", "f64 f64 -> f64")
F64_SUB: Final = op(0xA1, "f64.sub", "f64 f64 -> f64")
F64_MUL: Final = op(0xA2, "f64.mul", "f64 f64 -> f64")
F64_DIV: Final = op(0xA3, "f64.div", "f64 f64 -> f64")
F64_MIN: Final = op(0xA4, "f64.min", "f64 f64 -> f64")
F64_MAX: Final = op(0xA5, "f64.max", "f64 f64 -> f64")
F64_COPYSIGN: Final = op(0xA6, "f64.copysign", "f64 f64 -> f64")

# ---- conversions ----
I32_WRAP_I64: Final = op(0xA7, "i32.wrap_i64", "i64 -> i32")
I32_TRUNC_F32_S: Final = op(0xA8, "i32.trunc_f32_s", "f32 -> i32")
I32_TRUNC_F32_U: Final = op(0xA9, "i32.trunc_f32_u", "f32 -> i32")
I32_TRUNC_F64_S: Final = op(0xAA, "i32.trunc_f64_s", "f64 -> i32")
I32_TRUNC_F64_U: Final = op(0xAB, "i32.trunc_f64_u", "f64 -> i32")
I64_EXTEND_I32_S: Final = op(0xAC, "i64.extend_i32_s", "i32 -> i64")
I64_EXTEND_I32_U: Final = op(0xAD, "i64.extend_i32_u", "i32 -> i64")
I64_TRUNC_F32_S: Final = op(0xAE, "i64.trunc_f32_s", "f32 -> i64")
I64_TRUNC_F32_U: Final = op(0xAF, "i64.trunc_f32_u", "f32 -> i64")
I64_TRUNC_F64_S: Final = op(0xB0, "i64.trunc_f64_s", "f64 -> i64")
I64_TRUNC_F64_U: Final = op(0xB1, "i64.trunc_f64_u", "f64 -> i64")
F32_CONVERT_I32_S: Final = op(0xB2, "f32.convert_i32_s", "i32 -> f32")
F32_CONVERT_I32_U: Final = op(0xB3, "f32.convert_i32_u", "i32 -> f32")
F32_CONVERT_I64_S: Final = op(0xB4, "f32.convert_i64_s", "i64 -> f32")
F32_CONVERT_I64_U: Final = op(0xB5, "f32.convert_i64_u", "i64 -> f32")
F32_DEMOTE_F64: Final = op(0xB6, "f32.demote_f64", "f64 -> f32")
F64_CONVERT_I32_S: Final = op(0xB7, "f64.convert_i32_s", "i32 -> f64")
F64_CONVERT_I32_U: Final = op(0xB8, "f64.convert_i32_u", "i32 -> f64")
F64_CONVERT_I64_S: Final = op(0xB9, "f64.convert_i64_s", "i64 -> f64")
F64_CONVERT_I64_U: Final = op(0xBA, "f64.convert_i64_u", "i64 -> f64")
F64_PROMOTE_F32: Final = op(0xBB, "f64.promote_f32", "f32 -> f64")
I32_REINTERPRET_F32: Final = op(0xBC, "i32.reinterpret_f32", "f32 -> i32")
I64_REINTERPRET_F64: Final = op(0xBD, "i64.reinterpret_f64", "f64 -> i64")
F32_REINTERPRET_I32: Final = op(0xBE, "f32.reinterpret_i32", "i32 -> f32")
F64_REINTERPRET_I64: Final = op(0xBF, "f64.reinterpret_i64", "i64 -> f64")
I32_EXTEND8_S: Final = op(0xC0, "i32.extend8_s", "i32 -> i32", "", SIGN_EXTENSION)
I32_EXTEND16_S: Final = op(0xC1, "i32.extend16_s", "i32 -> i32", "", SIGN_EXTENSION)
I64_EXTEND8_S: Final = op(0xC2, "i64.extend8_s", "i64 -> i64", "", SIGN_EXTENSION)
I64_EXTEND16_S: Final = op(0xC3, "i64.extend16_s", "i64 -> i64", "", SIGN_EXTENSION)
I64_EXTEND32_S: Final = op(0xC4, "i64.extend32_s", "i64 -> i64", "", SIGN_EXTENSION)

# ---- references ----
REF_NULL: Final = op(0xD0, "ref.null", "*", "heap", REFERENCE_TYPES)
REF_IS_NULL: Final = op(0xD1, "ref.is_null", "*", "", REFERENCE_TYPES)
REF_FUNC: Final = op(0xD2, "ref.func", "*", "func", REFERENCE_TYPES)
REF_EQ: Final = op(0xD3, "ref.eq", "*", "", GC)
REF_AS_NON_NULL: Final = op(0xD4, "ref.as_non_null", "*", "", FUNCTION_REFERENCES)
BR_ON_NULL: Final = op(0xD5, "br_on_null", "*", "label", FUNCTION_REFERENCES)
BR_ON_NON_NULL: Final = op(0xD6, "br_on_non_null", "*", "label", FUNCTION_REFERENCES)

# ---- garbage collection (0xfb) ----
STRUCT_NEW: Final = gc(0x00, "struct.new", "type")
STRUCT_NEW_DEFAULT: Final = gc(0x01, "struct.new_default", "type")
STRUCT_GET: Final = gc(0x02, "struct.get", "type field")
STRUCT_GET_S: Final = gc(0x03, "struct.get_s", "type field")
STRUCT_GET_U: Final = gc(0x04, "struct.get_u", "type field")
STRUCT_SET: Final = gc(0x05, "struct.set", "type field")
ARRAY_NEW: Final = gc(0x06, "array.new", "type")
ARRAY_NEW_DEFAULT: Final = gc(0x07, "array.new_default", "type")
ARRAY_NEW_FIXED: Final = gc(0x08, "array.new_fixed", "type count")
ARRAY_NEW_DATA: Final = gc(0x09, "array.new_data", "type data")
ARRAY_NEW_ELEM: Final = gc(0x0A, "array.new_elem", "type elem")
ARRAY_GET: Final = gc(0x0B, "array.get", "type")
ARRAY_GET_S: Final = gc(0x0C, "array.get_s", "type")
ARRAY_GET_U: Final = gc(0x0D, "array.get_u", "type")
ARRAY_SET: Final = gc(0x0E, "array.set", "type")
ARRAY_LEN: Final = gc(0x0F, "array.len", "")
ARRAY_FILL: Final = gc(0x10, "array.fill", "type")
ARRAY_COPY: Final = gc(0x11, "array.copy", "type type")
ARRAY_INIT_DATA: Final = gc(0x12, "array.init_data", "type data")
ARRAY_INIT_ELEM: Final = gc(0x13, "array.init_elem", "type elem")
REF_TEST: Final = gc(0x14, "ref.test", "ref")
REF_TEST_NULL: Final = gc(0x15, "ref.test", "ref_null")
REF_CAST: Final = gc(0x16, "ref.cast", "ref")
REF_CAST_NULL: Final = gc(0x17, "ref.cast", "ref_null")
BR_ON_CAST: Final = gc(0x18, "br_on_cast", "br_cast")
BR_ON_CAST_FAIL: Final = gc(0x19, "br_on_cast_fail", "br_cast")
ANY_CONVERT_EXTERN: Final = gc(0x1A, "any.convert_extern", "")
EXTERN_CONVERT_ANY: Final = gc(0x1B, "extern.convert_any", "")
REF_I31: Final = gc(0x1C, "ref.i31", "")
I31_GET_S: Final = gc(0x1D, "i31.get_s", "")
I31_GET_U: Final = gc(0x1E, "i31.get_u", "")

# ---- saturating conversions, bulk operations, wide arithmetic (0xfc) ----
I32_TRUNC_SAT_F32_S: Final = misc(0x00, "i32.trunc_sat_f32_s", "f32 -> i32", "", SATURATING)
I32_TRUNC_SAT_F32_U: Final = misc(0x01, "i32.trunc_sat_f32_u", "f32 -> i32", "", SATURATING)
I32_TRUNC_SAT_F64_S: Final = misc(0x02, "i32.trunc_sat_f64_s", "f64 -> i32", "", SATURATING)
I32_TRUNC_SAT_F64_U: Final = misc(0x03, "i32.trunc_sat_f64_u", "f64 -> i32", "", SATURATING)
I64_TRUNC_SAT_F32_S: Final = misc(0x04, "i64.trunc_sat_f32_s", "f32 -> i64", "", SATURATING)
I64_TRUNC_SAT_F32_U: Final = misc(0x05, "i64.trunc_sat_f32_u", "f32 -> i64", "", SATURATING)
I64_TRUNC_SAT_F64_S: Final = misc(0x06, "i64.trunc_sat_f64_s", "f64 -> i64", "", SATURATING)
I64_TRUNC_SAT_F64_U: Final = misc(0x07, "i64.trunc_sat_f64_u", "f64 -> i64", "", SATURATING)
MEMORY_INIT: Final = misc(0x08, "memory.init", "addr i32 i32 ->", "data memory", BULK_MEMORY)
DATA_DROP: Final = misc(0x09, "data.drop", "->", "data", BULK_MEMORY)
MEMORY_COPY: Final = misc(0x0A, "memory.copy", "*", "memory memory", BULK_MEMORY)
MEMORY_FILL: Final = misc(0x0B, "memory.fill", "addr i32 addr ->", "memory", BULK_MEMORY)
TABLE_INIT: Final = misc(0x0C, "table.init", "*", "elem table", BULK_MEMORY)
ELEM_DROP: Final = misc(0x0D, "elem.drop", "->", "elem", BULK_MEMORY)
TABLE_COPY: Final = misc(0x0E, "table.copy", "*", "table table", BULK_MEMORY)
TABLE_GROW: Final = misc(0x0F, "table.grow", "*", "table", REFERENCE_TYPES)
TABLE_SIZE: Final = misc(0x10, "table.size", "*", "table", REFERENCE_TYPES)
TABLE_FILL: Final = misc(0x11, "table.fill", "*", "table", REFERENCE_TYPES)
I64_ADD128: Final = misc(0x13, "i64.add128", "i64 i64 i64 i64 -> i64 i64", "", WIDE_ARITHMETIC)
I64_SUB128: Final = misc(0x14, "i64.sub128", "i64 i64 i64 i64 -> i64 i64", "", WIDE_ARITHMETIC)
I64_MUL_WIDE_S: Final = misc(0x15, "i64.mul_wide_s", "i64 i64 -> i64 i64", "", WIDE_ARITHMETIC)
I64_MUL_WIDE_U: Final = misc(0x16, "i64.mul_wide_u", "i64 i64 -> i64 i64", "", WIDE_ARITHMETIC)

# ---- vectors (0xfd) ----
V128_LOAD: Final = vec(0x00, "v128.load", "addr -> v128", "memarg", 4)
V128_LOAD8X8_S: Final = vec(0x01, "v128.load8x8_s", "addr -> v128", "memarg", 3)
V128_LOAD8X8_U: Final = vec(0x02, "v128.load8x8_u", "addr -> v128", "memarg", 3)
V128_LOAD16X4_S: Final = vec(0x03, "v128.load16x4_s", "addr -> v128", "memarg", 3)
V128_LOAD16X4_U: Final = vec(0x04, "v128.load16x4_u", "addr -> v128", "memarg", 3)
V128_LOAD32X2_S: Final = vec(0x05, "v128.load32x2_s", "addr -> v128", "memarg", 3)
V128_LOAD32X2_U: Final = vec(0x06, "v128.load32x2_u", "addr -> v128", "memarg", 3)
V128_LOAD8_SPLAT: Final = vec(0x07, "v128.load8_splat", "addr -> v128", "memarg", 0)
V128_LOAD16_SPLAT: Final = vec(0x08, "v128.load16_splat", "addr -> v128", "memarg", 1)
V128_LOAD32_SPLAT: Final = vec(0x09, "v128.load32_splat", "addr -> v128", "memarg", 2)
V128_LOAD64_SPLAT: Final = vec(0x0A, "v128.load64_splat", "addr -> v128", "memarg", 3)
V128_STORE: Final = vec(0x0B, "v128.store", "addr v128 ->", "memarg", 4)
V128_CONST: Final = vec(0x0C, "v128.const", "-> v128", "v128")
I8X16_SHUFFLE: Final = vec(0x0D, "i8x16.shuffle", "v128 v128 -> v128", "shuffle")
I8X16_SWIZZLE: Final = vec(0x0E, "i8x16.swizzle", "v128 v128 -> v128")
I8X16_SPLAT: Final = vec(0x0F, "i8x16.splat", "i32 -> v128")
I16X8_SPLAT: Final = vec(0x10, "i16x8.splat", "i32 -> v128")
I32X4_SPLAT: Final = vec(0x11, "i32x4.splat", "i32 -> v128")
I64X2_SPLAT: Final = vec(0x12, "i64x2.splat", "i64 -> v128")
F32X4_SPLAT: Final = vec(0x13, "f32x4.splat", "f32 -> v128")
F64X2_SPLAT: Final = vec(0x14, "f64x2.splat", "f64 -> v128")
I8X16_EXTRACT_LANE_S: Final = vec(0x15, "i8x16.extract_lane_s", "v128 -> i32", "lane16")
I8X16_EXTRACT_LANE_U: Final = vec(0x16, "i8x16.extract_lane_u", "v128 -> i32", "lane16")
I8X16_REPLACE_LANE: Final = vec(0x17, "i8x16.replace_lane", "v128 i32 -> v128", "lane16")
I16X8_EXTRACT_LANE_S: Final = vec(0x18, "i16x8.extract_lane_s", "v128 -> i32", "lane8")
I16X8_EXTRACT_LANE_U: Final = vec(0x19, "i16x8.extract_lane_u", "v128 -> i32", "lane8")
I16X8_REPLACE_LANE: Final = vec(0x1A, "i16x8.replace_lane", "v128 i32 -> v128", "lane8")
I32X4_EXTRACT_LANE: Final = vec(0x1B, "i32x4.extract_lane", "v128 -> i32", "lane4")
I32X4_REPLACE_LANE: Final = vec(0x1C, "i32x4.replace_lane", "v128 i32 -> v128", "lane4")
I64X2_EXTRACT_LANE: Final = vec(0x1D, "i64x2.extract_lane", "v128 -> i64", "lane2")
I64X2_REPLACE_LANE: Final = vec(0x1E, "i64x2.replace_lane", "v128 i64 -> v128", "lane2")
F32X4_EXTRACT_LANE: Final = vec(0x1F, "f32x4.extract_lane", "v128 -> f32", "lane4")
F32X4_REPLACE_LANE: Final = vec(0x20, "f32x4.replace_lane", "v128 f32 -> v128", "lane4")
F64X2_EXTRACT_LANE: Final = vec(0x21, "f64x2.extract_lane", "v128 -> f64", "lane2")
F64X2_REPLACE_LANE: Final = vec(0x22, "f64x2.replace_lane", "v128 f64 -> v128", "lane2")
I8X16_EQ: Final = vec(0x23, "i8x16.eq", "v128 v128 -> v128")
I8X16_NE: Final = vec(0x24, "i8x16.ne", "v128 v128 -> v128")
I8X16_LT_S: Final = vec(0x25, "i8x16.lt_s", "v128 v128 -> v128")
I8X16_LT_U: Final = vec(0x26, "i8x16.lt_u", "v128 v128 -> v128")
I8X16_GT_S: Final = vec(0x27, "i8x16.gt_s", "v128 v128 -> v128")
I8X16_GT_U: Final = vec(0x28, "i8x16.gt_u", "v128 v128 -> v128")
I8X16_LE_S: Final = vec(0x29, "i8x16.le_s", "v128 v128 -> v128")
I8X16_LE_U: Final = vec(0x2A, "i8x16.le_u", "v128 v128 -> v128")
I8X16_GE_S: Final = vec(0x2B, "i8x16.ge_s", "v128 v128 -> v128")
I8X16_GE_U: Final = vec(0x2C, "i8x16.ge_u", "v128 v128 -> v128")
I16X8_EQ: Final = vec(0x2D, "i16x8.eq", "v128 v128 -> v128")
I16X8_NE: Final = vec(0x2E, "i16x8.ne", "v128 v128 -> v128")
I16X8_LT_S: Final = vec(0x2F, "i16x8.lt_s", "v128 v128 -> v128")
I16X8_LT_U: Final = vec(0x30, "i16x8.lt_u", "v128 v128 -> v128")
I16X8_GT_S: Final = vec(0x31, "i16x8.gt_s", "v128 v128 -> v128")
I16X8_GT_U: Final = vec(0x32, "i16x8.gt_u", "v128 v128 -> v128")
I16X8_LE_S: Final = vec(0x33, "i16x8.le_s", "v128 v128 -> v128")
I16X8_LE_U: Final = vec(0x34, "i16x8.le_u", "v128 v128 -> v128")
I16X8_GE_S: Final = vec(0x35, "i16x8.ge_s", "v128 v128 -> v128")
I16X8_GE_U: Final = vec(0x36, "i16x8.ge_u", "v128 v128 -> v128")
I32X4_EQ: Final = vec(0x37, "i32x4.eq", "v128 v128 -> v128")
I32X4_NE: Final = vec(0x38, "i32x4.ne", "v128 v128 -> v128")
I32X4_LT_S: Final = vec(0x39, "i32x4.lt_s", "v128 v128 -> v128")
I32X4_LT_U: Final = vec(0x3A, "i32x4.lt_u", "v128 v128 -> v128")
I32X4_GT_S: Final = vec(0x3B, "i32x4.gt_s", "v128 v128 -> v128")
I32X4_GT_U: Final = vec(0x3C, "i32x4.gt_u", "v128 v128 -> v128")
I32X4_LE_S: Final = vec(0x3D, "i32x4.le_s", "v128 v128 -> v128")
I32X4_LE_U: Final = vec(0x3E, "i32x4.le_u", "v128 v128 -> v128")
I32X4_GE_S: Final = vec(0x3F, "i32x4.ge_s", "v128 v128 -> v128")
I32X4_GE_U: Final = vec(0x40, "i32x4.ge_u", "v128 v128 -> v128")
F32X4_EQ: Final = vec(0x41, "f32x4.eq", "v128 v128 -> v128")
F32X4_NE: Final = vec(0x42, "f32x4.ne", "v128 v128 -> v128")
F32X4_LT: Final = vec(0x43, "f32x4.lt", "v128 v128 -> v128")
F32X4_GT: Final = vec(0x44, "f32x4.gt", "v128 v128 -> v128")
F32X4_LE: Final = vec(0x45, "f32x4.le", "v128 v128 -> v128")
F32X4_GE: Final = vec(0x46, "f32x4.ge", "v128 v128 -> v128")
F64X2_EQ: Final = vec(0x47, "f64x2.eq", "v128 v128 -> v128")
F64X2_NE: Final = vec(0x48, "f64x2.ne", "v128 v128 -> v128")
F64X2_LT: Final = vec(0x49, "f64x2.lt", "v128 v128 -> v128")
F64X2_GT: Final = vec(0x4A, "f64x2.gt", "v128 v128 -> v128")
F64X2_LE: Final = vec(0x4B, "f64x2.le", "v128 v128 -> v128")
F64X2_GE: Final = vec(0x4C, "f64x2.ge", "v128 v128 -> v128")
V128_NOT: Final = vec(0x4D, "v128.not", "v128 -> v128")
V128_AND: Final = vec(0x4E, "v128.and", "v128 v128 -> v128")
V128_ANDNOT: Final = vec(0x4F, "v128.andnot", "v128 v128 -> v128")
V128_OR: Final = vec(0x50, "v128.or", "v128 v128 -> v128")
V128_XOR: Final = vec(0x51, "v128.xor", "v128 v128 -> v128")
V128_BITSELECT: Final = vec(0x52, "v128.bitselect", "v128 v128 v128 -> v128")
V128_ANY_TRUE: Final = vec(0x53, "v128.any_true", "v128 -> i32")
V128_LOAD8_LANE: Final = vec(0x54, "v128.load8_lane", "addr v128 -> v128", "memarg lane16", 0)
V128_LOAD16_LANE: Final = vec(0x55, "v128.load16_lane", "addr v128 -> v128", "memarg lane8", 1)
V128_LOAD32_LANE: Final = vec(0x56, "v128.load32_lane", "addr v128 -> v128", "memarg lane4", 2)
V128_LOAD64_LANE: Final = vec(0x57, "v128.load64_lane", "addr v128 -> v128", "memarg lane2", 3)
V128_STORE8_LANE: Final = vec(0x58, "v128.store8_lane", "addr v128 ->", "memarg lane16", 0)
V128_STORE16_LANE: Final = vec(0x59, "v128.store16_lane", "addr v128 ->", "memarg lane8", 1)
V128_STORE32_LANE: Final = vec(0x5A, "v128.store32_lane", "addr v128 ->", "memarg lane4", 2)
V128_STORE64_LANE: Final = vec(0x5B, "v128.store64_lane", "addr v128 ->", "memarg lane2", 3)
V128_LOAD32_ZERO: Final = vec(0x5C, "v128.load32_zero", "addr -> v128", "memarg", 2)
V128_LOAD64_ZERO: Final = vec(0x5D, "v128.load64_zero", "addr -> v128", "memarg", 3)
F32X4_DEMOTE_F64X2_ZERO: Final = vec(0x5E, "f32x4.demote_f64x2_zero", "v128 -> v128")
F64X2_PROMOTE_LOW_F32X4: Final = vec(0x5F, "f64x2.promote_low_f32x4", "v128 -> v128")
I8X16_ABS: Final = vec(0x60, "i8x16.abs", "v128 -> v128")
I8X16_NEG: Final = vec(0x61, "i8x16.neg", "v128 -> v128")
I8X16_POPCNT: Final = vec(0x62, "i8x16.popcnt", "v128 -> v128")
I8X16_ALL_TRUE: Final = vec(0x63, "i8x16.all_true", "v128 -> i32")
I8X16_BITMASK: Final = vec(0x64, "i8x16.bitmask", "v128 -> i32")
I8X16_NARROW_I16X8_S: Final = vec(0x65, "i8x16.narrow_i16x8_s", "v128 v128 -> v128")
I8X16_NARROW_I16X8_U: Final = vec(0x66, "i8x16.narrow_i16x8_u", "v128 v128 -> v128")
F32X4_CEIL: Final = vec(0x67, "f32x4.ceil", "v128 -> v128")
F32X4_FLOOR: Final = vec(0x68, "f32x4.floor", "v128 -> v128")
F32X4_TRUNC: Final = vec(0x69, "f32x4.trunc", "v128 -> v128")
F32X4_NEAREST: Final = vec(0x6A, "f32x4.nearest", "v128 -> v128")
I8X16_SHL: Final = vec(0x6B, "i8x16.shl", "v128 i32 -> v128")
I8X16_SHR_S: Final = vec(0x6C, "i8x16.shr_s", "v128 i32 -> v128")
I8X16_SHR_U: Final = vec(0x6D, "i8x16.shr_u", "v128 i32 -> v128")
I8X16_ADD: Final = vec(0x6E, "i8x16.add", "v128 v128 -> v128")
I8X16_ADD_SAT_S: Final = vec(0x6F, "i8x16.add_sat_s", "v128 v128 -> v128")
I8X16_ADD_SAT_U: Final = vec(0x70, "i8x16.add_sat_u", "v128 v128 -> v128")
I8X16_SUB: Final = vec(0x71, "i8x16.sub", "v128 v128 -> v128")
I8X16_SUB_SAT_S: Final = vec(0x72, "i8x16.sub_sat_s", "v128 v128 -> v128")
I8X16_SUB_SAT_U: Final = vec(0x73, "i8x16.sub_sat_u", "v128 v128 -> v128")
F64X2_CEIL: Final = vec(0x74, "f64x2.ceil", "v128 -> v128")
F64X2_FLOOR: Final = vec(0x75, "f64x2.floor", "v128 -> v128")
I8X16_MIN_S: Final = vec(0x76, "i8x16.min_s", "v128 v128 -> v128")
I8X16_MIN_U: Final = vec(0x77, "i8x16.min_u", "v128 v128 -> v128")
I8X16_MAX_S: Final = vec(0x78, "i8x16.max_s", "v128 v128 -> v128")
I8X16_MAX_U: Final = vec(0x79, "i8x16.max_u", "v128 v128 -> v128")
F64X2_TRUNC: Final = vec(0x7A, "f64x2.trunc", "v128 -> v128")
I8X16_AVGR_U: Final = vec(0x7B, "i8x16.avgr_u", "v128 v128 -> v128")
I16X8_EXTADD_PAIRWISE_I8X16_S: Final = vec(0x7C, "i16x8.extadd_pairwise_i8x16_s", "v128 -> v128")
I16X8_EXTADD_PAIRWISE_I8X16_U: Final = vec(0x7D, "i16x8.extadd_pairwise_i8x16_u", "v128 -> v128")
I32X4_EXTADD_PAIRWISE_I16X8_S: Final = vec(0x7E, "i32x4.extadd_pairwise_i16x8_s", "v128 -> v128")
I32X4_EXTADD_PAIRWISE_I16X8_U: Final = vec(0x7F, "i32x4.extadd_pairwise_i16x8_u", "v128 -> v128")
I16X8_ABS: Final = vec(0x80, "i16x8.abs", "v128 -> v128")
I16X8_NEG: Final = vec(0x81, "i16x8.neg", "v128 -> v128")
I16X8_Q15MULR_SAT_S: Final = vec(0x82, "i16x8.q15mulr_sat_s", "v128 v128 -> v128")
I16X8_ALL_TRUE: Final = vec(0x83, "i16x8.all_true", "v128 -> i32")
I16X8_BITMASK: Final = vec(0x84, "i16x8.bitmask", "v128 -> i32")
I16X8_NARROW_I32X4_S: Final = vec(0x85, "i16x8.narrow_i32x4_s", "v128 v128 -> v128")
I16X8_NARROW_I32X4_U: Final = vec(0x86, "i16x8.narrow_i32x4_u", "v128 v128 -> v128")
I16X8_EXTEND_LOW_I8X16_S: Final = vec(0x87, "i16x8.extend_low_i8x16_s", "v128 -> v128")
I16X8_EXTEND_HIGH_I8X16_S: Final = vec(0x88, "i16x8.extend_high_i8x16_s", "v128 -> v128")
I16X8_EXTEND_LOW_I8X16_U: Final = vec(0x89, "i16x8.extend_low_i8x16_u", "v128 -> v128")
I16X8_EXTEND_HIGH_I8X16_U: Final = vec(0x8A, "i16x8.extend_high_i8x16_u", "v128 -> v128")
I16X8_SHL: Final = vec(0x8B, "i16x8.shl", "v128 i32 -> v128")
I16X8_SHR_S: Final = vec(0x8C, "i16x8.shr_s", "v128 i32 -> v128")
I16X8_SHR_U: Final = vec(0x8D, "i16x8.shr_u", "v128 i32 -> v128")
I16X8_ADD: Final = vec(0x8E, "i16x8.add", "v128 v128 -> v128")
I16X8_ADD_SAT_S: Final = vec(0x8F, "i16x8.add_sat_s", "v128 v128 -> v128")
I16X8_ADD_SAT_U: Final = vec(0x90, "i16x8.add_sat_u", "v128 v128 -> v128")
I16X8_SUB: Final = vec(0x91, "i16x8.sub", "v128 v128 -> v128")
I16X8_SUB_SAT_S: Final = vec(0x92, "i16x8.sub_sat_s", "v128 v128 -> v128")
I16X8_SUB_SAT_U: Final = vec(0x93, "i16x8.sub_sat_u", "v128 v128 -> v128")
F64X2_NEAREST: Final = vec(0x94, "f64x2.nearest", "v128 -> v128")
I16X8_MUL: Final = vec(0x95, "i16x8.mul", "v128 v128 -> v128")
I16X8_MIN_S: Final = vec(0x96, "i16x8.min_s", "v128 v128 -> v128")
I16X8_MIN_U: Final = vec(0x97, "i16x8.min_u", "v128 v128 -> v128")
I16X8_MAX_S: Final = vec(0x98, "i16x8.max_s", "v128 v128 -> v128")
I16X8_MAX_U: Final = vec(0x99, "i16x8.max_u", "v128 v128 -> v128")
I16X8_AVGR_U: Final = vec(0x9B, "i16x8.avgr_u", "v128 v128 -> v128")
I16X8_EXTMUL_LOW_I8X16_S: Final = vec(0x9C, "i16x8.extmul_low_i8x16_s", "v128 v128 -> v128")
I16X8_EXTMUL_HIGH_I8X16_S: Final = vec(0x9D, "i16x8.extmul_high_i8x16_s", "v128 v128 -> v128")
I16X8_EXTMUL_LOW_I8X16_U: Final = vec(0x9E, "i16x8.extmul_low_i8x16_u", "v128 v128 -> v128")
I16X8_EXTMUL_HIGH_I8X16_U: Final = vec(0x9F, "i16x8.extmul_high_i8x16_u", "v128 v128 -> v128")
I32X4_ABS: Final = vec(0xA0, "i32x4.abs", "v128 -> v128")
I32X4_NEG: Final = vec(0xA1, "i32x4.neg", "v128 -> v128")
I32X4_ALL_TRUE: Final = vec(0xA3, "i32x4.all_true", "v128 -> i32")
I32X4_BITMASK: Final = vec(0xA4, "i32x4.bitmask", "v128 -> i32")
I32X4_EXTEND_LOW_I16X8_S: Final = vec(0xA7, "i32x4.extend_low_i16x8_s", "v128 -> v128")
I32X4_EXTEND_HIGH_I16X8_S: Final = vec(0xA8, "i32x4.extend_high_i16x8_s", "v128 -> v128")
I32X4_EXTEND_LOW_I16X8_U: Final = vec(0xA9, "i32x4.extend_low_i16x8_u", "v128 -> v128")
I32X4_EXTEND_HIGH_I16X8_U: Final = vec(0xAA, "i32x4.extend_high_i16x8_u", "v128 -> v128")
I32X4_SHL: Final = vec(0xAB, "i32x4.shl", "v128 i32 -> v128")
I32X4_SHR_S: Final = vec(0xAC, "i32x4.shr_s", "v128 i32 -> v128")
I32X4_SHR_U: Final = vec(0xAD, "i32x4.shr_u", "v128 i32 -> v128")
I32X4_ADD: Final = vec(0xAE, "i32x4.add", "v128 v128 -> v128")
I32X4_SUB: Final = vec(0xB1, "i32x4.sub", "v128 v128 -> v128")
I32X4_MUL: Final = vec(0xB5, "i32x4.mul", "v128 v128 -> v128")
I32X4_MIN_S: Final = vec(0xB6, "i32x4.min_s", "v128 v128 -> v128")
I32X4_MIN_U: Final = vec(0xB7, "i32x4.min_u", "v128 v128 -> v128")
I32X4_MAX_S: Final = vec(0xB8, "i32x4.max_s", "v128 v128 -> v128")
I32X4_MAX_U: Final = vec(0xB9, "i32x4.max_u", "v128 v128 -> v128")
I32X4_DOT_I16X8_S: Final = vec(0xBA, "i32x4.dot_i16x8_s", "v128 v128 -> v128")
I32X4_EXTMUL_LOW_I16X8_S: Final = vec(0xBC, "i32x4.extmul_low_i16x8_s", "v128 v128 -> v128")
I32X4_EXTMUL_HIGH_I16X8_S: Final = vec(0xBD, "i32x4.extmul_high_i16x8_s", "v128 v128 -> v128")
I32X4_EXTMUL_LOW_I16X8_U: Final = vec(0xBE, "i32x4.extmul_low_i16x8_u", "v128 v128 -> v128")
I32X4_EXTMUL_HIGH_I16X8_U: Final = vec(0xBF, "i32x4.extmul_high_i16x8_u", "v128 v128 -> v128")
I64X2_ABS: Final = vec(0xC0, "i64x2.abs", "v128 -> v128")
I64X2_NEG: Final = vec(0xC1, "i64x2.neg", "v128 -> v128")
I64X2_ALL_TRUE: Final = vec(0xC3, "i64x2.all_true", "v128 -> i32")
I64X2_BITMASK: Final = vec(0xC4, "i64x2.bitmask", "v128 -> i32")
I64X2_EXTEND_LOW_I32X4_S: Final = vec(0xC7, "i64x2.extend_low_i32x4_s", "v128 -> v128")
I64X2_EXTEND_HIGH_I32X4_S: Final = vec(0xC8, "i64x2.extend_high_i32x4_s", "v128 -> v128")
I64X2_EXTEND_LOW_I32X4_U: Final = vec(0xC9, "i64x2.extend_low_i32x4_u", "v128 -> v128")
I64X2_EXTEND_HIGH_I32X4_U: Final = vec(0xCA, "i64x2.extend_high_i32x4_u", "v128 -> v128")
I64X2_SHL: Final = vec(0xCB, "i64x2.shl", "v128 i32 -> v128")
I64X2_SHR_S: Final = vec(0xCC, "i64x2.shr_s", "v128 i32 -> v128")
I64X2_SHR_U: Final = vec(0xCD, "i64x2.shr_u", "v128 i32 -> v128")
I64X2_ADD: Final = vec(0xCE, "i64x2.add", "v128 v128 -> v128")
I64X2_SUB: Final = vec(0xD1, "i64x2.sub", "v128 v128 -> v128")
I64X2_MUL: Final = vec(0xD5, "i64x2.mul", "v128 v128 -> v128")
I64X2_EQ: Final = vec(0xD6, "i64x2.eq", "v128 v128 -> v128")
I64X2_NE: Final = vec(0xD7, "i64x2.ne", "v128 v128 -> v128")
I64X2_LT_S: Final = vec(0xD8, "i64x2.lt_s", "v128 v128 -> v128")
I64X2_GT_S: Final = vec(0xD9, "i64x2.gt_s", "v128 v128 -> v128")
I64X2_LE_S: Final = vec(0xDA, "i64x2.le_s", "v128 v128 -> v128")
I64X2_GE_S: Final = vec(0xDB, "i64x2.ge_s", "v128 v128 -> v128")
I64X2_EXTMUL_LOW_I32X4_S: Final = vec(0xDC, "i64x2.extmul_low_i32x4_s", "v128 v128 -> v128")
I64X2_EXTMUL_HIGH_I32X4_S: Final = vec(0xDD, "i64x2.extmul_high_i32x4_s", "v128 v128 -> v128")
I64X2_EXTMUL_LOW_I32X4_U: Final = vec(0xDE, "i64x2.extmul_low_i32x4_u", "v128 v128 -> v128")
I64X2_EXTMUL_HIGH_I32X4_U: Final = vec(0xDF, "i64x2.extmul_high_i32x4_u", "v128 v128 -> v128")
F32X4_ABS: Final = vec(0xE0, "f32x4.abs", "v128 -> v128")
F32X4_NEG: Final = vec(0xE1, "f32x4.neg", "v128 -> v128")
F32X4_SQRT: Final = vec(0xE3, "f32x4.sqrt", "v128 -> v128")
F32X4_ADD: Final = vec(0xE4, "f32x4.add", "v128 v128 -> v128")
F32X4_SUB: Final = vec(0xE5, "f32x4.sub", "v128 v128 -> v128")
F32X4_MUL: Final = vec(0xE6, "f32x4.mul", "v128 v128 -> v128")
F32X4_DIV: Final = vec(0xE7, "f32x4.div", "v128 v128 -> v128")
F32X4_MIN: Final = vec(0xE8, "f32x4.min", "v128 v128 -> v128")
F32X4_MAX: Final = vec(0xE9, "f32x4.max", "v128 v128 -> v128")
F32X4_PMIN: Final = vec(0xEA, "f32x4.pmin", "v128 v128 -> v128")
F32X4_PMAX: Final = vec(0xEB, "f32x4.pmax", "v128 v128 -> v128")
F64X2_ABS: Final = vec(0xEC, "f64x2.abs", "v128 -> v128")
F64X2_NEG: Final = vec(0xED, "f64x2.neg", "v128 -> v128")
F64X2_SQRT: Final = vec(0xEF, "f64x2.sqrt", "v128 -> v128")
F64X2_ADD: Final = vec(0xF0, "f64x2.add", "v128 v128 -> v128")
F64X2_SUB: Final = vec(0xF1, "f64x2.sub", "v128 v128 -> v128")
F64X2_MUL: Final = vec(0xF2, "f64x2.mul", "v128 v128 -> v128")
F64X2_DIV: Final = vec(0xF3, "f64x2.div", "v128 v128 -> v128")
F64X2_MIN: Final = vec(0xF4, "f64x2.min", "v128 v128 -> v128")
F64X2_MAX: Final = vec(0xF5, "f64x2.max", "v128 v128 -> v128")
F64X2_PMIN: Final = vec(0xF6, "f64x2.pmin", "v128 v128 -> v128")
F64X2_PMAX: Final = vec(0xF7, "f64x2.pmax", "v128 v128 -> v128")
I32X4_TRUNC_SAT_F32X4_S: Final = vec(0xF8, "i32x4.trunc_sat_f32x4_s", "v128 -> v128")
I32X4_TRUNC_SAT_F32X4_U: Final = vec(0xF9, "i32x4.trunc_sat_f32x4_u", "v128 -> v128")
F32X4_CONVERT_I32X4_S: Final = vec(0xFA, "f32x4.convert_i32x4_s", "v128 -> v128")
F32X4_CONVERT_I32X4_U: Final = vec(0xFB, "f32x4.convert_i32x4_u", "v128 -> v128")
I32X4_TRUNC_SAT_F64X2_S_ZERO: Final = vec(0xFC, "i32x4.trunc_sat_f64x2_s_zero", "v128 -> v128")
I32X4_TRUNC_SAT_F64X2_U_ZERO: Final = vec(0xFD, "i32x4.trunc_sat_f64x2_u_zero", "v128 -> v128")
F64X2_CONVERT_LOW_I32X4_S: Final = vec(0xFE, "f64x2.convert_low_i32x4_s", "v128 -> v128")
F64X2_CONVERT_LOW_I32X4_U: Final = vec(0xFF, "f64x2.convert_low_i32x4_u", "v128 -> v128")

# ---- relaxed vectors (0xfd) ----
I8X16_RELAXED_SWIZZLE: Final = relaxed(0x100, "i8x16.relaxed_swizzle", "v128 v128 -> v128")
I32X4_RELAXED_TRUNC_F32X4_S: Final = relaxed(0x101, "i32x4.relaxed_trunc_f32x4_s", "v128 -> v128")
I32X4_RELAXED_TRUNC_F32X4_U: Final = relaxed(0x102, "i32x4.relaxed_trunc_f32x4_u", "v128 -> v128")
I32X4_RELAXED_TRUNC_F64X2_S_ZERO: Final = relaxed(
    0x103, "i32x4.relaxed_trunc_f64x2_s_zero", "v128 -> v128"
)
I32X4_RELAXED_TRUNC_F64X2_U_ZERO: Final = relaxed(
    0x104, "i32x4.relaxed_trunc_f64x2_u_zero", "v128 -> v128"
)
F32X4_RELAXED_MADD: Final = relaxed(0x105, "f32x4.relaxed_madd", "v128 v128 v128 -> v128")
F32X4_RELAXED_NMADD: Final = relaxed(0x106, "f32x4.relaxed_nmadd", "v128 v128 v128 -> v128")
F64X2_RELAXED_MADD: Final = relaxed(0x107, "f64x2.relaxed_madd", "v128 v128 v128 -> v128")
F64X2_RELAXED_NMADD: Final = relaxed(0x108, "f64x2.relaxed_nmadd", "v128 v128 v128 -> v128")
I8X16_RELAXED_LANESELECT: Final = relaxed(
    0x109, "i8x16.relaxed_laneselect", "v128 v128 v128 -> v128"
)
I16X8_RELAXED_LANESELECT: Final = relaxed(
    0x10A, "i16x8.relaxed_laneselect", "v128 v128 v128 -> v128"
)
I32X4_RELAXED_LANESELECT: Final = relaxed(
    0x10B, "i32x4.relaxed_laneselect", "v128 v128 v128 -> v128"
)
I64X2_RELAXED_LANESELECT: Final = relaxed(
    0x10C, "i64x2.relaxed_laneselect", "v128 v128 v128 -> v128"
)
F32X4_RELAXED_MIN: Final = relaxed(0x10D, "f32x4.relaxed_min", "v128 v128 -> v128")
F32X4_RELAXED_MAX: Final = relaxed(0x10E, "f32x4.relaxed_max", "v128 v128 -> v128")
F64X2_RELAXED_MIN: Final = relaxed(0x10F, "f64x2.relaxed_min", "v128 v128 -> v128")
F64X2_RELAXED_MAX: Final = relaxed(0x110, "f64x2.relaxed_max", "v128 v128 -> v128")
I16X8_RELAXED_Q15MULR_S: Final = relaxed(0x111, "i16x8.relaxed_q15mulr_s", "v128 v128 -> v128")
I16X8_RELAXED_DOT_I8X16_I7X16_S: Final = relaxed(
    0x112, "i16x8.relaxed_dot_i8x16_i7x16_s", "v128 v128 -> v128"
)
I32X4_RELAXED_DOT_I8X16_I7X16_ADD_S: Final = relaxed(
    0x113, "i32x4.relaxed_dot_i8x16_i7x16_add_s", "v128 v128 v128 -> v128"
)

# ---- atomics (0xfe) ----
MEMORY_ATOMIC_NOTIFY: Final = atomic(0x00, "memory.atomic.notify", "addr i32 -> i32", 2)
MEMORY_ATOMIC_WAIT32: Final = atomic(0x01, "memory.atomic.wait32", "addr i32 i64 -> i32", 2)
MEMORY_ATOMIC_WAIT64: Final = atomic(0x02, "memory.atomic.wait64", "addr i64 i64 -> i32", 3)
ATOMIC_FENCE: Final = atomic(0x03, "atomic.fence", "->")
I32_ATOMIC_LOAD: Final = atomic(0x10, "i32.atomic.load", "addr -> i32", 2)
I64_ATOMIC_LOAD: Final = atomic(0x11, "i64.atomic.load", "addr -> i64", 3)
I32_ATOMIC_LOAD8_U: Final = atomic(0x12, "i32.atomic.load8_u", "addr -> i32", 0)
I32_ATOMIC_LOAD16_U: Final = atomic(0x13, "i32.atomic.load16_u", "addr -> i32", 1)
I64_ATOMIC_LOAD8_U: Final = atomic(0x14, "i64.atomic.load8_u", "addr -> i64", 0)
I64_ATOMIC_LOAD16_U: Final = atomic(0x15, "i64.atomic.load16_u", "addr -> i64", 1)
I64_ATOMIC_LOAD32_U: Final = atomic(0x16, "i64.atomic.load32_u", "addr -> i64", 2)
I32_ATOMIC_STORE: Final = atomic(0x17, "i32.atomic.store", "addr i32 ->", 2)
I64_ATOMIC_STORE: Final = atomic(0x18, "i64.atomic.store", "addr i64 ->", 3)
I32_ATOMIC_STORE8: Final = atomic(0x19, "i32.atomic.store8", "addr i32 ->", 0)
I32_ATOMIC_STORE16: Final = atomic(0x1A, "i32.atomic.store16", "addr i32 ->", 1)
I64_ATOMIC_STORE8: Final = atomic(0x1B, "i64.atomic.store8", "addr i64 ->", 0)
I64_ATOMIC_STORE16: Final = atomic(0x1C, "i64.atomic.store16", "addr i64 ->", 1)
I64_ATOMIC_STORE32: Final = atomic(0x1D, "i64.atomic.store32", "addr i64 ->", 2)
I32_ATOMIC_RMW_ADD: Final = atomic(0x1E, "i32.atomic.rmw.add", "addr i32 -> i32", 2)
I64_ATOMIC_RMW_ADD: Final = atomic(0x1F, "i64.atomic.rmw.add", "addr i64 -> i64", 3)
I32_ATOMIC_RMW8_ADD_U: Final = atomic(0x20, "i32.atomic.rmw8.add_u", "addr i32 -> i32", 0)
I32_ATOMIC_RMW16_ADD_U: Final = atomic(0x21, "i32.atomic.rmw16.add_u", "addr i32 -> i32", 1)
I64_ATOMIC_RMW8_ADD_U: Final = atomic(0x22, "i64.atomic.rmw8.add_u", "addr i64 -> i64", 0)
I64_ATOMIC_RMW16_ADD_U: Final = atomic(0x23, "i64.atomic.rmw16.add_u", "addr i64 -> i64", 1)
I64_ATOMIC_RMW32_ADD_U: Final = atomic(0x24, "i64.atomic.rmw32.add_u", "addr i64 -> i64", 2)
I32_ATOMIC_RMW_SUB: Final = atomic(0x25, "i32.atomic.rmw.sub", "addr i32 -> i32", 2)
I64_ATOMIC_RMW_SUB: Final = atomic(0x26, "i64.atomic.rmw.sub", "addr i64 -> i64", 3)
I32_ATOMIC_RMW8_SUB_U: Final = atomic(0x27, "i32.atomic.rmw8.sub_u", "addr i32 -> i32", 0)
I32_ATOMIC_RMW16_SUB_U: Final = atomic(0x28, "i32.atomic.rmw16.sub_u", "addr i32 -> i32", 1)
I64_ATOMIC_RMW8_SUB_U: Final = atomic(0x29, "i64.atomic.rmw8.sub_u", "addr i64 -> i64", 0)
I64_ATOMIC_RMW16_SUB_U: Final = atomic(0x2A, "i64.atomic.rmw16.sub_u", "addr i64 -> i64", 1)
I64_ATOMIC_RMW32_SUB_U: Final = atomic(0x2B, "i64.atomic.rmw32.sub_u", "addr i64 -> i64", 2)
I32_ATOMIC_RMW_AND: Final = atomic(0x2C, "i32.atomic.rmw.and", "addr i32 -> i32", 2)
I64_ATOMIC_RMW_AND: Final = atomic(0x2D, "i64.atomic.rmw.and", "addr i64 -> i64", 3)
I32_ATOMIC_RMW8_AND_U: Final = atomic(0x2E, "i32.atomic.rmw8.and_u", "addr i32 -> i32", 0)
I32_ATOMIC_RMW16_AND_U: Final = atomic(0x2F, "i32.atomic.rmw16.and_u", "addr i32 -> i32", 1)
I64_ATOMIC_RMW8_AND_U: Final = atomic(0x30, "i64.atomic.rmw8.and_u", "addr i64 -> i64", 0)
I64_ATOMIC_RMW16_AND_U: Final = atomic(0x31, "i64.atomic.rmw16.and_u", "addr i64 -> i64", 1)
I64_ATOMIC_RMW32_AND_U: Final = atomic(0x32, "i64.atomic.rmw32.and_u", "addr i64 -> i64", 2)
I32_ATOMIC_RMW_OR: Final = atomic(0x33, "i32.atomic.rmw.or", "addr i32 -> i32", 2)
I64_ATOMIC_RMW_OR: Final = atomic(0x34, "i64.atomic.rmw.or", "addr i64 -> i64", 3)
I32_ATOMIC_RMW8_OR_U: Final = atomic(0x35, "i32.atomic.rmw8.or_u", "addr i32 -> i32", 0)
I32_ATOMIC_RMW16_OR_U: Final = atomic(0x36, "i32.atomic.rmw16.or_u", "addr i32 -> i32", 1)
I64_ATOMIC_RMW8_OR_U: Final = atomic(0x37, "i64.atomic.rmw8.or_u", "addr i64 -> i64", 0)
I64_ATOMIC_RMW16_OR_U: Final = atomic(0x38, "i64.atomic.rmw16.or_u", "addr i64 -> i64", 1)
I64_ATOMIC_RMW32_OR_U: Final = atomic(0x39, "i64.atomic.rmw32.or_u", "addr i64 -> i64", 2)
I32_ATOMIC_RMW_XOR: Final = atomic(0x3A, "i32.atomic.rmw.xor", "addr i32 -> i32", 2)
I64_ATOMIC_RMW_XOR: Final = atomic(0x3B, "i64.atomic.rmw.xor", "addr i64 -> i64", 3)
I32_ATOMIC_RMW8_XOR_U: Final = atomic(0x3C, "i32.atomic.rmw8.xor_u", "addr i32 -> i32", 0)
I32_ATOMIC_RMW16_XOR_U: Final = atomic(0x3D, "i32.atomic.rmw16.xor_u", "addr i32 -> i32", 1)
I64_ATOMIC_RMW8_XOR_U: Final = atomic(0x3E, "i64.atomic.rmw8.xor_u", "addr i64 -> i64", 0)
I64_ATOMIC_RMW16_XOR_U: Final = atomic(0x3F, "i64.atomic.rmw16.xor_u", "addr i64 -> i64", 1)
I64_ATOMIC_RMW32_XOR_U: Final = atomic(0x40, "i64.atomic.rmw32.xor_u", "addr i64 -> i64", 2)
I32_ATOMIC_RMW_XCHG: Final = atomic(0x41, "i32.atomic.rmw.xchg", "addr i32 -> i32", 2)
I64_ATOMIC_RMW_XCHG: Final = atomic(0x42, "i64.atomic.rmw.xchg", "addr i64 -> i64", 3)
I32_ATOMIC_RMW8_XCHG_U: Final = atomic(0x43, "i32.atomic.rmw8.xchg_u", "addr i32 -> i32", 0)
I32_ATOMIC_RMW16_XCHG_U: Final = atomic(0x44, "i32.atomic.rmw16.xchg_u", "addr i32 -> i32", 1)
I64_ATOMIC_RMW8_XCHG_U: Final = atomic(0x45, "i64.atomic.rmw8.xchg_u", "addr i64 -> i64", 0)
I64_ATOMIC_RMW16_XCHG_U: Final = atomic(0x46, "i64.atomic.rmw16.xchg_u", "addr i64 -> i64", 1)
I64_ATOMIC_RMW32_XCHG_U: Final = atomic(0x47, "i64.atomic.rmw32.xchg_u", "addr i64 -> i64", 2)
I32_ATOMIC_RMW_CMPXCHG: Final = atomic(0x48, "i32.atomic.rmw.cmpxchg", "addr i32 i32 -> i32", 2)
I64_ATOMIC_RMW_CMPXCHG: Final = atomic(0x49, "i64.atomic.rmw.cmpxchg", "addr i64 i64 -> i64", 3)
I32_ATOMIC_RMW8_CMPXCHG_U: Final = atomic(
    0x4A, "i32.atomic.rmw8.cmpxchg_u", "addr i32 i32 -> i32", 0
)
I32_ATOMIC_RMW16_CMPXCHG_U: Final = atomic(
    0x4B, "i32.atomic.rmw16.cmpxchg_u", "addr i32 i32 -> i32", 1
)
I64_ATOMIC_RMW8_CMPXCHG_U: Final = atomic(
    0x4C, "i64.atomic.rmw8.cmpxchg_u", "addr i64 i64 -> i64", 0
)
I64_ATOMIC_RMW16_CMPXCHG_U: Final = atomic(
    0x4D, "i64.atomic.rmw16.cmpxchg_u", "addr i64 i64 -> i64", 1
)
I64_ATOMIC_RMW32_CMPXCHG_U: Final = atomic(
    0x4E, "i64.atomic.rmw32.cmpxchg_u", "addr i64 i64 -> i64", 2
)


def encoding(op: int) -> tuple[int, int]:
    """The prefix byte (0 for none) and the code of an opcode id."""
    if op < 0x100:
        return 0, op
    if op < 0x140:
        return 0xFB, op - 0x100
    if op < 0x180:
        return 0xFC, op - 0x140
    if op < 0x200:
        return 0xFE, op - 0x180
    return 0xFD, op - 0x200


def stack_type(op: int) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Operand and result names of the stack type, or None where it depends on more."""
    text = STACK[op]
    if text == "*":
        return None
    operands, _, results = text.partition("->")
    return tuple(operands.split()), tuple(results.split())
