"""Every row with corner operands, printed, against GNU as byte for byte and back by capstone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from grus.backend.x64 import insts
from grus.backend.x64.encode import RIP, Amode, Operands, encode
from grus.backend.x64.insts import IMM, REG, RM, Inst, Operand
from grus.backend.x64.printer import show

# rsp/r12 and rbp/r13 as bases, indexes, both sizes of displacement, no base, rip.
ADDRESSES = (
    Amode(0),
    Amode(4),
    Amode(12, 8),
    Amode(5),
    Amode(13),
    Amode(15, -128),
    Amode(3, 128),
    Amode(1, -0x12345678),
    Amode(4, 0, 5, 2),
    Amode(13, 0, 12, 8),
    Amode(12, 0x1000, 13, 4),
    Amode(-1, 0x1234),
    Amode(-1, 0x10, 9, 4),
    Amode(RIP, 0x1234),
)
REGISTERS = (1, 3, 4, 5, 6, 7, 8, 12, 15)  # rax has shorter forms of its own in `as`
IMMEDIATES = {8: (0x7F, 0x12), 16: (0x1234,), 32: (0x12345678,), 64: (0x123456789ABCDEF0,)}


def corners(op: Operand, row: Inst) -> list[int | Amode]:
    if op.place == IMM:
        return list(IMMEDIATES[op.bits])
    values: list[int | Amode] = []
    if op.reg_ok:
        values += [r + 16 if op.is_xmm else r for r in REGISTERS]
    if op.mem_ok:
        values += ADDRESSES
    if row.name.removeprefix("v") in ("movq_xr", "movq_rx") and op.mem_ok:
        return values[: len(REGISTERS)]  # for memory `as` takes the form without REX.W
    if row.name in ("movw_mi", "movl_mi", "movb_mi", "pushq_m", "popq_m"):
        return list(ADDRESSES)  # with a register `as` takes the opcode that holds it
    return values


def cases(row: Inst) -> list[Operands]:
    """Each operand through its corners while the others stay at their first one, and registers
    together."""
    lists = [corners(op, row) for op in row.encoded]
    first = [values[0] for values in lists]
    made: list[Operands] = []
    for at, values in enumerate(lists):
        for value in values:
            made.append((*first[:at], value, *first[at + 1 :]))
    for n in range(len(REGISTERS)):
        made.append(tuple([values[(n * (i + 2)) % len(values)] for i, values in enumerate(lists)]))
    return made or [()]


def line(row: Inst, operands: Operands) -> str:
    text = show(row, operands)
    if row.is_branch or row.is_call:
        if isinstance(operands[0], int) and row.encoded[0].place == IMM:
            size = 2 if row.imm_bytes == 1 else len(row.opcode) + 4
            return f"{row.mnemonic} .+{operands[0] + size:#x}"
        return text
    encoded = [op for op in row.encoded if op.place in (REG, RM)]
    if len(encoded) == 2 and row.rm_at >= 0 and len(row.operands) > 1:
        return ("{load} " if encoded[0].place == REG else "{store} ") + text
    return text


def all_cases() -> list[tuple[Inst, Operands, str]]:
    made = []
    for row in insts.INSTS:
        for operands in cases(row):
            made.append((row, operands, line(row, operands)))
    return made


def test_as(tmp_path: Path) -> None:
    if shutil.which("as") is None:
        pytest.skip("GNU as is not installed")
    todo = [c for c in all_cases() if not (c[0].is_branch or c[0].is_call) or c[0].imm_bytes == 0]
    source = tmp_path / "all.s"
    binary = tmp_path / "all.bin"
    # One cell of 16 bytes for each: an instruction has at most 15.
    cells = "".join([f"{text}\n.balign 16, 0xcc\n" for _, _, text in todo])
    source.write_text(".intel_syntax noprefix\n" + cells)
    made = subprocess.run(
        ["as", source, "-o", tmp_path / "o"], check=False, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr[:3000]
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", tmp_path / "o", binary], check=True)
    want = binary.read_bytes()
    assert len(want) == 16 * len(todo)
    wrong = []
    for n, (row, operands, text) in enumerate(todo):
        out = bytearray()
        encode(row, operands, out)
        expected = want[16 * n : 16 * n + 16]
        if out.ljust(16, b"\xcc") != expected:
            wrong.append(f"{row.name}: {text}: {out.hex()}, as {expected.hex()}")
    assert not wrong, f"{len(wrong)} of {len(todo)}:\n" + "\n".join(wrong[:40])


def test_capstone() -> None:
    capstone = pytest.importorskip("capstone")
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    for row, operands, text in all_cases():
        out = bytearray()
        encode(row, operands, out)
        found = list(decoder.disasm_lite(bytes(out), 0))
        assert len(found) == 1 and found[0][1] == len(out), f"{row.name}: {text}: {out.hex()}"


def test_names_are_constants() -> None:
    for row in insts.INSTS:
        assert getattr(insts, row.name.upper()) is row
