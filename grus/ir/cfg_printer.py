"""Control-flow graphs as Graphviz text (as `cranelift/codegen/src/cfg_printer.rs`) or Mermaid."""

from __future__ import annotations

from grus.ir.function import Block, Function
from grus.ir.printer import print_block_header, print_instruction


class _Edges:
    """Branches of a function: for each block those that come in, numbered as instructions."""

    __slots__ = ("last", "preds")

    def __init__(self, func: Function) -> None:
        self.last: dict[int, int] = {}  # block num: number of its last instruction
        self.preds: dict[int, list[tuple[int, int]]] = {}  # block num: (instruction, block num)
        number = 0
        for block in func.blocks:
            number += len(block.insts)
            if not block.insts:
                continue
            self.last[block.num] = number - 1
            for target in block.insts[-1].targets:
                preds = self.preds.setdefault(target.block.num, [])
                if not preds or preds[-1] != (number - 1, block.num):
                    preds.append((number - 1, block.num))


def to_dot(func: Function) -> str:
    """The graph in the language of Graphviz."""
    edges = _Edges(func)
    lines = [f'digraph "{func.name}" {{']
    if func.blocks:
        lines.append(f"    {{rank=min; block{func.blocks[0].num}}}")
    for block in func.blocks:
        lines.append(f'    block{block.num} [shape=record, label="{{{print_block_header(block)}')
        if block.insts:
            text = print_instruction(func, block.insts[-1])
            lines.append(f" | <inst{edges.last[block.num]}>{text}")
        lines.append('}"]')
    for block in func.blocks:
        for inst, parent in edges.preds.get(block.num, []):
            lines.append(f"    block{parent}:inst{inst} -> block{block.num}")
    return "\n".join([*lines, "}", ""])


def to_mermaid(func: Function) -> str:
    """The graph in the language of Mermaid."""
    edges = _Edges(func)
    lines = ["flowchart TD"]
    for block in func.blocks:
        lines.append(f'    block{block.num}["{_mermaid_label(func, block)}"]')
    for block in func.blocks:
        for _, parent in edges.preds.get(block.num, []):
            lines.append(f"    block{parent} --> block{block.num}")
    return "\n".join([*lines, ""])


def _mermaid_label(func: Function, block: Block) -> str:
    label = print_block_header(block)
    if block.insts:
        label += "<br/>" + print_instruction(func, block.insts[-1])
    return label.replace('"', "#quot;")
