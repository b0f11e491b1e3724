"""FileCheck: does a text contain what the comments of a test file say?

Directives, one a comment: `check:` matches after the last match, `sameln:` on the same line,
`nextln:` on the next, `unordered:` anywhere after the last ordered match; `not:` must not match
between its neighbours; `regex: NAME=...` defines a variable. Patterns are literal text but for
`$NAME`, `$(NAME)`, `$(NAME=regex)`, `$(NAME=$OTHER)`, `$(=regex)`, `$()` (nothing) and `$$`.
A pattern that begins or ends with a letter or digit does so at the edge of a word. Source: the
`filecheck` crate of the Bytecode Alliance.
"""

from __future__ import annotations

import re
from typing import Final

from grus.base.errors import GrusError

_DIRECTIVE: Final = re.compile(r"\b(check|sameln|nextln|unordered|not|regex):\s+(.*)")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class FileCheckError(GrusError):
    """A text does not match, or a directive makes no sense."""


class _Directive:
    __slots__ = ("kind", "pattern")

    def __init__(self, kind: str, pattern: str) -> None:
        self.kind = kind
        self.pattern = pattern


class Checker:
    """The directives found in comments."""

    __slots__ = ("_directives", "_offsets", "_variables")

    def __init__(self, comments: list[str]) -> None:
        self._directives: list[_Directive] = []
        self._variables: dict[str, str] = {}  # name: regular expression
        self._offsets: dict[str, int] = {}  # where a variable was matched
        for comment in comments:
            match = _DIRECTIVE.search(comment)
            if match:
                self._directives.append(_Directive(match[1], match[2].strip()))

    def check(self, text: str) -> None:
        """Raise FileCheckError at the first directive that `text` does not fulfil."""
        self._variables = {}
        self._offsets = {}
        ordered = 0  # end of the last ordered match
        furthest = 0  # end of the furthest match
        nots: list[tuple[int, re.Pattern[str], str]] = []
        for directive in self._directives:
            kind = directive.kind
            if kind == "regex":
                name, _, expression = directive.pattern.partition("=")
                if not _NAME.fullmatch(name):
                    raise FileCheckError(f"invalid variable in regex: {directive.pattern}")
                self._variables[name] = f"(?:{expression})"
                self._offsets[name] = 0
                continue
            pattern, used = self._compile(directive.pattern)
            after_definitions = max([ordered, *[self._offsets[name] for name in used]])
            if kind == "not":
                nots.append((after_definitions, pattern, directive.pattern))
                continue
            begin, end = furthest, len(text)
            if kind == "sameln":
                end = _next_line(text, furthest)
            elif kind == "nextln":
                begin = _next_line(text, furthest)
                end = _next_line(text, begin)
            elif kind == "unordered":
                begin = after_definitions
            # A slice, so that ^ and $ mean what they mean there.
            match = pattern.search(text[begin:end])
            if match is None:
                raise FileCheckError(
                    f"{kind}: {directive.pattern}\nnot found in:\n{text[begin:end]}"
                )
            for name, value in match.groupdict().items():
                self._variables[name] = re.escape(value or "")
                self._offsets[name] = begin + match.end()
            furthest = max(furthest, begin + match.end())
            if kind != "unordered":
                furthest = ordered = begin + match.end()
                _check_nots(nots, text, begin + match.start())
                nots = []
        _check_nots(nots, text, len(text))

    def _compile(self, pattern: str) -> tuple[re.Pattern[str], list[str]]:
        """The expression of a pattern, and the variables that it uses."""
        out = ""
        used: list[str] = []
        at = 0
        while at < len(pattern):
            dollar = pattern.find("$", at)
            if dollar != at:
                end = dollar if dollar >= 0 else len(pattern)
                out += _literal(pattern, at, end)
                at = end
                continue
            name = _NAME.match(pattern, at + 1)
            if pattern.startswith("$$", at):
                out += r"\$"
                at += 2
            elif name:
                out += self._variable(name[0], used)
                at = name.end()
            elif pattern.startswith("$(", at):
                end = _closing(pattern, at + 2)
                out += self._definition(pattern[at + 2 : end], used)
                at = end + 1
            else:
                raise FileCheckError(f"pattern syntax error, use $$ for $: {pattern}")
        try:
            return re.compile(out, re.MULTILINE), used
        except (re.error, OverflowError, RecursionError) as error:
            raise FileCheckError(f"bad pattern {pattern}: {error}") from None

    def _definition(self, inner: str, used: list[str]) -> str:
        """What stands between `$(` and `)`."""
        name, equals, expression = inner.partition("=")
        if name and not _NAME.fullmatch(name):
            raise FileCheckError(f"syntax error in $({inner})")
        if not equals:
            return self._variable(name, used) if name else ""
        if expression.startswith("$"):
            expression = self._variable(expression[1:], used)
        return f"(?P<{name}>{expression})" if name else f"(?:{expression})"

    def _variable(self, name: str, used: list[str]) -> str:
        if name not in self._variables:
            raise FileCheckError(f"undefined variable ${name}")
        used.append(name)
        return self._variables[name]


def _literal(pattern: str, begin: int, end: int) -> str:
    text = pattern[begin:end]
    before = r"\b" if begin == 0 and text[0].isalnum() else ""
    after = r"\b" if end == len(pattern) and text[-1].isalnum() else ""
    return before + re.escape(text) + after


def _closing(pattern: str, at: int) -> int:
    """The parenthesis that closes `$(`; those inside an expression are balanced."""
    depth = 0
    in_set = False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif in_set:
            in_set = char != "]"
        elif char == "[":
            in_set = True
        elif char == "(":
            depth += 1
        elif char == ")":
            if depth == 0:
                return at
            depth -= 1
        at += 1
    raise FileCheckError(f"missing ')' in {pattern}")


def _check_nots(nots: list[tuple[int, re.Pattern[str], str]], text: str, end: int) -> None:
    for begin, pattern, source in nots:
        if pattern.search(text[begin:end]):
            raise FileCheckError(f"not: {source}\nbut it is in:\n{text[begin:end]}")


def _next_line(text: str, at: int) -> int:
    newline = text.find("\n", at)
    return newline + 1 if newline >= 0 else len(text)
