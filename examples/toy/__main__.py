"""Run Toy programs, or a prompt: `python3 -m examples.toy --help`."""

from __future__ import annotations

import argparse
import ctypes
import sys
from pathlib import Path

from examples.toy.toy import LIMIT, Fn, Node, Program, ToyError
from grus.base.errors import GrusError, Trap
from grus.link.jit import JITModule
from grus.link.object.module import ObjectModule

HOST = {"print": print, "print_float": print, "print_str": print}
PRELUDE = """
extern fn print(x: int)
extern fn print_float(x: float)
extern fn print_str(x: str)
"""


def limit_stack(module: JITModule, size: int) -> None:
    """Calls that take more of the stack than `size` bytes from here are a trap."""
    module.define(
        "function %toy_sp() -> i64 uext system_v {\n"
        "block0:\n    v0 = get_stack_pointer.i64\n    return v0\n}"
    )
    limit = module["toy_sp"]() - size
    ctypes.c_uint64.from_address(module.address(LIMIT)).value = limit


def prompt(program: Program) -> None:
    """Read functions and expressions; a function may be given again."""
    count = 0
    while True:
        try:
            text = input("toy> ")
            while text.count("{") > text.count("}"):
                text += "\n" + input("...> ")
        except EOFError:
            print()
            return
        try:
            for node in program.add(text):
                count += 1
                show(program, node, f"_{count}")
        except (GrusError, Trap, RecursionError) as error:
            print(str(error).splitlines()[0])


def show(program: Program, node: Node, name: str) -> None:
    """Run a statement as a function of its own; print its value."""
    for result in ("int", "float", "str", ""):
        body = [Node(node.line, "return", "", [node])] if result else [node]
        try:
            program.known[name] = Fn(node.line, name, [], result, body)
            program.define(program.known[name])
        except ToyError:
            if result:
                continue
            raise
        value = program[name]()
        if result:
            print(value)
        return


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="toy", description="Run a Toy program, or a prompt.")
    parser.add_argument("file", nargs="?", help="the program; without one there is a prompt")
    parser.add_argument("-o", dest="output", metavar="FILE", help="write an object file")
    parser.add_argument("--ir", action="store_true", help="show the IR instead of running it")
    parser.add_argument("--asm", action="store_true", help="show the assembly")
    given = parser.parse_args(arguments)
    program = Program(ObjectModule())
    try:
        if not given.output:
            program = Program(JITModule(redefinable=True), HOST)
            limit_stack(program.module, 4 << 20)
            program.add(PRELUDE)
        if given.file is None:
            prompt(program)
            return 0
        program.add(Path(given.file).read_text())
        if given.output:
            Path(given.output).write_bytes(program.module.emit())
        elif given.ir or given.asm:
            for name, fn in program.known.items():
                if fn.body is not None:
                    print(program.module.ir(name) if given.ir else program.module.disasm(name))
        else:
            program["main"]()
    except KeyError as error:
        print(f"toy: there is no function {error}", file=sys.stderr)
        return 1
    except (GrusError, OSError) as error:
        print(f"toy: {error}", file=sys.stderr)
        return 1
    except RecursionError:
        print("toy: nested too deeply", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
