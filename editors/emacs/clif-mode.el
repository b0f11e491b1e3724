;;; clif-mode.el --- Major mode for CLIF, the IR of Cranelift  -*- lexical-binding: t; -*-

;; Made by tools/gen_editors.py from grus/highlight.py: do not edit.

;;; Code:

(defvar clif-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?\; "<" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?_ "w" table)
    (modify-syntax-entry ?\" "\"" table)
    (dolist (char '(?% ?@ ?+ ?- ?* ?= ?< ?> ?! ?. ?:))
      (modify-syntax-entry char "." table))
    table)
  "Syntax table of `clif-mode'.")

(defvar clif-font-lock-keywords
  `(
    ("^\\(?:test\\|set\\|target\\|feature\\)\\_>" . 'font-lock-preprocessor-face)  ; command
    ("\\_<function\\_>" . 'font-lock-keyword-face)  ; function
    ("%[A-Za-z0-9_]*\\|\\_<u[0-9]+:[0-9]+\\_>\\|\\_<userextname[0-9]+\\_>" . 'font-lock-function-name-face)  ; name
    ("@[0-9a-fA-F]+" . 'font-lock-preprocessor-face)  ; location
    ("\\_<block[0-9]+\\_>" . 'font-lock-constant-face)  ; block
    ("\\_<\\(?:v\\|ret\\|exn\\)[0-9]+\\_>" . 'font-lock-variable-name-face)  ; value
    ("\\_<\\(?:ss\\|dss\\|gv\\|sig\\|fn\\|const\\|region\\|tag\\)[0-9]+\\_>" . 'font-lock-constant-face)  ; entity
    ;; opcode
    (,(regexp-opt '("jump" "brif" "br_table" "debugtrap" "trap" "trapz" "trapnz" "return" "call" "call_indirect" "return_call" "return_call_indirect" "func_addr" "try_call" "try_call_indirect" "splat" "swizzle" "x86_pshufb" "insertlane" "extractlane" "smin" "umin" "smax" "umax" "avg_round" "uadd_sat" "sadd_sat" "usub_sat" "ssub_sat" "load" "store" "uload8" "sload8" "istore8" "uload16" "sload16" "istore16" "uload32" "sload32" "istore32" "uload8x8" "sload8x8" "uload16x4" "sload16x4" "uload32x2" "sload32x2" "stack_addr" "dynamic_stack_addr" "symbol_value" "tls_value" "stack_switch" "get_pinned_reg" "set_pinned_reg" "get_frame_pointer" "get_stack_pointer" "get_return_address" "get_exception_handler_address" "iconst" "f16const" "f32const" "f64const" "f128const" "vconst" "shuffle" "nop" "select" "select_spectre_guard" "bitselect" "blendv" "vany_true" "vall_true" "vhigh_bits" "icmp" "iadd" "isub" "ineg" "iabs" "imul" "umulhi" "smulhi" "sqmul_round_sat" "x86_pmulhrsw" "udiv" "sdiv" "urem" "srem" "sadd_overflow_cin" "uadd_overflow_cin" "uadd_overflow" "sadd_overflow" "usub_overflow" "ssub_overflow" "umul_overflow" "smul_overflow" "uadd_overflow_trap" "ssub_overflow_bin" "usub_overflow_bin" "band" "bor" "bxor" "bnot" "rotl" "rotr" "ishl" "ushr" "sshr" "bitrev" "clz" "cls" "ctz" "bswap" "popcnt" "fcmp" "fadd" "fsub" "fmul" "fdiv" "sqrt" "fma" "fneg" "fabs" "fcopysign" "fmin" "fmax" "ceil" "floor" "trunc" "nearest" "bitcast" "scalar_to_vector" "bmask" "ireduce" "snarrow" "unarrow" "uunarrow" "swiden_low" "swiden_high" "uwiden_low" "uwiden_high" "iadd_pairwise" "x86_pmaddubsw" "uextend" "sextend" "fpromote" "fdemote" "fvdemote" "fvpromote_low" "fcvt_to_uint" "fcvt_to_sint" "fcvt_to_uint_sat" "fcvt_to_sint_sat" "x86_cvtt2dq" "fcvt_from_uint" "fcvt_from_sint" "isplit" "iconcat" "atomic_rmw" "atomic_cas" "atomic_load" "atomic_store" "fence" "extract_vector" "sequence_point") 'symbols)
     . 'font-lock-builtin-face)
    ;; type
    (,(regexp-opt '("i8" "i8x2" "i8x2xN" "i8x4" "i8x4xN" "i8x8" "i8x8xN" "i8x16" "i8x16xN" "i8x32" "i8x32xN" "i8x64" "i8x64xN" "i8x128" "i8x128xN" "i8x256" "i8x256xN" "i16" "i16x2" "i16x2xN" "i16x4" "i16x4xN" "i16x8" "i16x8xN" "i16x16" "i16x16xN" "i16x32" "i16x32xN" "i16x64" "i16x64xN" "i16x128" "i16x128xN" "i16x256" "i16x256xN" "i32" "i32x2" "i32x2xN" "i32x4" "i32x4xN" "i32x8" "i32x8xN" "i32x16" "i32x16xN" "i32x32" "i32x32xN" "i32x64" "i32x64xN" "i32x128" "i32x128xN" "i32x256" "i32x256xN" "i64" "i64x2" "i64x2xN" "i64x4" "i64x4xN" "i64x8" "i64x8xN" "i64x16" "i64x16xN" "i64x32" "i64x32xN" "i64x64" "i64x64xN" "i64x128" "i64x128xN" "i64x256" "i64x256xN" "i128" "i128x2" "i128x2xN" "i128x4" "i128x4xN" "i128x8" "i128x8xN" "i128x16" "i128x16xN" "i128x32" "i128x32xN" "i128x64" "i128x64xN" "i128x128" "i128x128xN" "i128x256" "i128x256xN" "f16" "f16x2" "f16x2xN" "f16x4" "f16x4xN" "f16x8" "f16x8xN" "f16x16" "f16x16xN" "f16x32" "f16x32xN" "f16x64" "f16x64xN" "f16x128" "f16x128xN" "f16x256" "f16x256xN" "f32" "f32x2" "f32x2xN" "f32x4" "f32x4xN" "f32x8" "f32x8xN" "f32x16" "f32x16xN" "f32x32" "f32x32xN" "f32x64" "f32x64xN" "f32x128" "f32x128xN" "f32x256" "f32x256xN" "f64" "f64x2" "f64x2xN" "f64x4" "f64x4xN" "f64x8" "f64x8xN" "f64x16" "f64x16xN" "f64x32" "f64x32xN" "f64x64" "f64x64xN" "f64x128" "f64x128xN" "f64x256" "f64x256xN" "f128" "f128x2" "f128x2xN" "f128x4" "f128x4xN" "f128x8" "f128x8xN" "f128x16" "f128x16xN" "f128x32" "f128x32xN" "f128x64" "f128x64xN" "f128x128" "f128x128xN" "f128x256" "f128x256xN") 'symbols)
     . 'font-lock-type-face)
    ("\\_<dt[0-9]+\\_>" . 'font-lock-type-face)  ; dynamic type
    ;; condition
    (,(regexp-opt '("eq" "ne" "slt" "sge" "sgt" "sle" "ult" "uge" "ugt" "ule" "ord" "uno" "one" "ueq" "lt" "le" "gt" "ge" "add" "sub" "and" "nand" "or" "xor" "xchg" "umin" "umax" "smin" "smax") 'symbols)
     . 'font-lock-builtin-face)
    ;; attribute
    (,(regexp-opt '("notrap" "aligned" "readonly" "can_move" "little" "big" "colocated" "patchable" "tls" "cold" "uext" "sext" "sret" "vmctx" "sarg" "normal" "align" "key" "default" "context" "stack_map" "stack_limit" "explicit_slot" "explicit_dynamic_slot" "symbol" "iadd_imm" "dyn_scale_target_const" "fast" "tail" "system_v" "windows_fastcall" "apple_aarch64" "probestack" "winch" "preserve_all" "stk_ovf" "int_ovf" "heap_oob" "int_divz" "bad_toint") 'symbols)
     . 'font-lock-preprocessor-face)
    ("\\_<user[0-9]+\\_>" . 'font-lock-preprocessor-face)  ; trap code
    ("[+-]?\\_<s?NaN\\(?::0x[0-9a-fA-F]+\\_>\\|\\_>\\)\\|[+-]?\\_<Inf\\_>" . 'font-lock-constant-face)  ; special number
    ("[+-]?\\_<0x[0-9a-fA-F_]*[.][0-9a-fA-F_]*\\(?:p[+-]?[0-9]+\\)?\\|[+-]?\\_<0x[0-9a-fA-F_]+p[+-]?[0-9]+\\_>\\|[+-]?\\_<[0-9][0-9_]*[.][0-9_]*\\(?:[eE][+-]?[0-9]+\\)?" . 'font-lock-constant-face)  ; float
    ("[+-]?\\_<0x[0-9a-fA-F_]+\\_>" . 'font-lock-constant-face)  ; hexadecimal
    ("[+-]?\\_<[0-9][0-9_]*\\_>" . 'font-lock-constant-face)  ; integer
    )
  "Faces of tokens for `clif-mode'.")

(defun clif-indent-line ()
  "Indent: labels and braces at the margin, all else by four columns."
  (interactive)
  (let ((column (save-excursion
                  (beginning-of-line)
                  (if (looking-at
                       "[ \t]*\\(?:function\\|block[0-9]+[^;\n]*:\\|}\\|;\\)")
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
  (setq-local comment-start-skip ";+[ \t]*")
  (setq-local indent-line-function #'clif-indent-line)
  (setq-local imenu-generic-expression '((nil "^function +\\([^ (]+\\)" 1))))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.clif\\'" . clif-mode))

(provide 'clif-mode)
;;; clif-mode.el ends here
