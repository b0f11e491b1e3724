"""Tokens of the text format (core specification 3.0, section 6.3).

The source is one str; a token is a kind, its text and its offset, in three parallel lists.
"""

from __future__ import annotations

import re

from grus.wasm.errors import TextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

OPEN: Final = 0
CLOSE: Final = 1
WORD: Final = 2  # keyword, number or reserved
ID: Final = 3  # text without the $
STRING: Final = 4  # text between the quotes, escapes not resolved
END: Final = 5

_IDCHARS: Final = r"0-9A-Za-z!#$%&'*+\-./:<=>?@\\^_`|~"
_TOKEN: Final = re.compile(
    rf"""(?:[ \t\r\n]+|;;[^\n\r]*)*   # space and line comments
    (?:(\((?![;@]))|(\))|([{_IDCHARS}]+)|("(?:[^"\\\x00-\x1f\x7f]|\\.)*")|(\(;)|(\(@))""",
    re.VERBOSE,
)
_ILLEGAL: Final = re.compile(r"[^\t\n\r -~]")
_SPACE: Final = re.compile(r"(?:[ \t\r\n]+|;;[^\n\r]*)*")
_COMMENT: Final = re.compile(r"\(;|;\)")
WORDCHARS: Final = frozenset(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-./:<=>?@\\^_`|~"
)
_ANNOTATION: Final = re.compile(
    r"\(@|\(;|\(|\)|;;[^\n\r]*|\"(?:[^\"\\\x00-\x1f\x7f]|\\.)*\"|[^();\"]+|."
)


class Tokens:
    """The tokens of a source, ended by END."""

    __slots__ = ("file", "kinds", "offsets", "source", "texts")

    def __init__(self, source: str, file: str = "") -> None:
        self.source = source
        self.file = file
        self.kinds: list[int] = []
        self.texts: list[str] = []
        self.offsets: list[int] = []
        self._scan()

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, from 1."""
        line = self.source.count("\n", 0, offset) + 1
        return line, offset - (self.source.rfind("\n", 0, offset) + 1) + 1

    def error(self, message: str, offset: int) -> TextError:
        line, col = self.place(offset)
        return TextError(message, line=line, col=col, file=self.file)

    def _scan(self) -> None:
        source = self.source
        kinds, texts, offsets = self.kinds, self.texts, self.offsets
        match = _TOKEN.match
        pos = 0
        while True:
            found = match(source, pos)
            if found is None:
                space = _SPACE.match(source, pos)
                pos = space.end() if space else pos
                if pos == len(source):
                    break
                raise self._bad(pos)
            kind = found.lastindex or 0
            start = found.start(kind)
            pos = found.end()
            if kind == 1:
                kinds.append(OPEN)
                texts.append("(")
            elif kind == 2:
                kinds.append(CLOSE)
                texts.append(")")
            elif kind == 3:
                text = source[start:pos]
                following = source[pos : pos + 1]
                if following == '"':
                    quoted = match(source, pos)
                    if text != "$" or quoted is None or quoted.lastindex != 4:
                        raise self.error("unknown operator", start)
                    pos = quoted.end()
                    text = "$" + unescape(self, source[found.end() + 1 : pos - 1], start)
                    if text == "$":
                        raise self.error("empty identifier", start)
                    self._separate(pos)
                    kinds.append(ID)
                    texts.append(text[1:])
                elif text[0] == "$":
                    if len(text) == 1:
                        raise self.error("empty identifier", start)
                    kinds.append(ID)
                    texts.append(text[1:])
                else:
                    kinds.append(WORD)
                    texts.append(text)
                if following and following in ",;[]{}" and source[pos : pos + 2] != ";;":
                    raise self.error(f"unknown operator: unexpected character {following!r}", pos)
            elif kind == 4:
                self._separate(pos)
                kinds.append(STRING)
                texts.append(source[start + 1 : pos - 1])
            elif kind == 5:
                pos = self._skip_comment(start)
                continue
            else:
                pos = self._skip_annotation(start)
                continue
            offsets.append(start)
        kinds.append(END)
        texts.append("")
        offsets.append(len(source))

    def _separate(self, pos: int) -> None:
        """After a string: the next character may not continue a token."""
        if self.source[pos : pos + 1] in WORDCHARS or self.source[pos : pos + 1] == '"':
            raise self.error("unknown operator: tokens must be separated", pos)

    def _bad(self, pos: int) -> TextError:
        char = self.source[pos]
        if char == '"':
            return self.error("unexpected end: unclosed string, or a control character in it", pos)
        if ord(char) >= 0x80:
            return self.error(f"malformed UTF-8 encoding: unexpected character {char!r}", pos)
        return self.error(f"unknown operator: unexpected character {char!r}", pos)

    def _skip_comment(self, start: int) -> int:
        depth = 0
        pos = start
        while True:
            found = _COMMENT.search(self.source, pos)
            if found is None:
                raise self.error("unexpected end: unclosed comment", start)
            depth += 1 if found.group() == "(;" else -1
            pos = found.end()
            if depth == 0:
                return pos

    def _skip_annotation(self, start: int) -> int:
        """Annotations are kept by nobody here; their shape is checked."""
        source = self.source
        pos = start + 2
        if source[pos : pos + 1] == '"':
            found = _TOKEN.match(source, pos)
            if found is None or found.lastindex != 4:
                raise self.error("unexpected end: unclosed string", pos)
            if not unescape(self, source[pos + 1 : found.end() - 1], pos):
                raise self.error("empty annotation id", start)
            pos = found.end()
        elif source[pos : pos + 1] not in WORDCHARS or pos >= len(source):
            raise self.error("empty annotation id", start)
        depth = 1
        while depth:
            found = _ANNOTATION.match(source, pos)
            if found is None:
                raise self.error("unclosed annotation", start)
            text = found.group()
            if text == "(;":
                pos = self._skip_comment(pos)
                continue
            if text in ("(", "(@"):
                depth += 1
            elif text == ")":
                depth -= 1
            elif text == '"':
                raise self.error("unclosed string", pos)
            elif text[0] == '"':
                unescape(self, text[1:-1], pos)
            elif not text.startswith(";;") and _ILLEGAL.search(text):
                raise self.error("illegal character", pos)
            pos = found.end()
        return pos


_SIMPLE: Final = {"t": 9, "n": 10, "r": 13, '"': 34, "'": 39, "\\": 92}
_HEX: Final = "0123456789abcdefABCDEF"


def string_bytes(tokens: Tokens, text: str, offset: int) -> bytes:
    """The bytes that a string token stands for."""
    if "\\" not in text:
        return text.encode("utf-8", "surrogatepass")
    out = bytearray()
    pos = 0
    while pos < len(text):
        slash = text.find("\\", pos)
        if slash < 0:
            out += text[pos:].encode("utf-8", "surrogatepass")
            break
        out += text[pos:slash].encode("utf-8", "surrogatepass")
        char = text[slash + 1]
        if char in _SIMPLE:
            out.append(_SIMPLE[char])
            pos = slash + 2
        elif char == "u":
            close = text.find("}", slash)
            digits = text[slash + 3 : close].replace("_", "") if text[slash + 2] == "{" else ""
            if close < 0 or not digits or any(d not in _HEX for d in digits):
                raise tokens.error("unknown operator: malformed unicode escape", offset)
            code = int(digits, 16)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise tokens.error("unknown operator: unicode escape out of range", offset)
            out += chr(code).encode()
            pos = close + 1
        else:
            pair = text[slash + 1 : slash + 3]
            if len(pair) != 2 or pair[0] not in _HEX or pair[1] not in _HEX:
                raise tokens.error("unknown operator: malformed string escape", offset)
            out.append(int(pair, 16))
            pos = slash + 3
    return bytes(out)


def unescape(tokens: Tokens, text: str, offset: int) -> str:
    """A string token as a name. Raises TextError when it is not UTF-8."""
    data = string_bytes(tokens, text, offset)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise tokens.error("malformed UTF-8 encoding", offset) from None
