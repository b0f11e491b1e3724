"""Classes of the tokens of CLIF, for highlighting: one row each, first match wins.

Read by the Pygments lexer (`pygments_clif.py`), the notebook displays and `tools/gen_editors.py`,
which writes the grammars of VS Code, Vim and Emacs under `editors/`. Opcodes, types and the other
words come from the tables that the parser reads.

Patterns are written in what all these understand: literal characters, sets in brackets, `(?:|)`,
`? * +`, `^` and `$` for lines, and `\\b` for the border of a word. Brackets in sets are not
understood by all.
"""

from __future__ import annotations

from typing import Final

from grus.ir import opcodes as ops
from grus.ir import types as T
from grus.ir.function import CALL_CONVS


class TokenClass:
    """A row: a pattern, or words, and the names that others have for such tokens.

    `pygments` is a token type, `scope` a TextMate scope, `vim` a highlight group, `emacs` the end
    of the name of a face.
    """

    __slots__ = ("emacs", "name", "pattern", "pygments", "scope", "vim", "words")

    def __init__(
        self,
        name: str,
        match: str | tuple[str, ...],
        pygments: str,
        scope: str,
        vim: str,
        emacs: str,
    ) -> None:
        self.name = name
        self.words: tuple[str, ...] = () if isinstance(match, str) else tuple(dict.fromkeys(match))
        self.pattern = match if isinstance(match, str) else rf"\b(?:{'|'.join(self.words)})\b"
        self.pygments = pygments
        self.scope = scope
        self.vim = vim
        self.emacs = emacs


OPCODES: Final = tuple(row.name for row in ops.ROWS[ops.FIRST_REAL :])
TYPES: Final = tuple(T.BY_NAME)
_DIRECTIVES: Final = (
    *("run", "print", "check", "nextln", "sameln", "not", "unordered", "regex", "error", "grus"),
)
_CONDITIONS: Final = (*ops.INT_CC, *ops.FLOAT_CC, *ops.RMW_OPS)
_ATTRIBUTES: Final = (
    *("notrap", "aligned", "readonly", "can_move", "little", "big", "colocated", "patchable"),
    *("tls", "cold", "uext", "sext", "sret", "vmctx", "sarg", "normal", "align", "key"),
    *("default", "context", "stack_map", "stack_limit", "explicit_slot"),
    *("explicit_dynamic_slot", "symbol", "iadd_imm", "dyn_scale_target_const", *CALL_CONVS),
    *ops.TRAP_NAMES.values(),
)

# fmt: off
CLASSES: Final = (
    TokenClass("directive", rf";+[ \t]*(?:{'|'.join(_DIRECTIVES)})(?::[^\n]*)?$",
               "Comment.Special", "comment.line.semicolon.directive", "SpecialComment", "doc"),
    TokenClass("comment", r";[^\n]*",
               "Comment.Single", "comment.line.semicolon", "Comment", "comment"),
    TokenClass("string", r'"[^"\n]*"',
               "String.Double", "string.quoted.double", "String", "string"),
    TokenClass("command", r"^(?:test|set|target|feature)\b",
               "Keyword.Namespace", "keyword.control.directive", "PreProc", "preprocessor"),
    TokenClass("function", r"\bfunction\b",
               "Keyword.Declaration", "keyword.declaration.function", "Keyword", "keyword"),
    TokenClass("name", r"%[A-Za-z0-9_]*|\bu[0-9]+:[0-9]+\b|\buserextname[0-9]+\b",
               "Name.Function", "entity.name.function", "Function", "function-name"),
    TokenClass("location", r"@[0-9a-fA-F]+",
               "Name.Decorator", "constant.other.location", "Debug", "preprocessor"),
    TokenClass("block", r"\bblock[0-9]+\b",
               "Name.Label", "entity.name.label", "Label", "constant"),
    TokenClass("value", r"\b(?:v|ret|exn)[0-9]+\b",
               "Name.Variable", "variable.other", "Identifier", "variable-name"),
    TokenClass("entity", r"\b(?:ss|dss|gv|sig|fn|const|region|tag)[0-9]+\b",
               "Name.Constant", "variable.other.constant", "Constant", "constant"),
    TokenClass("opcode", OPCODES,
               "Keyword", "keyword.operator.word", "Statement", "builtin"),
    TokenClass("type", TYPES,
               "Keyword.Type", "support.type", "Type", "type"),
    TokenClass("dynamic type", r"\bdt[0-9]+\b",
               "Keyword.Type", "support.type.dynamic", "Type", "type"),
    TokenClass("condition", _CONDITIONS,
               "Operator.Word", "keyword.operator.condition", "Operator", "builtin"),
    TokenClass("attribute", _ATTRIBUTES,
               "Name.Attribute", "storage.modifier", "StorageClass", "preprocessor"),
    TokenClass("trap code", r"\buser[0-9]+\b",
               "Name.Attribute", "storage.modifier.trap", "StorageClass", "preprocessor"),
    TokenClass("special number", r"[+-]?\bs?NaN(?::0x[0-9a-fA-F]+\b|\b)|[+-]?\bInf\b",
               "Number.Float", "constant.numeric.float", "Float", "constant"),
    TokenClass("float", r"[+-]?\b0x[0-9a-fA-F_]*[.][0-9a-fA-F_]*(?:p[+-]?[0-9]+)?|"
                        r"[+-]?\b0x[0-9a-fA-F_]+p[+-]?[0-9]+\b|"
                        r"[+-]?\b[0-9][0-9_]*[.][0-9_]*(?:[eE][+-]?[0-9]+)?",
               "Number.Float", "constant.numeric.float", "Float", "constant"),
    TokenClass("hexadecimal", r"[+-]?\b0x[0-9a-fA-F_]+\b",
               "Number.Hex", "constant.numeric.hex", "Number", "constant"),
    TokenClass("integer", r"[+-]?\b[0-9][0-9_]*\b",
               "Number.Integer", "constant.numeric.decimal", "Number", "constant"),
    TokenClass("word", r"\b[A-Za-z_][A-Za-z0-9_]*\b",
               "Name", "meta.word", "", ""),
    TokenClass("arrow", r"->",
               "Operator", "keyword.operator.arrow", "Operator", ""),
    TokenClass("operator", r"[=*+/<>!@-]",
               "Operator", "keyword.operator", "", ""),
    TokenClass("punctuation", r"\[|\]|[(){},:.]",
               "Punctuation", "punctuation", "", ""),
)
# fmt: on
"""Without a Vim group or an Emacs face: not highlighted there."""
