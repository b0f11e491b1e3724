"""Tokens of the `.clif` language.

A token is the text it is written as: `v12`, `iadd.i32`, `,`, `+0x10`. One compiled expression
finds them all; whether `v12` is a value and `+8` an offset is decided by the parser where it
stands. A mnemonic and its type suffix are one token, as they are looked up together.

Comments are taken out of the list and kept with the index of the token that follows them.
Places are found only when asked for, by matching the text again: no error, no cost.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

_TOKEN: Final = re.compile(
    r"""
      ;[^\n]*                                   # comment
    | [A-Za-z_]\w*(?:\.[A-Za-z]\w*|(?<=NaN):0x\w+)?  # word, with type; NaN with payload
    | [+-]?[0-9][\w.\-]*                        # integer or float
    | [+-](?:s?NaN:\w*|NaN|Inf)                 # float without digits
    | %\w*                                      # name
    | @[0-9a-fA-F]+                             # source location
    | "[^"]*"
    | ->
    | \S
    """,
    re.VERBOSE | re.ASCII,
)
END: Final = ""
"""The token after the last."""


class Tokens:
    """The tokens of `text` from offset `start`.

    `items` ends with several END. `comments` are (index of the token that follows, text).
    """

    __slots__ = ("_comment_offsets", "_lines", "_offsets", "comments", "items", "start", "text")

    def __init__(self, text: str, start: int = 0) -> None:
        self.text = text
        self.start = start
        self.comments: list[tuple[int, str]] = []
        found: list[str] = _TOKEN.findall(text, start)
        if text.find(";", start) >= 0:
            items: list[str] = []
            for token in found:
                if token[0] == ";":
                    self.comments.append((len(items), token))
                else:
                    items.append(token)
            found = items
        found += [END, END, END, END]
        self.items = found
        self._offsets: list[int] = []
        self._comment_offsets: list[int] = []
        self._lines: list[int] = []

    def offset(self, index: int) -> int:
        """Where token `index` begins in the text; the end of the last token for END."""
        if not self._offsets:
            self._find_offsets()
        return self._offsets[min(index, len(self._offsets) - 1)]

    def comment_line(self, index: int) -> int:
        """Line of comment `index`, from 1."""
        if not self._offsets:
            self._find_offsets()
        return self.line_and_column(self._comment_offsets[index])[0]

    def _find_offsets(self) -> None:
        end = self.start
        for match in _TOKEN.finditer(self.text, self.start):
            if match[0][0] == ";":
                self._comment_offsets.append(match.start())
            else:
                self._offsets.append(match.start())
                end = match.end()
        self._offsets += [end] * 4

    def place(self, index: int) -> tuple[int, int]:
        """Line and column of token `index`, from 1."""
        return self.line_and_column(self.offset(index))

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset in the text, from 1."""
        if not self._lines:
            self._lines = [0, *[m.end() for m in re.finditer("\n", self.text)]]
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, from 1."""
        self.line_and_column(0)
        begin = self._lines[number - 1]
        end = self.text.find("\n", begin)
        return self.text[begin : end if end >= 0 else len(self.text)]
