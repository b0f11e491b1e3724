" Vim syntax file. Language: CLIF. Made by tools/gen_editors.py from grus/highlight.py: do not edit.

if exists('b:current_syntax')
  finish
endif

syntax case match
syntax iskeyword @,48-57,_

syntax match clifArrow '\v-\>'
syntax match clifInteger '\v[+-]?<[0-9][0-9_]*>'
syntax match clifHexadecimal '\v[+-]?<0x[0-9a-fA-F_]+>'
syntax match clifFloat '\v[+-]?<0x[0-9a-fA-F_]*[.][0-9a-fA-F_]*%(p[+-]?[0-9]+)?|[+-]?<0x[0-9a-fA-F_]+p[+-]?[0-9]+>|[+-]?<[0-9][0-9_]*[.][0-9_]*%([eE][+-]?[0-9]+)?'
syntax match clifSpecialNumber '\v[+-]?<s?NaN%(\:0x[0-9a-fA-F]+>|>)|[+-]?<Inf>'
syntax match clifTrapCode '\v<user[0-9]+>'
syntax keyword clifAttribute notrap aligned readonly can_move little big colocated patchable
syntax keyword clifAttribute tls cold uext sext sret vmctx sarg normal
syntax keyword clifAttribute align key default context stack_map stack_limit explicit_slot explicit_dynamic_slot
syntax keyword clifAttribute symbol iadd_imm dyn_scale_target_const fast tail system_v windows_fastcall apple_aarch64
syntax keyword clifAttribute probestack winch preserve_all stk_ovf int_ovf heap_oob int_divz bad_toint
syntax keyword clifCondition eq ne slt sge sgt sle ult uge
syntax keyword clifCondition ugt ule ord uno one ueq lt le
syntax keyword clifCondition gt ge add sub and nand or xor
syntax keyword clifCondition xchg umin umax smin smax
syntax match clifDynamicType '\v<dt[0-9]+>'
syntax keyword clifType i8 i8x2 i8x2xN i8x4 i8x4xN i8x8 i8x8xN i8x16
syntax keyword clifType i8x16xN i8x32 i8x32xN i8x64 i8x64xN i8x128 i8x128xN i8x256
syntax keyword clifType i8x256xN i16 i16x2 i16x2xN i16x4 i16x4xN i16x8 i16x8xN
syntax keyword clifType i16x16 i16x16xN i16x32 i16x32xN i16x64 i16x64xN i16x128 i16x128xN
syntax keyword clifType i16x256 i16x256xN i32 i32x2 i32x2xN i32x4 i32x4xN i32x8
syntax keyword clifType i32x8xN i32x16 i32x16xN i32x32 i32x32xN i32x64 i32x64xN i32x128
syntax keyword clifType i32x128xN i32x256 i32x256xN i64 i64x2 i64x2xN i64x4 i64x4xN
syntax keyword clifType i64x8 i64x8xN i64x16 i64x16xN i64x32 i64x32xN i64x64 i64x64xN
syntax keyword clifType i64x128 i64x128xN i64x256 i64x256xN i128 i128x2 i128x2xN i128x4
syntax keyword clifType i128x4xN i128x8 i128x8xN i128x16 i128x16xN i128x32 i128x32xN i128x64
syntax keyword clifType i128x64xN i128x128 i128x128xN i128x256 i128x256xN f16 f16x2 f16x2xN
syntax keyword clifType f16x4 f16x4xN f16x8 f16x8xN f16x16 f16x16xN f16x32 f16x32xN
syntax keyword clifType f16x64 f16x64xN f16x128 f16x128xN f16x256 f16x256xN f32 f32x2
syntax keyword clifType f32x2xN f32x4 f32x4xN f32x8 f32x8xN f32x16 f32x16xN f32x32
syntax keyword clifType f32x32xN f32x64 f32x64xN f32x128 f32x128xN f32x256 f32x256xN f64
syntax keyword clifType f64x2 f64x2xN f64x4 f64x4xN f64x8 f64x8xN f64x16 f64x16xN
syntax keyword clifType f64x32 f64x32xN f64x64 f64x64xN f64x128 f64x128xN f64x256 f64x256xN
syntax keyword clifType f128 f128x2 f128x2xN f128x4 f128x4xN f128x8 f128x8xN f128x16
syntax keyword clifType f128x16xN f128x32 f128x32xN f128x64 f128x64xN f128x128 f128x128xN f128x256
syntax keyword clifType f128x256xN
syntax keyword clifOpcode jump brif br_table debugtrap trap trapz trapnz return
syntax keyword clifOpcode call call_indirect return_call return_call_indirect func_addr try_call try_call_indirect splat
syntax keyword clifOpcode swizzle x86_pshufb insertlane extractlane smin umin smax umax
syntax keyword clifOpcode avg_round uadd_sat sadd_sat usub_sat ssub_sat load store uload8
syntax keyword clifOpcode sload8 istore8 uload16 sload16 istore16 uload32 sload32 istore32
syntax keyword clifOpcode uload8x8 sload8x8 uload16x4 sload16x4 uload32x2 sload32x2 stack_addr dynamic_stack_addr
syntax keyword clifOpcode symbol_value tls_value stack_switch get_pinned_reg set_pinned_reg get_frame_pointer get_stack_pointer get_return_address
syntax keyword clifOpcode get_exception_handler_address iconst f16const f32const f64const f128const vconst shuffle
syntax keyword clifOpcode nop select select_spectre_guard bitselect blendv vany_true vall_true vhigh_bits
syntax keyword clifOpcode icmp iadd isub ineg iabs imul umulhi smulhi
syntax keyword clifOpcode sqmul_round_sat x86_pmulhrsw udiv sdiv urem srem sadd_overflow_cin uadd_overflow_cin
syntax keyword clifOpcode uadd_overflow sadd_overflow usub_overflow ssub_overflow umul_overflow smul_overflow uadd_overflow_trap ssub_overflow_bin
syntax keyword clifOpcode usub_overflow_bin band bor bxor bnot rotl rotr ishl
syntax keyword clifOpcode ushr sshr bitrev clz cls ctz bswap popcnt
syntax keyword clifOpcode fcmp fadd fsub fmul fdiv sqrt fma fneg
syntax keyword clifOpcode fabs fcopysign fmin fmax ceil floor trunc nearest
syntax keyword clifOpcode bitcast scalar_to_vector bmask ireduce snarrow unarrow uunarrow swiden_low
syntax keyword clifOpcode swiden_high uwiden_low uwiden_high iadd_pairwise x86_pmaddubsw uextend sextend fpromote
syntax keyword clifOpcode fdemote fvdemote fvpromote_low fcvt_to_uint fcvt_to_sint fcvt_to_uint_sat fcvt_to_sint_sat x86_cvtt2dq
syntax keyword clifOpcode fcvt_from_uint fcvt_from_sint isplit iconcat atomic_rmw atomic_cas atomic_load atomic_store
syntax keyword clifOpcode fence extract_vector sequence_point
syntax match clifEntity '\v<%(ss|dss|gv|sig|fn|const|region|tag)[0-9]+>'
syntax match clifValue '\v<%(v|ret|exn)[0-9]+>'
syntax match clifBlock '\v<block[0-9]+>'
syntax match clifLocation '\v\@[0-9a-fA-F]+'
syntax match clifName '\v\%[A-Za-z0-9_]*|<u[0-9]+\:[0-9]+>|<userextname[0-9]+>'
syntax match clifFunction '\v<function>'
syntax match clifCommand '\v^%(test|set|target|feature)>'
syntax match clifString '\v"[^"\n]*"'
syntax match clifComment '\v;[^\n]*'
syntax match clifDirective '\v;+[ \t]*%(run|print|check|nextln|sameln|not|unordered|regex|error|grus)%(\:[^\n]*)?$'

highlight default link clifDirective SpecialComment
highlight default link clifComment Comment
highlight default link clifString String
highlight default link clifCommand PreProc
highlight default link clifFunction Keyword
highlight default link clifName Function
highlight default link clifLocation Debug
highlight default link clifBlock Label
highlight default link clifValue Identifier
highlight default link clifEntity Constant
highlight default link clifOpcode Statement
highlight default link clifType Type
highlight default link clifDynamicType Type
highlight default link clifCondition Operator
highlight default link clifAttribute StorageClass
highlight default link clifTrapCode StorageClass
highlight default link clifSpecialNumber Float
highlight default link clifFloat Float
highlight default link clifHexadecimal Number
highlight default link clifInteger Number
highlight default link clifArrow Operator

let b:current_syntax = 'clif'
