" Made by tools/gen_editors.py from grus/highlight.py: do not edit.
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1
setlocal comments=:; commentstring=;\ %s shiftwidth=4 expandtab
let b:undo_ftplugin = 'setlocal comments< commentstring< shiftwidth< expandtab<'
