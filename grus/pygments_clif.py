"""A Pygments lexer for CLIF: `pygmentize -l clif f.clif`, Sphinx and MkDocs find it by its entry
point."""

from __future__ import annotations

from typing import Any

from pygments.lexer import RegexLexer
from pygments.token import Token, Whitespace

from grus.highlight import CLASSES


def _rules() -> list[tuple[str, Any]]:
    rules: list[tuple[str, Any]] = [(r"\s+", Whitespace)]
    for row in CLASSES:
        token = Token
        for part in row.pygments.split("."):
            token = getattr(token, part)
        rules.append((row.pattern, token))
    return rules


class ClifLexer(RegexLexer):
    """Cranelift IR in text form."""

    name = "CLIF"
    aliases = ["clif", "cranelift"]
    filenames = ["*.clif"]
    mimetypes = ["text/x-clif"]
    url = "https://cranelift.dev"
    tokens = {"root": _rules()}

    @staticmethod
    def analyse_text(text: str) -> float:
        """How much this looks like CLIF, from 0 to 1."""
        if "block0" in text and "function " in text:
            return 0.9
        return 0.0
