"""Files of the specification's tests as C programs: their modules as objects (`grus compile`),
their assertions about numbers as calls from C."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import grus
from grus.base.errors import Unsupported
from grus.engine.emit_object import emit_object, symbol
from grus.wasm.text.wast import Command, parse_script

ROOT = Path(__file__).parent.parent.parent
RUNTIME = ROOT / "examples" / "runtime"
SUITE = ROOT.parent / "shared" / "testsuite"
FILES = {  # assertions that must be there
    "i64": 384, "conversions": 590, "float_exprs": 750, "memory_grow64": 30, "memory_init": 150,
    "address64": 200, "table_copy": 400, "table_init": 496, "call": 66, "call_indirect": 100,
    "traps": 30, "endianness": 60,
}  # fmt: skip
C_TYPES = {
    "i32": ("int32_t", 32),
    "i64": ("int64_t", 64),
    "f32": ("float", 32),
    "f64": ("double", 64),
}
CALLS = ("assert_return", "assert_trap", "assert_exhaustion", "invoke")
PROGRAM = """#include <stdio.h>
#include <string.h>
INCLUDES
static int right;
static void wrong(int line, const char *found) { printf("line %d: %s\\n", line, found); }
static void trapped(int line, int trap, const char *expected) {
    const char *found = grus_trap_message(trap);
    if (strncmp(expected, found, strlen(found)) && strncmp(expected, found, strlen(expected)))
        wrong(line, found);
    else
        right++;
}
FUNCTIONS
int main(void) { CALLS printf("%d right\\n", right); }
"""

pytestmark = [
    pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc"),
    pytest.mark.skipif(not SUITE.is_dir(), reason="needs the WebAssembly test suite in ../shared"),
]


def assertion(module: grus.Module, name: str, command: Command) -> str:
    """C for one assertion; "" for what is not about numbers."""
    action = command.action
    if action is None or action.kind != "invoke" or action.module is not None:
        return ""
    if any(value.type not in C_TYPES for value in (*action.args, *command.results)):
        return ""
    if len(command.results) > 1 or any(result.choices for result in command.results):
        return ""
    lines = []
    for number, value in enumerate(action.args):
        type, bits = C_TYPES[value.type]
        lines.append(f"uint{bits}_t b{number} = {value.bits:#x}u{'ll' * (bits == 64)};")
        lines.append(f"{type} a{number}; memcpy(&a{number}, &b{number}, {bits // 8});")
    arguments = ", ".join([f"a{number}" for number in range(len(action.args))])
    call = f"{name}_{symbol(action.export)}({arguments})"
    lines.append("trap = GRUS_TRY(h);")
    if command.kind in ("assert_trap", "assert_exhaustion"):
        lines.append(f'if (!trap) {{ {call}; grus_end(&h); wrong({command.line}, "no trap"); }}')
        lines.append(f'else trapped({command.line}, trap, "{command.text}");')
        return "{ " + " ".join(lines) + " }"
    check = f"{call}; grus_end(&h); right++;"
    if command.results:
        expected = command.results[0]
        type, bits = C_TYPES[expected.type]
        is_nan = expected.bits is None or any(isinstance(lane, str) for lane in expected.lanes)
        test = "r != r" if is_nan else f"b == {expected.bits:#x}u{'ll' * (bits == 64)}"
        check = f"{type} r = {call}; uint{bits}_t b; memcpy(&b, &r, {bits // 8}); grus_end(&h); "
        check += f'if ({test}) right++; else wrong({command.line}, "another result");'
    lines.append(f"if (!trap) {{ {check} }}")
    lines.append(f"else wrong({command.line}, grus_trap_message(trap));")
    return "{ " + " ".join(lines) + " }"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runtime") / "grus_runtime.o"
    subprocess.run(["gcc", "-O1", "-c", RUNTIME / "grus_runtime.c", "-o", out], check=True)
    return out


@pytest.mark.parametrize("file", FILES)
def test_file(file: str, tmp_path: Path, runtime: Path) -> None:
    engine = grus.Engine(guards=False)
    bodies: list[list[str]] = []
    module = None
    for command in parse_script((SUITE / f"{file}.wast").read_bytes()):
        if command.kind == "module" and command.module is not None:
            module = None
            if command.module.definition or command.module.kind == "quote":
                continue
            parsed = command.module.parsed
            data = command.module.data if parsed is None else parsed.binary  # type: ignore[union-attr]
            candidate = grus.Module(bytes(data), engine)
            name = f"m{len(bodies)}"
            try:
                code, header = emit_object(candidate, name)
            except Unsupported:
                continue
            if candidate.imports:
                continue
            module = candidate
            (tmp_path / f"{name}.o").write_bytes(code)
            (tmp_path / f"{name}.h").write_text(header)
            start = f"trap = GRUS_TRY(h); if (!trap) {{ grus_instantiate(&{name}_module); grus_end(&h); }}"
            bodies.append([f"struct grus_handler h; int trap; {start}"])
        elif module is not None and command.kind in CALLS:
            bodies[-1].append(assertion(module, f"m{len(bodies) - 1}", command))
    count = range(len(bodies))
    source = PROGRAM.replace("INCLUDES", "\n".join([f'#include "m{n}.h"' for n in count]))
    functions = [f"static void t{n}(void) {{\n" + "\n".join(bodies[n]) + "\n}" for n in count]
    source = source.replace("FUNCTIONS", "\n".join(functions))
    (tmp_path / "main.c").write_text(source.replace("CALLS", " ".join([f"t{n}();" for n in count])))
    command_line = ["gcc", "-O0", "-I", RUNTIME, "-I", tmp_path, tmp_path / "main.c", runtime]
    objects = [tmp_path / f"m{n}.o" for n in count]
    program = tmp_path / "program"
    subprocess.run([*command_line, *objects, "-lm", "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=300)
    *failures, last = done.stdout.splitlines()
    assert done.returncode == 0 and not failures, (done.stderr, failures[:10])
    assert int(last.split()[0]) >= FILES[file]
