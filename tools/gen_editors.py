"""Write the grammars of editors from `grus/highlight.py`: `python -m tools.gen_editors [--check]`.

A pattern of the table is of a small language (see there); `TextMate` and Python read it as it is,
`vim` and `emacs` translate it sign by sign.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grus.highlight import CLASSES, TokenClass

ROOT = Path(__file__).parent.parent
EDITORS = ROOT / "editors"
MADE = "Made by tools/gen_editors.py from grus/highlight.py: do not edit."


# ---- patterns ----


def tokens(pattern: str) -> list[tuple[str, str]]:
    """A pattern as (kind, text): "set", "group", "end", "or", "times", "border", "line", "char"."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("(?:", at):
            found.append(("group", "(?:"))
            at += 3
        elif char == "[":
            end = pattern.index("]", at + (3 if pattern.startswith("[^", at) else 2))
            found.append(("set", pattern[at : end + 1]))
            at = end + 1
        elif char == "\\":
            escaped = pattern[at + 1]
            if escaped in "[]":
                found.append(("char", escaped))
            else:
                found.append(("border" if escaped == "b" else "char", "\\" + escaped))
            at += 2
        else:
            kinds = {")": "end", "|": "or", "?": "times", "*": "times", "+": "times"}
            kinds |= {"^": "line", "$": "line"}
            found.append((kinds.get(char, "char"), char))
            at += 1
    return found


def _borders(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each border as "begin" or "finish" of a word: what follows a border that begins is a word."""
    made: list[tuple[str, str]] = []
    for index, (kind, text) in enumerate(parts):
        if kind == "border":
            after = parts[index + 1] if index + 1 < len(parts) else ("end", "")
            word = after[0] in ("group", "set") or (after[0] == "char" and after[1].isalnum())
            made.append(("begin" if word else "finish", ""))
        else:
            made.append((kind, text))
    return made


def vim(pattern: str) -> str:
    """A pattern in Vim's very magic form."""
    signs = {"group": "%(", "end": ")", "or": "|", "begin": "<", "finish": ">"}
    out = r"\v"
    for kind, text in _borders(tokens(pattern)):
        if kind in signs:
            out += signs[kind]
        elif kind == "char" and not text[0].isalnum() and text[0] not in "_\\;\"' -":
            out += "\\" + text
        else:
            out += text
    return out


def emacs(pattern: str) -> str:
    """A pattern as the text between the quotes of an Emacs Lisp string."""
    signs = {"group": r"\(?:", "end": r"\)", "or": r"\|", "begin": r"\_<", "finish": r"\_>"}
    out = ""
    for kind, text in _borders(tokens(pattern)):
        text = signs.get(kind, text)
        if kind == "char" and text in (".", "*", "+", "?", "[", "^", "$"):
            text = "\\" + text
        if kind in ("set", "char") and "\\" in text and text[0] != "\\":
            text = text.replace(r"\n", "\n").replace(r"\t", "\t")
        out += text
    return out.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")


# ---- VS Code ----


def textmate() -> str:
    """The TextMate grammar, of VS Code and others."""
    patterns = [
        {"name": f"{row.scope}.clif", "match": row.pattern} for row in CLASSES if row.name != "word"
    ]
    # A word that has no other class is passed over whole.
    word = next(row for row in CLASSES if row.name == "word")
    patterns.insert(CLASSES.index(word), {"match": word.pattern})
    grammar = {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "comment": MADE,
        "name": "CLIF",
        "scopeName": "source.clif",
        "fileTypes": ["clif"],
        "patterns": patterns,
    }
    return json.dumps(grammar, indent=2) + "\n"


def package() -> str:
    """The manifest of the VS Code folder."""
    manifest = {
        "name": "clif",
        "displayName": "CLIF",
        "description": "Cranelift IR: highlighting, brackets, folding",
        "version": "0.1.0",
        "publisher": "grus",
        "license": "Apache-2.0 WITH LLVM-exception",
        "engines": {"vscode": "^1.75.0"},
        "categories": ["Programming Languages"],
        "contributes": {
            "languages": [
                {
                    "id": "clif",
                    "aliases": ["CLIF", "Cranelift IR"],
                    "extensions": [".clif"],
                    "configuration": "./language-configuration.json",
                }
            ],
            "grammars": [
                {
                    "language": "clif",
                    "scopeName": "source.clif",
                    "path": "./syntaxes/clif.tmLanguage.json",
                }
            ],
        },
    }
    return json.dumps(manifest, indent=2) + "\n"


def configuration() -> str:
    """Comments, brackets, words, indentation and folding for VS Code."""
    pairs = [["{", "}"], ["[", "]"], ["(", ")"]]
    rules = {
        "comments": {"lineComment": ";"},
        "brackets": pairs,
        "autoClosingPairs": [*pairs, ['"', '"']],
        "surroundingPairs": [*pairs, ['"', '"']],
        "wordPattern": "[%@]?[A-Za-z0-9_]+",
        "indentationRules": {
            "increaseIndentPattern": r"^\s*block[0-9]+[^;]*:",
            "decreaseIndentPattern": r"^\s*(?:block[0-9]+[^;]*:|\})",
        },
        "folding": {"markers": {"start": r"^function\b", "end": r"^\}"}},
    }
    return json.dumps(rules, indent=2) + "\n"


# ---- Vim ----


def _vim_name(row: TokenClass) -> str:
    return "clif" + "".join([part.capitalize() for part in row.name.split()])


def vim_syntax() -> str:
    """The syntax file of Vim."""
    lines = [f'" Vim syntax file. Language: CLIF. {MADE}', ""]
    lines += ["if exists('b:current_syntax')", "  finish", "endif", ""]
    lines += ["syntax case match", "syntax iskeyword @,48-57,_", ""]
    rows = [row for row in CLASSES if row.vim]
    for row in reversed(rows):  # of several matches at a place the last defined wins
        name = _vim_name(row)
        if row.words:
            for start in range(0, len(row.words), 8):
                lines.append(f"syntax keyword {name} {' '.join(row.words[start : start + 8])}")
        else:
            pattern = vim(row.pattern).replace("'", r"\'")
            lines.append(f"syntax match {name} '{pattern}'")
    lines.append("")
    lines += [f"highlight default link {_vim_name(row)} {row.vim}" for row in rows]
    return "\n".join([*lines, "", "let b:current_syntax = 'clif'", ""])


VIM_DETECT = f'" {MADE}\nautocmd BufRead,BufNewFile *.clif setfiletype clif\n'
VIM_PLUGIN = f"""\
" {MADE}
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1
setlocal comments=:; commentstring=;\\ %s shiftwidth=4 expandtab
let b:undo_ftplugin = 'setlocal comments< commentstring< shiftwidth< expandtab<'
"""

# ---- Emacs ----


def emacs_mode() -> str:
    """The major mode of Emacs."""
    lines: list[str] = []
    for row in CLASSES:
        if not row.emacs or row.name in ("comment", "directive", "string"):
            continue
        if row.words:
            words = " ".join([f'"{word}"' for word in row.words])
            lines.append(f"    ;; {row.name}")
            lines.append(f"    (,(regexp-opt '({words}) 'symbols)")
            lines.append(f"     . 'font-lock-{row.emacs}-face)")
        else:
            pattern = emacs(row.pattern)
            lines.append(f'    ("{pattern}" . \'font-lock-{row.emacs}-face)  ; {row.name}')
    return _EMACS.format(made=MADE, rules="\n".join(lines))


_EMACS = """\
;;; clif-mode.el --- Major mode for CLIF, the IR of Cranelift  -*- lexical-binding: t; -*-

;; {made}

;;; Code:

(defvar clif-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?\\; "<" table)
    (modify-syntax-entry ?\\n ">" table)
    (modify-syntax-entry ?_ "w" table)
    (modify-syntax-entry ?\\" "\\"" table)
    (dolist (char '(?% ?@ ?+ ?- ?* ?= ?< ?> ?! ?. ?:))
      (modify-syntax-entry char "." table))
    table)
  "Syntax table of `clif-mode'.")

(defvar clif-font-lock-keywords
  `(
{rules}
    )
  "Faces of tokens for `clif-mode'.")

(defun clif-indent-line ()
  "Indent: labels and braces at the margin, all else by four columns."
  (interactive)
  (let ((column (save-excursion
                  (beginning-of-line)
                  (if (looking-at
                       "[ \\t]*\\\\(?:function\\\\|block[0-9]+[^;\\n]*:\\\\|}}\\\\|;\\\\)")
                      0
                    (if (nth 1 (syntax-ppss)) 4 0)))))
    (if (<= (current-column) (current-indentation))
        (indent-line-to column)
      (save-excursion (indent-line-to column)))))

;;;###autoload
(define-derived-mode clif-mode prog-mode "CLIF"
  "Major mode for CLIF files."
  (setq-local font-lock-defaults '(clif-font-lock-keywords))
  (setq-local comment-start "; ")
  (setq-local comment-start-skip ";+[ \\t]*")
  (setq-local indent-line-function #'clif-indent-line)
  (setq-local imenu-generic-expression '((nil "^function +\\\\([^ (]+\\\\)" 1))))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\\\.clif\\\\'" . clif-mode))

(provide 'clif-mode)
;;; clif-mode.el ends here
"""


def files() -> dict[str, str]:
    """All files under `editors/` that are made, by name."""
    return {
        "vscode/package.json": package(),
        "vscode/language-configuration.json": configuration(),
        "vscode/syntaxes/clif.tmLanguage.json": textmate(),
        "vim/syntax/clif.vim": vim_syntax(),
        "vim/ftdetect/clif.vim": VIM_DETECT,
        "vim/ftplugin/clif.vim": VIM_PLUGIN,
        "emacs/clif-mode.el": emacs_mode(),
    }


def main() -> int:
    """Write the files; `--check` only compares. 1 when one is out of date."""
    status = 0
    for name, text in files().items():
        path = EDITORS / name
        if path.exists() and path.read_text() == text:
            continue
        if "--check" in sys.argv:
            print(f"{path.relative_to(ROOT)} is out of date: python -m tools.gen_editors")
            status = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
