" Made by tools/gen_editors.py from grus/highlight.py: do not edit.
autocmd BufRead,BufNewFile *.clif setfiletype clif
