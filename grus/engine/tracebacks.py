"""Frames of wasm in Python's tracebacks.

A traceback wants frame objects of Python. For each function of a module one is made by running a
line of code that has the function's name and file; tracebacks only differ in the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FrameType, TracebackType

from grus.engine.errors import Frame, Trap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, TypeVar

    _Trap = TypeVar("_Trap", bound=Trap)


_MAX_FRAMES: Final = 4096
_MAX_NAME: Final = 1000  # characters
_MAX_LINE: Final = (1 << 31) - 1
_frames: Final[dict[tuple[str, str], tuple[FrameType, Iterator[FrameType]]]] = {}


def with_frames(trap: _Trap) -> _Trap:
    """The same trap, with its wasm frames as its traceback so far."""
    trap.__traceback__ = traceback_of(trap.frames)
    return trap


def traceback_of(frames: tuple[Frame, ...]) -> TracebackType | None:
    """The traceback of frames, innermost first.

    A frame with a source line of DWARF has that file and line, another the name of the module and,
    as its line, the offset in the module.
    """
    traceback: TracebackType | None = None
    for frame in frames:
        name = frame.func_name or f"func[{frame.func_index}]"
        source = frame.source
        if source is not None:
            file, line, _ = source
        else:
            file, line = f"<wasm {frame.module_name or 'module'}>", max(frame.module_offset, 0)
        frame_of = _frame(_readable(file), _readable(name))
        traceback = TracebackType(traceback, frame_of, -1, min(max(line, 0), _MAX_LINE))
    return traceback


def _readable(name: str) -> str:
    """A name of a module, which may be anything, as a name of a file or function."""
    if len(name) > _MAX_NAME:
        name = f"{name[:_MAX_NAME]}..."
    return name.replace("\0", "\\0")


def _frame(file: str, name: str) -> FrameType:
    found = _frames.get((file, name))
    if found is None:
        if len(_frames) >= _MAX_FRAMES:
            _frames.clear()
        code = compile("_", file, "eval").replace(co_name=name, co_qualname=name)
        running = _run(code, name)
        found = _frames[file, name] = next(running), running
    return found[0]


def _run(code: CodeType, name: str) -> Iterator[FrameType]:
    """Give a frame of the code, which raises NameError. A frame keeps its callers; this generator,
    which stays where it is, has none, so that what is kept for ever keeps nothing else."""
    try:
        eval(code, {"__name__": name, "__builtins__": {}})
    except NameError as error:
        assert error.__traceback__ is not None and error.__traceback__.tb_next is not None
        yield error.__traceback__.tb_next.tb_frame
